//! `turntable mapping bench`: what calls of a mapping cost, in figures that are the same on every machine, and whether
//! one got worse since it was recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use turntable_componentize::put_samples;
use turntable_laws::{Row, Subject, other_value};
use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_mapping::bindings::exports::turntable::mapping::write::{Assignment, Change, FhirRequest, Operation};
use turntable_scan::Document;

use super::source::{self, Opened, refused};
use super::test::{resources, write};
use crate::cli::terminal::say;
use crate::mapping::inspect;
use crate::mapping::sandbox::{Sandbox, Taken};
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::limits::Limits;

/// Percent by which a figure may grow, unless said. The figures themselves do not waver; this lets small changes be.
pub const TOLERANCE: f64 = 3.0;
/// Resources of a page.
const PAGE: usize = 20;
/// Resources of a table that are changed, each in every column: more say nothing new.
const CHANGED: usize = 20;
/// Counting steps makes calls slower, and the machine may be busy: time is not what is measured here.
const CALL_MS: u64 = 60_000;

/// What is to be measured, and what with it.
pub struct Options {
    pub path: PathBuf,
    /// More resources: JSON files, alone or in bundles.
    pub bundles: Option<PathBuf>,
    pub record: Option<PathBuf>,
    pub against: Option<PathBuf>,
    /// Percent.
    pub tolerance: f64,
    pub json: bool,
}

/// The figures as a file has them. Members stand in the order of their names; a figure that is not there was not
/// measured.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// Without the samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    component_bytes: Option<u64>,
    mapping: String,
    tables: BTreeMap<String, Figures>,
    version: String,
}

/// Of one table.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Figures {
    /// Of one resource in a page of [`PAGE`], all columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel_page: Option<u64>,
    /// Of one resource alone, all columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel_read: Option<u64>,
    /// Of one change of one column.
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel_update: Option<u64>,
    /// The most that one of these calls took.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    /// Digest of the resources that were read: figures of others cannot be compared.
    over: String,
    resources: usize,
}

/// What a comparison found.
#[derive(Debug, Default, PartialEq)]
struct Comparison {
    /// One line each, with table, figure, before, after and percent.
    worse: Vec<String>,
    /// The same, of what grew less by more than the tolerance.
    better: Vec<String>,
    /// What could not be compared, and why.
    notes: Vec<String>,
}

pub fn bench(options: &Options) -> Result<()> {
    let before = options.against.as_deref().map(read).transpose()?;
    let limits = Limits { mapping_ms: CALL_MS, mapping_concurrency: 1, ..Limits::default() };
    let sandbox = Sandbox::metered(&limits)?;
    let opened = source::open_in(&options.path, &sandbox)?;
    let now = measure(&opened, &sandbox, options.bundles.as_deref())?;
    let inspected = inspect::inspect(&opened.component, &limits)?;
    let (took, code_bytes) = Sandbox::new(&limits, None)?.compilation(&inspected.component)?;
    let comparison = match &before {
        Some((file, before)) => Some(compare(before, &now, options.tolerance).map_err(|what| wrong(file, &what))?),
        None => None,
    };
    if options.json {
        say(format!("{:#}", as_json(&now, (took, code_bytes), comparison.as_ref())));
    } else {
        show(&now, (took, code_bytes));
        if let (Some(comparison), Some(against)) = (&comparison, &options.against) {
            say(format!("against {}, {} % allowed", against.display(), options.tolerance));
            comparison.worse.iter().for_each(|line| say(format!("  WORSE   {line}")));
            comparison.better.iter().for_each(|line| say(format!("  better  {line}")));
            comparison.notes.iter().for_each(|line| say(format!("  note    {line}")));
            if comparison == &Comparison::default() {
                say("  no figure differs by more");
            }
        }
    }
    let worse = comparison.map(|comparison| comparison.worse).unwrap_or_default();
    if worse.is_empty() {
        return options.record.as_deref().map_or(Ok(()), |file| write(file, &text(&now)?));
    }
    let what = match worse.len() {
        1 => format!("a figure got worse by more than {} %", options.tolerance),
        many => format!("{many} figures got worse by more than {} %", options.tolerance),
    };
    let details = worse.into_iter().map(|message| Detail { code: "bench".to_owned(), message, target: None });
    Err(Error::new(Code::ComponentRefused, what)
        .hint("If it is worth it, record the new figures: --record without --against.")
        .details(details.collect::<Vec<_>>()))
}

/// `--tolerance`: a number of percent, not below zero.
pub fn percent(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if percent.is_finite() && percent >= 0.0 => Ok(percent),
        _ => Err("a number of percent, 0 or more, such as 2.5".to_owned()),
    }
}

/// Calls each table with the resources at hand.
fn measure(opened: &Opened, sandbox: &Sandbox, bundles: Option<&Path>) -> Result<Record> {
    let schema = Subject::describe(&opened.mapping);
    let samples = opened.samples.iter().filter_map(|sample| sample.resource.as_ref());
    let mut all: Vec<String> = samples.map(|resource| resource.get().to_owned()).collect();
    if let Some(folder) = bundles {
        all.extend(resources(&schema, folder)?.into_iter().map(|(_, text)| text));
    }
    let typed: Vec<(Option<String>, &str)> = all.iter().map(|text| (resource_type(text), text.as_str())).collect();
    let mut tables = BTreeMap::new();
    for table in &schema.tables {
        let takes = |kind: &str| table.sources.iter().any(|source| source.resource_type == kind);
        let own = typed.iter().filter(|(kind, _)| kind.as_deref().is_some_and(takes));
        let own: Vec<&str> = own.map(|(_, text)| *text).collect();
        let figures = Bench { opened, sandbox, table, memory_bytes: 0 }.figures(&own).map_err(refused)?;
        tables.insert(table.name.clone(), figures);
    }
    if tables.values().all(|table| table.resources == 0) {
        return Err(refused("there is no resource to measure with")
            .hint("Put one beside the mapping, samples/NAME.json, or say --bundles DIR."));
    }
    // A better set of samples makes no mapping worse.
    let mut samples = Vec::new();
    put_samples(&mut samples, &opened.mapping.samples).map_err(refused)?;
    let component_bytes = Some(opened.component.len().saturating_sub(samples.len()) as u64);
    Ok(Record { component_bytes, mapping: schema.name, tables, version: schema.version })
}

fn resource_type(resource: &str) -> Option<String> {
    let document = Document::parse(resource.as_bytes()).ok()?;
    Some(document.root().get("resourceType")?.text()?.into_owned())
}

/// One table under measurement.
struct Bench<'a> {
    opened: &'a Opened,
    sandbox: &'a Sandbox,
    table: &'a wit::Table,
    memory_bytes: usize,
}

impl Bench<'_> {
    fn figures(mut self, resources: &[&str]) -> std::result::Result<Figures, String> {
        let over = inspect::digest(resources.join("\n").as_bytes());
        let mut figures = Figures { over, resources: resources.len(), ..Figures::default() };
        if resources.is_empty() {
            return Ok(figures);
        }
        let (mut alone, mut rows) = (Vec::new(), Vec::new());
        for resource in resources {
            rows.push(self.rows(&[resource])?);
            alone.push(self.taken().fuel);
        }
        figures.fuel_read = mean(&alone);
        let mut pages = Vec::new();
        let filled: Vec<_> = resources.iter().copied().cycle().take(resources.len().next_multiple_of(PAGE)).collect();
        for page in filled.chunks(PAGE) {
            self.rows(page)?;
            pages.push(self.taken().fuel / PAGE as u64);
        }
        figures.fuel_page = mean(&pages);
        if self.table.access.contains(wit::TableAccess::UPDATE) {
            let mut updates = Vec::new();
            for (resource, rows) in resources.iter().zip(&rows).take(CHANGED) {
                for row in rows {
                    self.updates(resource, row, &mut updates)?;
                }
            }
            figures.fuel_update = mean(&updates);
        }
        figures.memory_bytes = Some(self.memory_bytes as u64);
        Ok(figures)
    }

    fn rows(&self, documents: &[&str]) -> std::result::Result<Vec<Row>, String> {
        let columns: Vec<u16> = (0..).take(self.table.columns.len()).collect();
        Subject::rows(&self.opened.mapping, &self.table.name, documents, &columns).map(|batch| batch.rows)
    }

    /// Each column that can be changed by itself, set to another value. What is refused is cheap and does not count.
    fn updates(&mut self, resource: &str, row: &Row, fuel: &mut Vec<u64>) -> std::result::Result<(), String> {
        let key = row.cells.get(usize::from(self.table.key)).cloned().flatten();
        for ((column, shown), index) in self.table.columns.iter().zip(&row.cells).zip(0_u16..) {
            let value = other_value(&column.kind, shown.as_deref());
            if value.is_none() || !column.access.contains(wit::ColumnAccess::UPDATE) {
                continue;
            }
            let change = Change {
                operation: Operation::Update,
                key: key.clone(),
                assignments: vec![Assignment { column: index, value }],
                existing: Some(resource.as_bytes().to_vec()),
            };
            let answers = self.opened.mapping.resources(&self.table.name, &[change])?;
            let taken = self.taken();
            if let [Ok(FhirRequest::Update(_))] = answers[..] {
                fuel.push(taken.fuel);
            }
        }
        Ok(())
    }

    /// By the call that was just made.
    fn taken(&mut self) -> Taken {
        let taken = self.sandbox.taken().unwrap_or_default();
        self.memory_bytes = self.memory_bytes.max(taken.memory_bytes);
        taken
    }
}

fn mean(figures: &[u64]) -> Option<u64> {
    figures.iter().sum::<u64>().checked_div(figures.len() as u64)
}

/// The figures that both have. The error says why nothing can be compared.
fn compare(before: &Record, now: &Record, tolerance: f64) -> std::result::Result<Comparison, String> {
    if before.mapping != now.mapping {
        return Err(format!("it has the figures of {}, not of {}", before.mapping, now.mapping));
    }
    let mut found = Comparison::default();
    for (table, now) in &now.tables {
        match before.tables.get(table) {
            None => found.notes.push(format!("{table} is new: no figures of it are recorded")),
            Some(before) if before.over != now.over => {
                found.notes.push(format!("{table} was measured over other resources: record its figures anew"));
            }
            Some(before) => {
                for ((figure, before), (_, now)) in before.all().into_iter().zip(now.all()) {
                    found.figure(table, figure, before, now, tolerance);
                }
            }
        }
    }
    let gone = before.tables.keys().filter(|table| !now.tables.contains_key(*table));
    found.notes.extend(gone.map(|table| format!("{table} is recorded, and the mapping has it no more")));
    found.figure("component", "component_bytes", before.component_bytes, now.component_bytes, tolerance);
    Ok(found)
}

impl Figures {
    fn all(&self) -> [(&'static str, Option<u64>); 4] {
        [
            ("fuel_read", self.fuel_read),
            ("fuel_page", self.fuel_page),
            ("fuel_update", self.fuel_update),
            ("memory_bytes", self.memory_bytes),
        ]
    }
}

impl Comparison {
    fn figure(&mut self, of: &str, figure: &str, before: Option<u64>, now: Option<u64>, tolerance: f64) {
        let (before, now) = match (before, now) {
            (Some(before), Some(now)) => (before, now),
            (None, Some(_)) => return self.notes.push(format!("{of} {figure} is not recorded")),
            (Some(_), None) => return self.notes.push(format!("{of} {figure} is recorded, and not measured any more")),
            (None, None) => return,
        };
        let line = || {
            let percent = (now as f64 / before as f64 - 1.0) * 100.0;
            format!("{of} {figure}: {before} before, {now} now ({percent:+.1} %)")
        };
        // In whole numbers as far as they go: 1030 is not more than 3 % above 1000.
        let (base, percent) = (before as f64, now as f64 * 100.0);
        if percent > base * (100.0 + tolerance) {
            self.worse.push(line());
        } else if percent < base * (100.0 - tolerance) {
            self.better.push(line());
        }
    }
}

fn read(file: &Path) -> Result<(PathBuf, Record)> {
    let text = source::read(file)?;
    let record = serde_json::from_slice(&text).map_err(|error| wrong(file, &error.to_string()))?;
    Ok((file.to_owned(), record))
}

fn wrong(file: &Path, what: &str) -> Error {
    refused(format!("{} is no record of this mapping's bench: {what}", file.display()))
        .hint("`turntable mapping bench --record FILE` writes one.")
}

fn text(record: &Record) -> Result<String> {
    serde_json::to_string_pretty(record)
        .map(|text| text + "\n")
        .map_err(|error| Error::new(Code::Internal, format!("the figures cannot be written: {error}")))
}

fn show(record: &Record, (took, code_bytes): (Duration, usize)) {
    say(format!("{} {}", record.mapping, record.version));
    let line = |name: &str, figure: Option<u64>, unit: &str| {
        if let Some(figure) = figure {
            say(format!("  {name:<15} {figure:>9} {unit}"));
        }
    };
    for (table, figures) in &record.tables {
        let resources = if figures.resources == 1 { "resource" } else { "resources" };
        say(format!("{table}, over {} {resources}", figures.resources));
        line("fuel_read", figures.fuel_read, "a resource alone, all columns");
        line("fuel_page", figures.fuel_page, &format!("a resource in a page of {PAGE}"));
        line("fuel_update", figures.fuel_update, "a change of one column");
        line("memory_bytes", figures.memory_bytes, "at most");
    }
    say("component");
    line("component_bytes", record.component_bytes, "without samples");
    line("compiled_bytes", Some(code_bytes as u64), &format!("in {} ms, not compared", took.as_millis()));
}

fn as_json(record: &Record, (took, code_bytes): (Duration, usize), comparison: Option<&Comparison>) -> Value {
    let against = comparison.map(|found| json!({ "better": found.better, "notes": found.notes, "worse": found.worse }));
    json!({
        "against": against,
        "compile_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "compiled_bytes": code_bytes,
        "component_bytes": record.component_bytes,
        "mapping": record.mapping,
        "tables": record.tables,
        "version": record.version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(figures: &[(&str, Option<u64>)]) -> Record {
        let tables = figures.iter().map(|(table, fuel_read)| {
            ((*table).to_owned(), Figures { fuel_read: *fuel_read, over: "sha256:0".to_owned(), ..Figures::default() })
        });
        Record { component_bytes: Some(100), mapping: "m".into(), tables: tables.collect(), version: "1.0.0".into() }
    }

    #[track_caller]
    fn check(before: &[(&str, Option<u64>)], now: &[(&str, Option<u64>)], expected: [&[&str]; 3]) {
        let found = compare(&record(before), &record(now), 3.0).unwrap();
        assert_eq!([found.worse, found.better, found.notes], expected.map(|lines| lines.to_vec()));
    }

    #[test]
    fn what_grew_beyond_the_tolerance_is_worse() {
        check(&[("t", Some(1000))], &[("t", Some(1030))], [&[], &[], &[]]);
        check(&[("t", Some(1000))], &[("t", Some(1031))], [&["t fuel_read: 1000 before, 1031 now (+3.1 %)"], &[], &[]]);
        check(&[("t", Some(1000))], &[("t", Some(500))], [&[], &["t fuel_read: 1000 before, 500 now (-50.0 %)"], &[]]);
        check(&[("t", Some(0))], &[("t", Some(0))], [&[], &[], &[]]);
        check(&[("t", Some(0))], &[("t", Some(1))], [&["t fuel_read: 0 before, 1 now (+inf %)"], &[], &[]]);
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        check(&[("t", None)], &[("t", Some(1))], [&[], &[], &["t fuel_read is not recorded"]]);
        check(&[("t", Some(1))], &[("t", None)], [&[], &[], &["t fuel_read is recorded, and not measured any more"]]);
        check(&[], &[("t", Some(1))], [&[], &[], &["t is new: no figures of it are recorded"]]);
        check(&[("t", Some(1))], &[], [&[], &[], &["t is recorded, and the mapping has it no more"]]);
        let mut other = record(&[("t", Some(9))]);
        other.tables.get_mut("t").unwrap().over = "sha256:1".into();
        let found = compare(&record(&[("t", Some(1))]), &other, 3.0).unwrap();
        assert_eq!(found.notes, ["t was measured over other resources: record its figures anew"]);
        assert_eq!(found.worse, [""; 0]);
        other.mapping = "n".into();
        assert_eq!(compare(&record(&[]), &other, 3.0).unwrap_err(), "it has the figures of m, not of n");
    }

    #[test]
    fn a_tolerance_is_a_number_of_percent() {
        assert_eq!(percent("2.5"), Ok(2.5));
        for wrong in ["", "-1", "NaN", "inf", "5%"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }
}
