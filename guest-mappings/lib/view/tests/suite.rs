//! The official tests of SQL on FHIR, every case: a view compiles and gives the expected rows, or is refused. `cases/` has
//! more of the same form, of what the specification says and the official tests leave out; there a case may say the
//! order of the columns too (`expectColumns`).

#![expect(clippy::unwrap_used, reason = "a test's own helpers")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use turntable_view::bindings::exports::turntable::mapping::read::{ReadRequest, RowBatch, TableRequest};
use turntable_view::bindings::exports::turntable::mapping::schema::ColumnType;
use turntable_view::bindings::turntable::mapping::types::{Documents, Severity};
use turntable_view::{Program, compile, describe, rows};

/// Cases that do not pass, with the reason: `file: title: reason` a line. A case that is here and passes fails the test.
const EXCEPTIONS: &str = include_str!("exceptions.txt");

#[test]
fn the_official_suite() {
    let mut exceptions: BTreeMap<String, &str> = BTreeMap::new();
    for line in EXCEPTIONS.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (case, reason) = line.rsplit_once(": ").expect("file: title: reason");
        exceptions.insert(case.to_owned(), reason);
    }
    run_all("../../../tests/corpus/sql-on-fhir", exceptions, 80);
}

#[test]
fn our_own_cases() {
    run_all("tests/cases", BTreeMap::new(), 50);
}

/// Every case of a folder, of which there are so many at least.
fn run_all(folder: &str, mut exceptions: BTreeMap<String, &str>, least: usize) {
    let (mut failures, mut cases) = (Vec::new(), 0);
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for case in file["tests"].as_array().unwrap() {
            cases += 1;
            let name = format!("{}: {}", path.file_stem().unwrap().to_string_lossy(), case["title"].as_str().unwrap());
            let result = run(case, file["resources"].as_array().unwrap());
            match (result, exceptions.remove(&name)) {
                (Ok(()), None) => {}
                (Err(_), Some(_)) if !is_shareable(case) => {}
                (Err(error), _) => failures.push(format!("{name}: {error}")),
                (Ok(()), Some(_)) => failures.push(format!("{name}: it passes, and should leave exceptions.txt")),
            }
        }
    }
    failures.extend(exceptions.keys().map(|name| format!("{name}: there is no such case")));
    assert!(failures.is_empty(), "{} of {cases} cases:\n{}", failures.len(), failures.join("\n"));
    assert!(cases > least, "only {cases} cases were found");
}

/// All views must run these.
fn is_shareable(case: &Value) -> bool {
    case["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "shareable"))
}

fn run(case: &Value, resources: &[Value]) -> Result<(), String> {
    let result = table(&serde_json::to_string_pretty(&case["view"]).unwrap(), resources);
    if case["expectError"] == true {
        return result.map_or(Ok(()), |rows| Err(format!("an error was expected, not {}", Value::from(rows))));
    }
    let rows = result?;
    let expected = case["expect"].as_array().ok_or("the case expects nothing")?;
    if let Some(columns) = case.get("expectColumns") {
        let found = columns_of(&case["view"])?;
        if found != *columns {
            return Err(format!("the columns are {found}, not {columns}"));
        }
    }
    if &rows == expected { Ok(()) } else { Err(format!("{}\n  expected {}", Value::from(rows), case["expect"])) }
}

/// The names of a view's columns, in their order; the key that comes first is ours.
fn columns_of(view: &Value) -> Result<Value, String> {
    let compiled = compile(&view.to_string(), "view").map_err(|faults| faults[0].to_string())?;
    let program = Program::from_bytes(&compiled.program).ok_or("the program cannot be read back")?;
    Ok(describe(&program).tables[0].columns.iter().skip(1).map(|column| column.label.clone()).collect())
}

/// The cells of a batch, row by row.
fn cells(batch: &RowBatch, columns: usize) -> Vec<Vec<Option<&str>>> {
    let (mut start, mut ends) = (0, batch.cells.ends.iter());
    let mut cell = |row: &[u8], position: usize| {
        let present = row[position / 8] >> (position % 8) & 1 == 1;
        present.then(|| {
            let end = *ends.next().unwrap() as usize;
            &batch.cells.text[std::mem::replace(&mut start, end)..end]
        })
    };
    let rows = batch.cells.present.chunks(columns.div_ceil(8));
    rows.map(|row| (0..columns).map(|position| cell(row, position)).collect()).collect()
}

/// The rows of a view, as JSON.
fn table(view: &str, resources: &[Value]) -> Result<Vec<Value>, String> {
    let compiled = compile(view, "view").map_err(|faults| faults[0].to_string())?;
    let program = Program::from_bytes(&compiled.program).ok_or("the program cannot be read back")?;
    let mapping = describe(&program);
    let table = &mapping.tables[0];
    let of = &table.sources[0].resource_type;
    let mut documents = Documents { data: Vec::new(), ends: Vec::new() };
    for resource in resources.iter().filter(|resource| resource["resourceType"] == **of) {
        let mut resource = resource.clone();
        // One case has a resource without an id, which no service gives.
        resource.as_object_mut().unwrap().entry("id").or_insert("none".into());
        documents.data.extend(serde_json::to_vec(&resource).unwrap());
        documents.ends.push(documents.data.len() as u32);
    }
    let related = Documents { data: Vec::new(), ends: Vec::new() };
    let columns: Vec<u16> = (0..table.columns.len() as u16).collect();
    let tables = vec![TableRequest { table: table.name.clone(), columns }];
    let batch = rows(&program, &ReadRequest { documents, related, tables }).unwrap().remove(0);
    if let Some(issue) = batch.issues.iter().find(|issue| issue.severity == Severity::Error) {
        return Err(issue.message.clone());
    }
    let texts = cells(&batch, table.columns.len());
    let mut keys: Vec<_> = texts.iter().map(|row| row[0]).collect();
    keys.sort();
    if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two rows have the key {:?}", twice[0]));
    }
    if table.one_row_per_resource {
        assert_eq!(batch.origin, (0..batch.origin.len() as u32).collect::<Vec<_>>());
    }
    let row = |cells: &[Option<&str>]| {
        let shown = table.columns.iter().zip(cells).skip(1).map(|(column, cell)| {
            let value = match (cell, &column.kind) {
                (None, _) => Value::Null,
                (
                    Some(text),
                    ColumnType::Boolean
                    | ColumnType::Int32
                    | ColumnType::Int64
                    | ColumnType::Decimal(_)
                    | ColumnType::Json,
                ) => serde_json::from_str(text).unwrap(),
                (Some(text), _) => Value::from(*text),
            };
            (column.label.clone(), value)
        });
        Value::Object(shown.collect::<Map<_, _>>())
    };
    Ok(texts.iter().map(|cells| row(cells)).collect())
}
