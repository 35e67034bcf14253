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
    let mut check = Check { subject, schema: &schema, laws: &Law::ALL, report: Report::default(), until };
    let mut filled: BTreeSet<String> = BTreeSet::new();
    check.fresh();
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
            check.table(case, &mut filled);
        }
        if !check.is_late() {
            check.loss(&tables, &document, &kind);
        }
    }
    check.finish(&filled)
}

/// What of what a subject writes is not R4, whatever resources it is given: what needs none at hand.
pub fn valid(subject: &dyn Subject) -> Vec<Violation> {
    let schema = subject.describe();
    let laws = &[Law::Valid];
    let mut check = Check { subject, schema: &schema, laws, report: Report::default(), until: None };
    check.fresh();
    check.report.violations
}

/// What resources break of some of the laws, for more resources than there is time to [`check`].
pub fn check_some(subject: &dyn Subject, laws: &[Law], resources: &[Named<'_>]) -> Vec<Violation> {
    let schema = subject.describe();
    let mut check = Check { subject, schema: &schema, laws, report: Report::default(), until: None };
    for resource in resources {
        let Ok(document) = Document::parse(resource.text.as_bytes()) else { continue };
        let Some(kind) = document.root().get("resourceType").and_then(Value::text) else { continue };
        for table in taking(&schema, &kind) {
            let case = Case { table, name: resource.name, text: resource.text, kind: &kind, document: &document };
            check.table(case, &mut BTreeSet::new());
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
    fn table(&mut self, case: Case<'_>, filled: &mut BTreeSet<String>) {
        let laws = self.laws;
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
        if asked(Law::Elements) {
            self.elements(case, &rows);
        }
        if case.table.access.contains(wit::TableAccess::UPDATE) {
            if asked(Law::GetPut) {
                self.get_put(case, &rows);
            }
            if asked(Law::PutGet) || asked(Law::Valid) {
                self.put_get(case, &rows);
            }
        }
        if asked(Law::Total) {
            self.total(case);
        }
    }

    fn finish(mut self, filled: &BTreeSet<String>) -> Report {
        for table in &self.schema.tables {
            for column in &table.columns {
                let name = of(table, column);
                let is_written = column.access.contains(wit::ColumnAccess::UPDATE);
                // What stands for no element loses none.
                if column.path.is_empty() && !is_written {
                    continue;
                }
                if !filled.contains(&name) {
                    self.report.unfilled.insert(name.clone());
                }
                if !is_written && !matches!(column.kind, wit::ColumnType::Key) {
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
