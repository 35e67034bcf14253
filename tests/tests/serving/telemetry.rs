//! Traces and figures as a collector has them: a request with its plan, the calls of mappings and services in it, under the trace of
//! its sender; nothing of a patient's; and no request that waits where the collector does not answer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use turntable::fhir::transport::BaseUrl;
use turntable::otlp::Settings;
use turntable_tests::{Fhir, PEOPLE, Server, Setup};

/// Takes all that comes, and says so with this status.
struct Collector {
    url: String,
    taken: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Collector {
    async fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let taken = Arc::<Mutex<Vec<_>>>::default();
        let kept = taken.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let kept = kept.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    let length = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
                    let mut body = vec![0; length];
                    if stream.read_exact(&mut body).await.is_err() {
                        return;
                    }
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    kept.lock().expect("nobody panics").push((path, serde_json::from_slice(&body).expect("JSON")));
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { url, taken }
    }

    fn told(&self, path: &str) -> Vec<Value> {
        let taken = self.taken.lock().expect("nobody panics");
        taken.iter().filter(|(at, _)| at == path).map(|(_, body)| body.clone()).collect()
    }

    fn spans(&self) -> Vec<Value> {
        let bodies = self.told("/v1/traces");
        bodies.iter().flat_map(|body| items(&body["resourceSpans"][0]["scopeSpans"][0]["spans"])).collect()
    }

    /// All that it has been told, once there is a step of this name.
    async fn until(&self, name: &str) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let spans = self.spans();
            if spans.iter().any(|span| span["name"] == name) {
                return spans;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "no {name} in {spans:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn items(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn telling(setup: Setup, url: &str) -> Setup {
    let otlp = BaseUrl::parse(url).expect("a URL");
    let settings = Settings { otlp, service: "of a test".to_owned(), interval: Duration::from_millis(300) };
    setup.configure(|config| config.telemetry = Some(settings))
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_has_all_steps_of_a_request() {
    let (collector, fhir) = (Collector::start("200 OK").await, Fhir::sandbox().await);
    fhir.as_sandbox().load(PEOPLE.as_bytes()).expect("a bundle");
    let server = telling(Server::with(&fhir), &collector.url).route("contact", "virtual").start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let path =
        "contacts?$filter=startswith(lastname,'Quibble')%20or%20lastname%20ne%20null&$expand=parentcustomerid_account";
    let call = server.call(Method::GET, path).header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let answer = call.send().await.expect(200);
    assert!(answer.header("request-id").starts_with(TRACE), "{}", answer.header("request-id"));
    let spans = collector.until("GET /api/data/v9.2/contacts").await;
    let own: Vec<_> = spans.iter().filter(|span| span["traceId"] == TRACE).collect();
    let named =
        |name: &str| *own.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("{name} in {own:#?}"));
    let root = named("GET /api/data/v9.2/contacts");
    assert_eq!((&root["parentSpanId"], &root["kind"]), (&json!("00f067aa0ba902b7"), &json!(2)));
    assert!(answer.header("request-id").ends_with(root["spanId"].as_str().expect("an id")));
    let attribute = |span: &Value, name: &str| {
        let found = items(&span["attributes"]).into_iter().find(|one| one["key"] == name);
        found.map(|one| one["value"].clone()).unwrap_or_default()
    };
    assert_eq!(attribute(root, "http.response.status_code")["intValue"], "200");
    let (scan, search) = (named("scan contact"), named("search Patient"));
    assert_eq!((&scan["parentSpanId"], &search["kind"]), (&root["spanId"], &json!(3)));
    assert_eq!(attribute(scan, "turntable.route")["stringValue"], "virtual");
    assert!(attribute(scan, "turntable.rows")["intValue"].as_str().is_some_and(|rows| rows != "0"));
    assert_eq!(attribute(search, "turntable.source")["stringValue"], "main");
    named("expand contact");
    // A call of a mapping is in the step that made it, wherever that was done.
    let inside = |span: &Value, outer: &Value| {
        let mut at = span.clone();
        while at["spanId"] != outer["spanId"] {
            match own.iter().find(|one| one["spanId"] == at["parentSpanId"]) {
                Some(one) => at = (*one).clone(),
                None => return false,
            }
        }
        true
    };
    let made = own.iter().any(|span| span["name"] == "mapping contact" && inside(span, scan));
    assert!(made && inside(search, scan), "{own:#?}");
    // The service has the same trace, and the step that asked it.
    let sent = fhir.as_sandbox().requests();
    let parents: BTreeSet<_> = sent.iter().filter_map(|request| request.header("traceparent")).collect();
    let expected = format!("00-{TRACE}-{}-01", search["spanId"].as_str().expect("an id"));
    assert!(parents.contains(expected.as_str()), "{expected} in {parents:?}");
    // Figures, too.
    let begun = Instant::now();
    let metrics = loop {
        if let Some(metrics) = collector.told("/v1/metrics").pop() {
            break metrics;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "no figures");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let metrics = items(&metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]);
    let requests = metrics.iter().find(|metric| metric["name"] == "turntable_requests_total").expect("requests");
    assert_eq!(requests["sum"]["isMonotonic"], true);
    server.call(Method::GET, "contacts(Quibble)?$filter=Quibble").send().await;
    server.stop().await;
    // Nothing that was asked, and nothing that was found.
    let all =
        collector.taken.lock().expect("nobody panics").iter().map(|(_, body)| body.to_string()).collect::<String>();
    let values: Vec<String> = serde_json::from_str::<Value>(PEOPLE)
        .map(|bundle| {
            let people = items(&bundle["entry"]).into_iter().map(|entry| entry["resource"].clone());
            let people = people.filter(|resource| resource["resourceType"] == "Patient");
            people
                .flat_map(|one| [one["id"].clone(), one["name"][0]["family"].clone(), one["birthDate"].clone()])
                .collect::<Vec<_>>()
        })
        .expect("JSON")
        .into_iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect();
    assert!(values.len() > 2, "{values:?}");
    for value in values.iter().map(String::as_str).chain(["Quibble", "startswith"]) {
        assert!(!all.contains(value), "{value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_want_it_is_not_recorded() {
    let collector = Collector::start("200 OK").await;
    let server = telling(Server::setup(), &collector.url).start().await;
    let call = server.call(Method::GET, "contacts").header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-00"));
    call.send().await.expect(200);
    server.get("accounts", &[]).await.expect(200);
    let spans = collector.until("GET /api/data/v9.2/accounts").await;
    assert!(spans.iter().all(|span| span["traceId"] != TRACE), "{spans:#?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_takes_nothing_holds_nobody_up() {
    let collector = Collector::start("400 Bad Request").await;
    let setup = telling(Server::setup(), &collector.url).limits(|limits| limits.telemetry_queue = 4);
    let server = setup.start().await;
    let begun = Instant::now();
    for _ in 0..20 {
        server.get("contacts", &[]).await.expect(200);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let begun = Instant::now();
    while server.metric("turntable_telemetry_spans_dropped_total").await < 10 {
        assert!(begun.elapsed() < Duration::from_secs(10), "they are counted");
    }
    server.stop().await;
}
