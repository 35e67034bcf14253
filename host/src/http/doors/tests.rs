use super::*;

type Headers<'a> = &'a [(&'a str, &'a str)];

const LOCAL: (&str, &str) = ("host", "127.0.0.1:8080");
const PUBLIC_HOST: (&str, &str) = ("host", "tables.example.org");
const JSON: (&str, &str) = ("content-type", "application/json");
const READ: &str = "GET /api/data/v9.2/contacts";
const WRITE: &str = "POST /api/data/v9.2/contacts";
const FORM: &str = "application/x-www-form-urlencoded";

fn doors() -> Doors {
    Doors {
        public_url: PublicUrl::parse("https://tables.example.org"),
        hosts: vec!["tables.internal".to_owned()],
        proxies: vec!["10.1.0.0/16".parse().unwrap()],
        origins: vec![PublicUrl::parse("https://pages.example.org").unwrap()],
    }
}

fn from(peer: &str, line: &str, headers: Headers) -> Request<()> {
    let (method, uri) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(uri).extension(Peer(peer.parse().unwrap()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// The code of the refusal, or the root that links begin with.
fn judged(doors: &Doors, line: &str, headers: Headers) -> String {
    let entered = doors.enter(&from("127.0.0.1:5000", line, headers));
    entered.map_or_else(|error| format!("{:?}", error.code()), |entered| entered.root)
}

#[test]
fn the_name_that_was_called_is_ours() {
    let check = |headers: Headers, expected: &str, alone: &str| {
        assert_eq!(judged(&doors(), READ, headers), expected, "{headers:?}");
        assert_eq!(judged(&Doors::default(), READ, headers), alone, "{headers:?}, nothing configured");
    };
    let public = "https://tables.example.org";
    check(&[("host", "localhost")], public, "http://localhost");
    check(&[("host", "LocalHost.:8080")], public, "http://localhost:8080");
    check(&[LOCAL], public, "http://127.0.0.1:8080");
    check(&[("host", "127.1.2.3")], public, "http://127.1.2.3");
    check(&[("host", "[::1]:9")], public, "http://[::1]:9");
    check(&[("host", "[::ffff:127.0.0.1]:9")], public, "http://[::ffff:127.0.0.1]:9");
    check(&[("host", "TABLES.example.org")], public, "UnknownHost");
    check(&[("host", "tables.example.org:443")], public, "UnknownHost");
    check(&[("host", "tables.internal:80")], public, "UnknownHost");
    for unknown in [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.1.2.3:8080",
        "0.0.0.0:8080",
        "evil",
        "[::2]",
        "tables.example.org.evil.example",
        "xtables.example.org",
        "2130706433",
    ] {
        check(&[("host", unknown)], "UnknownHost", "UnknownHost");
    }
    for none in [
        "",
        " ",
        "a b",
        "user@localhost",
        "localhost:x",
        "localhost:80:80",
        "localhost, evil",
        "[::1",
        "localhost:99999",
        "http://localhost",
    ] {
        check(&[("host", none)], "BadRequest", "BadRequest");
    }
    check(&[], "BadRequest", "BadRequest");
    check(&[LOCAL, LOCAL], "BadRequest", "BadRequest");
    check(&[LOCAL, ("host", "evil.example")], "BadRequest", "BadRequest");
}

#[test]
fn an_absolute_url_names_the_same_host() {
    let check = |uri: &str, host: &str, expected: &str| {
        assert_eq!(judged(&Doors::default(), &format!("GET {uri}"), &[("host", host)]), expected, "{uri} {host}");
    };
    check("http://localhost:8080/api/data/v9.2/contacts", "localhost:8080", "http://localhost:8080");
    check("http://evil.example/api/data/v9.2/contacts", "localhost:8080", "BadRequest");
    check("http://evil.example/api/data/v9.2/contacts", "evil.example", "UnknownHost");
    check("http://localhost/api/data/v9.2/contacts", "evil.example", "BadRequest");
}

#[test]
fn what_proxies_say_is_believed_of_ours_alone() {
    let check = |peer: &str, headers: Headers, expected: &str| {
        let doors = Doors { public_url: None, hosts: vec!["tables.example.org".to_owned()], ..doors() };
        let entered = doors.enter(&from(peer, READ, headers));
        let found = entered.map_or_else(|error| format!("{:?}", error.code()), |entered| entered.root);
        assert_eq!(found, expected, "{peer} {headers:?}");
    };
    let (https, host) = (("x-forwarded-proto", "https"), ("x-forwarded-host", "tables.example.org"));
    check("127.0.0.1:1", &[LOCAL, https, host], "http://127.0.0.1:8080");
    check("127.0.0.1:1", &[LOCAL, ("x-forwarded-host", "evil.example")], "http://127.0.0.1:8080");
    check("127.0.0.1:1", &[("host", "evil.example"), host], "UnknownHost");
    check("10.2.0.1:1", &[LOCAL, https, host], "http://127.0.0.1:8080");
    check("10.1.0.1:1", &[LOCAL, https, host], "https://tables.example.org");
    check("[::ffff:10.1.0.1]:1", &[LOCAL, https, host], "https://tables.example.org");
    check("10.1.0.1:1", &[PUBLIC_HOST, https], "https://tables.example.org");
    check("10.1.0.1:1", &[PUBLIC_HOST, ("x-forwarded-proto", "javascript")], "http://tables.example.org");
    // A backend's own name, that of the client beside it.
    check("10.1.0.1:1", &[("host", "backend-7:8080"), host], "http://tables.example.org");
    // What a client made up stands before what the proxy adds.
    check(
        "10.1.0.1:1",
        &[LOCAL, ("x-forwarded-host", "evil.example, tables.example.org")],
        "http://tables.example.org",
    );
    check("10.1.0.1:1", &[LOCAL, ("x-forwarded-host", "tables.example.org, evil.example")], "UnknownHost");
    check("10.1.0.1:1", &[LOCAL, ("x-forwarded-host", "evil.example")], "UnknownHost");
    check("10.1.0.1:1", &[LOCAL, ("x-forwarded-host", "a b")], "BadRequest");
    check("10.1.0.1:1", &[host], "BadRequest");
}

#[test]
fn pages_of_other_sites_do_nothing() {
    let open = |line: &str, headers: Headers| judged(&doors(), line, headers).starts_with("http");
    let check = |headers: Headers, reads: bool| {
        for host in [LOCAL, PUBLIC_HOST] {
            let all: Vec<_> = [host, JSON].iter().chain(headers).copied().collect();
            for line in [
                READ,
                WRITE,
                "PATCH /api/data/v9.2/contacts(1)",
                "DELETE /api/data/v9.2/contacts(1)",
                "OPTIONS /api/data/v9.2/contacts",
                "POST /fhir",
                "PUT /admin/v1/tables/contact/route",
                "GET /admin/v1/tables",
                "GET /metrics",
                "GET /readyz",
                "POST /api/data/v9.2/",
                "DELETE /healthz",
            ] {
                assert_eq!(open(line, &all), reads, "{line} {all:?}");
            }
            for path in PUBLIC {
                assert!(open(&format!("GET {path}"), &all) && open(&format!("HEAD {path}"), &all), "{path} {all:?}");
            }
        }
    };
    // Programs.
    check(&[], true);
    check(&[("user-agent", "python-requests/2.32"), ("accept", "*/*")], true);
    // Node's fetch says this of itself, and no page.
    check(&[("sec-fetch-mode", "cors")], true);
    // Our own pages, and addresses that somebody typed.
    check(&[("sec-fetch-site", "same-origin")], true);
    check(&[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], true);
    check(&[("origin", "https://tables.example.org"), ("sec-fetch-site", "same-origin")], true);
    check(&[("origin", "https://tables.example.org:443")], true);
    // Others.
    for origin in [
        "https://evil.example",
        "http://evil.example:8080",
        "null",
        "",
        "file://",
        "https://tables.example.org.evil.example",
        "https://evil.example/https://tables.example.org",
        "https://tables.example.org:8443",
        "http://localhost:3000",
        "http://127.0.0.1:3000",
        "https://user@tables.example.org",
        "chrome-extension://abcdef",
        "127.0.0.1:8080",
        "https://tables.example.org, https://evil.example",
        "https://tables.internal",
    ] {
        check(&[("origin", origin)], false);
        check(&[("origin", origin), ("sec-fetch-site", "same-origin")], false);
    }
    check(&[("origin", "https://tables.example.org"), ("origin", "https://evil.example")], false);
    for site in ["cross-site", "same-site", "", "Same-Origin", "none, cross-site"] {
        check(&[("sec-fetch-site", site)], false);
        check(&[("sec-fetch-site", site), ("origin", "https://tables.example.org")], false);
    }
    check(&[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")], false);
}

#[test]
fn a_page_is_ours_under_the_name_that_was_called() {
    let check = |host: &str, origin: &str, expected: bool| {
        let headers = [("host", host), JSON, ("origin", origin)];
        assert_eq!(judged(&Doors::default(), WRITE, &headers).starts_with("http"), expected, "{host} {origin}");
    };
    check("localhost:8080", "http://localhost:8080", true);
    check("[::1]:8080", "http://[::1]:8080", true);
    check("localhost", "http://localhost", true);
    check("localhost", "https://localhost", true);
    check("localhost:80", "http://localhost", true);
    check("localhost:8080", "http://localhost", false);
    check("localhost:8080", "http://127.0.0.1:8080", false);
    check("localhost:8080", "ftp://localhost:8080", false);
}

#[test]
fn it_shows_what_a_page_sent() {
    let check = |line: &str, headers: Headers, expected: bool| {
        let all: Vec<_> = [LOCAL, JSON].iter().chain(headers).copied().collect();
        let entered = Doors::default().enter(&from("127.0.0.1:1", line, &all)).unwrap();
        assert_eq!(entered.by_page, expected, "{line} {headers:?}");
    };
    check(READ, &[], false);
    check(WRITE, &[], false);
    check(WRITE, &[("sec-fetch-mode", "cors")], false);
    check(READ, &[("sec-fetch-site", "none")], false);
    check(READ, &[("sec-fetch-site", "same-origin")], true);
    check(READ, &[("origin", "http://127.0.0.1:8080")], true);
    check(READ, &[("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "none")], true);
    check(WRITE, &[("sec-fetch-site", "none")], true);
    check(WRITE, &[("origin", "http://127.0.0.1:8080")], true);
}

#[test]
fn a_body_is_what_its_endpoint_takes() {
    let check = |line: &str, types: &[&str], length: &str, expected: bool| {
        let mut headers = vec![LOCAL, ("content-length", length)];
        headers.extend(types.iter().map(|kind| ("content-type", *kind)));
        let found = judged(&Doors::default(), line, &headers);
        let expected = if expected { "http://127.0.0.1:8080" } else { "UnsupportedMediaType" };
        assert_eq!(found, expected, "{line} {types:?}, {length} bytes");
    };
    let patch = "PATCH /api/data/v9.2/contacts(1)";
    let (turn, rollback) = ("PUT /admin/v1/tables/contact/route", "POST /admin/v1/tables/contact/mapping/rollback");
    let batch = "POST /api/data/v9.2/$batch";
    let (load, ingest, action) = ("POST /admin/v1/mappings", "POST /fhir", "POST /api/data/v9.1/msind_UpsertBundle");
    for line in [WRITE, patch, turn, rollback, load, ingest, "POST /fhir/", action, batch, "POST /elsewhere"] {
        for forbidden in [
            "text/plain",
            "text/plain;charset=utf-8",
            FORM,
            "multipart/form-data; boundary=x",
            "text/html",
            "",
            "*/*",
            "application/xml",
            "application/fhir+xml",
            "text/xml",
            "text/plain; application/json",
            "json",
        ] {
            check(line, &[forbidden], "2", false);
            check(line, &[forbidden], "0", false);
        }
        check(line, &[], "2", false);
        check(line, &[], "0", true);
        check(line, &["application/json", "text/plain"], "2", false);
    }
    for line in [WRITE, patch, turn, rollback, ingest, action, batch] {
        check(line, &["application/json"], "2", true);
        check(line, &["Application/JSON; charset=\"UTF-8\""], "2", true);
        check(line, &["application/json;odata.metadata=minimal;IEEE754Compatible=true"], "2", true);
        check(line, &["application/json;charset=utf-16"], "2", false);
        check(line, &["application/json; charset=iso-8859-1"], "2", false);
        check(line, &["application/json; charset=utf-8; charset=utf-16"], "2", false);
    }
    check(load, &["application/json"], "2", false);
    check(load, &["application/wasm"], "2", true);
    check(WRITE, &["application/wasm"], "2", false);
    check(batch, &["multipart/mixed; boundary=batch_1"], "2", true);
    check(WRITE, &["multipart/mixed; boundary=batch_1"], "2", false);
    for kind in [
        "application/fhir+json",
        "application/json+fhir",
        "application/fhir+ndjson",
        "application/x-ndjson",
        "application/octet-stream",
    ] {
        check(ingest, &[kind], "2", true);
        check(WRITE, &[kind], "2", false);
    }
    check(READ, &["text/plain"], "0", true);
    check("DELETE /api/data/v9.2/contacts(1)", &["text/plain"], "0", true);
    let chunked = [LOCAL, ("transfer-encoding", "chunked")];
    assert_eq!(judged(&Doors::default(), rollback, &chunked), "UnsupportedMediaType");
}

#[test]
fn a_public_url_is_an_address() {
    let check = |text: &str, expected: Option<&str>| {
        assert_eq!(PublicUrl::parse(text).map(|url| url.to_string()).as_deref(), expected, "{text}");
    };
    check("https://tables.example.org", Some("https://tables.example.org"));
    check("HTTPS://Tables.Example.org:8443/a/b/", Some("https://tables.example.org:8443/a/b"));
    for none in ["tables.example.org", "ftp://h", "https://u:p@h", "https://h?x", "https://h#x", "/", "https://", ""] {
        check(none, None);
    }
    assert_eq!(host("Tables.Internal").as_deref(), Some("tables.internal"));
    assert_eq!((host("a:80"), host("https://a"), host("")), (None, None, None));
}

#[test]
fn pages_that_are_named_come_in_but_not_to_administrators() {
    let page = |origin: &'static str| [PUBLIC_HOST, JSON, ("origin", origin), ("sec-fetch-site", "cross-site")];
    let check = |line: &str, origin: &'static str, expected: &str| {
        assert_eq!(judged(&doors(), line, &page(origin)), expected, "{line} {origin}");
    };
    for line in [READ, WRITE, "OPTIONS /api/data/v9.2/contacts", "POST /fhir"] {
        check(line, "https://pages.example.org", "https://tables.example.org");
        for other in
            ["http://pages.example.org", "https://pages.example.org:444", "https://pages.example.org.x", "null"]
        {
            check(line, other, "CrossSite");
        }
    }
    check("POST /admin/v1/mappings", "https://pages.example.org", "CrossSite");
    check("GET /metrics", "https://pages.example.org", "CrossSite");
}
