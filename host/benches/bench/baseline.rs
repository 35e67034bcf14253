//! What a programmer would write for one table and nothing else: typed serde_json over the whole page, borrowed
//! texts, decimals as they stand, rows of `msemr_observation` to JSON in one pass, without sandbox or schema.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use serde_json::value::RawValue;
use turntable::model::{key, value};
use uuid::Uuid;

use crate::Result;

/// Properties that the sample has values for. `rows` checks that there are no others.
const WRITTEN: [&str; 38] = [
    "msemr_observationid",
    "msemr_description",
    "msemr_status",
    "msemr_code_code",
    "msemr_code_system",
    "msemr_code_display",
    "_msemr_code_value",
    "tt_codetext",
    "tt_category_code",
    "tt_category_system",
    "tt_category_display",
    "_tt_category_value",
    "msemr_subjecttype",
    "_msemr_subjecttypepatient_value",
    "msemr_contexttype",
    "_msemr_conexttypeencounter_value",
    "msemr_effectivetype",
    "msemr_effectivetypedatetime",
    "msemr_issueddate",
    "msemr_valuetype",
    "msemr_valuetypequantityvalue",
    "msemr_valuequantityunit",
    "msemr_valuequantitysystem",
    "msemr_valuequantitycode_code",
    "msemr_valuequantitycode_system",
    "msemr_valuequantitycode_display",
    "_msemr_valuequantitycode_value",
    "msemr_valuecodeableconcept_code",
    "msemr_valuecodeableconcept_system",
    "msemr_valuecodeableconcept_display",
    "_msemr_valuecodeableconcept_value",
    "tt_valuecodeableconcepttext",
    "msemr_valuestring",
    "msemr_azurefhirid",
    "msemr_azurefhirversion",
    "msemr_azurefhirlastupdatedon",
    "statecode",
    "statuscode",
];

pub struct Baseline {
    /// Members of every other property, all null.
    nulls: String,
}

impl Baseline {
    /// For rows with these properties.
    pub fn new<'a>(properties: impl Iterator<Item = Cow<'a, str>>) -> Self {
        let others = properties.filter(|name| !WRITTEN.contains(&&**name));
        Self { nulls: others.map(|name| format!(",\"{name}\":null")).collect() }
    }

    /// A searchset of Observations to rows as JSON.
    pub fn rows(&self, page: &[u8]) -> Result<Vec<u8>> {
        let page: Page<'_> = serde_json::from_slice(page)?;
        let mut out = Vec::with_capacity(page.entry.len() * (1_500 + self.nulls.len()));
        out.extend_from_slice(b"{\"value\":[");
        for (index, entry) in page.entry.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.row(&mut out, &entry.resource)?;
        }
        out.extend_from_slice(b"]}");
        Ok(out)
    }

    fn row(&self, out: &mut Vec<u8>, observation: &Observation<'_>) -> Result<()> {
        let meta = observation.meta.as_ref();
        let version = meta.and_then(|meta| meta.version_id.as_deref());
        write!(out, "{{\"@odata.etag\":\"W/\\\"{}\\\"\"", version.unwrap_or_default())?;
        guid(out, "msemr_observationid", Some(key::guid(&observation.id)))?;
        let code = observation.code.as_ref();
        let coding = code.and_then(Concept::coding);
        let description = code.and_then(|code| code.text.as_deref());
        text(out, "msemr_description", description.or(coding.and_then(|coding| coding.display.as_deref())))?;
        number(out, "msemr_status", status(&observation.status));
        concept(out, "msemr_code", coding)?;
        text(out, "tt_codetext", description)?;
        concept(out, "tt_category", observation.category.first().and_then(Concept::coding))?;
        reference(out, "msemr_subjecttype", "_msemr_subjecttypepatient_value", &observation.subject, "Patient/")?;
        reference(out, "msemr_contexttype", "_msemr_conexttypeencounter_value", &observation.encounter, "Encounter/")?;
        number(out, "msemr_effectivetype", observation.effective_date_time.as_ref().map(|_| "935000000"));
        instant(out, "msemr_effectivetypedatetime", observation.effective_date_time.as_deref())?;
        instant(out, "msemr_issueddate", observation.issued.as_deref())?;
        value_x(out, observation)?;
        text(out, "msemr_azurefhirid", Some(&observation.id))?;
        text(out, "msemr_azurefhirversion", version)?;
        instant(out, "msemr_azurefhirlastupdatedon", meta.and_then(|meta| meta.last_updated.as_deref()))?;
        number(out, "statecode", Some("0"));
        number(out, "statuscode", Some("1"));
        out.extend_from_slice(self.nulls.as_bytes());
        out.push(b'}');
        Ok(())
    }
}

fn value_x(out: &mut Vec<u8>, observation: &Observation<'_>) -> Result<()> {
    let quantity = observation.value_quantity.as_ref();
    let kind = match observation {
        Observation { value_quantity: Some(_), .. } => Some("935000000"),
        Observation { value_codeable_concept: Some(_), .. } => Some("935000001"),
        Observation { value_string: Some(_), .. } => Some("935000002"),
        _ => None,
    };
    number(out, "msemr_valuetype", kind);
    number(out, "msemr_valuetypequantityvalue", quantity.and_then(|q| q.value).map(RawValue::get));
    text(out, "msemr_valuequantityunit", quantity.and_then(|q| q.unit.as_deref()))?;
    text(out, "msemr_valuequantitysystem", quantity.and_then(|q| q.system.as_deref()))?;
    let code = quantity.map(|q| (q.code.as_deref(), q.system.as_deref(), q.unit.as_deref()));
    concept_columns(out, "msemr_valuequantitycode", code)?;
    let value = observation.value_codeable_concept.as_ref();
    concept(out, "msemr_valuecodeableconcept", value.and_then(Concept::coding))?;
    text(out, "tt_valuecodeableconcepttext", value.and_then(|value| value.text.as_deref()))?;
    text(out, "msemr_valuestring", observation.value_string.as_deref())
}

fn member(out: &mut Vec<u8>, name: &str, suffix: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    out.extend_from_slice(b"\":");
}

fn text(out: &mut Vec<u8>, name: &str, value: Option<&str>) -> Result<()> {
    suffixed(out, name, "", value)
}

fn suffixed(out: &mut Vec<u8>, name: &str, suffix: &str, value: Option<&str>) -> Result<()> {
    member(out, name, suffix);
    match value {
        Some(text) => serde_json::to_writer(out, text)?,
        None => out.extend_from_slice(b"null"),
    }
    Ok(())
}

fn number(out: &mut Vec<u8>, name: &str, digits: Option<&str>) {
    member(out, name, "");
    out.extend_from_slice(digits.unwrap_or("null").as_bytes());
}

fn guid(out: &mut Vec<u8>, name: &str, guid: Option<Uuid>) -> Result<()> {
    member(out, name, "");
    match guid {
        Some(guid) => write!(out, "\"{}\"", guid.hyphenated())?,
        None => out.extend_from_slice(b"null"),
    }
    Ok(())
}

fn instant(out: &mut Vec<u8>, name: &str, text: Option<&str>) -> Result<()> {
    member(out, name, "");
    let Some(text) = text else {
        out.extend_from_slice(b"null");
        return Ok(());
    };
    if let Some(utc) = text.strip_suffix("+00:00").or_else(|| text.strip_suffix('Z')) {
        write!(out, "\"{utc}Z\"")?;
        return Ok(());
    }
    let moment = value::parse_instant(text).ok_or("a time that is none")?.to_zoned(TimeZone::UTC);
    let fraction = text.find('.').map(|dot| &text[dot..]).unwrap_or_default();
    let fraction = &fraction[..fraction.find(['+', '-']).unwrap_or_default()];
    write!(out, "\"{}{fraction}Z\"", moment.strftime("%Y-%m-%dT%H:%M:%S"))?;
    Ok(())
}

fn concept(out: &mut Vec<u8>, name: &str, coding: Option<&Coding<'_>>) -> Result<()> {
    let parts = coding.map(|coding| (coding.code.as_deref(), coding.system.as_deref(), coding.display.as_deref()));
    concept_columns(out, name, parts)
}

/// Code, system and display, and the key that they make.
fn concept_columns(
    out: &mut Vec<u8>,
    name: &str,
    parts: Option<(Option<&str>, Option<&str>, Option<&str>)>,
) -> Result<()> {
    let (code, system, display) = parts.unwrap_or_default();
    suffixed(out, name, "_code", code)?;
    suffixed(out, name, "_system", system)?;
    suffixed(out, name, "_display", display)?;
    out.extend_from_slice(b",\"_");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"_value\":");
    match code {
        Some(code) => write!(out, "\"{}\"", key::concept(system, code).hyphenated())?,
        None => out.extend_from_slice(b"null"),
    }
    Ok(())
}

/// The type of a reference and, if it is the one that the sample has, its key.
fn reference(out: &mut Vec<u8>, kind: &str, name: &str, reference: &Option<Reference<'_>>, prefix: &str) -> Result<()> {
    let id = reference.as_ref().and_then(|reference| reference.reference.strip_prefix(prefix));
    number(out, kind, id.map(|_| "935000000"));
    guid(out, name, id.map(key::guid))
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

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    resource: Observation<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Observation<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    meta: Option<Meta<'a>>,
    #[serde(borrow)]
    code: Option<Concept<'a>>,
    #[serde(borrow, default)]
    category: Vec<Concept<'a>>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    effective_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    issued: Option<Text<'a>>,
    #[serde(borrow)]
    value_quantity: Option<Quantity<'a>>,
    #[serde(borrow)]
    value_codeable_concept: Option<Concept<'a>>,
    #[serde(borrow)]
    value_string: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    #[serde(borrow)]
    version_id: Option<Text<'a>>,
    #[serde(borrow)]
    last_updated: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Concept<'a> {
    #[serde(borrow, default)]
    coding: Vec<Coding<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

impl<'a> Concept<'a> {
    fn coding(&self) -> Option<&Coding<'a>> {
        self.coding.first()
    }
}

#[derive(Deserialize)]
struct Coding<'a> {
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    system: Option<Text<'a>>,
    #[serde(borrow)]
    display: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Quantity<'a> {
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    unit: Option<Text<'a>>,
    #[serde(borrow)]
    system: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow)]
    reference: Text<'a>,
}

/// Serde does not borrow a `Cow` inside an `Option`; this does.
struct Text<'a>(Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}
