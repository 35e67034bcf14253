//! `$apply`: groups of rows and what is counted and added up in them, natively and from a FHIR service. Requests and what
//! they answer are data, `groups/cases.json`, about the resources beside it.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Answer, Fhir, Server, encode};

const RESOURCES: &str = include_str!("groups/resources.json");
const CASES: &str = include_str!("groups/cases.json");
const SET: &str = "msemr_observations";
const TABLES: [&str; 2] = ["contact", "msemr_observation"];

/// One request, with 64-bit numbers and decimals as texts, so that every digit is compared: `set`, `options`, `prefer`; and
/// either `value`, the rows in their order, `count`, and `context`, what stands behind the set there, if they are looked
/// at; or `error`, the code of the refusal.
struct Case(Value);

impl Case {
    fn text(&self, member: &str) -> Option<&str> {
        self.0[member].as_str()
    }

    fn set(&self) -> &str {
        self.text("set").expect("a set")
    }

    fn options(&self) -> BTreeMap<String, String> {
        let options = self.0["options"].as_object().expect("options");
        options.iter().map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned())).collect()
    }

    /// What should come.
    fn expected(&self) -> Value {
        match self.text("error") {
            Some(code) => json!({"error": code}),
            None => json!({"value": self.0["value"], "count": self.0["count"], "context": self.0["context"]}),
        }
    }

    /// What comes. Rows without their `@odata.id`, which is null.
    fn found(&self, answer: &Answer) -> Value {
        if answer.status != 200 {
            return json!({"error": answer.error_code()});
        }
        let body = answer.json();
        let mut rows = answer.rows();
        for row in &mut rows {
            let id = row.as_object_mut().expect("a row").remove("@odata.id");
            assert_eq!(id, Some(Value::Null), "{row}");
        }
        let context = self.text("context").map(|_| {
            let context = body["@odata.context"].as_str().unwrap_or_default();
            context.split_once(&format!("$metadata#{}", self.set())).map(|(_, behind)| behind.to_owned())
        });
        json!({"value": rows, "count": body["@odata.count"], "context": context})
    }
}

fn bundle() -> String {
    let resources: Vec<Value> = serde_json::from_str(RESOURCES).expect("the resources are JSON");
    let entry = |resource: Value| {
        let part = |member: &str| resource[member].as_str().unwrap_or_default().to_owned();
        let url = format!("{}/{}", part("resourceType"), part("id"));
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    };
    let entries: Vec<_> = resources.into_iter().map(entry).collect();
    json!({"resourceType": "Bundle", "type": "batch", "entry": entries}).to_string()
}

async fn native(change: impl FnOnce(&mut turntable::model::limits::Limits)) -> Server {
    let server = Server::setup().limits(change).start().await;
    server.ingest(&bundle(), None).await.expect(200);
    server
}

async fn service() -> Fhir {
    let fhir = Fhir::sandbox().await;
    fhir.as_sandbox().load(bundle().as_bytes()).expect("the sandbox takes it");
    fhir
}

async fn virtually(fhir: &Fhir, change: impl FnOnce(&mut turntable::model::limits::Limits)) -> Server {
    Server::with(fhir).virtual_tables(&TABLES).limits(change).start().await
}

async fn ask(server: &Server, set: &str, options: &BTreeMap<String, String>, prefer: Option<&str>) -> Answer {
    let options: Vec<_> = options.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let call = server.call(Method::GET, &format!("{set}?{}", options.join("&")));
    let call = call.header("accept", "application/json;IEEE754Compatible=true");
    call.header("prefer", prefer.unwrap_or("odata.maxpagesize=1000")).send().await
}

async fn apply(server: &Server, apply: &str) -> Answer {
    ask(server, SET, &BTreeMap::from([("$apply".to_owned(), apply.to_owned())]), None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_routes_give_the_groups_that_are_meant() {
    let cases: Vec<Value> = serde_json::from_str(CASES).expect("the cases are JSON");
    let cases: Vec<Case> = cases.into_iter().map(Case).collect();
    let fhir = service().await;
    let mixed = Server::with(&fhir).virtual_tables(&["contact"]).start().await;
    mixed.ingest(&bundle(), None).await.expect(200);
    let servers = [("native", native(|_| {}).await), ("virtual", virtually(&fhir, |_| {}).await), ("mixed", mixed)];
    let mut wrong = Vec::new();
    for case in &cases {
        let should = case.expected();
        for (name, server) in &servers {
            let answer = ask(server, case.set(), &case.options(), case.text("prefer")).await;
            let is = case.found(&answer);
            if is != should {
                let text = if answer.status == 200 { "" } else { answer.text.as_str() };
                wrong.push(format!("{name}: {} {:?}\n  is {is}\n  not {should}\n  {text}", case.set(), case.options()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() > 20, "{}", cases.len());
}

/// What parts give one after the other is what each gives; what a rollup gives is what its levels give.
#[tokio::test(flavor = "multi_thread")]
async fn parts_give_what_each_of_them_gives() {
    let cases: Vec<Value> = serde_json::from_str(CASES).expect("the cases are JSON");
    let plain = cases.into_iter().map(Case).filter(|case| {
        let options = case.options();
        let apply =
            options.get("$apply").filter(|_| options.len() == 1 && case.set() == SET && case.text("prefer").is_none());
        apply.is_some_and(|apply| case.text("error").is_none() && apply.contains('('))
    });
    let plain: Vec<String> = plain.map(|case| case.options()["$apply"].clone()).collect();
    assert!(plain.len() > 15, "{}", plain.len());
    let fhir = service().await;
    let mut concatenated = 0;
    for server in [native(|_| {}).await, virtually(&fhir, |_| {}).await] {
        for (nth, first) in plain.iter().enumerate() {
            let second = &plain[(nth + 1) % plain.len()];
            let whole = apply(&server, &format!("concat({first},concat({second},{first}))")).await;
            let apart = [apply(&server, first).await, apply(&server, second).await];
            if whole.status != 200 {
                // They have a name in common, for values that have nothing.
                assert_eq!(whole.error_code(), "BadOption", "{first} {second}: {}", whole.text);
                continue;
            }
            // A decimal is told otherwise than a whole number.
            let [first, second] = apart.map(|answer| answer.expect(200).rows());
            let expected: Vec<_> = first.iter().chain(&second).chain(&first).cloned().collect();
            assert_eq!(whole.rows(), expected, "{nth}");
            concatenated += 1;
        }
        for (rollup, levels) in [
            ("rollup($all,msemr_status,msemr_comment)", &["msemr_status,msemr_comment", "msemr_status", ""][..]),
            ("rollup(msemr_status,msemr_comment)", &["msemr_status,msemr_comment", "msemr_status"]),
            (
                "msemr_comment,rollup(msemr_status,msemr_subjecttypepatient/lastname)",
                &["msemr_comment,msemr_status,msemr_subjecttypepatient/lastname", "msemr_comment,msemr_status"],
            ),
            (
                "rollup($all,msemr_status,msemr_comment),msemr_subjecttypepatient/lastname",
                &[
                    "msemr_status,msemr_comment,msemr_subjecttypepatient/lastname",
                    "msemr_status,msemr_subjecttypepatient/lastname",
                    "msemr_subjecttypepatient/lastname",
                ],
            ),
            (
                "rollup($all,msemr_status),rollup($all,msemr_comment)",
                &["msemr_status,msemr_comment", "msemr_comment", "msemr_status", ""],
            ),
        ] {
            let what = "aggregate($count as n,msemr_valuetypequantityvalue with sum as s)";
            let rolled = apply(&server, &format!("groupby(({rollup}),{what})")).await.expect(200).rows();
            let level = |by: &&str| if by.is_empty() { what.to_owned() } else { format!("groupby(({by}),{what})") };
            let levels: Vec<_> = levels.iter().map(level).collect();
            let apart = apply(&server, &format!("concat({})", levels.join(","))).await.expect(200).rows();
            assert_eq!(rolled, apart, "{rollup}");
        }
        let refused = apply(&server, &format!("concat({})", vec!["aggregate($count as n)"; 17].join(","))).await;
        assert!(refused.status == 501 && refused.text.contains("more than 16 parts"), "{}", refused.text);
        let mut deep = "concat(aggregate($count as n),aggregate($count as m))".to_owned();
        for _ in 0..40 {
            deep = format!("concat(aggregate($count as n),{deep})");
        }
        assert_eq!(apply(&server, &deep).await.status, 501);
    }
    assert!(concatenated > 20, "{concatenated}");
}

/// Rows that are not grouped are those that the options of a list give.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_cut_as_lists_are() {
    let fhir = service().await;
    let value = "msemr_valuetypequantityvalue";
    for server in [native(|_| {}).await, virtually(&fhir, |_| {}).await] {
        for (apply, options) in [
            (
                format!("topcount(2,{value})"),
                vec![
                    ("$filter", format!("{value} ne null")),
                    ("$orderby", format!("{value} desc")),
                    ("$top", "2".to_owned()),
                ],
            ),
            (
                format!("filter({value} lt 1)/bottomcount(9,{value})/skip(1)"),
                vec![("$filter", format!("{value} lt 1")), ("$orderby", value.to_owned()), ("$skip", "1".to_owned())],
            ),
            (
                "orderby(msemr_observationid desc)/skip(2)/top(3)".to_owned(),
                vec![
                    ("$orderby", "msemr_observationid desc".to_owned()),
                    ("$skip", "2".to_owned()),
                    ("$top", "3".to_owned()),
                ],
            ),
        ] {
            let options: BTreeMap<_, _> = options.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
            let meant = ask(&server, SET, &options, None).await.expect(200).rows();
            assert!(!meant.is_empty());
            assert_eq!(self::apply(&server, &apply).await.expect(200).rows(), meant, "{apply}");
        }
        let beside = [("$apply", "top(2)"), ("$filter", "msemr_comment ne null")];
        let beside = beside.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let refused = ask(&server, SET, &beside, None).await.expect(501);
        assert!(refused.text.contains("`$filter` beside"), "{}", refused.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other() {
    let fhir = service().await;
    for server in [native(|_| {}).await, virtually(&fhir, |_| {}).await] {
        let options = |top: &str| {
            BTreeMap::from([
                ("$apply".to_owned(), "groupby((msemr_observationid),aggregate($count as n))".to_owned()),
                ("$orderby".to_owned(), "msemr_observationid desc".to_owned()),
                ("$top".to_owned(), top.to_owned()),
            ])
        };
        let whole = ask(&server, SET, &options("5"), None).await.expect(200).rows();
        assert_eq!(whole.len(), 5);
        let mut rows = Vec::new();
        let mut page = ask(&server, SET, &options("5"), Some("odata.maxpagesize=2")).await.expect(200);
        loop {
            assert!(page.rows().len() <= 2);
            rows.extend(page.rows());
            let Some(next) = page.json()["@odata.nextLink"].as_str().map(str::to_owned) else { break };
            let call = server.call(Method::GET, &next).header("prefer", "odata.maxpagesize=2");
            page = call.header("accept", "application/json;IEEE754Compatible=true").send().await.expect(200);
        }
        assert_eq!(rows, whole);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_named() {
    let fhir = service().await;
    let few = |limits: &mut turntable::model::limits::Limits| limits.aggregate_groups = 3;
    for server in [native(few).await, virtually(&fhir, few).await] {
        assert_eq!(apply(&server, "groupby((msemr_status))").await.expect(200).rows().len(), 3);
        let refused = apply(&server, "groupby((msemr_observationid))").await.expect(400);
        assert_eq!(refused.error_code(), "ScanBudgetExceeded");
        assert!(refused.text.contains("aggregate_groups"), "{}", refused.text);
    }
    let little = |limits: &mut turntable::model::limits::Limits| limits.scan_rows = 4;
    // The store's database looks at as many rows as there are; who looks at each row has a budget.
    let server = native(little).await;
    for inside in [
        "groupby((msemr_status),aggregate($count as n))",
        "filter(msemr_subjecttypepatient/lastname eq 'elm')/aggregate(msemr_valuetypequantityvalue with sum as s)",
        "groupby((msemr_subjecttypepatient/gendercode),aggregate(msemr_subjecttypepatient/birthdate with max as m))",
        "filter(length(msemr_comment) gt 3)/aggregate(msemr_valuetypequantityvalue with sum as s)",
    ] {
        let is_checked_here = inside.contains("length");
        let answer = apply(&server, inside).await;
        assert_eq!(answer.status, if is_checked_here { 400 } else { 200 }, "{inside}: {}", answer.text);
    }
    let server = virtually(&fhir, little).await;
    let refused = apply(&server, "groupby((msemr_status),aggregate($count as n))").await.expect(400);
    assert_eq!(refused.error_code(), "ScanBudgetExceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_says_who_groups() {
    let fhir = service().await;
    let (native, virtually) = (native(|_| {}).await, virtually(&fhir, |_| {}).await);
    let by = async |server: &Server, text: &str| {
        let options =
            BTreeMap::from([("$apply".to_owned(), text.to_owned()), ("$explain".to_owned(), "true".to_owned())]);
        ask(server, SET, &options, None).await.expect(200).json()["groupedBy"].clone()
    };
    let options =
        [("$apply", "concat(aggregate($count as n),groupby((msemr_status)))/filter(n gt 1)"), ("$explain", "true")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let plan = ask(&native, SET, &options, None).await.expect(200).json();
    let parts: Vec<_> = (0..2).map(|nth| plan["groups"][0]["concat"][nth]["groupedBy"].clone()).collect();
    assert_eq!((parts, &plan["groups"][0]["filter"]), (vec!["count".into(), "database".into()], &"n gt 1".into()));
    for (text, natively, there) in [
        ("groupby((msemr_status),aggregate($count as n))", "database", "here"),
        ("aggregate($count as n)", "count", "count"),
        ("filter(msemr_subjecttypepatient/lastname eq 'elm')/groupby((msemr_status))", "database", "here"),
        ("filter(length(msemr_comment) gt 3)/groupby((msemr_status))", "here", "here"),
        ("groupby((msemr_subjecttypepatient/lastname))", "database", "here"),
        ("groupby((msemr_subjecttypepatient/contactid))", "here", "here"),
        ("aggregate(tt_valueinteger mul 2 with sum as s)", "here", "here"),
    ] {
        assert_eq!((by(&native, text).await, by(&virtually, text).await), (natively.into(), there.into()), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_shown_as_other_rows_are() {
    let server = native(|_| {}).await;
    let url = format!("{SET}?$apply={}", encode("groupby((msemr_status,_msemr_subjecttypepatient_value))"));
    let call = server.call(Method::GET, &url).header("prefer", "odata.include-annotations=\"*\"");
    let rows = call.send().await.expect(200).rows();
    let of = |row: &Value, annotation: &str| row[annotation].clone();
    let formatted = "@OData.Community.Display.V1.FormattedValue";
    let found = rows.iter().map(|row| {
        (
            of(row, &format!("msemr_status{formatted}")),
            of(row, &format!("_msemr_subjecttypepatient_value{formatted}")),
            of(row, "_msemr_subjecttypepatient_value@Microsoft.Dynamics.CRM.lookuplogicalname"),
        )
    });
    let found: Vec<_> = found.collect();
    assert!(found.contains(&("Final".into(), "Elm".into(), "contact".into())), "{found:?}");
    let bare = server.call(Method::GET, &url).header("accept", "application/json;odata.metadata=none");
    let bare = bare.send().await.expect(200).json();
    assert_eq!(bare.get("@odata.context"), None);
    assert_eq!(bare["value"][0].get("@odata.id"), None);
    let omitted = server.call(Method::GET, &url).header("prefer", "omit-values=nulls").send().await.expect(200);
    assert!(omitted.rows().iter().any(|row| row.get("_msemr_subjecttypepatient_value").is_none()));
}

/// A FHIR service that counts is asked for its count, and for no rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_count_alone_is_that_of_the_service() {
    let fhir = Fhir::sandbox().await;
    let entries: Vec<_> = (0..1_200)
        .map(|number| {
            let id = format!("o{number}");
            let resource = json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}});
            json!({"resource": resource, "request": {"method": "PUT", "url": format!("Observation/{id}")}})
        })
        .collect();
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
    fhir.as_sandbox().load(bundle.to_string().as_bytes()).expect("the sandbox takes it");
    let server = virtually(&fhir, |limits| limits.scan_rows = 300).await;
    let counted = apply(&server, "filter(msemr_status eq 935000002)/aggregate($count as n)").await.expect(200);
    assert_eq!(counted.rows()[0]["n"], "1200");
}
