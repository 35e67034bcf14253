//! Mappings in other languages, built by their own tools from `guest-mappings/examples`: they pass the gate with nothing
//! linked but what every mapping may ask for, and their tables work as any other.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use turntable::cli::mapping::build;
use turntable_tests::{Fhir, Server, skipped};

const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");

fn example(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-mappings/examples").join(language)
}

/// The executable that an environment variable names. `None` after a line that says what is skipped.
fn tool(variable: &str, install: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    if named.is_none() {
        skipped(&format!("no compiler for this language ({install}, set {variable} to its executable)"));
    }
    named
}

/// Runs the example's tool in its directory and puts the samples behind the component that comes out.
fn component(language: &str, tool: &Path, arguments: &[&str], folder: &Path) -> Vec<u8> {
    let bare = folder.join("bare.wasm");
    let made = Command::new(tool).current_dir(example(language)).args(arguments).arg("-o").arg(&bare).output();
    let made = made.unwrap_or_else(|error| panic!("{}: {error}", tool.display()));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let whole = folder.join("whole.wasm");
    build::with_samples(&bare, &example(language).join("samples"), &whole).expect("samples behind a component");
    std::fs::read(whole).expect("the component")
}

async fn load(server: &Server, component: &[u8], table: &str) -> Value {
    let loaded = server.load(component).await.expect(201).json();
    let checks = loaded["checks"].as_array().expect("checks");
    assert!(!checks.is_empty() && checks.iter().all(|check| check["passed"] == true), "{checks:#?}");
    let digest = loaded["digest"].as_str().expect("a digest");
    server.activate(table, digest).await.expect(200);
    server.turn(table, "virtual").await.expect(200);
    loaded
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn javascript() {
    let Some(tool) = tool("TURNTABLE_TEST_COMPONENTIZE_QJS", "npm install componentize-qjs@0.4.5") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let arguments =
        ["--opt-size", "--sync", "--stub-wasi", "--wit", WIT, "-n", "mapper", "--module-root", ".", "--js", "flag.js"];
    let component = component("javascript", &tool, &arguments, folder.path());

    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    load(&server, &component, "tt_flag").await;

    let patient = server
        .post("contacts", &json!({ "lastname": "Hund", "msemr_contacttype": 935000000 }))
        .await
        .expect(201)
        .json();
    let subject = format!("/contacts({})", patient["contactid"].as_str().expect("a key"));
    let created = json!({
        "tt_name": "Große Hündin \u{1f415}",
        "tt_status": 935000000,
        "tt_code_code": "bigdog",
        "tt_subjectpatient@odata.bind": subject,
    });
    let answer = server.post("tt_flags", &created).await.expect(201);
    let key = answer.json()["tt_flagid"].as_str().expect("a key").to_owned();
    let row = server.row("tt_flags", &key).await;
    assert_eq!(row["tt_name"], created["tt_name"]);
    assert_eq!(row["tt_status@OData.Community.Display.V1.FormattedValue"], "Active");

    let changed = json!({ "tt_status": 935000001, "tt_code_code": null, "tt_periodstart": "2026-05-01T10:00:00Z" });
    server.patch(&format!("tt_flags({key})"), &changed).await.expect(204);
    let rows = server.rows("tt_flags", &[("$filter", "tt_status eq 935000001")]).await;
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0]["tt_code_code"], Value::Null);
    server.patch(&format!("tt_flags({key})"), &json!({ "tt_status": null })).await.expect(400);
    server.delete(&format!("tt_flags({key})")).await.expect(204);
    server.get(&format!("tt_flags({key})"), &[]).await.expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python() {
    let Some(tool) = tool("TURNTABLE_TEST_COMPONENTIZE_PY", "pip install componentize-py==0.25.1") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let arguments = ["-d", WIT, "-w", "reader", "componentize", "--stub-wasi", "answers"];
    let component = component("python", &tool, &arguments, folder.path());

    let fhir = Fhir::sandbox().await;
    let form = std::fs::read_to_string(example("python").join("samples/hl7-bb.json")).expect("the sample");
    fhir.put(&serde_json::from_str(&form).expect("JSON")).await;
    let server = Server::with(&fhir).start().await;
    load(&server, &component, "tt_questionnaireanswer").await;

    let rows = server.rows("tt_questionnaireanswers", &[("$orderby", "tt_linkid")]).await;
    assert_eq!(rows.len(), 10, "{rows:#?}");
    let key = rows[0]["tt_questionnaireanswerid"].as_str().expect("a key");
    assert_eq!(server.row("tt_questionnaireanswers", key).await["tt_linkid"], rows[0]["tt_linkid"]);
    let weight = server.rows("tt_questionnaireanswers", &[("$filter", "tt_number gt 3.2 and tt_number lt 3.3")]).await;
    assert_eq!((weight.len(), &weight[0]["tt_linkid"]), (1, &json!("birthWeight")));
    server.post("tt_questionnaireanswers", &json!({ "tt_linkid": "x" })).await.expect(405);
}
