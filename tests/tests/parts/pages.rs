//! The pages in a real browser, driven by the scripts of `host/web/test`: what a person clicks, and what then stands in the
//! store and in the FHIR service.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use turntable::config::Config;
use turntable::identity::keys::{self, NewKey};
use turntable::identity::sign_in::SignInSettings;
use turntable_test_data::skipped;

use crate::openid::{self, OpenId};
use turntable_tests::{EVENTS, Fhir, PEOPLE, Server, with_text, without_samples};

/// A browser, and the folder of pages with its packages; else a line that says what is not there.
fn browser() -> Option<(OsString, PathBuf)> {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/web");
    let found = std::env::var_os("TURNTABLE_TEST_CHROMIUM").filter(|_| web.join("node_modules").is_dir());
    if found.is_none() {
        skipped("no browser (npm ci in host/web, set TURNTABLE_TEST_CHROMIUM to a Chromium)");
    }
    Some((found?, web))
}

async fn run(script: &str, arguments: Vec<String>) {
    run_with(script, arguments, |_| {}).await;
}

/// A line `faults TEXT` of the script sets the faults of a service; it goes on when it is told so.
async fn run_with(script: &str, arguments: Vec<String>, faults: impl Fn(&str) + Send + 'static) {
    let Some((chromium, web)) = browser() else { return };
    let mut command = Command::new("node");
    command.current_dir(web).arg(format!("test/{script}")).args(arguments).env("TURNTABLE_TEST_CHROMIUM", chromium);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = move || {
        let mut child = command.spawn().expect("node starts");
        let mut told = child.stdin.take().expect("it is piped");
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok) {
            match line.strip_prefix("faults ") {
                Some(text) => {
                    faults(text);
                    told.write_all(b"set\n").expect("it waits");
                }
                None => said = format!("{said}{line}\n"),
            }
        }
        let output = child.wait_with_output().expect("it ends");
        (output.status, said + &String::from_utf8_lossy(&output.stderr))
    };
    let (status, said) = tokio::task::spawn_blocking(run).await.expect("it ends");
    assert!(status.success(), "{said}");
    figures(&said);
}

#[expect(clippy::print_stdout, reason = "figures that a script has measured are read by people")]
fn figures(said: &str) {
    println!("{said}");
}

fn url(server: &Server) -> String {
    format!("http://{}", server.address())
}

/// People are native; what happened to them is in the FHIR service, as in the reference exercise.
async fn exercise(fhir: &Fhir, folder: &Path) -> Server {
    fhir.as_sandbox().load(PEOPLE.as_bytes()).expect("the bundle is whole");
    fhir.as_sandbox().load(EVENTS.as_bytes()).expect("the bundle is whole");
    let tables = ["msemr_encounter", "msemr_observation", "msemr_allergyintolerance"];
    let setup = Server::with(fhir).data_dir(folder).virtual_tables(&tables);
    // There is not much to fail on.
    let server = setup.limits(|limits| limits.canary_failures = 1).start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    server
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn file(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("the folder takes it");
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_app() {
    if browser().is_none() {
        return;
    }
    let (fhir, data, other) = (Fhir::sandbox().await, folder(), folder());
    let server = exercise(&fhir, data.path()).await;
    // A port where nobody listens.
    let down = Server::setup().data_dir(other.path()).source("main", "http://127.0.0.1:9/fhir");
    let down = down.virtual_tables(&["msemr_encounter"]).start().await;
    run("app.mjs", vec![url(&server), fhir.base().to_owned(), url(&down)]).await;
}

/// A FHIR service that is slow, that does not answer in time, that fails, or that refuses a write.
#[tokio::test(flavor = "multi_thread")]
async fn services_in_trouble() {
    if browser().is_none() {
        return;
    }
    let (fhir, data) = (Fhir::sandbox().await, folder());
    fhir.as_sandbox().load(PEOPLE.as_bytes()).expect("the bundle is whole");
    fhir.as_sandbox().load(EVENTS.as_bytes()).expect("the bundle is whole");
    let tables = ["msemr_encounter", "msemr_allergyintolerance"];
    let setup = Server::with(&fhir).data_dir(data.path()).virtual_tables(&tables);
    let server = setup.limits(|limits| limits.request_ms = 8_000).start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let token = std::fs::read_to_string(data.path().join("admin-token")).expect("the server has made it");
    let arguments = vec![url(&server), token.trim().to_owned()];
    run_with("trouble.mjs", arguments, move |text| {
        fhir.as_sandbox().set_faults(text.parse().expect("faults"));
    })
    .await;
}

/// Nobody waits, with as many rows in a list as one scrolls through.
#[tokio::test(flavor = "multi_thread")]
async fn many_rows() {
    if browser().is_none() {
        return;
    }
    let server = Server::setup().start().await;
    for part in 0..5 {
        let person = |n: usize| {
            json!({ "request": { "method": "PUT", "url": format!("Patient/many-{n}") }, "resource": {
                "resourceType": "Patient", "id": format!("many-{n}"), "gender": if n.is_multiple_of(2) { "female" } else { "male" },
                "name": [{ "family": format!("Family {}", n * 7919 % 5_000), "given": [format!("Given {n}")] }],
                "birthDate": format!("{}-05-0{}", 1930 + n % 80, 1 + n % 9),
                "address": [{ "city": format!("City {}", n % 97), "line": [format!("{n} Some Street")] }],
            } })
        };
        let entries: Vec<_> = (part * 1_000..(part + 1) * 1_000).map(person).collect();
        let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
        server.ingest(&bundle.to_string(), None).await.expect(200);
    }
    run("speed.mjs", vec![url(&server)]).await;
}

/// Two servers whose pages are clients of one provider: one gets tokens that can be renewed, one does not. And one whose
/// provider does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn signing_in_at_a_provider() {
    if browser().is_none() {
        return;
    }
    let fhir = Fhir::sandbox().await;
    let Some(openid) = OpenId::start(&fhir).await else { return };
    let mut arguments = Vec::new();
    let mut servers = Vec::new();
    for client in ["pages", "brief", "down"] {
        let data = folder();
        let new = NewKey { name: "loader".to_owned(), roles: vec!["writer".to_owned()], ..NewKey::default() };
        let key = keys::create(data.path(), new, "test", 100).expect("a key can be made").0;
        let mut provider = openid.settings();
        provider.skew = std::time::Duration::ZERO;
        if client == "down" {
            // A port where nobody listens.
            provider.issuer = "http://127.0.0.1:9".to_owned();
        }
        provider.sign_in = Some(SignInSettings {
            client_id: client.to_owned(),
            client_secret: None,
            scope: SignInSettings::SCOPE.to_owned(),
            resource: Some(openid::TURNTABLE.to_owned()),
            label: "City Hospital".to_owned(),
        });
        let setup = Server::setup().data_dir(data.path()).configure(|config| {
            config.identity.keys = true;
            config.identity.providers.insert("hospital".to_owned(), provider);
        });
        let server = setup.start().await;
        let ingest = server.call(Method::POST, "/fhir").header("x-api-key", &key);
        ingest.body("application/fhir+json", PEOPLE).send().await.expect(200);
        arguments.push(url(&server));
        servers.push((server, data));
    }
    arguments.push(openid.issuer.clone());
    run("signin.mjs", arguments).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console() {
    if browser().is_none() {
        return;
    }
    let (fhir, data, other, files) = (Fhir::sandbox().await, folder(), folder(), folder());
    let server = exercise(&fhir, data.path()).await;
    let token = std::fs::read_to_string(data.path().join("admin-token")).expect("the server has made it");
    let key = |name: &str, roles: &[&str]| {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let new = NewKey { name: name.to_owned(), roles, ..NewKey::default() };
        keys::create(other.path(), new, "test", 100).expect("a key can be made").0
    };
    let (reader, admin) = (key("reader", &["reader"]), key("admin", &["admin"]));
    let roles = "[roles.nurse.tables.contact]\nwhere = \"gendercode eq 1\"\nhide = [\"emailaddress1\"]\nmask = [\"birthdate\"]\n\
                 [roles.nurse]\ninherits = [\"reader\"]";
    let roles = Config::parse(Some((Path::new("roles.toml"), roles)), &BTreeMap::new()).expect("they are good").roles;
    let closed = Server::setup().data_dir(other.path()).configure(|config| {
        config.identity.keys = true;
        config.roles = roles;
    });
    let closed = closed.start().await;
    let ingest = closed.call(Method::POST, "/fhir").header("x-api-key", &admin);
    ingest.body("application/fhir+json", PEOPLE).send().await.expect(200);
    let good = file(files.path(), "good.wasm", &with_text("encounter", "Finished", "FINISHED"));
    // A column that is read as something else than is written.
    let bad = file(files.path(), "bad.wasm", &with_text("encounter", "finished", "finishex"));
    // What observations are called is another part of their code, which one of them has.
    let coding = json!({ "system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure", "version": "Version two" });
    let observation = json!({
        "resourceType": "Observation", "id": "pressure", "status": "final", "code": { "coding": [coding] },
    });
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": observation }] });
    fhir.as_sandbox().load(bundle.to_string().as_bytes()).expect("the bundle is whole");
    let other = with_text("observation", "code.text | code.coding[0].display", "code.text | code.coding[0].version");
    let other = file(files.path(), "other.wasm", &without_samples(other));
    let arguments = vec![url(&server), token.trim().to_owned(), url(&closed), reader, admin, good, bad, other];
    run("console.mjs", arguments).await;
}
