//! The lists of an organization as child tables. Microsoft's model names none of them.

use turntable_mapping::*;

use crate::codes::*;

#[rustfmt::skip]
pub(crate) const CONTACT: Table = child("tt_accountcontact", "tt_accountcontacts", "Account contact", "Whom to ask at an organization for a purpose: billing, admission, the press.",
    parent("account", "tt_account"), "contact", &[
    key("tt_accountcontactid", "Account contact"),
    text("tt_name", "Name", "name.text | name.family | purpose.text").derived(),
    concept("tt_purpose", "Purpose", "purpose"),
    text("tt_purposetext", "Purpose (text)", "purpose.text"),
    text("tt_fullname", "Full name", "name.text"),
    text("tt_lastname", "Last name", "name.family"),
    text("tt_firstname", "First name", "name.given[0]"),
    text("tt_salutation", "Salutation", "name.prefix[0]"),
    text("tt_phone", "Phone", "telecom.current(system='phone').value"),
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
])
.source(resource("Organization"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const CONTACT_TELECOM: Table = child("tt_accountcontacttelecom", "tt_accountcontacttelecoms", "Account contact telecom", "A way to reach a contact of an organization.",
    parent("tt_accountcontact", "tt_accountcontact"), "telecom", &[
    key("tt_accountcontacttelecomid", "Account contact telecom"),
    text("tt_value", "Value", "value"),
    choice("tt_system", "System", SYSTEM, "system"),
    choice("tt_use", "Use", USE, "use"),
    int("tt_rank", "Rank", "rank"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("Organization"))
.primary_name("tt_value");

#[rustfmt::skip]
pub(crate) const TELECOM: Table = child("tt_accounttelecom", "tt_accounttelecoms", "Account telecom", "A way to reach an organization.",
    parent("account", "tt_account"), "telecom", &[
    key("tt_accounttelecomid", "Account telecom"),
    text("tt_value", "Value", "value"),
    choice("tt_system", "System", SYSTEM, "system"),
    choice("tt_use", "Use", USE, "use"),
    int("tt_rank", "Rank", "rank"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("Organization"))
.primary_name("tt_value");

#[rustfmt::skip]
pub(crate) const ADDRESS: Table = child("tt_accountaddress", "tt_accountaddresses", "Account address", "An address of an organization.",
    parent("account", "tt_account"), "address", &[
    key("tt_accountaddressid", "Account address"),
    text("tt_name", "Name", "text | line[0] | city").derived(),
    text("tt_line1", "Street 1", "line[0]"),
    text("tt_line2", "Street 2", "line[1]"),
    text("tt_line3", "Street 3", "line[2]"),
    text("tt_city", "City", "city").search(string("address-city").contains()),
    text("tt_district", "District", "district"),
    text("tt_state", "State", "state").search(string("address-state").contains()),
    text("tt_postalcode", "Postal code", "postalCode").search(string("address-postalcode").contains()),
    text("tt_country", "Country", "country").search(string("address-country").contains()),
    text("tt_text", "Address text", "text").multi_line(),
    choice("tt_use", "Use", ADDRESS_USE, "use").search(token("address-use").superset()),
    choice("tt_type", "Type", ADDRESS_TYPE, "type"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("Organization"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const ALIAS: Table = child("tt_accountalias", "tt_accountaliases", "Account alias", "Another name of an organization, or one it had.",
    parent("account", "tt_account"), "alias", &[
    key("tt_accountaliasid", "Account alias"),
    text("tt_name", "Name", "$this").search(string("name").contains()),
])
.source(resource("Organization"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const TYPE: Table = child("tt_accounttype", "tt_accounttypes", "Account type", "A kind that an organization is of.",
    parent("account", "tt_account"), "type", &[
    key("tt_accounttypeid", "Account type"),
    text("tt_name", "Name", "text | coding[0].display").derived(),
    concept("tt_type", "Type", "$this").search(token("type").superset()),
    text("tt_text", "Text", "text"),
])
.source(resource("Organization"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const ENDPOINT: Table = child("tt_accountendpoint", "tt_accountendpoints", "Account endpoint", "A technical endpoint of an organization.",
    parent("account", "tt_account"), "endpoint", &[
    key("tt_accountendpointid", "Account endpoint"),
    text("tt_name", "Name", "display"),
    lookup("tt_endpoint", "Endpoint", &[("msemr_endpoints", "Endpoint")], "$this").search(reference("endpoint").superset()),
])
.source(resource("Organization"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const IDENTIFIER: Table = child("tt_accountidentifier", "tt_accountidentifiers", "Account identifier", "A number by which an organization is known in some system.",
    parent("account", "tt_account"), "identifier", &[
    key("tt_accountidentifierid", "Account identifier"),
    text("tt_value", "Value", "value").search(token("identifier").superset()),
    uri("tt_system", "System", "system"),
    choice("tt_use", "Use", IDENTIFIER_USE, "use"),
    concept("tt_type", "Type", "type"),
    lookup("tt_assigner", "Assigner", &[("accounts", "Organization")], "assigner"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("Organization"))
.primary_name("tt_value");
