//! Step 18: one cycle of create, read, update and delete, the same for every root table there is, on both routes.

use serde_json::{Value, json};
use turntable::model::table::{Column, Kind, Table};
use turntable_r4::r4;

use super::{LOCATION, ORGANIZATION, PRACTITIONER, World, text, without_meta};
use turntable_tests::asked::{Asked, shipped_tables};
use turntable_tests::{PATIENT, Server};

/// A row to be made in a table and a change to it, in columns; and what they come to in the resource.
struct Case {
    resource: String,
    create: Value,
    change: Value,
    /// Where the change shows, as a JSON pointer, and what stands there after it.
    changed: (String, Value),
}

/// The tables of the exercise, with many columns; None for others.
fn of_the_exercise(table: &Table) -> Option<Case> {
    let patient = format!("/contacts({PATIENT})");
    let (create, change, (pointer, value)) = match table.name.as_str() {
        "contact" => (
            json!({
                "msemr_contacttype": 935000000, "firstname": "Ada", "lastname": "Two", "gendercode": 2,
                "birthdate": "1980-02-29", "emailaddress1": "ada@example.com",
            }),
            json!({ "lastname": "Three" }),
            ("/name/0/family", json!("Three")),
        ),
        "account" => (
            json!({ "name": "Clinic", "address1_city": "Leeds", "tt_active": true }),
            json!({ "address1_city": "York" }),
            ("/address/0/city", json!("York")),
        ),
        "msemr_location" => (
            json!({ "msemr_name": "Ward 7", "msemr_locationpositionlatitude": 53.125, "msemr_locationpositionlongitude": -1.5 }),
            json!({ "msemr_name": "Ward 8" }),
            ("/name", json!("Ward 8")),
        ),
        "msemr_encounter" => (
            json!({
                "msemr_encounterstatus": 935000003, "msemr_class": 935000004,
                "msemr_subjectpatient@odata.bind": patient, "msemr_periodstart": "2024-05-01T08:00:00Z",
            }),
            json!({ "msemr_encounterstatus": 935000005 }),
            ("/status", json!("finished")),
        ),
        "msemr_observation" => (
            json!({
                "msemr_status": 935000001, "msemr_code_code": "8867-4", "msemr_code_system": "http://loinc.org",
                "msemr_subjecttypepatient@odata.bind": patient, "msemr_valuetypequantityvalue": 72.5,
                "msemr_valuequantityunit": "/min",
            }),
            json!({ "msemr_status": 935000002 }),
            ("/status", json!("final")),
        ),
        "msemr_allergyintolerance" => (
            json!({ "msemr_name": "Latex", "msemr_patient@odata.bind": patient, "msemr_criticality": 935000000 }),
            json!({ "msemr_criticality": 935000001 }),
            ("/criticality", json!("high")),
        ),
        _ => return None,
    };
    Some(Case { resource: resource(table), create, change, changed: (pointer.to_owned(), value) })
}

/// Of any table one column that is a member of the resource, and a change of it.
///
/// # Panics
/// If no column of the table is.
fn of_its_columns(table: &Table) -> Case {
    let is_member = |column: &&Column| {
        let is_plain = !column.path.is_empty() && column.path.bytes().all(|byte| byte.is_ascii_alphanumeric());
        column.access.create && column.access.update && is_plain && column.path != "language"
    };
    let members: Vec<&Column> = table.columns.iter().filter(is_member).collect();
    let changes = members.iter().filter_map(|column| {
        let pointer = format!("/{}", column.path);
        match &column.kind {
            Kind::Choice(choice) => {
                let [first, second, ..] = choice.options.as_slice() else { return None };
                Some((column, json!(first.value), json!(second.value), (pointer, json!(second.code))))
            }
            Kind::Text { .. } => Some((column, json!("made"), json!("changed"), (pointer, json!("changed")))),
            Kind::Boolean => Some((column, json!(true), json!(false), (pointer, json!(false)))),
            Kind::DateTime => {
                let [before, after] = ["2024-05-01T08:00:00Z", "2024-05-02T08:00:00Z"].map(|moment| json!(moment));
                Some((column, before, after.clone(), (pointer, after)))
            }
            _ => None,
        }
    });
    let Some((column, before, after, changed)) = changes.into_iter().next() else {
        panic!("step 18: {} has no column that is a member: add a case for it", table.name);
    };
    let (create, change) = (json!({ &column.name: before }), json!({ &column.name: after }));
    Case { resource: resource(table), create, change, changed }
}

/// The people and places of the exercise.
const KNOWN: [(&str, &str); 4] =
    [("Patient", PATIENT), ("Practitioner", PRACTITIONER), ("Organization", ORGANIZATION), ("Location", LOCATION)];

fn resource(table: &Table) -> String {
    table.sources[0].resource_type.clone()
}

const ROUTES: [&str; 2] = ["native", "virtual"];

/// # Panics
/// If a root table cannot be written.
pub(super) async fn every_table(world: &World) {
    let mut tables = shipped_tables();
    tables.retain(|table| table.parent.is_none());
    let served = world.server.tables().await;
    assert_eq!(served.iter().filter(|table| table["parent"].is_null()).count(), tables.len(), "step 18: all of them");
    for table in &tables {
        let mut case = of_the_exercise(table).unwrap_or_else(|| of_its_columns(table));
        let route =
            |name: &str| served.iter().find(|served| served["name"] == name).map(|served| text(served, "route"));
        let route_of = |name: &str| route(name).unwrap_or_else(|| panic!("step 18: no table {name}"));
        for passing in ROUTES {
            let server = &world.server;
            server.turn(&table.name, passing).await.expect(200);
            let asked = Asked { server, tables: &tables, known: &KNOWN, route: Some(passing) };
            let made = asked.row(table, case.create.clone()).await;
            let key = text(&made.row, &table.columns[table.key].name);
            server.delete(&format!("{}({key})", table.entity_set)).await.expect(204);
            case.create = made.body;
            cycle(world, &case, table, passing == "virtual").await;
            for (other, row) in &made.others {
                server.delete(row).await.expect(204);
                server.turn(other, route_of(other)).await.expect(200);
            }
            // The next route has rows of its own to be bound to.
            if let Value::Object(create) = &mut case.create {
                let is_made = |value: &Value| made.others.iter().any(|(_, row)| *value == format!("/{row}"));
                create.retain(|_, value| !is_made(value));
            }
        }
        world.server.turn(&table.name, route_of(&table.name)).await.expect(200);
    }
}

async fn cycle(World { fhir, server }: &World, case: &Case, table: &Table, is_virtual: bool) {
    let (set, key) = (table.entity_set.as_str(), table.columns[table.key].name.as_str());
    let what = format!("step 18: {set}, {}", if is_virtual { "virtual" } else { "native" });
    let counts = (fhir.count(&case.resource).await, server.native_rows(&table.name).await);

    let created = server.post(set, &case.create).await.expect(201).json();
    let id = text(&created, key).to_owned();
    let row = format!("{set}({id})");
    assert_shows(&server.get(&row, &[]).await.expect(200).json(), &case.create, &what);
    let after = (fhir.count(&case.resource).await, server.native_rows(&table.name).await);
    let grown = (counts.0 + u64::from(is_virtual), counts.1 + u64::from(!is_virtual));
    assert_eq!(after, grown, "{what}: it is in one place only");
    let before = if is_virtual { Some(fhir.read(&case.resource, &id).await) } else { None };
    if let Some(before) = &before {
        assert_eq!(r4().new_faults(None, before.to_string().as_bytes()), [], "{what}: {before}");
    }

    let changed = server.patch(&row, &case.change).await;
    assert_eq!(changed.status, 204, "{what}: {changed:?}");
    let mut expected = case.create.clone();
    for (column, value) in case.change.as_object().unwrap() {
        expected[column] = value.clone();
    }
    assert_shows(&server.get(&row, &[]).await.expect(200).json(), &expected, &what);
    if let Some(mut expected) = before {
        let (pointer, value) = &case.changed;
        *expected.pointer_mut(pointer).unwrap_or_else(|| panic!("{what}: no {pointer}")) = value.clone();
        let after = fhir.read(&case.resource, &id).await;
        assert_eq!(without_meta(&after), without_meta(&expected), "{what}: one element changed");
        assert_eq!(after["meta"]["versionId"], "2", "{what}");
    }

    server.delete(&row).await.expect(204);
    server.get(&row, &[]).await.expect(404);
    assert_eq!((fhir.count(&case.resource).await, server.native_rows(&table.name).await), counts, "{what}: deleted");
    is_gone_from_lists(server, table, &id).await;
}

async fn is_gone_from_lists(server: &Server, table: &Table, id: &str) {
    let set = &table.entity_set;
    let filter = format!("{} eq {id}", table.columns[table.key].name);
    assert_eq!(server.rows(set, &[("$filter", &filter)]).await, Vec::<Value>::new(), "step 18: {set}");
}

/// The row has what was written, a lookup under the name that it is read by.
fn assert_shows(row: &Value, written: &Value, what: &str) {
    for (column, value) in written.as_object().unwrap() {
        match column.strip_suffix("@odata.bind") {
            Some(lookup) => {
                let key = value.as_str().and_then(|bind| bind.split(['(', ')']).nth(1));
                assert_eq!(row[format!("_{lookup}_value")].as_str(), key, "{what}: {column}");
            }
            // As text: numbers compare digit by digit.
            None => assert_eq!(row[column].to_string(), value.to_string(), "{what}: {column}"),
        }
    }
}
