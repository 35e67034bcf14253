//! Values of related rows that stand beside a row's own, so that filters and orders may use both: the table as it is with
//! them, the rows as they are with them, and which part of a filter has to wait for them.

use std::collections::BTreeSet;

use super::evaluate::residual::{columns_of_filter, guid_in};
use crate::model::error::Result;
use crate::model::query::{Filter, JoinedValue};
use crate::model::result::Expanded;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};

/// What can be asked before the values are there, and what must wait for them. `own` = columns that the table has.
pub fn split(filter: Option<&Filter>, own: usize) -> (Option<Filter>, Option<Filter>) {
    let (mut now, mut later) = (None, None);
    let mut pending: Vec<&Filter> = filter.into_iter().collect();
    while let Some(filter) = pending.pop() {
        if let Filter::And(a, b) = filter {
            pending.extend([&**b, &**a]);
            continue;
        }
        let mut columns = BTreeSet::new();
        columns_of_filter(filter, &mut columns);
        let waits = columns.last().is_some_and(|column| *column >= own);
        let part: &mut Option<Filter> = if waits { &mut later } else { &mut now };
        *part = Some(match part.take() {
            Some(before) => Filter::And(before.into(), filter.clone().into()),
            None => filter.clone(),
        });
    }
    (now, later)
}

/// Rows with what has been found of other tables beside them, each `found` with that table and the value that is taken.
pub fn beside(rows: &Rows, own: usize, found: &[(Expanded, &Table, JoinedValue)]) -> Result<Rows> {
    let columns: Vec<ColumnIndex> = rows.columns().iter().copied().chain(own..own + found.len()).collect();
    let mut wide = Rows::new(columns);
    for row in 0..rows.len() {
        let texts: Vec<Option<String>> =
            found.iter().map(|(found, table, value)| text(found, table, *value, row)).collect::<Result<_>>()?;
        wide.push(rows.row(row).chain(texts.iter().map(Option::as_deref)));
    }
    Ok(wide)
}

fn text(found: &Expanded, table: &Table, value: JoinedValue, row: usize) -> Result<Option<String>> {
    let JoinedValue::Column(column) = value else {
        return Ok(found.counts.get(row).map(u64::to_string));
    };
    let Some(related) = found.of_parent.get(row).and_then(|own| own.first()).copied() else {
        return Ok(None);
    };
    match table.columns.get(column).map(|column| &column.kind) {
        Some(Kind::Key | Kind::ConceptKey { .. }) => {
            Ok(guid_in(table, column, &found.rows, related)?.map(|guid| guid.to_string()))
        }
        // One that was joined there has been told already.
        _ => Ok(found.rows.cell(related, column).map(str::to_owned)),
    }
}
