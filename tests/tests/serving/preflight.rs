//! The dry run of a turn: what stands against it, before anything changes.

use serde_json::{Value, json};
use turntable_tests::{Fhir, Server};

const ROUTE: &str = "/admin/v1/tables/msemr_encounter/route";

fn encounter(id: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id, "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" },
    })
}

async fn dry(server: &Server, to: &str) -> Value {
    let body = json!({ "provider": to, "source": "main", "dry_run": true });
    server.put(ROUTE, &body).await.expect(200).json()
}

#[tokio::test]
async fn a_turn_to_a_service_is_tried_there_first() {
    let fhir = Fhir::sandbox().await;
    fhir.put(&encounter("e1")).await;
    fhir.put(&encounter("e2")).await;
    let server = Server::with(&fhir).start().await;
    let found = dry(&server, "virtual").await;
    let flight = &found["preflight"];
    assert_eq!(flight["clear"], true, "{found:#}");
    assert_eq!((&flight["service"]["name"], &flight["service"]["reachable"]), (&json!("main"), &json!(true)));
    assert_eq!(flight["mapping"]["loaded"], true);
    assert_eq!((&flight["sample"]["lookedAt"], &flight["sample"]["converted"]), (&json!(2), &json!(2)));
    assert_eq!(flight["resources"], 2);
    assert!(found["changes"].as_array().is_some_and(|changes| changes.len() > 1), "children turn with it: {found:#}");
    assert_eq!(server.table("msemr_encounter").await["route"], "native", "nothing was turned");
    // A turn that is done looks for nothing.
    let turned = server.turn("msemr_encounter", "virtual").await.expect(200).json();
    assert_eq!(turned["preflight"], Value::Null);
}

#[tokio::test]
async fn resources_that_give_no_rows_are_counted_by_code_alone() {
    let fhir = Fhir::sandbox().await;
    let mut odd = encounter("e2");
    odd["status"] = json!({ "secret": "Rossi" });
    fhir.put(&encounter("e1")).await;
    fhir.put(&odd).await;
    let server = Server::with(&fhir).start().await;
    let found = dry(&server, "virtual").await;
    assert_eq!(found["preflight"]["sample"]["lookedAt"], 2, "{found:#}");
    assert!(!found.to_string().contains("Rossi"), "{found:#}");
}

#[tokio::test]
async fn a_service_that_is_down_stands_against_it() {
    let server = Server::setup().source("main", "http://127.0.0.1:1/").start().await;
    let found = dry(&server, "virtual").await;
    let flight = &found["preflight"];
    assert_eq!((&flight["clear"], &flight["service"]["reachable"]), (&json!(false), &json!(false)), "{found:#}");
    assert!(flight["service"]["code"].as_str().is_some_and(|code| code.starts_with("Upstream")), "{found:#}");
    assert_eq!(flight["sample"]["lookedAt"], 0);
}

#[tokio::test]
async fn who_looks_waits_no_longer_than_the_limit() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).limits(|limits| limits.preflight_ms = 0).start().await;
    let found = dry(&server, "virtual").await;
    assert_eq!(found["preflight"]["service"]["reachable"], false, "{found:#}");
}

#[tokio::test]
async fn a_turn_to_the_native_store_looks_at_what_is_there() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    let bundle = json!({
        "resourceType": "Bundle", "type": "batch",
        "entry": [{ "resource": encounter("e1"), "request": { "method": "PUT", "url": "Encounter/e1" } }],
    });
    server.ingest(&bundle.to_string(), None).await.expect(200);
    server.turn("msemr_encounter", "virtual").await.expect(200);
    let found = dry(&server, "native").await;
    let flight = &found["preflight"];
    assert_eq!((&flight["clear"], &flight["service"]), (&json!(true), &Value::Null), "{found:#}");
    assert_eq!((&flight["sample"]["converted"], &flight["resources"]), (&json!(1), &json!(1)), "{found:#}");
}
