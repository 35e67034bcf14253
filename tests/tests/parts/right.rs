//! What is written is right R4, on both routes: what R4 forbids is refused by its column, what R4 requires cannot be taken
//! away, and nothing is changed by a write that is refused. What a row shows already may be sent back.

use serde_json::{Value, json};
use turntable::model::table::{Column, Kind, Source, Table};
use turntable_r4::r4;
use turntable_tests::asked::{Asked, begun, shipped_tables};
use turntable_tests::{Fhir, Judge, Server};

/// A new row of a table with these values is refused, with that code, because of that column.
const CREATES: &[(&str, &str, &str, &str)] = &[
    (
        "contacts",
        r#"{"msemr_contacttype":935000000,"tt_birthdate":"2023-02-01T10:00:00Z"}"#,
        "BadValue",
        "tt_birthdate",
    ),
    // Required by R4, behind a concept, several lookups, columns of a choice element, the first row of a child table.
    ("msemr_observations", r#"{"msemr_status":935000002}"#, "RequiredColumn", "msemr_code_code"),
    ("msemr_conditions", r#"{"msemr_name":"Husten"}"#, "RequiredColumn", "msemr_subjecttypepatient"),
];

/// A change of the row is refused because of its one column.
const CHANGES: &[(&str, &str)] = &[
    ("msemr_observations", r#"{"tt_effectivetiming":"5"}"#),
    ("msemr_observations", r#"{"tt_effectivetiming":"[1]"}"#),
    ("msemr_observations", r#"{"tt_effectivetiming":"{}"}"#),
    ("msemr_observations", r#"{"tt_effectivetiming":"{\"repeat\":{\"count\":\"one\"}}"}"#),
    ("msemr_observations", r#"{"tt_valuetime":"8 Uhr"}"#),
    ("msemr_observations", r#"{"msemr_code_code":"a  b"}"#),
    ("msemr_observations", r#"{"msemr_code_system":"not a uri"}"#),
    ("contacts", r#"{"tt_birthdate":"2023-02-01T10:00:00Z"}"#),
    ("contacts", r#"{"msemr_telecom1rank":0}"#),
    ("contacts", r#"{"entityimage":"not base64!!"}"#),
];

fn resources() -> [Value; 2] {
    [
        json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"coding": [{"code": "c"}]}}),
        // What was wrong before does not stand in the way.
        json!({"resourceType": "Patient", "id": "p", "gender": "odd", "telecom": [{"system": "phone", "value": "1"}],
            "photo": [{"title": "t"}], "birthDate": "2020"}),
    ]
}

#[tokio::test]
async fn what_r4_forbids_is_refused_virtual() {
    let fhir = Fhir::sandbox().await;
    for resource in resources() {
        fhir.put(&resource).await.expect(201);
    }
    let server = Server::with(&fhir).route("msemr_observation", "virtual").route("contact", "virtual").start().await;
    exercise(&server).await;
    assert_eq!(fhir.read("Observation", "o").await["code"], resources()[0]["code"]);
}

#[tokio::test]
async fn what_r4_forbids_is_refused_native() {
    let server = Server::setup().start().await;
    ingest(&server, resources()).await;
    exercise(&server).await;
}

async fn ingest(server: &Server, resources: [Value; 2]) {
    let entry = |resource: Value| {
        let text = |member: &str| resource[member].as_str().unwrap_or_default().to_owned();
        let url = format!("{}/{}", text("resourceType"), text("id"));
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    };
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": resources.map(entry)});
    server.ingest(&bundle.to_string(), None).await.expect(200);
}

async fn exercise(server: &Server) {
    for (set, body, code, column) in CREATES {
        let body: Value = serde_json::from_str(body).expect("JSON");
        let answer = server.post(set, &body).await.expect(400);
        assert_eq!(answer.error_code(), *code, "{set} {body}");
        assert_eq!(answer.json()["error"]["target"], *column, "{set} {body}");
    }
    for (set, body) in CHANGES {
        let key = if *set == "contacts" { "contactid" } else { "msemr_observationid" };
        let row = &server.rows(set, &[]).await[0];
        let at = format!("{set}({})", row[key].as_str().unwrap_or_default());
        let body: Value = serde_json::from_str(body).expect("JSON");
        let answer = server.patch(&at, &body).await.expect(400);
        assert_eq!(answer.error_code(), "BadValue", "{body}");
        let column = body.as_object().and_then(|body| body.keys().next()).expect("a column");
        assert_eq!(answer.json()["error"]["target"], **column, "{body}");
        assert_eq!(server.rows(set, &[]).await[0], *row, "{body}");
    }
    // What was wrong before may stay, and what R4 requires cannot be taken away.
    let row = &server.rows("contacts", &[]).await[0];
    let at = format!("contacts({})", row["contactid"].as_str().unwrap_or_default());
    server.patch(&at, &json!({"lastname": "Neu"})).await.expect(204);
    let row = &server.rows("msemr_observations", &[]).await[0];
    let at = format!("msemr_observations({})", row["msemr_observationid"].as_str().unwrap_or_default());
    let answer = server.patch(&at, &json!({"msemr_code_code": null})).await.expect(400);
    assert_eq!(answer.error_code(), "RequiredColumn");
}

/// A form that sends a row back as it was shown changes nothing: columns that cannot be written, text that is longer than
/// its column takes, and what has no place in FHIR among it. Another value there is refused, with everything beside it.
async fn send_back(server: &Server) {
    for (set, key, read_only) in [
        ("contacts", "contactid", ("fullname", json!("Another"))),
        ("msemr_diagnosticreports", "msemr_diagnosticreportid", ("msemr_azurefhirid", json!("another"))),
    ] {
        let row = server.rows(set, &[]).await[0].clone();
        let at = format!("{set}({})", row[key].as_str().unwrap_or_default());
        let Value::Object(mut shown) = row.clone() else { panic!("{set}: no row") };
        // Lookups and concepts are bound, not written by their keys.
        shown.retain(|name, _| !name.starts_with('_') && !name.contains('@'));
        assert!(shown.len() > 20, "{set}: {} columns", shown.len());
        server.patch(&at, &Value::Object(shown)).await.expect(204);
        assert_eq!(server.rows(set, &[]).await[0], row, "{set}");
        let (column, other) = read_only;
        let answer = server.patch(&at, &json!({column: other})).await.expect(400);
        assert_eq!(answer.error_code(), "NotWritable", "{set}");
        assert_eq!(server.rows(set, &[]).await[0], row, "{set}");
    }
}

fn shown() -> [Value; 2] {
    [
        json!({"resourceType": "DiagnosticReport", "id": "d", "status": "final", "code": {"text": "Report"},
            "conclusion": "long ".repeat(60)}),
        json!({"resourceType": "Patient", "id": "p", "name": [{"family": "Elm"}], "birthDate": "1980-05"}),
    ]
}

#[tokio::test]
async fn a_row_sent_back_as_shown_is_saved_virtual() {
    let fhir = Fhir::sandbox().await;
    for resource in shown() {
        fhir.put(&resource).await.expect(201);
    }
    let server =
        Server::with(&fhir).route("msemr_diagnosticreport", "virtual").route("contact", "virtual").start().await;
    send_back(&server).await;
    assert_eq!(fhir.read("DiagnosticReport", "d").await["conclusion"], shown()[0]["conclusion"]);
    let row = &server.rows("contacts", &[]).await[0];
    let at = format!("contacts({})", row["contactid"].as_str().unwrap_or_default());
    let answer = server.patch(&at, &json!({"statecode": 1})).await.expect(400);
    assert_eq!(answer.error_code(), "NotWritable");
}

#[tokio::test]
async fn a_row_sent_back_as_shown_is_saved_native() {
    let server = Server::setup().start().await;
    ingest(&server, shown()).await;
    send_back(&server).await;
}

/// In every table a new row of no more than what is asked for is right R4, and so is one of every child table below it.
async fn what_is_asked_for_is_enough(server: &Server, fhir: Option<&Fhir>) {
    let tables = shipped_tables();
    let asked = Asked { server, tables: &tables, known: &[], route: None };
    let judge = Judge::start();
    for table in tables.iter().filter(|table| table.parent.is_none() && table.access.create) {
        for source in &table.sources {
            let row = asked.row(table, begun(table, source)).await.row;
            let id = row[&id_column(table).name].as_str().unwrap_or_default().to_owned();
            assert_right(server, fhir, judge.as_ref(), (table, source, &id)).await;
            below(&asked, table, source, row[&table.columns[table.key].name].clone()).await;
            assert_right(server, fhir, judge.as_ref(), (table, source, &id)).await;
        }
    }
}

/// Rows of the child tables of a row, and of theirs.
async fn below(asked: &Asked<'_>, table: &Table, source: &Source, key: Value) {
    for child in asked.tables.iter().filter(|child| child.access.create) {
        let Some(parent) = child.parent.as_ref().filter(|parent| parent.table == table.name) else { continue };
        if child.source(&source.resource_type).is_none() {
            continue;
        }
        let link = &child.columns[parent.column];
        let Kind::Lookup(lookup) = &link.kind else { panic!("{}: its parent is no lookup", child.name) };
        let bind = format!("/{}({})", table.entity_set, key.as_str().unwrap_or_default());
        let row = asked.row(child, json!({ format!("{}@odata.bind", lookup.navigation): bind })).await.row;
        Box::pin(below(asked, child, source, row[&child.columns[child.key].name].clone())).await;
    }
}

/// The column of a table that shows the id of the resource.
fn id_column(table: &Table) -> &Column {
    let is_id = |column: &&Column| column.path == "id" && matches!(column.kind, Kind::Text { .. });
    table.columns.iter().find(is_id).unwrap_or(&table.columns[table.key])
}

async fn assert_right(
    server: &Server,
    fhir: Option<&Fhir>,
    judge: Option<&Judge>,
    (table, source, id): (&Table, &Source, &str),
) {
    let kind = &source.resource_type;
    let resource = match fhir {
        Some(fhir) => fhir.read(kind, id).await.to_string(),
        None => {
            let query = json!({ "msind_FHIRQuery": format!("{kind}/{id}") });
            let found = server.post("msind_RetrieveBundle", &query).await.expect(200).json();
            found["msind_JSON"].as_str().unwrap_or_default().to_owned()
        }
    };
    let is_found = resource.contains(&format!("\"resourceType\":\"{kind}\""));
    assert!(is_found, "{}: no {kind}/{id}: {resource}", table.name);
    assert_eq!(r4().new_faults(None, resource.as_bytes()), [], "{} {resource}", table.name);
    if let Some(judge) = judge {
        let faults = judge.faults(&serde_json::from_str(&resource).expect("JSON"));
        assert_eq!(faults, Vec::<String>::new(), "{} {resource}", table.name);
    }
}

#[tokio::test]
async fn what_is_asked_for_is_enough_virtual() {
    let fhir = Fhir::sandbox().await;
    let tables = shipped_tables();
    let roots: Vec<_> = tables.iter().filter(|table| table.parent.is_none()).map(|table| table.name.as_str()).collect();
    let server = Server::with(&fhir).virtual_tables(&roots).start().await;
    what_is_asked_for_is_enough(&server, Some(&fhir)).await;
}

#[tokio::test]
async fn what_is_asked_for_is_enough_native() {
    what_is_asked_for_is_enough(&Server::setup().start().await, None).await;
}
