//! What the service says of itself: `$metadata` for clients that look first, as the standard's own schemas have it, and the
//! form of the table API for Dataverse's OData provider.

use reqwest::Method;
use serde_json::{Value, json};
use turntable_tests::{Fhir, Server};

const PATIENT: &str = "4c73b472-442b-4920-b899-aadc599f1d75";
const PROVIDER: &str = "/api/data/provider/v9.2";

#[tokio::test(flavor = "multi_thread")]
async fn columns_and_sets_say_what_can_be_done_with_them() {
    let server = Server::setup().start().await;
    let json = server.get("$metadata", &[("$format", "json")]).await.expect(200).json();
    let schema = &json["Microsoft.Dynamics.CRM"];
    // What a client writes, what it writes once, what is made here, what is bound.
    let contact = &schema["contact"];
    assert_eq!(contact["fullname"]["@Core.Computed"], true, "{:#}", contact["fullname"]);
    assert_eq!(contact["contactid"]["@Core.Immutable"], true);
    assert_eq!(contact["lastname"].get("@Core.Computed"), None);
    assert_eq!(contact["msemr_azurefhirversion"]["@Core.Computed"], true);
    assert_eq!(schema["msemr_encounter"]["_msemr_subjectpatient_value"]["@Core.Permissions"], "Read");
    assert_eq!(schema["msemr_encounter"]["@Core.AlternateKeys"][0]["Key"][0]["Name"], "msemr_azurefhirid");
    // A refused write is one that the metadata does not promise.
    let refused = server.post("contacts", &json!({"lastname": "x", "fullname": "y"})).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (400, "NotWritable"));

    let sets = schema["System"].as_object().expect("a container");
    let encounters = &sets["msemr_encounters"];
    let required =
        encounters["@Capabilities.InsertRestrictions"]["RequiredProperties"].as_array().expect("some").clone();
    let refused = server.post("msemr_encounters", &json!({})).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (400, "RequiredColumn"), "{}", refused.text);
    assert!(required.iter().all(|name| refused.text.contains(name.as_str().expect("a name"))), "{required:?}");
    assert_eq!(encounters["@Core.OptimisticConcurrency"], json!(["msemr_azurefhirversion"]));
    assert_eq!(encounters["@Capabilities.ExpandRestrictions"]["MaxLevels"], 3);
    assert_eq!(encounters["@Capabilities.SearchRestrictions"]["Searchable"], true);
    server.get("msemr_encounters", &[("$search", "x")]).await.expect(200);
    let functions = sets["@Capabilities.FilterFunctions"].as_array().expect("a list");
    assert!(functions.contains(&json!("fractionalseconds")));
    // Both forms say the same, as often.
    let xml = server.get("$metadata", &[]).await.expect(200).text;
    let json = json.to_string();
    for term in ["Computed", "Immutable", "Permissions", "Description", "LongDescription", "AlternateKeys"] {
        let (in_xml, in_json) = (format!("\"Org.OData.Core.V1.{term}\""), format!("\"@Core.{term}\""));
        assert_eq!(xml.matches(&in_xml).count(), json.matches(&in_json).count(), "{term}");
    }
}

/// Every function that is promised is understood.
#[tokio::test(flavor = "multi_thread")]
async fn functions_are_there_that_the_metadata_names() {
    let server = Server::setup().start().await;
    let json = server.get("$metadata", &[("$format", "json")]).await.expect(200).json();
    let functions = &json["Microsoft.Dynamics.CRM"]["System"]["@Capabilities.FilterFunctions"];
    for function in functions.as_array().expect("a list") {
        let function = function.as_str().expect("a name");
        let condition = match function {
            "contains" | "startswith" | "endswith" | "matchespattern" => format!("{function}(lastname,'a')"),
            "concat" => "concat(lastname,'a') eq 'ba'".to_owned(),
            "indexof" => "indexof(lastname,'a') eq 1".to_owned(),
            "substring" => "substring(lastname,1) eq 'a'".to_owned(),
            "length" => "length(lastname) eq 1".to_owned(),
            "tolower" | "toupper" | "trim" => format!("{function}(lastname) eq 'a'"),
            "now" | "mindatetime" | "maxdatetime" => format!("modifiedon eq {function}()"),
            "round" | "floor" | "ceiling" => format!("{function}(msemr_telecom1rank) eq 1"),
            "cast" => "cast(lastname,Edm.Int32) eq 1".to_owned(),
            "isof" => "isof(lastname,Edm.String)".to_owned(),
            "totalseconds" => "totalseconds(duration'PT1S') eq 1".to_owned(),
            "date" => "date(msemr_azurefhirlastupdatedon) eq 2020-01-01".to_owned(),
            "time" => "time(msemr_azurefhirlastupdatedon) eq 01:02:03".to_owned(),
            _ => format!("{function}(msemr_azurefhirlastupdatedon) eq 1"),
        };
        let condition = condition.replace("modifiedon", "msemr_azurefhirlastupdatedon");
        let answer = server.get("contacts", &[("$filter", condition.as_str())]).await;
        assert_eq!(answer.status, 200, "{condition}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_are_date_times_for_the_provider_of_virtual_tables() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir).start().await;
    let patient = |id: &str, born: &str| json!({"resourceType": "Patient", "id": id, "name": [{"family": "One"}], "birthDate": born});
    let (first, second) = (patient(PATIENT, "1970-05-01"), patient("other", "1980-01-02"));
    fhir.put(&first).await;
    fhir.put(&second).await;
    let bundle =
        json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": first}, {"resource": second}]});
    let call = server.call(Method::POST, "/fhir?as=batch").body("application/fhir+json", bundle.to_string());
    call.send().await.expect(200);

    let types = |xml: &str| {
        let types = xml.match_indices("<Property Name=").filter_map(|(at, _)| xml[at..].split("Type=\"").nth(1));
        types.map(|rest| rest.split('"').next().expect("a type").to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    let xml = server.get(&format!("{PROVIDER}/$metadata"), &[]).await.expect(200).text;
    // As Microsoft's documentation lists them ("OData v4 data provider, considerations"), and the types of actions.
    let taken =
        ["Edm.Boolean", "Edm.DateTimeOffset", "Edm.Decimal", "Edm.Guid", "Edm.Int32", "Edm.Int64", "Edm.String"];
    let strange: Vec<_> =
        types(&xml).into_iter().filter(|of| of.starts_with("Edm.") && !taken.contains(&of.as_str())).collect();
    assert_eq!(strange, [""; 0]);
    assert!(types(&server.get("$metadata", &[]).await.expect(200).text).contains("Edm.Date"));

    for route in ["native", "virtual"] {
        server.turn("contact", route).await.expect(200);
        let row = server
            .get(&format!("{PROVIDER}/contacts({PATIENT})"), &[("$select", "birthdate")])
            .await
            .expect(200)
            .json();
        assert_eq!(row["birthdate"], "1970-05-01T00:00:00Z", "{route}");
        let context = row["@odata.context"].as_str().expect("a context");
        assert!(context.starts_with(&format!("{}{PROVIDER}/$metadata#contacts", server.url())), "{route}: {context}");
        let born = |condition: &str| {
            let options = [
                ("$filter", condition.to_owned()),
                ("$select", "birthdate".to_owned()),
                ("$orderby", "birthdate".to_owned()),
            ];
            let server = &server;
            async move {
                let options: Vec<_> = options.iter().map(|(name, text)| (*name, text.as_str())).collect();
                let page = server.get(&format!("{PROVIDER}/contacts"), &options).await.expect(200).json();
                let rows = page["value"].as_array().expect("rows").clone();
                rows.iter().map(|row| row["birthdate"].as_str().expect("a moment")[..4].to_owned()).collect::<Vec<_>>()
            }
        };
        for (condition, expected) in [
            ("birthdate eq 1970-05-01T00:00:00Z", &["1970"][..]),
            ("birthdate ne 1970-05-01T00:00:00Z", &["1980"]),
            ("birthdate in (1970-05-01T00:00:00Z,1980-01-02T00:00:00Z)", &["1970", "1980"]),
            ("birthdate ge 1970-05-01T00:00:00Z", &["1970", "1980"]),
            // In the middle of a day, on either side of a date.
            ("birthdate ge 1970-05-01T00:00:01Z", &["1980"]),
            ("birthdate gt 1970-04-30T23:00:00Z", &["1970", "1980"]),
            ("birthdate lt 1970-05-01T02:00:00+01:00", &["1970"]),
            ("birthdate lt 1970-05-01T00:30:00+01:00", &[]),
            ("birthdate le 1980-01-01T23:59:59Z", &["1970"]),
            ("1980-01-01T12:00:00Z lt birthdate", &["1980"]),
            ("not (birthdate gt 1975-01-01T12:00:00Z)", &["1970"]),
        ] {
            assert_eq!(born(condition).await, expected, "{route}: {condition}");
        }
        // Next links stay below the same root, and what was shown is taken.
        let call = server
            .call(Method::GET, &format!("{PROVIDER}/contacts?$count=true"))
            .header("prefer", "odata.maxpagesize=1");
        let page = call.send().await.expect(200).json();
        let next = page["@odata.nextLink"].as_str().expect("a link").to_owned();
        assert!(next.starts_with(&format!("{}{PROVIDER}/contacts?", server.url())), "{route}: {next}");
        let rest = server.call(Method::GET, &next).send().await.expect(200).json();
        assert_eq!(rest["value"].as_array().map(Vec::len), Some(1), "{route}");
        let made = server
            .post(
                &format!("{PROVIDER}/contacts"),
                &json!({"msemr_contacttype": 935_000_000, "lastname": "New", "birthdate": "1990-03-04T00:00:00Z"}),
            )
            .await;
        let made = made.expect(201).json();
        assert_eq!(made["birthdate"], "1990-03-04T00:00:00Z", "{route}");
        let key = made["contactid"].as_str().expect("a key");
        assert_eq!(server.row("contacts", key).await["birthdate"], "1990-03-04", "{route}");
        for moment in ["1990-03-04T12:00:00Z", "1990-03"] {
            let refused = server.patch(&format!("{PROVIDER}/contacts({key})"), &json!({"birthdate": moment})).await;
            assert_eq!((refused.status, refused.error_code().as_str()), (400, "BadValue"), "{route} {moment}");
        }
        let batch =
            json!({"requests": [{"id": "1", "method": "GET", "url": format!("contacts({key})?$select=birthdate")}]});
        let answers = server.post(&format!("{PROVIDER}/$batch"), &batch).await.expect(200).json();
        let shown: &Value = &answers["responses"][0]["body"]["birthdate"];
        assert_eq!(shown, "1990-03-04T00:00:00Z", "{route}: {answers:#}");
        server.delete(&format!("contacts({key})")).await.expect(204);
    }
}
