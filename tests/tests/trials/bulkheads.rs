//! What is slow holds up nobody else: a mapping that spins, a FHIR service that hangs, a search that hangs, a heavy filter,
//! a large batch. Each is wanted by many at once, and meanwhile the others are answered, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use turntable::identity::keys::{self, NewKey};
use turntable_tests::{EVENTS, Fhir, PEOPLE, Server, digest, hostile};

/// Who all want the same slow thing.
const MANY: usize = 64;

/// The same, where the machine itself is what there is little of.
const FEW: usize = 8;

/// Answers that others get meanwhile.
const OTHERS: usize = 50;

/// Requests of who sends one after the other.
const SINGLE: usize = 10;

/// Asks for a path, again and again, in so many tasks, until told to stop.
struct Crowd {
    stop: Arc<AtomicBool>,
    /// Answers that were not `Busy` or the like.
    answered: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn of(many: usize, server: &Arc<Server>, path: &str) -> Self {
        Self::preferring(many, server, path, None)
    }

    /// The same with `Prefer`.
    fn preferring(many: usize, server: &Arc<Server>, path: &str, prefer: Option<&'static str>) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let one = || {
            let (server, path) = (server.clone(), path.to_owned());
            let (stop, answered) = (stop.clone(), answered.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let call = server.call(Method::GET, &path);
                    let answer =
                        prefer.into_iter().fold(call, |call, prefer| call.header("prefer", prefer)).send().await;
                    let code = if answer.status == 200 { String::new() } else { answer.error_code() };
                    match code.as_str() {
                        "Busy" | "MappingBusy" | "UpstreamBusy" => {
                            assert_eq!(answer.header("retry-after"), "1", "{}", answer.text);
                            tokio::time::sleep(Duration::from_millis(200)).await;
                        }
                        _ => drop(answered.fetch_add(1, Ordering::Relaxed)),
                    }
                }
            })
        };
        Self { tasks: (0..many).map(|_| one()).collect(), stop, answered }
    }

    /// Those who got an answer at all.
    fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.abort();
            match task.await {
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                _ => {}
            }
        }
    }
}

/// A figure of turns, by what they are turns at and for whom; nothing is shown of who has none and wants none.
async fn turns(server: &Server, figure: &str, at: &str, of: &str) -> u64 {
    let name = format!("turntable_turns_{figure}{{at=\"{at}\",of=\"{of}\"}} ");
    let text = server.get("/metrics", &[]).await.expect(200).text;
    text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or_default()
}

/// Until somebody waits for what is slow.
async fn crowded(server: &Server, at: &str, of: &str) {
    while turns(server, "waiting", at, of).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Others are answered while none of the crowd is.
async fn others(server: &Server, crowd: &Crowd, paths: &[&str]) {
    let before = crowd.answered();
    for _ in 0..OTHERS {
        for path in paths {
            server.call(Method::GET, path).send().await.expect(200);
        }
    }
    assert_eq!(crowd.answered(), before, "what is slow was to be slow all the while");
}

fn conditions(text: &str) -> String {
    let condition = json!({
        "resourceType": "Condition", "id": "c0", "code": { "text": text }, "subject": { "display": "p" }
    });
    let entry = json!({ "resource": condition, "request": { "method": "PUT", "url": "Condition/c0" } });
    json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_spins_holds_up_its_own_tables_only() {
    let fhir = Fhir::sandbox().await;
    let slow = |limits: &mut turntable::model::limits::Limits| {
        (limits.mapping_ms, limits.request_ms, limits.mapping_wait_ms) = (60_000, 20_000, 60_000);
        limits.mapping_concurrency = 4;
    };
    let server = Arc::new(Server::with(&fhir).route("msemr_condition", "virtual").limits(slow).start().await);
    let component = hostile("picky");
    server.load(&component).await.expect(201);
    server.activate("picky", &digest(&component)).await.expect(200);
    server.turn("picky", "virtual").await.expect(200);
    fhir.as_sandbox().load(conditions("loops").as_bytes()).expect("a bundle");
    server.post("accounts", &json!({ "name": "small" })).await.expect(201);
    // Each is compiled before there is nothing left to compile on.
    for set in ["msemr_conditions", "accounts"] {
        assert_eq!(server.rows(set, &[]).await.len(), 1);
    }
    let crowd = Crowd::of(MANY, &server, "picky_set");
    crowded(&server, "mappings", "hostile").await;
    // The same resources by another mapping, another table, and the server itself.
    others(&server, &crowd, &["msemr_conditions", "accounts?$filter=name eq 'small'", "/healthz"]).await;
    assert_eq!(turns(&server, "held", "mappings", "hostile").await, 2, "half of four");
    crowd.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_hangs_holds_up_its_own_tables_only() {
    let (hangs, other) = (Fhir::sandbox().await, Fhir::sandbox().await);
    let few = |limits: &mut turntable::model::limits::Limits| {
        (limits.upstream_concurrency, limits.upstream_queue, limits.request_ms) = (8, 40, 60_000);
    };
    let setup = Server::with(&hangs).source("other", other.base()).limits(few);
    let setup =
        setup.virtual_tables(&["msemr_observation", "msemr_encounter"]).route("msemr_condition", "virtual:other");
    let server = Arc::new(
        setup
            .configure(|config| {
                config.sources.values_mut().for_each(|source| source.timeout = Duration::from_secs(60));
            })
            .start()
            .await,
    );
    hangs.as_sandbox().load(EVENTS.as_bytes()).expect("a bundle");
    other.as_sandbox().load(conditions("well").as_bytes()).expect("a bundle");
    server.ingest(PEOPLE, None).await.expect(200);
    let paths = ["msemr_encounters?$top=1", "msemr_conditions", "contacts?$top=1", "/healthz"];
    for path in ["msemr_observations?$top=1"].iter().chain(&paths) {
        server.call(Method::GET, path).send().await.expect(200);
    }
    hangs.as_sandbox().set_faults("latency=60s:@Observation".parse().expect("a fault"));
    let crowd = Crowd::of(MANY, &server, "msemr_observations?$top=1");
    crowded(&server, "source/main", "Observation").await;
    // Of the same service too.
    others(&server, &crowd, &paths).await;
    assert_eq!(turns(&server, "held", "source/main", "Observation").await, 4);
    assert!(turns(&server, "refused_total", "source/main", "Observation").await > 0);
    let ready = server.get("/readyz", &[]).await.expect(200).json();
    assert_eq!(ready["sources"]["other"]["up"], true, "{ready}");
    crowd.stop().await;
}

/// Rows of large pages are here only so many at once: who wants one waits before anything is read for it. Nobody else waits
/// for these, nor who wants a large page of another table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_pages_wait_for_each_other_alone() {
    let fhir = Fhir::sandbox().await;
    let few = |limits: &mut turntable::model::limits::Limits| (limits.large_pages, limits.request_ms) = (4, 60_000);
    let setup = Server::with(&fhir).limits(few).virtual_tables(&["msemr_observation"]);
    let setup = setup.configure(|config| {
        config.sources.values_mut().for_each(|source| source.timeout = Duration::from_secs(60));
    });
    let server = Arc::new(setup.start().await);
    fhir.as_sandbox().load(EVENTS.as_bytes()).expect("a bundle");
    server.ingest(PEOPLE, None).await.expect(200);
    let large = "odata.maxpagesize=5000";
    for path in ["msemr_observations", "contacts"] {
        server.call(Method::GET, path).header("prefer", large).send().await.expect(200);
    }
    assert_eq!(turns(&server, "held", "large-pages", "observation").await, 0, "given back with the answer");
    fhir.as_sandbox().set_faults("latency=60s:@Observation".parse().expect("a fault"));
    let crowd = Crowd::preferring(FEW, &server, "msemr_observations", Some(large));
    crowded(&server, "large-pages", "observation").await;
    others(&server, &crowd, &["contacts?$top=1", "/healthz"]).await;
    for _ in 0..OTHERS {
        server.call(Method::GET, "contacts").header("prefer", large).send().await.expect(200);
    }
    assert_eq!(turns(&server, "held", "large-pages", "observation").await, 2, "half of four");
    assert_eq!(turns(&server, "held", "source/main", "Observation").await, 2, "nothing is read for those who wait");
    crowd.stop().await;
}

/// Rows of a table that the crowd reads from end to end.
const TABLE_ROWS: usize = 400;

/// Those who want one row wait for none of those who want the whole table, but for who is at work already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_row_comes_before_large_pages() {
    let fhir = Fhir::sandbox().await;
    let one_at_once = |limits: &mut turntable::model::limits::Limits| {
        (limits.mapping_concurrency, limits.store_reads, limits.upstream_concurrency) = (1, 1, 1);
        (limits.mapping_wait_ms, limits.request_ms) = (60_000, 60_000);
    };
    let server = Arc::new(Server::with(&fhir).limits(one_at_once).start().await);
    let observation = |n: usize| {
        let resource =
            json!({ "resourceType": "Observation", "id": format!("o{n}"), "status": "final", "code": { "text": "c" } });
        json!({ "resource": resource, "request": { "method": "PUT", "url": format!("Observation/o{n}") } })
    };
    let bundle = json!({
        "resourceType": "Bundle", "type": "batch", "entry": (0..TABLE_ROWS).map(observation).collect::<Vec<_>>()
    });
    server.ingest(&bundle.to_string(), None).await.expect(200);
    fhir.as_sandbox().load(bundle.to_string().as_bytes()).expect("a bundle");
    for (route, at, of) in [("native", "store-reads", "msemr_observation"), ("virtual", "mappings", "observation")] {
        server.turn("msemr_observation", route).await.expect(200);
        let one = server.rows("msemr_observations", &[("$top", "1"), ("$select", "msemr_observationid")]).await;
        let one = format!("msemr_observations({})", one[0]["msemr_observationid"].as_str().expect("a key"));
        let crowd = Crowd::of(FEW, &server, "msemr_observations");
        let mut behind = 0;
        for _ in 0..OTHERS {
            crowded(&server, at, of).await;
            let before = crowd.answered();
            server.call(Method::GET, &one).send().await.expect(200);
            behind += crowd.answered() - before;
        }
        // In the order of coming all of the others would be before each.
        assert!(behind < OTHERS * FEW / 2, "{route}: {behind} large pages went before {OTHERS} single rows");
        crowd.stop().await;
    }
}

/// Who sends many requests at once waits behind each of the others' first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_take_turns() {
    let (fhir, folder) = (Fhir::sandbox().await, tempfile::tempdir().expect("a folder"));
    let key = |name: &str| {
        let new = NewKey { name: name.to_owned(), roles: ["writer".to_owned()].into(), ..NewKey::default() };
        keys::create(folder.path(), new, "test", 10).expect("a key").0
    };
    let (many, one) = (key("many"), key("one"));
    let setup = Server::with(&fhir).data_dir(folder.path()).route("msemr_condition", "virtual");
    let setup = setup.configure(|config| config.identity.keys = true).limits(|limits| limits.upstream_concurrency = 1);
    let server = Arc::new(setup.start().await);
    fhir.as_sandbox().load(conditions("c").as_bytes()).expect("a bundle");
    let read = async |server: &Server, key: &str| {
        server.call(Method::GET, "msemr_conditions?$top=1").header("x-api-key", key).send().await.expect(200);
    };
    // What the service can do is known.
    read(&server, &one).await;
    fhir.as_sandbox().set_faults("latency=40ms".parse().expect("a fault"));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..MANY {
        let (server, key, answered) = (server.clone(), many.clone(), answered.clone());
        flood.spawn(async move {
            read(&server, &key).await;
            answered.fetch_add(1, Ordering::Relaxed);
        });
    }
    while answered.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut before_it = 0;
    for _ in 0..SINGLE {
        let before = answered.load(Ordering::Relaxed);
        read(&server, &one).await;
        before_it += answered.load(Ordering::Relaxed) - before;
    }
    // In the order of coming all of them would have been before the first.
    assert!(before_it < 3 * SINGLE, "{before_it} of {MANY} requests went before {SINGLE} of somebody else");
    flood.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heavy_filter_holds_up_its_own_table_only() {
    let slow = |limits: &mut turntable::model::limits::Limits| limits.store_reads = 4;
    let server = Arc::new(Server::setup().limits(slow).start().await);
    let observation = |n: usize| {
        let resource = json!({
            "resourceType": "Observation", "id": format!("o{n}"), "status": "final",
            "code": { "text": format!("{n} {}", "Zwölf Boxkämpfer jagen Viktor ".repeat(9)) }
        });
        json!({ "resource": resource, "request": { "method": "PUT", "url": format!("Observation/o{n}") } })
    };
    let bundle =
        json!({ "resourceType": "Bundle", "type": "batch", "entry": (0..300).map(observation).collect::<Vec<_>>() });
    server.ingest(&bundle.to_string(), None).await.expect(200);
    server.post("accounts", &json!({ "name": "small" })).await.expect(201);
    let heavy: Vec<_> = (0..40).map(|n| format!("contains(tolower(msemr_description),'x{n}')")).collect();
    let heavy = turntable_tests::encode(&heavy.join(" or "));
    let crowd = Crowd::of(FEW, &server, &format!("msemr_observations?$filter={heavy}"));
    crowded(&server, "store-reads", "msemr_observation").await;
    let key = server.rows("accounts", &[]).await[0]["accountid"].as_str().unwrap_or_default().to_owned();
    for _ in 0..OTHERS / 5 {
        for path in
            [format!("accounts({key})"), "accounts?$filter=name eq 'small'".replace(' ', "%20"), "/healthz".into()]
        {
            server.call(Method::GET, &path).send().await.expect(200);
        }
        server.patch(&format!("accounts({key})"), &json!({ "name": "small" })).await.expect(204);
    }
    let held = turns(&server, "held", "store-reads", "msemr_observation").await;
    assert!(held <= 2, "{held} of 4");
    crowd.stop().await;
}

/// Of a batch, entries are stored some at a time: others write in between, also what the batch is about to write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_batch_lets_others_write() {
    const SIZE: usize = 3_000;
    let server = Arc::new(Server::setup().start().await);
    let patient = |n: usize| -> Value {
        let resource =
            json!({ "resourceType": "Patient", "id": format!("p{n}"), "name": [{ "family": format!("F{n}") }] });
        json!({ "fullUrl": format!("urn:x:{n}"), "resource": resource, "request": { "method": "PUT", "url": format!("Patient/p{n}") } })
    };
    let of = |entries: Vec<Value>| json!({ "resourceType": "Bundle", "type": "batch", "entry": entries }).to_string();
    // One of the last is there before, and somebody else goes on to change it.
    server.ingest(&of(vec![patient(SIZE - 3)]), None).await.expect(200);
    let key = server.rows("contacts", &[]).await[0]["contactid"].as_str().unwrap_or_default().to_owned();
    server.post("accounts", &json!({ "name": "small" })).await.expect(201);
    let account = server.rows("accounts", &[]).await[0]["accountid"].as_str().unwrap_or_default().to_owned();
    let mut entries: Vec<_> = (0..SIZE).map(patient).collect();
    // It holds what it says of another of them, and of one that stands at another version than it says.
    entries.push(json!({
        "resource": { "resourceType": "Observation", "id": "o1", "status": "final", "code": { "text": "of the first" },
                      "subject": { "reference": "urn:x:0" } },
        "request": { "method": "PUT", "url": "Observation/o1" }
    }));
    let body = of(entries);
    let ingest = tokio::spawn({
        let server = server.clone();
        async move { server.ingest(&body, None).await.expect(200).json() }
    });
    let mut between = 0;
    loop {
        if ingest.is_finished() {
            break;
        }
        let is_storing = turns(&server, "held", "store-writes", "bundles").await > 0;
        server.patch(&format!("accounts({account})"), &json!({ "name": format!("a{between}") })).await.expect(204);
        server.patch(&format!("contacts({key})"), &json!({ "firstname": format!("n{between}") })).await.expect(204);
        between += usize::from(is_storing && !ingest.is_finished());
    }
    assert!(between > 0, "nobody wrote in between");
    let answer = ingest.await.expect("it ends");
    let answers = answer["entry"].as_array().expect("entries");
    assert_eq!(answers.len(), SIZE + 1);
    for (n, entry) in answers.iter().enumerate() {
        let status = entry["response"]["status"].as_str().unwrap_or_default();
        assert!(status == "201 Created" || n == SIZE - 3 && status == "200 OK", "{n}: {entry}");
    }
    assert_eq!(server.native_rows("contact").await, SIZE as u64);
    let subject = server.rows("msemr_observations", &[("$select", "_msemr_subjecttypepatient_value")]).await;
    let first = server.rows("contacts", &[("$filter", "lastname eq 'F0'"), ("$select", "contactid")]).await;
    assert_eq!(subject[0]["_msemr_subjecttypepatient_value"], first[0]["contactid"], "links hold over the parts");
}
