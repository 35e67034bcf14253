//! Values of expressions over one row: columns, literals, functions and arithmetic, typed before the first row is seen.

use std::borrow::Cow;

use jiff::civil::{DateTime, Time};
use rust_decimal::{Decimal, RoundingStrategy};
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Arithmetic, Expr, Function, Literal};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Concept, Kind, Lookup, Table};
use crate::model::value::{Date, Instant, Number, SortKey, days, fold, kind_name, parse_date, parse_instant};
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
    /// `true` = both sides are integers, and so is the result.
    Arithmetic(Arithmetic, bool, Box<Expression<'t>>, Box<Expression<'t>>),
    Negate(Box<Expression<'t>>),
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
                if !(type_a.is(Type::Decimal) && type_b.is(Type::Decimal)) {
                    let (a, b) = (type_a.name(), type_b.name());
                    return Err(bad(format!("arithmetic takes numbers, not {a} and {b}")));
                }
                let integer = type_a.is(Type::Integer) && type_b.is(Type::Integer);
                let of = if integer { Type::Integer } else { Type::Decimal };
                (Self::Arithmetic(*op, integer, Box::new(a), Box::new(b)), of)
            }
            Expr::Negate(inner) => {
                let (inner, of) = Self::new(inner, table)?;
                if !of.is(Type::Decimal) {
                    return Err(bad(format!("`-` takes a number, not {}", of.name())));
                }
                (Self::Negate(Box::new(inner)), of)
            }
        })
    }

    fn call(function: Function, arguments: &[Expr], table: &'t Table) -> Result<(Self, Type)> {
        use Type::{Date, Decimal, Instant, Integer, Text};
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
            Function::Hour | Function::Minute | Function::Second => (&[Instant], Integer),
            Function::Date => (&[Instant], Date),
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
            }),
            Self::Call(function, arguments) => {
                let values: Vec<Value<'_>> = arguments.iter().map(|a| a.value(rows, row)).collect::<Result<_>>()?;
                if values.iter().any(|v| matches!(v, Value::Null)) {
                    return Ok(Value::Null);
                }
                apply(*function, &values)
            }
            Self::Arithmetic(op, integer, a, b) => match (a.value(rows, row)?, b.value(rows, row)?) {
                (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
                (Value::Integer(a), Value::Integer(b)) if *integer => integer_arithmetic(*op, a, b),
                (a, b) => decimal_arithmetic(*op, decimal(&a)?, decimal(&b)?),
            },
            Self::Negate(inner) => Ok(match inner.value(rows, row)? {
                Value::Integer(value) => Value::Integer(value.checked_neg().ok_or_else(overflow)?),
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
        (_, [Value::Date(date)]) => moment_part(function, date.to_datetime(Time::midnight())),
        // Outside the years that can be shown it has no parts.
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
    if b == 0 && matches!(op, Arithmetic::Div | Arithmetic::Mod) {
        return Err(division_by_zero());
    }
    let result = match op {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Sub => a.checked_sub(b),
        Arithmetic::Mul => a.checked_mul(b),
        Arithmetic::Div => a.checked_div(b),
        Arithmetic::Mod => a.checked_rem(b),
    };
    result.map(Value::Integer).ok_or_else(overflow)
}

fn decimal_arithmetic<'r>(op: Arithmetic, a: Decimal, b: Decimal) -> Result<Value<'r>> {
    if b.is_zero() && matches!(op, Arithmetic::Div | Arithmetic::Mod) {
        return Err(division_by_zero());
    }
    let result = match op {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Sub => a.checked_sub(b),
        Arithmetic::Mul => a.checked_mul(b),
        Arithmetic::Div => a.checked_div(b),
        Arithmetic::Mod => a.checked_rem(b),
    };
    whole(result.ok_or_else(overflow)?)
}

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
