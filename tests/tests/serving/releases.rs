//! Versions of mappings over HTTP: what the gate lets in and by what name it refuses, what is in force and since when,
//! the way back, and what all of that does to rows, to the audit trail and to a server that starts again.

use std::path::Path;
use std::sync::OnceLock;

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use turntable::cli::mapping::build;
use turntable::model::limits::Limits;
use turntable::store::control::{self, Act, Decision};
use turntable::store::facade::Store;
use turntable::store::native::{NativeWrite, OwnChange};
use turntable_tests::{Answer, PATIENT, Server, builtin, digest, of_yaml, with_text};

const TABLE: &str = "msemr_encounter";
/// Of a person in a town.
const TOWN: &str = r#"{"resourceType":"Patient","id":"p","address":[{"city":"Ulm"}]}"#;

const CHECKS: [&str; 8] = ["tables", "samples", "determinism", "round-trip", "changes", "laws", "lookups", "schema"];

/// Another version of the encounters, by the label of a status.
fn second() -> Vec<u8> {
    with_text("encounter", "Finished", "FINISHED")
}

#[tokio::test]
async fn a_version_is_let_in_once_and_reported() {
    let server = Server::setup().start().await;
    let answer = server.load(&second()).await.expect(201).json();
    assert_eq!(answer["digest"], digest(&second()));
    assert_eq!(names(&answer["tables"]), family(&server, &digest(builtin("encounter"))).await);
    let nothing = json!({ "added": [], "removed": [], "changed": [], "compatible": [], "usedBy": [] });
    assert_eq!(answer["schema"], nothing);
    let checks = answer["checks"].as_array().expect("checks");
    assert_eq!(checks.iter().map(|check| &check["name"]).collect::<Vec<_>>(), CHECKS);
    assert!(checks.iter().all(|check| check["passed"] == true), "{checks:#?}");

    let again = server.load(&second()).await.expect(200).json();
    assert_eq!(again["digest"], answer["digest"]);
    // Whoever waits for the answer may have the laws looked at for less; and is told so.
    let brief = server.call(Method::POST, "/admin/v1/mappings?laws_ms=0").body("application/wasm", second());
    let brief = brief.send().await.expect(200).json();
    let laws = brief["checks"].as_array().into_iter().flatten().find(|check| check["name"] == "laws");
    let finding = laws.and_then(|laws| laws["findings"][0].as_str()).unwrap_or_default();
    assert!(finding.starts_with("none is broken in the time there was"), "{brief:#}");
    let listed = listed(&server, &digest(&second())).await;
    assert_eq!(listed.len(), 1, "{listed:#?}");
    assert_eq!(listed[0]["activeFor"], json!([]));
    let path = format!("/admin/v1/mappings/{}", digest(&second()));
    let shown = server.get(&path, &[]).await.expect(200).json();
    assert_eq!(shown["report"]["checks"].as_array().map(Vec::len), Some(CHECKS.len()), "{shown:#}");
    // What was only loaded changes nothing.
    assert_eq!(in_force(&server).await, digest(builtin("encounter")));
    assert_eq!(actions(&server, 0, TABLE).await.iter().filter(|(action, _)| action == "mapping.activate").count(), 1);
}

#[tokio::test]
async fn what_is_no_mapping_is_refused_by_name() {
    let server = Server::setup().start().await;
    let encounter = builtin("encounter");
    let mut damaged = encounter.to_vec();
    // In its code, which begins soon.
    damaged[4_000..8_000].fill(0xff);
    let cases: [(&str, Vec<u8>, &[&str]); 8] = [
        ("nothing", Vec::new(), &["format"]),
        ("text", b"hello".to_vec(), &["format"]),
        ("an empty core module", b"\0asm\x01\0\0\0".to_vec(), &["format"]),
        ("the first half", encounter[..encounter.len() / 2].to_vec(), &["validation"]),
        ("holes", damaged, &["validation"]),
        ("a component of another world", component(&[]), &["exports", "exports"]),
        ("a clock", component(b"wasi:clocks/monotonic-clock@0.2.0"), &["imports", "exports", "exports"]),
        ("files", component(b"wasi:filesystem/preopens@0.2.0"), &["imports", "exports", "exports"]),
    ];
    let before = server.get("/admin/v1/mappings", &[]).await.expect(200).json();
    for (what, bytes, expected) in cases {
        let answer = server.load(&bytes).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (422, "ComponentRefused"), "{what}: {}", answer.text);
        let (codes, messages) = (details(&answer, "code"), details(&answer, "message"));
        assert_eq!(codes, expected, "{what}: {messages:?}");
        assert!(messages.iter().all(|message| !message.is_empty()), "{what}");
    }
    assert_eq!(server.get("/admin/v1/mappings", &[]).await.expect(200).json(), before, "what is refused is not kept");
}

/// A binding to a parameter that R4 has, of another element: rows would be missing from answers, without a word.
#[tokio::test]
async fn what_breaks_a_law_is_refused() {
    const MAPPING: &str = "
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
      tt_peopleid: {key: true, label: Person}
      tt_family: {text: 'name[0].family', label: Family, search: {string: PARAMETER}}
";
    const SAMPLE: &str = r#"{"resourceType":"Patient","id":"p","name":[{"family":"Abel","given":["Zoe"]}]}"#;
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str| directory.path().join(name);
    std::fs::create_dir(file("samples")).expect("a directory");
    std::fs::write(file("samples/p.json"), SAMPLE).expect("written");
    let server = Server::setup().start().await;
    for (parameter, status) in [("given", 422), ("family", 201)] {
        std::fs::write(file("mapping.yaml"), MAPPING.replace("PARAMETER", parameter)).expect("written");
        let built = build::build(&file("mapping.yaml"), Some(&file("people.wasm"))).expect("it compiles");
        let answer = server.load(&std::fs::read(built).expect("read")).await.expect(status);
        if status == 422 {
            assert_eq!(details(&answer, "code"), ["laws"; 2], "{}", answer.text);
            let messages = details(&answer, "message");
            assert_eq!(messages[0], "1 broken; `turntable mapping test` shows them all");
            assert!(
                messages[1].starts_with("sound-search: tt_people.tt_family, p at name[0].family: given: "),
                "{messages:?}"
            );
            assert!(!answer.text.contains("Abel") && !answer.text.contains("Zoe"), "{}", answer.text);
        }
    }
}

/// What it would write is no FHIR, though no sample shows it; and lookups to tables that are not there are named.
#[tokio::test]
async fn what_would_write_what_is_not_r4_is_refused() {
    const MAPPING: &str = "
mapping: flags
version: 1.0.0
tables:
  tt_flag:
    set: tt_flags
    label: Flag
    description: A warning.
    resource: Flag
    name: tt_warning
    columns:
      tt_flagid: {key: true, label: Flag}
      tt_warning: {text: code.text, label: Warning}
      tt_category: {concept: 'PATH', label: Category}
      tt_subject: {lookup: subject, to: {contact: Patient, contacts: Group, tt_teams: Organization}, label: Subject}
";
    const SAMPLE: &str = r#"{"resourceType":"Flag","id":"f","status":"active","code":{"text":"Large dog"},
        "category":[{"text":"Safety"}],"subject":{"reference":"Patient/p"}}"#;
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str| directory.path().join(name);
    std::fs::create_dir(file("samples")).expect("a directory");
    std::fs::write(file("samples/f.json"), SAMPLE).expect("written");
    let server = Server::setup().start().await;
    for (path, status) in [("category", 422), ("category[0]", 201)] {
        std::fs::write(file("mapping.yaml"), MAPPING.replace("PATH", path)).expect("written");
        let built = build::build(&file("mapping.yaml"), Some(&file("flags.wasm"))).expect("it compiles");
        let answer = server.load(&std::fs::read(built).expect("read")).await.expect(status);
        if status == 422 {
            let messages = details(&answer, "message");
            let expected = "valid: tt_flag.tt_category_code, a new resource at Flag.category: \
                            what it writes is not R4: R4 has a list here";
            assert!(messages.iter().any(|message| message == expected), "{messages:?}");
            continue;
        }
        let checks = answer.json()["checks"].as_array().cloned().unwrap_or_default();
        let lookups = checks.iter().find(|check| check["name"] == "lookups").expect("it is looked at");
        assert_eq!(
            lookups["findings"],
            json!([
                "tt_flag.tt_subject: contact is a table; a lookup names its entity set, contacts",
                "tt_flag.tt_subject: contacts shows no Group",
                "tt_flag.tt_subject: no table has the entity set tt_teams",
            ])
        );
    }
}

/// Its tables go, child tables too, and nothing else; a restart changes nothing, and what was stored shows again afterwards.
#[tokio::test]
async fn what_was_activated_can_be_deactivated() {
    const DEACTIVATE: &str = "/admin/v1/mappings/encounter/active";
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::setup().data_dir(data.path()).start().await;
    let encounter = json!({ "resourceType": "Encounter", "id": "e", "status": "finished", "class": { "code": "AMB" },
        "subject": { "reference": "Patient/p" } });
    let entry = json!({ "resource": encounter, "request": { "method": "PUT", "url": "Encounter/e" } });
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] }).to_string();
    server.ingest(&bundle, None).await.expect(200);
    let before = server.rows("msemr_encounters", &[]).await;
    assert_eq!(before.len(), 1);
    let tables = family(&server, &digest(builtin("encounter"))).await;
    let all = server.tables().await.len();
    let since = server.events(0).await.iter().filter_map(|event| event["id"].as_u64()).max().unwrap_or_default();

    let deactivate = || server.call(Method::DELETE, DEACTIVATE).send();
    let answer = deactivate().await.expect(200).json();
    assert_eq!(names(&answer["tables"]), tables);
    assert_eq!(answer["mapping"]["digest"], digest(builtin("encounter")));
    assert_eq!(actions(&server, since, TABLE).await, [("mapping.deactivate".to_owned(), digest(builtin("encounter")))]);
    let again = deactivate().await.expect(404);
    assert_eq!(again.error_code(), "NotFound", "{}", again.text);
    let unknown = server.call(Method::DELETE, "/admin/v1/mappings/encuonter/active").send().await.expect(404);
    assert_eq!(unknown.error_code(), "NotFound", "{}", unknown.text);

    let is_out = async |server: &Server| {
        assert_eq!(server.tables().await.len(), all - tables.len());
        let refused = server.get("msemr_encounters", &[]).await.expect(404);
        assert_eq!(refused.error_code(), "UnknownTable", "{}", refused.text);
        assert!(refused.text.contains("its mapping `encounter` was deactivated"), "{}", refused.text);
        for path in ["msemr_encounterparticipants", "/admin/v1/tables/msemr_encounter"] {
            let refused = server.get(path, &[]).await.expect(404);
            assert!(refused.text.contains("was deactivated"), "{path}: {}", refused.text);
        }
        for path in ["", "$metadata"] {
            let shown = server.get(path, &[]).await.expect(200);
            assert!(!shown.text.contains("\"msemr_encounters\""), "{path}");
        }
        server.get("contacts", &[]).await.expect(200);
        // Observations still say which encounter they are of, as a key that leads to no table.
        server.get("msemr_observations", &[]).await.expect(200);
        assert_eq!(server.rollback(TABLE).await.error_code(), "UnknownTable");
        assert_eq!(listed(server, &digest(builtin("encounter"))).await[0]["activeFor"], json!([]));
    };
    is_out(&server).await;
    server.stop().await;
    let server = Server::setup().data_dir(data.path()).start().await;
    is_out(&server).await;

    // Another version of it comes, and brings back what is stored.
    server.load(&second()).await.expect(201);
    is_out(&server).await;
    for version in [second(), builtin("encounter").to_vec()] {
        server.activate(TABLE, &digest(&version)).await.expect(200);
        assert_eq!(in_force(&server).await, digest(&version));
        let rows = server.rows("msemr_encounters", &[]).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["msemr_encounterid"], before[0]["msemr_encounterid"]);
        assert!(version == second() || rows == before, "{rows:#?}");
    }
    server.stop().await;
    let server = Server::setup().data_dir(data.path()).start().await;
    assert_eq!(in_force(&server).await, digest(builtin("encounter")));
    assert_eq!(server.tables().await.len(), all);
}

/// A table with a column and a lookup.
fn towns(table: &str, set: &str, lookup: &str) -> Vec<u8> {
    of_yaml(
        TOWN,
        &format!(
            "
mapping: towns
version: 1.0.0
tables:
  {table}:
    set: {set}
    label: Town
    description: A person's town.
    resource: Patient
    name: tt_city
    columns:
      tt_townid: {{key: true, label: Town}}
      tt_city: {{text: 'address[0].city', label: City}}
      {lookup}: {{lookup: managingOrganization, to: {{accounts: Organization}}, label: Practice}}
"
        ),
    )
}

/// Otherwise the parent of a child table and its other children would go out of service, rows of one table would show as
/// those of another, and no client could read `$metadata`.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_belongs_to_one_mapping() {
    let server = Server::setup().start().await;
    let cases = [
        // A child table of another mapping.
        ("msemr_address", "msemr_addresses", "tt_practice", "belongs to the mapping `contact`"),
        ("tt_town", "msemr_addresses", "tt_practice", "belongs to the mapping `contact`"),
        // What the table API has at its root.
        ("tt_town", "savedqueries", "tt_practice", "the table API has it"),
        ("tt_town", "sdkmessagefilters", "tt_practice", "the table API has it"),
        // A navigation property that another mapping's lookup has given to a third one's table.
        ("contact_msemr", "tt_towns", "managingorganization", "`contact_msemr_managingorganization`"),
        // A column that a third one's table has.
        ("msemr", "tt_towns", "azurefhirid", "`msemr_azurefhirid`"),
    ];
    for (table, set, lookup, why) in cases {
        let answer = server.load(&towns(table, set, lookup)).await.expect(422);
        assert_eq!(details(&answer, "code"), ["tables"], "{table} {set}: {}", answer.text);
        assert!(details(&answer, "message")[0].contains(why), "{table} {set}: {}", answer.text);
    }
    for set in ["contacts", "msemr_addresses", "msemr_additionalnames"] {
        server.get(set, &[]).await.expect(200);
    }
}

/// A version that calls its table otherwise leaves that of before in force: not both under one address.
#[tokio::test(flavor = "multi_thread")]
async fn an_entity_set_is_of_one_table() {
    let server = Server::setup().start().await;
    let [first, second] = [towns("tt_town", "tt_towns", "tt_practice"), towns("tt_city", "tt_towns", "tt_practice")];
    for version in [&first, &second] {
        let table = if version == &first { "tt_town" } else { "tt_city" };
        if version == &second {
            let answer = server.load(version).await.expect(422);
            assert!(details(&answer, "message")[0].contains("`tt_town`, which stays"), "{}", answer.text);
            server.call(Method::DELETE, "/admin/v1/mappings/towns/active").send().await.expect(200);
        }
        server.load(version).await.expect(201);
        server.activate(table, &digest(version)).await.expect(200);
        server.get("tt_towns", &[]).await.expect(200);
        let metadata = server.get("$metadata", &[]).await.expect(200).text;
        assert_eq!(metadata.matches("EntitySet Name=\"tt_towns\"").count(), 1);
    }
}

#[tokio::test]
async fn a_component_may_not_be_larger_than_the_limit() {
    let server = Server::setup().limits(|limits| limits.component_bytes = 1_000).start().await;
    let answer = server.load(&second()).await.expect(413);
    assert_eq!(answer.error_code(), "BodyTooLarge");
}

/// It traps, loops, eats memory and lies, each on another table; the gate finds out before a patient does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_misbehaves_does_not_get_in() {
    let server = Server::setup().limits(|limits| limits.mapping_ms = 100).start().await;
    let answer = server.load(hostile()).await.expect(422);
    assert_eq!(answer.error_code(), "ComponentRefused");
    let codes = details(&answer, "code");
    assert!(codes.iter().any(|code| code == "determinism" || code == "samples"), "{}", answer.text);
    assert_eq!(details(&answer, "message").iter().filter(|m| m.contains("someone")).count(), 0, "no data in messages");
    // It is not there to be activated, and the tables that are there go on.
    server.activate("good", &digest(hostile())).await.expect(404);
    server.get("msemr_encounters", &[]).await.expect(200);
    // Others do not even say what they are.
    for how in ["loops", "traps", "two keys", "no tables", "odd name"] {
        let answer = server.load(&describing(how)).await;
        assert!(answer.status >= 400, "{how}: {} {}", answer.status, answer.text);
        assert!(listed(&server, &digest(&describing(how))).await.is_empty(), "{how} is kept");
    }
}

#[tokio::test]
async fn samples_that_do_not_hold_refuse_a_version() {
    let server = Server::setup().start().await;
    let expected = r#""msemr_encounterstatus": "finished""#;
    let other = with_text("encounter", expected, &expected.replace("finished", "planned!"));
    let answer = server.load(&other).await.expect(422);
    assert_eq!(details(&answer, "code"), vec!["samples"; details(&answer, "code").len()], "{}", answer.text);
    let messages = details(&answer, "message");
    assert!(messages.iter().any(|message| message.contains("msemr_encounterstatus")), "{messages:?}");
    // A mapping that reads another code than its samples say.
    let wrong = with_text("encounter", "finished", "finishex");
    let with_own_samples = with_samples_of("encounter", &wrong);
    let answer = server.load(&with_own_samples).await.expect(422);
    assert!(details(&answer, "code").contains(&"samples".to_owned()), "{}", answer.text);
    assert_eq!(in_force(&server).await, digest(builtin("encounter")));
}

#[tokio::test]
async fn what_cannot_be_put_in_force_is_refused_by_name() {
    let server = Server::setup().start().await;
    let loaded = server.load(&second()).await.expect(201).json();
    let known = loaded["digest"].as_str().expect("a digest");
    let unknown = format!("sha256:{}", "0".repeat(64));
    let cases: [(&str, Value, u16, &str); 9] = [
        (TABLE, json!({ "digest": unknown }), 404, "NotFound"),
        (TABLE, json!({ "digest": "sha256:" }), 404, "NotFound"),
        ("contact", json!({ "digest": known }), 400, "BadRequest"),
        ("nothing", json!({ "digest": known }), 400, "BadRequest"),
        (TABLE, json!({ "digest": known, "mode": "shadow" }), 400, "BadValue"),
        (TABLE, json!({ "digest": known, "mode": "canary", "percent": 10 }), 501, "NotSupported"),
        (TABLE, json!({ "digest": known, "percent": 10 }), 400, "BadValue"),
        (TABLE, json!({ "digest": known, "mode": "maybe" }), 400, "BadValue"),
        (TABLE, json!({ "mode": "activate" }), 400, "BadJson"),
    ];
    for (table, body, status, code) in cases {
        let answer = server.post(&format!("/admin/v1/tables/{table}/mapping"), &body).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{table} {body}: {}", answer.text);
    }
    assert_eq!(in_force(&server).await, digest(builtin("encounter")));
    server.get("/admin/v1/mappings/sha256:00", &[]).await.expect(404);
    server.get("/admin/v1/tables/nothing", &[]).await.expect(404);
    server.rollback("nothing").await.expect(404);
}

/// Two who go back at once go back one version, where they say which one they leave.
#[tokio::test]
async fn a_version_is_named_by_the_beginning_of_its_digest_and_left_once() {
    let server = Server::setup().start().await;
    let (first, second) = (digest(builtin("encounter")), digest(&second()));
    server.load(&self::second()).await.expect(201);
    let short = |whole: &str| whole["sha256:".len()..][..10].to_owned();
    server.activate(TABLE, &short(&second)).await.expect(200);
    assert_eq!(in_force(&server).await, second);
    for (given, status, code) in
        [("sha256:", 404, "NotFound"), ("abc", 404, "NotFound"), ("000000000000", 404, "NotFound")]
    {
        let refused = server.activate(TABLE, given).await.expect(status);
        assert_eq!(refused.error_code(), code, "{given}");
    }
    server.get(&format!("/admin/v1/mappings/{}", short(&second)), &[]).await.expect(200);
    let leave = async |from: &str| {
        server.post(&format!("/admin/v1/tables/{TABLE}/mapping/rollback?from={from}"), &json!({})).await
    };
    assert_eq!(leave(&first).await.expect(409).error_code(), "Conflict");
    leave(&short(&second)).await.expect(200);
    assert_eq!(in_force(&server).await, first);
    assert_eq!(leave(&second).await.expect(409).error_code(), "Conflict");
    let status = server.get("/admin/v1/tables/msemr_encounterparticipant/release", &[]).await.expect(200).json();
    assert_eq!((&status["table"], &status["active"]["digest"]), (&json!(TABLE), &json!(first)));
    let history = status["history"].as_array().expect("a history");
    assert_eq!((&history[0]["digest"], &history[0]["rolledBack"]), (&json!(second), &json!(true)));
    assert_eq!(history[1]["digest"], first);
}

#[tokio::test]
async fn back_and_forth_and_all_of_it_on_record() {
    let server = Server::setup().start().await;
    let (first, second) = (digest(builtin("encounter")), digest(&second()));
    let nothing_before = server.rollback(TABLE).await.expect(409);
    assert_eq!(nothing_before.error_code(), "Conflict");
    let since = last_event(&server).await;

    server.load(&self::second()).await.expect(201);
    let released = server.activate(TABLE, &second).await.expect(200).json();
    assert_eq!((&released["mapping"]["digest"], &released["previous"]), (&json!(second), &json!(first)));
    let family = family(&server, &second).await;
    assert!(family.len() > 2, "{family:?}");
    assert_eq!(names(&released["tables"]), family);
    assert_eq!(in_force(&server).await, second);
    // The children come along: all tables of a component are of one version.
    assert_eq!(server.table("msemr_encounterparticipant").await["mapping"]["digest"], second);
    assert_eq!(names(&listed(&server, &second).await[0]["activeFor"]), family);

    let released = server.rollback(TABLE).await.expect(200).json();
    assert_eq!((&released["mapping"]["digest"], &released["previous"]), (&json!(first), &json!(second)));
    assert_eq!(in_force(&server).await, first);
    server.rollback(TABLE).await.expect(409);
    assert_eq!(in_force(&server).await, first);
    // What was rolled back can be put in force again, through a child as well, and goes back to the same.
    server.activate("msemr_encounterparticipant", &second).await.expect(200);
    assert_eq!(in_force(&server).await, second);
    server.rollback("msemr_encounterparticipant").await.expect(200);
    assert_eq!(in_force(&server).await, first);

    let expected = [
        ("mapping.activate", second.as_str()),
        ("mapping.rollback", first.as_str()),
        ("mapping.activate", second.as_str()),
        ("mapping.rollback", first.as_str()),
    ];
    let found = actions(&server, since, TABLE).await;
    assert_eq!(found.iter().map(|(a, d)| (a.as_str(), d.as_str())).collect::<Vec<_>>(), expected);
    let loads = server.events(since).await;
    let loads = loads.iter().filter(|event| event["action"] == "mapping.load").collect::<Vec<_>>();
    assert_eq!(loads.len(), 1);
    assert_eq!((&loads[0]["actor"], &loads[0]["detail"]["digest"]), (&json!("local"), &json!(second)));
}

#[tokio::test]
async fn what_is_in_force_survives_a_restart() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let start = || Server::setup().data_dir(dir.path()).start();
    let (first, second) = (digest(builtin("encounter")), digest(&second()));

    let server = start().await;
    server.load(&self::second()).await.expect(201);
    server.activate(TABLE, &second).await.expect(200);
    let before = last_event(&server).await;
    server.stop().await;

    // The program that starts next may carry another version of the one that was replaced.
    let kept = open(dir.path()).await.component(&first).await.expect("it answers");
    assert!(kept.is_some_and(|component| digest(&component) == first), "the way back stays open");

    let server = start().await;
    assert_eq!(in_force(&server).await, second, "what somebody chose stays in force");
    let visit = json!({ "resourceType": "Encounter", "status": "finished", "class": { "code": "AMB" } });
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        { "resource": visit, "request": { "method": "POST", "url": "Encounter" } },
    ]});
    server.ingest(&bundle.to_string(), None).await.expect(200);
    let row = server.rows("msemr_encounters", &[]).await.remove(0);
    assert!(row.to_string().contains("FINISHED"), "and is what makes rows: {row:#}");
    assert_eq!(server.table("contact").await["mapping"]["digest"], digest(builtin("contact")));
    assert_eq!(actions(&server, before, TABLE).await, [], "a start is no release");
    server.load(&self::second()).await.expect(200);
    server.rollback(TABLE).await.expect(200);
    server.stop().await;

    let server = start().await;
    assert_eq!(in_force(&server).await, first, "a rollback stays");
    server.rollback(TABLE).await.expect(409);
}

/// A version that shipped with another program is known by name, and its bytes went with that program.
#[tokio::test]
async fn what_shipped_with_another_program_gives_way_and_is_named() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = open(dir.path()).await;
    let put = async |actor: &str, digest: &str, table: &str| {
        let mapping = control::Mapping {
            digest: digest.to_owned(),
            name: table.to_owned(),
            version: "0.0.1".to_owned(),
            tables: json!([table]),
            report: json!({}),
            uploaded_at: Timestamp::UNIX_EPOCH,
            uploaded_by: String::new(),
        };
        let act = Act { actor: actor.to_owned(), action: "mapping.load", table: None, detail: json!({}) };
        let keep = Decision::Keep { mapping: Box::new(mapping), component: None };
        let activate = Decision::Activate { tables: vec![table.to_owned()], digest: digest.to_owned() };
        store.decide(vec![(keep, act.clone()), (activate, act)]).await.expect("it is put in force");
    };
    put("turntable", "sha256:of-another-program", TABLE).await;
    put("somebody", "sha256:damaged", "contact").await;
    drop(store);

    let server = Server::setup().data_dir(dir.path()).start().await;
    assert_eq!(in_force(&server).await, digest(builtin("encounter")));
    let back = server.rollback(TABLE).await.expect(503);
    assert_eq!(back.error_code(), "MappingMissing");
    assert!(back.text.contains("`msemr_encounter` 0.0.1 (sha256:of-another-program)"), "{}", back.text);
    assert_eq!(in_force(&server).await, digest(builtin("encounter")));
    // What somebody chose is replaced by nothing: its tables are not there, all others are.
    server.get("contacts", &[]).await.expect(404);
    server.get("msemr_encounters", &[]).await.expect(200);
}

/// The name of a coded observation is the code's display; in the other version it is the code's version.
#[tokio::test]
async fn a_new_version_makes_native_rows_anew() {
    let server = Server::setup().start().await;
    let observation = json!({
        "resourceType": "Observation",
        "id": "5f2c4a54-6a8b-4c34-9d5a-0f3b5a1c7d10",
        "status": "final",
        "code": { "coding": [{ "code": "1", "display": "by display", "version": "by version" }] },
        "subject": { "reference": format!("Patient/{PATIENT}") },
        "valueQuantity": { "value": 1 },
        "component": [{ "code": { "coding": [{ "code": "2", "display": "part", "version": "PART" }] } }],
    });
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        { "resource": observation, "request": { "method": "PUT", "url": "Observation/5f2c4a54-6a8b-4c34-9d5a-0f3b5a1c7d10" } },
    ]});
    server.ingest(&bundle.to_string(), None).await.expect(200);
    let names = async || {
        let root = server.rows("msemr_observations", &[]).await;
        let part = server.rows("msemr_observationcomponents", &[]).await;
        (root[0]["msemr_description"].clone(), part[0]["msemr_name"].clone(), root.len(), part.len())
    };
    assert_eq!(names().await, (json!("by display"), json!("part"), 1, 1));

    let other = with_text("observation", "code.text | code.coding[0].display", "code.text | code.coding[0].version");
    let answer = server.load(&other).await.expect(422);
    assert!(answer.text.contains("msemr_description"), "its samples tell it from the first: {}", answer.text);
    let other = without_samples(&other);
    server.load(&other).await.expect(201);
    assert_eq!(names().await, (json!("by display"), json!("part"), 1, 1), "not yet in force");
    server.activate("msemr_observation", &digest(&other)).await.expect(200);
    assert_eq!(names().await, (json!("by version"), json!("PART"), 1, 1));
    // The store's own answer, not only what is shown: the row is found by its new value.
    let found = server.rows("msemr_observations", &[("$filter", "msemr_description eq 'by version'")]).await;
    assert_eq!(found.len(), 1);
    server.rollback("msemr_observation").await.expect(200);
    assert_eq!(names().await, (json!("by display"), json!("part"), 1, 1));
}

/// A table that was not served for a while missed what was written meanwhile; when it is back it shows all of it, and
/// nothing that has gone.
#[tokio::test]
async fn a_table_that_comes_back_shows_what_there_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = async || Server::setup().data_dir(directory.path()).start().await;
    let names = async |server: &Server| {
        let rows = server.rows("contacts", &[("$orderby", "lastname")]).await;
        rows.iter().map(|row| row["lastname"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let patient = |id: &str, name: &str| json!({ "resourceType": "Patient", "id": id, "name": [{ "family": name }] });
    let server = start().await;
    let entries = [("a", "Abel"), ("b", "Bell"), ("c", "Cole")].map(|(id, name)| {
        json!({ "resource": patient(id, name), "request": { "method": "PUT", "url": format!("Patient/{id}") } })
    });
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
    server.ingest(&bundle.to_string(), None).await.expect(200);
    assert_eq!(names(&server).await, ["Abel", "Bell", "Cole"]);
    server.stop().await;

    // As a server writes that has none of the tables.
    let store = open(directory.path()).await;
    store.keep_only(Vec::new()).await.expect("it answers");
    let write = |id: &str, name: Option<&str>, base: Option<u64>| NativeWrite {
        resource_type: "Patient".into(),
        id: id.into(),
        body: name.map(|name| patient(id, name).to_string().into()),
        base,
        version: base.unwrap_or(0) + 1,
        rows: Vec::new(),
        own: OwnChange::default(),
    };
    let writes = vec![write("b", Some("Zoll"), Some(1)), write("c", None, Some(1)), write("d", Some("Dorn"), None)];
    store.put_resources(writes).await.expect("they are stored");
    drop(store);

    let server = start().await;
    assert_eq!(names(&server).await, ["Abel", "Dorn", "Zoll"]);
    server.stop().await;
    assert_eq!(names(&start().await).await, ["Abel", "Dorn", "Zoll"]);
}

async fn open(folder: &Path) -> Store {
    Store::open(folder, &Limits::default()).await.expect("the store opens")
}

/// The tables of a version in force, by name.
async fn family(server: &Server, digest: &str) -> Vec<String> {
    let tables = server.tables().await;
    let of_it = tables.iter().filter(|table| table["mapping"]["digest"] == digest);
    names(&of_it.map(|table| table["name"].clone()).collect())
}

fn names(list: &Value) -> Vec<String> {
    let mut names: Vec<_> =
        list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    names.sort_unstable();
    names
}

async fn in_force(server: &Server) -> String {
    server.table(TABLE).await["mapping"]["digest"].as_str().unwrap_or_default().to_owned()
}

/// Versions that are being written come and go; the releases are there, and a rollback goes to the last of them.
#[tokio::test]
async fn what_is_being_written_takes_no_place_of_a_release() {
    let server = Server::setup().limits(|limits| limits.mapping_versions = 2).start().await;
    let version = |number: usize| with_text("encounter", "Finished", &format!("F1N1SH{number:02}"));
    let develop = async |component: Vec<u8>| {
        let call = server.call(Method::POST, "/admin/v1/mappings?development=true&laws_ms=0");
        let loaded = call.body("application/wasm", component).send().await.expect(201).json();
        server.activate(TABLE, loaded["digest"].as_str().expect("a digest")).await.expect(200);
    };
    let release = second();
    server.load(&release).await.expect(201);
    server.activate(TABLE, &digest(&release)).await.expect(200);
    for number in 0..4 {
        develop(version(number)).await;
    }
    assert_eq!(in_force(&server).await, digest(&version(3)));
    assert_eq!(listed(&server, &digest(&version(3))).await[0]["development"], true);
    assert_eq!(listed(&server, &digest(&version(0))).await.len(), 0, "two of them are kept");
    assert_eq!(listed(&server, &digest(&release)).await[0]["development"], false);
    server.rollback(TABLE).await.expect(200);
    assert_eq!(in_force(&server).await, digest(&release));
    // What is loaded as a release is one from then on, whoever tries it again.
    server.load(&version(3)).await.expect(200);
    let call = server.call(Method::POST, "/admin/v1/mappings?development=true&laws_ms=0");
    call.body("application/wasm", version(3)).send().await.expect(200);
    assert_eq!(listed(&server, &digest(&version(3))).await[0]["development"], false);
    server.activate(TABLE, &digest(&version(3))).await.expect(200);
    server.activate(TABLE, &digest(&release)).await.expect(200);
    server.rollback(TABLE).await.expect(200);
    assert_eq!(in_force(&server).await, digest(&version(3)));
}

/// A version that is of use stays; any other goes when that is said, and comes back when it is loaded.
#[tokio::test]
async fn what_is_of_no_use_can_be_unloaded() {
    let server = Server::setup().start().await;
    let unload = async |digest: &str| server.call(Method::DELETE, &format!("/admin/v1/mappings/{digest}")).send().await;
    let refused = async |digest: &str, why: &str| {
        let answer = unload(digest).await.expect(409);
        assert!(answer.error_code() == "Conflict" && answer.text.contains(why), "{why}: {}", answer.text);
    };
    let (first, second, third) =
        (digest(builtin("encounter")), digest(&second()), digest(&with_text("encounter", "Finished", "FiNiShEd")));
    refused(&first, "ships with this program").await;
    for component in [self::second(), with_text("encounter", "Finished", "FiNiShEd")] {
        server.load(&component).await.expect(201);
    }
    server.activate(TABLE, &second).await.expect(200);
    refused(&second, "is in force").await;
    server.activate(TABLE, &third).await.expect(200);
    refused(&second, "a rollback").await;
    server.rollback(TABLE).await.expect(200);
    // By a beginning of its digest.
    let gone = unload(&third[..20]).await.expect(200).json();
    assert_eq!((&gone["digest"], &gone["name"]), (&json!(third), &json!("encounter")));
    assert_eq!(listed(&server, &third).await.len(), 0);
    assert_eq!(unload(&third).await.expect(404).error_code(), "NotFound");
    assert_eq!(server.activate(TABLE, &third).await.expect(404).error_code(), "NotFound");
    assert_eq!(server.events(0).await.last().expect("events")["action"], "mapping.unload");
    let shadow = json!({ "digest": first, "mode": "shadow", "percent": 10 });
    server.post(&format!("/admin/v1/tables/{TABLE}/mapping"), &shadow).await.expect(200);
    server.load(&with_text("encounter", "Finished", "FiNiShEd")).await.expect(201);
    let shadow = json!({ "digest": third, "mode": "shadow", "percent": 10 });
    server.post(&format!("/admin/v1/tables/{TABLE}/mapping"), &shadow).await.expect(200);
    refused(&third, "is on trial").await;
    server.call(Method::DELETE, "/admin/v1/mappings/encounter/active").send().await.expect(200);
    refused(&second, "was in force when it was deactivated").await;
}

/// Entries of the list of mappings with this digest.
async fn listed(server: &Server, digest: &str) -> Vec<Value> {
    let all = server.get("/admin/v1/mappings", &[]).await.expect(200).json();
    let all = all["mappings"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|mapping| mapping["digest"] == digest).collect()
}

/// Actions on a table since an event, each with the digest it was about.
async fn actions(server: &Server, since: u64, table: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = server.events(since).await;
    let ours = events.iter().filter(|event| event["table"] == table);
    let releases = ours.filter(|event| text(&event["action"]).starts_with("mapping."));
    releases.map(|event| (text(&event["action"]), text(&event["detail"]["digest"]))).collect()
}

async fn last_event(server: &Server) -> u64 {
    server.events(0).await.last().and_then(|event| event["id"].as_u64()).unwrap_or_default()
}

fn details(answer: &Answer, member: &str) -> Vec<String> {
    let details = answer.json()["error"]["details"].as_array().cloned().unwrap_or_default();
    details.iter().map(|detail| detail[member].as_str().unwrap_or_default().to_owned()).collect()
}

/// The smallest component there is, with or without the import of an empty interface.
fn component(import: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    if !import.is_empty() {
        let length = u8::try_from(import.len()).expect("a short name");
        // A type section with one empty instance type; an import section with one import of it.
        bytes.extend([7, 3, 1, 0x42, 0]);
        bytes.extend([10, length + 5, 1, 0, length]);
        bytes.extend(import);
        bytes.extend([5, 0]);
    }
    bytes
}

/// Puts the samples of the shipped component in place of the ones that another version of it carries.
fn with_samples_of(name: &str, component: &[u8]) -> Vec<u8> {
    let (own, shipped) = (samples_section(component), samples_section(builtin(name)));
    [&component[..own], &builtin(name)[shipped..]].concat()
}

fn without_samples(component: &[u8]) -> Vec<u8> {
    component[..samples_section(component)].to_vec()
}

/// Where the custom section begins that ends a component: its id, its length, the length of its name, its name.
fn samples_section(component: &[u8]) -> usize {
    let name = b"\x11turntable:samples";
    let at = component.windows(name.len()).rposition(|window| window == name).expect("samples");
    let (mut start, mut length) = (at - 1, component.len() - at);
    while length > 0x7f {
        length >>= 7;
        start -= 1;
    }
    assert_eq!(component[start - 1], 0, "a custom section");
    start - 1
}

fn hostile() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile");
        let file = build::build(&directory, None).unwrap_or_else(|e| panic!("{e} {:?}", e.get_details()));
        std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    })
}

/// The hostile mapping with another way to describe itself.
fn describing(how: &str) -> Vec<u8> {
    let (from, to) = ("DESCRIBE:honest                 ", format!("DESCRIBE:{how:<23}"));
    let mut component = hostile().to_vec();
    let at = component.windows(from.len()).position(|window| window == from.as_bytes()).expect("the marker");
    component[at..at + to.len()].copy_from_slice(to.as_bytes());
    component
}
