//! A mixed load for as long as one likes: reads, writes, bundles and expansions, while versions are swapped, routes turned
//! and the FHIR service misbehaves. The server is a process of its own; its memory, its descriptors and what it answered
//! are printed ten times, and may not grow. `TURNTABLE_SOAK` says how many minutes: `just soak 10`.

#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "what became of it is to be seen")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Answer, EVENTS, Fhir, PATIENT, PEOPLE, Process, SYNTHEA, Server, builtin, digest, with_text};

const TEST: &str = "soak::nothing_grows_under_a_mixed_load";

/// Set for the process that serves: its data folder, the FHIR service.
const FOLDER: &str = "TURNTABLE_SOAK_TEST_FOLDER";
const SERVICE: &str = "TURNTABLE_SOAK_TEST_SERVICE";

/// In the suite.
const SECONDS: u64 = 12;

/// Looks at the process; the first part of them is warming up.
const LOOKS: u32 = 10;
const WARM: usize = 4;

/// What memory may differ by between two of the later looks, whatever the load: allocators keep, caches fill.
const GROWTH_BYTES: u64 = 48 << 20;
const GROWTH_PERCENT: u64 = 15;

/// The same for descriptors: connections and readers of the store come and go.
const GROWTH_DESCRIPTORS: usize = 48;

/// Each for a while, and none in between.
const FAULTS: [&str; 9] = [
    "latency=200ms:30%",
    "status=500:50%",
    "status=503:30%",
    "status=429:50%",
    "cut:30%",
    "malformed:30%",
    "gzip",
    "duplicate-pages",
    "stale-write:30%",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_grows_under_a_mixed_load() {
    if let (Some(folder), Ok(service)) = (std::env::var_os(FOLDER), std::env::var(SERVICE)) {
        return serve(folder.as_ref(), &service).await;
    }
    let minutes: Option<u64> = std::env::var("TURNTABLE_SOAK").ok().map(|text| text.parse().expect("minutes"));
    let whole = Duration::from_secs(minutes.map_or(SECONDS, |minutes| minutes * 60));
    let folder = tempfile::tempdir().expect("a folder");
    let fhir = Arc::new(Fhir::sandbox().await);
    for bundle in [EVENTS, SYNTHEA[0]] {
        fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
    }
    let process = Process::start(TEST, [(FOLDER, folder.path().as_os_str()), (SERVICE, fhir.base().as_ref())]);
    let load = Load::begin(&process.url, fhir.clone()).await;

    let mut looks: Vec<(u64, usize)> = Vec::new();
    for look in 1..=LOOKS {
        tokio::time::sleep(whole / LOOKS).await;
        let (memory, descriptors) = (process.memory(), process.descriptors());
        println!(
            "{:>6.1} min  {:>5} MiB  {descriptors:>4} descriptors  {}",
            (whole * look / LOOKS).as_secs_f64() / 60.0,
            memory >> 20,
            load.codes()
        );
        looks.push((memory, descriptors));
    }
    let codes = load.end().await;
    let later = &looks[WARM..];
    let (early, late) = later.split_at(later.len() / 2);
    let memory = |looks: &[(u64, usize)]| looks.iter().map(|look| look.0).min().unwrap_or_default();
    let most = memory(early) + memory(early) * GROWTH_PERCENT / 100 + GROWTH_BYTES;
    assert!(memory(late) <= most, "memory grows: {} after {} bytes", memory(late), memory(early));
    let descriptors = |looks: &[(u64, usize)]| looks.iter().map(|look| look.1).min().unwrap_or_default();
    let (before, after) = (descriptors(early), descriptors(late));
    assert!(after <= before + GROWTH_DESCRIPTORS, "descriptors grow: {after} after {before}");
    assert!(codes.get("ok").copied().unwrap_or_default() > 100, "{codes:?}");
    for fault in ["Internal", "Store", "StorageFailed", "StorageFull", "MappingFault", "Config", "NotFound"] {
        assert_eq!(codes.get(fault), None, "{codes:?}");
    }
    // It still does its work, and nobody waits for anything.
    fhir.as_sandbox().set_faults(String::new().parse().expect("no faults"));
    let server = Fhir::at(&process.url);
    server.plain_call(Method::GET, "readyz").send().await.expect(200);
    server.plain_call(Method::GET, "api/data/v9.2/contacts?$top=1").send().await.expect(200);
    let metrics = server.plain_call(Method::GET, "metrics").send().await.expect(200).text;
    let waiting = metrics.lines().filter(|line| line.starts_with("turntable_turns_waiting{"));
    assert!(waiting.clone().all(|line| line.ends_with(" 0")), "{:?}", waiting.collect::<Vec<_>>());
}

async fn serve(folder: &Path, service: &str) {
    let setup = Server::setup().data_dir(folder).source("main", service);
    let tables = ["msemr_encounter", "msemr_observation", "msemr_allergyintolerance"];
    let server = setup.virtual_tables(&tables).limits(|limits| limits.request_ms = 5_000).start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    server.load(&second()).await.expect(201);
    turntable_tests::serve(server).await;
}

fn second() -> Vec<u8> {
    with_text("encounter", "Finished", "FINISHED")
}

type Codes = Arc<Mutex<BTreeMap<String, u64>>>;

/// What is asked of the server, all at once.
struct Load {
    stop: Arc<AtomicBool>,
    codes: Codes,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    async fn begin(url: &str, fhir: Arc<Fhir>) -> Self {
        let mut load = Self { stop: Arc::default(), codes: Codes::default(), tasks: Vec::new() };
        let server = Arc::new(Fhir::at(url));
        let number = Arc::new(AtomicU64::new(0));
        let reads = [
            "api/data/v9.2/contacts?$select=fullname&$top=20".to_owned(),
            "api/data/v9.2/contacts?$filter=contains(lastname,'a')&$orderby=lastname&$count=true".to_owned(),
            "api/data/v9.2/msemr_encounters?$select=msemr_name&$filter=msemr_encounterstatus%20eq%20935000005"
                .to_owned(),
            "api/data/v9.2/msemr_observations?$orderby=msemr_valuetypequantityvalue%20desc&$top=7".to_owned(),
            format!(
                "api/data/v9.2/contacts({PATIENT})?$select=fullname&$expand=msemr_observation_msemr_subjecttypepatient($select=msemr_description)"
            ),
            "api/data/v9.2/$metadata".to_owned(),
            "api/data/v9.2/contacts?$filter=nonsense".to_owned(),
        ];
        for path in reads {
            for _ in 0..2 {
                let (server, path) = (server.clone(), path.clone());
                load.repeat(Duration::ZERO, move || {
                    let (server, path) = (server.clone(), path.clone());
                    async move { Some(server.plain_call(Method::GET, &path).send().await) }
                });
            }
        }
        // Rows that are changed, made and taken away, here and there; the same few again and again.
        for (set, row) in [("contacts", "lastname"), ("msemr_allergyintolerances", "msemr_code")] {
            let (server, number) = (server.clone(), number.clone());
            load.repeat(Duration::ZERO, move || {
                let (server, number) = (server.clone(), number.fetch_add(1, Ordering::Relaxed));
                let path = format!("api/data/v9.2/{set}(0000000a-0000-4000-8000-{:012x})", number % 7);
                async move {
                    let mut body = json!({ row: format!("v{number}") });
                    if set == "contacts" {
                        body["msemr_contacttype"] = 935000000.into();
                    } else {
                        body["msemr_name"] = "Allergy".into();
                        body["msemr_patient@odata.bind"] = format!("/contacts({PATIENT})").into();
                    }
                    match number % 5 {
                        0 => {
                            let gone = server.plain_call(Method::DELETE, &path).send().await;
                            // Somebody else was first.
                            Some(gone).filter(|answer| answer.status != 404)
                        }
                        _ => Some(server.plain_call(Method::PATCH, &path).json(&body).send().await),
                    }
                }
            });
        }
        for (path, size) in [("fhir", 60), ("fhir?forward=main", 5)] {
            let (server, number) = (server.clone(), number.clone());
            load.repeat(Duration::from_millis(50), move || {
                let (server, number) = (server.clone(), number.fetch_add(1, Ordering::Relaxed));
                async move { Some(server.plain_call(Method::POST, path).fhir(&bundle(size, number)).send().await) }
            });
        }
        // Who administers.
        let versions = [digest(builtin("encounter")), digest(&second())];
        let (swapping, swaps) = (server.clone(), number.clone());
        load.repeat(Duration::from_millis(500), move || {
            let version = &versions[(swaps.fetch_add(1, Ordering::Relaxed) % 2) as usize];
            let (server, body) = (swapping.clone(), json!({ "digest": version, "mode": "activate" }));
            let path = "admin/v1/tables/msemr_encounter/mapping";
            async move { Some(server.plain_call(Method::POST, path).json(&body).send().await) }
        });
        let (turning, turns) = (server.clone(), Arc::new(AtomicU64::new(0)));
        load.repeat(Duration::from_millis(700), move || {
            let (server, number) = (turning.clone(), turns.fetch_add(1, Ordering::Relaxed));
            let body = match number % 2 {
                0 => json!({ "provider": "virtual", "source": "main" }),
                _ => json!({ "provider": "native" }),
            };
            let path = "admin/v1/tables/msemr_condition/route";
            async move { Some(server.plain_call(Method::PUT, path).json(&body).send().await) }
        });
        let faults = Arc::new(AtomicU64::new(0));
        load.repeat(Duration::from_secs(1), move || {
            let number = faults.fetch_add(1, Ordering::Relaxed) as usize;
            let text = if number.is_multiple_of(2) { "" } else { FAULTS[number / 2 % FAULTS.len()] };
            fhir.as_sandbox().set_faults(text.parse().unwrap_or_else(|error| panic!("{error}")));
            async { None }
        });
        load
    }

    /// Does it again and again, with a pause in between.
    fn repeat<F: Future<Output = Option<Answer>> + Send>(
        &mut self,
        pause: Duration,
        deed: impl Fn() -> F + Send + 'static,
    ) {
        let (stop, codes) = (self.stop.clone(), self.codes.clone());
        self.tasks.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                if let Some(answer) = deed().await {
                    let code = if answer.status < 400 { "ok".to_owned() } else { code(&answer) };
                    *codes.lock().expect("nobody panics").entry(code).or_default() += 1;
                }
                let until = Instant::now() + pause;
                while Instant::now() < until && !stop.load(Ordering::Relaxed) {
                    tokio::time::sleep(pause.min(Duration::from_millis(100))).await;
                }
            }
        }));
    }

    fn codes(&self) -> String {
        let codes = self.codes.lock().expect("nobody panics");
        codes.iter().map(|(code, count)| format!("{code} {count}")).collect::<Vec<_>>().join("  ")
    }

    async fn end(self) -> BTreeMap<String, u64> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("it ends");
        }
        let codes = self.codes.lock().expect("nobody panics");
        codes.clone()
    }
}

/// Of an OData error or an OperationOutcome.
fn code(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    let code = body["error"]["code"].as_str().or(body["issue"][0]["details"]["coding"][0]["code"].as_str());
    code.map_or_else(|| format!("status {}", answer.status), str::to_owned)
}

fn bundle(size: u64, number: u64) -> Value {
    let entry = |n: u64| {
        let id = format!("s{n}");
        let patient = json!({ "resourceType": "Patient", "id": id, "name": [{ "family": format!("S{number}") }] });
        json!({ "resource": patient, "request": { "method": "PUT", "url": format!("Patient/{id}") } })
    };
    json!({ "resourceType": "Bundle", "type": "batch", "entry": (0..size).map(entry).collect::<Vec<_>>() })
}
