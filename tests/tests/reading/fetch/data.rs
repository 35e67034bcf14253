//! Organizations, patients, encounters and observations that lead to each other, to nobody, and to what is not there.

use serde_json::{Value, json};
use turntable_tests::{Fhir, Server};

pub(crate) const TABLES: [&str; 4] = ["account", "contact", "msemr_encounter", "msemr_observation"];

const PATIENTS: usize = 9;
const ENCOUNTERS: usize = 20;
const OBSERVATIONS: usize = 30;
const FAMILIES: [&str; 5] = ["Müller", "muller", "Oak", "Ash", "Elm"];
const GENDERS: [&str; 3] = ["male", "female", "other"];
const STATUSES: [&str; 3] = ["finished", "planned", "in-progress"];

/// The id of a resource, which is its key.
fn id(kind: usize, number: usize) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

fn reference(resource_type: &str, kind: usize, number: usize) -> Value {
    json!({ "reference": format!("{resource_type}/{}", id(kind, number)) })
}

fn resources() -> Vec<Value> {
    let mut all = vec![
        json!({"resourceType": "Organization", "id": id(1, 0), "name": "Elm Clinic"}),
        json!({"resourceType": "Organization", "id": id(1, 1), "name": "Oak Hospital"}),
    ];
    for n in 0..PATIENTS {
        let mut patient = json!({"resourceType": "Patient", "id": id(2, n), "gender": GENDERS[n % 3]});
        if n % 4 != 3 {
            patient["name"] = json!([{"family": FAMILIES[n % 5], "given": [format!("Given{n}")]}]);
        }
        if n % 3 != 2 {
            patient["birthDate"] = format!("19{}0-0{}-11", 5 + n % 4, 1 + n % 6).into();
        }
        if n % 2 == 0 {
            patient["managingOrganization"] = reference("Organization", 1, (n / 2) % 2);
        }
        all.push(patient);
    }
    for n in 0..ENCOUNTERS {
        let mut encounter = json!({"resourceType": "Encounter", "id": id(3, n), "status": STATUSES[n % 3],
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "period": {"start": format!("20{:02}-03-0{}T10:00:00Z", 10 + n % 7, 1 + n % 5)}});
        // Some are of nobody, some of a patient who is not there.
        if n % 6 != 5 {
            encounter["subject"] = reference("Patient", 2, n % (PATIENTS + 1));
        }
        if n % 4 != 3 {
            encounter["serviceProvider"] = reference("Organization", 1, n % 2);
        }
        all.push(encounter);
    }
    for n in 0..OBSERVATIONS {
        let mut observation = json!({"resourceType": "Observation", "id": id(4, n), "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": format!("code-{}", n % 4)}],
                     "text": FAMILIES[n % 5]},
            "subject": reference("Patient", 2, n % PATIENTS),
            "encounter": reference("Encounter", 3, n % (ENCOUNTERS + 2))});
        if n % 5 != 4 {
            observation["valueQuantity"] = json!({"value": (n * 7 % 40) as f64 / 2.0});
        }
        if n % 3 != 1 {
            observation["effectiveDateTime"] = format!("20{:02}-03-0{}T12:30:00Z", 10 + n % 7, 1 + n % 5).into();
        }
        all.push(observation);
    }
    all
}

/// The same data natively, in a FHIR service, and on both mixes.
pub(crate) async fn servers() -> (Fhir, Vec<(&'static str, Server)>) {
    let entry = |resource: Value| {
        let part = |member: &str| resource[member].as_str().unwrap_or_default().to_owned();
        let url = format!("{}/{}", part("resourceType"), part("id"));
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    };
    let entries: Vec<_> = resources().into_iter().map(entry).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries}).to_string();
    let fhir = Fhir::sandbox().await;
    fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
    let routes: [(&str, &[&str]); 4] =
        [("native", &[]), ("virtual", &TABLES), ("people virtual", &TABLES[..2]), ("events virtual", &TABLES[2..])];
    let mut servers = Vec::new();
    for (name, tables) in routes {
        let server = Server::with(&fhir).virtual_tables(tables).start().await;
        server.ingest(&bundle, None).await.expect(200);
        servers.push((name, server));
    }
    (fhir, servers)
}
