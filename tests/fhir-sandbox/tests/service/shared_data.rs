//! Bundles that nobody here wrote, where they are at hand.

use std::path::PathBuf;

use turntable_fhir_sandbox::Sandbox;

use crate::client::{all_pages, get, ids};

/// The files of a folder of the shared data, sorted; none (and a line that says so) when it is absent.
fn files(folder: &str) -> Vec<PathBuf> {
    turntable_test_data::shared(folder).map(|folder| turntable_test_data::json_files(&folder)).unwrap_or_default()
}

fn load_all(sandbox: &Sandbox, folder: &str) -> usize {
    let files = files(folder);
    for file in &files {
        let json = std::fs::read(file).unwrap();
        sandbox.load(&json).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    files.len()
}

#[tokio::test]
async fn the_learn_module_loads_and_answers() {
    let sandbox = Sandbox::new();
    if load_all(&sandbox, "ms-learn-module") == 0 {
        return;
    }
    let counts = ["Patient", "Practitioner", "Location", "Organization", "Encounter", "Observation"];
    assert_eq!(counts.map(|ty| sandbox.count(ty)), [1, 1, 1, 1, 2, 3]);
    let patient = "4c73b472-442b-4920-b899-aadc599f1d75";
    let encounters = get(&sandbox, &format!("/Encounter?patient={patient}")).await.json();
    assert_eq!(ids(&encounters, "match").len(), 2);
}

#[tokio::test]
async fn synthea_bundles_load_link_and_page() {
    let sandbox = Sandbox::new();
    if load_all(&sandbox, "synthea-2019") == 0 {
        return;
    }
    let patients = all_pages(&sandbox, "/Patient?_count=5&_sort=family").await;
    assert_eq!(patients.len(), sandbox.count("Patient"));
    let mut observations = Vec::new();
    for patient in &patients {
        observations.extend(all_pages(&sandbox, &format!("/Observation?patient={patient}")).await);
    }
    assert_eq!(observations.len(), sandbox.count("Observation"), "every observation has its patient");
    observations.sort_unstable();
    observations.dedup();
    assert_eq!(observations.len(), sandbox.count("Observation"));
    let missing = get(&sandbox, "/Observation?encounter.class:missing=true&_summary=count").await.json();
    assert_eq!(missing["total"], 0, "every encounter reference leads somewhere");
}

#[test]
fn the_official_examples_load_to_the_digit() {
    let sandbox = Sandbox::new();
    for folder in [
        "hl7-r4-examples/Observation",
        "hl7-r4-examples/Patient",
        "hl7-r4-examples/Claim",
        "us-core-examples/Observation",
        "us-core-examples/Patient",
    ] {
        for file in files(folder) {
            let json = std::fs::read_to_string(&file).unwrap();
            let name = file.display();
            sandbox.load(json.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut posted: serde_json::Value = serde_json::from_str(&json).unwrap();
            let (ty, id) = (posted["resourceType"].as_str().unwrap(), posted["id"].as_str().unwrap());
            let mut stored: serde_json::Value = serde_json::from_str(&sandbox.resource(ty, id).unwrap()).unwrap();
            for resource in [&mut posted, &mut stored] {
                resource.as_object_mut().unwrap().shift_remove("meta");
            }
            // As text: numbers compare digit by digit, elements in their order.
            assert_eq!(posted.to_string(), stored.to_string(), "{name}");
        }
    }
}
