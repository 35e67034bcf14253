//! A FHIR service that is asked with the token of whoever asks, as it came or exchanged for another: each is shown what that
//! service shows them, and nothing that another was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use percent_encoding::percent_decode_str;
use reqwest::Method;
use serde_json::{Value, json};
use turntable::fhir::auth::{AuthSettings, Secret};
use turntable::fhir::transport::BaseUrl;
use turntable::identity::keys::{self, NewKey};
use turntable::identity::provider::ProviderSettings;
use turntable_tests::{Answer, Heard, Provider, Scripted, Server, Setup, Signer, Told};

const TABLE: &str = "msemr_encounter";
const SET: &str = "msemr_encounters";

fn token(signer: &Signer, provider: &Provider, subject: &str, role: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    signer.token(&json!({
        "iss": provider.issuer(), "aud": "turntable", "sub": subject, "exp": now + 300, "roles": [role],
    }))
}

fn settings(provider: &Provider) -> ProviderSettings {
    ProviderSettings::new(provider.issuer(), vec!["turntable".to_owned()])
}

/// Whose token a header has.
fn subject(heard: &Heard) -> Option<String> {
    let token = heard.header("authorization").strip_prefix("Bearer ")?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims["sub"].as_str().map(str::to_owned)
}

/// The id of an encounter that somebody may see alone.
fn id_of(subject: &str, number: usize) -> String {
    let byte = subject.bytes().next().unwrap_or_default();
    format!("00000000-0000-4000-8000-0000000{number:03}{byte:02x}")
}

fn encounter(id: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id, "meta": { "versionId": "1" }, "status": "finished", "class": { "code": "AMB" },
    })
}

/// A service of encounters that shows each subject their own three, two a page, and nobody else anything.
fn service(heard: &Heard, whose: Option<String>) -> Told {
    let path = heard.path.split('?').next().unwrap_or_default();
    if path == "/metadata" {
        let says = json!({
            "resourceType": "CapabilityStatement", "status": "active", "kind": "instance", "fhirVersion": "4.0.1",
            "rest": [{ "mode": "server", "interaction": [{ "code": "transaction" }, { "code": "batch" }], "resource": [{ "type": "Encounter", "searchParam": [] }] }],
        });
        return Told::body(200, says.to_string());
    }
    let Some(whose) = whose else { return Told::status(401) };
    let all: Vec<_> = (0..3).map(|number| encounter(&id_of(&whose, number))).collect();
    if let Some(id) = path.strip_prefix("/Encounter/") {
        let found = all.iter().find(|one| one["id"] == id);
        return found.map_or(Told::status(404), |one| Told::body(200, one.to_string()));
    }
    if heard.method == "POST" && path == "/Encounter" {
        let mut made: Value = serde_json::from_slice(&heard.body).expect("a resource");
        made["id"] = id_of(&whose, 9).into();
        return Told::body(201, made.to_string());
    }
    let second = heard.path.contains("page=2");
    let shown = if second { &all[2..] } else { &all[..2] };
    let entries: Vec<_> = shown.iter().map(|one| json!({ "resource": one, "search": { "mode": "match" } })).collect();
    let mut links = vec![json!({ "relation": "self", "url": heard.path.clone() })];
    if !second {
        links.push(json!({ "relation": "next", "url": "?page=2" }));
    }
    let bundle = json!({ "resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries });
    Told::body(200, bundle.to_string())
}

fn asked_by(setup: Setup, providers: &[(&str, &Provider)], fhir: &str, auth: AuthSettings) -> Setup {
    let providers: Vec<_> = providers.iter().map(|(name, provider)| ((*name).to_owned(), settings(provider))).collect();
    let setup = setup.source("main", fhir).route(TABLE, "virtual");
    setup.configure(|config| {
        config.identity.providers.extend(providers);
        config.sources.get_mut("main").expect("it was just named").auth = auth;
    })
}

async fn ask(server: &Server, path: &str, token: &str) -> Answer {
    server.call(Method::GET, path).header("authorization", &format!("Bearer {token}")).send().await
}

fn ids(answer: &Answer) -> Vec<String> {
    let rows = answer.json()["value"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["msemr_encounterid"].as_str().unwrap_or_default().to_owned()).collect()
}

fn own(subject: &str) -> Vec<String> {
    (0..3).map(|number| id_of(subject, number)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_shown_what_the_service_shows_them() {
    let signer = Signer::p256("k");
    let provider = Provider::start(&[&signer]).await;
    let fhir = Scripted::start(|heard| service(heard, subject(heard))).await;
    let data = tempfile::tempdir().expect("a folder");
    let key = NewKey { name: "ci".to_owned(), roles: vec!["admin".to_owned()], claims: [].into(), expires: None };
    let (key, _) = keys::create(data.path(), key, "test", 10).expect("a key");
    let auth = AuthSettings::Forward { provider: None };
    let setup = Server::setup().data_dir(data.path()).configure(|config| config.identity.keys = true);
    let server = asked_by(setup, &[("hospital", &provider)], &fhir.url(), auth).start().await;
    let [ada, bob] = ["ada", "bob"].map(|who| token(&signer, &provider, who, "admin"));

    // At the same time, so that nothing can be shared by accident.
    for _ in 0..5 {
        let (first, second) = tokio::join!(ask(&server, SET, &ada), ask(&server, SET, &bob));
        assert_eq!(ids(&first.expect(200)), own("ada"));
        assert_eq!(ids(&second.expect(200)), own("bob"));
    }
    let heard = fhir.heard();
    let rows: Vec<_> = heard.iter().filter(|heard| heard.path.starts_with("/Encounter")).collect();
    assert!(rows.iter().all(|heard| matches!(subject(heard).as_deref(), Some("ada" | "bob"))), "{rows:#?}");
    let described = heard.iter().filter(|heard| heard.path.starts_with("/metadata"));
    assert!(
        described.into_iter().all(|heard| heard.header("authorization").is_empty()),
        "what it can do is asked by nobody"
    );

    // Rows of another are not there: by key, by a file, in a batch, counted.
    let mine = format!("{SET}({})", id_of("ada", 1));
    ask(&server, &mine, &ada).await.expect(200);
    assert_eq!(ask(&server, &mine, &bob).await.expect(404).error_code(), "NotFound");
    assert_eq!(ask(&server, &format!("{SET}/$count"), &bob).await.expect(200).text.trim_start_matches('\u{feff}'), "3");
    let file = ask(&server, &format!("{SET}?$format=csv&$select=msemr_encounterid"), &bob).await.expect(200).text;
    assert!(file.contains(&id_of("bob", 2)) && !file.contains(&id_of("ada", 0)), "{file}");
    let batch = json!({ "requests": [{ "id": "1", "method": "GET", "url": SET }] });
    let call = server.call(Method::POST, "$batch").header("authorization", &format!("Bearer {bob}"));
    let answered = call.json(&batch).send().await.expect(200).text;
    assert!(answered.contains(&id_of("bob", 0)) && !answered.contains(&id_of("ada", 0)), "{answered}");

    // A next link is good for who got it.
    let page = server.call(Method::GET, SET).header("authorization", &format!("Bearer {ada}"));
    let page = page.header("prefer", "odata.maxpagesize=2").send().await.expect(200).json();
    let next = page["@odata.nextLink"].as_str().expect("a page follows").to_owned();
    assert_eq!(ids(&ask(&server, &next, &ada).await.expect(200)), own("ada")[2..]);
    let foreign = ask(&server, &next, &bob).await;
    assert!(foreign.status >= 400 && !foreign.text.contains(&id_of("ada", 2)), "{}", foreign.text);

    // What somebody may see there can change without a change of it, so there is no telling later what has.
    let tracked = server.call(Method::GET, SET).header("authorization", &format!("Bearer {ada}"));
    let tracked = tracked.header("prefer", "odata.track-changes").send().await.expect(501);
    assert!(tracked.text.contains("your own token"), "{}", tracked.text);

    // A new row is made by who makes it.
    let new = json!({ "msemr_encounterstatus": 935_000_004, "msemr_class": 935_000_001 });
    let call = server.call(Method::POST, SET).header("authorization", &format!("Bearer {bob}"));
    let made = call.json(&new).send().await;
    let posted = fhir.heard().into_iter().rfind(|heard| heard.method == "POST" && heard.path == "/Encounter");
    match posted {
        Some(posted) => assert_eq!(subject(&posted).as_deref(), Some("bob")),
        None => panic!("nothing was made: {}", made.text),
    }

    // So is what is made together, and a bundle that is sent on.
    let sent = async |path: &str, kind: &str, body: Value| {
        let before = fhir.heard().len();
        let call = server.call(Method::POST, path).header("authorization", &format!("Bearer {bob}"));
        let answer = call.body(kind, body.to_string()).send().await;
        let heard = fhir.heard().split_off(before);
        let asked: Vec<_> = heard.iter().filter(|heard| heard.method == "POST").collect();
        assert!(!asked.is_empty(), "{path}: {}", answer.text);
        assert!(asked.iter().all(|heard| subject(heard).as_deref() == Some("bob")), "{path}: {asked:#?}");
    };
    let change = |id: &str| {
        json!({ "id": id, "atomicityGroup": "g", "method": "POST", "url": SET, "body": new,
                "headers": { "content-type": "application/json" } })
    };
    sent("$batch", "application/json", json!({ "requests": [change("1"), change("2")] })).await;
    let entry = json!([{ "resource": encounter("x"), "request": { "method": "PUT", "url": "Encounter/x" } }]);
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entry });
    sent("/fhir?forward=main", "application/fhir+json", bundle).await;

    // Who has no such token is told so, before the service is asked.
    let before = fhir.heard().len();
    let refused = ask(&server, SET, &key).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (403, "Forbidden"), "{}", refused.text);
    assert!(refused.text.contains("token of whoever asks"), "{}", refused.text);
    // Nor can an administrator look as somebody else: the service would take it for the administrator.
    let call = server.call(Method::GET, SET).header("authorization", &format!("Bearer {ada}"));
    let previewed = call.header("turntable-as-roles", "reader").send().await;
    assert_eq!((previewed.status, previewed.error_code().as_str()), (403, "Forbidden"), "{}", previewed.text);
    // Jobs of the server's own have none.
    let call =
        server.call(Method::POST, "/admin/v1/sources/main/probe").header("authorization", &format!("Bearer {ada}"));
    let probe = call.json(&json!({})).send().await;
    assert_eq!((probe.status, probe.error_code().as_str()), (501, "NotSupported"), "{}", probe.text);
    let call = server.call(Method::PUT, &format!("/admin/v1/tables/{TABLE}/route"));
    let call = call.header("authorization", &format!("Bearer {ada}"));
    let turn = json!({ "provider": "virtual", "source": "main", "dry_run": true });
    let turn = call.json(&turn).send().await.expect(200).json();
    assert_eq!(turn["preflight"]["sample"]["code"], "Forbidden", "{turn:#}");
    let after = fhir.heard();
    assert!(after[before..].iter().all(|heard| !heard.path.starts_with("/Encounter")), "{:#?}", &after[before..]);
    let ready = server.get("/readyz", &[]).await.expect(200).json();
    assert_eq!(ready["sources"]["main"]["up"], true, "{ready}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_service_does_not_take_is_its_word_and_not_ours() {
    let signer = Signer::p256("k");
    let (provider, other) = (Provider::start(&[&signer]).await, Provider::start(&[&signer]).await);
    let fhir = Scripted::start(|heard| service(heard, subject(heard).filter(|who| who == "ada"))).await;
    let auth = AuthSettings::Forward { provider: Some("hospital".to_owned()) };
    let providers = [("hospital", &provider), ("clinic", &other)];
    let server = asked_by(Server::setup(), &providers, &fhir.url(), auth).start().await;
    let eve = token(&signer, &provider, "eve", "reader");
    let refused = ask(&server, SET, &eve).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (502, "UpstreamAuth"), "{}", refused.text);
    assert!(refused.header("www-authenticate").is_empty() && !refused.text.contains(&eve));
    // That one was refused is nothing to another.
    assert_eq!(ids(&ask(&server, SET, &token(&signer, &provider, "ada", "reader")).await.expect(200)), own("ada"));
    // The token of a provider whose tokens are none for this service goes nowhere.
    let before = fhir.heard().len();
    let refused = ask(&server, SET, &token(&signer, &other, "ada", "reader")).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (403, "Forbidden"), "{}", refused.text);
    assert!(refused.text.contains("`hospital`"), "{}", refused.text);
    assert!(fhir.heard()[before..].iter().all(|heard| heard.header("authorization").is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_exchanged_once_for_each_and_anew_where_it_is_refused() {
    let signer = Signer::p256("k");
    let provider = Provider::start(&[&signer]).await;
    // Gives out the token "for:SUBJECT:NUMBER"; to eve none.
    let number = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let endpoint = Scripted::start(move |heard| {
        let form = String::from_utf8_lossy(&heard.body).into_owned();
        let field = |name: &str| {
            let value = form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.map(|value| percent_decode_str(value).decode_utf8_lossy().into_owned()).unwrap_or_default()
        };
        let expected = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", "fhir"),
            ("scope", "user/*.rs"),
        ];
        // turntable:hunter2
        let is_us = heard.header("authorization") == "Basic dHVybnRhYmxlOmh1bnRlcjI=";
        if !is_us || expected.iter().any(|(name, value)| field(name) != *value) {
            return Told::status(400);
        }
        let mut asked = heard.clone();
        asked.headers.insert("authorization".to_owned(), format!("Bearer {}", field("subject_token")));
        match subject(&asked) {
            Some(who) if who != "eve" => {
                let made = format!("for:{who}:{}", number.fetch_add(1, Ordering::SeqCst));
                let answer = json!({
                    "access_token": made, "token_type": "Bearer", "expires_in": 300,
                    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                });
                Told::body(200, answer.to_string())
            }
            _ => Told::body(400, json!({ "error": "invalid_grant" }).to_string()),
        }
    })
    .await;
    let is_renewed = Arc::new(AtomicBool::new(false));
    let asks_anew = is_renewed.clone();
    let fhir = Scripted::start(move |heard| {
        let said = heard.header("authorization").strip_prefix("Bearer for:").unwrap_or_default().to_owned();
        let (who, number) = said.split_once(':').unwrap_or_default();
        // Ada's first one ends early.
        let is_good = !(asks_anew.load(Ordering::SeqCst) && number == "0");
        service(heard, (is_good && !who.is_empty()).then(|| who.to_owned()))
    })
    .await;
    let auth = AuthSettings::Exchange {
        token_url: BaseUrl::parse(&format!("{}/token", endpoint.url())).expect("an address"),
        client_id: "turntable".to_owned(),
        client_secret: Secret::environment("S", "hunter2").expect("a secret"),
        audience: Some("fhir".to_owned()),
        resource: None,
        scope: Some("user/*.rs".to_owned()),
        secret_in_form: false,
        provider: None,
    };
    let server = asked_by(Server::setup(), &[("hospital", &provider)], &fhir.url(), auth).start().await;
    let [ada, bob, eve] = ["ada", "bob", "eve"].map(|who| token(&signer, &provider, who, "reader"));
    for _ in 0..3 {
        assert_eq!(ids(&ask(&server, SET, &ada).await.expect(200)), own("ada"));
    }
    assert_eq!(endpoint.heard().len(), 1, "kept until it ends");
    let (first, second) = tokio::join!(ask(&server, SET, &bob), ask(&server, SET, &bob));
    assert_eq!([ids(&first.expect(200)), ids(&second.expect(200))], [own("bob"), own("bob")]);
    assert_eq!(endpoint.heard().len(), 2, "one request exchanges it, the others wait");
    is_renewed.store(true, Ordering::SeqCst);
    assert_eq!(ids(&ask(&server, SET, &ada).await.expect(200)), own("ada"));
    assert_eq!(endpoint.heard().len(), 3, "renewed where the service says 401");
    // Who has none to exchange it for is told so, and nobody's is taken instead.
    let refused = ask(&server, SET, &eve).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (502, "UpstreamAuth"), "{}", refused.text);
    // No token of a caller has come to the service.
    let heard = fhir.heard();
    assert!(heard.iter().all(|heard| subject(heard).is_none() && !heard.header("authorization").contains(&ada)));
}
