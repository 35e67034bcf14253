//! Whether what a change makes of a resource is right R4. A mapping says what it writes, in whatever language; what R4
//! forbids, and what it requires and a new row lacks or a change takes away, is refused here, by the column that carries
//! it. What was wrong before may stay.

use turntable_r4::{Fault, Wrong, r4};

use crate::mapping::component::{WriteChange, WriteOperation};
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::table::{Column, Table};
use crate::router::snapshot::ServedTable;

/// Faults that an error names at most.
const NAMED_MOST: usize = 20;

/// # Errors
/// `BadValue` for a value that R4 forbids, `RequiredColumn` for a required element that a new row lacks or a change takes
/// away; the target is the column, and the details name all columns of which one would do.
pub fn is_right(served: &ServedTable, change: &WriteChange, after: &[u8]) -> Result<()> {
    let table = &served.table;
    let mut faults = r4().new_faults(change.existing.as_deref(), after);
    faults.truncate(NAMED_MOST);
    let details: Vec<_> = faults.iter().map(|fault| detail(table, change, fault)).collect();
    let Some((fault, first)) = faults.iter().zip(&details).next() else { return Ok(()) };
    let code = if fault.wrong == Wrong::Missing { Code::RequiredColumn } else { Code::BadValue };
    let error = Error::new(code, first.message.clone());
    let error = match &first.target {
        Some(column) => error.target(column.clone()),
        None => error.hint(elsewhere(served, fault)),
    };
    Err(error.details(details))
}

/// What to do where no column of the table can mend a fault. Rows of child tables come after the row, too late for it.
fn elsewhere(served: &ServedTable, fault: &Fault) -> String {
    let name = &served.table.name;
    let below = served.mapping.tables.iter().filter(|other| other.parent.as_ref().is_some_and(|of| of.table == *name));
    let below = below.filter(|child| child.columns.iter().any(|column| can_be_given(column) && reaches(column, fault)));
    let below: Vec<_> = below.map(|child| format!("`{}`", child.name)).collect();
    match below.as_slice() {
        [] => format!("no column of `{name}` carries it: write it through the FHIR service, or as a bundle"),
        below => format!(
            "only rows of {} carry it, and `{name}` has no column for the first of them: bring both in as a bundle",
            below.join(", ")
        ),
    }
}

fn detail(table: &Table, change: &WriteChange, fault: &Fault) -> Detail {
    let columns = behind(table, change, fault);
    let named: Vec<_> = columns.iter().map(|column| format!("`{}`", column.name)).collect();
    let (code, message) = match (fault.wrong, named.as_slice()) {
        (Wrong::Missing, []) => ("RequiredColumn", format!("FHIR requires {}", fault.path)),
        (Wrong::Missing, [only]) => {
            ("RequiredColumn", format!("{only} must have a value: FHIR requires {}", fault.path))
        }
        (Wrong::Missing, many) => {
            let many = many.join(", ");
            ("RequiredColumn", format!("one of {many} must have a value: FHIR requires {}", fault.path))
        }
        (_, []) => ("BadValue", format!("{}: {}", fault.path, fault.message)),
        (_, [column, ..]) => ("BadValue", format!("{column}: {} ({})", fault.message, fault.path)),
    };
    Detail { code: code.into(), message, target: columns.first().map(|column| column.name.clone()) }
}

/// The columns that could mend a fault: of those that the change writes, else of all that it could have written.
fn behind<'t>(table: &'t Table, change: &WriteChange, fault: &Fault) -> Vec<&'t Column> {
    let written = change.assignments.iter().filter_map(|(column, _)| table.columns.get(*column));
    let own: Vec<_> = written.clone().filter(|column| reaches(column, fault)).collect();
    if fault.wrong == Wrong::Missing || own.is_empty() {
        let is_open = |column: &&Column| match change.operation {
            WriteOperation::Create => column.access.create,
            _ => can_be_given(column),
        };
        let all: Vec<_> = table.columns.iter().filter(is_open).filter(|column| reaches(column, fault)).collect();
        if !all.is_empty() {
            return all;
        }
    }
    // A column whose path says nothing may be written by code: it is the one if it is the only one.
    let given: Vec<_> = written.collect();
    match given.as_slice() {
        [only] if own.is_empty() && fault.wrong != Wrong::Missing => vec![only],
        _ => own,
    }
}

fn can_be_given(column: &Column) -> bool {
    column.access.create || column.access.update
}

fn reaches(column: &Column, fault: &Fault) -> bool {
    column.path.split('|').any(|path| fault.is_reached_by(path.trim()))
}
