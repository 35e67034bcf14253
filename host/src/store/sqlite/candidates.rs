//! Versions on trial, begun and ended in the transaction of a decision.

use jiff::Timestamp;
use rusqlite::{Row, Transaction};

use crate::model::error::{Code, Error, Result};
use crate::store::control::{Candidate, Ended, OnTrial};
use crate::store::sqlite::columns::{from_json, moment_of, to_json};
use crate::store::sqlite::database::Database;

/// Those that have ended and are shown, of one table.
const ENDED_SHOWN: u32 = 50;

const CANDIDATE: &str = "SELECT table_name, digest, mode, percent, expected, begun_at, begun_by, ended, ended_at, \
                         ended_by, found FROM _turntable_candidates";

impl Database {
    /// Those under way, of all tables.
    pub(crate) fn on_trial(&self) -> Result<Vec<Candidate>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(&format!("{CANDIDATE} WHERE ended IS NULL ORDER BY id"))?;
            let mut rows = select.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(candidate(row)?);
            }
            Ok(found)
        })
    }

    /// Those of a table that have ended, the last first.
    pub(crate) fn trials_ended(&self, table: &str) -> Result<Vec<Candidate>> {
        self.reading(|moment| {
            let text = format!("{CANDIDATE} WHERE table_name = ? AND ended IS NOT NULL ORDER BY id DESC LIMIT ?");
            let mut select = moment.prepare_cached(&text)?;
            let mut rows = select.query((table, ENDED_SHOWN))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(candidate(row)?);
            }
            Ok(found)
        })
    }

    /// How often each version was stopped as a canary, by digest.
    pub(crate) fn times_stopped(&self) -> Result<Vec<(String, u32)>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(
                "SELECT digest, count(*) FROM _turntable_candidates WHERE ended = 'stopped' GROUP BY digest",
            )?;
            let found = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }
}

/// In place of the one under way, if there is one.
pub(super) fn begin(transaction: &Transaction<'_>, now: Timestamp, on_trial: &OnTrial, actor: &str) -> Result<()> {
    let OnTrial { table, digest, mode, percent, expected, begun_at, found } = on_trial;
    end(transaction, now, std::slice::from_ref(table), "replaced", found.as_ref(), actor)?;
    transaction.execute(
        "INSERT INTO _turntable_candidates (table_name, digest, mode, percent, expected, begun_at, begun_by) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        (table, digest, mode, percent, to_json(expected)?, begun_at.as_microsecond(), actor),
    )?;
    Ok(())
}

/// Those under way of tables; none is no error.
pub(super) fn end(
    transaction: &Transaction<'_>,
    now: Timestamp,
    tables: &[String],
    how: &str,
    found: Option<&serde_json::Value>,
    actor: &str,
) -> Result<()> {
    let mut update = transaction.prepare_cached(
        "UPDATE _turntable_candidates SET ended = ?, ended_at = ?, ended_by = ?, found = ? \
         WHERE table_name = ? AND ended IS NULL",
    )?;
    let found = found.map(to_json).transpose()?;
    for table in tables {
        update.execute((how, now.as_microsecond(), actor, &found, table))?;
    }
    Ok(())
}

/// What comes into force for tables ends what is on trial for them, whatever it is; with what was found of it.
pub(super) fn come_into_force(
    transaction: &Transaction<'_>,
    now: Timestamp,
    tables: &[String],
    digest: &str,
    (found, actor): (Option<&serde_json::Value>, &str),
) -> Result<()> {
    transaction.execute(
        "UPDATE _turntable_candidates SET ended = 'promoted', ended_at = ?, ended_by = ?, found = ? \
         WHERE digest = ? AND ended IS NULL",
        (now.as_microsecond(), actor, found.map(to_json).transpose()?, digest),
    )?;
    end(transaction, now, tables, "superseded", found, actor)
}

fn candidate(row: &Row<'_>) -> Result<Candidate> {
    let lost = || Error::new(Code::Store, "the database holds a trial that has ended without a word of how");
    let ended = match row.get::<_, Option<String>>(7)? {
        None => None,
        Some(how) => Some(Ended {
            how,
            at: moment_of(row.get::<_, Option<i64>>(8)?.ok_or_else(lost)?)?,
            by: row.get::<_, Option<String>>(9)?.ok_or_else(lost)?,
            found: row.get::<_, Option<String>>(10)?.map(|found| from_json(&found)).transpose()?,
        }),
    };
    Ok(Candidate {
        table: row.get(0)?,
        digest: row.get(1)?,
        mode: row.get(2)?,
        percent: row.get(3)?,
        expected: from_json(&row.get::<_, String>(4)?)?,
        begun_at: moment_of(row.get(5)?)?,
        begun_by: row.get(6)?,
        ended,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::control::{Act, Decision, Mapping};

    fn act(action: &'static str) -> Act {
        Act { actor: "ada".into(), action, table: None, detail: json!({}) }
    }

    fn put(store: &Database, digest: &str) {
        let mapping = Mapping {
            digest: digest.into(),
            name: "encounter".into(),
            version: "1.0.0".into(),
            tables: json!([]),
            report: json!({}),
            uploaded_at: Timestamp::UNIX_EPOCH,
            uploaded_by: String::new(),
        };
        let keep = Decision::Keep { mapping: Box::new(mapping), component: None };
        store.decide(&[(keep, act("mapping.put"))]).unwrap();
    }

    #[test]
    fn a_table_has_one_version_on_trial_which_ends_with_the_one_in_force() {
        let store = Database::temporary().unwrap();
        ["one", "two", "three"].iter().for_each(|digest| put(&store, digest));
        let table = || "encounter".to_owned();
        let begin = |digest: &str, mode: &str| {
            let (digest, mode, found) = (digest.to_owned(), mode.to_owned(), Some(json!({ "rows": 1 })));
            let (expected, begun_at) = (json!(["x"]), Timestamp::UNIX_EPOCH);
            let on_trial = OnTrial { table: table(), digest, mode, percent: 10, expected, begun_at, found };
            store.decide(&[(Decision::Try(on_trial), act("mapping.canary"))])
        };
        let activate = |digest: &str| {
            let activate = Decision::Activate { tables: vec![table()], digest: digest.into() };
            store.decide(&[(activate, act("mapping.activate"))]).unwrap();
        };
        let under_way = || store.on_trial().unwrap().into_iter().map(|one| (one.digest, one.mode)).collect::<Vec<_>>();
        let ended = || {
            let all = store.trials_ended("encounter").unwrap();
            all.into_iter().map(|one| (one.digest, one.ended.unwrap().how)).collect::<Vec<_>>()
        };
        activate("one");
        assert!(begin("none", "shadow").is_err());
        begin("two", "shadow").unwrap();
        begin("two", "canary").unwrap();
        assert_eq!(under_way(), [("two".to_owned(), "canary".to_owned())]);
        assert_eq!(ended(), [("two".to_owned(), "replaced".to_owned())]);
        let replaced = store.trials_ended("encounter").unwrap().remove(0);
        assert_eq!((replaced.percent, &replaced.expected), (10, &json!(["x"])));
        assert_eq!(replaced.ended.unwrap().found, Some(json!({ "rows": 1 })));
        activate("two");
        assert_eq!(under_way(), []);
        assert_eq!(ended()[0], ("two".to_owned(), "promoted".to_owned()));
        begin("three", "canary").unwrap();
        let back = Decision::GoBack { tables: vec![table()] };
        store.decide(&[(back, act("mapping.rollback"))]).unwrap();
        assert_eq!((under_way(), ended()[0].1.as_str()), (vec![], "superseded"));
        begin("three", "canary").unwrap();
        let stop = Decision::EndTrial { table: table(), how: "stopped", found: None };
        store.decide(&[(stop, act("mapping.stop"))]).unwrap();
        assert_eq!(store.times_stopped().unwrap(), [("three".to_owned(), 1)]);
        // One on trial is kept at any age.
        begin("three", "shadow").unwrap();
        assert_eq!(store.prune_mappings("encounter", 0, &act("mapping.prune")).unwrap(), ["two"]);
        let deactivate = Decision::Deactivate { tables: vec![table()] };
        store.decide(&[(deactivate, act("mapping.deactivate"))]).unwrap();
        assert_eq!(under_way(), []);
    }
}
