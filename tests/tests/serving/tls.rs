//! TLS, and names with passwords, which are taken over TLS or on this machine only.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use turntable::fhir::auth::Secret;
use turntable::http::tls::TlsSettings;
use turntable::identity::passwords::{self, UserSettings};
use turntable_tests::{PEOPLE, Server};

const CERTIFICATE: &str = include_str!("../../../host/src/http/tls/certificate.pem");
const KEY: &str = include_str!("../../../host/src/http/tls/key.pem");
/// Of another key.
const RENEWED: &str = include_str!("../../keys/renewed.pem");
const RENEWED_KEY: &str = include_str!("../../keys/renewed-key.pem");

/// A client that trusts this certificate alone.
fn trusting(certificate: &str) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = reqwest::Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
    Client::builder().no_proxy().tls_certs_only([certificate]).build().expect("a client")
}

/// Called on this machine, by people with passwords.
fn plain() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().expect("a client")
}

fn users(folder: &Path, all: &[(&str, &str, &str)]) -> BTreeMap<String, UserSettings> {
    let user = |(name, password, role): &(&str, &str, &str)| {
        let file = folder.join(format!("{name}.hash"));
        std::fs::write(&file, passwords::hash(password).expect("it is hashed")).expect("a file can be written");
        let password_hash = Secret::file(&file).expect("it can be read");
        ((*name).to_owned(), UserSettings { password_hash, roles: vec![(*role).to_owned()] })
    };
    all.iter().map(user).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_and_a_certificate_is_renewed_under_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let tls = TlsSettings { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&tls.certificate, CERTIFICATE).expect("a file can be written");
    std::fs::write(&tls.key, KEY).expect("a file can be written");
    let server = Server::setup().configure(|config| config.tls = Some(tls)).start().await;
    let url = server.url();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let client = trusting(CERTIFICATE);
    let ingest = client.post(format!("{url}/fhir")).header("content-type", "application/fhir+json").body(PEOPLE);
    assert_eq!(ingest.send().await.expect("an answer").status(), StatusCode::OK);
    let page = client.get(format!("{url}/api/data/v9.2/contacts")).header("prefer", "odata.maxpagesize=1");
    let page = page.send().await.expect("an answer").text().await.expect("a text");
    assert!(page.contains(&format!("\"@odata.nextLink\":\"{url}/")), "links begin with https: {page}");
    // A large answer comes whole.
    let metadata = client.get(format!("{url}/api/data/v9.2/$metadata")).send().await.expect("an answer");
    assert!(metadata.text().await.expect("a text").trim_end().ends_with("</edmx:Edmx>"));
    // Who speaks no TLS is answered nothing.
    let address = server.address();
    let plain = tokio::task::spawn_blocking(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("it is taken");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    });
    assert!(!plain.await.expect("it ends").starts_with(b"HTTP"));

    let fresh = async |certificate: &str| {
        let answer = trusting(certificate).get(format!("{url}/healthz")).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    };
    assert!(!fresh(RENEWED).await);
    // By half it is no pair, and nothing changes.
    std::fs::write(folder.path().join("cert.pem"), RENEWED).expect("a file can be written");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(fresh(CERTIFICATE).await && !fresh(RENEWED).await);
    std::fs::write(folder.path().join("key.pem"), RENEWED_KEY).expect("a file can be written");
    let begun = Instant::now();
    while !fresh(RENEWED).await {
        assert!(begun.elapsed() < Duration::from_secs(20), "the certificate is not read anew");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!fresh(CERTIFICATE).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_passwords() {
    let folder = tempfile::tempdir().expect("a folder");
    let people = users(folder.path(), &[("ada", "a:ä secret", "writer"), ("bob", "hunter2", "reader")]);
    let setup = Server::setup().configure(|config| config.identity.users = people.clone());
    let server = setup.limits(|limits| limits.password_failures = 3).start().await;
    let client = plain();
    let get = async |name: &str, password: &str| {
        let call = client.get(format!("{}/contacts", server.api())).basic_auth(name, Some(password));
        call.send().await.expect("an answer")
    };
    for _ in 0..3 {
        assert_eq!(get("ada", "a:ä secret").await.status(), 200);
        assert_eq!(get("bob", "hunter2").await.status(), 200);
    }
    let nobody = server.call(Method::GET, "contacts").send().await.expect(401);
    let challenges: Vec<_> = nobody.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(challenges.len(), 2, "{challenges:?}");
    let wrong = get("ada", "a").await;
    assert_eq!(wrong.status(), 401);
    let unknown = get("eve", "a").await;
    assert_eq!(unknown.status(), 401);
    assert_eq!(wrong.text().await.expect("a text"), unknown.text().await.expect("a text"));
    // What it may.
    let post = async |name: &str, password: &str| {
        let call = client.post(format!("{}/accounts", server.api())).basic_auth(name, Some(password));
        let call = call.header("content-type", "application/json").body(r#"{"name":"X"}"#);
        call.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!((post("ada", "a:ä secret").await, post("bob", "hunter2").await), (201, 403));
    // After so many nobody new is heard, whether there is such a name or not; who was right goes on.
    for name in ["ada", "eve"] {
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(get(name, "wrong").await.status().as_u16());
        }
        assert_eq!(statuses, [401, 401, 503, 503], "{name}");
    }
    assert_eq!(get("ada", "a:ä secret").await.status(), 200);
    assert_eq!(get("bob", "hunter2").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_not_taken_where_it_can_be_read_on_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let people = users(folder.path(), &[("ada", "secret", "reader")]);
    let setup = Server::setup().configure(|config| {
        config.identity.users = people.clone();
        // Whoever calls is a proxy, which says how it was called itself.
        config.doors.proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    });
    let server = setup.start().await;
    let client = plain();
    let get = async |scheme: Option<&str>| {
        let call = client.get(format!("{}/contacts", server.api())).basic_auth("ada", Some("secret"));
        let call = scheme.into_iter().fold(call, |call, scheme| call.header("x-forwarded-proto", scheme));
        call.send().await.expect("an answer")
    };
    assert_eq!(get(Some("https")).await.status(), 200);
    for scheme in [None, Some("http"), Some("https, http")] {
        let answer = get(scheme).await;
        assert_eq!(answer.status(), 401, "{scheme:?}");
        assert!(answer.text().await.expect("a text").contains("over TLS only"));
    }
}
