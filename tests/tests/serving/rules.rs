//! Rules of callers: whatever way leads to a row, a column or a number, who may not see it does not, and no answer tells that it
//! is there. The ways are data in `rules/`: each is asked by somebody who sees one patient of all, and by somebody who sees the
//! same columns of data in which there is nothing else; both are told the same.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use turntable::config::Config;
use turntable_tests::{Answer, Fhir, Server, Setup, encode};

const RULES: &str = include_str!("rules/rules.toml");
const RESOURCES: &str = include_str!("rules/resources.json");
const WAYS: &str = include_str!("rules/ways.json");
const REFUSED: &str = include_str!("rules/refused.json");

/// The patient whose rows are seen, and an observation of another's.
const SEEN: &str = "10000000-0000-4000-8000-000000000001";
const UNSEEN: &str = "10000000-0000-4000-8000-000000000002";

/// What stands only where it must not be seen: in rows and columns that are not there, or in masked ones.
const SECRETS: [&str; 11] = [
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

const VIRTUAL: [&str; 3] = ["contact", "msemr_encounter", "msemr_observation"];

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

fn listed(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("JSON")
}

fn options(of: &Value) -> Vec<(String, String)> {
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

fn url(path: &str, options: &[(String, String)]) -> String {
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

fn stripped(value: Value) -> Value {
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
        assert_eq!((answer.status, answer.error_code().as_str()), (404, "UnknownTable"), "{roles:?}");
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
    let statement = server.get_as("nobody", &claims, "/fhir/metadata").await.expect(200);
    assert!(!statement.text.contains("msemr_"), "{}", statement.text);
}
