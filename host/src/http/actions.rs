//! What Microsoft's bundle actions answer (Microsoft Learn, "Use the Dataverse healthcare APIs"). `$metadata` has the types
//! (`odata/metadata.rs`).

use serde_json::{Map, Value, json};
use turntable_scan::Document;

use crate::router::write::ingest::{Outcome, OutcomeKind};

/// `msind_requestactionperformed`: a root resource was made, or changed.
const CREATED: u32 = 935_000_000;
const UPDATED: u32 = 935_000_001;

/// `msind_requeststatus`
const SUCCESS: u32 = 935_000_000;
const WARNING: u32 = 935_000_001;
const FAILURE: u32 = 935_000_002;

/// The answer of `msind_UpsertBundle`: for each resource one result a row that it is now, or one that says why it is none.
pub fn upserted(outcomes: &[Outcome]) -> Map<String, Value> {
    let undone = outcomes.iter().filter(|outcome| !outcome.kind.is_done()).count();
    let detail = match undone {
        0 => "all entries were processed".to_owned(),
        _ => format!(
            "{undone} of {} entries were not stored; msind_requeststatusdetail of each says why",
            outcomes.len()
        ),
    };
    let results: Vec<Value> = outcomes.iter().flat_map(results).collect();
    Map::from_iter([
        ("msind_Status".to_owned(), json!(undone == 0)),
        ("msind_StatusDetail".to_owned(), json!(detail)),
        ("msind_Results".to_owned(), json!(results)),
    ])
}

fn results(outcome: &Outcome) -> Vec<Value> {
    let (resource_type, id) = outcome.resource.clone().unzip();
    let performed = match outcome.kind {
        OutcomeKind::Created => Some(CREATED),
        OutcomeKind::Updated => Some(UPDATED),
        _ => None,
    };
    let status = match outcome.kind {
        OutcomeKind::NotStored => WARNING,
        kind if kind.is_done() => SUCCESS,
        _ => FAILURE,
    };
    let detail = [&outcome.note].into_iter().chain(&outcome.warnings).cloned().collect::<Vec<_>>().join("; ");
    let result = |row: Option<&(String, uuid::Uuid)>| {
        json!({
            "msind_fhirresourceid": id,
            "msind_fhirresourcetype": resource_type,
            "msind_resultingrecordid": row.map(|(_, key)| key.to_string()),
            "msind_resultingrecordtype": row.map(|(table, _)| table),
            "msind_requestactionperformed": performed,
            "msind_requeststatus": status,
            "msind_requeststatusdetail": detail,
        })
    };
    match outcome.rows.as_slice() {
        [] => vec![result(None)],
        rows => rows.iter().map(|row| result(Some(row))).collect(),
    }
}

/// The answer of `msind_RetrieveBundle`. `elements`: those to show beside type, id and meta; none = all.
pub fn retrieved(resource: Option<&[u8]>, elements: &[String]) -> Map<String, Value> {
    let text = resource.and_then(|resource| shown(resource, elements));
    let detail = if text.is_some() { "the resource was found" } else { "there is no such resource" };
    Map::from_iter([
        ("msind_Status".to_owned(), json!(text.is_some())),
        ("msind_StatusDetail".to_owned(), json!(detail)),
        ("msind_JSON".to_owned(), json!(text)),
    ])
}

/// The resource as JSON text, its values as they stand.
fn shown(resource: &[u8], elements: &[String]) -> Option<String> {
    let document = Document::parse(resource).ok()?;
    if elements.is_empty() {
        return Some(document.text().to_owned());
    }
    let wanted = |name: &str| {
        let plain = name.strip_prefix('_').unwrap_or(name);
        matches!(plain, "resourceType" | "id" | "meta") || elements.iter().any(|element| element == plain)
    };
    let members = document.root().members().filter(|(name, _)| name.text().is_some_and(|name| wanted(&name)));
    let members: Vec<_> = members.map(|(name, value)| format!("{}:{}", name.raw(), value.raw())).collect();
    Some(format!("{{{}}}", members.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_elements_that_are_asked_for_are_shown() {
        let resource = r#"{"resourceType":"Patient","id":"1","meta":{"versionId":"2"},"name":[{"family":"A"}],"_birthDate":{"id":"x"},"birthDate":"2000","active":1.50}"#;
        let check = |elements: &[&str], expected: &str| {
            let elements: Vec<_> = elements.iter().map(|element| (*element).to_owned()).collect();
            assert_eq!(shown(resource.as_bytes(), &elements).as_deref(), Some(expected));
        };
        check(&[], resource);
        check(&["active"], r#"{"resourceType":"Patient","id":"1","meta":{"versionId":"2"},"active":1.50}"#);
        check(
            &["birthDate", "none"],
            r#"{"resourceType":"Patient","id":"1","meta":{"versionId":"2"},"_birthDate":{"id":"x"},"birthDate":"2000"}"#,
        );
        assert_eq!(retrieved(None, &[])["msind_Status"], false);
    }
}
