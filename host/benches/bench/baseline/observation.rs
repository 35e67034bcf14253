//! `msemr_observation`.

use serde::Deserialize;
use serde_json::value::RawValue;
use turntable::model::key;

use super::Mapped;
use super::row::{ConceptKeys, Row, Target, Unfilled, concept, lookup, name, unfilled};
use super::types::{Concept, Meta, Period, Quantity, Reference, Text, first};
use crate::Result;

pub const PERFORMERS: [&str; 6] =
    ["Practitioner", "Patient", "RelatedPerson", "Organization", "CareTeam", "PractitionerRole"];
pub const ORDERS: [&str; 6] = [
    "CarePlan",
    "DeviceRequest",
    "ImmunizationRecommendation",
    "MedicationRequest",
    "NutritionOrder",
    "ServiceRequest",
];
pub const EVENTS: [&str; 6] = [
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationStatement",
    "Procedure",
    "Immunization",
    "ImagingStudy",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct Observation<'a> {
    id: Text<'a>,
    meta: Option<Meta<'a>>,
    #[serde(default, deserialize_with = "first")]
    identifier: Option<Identifier<'a>>,
    status: Text<'a>,
    code: Option<Concept<'a>>,
    #[serde(default, deserialize_with = "first")]
    category: Option<Concept<'a>>,
    #[serde(default, deserialize_with = "first")]
    note: Option<Note<'a>>,
    subject: Option<Reference<'a>>,
    encounter: Option<Reference<'a>>,
    device: Option<Reference<'a>>,
    specimen: Option<Reference<'a>>,
    #[serde(default, deserialize_with = "first")]
    performer: Option<Reference<'a>>,
    #[serde(default, deserialize_with = "first")]
    based_on: Option<Reference<'a>>,
    #[serde(default, deserialize_with = "first")]
    part_of: Option<Reference<'a>>,
    effective_date_time: Option<Text<'a>>,
    effective_period: Option<Period<'a>>,
    effective_instant: Option<Text<'a>>,
    effective_timing: Option<&'a RawValue>,
    issued: Option<Text<'a>>,
    value_quantity: Option<Quantity<'a>>,
    value_codeable_concept: Option<Concept<'a>>,
    value_string: Option<Text<'a>>,
    value_boolean: Option<bool>,
    value_integer: Option<i32>,
    value_time: Option<Text<'a>>,
    value_date_time: Option<Text<'a>>,
    value_period: Option<Period<'a>>,
    value_range: Option<Box<Range<'a>>>,
    value_ratio: Option<Box<Ratio<'a>>>,
    value_sampled_data: Option<Box<SampledData<'a>>>,
    data_absent_reason: Option<Concept<'a>>,
    #[serde(default, deserialize_with = "first")]
    interpretation: Option<Concept<'a>>,
    body_site: Option<Concept<'a>>,
    method: Option<Concept<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Identifier<'a> {
    value: Option<Text<'a>>,
    system: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Note<'a> {
    text: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Range<'a> {
    low: Option<Quantity<'a>>,
    high: Option<Quantity<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Ratio<'a> {
    numerator: Option<Quantity<'a>>,
    denominator: Option<Quantity<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct SampledData<'a> {
    data: Option<Text<'a>>,
    dimensions: Option<i32>,
    factor: Option<&'a RawValue>,
    lower_limit: Option<&'a RawValue>,
    upper_limit: Option<&'a RawValue>,
    origin: Option<Quantity<'a>>,
    period: Option<&'a RawValue>,
}

impl<'a> Mapped<'a> for Observation<'a> {
    /// An episode of care was the context of an observation in STU3.
    const UNFILLED: Unfilled = unfilled!["_msemr_conexttypeepisodeofcare_value", "_msemr_episodeofcare_value"];

    fn row<'p>(&'p self, out: &mut Vec<u8>, keys: &mut ConceptKeys<'p>) -> Result<()> {
        let meta = self.meta.as_ref();
        let mut row = Row::open(out, keys, meta, ("msemr_observationid", key::guid(&self.id)))?;
        self.what(&mut row)?;
        self.who(&mut row)?;
        self.when(&mut row)?;
        self.value(&mut row)?;
        self.how(&mut row)?;
        row.nulls(&Self::UNFILLED);
        row.close(&self.id, meta)
    }
}

impl Observation<'_> {
    fn what<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        let code = self.code.as_ref();
        let display = code.and_then(|code| code.coding.as_ref()).and_then(|coding| coding.display.as_deref());
        let identifier = self.identifier.as_ref();
        let number = identifier.and_then(|identifier| identifier.value.as_deref());
        row.text(name!("msemr_description"), text(code).or(display))?;
        row.text(name!("msemr_observationnumber"), number)?;
        row.text(name!("msemr_identifier"), number)?;
        row.text(name!("tt_identifiersystem"), identifier.and_then(|identifier| identifier.system.as_deref()))?;
        row.raw(name!("msemr_status"), status(&self.status));
        row.concept(&concept!("msemr_code"), code)?;
        row.text(name!("tt_codetext"), text(code))?;
        row.concept(&concept!("tt_category"), self.category.as_ref())?;
        row.text(name!("tt_categorytext"), text(self.category.as_ref()))?;
        row.text(name!("msemr_comment"), self.note.as_ref().and_then(|note| note.text.as_deref()))
    }

    fn who<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        let subject = Target::of(self.subject.as_ref());
        row.raw(name!("msemr_subjecttype"), subject.kind().and_then(subject_type));
        row.lookup(lookup!("msemr_subjecttypepatient"), &subject, &["Patient"]);
        row.lookup(lookup!("msemr_subjecttypegroup"), &subject, &["Group"]);
        row.lookup(lookup!("msemr_subjecttypedevice"), &subject, &["Device"]);
        row.lookup(lookup!("msemr_subjecttypelocation"), &subject, &["Location"]);
        row.lookup(lookup!("msemr_device"), &subject, &["Device"]);
        let encounter = Target::of(self.encounter.as_ref());
        row.raw(name!("msemr_contexttype"), encounter.kind().and_then(context_type));
        row.lookup(lookup!("msemr_conexttypeencounter"), &encounter, &["Encounter"]);
        let device = Target::of(self.device.as_ref());
        row.raw(name!("msemr_devicetype"), device.kind().and_then(device_type));
        row.lookup(lookup!("msemr_devicetypedevice"), &device, &["Device"]);
        row.lookup(lookup!("msemr_devicetypedevicemetric"), &device, &["DeviceMetric"]);
        row.lookup(lookup!("msemr_specimen"), &Target::of(self.specimen.as_ref()), &["Specimen"]);
        row.lookup(lookup!("tt_performer"), &Target::of(self.performer.as_ref()), &PERFORMERS);
        row.lookup(lookup!("tt_basedon"), &Target::of(self.based_on.as_ref()), &ORDERS);
        row.lookup(lookup!("tt_partof"), &Target::of(self.part_of.as_ref()), &EVENTS);
        Ok(())
    }

    fn when<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        let kind = match self {
            Self { effective_date_time: Some(_), .. } => Some("935000000"),
            Self { effective_period: Some(_), .. } => Some("935000001"),
            Self { effective_instant: Some(_), .. } => Some("935100000"),
            Self { effective_timing: Some(_), .. } => Some("935100001"),
            _ => None,
        };
        row.raw(name!("msemr_effectivetype"), kind);
        row.moment(name!("msemr_effectivetypedatetime"), self.effective_date_time.as_deref())?;
        row.period([name!("msemr_effectivestart"), name!("msemr_effectiveend")], self.effective_period.as_ref())?;
        row.moment(name!("tt_effectiveinstant"), self.effective_instant.as_deref())?;
        row.text(name!("tt_effectivetiming"), self.effective_timing.map(RawValue::get))?;
        row.moment(name!("msemr_issueddate"), self.issued.as_deref())
    }

    fn value<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        let kind = match self {
            Self { value_quantity: Some(_), .. } => Some("935000000"),
            Self { value_codeable_concept: Some(_), .. } => Some("935000001"),
            Self { value_string: Some(_), .. } => Some("935000002"),
            Self { value_boolean: Some(_), .. } => Some("935000003"),
            Self { value_range: Some(_), .. } => Some("935000004"),
            Self { value_ratio: Some(_), .. } => Some("935000005"),
            Self { value_sampled_data: Some(_), .. } => Some("935000006"),
            Self { value_time: Some(_), .. } => Some("935000008"),
            Self { value_date_time: Some(_), .. } => Some("935000009"),
            Self { value_period: Some(_), .. } => Some("935000010"),
            Self { value_integer: Some(_), .. } => Some("935100000"),
            _ => None,
        };
        row.raw(name!("msemr_valuetype"), kind);
        let quantity = self.value_quantity.as_ref();
        row.decimal(name!("msemr_valuetypequantityvalue"), quantity.and_then(|q| q.value));
        let compared = quantity.and_then(|q| q.comparator.as_deref());
        row.raw(name!("msemr_valuetypequantitycomparator"), compared.and_then(comparator));
        row.text(name!("msemr_valuequantityunit"), quantity.and_then(|q| q.unit.as_deref()))?;
        row.text(name!("msemr_valuequantitysystem"), quantity.and_then(|q| q.system.as_deref()))?;
        row.unit(&concept!("msemr_valuequantitycode"), quantity)?;
        row.concept(&concept!("msemr_valuecodeableconcept"), self.value_codeable_concept.as_ref())?;
        row.text(name!("tt_valuecodeableconcepttext"), text(self.value_codeable_concept.as_ref()))?;
        row.text(name!("msemr_valuestring"), self.value_string.as_deref())?;
        row.boolean(name!("msemr_valueboolean"), self.value_boolean);
        row.whole(name!("tt_valueinteger"), self.value_integer)?;
        row.text(name!("tt_valuetime"), self.value_time.as_deref())?;
        row.moment(name!("msemr_valuedatetype"), self.value_date_time.as_deref())?;
        row.period(
            [name!("msemr_valueperiodstartdate"), name!("msemr_valueperiodenddate")],
            self.value_period.as_ref(),
        )?;
        self.range(row)?;
        self.ratio(row)?;
        self.sampled_data(row)
    }

    fn range<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        let range = self.value_range.as_ref();
        let low = range.and_then(|range| range.low.as_ref());
        let high = range.and_then(|range| range.high.as_ref());
        row.rounded(name!("msemr_valuerangelowlimit"), low.and_then(|q| q.value))?;
        row.rounded(name!("msemr_valuerangehighlimit"), high.and_then(|q| q.value))?;
        row.decimal(name!("tt_valuerangelowvalue"), low.and_then(|q| q.value));
        row.text(name!("tt_valuerangelowunit"), low.and_then(|q| q.unit.as_deref()))?;
        row.decimal(name!("tt_valuerangehighvalue"), high.and_then(|q| q.value));
        row.text(name!("tt_valuerangehighunit"), high.and_then(|q| q.unit.as_deref()))
    }

    fn ratio<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        let ratio = self.value_ratio.as_ref();
        let numerator = ratio.and_then(|ratio| ratio.numerator.as_ref());
        let compared = numerator.and_then(|q| q.comparator.as_deref());
        row.decimal(name!("msemr_valuerationumeratorvalue"), numerator.and_then(|q| q.value));
        row.raw(name!("msemr_valuerationumeratorcomparator"), compared.and_then(ratio_comparator));
        row.text(name!("msemr_valuerationumeratorunit"), numerator.and_then(|q| q.unit.as_deref()))?;
        row.text(name!("msemr_valuerationumeratorsystem"), numerator.and_then(|q| q.system.as_deref()))?;
        row.unit(&concept!("msemr_valuerationumeratorcode"), numerator)?;
        let denominator = ratio.and_then(|ratio| ratio.denominator.as_ref());
        let compared = denominator.and_then(|q| q.comparator.as_deref());
        row.decimal(name!("msemr_valueratiodenominatorvalue"), denominator.and_then(|q| q.value));
        row.raw(name!("msemr_valueratiodenominatorcomparator"), compared.and_then(ratio_comparator));
        row.text(name!("msemr_valueratiodenominatorunit"), denominator.and_then(|q| q.unit.as_deref()))?;
        row.text(name!("msemr_valueratiodenominatorsystem"), denominator.and_then(|q| q.system.as_deref()))?;
        row.unit(&concept!("msemr_valueratiodenominatorcode"), denominator)
    }

    fn sampled_data<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        let data = self.value_sampled_data.as_ref();
        let origin = data.and_then(|data| data.origin.as_ref());
        row.text(name!("msemr_valuesampleddatatypedata"), data.and_then(|data| data.data.as_deref()))?;
        row.whole(name!("msemr_valuesampleddatatypedimension"), data.and_then(|data| data.dimensions))?;
        row.decimal(name!("msemr_valuesampleddatatypefactor"), data.and_then(|data| data.factor));
        row.decimal(name!("msemr_valuesampleddatatypelowerlimit"), data.and_then(|data| data.lower_limit));
        row.decimal(name!("msemr_valuesampleddatatypeupperlimit"), data.and_then(|data| data.upper_limit));
        row.rounded(name!("msemr_valuesampleddatatypeorigin"), origin.and_then(|q| q.value))?;
        row.decimal(name!("tt_valuesampleddatatypeoriginvalue"), origin.and_then(|q| q.value));
        row.text(name!("tt_valuesampleddatatypeoriginunit"), origin.and_then(|q| q.unit.as_deref()))?;
        row.decimal(name!("msemr_valuesampleddatatypeperiod"), data.and_then(|data| data.period));
        Ok(())
    }

    fn how<'p>(&'p self, row: &mut Row<'_, 'p>) -> Result<()> {
        row.concept(&concept!("msemr_dataabsentreason"), self.data_absent_reason.as_ref())?;
        row.text(name!("tt_dataabsentreasontext"), text(self.data_absent_reason.as_ref()))?;
        row.concept(&concept!("msemr_interpretation"), self.interpretation.as_ref())?;
        row.text(name!("tt_interpretationtext"), text(self.interpretation.as_ref()))?;
        row.concept(&concept!("msemr_bodysite"), self.body_site.as_ref())?;
        row.text(name!("tt_bodysitetext"), text(self.body_site.as_ref()))?;
        row.concept(&concept!("msemr_method"), self.method.as_ref())?;
        row.text(name!("tt_methodtext"), text(self.method.as_ref()))
    }
}

fn text<'c>(concept: Option<&'c Concept<'_>>) -> Option<&'c str> {
    concept.and_then(|concept| concept.text.as_deref())
}

fn status(code: &str) -> Option<&'static str> {
    Some(match code {
        "registered" => "935000000",
        "preliminary" => "935000001",
        "final" => "935000002",
        "amended" => "935000003",
        "corrected" => "935000004",
        "cancelled" => "935000005",
        "entered-in-error" => "935000006",
        "unknown" => "935000007",
        _ => return None,
    })
}

fn subject_type(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Patient" => "935000000",
        "Group" => "935000001",
        "Device" => "935000002",
        "Location" => "935000003",
        _ => return None,
    })
}

fn context_type(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Encounter" => "935000000",
        "EpisodeOfCare" => "935000001",
        _ => return None,
    })
}

fn device_type(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Device" => "935000000",
        "DeviceMetric" => "935000001",
        _ => return None,
    })
}

fn comparator(code: &str) -> Option<&'static str> {
    Some(match code {
        "<" => "935000000",
        "<=" => "935000001",
        ">=" => "935000002",
        ">" => "935000003",
        _ => return None,
    })
}

/// Numbered in another order than those of a quantity.
fn ratio_comparator(code: &str) -> Option<&'static str> {
    Some(match code {
        "<" => "935000000",
        "<=" => "935000001",
        ">" => "935000002",
        ">=" => "935000003",
        _ => return None,
    })
}
