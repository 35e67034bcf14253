//! Conditions by a hierarchy: rows above and under a row, whatever lies between, alike on every route and in either language;
//! of circles as well.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use turntable_tests::{Fhir, Server};

/// Locations by name, each with what it is part of: two trees, a circle, and one that points to nothing that is there.
const PARTS: [(&str, Option<&str>); 14] = [
    ("site", None),
    ("house", Some("site")),
    ("annex", Some("site")),
    ("floor", Some("house")),
    ("room", Some("floor")),
    ("bed", Some("room")),
    ("desk", Some("room")),
    ("other", None),
    ("hall", Some("other")),
    ("north", Some("west")),
    ("east", Some("north")),
    ("west", Some("east")),
    ("stray", Some("nowhere")),
    ("shed-with-an-id-of-more-than-nineteen-symbols", Some("house")),
];

fn bundle(parts: &[(&str, Option<&str>)]) -> String {
    let entry = |(id, above): &(&str, Option<&str>)| {
        let mut resource = json!({ "resourceType": "Location", "id": id, "name": id });
        if let Some(above) = above {
            resource["partOf"] = json!({ "reference": format!("Location/{above}") });
        }
        json!({ "resource": resource, "request": { "method": "PUT", "url": format!("Location/{id}") } })
    };
    let entries: Vec<_> = parts.iter().map(entry).collect();
    json!({ "resourceType": "Bundle", "type": "batch", "entry": entries }).to_string()
}

fn encounters() -> String {
    let entry = |id: &str| {
        let location = json!([{ "location": { "reference": format!("Location/{id}") } }]);
        let resource = json!({
            "resourceType": "Encounter", "id": format!("at-{id}"), "status": "finished", "class": { "code": "AMB" }, "location": location,
        });
        json!({ "resource": resource, "request": { "method": "PUT", "url": format!("Encounter/at-{id}") } })
    };
    let entries: Vec<_> = ["site", "room", "hall"].into_iter().map(entry).collect();
    json!({ "resourceType": "Bundle", "type": "batch", "entry": entries }).to_string()
}

/// All that stands so to a location, by the definition: its own, without a level.
fn expected(function: &str, of: &str) -> BTreeSet<String> {
    let above = |id: &str| {
        let mut found = BTreeSet::new();
        let mut here = id;
        while let Some((_, Some(next))) = PARTS.iter().find(|(id, _)| *id == here) {
            if !found.insert((*next).to_owned()) {
                break;
            }
            here = next;
        }
        found.remove(id);
        found
    };
    let under = |id: &str| above(id).contains(of);
    let holds = |id: &str| match function {
        "Under" => under(id),
        "UnderOrEqual" => id == of || under(id),
        "NotUnder" => !under(id),
        "Above" => above(of).contains(id),
        "AboveOrEqual" => id == of || above(of).contains(id),
        other => panic!("{other}"),
    };
    PARTS.iter().map(|(id, _)| *id).filter(|id| holds(id)).map(str::to_owned).collect()
}

async fn names(server: &Server, options: &[(&str, &str)]) -> BTreeSet<String> {
    let rows = server.get("msemr_locations", options).await.expect(200).rows();
    rows.iter().map(|row| row["msemr_name"].as_str().expect("a name").to_owned()).collect()
}

async fn key(server: &Server, name: &str) -> String {
    let filter = format!("msemr_name eq '{name}'");
    let rows = server.get("msemr_locations", &[("$filter", &filter)]).await.expect(200).rows();
    rows[0]["msemr_locationid"].as_str().expect("a key").to_owned()
}

const FUNCTIONS: [(&str, &str); 5] = [
    ("Under", "under"),
    ("UnderOrEqual", "eq-or-under"),
    ("NotUnder", "not-under"),
    ("Above", "above"),
    ("AboveOrEqual", "eq-or-above"),
];

fn function(name: &str, property: &str, key: &str) -> String {
    format!("Microsoft.Dynamics.CRM.{name}(PropertyName='{property}',PropertyValue={key})")
}

async fn by_every_row(server: &Server) {
    for (of, _) in PARTS {
        let key = key(server, of).await;
        for (name, operator) in FUNCTIONS {
            let expected = expected(name, of);
            let filter = function(name, "msemr_locationid", &key);
            assert_eq!(names(server, &[("$filter", &filter)]).await, expected, "{name} {of}");
            let fetch = format!(
                "<fetch><entity name='msemr_location'><attribute name='msemr_name' /><filter>\
                 <condition attribute='msemr_locationid' operator='{operator}' value='{key}' /></filter></entity></fetch>"
            );
            assert_eq!(names(server, &[("fetchXml", &fetch)]).await, expected, "{operator} {of}");
        }
    }
    let site = key(server, "site").await;
    // Beside others, negated, by the lookup itself, counted and grouped.
    let both = format!("{} and contains(msemr_name,'o')", function("Under", "msemr_locationid", &site));
    let with_o =
        |names: BTreeSet<String>| -> BTreeSet<String> { names.into_iter().filter(|n| n.contains('o')).collect() };
    assert_eq!(names(server, &[("$filter", &both)]).await, with_o(expected("Under", "site")));
    let not = format!("not {}", function("UnderOrEqual", "msemr_locationid", &site));
    let all: BTreeSet<String> = PARTS.iter().map(|(id, _)| (*id).to_owned()).collect();
    let others = &all - &expected("UnderOrEqual", "site");
    assert_eq!(names(server, &[("$filter", &not)]).await, others);
    let by_lookup = function("UnderOrEqual", "msemr_partof", &key(server, "floor").await);
    let below = ["room", "bed", "desk"].map(str::to_owned).into();
    assert_eq!(names(server, &[("$filter", &by_lookup)]).await, below);
    let under = function("Under", "msemr_locationid", &site);
    let count = server.get("msemr_locations/$count", &[("$filter", &under)]).await.expect(200).text;
    assert_eq!(count, expected("Under", "site").len().to_string());
    let apply = format!("filter({under})/aggregate($count as n)");
    let groups = server.get("msemr_locations", &[("$apply", &apply)]).await.expect(200).rows();
    assert_eq!(groups[0]["n"], json!(expected("Under", "site").len()));

    // Rows of another table, by what they point to.
    let located = function("UnderOrEqual", "msemr_encounterlocationidentifier", &key(server, "house").await);
    let rows = server.get("msemr_encounterlocations", &[("$filter", &located)]).await.expect(200).rows();
    assert_eq!(rows.len(), 1, "{rows:?}");
}

#[tokio::test]
async fn rows_above_and_under_a_row_natively() {
    let server = Server::setup().start().await;
    server.ingest(&bundle(&PARTS), None).await.expect(200);
    server.ingest(&encounters(), None).await.expect(200);
    by_every_row(&server).await;
}

#[tokio::test]
async fn rows_above_and_under_a_row_virtually() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).virtual_tables(&["msemr_location"]).start().await;
    server.ingest(&bundle(&PARTS), Some("main")).await.expect(200);
    server.ingest(&encounters(), Some("main")).await.expect(200);
    by_every_row(&server).await;
}

#[tokio::test]
async fn what_has_no_hierarchy_is_refused_and_what_is_too_deep_says_so() {
    let limited = |limits: &mut turntable::model::limits::Limits| {
        limits.hierarchy_levels = 3;
        limits.related_keys = 5;
    };
    let server = Server::setup().limits(limited).start().await;
    server.ingest(&bundle(&PARTS), None).await.expect(200);
    let chain = ["a", "b", "c", "d", "e"];
    let chain: Vec<_> = chain.iter().enumerate().map(|(n, id)| (*id, n.checked_sub(1).map(|n| chain[n]))).collect();
    server.ingest(&bundle(&chain), None).await.expect(200);
    let check = async |set: &str, filter: String, code: &str, part: &str| {
        let answer = server.get(set, &[("$filter", &filter)]).await;
        assert_eq!(answer.error_code(), code, "{filter}: {}", answer.text);
        assert!(answer.text.contains(part), "{filter}: {}", answer.text);
    };
    let (a, b) = (key(&server, "a").await, key(&server, "b").await);
    check("msemr_locations", function("Under", "msemr_locationid", &a), "ScanBudgetExceeded", "hierarchy_levels").await;
    assert_eq!(names(&server, &[("$filter", &function("Under", "msemr_locationid", &b))]).await.len(), 3);
    let site = key(&server, "site").await;
    check("msemr_locations", function("Under", "msemr_locationid", &site), "ScanBudgetExceeded", "more than 5").await;
    for (set, property) in [
        ("contacts", "contactid"),
        ("msemr_observations", "msemr_observationid"),
        ("msemr_locations", "msemr_name"),
        ("msemr_locations", "msemr_managingorganization_none"),
    ] {
        let code = if property.ends_with("none") { "UnknownColumn" } else { "NotSupported" };
        check(set, function("Under", property, &a), code, property).await;
    }
    check("msemr_locations", function("Under", "msemr_locationid", "'x'"), "BadFilter", "key").await;
    let no_value = "Microsoft.Dynamics.CRM.Under(PropertyName='msemr_locationid')".to_owned();
    check("msemr_locations", no_value, "BadFilter", "PropertyValue").await;
    let nobody = function("Under", "msemr_locationid", "00000000-0000-0000-0000-000000000000");
    assert_eq!(names(&server, &[("$filter", &nobody)]).await, BTreeSet::new());
    let path = "RelationshipDefinitions(SchemaName='msemr_location_msemr_partof')?$select=IsHierarchical";
    assert_eq!(server.get(path, &[]).await.expect(200).json()["IsHierarchical"], Value::Bool(true));
    let filter = function("Under", "msemr_locationid", &b);
    let plan = server.get("msemr_locations", &[("$filter", &filter), ("$explain", "true")]).await.expect(200);
    assert!(plan.text.contains("\"Under\""), "{}", plan.text);
}
