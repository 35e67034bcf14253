use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use turntable_fhir_sandbox::Sandbox;

use crate::client::{Answer, get, ids, link, load, send};

fn five_patients() -> Sandbox {
    let sandbox = Sandbox::new();
    for (id, family) in [("a", "E"), ("b", "D"), ("c", "C"), ("d", "B"), ("e", "A")] {
        let patient = format!(
            r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{family}"}}],"managingOrganization":{{"reference":"Organization/o"}}}}"#
        );
        load(&sandbox, &[&patient]);
    }
    load(&sandbox, &[r#"{"resourceType":"Observation","id":"o","valueQuantity":{"value":70.2}}"#]);
    sandbox
}

async fn under(faults: &str, request: &str, body: &str) -> Answer {
    let sandbox = five_patients();
    sandbox.set_faults(faults.parse().unwrap());
    assert_eq!(sandbox.faults().to_string(), faults);
    send(&sandbox, request, &[], body).await
}

#[tokio::test]
async fn searches_go_wrong_as_told() {
    let search = |faults: &'static str, path: &'static str| async move {
        under(faults, &format!("GET {path}"), "").await.json()
    };
    let bundle = search("ignore-params", "/Patient?family=A&_count=9").await;
    assert_eq!(
        (ids(&bundle, "match").len(), link(&bundle, "self").unwrap().as_str()),
        (5, "http://here/fhir/Patient?_count=9")
    );
    let bundle = search("ignore-params=claimed", "/Patient?family=A").await;
    assert_eq!(
        (ids(&bundle, "match").len(), link(&bundle, "self").unwrap().as_str()),
        (5, "http://here/fhir/Patient?family=A")
    );
    let chained = "/Patient?organization:Organization._id=none";
    for (faults, found, says) in [("", 0, true), ("ignore-chains", 5, false), ("lost-chains", 0, true)] {
        let bundle = search(faults, chained).await;
        let itself = link(&bundle, "self").unwrap();
        assert_eq!((ids(&bundle, "match").len(), itself.contains("organization")), (found, says), "{faults}");
    }
    assert_eq!(under("refuse-chains", &format!("GET {chained}"), "").await.status, 400);
    for (faults, named, organized) in
        [("", true, false), ("ignore-elements", true, true), ("greedy-elements", false, false)]
    {
        let bundle = search(faults, "/Patient?_id=a&_elements=id,name").await;
        let resource = &bundle["entry"][0]["resource"];
        let has = |member: &str| resource.get(member).is_some();
        assert_eq!((has("name"), has("managingOrganization")), (named, organized), "{faults}");
    }
    let bundle = search("ignore-sort", "/Patient?_sort=family").await;
    assert_eq!(ids(&bundle, "match"), ["a", "b", "c", "d", "e"]);
    assert!(link(&bundle, "self").unwrap().contains("_sort=family"));
    assert_eq!(search("wrong-total", "/Patient").await["total"], 6);
    let bundle = search("foreign-next", "/Patient?_count=2").await;
    assert!(link(&bundle, "next").unwrap().starts_with("http://foreign.example/fhir/Patient?_page="));
    assert_eq!(search("coarse-numbers", "/Observation?value-quantity=gt70").await["total"], 0);
    assert_eq!(search("", "/Observation?value-quantity=gt70").await["total"], 1);
    let bundle = search("absolute-references", "/Patient?_id=a").await;
    assert_eq!(bundle["entry"][0]["resource"]["managingOrganization"]["reference"], "http://here/fhir/Organization/o");
    let bundle = search("drop-version", "/Patient?_id=a").await;
    assert_eq!(bundle["entry"][0]["resource"]["meta"].get("versionId"), None);
}

#[tokio::test]
async fn orders_go_wrong_as_told() {
    let sandbox = Sandbox::new();
    for (id, born) in ["2001", "", "2000", "2002", "", "", "", ""].iter().enumerate() {
        let born = if born.is_empty() { String::new() } else { format!(r#","birthDate":"{born}""#) };
        load(&sandbox, &[&format!(r#"{{"resourceType":"Patient","id":"{id}"{born}}}"#)]);
    }
    let sorted = async |faults: &str| {
        sandbox.set_faults(faults.parse().unwrap());
        let first = send(&sandbox, "GET /Patient?_sort=birthdate&_count=2", &[], "").await.json();
        let next = link(&first, "next").unwrap();
        let next = next.strip_prefix("http://here/fhir").unwrap();
        let second = send(&sandbox, &format!("GET {next}"), &[], "").await.json();
        [ids(&first, "match").join(" "), ids(&second, "match").join(" ")]
    };
    assert_eq!(sorted("").await, ["2 0", "3 1"]);
    assert_eq!(sorted("nulls-first").await, ["1 4", "5 6"]);
    assert_eq!(sorted("sort-turns").await, ["2 0", "7 6"]);
    sandbox.set_faults("tiny-pages".parse().unwrap());
    let page = send(&sandbox, "GET /Patient?_count=8", &[], "").await.json();
    assert_eq!(ids(&page, "match").len(), 7);
}

#[tokio::test]
async fn pages_repeat_rows_as_told() {
    let sandbox = five_patients();
    sandbox.set_faults("duplicate-pages".parse().unwrap());
    let first = get(&sandbox, "/Patient?_count=2").await.json();
    let next = link(&first, "next").unwrap().replace("http://here/fhir", "");
    assert_eq!(ids(&first, "match"), ["a", "b"]);
    assert_eq!(ids(&get(&sandbox, &next).await.json(), "match"), ["b", "c", "d"]);
}

#[tokio::test]
async fn answers_go_wrong_as_told() {
    let busy = under("status=429", "GET /Patient/a", "").await;
    assert_eq!((busy.status, busy.header("retry-after"), busy.issue().as_str()), (429, "1", "transient"));
    assert_eq!(under("status=503", "GET /metadata", "").await.header("retry-after"), "1");
    assert_eq!(under("status=500", "GET /Patient", "").await.status, 500);
    let html = under("html", "GET /Patient/a", "").await;
    assert_eq!((html.status, html.header("content-type")), (200, "text/html"));
    let malformed = under("malformed", "GET /Patient/a", "").await;
    assert_eq!(malformed.status, 200);
    assert!(serde_json::from_str::<serde_json::Value>(&malformed.text).is_err());
    let unversioned = under("drop-version", "GET /Patient/a", "").await;
    assert_eq!((unversioned.header("etag"), unversioned.header("last-modified")), ("", ""));
    let started = Instant::now();
    under("latency=60ms", "GET /Patient/a", "").await;
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn writes_go_wrong_as_told() {
    let body = r#"{"resourceType":"Patient","id":"z","active":true,"birthDate":"2000"}"#;
    let refused = under("no-update-create", "PUT /Patient/z", body).await;
    assert_eq!((refused.status, refused.issue().as_str()), (405, "not-supported"));
    assert_eq!(under("no-update-create", "PUT /Patient/a", &body.replace('z', "a")).await.status, 200);
    let refused = under("refuse-writes=422", "PUT /Patient/z", body).await;
    assert_eq!((refused.status, refused.issue().as_str()), (422, "business-rule Patient.active"));
    assert_eq!(refused.json()["issue"][1]["expression"][0], "Patient.birthDate");
    assert_eq!(under("refuse-writes=422", "GET /Patient/a", "").await.status, 200);
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"resource":{body},"request":{{"method":"POST","url":"Patient"}}}}]}}"#
    );
    let refused = under("refuse-writes=422", "POST /", &bundle).await;
    assert_eq!((refused.status, refused.issue().as_str()), (422, "business-rule Bundle.entry[0].resource.active"));
}

#[tokio::test]
async fn limits_choose_the_requests() {
    let sandbox = five_patients();
    sandbox.set_faults("status=503:2x:@/Patient/a".parse().unwrap());
    let mut seen = Vec::new();
    for path in ["/Patient/b", "/Patient/a", "/Patient/a", "/Patient/a"] {
        seen.push(get(&sandbox, path).await.status);
    }
    assert_eq!(seen, [200, 503, 503, 200]);
    sandbox.set_faults("".parse().unwrap());
    assert_eq!(get(&sandbox, "/Patient/a").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_served_sandbox_cuts_connections_and_stops() {
    let sandbox = five_patients();
    let running = sandbox.clone().start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let addr = running.addr();
    assert_eq!(running.base_url(), format!("http://{addr}/fhir"));
    let whole = exchange(addr);
    assert!(whole.starts_with("HTTP/1.1 200 OK") && whole.ends_with('}'), "{whole}");
    assert!(whole.contains(&format!("\"fullUrl\":\"http://{addr}/fhir/Patient/a\"")));
    sandbox.set_faults("cut".parse().unwrap());
    let cut = exchange(addr);
    let (head, body) = cut.split_once("\r\n\r\n").unwrap();
    let promised = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(body.len() < promised.parse().unwrap(), "{} of {promised}", body.len());
    running.shutdown().await;
    assert!(TcpStream::connect(addr).is_err());
}

/// One request over a socket, read until the service closes it.
fn exchange(addr: SocketAddr) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    let request = format!("GET /fhir/Patient HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = Vec::new();
    // A reset connection is one way to be cut; what came before it counts.
    let _ended = stream.read_to_end(&mut text);
    String::from_utf8(text).unwrap()
}
