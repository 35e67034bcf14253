//! Changes that a contact refuses, and those that take something else away.

use mapping_contact::MAPPING;
use turntable_mapping::testing::{check, refusals, update};

const PATIENT: &str = include_str!("../samples/hl7-patient-example.json");

#[test]
fn what_fhir_has_no_place_for_is_refused() {
    for change in [
        r#"{"msemr_animal": true}"#,
        r#"{"msemr_contact1": "Patient/another"}"#,
        r#"{"msemr_contacttype": "Practitioner"}"#,
        r#"{"msemr_qualification1identifier": "123"}"#,
        r#"{"fullname": "Somebody Else"}"#,
        r#"{"gendercode": "m"}"#,
        r#"{"birthdate": "1974-12"}"#,
        r#"{"msemr_managingorganization": "Patient/another"}"#,
    ] {
        assert_eq!(refusals(&MAPPING, "contact", PATIENT, change).len(), 1, "{change}");
    }
}

#[test]
fn a_date_of_death_replaces_the_bare_fact() {
    check(&MAPPING, "contact", PATIENT, r#"{"tt_deceasedboolean": "false", "msemr_deceaseddate": null}"#);
    let died = update(&MAPPING, "contact", PATIENT, r#"{"msemr_deceaseddate": "2015-02-14T13:42:00+10:00"}"#);
    check(
        &MAPPING,
        "contact",
        &died,
        r#"{"tt_deceasedboolean": null, "msemr_deceaseddate": "2015-02-14T13:42:00+10:00"}"#,
    );
}

#[test]
fn the_official_and_the_first_name_are_one_here() {
    let renamed = update(&MAPPING, "contact", PATIENT, r#"{"msemr_name2familyname": "Chalmers-Windsor"}"#);
    check(
        &MAPPING,
        "contact",
        &renamed,
        r#"{"lastname": "Chalmers-Windsor", "fullname": "Peter James Chalmers-Windsor", "msemr_name1use": "official"}"#,
    );
}
