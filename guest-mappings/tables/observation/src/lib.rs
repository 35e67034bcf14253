//! `msemr_observation` ⇄ FHIR Observation, with a child table for each of its lists.
//!
//! The model has one column for each type that a value, a subject or a time may have, and a `...type`
//! choice that says which of them is filled: that choice is read from the element that is there. Two
//! generations of columns live side by side (`msemr_identifier`, `msemr_observationnumber`): both read and
//! write the same element. The comparators of a ratio are numbered in another order than those of a
//! quantity. Limits of a range and the origin of sampled data are whole numbers in the model: the `tt_`
//! columns beside them have all digits.
//!
//! The first of `category`, `performer`, `basedOn`, … is a column of the observation too.
//!
//! Left out, and kept by every write: `language`, `text`, `meta.profile`, `meta.tag` and `meta.security`
//! (about the document, not the measurement), `contained`, extensions (each site has its own), `modifierExtension`
//! (a reader that does not know one must not act on it, in a column or not), the versions and
//! `userSelected` of codings, composite search parameters (a column is bound to one value).
#![forbid(unsafe_code)]

mod codes;
mod component;
mod lists;

use turntable_mapping::*;

use crate::codes::*;

pub const MAPPING: Mapping = mapping(
    "observation",
    env!("CARGO_PKG_VERSION"),
    &[
        OBSERVATION,
        component::COMPONENT,
        component::REFERENCE_RANGE,
        lists::REFERENCE_RANGE,
        lists::APPLIES_TO,
        lists::CATEGORY,
        lists::CODE,
        lists::INTERPRETATION,
        lists::PERFORMER,
        lists::BASED_ON,
        lists::PART_OF,
        lists::FOCUS,
        lists::RELATED_RESOURCE,
        lists::DERIVED_FROM,
        lists::NOTE,
        lists::IDENTIFIER,
    ],
);

#[rustfmt::skip]
const OBSERVATION: Table = table("msemr_observation", "msemr_observations", "Observation", "A measurement or a simple assertion about a patient, device or other subject.", &[
    key("msemr_observationid", "Observation"),
    text("msemr_description", "Description", "code.text | code.coding[0].display").derived(),
    text("msemr_observationnumber", "Observation number", "identifier[0].value").max(100).search(token("identifier").superset()),
    text("msemr_identifier", "Identifier", "identifier[0].value").max(100).search(token("identifier").superset()),
    uri("tt_identifiersystem", "Identifier system", "identifier[0].system"),
    choice("msemr_status", "Status", STATUS, "status").required().search(token("status")),
    concept("msemr_code", "Code", "code").search(token("code").superset()),
    text("tt_codetext", "Code (text)", "code.text").describe("What the code means, in the words of the one who chose it."),
    concept("tt_category", "Category", "category[0]").describe("The first, if there are several.").search(token("category").superset()),
    text("tt_categorytext", "Category (text)", "category[0].text"),
    text("msemr_comment", "Comment", "note[0].text").multi_line(),

    choice("msemr_subjecttype", "Subject type", SUBJECT, "subject").derived(),
    lookup("msemr_subjecttypepatient", "Patient", &[("contacts", "Patient")], "subject").search(reference("patient")),
    lookup("msemr_subjecttypegroup", "Group", &[("tt_groups", "Group")], "subject").search(reference("subject")),
    lookup("msemr_subjecttypedevice", "Subject (device)", &[("msemr_devices", "Device")], "subject").search(reference("subject")),
    lookup("msemr_subjecttypelocation", "Location", &[("msemr_locations", "Location")], "subject").search(reference("subject")),
    lookup("msemr_device", "Subject (device, older column)", &[("msemr_devices", "Device")], "subject").search(reference("subject")),
    choice("msemr_contexttype", "Context type", CONTEXT, "encounter").derived(),
    lookup("msemr_conexttypeencounter", "Encounter", &[("msemr_encounters", "Encounter")], "encounter").search(reference("encounter")),
    lookup("msemr_conexttypeepisodeofcare", "Episode of care", &[("msemr_episodeofcares", "EpisodeOfCare")], "").describe("STU3 only; in R4 by way of the encounter."),
    lookup("msemr_episodeofcare", "Episode of care (older column)", &[("msemr_episodeofcares", "EpisodeOfCare")], "").describe("STU3 only; in R4 by way of the encounter."),
    choice("msemr_devicetype", "Device type", DEVICE, "device").derived(),
    lookup("msemr_devicetypedevice", "Device", &[("msemr_devices", "Device")], "device").search(reference("device")),
    lookup("msemr_devicetypedevicemetric", "Device metric", &[("msemr_devicemetrics", "DeviceMetric")], "device").search(reference("device")),
    lookup("msemr_specimen", "Specimen", &[("msemr_specimens", "Specimen")], "specimen").search(reference("specimen")),
    lookup("tt_performer", "Performer", PERFORMERS, "performer[0]").describe("The first, if there are several.").search(reference("performer").superset()),
    lookup("tt_basedon", "Based on", ORDERS, "basedOn[0]").describe("The first, if there are several.").search(reference("based-on").superset()),
    lookup("tt_partof", "Part of", EVENTS, "partOf[0]").describe("The first, if there are several.").search(reference("part-of").superset()),

    choice("msemr_effectivetype", "Effective type", EFFECTIVE, "effective").derived(),
    date_time("msemr_effectivetypedatetime", "Effective", "effectiveDateTime").search(by_date("date").partial()),
    date_time("msemr_effectivestart", "Effective from", "effectivePeriod.start").search(by_date("date").partial()),
    date_time("msemr_effectiveend", "Effective until", "effectivePeriod.end").search(by_date("date").partial()),
    date_time("tt_effectiveinstant", "Effective (instant)", "effectiveInstant").search(by_date("date").partial()),
    json("tt_effectivetiming", "Effective (timing)", "effectiveTiming").describe("A FHIR Timing as JSON."),
    date_time("msemr_issueddate", "Issued", "issued"),

    choice("msemr_valuetype", "Value type", VALUE, "value").derived(),
    decimal("msemr_valuetypequantityvalue", "Quantity", "valueQuantity.value").search(quantity("value-quantity")),
    choice("msemr_valuetypequantitycomparator", "Quantity: comparator", COMPARATOR, "valueQuantity.comparator"),
    text("msemr_valuequantityunit", "Quantity: unit", "valueQuantity.unit"),
    text("msemr_valuequantitysystem", "Quantity: unit system", "valueQuantity.system"),
    quantity_code("msemr_valuequantitycode", "Quantity: unit code", "valueQuantity"),
    concept("msemr_valuecodeableconcept", "Concept", "valueCodeableConcept").search(token("value-concept").superset()),
    text("tt_valuecodeableconcepttext", "Concept (text)", "valueCodeableConcept.text").search(string("value-string").contains()),
    text("msemr_valuestring", "Text", "valueString").multi_line().search(string("value-string").contains()),
    boolean("msemr_valueboolean", "Yes or no", "valueBoolean"),
    int("tt_valueinteger", "Whole number", "valueInteger"),
    text("tt_valuetime", "Time of day", "valueTime"),
    date_time("msemr_valuedatetype", "Date and time", "valueDateTime").search(by_date("value-date").partial()),
    date_time("msemr_valueperiodstartdate", "Period from", "valuePeriod.start").search(by_date("value-date").partial()),
    date_time("msemr_valueperiodenddate", "Period until", "valuePeriod.end").search(by_date("value-date").partial()),
    int("msemr_valuerangelowlimit", "Range: low", "valueRange.low.value").describe("Rounded."),
    int("msemr_valuerangehighlimit", "Range: high", "valueRange.high.value").describe("Rounded."),
    decimal("tt_valuerangelowvalue", "Range: low (all digits)", "valueRange.low.value"),
    text("tt_valuerangelowunit", "Range: unit of low", "valueRange.low.unit"),
    decimal("tt_valuerangehighvalue", "Range: high (all digits)", "valueRange.high.value"),
    text("tt_valuerangehighunit", "Range: unit of high", "valueRange.high.unit"),
    decimal("msemr_valuerationumeratorvalue", "Numerator: value", "valueRatio.numerator.value"),
    choice("msemr_valuerationumeratorcomparator", "Numerator: comparator", RATIO_COMPARATOR, "valueRatio.numerator.comparator"),
    text("msemr_valuerationumeratorunit", "Numerator: unit", "valueRatio.numerator.unit"),
    text("msemr_valuerationumeratorsystem", "Numerator: unit system", "valueRatio.numerator.system"),
    quantity_code("msemr_valuerationumeratorcode", "Numerator: unit code", "valueRatio.numerator"),
    decimal("msemr_valueratiodenominatorvalue", "Denominator: value", "valueRatio.denominator.value"),
    choice("msemr_valueratiodenominatorcomparator", "Denominator: comparator", RATIO_COMPARATOR, "valueRatio.denominator.comparator"),
    text("msemr_valueratiodenominatorunit", "Denominator: unit", "valueRatio.denominator.unit"),
    text("msemr_valueratiodenominatorsystem", "Denominator: unit system", "valueRatio.denominator.system"),
    quantity_code("msemr_valueratiodenominatorcode", "Denominator: unit code", "valueRatio.denominator"),
    text("msemr_valuesampleddatatypedata", "Sampled: data", "valueSampledData.data").multi_line(),
    int("msemr_valuesampleddatatypedimension", "Sampled: dimensions", "valueSampledData.dimensions"),
    decimal("msemr_valuesampleddatatypefactor", "Sampled: factor", "valueSampledData.factor"),
    decimal("msemr_valuesampleddatatypelowerlimit", "Sampled: lower limit", "valueSampledData.lowerLimit"),
    decimal("msemr_valuesampleddatatypeupperlimit", "Sampled: upper limit", "valueSampledData.upperLimit"),
    int("msemr_valuesampleddatatypeorigin", "Sampled: origin", "valueSampledData.origin.value").describe("Rounded."),
    decimal("tt_valuesampleddatatypeoriginvalue", "Sampled: origin (all digits)", "valueSampledData.origin.value"),
    text("tt_valuesampleddatatypeoriginunit", "Sampled: unit", "valueSampledData.origin.unit"),
    decimal("msemr_valuesampleddatatypeperiod", "Sampled: period", "valueSampledData.period").describe("Milliseconds between samples."),

    concept("msemr_dataabsentreason", "Data absent reason", "dataAbsentReason").search(token("data-absent-reason").superset()),
    text("tt_dataabsentreasontext", "Data absent reason (text)", "dataAbsentReason.text"),
    concept("msemr_interpretation", "Interpretation", "interpretation[0]"),
    text("tt_interpretationtext", "Interpretation (text)", "interpretation[0].text"),
    concept("msemr_bodysite", "Body site", "bodySite"),
    text("tt_bodysitetext", "Body site (text)", "bodySite.text"),
    concept("msemr_method", "Method", "method").search(token("method").superset()),
    text("tt_methodtext", "Method (text)", "method.text"),

    text("msemr_azurefhirid", "Azure FHIR ID", "id").derived().search(token("_id")),
    text("msemr_azurefhirversion", "Azure FHIR version", "meta.versionId").derived(),
    date_time("msemr_azurefhirlastupdatedon", "Azure FHIR last updated on", "meta.lastUpdated").derived().search(by_date("_lastUpdated")),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Observation"))
.primary_name("msemr_description")
.version("msemr_azurefhirversion");

turntable_mapping::export!(MAPPING);
