//! What FHIRPath collections hold: elements of the resource as they stand in its text, and results.

use std::borrow::Cow;
use std::cmp::Ordering;

use turntable_scan::{Kind as Json, Value, number};

use crate::moment::Moment;
use crate::program::Program;
use crate::types::{Family, Type, complex_is};

/// One item. A result has no place in the resource.
#[derive(Clone, Debug)]
pub(crate) enum Item<'a> {
    Element(Element<'a>),
    Boolean(bool),
    Text(Cow<'a, str>),
    /// A JSON number; an integer if it has neither point nor exponent.
    Number(Cow<'a, str>),
    Moment(Family, Cow<'a, str>),
}

/// An element: its value, and for a primitive what stands beside it in `_name`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) value: Option<Value<'a>>,
    pub(crate) extra: Option<Value<'a>>,
    pub(crate) of: Type,
}

impl<'a> Element<'a> {
    /// The object that its children are in.
    pub(crate) fn object(self) -> Option<Value<'a>> {
        self.value.filter(|value| value.kind() == Json::Object).or(self.extra)
    }

    /// As a value, if it is a primitive and its JSON fits its type.
    fn simple(self) -> Option<Item<'a>> {
        let value = self.value?;
        let family = match self.of {
            Type::Primitive(primitive) => Some(primitive.family()),
            Type::System(family) => Some(family),
            Type::Unknown => None,
            Type::Complex(_) => return None,
        };
        match (value.kind(), family) {
            (Json::True | Json::False, None | Some(Family::Boolean)) => value.boolean().map(Item::Boolean),
            (Json::Number, None | Some(Family::Integer | Family::Decimal)) => {
                value.number().map(|number| Item::Number(number.into()))
            }
            (Json::String, None | Some(Family::Text)) => value.text().map(Item::Text),
            (Json::String, Some(family @ (Family::Date | Family::DateTime | Family::Time))) => {
                let text = value.text()?;
                Moment::parse(family, &text).is_some().then_some(Item::Moment(family, text))
            }
            _ => None,
        }
    }
}

impl<'a> Item<'a> {
    /// As a value that can be compared, shown and counted with: never an element.
    pub(crate) fn simple(&self) -> Option<Item<'a>> {
        match self {
            Item::Element(element) => element.simple(),
            other => Some(other.clone()),
        }
    }

    pub(crate) fn text(&self) -> Option<Cow<'a, str>> {
        match self.simple()? {
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<Cow<'a, str>> {
        match self.simple()? {
            Item::Number(text) => Some(text),
            _ => None,
        }
    }

    /// Any value as text.
    pub(crate) fn shown(&self) -> Option<Cow<'a, str>> {
        Some(match self.simple()? {
            Item::Boolean(true) => "true".into(),
            Item::Boolean(false) => "false".into(),
            Item::Text(text) | Item::Number(text) | Item::Moment(_, text) => text,
            Item::Element(_) => return None,
        })
    }

    /// It is of that type or of one that specialises it.
    pub(crate) fn is(&self, wanted: Type, program: &Program<'_>) -> bool {
        match (self, wanted) {
            (_, Type::Unknown) => true,
            (Item::Element(element), _) => element_is(*element, wanted, program),
            (Item::Boolean(_), Type::System(family)) => family == Family::Boolean,
            (Item::Text(_), Type::System(family)) => family == Family::Text,
            (Item::Number(text), Type::System(family)) => {
                let is_integer = !text.contains(['.', 'e', 'E']);
                family == if is_integer { Family::Integer } else { Family::Decimal }
            }
            (Item::Moment(own, _), Type::System(family)) => family == *own,
            _ => false,
        }
    }
}

fn element_is(element: Element<'_>, wanted: Type, program: &Program<'_>) -> bool {
    match (element.of, wanted) {
        (Type::Primitive(own), Type::Primitive(wanted)) => own.is(wanted),
        (Type::Complex(own), Type::Complex(wanted)) => complex_is(program.type_name(own), program.type_name(wanted)),
        // Of what is inside `contained`, or in an extension that nobody describes, only the JSON speaks.
        (Type::Unknown, Type::Complex(wanted)) => {
            let Some(object) = element.value.filter(|value| value.kind() == Json::Object) else { return false };
            object.get("resourceType").is_none_or(|own| own.is(program.type_name(wanted)))
        }
        (Type::Unknown, Type::Primitive(wanted)) => {
            Element { of: Type::Primitive(wanted), ..element }.simple().is_some()
        }
        (own, wanted) => own == wanted,
    }
}

/// Whether two items are equal; `None` where that cannot be told, as of dates of different precision.
pub(crate) fn equal(a: &Item<'_>, b: &Item<'_>) -> Option<bool> {
    match (a.simple(), b.simple()) {
        (Some(a), Some(b)) => match (&a, &b) {
            (Item::Boolean(a), Item::Boolean(b)) => Some(a == b),
            _ if is_comparable(&a, &b) => compare_simple(&a, &b).map(|order| order == Ordering::Equal),
            _ => Some(false),
        },
        (None, None) => match (a, b) {
            (Item::Element(a), Item::Element(b)) => Some(same_json(a.value, b.value) && same_json(a.extra, b.extra)),
            _ => Some(false),
        },
        _ => Some(false),
    }
}

/// The order of two values of one kind; `None` where there is none.
pub(crate) fn compare(a: &Item<'_>, b: &Item<'_>) -> Option<Ordering> {
    compare_simple(&a.simple()?, &b.simple()?)
}

fn is_comparable(a: &Item<'_>, b: &Item<'_>) -> bool {
    match (a, b) {
        (Item::Text(_), Item::Text(_)) | (Item::Number(_), Item::Number(_)) => true,
        (Item::Moment(a, _), Item::Moment(b, _)) => (*a == Family::Time) == (*b == Family::Time),
        (Item::Moment(family, _), Item::Text(text)) | (Item::Text(text), Item::Moment(family, _)) => {
            Moment::parse(loosely(*family), text).is_some()
        }
        _ => false,
    }
}

fn compare_simple(a: &Item<'_>, b: &Item<'_>) -> Option<Ordering> {
    match (a, b) {
        (Item::Text(a), Item::Text(b)) => Some(a.cmp(b)),
        (Item::Number(a), Item::Number(b)) => number::compare(a, b),
        // A text beside a date is read as one: constants and elements of unknown type are texts.
        (Item::Moment(family, a), Item::Moment(_, b) | Item::Text(b)) | (Item::Text(a), Item::Moment(family, b)) => {
            let family = loosely(*family);
            Moment::parse(family, a)?.compare(&Moment::parse(family, b)?)
        }
        _ => None,
    }
}

/// A date compares with a dateTime.
fn loosely(family: Family) -> Family {
    if family == Family::Date { Family::DateTime } else { family }
}

/// Two JSON values that say the same: order of members and notation of numbers aside.
fn same_json(a: Option<Value<'_>>, b: Option<Value<'_>>) -> bool {
    let (a, b) = match (a, b) {
        (None, None) => return true,
        (Some(a), Some(b)) => (a, b),
        _ => return false,
    };
    let mut pairs = vec![(a, b)];
    while let Some((a, b)) = pairs.pop() {
        let same = match (a.kind(), b.kind()) {
            (Json::String, Json::String) => a.text() == b.text(),
            (Json::Number, Json::Number) => number::compare(a.raw(), b.raw()) == Some(Ordering::Equal),
            (Json::Array, Json::Array) => {
                pairs.extend(a.items().zip(b.items()));
                a.items().count() == b.items().count()
            }
            (Json::Object, Json::Object) => {
                let all = a.members().all(|(name, value)| {
                    let other = name.text().and_then(|name| b.get(&name));
                    pairs.extend(other.map(|other| (value, other)));
                    other.is_some()
                });
                all && a.members().count() == b.members().count()
            }
            (a, b) => a == b,
        };
        if !same {
            return false;
        }
    }
    true
}
