//! Mappings tried: FHIR to rows and back, with what is lost and where each cell came from; rows to FHIR; texts with what is
//! wrong with them. Nothing of it is kept.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Answer, Server, builtin, digest, hostile, with_text};

const PATH: &str = "/admin/v1/mappings/try";

const FLAG: &str = "mapping: flag
version: 0.1.0
tables:
  tt_flag:
    set: tt_flags
    label: Flag
    description: A warning about somebody.
    resource: Flag
    name: tt_warning
    columns:
      tt_flagid:  {key: true, label: Flag}
      tt_warning: {text: code.text, label: Warning, max: 200}
      tt_since:   {date_time: period.start, label: Since}
";

fn allergy() -> Value {
    json!({
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "clinicalStatus": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active",
        }] },
        "criticality": "high",
        "code": { "text": "Hazelnut" },
        "patient": { "reference": "Patient/p1" },
        "extension": [{ "url": "https://example.org/told-by", "valueString": "a neighbour" }],
    })
}

fn flag() -> Value {
    json!({ "resourceType": "Flag", "id": "f1", "status": "active", "code": { "text": "Large dog" } })
}

async fn tried(server: &Server, body: &Value) -> Answer {
    server.post(PATH, body).await
}

/// The JSON that a cell came from.
fn from(tried: &Value, column: &str) -> Value {
    cell(tried, column)["from"].clone()
}

fn cell<'t>(tried: &'t Value, column: &str) -> &'t Value {
    let cells = tried["tables"][0]["rows"][0]["cells"].as_array().expect("cells");
    cells.iter().find(|cell| cell["column"] == column).unwrap_or(&Value::Null)
}

fn changes<'t>(tried: &'t Value, change: &str) -> Vec<&'t str> {
    let all = tried["back"]["differences"].as_array().expect("differences");
    all.iter().filter(|one| one["change"] == change).filter_map(|one| one["path"].as_str()).collect()
}

/// The columns of a table over several types say together which one a row is of.
#[tokio::test]
async fn a_table_of_several_types_makes_the_right_one() {
    let server = Server::setup().start().await;
    for of in ["Patient", "Practitioner"] {
        let resource = json!({
            "resourceType": of, "id": "x1", "name": [{ "use": "official", "family": "Lee", "given": ["Ann"] }],
            "extension": [{ "url": "https://example.org/eyes", "valueString": "brown" }],
        });
        let body = json!({ "digest": digest(builtin("contact")), "resource": resource });
        let found = tried(&server, &body).await.expect(200).json();
        assert_eq!(found["back"]["resource"]["resourceType"], of, "{found}");
        assert_eq!(changes(&found, "lost"), ["/extension/0/url", "/extension/0/valueString"], "{of}");
    }
}

#[tokio::test]
async fn a_resource_goes_there_and_back() {
    let server = Server::setup().start().await;
    let before = server.events(0).await.len();
    let loaded = digest(builtin("allergyintolerance"));
    let found = tried(&server, &json!({ "digest": loaded, "resource": allergy() })).await.expect(200).json();
    assert_eq!(found["mapping"]["name"], "allergyintolerance");
    assert_eq!(found["tables"][0]["table"], "msemr_allergyintolerance");
    assert_eq!((&found["traced"], &found["notes"]), (&json!(true), &json!([])));
    // Each cell leads to the JSON that it was made of.
    assert_eq!(from(&found, "msemr_criticality"), json!(["/criticality"]), "{found:#}");
    assert_eq!(cell(&found, "msemr_criticality")["text"], "high");
    assert!(cell(&found, "msemr_criticality")["label"].is_string());
    assert_eq!(from(&found, "_msemr_patient_value"), json!(["/patient/reference"]), "{found:#}");
    // A new row would not carry the extension.
    let lost = changes(&found, "lost");
    assert!(lost.contains(&"/extension/0/url") && lost.contains(&"/extension/0/valueString"), "{found:#}");
    assert!(!lost.contains(&"/criticality") && !lost.contains(&"/code/text"), "{lost:?}");
    assert_eq!(found["back"]["resource"]["criticality"], "high");
    // Nothing was stored.
    assert_eq!(server.events(0).await.len(), before);
    assert!(server.rows("msemr_allergyintolerances", &[]).await.is_empty());

    let other = json!({ "digest": loaded, "resource": flag() });
    let refused = tried(&server, &other).await.expect(400);
    assert!(refused.text.contains("it shows AllergyIntolerance"), "{}", refused.text);
    let unknown = json!({ "digest": format!("sha256:{}", "0".repeat(64)), "resource": flag() });
    tried(&server, &unknown).await.expect(404);
}

#[tokio::test]
async fn a_row_makes_a_resource_or_changes_one() {
    let server = Server::setup().start().await;
    let loaded = digest(builtin("allergyintolerance"));
    let row = json!({ "table": "msemr_allergyintolerance", "values": { "msemr_criticality": "low" } });
    let changed = json!({ "digest": loaded, "resource": allergy(), "row": row });
    let found = tried(&server, &changed).await.expect(200).json();
    assert_eq!(changes(&found, "changed"), ["/criticality"], "{found:#}");
    assert!(changes(&found, "lost").is_empty(), "what has no column stays: {found:#}");

    // A new row needs more, and which columns is said.
    let refused = tried(&server, &json!({ "digest": loaded, "row": row })).await.expect(200).json();
    assert_eq!(refused["back"]["resource"], Value::Null);
    let columns = refused["back"]["issues"].as_array().expect("issues").iter().map(|issue| &issue["column"]);
    assert!(columns.eq([&json!("msemr_name"), &json!("_msemr_patient_value")]), "{refused:#}");
    let values = json!({
        "msemr_name": "Hazelnut", "_msemr_patient_value": "Patient/p1", "msemr_criticality": "low",
    });
    let row = json!({ "table": "msemr_allergyintolerance", "values": values });
    let made = tried(&server, &json!({ "digest": loaded, "row": row })).await.expect(200).json();
    assert_eq!(made["back"]["resource"]["criticality"], "low", "{made:#}");
    assert_eq!(made["back"]["resource"]["patient"]["reference"], "Patient/p1", "{made:#}");

    let typo = json!({ "table": "msemr_allergyintolerance", "values": { "msemr_criticalty": "low" } });
    let refused = tried(&server, &json!({ "digest": loaded, "row": typo })).await.expect(400);
    assert!(refused.text.contains("did you mean `msemr_criticality`?"), "{}", refused.text);
}

#[tokio::test]
async fn a_component_is_tried_before_it_is_loaded() {
    let server = Server::setup().start().await;
    let version = with_text("allergyintolerance", "Criticality", "CRITICALITY");
    let body = json!({ "component": STANDARD.encode(&version), "resource": allergy() });
    let found = tried(&server, &body).await.expect(200).json();
    assert_eq!(found["mapping"]["digest"], digest(&version));
    server.get(&format!("/admin/v1/mappings/{}", digest(&version)), &[]).await.expect(404);

    let refused = tried(&server, &json!({ "component": STANDARD.encode("hello"), "resource": flag() })).await;
    assert_eq!(refused.expect(422).error_code(), "ComponentRefused");
    let refused = tried(&server, &json!({ "component": "?", "resource": flag() })).await.expect(400);
    assert!(refused.text.contains("base64"), "{}", refused.text);
}

#[tokio::test]
async fn a_text_is_tried_as_it_is_typed() {
    let server = Server::setup().start().await;
    let found = tried(&server, &json!({ "yaml": FLAG, "resource": flag() })).await.expect(200).json();
    assert_eq!(found["notes"], json!([]));
    assert_eq!(cell(&found, "tt_warning")["text"], "Large dog");
    assert_eq!(from(&found, "tt_warning"), json!(["/code/text"]));
    // `status` has no column.
    assert!(changes(&found, "lost").contains(&"/status"), "{found:#}");

    let typo = FLAG.replace("date_time:", "date_tmie:");
    let found = tried(&server, &json!({ "yaml": typo, "resource": flag() })).await.expect(200).json();
    let note = &found["notes"][0];
    assert_eq!((&note["line"], &note["severity"]), (&json!(13), &json!("error")), "{found:#}");
    assert!(note["message"].as_str().is_some_and(|message| message.contains("date_time")), "{note}");
    assert_eq!(found["mapping"], Value::Null);
    let unknown = FLAG.replace("period.start", "period.begin");
    let found = tried(&server, &json!({ "yaml": unknown })).await.expect(200).json();
    assert_eq!(found["notes"][0]["line"], 13, "{found:#}");

    let view = json!({
        "resourceType": "ViewDefinition", "resource": "Flag", "name": "flags", "status": "active",
        "select": [{ "column": [{ "name": "id", "path": "getResourceKey()" }, { "name": "what", "path": "code.text" }] }],
    });
    let found = tried(&server, &json!({ "view": view.to_string(), "resource": flag() })).await.expect(200).json();
    assert!(found["tables"].to_string().contains("Large dog"), "{found:#}");
    assert_eq!(found["back"], Value::Null, "a view only reads");
}

#[tokio::test]
async fn trials_are_bounded_and_say_what_they_want() {
    let server =
        Server::setup().limits(|limits| (limits.try_bytes, limits.drafts_bytes) = (4_000, FLAG.len())).start().await;
    let long = json!({ "yaml": "x".repeat(5_000), "resource": flag() });
    assert_eq!(tried(&server, &long).await.expect(413).error_code(), "BodyTooLarge");
    let large = json!({ "yaml": FLAG, "resource": { "resourceType": "Flag", "id": "x".repeat(5_000) } });
    assert_eq!(tried(&server, &large).await.expect(413).error_code(), "BodyTooLarge");
    tried(&server, &json!({ "yaml": FLAG, "resource": flag() })).await.expect(200);
    tried(&server, &json!({ "yaml": FLAG, "resource": flag() })).await.expect(200);
    let more = tried(&server, &json!({ "yaml": format!("{FLAG}# more\n"), "resource": flag() })).await;
    assert_eq!(more.error_code(), "Busy", "{}", more.text);
    for wrong in [
        json!({ "resource": flag() }),
        json!({ "yaml": FLAG, "view": "{}", "resource": flag() }),
        json!({ "digest": digest(builtin("encounter")) }),
        json!({ "yaml": FLAG, "resource": 7 }),
        json!({ "yaml": FLAG, "surprise": 7 }),
    ] {
        tried(&server, &wrong).await.expect(400);
    }
}

/// One that loops is stopped, and the server goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_misbehaves_is_stopped() {
    let server = Server::setup().limits(|limits| (limits.mapping_ms, limits.try_ms) = (60_000, 200)).start().await;
    let component = STANDARD.encode(hostile("loops"));
    let begun = Instant::now();
    let answer = tried(&server, &json!({ "component": component, "resource": flag() })).await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(answer.status >= 500 && answer.text.contains("limits.try_ms"), "{}", answer.text);
    server.get("msemr_encounters", &[]).await.expect(200);
}

#[tokio::test]
async fn settings_and_figures_are_told() {
    let server = Server::setup().limits(|limits| limits.page_rows = 77).start().await;
    server.get("msemr_encounters", &[]).await.expect(200);
    server.get("msemr_encounters?$filter=nothing", &[]).await.expect(400);
    let traffic = server.get("/admin/v1/traffic", &[]).await.expect(200).json();
    let encounters = &traffic["tables"]["msemr_encounter"];
    assert_eq!((&encounters["requests"], &encounters["errors"]), (&json!(2), &json!(1)), "{traffic:#}");
    assert!(encounters["p95Ms"].as_f64().is_some_and(|ms| ms > 0.0), "{traffic:#}");
    assert_eq!(traffic["tables"]["contact"], Value::Null);

    let settings = server.get("/admin/v1/settings", &[]).await.expect(200).json();
    let limits = settings["limits"].as_array().expect("limits");
    let rows = limits.iter().find(|limit| limit["name"] == "page_rows").expect("a limit");
    assert_eq!(rows["value"], 77);
    assert_ne!(rows["default"], 77);
    assert!(settings["configuration"].as_str().is_some_and(|text| text.contains("listen")), "{settings:#}");
    assert_eq!(server.call(Method::POST, "/admin/v1/settings").json(&json!({})).send().await.status, 405);
}

/// From a row to the resource that it is made of, on both routes, and so to where each cell came from.
#[tokio::test]
async fn a_row_leads_to_its_resource() {
    let fhir = turntable_tests::Fhir::sandbox().await;
    fhir.as_sandbox().load(turntable_tests::EVENTS.as_bytes()).expect("the bundle is whole");
    let server = Server::with(&fhir).virtual_tables(&["msemr_encounter"]).start().await;
    server.ingest(turntable_tests::PEOPLE, None).await.expect(200);
    for (table, set, key, resource_type) in [
        ("contact", "contacts", "contactid", "Patient"),
        ("msemr_encounter", "msemr_encounters", "msemr_encounterid", "Encounter"),
    ] {
        let rows = server.get(&format!("{set}?$select={key}&$top=1"), &[]).await.expect(200).json();
        let row = rows["value"][0][key].as_str().expect("a key").to_owned();
        let origin = server.get(&format!("/admin/v1/origin?table={table}&key={row}"), &[]).await.expect(200).json();
        let of = server.get(&format!("/admin/v1/tables/{table}"), &[]).await.expect(200).json();
        assert_eq!(origin["mapping"]["digest"], of["mapping"]["digest"]);
        let resource = origin["resource"].as_str().expect("a resource");
        assert!(resource.starts_with(&format!("{resource_type}/")), "{origin}");
        let whole =
            server.post("msind_RetrieveBundle", &json!({ "msind_FHIRQuery": resource })).await.expect(200).json();
        let whole: Value = serde_json::from_str(whole["msind_JSON"].as_str().expect("a text")).expect("JSON");
        let tried = json!({ "digest": origin["mapping"]["digest"], "resource": whole });
        let tried = server.post("/admin/v1/mappings/try", &tried).await.expect(200).json();
        let of =
            tried["tables"].as_array().expect("tables").iter().find(|one| one["table"] == table).expect("it is one");
        assert_eq!(of["rows"][0]["key"], origin["rowKey"], "{of}");
    }
    let nobody = "/admin/v1/origin?table=contact&key=00000000-0000-4000-8000-000000000000";
    assert_eq!(server.get(nobody, &[]).await.expect(404).error_code(), "NotFound");
    assert_eq!(server.get("/admin/v1/origin?table=contact&key=x", &[]).await.expect(400).error_code(), "BadKey");
    assert_eq!(server.get("/admin/v1/origin?table=none&key=x", &[]).await.expect(400).error_code(), "BadKey");
}
