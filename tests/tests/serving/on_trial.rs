//! Versions on trial: a shadow tells what it makes otherwise and nobody sees it; a canary answers some of the callers, and is
//! taken back by itself where it fails or differs; what is promoted is in force. All of it over HTTP.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use turntable::cli::mapping::build;
use turntable::identity::keys::{self, NewKey};
use turntable_tests::{Answer, Fhir, SYNTHEA, Server, builtin, digest, hostile, with_text, without_samples};

const TABLE: &str = "msemr_observation";
const SET: &str = "msemr_observations";

/// A row says which version made it, where the display of its code is not the code's version.
fn second() -> Vec<u8> {
    without_samples(with_text(
        "observation",
        "code.text | code.coding[0].display",
        "code.text | code.coding[0].version",
    ))
}

/// Observations, of which one in so many tells the versions apart.
fn observations(count: usize, one_in: usize) -> String {
    let entry = |n: usize| {
        let version = if n % one_in == one_in - 1 { format!("version {n}") } else { format!("display {n}") };
        let observation = json!({
            "resourceType": "Observation", "id": format!("o{n}"), "status": "final",
            "code": { "coding": [{ "code": "1", "display": format!("display {n}"), "version": version }] },
        });
        json!({ "resource": observation, "request": { "method": "PUT", "url": format!("Observation/o{n}") } })
    };
    json!({ "resourceType": "Bundle", "type": "batch", "entry": (0..count).map(entry).collect::<Vec<_>>() }).to_string()
}

/// With observations in a FHIR service, and the second version loaded.
async fn with_observations(fhir: &Fhir, count: usize, one_in: usize) -> Server {
    let server = quick(Server::with(fhir).route(TABLE, "virtual")).start().await;
    server.ingest(&observations(count, one_in), Some("main")).await.expect(200);
    server.load(&second()).await.expect(201);
    server
}

/// Nobody waits for a comparison here.
fn quick(setup: turntable_tests::Setup) -> turntable_tests::Setup {
    setup.limits(|limits| {
        limits.compare_percent = 100;
        limits.compare_queue = 1_000;
    })
}

async fn put(server: &Server, table: &str, body: &Value) -> Answer {
    server.post(&format!("/admin/v1/tables/{table}/mapping"), body).await
}

async fn canary(server: &Server, percent: u8, expected: &[&str]) -> Answer {
    let body = json!({ "digest": digest(&second()), "mode": "canary", "percent": percent, "expected": expected });
    put(server, TABLE, &body).await
}

async fn promote(server: &Server, table: &str, query: &str) -> Answer {
    server.post(&format!("/admin/v1/tables/{table}/mapping/promote{query}"), &json!({})).await
}

async fn status(server: &Server, table: &str) -> Value {
    server.get(&format!("/admin/v1/tables/{table}/release"), &[]).await.expect(200).json()
}

/// The status, once it is so.
async fn once(server: &Server, table: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let status = status(server, table).await;
        if is_so(&status) {
            return status;
        }
        assert!(Instant::now() < until, "{what}: {status:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The names of all rows, page after page.
async fn names(server: &Server, page: usize) -> Vec<String> {
    let prefer = format!("odata.maxpagesize={page}");
    let (mut path, mut names) = (format!("{SET}?$select=msemr_description"), Vec::new());
    loop {
        let answer = server.call(Method::GET, &path).header("prefer", &prefer).send().await.expect(200);
        names.extend(answer.rows().iter().map(|row| row["msemr_description"].as_str().unwrap_or_default().to_owned()));
        match answer.json()["@odata.nextLink"].as_str() {
            Some(next) => path = next.to_owned(),
            None => return names,
        }
    }
}

fn is_of_first(names: &[String]) -> bool {
    names.iter().all(|name| name.starts_with("display "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_tells_what_differs_and_nobody_sees_it() {
    let fhir = Fhir::sandbox().await;
    let server = with_observations(&fhir, 400, 200).await;
    let begun = put(&server, TABLE, &json!({ "digest": digest(&second()), "mode": "shadow", "percent": 100 })).await;
    let begun = begun.expect(200).json();
    assert_eq!((&begun["mode"], &begun["percent"], &begun["previous"]), (&json!("shadow"), &json!(100), &Value::Null));
    assert_eq!(begun["mapping"]["digest"], digest(&second()));
    let seen = names(&server, 50).await;
    assert_eq!((seen.len(), is_of_first(&seen)), (400, true));
    let status = once(&server, TABLE, "all is compared", |s| s["shadow"]["found"]["rows"].as_u64() >= Some(400)).await;
    let (shadow, found) = (&status["shadow"], &status["shadow"]["found"]);
    assert_eq!(status["active"]["digest"], digest(builtin("observation")));
    assert_eq!(status["canary"], Value::Null);
    assert_eq!(found["columns"], json!({ "msemr_description": 2 }), "{status:#}");
    assert_eq!((&found["differingRows"], &found["missing"], &found["extra"]), (&json!(2), &json!(0), &json!(0)));
    assert_eq!((&found["faults"], &found["dropped"], &found["fellBack"]), (&json!({}), &json!(0), &json!(0)));
    assert!(found["requests"].as_u64() >= Some(8), "{found:#}");
    assert!(found["latencyRatio"].as_f64().is_some_and(|ratio| ratio > 0.1 && ratio < 10.0), "{found:#}");
    // The same over time.
    let sum = |list: &str| {
        let all = found["course"][list].as_array().unwrap_or_else(|| panic!("{found:#}"));
        all.iter().filter_map(Value::as_u64).sum::<u64>()
    };
    assert_eq!((Some(sum("rows")), sum("differing"), sum("failing")), (found["rows"].as_u64(), 2, 0), "{found:#}");
    assert_eq!((&found["course"]["seconds"], Some(sum("requests"))), (&json!(10), found["requests"].as_u64()));
    assert_eq!((&shadow["failing"], &shadow["percent"]), (&Value::Null, &json!(100)));
    let named: BTreeSet<_> =
        shadow["resources"].as_array().into_iter().flatten().filter_map(|one| one["resource"].as_str()).collect();
    assert_eq!(named, BTreeSet::from(["Observation/o199", "Observation/o399"]), "{shadow:#}");
    assert!(!status.to_string().contains("version 199") && !status.to_string().contains("display 1"), "no value");
    let labels = format!("{{table=\"{TABLE}\",mode=\"shadow\",digest=\"{}\"}}", &digest(&second())[..15]);
    assert_eq!(server.metric(&format!("turntable_trial_differing_rows_total{labels}")).await, 2);

    // One row by its key.
    let key = server.rows(SET, &[("$filter", "msemr_description eq 'display 199'")]).await.remove(0);
    let before = self::status(&server, TABLE).await["shadow"]["found"]["requests"].as_u64();
    server.row(SET, key["msemr_observationid"].as_str().expect("a key")).await;
    once(&server, TABLE, "one by its key", |s| s["shadow"]["found"]["requests"].as_u64() > before).await;

    // A share of them, evenly.
    put(&server, TABLE, &json!({ "digest": digest(&second()), "mode": "shadow", "percent": 10 })).await.expect(200);
    names(&server, 10).await;
    let status = once(&server, TABLE, "a tenth", |s| s["shadow"]["found"]["requests"].as_u64() >= Some(4)).await;
    assert_eq!(status["shadow"]["found"]["requests"], 4, "of forty pages: {status:#}");
    let replaced = &status["trials"][0];
    assert_eq!((&replaced["mode"], &replaced["ended"]), (&json!("shadow"), &json!("replaced")));
    assert!(replaced["found"]["columns"]["msemr_description"].as_u64() >= Some(2), "{replaced:#}");
    // It is taken back by its name, and a rollback that names none means the version in force.
    assert_eq!(server.rollback(TABLE).await.expect(409).error_code(), "Conflict");
    let back = format!("/admin/v1/tables/{TABLE}/mapping/rollback?from={}", digest(&second()));
    let back = server.post(&back, &json!({})).await.expect(200).json();
    assert_eq!(
        (&back["previous"], &back["mapping"]["digest"]),
        (&json!(digest(&second())), &json!(digest(builtin("observation"))))
    );
    let status = self::status(&server, TABLE).await;
    assert_eq!((&status["shadow"], &status["trials"][0]["ended"]), (&Value::Null, &json!("rolled-back")));
    assert!(is_of_first(&names(&server, 500).await));
}

/// A mapping of people's names and towns; the one that is meant may be read from somewhere else.
fn people(town: &str) -> Vec<u8> {
    let yaml = format!(
        "
mapping: people
version: 1.0.0
tables:
  tt_people:
    set: tt_peoples
    label: Person
    description: A person.
    resource: Patient
    name: tt_family
    columns:
      tt_peopleid: {{key: true, label: Person}}
      tt_family: {{text: 'name[0].family', label: Family}}
      tt_town: {{text: '{town}', label: Town}}
"
    );
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str| directory.path().join(name);
    std::fs::create_dir(file("samples")).expect("a directory");
    let sample = r#"{"resourceType":"Patient","id":"p","address":[{"city":"Ulm"}],"maritalStatus":{"text":"Ulm"}}"#;
    std::fs::write(file("samples/p.json"), sample).expect("written");
    std::fs::write(file("mapping.yaml"), yaml).expect("written");
    let built = build::build(&file("mapping.yaml"), Some(&file("built.wasm"))).expect("it compiles");
    std::fs::read(built).expect("read")
}

/// Of parts of resources only such columns are compared as both versions read from them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_that_read_more_than_was_asked_for_are_named() {
    let fhir = Fhir::sandbox().await;
    let server = quick(Server::with(&fhir)).start().await;
    for bundle in SYNTHEA {
        fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
    }
    let (first, second) = (people("address[0].city"), people("maritalStatus.text"));
    server.load(&first).await.expect(201);
    server.activate("tt_people", &digest(&first)).await.expect(200);
    server.turn("tt_people", "virtual").await.expect(200);
    let probe = server.post("/admin/v1/sources/main/probe", &json!({ "types": ["Patient"] })).await.expect(200).json();
    assert_eq!(probe["types"]["Patient"]["elements"], "applied", "{probe:#}");
    server.load(&second).await.expect(201);
    let shadow = json!({ "digest": digest(&second), "mode": "shadow", "percent": 100 });
    put(&server, "tt_people", &shadow).await.expect(200);
    let read = async |columns: &str| {
        let before = status(&server, "tt_people").await["shadow"]["found"]["requests"].as_u64();
        server.get("tt_peoples", &[("$select", columns)]).await.expect(200);
        let more = |s: &Value| s["shadow"]["found"]["requests"].as_u64() > before;
        once(&server, "tt_people", "compared", more).await["shadow"]["found"].clone()
    };
    // The service is asked for the address, and nothing else.
    let found = read("tt_town").await;
    assert_eq!((&found["notCompared"], &found["columns"]), (&json!(["tt_town"]), &json!({})), "{found:#}");
    let found = read("tt_family").await;
    assert!(found["rows"].as_u64() > Some(0) && found["columns"] == json!({}), "{found:#}");
    let key = server.rows("tt_peoples", &[]).await[0]["tt_peopleid"].as_str().expect("a key").to_owned();
    server.row("tt_peoples", &key).await;
    let differs = |s: &Value| s["shadow"]["found"]["columns"]["tt_town"].as_u64() >= Some(1);
    once(&server, "tt_people", "whole resources tell", differs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_differs_is_taken_back_by_itself_and_stays_away_for_a_while() {
    let fhir = Fhir::sandbox().await;
    let server = with_observations(&fhir, 400, 50).await;
    canary(&server, 100, &[]).await.expect(200);
    assert_eq!(names(&server, 500).await.len(), 400);
    let status = once(&server, TABLE, "it is taken back", |s| s["canary"].is_null()).await;
    let ended = &status["trials"][0];
    assert_eq!(
        (&ended["mode"], &ended["ended"], &ended["endedBy"]),
        (&json!("canary"), &json!("stopped"), &json!("turntable"))
    );
    assert!(ended["found"]["columns"]["msemr_description"].as_u64() >= Some(5), "{ended:#}");
    assert!(ended["found"]["requests"].as_u64() > Some(0), "{ended:#}");
    let course = ended["found"]["course"]["differing"].as_array().expect("it is told how that came");
    assert_eq!(course.iter().filter_map(Value::as_u64).sum::<u64>(), ended["found"]["differingRows"], "{ended:#}");
    assert!(is_of_first(&names(&server, 50).await));
    assert_eq!(server.metric("turntable_trials_stopped_total").await, 1);
    let events = server.events(0).await;
    let actions: Vec<_> = events.iter().filter(|e| e["table"] == TABLE).filter_map(|e| e["action"].as_str()).collect();
    assert_eq!(actions[actions.len() - 2..], ["mapping.canary", "mapping.stop"]);
    let stop = events.iter().rfind(|event| event["action"] == "mapping.stop").expect("it is on record");
    assert!(stop["detail"]["found"]["columns"]["msemr_description"].as_u64() >= Some(5), "{stop:#}");
    assert!(!stop.to_string().contains("Observation/") && !stop.to_string().contains("version "), "{stop:#}");

    let again = canary(&server, 1, &[]).await.expect(409);
    assert_eq!(again.error_code(), "Conflict");
    assert!(again.text.contains("stopped as a canary, 1 times"), "{}", again.text);
    assert!((1..=60).contains(&again.header("retry-after").parse::<u64>().expect("seconds")), "{}", again.text);
    // It can be looked at all the same, and somebody may put it in force.
    put(&server, TABLE, &json!({ "digest": digest(&second()), "mode": "shadow", "percent": 50 })).await.expect(200);
    promote(&server, TABLE, &format!("?digest={}", digest(builtin("observation")))).await.expect(409);
    let promoted = promote(&server, TABLE, &format!("?digest={}", &digest(&second())[7..20])).await.expect(200).json();
    assert_eq!(
        (&promoted["mode"], &promoted["previous"]),
        (&json!("activate"), &json!(digest(builtin("observation"))))
    );
    assert!(!is_of_first(&names(&server, 500).await));
    let status = self::status(&server, TABLE).await;
    assert_eq!((&status["active"]["digest"], &status["shadow"]), (&json!(digest(&second())), &Value::Null));
    assert_eq!(status["trials"][0]["ended"], "promoted");
    assert!(status["trials"][0]["found"].is_object(), "{status:#}");
    let audit = server.events(0).await;
    assert_eq!(audit.last().expect("events")["action"], "mapping.promote");
    promote(&server, TABLE, "").await.expect(409);
    server.rollback(TABLE).await.expect(200);
    assert!(is_of_first(&names(&server, 500).await));
}

/// What is meant to differ stops nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_may_differ_where_it_is_meant_to() {
    let fhir = Fhir::sandbox().await;
    let server = with_observations(&fhir, 100, 2).await;
    for expected in ["msemr_description", "msemr_observation.msemr_description", "*"] {
        canary(&server, 100, &[expected]).await.expect(200);
        assert!(!is_of_first(&names(&server, 100).await), "the canary answers");
        let status = once(&server, TABLE, "compared", |s| s["canary"]["found"]["rows"].as_u64() >= Some(100)).await;
        let canary = &status["canary"];
        assert_eq!((&canary["failing"], &canary["failingLimit"]), (&json!(0), &json!(5)), "{canary:#}");
        assert_eq!(canary["found"]["columns"]["msemr_description"], 50);
        assert_eq!(canary["expected"], json!([expected]));
        // At once.
        let back = server.rollback(TABLE).await.expect(200).json();
        assert_eq!(back["previous"], digest(&second()));
        assert!(is_of_first(&names(&server, 100).await));
        assert_eq!(self::status(&server, TABLE).await["trials"][0]["ended"], "rolled-back");
    }
    let unknown = canary(&server, 100, &["msemr_nothing"]).await.expect(400);
    assert_eq!(unknown.error_code(), "BadValue");
}

fn key(folder: &Path, name: &str, role: &str) -> String {
    let new = NewKey { name: name.to_owned(), roles: [role.to_owned()].into(), ..NewKey::default() };
    keys::create(folder, new, "test", 100).expect("a key can be made").0
}

/// The same callers all along, about as many as were asked for; and more of them, with those, when it is raised. Writes are
/// made by the version in force, and a batch reads as its sender does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_serves_the_same_callers_and_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let callers: Vec<_> = (0..40).map(|n| key(folder.path(), &format!("caller-{n}"), "writer")).collect();
    let admin = key(folder.path(), "admin", "admin");
    let fhir = Fhir::sandbox().await;
    let setup = quick(Server::with(&fhir).route(TABLE, "virtual").data_dir(folder.path()));
    let server = setup.configure(|config| config.identity.keys = true).start().await;
    let send = async |key: &str, method: Method, path: &str, body: Value| {
        let call = server.call(method, path).header("x-api-key", key);
        if body.is_null() { call.send().await } else { call.json(&body).send().await }
    };
    let all_differ: Value = serde_json::from_str(&observations(3, 1)).expect("JSON");
    let bundle = server.call(Method::POST, "/fhir?forward=main").header("x-api-key", &admin);
    bundle.body("application/fhir+json", all_differ.to_string()).send().await.expect(200);
    let load = server.call(Method::POST, "/admin/v1/mappings").header("x-api-key", &admin);
    load.body("application/wasm", second()).send().await.expect(201);
    let mapping = format!("/admin/v1/tables/{TABLE}/mapping");
    let try_out = async |percent: u8| {
        let body = json!({ "digest": digest(&second()), "mode": "canary", "percent": percent, "expected": ["*"] });
        send(&admin, Method::POST, &mapping, body).await.expect(200);
    };
    let path = format!("{SET}?$select=msemr_description");
    let served = async || {
        let mut served = BTreeSet::new();
        for (number, key) in callers.iter().enumerate() {
            let names = send(key, Method::GET, &path, Value::Null).await.rows();
            let by_canary: BTreeSet<_> = names
                .iter()
                .map(|row| row["msemr_description"].as_str().is_some_and(|n| n.starts_with("version")))
                .collect();
            assert_eq!(by_canary.len(), 1, "one version an answer: {names:?}");
            if by_canary.contains(&true) {
                served.insert(number);
            }
        }
        served
    };
    assert_eq!(served().await.len(), 0);
    try_out(30).await;
    let some = served().await;
    assert!((3..=24).contains(&some.len()), "about twelve of forty: {some:?}");
    assert_eq!(served().await, some, "the same ones");
    try_out(70).await;
    let more = served().await;
    assert!(more.is_superset(&some) && more.len() > some.len() && more.len() < 40, "{more:?}");

    // Of one whom the canary serves: a write is made by the version in force, and answered by it.
    let chosen = &callers[*some.first().expect("one")];
    let row = send(chosen, Method::GET, SET, Value::Null).await.rows().remove(0);
    let one = format!("{SET}({})", row["msemr_observationid"].as_str().expect("a key"));
    let name = |row: &Value| row["msemr_description"].as_str().unwrap_or_default().split(' ').next().map(str::to_owned);
    assert_eq!(name(&row).as_deref(), Some("version"));
    let patch = server.call(Method::PATCH, &one).header("x-api-key", chosen).header("prefer", "return=representation");
    let written = patch.json(&json!({ "msemr_identifier": "A 1" })).send().await.expect(200).json();
    assert_eq!((&written["msemr_identifier"], name(&written).as_deref()), (&json!("A 1"), Some("display")));
    let read = send(chosen, Method::GET, &one, Value::Null).await.expect(200).json();
    assert_eq!((&read["msemr_identifier"], name(&read).as_deref()), (&json!("A 1"), Some("version")));
    let batch = json!({ "requests": [
        { "id": "1", "method": "GET", "url": path },
        { "id": "2", "method": "PATCH", "url": one, "headers": { "content-type": "application/json" },
          "body": { "msemr_identifier": "A 2" } },
    ]});
    let answers = send(chosen, Method::POST, "$batch", batch).await.expect(200).json();
    let rows = answers["responses"][0]["body"]["value"].as_array().cloned().unwrap_or_default();
    assert!(rows.iter().any(|row| name(row).as_deref() == Some("version")), "{answers:#}");
    assert_eq!(answers["responses"][1]["status"], 204, "{answers:#}");

    let told = send(&admin, Method::GET, &format!("/admin/v1/tables/{TABLE}/release"), Value::Null).await.json();
    assert!(told["canary"]["found"]["requests"].as_u64() >= Some(more.len() as u64), "{told:#}");
    assert!(told["canary"]["resources"].is_array(), "administrators may read all rows: {told:#}");
    let mapper = key(folder.path(), "mapper", "mapper");
    let told = send(&mapper, Method::GET, &format!("/admin/v1/tables/{TABLE}/release"), Value::Null).await.json();
    assert_eq!(told["canary"]["resources"], Value::Null, "who may not read rows is told of none: {told:#}");
    send(&admin, Method::POST, &format!("{mapping}/rollback"), json!({})).await.expect(200);
    assert_eq!(served().await.len(), 0);
}

/// The other version fails on some resources: its callers are answered all the same, and it is taken back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_canary_fails_the_version_in_force_answers() {
    let fhir = Fhir::sandbox().await;
    let setup = quick(Server::with(&fhir)).limits(|limits| {
        limits.mapping_ms = 100;
        limits.canary_failures = 3;
    });
    let server = setup.start().await;
    let (mended, picky) = (hostile("mended"), hostile("picky"));
    server.load(&mended).await.expect(201);
    server.activate("picky", &digest(&mended)).await.expect(200);
    server.turn("picky", "virtual").await.expect(200);
    server.load(&picky).await.expect(201);
    let condition = |n: usize, text: &str| {
        let resource = json!({ "resourceType": "Condition", "id": format!("c{n}"), "code": { "text": text } });
        json!({ "resource": resource, "request": { "method": "PUT", "url": format!("Condition/c{n}") } })
    };
    let store = async |texts: &[&str]| {
        let entries: Vec<_> = texts.iter().enumerate().map(|(n, text)| condition(n, text)).collect();
        let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
        fhir.call(Method::POST, "").body("application/fhir+json", bundle.to_string()).send().await.expect(200);
    };
    store(&["well", "traps", "well", "well", "well", "well"]).await;
    let try_out =
        async || put(&server, "picky", &json!({ "digest": digest(&picky), "mode": "canary", "percent": 100 })).await;
    try_out().await.expect(200);
    // One poisonous resource, read again and again, is one failing input of resources, and each request another.
    let rows = server.rows("picky_set", &[]).await;
    assert_eq!(rows.len(), 6);
    // One request is one entry of the audit trail: what it was answered by.
    let entries = server.get("/admin/v1/audit", &[("only", "access"), ("table", "picky")]).await.expect(200).json();
    let told: Vec<_> = entries["events"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| (&entry["action"], &entry["outcome"], &entry["detail"]["rows"]))
        .collect();
    assert_eq!(told, [(&json!("rows.read"), &Value::Null, &json!(6))]);
    let status = once(&server, "picky", "the fault is found", |s| {
        s["canary"]["found"]["faults"]["MappingFault"].as_u64() >= Some(1)
    });
    let status = status.await;
    let canary = &status["canary"];
    assert_eq!((&canary["found"]["fellBack"], &canary["failing"]), (&json!(1), &json!(2)), "{status:#}");
    for _ in 0..20 {
        server.get("picky_set", &[]).await.expect(200);
    }
    assert!(!self::status(&server, "picky").await["canary"].is_null(), "nothing new has failed");
    // More of them.
    store(&["well", "traps", "loops", "issue", "stranger", "twice"]).await;
    for _ in 0..5 {
        assert_eq!(server.get("picky_set", &[]).await.expect(200).rows().len(), 6);
    }
    let status = once(&server, "picky", "it is taken back", |s| s["canary"].is_null()).await;
    assert_eq!(status["trials"][0]["ended"], "stopped");
    assert_eq!(server.rows("picky_set", &[]).await.len(), 6);
    assert_eq!(try_out().await.expect(409).error_code(), "Conflict");
    // A shadow of it tells by what it fails, and stops nothing.
    put(&server, "picky", &json!({ "digest": digest(&picky), "mode": "shadow", "percent": 100 })).await.expect(200);
    server.rows("picky_set", &[]).await;
    let status = once(&server, "picky", "faults", |s| s["shadow"]["found"]["resources"].as_u64() >= Some(6)).await;
    let found = &status["shadow"]["found"];
    assert_eq!(found["faults"], json!({ "MappingFault": 1, "MappingTimeout": 1, "UpstreamInvalid": 1 }), "{found:#}");
    assert_eq!((&found["missing"], &found["extra"]), (&json!(1), &json!(2)), "{found:#}");
}

/// Next links of before go on, whatever comes; or say that they do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn next_links_go_on_or_say_that_they_do_not() {
    let fhir = Fhir::sandbox().await;
    let server = with_observations(&fhir, 30, 2).await;
    let page = async |path: &str| server.call(Method::GET, path).header("prefer", "odata.maxpagesize=10").send().await;
    let next = |answer: &Answer| answer.json()["@odata.nextLink"].as_str().expect("a next link").to_owned();
    let first = format!("{SET}?$select=msemr_description");
    // Of the version in force, when a canary begins: it answers what it began.
    let begun = next(&page(&first).await.expect(200));
    canary(&server, 100, &["*"]).await.expect(200);
    let second = page(&begun).await.expect(200);
    let of_first = |answer: &Answer| {
        answer
            .rows()
            .iter()
            .all(|row| row["msemr_description"].as_str().is_some_and(|name| name.starts_with("display")))
    };
    assert!(of_first(&second));
    assert!(of_first(&page(&next(&second)).await.expect(200)));
    let told = status(&server, TABLE).await;
    assert_eq!((&told["canary"]["failing"], &told["canary"]["found"]["fellBack"]), (&json!(0), &json!(0)));
    // Of the canary, when it is promoted: it goes on.
    let by_canary = page(&first).await.expect(200);
    assert!(!of_first(&by_canary));
    promote(&server, TABLE, "").await.expect(200);
    assert!(!of_first(&page(&next(&by_canary)).await.expect(200)));
    server.rollback(TABLE).await.expect(200);
    // Of the canary, when it is taken back.
    canary(&server, 100, &["*"]).await.expect(200);
    let by_canary = next(&page(&first).await.expect(200));
    server.rollback(TABLE).await.expect(200);
    assert_eq!(page(&by_canary).await.expect(410).error_code(), "PageTokenExpired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_tried_is_refused_by_name() {
    let fhir = Fhir::sandbox().await;
    let setup = Server::with(&fhir).virtual_tables(&[TABLE, "msemr_encounter"]).limits(|limits| limits.canaries = 1);
    let server = setup.start().await;
    server.load(&second()).await.expect(201);
    let encounter = with_text("encounter", "Finished", "FINISHED");
    server.load(&encounter).await.expect(201);
    let known = digest(&second());
    let cases = [
        (TABLE, json!({ "digest": known, "mode": "shadow" }), 400, "BadValue"),
        (TABLE, json!({ "digest": known, "mode": "shadow", "percent": 0 }), 400, "BadValue"),
        (TABLE, json!({ "digest": known, "mode": "canary", "percent": 101 }), 400, "BadValue"),
        (TABLE, json!({ "digest": known, "mode": "canary", "percent": 65_537 }), 400, "BadValue"),
        (TABLE, json!({ "digest": known, "mode": "canary", "percent": -1 }), 400, "BadJson"),
        (TABLE, json!({ "digest": known, "mode": "canary", "percent": 1.5 }), 400, "BadJson"),
        (TABLE, json!({ "digest": known, "mode": "activate", "percent": 10 }), 400, "BadValue"),
        (TABLE, json!({ "digest": known, "mode": "shadow", "percent": 1, "expected": ["*"] }), 400, "BadValue"),
        (TABLE, json!({ "digest": digest(builtin("observation")), "mode": "shadow", "percent": 1 }), 409, "Conflict"),
        (TABLE, json!({ "digest": "sha256:000000", "mode": "shadow", "percent": 1 }), 404, "NotFound"),
        ("contact", json!({ "digest": known, "mode": "shadow", "percent": 1 }), 400, "BadRequest"),
        ("nothing", json!({ "digest": known, "mode": "shadow", "percent": 1 }), 404, "UnknownTable"),
    ];
    for (table, body, status, code) in cases {
        let answer = put(&server, table, &body).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{table} {body}: {}", answer.text);
    }
    assert_eq!(promote(&server, TABLE, "").await.expect(409).error_code(), "Conflict");
    promote(&server, "nothing", "").await.expect(404);
    canary(&server, 10, &[]).await.expect(200);
    let other = json!({ "digest": digest(&encounter), "mode": "canary", "percent": 10 });
    let one_more = put(&server, "msemr_encounter", &other).await.expect(409);
    assert!(one_more.text.contains("`canaries`"), "{}", one_more.text);
    canary(&server, 50, &[]).await.expect(200);
    let turned = server.turn(TABLE, "native").await.expect(409);
    assert!(turned.text.contains("native tables have none"), "{}", turned.text);
    server.rollback(TABLE).await.expect(200);
    server.turn(TABLE, "native").await.expect(200);
    let native = canary(&server, 10, &[]).await.expect(501);
    assert_eq!(native.error_code(), "NotSupported");
    assert!(native.text.contains("`msemr_observation` is native"), "{}", native.text);
    let status = status(&server, "msemr_observationcomponent").await;
    assert_eq!((&status["table"], status["trials"].as_array().map(Vec::len)), (&json!(TABLE), Some(2)), "{status:#}");
}

/// What is written natively, one by one or in a bundle, is given to a shadow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_of_a_native_table_is_given_what_is_written() {
    let server = quick(Server::setup()).start().await;
    server.load(&second()).await.expect(201);
    put(&server, TABLE, &json!({ "digest": digest(&second()), "mode": "shadow", "percent": 100 })).await.expect(200);
    server.ingest(&observations(100, 10), None).await.expect(200);
    let status = once(&server, TABLE, "a bundle", |s| s["shadow"]["found"]["resources"].as_u64() >= Some(100)).await;
    let found = &status["shadow"]["found"];
    assert_eq!(
        (&found["columns"], &found["resources"]),
        (&json!({ "msemr_description": 10 }), &json!(100)),
        "{found:#}"
    );
    assert!(is_of_first(&names(&server, 500).await));
    let row = server.rows(SET, &[("$top", "1")]).await.remove(0);
    let one = format!("{SET}({})", row["msemr_observationid"].as_str().expect("a key"));
    server.patch(&one, &json!({ "msemr_identifier": "A 1" })).await.expect(204);
    once(&server, TABLE, "a row", |s| s["shadow"]["found"]["resources"].as_u64() >= Some(101)).await;
    // Rows of the version in force are what is stored.
    promote(&server, TABLE, "").await.expect(200);
    assert!(!is_of_first(&names(&server, 500).await));
    server.rollback(TABLE).await.expect(200);
    assert!(is_of_first(&names(&server, 500).await));
}

/// What cannot wait is not compared, and is counted; nobody waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comparisons_are_bounded() {
    let fhir = Fhir::sandbox().await;
    let setup = Server::with(&fhir).route(TABLE, "virtual").limits(|limits| {
        limits.compare_percent = 1;
        limits.compare_queue = 2;
    });
    let server = setup.start().await;
    server.ingest(&observations(60, 2), Some("main")).await.expect(200);
    server.load(&second()).await.expect(201);
    put(&server, TABLE, &json!({ "digest": digest(&second()), "mode": "shadow", "percent": 100 })).await.expect(200);
    for _ in 0..4 {
        assert_eq!(names(&server, 5).await.len(), 60);
    }
    let found = status(&server, TABLE).await["shadow"]["found"].clone();
    assert!(found["dropped"].as_u64() > Some(10), "{found:#}");

    let none = Server::with(&fhir).route(TABLE, "virtual").limits(|limits| limits.compare_bytes = 100).start().await;
    none.load(&second()).await.expect(201);
    put(&none, TABLE, &json!({ "digest": digest(&second()), "mode": "shadow", "percent": 100 })).await.expect(200);
    assert_eq!(names(&none, 500).await.len(), 60);
    let found = status(&none, TABLE).await["shadow"]["found"].clone();
    assert_eq!((&found["rows"], &found["dropped"]), (&json!(0), &json!(1)), "{found:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_on_trial_survives_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let fhir = Fhir::sandbox().await;
    let start = || quick(Server::with(&fhir).route(TABLE, "virtual").data_dir(dir.path())).start();
    let server = start().await;
    server.ingest(&observations(20, 2), Some("main")).await.expect(200);
    server.load(&second()).await.expect(201);
    canary(&server, 100, &["msemr_description"]).await.expect(200);
    let begun = status(&server, TABLE).await["canary"].clone();
    server.stop().await;
    let server = start().await;
    let again = status(&server, TABLE).await["canary"].clone();
    for member in ["mapping", "percent", "expected", "at", "by"] {
        assert_eq!(again[member], begun[member], "{member}");
    }
    assert_eq!(again["found"]["requests"], 0, "it counts anew");
    assert!(!is_of_first(&names(&server, 500).await), "it serves");
    // All that is meant to differ is no more: it is stopped, and stays so.
    canary(&server, 100, &[]).await.expect(200);
    names(&server, 500).await;
    once(&server, TABLE, "it is taken back", |s| s["canary"].is_null()).await;
    server.stop().await;
    let server = start().await;
    assert!(is_of_first(&names(&server, 500).await));
    assert_eq!(canary(&server, 100, &[]).await.expect(409).error_code(), "Conflict");
    // What comes into force ends what is on trial.
    put(&server, TABLE, &json!({ "digest": digest(&second()), "mode": "shadow", "percent": 5 })).await.expect(200);
    server.activate(TABLE, &digest(&second())).await.expect(200);
    assert_eq!(status(&server, TABLE).await["shadow"], Value::Null);
    server.stop().await;
    let server = start().await;
    assert_eq!(status(&server, TABLE).await["active"]["digest"], digest(&second()));
    let first = json!({ "digest": digest(builtin("observation")), "mode": "shadow", "percent": 5 });
    put(&server, TABLE, &first).await.expect(200);
    server.call(Method::DELETE, "/admin/v1/mappings/observation/active").send().await.expect(200);
    server.stop().await;
    let server = start().await;
    server.get(SET, &[]).await.expect(404);
}
