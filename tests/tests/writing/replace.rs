//! `PUT` of a row: what the body does not name becomes null, and nothing else is lost. The same on both routes.

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Answer, Fhir, Server};

const KEY: &str = "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c21";
const DOCTOR: &str = "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c22";
const NOBODY: &str = "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c23";
const OBSERVATION: &str = "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c24";

fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": KEY, "language": "de",
        "extension": [{ "url": "http://x/kept", "valueDecimal": 1.50 }],
        "name": [{ "use": "official", "family": "Old", "given": ["Anna", "Bea"], "prefix": ["Dr."],
            "extension": [{ "url": "http://x/name", "valueCode": "k" }] }],
        "telecom": [{ "system": "phone", "use": "work", "value": "1", "rank": 2 },
            { "system": "phone", "use": "home", "value": "2" }, { "system": "email", "value": "a@example.org" }],
        "gender": "female", "birthDate": "1980-02-03",
        "identifier": [{ "system": "http://id", "value": "n-1", "use": "official", "type": { "text": "number" } },
            { "system": "http://id", "value": "n-2" }],
        "address": [{ "line": ["Street 1"], "city": "Ulm" }, { "city": "Jena" }],
        "generalPractitioner": [{ "reference": format!("Practitioner/{DOCTOR}") }]
    })
}

fn others() -> [Value; 2] {
    [
        json!({ "resourceType": "Practitioner", "id": DOCTOR, "name": [{ "family": "Doc" }] }),
        json!({ "resourceType": "Observation", "id": OBSERVATION, "status": "final", "code": { "coding": [
            { "system": "http://loinc.org", "code": "29463-7", "display": "Weight" }], "text": "weight" },
            "valueQuantity": { "value": 72.10, "unit": "kg" }, "subject": { "reference": format!("Patient/{KEY}") } }),
    ]
}

/// A server on a route, and the service behind it.
struct Place {
    server: Server,
    fhir: Fhir,
    is_native: bool,
}

impl Place {
    async fn start(is_native: bool) -> Self {
        let fhir = Fhir::sandbox().await;
        let setup = Server::with(&fhir);
        let setup = if is_native { setup } else { setup.virtual_tables(&["contact", "msemr_observation"]) };
        let server = setup.start().await;
        let all = [&[patient()], others().as_slice()].concat();
        if is_native {
            let entry = |resource: &Value| {
                let url = format!(
                    "{}/{}",
                    resource["resourceType"].as_str().expect("a type"),
                    resource["id"].as_str().expect("an id")
                );
                json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
            };
            let entries: Vec<_> = all.iter().map(entry).collect();
            let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
            server.ingest(&bundle.to_string(), None).await.expect(200);
        } else {
            for resource in &all {
                fhir.put(resource).await;
            }
        }
        Self { server, fhir, is_native }
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.server.put(path, body).await
    }

    async fn row(&self, path: &str) -> Value {
        self.server.get(path, &[]).await.expect(200).json()
    }

    /// The resource itself, as its place keeps it.
    async fn resource(&self, resource_type: &str, id: &str) -> Value {
        if !self.is_native {
            return self.fhir.read(resource_type, id).await;
        }
        let asked = json!({ "msind_FHIRQuery": format!("{resource_type}/{id}") });
        let answer = self.server.post("msind_RetrieveBundle", &asked).await.expect(200).json();
        serde_json::from_str(answer["msind_JSON"].as_str().expect("a resource")).expect("JSON")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn native() {
    exercise(&Place::start(true).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_() {
    exercise(&Place::start(false).await).await;
}

async fn exercise(place: &Place) {
    a_row(place).await;
    a_child_row(place).await;
    what_is_required(place).await;
    conditions(place).await;
    in_a_batch(place).await;
}

async fn a_row(place: &Place) {
    let path = format!("contacts({KEY})");
    let before = place.row(&path).await;
    for shown in ["firstname", "middlename", "salutation", "gendercode", "birthdate", "telephone1", "emailaddress1"] {
        assert!(!before[shown].is_null(), "{shown}: {before}");
    }
    let body = json!({ "lastname": "New", "telephone1": "9", "address1_city": "Bonn" });
    place.put(&path, &body).await.expect(204);
    let after = place.row(&path).await;
    for (column, value) in [("lastname", "New"), ("telephone1", "9"), ("address1_city", "Bonn"), ("fullname", "New")] {
        assert_eq!(after[column], value, "{column}: {after}");
    }
    for gone in [
        "firstname",
        "middlename",
        "salutation",
        "gendercode",
        "birthdate",
        "tt_birthdate",
        "telephone2",
        "emailaddress1",
        "address1_line1",
        "address2_city",
    ] {
        assert!(after[gone].is_null(), "{gone}: {after}");
    }
    // What cannot be written, and where lookups lead.
    for stays in ["contactid", "msemr_contacttype", "_msemr_generalpractioner_value", "msemr_azurefhirid", "statecode"]
    {
        assert_eq!(after[stays], before[stays], "{stays}");
    }
    let resource = place.resource("Patient", KEY).await;
    let was = patient();
    for whole in ["extension", "language", "generalPractitioner"] {
        assert_eq!(resource[whole], was[whole], "{whole}: {resource}");
    }
    assert_eq!(resource["name"][0]["extension"], was["name"][0]["extension"], "{resource}");
    assert_eq!(resource["identifier"][1], was["identifier"][1], "{resource}");
    // The same once more changes nothing.
    let version = resource["meta"]["versionId"].clone();
    place.put(&path, &body).await.expect(204);
    assert_eq!(
        place.resource("Patient", KEY).await["meta"]["versionId"],
        version,
        "{}",
        place.resource("Patient", KEY).await
    );
    assert_eq!(place.row(&path).await["telephone1"], "9");
    // A row as it was shown is the row that it was.
    let mut shown = after.as_object().expect("a row").clone();
    shown.retain(|name, _| !name.starts_with('@') && !name.starts_with('_'));
    place.put(&path, &Value::Object(shown)).await.expect(204);
    assert_eq!(place.resource("Patient", KEY).await["meta"]["versionId"], version);
}

async fn a_child_row(place: &Place) {
    let all = "msemr_medicalidentifiers";
    let rows = place.server.rows(&format!("contacts({KEY})/msemr_medicalidentifier_msemr_assignee"), &[]).await;
    let first = rows.iter().find(|row| row["msemr_value"] == "n-2").expect("a row");
    let key = first["msemr_medicalidentifierid"].as_str().expect("a key").to_owned();
    let whole = json!({ "msemr_value": "n-3", "tt_typetext": "other" });
    place.put(&format!("{all}({key})"), &whole).await.expect(204);
    let now = place.row(&format!("{all}({key})")).await;
    assert_eq!((&now["msemr_value"], &now["tt_typetext"]), (&json!("n-3"), &json!("other")), "{now}");
    assert!(now["msemr_identifiersystem"].is_null(), "{now}");
    assert_eq!(now["_msemr_assignee_value"], KEY);
    let resource = place.resource("Patient", KEY).await;
    let identifiers = resource["identifier"].as_array().expect("a list");
    assert!(identifiers.contains(&json!({ "value": "n-3", "type": { "text": "other" } })), "{resource}");
    // A row of a child table is never made by its key.
    let refused = place.put(&format!("{all}({NOBODY})"), &whole).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (404, "NotFound"), "{}", refused.text);
}

async fn what_is_required(place: &Place) {
    let path = format!("msemr_observations({OBSERVATION})");
    let before = place.resource("Observation", OBSERVATION).await;
    for (body, column) in [
        (json!({ "msemr_code_code": "x" }), "msemr_status"),
        (json!({ "msemr_status": 935_000_002 }), "msemr_code_code"),
    ] {
        let refused = place.put(&path, &body).await.expect(400);
        assert_eq!(refused.error_code(), "RequiredColumn", "{}", refused.text);
        assert_eq!(refused.json()["error"]["target"], column, "{}", refused.text);
    }
    assert_eq!(place.resource("Observation", OBSERVATION).await, before);
    let body =
        json!({ "msemr_status": 935_000_002, "msemr_code_code": "8302-2", "msemr_code_system": "http://loinc.org" });
    place.put(&path, &body).await.expect(204);
    let resource = place.resource("Observation", OBSERVATION).await;
    assert_eq!(
        resource["code"],
        json!({ "coding": [{ "system": "http://loinc.org", "code": "8302-2" }] }),
        "{resource}"
    );
    assert!(resource["valueQuantity"].is_null(), "{resource}");
    assert_eq!(resource["subject"], before["subject"]);
}

async fn conditions(place: &Place) {
    let (path, nobody) = (format!("contacts({KEY})"), format!("contacts({NOBODY})"));
    let body = json!({ "msemr_contacttype": 935_000_000, "lastname": "Third" });
    let sent = |path: &str, header: &'static str, value: &str| {
        place.server.call(Method::PUT, path).header(header, value).json(&body).send()
    };
    let etag = place.row(&path).await["@odata.etag"].as_str().expect("an etag").to_owned();
    assert_eq!(sent(&path, "if-match", "W/\"no\"").await.expect(412).error_code(), "VersionMismatch");
    sent(&path, "if-none-match", "*").await.expect(412);
    sent(&nobody, "if-match", "*").await.expect(404);
    sent(&path, "if-match", &etag).await.expect(204);
    sent(&path, "if-match", &etag).await.expect(412);
    let made = place.server.call(Method::PUT, &nobody).json(&body).send().await.expect(201).json();
    assert_eq!((&made["lastname"], &made["contactid"]), (&json!("Third"), &json!(NOBODY)));
    let shown = place.server.call(Method::PUT, &nobody).header("prefer", "return=representation");
    let shown = shown.json(&json!({ "firstname": "Only" })).send().await.expect(200).json();
    assert_eq!((&shown["lastname"], &shown["firstname"]), (&Value::Null, &json!("Only")), "{shown}");
}

async fn in_a_batch(place: &Place) {
    let part =
        |id: &str, body: Value| json!({ "id": id, "method": "PUT", "url": format!("contacts({KEY})"), "body": body });
    let mut grouped = part("2", json!({ "lastname": "Batch", "firstname": "B" }));
    grouped["atomicityGroup"] = json!("g");
    let batch = json!({ "requests": [part("1", json!({ "salutation": "Dr." })), grouped] });
    let answer = place.server.call(Method::POST, "$batch").json(&batch).send().await.expect(200).json();
    let statuses: Vec<_> =
        answer["responses"].as_array().expect("responses").iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [204, 204], "{answer}");
    let row = place.row(&format!("contacts({KEY})")).await;
    assert_eq!((&row["lastname"], &row["firstname"], &row["salutation"]), (&json!("Batch"), &json!("B"), &Value::Null));
}

/// A service that answers what it had is not believed; neither is one that keeps what was to go.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_keeps_is_seen() {
    let place = Place::start(false).await;
    let path = format!("contacts({KEY})");
    place.fhir.as_sandbox().set_faults("stale-write".parse().expect("faults"));
    let refused = place.put(&path, &json!({ "lastname": "Old" })).await.expect(502);
    assert_eq!(refused.error_code(), "UpstreamInvalid", "{}", refused.text);
    assert!(refused.text.contains("firstname"), "{}", refused.text);
}

/// Where the next of several would be shown once one is gone, nothing is taken away that the row did not show.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_row_does_not_show_stays() {
    let place = Place::start(true).await;
    let mut two = patient();
    two["name"] = json!([{ "use": "usual", "family": "A" }, { "use": "usual", "family": "B" }]);
    let entry = json!({ "resource": two, "request": { "method": "PUT", "url": format!("Patient/{KEY}") } });
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] });
    place.server.ingest(&bundle.to_string(), None).await.expect(200);
    let refused = place.put(&format!("contacts({KEY})"), &json!({ "gendercode": 1 })).await.expect(409);
    assert_eq!(refused.error_code(), "Conflict", "{}", refused.text);
    assert!(refused.text.contains("PATCH"), "{}", refused.text);
    assert_eq!(place.resource("Patient", KEY).await["name"], two["name"]);
    // Named anew, it is another matter.
    place
        .put(&format!("contacts({KEY})"), &json!({ "lastname": "C", "msemr_name1use": 935_000_000 }))
        .await
        .expect(204);
    let resource = place.resource("Patient", KEY).await;
    let names = json!([{ "use": "usual", "family": "C" }, { "use": "usual", "family": "B" }]);
    assert_eq!(resource["name"], names, "{resource}");
}
