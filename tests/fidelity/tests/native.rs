//! The fidelity cases against the shipped mappings, natively.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use turntable_fidelity::{Case, Cells, Operation, Outcome, Write, cases};
use turntable_laws::testing;
use turntable_mapping::bindings::exports::turntable::mapping::write::{self, FhirRequest};
use turntable_mapping::{Mapping, describe};

#[rustfmt::skip]
const MAPPINGS: [&Mapping; 6] = [
    &mapping_account::MAPPING, &mapping_allergyintolerance::MAPPING, &mapping_contact::MAPPING,
    &mapping_encounter::MAPPING, &mapping_location::MAPPING, &mapping_observation::MAPPING,
];

/// Column and cell, as it stands in JSON.
type Row = BTreeMap<String, Box<RawValue>>;

#[test]
fn every_case() {
    let cases = cases().unwrap();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|case| check(case).err().map(|fault| format!("{} {}: {fault}", case.place, case.name)))
        .collect();
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

/// What other projects' harnesses read of our columns is what our mappings say of them.
#[test]
fn the_list_of_columns_is_true() {
    let cases = cases().unwrap();
    let mut lines = vec!["table\tcolumn\tkind\tpath".to_owned()];
    for mapping in MAPPINGS {
        for table in describe(mapping).tables {
            for column in &table.columns {
                if cases.iter().any(|case| case.table == table.name && names(case).any(|name| name == column.name)) {
                    let kind = format!("{:?}", column.kind);
                    let kind = kind.trim_start_matches("ColumnType::").split(['(', ' ']).next().unwrap_or_default();
                    lines.push(format!("{}\t{}\t{}\t{}", table.name, column.name, kind.to_lowercase(), column.path));
                }
            }
        }
    }
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("columns.tsv");
    let text = lines.join("\n") + "\n";
    if std::env::var_os("TURNTABLE_BLESS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert!(std::fs::read_to_string(&file).unwrap_or_default() == text, "renew columns.tsv with TURNTABLE_BLESS=1");
}

fn names(case: &Case) -> impl Iterator<Item = &str> {
    let set = case.write.iter().flat_map(|write| &write.set);
    case.row.iter().flatten().chain(set).map(|(name, _)| name.as_str()).chain(case.warned.iter().map(String::as_str))
}

fn check(case: &Case) -> Result<(), String> {
    let shows = |mapping: &&&'static Mapping| describe(mapping).tables.iter().any(|table| table.name == case.table);
    let mapping = *MAPPINGS.iter().find(shows).ok_or("no mapping has this table")?;
    if let (Some(input), Some(expected)) = (&case.input, &case.row) {
        compare(&row(mapping, case, input)?, expected)?;
    }
    if let Some(input) = &case.input {
        let issues = testing::issues_of(mapping, &case.table, input);
        if case.unreadable != issues.iter().any(|issue| issue.starts_with("error")) {
            return Err(format!("unreadable or not: {issues:?}"));
        }
        for column in &case.warned {
            if !issues.iter().any(|issue| issue.split(' ').nth(2) == Some(column)) {
                return Err(format!("no warning about {column}"));
            }
        }
    }
    match &case.write {
        Some(write) => check_write(mapping, case, write),
        None => Ok(()),
    }
}

fn check_write(mapping: &'static Mapping, case: &Case, write: &Write) -> Result<(), String> {
    let operation = match write.operation {
        Operation::Create => write::Operation::Create,
        Operation::Update => write::Operation::Update,
        Operation::Delete => write::Operation::Delete,
    };
    let set: Map<String, Value> =
        write.set.iter().map(|(name, cell)| (name.clone(), cell.clone().map_or(Value::Null, Value::String))).collect();
    let set = Value::Object(set).to_string();
    let answer = testing::change(mapping, &case.table, operation, case.key.as_deref(), case.input.as_deref(), &set);
    let got = match answer {
        Ok(FhirRequest::Create(bytes) | FhirRequest::Update(bytes)) => String::from_utf8(bytes).unwrap(),
        Ok(FhirRequest::Unchanged) => case.input.clone().unwrap_or_default(),
        Ok(FhirRequest::Delete) => return Err("the resource would be deleted".into()),
        Err(issues) => {
            let Outcome::Refused(column) = &write.outcome else {
                return Err(format!("refused: {}", issues[0].message));
            };
            let described = describe(mapping);
            let table = described.tables.iter().find(|table| table.name == case.table).unwrap();
            let at = issues[0].column.map(|at| table.columns[usize::from(at)].name.as_str());
            return if at == Some(column) { Ok(()) } else { Err(format!("refused because of {at:?}, not {column}")) };
        }
    };
    let expected = match &write.outcome {
        Outcome::Same => case.input.clone().unwrap_or_default(),
        Outcome::Resource(text) => text.clone(),
        Outcome::Refused(column) => return Err(format!("not refused because of {column}")),
    };
    if got != expected {
        return Err(format!("became\n  {got}\n  not\n  {expected}"));
    }
    match (&write.outcome, write.operation) {
        (Outcome::Resource(text), Operation::Update) => compare(&row(mapping, case, text)?, &write.set),
        _ => Ok(()),
    }
}

fn row(mapping: &'static Mapping, case: &Case, resource: &str) -> Result<Row, String> {
    let rows: Vec<Row> =
        serde_json::from_str(&testing::rows_of(mapping, &case.table, resource)).map_err(|error| error.to_string())?;
    let has = |row: &Row, key: &str| row.values().any(|cell| text(cell) == key);
    let is_meant = |row: &Row| case.key.as_ref().is_none_or(|key| has(row, key));
    rows.into_iter().find(is_meant).ok_or_else(|| "no such row".to_owned())
}

fn compare(row: &Row, expected: &Cells) -> Result<(), String> {
    for (column, expected) in expected {
        let shown = row.get(column).map(|cell| text(cell));
        if shown != *expected {
            return Err(format!("{column} is {shown:?}, not {expected:?}"));
        }
    }
    Ok(())
}

/// A cell's text: of numbers and the like as they stand, digit by digit.
fn text(cell: &RawValue) -> String {
    serde_json::from_str(cell.get()).unwrap_or_else(|_| cell.get().to_owned())
}
