//! `msemr_location` ⇄ FHIR Location.
#![forbid(unsafe_code)]

use turntable_mapping::*;

pub const MAPPING: Mapping = mapping("location", env!("CARGO_PKG_VERSION"), &[LOCATION]);

#[rustfmt::skip]
const LOCATION: Table = table("msemr_location", "msemr_locations", "Location", "A place where services are provided and resources are kept: a building, a ward, a bed, a vehicle.", &[
    key("msemr_locationid", "Location"),
    text("msemr_name", "Name", "name").required().search(string("name").contains()),
    text("msemr_description", "Description", "description").multi_line(),
    text("msemr_locationnumber", "Location number", "identifier[0].value").max(100).search(token("identifier").superset()),
    choice("msemr_status", "Status", STATUS, "status").search(token("status")),
    choice("msemr_operationalstatus", "Operational status", OPERATIONAL, "operationalStatus.code").system(BED_STATUS).open().search(token("operational-status").superset()),
    choice("msemr_mode", "Mode", MODE, "mode"),
    concept("msemr_type", "Type", "type[0]").search(token("type").superset()),
    concept("msemr_physicaltype", "Physical type", "physicalType"),
    text("msemr_locationalias1", "Alias 1", "alias[0]").search(string("name").contains()),
    text("msemr_locationalias2", "Alias 2", "alias[1]").search(string("name").contains()),
    text("msemr_locationalias3", "Alias 3", "alias[2]").search(string("name").contains()),
    lookup("msemr_managingorganization", "Managing organization", &[("accounts", "Organization")], "managingOrganization").search(reference("organization")),
    lookup("msemr_partof", "Part of", &[("msemr_locations", "Location")], "partOf").search(reference("partof")),

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

const BED_STATUS: &str = "http://terminology.hl7.org/CodeSystem/v2-0116";

const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

const STATUS: &[Code] = &[
    code(935000000, "active", "Active"),
    code(935000001, "suspended", "Suspended"),
    code(935000002, "inactive", "Inactive"),
];

const OPERATIONAL: &[Code] = &[
    code(935000000, "C", "Closed"),
    code(935000001, "H", "Housekeeping"),
    code(935000002, "I", "Isolated"),
    code(935000003, "K", "Contaminated"),
    code(935000004, "O", "Occupied"),
    code(935000005, "U", "Unoccupied"),
];

const MODE: &[Code] = &[code(935000000, "instance", "Instance"), code(935000001, "kind", "Kind")];

const ADDRESS_TYPE: &[Code] =
    &[code(935000000, "postal", "Postal"), code(935000001, "physical", "Physical"), code(935000002, "both", "Both")];

const ADDRESS_USE: &[Code] = &[
    code(935000000, "home", "Home"),
    code(935000001, "work", "Work"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "old", "Old"),
    // In R4, not in Microsoft's set.
    code(935100000, "billing", "Billing"),
];

turntable_mapping::export!(MAPPING);
