//! One cell: what a collection is as a value of its column.

use turntable_scan::{Kind as Json, escape_into, number};

use crate::item::Item;
use crate::moment::Moment;
use crate::program::{Column, Kind};
use crate::types::Family;

/// Why there is no cell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// More than one value, and the column is no collection.
    Several,
    /// The value is none that the column can show.
    Unfit(&'static str),
}

/// Appends the cell's text. `false`: null.
pub(crate) fn write(items: &[Item<'_>], column: &Column<'_>, out: &mut String) -> Result<bool, Trouble> {
    if column.collection {
        out.push('[');
        let mut is_first = true;
        for item in items {
            let comma = out.len();
            if !is_first {
                out.push(',');
            }
            if json(item, out) {
                is_first = false;
            } else {
                out.truncate(comma);
            }
        }
        out.push(']');
        return Ok(true);
    }
    match items {
        [] => Ok(false),
        [item] => one(item, column.kind, out),
        _ => Err(Trouble::Several),
    }
}

fn one(item: &Item<'_>, kind: Kind, out: &mut String) -> Result<bool, Trouble> {
    if let Item::Element(element) = item
        && element.value.is_none()
    {
        return Ok(false);
    }
    if kind == Kind::Json {
        return Ok(json(item, out));
    }
    let value = item.simple().ok_or(Trouble::Unfit("not a value of its type"))?;
    let expected = match kind {
        Kind::Text | Kind::MultiLine | Kind::Uri => None,
        Kind::Boolean => (!matches!(value, Item::Boolean(_))).then_some("expected a boolean"),
        Kind::Int32 => (!fits::<i32>(&value)).then_some("expected a whole number of 32 bits"),
        Kind::Int64 => (!fits::<i64>(&value)).then_some("expected a whole number of 64 bits"),
        Kind::Decimal => (!is_decimal(&value)).then_some("expected a decimal of at most 38 digits"),
        Kind::Date => {
            (!is_moment(&value, |moment| moment.is_day())).then_some("expected a date of day, month and year")
        }
        Kind::DateTime => (!is_moment(&value, |moment| moment.is_fhir())).then_some("expected a date or a time"),
        Kind::Json => None,
    };
    if let Some(expected) = expected {
        return Err(Trouble::Unfit(expected));
    }
    out.push_str(&value.shown().unwrap_or_default());
    Ok(true)
}

fn fits<T: std::str::FromStr>(value: &Item<'_>) -> bool {
    matches!(value, Item::Number(text) if text.parse::<T>().is_ok())
}

fn is_decimal(value: &Item<'_>) -> bool {
    match value {
        Item::Number(text) => number::is_number(text) && text.bytes().filter(u8::is_ascii_digit).count() <= 38,
        _ => false,
    }
}

fn is_moment(value: &Item<'_>, holds: impl FnOnce(Moment<'_>) -> bool) -> bool {
    match value {
        Item::Moment(Family::Time, _) => false,
        Item::Moment(_, text) | Item::Text(text) => Moment::date_time(text).is_some_and(holds),
        _ => false,
    }
}

/// Appends an item as JSON: an element as it stands. `false`: it has no value.
fn json(item: &Item<'_>, out: &mut String) -> bool {
    match item {
        Item::Element(element) => match element.value {
            Some(value) if value.kind() != Json::Null => out.push_str(value.raw()),
            _ => return false,
        },
        Item::Number(text) => out.push_str(text),
        Item::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Item::Text(text) | Item::Moment(_, text) => {
            out.push('"');
            escape_into(text, out);
            out.push('"');
        }
    }
    true
}
