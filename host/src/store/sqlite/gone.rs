//! Which rows are gone from a set since which write. Of each set so many are kept; beyond that the oldest are forgotten, and
//! what is asked since before that cannot be told any more.

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use uuid::Uuid;

use crate::model::error::Result;
use crate::store::sql::names::{signed, unsigned};

/// Runs of programs that are remembered.
const RUNS_MAX: u32 = 1_000;

/// Rows of a set have these keys no more, as of this write. `most`: keys of a set that are kept.
pub(crate) fn note(
    transaction: &Transaction<'_>,
    set: &str,
    keys: impl IntoIterator<Item = Uuid>,
    written: u64,
    most: u64,
) -> Result<()> {
    let mut added = 0;
    for key in keys {
        let again = "UPDATE _turntable_gone SET written = ? WHERE table_name = ? AND key = ?";
        if transaction.prepare_cached(again)?.execute((signed(written), set, key))? == 0 {
            let insert = "INSERT INTO _turntable_gone (written, table_name, key) VALUES (?, ?, ?)";
            transaction.prepare_cached(insert)?.execute((signed(written), set, key))?;
            added += 1;
        }
    }
    if added == 0 {
        return Ok(());
    }
    let mut keep = transaction.prepare_cached(
        "INSERT INTO _turntable_gone_kept (table_name, rows, since) VALUES (?, ?, 0) \
         ON CONFLICT DO UPDATE SET rows = rows + excluded.rows RETURNING rows",
    )?;
    let kept = unsigned(keep.query_row((set, added), |row| row.get(0))?);
    if kept > most { prune(transaction, set, kept, most) } else { Ok(()) }
}

/// Forgets the oldest, some more than there are too many, so that this is seldom.
fn prune(transaction: &Transaction<'_>, set: &str, kept: u64, most: u64) -> Result<()> {
    let last = (kept - most).saturating_add(most / 8).min(kept) - 1;
    let nth = "SELECT written FROM _turntable_gone WHERE table_name = ? ORDER BY written LIMIT 1 OFFSET ?";
    let since: i64 = transaction.query_row(nth, (set, signed(last)), |row| row.get(0))?;
    let delete = "DELETE FROM _turntable_gone WHERE table_name = ? AND written <= ?";
    let gone = transaction.execute(delete, (set, since))?;
    let update = "UPDATE _turntable_gone_kept SET rows = rows - ?, since = ? WHERE table_name = ?";
    transaction.execute(update, (signed(gone as u64), since, set))?;
    Ok(())
}

/// A set is dropped.
pub(crate) fn forget(transaction: &Transaction<'_>, set: &str) -> Result<()> {
    transaction.execute("DELETE FROM _turntable_gone WHERE table_name = ?", [set])?;
    transaction.execute("DELETE FROM _turntable_gone_kept WHERE table_name = ?", [set])?;
    Ok(())
}

/// The write after which all keys that are gone from a set are known.
pub(crate) fn known_since(moment: &Connection, set: &str) -> Result<u64> {
    let mut select = moment.prepare_cached("SELECT since FROM _turntable_gone_kept WHERE table_name = ?")?;
    Ok(unsigned(select.query_row([set], |row| row.get(0)).optional()?.unwrap_or(0)))
}

/// The writes from the next on are made by another run of the program than those before.
pub(crate) fn begin_run(transaction: &Transaction<'_>) -> Result<()> {
    transaction.execute(
        "INSERT OR REPLACE INTO _turntable_runs \
         SELECT (SELECT coalesce(max(written), 0) + 1 FROM _turntable_resources), random()",
        [],
    )?;
    transaction.execute(
        "DELETE FROM _turntable_runs WHERE begins < \
         (SELECT begins FROM _turntable_runs ORDER BY begins DESC LIMIT 1 OFFSET ?)",
        [RUNS_MAX - 1],
    )?;
    Ok(())
}

/// The run that made a write; None: it is too long ago.
pub(crate) fn run_of(moment: &Connection, written: u64) -> Result<Option<i64>> {
    let mut select =
        moment.prepare_cached("SELECT identity FROM _turntable_runs WHERE begins <= ? ORDER BY begins DESC LIMIT 1")?;
    Ok(select.query_row([signed(written)], |row| row.get(0)).optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::database::Database;

    #[test]
    fn the_oldest_are_forgotten_and_that_is_known() {
        let store = Database::temporary().unwrap();
        let key = |n: u32| Uuid::from_u128(n.into());
        let note = |keys: std::ops::Range<u32>, written: u64| {
            store.writing(|transaction| note(transaction, "a", keys.map(key), written, 16)).unwrap();
        };
        let state = || {
            let read = "SELECT count(*) FROM _turntable_gone WHERE table_name = 'a'";
            let kept = "SELECT coalesce(sum(rows), 0) FROM _turntable_gone_kept WHERE table_name = 'a'";
            let count = |sql: &str| store.reading(|m| Ok(m.query_row(sql, [], |row| row.get::<_, i64>(0))?)).unwrap();
            let since = store.reading(|moment| known_since(moment, "a")).unwrap();
            assert_eq!(count(read), count(kept), "they are counted");
            (count(read), since)
        };
        assert_eq!(state(), (0, 0));
        note(0..10, 5);
        assert_eq!(state(), (10, 0));
        note(0..4, 6);
        assert_eq!(state(), (10, 0), "the same keys once more");
        note(20..26, 7);
        assert_eq!(state(), (16, 0));
        // The six that went at 5 and not again.
        note(30..31, 8);
        assert_eq!(state(), (11, 5));
        // Those of one write are forgotten together.
        note(100..150, 9);
        assert_eq!(state(), (0, 9));
        store.writing(|transaction| forget(transaction, "a")).unwrap();
        assert_eq!(state(), (0, 0));
    }

    #[test]
    fn every_run_is_told_from_the_others() {
        let store = Database::temporary().unwrap();
        let run = |written: u64| store.reading(|moment| run_of(moment, written)).unwrap();
        let first = run(0);
        assert!(first.is_some() && run(7) == first);
        for _ in 0..2 {
            store.writing(begin_run).unwrap();
        }
        assert!(
            run(0) == first && run(1).is_some() && run(1) != first,
            "no write yet: the last run begins the same place"
        );
    }
}
