//! Sets of rows. Each version of a mapping makes a set of its own for its tables, beside those of other versions: so whoever
//! reads by one version never meets a row of another. Which set is whole, and that it is what serves, is said in one
//! transaction.

use std::collections::HashMap;

use rusqlite::Transaction;

use crate::model::error::Result;
use crate::store::native::{Progress, Release};
use crate::store::sql::names::{self, unsigned};
use crate::store::sql::words;
use crate::store::sqlite::control;
use crate::store::sqlite::database::Database;
use crate::store::sqlite::gone;
use crate::store::sqlite::tables::Changes;
use crate::store::sqlite::write::{note_progress, put_rows};

/// Between the name of a table and what tells the version.
const MARK: char = '@';

impl Database {
    /// How far each set is made, by the name of its root; those that were never begun are not there.
    pub(crate) fn progress(&self) -> Result<HashMap<String, Option<u64>>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached("SELECT name, up_to FROM _turntable_sets")?;
            let found = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.map(unsigned))))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// The last rows of a set, that it is in force, and the audit event: all or nothing.
    pub(crate) fn release(&self, release: &Release) -> Result<()> {
        let mut changes = Changes::default();
        self.writing(|transaction| {
            put_rows(transaction, self, &mut changes, &release.made_anew, &[])?;
            for table in &release.told {
                let made = self.tables.made(&table.set());
                if made.is_some_and(|made| !made.is_up_to_date(table)) {
                    changes.ensure(transaction, table)?;
                }
            }
            let (decision, act) = &release.decision;
            control::decide(transaction, decision, act)?;
            keep_only(transaction, &release.in_force)
        })?;
        self.tables.apply(changes);
        Ok(())
    }

    /// From here on, writes make these root sets only, which are whole. Whichever others they made until here are made as far
    /// as this, and no further.
    pub(crate) fn keep_only(&self, roots: &[String]) -> Result<()> {
        self.writing(|transaction| keep_only(transaction, roots))
    }

    /// Drops the sets of all versions but some, and what rows an older store had, once nothing is in them alone any more.
    pub(crate) fn drop_others(&self, made_by: &[String]) -> Result<()> {
        let in_rows: Vec<String> = self.reading(|moment| {
            let mut select = moment.prepare_cached("SELECT table_name FROM _turntable_own_in_rows")?;
            let found = select.query_map([], |row| row.get(0))?;
            Ok(found.collect::<Result<_, _>>()?)
        })?;
        let is_kept = |name: &String| match name.rsplit_once(MARK) {
            Some((_, version)) => made_by.iter().any(|kept| kept == version),
            None => in_rows.contains(name),
        };
        let mut others: Vec<String> = self.progress()?.into_keys().chain(self.tables.names()).collect();
        others.retain(|name| !is_kept(name));
        others.sort_unstable();
        others.dedup();
        if others.is_empty() {
            return Ok(());
        }
        self.writing(|transaction| others.iter().try_for_each(|name| drop_set(transaction, name)))?;
        self.tables.forget(&others);
        self.indexes.forget(&others);
        self.searched.forget(&others);
        Ok(())
    }
}

fn keep_only(transaction: &Transaction<'_>, roots: &[String]) -> Result<()> {
    let leave = "UPDATE _turntable_sets SET up_to = (SELECT coalesce(max(written), 0) FROM _turntable_resources) \
                 WHERE up_to IS NULL AND name NOT IN (SELECT value FROM json_each(?))";
    transaction.execute(leave, [serde_json::to_string(roots).unwrap_or_default()])?;
    roots.iter().try_for_each(|root| note_progress(transaction, &Progress { set: root.clone(), up_to: None }))
}

fn drop_set(transaction: &Transaction<'_>, name: &str) -> Result<()> {
    transaction.execute("DELETE FROM _turntable_sets WHERE name = ?", [name])?;
    transaction.execute("DELETE FROM _turntable_behind WHERE table_name = ?", [name])?;
    transaction.execute("DELETE FROM _turntable_columns WHERE table_name = ?", [name])?;
    gone::forget(transaction, name)?;
    transaction.execute_batch(&words::drop(name))?;
    Ok(transaction.execute_batch(&format!("DROP TABLE IF EXISTS {}", names::quoted(name)))?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::model::rows::Rows;
    use crate::model::table::{Kind, Table};
    use crate::store::control::{Act, Decision};
    use crate::store::native::{MadeAnew, NativeWrite, OwnChange, TableRows};
    use crate::store::sqlite::tables::sample;

    fn table(made_by: &str) -> Arc<Table> {
        let columns = vec![sample::column("id", Kind::Key), sample::column("n", Kind::Int32)];
        Arc::new(Table { columns, made_by: made_by.into(), concepts: Vec::new(), parent: None, ..sample::table() })
    }

    fn row(table: &Arc<Table>, n: &str) -> TableRows {
        let mut rows = Rows::new(vec![0, 1]);
        rows.push([Some("Patient/1"), Some(n)]);
        TableRows::new(table.clone(), rows)
    }

    fn put(store: &Database, base: Option<u64>, rows: Vec<TableRows>) {
        let (resource_type, id, body) = ("Patient".into(), "1".into(), Some(Bytes::from_static(b"{}")));
        let version = base.unwrap_or(0) + 1;
        let own = OwnChange::default();
        store.put_resources(&[NativeWrite { resource_type, id, body, base, version, rows, own }]).unwrap();
    }

    #[test]
    fn each_version_has_rows_of_its_own_until_they_are_dropped() {
        let store = Database::temporary().unwrap();
        let (one, two) = (table("one"), table("two"));
        let n = |table: &Arc<Table>| {
            let found = store.row(table, crate::model::key::guid("Patient/1"), &[1])?;
            found.cell(0, 1).map(str::to_owned)
        };
        put(&store, None, vec![row(&one, "1")]);
        store.keep_only(&["sample@one".into()]).unwrap();
        assert_eq!((n(&one).as_deref(), n(&two).as_deref()), (Some("1"), None));
        let made = MadeAnew { resource_type: "Patient".into(), id: "1".into(), version: 1, rows: vec![row(&two, "2")] };
        let act = Act { actor: "a".into(), action: "route.set", table: None, detail: json!({}) };
        let decision = Decision::Turn { tables: vec!["sample".into()], route: crate::model::table::Route::Native };
        let in_force = vec!["sample@two".to_owned()];
        let release = Release { made_anew: vec![made], in_force, told: Vec::new(), decision: (decision, act) };
        store.release(&release).unwrap();
        assert_eq!((n(&one).as_deref(), n(&two).as_deref()), (Some("1"), Some("2")));
        let progress = store.progress().unwrap();
        assert_eq!((progress["sample@one"], progress["sample@two"]), (Some(1), None));
        put(&store, Some(1), vec![row(&two, "3")]);
        assert_eq!((n(&one).as_deref(), n(&two).as_deref()), (Some("1"), Some("3")));

        store.drop_others(&["one".into(), "two".into()]).unwrap();
        assert_eq!((n(&one).as_deref(), n(&two).as_deref()), (Some("1"), Some("3")));
        store.drop_others(&["two".into()]).unwrap();
        assert_eq!((n(&one), n(&two).as_deref()), (None, Some("3")));
        assert_eq!(store.progress().unwrap().len(), 1);
        put(&store, Some(2), vec![row(&one, "4"), row(&two, "4")]);
        assert_eq!(n(&one).as_deref(), Some("4"), "it is made once more");
    }

    /// An older store had one set for all versions, and in its rows alone what no element carries.
    #[test]
    fn rows_of_an_older_store_are_dropped_once_they_are_taken_over() {
        let store = Database::temporary().unwrap();
        let (older, one) = (table(""), table("one"));
        put(&store, None, vec![row(&older, "7")]);
        let is_in_rows = |transaction: &Transaction<'_>| {
            transaction.execute("INSERT INTO _turntable_own_in_rows VALUES ('sample')", [])?;
            Ok(())
        };
        store.writing(is_in_rows).unwrap();
        store.drop_others(&["one".into()]).unwrap();
        assert!(store.tables.made("sample").is_some(), "they are still needed");
        let made = MadeAnew { resource_type: "Patient".into(), id: "1".into(), version: 1, rows: vec![row(&one, "0")] };
        store.put_rows(&[made], &[]).unwrap();
        store.own_is_taken(&["sample".into()]).unwrap();
        store.drop_others(&["one".into()]).unwrap();
        assert!(store.tables.made("sample").is_none() && store.tables.made("sample@one").is_some());
        put(&store, Some(1), vec![row(&one, "0")]);
        let found = store.row(&one, crate::model::key::guid("Patient/1"), &[1]).unwrap();
        assert_eq!(found.cell(0, 1), Some("7"), "what stood in them alone is kept");
    }

    #[test]
    fn sets_know_how_far_they_are_made() {
        let store = Database::temporary().unwrap();
        let a = table("a");
        put(&store, None, vec![row(&a, "1")]);
        assert!(store.progress().unwrap().is_empty());
        store.put_rows(&[], &[Progress { set: "sample@a".into(), up_to: Some(7) }]).unwrap();
        assert_eq!(store.progress().unwrap()["sample@a"], Some(7));
        store.keep_only(&["sample@a".into(), "b".into()]).unwrap();
        assert_eq!(store.progress().unwrap()["sample@a"], None, "it is kept by each write");
        store.keep_only(&["b".into()]).unwrap();
        assert_eq!(store.progress().unwrap()["sample@a"], Some(1), "up to where it was");
        put(&store, Some(1), vec![row(&a, "1")]);
        store.keep_only(&[]).unwrap();
        assert_eq!(store.progress().unwrap()["sample@a"], Some(1), "and no further");
    }
}
