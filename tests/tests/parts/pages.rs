//! The pages in a real browser, driven by the scripts of `host/web/test`: what a person clicks, and what then stands in the
//! store and in the FHIR service.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use turntable::identity::keys::{self, NewKey};
use turntable_test_data::skipped;
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
    let Some((chromium, web)) = browser() else { return };
    let mut command = Command::new("node");
    command.current_dir(web).arg(format!("test/{script}")).args(arguments).env("TURNTABLE_TEST_CHROMIUM", chromium);
    let run = move || command.output().expect("node starts");
    let output = tokio::task::spawn_blocking(run).await.expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
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
    let closed = Server::setup().data_dir(other.path()).configure(|config| config.identity.keys = true).start().await;
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
