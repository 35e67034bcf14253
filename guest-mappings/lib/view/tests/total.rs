//! Whatever a resource holds, a view gives rows or says why not; and a program is read back as it was written.

#![expect(clippy::unwrap_used, reason = "a test's own helpers")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use turntable_view::bindings::exports::turntable::mapping::read::{ReadRequest, RowBatch, TableRequest};
use turntable_view::bindings::turntable::mapping::types::{Documents, Severity};
use turntable_view::{Program, compile, rows};

/// Every section of views, and one function of each sort.
const VIEW: &str = r#"{
  "resource": "Patient", "where": [{ "path": "active.not() or active.empty() or active" }],
  "select": [
    { "column": [
      { "name": "id", "path": "getResourceKey()" },
      { "name": "born", "path": "birthDate", "type": "date" },
      { "name": "earliest", "path": "birthDate.lowBoundary()" },
      { "name": "dead", "path": "deceased.ofType(boolean) or deceased.ofType(dateTime).exists()" },
      { "name": "twin", "path": "multipleBirth.ofType(integer) * 2 + 1" },
      { "name": "all", "path": "name.given.where(length() > 1).distinct().join(' ')" },
      { "name": "married", "path": "maritalStatus.coding.first().code" },
      { "name": "clinic", "path": "managingOrganization.getReferenceKey(Organization)" },
      { "name": "anything", "path": "extension.value", "collection": true },
      { "name": "absent", "path": "birthDate.extension('http://hl7.org/fhir/StructureDefinition/data-absent-reason').exists()" }
    ] },
    { "forEachOrNull": "name", "column": [{ "name": "family", "path": "family" }, { "name": "use", "path": "use" }] },
    { "unionAll": [
      { "forEach": "telecom", "column": [{ "name": "at", "path": "%rowIndex" }, { "name": "value", "path": "value" }] },
      { "repeat": ["contact.telecom"], "column": [{ "name": "at", "path": "%rowIndex" }, { "name": "value", "path": "value.upper()", "type": "string" }] }
    ] }
  ]
}"#;

fn read(program: &Program<'_>, resource: &Value) -> RowBatch {
    let data = serde_json::to_vec(resource).unwrap();
    let documents = Documents { ends: vec![data.len() as u32], data };
    let related = Documents { data: Vec::new(), ends: Vec::new() };
    let tables = vec![TableRequest { table: "view".into(), columns: (0..15).collect() }];
    rows(program, &ReadRequest { documents, related, tables }).unwrap().remove(0)
}

/// Puts a value in the place of the `at`-th value of a tree.
fn replace(tree: &mut Value, at: &mut usize, odd: &Value) -> bool {
    if *at == 0 {
        *tree = odd.clone();
        return true;
    }
    *at -= 1;
    match tree {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, at, odd)),
        Value::Object(members) => members.iter_mut().any(|(_, value)| replace(value, at, odd)),
        _ => false,
    }
}

/// Every value of a patient in turn becomes something odd. It stays the patient it is, and so must give rows.
#[test]
fn odd_resources_lose_no_page() {
    let compiled = compile(VIEW, "view").unwrap_or_else(|faults| panic!("{faults:#?}"));
    let program = Program::from_bytes(&compiled.program).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tables/contact/samples/hl7-patient-example.json");
    let patient: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert!(!read(&program, &patient).origin.is_empty());
    let odd = [r#"null"#, "true", "1e400", r#""""#, r#""é\u0000""#, "{}", "[]", "[null, 1, {}]", r#"{"extension": 5}"#];
    for odd in odd {
        let odd: Value = serde_json::from_str(odd).unwrap();
        for at in 1.. {
            let mut resource = patient.clone();
            if !replace(&mut resource, &mut at.clone(), &odd) {
                break;
            }
            resource["resourceType"] = "Patient".into();
            resource["id"] = "p".into();
            let batch = read(&program, &resource);
            let error = batch.issues.iter().find(|issue| issue.severity == Severity::Error);
            assert!(error.is_none(), "{resource}: {error:?}");
            let again = read(&program, &resource);
            let parts = |batch: RowBatch| (batch.cells.text, batch.cells.present, batch.cells.ends);
            assert_eq!(parts(batch), parts(again));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Bytes that are no program, or one with a byte changed, are refused or run: nothing panics or runs on.
    #[test]
    fn bytes_are_not_trusted(at in 0usize..4096, byte: u8, cut in 0usize..4096) {
        let compiled = compile(VIEW, "view").unwrap();
        let patient = serde_json::json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "x" }] });
        let mut bytes = compiled.program.clone();
        let length = bytes.len();
        bytes[at % length] = byte;
        for bytes in [&bytes[..], &compiled.program[..cut % length]] {
            if let Some(program) = Program::from_bytes(bytes) {
                prop_assert_eq!(&program.to_bytes(), bytes);
                let documents = Documents { data: patient.to_string().into(), ends: vec![patient.to_string().len() as u32] };
                let related = Documents { data: Vec::new(), ends: Vec::new() };
                let tables = vec![TableRequest { table: "view".into(), columns: vec![0, 1] }];
                let _ = rows(&program, &ReadRequest { documents, related, tables });
            }
        }
    }

    /// Any text is compiled or refused.
    #[test]
    fn no_path_panics(path in "[a-z.()'\\[\\]0-9 %$@T:=<>|&+*/{}`,-]{0,40}") {
        let path = serde_json::to_string(&path).unwrap();
        let _ = compile(&format!(r#"{{"resource": "Patient", "select": [{{"column": [{{"name": "a", "path": {path}}}]}}]}}"#), "view");
    }
}
