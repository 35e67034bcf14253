//! Signing in on a page: where one does, and the token that the provider gives for what it sent the page back with.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value, json};
use turntable::fhir::auth::Secret;
use turntable::identity::provider::ProviderSettings;
use turntable::identity::sign_in::SignInSettings;
use turntable_tests::{Answer, Provider, Server, Signer};

fn settings(provider: &Provider, sign_in: Option<SignInSettings>) -> ProviderSettings {
    ProviderSettings { sign_in, ..ProviderSettings::new(provider.issuer(), vec!["turntable".to_owned()]) }
}

fn pages(client_secret: Option<Secret>) -> SignInSettings {
    SignInSettings {
        client_id: "the pages".to_owned(),
        client_secret,
        scope: "openid tables".to_owned(),
        resource: Some("turntable".to_owned()),
        label: "City Hospital".to_owned(),
    }
}

async fn server(provider: &Provider, sign_in: Option<SignInSettings>) -> Server {
    let settings = settings(provider, sign_in);
    let setup =
        Server::setup().configure(|config| drop(config.identity.providers.insert("hospital".to_owned(), settings)));
    setup.start().await
}

async fn bring(server: &Server, body: &Value) -> Answer {
    let call = server.call(Method::POST, "/auth/providers/hospital/token");
    call.body("application/json", body.to_string()).send().await
}

fn token(signer: &Signer, issuer: &str, audience: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let claims = json!({ "iss": issuer, "aud": audience, "sub": "ada", "exp": now + 300, "roles": ["reader"] });
    signer.token(&claims)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_told_where_one_signs_in_and_gets_the_token_for_its_code() {
    let signer = Signer::p256("e");
    let provider = Provider::start(&[&signer]).await;
    let server = server(&provider, Some(pages(None))).await;
    let known = server.get("/auth/providers", &[]).await.expect(200).json();
    assert_eq!(known, json!({ "providers": [{ "name": "hospital", "label": "City Hospital" }] }));

    let told = server.get("/auth/providers/hospital", &[]).await.expect(200).json();
    assert_eq!(told["issuer"], provider.issuer());
    let address = told["address"].as_str().expect("an address");
    assert!(address.starts_with(&format!("{}/authorize?tenant=1&response_type=code&", provider.issuer())), "{address}");
    let back = format!("http%3A%2F%2F{}%2Fauth%2Fcallback", server.address().to_string().replace(':', "%3A"));
    for part in
        ["client_id=the+pages", "scope=openid+tables", "code_challenge_method=S256", "resource=turntable", &back]
    {
        assert!(address.contains(part), "{part} in {address}");
    }

    let good = token(&signer, &provider.issuer(), "turntable");
    let given =
        json!({ "access_token": good, "expires_in": 300, "refresh_token": "next", "id_token": "not looked at" });
    provider.answer("/token", &given.to_string());
    let answer = bring(&server, &json!({ "code": "c&d", "verifier": "v" })).await.expect(200);
    assert_eq!(answer.json(), json!({ "token": good, "expires": 300, "refresh": "next" }));
    assert_eq!(answer.header("cache-control"), "no-store");
    let (head, form) = provider.posted().pop().expect("it was asked");
    assert!(!head.to_lowercase().contains("authorization:"), "{head}");
    for part in [
        "grant_type=authorization%5Fcode",
        "code=c%26d",
        "code_verifier=v",
        "client_id=the%20pages",
        "resource=turntable",
    ] {
        assert!(form.contains(part), "{part} in {form}");
    }
    assert!(form.contains("redirect_uri=http%3A%2F%2F127%2E0%2E0%2E1"), "{form}");
    let rows = server.call(Method::GET, "contacts").header("authorization", &format!("Bearer {good}"));
    rows.send().await.expect(200);

    bring(&server, &json!({ "refresh": "next" })).await.expect(200);
    let (_, form) = provider.posted().pop().expect("it was asked");
    assert!(form.contains("grant_type=refresh%5Ftoken&refresh_token=next"), "{form}");
    // What is found out of the provider is kept for a while: the addresses, its keys, and a form for each token.
    assert!(provider.asked() <= 5, "{}", provider.asked());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_said_and_by_whose_fault() {
    let signer = Signer::p256("e");
    let provider = Provider::start(&[&signer]).await;
    let server = server(&provider, Some(pages(None))).await;
    let check = async |given: &str, status: u16, code: &str, words: &str| {
        provider.answer("/token", given);
        let answer = bring(&server, &json!({ "code": "c", "verifier": "v" })).await.expect(status);
        assert_eq!(answer.error_code(), code, "{given}");
        assert!(answer.text.contains(words), "{given}: {}", answer.text);
        assert!(!answer.text.contains("secret words"), "{}", answer.text);
    };
    let described = r#""error_description":"secret words""#;
    check(&format!(r#"400 {{"error":"invalid_grant",{described}}}"#), 401, "Unauthorized", "sign in again").await;
    check(&format!(r#"400 {{"error":"invalid_client",{described}}}"#), 502, "UpstreamAuth", "invalid_client").await;
    check(&format!(r#"400 {{"error":"secret words",{described}}}"#), 502, "UpstreamDown", "try again").await;
    check("secret words", 502, "UpstreamDown", "try again").await;
    check("-> http://127.0.0.1:9/token", 502, "UpstreamDown", "try again").await;
    // What the server would not take afterwards.
    let other = json!({ "access_token": token(&signer, &provider.issuer(), "somebody else") }).to_string();
    check(&other, 401, "Unauthorized", "its token is not taken here: ").await;
    check(r#"{"access_token":"opaque"}"#, 401, "Unauthorized", "audience").await;

    for bad in [json!({}), json!({ "code": "c" }), json!([]), json!({ "code": 1, "verifier": "v" })] {
        assert_eq!(bring(&server, &bad).await.expect(400).error_code(), "BadJson", "{bad}");
    }
    for bad in [json!({ "code": "", "verifier": "v" }), json!({ "refresh": "x".repeat(9_000) })] {
        assert_eq!(bring(&server, &bad).await.expect(400).error_code(), "BadRequest");
    }
    let large = json!({ "refresh": "x".repeat(40_000) });
    assert_eq!(bring(&server, &large).await.expect(413).error_code(), "BodyTooLarge");
    assert_eq!(server.get("/auth/providers/nobody", &[]).await.expect(404).error_code(), "NotFound");
    // A page of another site cannot make a browser do it.
    let call = server.call(Method::POST, "/auth/providers/hospital/token").header("sec-fetch-site", "cross-site");
    let answer = call.body("application/json", r#"{"code":"c","verifier":"v"}"#).send().await.expect(403);
    assert_eq!(answer.error_code(), "CrossSite");
}

/// A provider that calls itself by another name, or leads elsewhere than over TLS, is none.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_says_of_itself_is_not_believed_blindly() {
    let provider = Provider::start(&[]).await;
    let at = |path: &str| format!("{}{path}", provider.issuer());
    let good =
        json!({ "issuer": provider.issuer(), "authorization_endpoint": at("/a"), "token_endpoint": at("/token") });
    for (name, value) in [
        ("issuer", "https://login.example.org"),
        ("authorization_endpoint", "http://login.example.org/a"),
        ("token_endpoint", "http://login.example.org/token"),
    ] {
        let mut bad = good.clone();
        bad[name] = json!(value);
        provider.answer("/.well-known/openid-configuration", &bad.to_string());
        let server = server(&provider, Some(pages(None))).await;
        let answer = server.get("/auth/providers/hospital", &[]).await.expect(502);
        assert_eq!(answer.error_code(), "UpstreamDown", "{name}");
        assert!(!answer.text.contains("example.org"), "{}", answer.text);
        assert_eq!(bring(&server, &json!({ "refresh": "x" })).await.expect(502).error_code(), "UpstreamDown", "{name}");
    }
    assert!(provider.posted().is_empty(), "nothing is sent to such an address");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_secret_shows_it_to_the_provider_alone() {
    let signer = Signer::p256("e");
    let provider = Provider::start(&[&signer]).await;
    let secret = Secret::environment("S", "hunter 2").expect("a secret");
    let server = server(&provider, Some(pages(Some(secret)))).await;
    let good = token(&signer, &provider.issuer(), "turntable");
    provider.answer("/token", &json!({ "access_token": good }).to_string());
    let answer = bring(&server, &json!({ "code": "c", "verifier": "v" })).await.expect(200);
    assert!(!answer.text.contains("hunter"));
    let (head, form) = provider.posted().pop().expect("it was asked");
    // `the%20pages:hunter%202`
    assert!(head.contains("Basic dGhlJTIwcGFnZXM6aHVudGVyJTIwMg=="), "{head}");
    assert!(!form.contains("hunter"), "{form}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_it_nobody_signs_in_there() {
    let provider = Provider::start(&[]).await;
    let server = server(&provider, None).await;
    assert_eq!(server.get("/auth/providers", &[]).await.expect(200).json(), json!({ "providers": [] }));
    server.get("/auth/providers/hospital", &[]).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_are_asked_for_at_once() {
    let provider = Provider::start(&[]).await;
    let settings = settings(&provider, Some(pages(None)));
    let setup = Server::setup().limits(|limits| limits.sign_ins = 0);
    let setup = setup.configure(|config| drop(config.identity.providers.insert("hospital".to_owned(), settings)));
    let server = setup.start().await;
    let answer = server.get("/auth/providers/hospital", &[]).await.expect(503);
    assert_eq!((answer.error_code().as_str(), answer.header("retry-after")), ("Busy", "1"));
    assert_eq!(provider.asked(), 0);
}
