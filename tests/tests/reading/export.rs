//! All rows of a query as a file: the same rows as the pages have, on both routes, in memory that does not grow with them,
//! and never a part for the whole.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};
use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Fhir, Server};

const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";

/// Of so many patients each third is a woman; names have in them what CSV, JSON and spreadsheets make much of.
const PATIENTS: usize = 30;
const NAMES: [&str; 8] = ["O'Brien, \"Bob\"", "=1+1", "line\r\nbreak", " spaces ", "Žižek", "-5", "plain", "a;b\tc"];

fn patients() -> Vec<Value> {
    let patient = |nth: usize| {
        json!({
            "resourceType": "Patient", "id": format!("p{nth:03}"),
            "name": [{"family": NAMES[nth % NAMES.len()], "given": [format!("Given {nth}")]}],
            "gender": if nth.is_multiple_of(3) { "female" } else { "male" },
            "birthDate": format!("19{:02}-05-01", 10 + nth),
            "generalPractitioner": [{"reference": "Practitioner/doctor"}],
        })
    };
    let doctor = json!({"resourceType": "Practitioner", "id": "doctor", "name": [{"family": "Who"}]});
    (0..PATIENTS).map(patient).chain([doctor]).collect()
}

async fn ingest(server: &Server, resources: &[Value]) {
    let entries: Vec<Value> = resources.iter().map(|resource| json!({ "resource": resource })).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries}).to_string();
    let call = server.call(Method::POST, "/fhir?as=batch").body("application/fhir+json", bundle);
    call.send().await.expect(200);
}

/// Lines of fields, as RFC 4180 has them; none where nothing at all stands.
fn read(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut lines, mut line, mut field, mut quoted, mut was_quoted) =
        (Vec::new(), Vec::new(), String::new(), false, false);
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '"' if quoted && rest.peek() == Some(&'"') => field.extend(rest.next()),
            '"' => (quoted, was_quoted) = (!quoted, true),
            ',' | '\r' if !quoted => {
                let text = std::mem::take(&mut field);
                line.push((was_quoted || !text.is_empty()).then_some(text));
                was_quoted = false;
                if next == '\r' {
                    assert_eq!(rest.next(), Some('\n'), "a line ends with CRLF");
                    lines.push(std::mem::take(&mut line));
                }
            }
            other => field.push(other),
        }
    }
    assert!(!quoted && line.is_empty() && field.is_empty(), "the last line ends");
    lines
}

/// The rows of a file by the names of its columns.
fn rows(text: &str) -> Vec<BTreeMap<String, Option<String>>> {
    let mut lines = read(text).into_iter();
    let names: Vec<String> = lines.next().expect("a header").into_iter().map(|name| name.expect("a name")).collect();
    let row = |line: Vec<Option<String>>| {
        assert_eq!(line.len(), names.len(), "{line:?}");
        names.iter().cloned().zip(line).collect()
    };
    lines.map(row).collect()
}

/// The rows of a Parquet file by the names of its columns, without nulls, each value as it is held; and of how many groups
/// they are.
fn columns(file: &[u8]) -> (usize, Vec<BTreeMap<String, Value>>) {
    let mut kept = tempfile::tempfile().expect("a file");
    kept.write_all(file).expect("it is written");
    let reader = SerializedFileReader::new(kept).expect("a whole file");
    let value = |field: &Field| match field {
        Field::Null => Value::Null,
        Field::Bool(value) => json!(value),
        Field::Int(value) | Field::Date(value) => json!(value),
        Field::Long(value) | Field::TimestampMicros(value) => json!(value),
        Field::Str(text) => json!(text),
        Field::Bytes(bytes) => {
            let hex: String = bytes.data().iter().map(|byte| format!("{byte:02x}")).collect();
            json!([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
        }
        other => panic!("{other:?}"),
    };
    let row = |row: Row| {
        let columns = row.get_column_iter().map(|(name, field)| (name.clone(), value(field)));
        columns.filter(|(_, value)| !value.is_null()).collect()
    };
    let rows = reader.get_row_iter(None).expect("rows").map(|found| row(found.expect("a row")));
    let rows = rows.collect();
    (reader.num_row_groups(), rows)
}

/// Whether a value of a Parquet file is what the JSON says: days for dates, microseconds for moments, digits for decimals.
fn is_same(held: &Value, json: &Value) -> bool {
    if held == json {
        return true;
    }
    match (held, json) {
        (Value::Number(number), Value::String(text)) => {
            let day = text.parse::<jiff::civil::Date>().map(|date| date.duration_since(jiff::civil::date(1970, 1, 1)));
            let day = day.ok().filter(|_| text.len() == 10).map(|days| days.as_hours() / 24);
            let moment = || text.parse::<jiff::Timestamp>().ok().map(|moment| moment.as_microsecond());
            number.as_i64() == day.or_else(moment)
        }
        (Value::String(digits), Value::Number(number)) => *digits == number.to_string(),
        _ => false,
    }
}

/// A Parquet file of all rows of a query.
async fn packed(server: &Server, path: &str, prefer: &str) -> Vec<u8> {
    let request = reqwest::Client::new().get(format!("{}/{path}", server.api()));
    let request = request.header("accept", "application/vnd.apache.parquet").header("prefer", prefer);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/vnd.apache.parquet");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"contacts.parquet\"");
    response.bytes().await.expect("it is whole").to_vec()
}

/// Every row of a query, by its pages.
async fn pages(server: &Server, path: &str, prefer: &str) -> Vec<Value> {
    let (mut all, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(link) = next {
        let page = server.call(Method::GET, &link).header("prefer", prefer).send().await.expect(200).json();
        all.extend(page["value"].as_array().expect("rows").iter().cloned());
        next = page["@odata.nextLink"].as_str().map(str::to_owned);
    }
    all
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_has_the_rows_of_all_pages() {
    let fhir = Fhir::sandbox().await;
    let all = patients();
    for resource in &all {
        fhir.put(resource).await;
    }
    let setup = Server::with(&fhir).limits(|limits| (limits.page_rows, limits.page_rows_max) = (4, 7));
    let server = setup.start().await;
    ingest(&server, &all).await;
    fhir.as_sandbox().set_faults("tiny-pages".parse().expect("faults"));
    for route in ["native", "virtual"] {
        server.turn("contact", route).await.expect(200);
        for path in [
            "contacts",
            "contacts?$filter=gendercode%20eq%202",
            "contacts?$filter=contains(firstname,'1')%20and%20startswith(lastname,'p')",
            "contacts?$select=lastname,birthdate,gendercode&$orderby=birthdate%20desc",
            "contacts?$select=lastname&$orderby=length(lastname),firstname",
            "contacts?$select=lastname&$top=11&$skip=3&$orderby=birthdate",
            "contacts?$select=lastname&$top=5",
            "contacts?$select=lastname&$skip=25",
            "contacts?$select=lastname&$top=0",
            "contacts?$select=lastname&$filter=msemr_generalpractioner/lastname%20eq%20'Who'",
            "contacts?$select=lastname&$orderby=msemr_generalpractioner/lastname,birthdate",
        ] {
            for prefer in [
                "odata.maxpagesize=7".to_owned(),
                format!("odata.maxpagesize=7,odata.include-annotations=\"{FORMATTED}\""),
            ] {
                let expected = pages(&server, path, &prefer).await;
                let call = server.call(Method::GET, path).header("accept", "text/csv").header("prefer", &prefer);
                let file = call.send().await.expect(200);
                assert_eq!(file.header("content-type"), "text/csv;charset=utf-8");
                assert_eq!(file.header("content-disposition"), "attachment; filename=\"contacts.csv\"");
                let rows = rows(&file.text);
                let keys = |name: &str| expected.iter().map(|row| as_text(&row[name])).collect::<Vec<_>>();
                let in_file: Vec<_> = rows.iter().map(|row| row["contactid"].clone()).collect();
                assert_eq!(in_file, keys("contactid"), "{route} {path}");
                let (_, held) = columns(&packed(&server, path, &prefer).await);
                assert_eq!(held.len(), expected.len(), "{route} {path}");
                for (row, expected) in held.iter().zip(&expected) {
                    for (name, value) in expected.as_object().expect("a row").iter() {
                        let is_there = row.get(name).is_some_and(|held| is_same(held, value));
                        assert!(is_there || value.is_null() || name.starts_with('@'), "{route} {path} {name}: {row:?}");
                    }
                    for name in row.keys() {
                        assert!(expected.get(name).is_some_and(|value| !value.is_null()), "{route} {path}: {name}");
                    }
                }
                for (row, expected) in rows.iter().zip(&expected) {
                    for (name, value) in row {
                        let wanted = as_text(expected.get(name).unwrap_or(&Value::Null));
                        assert_eq!(*value, wanted, "{route} {path} {name}");
                    }
                    for name in expected.as_object().expect("a row").keys().filter(|name| !name.starts_with('@')) {
                        assert!(row.contains_key(name), "{route} {path}: no {name}");
                    }
                }
            }
        }
        // What is chosen by `$format`, with its parameters, under either name, packed, and without a body.
        let by_format =
            server.get("contacts", &[("$format", "csv"), ("$select", "lastname"), ("$orderby", "birthdate")]).await;
        let plain = by_format.expect(200).text;
        assert_eq!(rows(&plain).len(), PATIENTS + 1, "{route}");
        let call = server.call(Method::GET, "contacts?$select=lastname&$orderby=birthdate");
        let call = call.header("accept", "application/xml;q=0.1, text/csv;header=absent;formulas=escaped;q=0.9");
        let bare = call.send().await.expect(200).text;
        let (with, without) = (read(&plain), read(&bare));
        assert_eq!(with.len(), without.len() + 1, "{route}");
        let escaped = |text: &Option<String>| match text {
            Some(text) if text.starts_with(['=', '-']) => Some(format!("'{text}")),
            other => other.clone(),
        };
        let escaped: Vec<Vec<_>> = with[1..].iter().map(|line| line.iter().map(escaped).collect()).collect();
        assert_eq!(without, escaped, "{route}");
        let call = server.call(Method::GET, "contacts?$select=lastname&$orderby=birthdate&$format=csv");
        let zipped = call.header("accept-encoding", "gzip").send().await.expect(200);
        assert_eq!((zipped.header("content-encoding"), &zipped.text), ("gzip", &plain), "{route}");
        let head = server.call(Method::HEAD, "contacts?$format=csv").send().await.expect(200);
        assert_eq!((head.header("content-type"), head.text.as_str()), ("text/csv;charset=utf-8", ""), "{route}");
        // Whoever takes anything gets pages.
        let any = server.call(Method::GET, "contacts").header("accept", "*/*").send().await.expect(200);
        assert!(any.header("content-type").starts_with("application/json"), "{route}");
    }
    let twin = server.get("msemr_ve_encounters", &[("$format", "csv")]).await.expect(200);
    assert_eq!(twin.header("content-disposition"), "attachment; filename=\"msemr_ve_encounters.csv\"");
    assert_eq!(read(&twin.text).len(), 1, "a table without rows has a header");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_has_no_place_for_is_refused() {
    let server = Server::setup().start().await;
    for (path, option) in [
        ("contacts?$expand=msemr_generalpractioner", "$expand"),
        ("contacts?$count=true", "$count"),
        ("contacts?$explain=true", "$explain"),
    ] {
        let refused = server.call(Method::GET, path).header("accept", "text/csv").send().await.expect(501);
        assert_eq!(
            (refused.error_code().as_str(), &refused.json()["error"]["target"]),
            ("NotSupported", &json!(option))
        );
    }
    for path in ["contacts(4c73b472-442b-4920-b899-aadc599f1d75)", "", "EntityDefinitions"] {
        let refused = server.call(Method::GET, path).header("accept", "text/csv").send().await.expect(406);
        assert_eq!(refused.error_code(), "NotAcceptable", "{path}");
    }
    let batch = json!({"requests": [{"id": "1", "method": "GET", "url": "contacts?$format=csv"}]});
    let answers = server.post("$batch", &batch).await.expect(200).json();
    assert_eq!(answers["responses"][0]["status"], 501, "{answers:#}");
    // A condition that is wrong is said before any file begins.
    let wrong = server.call(Method::GET, "contacts?$filter=nosuch%20eq%201").header("accept", "text/csv").send().await;
    assert_eq!(wrong.expect(400).error_code(), "UnknownColumn");
}

/// The bytes of a file as far as they come, and whether it comes to its end.
async fn taken(server: &Server, path: &str) -> (u16, Vec<u8>, bool) {
    let request = reqwest::Client::new().get(format!("{}/{path}", server.api())).header("accept", "text/csv");
    let mut response = request.send().await.expect("an answer");
    let (status, mut bytes) = (response.status().as_u16(), Vec::new());
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return (status, bytes, true),
            Err(_) => return (status, bytes, false),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_whole_is_broken_off() {
    let fhir = Fhir::sandbox().await;
    let all = patients();
    for resource in &all {
        fhir.put(resource).await;
    }
    let set = |faults: &str| fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
    let server = Server::with(&fhir)
        .limits(|limits| (limits.page_rows, limits.page_rows_max) = (4, 7))
        .route("contact", "virtual")
        .start()
        .await;
    // The service fails in the middle: some rows have come, the end has not.
    set("tiny-pages,expired-next");
    let (status, bytes, is_whole) = taken(&server, "contacts?$select=lastname").await;
    assert_eq!((status, is_whole), (200, false), "{}", String::from_utf8_lossy(&bytes));
    assert!(!bytes.is_empty());
    // It fails at once: an error like any other.
    set("status=500");
    let failed = server.get("contacts", &[("$format", "csv")]).await.expect(502);
    assert_eq!(failed.error_code(), "UpstreamDown");
    set("");
    assert!(taken(&server, "contacts").await.2, "and it is over");

    // Limits, each by its name: of calls, of rows, of time, of exports at once.
    let server = Server::with(&fhir)
        .limits(|limits| {
            (limits.page_rows, limits.page_rows_max, limits.export_calls) = (4, 7, 3);
            (limits.exports, limits.export_ms, limits.export_rows) = (1, 3_000, 2_500);
        })
        .route("contact", "virtual")
        .start()
        .await;
    set("tiny-pages");
    let (status, _, is_whole) = taken(&server, "contacts?$select=lastname").await;
    assert_eq!((status, is_whole), (200, false), "three calls do not do");
    set("latency=10s:@/Patient");
    let begun = std::time::Instant::now();
    let late = server.get("contacts", &[("$format", "csv")]);
    let second = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.get("contacts", &[("$format", "csv")]).await
    };
    let (late, second) = tokio::join!(late, second);
    assert_eq!((late.status, late.error_code().as_str()), (504, "UpstreamTimeout"), "{}", late.text);
    assert_eq!((second.status, second.error_code().as_str()), (503, "Busy"), "{}", second.text);
    assert!(begun.elapsed() < Duration::from_secs(9));
    set("");

    // Natively: more rows than an export may look at, found out in the middle.
    server.turn("contact", "native").await.expect(200);
    let identifiers = |nth: usize, count: usize| {
        let identifiers: Vec<_> =
            (0..count).map(|n| json!({"system": "urn:x", "value": format!("{nth}-{n}")})).collect();
        json!({"resourceType": "Patient", "id": format!("n{nth}"), "identifier": identifiers})
    };
    ingest(&server, &(0..6).map(|nth| identifiers(nth, 400)).collect::<Vec<_>>()).await;
    let (status, bytes, is_whole) = taken(&server, "msemr_medicalidentifiers?$select=msemr_value").await;
    assert_eq!((status, is_whole, read(&String::from_utf8(bytes).expect("text")).len()), (200, true, 2_401));
    ingest(&server, &[identifiers(6, 400)]).await;
    let (status, bytes, is_whole) = taken(&server, "msemr_medicalidentifiers?$select=msemr_value").await;
    assert_eq!((status, is_whole), (200, false));
    assert!(bytes.len() > 1_000 && bytes.len() < 400 * 7 * 60);
    // A condition that finds few of them is no better, but `$top` ends in time.
    let (_, bytes, is_whole) = taken(&server, "msemr_medicalidentifiers?$select=msemr_value&$top=2000").await;
    assert_eq!((read(&String::from_utf8(bytes).expect("text")).len(), is_whole), (2_001, true));
}

#[cfg(target_os = "linux")]
mod memory {
    use std::path::Path;

    use turntable_tests::Process;

    use super::*;

    const TEST: &str = "export::memory::a_file_of_many_rows_takes_little_memory";
    /// Set for the process that serves: its data folder.
    const FOLDER: &str = "TURNTABLE_EXPORT_TEST_FOLDER";

    const PATIENTS: usize = 250;
    const EACH: usize = 400;

    /// What the server may need on top of what it had: rows that are under way, and what allocators keep. All rows at once
    /// would be many times as much.
    const GROWTH: u64 = 40 << 20;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_of_many_rows_takes_little_memory() {
        if let Some(folder) = std::env::var_os(FOLDER) {
            return serve(folder.as_ref()).await;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::setup().data_dir(folder.path()).start().await;
        let patient = |nth: usize| {
            let identifier = |n: usize| json!({"system": "https://example.org/numbers", "value": format!("{nth}-{n}"), "assigner": {"display": "x".repeat(300)}});
            let identifiers: Vec<_> = (0..EACH).map(identifier).collect();
            json!({"resourceType": "Patient", "id": format!("p{nth}"), "identifier": identifiers})
        };
        for some in (0..PATIENTS).collect::<Vec<_>>().chunks(50) {
            ingest(&server, &some.iter().map(|nth| patient(*nth)).collect::<Vec<_>>()).await;
        }
        server.stop().await;

        let process = Process::start(TEST, [(FOLDER, folder.path().as_os_str())]);
        let address = format!("{}/api/data/v9.2/msemr_medicalidentifiers", process.url);
        let client = reqwest::Client::new();
        let export = async |options: &str, zipped: bool| {
            let request = client.get(format!("{address}{options}")).header("accept", "text/csv");
            let request = if zipped { request.header("accept-encoding", "gzip") } else { request };
            let mut response = request.send().await.expect("an answer");
            assert_eq!(response.status(), 200);
            let (mut lines, mut bytes) = (0, 0);
            while let Some(chunk) = response.chunk().await.expect("it is whole") {
                lines += chunk.iter().filter(|byte| **byte == b'\n').count();
                bytes += chunk.len() as u64;
            }
            (lines, bytes)
        };
        assert_eq!(export("?$top=2000", false).await.0, 2_001);
        assert!(export("?$top=2000", true).await.1 > 0);
        let before = process.most_memory();
        let (lines, bytes) = export("", false).await;
        assert_eq!(lines, PATIENTS * EACH + 1);
        assert!(bytes > GROWTH * 3 / 4, "too small to tell anything: {bytes}");
        let (_, zipped) = export("", true).await;
        assert!(zipped < bytes / 4, "{zipped} of {bytes}");
        let request = client.get(format!("{address}?$format=parquet"));
        let file = request.send().await.expect("an answer").bytes().await.expect("it is whole");
        let after = process.most_memory();
        assert!(after < before + GROWTH, "{} MiB more for {} MiB", (after - before) >> 20, bytes >> 20);
        let (groups, rows) = columns(&file);
        assert_eq!(rows.len(), PATIENTS * EACH);
        assert!(groups > 1, "as many as there have to be");
    }

    async fn serve(folder: &Path) {
        let server = Server::setup().data_dir(folder).start().await;
        turntable_tests::serve(server).await;
    }
}
