//! A real OpenID provider (npm `oidc-provider`, by `tests/clients/provider.mjs`): its tokens let callers in, and let this server in
//! to a FHIR service that checks them. And a FHIR server that nobody here wrote, with SMART backend services of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::Method;
use serde_json::{Value, json};
use turntable::fhir::auth::{AuthSettings, Secret};
use turntable::fhir::transport::BaseUrl;
use turntable::identity::provider::ProviderSettings;
use turntable_test_data::skipped;
use turntable_tests::{Answer, Fhir, PEOPLE, Server, Signer};

/// The key of the client `backend`, whose public part is [`Signer::rsa`]'s.
const KEY: &[u8] = include_bytes!("../../keys/provider-rsa.pk8");

/// Whom tokens are for that the provider is asked for by callers.
pub(super) const TURNTABLE: &str = "urn:turntable";

fn private_key() -> Secret {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(KEY));
    Secret::environment("KEY", &pem).expect("a key")
}

/// The provider, and the FHIR service whose door takes its tokens alone. Both end with this.
pub(super) struct OpenId {
    process: Child,
    pub(super) issuer: String,
    fhir: String,
}

impl OpenId {
    /// None after a line that says so, where it is not installed.
    pub(super) async fn start(fhir: &Fhir) -> Option<Self> {
        let Some(modules) = std::env::var_os("TURNTABLE_TEST_OPENID_JS") else {
            skipped(
                "no OpenID provider (npm install oidc-provider@9.13.3, set TURNTABLE_TEST_OPENID_JS to where it is)",
            );
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/provider.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .arg(modules)
            .args([fhir.base(), &Signer::rsa("backend").public().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let out = process.stdout.take().expect("it is piped");
        let ready = tokio::task::spawn_blocking(|| {
            let mut lines = BufReader::new(out).lines().map_while(Result::ok);
            let ready = lines.find_map(|line| line.strip_prefix("ready ").map(str::to_owned));
            std::thread::spawn(move || lines.for_each(drop));
            ready
        });
        let ready: Value = serde_json::from_str(&ready.await.expect("it ends").expect("it is ready")).expect("JSON");
        let text = |name: &str| ready[name].as_str().expect("a text").to_owned();
        Some(Self { process, issuer: text("issuer"), fhir: text("fhir") })
    }

    pub(super) fn settings(&self) -> ProviderSettings {
        ProviderSettings::new(self.issuer.clone(), vec![TURNTABLE.to_owned()])
    }

    fn token_url(&self) -> BaseUrl {
        BaseUrl::parse(&format!("{}/token", self.issuer)).expect("an address")
    }

    /// A token by client credentials, for somebody.
    async fn token(&self, client: &str, resource: &str) -> String {
        let basic = BASE64_STANDARD.encode(format!("{client}:a+secret+of+{client}"));
        let form = format!("grant_type=client_credentials&resource={resource}");
        let call = Fhir::at(&self.issuer).plain_call(Method::POST, "token");
        let call = call.header("authorization", &format!("Basic {basic}"));
        let answer = call.body("application/x-www-form-urlencoded", form.into_bytes()).send().await.expect(200).json();
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// Whose tokens have come through the door of the FHIR service.
    async fn seen(&self) -> Vec<Value> {
        let seen = Fhir::at(&self.fhir).plain_call(Method::GET, "seen").send().await.expect(200).json();
        seen.as_array().cloned().unwrap_or_default()
    }
}

impl Drop for OpenId {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn people() -> Fhir {
    let fhir = Fhir::sandbox().await;
    fhir.as_sandbox().load(PEOPLE.as_bytes()).expect("the bundle is whole");
    fhir
}

async fn ask(server: &Server, path: &str, token: &str) -> Answer {
    server.call(Method::GET, path).header("authorization", &format!("Bearer {token}")).send().await
}

/// A server whose contacts are in the service behind the door.
async fn behind_the_door(openid: &OpenId, auth: AuthSettings) -> Server {
    let setup = Server::setup().source("main", &openid.fhir).route("contact", "virtual");
    setup.configure(|config| config.sources.get_mut("main").expect("it was named").auth = auth).start().await
}

fn rows(answer: &Answer) -> usize {
    answer.json()["value"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn its_tokens_let_callers_in() {
    let fhir = people().await;
    let Some(openid) = OpenId::start(&fhir).await else { return };
    let settings = openid.settings();
    let setup = Server::setup().source("main", &openid.fhir).route("contact", "virtual");
    // Passed on, they let in there, too.
    let setup = setup.configure(|config| {
        config.identity.providers.insert("hospital".to_owned(), settings);
        config.sources.get_mut("main").expect("it was named").auth =
            AuthSettings::Forward { provider: Some("hospital".to_owned()) };
    });
    let server = setup.start().await;
    let token = openid.token("reports", TURNTABLE).await;
    let answer = ask(&server, "contacts?$select=lastname", &token).await.expect(200);
    assert!(rows(&answer) > 0, "{}", answer.text);
    let seen = openid.seen().await;
    assert!(!seen.is_empty() && seen.iter().all(|one| one["client"] == "reports" && one["audience"] == TURNTABLE));
    // For somebody else, of somebody without roles, and forged.
    let other = openid.token("reports", "urn:other").await;
    assert_eq!(ask(&server, "contacts", &other).await.expect(401).error_code(), "Unauthorized");
    let nobody = openid.token("nobody", TURNTABLE).await;
    assert_eq!(ask(&server, "contacts", &nobody).await.expect(403).error_code(), "Forbidden");
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    ask(&server, "contacts", &forged).await.expect(401);
    assert_eq!(openid.seen().await.len(), seen.len(), "nobody of them came as far as the service");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_lets_this_server_in_to_a_service() {
    let fhir = people().await;
    let Some(openid) = OpenId::start(&fhir).await else { return };
    let secret = |text: &str| AuthSettings::ClientCredentials {
        token_url: openid.token_url(),
        client_id: "reports".to_owned(),
        client_secret: Secret::environment("S", text).expect("a secret"),
        scope: Some("system/*.rs".to_owned()),
        secret_in_form: false,
    };
    let signed = AuthSettings::PrivateKeyJwt {
        token_url: openid.token_url(),
        client_id: "backend".to_owned(),
        key: private_key(),
        key_id: Some("backend".to_owned()),
        scope: Some("system/*.rs".to_owned()),
    };
    for (client, auth) in [("reports", secret("a secret of reports")), ("backend", signed)] {
        let server = behind_the_door(&openid, auth).await;
        let answer = server.get("contacts", &[("$select", "lastname")]).await.expect(200);
        assert!(rows(&answer) > 0, "{client}: {}", answer.text);
        let last = openid.seen().await.pop().expect("it was asked");
        assert_eq!(last, json!({ "client": client, "audience": "urn:fhir", "scope": "system/*.rs" }));
    }
    let before = openid.seen().await.len();
    for auth in [secret("another secret"), AuthSettings::None] {
        let server = behind_the_door(&openid, auth).await;
        let answer = server.get("contacts", &[]).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (502, "UpstreamAuth"), "{}", answer.text);
    }
    assert_eq!(openid.seen().await.len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn smart_backend_services_of_a_real_server_let_this_one_in() {
    let Some((fhir, endpoint)) = Fhir::sekmet_with_smart(&Signer::rsa("backend").public()).await else { return };
    let auth = |client: &str| AuthSettings::PrivateKeyJwt {
        token_url: BaseUrl::parse(&endpoint).expect("an address"),
        client_id: client.to_owned(),
        key: private_key(),
        key_id: Some("backend".to_owned()),
        scope: Some("system/*.cruds".to_owned()),
    };
    let start = async |auth| {
        let setup = Server::with(&fhir).route("contact", "virtual");
        setup.configure(|config| config.sources.get_mut("main").expect("it was named").auth = auth).start().await
    };
    let server = start(auth("turntable")).await;
    let made = server.post("contacts", &json!({ "msemr_contacttype": 935_000_000, "lastname": "Lovelace" })).await;
    assert!(matches!(made.status, 201 | 204), "{}", made.text);
    let answer = server.get("contacts", &[("$filter", "lastname eq 'Lovelace'")]).await.expect(200);
    assert_eq!(rows(&answer), 1, "{}", answer.text);
    for auth in [auth("somebody"), AuthSettings::None] {
        let refused = start(auth).await.get("contacts", &[]).await;
        assert_eq!((refused.status, refused.error_code().as_str()), (502, "UpstreamAuth"), "{}", refused.text);
    }
}
