//! Values that no element of a resource carries. They are kept beside the resource, by its type and id, and by the names of
//! row, table and column; no version of a mapping has a say in that. Rows are written with those that their columns take,
//! so that whoever reads, filters or sorts them meets one value. They go with their resource.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction};
use uuid::Uuid;

use crate::model::error::Result;
use crate::model::key;
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value::{SortKey, first_day, parse_instant};
use crate::store::native::{OwnChange, OwnValue, TableRows};
use crate::store::sql::names;
use crate::store::sqlite::database::Database;

/// The values of one resource, by table, row and column.
#[derive(Debug, Default)]
pub(crate) struct OwnValues(HashMap<String, HashMap<(String, String), Option<String>>>);

impl Database {
    /// Of each of these resources, by type and id, the child rows that have such values, by the names of their elements.
    pub(crate) fn own_rows(&self, resources: &[(String, String)]) -> Result<Vec<Vec<String>>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(
                "SELECT DISTINCT row FROM _turntable_own WHERE resource_type = ? AND id = ? AND row <> ''",
            )?;
            let rows = |(resource_type, id): &(String, String)| {
                Ok(select.query_map((resource_type, id), |row| row.get(0))?.collect::<Result<_, _>>()?)
            };
            resources.iter().map(rows).collect()
        })
    }

    /// The rows of these tables have been made anew: nothing is in them alone any more.
    pub(crate) fn own_is_taken(&self, tables: &[String]) -> Result<()> {
        let delete = "DELETE FROM _turntable_own_in_rows WHERE table_name IN (SELECT value FROM json_each(?))";
        let tables = serde_json::to_string(tables).unwrap_or_default();
        let any = "SELECT 1 FROM _turntable_own_in_rows WHERE table_name IN (SELECT value FROM json_each(?)) LIMIT 1";
        if !self.reading(|moment| Ok(moment.prepare_cached(any)?.exists([&tables])?))? {
            return Ok(());
        }
        self.writing(|transaction| {
            transaction.execute(delete, [&tables])?;
            Ok(())
        })
    }
}

/// Changes what is kept of a resource.
pub(crate) fn change(transaction: &Transaction<'_>, resource_type: &str, id: &str, change: &OwnChange) -> Result<()> {
    // All at once: one row may take the name of another.
    let mut taken = Vec::new();
    for (row, now) in &change.moved {
        let mut delete = transaction.prepare_cached(
            "DELETE FROM _turntable_own WHERE resource_type = ? AND id = ? AND row = ? \
             RETURNING table_name, column_name, value",
        )?;
        let mut found = delete.query((resource_type, id, row))?;
        while let Some(found) = found.next()? {
            let Some(row) = now.clone() else { continue };
            taken.push(OwnValue { table: found.get(0)?, row, column: found.get(1)?, value: found.get(2)? });
        }
    }
    taken.iter().chain(&change.set).try_for_each(|value| put(transaction, resource_type, id, value, true))
}

/// The resource is gone.
pub(crate) fn clear(transaction: &Transaction<'_>, resource_type: &str, id: &str) -> Result<()> {
    let delete = "DELETE FROM _turntable_own WHERE resource_type = ? AND id = ?";
    transaction.prepare_cached(delete)?.execute((resource_type, id))?;
    Ok(())
}

/// Whether anything is kept of any resource.
pub(crate) fn is_any(connection: &Connection) -> Result<bool> {
    Ok(connection.prepare_cached("SELECT 1 FROM _turntable_own LIMIT 1")?.exists([])?)
}

/// What is kept of a resource.
pub(crate) fn of(connection: &Connection, resource_type: &str, id: &str) -> Result<OwnValues> {
    let mut select = connection.prepare_cached(
        "SELECT table_name, row, column_name, value FROM _turntable_own WHERE resource_type = ? AND id = ?",
    )?;
    let mut rows = select.query((resource_type, id))?;
    let mut values = OwnValues::default();
    while let Some(row) = rows.next()? {
        values.0.entry(row.get(0)?).or_default().insert((row.get(1)?, row.get(2)?), row.get(3)?);
    }
    Ok(values)
}

impl OwnValues {
    /// Whether anything is kept of rows of this table.
    pub(crate) fn has_any(&self, table: &Table) -> bool {
        self.0.contains_key(&table.name)
    }

    /// Lays on a row of a table what is kept of it. What its column does not take is null there, and stays kept.
    pub(crate) fn lay_on(&self, table: &Table, cells: &mut [Option<String>]) -> bool {
        let Some(values) = self.0.get(&table.name) else { return false };
        let row = cells.get(table.key).and_then(|text| text.as_deref()).map(row_of).unwrap_or_default().to_owned();
        let mut is_laid = false;
        for column in table.own_columns() {
            let name = (row.clone(), table.columns[column].name.clone());
            if let (Some(value), Some(cell)) = (values.get(&name), cells.get_mut(column)) {
                *cell = value.clone().filter(|text| fits(&table.columns[column].kind, text));
                is_laid = true;
            }
        }
        is_laid
    }
}

/// Whether rows of a table may have values in themselves alone.
pub(crate) fn is_in_rows(connection: &Connection, table: &Table) -> Result<bool> {
    let mut select = connection.prepare_cached("SELECT 1 FROM _turntable_own_in_rows WHERE table_name = ?")?;
    Ok(select.exists([&table.name])?)
}

/// Keeps what stands in rows alone, `cells` by their keys and columns: what is not what the mapping makes, or, where it
/// could make nothing, everything. What is kept already stays.
pub(crate) fn take_over(
    transaction: &Transaction<'_>,
    (resource_type, id): (&str, &str),
    made: &TableRows,
    cells: &HashMap<(Uuid, ColumnIndex), (String, String)>,
) -> Result<()> {
    let (table, rows) = (&*made.table, &made.rows);
    let keep = |text: &str, column: ColumnIndex, value: &str| {
        let (row, column) = (row_of(text).to_owned(), table.columns[column].name.clone());
        let value = OwnValue { table: table.name.clone(), row, column, value: Some(value.to_owned()) };
        put(transaction, resource_type, id, &value, false)
    };
    if made.behind.is_some() {
        return cells.iter().try_for_each(|((_, column), (text, value))| keep(text, *column, value));
    }
    for row in 0..rows.len() {
        let Some(text) = rows.cell(row, table.key) else { continue };
        let now = key::of_row(table, text);
        let before = made.formerly.iter().filter(|(of, _)| *of == now).map(|(_, before)| *before);
        let keys: Vec<Uuid> = before.chain([now]).collect();
        for column in table.own_columns() {
            let stood = keys.iter().find_map(|key| cells.get(&(*key, column)));
            if let Some((_, value)) = stood.filter(|(_, value)| rows.cell(row, column) != Some(value.as_str())) {
                keep(text, column, value)?;
            }
        }
    }
    Ok(())
}

/// What stands in the columns of a table that no element carries, by the row's key, with its text; in the rows of an older
/// store, which had one set for all versions.
pub(crate) fn cells(
    connection: &Connection,
    table: &Table,
    columns: &[ColumnIndex],
    rows_of: &str,
    of: (Uuid, &str),
) -> Result<HashMap<(Uuid, ColumnIndex), (String, String)>> {
    if columns.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<_> = columns.iter().map(|column| names::cell_name(table, *column)).collect();
    let key = names::cell_name(table, table.key);
    let (from, names) = (names::quoted(&table.name), names.join(", "));
    let mut select = connection.prepare(&format!("SELECT \"key\", {key}, {names} FROM {from} WHERE {rows_of}"))?;
    let mut rows = select.query(of)?;
    let mut cells = HashMap::new();
    while let Some(row) = rows.next()? {
        let (guid, text): (Uuid, String) = (row.get(0)?, row.get(1)?);
        for (position, column) in columns.iter().enumerate() {
            if let Some(cell) = row.get::<_, Option<String>>(position + 2)? {
                cells.insert((guid, *column), (text.clone(), cell));
            }
        }
    }
    Ok(cells)
}

fn put(transaction: &Transaction<'_>, resource_type: &str, id: &str, value: &OwnValue, over: bool) -> Result<()> {
    let insert = match over {
        true => "INSERT OR REPLACE INTO _turntable_own VALUES (?, ?, ?, ?, ?, ?)",
        false => "INSERT OR IGNORE INTO _turntable_own VALUES (?, ?, ?, ?, ?, ?)",
    };
    let OwnValue { table, row, column, value } = value;
    transaction.prepare_cached(insert)?.execute((resource_type, id, table, row, column, value))?;
    Ok(())
}

/// The name of a row in its resource, of its key's text.
fn row_of(text: &str) -> &str {
    key::split(text).1.split_once('/').map_or("", |(_, row)| row)
}

/// Whether a column of a kind takes a text that one of another kind may have left.
fn fits(kind: &Kind, text: &str) -> bool {
    match kind {
        Kind::PartialDate => first_day(text).is_some() || parse_instant(text).is_some(),
        Kind::Json => serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
        Kind::Lookup(_) => key::reference(text).is_some(),
        // One that an open choice has no number for would show as null all the same.
        kind => SortKey::of(kind, Some(text)).is_ok(),
    }
}
