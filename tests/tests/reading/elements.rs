//! A FHIR service that has shown that it gives the elements it is asked for is asked for those alone that the wanted columns are
//! read from. Rows are the same; what is written is never a part of a resource.

use serde_json::{Value, json};
use turntable_tests::{Fhir, SYNTHEA, Server};

const TYPES: [&str; 2] = ["Patient", "Observation"];

/// Each read and whether it is asked for by elements.
const READS: [(&str, &[(&str, &str)]); 7] = [
    ("contacts", &[("$select", "lastname,birthdate")]),
    ("contacts", &[("$select", "fullname"), ("$filter", "contains(lastname,'n')"), ("$orderby", "firstname")]),
    ("contacts", &[]),
    ("msemr_observations", &[("$select", "msemr_description"), ("$filter", "msemr_valuetypequantityvalue gt 20")]),
    (
        "msemr_observations",
        &[("$select", "msemr_code_code,_msemr_subjecttypepatient_value"), ("$orderby", "msemr_issueddate desc")],
    ),
    ("msemr_observationcomponents", &[("$select", "msemr_name")]),
    (
        "msemr_observations",
        &[("$select", "msemr_description"), ("$expand", "msemr_subjecttypepatient($select=lastname)")],
    ),
];

async fn service(faults: &str) -> Fhir {
    let fhir = Fhir::sandbox().await;
    for bundle in SYNTHEA {
        fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
    }
    fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
    fhir
}

async fn server(fhir: &Fhir) -> Server {
    Server::with(fhir).virtual_tables(&["contact", "msemr_observation"]).start().await
}

/// What a trial says of `_elements`.
async fn tried(server: &Server) -> Value {
    let probe = server.post("/admin/v1/sources/main/probe", &json!({ "types": TYPES })).await.expect(200).json();
    TYPES.map(|name| probe["types"][name]["elements"].clone()).to_vec().into()
}

async fn answers(server: &Server) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for (set, options) in READS {
        let answer = server.get(set, &[options, &[("$count", "true")]].concat()).await;
        assert_eq!(answer.status, 200, "{set} {options:?}: {}", answer.text);
        all.push(answer.rows());
    }
    all
}

fn asks_for_elements(fhir: &Fhir) -> bool {
    let asked = fhir.as_sandbox().requests().iter().any(|request| request.path.contains("_elements="));
    fhir.as_sandbox().clear_requests();
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_made_of_what_is_asked_for() {
    let fhir = service("").await;
    let server = server(&fhir).await;
    let whole = answers(&server).await;
    assert!(!asks_for_elements(&fhir), "a service that has not been tried is asked for whole resources");
    assert_eq!(tried(&server).await, json!(["applied", "applied"]));
    fhir.as_sandbox().clear_requests();
    assert_eq!(answers(&server).await, whole);
    assert!(asks_for_elements(&fhir));
}

/// Fewer bytes for a list of few columns.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_few_columns_takes_a_part_of_the_bytes() {
    let fhir = service("").await;
    let server = server(&fhir).await;
    tried(&server).await;
    fhir.as_sandbox().clear_requests();
    server.rows("msemr_observations", &[("$select", "msemr_description")]).await;
    let requests = fhir.as_sandbox().requests();
    let search = requests.iter().find(|request| request.path.contains("_elements=")).expect("asked for by elements");
    let query = search.path.split_once("/Observation?").expect("a search").1;
    let without: Vec<&str> = query.split('&').filter(|param| !param.starts_with("_elements=")).collect();
    let mut bytes = Vec::new();
    for query in [query, &without.join("&")] {
        let answer = fhir.call(reqwest::Method::GET, &format!("Observation?{query}")).send().await.expect(200);
        bytes.push(answer.text.len());
    }
    assert!(bytes[0] * 10 < bytes[1] * 7, "{bytes:?}");
}

/// One that keeps less, or nothing, or all of it: the rows are the same, and it is not asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_otherwise_is_asked_for_whole_resources() {
    for (faults, heed) in [
        ("ignore-elements", "ignored"),
        ("greedy-elements", "refused"),
        ("status=400:@_elements", "refused"),
        ("ignore-params=claimed", "applied"),
    ] {
        let fhir = service(faults).await;
        let server = server(&fhir).await;
        let before = answers(&server).await;
        assert_eq!(tried(&server).await, json!([heed, heed]), "{faults}");
        fhir.as_sandbox().clear_requests();
        assert_eq!(answers(&server).await, before, "{faults}");
        assert_eq!(asks_for_elements(&fhir), heed == "applied", "{faults}");
    }
}

/// What was learned of a trial and is no longer so: a refusal is done without, and a row is written by its whole resource.
#[tokio::test(flavor = "multi_thread")]
async fn writes_are_of_whole_resources() {
    let fhir = service("").await;
    let server = server(&fhir).await;
    tried(&server).await;
    let rows = server.rows("contacts", &[("$select", "lastname"), ("$top", "1")]).await;
    let key = rows[0]["contactid"].as_str().expect("a key").to_owned();
    let all = server.rows("contacts", &[("$select", "lastname")]).await.len();
    let before = fhir.read("Patient", &key).await;
    server.patch(&format!("contacts({key})"), &json!({ "lastname": "Changed" })).await.expect(204);
    let after = fhir.read("Patient", &key).await;
    assert_eq!(after["name"][0]["family"], "Changed");
    for (member, value) in before.as_object().expect("a resource") {
        assert!(matches!(member.as_str(), "meta" | "name" | "text") || after[member] == *value, "{member}");
    }
    assert!(!after.to_string().contains("SUBSETTED"));
    fhir.as_sandbox().set_faults("status=400:@_elements".parse().expect("faults"));
    fhir.as_sandbox().clear_requests();
    for again in [false, true] {
        assert_eq!(server.rows("contacts", &[("$select", "lastname")]).await.len(), all);
        assert_eq!(asks_for_elements(&fhir), !again, "a refusal is remembered");
    }
}
