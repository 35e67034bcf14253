use turntable_fhir_sandbox::Sandbox;

use crate::client::{get, send};

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","active":true}"#;

#[tokio::test]
async fn a_resource_lives_through_its_versions() {
    let sandbox = Sandbox::new();
    let posted = r#"{"resourceType":"Patient","id":"p","meta":{"versionId":"77","lastUpdated":"1999-01-01T00:00:00Z","source":"here"}}"#;
    let created = send(&sandbox, "PUT /Patient/p", &[], posted).await;
    assert_eq!((created.status, created.header("etag")), (201, "W/\"1\""));
    assert_eq!(created.header("location"), "http://here/fhir/Patient/p/_history/1");
    assert!(created.header("content-type").starts_with("application/fhir+json"));
    let meta = &created.json()["meta"];
    assert_eq!((&meta["versionId"], &meta["source"]), (&"1".into(), &"here".into()));
    let updated = meta["lastUpdated"].as_str().unwrap();
    assert!(updated > "2025" && updated.len() == 24 && updated.ends_with('Z'), "{updated}");

    let updated = send(&sandbox, "PUT /Patient/p", &["If-Match: W/\"1\""], PATIENT).await;
    assert_eq!((updated.status, updated.header("etag")), (200, "W/\"2\""));
    for stale in ["W/\"1\"", "\"9\""] {
        let refused = send(&sandbox, "PUT /Patient/p", &[&format!("If-Match: {stale}")], PATIENT).await;
        assert_eq!((refused.status, refused.issue().as_str()), (412, "conflict"));
        let refused = send(&sandbox, "DELETE /Patient/p", &[&format!("If-Match: {stale}")], "").await;
        assert_eq!(refused.status, 412);
    }

    let read = get(&sandbox, "/Patient/p").await;
    assert_eq!((read.status, read.header("etag")), (200, "W/\"2\""));
    assert!(read.header("last-modified").ends_with(" GMT"));
    assert_eq!(sandbox.resource("Patient", "p").unwrap(), read.text);
    let unchanged = send(&sandbox, "GET /Patient/p", &["If-None-Match: W/\"2\""], "").await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
    assert_eq!(send(&sandbox, "GET /Patient/p", &["If-None-Match: W/\"1\""], "").await.status, 200);

    assert_eq!(send(&sandbox, "DELETE /Patient/p", &["If-Match: W/\"2\""], "").await.status, 204);
    let gone = get(&sandbox, "/Patient/p").await;
    assert_eq!((gone.status, gone.issue().as_str()), (410, "deleted"));
    assert_eq!((sandbox.count("Patient"), sandbox.resource("Patient", "p")), (0, None));
    assert_eq!(get(&sandbox, "/Patient/p/_history/1").await.json()["meta"]["versionId"], "1");
    assert_eq!(get(&sandbox, "/Patient/p/_history/3").await.status, 410);
    assert_eq!(get(&sandbox, "/Patient/p/_history/4").await.status, 404);

    let again = send(&sandbox, "PUT /Patient/p", &[], PATIENT).await;
    assert_eq!((again.status, again.header("etag")), (201, "W/\"4\""));
    let history = get(&sandbox, "/Patient/p/_history").await.json();
    assert_eq!((&history["type"], &history["total"]), (&"history".into(), &4.into()));
    let entries = history["entry"].as_array().unwrap();
    let methods: Vec<&str> = entries.iter().map(|entry| entry["request"]["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["PUT", "DELETE", "PUT", "PUT"]);
    assert!(entries[1].get("resource").is_none());
}

#[tokio::test]
async fn text_survives_to_the_digit() {
    let sandbox = Sandbox::new();
    let elements = r#""zeta":1,"valueQuantity":{"value":1.10,"unit":"mg"},"x":[1e2, 1.0E+05,-0.0,100000000000000000000.000000000001],"alpha":"é\u00e9\"\\ €""#;
    let posted = format!(r#"{{"resourceType":"Observation","id":"o",{elements}}}"#);
    send(&sandbox, "PUT /Observation/o", &[], &posted).await;
    let stored = sandbox.resource("Observation", "o").unwrap();
    assert!(
        stored.starts_with(r#"{"resourceType":"Observation","id":"o","meta":{"versionId":"1","lastUpdated":""#),
        "{stored}"
    );
    assert!(stored.ends_with(&format!("{elements}}}")), "{stored}");
    let read = get(&sandbox, "/Observation/o").await.text;
    let found = get(&sandbox, "/Observation?_id=o").await.text;
    assert!(read == stored && found.contains(elements), "{found}");
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"resource":{posted},"request":{{"method":"PUT","url":"Observation/o"}}}}]}}"#
    );
    assert_eq!(send(&sandbox, "POST /", &[], &bundle).await.status, 200);
    assert!(sandbox.resource("Observation", "o").unwrap().ends_with(&format!("{elements}}}")));
}

#[tokio::test]
async fn creating_picks_an_id_once() {
    let sandbox = Sandbox::new();
    let body = r#"{"resourceType":"Patient","id":"mine","identifier":[{"system":"urn:s","value":"1"}]}"#;
    let created = send(&sandbox, "POST /Patient", &["If-None-Exist: identifier=urn:s|1"], body).await;
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((created.status, id.len()), (201, 36));
    assert_eq!(created.header("location"), format!("http://here/fhir/Patient/{id}/_history/1"));
    let again = send(&sandbox, "POST /Patient", &["If-None-Exist: identifier=urn:s|1"], body).await;
    assert_eq!((again.status, again.json()["id"].as_str().unwrap()), (200, id.as_str()));
    assert_eq!(send(&sandbox, "POST /Patient", &["Prefer: return=minimal"], body).await.text, "");
    let many = send(&sandbox, "POST /Patient", &["If-None-Exist: identifier=urn:s|1"], body).await;
    assert_eq!((many.status, sandbox.count("Patient")), (412, 2));
    let empty = send(&sandbox, "POST /Patient", &["If-None-Exist: _count=1"], body).await;
    assert_eq!(empty.status, 412);
}

#[tokio::test]
async fn conditional_updates_find_their_resource() {
    let sandbox = Sandbox::new();
    let body = r#"{"resourceType":"Patient","identifier":[{"system":"urn:s","value":"1"}]}"#;
    let created = send(&sandbox, "PUT /Patient?identifier=urn:s|1", &[], body).await;
    assert_eq!(created.status, 201);
    let updated = send(&sandbox, "PUT /Patient?identifier=urn:s|1", &[], body).await;
    assert_eq!((updated.status, updated.header("etag")), (200, "W/\"2\""));
    assert_eq!(updated.json()["id"], created.json()["id"]);
}

#[tokio::test]
async fn bad_requests_are_refused_by_name() {
    let sandbox = Sandbox::new();
    send(&sandbox, "PUT /Patient/p", &[], PATIENT).await;
    let table: &[(&str, &[&str], &str, u16, &str)] = &[
        ("GET /Patient/q", &[], "", 404, "not-found"),
        ("GET /Shoe/1", &[], "", 404, "not-found"),
        ("GET Patient", &[], "", 404, "not-found"),
        ("GET /patient/p", &[], "", 404, "not-found"),
        ("PUT /Patient/p", &[], "{\"resourceType\":", 400, "structure"),
        ("PUT /Patient/p", &[], "[]", 400, "structure"),
        ("PUT /Patient/p", &[], "", 400, "required"),
        ("PUT /Patient/p", &[], r#"{"resourceType":"Patient","id":"p","id":"p"}"#, 400, "structure"),
        ("POST /", &[], "", 400, "required"),
        ("POST /", &[], "{\"entry\":1}", 400, "structure"),
        ("PUT /Patient/p", &[], r#"{"resourceType":"Group","id":"p"}"#, 400, "invalid resourceType"),
        ("PUT /Patient/p", &[], r#"{"id":"p"}"#, 400, "invalid resourceType"),
        ("PUT /Patient/p", &[], r#"{"resourceType":"Patient","id":"q"}"#, 400, "invalid Patient.id"),
        ("PUT /Patient/p", &[], r#"{"resourceType":"Patient"}"#, 400, "invalid Patient.id"),
        ("PUT /Patient/a_b", &[], r#"{"resourceType":"Patient","id":"a_b"}"#, 400, "invalid Patient.id"),
        ("PUT /Patient/q", &["If-Match: W/\"1\""], r#"{"resourceType":"Patient","id":"q"}"#, 412, "conflict"),
        ("PUT /Patient/p", &["If-None-Match: *"], PATIENT, 412, "conflict"),
        ("POST /Patient", &["Content-Type: application/fhir+xml"], "<Patient/>", 415, "not-supported"),
        ("GET /Patient", &["Accept: application/fhir+xml"], "", 406, "not-supported"),
        ("GET /Patient?_format=xml", &[], "", 406, "not-supported"),
        ("GET /Patient?birthdate=soon", &[], "", 400, "value http.birthdate"),
        ("GET /Patient?name:soundex=x", &[], "", 400, "value http.name:soundex"),
        ("GET /Patient?shoe=1", &["Prefer: handling=strict"], "", 400, "not-supported http.shoe"),
        ("GET /Patient?_page=x-1", &[], "", 410, "expired"),
        ("PATCH /Patient/p", &[], "{}", 501, "not-supported"),
        ("DELETE /Patient?name=x", &[], "", 501, "not-supported"),
        ("GET /Patient/p/$everything", &[], "", 501, "not-supported"),
        ("GET /Patient/p/Observation", &[], "", 501, "not-supported"),
        ("GET /_history", &[], "", 501, "not-supported"),
        ("GET /Patient/_history?_since=soon", &[], "", 400, "invalid"),
        ("GET /Patient/_history?_at=2020", &[], "", 400, "invalid"),
        ("GET /", &[], "", 501, "not-supported"),
        ("DELETE /", &[], "", 405, "not-supported"),
        ("POST /", &[], PATIENT, 400, "invalid resourceType"),
        ("POST /", &[], r#"{"resourceType":"Bundle","type":"collection"}"#, 400, "invalid Bundle.type"),
    ];
    for (request, headers, body, status, issue) in table {
        let answer = send(&sandbox, request, headers, body).await;
        assert_eq!((answer.status, answer.issue().as_str()), (*status, *issue), "{request} {body}");
    }
    assert_eq!(send(&sandbox, "DELETE /Patient/never", &[], "").await.status, 204);
    assert_eq!(get(&sandbox, "/Patient/p").await.header("etag"), "W/\"1\"", "nothing was written");
}

/// Of a type: every version, newest first, deletions too, page by page, from a moment on.
#[tokio::test]
async fn the_history_of_a_type_is_told() {
    let sandbox = Sandbox::new();
    for id in ["a", "b", "a"] {
        let body = format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#);
        send(&sandbox, &format!("PUT /Patient/{id}"), &[], &body).await;
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    send(&sandbox, "DELETE /Patient/b", &[], "").await;
    let told = |bundle: &serde_json::Value| -> Vec<String> {
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        entries.iter().map(|e| text(&e["request"]["method"]) + &text(&e["request"]["url"])[7..]).collect()
    };
    let whole = get(&sandbox, "/Patient/_history").await.json();
    assert_eq!((&whole["type"], &whole["total"]), (&"history".into(), &4.into()));
    assert_eq!(told(&whole), ["DELETE/b", "PUT/a", "PUT/b", "PUT/a"]);
    let since = whole["entry"][1]["response"]["lastModified"].as_str().unwrap();
    assert_eq!(told(&get(&sandbox, &format!("/Patient/_history?_since={since}")).await.json()), ["DELETE/b", "PUT/a"]);
    let page = get(&sandbox, "/Patient/_history?_count=3").await.json();
    let next = page["link"][1]["url"].as_str().unwrap().split_once("/fhir").unwrap().1.to_owned();
    assert_eq!((told(&page).len(), told(&get(&sandbox, &next).await.json())), (3, vec!["PUT/a".to_owned()]));
    sandbox.set_faults("turned-history,short-history".parse().unwrap());
    let spoilt = get(&sandbox, "/Patient/_history").await.json();
    assert_eq!((told(&spoilt), &spoilt["total"]), (vec!["PUT/a".to_owned(), "PUT/b".to_owned()], &4.into()));
    sandbox.set_faults("late-history=10s".parse().unwrap());
    assert_eq!(told(&get(&sandbox, "/Patient/_history").await.json()), Vec::<String>::new());
    assert_eq!(get(&sandbox, "/Patient").await.json()["total"], 0);
    sandbox.set_faults("no-history".parse().unwrap());
    assert_eq!(get(&sandbox, "/Patient/_history").await.status, 501);
    assert!(!get(&sandbox, "/metadata").await.text.contains("history-type"));
}

#[tokio::test]
async fn the_capability_statement_says_what_is_there() {
    let statement = get(&Sandbox::new(), "/metadata").await.json();
    assert_eq!((&statement["fhirVersion"], &statement["rest"][0]["mode"]), (&"4.0.1".into(), &"server".into()));
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let observation = resources.iter().find(|resource| resource["type"] == "Observation").unwrap();
    assert_eq!((&observation["updateCreate"], &observation["versioning"]), (&true.into(), &"versioned-update".into()));
    let parameters = observation["searchParam"].as_array().unwrap();
    let kind = |name: &str| parameters.iter().find(|parameter| parameter["name"] == name).map(|found| &found["type"]);
    assert_eq!(kind("value-quantity"), Some(&"quantity".into()));
    assert_eq!(kind("_lastUpdated"), Some(&"date".into()));
    assert_eq!(kind("code-value-quantity"), None, "composites are not claimed");
}

#[tokio::test]
async fn requests_are_logged() {
    let sandbox = Sandbox::new();
    send(&sandbox, "GET /Patient?name=a%20b", &["Prefer: handling=strict", "X-Other: 1"], "").await;
    let form = &["Content-Type: application/x-www-form-urlencoded"];
    send(&sandbox, "POST /Patient/_search", form, "name=b").await;
    let seen = sandbox.requests();
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("GET", "/fhir/Patient?name=a%20b"));
    assert_eq!((seen[0].header("prefer"), seen[0].header("x-other")), (Some("handling=strict"), None));
    assert_eq!(seen[1].form.as_deref(), Some("name=b"));
    sandbox.clear_requests();
    assert!(sandbox.requests().is_empty());
}
