//! A child row is a part of its resource, and has its version: wherever it is read, on either route, whatever the table says
//! of versions; and a change that names another one is refused.

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{EVENTS, Fhir, PEOPLE, SYNTHEA, Server};

const PARTICIPANTS: &str = "msemr_encounterparticipants";
const ROLES: &str = "msemr_encounterparticipanttypes";

fn text<'v>(row: &'v Value, member: &str) -> &'v str {
    row[member].as_str().unwrap_or_default()
}

fn encounter() -> Value {
    json!({
        "resourceType": "Encounter", "id": "e-1", "status": "finished", "class": {"code": "AMB"},
        "participant": [
            {"individual": {"display": "Dr. One"}, "type": [{"text": "attender"}, {"text": "referrer"}]},
            {"individual": {"display": "Dr. Two"}, "type": [{"text": "consultant"}]}
        ]
    })
}

#[tokio::test]
async fn every_child_table_shows_it_natively() {
    let server = Server::setup().start().await;
    for bundle in [PEOPLE, EVENTS].into_iter().chain(SYNTHEA) {
        server.ingest(bundle, None).await.expect(200);
    }
    every_child_table_shows_it(&server).await;
}

#[tokio::test]
async fn every_child_table_shows_it_virtually() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    for bundle in [PEOPLE, EVENTS].into_iter().chain(SYNTHEA) {
        server.ingest(bundle, Some("main")).await.expect(200);
    }
    for table in ["contact", "msemr_encounter", "msemr_observation", "msemr_condition"] {
        server.turn(table, "virtual").await.expect(200);
    }
    every_child_table_shows_it(&server).await;
}

async fn every_child_table_shows_it(server: &Server) {
    let mut shown = 0;
    for table in server.tables().await.iter().filter(|table| !table["parent"].is_null()) {
        let set = text(table, "entitySet");
        let answer = server.get(set, &[("$top", "3")]).await;
        if answer.status != 200 {
            // Its root's rows cannot be listed without a condition.
            continue;
        }
        for row in answer.rows() {
            assert!(text(&row, "@odata.etag").starts_with("W/\""), "{set}: {row}");
            assert!(!row.to_string().contains("turntable_version"), "{set}: {row}");
            shown += 1;
        }
    }
    assert!(shown > 50, "{shown} rows");
    let metadata = server.get("$metadata", &[]).await.expect(200);
    assert!(!metadata.text.contains("turntable_version"));
    let detail = server.table("msemr_encounterparticipant").await;
    assert!(!detail.to_string().contains("turntable_version"), "{detail}");
}

#[tokio::test]
async fn it_guards_changes_natively() {
    let server = Server::setup().start().await;
    let entry = json!({"resource": encounter(), "request": {"method": "PUT", "url": "Encounter/e-1"}});
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]});
    server.ingest(&bundle.to_string(), None).await.expect(200);
    it_guards_changes(&server).await;
}

#[tokio::test]
async fn it_guards_changes_virtually() {
    let fhir = Fhir::sandbox().await;
    fhir.put(&encounter()).await.expect(201);
    let server = Server::with(&fhir).route("msemr_encounter", "virtual").start().await;
    it_guards_changes(&server).await;
}

/// The ETag of the encounter, which all its rows show, wherever they are read.
async fn shown(server: &Server) -> String {
    let encounter = &server.rows("msemr_encounters", &[]).await[0];
    let etag = text(encounter, "@odata.etag").to_owned();
    assert!(etag.starts_with("W/\""), "{encounter}");
    let roles = "msemr_encounterparticipanttype_msemr_encounterparticipant";
    let lists = [
        (ROLES, vec![("$select", "tt_text".to_owned())]),
        (ROLES, vec![("$filter", "contains(tt_text,'r')".to_owned()), ("$orderby", "tt_text desc".to_owned())]),
        (PARTICIPANTS, vec![("$expand", format!("{roles}($select=tt_text)"))]),
        (
            "msemr_encounters",
            vec![("$expand", "msemr_encounterparticipant_msemr_encounterparticipantdetailsid".to_owned())],
        ),
        (ROLES, vec![("$expand", "msemr_encounterparticipant($select=msemr_participantname)".to_owned())]),
    ];
    for (set, options) in lists {
        let options: Vec<_> = options.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = server.get(set, &options).await.expect(200);
        let mut rows = answer.rows();
        assert!(!rows.is_empty(), "{set}");
        while let Some(row) = rows.pop() {
            assert_eq!(text(&row, "@odata.etag"), etag, "{set} {options:?}: {row}");
            for (_, value) in row.as_object().into_iter().flatten() {
                rows.extend(value.as_array().cloned().unwrap_or_default());
                rows.extend(value.is_object().then(|| value.clone()));
            }
        }
    }
    let row = &server.rows(ROLES, &[]).await[0];
    let path = format!("{ROLES}({})", text(row, "msemr_encounterparticipanttypeid"));
    let one = server.get(&path, &[]).await.expect(200);
    assert_eq!((text(&one.json(), "@odata.etag"), one.header("etag")), (&*etag, &*etag));
    let again = server.call(Method::GET, &path).header("if-none-match", &etag).send().await;
    assert_eq!(again.status, 304, "{}", again.text);
    etag
}

async fn it_guards_changes(server: &Server) {
    let before = shown(server).await;
    let row = async |name: &str| {
        let rows = server.rows(ROLES, &[("$filter", &format!("tt_text eq '{name}'"))]).await;
        format!("{ROLES}({})", text(&rows[0], "msemr_encounterparticipanttypeid"))
    };
    let attender = row("attender").await;
    let change = async |method: Method, path: &str, etag: &str| {
        let call = server.call(method.clone(), path).header("if-match", etag).header("prefer", "return=representation");
        if method == Method::DELETE {
            call.send().await
        } else {
            call.json(&json!({"tt_text": "admitter"})).send().await
        }
    };
    let changed = change(Method::PATCH, &attender, &before).await.expect(200);
    let after = shown(server).await;
    assert_ne!(before, after);
    assert_eq!((text(&changed.json(), "@odata.etag"), changed.header("etag")), (&*after, &*after));
    // Another row of the same resource has another version with it.
    for path in [&row("admitter").await, &row("consultant").await] {
        for method in [Method::PATCH, Method::DELETE] {
            let refused = change(method, path, &before).await.expect(412);
            assert_eq!(refused.error_code(), "VersionMismatch");
        }
    }
    change(Method::DELETE, &row("consultant").await, &after).await.expect(204);
    assert_ne!(shown(server).await, after);
    assert_eq!(server.rows(ROLES, &[]).await.len(), 2);
}
