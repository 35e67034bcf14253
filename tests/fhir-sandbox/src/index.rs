//! What searches compare: the values of every search parameter of one resource version, extracted
//! once when it is stored.

use serde_json::Value as Json;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::parameters::{self, Kind, Parameter, Path};
use rust_decimal::Decimal;

use crate::span::{Decimals, Instants, parse_decimal};

/// The values of one version, by the position of their parameter in [`parameters::of_type`].
#[derive(Debug)]
pub(crate) struct Index(Box<[Box<[Value]>]>);

impl Index {
    pub(crate) fn of(ty: &str, resource: &Json) -> Self {
        Self(parameters::of_type(ty).iter().map(|parameter| extract(parameter, resource)).collect())
    }

    pub(crate) fn values(&self, parameter: usize) -> &[Value] {
        self.0.get(parameter).map_or(&[], |values| values)
    }
}

/// One value. An element without anything comparable (a CodeableConcept of text only) still has one,
/// so that `:missing` sees it.
#[derive(Debug, PartialEq)]
pub(crate) enum Value {
    Token { system: System, code: Option<Box<str>> },
    Text { raw: Box<str>, folded: Box<str> },
    Date(Instants),
    Number(Decimals),
    Quantity { value: Decimals, system: Option<Box<str>>, code: Option<Box<str>>, unit: Option<Box<str>> },
    Reference(Reference),
    Uri(Box<str>),
}

/// The namespace of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// The element names it.
    Named(Box<str>),
    /// The element could name one and does not.
    None,
    /// A plain code: FHIR implies a system that the resource does not carry.
    Implied(Option<&'static str>),
}

/// A reference, taken apart as far as it can be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reference {
    /// As it was written.
    pub(crate) text: Box<str>,
    /// What comes before `Type/id`: nothing for a relative reference.
    pub(crate) base: Option<Box<str>>,
    pub(crate) ty: Option<&'static str>,
    pub(crate) id: Option<Box<str>>,
}

impl Reference {
    pub(crate) fn parse(text: &str) -> Self {
        let plain = text.split_once("/_history/").map_or(text, |(before, _)| before);
        let mut parts = plain.rsplitn(3, '/');
        let (id, ty) = (parts.next(), parts.next().and_then(parameters::known_type));
        match (id, ty) {
            (Some(id), Some(ty)) if !id.is_empty() => {
                Self { text: text.into(), base: parts.next().map(Into::into), ty: Some(ty), id: Some(id.into()) }
            }
            _ => Self { text: text.into(), ..Self::default() },
        }
    }

    /// The type and id, if the reference is relative or below `base`.
    pub(crate) fn local(&self, base: &str) -> Option<(&'static str, &str)> {
        let here = self.base.as_deref().is_none_or(|own| own == base);
        self.ty.zip(self.id.as_deref()).filter(|_| here)
    }
}

/// Text as the default string search compares it: without case and accents.
pub(crate) fn fold(text: &str) -> String {
    text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

fn extract(parameter: &Parameter, resource: &Json) -> Box<[Value]> {
    let mut values = Vec::new();
    for path in &parameter.paths {
        if path.present {
            let code = if path.holds(resource) { "true" } else { "false" };
            values.push(Value::Token { system: System::None, code: Some(code.into()) });
            continue;
        }
        for element in path.elements(resource) {
            add(parameter, path, element, &mut values);
        }
    }
    values.into()
}

fn add(parameter: &Parameter, path: &Path, element: &Json, values: &mut Vec<Value>) {
    match parameter.kind {
        Kind::Token => add_tokens(parameter, element, values),
        Kind::Text => add_texts(element, values),
        Kind::Reference => values.extend(reference(path, element)),
        Kind::Date => values.extend(dates(element).map(Value::Date)),
        Kind::Number => values.extend(number(element).map(Value::Number)),
        Kind::Quantity => values.extend(quantity(element)),
        Kind::Uri => values.extend(element.as_str().map(|uri| Value::Uri(uri.into()))),
    }
}

fn add_tokens(parameter: &Parameter, element: &Json, values: &mut Vec<Value>) {
    match element {
        Json::String(code) => {
            values.push(Value::Token { system: System::Implied(parameter.system), code: Some(code.as_str().into()) });
        }
        Json::Bool(flag) => {
            values.push(Value::Token { system: System::None, code: Some(flag.to_string().into()) });
        }
        Json::Object(object) => {
            if let Some(Json::Array(codings)) = object.get("coding") {
                codings.iter().for_each(|coding| values.push(coding_token(coding, "code")));
            } else if is_contact_point(element) {
                values.push(Value::Token { system: System::Implied(None), code: text(element, "value") });
            } else if object.contains_key("code") {
                values.push(coding_token(element, "code"));
            } else {
                values.push(coding_token(element, "value"));
            }
        }
        _ => {}
    }
}

/// A ContactPoint's `system` is a kind of device, not a namespace.
fn is_contact_point(element: &Json) -> bool {
    let system = element.get("system").and_then(Json::as_str).unwrap_or_default();
    matches!(system, "phone" | "fax" | "email" | "pager" | "url" | "sms" | "other")
}

fn coding_token(coding: &Json, code: &str) -> Value {
    Value::Token { system: text(coding, "system").map_or(System::None, System::Named), code: text(coding, code) }
}

/// The string parts of HumanName and Address that R4 searches.
const TEXT_PARTS: [&str; 12] = [
    "text",
    "family",
    "given",
    "prefix",
    "suffix",
    "line",
    "city",
    "district",
    "state",
    "postalCode",
    "country",
    "value",
];

fn add_texts(element: &Json, values: &mut Vec<Value>) {
    match element {
        Json::String(raw) => {
            values.push(Value::Text { raw: raw.as_str().into(), folded: fold(raw).into() });
        }
        Json::Array(items) => items.iter().for_each(|item| add_texts(item, values)),
        Json::Object(object) => {
            for part in TEXT_PARTS.iter().filter_map(|part| object.get(*part)) {
                add_texts(part, values);
            }
        }
        _ => {}
    }
}

fn reference(path: &Path, element: &Json) -> Option<Value> {
    let mut found = match element {
        Json::String(canonical) => Reference { text: canonical.as_str().into(), ..Reference::default() },
        Json::Object(_) => Reference::parse(element.get("reference").and_then(Json::as_str).unwrap_or_default()),
        _ => return None,
    };
    if found.ty.is_none() && element.is_object() {
        found.ty = element.get("type").and_then(Json::as_str).and_then(parameters::known_type);
    }
    (path.target.is_none() || path.target == found.ty).then_some(Value::Reference(found))
}

fn dates(element: &Json) -> Option<Instants> {
    let at = |value: &Json| value.as_str().and_then(Instants::parse);
    if let Json::String(date) = element {
        return Instants::parse(date);
    }
    if let Some(Json::Array(events)) = element.get("event") {
        let events: Vec<Instants> = events.iter().filter_map(at).collect();
        let low = events.iter().map(|event| event.low).min()?;
        return Some(Instants { low, high: events.iter().map(|event| event.high).max()? });
    }
    let period = element.pointer("/repeat/boundsPeriod").unwrap_or(element);
    let (start, end) = (period.get("start"), period.get("end"));
    if start.is_none() && end.is_none() {
        return None;
    }
    Some(Instants::period(start.and_then(at), end.and_then(at)))
}

fn number(element: &Json) -> Option<Decimals> {
    let Json::Number(number) = element else {
        return None;
    };
    let text = number.to_string();
    // Beyond all that can be compared it still compares with what can.
    let beyond = || if text.starts_with('-') { Decimal::MIN } else { Decimal::MAX };
    let small = text.contains(['e', 'E']) && text.contains("e-");
    let value = parse_decimal(&text).unwrap_or_else(|| if small { Decimal::ZERO } else { beyond() });
    Some(Decimals { low: Some(value), high: Some(value) })
}

/// Quantity, Money or Range.
fn quantity(element: &Json) -> Option<Value> {
    let bound = |name: &str| element.pointer(name).and_then(number);
    let (value, unit_of) = match bound("/value") {
        Some(value) => (value, element),
        None => {
            let (low, high) = (bound("/low/value"), bound("/high/value"));
            let unit_of = element.get("low").or_else(|| element.get("high"))?;
            (Decimals { low: low.and_then(|low| low.low), high: high.and_then(|high| high.high) }, unit_of)
        }
    };
    if let Some(currency) = text(element, "currency") {
        let system = Some("urn:iso:std:iso:4217".into());
        return Some(Value::Quantity { value, system, code: Some(currency), unit: None });
    }
    let [system, code, unit] = ["system", "code", "unit"].map(|name| text(unit_of, name));
    Some(Value::Quantity { value, system, code, unit })
}

fn text(element: &Json, name: &str) -> Option<Box<str>> {
    element.get(name).and_then(Json::as_str).map(Into::into)
}
