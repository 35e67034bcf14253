//! What a native table and its columns are called in the database, and the values that statements take. Each column has
//! two there: the cell's text, to show, and its sort key, to compare.

use std::borrow::Cow;

use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value::SortKey;

/// A parameter of a statement. Values never become part of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<SortKey> for Value {
    fn from(key: SortKey) -> Self {
        match key {
            SortKey::Null => Self::Null,
            SortKey::Bool(value) => Self::Int(i64::from(value)),
            SortKey::Int(value) => Self::Int(value),
            SortKey::Decimal(bytes) => Self::Blob(bytes),
            SortKey::Text(text) => Self::Text(text),
            SortKey::Guid(guid) => Self::Blob(guid.into_bytes().to_vec()),
        }
    }
}

/// The SQL table of a table, that of its version, quoted.
pub(crate) fn table_name(table: &Table) -> String {
    quoted(&table.set())
}

/// The SQL column of a column's cell text, quoted.
pub(crate) fn cell_name(table: &Table, column: ColumnIndex) -> String {
    quoted_after("c_", &stem(table, column))
}

/// The SQL column of a column's sort key, quoted. That of the table's key is the row's identity itself.
pub(crate) fn key_name(table: &Table, column: ColumnIndex) -> String {
    if column == table.key { "\"key\"".into() } else { quoted_after("k_", &stem(table, column)) }
}

/// A concept's key has the name of the concept, which a plain column may have as well; its property is its own.
pub(crate) fn stem(table: &Table, column: ColumnIndex) -> Cow<'_, str> {
    let column = &table.columns[column];
    match column.kind {
        Kind::ConceptKey { .. } => column.property(),
        _ => column.name.as_str().into(),
    }
}

pub(crate) fn quoted(name: &str) -> String {
    quoted_after("", name)
}

/// In one piece: a statement over a wide table has hundreds of names.
fn quoted_after(prefix: &str, name: &str) -> String {
    let mut out = String::with_capacity(prefix.len() + name.len() + 2);
    out.push('"');
    out.push_str(prefix);
    for (index, part) in name.split('"').enumerate() {
        if index > 0 {
            out.push_str("\"\"");
        }
        out.push_str(part);
    }
    out.push('"');
    out
}

/// A version, or the number of a write, as the database has it.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Versions and numbers of writes are never negative.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
