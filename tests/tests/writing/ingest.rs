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
    assert_eq!(answer.json()["type"], "transaction-response");
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
    // Once more: POST makes new ones, which lead to each other and leave the others as they are.
    let again = server.ingest(SYNTHEA[0], None).await.expect(200);
    assert_eq!(statuses(&again).iter().filter(|status| *status != "201 Created").count(), 0);
    let patient = server.rows("contacts", &[("$filter", "msemr_contacttype eq 935000000")]).await;
    assert_eq!(patient.len(), 2);
    for row in patient {
        let id = row["contactid"].as_str().expect("a key");
        let filter = format!("_msemr_subjecttypepatient_value eq {id}");
        let options = [("$filter", filter.as_str()), ("$count", "true"), ("$top", "1")];
        let found = server.get("msemr_observations", &options).await.expect(200).json();
        assert_eq!(found["@odata.count"], all, "{filter}");
    }
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
    // An id that FHIR does not allow, and a condition that the service refuses, in the middle.
    let patient = |id: &str| Some(json!({ "resourceType": "Patient", "id": id }));
    let mut stale = entry("PUT", "Patient/p1", patient("p1"));
    stale["request"]["ifMatch"] = json!("W/\"77\"");
    let mixed = batch(&[
        entry("PUT", "Patient/p1", patient("p1")),
        entry("PUT", "Patient/not_allowed", patient("not_allowed")),
        stale,
        entry("PUT", "Patient/p2", patient("p2")),
    ]);
    let answer = server.ingest(&mixed, Some("main")).await.expect(200);
    let expected = ["201 Created", "422 Unprocessable Entity", "412 Precondition Failed", "201 Created"];
    assert_eq!(statuses(&answer), expected, "{}", answer.text);
    assert!(said(&responses(&answer)[2]).contains("another version"), "the service's own reason: {}", answer.text);
    assert_eq!((server.native_rows("contact").await, fhir.count("Patient").await), (2, 2));
    let mut stale = entry("PUT", "Patient/p1", patient("p1"));
    stale["request"]["ifMatch"] = json!("W/\"77\"");
    let answer = server.ingest(&transaction(&[stale]), Some("main")).await.expect(412);
    assert!(answer.text.contains("another version"), "the service's own reason: {}", answer.text);

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
        entry("PUT", "Patient?name=1", Some(json!({ "resourceType": "Observation" }))),
        entry("PUT", "http://evil.example.org/Patient/p2", Some(json!({ "resourceType": "Patient", "id": "p2" }))),
        entry("PUT", "Patient/p2/_history/9", Some(json!({ "resourceType": "Patient", "id": "p2" }))),
        entry("DELETE", "Patient/p2/name/0", None),
        entry("PUT", "urn:uuid:11111111-2222-4333-8444-555555555501", Some(json!({ "resourceType": "Patient" }))),
        entry("GET", "Patient/p1", None),
        entry("PUT", "Patient/p2", Some(json!({ "resourceType": "Patient", "id": 2 }))),
        entry("PUT", "Patient/p2", Some(deep(300))),
        json!(null),
        with("POST", "Patient", "ifMatch", "W/\"1\""),
        with("PUT", "Patient/p2", "ifNoneExist", "identifier=1"),
        with("PUT", "Patient/p2", "ifMatch", "\"a\"b\""),
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
        ("\u{feff}", 400, Code::BadJson),
        ("resourceType=Bundle", 400, Code::BadJson),
        ("{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":{}}", 400, Code::BadJson),
        ("{\"resourceType\":\"Parameters\"}", 400, Code::BadJson),
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

/// POST is create: the id is the server's, whatever a template or a retry names its entries by.
#[tokio::test]
async fn a_post_makes_a_new_resource() {
    let server = Server::setup().start().await;
    let name = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a";
    let bundle = |family: &str| {
        transaction(&[
            named(name, entry("POST", "Patient", Some(patient(family)))),
            entry(
                "POST",
                "Condition",
                Some(json!({ "resourceType": "Condition", "code": { "text": family },
                "subject": { "reference": name.to_uppercase().replace("URN:UUID", "urn:uuid") } })),
            ),
        ])
    };
    for family in ["Anna", "Berta", "Anna"] {
        let answer = server.ingest(&bundle(family), None).await.expect(200);
        assert_eq!(statuses(&answer), ["201 Created"; 2], "{}", answer.text);
    }
    let rows = server.rows("msemr_conditions", &[("$expand", "msemr_subjecttypepatient($select=lastname)")]).await;
    assert_eq!((rows.len(), server.native_rows("contact").await), (3, 3));
    for row in rows {
        assert_eq!(row["msemr_subjecttypepatient"]["lastname"], row["msemr_name"], "{row}");
    }
    // An id once given never comes back.
    let gone = batch(&[entry("DELETE", "Patient/61ebe359-bfdc-4613-8bf2-c5e300945f0a", None)]);
    assert_eq!(statuses(&server.ingest(&gone, None).await), ["204 No Content"]);
    let answer = server.ingest(&bundle("Clara"), None).await.expect(200);
    assert_ne!(id_of(&responses(&answer)[0]), "61ebe359-bfdc-4613-8bf2-c5e300945f0a");

    let twice = [
        named(name, entry("POST", "Patient", Some(patient("Eins")))),
        named(&name.to_uppercase(), entry("POST", "Patient", Some(patient("Zwei")))),
    ];
    let refused = server.ingest(&transaction(&twice), None).await.expect(400);
    assert!(refused.text.contains("entry 1") && refused.text.contains("bdl-7"), "{}", refused.text);
    let answer = server.ingest(&batch(&twice), None).await.expect(200);
    assert_eq!(statuses(&answer), ["201 Created", "422 Unprocessable Entity"]);
}

#[tokio::test]
async fn a_transaction_has_a_resource_once() {
    let server = Server::setup().start().await;
    let one = |family: &str| Some(identified(family, "1"));
    server.ingest(&batch(&[entry("PUT", "Patient/tw1", one("Before"))]), None).await.expect(200);
    let put = entry("PUT", "Patient/tw1", one("A"));
    let conditional = entry("PUT", "Patient?identifier=http://x|1", one("B"));
    let unless = |number: &str| {
        let mut unless = entry("POST", "Patient", Some(identified("C", number)));
        unless["request"]["ifNoneExist"] = json!(format!("identifier=http://x|{number}"));
        unless
    };
    let cases = [
        [put.clone(), entry("PUT", "Patient/tw1", one("B"))],
        [put.clone(), entry("DELETE", "Patient/tw1", None)],
        [entry("DELETE", "Patient/never", None), entry("PUT", "Patient/never", one("B"))],
        [put.clone(), conditional.clone()],
        [conditional.clone(), entry("DELETE", "Patient?identifier=http://x|1", None)],
        [put, unless("1")],
        [unless("2"), unless("2")],
        [unless("3"), entry("PUT", "Patient?identifier=http://x|3", Some(identified("D", "3")))],
    ];
    for case in cases {
        for case in [case.clone(), [case[1].clone(), case[0].clone()]] {
            let answer = server.ingest(&transaction(&case), None).await.expect(400);
            assert!(answer.text.contains("has each once"), "{case:?}: {}", answer.text);
        }
    }
    let rows = server.rows("contacts", &[]).await;
    assert_eq!((rows.len(), &rows[0]["lastname"]), (1, &json!("Before")));
}

/// What a condition says holds, or the entry is refused and nothing changed.
#[tokio::test]
async fn conditions_are_honoured() {
    let server = Server::setup().start().await;
    let create = |family: &str, condition: &str| {
        let mut create = entry("POST", "Patient", Some(identified(family, "7")));
        create["request"]["ifNoneExist"] = json!(condition);
        create
    };
    let put = |url: &str, family: &str, header: &str, value: &str| {
        let mut put = entry("PUT", url, Some(identified(family, "7")));
        if !header.is_empty() {
            put["request"][header] = json!(value);
        }
        put
    };
    let delete = |url: &str, value: &str| {
        let mut delete = entry("DELETE", url, None);
        if !value.is_empty() {
            delete["request"]["ifMatch"] = json!(value);
        }
        delete
    };
    let missed = "412 Precondition Failed";
    let steps = [
        // An entry, its status, and the names and versions of all patients then.
        (create("A", "identifier=http://x|7"), "201 Created", "A1"),
        (create("B", "identifier=http://x|7"), "200 OK", "A1"),
        (create("B", "?identifier=http%3A%2F%2Fx%7C7"), "200 OK", "A1"),
        (create("B", "Patient?identifier=7"), "200 OK", "A1"),
        (create("B", "identifier=http://y|7"), "201 Created", "A1 B1"),
        (create("C", "identifier=http://x|7"), missed, "A1 B1"),
        (create("C", "name=C"), "501 Not Implemented", "A1 B1"),
        (create("C", "identifier:exact=7"), "501 Not Implemented", "A1 B1"),
        (create("C", "identifier="), "422 Unprocessable Entity", "A1 B1"),
        (put("Patient?identifier=http://x|7", "C", "", ""), missed, "A1 B1"),
        (delete("Patient?identifier=http://x|7", ""), missed, "A1 B1"),
        (put("Patient?identifier=nobody", "C", "", ""), "201 Created", "A1 B1 C1"),
        (put("Patient?identifier=nobody", "C", "ifMatch", "W/\"1\""), missed, "A1 B1 C1"),
        (put("Patient/im", "I", "ifMatch", "*"), missed, "A1 B1 C1"),
        (put("Patient/im", "I", "ifNoneMatch", "*"), "201 Created", "A1 B1 C1 I1"),
        (put("Patient/im", "J", "ifNoneMatch", "*"), missed, "A1 B1 C1 I1"),
        (put("Patient/im", "J", "ifMatch", "W/\"77\""), missed, "A1 B1 C1 I1"),
        (put("Patient/im", "J", "ifMatch", "W/\"1\""), "200 OK", "A1 B1 C1 J2"),
        (put("Patient/im", "K", "ifMatch", "\"9\", \"2\""), "200 OK", "A1 B1 C1 K3"),
        (put("Patient?_id=im", "L", "ifMatch", "W/\"3\""), "200 OK", "A1 B1 C1 L4"),
        (delete("Patient/im", "W/\"1\""), missed, "A1 B1 C1 L4"),
        (delete("Patient/im", "W/\"4\""), "204 No Content", "A1 B1 C1"),
        (delete("Patient/im", "W/\"4\""), missed, "A1 B1 C1"),
        (delete("Patient?identifier=http://nobody|1", ""), "204 No Content", "A1 B1 C1"),
        (put("Patient/im", "M", "ifNoneMatch", "*"), "201 Created", "A1 B1 C1 M6"),
        (delete("Patient?_id=im", ""), "204 No Content", "A1 B1 C1"),
    ];
    for (entry, status, expected) in steps {
        let answer = server.ingest(&batch(std::slice::from_ref(&entry)), None).await.expect(200);
        assert_eq!(statuses(&answer), [status], "{entry}: {}", answer.text);
        let rows = server.rows("contacts", &[("$orderby", "lastname")]).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let shown = rows.iter().map(|row| text(&row["lastname"]) + &text(&row["msemr_azurefhirversion"]));
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{entry}");
        if status.starts_with('4') || status.starts_with('5') {
            // Of a transaction nothing is stored.
            let other = posted("Other");
            let answer = server.ingest(&transaction(&[other, entry]), None).await;
            let expected: u16 = status[..3].parse().expect("a status");
            assert_eq!(answer.status, if expected == 422 { 400 } else { expected }, "{}", answer.text);
            assert!(answer.text.contains("entry 1"), "{}", answer.text);
            assert_eq!(server.rows("contacts", &[]).await.len(), rows.len());
        }
    }
    // An id that is not the one that was found, and one that is taken.
    let own = |id: &str| {
        let mut own = identified("X", "8");
        own["id"] = json!(id);
        own
    };
    server.ingest(&batch(&[entry("PUT", "Patient/taken", Some(own("taken")))]), None).await.expect(200);
    let other = batch(&[
        entry("PUT", "Patient?identifier=http://x|8", Some(own("another"))),
        entry("PUT", "Patient?identifier=http://x|9", Some(own("taken"))),
        entry("PUT", "Patient?identifier=http://x|9", Some(own("mine"))),
    ]);
    let answer = server.ingest(&other, None).await.expect(200);
    assert_eq!(statuses(&answer), ["422 Unprocessable Entity", "409 Conflict", "201 Created"], "{}", answer.text);
    assert_eq!(id_of(&responses(&answer)[2]), "mine");
}

/// Two that ask for the same at once do not both find nothing.
#[tokio::test]
async fn conditional_creates_at_once_make_one_resource() {
    let server = Server::setup().start().await;
    let mut create = entry(
        "POST",
        "Organization",
        Some(json!({ "resourceType": "Organization", "name": "Once",
        "identifier": [{ "system": "http://o", "value": "7" }] })),
    );
    create["request"]["ifNoneExist"] = json!("identifier=http://o|7");
    let bundle = transaction(&[create]);
    let all = tokio::join!(
        server.ingest(&bundle, None),
        server.ingest(&bundle, None),
        server.ingest(&bundle, None),
        server.ingest(&bundle, None),
    );
    for answer in [all.0, all.1, all.2, all.3] {
        answer.expect(200);
    }
    assert_eq!(server.native_rows("account").await, 1);
}

/// What an entry is about is asked again where somebody writes that resource before the bundle does.
#[tokio::test(flavor = "multi_thread")]
async fn a_condition_holds_when_it_is_stored() {
    let server = Server::setup().start().await;
    let of = |id: &str, family: &str, number: &str| {
        let mut resource = identified(family, number);
        resource["id"] = json!(id);
        entry("PUT", &format!("Patient/{id}"), Some(resource))
    };
    let (mut before, mut after) = (0, 0);
    for round in 0..6_u64 {
        let (id, number) = (format!("r-{round}"), format!("n-{round}"));
        server.ingest(&batch(&[of(&id, "First", &number)]), None).await.expect(200);
        // It takes a while to store; the other comes while its rows are made, after its condition was answered.
        let mut entries = vec![entry(
            "PUT",
            &format!("Patient?identifier=http://x|{number}"),
            Some(identified(&format!("Bundle{round}"), &number)),
        )];
        entries.extend((0..60).map(|_| posted("Filling")));
        let (bundle, other) = (batch(&entries), batch(&[of(&id, "Moved", "elsewhere")]));
        let late = async {
            tokio::time::sleep(std::time::Duration::from_millis(20 * round)).await;
            server.ingest(&other, None).await
        };
        let (bundle, other) = tokio::join!(server.ingest(&bundle, None), late);
        assert_eq!(statuses(&other.expect(200)), ["200 OK"]);
        let status = statuses(&bundle.expect(200))[0].clone();
        let made = server.rows("contacts", &[("$filter", &format!("lastname eq 'Bundle{round}'"))]).await.len();
        // One after the other, in either order.
        match status.as_str() {
            "200 OK" => (before, _) = (before + 1, assert_eq!(made, 0, "it was moved on after the bundle")),
            "201 Created" => (after, _) = (after + 1, assert_eq!(made, 1, "nothing met the condition any more")),
            other => panic!("{other}"),
        }
        let moved = server.rows("contacts", &[("$filter", &format!("msemr_azurefhirid eq '{id}'"))]).await;
        assert_eq!(moved[0]["lastname"], "Moved", "round {round}: a write that was answered is gone");
    }
    assert_eq!(before + after, 6);
}

/// Two that bring a new resource under the same name at once: a POST never writes over what is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_post_at_once_with_another_makes_its_own() {
    let server = Server::setup().start().await;
    for round in 0..3 {
        let name = format!("urn:uuid:0b1e5a52-7f0e-4d7a-9c53-{round:012}");
        let bundle = |family: &str| {
            let mut entries = vec![named(&name, posted(&format!("{family}{round}")))];
            entries.extend((0..60).map(|_| posted("Filling")));
            batch(&entries)
        };
        let (one, two) = (bundle("One"), bundle("Two"));
        let both = tokio::join!(server.ingest(&one, None), server.ingest(&two, None));
        for answer in [both.0, both.1] {
            assert_eq!(statuses(&answer.expect(200))[0], "201 Created");
        }
        for family in ["One", "Two"] {
            let filter = format!("lastname eq '{family}{round}'");
            assert_eq!(server.rows("contacts", &[("$filter", &filter)]).await.len(), 1, "{filter}");
        }
    }
}

/// Links are followed wherever the specification has them, whatever names the entries.
#[tokio::test]
async fn links_lead_to_what_the_entries_became() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let server = Server::setup().data_dir(dir.path()).start().await;
    let names = [
        "https://ehr.example.org/fhir/Patient/p-9",
        "urn:uuid:11111111-2222-4333-8444-55555555AB01",
        "urn:oid:1.2.3.4",
        "resource:0",
    ];
    for name in names {
        let condition = |reference: &str, text: &str| {
            json!({ "resourceType": "Condition", "code": { "text": text }, "subject": { "reference": reference },
                "text": { "status": "generated", "div": format!("<div><a href=\"{reference}\">x</a></div>") } })
        };
        let mut own = patient("Linked");
        own["id"] = json!("p-9");
        let mut entries = vec![
            named(name, entry("POST", "Patient", Some(own))),
            entry("POST", "Condition", Some(condition(name, "absolute"))),
        ];
        if name.starts_with("https") {
            let full_url = "https://ehr.example.org/fhir/Condition/c-9";
            entries.push(named(full_url, entry("POST", "Condition", Some(condition("Patient/p-9", "relative")))));
        }
        let answer = server.ingest(&transaction(&entries), None).await.expect(200);
        let id = id_of(&responses(&answer)[0]);
        let patient = server.rows("contacts", &[("$filter", &format!("msemr_azurefhirid eq '{id}'"))]).await;
        for response in responses(&answer).iter().skip(1) {
            let filter = format!("msemr_azurefhirid eq '{}'", id_of(response));
            let row = server.rows("msemr_conditions", &[("$filter", &filter)]).await;
            assert_eq!(row[0]["_msemr_subjecttypepatient_value"], patient[0]["contactid"], "{name}: {}", row[0]);
        }
    }
    server.stop().await;
}

/// A reference by a search becomes one to what is found, in the store or in the bundle itself; else nothing is stored.
#[tokio::test]
async fn conditional_references_are_looked_up() {
    let server = Server::setup()
        .route("msemr_location", "virtual:nowhere")
        .source("nowhere", "http://127.0.0.1:9")
        .start()
        .await;
    let condition = |reference: &str| {
        entry(
            "POST",
            "Condition",
            Some(
                json!({ "resourceType": "Condition", "code": { "text": "x" }, "subject": { "reference": reference } }),
            ),
        )
    };
    let of = |number: &str| condition(&format!("Patient?identifier=http://x|{number}"));
    let somebody = |number: &str| entry("POST", "Patient", Some(identified(number, number)));
    server.ingest(&batch(&[somebody("1"), somebody("2"), somebody("2")]), None).await.expect(200);
    let cases = [
        (of("nobody"), 412, "finds no Patient"),
        (of("2"), 412, "more than one Patient"),
        (condition("Patient?name=A"), 501, "`name`"),
        (condition("Location?identifier=1"), 412, "not kept here"),
    ];
    for (entry, status, named) in cases {
        let answer = server.ingest(&transaction(&[somebody("9"), entry.clone()]), None).await.expect(status);
        assert!(answer.text.contains(named) && answer.text.contains("entry 1"), "{}", answer.text);
        let answer = server.ingest(&batch(&[of("1"), entry]), None).await.expect(200);
        assert_eq!(statuses(&answer)[0], "201 Created");
        assert!(
            statuses(&answer)[1].starts_with(&status.to_string()) && answer.text.contains(named),
            "{}",
            answer.text
        );
    }
    assert_eq!(server.native_rows("contact").await, 3);
    let answer = server.ingest(&transaction(&[of("3"), somebody("3"), of("1")]), None).await.expect(200);
    assert_eq!(statuses(&answer), ["201 Created"; 3]);
    let expand = ("$expand", "msemr_subjecttypepatient($select=lastname)");
    let rows = server.rows("msemr_conditions", &[expand]).await;
    let mut names: Vec<_> = rows.iter().map(|row| row["msemr_subjecttypepatient"]["lastname"].to_string()).collect();
    names.sort();
    assert_eq!(names, ["\"1\"", "\"1\"", "\"1\"", "\"1\"", "\"1\"", "\"3\""]);
}

/// The public Synthea bundles that refer to their hospitals and practitioners by search go in whole.
#[tokio::test]
async fn synthea_s_conditional_references_lead_to_rows() {
    let Some(folder) = turntable_test_data::shared("synthea-2021") else { return };
    let server = Server::setup().start().await;
    let infrastructure = std::fs::read_dir(folder.join("infrastructure")).expect("a folder can be read");
    // Hospitals, then those who work there.
    let mut infrastructure: Vec<_> = infrastructure.flatten().map(|entry| entry.path()).collect();
    infrastructure.sort();
    for file in infrastructure {
        let zipped = std::fs::read(&file).expect("a file can be read");
        let call = server.call(Method::POST, "/fhir").header("content-encoding", "gzip");
        let answer = call.body("application/fhir+json", zipped).send().await.expect(200);
        let statuses = statuses(&answer);
        let odd = statuses.iter().find(|status| !matches!(status.as_str(), "201 Created" | "501 Not Implemented"));
        assert_eq!(odd, None, "{}", file.display());
    }
    for file in turntable_test_data::json_files(&folder).iter().filter(|file| file.parent() == Some(folder.as_path())) {
        let bundle = std::fs::read_to_string(file).expect("a file can be read");
        let answer = server.ingest(&bundle, None).await.expect(200);
        assert_eq!(responses(&answer).len(), entries_of(&bundle).len(), "{}", file.display());
    }
    let wanted = count(&server, "msemr_encounters").await;
    let options = [
        ("$filter", "_msemr_onbehalfof_value ne null"),
        ("$count", "true"),
        ("$expand", "msemr_onbehalfof($select=name)"),
    ];
    let found = server.get("msemr_encounters", &options).await.expect(200).json();
    assert!(wanted > 0 && found["@odata.count"] == wanted, "{wanted} {}", found["@odata.count"]);
    let hospitals = found["value"].as_array().expect("rows").iter().map(|row| &row["msemr_onbehalfof"]["name"]);
    assert_eq!(hospitals.filter(|name| name.is_string()).count(), found["value"].as_array().map_or(0, Vec::len));
}

/// What the service left as it was, or resolved, is here as it is there.
#[tokio::test]
async fn the_copy_of_what_was_forwarded_is_what_the_service_holds() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    let organization = |body: Value| {
        let mut create = entry("POST", "Organization", Some(body));
        create["request"]["ifNoneExist"] = json!("identifier=http://org|42");
        create
    };
    let identifier = json!([{ "system": "http://org", "value": "42" }]);
    let whole = json!({ "resourceType": "Organization", "identifier": identifier, "name": "Klinik Nord",
        "telecom": [{ "system": "phone", "value": "1" }] });
    let answer = server.ingest(&transaction(&[organization(whole)]), Some("main")).await.expect(200);
    assert_eq!(statuses(&answer), ["201 Created"]);
    let less = json!({ "resourceType": "Organization", "identifier": identifier });
    let referring = entry(
        "POST",
        "Encounter",
        Some(json!({ "resourceType": "Encounter", "status": "planned",
        "class": { "code": "AMB" }, "serviceProvider": { "reference": "Organization?identifier=http://org|42" } })),
    );
    let answer = server.ingest(&transaction(&[organization(less), referring]), Some("main")).await.expect(200);
    assert_eq!(statuses(&answer), ["200 OK", "201 Created"], "{}", answer.text);
    let rows = server.rows("accounts", &[]).await;
    assert_eq!((rows.len(), &rows[0]["name"]), (1, &json!("Klinik Nord")));
    let encounter = server.rows("msemr_encounters", &[]).await;
    assert_eq!(encounter[0]["_msemr_onbehalfof_value"], rows[0]["accountid"], "{}", encounter[0]);
    let blind = entry("DELETE", "Organization?identifier=http://org|42", None);
    server.ingest(&transaction(std::slice::from_ref(&blind)), Some("main")).await.expect(501);
    assert_eq!(statuses(&server.ingest(&batch(&[blind]), Some("main")).await), ["501 Not Implemented"]);
    assert_eq!(fhir.count("Organization").await, 1);
}

/// What a mapping cannot take is refused alone; a transaction fails with it; what a service took already is said to be there.
#[tokio::test]
async fn one_bad_entry_fails_alone() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).limits(|limits| limits.mapping_input_bytes = 100_000).start().await;
    let large = json!({ "resourceType": "Observation", "status": "final", "code": { "text": "x".repeat(200_000) } });
    let number = r#"{"resource":{"resourceType":"Observation","status":"final","code":{"text":"n"},"valueQuantity":{"value":1e999999999}},"request":{"method":"POST","url":"Observation"}}"#;
    let entries = [
        posted("A").to_string(),
        entry("POST", "Observation", Some(large)).to_string(),
        number.to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        posted("B").to_string(),
    ];
    let bundle = |kind: &str, entries: &[String]| {
        format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(","))
    };
    let answer = server.ingest(&bundle("batch", &entries), None).await.expect(200);
    let refused = "422 Unprocessable Entity";
    // A number that no cell can show is data all the same.
    let expected = ["201 Created", "413 Payload Too Large", "201 Created", refused, refused, "201 Created"];
    assert_eq!(statuses(&answer), expected, "{}", answer.text);
    assert!(!answer.text.contains("xxxx"), "what was sent is not repeated");
    for (index, status) in [(1, 413), (3, 400)] {
        let answer = server.ingest(&bundle("transaction", &[entries[0].clone(), entries[index].clone()]), None).await;
        assert_eq!(answer.status, status, "{index}: {}", answer.text);
        assert!(answer.text.contains("entry 1"), "{}", answer.text);
    }
    assert_eq!(server.native_rows("contact").await, 2);
    for kind in ["batch", "transaction"] {
        let answer = server.ingest(&bundle(kind, &entries[..3]), Some("main")).await.expect(200);
        assert_eq!(statuses(&answer), ["201 Created", "202 Accepted", "201 Created"], "{}", answer.text);
        let response = &responses(&answer)[1];
        assert_eq!(response["outcome"]["issue"][0]["severity"], "error");
        assert!(said(response).contains("not stored here"), "{response}");
        assert!(response["location"].as_str().is_some_and(|at| at.starts_with("Observation/")), "{response}");
    }
    assert_eq!((fhir.count("Observation").await, fhir.count("Patient").await), (4, 2));
}

/// What only says what there is, is taken where the client says so; resources line by line say it by themselves.
#[tokio::test]
async fn other_bundles_and_lines_are_taken_for_their_resources() {
    let server = Server::setup().start().await;
    let own = |id: &str, family: &str| json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }] });
    let bundle =
        |kind: &str, entries: Value| json!({ "resourceType": "Bundle", "type": kind, "entry": entries }).to_string();
    let as_batch = async |body: &str| {
        server.call(Method::POST, "/fhir?as=batch").body("application/fhir+json", body.to_owned()).send().await
    };
    for kind in ["collection", "searchset", "document", "message", "batch-response", "transaction-response", "history"]
    {
        let entries = json!([
            { "fullUrl": "http://there.example.org/Patient/s1", "resource": own("s1", kind) },
            { "fullUrl": "http://there.example.org/Condition/c1", "resource": { "resourceType": "Condition", "id": "c1",
              "code": { "text": kind }, "subject": { "reference": "http://there.example.org/Patient/s1" } } },
            { "resource": { "resourceType": "OperationOutcome", "issue": [] }, "search": { "mode": "outcome" } },
        ]);
        let body = bundle(kind, entries);
        let refused = server.ingest(&body, None).await.expect(400);
        assert!(refused.text.contains("as=batch") && refused.text.contains(kind), "{}", refused.text);
        let answer = as_batch(&body).await.expect(200);
        assert!(statuses(&answer).iter().all(|status| status.starts_with('2')), "{}", answer.text);
        let rows = server.rows("msemr_conditions", &[("$expand", "msemr_subjecttypepatient($select=lastname)")]).await;
        assert_eq!((rows.len(), &rows[0]["msemr_subjecttypepatient"]["lastname"]), (1, &json!(kind)), "{kind}");
    }
    // The newest version comes first, and a delete is one.
    let gone = json!({ "request": { "method": "DELETE", "url": "Patient/h2" } });
    let history = bundle(
        "history",
        json!([
            { "resource": own("h1", "new"), "request": { "method": "PUT", "url": "Patient/h1" } },
            gone,
            { "resource": own("h2", "old"), "request": { "method": "PUT", "url": "Patient/h2" } },
            { "resource": own("h1", "old"), "request": { "method": "POST", "url": "Patient" } },
        ]),
    );
    let answer = as_batch(&history).await.expect(200);
    assert_eq!(statuses(&answer), ["201 Created", "204 No Content", "200 OK", "200 OK"], "{}", answer.text);
    assert_eq!(
        server.rows("contacts", &[("$filter", "startswith(msemr_azurefhirid,'h')")]).await[0]["lastname"],
        "new"
    );
}

/// Of several versions of a resource the newest is stored, wherever it stands; and a part of a resource never.
#[tokio::test]
async fn the_newest_version_is_the_one_to_store() {
    let server = Server::setup().start().await;
    let version = |family: &str, number: &str, time: &str| {
        let mut resource = json!({ "resourceType": "Patient", "id": "v", "name": [{ "family": family }], "meta": {} });
        for (name, value) in
            [("versionId", number), ("lastUpdated", time)].into_iter().filter(|said| !said.1.is_empty())
        {
            resource["meta"][name] = json!(value);
        }
        resource
    };
    let [early, late] = ["2024-01-01T01:00:00Z", "2024-01-01T00:30:00-05:00"];
    let cases = [
        [version("new", "1", late), version("old", "2", early)],
        [version("old", "2", early), version("new", "1", late)],
        [version("old", "9", ""), version("new", "10", "")],
        [version("new", "10", early), version("old", "9", early)],
    ];
    let stored = async |kind: &str, body: String| {
        let call = server.call(Method::POST, "/fhir?as=batch").body(kind, body);
        let answer = call.send().await.expect(200);
        let mut all = statuses(&answer);
        all.sort();
        assert_eq!((all[0].as_str(), answer.text.contains("an older version")), ("200 OK", true), "{}", answer.text);
        let row = server.rows("contacts", &[]).await.remove(0);
        server.delete(&format!("contacts({})", row["contactid"].as_str().expect("a key"))).await.expect(204);
        row["lastname"].clone()
    };
    for (at, [first, second]) in cases.iter().enumerate() {
        for kind in ["searchset", "collection", "history"] {
            let entries = json!([{ "resource": first }, { "resource": second }]);
            let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entries }).to_string();
            assert_eq!(stored("application/fhir+json", bundle).await, "new", "{at}: {kind}");
        }
        let lines = format!("{first}\n{second}\n");
        assert_eq!(stored("application/fhir+ndjson", lines).await, "new", "{at}: line by line");
    }
    // A history may say it beside the resource, and of a delete only there.
    let wrote = |resource: &Value, time: &str| {
        json!({ "resource": resource, "response": { "lastModified": time },
        "request": { "method": "PUT", "url": "Patient/v" } })
    };
    let gone = json!({ "request": { "method": "DELETE", "url": "Patient/v" }, "response": { "lastModified": early } });
    let entries =
        json!([wrote(&version("old", "", ""), "2023-01-01T00:00:00Z"), gone, wrote(&version("new", "", ""), late)]);
    let bundle = json!({ "resourceType": "Bundle", "type": "history", "entry": entries }).to_string();
    assert_eq!(stored("application/fhir+json", bundle).await, "new");

    server.ingest(&batch(&[entry("PUT", "Patient/v", Some(version("whole", "", "")))]), None).await.expect(200);
    let mut part = version("part", "3", late);
    part["meta"]["tag"] =
        json!([{ "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED" }]);
    let searchset = json!({ "resourceType": "Bundle", "type": "searchset", "entry": [{ "resource": part }] });
    for (kind, body) in [
        ("application/fhir+json", searchset.to_string()),
        ("application/fhir+json", batch(&[entry("PUT", "Patient/v", Some(part.clone()))])),
        ("application/fhir+ndjson", part.to_string()),
    ] {
        let answer = server.call(Method::POST, "/fhir?as=batch").body(kind, body).send().await.expect(200);
        assert_eq!(statuses(&answer), ["422 Unprocessable Entity"], "{}", answer.text);
        assert!(said(&responses(&answer)[0]).contains("SUBSETTED"), "{}", answer.text);
    }
    assert_eq!(server.rows("contacts", &[]).await[0]["lastname"], "whole");
}

/// Resources line by line, and bodies as clients pack them.
#[tokio::test]
async fn lines_and_packed_bodies_are_taken() {
    let server = Server::setup().start().await;
    let own = |id: &str, family: &str| json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }] });
    let lines =
        format!("\u{feff}{}\n{}\r\n\n{}\n", own("n1", "one"), own("n2", "two"), json!({ "resourceType": "Bundle" }));
    for kind in ["application/fhir+ndjson", "application/octet-stream"] {
        let answer = server.call(Method::POST, "/fhir").body(kind, lines.clone()).send().await.expect(200);
        assert_eq!(statuses(&answer)[2], "422 Unprocessable Entity", "{}", answer.text);
    }
    let one = own("n3", "three").to_string();
    let answer =
        server.call(Method::POST, "/fhir").body("application/fhir+ndjson", one.clone()).send().await.expect(200);
    assert_eq!(statuses(&answer), ["201 Created"]);
    let hint = server.ingest(&one, None).await.expect(400);
    assert!(hint.text.contains("Patient") && hint.text.contains("ndjson"), "{}", hint.text);
    assert_eq!(server.rows("contacts", &[("$filter", "startswith(msemr_azurefhirid,'n')")]).await.len(), 3);
    let marked = format!("\u{feff}{}", batch(&[posted("Marked")]));
    assert_eq!(statuses(&server.ingest(&marked, None).await.expect(200)), ["201 Created"]);

    let zipped = gzip(batch(&[posted("Zipped")]).as_bytes());
    let send = async |encoding: &str, body: &[u8]| {
        let call = server.call(Method::POST, "/fhir").header("content-encoding", encoding);
        call.body("application/fhir+json", body.to_vec()).send().await
    };
    assert_eq!(statuses(&send("gzip", &zipped).await.expect(200)), ["201 Created"]);
    send("gzip", b"no gzip").await.expect(400);
    send("br", &zipped).await.expect(415);
    let xml = server.call(Method::POST, "/fhir").body("application/fhir+xml", "<Bundle/>".to_owned()).send().await;
    assert_eq!((xml.status, xml.error_code()), (415, "UnsupportedMediaType".to_owned()));
    for query in ["as=collection", "as=batch&as=batch", "foward=main"] {
        let answer = server
            .call(Method::POST, &format!("/fhir?{query}"))
            .body("application/fhir+json", marked.clone())
            .send()
            .await;
        assert_eq!((answer.status, answer.error_code()), (400, "BadOption".to_owned()), "{query}: {}", answer.text);
    }
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

/// What only says what there is, keeps its ids in the service too, and its links lead there.
#[tokio::test]
async fn a_collection_is_sent_on_under_its_ids() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    let name = "urn:uuid:61EBE359-bfdc-4613-8bf2-c5e300945f0a";
    let collection = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "fullUrl": name, "resource": patient("Kept") },
        { "resource": { "resourceType": "Condition", "id": "c1", "code": { "text": "x" }, "subject": { "reference": name } } },
    ] });
    for expected in ["201 Created", "200 OK"] {
        let call = server.call(Method::POST, "/fhir?as=batch&forward=main");
        let answer = call.body("application/fhir+json", collection.to_string()).send().await.expect(200);
        assert_eq!(statuses(&answer), [expected; 2], "{}", answer.text);
        let there = fhir.read("Condition", "c1").await;
        assert_eq!(there["subject"]["reference"], "Patient/61ebe359-bfdc-4613-8bf2-c5e300945f0a");
    }
    let row = server.rows("msemr_conditions", &[("$expand", "msemr_subjecttypepatient($select=lastname)")]).await;
    assert_eq!((row.len(), &row[0]["msemr_subjecttypepatient"]["lastname"]), (1, &json!("Kept")));
    assert_eq!(fhir.count("Patient").await, 1);
}

/// Microsoft's own form of the actions: an upsert by the ids that the resources have, and one resource back.
#[tokio::test]
async fn bundle_actions_are_microsoft_s() {
    let server = Server::setup().start().await;
    let id = "b7777777-b777-b777-b777-b77777777777";
    let mut own = patient("Contoso");
    own["id"] = json!(id);
    let entries = [
        entry("POST", "Patient", Some(own.clone())),
        json!({ "resource": { "resourceType": "Condition", "id": "c1", "code": { "text": "x" },
            "subject": { "reference": format!("Patient/{id}") } } }),
    ];
    for version in ["v9.1", "v9.2"] {
        for kind in ["batch", "batch-response"] {
            let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entries }).to_string();
            let body = json!({ "msind_JSON": bundle, "msind_BundleTag": "t" });
            let answer = server.post(&format!("/api/data/{version}/msind_UpsertBundle"), &body).await.expect(200);
            let answer = answer.json();
            let context = answer["@odata.context"].as_str().unwrap_or_default();
            assert!(context.ends_with("$metadata#Microsoft.Dynamics.CRM.msind_UpsertBundleResponse"), "{answer}");
            assert_eq!(answer["msind_Status"], true, "{answer}");
            let first = &answer["msind_Results"][0];
            assert_eq!(
                (&first["msind_fhirresourceid"], &first["msind_fhirresourcetype"]),
                (&json!(id), &json!("Patient"))
            );
            assert_eq!(first["msind_resultingrecordtype"], "contact");
            let key = first["msind_resultingrecordid"].as_str().expect("a key");
            assert_eq!(server.row("contacts", key).await["lastname"], "Contoso");
        }
    }
    assert_eq!((server.native_rows("contact").await, server.native_rows("msemr_condition").await), (1, 1));
    assert_eq!(server.rows("contacts", &[]).await[0]["msemr_azurefhirversion"], "4");

    let mixed = batch(&[entry("POST", "Patient", Some(own)), entry("PATCH", "Patient/x", None)]);
    let answer = server.post("msind_UpsertBundle", &json!({ "msind_JSON": mixed })).await.expect(200).json();
    assert_eq!(answer["msind_Status"], false, "{answer}");
    let statuses = [0, 1].map(|at: usize| answer["msind_Results"][at]["msind_requeststatus"].clone());
    assert_eq!(statuses, [json!(935_000_000), json!(935_000_002)], "{answer}");

    let retrieve = async |query: &str| {
        let answer = server.post("/api/data/v9.1/msind_RetrieveBundle", &json!({ "msind_FHIRQuery": query })).await;
        let answer = answer.expect(200).json();
        (
            answer["msind_Status"] == true,
            serde_json::from_str::<Value>(answer["msind_JSON"].as_str().unwrap_or("null")).expect("JSON"),
        )
    };
    let (found, resource) = retrieve(&format!("Patient/{id}")).await;
    assert!(found && resource["name"][0]["family"] == "Contoso" && resource["id"] == id, "{resource}");
    let (found, resource) = retrieve(&format!("Patient/{id}?_elements=gender")).await;
    assert!(found && resource["name"].is_null() && resource["id"] == id, "{resource}");
    assert_eq!(retrieve("Patient/nobody").await, (false, Value::Null));
    let bad = [
        json!({ "msind_FHIRQuery": "Patient?name=x" }),
        json!({ "msind_FHIRQuery": "Patient/1?_include=x" }),
        json!({ "msind_FHIRQuery": 1 }),
        json!({}),
        json!({ "msind_FHIRQuery": "Patient/1", "other": "x" }),
    ];
    for body in bad {
        server.post("msind_RetrieveBundle", &body).await.expect(400);
    }
    server.post("msind_UpsertBundle", &json!({ "msind_BundleTag": "t" })).await.expect(400);
    let metadata = server.get("$metadata", &[]).await.expect(200).text;
    for name in ["msind_UpsertBundle", "msind_RetrieveBundle"] {
        assert!(metadata.contains(&format!("<Action Name=\"{name}\">")), "{name}");
        assert!(metadata.contains(&format!("<ActionImport Name=\"{name}\"")), "{name}");
    }
}

/// With a condition that does not belong to its method, or is none.
fn with(method: &str, url: &str, member: &str, value: &str) -> Value {
    let mut entry = entry(method, url, Some(json!({ "resourceType": "Patient", "id": "p2" })));
    entry["request"][member] = json!(value);
    entry
}

fn named(full_url: &str, mut entry: Value) -> Value {
    entry["fullUrl"] = json!(full_url);
    entry
}

fn patient(family: &str) -> Value {
    json!({ "resourceType": "Patient", "name": [{ "family": family }] })
}

fn posted(family: &str) -> Value {
    entry("POST", "Patient", Some(patient(family)))
}

fn identified(family: &str, number: &str) -> Value {
    json!({ "resourceType": "Patient", "name": [{ "family": family }],
        "identifier": [{ "system": "http://x", "value": number }] })
}

/// A patient with an extension in an extension, and so on.
fn deep(levels: usize) -> Value {
    let inner = (0..levels).fold(json!({ "url": "x" }), |inner, _| json!({ "url": "x", "extension": [inner] }));
    json!({ "resourceType": "Patient", "id": "p2", "extension": [inner] })
}

fn said(response: &Value) -> String {
    response["outcome"]["issue"][0]["diagnostics"].as_str().unwrap_or_default().to_owned()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zip.write_all(plain).and_then(|()| zip.finish()).expect("memory takes it")
}

fn transaction(entries: &[Value]) -> String {
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }).to_string()
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
