//! What HTTP clients expect of any server: packed bodies, byte order marks, headers of all kinds, `Expect`, `HEAD`,
//! `OPTIONS` and `Allow`; errors of one shape; and nothing of a deleted patient in the files.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::json;
use turntable_tests::{PEOPLE, Server};

const JSON: &str = "application/json";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::best());
    zip.write_all(text).and_then(|()| zip.finish()).expect("memory takes everything")
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_may_be_packed_and_begin_with_a_mark() {
    let server =
        Server::setup().limits(|limits| (limits.body_bytes, limits.bundle_bytes) = (9_000, 9_000)).start().await;
    let account = r#"{"name":"x"}"#.to_owned();
    let route = r#"{"provider":"native","dry_run":true}"#.to_owned();
    let bundle = r#"{"resourceType":"Bundle","type":"batch","entry":[]}"#.to_owned();
    let action = json!({ "msind_JSON": bundle }).to_string();
    let calls = [
        (Method::POST, "accounts", account, 201),
        (Method::PUT, "/admin/v1/tables/msemr_encounter/route", route, 200),
        (Method::POST, "/fhir", bundle, 200),
        (Method::POST, "msind_UpsertBundle", action, 200),
    ];
    for (method, path, body, status) in calls {
        let send = async |coding: &str, body: Vec<u8>| {
            let call = server.call(method.clone(), path);
            let call = if coding.is_empty() { call } else { call.header("content-encoding", coding) };
            let answer = call.body(JSON, body).send().await;
            (answer.status, if answer.status < 300 { String::new() } else { answer.error_code() })
        };
        let refused = |status: u16, code: &str| (status, code.to_owned());
        let marked = format!("\u{feff}{body}");
        assert_eq!(send("", marked.clone().into_bytes()).await.0, status, "{path} with a mark");
        assert_eq!(send("gzip", gzip(body.as_bytes())).await.0, status, "{path} packed");
        assert_eq!(send("GZip", gzip(marked.as_bytes())).await.0, status, "{path} packed, with a mark");
        assert_eq!(send("identity", body.clone().into_bytes()).await.0, status, "{path} not packed, it says");
        assert_eq!(send("br", body.clone().into_bytes()).await, refused(415, "UnsupportedMediaType"), "{path}");
        assert_eq!(
            send("gzip, gzip", gzip(&gzip(body.as_bytes()))).await,
            refused(415, "UnsupportedMediaType"),
            "{path}"
        );
        assert_eq!(send("gzip", body.clone().into_bytes()).await, refused(400, "BadRequest"), "{path}: no gzip");
        let large = gzip(&vec![b' '; 20 << 20]);
        assert_eq!(send("gzip", large[..8_000.min(large.len())].to_vec()).await.1, "BodyTooLarge", "{path}: a bomb");
        let call = server.call(method.clone(), path).body("application/json; charset=utf-16", body.clone());
        assert_eq!(call.send().await.expect(415).error_code(), "UnsupportedMediaType", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_mean_nothing_here_may_hold_anything() {
    let server = Server::setup().start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let ask = async |path: &str, header: &[u8]| {
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n").into_bytes();
        request.extend_from_slice(header);
        request.extend_from_slice(b"\r\n\r\n");
        exchange(&server, &request)
    };
    for path in ["/api/data/v9.2/contacts?$top=1", "/api/data/v9.2/", "/admin/v1/tables", "/healthz"] {
        for header in ["x-user: Jürgen".as_bytes(), b"x-user: J\xfcrgen", "user-agent: Ünïcode".as_bytes()] {
            let answer = ask(path, header).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{path} {header:?} {answer:.300}");
        }
    }
    // A condition that cannot be read is not one that is not there.
    let path = "/api/data/v9.2/contacts?$top=1";
    assert!(ask(path, "if-none-match: \"ü\"".as_bytes()).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_first_is_told_before_it_sends() {
    let server = Server::setup().limits(|limits| limits.bundle_bytes = 10_000).start().await;
    let head = |path: &str, kind: &str, length: u64| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-type: {kind}\r\n\
             content-length: {length}\r\n\r\n"
        )
    };
    let cases = [
        ("/fhir", JSON, 500 << 20, "413 "),
        ("/api/data/v9.2/contacts", JSON, 500 << 20, "413 "),
        ("/admin/v1/tables/contact/route", JSON, 500 << 20, "405 "),
        ("/admin/v1/mappings", "application/wasm", 500 << 20, "413 "),
        ("/fhir", "text/plain", 5, "415 "),
        ("/nothing", JSON, 500 << 20, "404 "),
    ];
    for (path, kind, length, status) in cases {
        let answer = exchange(&server, head(path, kind, length).as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path} {answer:.200}");
        assert!(!answer.contains("100 Continue"), "{path} {answer:.200}");
    }
    let mut asking = TcpStream::connect(server.address()).expect("the server");
    asking.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    asking
        .write_all(head("/fhir", JSON, 2).replace("expect", "connection: close\r\nexpect").as_bytes())
        .expect("it listens");
    let mut told = [0; 25];
    asking.read_exact(&mut told).expect("a word");
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    asking.write_all(b"{}").expect("it listens");
    let mut answer = String::new();
    asking.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

fn exchange(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("the server");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    stream.write_all(request).expect("it listens");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer, and an end");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_says_what_may_be_done_there() {
    let server = Server::setup().start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let row = "/api/data/v9.2/contacts(4c73b472-442b-4920-b899-aadc599f1d75)";
    let cases = [
        ("/api/data/v9.2/", "GET, HEAD, OPTIONS"),
        ("/api/data/v9.2/$metadata", "GET, HEAD, OPTIONS"),
        ("/api/data/v9.2/contacts", "GET, POST, HEAD, OPTIONS"),
        (row, "GET, PATCH, PUT, DELETE, HEAD, OPTIONS"),
        ("/api/data/v9.2/contacts/$count", "GET, HEAD, OPTIONS"),
        ("/api/data/v9.2/msind_UpsertBundle", "POST, OPTIONS"),
        ("/api/data/v9.1/msind_RetrieveBundle", "POST, OPTIONS"),
        ("/fhir", "POST, OPTIONS"),
        ("/fhir/metadata", "GET, HEAD, OPTIONS"),
        ("/admin/v1/tables", "GET, HEAD, OPTIONS"),
        ("/admin/v1/mappings", "GET, HEAD, POST, OPTIONS"),
        ("/admin/v1/tables/contact/route", "PUT, OPTIONS"),
        ("/admin/v1/tables/contact/mapping/rollback", "POST, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/metrics", "GET, HEAD, OPTIONS"),
    ];
    let sorted = |methods: &str| {
        let mut methods: Vec<_> = methods.split(',').map(|method| method.trim().to_owned()).collect();
        methods.sort();
        methods
    };
    for (path, allowed) in cases {
        let asked = server.call(Method::OPTIONS, path).send().await.expect(204);
        assert_eq!((sorted(asked.header("allow")), asked.text.as_str()), (sorted(allowed), ""), "OPTIONS {path}");
        assert!(!asked.headers.contains_key("access-control-allow-origin"));
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
            if sorted(allowed).contains(&method.to_owned()) {
                continue;
            }
            let answer = server.call(method.parse().expect("a method"), path).send().await.expect(405);
            assert_eq!(sorted(answer.header("allow")), sorted(allowed), "{method} {path}");
            if method != "HEAD" {
                assert_eq!(answer.error_code(), "MethodNotAllowed", "{method} {path}");
            }
        }
        if allowed.contains("GET") {
            let (got, head) = (server.get(path, &[]).await, server.call(Method::HEAD, path).send().await);
            assert_eq!((head.status, head.text.as_str()), (got.status, ""), "HEAD {path}");
            assert_eq!(head.header("content-type"), got.header("content-type"), "HEAD {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_administration_are_json() {
    let server = Server::setup().start().await;
    let cases = [
        ("GET", "/admin/v1/tables/%FF", 400, "BadUrl"),
        ("GET", "/admin/v1/mappings/%ff", 400, "BadUrl"),
        ("POST", "/admin/v1/tables/%FF/mapping/rollback", 400, "BadUrl"),
        ("GET", "/admin/v1/tables/nothing", 404, "UnknownTable"),
        ("GET", "/admin/v1/nothing", 404, "NotFound"),
        ("GET", "/admin/v1/", 404, "NotFound"),
        ("GET", "/admin/v1/tables/", 404, "NotFound"),
        ("GET", "/admin/v1/events?limit=x", 400, "BadOption"),
        ("DELETE", "/admin/v1/tables", 405, "MethodNotAllowed"),
        ("PATCH", "/metrics", 405, "MethodNotAllowed"),
    ];
    for (method, path, status, code) in cases {
        let answer = server.call(method.parse().expect("a method"), path).send().await;
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{method} {path} {}", answer.text);
        assert!(answer.header("content-type").starts_with(JSON), "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_deleted_patient_stays_in_the_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::setup().data_dir(folder.path()).start().await;
    let patient =
        json!({ "resourceType": "Patient", "id": "z1", "name": [{ "family": "Zyzzyvanski", "given": ["Quoxle"] }] });
    let entry = json!({ "resource": patient, "request": { "method": "PUT", "url": "Patient/z1" } });
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] }).to_string();
    let holds = |name: &str| {
        let files = std::fs::read_dir(folder.path()).expect("a folder").filter_map(|entry| entry.ok()?.path().into());
        let files: Vec<_> = files.filter(|path: &std::path::PathBuf| path.is_file()).collect();
        assert!(files.iter().any(|file| file.ends_with("turntable.db")));
        files.iter().any(|file| {
            let bytes = std::fs::read(file).expect("a file");
            bytes.windows(name.len()).any(|window| window.eq_ignore_ascii_case(name.as_bytes()))
        })
    };
    server.ingest(&bundle, None).await.expect(200);
    server.stop().await;
    assert!(holds("Zyzzyvanski"), "the test would see it");
    let server = Server::setup().data_dir(folder.path()).start().await;
    let rows = server.rows("contacts", &[("$filter", "lastname eq 'Zyzzyvanski'")]).await;
    let key = rows[0]["contactid"].as_str().expect("a key").to_owned();
    server.delete(&format!("contacts({key})")).await.expect(204);
    server.stop().await;
    for name in ["Zyzzyvanski", "Quoxle"] {
        assert!(!holds(name), "{name}");
    }
}
