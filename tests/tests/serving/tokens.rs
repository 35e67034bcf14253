//! Tokens of OpenID providers: those that are good, and everything that is none.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value, json};
use turntable::identity::provider::ProviderSettings;
use turntable_tests::{Answer, EVENTS, PEOPLE, Provider, Server, Setup, Signer};

const AUDIENCE: &str = "turntable";

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_secs()).expect("a number of seconds")
}

/// What a provider says of a reader, with some of it otherwise; null takes a claim away.
fn claims(issuer: &str, otherwise: Value) -> Value {
    let mut claims = json!({
        "iss": issuer, "aud": AUDIENCE, "sub": "ada", "exp": now() + 300, "iat": now(), "roles": ["reader"],
    });
    for (name, value) in otherwise.as_object().expect("claims") {
        match value {
            Value::Null => drop(claims.as_object_mut().expect("claims").shift_remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn settings(provider: &Provider) -> ProviderSettings {
    ProviderSettings::new(provider.issuer(), vec![AUDIENCE.to_owned(), "api://turntable".to_owned()])
}

/// A server that knows a provider by a name, and asks it whenever it needs to.
fn known(setup: Setup, name: &str, settings: ProviderSettings) -> Setup {
    let setup = setup.limits(|limits| limits.jwks_fetches = 60_000);
    setup.configure(|config| drop(config.identity.providers.insert(name.to_owned(), settings)))
}

async fn ask(server: &Server, path: &str, token: &str) -> Answer {
    server.call(Method::GET, path).header("authorization", &format!("Bearer {token}")).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn good_tokens_let_in_and_others_do_not() {
    let (rsa, ec, stranger) = (Signer::rsa("r"), Signer::p256("e"), Signer::p256("e"));
    let provider = Provider::start(&[&rsa, &ec]).await;
    let issuer = provider.issuer();
    let server = known(Server::setup(), "hospital", settings(&provider)).start().await;
    let of = |otherwise: Value| claims(&issuer, otherwise);
    let check = async |what: &str, token: String, expected: u16| {
        let answer = ask(&server, "contacts", &token).await;
        assert_eq!(answer.status, expected, "{what}: {}", answer.text);
        if expected == 401 {
            assert_eq!(answer.error_code(), "Unauthorized", "{what}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{what}");
        }
    };
    for signer in [&rsa, &ec] {
        check("a good one", signer.token(&of(json!({}))), 200).await;
        check("with a slow clock", signer.token(&of(json!({ "exp": now() - 30 }))), 200).await;
        check("with a fast clock", signer.token(&of(json!({ "nbf": now() + 30, "iat": now() + 30 }))), 200).await;
        check("for several", signer.token(&of(json!({ "aud": ["other", "api://turntable"] }))), 200).await;
        check("expired", signer.token(&of(json!({ "exp": now() - 120 }))), 401).await;
        check("without an end", signer.token(&of(json!({ "exp": null }))), 401).await;
        check("not yet", signer.token(&of(json!({ "nbf": now() + 120 }))), 401).await;
        check("from the future", signer.token(&of(json!({ "iat": now() + 120 }))), 401).await;
        check("an end that is a text", signer.token(&of(json!({ "exp": "9999999999" }))), 401).await;
        check("a beginning that is a text", signer.token(&of(json!({ "nbf": "soon" }))), 401).await;
        check("for another", signer.token(&of(json!({ "aud": "other" }))), 401).await;
        check("for nobody", signer.token(&of(json!({ "aud": null }))), 401).await;
        check("for a number", signer.token(&of(json!({ "aud": [7] }))), 401).await;
        check("for a part of us", signer.token(&of(json!({ "aud": "turntable2" }))), 401).await;
        check("of nobody", signer.token(&of(json!({ "sub": null }))), 401).await;
        check("of a line break", signer.token(&of(json!({ "sub": "a\nb" }))), 401).await;
        check("of another issuer", signer.token(&of(json!({ "iss": "https://login.example.org" }))), 401).await;
        check("of a longer issuer", signer.token(&of(json!({ "iss": format!("{issuer}/") }))), 401).await;
        check("without roles", signer.token(&of(json!({ "roles": null }))), 403).await;
        check("with roles that are none", signer.token(&of(json!({ "roles": { "reader": true } }))), 403).await;
        check("one role as a text", signer.token(&of(json!({ "roles": "reader" }))), 200).await;
    }
    check("PS256", rsa.token_with(&json!({ "alg": "PS256", "kid": "r" }), &of(json!({}))), 200).await;
    check("without the name of a key", rsa.token_with(&json!({ "alg": "RS256" }), &of(json!({}))), 200).await;
    check("by a stranger", stranger.token(&of(json!({}))), 401).await;
    let header = |header: Value, expected: u16| (rsa.token_with(&header, &of(json!({}))), expected);
    for (token, expected) in [
        header(json!({ "alg": "RS256", "kid": "r", "typ": "JWT" }), 200),
        header(json!({ "alg": "RS256", "kid": "r", "typ": "application/at+jwt" }), 200),
        header(json!({ "alg": "RS256", "kid": "r", "typ": "logout+jwt" }), 401),
        header(json!({ "alg": "RS256", "kid": "r", "typ": "dpop+jwt" }), 401),
        header(json!({ "alg": "RS256", "kid": "r", "crit": ["b64"], "b64": false }), 401),
        header(json!({ "alg": "RS256", "kid": "e" }), 401),
        header(json!({ "alg": "ES256", "kid": "r" }), 401),
        header(json!({ "alg": "PS256", "kid": "e" }), 401),
        header(json!({ "alg": "none" }), 401),
        header(json!({ "alg": "None", "kid": "r" }), 401),
        header(json!({ "alg": "HS256", "kid": "r" }), 401),
        header(json!({ "alg": "RS512", "kid": "r" }), 401),
        header(json!({ "kid": "r" }), 401),
        header(json!({ "alg": "RS256", "jwk": stranger.public(), "kid": "x" }), 401),
    ] {
        check("a header", token, expected).await;
    }
    // With the public key as a shared secret, without a signature, cut and changed.
    let good = rsa.token(&of(json!({})));
    let (signed, signature) = good.rsplit_once('.').expect("a signature");
    check("unsigned", format!("{signed}."), 401).await;
    check("cut", good[..good.len() - 4].to_owned(), 401).await;
    check("of two parts", signed.to_owned(), 401).await;
    check("of four parts", format!("{good}.x"), 401).await;
    let admin = rsa.token(&of(json!({ "roles": ["admin"] })));
    let (other, _) = admin.rsplit_once('.').expect("a signature");
    check("with another's signature", format!("{other}.{signature}"), 401).await;
    check("too long", rsa.token(&of(json!({ "more": "x".repeat(20_000) }))), 401).await;
    for text in ["", "x", "..", "a.b.c", "e30.e30.e30", "ttk_x", "null.null.null"] {
        check(text, text.to_owned(), 401).await;
    }
    // A token is sent as one: not as a key.
    let call = server.call(Method::GET, "contacts").header("x-api-key", &good);
    call.send().await.expect(401);
    server.call(Method::GET, &format!("contacts?apikey={good}")).send().await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_kept_and_rotated_and_a_provider_is_asked_seldom() {
    let (first, second) = (Signer::p256("1"), Signer::p256("2"));
    let provider = Provider::start(&[&first]).await;
    let setup = known(Server::setup(), "hospital", settings(&provider)).limits(|limits| limits.jwks_fetches = 60);
    let server = setup.start().await;
    let token = |signer: &Signer| signer.token(&claims(&provider.issuer(), json!({})));
    for _ in 0..5 {
        ask(&server, "contacts", &token(&first)).await.expect(200);
    }
    assert_eq!(provider.asked(), 2, "discovered once, fetched once");
    provider.keys(&[&second]);
    ask(&server, "contacts", &token(&first)).await.expect(200);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    ask(&server, "contacts", &token(&second)).await.expect(200);
    assert_eq!(provider.asked(), 4, "a key that is not known is asked for");
    ask(&server, "contacts", &token(&first)).await.expect(401);
    // However many come with keys that nobody has.
    for number in 0..50 {
        ask(&server, "contacts", &token(&Signer::p256(&number.to_string()))).await.expect(401);
    }
    ask(&server, "contacts", &token(&second)).await.expect(200);
    assert!(provider.asked() < 20, "asked {} times", provider.asked());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_gives_no_keys_lets_nobody_in() {
    let signer = Signer::p256("1");
    let token = |provider: &Provider| signer.token(&claims(&provider.issuer(), json!({})));
    let other = Provider::start(&[&signer]).await;
    let discovery = "/.well-known/openid-configuration";
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300 << 10));
    for (path, body) in [
        (discovery, "{}".to_owned()),
        (discovery, "no JSON".to_owned()),
        (discovery, json!({ "issuer": other.issuer(), "jwks_uri": format!("{}/keys", other.issuer()) }).to_string()),
        (discovery, format!("-> {}{discovery}", other.issuer())),
        ("/keys", format!("-> {}/keys", other.issuer())),
        ("/keys", "[]".to_owned()),
        ("/keys", large),
    ] {
        let provider = Provider::start(&[&signer]).await;
        provider.answer(path, &body);
        let server = known(Server::setup(), "hospital", settings(&provider)).start().await;
        let answer = ask(&server, "contacts", &token(&provider)).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (502, "UpstreamDown"), "{path} {body:.60}");
        assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
        // It is not given up for good.
        let good = json!({ "issuer": provider.issuer(), "jwks_uri": format!("{}/keys", provider.issuer()) });
        provider.answer(discovery, &good.to_string());
        provider.keys(&[&signer]);
        ask(&server, "contacts", &token(&provider)).await.expect(200);
    }
    // A document without keys is one.
    let provider = Provider::start(&[]).await;
    let server = known(Server::setup(), "hospital", settings(&provider)).start().await;
    ask(&server, "contacts", &token(&provider)).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_providers_and_keys_at_once() {
    let (one, two) = (Signer::p256("k"), Signer::p256("k"));
    let (first, second) = (Provider::start(&[&one]).await, Provider::start(&[&two]).await);
    let folder = tempfile::tempdir().expect("a folder");
    let setup = known(Server::setup().data_dir(folder.path()), "first", settings(&first));
    let roles_claim = "resource_access.table-api.roles".to_owned();
    let setup =
        known(setup, "second", ProviderSettings { roles_claim, name_claim: "email".to_owned(), ..settings(&second) });
    let server = setup.configure(|config| config.identity.keys = true).start().await;
    let admin = one.token(&claims(&first.issuer(), json!({ "roles": ["admin"] })));
    let nested = json!({
        "email": "grace@example.org", "roles": ["reader"], "resource_access": { "table-api": { "roles": ["mapper"] } },
    });
    let mapper = two.token(&claims(&second.issuer(), nested));
    ask(&server, "contacts", &admin).await.expect(200);
    ask(&server, "contacts", &mapper).await.expect(403);
    // Neither signs for the other.
    ask(&server, "contacts", &one.token(&claims(&second.issuer(), json!({})))).await.expect(401);
    ask(&server, "contacts", &two.token(&claims(&first.issuer(), json!({})))).await.expect(401);
    let off = server.call(Method::DELETE, "/admin/v1/mappings/encounter/active");
    off.header("authorization", &format!("Bearer {mapper}")).send().await.expect(200);
    let events = ask(&server, "/admin/v1/events?limit=1", &admin).await.expect(200).json();
    assert_eq!(events["events"][0]["actor"], "second:grace@example.org");
    let made = server.call(Method::POST, "/admin/v1/keys").header("authorization", &format!("Bearer {admin}"));
    let made = made.json(&json!({ "name": "k", "roles": ["reader"] })).send().await.expect(201).json();
    ask(&server, "contacts", made["key"].as_str().expect("a key")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_say_what_of_which_type() {
    let signer = Signer::p256("1");
    let provider = Provider::start(&[&signer]).await;
    let server = known(Server::setup(), "hospital", settings(&provider)).start().await;
    let token = |scope: Value, more: Value| {
        let mut otherwise = json!({ "roles": null, "scope": scope });
        for (name, value) in more.as_object().expect("claims") {
            otherwise[name] = value.clone();
        }
        signer.token(&claims(&provider.issuer(), otherwise))
    };
    let all = token(json!("openid system/*.cruds"), json!({}));
    let call = server.call(Method::POST, "/fhir").header("authorization", &format!("Bearer {all}"));
    call.body("application/fhir+json", PEOPLE).send().await.expect(200);
    let check = async |token: &str, method: Method, path: &str, expected: u16| {
        let call = server.call(method.clone(), path).header("authorization", &format!("Bearer {token}"));
        let call = if method == Method::POST { call.json(&json!({})) } else { call };
        let answer = call.send().await;
        assert_eq!(answer.status, expected, "{method} {path}: {}", answer.text);
        answer
    };
    for text in [json!("user/Encounter.read"), json!("launch user/Encounter.rs openid"), json!("system/Encounter.rs")] {
        let token = token(text, json!({}));
        check(&token, Method::GET, "$metadata", 200).await;
        check(&token, Method::GET, "msemr_encounters", 200).await;
        check(&token, Method::GET, "contacts", 404).await;
        check(&token, Method::GET, "contacts/$count", 404).await;
        check(&token, Method::POST, "msemr_encounters", 403).await;
        check(&token, Method::POST, "/fhir", 403).await;
        check(&token, Method::GET, "/admin/v1/tables", 403).await;
        check(&token, Method::GET, "/metrics", 403).await;
    }
    let retrieve = json!({ "msind_FHIRQuery": "Patient/4c73b472-442b-4920-b899-aadc599f1d75" });
    for (text, expected) in [("system/*.rs", 200), ("user/Encounter.rs", 403)] {
        let token = token(json!(text), json!({}));
        let call =
            server.call(Method::POST, "msind_RetrieveBundle").header("authorization", &format!("Bearer {token}"));
        call.json(&retrieve).send().await.expect(expected);
    }
    // As a list, under the other name.
    let listed = json!({ "roles": null, "scp": ["user/Encounter.rs", "x"] });
    check(&signer.token(&claims(&provider.issuer(), listed)), Method::GET, "msemr_encounters", 200).await;
    // Part of a right, conditions that are not understood, and one of several types that a table shows are none.
    for text in ["user/Encounter.r", "user/Encounter.s", "user/Encounter.rs?class=AMB", "openid"] {
        check(&token(json!(text), json!({})), Method::GET, "msemr_encounters", 403).await;
    }
    check(&token(json!("user/Patient.rs"), json!({})), Method::GET, "contacts", 404).await;
    // Of a patient in context rows are there, of another's none, and none without one.
    let events = server.call(Method::POST, "/fhir").header("authorization", &format!("Bearer {all}"));
    events.body("application/fhir+json", EVENTS).send().await.expect(200);
    for (patient, has_rows) in [("4c73b472-442b-4920-b899-aadc599f1d75", true), ("somebody-else", false)] {
        for scope in ["patient/*.rs", "launch/patient patient/Encounter.read"] {
            let launched = token(json!(scope), json!({ "patient": patient }));
            let rows = check(&launched, Method::GET, "msemr_encounters", 200).await.rows();
            assert_eq!(!rows.is_empty(), has_rows, "{scope} {patient}");
        }
    }
    let nobodys = token(json!("patient/*.rs"), json!({}));
    let answer = server.call(Method::GET, "msemr_encounters").header("authorization", &format!("Bearer {nobodys}"));
    let answer = answer.send().await;
    assert!(answer.status != 200 || answer.rows().is_empty(), "{}", answer.text);
    // Roles and scopes both have to let it.
    let both = json!({ "roles": ["admin"], "scope": "user/Encounter.rs" });
    let both = signer.token(&claims(&provider.issuer(), both));
    check(&both, Method::GET, "msemr_encounters", 200).await;
    check(&both, Method::GET, "contacts", 404).await;
    check(&both, Method::GET, "/admin/v1/tables", 403).await;
}
