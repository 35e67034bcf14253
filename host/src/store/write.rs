//! Resources in, with the rows that were made of them: all that belongs together in one transaction. A resource's
//! version counts up from 1 and goes on counting after a delete, so that an ETag never comes back.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction};
use uuid::Uuid;

use super::sqlite::Store;
use super::tables::stored_key;
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::model::value::SortKey;
use crate::plan::sql::{self, Value};

/// A resource to be put in place of its version `base`, with its rows in every table that shows it.
#[derive(Clone, Debug)]
pub struct NativeWrite {
    pub resource_type: String,
    pub id: String,
    /// None deletes it.
    pub body: Option<Vec<u8>>,
    /// The version it was made from, that of a deleted one too; None = there was never one.
    pub base: Option<u64>,
    /// Greater than `base`.
    pub version: u64,
    /// For each table its rows, all columns; none for a delete.
    pub rows: Vec<(Arc<Table>, Rows)>,
}

impl Store {
    /// All of them, in their order, or none. `VersionMismatch` if one no longer stands at its base.
    pub fn put_resources(&self, writes: &[NativeWrite]) -> Result<()> {
        self.writing(|transaction| writes.iter().try_for_each(|write| put(transaction, write)))
    }

    /// Puts rows that were made anew from an unchanged resource in place of those before.
    pub fn put_rows(&self, resource_type: &str, id: &str, rows: &[(Arc<Table>, Rows)]) -> Result<()> {
        self.writing(|transaction| match standing(transaction, resource_type, id)? {
            Some((version, true)) => put_rows(transaction, resource_type, id, version, rows),
            _ => Ok(()),
        })
    }
}

/// Version, and whether it is there (not deleted).
pub(super) fn standing(
    connection: &rusqlite::Connection,
    resource_type: &str,
    id: &str,
) -> Result<Option<(u64, bool)>> {
    let mut select = connection.prepare_cached(
        "SELECT version, body IS NOT NULL FROM _turntable_resources WHERE resource_type = ? AND id = ?",
    )?;
    let found = select.query_row((resource_type, id), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
    Ok(found.map(|(version, there)| (u64::try_from(version).unwrap_or(0), there)))
}

fn put(transaction: &Transaction<'_>, write: &NativeWrite) -> Result<()> {
    let stands = standing(transaction, &write.resource_type, &write.id)?;
    if stands.map(|(version, _)| version) != write.base {
        return Err(Error::new(Code::VersionMismatch, "the row has changed since it was read")
            .hint("read it again and repeat the change with its new @odata.etag"));
    }
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO _turntable_resources (resource_type, id, version, modified, body) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT DO UPDATE SET version = excluded.version, modified = excluded.modified, body = excluded.body",
    )?;
    let (version, now) = (signed(write.version), Timestamp::now().as_microsecond());
    upsert.execute((&write.resource_type, &write.id, version, now, &write.body))?;
    put_rows(transaction, &write.resource_type, &write.id, write.version, &write.rows)
}

fn put_rows(
    transaction: &Transaction<'_>,
    resource_type: &str,
    id: &str,
    version: u64,
    rows: &[(Arc<Table>, Rows)],
) -> Result<()> {
    let resource = key::guid(&format!("{resource_type}/{id}"));
    for (table, rows) in rows {
        let delete = format!("DELETE FROM {} WHERE \"resource\" = ?", sql::table_name(table));
        transaction.prepare_cached(&delete)?.execute([resource])?;
        for row in 0..rows.len() {
            insert(transaction, table, resource, version, rows, row)?;
        }
    }
    Ok(())
}

fn insert(
    transaction: &Transaction<'_>,
    table: &Table,
    resource: Uuid,
    version: u64,
    rows: &Rows,
    row: usize,
) -> Result<()> {
    let mut names = vec!["\"key\"".to_owned(), "\"resource\"".into(), "\"version\"".into()];
    let mut params = vec![Value::Null, SortKey::Guid(resource).into(), Value::Int(signed(version))];
    for column in 0..table.columns.len() {
        let cell = rows.cell(row, column);
        names.push(sql::cell_name(table, column));
        params.push(cell.map_or(Value::Null, |cell| Value::Text(cell.to_owned())));
        let key = stored_key(table, column, cell)?;
        if column == table.key {
            params[0] = key;
        } else {
            names.push(sql::key_name(table, column));
            params.push(key);
        }
    }
    let insert = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        sql::table_name(table),
        names.join(", "),
        vec!["?"; names.len()].join(", ")
    );
    transaction.prepare_cached(&insert)?.execute(rusqlite::params_from_iter(params))?;
    Ok(())
}

fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
