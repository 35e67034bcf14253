//! Query functions of Dataverse, `Microsoft.Dynamics.CRM.LastXDays(…)` and its kin, as the plain conditions that they
//! stand for. Days are UTC days.

use crate::model::query::{Compare, Expr, Filter, Literal};
use crate::model::value::{Date, Instant};

/// The functions that have an equivalent, for hints.
pub const FUNCTIONS: [&str; 12] = [
    "In",
    "NotIn",
    "Between",
    "NotBetween",
    "On",
    "OnOrAfter",
    "OnOrBefore",
    "Today",
    "Yesterday",
    "Tomorrow",
    "LastXDays",
    "NextXDays",
];

/// What the function's value arguments must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    /// `PropertyValues=[…]`, of the column's type.
    Values,
    /// `PropertyValue=…`, a day.
    Day,
    /// `PropertyValue=…`, a number of days.
    Days,
}

/// Argument values, as [`takes`] asked for.
#[derive(Clone, Debug)]
pub enum Given {
    Nothing,
    Values(Vec<Literal>),
    Day(Date),
    Days(i64),
}

/// None: a function that we do not have.
pub fn takes(function: &str) -> Option<Takes> {
    Some(match function {
        "In" | "NotIn" | "Between" | "NotBetween" => Takes::Values,
        "On" | "OnOrAfter" | "OnOrBefore" => Takes::Day,
        "Today" | "Yesterday" | "Tomorrow" => Takes::Nothing,
        "LastXDays" | "NextXDays" => Takes::Days,
        _ => return None,
    })
}

/// The condition on `column`; `whole_days` tells a date column from a date-time column. None: wrong values, or days out
/// of the calendar.
pub fn condition(function: &str, column: &Expr, whole_days: bool, given: Given, now: Instant) -> Option<Filter> {
    let today = now.utc()?.date();
    let span = |first: Option<Date>, last: Option<Date>| days(column, whole_days, first, last);
    let one = |day: Date| span(Some(day), Some(day));
    match (function, given) {
        ("In", Given::Values(values)) => Some(Filter::In(column.clone(), values)),
        ("NotIn", Given::Values(values)) => Some(Filter::Not(Filter::In(column.clone(), values).into())),
        ("Between", Given::Values(values)) => between(column, values),
        ("NotBetween", Given::Values(values)) => Some(Filter::Not(between(column, values)?.into())),
        ("On", Given::Day(day)) => one(day),
        ("OnOrAfter", Given::Day(day)) => span(Some(day), None),
        ("OnOrBefore", Given::Day(day)) => span(None, Some(day)),
        ("Today", Given::Nothing) => one(today),
        ("Yesterday", Given::Nothing) => one(today.yesterday().ok()?),
        ("Tomorrow", Given::Nothing) => one(today.tomorrow().ok()?),
        ("LastXDays", Given::Days(count)) => {
            let first = span(Some(today.checked_sub(jiff::Span::new().try_days(count).ok()?).ok()?), None)?;
            let last = if whole_days { Literal::Date(today) } else { Literal::Instant(now) };
            Some(and(first, Filter::Compare(Compare::Le, column.clone(), Expr::Literal(last))))
        }
        ("NextXDays", Given::Days(count)) => {
            let last = span(None, Some(today.checked_add(jiff::Span::new().try_days(count).ok()?).ok()?))?;
            let first = if whole_days { Literal::Date(today) } else { Literal::Instant(now) };
            Some(and(Filter::Compare(Compare::Ge, column.clone(), Expr::Literal(first)), last))
        }
        _ => None,
    }
}

fn between(column: &Expr, values: Vec<Literal>) -> Option<Filter> {
    let [least, most] = values.try_into().ok()?;
    let least = Filter::Compare(Compare::Ge, column.clone(), Expr::Literal(least));
    Some(and(least, Filter::Compare(Compare::Le, column.clone(), Expr::Literal(most))))
}

/// From the beginning of the first day to the end of the last.
fn days(column: &Expr, whole_days: bool, first: Option<Date>, last: Option<Date>) -> Option<Filter> {
    let literal =
        |day: Date| Expr::Literal(if whole_days { Literal::Date(day) } else { Literal::Instant(Instant::of_day(day)) });
    let from = first.map(|day| Filter::Compare(Compare::Ge, column.clone(), literal(day)));
    let to = match (last, last.map(Date::tomorrow)) {
        (None, _) | (_, None) => None,
        (_, Some(Ok(next))) => Some(Filter::Compare(Compare::Lt, column.clone(), literal(next))),
        // Nothing is written after the last day of all.
        (Some(last), Some(Err(_))) if whole_days => Some(Filter::Compare(Compare::Le, column.clone(), literal(last))),
        (Some(last), Some(Err(_))) => {
            let end = Instant::of_day(last).checked_add(jiff::SignedDuration::from_hours(24))?;
            Some(Filter::Compare(Compare::Lt, column.clone(), Expr::Literal(Literal::Instant(end))))
        }
    };
    match (from, to) {
        (Some(from), Some(to)) => Some(and(from, to)),
        (from, to) => from.or(to),
    }
}

fn and(left: Filter, right: Filter) -> Filter {
    Filter::And(left.into(), right.into())
}
