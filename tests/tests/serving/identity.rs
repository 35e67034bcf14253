//! Who calls, and what they may: over every endpoint, for every role, and for what is no credential.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use turntable::identity::keys::{self, NewKey};
use turntable_tests::{Answer, PEOPLE, Server};

pub(super) const JSON: &str = "application/json";
pub(super) const FHIR: &str = "application/fhir+json";
const PATIENT: &str = "4c73b472-442b-4920-b899-aadc599f1d75";

/// A call, and the roles that may make it.
pub(super) type Asked = (Method, &'static str, &'static str, String, &'static [&'static str]);

const ANY: &[&str] = &["reader", "writer", "mapper", "admin"];
const READ: &[&str] = &["reader", "writer", "admin"];
const WRITE: &[&str] = &["writer", "admin"];
const MAP: &[&str] = &["mapper", "admin"];
const ADMIN: &[&str] = &["admin"];

/// None of them does harm where it is allowed.
pub(super) fn calls() -> Vec<Asked> {
    let one: &'static str = "contacts(4c73b472-442b-4920-b899-aadc599f1d75)";
    let call = |method, path, kind, body: &str, roles| (method, path, kind, body.to_owned(), roles);
    let get = |path, roles| call(Method::GET, path, "", "", roles);
    let bundle = r#"{"resourceType":"Bundle","type":"batch","entry":[]}"#;
    let admin = "/admin/v1/tables/msemr_encounter";
    vec![
        get("", ANY),
        get("$metadata", ANY),
        get("EntityDefinitions?$select=LogicalName", ANY),
        get("$files/contacts.odc", READ),
        get("$openapi?tables=contacts", READ),
        get("/api/data/provider/v9.2/$metadata", ANY),
        get("/fhir/metadata", ANY),
        get("contacts", READ),
        get("contacts/$count", READ),
        get("contacts?$count=true&$top=1", READ),
        get("contacts?$apply=aggregate($count%20as%20n)", READ),
        get("contacts?$select=lastname&$expand=parentcustomerid_account", READ),
        get("contacts?fetchXml=%3Cfetch%3E%3Centity%20name=%22contact%22/%3E%3C/fetch%3E", READ),
        get("contacts?$format=csv", READ),
        get("/api/data/provider/v9.2/contacts", READ),
        get(one, READ),
        get("userqueries", READ),
        call(Method::HEAD, one, "", "", READ),
        call(
            Method::POST,
            "msind_RetrieveBundle",
            JSON,
            &json!({ "msind_FHIRQuery": format!("Patient/{PATIENT}") }).to_string(),
            READ,
        ),
        call(Method::POST, "contacts", JSON, "{}", WRITE),
        call(Method::PATCH, one, JSON, r#"{"nothing":1}"#, WRITE),
        call(Method::PUT, one, JSON, "{}", WRITE),
        call(Method::DELETE, "contacts(00000000-0000-4000-8000-000000000000)", "", "", WRITE),
        call(Method::POST, "/fhir", FHIR, bundle, WRITE),
        call(Method::POST, "msind_UpsertBundle", JSON, &json!({ "bundle": bundle }).to_string(), WRITE),
        get("/admin/v1/tables", MAP),
        get("/admin/v1/tables/contact", MAP),
        get("/admin/v1/tables/contact/release", MAP),
        get("/admin/v1/mappings", MAP),
        get("/admin/v1/sources", MAP),
        call(Method::POST, "/admin/v1/mappings", "application/wasm", "no component", MAP),
        call(
            Method::POST,
            &*format!("{admin}/mapping").leak(),
            JSON,
            r#"{"digest":"sha256:0","mode":"activate"}"#,
            MAP,
        ),
        call(Method::POST, &*format!("{admin}/mapping/rollback").leak(), "", "", MAP),
        call(Method::DELETE, "/admin/v1/mappings/none/active", "", "", MAP),
        call(Method::DELETE, "/admin/v1/mappings/sha256:000000", "", "", MAP),
        get("/metrics", MAP),
        get("/admin/v1/traffic", MAP),
        call(Method::POST, "/admin/v1/mappings/try", JSON, r#"{"yaml":""}"#, MAP),
        get("/admin/v1/settings", ADMIN),
        call(Method::PUT, &*format!("{admin}/route").leak(), JSON, r#"{"provider":"native","dry_run":true}"#, ADMIN),
        call(Method::POST, "/admin/v1/sources/none/probe", "", "", ADMIN),
        get("/admin/v1/traces", ADMIN),
        get("/admin/v1/traces/none", ADMIN),
        get("/admin/v1/audit", ADMIN),
        get("/admin/v1/audit/export", ADMIN),
        get("/admin/v1/audit/verify", ADMIN),
        get("/admin/v1/events", ADMIN),
        get("/admin/v1/keys", ADMIN),
        get("/admin/v1/roles", ADMIN),
        get("/admin/v1/origin?table=contact&key=00000000-0000-4000-8000-000000000000", ADMIN),
        get("/admin/v1/roles/reader", ADMIN),
        call(Method::POST, "/admin/v1/keys", JSON, r#"{"name":"","roles":[]}"#, ADMIN),
        call(Method::DELETE, "/admin/v1/keys/none", "", "", ADMIN),
        get("/admin/v1/openapi.json", ANY),
    ]
}

/// A key of a data folder, whether a server runs on it or not.
fn key(folder: &Path, name: &str, roles: &[&str]) -> String {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    let new = NewKey { name: name.to_owned(), roles, ..NewKey::default() };
    keys::create(folder, new, "test", 100).expect("a key can be made").0
}

async fn send(server: &Server, asked: &Asked, headers: &[(&str, &str)]) -> Answer {
    let (method, path, kind, body, _) = asked;
    let call = server.call(method.clone(), path);
    let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    if kind.is_empty() { call.send().await } else { call.body(kind, body.clone()).send().await }
}

/// With keys asked for, and people that the key of a writer has brought in.
async fn with_keys(folder: &Path) -> (Server, Vec<(&'static str, String)>) {
    let roles = ["reader", "writer", "mapper", "admin"];
    let keys: Vec<_> = roles.iter().map(|role| (*role, key(folder, role, &[role]))).collect();
    let server = Server::setup().data_dir(folder).configure(|config| config.identity.keys = true).start().await;
    let ingest = server.call(Method::POST, "/fhir").header("x-api-key", &keys[1].1).body(FHIR, PEOPLE);
    ingest.send().await.expect(200);
    (server, keys)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_does_what_it_may_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, keys) = with_keys(folder.path()).await;
    let unknown = "ttk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for asked in calls() {
        let (method, path, _, _, allowed) = &asked;
        for (role, key) in &keys {
            let answer = send(&server, &asked, &[("x-api-key", key)]).await;
            let is_refused = matches!(answer.status, 401 | 403);
            assert_eq!(
                !is_refused,
                allowed.contains(role),
                "{role}: {method} {path}: {} {}",
                answer.status,
                answer.text
            );
            if is_refused && *method != Method::HEAD {
                assert_eq!(
                    (answer.status, answer.error_code().as_str()),
                    (403, "Forbidden"),
                    "{role}: {method} {path}"
                );
            }
        }
        // Who is nobody learns nothing, whatever is shown.
        let nobody = send(&server, &asked, &[]).await;
        assert!(nobody.status == 401 && nobody.header("www-authenticate").starts_with("Bearer"), "{path}");
        let wrong = send(&server, &asked, &[("x-api-key", unknown)]).await;
        for (name, value) in [("x-api-key", ""), ("authorization", "Bearer ttk_"), ("x-api-key", "x'; --")] {
            let answer = send(&server, &asked, &[(name, value)]).await;
            assert_eq!(answer.status, 401, "{path} {value}");
            if !value.is_empty() {
                assert_eq!(answer.text, wrong.text, "{path} {value}");
            }
        }
        assert_eq!((wrong.status, nobody.text == wrong.text && *method != Method::HEAD), (401, false), "{path}");
    }
    // What says nothing stays open, and what is not there is nobody's to know.
    for path in [
        "/",
        "/app/",
        "/app/t/contacts/1",
        "/console/",
        "/pages/LICENSES.txt",
        "/auth/callback",
        "/auth/providers",
        "/healthz",
        "/readyz",
    ] {
        server.get(path, &[]).await.expect(200);
    }
    for path in ["/nothing", "/application", "/admin/v1/nothing", "/admin", "/fhir/Patient/1", "/api"] {
        server.get(path, &[]).await.expect(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_batch_are_of_who_sends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, keys) = with_keys(folder.path()).await;
    let of = |role: &str| keys.iter().find(|(name, _)| *name == role).expect("a key").1.clone();
    let (reader, admin) = (of("reader"), of("admin"));
    let part = |method: &str, url: &str| {
        let headers = json!({ "x-api-key": admin, "authorization": format!("Bearer {admin}"), "content-type": JSON });
        json!({ "id": url, "method": method, "url": url, "headers": headers, "body": { "name": "X" } })
    };
    let set = |mut part: Value| {
        part["atomicityGroup"] = json!("g");
        part
    };
    let batch = async |key: &str, requests: Value| {
        let call =
            server.call(Method::POST, "$batch").header("x-api-key", key).header("prefer", "odata.continue-on-error");
        let answer = call.json(&json!({ "requests": requests })).send().await.expect(200).json();
        let statuses = answer["responses"].as_array().expect("responses").iter().map(|r| r["status"].as_u64());
        statuses.map(|status| status.expect("a status")).collect::<Vec<_>>()
    };
    let mut read = part("GET", "contacts?$top=1");
    read.as_object_mut().expect("an object").remove("body");
    let with_key = {
        let mut part = read.clone();
        part["url"] = format!("contacts?$top=1&apikey={admin}").into();
        part["id"] = "k".into();
        part
    };
    let change = part("POST", "accounts");
    assert_eq!(batch(&reader, json!([read, with_key, change])).await, [200, 200, 403]);
    assert_eq!(batch(&reader, json!([set(part("POST", "accounts"))])).await, [403]);
    assert_eq!(batch(&of("mapper"), json!([read])).await, [403]);
    assert_eq!(batch(&of("writer"), json!([read, set(part("POST", "accounts"))])).await, [200, 201]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_query_goes_no_further() {
    const LOG_TEST: &str = "TURNTABLE_KEY_LOG_TEST";
    const TEST: &str = "identity::a_key_in_a_query_goes_no_further";
    if std::env::var_os(LOG_TEST).is_none() {
        let program = std::env::current_exe().expect("a test has a program");
        let mut child = Command::new(program);
        child.args(["--exact", TEST, "--nocapture"]).env(LOG_TEST, "1").env("TURNTABLE_LOG", "trace");
        let said = child.output().expect("it runs");
        let (log, out) = (String::from_utf8_lossy(&said.stderr), String::from_utf8_lossy(&said.stdout));
        assert!(said.status.success(), "{out}\n{log}");
        assert!(log.contains("TRACE"), "the log has all levels");
        let first = log.lines().filter(|line| line.starts_with("ttk_")).count();
        assert_eq!(first, 1, "the first key is said once: {log}");
        let line = log.lines().find(|line| line.contains("ttk_") && !line.starts_with("ttk_"));
        assert_eq!(line, None, "the log has a key");
        return;
    }
    turntable::log::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (reader, writer) = (key(folder.path(), "r", &["reader"]), key(folder.path(), "w", &["writer"]));
    let fhir = turntable_tests::Fhir::sandbox().await;
    let setup = Server::with(&fhir).data_dir(folder.path()).configure(|config| config.identity.keys = true);
    let server = setup.route("msemr_encounter", "virtual").start().await;
    let ingest = server.call(Method::POST, &format!("/fhir?apikey={writer}")).body(FHIR, PEOPLE);
    ingest.send().await.expect(200);
    let call = server.call(Method::GET, &format!("contacts?$top=9&apikey={reader}&$select=lastname"));
    let page = call.header("prefer", "odata.maxpagesize=1").send().await.expect(200);
    assert!(!page.text.contains("ttk_") && !page.text.contains("apikey"), "{}", page.text);
    assert!(page.headers.iter().all(|(_, value)| !value.to_str().unwrap_or_default().contains("ttk_")));
    let next = page.json()["@odata.nextLink"].as_str().expect("a next page").to_owned();
    server.call(Method::GET, &next).send().await.expect(401);
    server.call(Method::GET, &format!("{next}&apikey={reader}")).send().await.expect(200);
    // What fails names the path, never the key.
    let seen = format!("msemr_encounters?$filter=nonsense&apikey={reader}");
    let failed = server.call(Method::GET, &seen).send().await.expect(400);
    assert!(!failed.text.contains("ttk_"), "{}", failed.text);
    server.call(Method::GET, &format!("msemr_encounters?apikey={reader}")).send().await.expect(200);
    server.stop().await;
    turntable::log::flush(Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_shown_and_revoked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, keys) = with_keys(folder.path()).await;
    let admin = keys[3].1.clone();
    let as_admin = async |method: Method, path: &str, body: Option<Value>| {
        let call = server.call(method, path).header("authorization", &format!("Bearer {admin}"));
        match body {
            Some(body) => call.json(&body).send().await,
            None => call.send().await,
        }
    };
    let reads = async |key: &str| server.call(Method::GET, "contacts").header("x-api-key", key).send().await.status;
    let asked = json!({ "name": "power-bi", "roles": ["reader"], "claims": { "ward": "7" }, "expires": "90d" });
    let made = as_admin(Method::POST, "/admin/v1/keys", Some(asked.clone())).await.expect(201).json();
    let secret = made["key"].as_str().expect("a key").to_owned();
    assert_eq!(reads(&secret).await, 200, "it is good at once");
    as_admin(Method::POST, "/admin/v1/keys", Some(asked)).await.expect(409);
    let listed = as_admin(Method::GET, "/admin/v1/keys", None).await.expect(200);
    assert!(!listed.text.contains(&secret) && !listed.text.contains("hash"), "{}", listed.text);
    let listed = listed.json();
    let of = |name: &str| listed["keys"].as_array().expect("keys").iter().find(|key| key["name"] == name).cloned();
    let shown = of("power-bi").expect("it is listed");
    assert_eq!(
        (&shown["created_by"], &shown["expired"], &shown["claims"]["ward"]),
        (&json!("key:admin"), &json!(false), &json!("7"))
    );
    as_admin(Method::DELETE, "/admin/v1/keys/power-bi", None).await.expect(204);
    assert_eq!(reads(&secret).await, 401, "it is gone at once");
    as_admin(Method::DELETE, "/admin/v1/keys/power-bi", None).await.expect(404);
    for bad in [
        json!({ "name": "x" }),
        json!({ "name": "x", "roles": ["reader"], "expires": "soon" }),
        json!({ "name": "x", "roles": [] }),
    ] {
        as_admin(Method::POST, "/admin/v1/keys", Some(bad)).await.expect(400);
    }

    // What a command does beside the server is known within a second, on a machine that has one to spare.
    let soon = async |key: &str, expected: u16| {
        let begun = Instant::now();
        while reads(key).await != expected {
            assert!(begun.elapsed() < Duration::from_secs(5), "not known");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let beside = key(folder.path(), "beside", &["reader"]);
    soon(&beside, 200).await;
    keys::revoke(folder.path(), "beside").expect("it is there");
    soon(&beside, 401).await;

    // Who did it, by name.
    let told = async || {
        let events = as_admin(Method::GET, "/admin/v1/events?limit=1000", None).await.expect(200).json();
        let events = events["events"].as_array().expect("events").clone();
        let of_keys = |event: &Value| {
            let text = |member: &str| event[member].as_str().unwrap_or_default().to_owned();
            let name = event["detail"]["name"].as_str().unwrap_or_default().to_owned();
            text("action").starts_with("key.").then(|| (text("action"), name, text("actor")))
        };
        events.iter().filter_map(of_keys).collect::<Vec<_>>()
    };
    let begun = Instant::now();
    while told().await.first().is_none_or(|(action, name, _)| action != "key.revoke" || name != "beside") {
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", told().await);
    }
    let told = told().await;
    let is_told = |action: &str, name: &str, actor: &str| {
        let one = (action.to_owned(), name.to_owned(), actor.to_owned());
        assert_eq!(told.iter().filter(|event| **event == one).count(), 1, "{one:?} in {told:?}");
    };
    is_told("key.create", "power-bi", "key:admin");
    is_told("key.revoke", "power-bi", "key:admin");
    is_told("key.create", "beside", "test");
    is_told("key.revoke", "beside", "command line");
    is_told("key.create", "reader", "test");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_actor_of_a_release_is_who_asked_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, keys) = with_keys(folder.path()).await;
    let route = "/admin/v1/tables/msemr_encounter/mapping/rollback";
    server.call(Method::POST, route).header("x-api-key", &keys[2].1).send().await.expect(409);
    let off = server.call(Method::DELETE, "/admin/v1/mappings/encounter/active").header("x-api-key", &keys[2].1);
    off.send().await.expect(200);
    let events = server.call(Method::GET, "/admin/v1/audit?caller=key:mapper").header("x-api-key", &keys[3].1);
    let events = events.send().await.expect(200).json();
    assert_eq!(events["events"][0]["action"], "mapping.deactivate");
    // Nobody is somebody else by a header.
    for name in ["MSCRMCallerID", "CallerObjectId"] {
        let call = server.call(Method::GET, "contacts").header("x-api-key", &keys[0].1);
        let answer = call.header(name, "4c73b472-442b-4920-b899-aadc599f1d75").send().await;
        assert!(matches!(answer.status, 400 | 403 | 501), "{name}: {} {}", answer.status, answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_a_server_lets_its_owner_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::setup().data_dir(folder.path()).configure(|config| config.identity.keys = true).start().await;
    let made = keys::list(folder.path()).expect("keys");
    let first = made.first().expect("a key of the first run");
    assert!(made.len() == 1 && first.roles.contains("admin"), "{made:?}");
    let token = std::fs::read_to_string(folder.path().join("admin-token")).expect("a token");
    let call = server.call(Method::GET, "/admin/v1/keys").header("authorization", &format!("Bearer {token}"));
    call.send().await.expect(200);
    server.stop().await;
    let server = Server::setup().data_dir(folder.path()).configure(|config| config.identity.keys = true).start().await;
    assert_eq!(keys::list(folder.path()).expect("keys"), made, "it is made once");
    server.stop().await;
}
