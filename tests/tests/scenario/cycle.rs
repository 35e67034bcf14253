//! Step 18: one cycle of create, read, update and delete, the same for every root table there is, on both routes.

use serde_json::{Value, json};

use super::{World, text, without_meta};
use turntable_tests::{PATIENT, Server};

/// A row to be made in a table and a change to it, in columns; and what they come to in the resource.
struct Case {
    table: &'static str,
    resource: &'static str,
    create: Value,
    change: Value,
    /// Where the change shows, as a JSON pointer, and what stands there after it.
    changed: (&'static str, Value),
}

fn cases() -> Vec<Case> {
    let patient = format!("/contacts({PATIENT})");
    vec![
        Case {
            table: "contact",
            resource: "Patient",
            create: json!({
                "msemr_contacttype": 935000000, "firstname": "Ada", "lastname": "Two", "gendercode": 2,
                "birthdate": "1980-02-29", "emailaddress1": "ada@example.com",
            }),
            change: json!({ "lastname": "Three" }),
            changed: ("/name/0/family", json!("Three")),
        },
        Case {
            table: "account",
            resource: "Organization",
            create: json!({ "name": "Clinic", "address1_city": "Leeds", "tt_active": true }),
            change: json!({ "address1_city": "York" }),
            changed: ("/address/0/city", json!("York")),
        },
        Case {
            table: "msemr_location",
            resource: "Location",
            create: json!({ "msemr_name": "Ward 7", "msemr_locationpositionlatitude": 53.125, "msemr_locationpositionlongitude": -1.5 }),
            change: json!({ "msemr_name": "Ward 8" }),
            changed: ("/name", json!("Ward 8")),
        },
        Case {
            table: "msemr_encounter",
            resource: "Encounter",
            create: json!({
                "msemr_encounterstatus": 935000003, "msemr_class": 935000004,
                "msemr_subjectpatient@odata.bind": patient, "msemr_periodstart": "2024-05-01T08:00:00Z",
            }),
            change: json!({ "msemr_encounterstatus": 935000005 }),
            changed: ("/status", json!("finished")),
        },
        Case {
            table: "msemr_observation",
            resource: "Observation",
            create: json!({
                "msemr_status": 935000001, "msemr_code_code": "8867-4", "msemr_code_system": "http://loinc.org",
                "msemr_subjecttypepatient@odata.bind": patient, "msemr_valuetypequantityvalue": 72.5,
                "msemr_valuequantityunit": "/min",
            }),
            change: json!({ "msemr_status": 935000002 }),
            changed: ("/status", json!("final")),
        },
        Case {
            table: "msemr_allergyintolerance",
            resource: "AllergyIntolerance",
            create: json!({ "msemr_name": "Latex", "msemr_patient@odata.bind": patient, "msemr_criticality": 935000000 }),
            change: json!({ "msemr_criticality": 935000001 }),
            changed: ("/criticality", json!("high")),
        },
    ]
}

/// # Panics
/// If a root table has no case.
pub(super) async fn every_table(world: &World) {
    let cases = cases();
    for table in world.server.tables().await.iter().filter(|table| table["parent"].is_null()) {
        let name = text(table, "name");
        let case = cases.iter().find(|case| case.table == name);
        let case = case.unwrap_or_else(|| panic!("step 18: add a case for the table {name}"));
        let route = text(table, "route");
        for passing in ["native", "virtual"] {
            world.server.turn(name, passing).await.expect(200);
            cycle(world, case, text(table, "entitySet"), passing == "virtual").await;
        }
        world.server.turn(name, route).await.expect(200);
    }
}

async fn cycle(World { fhir, server }: &World, case: &Case, set: &str, is_virtual: bool) {
    let what = format!("step 18: {set}, {}", if is_virtual { "virtual" } else { "native" });
    let counts = (fhir.count(case.resource).await, server.native_rows(case.table).await);

    let created = server.post(set, &case.create).await.expect(201).json();
    let id = text(&created, "msemr_azurefhirid").to_owned();
    let row = format!("{set}({id})");
    assert_shows(&server.get(&row, &[]).await.expect(200).json(), &case.create, &what);
    let after = (fhir.count(case.resource).await, server.native_rows(case.table).await);
    let grown = (counts.0 + u64::from(is_virtual), counts.1 + u64::from(!is_virtual));
    assert_eq!(after, grown, "{what}: it is in one place only");
    let before = if is_virtual { Some(fhir.read(case.resource, &id).await) } else { None };

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
        let after = fhir.read(case.resource, &id).await;
        assert_eq!(without_meta(&after), without_meta(&expected), "{what}: one element changed");
        assert_eq!(after["meta"]["versionId"], "2", "{what}");
    }

    server.delete(&row).await.expect(204);
    server.get(&row, &[]).await.expect(404);
    assert_eq!((fhir.count(case.resource).await, server.native_rows(case.table).await), counts, "{what}: deleted");
    is_gone_from_lists(server, set, &id).await;
}

async fn is_gone_from_lists(server: &Server, set: &str, id: &str) {
    let filter = format!("msemr_azurefhirid eq '{id}'");
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
