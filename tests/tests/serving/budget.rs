//! `scan_rows` and `upstream_calls` are limits of a request, whatever it is made of: parts that each fit do not fit
//! together, and the request says so by name.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use turntable::model::limits::Limits;
use turntable_tests::{Answer, EVENTS, Fhir, PEOPLE, SYNTHEA, Server};

const ENCOUNTERS: &str = "msemr_encounter_msemr_subjectpatient($select=msemr_name)";
const OBSERVATIONS: &str = "msemr_observation_msemr_subjecttypepatient($select=msemr_description)";
const HAS_ENCOUNTERS: &str = "msemr_encounter_msemr_subjectpatient/any(e:e/msemr_encounterstatus ne null)";

/// Native people with virtual events, all of them theirs, in a folder that outlives the server.
async fn people_with_events(fhir: &Fhir, folder: &Path) {
    let server = server(fhir, folder, |_| {}).await;
    fhir.as_sandbox().load(EVENTS.as_bytes()).expect("the bundle is whole");
    server.ingest(PEOPLE, None).await.expect(200);
    for bundle in SYNTHEA {
        server.ingest(bundle, Some("main")).await.expect(200);
    }
    server.stop().await;
}

async fn server(fhir: &Fhir, folder: &Path, change: impl FnOnce(&mut Limits)) -> Server {
    let setup = Server::with(fhir).virtual_tables(&["msemr_encounter", "msemr_observation"]);
    setup.data_dir(folder).limits(change).start().await
}

/// Asks for people, with these options too.
async fn people(server: &Server, options: &[(&str, &str)]) -> Answer {
    server.get("contacts", &[&[("$select", "fullname")], options].concat()).await
}

fn assert_too_much(answer: &Answer, used: &str) {
    assert_eq!((answer.status, answer.error_code().as_str()), (400, "ScanBudgetExceeded"), "{}", answer.text);
    assert!(answer.text.contains(used), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_all_parts_count() {
    let (fhir, folder) = (Fhir::sandbox().await, tempfile::tempdir().expect("a folder"));
    people_with_events(&fhir, folder.path()).await;
    let rows = |resource_type: &str| fhir.as_sandbox().count(resource_type) as u64;
    let (encounters, observations) = (rows("Encounter"), rows("Observation"));
    assert!(encounters > 2 && observations > 2, "{encounters} {observations}");
    let most = encounters.max(observations) + 1;
    let server = server(&fhir, folder.path(), |limits| limits.scan_rows = most).await;
    let counted = "msemr_encounter_msemr_subjectpatient/$count";
    for one in [("$expand", ENCOUNTERS), ("$expand", OBSERVATIONS), ("$filter", HAS_ENCOUNTERS), ("$orderby", counted)]
    {
        people(&server, &[one]).await.expect(200);
    }
    let both = format!("{ENCOUNTERS},{OBSERVATIONS}");
    for two in [
        &[("$expand", both.as_str())][..],
        &[("$filter", HAS_ENCOUNTERS), ("$expand", OBSERVATIONS)],
        &[("$orderby", counted), ("$expand", OBSERVATIONS)],
    ] {
        assert_too_much(&people(&server, two).await, &format!("{most} of {most} resources"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_all_parts_count() {
    let (fhir, folder) = (Fhir::sandbox().await, tempfile::tempdir().expect("a folder"));
    people_with_events(&fhir, folder.path()).await;
    let server = server(&fhir, folder.path(), |limits| limits.upstream_calls = 1).await;
    for one in [("$expand", ENCOUNTERS), ("$expand", OBSERVATIONS), ("$filter", HAS_ENCOUNTERS)] {
        people(&server, &[one]).await.expect(200);
    }
    let both = format!("{ENCOUNTERS},{OBSERVATIONS}");
    for two in [&[("$expand", both.as_str())][..], &[("$filter", HAS_ENCOUNTERS), ("$expand", OBSERVATIONS)]] {
        assert_too_much(&people(&server, two).await, "1 of 1 calls");
    }
}

/// A page that ends early for its own budget leaves enough for what hangs on it; its next links lead to all rows.
#[tokio::test(flavor = "multi_thread")]
async fn short_pages_with_expansions_lead_on() {
    let (fhir, folder) = (Fhir::sandbox().await, tempfile::tempdir().expect("a folder"));
    people_with_events(&fhir, folder.path()).await;
    let observations = fhir.as_sandbox().count("Observation");
    let most = observations as u64 / 3;
    assert!(most > 20, "{observations}");
    let server = server(&fhir, folder.path(), |limits| limits.scan_rows = most).await;
    let (mut rows, mut pages) = (Vec::new(), 0);
    let options = [("$select", "msemr_description"), ("$expand", "msemr_subjecttypepatient($select=fullname)")];
    let mut page = server.get("msemr_observations", &options).await.expect(200);
    loop {
        rows.extend(page.rows());
        pages += 1;
        let Some(next) = page.json()["@odata.nextLink"].as_str().map(str::to_owned) else { break };
        assert!(pages < 100, "the pages never end");
        page = server.get(&next, &[]).await.expect(200);
    }
    assert_eq!(rows.len(), observations);
    assert!(pages > 3, "{pages}");
    assert!(rows.iter().all(|row| row["msemr_subjecttypepatient"]["fullname"].is_string()), "{rows:#?}");
}

/// What no element says is the same in every row of a FHIR service: a condition on it, as every view of active rows has
/// one, leaves counting and paging to the service.
#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_row_costs_nothing() {
    const ROWS: usize = 1_200;
    const MOST: u64 = 500;
    let fhir = Fhir::sandbox().await;
    let entry = |n: usize| {
        let status = if n.is_multiple_of(2) { "finished" } else { "planned" };
        format!(
            r#"{{"resource":{{"resourceType":"Encounter","id":"e{n}","status":"{status}","class":{{"code":"AMB"}}}}}}"#
        )
    };
    let entries: Vec<String> = (0..ROWS).map(entry).collect();
    let bundle = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","));
    fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
    let server = Server::with(&fhir).route("msemr_encounter", "virtual").limits(|limits| limits.scan_rows = MOST);
    let server = server.start().await;
    for (filter, count) in [
        ("statecode eq 0", ROWS),
        ("statecode ne 1 and statuscode eq 1", ROWS),
        ("not (statecode eq 1)", ROWS),
        ("statecode in (0,1) and not (statuscode eq 2)", ROWS),
        ("statecode eq 1 or msemr_encounterid ne null", ROWS),
        ("statecode eq 1", 0),
        ("statecode eq null or statuscode gt 1", 0),
    ] {
        let answer = server.get("msemr_encounters/$count", &[("$filter", filter)]).await.expect(200);
        assert_eq!(answer.text.trim_start_matches('\u{feff}'), count.to_string(), "{filter}");
        let options = [("$filter", filter), ("$count", "true"), ("$top", "3"), ("$select", "statecode")];
        let answer = server.get("msemr_encounters", &options).await.expect(200);
        assert_eq!(answer.json()["@odata.count"], count, "{filter}");
        assert_eq!(answer.rows().len(), count.min(3), "{filter}");
    }
    // Nobody is asked for what no row is.
    fhir.as_sandbox().clear_requests();
    assert!(server.rows("msemr_encounters", &[("$filter", "statecode eq 1")]).await.is_empty());
    assert_eq!(fhir.as_sandbox().requests().len(), 0);
    // A condition beside it still is the service's.
    let options = [("$filter", "statecode eq 0 and msemr_encounterstatus eq 935000005")];
    server.rows("msemr_encounters", &options).await;
    let asked = fhir.as_sandbox().requests();
    assert!(asked.iter().all(|request| request.path.contains("status=finished")), "{asked:?}");
}

/// Natively the same columns live in the row, and differ.
#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_native_row_is_its_own() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    let mut keys = Vec::new();
    for name in ["a", "b"] {
        let row = server.call(reqwest::Method::POST, "contacts").header("prefer", "return=representation");
        let row = row
            .json(&serde_json::json!({ "lastname": name, "msemr_contacttype": 935_000_000 }))
            .send()
            .await
            .expect(201)
            .json();
        keys.push(row["contactid"].as_str().expect("a key").to_owned());
    }
    server.patch(&format!("contacts({})", keys[0]), &serde_json::json!({ "statecode": 1 })).await.expect(204);
    for (filter, name) in [("statecode eq 1", "a"), ("statecode eq 0", "b")] {
        let rows = server.rows("contacts", &[("$filter", filter)]).await;
        assert_eq!(rows.len(), 1, "{filter}");
        assert_eq!(rows[0]["lastname"], name, "{filter}");
    }
}

/// An `or` over several parameters is asked for in several searches: it reads what it finds and no more, each row once.
#[tokio::test(flavor = "multi_thread")]
async fn an_or_over_several_parameters_reads_what_it_finds() {
    let fhir = Fhir::sandbox().await;
    let mut expected = Vec::new();
    for number in 0..80 {
        let (is_lee, is_born) = (number % 9 == 0, number % 12 == 0);
        let family = if is_lee { "Lee" } else { "Other" };
        let born = if is_born { "1970-01-01" } else { "1980-02-03" };
        let name = json!([{ "family": family, "given": [format!("N{number:02}")] }]);
        let id = format!("p{number:02}");
        fhir.put(&json!({ "resourceType": "Patient", "id": id, "name": name, "birthDate": born })).await;
        if is_lee || is_born {
            expected.push(format!("N{number:02}"));
        }
    }
    let setup = Server::with(&fhir).virtual_tables(&["contact"]);
    let server = setup.limits(|limits| limits.scan_rows = 30).start().await;
    let either = "lastname eq 'Lee' or birthdate eq 1970-01-01";
    let options = [("$select", "firstname"), ("$filter", either)];
    let names = |page: &Value| -> Vec<String> {
        let rows = page["value"].as_array().expect("rows").iter();
        rows.map(|row| row["firstname"].as_str().expect("a name").to_owned()).collect()
    };
    let page = async |link: &str| server.call(Method::GET, link).header("prefer", "odata.maxpagesize=4").send().await;

    // One more can be looked at than there are; without the searches none of these could be answered.
    let counted =
        server.get("contacts", &[&options[..], &[("$count", "true"), ("$orderby", "firstname")]].concat()).await;
    let counted = counted.expect(200).json();
    assert_eq!((names(&counted), &counted["@odata.count"]), (expected.clone(), &json!(expected.len())));
    assert_eq!(server.get("contacts/$count", &options[1..]).await.expect(200).text, expected.len().to_string());
    let unasked = [("$filter", "lastname eq 'Lee' or endswith(lastname,'xyz')"), ("$count", "true")];
    assert_too_much(&server.get("contacts", &unasked).await, "of 30 resources");

    let (mut found, mut links) = (Vec::new(), Vec::new());
    let mut link = format!("contacts?$select=firstname&$filter={}", either.replace(' ', "%20"));
    loop {
        let one = page(&link).await.expect(200).json();
        found.extend(names(&one));
        let Some(next) = one["@odata.nextLink"].as_str() else { break };
        link = next.to_owned();
        links.push(link.clone());
    }
    found.sort();
    assert_eq!(found, expected);

    // The service no longer answers one of the searches: a link into the other way of asking leads nowhere, said so.
    fhir.as_sandbox().set_faults("status=400:@birthdate=".parse().expect("faults"));
    server.get("contacts", &[("$filter", "birthdate eq 1970-01-01 and lastname eq 'Lee'")]).await.expect(200);
    let last = page(links.last().expect("several pages")).await;
    assert_eq!((last.status, last.error_code().as_str()), (410, "PageTokenExpired"), "{}", last.text);
}
