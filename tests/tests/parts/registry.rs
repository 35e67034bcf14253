//! Docker's registry, as Debian has it: a component goes there with its signature, comes back as it was, and is let in by a
//! server that trusts the key alone.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use turntable::cli::mapping::registry::{self, Reached};
use turntable::mapping::inspect::inspect;
use turntable::mapping::signature::{Policy, PrivateKey, Trust, beside};
use turntable::model::error::Code;
use turntable::model::limits::Limits;
use turntable::oci::artifact::Artifact;
use turntable::oci::credentials::Credentials;
use turntable::oci::reference::Reference;
use turntable::oci::registry::{How, Registry};
use turntable_test_data::skipped;
use turntable_tests::{Server, digest, with_text};

/// bcrypt of `password`.
const USERS: &str = "user:$2b$04$Z03nqWRpHihFXJccqVBzKeiWnItP2bYk9LJJLydPQYH5sxGqRddoK\n";

/// It ends with this.
struct DockerRegistry {
    process: Child,
    host: String,
}

impl DockerRegistry {
    /// None after a line that says so, where none is named.
    async fn start(folder: &Path, has_users: bool) -> Option<Self> {
        let Some(program) = std::env::var_os("TURNTABLE_TEST_REGISTRY") else {
            skipped("no registry (apt-get install docker-registry, set TURNTABLE_TEST_REGISTRY to its program)");
            return None;
        };
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let host = listener.local_addr().expect("it has an address").to_string();
        drop(listener);
        let (store, users) = (folder.join("store"), folder.join("users"));
        std::fs::write(&users, USERS).expect("written");
        let auth = match has_users {
            true => format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", users.display()),
            false => String::new(),
        };
        let settings = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\n{auth}",
            store.display()
        );
        let file = folder.join("settings.yml");
        std::fs::write(&file, settings).expect("written");
        let process = Command::new(program)
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let registry = Self { process, host };
        for _ in 0..300 {
            if std::net::TcpStream::connect(&registry.host).is_ok() {
                return Some(registry);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the registry does not listen on {}", registry.host);
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_goes_there_and_comes_back_with_its_signature() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(docker) = DockerRegistry::start(folder.path(), false).await else { return };
    let (key, component) = (PrivateKey::generate().expect("a key"), with_text("encounter", "Finished", "FINISHED"));
    let file = folder.path().join("encounter.wasm");
    std::fs::write(&file, &component).expect("written");
    std::fs::write(beside(&file), key.sign(&component).expect("signed")).expect("written");
    let public = folder.path().join("release.pub");
    std::fs::write(&public, key.public().pem()).expect("written");
    let other = folder.path().join("other.pub");
    std::fs::write(&other, PrivateKey::generate().expect("a key").public().pem()).expect("written");

    let reached = || Reached { plain_http: false, config: None };
    let at = format!("{}/team/encounter:1.0.0", docker.host);
    registry::push(&file, &at, &reached(), false).await.expect("it is taken");
    // Once more: what is there already is not sent again.
    registry::push(&file, &at, &reached(), false).await.expect("it is taken");
    let back = folder.path().join("back.wasm");
    let refused = registry::pull(&at, Some(&back), std::slice::from_ref(&other), &reached(), false).await;
    assert_eq!(refused.expect_err("it is not the other's").code(), Code::SignatureRefused);
    assert!(!back.exists(), "nothing is written that is not trusted");
    registry::pull(&at, Some(&back), &[other, public], &reached(), true).await.expect("it comes");
    assert!(std::fs::read(&back).expect("it was written") == component && beside(&back).exists());

    // `turntable load oci://…`
    let trust = Trust { policy: Policy::Deny, keys: [("release".to_owned(), key.public())].into() };
    let server = Server::setup().configure(|config| config.mappings.trust = trust).start().await;
    let (fetched, signature) = registry::fetched(&format!("oci://{at}"), &reached()).await.expect("it comes");
    let call = server.call(Method::POST, "/admin/v1/mappings?laws_ms=0").body("application/wasm", fetched);
    let signature = signature.expect("it is signed");
    call.header("turntable-signature", signature.trim()).send().await.expect(201);
    server.activate("msemr_encounter", &digest(&component)).await.expect(200);

    let missing = registry::fetched(&format!("{}/team/encounter:2.0.0", docker.host), &reached()).await;
    assert_eq!(missing.expect_err("there is none").code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_with_users_is_shown_who_we_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(docker) = DockerRegistry::start(folder.path(), true).await else { return };
    let component = with_text("encounter", "Finished", "FINISHED");
    let limits = Limits::default();
    let inspection = inspect(&component, &limits).expect("a mapping");
    let artifact = || Artifact::of(&component, "encounter.wasm", &inspection, None, Timestamp::now());
    let at = Reference::parse(&format!("{}/encounter:1", docker.host)).expect("a reference");
    let how = |password: Option<&str>| {
        let credentials =
            password.map(|password| Credentials { user: "user".to_owned(), password: password.to_owned() });
        How { plain_http: false, credentials }
    };
    for password in [None, Some("wrong")] {
        let refused = Registry::push(&at, how(password), &limits, component.clone(), artifact()).await;
        assert_eq!(refused.expect_err("nobody is known").code(), Code::UpstreamAuth);
    }
    let made = Registry::push(&at, how(Some("password")), &limits, component.clone(), artifact()).await;
    let pinned = at.pinned(&made.expect("it is taken"));
    let pulled = Registry::pull(&pinned, how(Some("password")), &limits).await.expect("it comes");
    assert!(pulled.component == component && pulled.signature.is_none());
}
