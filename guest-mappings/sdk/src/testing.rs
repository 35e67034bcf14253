//! For the native tests of mapping crates: rows as readable JSON, changes as JSON, and the laws that every
//! mapping keeps.
//!
//! These functions panic when something does not hold, like assertions.

use std::fmt::Write;

use turntable_scan::{Document, Edit, Kind as Json, Value, escape_into, splice};

use crate::bindings::exports::turntable::mapping::read::{ReadRequest, RowBatch};
use crate::bindings::exports::turntable::mapping::write::{Assignment, Change, FhirRequest, Operation};
use crate::bindings::turntable::mapping::types::{Documents, Issue};
use crate::column::{Access, Kind};
use crate::field::{Field, fields};
use crate::place;
use crate::read::find_source;
use crate::table::{Mapping, Table};
use crate::write::Answer;
use crate::{resources, rows};

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

/// The laws, for every table of the mapping that takes this resource: total, deterministic, get-put, put-get.
#[track_caller]
pub fn laws(mapping: &'static Mapping, resource: &str) {
    let document = Document::parse(resource.as_bytes()).expect("the sample is JSON");
    let tables: Vec<_> = mapping.tables.iter().filter(|table| find_source(table, document.root()).is_some()).collect();
    assert!(!tables.is_empty(), "no table of the mapping takes this resource");
    for table in tables {
        schema_is_sound(table);
        reading_is_deterministic(mapping, table, resource);
        reading_is_total(mapping, table, &document);
        for key in keys(mapping, table, &document) {
            what_is_shown_changes_nothing(mapping, table, &key, resource);
            what_is_written_is_shown(mapping, table, &key, resource);
        }
    }
}

fn schema_is_sound(table: &'static Table) {
    let names: Vec<_> = fields(table).iter().map(|field| field.name()).collect();
    for (i, name) in names.iter().enumerate() {
        assert!(!names[..i].contains(name), "{}: two columns are called {name}", table.name);
    }
    let keys = table.columns.iter().filter(|column| column.is_key()).count();
    assert_eq!(keys, 1, "{}: one key", table.name);
}

/// The same twice, and the same column by column as all at once.
fn reading_is_deterministic(mapping: &'static Mapping, table: &'static Table, resource: &str) {
    let width = fields(table).len();
    let all = read(mapping, table, resource, None);
    assert_eq!(format!("{all:?}"), format!("{:?}", read(mapping, table, resource, None)));
    let rows = cells(&all, width);
    for column in 0..width {
        let index = u16::try_from(column).expect("column indexes are small");
        let one = cells(&read(mapping, table, resource, Some(vec![index])), 1);
        for (row, all) in one.iter().zip(&rows) {
            assert_eq!(row[0], all[column], "{}: column {column} alone", table.name);
        }
    }
}

/// Every value in turn becomes something else: rows may change, the call must answer.
fn reading_is_total(mapping: &'static Mapping, table: &'static Table, document: &Document<'_>) {
    const ODD: [&str; 7] = ["null", "[]", "{}", "[null]", "\"\"", "-1.5e400", "[[{\"a\":[null,{}]}]]"];
    let keys: Vec<_> = (0..).map_while(|at| document.at(at)).flat_map(|value| value.members()).collect();
    let is_key = |value: &Value<'_>| keys.iter().any(|(key, _)| key.position() == value.position());
    for value in (0..).map_while(|at| document.at(at)).filter(|value| !is_key(value)) {
        for odd in ODD {
            let edit = Edit { range: value.range(), text: odd.to_owned() };
            let text = splice(document.text(), vec![edit]).expect("one edit overlaps nothing");
            let batch = read(mapping, table, &text, None);
            let refused = batch.issues.iter().any(|issue| issue.column.is_none());
            assert!(table.parent.is_some() || refused != (batch.origin.len() == 1), "a row or a reason: {text}");
        }
    }
}

fn what_is_shown_changes_nothing(mapping: &'static Mapping, table: &'static Table, key: &str, resource: &str) {
    let row = row_of(mapping, table, key, resource);
    let assignments = (0..).zip(row).map(|(column, value)| Assignment { column, value }).collect();
    let answer = send(mapping, table, key, resource, assignments);
    assert!(
        matches!(answer, Ok(FhirRequest::Unchanged)),
        "{}: writing what is shown must change nothing: {:?}",
        table.name,
        answer.map(|_| "it changed").map_err(|issues| spell_all(table, &issues)),
    );
}

/// Each column by itself set to null and to another value: refused, or shown afterwards; and columns of
/// other elements stay.
fn what_is_written_is_shown(mapping: &'static Mapping, table: &'static Table, key: &str, resource: &str) {
    let all = fields(table);
    let before = row_of(mapping, table, key, resource);
    for (at, &field) in all.iter().enumerate() {
        for value in [None, sample(field, before[at].as_deref())] {
            let column = u16::try_from(at).expect("column indexes are small");
            let assignment = Assignment { column, value: value.clone() };
            let text = match send(mapping, table, key, resource, vec![assignment]) {
                Ok(FhirRequest::Update(bytes)) => String::from_utf8(bytes).expect("what is written is UTF-8"),
                Ok(_) | Err(_) => continue,
            };
            let after = row_of(mapping, table, key, &text);
            let name = field.name();
            assert!(crate::assign::same(field, after[at].as_deref(), value.as_deref()), "{name} is not shown: {text}");
            for (other, &other_field) in all.iter().enumerate() {
                if !overlap(other_field, field) && after[other] != before[other] {
                    let gone = before[other].is_some() && after[other].is_none();
                    let derived = other_field.access() == Access::ReadOnly;
                    assert!(
                        (gone || derived) && is_choice(table, field, other_field),
                        "writing {name} changed {}: {text}",
                        other_field.name(),
                    );
                }
            }
        }
    }
}

/// Columns that may go when another is written: those of another type of the same choice element.
fn is_choice(table: &Table, a: Field, b: Field) -> bool {
    let base = |field: Field| {
        let name = element_of(field)?;
        let found = table.sources().find_map(|source| crate::choice_elements::base(source.resource_type, &name));
        found.map(str::to_owned)
    };
    let of_type = |field: Field, other: Field| {
        // A derived choice shows the type itself.
        element_of(field).is_some_and(|name| base(other) == Some(name))
    };
    (base(a).is_some() && base(a) == base(b)) || of_type(b, a)
}

/// The first member of a field's path. Fields with hooks may read anything.
fn element_of(field: Field) -> Option<String> {
    field.column().map(|column| first_member(column.path.text()))
}

/// Fields that read something of one element, in any of their alternatives; `$this` is around all others of
/// its table.
fn overlap(a: Field, b: Field) -> bool {
    let (a, b) = (elements_of(a), elements_of(b));
    a == b || a.iter().any(|name| b.contains(name)) || a.iter().chain(&b).any(|name| name == "$this")
}

/// The first members of a field's path, one for each alternative.
fn elements_of(field: Field) -> Vec<String> {
    let alternatives = field.column().into_iter().flat_map(|column| column.path.text().split('|'));
    alternatives.map(|path| first_member(path.trim())).collect()
}

fn first_member(path: &str) -> String {
    let path = path.trim_start_matches("$this.");
    path.split(['.', '[', ' ']).next().unwrap_or_default().trim_start_matches('_').to_owned()
}

/// A value that differs from the one shown.
fn sample(field: Field, shown: Option<&str>) -> Option<String> {
    let column = field.column().filter(|_| field.access() == Access::ReadWrite)?;
    let candidates: Vec<String> = match column.kind {
        Kind::Text | Kind::Concept(_) => vec!["other \"text\"\n".into()],
        Kind::Boolean => vec!["true".into(), "false".into()],
        Kind::Int | Kind::Long => vec!["41".into(), "42".into()],
        Kind::Decimal => vec!["0.10".into(), "0.20".into()],
        Kind::Date => vec!["2001-02-03".into(), "2001-02-04".into()],
        Kind::DateTime => vec!["2001-02-03T04:05:06.789Z".into(), "2001-02-04T00:00:00+01:00".into()],
        Kind::PartialDate => vec!["2001-02".into(), "2001".into()],
        Kind::Uri => vec!["http://example.org/other".into()],
        Kind::Choice(options) => options.iter().map(|option| option.code.to_owned()).collect(),
        Kind::Lookup(targets) => targets.iter().map(|(_, kind)| format!("{kind}/another")).collect(),
        Kind::Json => vec!["{\"other\":[1.0]}".into()],
        Kind::Key | Kind::Constant(..) => Vec::new(),
    };
    candidates.into_iter().find(|candidate| Some(candidate.as_str()) != shown)
}

fn send(
    mapping: &'static Mapping,
    table: &'static Table,
    key: &str,
    resource: &str,
    assignments: Vec<Assignment>,
) -> Answer {
    let change = Change {
        operation: Operation::Update,
        key: Some(key.to_owned()),
        assignments,
        existing: Some(resource.as_bytes().to_vec()),
    };
    let answers = resources(mapping, table.name, &[change]).expect("the call itself is well-formed");
    answers.into_iter().next().expect("one answer for one change")
}

fn keys(mapping: &'static Mapping, table: &'static Table, document: &Document<'_>) -> Vec<String> {
    let id = document.root().get("id").and_then(Value::text).unwrap_or_default();
    let mut keys = Vec::new();
    let mut row = |at: &[place::Step], _: Value<'_>| -> Result<(), std::convert::Infallible> {
        keys.push(place::key(&id, at));
        Ok(())
    };
    let Ok(()) = place::each(document.root(), &place::lists(mapping, table), &mut row);
    keys
}

fn row_of(mapping: &'static Mapping, table: &'static Table, key: &str, resource: &str) -> Vec<Option<String>> {
    let all = fields(table);
    let at = all.iter().position(|field| field.column().is_some_and(|column| column.is_key()));
    let at = at.expect("a table has a key");
    let rows = cells(&read(mapping, table, resource, None), all.len());
    rows.into_iter().find(|row| row[at].as_deref() == Some(key)).unwrap_or_else(|| panic!("no row {key}"))
}

fn read(mapping: &'static Mapping, table: &Table, resource: &str, columns: Option<Vec<u16>>) -> RowBatch {
    let documents = |text: &str| Documents {
        data: [text.as_bytes(), &[b' '; 64]].concat(),
        ends: vec![u32::try_from(text.len()).expect("a sample is small")],
    };
    let all = || (0..).take(fields(table).len()).collect();
    let request = ReadRequest {
        table: table.name.to_owned(),
        documents: documents(resource),
        related: Documents { data: Vec::new(), ends: Vec::new() },
        columns: columns.unwrap_or_else(all),
    };
    rows(mapping, &request).expect("the call itself is well-formed")
}

fn cells(batch: &RowBatch, width: usize) -> Vec<Vec<Option<String>>> {
    let mut start = 0;
    let mut cell = |end: &u32| {
        let (null, end) = (end >> 31 == 1, (end & (u32::MAX >> 1)) as usize);
        let text = &batch.cells.text[start..end];
        start = end;
        (!null).then(|| text.to_owned())
    };
    assert_eq!(batch.cells.ends.len(), batch.origin.len() * width, "one cell for each column of each row");
    batch.cells.ends.chunks(width.max(1)).map(|row| row.iter().map(&mut cell).collect()).collect()
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
