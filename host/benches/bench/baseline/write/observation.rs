//! Columns of `msemr_observation` as changes of an Observation.

use serde_json::value::RawValue;
use turntable_scan::number;

use super::{
    Concept, Period, Quantity, Reference, boolean, code, constant, decimal, element, first, moment, put, refer, text,
    whole,
};
use crate::Result;
use crate::baseline::observation::{EVENTS, ORDERS, PERFORMERS};
use crate::baseline::types::Text;

const STATUS: [&str; 8] =
    ["registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"];
const COMPARATORS: [&str; 4] = ["<", "<=", ">=", ">"];

element!(Observation<'a> {
    resource_type: Text<'a> = "resourceType",
    identifier: Vec<Identifier<'a>> = "identifier",
    based_on: Vec<Reference<'a>> = "basedOn",
    part_of: Vec<Reference<'a>> = "partOf",
    status: Text<'a> = "status",
    category: Vec<Concept<'a>> = "category",
    code: Concept<'a> = "code",
    subject: Reference<'a> = "subject",
    encounter: Reference<'a> = "encounter",
    effective_date_time: Text<'a> = "effectiveDateTime",
    effective_period: Period<'a> = "effectivePeriod",
    effective_instant: Text<'a> = "effectiveInstant",
    effective_timing: &'a RawValue = "effectiveTiming",
    issued: Text<'a> = "issued",
    performer: Vec<Reference<'a>> = "performer",
    value_quantity: Quantity<'a> = "valueQuantity",
    value_codeable_concept: Concept<'a> = "valueCodeableConcept",
    value_string: Text<'a> = "valueString",
    value_boolean: bool = "valueBoolean",
    value_integer: i32 = "valueInteger",
    value_time: Text<'a> = "valueTime",
    value_date_time: Text<'a> = "valueDateTime",
    value_period: Period<'a> = "valuePeriod",
    value_range: Box<Range<'a>> = "valueRange",
    value_ratio: Box<Ratio<'a>> = "valueRatio",
    value_sampled_data: Box<SampledData<'a>> = "valueSampledData",
    data_absent_reason: Concept<'a> = "dataAbsentReason",
    interpretation: Vec<Concept<'a>> = "interpretation",
    note: Vec<Note<'a>> = "note",
    body_site: Concept<'a> = "bodySite",
    method: Concept<'a> = "method",
    specimen: Reference<'a> = "specimen",
    device: Reference<'a> = "device",
});

element!(Identifier<'a> { system: Text<'a> = "system", value: Text<'a> = "value" });

element!(Note<'a> { text: Text<'a> = "text" });

element!(Range<'a> { low: Quantity<'a> = "low", high: Quantity<'a> = "high" });

element!(Ratio<'a> { numerator: Quantity<'a> = "numerator", denominator: Quantity<'a> = "denominator" });

element!(SampledData<'a> {
    origin: Quantity<'a> = "origin",
    period: &'a RawValue = "period",
    factor: &'a RawValue = "factor",
    lower_limit: &'a RawValue = "lowerLimit",
    upper_limit: &'a RawValue = "upperLimit",
    dimensions: i32 = "dimensions",
    data: Text<'a> = "data",
});

impl<'a> Observation<'a> {
    /// The element `effective[x]` as one type, which it has only one of.
    fn effective<T>(&mut self, of_type: fn(&mut Self) -> &mut Option<T>) -> &mut Option<T> {
        if of_type(self).is_none() {
            self.effective_date_time = None;
            self.effective_period = None;
            self.effective_instant = None;
            self.effective_timing = None;
        }
        of_type(self)
    }

    /// The element `value[x]` as one type, which it has only one of.
    fn value<T>(&mut self, of_type: fn(&mut Self) -> &mut Option<T>) -> &mut Option<T> {
        if of_type(self).is_none() {
            self.value_quantity = None;
            self.value_codeable_concept = None;
            self.value_string = None;
            self.value_boolean = None;
            self.value_integer = None;
            self.value_time = None;
            self.value_date_time = None;
            self.value_period = None;
            self.value_range = None;
            self.value_ratio = None;
            self.value_sampled_data = None;
        }
        of_type(self)
    }

    fn quantity(&mut self) -> &mut Quantity<'a> {
        self.value(|o| &mut o.value_quantity).get_or_insert_default()
    }

    fn concept(&mut self) -> &mut Concept<'a> {
        self.value(|o| &mut o.value_codeable_concept).get_or_insert_default()
    }

    fn period(&mut self) -> &mut Period<'a> {
        self.value(|o| &mut o.value_period).get_or_insert_default()
    }

    fn low(&mut self) -> &mut Quantity<'a> {
        self.value(|o| &mut o.value_range).get_or_insert_default().low.get_or_insert_default()
    }

    fn high(&mut self) -> &mut Quantity<'a> {
        self.value(|o| &mut o.value_range).get_or_insert_default().high.get_or_insert_default()
    }

    fn numerator(&mut self) -> &mut Quantity<'a> {
        self.value(|o| &mut o.value_ratio).get_or_insert_default().numerator.get_or_insert_default()
    }

    fn denominator(&mut self) -> &mut Quantity<'a> {
        self.value(|o| &mut o.value_ratio).get_or_insert_default().denominator.get_or_insert_default()
    }

    fn sampled(&mut self) -> &mut SampledData<'a> {
        self.value(|o| &mut o.value_sampled_data).get_or_insert_default()
    }

    fn origin(&mut self) -> &mut Quantity<'a> {
        self.sampled().origin.get_or_insert_default()
    }

    fn when(&mut self) -> &mut Period<'a> {
        self.effective(|o| &mut o.effective_period).get_or_insert_default()
    }
}

/// Gives a column's element its value.
pub type Setter = for<'a> fn(&mut Observation<'a>, &'a str) -> Result<()>;

#[rustfmt::skip]
pub fn setter(column: &str) -> Option<Setter> {
    let setter: Setter = match column {
        "msemr_observationnumber" | "msemr_identifier" => |o, v| put(&mut first(&mut o.identifier).value, text(v)),
        "tt_identifiersystem" => |o, v| put(&mut first(&mut o.identifier).system, text(v)),
        "msemr_status" => |o, v| put(&mut o.status, code(v, &STATUS)),
        "msemr_code_code" => |o, v| o.code.get_or_insert_default().coding().set_code(v),
        "msemr_code_system" => |o, v| o.code.get_or_insert_default().coding().set_system(v),
        "msemr_code_display" => |o, v| put(&mut o.code.get_or_insert_default().coding().display, text(v)),
        "tt_codetext" => |o, v| put(&mut o.code.get_or_insert_default().text, text(v)),
        "tt_category_code" => |o, v| first(&mut o.category).coding().set_code(v),
        "tt_category_system" => |o, v| first(&mut o.category).coding().set_system(v),
        "tt_category_display" => |o, v| put(&mut first(&mut o.category).coding().display, text(v)),
        "tt_categorytext" => |o, v| put(&mut first(&mut o.category).text, text(v)),
        "msemr_comment" => |o, v| put(&mut first(&mut o.note).text, text(v)),

        "msemr_subjecttypepatient" => |o, v| refer(o.subject.get_or_insert_default(), v, &["Patient"]),
        "msemr_subjecttypegroup" => |o, v| refer(o.subject.get_or_insert_default(), v, &["Group"]),
        "msemr_subjecttypedevice" | "msemr_device" => |o, v| refer(o.subject.get_or_insert_default(), v, &["Device"]),
        "msemr_subjecttypelocation" => |o, v| refer(o.subject.get_or_insert_default(), v, &["Location"]),
        "msemr_conexttypeencounter" => |o, v| refer(o.encounter.get_or_insert_default(), v, &["Encounter"]),
        "msemr_devicetypedevice" => |o, v| refer(o.device.get_or_insert_default(), v, &["Device"]),
        "msemr_devicetypedevicemetric" => |o, v| refer(o.device.get_or_insert_default(), v, &["DeviceMetric"]),
        "msemr_specimen" => |o, v| refer(o.specimen.get_or_insert_default(), v, &["Specimen"]),
        "tt_performer" => |o, v| refer(first(&mut o.performer), v, &PERFORMERS),
        "tt_basedon" => |o, v| refer(first(&mut o.based_on), v, &ORDERS),
        "tt_partof" => |o, v| refer(first(&mut o.part_of), v, &EVENTS),

        "msemr_effectivetypedatetime" => |o, v| put(o.effective(|o| &mut o.effective_date_time), moment(v)),
        "msemr_effectivestart" => |o, v| put(&mut o.when().start, moment(v)),
        "msemr_effectiveend" => |o, v| put(&mut o.when().end, moment(v)),
        "tt_effectiveinstant" => |o, v| put(o.effective(|o| &mut o.effective_instant), moment(v)),
        "tt_effectivetiming" => |o, v| put(o.effective(|o| &mut o.effective_timing), Ok(serde_json::from_str(v)?)),
        "msemr_issueddate" => |o, v| put(&mut o.issued, moment(v)),

        "msemr_valuetypequantityvalue" => |o, v| put(&mut o.quantity().value, decimal(v)),
        "msemr_valuetypequantitycomparator" => |o, v| put(&mut o.quantity().comparator, code(v, &COMPARATORS)),
        "msemr_valuequantityunit" | "msemr_valuequantitycode_display" => |o, v| put(&mut o.quantity().unit, text(v)),
        "msemr_valuequantitysystem" | "msemr_valuequantitycode_system" => |o, v| put(&mut o.quantity().system, text(v)),
        "msemr_valuequantitycode_code" => |o, v| o.quantity().set_code(v),
        "msemr_valuecodeableconcept_code" => |o, v| o.concept().coding().set_code(v),
        "msemr_valuecodeableconcept_system" => |o, v| o.concept().coding().set_system(v),
        "msemr_valuecodeableconcept_display" => |o, v| put(&mut o.concept().coding().display, text(v)),
        "tt_valuecodeableconcepttext" => |o, v| put(&mut o.concept().text, text(v)),
        "msemr_valuestring" => |o, v| put(o.value(|o| &mut o.value_string), text(v)),
        "msemr_valueboolean" => |o, v| put(o.value(|o| &mut o.value_boolean), boolean(v)),
        "tt_valueinteger" => |o, v| put(o.value(|o| &mut o.value_integer), whole(v)),
        "tt_valuetime" => |o, v| put(o.value(|o| &mut o.value_time), text(v)),
        "msemr_valuedatetype" => |o, v| put(o.value(|o| &mut o.value_date_time), moment(v)),
        "msemr_valueperiodstartdate" => |o, v| put(&mut o.period().start, moment(v)),
        "msemr_valueperiodenddate" => |o, v| put(&mut o.period().end, moment(v)),
        "msemr_valuerangelowlimit" => |o, v| rounded(&mut o.low().value, v),
        "msemr_valuerangehighlimit" => |o, v| rounded(&mut o.high().value, v),
        "tt_valuerangelowvalue" => |o, v| put(&mut o.low().value, decimal(v)),
        "tt_valuerangelowunit" => |o, v| put(&mut o.low().unit, text(v)),
        "tt_valuerangehighvalue" => |o, v| put(&mut o.high().value, decimal(v)),
        "tt_valuerangehighunit" => |o, v| put(&mut o.high().unit, text(v)),
        "msemr_valuerationumeratorvalue" => |o, v| put(&mut o.numerator().value, decimal(v)),
        "msemr_valuerationumeratorcomparator" => |o, v| put(&mut o.numerator().comparator, code(v, &COMPARATORS)),
        "msemr_valuerationumeratorunit" | "msemr_valuerationumeratorcode_display" => |o, v| put(&mut o.numerator().unit, text(v)),
        "msemr_valuerationumeratorsystem" | "msemr_valuerationumeratorcode_system" => |o, v| put(&mut o.numerator().system, text(v)),
        "msemr_valuerationumeratorcode_code" => |o, v| o.numerator().set_code(v),
        "msemr_valueratiodenominatorvalue" => |o, v| put(&mut o.denominator().value, decimal(v)),
        "msemr_valueratiodenominatorcomparator" => |o, v| put(&mut o.denominator().comparator, code(v, &COMPARATORS)),
        "msemr_valueratiodenominatorunit" | "msemr_valueratiodenominatorcode_display" => |o, v| put(&mut o.denominator().unit, text(v)),
        "msemr_valueratiodenominatorsystem" | "msemr_valueratiodenominatorcode_system" => |o, v| put(&mut o.denominator().system, text(v)),
        "msemr_valueratiodenominatorcode_code" => |o, v| o.denominator().set_code(v),
        "msemr_valuesampleddatatypedata" => |o, v| put(&mut o.sampled().data, text(v)),
        "msemr_valuesampleddatatypedimension" => |o, v| put(&mut o.sampled().dimensions, whole(v)),
        "msemr_valuesampleddatatypefactor" => |o, v| put(&mut o.sampled().factor, decimal(v)),
        "msemr_valuesampleddatatypelowerlimit" => |o, v| put(&mut o.sampled().lower_limit, decimal(v)),
        "msemr_valuesampleddatatypeupperlimit" => |o, v| put(&mut o.sampled().upper_limit, decimal(v)),
        "msemr_valuesampleddatatypeorigin" => |o, v| rounded(&mut o.origin().value, v),
        "tt_valuesampleddatatypeoriginvalue" => |o, v| put(&mut o.origin().value, decimal(v)),
        "tt_valuesampleddatatypeoriginunit" => |o, v| put(&mut o.origin().unit, text(v)),
        "msemr_valuesampleddatatypeperiod" => |o, v| put(&mut o.sampled().period, decimal(v)),

        "msemr_dataabsentreason_code" => |o, v| o.data_absent_reason.get_or_insert_default().coding().set_code(v),
        "msemr_dataabsentreason_system" => |o, v| o.data_absent_reason.get_or_insert_default().coding().set_system(v),
        "msemr_dataabsentreason_display" => |o, v| put(&mut o.data_absent_reason.get_or_insert_default().coding().display, text(v)),
        "tt_dataabsentreasontext" => |o, v| put(&mut o.data_absent_reason.get_or_insert_default().text, text(v)),
        "msemr_interpretation_code" => |o, v| first(&mut o.interpretation).coding().set_code(v),
        "msemr_interpretation_system" => |o, v| first(&mut o.interpretation).coding().set_system(v),
        "msemr_interpretation_display" => |o, v| put(&mut first(&mut o.interpretation).coding().display, text(v)),
        "tt_interpretationtext" => |o, v| put(&mut first(&mut o.interpretation).text, text(v)),
        "msemr_bodysite_code" => |o, v| o.body_site.get_or_insert_default().coding().set_code(v),
        "msemr_bodysite_system" => |o, v| o.body_site.get_or_insert_default().coding().set_system(v),
        "msemr_bodysite_display" => |o, v| put(&mut o.body_site.get_or_insert_default().coding().display, text(v)),
        "tt_bodysitetext" => |o, v| put(&mut o.body_site.get_or_insert_default().text, text(v)),
        "msemr_method_code" => |o, v| o.method.get_or_insert_default().coding().set_code(v),
        "msemr_method_system" => |o, v| o.method.get_or_insert_default().coding().set_system(v),
        "msemr_method_display" => |o, v| put(&mut o.method.get_or_insert_default().coding().display, text(v)),
        "tt_methodtext" => |o, v| put(&mut o.method.get_or_insert_default().text, text(v)),

        "statecode" => |_, v| constant(v, "0"),
        "statuscode" => |_, v| constant(v, "1"),
        _ => return None,
    };
    Some(setter)
}

/// A whole number where decimals are: what rounds to it stays.
fn rounded<'a>(element: &mut Option<&'a RawValue>, value: &'a str) -> Result<()> {
    let shown = element.and_then(|number| number::round(number.get()));
    if shown == Some(whole(value)?.into()) { Ok(()) } else { put(element, decimal(value)) }
}
