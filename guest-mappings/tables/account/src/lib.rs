//! `account` ⇄ FHIR Organization, with a child table for each of its lists.
//!
//! A platform table of Dataverse: the columns without prefix are the platform's own. Columns that other
//! tables point back to, and those with no R4 element, exist and are empty on the virtual route.
//!
//! Left out, and kept by every write: `language`, `text`, `meta.profile`, `meta.tag` and `meta.security`
//! (about the document, not the organization), `contained`, extensions (each site has its own), `modifierExtension`
//! (a reader that does not know one must not act on it, in a column or not), the search parameters `address` and `phonetic`
//! (servers differ in what they look at).
#![forbid(unsafe_code)]

mod codes;
mod lists;

use turntable_mapping::*;

use crate::codes::*;

pub const MAPPING: Mapping = mapping(
    "account",
    env!("CARGO_PKG_VERSION"),
    &[
        ACCOUNT,
        lists::CONTACT,
        lists::CONTACT_TELECOM,
        lists::TELECOM,
        lists::ADDRESS,
        lists::ALIAS,
        lists::TYPE,
        lists::ENDPOINT,
        lists::IDENTIFIER,
    ],
);

#[rustfmt::skip]
const ACCOUNT: Table = table("account", "accounts", "Account", "An organization: a hospital, a practice, a department, an insurer.", &[
    key("accountid", "Account"),
    text("name", "Account name", "name").required().search(string("name").contains()),
    text("msemr_alias", "Alias", "alias[0]").search(string("name").contains()),
    choice("msemr_accounttype", "Account type", ACCOUNT_TYPE, "").describe("Kept on the native route only: FHIR has no such set, see Type."),
    concept("tt_type", "Type", "type[0]").search(token("type").superset()),
    text("tt_typetext", "Type (text)", "type[0].text"),
    boolean("tt_active", "Active", "active").search(token("active").missing()),
    text("accountnumber", "Account number", "identifier[0].value").search(token("identifier").superset()),
    text("tt_identifier", "Identifier", "identifier[0].value").search(token("identifier").superset()),
    uri("tt_identifiersystem", "Identifier system", "identifier[0].system"),
    lookup("parentaccountid", "Parent account", &[("accounts", "Organization")], "partOf").search(reference("partof")),
    lookup("tt_partof", "Part of", &[("accounts", "Organization")], "partOf").search(reference("partof")),
    lookup("tt_endpoint", "Endpoint", &[("msemr_endpoints", "Endpoint")], "endpoint[0]").describe("The first, if there are several.").search(reference("endpoint").superset()),

    text("telephone1", "Main phone", "telecom.current(system='phone').value"),
    text("fax", "Fax", "telecom.current(system='fax').value"),
    text("emailaddress1", "Email", "telecom.current(system='email').value"),
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
    date_time("msemr_address2periodstartdate", "Address 2: from", "address[1].period.start"),
    date_time("msemr_address2periodenddate", "Address 2: until", "address[1].period.end"),

    text("tt_contact1name", "Contact 1: name", "contact[0].name.text | contact[0].name.family").derived(),
    concept("msemr_contact1puropose", "Contact 1: purpose", "contact[0].purpose"),
    text("tt_contact1purposetext", "Contact 1: purpose (text)", "contact[0].purpose.text"),
    lookup("msemr_contact2", "Contact 2", &[("contacts", "Patient"), ("contacts", "Practitioner")], "").describe("Kept on the native route only: in FHIR a contact is a name, not a reference."),
    concept("msemr_contact2puropose", "Contact 2: purpose", "contact[1].purpose"),
    text("tt_contact2purposetext", "Contact 2: purpose (text)", "contact[1].purpose.text"),
    lookup("msemr_payororganization", "Payor of", &[("msemr_coverages", "Coverage")], "").describe("The other end of Coverage.payor."),

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

turntable_mapping::export!(MAPPING);
