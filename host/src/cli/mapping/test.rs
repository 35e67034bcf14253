//! `turntable mapping test`: the samples give their rows, changes give their resources, the laws hold, the paths are
//! R4's. For people, as JSON, or as JUnit.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use turntable_componentize::{Sample, read_samples};
use turntable_laws::{self as laws, Law, Named, Row, Subject, samples};
use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_mapping::bindings::exports::turntable::mapping::write::{Assignment, Change, FhirRequest, Operation};

use super::source::{self, Opened, refused};
use crate::cli::terminal::say;
use crate::model::error::{Code, Error, Result};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Junit,
    Json,
}

/// What is to be tested, and how.
pub struct Options {
    pub path: PathBuf,
    /// More resources for the laws: JSON files, alone or in bundles.
    pub bundles: Option<PathBuf>,
    pub report: Option<Format>,
    /// Write the rows and the resources after a change anew.
    pub bless: bool,
}

/// One thing that was looked at.
struct Case {
    name: String,
    /// What is wrong, one line each; none = passed.
    faults: Vec<String>,
    /// Against a file of the author's, which `--bless` writes.
    golden: bool,
}

impl Case {
    fn new(name: impl Into<String>, faults: Vec<String>) -> Self {
        Self { name: name.into(), faults, golden: false }
    }

    fn golden(name: String, faults: Vec<String>) -> Self {
        Self { name, faults, golden: true }
    }
}

pub fn test(options: &Options) -> Result<()> {
    let mut opened = source::open(&options.path)?;
    if options.bless {
        bless(&mut opened)?;
    }
    let schema = opened.mapping.describe();
    let mut cases = vec![Case::new("definitions", opened.faults())];
    for sample in &opened.samples {
        cases.extend(rows_case(&opened.mapping, &schema, sample));
        cases.extend(change_case(&opened.mapping, &schema, sample, &opened.samples));
    }
    let more = options.bundles.as_deref().map(|folder| resources(&schema, folder)).transpose()?.unwrap_or_default();
    let own = opened.samples.iter().filter_map(|sample| Some((sample.name.as_str(), sample.resource.as_ref()?.get())));
    let own = own.map(|(name, text)| Named { name, text });
    let more_named = more.iter().map(|(name, text)| Named { name, text });
    let report = laws::check(&opened.mapping, &own.chain(more_named).collect::<Vec<_>>(), None);
    for law in Law::ALL {
        let broken = report.violations.iter().filter(|violation| violation.law == law);
        cases.push(Case::new(format!("law {}", law.name()), broken.map(ToString::to_string).collect()));
    }
    if report.resources == 0 {
        cases.push(Case::new("samples", vec!["there is no resource to test with".to_owned()]));
    }
    match options.report {
        Some(Format::Json) => say(format!("{:#}", as_json(&opened, &cases, &report))),
        Some(Format::Junit) => say(as_junit(&opened, &cases).trim_end()),
        None => show(&opened, &cases, &report),
    }
    let failed = cases.iter().filter(|case| !case.faults.is_empty()).count();
    if failed == 0 {
        return Ok(());
    }
    let error = Error::new(Code::ComponentRefused, format!("{failed} of {} failed", cases.len()));
    if cases.iter().any(|case| case.golden && !case.faults.is_empty()) {
        return Err(
            error.hint("If the new rows are right, --bless writes them: read the difference before you commit it.")
        );
    }
    Err(error)
}

/// The resources of the mapping's types in all JSON files below a folder, of those that look the same the first.
pub(super) fn resources(schema: &wit::Mapping, folder: &Path) -> Result<Vec<(String, String)>> {
    if !folder.is_dir() {
        return Err(refused(format!("there is no folder {}", folder.display())));
    }
    let takes =
        |kind: &str| schema.tables.iter().flat_map(|table| &table.sources).any(|source| source.resource_type == kind);
    Ok(samples::resources(folder, takes))
}

/// By table, its rows in order; a column that is not there is null.
type Expected = BTreeMap<String, Vec<BTreeMap<String, Box<RawValue>>>>;

fn rows_case(subject: &dyn Subject, schema: &wit::Mapping, sample: &Sample) -> Option<Case> {
    let (resource, expected) = (sample.resource.as_ref()?, sample.rows.as_ref()?);
    let mut faults = Vec::new();
    match serde_json::from_str::<Expected>(expected.get()) {
        Err(error) => faults.push(format!("{}.rows.json: {error}", sample.name)),
        Ok(expected) => {
            for (name, expected) in &expected {
                match schema.tables.iter().find(|table| table.name == *name) {
                    None => faults.push(format!("{}.rows.json: the mapping has no table {name}", sample.name)),
                    Some(table) => match rows(subject, table, resource.get()) {
                        Ok(rows) => differences(table, &rows, expected, &mut faults),
                        Err(what) => faults.push(format!("{name}: {what}")),
                    },
                }
            }
        }
    }
    Some(Case::golden(format!("{} rows", sample.name), faults))
}

fn rows(subject: &dyn Subject, table: &wit::Table, resource: &str) -> std::result::Result<Vec<Row>, String> {
    let columns: Vec<u16> = (0..).take(table.columns.len()).collect();
    subject.rows(&table.name, &[resource], &columns).map(|batch| batch.rows)
}

fn differences(
    table: &wit::Table,
    rows: &[Row],
    expected: &[BTreeMap<String, Box<RawValue>>],
    faults: &mut Vec<String>,
) {
    if rows.len() != expected.len() {
        faults.push(format!("{}: {} rows, {} expected", table.name, rows.len(), expected.len()));
    }
    for (at, (row, expected)) in rows.iter().zip(expected).enumerate() {
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            let wanted = expected.get(&column.name).and_then(|value| cell_text(value));
            if *cell != wanted {
                let shown = |cell: &Option<String>| cell.as_ref().map_or("null".to_owned(), |text| format!("{text:?}"));
                let path = if column.path.is_empty() { String::new() } else { format!(" (from {})", column.path) };
                let (wanted, cell) = (shown(&wanted), shown(cell));
                faults.push(format!("{}[{at}].{}{path}: - {wanted} + {cell}", table.name, column.name));
            }
        }
        for name in expected.keys().filter(|name| table.columns.iter().all(|column| column.name != **name)) {
            faults.push(format!("{}[{at}].{name}: the table has no such column", table.name));
        }
    }
}

/// A sample writes a cell as text, and a number or boolean also as it stands, digit by digit.
fn cell_text(value: &RawValue) -> Option<String> {
    match value.get() {
        "null" => None,
        text => serde_json::from_str(text).ok().or_else(|| Some(text.to_owned())),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleChange {
    of: Option<String>,
    table: String,
    operation: Option<String>,
    key: Option<String>,
    assignments: BTreeMap<String, Box<RawValue>>,
}

fn change_case(subject: &dyn Subject, schema: &wit::Mapping, sample: &Sample, all: &[Sample]) -> Option<Case> {
    sample.change.as_ref()?;
    let after = sample.after.as_ref()?.get();
    let faults = match changed(subject, schema, sample, all) {
        Err(what) => vec![what],
        Ok(text) if text.trim() == after.trim() => Vec::new(),
        Ok(text) => {
            let at = text.lines().zip(after.lines()).position(|(got, wanted)| got != wanted);
            let line = at.unwrap_or_else(|| text.lines().count().min(after.lines().count()));
            let of = |text: &str| text.lines().nth(line).unwrap_or("(nothing)").to_owned();
            vec![format!("{}.after.json, line {}: - {} + {}", sample.name, line + 1, of(after), of(&text))]
        }
    };
    Some(Case::golden(format!("{} change", sample.name), faults))
}

/// The resource after a sample's change.
fn changed(
    subject: &dyn Subject,
    schema: &wit::Mapping,
    sample: &Sample,
    all: &[Sample],
) -> std::result::Result<String, String> {
    let text = sample.change.as_ref().map_or("{}", |change| change.get());
    let change: SampleChange =
        serde_json::from_str(text).map_err(|error| format!("{}.change.json: {error}", sample.name))?;
    let table = schema.tables.iter().find(|table| table.name == change.table);
    let table = table.ok_or_else(|| format!("the mapping has no table {}", change.table))?;
    let existing = match &change.of {
        None => None,
        Some(of) => {
            let sample = all.iter().find(|sample| sample.name == *of).and_then(|sample| sample.resource.as_ref());
            Some(sample.ok_or_else(|| format!("there is no sample {of}"))?.get())
        }
    };
    let operation = match change.operation.as_deref() {
        None | Some("update") => Operation::Update,
        Some("create") => Operation::Create,
        Some("delete") => Operation::Delete,
        Some(other) => return Err(format!("there is no operation {other}")),
    };
    let mut assignments = Vec::new();
    for (name, value) in &change.assignments {
        let column = table.columns.iter().zip(0_u16..).find(|(column, _)| column.name == *name);
        let (_, column) = column.ok_or_else(|| format!("{} has no column {name}", table.name))?;
        assignments.push(Assignment { column, value: cell_text(value) });
    }
    let own_id = existing.filter(|_| operation != Operation::Create).and_then(|text| {
        let resource: serde_json::Value = serde_json::from_str(text).ok()?;
        resource.get("id")?.as_str().map(str::to_owned)
    });
    let request = Change {
        operation,
        key: change.key.or(own_id),
        assignments,
        existing: existing.map(|text| text.as_bytes().to_vec()),
    };
    match subject.resources(&table.name, &[request])?.pop() {
        Some(Ok(FhirRequest::Create(body) | FhirRequest::Update(body))) => {
            String::from_utf8(body).map_err(|_| "the resource is not UTF-8".to_owned())
        }
        Some(Ok(FhirRequest::Unchanged)) => Ok(existing.unwrap_or_default().to_owned()),
        Some(Ok(FhirRequest::Delete)) => Err("the resource would be deleted".to_owned()),
        Some(Err(issues)) => {
            let said: Vec<_> = issues
                .iter()
                .map(|issue| {
                    let column = issue.column.and_then(|at| table.columns.get(usize::from(at)));
                    format!("{}: {}", column.map_or("?", |column| column.name.as_str()), issue.message)
                })
                .collect();
            Err(format!("refused: {}", said.join("; ")))
        }
        None => Err("the mapping gave no answer".to_owned()),
    }
}

/// Writes rows and resources-after as they now are, and takes them for what is expected.
fn bless(opened: &mut Opened) -> Result<()> {
    let Some(folder) = opened.samples_dir.clone() else {
        return Err(refused("a component's samples cannot be renewed").hint("Give the crate or the YAML file."));
    };
    let schema = opened.mapping.describe();
    for sample in &opened.samples {
        if let Some(resource) = &sample.resource {
            let text = golden(&opened.mapping, &schema, resource.get()).map_err(refused)?;
            write(&folder.join(format!("{}.rows.json", sample.name)), &text)?;
        }
        if sample.change.is_some() {
            let text = changed(&opened.mapping, &schema, sample, &opened.samples).map_err(refused)?;
            write(&folder.join(format!("{}.after.json", sample.name)), &text)?;
        }
    }
    opened.samples = read_samples(&folder).map_err(refused)?;
    Ok(())
}

pub(super) fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(|error| refused(format!("{}: {error}", file.display())))
}

/// The rows of a resource as `NAME.rows.json` has them: one member a line, nulls left out.
pub(super) fn golden(
    subject: &dyn Subject,
    schema: &wit::Mapping,
    resource: &str,
) -> std::result::Result<String, String> {
    let parsed: serde_json::Value = serde_json::from_str(resource).map_err(|error| error.to_string())?;
    let kind = parsed.get("resourceType").and_then(serde_json::Value::as_str).unwrap_or_default();
    let takes = |table: &&wit::Table| table.sources.iter().any(|source| source.resource_type == kind);
    let mut tables = Vec::new();
    for table in schema.tables.iter().filter(takes) {
        let rows = rows(subject, table, resource)?;
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                let cells = table.columns.iter().zip(&row.cells);
                let cells = cells.filter_map(|(column, cell)| {
                    Some(format!("    {}: {}", quoted(&column.name), literal(column, cell.as_ref()?)))
                });
                format!("  {{\n{}\n  }}", cells.collect::<Vec<_>>().join(",\n"))
            })
            .collect();
        let rows = if rows.is_empty() { "[]".to_owned() } else { format!("[\n{}\n]", rows.join(",\n")) };
        tables.push(format!("{}: {rows}", quoted(&table.name)));
    }
    Ok(format!("{{\n{}\n}}\n", tables.join(",\n")))
}

fn literal(column: &wit::Column, cell: &str) -> String {
    match column.kind {
        wit::ColumnType::Boolean
        | wit::ColumnType::Int32
        | wit::ColumnType::Int64
        | wit::ColumnType::Decimal(_)
        | wit::ColumnType::Json => cell.to_owned(),
        _ => quoted(cell),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn show(opened: &Opened, cases: &[Case], report: &laws::Report) {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let paint = |code: &str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    for case in cases {
        let mark = if case.faults.is_empty() { paint("32", "ok    ") } else { paint("1;31", "FAILED") };
        say(format!("{mark} {}", case.name));
        for fault in &case.faults {
            say(match fault.split_once(": - ").and_then(|(place, rest)| Some((place, rest.split_once(" + ")?))) {
                Some((place, (wanted, got))) => format!(
                    "       {place}\n         {}\n         {}",
                    paint("31", &format!("- {wanted}")),
                    paint("32", &format!("+ {got}"))
                ),
                None => format!("       {fault}"),
            });
        }
    }
    let list = |what: &str, names: &std::collections::BTreeSet<String>| {
        if !names.is_empty() {
            say(format!("{what}: {}", names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")));
        }
    };
    list("no column reads", &report.unread);
    list("null in every row", &report.unfilled);
    list("nothing writes", &report.unwritten);
    let failed = cases.iter().filter(|case| !case.faults.is_empty()).count();
    let (name, version, resources) = (&opened.mapping.name, &opened.mapping.version, report.resources);
    say(format!("{name} {version}: {} passed, {failed} failed, over {resources} resources", cases.len() - failed));
}

fn as_json(opened: &Opened, cases: &[Case], report: &laws::Report) -> serde_json::Value {
    let cases =
        cases.iter().map(|case| json!({"name": case.name, "passed": case.faults.is_empty(), "faults": case.faults}));
    json!({
        "name": opened.mapping.name,
        "version": opened.mapping.version,
        "resources": report.resources,
        "cases": cases.collect::<Vec<_>>(),
        "unread": report.unread,
        "unfilled": report.unfilled,
        "unwritten": report.unwritten,
    })
}

fn as_junit(opened: &Opened, cases: &[Case]) -> String {
    let failed = cases.iter().filter(|case| !case.faults.is_empty()).count();
    let suite = escaped(&opened.mapping.name);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failed}\">", cases.len());
    for case in cases {
        let name = escaped(&case.name);
        if case.faults.is_empty() {
            let _ = writeln!(text, "  <testcase classname=\"{suite}\" name=\"{name}\"/>");
        } else {
            let (first, all) = (escaped(&case.faults[0]), escaped(&case.faults.join("\n")));
            let _ = writeln!(
                text,
                "  <testcase classname=\"{suite}\" name=\"{name}\"><failure message=\"{first}\">{all}</failure></testcase>"
            );
        }
    }
    text.push_str("</testsuite>\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
