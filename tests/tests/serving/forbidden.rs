//! Forbidden things, tried with a login by each role over every way to a row: the ways of `rules/`, each asked by itself, at the
//! other root, by HEAD, in a batch, as a file and explained; endpoints that are no table's; and whether a row that is there and
//! not seen can be told from one that is not there, by a status, a text, a condition or a link.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use turntable::config::Config;
use turntable::identity::keys::{self, NewKey};
use turntable_tests::{Answer, Fhir, Server};

use super::identity::{FHIR, JSON, calls};
use super::rules::{REFUSED, RESOURCES, RULES, SECRETS, SEEN, UNSEEN, VIRTUAL, WAYS, listed, options, stripped, url};

/// Roles of `rules/rules.toml`, and those that are built in.
const ROLES: [&str; 11] =
    ["nurse", "scribe", "sender", "columns", "outside", "parts", "deputy", "reader", "writer", "mapper", "admin"];

/// What stands in rows of others than the patient of the claim, whatever the columns.
const OF_OTHERS: [&str; 4] = ["Hiddenman", "hiddencode", "hiddendisplay", "hiddenpart"];

/// An observation that only some see, one that nobody has, and the same of encounters and people.
const PAIRS: [(&str, &str, &str); 3] = [
    ("msemr_observations", "30000000-0000-4000-8000-000000000002", "30000000-0000-4000-8000-00000000fffe"),
    ("msemr_encounters", "20000000-0000-4000-8000-000000000002", "20000000-0000-4000-8000-00000000fffe"),
    ("contacts", UNSEEN, "10000000-0000-4000-8000-00000000fffe"),
];

struct World {
    server: Server,
    /// A key for each role, of somebody whose patient is [`SEEN`].
    keys: BTreeMap<&'static str, String>,
    _fhir: Fhir,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(route: &str) -> Self {
        let (fhir, folder) = (Fhir::sandbox().await, tempfile::tempdir().expect("a folder"));
        let key = |role: &&'static str| {
            let claims = [("patient".to_owned(), json!(SEEN))].into();
            let new = NewKey { name: (*role).to_owned(), roles: [(*role).to_owned()].into(), claims, expires: None };
            (*role, keys::create(folder.path(), new, "test", 100).expect("a key").0)
        };
        let keys: BTreeMap<_, _> = ROLES.iter().map(key).collect();
        let roles = Config::parse(Some((Path::new("rules.toml"), RULES)), &BTreeMap::new()).expect("good rules").roles;
        let setup = Server::with(&fhir).data_dir(folder.path()).configure(|config| {
            config.identity.keys = true;
            config.roles = roles;
        });
        let setup = if route == "virtual" { setup.virtual_tables(&VIRTUAL) } else { setup };
        let server = setup.start().await;
        let all = listed(RESOURCES).into_iter().map(|resource| json!({ "resource": resource })).collect::<Vec<_>>();
        let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": all }).to_string();
        if route == "virtual" {
            fhir.as_sandbox().load(bundle.as_bytes()).expect("the sandbox takes it");
        } else {
            let call = server.call(Method::POST, "/fhir?as=batch").header("x-api-key", &keys["writer"]);
            call.body(FHIR, bundle).send().await.expect(200);
        }
        Self { server, keys, _fhir: fhir, _folder: folder }
    }

    async fn ask(&self, role: &str, method: Method, url: &str, headers: &[(&str, &str)]) -> Answer {
        let call = self.server.call(method, url).header("x-api-key", &self.keys[role]);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
    }

    async fn get(&self, role: &str, url: &str) -> Answer {
        self.ask(role, Method::GET, url, &[]).await
    }

    async fn send(&self, role: &str, method: Method, url: &str, body: &Value) -> Answer {
        self.server.call(method, url).header("x-api-key", &self.keys[role]).json(body).send().await
    }
}

/// What a role must not be told; of those that see all rows and columns of all tables nothing.
fn kept_from(role: &str) -> &'static [&'static str] {
    match role {
        "nurse" | "mapper" => &SECRETS,
        "scribe" => &OF_OTHERS,
        "sender" => &["hiddencode", "hiddendisplay", "hiddenpart", "hiddenvalue", "secretcomment"],
        "columns" => &["secretcomment", "secretmail", "maskedunit", "7251.25", "8551.5"],
        "outside" => &["Hiddenman", "hiddencode", "hiddenpart", "secretmail", "secretcomment"],
        "parts" => &["Hiddenman", "hiddencode", "secretmail", "secretcomment", "7251.25"],
        "deputy" => &["Hiddenman", "secretmail"],
        _ => &[],
    }
}

/// Every way and every thing that is refused, as URLs.
fn ways() -> Vec<String> {
    let all = listed(WAYS).into_iter().chain(listed(REFUSED));
    all.map(|way| url(way["path"].as_str().expect("a path"), &options(&way))).collect()
}

/// What an answer says, but for what every answer has of its own.
fn told(text: &str) -> String {
    serde_json::from_str::<Value>(text).map_or_else(|_| text.to_owned(), |value| stripped(value).to_string())
}

/// What of these an answer has, unless it was asked for by name.
fn found<'s>(secrets: &[&'s str], url: &str, text: &str) -> Vec<&'s str> {
    secrets.iter().filter(|secret| text.contains(**secret) && !url.contains(**secret)).copied().collect()
}

async fn no_way_tells_more_than_another(route: &str) {
    let world = World::new(route).await;
    let ways = ways();
    let mut wrong = Vec::new();
    for role in ROLES {
        let secrets = kept_from(role);
        let mut asked = Vec::new();
        for way in &ways {
            let plain = world.get(role, way).await;
            let leaks = found(secrets, way, &plain.text);
            if !leaks.is_empty() {
                wrong.push(format!("{role} {way}: {leaks:?} in {}", plain.text));
            }
            if !["nurse", "scribe", "outside", "parts", "mapper"].contains(&role) {
                asked.push(plain);
                continue;
            }
            // The other root, and HEAD.
            let other = world.get(role, &format!("/api/data/provider/v9.2/{way}")).await;
            // There dates have times.
            let plainly = |text: &str| {
                let text = text.replace("/api/data/provider/v9.2", "/api/data/v9.2").replace("T00:00:00Z\"", "\"");
                told(&text)
            };
            let is_same = plain.text.contains("$schema") || plainly(&other.text) == plainly(&plain.text);
            if other.status != plain.status || !is_same {
                wrong.push(format!(
                    "{role} {way}: {} {} and at the other root {} {}",
                    plain.status, plain.text, other.status, other.text
                ));
            }
            let head = world.ask(role, Method::HEAD, way, &[]).await;
            if head.status != plain.status || !head.text.is_empty() {
                wrong.push(format!("{role} {way}: {} and by HEAD {} {}", plain.status, head.status, head.text));
            }
            // Explained, and as files: of who is refused by itself no file is made.
            for (name, value) in
                [("prefer", "explain"), ("accept", "text/csv"), ("accept", "application/vnd.apache.parquet")]
            {
                let answer = world.ask(role, Method::GET, way, &[(name, value)]).await;
                let leaks = found(secrets, way, &answer.text);
                if !leaks.is_empty() || (plain.status == 403 && answer.status < 400) {
                    wrong.push(format!("{role} {way} ({value}): {} {leaks:?} in {}", answer.status, answer.text));
                }
            }
            if role == "mapper" && plain.status < 400 {
                assert!(
                    plain.json()["value"]
                        .as_array()
                        .is_none_or(|rows| rows.iter().all(|row| row.get("msemr_observationid").is_none()))
                );
            }
            asked.push(plain);
        }
        // All in a batch.
        let parts =
            ways.iter().enumerate().map(|(id, way)| json!({ "id": id.to_string(), "method": "GET", "url": way }));
        let batch = json!({ "requests": parts.collect::<Vec<_>>() });
        let call = world.server.call(Method::POST, "$batch").header("x-api-key", &world.keys[role]);
        let answer = call.header("prefer", "odata.continue-on-error").json(&batch).send().await.expect(200).json();
        let parts = answer["responses"].as_array().cloned().unwrap_or_default();
        assert_eq!(parts.len(), ways.len(), "{role}: {answer:#}");
        for ((way, plain), part) in ways.iter().zip(&asked).zip(&parts) {
            let body = &part["body"];
            let is_same = match serde_json::from_str::<Value>(&plain.text) {
                Ok(alone @ Value::Object(_)) => stripped(alone) == stripped(body.clone()),
                _ => body.as_str().unwrap_or_default() == plain.text,
            };
            // A file is none of a batch.
            if plain.header("content-type").starts_with("text/csv") && part["status"] == 501 {
                continue;
            }
            if part["status"] != plain.status || !is_same {
                wrong.push(format!("{role} {way}: {} {} and in a batch {part}", plain.status, plain.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{route}: {}\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_tells_more_than_another_natively() {
    no_way_tells_more_than_another("native").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_tells_more_than_another_virtually() {
    no_way_tells_more_than_another("virtual").await;
}

/// Own roles do not administer, whatever of tables is theirs; one that inherits from administrators does.
#[tokio::test(flavor = "multi_thread")]
async fn roles_of_tables_are_none_of_the_server() {
    let world = World::new("native").await;
    for (method, path, kind, body, allowed) in calls() {
        let is_of_tables = allowed.contains(&"reader");
        for role in ["nurse", "scribe", "sender", "columns", "outside", "parts", "deputy"] {
            let call = world.server.call(method.clone(), path).header("x-api-key", &world.keys[role]);
            let answer = if kind.is_empty() { call.send().await } else { call.body(kind, body.clone()).send().await };
            // Of these each row is held to the rules.
            let writes_rows = kind == JSON && path.starts_with("contacts");
            let takes_in = kind == FHIR || path == "msind_UpsertBundle";
            let is_held = writes_rows || (takes_in && matches!(role, "scribe" | "sender"));
            if !is_of_tables && !is_held && role != "deputy" {
                assert_eq!(answer.status, 403, "{role}: {method} {path}: {}", answer.text);
            }
            assert!(answer.status != 401, "{role}: {method} {path}");
            if role == "deputy" && path.starts_with("/admin") {
                assert!(answer.status != 403, "{method} {path}: {}", answer.text);
            }
            assert_eq!(found(kept_from(role), path, &answer.text), [""; 0], "{role}: {path}");
        }
    }
}

/// How a row is asked for by its id: by what, where, with which body and headers.
type AskedFor<'a> = (Method, Box<dyn Fn(&str) -> String + 'a>, Value, Vec<(&'static str, &'static str)>);

/// A row that is not seen, and one that is not there.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_seen_is_as_what_is_not_there() {
    for route in ["native", "virtual"] {
        let world = World::new(route).await;
        let mut wrong = BTreeSet::new();
        for (set, hidden, nowhere) in PAIRS {
            // Or it would prove nothing.
            for (id, status) in [(hidden, 200), (nowhere, 404)] {
                world.get("reader", &format!("{set}({id})")).await.expect(status);
            }
            let key = if set == "contacts" { "contactid" } else { "msemr_azurefhirid" };
            let row = |id: &str| format!("{set}({id})");
            let mut asked: Vec<AskedFor<'_>> = Vec::new();
            let mut get = |at: Box<dyn Fn(&str) -> String>, headers: Vec<(&'static str, &'static str)>| {
                asked.push((Method::GET, at, Value::Null, headers));
            };
            get(Box::new(row), vec![]);
            get(Box::new(row), vec![("prefer", "explain")]);
            get(Box::new(row), vec![("if-none-match", "W/\"1\"")]);
            get(Box::new(row), vec![("if-none-match", "*")]);
            get(Box::new(row), vec![("if-match", "W/\"1\"")]);
            get(Box::new(move |id| format!("{}?$select=createdon", row(id))), vec![]);
            get(
                Box::new(move |id| {
                    format!(
                        "{set}?$filter={key} eq {}",
                        if key == "contactid" { id.to_owned() } else { format!("'{id}'") }
                    )
                }),
                vec![],
            );
            get(
                Box::new(move |id| {
                    format!(
                        "{set}/$count?$filter={key} eq {}",
                        if key == "contactid" { id.to_owned() } else { format!("'{id}'") }
                    )
                }),
                vec![],
            );
            get(Box::new(move |id| format!("{}/$ref", row(id))), vec![]);
            get(
                Box::new(move |id| format!("msemr_observations?$filter=_msemr_subjecttypepatient_value eq {id}")),
                vec![],
            );
            get(
                Box::new(move |id| format!("msemr_observations?$filter=msemr_observationid eq {id}&$count=true")),
                vec![],
            );
            for (method, body) in [
                (Method::PATCH, json!({ "tt_language": "de" })),
                (Method::PUT, json!({ "msemr_status": 935_000_002 })),
                (Method::DELETE, Value::Null),
            ] {
                for headers in
                    [vec![], vec![("if-match", "*")], vec![("if-match", "W/\"1\"")], vec![("if-none-match", "*")]]
                {
                    asked.push((method.clone(), Box::new(row), body.clone(), headers));
                }
            }
            for role in ["nurse", "scribe", "sender", "outside"] {
                // Rows that these do see are there.
                if (role == "outside" && set == "msemr_encounters") || (role == "sender" && set == "contacts") {
                    continue;
                }
                for (method, at, body, headers) in &asked {
                    let answer = async |id: &str| {
                        let (path, query) = match at(id).split_once('?') {
                            Some((path, query)) => (path.to_owned(), format!("?{}", query.replace(' ', "%20"))),
                            None => (at(id), String::new()),
                        };
                        let call = world.server.call(method.clone(), &format!("{path}{query}"));
                        let call = call.header("x-api-key", &world.keys[role]);
                        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
                        let answer = if body.is_null() { call.send().await } else { call.json(body).send().await };
                        (answer.status, told(&answer.text).replace(id, "ID"))
                    };
                    let (is, should) = (answer(hidden).await, answer(nowhere).await);
                    if is != should {
                        wrong.insert(format!("{role}: {method} {} {headers:?}: {is:?} and {should:?}", at("ID")));
                    }
                }
            }
        }
        // What is bound, taken in or asked for whole.
        let bind = async |patient: &str| {
            let body = json!({
                "msemr_status": 935_000_002, "msemr_code_code": "1-1", "msemr_code_system": "http://loinc.org",
                "msemr_subjecttypepatient@odata.bind": format!("/contacts({patient})"),
            });
            let answer = world.send("scribe", Method::POST, "msemr_observations", &body).await;
            (answer.status, told(&answer.text).replace(patient, "ID"))
        };
        let (is, should) = (bind(UNSEEN).await, bind(PAIRS[2].2).await);
        assert!(is.0 >= 400 && is == should, "{route}: a bind of one that is not seen: {is:?} and {should:?}");
        for role in ["nurse", "scribe", "sender", "columns", "outside", "parts"] {
            let whole = async |id: &str| {
                let body = json!({ "msind_FHIRQuery": format!("Observation/{id}") });
                let answer = world.send(role, Method::POST, "msind_RetrieveBundle", &body).await;
                (answer.status, told(&answer.text).replace(id, "ID"))
            };
            let (is, should) = (whole(PAIRS[0].1).await, whole(PAIRS[0].2).await);
            assert!(is.0 == 403 && is == should, "{route} {role}: {is:?} and {should:?}");
            for path in ["/fhir", "/fhir?forward=main", "/fhir?as=batch"] {
                let taken = async |id: &str| {
                    let resource = json!({ "resourceType": "Patient", "id": id });
                    let request = json!({ "method": "PUT", "url": format!("Patient/{id}") });
                    let entry = json!([{ "resource": resource, "request": request }]);
                    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entry });
                    let call = world.server.call(Method::POST, path).header("x-api-key", &world.keys[role]);
                    let answer = call.body(FHIR, bundle.to_string()).send().await;
                    let is_refused = answer.status == 403 || answer.text.contains("\"403 Forbidden\"");
                    (is_refused, answer.status, told(&answer.text).replace(id, "ID"))
                };
                let (is, should) = (taken(UNSEEN).await, taken(PAIRS[2].2).await);
                assert!(is.0 && is == should, "{route} {role} {path}: {is:?} and {should:?}");
            }
        }
        assert!(wrong.is_empty(), "{route}:\n{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
    }
}

/// Changes, views of others and links of others.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_keep_is_not_told() {
    let world = World::new("native").await;
    // Who sees some rows only is told of no changes, and has no use for a link of who sees all.
    let tracked = world.ask("reader", Method::GET, "msemr_observations", &[("prefer", "odata.track-changes")]).await;
    let link = tracked.expect(200).json()["@odata.deltaLink"].as_str().expect("a link").to_owned();
    for role in ["nurse", "scribe", "columns", "outside", "sender", "mapper"] {
        let followed = world.get(role, &link).await;
        assert!(followed.status >= 400, "{role}: {}", followed.text);
        assert_eq!(found(&OF_OTHERS, &link, &followed.text), [""; 0], "{role}");
        let tracked = world.ask(role, Method::GET, "msemr_observations", &[("prefer", "odata.track-changes")]).await;
        // Who sees all rows may follow them, without the columns that are not theirs.
        assert!(tracked.status >= 400 || role == "columns", "{role}: {}", tracked.text);
        assert_eq!(found(kept_from(role), "", &tracked.text), [""; 0], "{role}");
    }
    // A view that an administrator keeps, by what others may not even name.
    let fetch = "<fetch><entity name='msemr_observation'><attribute name='msemr_description'/><filter>\
                 <condition attribute='msemr_comment' operator='eq' value='secretcomment'/></filter></entity></fetch>";
    let view = json!({ "name": "theirs", "returnedtypecode": "msemr_observation", "querytype": 0, "fetchxml": fetch });
    let made = world.send("admin", Method::POST, "userqueries", &view).await.expect(201).json();
    let id = made["userqueryid"].as_str().expect("an id");
    for role in ["nurse", "scribe", "outside"] {
        let listed = world.get(role, "userqueries").await;
        assert!(listed.rows().is_empty() && !listed.text.contains("secretcomment"), "{role}: {}", listed.text);
        for path in [format!("userqueries({id})"), format!("msemr_observations?userQuery={id}")] {
            let answer = world.get(role, &path).await;
            assert!(answer.status >= 400 && !answer.text.contains("secretcomment"), "{role} {path}: {}", answer.text);
        }
    }
    // A next link of somebody who sees more.
    let page = world.ask("reader", Method::GET, "msemr_observations", &[("prefer", "odata.maxpagesize=1")]).await;
    let next = page.expect(200).json()["@odata.nextLink"].as_str().expect("a page follows").to_owned();
    for role in ["nurse", "scribe", "columns", "outside", "sender"] {
        let followed = world.get(role, &next).await;
        assert!(followed.status >= 400, "{role}: {}", followed.text);
    }
}
