//! New rows with others inside them: made together or not at all, on both routes.

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Answer, Fhir, Server};

const TABLES: [&str; 3] = ["account", "contact", "msemr_encounter"];
const IDENTIFIERS: &str = "msemr_medicalidentifier_msemr_assignee";
const ENCOUNTERS: &str = "msemr_encounter_msemr_subjectpatient";
const PARTICIPANTS: &str = "msemr_encounterparticipant_msemr_encounterparticipantdetailsid";

/// A patient of an organization, with two numbers and an encounter, in which a practitioner takes part.
fn family(name: &str) -> Value {
    json!({
        "lastname": name, "msemr_contacttype": 935_000_000,
        "msemr_managingorganization": { "name": format!("{name} & Co") },
        IDENTIFIERS: [{ "msemr_value": "a" }, { "msemr_value": "b" }],
        ENCOUNTERS: [encounter(name)],
    })
}

fn encounter(name: &str) -> Value {
    json!({
        "msemr_encounterstatus": 935_000_004, "msemr_class": 935_000_001,
        PARTICIPANTS: [{
            "msemr_participantname": "P",
            "msemr_individualtypepractitioner": { "lastname": format!("Dr. {name}"), "msemr_contacttype": 935_000_001 },
        }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn native() {
    let server = Server::setup().start().await;
    exercise(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).virtual_tables(&TABLES).start().await;
    let posts = || fhir.as_sandbox().requests().iter().filter(|one| one.method != "GET").count();
    let before = posts();
    server.post("contacts", &family("First")).await.expect(201);
    assert_eq!(posts() - before, 1, "all of it is one transaction");
    let patient = server.rows("contacts", &[("$filter", "lastname eq 'First'")]).await;
    let id = patient[0]["msemr_azurefhirid"].as_str().expect("an id");
    let resource = fhir.read("Patient", id).await;
    assert_eq!(resource["identifier"], json!([{ "value": "a" }, { "value": "b" }]), "one resource, written once");
    assert_eq!(resource["meta"]["versionId"], "1");
    exercise(&server).await;
}

async fn exercise(server: &Server) {
    let answer = server.post("contacts", &family("Deep")).await.expect(201);
    let shown = answer.json();
    // What was sent is shown, at every level.
    assert_eq!(shown["msemr_managingorganization"]["name"], "Deep & Co", "{shown}");
    let values = |row: &Value| -> Vec<Value> {
        let mut values: Vec<_> =
            row[IDENTIFIERS].as_array().expect("a list").iter().map(|one| one["msemr_value"].clone()).collect();
        values.sort_by_key(Value::to_string);
        values
    };
    assert_eq!(values(&shown), ["a", "b"]);
    let participant = &shown[ENCOUNTERS][0][PARTICIPANTS][0];
    assert_eq!(participant["msemr_individualtypepractitioner"]["lastname"], "Dr. Deep", "{shown}");
    // And it is there, also for others.
    let key = shown["contactid"].as_str().expect("a key");
    assert!(answer.header("location").contains(key), "{}", answer.header("location"));
    let expand = format!("msemr_managingorganization,{IDENTIFIERS},{ENCOUNTERS}($expand={PARTICIPANTS})");
    let row = server.get(&format!("contacts({key})"), &[("$expand", &expand)]).await.expect(200).json();
    assert_eq!(values(&row), ["a", "b"]);
    assert_eq!(row["msemr_managingorganization"]["name"], "Deep & Co");
    let participants = row[ENCOUNTERS][0][PARTICIPANTS].as_array().expect("a list");
    let doctor = participants[0]["_msemr_individualtypepractitioner_value"].as_str().expect("a key");
    assert_eq!(server.row("contacts", doctor).await["lastname"], "Dr. Deep");
    // Keys that were answered lead to their rows.
    let first = shown[IDENTIFIERS][0]["msemr_medicalidentifierid"].as_str().expect("a key");
    server.get(&format!("msemr_medicalidentifiers({first})"), &[]).await.expect(200);

    minimal(server, key).await;
    nothing_by_half(server).await;
    limits(server).await;
    together(server).await;
}

async fn minimal(server: &Server, key: &str) {
    // Beside a row that is there; into a collection of one.
    let mut body = encounter("Minimal");
    body["msemr_subjectpatient@odata.bind"] = json!(format!("/contacts({key})"));
    let sent =
        server.call(Method::POST, "msemr_encounters").header("prefer", "return=minimal").json(&body).send().await;
    let url = sent.expect(204).header("odata-entityid").to_owned();
    let made = server.get(&url, &[]).await.expect(200).json();
    assert_eq!(made["_msemr_subjectpatient_value"], key);
    server.post(&format!("contacts({key})/{ENCOUNTERS}"), &encounter("Below")).await.expect(201);
    let count = server.get(&format!("contacts({key})/{ENCOUNTERS}/$count"), &[]).await.expect(200).text;
    assert_eq!(count, "3");
    let doctors = server.rows("contacts", &[("$filter", "startswith(lastname,'Dr. ')"), ("$select", "lastname")]).await;
    for name in ["Dr. Deep", "Dr. Minimal", "Dr. Below"] {
        assert_eq!(doctors.iter().filter(|row| row["lastname"] == name).count(), 1, "{name}");
    }
}

async fn counts(server: &Server) -> Vec<String> {
    let mut all = Vec::new();
    for set in ["accounts", "contacts", "msemr_encounters"] {
        all.push(server.get(&format!("{set}/$count"), &[]).await.expect(200).text);
    }
    all
}

/// What is wrong with one row is said of it, and none is made.
async fn nothing_by_half(server: &Server) {
    let before = counts(server).await;
    let check = async |change: &dyn Fn(&mut Value), status: u16, code: &str, target: &str| {
        let mut body = family("Half");
        change(&mut body);
        let refused = server.post("contacts", &body).await;
        let error = &refused.json()["error"];
        let found =
            (refused.status, error["code"].as_str().unwrap_or_default(), error["target"].as_str().unwrap_or_default());
        assert_eq!(found, (status, code, target), "{}", refused.text);
        assert_eq!(counts(server).await, before, "{target}");
    };
    let participant = format!("{ENCOUNTERS}[0]/{PARTICIPANTS}[0]");
    check(&|body| body[ENCOUNTERS][0]["nothing"] = json!(1), 400, "UnknownColumn", &format!("{ENCOUNTERS}[0]/nothing"))
        .await;
    check(
        &|body| body[ENCOUNTERS][0][PARTICIPANTS][0]["msemr_periodstart"] = json!("soon"),
        400,
        "BadValue",
        &format!("{participant}/msemr_periodstart"),
    )
    .await;
    // Only the mapping, and the rules of R4, see these.
    check(
        &|body| body[ENCOUNTERS][0][PARTICIPANTS][0]["tt_type_system"] = json!("no uri"),
        400,
        "BadValue",
        &format!("{participant}/tt_type_system"),
    )
    .await;
    let nobody = "/contacts(00000000-0000-4000-8000-00000000000a)";
    check(
        &|body| {
            let row = &mut body[ENCOUNTERS][0][PARTICIPANTS][0];
            row.as_object_mut().expect("a row").remove("msemr_individualtypepractitioner");
            row["msemr_individualtypepractitioner@odata.bind"] = json!(nobody);
        },
        400,
        "BadValue",
        &format!("{participant}/msemr_individualtypepractitioner@odata.bind"),
    )
    .await;
    check(&|body| body[IDENTIFIERS] = json!({ "msemr_value": "a" }), 400, "BadValue", IDENTIFIERS).await;
    check(&|body| body[IDENTIFIERS][1] = json!([]), 400, "BadJson", &format!("{IDENTIFIERS}[1]")).await;
    let there = json!({ "@odata.id": nobody });
    check(
        &|body| body["msemr_managingorganization"] = there.clone(),
        501,
        "NotSupported",
        "msemr_managingorganization/@odata.id",
    )
    .await;
    // A row that may be there takes none.
    let inside = server.patch("contacts(00000000-0000-4000-8000-00000000000a)", &family("Half")).await.expect(501);
    assert_eq!(inside.error_code(), "NotSupported");
    assert_eq!(counts(server).await, before);
}

async fn limits(server: &Server) {
    let mut deep = family("Limit");
    deep[ENCOUNTERS][0][PARTICIPANTS][0]["msemr_individualtypepractitioner"]["msemr_managingorganization"] =
        json!({ "name": "too deep" });
    let refused = server.post("contacts", &deep).await.expect(400);
    assert!(refused.text.contains("`insert_depth`, 3"), "{}", refused.text);
    let mut many = family("Limit");
    many[IDENTIFIERS] = (0..201).map(|value| json!({ "msemr_value": value.to_string() })).collect();
    let refused = server.post("contacts", &many).await.expect(400);
    assert!(refused.text.contains("`insert_rows`, 200"), "{}", refused.text);
}

/// In batches, and many at once.
async fn together(server: &Server) {
    let part = |id: &str, url: &str, body: Value| json!({ "id": id, "atomicityGroup": "g", "method": "POST", "url": url, "body": body });
    let mut second = encounter("Second");
    second["msemr_subjectpatient@odata.bind"] = json!("$1");
    let batch = json!({ "requests": [part("1", "contacts", family("Group")), part("2", "msemr_encounters", second)] });
    let answer = server.call(Method::POST, "$batch").json(&batch).send().await.expect(200).json();
    assert_eq!([&answer["responses"][0]["status"], &answer["responses"][1]["status"]], [201, 201], "{answer}");
    let shown = &answer["responses"][0]["body"];
    assert_eq!(shown["msemr_managingorganization"]["name"], "Group & Co", "{answer}");
    assert_eq!(shown[ENCOUNTERS].as_array().map(Vec::len), Some(2), "{answer}");
    let many = json!({ "Targets": [family("One"), family("Two")] });
    let made = server.post("contacts/Microsoft.Dynamics.CRM.CreateMultiple", &many).await.expect(200).json();
    for id in made["Ids"].as_array().expect("ids") {
        let path = format!("contacts({})/{IDENTIFIERS}/$count", id.as_str().expect("a key"));
        assert_eq!(server.get(&path, &[]).await.expect(200).text, "2");
    }
}

/// Rows of several places cannot be made together.
#[tokio::test(flavor = "multi_thread")]
async fn several_places_are_refused_by_name() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).virtual_tables(&["msemr_encounter"]).start().await;
    let before = counts(&server).await;
    let refused = |answer: Answer| assert!(answer.text.contains("`main`") && answer.status == 501, "{}", answer.text);
    refused(server.post("contacts", &family("Mixed")).await);
    let mut body = encounter("Mixed");
    body["msemr_subjectpatient"] = json!({ "lastname": "Mixed", "msemr_contacttype": 935_000_000 });
    refused(server.post("msemr_encounters", &body).await);
    assert_eq!(counts(&server).await, before);
    assert!(fhir.as_sandbox().requests().iter().all(|one| one.method == "GET"));
}

/// The table of a row inside a lookup of several is said, by the property or by its type.
#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_a_lookup_is_said() {
    let server = Server::setup().start().await;
    let allergy = |property: &str, body: Value| json!({ "msemr_name": "Nuts", "msemr_patient": { "lastname": "P", "msemr_contacttype": 935_000_000 }, property: body });
    let doctor = json!({ "lastname": "Doc", "msemr_contacttype": 935_000_001 });
    let refused = server.post("msemr_allergyintolerances", &allergy("tt_recorder", doctor.clone())).await.expect(400);
    assert!(refused.text.contains("tt_recorder_contact"), "{}", refused.text);
    let by_name =
        server.post("msemr_allergyintolerances", &allergy("tt_recorder_contact", doctor.clone())).await.expect(201);
    assert_eq!(by_name.json()["tt_recorder_contact"]["lastname"], "Doc", "{}", by_name.text);
    let mut typed = doctor;
    typed["@odata.type"] = json!("#Microsoft.Dynamics.CRM.contact");
    let by_type = server.post("msemr_allergyintolerances", &allergy("tt_recorder", typed)).await.expect(201);
    assert!(by_type.json()["_tt_recorder_value"].is_string(), "{}", by_type.text);
}
