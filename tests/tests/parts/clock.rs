//! The wall clock is set back and forward by years under a running server. Nothing is lost, taken for older or newer than
//! it is, or refused, but next links, which may have ended.
//!
//! The process is started once more with libfaketime before its C library, which `TURNTABLE_TEST_FAKETIME` names.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Answer, Fhir, Server, builtin, digest, skipped, with_text, without_samples};

/// Set for the process whose clock jumps: the file that says by how much.
const OFFSET: &str = "FAKETIME_TIMESTAMP_FILE";

/// Far before and behind now, where a computer without a battery begins, and back.
const JUMPS: [&str; 6] = ["+5y", "-9y", "@1970-01-02 00:00:00", "@2199-12-31 23:59:58", "-1d", "+0"];

const TABLE: &str = "msemr_observation";
const SET: &str = "msemr_observations";

#[test]
fn the_clock_jumps() {
    let Some(library) = std::env::var_os("TURNTABLE_TEST_FAKETIME") else {
        return skipped(
            "no clock to set (pip install libfaketime, set TURNTABLE_TEST_FAKETIME to its libfaketime.so.1)",
        );
    };
    let folder = tempfile::tempdir().expect("a folder");
    let offset = folder.path().join("offset");
    std::fs::write(&offset, "+0").expect("a file");
    let ran = Command::new(std::env::current_exe().expect("a test has a program"))
        .args(["--exact", "clock::under_a_clock_that_jumps", "--nocapture"])
        .env("LD_PRELOAD", library)
        .env(OFFSET, &offset)
        .env("FAKETIME_NO_CACHE", "1")
        // What a machine measures time spans by goes on.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .output()
        .expect("it starts");
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

/// What is known of a row of a route.
struct Known {
    route: &'static str,
    key: String,
    etag: String,
    text: String,
}

/// The story, in the process that [`the_clock_jumps`] starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_clock_that_jumps() {
    let Some(offset) = std::env::var_os(OFFSET) else { return };
    let fhir = Fhir::sandbox().await;
    let folder = tempfile::tempdir().expect("a folder");
    let start = || Server::with(&fhir).data_dir(folder.path()).start();
    let mut server = start().await;
    let named_otherwise = ("code.text | code.coding[0].display", "code.text | code.coding[0].version");
    let second = without_samples(with_text("observation", named_otherwise.0, named_otherwise.1));
    let versions = [digest(builtin("observation")), server_loads(&server, &second).await];
    let mut known = Vec::new();
    for route in ["native", "virtual"] {
        server.turn(TABLE, route).await.expect(200);
        for count in 0..5 {
            let text = format!("{route} {count}");
            let row = json!({ "msemr_comment": text, "msemr_status": 935000002, "msemr_code_code": "1" });
            let (key, etag) = key_and_etag(&server.post(SET, &row).await.expect(201));
            known.push(Known { route, key, etag, text });
        }
    }
    let mut events = server.events(0).await.len();
    for (count, jump) in JUMPS.into_iter().enumerate() {
        let mut links = Vec::new();
        for route in ["native", "virtual"] {
            server.turn(TABLE, route).await.expect(200);
            let page = server.call(Method::GET, SET).header("Prefer", "odata.maxpagesize=2").send().await.expect(200);
            links.push((route, page.json()["@odata.nextLink"].as_str().expect("more rows").to_owned()));
        }

        let before = jiff::Timestamp::now();
        std::fs::write(Path::new(&offset), jump).expect("the file of the clock");
        let moved = jiff::Timestamp::now().duration_since(before).as_hours();
        assert!(moved.abs() > 20, "{jump}: the clock stood still");

        for (route, link) in links {
            server.turn(TABLE, route).await.expect(200);
            let next = server.get(&link, &[]).await;
            match moved {
                // It is not good for longer than it says.
                0.. => assert_eq!((next.status, next.error_code().as_str()), (410, "PageTokenExpired"), "{jump}"),
                _ => assert_eq!(next.expect(200).rows().len(), 3, "{jump}"),
            }
        }
        for (number, row) in known.iter_mut().enumerate() {
            server.turn(TABLE, row.route).await.expect(200);
            let stale = std::mem::take(&mut row.etag);
            row.text = format!("{} {number} after {jump}", row.route);
            let body = json!({ "msemr_comment": row.text });
            let address = format!("{SET}({})", row.key);
            let patch = || server.call(Method::PATCH, &address).header("Prefer", "return=representation").json(&body);
            row.etag = key_and_etag(&patch().header("If-Match", &stale).send().await.expect(200)).1;
            assert_ne!(row.etag, stale, "{jump}");
            // What was there before is older, whatever the clock says.
            patch().header("If-Match", &stale).send().await.expect(412);
        }
        server.activate(TABLE, &versions[(count + 1) % 2]).await.expect(200);
        server.rollback(TABLE).await.expect(200);
        server.activate(TABLE, &versions[(count + 1) % 2]).await.expect(200);

        // Every deed has its event, and the trail goes on in the order of deeds.
        let trail = server.events(0).await;
        let ids: Vec<_> = trail.iter().filter_map(|event| event["id"].as_u64()).collect();
        assert!(ids.len() == trail.len() && ids.is_sorted_by(|a, b| a < b), "{jump}: {ids:?}");
        assert!(trail.len() > events, "{jump}");
        events = trail.len();

        check(&server, &known, jump).await;
        server.stop().await;
        server = start().await;
        check(&server, &known, jump).await;
    }
}

async fn server_loads(server: &Server, component: &[u8]) -> String {
    server.load(component).await.expect(201).json()["digest"].as_str().expect("a digest").to_owned()
}

/// Every row is there once, as it was written last.
async fn check(server: &Server, known: &[Known], when: &str) {
    server.get("/healthz", &[]).await.expect(200);
    for route in ["native", "virtual"] {
        server.turn(TABLE, route).await.expect(200);
        let of_route = || known.iter().filter(|row| row.route == route);
        let mut texts: Vec<_> = of_route().map(|row| json!(row.text)).collect();
        let rows = server.rows(SET, &[("$select", "msemr_comment"), ("$orderby", "msemr_comment")]).await;
        texts.sort_by_key(Value::to_string);
        assert_eq!(rows.iter().map(|row| row["msemr_comment"].clone()).collect::<Vec<_>>(), texts, "{when}");
        for row in of_route() {
            assert_eq!(server.row(SET, &row.key).await["@odata.etag"], row.etag, "{when}");
        }
    }
}

fn key_and_etag(answer: &Answer) -> (String, String) {
    let row = answer.json();
    let text = |name: &str| row[name].as_str().expect("it is there").to_owned();
    (text("msemr_observationid"), text("@odata.etag"))
}
