//! A version that differs in one column of one row in two hundred: its shadow says so, its canary is taken back by itself,
//! and no request of all those that are made meanwhile fails or mixes both versions. `TURNTABLE_TEST_ALL=1` makes 20,000
//! requests instead of 2,000.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use turntable::identity::keys::{self, NewKey};
use turntable_tests::{Fhir, Server, digest, with_text, without_samples};

const TABLE: &str = "msemr_observation";

/// Asked at once, each by the key of its own.
const CLIENTS: usize = 8;

const ROWS: usize = 1_000;

/// One row in so many tells the versions apart.
const ONE_IN: usize = 200;

fn second() -> Vec<u8> {
    without_samples(with_text(
        "observation",
        "code.text | code.coding[0].display",
        "code.text | code.coding[0].version",
    ))
}

fn bundle() -> String {
    let entry = |n: usize| {
        let version = if n % ONE_IN == ONE_IN / 2 { "by version" } else { "by display" };
        let observation = json!({
            "resourceType": "Observation", "id": format!("o{n}"), "status": "final",
            "code": { "coding": [{ "code": "1", "display": "by display", "version": version }] },
        });
        json!({ "resource": observation, "request": { "method": "PUT", "url": format!("Observation/o{n}") } })
    };
    json!({ "resourceType": "Bundle", "type": "batch", "entry": (0..ROWS).map(entry).collect::<Vec<_>>() }).to_string()
}

fn requests() -> usize {
    if turntable_test_data::wants_all() { 20_000 } else { 2_000 }
}

fn key(folder: &Path, name: &str, role: &str) -> String {
    let new = NewKey { name: name.to_owned(), roles: [role.to_owned()].into(), ..NewKey::default() };
    keys::create(folder, new, "test", 100).expect("a key can be made").0
}

/// A server, and who asks it.
struct Asking {
    server: Server,
    admin: String,
    callers: Vec<String>,
    /// Requests made, and those that a version other than the one in force has answered in full.
    made: AtomicUsize,
    by_second: AtomicUsize,
}

impl Asking {
    async fn admin(&self, method: Method, path: &str, body: Value) -> Value {
        let call = self.server.call(method, path).header("x-api-key", &self.admin);
        let answer = if body.is_null() { call.send().await } else { call.json(&body).send().await };
        answer.expect(200).json()
    }

    async fn status(&self) -> Value {
        self.admin(Method::GET, &format!("/admin/v1/tables/{TABLE}/release"), Value::Null).await
    }

    /// A page of all rows, which must be of one version.
    async fn ask(&self, caller: usize) {
        let path = "msemr_observations?$select=msemr_description,msemr_azurefhirid&$top=1000";
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        // Mostly the first few of them.
        let path = if number.is_multiple_of(10) { path.to_owned() } else { path.replace("1000", "20") };
        let call = self.server.call(Method::GET, &path).header("x-api-key", &self.callers[caller]);
        let rows = call.header("prefer", "odata.maxpagesize=1000").send().await.expect(200).rows();
        let by: BTreeSet<_> = rows.iter().filter_map(|row| row["msemr_description"].as_str()).collect();
        if rows.len() == ROWS {
            let differing = rows.iter().filter(|row| row["msemr_description"] == "by version").count();
            assert!([0, ROWS / ONE_IN].contains(&differing), "one version an answer: {differing} {by:?}");
            self.by_second.fetch_add(usize::from(differing > 0), Ordering::Relaxed);
        }
    }

    /// Until so many are made and it is so.
    async fn until(self: &Arc<Self>, count: usize, is_so: impl AsyncFn() -> bool) {
        let until = Instant::now() + Duration::from_secs(600);
        let end = self.made.load(Ordering::Relaxed) + count;
        loop {
            let mut asking = tokio::task::JoinSet::new();
            for caller in 0..CLIENTS {
                let this = self.clone();
                asking.spawn(async move {
                    for _ in 0..10 {
                        this.ask(caller).await;
                    }
                });
            }
            asking.join_all().await;
            if self.made.load(Ordering::Relaxed) >= end && is_so().await {
                return;
            }
            assert!(Instant::now() < until, "it does not come to that: {:#}", self.status().await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_row_in_two_hundred_is_found_and_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let admin = key(folder.path(), "admin", "admin");
    let callers = (0..CLIENTS).map(|n| key(folder.path(), &format!("caller-{n}"), "reader")).collect();
    let fhir = Fhir::sandbox().await;
    let setup = Server::with(&fhir).route(TABLE, "virtual").data_dir(folder.path());
    let server = setup.configure(|config| config.identity.keys = true).start().await;
    let call = server.call(Method::POST, "/fhir?forward=main").header("x-api-key", &admin);
    call.body("application/fhir+json", bundle()).send().await.expect(200);
    let load = server.call(Method::POST, "/admin/v1/mappings").header("x-api-key", &admin);
    load.body("application/wasm", second()).send().await.expect(201);
    let (made, by_second) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let asking = Arc::new(Asking { server, admin, callers, made, by_second });
    let mapping = format!("/admin/v1/tables/{TABLE}/mapping");

    let share = requests() / 3;
    let shadow = json!({ "digest": digest(&second()), "mode": "shadow", "percent": 10 });
    asking.admin(Method::POST, &mapping, shadow).await;
    let found = async || asking.status().await["shadow"]["found"]["columns"]["msemr_description"].as_u64() >= Some(5);
    asking.until(share, found).await;
    let told = asking.status().await["shadow"].clone();
    let columns: Vec<_> = told["found"]["columns"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
    assert_eq!(columns, ["msemr_description"], "{told:#}");
    assert_eq!(told["found"]["faults"], json!({}), "{told:#}");
    assert_eq!(asking.by_second.load(Ordering::Relaxed), 0, "a shadow answers nobody");

    let canary = json!({ "digest": digest(&second()), "mode": "canary", "percent": 50 });
    asking.admin(Method::POST, &mapping, canary).await;
    let is_back = async || asking.status().await["canary"].is_null();
    asking.until(share, is_back).await;
    let status = asking.status().await;
    assert_eq!(status["trials"][0]["ended"], "stopped", "{status:#}");
    assert!(status["trials"][0]["found"]["requests"].as_u64() > Some(0), "{status:#}");
    let before = asking.by_second.load(Ordering::Relaxed);
    asking.until(share, async || true).await;
    assert_eq!(asking.by_second.load(Ordering::Relaxed), before, "it answers nobody any more");
    assert!(asking.made.load(Ordering::Relaxed) >= requests() / 3 * 3);
}
