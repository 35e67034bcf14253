//! What is measured on: the Observations and Patients of `tests/bundles/synthea-*.json`, repeated under ids of their
//! own until there are enough, as a FHIR service would have them. Beside them, resources with rarer elements to compare
//! results on.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::Result;

const BUNDLES: [&str; 2] =
    [include_str!("../../../tests/bundles/synthea-1.json"), include_str!("../../../tests/bundles/synthea-2.json")];

/// HL7's examples and the samples of the mappings, one resource a file.
const OTHERS: [&str; 3] =
    ["../tests/corpus/hl7", "../guest-mappings/tables/observation/samples", "../guest-mappings/tables/contact/samples"];

/// Written for these tests: oddities, and elements that no example has.
const MADE: [&str; 2] = [include_str!("../../../tests/corpus/made.json"), include_str!("others.json")];

/// Of a service on this machine; what is not read over HTTP only claims to come from there.
pub const BASE: &str = "http://localhost/fhir";

/// A searchset with this many resources of a type, each of them another.
pub fn search_set(resource_type: &str, count: usize) -> Result<String> {
    Ok(found(resource_type, resources(resource_type, count)?))
}

/// A searchset of all other resources of a type that there are here, for what the sample lacks.
pub fn others(resource_type: &str) -> Result<String> {
    let mut resources = Vec::new();
    for directory in OTHERS {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        for file in std::fs::read_dir(directory)? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "json") {
                resources.push(serde_json::from_str(&std::fs::read_to_string(file)?)?);
            }
        }
    }
    for bundle in MADE {
        let mut bundle: Value = serde_json::from_str(bundle)?;
        let entries = bundle["entry"].as_array_mut().ok_or("a bundle without entries")?;
        resources.extend(entries.iter_mut().map(|entry| entry["resource"].take()));
    }
    resources.retain(|resource| resource["resourceType"] == resource_type);
    Ok(found(resource_type, resources))
}

fn found(resource_type: &str, resources: Vec<Value>) -> String {
    let own = format!("{BASE}/{resource_type}?_count={}", resources.len());
    let entries = resources.into_iter().map(|resource| {
        let id = resource["id"].as_str().unwrap_or_default();
        let url = format!("{BASE}/{resource_type}/{id}");
        json!({ "fullUrl": url, "resource": resource, "search": { "mode": "match" } })
    });
    let entries: Vec<Value> = entries.collect();
    let links = json!([
        { "relation": "self", "url": own },
        { "relation": "next", "url": format!("{own}&_page=2") },
    ]);
    json!({ "resourceType": "Bundle", "type": "searchset", "total": 10_000, "link": links, "entry": entries })
        .to_string()
}

/// The same resources in a Bundle to load.
pub fn collection(resource_type: &str, count: usize) -> Result<String> {
    let entries = resources(resource_type, count)?.into_iter().map(|resource| json!({ "resource": resource }));
    let entries: Vec<Value> = entries.collect();
    Ok(json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }).to_string())
}

fn resources(resource_type: &str, count: usize) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for bundle in BUNDLES {
        let bundle: Value = serde_json::from_str(bundle)?;
        let entries = bundle["entry"].as_array().ok_or("a bundle without entries")?;
        let urls = entries.iter().filter_map(|entry| {
            let resource = &entry["resource"];
            let literal = format!("{}/{}", resource["resourceType"].as_str()?, resource["id"].as_str()?);
            Some((entry["fullUrl"].as_str()?.to_owned(), literal))
        });
        let urls: HashMap<String, String> = urls.collect();
        for entry in entries.iter().filter(|entry| entry["resource"]["resourceType"] == resource_type) {
            let mut resource = entry["resource"].clone();
            resolve(&mut resource, &urls);
            resource["meta"]["versionId"] = json!("1");
            resource["meta"]["lastUpdated"] = json!("2026-03-01T08:30:00.000Z");
            found.push(resource);
        }
    }
    if found.is_empty() {
        return Err(format!("the bundles have no {resource_type}").into());
    }
    let copies = found.iter().cycle().take(count).enumerate().map(|(number, resource)| {
        let mut copy = resource.clone();
        let id = resource["id"].as_str().unwrap_or_default();
        // Still a UUID, as in the sample.
        copy["id"] = json!(format!("{number:08x}{}", id.get(8..).unwrap_or_default()));
        copy
    });
    Ok(copies.collect())
}

/// `urn:uuid:…` to `Type/id`, as a service does with a transaction.
fn resolve(value: &mut Value, urls: &HashMap<String, String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, urls)),
        Value::Object(members) => {
            for (name, member) in members {
                match urls.get(member.as_str().unwrap_or_default()) {
                    Some(literal) if name == "reference" => *member = json!(literal),
                    _ => resolve(member, urls),
                }
            }
        }
        _ => {}
    }
}
