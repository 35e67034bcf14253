//! Conditions on related tables that live in the store with the rows: the database answers them in one query, however many
//! related rows there are. What it cannot answer is a list of keys, as between a store and a FHIR service.

use serde_json::{Value, json};
use turntable_tests::{Answer, Server};

/// Related rows of a condition whose keys are read first; there are more of each kind.
const KEYS: usize = 5;
const PEOPLE: usize = 24;

const CONDITIONS: &str = "msemr_conditions";
const CONTACTS: &str = "contacts";
const OF_THE_PERSON: &str = "msemr_condition_msemr_subjecttypepatient";

fn id(kind: usize, number: usize) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

/// People called Elm or Oak, two out of three with a condition; a group has one as well, and one leads nowhere.
fn resources() -> Vec<Value> {
    let mut resources = Vec::new();
    for number in 0..PEOPLE {
        let family = if number.is_multiple_of(2) { "Elm" } else { "Oak" };
        resources.push(json!({"resourceType": "Patient", "id": id(1, number), "name": [{"family": family}]}));
        if !number.is_multiple_of(3) {
            resources.push(json!({"resourceType": "Condition", "id": id(2, number),
                "code": {"text": if number % 3 == 1 { "cough" } else { "cold" }},
                "subject": {"reference": format!("Patient/{}", id(1, number))}}));
        }
    }
    resources.push(json!({"resourceType": "Condition", "id": id(2, 90), "code": {"text": "cough"},
        "subject": {"reference": "Group/0"}}));
    resources.push(json!({"resourceType": "Condition", "id": id(2, 91), "code": {"text": "cough"},
        "subject": {"reference": format!("Patient/{}", id(1, 90))}}));
    resources
}

async fn server() -> Server {
    server_with(|limits| limits.related_keys = KEYS).await
}

async fn server_with(change: impl FnOnce(&mut turntable::model::limits::Limits)) -> Server {
    let server = Server::setup().limits(change).start().await;
    let entry = |resource: Value| {
        let part = |member: &str| resource[member].as_str().unwrap_or_default().to_owned();
        let url = format!("{}/{}", part("resourceType"), part("id"));
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    };
    let entries: Vec<_> = resources().into_iter().map(entry).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
    server.ingest(&bundle.to_string(), None).await.expect(200);
    server
}

/// The numbers of the rows that a filter keeps.
async fn kept(server: &Server, set: &str, filter: &str) -> Vec<usize> {
    let key = if set == CONTACTS { "contactid" } else { "msemr_conditionid" };
    let answer = asked(server, set, filter).await.expect(200);
    let number = |row: &Value| {
        let id = row[key].as_str().unwrap_or_default().to_owned();
        usize::from_str_radix(&id[id.len() - 12..], 16).expect("a number")
    };
    let mut numbers: Vec<usize> = answer.rows().iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(answer.json()["@odata.count"].as_u64(), Some(numbers.len() as u64), "{filter}");
    numbers
}

async fn asked(server: &Server, set: &str, filter: &str) -> Answer {
    server.get(set, &[("$filter", filter), ("$count", "true"), ("$top", "200")]).await
}

fn people(meant: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..PEOPLE).filter(|number| meant(*number)).collect()
}

#[tokio::test]
async fn one_query_answers_for_any_number_of_related_rows() {
    let server = server().await;
    let elm = |number: usize| number.is_multiple_of(2);
    let ill = |number: usize| !number.is_multiple_of(3);
    let cough = |number: usize| number % 3 == 1;
    let any = |inner: &str| format!("{OF_THE_PERSON}/any({inner})");

    let all = [(0..PEOPLE).filter(|number| ill(*number)).collect::<Vec<_>>(), vec![90, 91]].concat();
    let of_conditions =
        |meant: &dyn Fn(usize) -> bool| all.iter().copied().filter(|number| meant(*number)).collect::<Vec<_>>();
    let elms = "msemr_subjecttypepatient/lastname eq 'elm'";
    assert_eq!(kept(&server, CONDITIONS, elms).await, of_conditions(&|number| number < PEOPLE && elm(number)));
    let coughs = "msemr_name eq 'cough'";
    for (filter, meant) in [
        (any(""), &ill as &dyn Fn(usize) -> bool),
        (any("c:c/msemr_name eq 'COUGH'"), &cough),
        (format!("not {}", any("c:c/msemr_name eq 'cough'")), &|number| !cough(number)),
        (format!("lastname eq 'Oak' or {}", any(&format!("c:c/{coughs}"))), &|number| !elm(number) || cough(number)),
        // Two tables on, and back.
        (any("c:c/msemr_subjecttypepatient/lastname eq 'Oak'"), &|number| ill(number) && !elm(number)),
    ] {
        assert_eq!(kept(&server, CONTACTS, &filter).await, people(meant), "{filter}");
    }
    let not = format!("not ({elms})");
    let others = of_conditions(&|number| number >= PEOPLE || !elm(number));
    assert_eq!(kept(&server, CONDITIONS, &not).await, others, "without a person the name is null");
    // A table that has never had a row.
    assert_eq!(kept(&server, CONTACTS, "msemr_encounter_msemr_subjectpatient/any()").await, Vec::<usize>::new());

    let plan = server.get(CONDITIONS, &[("$filter", elms), ("$explain", "true")]).await.expect(200).text;
    assert!(plan.contains("\"inOneQuery\":true") || plan.contains("\"inOneQuery\": true"), "{plan}");
    // What the database cannot check is a list of keys.
    for filter in [
        "length(msemr_subjecttypepatient/lastname) eq 3".to_owned(),
        format!("length(firstname) eq 3 or {}", any(&format!("c:c/{coughs}"))),
        format!("{OF_THE_PERSON}/all(c:c/msemr_name eq 'none')"),
    ] {
        let set = if filter.contains("subjecttypepatient/last") { CONDITIONS } else { CONTACTS };
        let answer = asked(&server, set, &filter).await.expect(400);
        assert_eq!(answer.error_code(), "ScanBudgetExceeded", "{filter}");
    }
}

/// Orders by values of related rows, and conditions that compare with them or count them, are asked of the database too:
/// no row is looked at beside it.
#[tokio::test]
async fn values_of_related_rows_are_found_in_one_query() {
    let server = server_with(|limits| (limits.scan_rows, limits.related_keys) = (3, 1)).await;
    let ill = |number: usize| !number.is_multiple_of(3);
    let count = format!("{OF_THE_PERSON}/$count");
    let coughs = format!("{OF_THE_PERSON}/$count($filter=msemr_name eq 'cough')");
    let behind = "msemr_subjecttypepatient/lastname";
    for (filter, meant) in [
        (format!("{count} gt 0"), &ill as &dyn Fn(usize) -> bool),
        (format!("{count} eq 0"), &|number| !ill(number)),
        (format!("{coughs} eq {count}"), &|number| number % 3 != 2),
        (format!("{coughs} eq 1 and lastname eq 'elm'"), &|number| number % 3 == 1 && number.is_multiple_of(2)),
        (format!("not ({count} eq 0)"), &ill),
        (format!("{count} ge 1 or lastname eq 'oak'"), &|number| ill(number) || !number.is_multiple_of(2)),
        (format!("{OF_THE_PERSON}/any(c:c/msemr_name eq 'cold') and {count} eq 1"), &|number| number % 3 == 2),
    ] {
        assert_eq!(kept(&server, CONTACTS, &filter).await, people(meant), "{filter}");
    }
    // No table has rows of encounters.
    assert_eq!(kept(&server, CONTACTS, "msemr_encounter_msemr_subjectpatient/$count eq 0").await.len(), PEOPLE);

    let ordered = async |set: &str, key: &str, order: &str| {
        let mut numbers = Vec::new();
        let mut next = Some(format!("{set}?$orderby={}&$select={key}", turntable_tests::encode(order)));
        while let Some(url) = next {
            let call = server.call(reqwest::Method::GET, &url).header("prefer", "odata.maxpagesize=7");
            let page = call.send().await.expect(200);
            let number = |row: &Value| {
                let id = row[key].as_str().expect("a key").to_owned();
                usize::from_str_radix(&id[id.len() - 12..], 16).expect("a number")
            };
            numbers.extend(page.rows().iter().map(number));
            next = page.json()["@odata.nextLink"].as_str().map(str::to_owned);
        }
        numbers
    };
    let mut expected: Vec<usize> = (0..PEOPLE).collect();
    expected.sort_by_key(|number| (std::cmp::Reverse(usize::from(ill(*number))), *number));
    assert_eq!(ordered(CONTACTS, "contactid", &format!("{count} desc")).await, expected);
    // Of Elm or Oak, or of nobody whose name is known: these come first.
    let mut expected: Vec<usize> = (0..PEOPLE).filter(|number| ill(*number)).chain([90, 91]).collect();
    let name = |number: usize| (number < PEOPLE).then(|| if number.is_multiple_of(2) { "elm" } else { "oak" });
    expected.sort_by_key(|number| (name(*number), *number));
    assert_eq!(ordered(CONDITIONS, "msemr_conditionid", behind).await, expected);
    let count_behind = format!("msemr_subjecttypepatient/{count} desc,{behind} desc");
    expected.sort_by_key(|number| (std::cmp::Reverse(name(*number)), *number));
    assert_eq!(ordered(CONDITIONS, "msemr_conditionid", &count_behind).await, expected, "two steps away");

    let options =
        [("$orderby", behind), ("$filter", "msemr_name ne msemr_subjecttypepatient/lastname"), ("$explain", "true")];
    let plan = server.get(CONDITIONS, &options).await.expect(200).json();
    assert_eq!(plan["joined"]["inOneQuery"], true, "{plan}");
    // What the database cannot check is done here, row by row.
    let refused = asked(&server, CONDITIONS, "length(msemr_subjecttypepatient/lastname) eq length(msemr_name)").await;
    assert_eq!(refused.expect(400).error_code(), "ScanBudgetExceeded");
}
