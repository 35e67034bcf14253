//! `$compute`: values of rows with names of their own, natively and from a FHIR service.

use serde_json::{Value, json};
use turntable_tests::{Fhir, PATIENT, PEOPLE, Server};

async fn both() -> [Server; 2] {
    let native = Server::setup().start().await;
    native.ingest(PEOPLE, None).await.expect(200);
    let fhir = Fhir::sandbox().await;
    fhir.as_sandbox().load(PEOPLE.as_bytes()).expect("the sandbox takes it");
    let there = Server::with(&fhir).virtual_tables(&["contact", "account"]).start().await;
    // The service ends with its handle.
    std::mem::forget(fhir);
    [native, there]
}

const ALL: &str =
    "length(lastname) as size,concat(firstname,'!') as call,year(birthdate) as born,lastname eq 'x' as odd";

#[tokio::test(flavor = "multi_thread")]
async fn values_are_shown_compared_and_sorted_by() {
    for server in both().await {
        for (first, last, born) in [("Li", "Abel", "1950-01-02"), ("Zoë", "Straße", "1980-03-04"), ("", "Li", "")] {
            let mut row = json!({ "msemr_contacttype": 935000000, "lastname": last });
            if !first.is_empty() {
                (row["firstname"], row["birthdate"]) = (first.into(), born.into());
            }
            server.post("contacts", &row).await.expect(201);
        }
        let plain = server.get("contacts", &[("$orderby", "contactid")]).await.expect(200).rows();
        assert!(plain.len() > 2);
        let text = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
        let meant = |row: &Value| {
            let size = text(row, "lastname").map(|name| name.chars().count());
            let call = text(row, "firstname").map(|name| format!("{name}!"));
            let born = text(row, "birthdate").map(|date| date[..4].parse::<u64>().expect("a year"));
            (json!(size), json!(call), json!(born))
        };
        let rows = server.get("contacts", &[("$compute", ALL), ("$orderby", "contactid")]).await.expect(200).rows();
        assert_eq!(rows.len(), plain.len());
        for (row, plain) in rows.iter().zip(&plain) {
            assert_eq!((row["size"].clone(), row["call"].clone(), row["born"].clone()), meant(plain), "{row}");
            let mut without = row.clone();
            let without = without.as_object_mut().expect("a row");
            ["size", "call", "born", "odd"].iter().for_each(|name| drop(without.remove(*name)));
            assert_eq!(Some(&*without), plain.as_object());
        }
        // Selected, compared and sorted by; page by page.
        let options = [
            ("$compute", ALL),
            ("$select", "lastname,size"),
            ("$filter", "size gt 2 and born ne 1"),
            ("$orderby", "size desc,contactid"),
            ("$count", "true"),
        ];
        let answer = server.get("contacts", &options).await.expect(200).json();
        let context = answer["@odata.context"].as_str().unwrap_or_default();
        assert!(context.ends_with("#contacts(lastname,size)"), "{context}");
        let sizes: Vec<_> = answer["value"].as_array().expect("rows").iter().map(|row| row["size"].as_u64()).collect();
        let mut sorted: Vec<_> =
            plain.iter().filter_map(|row| meant(row).0.as_u64().filter(|size| *size > 2)).collect();
        sorted.sort_by(|a, b| b.cmp(a));
        assert_eq!(sizes, sorted.into_iter().map(Some).collect::<Vec<_>>());
        assert_eq!(answer["@odata.count"].as_u64(), Some(sizes.len() as u64));
        assert!(answer["value"][0].get("call").is_none() && answer["value"][0].get("lastname").is_some());
        let mut paged = Vec::new();
        let query = options[..4].iter().map(|(name, text)| format!("{name}={}", turntable_tests::encode(text)));
        let mut link = Some(format!("contacts?{}", query.collect::<Vec<_>>().join("&")));
        while let Some(path) = link.take() {
            let call = server.call(reqwest::Method::GET, &path).header("prefer", "odata.maxpagesize=1");
            let page = call.send().await.expect(200).json();
            paged.extend(page["value"].as_array().expect("rows").iter().map(|row| row["size"].as_u64()));
            link = page["@odata.nextLink"].as_str().map(str::to_owned);
        }
        assert_eq!(paged, sizes);
        // One row, a count, values of related rows that are compared only, and what hangs on a row.
        let one = server.get(&format!("contacts({PATIENT})"), &[("$compute", ALL), ("$select", "size")]).await;
        let one = one.expect(200).json();
        assert!(one["size"].is_u64() && one.get("lastname").is_none(), "{one}");
        let count = server.get("contacts/$count", &[("$compute", ALL), ("$filter", "size gt 2")]).await.expect(200);
        assert_eq!(count.text.trim_start_matches('\u{feff}'), sizes.len().to_string());
        let behind = [
            ("$compute", "length(msemr_managingorganization/name) as l"),
            ("$filter", "l gt 0"),
            ("$select", "lastname"),
            ("$expand", "msemr_managingorganization($select=name)"),
        ];
        // A count shows nothing.
        let count = server.get("contacts/$count", &behind[..2]).await.expect(200);
        let rows = server.get("contacts", &behind).await.expect(200).rows();
        assert_eq!(count.text.trim_start_matches('\u{feff}'), rows.len().to_string());
        for row in rows {
            assert!(row["msemr_managingorganization"]["name"].is_string(), "{row}");
        }
        for (options, status, named) in [
            (vec![("$compute", behind[0].1)], 501, "a value of related rows"),
            (vec![("$compute", "1 add 1 as lastname")], 400, "the name of another property"),
            (vec![("$compute", "1 add 1")], 400, "`as` is expected"),
            (vec![("$compute", "lastnam as l")], 400, "lastname"),
            (vec![("$compute", ALL), ("$apply", "aggregate($count as n)")], 501, "beside `$apply`"),
            (vec![("$compute", ALL), ("$format", "csv")], 501, "$compute"),
            (vec![("$compute", ALL), ("$select", "siz")], 400, "siz"),
        ] {
            let answer = server.get("contacts", &options).await;
            assert!(answer.status == status && answer.text.contains(named), "{options:?}: {}", answer.text);
        }
        let tracked = server.call(reqwest::Method::GET, &format!("contacts?$compute={}", turntable_tests::encode(ALL)));
        let tracked = tracked.header("prefer", "odata.track-changes").send().await.expect(501);
        assert!(tracked.text.contains("$compute"), "{}", tracked.text);
    }
}

/// Under a second name, and with what is said of values.
#[tokio::test]
async fn values_are_told_as_columns_are() {
    let [server, _] = both().await;
    server.ingest(turntable_tests::EVENTS, None).await.expect(200);
    let options = [("$compute", "length(msemr_name) as l"), ("$select", "msemr_name,l")];
    let plain = server.get("msemr_encounters", &options).await.expect(200).json();
    let twin = server.get("msemr_ve_encounters", &options).await.expect(200).json();
    assert!(plain["value"][0].get("l").is_some(), "{plain}");
    assert_eq!(plain["value"][0]["l"], twin["value"][0]["l"]);
    let full = server.call(reqwest::Method::GET, "contacts?$compute=length(lastname)%20as%20l&$select=l");
    let full = full.header("accept", "application/json;odata.metadata=full;IEEE754Compatible=true").send().await;
    let row = full.expect(200).rows().remove(0);
    assert!(row["l"].is_string() || row["l"].is_null(), "{row}");
    assert_eq!(row["l@odata.type"], "#Int64", "{row}");
}
