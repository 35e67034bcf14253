//! The lists of a location as child tables.

use turntable_mapping::*;

use crate::codes::*;

#[rustfmt::skip]
pub(crate) const TELECOM: Table = child("msemr_locationtelecom", "msemr_locationtelecoms", "Location telecom", "A way to reach a location.",
    parent("msemr_location", "msemr_location"), "telecom", &[
    key("msemr_locationtelecomid", "Location telecom"),
    text("msemr_name", "Name", "value").derived(),
    choice("msemr_locationtelecomsystem", "System", SYSTEM, "system"),
    text("msemr_locationtelecomvalue", "Value", "value"),
    choice("msemr_locationtelecomuse", "Use", USE, "use"),
    int("msemr_locationtelecomrank", "Rank", "rank"),
    date_time("msemr_locationtelecomperiodstartdate", "From", "period.start"),
    date_time("msemr_locationtelecomperiodenddate", "Until", "period.end"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Location"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const ENDPOINT: Table = child("msemr_locationendpoint", "msemr_locationendpoints", "Location end point", "A technical end point that serves a location.",
    parent("msemr_location", "msemr_location"), "endpoint", &[
    key("msemr_locationendpointid", "Location end point"),
    text("msemr_name", "Name", "display"),
    lookup("msemr_locationendpoint", "End point", &[("msemr_endpoints", "Endpoint")], "$this").search(reference("endpoint").superset()),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Location"))
.primary_name("msemr_name");

#[rustfmt::skip]
pub(crate) const ALIAS: Table = child("tt_locationalias", "tt_locationaliases", "Location alias", "Another name of a location, or one it had.",
    parent("msemr_location", "tt_location"), "alias", &[
    key("tt_locationaliasid", "Location alias"),
    text("tt_name", "Name", "$this").search(string("name").contains()),
])
.source(resource("Location"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const TYPE: Table = child("tt_locationtype", "tt_locationtypes", "Location type", "A function that a location serves.",
    parent("msemr_location", "tt_location"), "type", &[
    key("tt_locationtypeid", "Location type"),
    text("tt_name", "Name", "text | coding[0].display").derived(),
    concept("tt_type", "Type", "$this").search(token("type").superset()),
    text("tt_text", "Text", "text"),
])
.source(resource("Location"))
.primary_name("tt_name");

#[rustfmt::skip]
pub(crate) const IDENTIFIER: Table = child("tt_locationidentifier", "tt_locationidentifiers", "Location identifier", "A number by which a location is known in some system.",
    parent("msemr_location", "tt_location"), "identifier", &[
    key("tt_locationidentifierid", "Location identifier"),
    text("tt_value", "Value", "value").search(token("identifier").superset()),
    uri("tt_system", "System", "system"),
    choice("tt_use", "Use", IDENTIFIER_USE, "use"),
    concept("tt_type", "Type", "type"),
    lookup("tt_assigner", "Assigner", &[("accounts", "Organization")], "assigner"),
    date_time("tt_periodstart", "From", "period.start"),
    date_time("tt_periodend", "Until", "period.end"),
])
.source(resource("Location"))
.primary_name("tt_value");
