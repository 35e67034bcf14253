//! Views of users: kept by the server, checked when they are written, read as rows and by their rows, on either route.

use reqwest::Method;
use serde_json::{Value, json};
use turntable::store::facade::Store;
use turntable_tests::{EVENTS, Fhir, PATIENT, PEOPLE, Server};

const ID: &str = "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11";
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

fn fetch(table: &str, inside: &str) -> String {
    format!("<fetch><entity name=\"{table}\">{inside}</entity></fetch>")
}

fn named_ada() -> String {
    let condition = "<filter><condition attribute=\"lastname\" operator=\"eq\" value=\"Ada\" /></filter>";
    fetch("contact", &format!("<attribute name=\"lastname\" />{condition}"))
}

fn view(name: &str, table: &str, fetch_xml: &str) -> Value {
    json!({ "name": name, "returnedtypecode": table, "fetchxml": fetch_xml })
}

#[tokio::test]
async fn a_view_is_kept_changed_and_deleted() {
    let (data, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let server = Server::setup().data_dir(data.path()).start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    assert_eq!(server.get("userqueries", &[]).await.expect(200).rows(), [] as [Value; 0]);
    let none = server.get("userqueries?$select=name,fetchxml&$filter=name eq 'x'", &[]).await;
    assert_eq!(none.expect(200).rows(), [] as [Value; 0], "names are right though there is none");

    let layout =
        "<grid name=\"resultset\"><row name=\"result\" id=\"contactid\"><cell name=\"lastname\" /></row></grid>";
    let mut wanted = view("Named Ada", "contact", &named_ada());
    wanted["layoutxml"] = json!(layout);
    wanted["userqueryid"] = json!(ID);
    let made = server.post("userqueries", &wanted).await.expect(201);
    assert!(made.header("odata-entityid").ends_with(&format!("userqueries({ID})")), "{}", made.text);
    assert_eq!(made.header("etag"), "W/\"1\"");
    let shown = made.json();
    for (name, value) in [
        ("name", json!("Named Ada")),
        ("description", Value::Null),
        ("fetchxml", json!(named_ada())),
        ("layoutxml", json!(layout)),
        ("querytype", json!(0)),
        ("versionnumber", json!(1)),
    ] {
        assert_eq!(shown[name], value, "{name}: {shown}");
    }
    let user = server.get("WhoAmI", &[]).await.expect(200).json()["UserId"].clone();
    assert_eq!(shown["_ownerid_value"], user);
    let quiet = server.call(Method::POST, "userqueries").header("prefer", "return=minimal");
    let quiet = quiet.json(&view("Every encounter", "msemr_encounter", &fetch("msemr_encounter", ""))).send().await;
    assert!(quiet.expect(204).header("odata-entityid").contains("userqueries("));

    // Read by name, by key, in part.
    let of_contacts = "userqueries?$filter=returnedtypecode eq 'contact'&$select=name&$count=true";
    let found = server.get(of_contacts, &[]).await.expect(200).json();
    assert_eq!((&found["@odata.count"], &found["value"][0]["name"]), (&json!(1), &json!("Named Ada")));
    for key in [format!("userqueries({ID})"), format!("userqueries(userqueryid={ID})")] {
        assert_eq!(server.get(&key, &[]).await.expect(200).json()["name"], "Named Ada");
    }
    assert_eq!(server.get(&format!("userqueries({NOBODY})"), &[]).await.status, 404);

    // What a change leaves out stays.
    let at = format!("userqueries({ID})");
    server.patch(&at, &json!({ "description": "Whose name it is" })).await.expect(204);
    let now = server.get(&at, &[]).await.expect(200).json();
    assert_eq!((&now["description"], &now["name"]), (&json!("Whose name it is"), &json!("Named Ada")));
    assert_eq!((&now["versionnumber"], &now["createdon"]), (&json!(2), &shown["createdon"]));
    assert_eq!(now["@odata.etag"], "W/\"2\"");
    let matching = |version: u64| server.call(Method::PATCH, &at).header("if-match", &format!("W/\"{version}\""));
    let late = matching(1).json(&json!({ "name": "Late" })).send().await;
    assert_eq!((late.status, &*late.error_code()), (412, "VersionMismatch"), "{}", late.text);
    matching(2).json(&json!({ "name": "In time" })).send().await.expect(204);

    // With a backup, and a start.
    let file = other.path().join("backup.db");
    Store::backup(data.path(), &file).await.expect("a backup");
    server.stop().await;
    let copy = other.path().join("data");
    Store::restore(&copy, &file).await.expect("it is put in its place");
    for folder in [data.path(), &copy] {
        let server = Server::setup().data_dir(folder).start().await;
        assert_eq!(server.get(&at, &[]).await.expect(200).json()["name"], "In time");
        server.delete(&at).await.expect(204);
        assert_eq!(server.delete(&at).await.status, 404);
        assert_eq!(server.get("userqueries", &[]).await.rows().len(), 1);
        // PATCH makes it under the id, unless it must be there.
        let must = server.call(Method::PATCH, &at).header("if-match", "*").json(&wanted).send().await;
        assert_eq!(must.status, 404, "{}", must.text);
        server.patch(&at, &wanted).await.expect(201);
        assert_eq!(server.post("userqueries", &wanted).await.error_code(), "AlreadyExists");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_view_gives_its_rows_on_either_route() {
    let fhir = Fhir::sandbox().await;
    let servers = [Server::setup().start().await, Server::with(&fhir).start().await];
    for (server, forward) in servers.iter().zip([None, Some("main")]) {
        server.ingest(PEOPLE, forward).await.expect(200);
        server.ingest(EVENTS, forward).await.expect(200);
    }
    servers[1].turn("msemr_encounter", "virtual").await.expect(200);
    servers[1].turn("contact", "virtual").await.expect(200);
    for server in &servers {
        let counts = "<fetch aggregate=\"true\"><entity name=\"msemr_encounter\">\
                      <attribute name=\"msemr_encounterid\" aggregate=\"count\" alias=\"n\" /></entity></fetch>";
        for (name, table, set, fetch_xml) in [
            (
                "Encounters",
                "msemr_encounter",
                "msemr_encounters",
                fetch("msemr_encounter", "<order attribute=\"msemr_encounterid\" />"),
            ),
            ("By its second name", "msemr_ve_encounter", "msemr_ve_encounters", fetch("msemr_ve_encounter", "")),
            ("How many", "msemr_encounter", "msemr_encounters", counts.to_owned()),
        ] {
            let made = server.post("userqueries", &view(name, table, &fetch_xml)).await.expect(201).json();
            let id = made["userqueryid"].as_str().expect("an id");
            let rows = server.get(set, &[("userQuery", id)]).await.expect(200).json();
            let asked = server.get(set, &[("fetchXml", &fetch_xml)]).await.expect(200).json();
            assert_eq!(rows["value"], asked["value"], "{name}");
            assert!(rows["value"].as_array().is_some_and(|rows| !rows.is_empty()), "{name}: {rows}");
            // Of another table, and beside another query.
            let other = server.get("contacts", &[("userQuery", id)]).await;
            assert_eq!((other.status, &*other.error_code()), (404, "NotFound"), "{}", other.text);
            let two = server.get(set, &[("userQuery", id), ("fetchXml", &fetch_xml)]).await;
            assert_eq!(two.error_code(), "BadOption", "{}", two.text);
            let with = server.get(set, &[("userQuery", id), ("$filter", "true")]).await;
            assert_eq!(with.error_code(), "BadOption", "{}", with.text);
        }
        for id in [NOBODY, "x", ""] {
            assert_eq!(server.get("contacts", &[("userQuery", id)]).await.error_code(), "NotFound", "{id}");
        }
        // In a batch, too.
        let made = server.post("userqueries", &view("People", "contact", &fetch("contact", ""))).await.json();
        let id = made["userqueryid"].as_str().expect("an id");
        let request = |method: &str, url: &str| json!({ "id": "1", "method": method, "url": url });
        let batch = json!({ "requests": [request("GET", &format!("contacts?userQuery={id}"))] });
        let answer = server.post("$batch", &batch).await.expect(200).json();
        assert!(answer.to_string().contains(PATIENT), "{answer}");
    }
}

#[tokio::test]
async fn what_could_not_be_read_is_not_kept() {
    let limited = |limits: &mut turntable::model::limits::Limits| {
        limits.user_queries = 2;
        limits.user_query_bytes = 2_000;
    };
    let server = Server::setup().limits(limited).start().await;
    let refused = async |body: &Value, code: &str, target: &str, part: &str| {
        let answer = server.post("userqueries", body).await;
        assert_eq!(answer.error_code(), code, "{body}: {}", answer.text);
        assert_eq!(answer.json()["error"]["target"].as_str().unwrap_or_default(), target, "{body}: {}", answer.text);
        assert!(answer.text.contains(part), "{body}: {}", answer.text);
    };
    let good = || view("Good", "contact", &named_ada());
    let with = |name: &str, value: Value| {
        let mut view = good();
        view[name] = value;
        view
    };
    let fetching = |text: &str| with("fetchxml", json!(text));
    refused(&fetching("<fetch>"), "BadOption", "fetchxml", "position").await;
    refused(&fetching(&fetch("contact", "<attribute name=\"none\" />")), "UnknownColumn", "fetchxml", "none").await;
    refused(&fetching(&fetch("account", "")), "BadOption", "fetchxml", "account").await;
    refused(
        &fetching(&fetch("contact", "<filter><condition attribute=\"lastname\" operator=\"eq-userid\" /></filter>")),
        "NotSupported",
        "fetchxml",
        "eq-userid",
    )
    .await;
    refused(&with("returnedtypecode", json!("none")), "UnknownTable", "returnedtypecode", "none").await;
    refused(&with("layoutxml", json!("<grid>")), "BadOption", "layoutxml", "position").await;
    refused(&with("name", json!(" ")), "BadValue", "name", "name").await;
    refused(&with("name", json!("n".repeat(201))), "BadValue", "name", "200").await;
    refused(&with("ownerid", json!("x")), "UnknownColumn", "ownerid", "cannot be written").await;
    refused(&with("description", json!("d".repeat(2_000))), "BadValue", "", "user_query_bytes").await;
    for name in ["name", "returnedtypecode", "fetchxml"] {
        let mut view = good();
        view.as_object_mut().expect("an object").remove(name);
        refused(&view, "RequiredColumn", name, name).await;
    }
    server.post("userqueries", &good()).await.expect(201);
    server.post("userqueries", &good()).await.expect(201);
    refused(&good(), "Conflict", "", "user_queries").await;
    let kept = server.get("userqueries", &[]).await.rows();
    assert_eq!(kept.len(), 2);

    // A change is checked as well, and leaves what was.
    let at = format!("userqueries({})", kept[0]["userqueryid"].as_str().expect("an id"));
    let answer = server.patch(&at, &json!({ "fetchxml": "<fetch />" })).await;
    assert_eq!(answer.error_code(), "BadOption", "{}", answer.text);
    assert_eq!(server.get(&at, &[]).await.json()["fetchxml"], json!(named_ada()));
    for (method, path, code) in [
        (Method::PUT, at.clone(), "MethodNotAllowed"),
        (Method::DELETE, "userqueries".to_owned(), "MethodNotAllowed"),
        (Method::PATCH, "userqueries(x)".to_owned(), "BadKey"),
        (Method::POST, format!("{at}/name"), "MethodNotAllowed"),
        (Method::POST, "savedqueries".to_owned(), "MethodNotAllowed"),
    ] {
        let answer = server.call(method.clone(), &path).json(&good()).send().await;
        let is_refused = [code, "BadUrl"].contains(&&*answer.error_code());
        assert!(is_refused, "{method} {path}: {}", answer.text);
    }
    // A group of changes is made together or not at all, which this is no part of.
    let part = |id: &str| json!({ "id": id, "atomicityGroup": "g", "method": "POST", "url": "userqueries", "headers": { "content-type": "application/json" }, "body": good() });
    let answer = server.post("$batch", &json!({ "requests": [part("1"), part("2")] })).await;
    assert!(answer.text.contains("NotSupported"), "{}", answer.text);
}
