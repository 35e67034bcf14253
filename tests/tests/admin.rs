//! The admin API and its description say the same: every call that is described is there, no other is, and no answer is
//! another than described (`turntable_tests` holds every one that a test sees to it).

use reqwest::Method;
use serde_json::json;
use turntable::http::admin::openapi::document;
use turntable_tests::{Server, builtin};

const METHODS: [Method; 5] = [Method::GET, Method::PUT, Method::POST, Method::PATCH, Method::DELETE];

#[tokio::test]
async fn every_call_is_described_and_no_other_is_there() {
    let server = Server::setup().start().await;
    let described = server.get("/admin/v1/openapi.json", &[]).await.expect(200).json();
    assert_eq!(described, document());
    let paths = described["paths"].as_object().expect("paths");
    for (path, methods) in paths {
        let path = path.replace("{table}", "no-such-table").replace("{digest}", "sha256:00");
        for method in METHODS {
            let answer = server.call(method.clone(), &path).send().await;
            let is_described = methods.get(method.as_str().to_ascii_lowercase()).is_some();
            assert_eq!(answer.status != 405, is_described, "{}: {}", answer.call, answer.status);
        }
    }
}

#[tokio::test]
async fn answers_are_as_described() {
    let server = Server::setup().start().await;
    let table = server.get("/admin/v1/tables/msemr_encounter", &[]).await.expect(200).json();
    let members: Vec<_> = table.as_object().expect("a table").keys().map(String::as_str).collect();
    assert_eq!(
        members,
        [
            "name",
            "entitySet",
            "label",
            "resource",
            "parent",
            "route",
            "source",
            "mapping",
            "nativeRows",
            "counters",
            "columns"
        ]
    );
    server.get("/admin/v1/tables", &[]).await.expect(200);
    server.get("/admin/v1/mappings", &[]).await.expect(200);
    let digest = table["mapping"]["digest"].as_str().expect("a digest");
    server.get(&format!("/admin/v1/mappings/{digest}"), &[]).await.expect(200);
    server.load(builtin("encounter")).await.expect(200);
    let dry = json!({ "provider": "virtual", "dry_run": true });
    server.put("/admin/v1/tables/msemr_encounter/route", &dry).await.expect(400);
    let dry = json!({ "provider": "native", "dry_run": true });
    server.put("/admin/v1/tables/msemr_encounter/route", &dry).await.expect(200);
    server.get("/admin/v1/events", &[("limit", "3")]).await.expect(200);
}
