//! Columns that no element carries, natively: one value wherever it is read, which stays with its row whatever version is
//! in force and whoever changes the resource, and goes when the row goes.
#![expect(clippy::print_stdout, reason = "the seed, shown beside a failure")]

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use turntable::cli::mapping::build;
use turntable_tests::{Fhir, Server, digest};

async fn ingest(server: &Server, resource: &Value) {
    let url = format!("{}/{}", text(&resource["resourceType"]), text(&resource["id"]));
    let entry = json!({"resource": resource, "request": {"method": "PUT", "url": url}});
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]});
    let answer = server.ingest(&bundle.to_string(), None).await.expect(200);
    assert!(text(&answer.json()["entry"][0]["response"]["status"]).starts_with('2'), "{}", answer.text);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[tokio::test]
async fn one_value_wherever_it_is_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = async || Server::setup().data_dir(directory.path()).start().await;
    let server = start().await;
    let shows = async |server: &Server, key: &str, state: i64, status: i64| {
        let is = |row: &Value, how: &str| {
            assert_eq!((&row["statecode"], &row["statuscode"]), (&json!(state), &json!(status)), "{how}: {row}");
        };
        let select = ("$select", "statecode,statuscode");
        is(&server.rows("contacts", &[select]).await[0], "list");
        let options = [("$filter", &*format!("statecode eq {state} and statuscode eq {status}")), select];
        is(&server.rows("contacts", &options).await[0], "filter");
        let other = [("$filter", &*format!("statecode ne {state} or statuscode ne {status}"))];
        assert_eq!(server.rows("contacts", &other).await.len(), 0);
        is(&server.rows("contacts", &[("$orderby", "statecode desc")]).await[0], "order");
        is(&server.row("contacts", key).await, "key");
        let one = server.get(&format!("contacts({key})/statecode"), &[]).await.expect(200).json();
        assert_eq!(one["value"], state);
        let encounter = &server.rows("msemr_encounters", &[("$expand", "msemr_subjectpatient")]).await[0];
        is(&encounter["msemr_subjectpatient"], "expanded");
        let path = format!("msemr_encounters({})/msemr_subjectpatient", text(&encounter["msemr_encounterid"]));
        is(&server.get(&path, &[]).await.expect(200).json(), "navigation");
    };
    let body = json!({"msemr_contacttype": 935_000_000, "lastname": "Inaktiv", "statecode": 1, "statuscode": 2});
    let call = server.call(Method::POST, "contacts").json(&body).header("prefer", "return=representation");
    let made = call.send().await.expect(201).json();
    assert_eq!((&made["statecode"], &made["statuscode"]), (&json!(1), &json!(2)), "{made}");
    let key = text(&made["contactid"]).to_owned();
    let id = text(&made["msemr_azurefhirid"]).to_owned();
    let encounter = json!({"resourceType": "Encounter", "id": "e-own", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": format!("Patient/{id}")}});
    ingest(&server, &encounter).await;
    shows(&server, &key, 1, 2).await;

    // As a form saves it, with another name.
    let row = server.get(&format!("contacts({key})"), &[]).await.expect(200).json();
    let row = row.as_object().expect("a row").iter().filter(|(name, _)| !name.contains('@') && !name.starts_with('_'));
    let mut row: Value =
        row.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>().into();
    let answer = server.patch(&format!("contacts({key})"), &row).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    shows(&server, &key, 1, 2).await;
    row["lastname"] = json!("Other");
    row.as_object_mut().expect("a row").retain(|name, _| ["lastname", "statecode", "statuscode"].contains(&&**name));
    server.patch(&format!("contacts({key})"), &row).await.expect(204);
    shows(&server, &key, 1, 2).await;
    let call = server.call(Method::PATCH, &format!("contacts({key})")).json(&json!({"statuscode": 1}));
    let changed = call.header("prefer", "return=representation").send().await.expect(200).json();
    assert_eq!((&changed["statecode"], &changed["statuscode"]), (&json!(1), &json!(1)), "{changed}");
    shows(&server, &key, 1, 1).await;

    // Others write the resource; the server starts again.
    ingest(&server, &json!({"resourceType": "Patient", "id": id, "name": [{"family": "Third"}]})).await;
    shows(&server, &key, 1, 1).await;
    server.stop().await;
    let server = start().await;
    shows(&server, &key, 1, 1).await;

    // The resource goes, and with it what it does not carry.
    server.delete(&format!("contacts({key})")).await.expect(204);
    ingest(&server, &json!({"resourceType": "Patient", "id": id, "name": [{"family": "Third"}]})).await;
    shows(&server, &key, 0, 1).await;
}

/// What was written natively is not shown virtually, nor lost by that.
#[tokio::test]
async fn a_turn_hides_them_and_shows_them_again() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    let body = json!({"msemr_contacttype": 935_000_000, "lastname": "Turn", "statecode": 1, "statuscode": 2});
    let made = server.post("contacts", &body).await;
    let key = text(&made.expect(201).json()["contactid"]).to_owned();
    fhir.put(&json!({"resourceType": "Patient", "id": key, "name": [{"family": "Turn"}]})).await.expect(201);
    let path = format!("contacts({key})");
    server.turn("contact", "virtual").await.expect(200);
    assert_eq!(server.get(&path, &[]).await.expect(200).json()["statecode"], 0);
    let refused = server.patch(&path, &json!({"statecode": 1})).await;
    assert_eq!((refused.status, &*refused.error_code()), (400, "NotWritable"), "{}", refused.text);
    server.patch(&path, &json!({"statecode": 0, "lastname": "There"})).await.expect(204);
    // A new row has nothing in it anyway.
    let new =
        |start: Value| json!({"msemr_contacttype": 935_000_000, "lastname": "New", "msemr_activitystartdate": start});
    server.post("contacts", &new(Value::Null)).await.expect(201);
    let refused = server.post("contacts", &new(json!("2020-01-01T00:00:00Z"))).await;
    assert_eq!((refused.status, &*refused.error_code()), (400, "NotWritable"), "{}", refused.text);
    server.turn("contact", "native").await.expect(200);
    let row = server.get(&path, &[]).await.expect(200).json();
    assert_eq!((&row["statecode"], &row["statuscode"], &row["lastname"]), (&json!(1), &json!(2), &json!("Turn")));
}

/// Versions of one mapping, by what they say of `tt_note`.
const NOTES: [&str; 4] =
    ["tt_note: {int: '', label: Note}", "tt_note: {text: '', label: Note}", "", "tt_note: {boolean: '', label: Note}"];

fn version(directory: &Path, number: usize) -> Vec<u8> {
    let note = NOTES[number];
    let mapping = format!(
        "
mapping: people
version: 1.0.{number}
tables:
  tt_person:
    set: tt_people
    label: Person
    description: A person.
    resource: Patient
    name: tt_gender
    columns:
      tt_personid: {{key: true, label: Person}}
      tt_gender: {{text: language, label: Language}}
      {note}
  tt_personname:
    set: tt_personnames
    label: Name
    description: A name.
    parent: {{table: tt_person, column: tt_person, element: name}}
    name: tt_family
    columns:
      tt_personnameid: {{key: true, label: Name}}
      tt_family: {{text: family, label: Family}}
      tt_given: {{text: 'given[0]', label: Given}}
      {note}
"
    );
    let file = directory.join("mapping.yaml");
    std::fs::create_dir_all(directory.join("samples")).expect("a directory");
    let sample = r#"{"resourceType":"Patient","id":"p","language":"de","name":[{"family":"Abel","given":["Zoe"]}]}"#;
    std::fs::write(directory.join("samples/p.json"), sample).expect("written");
    std::fs::write(&file, mapping).expect("written");
    let built = build::build(&file, Some(&directory.join("people.wasm")))
        .unwrap_or_else(|e| panic!("{e}: {:?}", e.get_details()));
    std::fs::read(built).expect("read")
}

/// A value as a version shows it.
fn shown(number: usize, value: Option<&str>) -> Value {
    let Some(value) = value else { return Value::Null };
    match number {
        0 => value.parse::<i32>().map_or(Value::Null, Value::from),
        1 => json!(value),
        3 if ["true", "false"].contains(&value) => json!(value == "true"),
        _ => Value::Null,
    }
}

/// Whatever is done to rows, resources and versions: each row shows the value that was last given to it.
#[tokio::test]
async fn values_stay_with_their_rows() {
    let built = tempfile::tempdir().expect("a directory");
    let versions: Vec<Vec<u8>> = (0..NOTES.len()).map(|number| version(built.path(), number)).collect();
    for seed in 0..4 {
        any_story(seed, &versions).await;
    }
}

const ID: &str = "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11";

/// A child row as it is to be: its family, its given name, which several have, and its value.
#[derive(Clone, Debug, PartialEq)]
struct Name {
    family: String,
    value: Option<String>,
}

async fn any_story(seed: u64, versions: &[Vec<u8>]) {
    println!("seed {seed}");
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = Server::setup().data_dir(directory.path()).start().await;
    for version in versions {
        server.load(version).await.expect(201);
    }
    let mut force = vec![0];
    server.activate("tt_person", &digest(&versions[0])).await.expect(200);
    let resource = |names: &[Name]| {
        let names: Vec<_> = names.iter().map(|name| json!({"family": name.family})).collect();
        let mut patient = json!({"resourceType": "Patient", "id": ID, "language": "de"});
        if !names.is_empty() {
            patient["name"] = json!(names);
        }
        patient
    };
    let mut next = 0;
    let mut fresh = || {
        next += 1;
        format!("n{next}")
    };
    let mut names: Vec<Name> = (0..3).map(|_| Name { family: fresh(), value: None }).collect();
    let mut root: Option<String> = None;
    ingest(&server, &resource(&names)).await;
    let mut done = Vec::new();
    for _ in 0..28 {
        let number = *force.last().expect("a version");
        // As the version in force takes it; null is a value too.
        let value = match (number, random(5)) {
            (_, 0) => None,
            (0, n) => Some(format!("{}", n * 7)),
            (1, n) => Some(["true", "12", "some text", "-3"][n - 1].to_owned()),
            (_, n) => Some((n > 2).to_string()),
        };
        let as_sent = shown(number, value.as_deref());
        let keys = server.rows("tt_personnames", &[]).await;
        let key = |family: &str| {
            let row = keys.iter().find(|row| row["tt_family"] == family);
            format!("tt_personnames({})", text(&row.unwrap_or_else(|| panic!("{family}: {keys:?}"))["tt_personnameid"]))
        };
        let at = random(names.len().max(1));
        let has_note = !NOTES[number].is_empty();
        let what = random(12);
        done.push((what, at, number, value.clone()));
        match what {
            0 if has_note => {
                server.patch(&format!("tt_people({ID})"), &json!({"tt_note": as_sent})).await.expect(204);
                // Null that is shown already may stand for a text that the column does not take.
                if shown(number, root.as_deref()) != as_sent {
                    root = value;
                }
            }
            1 | 2 if has_note && !names.is_empty() => {
                server.patch(&key(&names[at].family), &json!({"tt_note": as_sent})).await.expect(204);
                if shown(number, names[at].value.as_deref()) != as_sent {
                    names[at].value = value;
                }
            }
            // Another name and a value at once; the row is called otherwise then.
            3 if !names.is_empty() => {
                let family = fresh();
                let body = match has_note {
                    true => json!({"tt_family": family, "tt_note": as_sent}),
                    false => json!({"tt_family": family}),
                };
                server.patch(&key(&names[at].family), &body).await.expect(204);
                names[at].family = family;
                if has_note && shown(number, names[at].value.as_deref()) != as_sent {
                    names[at].value = value;
                }
            }
            4 if !names.is_empty() => {
                server.delete(&key(&names[at].family)).await.expect(204);
                names.remove(at);
            }
            5 => {
                let family = fresh();
                let mut body = json!({"tt_family": family, "tt_person@odata.bind": format!("/tt_people({ID})")});
                if has_note {
                    body["tt_note"] = as_sent.clone();
                }
                let made = server.post("tt_personnames", &body).await.expect(201).json();
                assert!(!has_note || made["tt_note"] == as_sent, "seed {seed}, {done:?}: {made}");
                names.push(Name { family, value: value.filter(|_| has_note) });
            }
            6 => {
                names.insert(at.min(names.len()), Name { family: fresh(), value: None });
                names.reverse();
                ingest(&server, &resource(&names)).await;
            }
            7 if !names.is_empty() => {
                names[at] = Name { family: fresh(), value: None };
                ingest(&server, &resource(&names)).await;
            }
            8 | 9 => {
                let other = random(versions.len());
                // Their columns are of other kinds.
                let release = json!({ "digest": digest(&versions[other]), "allow_breaking": true });
                server.post("/admin/v1/tables/tt_person/mapping", &release).await.expect(200);
                force.push(other);
            }
            10 if seed < 2 => {
                server.stop().await;
                server = Server::setup().data_dir(directory.path()).start().await;
            }
            11 => {
                ingest(&server, &resource(&names)).await;
            }
            _ => {}
        }
        let number = *force.last().expect("a version");
        let has_note = !NOTES[number].is_empty();
        let row = server.row("tt_people", ID).await;
        let listed = &server.rows("tt_people", &[("$filter", &format!("tt_personid eq {ID}"))]).await[0];
        let children = server.rows("tt_personnames", &[("$orderby", "tt_family")]).await;
        let mut expected = names.clone();
        expected.sort_by(|a, b| a.family.cmp(&b.family));
        assert_eq!(children.len(), expected.len(), "seed {seed}, {done:?}");
        let mut all = vec![(row, root.clone()), (listed.clone(), root.clone())];
        for (child, name) in children.into_iter().zip(expected) {
            assert_eq!(child["tt_family"], name.family);
            let by_key = server.row("tt_personnames", text(&child["tt_personnameid"])).await;
            all.extend([(child, name.value.clone()), (by_key, name.value)]);
        }
        for (row, value) in all {
            match has_note {
                true => assert_eq!(row["tt_note"], shown(number, value.as_deref()), "seed {seed}, {done:?}: {row}"),
                false => assert_eq!(row.get("tt_note"), None, "{row}"),
            }
        }
    }
}
