//! A server that is killed at any step of a write, a bundle, a release or a turn has, when it starts again, all that was
//! acknowledged, and nothing by half: neither a row without its resource, nor a part of a transaction, nor rows of two
//! versions. Each step once, then so many steps at random (`TURNTABLE_KILLS`, from `TURNTABLE_KILLS_SEED`): `just kills`.

// Programs built to be used cannot be told to end.
#![cfg(debug_assertions)]
#![expect(clippy::print_stdout, reason = "the seed is to be seen, and a process tells another one what it does")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use turntable::router::fault;
use turntable_tests::{Answer, Fhir, Server, builtin, digest, with_text};

const TEST: &str = "kills::what_is_acknowledged_is_there_wherever_it_is_killed";

/// Set for the process that is killed: its data folder, the FHIR service, where it ends, the seed of what it does.
const FOLDER: &str = "TURNTABLE_KILLS_TEST_FOLDER";
const SERVICE: &str = "TURNTABLE_KILLS_TEST_SERVICE";
const END: &str = "TURNTABLE_KILLS_TEST_END";
const SEED: &str = "TURNTABLE_KILLS_TEST_SEED";

/// Random kills in the suite.
const KILLS: usize = 8;

/// Of a random kill, so many steps are reached at most before it.
const STEPS: u64 = 24;

/// What a process does at most, where no step ends it.
const DEEDS: usize = 400;

/// A batch that is stored in several parts.
const LARGE: u64 = 210;

const OBSERVATIONS: usize = 30;

/// A row says which version made it: by the display of its code, or by the code's version.
const FIRST: &str = "by display";
const SECOND: &str = "by version";

const TABLE: &str = "msemr_observation";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_there_wherever_it_is_killed() {
    let of = |name| std::env::var(name).ok();
    if let (Some(folder), Some(service), Some(end), Some(seed)) = (of(FOLDER), of(SERVICE), of(END), of(SEED)) {
        return until_killed(folder.as_ref(), &service, &end, seed.parse().expect("a number")).await;
    }
    let number = |name, default: u64| of(name).map_or(default, |text| text.parse().expect("a number"));
    let kills = number("TURNTABLE_KILLS", KILLS as u64);
    let mut random = Random(number("TURNTABLE_KILLS_SEED", u64::from(std::process::id())).max(1));
    println!("seed {} (TURNTABLE_KILLS_SEED)", random.0);

    let folder = tempfile::tempdir().expect("a folder");
    let fhir = Fhir::sandbox().await;
    prepare(folder.path(), &fhir).await;
    let mut known = Known::default();
    let steps = fault::STEPS.iter().filter(|step| !step.starts_with("release.") && !step.starts_with("candidate."));
    let steps = steps.map(|step| format!("step {step}")).collect::<Vec<_>>();
    let (mut killed, mut deeds) = (BTreeMap::<String, usize>::new(), 0);
    for kill in 0..steps.len() as u64 + kills {
        let end = steps.get(kill as usize).cloned().unwrap_or_else(|| format!("after {}", 1 + random.below(STEPS)));
        let run = tokio::task::block_in_place(|| run(folder.path(), fhir.base(), &end, random.next(), &mut known));
        assert!(run.is_killed || !end.starts_with("step"), "{end} was never reached: {:?}", run.refused);
        known.check_service(&fhir, &end);
        deeds += run.deeds;
        *killed.entry(run.last).or_default() += 1;
        if (kill + 1).is_multiple_of(100) {
            println!("{} kills, {deeds} acknowledged deeds", kill + 1);
        }
    }
    // The last one is looked at too.
    let run = tokio::task::block_in_place(|| run(folder.path(), fhir.base(), "start", 1, &mut known));
    assert!(!run.is_killed);
    known.check_service(&fhir, "at last");
    println!("{} kills after {deeds} acknowledged deeds, in the middle of: {killed:?}", killed.values().sum::<usize>());
}

/// What is there before the first kill.
async fn prepare(folder: &Path, fhir: &Fhir) {
    let server = start(folder, fhir.base()).await;
    let observation = |n: usize| {
        let resource = json!({
            "resourceType": "Observation", "id": format!("o{n}"), "status": "final",
            "code": { "coding": [{ "code": "1", "display": FIRST, "version": SECOND }] }
        });
        json!({ "resource": resource, "request": { "method": "PUT", "url": format!("Observation/o{n}") } })
    };
    let patient = json!({ "resourceType": "Patient", "id": PATIENT, "name": [{ "family": "of-allergies" }] });
    let patient = json!({ "resource": patient, "request": { "method": "PUT", "url": format!("Patient/{PATIENT}") } });
    let entries: Vec<_> = (0..OBSERVATIONS).map(observation).chain([patient]).collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
    server.ingest(&bundle.to_string(), None).await.expect(200);
    server.load(&second()).await.expect(201);
    server.stop().await;
}

async fn start(folder: &Path, service: &str) -> Server {
    let setup = Server::setup().data_dir(folder).source("main", service);
    setup.route("msemr_allergyintolerance", "virtual").start().await
}

fn second() -> Vec<u8> {
    let other = with_text("observation", "code.text | code.coding[0].display", "code.text | code.coding[0].version");
    // Without its samples, the last section, which expect the first.
    let name = b"\x11turntable:samples";
    let at = other.windows(name.len()).rposition(|window| window == name).expect("samples");
    let digits = (usize::BITS - (other.len() - at).leading_zeros()).div_ceil(7) as usize;
    other[..at - digits - 1].to_vec()
}

/// What the processes before have said, as far as it can be known: of each place the values that may stand there.
#[derive(Default)]
struct Known {
    may: BTreeMap<String, BTreeSet<String>>,
    /// Said to be under way.
    tried: Vec<(String, String)>,
}

/// What stands where nothing is.
const NOTHING: &str = "-";

impl Known {
    fn tries(&mut self, place: &str, value: &str) {
        let may = self.may.entry(place.to_owned()).or_insert_with(|| BTreeSet::from([NOTHING.to_owned()]));
        may.insert(value.to_owned());
        self.tried.push((place.to_owned(), value.to_owned()));
    }

    fn is_done(&mut self) {
        for (place, value) in self.tried.drain(..) {
            self.may.insert(place, BTreeSet::from([value]));
        }
    }

    /// Everything of a kind of place, as it was found: each value may be there, and of a group all are alike.
    fn check(&mut self, kind: &str, found: &BTreeMap<String, String>, when: &str) {
        let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (place, may) in &mut self.may {
            let Some(name) = place.strip_prefix(kind).and_then(|rest| rest.strip_prefix(' ')) else { continue };
            let value = found.get(name).map_or(NOTHING, String::as_str);
            assert!(may.contains(value), "{when}: {place} is {value}, and may be {may:?}");
            *may = BTreeSet::from([value.to_owned()]);
            // `t0003-2`: of a transaction.
            if let Some((group, _)) = name.split_once('_') {
                groups.entry(group.to_owned()).or_default().insert(value.to_owned());
            }
        }
        for (group, values) in groups {
            assert_eq!(values.len(), 1, "{when}: of the transaction {kind} {group} there is a part: {values:?}");
        }
    }

    /// What the FHIR service has.
    fn check_service(&mut self, fhir: &Fhir, when: &str) {
        for kind in ["AllergyIntolerance", "Patient"] {
            let places = self.may.keys().filter_map(|place| place.strip_prefix(kind)?.strip_prefix(' '));
            let value = |id: &str| {
                let body: Value =
                    serde_json::from_str(&fhir.as_sandbox().resource(kind, &id.replace("_x", "-x"))?).ok()?;
                let text =
                    if kind == "Patient" { &body["name"][0]["family"] } else { &body["code"]["coding"][0]["code"] };
                Some((id.to_owned(), text.as_str()?.to_owned()))
            };
            let found = places.filter_map(value).collect();
            self.check(kind, &found, when);
        }
    }
}

struct Run {
    is_killed: bool,
    /// Acknowledged.
    deeds: usize,
    /// What it was doing last.
    last: String,
    /// What was refused, and how often.
    refused: BTreeMap<String, usize>,
}

/// Runs this program once more, to be killed, and holds what it finds at its start against what is known.
fn run(folder: &Path, service: &str, end: &str, seed: u64, known: &mut Known) -> Run {
    let mut child = Command::new(std::env::current_exe().expect("a test has a program"))
        .args(["--exact", TEST, "--nocapture"])
        .env(FOLDER, folder)
        .env(SERVICE, service)
        .env(END, end)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let when = format!("end: {end}, seed {seed}");
    let errors = child.stderr.take().expect("it is piped");
    let errors = std::thread::spawn(move || std::io::read_to_string(errors).unwrap_or_default());
    let (mut deeds, mut last, mut found, mut is_checked) = (0, String::new(), BTreeMap::new(), false);
    let mut refused = BTreeMap::new();
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok) {
        let words: Vec<_> = line.split(' ').collect();
        match words.as_slice() {
            ["is", id, value] => drop(found.insert((*id).to_owned(), (*value).to_owned())),
            ["checked"] => {
                known.check("contact", &found, &when);
                is_checked = true;
            }
            ["does", what] => (*what).clone_into(&mut last),
            ["tries", kind, id, value] => known.tries(&format!("{kind} {id}"), value),
            ["done"] => {
                known.is_done();
                deeds += 1;
            }
            // It may be so or not.
            ["refused", ..] => {
                known.tried.clear();
                *refused.entry(format!("{last} {line}")).or_default() += 1;
            }
            _ => {}
        }
    }
    let status = child.wait().expect("it ends");
    known.tried.clear();
    let errors = errors.join().unwrap_or_default();
    assert!(is_checked && (status.success() || status.code().is_none()), "{when}: {status}\n{errors}");
    Run { is_killed: status.code().is_none(), deeds, last, refused }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").expect("it is read");
    out.flush().expect("it is read");
}

/// Says what is there, then does one thing after another until it is killed.
async fn until_killed(folder: &Path, service: &str, end: &str, seed: u64) {
    let server = start(folder, service).await;
    let rows = server.rows("contacts", &[("$select", "msemr_azurefhirid,lastname")]).await;
    let pages = server.get("contacts/$count", &[]).await.expect(200).text;
    assert_eq!(pages.trim_start_matches('\u{feff}'), rows.len().to_string(), "all on one page");
    for row in &rows {
        let text = |name: &str| row[name].as_str().unwrap_or(NOTHING).to_owned();
        say(&format!("is {} {}", text("msemr_azurefhirid").replace("-x", "_x"), text("lastname")));
    }
    check_observations(&server).await;
    check_trials(&server).await;
    say("checked");
    match end.split_once(' ') {
        Some(("step", step)) => fault::end_at(step),
        Some(("after", steps)) => fault::end_after(steps.parse().expect("a number")),
        _ => return server.stop().await,
    }
    let mut random = Random(seed.max(1));
    for number in 0..DEEDS {
        deed(&server, &mut random, &format!("v{seed}.{number}")).await;
    }
    server.stop().await;
}

/// Rows are all of the version in force, which is one of the two, and all are there.
async fn check_observations(server: &Server) {
    let table = server.table(TABLE).await;
    if table["route"] != "native" {
        return;
    }
    let is_second = table["mapping"]["digest"] == digest(&second());
    assert!(is_second || table["mapping"]["digest"] == digest(builtin("observation")), "{table}");
    let rows = server.rows("msemr_observations", &[("$select", "msemr_description")]).await;
    let by: BTreeSet<_> = rows.iter().map(|row| row["msemr_description"].as_str().unwrap_or_default()).collect();
    assert_eq!((rows.len(), by), (OBSERVATIONS, BTreeSet::from([if is_second { SECOND } else { FIRST }])));
}

/// What is on trial is another than what is in force, and on trial in one way.
async fn check_trials(server: &Server) {
    let status = server.get(&format!("/admin/v1/tables/{TABLE}/release"), &[]).await.expect(200).json();
    let digests = ["shadow", "canary"].map(|mode| status[mode]["mapping"]["digest"].clone());
    let on_trial: Vec<_> = digests.iter().filter(|digest| !digest.is_null()).collect();
    assert!(on_trial.len() <= 1 && !on_trial.contains(&&status["active"]["digest"]), "{status:#}");
}

/// One thing, said before it is done and after.
async fn deed(server: &Server, random: &mut Random, value: &str) {
    let key = |kind: u64, n: u64| format!("{kind:08x}-0000-4000-8000-{n:012x}");
    let told = |answer: Answer| match answer.status {
        200..300 => say("done"),
        status => say(&format!("refused {status} {}", answer.error_code())),
    };
    match random.below(15) {
        0 | 1 => {
            let key = key(1, random.below(6));
            say("does upsert-native");
            say(&format!("tries contact {key} {value}"));
            told(
                server
                    .patch(&format!("contacts({key})"), &json!({ "lastname": value, "msemr_contacttype": 935000000 }))
                    .await,
            );
        }
        2 => {
            let key = key(1, random.below(6));
            say("does delete-native");
            say(&format!("tries contact {key} {NOTHING}"));
            told(server.delete(&format!("contacts({key})")).await);
        }
        3 | 4 => {
            let key = key(2, random.below(6));
            say("does upsert-virtual");
            say(&format!("tries AllergyIntolerance {key} {value}"));
            let row = json!({
                "msemr_name": "Allergy", "msemr_code": value,
                "msemr_patient@odata.bind": format!("/contacts({})", PATIENT),
            });
            told(server.patch(&format!("msemr_allergyintolerances({key})"), &row).await);
        }
        5 => {
            let key = key(2, random.below(6));
            say("does delete-virtual");
            say(&format!("tries AllergyIntolerance {key} {NOTHING}"));
            told(server.delete(&format!("msemr_allergyintolerances({key})")).await);
        }
        6 | 7 => {
            let size = if random.below(4) == 0 { LARGE } else { 1 + random.below(9) };
            say("does batch");
            let ids: Vec<_> = (0..size).map(|n| format!("b{n}")).collect();
            ids.iter().for_each(|id| say(&format!("tries contact {id} {value}")));
            told(all_done(server.ingest(&bundle("batch", &ids, value), None).await));
        }
        8 => {
            let group = random.below(3);
            say("does transaction");
            let ids: Vec<_> = (0..3).map(|n| format!("t{group}-x{n}")).collect();
            ids.iter().for_each(|id| say(&format!("tries contact {} {value}", id.replace("-x", "_x"))));
            told(all_done(server.ingest(&bundle("transaction", &ids, value), None).await));
        }
        9 => {
            let group = random.below(3);
            say("does forward");
            let ids: Vec<_> = (0..3).map(|n| format!("f{group}-x{n}")).collect();
            for kind in ["Patient", "contact"] {
                ids.iter().for_each(|id| say(&format!("tries {kind} {} {value}", id.replace("-x", "_x"))));
            }
            told(all_done(server.ingest(&bundle("transaction", &ids, value), Some("main")).await));
        }
        10 => {
            let in_force = server.table(TABLE).await["mapping"]["digest"].clone();
            say("does release");
            let other = if in_force == digest(&second()) { digest(builtin("observation")) } else { digest(&second()) };
            told(server.activate(TABLE, &other).await);
        }
        11 => {
            let in_force = server.table(TABLE).await["mapping"]["digest"].clone();
            let other = if in_force == digest(&second()) { digest(builtin("observation")) } else { digest(&second()) };
            say("does trial");
            let mode = if random.below(2) == 0 { "shadow" } else { "canary" };
            let body = json!({ "digest": other, "mode": mode, "percent": 50 });
            told(server.post(&format!("/admin/v1/tables/{TABLE}/mapping"), &body).await);
        }
        12 => {
            say("does promotion");
            told(server.post(&format!("/admin/v1/tables/{TABLE}/mapping/promote"), &json!({})).await);
        }
        13 => {
            say("does rollback");
            told(server.rollback(TABLE).await);
        }
        _ => {
            let is_native = server.table(TABLE).await["route"] == "native";
            say("does turn");
            told(server.turn(TABLE, if is_native { "virtual" } else { "native" }).await);
        }
    }
}

/// Whom the allergies are of; nobody changes it.
const PATIENT: &str = "00000003-0000-4000-8000-000000000000";

/// An entry that is not done makes the whole of it so.
fn all_done(answer: Answer) -> Answer {
    let body = answer.json();
    let is_done = |entry: &Value| matches!(entry["response"]["status"].as_str(), Some("200 OK" | "201 Created"));
    let all = body["entry"].as_array().is_some_and(|entries| entries.iter().all(is_done));
    if answer.status == 200 && !all { Answer { status: 500, ..answer } } else { answer }
}

fn bundle(kind: &str, ids: &[String], family: &str) -> String {
    let entry = |id: &String| {
        let patient = json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }] });
        json!({ "resource": patient, "request": { "method": "PUT", "url": format!("Patient/{id}") } })
    };
    json!({ "resourceType": "Bundle", "type": kind, "entry": ids.iter().map(entry).collect::<Vec<_>>() }).to_string()
}

/// Xorshift; never zero.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }
}
