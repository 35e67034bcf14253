//! `msemr_observation` ⇄ FHIR Observation, with its components as a child table.
//!
//! The model has one column for each type that a value, a subject or a time may have, and a `...type`
//! choice that says which of them is filled: that choice is read from the element that is there. Two
//! generations of columns live side by side (`msemr_identifier`, `msemr_observationnumber`): both read and
//! write the same element. The comparators of a ratio are numbered in another order than those of a
//! quantity.
#![forbid(unsafe_code)]

use turntable_mapping::*;

pub const MAPPING: Mapping = mapping("observation", env!("CARGO_PKG_VERSION"), &[OBSERVATION, COMPONENT]);

#[rustfmt::skip]
const OBSERVATION: Table = table("msemr_observation", "msemr_observations", "Observation", "A measurement or a simple assertion about a patient, device or other subject.", &[
    key("msemr_observationid", "Observation"),
    text("msemr_description", "Description", "code.text | code.coding[0].display").derived(),
    text("msemr_observationnumber", "Observation number", "identifier[0].value").max(100).search(token("identifier").superset()),
    text("msemr_identifier", "Identifier", "identifier[0].value").max(100).search(token("identifier").superset()),
    choice("msemr_status", "Status", STATUS, "status").required().search(token("status")),
    concept("msemr_code", "Code", "code").search(token("code").superset()),
    concept("tt_category", "Category", "category[0]").describe("The first, if there are several.").search(token("category").superset()),
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

    choice("msemr_effectivetype", "Effective type", EFFECTIVE, "effective").derived(),
    date_time("msemr_effectivetypedatetime", "Effective", "effectiveDateTime").search(by_date("date").partial()),
    date_time("msemr_effectivestart", "Effective from", "effectivePeriod.start").search(by_date("date").partial()),
    date_time("msemr_effectiveend", "Effective until", "effectivePeriod.end").search(by_date("date").partial()),
    date_time("tt_effectiveinstant", "Effective (instant)", "effectiveInstant").search(by_date("date").partial()),
    date_time("msemr_issueddate", "Issued", "issued"),

    choice("msemr_valuetype", "Value type", VALUE, "value").derived(),
    decimal("msemr_valuetypequantityvalue", "Quantity", "valueQuantity.value").search(quantity("value-quantity")),
    choice("msemr_valuetypequantitycomparator", "Quantity: comparator", COMPARATOR, "valueQuantity.comparator"),
    text("msemr_valuequantityunit", "Quantity: unit", "valueQuantity.unit"),
    text("msemr_valuequantitysystem", "Quantity: unit system", "valueQuantity.system"),
    quantity_code("msemr_valuequantitycode", "Quantity: unit code", "valueQuantity"),
    concept("msemr_valuecodeableconcept", "Concept", "valueCodeableConcept").search(token("value-concept").superset()),
    text("msemr_valuestring", "Text", "valueString").multi_line().search(string("value-string").contains()),
    boolean("msemr_valueboolean", "Yes or no", "valueBoolean"),
    int("tt_valueinteger", "Whole number", "valueInteger"),
    text("tt_valuetime", "Time of day", "valueTime"),
    date_time("msemr_valuedatetype", "Date and time", "valueDateTime").search(by_date("value-date").partial()),
    date_time("msemr_valueperiodstartdate", "Period from", "valuePeriod.start").search(by_date("value-date").partial()),
    date_time("msemr_valueperiodenddate", "Period until", "valuePeriod.end").search(by_date("value-date").partial()),
    int("msemr_valuerangelowlimit", "Range: low", "valueRange.low.value").describe("Rounded."),
    int("msemr_valuerangehighlimit", "Range: high", "valueRange.high.value").describe("Rounded."),
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
    decimal("msemr_valuesampleddatatypeperiod", "Sampled: period", "valueSampledData.period").describe("Milliseconds between samples."),

    concept("msemr_dataabsentreason", "Data absent reason", "dataAbsentReason").search(token("data-absent-reason").superset()),
    concept("msemr_interpretation", "Interpretation", "interpretation[0]"),
    concept("msemr_bodysite", "Body site", "bodySite"),
    concept("msemr_method", "Method", "method").search(token("method").superset()),

    text("msemr_azurefhirid", "Azure FHIR ID", "id").derived().search(token("_id")),
    text("msemr_azurefhirversion", "Azure FHIR version", "meta.versionId").derived(),
    date_time("msemr_azurefhirlastupdatedon", "Azure FHIR last updated on", "meta.lastUpdated").derived().search(by_date("_lastUpdated")),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Observation"))
.primary_name("msemr_description")
.version("msemr_azurefhirversion");

#[rustfmt::skip]
const COMPONENT: Table = child("msemr_observationcomponent", "msemr_observationcomponents", "Observation component", "One of several results that share an observation, e.g. systolic and diastolic pressure.",
    parent("msemr_observation", "msemr_observation"), "component", &[
    key("msemr_observationcomponentid", "Observation component"),
    text("msemr_name", "Name", "code.text | code.coding[0].display").derived(),
    concept("msemr_obscomponentcode", "Code", "code").search(token("component-code").superset()),
    choice("msemr_valuetype", "Value type", VALUE, "value").derived(),
    decimal("msemr_valuequantityvalue", "Quantity", "valueQuantity.value").search(quantity("component-value-quantity")),
    choice("msemr_valuequantitycomparator", "Quantity: comparator", COMPARATOR, "valueQuantity.comparator"),
    text("msemr_valuequantityunit", "Quantity: unit", "valueQuantity.unit"),
    text("msemr_valuequantitysystem", "Quantity: unit system", "valueQuantity.system"),
    quantity_code("msemr_valuequantitycode", "Quantity: unit code", "valueQuantity"),
    concept("msemr_valuecodeableconcept", "Concept", "valueCodeableConcept").search(token("component-value-concept").superset()),
    text("msemr_valuestring", "Text", "valueString").multi_line(),
    boolean("tt_valueboolean", "Yes or no", "valueBoolean"),
    int("tt_valueinteger", "Whole number", "valueInteger"),
    date_time("msemr_valuetime", "Time (date and time)", "").describe("A time of day has no date: see Time of day."),
    text("tt_valuetime", "Time of day", "valueTime"),
    date_time("msemr_valuedatetime", "Date and time", "valueDateTime"),
    date_time("msemr_valueperiodstartdate", "Period from", "valuePeriod.start"),
    date_time("msemr_valueperiodenddate", "Period until", "valuePeriod.end"),
    int("msemr_valuerangelowlimit", "Range: low", "valueRange.low.value").describe("Rounded."),
    int("msemr_valuerangehighlimit", "Range: high", "valueRange.high.value").describe("Rounded."),
    int("msemr_valuerationumerator", "Numerator", "valueRatio.numerator.value").describe("Rounded."),
    decimal("tt_valuerationumeratorvalue", "Numerator: value", "valueRatio.numerator.value"),
    choice("msemr_valuerationumeratorcomparator", "Numerator: comparator", RATIO_COMPARATOR, "valueRatio.numerator.comparator"),
    text("msemr_valuerationumeratorunit", "Numerator: unit", "valueRatio.numerator.unit"),
    text("msemr_valuerationumeratorsystem", "Numerator: unit system", "valueRatio.numerator.system"),
    quantity_code("msemr_valuerationumeratorcode", "Numerator: unit code", "valueRatio.numerator"),
    int("msemr_valueratiodenominator", "Denominator", "valueRatio.denominator.value").describe("Rounded."),
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
    decimal("msemr_valuesampleddatatypeperiod", "Sampled: period", "valueSampledData.period").describe("Milliseconds between samples."),
    concept("msemr_componentdataabsentreason", "Data absent reason", "dataAbsentReason").search(token("component-data-absent-reason").superset()),
    concept("msemr_componentinterpretation", "Interpretation", "interpretation[0]"),
    constant("statecode", "Row state", STATE, "0"),
    constant("statuscode", "Row status", STATUS_REASON, "1"),
])
.source(resource("Observation"))
.primary_name("msemr_name");

const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

const STATUS: &[Code] = &[
    code(935000000, "registered", "Registered"),
    code(935000001, "preliminary", "Preliminary"),
    code(935000002, "final", "Final"),
    code(935000003, "amended", "Amended"),
    code(935000004, "corrected", "Corrected"),
    code(935000005, "cancelled", "Cancelled"),
    code(935000006, "entered-in-error", "Entered in error"),
    code(935000007, "unknown", "Unknown"),
];

const SUBJECT: &[Code] = &[
    code(935000000, "Patient", "Patient"),
    code(935000001, "Group", "Group"),
    code(935000002, "Device", "Device"),
    code(935000003, "Location", "Location"),
];

const CONTEXT: &[Code] =
    &[code(935000000, "Encounter", "Encounter"), code(935000001, "EpisodeOfCare", "Episode of care")];

const DEVICE: &[Code] = &[code(935000000, "Device", "Device"), code(935000001, "DeviceMetric", "Device metric")];

const EFFECTIVE: &[Code] = &[
    code(935000000, "dateTime", "Date and time"),
    code(935000001, "Period", "Period"),
    // In R4, not in Microsoft's set.
    code(935100000, "instant", "Instant"),
    code(935100001, "Timing", "Timing"),
];

const VALUE: &[Code] = &[
    code(935000000, "Quantity", "Quantity"),
    code(935000001, "CodeableConcept", "Codeable concept"),
    code(935000002, "string", "Text"),
    code(935000003, "boolean", "Yes or no"),
    code(935000004, "Range", "Range"),
    code(935000005, "Ratio", "Ratio"),
    code(935000006, "SampledData", "Sampled data"),
    // STU3 only.
    code(935000007, "Attachment", "Attachment"),
    code(935000008, "time", "Time of day"),
    code(935000009, "dateTime", "Date and time"),
    code(935000010, "Period", "Period"),
    // In R4, not in Microsoft's set.
    code(935100000, "integer", "Whole number"),
];

const COMPARATOR: &[Code] =
    &[code(935000000, "<", "<"), code(935000001, "<=", "<="), code(935000002, ">=", ">="), code(935000003, ">", ">")];

const RATIO_COMPARATOR: &[Code] =
    &[code(935000000, "<", "<"), code(935000001, "<=", "<="), code(935000002, ">", ">"), code(935000003, ">=", ">=")];

turntable_mapping::export!(MAPPING);
