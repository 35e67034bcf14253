//! A server that is killed at any step of a trial has the version on trial when it starts again, or has it not, and says so:
//! begun, taken back, stopped by itself, promoted.

// Programs built to be used cannot be told to end.
#![cfg(debug_assertions)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use turntable::router::fault;
use turntable_tests::{Fhir, Server, builtin, digest, with_text, without_samples};

const TEST: &str = "candidate_kill::a_trial_is_under_way_or_not_wherever_it_is_killed";

/// Set for the process that is killed: its data folder, what it does, the step, the FHIR service.
const FOLDER: &str = "TURNTABLE_CANDIDATE_TEST_FOLDER";
const DEED: &str = "TURNTABLE_CANDIDATE_TEST_DEED";
const STEP: &str = "TURNTABLE_CANDIDATE_TEST_STEP";
const SERVICE: &str = "TURNTABLE_CANDIDATE_TEST_SERVICE";

const TABLE: &str = "msemr_observation";

/// Of the steps of a release, the first at which it is done.
const RELEASED: [&str; 2] = ["release.stored", "release.known"];

fn second() -> Vec<u8> {
    without_samples(with_text(
        "observation",
        "code.text | code.coding[0].display",
        "code.text | code.coding[0].version",
    ))
}

async fn start(folder: &Path, service: &str) -> Server {
    Server::setup().data_dir(folder).source("main", service).route(TABLE, "virtual").start().await
}

async fn canary(server: &Server, expected: &[&str]) {
    let body = json!({ "digest": digest(&second()), "mode": "canary", "percent": 100, "expected": expected });
    server.post(&format!("/admin/v1/tables/{TABLE}/mapping"), &body).await.expect(200);
}

/// Which version is in force, which is on trial, and how the last trial has ended.
async fn seen(server: &Server) -> (Value, Value, Value) {
    let status = server.get(&format!("/admin/v1/tables/{TABLE}/release"), &[]).await.expect(200).json();
    (
        status["active"]["digest"].clone(),
        status["canary"]["mapping"]["digest"].clone(),
        status["trials"][0]["ended"].clone(),
    )
}

fn killed(folder: &Path, deed: &str, step: &str, service: &str) {
    let mut command = Command::new(std::env::current_exe().expect("a test has a program"));
    command.args(["--exact", TEST]).env(FOLDER, folder).env(DEED, deed).env(STEP, step).env(SERVICE, service);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it runs");
    assert!(status.code().is_none(), "{deed} {step}: it was to be killed: {status}");
}

async fn until_killed(folder: &Path, deed: &str, step: &str, service: &str) {
    let server = start(folder, service).await;
    fault::end_at(step);
    match deed {
        "begin" => canary(&server, &["*"]).await,
        "take back" => drop(server.rollback(TABLE).await),
        "promote" => drop(server.post(&format!("/admin/v1/tables/{TABLE}/mapping/promote"), &json!({})).await),
        // Each of the rows differs where it is not meant to.
        _ => {
            server.rows("msemr_observations", &[]).await;
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    }
    panic!("{deed}: {step} was never reached");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_is_under_way_or_not_wherever_it_is_killed() {
    let of = |name| std::env::var(name).ok();
    if let (Some(folder), Some(deed), Some(step), Some(service)) = (of(FOLDER), of(DEED), of(STEP), of(SERVICE)) {
        return until_killed(folder.as_ref(), &deed, &step, &service).await;
    }
    let fhir = Fhir::sandbox().await;
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path(), fhir.base()).await;
    let entry = |n: usize| {
        let observation = json!({
            "resourceType": "Observation", "id": format!("o{n}"), "status": "final",
            "code": { "coding": [{ "code": "1", "display": "by display", "version": "by version" }] },
        });
        json!({ "resource": observation, "request": { "method": "PUT", "url": format!("Observation/o{n}") } })
    };
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": (0..9).map(entry).collect::<Vec<_>>() });
    server.ingest(&bundle.to_string(), Some("main")).await.expect(200);
    server.load(&second()).await.expect(201);
    server.stop().await;
    let (first, second) = (json!(digest(builtin("observation"))), json!(digest(&second())));
    let steps = |kind: &str| fault::STEPS.into_iter().filter(|step| step.starts_with(kind)).collect::<Vec<_>>();
    let of_release: Vec<_> = steps("release.").into_iter().filter(|step| *step != "release.some-rows").collect();
    let cases = [
        (
            "begin",
            vec!["candidate.begun", "candidate.stored", "candidate.known"],
            vec!["candidate.stored", "candidate.known"],
        ),
        ("take back", vec!["candidate.ending", "candidate.ended"], vec!["candidate.ended"]),
        ("promote", of_release, RELEASED.to_vec()),
        ("fail", vec!["candidate.ending", "candidate.ended"], vec!["candidate.ended"]),
    ];
    assert_eq!(steps("candidate.").len(), 5);
    for (deed, steps, done) in cases {
        for step in steps {
            let server = start(folder.path(), fhir.base()).await;
            let (in_force, on_trial, _) = seen(&server).await;
            if in_force == second {
                server.activate(TABLE, first.as_str().unwrap_or_default()).await.expect(200);
            }
            match deed {
                "begin" if on_trial != Value::Null => drop(server.rollback(TABLE).await.expect(200)),
                "begin" => {}
                "fail" => canary(&server, &[]).await,
                _ => canary(&server, &["*"]).await,
            }
            server.stop().await;
            killed(folder.path(), deed, step, fhir.base());
            let server = start(folder.path(), fhir.base()).await;
            let found = seen(&server).await;
            let is_done = done.contains(&step);
            let expected = match (deed, is_done) {
                ("begin", true) => (first.clone(), second.clone(), found.2.clone()),
                ("begin", false) => (first.clone(), Value::Null, found.2.clone()),
                (_, false) => (first.clone(), second.clone(), found.2.clone()),
                ("take back", true) => (first.clone(), Value::Null, json!("rolled-back")),
                ("promote", true) => (second.clone(), Value::Null, json!("promoted")),
                (_, true) => (first.clone(), Value::Null, json!("stopped")),
            };
            assert_eq!(found, expected, "{deed} {step}");
            // What is stored is told by the trail, which has it in the same transaction.
            let events = server.events(0).await;
            let last = events.iter().rfind(|event| event["table"] == TABLE).expect("events");
            let action = match deed {
                "begin" => "mapping.canary",
                "take back" => "mapping.rollback",
                "promote" => "mapping.promote",
                _ => "mapping.stop",
            };
            assert!(!is_done || last["action"] == action, "{deed} {step}: {last}");
            let row = server.rows("msemr_observations", &[("$top", "1")]).await.remove(0);
            let by_second = found.0 == second || found.1 == second;
            let expected = if by_second { "by version" } else { "by display" };
            assert_eq!(row["msemr_description"], expected, "{deed} {step}");
            server.stop().await;
        }
    }
}
