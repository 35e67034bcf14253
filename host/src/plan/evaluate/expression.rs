//! Values of expressions and conditions over one row: columns, literals, functions and arithmetic, typed before the first
//! row is seen. A condition may be a value, and a value stand in a condition.

use std::borrow::Cow;
use std::collections::HashSet;

use uuid::Uuid;

use super::operations::{
    Type, Value, apply, bad, can_be_cast, decimal, decimal_arithmetic, integer_arithmetic, number, of_arithmetic,
    overflow, time_arithmetic, type_of_primitive,
};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::pattern::Pattern;
use crate::model::query::{Arithmetic, Compare, Expr, Filter, Function, Literal, TextTest};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Concept, Kind, Lookup, Table};
use crate::model::value::{Instant, Number, SortKey, days, fold, kind_name, parse_date, parse_instant};
use crate::plan::unparse::function_name;

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

/// The cell of a column that must be among the rows' columns: a missing one must not pass for null.
pub(super) fn cell(rows: &Rows, row: usize, column: ColumnIndex) -> Result<Option<&str>> {
    match rows.position(column) {
        Some(position) => Ok(rows.at(row, position)),
        None => Err(Error::new(Code::Internal, format!("column {column} is read but was not fetched"))),
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
                (a, b) if *of == Type::Decimal => decimal_arithmetic(*op, &decimal(&a)?, &decimal(&b)?),
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

/// A condition made ready for many rows.
#[derive(Debug)]
pub(super) enum Node<'t> {
    And(Box<Node<'t>>, Box<Node<'t>>),
    Or(Box<Node<'t>>, Box<Node<'t>>),
    Not(Box<Node<'t>>),
    Compare(Compare, Key<'t>, Key<'t>),
    In(Key<'t>, HashSet<SortKey>),
    Text(TextTest, Key<'t>, Key<'t>),
    Matches(Expression<'t>, Pattern),
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
            Filter::Text(TextTest::Matches, of, Expr::Literal(Literal::Text(pattern))) => {
                text(of, table)?;
                let pattern = Pattern::new(pattern).map_err(|fault| bad(format!("{} in a pattern", fault.what)))?;
                Self::Matches(Expression::new(of, table)?.0, pattern)
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
            Self::And(a, b) => decided(false, a.evaluate(rows, row), || b.evaluate(rows, row))?,
            Self::Or(a, b) => decided(true, a.evaluate(rows, row), || b.evaluate(rows, row))?,
            Self::Not(inner) => inner.evaluate(rows, row)?.map(|value| !value),
            Self::Compare(op, a, b) => holds(*op, &a.of(rows, row)?, &b.of(rows, row)?),
            Self::In(of, list) => Some(list.contains(&of.of(rows, row)?)),
            Self::Text(test, a, b) => match (a.of(rows, row)?, b.of(rows, row)?) {
                (SortKey::Text(text), SortKey::Text(part)) => Some(match test {
                    TextTest::Contains => text.contains(&part),
                    TextTest::StartsWith => text.starts_with(&part),
                    TextTest::EndsWith => text.ends_with(&part),
                    TextTest::Matches => return Err(Error::new(Code::Internal, "a pattern is no literal")),
                }),
                _ => None,
            },
            Self::Matches(of, pattern) => match of.value(rows, row)? {
                Value::Text(text) => Some(pattern.matches(&text)),
                _ => None,
            },
            Self::Is(of) => match of.of(rows, row)? {
                SortKey::Bool(value) => Some(value),
                _ => None,
            },
        })
    }
}

/// Of two conditions each decides where it is `by`: whichever stands first, and also where the other has no result. So a
/// row that is left out anyhow fails no request, in whatever order its conditions are looked at.
fn decided(by: bool, a: Result<Option<bool>>, b: impl FnOnce() -> Result<Option<bool>>) -> Result<Option<bool>> {
    match a {
        Ok(Some(a)) if a == by => return Ok(Some(by)),
        Err(error) if error.code() != Code::BadFilter => return Err(error),
        _ => {}
    }
    match (a, b()) {
        (_, Ok(Some(b))) if b == by => Ok(Some(by)),
        (Err(error), _) | (_, Err(error)) => Err(error),
        (Ok(Some(_)), Ok(Some(_))) => Ok(Some(!by)),
        _ => Ok(None),
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
