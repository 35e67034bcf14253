//! Mappings in YAML, loaded as they are written: a component is made of them here, and goes through the gate as any other.

use reqwest::Method;
use serde_json::json;
use turntable_tests::{Answer, Server};

const FLAG: &str = "\
mapping: flag
version: 0.1.0
tables:
  tt_flag:
    set: tt_flags
    label: Flag
    description: A warning.
    resource: Flag
    name: tt_warning
    columns:
      tt_flagid: {key: true, label: Flag}
      tt_warning: {text: code.text, label: Warning, max: 200}
      tt_subject: {lookup: subject, to: {contacts: Patient}, label: Subject}
";

async fn load(server: &Server, body: impl Into<reqwest::Body>) -> Answer {
    server.call(Method::POST, "/admin/v1/mappings?laws_ms=0").body("application/yaml", body).send().await
}

#[tokio::test]
async fn a_text_is_let_in_and_put_in_force() {
    let server = Server::setup().start().await;
    let loaded = load(&server, FLAG).await.expect(201).json();
    assert_eq!((&loaded["name"], &loaded["tables"]), (&json!("flag"), &json!(["tt_flag"])));
    let again = load(&server, FLAG).await.expect(200).json();
    assert_eq!(again["digest"], loaded["digest"], "the same text is the same component");
    let call = server.call(Method::POST, "/admin/v1/tables/tt_flag/mapping");
    call.body("application/json", json!({ "digest": loaded["digest"] }).to_string()).send().await.expect(200);
    let flag = json!({
        "resourceType": "Flag", "id": "dog", "status": "active", "code": { "text": "Large dog" },
        "subject": { "reference": "Patient/p" },
    });
    let entry = json!({ "request": { "method": "PUT", "url": "Flag/dog" }, "resource": flag });
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] });
    server.ingest(&bundle.to_string(), None).await.expect(200);
    let rows = server.get("tt_flags?$select=tt_warning", &[]).await.expect(200).json();
    assert_eq!(rows["value"][0]["tt_warning"], "Large dog");
}

#[tokio::test]
async fn what_is_wrong_with_it_is_said_with_its_place() {
    let server = Server::setup().limits(|limits| limits.drafts_bytes = 4 * FLAG.len()).start().await;
    let refused = load(&server, FLAG.replace("text: code.text", "txet: code.text")).await.expect(422);
    assert_eq!(refused.error_code(), "ComponentRefused");
    let detail = &refused.json()["error"]["details"][0];
    let target = detail["target"].as_str().unwrap_or_default();
    assert!(target.starts_with("line 12, column "), "{detail}");
    // What the gate finds is said as of any component.
    let refused = load(&server, FLAG.replace("set: tt_flags", "set: contacts")).await.expect(422);
    assert_eq!(refused.json()["error"]["details"][0]["code"], "tables", "{}", refused.text);
    assert_eq!(load(&server, vec![0xff, 0xfe, b'a']).await.expect(422).error_code(), "ComponentRefused");
    assert_eq!(load(&server, "").await.expect(422).error_code(), "ComponentRefused");
    load(&server, FLAG).await.expect(201);
    // What is read of a text is there until the process ends.
    assert_eq!(load(&server, FLAG.repeat(3)).await.expect(503).error_code(), "Busy");
    let other = server.call(Method::POST, "/admin/v1/mappings").body("text/yaml", FLAG).send().await.expect(415);
    assert_eq!(other.error_code(), "UnsupportedMediaType");
}
