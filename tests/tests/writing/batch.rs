//! `$batch`: every form in which clients send it, and change sets that are stored whole or not at all.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Answer, Fhir, PATIENT, PEOPLE, Server};

const PERSON: u32 = 935_000_000;

/// A part of its own, or several that are made together.
enum Item {
    One(String),
    Set(Vec<String>),
}

fn get(url: &str) -> Item {
    Item::One(format!("GET {url} HTTP/1.1\r\nAccept: application/json\r\n\r\n"))
}

fn change(method: &str, url: &str, body: &Value) -> String {
    format!("{method} {url} HTTP/1.1\r\nContent-Type: application/json;type=entry\r\n\r\n{body}")
}

async fn send(server: &Server, items: &[Item], prefer: &str) -> Answer {
    let mut text = String::new();
    let mut id = 0;
    for (position, item) in items.iter().enumerate() {
        let mut part = |text: &mut String, boundary: &str, request: &str| {
            id += 1;
            let _ = write!(
                text,
                "--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\n{request}\r\n"
            );
        };
        match item {
            Item::One(request) => part(&mut text, "batch", request),
            Item::Set(requests) => {
                let boundary = format!("changeset_{position}");
                let _ = write!(text, "--batch\r\nContent-Type: multipart/mixed; boundary={boundary}\r\n\r\n");
                requests.iter().for_each(|request| part(&mut text, &boundary, request));
                let _ = write!(text, "--{boundary}--\r\n");
            }
        }
    }
    text.push_str("--batch--\r\n");
    let call = server.call(Method::POST, "$batch").header("prefer", prefer);
    call.body("multipart/mixed; boundary=\"batch\"", text).send().await
}

/// The status of each part of an answer, and its body.
fn parts(answer: &Answer) -> Vec<(u16, Value)> {
    let parts = answer.text.split("HTTP/1.1 ").skip(1);
    let read = |part: &str| {
        let status = part.get(..3).and_then(|status| status.parse().ok()).expect("a status");
        let body = part.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let body = body.split("\r\n--").next().unwrap_or_default().trim();
        (status, if body.starts_with('{') { serde_json::from_str(body).expect("JSON") } else { json!(body) })
    };
    parts.map(read).collect()
}

fn statuses(answer: &Answer) -> Vec<u16> {
    parts(answer).iter().map(|(status, _)| *status).collect()
}

fn person(name: &str) -> Value {
    json!({ "lastname": name, "msemr_contacttype": PERSON })
}

async fn count(server: &Server, name: &str) -> String {
    server.get("contacts/$count", &[("$filter", &format!("lastname eq '{name}'"))]).await.expect(200).text
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_answered_in_their_order() {
    let server = Server::setup().start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let whole = format!("{}/contacts({PATIENT})?$select=fullname", server.api());
    let items = || {
        vec![
            get("contacts?$top=1&$select=fullname&$filter=lastname ne null"),
            get(&whole),
            get(&format!("/api/data/v9.2/contacts({PATIENT})/fullname/$value")),
            get("contacts/$count"),
            get("nothing"),
            get("http://elsewhere.example.org/api/data/v9.2/contacts"),
            Item::One(change("POST", "contacts", &person("Batch"))),
            get("$7?$select=lastname"),
            get("$99"),
            get("$batch"),
            get("$metadata"),
        ]
    };
    let answer = send(&server, &items(), "odata.continue-on-error").await.expect(200);
    assert!(answer.header("content-type").starts_with("multipart/mixed; boundary=batchresponse_"));
    assert_eq!(statuses(&answer), [200, 200, 200, 200, 404, 400, 201, 200, 400, 501, 200]);
    let found = parts(&answer);
    assert_eq!(found[0].1["value"].as_array().map(Vec::len), Some(1));
    assert_eq!((&found[1].1["fullname"], &found[2].1), (&json!("Patient One"), &json!("Patient One")));
    assert_eq!(found[7].1["lastname"], "Batch");
    assert!(answer.text.contains("Content-ID: 7") && answer.text.contains("OData-EntityId: "), "{}", answer.text);
    // Without the preference the first error is the end.
    let answer = send(&server, &items(), "return=minimal").await.expect(200);
    assert_eq!(statuses(&answer), [200, 200, 200, 200, 404]);
    assert_eq!(count(&server, "Batch").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_set_is_stored_whole_or_not_at_all() {
    let server = Server::setup().start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    let patient = format!("contacts({PATIENT})");
    let before = server.get(&patient, &[]).await.expect(200).json();
    // Each kind of change, then one that cannot be.
    let broken = |last: String| {
        vec![Item::Set(vec![
            change("POST", "contacts", &person("Undone")),
            change("PATCH", "$1", &json!({ "firstname": "Half" })),
            change("PATCH", &patient, &json!({ "lastname": "Undone" })),
            change(
                "POST",
                &format!("{patient}/msemr_medicalidentifier_msemr_assignee"),
                &json!({ "msemr_value": "undone" }),
            ),
            last,
        ])]
    };
    let children = server.get("msemr_medicalidentifiers/$count", &[]).await.expect(200).text;
    for (last, status) in [
        (change("POST", "contacts", &json!({ "nothing": 1 })), 400),
        (change("PATCH", "contacts(00000000-0000-4000-8000-00000000000a)", &json!({ "birthdate": "soon" })), 400),
        ("DELETE contacts(00000000-0000-4000-8000-00000000000a) HTTP/1.1\r\n\r\n".to_owned(), 404),
        (change("PATCH", &patient, &json!({ "lastname": "x" })).replacen("\r\n", "\r\nIf-Match: W/\"77\"\r\n", 1), 412),
        ("GET contacts HTTP/1.1\r\n\r\n".to_owned(), 400),
    ] {
        let answer = send(&server, &broken(last.clone()), "return=minimal").await.expect(200);
        assert_eq!(statuses(&answer), [status], "{last}: {}", answer.text);
        assert!(answer.text.contains("Content-ID: 5"), "{}", answer.text);
        assert_eq!(count(&server, "Undone").await, "0", "{last}");
        assert_eq!(server.get(&patient, &[]).await.expect(200).json(), before, "{last}");
        assert_eq!(server.get("msemr_medicalidentifiers/$count", &[]).await.expect(200).text, children, "{last}");
    }
    // Without it all of it is there, in one go.
    let Some(Item::Set(mut good)) = broken(String::new()).pop() else { panic!("a change set") };
    good.pop();
    let answer = send(&server, &[Item::Set(good)], "return=minimal").await.expect(200);
    assert_eq!(statuses(&answer), [201, 204, 204, 201], "{}", answer.text);
    let made = server.get("contacts", &[("$filter", "firstname eq 'Half'")]).await.rows();
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(count(&server, "Undone").await, "2");
    let after = server.get(&patient, &[]).await.expect(200).json();
    assert_eq!(after["lastname"], "Undone");
    let children_now = server.get("msemr_medicalidentifiers/$count", &[]).await.expect(200).text;
    assert_eq!(children_now.parse::<u32>().ok(), children.parse::<u32>().ok().map(|count| count + 1));
}

/// What one change makes, the next one finds: rows, rows of child tables, their keys, and values that no element carries.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_resource_build_on_each_other() {
    let server = Server::setup().start().await;
    let key = "0b1e5a52-7f0e-4d7a-9c53-2f6f3a1d0c11";
    let row = format!("contacts({key})");
    let with_key = |name: &str| json!({ "contactid": key, "lastname": name, "msemr_contacttype": PERSON });
    let items = [Item::Set(vec![
        change("POST", "contacts", &with_key("A")),
        change("POST", &format!("{row}/msemr_medicalidentifier_msemr_assignee"), &json!({ "msemr_value": "one" })),
        change("PATCH", "$2", &json!({ "msemr_value": "two" })),
        change("PATCH", &row, &json!({ "firstname": "B", "statecode": 1 })),
        change("PATCH", &row, &json!({ "middlename": "C" })),
        change(
            "POST",
            "msemr_encounters",
            &json!({ "msemr_encounterstatus": 935_000_004, "msemr_class": 935_000_001, "msemr_subjectpatient@odata.bind": "$1" }),
        ),
    ])];
    let answer = send(&server, &items, "return=minimal").await.expect(200);
    let found = statuses(&answer);
    assert_eq!(found.len(), 6, "{}", answer.text);
    assert!(found.iter().all(|status| matches!(status, 201 | 204)), "{}", answer.text);
    let contact = server.get(&row, &[]).await.expect(200).json();
    for (column, value) in
        [("lastname", json!("A")), ("firstname", json!("B")), ("middlename", json!("C")), ("statecode", json!(1))]
    {
        assert_eq!(contact[column], value, "{column}: {contact}");
    }
    let children = format!("{row}/msemr_medicalidentifier_msemr_assignee");
    let identifiers = server.get(&children, &[]).await.rows();
    assert_eq!(identifiers.iter().map(|one| one["msemr_value"].clone()).collect::<Vec<_>>(), ["two"]);
    let encounters =
        server.get(&format!("{row}/msemr_encounter_msemr_subjectpatient/$count"), &[]).await.expect(200).text;
    assert_eq!(encounters, "1");
    // Made and taken away again, it has never been.
    let items = [Item::Set(vec![
        change("POST", "contacts", &person("Nobody")),
        "DELETE $1 HTTP/1.1\r\n\r\n".to_owned(),
        format!("DELETE {row} HTTP/1.1\r\n\r\n"),
        change("POST", "contacts", &with_key("Again")),
    ])];
    let answer = send(&server, &items, "return=representation").await.expect(200);
    assert_eq!(statuses(&answer).len(), 4, "{}", answer.text);
    assert_eq!(count(&server, "Nobody").await, "0");
    let again = server.get(&row, &[]).await.expect(200).json();
    assert_eq!((&again["lastname"], &again["firstname"]), (&json!("Again"), &Value::Null));
    assert_eq!(server.get(&children, &[]).await.rows().len(), 0);
    // The row that is answered is the row as it is in the end.
    assert_eq!(parts(&answer)[3].1["lastname"], "Again");
}

/// A server with people and encounters in a FHIR service, organizations here.
async fn with_service() -> (Fhir, Server) {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).virtual_tables(&["contact", "msemr_encounter"]).start().await;
    (fhir, server)
}

fn encounter(of: &str) -> Value {
    json!({ "msemr_encounterstatus": 935_000_004, "msemr_class": 935_000_001, "msemr_subjectpatient@odata.bind": of })
}

/// Changes of one service are one transaction of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_set_goes_to_a_service_as_one_transaction() {
    let (fhir, server) = with_service().await;
    for id in ["there", "gone"] {
        fhir.put(&json!({ "resourceType": "Patient", "id": id, "name": [{ "family": "Before" }], "language": "de",
            "identifier": [{ "value": "a" }, { "value": "b" }] }))
            .await;
    }
    let keys = server.rows("contacts", &[("$select", "msemr_azurefhirid")]).await;
    let key = |id: &str| {
        let row = keys.iter().find(|row| row["msemr_azurefhirid"] == id).expect("a row");
        format!("contacts({})", row["contactid"].as_str().expect("a key"))
    };
    let (there, gone) = (key("there"), key("gone"));
    let identifiers = "msemr_medicalidentifier_msemr_assignee";
    let rows = server.rows(&format!("{there}/{identifiers}"), &[]).await;
    let child = |value: &str| {
        let row = rows.iter().find(|row| row["msemr_value"] == value).expect("a row");
        format!("msemr_medicalidentifiers({})", row["msemr_medicalidentifierid"].as_str().expect("a key"))
    };
    let asked = || fhir.as_sandbox().requests().len();
    let before = asked();
    let items = [
        Item::Set(vec![
            change("POST", "contacts", &person("New")),
            change("POST", &format!("$1/{identifiers}"), &json!({ "msemr_value": "of the new" })),
            change("PATCH", "$2", &json!({ "msemr_value": "changed" })),
            change("POST", "msemr_encounters", &encounter("$1")),
            change("PATCH", &there, &json!({ "lastname": "After" })),
            change("PATCH", &child("a"), &json!({ "msemr_value": "c" })),
            format!("DELETE {} HTTP/1.1\r\n\r\n", child("b")),
            format!("DELETE {gone} HTTP/1.1\r\n\r\n"),
            change("POST", "contacts", &person("Never")),
            "DELETE $9 HTTP/1.1\r\n\r\n".to_owned(),
        ]),
        get("$1?$select=lastname"),
        get("$2?$select=msemr_value"),
    ];
    let answer = send(&server, &items, "return=minimal").await.expect(200);
    let done = [201, 201, 204, 201, 204, 204, 204, 204, 204, 204, 200, 200];
    assert_eq!(statuses(&answer), done, "{}", answer.text);
    let found = parts(&answer);
    assert_eq!((&found[10].1["lastname"], &found[11].1["msemr_value"]), (&json!("New"), &json!("changed")));
    assert_eq!(fhir.as_sandbox().requests()[before..].iter().filter(|one| one.method == "POST").count(), 1);
    // All is there, each resource once, with what nobody named.
    let resource = fhir.read("Patient", "there").await;
    assert_eq!((&resource["name"][0]["family"], &resource["language"]), (&json!("After"), &json!("de")));
    assert_eq!((&resource["identifier"], &resource["meta"]["versionId"]), (&json!([{ "value": "c" }]), &json!("2")));
    assert_eq!((fhir.count("Patient").await, fhir.count("Encounter").await), (2, 1));
    let new = server.rows("contacts", &[("$filter", "lastname eq 'New'")]).await;
    let encounters = server.rows("msemr_encounters", &[]).await;
    assert_eq!(encounters[0]["_msemr_subjectpatient_value"], new[0]["contactid"], "{encounters:?}");
    // The key of before goes on to lead to the row.
    let row = server.get(&child("a"), &[]).await.expect(200).json();
    assert_eq!(row["msemr_value"], "c");
    server.get(&child("b"), &[]).await.expect(404);
}

/// What one change is refused for, all of them are not made; and where each place would do its own, nothing is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_set_to_a_service_is_made_whole_or_not_at_all() {
    let (fhir, server) = with_service().await;
    fhir.put(&json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "Before" }] })).await;
    let keys = server.rows("contacts", &[]).await;
    let there = format!("contacts({})", keys[0]["contactid"].as_str().expect("a key"));
    let first = || change("POST", "contacts", &person("Undone"));
    let stale = change("PATCH", &there, &json!({ "lastname": "x" })).replacen("\r\n", "\r\nIf-Match: W/\"77\"\r\n", 1);
    let organization = change("POST", "accounts", &json!({ "name": "Here" }));
    let patched = || change("PATCH", &there, &json!({ "lastname": "Undone" }));
    for (parts, status, id) in [
        (vec![first(), patched(), change("POST", "contacts", &json!({ "nothing": 1 }))], 400, "3"),
        (vec![first(), stale], 412, "2"),
        (vec![first(), organization.clone()], 501, "2"),
        (vec![organization, first()], 501, "2"),
        (
            vec![first(), change("PATCH", "$1", &json!({ "lastname": "y" })), "GET contacts HTTP/1.1\r\n\r\n".into()],
            400,
            "3",
        ),
    ] {
        let answer = send(&server, &[Item::Set(parts.clone())], "return=minimal").await.expect(200);
        assert_eq!(statuses(&answer), [status], "{parts:?}: {}", answer.text);
        assert!(answer.text.contains(&format!("Content-ID: {id}")), "{}", answer.text);
        if status == 501 {
            assert!(answer.text.contains("`main`"), "{}", answer.text);
        }
        assert_eq!(fhir.count("Patient").await, 1);
        assert_eq!(fhir.read("Patient", "p").await["meta"]["versionId"], "1");
        assert_eq!(server.get("accounts/$count", &[]).await.expect(200).text, "0");
    }
    let one = Item::Set(vec![change("POST", "contacts", &person("There"))]);
    let answer = send(&server, &[one, get("contacts?$select=lastname")], "return=minimal").await.expect(200);
    assert_eq!(statuses(&answer), [201, 200], "{}", answer.text);
    assert_eq!(fhir.count("Patient").await, 2);
}

/// Rows of one resource have one version: each change of a set may name the one that was read, whatever the set changes first.
#[tokio::test(flavor = "multi_thread")]
async fn an_etag_is_of_before_the_set() {
    let patient = json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "Before" }],
        "identifier": [{ "value": "a" }, { "value": "b" }, { "value": "c" }] });
    for is_native in [true, false] {
        let (fhir, server) = with_service().await;
        if is_native {
            server.turn("contact", "native").await.expect(200);
            let entry = json!({ "resource": patient, "request": { "method": "PUT", "url": "Patient/p" } });
            let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] });
            server.ingest(&bundle.to_string(), None).await.expect(200);
        } else {
            fhir.put(&patient).await;
        }
        let contact = server.rows("contacts", &[]).await.remove(0);
        let contact = format!("contacts({})", contact["contactid"].as_str().expect("a key"));
        let rows = server.rows("msemr_medicalidentifiers", &[]).await;
        let row = |value: &str| {
            let row = rows.iter().find(|row| row["msemr_value"] == value).expect("a row");
            format!("msemr_medicalidentifiers({})", row["msemr_medicalidentifierid"].as_str().expect("a key"))
        };
        let of =
            |version: u8, change: String| change.replacen("\r\n", &format!("\r\nIf-Match: W/\"{version}\"\r\n"), 1);
        let changes = |last: u8| {
            let set = vec![
                of(1, change("PATCH", &row("a"), &json!({ "msemr_value": "a2" }))),
                of(1, change("PATCH", &row("b"), &json!({ "msemr_value": "b2" }))),
                of(1, change("PATCH", &contact, &json!({ "lastname": "After" }))),
                of(last, format!("DELETE {} HTTP/1.1\r\n\r\n", row("c"))),
            ];
            [Item::Set(set)]
        };
        // One that nobody has read.
        let answer = send(&server, &changes(7), "return=minimal").await.expect(200);
        assert_eq!(statuses(&answer), [412], "{}", answer.text);
        let answer = send(&server, &changes(1), "return=minimal").await.expect(200);
        assert_eq!(statuses(&answer), [204; 4], "native: {is_native}: {}", answer.text);
        let left = server.rows("msemr_medicalidentifiers", &[("$orderby", "msemr_value")]).await;
        assert_eq!(left.iter().map(|row| row["msemr_value"].clone()).collect::<Vec<_>>(), ["a2", "b2"]);
        // What others wrote since is no version of before.
        let answer = send(&server, &changes(1), "return=minimal").await.expect(200);
        assert_eq!(statuses(&answer), [412], "native: {is_native}: {}", answer.text);
    }
}

/// The part that a service refuses is named, and what it pretends is seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_not_believed() {
    let (fhir, server) = with_service().await;
    fhir.put(&json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "Before" }] })).await;
    let keys = server.rows("contacts", &[]).await;
    let there = format!("contacts({})", keys[0]["contactid"].as_str().expect("a key"));
    let set = || {
        vec![Item::Set(vec![
            change("POST", "contacts", &person("New")),
            change("PATCH", &there, &json!({ "lastname": "After" })),
        ])]
    };
    let with = async |faults: &str| {
        fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
        let answer = send(&server, &set(), "return=minimal").await.expect(200);
        fhir.as_sandbox().set_faults(String::new().parse().expect("no faults"));
        let [(status, body)] = parts(&answer).try_into().expect("one answer");
        let id = answer.text.split("Content-ID: ").nth(1).map(|rest| rest[..1].to_owned()).unwrap_or_default();
        (status, body["error"]["code"].as_str().unwrap_or_default().to_owned(), id, body.to_string())
    };
    let (status, code, id, text) = with("half-transaction").await;
    assert_eq!((status, code.as_str(), id.as_str()), (502, "UpstreamInvalid", "2"), "{text}");
    assert!(text.contains("lastname"), "{text}");
    let (status, code, ..) = with("stale-write").await;
    assert_eq!((status, code.as_str()), (502, "UpstreamInvalid"));
    let (status, code, id, text) = with("refuse-writes=422").await;
    assert_eq!((status, code.as_str(), id.as_str()), (422, "RefusedByFhir", "1"), "{text}");
    // Of the entry that it names, in the words of the table.
    assert!(text.contains("\"target\":\"firstname\"") && !text.contains("\"target\":\"Bundle"), "{text}");
    fhir.as_sandbox().set_faults("refuse-writes=422".parse().expect("faults"));
    let turned = vec![Item::Set(vec![
        change("PATCH", &there, &json!({ "lastname": "After" })),
        change("POST", "contacts", &person("New")),
    ])];
    let answer = send(&server, &turned, "return=minimal").await.expect(200);
    fhir.as_sandbox().set_faults(String::new().parse().expect("no faults"));
    assert!(statuses(&answer) == [422] && answer.text.contains("Content-ID: 2"), "{}", answer.text);
    assert_eq!(fhir.read("Patient", "p").await["name"][0]["family"], "Before");
}

/// One that takes no transactions is asked for none.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_transactions_is_named() {
    let (fhir, server) = with_service().await;
    fhir.as_sandbox().set_faults("no-transaction".parse().expect("faults"));
    let before = fhir.as_sandbox().requests().len();
    let items = [Item::Set(vec![change("POST", "contacts", &person("A")), change("POST", "contacts", &person("B"))])];
    let answer = send(&server, &items, "return=minimal").await.expect(200);
    assert_eq!(statuses(&answer), [501], "{}", answer.text);
    assert!(answer.text.contains("`main`") && answer.text.contains("transaction"), "{}", answer.text);
    assert!(fhir.as_sandbox().requests()[before..].iter().all(|one| one.method != "POST"));
    let many = json!({ "Targets": [person("A"), person("B")] });
    server.post("contacts/Microsoft.Dynamics.CRM.CreateMultiple", &many).await.expect(501);
    fhir.as_sandbox().set_faults(String::new().parse().expect("no faults"));
    assert_eq!(fhir.count("Patient").await, 0);
}

/// What comes to one resource needs no transaction: several changes of it, a row that is made and changed, a row with parts of
/// its own resource inside it. It is checked as one would be.
#[tokio::test(flavor = "multi_thread")]
async fn one_resource_needs_no_transaction() {
    let (fhir, server) = with_service().await;
    // What it says of itself is asked once.
    fhir.as_sandbox().set_faults("no-transaction".parse().expect("faults"));
    fhir.put(&json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "Before" }] })).await;
    let keys = server.rows("contacts", &[]).await;
    let there = format!("contacts({})", keys[0]["contactid"].as_str().expect("a key"));
    let twice = vec![Item::Set(vec![
        change("PATCH", &there, &json!({ "lastname": "After" })),
        change("PATCH", &there, &json!({ "firstname": "Ann" })),
    ])];
    let with = async |faults: &str, items: &[Item]| {
        fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
        let answer = send(&server, items, "return=minimal").await.expect(200);
        fhir.as_sandbox().set_faults("no-transaction".parse().expect("faults"));
        (statuses(&answer), answer.text)
    };
    let (status, text) = with("no-transaction,stale-write", &twice).await;
    assert!(status == [502] && text.contains("UpstreamInvalid"), "{text}");
    let (status, text) = with("no-transaction,refuse-writes=422", &twice).await;
    assert!(status == [422] && text.contains("RefusedByFhir"), "{text}");
    let (status, text) = with("no-transaction", &twice).await;
    assert_eq!(status, [204, 204], "{text}");
    let stored = fhir.read("Patient", "p").await;
    assert_eq!(stored["name"], json!([{ "family": "After", "given": ["Ann"] }]));

    let made = vec![Item::Set(vec![
        change("POST", "contacts", &person("New")),
        change("PATCH", "$1", &json!({ "firstname": "Eve" })),
    ])];
    let (status, text) = with("no-transaction", &made).await;
    assert_eq!(status, [201, 204], "{text}");
    let rows = server.rows("contacts", &[("$filter", "lastname eq 'New'")]).await;
    assert_eq!((rows.len(), &rows[0]["firstname"]), (1, &json!("Eve")));
    let key = rows[0]["contactid"].as_str().expect("a key");
    assert!(text.contains(key), "the answer names the row that was made: {text}");

    let gone = vec![Item::Set(vec![
        change("PATCH", &there, &json!({ "lastname": "Last" })),
        format!("DELETE {there} HTTP/1.1\r\n\r\n"),
    ])];
    let (status, text) = with("no-transaction", &gone).await;
    assert_eq!(status, [204, 204], "{text}");
    assert_eq!(fhir.count("Patient").await, 1);
}

/// The actions on many rows are change sets too.
#[tokio::test(flavor = "multi_thread")]
async fn many_rows_at_once_go_as_one_transaction() {
    let (fhir, server) = with_service().await;
    let many = json!({ "Targets": [person("A"), person("B"), person("C")] });
    let made = server.post("contacts/Microsoft.Dynamics.CRM.CreateMultiple", &many).await.expect(200).json();
    assert_eq!(fhir.count("Patient").await, 3);
    let ids = made["Ids"].as_array().expect("ids");
    for (id, name) in ids.iter().zip(["A", "B", "C"]) {
        let id = id.as_str().expect("a key");
        assert_eq!(server.row("contacts", id).await["lastname"], name);
    }
    let target = |id: &Value, name: &str| json!({ "contactid": id, "lastname": name });
    let many =
        json!({ "Targets": [target(&ids[0], "D"), target(&json!("00000000-0000-4000-8000-00000000000a"), "E")] });
    let refused = server.post("contacts/Microsoft.Dynamics.CRM.UpdateMultiple", &many).await.expect(404);
    assert!(refused.text.contains("Targets[1]"), "{}", refused.text);
    assert_eq!(server.row("contacts", ids[0].as_str().expect("a key")).await["lastname"], "A");
    let mut many = many;
    many["Targets"][1]["msemr_contacttype"] = json!(PERSON);
    server.post("contacts/Microsoft.Dynamics.CRM.UpsertMultiple", &many).await.expect(204);
    assert_eq!(server.row("contacts", ids[0].as_str().expect("a key")).await["lastname"], "D");
    assert_eq!(fhir.count("Patient").await, 4);
}

/// Sets that are made at once of one resource lose nothing of each other.
#[tokio::test(flavor = "multi_thread")]
async fn sets_at_once_lose_nothing() {
    for faults in ["", "drop-version"] {
        let (fhir, server) = with_service().await;
        fhir.put(&json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "Before" }] })).await;
        fhir.as_sandbox().set_faults(faults.parse().expect("faults"));
        let keys = server.rows("contacts", &[]).await;
        let there = format!("contacts({})", keys[0]["contactid"].as_str().expect("a key"));
        let set = |column: &str, name: &str| {
            vec![Item::Set(vec![
                change("POST", "contacts", &person(name)),
                change("PATCH", &there, &json!({ column: name })),
            ])]
        };
        let sets = [set("firstname", "One"), set("lastname", "Two"), set("salutation", "Three")];
        let [one, two, three] = &sets;
        let all = tokio::join!(send(&server, one, ""), send(&server, two, ""), send(&server, three, ""));
        for answer in [all.0, all.1, all.2] {
            assert_eq!(statuses(&answer.expect(200)), [201, 204], "{faults}");
        }
        let row = server.get(&there, &[]).await.expect(200).json();
        let found = ["firstname", "lastname", "salutation"].map(|column| row[column].clone());
        assert_eq!(found, ["One", "Two", "Three"], "{faults}");
        assert_eq!(fhir.count("Patient").await, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_json_it_is_the_same() {
    let server = Server::setup().start().await;
    let group = |id: &str, method: &str, url: &str, body: Value| json!({ "id": id, "atomicityGroup": "g", "method": method, "url": url, "body": body });
    let batch = |last: Value| {
        json!({ "requests": [
            { "id": "0", "method": "GET", "url": "contacts/$count" },
            group("1", "POST", "contacts", person("Json")),
            group("2", "PATCH", "$1", last),
            { "id": "3", "method": "GET", "url": "/api/data/v9.2/contacts?$select=lastname", "dependsOn": ["2"] },
        ]})
    };
    let send = async |body: &Value| {
        let call = server.call(Method::POST, "$batch").header("prefer", "continue-on-error").json(body);
        let answer = call.send().await.expect(200).json();
        let responses = answer["responses"].as_array().expect("responses").clone();
        let found: Vec<_> = responses
            .iter()
            .map(|one| (one["id"].as_str().unwrap_or_default().to_owned(), one["status"].as_u64()))
            .collect();
        (found, responses)
    };
    let expected = |statuses: [u64; 4]| -> Vec<_> {
        statuses.into_iter().enumerate().map(|(id, status)| (id.to_string(), Some(status))).collect()
    };
    let (found, responses) = send(&batch(json!({ "birthdate": "soon" }))).await;
    assert_eq!(found, expected([200, 424, 400, 424]), "{responses:?}");
    assert_eq!((&responses[0]["body"], &responses[1]["atomicityGroup"]), (&json!("0"), &json!("g")));
    assert_eq!(responses[1]["body"]["error"]["code"], "FailedDependency");
    assert_eq!(count(&server, "Json").await, "0");
    let (found, responses) = send(&batch(json!({ "firstname": "J" }))).await;
    assert_eq!(found, expected([200, 201, 204, 200]), "{responses:?}");
    assert_eq!(responses[3]["body"]["value"][0]["lastname"], "Json");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_is_refused_whole() {
    let server =
        Server::setup().limits(|limits| (limits.batch_parts, limits.batch_answer_bytes) = (3, 10)).start().await;
    let many: Vec<_> = (0..4).map(|_| get("contacts")).collect();
    let refused = send(&server, &many, "return=minimal").await.expect(400);
    assert!(refused.text.contains("`batch_parts` is 3"), "{}", refused.text);
    let answer = send(&server, &many[..3], "continue-on-error").await.expect(200);
    assert_eq!(statuses(&answer), [200, 413, 413]);
    let post = |kind: &str, body: &str| server.call(Method::POST, "$batch").body(kind, body.to_owned()).send();
    assert_eq!(post("multipart/mixed", "--b--").await.expect(400).error_code(), "BadRequest");
    assert_eq!(post("application/json", "{}").await.expect(400).error_code(), "BadJson");
    assert_eq!(post("text/plain", "x").await.expect(415).error_code(), "UnsupportedMediaType");
    server.get("$batch", &[]).await.expect(405);
}
