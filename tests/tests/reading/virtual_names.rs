//! Tables under the names that Microsoft's virtual health data tables have: the same rows, on both routes, and answers that
//! speak of them by the name that was asked.

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Fhir, Server};

const PATIENT: &str = "4c73b472-442b-4920-b899-aadc599f1d75";
const ENCOUNTER: &str = "137cf922-beec-478e-acbc-152368296695";
const OBSERVATION: &str = "694e252a-0b8f-4c2b-9d5e-3c3f8f0d8a11";
const TABLES: [&str; 3] = ["contact", "msemr_encounter", "msemr_observation"];
const ALL: &str = "odata.include-annotations=\"*\"";

fn resources() -> [Value; 3] {
    [
        json!({"resourceType": "Patient", "id": PATIENT, "name": [{"family": "One", "given": ["Patient"]}]}),
        json!({
            "resourceType": "Encounter", "id": ENCOUNTER, "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": {"reference": format!("Patient/{PATIENT}")},
            "type": [{"text": "Visit"}],
            "participant": [{"period": {"start": "2020-01-01T00:00:00Z"}}],
        }),
        json!({
            "resourceType": "Observation", "id": OBSERVATION, "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0", "display": "Glucose"}]},
            "subject": {"reference": format!("Patient/{PATIENT}")},
            "encounter": {"reference": format!("Encounter/{ENCOUNTER}")},
        }),
    ]
}

async fn server(fhir: &Fhir) -> Server {
    let server = Server::with(fhir).start().await;
    let all = resources();
    for resource in &all {
        fhir.put(resource).await;
    }
    let entries: Vec<Value> = all.iter().map(|resource| json!({ "resource": resource })).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries}).to_string();
    let call = server.call(Method::POST, "/fhir?as=batch").body("application/fhir+json", bundle);
    call.send().await.expect(200);
    server
}

async fn json_of(server: &Server, path: &str) -> Value {
    server.call(Method::GET, path).header("prefer", ALL).send().await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twin_has_the_rows_of_its_table() {
    let fhir = Fhir::sandbox().await;
    let server = server(&fhir).await;
    for route in ["native", "virtual"] {
        for table in TABLES {
            server.turn(table, route).await.expect(200);
        }
        // What differs is what the tables are called.
        for path in [
            "msemr_encounters".to_owned(),
            format!("msemr_encounters({ENCOUNTER})"),
            format!(
                "msemr_encounters?$filter=_msemr_subjectpatient_value%20eq%20{PATIENT}&$expand=msemr_subjectpatient"
            ),
            "msemr_observations?$filter=msemr_code_code%20eq%20'2339-0'&$orderby=msemr_description".to_owned(),
            "msemr_encounterparticipants?$expand=*".to_owned(),
            "msemr_encounters?$count=true&$expand=msemr_encounterparticipant_msemr_encounterparticipantdetailsid"
                .to_owned(),
            format!(
                "msemr_encounterparticipants?$filter=_msemr_encounterparticipantdetailsid_value%20eq%20{ENCOUNTER}"
            ),
            format!("msemr_encounters({ENCOUNTER})/msemr_name"),
            "msemr_encounters?$apply=groupby((msemr_class),aggregate($count%20as%20n))".to_owned(),
            "msemr_observations?$apply=groupby((_msemr_conexttypeencounter_value,msemr_subjecttypepatient/lastname))".to_owned(),
            "msemr_encounters?fetchXml=%3Cfetch%3E%3Centity%20name='msemr_encounter'%3E%3Cattribute%20name='msemr_name'/%3E%3C/entity%3E%3C/fetch%3E"
                .to_owned(),
        ] {
            let own = server.call(Method::GET, &path).header("prefer", ALL).send().await.expect(200).text;
            let twin = path
                .replace("msemr_encounter", "msemr_ve_encounter")
                .replace("msemr_observation", "msemr_ve_observation");
            // Columns keep their names.
            let twin = twin.replace("_msemr_ve_encounterparticipantdetailsid", "_msemr_encounterparticipantdetailsid");
            let answer = server.call(Method::GET, &twin).header("prefer", ALL).send().await.expect(200);
            let text = answer.text.replace("msemr_ve_", "msemr_");
            assert_eq!(text, own, "{route} {path}");
            assert!(answer.text.contains("$metadata#msemr_ve_"), "{route} {twin}: {}", answer.text);
            let etag = |text: &str| text.matches("@odata.etag").count();
            assert_eq!(etag(&answer.text), etag(&own), "{route} {path}");
        }
        // From a table that has no twin, by a navigation property that is named after one.
        let expand = "msemr_ve_encounter_msemr_subjectpatient";
        let contacts = json_of(&server, &format!("contacts?$select=lastname&$expand={expand}/$ref")).await;
        let address = contacts["value"][0][expand][0]["@odata.id"].as_str().expect("an address").to_owned();
        assert_eq!(address, format!("{}/msemr_ve_encounters({ENCOUNTER})", server.api()), "{route}");
        let below = json_of(&server, &format!("contacts({PATIENT})/{expand}?$select=msemr_name")).await;
        assert_eq!(below["value"][0]["msemr_encounterid"], ENCOUNTER, "{route}");
        let context = below["@odata.context"].as_str().expect("a context");
        assert!(context.ends_with("$metadata#msemr_ve_encounters(msemr_name)"), "{route}: {context}");
        // A page goes on under the name that it was asked by.
        let call = server.call(Method::GET, "msemr_ve_encounters?$count=true").header("prefer", "odata.maxpagesize=1");
        let page = call.send().await.expect(200).json();
        assert_eq!(page["@odata.count"], 1, "{route}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_under_either_name() {
    let fhir = Fhir::sandbox().await;
    let server = server(&fhir).await;
    for route in ["native", "virtual"] {
        for table in TABLES {
            server.turn(table, route).await.expect(200);
        }
        let definition = json_of(&server, "EntityDefinitions(LogicalName='msemr_ve_observation')").await;
        assert_eq!(definition["EntitySetName"], "msemr_ve_observations");
        let lookup = lookup_to(&server, "msemr_ve_observation", "msemr_ve_encounter").await;
        let body = json!({
            "@odata.type": "#Microsoft.Dynamics.CRM.msemr_ve_observation",
            "msemr_status": 935_000_002,
            "msemr_code_code": "6299-2",
            "msemr_subjecttypepatient@odata.bind": format!("/contacts({PATIENT})"),
            format!("{lookup}@odata.bind"): format!("/msemr_ve_encounters({ENCOUNTER})"),
        });
        let made = server.post("msemr_ve_observations", &body).await.expect(201);
        let root = format!("{}/msemr_ve_observations(", server.api());
        assert!(made.header("location").starts_with(&root), "{route}: {}", made.header("location"));
        let row = made.json();
        assert_eq!(row[format!("_{lookup}_value")], ENCOUNTER, "{route}: {row:#}");
        let key = row["msemr_observationid"].as_str().expect("a key").to_owned();
        // The other name has it, with the same version; and a twin's address binds a table's lookup, and back.
        let own = server.row("msemr_observations", &key).await;
        assert_eq!(own["@odata.etag"], row["@odata.etag"], "{route}");
        for set in ["msemr_encounters", "msemr_ve_encounters"] {
            for table in ["msemr_observations", "msemr_ve_observations"] {
                let bind = json!({format!("{lookup}@odata.bind"): format!("{}/{set}({ENCOUNTER})", server.api())});
                server.patch(&format!("{table}({key})"), &bind).await.expect(204);
            }
        }
        // In a batch, what a part made is called by the name that it was made under.
        let batch = json!({"requests": [
            {"id": "1", "method": "POST", "url": "msemr_ve_observations", "body": body.clone(),
             "headers": {"Content-Type": "application/json", "Prefer": "return=representation"}},
            {"id": "2", "method": "GET", "url": "$1?$select=msemr_code_code", "dependsOn": ["1"]},
        ]});
        let answers = server.post("$batch", &batch).await.expect(200).json();
        let context = answers["responses"][1]["body"]["@odata.context"].as_str().expect("a context").to_owned();
        assert!(context.contains("#msemr_ve_observations("), "{route}: {answers:#}");
        server.delete(&format!("msemr_ve_observations({key})")).await.expect(204);
        server.get(&format!("msemr_observations({key})"), &[]).await.expect(404);
    }
}

/// The lookup column of a table that leads to another, as the definitions have it.
async fn lookup_to(server: &Server, from: &str, to: &str) -> String {
    let path = format!("EntityDefinitions(LogicalName='{from}')/ManyToOneRelationships");
    let relations = json_of(server, &path).await;
    let all = relations["value"].as_array().expect("relationships").clone();
    let one = all.iter().find(|relation| relation["ReferencedEntity"] == to).expect("a lookup between them");
    one["ReferencingAttribute"].as_str().expect("a name").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_are_described_unless_they_are_switched_off() {
    let server = Server::setup().start().await;
    let metadata = server.get("$metadata", &[]).await.expect(200).text;
    for expected in [
        "<EntityType Name=\"msemr_ve_encounter\">",
        "<EntityType Name=\"msemr_ve_encounterparticipant\">",
        "Type=\"Collection(Microsoft.Dynamics.CRM.msemr_ve_encounter)\"",
        "<NavigationPropertyBinding Path=\"msemr_ve_encounter_msemr_subjectpatient\" Target=\"msemr_ve_encounters\"/>",
    ] {
        assert!(metadata.contains(expected), "{expected}");
    }
    assert!(!metadata.contains("msemr_ve_careplan"), "a table without a twin there has none here");
    // In the service document a table is there once.
    let document = server.get("", &[]).await.expect(200).text;
    assert!(document.contains("\"msemr_encounters\"") && !document.contains("msemr_ve_"), "{document}");
    let near = server.get("msemr_ve_careplans", &[]).await.expect(404);
    assert_eq!(near.error_code(), "UnknownTable");

    let without = Server::setup().configure(|config| config.mappings.virtual_names = false).start().await;
    without.get("msemr_ve_encounters", &[]).await.expect(404);
    without.get("EntityDefinitions(LogicalName='msemr_ve_encounter')", &[]).await.expect(404);
    assert!(!without.get("$metadata", &[]).await.expect(200).text.contains("msemr_ve_"));
}
