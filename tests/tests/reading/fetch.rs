//! FetchXML: fetches with the rows that they find, in files; fetches made at random beside the OData requests that ask the
//! same, flattened here; pages, and what is said around them. All of it on every route.

mod data;
mod made;
#[path = "../differential/random.rs"]
mod random;

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Map, Value, json};
use turntable_tests::{Answer, Server, encode};

use data::servers;

/// Every annotation.
const ALL: &str = "odata.include-annotations=\"*\"";

/// The entity set of a fetch.
fn set_of(fetch: &str) -> String {
    let name = fetch.split("<entity name='").nth(1).and_then(|rest| rest.split('\'').next()).expect("an entity");
    format!("{name}s")
}

async fn fetched(server: &Server, fetch: &str) -> Answer {
    let path = format!("{}?fetchXml={}", set_of(fetch), encode(fetch));
    server.call(Method::GET, &path).header("prefer", ALL).send().await
}

/// Rows without their versions, which are those of the route. Where the fetch says no order, in one of their own.
fn rows_of(answer: &Answer, is_ordered: bool) -> Vec<Value> {
    let mut rows = answer.rows();
    for row in &mut rows {
        let members = row.as_object_mut().expect("an object");
        members.retain(|name, _| {
            !matches!(name.as_str(), "@odata.etag" | "@odata.id") && !name.starts_with("msemr_azurefhir")
        });
    }
    if !is_ordered {
        rows.sort_by_key(Value::to_string);
    }
    rows
}

/// `tests/cases/fetches`: NAME.xml asks, NAME.json answers.
#[tokio::test(flavor = "multi_thread")]
async fn fetches_find_their_rows() {
    let (_fhir, servers) = servers().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/fetches");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "xml"));
    files.sort();
    assert!(files.len() > 15, "{}", files.len());
    for file in files {
        let fetch = std::fs::read_to_string(&file).expect("a file");
        let expected_file = file.with_extension("json");
        for (route, server) in &servers {
            let found = rows_of(&fetched(server, &fetch).await, fetch.contains("<order"));
            if std::env::var_os("TURNTABLE_BLESS").is_some() && *route == "native" {
                let text = serde_json::to_string_pretty(&found).expect("rows") + "\n";
                std::fs::write(&expected_file, text).expect("it can be written");
            }
            let expected = std::fs::read_to_string(&expected_file).expect("the rows that it finds");
            let expected: Value = serde_json::from_str(&expected).expect("rows");
            assert_eq!(Value::Array(found), expected, "{route}: {}", file.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fetches_say_what_odata_says() {
    const FETCHES: u64 = 150;
    let (_fhir, servers) = servers().await;
    let tables = made::Tables::read(&servers[0].1).await;
    let (mut found, mut differences) = (0, Vec::new());
    for seed in 0..FETCHES {
        let made = made::Made::new(&mut random::Random::new(seed), &tables);
        let expected = made.expected(&tables);
        for (route, server) in &servers {
            let answer = fetched(server, &made.fetch()).await;
            let compared = match answer.status {
                200 => {
                    let rows: Vec<Value> = answer.rows().iter().map(without_annotations).collect();
                    made.compare(&rows, &expected)
                }
                _ => Err(answer.text),
            };
            if let Err(why) = compared {
                differences.push(format!("{route}, seed {seed}: {why}\n{}", made.fetch()));
            }
        }
        found += expected.len();
    }
    assert!(differences.is_empty(), "{} differences:\n\n{}", differences.len(), differences.join("\n\n"));
    assert!(found > 1_000, "{found} rows prove little");
}

/// Every table has views, whose fetches it answers.
#[tokio::test(flavor = "multi_thread")]
async fn views_are_fetches() {
    let (_fhir, servers) = servers().await;
    let views = servers[0].1.get("savedqueries", &[]).await.rows();
    assert!(views.len() > 100, "{}", views.len());
    let tables = servers[0].1.get("EntityDefinitions", &[("$select", "LogicalName,EntitySetName")]).await.rows();
    for view in &views {
        let (table, id) = (view["returnedtypecode"].as_str().expect("a table"), view["savedqueryid"].as_str());
        let described = tables.iter().find(|described| described["LogicalName"] == table);
        let set = described.and_then(|table| table["EntitySetName"].as_str()).expect("a set").to_owned();
        let options = [("savedQuery", id.expect("an id"))];
        if !data::TABLES.contains(&table) {
            servers[0].1.get(&set, &options).await.expect(200);
            continue;
        }
        for (route, server) in &servers {
            let found = rows_of(&server.get(&set, &options).await, false);
            let fetch = view["fetchxml"].as_str().expect("a fetch");
            let same = server.get(&set, &[("fetchXml", fetch)]).await;
            assert_eq!(found, rows_of(&same, false), "{route}: {view}");
            assert_eq!(found.len(), server.rows(&set, &[]).await.len(), "{route}: all of them are active");
        }
    }
    let (_, server) = &servers[0];
    let nobody = [("savedQuery", "00000000-0000-0000-0000-000000000000")];
    assert_eq!(server.get("contacts", &nobody).await.expect(404).error_code(), "NotFound");
    let changed = server.post("savedqueries", &json!({ "name": "mine" })).await;
    assert!(!changed.expect(405).header("allow").contains("POST"));
}

/// What groups of a fetch say, as `$apply` has it.
const GROUPS: [(&str, &str); 6] = [
    (
        "<fetch aggregate='true'><entity name='msemr_encounter'>\
         <attribute name='msemr_encounterstatus' alias='status' groupby='true'/>\
         <attribute name='msemr_encounterid' alias='n' aggregate='count'/></entity></fetch>",
        "groupby((msemr_encounterstatus),aggregate($count as n))",
    ),
    (
        "<fetch aggregate='true'><entity name='msemr_observation'>\
         <attribute name='msemr_valuetypequantityvalue' alias='sum' aggregate='sum'/>\
         <attribute name='msemr_valuetypequantityvalue' alias='least' aggregate='min'/>\
         <attribute name='msemr_valuetypequantityvalue' alias='most' aggregate='max'/>\
         <attribute name='msemr_valuetypequantityvalue' alias='mean' aggregate='avg'/>\
         <attribute name='msemr_description' alias='words' aggregate='countcolumn' distinct='true'/>\
         <filter><condition attribute='msemr_description' operator='ne' value='oak'/></filter></entity></fetch>",
        "filter(msemr_description ne 'oak')/aggregate(msemr_valuetypequantityvalue with sum as sum,\
         msemr_valuetypequantityvalue with min as least,msemr_valuetypequantityvalue with max as most,\
         msemr_valuetypequantityvalue with average as mean,msemr_description with countdistinct as words)",
    ),
    (
        "<fetch aggregate='true'><entity name='msemr_encounter'>\
         <attribute name='msemr_encounterid' alias='n' aggregate='count'/>\
         <link-entity name='contact' from='contactid' to='msemr_subjectpatient' link-type='outer' alias='p'>\
         <attribute name='gendercode' alias='gender' groupby='true'/></link-entity></entity></fetch>",
        "groupby((msemr_subjectpatient/gendercode),aggregate($count as n))",
    ),
    (
        "<fetch aggregate='true'><entity name='msemr_encounter'>\
         <attribute name='msemr_encounterid' alias='n' aggregate='count'/>\
         <link-entity name='contact' from='contactid' to='msemr_subjectpatient' alias='p'>\
         <attribute name='gendercode' alias='gender' groupby='true'/></link-entity></entity></fetch>",
        "filter(msemr_subjectpatient/contactid ne null)/groupby((msemr_subjectpatient/gendercode),aggregate($count as n))",
    ),
    (
        "<fetch aggregate='true'><entity name='msemr_observation'>\
         <attribute name='msemr_observationid' alias='n' aggregate='count'/>\
         <link-entity name='msemr_encounter' from='msemr_encounterid' to='msemr_conexttypeencounter' alias='e'>\
         <link-entity name='account' from='accountid' to='msemr_onbehalfof' alias='a'>\
         <filter><condition attribute='name' operator='like' value='%o%'/></filter>\
         <attribute name='name' alias='of' groupby='true'/></link-entity></link-entity></entity></fetch>",
        "filter(contains(msemr_conexttypeencounter/msemr_onbehalfof/name,'o'))/\
         groupby((msemr_conexttypeencounter/msemr_onbehalfof/name),aggregate($count as n))",
    ),
    (
        "<fetch aggregate='true'><entity name='contact'>\
         <attribute name='contactid' alias='n' aggregate='count'/>\
         <filter><link-entity name='msemr_encounter' from='msemr_subjectpatient' to='contactid' link-type='any'/></filter>\
         </entity></fetch>",
        "filter(msemr_encounter_msemr_subjectpatient/any())/aggregate($count as n)",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn groups_say_what_apply_says() {
    let (_fhir, servers) = servers().await;
    for (fetch, apply) in GROUPS {
        for (route, server) in &servers {
            let mut found: Vec<_> = fetched(server, fetch).await.rows().iter().map(values).collect();
            let answer = server.get(&set_of(fetch), &[("$apply", apply)]).await;
            let mut expected: Vec<_> = answer.rows().iter().map(values).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{route}: {fetch}");
            assert!(!found.is_empty());
        }
    }
    // Pages of groups go by their numbers.
    for (route, server) in &servers {
        let (mut found, whole) = (Vec::new(), fetched(server, GROUPS[0].0).await.rows());
        for page in 1..=whole.len() {
            let fetch = GROUPS[0].0.replace("<fetch", &format!("<fetch count='1' page='{page}'"));
            let answer = fetched(server, &fetch).await;
            let more = answer.json()["@Microsoft.Dynamics.CRM.morerecords"] == true;
            assert_eq!(more, page < whole.len(), "{route}");
            found.extend(answer.rows());
        }
        assert_eq!(found, whole, "{route}");
    }
}

/// What a row of a group says, in its order, whatever it is called.
fn values(row: &Value) -> String {
    let members = row.as_object().into_iter().flatten().filter(|(name, _)| !name.contains('@'));
    let values = members.map(|(_, value)| if value.is_object() { values(value) } else { value.to_string() });
    values.collect::<Vec<_>>().join(" ")
}

fn without_annotations(row: &Value) -> Value {
    let members = row.as_object().expect("an object").iter().filter(|(name, _)| !name.contains('@'));
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}

/// Fetches of a different plan each: pages of rows, of rows that may lead nowhere, and of all rows.
const PAGED: [&str; 4] = [
    "<fetch{}><entity name='msemr_encounter'><attribute name='msemr_encounterid'/></entity></fetch>",
    "<fetch{}><entity name='msemr_encounter'><attribute name='msemr_encounterid'/>\
     <link-entity name='contact' from='contactid' to='msemr_subjectpatient' alias='p'>\
     <attribute name='lastname'/></link-entity></entity></fetch>",
    "<fetch{}><entity name='msemr_encounter'><attribute name='msemr_encounterid'/>\
     <link-entity name='contact' from='contactid' to='msemr_subjectpatient' alias='p' link-type='outer'>\
     <attribute name='lastname'/><order attribute='lastname'/></link-entity></entity></fetch>",
    "<fetch{}><entity name='contact'><attribute name='contactid'/><order attribute='lastname' descending='true'/>\
     <link-entity name='msemr_encounter' from='msemr_subjectpatient' to='contactid' alias='e'>\
     <attribute name='msemr_encounterid'/></link-entity></entity></fetch>",
];

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_all_rows_once() {
    let (_fhir, servers) = servers().await;
    for fetch in PAGED {
        for (route, server) in &servers {
            let all = fetched(server, &fetch.replace("{}", " returntotalrecordcount='true'")).await;
            let (whole, rows) = (all.json(), rows_of(&all, true));
            assert!(rows.len() > 10, "{route}: {whole}");
            assert_eq!(whole["@Microsoft.Dynamics.CRM.totalrecordcount"], rows.len(), "{route}: {fetch}");
            assert_eq!(whole["@Microsoft.Dynamics.CRM.morerecords"], false, "{route}: {fetch}");
            assert_eq!(whole["@odata.nextLink"], Value::Null);
            let sorted = |mut rows: Vec<Value>| {
                rows.sort_by_key(Value::to_string);
                rows
            };
            let expected = sorted(rows);
            assert_eq!(sorted(by_cookie(server, fetch).await), expected, "{route}, by cookie: {fetch}");
            assert_eq!(sorted(by_number(server, fetch).await), expected, "{route}, by number: {fetch}");
            assert_eq!(sorted(by_link(server, fetch).await), expected, "{route}, by link: {fetch}");
            let top = fetched(server, &fetch.replace("{}", " top='4'")).await;
            assert_eq!((top.rows().len(), &top.json()["@odata.nextLink"]), (4, &Value::Null), "{route}: {fetch}");
        }
    }
}

/// Pages of three, by the cookie of the page before, as Dataverse's documentation says to do it.
async fn by_cookie(server: &Server, fetch: &str) -> Vec<Value> {
    let (mut rows, mut page, mut cookie) = (Vec::new(), 1, String::new());
    loop {
        let attributes = format!(" count='3' page='{page}'{cookie}");
        let answer = fetched(server, &fetch.replace("{}", &attributes)).await;
        let body = answer.json();
        let found = rows_of(&answer, true);
        let more = body["@Microsoft.Dynamics.CRM.morerecords"] == true;
        assert!(found.len() == 3 || !more, "a short page: {body}");
        assert_eq!(body["@odata.nextLink"], Value::Null);
        rows.extend(found);
        if !more {
            return rows;
        }
        page += 1;
        let annotation = body["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"].as_str().expect("a cookie").to_owned();
        assert!(annotation.contains(&format!("pagenumber=\"{page}\"")), "{annotation}");
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().expect("text").into_owned();
        let inner = decode(&decode(annotation.split('"').nth(3).expect("a pagingcookie")));
        let inner = inner.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        cookie = format!(" paging-cookie='{inner}'");
    }
}

async fn by_number(server: &Server, fetch: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    for page in 1.. {
        let answer = fetched(server, &fetch.replace("{}", &format!(" page='{page}' count='7'"))).await;
        let found = rows_of(&answer, true);
        let is_last = answer.json()["@Microsoft.Dynamics.CRM.morerecords"] == false;
        assert!(found.len() == 7 || is_last, "a short page");
        rows.extend(found);
        if is_last {
            break;
        }
    }
    rows
}

/// Pages of a client that knows only OData.
async fn by_link(server: &Server, fetch: &str) -> Vec<Value> {
    let fetch = fetch.replace("{}", "");
    let mut path = format!("{}?fetchXml={}", set_of(&fetch), encode(&fetch));
    let mut rows = Vec::new();
    loop {
        let answer = server.call(Method::GET, &path).header("prefer", "odata.maxpagesize=4").send().await.expect(200);
        rows.extend(rows_of(&answer, true));
        match answer.json()["@odata.nextLink"].as_str() {
            Some(link) => path = link.to_owned(),
            None => return rows,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_is_told_around_its_rows() {
    let (_fhir, servers) = servers().await;
    for (route, server) in &servers {
        let fetch = "<fetch count='2'><entity name='contact'><attribute name='gendercode'/>\
                     <order attribute='contactid'/></entity></fetch>";
        let path = format!("contacts?fetchXml={}", encode(fetch));
        let plain = server.call(Method::GET, &path).send().await.expect(200).json();
        let context = plain["@odata.context"].as_str().expect("a context");
        assert!(context.ends_with("$metadata#contacts(contactid,gendercode)"), "{route}: {context}");
        assert_eq!(plain["@Microsoft.Dynamics.CRM.morerecords"], true, "{route}: {plain}");
        assert_eq!(plain["value"][0].as_object().expect("a row").len(), 3, "{route}: {plain}");
        assert!(plain["value"][0]["@odata.etag"].is_string(), "{route}: {plain}");
        let counted = server.call(Method::GET, &format!("{path}&$count=true")).send().await.expect(200).json();
        assert_eq!(counted["@odata.count"], 9, "{route}: {counted}");
        let formatted = fetched(server, fetch).await.json();
        let label = &formatted["value"][0]["gendercode@OData.Community.Display.V1.FormattedValue"];
        assert_eq!(label, "Male", "{route}: {formatted}");
        // In a batch, too.
        let batch = json!({ "requests": [{ "id": "1", "method": "GET", "url": path }] });
        let answer = server.post("$batch", &batch).await.expect(200).json();
        assert_eq!(answer["responses"][0]["body"]["value"], plain["value"], "{route}: {answer}");
        // And as a plan.
        let plan = server.call(Method::GET, &format!("{path}&$explain=true")).send().await.expect(200).json();
        assert_eq!(plan["flat"]["pagesOf"], "rows", "{route}: {plan}");
        let refused = [
            ("contacts?fetchXml=%3Cfetch%3E", 400, "not closed"),
            ("contacts?fetchXml=x&fetchXml=y", 400, "twice"),
            ("contacts/$count?fetchXml=x", 400, "fetchXml"),
            (&format!("{path}&$select=lastname"), 400, "$select"),
            (&format!("{path}&$skiptoken=00"), 400, "paging-cookie"),
            (
                "contacts?fetchXml=%3Cfetch%20aggregate='true'%20paging-cookie='x'%3E%3Centity%20name='contact'/%3E%3C/fetch%3E",
                501,
                "`paging-cookie` of groups",
            ),
        ];
        for (path, status, word) in refused {
            let answer = server.call(Method::GET, path).send().await.expect(status);
            assert!(answer.text.contains(word), "{route}: {}", answer.text);
        }
    }
}

/// What does not fit into its limits is refused by their names.
#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_keeps_to_its_limits() {
    let fetch = PAGED[3].replace("{}", "");
    for most in [5, 10] {
        let server = Server::setup().limits(|limits| limits.scan_rows = most).start().await;
        let entries: Vec<_> = (0..8)
            .map(|n| {
                let of = json!({ "reference": format!("Patient/p{}", n % 4) });
                let (kind, resource) = match n {
                    0..4 => ("Patient", json!({"resourceType": "Patient", "id": format!("p{n}")})),
                    _ => (
                        "Encounter",
                        json!({"resourceType": "Encounter", "id": format!("e{n}"), "status": "planned",
                        "class": {"code": "AMB"}, "subject": of}),
                    ),
                };
                let url = format!("{kind}/{}", resource["id"].as_str().unwrap_or_default());
                json!({"resource": resource, "request": {"method": "PUT", "url": url}})
            })
            .collect();
        let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
        server.ingest(&bundle.to_string(), None).await.expect(200);
        let answer = fetched(&server, &fetch).await;
        match most {
            5 => assert_eq!(answer.expect(400).error_code(), "ScanBudgetExceeded"),
            _ => assert_eq!(answer.rows().len(), 4),
        }
    }
}
