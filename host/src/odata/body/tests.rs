//! Bodies, by what they say.

use std::collections::BTreeMap;

use super::super::sample::{self, BASE, GUID};
use super::*;

fn observation(body: &str, purpose: Purpose) -> Result<Body> {
    let (catalog, limits, aliases) = (sample::catalog(), Limits::default(), BTreeMap::new());
    let naming = Naming::new(&limits, &aliases, &[]);
    let addresses = Addresses { catalog: &catalog, base: BASE, naming: &naming };
    read(body.as_bytes(), &sample::observation(), addresses, purpose, &[], &limits)
}

/// A new contact.
fn contact(body: &str, limits: &Limits) -> Result<Body> {
    let (catalog, aliases) = (sample::catalog(), BTreeMap::new());
    let naming = Naming::new(limits, &aliases, &[]);
    let addresses = Addresses { catalog: &catalog, base: BASE, naming: &naming };
    read(body.as_bytes(), &sample::contact(), addresses, Purpose::Create, &[], limits)
}

/// The one assignment of an update, as text.
fn update(member: &str) -> Result<String, String> {
    let key = Uuid::nil();
    let body = observation(&format!("{{{member}}}"), Purpose::Update(key)).map_err(|e| e.to_string())?;
    if let Some(repeat) = body.repeats.first() {
        return Err(repeat.otherwise.to_string());
    }
    let table = sample::observation();
    let shown = body.assignments.iter().map(|a| match &a.value {
        None => format!("{}=null", table.columns[a.column].name),
        Some(AssignedValue::Cell(text)) => format!("{}={text}", table.columns[a.column].name),
        Some(AssignedValue::Made) => format!("{}->new", table.columns[a.column].name),
        Some(AssignedValue::Bind { entity_set, key }) => {
            format!("{}->{entity_set}({key})", table.columns[a.column].name)
        }
    });
    Ok(shown.collect::<Vec<_>>().join(" "))
}

fn check(member: &str, expected: &str) {
    assert_eq!(update(member).as_deref(), Ok(expected), "{member}");
}

fn refused(member: &str, expected: &str) {
    let error = update(member).expect_err(member);
    assert!(error.contains(expected), "{member}: {error}");
}

#[test]
fn values_become_cell_texts() {
    check(r#""msemr_name":"a\"b\u00e9""#, "msemr_name=a\"bé");
    check(r#""msemr_name":null"#, "msemr_name=null");
    check(r#""msemr_status":935000001"#, "msemr_status=final");
    check(r#""msemr_value":72.10"#, "msemr_value=72.10");
    check(r#""msemr_value":"72.10""#, "msemr_value=72.10");
    check(r#""msemr_value":1e2"#, "msemr_value=1e2");
    check(r#""msemr_count":-2147483648"#, "msemr_count=-2147483648");
    check(r#""msemr_total":"9223372036854775807""#, "msemr_total=9223372036854775807");
    check(r#""msemr_issued":"2015-02-07T13:28:17.5+02:00""#, "msemr_issued=2015-02-07T13:28:17.5+02:00");
    check(r#""msemr_onset":"2015-02""#, "msemr_onset=2015-02");
    check(r#""msemr_link":"http://loinc.org""#, "msemr_link=http://loinc.org");
    check(r#""msemr_extra":"{\"a\":1}""#, "msemr_extra={\"a\":1}");
    for named in ["#Microsoft.Dynamics.CRM.msemr_observation", "Microsoft.Dynamics.CRM.msemr_observation"] {
        check(&format!(r#""@odata.type":"{named}","msemr_name@odata.type":"y""#), "");
    }
    check(r#""@odata.type":"http://x/$metadata#mscrm.msemr_observation""#, "");
    for other in ["\"#Microsoft.Dynamics.CRM.contact\"", "\"msemr_observation\"", "\"#x.msemr_observation\"", "5"] {
        refused(
            &format!(r#""@odata.type":{other}"#),
            "`@odata.type` takes `#Microsoft.Dynamics.CRM.msemr_observation`",
        );
    }
    check(&format!(r#""msemr_observationid":"{}""#, Uuid::nil()), "");
    check("", "");
}

#[test]
fn values_that_do_not_fit_are_refused() {
    refused(r#""msemr_name":"a\u0000""#, "control characters");
    refused(r#""msemr_name":5"#, "BadValue: `msemr_name` takes a text");
    refused(r#""msemr_status":7"#, "935000001 = Final, 935000002 = Amended");
    refused(r#""msemr_status":"Final""#, "BadValue");
    refused(r#""msemr_status":null"#, "RequiredColumn");
    refused(r#""msemr_value":"abc""#, "a number");
    refused(r#""msemr_value":12345678901"#, "at most 9 digits");
    refused(r#""msemr_count":2147483648"#, "32-bit");
    refused(r#""msemr_count":1.5"#, "32-bit");
    refused(r#""msemr_issued":"2015-02-07T13:28:17""#, "offset");
    refused(r#""msemr_issued":"2015-02-30T13:28:17Z""#, "offset");
    refused(r#""msemr_onset":"soon""#, "BadValue");
    refused(r#""msemr_link":"a b""#, "a URI");
    refused(r#""msemr_extra":"{""#, "JSON as text");
    refused(r#""version":"3""#, "NotWritable");
    refused(
        r#""msemr_nam":"x""#,
        "UnknownColumn: `msemr_observation` has no column `msemr_nam` (did you mean `msemr_name`?)",
    );
    refused(&format!(r#""msemr_observationid":"{GUID}""#), "BadKey");
    let long = contact(r#"{"fullname":"12345678901"}"#, &Limits::default());
    assert!(long.unwrap_err().message().contains("at most 10 characters"));
    let fits = contact("{\"fullname\":\"äöüäöüäöüß\"}", &Limits::default());
    assert!(fits.is_ok());
}

/// An update says them on, a create has no row that could show them.
#[test]
fn values_that_cannot_be_written_wait_for_the_row() {
    let member = r#"{"version":"3"}"#;
    let read = observation(member, Purpose::Update(Uuid::nil())).unwrap();
    let [repeat] = read.repeats.as_slice() else { panic!("one value") };
    assert_eq!((repeat.value.as_deref(), repeat.otherwise.code()), (Some("3"), Code::NotWritable));
    assert!(read.assignments.is_empty());
    assert_eq!(observation(member, Purpose::Create).unwrap_err().code(), Code::NotWritable);
}

#[test]
fn lookups_are_bound_by_url() {
    let bound = format!("msemr_patient->contacts({GUID})");
    for url in [format!("/contacts({GUID})"), format!("contacts({GUID})"), format!("{BASE}contacts({GUID})")] {
        check(&format!(r#""msemr_patient@odata.bind":"{url}""#), &bound);
    }
    let path = format!("/{}", BASE.splitn(4, '/').last().unwrap());
    for row in ["contacts(*)", "contacts(contactid=*)", "contacts(contactid='*')"] {
        let row = row.replace('*', GUID);
        check(&format!(r#""msemr_patient@odata.bind":"{path}{row}""#), &bound);
        check(&format!(r#""msemr_patient@odata.bind":"/{row}""#), &bound);
    }
    refused(&format!(r#""msemr_patient@odata.bind":"/contacts(fullname={GUID})""#), "no alternate key of `fullname`");
    refused(&format!(r#""msemr_patient@odata.bind":"/other/contacts({GUID})""#), "a row's URL");
    check(r#""msemr_device@odata.bind":null"#, "msemr_device=null");
    check(r#""msemr_device":null"#, "msemr_device=null");
    check(
        &format!(r#""msemr_device@odata.bind":"/msemr_devices({GUID})""#),
        &format!("msemr_device->msemr_devices({GUID})"),
    );
    refused(r#""msemr_patient@odata.bind":null"#, "RequiredColumn");
    refused(&format!(r#""msemr_patient@odata.bind":"/accounts({GUID})""#), "a row of contacts");
    refused(&format!(r#""msemr_patient@odata.bind":"http://elsewhere/contacts({GUID})""#), "a row's URL");
    refused(r#""msemr_patient@odata.bind":"/contacts(abc)""#, "a row's URL");
    refused(r#""msemr_patient@odata.bind":5"#, "a row's URL");
    refused(&format!(r#""_msemr_patient_value":"{GUID}""#), "msemr_patient@odata.bind");
    refused(&format!(r#""_msemr_code_value":"{GUID}""#), "write `msemr_code_code` and its system");
    refused(r#""msemr_code@odata.bind":"/x(1)""#, "NotSupported");
    refused(r#""msemr_patient":{"fullname":"x"}"#, "NotSupported: writing a related row");
    refused(r#""nothing@odata.bind":"/x(1)""#, "UnknownColumn");
    refused(&format!(r#""msemr_patient":null,"msemr_patient@odata.bind":"/contacts({GUID})""#), "RequiredColumn");
    refused(&format!(r#""msemr_device":null,"msemr_device@odata.bind":"/msemr_devices({GUID})""#), "given already");
}

#[test]
fn a_create_gives_what_is_required() {
    let error = observation(r#"{"msemr_name":"x"}"#, Purpose::Create).unwrap_err();
    assert_eq!(error.code(), Code::RequiredColumn);
    let missing: Vec<_> = error.get_details().iter().filter_map(|d| d.target.as_deref()).collect();
    assert_eq!(missing, ["msemr_status", "msemr_patient"]);
    let whole = format!(
        r#"{{"msemr_observationid":"{GUID}","msemr_status":935000001,"msemr_patient@odata.bind":"/contacts({GUID})"}}"#
    );
    let body = observation(&whole, Purpose::Create).unwrap();
    assert_eq!((body.key, body.assignments.len()), (Uuid::parse_str(GUID).ok(), 2));
}

#[test]
fn json_errors_say_where_and_never_what() {
    let check = |body: &str, expected: &str| {
        let error = observation(body, Purpose::Update(Uuid::nil())).unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::BadJson, expected), "{body}");
    };
    check("{\"msemr_name\":\n secret}", "the body is not valid JSON, line 2 column 2");
    check("[1]", "the body is no JSON object, line 1 column 0");
    check("\"secret\"", "the body is no JSON object, line 1 column 8");
    check("", "the body is not valid JSON, line 1 column 0");
    check(r#"{"a":1} x"#, "the body is not valid JSON, line 1 column 9");
    check(r#"{"msemr_name":1,"msemr_name":2}"#, "a member of the JSON object is given twice, line 1 column 31");
    let deep = format!("{{\"x\":{}}}", "[".repeat(100_000));
    assert_eq!(observation(&deep, Purpose::Create).unwrap_err().code(), Code::BadJson);
}

#[test]
fn a_bundle_comes_whole_or_in_a_member() {
    let check = |body: &str, expected: Option<&str>| {
        assert_eq!(bundle(body.as_bytes()).ok().as_deref(), expected, "{body}");
    };
    check(r#"{"resourceType":"Bundle","n":1.50}"#, Some(r#"{"resourceType":"Bundle","n":1.50}"#));
    check(r#"{"Bundle":{"n":1.50}}"#, Some(r#"{"n":1.50}"#));
    check(r#"{"msind_bundle":"{\"n\":1.50}"}"#, Some(r#"{"n":1.50}"#));
    check(r#"{"other":1}"#, None);
    check(r#"{"Bundle":1}"#, None);
}

#[test]
fn rows_inside_a_row_are_new_ones() {
    let inside = r#"{"msemr_observation_msemr_patient":[{"msemr_status":935000001,"msemr_name":"a"},{"msemr_status":935000002}]}"#;
    let body = contact(inside, &Limits::default()).unwrap();
    let [Related { navigation, changes, .. }] = body.related.as_slice() else { panic!("one collection") };
    assert_eq!((navigation.as_str(), changes.len()), ("msemr_observation_msemr_patient", 2));
    // The lookup to the row around it is given, though no one has a key yet.
    assert!(changes.iter().all(|change| change.assignments.iter().any(|a| a.value == Some(AssignedValue::Made))));
    let above = r#"{"msemr_status":935000001,"msemr_patient":{"fullname":"x"}}"#;
    let body = observation(above, Purpose::Create).unwrap();
    assert_eq!((body.related.len(), body.assignments.len()), (1, 2));
    let refused = |body: &str, code: Code, target: &str| {
        let error = contact(body, &Limits::default()).unwrap_err();
        assert_eq!((error.code(), error.get_target()), (code, Some(target)), "{body}: {error}");
    };
    let list = "msemr_observation_msemr_patient";
    refused(&format!(r#"{{"{list}":{{}}}}"#), Code::BadValue, list);
    refused(&format!(r#"{{"{list}":[5]}}"#), Code::BadJson, &format!("{list}[0]"));
    refused(&format!(r#"{{"{list}":[{{}}]}}"#), Code::RequiredColumn, &format!("{list}[0]/msemr_status"));
    refused(&format!(r#"{{"{list}":[{{"x":1}}]}}"#), Code::UnknownColumn, &format!("{list}[0]/x"));
    let there = format!(r#"{{"{list}":[{{"@odata.id":"msemr_observations({GUID})"}}]}}"#);
    refused(&there, Code::NotSupported, &format!("{list}[0]/@odata.id"));
    let limited = |limits: Limits, named: &str| {
        let error = contact(inside, &limits).unwrap_err();
        assert!(error.code() == Code::BadRequest && error.message().contains(named), "{error}");
    };
    limited(Limits { insert_rows: 1, ..Limits::default() }, "`insert_rows`, 1");
    limited(Limits { insert_depth: 0, ..Limits::default() }, "`insert_depth`, 0");
    // A row that may be there takes none.
    let error = observation(above, Purpose::Update(Uuid::nil())).unwrap_err();
    assert_eq!(error.code(), Code::NotSupported);
}
