//! The last requests, step by step, in the server itself: what an id of an error message leads to, how long it is kept, and that nothing
//! of a patient's is in it.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Answer, Fhir, PATIENT, PEOPLE, Server};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn items(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

async fn list(server: &Server, options: &str) -> Vec<Value> {
    items(&server.get(&format!("/admin/v1/traces{options}"), &[]).await.expect(200).json()["traces"])
}

/// With its steps.
async fn one(server: &Server, answer: &Answer) -> Value {
    server.get(&format!("/admin/v1/traces/{}", answer.header("request-id")), &[]).await.expect(200).json()
}

fn step(whole: &Value, name: &str) -> Value {
    let found = items(&whole["spans"]).into_iter().find(|span| span["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {whole:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_leads_to_its_steps() {
    let fhir = Fhir::sandbox().await;
    fhir.as_sandbox().load(PEOPLE.as_bytes()).expect("a bundle");
    let server = Server::with(&fhir).route("contact", "virtual").start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    // Whatever its sender wants of collectors.
    let call = server.call(Method::GET, "contacts?$filter=lastname%20ne%20'Quibble'");
    let answer = call.header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-00")).send().await.expect(200);
    let whole = one(&server, &answer).await;
    assert_eq!(whole["request"], answer.header("request-id"));
    assert_eq!(
        (&whole["method"], &whole["route"], &whole["table"], &whole["status"], &whole["parent"]),
        (&json!("GET"), &json!("/api/data/v9.2/contacts"), &json!("contact"), &json!(200), &json!("00f067aa0ba902b7"))
    );
    let (scan, search) = (step(&whole, "scan contact"), step(&whole, "search Patient"));
    let mapping = items(&whole["spans"]).into_iter();
    let mapping = mapping.filter(|span| span["name"] == "mapping contact").find(|span| span["parent"] == scan["id"]);
    let mapping = mapping.unwrap_or_else(|| panic!("{whole:#}"));
    assert!(whole["request"].as_str().is_some_and(|id| id.ends_with(scan["parent"].as_str().expect("a parent"))));
    assert_eq!((&search["parent"], &search["kind"]), (&scan["id"], &json!("client")));
    assert_eq!(search["attributes"]["turntable.source"], "main");
    let ms = |value: &Value, name: &str| value[name].as_f64().expect("a number");
    assert!(ms(&mapping, "startMs") >= ms(&search, "startMs") && ms(&scan, "ms") <= ms(&whole, "ms"), "{whole:#}");
    assert_eq!(whole["steps"], items(&whole["spans"]).len());
    // The trace alone leads there, too, and so does the audit trail, and back.
    let by_trace = server.get(&format!("/admin/v1/traces/{TRACE}"), &[]).await.expect(200).json();
    assert_eq!(by_trace["request"], whole["request"]);
    let audited = server.get(&format!("/admin/v1/audit?request={}", answer.header("request-id")), &[]).await;
    assert_eq!(items(&audited.expect(200).json()["events"])[0]["action"], "rows.read");
    // What is in the store is read there.
    let native = server.get("accounts", &[]).await.expect(200);
    let native = one(&server, &native).await;
    assert_eq!(step(&native, "store reads account")["parent"], step(&native, "scan account")["id"]);
    // A refusal has its code.
    let refused = server.get("contacts?$filter=nonsense", &[]).await.expect(400);
    let code = refused.error_code();
    assert_eq!(one(&server, &refused).await["code"], code);
    server.get(&format!("contacts({PATIENT})/Quibble"), &[]).await;
    server.call(Method::from_bytes(b"QUIBBLE").expect("a method"), "contacts").send().await;
    // Nothing that was asked, and nothing that was found.
    let mut all = serde_json::to_string(&list(&server, "").await).expect("JSON");
    for trace in list(&server, "").await {
        let path = format!("/admin/v1/traces/{}", trace["request"].as_str().expect("an id"));
        all += &server.get(&path, &[]).await.expect(200).text;
    }
    let bundle: Value = serde_json::from_str(PEOPLE).expect("JSON");
    let patients = items(&bundle["entry"]).into_iter().map(|entry| entry["resource"].clone());
    for patient in patients.filter(|resource| resource["resourceType"] == "Patient") {
        for value in [&patient["id"], &patient["name"][0]["family"], &patient["birthDate"]] {
            assert!(value.as_str().is_none_or(|value| !all.contains(value)), "{value}");
        }
    }
    assert!(!all.to_lowercase().contains("quibble") && !all.contains("filter"), "{all}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_chosen_and_those_that_went_wrong_are_kept_longer() {
    let server = Server::setup().limits(|limits| (limits.traces, limits.trace_steps) = (8, 1)).start().await;
    server.get("contacts?$filter=nonsense", &[]).await.expect(400);
    server.ingest(PEOPLE, None).await.expect(200);
    for _ in 0..20 {
        server.get("contacts", &[]).await.expect(200);
    }
    let all = list(&server, "").await;
    assert_eq!(all.len(), 5, "{all:#?}");
    let numbers = |found: &[Value]| found.iter().map(|one| one["status"].clone()).collect::<Vec<_>>();
    assert_eq!(numbers(&list(&server, "?status=4xx").await), [400]);
    assert_eq!(numbers(&list(&server, "?status=404,4xx").await), [400]);
    assert_eq!(numbers(&list(&server, "?status=200&table=contact").await), [200, 200, 200, 200]);
    assert!(list(&server, "?table=account").await.is_empty() && list(&server, "?slower=60000").await.is_empty());
    // Page by page.
    let (mut path, mut seen) = (Some("/admin/v1/traces?limit=2&table=contact".to_owned()), Vec::new());
    while let Some(next) = path {
        let page = server.get(&next, &[]).await.expect(200).json();
        seen.extend(items(&page["traces"]).into_iter().map(|one| one["request"].clone()));
        path = page["@next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, all.iter().map(|one| one["request"].clone()).collect::<Vec<_>>());
    for bad in ["?status=many", "?slower=-1", "?before=x"] {
        server.get(&format!("/admin/v1/traces{bad}"), &[]).await.expect(400);
    }
    let gone = server.get(&format!("/admin/v1/traces/{TRACE}"), &[]).await.expect(404);
    assert!(gone.text.contains("/admin/v1/audit"), "{}", gone.text);
    server.stop().await;

    let off = Server::setup().limits(|limits| limits.traces = 0).start().await;
    let answer = off.get("contacts", &[]).await.expect(200);
    for path in ["/admin/v1/traces".to_owned(), format!("/admin/v1/traces/{}", answer.header("request-id"))] {
        let refused = off.get(&path, &[]).await;
        assert_eq!(refused.error_code(), "NotSupported", "{}", refused.text);
    }
    off.stop().await;
}

/// Who waits for a turn, and who waits no more.
#[tokio::test(flavor = "multi_thread")]
async fn what_waited_and_what_was_given_up_is_told() {
    let fhir = Fhir::sandbox().await;
    fhir.as_sandbox().load(PEOPLE.as_bytes()).expect("a bundle");
    let setup = Server::with(&fhir).route("contact", "virtual");
    let server = setup.limits(|limits| (limits.upstream_concurrency, limits.trace_steps) = (1, 50)).start().await;
    server.get("contacts", &[]).await.expect(200);
    fhir.as_sandbox().set_faults("latency=400ms".parse().expect("faults"));
    let (one_, other) = tokio::join!(server.get("contacts", &[]), server.get("contacts", &[]));
    let (one_, other) = (one(&server, &one_.expect(200)).await, one(&server, &other.expect(200)).await);
    let waited = |whole: &Value| whole["waitedMs"].as_f64().expect("a number");
    let later = if waited(&one_) > waited(&other) { one_ } else { other };
    assert!(waited(&later) >= 200.0, "{later:#}");
    let wait = step(&later, "wait");
    assert_eq!(
        (&wait["attributes"]["turntable.turns"], &wait["attributes"]["turntable.of"]),
        (&json!("FHIR service"), &json!("Patient"))
    );
    fhir.as_sandbox().set_faults("latency=3s".parse().expect("faults"));
    let impatient = reqwest::Client::builder().timeout(Duration::from_millis(300)).build().expect("a client");
    impatient.get(format!("{}/contacts", server.api())).send().await.expect_err("it does not wait so long");
    let begun = Instant::now();
    let given_up = loop {
        let found = list(&server, "?table=contact").await.into_iter().find(|one| one["code"] == "Abandoned");
        if let Some(found) = found {
            break found;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it is kept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(given_up["status"], Value::Null);
    server.stop().await;
}
