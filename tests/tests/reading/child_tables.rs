//! Tables cut from lists inside resources, two levels deep: an encounter's participants, and their roles. Rows are read
//! from above and from below, made, changed and taken away, on either route, and nothing else of the resource changes.
#![expect(clippy::print_stdout, reason = "the seed, shown beside a failure")]

use serde_json::{Value, json};
use turntable_tests::{Fhir, Server};

const PARTICIPANTS: &str = "msemr_encounterparticipants";
const ROLES: &str = "msemr_encounterparticipanttypes";

fn encounter() -> Value {
    json!({
        "resourceType": "Encounter", "id": "e-1", "status": "finished", "class": {"code": "AMB"},
        "participant": [
            {"individual": {"reference": "Practitioner/d1", "display": "Dr. One"},
             "type": [{"text": "attender"}, {"coding": [{"code": "ADM", "system": "s"}]}]},
            {"individual": {"display": "Dr. Two"}}
        ]
    })
}

#[tokio::test]
async fn roles_of_participants_virtual() {
    let fhir = Fhir::sandbox().await;
    fhir.put(&encounter()).await.expect(201);
    let server = Server::with(&fhir).route("msemr_encounter", "virtual").start().await;
    exercise(&server).await;
    let after = fhir.read("Encounter", "e-1").await;
    assert_eq!(
        after["participant"][0]["type"],
        json!([{"coding": [{"code": "ADM", "system": "s"}], "text": "admitter"}])
    );
    assert_eq!(after["participant"].as_array().map(Vec::len), Some(1), "{after}");
}

#[tokio::test]
async fn roles_of_participants_native() {
    let server = Server::setup().start().await;
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"resource": encounter(), "request": {"method": "PUT", "url": "Encounter/e-1"}}
    ]});
    server.ingest(&bundle.to_string(), None).await.expect(200);
    exercise(&server).await;
}

async fn exercise(server: &Server) {
    // From above: encounter, its participants, their roles.
    let expand = "msemr_encounterparticipant_msemr_encounterparticipantdetailsid\
                  ($select=msemr_participantname;$orderby=msemr_participantname)";
    let encounters = server.rows("msemr_encounters", &[("$expand", expand)]).await;
    let [encounter] = encounters.as_slice() else { panic!("one encounter: {encounters:?}") };
    let names: Vec<_> = encounter["msemr_encounterparticipant_msemr_encounterparticipantdetailsid"]
        .as_array()
        .map(|rows| rows.iter().map(|row| row["msemr_participantname"].as_str().unwrap_or_default()).collect())
        .unwrap_or_default();
    assert_eq!(names, ["Dr. One", "Dr. Two"]);
    let expand = "msemr_encounterparticipanttype_msemr_encounterparticipant($select=msemr_name)";
    let participants = server.rows(PARTICIPANTS, &[("$expand", expand), ("$orderby", "msemr_participantname")]).await;
    let roles: Vec<_> = participants
        .iter()
        .map(|row| row["msemr_encounterparticipanttype_msemr_encounterparticipant"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(roles, [2, 0], "{participants:?}");
    let key = |row: &Value, column: &str| row[column].as_str().unwrap_or_default().to_owned();
    let [one, two] = [0, 1].map(|at: usize| key(&participants[at], "msemr_encounterparticipantid"));

    // From below: a role, its participant; and the roles of one participant.
    let roles = server.rows(ROLES, &[("$expand", "msemr_encounterparticipant($select=msemr_participantname)")]).await;
    assert_eq!(roles.len(), 2);
    assert!(
        roles.iter().all(|row| row["msemr_encounterparticipant"]["msemr_participantname"] == "Dr. One"),
        "{roles:?}"
    );
    let of = |participant: &str| format!("_msemr_encounterparticipant_value eq {participant}");
    assert_eq!(server.rows(ROLES, &[("$filter", &of(&one))]).await.len(), 2);
    assert_eq!(server.rows(ROLES, &[("$filter", &of(&two))]).await.len(), 0);

    // A new one, under the second participant; changed; and one by the way of the navigation property.
    let bind = format!("/{PARTICIPANTS}({two})");
    let body = json!({"tt_text": "referrer", "msemr_encounterparticipant@odata.bind": bind});
    server.post(ROLES, &body).await.expect(201);
    // What a participant holds is part of what it is: its key is another now, and the one before goes on to name it.
    let listed = async |name: &str| {
        let named = server.rows(PARTICIPANTS, &[("$filter", &format!("msemr_participantname eq '{name}'"))]).await;
        key(&named[0], "msemr_encounterparticipantid")
    };
    let before = two;
    let two = listed("Dr. Two").await;
    assert_eq!(server.row(PARTICIPANTS, &before).await["msemr_encounterparticipantid"], *two);
    let new = server.rows(ROLES, &[("$filter", &of(&two))]).await;
    let [new] = new.as_slice() else { panic!("one role of the second participant: {new:?}") };
    assert_eq!(new["tt_text"], "referrer");
    let role = format!("{ROLES}({})", key(new, "msemr_encounterparticipanttypeid"));
    server.patch(&role, &json!({"tt_text": "discharger"})).await.expect(204);
    assert_eq!(server.get(&role, &[]).await.expect(200).json()["tt_text"], "discharger");
    let under = format!("{PARTICIPANTS}({two})/msemr_encounterparticipanttype_msemr_encounterparticipant");
    server.post(&under, &json!({"tt_text": "consultant"})).await.expect(201);
    let under = format!(
        "{PARTICIPANTS}({})/msemr_encounterparticipanttype_msemr_encounterparticipant",
        listed("Dr. Two").await
    );
    assert_eq!(server.get(&under, &[]).await.expect(200).rows().len(), 2);

    // A parent that is not there, and none at all.
    let nobody = format!("/{PARTICIPANTS}(00000000-0000-4000-8000-000000000000)");
    let body = json!({"tt_text": "x", "msemr_encounterparticipant@odata.bind": nobody});
    assert_eq!(server.post(ROLES, &body).await.expect(400).error_code(), "BadValue");
    assert_eq!(server.post(ROLES, &json!({"tt_text": "x"})).await.expect(400).error_code(), "RequiredColumn");

    // Taken away: a role, then a participant with all its roles.
    let first = &server.rows(ROLES, &[("$filter", "tt_text eq 'attender'")]).await[0];
    server.delete(&format!("{ROLES}({})", key(first, "msemr_encounterparticipanttypeid"))).await.expect(204);
    let left = server.rows(ROLES, &[("$filter", &of(&listed("Dr. One").await))]).await;
    assert_eq!(left.len(), 1, "{left:?}");
    let left = format!("{ROLES}({})", key(&left[0], "msemr_encounterparticipanttypeid"));
    server.patch(&left, &json!({"tt_text": "admitter"})).await.expect(204);
    server.delete(&format!("{PARTICIPANTS}({two})")).await.expect(204);
    let left = server.rows(ROLES, &[]).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(server.rows(PARTICIPANTS, &[]).await.len(), 1);
}

/// Keys of one list, used one after the other.
async fn keys_of_one_list(server: &Server) {
    let listed = async || {
        let rows = server.rows(PARTICIPANTS, &[]).await;
        let key = |row: &Value, column: &str| row[column].as_str().unwrap_or_default().to_owned();
        rows.iter()
            .map(|row| (key(row, "msemr_participantname"), key(row, "msemr_encounterparticipantid")))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let keys = listed().await;
    let row = |name: &str| format!("{PARTICIPANTS}({})", keys[name]);
    let roles = server.rows(ROLES, &[]).await;
    let role = |name: &str| {
        let found = roles.iter().find(|row| row["tt_text"] == name).expect("a role");
        format!("{ROLES}({})", found["msemr_encounterparticipanttypeid"].as_str().unwrap_or_default())
    };
    // Each goes by the key that it was listed with, and takes no other along.
    server.delete(&row("Dr. A")).await.expect(204);
    server.delete(&row("Dr. A")).await.expect(404);
    server.get(&row("Dr. A"), &[]).await.expect(404);
    server.delete(&row("Dr. B")).await.expect(204);
    assert_eq!(listed().await.into_keys().collect::<Vec<_>>(), ["Dr. C", "Dr. D"]);
    // Roles of one participant, whose own key they change with theirs.
    server.patch(&role("one"), &json!({"tt_text": "uno"})).await.expect(204);
    server.patch(&role("one"), &json!({"tt_text": "un"})).await.expect(204);
    server.delete(&role("two")).await.expect(204);
    server.patch(&row("Dr. C"), &json!({"msemr_participantname": "Dr. E"})).await.expect(204);
    let answer = server.patch(&row("Dr. C"), &json!({"msemr_participantname": "Dr. F"})).await;
    let now = listed().await;
    assert_eq!(now.keys().collect::<Vec<_>>(), ["Dr. D", "Dr. F"]);
    assert!(answer.header("odata-entityid").contains(&now["Dr. F"]), "the answer names its key");
    assert_eq!(server.get(&row("Dr. C"), &[]).await.expect(200).json()["msemr_participantname"], "Dr. F");
    server.delete(&role("three")).await.expect(204);
    let left = server.rows(ROLES, &[]).await;
    assert_eq!(left.iter().map(|row| &row["tt_text"]).collect::<Vec<_>>(), ["un"]);
    server.get(&role("one"), &[]).await.expect(200);
    server.delete(&row("Dr. D")).await.expect(204);
    assert_eq!(listed().await.into_keys().collect::<Vec<_>>(), ["Dr. F"]);
}

fn four() -> Value {
    let named = |name: &str| json!({"individual": {"display": name}});
    let mut third = named("Dr. C");
    third["type"] = json!([{"text": "one"}, {"text": "two"}, {"text": "three"}]);
    let mut encounter = encounter();
    encounter["participant"] =
        json!([named("Dr. A"), named("Dr. B"), third, {"id": "d", "individual": {"display": "Dr. D"}}]);
    encounter
}

async fn ingest(server: &Server, encounter: &Value) {
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"resource": encounter, "request": {"method": "PUT", "url": "Encounter/e-1"}}
    ]});
    server.ingest(&bundle.to_string(), None).await.expect(200);
}

#[tokio::test]
async fn keys_of_one_list_virtual() {
    let fhir = Fhir::sandbox().await;
    fhir.put(&four()).await.expect(201);
    let server = Server::with(&fhir).route("msemr_encounter", "virtual").start().await;
    keys_of_one_list(&server).await;
}

#[tokio::test]
async fn keys_of_one_list_native() {
    let server = Server::setup().start().await;
    ingest(&server, &four()).await;
    keys_of_one_list(&server).await;
}

/// Whatever we and others do to siblings: a key leads to the row that it was shown with, or to none.
#[tokio::test]
async fn keys_name_what_they_showed_virtual() {
    let fhir = Fhir::sandbox().await;
    fhir.put(&encounter()).await.expect(201);
    let server = Server::with(&fhir).route("msemr_encounter", "virtual").start().await;
    for seed in 0..6 {
        any_changes(&server, seed, async |resource| drop(fhir.put(&resource).await)).await;
    }
}

#[tokio::test]
async fn keys_name_what_they_showed_native() {
    let server = Server::setup().start().await;
    for seed in 0..6 {
        any_changes(&server, seed, async |resource| ingest(&server, &resource).await).await;
    }
}

async fn any_changes(server: &Server, seed: u64, others: impl AsyncFn(Value)) {
    println!("seed {seed}");
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    // The names of those that are there, in their order; a name never comes back, so that it says which row it is.
    let (mut there, mut next) = (Vec::<String>::new(), 0);
    let mut fresh = || {
        next += 1;
        format!("Dr. {seed}-{next}")
    };
    let resource = |there: &[String]| {
        let mut encounter = encounter();
        encounter["participant"] = there.iter().map(|name| json!({"individual": {"display": name}})).collect();
        encounter
    };
    there.extend((0..4).map(|_| fresh()));
    others(resource(&there)).await;
    // Each key, and what its row is called now; none: it is gone or changed by others.
    let mut keys: Vec<(String, Option<String>)> = Vec::new();
    for _ in 0..14 {
        if random(4) == 0 || keys.is_empty() {
            let rows = server.rows(PARTICIPANTS, &[]).await;
            let names: Vec<_> =
                rows.iter().map(|row| row["msemr_participantname"].as_str().unwrap_or_default()).collect();
            assert_eq!(
                {
                    let mut n = names.clone();
                    n.sort_unstable();
                    n
                },
                {
                    let mut t = there.clone();
                    t.sort();
                    t
                }
            );
            keys.extend(rows.iter().zip(&names).map(|(row, name)| {
                (row["msemr_encounterparticipantid"].as_str().unwrap_or_default().to_owned(), Some((*name).to_owned()))
            }));
        }
        let (key, meant) = keys[random(keys.len())].clone();
        let path = format!("{PARTICIPANTS}({key})");
        match random(6) {
            0 => {
                let answer = server.delete(&path).await;
                assert_eq!(answer.status, if meant.is_some() { 204 } else { 404 }, "seed {seed}");
                there.retain(|name| Some(name) != meant.as_ref());
                keys.iter_mut().filter(|(_, of)| *of == meant).for_each(|(_, of)| *of = None);
            }
            1 | 2 => {
                let name = fresh();
                let answer = server.patch(&path, &json!({"msemr_participantname": name})).await;
                assert_eq!(answer.status, if meant.is_some() { 204 } else { 404 }, "seed {seed}");
                if meant.is_some() {
                    there.iter_mut().filter(|of| Some(&**of) == meant.as_ref()).for_each(|of| of.clone_from(&name));
                    keys.iter_mut().filter(|(_, of)| *of == meant).for_each(|(_, of)| *of = Some(name.clone()));
                }
            }
            3 => {
                let at = random(there.len() + 1);
                there.insert(at, fresh());
                others(resource(&there)).await;
            }
            4 => {
                there.reverse();
                others(resource(&there)).await;
            }
            _ if !there.is_empty() => {
                let gone = std::mem::replace(&mut there[0], fresh());
                others(resource(&there)).await;
                keys.iter_mut().filter(|(_, of)| of.as_ref() == Some(&gone)).for_each(|(_, of)| *of = None);
            }
            _ => {}
        }
        for (key, meant) in &keys {
            let answer = server.get(&format!("{PARTICIPANTS}({key})"), &[]).await;
            match meant {
                None => assert_eq!(answer.status, 404, "seed {seed}: {}", answer.text),
                Some(name) => {
                    assert_eq!(answer.expect(200).json()["msemr_participantname"], *name, "seed {seed}");
                }
            }
        }
    }
}

const SHARED_ID: &str = "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11";

fn text<'v>(row: &'v Value, column: &str) -> &'v str {
    row[column].as_str().unwrap_or_default()
}

/// Three people of one UUID, and an encounter that names each.
fn people_of_one_id() -> Vec<Value> {
    let person = |resource_type: &str, given: &str| {
        json!({
            "resourceType": resource_type, "id": SHARED_ID, "name": [{"family": "Doppel", "given": [given]}],
            "identifier": [{"system": "urn:example:people", "value": given}]
        })
    };
    let mut related = person("RelatedPerson", "Schwester");
    related["patient"] = json!({"reference": format!("Patient/{SHARED_ID}")});
    let encounter = json!({
        "resourceType": "Encounter", "id": "e-doppel", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": format!("Patient/{SHARED_ID}")},
        "participant": [
            {"individual": {"reference": format!("Practitioner/{SHARED_ID}")}},
            {"individual": {"reference": format!("RelatedPerson/{SHARED_ID}")}}
        ]
    });
    vec![person("Patient", "Patientin"), person("Practitioner", "Aerztin"), related, encounter]
}

#[tokio::test]
async fn one_uuid_of_several_types_is_several_rows_natively() {
    let server = Server::setup().start().await;
    let entries: Vec<Value> = people_of_one_id()
        .into_iter()
        .map(|resource| {
            let url = format!("{}/{}", text(&resource, "resourceType"), text(&resource, "id"));
            json!({"resource": resource, "request": {"method": "PUT", "url": url}})
        })
        .collect();
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
    server.ingest(&bundle.to_string(), None).await.expect(200);
    each_alone(&server).await;
}

#[tokio::test]
async fn one_uuid_of_several_types_is_several_rows_virtually() {
    let fhir = Fhir::sandbox().await;
    for resource in people_of_one_id() {
        fhir.put(&resource).await.expect(201);
    }
    let server =
        Server::with(&fhir).virtual_tables(&["contact", "msemr_encounter", "msemr_relatedperson"]).start().await;
    each_alone(&server).await;
}

/// Each is read, found, changed and taken away by its own key.
async fn each_alone(server: &Server) {
    let listed = async || {
        let options = [("$filter", "lastname eq 'Doppel'"), ("$orderby", "msemr_contacttype")];
        let rows = server.rows("contacts", &options).await;
        let pair = |row: &Value| (text(row, "contactid").to_owned(), text(row, "firstname").to_owned());
        rows.iter().map(pair).collect::<std::collections::BTreeMap<_, _>>()
    };
    let names = ["Patientin", "Aerztin", "Schwester"];
    // The first type keeps its id; the others have it under versions and variants that no such id has.
    let keys = [SHARED_ID, "0b1e5a52-7f0e-cd7a-9c53-2f6f3a1d0c11", "0b1e5a52-7f0e-cd7a-dc53-2f6f3a1d0c11"];
    assert_eq!(listed().await, keys.iter().zip(names).map(|(key, name)| (key.to_string(), name.to_owned())).collect());
    for (key, name) in keys.into_iter().zip(names) {
        let row = server.row("contacts", key).await;
        assert_eq!((&row["firstname"], &row["msemr_azurefhirid"]), (&json!(name), &json!(SHARED_ID)));
        let found = server.rows("contacts", &[("$filter", &format!("contactid eq {key}"))]).await;
        assert_eq!(found.iter().map(|row| &row["firstname"]).collect::<Vec<_>>(), [name]);
        // What hangs on it: from above, from below, by a condition.
        let (set, column) = ("msemr_medicalidentifiers", "_msemr_assignee_value");
        let expand = ("$expand", "msemr_assignee($select=firstname)");
        let identifiers = server.rows(set, &[("$filter", &format!("{column} eq {key}")), expand]).await;
        let [identifier] = identifiers.as_slice() else { panic!("{name}: one identifier: {identifiers:?}") };
        assert_eq!(
            (&identifier["msemr_value"], &identifier["msemr_assignee"]["firstname"]),
            (&json!(name), &json!(name))
        );
        let path = format!("{set}({})", text(identifier, "msemr_medicalidentifierid"));
        assert_eq!(server.get(&path, &[]).await.expect(200).json()[column], key);
        let expand = [("$expand", "msemr_medicalidentifier_msemr_assignee($select=msemr_value)")];
        let above = server.get(&format!("contacts({key})"), &expand).await.expect(200).json();
        assert_eq!(above["msemr_medicalidentifier_msemr_assignee"][0]["msemr_value"], name, "{above}");
        assert_eq!(above["msemr_medicalidentifier_msemr_assignee"].as_array().map(Vec::len), Some(1));
    }
    // A table of one type has ids for keys.
    assert_eq!(server.row("msemr_relatedpersons", SHARED_ID).await["msemr_azurefhirid"], SHARED_ID);

    let expand = "msemr_subjectpatient($select=firstname),tt_practitioner($select=firstname)";
    let encounter = &server.rows("msemr_encounters", &[("$expand", expand)]).await[0];
    assert_eq!(encounter["msemr_subjectpatient"]["firstname"], "Patientin");
    assert_eq!(
        (&encounter["tt_practitioner"]["firstname"], &encounter["_tt_practitioner_value"]),
        (&json!("Aerztin"), &json!(keys[1]))
    );
    for (lookup, key, name) in [
        ("msemr_individualtypepractitioner", keys[1], "Aerztin"),
        ("msemr_individualtyperelatedperson", keys[2], "Schwester"),
    ] {
        let options =
            [("$filter", &*format!("_{lookup}_value eq {key}")), ("$expand", &format!("{lookup}($select=firstname)"))];
        let rows = server.rows("msemr_encounterparticipants", &options).await;
        assert_eq!(rows.iter().map(|row| &row[lookup]["firstname"]).collect::<Vec<_>>(), [name]);
        let filter = format!("{lookup}/firstname eq '{name}'");
        assert_eq!(server.rows("msemr_encounterparticipants", &[("$filter", &filter)]).await.len(), 1);
        let participant = text(&rows[0], "msemr_encounterparticipantid");
        let followed =
            server.get(&format!("msemr_encounterparticipants({participant})/{lookup}"), &[]).await.expect(200);
        assert_eq!(followed.json()["firstname"], name);
        // No key of another type leads there.
        let body = json!({format!("{lookup}@odata.bind"): format!("/contacts({SHARED_ID})")});
        let refused = server.patch(&format!("msemr_encounterparticipants({participant})"), &body).await.expect(400);
        assert_eq!(refused.error_code(), "BadValue");
    }
    let body = json!({"msemr_individualtypepractitioner@odata.bind": format!("/contacts({})", keys[1]),
        "msemr_encounterparticipantdetailsid@odata.bind":
            format!("/msemr_encounters({})", text(encounter, "msemr_encounterid"))});
    server.post("msemr_encounterparticipants", &body).await.expect(201);
    let filter = format!("_msemr_individualtypepractitioner_value eq {}", keys[1]);
    assert_eq!(server.rows("msemr_encounterparticipants", &[("$filter", &filter)]).await.len(), 2);

    server.patch(&format!("contacts({})", keys[1]), &json!({"firstname": "Neue"})).await.expect(204);
    assert_eq!(listed().await.into_values().collect::<Vec<_>>(), ["Patientin", "Neue", "Schwester"]);
    server.delete(&format!("contacts({})", keys[1])).await.expect(204);
    assert_eq!(listed().await.into_values().collect::<Vec<_>>(), ["Patientin", "Schwester"]);
    let values = server.rows("msemr_medicalidentifiers", &[("$orderby", "msemr_value")]).await;
    assert_eq!(values.iter().map(|row| &row["msemr_value"]).collect::<Vec<_>>(), ["Patientin", "Schwester"]);
    server.get(&format!("contacts({})", keys[1]), &[]).await.expect(404);

    // A client's own key: of the type that it is one of, and of no other.
    let body = json!({"lastname": "Doppel", "firstname": "Eigene", "msemr_contacttype": 935_000_001});
    let practitioner = server.patch(&format!("contacts({})", keys[1]), &body).await.expect(201);
    assert!(practitioner.header("OData-EntityId").contains(keys[1]));
    assert_eq!(server.row("contacts", keys[1]).await["msemr_azurefhirid"], SHARED_ID);
    let (free, own) = ("7d4c1a1e-33b8-4c3e-8a51-4c5a0d7f0b22", "7d4c1a1e-33b8-cc3e-8a51-4c5a0d7f0b22");
    let refused = server.patch(&format!("contacts({free})"), &body).await.expect(400);
    assert_eq!(refused.error_code(), "BadKey");
    assert!(refused.json()["error"].to_string().contains(own), "what may be used instead: {}", refused.json());
    let mut with_key = body.clone();
    with_key["contactid"] = json!(own);
    server.post("contacts", &with_key).await.expect(201);
    assert_eq!(server.row("contacts", own).await["msemr_azurefhirid"], free);
    server.get(&format!("contacts({free})"), &[]).await.expect(404);
}
