//! Lists that only a practitioner has, as child tables.

use turntable_mapping::*;

use crate::codes::*;

#[rustfmt::skip]
pub(crate) const QUALIFICATION: Table = child("msemr_practitionerqualification", "msemr_practitionerqualifications", "Practitioner qualification", "A certification, licence or training of a practitioner.",
    parent("contact", "msemr_practitioner"), "qualification", &[
    key("msemr_practitionerqualificationid", "Practitioner qualification"),
    text("msemr_display", "Display", "code.coding[0].display"),
    text("msemr_code", "Code", "code.coding[0].code"),
    text("msemr_codesystem", "Code system", "code.coding[0].system"),
    text("msemr_codeversion", "Code version", "code.coding[0].version"),
    concept("msemr_qualificationcode", "Qualification", "code"),
    text("tt_codetext", "Qualification (text)", "code.text"),
    lookup("msemr_issuer", "Issuer", &[("accounts", "Organization")], "issuer"),
    text("msemr_providernpinumber", "Provider NPI number", "identifier.where(system='http://hl7.org/fhir/sid/us-npi').value"),
    text("tt_identifier", "Identifier", "identifier[0].value").describe("The first, if there are several."),
    date_time("msemr_periodstart", "From", "period.start"),
    date_time("msemr_periodend", "Until", "period.end"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Practitioner"))
.primary_name("msemr_display");

#[rustfmt::skip]
pub(crate) const QUALIFICATION_IDENTIFIER: Table = child("tt_qualificationidentifier", "tt_qualificationidentifiers", "Qualification identifier", "A number of a certification or licence.",
    parent("msemr_practitionerqualification", "tt_qualification"), "identifier", &[
    key("tt_qualificationidentifierid", "Qualification identifier"),
    text("tt_value", "Value", "value"),
    uri("tt_system", "System", "system"),
    choice("tt_use", "Use", IDENTIFIER_USE, "use"),
    concept("tt_type", "Type", "type"),
    lookup("tt_assigner", "Assigner", &[("accounts", "Organization")], "assigner"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("Practitioner"))
.primary_name("tt_value");

#[rustfmt::skip]
pub(crate) const LANGUAGE: Table = child("tt_practitionerlanguage", "tt_practitionerlanguages", "Practitioner language", "A language that a practitioner speaks with patients.",
    parent("contact", "tt_contact"), "communication", &[
    key("tt_practitionerlanguageid", "Practitioner language"),
    text("tt_name", "Name", "text | coding[0].display | coding[0].code").derived(),
    concept("tt_language", "Language", "$this").search(token("communication").superset()),
    text("tt_text", "Text", "text"),
])
.source(resource("Practitioner"))
.primary_name("tt_name");
