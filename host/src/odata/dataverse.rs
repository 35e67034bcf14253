//! Query functions of Dataverse, `Microsoft.Dynamics.CRM.LastXDays(…)` and its kin, as the plain conditions that they
//! stand for. Days are UTC days, and weeks begin with Sunday.

use std::sync::Arc;

use uuid::Uuid;

use crate::model::catalog::{Catalog, Relation};
use crate::model::query::{Compare, Expr, Filter, Literal, Quantifier, TextTest, Way};
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value::{Date, Instant};

/// The functions that have an equivalent, for hints.
pub const FUNCTIONS: [&str; 46] = [
    "In",
    "NotIn",
    "ContainValues",
    "DoesNotContainValues",
    "Contains",
    "DoesNotContain",
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
    "Last7Days",
    "Next7Days",
    "ThisWeek",
    "ThisMonth",
    "ThisYear",
    "LastWeek",
    "LastMonth",
    "LastYear",
    "NextWeek",
    "NextMonth",
    "NextYear",
    "LastXHours",
    "LastXWeeks",
    "LastXMonths",
    "LastXYears",
    "NextXHours",
    "NextXWeeks",
    "NextXMonths",
    "NextXYears",
    "OlderThanXMinutes",
    "OlderThanXHours",
    "OlderThanXDays",
    "OlderThanXWeeks",
    "OlderThanXMonths",
    "OlderThanXYears",
    "Above",
    "AboveOrEqual",
    "Under",
    "UnderOrEqual",
    "NotUnder",
];

/// What the function's value arguments must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    /// `PropertyValues=[…]`, of the column's type.
    Values,
    /// The same, of a choice.
    Choices,
    /// `PropertyValue=…`, of a text.
    Text,
    /// `PropertyValue=…`, a day.
    Day,
    /// `PropertyValue=…`, a number of days, or of what the function counts in.
    Days,
    /// `PropertyValue=…`, the key of a row of a hierarchy.
    Key,
}

/// Argument values, as [`takes`] asked for.
#[derive(Clone, Debug)]
pub enum Given {
    Nothing,
    Values(Vec<Literal>),
    Text(Literal),
    Day(Date),
    Days(i64),
}

/// None: a function that we do not have.
pub fn takes(function: &str) -> Option<Takes> {
    Some(match function {
        "In" | "NotIn" | "Between" | "NotBetween" => Takes::Values,
        "ContainValues" | "DoesNotContainValues" => Takes::Choices,
        "Contains" | "DoesNotContain" => Takes::Text,
        other if way(other).is_some() => Takes::Key,
        "On" | "OnOrAfter" | "OnOrBefore" => Takes::Day,
        "Today" | "Yesterday" | "Tomorrow" => Takes::Nothing,
        "LastXDays" | "NextXDays" => Takes::Days,
        "Last7Days" | "Next7Days" => Takes::Nothing,
        other => match relative(other)? {
            (_, Unit::Minutes | Unit::Hours | Unit::Days)
            | (Relative::LastX | Relative::NextX | Relative::Older, _) => Takes::Days,
            _ => Takes::Nothing,
        },
    })
}

/// How rows of a hierarchy must stand to the one that is given, and whether they must not.
fn way(function: &str) -> Option<(Way, bool)> {
    Some(match function {
        "Under" => (Way::Under, true),
        "NotUnder" => (Way::Under, false),
        "UnderOrEqual" => (Way::UnderOrEqual, true),
        "Above" => (Way::Above, true),
        "AboveOrEqual" => (Way::AboveOrEqual, true),
        _ => return None,
    })
}

/// The condition of such a function on a column of a table: its own key, or a lookup that leads into a hierarchy. Err: why there is
/// none.
pub fn hierarchy(
    function: &str,
    table: &Table,
    column: ColumnIndex,
    key: Uuid,
    catalog: &Catalog,
) -> Result<Filter, String> {
    let property = &table.columns[column].name;
    let Some((way, is)) = way(function) else { return Err(format!("`{function}` goes by no hierarchy")) };
    let led_to: Vec<_> = match &table.columns[column].kind {
        Kind::Key => catalog.table_behind(&table.name).into_iter().collect(),
        Kind::Lookup(lookup) => {
            let mut led_to: Vec<&Arc<Table>> =
                lookup.targets.iter().filter_map(|target| catalog.find_entity_set(&target.entity_set)).collect();
            led_to.dedup_by(|a, b| a.name == b.name);
            led_to
        }
        _ => return Err(format!("`{property}` is neither the key of a table nor a lookup")),
    };
    let mut hierarchies = led_to.into_iter().filter(|table| table.hierarchy().is_some());
    let other = match (hierarchies.next(), hierarchies.next()) {
        (Some(other), None) => other,
        (None, _) => {
            return Err(format!(
                "`{property}` leads to no table whose rows are part of each other, by a lookup on FHIR's `partOf`"
            ));
        }
        (Some(_), Some(_)) => return Err(format!("`{property}` leads to several tables with hierarchies")),
    };
    let named = Filter::Compare(Compare::Eq, Expr::Column(other.key), Expr::Literal(Literal::Guid(key)));
    let filter = Filter::Related {
        navigation: property.clone(),
        to: Relation::Lookup { column, table: other.name.clone() },
        quantifier: Quantifier::Within(way),
        filter: Some(named.into()),
        joined: Vec::new(),
    };
    Ok(if is { filter } else { Filter::Not(filter.into()) })
}

/// Why a function that Dataverse has means nothing here, and what to do instead. None: there is no such function.
pub fn refused(function: &str) -> Option<&'static str> {
    Some(match function {
        "EqualUserLanguage" => "there is one language, 1033",
        "EqualUserId"
        | "NotEqualUserId"
        | "EqualUserTeams"
        | "EqualUserOrUserTeams"
        | "EqualUserOrUserHierarchy"
        | "EqualUserOrUserHierarchyAndTeams"
        | "EqualBusinessId"
        | "NotEqualBusinessId" => "there is no login, so nobody is the user; compare with a key",
        fiscal if fiscal.contains("Fiscal") => "there is no fiscal calendar; compare with dates",
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
        ("In" | "ContainValues", Given::Values(values)) => Some(Filter::In(column.clone(), values)),
        // A choice has one value at most.
        ("NotIn" | "DoesNotContainValues", Given::Values(values)) => {
            Some(Filter::Not(Filter::In(column.clone(), values).into()))
        }
        ("Contains", Given::Text(part)) => Some(contains(column, part)),
        ("DoesNotContain", Given::Text(part)) => Some(Filter::Not(contains(column, part).into())),
        ("Between", Given::Values(values)) => between(column, values),
        ("NotBetween", Given::Values(values)) => Some(Filter::Not(between(column, values)?.into())),
        ("On", Given::Day(day)) => one(day),
        ("OnOrAfter", Given::Day(day)) => span(Some(day), None),
        ("OnOrBefore", Given::Day(day)) => span(None, Some(day)),
        ("Today", Given::Nothing) => one(today),
        ("Yesterday", Given::Nothing) => one(today.yesterday().ok()?),
        ("Tomorrow", Given::Nothing) => one(today.tomorrow().ok()?),
        ("Last7Days", Given::Nothing) => condition("LastXDays", column, whole_days, Given::Days(7), now),
        ("Next7Days", Given::Nothing) => condition("NextXDays", column, whole_days, Given::Days(7), now),
        (function, given) => {
            let (relative, unit) = relative(function)?;
            let to_now = |compare| {
                let now = if whole_days { Literal::Date(today) } else { Literal::Instant(now) };
                Filter::Compare(compare, column.clone(), Expr::Literal(now))
            };
            match (relative, given) {
                (Relative::This, Given::Nothing) => {
                    let (first, last) = unit.around(today)?;
                    span(Some(first), Some(last))
                }
                (Relative::Last, Given::Nothing) => {
                    let (first, last) = unit.around(unit.around(today)?.0.yesterday().ok()?)?;
                    span(Some(first), Some(last))
                }
                (Relative::Next, Given::Nothing) => {
                    let (first, last) = unit.around(unit.around(today)?.1.tomorrow().ok()?)?;
                    span(Some(first), Some(last))
                }
                (Relative::LastX, Given::Days(count)) => {
                    let first = match unit.clock(count)? {
                        Some(_) if whole_days => return None,
                        Some(clock) => moment(column, Compare::Ge, now, -clock)?,
                        None => span(Some(today.checked_sub(unit.calendar(count)?).ok()?), None)?,
                    };
                    Some(and(first, to_now(Compare::Le)))
                }
                (Relative::NextX, Given::Days(count)) => {
                    let last = match unit.clock(count)? {
                        Some(_) if whole_days => return None,
                        Some(clock) => moment(column, Compare::Le, now, clock)?,
                        None => span(None, Some(today.checked_add(unit.calendar(count)?).ok()?))?,
                    };
                    Some(and(to_now(Compare::Ge), last))
                }
                (Relative::Older, Given::Days(count)) => match unit.clock(count)? {
                    Some(_) if whole_days => None,
                    Some(clock) => moment(column, Compare::Lt, now, -clock),
                    None => span(None, Some(today.checked_sub(unit.calendar(count)?).ok()?.yesterday().ok()?)),
                },
                _ => None,
            }
        }
    }
}

/// What a function counts from today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relative {
    This,
    Last,
    Next,
    LastX,
    NextX,
    Older,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Minutes,
    Hours,
    Days,
    Weeks,
    Months,
    Years,
}

/// `LastXWeeks`, `ThisYear` and their kin.
fn relative(function: &str) -> Option<(Relative, Unit)> {
    let several = |unit: &str| {
        Some(match unit {
            "Minutes" => Unit::Minutes,
            "Hours" => Unit::Hours,
            "Days" => Unit::Days,
            "Weeks" => Unit::Weeks,
            "Months" => Unit::Months,
            "Years" => Unit::Years,
            _ => return None,
        })
    };
    if let Some(unit) = function.strip_prefix("OlderThanX") {
        return Some((Relative::Older, several(unit)?));
    }
    for (prefix, relative) in [("LastX", Relative::LastX), ("NextX", Relative::NextX)] {
        if let Some(unit) = function.strip_prefix(prefix) {
            return Some((relative, several(unit).filter(|unit| *unit != Unit::Minutes)?));
        }
    }
    let (relative, unit) = match function.split_at_checked(4)? {
        ("This", unit) => (Relative::This, unit),
        ("Last", unit) => (Relative::Last, unit),
        ("Next", unit) => (Relative::Next, unit),
        _ => return None,
    };
    let unit = match unit {
        "Week" => Unit::Weeks,
        "Month" => Unit::Months,
        "Year" => Unit::Years,
        _ => return None,
    };
    Some((relative, unit))
}

impl Unit {
    /// The first and last day of the week, month or year that a day is in.
    fn around(self, day: Date) -> Option<(Date, Date)> {
        Some(match self {
            Self::Weeks => {
                let since = i64::from(day.weekday().to_sunday_zero_offset());
                let first = day.checked_sub(jiff::Span::new().try_days(since).ok()?).ok()?;
                (first, first.checked_add(jiff::Span::new().days(6)).ok()?)
            }
            Self::Months => (day.first_of_month(), day.last_of_month()),
            Self::Years => (day.first_of_year(), day.last_of_year()),
            Self::Minutes | Self::Hours | Self::Days => (day, day),
        })
    }

    /// So many of it by the clock; `Some(None)` = they go by the calendar.
    fn clock(self, count: i64) -> Option<Option<jiff::SignedDuration>> {
        let seconds = match self {
            Self::Minutes => 60,
            Self::Hours => 3_600,
            _ => return Some(None),
        };
        Some(Some(jiff::SignedDuration::from_secs(count.checked_mul(seconds)?)))
    }

    fn calendar(self, count: i64) -> Option<jiff::Span> {
        let span = jiff::Span::new();
        match self {
            Self::Weeks => span.try_weeks(count),
            Self::Months => span.try_months(count),
            Self::Years => span.try_years(count),
            Self::Minutes | Self::Hours | Self::Days => span.try_days(count),
        }
        .ok()
    }
}

/// A comparison with a moment so long after now.
fn moment(column: &Expr, compare: Compare, now: Instant, after: jiff::SignedDuration) -> Option<Filter> {
    let moment = now.checked_add(after)?;
    Some(Filter::Compare(compare, column.clone(), Expr::Literal(Literal::Instant(moment))))
}

fn contains(column: &Expr, part: Literal) -> Filter {
    Filter::Text(TextTest::Contains, column.clone(), Expr::Literal(part))
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
