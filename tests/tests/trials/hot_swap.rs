//! Two versions of a mapping take turns every 50 ms under load: no request fails, no answer mixes the two, and memory
//! stays where it is. `TURNTABLE_TEST_ALL=1` asks 20,000 requests instead of 4,000.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use turntable_tests::{EVENTS, Fhir, PATIENT, PEOPLE, SYNTHEA, Server, builtin, digest, with_text, without_samples};

/// Asked at once.
const CLIENTS: usize = 8;

/// Between two swaps.
const PAUSE: Duration = Duration::from_millis(50);

/// At least so many swaps under load: a machine on which they take long asks more requests.
const SWAPS: usize = 10;

/// How much the process may grow under load, tests, server and FHIR service in one: a leak of a version a swap, or of
/// an answer a request, is far beyond it.
const GROWTH_BYTES: u64 = 32 << 20;

/// What tells the versions apart in every row: a label, which the server lays beside a value, and a name, which the
/// mapping itself reads. The first reads an encounter's name from its type, the second from an element that is not there.
const FIRST: &str = "Finished";
const SECOND: &str = "FINISHED";
const FIRST_NAME: &str = "type[0].text | type[0].coding[0].display";
const SECOND_NAME: &str = "type[0].none | type[0].coding[0].nothing";

const STATUS: &str = "msemr_encounterstatus@OData.Community.Display.V1.FormattedValue";

/// Each shows encounters, by another way through the host.
const REQUESTS: [&str; 5] = [
    "msemr_encounters?$select=msemr_encounterstatus,msemr_name",
    "msemr_encounters?$select=msemr_encounterstatus,msemr_name&$filter=_msemr_subjectpatient_value%20eq%20{patient}&$count=true",
    "msemr_encounters?$select=msemr_encounterstatus,msemr_name&$orderby=msemr_periodstart%20desc&$top=5",
    "msemr_encounters(137cf922-beec-478e-acbc-152368296695)?$select=msemr_encounterstatus,msemr_name",
    "contacts({patient})?$select=fullname&$expand=msemr_encounter_msemr_subjectpatient($select=msemr_encounterstatus,msemr_name)",
];

/// One after the other: memory is that of the whole process.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_routes() {
    swap_under_load("virtual").await;
    swap_under_load("native").await;
}

async fn swap_under_load(route: &str) {
    let fhir = Fhir::sandbox().await;
    let server = Arc::new(Server::with(&fhir).route("msemr_encounter", route).start().await);
    for bundle in [PEOPLE, EVENTS].into_iter().chain(SYNTHEA) {
        server.ingest(bundle, Some("main")).await.expect(200);
    }
    let second = second_version();
    server.load(&second).await.expect(201);
    let versions = [digest(builtin("encounter")), digest(&second)];

    // Both have been in force, and every request been asked, before memory is looked at.
    let seen = Seen::default();
    for version in [&versions[1], &versions[0]] {
        server.activate("msemr_encounter", version).await.expect(200);
        ask(&server, |asked| asked < REQUESTS.len() * 100, &seen).await;
    }
    // So that every thread has what room it takes for itself, the same goes on for a while first.
    let seen = Seen::default();
    swapped(&server, &versions, requests() / 4, &seen).await;
    let before = resident();
    let seen = Seen::default();
    let (asked, swaps) = swapped(&server, &versions, requests() / 2, &seen).await;
    let (first, second) = (seen.first.load(Ordering::Relaxed), seen.second.load(Ordering::Relaxed));
    assert_eq!(first + second, asked, "every request is answered by one version");
    assert!(first > 0 && second > 0, "{swaps} swaps, {first} and {second} answers: nothing was tested");
    if let (Some(before), Some(after)) = (before, resident()) {
        let growth = after.saturating_sub(before);
        assert!(growth < GROWTH_BYTES, "grown by {} MiB in {asked} requests and {swaps} swaps", growth >> 20);
    }
}

/// So many requests while versions are swapped, or more until there were [`SWAPS`]: how many of both there were.
async fn swapped(server: &Arc<Server>, versions: &[String; 2], most: usize, seen: &Seen) -> (usize, usize) {
    let (swaps, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let swapping = tokio::spawn(swap(server.clone(), versions.clone(), swaps.clone(), done.clone()));
    let enough = |asked| asked >= most && (swaps.load(Ordering::Relaxed) >= SWAPS || swapping.is_finished());
    let asked = ask(server, |asked| !enough(asked), seen).await;
    done.store(true, Ordering::Relaxed);
    swapping.await.expect("swapping does not panic");
    (asked, swaps.load(Ordering::Relaxed))
}

/// The shipped mapping with another label and another path, and without its samples, which expect the first.
fn second_version() -> Vec<u8> {
    let mut component = with_text("encounter", FIRST, SECOND);
    assert_eq!(FIRST_NAME.len(), SECOND_NAME.len());
    assert!(find(&component, FIRST_NAME).is_some(), "the path is in the component");
    while let Some(at) = find(&component, FIRST_NAME) {
        component[at..at + SECOND_NAME.len()].copy_from_slice(SECOND_NAME.as_bytes());
    }
    without_samples(component)
}

fn find(component: &[u8], text: &str) -> Option<usize> {
    component.windows(text.len()).position(|window| window == text.as_bytes())
}

/// Requests in all, half of them on each route, or more until there were [`SWAPS`].
fn requests() -> usize {
    if turntable_test_data::wants_all() { 20_000 } else { 4_000 }
}

/// Answers by each version.
#[derive(Default)]
struct Seen {
    first: AtomicUsize,
    second: AtomicUsize,
}

/// Asks from all clients together while it is wanted, which is told how many were asked; how many those were.
async fn ask(server: &Arc<Server>, wanted: impl Fn(usize) -> bool, seen: &Seen) -> usize {
    let next = AtomicUsize::new(0);
    let client = async || {
        while wanted(next.load(Ordering::Relaxed)) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let path = REQUESTS[number % REQUESTS.len()].replace("{patient}", PATIENT);
            let call = server.call(Method::GET, &path).header("prefer", "odata.include-annotations=\"*\"");
            let answer = call.send().await.expect(200);
            let mut versions = BTreeSet::new();
            collect(&answer.json(), &mut versions);
            let shown = versions.iter().map(|(label, name)| (label.as_str(), *name)).collect::<Vec<_>>();
            match shown.as_slice() {
                [(FIRST, true)] => seen.first.fetch_add(1, Ordering::Relaxed),
                [(SECOND, false)] => seen.second.fetch_add(1, Ordering::Relaxed),
                other => panic!("{other:?} in one answer: {}: {}", answer.call, answer.text),
            };
        }
    };
    let clients: [_; CLIENTS] = std::array::from_fn(|_| Box::pin(client()));
    let [a, b, c, d, e, f, g, h] = clients;
    tokio::join!(a, b, c, d, e, f, g, h);
    next.load(Ordering::Relaxed)
}

/// Of every encounter in an answer its label, and whether it has a name.
fn collect(value: &Value, versions: &mut BTreeSet<(String, bool)>) {
    match value {
        Value::Object(members) => {
            if let Some(label) = members.get(STATUS).and_then(Value::as_str) {
                versions.insert((label.to_owned(), !members["msemr_name"].is_null()));
            }
            members.values().for_each(|member| collect(member, versions));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, versions)),
        _ => {}
    }
}

/// Puts one and the other in force until it is done, and counts how often.
async fn swap(server: Arc<Server>, versions: [String; 2], swaps: Arc<AtomicUsize>, done: Arc<AtomicBool>) {
    while !done.load(Ordering::Relaxed) {
        let next = (swaps.load(Ordering::Relaxed) + 1) % 2;
        server.activate("msemr_encounter", &versions[next]).await.expect(200);
        swaps.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Memory of this process; None where the system does not say.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}
