//! `contact` ⇄ FHIR Patient and FHIR Practitioner, told apart by `msemr_contacttype`; the patient's and
//! practitioner's identifiers as a child table.
//!
//! A platform table of Dataverse: the columns without prefix are the platform's own, and name the first
//! name and address of the resource. `msemr_name2*` is the official name and `msemr_name3*` the temporary
//! one, wherever they stand in the list. Columns with no R4 element (animals, the related contact rows)
//! exist and are empty on the virtual route.
#![forbid(unsafe_code)]

use std::borrow::Cow;

use turntable_mapping::*;

pub const MAPPING: Mapping = mapping("contact", env!("CARGO_PKG_VERSION"), &[CONTACT, IDENTIFIER]);

#[rustfmt::skip]
const CONTACT: Table = table("contact", "contacts", "Contact", "A person: a patient or a practitioner.", &[
    key("contactid", "Contact"),
    constant("msemr_contacttype", "Contact type", CONTACT_TYPE, ""),
    text("fullname", "Full name", "name[0]").derived().read_with(full_name),
    text("firstname", "First name", "name[0].given[0]").search(string("given").contains()),
    text("middlename", "Middle name", "name[0].given[1]").search(string("given").contains()),
    text("lastname", "Last name", "name[0].family").search(string("family").contains()),
    text("salutation", "Salutation", "name[0].prefix[0]"),
    text("suffix", "Suffix", "name[0].suffix[0]"),
    choice("gendercode", "Gender", GENDER, "gender").search(token("gender")),
    date("birthdate", "Birthday", "birthDate").search(by_date("birthdate").only("Patient").partial()),
    partial_date("tt_birthdate", "Birthday (any precision)", "birthDate").search(by_date("birthdate").only("Patient").partial().missing()),
    boolean("tt_active", "Active", "active").search(token("active").missing()),
    choice("familystatuscode", "Marital status", MARITAL, "maritalStatus.coding[0].code").system(MARITAL_STATUS).open().only("Patient"),
    date_time("msemr_deceaseddate", "Deceased on", "deceasedDateTime").only("Patient").search(by_date("death-date").partial().missing()),
    boolean("tt_deceasedboolean", "Deceased", "deceasedBoolean").only("Patient").describe("Given instead of a date."),
    int("msemr_multiplebirth", "Multiple birth: order", "multipleBirthInteger").only("Patient"),
    boolean("tt_multiplebirthboolean", "Multiple birth", "multipleBirthBoolean").only("Patient").describe("Given instead of the order."),
    text("msemr_medicalrecordnumber", "Medical record number", "identifier.where(type.coding.code='MR').value").max(256).only("Patient").search(token("identifier").superset()),

    text("telephone1", "Business phone", "telecom.where(system='phone' and use='work').value").search(token("phone").superset()),
    text("telephone2", "Home phone", "telecom.where(system='phone' and use='home').value").search(token("phone").superset()),
    text("mobilephone", "Mobile phone", "telecom.where(system='phone' and use='mobile').value").search(token("phone").superset()),
    text("tt_phone", "Phone", "telecom.where(system='phone').value").describe("The first phone number, whatever its use.").search(token("phone").superset()),
    text("emailaddress1", "Email", "telecom.where(system='email').value").search(token("email").superset()),
    text("address1_line1", "Address 1: street 1", "address[0].line[0]"),
    text("address1_line2", "Address 1: street 2", "address[0].line[1]"),
    text("address1_line3", "Address 1: street 3", "address[0].line[2]"),
    text("address1_city", "Address 1: city", "address[0].city").search(string("address-city").contains()),
    text("address1_stateorprovince", "Address 1: state or province", "address[0].state").search(string("address-state").contains()),
    text("address1_postalcode", "Address 1: postal code", "address[0].postalCode").search(string("address-postalcode").contains()),
    text("address1_country", "Address 1: country", "address[0].country").search(string("address-country").contains()),
    date_time("msemr_address1periodstartdate", "Address 1: from", "address[0].period.start"),
    date_time("msemr_address1periodenddate", "Address 1: until", "address[0].period.end"),
    date_time("msemr_address2periodstartdate", "Address 2: from", "address[1].period.start"),
    date_time("msemr_address2periodenddate", "Address 2: until", "address[1].period.end"),
    date_time("msemr_address3periodstartdate", "Address 3: from", "address[2].period.start"),
    date_time("msemr_address3periodenddate", "Address 3: until", "address[2].period.end"),
    text("entityimage", "Photo", "photo[0].data").multi_line().describe("Base64, as in the resource."),

    lookup("msemr_generalpractioner", "General practitioner", &[("contacts", "Practitioner")], "generalPractitioner[0]").only("Patient").search(reference("general-practitioner").superset()),
    lookup("msemr_managingorganization", "Managing organization", &[("accounts", "Organization")], "managingOrganization").only("Patient").search(reference("organization")),
    lookup("parentcustomerid", "Company", &[("accounts", "Organization")], "managingOrganization").only("Patient").search(reference("organization")),
    concept("msemr_communication1language", "Language 1", "communication[0].language").only("Patient").search(token("language").superset()),
    boolean("msemr_communication1preferred", "Language 1: preferred", "communication[0].preferred").only("Patient"),
    concept("msemr_communication2language", "Language 2", "communication[1].language").only("Patient").search(token("language").superset()),
    boolean("msemr_communication2preferred", "Language 2: preferred", "communication[1].preferred").only("Patient"),

    lookup("msemr_contact1", "Emergency contact 1", &[("contacts", "Patient"), ("contacts", "Practitioner")], "").describe("Kept on the native route only: in FHIR a contact is a name, not a reference."),
    concept("msemr_contact1relationship", "Emergency contact 1: relationship", "contact[0].relationship[0]").only("Patient"),
    date_time("msemr_contact1startdate", "Emergency contact 1: from", "contact[0].period.start").only("Patient"),
    date_time("msemr_contac1tenddate", "Emergency contact 1: until", "contact[0].period.end").only("Patient"),
    lookup("msemr_contact2", "Emergency contact 2", &[("contacts", "Patient"), ("contacts", "Practitioner")], "").describe("Kept on the native route only: in FHIR a contact is a name, not a reference."),
    concept("msemr_contact2relationship", "Emergency contact 2: relationship", "contact[1].relationship[0]").only("Patient"),
    date_time("msemr_contact2startdate", "Emergency contact 2: from", "contact[1].period.start").only("Patient"),
    date_time("msemr_contac2tenddate", "Emergency contact 2: until", "contact[1].period.end").only("Patient"),
    lookup("msemr_link1", "Link 1", &[("contacts", "Patient"), ("contacts", "RelatedPerson")], "link[0].other").only("Patient").search(reference("link").superset()),
    code_concept("msemr_link1type", "Link 1: type", LINK_TYPES, "link[0].type").only("Patient"),
    lookup("msemr_link2", "Link 2", &[("contacts", "Patient"), ("contacts", "RelatedPerson")], "link[1].other").only("Patient").search(reference("link").superset()),
    code_concept("msemr_link2type", "Link 2: type", LINK_TYPES, "link[1].type").only("Patient"),

    choice("msemr_name1use", "Name: use", NAME_USE, "name[0].use"),
    date_time("msemr_name1startdate", "Name: from", "name[0].period.start"),
    date_time("msemr_name1enddate", "Name: until", "name[0].period.end"),
    text("msemr_name2", "Official name", "name.where(use='official').text"),
    text("msemr_name2familyname", "Official name: family", "name.where(use='official').family").search(string("family").contains()),
    text("msemr_name2givenname", "Official name: given", "name.where(use='official').given[0]").search(string("given").contains()),
    text("msemr_name2prefix", "Official name: prefix", "name.where(use='official').prefix[0]"),
    text("msemr_name2suffix", "Official name: suffix", "name.where(use='official').suffix[0]"),
    choice("msemr_name2use", "Official name: use", NAME_USE, "name.where(use='official').use").derived(),
    date_time("msemr_name2startdate", "Official name: from", "name.where(use='official').period.start"),
    date_time("msemr_name2enddate", "Official name: until", "name.where(use='official').period.end"),
    text("msemr_name3", "Temporary name", "name.where(use='temp').text"),
    text("msemr_name3familyname", "Temporary name: family", "name.where(use='temp').family").search(string("family").contains()),
    text("msemr_name3givenname", "Temporary name: given", "name.where(use='temp').given[0]").search(string("given").contains()),
    text("msemr_name3prefix", "Temporary name: prefix", "name.where(use='temp').prefix[0]"),
    text("msemr_name3suffix", "Temporary name: suffix", "name.where(use='temp').suffix[0]"),
    choice("msemr_name3use", "Temporary name: use", NAME_USE, "name.where(use='temp').use").derived(),
    date_time("msemr_name3namestartdate", "Temporary name: from", "name.where(use='temp').period.start"),
    date_time("msemr_name3nameenddate", "Temporary name: until", "name.where(use='temp').period.end"),

    choice("msemr_telecom1system", "Telecom 1: system", SYSTEM, "telecom[0].system"),
    choice("msemr_telecom1use", "Telecom 1: use", USE, "telecom[0].use"),
    int("msemr_telecom1rank", "Telecom 1: rank", "telecom[0].rank"),
    date_time("msemr_telecom1startdate", "Telecom 1: from", "telecom[0].period.start"),
    date_time("msemr_telecom1enddate", "Telecom 1: until", "telecom[0].period.end"),
    choice("msemr_telecom2system", "Telecom 2: system", SYSTEM, "telecom[1].system"),
    choice("msemr_telecom2use", "Telecom 2: use", USE, "telecom[1].use"),
    int("msemr_telecom2rank", "Telecom 2: rank", "telecom[1].rank"),
    date_time("msemr_telecom2startdate", "Telecom 2: from", "telecom[1].period.start"),
    date_time("msemr_telecom2enddate", "Telecom 2: until", "telecom[1].period.end"),
    choice("msemr_telecom3system", "Telecom 3: system", SYSTEM, "telecom[2].system"),
    choice("msemr_telecom3use", "Telecom 3: use", USE, "telecom[2].use"),
    int("msemr_telecom3rank", "Telecom 3: rank", "telecom[2].rank"),
    date_time("msemr_telecom3startdate", "Telecom 3: from", "telecom[2].period.start"),
    date_time("msemr_telecom3enddate", "Telecom 3: until", "telecom[2].period.end"),

    text("msemr_qualification1identifier", "Qualification: identifier", "qualification[0].identifier[0].value").only("Practitioner"),
    concept("tt_qualification1code", "Qualification", "qualification[0].code").only("Practitioner"),
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
.primary_name("fullname")
.version("msemr_azurefhirversion");

#[rustfmt::skip]
const IDENTIFIER: Table = child("msemr_medicalidentifier", "msemr_medicalidentifiers", "Medical identifier", "A number or name by which a person is known in some system.",
    parent("contact", "msemr_assignee"), "identifier", &[
    key("msemr_medicalidentifierid", "Medical identifier"),
    text("msemr_value", "Identifier value", "value").max(250).required().search(token("identifier").superset()),
    uri("msemr_identifiersystem", "Identifier system", "system"),
    choice("msemr_type", "Type", IDENTIFIER_TYPE, "type.coding[0].code").system(IDENTIFIER_TYPES).open(),
    choice("msemr_use", "Use", IDENTIFIER_USE, "use"),
    constant("msemr_identifiertype", "Identifier type", CONTACT_TYPE, ""),
    lookup("msemr_assigner", "Assigner", &[("accounts", "Organization")], "assigner"),
    lookup("msemr_careplanmedicalidentifierid", "Care plan", &[("msemr_careplans", "CarePlan")], "").describe("Identifiers of a person belong to no care plan."),
    lookup("msemr_encountermedicalidentifierid", "Encounter", &[("msemr_encounters", "Encounter")], "").describe("Identifiers of a person belong to no encounter."),
    date_time("msemr_periodstart", "From", "period.start"),
    date_time("msemr_periodend", "Until", "period.end"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Patient").when("msemr_identifiertype", "Patient"))
.source(resource("Practitioner").when("msemr_identifiertype", "Practitioner"))
.primary_name("msemr_value");

/// The whole name in one line: as the resource spells it, else the given names and the family name.
fn full_name(name: Value<'_>) -> Option<Cow<'_, str>> {
    if let Some(text) = name.get("text").and_then(Value::text) {
        return Some(text);
    }
    let given = name.get("given").into_iter().flat_map(Value::items);
    let parts: Vec<_> = given.chain(name.get("family")).filter_map(Value::text).collect();
    (!parts.is_empty()).then(|| Cow::Owned(parts.join(" ")))
}

const MARITAL_STATUS: &str = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus";
const LINK_TYPES: &str = "http://hl7.org/fhir/link-type";
const NULL_FLAVOR: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";
const IDENTIFIER_TYPES: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

const CONTACT_TYPE: &[Code] = &[
    code(935000000, "Patient", "Patient"),
    code(935000001, "Practitioner", "Practitioner"),
    code(935000002, "RelatedPerson", "Related person"),
];

const GENDER: &[Code] = &[
    code(1, "male", "Male"),
    code(2, "female", "Female"),
    code(935000000, "other", "Other"),
    code(935000001, "unknown", "Unknown"),
];

// Microsoft has S twice, as Single and as Never married (935000007); a code is one option only.
const MARITAL: &[Code] = &[
    code(1, "S", "Single"),
    code(2, "M", "Married"),
    code(3, "D", "Divorced"),
    code(4, "W", "Widowed"),
    code(935000000, "A", "Annulled"),
    code(935000001, "I", "Interlocutory"),
    code(935000002, "L", "Legally separated"),
    code(935000003, "T", "Domestic partner"),
    code(935000004, "U", "Unmarried"),
    code(935000005, "UNK", "Unknown").system(NULL_FLAVOR),
    code(935000006, "P", "Polygamous"),
    // In R4's code system, not in Microsoft's set.
    code(935100000, "C", "Common law"),
];

const NAME_USE: &[Code] = &[
    code(935000000, "usual", "Usual"),
    code(935000001, "official", "Official"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "nickname", "Nickname"),
    code(935000004, "maiden", "Maiden"),
    code(935000005, "old", "Old"),
    code(935000006, "anonymous", "Anonymous"),
];

const SYSTEM: &[Code] = &[
    code(935000000, "phone", "Phone"),
    code(935000001, "email", "Email"),
    code(935000002, "fax", "Fax"),
    code(935000003, "pager", "Pager"),
    code(935000004, "sms", "SMS"),
    // Microsoft's sixth is Skype, which FHIR counts among the others.
    code(935000005, "other", "Other (Skype)"),
    // In R4, not in Microsoft's set.
    code(935100000, "url", "URL"),
];

const USE: &[Code] = &[
    code(935000000, "home", "Home"),
    code(935000001, "work", "Work"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "mobile", "Mobile"),
    code(935000004, "old", "Old"),
];

const IDENTIFIER_TYPE: &[Code] = &[
    code(935000000, "DL", "Driver's license number"),
    code(935000001, "PPN", "Passport number"),
    code(935000002, "BRN", "Breed registry number"),
    code(935000003, "MR", "Medical record number"),
    code(935000004, "MCN", "Microchip number"),
    code(935000005, "EN", "Employer number"),
    code(935000006, "TAX", "Tax ID number"),
    code(935000007, "NIIP", "National insurance payor identifier"),
    code(935000008, "PRN", "Provider number"),
    code(935000009, "MD", "Medical license number"),
    code(935000010, "DR", "Donor registration number"),
    code(935000011, "ACSN", "Accession ID"),
    // In R4's value set or common in the field, not in Microsoft's set.
    code(935100000, "SS", "Social security number"),
    code(935100001, "NPI", "National provider identifier"),
    code(935100002, "PI", "Patient internal identifier"),
    code(935100003, "PT", "Patient external identifier"),
    code(935100004, "NI", "National unique individual identifier"),
    code(935100005, "RI", "Resource identifier"),
    code(935100006, "SB", "Social beneficiary identifier"),
    code(935100007, "UDI", "Universal device identifier"),
    code(935100008, "SNO", "Serial number"),
    code(935100009, "PLAC", "Placer identifier"),
    code(935100010, "FILL", "Filler identifier"),
    code(935100011, "JHN", "Jurisdictional health number"),
];

const IDENTIFIER_USE: &[Code] = &[
    code(935000000, "usual", "Usual"),
    code(935000001, "official", "Official"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "secondary", "Secondary"),
    // In R4, not in Microsoft's set.
    code(935100000, "old", "Old"),
];

turntable_mapping::export!(MAPPING);
