//! Resources in, with the rows that were made of them: all that belongs together in one transaction. A resource's
//! version counts up from 1 and goes on counting after a delete, so that an ETag never comes back. Each write has a
//! number, larger than all before it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Transaction};
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::table::Table;
use crate::store::native::{MadeAnew, NativeWrite, OwnChange, Progress, TableRows};
use crate::store::sql::names::{self, signed, unsigned};
use crate::store::sqlite::behind;
use crate::store::sqlite::database::Database;
use crate::store::sqlite::gone;
use crate::store::sqlite::own::{self, OwnValues};
use crate::store::sqlite::tables::{Changes, Stands, make_concept_keys, stored_key};

impl Database {
    /// All of them, in their order, or none. `VersionMismatch` if one does not stand at its base.
    pub(crate) fn put_resources(&self, writes: &[NativeWrite]) -> Result<()> {
        let mut changes = Changes::default();
        let has_begun = self.has_begun.load(Ordering::Relaxed);
        self.writing(|transaction| {
            if !has_begun {
                gone::begin_run(transaction)?;
            }
            let mut put = Put::new(transaction, self, &mut changes)?;
            writes.iter().try_for_each(|write| put.resource(write))
        })?;
        self.has_begun.store(true, Ordering::Relaxed);
        self.tables.apply(changes);
        Ok(())
    }

    /// Puts rows that were made anew in place of those before, all at once. Those of a resource that has been written since
    /// stay. The sets are then made as far as `progress` says.
    pub(crate) fn put_rows(&self, made_anew: &[MadeAnew], progress: &[Progress]) -> Result<()> {
        let mut changes = Changes::default();
        self.writing(|transaction| put_rows(transaction, self, &mut changes, made_anew, progress))?;
        self.tables.apply(changes);
        Ok(())
    }
}

/// The same within a transaction.
pub(crate) fn put_rows(
    transaction: &Transaction<'_>,
    database: &Database,
    changes: &mut Changes,
    made_anew: &[MadeAnew],
    progress: &[Progress],
) -> Result<()> {
    let mut put = Put::new(transaction, database, changes)?;
    for made in made_anew {
        let mut select = transaction.prepare_cached(
            "SELECT written FROM _turntable_resources WHERE resource_type = ? AND id = ? AND version = ?",
        )?;
        let stands = (&made.resource_type, &made.id, signed(made.version));
        if let Some(written) = select.query_row(stands, |row| row.get(0)).optional()? {
            let at = At { version: made.version, written: unsigned(written) };
            put.rows((&made.resource_type, &made.id), at, &made.rows, false)?;
        }
    }
    progress.iter().try_for_each(|progress| note_progress(transaction, progress))
}

/// Version, and whether it is there (not deleted).
pub(crate) fn standing(connection: &Connection, resource_type: &str, id: &str) -> Result<Option<(u64, bool)>> {
    let mut select = connection.prepare_cached(
        "SELECT version, body IS NOT NULL FROM _turntable_resources WHERE resource_type = ? AND id = ?",
    )?;
    let found = select.query_row((resource_type, id), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
    Ok(found.map(|(version, there)| (unsigned(version), there)))
}

/// How far a set is made.
pub(crate) fn note_progress(transaction: &Transaction<'_>, progress: &Progress) -> Result<()> {
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO _turntable_sets (name, up_to, identity) VALUES (?, ?, random()) \
         ON CONFLICT DO UPDATE SET up_to = excluded.up_to",
    )?;
    upsert.execute((&progress.set, progress.up_to.map(signed)))?;
    Ok(())
}

/// A transaction that writes resources and rows. Nobody else writes meanwhile, so what most stores have nothing of is
/// asked once.
struct Put<'t> {
    transaction: &'t Transaction<'t>,
    database: &'t Database,
    changes: &'t mut Changes,
    /// By where the table's description is: it outlives the transaction.
    statements: HashMap<*const Table, Statements<'t>>,
    /// Whether any table is behind with any resource, and whether anything is kept that no element carries.
    any_behind: bool,
    any_own: bool,
}

/// What puts the rows of a table in place, prepared once.
struct Statements<'t> {
    /// Rows of an older store may have values in themselves alone.
    is_in_rows: bool,
    delete: Option<CachedStatement<'t>>,
    insert: Option<CachedStatement<'t>>,
}

/// The version of a resource that rows are made of, and the number of the write that put it there.
#[derive(Clone, Copy)]
struct At {
    version: u64,
    written: u64,
}

impl<'t> Put<'t> {
    fn new(transaction: &'t Transaction<'t>, database: &'t Database, changes: &'t mut Changes) -> Result<Self> {
        let (any_behind, any_own) = (behind::is_any(transaction)?, own::is_any(transaction)?);
        Ok(Self { transaction, database, changes, statements: HashMap::new(), any_behind, any_own })
    }

    fn resource(&mut self, write: &NativeWrite) -> Result<()> {
        let stands = standing(self.transaction, &write.resource_type, &write.id)?;
        if stands.map(|(version, _)| version) != write.base {
            return Err(Error::new(Code::VersionMismatch, "the row has changed since it was read")
                .hint("read it again and repeat the change with its new @odata.etag"));
        }
        if write.base.is_some_and(|base| write.version <= base) || write.version == 0 {
            return Err(Error::new(Code::Internal, "a resource was written without a new version"));
        }
        if write.body.is_none() && write.rows.iter().any(|made| !made.rows.is_empty()) {
            return Err(Error::new(Code::Internal, "a resource was deleted and given rows at once"));
        }
        let mut upsert = self.transaction.prepare_cached(
            "INSERT INTO _turntable_resources (resource_type, id, version, modified, body, written) \
             VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(written), 0) + 1 FROM _turntable_resources)) \
             ON CONFLICT DO UPDATE SET version = excluded.version, modified = excluded.modified, body = excluded.body, \
             written = excluded.written RETURNING written",
        )?;
        let (version, now) = (signed(write.version), Timestamp::now().as_microsecond());
        let put = (&write.resource_type, &write.id, version, now, write.body.as_deref());
        let written = unsigned(upsert.query_row(put, |row| row.get(0))?);
        if self.any_behind {
            behind::clear_all(self.transaction, &write.resource_type, &write.id)?;
        }
        self.any_own |= write.own != OwnChange::default();
        if self.any_own {
            match write.body {
                Some(_) => own::change(self.transaction, &write.resource_type, &write.id, &write.own)?,
                None => own::clear(self.transaction, &write.resource_type, &write.id)?,
            }
        }
        let at = At { version: write.version, written };
        self.rows((&write.resource_type, &write.id), at, &write.rows, write.base.is_none())
    }

    /// In place of those that the tables have of the resource. A table whose rows could not be made keeps those that it
    /// has, and is behind from here on. `is_new`: there was never such a resource.
    fn rows(&mut self, (resource_type, id): (&str, &str), at: At, rows: &[TableRows], is_new: bool) -> Result<()> {
        let text = format!("{resource_type}/{id}");
        let resource = key::guid(&text);
        for made in rows {
            if self.statements(&made.table)?.is_in_rows {
                self.take_over((resource_type, id), resource, made)?;
            }
        }
        let own = match self.any_own {
            true => own::of(self.transaction, resource_type, id)?,
            false => OwnValues::default(),
        };
        for made in rows {
            if made.behind.is_some() {
                self.any_behind = true;
                behind::mark(self.transaction, &made.table, resource_type, id)?;
                continue;
            }
            if self.any_behind {
                behind::clear(self.transaction, &made.table, resource_type, id)?;
            }
            // A new one has no rows to give way, but for one of an older store that is in the way of its root row.
            let may_stand = !is_new || made.table.parent.is_none();
            let mut gone = HashSet::new();
            if may_stand && self.stands(&made.table) != Stands::Missing {
                gone = self.delete(&made.table, (resource, &text))?;
            }
            if !made.rows.is_empty() {
                self.changes.ready(&self.database.tables, self.transaction, &made.table)?;
                self.insert(made, (resource, at.version), &own)?;
            }
            if !gone.is_empty() {
                let keys = (0..made.rows.len()).filter_map(|row| made.rows.cell(row, made.table.key));
                for text in keys {
                    gone.remove(&key::of_row(&made.table, text));
                }
            }
            gone::note(self.transaction, &made.table.set(), gone, at.written, self.database.gone_most)?;
        }
        Ok(())
    }

    fn stands(&self, table: &Arc<Table>) -> Stands {
        self.changes.stands(&self.database.tables, table)
    }

    fn statements(&mut self, table: &Arc<Table>) -> Result<&mut Statements<'t>> {
        Ok(match self.statements.entry(Arc::as_ptr(table)) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => {
                let is_in_rows = own::is_in_rows(self.transaction, table)?;
                place.insert(Statements { is_in_rows, delete: None, insert: None })
            }
        })
    }

    /// Of rows of an older store, which kept in them what no element carries.
    fn take_over(&mut self, of: (&str, &str), resource: Uuid, made: &TableRows) -> Result<()> {
        let Some(before) = self.database.tables.made(&made.table.name) else { return Ok(()) };
        self.any_own = true;
        // A column that a version adds has no cells yet.
        let columns: Vec<_> = made.table.own_columns().filter(|column| before.has(&made.table, *column)).collect();
        let text = format!("{}/{}", of.0, of.1);
        let cells = own::cells(self.transaction, &made.table, &columns, &rows_of(&made.table), (resource, &text))?;
        own::take_over(self.transaction, of, made, &cells)
    }

    /// Keys of the rows that were there.
    fn delete(&mut self, table: &Arc<Table>, (resource, text): (Uuid, &str)) -> Result<HashSet<Uuid>> {
        let transaction = self.transaction;
        let delete = match &mut self.statements(table)?.delete {
            Some(delete) => delete,
            place => {
                // One that is in the way is of a store that had the same key for two types: it is made anew too.
                let delete = format!(
                    "DELETE FROM {} WHERE {} OR \"key\" = ?3 RETURNING \"key\"",
                    names::table_name(table),
                    rows_of(table)
                );
                place.insert(transaction.prepare_cached(&delete)?)
            }
        };
        let keys = delete.query_map((resource, text, key::of_row(table, text)), |row| row.get(0))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    fn insert(&mut self, made: &TableRows, (resource, version): (Uuid, u64), own: &OwnValues) -> Result<()> {
        let (table, rows) = (&*made.table, &made.rows);
        // A cell that was not made must not pass for null.
        let position = |column: usize| {
            rows.position(column).ok_or_else(|| {
                let name = &table.columns[column].name;
                Error::new(Code::Internal, "a row was written without one of its columns").target(name)
            })
        };
        let positions = (0..table.columns.len()).map(position).collect::<Result<Vec<_>>>()?;
        let transaction = self.transaction;
        let insert = match &mut self.statements(&made.table)?.insert {
            Some(insert) => insert,
            place => place.insert(transaction.prepare_cached(&insert_of(table))?),
        };
        for row in 0..rows.len() {
            let cell = |position: &usize| rows.at(row, *position);
            // Most cells are null, and most rows as their mapping makes them.
            insert.clear_bindings();
            insert.raw_bind_parameter(2, resource)?;
            insert.raw_bind_parameter(3, signed(version))?;
            if own.has_any(table) {
                let mut cells: Vec<_> = positions.iter().map(|position| cell(position).map(str::to_owned)).collect();
                if own.lay_on(table, &mut cells) {
                    make_concept_keys(table, &mut cells);
                }
                bind(insert, table, cells.iter().map(Option::as_deref))?;
            } else {
                bind(insert, table, positions.iter().map(cell))?;
            }
            insert.raw_execute()?;
        }
        Ok(())
    }
}

/// The statement that puts a row in: its parameters are key, resource and version, then of each column its cell and, but for
/// the key, its sort key.
fn insert_of(table: &Table) -> String {
    let mut columns = vec!["\"key\"".to_owned(), "\"resource\"".into(), "\"version\"".into()];
    for column in 0..table.columns.len() {
        columns.push(names::cell_name(table, column));
        if column != table.key {
            columns.push(names::key_name(table, column));
        }
    }
    let places = vec!["?"; columns.len()].join(", ");
    format!("INSERT INTO {} ({}) VALUES ({places})", names::table_name(table), columns.join(", "))
}

/// Of a statement none of whose parameters is bound: the key and all cells with their sort keys.
fn bind<'c>(
    insert: &mut CachedStatement<'_>,
    table: &Table,
    cells: impl Iterator<Item = Option<&'c str>>,
) -> Result<()> {
    let mut place = 4;
    for (column, cell) in cells.enumerate() {
        let is_key = column == table.key;
        if let Some(cell) = cell {
            insert.raw_bind_parameter(place, cell)?;
            let key = stored_key(table, column, Some(cell))?;
            insert.raw_bind_parameter(if is_key { 1 } else { place + 1 }, key)?;
        }
        place += if is_key { 1 } else { 2 };
    }
    Ok(())
}

/// Which rows of a table are of a resource: ?1 is the GUID of its id, which those of other types may have too, ?2 its
/// `Type/id`.
pub(crate) fn rows_of(table: &Table) -> String {
    match table.sources.len() {
        0 | 1 => "(\"resource\" = ?1 AND ?2 IS NOT NULL)".into(),
        _ => {
            let key = names::cell_name(table, table.key);
            format!("(\"resource\" = ?1 AND substr({key} || '/', 1, length(?2) + 1) = ?2 || '/')")
        }
    }
}

#[cfg(test)]
impl Database {
    /// Each row as the only one of a resource of its own, whose id is the row's key text, whatever stood there before.
    pub(crate) fn put_each(&self, table: &Arc<Table>, rows: &crate::model::rows::Rows) -> Result<()> {
        let write = |row: usize| {
            let id = rows.cell(row, table.key).expect("rows of a test have keys").to_owned();
            let base = self.last_version("Sample", &id)?;
            let (body, version) = (Some(bytes::Bytes::from_static(b"{}")), base.unwrap_or(0) + 1);
            let rows = vec![TableRows::new(table.clone(), rows.pick(&[row]))];
            Ok(NativeWrite {
                resource_type: "Sample".into(),
                id,
                body,
                base,
                version,
                rows,
                own: crate::store::native::OwnChange::default(),
            })
        };
        self.put_resources(&(0..rows.len()).map(write).collect::<Result<Vec<_>>>()?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::model::rows::Rows;
    use crate::model::table::{Kind, Source};
    use crate::store::native::{OwnChange, OwnValue};
    use crate::store::sqlite::tables::sample;

    /// A key and a number.
    fn table(name: &str) -> Arc<Table> {
        let mut table = sample::table();
        table.name = name.into();
        table.columns = vec![sample::column("id", Kind::Key), sample::column("n", Kind::Int32)];
        table.concepts.clear();
        table.parent = None;
        Arc::new(table)
    }

    /// Some tables, and a store that has them.
    fn family<const N: usize>(names: [&str; N]) -> (Database, [Arc<Table>; N]) {
        let (store, tables) = (Database::temporary().unwrap(), names.map(table));
        tables.iter().for_each(|table| store.ensure_table(table).unwrap());
        (store, tables)
    }

    fn rows(table: &Arc<Table>, cells: &[(&str, &str)]) -> TableRows {
        let mut rows = Rows::new(vec![0, 1]);
        cells.iter().for_each(|(id, n)| rows.push([Some(*id), Some(*n)]));
        TableRows::new(table.clone(), rows)
    }

    fn write(id: &str, base: Option<u64>, rows: Vec<TableRows>) -> NativeWrite {
        let body = Some(Bytes::from(format!("{id} after {base:?}")));
        let version = base.unwrap_or(0) + 1;
        NativeWrite {
            resource_type: "Patient".into(),
            id: id.into(),
            body,
            base,
            version,
            rows,
            own: OwnChange::default(),
        }
    }

    fn delete(id: &str, base: u64, tables: &[Arc<Table>]) -> NativeWrite {
        let rows = tables.iter().map(|table| TableRows::new(table.clone(), Rows::default())).collect();
        NativeWrite { body: None, ..write(id, Some(base), rows) }
    }

    /// Cell `n` and version of a row.
    fn row(store: &Database, table: &Arc<Table>, id: &str) -> Option<(String, String)> {
        let found = store.row(table, key::guid(id), &[1])?;
        let version = format!("SELECT \"version\" FROM {} WHERE \"key\" = ?", names::table_name(table));
        let version: i64 = store.reading(|m| Ok(m.query_row(&version, [key::guid(id)], |row| row.get(0))?)).unwrap();
        Some((found.cell(0, 1)?.to_owned(), version.to_string()))
    }

    fn is(n: &str, version: &str) -> Option<(String, String)> {
        Some((n.to_owned(), version.to_owned()))
    }

    #[test]
    fn all_or_nothing() {
        let (store, [a]) = family(["a"]);
        let first = |cell| write("1", None, vec![rows(&a, &[("1", cell)])]);
        store.put_resources(&[first("10")]).unwrap();
        let good = || write("2", None, vec![rows(&a, &[("2", "20")])]);
        let check = |bad: NativeWrite, expected: Code| {
            for batch in [[good(), bad.clone()], [bad, good()]] {
                assert_eq!(store.put_resources(&batch).unwrap_err().code(), expected);
                assert_eq!(store.last_version("Patient", "2").unwrap(), None);
                assert_eq!(store.last_version("Patient", "1").unwrap(), Some(1));
                assert_eq!((row(&store, &a, "1"), row(&store, &a, "2")), (is("10", "1"), None));
            }
        };
        check(first("11"), Code::VersionMismatch);
        check(write("1", Some(1), vec![rows(&a, &[("1", "no number")])]), Code::BadValue);
        check(write("1", Some(1), vec![rows(&a, &[("1", "11"), ("1", "12")])]), Code::Store);
        check(NativeWrite { version: 1, ..write("1", Some(1), vec![]) }, Code::Internal);
        check(NativeWrite { version: 0, ..write("3", None, vec![]) }, Code::Internal);
        check(NativeWrite { body: None, ..write("1", Some(1), vec![rows(&a, &[("1", "11")])]) }, Code::Internal);
        let mut half = Rows::new(vec![0]);
        half.push([Some("1")]);
        check(write("1", Some(1), vec![TableRows::new(a.clone(), half)]), Code::Internal);

        store.put_resources(&[good(), write("1", Some(1), vec![rows(&a, &[("1", "11")])])]).unwrap();
        assert_eq!((row(&store, &a, "1"), row(&store, &a, "2")), (is("11", "2"), is("20", "1")));
    }

    #[test]
    fn a_stale_base_is_a_mismatch() {
        let (store, [a]) = family(["a"]);
        let put = |id: &str, base| store.put_resources(&[write(id, base, vec![rows(&a, &[(id, "1")])])]);
        put("stands at two", None).unwrap();
        put("stands at two", Some(1)).unwrap();
        put("deleted at two", None).unwrap();
        store.put_resources(&[delete("deleted at two", 1, std::slice::from_ref(&a))]).unwrap();
        let check = |id: &str, base: Option<u64>| {
            for write in [write(id, base, vec![]), NativeWrite { body: None, ..write(id, base, vec![]) }] {
                let error = store.put_resources(&[write]).unwrap_err();
                assert_eq!(error.code(), Code::VersionMismatch, "{id} {base:?}");
            }
        };
        for base in [None, Some(1), Some(3)] {
            check("stands at two", base);
            check("deleted at two", base);
        }
        check("never there", Some(1));
        let (body, version) = store.resource("Patient", "stands at two").unwrap().unwrap();
        assert_eq!((&*body, version), (&b"stands at two after Some(1)"[..], 2));
    }

    #[test]
    fn versions_go_on_after_a_delete() {
        let (store, [a]) = family(["a"]);
        let put = |base| store.put_resources(&[write("1", base, vec![rows(&a, &[("1", "1")])])]);
        put(None).unwrap();
        store.put_resources(&[delete("1", 1, std::slice::from_ref(&a))]).unwrap();
        assert_eq!(store.resource("Patient", "1").unwrap(), None);
        assert_eq!(store.last_version("Patient", "1").unwrap(), Some(2));
        put(Some(2)).unwrap();
        assert_eq!(store.resource("Patient", "1").unwrap().unwrap().1, 3);
        assert_eq!(row(&store, &a, "1"), is("1", "3"));
        assert_eq!(store.last_version("Person", "1").unwrap(), None, "ids are those of one type");
    }

    #[test]
    fn one_resource_has_rows_in_two_tables() {
        let (store, [parent, child]) = family(["parent", "child"]);
        let made = |children: &[(&str, &str)]| vec![rows(&parent, &[("1", "10")]), rows(&child, children)];
        store.put_resources(&[write("1", None, made(&[("1/x", "11"), ("1/y", "12")]))]).unwrap();
        store.put_resources(&[write("2", None, vec![rows(&child, &[("2/x", "21")])])]).unwrap();
        let counts = || (store.count_rows(&parent).unwrap(), store.count_rows(&child).unwrap());
        assert_eq!(counts(), (1, 3));
        assert_eq!(row(&store, &child, "1/y"), is("12", "1"));

        store.put_resources(&[write("1", Some(1), made(&[("1/z", "13")]))]).unwrap();
        assert_eq!(counts(), (1, 2));
        assert_eq!((row(&store, &parent, "1"), row(&store, &child, "1/z")), (is("10", "2"), is("13", "2")));
        assert_eq!((row(&store, &child, "1/y"), row(&store, &child, "2/x")), (None, is("21", "1")));
    }

    #[test]
    fn a_delete_takes_the_rows_of_every_table_of_the_family() {
        let (store, [parent, child]) = family(["parent", "child"]);
        for id in ["1", "2"] {
            let children = [format!("{id}/x"), format!("{id}/y")];
            let children: Vec<_> = children.iter().map(|id| (id.as_str(), "5")).collect();
            let made = vec![rows(&parent, &[(id, "5")]), rows(&child, &children)];
            store.put_resources(&[write(id, None, made)]).unwrap();
        }
        store.put_resources(&[delete("1", 1, &[parent.clone(), child.clone()])]).unwrap();
        assert_eq!((store.count_rows(&parent).unwrap(), store.count_rows(&child).unwrap()), (1, 2));
        assert_eq!((row(&store, &parent, "1"), row(&store, &child, "1/x")), (None, None));
        assert_eq!((row(&store, &parent, "2"), row(&store, &child, "2/y")), (is("5", "1"), is("5", "1")));
    }

    fn anew(store: &Database, id: &str, version: u64, rows: Vec<TableRows>) -> Result<()> {
        let made = MadeAnew { resource_type: "Patient".into(), id: id.into(), version, rows };
        store.put_rows(&[made], &[Progress { set: "a".into(), up_to: Some(7) }])
    }

    #[test]
    fn rows_made_anew_keep_the_version() {
        let (store, [a, b]) = family(["a", "b"]);
        let made = |n| vec![rows(&a, &[("1", n)]), rows(&b, &[("1/x", n)])];
        store.put_resources(&[write("1", None, vec![])]).unwrap();
        store.put_resources(&[write("1", Some(1), made("1"))]).unwrap();
        anew(&store, "1", 1, made("9")).unwrap();
        assert_eq!(row(&store, &a, "1"), is("1", "2"), "made from a version that no longer stands");
        anew(&store, "1", 2, made("2")).unwrap();
        assert_eq!((row(&store, &a, "1"), row(&store, &b, "1/x")), (is("2", "2"), is("2", "2")));
        let (body, version) = store.resource("Patient", "1").unwrap().unwrap();
        assert_eq!((&*body, version), (&b"1 after Some(1)"[..], 2), "the resource is as it was");
        anew(&store, "1", 2, vec![rows(&a, &[])]).unwrap();
        assert_eq!((row(&store, &a, "1"), row(&store, &b, "1/x")), (None, is("2", "2")));
        let tried = anew(&store, "1", 2, vec![rows(&b, &[("1/x", "3")]), rows(&a, &[("1", "no number")])]);
        assert_eq!(tried.unwrap_err().code(), Code::BadValue);
        assert_eq!(row(&store, &b, "1/x"), is("2", "2"), "all or nothing");

        store.put_resources(&[delete("1", 2, &[a.clone(), b.clone()])]).unwrap();
        anew(&store, "1", 2, made("4")).unwrap();
        anew(&store, "never there", 1, made("4")).unwrap();
        assert_eq!((store.count_rows(&a).unwrap(), store.count_rows(&b).unwrap()), (0, 0));
    }

    fn set(row: &str, value: Option<&str>) -> OwnValue {
        OwnValue { table: "a".into(), row: row.into(), column: "n".into(), value: value.map(str::to_owned) }
    }

    /// As a change leaves out, so the row keeps; as a change says, so it is; and a version without the column is no loss.
    #[test]
    fn what_no_element_carries_stays_with_its_row() {
        let (store, [a]) = family(["a"]);
        let made = || vec![rows(&a, &[("Patient/1", "0"), ("Patient/1/l/~x", "5")])];
        let put = |base: Option<u64>, moved: &[(&str, Option<&str>)], set: &[OwnValue]| {
            let moved = moved.iter().map(|(row, now)| ((*row).to_owned(), now.map(str::to_owned))).collect();
            let own = OwnChange { moved, set: set.to_vec() };
            store.put_resources(&[NativeWrite { own, ..write("1", base, made()) }]).unwrap();
        };
        let n = |row: &str| store.row(&a, key::guid(row), &[1]).unwrap().cell(0, 1).map(str::to_owned);
        let check = |root: Option<&str>, child: Option<&str>| {
            assert_eq!((n("Patient/1").as_deref(), n("Patient/1/l/~x").as_deref()), (root, child));
        };
        put(None, &[], &[]);
        check(Some("0"), Some("5"));
        put(Some(1), &[], &[set("", Some("3"))]);
        check(Some("3"), Some("5"));
        put(Some(2), &[], &[set("l/~x", None)]);
        check(Some("3"), None);
        anew(&store, "1", 3, made()).unwrap();
        check(Some("3"), None);
        // Another kind, and no such column at all.
        let mut other = (*a).clone();
        other.columns[1].kind = Kind::Boolean;
        let other = Arc::new(other);
        let as_other = || {
            let mut rows = Rows::new(vec![0, 1]);
            rows.push([Some("Patient/1"), Some("true")]);
            vec![TableRows::new(other.clone(), rows)]
        };
        store.follow(std::slice::from_ref(&other)).unwrap();
        anew(&store, "1", 3, as_other()).unwrap();
        assert_eq!(n("Patient/1"), None, "no boolean");
        other_column_only(&store, &a);
        store.follow(std::slice::from_ref(&a)).unwrap();
        anew(&store, "1", 3, made()).unwrap();
        check(Some("3"), None);

        // Rows change their names, two of them each other's.
        put(Some(3), &[], &[set("l/~x", Some("7")), set("l/~y", Some("8"))]);
        put(Some(4), &[("l/~x", Some("l/~y")), ("l/~y", Some("l/~x"))], &[]);
        check(Some("3"), Some("8"));
        put(Some(5), &[("l/~x", None)], &[]);
        check(Some("3"), Some("5"));
        store.put_resources(&[delete("1", 6, std::slice::from_ref(&a))]).unwrap();
        put(Some(7), &[], &[]);
        check(Some("0"), Some("5"));
    }

    /// Rows of the same table by a version that has another column instead.
    fn other_column_only(store: &Database, a: &Arc<Table>) {
        let mut other = (**a).clone();
        other.columns[1].name = "m".into();
        let other = Arc::new(other);
        store.follow(std::slice::from_ref(&other)).unwrap();
        anew(store, "1", 3, vec![rows(&other, &[("Patient/1", "1")])]).unwrap();
        assert_eq!(store.row(&other, key::guid("Patient/1"), &[1]).unwrap().cell(0, 1), Some("1"));
    }

    #[test]
    fn what_stood_in_rows_alone_is_taken_over_once() {
        let (store, [a]) = family(["a"]);
        let before = || vec![rows(&a, &[("Patient/1", "3"), ("Patient/1/l/0", "7"), ("Patient/1/l/1", "0")])];
        let made = |n: &str| {
            let rows = rows(&a, &[("Patient/1", n), ("Patient/1/l/~x", n), ("Patient/1/l/~y", n)]);
            let formerly = [("Patient/1/l/~x", "Patient/1/l/0"), ("Patient/1/l/~y", "Patient/1/l/1")];
            let formerly = formerly.map(|(now, before)| (key::guid(now), key::guid(before))).to_vec();
            vec![TableRows { formerly, ..rows }]
        };
        let shown = || ["Patient/1", "Patient/1/l/~x", "Patient/1/l/~y"].map(|text| row(&store, &a, text).unwrap().0);
        store.put_resources(&[write("1", None, before())]).unwrap();
        store.put_resources(&[write("2", None, vec![rows(&a, &[("Patient/2", "4")])])]).unwrap();
        store
            .writing(|transaction| {
                transaction.execute("INSERT INTO _turntable_own_in_rows VALUES ('a')", [])?;
                Ok(())
            })
            .unwrap();
        for _ in 0..2 {
            anew(&store, "1", 1, made("0")).unwrap();
            assert_eq!(shown(), ["3", "7", "0"]);
        }
        // Rows that cannot be made may hold anything.
        anew(&store, "2", 1, vec![TableRows::behind(a.clone(), "for a reason")]).unwrap();
        store.own_is_taken(&["b".into(), "a".into()]).unwrap();
        anew(&store, "2", 1, vec![rows(&a, &[("Patient/2", "0")])]).unwrap();
        assert_eq!(row(&store, &a, "Patient/2").unwrap().0, "4");
        anew(&store, "1", 1, made("9")).unwrap();
        assert_eq!(shown(), ["3", "7", "9"], "what the mapping said is not the row's own");
    }

    fn source(resource_type: &str) -> Source {
        Source {
            resource_type: resource_type.into(),
            profiles: Vec::new(),
            search: Vec::new(),
            fixed_params: Vec::new(),
            includes: Vec::new(),
            discriminator: None,
        }
    }

    /// Also in a store where they had one key, and what lives in the row alone under it.
    #[test]
    fn resources_of_one_id_have_rows_apart() {
        const ID: &str = "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11";
        let (store, [formerly]) = family(["a"]);
        let types = vec![source("Patient"), source("Person")];
        let table = Arc::new(Table { sources: types, ..(*formerly).clone() });
        let of = |resource_type: &str| format!("{resource_type}/{ID}");
        let put = |resource_type: &str, base: Option<u64>, made: TableRows| {
            let write = NativeWrite { resource_type: resource_type.into(), ..write(ID, base, vec![made]) };
            store.put_resources(&[write]).unwrap();
        };
        let made = |text: &str, n: &str| {
            let now = key::of_row(&table, text);
            TableRows { formerly: vec![(now, key::guid(text))], ..rows(&table, &[(text, n)]) }
        };
        let n = |resource_type: &str| {
            let found = store.row(&table, key::of_row(&table, &of(resource_type)), &[0, 1])?;
            assert_eq!(found.cell(0, 0), Some(&*of(resource_type)));
            found.cell(0, 1).map(str::to_owned)
        };
        put("Person", None, rows(&formerly, &[(&of("Person"), "3")]));
        assert_eq!(n("Person"), None, "it has the key of the first type");
        store
            .writing(|transaction| {
                transaction.execute("INSERT INTO _turntable_own_in_rows VALUES ('a')", [])?;
                Ok(())
            })
            .unwrap();
        put("Person", Some(1), made(&of("Person"), "0"));
        assert_eq!((n("Patient"), n("Person").as_deref()), (None, Some("3")));
        put("Patient", None, made(&of("Patient"), "5"));
        put("Patient", Some(1), made(&of("Patient"), "0"));
        assert_eq!((n("Patient").as_deref(), n("Person").as_deref()), (Some("5"), Some("3")));
        put("Patient", Some(2), TableRows::new(table.clone(), Rows::default()));
        assert_eq!((n("Patient"), n("Person").as_deref()), (None, Some("3")));

        // The first type comes to where the other's row still is.
        let (store, [formerly]) = family(["a"]);
        let write_of = |resource_type: &str, made: TableRows| NativeWrite {
            resource_type: resource_type.into(),
            ..write(ID, None, vec![made])
        };
        store.put_resources(&[write_of("Person", rows(&formerly, &[(&of("Person"), "3")]))]).unwrap();
        store.put_resources(&[write_of("Patient", made(&of("Patient"), "5"))]).unwrap();
        assert_eq!(store.count_rows(&table).unwrap(), 1);
    }

    /// What a write asks for: resource, base, and how many rows in each of two tables; None deletes.
    type Asked = (usize, Option<u64>, Option<[usize; 2]>);

    /// By resource: version and rows, as [`Asked`] has them.
    type Standing = BTreeMap<usize, (u64, Option<[usize; 2]>)>;

    /// The rules once more, without a database.
    fn expected(before: &Standing, batch: &[Asked]) -> Option<Standing> {
        let mut after = before.clone();
        for (id, base, asked) in batch {
            if after.get(id).map(|(version, _)| *version) != *base {
                return None;
            }
            after.insert(*id, (base.unwrap_or(0) + 1, *asked));
        }
        Some(after)
    }

    fn native(tables: &[Arc<Table>; 2], (id, base, asked): Asked) -> NativeWrite {
        let made = |table: usize| {
            let keys: Vec<_> = (0..asked.unwrap_or_default()[table]).map(|n| format!("{id}/{n}")).collect();
            rows(&tables[table], &keys.iter().map(|key| (key.as_str(), "1")).collect::<Vec<_>>())
        };
        let write = write(&id.to_string(), base, vec![made(0), made(1)]);
        if asked.is_some() { write } else { NativeWrite { body: None, ..write } }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_batches_leave_what_the_rules_say(
            batches in proptest::collection::vec(
                proptest::collection::vec(
                    // A base is mostly the one that fits.
                    (0..3usize, proptest::option::weighted(0.1, 0..4u64), proptest::option::weighted(0.7, [0..3usize, 0..3])),
                    1..4,
                ),
                1..12,
            ),
        ) {
            let (store, tables) = family(["a", "b"]);
            let mut standing = Standing::new();
            for batch in batches {
                let mut fitting = standing.clone();
                let batch: Vec<Asked> = batch.into_iter().map(|(id, wrong, asked)| {
                    let fits = fitting.get(&id).map(|(version, _)| *version);
                    fitting.insert(id, (fits.unwrap_or(0) + 1, None));
                    (id, wrong.map_or(fits, Some), asked)
                }).collect();
                let writes: Vec<_> = batch.iter().map(|asked| native(&tables, *asked)).collect();
                let put = store.put_resources(&writes);
                match expected(&standing, &batch) {
                    Some(after) => {
                        prop_assert!(put.is_ok(), "{:?}", put);
                        standing = after;
                    }
                    None => prop_assert_eq!(put.unwrap_err().code(), Code::VersionMismatch),
                }
                for id in 0..3 {
                    let name = id.to_string();
                    let (version, rows) = standing.get(&id).copied().unzip();
                    prop_assert_eq!(store.last_version("Patient", &name).unwrap(), version);
                    let held = store.resource("Patient", &name).unwrap().map(|(_, version)| version);
                    prop_assert_eq!(held, version.filter(|_| rows.flatten().is_some()));
                    for (table, count) in tables.iter().zip(rows.flatten().unwrap_or_default()) {
                        for n in 0..3 {
                            let found = row(&store, table, &format!("{id}/{n}"));
                            let expected = version.filter(|_| n < count).and_then(|v| is("1", &v.to_string()));
                            prop_assert_eq!(found, expected);
                        }
                    }
                }
            }
        }
    }
}
