//! A mapping that tells all that it is given, in lines of log, failures, panics, keys, cells and issues: nothing of it comes
//! into the log, at any level.

use std::process::Command;

use serde_json::json;
use turntable_tests::{Server, digest, hostile};

/// Set for the process whose log is looked at.
const LOG_TEST: &str = "TURNTABLE_LOG_TEST";

/// What nobody but the mapping may say.
const SECRETS: [&str; 4] = ["Zzyzx", "Quibble", "1944-04-04", "nobody-else-has-this-id"];

/// How it misbehaves beside telling.
const WAYS: [&str; 7] = ["only", "failing", "complaining", "panicking", "counting", "naming", "pointing"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_mapping_tells() {
    const TEST: &str = "says_nothing::whatever_a_mapping_tells";
    if std::env::var_os(LOG_TEST).is_some() {
        return tell().await;
    }
    let program = std::env::current_exe().expect("a test has a program");
    let mut child = Command::new(program);
    child.args(["--exact", TEST, "--nocapture"]).env(LOG_TEST, "1").env("TURNTABLE_LOG", "trace");
    let said = child.output().expect("it runs");
    let log = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{}\n{log}", String::from_utf8_lossy(&said.stdout));
    assert!(log.contains("TRACE") && log.contains("hostile"), "the log has all levels, and names the mapping");
    assert!(log.contains("the table is behind"), "it says what happened");
    for secret in SECRETS {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "the log has {secret}");
    }
}

async fn tell() {
    let fhir = turntable_tests::Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    turntable::log::start();
    let component = hostile("picky");
    server.load(&component).await.expect(201);
    server.activate("picky", &digest(&component)).await.expect(200);
    for route in ["native", "virtual"] {
        server.turn("picky", route).await.expect(200);
        for way in WAYS {
            let condition = json!({
                "resourceType": "Condition", "id": SECRETS[3], "recordedDate": SECRETS[2],
                "code": { "text": format!("tells {way} {}", SECRETS[0]) },
                "subject": { "display": SECRETS[1] }
            });
            let entry = json!({ "resource": condition, "request": { "method": "PUT", "url": format!("Condition/{}", SECRETS[3]) } });
            let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] }).to_string();
            match route {
                "native" => drop(server.ingest(&bundle, None).await.expect(200)),
                _ => drop(fhir.as_sandbox().load(bundle.as_bytes()).expect("a bundle")),
            }
            let answer = server.get("picky_set", &[]).await;
            // A key may be of any text where no row is stored.
            let is_read = way == "only" || way == "naming" && route == "virtual";
            assert_eq!(answer.status == 200, is_read, "{way}, {route}: {}", answer.text);
            // Who reads learns of it by code; the words of the mapping stay inside.
            if answer.status != 200 {
                for secret in SECRETS {
                    assert!(!answer.text.contains(secret), "{way}, {route}: {}", answer.text);
                }
            }
        }
    }
    let dropped = "turntable_mapping_log_lines_dropped_total{mapping=\"hostile\",version=\"0.1.0\"}";
    assert!(server.metric(dropped).await > 0, "they are counted");
    server.stop().await;
    turntable::log::flush(std::time::Duration::from_secs(5));
}
