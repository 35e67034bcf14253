//! `$filter` and `$orderby`: conditions resolved against the tables. Paths through relations become
//! [`Filter::Related`], query functions of Dataverse the plain conditions that they stand for.

use super::dataverse::{self, Given, Takes};
use super::expression::{Context, Resolver, Source, Type};
use super::syntax::{self, Argument, Node, Operator, Segment, SegmentKind, Syntax};
use crate::model::catalog::{Relation, nearest};
use crate::model::error::{Code, Error, Result};
use crate::model::query::{Compare, Expr, Filter, Literal, Order, Quantifier, TextTest};
use crate::model::table::Table;
use crate::model::value;

/// The value of a `$filter`.
pub fn filter(source: Source<'_>, table: &Table, context: Context<'_>) -> Result<Filter> {
    let node = syntax::expression(source.text, context.limits).map_err(|e| source.syntax(e))?;
    condition(&node, source, table, context)
}

/// The value of an `$orderby`.
pub fn order_by(source: Source<'_>, table: &Table, context: Context<'_>) -> Result<Vec<Order>> {
    let items = syntax::order_by(source.text, context.limits).map_err(|e| source.syntax(e))?;
    orders(&items, source, table, context)
}

/// A condition that has been parsed as a part of `source`.
pub fn condition(node: &Node, source: Source<'_>, table: &Table, context: Context<'_>) -> Result<Filter> {
    Resolver::new(source, table, context).condition(node)
}

/// Items of an `$orderby` that have been parsed as a part of `source`.
pub fn orders(
    items: &[syntax::OrderItem],
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
) -> Result<Vec<Order>> {
    let resolver = Resolver::new(source, table, context);
    let order = |item: &syntax::OrderItem| {
        if let Some(hop) = resolver.hop(&item.by)? {
            return Err(resolver.unsupported(item.by.at, &format!("ordering by a column of `{}`", hop.navigation)));
        }
        let (by, _) = resolver.expression(&item.by)?;
        Ok(Order { by, descending: item.descending })
    };
    items.iter().map(order).collect()
}

/// A step through a relation that every path of a condition takes first.
struct Hop {
    navigation: String,
    to: Relation,
}

impl<'a> Resolver<'a> {
    fn condition(&self, node: &Node) -> Result<Filter> {
        match &node.syntax {
            Syntax::And(parts) => self.balanced(parts, Filter::And),
            Syntax::Or(parts) => self.balanced(parts, Filter::Or),
            Syntax::Not(inside) => Ok(Filter::Not(self.condition(inside)?.into())),
            Syntax::Path(path) => match self.alias(path)? {
                Some((text, resolver)) => resolver.condition(&text.parse(&resolver)?),
                None => self.leaf(node),
            },
            _ => self.leaf(node),
        }
    }

    /// A chain as a tree of logarithmic depth, in the order written.
    fn balanced(&self, parts: &[Node], join: fn(Box<Filter>, Box<Filter>) -> Filter) -> Result<Filter> {
        match parts {
            [one] => self.condition(one),
            _ => {
                let (left, right) = parts.split_at(parts.len() / 2);
                Ok(join(self.balanced(left, join)?.into(), self.balanced(right, join)?.into()))
            }
        }
    }

    /// A condition without `and`, `or`, `not` at its top.
    fn leaf(&self, node: &Node) -> Result<Filter> {
        let Some(hop) = self.hop(node)? else {
            return self.local(node);
        };
        let Relation::Lookup { table, .. } = &hop.to else {
            return self.collection(node, hop);
        };
        let target = self.related(table)?;
        let inner = Resolver { table: target, followed: self.followed + 1, ..*self }.leaf(node)?;
        Ok(through(hop, inner))
    }

    /// A leaf that speaks of columns of this table only.
    fn local(&self, node: &Node) -> Result<Filter> {
        match &node.syntax {
            Syntax::Binary(Operator::In, value, list) => self.any_of(value, list),
            Syntax::Binary(operator, left, right) => match compare(*operator) {
                Some(compare) => self.compare(compare, left, right),
                None => self.boolean(node),
            },
            Syntax::Path(path) => match path.as_slice() {
                [Segment { at, kind: SegmentKind::Name { name, arguments: Some(arguments) } }] => {
                    self.boolean_call(node, *at, name, arguments)
                }
                _ => self.boolean(node),
            },
            _ => self.boolean(node),
        }
    }

    fn boolean(&self, node: &Node) -> Result<Filter> {
        match self.expression(node)? {
            (expr, Type::Bool) => Ok(Filter::Is(expr)),
            (_, found) => Err(self.bad(node.at, &format!("a condition is expected, this is {}", found.name()))),
        }
    }

    /// `any(…)` or `all(…)` over the rows whose lookup points here.
    fn collection(&self, node: &Node, hop: Hop) -> Result<Filter> {
        let Relation::Collection { table, .. } = &hop.to else {
            return Err(self.unsupported(node.at, &format!("`{}` as a condition", hop.navigation)));
        };
        let Syntax::Path(path) = &node.syntax else {
            let what = format!("comparing with the collection `{}`", hop.navigation);
            return Err(self.unsupported(node.at, &what).hint(format!("use `{}/any(x: …)`", hop.navigation)));
        };
        let [_, Segment { kind: SegmentKind::Lambda { all, body }, .. }] = self.steps(path)? else {
            let what = format!("this use of the collection `{}`", hop.navigation);
            return Err(self.unsupported(node.at, &what).hint(format!("use `{}/any(x: …)`", hop.navigation)));
        };
        let filter = match body {
            Some((variable, condition)) => {
                let target = self.related(table)?;
                let inner = Resolver { table: target, followed: 0, variable: Some(variable), ..*self };
                Some(inner.condition(condition)?.into())
            }
            None => None,
        };
        let quantifier = if *all { Quantifier::All } else { Quantifier::Any };
        Ok(Filter::Related { navigation: hop.navigation, to: hop.to, quantifier, filter })
    }

    fn compare(&self, compare: Compare, left: &Node, right: &Node) -> Result<Filter> {
        let (mut a, a_type) = self.expression(left)?;
        let (mut b, b_type) = self.expression(right)?;
        if a_type != b_type && a_type != Type::Null && b_type != Type::Null {
            if let Expr::Literal(literal) = b {
                b = Expr::Literal(self.cast(literal, a_type, right, &a)?);
            } else if let Expr::Literal(literal) = a {
                a = Expr::Literal(self.cast(literal, b_type, left, &b)?);
            } else {
                let message = format!("{} cannot be compared with {}", a_type.name(), b_type.name());
                return Err(self.bad(left.at, &message));
            }
        }
        Ok(Filter::Compare(compare, a, b))
    }

    fn any_of(&self, value: &Node, list: &Node) -> Result<Filter> {
        let (value, value_type) = self.expression(value)?;
        if let Syntax::Path(path) = &list.syntax {
            if let Some((text, resolver)) = self.alias(path)? {
                let list = text.parse(&resolver)?;
                return Ok(Filter::In(value.clone(), resolver.literals(&list, value_type, &value)?));
            }
        }
        let literals = self.literals(list, value_type, &value)?;
        Ok(Filter::In(value, literals))
    }

    fn literals(&self, list: &Node, wanted: Type, against: &Expr) -> Result<Vec<Literal>> {
        let Syntax::List(items) = &list.syntax else {
            return Err(self.unsupported(list.at, "`in` with anything but a list of literals"));
        };
        let literal = |item: &Node| match self.expression(item)? {
            (Expr::Literal(literal), found) if found == wanted || found == Type::Null || wanted == Type::Null => {
                Ok(literal)
            }
            (Expr::Literal(literal), _) => self.cast(literal, wanted, item, against),
            _ => Err(self.unsupported(item.at, "`in` with anything but a list of literals")),
        };
        items.iter().map(literal).collect()
    }

    /// A function that gives a boolean.
    fn boolean_call(&self, node: &Node, at: usize, name: &str, arguments: &[Argument]) -> Result<Filter> {
        let test = match name.to_ascii_lowercase().as_str() {
            "contains" => TextTest::Contains,
            "startswith" => TextTest::StartsWith,
            "endswith" => TextTest::EndsWith,
            _ => match name.strip_prefix("Microsoft.Dynamics.CRM.") {
                Some(function) => return self.dataverse(at, function, arguments),
                None => return self.boolean(node),
            },
        };
        match self.positional(at, name, arguments, 2..=2)?.as_slice() {
            [text, part] => Ok(Filter::Text(test, self.typed(text, &[Type::Text])?, self.typed(part, &[Type::Text])?)),
            _ => Err(self.bad(at, "two arguments are expected")),
        }
    }

    /// `Microsoft.Dynamics.CRM.On(PropertyName='column',PropertyValue=…)`
    fn dataverse(&self, at: usize, function: &str, arguments: &[Argument]) -> Result<Filter> {
        let Some(takes) = dataverse::takes(function) else {
            let error = self.unsupported(at, &format!("the function `Microsoft.Dynamics.CRM.{function}`"));
            return Err(match nearest(function, dataverse::FUNCTIONS) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        };
        let argument = |wanted: &str| {
            let found = arguments.iter().find(|a| a.name.as_deref() == Some(wanted));
            found.map(|a| &a.value).ok_or_else(|| self.bad(at, &format!("`{function}` needs `{wanted}=…`")))
        };
        let name = argument("PropertyName")?;
        let Syntax::Text(property) = &name.syntax else {
            return Err(self.bad(name.at, "the name of a column in quotes is expected"));
        };
        let index = self.table.property(property).or_else(|| self.table.column(property));
        let index = index.ok_or_else(|| self.unknown_column(name.at, property))?;
        let (column, found) = (Expr::Column(index), Type::of(&self.table.columns[index].kind));
        if takes != Takes::Values && !matches!(found, Type::Date | Type::Instant) {
            return Err(self.bad(name.at, &format!("`{function}` is for dates, `{property}` is {}", found.name())));
        }
        let given = match takes {
            Takes::Nothing => Given::Nothing,
            Takes::Values => Given::Values(self.literals(argument("PropertyValues")?, found, &column)?),
            Takes::Day => Given::Day(self.day(argument("PropertyValue")?)?),
            Takes::Days => Given::Days(self.days(argument("PropertyValue")?)?),
        };
        dataverse::condition(function, &column, found == Type::Date, given, self.context.now)
            .ok_or_else(|| self.bad(at, &format!("`{function}` cannot work with these values")))
    }

    fn day(&self, node: &Node) -> Result<value::Date> {
        match self.typed(node, &[Type::Date, Type::Instant])? {
            Expr::Literal(Literal::Date(date)) => Ok(date),
            Expr::Literal(Literal::Instant(instant)) => Ok(instant.to_zoned(jiff::tz::TimeZone::UTC).date()),
            _ => Err(self.bad(node.at, "a date is expected")),
        }
    }

    fn days(&self, node: &Node) -> Result<i64> {
        match self.typed(node, &[Type::Number])? {
            Expr::Literal(Literal::Number(number)) => number.text().parse().ok().filter(|n| *n >= 0),
            _ => None,
        }
        .ok_or_else(|| self.bad(node.at, "a number of days is expected"))
    }

    /// The relation that all paths in a condition go through first; None = they are all of this table.
    fn hop(&self, node: &Node) -> Result<Option<Hop>> {
        let mut found: Option<Option<Hop>> = None;
        let mut pending = vec![node];
        while let Some(node) = pending.pop() {
            if let Syntax::Path(path) = &node.syntax {
                if let [Segment { kind: SegmentKind::Name { arguments: Some(arguments), .. }, .. }] = path.as_slice() {
                    pending.extend(arguments.iter().map(|a| &a.value));
                    continue;
                }
                if matches!(path.as_slice(), [Segment { kind: SegmentKind::At(_), .. }, ..]) {
                    continue;
                }
                let step = self.first_hop(path)?;
                let same = match &found {
                    Some(before) => before.as_ref().map(|h| &h.navigation) == step.as_ref().map(|h| &h.navigation),
                    None => true,
                };
                if !same {
                    return Err(self.unsupported(node.at, "a condition over columns of two tables"));
                }
                found = Some(step);
            }
            pending.extend(children(&node.syntax));
        }
        Ok(found.flatten())
    }

    fn first_hop(&self, path: &[Segment]) -> Result<Option<Hop>> {
        let [Segment { at, kind: SegmentKind::Name { name, arguments: None } }, next, ..] = self.steps(path)? else {
            return Ok(None);
        };
        if name.contains('.') {
            return Err(self.unsupported(*at, &format!("a cast to `{name}`")));
        }
        let to = match self.context.catalog.relation(self.table, name) {
            None | Some(Relation::Concept { .. }) => return Ok(None),
            Some(to) => to,
        };
        match (&to, &next.kind) {
            (_, SegmentKind::Name { arguments: None, .. }) if matches!(to, Relation::Lookup { .. }) => {}
            (Relation::Lookup { .. }, SegmentKind::Lambda { .. }) => {
                return Err(self.bad(next.at, &format!("`{name}` leads to one row, not to a collection")));
            }
            (Relation::Collection { .. }, SegmentKind::Lambda { .. }) => {}
            (Relation::Collection { .. }, SegmentKind::Name { .. }) => {
                let error = self.bad(next.at, &format!("`{name}` is a collection"));
                return Err(error.hint(format!("use `{name}/any(x: x/…)`")));
            }
            _ => return Err(self.odd_step(next)),
        }
        Ok(Some(Hop { navigation: name.clone(), to }))
    }

    fn related(&self, table: &str) -> Result<&'a Table> {
        let found = self.context.catalog.table(table);
        found.map(AsRef::as_ref).ok_or_else(|| Error::new(Code::UnknownTable, format!("there is no table `{table}`")))
    }
}

/// A condition on the row behind a lookup. Where there is no row its columns are null, so a condition that null fulfils
/// is the negation of one that it does not.
fn through(hop: Hop, inner: Filter) -> Filter {
    let related = |filter: Filter| Filter::Related {
        navigation: hop.navigation.clone(),
        to: hop.to.clone(),
        quantifier: Quantifier::One,
        filter: Some(filter.into()),
    };
    let negated = match inner {
        Filter::Not(inside) => *inside,
        Filter::Compare(Compare::Ne, a, Expr::Literal(b)) if b != Literal::Null => {
            Filter::Compare(Compare::Eq, a, Expr::Literal(b))
        }
        Filter::Compare(Compare::Eq, a, Expr::Literal(Literal::Null)) => {
            Filter::Compare(Compare::Ne, a, Expr::Literal(Literal::Null))
        }
        other => return related(other),
    };
    Filter::Not(related(negated).into())
}

fn children(syntax: &Syntax) -> Vec<&Node> {
    match syntax {
        Syntax::And(nodes) | Syntax::Or(nodes) | Syntax::List(nodes) => nodes.iter().collect(),
        Syntax::Not(node) | Syntax::Negate(node) => vec![node],
        Syntax::Binary(_, left, right) => vec![right, left],
        Syntax::Object(members) => members.iter().map(|(_, node)| node).collect(),
        Syntax::Case(branches) => branches.iter().flat_map(|(a, b)| [a, b]).collect(),
        _ => Vec::new(),
    }
}

fn compare(operator: Operator) -> Option<Compare> {
    Some(match operator {
        Operator::Eq => Compare::Eq,
        Operator::Ne => Compare::Ne,
        Operator::Lt => Compare::Lt,
        Operator::Le => Compare::Le,
        Operator::Gt => Compare::Gt,
        Operator::Ge => Compare::Ge,
        _ => return None,
    })
}
