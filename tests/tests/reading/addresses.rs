//! Rows by other addresses than their key: alternate keys, paths from row to row, references, queries in bodies; natively and
//! from a FHIR service.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use turntable_tests::{Fhir, PATIENT, PEOPLE, Server};

const PERSON: i64 = 935_000_000;

/// The same people, natively and in a FHIR service.
async fn both() -> [Server; 2] {
    let native = Server::setup().start().await;
    native.ingest(PEOPLE, None).await.expect(200);
    let fhir = Fhir::sandbox().await;
    fhir.as_sandbox().load(PEOPLE.as_bytes()).expect("the sandbox takes it");
    let there = Server::with(&fhir).virtual_tables(&["contact", "account", "msemr_encounter"]).start().await;
    // The service ends with its handle.
    std::mem::forget(fhir);
    [native, there]
}

fn person(name: &str, system: &str, identifier: &str) -> Value {
    json!({
        "msemr_contacttype": PERSON,
        "lastname": name,
        "tt_identifier": identifier,
        "tt_identifiersystem": system
    })
}

fn by(system: &str, identifier: &str) -> String {
    format!("contacts(tt_identifier='{identifier}',tt_identifiersystem='{system}')")
}

fn key_in(path: &str) -> String {
    path.rsplit_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).expect("a key").to_owned()
}

async fn made(server: &Server, set: &str, row: &Value) -> String {
    key_in(server.post(set, row).await.expect(201).header("odata-entityid"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_names_its_row() {
    for server in both().await {
        let one = made(&server, "contacts", &person("One", "http://hospital.example/mrn", "K-1")).await;
        let other = made(&server, "contacts", &person("Other", "urn:other", "K-1")).await;
        let found = server.get(&by("http://hospital.example/mrn", "K-1"), &[("$select", "lastname")]).await;
        assert_eq!(found.expect(200).json()["contactid"], one.as_str());
        let found =
            server.get("contacts(tt_identifiersystem='urn:other',tt_identifier=@id)", &[("@id", "'K-1'")]).await;
        assert_eq!(found.expect(200).json()["contactid"], other.as_str());
        let encoded =
            "contacts(tt_identifier='K-1',tt_identifiersystem='http%3A%2F%2Fhospital.example%2Fmrn')/lastname";
        assert_eq!(server.get(encoded, &[]).await.expect(200).json()["value"], "One");
        // The value alone, where it says enough; case counts.
        let several = server.get("contacts(tt_identifier='K-1')", &[]).await.expect(412);
        assert_eq!(several.error_code(), "PreconditionFailed");
        assert!(several.text.contains("tt_identifiersystem"), "{}", several.text);
        assert_eq!(server.get(&by("urn:other", "k-1"), &[]).await.expect(404).error_code(), "NotFound");
        let third = made(&server, "contacts", &person("Third", "urn:other", "K-3")).await;
        let alone = server.get("contacts(tt_identifier='K-3')", &[]).await.expect(200).json();
        assert_eq!(alone["contactid"], third.as_str());
        // By the id of the resource, also where a table has several types.
        let id = alone["msemr_azurefhirid"].as_str().expect("an id");
        let by_id = server.get(&format!("contacts(msemr_azurefhirid='{id}')"), &[]).await.expect(200).json();
        assert_eq!(by_id["contactid"], third.as_str());
        // It stands for the key everywhere.
        let path = by("urn:other", "K-3");
        server.patch(&path, &json!({ "firstname": "Ann" })).await.expect(204);
        let call = server.call(Method::PUT, &format!("{path}/firstname/$value")).body("text/plain", "Zoë \"Z\"");
        call.send().await.expect(204);
        let value = server.get(&format!("{path}/firstname/$value"), &[]).await.expect(200);
        assert_eq!(value.text, "Zoë \"Z\"");
        server.delete(&format!("{path}/firstname/$value")).await.expect(204);
        server.get(&format!("{path}/firstname"), &[]).await.expect(204);
        let encounter = json!({
            "msemr_encounterstatus": 935_000_004,
            "msemr_class": 935_000_001,
            "msemr_subjectpatient@odata.bind": format!("/{path}")
        });
        let encounter = made(&server, "msemr_encounters", &encounter).await;
        let row = server.row("msemr_encounters", &encounter).await;
        assert_eq!(row["_msemr_subjectpatient_value"], third.as_str());
        let nobody = json!({ "msemr_subjectpatient@odata.bind": format!("/{}", by("urn:other", "nobody")) });
        let nobody = server.patch(&format!("msemr_encounters({encounter})"), &nobody).await.expect(400);
        assert_eq!(nobody.error_code(), "BadValue");
        assert!(!nobody.text.contains("nobody"), "{}", nobody.text);
        server.delete(&path).await.expect(204);
        server.get(&path, &[]).await.expect(404);
        server.delete(&path).await.expect(404);
        // What is none.
        for wrong in ["contacts(lastname='One')", "contacts(tt_identifiersystem='urn:other')"] {
            let refused = server.get(wrong, &[]).await.expect(501);
            assert!(refused.text.contains("contacts(tt_identifier="), "{}", refused.text);
        }
        for wrong in ["contacts(tt_identifier=5)", "contacts(tt_identifier='a',tt_identifier='b')", "contacts(x='y')"] {
            assert_eq!(server.get(wrong, &[]).await.expect(400).error_code(), "BadKey", "{wrong}");
        }
        let keys = server.get("EntityDefinitions(LogicalName='contact')/Keys", &[]).await.expect(200).rows();
        assert!(keys.iter().any(|key| key["KeyAttributes"] == json!(["tt_identifier", "tt_identifiersystem"])));
        let schema = server.get("$metadata", &[]).await.expect(200).text;
        assert!(
            schema.contains("<PropertyValue Property=\"Name\" PropertyPath=\"tt_identifiersystem\""),
            "the keys are said"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_that_no_row_has_makes_one_row() {
    for server in both().await {
        let path = by("urn:desk", "D-7");
        let row = json!({ "msemr_contacttype": PERSON, "lastname": "Desk" });
        let absent = server.call(Method::PATCH, &path).json(&row).header("If-Match", "*").send().await;
        assert_eq!(absent.expect(404).error_code(), "NotFound");
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            calls.spawn(server.call(Method::PATCH, &path).json(&row).send());
        }
        let answers = calls.join_all().await;
        let mut made = answers.iter().filter(|answer| answer.status == 201);
        let one = key_in(made.next().expect("one makes it").header("odata-entityid"));
        assert_eq!(made.count(), 0, "the others change it");
        assert!(answers.iter().all(|answer| [201, 204].contains(&answer.status)), "{answers:?}");
        let rows = server.rows("contacts", &[("$filter", "tt_identifier eq 'D-7'")]).await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        let shown = |name: &str| rows[0][name].as_str().unwrap_or_default().to_owned();
        let expected = [one.as_str(), "Desk", "D-7", "urn:desk"];
        assert_eq!(["contactid", "lastname", "tt_identifier", "tt_identifiersystem"].map(shown), expected);
        let there = server.call(Method::PATCH, &path).json(&row).header("If-None-Match", "*").send().await;
        assert_eq!(there.expect(412).error_code(), "VersionMismatch");
        // The body may say the same, and nothing else.
        let same = json!({ "msemr_contacttype": PERSON, "lastname": "Same", "tt_identifier": "D-8" });
        server.call(Method::PATCH, &by("urn:desk", "D-8")).json(&same).send().await.expect(201);
        let other = server.call(Method::PATCH, &by("urn:desk", "D-9")).json(&same).send().await.expect(400);
        assert_eq!(other.error_code(), "BadJson");
        let unnamed = server.call(Method::PATCH, "contacts(msemr_azurefhirid='none-such')").json(&row).send().await;
        assert_eq!(unnamed.expect(404).error_code(), "NotFound");
        // In batches, but for change sets of several.
        let part = |id: &str, group: Option<&str>| {
            let mut part = json!({
                "id": id, "method": "PATCH", "url": path, "headers": { "Content-Type": "application/json" },
                "body": { "firstname": "By batch" }
            });
            if let Some(group) = group {
                part["atomicityGroup"] = group.into();
            }
            part
        };
        let answered = server.post("$batch", &json!({ "requests": [part("1", None)] })).await.expect(200).json();
        assert_eq!(answered["responses"][0]["status"], 204, "{answered}");
        let set = json!({ "requests": [part("1", Some("g")), part("2", Some("g"))] });
        let answered = server.post("$batch", &set).await.expect(200).json();
        assert_eq!(answered["responses"][0]["status"], 501, "{answered}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_are_upserted_by_their_identifiers() {
    for server in both().await {
        let there = made(&server, "contacts", &person("There", "http://m/mrn", "M-1")).await;
        let target = |identifier: &str, name: &str| json!({ "@odata.id": by("http://m/mrn", identifier), "lastname": name, "msemr_contacttype": PERSON });
        let send = |action: &str, targets: &[Value]| {
            let path = format!("contacts/Microsoft.Dynamics.CRM.{action}");
            server.call(Method::POST, &path).json(&json!({ "Targets": targets })).send()
        };
        let names = async || {
            let rows = server.rows("contacts", &[("$filter", "tt_identifiersystem eq 'http://m/mrn'")]).await;
            let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let mut names: Vec<_> =
                rows.iter().map(|row| (text(row, "tt_identifier"), text(row, "lastname"))).collect();
            names.sort();
            names
        };
        let pair = |identifier: &str, name: &str| (identifier.to_owned(), name.to_owned());
        // Several at once, of which one makes each row and the others change it.
        let all = [target("M-3", "Three"), target("M-1", "One"), target("M-2", "Two")];
        let other_way: Vec<_> = all.iter().rev().cloned().collect();
        let mut calls = JoinSet::new();
        for n in 0..6 {
            calls.spawn(send("UpsertMultiple", if n % 2 == 0 { &all } else { &other_way }));
        }
        for answer in calls.join_all().await {
            answer.expect(204);
        }
        assert_eq!(names().await, [pair("M-1", "One"), pair("M-2", "Two"), pair("M-3", "Three")]);
        assert_eq!(server.row("contacts", &there).await["lastname"], "One");
        // All or none.
        let wrong = json!({ "@odata.id": by("http://m/mrn", "M-5"), "gendercode": 77, "msemr_contacttype": PERSON });
        let refused = send("UpsertMultiple", &[target("M-4", "Four"), wrong]).await.expect(400);
        assert!(refused.text.contains("Targets[1]/gendercode"), "{}", refused.text);
        let twice = send("UpsertMultiple", &[target("M-6", "A"), target("M-6", "B")]).await.expect(400);
        assert_eq!(twice.error_code(), "BadRequest");
        let absent = send("UpdateMultiple", &[target("M-7", "Seven")]).await.expect(404);
        assert!(absent.text.contains("Targets[0]"), "{}", absent.text);
        send("UpdateMultiple", &[target("M-2", "Zwei")]).await.expect(204);
        assert_eq!(names().await, [pair("M-1", "One"), pair("M-2", "Zwei"), pair("M-3", "Three")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_lead_from_row_to_row() {
    for server in both().await {
        let account = made(&server, "accounts", &json!({ "name": "Practice" })).await;
        let bound = json!({
            "msemr_contacttype": PERSON,
            "lastname": "Guest",
            "msemr_managingorganization@odata.bind": format!("/accounts({account})")
        });
        let contact = made(&server, "contacts", &bound).await;
        let encounter = json!({
            "msemr_encounterstatus": 935_000_004,
            "msemr_class": 935_000_001,
            "msemr_subjectpatient@odata.bind": format!("/contacts({contact})")
        });
        let encounter = made(&server, "msemr_encounters", &encounter).await;
        let get = async |path: String| server.get(&path, &[]).await;

        let path = format!("msemr_encounters({encounter})/msemr_subjectpatient/lastname");
        assert_eq!(get(path).await.expect(200).json()["value"], "Guest");
        let path = format!("msemr_encounters({encounter})/msemr_subjectpatient/msemr_managingorganization/name/$value");
        assert_eq!(get(path).await.expect(200).text, "Practice");
        let path =
            format!("msemr_encounters({encounter})/msemr_subjectpatient/msemr_encounter_msemr_subjectpatient/$count");
        assert_eq!(get(path).await.expect(200).text.trim_start_matches('\u{feff}'), "1");
        let path = format!("contacts({PATIENT})/msemr_managingorganization/name");
        assert_eq!(get(path).await.expect(404).error_code(), "NotFound");

        let guests = "contact_msemr_managingorganization";
        let path = format!("accounts({account})/{guests}({contact})");
        let row = get(path.clone()).await.expect(200).json();
        assert!(row["@odata.context"].as_str().is_some_and(|context| context.ends_with("#contacts/$entity")), "{row}");
        get(format!("accounts({account})/{guests}({PATIENT})")).await.expect(404);
        get(format!("{path}/msemr_encounter_msemr_subjectpatient({encounter})")).await.expect(200);
        server.patch(&path, &json!({ "firstname": "G" })).await.expect(204);
        assert_eq!(server.row("contacts", &contact).await["firstname"], "G");
        server.patch(&format!("accounts({account})/{guests}({PATIENT})"), &json!({})).await.expect(404);

        // Addresses, and the links themselves.
        let answer = get(format!("accounts({account})/{guests}/$ref?$count=true")).await.expect(200).json();
        let address = format!("{}/contacts({contact})", server.api());
        assert_eq!(answer["value"], json!([{ "@odata.id": address }]), "{answer}");
        assert_eq!(answer["@odata.count"], 1);
        let context = answer["@odata.context"].as_str().unwrap_or_default();
        assert!(context.ends_with("$metadata#Collection($ref)"), "{context}");
        let all =
            server.get("contacts/$ref", &[("$top", "2"), ("$orderby", "contactid desc")]).await.expect(200).rows();
        assert_eq!(all.len(), 2);
        let entity = server.get("$entity", &[("$id", address.as_str()), ("$select", "lastname")]).await;
        assert_eq!(entity.expect(200).json()["lastname"], "Guest");
        server.delete(&format!("accounts({account})/{guests}({PATIENT})/$ref")).await.expect(404);
        server.delete(&format!("accounts({account})/{guests}/$ref")).await.expect(501);
        server.delete(&format!("accounts({account})/{guests}({contact})/$ref")).await.expect(204);
        assert!(server.row("contacts", &contact).await["_msemr_managingorganization_value"].is_null());
        let link = json!({ "@odata.id": address });
        server.post(&format!("accounts({account})/{guests}/$ref"), &link).await.expect(204);
        let encoded = turntable_tests::encode(&address);
        server.delete(&format!("accounts({account})/{guests}/$ref?$id={encoded}")).await.expect(204);
        server.delete(&format!("accounts({account})/{guests}/$ref?$id={encoded}")).await.expect(404);
        get(format!("accounts({account})/{guests}/$ref")).await.expect(200);
        server.delete(&path).await.expect(404);
        server.delete(&format!("msemr_encounters({encounter})/msemr_subjectpatient/$ref")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_may_stand_in_the_body() {
    for server in both().await {
        let ask = |path: &str, content_type: &str, query: &str| {
            server
                .call(Method::POST, path)
                .body(content_type, query.to_owned())
                .header("Prefer", "odata.maxpagesize=1")
                .send()
        };
        let query = "$select=lastname&$orderby=contactid&$filter=lastname%20ne%20'x%26y'";
        let first = ask("contacts/$query", "text/plain", query).await.expect(200).json();
        let by_get = server.call(Method::GET, &format!("contacts?{query}")).header("Prefer", "odata.maxpagesize=1");
        let by_get = by_get.send().await.expect(200).json();
        assert_eq!((&first["value"], &first["@odata.context"]), (&by_get["value"], &by_get["@odata.context"]));
        let mut rows = first["value"].as_array().expect("rows").clone();
        let mut link = first["@odata.nextLink"].as_str().map(str::to_owned);
        while let Some(next) = link.take() {
            let page = server.get(&next, &[]).await.expect(200).json();
            rows.extend(page["value"].as_array().expect("rows").clone());
            link = page["@odata.nextLink"].as_str().map(str::to_owned);
        }
        assert_eq!(rows, server.rows("contacts", &[("$select", "lastname"), ("$orderby", "contactid")]).await);
        // Beside options of the address, for a count and for what points here.
        let count = ask("contacts/$count/$query?$filter=lastname%20ne%20null", "text/plain", "").await.expect(200);
        assert!(
            count.text.trim_start_matches('\u{feff}').parse::<u64>().is_ok_and(|count| count > 1),
            "{}",
            count.text
        );
        let children = format!("contacts({PATIENT})/msemr_encounter_msemr_subjectpatient/$query");
        ask(&children, "text/plain", "$select=msemr_name").await.expect(200);
        let part = json!({
            "id": "1", "method": "POST", "url": "contacts/$query", "headers": { "Content-Type": "text/plain" }, "body": "$top=1"
        });
        let answer = server.post("$batch", &json!({ "requests": [part] })).await.expect(200).json();
        assert_eq!(answer["responses"][0]["status"], 200, "{answer}");
        for (content_type, query, status, code) in [
            ("application/json", "{}", 415, "UnsupportedMediaType"),
            ("application/x-www-form-urlencoded", query, 415, "UnsupportedMediaType"),
            ("text/plain", "$filter=lastname", 400, "BadFilter"),
            ("text/plain", "$filter=%ff", 400, "BadUrl"),
            ("text/plain", &format!("x={}", "y".repeat(40_000)), 413, "BodyTooLarge"),
        ] {
            let refused = ask("contacts/$query", content_type, query).await.expect(status);
            assert_eq!(refused.error_code(), code);
        }
        let refused = server.get("contacts/$query", &[]).await.expect(405);
        assert_eq!(refused.header("allow"), "POST, OPTIONS");
    }
}
