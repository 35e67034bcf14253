//! `/fhir` as a FHIR client meets it: errors are OperationOutcomes, and the CapabilityStatement says what is there.

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Fhir, Server};

const FHIR: &str = "application/fhir+json";

/// Of R4's value set issue-type.
const KINDS: [&str; 14] = [
    "structure",
    "invalid",
    "not-found",
    "conflict",
    "business-rule",
    "too-costly",
    "not-supported",
    "throttled",
    "login",
    "forbidden",
    "transient",
    "timeout",
    "exception",
    "processing",
];

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_outcomes() {
    let server = Server::setup().limits(|limits| limits.bundle_bytes = 5_000).start().await;
    let large = format!("{{{}}}", " ".repeat(6_000));
    let transaction = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": { "resourceType": "Patient" }, "request": { "method": "POST", "url": "Patient" } },
        { "resource": { "resourceType": "Patient", "id": "b" }, "request": { "method": "PUT", "url": "Patient/a" } },
    ]});
    let transaction = transaction.to_string();
    let cases: [(&str, &str, &str, &str, u16, &str, &str); 15] = [
        ("POST", "/fhir", FHIR, "{", 400, "BadJson", "structure"),
        ("POST", "/fhir/", FHIR, "[]", 400, "BadJson", "structure"),
        ("POST", "/fhir", FHIR, r#"{"resourceType":"Patient"}"#, 400, "BadJson", "structure"),
        ("POST", "/fhir?foward=main", FHIR, "{}", 400, "BadOption", "invalid"),
        ("POST", "/fhir?forward=nobody", FHIR, &transaction, 400, "BadRequest", "invalid"),
        ("POST", "/fhir", FHIR, &transaction, 400, "BadRequest", "invalid"),
        ("POST", "/fhir", FHIR, &large, 413, "BodyTooLarge", "too-costly"),
        ("POST", "/fhir", "application/fhir+xml", "<Bundle/>", 415, "UnsupportedMediaType", "not-supported"),
        ("POST", "/fhir", "text/plain", "{}", 415, "UnsupportedMediaType", "not-supported"),
        ("GET", "/fhir/Patient", "", "", 404, "NotFound", "not-found"),
        ("GET", "/fhir/Patient/a", "", "", 404, "NotFound", "not-found"),
        ("GET", "/fhir", "", "", 405, "MethodNotAllowed", "not-supported"),
        ("DELETE", "/fhir/", "", "", 405, "MethodNotAllowed", "not-supported"),
        ("PUT", "/fhir/metadata", FHIR, "{}", 405, "MethodNotAllowed", "not-supported"),
        ("GET", "/fhir/metadata?_format=xml", "", "", 406, "NotAcceptable", "not-supported"),
    ];
    for (method, path, kind, body, status, code, issue) in cases {
        let call = server.call(method.parse().expect("a method"), path);
        let answer = if kind.is_empty() { call.send().await } else { call.body(kind, body.to_owned()).send().await };
        check(&answer, (status, code, issue), &format!("{method} {path} {body:.40}"));
    }
    let foreign =
        server.call(Method::POST, "/fhir").header("origin", "https://evil.example").body(FHIR, "{}").send().await;
    check(&foreign, (403, "CrossSite", "forbidden"), "a page elsewhere");
    let unknown = server.call(Method::POST, "/fhir").header("host", "evil.example").body(FHIR, "{}").send().await;
    check(&unknown, (421, "UnknownHost", "forbidden"), "another name");
    let of_entry = server.ingest(&transaction, None).await.json();
    assert_eq!(of_entry["issue"][0]["expression"], json!(["Bundle.entry[1]"]), "{of_entry}");
    assert!(of_entry["issue"].as_array().is_some_and(|issues| issues.iter().all(is_issue)), "{of_entry}");
}

fn check(answer: &turntable_tests::Answer, expected: (u16, &str, &str), of: &str) {
    let outcome = answer.json();
    let issue = &outcome["issue"][0];
    let found = (answer.status, answer.error_code(), issue["code"].as_str().unwrap_or_default().to_owned());
    assert_eq!((found.0, found.1.as_str(), found.2.as_str()), expected, "{of}: {}", answer.text);
    assert_eq!((answer.header("content-type"), &outcome["resourceType"]), (FHIR, &json!("OperationOutcome")), "{of}");
    assert!(is_issue(issue), "{of}: {issue}");
    assert_eq!(answer.header("odata-version"), "", "{of}");
}

fn is_issue(issue: &Value) -> bool {
    let kind = issue["code"].as_str().unwrap_or_default();
    issue["severity"] == "error"
        && KINDS.contains(&kind)
        && issue["diagnostics"].as_str().is_some_and(|said| !said.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_capability_statement_says_what_is_there() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).route("msemr_location", "virtual").start().await;
    let answer = server.call(Method::GET, "/fhir/metadata").header("accept", FHIR).send().await.expect(200);
    assert_eq!(answer.header("content-type"), FHIR);
    let statement = answer.json();
    assert_eq!(
        (&statement["resourceType"], &statement["fhirVersion"]),
        (&json!("CapabilityStatement"), &json!("4.0.1"))
    );
    assert_eq!((&statement["kind"], &statement["status"]), (&json!("instance"), &json!("active")));
    assert_eq!(statement["implementation"]["url"], json!(format!("{}/fhir", server.url())));
    assert_eq!(statement["rest"][0]["interaction"], json!([{ "code": "transaction" }, { "code": "batch" }]));
    let resources = statement["rest"][0]["resource"].as_array().cloned().unwrap_or_default();
    assert!(resources.iter().all(|resource| resource["interaction"] == Value::Null), "nothing is read here");
    let says = |name: &str| resources.iter().any(|resource| resource["type"] == name);
    assert!(says("Patient") && says("Encounter") && !says("Location") && !says("Basic"), "{statement}");
    // What it says is what is done.
    let put = |name: &str| {
        let resource = json!({ "resourceType": name, "id": "x" });
        json!({ "resource": resource, "request": { "method": "PUT", "url": format!("{name}/x") } })
    };
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [put("Patient"), put("Location")] });
    let done = server.ingest(&bundle.to_string(), None).await.expect(200).json();
    let status = |at: usize| done["entry"][at]["response"]["status"].as_str().unwrap_or_default().to_owned();
    assert_eq!((status(0).as_str(), status(1).as_str()), ("201 Created", "501 Not Implemented"), "{done}");
    server.turn("msemr_location", "native").await.expect(200);
    let turned = server.get("/fhir/metadata", &[]).await.expect(200).json().to_string();
    assert!(turned.contains("\"Location\""), "{turned}");
}
