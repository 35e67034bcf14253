//! `$filter` and `$orderby`: conditions resolved against the tables. Paths through relations become
//! [`Filter::Related`], query functions of Dataverse the plain conditions that they stand for.

use std::borrow::Cow;
use std::cell::RefCell;

use uuid::Uuid;

use super::dataverse::{self, Given, Takes};
use super::expression::{Computed, Context, Outer, Resolver, Source, Spent, Type};
use super::syntax::{self, Argument, Node, Operator, Segment, SegmentKind, Syntax};
use super::truth;
use crate::model::catalog::{Relation, nearest};
use crate::model::error::Result;
use crate::model::pattern;
use crate::model::query::{Compare, Expr, Filter, Joined, Literal, Order, Quantifier, TextTest};
use crate::model::table::{Kind, Table};
use crate::model::value::{self, Instant};

/// What `in` takes.
const LIST: &str = "write the values, `column in ('a','b')`; columns are compared by `eq` and `or`";

/// Regular expressions of one condition: each takes room and time to be made ready.
const PATTERNS_MAX: usize = 16;

/// The value of a `$filter`. `joined`: values of related rows that the expressions of a query use; more are added.
pub fn filter(
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
) -> Result<Filter> {
    filter_by(source, table, context, joined, &[])
}

/// The same where values have names of their own.
pub(crate) fn filter_by(
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
    computed: &[Computed],
) -> Result<Filter> {
    let node = syntax::expression(source.text, context.limits).map_err(|e| source.syntax(e))?;
    let spent = Spent::default();
    Resolver { computed, ..Resolver::new(source, table, context, &spent, joined) }.condition(&node)
}

/// The value of an `$orderby`.
pub fn order_by(
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
) -> Result<Vec<Order>> {
    order_by_of(source, table, context, joined, &[])
}

/// The same where values have names of their own.
pub(crate) fn order_by_of(
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
    computed: &[Computed],
) -> Result<Vec<Order>> {
    let items = syntax::order_by(source.text, context.limits).map_err(|e| source.syntax(e))?;
    let spent = Spent::default();
    ordered(&items, &Resolver { computed, ..Resolver::new(source, table, context, &spent, joined) })
}

/// A condition that has been parsed as a part of `source`.
pub fn condition(
    node: &Node,
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
) -> Result<Filter> {
    Resolver::new(source, table, context, &Spent::default(), joined).condition(node)
}

/// Items of an `$orderby` that have been parsed as a part of `source`.
pub fn orders(
    items: &[syntax::OrderItem],
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
) -> Result<Vec<Order>> {
    let spent = Spent::default();
    ordered(items, &Resolver::new(source, table, context, &spent, joined))
}

fn ordered(items: &[syntax::OrderItem], resolver: &Resolver<'_>) -> Result<Vec<Order>> {
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
        let is = || {
            let filter = self.condition(condition)?;
            self.may_repeat(condition.at, filter.parts())?;
            Ok(truth::is(filter, value))
        };
        match compare {
            Compare::Eq => is().map(Some),
            Compare::Ne => Ok(Some(Filter::Not(is()?.into()))),
            _ => Ok(None),
        }
    }

    /// Whether something of so many parts may stand in a condition twice: what stands inside it may do so already.
    fn may_repeat(&self, at: usize, parts: usize) -> Result<()> {
        match parts > self.context.limits.filter_nodes {
            true => Err(self.bad(at, "conditions as values inside each other: more parts than `filter_nodes` allows,")),
            false => Ok(()),
        }
    }

    fn compare(&self, compare: Compare, left: &Node, right: &Node) -> Result<Filter> {
        if let Some(size) = unbounded(right) {
            return self.compare_unbounded(compare, left, size);
        }
        if let Some(size) = unbounded(left) {
            return self.compare_unbounded(compare.turned(), right, size);
        }
        let (mut a, a_type) = self.expression(left)?;
        let (mut b, b_type) = self.expression(right)?;
        let between = match (&a, a_type, &b, b_type) {
            (date, Type::Date, Expr::Literal(Literal::Instant(moment)), _) => within_day(compare, date, *moment),
            (Expr::Literal(Literal::Instant(moment)), _, date, Type::Date) => {
                within_day(compare.turned(), date, *moment)
            }
            _ => None,
        };
        if let Some(filter) = between {
            return Ok(filter);
        }
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
        let at = value.at;
        let value = self.typed(value, &[Type::Number])?;
        self.may_repeat(at, value.parts())?;
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
            "matchespattern" => return self.matches(text, part),
            _ => TextTest::EndsWith,
        };
        Ok(Filter::Text(test, self.typed(text, &[Type::Text])?, self.typed(part, &[Type::Text])?))
    }

    fn matches(&self, text: &Node, part: &Node) -> Result<Filter> {
        let pattern = self.typed(part, &[Type::Text])?;
        let Expr::Literal(Literal::Text(pattern_text)) = &pattern else {
            let is_null = matches!(pattern, Expr::Literal(Literal::Null));
            let never = Filter::Text(TextTest::Contains, self.typed(text, &[Type::Text])?, pattern);
            return if is_null { Ok(never) } else { Err(self.unsupported(part.at, "a pattern that is no literal")) };
        };
        pattern::check(pattern_text).map_err(|fault| {
            let what = format!("{} (character {} of the pattern)", fault.what, fault.at);
            match fault.is_pattern {
                true => self.unsupported(part.at, &what),
                false => self.bad(part.at, &format!("{what},")),
            }
        })?;
        self.spent.patterns.set(self.spent.patterns.get() + 1);
        if self.spent.patterns.get() > PATTERNS_MAX {
            return Err(self.unsupported(part.at, &format!("a condition with more than {PATTERNS_MAX} patterns")));
        }
        Ok(Filter::Text(TextTest::Matches, self.typed(text, &[Type::Text])?, pattern))
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
            return Err(self.unsupported(list.at, "`in` with anything but a list of literals").hint(LIST));
        };
        let literal = |item: &Node| match self.expression(item)? {
            (Expr::Literal(literal), found) if found == wanted || found == Type::Null || wanted == Type::Null => {
                Ok(literal)
            }
            (Expr::Literal(literal), _) => self.cast(literal, wanted, item, against),
            _ => Err(self.unsupported(item.at, "`in` with anything but a list of literals").hint(LIST)),
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

    /// `Microsoft.Dynamics.CRM.On(PropertyName='column',PropertyValue=…)`; each argument may be an alias.
    fn dataverse(&self, at: usize, function: &str, arguments: &[Argument]) -> Result<Filter> {
        let Some(takes) = dataverse::takes(function) else {
            let error = self.unsupported(at, &format!("the function `Microsoft.Dynamics.CRM.{function}`"));
            return Err(match (dataverse::refused(function), nearest(function, dataverse::FUNCTIONS)) {
                (Some(why), _) => error.hint(why),
                (None, Some(near)) => error.hint(format!("did you mean `{near}`?")),
                (None, None) => error,
            });
        };
        let value = match takes {
            Takes::Nothing => None,
            Takes::Values | Takes::Choices => Some("PropertyValues"),
            Takes::Text | Takes::Day | Takes::Days | Takes::Key => Some("PropertyValue"),
        };
        for (place, argument) in arguments.iter().enumerate() {
            let name = argument.name.as_deref();
            let is_known = name == Some("PropertyName") || (name.is_some() && name == value);
            if !is_known || arguments.iter().take(place).any(|before| before.name == argument.name) {
                let wanted = value.map_or(String::new(), |value| format!(" and `{value}=…`"));
                let message = format!("`{function}` takes `PropertyName='…'`{wanted}, each once");
                return Err(self.bad(argument.value.at, &message));
            }
        }
        let argument = |wanted: &str| {
            let found = arguments.iter().find(|a| a.name.as_deref() == Some(wanted));
            let found =
                found.map(|a| &a.value).ok_or_else(|| self.bad(at, &format!("`{function}` needs `{wanted}=…`")))?;
            self.behind_alias(found)
        };
        let (name, named) = argument("PropertyName")?;
        let Syntax::Text(property) = &name.syntax else {
            return Err(named.bad(name.at, "the name of a column in quotes is expected"));
        };
        let index = self.table.property(property).or_else(|| self.table.column(property));
        let index = index.ok_or_else(|| named.unknown_column(name.at, property))?;
        if !self.table.columns[index].access.read {
            return Err(named.bad(name.at, &format!("the column `{property}` cannot be read")));
        }
        if takes == Takes::Key {
            let (value, valued) = argument("PropertyValue")?;
            let key = valued.key(&value)?;
            let filter = dataverse::hierarchy(function, self.table, index, key, self.context.catalog);
            return filter.map_err(|why| {
                let error = named.unsupported(name.at, &format!("`{function}` of `{property}`"));
                error.hint(why)
            });
        }
        let kind = &self.table.columns[index].kind;
        let (column, found) = (Expr::Column(index), Type::of(kind));
        let (is_taken, wanted) = match takes {
            Takes::Values | Takes::Key => (true, ""),
            Takes::Choices => (matches!(kind, Kind::Choice(_)), "choices"),
            Takes::Text => (found == Type::Text, "texts"),
            Takes::Nothing | Takes::Day | Takes::Days => (matches!(found, Type::Date | Type::Instant), "dates"),
        };
        if !is_taken {
            return Err(named.bad(name.at, &format!("`{function}` is for {wanted}, `{property}` is {}", found.name())));
        }
        let given = match value.map(argument).transpose()? {
            None => Given::Nothing,
            Some((value, valued)) => match takes {
                Takes::Text => match valued.typed(&value, &[Type::Text])? {
                    Expr::Literal(literal) => Given::Text(literal),
                    _ => return Err(valued.bad(value.at, "a text in quotes is expected")),
                },
                Takes::Day => Given::Day(valued.day(&value)?),
                Takes::Days => Given::Days(valued.days(&value)?),
                _ => Given::Values(valued.literals(&value, found, &column)?),
            },
        };
        dataverse::condition(function, &column, found == Type::Date, given, self.context.now).ok_or_else(|| {
            let error = self.bad(at, &format!("`{function}` cannot work with these values"));
            match function.ends_with("Between") {
                true => error.hint("it takes two, the least and the most"),
                false => error,
            }
        })
    }

    /// A key, as it is or in quotes.
    fn key(&self, node: &Node) -> Result<Uuid> {
        let key = match &node.syntax {
            Syntax::Guid(text) | Syntax::Text(text) => Uuid::try_parse(text.trim_matches(['{', '}'])).ok(),
            _ => None,
        };
        key.ok_or_else(|| self.bad(node.at, "the key of a row is expected"))
    }

    /// What stands at a place, or behind the alias there, and how to resolve it.
    fn behind_alias<'n>(&self, node: &'n Node) -> Result<(Cow<'n, Node>, Self)> {
        match &node.syntax {
            Syntax::Path(path) => match self.alias(path)? {
                Some((text, resolver)) => Ok((Cow::Owned(text.parse(&resolver)?), resolver)),
                None => Ok((Cow::Borrowed(node), *self)),
            },
            _ => Ok((Cow::Borrowed(node), *self)),
        }
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
                let error = self.bad(next.at, &format!("`{name}` leads to one row, not to a collection"));
                return Err(error.hint(format!("write `{name}/…` with a column of that row")));
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
                let tests = ["contains", "startswith", "endswith", "matchespattern", "isof"];
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
                let tests = ["contains", "startswith", "endswith", "matchespattern"];
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

/// A date, which begins at midnight UTC, against a moment in the middle of a day. None where the moment is no such, or would
/// have to be met exactly.
fn within_day(compare: Compare, date: &Expr, moment: Instant) -> Option<Filter> {
    if moment.begins_day().is_some() {
        return None;
    }
    let compare = match compare {
        Compare::Gt | Compare::Ge => Compare::Gt,
        Compare::Lt | Compare::Le => Compare::Le,
        Compare::Eq | Compare::Ne => return None,
    };
    let day = Literal::Date(moment.utc()?.date());
    Some(Filter::Compare(compare, date.clone(), Expr::Literal(day)))
}

#[cfg(test)]
mod tests;
