//! The promise behind the name: a table says the same on both routes. One list of requests is asked of the same data on
//! the native and on the virtual route, and on both mixes of them; the answers differ in versions and next links only.

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{EVENTS, Fhir, PATIENT, PEOPLE, SYNTHEA, Server, encode};

const ROOTS: [&str; 6] =
    ["account", "contact", "msemr_allergyintolerance", "msemr_encounter", "msemr_location", "msemr_observation"];

/// Who and where.
const PEOPLE_TABLES: [&str; 3] = ["account", "contact", "msemr_location"];

/// What happened.
const EVENT_TABLES: [&str; 3] = ["msemr_allergyintolerance", "msemr_encounter", "msemr_observation"];

/// Requests by path and option text, not encoded. Where the order of rows is told, it is told to the last row.
const REQUESTS: &[&str] = &[
    // All of each table, every column, with every annotation.
    "accounts",
    "contacts",
    "msemr_locations",
    "msemr_encounters",
    "msemr_observations",
    "msemr_allergyintolerances",
    "msemr_medicalidentifiers",
    "msemr_encounterparticipants",
    "msemr_observationcomponents",
    // One row, its properties, what it leads to.
    "contacts({patient})",
    "contacts({patient})?$select=fullname,birthdate,gendercode",
    "contacts({patient})/fullname",
    "contacts({patient})/gendercode/$value",
    "contacts({patient})/msemr_encounter_msemr_subjectpatient?$select=msemr_name",
    "contacts({patient})/msemr_encounter_msemr_subjectpatient/$count",
    "msemr_encounters({encounter})",
    "msemr_encounters({encounter})/msemr_periodstart",
    "msemr_encounters({encounter})/msemr_subjectpatient?$select=fullname",
    "msemr_encounters({encounter})/tt_type",
    // Each operator, on each kind of column.
    "msemr_observations?$filter=msemr_valuetypequantityvalue eq 70.18",
    "msemr_observations?$filter=msemr_valuetypequantityvalue ne 70.18",
    "msemr_observations?$filter=msemr_valuetypequantityvalue gt 70.18",
    "msemr_observations?$filter=msemr_valuetypequantityvalue ge 70.18",
    "msemr_observations?$filter=msemr_valuetypequantityvalue lt 10.7",
    "msemr_observations?$filter=msemr_valuetypequantityvalue le 10.7",
    "msemr_observations?$filter=msemr_valuetypequantityvalue eq null",
    "msemr_observations?$filter=msemr_valuetypequantityvalue ne null and msemr_valuequantityunit eq 'kg'",
    "msemr_observations?$filter=not (msemr_valuetypequantityvalue gt 30)",
    "msemr_observations?$filter=not (msemr_code_code eq '8302-2' or msemr_valuetypequantityvalue lt 50)",
    "msemr_observations?$filter=msemr_valuetypequantityvalue add 1 gt 100 or msemr_valuetypequantityvalue mul 2 lt 10",
    "msemr_observations?$filter=msemr_valuetypequantityvalue sub 1 div 2 mod 3 gt 70",
    "msemr_observations?$filter=round(msemr_valuetypequantityvalue) eq 70 or floor(msemr_valuetypequantityvalue) eq 10 or ceiling(msemr_valuetypequantityvalue) eq 29",
    "msemr_observations?$filter=msemr_status eq 935000002 and msemr_valuetype eq 935000001",
    "msemr_observations?$filter=msemr_valuetype in (935000001,935000002)",
    "msemr_observations?$filter=msemr_code_code in ('8302-2','29463-7','no such code')",
    "msemr_observations?$filter=msemr_code_code eq '2339-0' and msemr_code_system eq 'http://loinc.org'",
    "msemr_observations?$filter=_msemr_code_value eq {glucose}",
    "msemr_observations?$filter=_msemr_code_value ne {glucose} and contains(msemr_code_display,'Body')",
    "msemr_observations?$filter=msemr_effectivetypedatetime ge 2016-01-01T00:00:00Z and msemr_effectivetypedatetime lt 2019-01-01T00:00:00Z",
    "msemr_observations?$filter=msemr_effectivetypedatetime eq 2012-12-13T04:00:52Z",
    "msemr_observations?$filter=year(msemr_effectivetypedatetime) eq 2018 and month(msemr_effectivetypedatetime) gt 9",
    "msemr_observations?$filter=hour(msemr_effectivetypedatetime) eq 15 and minute(msemr_effectivetypedatetime) eq 22 and day(msemr_effectivetypedatetime) lt 25",
    "msemr_observations?$filter=date(msemr_effectivetypedatetime) eq 2012-12-13",
    "msemr_observations?$filter=_msemr_subjecttypepatient_value eq {patient}",
    "msemr_observations?$filter=_msemr_subjecttypepatient_value ne {patient}&$select=msemr_description",
    "msemr_observations?$filter=_msemr_conexttypeencounter_value eq null",
    "msemr_observations?$filter=msemr_observationid eq {observation}",
    "msemr_observations?$filter=msemr_observationid in ({observation},{nobody})",
    "msemr_encounters?$filter=msemr_class eq 935000001",
    "msemr_encounters?$filter=msemr_class ne 935000001 and msemr_encounterstatus eq 935000005",
    "msemr_encounters?$filter=tt_reasoncode_code eq '75498004'",
    "msemr_encounters?$filter=tt_reasoncode_code ne null",
    "msemr_encounters?$filter=msemr_periodstart gt 2015-01-01T00:00:00Z and msemr_periodend le 2016-08-25T15:37:50Z",
    "msemr_encounters?$filter=Microsoft.Dynamics.CRM.Between(PropertyName='msemr_periodstart',PropertyValues=['2012-01-01T00:00:00Z','2013-01-01T00:00:00Z'])",
    // Text.
    "contacts?$filter=lastname eq 'gutmann'",
    "contacts?$filter=contains(fullname,'one')",
    "contacts?$filter=startswith(lastname,'Ca') or endswith(lastname,'der')",
    "contacts?$filter=not contains(lastname,'e')",
    "contacts?$filter=tolower(lastname) eq 'casper' or toupper(firstname) eq 'LLOYD'",
    "contacts?$filter=contains(lastname,'e') eq true and endswith(firstname,'d') ne true",
    "contacts?$filter=(startswith(middlename,'A') eq false) or contains(lastname,'Gut') eq true",
    "contacts?$filter=length(lastname) eq 3 and indexof(fullname,'One') ge 0",
    "contacts?$filter=substring(lastname,0,3) eq 'Sch' or concat(firstname,lastname) eq 'ParisCasper'",
    "contacts?$filter=trim(address1_country) eq 'US'",
    // Dates of a day, choices, booleans, nulls.
    "contacts?$filter=birthdate lt 1980-01-01 and gendercode eq 1",
    "contacts?$filter=birthdate eq 1984-01-04",
    "contacts?$filter=birthdate eq null",
    "contacts?$filter=tt_active eq true",
    "contacts?$filter=msemr_contacttype eq 935000001",
    "contacts?$filter=msemr_azurefhirid ne null",
    "contacts?$filter=contactid in ({patient},{practitioner},{nobody})",
    "msemr_medicalidentifiers?$filter=_msemr_assignee_value eq {patient}",
    "msemr_medicalidentifiers?$filter=msemr_type eq 935000003 and contains(msemr_value,'-')",
    "msemr_encounterparticipants?$filter=_msemr_individualtypepractitioner_value eq {practitioner}",
    "msemr_observationcomponents?$filter=msemr_valuequantityvalue gt 120 and msemr_obscomponentcode_code eq '8480-6'",
    // Words anywhere.
    "contacts?$search=casper",
    "contacts?$search=CÁSPER OR \"patient one\"&$count=true",
    "contacts/$count?$search=US NOT casper",
    "msemr_observations?$search=body NOT (weight OR height)&$filter=msemr_status eq 935000002&$orderby=msemr_observationid&$top=20",
    "contacts?$select=fullname&$expand=msemr_encounter_msemr_subjectpatient($search=problem;$select=msemr_name)",
    // Conditions as values, times and durations, casts.
    "msemr_observations?$filter=(msemr_valuetypequantityvalue gt 50) eq (msemr_valuequantityunit eq 'kg')",
    "msemr_observations?$filter=contains(msemr_description,'Body') eq true and case(msemr_valuetypequantityvalue gt 100:2,msemr_valuetypequantityvalue gt 20:1) ge 1",
    "contacts?$filter=(msemr_encounter_msemr_subjectpatient/any(e:e/msemr_class eq 935000001) or birthdate gt 1980-01-01) ne (lastname lt 'M')",
    "msemr_observations?$filter=msemr_effectivetypedatetime add duration'P365D' gt 2019-01-01T00:00:00Z and time(msemr_effectivetypedatetime) lt 15:30",
    "msemr_encounters?$filter=msemr_periodend sub msemr_periodstart ge duration'PT15M' and totalseconds(msemr_periodend sub msemr_periodstart) le 3600",
    "contacts?$filter=birthdate add duration'P18250D' lt 2030-01-01",
    "msemr_observations?$filter=msemr_valuetypequantityvalue divby 4 gt 20 and msemr_valuetypequantityvalue lt INF",
    "msemr_observations?$filter=cast(msemr_valuetypequantityvalue,Edm.Int32) eq 70 or cast(msemr_status,Edm.String) eq 'x'",
    // Order: nulls, descending, several columns, by an expression.
    "contacts?$select=fullname&$orderby=lastname,contactid",
    "contacts?$select=fullname&$orderby=birthdate desc,contactid",
    "contacts?$select=fullname&$orderby=birthdate,fullname desc,contactid",
    "msemr_observations?$select=msemr_description&$orderby=msemr_valuetypequantityvalue,msemr_observationid",
    "msemr_observations?$select=msemr_description&$orderby=msemr_valuetypequantityvalue desc,msemr_observationid desc",
    "msemr_observations?$select=msemr_description&$orderby=msemr_description desc,msemr_effectivetypedatetime,msemr_observationid&$top=20",
    "msemr_observations?$select=msemr_description&$orderby=length(msemr_description),msemr_observationid&$skip=5&$top=10",
    "msemr_encounters?$select=msemr_name&$orderby=msemr_class desc,msemr_periodstart,msemr_encounterid",
    "msemr_encounters?$select=msemr_name&$orderby=_msemr_subjectpatient_value,msemr_periodstart desc,msemr_encounterid",
    // Windows and counts.
    "msemr_observations?$orderby=msemr_observationid&$top=3",
    "msemr_observations?$orderby=msemr_observationid&$skip=100&$top=50",
    "msemr_observations?$orderby=msemr_observationid&$skip=200",
    "msemr_observations?$top=0&$count=true",
    "msemr_observations?$select=msemr_description&$filter=msemr_code_code eq '8302-2'&$count=true",
    "msemr_observations?$select=msemr_description&$orderby=msemr_issueddate,msemr_observationid&$top=2&$skip=3&$count=true",
    "msemr_observations/$count",
    "msemr_observations/$count?$filter=msemr_valuetypequantityvalue gt 100",
    "msemr_observationcomponents/$count",
    // Across tables.
    "msemr_encounters?$select=msemr_name&$filter=msemr_subjectpatient/lastname eq 'Casper'",
    "msemr_encounters?$select=msemr_name&$filter=msemr_subjectpatient/birthdate ge 1980-01-01 and msemr_class eq 935000000",
    "msemr_observations?$select=msemr_description&$filter=msemr_conexttypeencounter/msemr_class eq 935000000",
    "contacts?$select=fullname&$filter=msemr_encounter_msemr_subjectpatient/any(e:e/msemr_class eq 935000001)",
    "contacts?$select=fullname&$filter=msemr_encounter_msemr_subjectpatient/all(e:e/msemr_class eq 935000000)",
    "contacts?$select=fullname&$filter=not msemr_encounter_msemr_subjectpatient/any()",
    "contacts?$select=fullname&$filter=msemr_medicalidentifier_msemr_assignee/any(i:i/msemr_value eq '999-01-0002')",
    // Values of several tables.
    "msemr_observations?$select=msemr_description&$orderby=msemr_subjecttypepatient/lastname desc,msemr_conexttypeencounter/msemr_periodstart,msemr_observationid&$top=30&$skip=4&$count=true",
    "msemr_observationcomponents?$select=msemr_name&$orderby=msemr_observation/msemr_subjecttypepatient/fullname,msemr_observationcomponentid",
    "contacts?$select=fullname&$orderby=msemr_encounter_msemr_subjectpatient/$count desc,contactid",
    "contacts?$select=fullname&$filter=msemr_encounter_msemr_subjectpatient/$count gt 2 and contains(lastname,'e')&$count=true",
    "contacts?$select=fullname&$filter=msemr_observation_msemr_subjecttypepatient/$count($filter=msemr_valuetypequantityvalue gt 10) ge 3",
    "contacts/$count?$filter=msemr_encounter_msemr_subjectpatient/$count eq 0",
    "msemr_observations?$select=msemr_description&$filter=msemr_conexttypeencounter/msemr_periodstart ge msemr_effectivetypedatetime",
    "msemr_observations?$select=msemr_description&$filter=msemr_conexttypeencounter/_msemr_subjectpatient_value eq _msemr_subjecttypepatient_value",
    "msemr_encounters?$select=msemr_name&$filter=msemr_observation_msemr_conexttypeencounter/any(o:o/msemr_effectivetypedatetime eq msemr_periodstart)",
    "msemr_encounters?$select=msemr_name&$filter=msemr_observation_msemr_conexttypeencounter/all(o:o/msemr_effectivetypedatetime ge msemr_periodstart)",
    "contacts?$select=fullname&$expand=msemr_encounter_msemr_subjectpatient($select=msemr_name;$filter=msemr_observation_msemr_conexttypeencounter/$count gt 1;$orderby=msemr_observation_msemr_conexttypeencounter/$count desc,msemr_encounterid;$top=2)&$orderby=contactid",
    // Expanded, up and down.
    "contacts?$select=fullname&$expand=msemr_encounter_msemr_subjectpatient($select=msemr_name,msemr_class)",
    "contacts({patient})?$select=fullname&$expand=msemr_observation_msemr_subjecttypepatient($select=msemr_description;$orderby=msemr_description;$top=2;$count=true)",
    "contacts?$select=fullname&$expand=msemr_medicalidentifier_msemr_assignee($filter=msemr_type eq 935000003)",
    "msemr_encounters?$select=msemr_name&$expand=msemr_subjectpatient($select=fullname,birthdate)",
    "msemr_encounters?$select=msemr_name&$expand=tt_type,tt_reasoncode($select=msemr_code,msemr_name)",
    "msemr_observations?$select=msemr_description&$expand=msemr_code,msemr_subjecttypepatient($select=fullname),msemr_conexttypeencounter($select=msemr_name)",
    "msemr_encounterparticipants?$expand=msemr_individualtypepractitioner($select=fullname)",
    "msemr_observationcomponents?$select=msemr_name&$expand=msemr_observation($select=msemr_description)&$orderby=msemr_observationcomponentid&$top=4",
    "contacts?$select=fullname&$expand=msemr_encounter_msemr_subjectpatient($select=msemr_name;$orderby=msemr_periodstart,msemr_encounterid;$top=2;$count=true;$expand=tt_type,msemr_subjectpatient($select=fullname),msemr_observation_msemr_conexttypeencounter($select=msemr_description;$filter=msemr_valuetypequantityvalue gt 10;$orderby=msemr_description,msemr_observationid;$skip=1;$expand=msemr_conexttypeencounter/$ref))&$orderby=contactid",
    "msemr_observationcomponents?$select=msemr_name&$expand=msemr_observation($select=msemr_description;$expand=msemr_subjecttypepatient($select=fullname;$expand=msemr_encounter_msemr_subjectpatient/$count($filter=msemr_class eq 935000001)))&$orderby=msemr_observationcomponentid&$top=4",
    "contacts({patient})?$select=fullname&$expand=msemr_encounter_msemr_subjectpatient/$ref($orderby=msemr_encounterid;$top=3),msemr_observation_msemr_subjecttypepatient/$count",
];

/// Requests without a row on this data; all others must have one, or they would prove nothing.
const EMPTY: [&str; 4] = [
    "msemr_allergyintolerances",
    "msemr_observations?$orderby=msemr_observationid&$skip=200",
    "msemr_observations?$top=0&$count=true",
    "msemr_observations?$filter=_msemr_conexttypeencounter_value eq null",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_both_routes() {
    let there = There::start().await;
    let native = there.answers().await;
    let nothing: Vec<_> = REQUESTS.iter().zip(&native).filter(|(_, answer)| is_empty(answer)).collect();
    let unexpected: Vec<_> = nothing.iter().filter(|(request, _)| !EMPTY.contains(request)).collect();
    assert!(unexpected.is_empty(), "no row to compare: {unexpected:#?}");
    there.turn(&ROOTS, "virtual").await;
    let mut differences = there.compare("virtual", &native).await;
    there.turn(&PEOPLE_TABLES, "native").await;
    differences.extend(there.compare("native people, virtual events", &native).await);
    there.turn(&PEOPLE_TABLES, "virtual").await;
    there.turn(&EVENT_TABLES, "native").await;
    differences.extend(there.compare("virtual people, native events", &native).await);
    there.turn(&ROOTS, "native").await;
    differences.extend(there.compare("native again", &native).await);
    assert!(differences.is_empty(), "{} differences:\n\n{}", differences.len(), differences.join("\n\n"));
}

/// Pages of any size add up to the same rows, in the same order where there is one.
#[tokio::test(flavor = "multi_thread")]
async fn pages() {
    let there = There::start().await;
    let mut expected = Vec::new();
    for route in ["native", "virtual"] {
        there.turn(&ROOTS, route).await;
        for (at, (request, sizes)) in [
            ("msemr_observations?$select=msemr_description", &[7, 50][..]),
            ("msemr_observations?$select=msemr_description&$orderby=msemr_valuetypequantityvalue desc,msemr_observationid", &[40]),
            ("msemr_observations?$select=msemr_description&$filter=msemr_valuetypequantityvalue gt 30&$count=true", &[10]),
            ("msemr_observations?$select=msemr_description&$filter=contains(msemr_description,'Blood')", &[6]),
            ("msemr_observations?$select=msemr_description&$orderby=msemr_observationid&$top=25&$skip=3", &[10]),
            ("msemr_observationcomponents?$select=msemr_name", &[5]),
            ("msemr_encounters?$select=msemr_name&$expand=msemr_subjectpatient($select=fullname)", &[4]),
            ("contacts?$select=fullname", &[1, 4]),
            ("msemr_encounters?$select=msemr_name&$orderby=msemr_subjectpatient/lastname,msemr_encounterid&$top=9&$skip=2", &[2, 4]),
        ]
        .into_iter()
        .enumerate()
        {
            let whole = there.walk(request, 5_000).await;
            if route == "native" {
                expected.push(whole.clone());
            }
            assert_eq!(whole, expected[at], "{route}: {request}");
            for size in sizes {
                assert_eq!(there.walk(request, *size).await, whole, "{route}: {request} by {size}");
            }
        }
        // Which ten is for the route to say, but not another ten by pages; a resource has two rows here.
        let ten = "msemr_observationcomponents?$select=msemr_name&$top=10";
        let whole = there.walk(ten, 5_000).await;
        assert_eq!(whole.len(), 10, "{route}");
        for size in [3, 7] {
            assert_eq!(there.walk(ten, size).await, whole, "{route}: {ten} by {size}");
        }
    }
}

/// One resource is a row of every table over its type, and of their children, on either route; a change through one is
/// a change of all.
#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_a_row_of_every_table_over_its_type() {
    const ROOTS: [&str; 5] =
        ["contact", "msemr_procedurerequest", "msemr_referralrequest", "msemr_relatedperson", "tt_servicerequest"];
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    let mut expected: Option<Vec<(String, Value)>> = None;
    for route in ["native", "virtual"] {
        for table in ROOTS {
            server.turn(table, route).await.expect(200);
        }
        let answer = server.ingest(REQUEST_AND_RELATIVE, Some("main")).await.expect(200).json();
        let note = |entry: &Value| entry["response"]["outcome"]["issue"][0]["diagnostics"].clone();
        let notes: Vec<_> = answer["entry"].as_array().expect("entries").iter().map(note).collect();
        if route == "native" {
            let named = "stored in tables `msemr_procedurerequest`, `msemr_referralrequest`, `tt_servicerequest`";
            assert_eq!(notes, [named, "stored in tables `contact`, `msemr_relatedperson`"]);
        }
        let rows = everything(&server).await;
        let empty: Vec<_> = rows.iter().filter(|(_, rows)| rows.as_array().is_none_or(Vec::is_empty)).collect();
        assert!(rows.len() - empty.len() >= 12, "{route}: roots and children have rows: {rows:#?}");
        match &expected {
            None => expected = Some(rows),
            Some(expected) => {
                for ((set, expected), (_, rows)) in expected.iter().zip(&rows) {
                    assert_eq!(expected, rows, "{set}");
                }
                assert_eq!(expected.len(), rows.len());
            }
        }
        one_resource_many_rows(&server, route).await;
    }
}

/// Types that no table shows together have the same keys for the same ids; where a key is hashed, that must not hide the
/// row of one type behind that of the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_id_of_two_types() {
    const ID: &str = "an-id-that-is-too-long-to-be-packed";
    let fhir = Fhir::sandbox().await;
    for (resource_type, list) in [("Observation", "component"), ("Specimen", "note"), ("Encounter", "participant")] {
        let entry = serde_json::json!({"text": "a", "code": {"text": "a"}, "type": [{"text": "a"}]});
        fhir.put(&serde_json::json!({"resourceType": resource_type, "id": ID, list: [entry]})).await;
    }
    let tables = ["msemr_observation", "msemr_encounter", "msemr_specimen"];
    let server = Server::with(&fhir).virtual_tables(&tables).start().await;
    for (table, set, key, below, by) in [
        ("msemr_specimen", "msemr_specimens", "msemr_specimenid", "tt_specimennotes", "_msemr_specimen_value"),
        (
            "msemr_encounter",
            "msemr_encounters",
            "msemr_encounterid",
            "msemr_encounterparticipants",
            "_msemr_encounterparticipantdetailsid_value",
        ),
        (
            "msemr_observation",
            "msemr_observations",
            "msemr_observationid",
            "msemr_observationcomponents",
            "_msemr_observation_value",
        ),
    ] {
        let rows = server.rows(set, &[]).await;
        let guid = rows[0][key].as_str().expect("a key").to_owned();
        server.row(set, &guid).await;
        let lookup = by.trim_start_matches('_').trim_end_matches("_value");
        for (set, condition) in [
            (set, format!("{key} eq {guid}")),
            (below, format!("{by} eq {guid}")),
            (below, format!("{lookup}/{key} eq {guid}")),
            (set, format!("{}_{lookup}/any(x:x/{by} eq {guid})", below.trim_end_matches('s'))),
        ] {
            let rows = server.rows(set, &[("$filter", &condition)]).await;
            assert_eq!(rows.len(), 1, "{table}: {set} by {condition}");
        }
    }
}

/// A lookup may lead to several tables, whose rows may have the same key. Each table is led to by what means its row.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_two_tables_with_one_key() {
    let fhir = Fhir::sandbox().await;
    let tables = ["contact", "tt_group", "tt_questionnaireresponse"];
    let resources = [
        serde_json::json!({"resourceType": "Patient", "id": "same", "name": [{"family": "Doe"}]}),
        serde_json::json!({"resourceType": "Group", "id": "same", "name": "Herd", "identifier": [{"value": "h"}]}),
        serde_json::json!({"resourceType": "QuestionnaireResponse", "id": "of-patient", "subject": {"reference": "Patient/same"}}),
        serde_json::json!({"resourceType": "QuestionnaireResponse", "id": "of-group", "subject": {"reference": "Group/same"}}),
    ];
    for resource in &resources {
        fhir.put(resource).await;
    }
    let entries: Vec<Value> = resources.iter().map(|resource| serde_json::json!({"resource": resource})).collect();
    let bundle = serde_json::json!({"resourceType": "Bundle", "type": "collection", "entry": entries}).to_string();
    let server = Server::with(&fhir).start().await;
    let call = server.call(Method::POST, "/fhir?as=batch").body("application/fhir+json", bundle);
    call.send().await.expect(200);
    const BACK: &str = "tt_questionnaireresponse_tt_subject";
    for route in ["native", "virtual"] {
        for table in tables {
            server.turn(table, route).await.expect(200);
        }
        let ids = async |path: &str, options: &[(&str, &str)]| -> Vec<String> {
            let rows = server.rows(path, options).await;
            rows.iter().map(|row| row["msemr_azurefhirid"].as_str().unwrap_or("?").to_owned()).collect()
        };
        for (set, key, response) in [("contacts", "contactid", "of-patient"), ("tt_groups", "tt_groupid", "of-group")] {
            let rows = server.rows(set, &[("$expand", &format!("{BACK}($select=msemr_azurefhirid)"))]).await;
            let shown = |row: &Value| row[BACK].as_array().expect("rows").clone();
            assert_eq!(shown(&rows[0]).len(), 1, "{route}: {set}");
            assert_eq!(shown(&rows[0])[0]["msemr_azurefhirid"], *response, "{route}: {set}");
            let path = format!("{set}({})/{BACK}", rows[0][key].as_str().expect("a key"));
            assert_eq!(ids(&path, &[]).await, [response], "{route}: {path}");
            for (condition, count) in [
                (format!("{BACK}/any(x:x/msemr_azurefhirid eq '{response}')"), 1),
                (format!("{BACK}/any(x:x/msemr_azurefhirid ne '{response}')"), 0),
                (format!("{BACK}/all(x:x/msemr_azurefhirid eq '{response}')"), 1),
            ] {
                let found = server.rows(set, &[("$filter", &condition)]).await;
                assert_eq!(found.len(), count, "{route}: {set} {condition}");
            }
        }
        // The navigation property of the lookup leads to the first of its tables.
        let responses = "tt_questionnaireresponses";
        assert_eq!(ids(responses, &[("$filter", "tt_subject/contactid ne null")]).await, ["of-patient"], "{route}");
        assert_eq!(ids(responses, &[("$filter", "tt_subject/lastname eq 'Doe'")]).await, ["of-patient"], "{route}");
        assert_eq!(ids(responses, &[("$filter", "not (tt_subject/lastname eq 'Doe')")]).await, ["of-group"], "{route}");
        for row in server.rows(responses, &[("$expand", "tt_subject($select=lastname)")]).await {
            let is_of_patient = row["msemr_azurefhirid"] == "of-patient";
            assert_eq!(row["tt_subject"]["lastname"] == "Doe", is_of_patient, "{route}: {row}");
            let key = row["tt_questionnaireresponseid"].as_str().expect("a key");
            let status = server.get(&format!("{responses}({key})/tt_subject"), &[]).await.status;
            assert_eq!(status, if is_of_patient { 200 } else { 204 }, "{route}");
        }
    }
}

/// The UUIDs of a table's further types are moved, and so they are in the lookups of their child tables.
#[tokio::test(flavor = "multi_thread")]
async fn children_of_a_further_type() {
    let fhir = Fhir::sandbox().await;
    fhir.put(&serde_json::json!({
        "resourceType": "Practitioner", "id": "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11",
        "qualification": [{"code": {"text": "BS"}}],
    }))
    .await;
    let server = Server::with(&fhir).virtual_tables(&["contact"]).start().await;
    let guid = "0b1e5a52-7f0e-cd7a-9c53-2f6f3a1d0c11";
    server.row("contacts", guid).await;
    for condition in [format!("_msemr_practitioner_value eq {guid}"), format!("msemr_practitioner/contactid eq {guid}")]
    {
        let rows = server.rows("msemr_practitionerqualifications", &[("$filter", &condition)]).await;
        assert_eq!(rows.len(), 1, "{condition}");
    }
    let path = format!("contacts({guid})/msemr_practitionerqualification_msemr_practitioner");
    assert_eq!(server.rows(&path, &[]).await.len(), 1);
}

const REQUEST_AND_RELATIVE: &str = r#"{"resourceType": "Bundle", "type": "batch", "entry": [
    {"resource": {"resourceType": "ServiceRequest", "id": "sr1", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p1"}, "code": {"text": "X-ray"},
        "category": [{"text": "imaging"}, {"text": "urgent"}],
        "bodySite": [{"text": "left hand"}], "reasonCode": [{"text": "a fall"}],
        "performer": [{"reference": "Practitioner/d1"}]},
     "request": {"method": "PUT", "url": "ServiceRequest/sr1"}},
    {"resource": {"resourceType": "RelatedPerson", "id": "rp1", "patient": {"reference": "Patient/p1"},
        "name": [{"family": "Doe", "given": ["Jo"]}], "relationship": [{"text": "sister"}],
        "telecom": [{"system": "phone", "value": "555"}], "address": [{"city": "Woburn"}]},
     "request": {"method": "PUT", "url": "RelatedPerson/rp1"}}
]}"#;

/// The rows of every table over the two types, by entity set.
async fn everything(server: &Server) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for table in server.tables().await {
        let shows = |resource_type: &str| {
            table["resource"].as_array().is_some_and(|types| types.contains(&resource_type.into()))
        };
        if shows("ServiceRequest") || shows("RelatedPerson") {
            let set = table["entitySet"].as_str().expect("an entity set");
            let mut rows = Value::from(server.rows(set, &[]).await);
            settle(&mut rows, set);
            all.push((set.to_owned(), rows));
        }
    }
    all
}

async fn one_resource_many_rows(server: &Server, route: &str) {
    let statuses = [
        ("tt_servicerequests", "tt_servicerequestid", "tt_status"),
        ("msemr_procedurerequests", "msemr_procedurerequestid", "msemr_status"),
        ("msemr_referralrequests", "msemr_referralrequestid", "msemr_status"),
    ];
    let names =
        [("msemr_relatedpersons", "msemr_relatedpersonid", "tt_familyname"), ("contacts", "contactid", "lastname")];
    let one = async |(set, key, column): (&str, &str, &str)| {
        let rows = server.rows(set, &[]).await;
        let [row] = rows.as_slice() else { panic!("{route}: one row of {set}: {rows:?}") };
        let key = row[key].as_str().expect("a key").to_owned();
        // The list, the row by its key and the filter agree.
        assert_eq!(server.row(set, &key).await[column], row[column], "{route}: {set}");
        let literal = if row[column].is_number() {
            row[column].to_string()
        } else {
            format!("'{}'", row[column].as_str().unwrap_or_default())
        };
        assert_eq!(
            server.rows(set, &[("$filter", &format!("{column} eq {literal}"))]).await.len(),
            1,
            "{route}: {set}"
        );
        (format!("{set}({key})"), row[column].clone())
    };
    // Draft, active, on hold, …: each through another table.
    for (turn, through) in statuses.into_iter().enumerate() {
        let value = Value::from(935_000_002 + turn);
        let (path, _) = one(through).await;
        server.patch(&path, &serde_json::json!({ through.2: value })).await.expect(204);
        for table in statuses {
            assert_eq!(one(table).await.1, value, "{route}: through {} in {}", through.0, table.0);
        }
    }
    for (through, value) in names.into_iter().zip(["Roe", "Poe"]) {
        let (path, _) = one(through).await;
        server.patch(&path, &serde_json::json!({ through.2: value })).await.expect(204);
        for table in names {
            assert_eq!(one(table).await.1, value, "{route}: through {} in {}", through.0, table.0);
        }
    }
    // Gone through one, gone from all, children included.
    let others = [one(statuses[0]).await.0, one(names[0]).await.0];
    for through in [statuses[2], names[1]] {
        server.delete(&one(through).await.0).await.expect(204);
    }
    for path in others {
        server.get(&path, &[]).await.expect(404);
    }
    for (set, rows) in everything(server).await {
        assert_eq!(rows, Value::Array(Vec::new()), "{route}: {set}");
    }
}

struct There {
    _fhir: Fhir,
    server: Server,
    names: Vec<(&'static str, String)>,
}

impl There {
    /// All tables native, and the same resources in the FHIR service.
    async fn start() -> Self {
        let fhir = Fhir::sandbox().await;
        let server = Server::with(&fhir).start().await;
        for bundle in [PEOPLE, EVENTS].into_iter().chain(SYNTHEA) {
            let answer = server.ingest(bundle, Some("main")).await.expect(200).json();
            for entry in answer["entry"].as_array().expect("entries") {
                // Types without a table are forwarded only.
                let status = entry["response"]["status"].as_str().unwrap_or_default();
                assert!(status.starts_with("201") || status.starts_with("202"), "{entry}");
            }
        }
        let glucose = server.get("msemr_observations", &[("$filter", "msemr_code_code eq '2339-0'")]).await.rows();
        let text = |column: &str| glucose[0][column].as_str().expect("a GUID").to_owned();
        let names = vec![
            ("{patient}", PATIENT.to_owned()),
            ("{practitioner}", "b4a4c3fa-277c-ce38-b5be-5ebc50f45575".to_owned()),
            ("{encounter}", "137cf922-beec-478e-acbc-152368296695".to_owned()),
            ("{nobody}", "11111111-2222-4333-8444-555555555555".to_owned()),
            ("{observation}", text("msemr_observationid")),
            ("{glucose}", text("_msemr_code_value")),
        ];
        Self { _fhir: fhir, server, names }
    }

    async fn turn(&self, tables: &[&str], route: &str) {
        for table in tables {
            self.server.turn(table, route).await.expect(200);
        }
    }

    /// The answer to each of [`REQUESTS`], without what may differ.
    async fn answers(&self) -> Vec<Value> {
        let mut answers = Vec::with_capacity(REQUESTS.len());
        for request in REQUESTS {
            let call = self.server.call(Method::GET, &self.path(request));
            let answer = call.header("prefer", "odata.include-annotations=\"*\"").send().await;
            let mut value = serde_json::from_str(&answer.text).unwrap_or_else(|_| Value::from(answer.text.as_str()));
            settle(&mut value, request);
            answers.push(if answer.status == 200 { value } else { Value::from(format!("{}: {value}", answer.status)) });
        }
        answers
    }

    async fn compare(&self, routes: &str, expected: &[Value]) -> Vec<String> {
        let answers = self.answers().await;
        let pairs = REQUESTS.iter().zip(expected).zip(&answers).filter(|((_, expected), answer)| expected != answer);
        pairs.map(|((request, expected), answer)| format!("{routes}: {request}\n{}", first(expected, answer))).collect()
    }

    /// Rows of all pages.
    async fn walk(&self, request: &str, size: usize) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut next = Some(self.path(request));
        let mut counted = None;
        while let Some(path) = next.take() {
            let call = self.server.call(Method::GET, &path).header("prefer", &format!("odata.maxpagesize={size}"));
            let page = call.send().await;
            let of_page = page.rows();
            assert!(of_page.len() <= size, "{request}: {} rows on a page of {size}", of_page.len());
            rows.extend(of_page);
            let body = page.json();
            counted = counted.or(body["@odata.count"].as_u64());
            next = body["@odata.nextLink"].as_str().map(str::to_owned);
            assert!(rows.len() < 1_000, "{request}: the pages never end");
        }
        if let Some(counted) = counted {
            assert_eq!(counted, rows.len() as u64, "{request}");
        }
        let mut rows = Value::from(rows);
        settle(&mut rows, request);
        rows.as_array().cloned().unwrap_or_default()
    }

    fn path(&self, request: &str) -> String {
        let request = self.names.iter().fold(request.to_owned(), |text, (name, value)| text.replace(name, value));
        let Some((path, options)) = request.split_once('?') else { return request };
        let options = options.split("&$").map(|option| {
            let (name, value) = option.split_once('=').expect("an option has a value");
            format!("${}={}", name.trim_start_matches('$'), encode(value))
        });
        format!("{path}?{}", options.collect::<Vec<_>>().join("&"))
    }
}

/// Takes away what may differ: versions and links, and the order of rows where none was asked for.
fn settle(value: &mut Value, request: &str) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| {
                let versioned =
                    name.starts_with("msemr_azurefhirversion") || name.starts_with("msemr_azurefhirlastupdated");
                !versioned && !name.ends_with("@odata.etag") && !name.ends_with("@odata.nextLink")
            });
            members.values_mut().for_each(|member| settle(member, request));
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| settle(item, request));
            if !request.contains("$orderby=") {
                items.sort_by_cached_key(Value::to_string);
            }
        }
        _ => {}
    }
}

/// Where two answers begin to differ.
fn first(expected: &Value, answer: &Value) -> String {
    let rows = |value: &Value| value["value"].as_array().cloned();
    if let (Some(expected), Some(answer)) = (rows(expected), rows(answer)) {
        if expected.len() != answer.len() {
            let keys = |rows: &[Value]| rows.iter().map(|row| cut(&row.to_string(), 160)).collect::<Vec<_>>();
            let missing: Vec<_> =
                keys(&expected).into_iter().filter(|row| !keys(&answer).contains(row)).take(2).collect();
            return format!("  {} rows, expected {}; missing {missing:#?}", answer.len(), expected.len());
        }
        if let Some((expected, answer)) = expected.iter().zip(&answer).find(|(a, b)| a != b) {
            return differing(expected, answer);
        }
    }
    differing(expected, answer)
}

fn differing(expected: &Value, answer: &Value) -> String {
    match (expected.as_object(), answer.as_object()) {
        (Some(a), Some(b)) => {
            let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
            let differing = names.filter(|name| a.get(*name) != b.get(*name)).take(5);
            differing
                .map(|name| {
                    format!(
                        "  {name}: expected {}, got {}",
                        cut(&expected[name].to_string(), 300),
                        cut(&answer[name].to_string(), 300)
                    )
                })
                .collect::<Vec<_>>()
                .join("\n")
        }
        _ => format!("  expected {}, got {}", cut(&expected.to_string(), 600), cut(&answer.to_string(), 600)),
    }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

fn is_empty(answer: &Value) -> bool {
    match &answer["value"] {
        Value::Array(rows) => rows.is_empty(),
        // One row, one property or a count; else a text: an error.
        _ => !answer.is_object() && !answer.is_number(),
    }
}

/// Resources at the edges of what OData can say, beside usual ones.
const EDGES: &str = r#"{"resourceType": "Bundle", "type": "batch", "entry": [
    {"resource": {"resourceType": "Patient", "id": "greek", "name": [{"family": "Σίσυφος"}]},
     "request": {"method": "PUT", "url": "Patient/greek"}},
    {"resource": {"resourceType": "Patient", "id": "sharp", "name": [{"family": "Straße"}]},
     "request": {"method": "PUT", "url": "Patient/sharp"}},
    {"resource": {"resourceType": "Patient", "id": "ligature", "name": [{"family": "ﬁne"}]},
     "request": {"method": "PUT", "url": "Patient/ligature"}},
    {"resource": {"resourceType": "Patient", "id": "ash", "name": [{"family": "Ash"}]},
     "request": {"method": "PUT", "url": "Patient/ash"}},
    {"resource": {"resourceType": "Patient", "id": "nameless"},
     "request": {"method": "PUT", "url": "Patient/nameless"}},
    {"resource": {"resourceType": "Encounter", "id": "open", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": "Patient/ash"},
        "period": {"start": "2024-01-01", "end": "9999-12-31T23:59:59Z"}},
     "request": {"method": "PUT", "url": "Encounter/open"}},
    {"resource": {"resourceType": "Encounter", "id": "beyond", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": "Patient/nameless"},
        "period": {"start": "2024-01-01T00:00:00.1234567891Z", "end": "9999-12-31T23:59:59-05:00"}},
     "request": {"method": "PUT", "url": "Encounter/beyond"}},
    {"resource": {"resourceType": "Encounter", "id": "day", "status": "finished", "class": {"code": "AMB"},
        "period": {"start": "2024-01-02", "end": "9999-12-31"}},
     "request": {"method": "PUT", "url": "Encounter/day"}},
    {"resource": {"resourceType": "Encounter", "id": "dangling", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": "Patient/nobody"}},
     "request": {"method": "PUT", "url": "Encounter/dangling"}},
    {"resource": {"resourceType": "Observation", "id": "small", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient/sharp"}, "valueQuantity": {"value": 1e-7}},
     "request": {"method": "PUT", "url": "Observation/small"}},
    {"resource": {"resourceType": "Observation", "id": "huge", "status": "final", "code": {"text": "x"},
        "valueQuantity": {"value": 1e999999999}},
     "request": {"method": "PUT", "url": "Observation/huge"}},
    {"resource": {"resourceType": "Observation", "id": "large", "status": "final", "code": {"text": "x"},
        "valueQuantity": {"value": 1e100}},
     "request": {"method": "PUT", "url": "Observation/large"}},
    {"resource": {"resourceType": "Observation", "id": "usual", "status": "final", "code": {"text": "x"},
        "valueQuantity": {"value": 72.10}},
     "request": {"method": "PUT", "url": "Observation/usual"}},
    {"resource": {"resourceType": "Observation", "id": "urn", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "urn:uuid:11111111-2222-4333-8444-555555555555"}},
     "request": {"method": "PUT", "url": "Observation/urn"}}
]}"#;

/// Filter and order of a table, and the ids of the rows, in order where an order is asked.
const EDGE_REQUESTS: &[(&str, &str, &str)] = &[
    ("msemr_encounters", "msemr_periodend eq 9999-12-31T23:59:59Z", "open"),
    ("msemr_encounters", "msemr_periodend lt 9999-12-31T23:59:59Z", "day"),
    ("msemr_encounters", "msemr_periodend ge 9999-12-31", "beyond day open"),
    ("msemr_encounters", "msemr_periodend gt 9999-12-31T23:59:59Z", "beyond"),
    ("msemr_encounters", "msemr_periodend eq null", "dangling"),
    ("msemr_encounters", "msemr_periodend ne null&$orderby=msemr_periodend desc", "beyond open day"),
    ("msemr_encounters", "year(msemr_periodend) eq 9999", "day open"),
    ("msemr_encounters", "date(msemr_periodend) eq 9999-12-31", "day open"),
    (
        "msemr_encounters",
        "Microsoft.Dynamics.CRM.OnOrBefore(PropertyName='msemr_periodend',PropertyValue=9999-12-31)",
        "day open",
    ),
    ("msemr_encounters", "msemr_periodstart eq 2024-01-01T00:00:00.123456Z", "beyond"),
    ("msemr_encounters", "msemr_periodstart lt 2024-01-01T00:00:00.1234567891Z", "open"),
    // `not` behind a lookup: null stays null, where the lookup is empty or leads nowhere, and where the name is null.
    ("msemr_encounters", "msemr_subjectpatient/lastname gt 'b'", ""),
    ("msemr_encounters", "not (msemr_subjectpatient/lastname gt 'b')", "open"),
    ("msemr_encounters", "not contains(msemr_subjectpatient/lastname,'q')", "open"),
    ("msemr_encounters", "not (not contains(msemr_subjectpatient/lastname,'q'))", ""),
    ("msemr_encounters", "not (msemr_subjectpatient/lastname lt 'b' and msemr_periodend ne null)", "dangling"),
    ("msemr_encounters", "not (msemr_subjectpatient/lastname eq 'Ash')", "beyond dangling day"),
    ("msemr_encounters", "not (msemr_subjectpatient/lastname ne 'Ash')", "open"),
    ("msemr_encounters", "'Ash' ne msemr_subjectpatient/lastname", "beyond dangling day"),
    ("msemr_encounters", "msemr_subjectpatient/lastname in ('Ash',null)", "beyond dangling day open"),
    ("msemr_encounters", "not (msemr_subjectpatient/lastname in ('Ash',null))", ""),
    ("msemr_encounters", "msemr_subjectpatient/lastname eq msemr_subjectpatient/firstname", "beyond dangling day"),
    ("msemr_encounters", "length(msemr_subjectpatient/lastname) eq null", "beyond dangling day"),
    ("contacts", "msemr_encounter_msemr_subjectpatient/any(e:not (e/msemr_subjectpatient/lastname gt 'b'))", "ash"),
    // `all` whose body leads on.
    (
        "contacts",
        "msemr_encounter_msemr_subjectpatient/all(e:e/msemr_subjectpatient/lastname eq 'Ash')",
        "ash greek ligature sharp",
    ),
    (
        "contacts",
        "not msemr_encounter_msemr_subjectpatient/all(e:e/msemr_subjectpatient/lastname eq 'Ash')",
        "nameless",
    ),
    (
        "contacts",
        "msemr_encounter_msemr_subjectpatient/all(e:not (e/msemr_subjectpatient/lastname gt 'b'))",
        "ash greek ligature sharp",
    ),
    (
        "contacts",
        "msemr_encounter_msemr_subjectpatient/all(e:e/msemr_periodend eq null or e/msemr_subjectpatient/lastname eq 'ash')",
        "ash greek ligature sharp",
    ),
    (
        "msemr_encounters",
        "msemr_subjectpatient/msemr_encounter_msemr_subjectpatient/all(e:e/msemr_subjectpatient/msemr_encounter_msemr_subjectpatient/any(f:f/msemr_periodend eq 9999-12-31T23:59:59Z))",
        "dangling day open",
    ),
    // Full case folding.
    ("contacts", "lastname eq 'ΣΊΣΥΦΟΣ'", "greek"),
    ("contacts", "lastname in ('STRASSE','FINE')", "ligature sharp"),
    ("contacts", "startswith(lastname,'STRASS')", "sharp"),
    ("contacts", "startswith(lastname,'F')", "ligature"),
    ("contacts", "contains(lastname,'INE')", "ligature"),
    ("contacts", "endswith(lastname,'sse')", "sharp"),
    ("contacts", "contains(lastname,'υφος')", "greek"),
    ("contacts", "lastname gt 'fim' and lastname lt 'strassf'&$orderby=lastname", "ligature sharp"),
    // Numbers of any size.
    ("msemr_observations", "msemr_valuetypequantityvalue eq 0.0000001", "small"),
    ("msemr_observations", "msemr_valuetypequantityvalue gt 80&$orderby=msemr_valuetypequantityvalue", "large huge"),
    ("msemr_observations", "msemr_valuetypequantityvalue eq null", "urn"),
    // A `urn:uuid:` that nothing has resolved points to no row.
    ("msemr_observations", "_msemr_subjecttypepatient_value eq 11111111-2222-4333-8444-555555555555", ""),
    ("msemr_observations", "_msemr_subjecttypepatient_value ne null", "small"),
];

/// Values at the end of time and beyond, numbers of any size, text in any case, and logic with null: the rows that are
/// right, counted right, on both routes and where tables are on different ones; a cell that OData cannot say is null and
/// says so, and takes no other row with it.
#[tokio::test(flavor = "multi_thread")]
async fn edges() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    server.turn("msemr_encounter", "native").await.expect(200);
    let answer = server.ingest(EDGES, Some("main")).await.expect(200).json();
    for entry in answer["entry"].as_array().expect("entries") {
        assert!(entry["response"]["status"].as_str().unwrap_or_default().starts_with("201"), "{entry}");
    }
    let routes = [["native", "native"], ["virtual", "virtual"], ["native", "virtual"], ["virtual", "native"]];
    for [people, events] in routes {
        server.turn("contact", people).await.expect(200);
        server.turn("msemr_encounter", events).await.expect(200);
        server.turn("msemr_observation", events).await.expect(200);
        for (set, filter, expected) in EDGE_REQUESTS {
            let filter = filter.replace(' ', "%20").replace('\'', "%27");
            let filter: String =
                filter.chars().map(|c| if c.is_ascii() { c.to_string() } else { encode(&c.to_string()) }).collect();
            let path = format!("{set}?$select=msemr_azurefhirid&$count=true&$filter={filter}");
            let page = server.call(Method::GET, &path).send().await;
            let shown = format!("{people} people, {events} events: {path}: {}", page.text);
            assert_eq!(page.status, 200, "{shown}");
            let mut ids: Vec<String> =
                page.rows().iter().map(|row| row["msemr_azurefhirid"].as_str().unwrap_or("?").to_owned()).collect();
            if !filter.contains("$orderby") {
                ids.sort_unstable();
            }
            assert_eq!(ids.join(" "), *expected, "{shown}");
            assert_eq!(page.json()["@odata.count"], ids.len(), "{shown}");
        }
        unsayable(&server).await;
    }
}

async fn unsayable(server: &Server) {
    let one = async |path: &str, accept: &str| {
        let answer = server.call(Method::GET, path).header("accept", accept).send().await.expect(200);
        (answer.rows().first().cloned().unwrap_or_default(), answer.text)
    };
    let json = "application/json";
    let (row, text) = one("msemr_encounters?$filter=msemr_azurefhirid%20eq%20%27beyond%27", json).await;
    assert_eq!(row["msemr_periodend"], Value::Null, "{text}");
    assert_eq!(row["msemr_periodstart"], "2024-01-01T00:00:00.1234567891Z", "{text}");
    let exception = &row["msemr_periodend@Org.OData.Core.V1.ValueException"];
    assert_eq!(exception["value"], "9999-12-31T23:59:59-05:00", "{text}");
    assert_eq!(exception["info"]["code"], "DateTimeOutOfRange", "{text}");
    let (row, _) = one("msemr_encounters?$filter=msemr_azurefhirid%20eq%20%27open%27", json).await;
    assert_eq!(row["msemr_periodend"], "9999-12-31T23:59:59Z");

    let path = |id: &str| {
        format!("msemr_observations?$select=msemr_valuetypequantityvalue&$filter=msemr_azurefhirid%20eq%20%27{id}%27")
    };
    for (id, accept, value, kept) in [
        ("small", "application/json", "0.0000001", None),
        ("small", "application/json;ExponentDecimals=true", "1e-7", None),
        ("usual", "application/json", "72.10", None),
        ("large", "application/json", "null", Some("1e100")),
        ("large", "application/json;ExponentDecimals=true", "1e100", None),
        ("huge", "application/json", "null", Some("1e999999999")),
    ] {
        let (_, text) = one(&path(id), accept).await;
        assert!(text.contains(&format!("\"msemr_valuetypequantityvalue\":{value}}}")), "{id} {accept}: {text}");
        let exception = "\"msemr_valuetypequantityvalue@Org.OData.Core.V1.ValueException\":{\"value\":";
        match kept {
            Some(kept) => assert!(text.contains(&format!("{exception}\"{kept}\"")), "{id} {accept}: {text}"),
            None => assert!(!text.contains(exception), "{id} {accept}: {text}"),
        }
    }
    let (_, text) = one(&path("small"), "application/json;IEEE754Compatible=true").await;
    assert!(text.contains("\"msemr_valuetypequantityvalue\":\"0.0000001\""), "{text}");
}

/// A period that ends with a day may begin in the evening of it: after the first moment, which is what its end shows.
#[tokio::test(flavor = "multi_thread")]
async fn ends_of_less_precision_than_their_starts_are_found() {
    let fhir = Fhir::sandbox().await;
    let periods = [("day", "2015-02-01T20:00:00Z", "2015-02-01"), ("month", "2015-02-20", "2015-02")];
    let entries = periods.map(|(id, start, end)| {
        let encounter = json!({
            "resourceType": "Encounter", "id": id, "status": "finished",
            "class": { "code": "AMB" }, "period": { "start": start, "end": end },
        });
        json!({ "resource": encounter })
    });
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
    fhir.as_sandbox().load(bundle.to_string().as_bytes()).expect("the bundle is whole");
    let server = Server::with(&fhir).virtual_tables(&["msemr_encounter"]).start().await;
    for filter in [
        "msemr_encounterenddate eq 2015-02-01T00:00:00Z",
        "msemr_encounterenddate in (2015-02-01T00:00:00Z)",
        "msemr_encounterenddate le 2015-02-01T00:00:00Z",
        "msemr_encounterenddate lt 2015-02-02T00:00:00Z",
        "Microsoft.Dynamics.CRM.On(PropertyName='msemr_encounterenddate',PropertyValue='2015-02-01')",
    ] {
        let rows = server.rows("msemr_encounters", &[("$filter", filter), ("$select", "msemr_encounterenddate")]).await;
        assert_eq!(rows.len(), 2, "{filter}: {rows:?}");
    }
}

/// As much as the limits of depth and size let in: the same rows on both routes, in time.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_at_the_limits_is_answered() {
    let (fhir, native) = (Fhir::sandbox().await, Server::setup().start().await);
    for bundle in [PEOPLE, EVENTS] {
        fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
        native.ingest(bundle, None).await.expect(200);
    }
    let there = Server::with(&fhir).virtual_tables(&ROOTS).start().await;
    let many = |unit: &str, by: &str, count: usize| vec![unit; count].join(by);
    let deep = |open: &str, count: usize, inside: &str, close: &str| {
        format!("{}{inside}{}", open.repeat(count), close.repeat(count))
    };
    let long = format!("Patient{}", "s".repeat(7_000));
    let filters = [
        ("contacts", format!("1{} eq 59", " add 1".repeat(58))),
        ("contacts", deep("- ", 60, "gendercode", "") + " eq null"),
        ("contacts", deep("-(1 add ", 18, "day(birthdate)", ")") + " ne 1"),
        ("contacts", deep("concat(", 28, "firstname", ",'a')") + " ne 'a'"),
        ("contacts", deep("(", 50, "lastname eq 'One'", ") eq true")),
        ("contacts", deep("not (", 20, "lastname gt 'A'", ")")),
        ("contacts", many("lastname eq 'One'", " or ", 240)),
        ("contacts", many("contains(lastname,'n')", " or ", 240)),
        ("contacts", many("(lastname eq 'One' or firstname ne 'b')", " and ", 120)),
        ("contacts", format!("lastname in ({},'One')", many("'a'", ",", 900))),
        ("contacts", format!("contactid in ({},{PATIENT})", many("00000000-0000-4000-8000-000000000001", ",", 700))),
        ("contacts", many("parentcustomerid_account/name eq null", " and ", 10)),
        ("accounts", many("contact_parentcustomerid/$count ge 0", " and ", 40)),
        ("contacts", format!("fullname eq '{long}' or lastname eq 'One'")),
        ("contacts", format!("fullname eq '{long}'")),
        ("contacts", format!("contains(fullname,'{long}')")),
        ("contacts", format!("startswith(fullname,'{}')", "ß\u{301}".repeat(1_000))),
        ("contacts", "gendercode lt 1e999999999 or lastname eq 'One'".to_owned()),
        ("contacts", format!("gendercode eq {} or lastname eq 'One'", "9".repeat(9_000))),
    ];
    let mut faults = Vec::new();
    for (set, filter) in &filters {
        let start: String = filter.chars().take(60).collect();
        let ask = async |server: &Server| {
            let begun = std::time::Instant::now();
            let answer = server.get(set, &[("$filter", filter)]).await;
            let took = begun.elapsed();
            let explained = server.get(set, &[("$filter", filter), ("$explain", "true")]).await;
            let answered = match answer.status {
                200 => Ok(answer.rows().len()),
                _ => Err(answer.text),
            };
            (took.as_secs() < 20, explained.status, answered)
        };
        let (here, there) = (ask(&native).await, ask(&there).await);
        if here != there || !here.0 || here.1 != 200 || here.2.is_err() {
            faults.push(format!("{start}: {here:?} {there:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
