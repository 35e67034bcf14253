//! A trial of a FHIR service (`turntable source probe`) finds what the service does, keeps it, and has the server ask
//! for nothing that the service does not do; whatever it finds, rows are the same before and after.

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Fhir, SYNTHEA, Server};

const TYPES: [&str; 2] = ["Patient", "Observation"];

async fn service(faults: &str) -> Fhir {
    let fhir = Fhir::sandbox().await;
    for bundle in SYNTHEA {
        fhir.as_sandbox().load(bundle.as_bytes()).expect("the bundle is whole");
    }
    fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
    fhir
}

fn setup(fhir: &Fhir) -> turntable_tests::Setup {
    Server::with(fhir).virtual_tables(&["contact", "msemr_observation"])
}

async fn probed(server: &Server) -> Value {
    server.post("/admin/v1/sources/main/probe", &json!({ "types": TYPES })).await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_as_r4_says() {
    let fhir = service("").await;
    let server = setup(&fhir).start().await;
    let probe = probed(&server).await;
    assert_eq!(probe["whole"], true);
    let (patient, observation) = (&probe["types"]["Patient"], &probe["types"]["Observation"]);
    assert_eq!(patient["unknownParameters"], "refused", "{patient:#}");
    for fact in ["counts", "versions", "history"] {
        assert_eq!((&patient[fact], &observation[fact]), (&json!(true), &json!(true)), "{fact}: {patient:#}");
    }
    for (name, parameter) in patient["parameters"].as_object().expect("parameters") {
        assert_eq!(parameter["heed"], "applied", "{name}");
    }
    assert_eq!(patient["parameters"]["family"]["ignoresCase"], true, "{patient:#}");
    let listed = server.get("/admin/v1/sources", &[]).await.expect(200).json();
    let source = &listed["sources"][0];
    assert_eq!((&source["name"], &source["notAsked"], &source["probe"]), (&json!("main"), &json!([]), &probe));
    assert_eq!(source["tables"], json!(["contact", "msemr_observation"]));
    let event = server.get("/admin/v1/events", &[("limit", "1")]).await.expect(200).json()["events"][0].clone();
    assert_eq!((&event["action"], &event["detail"]["source"]), (&json!("source.probe"), &json!("main")));
}

/// Nothing that is ignored is sent again, also after a restart; the rows stay the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_ignored_is_not_asked_again() {
    let (fhir, folder) =
        (service("ignore-params=claimed,coarse-numbers").await, tempfile::tempdir().expect("a folder"));
    let server = setup(&fhir).data_dir(folder.path()).start().await;
    let filter = [("$filter", "lastname ne null and gendercode eq 1"), ("$select", "lastname,gendercode")];
    let before = server.rows("contacts", &filter).await;
    assert!(!before.is_empty());
    let probe = probed(&server).await;
    assert_eq!(probe["types"]["Patient"]["parameters"]["gender"]["heed"], "ignored", "{probe:#}");
    let asks_for_gender = async |server: &Server| {
        fhir.as_sandbox().clear_requests();
        assert_eq!(server.rows("contacts", &filter).await, before);
        fhir.as_sandbox()
            .requests()
            .iter()
            .any(|request| request.path.contains("/Patient?") && request.path.contains("gender="))
    };
    assert!(!asks_for_gender(&server).await);
    server.stop().await;
    let server = setup(&fhir).data_dir(folder.path()).start().await;
    assert!(!asks_for_gender(&server).await, "what was found is kept");
    let listed = server.get("/admin/v1/sources", &[]).await.expect(200).json();
    let not_asked = listed["sources"][0]["notAsked"].as_array().expect("a list");
    assert!(not_asked.contains(&json!("Patient.gender")), "{not_asked:?}");
    // A service that has been mended is asked again once it has been tried again.
    fhir.as_sandbox().set_faults("".parse().expect("no faults"));
    probed(&server).await;
    assert!(asks_for_gender(&server).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_of_precision_and_orders_are_told_apart() {
    for (faults, rounds, sorts) in [("", true, true), ("coarse-numbers,ignore-sort", true, false)] {
        let fhir = service(faults).await;
        let server = setup(&fhir).start().await;
        let observation = probed(&server).await["types"]["Observation"].clone();
        let parameter = &observation["parameters"]["value-quantity"];
        assert_eq!(parameter["rounds"], rounds, "{faults}: {observation:#}");
        assert!(observation["sorts"].is_null() || observation["sorts"] == sorts, "{faults}: {observation:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_has_limits_and_names_what_is_wrong() {
    let fhir = service("").await;
    let server = setup(&fhir).limits(|limits| limits.probe_calls = 12).start().await;
    assert_eq!(probed(&server).await["whole"], false);
    let asked = async |name: &str, body: Value| {
        let answer = server.post(&format!("/admin/v1/sources/{name}/probe"), &body).await;
        (answer.status, answer.error_code())
    };
    assert_eq!(asked("other", json!({})).await, (404, "NotFound".to_owned()));
    assert_eq!(asked("main", json!({ "types": ["Shoe"] })).await, (400, "BadValue".to_owned()));
    assert_eq!(asked("main", json!({ "type": "Patient" })).await, (400, "BadJson".to_owned()));
    let bare = server.call(Method::POST, "/admin/v1/sources/main/probe").send().await;
    assert_eq!(bare.status, 200, "{}", bare.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_is_an_error() {
    let fhir = service("status=500").await;
    let server = setup(&fhir).start().await;
    let answer = server.post("/admin/v1/sources/main/probe", &json!({ "types": TYPES })).await;
    assert!((502..=504).contains(&answer.status), "{}", answer.text);
    assert!(server.get("/admin/v1/sources", &[]).await.expect(200).json()["sources"][0]["probe"].is_null());
}

/// R4 compares texts without case and accents (3.1.1.4.8). A service that does not would hide rows: it is not asked for
/// texts, and all rows are there. A trial finds it as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_tells_case_and_accents_apart_hides_no_row() {
    let people = ["Müller", "Muller", "MULLER", "Núñez"].into_iter().enumerate().map(|(number, family)| {
        let name = json!([{ "family": family }]);
        json!({ "resource": { "resourceType": "Patient", "id": format!("p{number}"), "name": name } })
    });
    let people = json!({ "resourceType": "Bundle", "type": "collection", "entry": people.collect::<Vec<_>>() });
    let filters = [
        ("lastname eq 'Muller'", 3),
        ("lastname eq 'müller'", 3),
        ("contains(lastname,'unez')", 1),
        ("startswith(lastname,'mu')", 3),
        ("startswith(lastname,'nu') or lastname eq 'MÜLLER'", 4),
    ];
    for faults in ["", "narrow-texts"] {
        let fhir = Fhir::sandbox().await;
        fhir.as_sandbox().load(people.to_string().as_bytes()).expect("the bundle is whole");
        fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
        for (filter, expected) in filters {
            // Each time by a server that knows nothing of the service yet.
            let server = setup(&fhir).start().await;
            let rows = server.rows("contacts", &[("$filter", filter), ("$select", "lastname")]).await;
            assert_eq!(rows.len(), expected, "{faults}: {filter}: {rows:?}");
            let count = server.get("contacts/$count", &[("$filter", filter)]).await.expect(200).text;
            assert_eq!(count, expected.to_string(), "{faults}: {filter}");
            let asked = fhir.as_sandbox().requests().iter().any(|request| request.path.contains("/Patient?family=mu"));
            assert!(faults.is_empty() || !asked, "{filter}");
            server.stop().await;
        }
        let server = setup(&fhir).start().await;
        let probe = probed(&server).await;
        let family = &probe["types"]["Patient"]["parameters"]["family"];
        assert_eq!(
            (&family["heed"], &family["ignoresCase"]),
            (&json!("applied"), &json!(faults.is_empty())),
            "{probe:#}"
        );
    }
}

/// Letters that are the same here and not to every service: rows with them are found whatever the service makes of them, and
/// one that takes the long `ſ` for an `s` is asked for fewer spellings, once that is known.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_only_makes_letters_small_hides_no_row() {
    let names =
        ["Stein", "ſtein", "STEIN", "ﬅein", "Maße", "MASSE", "Maſſe", "Oﬃcer", "OFFICER", "Miſſisſippi", "Annẚ"];
    let people = names.into_iter().enumerate().map(|(number, family)| {
        let name = json!([{ "family": family }]);
        json!({ "resource": { "resourceType": "Patient", "id": format!("p{number}"), "name": name } })
    });
    let people = json!({ "resourceType": "Bundle", "type": "collection", "entry": people.collect::<Vec<_>>() });
    let filters = [
        ("lastname eq 'STEIN'", 4),
        ("startswith(lastname,'s')", 4),
        ("contains(lastname,'tein')", 4),
        ("contains(lastname,'s')", 8),
        ("lastname eq 'masse' or lastname eq 'stein'", 7),
        ("startswith(lastname,'mas')", 3),
        ("contains(lastname,'ss')", 4),
        ("startswith(lastname,'off')", 2),
        ("contains(lastname,'fic')", 2),
        ("lastname eq 'Mississippi'", 1),
        ("startswith(lastname,'anna')", 1),
        ("lastname in ('stein','officer')", 6),
    ];
    for (faults, takes_long_s) in [("", false), ("capital-texts", true), ("capital-texts,ignore-params:40%", false)] {
        let fhir = Fhir::sandbox().await;
        fhir.as_sandbox().load(people.to_string().as_bytes()).expect("the bundle is whole");
        fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
        let server = setup(&fhir).start().await;
        for (filter, expected) in filters {
            let rows = server.rows("contacts", &[("$filter", filter), ("$select", "lastname")]).await;
            assert_eq!(rows.len(), expected, "{faults}: {filter}: {rows:?}");
        }
        // By now it has come to light.
        fhir.as_sandbox().clear_requests();
        let rows = server.rows("contacts", &[("$filter", "lastname eq 'stein'"), ("$select", "lastname")]).await;
        assert_eq!(rows.len(), 4, "{faults}");
        let is_long = |path: &str| path.contains("/Patient?") && path.contains("%C5%BF");
        let asked = fhir.as_sandbox().requests().iter().any(|request| is_long(&request.path));
        assert!(asked != takes_long_s || faults.contains("ignore"), "{faults}");
        server.stop().await;
    }
}

/// The configuration has the last word.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_switched_off_and_on() {
    let fhir = service("").await;
    let asked = async |never: &[&str]| {
        let overrides = |config: &mut turntable::config::Config| {
            let source = config.sources.get_mut("main").expect("a source");
            source.overrides.never = never.iter().map(|name| (*name).to_owned()).collect();
        };
        let server = setup(&fhir).configure(overrides).start().await;
        fhir.as_sandbox().clear_requests();
        let rows = server.rows("contacts", &[("$filter", "gendercode eq 1"), ("$select", "gendercode")]).await;
        (
            rows.len(),
            fhir.as_sandbox()
                .requests()
                .iter()
                .any(|request| request.path.contains("/Patient?") && request.path.contains("gender=")),
        )
    };
    let (with, without) = (asked(&[]).await, asked(&["Patient.gender"]).await);
    assert_eq!(with.0, without.0);
    assert_eq!((with.1, without.1), (true, false));
}

/// Where `:not` gives what has no value, too, it is asked; the rows are the same either way.
#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_asked_of_a_service_that_has_shown_what_it_gives() {
    for (faults, negates) in [("", true), ("narrow-not", false)] {
        let fhir = service(faults).await;
        for (id, gender) in
            [("one", json!("male")), ("other", json!("female")), ("without", Value::Null), ("too", Value::Null)]
        {
            let mut patient = json!({"resourceType": "Patient", "id": id, "name": [{"family": "Shown"}]});
            if !gender.is_null() {
                patient["gender"] = gender;
            }
            fhir.put(&patient).await;
        }
        let server = setup(&fhir).start().await;
        let filters =
            ["gendercode ne 1", "not (gendercode eq 2) and lastname ne 'x'", "gendercode ne 1 and gendercode ne 2"];
        let shown = async || {
            let mut all = Vec::new();
            for filter in filters {
                let options = [("$filter", filter), ("$select", "contactid,gendercode"), ("$orderby", "contactid")];
                let count = server.get("contacts/$count", &[("$filter", filter)]).await.expect(200);
                all.push((server.rows("contacts", &options).await, count.text));
            }
            all
        };
        let before = shown().await;
        assert!(before.iter().all(|(rows, _)| rows.iter().any(|row| row["gendercode"].is_null())));
        let probe = probed(&server).await;
        assert_eq!(probe["types"]["Patient"]["parameters"]["gender"]["negates"], negates, "{probe:#}");
        let plan = server.get("contacts", &[("$filter", filters[0]), ("$explain", "true")]).await.expect(200).text;
        assert_eq!(plan.contains("gender:not="), negates, "{plan}");
        assert_eq!(shown().await, before);
    }
}
