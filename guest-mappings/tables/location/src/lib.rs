//! `msemr_location` ⇄ FHIR Location, with a child table for each of its lists.
//!
//! Left out, and kept by every write: `language`, `text`, `meta.profile`, `meta.tag` and `meta.security`
//! (about the document, not the place), `contained`, extensions (each site has its own), `modifierExtension`
//! (a reader that does not know one must not act on it, in a column or not), the search parameters `address` (servers differ in
//! what it looks at) and `near` (a distance is no condition on a column).
#![forbid(unsafe_code)]

mod codes;
mod hours;
mod lists;

use turntable_mapping::*;

use crate::codes::*;

pub const MAPPING: Mapping = mapping(
    "location",
    env!("CARGO_PKG_VERSION"),
    &[LOCATION, lists::TELECOM, lists::ENDPOINT, hours::HOURS, lists::ALIAS, lists::TYPE, lists::IDENTIFIER],
);

#[rustfmt::skip]
const LOCATION: Table = table("msemr_location", "msemr_locations", "Location", "A place where services are provided and resources are kept: a building, a ward, a bed, a vehicle.", &[
    key("msemr_locationid", "Location"),
    text("msemr_name", "Name", "name").required().search(string("name").contains()),
    text("msemr_description", "Description", "description").multi_line(),
    text("msemr_locationnumber", "Location number", "identifier[0].value").max(100).search(token("identifier").superset()),
    uri("tt_identifiersystem", "Identifier system", "identifier[0].system"),
    choice("msemr_status", "Status", STATUS, "status").search(token("status")),
    choice("msemr_operationalstatus", "Operational status", OPERATIONAL, "operationalStatus.code").system(BED_STATUS).open().search(token("operational-status").superset()),
    uri("tt_operationalstatussystem", "Operational status: system", "operationalStatus.system"),
    choice("msemr_mode", "Mode", MODE, "mode"),
    concept("msemr_type", "Type", "type[0]").search(token("type").superset()),
    text("tt_typetext", "Type (text)", "type[0].text"),
    concept("msemr_physicaltype", "Physical type", "physicalType"),
    text("tt_physicaltypetext", "Physical type (text)", "physicalType.text"),
    text("msemr_locationalias1", "Alias 1", "alias[0]").search(string("name").contains()),
    text("msemr_locationalias2", "Alias 2", "alias[1]").search(string("name").contains()),
    text("msemr_locationalias3", "Alias 3", "alias[2]").search(string("name").contains()),
    lookup("msemr_managingorganization", "Managing organization", &[("accounts", "Organization")], "managingOrganization").search(reference("organization")),
    lookup("msemr_partof", "Part of", &[("msemr_locations", "Location")], "partOf").search(reference("partof")),
    lookup("tt_endpoint", "Endpoint", &[("msemr_endpoints", "Endpoint")], "endpoint[0]").describe("The first, if there are several.").search(reference("endpoint").superset()),
    text("tt_phone", "Phone", "telecom.current(system='phone').value").describe("The phone number that holds now, whatever its use; of several that of the smallest rank."),
    text("tt_fax", "Fax", "telecom.current(system='fax').value"),
    text("tt_email", "Email", "telecom.current(system='email').value"),
    text("tt_url", "Web site", "telecom.current(system='url').value"),
    text("tt_availabilityexceptions", "Availability exceptions", "availabilityExceptions").multi_line().describe("When it is open at other hours, in words."),

    text("msemr_addressline1", "Street 1", "address.line[0]"),
    text("msemr_addressline2", "Street 2", "address.line[1]"),
    text("msemr_addressline3", "Street 3", "address.line[2]"),
    text("msemr_addresscity", "City", "address.city").search(string("address-city").contains()),
    text("msemr_addressdistinct", "District", "address.district"),
    text("msemr_addressstate", "State", "address.state").search(string("address-state").contains()),
    text("msemr_addresspostalcode", "Postal code", "address.postalCode").search(string("address-postalcode").contains()),
    text("msemr_addresscountry", "Country", "address.country").search(string("address-country").contains()),
    text("msemr_addresstext", "Address text", "address.text").multi_line(),
    choice("msemr_addresstype", "Address type", ADDRESS_TYPE, "address.type"),
    choice("msemr_addressuse", "Address use", ADDRESS_USE, "address.use").search(token("address-use")),
    date_time("msemr_addressperiodstart", "Address from", "address.period.start"),
    date_time("msemr_addressperiodend", "Address until", "address.period.end"),

    decimal("msemr_locationpositionlatitude", "Latitude", "position.latitude"),
    decimal("msemr_locationpositionlongitude", "Longitude", "position.longitude"),
    decimal("msemr_locationpositionaltitude", "Altitude", "position.altitude"),

    text("msemr_azurefhirid", "Azure FHIR ID", "id").derived().search(token("_id")),
    text("msemr_azurefhirversion", "Azure FHIR version", "meta.versionId").derived(),
    date_time("msemr_azurefhirlastupdatedon", "Azure FHIR last updated on", "meta.lastUpdated").derived().search(by_date("_lastUpdated")),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Location"))
.primary_name("msemr_name")
.version("msemr_azurefhirversion");

turntable_mapping::export!(MAPPING);
