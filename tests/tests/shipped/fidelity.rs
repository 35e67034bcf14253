//! The fidelity cases against the shipped components, through the sandbox that the server runs them in.
#![expect(clippy::unwrap_used, reason = "tests")]

use turntable::mapping::component::{
    Batch, Documents, FhirRequest, Issue, Mapping, Severity, WriteChange, WriteOperation,
};
use turntable::mapping::sandbox::Sandbox;
use turntable::mapping::shipped::SHIPPED;
use turntable::model::limits::Limits;
use turntable::model::table::Table;
use turntable_fidelity::{Case, Cells, Operation, Outcome, Write, cases};

#[test]
fn every_case() {
    let sandbox = Sandbox::new(&Limits::default(), None).unwrap();
    let cases = cases().unwrap();
    let is_wanted = |mapping: &Mapping| cases.iter().any(|case| mapping.table(&case.table).is_some());
    let shipped = SHIPPED.iter().map(|shipped| sandbox.shipped(shipped).unwrap());
    let mappings: Vec<Mapping> = shipped.filter(is_wanted).collect();
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|case| check(&mappings, case).err().map(|fault| format!("{} {}: {fault}", case.place, case.name)))
        .collect();
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

fn check(mappings: &[Mapping], case: &Case) -> Result<(), String> {
    let found = mappings.iter().find_map(|mapping| Some((mapping, &**mapping.table(&case.table)?)));
    let (mapping, table) = found.ok_or("no mapping has this table")?;
    if let Some(input) = &case.input {
        let batch = rows(mapping, table, input)?;
        if case.unreadable != batch.issues.iter().any(|issue| issue.severity == Severity::Error) {
            return Err("unreadable or not".into());
        }
        if let Some(expected) = &case.row {
            compare(table, &batch, case, expected)?;
        }
        for column in &case.warned {
            if !batch.issues.iter().any(|issue| name(table, issue) == Some(column)) {
                return Err(format!("no warning about {column}"));
            }
        }
    }
    case.write.as_ref().map_or(Ok(()), |write| check_write(mapping, table, case, write))
}

fn check_write(mapping: &Mapping, table: &Table, case: &Case, write: &Write) -> Result<(), String> {
    let column = |name: &str| table.column(name).ok_or_else(|| format!("no column {name}"));
    let change = WriteChange {
        operation: match write.operation {
            Operation::Create => WriteOperation::Create,
            Operation::Update => WriteOperation::Update,
            Operation::Delete => WriteOperation::Delete,
        },
        key: case.key.clone(),
        assignments: write
            .set
            .iter()
            .map(|(name, cell)| Ok((column(name)?, cell.clone())))
            .collect::<Result<_, String>>()?,
        existing: case.input.as_ref().map(|text| text.clone().into_bytes()),
    };
    let mut answers = mapping.resource(&table.name, &[change]).map_err(|error| error.to_string())?;
    let got = match answers.pop().ok_or("no answer")? {
        Ok(FhirRequest::Create(bytes) | FhirRequest::Update(bytes)) => String::from_utf8(bytes).unwrap(),
        Ok(FhirRequest::Unchanged) => case.input.clone().unwrap_or_default(),
        Ok(FhirRequest::Delete) => return Err("the resource would be deleted".into()),
        Err(issues) => {
            let at = issues.first().and_then(|issue| name(table, issue));
            return match &write.outcome {
                Outcome::Refused(column) if at == Some(column) => Ok(()),
                _ => Err(format!("refused because of {at:?}")),
            };
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
        (Outcome::Resource(text), Operation::Update) => compare(table, &rows(mapping, table, text)?, case, &write.set),
        _ => Ok(()),
    }
}

fn rows(mapping: &Mapping, table: &Table, resource: &str) -> Result<Batch, String> {
    let mut documents = Documents::new();
    documents.push(resource.as_bytes());
    let columns: Vec<usize> = (0..table.mapped()).collect();
    mapping.rows(&table.name, &documents, &columns).map_err(|error| error.to_string())
}

fn compare(table: &Table, batch: &Batch, case: &Case, expected: &Cells) -> Result<(), String> {
    let is_meant = |row: &usize| case.key.is_none() || batch.rows.cell(*row, table.key) == case.key.as_deref();
    let row = (0..batch.rows.len()).find(is_meant).ok_or("no such row")?;
    for (column, expected) in expected {
        let at = table.column(column).ok_or_else(|| format!("no column {column}"))?;
        let shown = batch.rows.cell(row, at);
        if shown != expected.as_deref() {
            return Err(format!("{column} is {shown:?}, not {expected:?}"));
        }
    }
    Ok(())
}

fn name<'t>(table: &'t Table, issue: &Issue) -> Option<&'t String> {
    Some(&table.columns.get(issue.column?)?.name)
}
