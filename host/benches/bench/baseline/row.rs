//! One row as a JSON object: a member for each property, null where the resource has no such element.

use std::collections::HashMap;
use std::fmt;
use std::io::Write as _;

use serde_json::value::RawValue;
use turntable::model::table::Rank;
use turntable::model::{key, value};
use turntable_scan::number;
use uuid::Uuid;

use super::types::{Concept, Meta, Period, Quantity, Reference};
use crate::Result;
use crate::data::BASE;

/// What stands before the value of a property.
macro_rules! name {
    ($($part:literal),+) => { concat!(",\"", $($part),+, "\":") };
}

/// The same of a lookup, whose property has the key of another row.
macro_rules! lookup {
    ($name:literal) => {
        name!("_", $name, "_value")
    };
}

/// The properties of a concept.
pub struct ConceptNames {
    pub code: &'static str,
    pub system: &'static str,
    pub display: &'static str,
    pub key: &'static str,
    /// All of them with a null.
    pub nulls: &'static str,
}

macro_rules! concept {
    ($($part:literal),+) => {
        $crate::baseline::row::ConceptNames {
            code: name!($($part),+, "_code"),
            system: name!($($part),+, "_system"),
            display: name!($($part),+, "_display"),
            key: name!("_", $($part),+, "_value"),
            nulls: concat!(
                name!($($part),+, "_code"), "null",
                name!($($part),+, "_system"), "null",
                name!($($part),+, "_display"), "null",
                name!("_", $($part),+, "_value"), "null"
            ),
        }
    };
}

/// Properties that are always null.
pub struct Unfilled {
    pub names: &'static [&'static str],
    pub json: &'static str,
}

macro_rules! unfilled {
    ($($name:literal),+ $(,)?) => {
        $crate::baseline::row::Unfilled { names: &[$($name),+], json: concat!($(name!($name), "null"),+) }
    };
}

pub(super) use {concept, lookup, name, unfilled};

/// The rows of a page have most concepts in common, and a key is a hash: none is made twice.
#[derive(Default)]
pub struct ConceptKeys<'p>(HashMap<(Option<&'p str>, &'p str), Uuid>);

impl<'p> ConceptKeys<'p> {
    fn of(&mut self, system: Option<&'p str>, code: &'p str) -> Uuid {
        *self.0.entry((system, code)).or_insert_with(|| key::concept(system, code))
    }
}

pub struct Row<'o, 'p> {
    out: &'o mut Vec<u8>,
    keys: &'o mut ConceptKeys<'p>,
}

impl<'o, 'p> Row<'o, 'p> {
    /// Opens the object with the ETag, which a resource without a version has none of, and the key.
    pub fn open(
        out: &'o mut Vec<u8>,
        keys: &'o mut ConceptKeys<'p>,
        meta: Option<&Meta<'_>>,
        key: (&str, Uuid),
    ) -> Result<Self> {
        out.push(b'{');
        if let Some(version) = meta.and_then(|meta| meta.version_id.as_deref()) {
            out.extend_from_slice(b"\"@odata.etag\":");
            serde_json::to_writer(&mut *out, &format_args!("W/\"{version}\""))?;
            out.push(b',');
        }
        let (name, guid) = key;
        write!(out, "\"{name}\":")?;
        quoted(out, guid);
        Ok(Self { out, keys })
    }

    /// Closes it with the properties that every resource and row has.
    pub fn close(mut self, id: &str, meta: Option<&Meta<'_>>) -> Result<()> {
        self.text(name!("msemr_azurefhirid"), Some(id))?;
        self.text(name!("msemr_azurefhirversion"), meta.and_then(|meta| meta.version_id.as_deref()))?;
        self.moment(name!("msemr_azurefhirlastupdatedon"), meta.and_then(|meta| meta.last_updated.as_deref()))?;
        self.raw(name!("statecode"), Some("0"));
        self.raw(name!("statuscode"), Some("1"));
        self.out.push(b'}');
        Ok(())
    }

    fn push(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    pub fn nulls(&mut self, unfilled: &Unfilled) {
        self.push(unfilled.json);
    }

    /// A number, `true` or `false` as it stands, or the number of an option.
    pub fn raw(&mut self, name: &str, json: Option<&str>) {
        self.push(name);
        self.push(json.unwrap_or("null"));
    }

    pub fn text(&mut self, name: &str, text: Option<&str>) -> Result<()> {
        self.push(name);
        match text {
            Some(text) => serde_json::to_writer(&mut *self.out, text)?,
            None => self.push("null"),
        }
        Ok(())
    }

    /// A text that is put together.
    pub fn display(&mut self, name: &str, text: Option<impl fmt::Display>) -> Result<()> {
        self.push(name);
        match text {
            Some(text) => serde_json::to_writer(&mut *self.out, &format_args!("{text}"))?,
            None => self.push("null"),
        }
        Ok(())
    }

    pub fn boolean(&mut self, name: &str, value: Option<bool>) {
        self.raw(name, value.map(|value| if value { "true" } else { "false" }));
    }

    /// A decimal with all its digits, and without an exponent.
    pub fn decimal(&mut self, name: &str, number: Option<&RawValue>) {
        let Some(number) = number.map(RawValue::get) else { return self.raw(name, None) };
        if number.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
            let plain = rust_decimal::Decimal::from_scientific(number).map(|plain| plain.to_string());
            return self.raw(name, plain.as_deref().ok());
        }
        self.raw(name, Some(number));
    }

    /// A decimal in a column for whole numbers.
    pub fn rounded(&mut self, name: &str, number: Option<&RawValue>) -> Result<()> {
        let whole = number.and_then(|number| number::round(number.get()));
        self.whole(name, whole.and_then(|whole| i32::try_from(whole).ok()))
    }

    pub fn whole(&mut self, name: &str, number: Option<i32>) -> Result<()> {
        self.push(name);
        match number {
            Some(number) => serde_json::to_writer(&mut *self.out, &number)?,
            None => self.push("null"),
        }
        Ok(())
    }

    /// The first moment of a date or time, in UTC, with the digits of its fraction.
    pub fn moment(&mut self, name: &str, text: Option<&str>) -> Result<()> {
        self.push(name);
        let Some(text) = text else {
            self.push("null");
            return Ok(());
        };
        if let Some(utc) = text.strip_suffix("+00:00").or_else(|| text.strip_suffix('Z')) {
            ["\"", utc, "Z\""].into_iter().for_each(|part| self.push(part));
            return Ok(());
        }
        let moment = value::parse_instant(text).and_then(value::Instant::utc).ok_or("a time that is none")?;
        let fraction = text.find('.').map(|dot| &text[dot..]).unwrap_or_default();
        let fraction = &fraction[..fraction.find(['+', '-']).unwrap_or(fraction.len())];
        write!(self.out, "\"{}{fraction}Z\"", moment.strftime("%Y-%m-%dT%H:%M:%S"))?;
        Ok(())
    }

    pub fn period(&mut self, names: [&str; 2], period: Option<&Period<'_>>) -> Result<()> {
        self.moment(names[0], period.and_then(|period| period.start.as_deref()))?;
        self.moment(names[1], period.and_then(|period| period.end.as_deref()))
    }

    /// The first coding.
    pub fn concept(&mut self, names: &ConceptNames, concept: Option<&'p Concept<'_>>) -> Result<()> {
        match concept.and_then(|concept| concept.coding.as_ref()) {
            Some(c) => self.coded(names, c.code.as_deref(), c.system.as_deref(), c.display.as_deref()),
            None => {
                self.push(names.nulls);
                Ok(())
            }
        }
    }

    /// The unit.
    pub fn unit(&mut self, names: &ConceptNames, quantity: Option<&'p Quantity<'_>>) -> Result<()> {
        match quantity {
            Some(q) => self.coded(names, q.code.as_deref(), q.system.as_deref(), q.unit.as_deref()),
            None => {
                self.push(names.nulls);
                Ok(())
            }
        }
    }

    /// A code of one system, which comes without a display.
    pub fn code(&mut self, names: &ConceptNames, code: Option<&'p str>, system: &'p str) -> Result<()> {
        self.text(names.code, code)?;
        self.text(names.system, code.map(|_| system))?;
        let key = code.map(|code| self.keys.of(Some(system), code));
        self.guid(names.key, key);
        Ok(())
    }

    /// Code, system and display, and the key that they make.
    fn coded(
        &mut self,
        names: &ConceptNames,
        code: Option<&'p str>,
        system: Option<&'p str>,
        display: Option<&str>,
    ) -> Result<()> {
        self.text(names.code, code)?;
        self.text(names.system, system)?;
        self.text(names.display, display)?;
        let key = code.map(|code| self.keys.of(system, code));
        self.guid(names.key, key);
        Ok(())
    }

    /// The key of another row.
    fn guid(&mut self, name: &str, guid: Option<Uuid>) {
        self.push(name);
        match guid {
            Some(guid) => quoted(self.out, guid),
            None => self.push("null"),
        }
    }

    /// The row that is referred to, if it is of one of these types.
    pub fn lookup(&mut self, name: &str, target: &Target<'_>, kinds: &[&str]) {
        self.guid(name, target.guid(kinds));
    }
}

fn quoted(out: &mut Vec<u8>, guid: Uuid) {
    let mut buffer = Uuid::encode_buffer();
    out.push(b'"');
    out.extend_from_slice(guid.hyphenated().encode_lower(&mut buffer).as_bytes());
    out.push(b'"');
}

/// What a reference says about its target.
#[derive(Default)]
pub struct Target<'r> {
    literal: Option<key::Reference<'r>>,
    /// The type that is given beside the literal reference.
    declared: Option<&'r str>,
}

impl<'r> Target<'r> {
    pub fn of(reference: Option<&'r Reference<'_>>) -> Self {
        let Some(reference) = reference else { return Self::default() };
        let declared = reference.kind.as_deref();
        Self {
            literal: reference.reference.as_deref().and_then(key::reference),
            // It may be the URL of a definition.
            declared: declared.map(|kind| kind.rsplit_once('/').map_or(kind, |(_, name)| name)),
        }
    }

    pub fn kind(&self) -> Option<&'r str> {
        self.literal.map(|literal| literal.resource_type).filter(|kind| !kind.is_empty()).or(self.declared)
    }

    /// None for a target of another service or another type, and for a URN, of which nobody knows where it leads.
    fn guid(&self, kinds: &[&str]) -> Option<Uuid> {
        let literal = self.literal.filter(|literal| ["", BASE].contains(&literal.base.trim_end_matches('/')))?;
        let kind = literal.resource_type;
        kinds.contains(&kind).then(|| guid_of(kind, literal.id))
    }
}

/// The key of a row. People of three types are in one table, which takes their types in this order.
pub fn guid_of(resource_type: &str, id: &str) -> Uuid {
    let rank = match resource_type {
        "Patient" => Rank::Nth(0),
        "Practitioner" => Rank::Nth(1),
        "RelatedPerson" => Rank::Nth(2),
        _ => Rank::Only,
    };
    key::guid_of(resource_type, id, rank)
}
