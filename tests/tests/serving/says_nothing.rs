//! Nothing of a patient comes into the log, at any level, nor into figures, the audit trail or errors: not where a mapping tells all that
//! it is given, in lines of log, failures, panics, keys, cells and issues, and not of what is read, searched for, written and refused.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{PATIENT, PEOPLE, SYNTHEA, Server, digest, hostile};

/// Set for the process whose log is looked at.
const LOG_TEST: &str = "TURNTABLE_LOG_TEST";

/// What nobody but the mapping may say.
const SECRETS: [&str; 4] = ["Zzyzx", "Quibble", "1944-04-04", "nobody-else-has-this-id"];

/// How it misbehaves beside telling.
const WAYS: [&str; 7] = ["only", "failing", "complaining", "panicking", "counting", "naming", "pointing"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_mapping_tells() {
    if std::env::var_os(LOG_TEST).is_some() {
        return tell().await;
    }
    let log = log_of("says_nothing::whatever_a_mapping_tells");
    assert!(log.contains("hostile"), "the log names the mapping");
    assert!(log.contains("the table is behind"), "it says what happened");
    for secret in SECRETS {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "the log has {secret}");
    }
}

/// What a test says at every level, in a process of its own.
fn log_of(test: &str) -> String {
    let program = std::env::current_exe().expect("a test has a program");
    let mut child = Command::new(program);
    child.args(["--exact", test, "--nocapture"]).env(LOG_TEST, "1").env("TURNTABLE_LOG", "trace");
    let said = child.output().expect("it runs");
    let log = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success(), "{}\n{log}", String::from_utf8_lossy(&said.stdout));
    assert!(log.contains("TRACE"), "the log has all levels");
    log
}

/// What the patients of the samples have, and nobody else says.
fn values_of_patients() -> Vec<String> {
    let mut values = Vec::new();
    for bundle in [PEOPLE, SYNTHEA[0], SYNTHEA[1]] {
        let bundle: Value = serde_json::from_str(bundle).expect("a bundle");
        let entries = bundle["entry"].as_array().expect("entries");
        for patient in entries.iter().map(|entry| &entry["resource"]).filter(|one| one["resourceType"] == "Patient") {
            let own =
                ["/id", "/birthDate", "/name/0/family", "/name/0/given/0", "/telecom/0/value", "/address/0/line/0"];
            let own = own.iter().filter_map(|pointer| patient.pointer(pointer));
            let identifiers = patient["identifier"].as_array().into_iter().flatten().map(|one| &one["value"]);
            values.extend(own.chain(identifiers).filter_map(Value::as_str).map(str::to_owned));
        }
    }
    // What is shorter stands in many words, and one of them is called as the type is.
    values.retain(|value| value.len() > 4 && value != "Patient");
    values.sort();
    values.dedup();
    assert!(values.len() > 20 && values.iter().any(|value| value == PATIENT), "{values:?}");
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_done_with_patients() {
    if std::env::var_os(LOG_TEST).is_some() {
        return do_all().await;
    }
    let log = log_of("says_nothing::whatever_is_done_with_patients");
    for value in values_of_patients() {
        let line = log.lines().find(|line| line.contains(&value));
        assert_eq!(line, None, "the log has {value}");
    }
}

/// Reads, searches, writes and is refused, on both routes, and looks at what is told of it.
async fn do_all() {
    let fhir = turntable_tests::Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    turntable::log::start();
    let values = values_of_patients();
    for bundle in [PEOPLE, SYNTHEA[0], SYNTHEA[1]] {
        fhir.as_sandbox().load(bundle.as_bytes()).expect("a bundle");
        server.ingest(bundle, None).await.expect(200);
    }
    let one = format!("contacts({PATIENT})");
    for route in ["native", "virtual"] {
        server.turn("contact", route).await.expect(200);
        let mut found = 0;
        for value in &values {
            let quoted = value.replace('\'', "''");
            let filter =
                format!("lastname eq '{quoted}' or firstname eq '{quoted}' or contains(telephone1,'{quoted}')");
            found += server.rows("contacts", &[("$filter", &filter)]).await.len();
            // A question that is none: what is wrong with it is said to whoever asks.
            server.get("contacts", &[("$filter", &format!("lastname eq '{quoted}"))]).await.expect(400);
            server.get("contacts", &[("$search", &format!("\"{value}\""))]).await;
            server.get("contacts", &[("$orderby", value)]).await;
            // In addresses.
            server.get(&by_identifier(value), &[]).await;
            server.get(&format!("contacts(tt_identifier='{quoted}')/lastname/$value"), &[]).await;
            server.get(&format!("contacts(lastname='{quoted}')"), &[]).await.expect(501);
            let query = format!("$filter=lastname eq '{quoted}'");
            server.call(Method::POST, "contacts/$query").body("text/plain", query).send().await.expect(200);
        }
        assert!(found > 0, "{route}");
        server.get(&one, &[("$expand", "parentcustomerid_account")]).await.expect(200);
        server.get("contacts", &[("$format", "csv")]).await.expect(200);
        server.get("contacts", &[("$apply", "groupby((lastname))")]).await;
        // What is refused says which column, and nothing of what is there.
        let rows = server.rows("contacts", &[("$select", "contactid")]).await;
        let mut refusals = Vec::new();
        for row in rows {
            let key = row["contactid"].as_str().expect("a key");
            let change = json!({ "tt_birthdate": "never", "gendercode": 17 });
            refusals.push(server.patch(&format!("contacts({key})"), &change).await.expect(400).text);
            let call = server.call(Method::PATCH, &format!("contacts({key})")).header("if-match", "W/\"none\"");
            refusals.push(call.json(&json!({ "lastname": "X" })).send().await.expect(412).text);
            refusals.push(server.get(&format!("contacts({key})/nothing"), &[]).await.text);
        }
        for refusal in refusals {
            for value in &values {
                assert!(!refusal.contains(value), "{route}: {value} in {refusal}");
            }
        }
    }
    // What fails is told of in the log, with what it was about.
    drop(fhir);
    for value in &values {
        assert!(server.get(&by_identifier(value), &[]).await.status >= 500);
    }
    for told in [
        "/metrics",
        "/admin/v1/traffic",
        "/admin/v1/settings",
        "/admin/v1/audit?limit=1000",
        "/admin/v1/sources",
        "/admin/v1/traces?limit=500",
    ] {
        let answer = server.get(told, &[]).await.expect(200);
        for value in &values {
            assert!(!answer.text.contains(value), "{told} has {value}");
        }
    }
    server.stop().await;
    turntable::log::flush(std::time::Duration::from_secs(5));
}

/// A system with slashes, which separate segments elsewhere, before the value.
fn by_identifier(value: &str) -> String {
    format!("contacts(tt_identifiersystem='http://hospital.example/mrn',tt_identifier='{}')", value.replace('\'', "''"))
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
