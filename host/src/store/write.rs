//! Rows into native tables. Every change of a row gives it the next version of one counter that all tables share, so
//! that a version never comes back, not even after a delete; writing what is there already changes nothing.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension as _, Row, Transaction};
use uuid::Uuid;

use super::sqlite::Store;
use super::tables::{make_concept_keys, stored_key};
use crate::model::error::{Code, Error, Result};
use crate::model::key::{self, Decoded};
use crate::model::query::Precondition;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::model::value::SortKey;
use crate::plan::sql::{self, Value};

/// Cell texts by column; None = null. Columns that are not there stay as they are, or null in a new row. Cells of
/// concept keys are made here, whatever is given.
pub type Cells<'a> = Vec<(ColumnIndex, Option<&'a str>)>;

/// One of the changes that [`Store::apply`] makes together.
#[derive(Clone, Debug)]
pub enum Write<'a> {
    /// The key's cell must be given. `AlreadyExists`.
    Create { table: &'a Table, cells: Cells<'a> },
    /// `NotFound`, `VersionMismatch`.
    Update { table: &'a Table, key: Uuid, cells: Cells<'a>, when: &'a Precondition },
    /// Update, or create where the row is not there. `VersionMismatch`; `NotFound` if `when` wants the row;
    /// `AlreadyExists` if it does not. Without a cell for the key a new row's is decoded from the GUID.
    Upsert { table: &'a Table, key: Uuid, cells: Cells<'a>, when: &'a Precondition },
    /// `NotFound`, `VersionMismatch`. Rows of child tables are not followed.
    Delete { table: &'a Table, key: Uuid, when: &'a Precondition },
    /// Makes these the only rows of a child table that belong to a parent. Their cells must say so.
    ReplaceChildren { table: &'a Table, parent: Uuid, rows: &'a Rows },
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub key: Uuid,
    /// As it is now; of a deleted row the one that it had.
    pub version: String,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Updated,
    /// It had these cells already.
    Unchanged,
    Deleted,
}

impl Store {
    pub fn create(&self, table: &Table, cells: Cells<'_>) -> Result<Written> {
        self.writing_rows(|writer| writer.create(table, cells))
    }

    pub fn update(&self, table: &Table, key: Uuid, cells: Cells<'_>, when: &Precondition) -> Result<Written> {
        self.writing_rows(|writer| writer.update(table, key, cells, when))
    }

    pub fn upsert(&self, table: &Table, key: Uuid, cells: Cells<'_>, when: &Precondition) -> Result<Written> {
        self.writing_rows(|writer| writer.upsert(table, key, cells, when))
    }

    pub fn delete(&self, table: &Table, key: Uuid, when: &Precondition) -> Result<Written> {
        self.writing_rows(|writer| writer.delete(table, key, when))
    }

    pub fn replace_children(&self, table: &Table, parent: Uuid, rows: &Rows) -> Result<Vec<Written>> {
        self.writing_rows(|writer| writer.replace_children(table, parent, rows))
    }

    /// All of these changes, in their order, or none: for each, the rows that it touched.
    pub fn apply(&self, writes: Vec<Write<'_>>) -> Result<Vec<Vec<Written>>> {
        self.writing_rows(|writer| writes.into_iter().map(|write| writer.apply(write)).collect())
    }

    fn writing_rows<T>(&self, write: impl FnOnce(&mut Writer<'_>) -> Result<T>) -> Result<T> {
        self.writing(|transaction| {
            let before = transaction
                .prepare_cached("SELECT version FROM _turntable_version")?
                .query_row([], |row| row.get(0))?;
            let now = Timestamp::now().as_microsecond();
            let mut writer = Writer { transaction, version: before, now };
            let written = write(&mut writer)?;
            if writer.version != before {
                transaction.prepare_cached("UPDATE _turntable_version SET version = ?")?.execute([writer.version])?;
            }
            Ok(written)
        })
    }
}

/// One transaction's worth of writing.
struct Writer<'t> {
    transaction: &'t Transaction<'t>,
    /// The last one given.
    version: i64,
    now: i64,
}

/// A whole row: a cell for each of the table's columns.
struct Existing {
    version: i64,
    cells: Vec<Option<String>>,
}

impl Writer<'_> {
    fn apply(&mut self, write: Write<'_>) -> Result<Vec<Written>> {
        match write {
            Write::Create { table, cells } => Ok(vec![self.create(table, cells)?]),
            Write::Update { table, key, cells, when } => Ok(vec![self.update(table, key, cells, when)?]),
            Write::Upsert { table, key, cells, when } => Ok(vec![self.upsert(table, key, cells, when)?]),
            Write::Delete { table, key, when } => Ok(vec![self.delete(table, key, when)?]),
            Write::ReplaceChildren { table, parent, rows } => self.replace_children(table, parent, rows),
        }
    }

    fn create(&mut self, table: &Table, cells: Cells<'_>) -> Result<Written> {
        let key = key_of(table, &cells)?.ok_or_else(|| {
            Error::new(Code::RequiredColumn, "a new row needs its key").target(&table.columns[table.key].name)
        })?;
        if self.existing(table, key)?.is_some() {
            return Err(already_exists(table));
        }
        self.insert(table, key, cells)
    }

    fn update(&mut self, table: &Table, key: Uuid, cells: Cells<'_>, when: &Precondition) -> Result<Written> {
        let existing = self.existing(table, key)?.ok_or_else(|| not_found(table))?;
        allowed(table, existing.version, when)?;
        self.merge(table, key, existing, cells)
    }

    fn upsert(&mut self, table: &Table, key: Uuid, cells: Cells<'_>, when: &Precondition) -> Result<Written> {
        match (self.existing(table, key)?, when) {
            (Some(existing), _) => {
                allowed(table, existing.version, when)?;
                self.merge(table, key, existing, cells)
            }
            (None, Precondition::None | Precondition::MustNotExist) => self.insert(table, key, cells),
            (None, Precondition::MustExist | Precondition::Versions(_)) => Err(not_found(table)),
        }
    }

    fn delete(&mut self, table: &Table, key: Uuid, when: &Precondition) -> Result<Written> {
        let existing = self.existing(table, key)?.ok_or_else(|| not_found(table))?;
        allowed(table, existing.version, when)?;
        let delete = format!("DELETE FROM {} WHERE \"key\" = ?", sql::table_name(table));
        self.transaction.prepare_cached(&delete)?.execute([key])?;
        Ok(Written { key, version: existing.version.to_string(), outcome: Outcome::Deleted })
    }

    fn replace_children(&mut self, table: &Table, parent: Uuid, rows: &Rows) -> Result<Vec<Written>> {
        let Some(link) = &table.parent else {
            return Err(Error::new(Code::Internal, "the table is no child table").target(&table.name));
        };
        let mut kept = HashSet::new();
        let mut written = Vec::new();
        for row in 0..rows.len() {
            let cells: Cells<'_> = rows.columns().iter().copied().zip(rows.row(row)).collect();
            let belongs = SortKey::of(&table.columns[link.column].kind, rows.cell(row, link.column))?;
            let key = key_of(table, &cells)?.filter(|key| belongs == SortKey::Guid(parent) && kept.insert(*key));
            let key = key.ok_or_else(|| {
                Error::new(Code::BadValue, "a child row lacks its own key or that of its parent").target(&table.name)
            })?;
            written.push(self.upsert(table, key, cells, &Precondition::None)?);
        }
        for key in self.children(table, link.column, parent)? {
            if !kept.contains(&key) {
                written.push(self.delete(table, key, &Precondition::None)?);
            }
        }
        Ok(written)
    }

    fn children(&self, table: &Table, column: ColumnIndex, parent: Uuid) -> Result<Vec<Uuid>> {
        let select = format!(
            "SELECT \"key\" FROM {} WHERE {} = ? ORDER BY \"key\"",
            sql::table_name(table),
            sql::key_name(table, column)
        );
        let mut statement = self.transaction.prepare_cached(&select)?;
        let keys = statement.query_map([parent], |row| row.get(0))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    fn existing(&self, table: &Table, key: Uuid) -> Result<Option<Existing>> {
        let columns: Vec<ColumnIndex> = (0..table.columns.len()).collect();
        let mut statement = self.transaction.prepare_cached(&select_by_key(table, &columns))?;
        let found = statement.query_row([key], |row| {
            let version = row.get(0)?;
            Ok(cells(row, columns.len())
                .map(|cells| Existing { version, cells: cells.into_iter().map(|c| c.map(str::to_owned)).collect() }))
        });
        found.optional()?.transpose()
    }

    fn insert(&mut self, table: &Table, key: Uuid, given: Cells<'_>) -> Result<Written> {
        let mut cells = vec![None; table.columns.len()];
        assign(table, key, &mut cells, given)?;
        if cells[table.key].is_none() {
            cells[table.key] = match key::decode(key) {
                Decoded::Id(id) => Some(id),
                Decoded::Hashed => return Err(Error::new(Code::BadKey, "no new row can have this key")),
            };
        }
        self.put(table, key, &cells)?;
        Ok(Written { key, version: self.version.to_string(), outcome: Outcome::Created })
    }

    fn merge(&mut self, table: &Table, key: Uuid, existing: Existing, given: Cells<'_>) -> Result<Written> {
        let mut cells = existing.cells.clone();
        assign(table, key, &mut cells, given)?;
        if cells == existing.cells {
            return Ok(Written { key, version: existing.version.to_string(), outcome: Outcome::Unchanged });
        }
        self.put(table, key, &cells)?;
        Ok(Written { key, version: self.version.to_string(), outcome: Outcome::Updated })
    }

    /// A whole row with the next version.
    fn put(&mut self, table: &Table, key: Uuid, cells: &[Option<String>]) -> Result<()> {
        self.version += 1;
        let mut names = vec!["\"key\"".to_owned(), "\"version\"".into(), "\"modified\"".into()];
        let mut params = vec![SortKey::Guid(key).into(), Value::Int(self.version), Value::Int(self.now)];
        for (column, cell) in cells.iter().enumerate() {
            names.push(sql::cell_name(table, column));
            params.push(cell.clone().map_or(Value::Null, Value::Text));
            let key = stored_key(table, column, cell.as_deref())?;
            if column != table.key {
                names.push(sql::key_name(table, column));
                params.push(key);
            }
        }
        let assigned: Vec<_> = names[1..].iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let insert = format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT (\"key\") DO UPDATE SET {}",
            sql::table_name(table),
            names.join(", "),
            vec!["?"; names.len()].join(", "),
            assigned.join(", ")
        );
        self.transaction.prepare_cached(&insert)?.execute(rusqlite::params_from_iter(params))?;
        Ok(())
    }
}

/// Lays given cells over a row's. The key stays what it is.
fn assign(table: &Table, key: Uuid, cells: &mut [Option<String>], given: Cells<'_>) -> Result<()> {
    if key_of(table, &given)?.is_some_and(|given| given != key) {
        return Err(Error::new(Code::BadKey, "the key in the row is not the key that is addressed")
            .target(&table.columns[table.key].name));
    }
    for (column, cell) in given {
        let place = cells
            .get_mut(column)
            .ok_or_else(|| Error::new(Code::Internal, "a cell of a column that the table does not have"))?;
        if column != table.key || cell.is_some() {
            *place = cell.map(str::to_owned);
        }
    }
    make_concept_keys(table, cells);
    Ok(())
}

/// The GUID that the key's cell stands for, if there is one.
fn key_of(table: &Table, cells: &Cells<'_>) -> Result<Option<Uuid>> {
    let cell = cells.iter().rev().find(|(column, _)| *column == table.key).and_then(|(_, cell)| *cell);
    Ok(match SortKey::of(&table.columns[table.key].kind, cell)? {
        SortKey::Guid(guid) => Some(guid),
        _ => None,
    })
}

fn allowed(table: &Table, version: i64, when: &Precondition) -> Result<()> {
    match when {
        Precondition::None | Precondition::MustExist => Ok(()),
        Precondition::MustNotExist => Err(already_exists(table)),
        Precondition::Versions(versions) if versions.contains(&version.to_string()) => Ok(()),
        Precondition::Versions(_) => Err(Error::new(Code::VersionMismatch, "the row has been changed meanwhile")
            .target(&table.name)
            .hint("read it again, and send the change with its new ETag")),
    }
}

fn not_found(table: &Table) -> Error {
    Error::new(Code::NotFound, format!("there is no row with this key in `{}`", table.entity_set)).target(&table.name)
}

fn already_exists(table: &Table) -> Error {
    Error::new(Code::AlreadyExists, format!("there is a row with this key in `{}` already", table.entity_set))
        .target(&table.name)
}

/// The cells that follow the version.
pub(super) fn cells<'r>(row: &'r Row<'_>, count: usize) -> Result<Vec<Option<&'r str>>> {
    let cell = |index| match row.get_ref(index)? {
        ValueRef::Null => Ok(None),
        value => Ok(Some(value.as_str().map_err(rusqlite::Error::from)?)),
    };
    (1..=count).map(cell).collect()
}

/// Version and cells of one row.
pub(super) fn select_by_key(table: &Table, columns: &[ColumnIndex]) -> String {
    let mut statement = String::from("SELECT \"version\"");
    for column in columns {
        statement.push_str(", ");
        statement.push_str(&sql::cell_name(table, *column));
    }
    statement + " FROM " + &sql::table_name(table) + " WHERE \"key\" = ?"
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::model::table::Kind;
    use crate::plan::sql::{Select, Window};
    use crate::store::tables::sample;

    fn store(table: &Table) -> Store {
        let store = Store::temporary().unwrap();
        store.ensure_table(table).unwrap();
        store
    }

    fn cells<'a>(table: &Table, named: &[(&str, Option<&'a str>)]) -> Cells<'a> {
        named.iter().map(|(name, cell)| (table.column(name).unwrap(), *cell)).collect()
    }

    fn shown(store: &Store, table: &Table, key: Uuid, names: &[&str]) -> Vec<Option<String>> {
        let columns: Vec<_> = names.iter().map(|name| table.column(name).unwrap()).collect();
        let found = store.get(table, key, &columns).unwrap().expect("the row is there");
        found.rows.row(0).map(|cell| cell.map(str::to_owned)).collect()
    }

    fn versions(texts: &[&str]) -> Precondition {
        Precondition::Versions(texts.iter().map(|t| (*t).to_owned()).collect())
    }

    #[test]
    fn versions_rise_and_preconditions_hold() {
        let table = sample::table();
        let store = store(&table);
        let none = Precondition::None;
        let key = key::guid("a");
        let set = |name| cells(&table, &[("name", Some(name))]);
        let code = |result: Result<Written>| result.map(|w| w.outcome).map_err(|e| e.code());

        assert_eq!(code(store.update(&table, key, set("x"), &none)), Err(Code::NotFound));
        assert_eq!(code(store.delete(&table, key, &none)), Err(Code::NotFound));
        assert_eq!(code(store.upsert(&table, key, set("x"), &Precondition::MustExist)), Err(Code::NotFound));
        assert_eq!(code(store.create(&table, set("x"))), Err(Code::RequiredColumn));

        let new = cells(&table, &[("msemr_azurefhirid", Some("a")), ("name", Some("one")), ("count", Some("1"))]);
        let first = store.create(&table, new.clone()).unwrap();
        assert_eq!((first.key, first.outcome), (key, Outcome::Created));
        assert_eq!(code(store.create(&table, new)), Err(Code::AlreadyExists));
        assert_eq!(code(store.upsert(&table, key, set("x"), &Precondition::MustNotExist)), Err(Code::AlreadyExists));

        let second = store.update(&table, key, set("two"), &versions(&["7", &first.version])).unwrap();
        assert_eq!(second.outcome, Outcome::Updated);
        assert!(second.version.parse::<u64>().unwrap() > first.version.parse().unwrap());
        assert_eq!(code(store.update(&table, key, set("x"), &versions(&[&first.version]))), Err(Code::VersionMismatch));
        assert_eq!(code(store.delete(&table, key, &versions(&[&first.version]))), Err(Code::VersionMismatch));
        assert_eq!(shown(&store, &table, key, &["name", "count"]), [Some("two".into()), Some("1".into())]);

        let same = store.update(&table, key, set("two"), &Precondition::MustExist).unwrap();
        assert_eq!((same.outcome, &same.version), (Outcome::Unchanged, &second.version));

        store.delete(&table, key, &versions(&[&second.version])).unwrap();
        let again = store.upsert(&table, key, set("three"), &none).unwrap();
        assert_eq!(again.outcome, Outcome::Created);
        assert_ne!(again.version, first.version, "a version never comes back");
        assert_eq!(shown(&store, &table, key, &["msemr_azurefhirid", "count"]), [Some("a".into()), None]);
    }

    #[test]
    fn the_key_of_a_row_stays() {
        let table = sample::table();
        let store = store(&table);
        let none = Precondition::None;
        store.create(&table, cells(&table, &[("msemr_azurefhirid", Some("a"))])).unwrap();
        let other = cells(&table, &[("msemr_azurefhirid", Some("b"))]);
        assert_eq!(store.update(&table, key::guid("a"), other, &none).unwrap_err().code(), Code::BadKey);
        let nothing = cells(&table, &[("msemr_azurefhirid", None), ("name", Some("x"))]);
        store.update(&table, key::guid("a"), nothing, &none).unwrap();
        assert_eq!(shown(&store, &table, key::guid("a"), &["msemr_azurefhirid"]), [Some("a".into())]);
        let hashed = key::guid("an-id-that-is-too-long-to-pack");
        assert_eq!(store.upsert(&table, hashed, Vec::new(), &none).unwrap_err().code(), Code::BadKey);
    }

    #[test]
    fn concept_keys_follow_code_and_system() {
        let table = sample::table();
        let store = store(&table);
        let none = Precondition::None;
        let key = key::guid("a");
        let concept = table.columns.iter().position(|c| matches!(c.kind, Kind::ConceptKey { .. })).unwrap();
        let check = |named: &[(&str, Option<&str>)], expected: Option<Uuid>| {
            let mut cells = cells(&table, named);
            cells.push((concept, Some("whatever the caller says")));
            store.upsert(&table, key, cells, &none).unwrap();
            let found = store.get(&table, key, &[concept]).unwrap().unwrap();
            assert_eq!(found.rows.cell(0, concept), expected.map(|g| g.to_string()).as_deref(), "{named:?}");
        };
        check(&[("code_code", Some("1"))], Some(key::concept(None, "1")));
        check(&[("code_system", Some("s"))], Some(key::concept(Some("s"), "1")));
        check(&[("code_code", None)], None);
    }

    #[test]
    fn ill_formed_cells_are_refused_by_column_and_leave_nothing() {
        let table = sample::table();
        let store = store(&table);
        let good = cells(&table, &[("msemr_azurefhirid", Some("good"))]);
        for (name, cell) in [("count", "1.5"), ("day", "2024-13-01"), ("active", "yes"), ("weight", "heavy")] {
            let bad = cells(&table, &[("msemr_azurefhirid", Some("bad")), (name, Some(cell))]);
            let writes =
                vec![Write::Create { table: &table, cells: good.clone() }, Write::Create { table: &table, cells: bad }];
            let error = store.apply(writes).unwrap_err();
            assert_eq!((error.code(), error.get_target()), (Code::BadValue, Some(name)));
            assert!(!error.to_string().contains(cell), "no data in messages");
            assert_eq!(store.get(&table, key::guid("good"), &[table.key]).unwrap(), None, "all or nothing");
        }
    }

    #[test]
    fn children_are_replaced_as_a_whole() {
        let table = sample::table();
        let store = store(&table);
        let columns = ["msemr_azurefhirid", "patient", "name"].map(|name| table.column(name).unwrap());
        let children = |rows: &[[&str; 3]]| {
            let mut made = Rows::new(columns.to_vec());
            rows.iter().for_each(|row| made.push(row.map(Some)));
            made
        };
        let replace = |parent: &str, rows: &[[&str; 3]]| {
            let written = store.replace_children(&table, key::guid(parent), &children(rows));
            written.map(|w| w.into_iter().map(|w| (w.key, w.outcome)).collect::<Vec<_>>())
        };
        let [a, b, c] = ["p/x/0", "p/x/1", "p/x/2"].map(key::guid);
        replace("q", &[["q/x/0", "Patient/q", "of another"]]).unwrap();
        let two = [["p/x/0", "Patient/p", "first"], ["p/x/1", "Patient/p", "second"]];
        assert_eq!(replace("p", &two).unwrap(), [(a, Outcome::Created), (b, Outcome::Created)]);
        let next = [["p/x/0", "Patient/p", "first"], ["p/x/2", "Patient/p", "third"]];
        let expected = [(a, Outcome::Unchanged), (c, Outcome::Created), (b, Outcome::Deleted)];
        assert_eq!(replace("p", &next).unwrap(), expected);
        for bad in [["p/x/0", "Patient/q", "x"], ["q/x/0", "Patient/q", "x"]] {
            assert_eq!(replace("p", &[bad]).unwrap_err().code(), Code::BadValue);
        }
        assert_eq!(replace("p", &[two[0], two[0]]).unwrap_err().code(), Code::BadValue, "one key twice");
        assert_eq!(replace("p", &[]).unwrap().len(), 2);
        let all = Select::new(&table, &[columns[2]], None, &[], Window::default());
        assert_eq!(store.select(&all).unwrap().rows.cell(0, columns[2]), Some("of another"));
        assert_eq!(store.count(&all).unwrap(), 1);
    }

    #[test]
    fn sixteen_read_while_one_writes() {
        let table = sample::table();
        let store = store(&table);
        let [id, name, other] = ["msemr_azurefhirid", "name", "other_name"].map(|n| table.column(n).unwrap());
        store.create(&table, vec![(id, Some("a")), (name, Some("0")), (other, Some("0"))]).unwrap();
        let done = AtomicBool::new(false);
        let all = Select::new(&table, &[name, other], None, &[], Window::default());
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let mut last = 0;
                    while !done.load(Ordering::Relaxed) {
                        let found = store.select(&all).unwrap();
                        let seen: u32 = found.rows.cell(0, name).unwrap().parse().unwrap();
                        assert_eq!(found.rows.cell(0, name), found.rows.cell(0, other), "no half a row");
                        assert!(seen >= last, "time does not run backwards");
                        last = seen;
                    }
                });
            }
            for number in 1..=100 {
                let text = number.to_string();
                let cells = vec![(name, Some(text.as_str())), (other, Some(text.as_str()))];
                store.update(&table, key::guid("a"), cells, &Precondition::None).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(store.select(&all).unwrap().versions, ["101"]);
    }
}
