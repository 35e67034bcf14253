//! What a request should answer, by looking at every row of every table: no plan, no index, no search.

use std::cmp::Ordering;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Map, Value as Json};

use crate::cuts::cut;
use crate::query::{Expand, Expr, Filter, Options, Query, Search};
use crate::schema::{Kind, Row, Table, Tables};
use crate::value::{Decimal, Unknown, Value, folded, part};
use crate::values::exact;

/// What should come.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// All rows that meet the filter, in the order asked for; what is equal by the key.
    pub(crate) all: Vec<Map<String, Json>>,
    /// How many of them are passed over, and at most how many are shown.
    pub(crate) skip: usize,
    pub(crate) top: usize,
    pub(crate) is_ordered: bool,
}

/// `Err`: this evaluation cannot say.
pub(crate) fn expected(query: &Query, tables: &Tables) -> Result<Expected, Unknown> {
    let table = &tables[&query.set];
    let options = &query.options;
    let mut all = Vec::new();
    let only = query.of.as_ref().map(|owner| {
        let of = &tables[&owner.set];
        (of.navigation(&owner.navigation).by.as_str(), of, owner.key.as_str())
    });
    let rows = matching(table, options, tables, only)?;
    let (rows, skip, top, is_ordered) = match query.cut.is_empty() {
        true => (rows, options.skip, options.top.unwrap_or(usize::MAX), !options.order.is_empty()),
        false => cut(&query.cut, table, rows, tables)?,
    };
    for row in rows {
        let mut shown = shown(options, &query.expand, table, row, tables)?;
        for computed in query.compute.iter().filter(|computed| computed.can_be_shown && !query.only_count) {
            // What cannot be made of a row is nobody's to see, though it may not be asked for.
            let value = value(&computed.of, table, Some(row), tables)?;
            if options.select.as_ref().is_none_or(|select| select.contains(&computed.name)) {
                shown.insert(computed.name.clone(), exact(&value).into());
            }
        }
        all.push(shown);
    }
    Ok(Expected { all, skip, top, is_ordered })
}

/// The rows that meet the filter, in order.
fn matching<'t>(
    table: &'t Table,
    options: &Options,
    tables: &Tables,
    only: Option<(&str, &Table, &str)>,
) -> Result<Vec<&'t Row>, Unknown> {
    let mut kept = Vec::new();
    for row in &table.rows {
        if only.is_some_and(|(by, to, key)| !row.leads_to(by, to, key)) {
            continue;
        }
        let keeps = match &options.filter {
            Some(filter) => holds(filter, table, Some(row), tables)? == Some(true),
            None => true,
        };
        let keeps = match &options.search {
            Some(search) => finds(search, table, row)? && keeps,
            None => keeps,
        };
        if keeps {
            let by: Result<Vec<Value>, Unknown> = options
                .order
                .iter()
                .map(|(by, _)| value(by, table, Some(row), tables).and_then(Value::comparable))
                .collect();
            kept.push((by?, row));
        }
    }
    kept.sort_by(|(a, a_row), (b, b_row)| {
        for ((a, b), (_, down)) in a.iter().zip(b).zip(&options.order) {
            let order = nulls_first(a, b);
            if order != Ordering::Equal {
                return if *down { order.reverse() } else { order };
            }
        }
        a_row.key(table).cmp(b_row.key(table))
    });
    Ok(kept.into_iter().map(|(_, row)| row).collect())
}

pub(crate) fn nulls_first(a: &Value, b: &Value) -> Ordering {
    let order = a.compare(b).expect("both can be compared");
    order.unwrap_or_else(|| (*a != Value::Null).cmp(&(*b != Value::Null)))
}

/// A row with what hangs on it.
fn shown(
    options: &Options,
    expands: &[Expand],
    table: &Table,
    row: &Row,
    tables: &Tables,
) -> Result<Map<String, Json>, Unknown> {
    let mut shown = row.projected(table, options.select.as_deref());
    for expand in expands {
        let (navigated, count) = expanded(expand, table, row, tables)?;
        if expand.form != "/$count" {
            shown.insert(expand.navigation.clone(), navigated);
        }
        if expand.options.count || expand.form == "/$count" {
            shown.insert(format!("{}@odata.count", expand.navigation), count.into());
        }
    }
    Ok(shown)
}

/// What a navigation property shows of a row, and how many there are in all.
fn expanded(expand: &Expand, table: &Table, row: &Row, tables: &Tables) -> Result<(Json, usize), Unknown> {
    let navigation = table.navigation(&expand.navigation);
    let (other, options) = (&tables[&navigation.to], &expand.options);
    let related = |row: &Row| -> Result<Json, Unknown> {
        Ok(Json::Object(match expand.form {
            "/$ref" => {
                [("@odata.id".to_owned(), format!("{}({})", other.set, row.key(other)).into())].into_iter().collect()
            }
            _ => shown(options, &expand.expand, other, row, tables)?,
        }))
    };
    if !navigation.many {
        let found = behind(row, &navigation.by, other);
        return Ok((found.map(related).transpose()?.unwrap_or(Json::Null), 0));
    }
    let rows = matching(other, options, tables, Some((&navigation.by, table, row.key(table))))?;
    let count = rows.len();
    let window = rows.into_iter().skip(options.skip).take(options.top.unwrap_or(usize::MAX));
    Ok((Json::Array(window.map(related).collect::<Result<_, Unknown>>()?), count))
}

fn behind<'t>(row: &Row, by: &str, other: &'t Table) -> Option<&'t Row> {
    other.rows.iter().find(|found| row.leads_to(by, other, found.key(other)))
}

/// None = null. No row: all columns are null.
pub(crate) fn holds(
    filter: &Filter,
    table: &Table,
    row: Option<&Row>,
    tables: &Tables,
) -> Result<Option<bool>, Unknown> {
    Ok(match filter {
        // Both sides are looked at, so that whatever may fail is known to.
        Filter::And(a, b) => match (holds(a, table, row, tables)?, holds(b, table, row, tables)?) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Filter::Or(a, b) => match (holds(a, table, row, tables)?, holds(b, table, row, tables)?) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Filter::Not(inner) => holds(inner, table, row, tables)?.map(|holds| !holds),
        Filter::Compare(operator, a, b) => {
            compares(operator, &value(a, table, row, tables)?, &value(b, table, row, tables)?)?
        }
        Filter::In(of, list) => {
            let of = value(of, table, row, tables)?;
            let mut found = false;
            for literal in list {
                found |= compares("eq", &of, &literal.value)? == Some(true);
            }
            Some(found)
        }
        Filter::Text(test, a, b) => match (value(a, table, row, tables)?, value(b, table, row, tables)?) {
            (Value::Text(text), Value::Text(part)) => {
                let (text, part) = (folded(&text)?, folded(&part)?);
                Some(match *test {
                    "contains" => text.contains(&part),
                    "startswith" => text.starts_with(&part),
                    _ => text.ends_with(&part),
                })
            }
            _ => None,
        },
        Filter::Is(column) => match cell(column, row) {
            Value::Bool(holds) => Some(holds),
            _ => None,
        },
        Filter::Dataverse(function, column, values) => {
            dataverse(function, table.kind(column), &cell(column, row), values)?
        }
        Filter::Behind(navigation, inner) => {
            let navigation = table.navigation(navigation);
            let other = &tables[&navigation.to];
            // A server may ask it of every row there, of which one may fail.
            for found in &other.rows {
                holds(inner, other, Some(found), tables)?;
            }
            holds(inner, other, row.and_then(|row| behind(row, &navigation.by, other)), tables)?
        }
        Filter::Rows(navigation, all, inner) => {
            let navigation = table.navigation(navigation);
            let other = &tables[&navigation.to];
            let (mut any, mut every) = (false, true);
            for found in &other.rows {
                let meets = match inner {
                    Some(inner) => holds(inner, other, Some(found), tables)? == Some(true),
                    None => true,
                };
                if row.is_some_and(|row| found.leads_to(&navigation.by, table, row.key(table))) {
                    any |= meets;
                    every &= meets;
                }
            }
            Some(if *all { every } else { any })
        }
        Filter::RowsLike(navigation, all, operator, inner, outer) => {
            let navigation = table.navigation(navigation);
            let other = &tables[&navigation.to];
            let (mut any, mut every) = (false, true);
            let Some(row) = row else { return Ok(Some(*all)) };
            for found in other.rows.iter().filter(|found| found.leads_to(&navigation.by, table, row.key(table))) {
                let meets = compares(operator, &cell(inner, Some(found)), &cell(outer, Some(row)))? == Some(true);
                any |= meets;
                every &= meets;
            }
            Some(if *all { every } else { any })
        }
    })
}

/// Whether a row has a word in one of its texts.
fn finds(search: &Search, table: &Table, row: &Row) -> Result<bool, Unknown> {
    Ok(match search {
        Search::Text(text) => {
            let part = folded(text)?;
            let mut found = false;
            for (column, _) in table.columns.iter().filter(|(_, kind)| *kind == Kind::Text) {
                if let Value::Text(text) = cell(column, Some(row)) {
                    found |= folded(&text)?.contains(&part);
                }
            }
            found
        }
        Search::And(a, b) => finds(a, table, row)? & finds(b, table, row)?,
        Search::Or(a, b) => finds(a, table, row)? | finds(b, table, row)?,
        Search::Not(inner) => !finds(inner, table, row)?,
    })
}

fn compares(operator: &str, a: &Value, b: &Value) -> Result<Option<bool>, Unknown> {
    let order = a.compare(b)?;
    Ok(match (operator, order) {
        ("eq", None) => Some(a == b),
        ("ne", None) => Some(a != b),
        (_, None) => None,
        ("eq", Some(order)) => Some(order.is_eq()),
        ("ne", Some(order)) => Some(order.is_ne()),
        ("lt", Some(order)) => Some(order.is_lt()),
        ("le", Some(order)) => Some(order.is_le()),
        ("gt", Some(order)) => Some(order.is_gt()),
        (_, Some(order)) => Some(order.is_ge()),
    })
}

fn dataverse(
    function: &str,
    kind: Kind,
    of: &Value,
    values: &[crate::query::Literal],
) -> Result<Option<bool>, Unknown> {
    let values: Vec<&Value> = values.iter().map(|literal| &literal.value).collect();
    let within = |least: &Value, most: &Value| {
        Ok(match (compares("ge", of, least)?, compares("le", of, most)?) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (a, b) => a.zip(b).map(|(a, b)| a && b),
        })
    };
    let one_of = || values.iter().try_fold(false, |found, v| Ok(found | (compares("eq", of, v)? == Some(true))));
    Ok(match function {
        "In" => Some(one_of()?),
        "NotIn" => Some(!one_of()?),
        "Between" => within(values[0], values[1])?,
        "NotBetween" => within(values[0], values[1])?.map(|within: bool| !within),
        "Contains" | "DoesNotContain" => match (of, values[0]) {
            (Value::Text(whole), Value::Text(part)) => {
                Some(folded(whole)?.contains(&folded(part)?) == (function == "Contains"))
            }
            _ => None,
        },
        _ => {
            // The day of the row, in UTC.
            const DAY: i64 = 86_400_000_000;
            let own = match (of, kind) {
                (Value::Day(day), Kind::Day) => *day,
                (Value::Moment(moment), _) => moment.div_euclid(DAY),
                _ => return Ok(None),
            };
            let wanted = match values.first() {
                Some(Value::Day(wanted)) => wanted,
                Some(Value::Number(count)) => return Ok(Some(relative(function, own, count.to_whole()?))),
                None => return Ok(Some(relative(function, own, 7))),
                Some(_) => return Err(Unknown::NotModelled),
            };
            Some(match function {
                "On" => own == *wanted,
                "OnOrAfter" => own >= *wanted,
                _ => own <= *wanted,
            })
        }
    })
}

/// Whether a day is where a function that goes by today says. No row of the data is of these very hours.
fn relative(function: &str, own: i64, count: i64) -> bool {
    let day = |date: Date| date.since(Date::constant(1970, 1, 1)).map_or(0, |span| i64::from(span.get_days()));
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let moved = |count: i64| {
        let span = Span::new();
        let span = match function {
            _ if function.ends_with("Weeks") => span.weeks(count),
            _ if function.ends_with("Months") => span.months(count),
            _ if function.ends_with("Years") => span.years(count),
            _ => span.days(count),
        };
        day(today.saturating_add(span))
    };
    let around = |by: i64| match function {
        _ if function.ends_with("Week") => {
            let first = day(today) - i64::from(today.weekday().to_sunday_zero_offset()) + 7 * by;
            (first, first + 6)
        }
        _ if function.ends_with("Month") => {
            let there = today.first_of_month().saturating_add(Span::new().months(by));
            (day(there), day(there.last_of_month()))
        }
        _ => {
            let there = today.first_of_year().saturating_add(Span::new().years(by));
            (day(there), day(there.last_of_year()))
        }
    };
    let (first, last) = match function {
        "Today" => (day(today), day(today)),
        "Yesterday" => (day(today) - 1, day(today) - 1),
        "Tomorrow" => (day(today) + 1, day(today) + 1),
        _ if function.starts_with("OlderThanX") => (i64::MIN, moved(-count) - 1),
        "Last7Days" => (moved(-count), day(today)),
        "Next7Days" => (day(today), moved(count)),
        _ if function.starts_with("LastX") => (moved(-count), day(today)),
        _ if function.starts_with("NextX") => (day(today), moved(count)),
        _ if function.starts_with("Last") => around(-1),
        _ if function.starts_with("Next") => around(1),
        _ => around(0),
    };
    (first..=last).contains(&own)
}

fn cell(column: &str, row: Option<&Row>) -> Value {
    row.map_or(Value::Null, |row| row.cells.get(column).unwrap_or_else(|| panic!("no column {column}")).clone())
}

fn is_whole(expr: &Expr, table: &Table) -> bool {
    match expr {
        Expr::Column(column) => table.kind(column) == Kind::Whole,
        Expr::Behind(..) | Expr::Count(..) => false,
        Expr::Named(_, inner) => is_whole(inner, table),
        Expr::Literal(literal) => literal.text.parse::<i64>().is_ok(),
        Expr::Call(function, _) => {
            !matches!(*function, "round" | "floor" | "ceiling" | "fractionalseconds" | "totalseconds")
        }
        Expr::Arithmetic(operator, a, b) => *operator != "divby" && is_whole(a, table) && is_whole(b, table),
        Expr::Condition(_) => false,
        Expr::Case(branches) => branches.iter().all(|(_, value)| is_whole(value, table)),
        Expr::Negate(inner) => is_whole(inner, table),
    }
}

pub(crate) fn value(of: &Expr, table: &Table, row: Option<&Row>, tables: &Tables) -> Result<Value, Unknown> {
    Ok(match of {
        Expr::Column(column) => cell(column, row),
        Expr::Behind(lookups, column) => {
            let (mut table, mut row) = (table, row);
            for lookup in lookups {
                let navigation = table.navigation(lookup);
                let other = &tables[&navigation.to];
                (row, table) = (row.and_then(|row| behind(row, &navigation.by, other)), other);
            }
            cell(column, row)
        }
        Expr::Count(navigation, filter) => {
            let navigation = table.navigation(navigation);
            let other = &tables[&navigation.to];
            let mut count = 0;
            for found in &other.rows {
                let meets = match filter {
                    Some(filter) => holds(filter, other, Some(found), tables)? == Some(true),
                    None => true,
                };
                let is_own = row.is_some_and(|row| found.leads_to(&navigation.by, table, row.key(table)));
                count += i64::from(meets && is_own);
            }
            row.map_or(Value::Null, |_| Value::of(count))
        }
        Expr::Named(_, inner) => value(inner, table, row, tables)?,
        Expr::Literal(literal) => literal.value.clone(),
        Expr::Negate(inner) => match value(inner, table, row, tables)? {
            Value::Number(number) => Value::Number(number.negated()),
            _ => Value::Null,
        },
        Expr::Arithmetic(operator, a, b) => {
            let whole = *operator != "divby" && is_whole(a, table) && is_whole(b, table);
            match (value(a, table, row, tables)?, value(b, table, row, tables)?) {
                (Value::Number(a), Value::Number(b)) => Value::Number(Decimal::arithmetic(operator, whole, &a, &b)?),
                (Value::Moment(a), Value::Span(b)) => Value::Moment(if *operator == "add" { a + b } else { a - b }),
                (Value::Moment(a), Value::Moment(b)) => Value::Span(a - b),
                (Value::Day(a), Value::Span(b)) => {
                    let moved = a * 86_400_000_000 + if *operator == "add" { b } else { -b };
                    part("date", moved).map_or(Value::Null, Value::Day)
                }
                _ => Value::Null,
            }
        }
        Expr::Condition(condition) => holds(condition, table, row, tables)?.map_or(Value::Null, Value::Bool),
        Expr::Case(branches) => {
            // All are looked at, so that whatever may fail is known to.
            let mut found = None;
            for (condition, branch) in branches {
                let is = holds(condition, table, row, tables)? == Some(true);
                let value = value(branch, table, row, tables)?;
                if is && found.is_none() {
                    found = Some(value);
                }
            }
            found.unwrap_or(Value::Null)
        }
        Expr::Call(function, arguments) => {
            let values: Result<Vec<Value>, Unknown> = arguments.iter().map(|a| value(a, table, row, tables)).collect();
            call(function, &values?)?
        }
    })
}

fn call(function: &str, arguments: &[Value]) -> Result<Value, Unknown> {
    let index = |number: &Decimal| number.to_whole().map(|n| usize::try_from(n.max(0)).unwrap_or(usize::MAX));
    let length = |text: &str| Value::of(i64::try_from(text.chars().count()).unwrap_or(i64::MAX));
    Ok(match (function, arguments) {
        (_, arguments) if arguments.contains(&Value::Null) => Value::Null,
        ("length", [Value::Text(text)]) => length(text),
        ("indexof", [Value::Text(text), Value::Text(part)]) => {
            let text = folded(text)?;
            match text.find(&folded(part)?) {
                Some(at) => length(&text[..at]),
                None => Value::of(-1),
            }
        }
        ("substring", [Value::Text(text), Value::Number(start)]) => {
            Value::Text(text.chars().skip(index(start)?).collect())
        }
        ("substring", [Value::Text(text), Value::Number(start), Value::Number(length)]) => {
            Value::Text(text.chars().skip(index(start)?).take(index(length)?).collect())
        }
        ("tolower", [Value::Text(text)]) => Value::Text(text.to_lowercase()),
        ("toupper", [Value::Text(text)]) => Value::Text(text.to_uppercase()),
        ("trim", [Value::Text(text)]) => Value::Text(text.trim().to_owned()),
        ("concat", [Value::Text(a), Value::Text(b)]) => Value::Text(format!("{a}{b}")),
        ("round" | "floor" | "ceiling", [Value::Number(number)]) => Value::Number(number.whole(function)?),
        ("time", [Value::Moment(moment)]) => part("time", *moment).map_or(Value::Null, Value::Clock),
        ("fractionalseconds", [Value::Moment(moment)]) => match part(function, *moment) {
            Some(micros) => Value::Number(Decimal::parse(&format!("{micros}e-6")).expect("a number")),
            None => Value::Null,
        },
        ("totalseconds", [Value::Span(micros)]) => {
            Value::Number(Decimal::parse(&format!("{micros}e-6")).expect("a number"))
        }
        ("totaloffsetminutes", [_]) => Value::of(0),
        ("cast to Edm.Int32", [Value::Number(number)]) => match number.whole("round")?.to_whole()? {
            whole if i32::try_from(whole).is_ok() => Value::of(whole),
            _ => Value::Null,
        },
        ("cast to Edm.Int32", [Value::Text(text)]) => match Decimal::parse(text) {
            // Zeros in front are no number; what is near the border is not judged here.
            Some(_) if text.len() > 9 || text.trim_start_matches('-').starts_with('0') => {
                return Err(Unknown::NotModelled);
            }
            Some(number) => Value::Number(number.whole("round")?),
            None => Value::Null,
        },
        ("cast to Edm.String", [Value::Number(number)]) => Value::Text(number.to_whole()?.to_string()),
        ("date", [Value::Moment(moment)]) => part("date", *moment).map_or(Value::Null, Value::Day),
        (_, [Value::Moment(moment)]) => part(function, *moment).map_or(Value::Null, Value::of),
        (_, [Value::Day(day)]) => part(function, day * 86_400_000_000).map_or(Value::Null, Value::of),
        _ => panic!("{function} of {arguments:?}"),
    })
}
