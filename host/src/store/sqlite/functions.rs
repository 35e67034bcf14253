//! Patterns, sums, averages and extremes as functions of the database. They are those of the evaluator
//! (`plan::evaluate::aggregate`): a sum is exact whatever its addends, and of values that are equal the least text is shown.

use std::cmp::Ordering;

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;

use crate::model::pattern::Pattern;
use crate::model::total::Total;
use crate::model::value::Number;
use crate::store::sql::conditions::MATCHES;
use crate::store::sql::groups::{AVERAGE, LEAST, MOST, SUM};
use crate::store::sql::names::Value;

/// What a sum says that has more digits than one may have: no number.
pub(crate) const TOO_LONG: &str = "too long";

/// Gives them to a connection.
pub(crate) fn define(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_aggregate_function(SUM, 1, flags, Adding { average: false })?;
    connection.create_aggregate_function(AVERAGE, 1, flags, Adding { average: true })?;
    connection.create_aggregate_function(LEAST, 2, flags, Looking { further: Ordering::Less })?;
    connection.create_aggregate_function(MOST, 2, flags, Looking { further: Ordering::Greater })?;
    connection.create_scalar_function(MATCHES, 2, flags, |context| matches(context))
}

/// `matches(text, pattern)`; the pattern is made ready once for a statement.
fn matches(context: &Context<'_>) -> rusqlite::Result<Option<bool>> {
    let pattern = context.get_or_create_aux(1, |pattern| -> rusqlite::Result<Pattern> {
        let text = pattern.as_str().map_err(rusqlite::Error::from)?;
        Pattern::new(text).map_err(|_| rusqlite::Error::InvalidQuery)
    })?;
    match context.get_raw(0) {
        ValueRef::Null => Ok(None),
        text => Ok(Some(pattern.matches(text.as_str().map_err(rusqlite::Error::from)?))),
    }
}

/// `sum(number)`: of an integer, or the text of a decimal.
struct Adding {
    average: bool,
}

#[derive(Default)]
struct Added {
    total: Total,
    is_too_long: bool,
}

impl Aggregate<Added, Option<String>> for Adding {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Added> {
        Ok(Added::default())
    }

    fn step(&self, context: &mut Context<'_>, added: &mut Added) -> rusqlite::Result<()> {
        match context.get_raw(0) {
            ValueRef::Null => {}
            ValueRef::Integer(number) => added.total.add_integer(number),
            value => {
                let text = value.as_str().map_err(rusqlite::Error::from)?;
                let number = Number::parse(text).ok_or(rusqlite::Error::InvalidQuery)?;
                added.is_too_long |= added.total.add(&number).is_err();
            }
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, added: Option<Added>) -> rusqlite::Result<Option<String>> {
        Ok(match added {
            Some(added) if added.is_too_long => Some(TOO_LONG.to_owned()),
            Some(added) if self.average => added.total.average(),
            Some(added) => added.total.sum(),
            None => None,
        })
    }
}

/// `least(key, text)`
struct Looking {
    /// How the key of a value stands to the one held that it takes the place of.
    further: Ordering,
}

impl Aggregate<Option<(Value, String)>, Option<String>> for Looking {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Option<(Value, String)>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, held: &mut Option<(Value, String)>) -> rusqlite::Result<()> {
        let key = context.get_raw(0);
        if key == ValueRef::Null {
            return Ok(());
        }
        // Most values are neither further than the one held nor equal to it: their texts are not looked at.
        let text = || context.get_raw(1).as_str().map_err(rusqlite::Error::from);
        let is_further = match held {
            None => true,
            Some((held, held_text)) => match compare(&key, held) {
                Ordering::Equal => text()? < held_text.as_str(),
                order => order == self.further,
            },
        };
        if is_further {
            *held = Some((owned(&key), text()?.to_owned()));
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, held: Option<Option<(Value, String)>>) -> rusqlite::Result<Option<String>> {
        Ok(held.flatten().map(|(_, text)| text))
    }
}

/// Keys of one column are of one type.
fn compare(key: &ValueRef<'_>, held: &Value) -> Ordering {
    match (key, held) {
        (ValueRef::Integer(a), Value::Int(b)) => a.cmp(b),
        (ValueRef::Text(a), Value::Text(b)) => (*a).cmp(b.as_bytes()),
        (ValueRef::Blob(a), Value::Blob(b)) => (*a).cmp(b.as_slice()),
        _ => Ordering::Equal,
    }
}

fn owned(key: &ValueRef<'_>) -> Value {
    match key {
        ValueRef::Integer(number) => Value::Int(*number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
    }
}
