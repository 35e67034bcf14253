//! `account` ⇄ FHIR Organization.
//!
//! A platform table of Dataverse: the columns without prefix are the platform's own. Columns that other
//! tables point back to, and those with no R4 element, exist and are empty on the virtual route.
#![forbid(unsafe_code)]

use turntable_mapping::*;

pub const MAPPING: Mapping = mapping("account", env!("CARGO_PKG_VERSION"), &[ACCOUNT]);

#[rustfmt::skip]
const ACCOUNT: Table = table("account", "accounts", "Account", "An organization: a hospital, a practice, a department, an insurer.", &[
    key("accountid", "Account"),
    text("name", "Account name", "name").required().search(string("name").contains()),
    text("msemr_alias", "Alias", "alias[0]").search(string("name").contains()),
    choice("msemr_accounttype", "Account type", ACCOUNT_TYPE, "").describe("Kept on the native route only: FHIR has no such set, see Type."),
    concept("tt_type", "Type", "type[0]").search(token("type").superset()),
    boolean("tt_active", "Active", "active").search(token("active").missing()),
    text("tt_identifier", "Identifier", "identifier[0].value").search(token("identifier").superset()),
    lookup("tt_partof", "Part of", &[("accounts", "Organization")], "partOf").search(reference("partof")),

    text("telephone1", "Main phone", "telecom.where(system='phone').value"),
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

    concept("msemr_contact1puropose", "Contact 1: purpose", "contact[0].purpose"),
    lookup("msemr_contact2", "Contact 2", &[("contacts", "Patient"), ("contacts", "Practitioner")], "").describe("Kept on the native route only: in FHIR a contact is a name, not a reference."),
    concept("msemr_contact2puropose", "Contact 2: purpose", "contact[1].purpose"),
    lookup("msemr_payororganization", "Payor of", &[("msemr_coverages", "Coverage")], "").describe("The other end of Coverage.payor."),

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
    partial_date("msemr_telecom3enddate", "Telecom 3: until", "telecom[2].period.end").describe("Text in Microsoft's model, unlike its sisters."),

    text("msemr_azurefhirid", "Azure FHIR ID", "id").derived().search(token("_id")),
    text("msemr_azurefhirversion", "Azure FHIR version", "meta.versionId").derived(),
    date_time("msemr_azurefhirlastupdatedon", "Azure FHIR last updated on", "meta.lastUpdated").derived().search(by_date("_lastUpdated")),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Organization"))
.primary_name("name")
.version("msemr_azurefhirversion");

const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

const ACCOUNT_TYPE: &[Code] =
    &[code(935000000, "practice", "Practice"), code(935000001, "organization", "Organization")];

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

turntable_mapping::export!(MAPPING);
