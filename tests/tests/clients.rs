//! What clients send that were made for Dataverse and for OData, and that no one request of the other tests has.

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{EVENTS, Fhir, PATIENT, PEOPLE, Server, encode};

const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";

#[tokio::test(flavor = "multi_thread")]
async fn lookups_are_called_what_their_rows_are_called() {
    let fhir = Fhir::sandbox().await;
    for bundle in [PEOPLE, EVENTS] {
        fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
    }
    let native = Server::setup().start().await;
    native.ingest(PEOPLE, None).await.expect(200);
    native.ingest(EVENTS, None).await.expect(200);
    let tables = ["contact", "account", "msemr_encounter", "msemr_observation", "msemr_location"];
    let there = Server::with(&fhir).virtual_tables(&tables).start().await;
    for server in [&native, &there] {
        let name = server.get(&format!("contacts({PATIENT})"), &[]).await.expect(200).json()["fullname"].clone();
        let list = |terms: &str, options: &[(&str, &str)]| {
            let options: Vec<_> = options.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
            let call = server.call(Method::GET, &format!("msemr_observations?{}", options.join("&")));
            call.header("prefer", &format!("odata.include-annotations=\"{terms}\""))
        };
        let filter = format!("_msemr_subjecttypepatient_value eq {PATIENT}");
        let formatted = format!("_msemr_subjecttypepatient_value@{FORMATTED}");
        let rows = list("*", &[("$filter", &filter)]).send().await.expect(200).json()["value"].clone();
        let rows = rows.as_array().expect("rows");
        assert!(!rows.is_empty());
        assert!(rows.iter().all(|row| row[&formatted] == name && name.is_string()), "{rows:?}");
        // Of rows that hang on others too, and only where it was asked for.
        let navigation = "msemr_encounter_msemr_subjectpatient";
        let path =
            format!("contacts({PATIENT})?$select=fullname&$expand={navigation}($select=_msemr_subjectpatient_value)");
        let call = server.call(Method::GET, &path);
        let row =
            call.header("prefer", &format!("odata.include-annotations={FORMATTED}")).send().await.expect(200).json();
        let encounters = row[navigation].as_array().expect("rows");
        let of_encounter = format!("_msemr_subjectpatient_value@{FORMATTED}");
        assert!(!encounters.is_empty() && encounters.iter().all(|encounter| encounter[&of_encounter] == name), "{row}");
        let plain = list("Microsoft.Dynamics.CRM.*", &[("$filter", &filter)]).send().await.expect(200);
        assert!(!plain.text.contains(FORMATTED));
    }
}

/// A lookup without its name is still a row.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_cannot_be_had_are_left_out() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).route("contact", "virtual").start().await;
    server.ingest(EVENTS, None).await.expect(200);
    fhir.as_sandbox().set_faults("status=500".parse().expect("a fault"));
    let list = server.call(Method::GET, "msemr_encounters?$top=3");
    let list = list.header("prefer", "odata.include-annotations=\"*\"").send().await.expect(200).json();
    let rows = list["value"].as_array().expect("rows");
    assert!(rows.iter().any(|row| row["_msemr_subjectpatient_value"].is_string()), "{rows:?}");
    assert!(rows.iter().all(|row| row.get(format!("_msemr_subjectpatient_value@{FORMATTED}")).is_none()), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_are_left_out_where_that_is_preferred() {
    let server = Server::setup().start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let path = format!("contacts({PATIENT})?$expand=msemr_generalpractioner");
    let whole = server.get(&path, &[]).await.expect(200).json();
    let call = server.call(Method::GET, &path).header("prefer", "omit-values=nulls");
    let answer = call.send().await.expect(200);
    assert_eq!(answer.header("preference-applied"), "omit-values=nulls");
    let kept = whole.as_object().expect("a row").iter().filter(|(_, value)| !value.is_null());
    assert_eq!(answer.json(), Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect()));
}

/// A lookup goes by the name of each table that it leads to, as Dataverse has it.
#[tokio::test(flavor = "multi_thread")]
async fn lookups_go_by_their_tables() {
    let server = Server::setup().start().await;
    let account = server.post("accounts", &json!({"name": "General Hospital"})).await.expect(201).json();
    let key = account["accountid"].as_str().expect("a key");
    let bound = format!("/api/data/v9.2/accounts(accountid={key})");
    let metadata = server.get("$metadata", &[("$format", "json")]).await.expect(200).json();
    let encounter = &metadata["Microsoft.Dynamics.CRM"]["msemr_encounter"];
    for table in ["msemr_condition", "msemr_procedure"] {
        assert_eq!(encounter[format!("tt_diagnosis_{table}")]["$Type"], format!("Microsoft.Dynamics.CRM.{table}"));
    }
    let name = "parentcustomerid_account";
    let body = json!({"lastname": "Bound", "msemr_contacttype": 935_000_000, format!("{name}@odata.bind"): bound});
    let made = server.post("contacts", &body).await.expect(201).json();
    let path = format!("contacts({})", made["contactid"].as_str().expect("a key"));
    let row = server.get(&path, &[("$expand", &format!("{name}($select=name)"))]).await.expect(200).json();
    assert_eq!(row[name]["name"], "General Hospital", "{row}");
    for (filter, expected) in [
        (format!("{name}/name eq 'General Hospital'"), "1"),
        (format!("{name} ne null"), "1"),
        (format!("{name} eq null"), "0"),
    ] {
        assert_eq!(server.get("contacts/$count", &[("$filter", &filter)]).await.expect(200).text, expected, "{filter}");
    }
    let mut wrong = body.clone();
    wrong[format!("{name}@odata.bind")] = json!(format!("/contacts({key})"));
    assert_eq!(server.post("contacts", &wrong).await.expect(400).error_code(), "BadValue");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_finds_the_parts() {
    let server = Server::setup().start().await;
    let page = server.get("/", &[]).await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for link in page.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        server.get(link, &[]).await.expect(200);
    }
}
