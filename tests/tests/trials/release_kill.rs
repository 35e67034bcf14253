//! A server that is killed at any step of a release leaves the version before in force, or the new one, and every row is of
//! it; so it is with a turn. What others write meanwhile, and were told that it is in, is there.

// Programs built to be used cannot be told to end.
#![cfg(debug_assertions)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use turntable::router::fault;
use turntable_tests::{Fhir, Server, builtin, digest, with_text, without_samples};

/// Set for the process that is killed: its data folder, the step, the FHIR service.
const FOLDER: &str = "TURNTABLE_RELEASE_TEST_FOLDER";
const STEP: &str = "TURNTABLE_RELEASE_TEST_STEP";
const SERVICE: &str = "TURNTABLE_RELEASE_TEST_SERVICE";

const TABLE: &str = "msemr_observation";

/// Resources that are there before: some batches.
const RESOURCES: usize = 450;

/// A row says which version made it: by the display of its code, or by the code's version.
const FIRST: &str = "by display";
const SECOND: &str = "by version";

fn second() -> Vec<u8> {
    // Its samples expect the first.
    without_samples(with_text(
        "observation",
        "code.text | code.coding[0].display",
        "code.text | code.coding[0].version",
    ))
}

fn bundle(ids: impl Iterator<Item = String>) -> String {
    let entry = |id: String| {
        let observation = json!({
            "resourceType": "Observation", "id": id, "status": "final",
            "code": {"coding": [{"code": "1", "display": FIRST, "version": SECOND}]},
            "component": [{"code": {"coding": [{"code": "2", "display": FIRST, "version": SECOND}]}}]
        });
        json!({"resource": observation, "request": {"method": "PUT", "url": format!("Observation/{id}")}})
    };
    json!({"resourceType": "Bundle", "type": "batch", "entry": ids.map(entry).collect::<Vec<_>>()}).to_string()
}

async fn start(folder: &Path, service: &str) -> Server {
    let setup = Server::setup().data_dir(folder);
    if service.is_empty() { setup.start().await } else { setup.source("main", service).start().await }
}

/// What versions made the rows of the root and the child table, how many there are, and which version is in force.
async fn seen(server: &Server) -> (BTreeSet<String>, usize, String) {
    let (mut by, mut count) = (BTreeSet::new(), 0);
    for (set, column) in [("msemr_observations", "msemr_description"), ("msemr_observationcomponents", "msemr_name")] {
        let mut path = format!("{set}?$select={column}");
        count = 0;
        loop {
            let page = server.get(&path, &[]).await.expect(200).json();
            let rows = page["value"].as_array().cloned().unwrap_or_default();
            count += rows.len();
            by.extend(rows.iter().map(|row| row[column].as_str().unwrap_or_default().to_owned()));
            match page["@odata.nextLink"].as_str() {
                Some(next) => path = next.to_owned(),
                None => break,
            }
        }
    }
    let table = server.table(TABLE).await;
    (by, count, table["mapping"]["digest"].as_str().unwrap_or_default().to_owned())
}

/// Rows are all of the version in force, which is one of the two.
async fn check(server: &Server, least: usize, when: &str) -> bool {
    let (by, count, in_force) = seen(server).await;
    let is_second = in_force == digest(&second());
    assert!(is_second || in_force == digest(builtin("observation")), "{when}: {in_force}");
    let expected = if is_second { SECOND } else { FIRST };
    assert_eq!(by, BTreeSet::from([expected.to_owned()]), "{when}");
    assert!(count >= least, "{when}: {count} rows of {least}");
    is_second
}

/// Runs this program once more, to be killed at a step; how many resources it was told are in.
fn killed(test: &str, folder: &Path, step: &str, service: &str) -> usize {
    let mut child = Command::new(std::env::current_exe().expect("a test has a program"))
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder)
        .env(STEP, step)
        .env(SERVICE, service)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let reported = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("stored ")?.parse().ok()).last();
    let status = child.wait().expect("it ends");
    assert!(!status.success() && status.code().is_none(), "{step}: it was to be killed: {status}");
    reported.unwrap_or(RESOURCES)
}

/// Releases the second version, or takes it back, until it is killed; others write all the while.
async fn until_killed(folder: &Path, step: &str, service: &str) {
    let server = std::sync::Arc::new(start(folder, service).await);
    let is_second = server.table(TABLE).await["mapping"]["digest"] == digest(&second());
    let mut known = server.native_rows(TABLE).await;
    let writer = server.clone();
    let (begun, begin) = tokio::sync::oneshot::channel();
    let mut begun = Some(begun);
    tokio::spawn(async move {
        loop {
            writer.ingest(&bundle((0..3).map(|n| format!("w{known}-{n}"))), None).await.expect(200);
            known += 3;
            let mut out = std::io::stdout().lock();
            writeln!(out, "\nstored {known}").expect("it is read");
            out.flush().expect("it is read");
            drop(out);
            if let Some(begun) = begun.take() {
                let _ = begun.send(());
            }
        }
    });
    begin.await.expect("it writes");
    fault::end_at(step);
    match step.split('.').next() {
        Some("turn") => server.turn(TABLE, "virtual").await,
        _ if is_second => server.rollback(TABLE).await,
        _ => server.activate(TABLE, &digest(&second())).await,
    };
    panic!("{step} was never reached");
}

fn asked() -> Option<(std::path::PathBuf, String, String)> {
    let of = |name| std::env::var(name).ok();
    Some((of(FOLDER)?.into(), of(STEP)?, of(SERVICE)?))
}

fn steps(kind: &str) -> Vec<&'static str> {
    let steps = fault::STEPS.into_iter().filter(|step| step.split('.').next() == Some(kind)).collect::<Vec<_>>();
    assert!(steps.len() > 1);
    steps
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_done_or_not_wherever_it_is_killed() {
    const TEST: &str = "release_kill::a_release_is_done_or_not_wherever_it_is_killed";
    if let Some((folder, step, service)) = asked() {
        return until_killed(&folder, &step, &service).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path(), "").await;
    server.ingest(&bundle((0..RESOURCES).map(|n| format!("o{n}"))), None).await.expect(200);
    server.load(&second()).await.expect(201);
    server.stop().await;
    let mut known = RESOURCES;
    // Step by step there, and back.
    for there in [true, false] {
        for step in steps("release") {
            let server = start(folder.path(), "").await;
            let is_second = check(&server, known, "before").await;
            match (there, is_second) {
                (true, true) => drop(server.rollback(TABLE).await.expect(200)),
                (false, false) => drop(server.activate(TABLE, &digest(&second())).await.expect(200)),
                _ => {}
            }
            assert_eq!(check(&server, known, "between").await, !there);
            // For the way back to have rows to make.
            let more = (0..if there { 0 } else { 70 }).map(|n| format!("m-{step}-{n}"));
            server.ingest(&bundle(more), None).await.expect(200);
            server.stop().await;
            known = known.max(killed(TEST, folder.path(), step, ""));
            let server = start(folder.path(), "").await;
            let is_done = check(&server, known, step).await == there;
            assert_eq!(is_done, ["release.stored", "release.known"].contains(&step), "{step}, there: {there}");
            let events = server.events(0).await;
            let last = events.iter().rfind(|event| event["table"] == TABLE).map(|event| event["action"].clone());
            let expected = if there == is_done { "mapping.activate" } else { "mapping.rollback" };
            // The first of all was put in force by the start.
            assert!(last == Some(json!(expected)) || !is_done && last != Some(Value::Null), "{step}: {last:?}");
            server.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_is_done_or_not_wherever_it_is_killed() {
    const TEST: &str = "release_kill::a_turn_is_done_or_not_wherever_it_is_killed";
    if let Some((folder, step, service)) = asked() {
        return until_killed(&folder, &step, &service).await;
    }
    let fhir = Fhir::sandbox().await;
    let folder = tempfile::tempdir().expect("a folder");
    for step in steps("turn") {
        let server = start(folder.path(), fhir.base()).await;
        server.turn(TABLE, "native").await.expect(200);
        server.ingest(&bundle((0..9).map(|n| format!("o{n}"))), None).await.expect(200);
        server.stop().await;
        killed(TEST, folder.path(), step, fhir.base());
        let server = start(folder.path(), fhir.base()).await;
        let is_done = server.table(TABLE).await["route"] != "native";
        assert_eq!(is_done, step != "turn.begun", "{step}");
        let rows = server.rows("msemr_observations", &[]).await.len();
        assert_eq!(rows == 0, is_done, "{step}: {rows} rows, and the service has none");
        server.stop().await;
    }
}
