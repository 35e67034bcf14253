//! A FetchXML with `aggregate='true'`: groups of rows, by columns of the row and of those that its lookups lead to. It asks
//! for what `$apply` does, and is answered by the same.

use std::sync::Arc;

use super::link::{self, LinkType};
use super::query::{self, Reading, Resolving, Scope, in_order};
use super::xml::{self, Allowed, Element};
use crate::model::aggregate::{Aggregation, Grouping, Method};
use crate::model::error::{Error, Result};
use crate::model::fetch::{Beside, Fetch};
use crate::model::query::{Arithmetic, Compare, Expr, Filter, Function, Joined, JoinedValue, Literal, Order, Query};
use crate::model::table::{Kind, Table};
use crate::model::value::Number;
use crate::model::widened::widened;
use crate::odata::expression::{Context, Source};

const ATTRIBUTE: Allowed<'_> = Allowed {
    read: &["name", "alias", "aggregate", "groupby", "dategrouping", "distinct"],
    idle: &["build", "addedby"],
    lacking: &["usertimezone", "rowaggregate"],
    inside: &[],
    text: false,
};
const ORDER: Allowed<'_> =
    Allowed { read: &["alias", "descending"], idle: &[], lacking: &[], inside: &[], text: false };

/// What a FetchXML asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    Rows(Box<Fetch>),
    Groups(Box<Aggregation>),
}

/// What a FetchXML asks of a table. Errors as [`query::read`] has them.
pub fn read(text: &str, table: &Arc<Table>, context: Context<'_>) -> Result<Asked> {
    let source = Source { text, target: "fetchXml" };
    let fetch = xml::parse(source, context.limits)?;
    if !fetch.flag("aggregate", source)? {
        return Ok(Asked::Rows(query::read(text, table, context)?.into()));
    }
    let entity = query::entity(&fetch, table, source, context.catalog)?;
    if fetch.get("paging-cookie").is_some_and(|cookie| !cookie.is_empty()) {
        return Err(source.unsupported(fetch.at, "a `paging-cookie` of groups").hint("ask by `page`"));
    }
    let page = query::page(&fetch, source, context)?;
    let mut links = Vec::new();
    let reading = Reading { source, context, table, by_value: fetch.flag("useraworderby", source)? };
    reading.survey(entity, table, None, &mut links)?;
    if let Some(link) = links.iter().find(|link| link.leads.is_many() || link.kind == LinkType::First) {
        return Err(source.unsupported(link.element.at, "a link to many rows under `aggregate`"));
    }
    let groups = Groups { resolving: Resolving::new(reading, &links) };
    let mut aggregation = groups.aggregation(entity)?;
    aggregation.then.count = fetch.flag("returntotalrecordcount", source)?;
    aggregation.then.top = page.is_top.then_some(page.size.into());
    aggregation.then.max_page_size = Some(page.size);
    aggregation.then.skip = page.number.saturating_sub(1).saturating_mul(page.size.into());
    Ok(Asked::Groups(aggregation.into()))
}

struct Groups<'r, 'a> {
    resolving: Resolving<'r, 'a>,
}

/// What is shown of a group, by its alias.
enum Shown {
    By(String, Expr),
    Of(String, Method, Option<Expr>),
}

impl<'a> Groups<'_, 'a> {
    fn aggregation(&self, entity: &'a Element) -> Result<Aggregation> {
        let Reading { table, context, .. } = self.resolving.reading;
        let scope = Scope { table, is_whole: true, alias: None };
        let mut filter = self.resolving.conditions(entity, scope)?;
        if let Some(filter) = &filter {
            self.resolving.check_mixed(filter, entity)?;
        }
        let mut shown = self.shown(entity, table, None)?;
        for (number, link) in self.resolving.links.iter().enumerate() {
            shown.extend(self.shown(link.element, link.leads.table, Some(number))?);
        }
        let (mut by, mut of) = (Vec::new(), Vec::new());
        for shown in shown {
            match shown {
                Shown::By(alias, expr) => by.push((alias, expr)),
                Shown::Of(alias, method, expr) => of.push((alias, method, expr)),
            }
        }
        if by.is_empty() && of.is_empty() {
            return Err(self.bad(entity, "an aggregate has attributes with `aggregate` or `groupby`"));
        }
        for condition in self.of_links()? {
            filter = Some(filter.take().map_or(condition.clone(), |filter| Filter::both(filter, condition)));
        }
        let joined = self.joined()?;
        let wide = widened(table, &joined, context.catalog)?;
        let names: Vec<String> =
            by.iter().map(|(alias, _)| alias.clone()).chain(of.iter().map(|of| of.0.clone())).collect();
        let step =
            Grouping::new(&wide, by, of).map_err(|error| self.resolving.reading.source.placed(&error, entity.at))?;
        let order = self.orders(entity, &names, &step.table)?;
        let then = Query { order, ..Query::default() };
        let of = Query { filter, joined, ..Query::default() };
        Ok(Aggregation { of, steps: vec![step], then })
    }

    /// What inner links ask of a row.
    fn of_links(&self) -> Result<Vec<Filter>> {
        let (links, _) = self.resolving.built(None)?;
        let tops = self.resolving.links.iter().enumerate().filter(|(_, planned)| planned.within.is_none());
        let conditions = tops.zip(links).filter_map(|((number, planned), link)| {
            let meets = link.meets?;
            let is_used = self.resolving.beside().iter().any(|beside| self.is_within(beside.link, number));
            // Where what it leads to is read anyhow, it is seen whether there is something.
            Some(match link.is_conditioned || !is_used {
                true => meets,
                false => {
                    let key = self.resolving.column_beside(number, planned.leads.table.key);
                    Filter::Compare(Compare::Ne, key, Expr::Literal(Literal::Null))
                }
            })
        });
        Ok(conditions.collect())
    }

    fn is_within(&self, link: usize, other: usize) -> bool {
        link == other || self.resolving.links[link].within.is_some_and(|above| self.is_within(above, other))
    }

    /// The columns beside a row's own, as values that are joined to it.
    fn joined(&self) -> Result<Vec<Joined>> {
        self.resolving.beside().into_iter().map(|Beside { link, column }| self.joined_of(link, column, None)).collect()
    }

    /// A value of a link's row, or (`inside`) one that is joined to it there.
    fn joined_of(&self, link: usize, column: usize, inside: Option<Joined>) -> Result<Joined> {
        let planned = &self.resolving.links[link];
        let scope = Scope { table: planned.leads.table, is_whole: false, alias: Some(&planned.alias) };
        let filter = self.resolving.conditions(planned.element, scope)?;
        let name = match &inside {
            Some(inside) => format!("{}/{}", planned.alias, inside.name),
            None => format!("{}/{}", planned.alias, planned.leads.table.columns[column].name),
        };
        let value = JoinedValue::Column(if inside.is_some() { planned.leads.table.columns.len() } else { column });
        let query = Query { filter, joined: inside.into_iter().collect(), ..Query::default() };
        let joined = Joined { name, to: planned.leads.to.clone(), query, value };
        match planned.within {
            Some(above) => self.joined_of(above, column, Some(joined)),
            None => Ok(joined),
        }
    }

    fn shown(&self, element: &'a Element, table: &Table, link: Option<usize>) -> Result<Vec<Shown>> {
        let Reading { source, context, .. } = self.resolving.reading;
        let mut all = Vec::new();
        for child in &element.children {
            match child.name.as_str() {
                "all-attributes" => return Err(self.bad(child, "`all-attributes` has no place in an aggregate")),
                "attribute" => {}
                _ => continue,
            }
            child.only(ATTRIBUTE, source)?;
            let column = link::column(child, child.needed("name", source)?, table, source, context.catalog)?;
            let alias = child.needed("alias", source)?;
            if !query::is_alias(alias) {
                return Err(self.bad(child, "an alias is of letters, digits and underscores"));
            }
            let value = link.map_or(Expr::Column(column), |link| self.resolving.column_beside(link, column));
            let kind = &table.columns[column].kind;
            let grouped = child.flag("groupby", source)?;
            let distinct = child.flag("distinct", source)?;
            all.push(match (child.get("aggregate"), grouped) {
                (None, true) if !distinct => Shown::By(alias.to_owned(), self.part(child, value, kind)?),
                (Some(method), false) => {
                    if child.get("dategrouping").is_some() {
                        return Err(self.bad(child, "`dategrouping` goes with `groupby`"));
                    }
                    let (method, value) = match method {
                        "count" => (Method::Rows, None),
                        "countcolumn" if distinct => (Method::Distinct, Some(value)),
                        "countcolumn" => (Method::Values, Some(value)),
                        "sum" => (Method::Sum, Some(value)),
                        "avg" => (Method::Average, Some(value)),
                        "min" => (Method::Least, Some(value)),
                        "max" => (Method::Most, Some(value)),
                        _ => return Err(self.bad(child, "`aggregate` is count, countcolumn, sum, avg, min or max")),
                    };
                    if distinct && method != Method::Distinct {
                        return Err(source.unsupported(child.at, "`distinct` of anything but countcolumn"));
                    }
                    Shown::Of(alias.to_owned(), method, value)
                }
                _ => return Err(self.bad(child, "an attribute of an aggregate has either `aggregate` or `groupby`")),
            });
        }
        Ok(all)
    }

    /// What rows are grouped by: a value, or a part of a date, in UTC.
    fn part(&self, element: &Element, value: Expr, kind: &Kind) -> Result<Expr> {
        let Some(part) = element.get("dategrouping") else { return Ok(value) };
        if !matches!(kind, Kind::Date | Kind::DateTime) {
            return Err(self.bad(element, "`dategrouping` is for dates"));
        }
        let of = |function, value| Expr::Call(function, vec![value]);
        Ok(match part {
            "day" => of(Function::Day, value),
            "month" => of(Function::Month, value),
            "year" => of(Function::Year, value),
            "quarter" => {
                // Months 1 to 3 are the first.
                let number = |text: &'static str| {
                    Box::new(Expr::Literal(Number::parse(text).map_or(Literal::Null, Literal::Number)))
                };
                let third = Expr::Arithmetic(Arithmetic::Add, of(Function::Month, value).into(), number("2"));
                of(Function::Floor, Expr::Arithmetic(Arithmetic::Div, third.into(), number("3")))
            }
            "week" | "fiscal-period" | "fiscal-year" => {
                let what = format!("`dategrouping` by {part}");
                let error = self.resolving.reading.source.unsupported(element.at, &what);
                return Err(error.hint("there are day, month, quarter and year"));
            }
            _ => {
                let error = self.bad(element, "there is no such `dategrouping`");
                return Err(error.hint("there are day, month, quarter and year"));
            }
        })
    }

    /// By aliases, those of links after those of the row.
    fn orders(&self, entity: &Element, names: &[String], table: &Table) -> Result<Vec<Order>> {
        let Reading { source, by_value, .. } = self.resolving.reading;
        let elements = std::iter::once(entity).chain(self.resolving.links.iter().map(|link| link.element));
        let mut orders = Vec::new();
        for child in elements.flat_map(|element| &element.children).filter(|child| child.name == "order") {
            child.only(ORDER, source)?;
            let alias = child.needed("alias", source)?;
            let column = names.iter().position(|name| name == alias);
            let column =
                column.ok_or_else(|| self.bad(child, &format!("there is no attribute of the alias `{alias}`")))?;
            let by = in_order(Expr::Column(column), &table.columns[column].kind, by_value);
            let what = "ordering by a lookup, which goes by the names of its rows,";
            let by = by.ok_or_else(|| source.unsupported(child.at, what))?;
            orders.push(Order { by, descending: child.flag("descending", source)? });
        }
        Ok(orders)
    }

    fn bad(&self, element: &Element, message: &str) -> Error {
        self.resolving.reading.bad(element, message)
    }
}

#[cfg(test)]
mod tests;
