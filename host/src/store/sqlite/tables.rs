//! One SQL table for each version of a native table that has ever had a row: made when the first one is written, in its
//! transaction, and dropped when nobody can go back to the version. Another program may describe the same version in
//! another way: columns are added then, and sort keys made anew, and a stored cell that does not fit its column any more
//! becomes null until its row is made anew.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use rusqlite::{Connection, Transaction};

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::table::{ColumnIndex, Kind, Rank, Table};
use crate::model::value::SortKey;
use crate::store::sql::indexes::has_an_index;
use crate::store::sql::names::{self, Value};
use crate::store::sql::words;

/// To be raised when `model::value` makes other sort keys from the same cells: all are then made anew.
const KEYS_VERSION: u32 = 2;

/// Rows whose sort keys are made anew in one go.
pub(crate) const REBUILD_ROWS: usize = 500;

/// Two SQL columns each, and SQLite has at most 2,000.
const COLUMNS_MAX: usize = 990;

/// The native tables that are there, by name. What is not there has no rows.
#[derive(Debug, Default)]
pub(crate) struct Tables(RwLock<HashMap<String, Arc<Made>>>);

/// A table as the database has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    /// How the sort keys of each column are made ([`keys_of`]), by its stem.
    keys: HashMap<String, String>,
    /// The description that was last found to fit.
    fits: Option<Arc<Table>>,
}

/// What the database has of a table as it is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    Missing,
    /// Some columns are not there.
    Partly,
    Whole,
}

/// Tables that a transaction makes or changes, known to others when it is done.
#[derive(Debug, Default)]
pub(crate) struct Changes(HashMap<String, Made>);

impl Tables {
    pub(crate) fn load(connection: &Connection) -> Result<Self> {
        let mut tables: HashMap<String, Made> = HashMap::new();
        let mut select = connection.prepare("SELECT table_name, column_name, keys FROM _turntable_columns")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            tables.entry(row.get(0)?).or_default().keys.insert(row.get(1)?, row.get(2)?);
        }
        Ok(Self(RwLock::new(tables.into_iter().map(|(name, made)| (name, Arc::new(made))).collect())))
    }

    /// With regard to some columns only.
    pub(crate) fn stands(&self, table: &Arc<Table>, columns: impl IntoIterator<Item = ColumnIndex>) -> Stands {
        self.made(&table.set()).map_or(Stands::Missing, |made| made.stands(table, columns))
    }

    pub(crate) fn apply(&self, changes: Changes) {
        if !changes.0.is_empty() {
            let made = changes.0.into_iter().map(|(name, made)| (name, Arc::new(made)));
            self.0.write().unwrap_or_else(PoisonError::into_inner).extend(made);
        }
    }

    /// By what the store calls them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// They are there no more.
    pub(crate) fn forget(&self, names: &[String]) {
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        names.iter().for_each(|name| drop(tables.remove(name)));
    }

    pub(crate) fn made(&self, name: &str) -> Option<Arc<Made>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The database does not tell upper case from lower case, and we do.
    pub(crate) fn check_case(&self, table: &Table) -> Result<()> {
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let set = table.set();
        let other = tables.keys().any(|name| name.eq_ignore_ascii_case(&set) && **name != *set);
        if other {
            return Err(Error::new(Code::Conflict, "another table has this name in different case").target(&table.name));
        }
        Ok(())
    }
}

impl Made {
    fn stands(&self, table: &Arc<Table>, columns: impl IntoIterator<Item = ColumnIndex>) -> Stands {
        let fits = self.fits.as_ref().is_some_and(|fits| Arc::ptr_eq(fits, table));
        let has = |column| self.has(table, column);
        if fits || columns.into_iter().all(has) { Stands::Whole } else { Stands::Partly }
    }

    /// Whether a column is there.
    pub(crate) fn has(&self, table: &Table, column: ColumnIndex) -> bool {
        self.keys.contains_key(&*names::stem(table, column))
    }

    /// Whether every column is there, with sort keys made as they should be.
    pub(crate) fn is_up_to_date(&self, table: &Table) -> bool {
        (0..table.columns.len()).all(|c| self.keys.get(&*names::stem(table, c)) == Some(&keys_of(table, c)))
    }
}

impl Changes {
    /// Before rows of a table are written: makes it, or adds columns that it lacks.
    pub(crate) fn ready(&mut self, tables: &Tables, transaction: &Transaction<'_>, table: &Arc<Table>) -> Result<()> {
        match self.stands(tables, table) {
            Stands::Whole => Ok(()),
            Stands::Missing => {
                check_names(table)?;
                tables.check_case(table)?;
                self.ensure(transaction, table)
            }
            // Keys stay as whoever put a version in force has them made.
            Stands::Partly => {
                let before = keys_before(transaction, table)?;
                for column in (0..table.columns.len()).filter(|c| !before.contains_key(&*names::stem(table, *c))) {
                    add_column(transaction, table, column)?;
                    remember_column(transaction, table, column)?;
                }
                create_indexes(transaction, table)?;
                self.note(transaction, table)
            }
        }
    }

    /// As the transaction sees it.
    pub(crate) fn stands(&self, tables: &Tables, table: &Arc<Table>) -> Stands {
        let all = 0..table.columns.len();
        match self.0.get(&*table.set()) {
            Some(made) => made.stands(table, all),
            None => tables.stands(table, all),
        }
    }

    /// A table that is as it is described.
    pub(crate) fn fits(&mut self, made: &Made, table: &Arc<Table>) {
        self.0.insert(table.set().into_owned(), Made { fits: Some(table.clone()), ..made.clone() });
    }

    /// Makes the SQL table what its table needs. An error leaves the transaction to be rolled back.
    pub(crate) fn ensure(&mut self, transaction: &Transaction<'_>, table: &Arc<Table>) -> Result<()> {
        ensure(transaction, table)?;
        self.note(transaction, table)
    }

    fn note(&mut self, transaction: &Transaction<'_>, table: &Arc<Table>) -> Result<()> {
        let made = Made { keys: keys_before(transaction, table)?, fits: Some(table.clone()) };
        self.0.insert(table.set().into_owned(), made);
        Ok(())
    }
}

fn ensure(transaction: &Transaction<'_>, table: &Table) -> Result<()> {
    let before = keys_before(transaction, table)?;
    if before.is_empty() {
        return create(transaction, table);
    }
    if before.get(&*names::stem(table, table.key)).is_none_or(|keys| *keys != keys_of(table, table.key)) {
        return create_anew(transaction, table);
    }
    let changed = |c: &ColumnIndex| before.get(&*names::stem(table, *c)) != Some(&keys_of(table, *c));
    let changed: Vec<ColumnIndex> = (0..table.columns.len()).filter(changed).collect();
    for column in &changed {
        if !before.contains_key(&*names::stem(table, *column)) {
            add_column(transaction, table, *column)?;
        }
        remember_column(transaction, table, *column)?;
    }
    // A column that was just added has nothing to make keys from, unless the host makes its cells too.
    let from_cells =
        |c: &&ColumnIndex| before.contains_key(&*names::stem(table, **c)) || table.concept_of(**c).is_some();
    rebuild(transaction, table, &changed.iter().filter(from_cells).copied().collect::<Vec<_>>())?;
    create_indexes(transaction, table)
}

/// Gives the concept keys of a row their cells, from the cells of code and system.
pub(crate) fn make_concept_keys(table: &Table, cells: &mut [Option<String>]) {
    for column in 0..table.columns.len() {
        if let Some(concept) = table.concept_of(column) {
            let made = cells[concept.code].as_deref().map(|code| key::concept(cells[concept.system].as_deref(), code));
            cells[column] = made.map(|guid| guid.to_string());
        }
    }
}

/// The sort key of a cell as it is stored.
pub(crate) fn stored_key(table: &Table, column: ColumnIndex, cell: Option<&str>) -> Result<Value> {
    if column == table.key {
        return Ok(cell.map_or(SortKey::Null, |text| SortKey::Guid(key::of_row(table, text))).into());
    }
    let column = &table.columns[column];
    Ok(SortKey::of(&column.kind, cell).map_err(|e| e.target(&column.name))?.into())
}

/// Names become names of the database: ASCII letters, digits and underscores, distinct without regard to case.
pub(crate) fn check_names(table: &Table) -> Result<()> {
    let refused = |what: String| {
        Err(Error::new(Code::ComponentRefused, what)
            .target(&table.name)
            .hint("names are ASCII letters, digits and `_`, up to 128, distinct without regard to case"))
    };
    let plain =
        |name: &str| (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let lower = table.name.to_ascii_lowercase();
    if !plain(&table.name) || lower.starts_with("_turntable") || lower.starts_with("sqlite_") {
        return refused(format!("the store cannot have a table of the name `{}`", table.name.escape_debug()));
    }
    if table.columns.len() > COLUMNS_MAX {
        return refused(format!("`{}` has more than {COLUMNS_MAX} columns", table.name));
    }
    let mut seen = HashSet::new();
    for column in 0..table.columns.len() {
        let stem = names::stem(table, column);
        if !plain(&stem) || !seen.insert(stem.to_ascii_lowercase()) {
            let what = format!("the store cannot have a column of the name `{}`, or not twice", stem.escape_debug());
            return refused(what);
        }
    }
    Ok(())
}

/// How the sort keys of a column are made: if this text changes, they must be made anew.
fn keys_of(table: &Table, column: ColumnIndex) -> String {
    if column == table.key {
        return "identity".into();
    }
    let how = match &table.columns[column].kind {
        Kind::Key => "guid".into(),
        Kind::Lookup(lookup) => {
            let moved = lookup.targets.iter().filter_map(|target| match target.rank {
                Rank::Only => None,
                Rank::Nth(nth) => Some(format!(" {}={nth}", target.resource_type)),
            });
            format!("guid{}", moved.collect::<String>())
        }
        Kind::Text { .. } | Kind::PartialDate | Kind::Uri | Kind::Json => "text".into(),
        Kind::Boolean => "boolean".into(),
        Kind::Int32 => "int32".into(),
        Kind::Int64 => "int64".into(),
        Kind::Decimal { .. } => "decimal".into(),
        Kind::Date => "date".into(),
        Kind::DateTime => "date-time".into(),
        Kind::Choice(choice) => {
            let options: Vec<_> = choice.options.iter().map(|o| format!("{:?}={}", o.code, o.value)).collect();
            format!("choice open={} {}", choice.open, options.join(" "))
        }
        Kind::ConceptKey { concept } => {
            let of = |column: ColumnIndex| table.columns.get(column).map_or("", |c| c.name.as_str());
            let concept = table.concepts.get(*concept);
            format!("concept {} {}", concept.map_or("", |c| of(c.code)), concept.map_or("", |c| of(c.system)))
        }
    };
    format!("{KEYS_VERSION} {how}")
}

fn keys_before(transaction: &Transaction<'_>, table: &Table) -> Result<HashMap<String, String>> {
    let mut select =
        transaction.prepare_cached("SELECT column_name, keys FROM _turntable_columns WHERE table_name = ?")?;
    let before = select.query_map([table.set()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(before.collect::<Result<_, _>>()?)
}

fn create(transaction: &Transaction<'_>, table: &Table) -> Result<()> {
    let name = names::table_name(table);
    // `resource` is the GUID of the resource that the row was made of, `version` that resource's.
    // No affinity but the value's own, so that a column may change its kind.
    // All columns at once: each ALTER TABLE makes SQLite read the whole schema anew.
    let mut columns = String::new();
    for column in 0..table.columns.len() {
        columns.push_str(", ");
        columns.push_str(&column_definitions(table, column).join(", "));
    }
    transaction.execute_batch(&format!(
        "CREATE TABLE {name} (\"key\" BLOB NOT NULL PRIMARY KEY, \"resource\" BLOB NOT NULL, \
         \"version\" INTEGER NOT NULL{columns}) STRICT"
    ))?;
    for column in 0..table.columns.len() {
        remember_column(transaction, table, column)?;
    }
    create_indexes(transaction, table)
}

/// The key is the identity of the rows: it changes only while there are none.
fn create_anew(transaction: &Transaction<'_>, table: &Table) -> Result<()> {
    let name = names::table_name(table);
    let rows: i64 = transaction.query_row(&format!("SELECT count(*) FROM {name}"), [], |row| row.get(0))?;
    if rows > 0 {
        return Err(Error::new(Code::Conflict, "the key column of a table that has rows cannot change")
            .target(&table.columns[table.key].name)
            .hint("keep the key column, or delete the rows first"));
    }
    // What keeps an index of words would go with the table, and the index stay as it is.
    transaction.execute_batch(&words::drop(&table.set()))?;
    transaction.execute_batch(&format!("DROP TABLE {name}"))?;
    transaction.execute("DELETE FROM _turntable_columns WHERE table_name = ?", [table.set()])?;
    create(transaction, table)
}

fn add_column(transaction: &Transaction<'_>, table: &Table, column: ColumnIndex) -> Result<()> {
    let name = names::table_name(table);
    for definition in column_definitions(table, column) {
        transaction.execute_batch(&format!("ALTER TABLE {name} ADD COLUMN {definition}"))?;
    }
    Ok(())
}

/// The cell, and beside it its sort key; the key of the rows is its own.
fn column_definitions(table: &Table, column: ColumnIndex) -> Vec<String> {
    let mut definitions = vec![format!("{} TEXT", names::cell_name(table, column))];
    if column != table.key {
        definitions.push(format!("{} ANY", names::key_name(table, column)));
    }
    definitions
}

fn remember_column(transaction: &Transaction<'_>, table: &Table, column: ColumnIndex) -> Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO _turntable_columns (table_name, column_name, keys) VALUES (?, ?, ?) \
         ON CONFLICT DO UPDATE SET keys = excluded.keys",
    )?;
    insert.execute((table.set(), names::stem(table, column), keys_of(table, column)))?;
    Ok(())
}

/// For finding rows by what they point to and by their FHIR id. Where the key is null there is nothing to find.
fn create_indexes(transaction: &Transaction<'_>, table: &Table) -> Result<()> {
    transaction.execute_batch(&format!(
        "CREATE INDEX IF NOT EXISTS \"{}:resource\" ON {} (\"resource\")",
        table.set(),
        names::table_name(table)
    ))?;
    for column in (0..table.columns.len()).filter(|column| *column != table.key) {
        if has_an_index(table, column) {
            let (name, key) = (names::table_name(table), names::key_name(table, column));
            // Names of indexes and tables share a space; no table has a colon.
            let index = format!("\"{}:{}\"", table.set(), names::stem(table, column));
            transaction.execute_batch(&format!(
                "CREATE INDEX IF NOT EXISTS {index} ON {name} ({key}, \"key\") WHERE {key} IS NOT NULL"
            ))?;
        }
    }
    Ok(())
}

/// Makes the sort keys of some columns, and the cells of concept keys, anew from the cells. A cell that has no sort key
/// becomes null together with it, so that what is shown and what is compared stay the same value.
fn rebuild(transaction: &Transaction<'_>, table: &Table, columns: &[ColumnIndex]) -> Result<()> {
    if columns.is_empty() {
        return Ok(());
    }
    let name = names::table_name(table);
    let all: Vec<_> = (0..table.columns.len()).map(|c| names::cell_name(table, c)).collect();
    let assigned: Vec<_> = columns
        .iter()
        .map(|c| format!("{} = ?, {} = ?", names::cell_name(table, *c), names::key_name(table, *c)))
        .collect();
    let mut select = transaction.prepare(&format!(
        "SELECT rowid, {} FROM {name} WHERE rowid > ? ORDER BY rowid LIMIT {REBUILD_ROWS}",
        all.join(", ")
    ))?;
    let mut update = transaction.prepare(&format!("UPDATE {name} SET {} WHERE rowid = ?", assigned.join(", ")))?;
    let mut last = i64::MIN;
    loop {
        let cells = |row: &rusqlite::Row<'_>| (1..=all.len()).map(|i| row.get(i)).collect::<Result<Vec<_>, _>>();
        let rows = select.query_map([last], |row| Ok((row.get(0)?, cells(row)?)))?;
        let rows = rows.collect::<Result<Vec<(i64, Vec<Option<String>>)>, _>>()?;
        let Some((end, _)) = rows.last() else {
            return Ok(());
        };
        last = *end;
        for (rowid, mut cells) in rows {
            make_concept_keys(table, &mut cells);
            let mut params = Vec::with_capacity(columns.len() * 2 + 1);
            for column in columns {
                let cell = cells[*column].take();
                let (cell, key) = match stored_key(table, *column, cell.as_deref()) {
                    Ok(key) => (cell.map_or(Value::Null, Value::Text), key),
                    Err(_) => (Value::Null, Value::Null),
                };
                params.push(cell);
                params.push(key);
            }
            params.push(Value::Int(rowid));
            update.execute(rusqlite::params_from_iter(params))?;
        }
    }
}

/// A table with a column of every kind.
#[cfg(test)]
pub(crate) mod sample {
    use crate::model::table::{
        Choice, ChoiceOption, Column, Concept, Kind, Lookup, Parent, Rank, Table, TableAccess, Target,
    };

    pub(crate) fn table() -> Table {
        let text = || Kind::Text { max_length: None, multi_line: false };
        let option = |value, code: &str| ChoiceOption { value, code: code.into(), system: None, label: code.into() };
        let choice = Choice { options: vec![option(5, "planned"), option(3, "finished")], open: true, value_set: None };
        let target = Target { entity_set: "contacts".into(), resource_type: "Patient".into(), rank: Rank::Only };
        let lookup = Lookup { targets: vec![target], navigation: "patient".into() };
        let columns = vec![
            column("msemr_azurefhirid", Kind::Key),
            column("name", text()),
            column("other_name", text()),
            column("active", Kind::Boolean),
            column("count", Kind::Int64),
            column("other_count", Kind::Int64),
            column("weight", Kind::Decimal { precision: 18, scale: None }),
            column("day", Kind::Date),
            column("moment", Kind::DateTime),
            column("status", Kind::Choice(choice)),
            column("patient", Kind::Lookup(lookup)),
            column("code_code", text()),
            column("code_system", text()),
            column("code", Kind::ConceptKey { concept: 0 }),
        ];
        let concept = Concept { name: "code".into(), code: 11, system: 12, display: None, text: None };
        Table {
            name: "sample".into(),
            entity_set: "samples".into(),
            label: String::new(),
            description: String::new(),
            sources: Vec::new(),
            columns,
            concepts: vec![concept],
            key: 0,
            primary_name: 1,
            version: None,
            access: TableAccess { read: true, create: true, update: true, delete: true },
            parent: Some(Parent { table: "contact".into(), column: 10 }),
            one_row_per_resource: true,
            made_by: String::new(),
            adds_version: false,
            narrowed: Default::default(),
        }
    }

    pub(crate) fn column(name: &str, kind: Kind) -> Column {
        Column::sample(name, kind)
    }
}
