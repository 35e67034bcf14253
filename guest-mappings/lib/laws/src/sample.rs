//! When a sample passes. The gate, `turntable mapping test` and the tests of the shipped mappings ask here and nowhere
//! else, so that a sample that passes for its author passes for whoever loads the mapping.
//!
//! Cells are compared as the text that they are, numbers digit by digit; JSON by what it says, whatever the order of its
//! members and the space between them, its numbers digit by digit too.

use std::collections::BTreeMap;
use std::fmt;

use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_mapping::bindings::exports::turntable::mapping::write::{Assignment, Change, FhirRequest, Operation};
use turntable_scan::{Document, Kind as Json, Value, escape_into};

use crate::subject::{Row, Subject};

/// A sample: the JSON of the files that have its name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample<'s> {
    pub name: &'s str,
    /// `NAME.json`: a FHIR resource.
    pub resource: Option<&'s str>,
    /// `NAME.rows.json`: the rows that it gives, by table, each a list of objects of cells. A cell that is not there is
    /// null; a table that is not there is not looked at.
    pub rows: Option<&'s str>,
    /// `NAME.change.json`: `of` (the sample that it is made to; none for a new resource), `table`, `operation` (`update`
    /// unless said), `key` (the resource's id unless said), `assignments`.
    pub change: Option<&'s str>,
    /// `NAME.after.json`: the resource after that change.
    pub after: Option<&'s str>,
}

/// Why a sample does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What its author wrote down is not what the mapping gives.
    Differs { place: String, expected: String, found: String },
    /// There is nothing to compare: the sample is not well-formed, or the mapping gives nothing.
    Fails(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { place, expected, found } => write!(f, "{place}: - {expected} + {found}"),
            Self::Fails(what) => f.write_str(what),
        }
    }
}

impl Fault {
    /// The fault without the values that differ.
    pub fn without_values(&self) -> String {
        match self {
            Self::Differs { place, .. } => format!("{place} differs"),
            Self::Fails(what) => what.clone(),
        }
    }
}

/// Where the rows of a sample's resource differ from those that its author wrote down. None if it has no such rows.
pub fn check_rows(subject: &dyn Subject, schema: &wit::Mapping, sample: &Sample<'_>) -> Vec<Fault> {
    let (Some(resource), Some(rows)) = (sample.resource, sample.rows) else { return Vec::new() };
    let file = format!("{}.rows.json", sample.name);
    let expected = match expected_rows(rows) {
        Ok(expected) => expected,
        Err(what) => return vec![Fault::Fails(format!("{file}: {what}"))],
    };
    let mut faults = Vec::new();
    for (name, expected) in &expected {
        let Some(table) = schema.tables.iter().find(|table| table.name == *name) else {
            faults.push(Fault::Fails(format!("{file}: the mapping has no table `{name}`")));
            continue;
        };
        match rows_of(subject, table, resource) {
            Ok(found) => compare_rows(table, expected, &found, &mut faults),
            Err(what) => faults.push(Fault::Fails(format!("{name}: {what}"))),
        }
    }
    faults
}

/// Where the resource after a sample's change differs from the one that its author wrote down. None if it has no change.
/// `all` has the sample that is changed.
pub fn check_change(
    subject: &dyn Subject,
    schema: &wit::Mapping,
    sample: &Sample<'_>,
    all: &[Sample<'_>],
) -> Vec<Fault> {
    let (Some(_), Some(after)) = (sample.change, sample.after) else { return Vec::new() };
    let file = format!("{}.after.json", sample.name);
    let found = match after_change(subject, schema, sample, all) {
        Ok(found) => found,
        Err(what) => return vec![Fault::Fails(what)],
    };
    match (Document::parse(after.as_bytes()), Document::parse(found.as_bytes())) {
        (Ok(expected), Ok(found)) => difference(Some(expected.root()), Some(found.root()), &file).into_iter().collect(),
        (Err(error), _) => vec![Fault::Fails(format!("{file}: {error}"))],
        (_, Err(error)) => vec![Fault::Fails(format!("{}: what the change gives is no JSON: {error}", sample.name))],
    }
}

/// The rows of a resource as `NAME.rows.json` has them: by table, one member a line, nulls left out.
///
/// # Errors
/// What the mapping says where it gives no rows, or why the resource is none.
pub fn rows_text(subject: &dyn Subject, schema: &wit::Mapping, resource: &str) -> Result<String, String> {
    let kind = text_member(resource, "resourceType")?.unwrap_or_default();
    let mut tables = Vec::new();
    for table in schema.tables.iter().filter(|table| table.sources.iter().any(|source| source.resource_type == kind)) {
        let rows = rows_of(subject, table, resource)?;
        let rows = rows.iter().map(|row| {
            let cells = table.columns.iter().zip(&row.cells);
            let cells = cells.filter_map(|(column, cell)| {
                Some(format!("\n    {}: {}", quoted(&column.name), literal(column, cell.as_ref()?)))
            });
            format!("\n  {{{}\n  }}", cells.collect::<Vec<_>>().join(","))
        });
        let rows = rows.collect::<Vec<_>>().join(",");
        let end = if rows.is_empty() { "" } else { "\n" };
        tables.push(format!("{}: [{rows}{end}]", quoted(&table.name)));
    }
    Ok(format!("{{\n{}\n}}\n", tables.join(",\n")))
}

/// The resource after a sample's change, as `NAME.after.json` has it.
///
/// # Errors
/// Why there is none: the change is not well-formed, or the mapping refuses it.
pub fn after_change(
    subject: &dyn Subject,
    schema: &wit::Mapping,
    sample: &Sample<'_>,
    all: &[Sample<'_>],
) -> Result<String, String> {
    let text = sample.change.ok_or_else(|| format!("{} has no change", sample.name))?;
    let told = |what: String| format!("{}.change.json: {what}", sample.name);
    let said = SaidChange::parse(text).map_err(told)?;
    let table = schema.tables.iter().find(|table| table.name == said.table);
    let table = table.ok_or_else(|| told(format!("the mapping has no table `{}`", said.table)))?;
    let existing = match &said.of {
        None => None,
        Some(of) => {
            let resource = all.iter().find(|other| other.name == *of).and_then(|other| other.resource);
            Some(resource.ok_or_else(|| told(format!("there is no sample `{of}`")))?)
        }
    };
    let assignment = |(name, value): (String, Option<String>)| {
        let column = table.columns.iter().zip(0_u16..).find(|(column, _)| column.name == name);
        let column = column.map(|(_, index)| index);
        Ok(Assignment {
            column: column.ok_or_else(|| told(format!("`{}` has no column `{name}`", table.name)))?,
            value,
        })
    };
    let own_id = match existing.filter(|_| said.operation != Operation::Create) {
        Some(existing) => text_member(existing, "id")?,
        None => None,
    };
    let change = Change {
        operation: said.operation,
        key: said.key.or(own_id),
        assignments: said.assignments.into_iter().map(assignment).collect::<Result<_, String>>()?,
        existing: existing.map(|text| text.as_bytes().to_vec()),
    };
    match subject.resources(&table.name, &[change])?.pop() {
        Some(Ok(FhirRequest::Create(body) | FhirRequest::Update(body))) => {
            String::from_utf8(body).map_err(|_| format!("{}: the resource is not UTF-8", sample.name))
        }
        Some(Ok(FhirRequest::Unchanged)) => Ok(existing.unwrap_or_default().to_owned()),
        Some(Ok(FhirRequest::Delete)) => Err(format!("{}: the resource would be deleted", sample.name)),
        Some(Err(issues)) => {
            let why = issues.iter().map(|issue| {
                let column = issue.column.and_then(|at| table.columns.get(usize::from(at)));
                format!("{}: {}", column.map_or("?", |column| column.name.as_str()), issue.message)
            });
            Err(format!("{}: the change is refused: {}", sample.name, why.collect::<Vec<_>>().join("; ")))
        }
        None => Err(format!("{}: the mapping gives no answer to the change", sample.name)),
    }
}

/// A change as its author wrote it down, with the assignments in their order.
struct SaidChange {
    of: Option<String>,
    table: String,
    operation: Operation,
    key: Option<String>,
    assignments: Vec<(String, Option<String>)>,
}

impl SaidChange {
    fn parse(text: &str) -> Result<Self, String> {
        let document = Document::parse(text.as_bytes()).map_err(|error| error.to_string())?;
        let mut said =
            Self { of: None, table: String::new(), operation: Operation::Update, key: None, assignments: Vec::new() };
        let text_of = |name: &str, value: Value<'_>| match value.text() {
            Some(text) => Ok(text.into_owned()),
            None => Err(format!("`{name}` is not a text")),
        };
        let mut has_assignments = false;
        for (name, value) in members(document.root()).ok_or("it is not an object")? {
            match name.as_str() {
                "of" => said.of = Some(text_of(&name, value)?),
                "table" => said.table = text_of(&name, value)?,
                "key" => said.key = Some(text_of(&name, value)?),
                "operation" => {
                    said.operation = match text_of(&name, value)?.as_str() {
                        "update" => Operation::Update,
                        "create" => Operation::Create,
                        "delete" => Operation::Delete,
                        other => return Err(format!("no such operation `{other}`: update, create or delete")),
                    };
                }
                "assignments" => {
                    has_assignments = true;
                    let all = members(value).ok_or("`assignments` is not an object")?;
                    said.assignments = all.into_iter().map(|(name, value)| (name, cell_text(value))).collect();
                }
                other => return Err(format!("no such member `{other}`")),
            }
        }
        if said.table.is_empty() || !has_assignments {
            return Err("it lacks `table` or `assignments`".to_owned());
        }
        Ok(said)
    }
}

/// By table, its rows in order, each a text of JSON by column.
type ExpectedRows = Vec<(String, Vec<BTreeMap<String, String>>)>;

fn expected_rows(text: &str) -> Result<ExpectedRows, String> {
    const SHAPE: &str = "not an object of tables, each a list of objects of cells";
    let document = Document::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let tables = members(document.root()).ok_or(SHAPE)?.into_iter().map(|(name, rows)| {
        if rows.kind() != Json::Array {
            return Err(SHAPE);
        }
        let row = |row| {
            let cells = members(row).ok_or(SHAPE)?.into_iter();
            Ok(cells.map(|(column, cell)| (column, cell.raw().to_owned())).collect())
        };
        Ok((name, rows.items().map(row).collect::<Result<_, &str>>()?))
    });
    tables.collect::<Result<_, &str>>().map_err(str::to_owned)
}

fn compare_rows(table: &wit::Table, expected: &[BTreeMap<String, String>], found: &[Row], faults: &mut Vec<Fault>) {
    if expected.len() != found.len() {
        let counted = |count: usize| format!("{count} rows");
        let (expected, found) = (counted(expected.len()), counted(found.len()));
        faults.push(Fault::Differs { place: table.name.clone(), expected, found });
    }
    for (at, (row, expected)) in found.iter().zip(expected).enumerate() {
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            let wanted = expected.get(&column.name).map(String::as_str).filter(|text| *text != "null");
            let same = match (wanted, cell) {
                (Some(wanted), Some(cell)) => is_cell(wanted, cell),
                (wanted, cell) => wanted.is_none() && cell.is_none(),
            };
            if !same {
                let path = if column.path.is_empty() { String::new() } else { format!(" (from {})", column.path) };
                faults.push(Fault::Differs {
                    place: format!("{}[{at}].{}{path}", table.name, column.name),
                    expected: wanted.unwrap_or("null").to_owned(),
                    found: cell.as_ref().map_or("null".to_owned(), |cell| literal(column, cell)),
                });
            }
        }
        for name in expected.keys().filter(|name| table.columns.iter().all(|column| column.name != **name)) {
            faults.push(Fault::Fails(format!("{}[{at}].{name}: the table has no such column", table.name)));
        }
    }
}

/// Whether JSON that an author wrote down stands for a cell: as its text, or, for a number, a boolean or JSON, as it is.
fn is_cell(written: &str, cell: &str) -> bool {
    let Ok(written) = Document::parse(written.as_bytes()) else { return false };
    if written.root().text().is_some_and(|text| text == cell) {
        return true;
    }
    let Ok(cell) = Document::parse(cell.as_bytes()) else { return false };
    difference(Some(written.root()), Some(cell.root()), "").is_none()
}

/// Bytes of a value that a fault shows.
const SHOWN: usize = 200;

/// The first place at which two JSON values say something else. Recurses no deeper than the scanner lets them nest.
fn difference(expected: Option<Value<'_>>, found: Option<Value<'_>>, place: &str) -> Option<Fault> {
    let inside = |step: &dyn fmt::Display| format!("{place}/{step}");
    if let (Some(a), Some(b)) = (expected, found) {
        match (a.kind(), b.kind()) {
            (Json::Object, Json::Object) if !a.has_duplicates() && !b.has_duplicates() => {
                let names = |value| members(value).unwrap_or_default().into_iter().map(|(name, _)| name);
                let only_found = names(b).filter(|name| a.get(name).is_none());
                let mut all = names(a).chain(only_found);
                return all.find_map(|name| difference(a.get(&name), b.get(&name), &inside(&name)));
            }
            (Json::Array, Json::Array) => {
                let length = a.items().count().max(b.items().count());
                return (0..length).find_map(|at| difference(a.item(at), b.item(at), &inside(&at)));
            }
            (Json::String, Json::String) if a.text() == b.text() => return None,
            (a_kind, b_kind) if a_kind == b_kind && a.raw() == b.raw() => return None,
            _ => {}
        }
    }
    let shown = |value: Option<Value<'_>>| match value.map(Value::raw) {
        None => "(nothing)".to_owned(),
        Some(text) if text.len() <= SHOWN => text.to_owned(),
        Some(text) => format!("{}…", &text[..text.floor_char_boundary(SHOWN)]),
    };
    Some(Fault::Differs { place: place.to_owned(), expected: shown(expected), found: shown(found) })
}

fn rows_of(subject: &dyn Subject, table: &wit::Table, resource: &str) -> Result<Vec<Row>, String> {
    let columns: Vec<u16> = (0..).take(table.columns.len()).collect();
    subject.rows(&table.name, &[resource], &columns).map(|batch| batch.rows)
}

/// The members of an object in their order.
fn members(value: Value<'_>) -> Option<Vec<(String, Value<'_>)>> {
    let member = |(name, value): (Value<'_>, _)| (name.text().unwrap_or_default().into_owned(), value);
    (value.kind() == Json::Object).then(|| value.members().map(member).collect())
}

fn text_member(resource: &str, name: &str) -> Result<Option<String>, String> {
    let document = Document::parse(resource.as_bytes()).map_err(|error| error.to_string())?;
    Ok(document.root().get(name).and_then(Value::text).map(std::borrow::Cow::into_owned))
}

/// An author writes a cell as text, and a number, a boolean or JSON also as it stands.
fn cell_text(value: Value<'_>) -> Option<String> {
    match value.kind() {
        Json::Null => None,
        Json::String => value.text().map(std::borrow::Cow::into_owned),
        _ => Some(value.raw().to_owned()),
    }
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
    let mut quoted = String::from("\"");
    escape_into(text, &mut quoted);
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(expected: &str, found: &str) -> Option<String> {
        let parsed = |text: &'static str| Document::parse(text.as_bytes()).expect("JSON");
        let (expected, found) = (parsed(expected.to_owned().leak()), parsed(found.to_owned().leak()));
        difference(Some(expected.root()), Some(found.root()), "").map(|fault| fault.to_string())
    }

    #[test]
    fn the_order_of_members_does_not_count_and_digits_do() {
        assert_eq!(
            differs(r#"{"a":1,"b":[{"c":"\u00e9","d":null}]}"#, r#"{ "b": [ {"d":null,"c":"é"} ], "a": 1 }"#),
            None
        );
        let check = |expected, found, fault: &str| assert_eq!(differs(expected, found).as_deref(), Some(fault));
        check(r#"{"a":{"b":1.0}}"#, r#"{"a":{"b":1.00}}"#, "/a/b: - 1.0 + 1.00");
        check(r#"{"a":1e2}"#, r#"{"a":100}"#, "/a: - 1e2 + 100");
        check(r#"{"a":1}"#, r#"{"a":"1"}"#, r#"/a: - 1 + "1""#);
        check(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, "/a/0: - 1 + 2");
        check(r#"{"a":[1]}"#, r#"{"a":[1,2]}"#, "/a/1: - (nothing) + 2");
        check(r#"{"a":1,"b":2}"#, r#"{"a":1}"#, "/b: - 2 + (nothing)");
        check(r#"{"a":1}"#, r#"{"a":1,"b":2}"#, "/b: - (nothing) + 2");
        check(r#"{"a":1}"#, r#"{"a":1,"a":1}"#, r#": - {"a":1} + {"a":1,"a":1}"#);
    }

    #[test]
    fn a_cell_is_written_as_its_text_or_as_it_stands() {
        for (written, cell) in [
            (r#""72.10""#, "72.10"),
            ("72.10", "72.10"),
            ("true", "true"),
            (r#""a \"b\"""#, r#"a "b""#),
            (r#"{"b":1.0,"a":[]}"#, r#"{"a":[],"b":1.0}"#),
            (r#""text""#, r#""text""#),
        ] {
            assert!(is_cell(written, cell), "{written} {cell}");
        }
        for (written, cell) in [("72.1", "72.10"), (r#""72.1""#, "72.10"), ("{}", "[]"), (r#""a""#, "b"), ("1", "x")] {
            assert!(!is_cell(written, cell), "{written} {cell}");
        }
    }

    #[test]
    fn a_change_that_is_not_well_formed_says_why() {
        let check = |text, why: &str| assert_eq!(SaidChange::parse(text).err().as_deref(), Some(why), "{text}");
        check("[]", "it is not an object");
        check(r#"{"table":"t"}"#, "it lacks `table` or `assignments`");
        check(r#"{"assignments":{}}"#, "it lacks `table` or `assignments`");
        check(r#"{"table":"t","assignments":{},"tabel":1}"#, "no such member `tabel`");
        check(
            r#"{"table":"t","assignments":{},"operation":"merge"}"#,
            "no such operation `merge`: update, create or delete",
        );
        check(r#"{"table":1,"assignments":{}}"#, "`table` is not a text");
        let said = SaidChange::parse(r#"{"table":"t","assignments":{"b":null,"a":1.0},"operation":"create"}"#);
        let said = said.expect("a change");
        assert_eq!(said.assignments, [("b".to_owned(), None), ("a".to_owned(), Some("1.0".to_owned()))]);
    }
}
