//! Decisions of administrators, each in one transaction with its entry of the audit trail.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction};

use crate::model::audit::Deed;
use crate::model::error::{Code, Error, Result};
use crate::model::table::Route;
use crate::store::control::{Act, Activation, Decision, Mapping};
use crate::store::sqlite::columns::{from_json, moment_of, to_json};
use crate::store::sqlite::database::Database;
use crate::store::sqlite::{candidates, chain};
use crate::telemetry::context;

/// Decisions.
impl Database {
    /// All of them, in their order, or none.
    pub(crate) fn decide(&self, decisions: &[(Decision, Act)]) -> Result<()> {
        self.writing(|transaction| decisions.iter().try_for_each(|(decision, act)| decide(transaction, decision, act)))
    }

    /// Puts the bytes of a known mapping here, if they are not yet.
    pub(crate) fn keep_component(&self, digest: &str, component: &[u8]) -> Result<()> {
        self.writing(|transaction| {
            transaction.execute(
                "UPDATE _turntable_mappings SET component = ? WHERE digest = ? AND component = x''",
                (component, digest),
            )?;
            Ok(())
        })
    }

    /// Forgets the oldest versions of a mapping beyond `keep`, and as many that are being written, but none that is active, or was when
    /// its tables were deactivated; they can no longer be rolled back to. Gives their digests.
    pub(crate) fn prune_mappings(&self, name: &str, keep: usize, act: &Act) -> Result<Vec<String>> {
        self.writing(|transaction| {
            let mut delete = transaction.prepare_cached(&format!(
                "DELETE FROM _turntable_mappings WHERE digest IN (\
                   SELECT digest FROM _turntable_mappings WHERE name = ?1 AND {DEVELOPMENT} = ?3 \
                   ORDER BY uploaded_at DESC, rowid DESC LIMIT -1 OFFSET ?2) \
                 AND digest NOT IN (SELECT digest FROM ({ACTIVE})) \
                 AND digest NOT IN (SELECT digest FROM ({WITHDRAWN})) \
                 AND digest NOT IN (SELECT digest FROM _turntable_candidates WHERE ended IS NULL) RETURNING digest"
            ))?;
            let keep = i64::try_from(keep).unwrap_or(i64::MAX);
            let mut forgotten = Vec::new();
            for development in [false, true] {
                let gone = delete.query_map((name, keep, development), |row| row.get::<_, String>(0))?;
                forgotten.extend(gone.collect::<Result<Vec<_>, _>>()?);
            }
            if !forgotten.is_empty() {
                write_event(transaction, Timestamp::now(), act)?;
            }
            Ok(forgotten)
        })
    }
}

/// Mappings.
impl Database {
    /// All mappings, the newest first.
    pub(crate) fn mappings(&self) -> Result<Vec<Mapping>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(&format!("{MAPPING} ORDER BY uploaded_at DESC, rowid DESC"))?;
            let mut rows = select.query([])?;
            let mut mappings = Vec::new();
            while let Some(row) = rows.next()? {
                mappings.push(mapping(row)?);
            }
            Ok(mappings)
        })
    }

    pub(crate) fn mapping(&self, digest: &str) -> Result<Option<Mapping>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(&format!("{MAPPING} WHERE digest = ?"))?;
            let found = select.query_row([digest], |row| Ok(mapping(row))).optional()?;
            found.transpose()
        })
    }

    /// The bytes of a mapping's component; None where it is not known, or carried by the program itself.
    pub(crate) fn component(&self, digest: &str) -> Result<Option<Vec<u8>>> {
        self.reading(|moment| {
            let mut select = moment
                .prepare_cached("SELECT component FROM _turntable_mappings WHERE digest = ? AND component <> x''")?;
            Ok(select.query_row([digest], |row| row.get(0)).optional()?)
        })
    }

    /// Digest of the active mapping by table.
    pub(crate) fn active(&self) -> Result<BTreeMap<String, String>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(ACTIVE)?;
            let active = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(active.collect::<Result<_, _>>()?)
        })
    }

    /// Of every table the digests of the active version, of the one before, to which a rollback goes, and of the one that
    /// was put in force last: where that was taken back, it is likely to return.
    pub(crate) fn likely(&self) -> Result<Vec<String>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(
                "SELECT DISTINCT digest FROM (SELECT digest, \
                   row_number() OVER (PARTITION BY table_name ORDER BY id DESC) AS place \
                   FROM _turntable_activations WHERE rolled_back = 0) WHERE place <= 2 \
                 UNION SELECT digest FROM _turntable_activations \
                   WHERE id IN (SELECT max(id) FROM _turntable_activations GROUP BY table_name)",
            )?;
            let found = select.query_map([], |row| row.get(0))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// By table, the digest of what was active last, where that was deactivated.
    pub(crate) fn withdrawn(&self) -> Result<BTreeMap<String, String>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(WITHDRAWN)?;
            let withdrawn = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(withdrawn.collect::<Result<_, _>>()?)
        })
    }

    /// What has been active for a table, the latest first.
    pub(crate) fn activations(&self, table: &str) -> Result<Vec<Activation>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(
                "SELECT digest, activated_at, activated_by, rolled_back FROM _turntable_activations \
                 WHERE table_name = ? ORDER BY id DESC",
            )?;
            let mut rows = select.query([table])?;
            let mut activations = Vec::new();
            while let Some(row) = rows.next()? {
                activations.push(Activation {
                    digest: row.get(0)?,
                    activated_at: moment_of(row.get(1)?)?,
                    activated_by: row.get(2)?,
                    rolled_back: row.get(3)?,
                });
            }
            Ok(activations)
        })
    }
}

/// Routes and settings.
impl Database {
    /// The route of every table for which one was set.
    pub(crate) fn routes(&self) -> Result<BTreeMap<String, Route>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached("SELECT table_name, route FROM _turntable_routes")?;
            let mut rows = select.query([])?;
            let mut routes = BTreeMap::new();
            while let Some(row) = rows.next()? {
                routes.insert(row.get(0)?, from_json(&row.get::<_, String>(1)?)?);
            }
            Ok(routes)
        })
    }

    pub(crate) fn setting(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached("SELECT value FROM _turntable_settings WHERE name = ?")?;
            Ok(select.query_row([name], |row| row.get(0)).optional()?)
        })
    }

    pub(crate) fn put_setting(&self, name: &str, value: &[u8]) -> Result<()> {
        self.writing(|transaction| put_setting(transaction, name, value))
    }

    /// The setting, or what `made` is, which is then kept: for secrets that every start must find again.
    pub(crate) fn setting_or(&self, name: &str, made: &[u8]) -> Result<Vec<u8>> {
        if let Some(value) = self.setting(name)? {
            return Ok(value);
        }
        self.writing(|transaction| {
            transaction.execute(
                "INSERT INTO _turntable_settings (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (name, made),
            )?;
            // Another start at the same time may have been faster: its value holds.
            let mut select = transaction.prepare("SELECT value FROM _turntable_settings WHERE name = ?")?;
            Ok(select.query_row([name], |row| row.get(0))?)
        })
    }
}

const MAPPING: &str = "SELECT digest, name, version, tables, report, uploaded_at, uploaded_by FROM _turntable_mappings";

/// SQLite takes `digest` from the row that has the largest id.
const ACTIVE: &str = "SELECT table_name, digest, max(id) FROM _turntable_activations WHERE rolled_back = 0 \
                      GROUP BY table_name";

/// Whether a mapping was loaded while it was being written, as its report says.
const DEVELOPMENT: &str = "coalesce(json_extract(report, '$.development'), 0)";

/// Tables that had something in force and have nothing now: a rollback leaves something.
const WITHDRAWN: &str = "SELECT table_name, digest, max(id) FROM _turntable_activations \
                         GROUP BY table_name HAVING sum(rolled_back) = count(*)";

fn mapping(row: &Row<'_>) -> Result<Mapping> {
    Ok(Mapping {
        digest: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        tables: from_json(&row.get::<_, String>(3)?)?,
        report: from_json(&row.get::<_, String>(4)?)?,
        uploaded_at: moment_of(row.get(5)?)?,
        uploaded_by: row.get(6)?,
    })
}

/// A decision with its event.
pub(crate) fn decide(transaction: &Transaction<'_>, decision: &Decision, act: &Act) -> Result<()> {
    let now = Timestamp::now();
    match decision {
        Decision::Keep { mapping, component } => {
            if !keep(transaction, now, mapping, component.as_deref(), &act.actor)? {
                return Ok(());
            }
        }
        Decision::KeepReport { digest, report } => {
            let mut update =
                transaction.prepare_cached("UPDATE _turntable_mappings SET report = ? WHERE digest = ?")?;
            update.execute((to_json(report)?, digest))?;
        }
        Decision::Forget { digest } => {
            transaction.execute("DELETE FROM _turntable_mappings WHERE digest = ?", [digest])?;
        }
        Decision::Activate { tables, digest } => {
            activate(transaction, now, tables, digest, &act.actor)?;
            candidates::come_into_force(transaction, now, tables, digest, (act.detail.get("found"), &act.actor))?;
        }
        Decision::GoBack { tables } => {
            tables.iter().try_for_each(|table| go_back(transaction, table))?;
            candidates::end(transaction, now, tables, "superseded", act.detail.get("found"), &act.actor)?;
        }
        Decision::Deactivate { tables } => {
            deactivate(transaction, tables)?;
            candidates::end(transaction, now, tables, "superseded", None, &act.actor)?;
        }
        Decision::Try(on_trial) => candidates::begin(transaction, now, on_trial, &act.actor)?,
        Decision::EndTrial { table, how, found } => {
            candidates::end(transaction, now, std::slice::from_ref(table), how, found.as_ref(), &act.actor)?;
        }
        Decision::Turn { tables, route } => {
            tables.iter().try_for_each(|table| write_route(transaction, now, table, route, &act.actor))?;
        }
        Decision::Nothing => {}
        Decision::KeepSetting { name, value } => put_setting(transaction, name, value)?,
    }
    write_event(transaction, now, act)
}

fn go_back(transaction: &Transaction<'_>, table: &str) -> Result<()> {
    let mut last_two = transaction.prepare_cached(
        "SELECT id FROM _turntable_activations WHERE table_name = ? AND rolled_back = 0 ORDER BY id DESC LIMIT 2",
    )?;
    let last = last_two.query_map([table], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let [undone, _] = last.as_slice() else {
        return Err(Error::new(Code::Conflict, "the table has no earlier version to go back to")
            .target(table)
            .hint("activate a version by its digest instead"));
    };
    transaction.execute("UPDATE _turntable_activations SET rolled_back = 1 WHERE id = ?", [undone])?;
    Ok(())
}

fn put_setting(transaction: &Transaction<'_>, name: &str, value: &[u8]) -> Result<()> {
    transaction.execute(
        "INSERT INTO _turntable_settings (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (name, value),
    )?;
    Ok(())
}

/// Whether it was not known.
fn keep(
    transaction: &Transaction<'_>,
    now: Timestamp,
    mapping: &Mapping,
    component: Option<&[u8]>,
    actor: &str,
) -> Result<bool> {
    let (tables, report) = (to_json(&mapping.tables)?, to_json(&mapping.report)?);
    let mut insert = transaction.prepare_cached(
        "INSERT INTO _turntable_mappings (digest, name, version, tables, report, uploaded_at, uploaded_by, component) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )?;
    let inserted = insert.execute((
        &mapping.digest,
        &mapping.name,
        &mapping.version,
        tables,
        report,
        now.as_microsecond(),
        actor,
        // No component is empty.
        component.unwrap_or_default(),
    ))?;
    Ok(inserted > 0)
}

fn activate(transaction: &Transaction<'_>, now: Timestamp, tables: &[String], digest: &str, actor: &str) -> Result<()> {
    let known: i64 =
        transaction
            .query_row("SELECT count(*) FROM _turntable_mappings WHERE digest = ?", [digest], |row| row.get(0))?;
    if known == 0 {
        return Err(Error::new(Code::MappingMissing, "there is no mapping of this digest")
            .target("digest")
            .hint("upload it first: POST /admin/v1/mappings"));
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO _turntable_activations (table_name, digest, activated_at, activated_by) VALUES (?, ?, ?, ?)",
    )?;
    // What is being written is no version to go back to.
    let mut leave = transaction.prepare_cached(&format!(
        "UPDATE _turntable_activations SET rolled_back = 1 WHERE table_name = ? AND rolled_back = 0 \
         AND digest IN (SELECT digest FROM _turntable_mappings WHERE {DEVELOPMENT})"
    ))?;
    for table in tables {
        leave.execute([table])?;
        insert.execute((table, digest, now.as_microsecond(), actor))?;
    }
    Ok(())
}

fn deactivate(transaction: &Transaction<'_>, tables: &[String]) -> Result<()> {
    let mut undo = transaction
        .prepare_cached("UPDATE _turntable_activations SET rolled_back = 1 WHERE table_name = ? AND rolled_back = 0")?;
    for table in tables {
        undo.execute([table])?;
    }
    Ok(())
}

fn write_route(transaction: &Transaction<'_>, now: Timestamp, table: &str, route: &Route, actor: &str) -> Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO _turntable_routes (table_name, route, set_at, set_by) VALUES (?, ?, ?, ?) \
         ON CONFLICT DO UPDATE SET route = excluded.route, set_at = excluded.set_at, set_by = excluded.set_by",
    )?;
    insert.execute((table, to_json(route)?, now.as_microsecond(), actor))?;
    Ok(())
}

fn write_event(transaction: &Transaction<'_>, now: Timestamp, act: &Act) -> Result<()> {
    let deed = Deed {
        at: now,
        actor: act.actor.clone(),
        action: act.action.to_owned(),
        table: act.table.clone(),
        request: context::name(),
        outcome: None,
        detail: act.detail.clone(),
        is_decision: true,
    };
    chain::append(transaction, [deed])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::audit::Entry;
    use crate::store::control::EventsAsked;

    fn act(action: &'static str, table: Option<&str>) -> Act {
        Act { actor: "ada".into(), action, table: table.map(str::to_owned), detail: json!({ "n": 1 }) }
    }

    fn decide(store: &Database, decision: Decision, action: &'static str, table: Option<&str>) -> Result<()> {
        store.decide(&[(decision, act(action, table))])
    }

    fn asked(after: u64, before: u64, limit: u32) -> EventsAsked {
        EventsAsked { after, before, limit, ..EventsAsked::all() }
    }

    fn events(store: &Database, asked: &EventsAsked) -> Vec<Entry> {
        store.events(asked).unwrap().into_iter().map(|(entry, _)| entry).collect()
    }

    fn put(store: &Database, digest: &str, component: Option<&[u8]>) {
        put_with(store, digest, component, json!({ "checks": [] }));
    }

    fn put_with(store: &Database, digest: &str, component: Option<&[u8]>, report: serde_json::Value) {
        let mapping = Mapping {
            digest: digest.into(),
            name: "encounter".into(),
            version: "1.0.0".into(),
            tables: json!([{ "name": "msemr_encounter" }]),
            report,
            uploaded_at: Timestamp::UNIX_EPOCH,
            uploaded_by: String::new(),
        };
        let keep = Decision::Keep { mapping: Box::new(mapping), component: component.map(<[u8]>::to_vec) };
        decide(store, keep, "mapping.put", None).unwrap();
    }

    #[test]
    fn mappings_are_kept_once_and_activated_and_rolled_back() {
        let store = Database::temporary().unwrap();
        for digest in ["one", "two", "three"] {
            put(&store, digest, Some(digest.as_bytes()));
            put(&store, digest, Some(b"other bytes"));
        }
        assert_eq!(events(&store, &asked(0, u64::MAX, 10)).len(), 3, "nothing happened the second time");
        assert_eq!(store.component("two").unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(store.component("four").unwrap(), None);
        let found = store.mapping("two").unwrap().unwrap();
        assert_eq!((found.uploaded_by.as_str(), &found.report), ("ada", &json!({ "checks": [] })));
        assert!(found.uploaded_at > Timestamp::UNIX_EPOCH);
        let digests: Vec<_> = store.mappings().unwrap().into_iter().map(|m| m.digest).collect();
        assert_eq!(digests, ["three", "two", "one"]);

        let tables = ["encounter".to_owned(), "participant".to_owned()];
        let activate = |digest: &str| {
            let activate = Decision::Activate { tables: tables.to_vec(), digest: digest.into() };
            decide(&store, activate, "mapping.activate", None)
        };
        let rollback = || {
            decide(&store, Decision::GoBack { tables: tables.to_vec() }, "mapping.rollback", None)?;
            Ok::<_, Error>(store.active().unwrap()["encounter"].clone())
        };
        let active = || store.active().unwrap().get("participant").cloned();
        assert_eq!(activate("four").unwrap_err().code(), Code::MappingMissing);
        assert_eq!(active(), None);
        activate("one").unwrap();
        assert_eq!(rollback().unwrap_err().code(), Code::Conflict);
        activate("two").unwrap();
        activate("three").unwrap();
        assert_eq!(active().as_deref(), Some("three"));
        assert_eq!(rollback().unwrap(), "two");
        assert_eq!(rollback().unwrap(), "one");
        assert_eq!(active().as_deref(), Some("one"));
        activate("three").unwrap();
        assert_eq!(rollback().unwrap(), "one", "not what was rolled back before");
        let history = store.activations("encounter").unwrap();
        let history: Vec<_> = history.iter().map(|a| (a.digest.as_str(), a.rolled_back)).collect();
        assert_eq!(history, [("three", true), ("three", true), ("two", true), ("one", false)]);

        assert_eq!(store.prune_mappings("encounter", 1, &act("mapping.prune", None)).unwrap(), ["two"]);
        assert_eq!(active().as_deref(), Some("one"), "an active one is kept at any age");
        put(&store, "shipped", None);
        assert!(store.mapping("shipped").unwrap().is_some());
        assert_eq!(store.component("shipped").unwrap(), None, "the program has it");
        for bytes in ["first", "second"] {
            store.keep_component("shipped", bytes.as_bytes()).unwrap();
            assert_eq!(store.component("shipped").unwrap().as_deref(), Some(&b"first"[..]), "and then the store");
        }
        store.keep_component("unknown", b"of no mapping").unwrap();
        assert_eq!(store.component("unknown").unwrap(), None);
    }

    #[test]
    fn what_is_being_written_takes_no_place_of_a_release() {
        let store = Database::temporary().unwrap();
        let tables = || vec!["encounter".to_owned()];
        let activate = |digest: &str| {
            let decision = Decision::Activate { tables: tables(), digest: digest.into() };
            decide(&store, decision, "mapping.activate", None).unwrap();
        };
        let prune = || store.prune_mappings("encounter", 2, &act("mapping.prune", None)).unwrap();
        put(&store, "one", None);
        put(&store, "two", None);
        activate("one");
        activate("two");
        for number in 0..5 {
            let digest = format!("d{number}");
            put_with(&store, &digest, None, json!({ "checks": [], "development": true }));
            activate(&digest);
            prune();
        }
        let kept = |store: &Database| store.mappings().unwrap().into_iter().map(|one| one.digest).collect::<Vec<_>>();
        assert_eq!(kept(&store), ["d4", "d3", "two", "one"]);
        assert_eq!(
            store.likely().unwrap().into_iter().collect::<std::collections::BTreeSet<_>>(),
            std::collections::BTreeSet::from(["d4".into(), "two".into()])
        );
        decide(&store, Decision::GoBack { tables: tables() }, "mapping.rollback", None).unwrap();
        assert_eq!(store.active().unwrap()["encounter"], "two", "the release before them");
        // A release in its place leads back to the one before, too.
        activate("d4");
        put(&store, "three", None);
        activate("three");
        decide(&store, Decision::GoBack { tables: tables() }, "mapping.rollback", None).unwrap();
        assert_eq!(store.active().unwrap()["encounter"], "two");
    }

    #[test]
    fn what_is_deactivated_stays_so_until_something_is_activated() {
        let store = Database::temporary().unwrap();
        let tables = || vec!["encounter".to_owned()];
        let activate = |digest: &str| Decision::Activate { tables: tables(), digest: digest.into() };
        let deactivate = || decide(&store, Decision::Deactivate { tables: tables() }, "mapping.deactivate", None);
        for digest in ["one", "two", "three"] {
            put(&store, digest, None);
        }
        decide(&store, activate("one"), "mapping.activate", None).unwrap();
        decide(&store, activate("two"), "mapping.activate", None).unwrap();
        assert_eq!(store.withdrawn().unwrap(), BTreeMap::new());
        deactivate().unwrap();
        assert_eq!(store.active().unwrap(), BTreeMap::new());
        assert_eq!(store.withdrawn().unwrap(), BTreeMap::from([("encounter".to_owned(), "two".to_owned())]));
        let back = decide(&store, Decision::GoBack { tables: tables() }, "x", None);
        assert_eq!(back.unwrap_err().code(), Code::Conflict);
        // Its version is what brings it back.
        assert_eq!(store.prune_mappings("encounter", 0, &act("mapping.prune", None)).unwrap().len(), 2);
        assert!(store.mapping("two").unwrap().is_some());
        decide(&store, activate("two"), "mapping.activate", None).unwrap();
        assert_eq!(store.withdrawn().unwrap(), BTreeMap::new());
        assert_eq!(store.active().unwrap()["encounter"], "two");
        assert_eq!(events(&store, &asked(0, u64::MAX, 1))[0].deed.action, "mapping.activate");
    }

    #[test]
    fn routes_change_together_with_their_event_or_not_at_all() {
        let store = Database::temporary().unwrap();
        let main = Route::Virtual { source: "main".into() };
        let turn = |tables: &[&str], route: &Route| Decision::Turn {
            tables: tables.iter().map(|table| (*table).to_owned()).collect(),
            route: route.clone(),
        };
        let about = || act("route.set", Some("encounter"));
        let both =
            [(turn(&["encounter", "participant"], &main), about()), (turn(&["encounter"], &Route::Native), about())];
        store.decide(&both).unwrap();
        let unknown = Decision::Activate { tables: vec!["contact".into()], digest: "unknown".into() };
        let refused = store.decide(&[(turn(&["contact"], &main), act("start", None)), (unknown, act("x", None))]);
        assert_eq!(refused.unwrap_err().code(), Code::MappingMissing);
        let routes = store.routes().unwrap();
        assert!(!routes.contains_key("contact"), "all or none");
        assert_eq!(routes["encounter"], Route::Native);
        assert_eq!(routes["participant"], main);
        let mut all = events(&store, &asked(0, u64::MAX, 100));
        all.reverse();
        let seen: Vec<_> = all.iter().map(|e| (e.id, e.deed.action.as_str(), e.deed.table.as_deref())).collect();
        assert_eq!(seen, [(1, "route.set", Some("encounter")), (2, "route.set", Some("encounter"))]);
        assert_eq!(all[0].deed.detail, json!({ "n": 1 }));
        let ids = |asked: EventsAsked| events(&store, &asked).iter().map(|e| e.id).collect::<Vec<_>>();
        let last = all.len() as u64;
        assert_eq!(ids(asked(0, u64::MAX, 1)), [last]);
        assert_eq!((ids(asked(0, 3, 9)), ids(asked(1, 3, 9))), (vec![2, 1], vec![2]));
        let of = |table: Option<&str>, actor: Option<&str>| EventsAsked {
            table: table.map(str::to_owned),
            actor: actor.map(str::to_owned),
            ..asked(0, u64::MAX, 9)
        };
        assert_eq!(
            (ids(of(Some("encounter"), Some("ada"))), ids(of(Some("encounter"), None))),
            (vec![2, 1], vec![2, 1])
        );
        assert_eq!((ids(of(Some("contact"), None)), ids(of(None, Some("eve")))), (vec![], vec![]));
    }

    #[test]
    fn events_cannot_be_changed() {
        let store = Database::temporary().unwrap();
        put(&store, "one", None);
        for statement in ["DELETE FROM _turntable_events", "UPDATE _turntable_events SET actor = 'eve'"] {
            let tried = store.writing(|transaction| Ok(transaction.execute(statement, [])?));
            assert_eq!(tried.unwrap_err().code(), Code::Store);
        }
        assert_eq!(events(&store, &asked(0, u64::MAX, 10))[0].deed.actor, "ada");
    }

    #[test]
    fn a_secret_is_made_once() {
        let store = Database::temporary().unwrap();
        assert_eq!(store.setting_or("page-token", &[1]).unwrap(), [1]);
        assert_eq!(store.setting_or("page-token", &[2]).unwrap(), [1]);
    }
}
