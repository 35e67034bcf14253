//! `matchespattern` natively and over a FHIR service: the same rows, whoever looks at them.

use serde_json::json;
use turntable_tests::{Fhir, Server};

const NAMES: [Option<&str>; 9] = [
    Some("Smith"),
    Some("smith"),
    Some("Smithson"),
    Some("O'Brien"),
    Some("Müller"),
    Some("MULLER"),
    Some("de la Cruz"),
    Some("4711-22"),
    None,
];

#[tokio::test]
async fn patterns_keep_the_same_rows_on_both_routes() {
    let fhir = Fhir::sandbox().await;
    let native = Server::setup().start().await;
    for (number, name) in NAMES.iter().enumerate() {
        let mut patient = json!({"resourceType": "Patient", "id": format!("p{number}"), "active": true});
        if let Some(name) = name {
            patient["name"] = json!([{"family": name}]);
        }
        fhir.put(&patient).await;
        let url = format!("Patient/p{number}");
        let entry = json!({"resource": patient, "request": {"method": "PUT", "url": url}});
        let seen = json!({"resourceType": "Observation", "id": format!("o{number}"), "status": "final",
            "code": {"text": "seen"}, "subject": {"reference": url}});
        fhir.put(&seen).await;
        let seen = json!({"resource": seen, "request": {"method": "PUT", "url": format!("Observation/o{number}")}});
        let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry, seen]});
        native.ingest(&bundle.to_string(), None).await.expect(200);
    }
    let servers = [native, Server::with(&fhir).virtual_tables(&["contact", "msemr_observation"]).start().await];
    for (filter, expected) in [
        ("matchespattern(lastname,'^Smith$')", vec!["Smith"]),
        ("matchespattern(lastname,'^(?i:smith)')", vec!["Smith", "Smithson", "smith"]),
        ("matchesPattern(lastname,'^[A-Z]+$')", vec!["MULLER"]),
        ("matchespattern(lastname,'\\d{4}-\\d\\d')", vec!["4711-22"]),
        ("matchespattern(lastname,'''')", vec!["O'Brien"]),
        ("matchespattern(lastname,'ü')", vec!["Müller"]),
        ("matchespattern(lastname,'^\\S+\\s\\S+\\s')", vec!["de la Cruz"]),
        ("not matchespattern(lastname,'[a-zü]')", vec!["4711-22", "MULLER"]),
        ("matchespattern(lastname,'u|ü') and contains(lastname,'muller')", vec!["Müller"]),
        (
            "matchespattern(lastname,'^Smith$') eq false and lastname ne null and startswith(lastname,'smi')",
            vec!["Smithson", "smith"],
        ),
        ("matchespattern(tolower(lastname),'^müller$')", vec!["Müller"]),
        (
            "lastname ne null and matchespattern(lastname,'')",
            vec!["4711-22", "MULLER", "Müller", "O'Brien", "Smith", "Smithson", "de la Cruz", "smith"],
        ),
    ] {
        for server in &servers {
            let rows = server.rows("contacts", &[("$filter", filter), ("$select", "lastname")]).await;
            let mut names: Vec<_> = rows.iter().filter_map(|row| row["lastname"].as_str()).collect();
            names.sort_unstable();
            assert_eq!(names, expected, "{filter}");
            let count = server.get("contacts/$count", &[("$filter", filter)]).await.expect(200);
            assert_eq!(count.text.trim_start_matches('\u{feff}'), expected.len().to_string(), "{filter}");
        }
    }
    // Of rows behind a lookup, as a condition and as a value.
    let lastname = "msemr_subjecttypepatient/lastname";
    for (filter, expected) in [
        (format!("matchespattern({lastname},'^[sS]mith')"), 3),
        (format!("matchespattern({lastname},'^Smith') eq (msemr_status ne null)"), 2),
        (format!("matchespattern({lastname},'^Smith') eq matchespattern({lastname},'h$')"), 7),
    ] {
        for server in &servers {
            let found = server.rows("msemr_observations", &[("$filter", &filter)]).await;
            assert_eq!(found.len(), expected, "{filter}");
        }
    }
    for server in &servers {
        let refused = server.get("contacts", &[("$filter", "matchespattern(lastname,'(a)\\1')")]).await.expect(501);
        assert_eq!(refused.error_code(), "NotSupported");
        let malformed = server.get("contacts", &[("$filter", "matchespattern(lastname,'[a')")]).await.expect(400);
        assert_eq!(malformed.error_code(), "BadFilter");
    }
}
