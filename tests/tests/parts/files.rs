//! Files that open the tables elsewhere, and the API described for tools.

use reqwest::Method;
use serde_json::{Value, json};
use turntable_test_data::skipped;
use turntable_tests::{PEOPLE, Server};

#[tokio::test(flavor = "multi_thread")]
async fn power_bi_and_excel_find_the_tables() {
    let server = Server::setup().start().await;
    for (of, url) in [("turntable", "/"), ("contacts", "/contacts"), ("msemr_ve_encounters", "/msemr_ve_encounters")] {
        let file = server.get(&format!("$files/{of}.pbids"), &[]).await.expect(200);
        assert_eq!(file.header("content-disposition"), format!("attachment; filename=\"{of}.pbids\""));
        let details = &file.json()["connections"][0]["details"];
        assert_eq!(*details, json!({"protocol": "odata", "address": {"url": format!("{}{url}", server.api())}}));
        // What it leads to is there.
        server.get(url.trim_start_matches('/'), &[]).await.expect(200);

        let file = server.get(&format!("$files/{of}.odc"), &[]).await.expect(200);
        assert_eq!(file.header("content-type"), "text/x-ms-odc;charset=utf-8");
        let inner = file.text.split("<odc:PowerQueryMashupData>").nth(1).and_then(|rest| rest.split("</odc:").next());
        let inner = inner
            .expect("a query")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&amp;", "&");
        let feed = format!("OData.Feed(\"{}/\", null, [Implementation = \"2.0\"])", server.api());
        assert!(inner.contains(&feed), "{inner}");
        assert_eq!(inner.contains(&format!("[Name = \"{of}\", Signature = \"table\"]")), of != "turntable", "{inner}");
    }
    // At the other root, and behind a proxy's name, they have that.
    let file = server.get("/api/data/provider/v9.2/$files/contacts.pbids", &[]).await.expect(200).text;
    assert!(file.contains("/api/data/provider/v9.2/contacts\""), "{file}");
    let named = Server::setup()
        .configure(|config| {
            config.doors.public_url = turntable::http::doors::PublicUrl::parse("https://tables.example.org")
        })
        .start()
        .await;
    let file = named.get("$files/turntable.pbids", &[]).await.expect(200).text;
    assert!(file.contains("\"https://tables.example.org/api/data/v9.2/\""), "{file}");

    for (path, status, code) in [
        ("$files/nosuchtables.pbids", 404, "UnknownTable"),
        ("$files/contacts.exe", 404, "NotFound"),
        ("$files", 400, "BadUrl"),
        ("$openapi", 400, "BadOption"),
        ("$openapi?tables=nosuch", 404, "UnknownTable"),
        ("$openapi?tables=contacts&$top=1", 400, "BadOption"),
    ] {
        let refused = server.get(path, &[]).await.expect(status);
        assert_eq!(refused.error_code(), code, "{path}");
    }
    server.call(Method::POST, "$files/contacts.odc").json(&json!({})).send().await.expect(405);
    let few = Server::setup().limits(|limits| limits.described_tables = 1).start().await;
    let refused = few.get("$openapi?tables=contacts,accounts", &[]).await.expect(400);
    assert!(refused.text.contains("described_tables"), "{}", refused.text);
    let page = server.get("/", &[]).await.expect(200).text;
    for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(server.get(link, &[]).await.status == 200, "{link}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_of_chosen_tables_is_described() {
    let server = Server::setup().start().await;
    let document = server.get("$openapi?tables=contacts,msemr_encounter,contact", &[]).await.expect(200).json();
    assert_eq!(document["openapi"], "3.0.3");
    assert_eq!(document["servers"][0]["url"], server.api());
    let paths = document["paths"].as_object().expect("paths");
    let names: Vec<_> = paths.keys().collect();
    assert_eq!(names.len(), 6, "each table once: {names:?}");
    // References lead somewhere, and ids are told apart.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    let mut ids: Vec<_> = text.split("\"operationId\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    // What it says of a new row is what the service wants of one.
    let create = &document["components"]["schemas"]["msemr_encounter-create"];
    let required: Vec<_> = create["required"].as_array().expect("some").iter().filter_map(Value::as_str).collect();
    let refused = server.post("msemr_encounters", &json!({})).await.expect(400);
    assert_eq!(refused.error_code(), "RequiredColumn");
    assert!(required.iter().all(|name| refused.text.contains(name.trim_end_matches("@odata.bind"))), "{required:?}");
    let properties = create["properties"].as_object().expect("columns");
    assert!(
        properties.contains_key("msemr_subjectpatient@odata.bind")
            && !properties.contains_key("msemr_azurefhirversion")
    );
    let row = &document["components"]["schemas"]["contact"]["properties"];
    assert_eq!(row["birthdate"]["format"], "date");
    assert!(
        row["gendercode"]["description"].as_str().is_some_and(|text| text.contains("1 = ")),
        "{}",
        row["gendercode"]
    );

    let collection = server.get("$files/postman.json?tables=contacts", &[]).await.expect(200);
    assert_eq!(collection.header("content-disposition"), "attachment; filename=\"postman.json\"");
    let collection = collection.json();
    assert_eq!(collection["variable"][0]["value"], server.api());
    let requests = collection["item"][0]["item"].as_array().expect("requests");
    let list = requests.iter().find(|item| item["name"] == "rows").expect("a list");
    let url = list["request"]["url"]["raw"].as_str().expect("an address").replace("{{root}}", &server.api());
    server.get(&url, &[]).await.expect(200);
}

/// By programs that nobody here wrote: `tests/clients/reads.py`.
#[tokio::test(flavor = "multi_thread")]
async fn others_read_what_is_written_for_them() {
    const PYTHON: &str = "TURNTABLE_TEST_READERS_PY";
    let Some(python) = std::env::var_os(PYTHON) else {
        let how = "pip install pyarrow==26.0.1 openapi-spec-validator==0.9.0";
        return skipped(&format!("no readers of others ({how}, set {PYTHON} to where they are)"));
    };
    let server = Server::setup().start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let count = server.get("contacts/$count", &[]).await.expect(200).text;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/reads.py");
    let mut command = std::process::Command::new(python);
    command.arg(script).args([server.api(), "contacts".to_owned(), count]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("it starts");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("read"), "{said}");
}
