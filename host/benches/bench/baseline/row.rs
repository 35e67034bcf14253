//! One row as a JSON object: a member for each property, null where the resource has no such element.

use std::fmt;
use std::io::Write as _;

use jiff::tz::TimeZone;
use serde_json::value::RawValue;
use turntable::model::{key, value};
use turntable_scan::number;
use uuid::Uuid;

use super::types::{Concept, Meta, Period, Quantity, Reference};
use crate::Result;
use crate::data::BASE;

pub struct Row<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Row<'o> {
    /// Opens the object with the ETag, which a resource without a version has none of, and the key.
    pub fn open(out: &'o mut Vec<u8>, meta: Option<&Meta<'_>>, key: (&str, Uuid)) -> Result<Self> {
        out.push(b'{');
        if let Some(version) = meta.and_then(|meta| meta.version_id.as_deref()) {
            out.extend_from_slice(b"\"@odata.etag\":");
            serde_json::to_writer(&mut *out, &format_args!("W/\"{version}\""))?;
            out.push(b',');
        }
        let (name, guid) = key;
        write!(out, "\"{name}\":\"{}\"", guid.hyphenated())?;
        Ok(Self { out })
    }

    /// Closes it with the properties that every resource and row has.
    pub fn close(mut self, id: &str, meta: Option<&Meta<'_>>) -> Result<()> {
        self.text("msemr_azurefhirid", Some(id))?;
        self.text("msemr_azurefhirversion", meta.and_then(|meta| meta.version_id.as_deref()))?;
        self.moment("msemr_azurefhirlastupdatedon", meta.and_then(|meta| meta.last_updated.as_deref()))?;
        self.raw("statecode", Some("0"));
        self.raw("statuscode", Some("1"));
        self.out.push(b'}');
        Ok(())
    }

    fn name(&mut self, parts: [&str; 3]) {
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
    }

    fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }

    pub fn nulls(&mut self, names: &[&str]) {
        for name in names {
            self.raw(name, None);
        }
    }

    /// A number, `true` or `false` as it stands, or the number of an option.
    pub fn raw(&mut self, name: &str, json: Option<&str>) {
        self.name([",\"", name, "\":"]);
        self.out.extend_from_slice(json.unwrap_or("null").as_bytes());
    }

    pub fn text(&mut self, name: &str, text: Option<&str>) -> Result<()> {
        self.suffixed(name, "\":", text)
    }

    fn suffixed(&mut self, name: &str, suffix: &str, text: Option<&str>) -> Result<()> {
        self.name([",\"", name, suffix]);
        match text {
            Some(text) => serde_json::to_writer(&mut *self.out, text)?,
            None => self.null(),
        }
        Ok(())
    }

    /// A text that is put together.
    pub fn display(&mut self, name: &str, text: Option<impl fmt::Display>) -> Result<()> {
        self.name([",\"", name, "\":"]);
        match text {
            Some(text) => serde_json::to_writer(&mut *self.out, &format_args!("{text}"))?,
            None => self.null(),
        }
        Ok(())
    }

    pub fn boolean(&mut self, name: &str, value: Option<bool>) {
        self.raw(name, value.map(|value| if value { "true" } else { "false" }));
    }

    /// A decimal with all its digits.
    pub fn decimal(&mut self, name: &str, number: Option<&RawValue>) {
        self.raw(name, number.map(RawValue::get));
    }

    /// A decimal in a column for whole numbers.
    pub fn rounded(&mut self, name: &str, number: Option<&RawValue>) -> Result<()> {
        let whole = number.and_then(|number| number::round(number.get()));
        self.whole(name, whole.and_then(|whole| i32::try_from(whole).ok()))
    }

    pub fn whole(&mut self, name: &str, number: Option<i32>) -> Result<()> {
        self.name([",\"", name, "\":"]);
        match number {
            Some(number) => serde_json::to_writer(&mut *self.out, &number)?,
            None => self.null(),
        }
        Ok(())
    }

    /// The first moment of a date or time, in UTC, with the digits of its fraction.
    pub fn moment(&mut self, name: &str, text: Option<&str>) -> Result<()> {
        self.name([",\"", name, "\":"]);
        let Some(text) = text else {
            self.null();
            return Ok(());
        };
        if let Some(utc) = text.strip_suffix("+00:00").or_else(|| text.strip_suffix('Z')) {
            self.name(["\"", utc, "Z\""]);
            return Ok(());
        }
        let moment = value::parse_instant(text).ok_or("a time that is none")?.to_zoned(TimeZone::UTC);
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
    pub fn concept(&mut self, name: &str, concept: Option<&Concept<'_>>) -> Result<()> {
        let coding = concept.and_then(|concept| concept.coding.as_ref());
        let parts = coding.map(|c| [c.code.as_deref(), c.system.as_deref(), c.display.as_deref()]);
        self.coded(name, parts.unwrap_or_default())
    }

    /// The unit.
    pub fn unit(&mut self, name: &str, quantity: Option<&Quantity<'_>>) -> Result<()> {
        let parts = quantity.map(|q| [q.code.as_deref(), q.system.as_deref(), q.unit.as_deref()]);
        self.coded(name, parts.unwrap_or_default())
    }

    /// A code of one system, which comes without a display.
    pub fn code(&mut self, name: &str, code: Option<&str>, system: &str) -> Result<()> {
        self.suffixed(name, "_code\":", code)?;
        self.suffixed(name, "_system\":", code.map(|_| system))?;
        self.guid(name, code.map(|code| key::concept(Some(system), code)))
    }

    /// Code, system and display, and the key that they make.
    fn coded(&mut self, name: &str, [code, system, display]: [Option<&str>; 3]) -> Result<()> {
        self.suffixed(name, "_code\":", code)?;
        self.suffixed(name, "_system\":", system)?;
        self.suffixed(name, "_display\":", display)?;
        self.guid(name, code.map(|code| key::concept(system, code)))
    }

    /// The key of another row.
    fn guid(&mut self, name: &str, guid: Option<Uuid>) -> Result<()> {
        self.name([",\"_", name, "_value\":"]);
        match guid {
            Some(guid) => write!(self.out, "\"{}\"", guid.hyphenated())?,
            None => self.null(),
        }
        Ok(())
    }

    /// The row that is referred to, if it is of one of these types.
    pub fn lookup(&mut self, name: &str, target: &Target<'_>, kinds: &[&str]) -> Result<()> {
        self.guid(name, target.guid(kinds))
    }
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

    /// None for a target of another service or another type. A URN has no type of its own, but a column may have only
    /// one.
    fn guid(&self, kinds: &[&str]) -> Option<Uuid> {
        let literal = self.literal.filter(|literal| ["", BASE].contains(&literal.base.trim_end_matches('/')))?;
        match (literal.resource_type, kinds) {
            ("", [only]) if self.declared.is_none_or(|declared| declared == *only) => {
                Some(key::Reference { resource_type: only, ..literal }.guid())
            }
            (kind, _) => kinds.contains(&kind).then(|| literal.guid()),
        }
    }
}
