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
    let new = server.rows(ROLES, &[("$filter", &of(&two))]).await;
    let [new] = new.as_slice() else { panic!("one role of the second participant: {new:?}") };
    assert_eq!(new["tt_text"], "referrer");
    let role = format!("{ROLES}({})", key(new, "msemr_encounterparticipanttypeid"));
    server.patch(&role, &json!({"tt_text": "discharger"})).await.expect(204);
    assert_eq!(server.get(&role, &[]).await.expect(200).json()["tt_text"], "discharger");
    let under = format!("{PARTICIPANTS}({two})/msemr_encounterparticipanttype_msemr_encounterparticipant");
    server.post(&under, &json!({"tt_text": "consultant"})).await.expect(201);
    assert_eq!(server.get(&under, &[]).await.expect(200).rows().len(), 2);

    // A parent that is not there, and none at all.
    let nobody = format!("/{PARTICIPANTS}(00000000-0000-4000-8000-000000000000)");
    let body = json!({"tt_text": "x", "msemr_encounterparticipant@odata.bind": nobody});
    assert_eq!(server.post(ROLES, &body).await.expect(400).error_code(), "BadValue");
    assert_eq!(server.post(ROLES, &json!({"tt_text": "x"})).await.expect(400).error_code(), "RequiredColumn");

    // Taken away: a role, then a participant with all its roles.
    let first = &server.rows(ROLES, &[("$filter", "tt_text eq 'attender'")]).await[0];
    server.delete(&format!("{ROLES}({})", key(first, "msemr_encounterparticipanttypeid"))).await.expect(204);
    let left = server.rows(ROLES, &[("$filter", &of(&one))]).await;
    assert_eq!(left.len(), 1, "{left:?}");
    let left = format!("{ROLES}({})", key(&left[0], "msemr_encounterparticipanttypeid"));
    server.patch(&left, &json!({"tt_text": "admitter"})).await.expect(204);
    server.delete(&format!("{PARTICIPANTS}({two})")).await.expect(204);
    let left = server.rows(ROLES, &[]).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(server.rows(PARTICIPANTS, &[]).await.len(), 1);
}
