//! Clients that nobody here wrote, unmodified, against a server of ours: those made for Dataverse, Microsoft's own for Python
//! among them, those made for OData, and those for FHIR. Each runs in a process of its own, by a script in `tests/clients`.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use turntable::http::doors::PublicUrl;
use turntable_test_data::skipped;
use turntable_tests::{EVENTS, Fhir, PEOPLE, Server};

/// Where clients are, by the name of a variable; else a line that says what is not there.
fn interpreter(variable: &str, how: &str) -> Option<OsString> {
    let found = std::env::var_os(variable);
    if found.is_none() {
        skipped(&format!("no clients of others ({how}, set {variable} to where they are)"));
    }
    found
}

/// Runs a script of `tests/clients` to its end; it is the same whatever the `route`.
async fn run(interpreter: OsString, script: &str, route: &str, arguments: Vec<String>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
    let mut command = Command::new(interpreter);
    command.arg(script).args(arguments);
    let run = move || command.output().expect("it starts");
    let output = tokio::task::spawn_blocking(run).await.expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{route}: {said}");
}

/// Everything native, and what the clients look at in a FHIR service. `port`: of the address outside, which is one of TLS.
async fn servers(port: Option<u16>, fhir: &Fhir) -> [(&'static str, Server); 2] {
    for bundle in [PEOPLE, EVENTS] {
        fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
    }
    let public = || port.and_then(|port| PublicUrl::parse(&format!("https://localhost:{port}")));
    let native = Server::setup().configure(|config| config.doors.public_url = public()).start().await;
    for bundle in [PEOPLE, EVENTS] {
        native.ingest(bundle, None).await.expect(200);
    }
    let tables = ["contact", "account", "msemr_encounter", "msemr_observation"];
    let there =
        Server::with(fhir).virtual_tables(&tables).configure(|config| config.doors.public_url = public()).start().await;
    [("native", native), ("virtual", there)]
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_own_for_python() {
    let how = "pip install PowerPlatform-Dataverse-Client==1.1.0 dataverse-api==1.4.3";
    let Some(python) = interpreter("TURNTABLE_TEST_DATAVERSE_PY", how) else { return };
    let (port, fhir) = (free_port(), Fhir::sandbox().await);
    for (route, server) in servers(Some(port), &fhir).await {
        let arguments = vec![port.to_string(), server.address().port().to_string()];
        run(python.clone(), "dataverse_sdk.py", route, arguments).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dataverse_api_for_python() {
    let how = "pip install PowerPlatform-Dataverse-Client==1.1.0 dataverse-api==1.4.3";
    let Some(python) = interpreter("TURNTABLE_TEST_DATAVERSE_PY", how) else { return };
    let fhir = Fhir::sandbox().await;
    for (route, server) in servers(None, &fhir).await {
        run(python.clone(), "dataverse_api.py", route, vec![server.address().port().to_string()]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamics_web_api_for_javascript() {
    let how = "npm install dynamics-web-api@2.5.0 into a folder";
    let Some(folder) = interpreter("TURNTABLE_TEST_DATAVERSE_JS", how) else { return };
    let fhir = Fhir::sandbox().await;
    for (route, server) in servers(None, &fhir).await {
        let arguments = vec![server.address().port().to_string(), folder.to_string_lossy().into_owned()];
        run("node".into(), "dynamics.cjs", route, arguments).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dataverse_webapi_for_javascript() {
    let how = "npm install dataverse-webapi@3.3.0 into a folder";
    let Some(folder) = interpreter("TURNTABLE_TEST_DATAVERSE_JS", how) else { return };
    let fhir = Fhir::sandbox().await;
    for (route, server) in servers(None, &fhir).await {
        let arguments = vec![server.address().port().to_string(), folder.to_string_lossy().into_owned()];
        run("node".into(), "webapi.mjs", route, arguments).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odata_clients_for_python() {
    let how = "pip install odatapy[client]==5.3.0 python-odata==0.8.1 sqlalchemy-odata==0.2.3 fhirpy==2.3.1";
    let Some(python) = interpreter("TURNTABLE_TEST_ODATA_PY", how) else { return };
    let fhir = Fhir::sandbox().await;
    for (route, server) in servers(None, &fhir).await {
        run(python.clone(), "odata.py", route, vec![server.address().port().to_string()]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odata_clients_for_javascript() {
    let how = "npm install what .ci/run names into a folder";
    let Some(folder) = interpreter("TURNTABLE_TEST_ODATA_JS", how) else { return };
    let fhir = Fhir::sandbox().await;
    for (route, server) in servers(None, &fhir).await {
        let arguments = vec![server.address().port().to_string(), folder.to_string_lossy().into_owned()];
        run("node".into(), "odata.cjs", route, arguments).await;
    }
}
