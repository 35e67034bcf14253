//! A SQL-on-FHIR view is built without a toolchain, passes the gate, and is a table like any other.

use std::path::Path;

use serde_json::json;
use turntable::cli::mapping::{inspect::as_text, view};
use turntable::mapping::{inspect, sandbox};
use turntable::model::limits::Limits;
use turntable_tests::{Fhir, Server};

const VIEW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-mappings/examples/view/vital_signs.json");

/// A panel of two values, and what is no vital sign.
const OBSERVATIONS: [&str; 2] = [
    r#"{
        "resourceType": "Observation", "id": "bp1", "status": "final", "effectiveDateTime": "2024-05-01T08:00:00Z",
        "category": [{ "coding": [{ "code": "vital-signs" }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "85354-9" }] },
        "subject": { "reference": "Patient/p1" },
        "component": [
            { "code": { "coding": [{ "code": "8480-6" }] }, "valueQuantity": { "value": 127, "unit": "mmHg" } },
            { "code": { "coding": [{ "code": "8462-4" }] }, "valueQuantity": { "value": 80.50, "unit": "mmHg" } }
        ]
    }"#,
    r#"{
        "resourceType": "Observation", "id": "other", "status": "final", "code": { "text": "no vital sign" },
        "valueQuantity": { "value": 1 }
    }"#,
];

fn component() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, warnings) = view::build(Path::new(VIEW), Some(&folder.path().join("view.wasm"))).expect("the view");
    assert_eq!(warnings, Vec::<String>::new());
    std::fs::read(file).expect("the component")
}

#[test]
fn the_component_only_reads() {
    assert!(view::is_view(Path::new(VIEW)));
    let limits = Limits::default();
    let component = component();
    let inspection = inspect::inspect(&component, &limits).expect("a mapping");
    assert!(!inspection.writes);
    let mapping = sandbox::Sandbox::new(&limits, None).and_then(|sandbox| sandbox.load(&component)).expect("it loads");
    let shown = as_text(&inspection, Some(&mapping));
    assert!(shown.contains("vital_signs (vital_signs), 8 columns, from Observation"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_is_served() {
    let fhir = Fhir::sandbox().await;
    for observation in OBSERVATIONS {
        // From text, so that decimals keep their digits.
        fhir.put(&serde_json::from_str(observation).expect("JSON")).await;
    }

    let server = Server::with(&fhir).start().await;
    put_in_force(&server).await;
    server.turn("vital_signs", "virtual").await.expect(200);

    let rows = server.rows("vital_signs", &[("$orderby", "part")]).await;
    let expected = [("8462-4", "80.50"), ("8480-6", "127")];
    assert_eq!(rows.len(), expected.len(), "{rows:?}");
    for (row, (part, value)) in rows.iter().zip(expected) {
        assert_eq!((&row["id"], &row["patient_id"], &row["part"]), (&json!("bp1"), &json!("p1"), &json!(part)));
        assert_eq!(row["value"].to_string(), value);
    }
    // A row by its key, and a filter that the service helps with.
    let key = rows[0]["vital_signsid"].as_str().expect("a key");
    assert_eq!(server.row("vital_signs", key).await["part"], "8462-4");
    let found = server.rows("vital_signs", &[("$filter", "status eq 'final' and value gt 100")]).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["part"], "8480-6");

    let refused = server.patch("vital_signs(00000000-0000-0000-0000-000000000000)", &json!({ "status": "x" })).await;
    assert!((400..500).contains(&refused.status), "a view is never written");
}

async fn put_in_force(server: &Server) {
    let loaded = server.load(&component()).await.expect(201).json();
    server.activate("vital_signs", loaded["digest"].as_str().expect("a digest")).await.expect(200);
}

/// What is stored already shows in a view that is loaded later; what comes, changes and goes after that does too, through
/// whatever table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_shows_what_is_stored() {
    let server = Server::setup().start().await;
    let ingest = async |method: &str, observation: &str, id: &str| {
        let entry =
            format!(r#"{{"resource": {observation}, "request": {{"method": "{method}", "url": "Observation/{id}"}}}}"#);
        let bundle = format!(r#"{{"resourceType": "Bundle", "type": "batch", "entry": [{entry}]}}"#);
        server.ingest(&bundle, None).await.expect(200)
    };
    let values = async || {
        let rows = server.rows("vital_signs", &[("$orderby", "id,part")]).await;
        let of = |row: &serde_json::Value| format!("{} {} {}", row["id"], row["status"], row["value"]);
        rows.iter().map(of).collect::<Vec<_>>()
    };
    ingest("PUT", OBSERVATIONS[0], "bp1").await;
    ingest("PUT", OBSERVATIONS[1], "other").await;
    put_in_force(&server).await;
    let [first, second] = [r#""bp1" "final" 80.50"#, r#""bp1" "final" 127"#];
    assert_eq!(values().await, [first, second]);

    let bp2 = OBSERVATIONS[0].replace("bp1", "bp2");
    let stored = ingest("PUT", &bp2, "bp2").await.text;
    assert!(stored.contains("stored in tables `msemr_observation`, `vital_signs`"), "{stored}");
    assert_eq!(values().await.len(), 4);
    let rows = server.rows("msemr_observations", &[("$filter", "msemr_azurefhirid eq 'bp1'")]).await;
    let path = format!("msemr_observations({})", rows[0]["msemr_observationid"].as_str().expect("a key"));
    server.patch(&path, &json!({ "msemr_status": 935_000_003 })).await.expect(204);
    let changed = values().await;
    assert!(changed[0] != first && changed[0].ends_with("80.50") && changed[2].contains("final"), "{changed:?}");
    server.delete(&path).await.expect(204);
    assert_eq!(values().await, [first.replace("bp1", "bp2"), second.replace("bp1", "bp2")]);
}
