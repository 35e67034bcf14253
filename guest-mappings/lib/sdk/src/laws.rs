//! The laws that every mapping keeps, checked over resources at hand: what is broken, where, and what the samples do
//! not reach. Nothing here panics; whoever asks decides what a broken law means.
//!
//! A [`Subject`] is anything that describes itself, reads and writes: a [`Mapping`] in a native test, a component in
//! its sandbox.

mod native;
mod read;
mod search;
mod show;
mod write;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

use turntable_scan::{Document, Value};

use crate::bindings::exports::turntable::mapping::schema as wit;
use crate::bindings::exports::turntable::mapping::write::{Change, FhirRequest};
use crate::bindings::turntable::mapping::types::Issue;
#[cfg(doc)]
use crate::table::Mapping;
pub use native::Native;
pub use write::other_value;

/// What laws are about. An error is that of a whole call: a trap, a limit, a request refused.
pub trait Subject {
    fn describe(&self) -> wit::Mapping;

    /// The rows of each document, for these columns of a table.
    fn rows(&self, table: &str, documents: &[&str], columns: &[u16]) -> Result<Batch, String>;

    /// One answer a change.
    fn resources(&self, table: &str, changes: &[Change]) -> Result<Vec<Answer>, String>;
}

/// What a change comes to.
pub type Answer = Result<FhirRequest, Vec<Issue>>;

/// Rows with their cells as text, None for null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub rows: Vec<Row>,
    /// Documents that gave no row and said why.
    pub refused: BTreeSet<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index of the document.
    pub document: usize,
    pub cells: Vec<Option<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// No trap and no lost row, however odd the resource.
    Total,
    /// The same twice, and each column alone as all together.
    Determinism,
    /// Writing what is shown changes nothing.
    GetPut,
    /// What is written is shown, and the other columns stay.
    PutGet,
    /// A search finds every row that the column's own value would, and no other where it says so.
    SoundSearch,
}

impl Law {
    pub const ALL: [Law; 5] = [Law::Total, Law::Determinism, Law::GetPut, Law::PutGet, Law::SoundSearch];

    pub fn name(self) -> &'static str {
        match self {
            Law::Total => "total",
            Law::Determinism => "determinism",
            Law::GetPut => "get-put",
            Law::PutGet => "put-get",
            Law::SoundSearch => "sound-search",
        }
    }
}

/// One law, broken. It names places, never what a resource holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub law: Law,
    pub table: String,
    pub column: Option<String>,
    /// Name of the resource, as given.
    pub resource: String,
    /// JSON pointer into the resource, or the column's path.
    pub path: Option<String>,
    pub difference: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.column.as_deref().map(|column| format!(".{column}")).unwrap_or_default();
        let path = self.path.as_deref().map(|path| format!(" at {path}")).unwrap_or_default();
        write!(f, "{}: {}{column}, {}{path}: {}", self.law.name(), self.table, self.resource, self.difference)
    }
}

/// What was found. A law without a violation holds for as far as the resources reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Resources that some table of the mapping takes.
    pub resources: usize,
    pub violations: Vec<Violation>,
    /// Paths of the resources that no column reads.
    pub unread: BTreeSet<String>,
    /// Columns, as `table.column`, that are null in every row.
    pub unfilled: BTreeSet<String>,
    /// Columns that cannot be changed.
    pub unwritten: BTreeSet<String>,
    /// The time ran out before all was looked at.
    pub cut_short: bool,
}

/// Violations of one law and table beyond this many are not listed.
const MAX_VIOLATIONS: usize = 20;

/// Documents or changes of one call, and their bytes: far below what any host lets a call have.
const CALL: usize = 200;
const CALL_BYTES: usize = 2 << 20;

/// A resource with a name for people.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// Checks all laws over these resources; those that no table takes are passed over. After `until` no further law is
/// begun, and the report says so.
pub fn check(subject: &dyn Subject, resources: &[Named<'_>], until: Option<Instant>) -> Report {
    let schema = subject.describe();
    let mut check = Check { subject, report: Report::default(), until };
    let mut filled: BTreeSet<String> = BTreeSet::new();
    for resource in resources {
        let Ok(document) = Document::parse(resource.text.as_bytes()) else { continue };
        let Some(kind) = document.root().get("resourceType").and_then(Value::text) else { continue };
        let tables = taking(&schema, &kind);
        if tables.is_empty() {
            continue;
        }
        check.report.resources += 1;
        for table in &tables {
            let case = Case { table, name: resource.name, text: resource.text, kind: &kind, document: &document };
            if check.is_late() {
                break;
            }
            check.table(case, &Law::ALL, &mut filled);
        }
        if !check.is_late() {
            check.loss(&tables, &document, &kind);
        }
    }
    check.finish(&schema, &filled)
}

/// What resources break of some of the laws, for more resources than there is time to [`check`].
pub fn check_some(subject: &dyn Subject, laws: &[Law], resources: &[Named<'_>]) -> Vec<Violation> {
    let schema = subject.describe();
    let mut check = Check { subject, report: Report::default(), until: None };
    for resource in resources {
        let Ok(document) = Document::parse(resource.text.as_bytes()) else { continue };
        let Some(kind) = document.root().get("resourceType").and_then(Value::text) else { continue };
        for table in taking(&schema, &kind) {
            let case = Case { table, name: resource.name, text: resource.text, kind: &kind, document: &document };
            check.table(case, laws, &mut BTreeSet::new());
        }
    }
    check.report.violations
}

/// The tables that have rows of a resource type.
fn taking<'s>(schema: &'s wit::Mapping, kind: &str) -> Vec<&'s wit::Table> {
    let takes = |table: &&wit::Table| table.sources.iter().any(|source| source.resource_type == kind);
    schema.tables.iter().filter(takes).collect()
}

struct Check<'s> {
    subject: &'s dyn Subject,
    report: Report,
    until: Option<Instant>,
}

/// One resource in one table.
#[derive(Clone, Copy)]
struct Case<'a> {
    table: &'a wit::Table,
    name: &'a str,
    text: &'a str,
    kind: &'a str,
    document: &'a Document<'a>,
}

impl Check<'_> {
    fn table(&mut self, case: Case<'_>, laws: &[Law], filled: &mut BTreeSet<String>) {
        let asked = |law| laws.contains(&law);
        let rows = if asked(Law::Determinism) { self.determinism(case) } else { self.rows(case) };
        let Some(rows) = rows else { return };
        for row in &rows {
            let columns = case.table.columns.iter().zip(&row.cells).filter(|(_, cell)| cell.is_some());
            filled.extend(columns.map(|(column, _)| of(case.table, column)));
        }
        if asked(Law::SoundSearch) {
            self.sound_search(case, &rows);
        }
        if case.table.access.contains(wit::TableAccess::UPDATE) {
            if asked(Law::GetPut) {
                self.get_put(case, &rows);
            }
            if asked(Law::PutGet) {
                self.put_get(case, &rows);
            }
        }
        if asked(Law::Total) {
            self.total(case);
        }
    }

    fn finish(mut self, schema: &wit::Mapping, filled: &BTreeSet<String>) -> Report {
        for table in &schema.tables {
            for column in &table.columns {
                let name = of(table, column);
                if !filled.contains(&name) {
                    self.report.unfilled.insert(name.clone());
                }
                if !column.access.contains(wit::ColumnAccess::UPDATE) {
                    self.report.unwritten.insert(name);
                }
            }
        }
        self.report
    }

    /// Notes when the time ran out.
    fn is_late(&mut self) -> bool {
        let late = self.until.is_some_and(|until| Instant::now() >= until);
        self.report.cut_short |= late;
        late
    }

    fn broken(&mut self, law: Law, case: Case<'_>, column: Option<&wit::Column>, path: Option<String>, what: String) {
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

impl Report {
    pub fn holds(&self, law: Law) -> bool {
        self.violations.iter().all(|violation| violation.law != law)
    }
}

fn of(table: &wit::Table, column: &wit::Column) -> String {
    [&table.name, ".", &column.name].concat()
}

/// What one call is given of these, each in turn. A single one may be larger than a call is meant to be.
fn parts<T>(items: &[T], size: impl Fn(&T) -> usize) -> Vec<&[T]> {
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
fn all(table: &wit::Table) -> Vec<u16> {
    (0..).take(table.columns.len()).collect()
}

/// Whether two cells of a column are the same number, instant, target, code or text.
pub fn same(kind: &wit::ColumnType, shown: Option<&str>, value: Option<&str>) -> bool {
    let (Some(a), Some(b)) = (shown, value) else { return shown == value };
    a == b
        || match kind {
            wit::ColumnType::Int32 | wit::ColumnType::Int64 | wit::ColumnType::Decimal(_) => {
                crate::assign::same_number(a, b)
            }
            wit::ColumnType::DateTime => crate::assign::same_instant(a, b),
            wit::ColumnType::Lookup(_) => crate::reference::same(a, b),
            wit::ColumnType::Json => crate::assign::same_json(a, b),
            _ => false,
        }
}
