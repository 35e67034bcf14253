//! A FHIR service that misbehaves, in every way that the sandbox knows: the right status and code within the deadline,
//! never a wrong row, no other table disturbed, and everything as before once the fault is gone.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use turntable_fhir_sandbox::Sandbox;
use turntable_tests::{Answer, EVENTS, Fhir, PATIENT, PEOPLE, SYNTHEA, Server};

/// Milliseconds that a request may take in all.
const REQUEST_MS: u64 = 4_000;

/// On top of it, for a busy machine.
const SLACK: Duration = Duration::from_secs(4);

const ENCOUNTER: &str = "137cf922-beec-478e-acbc-152368296695";
const ALLERGY: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f11";
/// One more: writes of one row take turns.
const OTHER: &str = "7b4bd6c7-0c3a-4c6b-9a52-6b9f5b0d2f12";

/// Reads of virtual tables, each by another way through the host; every row is told by its key.
const READS: [&str; 9] = [
    "msemr_observations?$select=msemr_description&$top=1000",
    "msemr_observations?$select=msemr_description&$filter=_msemr_subjecttypepatient_value eq {patient}",
    "msemr_observations?$select=msemr_description&$filter=msemr_valuetypequantityvalue gt 20 and msemr_code_system eq 'http://loinc.org'",
    "msemr_observations?$select=msemr_description&$orderby=msemr_valuetypequantityvalue desc,msemr_observationid&$top=7",
    "msemr_encounters?$select=msemr_name&$filter=msemr_encounterstatus eq 935000005&$count=true",
    "msemr_encounters?$select=msemr_name&$filter=msemr_periodstart ge 2015-01-01T00:00:00Z&$orderby=msemr_periodstart,msemr_encounterid",
    "msemr_encounters({encounter})?$select=msemr_name",
    "msemr_encounters?$select=msemr_name&$filter=msemr_subjectpatient/birthdate lt 1980-01-01",
    "contacts({patient})?$select=fullname&$expand=msemr_observation_msemr_subjecttypepatient($select=msemr_description)",
];

/// The service cannot be used at all: every read and write says so by the same name.
#[tokio::test(flavor = "multi_thread")]
async fn out_of_order() {
    let there = There::start().await;
    for (faults, status, code, retry_after) in [
        ("latency=30s", 504, "UpstreamTimeout", ""),
        ("status=429", 429, "UpstreamBusy", "1"),
        ("status=500", 502, "UpstreamDown", ""),
        ("status=503", 502, "UpstreamDown", "1"),
        ("status=401", 502, "UpstreamAuth", ""),
        ("cut", 502, "UpstreamInvalid", ""),
        ("malformed", 502, "UpstreamInvalid", ""),
        ("html", 502, "UpstreamInvalid", ""),
    ] {
        there.set(faults);
        // At once, since some take the whole deadline.
        let (reads, writes) = tokio::join!(there.read_all(), there.write_all());
        for answer in reads.iter().chain(&writes) {
            let shown = format!("{faults}: {}: {} {}", answer.call, answer.status, answer.text);
            assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{shown}");
            assert_eq!(answer.header("retry-after"), retry_after, "{shown}");
            assert!(!answer.text.contains("127.0.0.1"), "no address of the service: {shown}");
        }
        there.recovers(faults).await;
    }
}

/// Nothing listens where the service was; later it is back.
#[tokio::test(flavor = "multi_thread")]
async fn down() {
    let sandbox = Sandbox::new();
    sandbox.load(EVENTS.as_bytes()).expect("the bundle is whole");
    let running = sandbox.clone().start(([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let (address, fhir) = (running.addr(), Fhir::at(&running.base_url()));
    let server =
        Server::with(&fhir).route("msemr_encounter", "virtual").limits(|l| l.request_ms = REQUEST_MS).start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let before = server.rows("msemr_encounters", &[]).await;
    assert_eq!(before.len(), 2);

    running.shutdown().await;
    let begun = Instant::now();
    let answer = server.get("msemr_encounters", &[]).await.expect(502);
    assert_eq!(answer.error_code(), "UpstreamDown");
    assert!(begun.elapsed() < Duration::from_millis(REQUEST_MS) + SLACK);
    let change = json!({ "msemr_encounterlength": 5 });
    let answer = server.patch(&format!("msemr_encounters({ENCOUNTER})"), &change).await.expect(502);
    assert_eq!(answer.error_code(), "UpstreamDown");
    assert_eq!(server.rows("contacts", &[]).await.len(), 2, "native tables do not care");
    server.get("/readyz", &[]).await.expect(200);

    let _running = sandbox.start(address).await.expect("the same port");
    assert_eq!(server.rows("msemr_encounters", &[]).await, before);
}

/// The service answers, but not what it was asked: the rows are right all the same, or there are none.
#[tokio::test(flavor = "multi_thread")]
async fn lies() {
    let there = There::start().await;
    let (honest, keys) = (there.answers().await, there.walk(3).await.expect("honest pages"));
    for faults in [
        "ignore-params",
        "ignore-params=claimed",
        "ignore-sort",
        "nulls-first,tiny-pages",
        "sort-turns,tiny-pages",
        "wrong-total",
        "duplicate-pages",
        "absolute-references",
        "coarse-numbers",
        "drop-version",
        "relative-next",
        "double-entry",
        "overlap",
        "capital-modes",
        "page-total",
        "outcome-total",
        "no-total",
        "small-pages",
        "gzip",
        "deflate",
        "bom",
        // Parts of a search that are refused are done here.
        "status=405:@%3Acontains",
        "status=405:@:contains",
        "status=400:@_summary=count",
        "status=501:@value-quantity",
        "status=422:@status=",
        "status=400:@_id=",
    ] {
        there.set(faults);
        let answers = there.answers().await;
        for ((read, honest), answer) in READS.iter().zip(&honest).zip(&answers) {
            assert_eq!(plain(honest), plain(answer), "{faults}: {read}");
        }
        let walked = there.walk(3).await.unwrap_or_else(|page| panic!("{faults}: {}: {}", page.call, page.text));
        assert_eq!(walked, keys, "{faults}: pages of 3");
        there.recovers(faults).await;
    }
}

/// The service's pages do not hold together: no rows, rather than some of them.
#[tokio::test(flavor = "multi_thread")]
async fn unsound_pages() {
    let there = There::start().await;
    for faults in [
        "no-next",
        "same-next",
        "two-nexts",
        "empty-next",
        "bare-entry",
        "two-entries",
        "other-type",
        "error-outcome",
        "subsetted",
        "empty-page",
        "public-next",
    ] {
        there.set(faults);
        let error = match there.walk(3).await {
            Ok(keys) => panic!("{faults}: {} keys", keys.len()),
            Err(error) => error,
        };
        assert_eq!((error.status, error.error_code().as_str()), (502, "UpstreamInvalid"), "{faults}: {}", error.text);
        if !matches!(faults, "no-next" | "same-next" | "two-nexts" | "empty-next" | "public-next") {
            let counted =
                there.server.get("msemr_observations/$count", &[("$filter", "msemr_issueddate eq null")]).await;
            assert_eq!(counted.error_code(), "UpstreamInvalid", "{faults}: {}", counted.text);
        }
        there.recovers(faults).await;
    }
    there.set("expired-next");
    let error = there.walk(3).await.expect_err("the second page is behind the link");
    assert_eq!((error.status, error.error_code().as_str()), (410, "PageTokenExpired"), "{}", error.text);
    there.recovers("expired-next").await;
}

/// A part of a resource has no row, and is not written back as if it were the whole.
#[tokio::test(flavor = "multi_thread")]
async fn parts_of_resources() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).virtual_tables(&["contact"]).start().await;
    let key = "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11";
    let part = json!({ "resourceType": "Patient", "id": key, "meta": { "tag": [{ "code": "SUBSETTED" }] } });
    fhir.put(&part).await;
    let row = format!("contacts({key})");
    let answers = [
        server.get(&row, &[]).await,
        server.patch(&row, &json!({ "lastname": "New" })).await,
        server.put(&row, &json!({ "lastname": "New" })).await,
        server.get("contacts", &[]).await,
    ];
    for answer in answers {
        assert_eq!((answer.status, answer.error_code().as_str()), (502, "UpstreamInvalid"), "{}", answer.text);
        assert!(answer.text.contains("SUBSETTED"), "{}", answer.text);
    }
    assert_eq!(fhir.read("Patient", key).await["meta"]["versionId"], "1");
}

/// What the service does not do is done here, learned, and not asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn refused_searches() {
    let there = There::start().await;
    let asked = |text: &str| there.sandbox().requests().iter().filter(|seen| seen.path.contains(text)).count();
    let by_status = "msemr_encounters?$select=msemr_name&$filter=msemr_encounterstatus%20eq%20935000005&$count=true";
    let counted = "msemr_observations?$select=msemr_description&$top=1&$count=true";
    for (faults, part, read) in
        [("status=400:@status=", "status=", by_status), ("status=400:@_summary=count", "_summary=count", counted)]
    {
        let there_is = there.server.call(Method::GET, read).send().await.expect(200).text;
        there.set(faults);
        for again in [false, true] {
            there.sandbox().clear_requests();
            let answer = there.server.call(Method::GET, read).send().await.expect(200);
            assert_eq!(plain(&answer.text), plain(&there_is), "{faults}");
            assert_eq!(asked(part) == 0, again, "{faults}, again: {again}");
        }
        there.recovers(faults).await;
    }
}

/// Counts are those of the rows, whatever the service says it counts.
#[tokio::test(flavor = "multi_thread")]
async fn counts() {
    let there = There::start().await;
    let rows = there.walk(1_000).await.expect("a page").len();
    for faults in ["", "no-total", "outcome-total", "page-total", "wrong-total", "status=400:@_summary=count"] {
        there.set(faults);
        let counted = there.server.get("msemr_observations/$count", &[]).await.expect(200).text;
        assert_eq!(counted, rows.to_string(), "{faults}");
        let page = there.server.get("msemr_observations", &[("$top", "1"), ("$count", "true")]).await.expect(200);
        assert_eq!((page.rows().len(), &page.json()["@odata.count"]), (1, &json!(rows)), "{faults}");
    }
}

/// A page larger than what is taken is asked for in smaller parts.
#[tokio::test(flavor = "multi_thread")]
async fn large_pages() {
    let fhir = Fhir::sandbox().await;
    for bundle in SYNTHEA {
        fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
    }
    let small = Server::with(&fhir).virtual_tables(&["msemr_observation"]).limits(|l| l.upstream_bytes = 32 << 10);
    let (small, usual) =
        (small.start().await, Server::with(&fhir).virtual_tables(&["msemr_observation"]).start().await);
    for options in [
        &[("$select", "msemr_description")][..],
        &[("$select", "msemr_description"), ("$orderby", "msemr_description,msemr_observationid"), ("$top", "3")],
    ] {
        let expected = usual.rows("msemr_observations", options).await;
        assert_eq!(small.rows("msemr_observations", options).await, expected, "{options:?}");
        assert!(!expected.is_empty());
    }
}

/// The same with the limits as they are, of resources that carry what they are about.
#[tokio::test(flavor = "multi_thread")]
async fn large_resources() {
    let fhir = Fhir::sandbox().await;
    let data = "A".repeat(1 << 20);
    let documents = (0..40).map(|number| {
        json!({"resource": {"resourceType": "DocumentReference", "id": format!("d{number:02}"), "status": "current",
            "description": format!("document {number:02}"), "date": format!("2024-05-01T08:{number:02}:00Z"),
            "content": [{"attachment": {"contentType": "text/plain", "data": data}}]},
            "request": {"method": "PUT", "url": format!("DocumentReference/d{number:02}")}})
    });
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": documents.collect::<Vec<_>>()});
    fhir.as_sandbox().load(bundle.to_string().as_bytes()).expect("the bundle is whole");
    let server = Server::with(&fhir).virtual_tables(&["tt_documentreference"]).start().await;
    for (options, rows) in [
        (&[][..], 40),
        (&[("$filter", "endswith(tt_description,'7')")], 4),
        (&[("$orderby", "tt_date desc"), ("$top", "3")], 3),
        (&[("$orderby", "tt_description"), ("$top", "3")], 3),
    ] {
        let options = [&[("$select", "tt_description")], options].concat();
        let shown = server.rows("tt_documentreferences", &options).await;
        assert_eq!(shown.len(), rows, "{options:?}");
        if options.iter().any(|(_, value)| *value == "tt_date desc") {
            assert_eq!(shown[0]["tt_description"], "document 39");
        }
    }
}

/// The service gives its public address, which is not the one that it is asked at.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy() {
    let fhir = Fhir::sandbox().await;
    fhir.as_sandbox().load(EVENTS.as_bytes()).expect("the bundle is whole");
    let public = |config: &mut turntable::config::Config| {
        let source = config.sources.get_mut("main").expect("a source");
        source.public_url = Some(turntable::fhir::client::BaseUrl::parse("https://fhir.example/r4").expect("a URL"));
    };
    let server = Server::with(&fhir).virtual_tables(&["msemr_encounter"]).configure(public).start().await;
    let all = server.rows("msemr_encounters", &[("$select", "msemr_name")]).await;
    fhir.as_sandbox().set_faults("public-next".parse().expect("a fault"));
    let mut next = Some("msemr_encounters?$select=msemr_name".to_owned());
    let mut rows = Vec::new();
    while let Some(path) = next.take() {
        let page = server.call(Method::GET, &path).header("prefer", "odata.maxpagesize=1").send().await.expect(200);
        rows.extend(page.rows());
        next = page.json()["@odata.nextLink"].as_str().map(str::to_owned);
    }
    assert_eq!(rows, all);
    assert!(rows.len() > 1);
}

/// A type that the service does not have has no rows; one that it has and cannot search is an error.
#[tokio::test(flavor = "multi_thread")]
async fn missing_types() {
    let fhir = Fhir::sandbox().await;
    let tables = ["contact", "msemr_encounter", "msemr_observation"];
    fhir.as_sandbox().set_faults("few-types".parse().expect("a fault"));
    let server = Server::with(&fhir).virtual_tables(&tables).start().await;
    for bundle in [PEOPLE, EVENTS] {
        fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
    }
    for _ in 0..2 {
        let people = server.rows("contacts", &[("$select", "msemr_contacttype"), ("$count", "true")]).await;
        assert!(!people.is_empty());
        assert!(people.iter().all(|row| row["msemr_contacttype"] == 935_000_000), "patients alone: {people:?}");
        let counted = server.get("contacts/$count", &[]).await.expect(200).text;
        assert_eq!(counted, people.len().to_string());
        server.rows("msemr_observations", &[("$filter", "msemr_subjecttypepatient/lastname eq 'Elm'")]).await;
    }
    fhir.as_sandbox().set_faults("status=404:@/Patient".parse().expect("a fault"));
    assert_eq!(server.get("contacts", &[]).await.expect(501).error_code(), "NotSupported");
}

/// A service of another FHIR version has other elements: nothing is read from it or written to it.
#[tokio::test(flavor = "multi_thread")]
async fn other_versions_are_refused() {
    let fhir = Fhir::sandbox().await;
    fhir.as_sandbox().load(PEOPLE.as_bytes()).expect("the bundle is whole");
    fhir.as_sandbox().set_faults("other-version".parse().expect("a fault"));
    let server = Server::with(&fhir).virtual_tables(&["contact"]).start().await;
    for _ in 0..2 {
        let answer = server.get("contacts", &[]).await.expect(502);
        assert_eq!(answer.error_code(), "UpstreamInvalid");
        assert!(answer.text.contains("speaks FHIR 5.0.0, not R4"), "{}", answer.text);
    }
    let row = serde_json::json!({"msemr_contacttype": 935_000_000, "lastname": "New"});
    assert_eq!(server.post("contacts", &row).await.expect(502).error_code(), "UpstreamInvalid");
}

/// A next link that leads elsewhere is not followed, wherever the next page is needed.
#[tokio::test(flavor = "multi_thread")]
async fn foreign_links() {
    let there = There::start().await;
    there.set("foreign-next");
    let error = there.walk(3).await.expect_err("the second page is behind the link");
    assert_eq!((error.status, error.error_code().as_str()), (502, "UpstreamInvalid"), "{}", error.text);
    assert!(!error.text.contains("foreign.example"), "{}", error.text);
    there.recovers("foreign-next").await;
}

/// A fault that passes is not seen: reads are tried again. A write never is, once it may have been done.
#[tokio::test(flavor = "multi_thread")]
async fn a_passing_fault() {
    let there = There::start().await;
    let honest = there.server.get("msemr_encounters", &[]).await.expect(200);
    there.set("status=503:1x");
    assert_eq!(there.server.get("msemr_encounters", &[]).await.expect(200).text, honest.text);

    there.sandbox().clear_requests();
    there.set("refuse-writes=503:1x");
    let answer = there.server.post("msemr_allergyintolerances", &allergy(None)).await.expect(502);
    assert_eq!(answer.error_code(), "UpstreamDown");
    let hint = answer.json()["error"]["@Turntable.hint"].as_str().unwrap_or_default().to_owned();
    assert!(hint.contains("not known whether"), "{}", answer.text);
    let writes = there.sandbox().requests().iter().filter(|seen| seen.method != "GET").count();
    assert_eq!(writes, 1, "sent once");
}

/// What the service finds wrong comes back by the names of the columns.
#[tokio::test(flavor = "multi_thread")]
async fn refused_writes() {
    let there = There::start().await;
    there.set("refuse-writes=422");
    let table = there.server.table("msemr_allergyintolerance").await;
    for answer in [
        there.server.post("msemr_allergyintolerances", &allergy(None)).await,
        there.server.patch(&format!("msemr_allergyintolerances({ALLERGY})"), &json!({ "msemr_code": "XYZ456" })).await,
    ] {
        let answer = answer.expect(422);
        assert_eq!(answer.error_code(), "RefusedByFhir");
        let details = answer.json()["error"]["details"].as_array().cloned().unwrap_or_default();
        assert_eq!(details.len(), 2, "{}", answer.text);
        for detail in details {
            assert_eq!(detail["code"], "business-rule");
            let column = detail["target"].as_str().unwrap_or_default();
            let known = table["columns"].as_array().into_iter().flatten().find(|known| known["name"] == column);
            assert!(known.is_some_and(|known| known["writable"] == true), "no column to write: {detail}");
        }
    }
    let answer = there.server.delete(&format!("msemr_allergyintolerances({ALLERGY})")).await.expect(422);
    assert_eq!(answer.error_code(), "RefusedByFhir");
    for (faults, status, code) in [
        ("refuse-writes=400", 422, "RefusedByFhir"),
        ("refuse-writes=403", 502, "UpstreamAuth"),
        ("refuse-writes=409", 409, "Conflict"),
        ("refuse-writes=429", 429, "UpstreamBusy"),
    ] {
        there.set(faults);
        let answer = there.server.post("msemr_allergyintolerances", &allergy(None)).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{faults}: {}", answer.text);
    }
    there.recovers("refuse-writes").await;
}

/// A service that gives ids itself: a new row gets one of them, and a row is never made under another key than asked.
#[tokio::test(flavor = "multi_thread")]
async fn no_update_create() {
    let there = There::start().await;
    there.set("no-update-create");
    let created = there.server.post("msemr_allergyintolerances", &allergy(None)).await.expect(201).json();
    let key = created["msemr_allergyintoleranceid"].as_str().expect("a key").to_owned();
    assert!(there.sandbox().resource("AllergyIntolerance", &key).is_some(), "the key is the id that the service gave");
    let path = format!("msemr_allergyintolerances({key})");
    there.server.patch(&path, &json!({ "msemr_code": "XYZ456" })).await.expect(204);
    assert_eq!(there.server.row("msemr_allergyintolerances", &key).await["msemr_code"], "XYZ456");
    there.server.delete(&path).await.expect(204);

    const CHOSEN: &str = "0b6e4a5c-93a4-4e06-8d3d-3d61b2f5a001";
    let before = there.sandbox().count("AllergyIntolerance");
    for answer in [
        there.server.post("msemr_allergyintolerances", &allergy(Some(CHOSEN))).await,
        there.server.patch(&format!("msemr_allergyintolerances({CHOSEN})"), &allergy(None)).await,
    ] {
        assert_eq!((answer.status, answer.error_code().as_str()), (501, "NotSupported"), "{}", answer.text);
    }
    assert_eq!(there.sandbox().count("AllergyIntolerance"), before);
    there.recovers("no-update-create").await;
}

/// Without versions a change is merged and written all the same; one that asks for a version is refused.
#[tokio::test(flavor = "multi_thread")]
async fn no_versions() {
    let there = There::start().await;
    there.set("drop-version");
    let path = format!("msemr_allergyintolerances({ALLERGY})");
    let row = there.server.get(&path, &[]).await.expect(200);
    assert_eq!((row.header("etag"), &row.json()["@odata.etag"]), ("", &Value::Null));
    there.server.patch(&path, &json!({ "msemr_code": "XYZ456" })).await.expect(204);
    let call = there.server.call(Method::PATCH, &path).header("if-match", "W/\"2\"");
    let answer = call.json(&json!({ "msemr_code": "ABC123" })).send().await.expect(412);
    assert_eq!(answer.error_code(), "VersionMismatch");
    assert_eq!(there.server.row("msemr_allergyintolerances", ALLERGY).await["msemr_code"], "XYZ456");
    there.server.patch(&path, &json!({ "msemr_code": "ABC123" })).await.expect(204);
}

/// A service that says it has written and has not, or something else: never told as done, and nothing is changed for it.
#[tokio::test(flavor = "multi_thread")]
async fn writes_that_are_not_made() {
    let there = There::start().await;
    let path = format!("msemr_allergyintolerances({ALLERGY})");
    let code = || async { there.server.row("msemr_allergyintolerances", ALLERGY).await["msemr_code"].clone() };
    let count = there.sandbox().count("AllergyIntolerance");
    for (fault, status, error) in [
        ("stale-write", 502, "UpstreamInvalid"),
        ("accepted-write", 502, "UpstreamInvalid"),
        ("failed-write", 422, "RefusedByFhir"),
    ] {
        there.set(fault);
        let mut answers =
            vec![there.server.patch(&path, &json!({ "msemr_code": "XYZ456" })).await, there.server.delete(&path).await];
        if fault != "stale-write" {
            answers.push(there.server.post("msemr_allergyintolerances", &allergy(None)).await);
        }
        for answer in answers {
            let shown = format!("{fault}: {}: {} {}", answer.call, answer.status, answer.text);
            assert_eq!((answer.status, answer.error_code().as_str()), (status, error), "{shown}");
            assert!(!answer.text.contains("XYZ456"), "no values: {shown}");
            let hint = answer.json()["error"]["@Turntable.hint"].as_str().unwrap_or_default().to_owned();
            assert!(hint.contains("read the row"), "{shown}");
        }
        assert_eq!((code().await, there.sandbox().count("AllergyIntolerance")), (json!("ABC123"), count), "{fault}");
    }

    there.set("late-answer");
    there.server.patch(&path, &json!({ "msemr_code": "XYZ456" })).await.expect(204);
    assert_eq!(code().await, "XYZ456", "it was made, whatever came back");
    there.set("other-write");
    let answer = there.server.patch(&path, &json!({ "msemr_name": "Penicillin V" })).await.expect(502);
    let error = &answer.json()["error"];
    assert_eq!(
        (&error["code"], &error["target"]),
        (&json!("UpstreamInvalid"), &json!("msemr_name")),
        "{}",
        answer.text
    );
    assert!(!answer.text.to_lowercase().contains("penicillin"), "no values: {}", answer.text);

    // Elements of a list, each a row of its own.
    const CHILDREN: &str = "msemr_encounterparticipants";
    let of_one = format!("_msemr_encounterparticipantdetailsid_value eq {ENCOUNTER}");
    let children = || async { there.server.rows(CHILDREN, &[("$filter", &*of_one)]).await };
    there.set("");
    let before = children().await;
    let key = before[0]["msemr_encounterparticipantid"].as_str().expect("a key");
    let (child, change) = (format!("{CHILDREN}({key})"), json!({ "msemr_periodstart": "2001-02-03T04:05:06Z" }));
    let mut new = change.clone();
    new["msemr_encounterparticipantdetailsid@odata.bind"] = format!("/msemr_encounters({ENCOUNTER})").into();
    for fault in ["stale-write", "accepted-write"] {
        there.set(fault);
        for answer in [
            there.server.patch(&child, &change).await,
            there.server.delete(&child).await,
            there.server.post(CHILDREN, &new).await,
        ] {
            let shown = format!("{fault}: {}: {} {}", answer.call, answer.status, answer.text);
            assert_eq!((answer.status, answer.error_code().as_str()), (502, "UpstreamInvalid"), "{shown}");
        }
        there.set("");
        assert_eq!(children().await, before, "{fault}");
    }
    there.set("late-answer");
    there.server.patch(&child, &change).await.expect(204);
    there.server.patch(&child, &json!({ "msemr_periodend": "2001-02-03T05:05:06Z" })).await.expect(204);
    let added = there.server.post(CHILDREN, &new).await.expect(201).json();
    assert_eq!(children().await.len(), before.len() + 1);
    let added = added["msemr_encounterparticipantid"].as_str().expect("a key").to_owned();
    there.server.delete(&format!("{CHILDREN}({added})")).await.expect(204);
    let after = children().await;
    assert_eq!((after.len(), &after[0]["msemr_periodend"]), (before.len(), &json!("2001-02-03T05:05:06Z")));
}

/// Many make one row at once: one of them does, the others hear of it, and what an upsert was told is there.
#[tokio::test(flavor = "multi_thread")]
async fn many_make_one_row() {
    let there = There::start().await;
    for faults in ["latency=20ms", "latency=20ms,ignore-none-match", "latency=20ms,drop-version"] {
        there.set(faults);
        for round in 0..3 {
            let key = uuid_of(round);
            let create = allergy(Some(&key));
            let asked = [(); 6].map(|()| {
                tokio::spawn(there.server.call(Method::POST, "msemr_allergyintolerances").json(&create).send())
            });
            let mut statuses: Vec<_> = together(asked).await.into_iter().map(|answer| answer.status).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [201, 409, 409, 409, 409, 409], "{faults}");
            let path = format!("msemr_allergyintolerances({key})");
            there.server.delete(&path).await.expect(204);

            let asked = [(); 4].map(|()| {
                let call = there.server.call(Method::PATCH, &path).header("if-none-match", "*");
                tokio::spawn(call.json(&allergy(None)).send())
            });
            let mut statuses: Vec<_> = together(asked).await.into_iter().map(|answer| answer.status).collect();
            statuses.sort_unstable();
            assert_eq!(statuses[1..], [412, 412, 412], "{faults}");
            assert!([201, 204].contains(&statuses[0]), "{faults}");
            there.server.delete(&path).await.expect(204);

            // Upserts and changes of different columns.
            let asked =
                [json!({ "msemr_code": "XYZ456" }), json!({ "msemr_criticality": 935000001 }), json!({})].map(|more| {
                    let mut row = allergy(None);
                    row.as_object_mut()
                        .expect("an object")
                        .retain(|name, _| !["msemr_code", "msemr_criticality"].contains(&&**name));
                    row.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
                    tokio::spawn(there.server.call(Method::PATCH, &path).json(&row).send())
                });
            for answer in together(asked).await {
                assert!([201, 204].contains(&answer.status), "{faults}: {} {}", answer.status, answer.text);
            }
            let row = there.server.row("msemr_allergyintolerances", &key).await;
            assert_eq!(
                (&row["msemr_code"], &row["msemr_criticality"]),
                (&json!("XYZ456"), &json!(935000001)),
                "{faults}"
            );
            there.server.delete(&path).await.expect(204);
        }
    }
}

fn uuid_of(number: u32) -> String {
    format!("0b6e4a5c-93a4-4e06-8d3d-3d61b2f5{number:04}")
}

/// A server with native people and virtual events, and the service behind it.
struct There {
    fhir: Fhir,
    server: Server,
    honest: Vec<String>,
}

impl There {
    async fn start() -> Self {
        let fhir = Fhir::sandbox().await;
        let tables = ["msemr_encounter", "msemr_observation", "msemr_allergyintolerance"];
        let setup = Server::with(&fhir).virtual_tables(&tables).limits(|limits| limits.request_ms = REQUEST_MS);
        let server = setup.start().await;
        fhir.as_sandbox().load(EVENTS.as_bytes()).expect("the bundle is whole");
        server.ingest(PEOPLE, None).await.expect(200);
        for bundle in SYNTHEA {
            server.ingest(bundle, Some("main")).await.expect(200);
        }
        for key in [ALLERGY, OTHER] {
            server.post("msemr_allergyintolerances", &allergy(Some(key))).await.expect(201);
        }
        let mut there = Self { fhir, server, honest: Vec::new() };
        there.honest = there.answers().await;
        there
    }

    fn sandbox(&self) -> &Sandbox {
        self.fhir.as_sandbox()
    }

    fn set(&self, faults: &str) {
        self.sandbox().set_faults(faults.parse().unwrap_or_else(|error| panic!("{error}")));
    }

    /// Each of [`READS`], all at once; none takes longer than it may.
    async fn read_all(&self) -> Vec<Answer> {
        let begun = Instant::now();
        let asked = READS.map(|read| {
            let path = read.replace("{patient}", PATIENT).replace("{encounter}", ENCOUNTER).replace(' ', "%20");
            tokio::spawn(self.server.call(Method::GET, &path).send())
        });
        let answers = together(asked).await;
        assert!(begun.elapsed() < Duration::from_millis(REQUEST_MS) + SLACK, "{:?}", begun.elapsed());
        answers
    }

    /// As text, every one of them a success.
    async fn answers(&self) -> Vec<String> {
        self.read_all().await.into_iter().map(|answer| answer.expect(200).text).collect()
    }

    /// Native rows are read and written in the meantime, which must succeed.
    async fn write_all(&self) -> Vec<Answer> {
        let [row, other] = [ALLERGY, OTHER].map(|key| format!("msemr_allergyintolerances({key})"));
        let change = json!({ "msemr_code": "XYZ456" });
        let asked = [
            tokio::spawn(self.server.call(Method::POST, "msemr_allergyintolerances").json(&allergy(None)).send()),
            tokio::spawn(self.server.call(Method::PATCH, &row).json(&change).send()),
            tokio::spawn(self.server.call(Method::DELETE, &other).send()),
        ];
        let begun = Instant::now();
        assert_eq!(self.server.rows("contacts", &[("$filter", "msemr_contacttype eq 935000000")]).await.len(), 3);
        let native = json!({ "address1_city": "Fresno" });
        self.server.patch(&format!("contacts({PATIENT})"), &native).await.expect(204);
        assert!(begun.elapsed() < SLACK, "native tables wait for nobody: {:?}", begun.elapsed());
        together(asked).await
    }

    /// Keys of all observations, by pages of so many rows; or the answer that was no page.
    async fn walk(&self, size: usize) -> Result<Vec<String>, Answer> {
        let mut keys = Vec::new();
        let mut next = Some("msemr_observations?$select=msemr_description".to_owned());
        while let Some(path) = next.take() {
            let call = self.server.call(Method::GET, &path).header("prefer", &format!("odata.maxpagesize={size}"));
            let page = call.send().await;
            if page.status != 200 {
                return Err(page);
            }
            let rows = page.rows();
            keys.extend(rows.iter().filter_map(|row| row["msemr_observationid"].as_str().map(str::to_owned)));
            next = page.json()["@odata.nextLink"].as_str().map(str::to_owned);
            assert!(keys.len() < 1_000, "the pages never end");
        }
        Ok(keys)
    }

    async fn recovers(&self, after: &str) {
        self.set("");
        for ((read, honest), answer) in READS.iter().zip(&self.honest).zip(&self.answers().await) {
            assert_eq!(plain(honest), plain(answer), "after {after}: {read}");
        }
    }
}

/// An answer for comparing: without versions, which writes move and some services do not give.
fn plain(text: &str) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    drop_etags(&mut value);
    value
}

fn drop_etags(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("@odata.etag");
            members.values_mut().for_each(drop_etags);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_etags),
        _ => {}
    }
}

fn allergy(key: Option<&str>) -> Value {
    let mut row = json!({
        "msemr_name": "Allergy: Patient One",
        "msemr_code": "ABC123",
        "msemr_criticality": 935000000,
        "msemr_type": 935000000,
        "msemr_verificationstatus": 935000001,
        "msemr_patient@odata.bind": format!("/contacts({PATIENT})"),
    });
    if let Some(key) = key {
        row["msemr_allergyintoleranceid"] = key.into();
    }
    row
}

async fn together<const N: usize>(asked: [tokio::task::JoinHandle<Answer>; N]) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(N);
    for answer in asked {
        answers.push(answer.await.expect("a call does not panic"));
    }
    answers
}
