//! Who may come in, seen from the network: what a web page of another site can send does nothing, what programs send goes
//! on working, and every answer says how it may be used. `http/doors/tests.rs` of the host has the tables of names.

use reqwest::Method;
use serde_json::json;
use turntable::config::Config;
use turntable::http::doors::PublicUrl;
use turntable::http::token::Asked;
use turntable_tests::{PEOPLE, Server};

type Headers = &'static [(&'static str, &'static str)];

const PATIENT: &str = "4c73b472-442b-4920-b899-aadc599f1d75";

/// What a page can send without asking first (the "simple" requests of CORS), from another site or by another name.
const FOREIGN: [Headers; 6] = [
    &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
    &[("origin", "null")],
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
    &[("sec-fetch-site", "same-site")],
    &[("host", "evil.example")],
    &[("host", "evil.example:8080"), ("origin", "http://evil.example:8080"), ("sec-fetch-site", "same-origin")],
];

/// What sensible clients send.
const PROGRAMS: [Headers; 6] = [
    &[],
    &[("user-agent", "curl/8.5.0"), ("accept", "*/*")],
    &[("user-agent", "python-requests/2.32"), ("accept-encoding", "gzip, deflate"), ("connection", "keep-alive")],
    &[
        ("user-agent", "Microsoft.Data.Mashup"),
        ("odata-maxversion", "4.0"),
        ("accept", "application/json;odata.metadata=minimal"),
    ],
    // Node's fetch.
    &[("sec-fetch-mode", "cors"), ("accept-language", "*")],
    // Behind a proxy that nobody has configured, whose words say nothing here.
    &[
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "10.0.0.9"),
        ("via", "1.1 x"),
    ],
];

const JSON: &str = "application/json";

fn calls() -> Vec<(Method, String, &'static str, String)> {
    let admin = "/admin/v1/tables/msemr_encounter";
    let call = |method, path: &str, kind, body: &str| (method, path.to_owned(), kind, body.to_owned());
    vec![
        call(Method::GET, "contacts", "", ""),
        call(Method::GET, &format!("contacts({PATIENT})"), "", ""),
        call(Method::POST, "accounts", JSON, r#"{"name":"x"}"#),
        call(Method::PATCH, &format!("contacts({PATIENT})"), JSON, r#"{"lastname":"x"}"#),
        call(Method::DELETE, &format!("contacts({PATIENT})"), "", ""),
        call(Method::POST, "/fhir", "application/fhir+json", PEOPLE),
        call(Method::POST, "msind_UpsertBundle", JSON, "{}"),
        call(Method::GET, "/admin/v1/tables", "", ""),
        call(Method::GET, "/admin/v1/events", "", ""),
        call(Method::PUT, &format!("{admin}/route"), JSON, r#"{"provider":"native"}"#),
        call(Method::POST, &format!("{admin}/mapping"), JSON, r#"{"digest":"sha256:0"}"#),
        call(Method::POST, &format!("{admin}/mapping/rollback"), "", ""),
        call(Method::POST, "/admin/v1/mappings", "application/wasm", "x"),
        call(Method::GET, "/metrics", "", ""),
        call(Method::GET, "/readyz", "", ""),
    ]
}

async fn with_people() -> Server {
    let server = Server::setup().start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_does_nothing() {
    let server = with_people().await;
    let before = (server.rows("contacts", &[]).await, server.rows("accounts", &[]).await, server.events(0).await);
    for (method, path, kind, body) in calls() {
        for headers in FOREIGN {
            let call = headers.iter().fold(server.call(method.clone(), &path), |call, (n, v)| call.header(n, v));
            let answer = if kind.is_empty() { call.send().await } else { call.body(kind, body.clone()).send().await };
            let expected = if headers[0].0 == "host" { (421, "UnknownHost") } else { (403, "CrossSite") };
            let found = (answer.status, answer.error_code());
            assert_eq!((found.0, found.1.as_str()), expected, "{method} {path} {headers:?}");
            assert!(answer.text.contains("auth.public_url"), "{}", answer.text);
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
        // A form needs no permission of anybody.
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            if !matches!(method, Method::GET | Method::DELETE) {
                let answer = server.call(method.clone(), &path).body(kind, body.clone()).send().await;
                assert_eq!(
                    (answer.status, answer.error_code().as_str()),
                    (415, "UnsupportedMediaType"),
                    "{path} {kind}"
                );
            }
        }
    }
    let after = (server.rows("contacts", &[]).await, server.rows("accounts", &[]).await, server.events(0).await);
    assert_eq!(before, after);
    for path in ["/healthz", "$metadata", "", "/admin/v1/openapi.json"] {
        server.call(Method::GET, path).header("sec-fetch-site", "cross-site").send().await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_go_on_working() {
    let server = with_people().await;
    for headers in PROGRAMS {
        let call = |method: Method, path: &str| {
            headers.iter().fold(server.call(method, path), |call, (name, value)| call.header(name, value))
        };
        call(Method::GET, "contacts").send().await.expect(200);
        let made = call(Method::POST, "accounts").json(&json!({ "name": "A" })).send().await.expect(201);
        let url = made.header("location").to_owned();
        assert!(url.starts_with(&server.url()), "{headers:?} {url}");
        call(Method::PATCH, &url).json(&json!({ "name": "B" })).send().await.expect(204);
        call(Method::DELETE, &url).send().await.expect(204);
        call(Method::POST, "/fhir").body("application/fhir+json", PEOPLE).send().await.expect(200);
        call(Method::GET, "/admin/v1/tables").send().await.expect(200);
        let turn = json!({ "provider": "native", "dry_run": true });
        call(Method::PUT, "/admin/v1/tables/msemr_encounter/route").json(&turn).send().await.expect(200);
        // Without a body no type is needed: there is nothing to go back to.
        let back = call(Method::POST, "/admin/v1/tables/msemr_encounter/mapping/rollback").send().await;
        assert_ne!((back.status, back.error_code().as_str()), (415, "UnsupportedMediaType"), "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_host_is_named() {
    let server = with_people().await;
    let ask =
        async |hosts: &str| server.raw(&format!("GET /healthz HTTP/1.1\r\n{hosts}connection: close\r\n\r\n")).await;
    assert!(ask("host: localhost\r\n").await.starts_with("HTTP/1.1 200 "));
    for bad in ["", "host: localhost\r\nhost: localhost\r\n", "host: localhost\r\nHost: evil.example\r\n", "host:\r\n"]
    {
        let answer = ask(bad).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bad:?} {answer}");
    }
    let answer =
        server.raw("GET http://evil.example/healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_how_it_may_be_used() {
    let server = with_people().await;
    let unknown = ("unknown", 404);
    for (path, status) in [
        ("contacts", 200),
        ("$metadata", 200),
        ("/healthz", 200),
        ("/admin/v1/tables", 200),
        ("/metrics", 200),
        unknown,
        ("/x", 404),
        ("/fhir?x=1", 405),
    ] {
        let answer = server.call(Method::GET, path).send().await.expect(status);
        let cache = if path == "$metadata" { "private, no-cache" } else { "no-store" };
        assert_eq!(
            (answer.header("cache-control"), answer.header("x-content-type-options")),
            (cache, "nosniff"),
            "{path}"
        );
        assert!(answer.header("vary").contains("origin"), "{path}");
    }
    let refused = server.call(Method::GET, "contacts").header("host", "evil.example").send().await.expect(421);
    assert_eq!((refused.header("cache-control"), refused.header("x-content-type-options")), ("no-store", "nosniff"));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_have_the_configured_address_and_proxies_of_ours_are_believed() {
    let link = async |change: fn(&mut Config), headers: Headers| {
        let server = Server::setup().configure(change).start().await;
        server.ingest(PEOPLE, None).await.expect(200);
        let call = server.call(Method::GET, "contacts").header("prefer", "odata.maxpagesize=1");
        let answer = headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await.expect(200);
        answer.json()["@odata.nextLink"].as_str().unwrap_or_default().to_owned()
    };
    let public = |config: &mut Config| config.doors.public_url = PublicUrl::parse("https://tables.example.org/tt");
    assert!(link(public, &[]).await.starts_with("https://tables.example.org/tt/api/data/v9.2/contacts?"));
    let page: Headers =
        &[("host", "tables.example.org"), ("origin", "https://tables.example.org"), ("sec-fetch-site", "same-origin")];
    assert!(link(public, page).await.starts_with("https://tables.example.org/tt/api"));
    let forwarded: Headers = &[("x-forwarded-host", "tables.example.org"), ("x-forwarded-proto", "https")];
    let believed = |config: &mut Config| {
        config.doors.hosts = vec!["tables.example.org".to_owned()];
        config.doors.proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    };
    assert!(link(believed, forwarded).await.starts_with("https://tables.example.org/api/data/v9.2/contacts?"));
    assert!(link(|_| {}, forwarded).await.starts_with("http://127.0.0.1:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_have_a_token() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for asked in [Asked::Browsers, Asked::Required] {
        let server =
            Server::setup().data_dir(folder.path()).configure(|config| config.admin_token = asked).start().await;
        let token = std::fs::read_to_string(folder.path().join("admin-token")).expect("a token");
        let right = format!("Bearer {token}");
        let page = server.url();
        let check = async |headers: &[(&str, &str)], expected: u16| {
            let turn = json!({ "provider": "native", "dry_run": true });
            let call = server.call(Method::PUT, "/admin/v1/tables/msemr_encounter/route").json(&turn);
            let answer = headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await;
            assert_eq!(answer.status, expected, "{asked:?} {headers:?} {}", answer.text);
            if expected == 401 {
                assert_eq!(
                    (answer.header("www-authenticate"), answer.error_code().as_str()),
                    ("Bearer", "Unauthorized")
                );
                assert!(answer.text.contains("admin-token"), "{}", answer.text);
            }
        };
        check(&[], if asked == Asked::Required { 401 } else { 200 }).await;
        check(&[("authorization", &right)], 200).await;
        check(&[("authorization", "Bearer wrong")], 401).await;
        check(&[("origin", &page)], 401).await;
        check(&[("origin", &page), ("sec-fetch-site", "same-origin")], 401).await;
        check(&[("origin", &page), ("sec-fetch-site", "same-origin"), ("authorization", &right)], 200).await;
        check(&[("origin", "https://evil.example"), ("authorization", &right)], 403).await;
        server.call(Method::GET, "/admin/v1/openapi.json").send().await.expect(200);
        server.get("contacts", &[]).await.expect(200);
        // An address that somebody typed.
        let typed = server.call(Method::GET, "/admin/v1/tables").header("sec-fetch-site", "none").send().await;
        assert_eq!(typed.status, if asked == Asked::Required { 401 } else { 200 });
        server.stop().await;
    }
}
