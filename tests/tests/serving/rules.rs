//! Rules of callers: whatever way leads to a row, a column or a number, who may not see it does not, and no answer tells that it
//! is there. The ways are data in `rules/`: each is asked by somebody who sees one patient of all, and by somebody who sees the
//! same columns of data in which there is nothing else; both are told the same.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use turntable::config::Config;
use turntable::model::error::Code;
use turntable::router::write::ingest::OutcomeKind;
use turntable_tests::{Answer, Fhir, Server, Setup, encode};

pub(super) const RULES: &str = include_str!("rules/rules.toml");
pub(super) const RESOURCES: &str = include_str!("rules/resources.json");
pub(super) const WAYS: &str = include_str!("rules/ways.json");
pub(super) const REFUSED: &str = include_str!("rules/refused.json");

/// The patient whose rows are seen, and an observation of another's.
pub(super) const SEEN: &str = "10000000-0000-4000-8000-000000000001";
pub(super) const UNSEEN: &str = "10000000-0000-4000-8000-000000000002";

/// What stands only where it must not be seen: in rows and columns that are not there, or in masked ones.
pub(super) const SECRETS: [&str; 11] = [
    "Hiddenman",
    "Hiddendoctor",
    "hiddencode",
    "hiddendisplay",
    "hiddenpart",
    "hiddenvalue",
    "secretcomment",
    "secretmail",
    "maskedunit",
    "7251.25",
    "8551.5",
];

pub(super) const VIRTUAL: [&str; 3] = ["contact", "msemr_encounter", "msemr_observation"];

/// A request that reads.
struct Way {
    path: String,
    options: Vec<(String, String)>,
    /// There is nothing in it that only some see.
    same_for_all: bool,
    /// It finds nothing, since what it looks for is hidden.
    nothing: bool,
}

/// A request that names what is not there, or not to be compared.
struct Refused {
    like: String,
    path: String,
    options: Vec<(String, String)>,
}

pub(super) fn listed(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("JSON")
}

pub(super) fn options(of: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let pairs = of["options"].as_array().expect("options");
    pairs.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

impl Refused {
    fn read(of: &Value) -> Self {
        let text = |name: &str| of[name].as_str().expect("a text").to_owned();
        Self { like: text("like"), path: text("path"), options: options(of) }
    }
}

impl Way {
    fn read(of: &Value) -> Self {
        Self {
            path: of["path"].as_str().expect("a path").to_owned(),
            options: options(of),
            same_for_all: of["same_for_all"] == true,
            nothing: of["nothing"] == true,
        }
    }

    fn url(&self) -> String {
        url(&self.path, &self.options)
    }
}

pub(super) fn url(path: &str, options: &[(String, String)]) -> String {
    let options: Vec<_> = options.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    if options.is_empty() { path.to_owned() } else { format!("{path}?{}", options.join("&")) }
}

fn ruled(setup: Setup) -> Setup {
    let parsed = Config::parse(Some((Path::new("rules.toml"), RULES)), &BTreeMap::new()).expect("the rules are good");
    setup.configure(|config| config.roles = parsed.roles)
}

/// All resources, or those that the nurse may see.
fn bundle(only_seen: bool) -> String {
    let all: Vec<Value> = serde_json::from_str(RESOURCES).expect("JSON");
    let is_seen = |resource: &Value| match resource["resourceType"].as_str() {
        Some("Patient") => resource["id"] == SEEN,
        Some("Practitioner") => false,
        _ => resource["subject"]["reference"] == format!("Patient/{SEEN}"),
    };
    let kept = all.into_iter().filter(|resource| !only_seen || is_seen(resource));
    let entries: Vec<Value> = kept.map(|resource| json!({ "resource": resource })).collect();
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }).to_string()
}

/// A server with all or some of the data, on a route.
async fn server(route: &str, only_seen: bool) -> (Server, Fhir) {
    let fhir = Fhir::sandbox().await;
    let setup = ruled(Server::with(&fhir));
    let server = match route {
        "virtual" => {
            fhir.as_sandbox().load(bundle(only_seen).as_bytes()).expect("the sandbox takes it");
            setup.virtual_tables(&VIRTUAL).start().await
        }
        _ => {
            let server = setup.start().await;
            let call = server.call(Method::POST, "/fhir?as=batch");
            call.body("application/fhir+json", bundle(only_seen)).send().await.expect(200);
            server
        }
    };
    (server, fhir)
}

async fn ask(server: &Server, url: &str) -> Answer {
    let call = server.call(Method::GET, url).header("prefer", "odata.include-annotations=\"*\"");
    let csv = url.contains("%24format=csv") || url.contains("$format=csv");
    let accept = if csv { "text/csv" } else { "application/json, text/plain;q=0.5, */*;q=0.1" };
    call.header("accept", accept).send().await
}

/// What an answer says, without what each server has of its own.
fn said(server: &Server, answer: &Answer) -> String {
    let text = answer.text.replace(&server.url(), "");
    let plain = match serde_json::from_str::<Value>(&text) {
        Ok(value) => stripped(value).to_string(),
        Err(_) => {
            let lines = text.lines().map(|line| {
                let is_own = |cell: &str| cell.starts_with("20") && cell.ends_with('Z') && cell.len() > 19;
                line.split(',').filter(|cell| !is_own(cell)).collect::<Vec<_>>().join(",")
            });
            lines.collect::<Vec<_>>().join("\n")
        }
    };
    format!("{} {plain}", answer.status)
}

pub(super) fn stripped(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let is_own = |name: &str| {
                name.ends_with("@odata.etag")
                    || name.contains("msemr_azurefhirversion")
                    || name.contains("msemr_azurefhirlastupdated")
                    || name.contains("cookie")
                    || name.contains("HasChanged")
            };
            let kept = members.into_iter().filter(|(name, _)| !is_own(name));
            Value::Object(kept.map(|(name, value)| (name, stripped(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(stripped).collect()),
        other => other,
    }
}

fn no_secrets(url: &str, answer: &Answer) {
    // What was asked may be repeated.
    let told = |secret: &&str| answer.text.contains(*secret) && !url.contains(*secret);
    let found: Vec<_> = SECRETS.iter().filter(|secret| told(secret)).collect();
    assert!(found.is_empty(), "{url} tells {found:?}: {}", answer.text);
}

async fn every_way_tells_the_same(route: &str) {
    let (all, _services) = server(route, false).await;
    let (part, _others) = server(route, true).await;
    let ways: Vec<Way> = listed(WAYS).iter().map(Way::read).collect();
    let open: Vec<Answer> = {
        let mut open = Vec::new();
        for way in &ways {
            open.push(ask(&all, &way.url()).await);
        }
        open
    };
    let all = all.seen_as("nurse", Some(&json!({ "patient": SEEN })));
    let part = part.seen_as("columns", None);
    let mut wrong = Vec::new();
    for (way, open) in ways.iter().zip(open) {
        let url = way.url();
        let (is, should) = (ask(&all, &url).await, ask(&part, &url).await);
        no_secrets(&url, &is);
        if said(&all, &is) != said(&part, &should) {
            wrong.push(format!("{url}\n  is     {}\n  should {}", said(&all, &is), said(&part, &should)));
        }
        if way.nothing {
            if !is.rows().is_empty() {
                wrong.push(format!("{url} finds {}", is.text));
            }
            assert!(!open.rows().is_empty(), "{url} finds nothing anyway");
        }
        // Or the way proves nothing.
        if !way.same_for_all && open.text == is.text {
            wrong.push(format!("{url} says the same to everybody: {}", is.text));
        }
        // Nor does the plan tell of others.
        let explained = format!("{url}{}$explain=true", if url.contains('?') { "&" } else { "?" });
        no_secrets(&explained, &ask(&all, &explained).await);
    }
    assert!(wrong.is_empty(), "{route}: {} ways tell more or less:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_tells_the_same_natively() {
    every_way_tells_the_same("native").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_tells_the_same_virtually() {
    every_way_tells_the_same("virtual").await;
}

/// A hidden column is refused as one that there never was; a masked one by name, whatever it holds.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_cannot_be_asked_for() {
    for route in ["native", "virtual"] {
        let (server, _service) = server(route, false).await;
        let server = server.seen_as("nurse", Some(&json!({ "patient": SEEN })));
        let refused: Vec<Refused> = listed(REFUSED).iter().map(Refused::read).collect();
        for Refused { like, path, options } in refused {
            let asked = url(&path, &options);
            let answer = ask(&server, &asked).await;
            no_secrets(&asked, &answer);
            if like == "masked" {
                assert_eq!(
                    (answer.status, answer.error_code().as_str()),
                    (403, "Forbidden"),
                    "{asked}: {}",
                    answer.text
                );
                continue;
            }
            let never = |text: &str| {
                text.replace("msemr_comment", "msemr_qqqqqqq").replace("msemr_episodeofcare", "msemr_qqqqqqqqqqqqq")
            };
            let nowhere = url(&never(&path), &options.iter().map(|(n, v)| (n.clone(), never(v))).collect::<Vec<_>>());
            let should = ask(&server, &nowhere).await;
            assert!(matches!(should.status, 400 | 404), "{nowhere}: {}", should.text);
            let is = (answer.status, never(&answer.text));
            // A name that is near may be offered for either.
            let plain = |text: &str| {
                let mut error: Value = serde_json::from_str(text).expect("an error");
                error["error"].as_object_mut().expect("an error").remove("@Turntable.hint");
                error
            };
            assert_eq!((is.0, plain(&is.1)), (should.status, plain(&should.text)), "{asked}");
        }
    }
}

/// A link to the next page is for whom it was given.
#[tokio::test(flavor = "multi_thread")]
async fn a_next_link_is_for_one_caller() {
    let (server, _service) = server("native", false).await;
    let page = |server: &Server| server.call(Method::GET, "msemr_observations?$select=msemr_status");
    let next = |answer: &Answer| answer.json()["@odata.nextLink"].as_str().expect("more").to_owned();
    let everybodys = next(&page(&server).header("prefer", "odata.maxpagesize=1").send().await.expect(200));
    let server = server.seen_as("nurse", Some(&json!({ "patient": SEEN })));
    let own = next(&page(&server).header("prefer", "odata.maxpagesize=1").send().await.expect(200));
    assert_eq!(server.get(&own, &[]).await.expect(200).rows().len(), 1);
    assert_eq!(server.get(&everybodys, &[]).await.expect(410).error_code(), "PageTokenExpired");
    for claims in [json!({ "patient": UNSEEN }), json!({})] {
        let server = server.get_as("nurse", &claims, &own).await;
        assert_eq!(server.expect(410).error_code(), "PageTokenExpired");
    }
    assert_eq!(server.get_as("columns", &json!({ "patient": SEEN }), &own).await.status, 410);
}

/// Pages offer what may be done: a table says it of whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn tables_say_what_the_caller_may_do() {
    let (server, _service) = server("native", false).await;
    let none = json!({});
    for (role, table, expected) in [
        ("admin", "contact", &["Create", "Read", "Write", "Delete"][..]),
        ("writer", "contact", &["Create", "Read", "Write", "Delete"]),
        ("reader", "contact", &["Read"]),
        ("scribe", "msemr_encounter", &["Read"]),
        ("scribe", "msemr_observation", &["Create", "Read", "Write", "Delete"]),
        ("sender", "msemr_observation", &["Create"]),
    ] {
        let path = format!("EntityDefinitions?$select=Privileges&$filter=LogicalName eq '{table}'");
        let rows = server.get_as(role, &none, &path).await.expect(200).rows();
        let kinds: Vec<_> =
            rows[0]["Privileges"].as_array().expect("a list").iter().map(|one| &one["PrivilegeType"]).collect();
        assert_eq!(kinds, expected, "{role} {table}");
    }
}

/// What a role takes away of a table is not given by another way: not by the tables of its parts, not by a role that it inherits.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_has_no_other_way_in() {
    for route in ["native", "virtual"] {
        let (server, _service) = server(route, false).await;
        let none = json!({});
        for (role, set, status) in [
            ("outside", "msemr_encounters", 200),
            ("outside", "msemr_observations", 404),
            ("outside", "msemr_observationcomponents", 404),
            ("outside", "tt_contacttelecoms", 404),
            ("parts", "msemr_observationcomponents", 200),
            ("parts", "msemr_observations", 404),
            ("deputy", "contacts", 404),
            ("deputy", "tt_contacttelecoms", 404),
            ("deputy", "msemr_observationcomponents", 200),
            ("admin", "contacts", 200),
            ("reader", "tt_contacttelecoms", 200),
        ] {
            let answer = server.get_as(role, &none, set).await;
            assert_eq!(answer.status, status, "{route} {role} {set}: {}", answer.text);
        }
    }
}

/// What cannot be said lets nobody in.
#[tokio::test(flavor = "multi_thread")]
async fn claims_that_do_not_fit_show_nothing() {
    let (server, _service) = server("native", false).await;
    for claims in [
        json!({}),
        json!({ "patient": null }),
        json!({ "patient": "" }),
        json!({ "patient": "no key" }),
        json!({ "patient": { "id": SEEN } }),
        json!({ "patient": [SEEN, UNSEEN] }),
        json!({ "patient": format!("{SEEN} or true") }),
        json!({ "patient": format!("{SEEN}' or contactid ne '{UNSEEN}") }),
        json!({ "Patient": SEEN }),
    ] {
        for set in ["contacts", "msemr_observations", "msemr_encounters", "msemr_observationcomponents"] {
            let answer = server.get_as("nurse", &claims, &format!("{set}?$count=true")).await.expect(200);
            assert_eq!((answer.rows().len(), &answer.json()["@odata.count"]), (0, &json!(0)), "{claims} {set}");
        }
    }
    for roles in ["", "nobody", "nurses", "mapper"] {
        let answer = server.get_as(roles, &json!({ "patient": SEEN }), "contacts").await;
        assert_eq!((answer.status, answer.error_code().as_str()), (403, "Forbidden"), "{roles:?}");
    }
    let answer = server.get_as("columns", &json!({}), "msemr_observations").await.expect(200);
    assert_eq!(answer.rows().len(), 4);
}

/// Whoever sees some rows only is told of no changes, and of no resources as they are.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_held_to_rules_is_refused() {
    let (server, _service) = server("native", false).await;
    let claims = json!({ "patient": SEEN });
    let call = server.call_as("nurse", &claims, "msemr_observations").header("prefer", "odata.track-changes");
    let tracked = call.send().await;
    assert_eq!((tracked.status, tracked.error_code().as_str()), (501, "NotSupported"), "{}", tracked.text);
    let bundle = "msind_RetrieveBundle?msind_FHIRResourceType=Observation";
    let answer = server.get_as("nurse", &claims, bundle).await;
    assert!(answer.status >= 400, "{}", answer.text);
    // Of a table that is not there for them the statement says nothing; who sees none is not told what there is.
    let statement = server.get_as("parts", &claims, "/fhir/metadata").await.expect(200);
    assert!(!statement.text.contains("msemr_encounter"), "{}", statement.text);
    server.get_as("nobody", &claims, "/fhir/metadata").await.expect(403);
}

const FINAL: i64 = 935_000_002;

fn bind(patient: &str) -> String {
    format!("/contacts({patient})")
}

/// Writes begin and end with rows that the writer may write, natively and virtually; what they may not is refused, and nothing of
/// it is done.
#[tokio::test(flavor = "multi_thread")]
async fn writes_are_held_to_rules() {
    for route in ["native", "virtual"] {
        let (server, _service) = server(route, false).await;
        let claims = json!({ "patient": SEEN });
        let (own, others) = ("30000000-0000-4000-8000-000000000001", "30000000-0000-4000-8000-000000000002");
        let before = ask(&server, "msemr_observations?$orderby=msemr_observationid").await.expect(200).rows();
        let row = |key: &str| format!("msemr_observations({key})");
        let (own_row, others_row) = (row(own), row(others));
        let nobodys = row("30000000-0000-4000-8000-00000000ffff");
        let new = |patient: &str| {
            json!({
                "msemr_status": FINAL, "msemr_code_code": "1-1", "msemr_code_system": "http://loinc.org",
                "msemr_subjecttypepatient@odata.bind": bind(patient),
            })
        };
        let text = json!({ "tt_codetext": "written" });
        // Of a row that is not there for them, and of none.
        let [others_identifier, nobodys_identifier] =
            ["O-2", "O-9"].map(|identifier| format!("msemr_observations(msemr_observationnumber='{identifier}')"));
        let refused: [(&str, &str, Value, &str); 21] = [
            ("PATCH", &others_identifier, new(SEEN), "Forbidden"),
            ("PATCH", &nobodys_identifier, new(SEEN), "Forbidden"),
            // Who may not choose keys is not told whether this one is taken.
            ("PATCH", &others_row, text.clone(), "Forbidden"),
            ("DELETE", &others_row, Value::Null, "NotFound"),
            ("PUT", &others_row, new(SEEN), "Forbidden"),
            ("PATCH", &own_row, json!({ "msemr_comment": "x" }), "UnknownColumn"),
            ("PATCH", &own_row, json!({ "msemr_valuetypequantityvalue": 1 }), "Forbidden"),
            ("PATCH", &own_row, json!({ "msemr_valuetypequantityvalue": 7251.25 }), "Forbidden"),
            ("PATCH", &own_row, json!({ "msemr_valuetypequantityvalue": null }), "Forbidden"),
            ("PATCH", &own_row, json!({ "msemr_subjecttypepatient@odata.bind": bind(UNSEEN) }), "BadValue"),
            ("PATCH", &own_row, json!({ "msemr_subjecttypepatient@odata.bind": null }), "Forbidden"),
            (
                "PATCH",
                &own_row,
                json!({ "msemr_conexttypeencounter@odata.bind": "/msemr_encounters(20000000-0000-4000-8000-000000000002)" }),
                "BadValue",
            ),
            ("POST", "msemr_observations", new(UNSEEN), "BadValue"),
            ("POST", "msemr_observations", json!({ "msemr_status": FINAL, "msemr_code_code": "1" }), "Forbidden"),
            ("PATCH", &nobodys, new(SEEN), "Forbidden"),
            (
                "PATCH",
                "msemr_encounters(20000000-0000-4000-8000-000000000001)",
                json!({ "msemr_name": "x" }),
                "Forbidden",
            ),
            ("DELETE", "msemr_encounters(20000000-0000-4000-8000-000000000001)", Value::Null, "Forbidden"),
            ("POST", "contacts", json!({ "lastname": "x" }), "Forbidden"),
            (
                "POST",
                "msemr_observationcomponents",
                json!({ "msemr_observation@odata.bind": format!("/{others_row}"), "msemr_obscomponentcode_code": "9" }),
                "BadValue",
            ),
            ("POST", "msemr_observations", json!({ "msemr_observationid": own, "msemr_status": FINAL }), "Forbidden"),
            ("POST", "tt_observationnotes", json!({ "tt_text": "x" }), "UnknownTable"),
        ];
        let mut wrong = Vec::new();
        for (method, path, body, code) in refused {
            let (is, message) = match server.change_as("scribe", &claims, (method, path), &body).await {
                Ok(_) => ("done".to_owned(), String::new()),
                Err(refused) => refused,
            };
            if is != code {
                wrong.push(format!("{method} {path} {body}: {is} and not {code}: {message}"));
            }
            let told = |secret: &str| message.contains(secret) && !body.to_string().contains(secret);
            assert!(!SECRETS.iter().any(|secret| told(secret)), "{message}");
        }
        assert!(wrong.is_empty(), "{route}:\n{}", wrong.join("\n"));
        // That of a row that is not seen is that of one that is not there.
        for (method, body) in [("PATCH", text.clone()), ("DELETE", Value::Null), ("PUT", new(SEEN))] {
            let hidden = server.change_as("scribe", &claims, (method, &others_row), &body).await.unwrap_err();
            let nobody = server.change_as("scribe", &claims, (method, &nobodys), &body).await.unwrap_err();
            assert_eq!(hidden, nobody, "{route}: {method}");
        }
        let after = ask(&server, "msemr_observations?$orderby=msemr_observationid").await.expect(200).rows();
        assert_eq!(after, before, "{route}");

        let patched = server.change_as("scribe", &claims, ("PATCH", &own_row), &text).await.expect("their own");
        assert_eq!(patched, (own.to_owned(), true));
        let (made, _) =
            server.change_as("scribe", &claims, ("POST", "msemr_observations"), &new(SEEN)).await.expect("theirs");
        let replaced = server.change_as("scribe", &claims, ("PUT", &own_row), &new(SEEN)).await;
        replaced.expect("what they do not see stays");
        let kept = ask(&server, &own_row).await.expect(200).json();
        assert_eq!(
            (&kept["msemr_comment"], &kept["msemr_valuetypequantityvalue"]),
            (&json!("secretcomment"), &json!(7251.25)),
            "{kept}"
        );
        let part = json!({ "msemr_observation@odata.bind": format!("/{own_row}"), "msemr_obscomponentcode_code": "9", "msemr_obscomponentcode_system": "http://loinc.org" });
        let (component, _) = server
            .change_as("scribe", &claims, ("POST", "msemr_observationcomponents"), &part)
            .await
            .expect("a part of theirs");
        let component = format!("msemr_observationcomponents({component})");
        server.change_as("scribe", &claims, ("DELETE", &component), &Value::Null).await.expect("theirs");
        server.change_as("scribe", &claims, ("DELETE", &row(&made)), &Value::Null).await.expect("theirs");
        // Whoever only adds is shown nothing of it.
        let sent =
            server.change_as("sender", &json!({}), ("POST", "msemr_observations"), &new(UNSEEN)).await.expect("added");
        assert!(!sent.1);
        let other = json!({ "msemr_status": 935_000_000, "msemr_code_code": "1" });
        let refused = server.change_as("sender", &json!({}), ("POST", "msemr_observations"), &other).await.unwrap_err();
        assert_eq!(refused.0, "Forbidden", "{}", refused.1);
        let refused = server.change_as("sender", &json!({}), ("PATCH", &row(&sent.0)), &text).await.unwrap_err();
        assert_eq!(refused.0, "Forbidden", "{}", refused.1);
    }
}

/// Whole resources are for those who see all of them.
#[tokio::test(flavor = "multi_thread")]
async fn whole_resources_are_held_to_rules() {
    let (server, _service) = server("native", false).await;
    let claims = json!({ "patient": SEEN });
    let bundle = |entries: Value| json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
    let put = |resource: Value| {
        let address = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        json!([{ "resource": resource, "request": { "method": "PUT", "url": address } }])
    };
    let own = json!({
        "resourceType": "Observation", "id": "30000000-0000-4000-8000-000000000001", "status": "final",
        "code": { "text": "x" }, "subject": { "reference": format!("Patient/{SEEN}") },
    });
    let untouched = json!({ "resourceType": "Basic", "id": "b1", "code": { "text": "x" } });
    let group = json!({ "resourceType": "Location", "id": "l1", "managingOrganization": { "reference": "Organization?name=x" } });
    for resource in [&own, &untouched, &group] {
        for role in ["nurse", "scribe", "sender", "columns", "reader", "nobody"] {
            let kinds = server.ingest_as(role, &claims, &bundle(put(resource.clone()))).await.expect("an outcome");
            let refused = matches!(kinds.as_slice(), [OutcomeKind::Refused(Code::Forbidden)]);
            assert!(refused, "{role} {}: {kinds:?}", resource["resourceType"]);
        }
    }
    let kinds = server.ingest_as("writer", &claims, &bundle(put(own.clone()))).await.expect("an outcome");
    assert_eq!(kinds, [OutcomeKind::Updated]);
    let named = ("Observation", "30000000-0000-4000-8000-000000000001");
    for id in [named.1, "30000000-0000-4000-8000-00000000ffff"] {
        for role in ["nurse", "scribe", "columns", "sender", "nobody"] {
            let (code, _) = server.resource_as(role, &claims, (named.0, id)).await.unwrap_err();
            assert_eq!(code, "Forbidden", "{role}");
        }
    }
    assert!(server.resource_as("reader", &claims, named).await.expect("it is whole"));
}
