//! A FetchXML `condition` as a condition on a column: values are read as the column's type has them.

use uuid::Uuid;

use super::operator::{self, Test};
use super::xml::{Allowed, Element};
use crate::model::catalog::{Catalog, nearest};
use crate::model::error::{Error, Result};
use crate::model::query::{Compare, Expr, Filter, Literal, TextTest};
use crate::model::table::{Kind, Table};
use crate::model::value::{self, Date, Instant, Number};
use crate::odata::dataverse::{self, Given, Takes};
use crate::odata::expression::{Source, Type};

/// A column that a condition speaks of.
pub(super) struct Found<'a> {
    pub(super) expr: Expr,
    pub(super) kind: &'a Kind,
    /// The table whose rows the condition is about, where it is a column of theirs.
    pub(super) own: Option<&'a Table>,
}

/// Finds a column by the alias of its link, if one is named, and its own name.
pub(super) type Find<'f, 'a> = &'f dyn Fn(&Element, Option<&str>, &str) -> Result<Found<'a>>;

pub(super) fn condition(
    element: &Element,
    source: Source<'_>,
    now: Instant,
    catalog: &Catalog,
    find: Find<'_, '_>,
) -> Result<Filter> {
    let allowed = Allowed {
        read: &["attribute", "operator", "value", "valueof", "entityname"],
        idle: &["uiname", "uitype", "uihidden"],
        lacking: &["aggregate", "rowaggregate", "alias", "column"],
        inside: &["value"],
        text: false,
    };
    element.only(allowed, source)?;
    let name = element.needed("attribute", source)?;
    let column = find(element, element.get("entityname"), name)?;
    let operator = element.needed("operator", source)?;
    let test = match operator::test(operator) {
        Some(Ok(test)) => test,
        Some(Err(why)) => {
            return Err(source.unsupported(element.at, &format!("the operator `{operator}`")).hint(why));
        }
        None => {
            let error = source.bad(element.at, &format!("there is no operator `{operator}`,"));
            return Err(match nearest(operator, operator::names()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
    };
    let reading = Reading { element, source, name, operator, kind: column.kind, of: Type::of(column.kind) };
    if let Some(other) = element.get("valueof") {
        return reading.with_column(test, column.expr, other, find);
    }
    let values = reading.values()?;
    if let Test::Function(function) = test
        && dataverse::takes(function) == Some(Takes::Key)
    {
        return reading.hierarchy(function, &column, &values, catalog);
    }
    reading.filter(test, column.expr, &values, now)
}

struct Reading<'a> {
    element: &'a Element,
    source: Source<'a>,
    name: &'a str,
    operator: &'a str,
    kind: &'a Kind,
    of: Type,
}

impl<'a> Reading<'a> {
    fn filter(&self, test: Test, column: Expr, values: &[&str], now: Instant) -> Result<Filter> {
        let null = || Expr::Literal(Literal::Null);
        let negated = |is: bool, filter: Filter| if is { filter } else { Filter::Not(filter.into()) };
        Ok(match test {
            Test::Null(is) => {
                self.count(values, 0)?;
                Filter::Compare(if is { Compare::Eq } else { Compare::Ne }, column, null())
            }
            Test::Compare(compare) => {
                let [value] = self.count(values, 1)? else { return Err(self.needs("one value")) };
                Filter::Compare(compare, column, Expr::Literal(self.literal(value)?))
            }
            Test::Text(test, is) => {
                let [part] = self.count(values, 1)? else { return Err(self.needs("one value")) };
                self.check_text()?;
                if part.contains(['%', '_', '[']) {
                    return Err(self.wildcard());
                }
                negated(is, Filter::Text(test, column, text(part)))
            }
            Test::Like(is) => {
                let [pattern] = self.count(values, 1)? else { return Err(self.needs("one value")) };
                self.check_text()?;
                self.like(column, pattern, is)?
            }
            Test::Function(function) => {
                let takes = dataverse::takes(function).ok_or_else(|| self.bad("this operator is not done"))?;
                let is_day = matches!(self.of, Type::Date | Type::Instant);
                let given = match takes {
                    Takes::Choices if !matches!(self.kind, Kind::Choice(_)) => return Err(self.is_for("choices")),
                    Takes::Nothing | Takes::Day | Takes::Days if !is_day => return Err(self.is_for("dates")),
                    Takes::Key => return Err(self.bad("this operator is for hierarchies")),
                    Takes::Values | Takes::Choices => {
                        if values.is_empty() {
                            return Err(self.needs("values"));
                        }
                        Given::Values(values.iter().map(|value| self.literal(value)).collect::<Result<_>>()?)
                    }
                    Takes::Nothing => {
                        self.count(values, 0)?;
                        Given::Nothing
                    }
                    Takes::Text => {
                        let [part] = self.count(values, 1)? else { return Err(self.needs("one value")) };
                        Given::Text(Literal::Text((*part).to_owned()))
                    }
                    Takes::Day => {
                        let [day] = self.count(values, 1)? else { return Err(self.needs("one value")) };
                        Given::Day(day_of(day).ok_or_else(|| self.no("date"))?)
                    }
                    Takes::Days => {
                        let [count] = self.count(values, 1)? else { return Err(self.needs("one value")) };
                        let count = count.parse().ok().filter(|count: &i64| *count >= 0);
                        Given::Days(count.ok_or_else(|| self.no("number of so many"))?)
                    }
                };
                dataverse::condition(function, &column, self.of == Type::Date, given, now).ok_or_else(|| {
                    self.bad(&format!("the operator `{}` cannot work with these values", self.operator))
                })?
            }
        })
    }

    /// `under` and its kin.
    fn hierarchy(&self, function: &str, column: &Found<'_>, values: &[&str], catalog: &Catalog) -> Result<Filter> {
        let refused = |why: &str| {
            let what = format!("the operator `{}` of `{}`", self.operator, self.name);
            self.source.unsupported(self.element.at, &what).hint(why)
        };
        let [value] = self.count(values, 1)? else { return Err(self.needs("one value")) };
        let Literal::Guid(key) = (match self.of {
            Type::Guid => self.literal(value)?,
            _ => return Err(self.is_for("keys")),
        }) else {
            return Err(self.mismatch());
        };
        match (column.own, &column.expr) {
            (Some(table), Expr::Column(index)) => {
                dataverse::hierarchy(function, table, *index, key, catalog).map_err(|why| refused(&why))
            }
            _ => Err(refused("the column of a link that stands beside the row: put the condition into the link")),
        }
    }

    /// `valueof`: with another column.
    fn with_column(&self, test: Test, column: Expr, other: &str, find: Find<'_, '_>) -> Result<Filter> {
        let Test::Compare(compare) = test else {
            return Err(self.bad("`valueof` goes with eq, ne, gt, ge, lt and le"));
        };
        if self.element.get("value").is_some() || !self.element.children.is_empty() {
            return Err(self.bad("a condition has a value or `valueof`, not both"));
        }
        let (alias, name) = match other.split_once('.') {
            Some((alias, name)) => (Some(alias), name),
            None => (self.element.get("entityname"), other),
        };
        let other = find(self.element, alias, name)?;
        let (a, b) = (self.of, Type::of(other.kind));
        if a != b {
            return Err(self.bad(&format!("`{}` is {}, `{name}` is {}", self.name, a.name(), b.name())));
        }
        Ok(Filter::Compare(compare, column, other.expr))
    }

    fn values(&self) -> Result<Vec<&'a str>> {
        let children = self.element.children.iter().map(|child| {
            let idle = &["uiname", "uitype"];
            child.only(Allowed { idle, text: true, ..Allowed::default() }, self.source)?;
            Ok(child.text.as_str())
        });
        let mut values: Vec<_> = children.collect::<Result<_>>()?;
        match self.element.get("value") {
            Some(_) if !values.is_empty() => return Err(self.bad("a condition has `value` or elements, not both")),
            Some(value) => values.push(value),
            None => {}
        }
        Ok(values)
    }

    fn like(&self, column: Expr, pattern: &str, is: bool) -> Result<Filter> {
        let part = pattern.trim_matches('%');
        if part.contains(['%', '_', '[']) {
            return Err(self.wildcard());
        }
        let (before, after) = (pattern.starts_with('%'), pattern.ends_with('%'));
        let filter = match (before, after) {
            (true, true) => Filter::Text(TextTest::Contains, column, text(part)),
            (true, false) => Filter::Text(TextTest::EndsWith, column, text(part)),
            (false, true) => Filter::Text(TextTest::StartsWith, column, text(part)),
            (false, false) if is => return Ok(Filter::Compare(Compare::Eq, column, text(part))),
            (false, false) => {
                // As of every pattern, the negation is not met where there is no text.
                let there = Filter::Compare(Compare::Ne, column.clone(), Expr::Literal(Literal::Null));
                let other = Filter::Compare(Compare::Ne, column, text(part));
                return Ok(Filter::And(there.into(), other.into()));
            }
        };
        Ok(if is { filter } else { Filter::Not(filter.into()) })
    }

    fn literal(&self, text: &str) -> Result<Literal> {
        let bare = text.trim();
        let literal = match self.of {
            Type::Text => Some(Literal::Text(text.to_owned())),
            Type::Number => Number::parse(bare.to_owned()).map(Literal::Number),
            Type::Bool => match bare {
                "1" => Some(Literal::Bool(true)),
                "0" => Some(Literal::Bool(false)),
                _ if bare.eq_ignore_ascii_case("true") => Some(Literal::Bool(true)),
                _ if bare.eq_ignore_ascii_case("false") => Some(Literal::Bool(false)),
                _ => None,
            },
            Type::Guid => {
                let inside = bare.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
                Uuid::try_parse(inside.unwrap_or(bare)).ok().map(Literal::Guid)
            }
            Type::Date => {
                let whole = moment(bare).filter(|moment| day_of(bare).map(Instant::of_day) == Some(*moment));
                whole.and_then(|_| day_of(bare)).map(Literal::Date)
            }
            Type::Instant => moment(bare).map(Literal::Instant),
            Type::Null | Type::Time | Type::Duration => None,
        };
        literal.ok_or_else(|| self.mismatch())
    }

    /// The value itself is not repeated: it may be a patient's.
    fn mismatch(&self) -> Error {
        let error = self.bad(&format!("a value of `{}` is {}; this is none", self.name, self.of.name()));
        match self.kind {
            Kind::Choice(choice) => {
                let options: Vec<_> =
                    choice.options.iter().take(20).map(|o| format!("{} = {}", o.value, o.label)).collect();
                error.hint(format!("a choice is compared by its number: {}", options.join(", ")))
            }
            _ => error,
        }
    }

    fn count<'v>(&self, values: &'v [&'a str], count: usize) -> Result<&'v [&'a str]> {
        match values.len() == count {
            true => Ok(values),
            false if count == 0 => Err(self.needs("no value")),
            false => Err(self.needs("one value")),
        }
    }

    fn check_text(&self) -> Result<()> {
        if self.of == Type::Text { Ok(()) } else { Err(self.is_for("texts")) }
    }

    fn is_for(&self, what: &str) -> Error {
        self.bad(&format!("`{}` is for {what}, `{}` is {}", self.operator, self.name, self.of.name()))
    }

    fn needs(&self, what: &str) -> Error {
        self.bad(&format!("the operator `{}` takes {what}", self.operator))
    }

    fn no(&self, what: &str) -> Error {
        self.bad(&format!("the value of `{}` is no {what}", self.operator))
    }

    fn wildcard(&self) -> Error {
        let what = format!("a wildcard inside the value of `{}`", self.operator);
        self.source.unsupported(self.element.at, &what).hint("`%` may stand at the beginning and the end of `like`")
    }

    fn bad(&self, message: &str) -> Error {
        self.source.bad(self.element.at, &format!("{message},"))
    }
}

fn text(part: &str) -> Expr {
    Expr::Literal(Literal::Text(part.to_owned()))
}

/// A moment as FetchXML has it: with a `T` or a space between day and time; without a zone in UTC.
fn moment(text: &str) -> Option<Instant> {
    // Days of lesser precision are none of FetchXML's.
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    value::parse_date(day)?;
    if time.is_empty() { value::parse_instant(day) } else { value::parse_instant(&format!("{day}T{time}")) }
}

/// The day of a date or a moment, in UTC.
fn day_of(text: &str) -> Option<Date> {
    Some(moment(text.trim())?.utc()?.date())
}
