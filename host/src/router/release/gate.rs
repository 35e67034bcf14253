//! The gate: what a mapping must show before it is let in. It runs the mapping on its own samples, in the sandbox and
//! under the limits of production, and reports each check by name.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use turntable_componentize::Sample;
use turntable_laws::{self as laws, Named, Subject, definitions, sample, targets};
use turntable_scan::Document;

use crate::mapping::component::{Documents, FhirRequest, Mapping, WriteChange, WriteOperation};
use crate::mapping::signature::Signed;
use crate::mapping::subject::{known, sample_of};
use crate::model::error::Result;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::router::snapshot::Snapshot;

/// What the gate found, kept with the version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub checks: Vec<Check>,
    /// Of a trusted key over the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signed>,
    /// Loaded while it is being written: it takes no release's place, and no rollback goes to it. The store reads it here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub development: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// `samples`, `round-trip`, `determinism`, `schema`, …
    pub name: String,
    pub passed: bool,
    /// What was looked at, or what is wrong and where.
    pub findings: Vec<String>,
}

/// Findings of one check beyond this many are counted only.
const MAX_FINDINGS: usize = 50;

impl Report {
    /// Of a mapping that ships: what the gate asks of others, the tests of this program have asked of it.
    pub fn of_the_build() -> Self {
        let mut report = Self::default();
        report.add("build", Vec::new(), "it ships with this program, whose tests run it through the gate".to_owned());
        report
    }

    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }

    pub fn add(&mut self, name: &str, faults: Vec<String>, note: String) {
        let passed = faults.is_empty();
        let more = faults.len().saturating_sub(MAX_FINDINGS);
        let mut findings: Vec<String> = if passed { vec![note] } else { faults };
        findings.truncate(MAX_FINDINGS);
        if more > 0 {
            findings.push(format!("and {more} more"));
        }
        self.checks.push(Check { name: name.to_owned(), passed, findings });
    }
}

/// All checks that need nothing but the mapping itself.
pub fn check(mapping: &Mapping, report: &mut Report) {
    let samples = &mapping.samples;
    let resources = format!("{} resources", samples.iter().filter(|s| s.resource.is_some()).count());
    let changes = format!("{} changes", samples.iter().filter(|s| s.change.is_some()).count());
    let on_resources = |law: fn(&Mapping, &[u8], &Sample) -> Result<Option<String>>| {
        faults(samples, |sample| match &sample.resource {
            Some(resource) => law(mapping, resource.get().as_bytes(), sample),
            None => Ok(None),
        })
    };
    let schema = Subject::describe(mapping);
    let all: Vec<_> = samples.iter().map(sample_of).collect();
    let found = |check: &dyn Fn(&sample::Sample<'_>) -> Vec<sample::Fault>| {
        let of_one = |sample| check(sample).into_iter().map(move |fault| told(sample, &fault));
        all.iter().flat_map(of_one).collect::<Vec<_>>()
    };
    report.add("samples", found(&|sample| sample::check_rows(mapping, &schema, sample)), resources.clone());
    report.add("determinism", on_resources(same_twice), resources.clone());
    report.add("round-trip", on_resources(unchanged), resources);
    report.add("changes", found(&|sample| sample::check_change(mapping, &schema, sample, &all)), changes);
}

/// A report names places and no values: others read it too.
fn told(sample: &sample::Sample<'_>, fault: &sample::Fault) -> String {
    format!("sample `{}`: {}", sample.name, fault.without_values())
}

/// How long the gate looks at the laws, unless it is told to take less.
pub const LAWS_TIME: Duration = Duration::from_secs(3);

/// The laws (`turntable_laws`) over the mapping's own samples, for this long at most: a mapping that is seen to
/// break one is refused. What differs from R4's definitions is named for whoever loads it, and refuses nothing: profiles
/// and later versions may have what R4 has not.
pub fn laws(mapping: &Mapping, time: Duration, report: &mut Report) {
    let samples = mapping.samples.iter();
    let named = samples.filter_map(|s| Some(Named { name: &s.name, text: s.resource.as_ref()?.get() }));
    let found = laws::check(mapping, &named.collect::<Vec<_>>(), Some(Instant::now() + time));
    let mut findings = vec![match (found.violations.len(), found.cut_short) {
        (0, false) => format!("all hold over {} resources", found.resources),
        (0, true) => format!("none is broken in the time there was; {} resources", found.resources),
        (broken, _) => format!("{broken} broken; `turntable mapping test` shows them all"),
    }];
    findings.extend(found.violations.iter().take(MAX_FINDINGS).map(ToString::to_string));
    // A view says its columns in FHIRPath; its compiler holds that against R4.
    let writes = mapping.tables.iter().any(|table| table.access.update || table.access.create);
    let disagreements = if writes { definitions::check_schema(&Subject::describe(mapping)) } else { Vec::new() };
    findings.extend(disagreements.iter().take(MAX_FINDINGS).map(|fault| format!("not as in R4: {fault}")));
    report.checks.push(Check { name: "laws".to_owned(), passed: found.violations.is_empty(), findings });
}

/// Lookups to tables that are not there. They refuse nothing: the tables may come with the next mapping.
pub(super) fn lookups(live: &Snapshot, mapping: &Mapping, report: &mut Report) {
    let others = live.tables().filter(|table| table.mapping.name != mapping.name);
    let others: Vec<_> = others.map(|table| known(&table.table)).collect();
    let found = targets::check(&Subject::describe(mapping), &others);
    let mut findings: Vec<_> = found.faults.iter().chain(&found.missing).map(ToString::to_string).collect();
    let more = findings.len().saturating_sub(MAX_FINDINGS);
    findings.truncate(MAX_FINDINGS);
    if more > 0 {
        findings.push(format!("and {more} more"));
    }
    if findings.is_empty() {
        findings.push("every lookup points to a table that is there".to_owned());
    }
    report.checks.push(Check { name: "lookups".to_owned(), passed: true, findings });
}

/// The tables that show resources of this one's type.
fn tables_of<'m>(mapping: &'m Mapping, resource: &[u8]) -> impl Iterator<Item = &'m Table> {
    let of = Document::parse(resource).ok().and_then(|d| d.root().get("resourceType")?.text().map(Cow::into_owned));
    let shows = move |table: &&Table| of.as_deref().is_some_and(|of| table.source(of).is_some());
    mapping.tables.iter().map(|table| &**table).filter(shows)
}

fn faults(samples: &[Sample], fault: impl Fn(&Sample) -> Result<Option<String>>) -> Vec<String> {
    samples
        .iter()
        .filter_map(|sample| match fault(sample) {
            Ok(None) => None,
            Ok(Some(what)) => Some(format!("sample `{}`: {what}", sample.name)),
            Err(error) => Some(format!("sample `{}`: {error}", sample.name)),
        })
        .collect()
}

fn all_rows(mapping: &Mapping, table: &Table, resource: &[u8]) -> Result<Rows> {
    let columns: Vec<ColumnIndex> = (0..table.mapped()).collect();
    let mut documents = Documents::new();
    documents.push(resource);
    Ok(mapping.rows(&table.name, &documents, &columns)?.rows)
}

fn same_twice(mapping: &Mapping, resource: &[u8], _: &Sample) -> Result<Option<String>> {
    for table in tables_of(mapping, resource) {
        if all_rows(mapping, table, resource)? != all_rows(mapping, table, resource)? {
            return Ok(Some(format!("rows of `{}` differ between two calls", table.name)));
        }
    }
    Ok(None)
}

/// Law get-put: writing back what the row shows changes nothing.
fn unchanged(mapping: &Mapping, resource: &[u8], _: &Sample) -> Result<Option<String>> {
    for table in tables_of(mapping, resource).filter(|t| t.access.update) {
        let rows = all_rows(mapping, table, resource)?;
        for row in 0..rows.len() {
            let assignments: Vec<_> = table
                .columns
                .iter()
                .enumerate()
                .take(table.mapped())
                .filter(|(_, column)| column.access.update && !column.path.is_empty())
                .map(|(index, _)| (index, rows.cell(row, index).map(str::to_owned)))
                .collect();
            let change = WriteChange {
                operation: WriteOperation::Update,
                key: rows.cell(row, table.key).map(str::to_owned),
                assignments,
                existing: Some(resource.to_vec()),
            };
            match mapping.resource(&table.name, &[change])?.pop() {
                Some(Ok(FhirRequest::Unchanged)) => {}
                Some(Ok(_)) => {
                    return Ok(Some(format!(
                        "writing row {row} of `{}` back as it is changes the resource",
                        table.name
                    )));
                }
                Some(Err(issues)) => {
                    let column = issues.first().and_then(|i| i.column).and_then(|c| table.columns.get(c));
                    let name = column.map_or("?", |c| c.name.as_str());
                    return Ok(Some(format!("writing row {row} of `{}` back is refused at `{name}`", table.name)));
                }
                None => return Ok(Some(format!("no answer to a change of `{}`", table.name))),
            }
        }
    }
    Ok(None)
}

/// Tables of a mapping that are no child tables.
pub(super) fn roots(mapping: &Mapping) -> impl Iterator<Item = &Arc<Table>> {
    mapping.tables.iter().filter(|t| t.parent.is_none())
}
