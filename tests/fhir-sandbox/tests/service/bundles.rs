use serde_json::{Value as Json, json};
use turntable_fhir_sandbox::Sandbox;

use crate::client::{Answer, load, send};

async fn post(sandbox: &Sandbox, kind: &str, entries: Json) -> Answer {
    let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
    send(sandbox, "POST /", &[], &bundle.to_string()).await
}

fn statuses(bundle: &Json) -> Vec<&str> {
    let entries = bundle["entry"].as_array().unwrap();
    entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap()).collect()
}

fn known() -> Sandbox {
    let sandbox = Sandbox::new();
    load(
        &sandbox,
        &[
            r#"{"resourceType":"Practitioner","id":"doc","identifier":[{"system":"urn:npi","value":"99"}]}"#,
            r#"{"resourceType":"Patient","id":"old","active":true}"#,
        ],
    );
    sandbox
}

#[tokio::test]
async fn a_transaction_links_its_entries() {
    let sandbox = known();
    let done = post(&sandbox, "transaction", json!([
        {"request": {"method": "GET", "url": "Patient?active=false"}},
        {"fullUrl": "urn:uuid:obs", "request": {"method": "POST", "url": "Observation"},
         "resource": {"resourceType": "Observation", "status": "final", "subject": {"reference": "urn:uuid:pat"},
                      "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:pat"}],
                      "performer": [{"reference": "Practitioner?identifier=urn:npi|99"}, {"reference": "http://x/fhir/Patient/new"}]}},
        {"fullUrl": "http://x/fhir/Patient/new", "request": {"method": "PUT", "url": "Patient/new"},
         "resource": {"resourceType": "Patient", "id": "new", "active": false, "link": [{"other": {"reference": "urn:uuid:pat"}}]}},
        {"fullUrl": "urn:uuid:pat", "request": {"method": "POST", "url": "Patient"},
         "resource": {"resourceType": "Patient", "id": "ignored"}},
        {"request": {"method": "DELETE", "url": "Patient/old"}},
        {"fullUrl": "urn:uuid:doc", "request": {"method": "POST", "url": "Practitioner", "ifNoneExist": "identifier=urn:npi|99"},
         "resource": {"resourceType": "Practitioner"}},
    ])).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let done = done.json();
    assert_eq!(done["type"], "transaction-response");
    assert_eq!(statuses(&done), ["200 OK", "201 Created", "201 Created", "201 Created", "204 No Content", "200 OK"]);
    assert_eq!(done["entry"][0]["resource"]["total"], 1, "reads come after writes");
    let id = |at: usize| {
        done["entry"][at]["response"]["location"].as_str().unwrap().split('/').rev().nth(2).unwrap().to_owned()
    };
    assert_eq!(done["entry"][1]["response"]["etag"], "W/\"1\"");
    assert_eq!((id(2), id(5)), ("new".to_owned(), "doc".to_owned()));
    let patient = format!("Patient/{}", id(3));
    let observation: Json = serde_json::from_str(&sandbox.resource("Observation", &id(1)).unwrap()).unwrap();
    assert_eq!(observation["subject"]["reference"], patient);
    assert_eq!(observation["performer"][0]["reference"], "Practitioner/doc");
    assert_eq!(observation["performer"][1]["reference"], "Patient/new");
    assert_eq!(observation["identifier"][0]["value"], "urn:uuid:pat", "an identifier is no reference");
    assert!(sandbox.resource("Patient", "new").unwrap().contains(&patient));
    assert_eq!(sandbox.resource("Patient", "old"), None);
}

#[tokio::test]
async fn a_failing_transaction_leaves_nothing() {
    let create = json!({"fullUrl": "urn:uuid:a", "request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient"}});
    let update = json!({"request": {"method": "PUT", "url": "Patient/old"}, "resource": {"resourceType": "Patient", "id": "old", "active": false}});
    let delete = json!({"request": {"method": "DELETE", "url": "Practitioner/doc"}});
    let table = [
        (
            json!({"request": {"method": "PUT", "url": "Patient/z", "ifMatch": "W/\"3\""}, "resource": {"resourceType": "Patient", "id": "z"}}),
            412,
            "conflict Bundle.entry[3]",
        ),
        (
            json!({"request": {"method": "PUT", "url": "Patient/z"}, "resource": {"resourceType": "Patient", "id": "y"}}),
            400,
            "invalid Bundle.entry[3].resource.id",
        ),
        (
            json!({"request": {"method": "POST", "url": "Observation"}, "resource": {"resourceType": "Observation", "subject": {"reference": "Patient?identifier=none"}}}),
            412,
            "conflict Bundle.entry[3]",
        ),
        (json!({"request": {"method": "GET", "url": "Patient/nobody"}}), 404, "not-found Bundle.entry[3]"),
        (json!({"request": {"method": "POST", "url": "Shoe"}}), 404, "not-found Bundle.entry[3].request.url"),
        (json!({"request": {"url": "Shoe"}}), 400, "invalid Bundle.entry[3].request.method"),
        (json!({"request": {"method": "DELETE", "url": "Patient/old"}}), 400, "invalid Bundle.entry[3]"),
        (create.clone(), 400, "invalid Bundle.entry[3].fullUrl"),
    ];
    for (last, status, issue) in table {
        let sandbox = known();
        let before = (sandbox.resource("Patient", "old"), sandbox.resource("Practitioner", "doc"));
        let answer = post(&sandbox, "transaction", json!([create, update, delete, last])).await;
        assert_eq!((answer.status, answer.issue().as_str()), (status, issue), "{last}");
        assert_eq!((sandbox.resource("Patient", "old"), sandbox.resource("Practitioner", "doc")), before, "{last}");
        assert_eq!((sandbox.count("Patient"), sandbox.count("Practitioner")), (1, 1), "{last}");
        // The store still works after it took things back.
        let created = send(&sandbox, "PUT /Patient/z", &[], r#"{"resourceType":"Patient","id":"z"}"#).await;
        assert_eq!((created.status, created.header("etag"), sandbox.count("Patient")), (201, "W/\"1\"", 2));
    }
}

#[tokio::test]
async fn a_batch_answers_entry_by_entry() {
    let sandbox = known();
    let done = post(
        &sandbox,
        "batch",
        json!([
            {"request": {"method": "PUT", "url": "Patient/n"}, "resource": {"resourceType": "Patient", "id": "n"}},
            {"request": {"method": "PUT", "url": "Patient/n"}, "resource": {"resourceType": "Group", "id": "n"}},
            {"request": {"method": "GET", "url": "/Patient/n"}},
            {"request": {"method": "GET", "url": "http://here/fhir/Patient/nobody"}},
            {"request": {"method": "DELETE", "url": "Patient/old"}},
        ]),
    )
    .await
    .json();
    assert_eq!(done["type"], "batch-response");
    assert_eq!(statuses(&done), ["201 Created", "400 Bad Request", "200 OK", "404 Not Found", "204 No Content"]);
    assert_eq!(done["entry"][1]["response"]["outcome"]["issue"][0]["code"], "invalid");
    assert_eq!(done["entry"][2]["resource"]["id"], "n");
}

#[test]
fn loading_takes_bundles_and_resources() {
    let sandbox = Sandbox::new();
    let load =
        |json: &str| sandbox.load(json.as_bytes()).map(|loaded| loaded.resources).map_err(|error| error.to_string());
    assert_eq!(load(r#"{"resourceType":"Patient","id":"p"}"#), Ok(1));
    let collection = r#"{"resourceType":"Bundle","type":"searchset","entry":[
        {"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"q"},"search":{"mode":"match"}},
        {"resource":{"resourceType":"Observation","subject":{"reference":"urn:uuid:1"}}},
        {"resource":{"resourceType":"OperationOutcome"},"search":{"mode":"outcome"}}]}"#;
    assert_eq!(load(collection), Ok(2));
    assert_eq!((sandbox.count("Patient"), sandbox.count("Observation")), (2, 1));
    for (bad, why) in [
        ("{", "not a JSON object"),
        (r#"{"resourceType":"Shoe"}"#, "not a type of R4"),
        (r#"{"resourceType":"Bundle","type":"history","entry":[]}"#, "old versions"),
        (r#"{"resourceType":"Bundle","type":"transaction","entry":[{}]}"#, "Bundle.entry[0]"),
        (r#"{"resourceType":"Bundle","type":"batch","entry":[{}, {}]}"#, "failures: 2"),
    ] {
        let error = load(bad).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}
