//! Delta links of rows in a FHIR service, told by its history: whatever is written, and whenever, also where a change comes to
//! light late, and where a service counts off the rows of its pages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Fhir, Server, encode};

use super::delta::{Client, NAMES, Random, anew, key_of, tracked};

/// Rounds of the random test, and what is done in each.
const ROUNDS: usize = 14;
const STEPS: u64 = 18;

/// How late a change comes to light, at times, and how late it may.
const LATE: Duration = Duration::from_millis(60);
const LATE_MS: u64 = 400;

fn faults(fhir: &Fhir, faults: &str) {
    fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
}

fn person(id: &str, family: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }] })
}

fn lists() -> Vec<String> {
    let filter = |set: &str, filter: &str| format!("{set}?$filter={}", encode(filter));
    vec![
        "contacts?$select=lastname,_msemr_managingorganization_value".to_owned(),
        filter("contacts", "startswith(lastname,'a')"),
        filter("contacts", "length(lastname) gt 3"),
        // Two searches.
        filter("contacts", "lastname eq 'Ada' or birthdate eq 1970-01-01"),
        "tt_contacttelecoms".to_owned(),
        filter("tt_contacttelecoms", "tt_use eq 935000000"),
    ]
}

/// Something is written there, mostly not by us.
async fn write(server: &Server, fhir: &Fhir, random: &mut Random) {
    let rows = server.get("contacts?$select=contactid", &[]).await.expect(200).rows();
    let pick = rows.get(random.below(rows.len().max(1) as u64) as usize).map(key_of);
    let id = format!("p-{}", random.below(10));
    let resource_type = random.one(&["Patient", "Practitioner"]);
    match (random.below(8), pick) {
        (0, _) => {
            let row = json!({ "msemr_contacttype": 935000000, "lastname": random.one(&NAMES) });
            server.post("contacts", &row).await.expect(201);
        }
        (1, Some(key)) => {
            let answer = server.patch(&format!("contacts({key})"), &json!({ "lastname": random.one(&NAMES) })).await;
            assert!(answer.status < 500, "{}", answer.text);
        }
        (2..=3, _) => drop(fhir.delete(resource_type, &id).await),
        _ => {
            let count = random.below(4);
            let mut telecom = |_| {
                let (number, home) = (random.below(3), random.one(&["home", "work"]));
                json!({ "system": "phone", "value": format!("{number}"), "use": home })
            };
            let telecom: Vec<_> = (0..count).map(&mut telecom).collect();
            let (family, born) = (random.one(&NAMES), random.one(&["1970-01-01", "1980-02-03"]));
            fhir.put(&json!({ "resourceType": resource_type, "id": id, "name": [{ "family": family }],
                "birthDate": born, "telecom": telecom }))
                .await;
        }
    }
}

/// The one that decides: at random, and between all pages.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_and_its_changes_are_the_list_as_it_is() {
    let fhir = Fhir::sandbox().await;
    let limits = |limits: &mut turntable::model::limits::Limits| {
        (limits.history_late_ms, limits.page_bytes, limits.upstream_calls) = (LATE_MS, 2_000, 60);
    };
    let server = Server::with(&fhir).virtual_tables(&["contact"]).limits(limits).start().await;
    for n in 0..9 {
        fhir.put(&person(&format!("p-{n}"), NAMES[n % 6])).await;
    }
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut clients: Vec<_> = lists().into_iter().map(Client::new).collect();
    for round in 0..ROUNDS {
        let late = format!("offset-pages,late-history={}ms", LATE.as_millis());
        faults(&fhir, if round % 2 == 0 { "offset-pages" } else { &late });
        for _ in 0..STEPS {
            if random.below(3) > 0 {
                write(&server, &fhir, &mut random).await;
            } else {
                let (client, size) = (random.below(clients.len() as u64) as usize, 1 + random.below(5));
                clients[client].step(&server, size).await;
            }
        }
        faults(&fhir, "offset-pages");
        for client in &mut clients {
            client.drain(&server, 1 + random.below(6)).await;
            // What has come to light while changes were told page by page is told by the link behind them.
            client.drain(&server, 1 + random.below(6)).await;
            let list = anew(&server, &client.list).await;
            let keys: BTreeSet<_> = client.rows.keys().chain(list.keys()).collect();
            let other: Vec<_> = keys.into_iter().filter(|key| client.rows.get(*key) != list.get(*key)).collect();
            let of =
                |rows: &BTreeMap<String, Value>, key: &str| rows.get(key).map(|row| row["@odata.etag"].to_string());
            let other: Vec<_> = other.into_iter().map(|key| (key, of(&client.rows, key), of(&list, key))).collect();
            assert!(other.is_empty(), "round {round}: {}: {other:?}", client.list);
        }
    }
    for client in &clients {
        assert!(client.is_whole && client.begun_anew == 0, "{}", client.list);
        assert!(client.gone[0] > 0, "{}", client.list);
        assert_eq!(client.gone[1] > 0, client.list.contains("$filter"), "{}", client.list);
    }
}

/// A page after the other of a service that counts off rows would never show it.
#[tokio::test]
async fn a_row_that_stays_is_in_the_list_whatever_goes_before_it() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).virtual_tables(&["contact"]).start().await;
    for n in 0..6 {
        fhir.put(&person(&format!("p{n}"), "Row")).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    faults(&fhir, "offset-pages");
    let mut client = Client::new("contacts".to_owned());
    assert!(!client.step(&server, 2).await);
    for id in ["p0", "p1"] {
        fhir.delete("Patient", id).await.expect(204);
    }
    client.drain(&server, 2).await;
    assert_eq!(client.rows, anew(&server, "contacts").await);
    assert_eq!(client.rows.len(), 4);
}

/// Many resources of one moment, by a service of small pages: each row comes once.
#[tokio::test]
async fn resources_of_one_moment_are_one_slice() {
    let fhir = Fhir::sandbox().await;
    let entries: Vec<_> = (0..60)
        .map(|n| json!({ "resource": person(&format!("p{n:02}"), "Row"), "request": { "method": "PUT", "url": format!("Patient/p{n:02}") } }))
        .collect();
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    fhir.as_sandbox().load(bundle.to_string().as_bytes()).expect("they are stored");
    let limits = |limits: &mut turntable::model::limits::Limits| limits.upstream_calls = 100;
    let server = Server::with(&fhir).virtual_tables(&["contact"]).limits(limits).start().await;
    for spoilt in
        ["tiny-pages", "tiny-pages,offset-pages", "small-pages", "overlap,tiny-pages", "ignore-sort,tiny-pages"]
    {
        faults(&fhir, spoilt);
        let mut client = Client::new("contacts?$select=lastname".to_owned());
        let (mut pages, mut given) = (0, 0);
        while !client.is_whole {
            let before = client.rows.len();
            client.step(&server, 9).await;
            given += client.rows.len() - before;
            pages += 1;
            assert!(client.rows.len() - before <= 9, "{spoilt}");
        }
        assert_eq!((client.rows.len(), given), (60, 60), "{spoilt}");
        assert!(pages < 40, "{spoilt}: {pages}");
    }
}

/// What is found once more is not told once more, and what comes to light late is told.
#[tokio::test]
async fn a_change_is_told_once_however_late() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).virtual_tables(&["contact"]).start().await;
    fhir.put(&person("ada", "Ada")).await;
    fhir.put(&person("bob", "Bob")).await;
    let told = async |link: &mut String| -> Vec<String> {
        let page = server.get(link, &[]).await.expect(200).json();
        let rows = page["value"].as_array().expect("rows").clone();
        *link = page["@odata.deltaLink"].as_str().expect("a link").to_owned();
        let text = |row: &Value| ["lastname", "reason"].iter().find_map(|name| row[*name].as_str()).map(str::to_owned);
        rows.iter().map(|row| text(row).expect("a name or a reason")).collect()
    };
    let mut link = tracked(&server, "contacts?$select=lastname").await;
    assert!(!link.contains("ada") && link.contains("$deltatoken="), "{link}");
    told(&mut link).await;
    assert!(told(&mut link).await.is_empty());
    fhir.put(&person("ada", "Eve")).await;
    fhir.delete("Patient", "bob").await.expect(204);
    let of_before = link.clone();
    assert_eq!(told(&mut link).await, ["Eve", "deleted"]);
    assert!(told(&mut link).await.is_empty());
    assert_eq!(told(&mut of_before.clone()).await, ["Eve", "deleted"], "as often as one likes");

    tokio::time::sleep(Duration::from_millis(350)).await;
    faults(&fhir, "late-history=300ms");
    fhir.put(&person("carl", "Carl")).await;
    assert!(told(&mut link).await.is_empty(), "it is not to be seen yet");
    faults(&fhir, "");
    fhir.put(&person("dora", "Dora")).await;
    faults(&fhir, "late-history=300ms");
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(told(&mut link).await, ["Carl", "Dora"]);

    // A row that meets the condition no more.
    faults(&fhir, "");
    let mut link =
        tracked(&server, &format!("contacts?$select=lastname&$filter={}", encode("lastname eq 'Carl'"))).await;
    told(&mut link).await;
    fhir.put(&person("carl", "Other")).await;
    assert_eq!(told(&mut link).await, ["changed"]);
}

/// Each a history that cannot be relied on: an error, never a change that is lost.
#[tokio::test]
async fn a_service_that_lies_is_caught() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).virtual_tables(&["contact"]).start().await;
    for n in 0..25 {
        fhir.put(&person(&format!("p{n:02}"), "Row")).await;
    }
    let link = tracked(&server, "contacts?$select=lastname").await;
    fhir.delete("Patient", "p03").await.expect(204);
    for (spoilt, status) in [
        ("", 200),
        ("turned-history", 200),
        ("tiny-pages", 200),
        ("small-pages", 200),
        ("tiny-pages,relative-next", 200),
        ("ignore-params", 200),
        ("no-total", 200),
        ("short-history", 502),
        ("wrong-total", 502),
        ("bare-history", 502),
        ("timeless-history", 502),
        ("other-bundle", 502),
        ("tiny-pages,no-next", 502),
        ("tiny-pages,foreign-next", 502),
        ("tiny-pages,public-next", 502),
        ("tiny-pages,same-next", 502),
        ("tiny-pages,two-nexts", 502),
        ("tiny-pages,empty-next", 502),
        ("tiny-pages,expired-next", 502),
        ("two-entries", 502),
        ("bare-entry", 502),
        // The second of a deletion has no request.
        ("double-entry", 502),
        ("other-type", 502),
        ("error-outcome", 502),
        ("subsetted", 502),
        ("malformed", 502),
        ("html", 502),
        ("cut", 502),
        ("status=404", 501),
    ] {
        let faults = spoilt.split(',').map(|fault| format!("{fault}:@/_history")).collect::<Vec<_>>().join(",");
        self::faults(&fhir, if spoilt.is_empty() { "" } else { &faults });
        let answer = server.get(&link, &[]).await;
        assert_eq!(answer.status, status, "{spoilt}: {}", answer.text);
        if status == 200 {
            let rows = answer.rows();
            let gone = rows.iter().filter(|row| row["reason"] == "deleted").count();
            assert_eq!((rows.len(), gone), (25, 1), "{spoilt}: {}", answer.text);
        }
    }
    // A list of a service that does not find by the time of changes.
    for spoilt in ["ignore-params=claimed", "ignore-params"] {
        faults(&fhir, &format!("{spoilt}:@_lastUpdated=lt"));
        let answer = server.call(Method::GET, "contacts").header("prefer", "odata.track-changes,odata.maxpagesize=3");
        let answer = answer.send().await.expect(502);
        assert!(answer.text.contains("_lastUpdated"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_link_ends_by_name_where_changes_cannot_be_told() {
    let fhir = Fhir::sandbox().await;
    fhir.put(&person("ada", "Ada")).await;
    let server = async |change: fn(&mut turntable::model::limits::Limits)| {
        Server::with(&fhir).virtual_tables(&["contact"]).limits(change).start().await
    };
    let expects = async |server: &Server, link: &str, what: &str| {
        let answer = server.get(link, &[]).await;
        assert_eq!((answer.status, &*answer.error_code()), (410, "DeltaTokenExpired"), "{}", answer.text);
        assert!(answer.text.contains(what) && answer.text.contains("read the list anew"), "{}", answer.text);
    };
    let old = server(|limits| limits.delta_link_ms = 1).await;
    let link = tracked(&old, "contacts").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    expects(&old, &link, "delta_link_ms").await;

    let small = server(|limits| limits.scan_rows = 10).await;
    let link = tracked(&small, "contacts").await;
    for n in 0..300 {
        fhir.put(&person("ada", &format!("Row {n}"))).await;
    }
    expects(&small, &link, "scan_rows").await;

    // What a child table's resource was before is not shown any more.
    let plain = server(|limits| limits.history_late_ms = 0).await;
    let link = tracked(&plain, "tt_contacttelecoms").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    fhir.put(&person("ada", "New")).await;
    faults(&fhir, "status=404:@/ada/_history");
    expects(&plain, &link, "before").await;
    faults(&fhir, "");
    plain.get(&link, &[]).await.expect(200);

    // Its types are others, and its route is turned.
    let link = tracked(&plain, "contacts").await;
    plain.turn("contact", "native").await.expect(200);
    expects(&plain, &link, "route").await;
}
