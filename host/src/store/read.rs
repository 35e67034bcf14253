//! Rows out of native tables.

use std::ops::ControlFlow;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension as _, Row};
use uuid::Uuid;

use super::sqlite::Store;
use super::write::standing;
use crate::model::error::{Code, Error, Result};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::plan::sql::{self, Select, Value};

/// Bytes of cells that one answer may hold. `ScanBudgetExceeded`.
pub const READ_BYTES_MAX: usize = 512 << 20;

/// Rows, and what the store itself knows about each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    pub rows: Rows,
    /// One for each row: what its ETag is made of.
    pub versions: Vec<String>,
}

impl Store {
    /// All rows that a statement gives.
    pub fn select(&self, select: &Select) -> Result<Stored> {
        let mut all = Stored::new(&select.columns);
        self.each(select, |row| {
            all.push(row)?;
            if all.rows.bytes() > READ_BYTES_MAX {
                return Err(Error::new(Code::ScanBudgetExceeded, "the rows of one answer are too large")
                    .hint("ask for fewer columns or a smaller page"));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }

    /// The same, some rows at a time, until `look` breaks off. It should be quick: it holds a connection.
    pub fn scan(
        &self,
        select: &Select,
        chunk_rows: usize,
        mut look: impl FnMut(Stored) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut chunk = Stored::new(&select.columns);
        let mut broken_off = false;
        self.each(select, |row| {
            chunk.push(row)?;
            if chunk.versions.len() < chunk_rows && chunk.rows.bytes() < READ_BYTES_MAX / 2 {
                return Ok(ControlFlow::Continue(()));
            }
            let flow = look(std::mem::replace(&mut chunk, Stored::new(&select.columns)))?;
            broken_off = flow.is_break();
            Ok(flow)
        })?;
        if !broken_off && !chunk.versions.is_empty() {
            let _ = look(chunk)?;
        }
        Ok(())
    }

    /// How many rows the translated conditions keep, whatever the window. Where a residual filter is left, the rows
    /// must be looked at instead.
    pub fn count(&self, select: &Select) -> Result<u64> {
        if select.residual.is_some() {
            return Err(Error::new(Code::Internal, "rows with a residual filter cannot be counted by the database"));
        }
        self.reading(|moment| {
            let mut statement = moment.prepare_cached(&select.count_sql)?;
            let count: i64 = statement.query_row(rusqlite::params_from_iter(&select.params), |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
    }

    /// One row by its key.
    pub fn get(&self, table: &Table, key: Uuid, columns: &[ColumnIndex]) -> Result<Option<Stored>> {
        let mut one = Stored::new(columns);
        self.reading(|moment| {
            let mut statement = moment.prepare_cached(&select_by_key(table, columns))?;
            let found = statement.query_row([key], |row| Ok(one.push(row))).optional()?;
            found.transpose()
        })
        .map(|found| found.map(|()| one))
    }

    /// A resource of the native route and its version.
    pub fn resource(&self, resource_type: &str, id: &str) -> Result<Option<(Vec<u8>, u64)>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(
                "SELECT body, version FROM _turntable_resources WHERE resource_type = ? AND id = ? AND body IS NOT NULL",
            )?;
            let found = select.query_row((resource_type, id), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
            Ok(found.optional()?.map(|(body, version)| (body, u64::try_from(version).unwrap_or(0))))
        })
    }

    /// The last version that a resource had, whether it is still there or not.
    pub fn last_version(&self, resource_type: &str, id: &str) -> Result<Option<u64>> {
        self.reading(|moment| Ok(standing(moment, resource_type, id)?.map(|(version, _)| version)))
    }

    /// Resources of a type in the order of their ids, after one of them: id and body.
    pub fn resources_after(&self, resource_type: &str, id: &str, limit: usize) -> Result<Vec<(String, Vec<u8>)>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(
                "SELECT id, body FROM _turntable_resources \
                 WHERE resource_type = ? AND id > ? AND body IS NOT NULL ORDER BY id LIMIT ?",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = select.query_map((resource_type, id, limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// Rows of a native table.
    pub fn count_rows(&self, table: &Table) -> Result<u64> {
        self.reading(|moment| {
            let count: i64 =
                moment.query_row(&format!("SELECT count(*) FROM {}", sql::table_name(table)), [], |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
    }

    fn each(&self, select: &Select, mut look: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
        self.reading(|moment| {
            let mut statement = moment.prepare_cached(&select.sql)?;
            let (limit, offset) = select.window.map(|w| w.limit_offset()).unzip();
            let window = [limit, offset].into_iter().flatten().map(Value::Int);
            let mut rows = statement.query(rusqlite::params_from_iter(select.params.iter().cloned().chain(window)))?;
            while let Some(row) = rows.next()? {
                if look(row)?.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }
}

impl Stored {
    fn new(columns: &[ColumnIndex]) -> Self {
        Self { rows: Rows::new(columns.to_vec()), versions: Vec::new() }
    }

    /// A row of a statement that gives the version and then the cells of these columns.
    fn push(&mut self, row: &Row<'_>) -> Result<()> {
        let cells = cells(row, self.rows.columns().len())?;
        self.versions.push(row.get::<_, i64>(0)?.to_string());
        self.rows.push(cells);
        Ok(())
    }
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

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
