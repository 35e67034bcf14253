//! A table with values of related rows as columns after its own ([`Joined`]).

use super::catalog::{Catalog, Relation};
use super::error::{Code, Error, Result};
use super::query::{Joined, JoinedValue};
use super::table::{Column, ColumnAccess, Kind, Table};

/// A table with a column for each of these values after its own.
pub fn widened(table: &Table, joined: &[Joined], catalog: &Catalog) -> Result<Table> {
    let mut wide = table.clone();
    for value in joined {
        let column = Column {
            name: value.name.clone(),
            label: value.name.clone(),
            description: String::new(),
            kind: kind(value, catalog)?,
            access: ColumnAccess { read: true, create: false, update: false },
            required: false,
            path: String::new(),
            elements: Vec::new(),
        };
        wide.columns.push(column);
    }
    Ok(wide)
}

fn kind(joined: &Joined, catalog: &Catalog) -> Result<Kind> {
    let JoinedValue::Column(column) = joined.value else {
        return Ok(Kind::Int64);
    };
    let gone = || Error::new(Code::Internal, "a joined value is gone").target(joined.name.clone());
    let table = match &joined.to {
        Relation::Lookup { table, .. } | Relation::Collection { table, .. } => catalog.table(table).ok_or_else(gone)?,
        Relation::Concept { .. } => return Err(gone()),
    };
    let wide = widened(table, &joined.query.joined, catalog)?;
    Ok(match &wide.columns.get(column).ok_or_else(gone)?.kind {
        Kind::Key | Kind::ConceptKey { .. } => Kind::TOLD_KEY,
        kind => kind.clone(),
    })
}
