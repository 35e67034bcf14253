//! `$filter` and `$orderby`: conditions resolved against the tables. Paths through relations become
//! [`Filter::Related`], query functions of Dataverse the plain conditions that they stand for.

use std::cell::{Cell, RefCell};

use super::dataverse::{self, Given, Takes};
use super::expression::{Context, Outer, Resolver, Source, Type};
use super::syntax::{self, Argument, Node, Operator, Segment, SegmentKind, Syntax};
use super::truth;
use crate::model::catalog::{Relation, nearest};
use crate::model::error::Result;
use crate::model::query::{Compare, Expr, Filter, Joined, Literal, Order, Quantifier, TextTest};
use crate::model::table::Table;
use crate::model::value;

/// The value of a `$filter`. `joined`: values of related rows that the expressions of a query use; more are added.
pub fn filter(
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
) -> Result<Filter> {
    let node = syntax::expression(source.text, context.limits).map_err(|e| source.syntax(e))?;
    condition(&node, source, table, context, joined)
}

/// The value of an `$orderby`.
pub fn order_by(
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
) -> Result<Vec<Order>> {
    let items = syntax::order_by(source.text, context.limits).map_err(|e| source.syntax(e))?;
    orders(&items, source, table, context, joined)
}

/// A condition that has been parsed as a part of `source`.
pub fn condition(
    node: &Node,
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
) -> Result<Filter> {
    Resolver::new(source, table, context, &Cell::new(0), joined).condition(node)
}

/// Items of an `$orderby` that have been parsed as a part of `source`.
pub fn orders(
    items: &[syntax::OrderItem],
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
) -> Result<Vec<Order>> {
    let expanded = Cell::new(0);
    let resolver = Resolver::new(source, table, context, &expanded, joined);
    let order = |item: &syntax::OrderItem| {
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

impl Resolver<'_> {
    pub(crate) fn condition(&self, node: &Node) -> Result<Filter> {
        match &node.syntax {
            Syntax::And(parts) => self.balanced(parts, Filter::And),
            Syntax::Or(parts) => self.balanced(parts, Filter::Or),
            Syntax::Not(inside) => {
                let inside = self.condition(inside)?;
                Ok(if leads_to_one(&inside) { negated(inside) } else { Filter::Not(inside.into()) })
            }
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
        if self.flat || (has_condition_as_value(node) && !is_compared_with_truth(node)) {
            return Resolver { flat: true, ..*self }.local(node);
        }
        let Some(hop) = self.hop(node)? else {
            return self.local(node);
        };
        let Relation::Lookup { table, .. } = &hop.to else {
            return self.collection(node, hop);
        };
        let target = self.related(node.at, table)?;
        let joined = RefCell::default();
        let (followed, hops) = (self.followed + 1, self.hops + 1);
        let inner = Resolver { table: target, followed, hops, joined: &joined, ..*self }.leaf(node)?;
        Ok(through(hop, inner, joined.into_inner()))
    }

    /// A leaf that speaks of columns of this table only.
    fn local(&self, node: &Node) -> Result<Filter> {
        match &node.syntax {
            Syntax::Binary(Operator::In, value, list) => self.any_of(value, list),
            Syntax::Binary(operator, left, right) => match compare(*operator) {
                Some(compare) => match self.truth(compare, left, right)? {
                    Some(filter) => Ok(filter),
                    None => self.compare(compare, left, right),
                },
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
            (Expr::Condition(condition), _) => Ok(*condition),
            (expr, Type::Bool) => Ok(Filter::Is(expr)),
            (_, found) => Err(self.bad(node.at, &format!("a condition is expected, this is {}", found.name()))),
        }
    }

    /// `any(…)` or `all(…)` over the rows whose lookup points here.
    fn collection(&self, node: &Node, hop: Hop) -> Result<Filter> {
        let Relation::Collection { table, column: back } = &hop.to else {
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
        let joined = RefCell::default();
        let filter = match body {
            Some((variable, condition)) => {
                let target = self.related(node.at, table)?;
                let outer = Some(Outer { resolver: self, back: *back });
                let (variable, hops) = (Some(variable.as_str()), self.hops + 1);
                let inner = Resolver { table: target, followed: 0, variable, outer, hops, joined: &joined, ..*self };
                Some(inner.condition(condition)?.into())
            }
            None => None,
        };
        let quantifier = if *all { Quantifier::All } else { Quantifier::Any };
        let joined = joined.into_inner();
        Ok(Filter::Related { navigation: hop.navigation, to: hop.to, quantifier, filter, joined })
    }

    /// A condition compared with `true` or `false`: `contains(…) eq true`.
    fn truth(&self, compare: Compare, left: &Node, right: &Node) -> Result<Option<Filter>> {
        let (condition, value) = match (&left.syntax, &right.syntax) {
            (condition, Syntax::Bool(value)) if is_condition(condition) => (left, *value),
            (Syntax::Bool(value), condition) if is_condition(condition) => (right, *value),
            _ => return Ok(None),
        };
        let is = || Ok(truth::is(self.condition(condition)?, value));
        match compare {
            Compare::Eq => is().map(Some),
            Compare::Ne => Ok(Some(Filter::Not(is()?.into()))),
            _ => Ok(None),
        }
    }

    fn compare(&self, compare: Compare, left: &Node, right: &Node) -> Result<Filter> {
        if let Some(size) = unbounded(right) {
            return self.compare_unbounded(compare, left, size);
        }
        if let Some(size) = unbounded(left) {
            let turned = match compare {
                Compare::Lt => Compare::Gt,
                Compare::Le => Compare::Ge,
                Compare::Gt => Compare::Lt,
                Compare::Ge => Compare::Le,
                same => same,
            };
            return self.compare_unbounded(turned, right, size);
        }
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

    /// With a number that no value is: larger than all (`INF`), smaller than all, or neither (`NaN`).
    fn compare_unbounded(&self, compare: Compare, value: &Node, size: Option<bool>) -> Result<Filter> {
        if let Some(other) = unbounded(value) {
            let (a, b) = (i8::from(other == Some(true)), i8::from(size == Some(true)));
            let is_number = other.is_some() && size.is_some();
            let holds = match compare {
                Compare::Eq => is_number && a == b,
                Compare::Ne => !is_number || a != b,
                Compare::Lt => is_number && a < b,
                Compare::Le => is_number && a <= b,
                Compare::Gt => is_number && a > b,
                Compare::Ge => is_number && a >= b,
            };
            return Ok(Filter::Is(Expr::Literal(Literal::Bool(holds))));
        }
        let value = self.typed(value, &[Type::Number])?;
        // Null for null: what is no larger than itself is there.
        let of_all = |holds: bool| {
            let with_itself = if holds { Compare::Le } else { Compare::Lt };
            Filter::Compare(with_itself, value.clone(), value.clone())
        };
        Ok(match (compare, size) {
            (Compare::Eq, _) => Filter::Is(Expr::Literal(Literal::Bool(false))),
            (Compare::Ne, _) => Filter::Is(Expr::Literal(Literal::Bool(true))),
            (Compare::Lt | Compare::Le, size) => of_all(size == Some(true)),
            (Compare::Gt | Compare::Ge, size) => of_all(size == Some(false)),
        })
    }

    pub(crate) fn text_test(&self, name: &str, text: &Node, part: &Node) -> Result<Filter> {
        let test = match name.to_ascii_lowercase().as_str() {
            "contains" => TextTest::Contains,
            "startswith" => TextTest::StartsWith,
            _ => TextTest::EndsWith,
        };
        Ok(Filter::Text(test, self.typed(text, &[Type::Text])?, self.typed(part, &[Type::Text])?))
    }

    fn any_of(&self, value: &Node, list: &Node) -> Result<Filter> {
        let (value, value_type) = self.expression(value)?;
        if let Syntax::Path(path) = &list.syntax
            && let Some((text, resolver)) = self.alias(path)?
        {
            let list = text.parse(&resolver)?;
            return Ok(Filter::In(value.clone(), resolver.literals(&list, value_type, &value)?));
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
        match name.strip_prefix("Microsoft.Dynamics.CRM.") {
            Some(function) => self.dataverse(at, function, arguments),
            None => self.boolean(node),
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
            Expr::Literal(Literal::Instant(instant)) => {
                instant.utc().map(|utc| utc.date()).ok_or_else(|| self.bad(node.at, "the date is out of range"))
            }
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

    /// The relation that all paths in a condition go through first. None: they are of this table, or of several, whose
    /// values are then joined to the row.
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
                // The name of a type, of `cast` and `isof`.
                if matches!(path.as_slice(), [Segment { kind: SegmentKind::Name { name, .. }, .. }] if name.contains('.'))
                {
                    continue;
                }
                let step = if self.is_outer(path) { None } else { self.first_hop(path)? };
                let same = match &found {
                    Some(before) => before.as_ref().map(|h| &h.navigation) == step.as_ref().map(|h| &h.navigation),
                    None => true,
                };
                if !same {
                    return Ok(None);
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
            // A number that stands beside the row.
            (Relation::Collection { .. }, SegmentKind::CountOf(_)) => return Ok(None),
            (Relation::Collection { .. }, SegmentKind::Dollar(count)) if count == "count" => return Ok(None),
            (Relation::Collection { .. }, SegmentKind::Filter(_)) => return Ok(None),
            (Relation::Collection { .. }, SegmentKind::Name { .. }) => {
                let error = self.bad(next.at, &format!("`{name}` is a collection"));
                return Err(error.hint(format!("use `{name}/any(x: x/…)`")));
            }
            _ => return Err(self.odd_step(next)),
        }
        Ok(Some(Hop { navigation: name.clone(), to }))
    }
}

/// `INF`: true, `-INF`: false, `NaN`: neither.
fn unbounded(node: &Node) -> Option<Option<bool>> {
    match &node.syntax {
        Syntax::Number(text) if text == "NaN" => Some(None),
        Syntax::Number(text) if text == "INF" => Some(Some(true)),
        Syntax::Number(text) if text == "-INF" => Some(Some(false)),
        _ => None,
    }
}

/// Whether a value in this condition is what another one says. Those answer where everything is null, so such a condition
/// is evaluated beside the row, not behind a lookup.
fn has_condition_as_value(node: &Node) -> bool {
    let is_condition = |node: &Node| match &node.syntax {
        Syntax::And(_) | Syntax::Or(_) | Syntax::Not(_) | Syntax::Case(_) => true,
        Syntax::Binary(operator, ..) => compare(*operator).is_some() || *operator == Operator::In,
        Syntax::Path(path) => path.iter().any(|segment| match &segment.kind {
            SegmentKind::Lambda { .. } => true,
            SegmentKind::Name { name, arguments: Some(_) } => {
                let tests = ["contains", "startswith", "endswith", "isof"];
                tests.iter().any(|test| name.eq_ignore_ascii_case(test)) || name.contains('.')
            }
            _ => false,
        }),
        _ => false,
    };
    let mut pending: Vec<&Node> = inside(node);
    if let Syntax::Path(path) = &node.syntax
        && let [Segment { kind: SegmentKind::Name { name, arguments: Some(_) }, .. }] = path.as_slice()
        && name.eq_ignore_ascii_case("isof")
    {
        return true;
    }
    while let Some(node) = pending.pop() {
        if is_condition(node) {
            return true;
        }
        pending.extend(inside(node));
    }
    matches!(node.syntax, Syntax::Case(_))
}

/// Whether a condition is compared with `true` or `false`, which [`truth`] says without it as a value.
fn is_compared_with_truth(node: &Node) -> bool {
    let Syntax::Binary(Operator::Eq | Operator::Ne, left, right) = &node.syntax else { return false };
    let condition = match (&left.syntax, &right.syntax) {
        (condition, Syntax::Bool(_)) if is_condition(condition) => left,
        (Syntax::Bool(_), condition) if is_condition(condition) => right,
        _ => return false,
    };
    let mut pending = vec![&**condition];
    while let Some(node) = pending.pop() {
        match &node.syntax {
            Syntax::And(_) | Syntax::Or(_) | Syntax::Not(_) => pending.extend(inside(node)),
            _ if has_condition_as_value(node) || has_lambda(node) => return false,
            _ => {}
        }
    }
    true
}

/// Whether a condition is one on a collection.
fn has_lambda(node: &Node) -> bool {
    let is_lambda = |segment: &Segment| matches!(segment.kind, SegmentKind::Lambda { .. });
    matches!(&node.syntax, Syntax::Path(path) if path.iter().any(is_lambda))
}

/// The parts of a condition or value, arguments of functions too.
fn inside(node: &Node) -> Vec<&Node> {
    match &node.syntax {
        Syntax::Path(path) => match path.as_slice() {
            [Segment { kind: SegmentKind::Name { arguments: Some(arguments), .. }, .. }] => {
                arguments.iter().map(|argument| &argument.value).collect()
            }
            _ => Vec::new(),
        },
        syntax => children(syntax),
    }
}

/// A condition on the row behind a lookup. Where there is no row its columns are null, so a condition that null fulfils
/// is the negation of one that it does not.
fn through(hop: Hop, inner: Filter, joined: Vec<Joined>) -> Filter {
    let related = |filter: Filter| Filter::Related {
        navigation: hop.navigation.clone(),
        to: hop.to.clone(),
        quantifier: Quantifier::One,
        filter: Some(filter.into()),
        joined: joined.clone(),
    };
    match of_nulls(&inner) {
        Some(true) => Filter::Not(related(negated(inner)).into()),
        _ => related(inner),
    }
}

/// `not`. What a lookup leads to is known by the keys of its rows, which cannot tell false from null: there `not` is put
/// behind the lookup, where the columns are.
fn negated(filter: Filter) -> Filter {
    let boxed = |filter: Box<Filter>| Box::new(negated(*filter));
    match filter {
        Filter::Not(inner) => *inner,
        Filter::And(a, b) if leads_to_one(&a) || leads_to_one(&b) => Filter::Or(boxed(a), boxed(b)),
        Filter::Or(a, b) if leads_to_one(&a) || leads_to_one(&b) => Filter::And(boxed(a), boxed(b)),
        Filter::Compare(Compare::Eq, a, b) => Filter::Compare(Compare::Ne, a, b),
        Filter::Compare(Compare::Ne, a, b) => Filter::Compare(Compare::Eq, a, b),
        Filter::Related { navigation, to, quantifier: Quantifier::One, filter: Some(inner), joined }
            if of_nulls(&inner).is_none() =>
        {
            Filter::Related { navigation, to, quantifier: Quantifier::One, filter: Some(boxed(inner)), joined }
        }
        other => Filter::Not(other.into()),
    }
}

/// Whether a condition on a row behind a lookup is among its parts.
fn leads_to_one(filter: &Filter) -> bool {
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => leads_to_one(a) || leads_to_one(b),
        Filter::Not(inner) => leads_to_one(inner),
        Filter::Related { quantifier, .. } => *quantifier == Quantifier::One,
        _ => false,
    }
}

/// What a condition says where all columns are null; None = null.
fn of_nulls(filter: &Filter) -> Option<bool> {
    match filter {
        Filter::And(a, b) => match (of_nulls(a), of_nulls(b)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Filter::Or(a, b) => match (of_nulls(a), of_nulls(b)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Filter::Not(inner) => of_nulls(inner).map(|value| !value),
        Filter::Compare(Compare::Eq, a, b) => Some(is_null(a) == is_null(b)),
        Filter::Compare(Compare::Ne, a, b) => Some(is_null(a) != is_null(b)),
        Filter::Compare(..) | Filter::Text(..) | Filter::Is(_) => None,
        Filter::In(of, list) => Some(is_null(of) && list.contains(&Literal::Null)),
        Filter::Related { quantifier: Quantifier::One, filter, .. } => of_nulls(filter.as_deref()?),
        Filter::Among(_) => Some(false),
        // No row points to a row that is not there.
        Filter::Related { quantifier, .. } => Some(*quantifier == Quantifier::All),
    }
}

/// Whether a value is null where all columns are: every function of null is.
fn is_null(of: &Expr) -> bool {
    match of {
        Expr::Column(_) | Expr::Leading(..) => true,
        Expr::Literal(literal) => *literal == Literal::Null,
        Expr::Call(_, arguments) => arguments.iter().any(is_null),
        Expr::Arithmetic(_, a, b) => is_null(a) || is_null(b),
        Expr::Negate(inner) => is_null(inner),
        // They are never behind a lookup.
        Expr::Condition(_) | Expr::Case(_) => false,
    }
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

/// What is no value, but true, false or null.
fn is_condition(syntax: &Syntax) -> bool {
    match syntax {
        Syntax::And(_) | Syntax::Or(_) | Syntax::Not(_) | Syntax::Binary(Operator::In, ..) => true,
        Syntax::Binary(operator, ..) => compare(*operator).is_some(),
        Syntax::Path(path) => match path.as_slice() {
            [Segment { kind: SegmentKind::Name { name, arguments: Some(_) }, .. }] => {
                let tests = ["contains", "startswith", "endswith"];
                tests.iter().any(|test| test.eq_ignore_ascii_case(name)) || name.starts_with("Microsoft.Dynamics.CRM.")
            }
            _ => false,
        },
        _ => false,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::sample::{self, GUID};
    use super::*;
    use crate::model::limits::Limits;

    /// The condition as text, or code, message and hint of the refusal.
    fn resolve(text: &str, table: &str) -> Result<String, String> {
        let catalog = sample::catalog();
        let aliases = BTreeMap::from([
            ("five".to_owned(), "5".to_owned()),
            ("both".to_owned(), "(1,2)".to_owned()),
            ("list".to_owned(), "[1,2]".to_owned()),
            ("again".to_owned(), "@five".to_owned()),
            ("cond".to_owned(), "msemr_count eq 7".to_owned()),
        ]);
        let limits = Limits::default();
        let context = Context { catalog: &catalog, limits: &limits, aliases: &aliases, now: sample::now() };
        let table = catalog.table(table).unwrap();
        let joined = RefCell::default();
        match filter(Source { text, target: "$filter" }, table, context, &joined) {
            Ok(filter) => Ok(sample::show_with(&filter, &joined.borrow(), table, &catalog)),
            Err(e) => Err(format!("{e}")),
        }
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(resolve(text, "msemr_observation").as_deref(), Ok(expected), "{text}");
    }

    fn refused(text: &str, expected: &str) {
        let error = resolve(text, "msemr_observation").expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }

    #[test]
    fn literals_take_the_type_of_their_column() {
        check("msemr_name eq 'O''Neil'", "msemr_name eq 'O'Neil'");
        check("msemr_status eq 935000001", "msemr_status eq 935000001");
        check("msemr_value gt -1.50", "msemr_value gt -1.50");
        check("msemr_value gt +007", "msemr_value gt 7");
        check("msemr_value eq 0.5", "msemr_value eq 0.5");
        check("5 lt msemr_count", "5 lt msemr_count");
        check("msemr_count eq '5'", "msemr_count eq 5");
        check("msemr_issued ge 2020-01-31", "msemr_issued ge at:2020-01-31T00:00:00Z");
        check("msemr_issued ge 2020-01-31T10:00:00+02:00", "msemr_issued ge at:2020-01-31T08:00:00Z");
        check("msemr_issued ge '2020-01-31T10:00:00Z'", "msemr_issued ge at:2020-01-31T10:00:00Z");
        check("msemr_onset eq 2015-02-07", "msemr_onset eq '2015-02-07'");
        check("msemr_onset eq '2015'", "msemr_onset eq '2015'");
        for guid in [GUID.to_owned(), format!("'{GUID}'"), format!("guid'{GUID}'")] {
            check(&format!("_msemr_patient_value eq {guid}"), &format!("_msemr_patient_value eq guid:{GUID}"));
        }
        check("msemr_name ne null", "msemr_name ne null");
        check("msemr_patient eq null", "_msemr_patient_value eq null");
        assert_eq!(
            resolve("birthdate eq 1970-05-17T00:00:00Z", "contact").as_deref(),
            Ok("birthdate eq date:1970-05-17")
        );
        assert_eq!(resolve("active", "contact").as_deref(), Ok("active"));
        assert_eq!(
            resolve("not active and active eq true", "contact").as_deref(),
            Ok("((not active) and active eq true)")
        );
    }

    #[test]
    fn functions_and_arithmetic() {
        check("contains(tolower(msemr_name),'x')", "Contains(ToLower(msemr_name),'x')");
        check("StartsWith(msemr_name,'x')", "StartsWith(msemr_name,'x')");
        check("length(msemr_name) gt 3", "Length(msemr_name) gt 3");
        check("substring(msemr_name,1,2) eq 'ab'", "Substring(msemr_name,1,2) eq 'ab'");
        check("year(msemr_issued) eq 2020", "Year(msemr_issued) eq 2020");
        check("date(msemr_issued) eq 2020-01-01", "Date(msemr_issued) eq date:2020-01-01");
        check("msemr_issued lt now()", "msemr_issued lt at:2026-03-15T12:30:00Z");
        check("msemr_value add 2 mul 3 ge -msemr_count", "(msemr_value Add (2 Mul 3)) ge -(msemr_count)");
        check("round(msemr_value) eq 5", "Round(msemr_value) eq 5");
        check("msemr_count in (1,2)", "msemr_count in (1,2)");
        check("msemr_name in [\"a\",'b',null]", "msemr_name in ('a','b',null)");
        check("msemr_count in ()", "msemr_count in ()");
    }

    #[test]
    fn conditions_are_compared_with_true_and_false() {
        let contains = "Contains(msemr_name,'x')";
        check("contains(msemr_name,'x') eq true", &format!("({contains} and msemr_name ne null)"));
        check("true eq contains(msemr_name,'x')", &format!("({contains} and msemr_name ne null)"));
        check("contains(msemr_name,'x') eq false", &format!("((not {contains}) and msemr_name ne null)"));
        check("contains(msemr_name,'x') ne true", &format!("(not ({contains} and msemr_name ne null))"));
        check("(msemr_count gt 1) eq false", "((not msemr_count gt 1) and msemr_count ne null)");
        check(
            "(msemr_count eq 1 or not (msemr_count lt 0)) eq true",
            "(msemr_count eq 1 or ((not msemr_count lt 0) and msemr_count ne null))",
        );
        check("(msemr_count in (1,2)) eq false", "(not msemr_count in (1,2))");
        check(
            "startswith(msemr_patient/fullname,'x') eq true",
            "msemr_patient.One[(StartsWith(fullname,'x') and fullname ne null)]",
        );
        check(
            "startswith(msemr_patient/fullname,'x') ne true",
            "(not msemr_patient.One[(StartsWith(fullname,'x') and fullname ne null)])",
        );
        check(
            "Microsoft.Dynamics.CRM.In(PropertyName='msemr_count',PropertyValues=['1']) eq true",
            "msemr_count in (1)",
        );
    }

    #[test]
    fn aliases_stand_for_their_values() {
        check("msemr_count eq @five", "msemr_count eq 5");
        check("msemr_count eq @none", "msemr_count eq null");
        check("msemr_count in @list", "msemr_count in (1,2)");
        check("@cond", "msemr_count eq 7");
        refused("msemr_count eq @again", "NotSupported: an alias inside");
    }

    #[test]
    fn relations_become_conditions_on_their_rows() {
        check("msemr_patient/fullname eq 'x'", "msemr_patient.One[fullname eq 'x']");
        check("contains(msemr_patient/fullname,'x')", "msemr_patient.One[Contains(fullname,'x')]");
        check("msemr_patient/active", "msemr_patient.One[active]");
        check("$it/msemr_patient/fullname in ('x')", "msemr_patient.One[fullname in ('x')]");
        check(&format!("msemr_patient/contactid eq {GUID}"), &format!("msemr_patient.One[contactid eq guid:{GUID}]"));
        // What null fulfils holds also where there is no row.
        check("msemr_patient/fullname ne 'x'", "(not msemr_patient.One[fullname eq 'x'])");
        check("msemr_patient/fullname eq null", "(not msemr_patient.One[fullname ne null])");
        check("msemr_patient/fullname ne null", "msemr_patient.One[fullname ne null]");
        check("msemr_code/msemr_name eq 'x'", "msemr_code_display eq 'x'");
        let collection = "msemr_observation_msemr_patient";
        let many = |text: &str, expected: &str| {
            let (text, expected) = (text.replace('*', collection), expected.replace('*', collection));
            assert_eq!(resolve(&text, "contact"), Ok(expected), "{text}");
        };
        many("*/any()", "*.Any[]");
        many("*/any(o:o/msemr_count gt 5 or o/msemr_name eq 'x')", "*.Any[(msemr_count gt 5 or msemr_name eq 'x')]");
        many("not */all(o:o/msemr_count gt 5)", "(not *.All[msemr_count gt 5])");
        many("*/any(o:o/msemr_patient/active)", "*.Any[msemr_patient.One[active]]");
        check(
            "msemr_patient/msemr_observation_msemr_patient/any(o:o/msemr_count eq 1)",
            "msemr_patient.One[msemr_observation_msemr_patient.Any[msemr_count eq 1]]",
        );
    }

    #[test]
    fn what_a_condition_says_is_a_value() {
        check("(msemr_count eq 1) eq (msemr_name eq 'x')", "(msemr_count eq 1) eq (msemr_name eq 'x')");
        check(
            "(msemr_count gt 1 and not (msemr_count gt 5)) ne null",
            "((msemr_count gt 1 and (not msemr_count gt 5))) ne null",
        );
        check("(contains(msemr_name,'x'))", "Contains(msemr_name,'x')");
        // Behind a lookup they answer where there is no row, so they are evaluated beside the row.
        check(
            "(msemr_patient/active eq null) eq (msemr_count eq 1)",
            "(joined:0 eq null) eq (msemr_count eq 1) with msemr_patient/active",
        );
        check("case(msemr_count gt 1:'a',true:'b') eq 'a'", "case(msemr_count gt 1:'a',true:'b') eq 'a'");
        check("case(msemr_count gt 1:msemr_value,true:'2') gt 1", "case(msemr_count gt 1:msemr_value,true:2) gt 1");
        check("isof(msemr_count,Edm.Int32)", "msemr_count ne null");
        check("isof(msemr_count,Edm.Decimal)", "false");
        let many = "msemr_observation_msemr_patient/any(o:o/msemr_count gt 1) eq true";
        let expected = "((joined:0 ne 0 and joined:0 ne null)) eq true with msemr_observation_msemr_patient/$count($filter=…)[msemr_count gt 1]";
        assert_eq!(resolve(many, "contact").as_deref(), Ok(expected));
        refused("case(msemr_count gt 1:'a',true:5) eq 'a'", "a text is expected");
    }

    #[test]
    fn times_and_durations() {
        check("time(msemr_issued) ge 10:30", "Time(msemr_issued) ge time:10:30:00");
        check("hour(time(msemr_issued)) eq 7", "Hour(Time(msemr_issued)) eq 7");
        check("fractionalseconds(msemr_issued) gt 0.5", "FractionalSeconds(msemr_issued) gt 0.5");
        check("totaloffsetminutes(msemr_issued) eq 0", "TotalOffsetMinutes(msemr_issued) eq 0");
        check("msemr_issued sub duration'P1D' gt now()", "(msemr_issued Sub duration:P1D) gt at:2026-03-15T12:30:00Z");
        check(
            "now() sub msemr_issued lt -duration'PT1H'",
            "(at:2026-03-15T12:30:00Z Sub msemr_issued) lt -(duration:PT1H)",
        );
        check(
            "totalseconds(now() sub msemr_issued) gt 5",
            "TotalSeconds((at:2026-03-15T12:30:00Z Sub msemr_issued)) gt 5",
        );
        check("duration'PT1H' mul 2 eq 'PT2H'", "(duration:PT1H Mul 2) eq duration:PT2H");
        refused("msemr_issued add msemr_issued gt now()", "a number is expected");
        refused("msemr_issued add 5 gt now()", "a number is expected, this is a date-time");
        refused("msemr_issued gt duration'P1D'", "a date-time is expected, this is a duration");
        refused("time(msemr_issued) gt 25:00", "BadFilter");
    }

    #[test]
    fn casts_and_numbers_beyond_all() {
        check("cast(msemr_count,Edm.String) eq '1'", "Cast(Text)(msemr_count) eq '1'");
        check("cast(msemr_name,Edm.Int32) gt 1", "Cast(Int32)(msemr_name) gt 1");
        check("cast(msemr_patient/fullname,Edm.Int32) gt 1", "msemr_patient.One[Cast(Int32)(fullname) gt 1]");
        check("msemr_count divby 2 eq 1", "(msemr_count DivBy 2) eq 1");
        check("msemr_count lt INF", "msemr_count le msemr_count");
        check("-INF ge msemr_count", "msemr_count lt msemr_count");
        check("msemr_count ne NaN", "true");
        check("msemr_count eq INF", "false");
        check("NaN eq NaN", "false");
        refused("cast(msemr_issued,Edm.Int32) eq 1", "NotSupported: a cast of a date-time to Edm.Int32");
        refused("cast(msemr_count,Edm.Double) eq 1", "NotSupported: `cast` with the type `Edm.Double`");
        refused("msemr_count add INF gt 1", "NotSupported: the number `INF`");
    }

    #[test]
    fn functions_of_dataverse_are_plain_conditions() {
        let check = |text: &str, expected: &str| check(&format!("Microsoft.Dynamics.CRM.{text}"), expected);
        check("In(PropertyName='msemr_count',PropertyValues=['1','2'])", "msemr_count in (1,2)");
        check(
            "Between(PropertyName='msemr_count',PropertyValues=[\"1\",\"2\"])",
            "(msemr_count ge 1 and msemr_count le 2)",
        );
        check(
            "On(PropertyName='msemr_issued',PropertyValue=2020-02-29)",
            "(msemr_issued ge at:2020-02-29T00:00:00Z and msemr_issued lt at:2020-03-01T00:00:00Z)",
        );
        check(
            "OnOrAfter(PropertyName='msemr_issued',PropertyValue='2020-02-29')",
            "msemr_issued ge at:2020-02-29T00:00:00Z",
        );
        check(
            "OnOrBefore(PropertyName='msemr_issued',PropertyValue=2020-02-29)",
            "msemr_issued lt at:2020-03-01T00:00:00Z",
        );
        check(
            "Today(PropertyName='msemr_issued')",
            "(msemr_issued ge at:2026-03-15T00:00:00Z and msemr_issued lt at:2026-03-16T00:00:00Z)",
        );
        check(
            "LastXDays(PropertyName='msemr_issued',PropertyValue=7)",
            "(msemr_issued ge at:2026-03-08T00:00:00Z and msemr_issued le at:2026-03-15T12:30:00Z)",
        );
        // The fifteenth of March 2026 is a Sunday.
        let spans = [
            ("ThisWeek", "2026-03-15", "2026-03-22"),
            ("LastWeek", "2026-03-08", "2026-03-15"),
            ("NextWeek", "2026-03-22", "2026-03-29"),
            ("ThisMonth", "2026-03-01", "2026-04-01"),
            ("LastMonth", "2026-02-01", "2026-03-01"),
            ("NextMonth", "2026-04-01", "2026-05-01"),
            ("ThisYear", "2026-01-01", "2027-01-01"),
            ("LastYear", "2025-01-01", "2026-01-01"),
            ("NextYear", "2027-01-01", "2028-01-01"),
        ];
        for (function, first, next) in spans {
            check(
                &format!("{function}(PropertyName='msemr_issued')"),
                &format!("(msemr_issued ge at:{first}T00:00:00Z and msemr_issued lt at:{next}T00:00:00Z)"),
            );
        }
        let now = "at:2026-03-15T12:30:00Z";
        let relative = [
            (
                "Last7Days(PropertyName='msemr_issued')",
                format!("(msemr_issued ge at:2026-03-08T00:00:00Z and msemr_issued le {now})"),
            ),
            (
                "LastXHours(PropertyName='msemr_issued',PropertyValue=2)",
                format!("(msemr_issued ge at:2026-03-15T10:30:00Z and msemr_issued le {now})"),
            ),
            (
                "NextXHours(PropertyName='msemr_issued',PropertyValue=2)",
                format!("(msemr_issued ge {now} and msemr_issued le at:2026-03-15T14:30:00Z)"),
            ),
            (
                "LastXMonths(PropertyName='msemr_issued',PropertyValue=1)",
                format!("(msemr_issued ge at:2026-02-15T00:00:00Z and msemr_issued le {now})"),
            ),
            (
                "NextXYears(PropertyName='msemr_issued',PropertyValue=1)",
                format!("(msemr_issued ge {now} and msemr_issued lt at:2027-03-16T00:00:00Z)"),
            ),
            (
                "OlderThanXWeeks(PropertyName='msemr_issued',PropertyValue=1)",
                "msemr_issued lt at:2026-03-08T00:00:00Z".to_owned(),
            ),
            (
                "OlderThanXMinutes(PropertyName='msemr_issued',PropertyValue=30)",
                "msemr_issued lt at:2026-03-15T12:00:00Z".to_owned(),
            ),
        ];
        for (function, expected) in relative {
            check(function, &expected);
        }
        refused("Microsoft.Dynamics.CRM.LastXMinutes(PropertyName='msemr_issued',PropertyValue=1)", "NotSupported");
        assert!(
            resolve("Microsoft.Dynamics.CRM.LastXHours(PropertyName='birthdate',PropertyValue=1)", "contact")
                .unwrap_err()
                .contains("cannot work")
        );
        let date = "Microsoft.Dynamics.CRM.NextXDays(PropertyName='birthdate',PropertyValue=1)";
        let expected = "(birthdate ge date:2026-03-15 and birthdate lt date:2026-03-17)";
        assert_eq!(resolve(date, "contact").as_deref(), Ok(expected));
        refused("Microsoft.Dynamics.CRM.ContainValues(PropertyName='a',PropertyValues=['1'])", "NotSupported");
        refused("Microsoft.Dynamics.CRM.On(PropertyName='msemr_count',PropertyValue=2020-01-01)", "is for dates");
        refused("Microsoft.Dynamics.CRM.LastXDays(PropertyName='msemr_issued',PropertyValue=99999999)", "cannot work");
    }

    #[test]
    fn what_does_not_exist_is_an_error_with_a_place_and_a_hint() {
        refused(
            "msemr_nam eq 'x'",
            "UnknownColumn: `msemr_observation` has no column `msemr_nam`, at position 0 (did you mean `msemr_name`?)",
        );
        refused("msemr_count eq 1 and x eq 1", "at position 21");
        refused(
            "lenght(msemr_name) eq 1",
            "BadFilter: there is no function `lenght` at position 0 (did you mean `length`?)",
        );
        refused(
            "msemr_name eq 5",
            "a text is expected, this is a number at position 14 (put the value in single quotes)",
        );
        refused("msemr_issued gt 5", "a date-time is expected");
        refused("msemr_status eq 'final'", "a choice is compared by its number: 935000001 = Final");
        refused("msemr_count", "a condition is expected");
        refused("msemr_name eq msemr_count", "a text cannot be compared with a number");
        refused("contains(msemr_count,'1')", "a text is expected");
        refused("length(msemr_name,1) eq 1", "takes 1 argument");
        refused("msemr_count eq 1 and", "BadFilter");
        refused("'äöü' eq msemr_nam", "at position 9");
        refused("msemr_patient/any(x:true)", "leads to one row");
        refused("msemr_patient/nothing eq 1", "`contact` has no column `nothing`");
        refused("msemr_device/name eq 'x'", "UnknownColumn");
    }

    #[test]
    fn what_we_do_not_evaluate_is_refused_by_name() {
        for (text, expected) in [
            ("isof(Model.Thing)", "`isof`"),
            ("msemr_count has Sales.Pattern'Yellow'", "`has`"),
            ("geo.distance(msemr_name,msemr_name) lt 5", "`geo.distance`"),
            ("matchesPattern(msemr_name,'x')", "`matchesPattern`"),
            ("$root/contacts('x')/fullname eq 'y'", "`$root`"),
            ("Some.Function(a=1)", "`Some.Function`"),
            ("msemr_patient/Model.Vip/fullname eq 'x'", "`Model.Vip`"),
            ("{\"a\":1} eq null", "an object"),
        ] {
            let error = resolve(text, "msemr_observation").expect_err(text);
            assert!(error.starts_with("NotSupported") && error.contains(expected), "{text}: {error}");
        }
        let outer = "msemr_patient/msemr_observation_msemr_patient/any(o:o/msemr_name eq msemr_name)";
        let error = resolve(outer, "msemr_observation").unwrap_err();
        assert!(error.starts_with("NotSupported") && error.contains("outer row"), "{error}");
        let outer = "*/any(o:o/msemr_patient/*/any(p:p/msemr_count gt o/msemr_count))";
        let outer = outer.replace('*', "msemr_observation_msemr_patient");
        assert!(resolve(&outer, "contact").unwrap_err().contains("outer row behind a lookup"));
        let counted = "msemr_patient/$count gt 0";
        assert!(resolve(counted, "msemr_observation").unwrap_err().starts_with("BadFilter"));
    }

    #[test]
    fn values_of_other_tables_stand_beside_the_row() {
        let many = |text: &str, expected: &str| {
            let full = |text: &str| text.replace('*', "msemr_observation_msemr_patient");
            assert_eq!(resolve(&full(text), "contact"), Ok(full(expected)), "{text}");
        };
        check("msemr_patient/fullname eq msemr_name", "joined:0 eq msemr_name with msemr_patient/fullname");
        check(
            "contains(msemr_patient/fullname,msemr_name) and msemr_patient/fullname ne msemr_name",
            "(Contains(joined:0,msemr_name) and joined:0 ne msemr_name) with msemr_patient/fullname",
        );
        many("*/$count gt 0", "joined:0 gt 0 with */$count");
        many(
            "*/$count($filter=msemr_count gt 1 and msemr_patient/active) ge */$count",
            "joined:0 ge joined:1 with */$count($filter=…)[(msemr_count gt 1 and msemr_patient.One[active])], */$count",
        );
        many("*/$filter(msemr_count gt 1)/$count eq 2", "joined:0 eq 2 with */$count($filter=…)[msemr_count gt 1]");
        check(
            "msemr_patient/*/$count eq 1".replace('*', "msemr_observation_msemr_patient").as_str(),
            "msemr_patient.One[joined:0 eq 1 with msemr_observation_msemr_patient/$count]",
        );
        many("*/any(o:o/msemr_name eq fullname)", "*.Any[msemr_name eq joined:0 with msemr_patient/fullname]");
        many(
            "*/all(o:o/msemr_patient/active or o/msemr_name eq $it/fullname)",
            "*.All[(msemr_patient.One[active] or msemr_name eq joined:0) with msemr_patient/fullname]",
        );
    }

    #[test]
    fn aliases_cannot_make_a_filter_of_any_size() {
        let catalog = sample::catalog();
        let aliases = BTreeMap::from([("a".to_owned(), vec!["active"; 400].join(" or "))]);
        let limits = Limits::default();
        let context = Context { catalog: &catalog, limits: &limits, aliases: &aliases, now: sample::now() };
        let often = |times: usize| {
            let text = vec!["@a"; times].join(" and ");
            filter(
                Source { text: &text, target: "$filter" },
                catalog.table("contact").unwrap(),
                context,
                &RefCell::default(),
            )
        };
        assert!(often(5).is_ok());
        assert!(often(300).unwrap_err().message().contains("url_bytes"));
    }

    #[test]
    fn relations_in_a_row_are_limited() {
        let catalog = sample::catalog();
        let limits = Limits { filter_depth: 12, ..Limits::default() };
        let context = Context { catalog: &catalog, limits: &limits, aliases: &BTreeMap::new(), now: sample::now() };
        let hops = |times: usize| {
            let round = "msemr_patient/msemr_observation_msemr_patient/any(x:x/";
            let text = format!("{}msemr_count eq 1{}", round.repeat(times), ")".repeat(times));
            filter(
                Source { text: &text, target: "$filter" },
                catalog.table("msemr_observation").unwrap(),
                context,
                &RefCell::default(),
            )
        };
        assert!(hops(3).is_ok());
        assert!(hops(20).unwrap_err().message().contains("filter_depth"));
    }

    #[test]
    fn long_chains_are_shallow() {
        let text = vec!["msemr_count eq 1"; 200].join(" or ");
        let shown = resolve(&text, "msemr_observation").unwrap();
        let depth = shown
            .chars()
            .scan(0_i32, |open, c| {
                *open += i32::from(c == '(') - i32::from(c == ')');
                Some(*open)
            })
            .max();
        assert!(depth < Some(12), "{depth:?}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z0-9 ()'\"/$@:,.\\[\\]{}=+-]{0,60}") {
            drop(resolve(&text, "msemr_observation"));
        }

        #[test]
        fn no_order_of_words_makes_it_panic(words in proptest::collection::vec(proptest::sample::select(vec![
            "msemr_name", "msemr_count", "eq", "ne", "and", "or", "not", "(", ")", "'x'", "5", "null", "in", ",", "add", "-",
            "msemr_patient/", "fullname", "contains(", "any(", "x:", "x/", "2020-01-01", "@five", "[", "]", "$it/", "now()",
        ]), 0..24)) {
            drop(resolve(&words.join(" "), "msemr_observation"));
            drop(resolve(&words.concat(), "contact"));
        }
    }
}
