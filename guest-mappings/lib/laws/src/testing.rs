//! For the native tests of mapping crates: rows as readable JSON, changes as JSON, and the laws that every
//! mapping keeps.
//!
//! These functions panic when something does not hold, like assertions.

use std::fmt::Write;

use turntable_scan::{Document, Kind as Json, Value, escape_into};

use turntable_mapping::bindings::exports::turntable::mapping::read::{ReadRequest, RowBatch, TableRequest};
use turntable_mapping::bindings::exports::turntable::mapping::write::{Assignment, Change, FhirRequest, Operation};
use turntable_mapping::bindings::turntable::mapping::types::{Documents, Issue};
use turntable_mapping::tools::{self, Field, Kind, fields};
use turntable_mapping::{Answer, Mapping, Table, resources};
use turntable_plan::rows;

use crate::check::{self as laws, Named};
use crate::native::Native;

/// The rows that a resource gives, as a JSON array with one member a line; nulls are left out.
pub fn rows_of(mapping: &'static Mapping, table: &str, resource: &str) -> String {
    let table = find(mapping, table);
    let (fields, batch) = (fields(table), read(mapping, table, resource, None));
    let mut out = String::from("[");
    for (i, row) in cells(&batch, fields.len()).iter().enumerate() {
        out.push_str(if i > 0 { ",\n  {" } else { "\n  {" });
        let mut separator = "\n";
        for (field, cell) in fields.iter().zip(row) {
            if let Some(cell) = cell {
                let _ = write!(out, "{separator}    {}: {}", quote(&field.name()), value(*field, cell));
                separator = ",\n";
            }
        }
        out.push_str("\n  }");
    }
    out.push_str(if out.len() > 1 { "\n]\n" } else { "]\n" });
    out
}

/// What is said about a resource when it is read: `severity code column pointer: message`.
pub fn issues_of(mapping: &'static Mapping, table: &str, resource: &str) -> Vec<String> {
    let table = find(mapping, table);
    let batch = read(mapping, table, resource, None);
    batch.issues.iter().map(|issue| spell(table, issue)).collect()
}

/// The first row of a resource has these cells: a JSON object, column to value. Columns that it leaves out
/// are not looked at.
#[track_caller]
pub fn check(mapping: &'static Mapping, table: &str, resource: &str, expected: &str) {
    let table = find(mapping, table);
    let (fields, batch) = (fields(table), read(mapping, table, resource, None));
    let row = cells(&batch, fields.len()).into_iter().next();
    let row = row.unwrap_or_else(|| panic!("no row: {:?}", spell_all(table, &batch.issues)));
    for (column, value) in members(expected) {
        let at = position(&fields, &column);
        assert_eq!(row[at], value, "{column}");
    }
}

/// The resource after a change to its row: a JSON object, column to value. A choice is given as its code, a
/// lookup as `Type/id`.
#[track_caller]
pub fn update(mapping: &'static Mapping, table: &str, resource: &str, changes: &str) -> String {
    let answer = change(mapping, table, Operation::Update, None, Some(resource), changes);
    written(find(mapping, table), resource, answer)
}

/// Like [`update`], for the row of that key: a child table has several a resource.
#[track_caller]
pub fn update_row(mapping: &'static Mapping, table: &str, key: &str, resource: &str, changes: &str) -> String {
    let answer = change(mapping, table, Operation::Update, Some(key), Some(resource), changes);
    written(find(mapping, table), resource, answer)
}

/// The resource that a new row becomes.
#[track_caller]
pub fn create(mapping: &'static Mapping, table: &str, key: Option<&str>, values: &str) -> String {
    written(find(mapping, table), "", change(mapping, table, Operation::Create, key, None, values))
}

/// Why a change to a row is refused: `severity code column: message`, sorted as given. Empty if it is not.
pub fn refusals(mapping: &'static Mapping, table: &str, resource: &str, changes: &str) -> Vec<String> {
    match change(mapping, table, Operation::Update, None, Some(resource), changes) {
        Ok(_) => Vec::new(),
        Err(issues) => spell_all(find(mapping, table), &issues),
    }
}

/// Any change, as the host sends it.
#[track_caller]
pub fn change(
    mapping: &'static Mapping,
    table: &str,
    operation: Operation,
    key: Option<&str>,
    existing: Option<&str>,
    values: &str,
) -> Answer {
    let all = fields(find(mapping, table));
    let assignments = members(values).into_iter().map(|(column, value)| Assignment {
        column: u16::try_from(position(&all, &column)).expect("column indexes are small"),
        value,
    });
    let change = Change {
        operation,
        key: key.map(str::to_owned),
        assignments: assignments.collect(),
        existing: existing.map(|text| text.as_bytes().to_vec()),
    };
    let answers = resources(mapping, table, &[change]).expect("the call itself is well-formed");
    answers.into_iter().next().expect("one answer for one change")
}

/// The laws ([`crate::check`]), for every table of the mapping that takes this resource.
#[track_caller]
pub fn laws(mapping: &'static Mapping, resource: &str) {
    let report = laws::check(&Native(mapping), &[Named { name: "the resource", text: resource }], None);
    assert!(report.resources > 0, "no table of the mapping takes this resource");
    assert!(report.violations.is_empty(), "{report}");
}

fn read(mapping: &'static Mapping, table: &Table, resource: &str, columns: Option<Vec<u16>>) -> RowBatch {
    let documents = |text: &str| Documents {
        data: [text.as_bytes(), &[b' '; 64]].concat(),
        ends: vec![u32::try_from(text.len()).expect("a sample is small")],
    };
    let all = || (0..).take(fields(table).len()).collect();
    let request = ReadRequest {
        documents: documents(resource),
        related: Documents { data: Vec::new(), ends: Vec::new() },
        tables: vec![TableRequest { table: table.name.to_owned(), columns: columns.unwrap_or_else(all) }],
    };
    let batches = rows(mapping, &request).expect("the call itself is well-formed");
    batches.into_iter().next().expect("one batch for one table")
}

fn cells(batch: &RowBatch, columns: usize) -> Vec<Vec<Option<String>>> {
    let rows = tools::cells(batch, columns).expect("a batch that holds together");
    rows.into_iter().map(|row| row.into_iter().map(|cell| cell.map(str::to_owned)).collect()).collect()
}

#[track_caller]
fn written(table: &Table, unchanged: &str, answer: Answer) -> String {
    match answer {
        Ok(FhirRequest::Create(bytes) | FhirRequest::Update(bytes)) => {
            String::from_utf8(bytes).expect("what is written is UTF-8")
        }
        Ok(FhirRequest::Unchanged) => unchanged.to_owned(),
        Ok(FhirRequest::Delete) => panic!("a delete has no text"),
        Err(issues) => panic!("refused: {:?}", spell_all(table, &issues)),
    }
}

fn spell_all(table: &Table, issues: &[Issue]) -> Vec<String> {
    issues.iter().map(|issue| spell(table, issue)).collect()
}

fn spell(table: &Table, issue: &Issue) -> String {
    let column = issue.column.and_then(|at| fields(table).get(usize::from(at)).map(|field| field.name()));
    let column = column.map(|name| format!(" {name}")).unwrap_or_default();
    let pointer = issue.pointer.as_ref().map(|pointer| format!(" {pointer}")).unwrap_or_default();
    let (severity, code) = (name_of(&issue.severity), name_of(&issue.code));
    format!("{severity} {code}{column}{pointer}: {}", issue.message)
}

/// `IssueCode::CodeInvalid` as `code-invalid`.
fn name_of(value: &impl std::fmt::Debug) -> String {
    let debug = format!("{value:?}");
    let name = debug.rsplit("::").next().unwrap_or_default();
    let mut out = String::new();
    for (i, character) in name.char_indices() {
        if character.is_ascii_uppercase() && i > 0 {
            out.push('-');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

/// Members of a JSON object, as cell texts.
fn members(object: &str) -> Vec<(String, Option<String>)> {
    let document = Document::parse(object.as_bytes()).expect("expected values are a JSON object");
    assert_eq!(document.root().kind(), Json::Object, "expected values are a JSON object");
    let cell = |value: Value<'_>| match value.kind() {
        Json::Null => None,
        Json::String => value.text().map(|text| text.into_owned()),
        _ => Some(value.raw().to_owned()),
    };
    let member = |(key, value): (Value<'_>, Value<'_>)| (key.text().unwrap_or_default().into_owned(), cell(value));
    document.root().members().map(member).collect()
}

#[track_caller]
fn position(fields: &[Field], name: &str) -> usize {
    fields.iter().position(|field| field.name() == name).unwrap_or_else(|| panic!("no column {name}"))
}

#[track_caller]
fn find(mapping: &'static Mapping, name: &str) -> &'static Table {
    let table = mapping.tables.iter().find(|table| table.name == name);
    table.unwrap_or_else(|| panic!("the mapping has no table {name}"))
}

fn value(field: Field, cell: &str) -> String {
    let bare = matches!(
        field.column().map(|column| column.kind),
        Some(Kind::Boolean | Kind::Int | Kind::Long | Kind::Decimal | Kind::Json)
    );
    if bare { cell.to_owned() } else { quote(cell) }
}

fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    escape_into(text, &mut quoted);
    quoted.push('"');
    quoted
}
