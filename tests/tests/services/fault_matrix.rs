//! Every fault that the sandbox knows, against every operation that reaches a FHIR service, and those that must not mind:
//! bundles that stay here, a route that is turned there and back, a version that is put in force. What is answered with success
//! is held against what the service has: a wrong success is the one thing that may not be. Prints the table of what
//! became of each.

#![expect(clippy::print_stdout, reason = "what became of each is to be seen")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use turntable_fhir_sandbox::Sandbox;
use turntable_tests::{Answer, EVENTS, Fhir, PATIENT, PEOPLE, SYNTHEA, Server, builtin, digest, with_text};

const ENCOUNTER: &str = "137cf922-beec-478e-acbc-152368296695";
/// Of the allergy that is changed, and of the one that is deleted; made anew for each fault.
const CHANGED: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f11";
const DELETED: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f12";
const CHOSEN: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f13";
const FORWARDED: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f14";

/// Of those that a change set is about.
const SET_CHANGED: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f15";
const SET_DELETED: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f16";

/// What says that nothing was changed.
const UNCHANGED: [&str; 5] = ["NotSupported", "RefusedByFhir", "Conflict", "VersionMismatch", "NotFound"];

/// A label of a choice tells the versions of a mapping apart.
const FIRST: &str = "Finished";
const SECOND: &str = "FINISHED";
const LABEL: &str = "msemr_encounterstatus@OData.Community.Display.V1.FormattedValue";

/// Milliseconds that a request may take: a fault of latency is to be met, not waited for.
const REQUEST_MS: u64 = 3_000;

const FAULTS: [&str; 66] = [
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
    "half-transaction",
    "no-transaction",
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
    let mut there = There::start().await;
    let (mut table, mut wrong) = (String::new(), Vec::new());
    let (mut right, mut all) = (0, 0);
    for faults in FAULTS {
        there.prepare();
        there.round += 1;
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
    /// Faults so far: resources that are kept here have ids of their own for each.
    round: usize,
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
        // One that is kept here, for when the route leads here.
        server.turn("msemr_encounter", "native").await.expect(200);
        let mut own: Value = serde_json::from_str(EVENTS).expect("JSON");
        let entries = own["entry"].as_array_mut().expect("entries");
        entries.retain(|entry| entry["resource"]["resourceType"] == "Encounter");
        entries.truncate(1);
        server.ingest(&own.to_string(), None).await.expect(200);
        let here = server.rows("msemr_encounters", &[]).await.len();
        assert_eq!(here, 1);
        server.turn("msemr_encounter", "virtual").await.expect(200);
        server.load(&second()).await.expect(201);
        let mut there = Self { fhir, server, round: 0, honest: BTreeMap::new() };
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
        for id in [CHANGED, DELETED, SET_CHANGED, SET_DELETED] {
            let code = "before";
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
        let (list, create, chosen, update, delete, set, forward, forward_batch, batch) = tokio::join!(
            self.list(),
            self.create(),
            self.create_chosen(),
            self.update(),
            self.delete(),
            self.change_set(),
            self.forward(),
            self.forward_batch(),
            self.batch()
        );
        // What they read by is changed when they are done.
        let (turn, activate) = (self.turn().await, self.activate().await);
        let writes = [
            ("list", list),
            ("create", create),
            ("create-by-key", chosen),
            ("update", update),
            ("delete", delete),
            ("change-set", set),
            ("forward", forward),
            ("forward-batch", forward_batch),
            ("batch", batch),
            ("turn", turn),
            ("activate", activate),
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

    /// A row made, one changed and one deleted, together or not at all.
    async fn change_set(&self) -> Outcome {
        let code = format!("set-{}", self.round);
        let set = "msemr_allergyintolerances";
        let part = |id: &str, method: &str, url: String, body: Value| {
            let headers = json!({ "Prefer": "return=representation" });
            json!({ "id": id, "atomicityGroup": "g", "method": method, "url": url, "body": body, "headers": headers })
        };
        let mut gone = part("3", "DELETE", format!("{set}({SET_DELETED})"), Value::Null);
        gone.as_object_mut().expect("an object").remove("body");
        let batch = json!({ "requests": [
            part("1", "POST", set.to_owned(), row(&code, None)),
            part("2", "PATCH", format!("{set}({SET_CHANGED})"), json!({ "msemr_code": code })),
            gone,
        ]});
        let answer = self.server.call(Method::POST, "$batch").json(&batch).send().await;
        if answer.status != 200 {
            return Outcome::Refused(answer.error_code());
        }
        let responses = answer.json()["responses"].as_array().cloned().unwrap_or_default();
        let is_there = self.sandbox().resource("AllergyIntolerance", SET_DELETED).is_some();
        if responses.iter().any(|one| one["status"] == 424) {
            let refused = responses.iter().map(|one| one["body"]["error"]["code"].as_str().unwrap_or_default());
            let code = refused.filter(|code| *code != "FailedDependency").collect::<String>();
            let as_before = self.has(SET_CHANGED, "before").and(is_there.then_some(()).ok_or("deleted".to_owned()));
            return match as_before {
                Err(what) if UNCHANGED.contains(&code.as_str()) => Outcome::Wrong(format!("{code}, and {what}")),
                _ => Outcome::Refused(code),
            };
        }
        let created = match responses[0]["body"]["msemr_azurefhirid"].as_str() {
            Some(id) => self.has(id, &code),
            // It is done; that it cannot be shown is another matter.
            None => Ok(()),
        };
        let gone = if is_there { Err("it is still there".to_owned()) } else { Ok(()) };
        let done = created.and(self.has(SET_CHANGED, &code)).and(gone);
        done.map_or_else(|what| Outcome::Wrong(format!("{what}: {}", answer.text)), |()| Outcome::Right)
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

    /// A batch through `/fhir` to the service, of a resource that is kept here too and of one that is not.
    async fn forward_batch(&self) -> Outcome {
        let (both, there) = (format!("fb-{}", self.round), format!("fa-{}", self.round));
        let allergy = json!({
            "resourceType": "AllergyIntolerance", "id": there,
            "code": { "coding": [{ "system": "http://example.org/codes", "code": "forwarded" }] },
            "patient": { "reference": format!("Patient/{PATIENT}") },
        });
        let bundle = batch(&[patient(&both), allergy]);
        let answer = self.server.ingest(&bundle, Some("main")).await;
        let here = self.server.get("contacts", &[("$filter", &format!("lastname eq '{both}'"))]).await.expect(200);
        let is_here = here.rows().len() == 1;
        if answer.status != 200 {
            return match is_here {
                true => Outcome::Wrong("refused, and kept here".to_owned()),
                false => Outcome::Refused(answer.error_code()),
            };
        }
        let entries = answer.json()["entry"].as_array().cloned().unwrap_or_default();
        let status = |at: usize| entries[at]["response"]["status"].as_str().unwrap_or_default().to_owned();
        let is_there = self.sandbox().resource("Patient", &both).is_some_and(|body| body.contains(&both));
        let patient = match (&status(0)[..3], is_there, is_here) {
            ("200" | "201", true, true) | ("202", true, false) => Ok(()),
            ("200" | "201" | "202", ..) => Err(format!("{answer:?}: there {is_there}, here {is_here}")),
            (_, _, true) => Err("an entry is refused, and kept here".to_owned()),
            _ => Ok(()),
        };
        let allergy = if status(1).starts_with('2') { self.has(&there, "forwarded") } else { Ok(()) };
        patient.and(allergy).map_or_else(Outcome::Wrong, |()| Outcome::Right)
    }

    /// A batch that stays here minds no service.
    async fn batch(&self) -> Outcome {
        let id = format!("b-{}", self.round);
        let answer = self.server.ingest(&batch(&[patient(&id)]), None).await;
        let here = self.server.get("contacts", &[("$filter", &format!("lastname eq '{id}'"))]).await.expect(200);
        match (answer.status, answer.json()["entry"][0]["response"]["status"] == "201 Created", here.rows().len()) {
            (200, true, 1) => Outcome::Right,
            _ => Outcome::Wrong(format!("{}: {} rows here", answer.text, here.rows().len())),
        }
    }

    /// A route here, and back to the service.
    async fn turn(&self) -> Outcome {
        let turned = self.server.turn("msemr_encounter", "native").await;
        let here = self.read("msemr_encounters?$select=msemr_name&$count=true").await;
        let back = self.server.turn("msemr_encounter", "virtual").await;
        for answer in [&turned, &here, &back] {
            if answer.status != 200 {
                return Outcome::Wrong(format!("{}: {}", answer.call, answer.text));
            }
        }
        if here.rows().len() != 1 {
            return Outcome::Wrong(format!("not what is here: {}", here.text));
        }
        let (name, path) = READS[1];
        let there = self.read(path).await;
        self.judged(&there, |answer| same(&plain(answer), &self.honest[name]))
    }

    /// Another version in force, and the first again.
    async fn activate(&self) -> Outcome {
        for (version, label) in [(digest(&second()), SECOND), (digest(builtin("encounter")), FIRST)] {
            let answer = self.server.activate("msemr_encounter", &version).await;
            if answer.status != 200 {
                return Outcome::Wrong(format!("{}: {}", answer.call, answer.text));
            }
            let path = "msemr_encounters?$select=msemr_encounterstatus&$filter=msemr_encounterstatus%20eq%20935000005";
            let call = self.server.call(Method::GET, path).header("prefer", "odata.include-annotations=\"*\"");
            let outcome = self.judged(&call.send().await, |answer| {
                let rows = answer.rows();
                let is_its_own = |row: &Value| row[LABEL] == label;
                let all = rows.len() == self.honest["filter"]["value"].as_array().map_or(0, Vec::len);
                if all && rows.iter().all(is_its_own) { Ok(()) } else { Err(answer.text.clone()) }
            });
            if matches!(outcome, Outcome::Wrong(_)) {
                return outcome;
            }
        }
        Outcome::Right
    }

    fn has(&self, id: &str, code: &str) -> Result<(), String> {
        match self.sandbox().resource("AllergyIntolerance", id) {
            Some(resource) if resource.contains(&format!("\"{code}\"")) => Ok(()),
            Some(resource) => Err(format!("the service has {resource}")),
            None => Err("the service does not have it".to_owned()),
        }
    }
}

fn second() -> Vec<u8> {
    with_text("encounter", FIRST, SECOND)
}

fn patient(id: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "name": [{ "family": id }] })
}

/// Of resources that are put under their own ids.
fn batch(resources: &[Value]) -> String {
    let entry = |resource: &Value| {
        let url = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap_or_default(),
            resource["id"].as_str().unwrap_or_default()
        );
        json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
    };
    json!({ "resourceType": "Bundle", "type": "batch", "entry": resources.iter().map(entry).collect::<Vec<_>>() })
        .to_string()
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
