//! Components in registries that misbehave: what comes is held to its digest, everything has an end, and credentials go to the
//! registry and its tokens alone.

use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use serde_json::json;
use turntable::mapping::inspect::inspect;
use turntable::model::error::{Code, Error};
use turntable::model::limits::Limits;
use turntable::oci::artifact::Artifact;
use turntable::oci::credentials::Credentials;
use turntable::oci::reference::Reference;
use turntable::oci::registry::{How, Pulled, Registry};
use turntable_tests::{Heard, Scripted, Told, builtin, digest};

const BASIC: &str = "Basic dXNlcjpwYXNzd29yZA==";

fn how(plain_http: bool) -> How {
    let credentials = Credentials { user: "user".to_owned(), password: "password".to_owned() };
    How { plain_http, credentials: Some(credentials) }
}

fn limits() -> Limits {
    Limits { registry_ms: 20_000, ..Limits::default() }
}

fn artifact() -> Artifact {
    let component = builtin("encounter");
    let inspection = inspect(component, &Limits::default()).expect("a mapping");
    Artifact::of(component, "encounter.wasm", &inspection, Some("MEUC"), Timestamp::UNIX_EPOCH)
}

/// What a well-behaved registry has at a path.
fn whole(heard: &Heard) -> Told {
    let made = artifact();
    let path = heard.path.split('?').next().unwrap_or_default();
    if path == "/v2/team/encounter/manifests/1" || path.ends_with(&digest(&made.manifest)) {
        Told::body(200, made.manifest)
    } else if path.ends_with(&digest(builtin("encounter"))) {
        Told::body(200, builtin("encounter"))
    } else {
        Told::status(404)
    }
}

async fn pull(registry: &str, how: How, limits: &Limits) -> Result<Pulled, Error> {
    let at = Reference::parse(registry).expect("a reference");
    Registry::pull(&at, how, limits).await
}

async fn code(registry: &Scripted) -> Code {
    let pulled = pull(&format!("{}/team/encounter:1", registry.host()), how(false), &limits()).await;
    pulled.err().expect("it is refused").code()
}

#[tokio::test]
async fn what_is_whole_comes_with_its_signature() {
    let registry = Scripted::start(whole).await;
    let pulled = pull(&format!("{}/team/encounter:1", registry.host()), how(false), &limits()).await.expect("it comes");
    assert!(pulled.component == builtin("encounter") && pulled.signature.as_deref() == Some("MEUC"));
    // By its digest as well; and nothing was shown to who did not ask.
    let pinned = format!("{}/team/encounter@{}", registry.host(), pulled.digest);
    pull(&pinned, how(false), &limits()).await.expect("it comes");
    assert!(registry.heard().iter().all(|heard| heard.header("authorization").is_empty()));
}

#[tokio::test]
async fn a_token_is_fetched_where_the_registry_says_and_goes_nowhere_else() {
    let storage = Scripted::start(|_| Told::body(200, builtin("encounter"))).await;
    let tokens = Scripted::start(|heard| match heard.header("authorization") {
        BASIC => Told::body(200, json!({ "token": "t0ken" }).to_string()),
        _ => Told::status(401),
    })
    .await;
    let (realm, blobs) = (format!("{}/token", tokens.url()), storage.url());
    let registry = Scripted::start(move |heard| match heard.header("authorization") {
        "Bearer t0ken" if heard.path.contains("/blobs/") => {
            Told::status(307).with("location", format!("{blobs}/blob?sig=1"))
        }
        "Bearer t0ken" => whole(heard),
        // It would have us ask for more than is done.
        _ => Told::status(401).with(
            "www-authenticate",
            format!("Bearer realm=\"{realm}\",service=\"r\",scope=\"repository:other:pull,push\""),
        ),
    })
    .await;
    pull(&format!("{}/team/encounter:1", registry.host()), how(false), &limits()).await.expect("it comes");
    let [asked] = tokens.heard().try_into().expect("one token");
    assert_eq!(asked.path, "/token?service=r&scope=repository%3Ateam%2Fencounter%3Apull");
    let [asked] = storage.heard().try_into().expect("one blob");
    assert!(asked.header("authorization").is_empty() && asked.path == "/blob?sig=1", "{asked:?}");
    assert!(registry.heard().iter().all(|heard| heard.header("authorization") != BASIC));
}

#[tokio::test]
async fn an_upload_elsewhere_goes_without_credentials() {
    let storage = Scripted::start(|_| Told::status(201)).await;
    let place = storage.url();
    let registry = Scripted::start(move |heard| match (heard.header("authorization"), heard.method.as_str()) {
        ("", _) => Told::status(401).with("www-authenticate", "Basic realm=\"r\""),
        (BASIC, "HEAD") => Told::status(404),
        (BASIC, "POST") => Told::status(202).with("location", format!("{place}/up?state=1")),
        (BASIC, "PUT") if heard.path == "/v2/team/encounter/manifests/1" => Told::status(201),
        _ => Told::status(500),
    })
    .await;
    let at = Reference::parse(&format!("{}/team/encounter:1", registry.host())).expect("a reference");
    let (made, component) = (artifact(), builtin("encounter").to_vec());
    let digests = [digest(&made.config), digest(&component)];
    Registry::push(&at, how(false), &limits(), component.clone(), made).await.expect("it is taken");
    let uploads = storage.heard();
    for (upload, digest) in uploads.iter().zip(&digests) {
        assert_eq!(upload.path, format!("/up?state=1&digest={}", digest.replace(':', "%3A")));
        assert!(upload.header("authorization").is_empty());
    }
    assert!(uploads.len() == 2 && uploads[1].body == component);
    // What is pushed by its digest has no name.
    let pinned = at.pinned(&digests[0]);
    let refused = Registry::push(&pinned, how(false), &limits(), component, artifact()).await;
    assert_eq!(refused.expect_err("a tag is needed").code(), Code::BadValue);
}

#[tokio::test]
async fn no_credentials_are_sent_without_tls_but_on_this_machine() {
    let registry = Scripted::start(|_| Told::status(401).with("www-authenticate", "Basic realm=\"r\"")).await;
    assert_eq!(code(&registry).await, Code::UpstreamAuth);
    assert_eq!(registry.heard().last().map(|heard| heard.header("authorization").to_owned()).as_deref(), Some(BASIC));
    // The same by an address that is none of this machine's own.
    let host = registry.host().replace("127.0.0.1", "0.0.0.0");
    let before = registry.heard().len();
    let refused = pull(&format!("{host}/team/encounter:1"), how(true), &limits()).await.err().expect("it is refused");
    assert!(refused.code() == Code::UpstreamAuth && refused.get_hint().is_some_and(|hint| hint.contains("TLS")));
    let heard = registry.heard();
    assert!(heard.len() > before && heard[before..].iter().all(|heard| heard.header("authorization").is_empty()));
    // And asked by TLS it says nothing.
    let limits = Limits { registry_ms: 500, ..limits() };
    let refused = pull(&format!("{host}/team/encounter:1"), how(false), &limits).await.err().expect("it is refused");
    assert_eq!(refused.code(), Code::UpstreamTimeout);
}

#[tokio::test]
async fn what_is_not_what_it_says_is_refused() {
    let other = Scripted::start(|heard| match heard.path.contains("/blobs/") {
        true => Told::body(200, builtin("contact")),
        false => whole(heard),
    })
    .await;
    assert_eq!(code(&other).await, Code::UpstreamInvalid);
    let at = format!("{}/team/encounter@{}", other.host(), digest(b"another"));
    let not_found = pull(&at, how(false), &limits()).await.err().expect("it is refused");
    assert_eq!(not_found.code(), Code::NotFound);
    let liar = Scripted::start(|_| Told::body(200, artifact().manifest)).await;
    let at = format!("{}/team/encounter@{}", liar.host(), digest(b"another"));
    assert_eq!(pull(&at, how(false), &limits()).await.err().expect("it is refused").code(), Code::UpstreamInvalid);
    let header = Scripted::start(|heard| whole(heard).with("docker-content-digest", digest(b"another"))).await;
    assert_eq!(code(&header).await, Code::UpstreamInvalid);
    for body in [json!({ "schemaVersion": 2, "manifests": [] }).to_string(), String::new(), "{}".to_owned()] {
        let registry = Scripted::start(move |_| Told::body(200, body.clone())).await;
        assert_eq!(code(&registry).await, Code::UpstreamInvalid);
    }
    for (status, expected) in [
        (403, Code::UpstreamAuth),
        (404, Code::NotFound),
        (429, Code::UpstreamBusy),
        (500, Code::UpstreamDown),
        (206, Code::UpstreamInvalid),
    ] {
        let registry = Scripted::start(move |_| Told::status(status)).await;
        assert_eq!(code(&registry).await, expected, "{status}");
    }
    let round = Scripted::start(|heard| Told::status(302).with("location", heard.path.clone())).await;
    assert_eq!(code(&round).await, Code::UpstreamInvalid);
    assert!(round.heard().len() < 10);
    for place in ["ftp://127.0.0.1/x", "http://user:password@127.0.0.1/x", "http://"] {
        let away = Scripted::start(move |_| Told::status(302).with("location", place)).await;
        assert_eq!(code(&away).await, Code::UpstreamInvalid, "{place}");
    }
    for challenge in ["Bearer", "Bearer realm=\"here\"", "Bearer realm=\"ftp://127.0.0.1/\""] {
        let odd = Scripted::start(move |_| Told::status(401).with("www-authenticate", challenge)).await;
        assert_eq!(code(&odd).await, Code::UpstreamInvalid, "{challenge}");
    }
}

#[tokio::test]
async fn everything_has_an_end() {
    let large = Scripted::start(whole).await;
    let at = format!("{}/team/encounter:1", large.host());
    for limits in [
        Limits { component_bytes: builtin("encounter").len() - 1, ..limits() },
        Limits { manifest_bytes: artifact().manifest.len() - 1, ..limits() },
    ] {
        assert_eq!(pull(&at, how(false), &limits).await.err().expect("it is too large").code(), Code::BodyTooLarge);
    }
    // It says less than it sends.
    let liar = Scripted::start(|heard| match heard.path.contains("/blobs/") {
        true => whole(heard),
        false => {
            let made = String::from_utf8(artifact().manifest).expect("a text");
            Told::body(200, made.replace(&format!("\"size\":{}", builtin("encounter").len()), "\"size\":1"))
        }
    })
    .await;
    let limits = Limits { component_bytes: 1_000, ..limits() };
    let at = format!("{}/team/encounter:1", liar.host());
    assert_eq!(pull(&at, how(false), &limits).await.err().expect("it is too large").code(), Code::BodyTooLarge);

    let silent = Scripted::start(|_| Told::status(0)).await;
    let limits = Limits { registry_ms: 300, ..Limits::default() };
    let began = Instant::now();
    let late = pull(&format!("{}/team/encounter:1", silent.host()), how(false), &limits).await;
    assert_eq!(late.err().expect("it is too late").code(), Code::UpstreamTimeout);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(BASE64_STANDARD.encode("user:password"), BASIC.trim_start_matches("Basic "));
}
