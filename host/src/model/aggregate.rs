//! What is made of many rows: groups of those that have the same values, and what is counted and added up in each. Plain
//! data, whatever language it was asked in. What groups are, and what the methods give, `plan::evaluate::aggregate` defines.

use std::sync::Arc;

use super::error::{Code, Error, Result};
use super::query::{Expr, Filter, Function, Joined, Literal, Order, Primitive, Query};
use super::table::{Column, ColumnAccess, ColumnIndex, Kind, Table, TableAccess};
use super::value::{Number, kind_name};

#[derive(Clone, Debug, PartialEq)]
pub struct Aggregation {
    /// The rows that are grouped: of it `filter` and `joined` count, which `steps` may name as columns.
    pub of: Query,
    /// At least one; each groups the rows that the one before it gives.
    pub steps: Vec<Grouping>,
    /// What is shown of the rows of the last step, by its table: all but `expand` and `joined`.
    pub then: Query,
}

/// One row for each group of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouping {
    /// Rows with the same values of these are a group. None = all rows are one, also where there are none.
    pub by: Vec<Expr>,
    pub aggregates: Vec<Aggregate>,
    /// The rows that it gives: a column for each of `by`, then one for each of `aggregates`. Their names are those of
    /// properties; a slash in one leads into an object (`msemr_subjectpatient/lastname`).
    pub table: Arc<Table>,
    /// Which of its rows stay, by `table`.
    pub filter: Option<Filter>,
    /// What is then done with those, one after the other.
    pub then: Vec<Then>,
    /// Where there are some it groups nothing, and gives the rows of all of these, one after the other.
    pub parts: Vec<Part>,
}

/// What one part of `concat` makes of the rows before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Which of the rows of a table, those that have not been grouped yet.
    pub filter: Option<Filter>,
    /// Values of related rows, of such rows: those of before the parts first.
    pub joined: Vec<Joined>,
    /// At least one.
    pub steps: Vec<Grouping>,
}

/// What the name of a table begins with whose rows were made of another's.
pub const GROUPS: &str = "groups of ";

/// Name of the last column of the rows that several parts give: which of the others a row has, by their numbers.
pub const PROPERTIES: &str = "@properties";

/// The columns that a row has, by its cell of [`PROPERTIES`].
pub fn properties(cell: Option<&str>) -> Vec<ColumnIndex> {
    cell.unwrap_or_default().split(',').filter_map(|number| number.parse().ok()).collect()
}

/// What is done with rows that a step gives, by its table.
#[derive(Clone, Debug, PartialEq)]
pub enum Then {
    Filter(Filter),
    Order(Vec<Order>),
    Skip(u64),
    Top(u64),
    Best(Best),
}

/// Rows with the largest or the smallest values stay, in the order that they have. Null is no value.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    pub by: Expr,
    pub largest: bool,
    pub measure: Measure,
}

/// How many stay.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    Count(u64),
    /// As few as come to this sum, or all.
    Sum(Number<'static>),
    /// As few as come to this part of the sum of all, in hundredths.
    Percent(Number<'static>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    pub method: Method,
    /// Nothing for [`Method::Rows`] alone.
    pub of: Option<Expr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// How many rows there are.
    Rows,
    /// Of how many rows the value is not null.
    Values,
    /// How many values there are that are not null and not equal to each other.
    Distinct,
    /// Exact. Null where there is no value.
    Sum,
    /// See [`Total::average`](super::total::Total::average). Null where there is no value.
    Average,
    /// The first value in their order. Null where there is none.
    Least,
    /// The last.
    Most,
}

impl Method {
    /// As OData has it (Data Aggregation 4.0, 3.1.3), but for [`Method::Values`], which only Dataverse has.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rows => "$count",
            Self::Values => "countcolumn",
            Self::Distinct => "countdistinct",
            Self::Sum => "sum",
            Self::Average => "average",
            Self::Least => "min",
            Self::Most => "max",
        }
    }

    /// The kind of what it gives of values of a kind. Err: why it has no meaning for them.
    fn gives(self, of: &Kind) -> Result<Kind, String> {
        match self {
            Self::Rows | Self::Values | Self::Distinct => Ok(Kind::Int64),
            Self::Sum | Self::Average => match of {
                Kind::Int32 | Kind::Int64 | Kind::Decimal { .. } => Ok(Kind::Decimal { precision: 38, scale: None }),
                other => Err(format!("`{}` takes numbers, and this is a {}", self.name(), kind_name(other))),
            },
            Self::Least | Self::Most => match of {
                Kind::Key | Kind::Lookup(_) | Kind::ConceptKey { .. } => {
                    Err(format!("`{}` takes values that have an order, and this is a key", self.name()))
                }
                other => Ok(other.clone()),
            },
        }
    }
}

impl Aggregation {
    /// The rows that it gives.
    pub fn table(&self) -> Option<&Arc<Table>> {
        self.steps.last().map(|step| &step.table)
    }

    /// Only how many rows there are.
    pub fn is_count(&self) -> bool {
        match self.steps.first() {
            Some(step) => {
                let counts = step.by.is_empty() && step.aggregates.iter().all(|a| a.method == Method::Rows);
                counts && !step.aggregates.is_empty()
            }
            None => false,
        }
    }

    /// What one part of the first step asks of the rows of the table.
    pub fn part(&self, part: &Part) -> Self {
        let filter = match (self.of.filter.clone(), part.filter.clone()) {
            (Some(before), Some(own)) => Some(Filter::both(before, own)),
            (before, own) => before.or(own),
        };
        let of = Query { filter, joined: part.joined.clone(), ..Query::default() };
        Self { of, steps: part.steps.clone(), then: Query::default() }
    }
}

impl Grouping {
    /// Groups of rows of a table, which may be widened by joined values. Each value with the name that it has in the rows
    /// that are given. `BadOption` where a name comes twice, or a method has no meaning for a value.
    pub fn new(of: &Table, by: Vec<(String, Expr)>, aggregates: Vec<(String, Method, Option<Expr>)>) -> Result<Self> {
        let mut columns: Vec<Column> = Vec::with_capacity(by.len() + aggregates.len());
        for (name, expr) in &by {
            columns.push(column(name, shown(kind_of(expr, of)?)));
        }
        for (name, method, expr) in &aggregates {
            let kind = match expr {
                Some(expr) => {
                    method.gives(&kind_of(expr, of)?).map_err(|why| bad(&format!("`{name}`: {why}"), name))?
                }
                None => Kind::Int64,
            };
            columns.push(column(name, kind));
        }
        check_names(&columns)?;
        let by = by.into_iter().map(|(_, expr)| expr).collect();
        let aggregates = aggregates.into_iter().map(|(_, method, of)| Aggregate { method, of }).collect();
        Ok(Self { by, aggregates, ..Self::of_all(Arc::new(rows_of(of, columns))) })
    }

    /// Rows of a step before as they are, for what is then done with them.
    pub fn of_all(table: Arc<Table>) -> Self {
        Self { by: Vec::new(), aggregates: Vec::new(), table, filter: None, then: Vec::new(), parts: Vec::new() }
    }

    /// Whether it gives the rows before it, as far as they stay.
    pub fn is_of_all(&self) -> bool {
        self.by.is_empty() && self.aggregates.is_empty() && self.parts.is_empty()
    }

    /// The rows of several parts. `BadOption` where values of one name are of several types.
    pub fn of_parts(of: &Table, parts: Vec<Part>) -> Result<Self> {
        let mut columns: Vec<Column> = Vec::new();
        let given = parts.iter().filter_map(|part| part.steps.last());
        for own in given.flat_map(|step| &step.table.columns).filter(|column| column.name != PROPERTIES) {
            match columns.iter_mut().find(|column| column.name == own.name) {
                None => columns.push(own.clone()),
                Some(column) => {
                    column.kind = both(&column.kind, &own.kind).ok_or_else(|| {
                        let what = format!("values of `{}` are of several types in the parts of `concat`", own.name);
                        bad(&what, &own.name).hint("give each a name of its own after `as`")
                    })?
                }
            }
        }
        check_names(&columns)?;
        columns.push(column(PROPERTIES, Kind::Text { max_length: None, multi_line: false }));
        Ok(Self { parts, ..Self::of_all(Arc::new(rows_of(of, columns))) })
    }
}

/// A kind for values of two.
fn both(a: &Kind, b: &Kind) -> Option<Kind> {
    let is_number = |kind: &Kind| matches!(kind, Kind::Int32 | Kind::Int64 | Kind::Decimal { .. });
    let is_text = |kind: &Kind| matches!(kind, Kind::Text { .. });
    match (a, b) {
        (a, b) if a == b => Some(a.clone()),
        (a, b) if is_number(a) && is_number(b) => Some(Kind::Decimal { precision: 38, scale: None }),
        (a, b) if is_text(a) && is_text(b) => Some(Kind::Text { max_length: None, multi_line: false }),
        _ => None,
    }
}

fn check_names(columns: &[Column]) -> Result<()> {
    for (place, column) in columns.iter().enumerate() {
        if let Some(other) = columns[..place].iter().find(|other| meet(&other.name, &column.name)) {
            let what = match other.name == column.name {
                true => format!("`{}` is given twice", column.name),
                false => format!("`{}` and `{}` cannot both be properties of one row", other.name, column.name),
            };
            return Err(bad(&what, &column.name)
                .hint("name each column once, and give each aggregate a name of its own after `as`"));
        }
    }
    Ok(())
}

/// One is the other, or the object that the other is in.
fn meet(a: &str, b: &str) -> bool {
    let inside = |a: &str, b: &str| b.strip_prefix(a).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    inside(a, b) || inside(b, a)
}

fn bad(what: &str, name: &str) -> Error {
    Error::new(Code::BadOption, what).target(name)
}

/// A key is told as it is, and a lookup leads on from no group.
fn shown(kind: Kind) -> Kind {
    match kind {
        Kind::Key | Kind::ConceptKey { .. } => Kind::TOLD_KEY,
        Kind::Lookup(mut lookup) => {
            lookup.navigation.clear();
            Kind::Lookup(lookup)
        }
        kind => kind,
    }
}

fn column(name: &str, kind: Kind) -> Column {
    Column {
        name: name.to_owned(),
        label: name.to_owned(),
        description: String::new(),
        kind,
        access: ColumnAccess { read: true, create: false, update: false },
        required: false,
        path: String::new(),
        elements: Vec::new(),
    }
}

/// The table of what was made of rows of another. No relation leads from it, since no table is called so.
fn rows_of(of: &Table, columns: Vec<Column>) -> Table {
    let name = format!("{GROUPS}{}", of.name.strip_prefix(GROUPS).unwrap_or(&of.name));
    Table {
        name,
        entity_set: of.entity_set.clone(),
        label: String::new(),
        description: String::new(),
        sources: Vec::new(),
        columns,
        concepts: Vec::new(),
        key: 0,
        primary_name: 0,
        version: None,
        access: TableAccess { read: true, create: false, update: false, delete: false },
        parent: None,
        one_row_per_resource: false,
        made_by: String::new(),
        adds_version: false,
        narrowed: Default::default(),
    }
}

/// What an expression gives, as a kind of column.
fn kind_of(of: &Expr, table: &Table) -> Result<Kind> {
    let text = Kind::Text { max_length: None, multi_line: false };
    let decimal = Kind::Decimal { precision: 38, scale: None };
    let none =
        |what: &str| Err(Error::new(Code::NotSupported, format!("{what} as a value that is shown is not supported")));
    Ok(match of {
        Expr::Column(column) => match table.columns.get(*column) {
            Some(column) => column.kind.clone(),
            None => return Err(Error::new(Code::Internal, format!("`{}` has no column {column}", table.name))),
        },
        Expr::Leading(..) => Kind::TOLD_KEY,
        Expr::Literal(literal) => match literal {
            Literal::Null | Literal::Text(_) => text,
            Literal::Bool(_) => Kind::Boolean,
            Literal::Number(_) => decimal,
            Literal::Guid(_) => Kind::TOLD_KEY,
            Literal::Date(_) => Kind::Date,
            Literal::Instant(_) => Kind::DateTime,
            Literal::Time(_) => return none("a time of day"),
            Literal::Duration(_) => return none("a duration"),
        },
        Expr::Call(function, _) => match function {
            Function::Length
            | Function::IndexOf
            | Function::Year
            | Function::Month
            | Function::Day
            | Function::Hour
            | Function::Minute
            | Function::Second
            | Function::TotalOffsetMinutes => Kind::Int64,
            Function::Substring | Function::ToLower | Function::ToUpper | Function::Trim | Function::Concat => text,
            Function::Date => Kind::Date,
            Function::Now => Kind::DateTime,
            Function::FractionalSeconds | Function::TotalSeconds => decimal,
            Function::Round | Function::Floor | Function::Ceiling => decimal,
            Function::Time => return none("a time of day"),
            Function::Cast(to) => match to {
                Primitive::Text => text,
                Primitive::Bool => Kind::Boolean,
                Primitive::Guid => Kind::TOLD_KEY,
                Primitive::Date => Kind::Date,
                Primitive::Instant => Kind::DateTime,
                Primitive::Time => return none("a time of day"),
                Primitive::Duration => return none("a duration"),
                Primitive::Decimal => decimal,
                _ => Kind::Int64,
            },
        },
        Expr::Arithmetic(_, a, b) => match (kind_of(a, table)?, kind_of(b, table)?) {
            (Kind::Date | Kind::DateTime, _) | (_, Kind::Date | Kind::DateTime) => return none("reckoning with dates"),
            _ => decimal,
        },
        Expr::Negate(inner) => match kind_of(inner, table)? {
            Kind::Int32 | Kind::Int64 | Kind::Choice(_) => Kind::Int64,
            _ => decimal,
        },
        Expr::Condition(_) => Kind::Boolean,
        Expr::Case(branches) => {
            let mut kinds = Vec::new();
            for (_, value) in branches.iter().filter(|(_, value)| *value != Expr::Literal(Literal::Null)) {
                let kind = match kind_of(value, table)? {
                    Kind::Int32 | Kind::Int64 | Kind::Choice(_) | Kind::Decimal { .. } => decimal.clone(),
                    Kind::Uri | Kind::PartialDate | Kind::Json => text.clone(),
                    kind => shown(kind),
                };
                kinds.push(kind);
            }
            match kinds.as_slice() {
                [] => text,
                [first, others @ ..] if others.iter().all(|other| other == first) => first.clone(),
                _ => return none("a `case` of values of several types"),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_stand_in_one_row_meet() {
        for (a, b, expected) in [
            ("n", "n", true),
            ("n", "m", false),
            ("patient", "patient/lastname", true),
            ("patient/lastname", "patient", true),
            ("patient/lastname", "patient/firstname", false),
            ("patient", "patients", false),
        ] {
            assert_eq!(meet(a, b), expected, "{a} {b}");
        }
    }
}
