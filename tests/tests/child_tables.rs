//! Tables cut from lists inside resources, two levels deep: an encounter's participants, and their roles. Rows are read
//! from above and from below, made, changed and taken away, on either route, and nothing else of the resource changes.

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
