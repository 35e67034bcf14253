//! Every fault that the sandbox knows, against every operation that reaches a FHIR service. What is answered with success
//! is held against what the service has: a wrong success is the one thing that may not be. Prints the table of what
//! became of each.

#![expect(clippy::print_stdout, reason = "what became of each is to be seen")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use turntable_fhir_sandbox::Sandbox;
use turntable_tests::{Answer, EVENTS, Fhir, PATIENT, PEOPLE, SYNTHEA, Server};

const ENCOUNTER: &str = "137cf922-beec-478e-acbc-152368296695";
/// Of the allergy that is changed, and of the one that is deleted; made anew for each fault.
const CHANGED: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f11";
const DELETED: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f12";
const CHOSEN: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f13";
const FORWARDED: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f14";

/// Milliseconds that a request may take: a fault of latency is to be met, not waited for.
const REQUEST_MS: u64 = 3_000;

const FAULTS: [&str; 64] = [
    "",
    "latency=50ms",
    "latency=30s",
    "latency=30s:50%",
    "status=500",
    "status=500:50%",
    "status=503:30%",
    "status=429:50%",
    "status=401:50%",
    "status=403",
    "status=404:30%",
    "status=409:50%",
    "status=410:30%",
    "status=412:50%",
    "status=501:30%",
    "cut",
    "cut:30%",
    "malformed",
    "malformed:30%",
    "html:30%",
    "ignore-params",
    "ignore-params=claimed",
    "ignore-sort",
    "nulls-first,tiny-pages",
    "sort-turns,tiny-pages",
    "wrong-total",
    "foreign-next",
    "duplicate-pages",
    "coarse-numbers",
    "drop-version",
    "absolute-references",
    "no-update-create",
    "no-next",
    "same-next",
    "two-nexts",
    "empty-next",
    "relative-next",
    "public-next",
    "expired-next",
    "bare-entry",
    "double-entry",
    "two-entries",
    "other-type",
    "capital-modes",
    "error-outcome",
    "subsetted",
    "empty-page",
    "page-total",
    "outcome-total",
    "no-total",
    "small-pages",
    "overlap",
    "few-types",
    "other-version",
    "gzip",
    "deflate",
    "bom",
    "stale-write",
    "accepted-write",
    "failed-write",
    "late-answer",
    "other-write",
    "ignore-none-match",
    "refuse-writes=422",
];

/// Reads of one page, told by their names.
const READS: [(&str, &str); 6] = [
    ("read", "msemr_encounters({encounter})?$select=msemr_name"),
    ("filter", "msemr_encounters?$select=msemr_name&$filter=msemr_encounterstatus eq 935000005&$count=true"),
    (
        "order",
        "msemr_observations?$select=msemr_description&$orderby=msemr_valuetypequantityvalue desc,msemr_observationid&$top=7",
    ),
    ("count", "msemr_observations/$count"),
    ("join", "msemr_encounters?$select=msemr_name&$filter=msemr_subjectpatient/birthdate lt 1980-01-01"),
    (
        "expand",
        "contacts({patient})?$select=fullname&$expand=msemr_observation_msemr_subjecttypepatient($select=msemr_description)",
    ),
];

/// What became of an operation.
enum Outcome {
    /// It was done, and is there.
    Right,
    /// It was refused, by this code.
    Refused(String),
    /// It was answered as done, and is not so.
    Wrong(String),
}

type Outcomes = Vec<(&'static str, Outcome)>;

#[tokio::test(flavor = "multi_thread")]
async fn no_success_is_wrong() {
    let there = There::start().await;
    let (mut table, mut wrong) = (String::new(), Vec::new());
    let (mut right, mut all) = (0, 0);
    for faults in FAULTS {
        there.prepare();
        there.sandbox().set_faults(faults.parse().unwrap_or_else(|error| panic!("{error}")));
        let outcomes = there.everything().await;
        there.sandbox().set_faults(String::new().parse().expect("no faults"));
        let _ = write!(table, "{:24}", if faults.is_empty() { "(none)" } else { faults });
        for (operation, outcome) in outcomes {
            all += 1;
            let shown = match outcome {
                Outcome::Right => "right".to_owned(),
                Outcome::Refused(code) => {
                    assert!(!faults.is_empty(), "{operation} without a fault: {code}");
                    code
                }
                Outcome::Wrong(what) => {
                    wrong.push(format!("{faults}: {operation}: {what}"));
                    "WRONG".to_owned()
                }
            };
            right += usize::from(shown == "right");
            let _ = write!(table, " {operation}={shown}");
        }
        table.push('\n');
    }
    println!("{table}{right} of {all} done and right, the others refused by name");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(right * 2 > all, "a server that refuses everything is never wrong: {right} of {all}\n{table}");
}

struct There {
    fhir: Fhir,
    server: Server,
    /// What the reads and the walk find without a fault.
    honest: BTreeMap<&'static str, Value>,
}

impl There {
    async fn start() -> Self {
        let fhir = Fhir::sandbox().await;
        let tables = ["msemr_encounter", "msemr_observation", "msemr_allergyintolerance"];
        let server = Server::with(&fhir).virtual_tables(&tables).limits(|l| l.request_ms = REQUEST_MS).start().await;
        for bundle in [EVENTS, SYNTHEA[0]] {
            fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
        }
        server.ingest(PEOPLE, None).await.expect(200);
        let mut there = Self { fhir, server, honest: BTreeMap::new() };
        for (name, path) in READS {
            let answer = there.read(path).await.expect(200);
            there.honest.insert(name, plain(&answer));
        }
        let walked = there.walk().await.unwrap_or_else(|answer| panic!("{}", answer.text));
        there.honest.insert("list", walked);
        there
    }

    fn sandbox(&self) -> &Sandbox {
        self.fhir.as_sandbox()
    }

    /// The resources that are written, as they are before each fault.
    fn prepare(&self) {
        for (id, code) in [(CHANGED, "before"), (DELETED, "before")] {
            let allergy = json!({
                "resourceType": "Bundle", "type": "batch",
                "entry": [{
                    "resource": {
                        "resourceType": "AllergyIntolerance", "id": id,
                        "code": { "coding": [{ "system": "http://example.org/codes", "code": code }] },
                        "patient": { "reference": format!("Patient/{PATIENT}") },
                    },
                    "request": { "method": "PUT", "url": format!("AllergyIntolerance/{id}") },
                }],
            });
            self.sandbox().load(allergy.to_string().as_bytes()).expect("a bundle");
        }
        for id in [CHOSEN, FORWARDED] {
            let gone = json!({
                "resourceType": "Bundle", "type": "batch",
                "entry": [{ "request": { "method": "DELETE", "url": format!("AllergyIntolerance/{id}") } }],
            });
            self.sandbox().load(gone.to_string().as_bytes()).expect("a bundle");
        }
    }

    /// Reads at once, then writes at once, each of a resource of its own.
    async fn everything(&self) -> Outcomes {
        let reads = futures(READS.map(|(name, path)| async move {
            (name, self.judged(&self.read(path).await, |answer| same(&plain(answer), &self.honest[name])))
        }))
        .await;
        let (list, create, chosen, update, delete, forward) = tokio::join!(
            self.list(),
            self.create(),
            self.create_chosen(),
            self.update(),
            self.delete(),
            self.forward()
        );
        let writes = [
            ("list", list),
            ("create", create),
            ("create-by-key", chosen),
            ("update", update),
            ("delete", delete),
            ("forward", forward),
        ];
        reads.into_iter().chain(writes).collect()
    }

    fn judged(&self, answer: &Answer, is_right: impl FnOnce(&Answer) -> Result<(), String>) -> Outcome {
        match answer.status {
            200..300 => is_right(answer).map_or_else(Outcome::Wrong, |()| Outcome::Right),
            _ => Outcome::Refused(answer.error_code()),
        }
    }

    async fn read(&self, path: &str) -> Answer {
        let path = path.replace("{patient}", PATIENT).replace("{encounter}", ENCOUNTER).replace(' ', "%20");
        self.server.call(Method::GET, &path).send().await
    }

    async fn list(&self) -> Outcome {
        match self.walk().await {
            Ok(keys) => same(&keys, &self.honest["list"]).map_or_else(Outcome::Wrong, |()| Outcome::Right),
            Err(answer) => Outcome::Refused(answer.error_code()),
        }
    }

    /// Keys of all observations, in pages of seven.
    async fn walk(&self) -> Result<Value, Answer> {
        let mut keys = Vec::new();
        let mut next = Some("msemr_observations?$select=msemr_description".to_owned());
        while let Some(path) = next.take() {
            let page = self.server.call(Method::GET, &path).header("prefer", "odata.maxpagesize=7").send().await;
            if page.status != 200 {
                return Err(page);
            }
            keys.extend(page.rows().iter().map(|row| row["msemr_observationid"].clone()));
            next = page.json()["@odata.nextLink"].as_str().map(str::to_owned);
            assert!(keys.len() < 1_000, "the pages never end");
        }
        keys.sort_by_key(Value::to_string);
        Ok(keys.into())
    }

    async fn create(&self) -> Outcome {
        let answer = self.server.post("msemr_allergyintolerances", &row("created", None)).await;
        self.judged(&answer, |answer| {
            let id = answer.json()["msemr_azurefhirid"].as_str().map(str::to_owned).ok_or("no id")?;
            self.has(&id, "created")
        })
    }

    async fn create_chosen(&self) -> Outcome {
        let answer = self.server.post("msemr_allergyintolerances", &row("chosen", Some(CHOSEN))).await;
        self.judged(&answer, |_| self.has(CHOSEN, "chosen"))
    }

    async fn update(&self) -> Outcome {
        let change = json!({ "msemr_code": "after" });
        let answer = self.server.patch(&format!("msemr_allergyintolerances({CHANGED})"), &change).await;
        self.judged(&answer, |_| self.has(CHANGED, "after"))
    }

    async fn delete(&self) -> Outcome {
        let answer = self.server.delete(&format!("msemr_allergyintolerances({DELETED})")).await;
        self.judged(&answer, |_| match self.sandbox().resource("AllergyIntolerance", DELETED) {
            None => Ok(()),
            Some(_) => Err("it is still there".to_owned()),
        })
    }

    /// Through `/fhir` to the service.
    async fn forward(&self) -> Outcome {
        let bundle = json!({
            "resourceType": "Bundle", "type": "transaction",
            "entry": [{
                "resource": {
                    "resourceType": "AllergyIntolerance", "id": FORWARDED,
                    "code": { "coding": [{ "system": "http://example.org/codes", "code": "forwarded" }] },
                    "patient": { "reference": format!("Patient/{PATIENT}") },
                },
                "request": { "method": "PUT", "url": format!("AllergyIntolerance/{FORWARDED}") },
            }],
        });
        let answer = self.server.ingest(&bundle.to_string(), Some("main")).await;
        self.judged(&answer, |answer| {
            let status = answer.json()["entry"][0]["response"]["status"].as_str().unwrap_or_default().to_owned();
            // The outcome of an entry may say that it was refused.
            if status.starts_with('2') { self.has(FORWARDED, "forwarded") } else { Ok(()) }
        })
    }

    fn has(&self, id: &str, code: &str) -> Result<(), String> {
        match self.sandbox().resource("AllergyIntolerance", id) {
            Some(resource) if resource.contains(&format!("\"{code}\"")) => Ok(()),
            Some(resource) => Err(format!("the service has {resource}")),
            None => Err("the service does not have it".to_owned()),
        }
    }
}

fn row(code: &str, key: Option<&str>) -> Value {
    let mut row = json!({
        "msemr_name": "Allergy",
        "msemr_code": code,
        "msemr_patient@odata.bind": format!("/contacts({PATIENT})"),
    });
    if let Some(key) = key {
        row["msemr_allergyintoleranceid"] = key.into();
    }
    row
}

fn same(found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found}\n  and not {expected}")) }
}

/// An answer for comparing: without versions, which some services do not give, and without links, which name a port.
fn plain(answer: &Answer) -> Value {
    let mut value = serde_json::from_str(&answer.text).unwrap_or(Value::Null);
    drop_links(&mut value);
    value
}

fn drop_links(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !name.ends_with("@odata.etag") && !name.ends_with("@odata.nextLink"));
            members.values_mut().for_each(drop_links);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_links),
        _ => {}
    }
}

/// All at once, in their order.
async fn futures<const N: usize, T>(work: [impl Future<Output = T>; N]) -> Vec<T> {
    let mut work: Vec<_> = work.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = (0..N).map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (work, done) in work.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = work.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
