//! `$expand` in `$expand`: a tree of related rows, on both routes and on their mixes, within its limits.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use turntable_tests::{Fhir, Server};

/// Three places in each other, two of them with encounters of one patient.
fn resources() -> Vec<Value> {
    let place = |id: &str, within: Option<&str>| {
        let mut place = json!({"resourceType": "Location", "id": id, "name": id});
        if let Some(within) = within {
            place["partOf"] = json!({"reference": format!("Location/{within}")});
        }
        place
    };
    let mut all = vec![
        json!({"resourceType": "Patient", "id": "p", "name": [{"family": "Doe"}]}),
        place("site", None),
        place("ward", Some("site")),
        place("bed", Some("ward")),
        place("bench", Some("ward")),
    ];
    for nth in 0..6 {
        all.push(json!({
            "resourceType": "Encounter", "id": format!("e{nth}"), "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": {"reference": "Patient/p"}, "period": {"start": format!("2020-01-0{}T00:00:00Z", nth + 1)},
        }));
    }
    all
}

const TABLES: [&str; 3] = ["contact", "msemr_encounter", "msemr_location"];
const ENCOUNTERS: &str = "msemr_encounter_msemr_subjectpatient";
const WITHIN: &str = "msemr_location_msemr_partof";

async fn server(fhir: &Fhir, limits: impl FnOnce(&mut turntable::model::limits::Limits)) -> Server {
    let server = Server::with(fhir).limits(limits).start().await;
    let all = resources();
    for resource in &all {
        fhir.put(resource).await;
    }
    let entries: Vec<Value> = all.iter().map(|resource| json!({ "resource": resource })).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries}).to_string();
    let call = server.call(reqwest::Method::POST, "/fhir?as=batch").body("application/fhir+json", bundle);
    call.send().await.expect(200);
    server
}

/// Names of places with those within, as far as they are shown.
fn within(place: &Value) -> Value {
    let mut below: BTreeMap<String, Value> = BTreeMap::new();
    for inner in place[WITHIN].as_array().into_iter().flatten() {
        below.insert(inner["msemr_name"].as_str().expect("a name").to_owned(), within(inner));
    }
    json!(below)
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_lead_down_and_up_again() {
    let fhir = Fhir::sandbox().await;
    let server = server(&fhir, |_| {}).await;
    for route in ["native", "virtual"] {
        for table in TABLES {
            server.turn(table, route).await.expect(200);
        }
        let only = ("$filter", "msemr_name eq 'site'");
        let name = ("$select", "msemr_name");
        let options = format!("{WITHIN}($select=msemr_name;$levels=2)");
        let site = server.rows("msemr_locations", &[only, name, ("$expand", &options)]).await;
        assert_eq!(within(&site[0]), json!({"ward": {"bed": {}, "bench": {}}}), "{route}");
        // The rows of the last level say nothing of what is within them.
        assert!(site[0][WITHIN][0][WITHIN][0].get(WITHIN).is_none(), "{route}: {site:#?}");
        let up = "msemr_partof($select=msemr_name;$levels=3)";
        let options = [("$filter", "msemr_name eq 'bed'"), name, ("$expand", up)];
        let bed = &server.rows("msemr_locations", &options).await[0];
        assert_eq!(bed["msemr_partof"]["msemr_partof"]["msemr_name"], "site", "{route}");
        assert_eq!(bed["msemr_partof"]["msemr_partof"]["msemr_partof"], Value::Null, "{route}");
        // Windows are for each row, at each level; what they leave out is not followed.
        let inner = format!("{ENCOUNTERS}($select=msemr_encounterid;$orderby=msemr_periodstart desc;$top=1)");
        let middle = format!("msemr_subjectpatient($select=lastname;$expand={inner},{ENCOUNTERS}X)");
        let refused = format!("{ENCOUNTERS}($expand={middle})");
        server.get("contacts", &[("$expand", &refused)]).await.expect(400);
        let middle = format!("msemr_subjectpatient($select=lastname;$expand={inner})");
        let outer = format!(
            "{ENCOUNTERS}($select=msemr_periodstart;$orderby=msemr_periodstart;$skip=1;$top=2;$count=true;$expand={middle})"
        );
        let contacts = server.rows("contacts", &[("$select", "lastname"), ("$expand", &outer)]).await;
        assert_eq!(contacts[0][format!("{ENCOUNTERS}@odata.count")], 6, "{route}: {contacts:#?}");
        let shown = contacts[0][ENCOUNTERS].as_array().expect("rows");
        let days: Vec<_> = shown.iter().map(|row| row["msemr_periodstart"].as_str().expect("a day")).collect();
        assert_eq!(days, ["2020-01-02T00:00:00Z", "2020-01-03T00:00:00Z"], "{route}");
        for encounter in shown {
            let last = encounter["msemr_subjectpatient"][ENCOUNTERS].as_array().expect("rows");
            assert_eq!(last.len(), 1, "{route}");
            assert!(last[0].get("msemr_periodstart").is_none(), "{route}: what orders rows is not shown");
        }
        // An address opens the row that it is of.
        let references = server.rows("contacts", &[("$expand", &format!("{ENCOUNTERS}/$ref"))]).await;
        let address = references[0][ENCOUNTERS][0]["@odata.id"].as_str().expect("an address").to_owned();
        assert_eq!(references[0][ENCOUNTERS][0].as_object().expect("an object").len(), 1, "{route}");
        let path = address.strip_prefix(&server.api()).expect("an address of this server").trim_start_matches('/');
        let row = server.get(path, &[]).await.expect(200).json();
        assert_eq!(row["msemr_encounterid"].as_str().map(|id| path.contains(id)), Some(true), "{route}");
        // Also of what is written, and of one row.
        let key = contacts[0]["contactid"].as_str().expect("a key");
        let one = server.get(&format!("contacts({key})"), &[("$expand", &format!("{ENCOUNTERS}/$count"))]).await;
        assert_eq!(one.expect(200).json()[format!("{ENCOUNTERS}@odata.count")], 6, "{route}");
    }
}

/// Each encounter shows its patient, who shows all encounters: few rows that are read, and many that are shown.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_few_rows_is_limited_all_the_same() {
    let fhir = Fhir::sandbox().await;
    let server = server(&fhir, |limits| {
        limits.expand_bytes = 12_000;
        limits.expand_depth = 2;
        limits.expand_width = 3;
    })
    .await;
    let expand = |top: usize| {
        format!(
            "msemr_subjectpatient($select=lastname;$expand={ENCOUNTERS}($select=msemr_name;$orderby=msemr_name;$top={top}))"
        )
    };
    server.get("msemr_encounters", &[("$select", "msemr_name"), ("$expand", &expand(1))]).await.expect(200);
    let whole = "msemr_subjectpatient($expand=msemr_encounter_msemr_subjectpatient)";
    let answer = server.get("msemr_encounters", &[("$expand", whole)]).await;
    assert_eq!((answer.status, answer.error_code().as_str()), (400, "ScanBudgetExceeded"), "{}", answer.text);
    assert!(answer.text.contains("`expand_bytes`"), "{}", answer.text);
    for (expand, limit) in [
        (format!("{ENCOUNTERS}($expand=msemr_subjectpatient($expand={ENCOUNTERS}))"), "`expand_depth`"),
        (format!("{ENCOUNTERS}($expand=tt_type,tt_reasoncode,msemr_subjectpatient)"), "`expand_width`"),
        ("*".to_owned(), "`expand_width`"),
    ] {
        let answer = server.get("contacts", &[("$expand", &expand)]).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (400, "BadOption"), "{}", answer.text);
        assert!(answer.text.contains(limit) && answer.text.contains("position"), "{}", answer.text);
    }
    let answer = server.get("msemr_locations", &[("$expand", "msemr_partof($levels=3)")]).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains("`expand_depth`"), "{}", answer.text);
}
