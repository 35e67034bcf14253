//! Conditions on related rows of one FHIR service: by keys where these are few, by chained parameters and `_has` where they are
//! many; checked here either way, so that a service which does not do them, or not rightly, changes no row.

use serde_json::{Value, json};
use turntable_tests::{Fhir, Server, Setup};

/// Related rows whose keys are asked for; each condition below brings more.
const KEYS: usize = 5;
const PEOPLE: usize = 60;

const CONDITIONS: &str = "msemr_conditions";
const CONTACTS: &str = "contacts";
const OF_THE_PERSON: &str = "msemr_condition_msemr_subjecttypepatient";

/// A filter, and which numbers it keeps, of the table.
type Case = (&'static str, String, fn(usize) -> bool);

fn id(kind: usize, number: usize) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

/// People called Elm, Elmer or Oak, all but each third with a condition.
async fn service(faults: &str) -> Fhir {
    let fhir = Fhir::sandbox().await;
    let mut entries = Vec::new();
    for number in 0..PEOPLE {
        let family = ["Elm", "Oak", "Elmer", "ELM"][number % 4];
        entries.push(json!({"resource": {"resourceType": "Patient", "id": id(1, number),
            "gender": if number < 30 { "female" } else { "male" }, "name": [{"family": family}]}}));
        if !number.is_multiple_of(3) {
            entries.push(json!({"resource": {"resourceType": "Condition", "id": id(2, number),
                "code": {"text": if number % 3 == 1 { "cough" } else { "cold" }},
                "recordedDate": format!("2020-01-01T00:{number:02}:00Z"),
                "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                    "code": if number.is_multiple_of(2) { "active" } else { "resolved" }}]},
                "subject": {"reference": format!("Patient/{}", id(1, number))}}}));
        }
    }
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
    fhir.as_sandbox().load(bundle.to_string().as_bytes()).expect("the bundle is whole");
    fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
    fhir
}

fn setup(fhir: &Fhir) -> Setup {
    Server::with(fhir).virtual_tables(&["contact", "msemr_condition"])
}

fn cases() -> Vec<(&'static str, Case)> {
    vec![
        (
            "lookup",
            (CONDITIONS, "msemr_subjecttypepatient/lastname eq 'elm'".into(), |n| {
                n % 3 > 0 && (n.is_multiple_of(4) || n % 4 == 3)
            }),
        ),
        (
            "two",
            (
                CONDITIONS,
                "startswith(msemr_subjecttypepatient/lastname,'elm') and msemr_subjecttypepatient/gendercode eq 2"
                    .into(),
                |n| n % 3 > 0 && n % 4 != 1 && n < 30,
            ),
        ),
        (
            "beside",
            (
                CONDITIONS,
                "msemr_subjecttypepatient/gendercode eq 1 and msemr_asserteddate lt 2020-01-01T00:40:00Z".into(),
                |n| n % 3 > 0 && (30..40).contains(&n),
            ),
        ),
        (
            "back",
            (CONTACTS, format!("{OF_THE_PERSON}/any(c: c/msemr_asserteddate lt 2020-01-01T00:40:00Z)"), |n| {
                n % 3 > 0 && n < 40
            }),
        ),
        (
            "back, narrowed",
            (
                CONTACTS,
                format!("lastname eq 'oak' and {OF_THE_PERSON}/any(c: c/msemr_asserteddate ge 2020-01-01T00:10:00Z)"),
                |n| n % 3 > 0 && n % 4 == 1 && n >= 10,
            ),
        ),
        // Nothing of it is asked by a chain.
        (
            "not",
            (CONDITIONS, "not (msemr_subjecttypepatient/lastname eq 'elm')".into(), |n| {
                n % 3 > 0 && !(n.is_multiple_of(4) || n % 4 == 3)
            }),
        ),
        (
            "or",
            (
                CONDITIONS,
                "msemr_subjecttypepatient/lastname eq 'oak' or msemr_asserteddate lt 2020-01-01T00:03:00Z".into(),
                |n| n % 3 > 0 && (n % 4 == 1 || n < 3),
            ),
        ),
    ]
}

fn expected(meant: fn(usize) -> bool) -> Vec<usize> {
    (0..PEOPLE).filter(|number| meant(*number)).collect()
}

/// The numbers of the rows, in their order, over pages of so many.
async fn numbers(server: &Server, set: &str, filter: &str, more: &[(&str, &str)], size: &str) -> Vec<usize> {
    let key = if set == CONTACTS { "contactid" } else { "msemr_conditionid" };
    let options: Vec<_> = [("$filter", filter)].into_iter().chain(more.iter().copied()).collect();
    let options: Vec<String> =
        options.iter().map(|(name, value)| format!("{name}={}", turntable_tests::encode(value))).collect();
    let mut url = format!("{set}?{}", options.join("&"));
    let mut numbers = Vec::new();
    loop {
        let call = server.call(reqwest::Method::GET, &url).header("prefer", &format!("odata.maxpagesize={size}"));
        let page = call.send().await.expect(200);
        for row in page.rows() {
            let id = row[key].as_str().unwrap_or_default().to_owned();
            numbers.push(usize::from_str_radix(&id[id.len() - 12..], 16).expect("a number"));
        }
        match page.json()["@odata.nextLink"].as_str() {
            Some(next) => url = next.to_owned(),
            None => return numbers,
        }
    }
}

async fn kept(server: &Server, set: &str, filter: &str) -> Vec<usize> {
    let mut numbers = numbers(server, set, filter, &[], "500").await;
    numbers.sort_unstable();
    numbers
}

/// Of the searches that the service has been asked since the last look.
fn asked(fhir: &Fhir) -> (usize, usize) {
    let seen = fhir.as_sandbox().requests();
    fhir.as_sandbox().clear_requests();
    let paths: Vec<String> = seen.iter().map(|request| request.path.replace("%3A", ":")).collect();
    let chains = paths.iter().filter(|path| path.contains("_has:") || path.contains("patient:Patient."));
    (paths.len(), chains.count())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_the_same_by_keys_and_by_chains() {
    let fhir = service("").await;
    let by_keys = setup(&fhir).start().await;
    let by_chains = setup(&fhir).limits(|limits| limits.chained_keys = KEYS).start().await;
    for (name, (set, filter, meant)) in cases() {
        asked(&fhir);
        assert_eq!(kept(&by_keys, set, &filter).await, expected(meant), "{name}, by keys");
        assert_eq!(asked(&fhir).1, 0, "{name}");
        assert_eq!(kept(&by_chains, set, &filter).await, expected(meant), "{name}, by chains");
        assert_eq!(asked(&fhir).1 > 0, !matches!(name, "not" | "or"), "{name}");
    }
}

/// Few related rows are keys, whatever can be chained.
#[tokio::test(flavor = "multi_thread")]
async fn few_keys_are_asked_for() {
    let fhir = service("").await;
    let server = setup(&fhir).limits(|limits| limits.chained_keys = 20).start().await;
    asked(&fhir);
    assert_eq!(kept(&server, CONDITIONS, "msemr_subjecttypepatient/lastname eq 'oak'").await.len(), 10);
    assert_eq!(asked(&fhir).1, 0);
}

/// More related rows than a condition may bring, and no more calls than before: one for the related rows, of which there are many;
/// one for the rows; one for their related rows.
#[tokio::test(flavor = "multi_thread")]
async fn many_related_rows_take_few_calls() {
    let fhir = service("").await;
    let limits = |limits: &mut turntable::model::limits::Limits| {
        (limits.chained_keys, limits.related_keys) = (KEYS, 10);
    };
    let server = setup(&fhir).limits(limits).start().await;
    let filter = "msemr_subjecttypepatient/gendercode eq 2";
    let first = numbers(&server, CONDITIONS, filter, &[("$top", "3")], "500").await;
    assert_eq!(first.len(), 3);
    asked(&fhir);
    let again = numbers(&server, CONDITIONS, filter, &[("$top", "3")], "500").await;
    assert_eq!((again, asked(&fhir)), (first, (3, 1)), "after it has been tried once");
    fhir.as_sandbox().set_faults("refuse-chains".parse().expect("faults"));
    let without = setup(&fhir).limits(limits).start().await;
    let refused = without.get(CONDITIONS, &[("$filter", filter)]).await;
    assert_eq!(refused.error_code(), "ScanBudgetExceeded", "{}", refused.text);
}

/// Pages, orders and counts are of the rows that are meant.
#[tokio::test(flavor = "multi_thread")]
async fn pages_orders_and_counts() {
    let fhir = service("").await;
    let server = setup(&fhir).limits(|limits| limits.chained_keys = KEYS).start().await;
    for (name, (set, filter, meant)) in cases() {
        let mut all = numbers(&server, set, &filter, &[], "4").await;
        all.sort_unstable();
        assert_eq!(all, expected(meant), "{name}: pages of 4");
        let counted = server.get(&format!("{set}/$count"), &[("$filter", &filter)]).await.expect(200);
        assert_eq!(counted.text.trim_start_matches('\u{feff}'), expected(meant).len().to_string(), "{name}");
        if set == CONDITIONS {
            let order = [("$orderby", "msemr_asserteddate desc")];
            let found = numbers(&server, set, &filter, &order, "3").await;
            let mut reversed = expected(meant);
            reversed.reverse();
            assert_eq!(found, reversed, "{name}: in order, pages of 3");
        }
        let groups = [("$apply", format!("filter({filter})/aggregate($count as n)"))];
        let groups: Vec<_> = groups.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(server.rows(set, &groups).await[0]["n"], Value::from(expected(meant).len()), "{name}");
    }
}

/// What a service does not do is done by keys, in the same request, and not asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_chains() {
    for faults in
        ["ignore-chains", "refuse-chains", "lost-chains", "ignore-params", "ignore-params=claimed", "no-total"]
    {
        let fhir = service(faults).await;
        let server = setup(&fhir).limits(|limits| limits.chained_keys = KEYS).start().await;
        for again in [false, true] {
            for (name, (set, filter, meant)) in cases() {
                asked(&fhir);
                assert_eq!(kept(&server, set, &filter).await, expected(meant), "{faults}: {name}, again: {again}");
                let is_known = again && faults != "ignore-params=claimed";
                assert!(!is_known || asked(&fhir).1 == 0, "{faults}: {name}");
            }
        }
    }
}

/// One that has done it before, and stops.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_changes_its_mind() {
    for faults in ["ignore-chains", "refuse-chains"] {
        let fhir = service("").await;
        let server = setup(&fhir).limits(|limits| limits.chained_keys = KEYS).start().await;
        for faults in ["", faults] {
            fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
            for (name, (set, filter, meant)) in cases() {
                assert_eq!(kept(&server, set, &filter).await, expected(meant), "{faults}: {name}");
            }
        }
        let listed = server.get("/admin/v1/sources", &[]).await.expect(200).json();
        let not_asked = listed["sources"][0]["notAsked"].to_string();
        assert!(not_asked.contains("Condition.patient:Patient.family"), "{faults}: {not_asked}");
    }
}

/// A trial finds out, and the plan says what would be asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_trial_and_the_plan() {
    let plan = async |server: &Server| {
        let options = [("$filter", "msemr_subjecttypepatient/lastname eq 'elm'"), ("$explain", "true")];
        server.get(CONDITIONS, &options).await.expect(200).json()["related"][0]["chained"].clone()
    };
    for (faults, heed) in
        [("", "applied"), ("ignore-chains", "ignored"), ("refuse-chains", "refused"), ("lost-chains", "refused")]
    {
        let fhir = service(faults).await;
        let server = setup(&fhir).start().await;
        let chained = json!([{ "resourceType": "Condition", "params": ["patient:Patient.family=elm"] }]);
        assert_eq!(plan(&server).await, chained);
        let probe =
            server.post("/admin/v1/sources/main/probe", &json!({ "types": ["Condition"] })).await.expect(200).json();
        let chains = &probe["types"]["Condition"]["chains"];
        assert_eq!(chains["Condition.patient:Patient"], heed, "{faults}: {probe:#}");
        assert_eq!(chains["Patient._has:Condition:patient"], heed, "{faults}: {probe:#}");
        assert_eq!(plan(&server).await, if faults.is_empty() { chained } else { Value::Null }, "{faults}");
    }
}
