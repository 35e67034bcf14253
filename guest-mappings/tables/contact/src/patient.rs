//! Lists that only a patient has, as child tables.

use turntable_mapping::*;

use crate::codes::{self, *};

#[rustfmt::skip]
pub(crate) const LINK: Table = child("msemr_contactlink", "msemr_contactlinks", "Contact link", "Another record of the same patient, or of the person behind it.",
    parent("contact", "msemr_patient"), "link", &[
    key("msemr_contactlinkid", "Contact link"),
    text("msemr_name", "Name", "other.display"),
    lookup("msemr_link", "Link", &[("contacts", "Patient"), ("contacts", "RelatedPerson")], "other").search(reference("link").superset()),
    code_concept("msemr_linktype", "Type", LINK_TYPES, "type"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Patient"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const GENERAL_PRACTITIONER: Table = child("tt_contactgeneralpractitioner", "tt_contactgeneralpractitioners", "General practitioner", "One whom the patient chose to be cared for by.",
    parent("contact", "tt_contact"), "generalPractitioner", &[
    key("tt_contactgeneralpractitionerid", "General practitioner"),
    text("tt_name", "Name", "display"),
    choice("tt_generalpractitionertype", "Type", codes::GENERAL_PRACTITIONER, "$this").derived(),
    lookup("tt_generalpractitioner", "General practitioner", &[("contacts", "Practitioner"), ("accounts", "Organization"), ("msemr_practitionerroles", "PractitionerRole")], "$this").search(reference("general-practitioner").superset()),
])
.source(resource("Patient"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const EMERGENCY_CONTACT: Table = child("tt_emergencycontact", "tt_emergencycontacts", "Emergency contact", "A guardian, partner, friend to turn to for a patient. A name here, no record of its own.",
    parent("contact", "tt_contact"), "contact", &[
    key("tt_emergencycontactid", "Emergency contact"),
    text("tt_name", "Name", "name.text | name.family | organization.display").derived(),
    text("tt_fullname", "Full name", "name.text"),
    text("tt_lastname", "Last name", "name.family"),
    text("tt_firstname", "First name", "name.given[0]"),
    text("tt_middlename", "Middle name", "name.given[1]"),
    text("tt_salutation", "Salutation", "name.prefix[0]"),
    concept("tt_relationship", "Relationship", "relationship[0]").describe("The first, if there are several."),
    text("tt_relationshiptext", "Relationship (text)", "relationship[0].text"),
    choice("tt_gender", "Gender", GENDER, "gender"),
    text("tt_phone", "Phone", "telecom.current(system='phone').value").describe("The phone number that holds now, whatever its use; of several that of the smallest rank."),
    text("tt_mobile", "Mobile phone", "telecom.current(system='phone' and use='mobile').value"),
    text("tt_email", "Email", "telecom.current(system='email').value"),
    text("tt_line1", "Street 1", "address.line[0]"),
    text("tt_line2", "Street 2", "address.line[1]"),
    text("tt_line3", "Street 3", "address.line[2]"),
    text("tt_city", "City", "address.city"),
    text("tt_district", "District", "address.district"),
    text("tt_state", "State", "address.state"),
    text("tt_postalcode", "Postal code", "address.postalCode"),
    text("tt_country", "Country", "address.country"),
    text("tt_text", "Address text", "address.text").multi_line(),
    lookup("tt_organization", "Organization", &[("accounts", "Organization")], "organization"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("Patient"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const EMERGENCY_CONTACT_RELATIONSHIP: Table = child("tt_emergencycontactrelationship", "tt_emergencycontactrelationships", "Emergency contact relationship", "What an emergency contact is to the patient.",
    parent("tt_emergencycontact", "tt_emergencycontact"), "relationship", &[
    key("tt_emergencycontactrelationshipid", "Emergency contact relationship"),
    text("tt_name", "Name", "text | coding[0].display").derived(),
    concept("tt_relationship", "Relationship", "$this"),
    text("tt_text", "Text", "text"),
])
.source(resource("Patient"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const EMERGENCY_CONTACT_TELECOM: Table = child("tt_emergencycontacttelecom", "tt_emergencycontacttelecoms", "Emergency contact telecom", "A way to reach an emergency contact.",
    parent("tt_emergencycontact", "tt_emergencycontact"), "telecom", &[
    key("tt_emergencycontacttelecomid", "Emergency contact telecom"),
    text("tt_value", "Value", "value"),
    choice("tt_system", "System", SYSTEM, "system"),
    choice("tt_use", "Use", USE, "use"),
    int("tt_rank", "Rank", "rank"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("Patient"))
.primary_name("tt_value");
