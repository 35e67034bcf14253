//! Bundles into the tables: what is stored, under which id, what is refused by name, and that nothing of a resource is
//! lost on the way, with or without a FHIR service that gets the bundle first.

use reqwest::Method;
use serde_json::{Value, json};
use turntable::model::error::Code;
use turntable::model::limits::Limits;
use turntable::store::facade::Store;
use turntable_tests::{Answer, EVENTS, Fhir, PATIENT, PEOPLE, SYNTHEA, Server};

const OBSERVATION: &str = "0a1b2c3d-1111-4222-8333-444455556666";
const ALLERGY: &str = "0a1b2c3d-1111-4222-8333-444455557777";

#[tokio::test]
async fn created_then_updated_then_deleted() {
    let server = Server::setup().start().await;
    let answer = server.ingest(PEOPLE, None).await.expect(200);
    assert!(answer.header("content-type").starts_with("application/fhir+json"), "{}", answer.header("content-type"));
    assert_eq!(answer.json()["type"], "batch-response");
    assert_eq!(statuses(&answer), ["201 Created"; 4]);
    let locations: Vec<_> = responses(&answer).iter().map(|r| r["location"].clone()).collect();
    assert_eq!(locations[0], format!("Patient/{PATIENT}/_history/1"));
    assert_eq!(responses(&answer)[0]["etag"], "W/\"1\"");
    let row = server.row("contacts", PATIENT).await;
    assert_eq!((&row["msemr_azurefhirversion"], &row["@odata.etag"]), (&json!("1"), &json!("W/\"1\"")));

    let again = server.ingest(PEOPLE, None).await.expect(200);
    assert_eq!(statuses(&again), ["200 OK"; 4]);
    assert_eq!(responses(&again)[0]["location"], format!("Patient/{PATIENT}/_history/2"));
    assert_eq!(server.row("contacts", PATIENT).await["msemr_azurefhirversion"], "2");
    assert_eq!((server.native_rows("contact").await, server.native_rows("account").await), (2, 1));

    let gone = batch(&[entry("DELETE", &format!("Patient/{PATIENT}"), None), entry("DELETE", "Patient/unknown", None)]);
    let answer = server.ingest(&gone, None).await.expect(200);
    assert_eq!(statuses(&answer), ["204 No Content"; 2]);
    server.get(&format!("contacts({PATIENT})"), &[]).await.expect(404);
    assert_eq!(server.native_rows("contact").await, 1);
    assert_eq!(server.rows("msemr_medicalidentifiers", &[]).await.len(), identifiers_of("Practitioner"));
}

/// A whole life: every resource that a table shows is a row, and references by `fullUrl` lead to rows.
#[tokio::test]
async fn a_transaction_of_synthea_is_stored_whole() {
    let server = Server::setup().start().await;
    let answer = server.ingest(SYNTHEA[0], None).await.expect(200);
    let bundle: Value = serde_json::from_str(SYNTHEA[0]).expect("the sample is JSON");
    let entries = bundle["entry"].as_array().expect("entries");
    assert_eq!(responses(&answer).len(), entries.len());
    let sets = [
        ("contacts", &["Patient", "Practitioner"][..]),
        ("accounts", &["Organization"]),
        ("msemr_encounters", &["Encounter"]),
        ("msemr_observations", &["Observation"]),
        ("msemr_allergyintolerances", &["AllergyIntolerance"]),
        ("msemr_conditions", &["Condition"]),
        ("msemr_procedures", &["Procedure"]),
        ("msemr_claims", &["Claim"]),
        ("msemr_diagnosticreports", &["DiagnosticReport"]),
        ("tt_immunizations", &["Immunization"]),
        ("tt_explanationofbenefits", &["ExplanationOfBenefit"]),
    ];
    for (set, types) in sets {
        let wanted = entries.iter().filter(|e| types.iter().any(|t| e["resource"]["resourceType"] == *t)).count();
        assert_eq!(count(&server, set).await, wanted, "{set}");
    }
    for (entry, response) in entries.iter().zip(responses(&answer)) {
        assert_eq!(response["status"], "201 Created", "{}", entry["resource"]["resourceType"]);
    }
    // Every observation leads to the patient's row and to an encounter's.
    let patient = server.rows("contacts", &[("$filter", "msemr_contacttype eq 935000000")]).await;
    let id = patient[0]["contactid"].as_str().expect("a key").to_owned();
    let all = count(&server, "msemr_observations").await;
    for filter in
        [format!("_msemr_subjecttypepatient_value eq {id}"), "msemr_conexttypeencounter/statecode eq 0".to_owned()]
    {
        let options = [("$filter", filter.as_str()), ("$count", "true"), ("$top", "1")];
        let found = server.get("msemr_observations", &options).await.expect(200).json();
        assert_eq!(found["@odata.count"], all, "{filter}");
    }
    // Once more: the same resources, not new ones.
    let again = server.ingest(SYNTHEA[0], None).await.expect(200);
    assert_eq!(statuses(&again).iter().filter(|status| *status == "201 Created").count(), 0);
    assert_eq!(count(&server, "msemr_observations").await, all);
}

#[tokio::test]
async fn what_no_table_shows_is_refused_by_name() {
    let server = Server::setup().start().await;
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        { "resource": { "resourceType": "Basic", "id": "b", "code": { "text": "other" } },
          "request": { "method": "PUT", "url": "Basic/b" } },
    ] });
    let answer = server.ingest(&bundle.to_string(), None).await.expect(200);
    assert_eq!(statuses(&answer), ["501 Not Implemented"]);
    let said = responses(&answer)[0]["outcome"]["issue"][0]["diagnostics"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains("Basic"), "what is not stored is named: {said}");
}

#[tokio::test]
async fn what_is_forwarded_has_the_ids_of_the_service() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).route("msemr_observation", "virtual").start().await;
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "fullUrl": "urn:uuid:11111111-2222-4333-8444-555555555501",
          "resource": { "resourceType": "Patient", "name": [{ "family": "Forwarded" }] },
          "request": { "method": "POST", "url": "Patient" } },
        { "fullUrl": "urn:uuid:11111111-2222-4333-8444-555555555502",
          "resource": { "resourceType": "AllergyIntolerance", "code": { "text": "peanut" },
            "patient": { "reference": "urn:uuid:11111111-2222-4333-8444-555555555501" } },
          "request": { "method": "POST", "url": "AllergyIntolerance" } },
        { "resource": { "resourceType": "Observation", "status": "final", "code": { "text": "seen" },
            "subject": { "reference": "urn:uuid:11111111-2222-4333-8444-555555555501" } },
          "request": { "method": "POST", "url": "Observation" } },
    ]});
    let answer = server.ingest(&bundle.to_string(), Some("main")).await.expect(200);
    assert_eq!(statuses(&answer), ["201 Created", "201 Created", "202 Accepted"]);
    let patient = id_of(&responses(&answer)[0]);
    let allergy = id_of(&responses(&answer)[1]);
    // The same id here and there, and the same reference.
    assert_eq!(fhir.read("Patient", &patient).await["name"][0]["family"], "Forwarded");
    let there = fhir.read("AllergyIntolerance", &allergy).await;
    assert_eq!(there["patient"]["reference"], format!("Patient/{patient}"));
    let rows = server.rows("msemr_allergyintolerances", &[("$expand", "msemr_patient($select=lastname)")]).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["msemr_azurefhirid"], &rows[0]["msemr_patient"]["lastname"]),
        (&json!(allergy), &json!("Forwarded"))
    );
    // The virtual one is there only, and shows through.
    assert_eq!((server.native_rows("msemr_observation").await, fhir.count("Observation").await), (0, 1));
    let seen = server.rows("msemr_observations", &[]).await;
    assert_eq!(seen[0]["_msemr_subjecttypepatient_value"], rows[0]["_msemr_patient_value"]);
}

#[tokio::test]
async fn what_the_service_refuses_is_not_stored_here_either() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    // An id that FHIR does not allow, in the middle.
    let mixed = batch(&[
        entry("PUT", "Patient/p1", Some(json!({ "resourceType": "Patient", "id": "p1" }))),
        entry("PUT", "Patient/not_allowed", Some(json!({ "resourceType": "Patient", "id": "not_allowed" }))),
        entry("PUT", "Patient/p2", Some(json!({ "resourceType": "Patient", "id": "p2" }))),
    ]);
    let answer = server.ingest(&mixed, Some("main")).await.expect(200);
    assert_eq!(statuses(&answer), ["201 Created", "422 Unprocessable Entity", "201 Created"], "{}", answer.text);
    assert_eq!((server.native_rows("contact").await, fhir.count("Patient").await), (2, 2));

    let unknown = server.ingest(PEOPLE, Some("elsewhere")).await.expect(400);
    assert!(unknown.text.contains("elsewhere"), "{}", unknown.text);
    assert_eq!(server.native_rows("contact").await, 2);
}

/// Neither there nor here: an entry that is refused here must not have been sent there.
#[tokio::test]
async fn all_of_a_transaction_or_nothing() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    let other = Server::setup().start().await;
    let good = entry("PUT", "Patient/p1", Some(json!({ "resourceType": "Patient", "id": "p1" })));
    let bad = [
        entry("PUT", "Patient/p2", Some(json!({ "resourceType": "Patient", "id": "p3" }))),
        entry("PATCH", "Patient/p1", Some(json!({ "resourceType": "Patient" }))),
        entry("PUT", "Patient?identifier=1", Some(json!({ "resourceType": "Patient" }))),
        entry("POST", "Patient", None),
        entry("DELETE", "Patient", None),
        entry("PUT", "Patient/p2", Some(json!({ "resourceType": "Observation", "id": "p2" }))),
        entry("POST", "Patient", Some(json!({ "name": [] }))),
        entry("POST", "Observation", Some(json!({ "resourceType": "Patient" }))),
        json!({ "resource": { "resourceType": "Patient", "id": "p2" } }),
    ];
    for bad in bad {
        for forward in [None, Some("main")] {
            let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [good, bad] });
            let answer = server.ingest(&bundle.to_string(), forward).await.expect(400);
            assert!(answer.text.contains("entry 1"), "{bad}: {}", answer.text);
            assert_eq!(server.native_rows("contact").await, 0, "{bad}");
            assert_eq!(fhir.count("Patient").await, 0, "{bad} {forward:?}");
        }
        // A batch stores the others.
        let answer = other.ingest(&batch(&[good.clone(), bad.clone()]), None).await.expect(200);
        assert_eq!(statuses(&answer)[1], "422 Unprocessable Entity", "{bad}");
        assert_eq!(other.native_rows("contact").await, 1, "{bad}");
    }
}

#[tokio::test]
async fn virtual_and_unknown_tables_are_named() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).route("msemr_encounter", "virtual").start().await;
    let answer = server.ingest(EVENTS, None).await.expect(200);
    for (entry, response) in entries_of(EVENTS).iter().zip(responses(&answer)) {
        let is_encounter = entry["resource"]["resourceType"] == "Encounter";
        let issue = &response["outcome"]["issue"][0];
        assert_eq!(response["status"], if is_encounter { "501 Not Implemented" } else { "201 Created" });
        assert_eq!(issue["severity"], if is_encounter { "warning" } else { "information" });
        let said = issue["diagnostics"].as_str().unwrap_or_default();
        assert!(said.contains(if is_encounter { "msemr_encounter" } else { "msemr_observation" }), "{said}");
    }
    assert_eq!((server.native_rows("msemr_encounter").await, fhir.count("Encounter").await), (0, 0));
    let other = batch(&[entry("PUT", "Questionnaire/q", Some(json!({ "resourceType": "Questionnaire", "id": "q" })))]);
    let answer = server.ingest(&other, None).await.expect(200);
    assert_eq!(statuses(&answer), ["501 Not Implemented"]);
    assert!(answer.text.contains("Questionnaire"), "{}", answer.text);
}

#[tokio::test]
async fn what_is_no_bundle_to_ingest_is_refused() {
    let server = Server::setup().limits(|limits| limits.bundle_bytes = 100_000).start().await;
    let bundle = |kind: &str| json!({ "resourceType": "Bundle", "type": kind, "entry": [] }).to_string();
    let large = format!("{}{}", bundle("batch"), " ".repeat(100_000));
    let cases = [
        ("", 400, Code::BadJson),
        ("{", 400, Code::BadJson),
        ("<Bundle/>", 400, Code::BadJson),
        ("[]", 400, Code::BadJson),
        ("{}", 400, Code::BadJson),
        ("{\"resourceType\":\"Bundle\"}", 400, Code::BadJson),
        ("{\"resourceType\":\"Patient\",\"type\":\"batch\"}", 400, Code::BadRequest),
        (&bundle("searchset"), 400, Code::BadRequest),
        (&bundle("collection"), 400, Code::BadRequest),
        (&bundle("history"), 400, Code::BadRequest),
        (&large, 413, Code::BodyTooLarge),
    ];
    for (body, status, code) in cases {
        let answer = server.ingest(body, None).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!((answer.status, answer.error_code()), (status, format!("{code:?}")), "{shown}: {}", answer.text);
        assert!(!answer.text.contains("<Bundle"), "what was sent is not repeated: {}", answer.text);
    }
    assert_eq!(statuses(&server.ingest(&bundle("batch"), None).await.expect(200)), [""; 0]);
    let wrong_method = server.call(Method::GET, "/fhir").send().await;
    assert_eq!(wrong_method.status, 405);
}

/// A number is a text of digits, whoever wrote it; what no column shows is kept too.
#[tokio::test]
async fn no_digit_and_no_element_is_lost() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let server = Server::setup().data_dir(dir.path()).start().await;
    // References by `fullUrl`, so that the resource does not pass through as it is.
    let observation = r#"{"resourceType":"Observation","status":"final","code":{"text":"weight"},
        "subject":{"reference":"urn:uuid:11111111-2222-4333-8444-555555555501"},
        "valueQuantity":{"value":72.10,"unit":"kg","extension":[{"url":"http://example.org/x","valueDecimal":1.50E+2}]},
        "referenceRange":[{"low":{"value":3.10},"high":{"value":6.200}}],"note":[{"text":"caf\u00e9 \ud83d\ude00"}],
        "component":[{"code":{"text":"a"},"valueQuantity":{"value":0.0010}},{"code":{"text":"b"},"valueQuantity":{"value":100.0}}]}"#;
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[
        {{"fullUrl":"urn:uuid:11111111-2222-4333-8444-555555555501","resource":{{"resourceType":"Patient"}},"request":{{"method":"POST","url":"Patient"}}}},
        {{"fullUrl":"urn:uuid:{OBSERVATION}","resource":{observation},"request":{{"method":"POST","url":"Observation"}}}}]}}"#
    );
    server.ingest(&bundle, None).await.expect(200);
    let value = async |server: &Server| {
        let answer = server.get(&format!("msemr_observations({OBSERVATION})"), &[]).await.expect(200);
        let parts = server.get("msemr_observationcomponents?$orderby=msemr_name", &[]).await.expect(200);
        [answer.text, parts.text].map(|text| text.replace(&server.url(), ""))
    };
    let [row, parts] = value(&server).await;
    assert!(row.contains(r#""msemr_valuetypequantityvalue":72.10,"#), "{row}");
    assert!(parts.contains(r#""msemr_valuequantityvalue":0.0010,"#), "{parts}");
    assert!(parts.contains(r#""msemr_valuequantityvalue":100.0,"#), "{parts}");

    let kept = [
        r#"[{"url":"http://example.org/x","valueDecimal":1.50E+2}]"#,
        r#""referenceRange":[{"low":{"value":3.10},"high":{"value":6.200}}]"#,
        r#""note":[{"text":"caf\u00e9 \ud83d\ude00"}]"#,
        r#""subject":{"reference":"Patient/11111111-2222-4333-8444-555555555501"}"#,
    ];
    server.stop().await;
    let check = async |unit: &str| {
        let store = Store::open(dir.path(), &Limits::default()).await.expect("the store opens");
        let found = store.resource("Observation", OBSERVATION).await.expect("the store answers");
        let (body, _) = found.expect("the resource");
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        let quantity = format!(r#""value":72.10,"unit":"{unit}""#);
        for text in kept.iter().copied().chain([quantity.as_str()]) {
            assert!(body.contains(text), "{text} is not in {body}");
        }
    };
    check("kg").await;
    // A restart leaves all of it, and a change of one column the rest.
    let server = Server::setup().data_dir(dir.path()).start().await;
    assert_eq!(value(&server).await, [row, parts]);
    let path = format!("msemr_observations({OBSERVATION})");
    let changed = server.patch(&path, &json!({ "msemr_valuequantityunit": "kilo" })).await;
    assert!(changed.status < 300, "{}", changed.text);
    server.stop().await;
    check("kilo").await;
}

#[tokio::test]
async fn the_same_resource_twice_in_one_bundle() {
    let server = Server::setup().start().await;
    let named = |name: &str| Some(json!({ "resourceType": "Patient", "id": "p1", "name": [{ "family": name }] }));
    let bundle = batch(&[entry("PUT", "Patient/p1", named("first")), entry("PUT", "Patient/p1", named("second"))]);
    let answer = server.ingest(&bundle, None).await.expect(200);
    assert_eq!(statuses(&answer), ["201 Created", "200 OK"]);
    let rows = server.rows("contacts", &[]).await;
    assert_eq!((rows.len(), &rows[0]["lastname"]), (1, &json!("second")));
    let bundle = batch(&[entry("PUT", "Patient/p1", named("third")), entry("DELETE", "Patient/p1", None)]);
    server.ingest(&bundle, None).await.expect(200);
    assert_eq!(server.rows("contacts", &[]).await.len(), 0);
    server.ingest(&batch(&[entry("PUT", "Patient/p1", named("fourth"))]), None).await.expect(200);
    assert_eq!(server.rows("contacts", &[]).await[0]["lastname"], "fourth");
}

#[tokio::test]
async fn upsert_bundle_does_the_same() {
    let server = Server::setup().start().await;
    let bundle: Value = serde_json::from_str(PEOPLE).expect("the sample is JSON");
    server.post("msind_UpsertBundle", &json!({ "Bundle": bundle })).await.expect(200);
    assert_eq!(server.native_rows("contact").await, 2);
    let as_text = json!({ "Bundle": PEOPLE });
    server.post("msind_UpsertBundle", &as_text).await.expect(200);
    assert_eq!(server.row("contacts", PATIENT).await["msemr_azurefhirversion"], "2");
    let answer = server.post("msind_UpsertBundle", &json!({ "Bundle": { "resourceType": "Patient" } })).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let allergy = json!({ "resourceType": "AllergyIntolerance", "id": ALLERGY, "code": { "text": "x" } });
    let refused = batch(&[entry("PUT", "AllergyIntolerance/other", Some(allergy))]);
    let answer = server.post("msind_UpsertBundle", &json!({ "Bundle": refused })).await;
    assert!(answer.text.contains("another id"), "what is refused is said: {} {}", answer.status, answer.text);
    assert_eq!(server.native_rows("msemr_allergyintolerance").await, 0);
}

fn entry(method: &str, url: &str, resource: Option<Value>) -> Value {
    let mut entry = json!({ "request": { "method": method, "url": url } });
    if let Some(resource) = resource {
        entry["resource"] = resource;
    }
    entry
}

fn batch(entries: &[Value]) -> String {
    json!({ "resourceType": "Bundle", "type": "batch", "entry": entries }).to_string()
}

fn responses(answer: &Answer) -> Vec<Value> {
    let entries = answer.json()["entry"].as_array().cloned().unwrap_or_default();
    entries.into_iter().map(|entry| entry["response"].clone()).collect()
}

fn statuses(answer: &Answer) -> Vec<String> {
    let status = |response: &Value| response["status"].as_str().unwrap_or_default().to_owned();
    responses(answer).iter().map(status).collect()
}

/// The id in `location`: `Type/id/_history/1`.
fn id_of(response: &Value) -> String {
    let location = response["location"].as_str().unwrap_or_default();
    location.split('/').nth(1).unwrap_or_default().to_owned()
}

fn entries_of(bundle: &str) -> Vec<Value> {
    let bundle: Value = serde_json::from_str(bundle).expect("the sample is JSON");
    bundle["entry"].as_array().expect("entries").clone()
}

/// Identifiers that resources of a type have in the first sample bundle.
fn identifiers_of(resource_type: &str) -> usize {
    let entries = entries_of(PEOPLE);
    let ours = entries.iter().filter(|entry| entry["resource"]["resourceType"] == resource_type);
    ours.map(|entry| entry["resource"]["identifier"].as_array().map_or(0, Vec::len)).sum()
}

async fn count(server: &Server, set: &str) -> usize {
    let answer = server.get(&format!("{set}/$count"), &[]).await.expect(200);
    answer.text.trim_start_matches('\u{feff}').parse().unwrap_or_else(|_| panic!("no count: {}", answer.text))
}
