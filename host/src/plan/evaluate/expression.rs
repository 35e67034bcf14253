//! Values of expressions and conditions over one row: columns, literals, functions and arithmetic, typed before the first
//! row is seen. A condition may be a value, and a value stand in a condition.

use std::borrow::Cow;
use std::collections::HashSet;

use jiff::civil::{DateTime, Time};
use rust_decimal::{Decimal, RoundingStrategy};
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Arithmetic, Compare, Expr, Filter, Function, Literal, Primitive, TextTest};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Concept, Kind, Lookup, Table};
use crate::model::value::{
    self, Date, Instant, Number, SortKey, days, fold, kind_name, parse_date, parse_duration, parse_instant, time_of_day,
};
use crate::plan::unparse::function_name;

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

#[derive(Debug)]
pub(super) enum Expression<'t> {
    Column(ColumnIndex, &'t Kind),
    /// The key, by the rows' table.
    Key(ColumnIndex, &'t Table),
    /// A lookup's key, where it leads to this entity set.
    Leading(ColumnIndex, &'t Lookup, String),
    /// A concept's key, from its code and system where the host has not added the column yet.
    Concept(ColumnIndex, &'t Concept),
    Literal(Literal),
    Call(Function, Vec<Expression<'t>>),
    /// With the type of the result.
    Arithmetic(Arithmetic, Type, Box<Expression<'t>>, Box<Expression<'t>>),
    Negate(Box<Expression<'t>>),
    Condition(Box<Node<'t>>),
    /// Values as the type that all of them have in common.
    Case(Vec<(Node<'t>, Expression<'t>)>, Type),
}

enum Value<'r> {
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

/// The cell of a column that must be among the rows' columns: a missing one must not pass for null.
pub(super) fn cell(rows: &Rows, row: usize, column: ColumnIndex) -> Result<Option<&str>> {
    match rows.position(column) {
        Some(position) => Ok(rows.at(row, position)),
        None => Err(Error::new(Code::Internal, format!("column {column} is read but was not fetched"))),
    }
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

    fn of_kind(kind: &Kind) -> Self {
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

    fn is(self, wanted: Self) -> bool {
        self == Self::Null || self.common(wanted) == Some(wanted)
    }
}

impl<'t> Expression<'t> {
    pub(super) fn new(of: &Expr, table: &'t Table) -> Result<(Self, Type)> {
        Ok(match of {
            Expr::Column(column) => {
                let kind = match table.columns.get(*column) {
                    Some(found) => &found.kind,
                    None => return Err(Error::new(Code::Internal, format!("table has no column {column}"))),
                };
                match table.concept_of(*column) {
                    None if *kind == Kind::Key => (Self::Key(*column, table), Type::Guid),
                    Some(concept) => (Self::Concept(*column, concept), Type::Guid),
                    None => (Self::Column(*column, kind), Type::of_kind(kind)),
                }
            }
            Expr::Leading(column, entity_set) => match table.columns.get(*column).map(|column| &column.kind) {
                Some(Kind::Lookup(lookup)) => (Self::Leading(*column, lookup, entity_set.clone()), Type::Guid),
                _ => return Err(Error::new(Code::Internal, format!("column {column} is no lookup"))),
            },
            Expr::Literal(literal) => (Self::Literal(literal.clone()), Type::of_literal(literal)),
            Expr::Call(function, arguments) => Self::call(*function, arguments, table)?,
            Expr::Arithmetic(op, a, b) => {
                let ((a, type_a), (b, type_b)) = (Self::new(a, table)?, Self::new(b, table)?);
                let Some(of) = of_arithmetic(*op, type_a, type_b) else {
                    let (a, b) = (type_a.name(), type_b.name());
                    return Err(bad(format!("there is no arithmetic of this kind with {a} and {b}")));
                };
                (Self::Arithmetic(*op, of, Box::new(a), Box::new(b)), of)
            }
            Expr::Negate(inner) => {
                let (inner, of) = Self::new(inner, table)?;
                if !of.is(Type::Decimal) && of != Type::Duration {
                    return Err(bad(format!("`-` takes a number, not {}", of.name())));
                }
                (Self::Negate(Box::new(inner)), of)
            }
            Expr::Condition(condition) => (Self::Condition(Box::new(Node::new(condition, table)?)), Type::Bool),
            Expr::Case(branches) => {
                let mut of = Type::Null;
                let mut compiled = Vec::with_capacity(branches.len());
                for (condition, value) in branches {
                    let (value, own) = Self::new(value, table)?;
                    of = common(of, own)?;
                    compiled.push((Node::new(condition, table)?, value));
                }
                (Self::Case(compiled, of), of)
            }
        })
    }

    fn call(function: Function, arguments: &[Expr], table: &'t Table) -> Result<(Self, Type)> {
        use Type::{Date, Decimal, Duration, Instant, Integer, Text, Time};
        let mut compiled = Vec::with_capacity(arguments.len());
        let mut types = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let (argument, of) = Self::new(argument, table)?;
            compiled.push(argument);
            types.push(of);
        }
        let (wanted, gives): (&[Type], Type) = match function {
            Function::Length => (&[Text], Integer),
            Function::IndexOf => (&[Text, Text], Integer),
            Function::Substring if types.len() == 3 => (&[Text, Integer, Integer], Text),
            Function::Substring => (&[Text, Integer], Text),
            Function::ToLower | Function::ToUpper | Function::Trim => (&[Text], Text),
            Function::Concat => (&[Text, Text], Text),
            Function::Year | Function::Month | Function::Day => (&[Instant], Integer),
            Function::Hour | Function::Minute | Function::Second if types == [Time] => (&[Time], Integer),
            Function::Hour | Function::Minute | Function::Second => (&[Instant], Integer),
            Function::FractionalSeconds if types == [Time] => (&[Time], Decimal),
            Function::FractionalSeconds => (&[Instant], Decimal),
            Function::TotalOffsetMinutes => (&[Instant], Integer),
            Function::TotalSeconds => (&[Duration], Decimal),
            Function::Date => (&[Instant], Date),
            Function::Time => (&[Instant], Time),
            Function::Cast(to) => {
                let gives = type_of_primitive(to);
                let Some(of) = types.first().filter(|of| can_be_cast(**of, gives)) else {
                    return Err(bad(format!("there is no cast of this to {}", gives.name())));
                };
                return Ok((Self::Call(function, compiled), if *of == Type::Null { Type::Null } else { gives }));
            }
            Function::Round | Function::Floor | Function::Ceiling => (&[Decimal], Decimal),
            Function::Now => (&[Instant], Instant),
        };
        if function == Function::Now && types.is_empty() {
            return Err(Error::new(Code::Internal, "`now()` has not been given its moment"));
        }
        if wanted.len() != types.len() || !types.iter().zip(wanted).all(|(of, wanted)| of.is(*wanted)) {
            let wanted: Vec<_> = wanted.iter().map(|w| w.name()).collect();
            return Err(bad(format!("`{}` takes {}", function_name(function), wanted.join(", "))));
        }
        Ok((Self::Call(function, compiled), gives))
    }

    /// The key by which the value is compared with others of this type.
    pub(super) fn key(&self, rows: &Rows, row: usize, domain: Type) -> Result<SortKey> {
        Ok(match (self.value(rows, row)?, domain) {
            (Value::Null, _) => SortKey::Null,
            (Value::Bool(value), _) => SortKey::Bool(value),
            (Value::Integer(value), Type::Decimal) => SortKey::Decimal(number(&value.to_string())?.sort_bytes()),
            (Value::Integer(value), _) => SortKey::Int(value),
            (Value::Decimal(value), _) => SortKey::Decimal(value.sort_bytes()),
            (Value::Text(value), _) => SortKey::Text(fold(&value)),
            (Value::Guid(value), _) => SortKey::Guid(value),
            (Value::Date(value), Type::Instant) => SortKey::Int(Instant::of_day(value).as_microsecond()),
            (Value::Date(value), _) => SortKey::Int(days(value)),
            (Value::Instant(value), _) => SortKey::Int(value.as_microsecond()),
            (Value::Time(value) | Value::Duration(value), _) => SortKey::Int(value),
        })
    }

    /// The value as the text of a cell: of a column its own, of everything else one of the kind that it has as a column of
    /// groups (`model::aggregate`).
    pub(super) fn text<'r>(&'r self, rows: &'r Rows, row: usize) -> Result<Option<Cow<'r, str>>> {
        if let Self::Column(column, kind) = self
            && **kind != Kind::TOLD_KEY
        {
            return Ok(cell(rows, row, *column)?.map(Cow::Borrowed));
        }
        Ok(match self.value(rows, row)? {
            Value::Null => None,
            Value::Bool(value) => Some(value.to_string().into()),
            Value::Integer(value) => Some(value.to_string().into()),
            Value::Decimal(value) => Some(value.text().to_owned().into()),
            Value::Text(value) => Some(value),
            Value::Guid(value) => Some(value.to_string().into()),
            Value::Date(value) => Some(value.to_string().into()),
            Value::Instant(value) => Some(value.to_string().into()),
            Value::Time(_) | Value::Duration(_) => {
                return Err(Error::new(Code::Internal, "a time of day or a duration is no cell"));
            }
        })
    }

    fn value<'r>(&'r self, rows: &'r Rows, row: usize) -> Result<Value<'r>> {
        match self {
            Self::Column(column, kind) => column_value(kind, cell(rows, row, *column)?),
            Self::Key(column, table) => {
                let text = cell(rows, row, *column)?;
                Ok(text.map_or(Value::Null, |text| Value::Guid(key::of_row(table, text))))
            }
            Self::Leading(column, lookup, entity_set) => {
                let text = cell(rows, row, *column)?.filter(|text| lookup.leads_to(text, entity_set));
                let reference = text.and_then(key::reference);
                Ok(reference.map_or(Value::Null, |reference| Value::Guid(key::of_reference(lookup, &reference))))
            }
            Self::Concept(column, concept) => concept_value(rows, row, *column, concept),
            Self::Literal(literal) => Ok(match literal {
                Literal::Null => Value::Null,
                Literal::Bool(value) => Value::Bool(*value),
                Literal::Number(value) => match value.text().parse() {
                    Ok(integer) => Value::Integer(integer),
                    Err(_) => Value::Decimal(value.clone()),
                },
                Literal::Text(value) => Value::Text(value.as_str().into()),
                Literal::Guid(value) => Value::Guid(*value),
                Literal::Date(value) => Value::Date(*value),
                Literal::Instant(value) => Value::Instant(*value),
                Literal::Time(value) => Value::Time(*value),
                Literal::Duration(value) => Value::Duration(*value),
            }),
            Self::Call(function, arguments) => {
                let values: Vec<Value<'_>> = arguments.iter().map(|a| a.value(rows, row)).collect::<Result<_>>()?;
                if values.iter().any(|v| matches!(v, Value::Null)) {
                    return Ok(Value::Null);
                }
                apply(*function, &values)
            }
            Self::Arithmetic(op, of, a, b) => match (a.value(rows, row)?, b.value(rows, row)?) {
                (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
                (Value::Integer(a), Value::Integer(b)) if *of == Type::Integer => integer_arithmetic(*op, a, b),
                (a, b) if *of == Type::Decimal => decimal_arithmetic(*op, decimal(&a)?, decimal(&b)?),
                (a, b) => time_arithmetic(*op, *of, &a, &b),
            },
            Self::Condition(condition) => Ok(condition.evaluate(rows, row)?.map_or(Value::Null, Value::Bool)),
            Self::Case(branches, of) => {
                for (condition, value) in branches {
                    if condition.evaluate(rows, row)? == Some(true) {
                        return Ok(match (value.value(rows, row)?, of) {
                            (Value::Date(date), Type::Instant) => Value::Instant(Instant::of_day(date)),
                            (value, _) => value,
                        });
                    }
                }
                Ok(Value::Null)
            }
            Self::Negate(inner) => Ok(match inner.value(rows, row)? {
                Value::Integer(value) => Value::Integer(value.checked_neg().ok_or_else(overflow)?),
                Value::Duration(value) => Value::Duration(value.checked_neg().ok_or_else(overflow)?),
                Value::Decimal(value) => {
                    let turned = match value.text().strip_prefix('-') {
                        Some(positive) => positive.to_owned(),
                        None => format!("-{}", value.text()),
                    };
                    Value::Decimal(number(&turned)?)
                }
                _ => Value::Null,
            }),
        }
    }
}

fn column_value<'r>(kind: &Kind, cell: Option<&'r str>) -> Result<Value<'r>> {
    let Some(text) = cell else {
        return Ok(Value::Null);
    };
    let ill_formed = || Error::new(Code::BadValue, format!("a cell is no {}", kind_name(kind)));
    Ok(match Type::of_kind(kind) {
        Type::Text => Value::Text(text.into()),
        Type::Decimal => Value::Decimal(Number::parse(text).ok_or_else(ill_formed)?),
        Type::Date => Value::Date(parse_date(text).ok_or_else(ill_formed)?),
        Type::Instant => Value::Instant(parse_instant(text).ok_or_else(ill_formed)?),
        _ => match SortKey::of(kind, cell)? {
            SortKey::Bool(value) => Value::Bool(value),
            SortKey::Int(value) => Value::Integer(value),
            SortKey::Guid(value) => Value::Guid(value),
            _ => Value::Null,
        },
    })
}

fn concept_value<'r>(rows: &'r Rows, row: usize, column: ColumnIndex, concept: &Concept) -> Result<Value<'r>> {
    if let Some(position) = rows.position(column) {
        let parse = |text| Uuid::parse_str(text).map(Value::Guid);
        let value = rows.at(row, position).map_or(Ok(Value::Null), parse);
        return value.map_err(|_| Error::new(Code::BadValue, "a cell is no key"));
    }
    Ok(match cell(rows, row, concept.code)? {
        Some(code) => Value::Guid(key::concept(cell(rows, row, concept.system)?, code)),
        None => Value::Null,
    })
}

/// Arguments have been type-checked, and none is null.
fn apply<'r>(function: Function, arguments: &[Value<'_>]) -> Result<Value<'r>> {
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
        (Function::Round, [value]) => {
            whole(decimal(value)?.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero))?
        }
        (Function::Floor, [value]) => whole(decimal(value)?.floor())?,
        (Function::Ceiling, [value]) => whole(decimal(value)?.ceil())?,
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

fn integer_arithmetic<'r>(op: Arithmetic, a: i64, b: i64) -> Result<Value<'r>> {
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

fn decimal_arithmetic<'r>(op: Arithmetic, a: Decimal, b: Decimal) -> Result<Value<'r>> {
    if b.is_zero() && matches!(op, Arithmetic::Div | Arithmetic::DivBy | Arithmetic::Mod) {
        return Err(division_by_zero());
    }
    let result = match op {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Sub => a.checked_sub(b),
        Arithmetic::Mul => a.checked_mul(b),
        Arithmetic::Div | Arithmetic::DivBy => a.checked_div(b),
        Arithmetic::Mod => a.checked_rem(b),
    };
    whole(result.ok_or_else(overflow)?)
}

/// What arithmetic with values of these types gives; None where it has no meaning.
fn of_arithmetic(op: Arithmetic, a: Type, b: Type) -> Option<Type> {
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
fn time_arithmetic<'r>(op: Arithmetic, of: Type, a: &Value<'_>, b: &Value<'_>) -> Result<Value<'r>> {
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
        Value::Duration(micros) => Ok(Decimal::from(*micros)),
        value => decimal(value),
    };
    let (a, b) = (micros(a)?, micros(b)?);
    if b.is_zero() && op != Arithmetic::Mul {
        return Err(division_by_zero());
    }
    let result = if op == Arithmetic::Mul { a.checked_mul(b) } else { a.checked_div(b) };
    let result = result.map(|result| result.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero));
    let whole: Option<i64> = result.and_then(|result| result.try_into().ok());
    Ok(Value::Duration(whole.ok_or_else(overflow)?))
}

fn type_of_primitive(to: Primitive) -> Type {
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
fn can_be_cast(of: Type, to: Type) -> bool {
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
            let number = Number::parse(text.to_owned()).and_then(|number| number.to_decimal());
            let rounded = number.map(|n| n.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero));
            let whole: Option<i64> = rounded.and_then(|rounded| rounded.try_into().ok());
            let range = to.range().unwrap_or((i64::MIN, i64::MAX));
            whole.filter(|n| (range.0..=range.1).contains(n)).map_or(Value::Null, Value::Integer)
        }
    })
}

/// Microseconds as seconds.
fn seconds<'r>(micros: i64) -> Result<Value<'r>> {
    whole((Decimal::from(micros) / Decimal::from(1_000_000)).normalize())
}

const DAY: i64 = 86_400_000_000;

fn decimal(value: &Value<'_>) -> Result<Decimal> {
    let exact = match value {
        Value::Integer(value) => Some(Decimal::from(*value)),
        Value::Decimal(value) => value.to_decimal(),
        _ => None,
    };
    exact.ok_or_else(|| bad("a number has more digits than arithmetic can take (28)".into()))
}

fn whole<'r>(value: Decimal) -> Result<Value<'r>> {
    Ok(Value::Decimal(number(&value.to_string())?))
}

fn number<'r>(text: &str) -> Result<Number<'r>> {
    Number::parse(text.to_owned()).ok_or_else(overflow)
}

fn division_by_zero() -> Error {
    bad("the filter divides by zero".into()).hint("exclude the zeros before, with `and`")
}

fn overflow() -> Error {
    bad("a result of the filter's arithmetic is too large".into())
}

fn bad(message: String) -> Error {
    Error::new(Code::BadFilter, message)
}

/// A condition made ready for many rows.
#[derive(Debug)]
pub(super) enum Node<'t> {
    And(Box<Node<'t>>, Box<Node<'t>>),
    Or(Box<Node<'t>>, Box<Node<'t>>),
    Not(Box<Node<'t>>),
    Compare(Compare, Key<'t>, Key<'t>),
    In(Key<'t>, HashSet<SortKey>),
    Text(TextTest, Key<'t>, Key<'t>),
    Is(Key<'t>),
}

impl<'t> Node<'t> {
    pub(super) fn new(filter: &Filter, table: &'t Table) -> Result<Self> {
        let node = |filter: &Filter| Ok::<_, Error>(Box::new(Self::new(filter, table)?));
        Ok(match filter {
            Filter::And(a, b) => Self::And(node(a)?, node(b)?),
            Filter::Or(a, b) => Self::Or(node(a)?, node(b)?),
            Filter::Not(inner) => Self::Not(node(inner)?),
            Filter::Compare(op, a, b) => {
                let domain = common(Expression::new(a, table)?.1, Expression::new(b, table)?.1)?;
                Self::Compare(*op, Key::new(a, domain, table)?, Key::new(b, domain, table)?)
            }
            Filter::In(of, list) => {
                let mut domain = Expression::new(of, table)?.1;
                for literal in list {
                    domain = common(domain, Type::of_literal(literal))?;
                }
                let list = list.iter().map(|l| Expression::Literal(l.clone()).key(&Rows::default(), 0, domain));
                Self::In(Key::new(of, domain, table)?, list.collect::<Result<_>>()?)
            }
            Filter::Text(test, a, b) => Self::Text(*test, text(a, table)?, text(b, table)?),
            Filter::Is(of) => match Expression::new(of, table)?.1 {
                Type::Bool | Type::Null => Self::Is(Key::new(of, Type::Bool, table)?),
                other => return Err(bad(format!("{} cannot stand alone as a condition", other.name()))),
            },
            Filter::Among(among) => {
                let error = Error::new(Code::Internal, "a condition for the database reached the row filter");
                return Err(error.target(among.table.entity_set.clone()));
            }
            Filter::Related { navigation, .. } => {
                let error = Error::new(Code::Internal, "a condition on a related table reached the row filter");
                return Err(error.target(navigation.clone()));
            }
        })
    }

    pub(super) fn evaluate(&self, rows: &Rows, row: usize) -> Result<Option<bool>> {
        Ok(match self {
            Self::And(a, b) => match a.evaluate(rows, row)? {
                Some(false) => Some(false),
                a => match (a, b.evaluate(rows, row)?) {
                    (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
            },
            Self::Or(a, b) => match a.evaluate(rows, row)? {
                Some(true) => Some(true),
                a => match (a, b.evaluate(rows, row)?) {
                    (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
            },
            Self::Not(inner) => inner.evaluate(rows, row)?.map(|value| !value),
            Self::Compare(op, a, b) => holds(*op, &a.of(rows, row)?, &b.of(rows, row)?),
            Self::In(of, list) => Some(list.contains(&of.of(rows, row)?)),
            Self::Text(test, a, b) => match (a.of(rows, row)?, b.of(rows, row)?) {
                (SortKey::Text(text), SortKey::Text(part)) => Some(match test {
                    TextTest::Contains => text.contains(&part),
                    TextTest::StartsWith => text.starts_with(&part),
                    TextTest::EndsWith => text.ends_with(&part),
                }),
                _ => None,
            },
            Self::Is(of) => match of.of(rows, row)? {
                SortKey::Bool(value) => Some(value),
                _ => None,
            },
        })
    }
}

fn holds(op: Compare, a: &SortKey, b: &SortKey) -> Option<bool> {
    match op {
        Compare::Eq => return Some(a == b),
        Compare::Ne => return Some(a != b),
        _ if *a == SortKey::Null || *b == SortKey::Null => return None,
        _ => {}
    }
    let order = a.cmp(b);
    Some(match op {
        Compare::Lt => order.is_lt(),
        Compare::Le => order.is_le(),
        Compare::Gt => order.is_gt(),
        _ => order.is_ge(),
    })
}

/// One side of a comparison, as the key that it is compared by.
#[derive(Debug)]
pub(super) enum Key<'t> {
    Constant(SortKey),
    /// A column of the type that is compared in: its cells' own sort key.
    Cell(ColumnIndex, &'t Kind),
    Computed(Expression<'t>, Type),
}

impl<'t> Key<'t> {
    pub(super) fn new(of: &Expr, domain: Type, table: &'t Table) -> Result<Self> {
        let (expression, own) = Expression::new(of, table)?;
        Ok(match expression {
            // A constant needs no row.
            Expression::Literal(_) => Self::Constant(expression.key(&Rows::default(), 0, domain)?),
            Expression::Column(column, kind) if own == domain && !matches!(kind, Kind::ConceptKey { .. }) => {
                Self::Cell(column, kind)
            }
            _ => Self::Computed(expression, domain),
        })
    }

    pub(super) fn of(&self, rows: &Rows, row: usize) -> Result<SortKey> {
        match self {
            Self::Constant(key) => Ok(key.clone()),
            Self::Cell(column, kind) => SortKey::of(kind, cell(rows, row, *column)?),
            Self::Computed(expression, domain) => expression.key(rows, row, *domain),
        }
    }
}

fn text<'t>(of: &Expr, table: &'t Table) -> Result<Key<'t>> {
    match Expression::new(of, table)?.1 {
        Type::Text | Type::Null => Key::new(of, Type::Text, table),
        other => Err(bad(format!("a text function cannot take {}", other.name()))),
    }
}

/// The type in which values of two types are compared.
fn common(a: Type, b: Type) -> Result<Type> {
    a.common(b).ok_or_else(|| {
        let error = bad(format!("{} cannot be compared with {}", a.name(), b.name()));
        match (a, b) {
            (Type::Text, _) | (_, Type::Text) => error.hint("text stands in single quotes, everything else does not"),
            _ => error,
        }
    })
}
