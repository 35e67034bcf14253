//! The audit trail: every way to a row leaves an entry that says who, what, when and by which right, and no value; it is whole, it
//! can be taken away, and nothing is done that it has no place for.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use turntable::identity::keys::{self, NewKey};
use turntable::model::audit::{Chain, Entry, KeysAs};
use turntable_tests::{Answer, Judge, PATIENT, PEOPLE, Server};

fn key(folder: &Path, name: &str, roles: &[&str]) -> String {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    let new = NewKey { name: name.to_owned(), roles, ..NewKey::default() };
    keys::create(folder, new, "test", 100).expect("a key can be made").0
}

/// With keys for each role, and people in it.
struct World {
    server: Server,
    _folder: tempfile::TempDir,
    keys: Vec<(&'static str, String)>,
}

impl World {
    async fn new(change: impl FnOnce(&mut turntable::config::Config)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = ["reader", "writer", "mapper", "admin"].map(|role| (role, key(folder.path(), role, &[role])));
        let setup = Server::setup().data_dir(folder.path()).configure(|config| config.identity.keys = true);
        let world = Self { server: setup.configure(change).start().await, _folder: folder, keys: keys.into() };
        world.send("writer", Method::POST, "/fhir", Some(PEOPLE.to_owned())).await.expect(200);
        world
    }

    async fn send(&self, role: &str, method: Method, path: &str, body: Option<String>) -> Answer {
        let key = &self.keys.iter().find(|(name, _)| *name == role).expect("a key").1;
        let call = self.server.call(method, path).header("x-api-key", key);
        let kind = if path == "/fhir" { "application/fhir+json" } else { "application/json" };
        match body {
            Some(body) => call.body(kind, body).send().await,
            None => call.send().await,
        }
    }

    /// The newest entries, as many as that, the newest first.
    async fn newest(&self, options: &str) -> Vec<Value> {
        let path = format!("/admin/v1/audit?{options}");
        let answer = self.send("admin", Method::GET, &path, None).await.expect(200).json();
        answer["events"].as_array().expect("entries").clone()
    }
}

/// Method, path, body.
type Sent = (Method, String, Option<String>);

/// Of an entry: action, table, rows and what went wrong. No rows: it does not matter how many.
type Told<'a> = (&'a str, Option<&'a str>, Option<u64>, Option<&'a str>);

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_a_row_leaves_an_entry() {
    let world = World::new(|_| {}).await;
    let one = format!("contacts({PATIENT})");
    let body = |value: Value| Some(value.to_string());
    let batch = json!({ "requests": [
        { "id": "1", "method": "GET", "url": "contacts?$top=1" },
        { "id": "2", "method": "GET", "url": "accounts/$count" },
    ]});
    let set = |name: &str| {
        json!({ "requests": [
            { "id": "1", "atomicityGroup": "g", "method": "POST", "url": "accounts", "headers": { "content-type": "application/json" }, "body": { "name": name } },
            { "id": "2", "atomicityGroup": "g", "method": "PATCH", "url": one, "headers": { "content-type": "application/json" }, "body": { "lastname": name } },
        ]})
    };
    let fetch = "contacts?fetchXml=%3Cfetch%3E%3Centity%20name=%22contact%22/%3E%3C/fetch%3E";
    let group = "contacts?$apply=aggregate($count%20as%20n)";
    let get = |path: &str| (Method::GET, path.to_owned(), None);
    let refused = Some("Forbidden");
    let calls: Vec<(&str, Sent, Vec<Told<'_>>)> = vec![
        ("reader", get("contacts?$top=2"), vec![("rows.read", Some("contact"), Some(2), None)]),
        ("reader", get(&one), vec![("row.read", Some("contact"), Some(1), None)]),
        ("reader", get(&format!("{one}/lastname")), vec![("row.read", Some("contact"), Some(1), None)]),
        ("reader", get(&format!("{one}/parentcustomerid_account")), vec![("row.read", Some("contact"), None, None)]),
        ("reader", get("contacts/$count"), vec![("rows.count", Some("contact"), Some(0), None)]),
        ("reader", get(group), vec![("rows.group", Some("contact"), Some(1), None)]),
        ("reader", get(fetch), vec![("rows.read", Some("contact"), None, None)]),
        ("reader", get("contacts?$format=csv"), vec![("rows.export", Some("contact"), None, None)]),
        (
            "reader",
            get("contacts(00000000-0000-4000-8000-000000000000)"),
            vec![("row.read", Some("contact"), None, Some("NotFound"))],
        ),
        ("reader", get("contacts?$filter=nonsense"), vec![]),
        ("reader", get("$metadata"), vec![]),
        (
            "reader",
            (
                Method::POST,
                "msind_RetrieveBundle".to_owned(),
                body(json!({ "msind_FHIRQuery": format!("Patient/{PATIENT}") })),
            ),
            vec![("resource.read", None, Some(1), None)],
        ),
        (
            "reader",
            (Method::POST, "$batch".to_owned(), body(batch)),
            vec![("rows.read", Some("contact"), Some(1), None), ("rows.count", Some("account"), Some(0), None)],
        ),
        (
            "writer",
            (Method::POST, "accounts".to_owned(), body(json!({ "name": "Zzyzx" }))),
            vec![("row.create", Some("account"), Some(1), None)],
        ),
        (
            "writer",
            (Method::PATCH, one.clone(), body(json!({ "lastname": "Zzyzx" }))),
            vec![("row.upsert", Some("contact"), Some(1), None)],
        ),
        ("writer", (Method::PATCH, one.clone(), body(json!({ "nothing": 1 }))), vec![]),
        (
            "writer",
            (Method::POST, "$batch".to_owned(), body(set("Zzyzx"))),
            vec![("row.create", Some("account"), Some(1), None), ("row.upsert", Some("contact"), Some(1), None)],
        ),
        (
            "writer",
            (Method::DELETE, "contacts(00000000-0000-4000-8000-000000000000)".to_owned(), None),
            vec![("row.delete", Some("contact"), None, Some("NotFound"))],
        ),
        (
            "reader",
            (Method::POST, "accounts".to_owned(), body(json!({ "name": "Zzyzx" }))),
            vec![("request.refused", None, None, refused)],
        ),
        ("reader", get("/admin/v1/keys"), vec![("request.refused", None, None, refused)]),
        ("mapper", get("contacts"), vec![("request.refused", None, None, refused)]),
    ];
    for (role, (method, path, body), expected) in calls {
        let last = world.newest("limit=1").await[0]["id"].as_u64().expect("a number");
        let answer = world.send(role, method, &path, body).await;
        let mut found = world.newest(&format!("after={last}")).await;
        found.reverse();
        let told: Vec<Told<'_>> = found
            .iter()
            .map(|entry| {
                let rows = entry["detail"]["rows"].as_u64();
                (entry["action"].as_str().unwrap_or_default(), entry["table"].as_str(), rows, entry["outcome"].as_str())
            })
            .collect();
        let as_expected = |(told, expected): (&Told<'_>, &Told<'_>)| {
            (told.0, told.1, told.3) == (expected.0, expected.1, expected.3)
                && (expected.2.is_none() || told.2 == expected.2)
        };
        assert!(
            told.len() == expected.len() && told.iter().zip(&expected).all(as_expected),
            "{role}: {path}: {} {}\nfound {told:?}\nexpected {expected:?}",
            answer.status,
            answer.text
        );
        for entry in &found {
            assert_eq!(entry["actor"], format!("key:{role}"), "{path}");
            assert_eq!(entry["request"], answer.header("request-id"), "{path}");
            if entry["outcome"].is_null() && entry["action"] != "resource.read" {
                assert_eq!(entry["detail"]["by"], json!([role]), "{path}: {entry}");
            }
            for value in ["Zzyzx", PATIENT] {
                assert!(!entry.to_string().contains(value), "{path}: {entry}");
            }
        }
    }
    // Who has seen or changed one row.
    let of_one = world.newest(&format!("key={PATIENT}&limit=1000")).await;
    let actions: BTreeSet<_> = of_one.iter().filter_map(|entry| entry["action"].as_str()).collect();
    for action in ["rows.read", "row.read", "row.upsert", "resource.read", "rows.export", "bundle.write"] {
        assert!(actions.contains(action), "{action} in {actions:?}");
    }
    let trail = world.send("admin", Method::GET, "/admin/v1/audit/verify", None).await.expect(200).json();
    assert_eq!((&trail["whole"], &trail["from"], &trail["broken"]), (&json!(true), &json!(1), &Value::Null));
    let access = world.newest("only=access&caller=key%3Areader&action=rows.read&limit=1000").await;
    assert!(!access.is_empty() && access.iter().all(|entry| entry["action"] == "rows.read"), "{access:?}");
}

/// What is sent with which headers, and whose keys its entry has: of its table, and of others.
type Showing<'a> = (Method, String, Option<String>, &'a [(&'a str, &'a str)], &'a Value, Option<&'a Value>);

/// Rows that are shown beside those that were asked for are named, too, each under its table: expanded at any depth, in flat rows,
/// called by their names, in the answer of a write, or of one in a change set.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_shown_beside_others_are_named() {
    const ACCOUNT: &str = "9f14b9a6-3c65-4d0b-8f61-0d2f0b8b7d10";
    let world = World::new(|config| config.audit.keys = KeysAs::Plain).await;
    let one = format!("contacts({PATIENT})");
    let entry = |resource: Value| {
        let url = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
    };
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        entry(json!({ "resourceType": "Organization", "id": ACCOUNT, "name": "Zzyzx" })),
        entry(json!({ "resourceType": "Patient", "id": PATIENT, "name": [{ "family": "Zzyzx" }],
            "managingOrganization": { "reference": format!("Organization/{ACCOUNT}") } })),
    ]});
    world.send("writer", Method::POST, "/fhir", Some(bundle.to_string())).await.expect(200);
    let (own, beside) = (json!([PATIENT]), json!({ "account": [ACCOUNT] }));
    let both = json!({ "account": [ACCOUNT], "contact": [PATIENT] });
    let only = format!("$filter=contactid%20eq%20{PATIENT}");
    let nested = "parentcustomerid_account($select=name;$expand=contact_parentcustomerid($select=lastname))";
    let link = |shown: &str| {
        let fetch = format!(
            "<fetch><entity name='contact'><attribute name='lastname'/><filter><condition attribute='contactid' \
             operator='eq' value='{PATIENT}'/></filter><link-entity name='account' from='accountid' \
             to='parentcustomerid' alias='a'>{shown}</link-entity></entity></fetch>"
        );
        let text = percent_encoding::utf8_percent_encode(&fetch, percent_encoding::NON_ALPHANUMERIC);
        format!("contacts?fetchXml={text}")
    };
    let names = [("prefer", "odata.include-annotations=\"*\"")];
    let shows = [("prefer", "return=representation")];
    let body = || Some(json!({ "lastname": "Zzyzx" }).to_string());
    let cases: Vec<Showing<'_>> = vec![
        (Method::GET, format!("contacts?{only}"), None, &[], &own, None),
        (Method::GET, format!("contacts?{only}&$expand={nested}"), None, &[], &own, Some(&both)),
        (Method::GET, format!("{one}?$expand=parentcustomerid_account"), None, &[], &own, Some(&beside)),
        (Method::GET, format!("{one}/parentcustomerid_account"), None, &[], &own, Some(&beside)),
        (Method::GET, link("<attribute name='name'/>"), None, &[], &own, Some(&beside)),
        // What is only looked at is not shown.
        (Method::GET, link(""), None, &[], &own, None),
        (Method::GET, format!("contacts?{only}&$select=_parentcustomerid_value"), None, &names, &own, Some(&beside)),
        (Method::GET, format!("contacts?{only}&$select=_parentcustomerid_value"), None, &[], &own, None),
        (Method::PATCH, format!("{one}?$expand=parentcustomerid_account"), body(), &shows, &own, Some(&beside)),
        (Method::PATCH, format!("{one}?$expand=parentcustomerid_account"), body(), &[], &own, None),
    ];
    for (method, path, body, headers, own, beside) in cases {
        let key = &world.keys.iter().find(|(name, _)| *name == "writer").expect("a key").1;
        let call =
            headers.iter().fold(world.server.call(method, &path).header("x-api-key", key), |call, (name, value)| {
                call.header(name, value)
            });
        let answer = match body {
            Some(body) => call.body("application/json", body).send().await,
            None => call.send().await,
        };
        assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.text);
        let entry = world.newest("limit=1").await.remove(0);
        let found = (entry["detail"].get("keys"), entry["detail"].get("beside"));
        assert_eq!(found, (Some(own), beside), "{path}: {entry}");
        if let Some(beside) = beside {
            let with: Vec<_> = beside.as_object().into_iter().flatten().map(|(table, _)| table.clone()).collect();
            assert_eq!(entry["detail"]["with"], json!(with), "{path}");
        }
    }
    // Each change of a change set has its own.
    let part = |id: &str, url: &str, body: Value| {
        let headers = json!({ "content-type": "application/json", "prefer": "return=representation" });
        json!({ "id": id, "atomicityGroup": "g", "method": "PATCH", "url": url, "headers": headers, "body": body })
    };
    let set = json!({ "requests": [
        part("1", &format!("accounts({ACCOUNT})"), json!({ "name": "Zzyzx" })),
        part("2", &format!("{one}?$expand=parentcustomerid_account"), json!({ "lastname": "Zzyzx" })),
    ]});
    let answer = world.send("writer", Method::POST, "$batch", Some(set.to_string())).await.expect(200);
    assert!(!answer.text.contains("error"), "{}", answer.text);
    let found = world.newest("limit=2").await;
    let found: Vec<_> =
        found.iter().map(|entry| (entry["detail"].get("keys"), entry["detail"].get("beside"))).collect();
    let other = json!([ACCOUNT]);
    assert_eq!(found, [(Some(&own), Some(&beside)), (Some(&other), None)]);
    // It is found by the key of a row that was shown beside others, and says where there was no room for one.
    let of_account = world.newest(&format!("key={ACCOUNT}&limit=1000&action=rows.read")).await;
    assert_eq!(of_account.len(), 3, "{of_account:?}");
    let world = World::new(|config| config.limits.audit_keys = 2).await;
    world.send("writer", Method::POST, "/fhir", Some(bundle.to_string())).await.expect(200);
    for (path, keys, beside, more) in [
        (format!("contacts?{only}&$expand={nested}"), Some(1), Some(1), json!(true)),
        (format!("{one}?$expand=parentcustomerid_account"), Some(1), Some(1), Value::Null),
        ("contacts?$expand=parentcustomerid_account".to_owned(), Some(2), None, json!(true)),
    ] {
        world.send("reader", Method::GET, &path, None).await.expect(200);
        let detail = world.newest("limit=1").await[0]["detail"].clone();
        let count =
            detail["beside"].as_object().map(|all| all.values().filter_map(Value::as_array).map(Vec::len).sum());
        assert_eq!((detail["keys"].as_array().map(Vec::len), count, &detail["more"]), (keys, beside, &more), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_taken_away_and_checked_elsewhere() {
    let world = World::new(|_| {}).await;
    for path in ["contacts", "accounts", "contacts/$count"] {
        world.send("reader", Method::GET, path, None).await.expect(200);
    }
    world.send("reader", Method::POST, "accounts", Some("{}".to_owned())).await.expect(403);
    let (mut chain, mut after) = (Chain::behind(0, [0; 32]), 0);
    loop {
        let path = format!("/admin/v1/audit/export?after={after}&limit=30");
        let page = world.send("admin", Method::GET, &path, None).await.expect(200);
        if page.text.is_empty() {
            break;
        }
        for line in page.text.lines() {
            let (entry, before, seal) = Entry::of_line(line).expect("an entry");
            assert_eq!(before, chain.seal);
            chain.check(&entry, &seal).expect("it is whole");
        }
        after = chain.id;
    }
    let verified = world.send("admin", Method::GET, "/admin/v1/audit/verify", None).await.expect(200).json();
    assert_eq!(verified["to"], chain.id);
    let judge = Judge::start();
    let path = "/admin/v1/audit/export?format=fhir&limit=1000";
    let events = world.send("admin", Method::GET, path, None).await.expect(200);
    assert_eq!(events.header("content-type"), "application/fhir+ndjson");
    let mut kinds = BTreeSet::new();
    for line in events.text.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(event["resourceType"], "AuditEvent");
        kinds.insert(event["subtype"][0]["code"].as_str().expect("a code").to_owned());
        let faults = judge.as_ref().map(|judge| judge.faults(&event)).unwrap_or_default();
        assert_eq!(faults, Vec::<String>::new(), "{event:#}");
    }
    for kind in ["server.start", "bundle.write", "rows.read", "request.refused", "mapping.load", "key.create"] {
        assert!(kinds.contains(kind), "{kind} in {kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_it_is_as_configured() {
    let reads = |entries: &[Value]| entries.iter().filter(|entry| entry["action"] == "row.read").count();
    let one = format!("contacts({PATIENT})");
    let world = World::new(|config| config.audit.reads = false).await;
    world.send("reader", Method::GET, &one, None).await.expect(200);
    world.send("writer", Method::PATCH, &one, Some(json!({ "lastname": "X" }).to_string())).await.expect(204);
    let entries = world.newest("limit=100").await;
    assert_eq!((reads(&entries), entries[0]["action"].as_str()), (0, Some("row.upsert")));
    let world = World::new(|config| config.audit.keys = KeysAs::Plain).await;
    world.send("reader", Method::GET, &one, None).await.expect(200);
    assert_eq!(world.newest("limit=1").await[0]["detail"]["keys"], json!([PATIENT]));
    let world = World::new(|config| config.audit.keys = KeysAs::Nothing).await;
    world.send("reader", Method::GET, &one, None).await.expect(200);
    assert_eq!(world.newest("limit=1").await[0]["detail"].get("keys"), None);
    let asked = format!("/admin/v1/audit?key={PATIENT}");
    let asked = world.send("admin", Method::GET, &asked, None).await;
    assert_eq!((asked.status, asked.error_code().as_str()), (501, "NotSupported"));
    let world = World::new(|config| config.limits.audit_keys = 1).await;
    world.send("reader", Method::GET, "contacts?$top=2", None).await.expect(200);
    let detail = world.newest("limit=1").await[0]["detail"].clone();
    assert_eq!((&detail["rows"], detail["keys"].as_array().map(Vec::len)), (&json!(2), Some(1)));
}

/// A place is given back by whoever is done, so a small trail serves any number of requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_small_trail_makes_requests_wait_and_loses_none() {
    let world = Arc::new(World::new(|config| config.limits.audit_queue = 2).await);
    let mut asked = JoinSet::new();
    for _ in 0..40 {
        let world = world.clone();
        asked.spawn(async move { world.send("reader", Method::GET, "contacts?$top=1", None).await.status });
    }
    let all = asked.join_all().await;
    assert!(all.iter().all(|status| *status == 200), "{all:?}");
    let noted = world.newest("action=rows.read&limit=1000").await;
    assert_eq!(noted.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_entries_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let setup = || Server::setup().data_dir(folder.path());
    let server = setup().start().await;
    let all = server.get("/admin/v1/audit/verify", &[]).await.expect(200).json()["to"].as_u64().expect("a number");
    server.stop().await;
    let server = setup().limits(|limits| limits.audit_entries = 5).start().await;
    let begun = std::time::Instant::now();
    loop {
        let trail = server.get("/admin/v1/audit/verify", &[]).await.expect(200).json();
        assert_eq!(trail["whole"], true);
        if trail["from"].as_u64().expect("a number") + 5 > all {
            break;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{trail}");
    }
    server.stop().await;
}
