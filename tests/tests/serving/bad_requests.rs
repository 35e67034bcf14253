//! Requests that are wrong, one a line: each is refused with the right status and code, says where the mistake is or
//! what to do instead, repeats nothing of a patient, and changes nothing in the store or in the FHIR service.

use std::sync::{Mutex, PoisonError};

use reqwest::Method;
use turntable_tests::{Answer, EVENTS, Fhir, PEOPLE, Server};

/// A row that is there, of each table; and a key that no row has.
const NAMES: [(&str, &str); 4] = [
    ("{patient}", "4c73b472-442b-4920-b899-aadc599f1d75"),
    ("{practitioner}", "b4a4c3fa-277c-ce38-b5be-5ebc50f45575"),
    ("{encounter}", "137cf922-beec-478e-acbc-152368296695"),
    ("{nobody}", "11111111-2222-4333-8444-555555555555"),
];

/// What stands for a patient's data in the requests below, and what of it is in the sample bundles. None of it may come
/// back in an error.
const PRIVATE: [&str; 8] =
    ["Zyzzyva", "Reynolds", "555-795-6145", "OAKWOOD", "Gutmann", "Kerluke", "4c73b472-442b-4920", "137cf922"];

type Headers = &'static [(&'static str, &'static str)];

const JSON: Headers = &[("content-type", "application/json")];

/// Request line, status, code, and what the error must say (a target, a position, a name, a hint).
type Read = (&'static str, u16, &'static str, &'static [&'static str]);

#[tokio::test(flavor = "multi_thread")]
async fn urls() {
    refuses(&[
        ("GET contact", 404, "UnknownTable", &["contacts"]),
        ("GET msemr_encounter", 404, "UnknownTable", &["msemr_encounters"]),
        ("GET Zyxwv", 404, "UnknownTable", &["Zyxwv"]),
        ("GET contacts(", 400, "BadUrl", &["contacts"]),
        ("GET contacts()", 400, "BadKey", &["contactid"]),
        ("GET contacts(Zyzzyva)", 400, "BadKey", &["contactid", "contacts(0000"]),
        ("GET contacts('Zyzzyva')", 400, "BadKey", &["contactid"]),
        ("GET contacts(4c73b472-442b-4920-b899-aadc599f1d7)", 400, "BadKey", &["contactid"]),
        ("GET contacts(emailaddress1='Zyzzyva')", 501, "NotSupported", &["alternate key", "emailaddress1", "$filter"]),
        ("GET contacts(contactid={patient},statecode=0)", 501, "NotSupported", &["no alternate key", "statecode"]),
        ("GET contacts//fullname", 400, "BadUrl", &["empty segment"]),
        ("GET contacts/{nobody}", 400, "BadUrl", &["parentheses"]),
        ("GET contacts({patient})/fulname", 400, "UnknownColumn", &["fulname", "`fullname`"]),
        ("GET contacts({patient})/fullname/$ref", 501, "NotSupported", &["$ref"]),
        ("GET contacts({patient})/$value", 501, "NotSupported", &["$value"]),
        ("GET contacts/Microsoft.Dynamics.CRM.systemuser", 501, "NotSupported", &["systemuser"]),
        ("GET contacts({nobody})", 404, "NotFound", &["contacts"]),
        ("GET contacts({nobody})/fullname", 404, "NotFound", &["contacts"]),
        ("GET msemr_encounters({nobody})", 404, "NotFound", &["msemr_encounters"]),
        ("GET msemr_observations({encounter})", 404, "NotFound", &["msemr_observations"]),
        ("GET $metdata", 400, "BadUrl", &["$metdata"]),
        ("GET contacts?$filter=%FF", 400, "BadUrl", &["UTF-8"]),
        ("GET %FF", 400, "BadUrl", &["UTF-8"]),
        ("GET $all", 501, "NotSupported", &["$all"]),
        ("GET $crossjoin(contacts,accounts)", 501, "NotSupported", &["$crossjoin"]),
        ("GET $entity?$id=contacts", 400, "BadOption", &["$id", "contacts(…)"]),
        ("GET $entity?$id=http://elsewhere/contacts({patient})", 400, "BadOption", &["$id", "elsewhere"]),
        ("GET contacts?$id=contacts({patient})", 400, "BadOption", &["$id"]),
        ("GET contacts({patient})/msemr_managingorganization/name", 404, "NotFound", &["leads to no row"]),
        (
            "GET contacts({patient})/msemr_encounter_msemr_subjectpatient({patient})/msemr_name",
            404,
            "NotFound",
            &["msemr_encounter_msemr_subjectpatient"],
        ),
        ("GET contacts(tt_identifier=5)", 400, "BadKey", &["single quotes"]),
        ("GET contacts(tt_identifier='x',tt_identifier='y')", 400, "BadKey", &["twice"]),
        ("GET contacts(tt_identifier='Zyzzyva')", 404, "NotFound", &["alternate key"]),
        ("POST $batch", 415, "UnsupportedMediaType", &["multipart/mixed"]),
        ("GET msemr_codeableconcepts", 501, "NotSupported", &["concept"]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options() {
    refuses(&[
        ("GET contacts?$top=-1", 400, "BadOption", &["$top"]),
        ("GET contacts?$top=ten", 400, "BadOption", &["$top"]),
        ("GET contacts?$top=", 400, "BadOption", &["$top"]),
        ("GET contacts?$top=99999999999999999999", 400, "BadOption", &["$top"]),
        ("GET contacts?$skip=-1", 400, "BadOption", &["$skip"]),
        ("GET contacts?$skip=1.5", 400, "BadOption", &["$skip"]),
        ("GET contacts?$count=yes", 400, "BadOption", &["$count"]),
        ("GET contacts?$top=1&$top=1", 400, "BadOption", &["$top", "twice"]),
        ("GET contacts?$filter=true&filter=true", 400, "BadOption", &["$filter", "twice"]),
        ("GET contacts?$filtr=fullname eq 'Zyzzyva'", 400, "BadOption", &["$filtr", "`$filter`"]),
        ("GET contacts?$frobnicate=1", 400, "BadOption", &["$frobnicate"]),
        ("GET contacts?$apply=concat(identity,identity)", 501, "NotSupported", &["$apply", "concat"]),
        ("GET contacts?$search=Zyzzyva \"Zyxwv", 400, "BadOption", &["$search", "position 14", "quote"]),
        ("GET contacts?search=(Zyzzyva", 400, "BadOption", &["$search", "position 8"]),
        ("GET contacts?$search=", 400, "BadOption", &["$search", "position 0"]),
        ("GET contacts?$search=a b c d e f g h i j k l m n o p q", 400, "BadOption", &["search_words", "position 32"]),
        ("GET contacts({patient})?$search=Zyzzyva", 400, "BadOption", &["$search"]),
        ("GET contacts?$compute=1 add 1 as lastname", 400, "BadOption", &["$compute", "lastname"]),
        ("GET contacts?$index=1", 501, "NotSupported", &["$index"]),
        ("GET contacts?$deltatoken=x", 400, "DeltaTokenInvalid", &["$deltatoken"]),
        ("GET contacts({patient})?$top=1", 400, "BadOption", &["$top"]),
        ("GET contacts({patient})/fullname?$select=fullname", 400, "BadOption", &["$select"]),
        ("GET contacts/$count?$top=1", 400, "BadOption", &["$top"]),
        ("GET ?$top=1", 400, "BadOption", &["$top"]),
        ("GET contacts?$format=xml", 406, "NotAcceptable", &["application/json"]),
        ("GET $metadata?$format=text/plain", 406, "NotAcceptable", &["application/xml"]),
        ("GET contacts?$select=fulname", 400, "UnknownColumn", &["$select", "position 0", "`fullname`"]),
        (
            "GET contacts?$select=fullname,msemr_generalpractioner",
            400,
            "UnknownColumn",
            &["position 9", "_msemr_generalpractioner_value"],
        ),
        ("GET contacts?$select=fullname/text", 501, "NotSupported", &["$select"]),
        ("GET contacts?$select=fullname,", 400, "BadOption", &["$select", "position 9"]),
        ("GET contacts?$orderby=fulname", 400, "UnknownColumn", &["$orderby", "`fullname`"]),
        ("GET contacts?$orderby=fullname descending", 400, "BadOption", &["$orderby", "position 9"]),
        ("GET contacts?$orderby=msemr_generalpractioner/fulname", 400, "UnknownColumn", &["`fullname`", "position 24"]),
        ("GET contacts?$orderby=msemr_generalpractioner/$count", 400, "BadOption", &["position 24"]),
        ("GET contacts?$expand=msemr_generalpractitioner", 400, "UnknownRelation", &["`msemr_generalpractioner`"]),
        ("GET contacts?$expand=fullname", 400, "UnknownRelation", &["fullname"]),
        ("GET contacts?$expand=msemr_generalpractioner,msemr_generalpractioner", 400, "BadOption", &["twice"]),
        (
            "GET contacts?$expand=msemr_generalpractioner($expand=msemr_generalpractioner($levels=max))",
            501,
            "NotSupported",
            &["$levels=max", "position 56"],
        ),
        ("GET contacts?$expand=msemr_generalpractioner($top=1)", 501, "NotSupported", &["$top"]),
        ("GET contacts?$expand=msemr_generalpractioner($select=fulname)", 400, "UnknownColumn", &["`fullname`"]),
        ("GET contacts?$expand=*", 400, "BadOption", &["expand_width", "position 0"]),
        ("GET contacts?$explain=maybe", 400, "BadOption", &["$explain"]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters() {
    refuses(&[
        ("GET contacts?$filter=", 400, "BadFilter", &["$filter", "position 0"]),
        ("GET contacts?$filter=lastname eq", 400, "BadFilter", &["$filter", "position 11"]),
        ("GET contacts?$filter=lastname eq 'Zyzzyva", 400, "BadFilter", &["position 20", "quote"]),
        ("GET contacts?$filter=lastname eq 'Zyzzyva' and", 400, "BadFilter", &["position 25"]),
        ("GET contacts?$filter=lastname eq 'Zyzzyva')", 400, "BadFilter", &["position 21"]),
        ("GET contacts?$filter=(lastname eq 'Zyzzyva'", 400, "BadFilter", &["position 22"]),
        ("GET contacts?$filter=lastname == 'Zyzzyva'", 400, "BadFilter", &["position 9"]),
        ("GET contacts?$filter=lastname like 'Zyzzyva'", 400, "BadFilter", &["position 9"]),
        ("GET contacts?$filter='Zyzzyva'", 400, "BadFilter", &["position 0"]),
        ("GET contacts?$filter=lastnme eq 'Zyzzyva'", 400, "UnknownColumn", &["`lastname`", "position 0"]),
        ("GET contacts?$filter=Zyxwv eq 'Zyzzyva'", 400, "UnknownColumn", &["Zyxwv"]),
        ("GET contacts?$filter=statecode eq 'Zyzzyva'", 400, "BadFilter", &["position"]),
        ("GET contacts?$filter=birthdate eq 'Zyzzyva'", 400, "BadFilter", &["position"]),
        ("GET contacts?$filter=birthdate gt 5", 400, "BadFilter", &["position"]),
        ("GET contacts?$filter=lastname gt 5", 400, "BadFilter", &["position"]),
        ("GET contacts?$filter=tt_active eq 'Zyzzyva'", 400, "BadFilter", &["position"]),
        ("GET contacts?$filter=contactid eq 'Zyzzyva'", 400, "BadFilter", &["position"]),
        ("GET contacts?$filter=contactid eq 5", 400, "BadFilter", &["position"]),
        ("GET contacts?$filter=contains(birthdate,'19')", 400, "BadFilter", &["position"]),
        ("GET contacts?$filter=contains(lastname)", 400, "BadFilter", &["contains", "position"]),
        ("GET contacts?$filter=frobnicate(lastname) eq 'Zyzzyva'", 400, "BadFilter", &["frobnicate"]),
        ("GET contacts?$filter=birthdate eq 1980-02-30", 400, "BadFilter", &["position 13"]),
        ("GET contacts?$filter=msemr_deceaseddate gt 2020-01-01T25:00:00Z", 400, "BadFilter", &["position 34"]),
        ("GET contacts?$filter=msemr_generalpractioner/lastnme eq 'Zyzzyva'", 400, "UnknownColumn", &["`lastname`"]),
        ("GET contacts?$filter=lastname/length gt 1", 400, "BadFilter", &[]),
        ("GET contacts?$filter=_msemr_generalpractioner_value eq 'Zyzzyva'", 400, "BadFilter", &["position"]),
        ("GET contacts?$filter=lastname in ('Zyzzyva',5)", 400, "BadFilter", &["position"]),
        (
            "GET contacts?$filter=Microsoft.Dynamics.CRM.Above(PropertyName='lastname')",
            400,
            "BadFilter",
            &["PropertyValue"],
        ),
        (
            "GET contacts?$filter=Microsoft.Dynamics.CRM.Above(PropertyName='lastname',PropertyValue={patient})",
            501,
            "NotSupported",
            &["Above", "lastname"],
        ),
        (
            "GET contacts?$filter=lastname eq lastname eq lastname",
            400,
            "BadFilter",
            &["a boolean cannot", "position 0"],
        ),
        ("GET msemr_encounters?$filter=msemr_periodstart eq 'Zyzzyva'", 400, "BadFilter", &["position"]),
        ("GET msemr_encounters?$filter=msemr_encounterstatus eq 'finished'", 400, "BadFilter", &["position"]),
        ("GET msemr_encounters?$filter=msemr_statu eq 5", 400, "UnknownColumn", &["msemr_statu"]),
        ("GET msemr_encounters/$count?$filter=msemr_name", 400, "BadFilter", &["position"]),
    ])
    .await;
    let places = Places::start().await;
    let deep = format!("GET contacts?$filter={}true{}", "not (".repeat(100), ")".repeat(100));
    places.refuses(&deep, &[], "", (400, "BadFilter", &["filter_depth"])).await;
    let wide = format!("GET contacts?$filter=statecode in ({}0)", "0,".repeat(2_000));
    places.refuses(&wide, &[], "", (400, "BadFilter", &["filter_nodes"])).await;
    let long = format!("GET contacts?$filter=lastname eq '{}'", "Zyzzyva".repeat(5_000));
    places.refuses(&long, &[], "", (414, "UrlTooLong", &["url_bytes"])).await;
    places.unchanged().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_headers() {
    let places = Places::start().await;
    let body = r#"{"lastname":"Zyzzyva"}"#;
    type Sent = (&'static str, Headers, &'static str, u16, &'static str, &'static [&'static str]);
    let cases: &[Sent] = &[
        ("PUT contacts({patient})", JSON, "[]", 400, "BadJson", &[]),
        ("PUT contacts({patient})/lastname", JSON, r#"{"value":5}"#, 400, "BadValue", &["lastname"]),
        ("PUT contacts({patient})/lastname/$value", JSON, "5", 415, "UnsupportedMediaType", &["text/plain"]),
        (
            "PUT contacts({patient})/birthdate/$value",
            &[("content-type", "text/plain")],
            "x",
            400,
            "BadValue",
            &["birthdate"],
        ),
        ("POST contacts/$query", JSON, "$top=1", 415, "UnsupportedMediaType", &["text/plain"]),
        ("DELETE contacts({patient})/fullname", &[], "", 400, "NotWritable", &["fullname"]),
        ("DELETE contacts", &[], "", 405, "MethodNotAllowed", &["DELETE"]),
        ("PATCH contacts", JSON, body, 405, "MethodNotAllowed", &["PATCH"]),
        ("POST contacts({patient})", JSON, body, 405, "MethodNotAllowed", &["POST"]),
        ("POST $metadata", JSON, body, 405, "MethodNotAllowed", &["GET"]),
        ("POST contacts/$count", JSON, body, 405, "MethodNotAllowed", &["GET"]),
        ("FROB contacts", &[], "", 405, "MethodNotAllowed", &["FROB"]),
        ("POST contacts", &[], body, 415, "UnsupportedMediaType", &["Content-Type", "application/json"]),
        ("POST contacts", &[("content-type", "text/xml")], "<x/>", 415, "UnsupportedMediaType", &["Content-Type"]),
        ("PATCH contacts({patient})", &[], body, 415, "UnsupportedMediaType", &["Content-Type"]),
        ("GET contacts", &[("odata-maxversion", "3.0")], "", 400, "BadRequest", &["OData-MaxVersion"]),
        ("GET contacts", &[("odata-version", "2.0")], "", 400, "BadRequest", &["OData-Version"]),
        ("GET contacts", &[("accept", "text/html")], "", 406, "NotAcceptable", &["application/json"]),
        ("GET contacts", &[("accept", "application/json;q=x")], "", 400, "BadRequest", &["Accept"]),
    ];
    for (line, headers, body, status, code, says) in cases {
        places.refuses(line, headers, body, (*status, code, says)).await;
    }
    places.unchanged().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies() {
    let places = Places::start().await;
    let cases: &[(&str, &str, u16, &str, &[&str])] = &[
        ("POST contacts", "", 400, "BadJson", &["line 1"]),
        ("POST contacts", "{", 400, "BadJson", &["line 1 column 1"]),
        ("POST contacts", "[]", 400, "BadJson", &["object"]),
        ("POST contacts", "\"Zyzzyva\"", 400, "BadJson", &["object"]),
        ("POST contacts", r#"{"lastname":"Zyzzyva",}"#, 400, "BadJson", &["line 1 column 23"]),
        ("POST contacts", r#"{"lastname":"Zyzzyva","lastname":"Zyzzyva"}"#, 400, "BadJson", &["twice"]),
        ("POST contacts", "{\"lastname\":\"Zyz\u{0}zyva\"}", 400, "BadJson", &["line 1"]),
        ("POST contacts", r#"{"lastnme":"Zyzzyva"}"#, 400, "UnknownColumn", &["lastnme", "`lastname`"]),
        ("POST contacts", r#"{"lastname":5}"#, 400, "BadValue", &["lastname", "text"]),
        ("POST contacts", r#"{"lastname":{"x":"Zyzzyva"}}"#, 400, "BadValue", &["lastname", "text"]),
        ("POST contacts", r#"{"lastname":["Zyzzyva"]}"#, 400, "BadValue", &["lastname", "text"]),
        ("POST contacts", r#"{"birthdate":"Zyzzyva"}"#, 400, "BadValue", &["birthdate", "date"]),
        ("POST contacts", r#"{"birthdate":"1980-02-30"}"#, 400, "BadValue", &["birthdate", "date"]),
        ("POST contacts", r#"{"birthdate":"1980-02-28T10:00:00Z"}"#, 400, "BadValue", &["birthdate", "date"]),
        ("POST contacts", r#"{"tt_active":"Zyzzyva"}"#, 400, "BadValue", &["tt_active", "true or false"]),
        ("POST contacts", r#"{"tt_active":1}"#, 400, "BadValue", &["tt_active", "true or false"]),
        ("POST contacts", r#"{"msemr_multiplebirth":"Zyzzyva"}"#, 400, "BadValue", &["msemr_multiplebirth"]),
        ("POST contacts", r#"{"msemr_multiplebirth":2147483648}"#, 400, "BadValue", &["msemr_multiplebirth"]),
        ("POST contacts", r#"{"msemr_multiplebirth":1.5}"#, 400, "BadValue", &["msemr_multiplebirth"]),
        ("POST contacts", r#"{"msemr_deceaseddate":"2020-01-01"}"#, 400, "BadValue", &["msemr_deceaseddate", "offset"]),
        ("POST contacts", r#"{"gendercode":7}"#, 400, "BadValue", &["gendercode", "1 = Male"]),
        ("POST contacts", r#"{"gendercode":"female"}"#, 400, "BadValue", &["gendercode", "1 = Male"]),
        ("POST contacts", r#"{"contactid":"Zyzzyva"}"#, 400, "BadValue", &["contactid", "GUID"]),
        ("POST contacts", r#"{"fullname":"Zyzzyva"}"#, 400, "NotWritable", &["fullname"]),
        ("POST contacts", r#"{"msemr_azurefhirid":"Zyzzyva"}"#, 400, "NotWritable", &["msemr_azurefhirid"]),
        (
            "POST contacts",
            r#"{"_msemr_generalpractioner_value":"{practitioner}"}"#,
            400,
            "NotWritable",
            &["msemr_generalpractioner@odata.bind"],
        ),
        (
            "POST contacts",
            r#"{"msemr_generalpractioner":{"lastname":"Zyzzyva"}}"#,
            400,
            "RequiredColumn",
            &["msemr_generalpractioner/msemr_contacttype"],
        ),
        (
            "PATCH contacts({patient})",
            r#"{"msemr_generalpractioner":{"lastname":"Zyzzyva"}}"#,
            501,
            "NotSupported",
            &["msemr_generalpractioner@odata.bind"],
        ),
        ("POST contacts", r#"{"msemr_generalpractioner@odata.bind":"Zyzzyva"}"#, 400, "BadValue", &["/contacts("]),
        (
            "POST contacts",
            r#"{"msemr_generalpractioner@odata.bind":"/msemr_encounters({encounter})"}"#,
            400,
            "BadValue",
            &["msemr_generalpractioner@odata.bind", "contacts"],
        ),
        ("POST contacts", r#"{"lastname@odata.bind":"/contacts({patient})"}"#, 400, "UnknownColumn", &["lastname"]),
        (
            "POST contacts",
            r#"{"msemr_communication1language@odata.bind":"/msemr_codeableconcepts({nobody})"}"#,
            501,
            "NotSupported",
            &["concept"],
        ),
        ("PATCH contacts({patient})", r#"{"contactid":"{practitioner}"}"#, 400, "BadKey", &["contactid"]),
        ("PATCH contacts({patient})", r#"{"lastname":5}"#, 400, "BadValue", &["lastname"]),
        ("PATCH contacts({patient})", r#"{"fullname":"Zyzzyva"}"#, 400, "NotWritable", &["fullname"]),
        // A row of a child table: its key is made from its parent, which must be there.
        ("POST msemr_medicalidentifiers", r#"{"msemr_value":"Zyzzyva"}"#, 400, "RequiredColumn", &["msemr_assignee"]),
        (
            "POST msemr_medicalidentifiers",
            r#"{"msemr_assignee@odata.bind":"/contacts({patient})"}"#,
            400,
            "RequiredColumn",
            &["msemr_value"],
        ),
        (
            "POST msemr_medicalidentifiers",
            r#"{"msemr_value":"Zyzzyva","msemr_assignee@odata.bind":"/contacts({nobody})"}"#,
            400,
            "BadValue",
            &["msemr_assignee"],
        ),
        (
            "POST msemr_medicalidentifiers",
            r#"{"msemr_medicalidentifierid":"{nobody}","msemr_value":"Zyzzyva","msemr_assignee@odata.bind":"/contacts({patient})"}"#,
            400,
            "NotWritable",
            &["key"],
        ),
        // Through to the FHIR service.
        (
            "POST msemr_allergyintolerances",
            r#"{"msemr_patient@odata.bind":"/contacts({patient})"}"#,
            400,
            "RequiredColumn",
            &["msemr_name"],
        ),
        ("POST msemr_allergyintolerances", r#"{"msemr_name":"Zyzzyva"}"#, 400, "RequiredColumn", &["msemr_patient"]),
        (
            "POST msemr_allergyintolerances",
            r#"{"msemr_name":null,"msemr_patient@odata.bind":"/contacts({patient})"}"#,
            400,
            "RequiredColumn",
            &["msemr_name"],
        ),
        (
            "POST msemr_allergyintolerances",
            r#"{"msemr_name":"Zyzzyva","msemr_patient@odata.bind":"/accounts({patient})"}"#,
            400,
            "BadValue",
            &["msemr_patient@odata.bind", "contacts"],
        ),
        (
            "POST msemr_allergyintolerances",
            r#"{"msemr_name":"Zyzzyva","msemr_patient@odata.bind":"/contacts({nobody})"}"#,
            400,
            "BadValue",
            &["msemr_patient@odata.bind"],
        ),
        (
            "POST msemr_allergyintolerances",
            r#"{"msemr_name":"Zyzzyva","msemr_criticality":3,"msemr_patient@odata.bind":"/contacts({patient})"}"#,
            400,
            "BadValue",
            &["msemr_criticality", "935000000 = Low risk"],
        ),
        (
            "POST msemr_allergyintolerances",
            r#"{"msemr_name":"Zyzzyva","tt_codesystem":"no uri","msemr_patient@odata.bind":"/contacts({patient})"}"#,
            400,
            "BadValue",
            &["tt_codesystem"],
        ),
        (
            "PATCH msemr_encounters({encounter})",
            r#"{"msemr_encounterstatus":null}"#,
            400,
            "RequiredColumn",
            &["msemr_encounterstatus"],
        ),
        (
            "PATCH msemr_encounters({encounter})",
            r#"{"msemr_encounterlength":"Zyzzyva"}"#,
            400,
            "BadValue",
            &["msemr_encounterlength", "number"],
        ),
        (
            "PATCH msemr_encounters({encounter})",
            r#"{"msemr_encounterpriority_value":"x"}"#,
            400,
            "UnknownColumn",
            &["msemr_encounterpriority"],
        ),
    ];
    for (line, body, status, code, says) in cases {
        places.refuses(line, &[("content-type", "application/json")], body, (*status, code, says)).await;
    }
    let long = format!(r#"{{"msemr_medicalrecordnumber":"{}"}}"#, "Zyzzyva".repeat(50));
    places.refuses("PATCH contacts({patient})", JSON, &long, (400, "BadValue", &["256"])).await;
    let large = format!(r#"{{"entityimage":"{}"}}"#, "Zyzzyva".repeat(700_000));
    places.refuses("PATCH contacts({patient})", JSON, &large, (413, "BodyTooLarge", &["4194304"])).await;
    let deep = format!(r#"{{"lastname":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    places.refuses("PATCH contacts({patient})", JSON, &deep, (400, "BadValue", &["lastname"])).await;
    places.unchanged().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions() {
    let places = Places::start().await;
    let body = r#"{"msemr_encounterlength":5}"#;
    let stale: Headers = &[("content-type", "application/json"), ("if-match", "W/\"99\"")];
    let cases: &[(&str, Headers, u16, &str, &[&str])] = &[
        ("PATCH contacts({patient})", stale, 412, "VersionMismatch", &["etag"]),
        ("PATCH msemr_encounters({encounter})", stale, 412, "VersionMismatch", &["etag"]),
        ("PATCH contacts({nobody})", stale, 404, "NotFound", &["contacts"]),
        ("PATCH contacts({nobody})", &[("content-type", "application/json"), ("if-match", "*")], 404, "NotFound", &[]),
        (
            "PATCH contacts({patient})",
            &[("content-type", "application/json"), ("if-none-match", "*")],
            412,
            "VersionMismatch",
            &["exist"],
        ),
        (
            "PATCH contacts({patient})",
            &[("content-type", "application/json"), ("if-match", "Zyzzyva")],
            400,
            "BadRequest",
            &["If-Match"],
        ),
        (
            "PATCH contacts({patient})",
            &[("content-type", "application/json"), ("if-match", "*"), ("if-none-match", "*")],
            400,
            "BadRequest",
            &["If-None-Match"],
        ),
        (
            "PATCH contacts({patient})",
            &[("content-type", "application/json"), ("if-none-match", "W/\"1\"")],
            501,
            "NotSupported",
            &["If-None-Match"],
        ),
        ("DELETE contacts({patient})", &[("if-match", "W/\"99\"")], 412, "VersionMismatch", &["etag"]),
        ("DELETE msemr_encounters({encounter})", &[("if-match", "W/\"99\"")], 412, "VersionMismatch", &["etag"]),
        ("DELETE contacts({patient})", &[("if-none-match", "*")], 400, "BadRequest", &["If-None-Match"]),
        ("DELETE contacts({nobody})", &[], 404, "NotFound", &["contacts"]),
        ("DELETE msemr_encounters({nobody})", &[], 404, "NotFound", &["msemr_encounters"]),
        ("POST contacts", stale, 400, "BadRequest", &["If-Match"]),
    ];
    for (line, headers, status, code, says) in cases {
        let body = match line.split(' ').next() {
            Some("DELETE") => "",
            _ if line.contains("contacts") => r#"{"lastname":"Zyzzyva"}"#,
            _ => body,
        };
        places.refuses(line, headers, body, (*status, code, says)).await;
    }
    // A key that is taken, on both routes.
    let taken = r#"{"contactid":"{patient}","msemr_contacttype":935000000,"lastname":"Zyzzyva"}"#;
    places.refuses("POST contacts", JSON, taken, (409, "AlreadyExists", &[])).await;
    let taken = r#"{"msemr_encounterid":"{encounter}","msemr_encounterstatus":935000000,"msemr_class":935000000}"#;
    places.refuses("POST msemr_encounters", JSON, taken, (409, "AlreadyExists", &[])).await;
    places.unchanged().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn next_links() {
    let places = Places::start().await;
    for table in ["msemr_medicalidentifiers", "msemr_encounters"] {
        let link = places.next_link(&format!("{table}?$filter=statecode%20eq%200")).await;
        let (head, token) = link.split_once("$skiptoken=").expect("a next link has a token");
        let flipped = |at: usize| {
            let digit = if token.as_bytes()[at] == b'0' { "1" } else { "0" };
            format!("{}{digit}{}", &token[..at], &token[at + 1..])
        };
        for bad in [flipped(0), flipped(token.len() / 2), flipped(token.len() - 1), token[2..].into(), "Zyzzyva".into()]
        {
            let line = format!("GET {head}$skiptoken={bad}");
            places.refuses(&line, &[], "", (400, "PageTokenInvalid", &["$skiptoken", "@odata.nextLink"])).await;
        }
        // A token goes with its own question only.
        for other in
            [format!("{table}?$filter=statecode eq 1&$skiptoken={token}"), format!("accounts?$skiptoken={token}")]
        {
            places.refuses(&format!("GET {other}"), &[], "", (400, "PageTokenInvalid", &["$skiptoken"])).await;
        }
    }
    let link = places.next_link("msemr_encounters?$select=msemr_name").await;
    places.server.turn("msemr_encounter", "native").await.expect(200);
    places.refuses(&format!("GET {link}"), &[], "", (410, "PageTokenExpired", &["$skiptoken", "route"])).await;
    places.server.turn("msemr_encounter", "virtual").await.expect(200);
    // Back on its own route the link is good again.
    places.server.get(&link, &[]).await.expect(200);
    let wrong = places.wrong.into_inner().unwrap_or_else(PoisonError::into_inner).join("\n");
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn administration() {
    let places = Places::start().await;
    let cases: &[(&str, &str, u16, &str, &[&str])] = &[
        ("GET /admin/v1/tables/msemr_encountr", "", 404, "UnknownTable", &["msemr_encountr"]),
        ("GET /admin/v1/nothing", "", 404, "NotFound", &[]),
        (
            "PUT /admin/v1/tables/msemr_encountr/route",
            r#"{"provider":"native"}"#,
            404,
            "UnknownTable",
            &["`msemr_encounter`"],
        ),
        ("PUT /admin/v1/tables/msemr_encounter/route", r#"{"provider":"both"}"#, 400, "BadValue", &["provider"]),
        (
            "PUT /admin/v1/tables/msemr_encounter/route",
            r#"{"provider":"virtual","source":"nowhere"}"#,
            400,
            "BadRequest",
            &["source", "main"],
        ),
        (
            "PUT /admin/v1/tables/msemr_encounterparticipant/route",
            r#"{"provider":"native"}"#,
            400,
            "BadRequest",
            &["msemr_encounter"],
        ),
        ("PUT /admin/v1/tables/msemr_encounter/route", r#"{"provider":"native","dry":true}"#, 400, "BadJson", &[]),
        ("PUT /admin/v1/tables/msemr_encounter/route", "{", 400, "BadJson", &[]),
        ("POST /admin/v1/tables/msemr_encounter/mapping", r#"{"digest":"sha256:00"}"#, 404, "NotFound", &["sha256:00"]),
        ("POST /admin/v1/tables/msemr_encounter/mapping", r#"{"digest":"Zyxwv"}"#, 404, "NotFound", &[]),
        ("POST /admin/v1/tables/msemr_encounter/mapping", r#"{}"#, 400, "BadJson", &[]),
        (
            "POST /admin/v1/tables/msemr_encounter/mapping",
            r#"{"digest":"sha256:00","mode":"shadow"}"#,
            400,
            "BadValue",
            &["percent"],
        ),
        (
            "POST /admin/v1/tables/msemr_encounter/mapping",
            r#"{"digest":"sha256:00","mode":"canary","percent":10,"expected":"Zyxwv"}"#,
            400,
            "BadJson",
            &[],
        ),
        ("POST /admin/v1/tables/msemr_encounter/mapping/promote", "", 409, "Conflict", &["on trial"]),
        ("POST /admin/v1/tables/msemr_encounter/mapping/promote?digest=Zyxwv", "", 409, "Conflict", &["on trial"]),
        (
            "POST /admin/v1/tables/msemr_encounter/mapping",
            r#"{"digest":"sha256:00","mode":"often"}"#,
            400,
            "BadValue",
            &["mode"],
        ),
        ("POST /admin/v1/tables/msemr_encounter/mapping/rollback", "", 409, "Conflict", &["msemr_encounter"]),
        ("GET /admin/v1/mappings/sha256:00", "", 404, "NotFound", &["digest"]),
        ("POST /admin/v1/mappings", "", 422, "ComponentRefused", &["format"]),
        ("POST /admin/v1/mappings", "not a component", 422, "ComponentRefused", &["format", "not WebAssembly"]),
        (
            "POST /admin/v1/mappings",
            "\0asm\u{1}\0\0\0",
            422,
            "ComponentRefused",
            &["format", "core WebAssembly module"],
        ),
        (
            "POST /admin/v1/mappings",
            "\0asm\r\0\u{1}\0",
            422,
            "ComponentRefused",
            &["exports", "turntable:mapping/read"],
        ),
        ("POST /admin/v1/mappings", "\0asm\r\0\u{1}\0\u{4}\u{9}", 422, "ComponentRefused", &["validation"]),
        ("POST /fhir", "{", 400, "BadJson", &["line 1"]),
        ("POST /fhir", r#"{"resourceType":"Patient"}"#, 400, "BadJson", &[]),
        ("POST /fhir", r#"{"resourceType":"Bundle","type":"searchset"}"#, 400, "BadRequest", &["batch"]),
        ("POST /fhir?forward=nowhere", r#"{"resourceType":"Bundle","type":"batch"}"#, 400, "BadRequest", &["nowhere"]),
        ("GET /nothing", "", 404, "NotFound", &[]),
    ];
    for (line, body, status, code, says) in cases {
        let headers: &[(&str, &str)] = match line.contains("/admin/v1/mappings") {
            true => &[("content-type", "application/wasm")],
            false => &[("content-type", "application/json")],
        };
        places.refuses(line, headers, body, (*status, code, says)).await;
    }
    // A mapping that is there, for a table that it does not serve.
    let contact = turntable_tests::digest(turntable_tests::builtin("contact"));
    let body = serde_json::json!({ "digest": contact }).to_string();
    let line = "POST /admin/v1/tables/msemr_encounter/mapping";
    places.refuses(line, JSON, &body, (400, "BadRequest", &["it serves contact"])).await;
    places.unchanged().await;
}

/// What people write who come from other languages: they are told what there is in its place.
#[tokio::test(flavor = "multi_thread")]
async fn what_works_instead() {
    const MANY: &str = "msemr_observation_msemr_subjecttypepatient";
    let many = |after: &str| format!("GET contacts?{}", after.replace("{many}", MANY));
    let mut cases: Vec<(String, u16, &str, Vec<&str>)> = Vec::new();
    for (filter, code, says) in [
        ("length(lastname,firstname) gt 1", "BadFilter", vec!["position 0", "length(text)"]),
        ("substring(lastname) eq 'Zyzzyva'", "BadFilter", vec!["substring(text,start,length)"]),
        ("substringof('Zyzzyva',lastname)", "BadFilter", vec!["contains(text,'part')"]),
        ("len(lastname) gt 1", "BadFilter", vec!["length(text)"]),
        ("cast(lastname,Edm.Foo) eq 1", "NotSupported", vec!["position 14", "Edm.Int32"]),
        ("cast(birthdate,Edm.Int32) eq 1", "NotSupported", vec!["Edm.String"]),
        ("cast(lastname) eq 1", "NotSupported", vec!["cast(column,Edm.String)"]),
        ("lastname eq \"Zyzzyva\"", "BadFilter", vec!["position 12", "single quotes"]),
        ("lastname eq Zyxwv", "UnknownColumn", vec!["position 12", "single quotes"]),
        ("lastname = 'Zyzzyva'", "BadFilter", vec!["position 9", "`eq`"]),
        ("lastname <> 'Zyzzyva'", "BadFilter", vec!["position 9", "`ne`"]),
        ("lastname like 'Zyzzyva'", "BadFilter", vec!["position 9", "startswith"]),
        ("lastname is null", "BadFilter", vec!["position 9", "a eq null"]),
        ("lastname eq 'O'Zyzzyva'", "BadFilter", vec!["written twice"]),
        ("lastname eq 'Zyzzyva' or", "BadFilter", vec!["an expression is expected, not the end"]),
        ("lastname in 'Zyzzyva'", "NotSupported", vec!["position 12", "in ('a','b')"]),
        ("birthdate gt 1980", "BadFilter", vec!["position 13", "2024-12-31"]),
        ("birthdate add 1 gt 2020-01-01", "BadFilter", vec!["position 0", "duration'P1D'"]),
        ("birthdate add duration'P1X' gt 2020-01-01", "BadFilter", vec!["duration'P1DT2H'"]),
        ("tt_active eq 1", "BadFilter", vec!["position 13", "true or false"]),
        ("lastname add 1 eq 2", "BadFilter", vec!["position 0", "cast(text,Edm.Decimal)"]),
        ("gendercode eq 1L", "BadFilter", vec!["position 15", "digits"]),
        ("{many}/any(x:msemr_comment eq 'Zyzzyva')", "UnknownColumn", vec!["`x/msemr_comment`"]),
        ("{many}/msemr_comment eq 'Zyzzyva'", "BadFilter", vec!["any(x: x/"]),
        ("msemr_generalpractioner/any(x:x/lastname eq 'Zyzzyva')", "BadFilter", vec!["`msemr_generalpractioner/…`"]),
        ("lastname eq @p&@p='Zyzzyva", "BadFilter", vec!["in the value of `@p`", "position 8"]),
        (
            "Microsoft.Dynamics.CRM.Between(PropertyName='birthdate',PropertyValues=['2020-01-01'])",
            "BadFilter",
            vec!["`Between`", "the least and the most"],
        ),
    ] {
        let status = if code == "NotSupported" { 501 } else { 400 };
        cases.push((many(&format!("$filter={filter}")), status, code, says));
    }
    for (options, code, says) in [
        ("$orderby=lastname ascending", "BadOption", vec!["position 9", "`asc`"]),
        ("$orderby={many}/msemr_comment", "BadOption", vec!["position 0", "/$count`"]),
        ("$expand=msemr_generalpractioner($filter=true)", "NotSupported", vec!["position 24", "navigation/column"]),
        ("$expand=msemr_generalpractioner($foo=1)", "BadOption", vec!["position 24", "$select"]),
        ("$expand={many}($top=x)", "BadOption", vec!["position 48", "$expand", "whole number"]),
        ("$expand={many}($levels=0)", "BadOption", vec!["position 51", "from 1 on"]),
        ("$expand={many}($apply=identity)", "NotSupported", vec!["position 43", "ask for the rows there"]),
        ("$compute=lastname as a.b", "BadOption", vec!["position 12", "without dots"]),
        ("$compute=time(msemr_deceaseddate) as t", "NotSupported", vec!["a time of day as a value that is shown"]),
        ("$apply=foo", "BadOption", vec!["position 0", "groupby"]),
        ("$apply=groupby(gendercode)", "BadOption", vec!["position 8", "groupby((a,b)"]),
        ("$apply=groupby((lastname,lastname))", "BadOption", vec!["`lastname` is given twice"]),
        ("$apply=aggregate(gendercode as n)", "BadOption", vec!["position 21", "with sum as"]),
        ("$apply=aggregate(gendercode with mean as n)", "BadOption", vec!["position 26", "`average`"]),
        ("$apply=aggregate(lastname with sum as n)", "BadOption", vec!["`n`: `sum` takes numbers"]),
        ("$apply=topcount(gendercode,2)", "BadOption", vec!["position 9", "topcount(5,column)"]),
        ("$apply=aggregate($count as n)&$filter=lastname eq 'Zyzzyva'", "UnknownColumn", vec!["the groups have n"]),
        (
            "$apply=concat(aggregate($count as n),aggregate($count as m))/concat(compute(1 add 1 as k),identity)",
            "NotSupported",
            vec!["position 61", "`compute` behind `concat`"],
        ),
        (
            "fetchXml=<fetch><entity name='contact'><link-entity name='account' from='accountid' to='msemr_managingorganization' link-type='left'/></entity></fetch>",
            "BadOption",
            vec!["position 30", "outer"],
        ),
    ] {
        let status = if code == "NotSupported" { 501 } else { 400 };
        cases.push((many(options), status, code, says));
    }
    for (line, status, code, says) in [
        ("GET contacts/lastname", 400, "BadUrl", vec!["$select=lastname"]),
        ("GET contacts({patient})/$count", 501, "NotSupported", vec!["`contacts/$count`"]),
        ("GET contacts({patient})x", 400, "BadUrl", vec!["behind the parentheses"]),
        ("GET EntityDefinitions(LogicalName='Zyxwv')", 404, "NotFound", vec!["$select=LogicalName"]),
    ] {
        cases.push((line.to_owned(), status, code, says));
    }
    let places = Places::start().await;
    for (line, status, code, says) in &cases {
        places.refuses(line, &[], "", (*status, code, says)).await;
    }
    places
        .refuses(
            "GET contacts",
            &[("odata-isolation", "snapshot")],
            "",
            (412, "PreconditionFailed", &["OData-Isolation"]),
        )
        .await;
    let reference = "PUT contacts({patient})/msemr_generalpractioner/$ref";
    places.refuses(reference, JSON, r#"{"@odata.id":"Zyxwv"}"#, (400, "BadValue", &["`@odata.id` takes a row"])).await;
    let action = "POST contacts/Microsoft.Dynamics.CRM.CreateMultiple";
    for (body, status, code, says) in [
        (r#"{"Targets":[{},5]}"#, 400, "BadValue", "Targets[1]"),
        (r#"{"Targets":[{"lastnam":"Zyzzyva"}]}"#, 400, "UnknownColumn", "Targets[0]/lastnam"),
    ] {
        places.refuses(action, JSON, body, (status, code, &[says])).await;
    }
    for (body, status, code, says) in [
        (r#"{"requests":[{"id":"1","method":"GET"}]}"#, 400, "BadJson", "missing `url`"),
        (r#"{"requests":[{"id":"1","url":"contacts","method":"GET","then":1}]}"#, 400, "BadJson", "unknown `then`"),
        (
            r#"{"requests":[{"id":"1","method":"GET","url":"contacts","dependsOn":["9"]}]}"#,
            400,
            "BadRequest",
            "`1` depends on `9`",
        ),
    ] {
        places.refuses("POST $batch", JSON, body, (status, code, &[says])).await;
    }
    let multipart: Headers = &[("content-type", "multipart/mixed;boundary=b")];
    let part = "--b\r\nContent-Type: application/http\r\n\r\nGET contacts HTTP/1.1\r\n\r\n\r\n";
    for (second, says) in [
        ("--b\r\nContent-Type: text/plain\r\n\r\nGET contacts HTTP/1.1\r\n\r\n\r\n--b--", "application/http"),
        ("--b\r\nContent-Type: application/http\r\n\r\nGET\r\n\r\n--b--", "GET contacts?$top=1 HTTP/1.1"),
    ] {
        let body = format!("{part}{second}");
        places.refuses("POST $batch", multipart, &body, (400, "BadRequest", &["part 2", says])).await;
    }
    places.unchanged().await;
}

/// Asks each and expects its refusal.
async fn refuses(cases: &[Read]) {
    let places = Places::start().await;
    for (line, status, code, says) in cases {
        places.refuses(line, &[], "", (*status, code, says)).await;
    }
    places.unchanged().await;
}

/// A server whose people are native and whose events are virtual, and what it looked like before.
struct Places {
    fhir: Fhir,
    server: Server,
    before: Vec<String>,
    /// What was not answered as it should be.
    wrong: Mutex<Vec<String>>,
}

impl Places {
    async fn start() -> Self {
        let fhir = Fhir::sandbox().await;
        let tables = ["msemr_encounter", "msemr_observation", "msemr_allergyintolerance"];
        let server = Server::with(&fhir).virtual_tables(&tables).start().await;
        server.ingest(PEOPLE, None).await.expect(200);
        fhir.as_sandbox().load(EVENTS.as_bytes()).expect("the bundle is whole");
        let mut places = Self { fhir, server, before: Vec::new(), wrong: Mutex::default() };
        places.before = places.content().await;
        places
    }

    /// Everything there is: native rows, FHIR resources, what the audit trail has seen.
    async fn content(&self) -> Vec<String> {
        let mut content = Vec::new();
        for table in self.server.tables().await {
            let (name, set) =
                (table["name"].as_str().unwrap_or_default(), table["entitySet"].as_str().unwrap_or_default());
            content.push(format!("{name}: {} native rows", self.server.native_rows(name).await));
            content.push(self.server.get(set, &[]).await.expect(200).text);
        }
        for resource_type in ["Patient", "Encounter", "Observation", "AllergyIntolerance"] {
            content.push(format!("{resource_type}: {}", self.fhir.as_sandbox().count(resource_type)));
        }
        content.push(format!("{} events", self.server.events(0).await.len()));
        content
    }

    /// The end of a test: every request was refused as it should be, and none did anything.
    async fn unchanged(&self) {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
        assert!(wrong.is_empty(), "{wrong}");
        assert_eq!(self.content().await, self.before);
    }

    /// The link of a first page of one row, which leads to a second.
    async fn next_link(&self, path: &str) -> String {
        let first = self.server.call(Method::GET, path).header("prefer", "maxpagesize=1").send().await.expect(200);
        let link =
            first.json()["@odata.nextLink"].as_str().unwrap_or_else(|| panic!("no link: {}", first.text)).to_owned();
        self.server.get(&link, &[]).await.expect(200);
        link
    }

    /// Sends a request, as it is typed here, and expects status, code, and what the error says.
    async fn refuses(&self, line: &str, headers: &[(&str, &str)], body: &str, expected: (u16, &str, &[&str])) {
        let named = |text: &str| NAMES.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
        let line = named(line);
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let call = self.server.call(method, &path.replace(' ', "%20"));
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        let answer = call.plain(named(body)).send().await;
        if let Some(why) = difference(&answer, expected) {
            let wrong = format!("{line:.200}: {why}: {} {}", answer.status, answer.text);
            self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(wrong);
        }
    }
}

/// How an answer is not the refusal that was expected: its status and code, what it says, the shape of every error, and
/// what none may hold.
fn difference(answer: &Answer, (status, code, says): (u16, &str, &[&str])) -> Option<String> {
    if (answer.status, answer.error_code().as_str()) != (status, code) {
        return Some(format!("expected {status} {code}"));
    }
    let said = answer.json();
    // An OData error, or an OperationOutcome.
    let (message, media) = match said["error"]["message"].as_str() {
        Some(message) => (message, "application/json"),
        None => (said["issue"][0]["details"]["text"].as_str().unwrap_or_default(), "application/fhir+json"),
    };
    if message.is_empty() || !answer.header("content-type").starts_with(media) {
        return Some("no error of its kind".to_owned());
    }
    let silent = says.iter().find(|text| !answer.text.contains(*text));
    if let Some(text) = silent {
        return Some(format!("does not say `{text}`"));
    }
    let told = PRIVATE.iter().find(|text| answer.text.contains(*text));
    told.map(|text| format!("tells `{text}`"))
}
