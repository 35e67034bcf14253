//! All laws over resources at hand: what is broken, where, and what the resources do not reach. Nothing here panics;
//! whoever asks decides what a broken law means.

use std::collections::BTreeSet;
use std::time::Instant;

use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_scan::{Document, Value};

use crate::case::{Case, Check};
use crate::report::{Law, Report, Violation};
use crate::subject::Subject;

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
}

fn of(table: &wit::Table, column: &wit::Column) -> String {
    [&table.name, ".", &column.name].concat()
}
