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

#[tokio::test]
async fn events_come_newest_first_with_a_link_to_the_older_ones() {
    let server = Server::setup().start().await;
    let all: Vec<u64> = server.events(0).await.iter().filter_map(|event| event["id"].as_u64()).rev().collect();
    assert!(all.len() > 50 && all.is_sorted_by(|newer, older| newer > older), "{all:?}");
    let (mut found, mut next) = (Vec::new(), Some(format!("/admin/v1/events?limit=20&after={}", all[45])));
    while let Some(path) = next {
        let page = server.get(&path, &[]).await.expect(200).json();
        let events = page["events"].as_array().expect("events");
        assert!(!events.is_empty() && events.len() <= 20, "{page}");
        found.extend(events.iter().filter_map(|event| event["id"].as_u64()));
        next = page["@next"].as_str().map(str::to_owned);
    }
    assert_eq!(found, all[..45]);
    let decided = server.get("/admin/v1/audit", &[("only", "decisions"), ("limit", "1000")]).await.expect(200).json();
    assert_eq!(decided["events"].as_array().map(Vec::len), Some(all.len()), "the same of all entries");
}

#[tokio::test]
async fn events_are_chosen_by_table_and_by_caller() {
    let server = Server::setup().source("main", "http://127.0.0.1:9/fhir").start().await;
    for (table, route) in [("msemr_encounter", "virtual"), ("account", "virtual"), ("msemr_encounter", "native")] {
        server.turn(table, route).await.expect(200);
    }
    let of = async |options: &[(&str, &str)]| {
        let page = server.get("/admin/v1/audit", options).await.expect(200).json();
        let about = |event: &serde_json::Value| (event["table"].clone(), event["actor"].clone());
        (page["events"].as_array().expect("events").iter().map(about).collect::<Vec<_>>(), page["@next"].clone())
    };
    let (all, _) = of(&[("table", "account")]).await;
    assert!(!all.is_empty() && all.iter().all(|(table, _)| table == "account"), "{all:?}");
    let actor = all[0].1.as_str().expect("an actor").to_owned();
    let (its, next) = of(&[("table", "msemr_encounter"), ("caller", &actor), ("limit", "1")]).await;
    assert_eq!(its, [(json!("msemr_encounter"), json!(actor))]);
    let next = server.get(next.as_str().expect("there are older ones"), &[]).await.expect(200).json();
    assert_eq!((&next["events"][0]["table"], &next["events"][0]["actor"]), (&json!("msemr_encounter"), &json!(actor)));
    assert_eq!(of(&[("caller", "nobody & none")]).await.0, []);
}

#[tokio::test]
async fn a_bad_query_string_is_an_error_like_others() {
    let server = Server::setup().start().await;
    for (method, path) in [
        (Method::GET, "/admin/v1/events?limit=many"),
        (Method::GET, "/admin/v1/events?after=-1"),
        (Method::POST, "/admin/v1/mappings?laws_ms=x"),
    ] {
        let answer = server.call(method, path).send().await;
        assert_eq!((answer.status, answer.error_code()), (400, "BadOption".to_owned()), "{path}: {}", answer.text);
    }
}
