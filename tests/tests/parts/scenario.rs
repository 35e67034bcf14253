//! The reference exercise, all 20 steps of it as one story over HTTP: people native, what happened to them live out of a
//! FHIR service, an allergy written, changed and deleted, routes turned, a mapping exchanged under way. Run against the
//! sandbox and, where it is installed, against a FHIR server that nobody here wrote.

#![expect(clippy::unwrap_used, reason = "a test's own functions")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{EVENTS, Fhir, PATIENT, PEOPLE, Server, builtin, digest, with_text};

mod cycle;

#[tokio::test(flavor = "multi_thread")]
async fn the_exercise_on_the_sandbox() {
    exercise(Fhir::sandbox().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exercise_on_a_server_that_nobody_here_wrote() {
    if let Some(fhir) = Fhir::sekmet().await {
        exercise(fhir).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exercise_on_a_server_of_absolute_references() {
    if let Some(fhir) = Fhir::sekmet_with_absolute_references().await {
        let World { fhir, .. } = &*exercise(fhir).await;
        let encounter = fhir.read("Encounter", AMBULATORY).await;
        assert!(text(&encounter["subject"], "reference").starts_with(fhir.base()), "it was such a server: {encounter}");
    }
}

/// The key of `Practitioner/b4a4c3fa-277c-4e38-b5be-5ebc50f45575` in a table that shows patients first.
const PRACTITIONER: &str = "b4a4c3fa-277c-ce38-b5be-5ebc50f45575";
const LOCATION: &str = "8b02a604-8bab-4d2b-9220-34fdbd0c839d";
const ORGANIZATION: &str = "584ab274-238d-4be2-bdc2-2d0a91a6a94f";
const AMBULATORY: &str = "137cf922-beec-478e-acbc-152368296695";
const EMERGENCY: &str = "f45441db-824e-48d0-9418-c13604d6538b";
/// The observations refer to this encounter, which is in no bundle.
const DANGLING: &str = "fe77cf14-2e08-8297-4730-62f4d0ee1ee0";
/// Somebody else, who must never show among Patient One's rows.
const STRANGER: &str = "0a9d8f66-5a37-4d59-9f0e-2f6f6c3c8d11";
const STRANGERS_ENCOUNTER: &str = "5d2f7a0c-61b5-4f0b-8a3e-90c6c2f0a9e4";

/// The tables of the exercise that become virtual, with the navigation from a contact and the lookup back.
const VIRTUAL: [(&str, &str, &str); 3] = [
    ("msemr_encounter", "msemr_encounters", "msemr_subjectpatient"),
    ("msemr_observation", "msemr_observations", "msemr_subjecttypepatient"),
    ("msemr_allergyintolerance", "msemr_allergyintolerances", "msemr_patient"),
];

const ALLERGIES: &str = "msemr_allergyintolerances";
const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";

/// What the steps are taken in.
struct World {
    fhir: Fhir,
    server: Server,
}

async fn exercise(fhir: Fhir) -> Arc<World> {
    let server = Server::with(&fhir).start().await;
    let world = Arc::new(World { fhir, server });
    tables_and_relations(&world).await;
    sources_and_mappings(&world).await;
    people(&world).await;
    nothing_happened_yet(&world).await;
    events_in_fhir_only(&world).await;
    routes_turned(&world).await;
    live_rows(&world).await;
    let allergy = allergy_created(&world).await;
    allergy_in_fhir(&world, &allergy).await;
    mapping_exchanged_under_way(&world, &allergy).await;
    allergy_changed(&world, &allergy).await;
    others_elements_kept(&world, &allergy).await;
    allergy_deleted(&world, &allergy).await;
    cycle::every_table(&world).await;
    routes_turned_back_and_forth(&world).await;
    world
}

/// Steps 1 and 2: the tables are there, native, and a contact leads to what happened to it.
async fn tables_and_relations(World { server, .. }: &World) {
    let tables = server.tables().await;
    let find = |name: &str| tables.iter().find(|t| t["name"] == name).unwrap_or_else(|| panic!("step 1: no {name}"));
    for (table, set) in [("contact", "contacts"), ("account", "accounts"), ("msemr_location", "msemr_locations")] {
        assert_eq!((&find(table)["entitySet"], &find(table)["route"]), (&json!(set), &json!("native")), "step 1");
    }
    let metadata = server.get("$metadata", &[]).await.expect(200);
    let services = server.get("", &[]).await.rows();
    for (table, set, lookup) in VIRTUAL {
        assert_eq!(find(table)["route"], "native", "step 1: {table} starts native");
        assert!(services.iter().any(|s| s["url"] == set), "step 1: {set} in the service document");
        let navigation = format!("<NavigationProperty Name=\"{table}_{lookup}\"");
        assert!(metadata.text.contains(&navigation), "step 2: contact 1:N {table} in $metadata");
    }
}

/// Steps 3, 5 and 6: the FHIR service answers, and what has no source or no mapping is refused by name.
async fn sources_and_mappings(World { server, .. }: &World) {
    let ready = server.get("/readyz", &[]).await.expect(200).json();
    assert_eq!(ready["sources"]["main"]["up"], true, "step 3: {ready}");
    let answer = server.turn("msemr_encounter", "virtual:elsewhere").await.expect(400);
    assert!(answer.text.contains("elsewhere"), "step 5: a source without settings is named: {}", answer.text);
    let answer = server.get("msemr_carepathways", &[]).await.expect(404);
    assert_eq!(answer.error_code(), "UnknownTable", "step 6: {}", answer.text);
    let mappings = server.get("/admin/v1/mappings", &[]).await.expect(200).json();
    for (table, _, _) in VIRTUAL {
        let active = |mapping: &Value| mapping["activeFor"].as_array().is_some_and(|a| a.contains(&json!(table)));
        assert!(mappings["mappings"].as_array().unwrap().iter().any(active), "step 6: a mapping for {table}");
    }
}

/// Steps 4, 7 and 8: one call takes a bundle to the FHIR service and into the native tables.
async fn people(World { fhir, server }: &World) {
    let outcomes = server.ingest(PEOPLE, Some("main")).await.expect(200).json();
    let statuses: Vec<_> = entries(&outcomes).map(|e| e["response"]["status"].as_str().unwrap().to_owned()).collect();
    assert_eq!(statuses, ["201 Created"; 4], "step 4: {outcomes}");

    for posted in resources(PEOPLE) {
        let (resource_type, id) = (text(&posted, "resourceType"), text(&posted, "id"));
        let stored = fhir.read(resource_type, id).await;
        assert_eq!(without_meta(&stored), without_meta(&posted), "step 7: {resource_type} is in FHIR as it was posted");
    }
    // Microsoft's own action takes the same bundle, and finds everything there already.
    let again = json!({ "Bundle": PEOPLE });
    let outcomes = server.post("msind_UpsertBundle", &again).await.expect(200).json();
    assert!(entries(&outcomes).all(|e| e["response"]["status"] == "200 OK"), "step 4: {outcomes}");
    let rows = [("contact", 2), ("msemr_medicalidentifier", 5), ("account", 1), ("msemr_location", 1)];
    for (table, count) in rows {
        assert_eq!(server.native_rows(table).await, count, "step 7: native rows of {table}");
    }
    let contact = server.row("contacts", PATIENT).await;
    for (column, value) in [
        ("msemr_azurefhirid", json!(PATIENT)),
        ("fullname", json!("Patient One")),
        ("lastname", json!("One")),
        ("birthdate", json!("1972-02-05")),
        ("gendercode", json!(1)),
        ("msemr_multiplebirth", json!(2)),
        ("telephone2", json!("555-795-6145")),
        ("address1_city", json!("Woburn")),
        ("msemr_contacttype", json!(935000000)),
    ] {
        assert_eq!(contact[column], value, "step 7: contact.{column}");
    }
    assert_eq!(contact[format!("gendercode@{FORMATTED}")], "Male", "step 7");
    assert_instant(&contact["msemr_deceaseddate"], "1989-11-04T02:41:10-05:00", "step 7: deceased");
    let hospital = server.row("accounts", ORGANIZATION).await;
    assert_eq!(
        (&hospital["name"], &hospital["address1_city"]),
        (&json!("HOSPITAL - One"), &json!("DETROIT")),
        "step 7"
    );
    let place = server.row("msemr_locations", LOCATION).await;
    assert_eq!(place["msemr_locationpositionlatitude"].to_string(), "42.313057", "step 7: to the digit");

    let filter = "msemr_azurefhirid ne null and msemr_contacttype eq 935000000";
    let patients = server.rows("contacts", &[("$filter", filter)]).await;
    assert_eq!(keys(&patients, "contactid"), [PATIENT], "step 8: the view Patient FHIR");
    let filter = format!("_msemr_assignee_value eq {PATIENT}");
    let identifiers = server.rows("msemr_medicalidentifiers", &[("$filter", &filter)]).await;
    let mut values: Vec<_> = identifiers.iter().map(|row| text(row, "msemr_value")).collect();
    values.sort_unstable();
    assert_eq!(values, [PATIENT, "999-01-0002", "S11173027", "X53019369X"], "step 8: MR, SS, DL, PPN");
}

/// Step 9: the subgrids of Patient One are empty.
async fn nothing_happened_yet(world: &World) {
    for (table, _, _) in VIRTUAL {
        assert_eq!(subgrid(world, table).await, Vec::<Value>::new(), "step 9: {table}");
    }
}

/// Steps 10 and 11: what is in the FHIR service only does not leak into a native table.
async fn events_in_fhir_only(world: &World) {
    let fhir = &world.fhir;
    fhir.post(&serde_json::from_str(EVENTS).unwrap()).await;
    let name = json!([{ "family": "Stranger" }]);
    fhir.put(&json!({ "resourceType": "Patient", "id": STRANGER, "name": name })).await;
    let mut encounter = fhir.read("Encounter", AMBULATORY).await;
    encounter["id"] = json!(STRANGERS_ENCOUNTER);
    encounter["subject"] = json!({ "reference": format!("Patient/{STRANGER}") });
    encounter.as_object_mut().unwrap().remove("meta");
    fhir.put(&encounter).await;
    assert_eq!((fhir.count("Encounter").await, fhir.count("Observation").await), (3, 3), "step 10");
    let glucose = fhir.read("Observation", "694e252a-7adc-4df4-b666-bf21457c9736").await;
    assert_eq!(glucose["meta"]["versionId"], "1", "step 10: the posted version 7 is not taken over");

    if fhir.is_sandbox() {
        fhir.as_sandbox().clear_requests();
    }
    for (table, set, _) in VIRTUAL {
        assert_eq!(subgrid(world, table).await, Vec::<Value>::new(), "step 11: {table}");
        assert_eq!(world.server.rows(set, &[]).await, Vec::<Value>::new(), "step 11: {set}");
    }
    if fhir.is_sandbox() {
        assert_eq!(fhir.as_sandbox().requests(), [], "step 11: a native table asks nobody");
    }
}

/// Step 12: the routes are turned without a restart, children with them, and the audit trail says so.
async fn routes_turned(World { server, .. }: &World) {
    let dry = json!({ "provider": "virtual", "source": "main", "dry_run": true });
    let answer = server.put("/admin/v1/tables/msemr_encounter/route", &dry).await.expect(200).json();
    let changed: Vec<_> = answer["changes"].as_array().unwrap().iter().map(|change| text(change, "table")).collect();
    assert_eq!(changed[0], "msemr_encounter", "step 12: a dry run says what would change: {answer}");
    for child in ["msemr_encounterparticipant", "msemr_encounterparticipanttype"] {
        assert!(changed.contains(&child), "step 12: {child} would follow, at any depth: {answer}");
    }
    assert_eq!(server.table("msemr_encounter").await["route"], "native", "step 12: and changes nothing");

    let before = last_event(server).await;
    for (table, _, _) in VIRTUAL {
        server.turn(table, "virtual").await.expect(200);
        assert_eq!(server.table(table).await["route"], "virtual", "step 12: {table}");
    }
    for child in ["msemr_encounterparticipant", "msemr_encounterparticipanttype", "msemr_observationcomponent"] {
        assert_eq!(server.table(child).await["route"], "virtual", "step 12: {child} follows its parent");
    }
    let events = server.events(before).await;
    let turned: Vec<_> = events.iter().filter(|e| e["action"] == "route.set").map(|e| text(e, "table")).collect();
    assert_eq!(turned, VIRTUAL.map(|(table, _, _)| table), "step 12: {events:?}");
}

/// Step 13: two encounters and three observations, hers only, live, nothing stored here.
async fn live_rows(world: &World) {
    let World { fhir, server } = world;
    let encounters = subgrid(world, "msemr_encounter").await;
    assert_eq!(sorted(keys(&encounters, "msemr_encounterid")), [AMBULATORY, EMERGENCY], "step 13: hers only");
    let all = server.get("msemr_encounters/$count", &[]).await.expect(200);
    assert_eq!(all.text.trim_start_matches('\u{feff}'), "3", "step 13: the stranger has one too");
    let ambulatory = encounters.iter().find(|row| row["msemr_encounterid"] == AMBULATORY).unwrap();
    for (column, value) in [
        ("msemr_name", json!("History and physical examination, administrative (procedure)")),
        ("msemr_azurefhirid", json!(AMBULATORY)),
        ("msemr_azurefhirversion", json!("1")),
        ("msemr_encounterstatus", json!(935000005)),
        ("msemr_class", json!(935000000)),
        ("_msemr_subjectpatient_value", json!(PATIENT)),
        ("_msemr_onbehalfof_value", json!(ORGANIZATION)),
    ] {
        assert_eq!(ambulatory[column], value, "step 13: encounter.{column}");
    }
    // The resource has the code alone; its name is the mapping's.
    assert_eq!(ambulatory[format!("msemr_class@{FORMATTED}")], "Ambulatory", "step 13");
    assert_instant(&ambulatory["msemr_periodstart"], "1972-02-05T02:41:10-05:00", "step 13: offsets are kept in mind");
    assert_eq!(ambulatory["@odata.etag"], "W/\"1\"", "step 13");

    let people = server.rows("msemr_encounterparticipants", &[]).await;
    let hers: Vec<_> =
        people.iter().filter(|p| p["_msemr_encounterparticipantdetailsid_value"] == AMBULATORY).collect();
    assert_eq!(hers.len(), 1, "step 13: participants are a table of their own: {people:?}");
    assert_eq!(hers[0]["_msemr_individualtypepractitioner_value"], PRACTITIONER, "step 13");

    let observations = subgrid(world, "msemr_observation").await;
    let mut shown: Vec<_> = observations.iter().map(observation).collect();
    shown.sort_unstable();
    let expected =
        ["20565-8 Carbon Dioxide 28.5 mmol/L", "2339-0 Glucose 70.18 mg/dL", "6299-2 Urea Nitrogen 10.7 mg/dL"];
    assert_eq!(shown, expected, "step 13: values to the digit");
    for row in &observations {
        assert_eq!(row["msemr_azurefhirversion"], "1", "step 13: the service's version, not the posted 7");
        assert_eq!(row["_msemr_subjecttypepatient_value"], PATIENT, "step 13");
        assert_eq!(row["_msemr_conexttypeencounter_value"], DANGLING, "step 13: a reference that leads nowhere shows");
        assert_instant(&row["msemr_effectivetypedatetime"], "2012-06-15T00:04:07-04:00", "step 13: effective");
        assert_instant(&row["msemr_issueddate"], "2012-06-15T00:04:07.253-04:00", "step 13: milliseconds are kept");
    }
    let expanded = server.get("msemr_observations", &[("$expand", "msemr_conexttypeencounter")]).await.rows();
    assert!(expanded.iter().all(|row| row["msemr_conexttypeencounter"].is_null()), "step 13: and expands to nothing");

    asked_for_her_only(world).await;
    for (table, _, _) in VIRTUAL {
        assert_eq!(server.native_rows(table).await, 0, "step 13: nothing of {table} is stored here");
    }
    let (contact, expand) = (format!("contacts({PATIENT})"), "msemr_encounter_msemr_subjectpatient");
    let contact = server.get(&contact, &[("$expand", expand)]).await.expect(200).json();
    let children = contact[expand].as_array().unwrap().clone();
    let children = sorted(keys(&children, "msemr_encounterid"));
    assert_eq!(children, [AMBULATORY, EMERGENCY], "step 13: a native parent with virtual children in one query");
    assert_eq!(fhir.count("Encounter").await, 3, "step 13: reading changes nothing");
}

/// The key of the native contact travels to the FHIR service as her reference; the plan says so, and the sandbox saw it.
async fn asked_for_her_only(World { fhir, server }: &World) {
    let filter = format!("_msemr_subjectpatient_value eq {PATIENT}");
    let plan = server.get("msemr_encounters", &[("$filter", &filter), ("$explain", "true")]).await.expect(200);
    assert!(plan.text.contains(PATIENT), "step 13: {}", plan.text);
    if !fhir.is_sandbox() {
        return;
    }
    fhir.as_sandbox().clear_requests();
    server.get("msemr_encounters", &[("$filter", &filter)]).await.expect(200);
    let seen = fhir.as_sandbox().requests();
    let searches: Vec<_> = seen.iter().filter(|request| request.path.contains("/Encounter")).collect();
    assert!(!searches.is_empty(), "step 13: {seen:?}");
    for search in searches {
        assert!(search.path.contains(PATIENT), "step 13: a search that is not hers alone: {}", search.path);
    }
}

/// Step 14: a new allergy, written through; the answer names its GUID.
async fn allergy_created(World { server, fhir }: &World) -> String {
    let body = json!({
        "msemr_name": "Allergy: Patient One",
        "msemr_verificationstatus": 935000001,
        "msemr_patient@odata.bind": format!("/contacts({PATIENT})"),
        "msemr_code": "ABC123",
        "msemr_criticality": 935000000,
        "msemr_type": 935000000,
    });
    let call = server.call(Method::POST, ALLERGIES).header("prefer", "return=representation");
    let answer = call.json(&body).send().await.expect(201);
    let row = answer.json();
    let id = text(&row, "msemr_allergyintoleranceid").to_owned();
    assert_eq!(id.len(), 36, "step 14: {id} is a GUID");
    let location = format!("{}/{ALLERGIES}({id})", server.api());
    assert_eq!(answer.header("location"), location, "step 14");
    assert_eq!(row["msemr_code"], "ABC123", "step 14: {row}");
    assert_eq!(row["_msemr_patient_value"], PATIENT, "step 14");
    assert_eq!(fhir.count("AllergyIntolerance").await, 1, "step 14");
    assert_eq!(server.native_rows("msemr_allergyintolerance").await, 0, "step 14: nothing is kept here");
    id
}

/// Step 15: the resource under the same id, as the form was filled in.
async fn allergy_in_fhir(World { fhir, .. }: &World, id: &str) {
    let resource = fhir.read("AllergyIntolerance", id).await;
    assert_eq!(resource["id"], id, "step 15");
    assert_eq!(resource["meta"]["versionId"], "1", "step 15");
    let age = jiff::Timestamp::now().duration_since(updated(&resource)).as_secs();
    assert!((-2..60).contains(&age), "step 15: updated {age} s ago");
    assert_eq!(resource["criticality"], "low", "step 15");
    assert_eq!(resource["type"], "allergy", "step 15");
    assert_eq!(resource["code"]["coding"][0]["code"], "ABC123", "step 15");
    assert_eq!(resource["code"]["text"], "Allergy: Patient One", "step 15");
    let status = &resource["verificationStatus"]["coding"][0];
    assert_eq!(status["code"], "confirmed", "step 15");
    let system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
    assert_eq!(status["system"], system, "step 15");
    let patient = text(&resource["patient"], "reference");
    assert!(patient.ends_with(&format!("Patient/{PATIENT}")), "step 15: {patient}");
}

/// Step 20: another version of the allergy mapping is put in force and taken back while rows are read and written; no
/// request is dropped, and each sees one version or the other.
async fn mapping_exchanged_under_way(world: &Arc<World>, id: &str) {
    let server = &world.server;
    let (old, new) = ("Low risk", "LOW RISK");
    let component = with_text("allergyintolerance", old, new);
    let loaded = server.load(&component).await.expect(201).json();
    assert_eq!(loaded["digest"], digest(&component), "step 20: {loaded}");
    assert_ne!(digest(&component), digest(builtin("allergyintolerance")), "step 20");
    assert_eq!(criticality(server, id).await, old, "step 20: a loaded version is not yet in force");

    let ended = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..4).map(|_| tokio::spawn(read_until(world.clone(), id.to_owned(), ended.clone()))).collect();
    let writer = tokio::spawn(write_until(world.clone(), ended.clone()));
    let pause = || tokio::time::sleep(Duration::from_millis(150));
    pause().await;
    server.activate("msemr_allergyintolerance", &digest(&component)).await.expect(200);
    assert_eq!(criticality(server, id).await, new, "step 20: in force at the next request");
    pause().await;
    server.rollback("msemr_allergyintolerance").await.expect(200);
    assert_eq!(criticality(server, id).await, old, "step 20: and back");
    pause().await;
    ended.store(true, Ordering::Relaxed);

    let mut labels = Vec::new();
    for client in clients {
        labels.extend(client.await.expect("step 20: no request is dropped"));
    }
    let count = |label: &str| labels.iter().filter(|l| *l == label).count();
    assert!(count(old) > 0 && count(new) > 0, "step 20: both versions answered: {} {}", count(old), count(new));
    assert_eq!(count(old) + count(new), labels.len(), "step 20: nothing but the two versions");
    let writes = writer.await.expect("step 20: no write is dropped");
    assert!(writes > 0, "step 20");
}

/// Reads the allergy again and again; the labels that it showed.
async fn read_until(world: Arc<World>, id: String, ended: Arc<AtomicBool>) -> Vec<String> {
    let mut labels = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        labels.push(criticality(&world.server, &id).await);
    }
    labels
}

/// Creates, changes and deletes another allergy again and again; how often.
async fn write_until(world: Arc<World>, ended: Arc<AtomicBool>) -> usize {
    let server = &world.server;
    let body = json!({ "msemr_name": "Nuts", "msemr_patient@odata.bind": format!("/contacts({PATIENT})") });
    let mut rounds = 0;
    while !ended.load(Ordering::Relaxed) {
        let created = server.post(ALLERGIES, &body).await.expect(201);
        let row = format!("{ALLERGIES}({})", text(&created.json(), "msemr_allergyintoleranceid"));
        let changed = server.patch(&row, &json!({ "tt_note": "peanuts" })).await;
        assert!(matches!(changed.status, 200 | 204), "step 20: {changed:?}");
        server.delete(&row).await.expect(204);
        rounds += 1;
    }
    rounds
}

async fn criticality(server: &Server, id: &str) -> String {
    text(&server.row(ALLERGIES, id).await, &format!("msemr_criticality@{FORMATTED}")).to_owned()
}

/// Step 16: two columns change, everything else stays.
async fn allergy_changed(World { fhir, server }: &World, id: &str) {
    let before = fhir.read("AllergyIntolerance", id).await;
    let row = format!("{ALLERGIES}({id})");
    let change = json!({ "msemr_code": "XYZ456", "msemr_criticality": 935000001 });
    let stale = server.call(Method::PATCH, &row).header("if-match", "W/\"0\"").json(&change).send().await;
    assert_eq!(stale.status, 412, "step 16: a stale version is refused: {stale:?}");
    let changed = server.call(Method::PATCH, &row).header("if-match", "W/\"1\"").json(&change).send().await;
    assert_eq!(changed.status, 204, "step 16: {changed:?}");

    let after = fhir.read("AllergyIntolerance", id).await;
    assert_eq!(after["meta"]["versionId"], "2", "step 16");
    assert!(updated(&after) > updated(&before), "step 16: lastUpdated moved");
    let mut expected = before;
    expected["code"]["coding"][0]["code"] = json!("XYZ456");
    expected["criticality"] = json!("high");
    assert_eq!(without_meta(&after), without_meta(&expected), "step 16: untouched elements are kept");
    assert_eq!(server.row(ALLERGIES, id).await["msemr_code"], "XYZ456", "step 16");
}

/// Step 16 again, over a resource to which another system has meanwhile added what no column shows.
async fn others_elements_kept(World { fhir, server }: &World, id: &str) {
    let mut resource = fhir.read("AllergyIntolerance", id).await;
    resource["extension"] = json!([{ "url": "http://example.org/severity", "valueDecimal": 1.5 }]);
    resource["reaction"] = json!([{ "manifestation": [{ "text": "Hives" }], "severity": "moderate" }]);
    resource["code"]["coding"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "system": "http://example.org/other", "code": "2" }));
    fhir.put(&resource).await;
    server.patch(&format!("{ALLERGIES}({id})"), &json!({ "msemr_criticality": 935000002 })).await.expect(204);
    let after = fhir.read("AllergyIntolerance", id).await;
    assert_eq!(after["meta"]["versionId"], "4", "step 16: theirs and ours");
    resource["criticality"] = json!("unable-to-assess");
    assert_eq!(without_meta(&after), without_meta(&resource), "step 16: another's elements are kept");
}

/// Step 17: deleted in the FHIR service, and gone as a row.
async fn allergy_deleted(World { fhir, server }: &World, id: &str) {
    let row = format!("{ALLERGIES}({id})");
    server.delete(&row).await.expect(204);
    let gone = fhir.get(&format!("AllergyIntolerance/{id}"), &[]).await;
    assert!(matches!(gone.status, 404 | 410), "step 17: {gone:?}");
    assert_eq!(gone.json()["resourceType"], "OperationOutcome", "step 17: {gone:?}");
    assert_eq!(server.get(&row, &[]).await.expect(404).error_code(), "NotFound", "step 17");
    server.delete(&row).await.expect(404);
    assert_eq!(fhir.count("AllergyIntolerance").await, 0, "step 17");
}

/// Step 19: native again shows none of it and loses none of it; the same URLs throughout.
async fn routes_turned_back_and_forth(world: &World) {
    let World { fhir, server } = world;
    for (table, _, _) in VIRTUAL {
        server.turn(table, "native").await.expect(200);
        assert_eq!(subgrid(world, table).await, Vec::<Value>::new(), "step 19: {table}");
    }
    assert_eq!((fhir.count("Encounter").await, fhir.count("Observation").await), (3, 3), "step 19: FHIR keeps them");
    for (table, _, _) in VIRTUAL {
        server.turn(table, "virtual").await.expect(200);
    }
    let encounters = subgrid(world, "msemr_encounter").await;
    assert_eq!(sorted(keys(&encounters, "msemr_encounterid")), [AMBULATORY, EMERGENCY], "step 19: back");
    assert_eq!(subgrid(world, "msemr_observation").await.len(), 3, "step 19: back");
    assert_eq!(server.native_rows("msemr_encounter").await, 0, "step 19: no data was moved");
}

/// What a subgrid of Patient One's form asks: the children whose lookup is her. By filter and by navigation it is the
/// same.
async fn subgrid(World { server, .. }: &World, table: &str) -> Vec<Value> {
    let (_, set, lookup) = VIRTUAL.into_iter().find(|(name, _, _)| *name == table).unwrap();
    let filter = format!("_{lookup}_value eq {PATIENT}");
    let key = format!("{table}id");
    let options = [("$filter", filter.as_str()), ("$orderby", key.as_str())];
    let rows = server.rows(set, &options).await;
    let path = format!("contacts({PATIENT})/{table}_{lookup}");
    let related = server.rows(&path, &options[1..]).await;
    assert_eq!(keys(&related, &key), keys(&rows, &key), "{path}");
    rows
}

/// Code, name, value and unit in a line.
fn observation(row: &Value) -> String {
    let (code, name) = (text(row, "msemr_code_code"), text(row, "msemr_description"));
    assert_eq!(row["msemr_code_system"], "http://loinc.org");
    format!("{code} {name} {} {}", row["msemr_valuetypequantityvalue"], text(row, "msemr_valuequantityunit"))
}

async fn last_event(server: &Server) -> u64 {
    server.events(0).await.last().and_then(|event| event["id"].as_u64()).unwrap_or_default()
}

fn entries(bundle: &Value) -> impl Iterator<Item = &Value> {
    bundle["entry"].as_array().into_iter().flatten()
}

fn resources(bundle: &str) -> Vec<Value> {
    let bundle: Value = serde_json::from_str(bundle).unwrap();
    entries(&bundle).map(|entry| entry["resource"].clone()).collect()
}

#[track_caller]
fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("no text in {member}: {value}"))
}

fn keys(rows: &[Value], column: &str) -> Vec<String> {
    rows.iter().map(|row| text(row, column).to_owned()).collect()
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort_unstable();
    keys
}

/// As values, since a service may order members as it likes.
fn without_meta(resource: &Value) -> Value {
    let mut resource = resource.clone();
    resource.as_object_mut().unwrap().remove("meta");
    resource
}

#[track_caller]
fn updated(resource: &Value) -> jiff::Timestamp {
    let at = text(&resource["meta"], "lastUpdated");
    assert!(at.ends_with('Z') || at.ends_with("+00:00"), "lastUpdated in UTC: {at}");
    at.parse().unwrap()
}

/// The same moment, in UTC.
#[track_caller]
fn assert_instant(shown: &Value, written: &str, what: &str) {
    let shown = shown.as_str().unwrap_or_else(|| panic!("{what}: no time but {shown}"));
    assert!(shown.ends_with('Z'), "{what}: {shown} is UTC");
    let moment = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    assert_eq!(moment(shown), moment(written), "{what}");
}
