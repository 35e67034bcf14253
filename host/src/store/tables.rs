//! One SQL table for each native table: makes it, and follows the mapping when a new version describes it differently.
//! Columns are added and sort keys made anew; no table or column that has rows is ever dropped. Rows are made of
//! resources and will be made anew after the mapping has changed: so a stored cell that does not fit the new kind of its
//! column stands in nobody's way, and becomes null until then. The resources are what a rollback goes back to.

use std::collections::{HashMap, HashSet};

use rusqlite::Transaction;

use super::sqlite::Store;
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value::SortKey;
use crate::plan::sql::{self, Value};

/// To be raised when `model::value` makes other sort keys from the same cells: all are then made anew.
const KEYS_VERSION: u32 = 1;

/// Rows whose sort keys are made anew in one go.
const REBUILD_ROWS: usize = 500;

/// Two SQL columns each, and SQLite has at most 2,000.
const COLUMNS_MAX: usize = 990;

impl Store {
    /// Makes the SQL tables what these tables need. Repeating it changes nothing. An error leaves all as it was. Where a
    /// column is read in another way than before, cells that do not fit become null: rows must then be made anew.
    pub fn ensure_tables<'t>(&self, tables: impl IntoIterator<Item = &'t Table>) -> Result<()> {
        self.writing(|transaction| tables.into_iter().try_for_each(|table| ensure(transaction, table)))
    }

    /// The same for one table.
    pub fn ensure_table(&self, table: &Table) -> Result<()> {
        self.ensure_tables([table])
    }
}

fn ensure(transaction: &Transaction<'_>, table: &Table) -> Result<()> {
    check_names(table)?;
    let before = keys_before(transaction, table)?;
    if before.is_empty() {
        return create(transaction, table);
    }
    if before.get(&sql::stem(table, table.key)).is_none_or(|keys| *keys != keys_of(table, table.key)) {
        return create_anew(transaction, table);
    }
    let changed = |c: &ColumnIndex| before.get(&sql::stem(table, *c)) != Some(&keys_of(table, *c));
    let changed: Vec<ColumnIndex> = (0..table.columns.len()).filter(changed).collect();
    for column in &changed {
        if !before.contains_key(&sql::stem(table, *column)) {
            add_column(transaction, table, *column)?;
        }
        remember_column(transaction, table, *column)?;
    }
    // A column that was just added has nothing to make keys from, unless the host makes its cells too.
    let from_cells = |c: &&ColumnIndex| before.contains_key(&sql::stem(table, **c)) || table.concept_of(**c).is_some();
    rebuild(transaction, table, &changed.iter().filter(from_cells).copied().collect::<Vec<_>>())?;
    create_indexes(transaction, table)
}

/// Gives the concept keys of a row their cells, from the cells of code and system.
pub(super) fn make_concept_keys(table: &Table, cells: &mut [Option<String>]) {
    for column in 0..table.columns.len() {
        if let Some(concept) = table.concept_of(column) {
            let made = cells[concept.code].as_deref().map(|code| key::concept(cells[concept.system].as_deref(), code));
            cells[column] = made.map(|guid| guid.to_string());
        }
    }
}

/// The sort key of a cell as it is stored.
pub(super) fn stored_key(table: &Table, column: ColumnIndex, cell: Option<&str>) -> Result<Value> {
    let column = &table.columns[column];
    Ok(SortKey::of(&column.kind, cell).map_err(|e| e.target(&column.name))?.into())
}

/// Names become names of the database: ASCII letters, digits and underscores, distinct without regard to case.
fn check_names(table: &Table) -> Result<()> {
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
        let stem = sql::stem(table, column);
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
        Kind::Key | Kind::Lookup(_) => "guid".into(),
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
    let mut other = transaction.prepare_cached(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE AND name <> ?1",
    )?;
    if other.query_row([&table.name], |row| row.get::<_, i64>(0))? > 0 {
        return Err(Error::new(Code::Conflict, "another table has this name in different case").target(&table.name));
    }
    let mut select =
        transaction.prepare_cached("SELECT column_name, keys FROM _turntable_columns WHERE table_name = ?")?;
    let before = select.query_map([&table.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(before.collect::<Result<_, _>>()?)
}

fn create(transaction: &Transaction<'_>, table: &Table) -> Result<()> {
    let name = sql::table_name(table);
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
    let name = sql::table_name(table);
    let rows: i64 = transaction.query_row(&format!("SELECT count(*) FROM {name}"), [], |row| row.get(0))?;
    if rows > 0 {
        return Err(Error::new(Code::Conflict, "the key column of a table that has rows cannot change")
            .target(&table.columns[table.key].name)
            .hint("keep the key column, or delete the rows first"));
    }
    transaction.execute_batch(&format!("DROP TABLE {name}"))?;
    transaction.execute("DELETE FROM _turntable_columns WHERE table_name = ?", [&table.name])?;
    create(transaction, table)
}

fn add_column(transaction: &Transaction<'_>, table: &Table, column: ColumnIndex) -> Result<()> {
    let name = sql::table_name(table);
    for definition in column_definitions(table, column) {
        transaction.execute_batch(&format!("ALTER TABLE {name} ADD COLUMN {definition}"))?;
    }
    Ok(())
}

/// The cell, and beside it its sort key; the key of the rows is its own.
fn column_definitions(table: &Table, column: ColumnIndex) -> Vec<String> {
    let mut definitions = vec![format!("{} TEXT", sql::cell_name(table, column))];
    if column != table.key {
        definitions.push(format!("{} ANY", sql::key_name(table, column)));
    }
    definitions
}

fn remember_column(transaction: &Transaction<'_>, table: &Table, column: ColumnIndex) -> Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO _turntable_columns (table_name, column_name, keys) VALUES (?, ?, ?) \
         ON CONFLICT DO UPDATE SET keys = excluded.keys",
    )?;
    insert.execute((&table.name, sql::stem(table, column), keys_of(table, column)))?;
    Ok(())
}

/// For finding rows by what they point to and by their FHIR id. Where the key is null there is nothing to find.
fn create_indexes(transaction: &Transaction<'_>, table: &Table) -> Result<()> {
    transaction.execute_batch(&format!(
        "CREATE INDEX IF NOT EXISTS \"{}:resource\" ON {} (\"resource\")",
        table.name,
        sql::table_name(table)
    ))?;
    for (column, described) in table.columns.iter().enumerate() {
        if matches!(described.kind, Kind::Lookup(_)) || described.name == "msemr_azurefhirid" && column != table.key {
            let (name, key) = (sql::table_name(table), sql::key_name(table, column));
            // Names of indexes and tables share a space; no table has a colon.
            let index = format!("\"{}:{}\"", table.name, sql::stem(table, column));
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
    let name = sql::table_name(table);
    let all: Vec<_> = (0..table.columns.len()).map(|c| sql::cell_name(table, c)).collect();
    let assigned: Vec<_> = columns
        .iter()
        .map(|c| format!("{} = ?, {} = ?", sql::cell_name(table, *c), sql::key_name(table, *c)))
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
pub(super) mod sample {
    use crate::model::table::{
        Choice, ChoiceOption, Column, ColumnAccess, Concept, Kind, Lookup, Parent, Table, TableAccess, Target,
    };

    pub(crate) fn table() -> Table {
        let text = || Kind::Text { max_length: None, multi_line: false };
        let option = |value, code: &str| ChoiceOption { value, code: code.into(), system: None, label: code.into() };
        let choice = Choice { options: vec![option(5, "planned"), option(3, "finished")], open: true, value_set: None };
        let target = Target { entity_set: "contacts".into(), resource_type: "Patient".into() };
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
        }
    }

    pub(crate) fn column(name: &str, kind: Kind) -> Column {
        Column {
            name: name.into(),
            label: String::new(),
            description: String::new(),
            kind,
            access: ColumnAccess { read: true, create: true, update: true },
            required: false,
            path: String::new(),
            elements: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::query::{Compare, Expr, Filter, Literal};
    use crate::model::rows::Rows;
    use crate::model::table::{Choice, ChoiceOption, Concept, Kind};
    use crate::model::value::Number;
    use crate::plan::sql::{Select, Window};

    fn text() -> Kind {
        Kind::Text { max_length: None, multi_line: false }
    }

    fn option(value: i32, code: &str) -> ChoiceOption {
        ChoiceOption { value, code: code.into(), system: None, label: code.into() }
    }

    /// A key and some columns.
    fn table(columns: &[(&str, Kind)]) -> Table {
        let mut table = sample::table();
        table.columns.truncate(1);
        table.columns.extend(columns.iter().map(|(name, kind)| sample::column(name, kind.clone())));
        table.concepts.clear();
        table.parent = None;
        table
    }

    /// Puts a row as a resource of its own; columns beyond the cells are null.
    fn put(store: &Store, table: &Table, cells: &[&str]) {
        let mut rows = Rows::new((0..table.columns.len()).collect());
        rows.push((0..table.columns.len()).map(|column| cells.get(column).copied()));
        store.put_each(table, &rows).unwrap();
    }

    fn kept(store: &Store, table: &Table, column: &str, literal: Literal) -> u64 {
        let column = Expr::Column(table.column(column).unwrap());
        let filter = Filter::Compare(Compare::Eq, column, Expr::Literal(literal));
        let select = Select::new(table, &[], Some(&filter), &[], Window::default());
        assert_eq!(select.residual, None);
        store.count(&select).unwrap()
    }

    #[test]
    fn columns_are_added_and_stay_when_they_are_no_longer_described() {
        let store = Store::temporary().unwrap();
        let (old, new) = (table(&[("a", text())]), table(&[("a", text()), ("b", Kind::Int32)]));
        store.ensure_table(&old).unwrap();
        put(&store, &old, &["1", "x"]);
        store.ensure_table(&new).unwrap();
        store.ensure_table(&new).unwrap();
        put(&store, &new, &["2", "y", "7"]);
        let number = || Literal::Number(Number::parse("7").unwrap());
        assert_eq!(kept(&store, &new, "b", number()), 1);
        assert_eq!(kept(&store, &new, "b", Literal::Null), 1);
        store.ensure_table(&old).unwrap();
        assert_eq!(kept(&store, &old, "a", Literal::Text("X".into())), 1);
        store.ensure_table(&new).unwrap();
        assert_eq!(kept(&store, &new, "b", number()), 1, "the rollback finds its data");
    }

    #[test]
    fn a_changed_kind_makes_new_keys() {
        let store = Store::temporary().unwrap();
        let as_text = table(&[("a", text())]);
        let as_number = table(&[("a", Kind::Decimal { precision: 10, scale: None })]);
        store.ensure_table(&as_text).unwrap();
        // More rows than are rebuilt in one go.
        let mut rows = Rows::new(vec![0, 1]);
        let count = REBUILD_ROWS * 2 + 1;
        (0..count).for_each(|n| rows.push([Some(n.to_string().as_str()), Some("72.10")]));
        store.put_each(&as_text, &rows).unwrap();
        let number = || Literal::Number(Number::parse("72.1").unwrap());

        store.ensure_table(&as_number).unwrap();
        assert_eq!(kept(&store, &as_number, "a", number()), count as u64);
        store.ensure_table(&as_text).unwrap();
        assert_eq!(kept(&store, &as_text, "a", Literal::Text("72.10".into())), count as u64);
        assert_eq!(kept(&store, &as_text, "a", Literal::Text("72.1".into())), 0);
    }

    #[test]
    fn a_cell_that_does_not_fit_the_new_kind_becomes_null_with_its_key() {
        let check = |kind: Kind, cell: &str, expected: Option<&str>| {
            let store = Store::temporary().unwrap();
            let before = table(&[("a", text()), ("b", text())]);
            let after = table(&[("a", kind), ("b", text())]);
            store.ensure_table(&before).unwrap();
            put(&store, &before, &["1", cell, "beside"]);
            store.ensure_table(&after).unwrap();
            let row = store.get(&after, key::guid("1"), &[0, 1, 2]).unwrap().unwrap();
            assert_eq!(row.rows.row(0).collect::<Vec<_>>(), [Some("1"), expected, Some("beside")], "{cell}");
            assert_eq!(row.versions, ["1"]);
            assert_eq!(kept(&store, &after, "a", Literal::Null), u64::from(expected.is_none()), "{cell}");
            assert_eq!(kept(&store, &after, "b", Literal::Text("beside".into())), 1);

            put(&store, &after, &["1", "1", "made anew"]);
            assert_eq!(kept(&store, &after, "b", Literal::Text("made anew".into())), 1);
        };
        check(Kind::Int32, "12", Some("12"));
        check(Kind::Int32, "2147483648", None);
        check(Kind::Decimal { precision: 10, scale: None }, "heavy", None);
        let open = |open| Kind::Choice(Choice { options: vec![option(1, "1")], open, value_set: None });
        check(open(false), "gone", None);
        check(open(false), "1", Some("1"));
    }

    #[test]
    fn a_choice_with_other_values_makes_new_keys() {
        let store = Store::temporary().unwrap();
        let status = sample::table().column("status").unwrap();
        let Kind::Choice(choice) = sample::table().columns[status].kind.clone() else { unreachable!() };
        let before = table(&[("status", Kind::Choice(choice.clone()))]);
        store.ensure_table(&before).unwrap();
        put(&store, &before, &["1", "planned"]);
        let mut renumbered = choice;
        renumbered.options[0].value = 42;
        let after = table(&[("status", Kind::Choice(renumbered))]);
        store.ensure_table(&after).unwrap();
        assert_eq!(kept(&store, &after, "status", Literal::Number(Number::parse("42").unwrap())), 1);
        assert_eq!(kept(&store, &after, "status", Literal::Number(Number::parse("5").unwrap())), 0);
    }

    #[test]
    fn a_new_concept_gets_its_keys() {
        let store = Store::temporary().unwrap();
        let before = table(&[("code", text()), ("system", text())]);
        store.ensure_table(&before).unwrap();
        put(&store, &before, &["1", "c", "s"]);
        let mut after = table(&[("code", text()), ("system", text()), ("code", Kind::ConceptKey { concept: 0 })]);
        after.concepts = vec![Concept { name: "code".into(), code: 1, system: 2, display: None, text: None }];
        store.ensure_table(&after).unwrap();
        let made = store.get(&after, key::guid("1"), &[3]).unwrap().unwrap();
        let expected: Uuid = key::concept(Some("s"), "c");
        assert_eq!(made.rows.cell(0, 3), Some(expected.to_string().as_str()));
        let filter = Filter::Compare(Compare::Eq, Expr::Column(3), Expr::Literal(Literal::Guid(expected)));
        let select = Select::new(&after, &[], Some(&filter), &[], Window::default());
        assert_eq!(store.count(&select).unwrap(), 1);
    }

    #[test]
    fn the_key_column_changes_only_without_rows() {
        let store = Store::temporary().unwrap();
        let before = table(&[("a", text())]);
        store.ensure_table(&before).unwrap();
        let mut after = before.clone();
        after.columns[0].name = "other_id".into();
        store.ensure_table(&after).unwrap();
        put(&store, &after, &["1"]);
        assert_eq!(store.ensure_table(&before).unwrap_err().code(), Code::Conflict);
        assert!(store.get(&after, key::guid("1"), &[0, 1]).unwrap().is_some());
    }

    #[test]
    fn names_that_a_database_would_confuse_are_refused() {
        let store = Store::temporary().unwrap();
        store.ensure_table(&table(&[])).unwrap();
        let check = |name: &str, columns: &[(&str, Kind)], expected: Code| {
            let mut table = table(columns);
            table.name = name.into();
            assert_eq!(store.ensure_table(&table).unwrap_err().code(), expected, "{name}");
        };
        check("_turntable_keys", &[], Code::ComponentRefused);
        check("_Turntable_x", &[], Code::ComponentRefused);
        check("sqlite_x", &[], Code::ComponentRefused);
        check("", &[], Code::ComponentRefused);
        check("a\"; DROP TABLE sample; --", &[], Code::ComponentRefused);
        check("a", &[("b", text()), ("B", text())], Code::ComponentRefused);
        check("a", &[("b\0", text())], Code::ComponentRefused);
        check("Sample", &[], Code::Conflict);
    }
}
