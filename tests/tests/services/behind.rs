//! A mapping that fails on a resource takes down its own table only: the resource is stored, the other tables show it, and
//! the table that is behind says so until its rows could be made. Nothing of it is ever missing in silence.

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Answer, Fhir, Server, digest, hostile};

/// Ways to fail on one resource: what its text says.
const WAYS: [&str; 9] = ["traps", "loops", "grows", "fails", "stranger", "no number", "twice", "issue", "lies"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_fail_takes_down_one_table() {
    let dir = tempfile::tempdir().expect("a folder");
    let start = async || Server::setup().limits(|limits| limits.mapping_ms = 100).data_dir(dir.path()).start().await;
    let server = start().await;
    put_in_force(&server, "picky").await;
    let stored = server.ingest(&batch(&[put("c0", "well")]), None).await.expect(200);
    assert!(stored.text.contains("stored in tables `msemr_condition`, `picky`"), "{}", stored.text);
    assert_eq!(texts(&server).await, ["well"]);

    for how in WAYS {
        let entries = [put("a", "before"), put(&id(how), how), put("b", "after")];
        let answer = server.ingest(&batch(&entries), None).await.expect(200).json();
        for (at, entry) in answer["entry"].as_array().expect("entries").iter().enumerate() {
            let (status, issues) = (&entry["response"]["status"], &entry["response"]["outcome"]["issue"]);
            assert!(status == "201 Created" || status == "200 OK", "{how}: {entry}");
            assert_eq!(issues[0]["severity"], "information");
            let (note, warning) = (issues[0]["diagnostics"].as_str().unwrap_or_default(), &issues[1]);
            assert_eq!(note.contains("`picky`"), at != 1, "{how}: {note}");
            assert_eq!(warning.is_null(), at != 1, "{how}: {entry}");
            if at == 1 {
                assert_eq!(warning["severity"], "warning");
                let said = warning["diagnostics"].as_str().unwrap_or_default();
                assert!(said.contains("table `picky` is behind") && said.contains("mapping hostile 0.1.0"), "{said}");
            }
        }
        refuses(&server, how).await;
        assert!(shown(&server).await.contains(&how.to_owned()), "{how}");
        // A row of another resource by its key is there, one that may be missing is not said to be.
        assert_eq!(server.row("picky_set", KEY).await["text"], "well");
        let unknown = server.get("picky_set(0a1b2c3d-1111-4222-8333-444455556667)", &[]).await;
        assert_eq!((unknown.status, unknown.error_code().as_str()), (500, "MappingFault"), "{how}: {}", unknown.text);
        // Corrected through what works, it is whole again.
        let fixed = server.ingest(&batch(&[put(&id(how), "fixed")]), None).await.expect(200);
        assert!(!fixed.text.contains("behind"), "{how}: {}", fixed.text);
        assert!(texts(&server).await.contains(&"fixed".to_owned()));
        server.ingest(&batch(&[put(&id(how), how)]), None).await.expect(200);
        refuses(&server, how).await;
        server.ingest(&batch(&[delete(&id(how))]), None).await.expect(200);
        assert_eq!(texts(&server).await, ["after", "before", "well"], "{how}: deleted, and nothing is behind");
    }

    // A transaction is stored whole; a change through the table that works too. A start changes nothing.
    let answer = server.ingest(&bundle("transaction", &[put("x", "traps"), put("y", "well")]), None).await.expect(200);
    assert!(answer.text.contains("table `picky` is behind"), "{}", answer.text);
    let patient = server.post("contacts", &json!({ "msemr_contacttype": 935_000_000 })).await.expect(201).json();
    let patient = format!("/contacts({})", patient["contactid"].as_str().unwrap_or_default());
    let made = json!({ "msemr_name": "loops", "msemr_subjecttypepatient@odata.bind": patient });
    let created = server.post("msemr_conditions", &made).await;
    assert!(created.status == 201 || created.status == 204, "{} {}", created.status, created.text);
    // A write through the table that fails is refused, one that does not fail is done, whatever else it is behind with.
    let row = format!("picky_set({KEY})");
    let refused = server.patch(&row, &json!({ "text": "traps" })).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (500, "MappingFault"), "{}", refused.text);
    server.patch(&row, &json!({ "text": "better" })).await.expect(204);
    assert_eq!(server.row("picky_set", KEY).await["text"], "better");
    server.stop().await;
    let server = start().await;
    refuses(&server, "after a start").await;
    // The same version again makes nothing whole, one that fails on it as well is not let in, one that can is.
    server.activate("picky", &digest(&hostile("picky"))).await.expect(200);
    refuses(&server, "the same version").await;
    let before = shown(&server).await;
    put_in_force(&server, "mended").await;
    assert_eq!(texts(&server).await, before);
    assert!(before.contains(&"traps".to_owned()) && before.contains(&"loops".to_owned()), "{before:?}");
    // The version that fails on what is stored is not put in force again, and the one that does not stays whole.
    let refused = server.rollback("picky").await.expect(500);
    assert!(["MappingFault", "MappingTimeout", "MappingMemory"].contains(&&*refused.error_code()), "{}", refused.text);
    assert_eq!(texts(&server).await, before);
}

/// A limit stopped it: with a larger one the next start makes the rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_limit_stopped_is_made_at_the_next_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let start = async |memory: usize| {
        let server = Server::setup().limits(|limits| limits.mapping_memory_bytes = memory);
        server.data_dir(dir.path()).start().await
    };
    let server = start(16 << 20).await;
    put_in_force(&server, "picky").await;
    server.ingest(&batch(&[put("c0", "hungry"), put("c1", "well")]), None).await.expect(200);
    // Asking often starts nothing that holds up others.
    for _ in 0..20 {
        refuses(&server, "before").await;
        assert_eq!(shown(&server).await, ["hungry", "well"]);
    }
    server.stop().await;
    let server = start(64 << 20).await;
    assert_eq!(texts(&server).await, ["hungry", "well"]);
}

/// What has changed is not told while rows are missing, and told in full once they are made, after a start as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_wait_for_the_rows_that_could_not_be_made() {
    let dir = tempfile::tempdir().expect("a folder");
    let start = async |memory: usize| {
        let server = Server::setup().limits(|limits| limits.mapping_memory_bytes = memory);
        server.data_dir(dir.path()).start().await
    };
    let tracked = async |server: &Server| {
        server.call(Method::GET, "picky_set").header("prefer", "odata.track-changes").send().await
    };
    let server = start(64 << 20).await;
    put_in_force(&server, "picky").await;
    server.ingest(&batch(&[put("c0", "well"), put("c1", "well"), put("c2", "well")]), None).await.expect(200);
    let list = tracked(&server).await.expect(200).json();
    assert_eq!(list["value"].as_array().map(Vec::len), Some(3));
    let link = list["@odata.deltaLink"].as_str().expect("a link").to_owned();
    let root = server.api();
    server.stop().await;

    let server = start(16 << 20).await;
    server.ingest(&batch(&[put("c0", "hungry"), delete("c1")]), None).await.expect(200);
    for answer in [server.get(&link.replace(&root, &server.api()), &[]).await, tracked(&server).await] {
        assert_eq!((answer.status, answer.error_code().as_str()), (500, "MappingFault"), "{}", answer.text);
    }
    server.stop().await;

    let server = start(64 << 20).await;
    let told = server.get(&link.replace(&root, &server.api()), &[]).await.expect(200).json();
    let told = told["value"].as_array().expect("changes");
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((&told[0]["text"], &told[1]["reason"]), (&json!("hungry"), &json!("deleted")));
}

/// Where no native table can have rows of it, a resource is refused as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_can_show_is_not_stored() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).route("msemr_condition", "virtual").start().await;
    put_in_force(&server, "picky").await;
    let answer = server.ingest(&batch(&[put("c0", "traps"), put("c1", "well")]), None).await.expect(200).json();
    let status = |at: usize| answer["entry"][at]["response"]["status"].clone();
    assert_eq!((status(0), status(1)), (json!("422 Unprocessable Entity"), json!("201 Created")), "{answer}");
    assert_eq!(texts(&server).await, ["well"]);
}

/// GUID of the condition `c0`.
const KEY: &str = "0a1b2c3d-1111-4222-8333-444455556666";

async fn refuses(server: &Server, how: &str) {
    let options = [("$filter", "text eq 'well'"), ("$count", "true"), ("$top", "1")];
    for answer in [server.get("picky_set", &[]).await, server.get("picky_set", &options).await] {
        assert_eq!((answer.status, answer.error_code().as_str()), (500, "MappingFault"), "{how}: {}", answer.text);
        assert!(answer.text.contains("table `picky` is behind: its mapping hostile 0.1.0"), "{how}: {}", answer.text);
    }
}

async fn texts(server: &Server) -> Vec<String> {
    let rows = server.rows("picky_set", &[("$orderby", "text")]).await;
    rows.iter().map(|row| row["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// What the shipped table shows of the same resources.
async fn shown(server: &Server) -> Vec<String> {
    let rows = server.rows("msemr_conditions", &[("$orderby", "msemr_name")]).await;
    rows.iter().map(|row| row["msemr_name"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn put_in_force(server: &Server, how: &str) -> Answer {
    let component = hostile(how);
    server.load(&component).await.expect(201);
    server.activate("picky", &digest(&component)).await.expect(200)
}

fn id(how: &str) -> String {
    how.replace(' ', "-")
}

fn put(id: &str, text: &str) -> Value {
    let id = if id == "c0" { KEY } else { id };
    let resource =
        json!({ "resourceType": "Condition", "id": id, "code": { "text": text }, "subject": { "display": "p" } });
    json!({ "resource": resource, "request": { "method": "PUT", "url": format!("Condition/{id}") } })
}

fn delete(id: &str) -> Value {
    json!({ "request": { "method": "DELETE", "url": format!("Condition/{id}") } })
}

fn batch(entries: &[Value]) -> String {
    bundle("batch", entries)
}

fn bundle(kind: &str, entries: &[Value]) -> String {
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries }).to_string()
}
