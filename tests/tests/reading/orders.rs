//! `$orderby` over more than a request may look at: pages are cut from ranges that the FHIR service searches, whatever it
//! makes of `_sort`. A service that sorts otherwise costs calls or a refusal by name, never a row.

use serde_json::{Value, json};
use turntable_tests::{Answer, Fhir, Server};
use uuid_of::uuid;

const SET: &str = "msemr_diagnosticreports";
const KEY: &str = "msemr_diagnosticreportid";

/// Resources that a request may look at; there are more.
const SCAN_ROWS: u64 = 900;
const REPORTS: usize = 1_400;

mod uuid_of {
    /// Made of a number, in no order that the numbers have.
    pub(super) fn uuid(number: usize) -> String {
        let mixed = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!("{:08x}-{:04x}-4000-8000-{number:012x}", mixed >> 32, mixed >> 16 & 0xffff)
    }
}

/// When the report of a number was issued, in microseconds and as FHIR text: many at one moment, some never.
fn issued(number: usize) -> Option<(i64, String)> {
    if number.is_multiple_of(23) {
        return None;
    }
    let minute = (number * 7_919) % 400;
    let (hour, rest) = (minute / 60, minute % 60);
    // Others say the same moment in another zone.
    let text = match number % 2 {
        0 => format!("2024-03-01T{hour:02}:{rest:02}:00Z"),
        _ => format!("2024-03-01T{:02}:{rest:02}:00+02:00", hour + 2),
    };
    Some((i64::try_from(minute).unwrap_or_default(), text))
}

fn status(number: usize) -> &'static str {
    if number.is_multiple_of(3) { "preliminary" } else { "final" }
}

fn report(number: usize) -> Value {
    let mut report = json!({"resourceType": "DiagnosticReport", "id": uuid(number), "status": status(number),
        "code": {"text": "r"}});
    if let Some((_, text)) = issued(number) {
        report["issued"] = json!(text);
    }
    report
}

/// The keys of the reports that are meant, in order; what is of one moment by key.
fn expected(all: usize, descending: bool, meant: impl Fn(usize) -> bool) -> Vec<String> {
    let mut numbers: Vec<usize> = (0..all).filter(|number| meant(*number)).collect();
    let moment = |number: usize| issued(number).map(|(moment, _)| moment);
    numbers.sort_by(|a, b| {
        let order = moment(*a).cmp(&moment(*b));
        let order = if descending { order.reverse() } else { order };
        order.then_with(|| uuid(*a).cmp(&uuid(*b)))
    });
    numbers.into_iter().map(uuid).collect()
}

async fn service(reports: usize) -> Fhir {
    let fhir = Fhir::sandbox().await;
    let entries: Vec<_> = (0..reports)
        .map(|number| json!({"resource": report(number), "request": {"method": "PUT", "url": format!("DiagnosticReport/{}", uuid(number))}}))
        .collect();
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
    fhir.as_sandbox().load(bundle.to_string().as_bytes()).expect("the sandbox takes it");
    fhir
}

async fn server(fhir: &Fhir, scan_rows: u64) -> Server {
    let setup = Server::with(fhir).route("msemr_diagnosticreport", "virtual");
    setup.limits(|limits| (limits.scan_rows, limits.upstream_calls) = (scan_rows, 400)).start().await
}

/// Keys from the first pages of an answer, until there are so many or no more; or what refused one.
async fn walk(server: &Server, options: &[(&str, &str)], page: usize, most: usize) -> Result<Vec<String>, Answer> {
    let mut keys = Vec::new();
    let mut answer: Option<String> = None;
    while keys.len() < most {
        let call = match &answer {
            None => {
                let options: Vec<_> =
                    options.iter().map(|(name, value)| format!("{name}={}", turntable_tests::encode(value))).collect();
                server.call(reqwest::Method::GET, &format!("{SET}?{}", options.join("&")))
            }
            Some(next) => server.call(reqwest::Method::GET, next),
        };
        let got = call.header("prefer", &format!("odata.maxpagesize={page}")).send().await;
        if got.status != 200 {
            return Err(got);
        }
        keys.extend(got.rows().iter().map(|row| row[KEY].as_str().unwrap_or_default().to_owned()));
        match got.json()["@odata.nextLink"].as_str() {
            Some(next) => answer = Some(next.to_owned()),
            None => break,
        }
    }
    keys.truncate(most);
    Ok(keys)
}

const LATEST: (&str, &str) = ("$orderby", "msemr_issued desc");
const EARLIEST: (&str, &str) = ("$orderby", "msemr_issued");
const FINAL: (&str, &str) = ("$filter", "msemr_status eq 491300003");

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rows_of_many() {
    let fhir = service(REPORTS).await;
    let server = server(&fhir, SCAN_ROWS).await;
    let (latest, earliest) = (expected(REPORTS, true, |_| true), expected(REPORTS, false, |_| true));
    let of = async |options: &[(&str, &str)], page, most| {
        walk(&server, options, page, most).await.map_err(|answer| answer.text)
    };
    assert_eq!(of(&[LATEST], 10, 45).await, Ok(latest[..45].to_vec()));
    assert_eq!(of(&[LATEST, ("$skip", "17")], 10, 30).await, Ok(latest[17..47].to_vec()));
    assert_eq!(of(&[LATEST, ("$top", "12")], 5, 40).await, Ok(latest[..12].to_vec()));
    // The rows without a value come first.
    assert_eq!(of(&[EARLIEST], 50, 170).await, Ok(earliest[..170].to_vec()));
    let status = server.get(SET, &[("$top", "1"), ("$select", "msemr_status"), LATEST]).await.expect(200).rows();
    assert!(status[0]["msemr_status"].is_number(), "{status:?}");
    let by_key = [("$orderby", "msemr_issued desc,msemr_azurefhirid desc")];
    let mut same_moment: Vec<_> =
        latest.iter().filter(|key| moment_of(key) == moment_of(&latest[0])).cloned().collect();
    same_moment.reverse();
    assert_eq!(of(&by_key, 3, same_moment.len()).await, Ok(same_moment));
    // Counted by the service.
    let counted = server.get(SET, &[LATEST, ("$count", "true"), ("$top", "3")]).await.expect(200);
    assert_eq!((counted.json()["@odata.count"].as_u64(), counted.rows().len()), (Some(REPORTS as u64), 3));
    // Asked for by name.
    let plan = server.get(SET, &[LATEST, ("$explain", "true")]).await.expect(200).text;
    assert!(plan.contains("\"pagesBy\"") && plan.contains("-issued"), "{plan}");

    // No service that is odd in this changes a row.
    for faults in ["nulls-first", "sort-turns", "sort-turns,nulls-first", "duplicate-pages", "ignore-sort", "no-total"]
    {
        fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
        // What one has taught is not to be known of the next.
        let server = self::server(&fhir, SCAN_ROWS).await;
        for (order, expected) in [(LATEST, &latest), (EARLIEST, &earliest)] {
            match walk(&server, &[order], 20, 60).await {
                Ok(keys) => assert_eq!(keys, expected[..60], "{faults} {order:?}"),
                Err(refused) => {
                    assert_eq!(refused.error_code(), "ScanBudgetExceeded", "{faults}: {}", refused.text);
                    assert_eq!(faults, "ignore-sort", "refused though it sorts: {order:?} {}", refused.text);
                }
            }
        }
    }
}

fn moment_of(key: &str) -> Option<i64> {
    let number = usize::from_str_radix(&key[key.len() - 12..], 16).expect("a number");
    issued(number).map(|(moment, _)| moment)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_to_the_last() {
    const FEW: usize = 330;
    let fhir = service(FEW).await;
    for faults in [
        "",
        "tiny-pages",
        "tiny-pages,nulls-first",
        "tiny-pages,sort-turns",
        "tiny-pages,ignore-sort",
        "coarse-numbers",
    ] {
        fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
        let server = server(&fhir, 100_000).await;
        for descending in [true, false] {
            let order = if descending { LATEST } else { EARLIEST };
            for page in [37] {
                let keys = walk(&server, &[order], page, FEW)
                    .await
                    .unwrap_or_else(|answer| panic!("{faults}: {}", answer.text));
                assert_eq!(keys, expected(FEW, descending, |_| true), "{faults} {order:?} {page}");
            }
            let keys = walk(&server, &[order, FINAL], 31, FEW)
                .await
                .unwrap_or_else(|answer| panic!("{faults}: {}", answer.text));
            assert_eq!(keys, expected(FEW, descending, |number| status(number) == "final"), "{faults} {order:?}");
        }
    }
}
