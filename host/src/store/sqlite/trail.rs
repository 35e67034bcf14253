//! The audit trail: written behind requests, read, held against its seals, cut at its old end.

use std::collections::VecDeque;

use jiff::Timestamp;
use rusqlite::types::Value;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::audit::{Broken, Deed, Entry, Seal, hex};
use crate::model::error::{Code, Error, Result};
use crate::store::control::{EVENTS_MAX, EventsAsked, Kept, Verified};
use crate::store::sqlite::chain::{self, COLUMNS, integer};
use crate::store::sqlite::database::Database;

/// Entries that are looked at or taken away at once.
const AT_ONCE: u32 = 5_000;

/// Where the days of the trail are kept.
const DAYS: &str = "audit-days";

/// In microseconds.
const A_DAY: u64 = 24 * 60 * 60 * 1_000_000;

/// The days by which entries age. One is over once the clock stands a day away from where it began, whichever way: by what
/// it says of each entry, one that is set wrong for a moment would take away years of them.
#[derive(Debug, Deserialize, Serialize)]
struct Days {
    /// Microseconds of the clock.
    began: i64,
    /// The last entry of each that is over, the oldest first.
    ends: VecDeque<u64>,
}

impl Days {
    /// The last entry that so many days have passed since; 0 where there is none.
    fn old(&self, days: u32) -> u64 {
        let passed = self.ends.len().checked_sub(days as usize + 1);
        passed.and_then(|at| self.ends.get(at)).copied().unwrap_or(0)
    }
}

impl Database {
    /// Puts what requests have left behind the last entry.
    pub(crate) fn note(&self, deeds: &[Deed]) -> Result<()> {
        self.writing(|transaction| chain::append(transaction, deeds.iter().cloned()))
    }

    /// Entries, the newest first.
    pub(crate) fn events(&self, asked: &EventsAsked) -> Result<Vec<(Entry, Seal)>> {
        let mut conditions = vec!["id > ? AND id < ?"];
        let mut values = vec![Value::Integer(integer(asked.after)), Value::Integer(integer(asked.before))];
        for (condition, value) in [
            ("table_name = ?", &asked.table),
            ("actor = ?", &asked.actor),
            ("request = ?", &asked.request),
            ("action = ?", &asked.action),
            // A key stands in it in quotes, and nothing else in it looks like one.
            ("instr(detail, ?) > 0", &asked.key),
        ] {
            if let Some(value) = value {
                conditions.push(condition);
                values.push(Value::Text(value.clone()));
            }
        }
        match asked.decisions {
            Some(true) => conditions.push("is_decision"),
            Some(false) => conditions.push("NOT is_decision"),
            None => {}
        }
        values.push(Value::Integer(asked.limit.min(EVENTS_MAX + 1).into()));
        let conditions = conditions.join(" AND ");
        let select = format!("SELECT {COLUMNS} FROM _turntable_events WHERE {conditions} ORDER BY id DESC LIMIT ?");
        self.entries(&select, values)
    }

    /// Entries behind one, the oldest first, each with the seal before it and its own.
    pub(crate) fn events_from(&self, after: u64, limit: u32) -> Result<Vec<Kept>> {
        self.reading(|moment| {
            let begin = chain::cut(moment)?;
            let mut before = match after > begin.id {
                true => {
                    let mut seal = moment.prepare_cached("SELECT seal FROM _turntable_events WHERE id = ?")?;
                    let mut rows = seal.query([integer(after)])?;
                    match rows.next()? {
                        Some(row) => row.get::<_, Vec<u8>>(0)?.try_into().unwrap_or(begin.seal),
                        // Behind the end there is nothing.
                        None => return Ok(Vec::new()),
                    }
                }
                false => begin.seal,
            };
            let mut select = moment
                .prepare_cached(&format!("SELECT {COLUMNS} FROM _turntable_events WHERE id > ? ORDER BY id LIMIT ?"))?;
            let mut rows = select.query((integer(after), limit.min(EVENTS_MAX)))?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let (entry, seal) = chain::entry(row)?;
                all.push(Kept { entry, before, seal });
                before = seal;
            }
            Ok(all)
        })
    }

    /// Holds every entry against its seal. Some at a time: entries come in meanwhile.
    pub(crate) fn verify_events(&self) -> Result<Verified> {
        let begin = self.reading(chain::cut)?;
        let mut verified = Verified { from: begin.id + 1, to: begin.id, seal: begin.seal, broken: None };
        let (mut chain, mut at_once) = (begin, AT_ONCE);
        loop {
            let select = format!("SELECT {COLUMNS} FROM _turntable_events WHERE id > ? ORDER BY id LIMIT ?");
            let values = vec![Value::Integer(integer(chain.id)), Value::Integer(at_once.into())];
            let some = match self.entries(&select, values) {
                Ok(some) => some,
                // What cannot be read was not written so. Which one it is, they say one by one.
                Err(error) if error.code() == Code::Store && at_once > 1 => {
                    at_once = 1;
                    continue;
                }
                Err(error) if error.code() == Code::Store => {
                    verified.broken = Some(Broken::Changed(chain.id + 1));
                    return Ok(verified);
                }
                Err(error) => return Err(error),
            };
            if some.is_empty() {
                return Ok(verified);
            }
            for (entry, seal) in &some {
                if let Err(broken) = chain.check(entry, seal) {
                    verified.broken = Some(broken);
                    return Ok(verified);
                }
            }
            (verified.to, verified.seal) = (chain.id, chain.seal);
        }
    }

    /// Takes away entries of days before the last so many, and those beyond so many, from the oldest on, some at a time. Whether there
    /// may be more. What has gone, the trail itself says.
    pub(crate) fn cut_events(&self, most: u64, days: u32, now: Timestamp) -> Result<bool> {
        let (begin, end) = self.reading(|moment| Ok((chain::cut(moment)?, chain::end(moment)?)))?;
        let old = self.days(begin.id, end.id, now)?.old(days);
        // The last stays, so that the next knows where it belongs.
        let last = end.id.saturating_sub(1).min(begin.id + u64::from(AT_ONCE));
        let until = end.id.saturating_sub(most).max(old).min(last);
        let gone: Option<(i64, Vec<u8>)> = self.reading(|moment| {
            let mut find = moment.prepare_cached(
                "SELECT id, seal FROM _turntable_events WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1",
            )?;
            let mut rows = find.query((integer(begin.id), integer(until)))?;
            let row = rows.next()?;
            Ok(row.map(|row| Ok::<_, rusqlite::Error>((row.get(0)?, row.get(1)?))).transpose()?)
        })?;
        let Some((id, seal)) = gone else { return Ok(false) };
        self.writing(|transaction| {
            transaction.execute("UPDATE _turntable_events_cut SET id = ?, seal = ?", (id, &seal))?;
            transaction.execute("DELETE FROM _turntable_events WHERE id <= ?", [id])?;
            let deed = Deed {
                at: Timestamp::now(),
                actor: "server".to_owned(),
                action: "audit.cut".to_owned(),
                table: None,
                request: None,
                outcome: None,
                detail: json!({ "upTo": id, "seal": hex(&seal) }),
                is_decision: false,
            };
            chain::append(transaction, [deed])
        })?;
        Ok(integer(last) == id)
    }

    /// The days of the trail, of which the last is over if it is.
    fn days(&self, begin: u64, end: u64, now: Timestamp) -> Result<Days> {
        let kept = self.setting(DAYS)?.and_then(|kept| serde_json::from_slice::<Days>(&kept).ok());
        let is_kept = kept.is_some();
        let mut days = kept.unwrap_or(Days { began: now.as_microsecond(), ends: VecDeque::new() });
        let is_over = now.as_microsecond().abs_diff(days.began) >= A_DAY;
        if is_over {
            days.ends.retain(|&end| end > begin);
            days.ends.push_back(end);
            days.began = now.as_microsecond();
        }
        if is_over || !is_kept {
            let kept = serde_json::to_vec(&days).map_err(|error| {
                Error::new(Code::Internal, "the days of the audit trail cannot be kept").internal(error.to_string())
            })?;
            self.put_setting(DAYS, &kept)?;
        }
        Ok(days)
    }

    /// The action of the last entry.
    pub(crate) fn last_event(&self) -> Result<Option<String>> {
        let asked = EventsAsked { limit: 1, ..EventsAsked::all() };
        Ok(self.events(&asked)?.pop().map(|(entry, _)| entry.deed.action))
    }

    fn entries(&self, select: &str, values: Vec<Value>) -> Result<Vec<(Entry, Seal)>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(select)?;
            let mut rows = select.query(rusqlite::params_from_iter(values))?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(chain::entry(row)?);
            }
            Ok(all)
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn deed(n: u64) -> Deed {
        Deed {
            at: Timestamp::from_second(1_000 + i64::try_from(n).unwrap()).unwrap(),
            actor: format!("key:{}", n % 2),
            action: if n.is_multiple_of(3) { "route.set".to_owned() } else { "rows.read".to_owned() },
            table: (!n.is_multiple_of(4)).then(|| "contact".to_owned()),
            request: Some(format!("r{n}")),
            outcome: None,
            detail: json!({ "rows": n, "keys": [format!("k{n}")] }),
            is_decision: n.is_multiple_of(3),
        }
    }

    fn with(count: u64) -> Database {
        let store = Database::temporary().unwrap();
        store.note(&(1..=count).map(deed).collect::<Vec<_>>()).unwrap();
        store
    }

    #[test]
    fn entries_are_chosen_and_come_back_as_they_were() {
        let store = with(12);
        let ids = |change: &dyn Fn(&mut EventsAsked)| {
            let mut asked = EventsAsked { limit: 100, ..EventsAsked::all() };
            change(&mut asked);
            store.events(&asked).unwrap().into_iter().map(|(entry, _)| entry.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(&|asked| asked.limit = 2), [12, 11]);
        assert_eq!(ids(&|asked| (asked.after, asked.before) = (3, 6)), [5, 4]);
        assert_eq!(ids(&|asked| asked.decisions = Some(true)), [12, 9, 6, 3]);
        assert_eq!(ids(&|asked| (asked.decisions, asked.before) = (Some(false), 5)), [4, 2, 1]);
        assert_eq!(ids(&|asked| (asked.actor, asked.after) = (Some("key:1".to_owned()), 8)), [11, 9]);
        assert_eq!(ids(&|asked| (asked.table, asked.after) = (Some("contact".to_owned()), 8)), [11, 10, 9]);
        assert_eq!(ids(&|asked| asked.action = Some("route.set".to_owned())), [12, 9, 6, 3]);
        assert_eq!(ids(&|asked| asked.request = Some("r7".to_owned())), [7]);
        assert_eq!(ids(&|asked| asked.key = Some("\"k1\"".to_owned())), [1]);
        let all = store.events_from(10, 10).unwrap();
        assert_eq!(all.iter().map(|kept| kept.entry.deed.clone()).collect::<Vec<_>>(), [deed(11), deed(12)]);
        assert_eq!(all[0].seal, all[1].before);
        assert_eq!(store.events_from(0, 1).unwrap()[0].before, [0; 32]);
        assert_eq!(store.events_from(12, 10).unwrap().len() + store.events_from(99, 10).unwrap().len(), 0);
        let lines = all.iter().map(|kept| Entry::of_line(&kept.entry.line(&kept.before, &kept.seal)).unwrap());
        assert!(lines.zip(&all).all(|(line, kept)| line == (kept.entry.clone(), kept.before, kept.seal)));
    }

    #[test]
    fn what_somebody_changes_in_the_file_is_found_and_named() {
        let check = |statement: &str, expected: Option<Broken>| {
            let store = with(9);
            store
                .writing(|transaction| {
                    transaction
                        .execute_batch("DROP TRIGGER _turntable_events_stay; DROP TRIGGER _turntable_events_remain;")?;
                    Ok(transaction.execute_batch(statement)?)
                })
                .unwrap();
            let verified = store.verify_events().unwrap();
            assert_eq!(verified.broken, expected, "{statement}");
        };
        check("", None);
        check("UPDATE _turntable_events SET actor = 'eve' WHERE id = 4", Some(Broken::Changed(4)));
        check("UPDATE _turntable_events SET at = at + 1 WHERE id = 1", Some(Broken::Changed(1)));
        check("UPDATE _turntable_events SET detail = '{' WHERE id = 2", Some(Broken::Changed(2)));
        check("UPDATE _turntable_events SET seal = NULL WHERE id = 2", Some(Broken::Changed(2)));
        check("DELETE FROM _turntable_events WHERE id = 7", Some(Broken::Missing(7)));
        check("DELETE FROM _turntable_events WHERE id <= 2", Some(Broken::Missing(1)));
        check(
            "UPDATE _turntable_events_cut SET id = 1; DELETE FROM _turntable_events WHERE id = 1",
            Some(Broken::Changed(2)),
        );
    }

    #[test]
    fn old_entries_go_and_the_rest_is_still_a_chain() {
        let store = with(20);
        let now = Timestamp::now();
        assert!(store.cut_events(100, 1, now).is_ok_and(|more| !more), "none is too old, whatever its time");
        assert!(!store.cut_events(15, 1, now).unwrap());
        let ids = || store.events_from(0, 100).unwrap().iter().map(|kept| kept.entry.id).collect::<Vec<_>>();
        assert_eq!(ids(), (6..=21).collect::<Vec<_>>());
        let last = store.events(&EventsAsked { limit: 1, ..EventsAsked::all() }).unwrap().remove(0).0;
        assert_eq!((last.deed.action.as_str(), &last.deed.detail["upTo"]), ("audit.cut", &json!(5)));
        let whole = store.verify_events().unwrap();
        assert_eq!((whole.from, whole.to, whole.broken), (6, 21, None));
        let day = |days: i64| now + SignedDuration::from_hours(24 * days);
        store.cut_events(100, 1, day(1)).unwrap();
        assert_eq!(ids().len(), 16, "what is a day old stays");
        store.cut_events(100, 1, day(2)).unwrap();
        assert_eq!(ids(), [21, 22], "the last stays, and what says so");
        assert_eq!(store.verify_events().unwrap().broken, None);
        // Nothing else can be taken away.
        let taken = store.writing(|transaction| Ok(transaction.execute("DELETE FROM _turntable_events", [])?));
        assert_eq!(taken.unwrap_err().code(), Code::Store);
        assert_eq!(ids(), [21, 22]);
    }

    #[test]
    fn a_clock_that_jumps_ages_the_trail_by_a_day() {
        let store = with(20);
        let now = Timestamp::now();
        for (jumps, at) in [now, Timestamp::MAX, Timestamp::UNIX_EPOCH, now].into_iter().enumerate() {
            store.cut_events(100, 3, at).unwrap();
            store.cut_events(100, 3, at).unwrap();
            assert_eq!(store.events_from(0, 100).unwrap().len(), 20, "{jumps} jumps");
        }
        store.cut_events(100, 3, Timestamp::MAX).unwrap();
        assert_eq!(store.events_from(0, 100).unwrap().len(), 2, "four days were counted");
    }
}
