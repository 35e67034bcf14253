//! What functions, arithmetic and casts make of values, and of which types these are.

use std::borrow::Cow;

use jiff::civil::{DateTime, Time};
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::exact::{self, Exact, Fault, Rounding};
use crate::model::query::{Arithmetic, Function, Literal, Primitive};
use crate::model::table::Kind;
use crate::model::value::{self, Date, Instant, Number, fold, parse_date, parse_duration, parse_instant, time_of_day};

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Only ever null.
    Null,
    Bool,
    Integer,
    Decimal,
    Text,
    Guid,
    Date,
    Instant,
    Time,
    Duration,
}

/// A value of one row.
pub(super) enum Value<'r> {
    Null,
    Bool(bool),
    Integer(i64),
    Decimal(Number<'r>),
    Text(Cow<'r, str>),
    Guid(Uuid),
    Date(Date),
    Instant(Instant),
    /// Microseconds from midnight.
    Time(i64),
    /// Microseconds.
    Duration(i64),
}

impl Type {
    pub(super) fn of_literal(literal: &Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Bool(_) => Self::Bool,
            Literal::Number(number) if number.text().parse::<i64>().is_ok() => Self::Integer,
            Literal::Number(_) => Self::Decimal,
            Literal::Text(_) => Self::Text,
            Literal::Guid(_) => Self::Guid,
            Literal::Date(_) => Self::Date,
            Literal::Instant(_) => Self::Instant,
            Literal::Time(_) => Self::Time,
            Literal::Duration(_) => Self::Duration,
        }
    }

    pub(super) fn of_kind(kind: &Kind) -> Self {
        match kind {
            Kind::Key | Kind::Lookup(_) | Kind::ConceptKey { .. } => Self::Guid,
            Kind::Text { .. } | Kind::Uri | Kind::PartialDate | Kind::Json => Self::Text,
            Kind::Boolean => Self::Bool,
            Kind::Int32 | Kind::Int64 | Kind::Choice(_) => Self::Integer,
            Kind::Decimal { .. } => Self::Decimal,
            Kind::Date => Self::Date,
            Kind::DateTime => Self::Instant,
        }
    }

    /// The type in which values of both are compared: the wider number; a date as its first moment, UTC.
    pub(super) fn common(self, other: Self) -> Option<Self> {
        Some(match (self, other) {
            (a, b) if a == b => a,
            (Self::Null, a) | (a, Self::Null) => a,
            (Self::Integer, Self::Decimal) | (Self::Decimal, Self::Integer) => Self::Decimal,
            (Self::Date, Self::Instant) | (Self::Instant, Self::Date) => Self::Instant,
            _ => return None,
        })
    }

    /// With its article, for error texts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Integer => "an integer",
            Self::Decimal => "a decimal",
            Self::Text => "a text",
            Self::Guid => "a key",
            Self::Date => "a date",
            Self::Instant => "a date-time",
            Self::Time => "a time of day",
            Self::Duration => "a duration",
        }
    }

    pub(super) fn is(self, wanted: Self) -> bool {
        self == Self::Null || self.common(wanted) == Some(wanted)
    }
}

/// Arguments have been type-checked, and none is null.
pub(super) fn apply<'r>(function: Function, arguments: &[Value<'_>]) -> Result<Value<'r>> {
    Ok(match (function, arguments) {
        (Function::Length, [Value::Text(text)]) => count(text),
        (Function::IndexOf, [Value::Text(text), Value::Text(part)]) => index_of(text, part),
        (Function::Substring, [Value::Text(text), Value::Integer(start)]) => substring(text, *start, i64::MAX),
        (Function::Substring, [Value::Text(text), Value::Integer(start), Value::Integer(length)]) => {
            substring(text, *start, *length)
        }
        (Function::ToLower, [Value::Text(text)]) => Value::Text(text.to_lowercase().into()),
        (Function::ToUpper, [Value::Text(text)]) => Value::Text(text.to_uppercase().into()),
        (Function::Trim, [Value::Text(text)]) => Value::Text(text.trim().to_owned().into()),
        (Function::Concat, [Value::Text(a), Value::Text(b)]) => Value::Text(format!("{a}{b}").into()),
        (Function::Now, [Value::Instant(now)]) => Value::Instant(*now),
        (Function::Round | Function::Floor | Function::Ceiling, [Value::Integer(whole)]) => Value::Integer(*whole),
        (Function::Round, [value]) => of_exact(&decimal(value)?.whole(Rounding::Nearest))?,
        (Function::Floor, [value]) => of_exact(&decimal(value)?.whole(Rounding::Floor))?,
        (Function::Ceiling, [value]) => of_exact(&decimal(value)?.whole(Rounding::Ceiling))?,
        (Function::Cast(to), [value]) => cast(value, to)?,
        (Function::TotalOffsetMinutes, [_]) => Value::Integer(0),
        (Function::TotalSeconds, [Value::Duration(micros)]) => seconds(*micros)?,
        (Function::Hour, [Value::Time(micros)]) => Value::Integer(micros / 3_600_000_000),
        (Function::Minute, [Value::Time(micros)]) => Value::Integer(micros / 60_000_000 % 60),
        (Function::Second, [Value::Time(micros)]) => Value::Integer(micros / 1_000_000 % 60),
        (Function::FractionalSeconds, [Value::Time(micros)]) => seconds(micros % 1_000_000)?,
        // Outside the years that can be shown it has no parts.
        (Function::FractionalSeconds | Function::Time, [Value::Instant(instant)]) if instant.utc().is_none() => {
            Value::Null
        }
        (Function::FractionalSeconds, [Value::Instant(instant)]) => {
            seconds(instant.as_microsecond().rem_euclid(1_000_000))?
        }
        (Function::Time, [Value::Instant(instant)]) => Value::Time(instant.as_microsecond().rem_euclid(DAY)),
        (Function::Time, [Value::Date(_)]) => Value::Time(0),
        (Function::FractionalSeconds, [Value::Date(_)]) => Value::Integer(0),
        (_, [Value::Date(date)]) => moment_part(function, date.to_datetime(Time::midnight())),
        (_, [Value::Instant(instant)]) => instant.utc().map_or(Value::Null, |utc| moment_part(function, utc)),
        _ => return Err(Error::new(Code::Internal, "a function's arguments changed their types")),
    })
}

fn moment_part<'r>(function: Function, moment: DateTime) -> Value<'r> {
    Value::Integer(match function {
        Function::Year => i64::from(moment.year()),
        Function::Month => i64::from(moment.month()),
        Function::Day => i64::from(moment.day()),
        Function::Hour => i64::from(moment.hour()),
        Function::Minute => i64::from(moment.minute()),
        Function::Second => i64::from(moment.second()),
        _ => return Value::Date(moment.date()),
    })
}

fn count<'r>(text: &str) -> Value<'r> {
    Value::Integer(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
}

/// Where `contains` would find it; in characters, after folding.
fn index_of<'r>(text: &str, part: &str) -> Value<'r> {
    let text = fold(text);
    match text.find(&fold(part)) {
        Some(at) => count(&text[..at]),
        None => Value::Integer(-1),
    }
}

/// In characters; a start before the text is its start, so that the -1 of a failed `indexof` cuts nothing.
fn substring<'r>(text: &str, start: i64, length: i64) -> Value<'r> {
    let clamp = |n: i64| usize::try_from(n.max(0)).unwrap_or(usize::MAX);
    Value::Text(text.chars().skip(clamp(start)).take(clamp(length)).collect())
}

pub(super) fn integer_arithmetic<'r>(op: Arithmetic, a: i64, b: i64) -> Result<Value<'r>> {
    if b == 0 && matches!(op, Arithmetic::Div | Arithmetic::DivBy | Arithmetic::Mod) {
        return Err(division_by_zero());
    }
    let result = match op {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Sub => a.checked_sub(b),
        Arithmetic::Mul => a.checked_mul(b),
        Arithmetic::Div | Arithmetic::DivBy => a.checked_div(b),
        Arithmetic::Mod => a.checked_rem(b),
    };
    result.map(Value::Integer).ok_or_else(overflow)
}

pub(super) fn decimal_arithmetic<'r>(op: Arithmetic, a: &Exact, b: &Exact) -> Result<Value<'r>> {
    let result = match op {
        Arithmetic::Add => a.add(b),
        Arithmetic::Sub => a.sub(b),
        Arithmetic::Mul => a.mul(b),
        Arithmetic::Div | Arithmetic::DivBy => a.div(b),
        Arithmetic::Mod => a.rem(b),
    };
    of_exact(&result.map_err(no_result)?)
}

/// What arithmetic with values of these types gives; None where it has no meaning.
pub(super) fn of_arithmetic(op: Arithmetic, a: Type, b: Type) -> Option<Type> {
    use Type::{Date, Decimal, Duration, Instant, Integer, Null};
    let is_number = |of: Type| of.is(Decimal);
    Some(match (op, a, b) {
        (_, a, b) if is_number(a) && is_number(b) => match a.is(Integer) && b.is(Integer) && op != Arithmetic::DivBy {
            true => Integer,
            false => Decimal,
        },
        (Arithmetic::Add | Arithmetic::Sub, Instant | Date | Duration, Duration | Null) => a,
        (Arithmetic::Add, Null, Duration) => Duration,
        (Arithmetic::Sub, Instant | Date, Instant | Date) => Duration,
        (Arithmetic::Mul | Arithmetic::Div | Arithmetic::DivBy, Duration, b) if is_number(b) => Duration,
        (Arithmetic::Mul, a, Duration) if is_number(a) => Duration,
        _ => return None,
    })
}

/// Neither is null, and [`of_arithmetic`] has a meaning for them.
pub(super) fn time_arithmetic<'r>(op: Arithmetic, of: Type, a: &Value<'_>, b: &Value<'_>) -> Result<Value<'r>> {
    let moment = |value: &Value<'_>| match value {
        Value::Date(date) => Some(Instant::of_day(*date).as_microsecond()),
        Value::Instant(instant) => Some(instant.as_microsecond()),
        Value::Duration(micros) => Some(*micros),
        _ => None,
    };
    if let (Arithmetic::Add | Arithmetic::Sub, Some(a), Some(b)) = (op, moment(a), moment(b)) {
        let moved = if op == Arithmetic::Add { a.checked_add(b) } else { a.checked_sub(b) }.ok_or_else(overflow)?;
        return Ok(match of {
            Type::Instant => Value::Instant(Instant::from_microsecond(moved)),
            // Beyond the years that can be shown there is no day.
            Type::Date => Instant::from_microsecond(moved).utc().map_or(Value::Null, |utc| Value::Date(utc.date())),
            _ => Value::Duration(moved),
        });
    }
    let micros = |value: &Value<'_>| match value {
        Value::Duration(micros) => Ok(Exact::scaled(*micros, 0)),
        value => decimal(value),
    };
    let (a, b) = (micros(a)?, micros(b)?);
    let result = if op == Arithmetic::Mul { a.mul(&b) } else { a.div(&b) };
    let whole = result.map_err(no_result)?.whole(Rounding::Nearest).to_i64();
    Ok(Value::Duration(whole.ok_or_else(overflow)?))
}

pub(super) fn type_of_primitive(to: Primitive) -> Type {
    match to {
        Primitive::Text => Type::Text,
        Primitive::Bool => Type::Bool,
        Primitive::Byte | Primitive::SByte | Primitive::Int16 | Primitive::Int32 | Primitive::Int64 => Type::Integer,
        Primitive::Decimal => Type::Decimal,
        Primitive::Guid => Type::Guid,
        Primitive::Date => Type::Date,
        Primitive::Instant => Type::Instant,
        Primitive::Time => Type::Time,
        Primitive::Duration => Type::Duration,
    }
}

/// What OData casts (Part 2, 5.1.1.10.1): texts to anything and anything to text, numbers to each other.
pub(super) fn can_be_cast(of: Type, to: Type) -> bool {
    of == to
        || of == Type::Null
        || to == Type::Text
        || of == Type::Text
        || (of.is(Type::Decimal) && to.is(Type::Decimal))
}

/// Null where the value has no place in that type.
fn cast<'r>(value: &Value<'_>, to: Primitive) -> Result<Value<'r>> {
    let text: Cow<'_, str> = match value {
        Value::Null => return Ok(Value::Null),
        Value::Bool(value) => value.to_string().into(),
        Value::Integer(value) => value.to_string().into(),
        Value::Decimal(value) => value.plain().map_or_else(|| value.text().to_owned(), Cow::into_owned).into(),
        Value::Text(text) => text.as_ref().into(),
        Value::Guid(value) => value.to_string().into(),
        Value::Date(value) => value.to_string().into(),
        Value::Instant(value) => value.to_string().into(),
        Value::Time(value) => value::time_text(*value).into(),
        Value::Duration(value) => value::duration_text(*value).into(),
    };
    let text = text.as_ref();
    Ok(match to {
        Primitive::Text => Value::Text(text.to_owned().into()),
        Primitive::Bool => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => Value::Null,
        },
        Primitive::Decimal => Number::parse(text.to_owned()).map_or(Value::Null, Value::Decimal),
        Primitive::Guid => Uuid::parse_str(text).ok().filter(|_| text.len() == 36).map_or(Value::Null, Value::Guid),
        Primitive::Date => parse_date(text).map_or(Value::Null, Value::Date),
        Primitive::Instant => match text.contains('T') {
            true => parse_instant(text).map_or(Value::Null, Value::Instant),
            false => Value::Null,
        },
        Primitive::Time => time_of_day(text).map_or(Value::Null, Value::Time),
        Primitive::Duration => parse_duration(text).map_or(Value::Null, Value::Duration),
        _ => {
            let number = Number::parse(text.to_owned()).and_then(|number| Exact::of(&number).ok());
            let whole = number.and_then(|number| number.whole(Rounding::Nearest).to_i64());
            let range = to.range().unwrap_or((i64::MIN, i64::MAX));
            whole.filter(|n| (range.0..=range.1).contains(n)).map_or(Value::Null, Value::Integer)
        }
    })
}

/// Microseconds as seconds.
fn seconds<'r>(micros: i64) -> Result<Value<'r>> {
    of_exact(&Exact::scaled(micros, -6))
}

const DAY: i64 = 86_400_000_000;

pub(super) fn decimal(value: &Value<'_>) -> Result<Exact> {
    match value {
        Value::Integer(value) => Ok(Exact::scaled(*value, 0)),
        Value::Decimal(value) => Exact::of(value).map_err(no_result),
        _ => Err(Error::new(Code::Internal, "arithmetic with what is no number")),
    }
}

fn of_exact<'r>(value: &Exact) -> Result<Value<'r>> {
    Ok(Value::Decimal(number(&value.text())?))
}

pub(super) fn number<'r>(text: &str) -> Result<Number<'r>> {
    Number::parse(text.to_owned()).ok_or_else(overflow)
}

fn no_result(fault: Fault) -> Error {
    match fault {
        Fault::ByZero => division_by_zero(),
        Fault::TooLong => {
            let message = format!("a number in the filter's arithmetic has more than {} digits", exact::DIGITS);
            bad(message).hint("exclude such numbers, with `and`")
        }
    }
}

fn division_by_zero() -> Error {
    bad("the filter divides by zero".into()).hint("exclude the zeros, with `and`")
}

pub(super) fn overflow() -> Error {
    bad("a result of the filter's arithmetic is too large".into())
}

pub(super) fn bad(message: String) -> Error {
    Error::new(Code::BadFilter, message)
}
