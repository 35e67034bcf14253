//! `contact` ⇄ FHIR Patient, Practitioner and RelatedPerson, told apart by `msemr_contacttype`; with a child
//! table for each of their lists.
//!
//! A platform table of Dataverse: the columns without prefix are the platform's own, and show the
//! name and address of the resource that hold now. `msemr_name2*` is the official name and `msemr_name3*` the temporary
//! one, wherever they stand in the list. Columns with no R4 element (animals, the related contact rows)
//! exist and are empty on the virtual route.
//!
//! Left out, and kept by every write: `language`, `text`, `meta.profile`, `meta.tag` and `meta.security`
//! (about the document, not the person), `contained`, extensions (each site and country has its own),
//! `modifierExtension` (a reader that does not know one must not act on it, in a column or not), the search
//! parameters `name`, `address` and `phonetic` (servers differ in what they look at), `telecom` (a value of any
//! system). A patient's addresses and names beyond the third are rows of the child tables only.
#![forbid(unsafe_code)]

mod codes;
mod lists;
mod patient;
mod practitioner;

use std::borrow::Cow;

use turntable_mapping::*;

use crate::codes::*;

pub const MAPPING: Mapping = mapping(
    "contact",
    env!("CARGO_PKG_VERSION"),
    &[
        CONTACT,
        lists::IDENTIFIER,
        lists::NAME,
        lists::ADDRESS,
        lists::TELECOM,
        lists::PHOTO,
        lists::COMMUNICATION,
        lists::RELATIONSHIP,
        patient::LINK,
        patient::GENERAL_PRACTITIONER,
        patient::EMERGENCY_CONTACT,
        patient::EMERGENCY_CONTACT_RELATIONSHIP,
        patient::EMERGENCY_CONTACT_TELECOM,
        practitioner::QUALIFICATION,
        practitioner::QUALIFICATION_IDENTIFIER,
        practitioner::LANGUAGE,
    ],
);

#[rustfmt::skip]
const CONTACT: Table = table("contact", "contacts", "Contact", "A person: a patient, a practitioner, or someone related to a patient.", &[
    key("contactid", "Contact"),
    constant("msemr_contacttype", "Contact type", CONTACT_TYPE, ""),
    text("fullname", "Full name", "name.current()").derived().read_with(full_name),
    text("firstname", "First name", "name.current().given[0]").search(string("given").contains().only("Patient|Practitioner")),
    text("middlename", "Middle name", "name.current().given[1]").search(string("given").contains().only("Patient|Practitioner")),
    text("lastname", "Last name", "name.current().family").search(string("family").contains().only("Patient|Practitioner")),
    text("salutation", "Salutation", "name.current().prefix[0]"),
    text("suffix", "Suffix", "name.current().suffix[0]"),
    choice("gendercode", "Gender", GENDER, "gender").search(token("gender")),
    date("birthdate", "Birthday", "birthDate").search(by_date("birthdate").only("Patient|RelatedPerson").partial()),
    partial_date("tt_birthdate", "Birthday (any precision)", "birthDate").search(by_date("birthdate").only("Patient|RelatedPerson").partial().missing()),
    boolean("tt_active", "Active", "active").search(token("active").missing()),
    lookup("tt_patient", "Related to", &[("contacts", "Patient")], "patient").only("RelatedPerson").describe("The patient that a related person belongs to.").search(reference("patient")),
    concept("tt_relationship", "Relationship", "relationship[0]").only("RelatedPerson").describe("The first, if there are several.").search(token("relationship").superset()),
    text("tt_relationshiptext", "Relationship (text)", "relationship[0].text").only("RelatedPerson"),
    date_time("tt_periodstart", "Related from", "period.start").only("RelatedPerson"),
    date_time("tt_periodend", "Related until", "period.end").only("RelatedPerson"),
    text("tt_identifier", "Identifier", "identifier[0].value").describe("The first, if there are several.").search(token("identifier").superset()),
    uri("tt_identifiersystem", "Identifier system", "identifier[0].system"),
    choice("familystatuscode", "Marital status", MARITAL, "maritalStatus.coding[0].code").system(MARITAL_STATUS).open().only("Patient"),
    text("tt_maritalstatustext", "Marital status (text)", "maritalStatus.text").only("Patient"),
    date_time("msemr_deceaseddate", "Deceased on", "deceasedDateTime").only("Patient").search(by_date("death-date").partial().missing()),
    boolean("tt_deceasedboolean", "Deceased", "deceasedBoolean").only("Patient").describe("Given instead of a date.").search(token("deceased").superset()),
    int("msemr_multiplebirth", "Multiple birth: order", "multipleBirthInteger").only("Patient"),
    boolean("tt_multiplebirthboolean", "Multiple birth", "multipleBirthBoolean").only("Patient").describe("Given instead of the order."),
    text("msemr_medicalrecordnumber", "Medical record number", "identifier.where(type.coding.code='MR').value").max(256).only("Patient").search(token("identifier").superset()),

    text("telephone1", "Business phone", "telecom.current(system='phone' and use='work').value").search(token("phone").superset()),
    text("telephone2", "Home phone", "telecom.current(system='phone' and use='home').value").search(token("phone").superset()),
    text("mobilephone", "Mobile phone", "telecom.current(system='phone' and use='mobile').value").search(token("phone").superset()),
    text("tt_phone", "Phone", "telecom.current(system='phone').value").describe("The phone number that holds now, whatever its use; of several that of the smallest rank.").search(token("phone").superset()),
    text("emailaddress1", "Email", "telecom.current(system='email').value").search(token("email").superset()),
    text("fax", "Fax", "telecom.current(system='fax').value"),
    text("pager", "Pager", "telecom.current(system='pager').value"),
    text("websiteurl", "Web site", "telecom.current(system='url').value"),
    text("address1_line1", "Address 1: street 1", "address.current().line[0]"),
    text("address1_line2", "Address 1: street 2", "address.current().line[1]"),
    text("address1_line3", "Address 1: street 3", "address.current().line[2]"),
    text("address1_city", "Address 1: city", "address.current().city").search(string("address-city").contains()),
    text("address1_stateorprovince", "Address 1: state or province", "address.current().state").search(string("address-state").contains()),
    text("address1_postalcode", "Address 1: postal code", "address.current().postalCode").search(string("address-postalcode").contains()),
    text("address1_country", "Address 1: country", "address.current().country").search(string("address-country").contains()),
    text("address1_county", "Address 1: county", "address.current().district"),
    choice("tt_address1use", "Address 1: use", ADDRESS_USE, "address.current().use").search(token("address-use").superset()),
    choice("tt_address1type", "Address 1: type", ADDRESS_TYPE, "address.current().type"),
    text("tt_address1text", "Address 1 (text)", "address.current().text").multi_line(),
    date_time("msemr_address1periodstartdate", "Address 1: from", "address.current().period.start"),
    date_time("msemr_address1periodenddate", "Address 1: until", "address.current().period.end"),
    text("address2_line1", "Address 2: street 1", "address[1].line[0]"),
    text("address2_line2", "Address 2: street 2", "address[1].line[1]"),
    text("address2_line3", "Address 2: street 3", "address[1].line[2]"),
    text("address2_city", "Address 2: city", "address[1].city").search(string("address-city").contains()),
    text("address2_stateorprovince", "Address 2: state or province", "address[1].state").search(string("address-state").contains()),
    text("address2_postalcode", "Address 2: postal code", "address[1].postalCode").search(string("address-postalcode").contains()),
    text("address2_country", "Address 2: country", "address[1].country").search(string("address-country").contains()),
    text("address2_county", "Address 2: county", "address[1].district"),
    choice("tt_address2use", "Address 2: use", ADDRESS_USE, "address[1].use").search(token("address-use").superset()),
    choice("tt_address2type", "Address 2: type", ADDRESS_TYPE, "address[1].type"),
    text("tt_address2text", "Address 2 (text)", "address[1].text").multi_line(),
    date_time("msemr_address2periodstartdate", "Address 2: from", "address[1].period.start"),
    date_time("msemr_address2periodenddate", "Address 2: until", "address[1].period.end"),
    text("address3_line1", "Address 3: street 1", "address[2].line[0]"),
    text("address3_line2", "Address 3: street 2", "address[2].line[1]"),
    text("address3_line3", "Address 3: street 3", "address[2].line[2]"),
    text("address3_city", "Address 3: city", "address[2].city").search(string("address-city").contains()),
    text("address3_stateorprovince", "Address 3: state or province", "address[2].state").search(string("address-state").contains()),
    text("address3_postalcode", "Address 3: postal code", "address[2].postalCode").search(string("address-postalcode").contains()),
    text("address3_country", "Address 3: country", "address[2].country").search(string("address-country").contains()),
    text("address3_county", "Address 3: county", "address[2].district"),
    choice("tt_address3use", "Address 3: use", ADDRESS_USE, "address[2].use").search(token("address-use").superset()),
    choice("tt_address3type", "Address 3: type", ADDRESS_TYPE, "address[2].type"),
    text("tt_address3text", "Address 3 (text)", "address[2].text").multi_line(),
    date_time("msemr_address3periodstartdate", "Address 3: from", "address[2].period.start"),
    date_time("msemr_address3periodenddate", "Address 3: until", "address[2].period.end"),
    text("entityimage", "Photo", "photo[0].data").multi_line().describe("Base64, as in the resource."),

    lookup("msemr_generalpractioner", "General practitioner", &[("contacts", "Practitioner")], "generalPractitioner[0]").only("Patient").search(reference("general-practitioner").superset()),
    lookup("tt_generalpractitionerorganization", "General practice", &[("accounts", "Organization")], "generalPractitioner[0]").only("Patient").describe("Where the general practitioner is an organization.").search(reference("general-practitioner").superset()),
    lookup("msemr_managingorganization", "Managing organization", &[("accounts", "Organization")], "managingOrganization").only("Patient").search(reference("organization")),
    lookup("parentcustomerid", "Company", &[("accounts", "Organization")], "managingOrganization").only("Patient").search(reference("organization")),
    concept("msemr_communication1language", "Language 1", "communication[0].language").only("Patient|RelatedPerson").search(token("language").superset().only("Patient")),
    text("tt_communication1languagetext", "Language 1 (text)", "communication[0].language.text").only("Patient|RelatedPerson"),
    boolean("msemr_communication1preferred", "Language 1: preferred", "communication[0].preferred").only("Patient|RelatedPerson"),
    concept("msemr_communication2language", "Language 2", "communication[1].language").only("Patient|RelatedPerson").search(token("language").superset().only("Patient")),
    text("tt_communication2languagetext", "Language 2 (text)", "communication[1].language.text").only("Patient|RelatedPerson"),
    boolean("msemr_communication2preferred", "Language 2: preferred", "communication[1].preferred").only("Patient|RelatedPerson"),
    concept("tt_language", "Language", "communication[0]").only("Practitioner").describe("Of a practitioner: the first that he or she speaks with patients.").search(token("communication").superset()),
    text("tt_languagetext", "Language (text)", "communication[0].text").only("Practitioner"),

    lookup("msemr_contact1", "Emergency contact 1", &[("contacts", "Patient"), ("contacts", "Practitioner"), ("contacts", "RelatedPerson")], "").describe("Kept on the native route only: in FHIR a contact is a name, not a reference."),
    text("tt_contact1name", "Emergency contact 1: name", "contact[0].name.text").only("Patient").describe("In one line; its parts are columns of their own."),
    text("tt_contact1lastname", "Emergency contact 1: last name", "contact[0].name.family").only("Patient"),
    text("tt_contact1firstname", "Emergency contact 1: first name", "contact[0].name.given[0]").only("Patient"),
    text("tt_contact1phone", "Emergency contact 1: phone", "contact[0].telecom.current(system='phone').value").only("Patient"),
    concept("msemr_contact1relationship", "Emergency contact 1: relationship", "contact[0].relationship[0]").only("Patient"),
    text("tt_contact1relationshiptext", "Emergency contact 1: relationship (text)", "contact[0].relationship[0].text").only("Patient"),
    date_time("msemr_contact1startdate", "Emergency contact 1: from", "contact[0].period.start").only("Patient"),
    date_time("msemr_contac1tenddate", "Emergency contact 1: until", "contact[0].period.end").only("Patient"),
    lookup("msemr_contact2", "Emergency contact 2", &[("contacts", "Patient"), ("contacts", "Practitioner"), ("contacts", "RelatedPerson")], "").describe("Kept on the native route only: in FHIR a contact is a name, not a reference."),
    text("tt_contact2name", "Emergency contact 2: name", "contact[1].name.text").only("Patient").describe("In one line; its parts are columns of their own."),
    text("tt_contact2lastname", "Emergency contact 2: last name", "contact[1].name.family").only("Patient"),
    text("tt_contact2firstname", "Emergency contact 2: first name", "contact[1].name.given[0]").only("Patient"),
    text("tt_contact2phone", "Emergency contact 2: phone", "contact[1].telecom.current(system='phone').value").only("Patient"),
    concept("msemr_contact2relationship", "Emergency contact 2: relationship", "contact[1].relationship[0]").only("Patient"),
    text("tt_contact2relationshiptext", "Emergency contact 2: relationship (text)", "contact[1].relationship[0].text").only("Patient"),
    date_time("msemr_contact2startdate", "Emergency contact 2: from", "contact[1].period.start").only("Patient"),
    date_time("msemr_contac2tenddate", "Emergency contact 2: until", "contact[1].period.end").only("Patient"),
    lookup("msemr_link1", "Link 1", &[("contacts", "Patient"), ("contacts", "RelatedPerson")], "link[0].other").only("Patient").search(reference("link").superset()),
    code_concept("msemr_link1type", "Link 1: type", LINK_TYPES, "link[0].type").only("Patient"),
    lookup("msemr_link2", "Link 2", &[("contacts", "Patient"), ("contacts", "RelatedPerson")], "link[1].other").only("Patient").search(reference("link").superset()),
    code_concept("msemr_link2type", "Link 2: type", LINK_TYPES, "link[1].type").only("Patient"),

    choice("msemr_name1use", "Name: use", NAME_USE, "name.current().use"),
    date_time("msemr_name1startdate", "Name: from", "name.current().period.start"),
    date_time("msemr_name1enddate", "Name: until", "name.current().period.end"),
    text("msemr_name2", "Official name", "name.where(use='official').text"),
    text("msemr_name2familyname", "Official name: family", "name.where(use='official').family").search(string("family").contains().only("Patient|Practitioner")),
    text("msemr_name2givenname", "Official name: given", "name.where(use='official').given[0]").search(string("given").contains().only("Patient|Practitioner")),
    text("msemr_name2prefix", "Official name: prefix", "name.where(use='official').prefix[0]"),
    text("msemr_name2suffix", "Official name: suffix", "name.where(use='official').suffix[0]"),
    choice("msemr_name2use", "Official name: use", NAME_USE, "name.where(use='official').use").derived(),
    date_time("msemr_name2startdate", "Official name: from", "name.where(use='official').period.start"),
    date_time("msemr_name2enddate", "Official name: until", "name.where(use='official').period.end"),
    text("msemr_name3", "Temporary name", "name.where(use='temp').text"),
    text("msemr_name3familyname", "Temporary name: family", "name.where(use='temp').family").search(string("family").contains().only("Patient|Practitioner")),
    text("msemr_name3givenname", "Temporary name: given", "name.where(use='temp').given[0]").search(string("given").contains().only("Patient|Practitioner")),
    text("msemr_name3prefix", "Temporary name: prefix", "name.where(use='temp').prefix[0]"),
    text("msemr_name3suffix", "Temporary name: suffix", "name.where(use='temp').suffix[0]"),
    choice("msemr_name3use", "Temporary name: use", NAME_USE, "name.where(use='temp').use").derived(),
    date_time("msemr_name3namestartdate", "Temporary name: from", "name.where(use='temp').period.start"),
    date_time("msemr_name3nameenddate", "Temporary name: until", "name.where(use='temp').period.end"),

    choice("msemr_telecom1system", "Telecom 1: system", SYSTEM, "telecom[0].system"),
    choice("msemr_telecom1use", "Telecom 1: use", USE, "telecom[0].use"),
    text("tt_telecom1value", "Telecom 1: value", "telecom[0].value"),
    int("msemr_telecom1rank", "Telecom 1: rank", "telecom[0].rank"),
    date_time("msemr_telecom1startdate", "Telecom 1: from", "telecom[0].period.start"),
    date_time("msemr_telecom1enddate", "Telecom 1: until", "telecom[0].period.end"),
    choice("msemr_telecom2system", "Telecom 2: system", SYSTEM, "telecom[1].system"),
    choice("msemr_telecom2use", "Telecom 2: use", USE, "telecom[1].use"),
    text("tt_telecom2value", "Telecom 2: value", "telecom[1].value"),
    int("msemr_telecom2rank", "Telecom 2: rank", "telecom[1].rank"),
    date_time("msemr_telecom2startdate", "Telecom 2: from", "telecom[1].period.start"),
    date_time("msemr_telecom2enddate", "Telecom 2: until", "telecom[1].period.end"),
    choice("msemr_telecom3system", "Telecom 3: system", SYSTEM, "telecom[2].system"),
    choice("msemr_telecom3use", "Telecom 3: use", USE, "telecom[2].use"),
    text("tt_telecom3value", "Telecom 3: value", "telecom[2].value"),
    int("msemr_telecom3rank", "Telecom 3: rank", "telecom[2].rank"),
    date_time("msemr_telecom3startdate", "Telecom 3: from", "telecom[2].period.start"),
    date_time("msemr_telecom3enddate", "Telecom 3: until", "telecom[2].period.end"),

    text("msemr_qualification1identifier", "Qualification: identifier", "qualification[0].identifier[0].value").only("Practitioner"),
    concept("tt_qualification1code", "Qualification", "qualification[0].code").only("Practitioner"),
    text("tt_qualification1text", "Qualification (text)", "qualification[0].code.text").only("Practitioner"),
    lookup("msemr_qualification1issuer", "Qualification: issuer", &[("accounts", "Organization")], "qualification[0].issuer").only("Practitioner"),
    date_time("msemr_qualification1periodstartdate", "Qualification: from", "qualification[0].period.start").only("Practitioner"),
    date_time("msemr_qualification1periodenddate", "Qualification: until", "qualification[0].period.end").only("Practitioner"),

    boolean("msemr_animal", "Animal", "").describe("STU3 only."),
    concept("msemr_animalspecies", "Animal: species", "").describe("STU3 only."),
    concept("msemr_animalbreed", "Animal: breed", "").describe("STU3 only."),
    concept("msemr_animalgenderstatus", "Animal: gender status", "").describe("STU3 only."),
    date_time("msemr_activitystartdate", "Activity start", "").describe("Kept on the native route only."),
    boolean("msemr_azurefhirsyncenabled", "Azure FHIR sync enabled", "").describe("Kept on the native route only."),

    text("msemr_azurefhirid", "Azure FHIR ID", "id").derived().search(token("_id")),
    text("msemr_azurefhirversion", "Azure FHIR version", "meta.versionId").derived(),
    date_time("msemr_azurefhirlastupdatedon", "Azure FHIR last updated on", "meta.lastUpdated").derived().search(by_date("_lastUpdated")),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Patient").when("msemr_contacttype", "Patient"))
.source(resource("Practitioner").when("msemr_contacttype", "Practitioner"))
.source(resource("RelatedPerson").when("msemr_contacttype", "RelatedPerson"))
.primary_name("fullname")
.version("msemr_azurefhirversion");

/// The whole name in one line: as the resource spells it, else the given names and the family name.
fn full_name(name: Value<'_>) -> Option<Cow<'_, str>> {
    if let Some(text) = name.get("text").and_then(Value::text) {
        return Some(text);
    }
    let given = name.get("given").into_iter().flat_map(Value::items);
    let parts: Vec<_> = given.chain(name.get("family")).filter_map(Value::text).collect();
    (!parts.is_empty()).then(|| Cow::Owned(parts.join(" ")))
}

turntable_mapping::export!(MAPPING);
