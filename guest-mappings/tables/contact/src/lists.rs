//! Lists that patients, practitioners and related people have in common, as child tables.

use turntable_mapping::*;

use crate::codes::*;

#[rustfmt::skip]
pub(crate) const IDENTIFIER: Table = child("msemr_medicalidentifier", "msemr_medicalidentifiers", "Medical identifier", "A number or name by which a person is known in some system.",
    parent("contact", "msemr_assignee"), "identifier", &[
    key("msemr_medicalidentifierid", "Medical identifier"),
    text("msemr_value", "Identifier value", "value").max(250).required().search(token("identifier").superset()),
    uri("msemr_identifiersystem", "Identifier system", "system"),
    choice("msemr_type", "Type", IDENTIFIER_TYPE, "type.coding[0].code").system(IDENTIFIER_TYPES).open(),
    text("tt_typetext", "Type (text)", "type.text"),
    choice("msemr_use", "Use", IDENTIFIER_USE, "use"),
    constant("msemr_identifiertype", "Identifier type", CONTACT_TYPE, ""),
    lookup("msemr_assigner", "Assigner", &[("accounts", "Organization")], "assigner"),
    text("tt_assignername", "Assigner: name", "assigner.display"),
    lookup("msemr_careplanmedicalidentifierid", "Care plan", &[("msemr_careplans", "CarePlan")], "").describe("Identifiers of a person belong to no care plan."),
    lookup("msemr_encountermedicalidentifierid", "Encounter", &[("msemr_encounters", "Encounter")], "").describe("Identifiers of a person belong to no encounter."),
    date_time("msemr_periodstart", "From", "period.start"),
    date_time("msemr_periodend", "Until", "period.end"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Patient").when("msemr_identifiertype", "Patient"))
.source(resource("Practitioner").when("msemr_identifiertype", "Practitioner"))
.source(resource("RelatedPerson").when("msemr_identifiertype", "RelatedPerson"))
.primary_name("msemr_value");

#[rustfmt::skip]
pub(crate) const NAME: Table = child("msemr_additionalname", "msemr_additionalnames", "Additional name", "A name of a person; the first one is on the contact too.",
    parent("contact", "msemr_patient"), "name", &[
    key("msemr_additionalnameid", "Additional name"),
    text("msemr_name", "Name", "text"),
    text("msemr_familyname", "Family name", "family").search(string("family").contains().only("Patient|Practitioner")),
    text("msemr_firstname", "First name", "given[0]").search(string("given").contains().only("Patient|Practitioner")),
    text("msemr_middlename", "Middle name", "given[1]").search(string("given").contains().only("Patient|Practitioner")),
    text("msemr_prefix", "Prefix", "prefix[0]"),
    text("msemr_suffix", "Suffix", "suffix[0]"),
    choice("msemr_nameuse", "Use", NAME_USE, "use"),
    date_time("msemr_startdate", "From", "period.start"),
    date_time("msemr_enddate", "Until", "period.end"),
    text("tt_fullname", "Full name", "$this").derived().read_with(crate::full_name),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Patient"))
.source(resource("Practitioner"))
.source(resource("RelatedPerson"))
.primary_name("tt_fullname");

#[rustfmt::skip]
pub(crate) const ADDRESS: Table = child("msemr_address", "msemr_addresses", "Address", "An address of a person; the first three are on the contact too.",
    parent("contact", "msemr_contact"), "address", &[
    key("msemr_addressid", "Address"),
    text("msemr_name", "Name", "text | line[0] | city").derived(),
    text("msemr_line1", "Street 1", "line[0]"),
    text("msemr_line2", "Street 2", "line[1]"),
    text("msemr_line3", "Street 3", "line[2]"),
    text("msemr_city", "City", "city").search(string("address-city").contains()),
    text("msemr_district", "District", "district"),
    text("msemr_state", "State", "state").search(string("address-state").contains()),
    text("msemr_postalcode", "Postal code", "postalCode").search(string("address-postalcode").contains()),
    text("msemr_country", "Country", "country").search(string("address-country").contains()),
    text("msemr_text", "Address text", "text").multi_line(),
    choice("msemr_use", "Use", ADDRESS_USE, "use").search(token("address-use").superset()),
    choice("msemr_type", "Type", ADDRESS_TYPE, "type"),
    date_time("msemr_periodstart", "From", "period.start"),
    date_time("msemr_periodend", "Until", "period.end"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Patient"))
.source(resource("Practitioner"))
.source(resource("RelatedPerson"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const TELECOM: Table = child("tt_contacttelecom", "tt_contacttelecoms", "Contact telecom", "A way to reach a person; the first three are on the contact too.",
    parent("contact", "tt_contact"), "telecom", &[
    key("tt_contacttelecomid", "Contact telecom"),
    text("tt_value", "Value", "value").search(token("telecom").superset()),
    choice("tt_system", "System", SYSTEM, "system"),
    choice("tt_use", "Use", USE, "use"),
    int("tt_rank", "Rank", "rank"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("Patient"))
.source(resource("Practitioner"))
.source(resource("RelatedPerson"))
.primary_name("tt_value");

#[rustfmt::skip]
pub(crate) const PHOTO: Table = child("tt_contactphoto", "tt_contactphotos", "Contact photo", "A picture of a person.",
    parent("contact", "tt_contact"), "photo", &[
    key("tt_contactphotoid", "Contact photo"),
    text("tt_title", "Title", "title"),
    text("tt_contenttype", "Media type", "contentType"),
    uri("tt_url", "Address", "url"),
    text("tt_data", "Data", "data").multi_line().describe("Base64, as in the resource."),
    int("tt_size", "Size", "size").describe("Bytes."),
    text("tt_hash", "Hash", "hash").describe("SHA-1, in base64."),
    date_time("tt_creation", "Taken on", "creation"),
])
.source(resource("Patient"))
.source(resource("Practitioner"))
.source(resource("RelatedPerson"))
.primary_name("tt_title");

#[rustfmt::skip]
pub(crate) const COMMUNICATION: Table = child("msemr_communication", "msemr_communications", "Communication", "A language in which to talk with a person about health.",
    parent("contact", "msemr_contact"), "communication", &[
    key("msemr_communicationid", "Communication"),
    text("msemr_display", "Display", "language.text | language.coding[0].display | language.coding[0].code").derived(),
    concept("msemr_communicationlanguage", "Language", "language").search(token("language").superset().only("Patient")),
    boolean("msemr_preferredcommunication", "Preferred", "preferred"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Patient"))
.source(resource("RelatedPerson"))
.primary_name("msemr_display");

#[rustfmt::skip]
pub(crate) const RELATIONSHIP: Table = child("tt_contactrelationship", "tt_contactrelationships", "Contact relationship", "What a related person is to the patient.",
    parent("contact", "tt_contact"), "relationship", &[
    key("tt_contactrelationshipid", "Contact relationship"),
    text("tt_name", "Name", "text | coding[0].display").derived(),
    concept("tt_relationship", "Relationship", "$this").search(token("relationship").superset()),
    text("tt_text", "Text", "text"),
])
.source(resource("RelatedPerson"))
.primary_name("tt_name");
