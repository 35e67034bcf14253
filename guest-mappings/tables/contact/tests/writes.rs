//! Changes that a contact refuses, and those that take something else away.

use mapping_contact::MAPPING;
use turntable_laws::testing::{check, refusals, update};

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
        r#"{"tt_patient": "Patient/another"}"#,
        r#"{"tt_language_code": "nl"}"#,
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

#[test]
fn each_kind_of_person_has_its_own_columns() {
    const PRACTITIONER: &str = include_str!("../samples/every-list-practitioner.json");
    const RELATED: &str = include_str!("../samples/every-list-relatedperson.json");
    for (person, change) in [
        (PRACTITIONER, r#"{"msemr_communication1preferred": true}"#),
        (PRACTITIONER, r#"{"familystatuscode": "M"}"#),
        (RELATED, r#"{"msemr_generalpractioner": "Practitioner/d1"}"#),
        (RELATED, r#"{"msemr_qualification1identifier": "123"}"#),
    ] {
        assert_eq!(refusals(&MAPPING, "contact", person, change).len(), 1, "{change}");
    }
    let moved = update(&MAPPING, "contact", RELATED, r#"{"tt_patient": "Patient/other", "tt_periodend": null}"#);
    check(&MAPPING, "contact", &moved, r#"{"tt_patient": "Patient/other", "tt_periodstart": "2012-03-11"}"#);
    check(&MAPPING, "contact", &moved, r#"{"msemr_contacttype": "RelatedPerson", "fullname": "Bob Lee"}"#);
}
