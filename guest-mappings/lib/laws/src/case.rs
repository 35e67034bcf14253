//! One resource in one table, looked at: what all laws stand on.

use std::time::Instant;

use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_mapping::tools::{reference, same_instant, same_json, same_number};
use turntable_scan::Document;

use crate::report::{Law, Report, Violation};
use crate::subject::Subject;

/// Violations of one law and table beyond this many are not listed.
const MAX_VIOLATIONS: usize = 20;

/// Documents or changes of one call, and their bytes: far below what any host lets a call have.
const CALL: usize = 200;
const CALL_BYTES: usize = 2 << 20;

pub(crate) struct Check<'s> {
    pub(crate) subject: &'s dyn Subject,
    /// What the subject says of itself.
    pub(crate) schema: &'s wit::Mapping,
    /// Those that are asked for.
    pub(crate) laws: &'s [Law],
    pub(crate) report: Report,
    pub(crate) until: Option<Instant>,
}

/// One resource in one table.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) table: &'a wit::Table,
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) document: &'a Document<'a>,
}

impl Check<'_> {
    /// Notes when the time ran out.
    pub(crate) fn is_late(&mut self) -> bool {
        let late = self.until.is_some_and(|until| Instant::now() >= until);
        self.report.cut_short |= late;
        late
    }

    pub(crate) fn broken(
        &mut self,
        law: Law,
        case: Case<'_>,
        column: Option<&wit::Column>,
        path: Option<String>,
        what: String,
    ) {
        if !self.laws.contains(&law) {
            return;
        }
        let table = &case.table.name;
        let already = self.report.violations.iter().filter(|other| other.law == law && other.table == *table).count();
        if already < MAX_VIOLATIONS {
            self.report.violations.push(Violation {
                law,
                table: table.clone(),
                column: column.map(|column| column.name.clone()),
                resource: case.name.to_owned(),
                path: path.or(column.map(|column| column.path.clone()).filter(|path| !path.is_empty())),
                difference: what,
            });
        }
    }
}

/// What one call is given of these, each in turn. A single one may be larger than a call is meant to be.
pub(crate) fn parts<T>(items: &[T], size: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, item) in items.iter().enumerate() {
        if at > start && (at - start >= CALL || bytes + size(item) > CALL_BYTES) {
            parts.push(&items[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += size(item);
    }
    if start < items.len() {
        parts.push(&items[start..]);
    }
    parts
}

/// All columns of a table.
pub(crate) fn all(table: &wit::Table) -> Vec<u16> {
    (0..).take(table.columns.len()).collect()
}

/// Whether two cells of a column are the same number, instant, target, code or text.
pub fn same(kind: &wit::ColumnType, shown: Option<&str>, value: Option<&str>) -> bool {
    let (Some(a), Some(b)) = (shown, value) else { return shown == value };
    a == b
        || match kind {
            wit::ColumnType::Int32 | wit::ColumnType::Int64 | wit::ColumnType::Decimal(_) => same_number(a, b),
            wit::ColumnType::DateTime => same_instant(a, b),
            wit::ColumnType::Lookup(_) => reference::same(a, b),
            wit::ColumnType::Json => same_json(a, b),
            _ => false,
        }
}
