//! Values in an expression: the tree that [`super::syntax`] gives, resolved against a table and typed. Names become
//! columns, literals take the type of what they are compared with; what the grammar has and we do not evaluate is
//! refused by name, never ignored.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use uuid::Uuid;

use super::instead;
use super::lexer::{SyntaxError, position};
use super::syntax::{self, Argument, Node, Operator, Segment, SegmentKind, Syntax};
use crate::model::aggregate::GROUPS;
use crate::model::catalog::{Catalog, Relation, nearest};
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::model::query::{Arithmetic, Compare, Expr, Filter, Joined, JoinedValue, Literal, Primitive, Query};
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value::{self, Instant, Number};

/// What expressions of one request are resolved against.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub catalog: &'a Catalog,
    pub limits: &'a Limits,
    /// `@name=value` of the query string, values as written; one that is not here is null.
    pub aliases: &'a BTreeMap<String, String>,
    /// The one `now()` of the request.
    pub now: Instant,
}

/// An expression's text, percent-decoded, and the option it is the value of.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub text: &'a str,
    pub target: &'a str,
}

impl Source<'_> {
    pub fn syntax(&self, error: SyntaxError) -> Error {
        error.refusal(self.code(), self.target, self.text)
    }

    pub fn bad(&self, at: usize, message: &str) -> Error {
        Error::new(self.code(), format!("{message} at position {}", position(self.text, at))).target(self.target)
    }

    pub fn unsupported(&self, at: usize, what: &str) -> Error {
        let position = position(self.text, at);
        Error::new(Code::NotSupported, format!("{what} is not supported, at position {position}")).target(self.target)
    }

    /// An error about what stands there, which does not know where that is.
    pub fn placed(&self, error: &Error, at: usize) -> Error {
        let message = format!("{}, at position {}", error.message(), position(self.text, at));
        let placed = Error::new(error.code(), message).target(self.target);
        match error.get_hint() {
            Some(hint) => placed.hint(hint),
            None => placed,
        }
    }

    /// A condition that does not hold is `BadFilter`, everything else `BadOption`.
    fn code(&self) -> Code {
        if self.target.contains("$filter") || self.target.starts_with('@') { Code::BadFilter } else { Code::BadOption }
    }
}

/// What a value is, as far as comparing it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Null,
    Bool,
    Number,
    Text,
    Guid,
    Date,
    Instant,
    Time,
    Duration,
}

impl Type {
    pub(crate) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Key | Kind::Lookup(_) | Kind::ConceptKey { .. } => Self::Guid,
            Kind::Text { .. } | Kind::PartialDate | Kind::Uri | Kind::Json => Self::Text,
            Kind::Boolean => Self::Bool,
            Kind::Int32 | Kind::Int64 | Kind::Decimal { .. } | Kind::Choice(_) => Self::Number,
            Kind::Date => Self::Date,
            Kind::DateTime => Self::Instant,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Guid => "a GUID",
            Self::Date => "a date",
            Self::Instant => "a date-time",
            Self::Time => "a time of day",
            Self::Duration => "a duration",
        }
    }

    fn of_primitive(primitive: Primitive) -> Self {
        match primitive {
            Primitive::Text => Self::Text,
            Primitive::Bool => Self::Bool,
            Primitive::Guid => Self::Guid,
            Primitive::Date => Self::Date,
            Primitive::Instant => Self::Instant,
            Primitive::Time => Self::Time,
            Primitive::Duration => Self::Duration,
            _ => Self::Number,
        }
    }
}

/// A value of each row, by the name that `compute` gives it.
#[derive(Clone, Debug)]
pub(crate) struct Computed {
    pub(crate) name: String,
    pub(crate) expr: Expr,
    pub(crate) of: Type,
}

/// What one text has taken so far.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// Of alias values put in: few aliases used often must not make a filter of any size.
    bytes: Cell<usize>,
    /// Regular expressions, each of which takes room and time to be made ready.
    pub(crate) patterns: Cell<usize>,
    /// Of values that were put in for their names.
    parts: Cell<usize>,
}

#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) table: &'a Table,
    pub(crate) context: Context<'a>,
    /// Segments of each path that have been followed to get to `table`.
    pub(crate) followed: usize,
    /// The lambda variable that stands for a row of the table where following began.
    pub(crate) variable: Option<&'a str>,
    /// The row that the rows of this table hang on.
    pub(crate) outer: Option<Outer<'a>>,
    /// Values of related rows that expressions on this table use.
    pub(crate) joined: &'a RefCell<Vec<Joined>>,
    /// Relations followed so far, lambdas and all.
    pub(crate) hops: usize,
    pub(crate) spent: &'a Spent,
    /// Values with names of their own, which columns of the table are called beside.
    pub(crate) computed: &'a [Computed],
    /// The alias that is being resolved: it may not name another.
    pub(crate) in_alias: bool,
    /// Inside a condition that is a value: what it says of related rows stands beside the row.
    pub(crate) flat: bool,
}

/// Where a lambda stands: its rows lead back by a lookup.
#[derive(Clone, Copy)]
pub(crate) struct Outer<'a> {
    pub(crate) resolver: &'a Resolver<'a>,
    pub(crate) back: ColumnIndex,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(
        source: Source<'a>,
        table: &'a Table,
        context: Context<'a>,
        spent: &'a Spent,
        joined: &'a RefCell<Vec<Joined>>,
    ) -> Self {
        Self {
            source,
            table,
            context,
            followed: 0,
            variable: None,
            outer: None,
            joined,
            hops: 0,
            spent,
            computed: &[],
            in_alias: false,
            flat: false,
        }
    }

    pub(crate) fn expression(&self, node: &Node) -> Result<(Expr, Type)> {
        let literal = |literal, found| Ok((Expr::Literal(literal), found));
        match &node.syntax {
            Syntax::Null => literal(Literal::Null, Type::Null),
            Syntax::Bool(value) => literal(Literal::Bool(*value), Type::Bool),
            Syntax::Number(text) => literal(Literal::Number(self.number(text, node)?), Type::Number),
            Syntax::Text(text) => literal(Literal::Text(text.clone()), Type::Text),
            Syntax::Guid(text) => match Uuid::try_parse(text) {
                Ok(guid) => literal(Literal::Guid(guid), Type::Guid),
                Err(_) => Err(self.bad(node.at, "this is no GUID")),
            },
            Syntax::Date(text) => match value::parse_date(text) {
                Some(date) => literal(Literal::Date(date), Type::Date),
                None => Err(self.bad(node.at, "there is no such date")),
            },
            Syntax::DateTime(text) => match value::parse_instant(text) {
                Some(instant) => literal(Literal::Instant(instant), Type::Instant),
                None => Err(self.bad(node.at, "there is no such date-time")),
            },
            Syntax::Time(text) => match value::time_of_day(text) {
                Some(time) => literal(Literal::Time(time), Type::Time),
                None => Err(self.bad(node.at, "there is no such time of day")),
            },
            Syntax::Typed { prefix, text } if prefix.eq_ignore_ascii_case("duration") => {
                match value::parse_duration(text) {
                    Some(duration) => literal(Literal::Duration(duration), Type::Duration),
                    None => Err(self.bad(node.at, "the duration is too long")),
                }
            }
            Syntax::Typed { prefix, .. } => Err(self.unsupported(node.at, &format!("a literal of type `{prefix}`"))),
            Syntax::List(_) => Err(self.unsupported(node.at, "a collection as a value")),
            Syntax::Object(_) => Err(self.unsupported(node.at, "an object as a value")),
            Syntax::Case(branches) => self.case(node.at, branches),
            Syntax::And(_) | Syntax::Or(_) | Syntax::Not(_) => self.condition_as_value(node),
            Syntax::Negate(inside) => {
                let (of, found) = self.expression(inside)?;
                match found {
                    Type::Duration => Ok((Expr::Negate(of.into()), found)),
                    _ => Ok((Expr::Negate(self.taken(inside, of, found, &[Type::Number])?.into()), Type::Number)),
                }
            }
            Syntax::Binary(operator, left, right) => match arithmetic(*operator) {
                Some(arithmetic) => {
                    let ((a, of_a), (b, of_b)) = (self.expression(left)?, self.expression(right)?);
                    if let Some(of) = of_time(arithmetic, of_a, of_b) {
                        return Ok((Expr::Arithmetic(arithmetic, a.into(), b.into()), of));
                    }
                    let a = self.taken(left, a, of_a, &[Type::Number])?;
                    let b = self.taken(right, b, of_b, &[Type::Number])?;
                    Ok((Expr::Arithmetic(arithmetic, a.into(), b.into()), Type::Number))
                }
                None if *operator == Operator::Has => Err(self
                    .unsupported(node.at, "the operator `has`")
                    .hint("no choice has several values at once; compare with `eq` or `in`")),
                None => self.condition_as_value(node),
            },
            Syntax::Path(path) => self.path(node.at, path),
        }
    }

    /// What a condition says, as a value.
    fn condition_as_value(&self, node: &Node) -> Result<(Expr, Type)> {
        let condition = Resolver { flat: true, ..*self }.condition(node)?;
        Ok((Expr::Condition(condition.into()), Type::Bool))
    }

    /// Branches of one type; a literal takes that of the others.
    fn case(&self, at: usize, branches: &[(Node, Node)]) -> Result<(Expr, Type)> {
        let flat = Resolver { flat: true, ..*self };
        let mut values = Vec::with_capacity(branches.len());
        let mut of = Type::Null;
        for (condition, value) in branches {
            let (expr, own) = self.expression(value)?;
            if of == Type::Null || (matches!(expr, Expr::Column(_)) && own != Type::Null) {
                of = own;
            }
            values.push((flat.condition(condition)?, expr, own, value));
        }
        let branches = values.into_iter().map(|(condition, expr, own, node)| match (expr, own) {
            (expr, own) if own == of || own == Type::Null => Ok((condition, expr)),
            (Expr::Literal(literal), _) => {
                Ok((condition, Expr::Literal(self.cast(literal, of, node, &Expr::Literal(Literal::Null))?)))
            }
            (_, own) => Err(self.bad(at, &format!("the values of `case` are {} and {}", of.name(), own.name()))),
        });
        Ok((Expr::Case(branches.collect::<Result<_>>()?), of))
    }

    fn path(&self, at: usize, path: &[Segment]) -> Result<(Expr, Type)> {
        if let Some((text, resolver)) = self.alias(path)? {
            let Some(_) = text.text else {
                return Ok((Expr::Literal(Literal::Null), Type::Null));
            };
            return resolver.expression(&text.parse(&resolver)?);
        }
        if let [Segment { at, kind: SegmentKind::Name { name, arguments: Some(arguments) } }] = path {
            return self.call(*at, name, arguments);
        }
        if let Some(outer) = self.outer.filter(|_| self.is_outer(path)) {
            return self.of_outer(at, path, outer);
        }
        let steps = self.steps(path)?;
        if let [Segment { at, kind: SegmentKind::Name { name, arguments: None } }] = steps
            && self.followed == 0
            && self.outer.is_none()
            && let Some(computed) = self.computed.iter().find(|computed| computed.name == *name)
        {
            self.spend_value(*at, &computed.expr)?;
            return Ok((computed.expr.clone(), computed.of));
        }
        if let Some(index) = self.grouped_by(steps) {
            return Ok((Expr::Column(index), Type::of(&self.table.columns[index].kind)));
        }
        if let [Segment { at, kind: SegmentKind::Name { name, arguments: None } }, rest @ ..] = steps
            && let [next, ..] = rest
            && !name.contains('.')
            && let Some(to) = self.context.catalog.relation(self.table, name)
        {
            match (&to, rest, &next.kind) {
                (Relation::Lookup { table, .. }, _, SegmentKind::Name { arguments: None, .. }) => {
                    let table = self.related(*at, table)?;
                    return self.behind(*at, path, name, &to, table);
                }
                (Relation::Collection { table, .. }, [Segment { kind: SegmentKind::CountOf(filter), .. }], _)
                | (
                    Relation::Collection { table, .. },
                    [Segment { kind: SegmentKind::Filter(filter), .. }, Segment { kind: SegmentKind::Dollar(_), .. }],
                    _,
                ) if matches!(rest.last(), Some(last) if is_count(&last.kind)) => {
                    let table = self.related(*at, table)?;
                    return self.count_of(name, &to, table, Some(filter));
                }
                (Relation::Lookup { .. }, [last], _) if is_count(&last.kind) => return Err(self.odd_step(last)),
                (Relation::Collection { table, .. }, [last], _) if is_count(&last.kind) => {
                    let table = self.related(*at, table)?;
                    return self.count_of(name, &to, table, None);
                }
                (Relation::Collection { table, .. }, [_], SegmentKind::Lambda { all, body }) => {
                    let table = self.related(*at, table)?;
                    return self.counted(name, &to, table, *all, body.as_ref());
                }
                _ => {}
            }
        }
        match steps {
            [] => Err(self.unsupported(at, "a whole row as a value")),
            [Segment { at, kind: SegmentKind::Name { name, arguments: None } }] => self.column(*at, name),
            [
                Segment { at, kind: SegmentKind::Name { name, arguments: None } },
                Segment { at: inner, kind: SegmentKind::Name { name: part, arguments: None } },
            ] => self.concept_part(*at, name, *inner, part),
            [first, ..] => Err(self.odd_step(first)),
        }
    }

    /// A value that is put in for its name: values of values must not grow to any size.
    fn spend_value(&self, at: usize, value: &Expr) -> Result<()> {
        self.spent.parts.set(self.spent.parts.get() + value.parts());
        if self.spent.parts.get() > self.context.limits.filter_nodes {
            return Err(self.bad(at, "values of `compute` used so often exceed the limit `filter_nodes`"));
        }
        Ok(())
    }

    /// What the rows were grouped by is called by the path that it was written with.
    fn grouped_by(&self, steps: &[Segment]) -> Option<ColumnIndex> {
        let name = |step: &Segment| match &step.kind {
            SegmentKind::Name { name, arguments: None } => Some(name.clone()),
            _ => None,
        };
        let names = steps.iter().map(name).collect::<Option<Vec<_>>>().filter(|names| names.len() > 1)?;
        self.table.property(&names.join("/"))
    }

    /// A column behind a lookup.
    fn behind(&self, at: usize, path: &[Segment], name: &str, to: &Relation, table: &'a Table) -> Result<(Expr, Type)> {
        let inner = RefCell::default();
        let there = Resolver { table, followed: self.followed + 1, hops: self.hops + 1, joined: &inner, ..*self };
        let (expr, found) = there.path(at, path)?;
        let beside = |column| {
            let name = format!("{name}/{}", there.name_of(column));
            let (query, value) = there.alone(column);
            self.join(Joined { name, to: to.clone(), query, value })
        };
        Ok((lifted(expr, &beside), found))
    }

    /// `any` and `all` as values: there is one that meets the condition, and as many meet it as there are.
    fn counted(
        &self,
        name: &str,
        to: &Relation,
        table: &'a Table,
        all: bool,
        body: Option<&(String, Box<Node>)>,
    ) -> Result<(Expr, Type)> {
        let condition = body.map(|(variable, condition)| (Some(variable.as_str()), &**condition));
        let (meets, _) = self.count_where(name, to, table, condition)?;
        let none = Number::parse("0").map_or(Literal::Null, Literal::Number);
        let condition = match all {
            true => Filter::Compare(Compare::Eq, meets, self.count_where(name, to, table, None)?.0),
            // Where a lookup before it leads to no row there is no number, and none that meets it.
            false => {
                let is_not = |of: Literal| Filter::Compare(Compare::Ne, meets.clone(), Expr::Literal(of));
                Filter::And(is_not(none).into(), is_not(Literal::Null).into())
            }
        };
        Ok((Expr::Condition(condition.into()), Type::Bool))
    }

    /// How many rows point here, of those that meet the condition.
    fn count_of(&self, name: &str, to: &Relation, table: &'a Table, filter: Option<&Node>) -> Result<(Expr, Type)> {
        self.count_where(name, to, table, filter.map(|filter| (None, filter)))
    }

    /// The same with the variable that stands for a row there, if one does.
    fn count_where(
        &self,
        name: &str,
        to: &Relation,
        table: &'a Table,
        filter: Option<(Option<&str>, &Node)>,
    ) -> Result<(Expr, Type)> {
        let inner = RefCell::default();
        let Relation::Collection { column: back, .. } = *to else {
            return Err(Error::new(Code::Internal, "rows of one lookup are not counted"));
        };
        let outer = Some(Outer { resolver: self, back });
        let hops = self.hops + 1;
        let variable = filter.and_then(|(variable, _)| variable);
        let there = Resolver { table, followed: 0, variable, outer, hops, joined: &inner, flat: false, ..*self };
        let condition = filter.map(|(_, filter)| there.condition(filter)).transpose()?;
        let name = format!("{name}/$count{}", if filter.is_some() { "($filter=…)" } else { "" });
        let query = Query { filter: condition, joined: inner.into_inner(), ..Query::default() };
        Ok((self.join(Joined { name, to: to.clone(), query, value: JoinedValue::Count }), Type::Number))
    }

    /// Whether a path begins at the row that this one hangs on.
    pub(crate) fn is_outer(&self, path: &[Segment]) -> bool {
        match (path.first().map(|first| &first.kind), self.variable) {
            (Some(SegmentKind::Dollar(name)), _) => name == "it" && self.outer.is_some(),
            (Some(SegmentKind::Name { name, arguments: None }), Some(variable)) => {
                name != variable && self.outer.is_some()
            }
            _ => false,
        }
    }

    /// A column of the row that this one hangs on: where its lookup leads back to.
    fn of_outer(&self, at: usize, path: &[Segment], outer: Outer<'a>) -> Result<(Expr, Type)> {
        let Outer { resolver, back } = outer;
        // There is no way from a row back to each of the many rows that lead to the one it hangs on.
        if resolver.followed > 0 {
            return Err(self.unsupported(at, "a column of the outer row behind a lookup"));
        }
        if self.hops >= self.context.limits.filter_depth {
            return Err(self.bad(at, "more relations in a row than the limit `filter_depth` allows"));
        }
        let inner = RefCell::default();
        let found = Resolver { hops: self.hops + 1, joined: &inner, ..*resolver }.path(at, path);
        let (expr, found) = found.map_err(|error| match (path.first().map(|first| &first.kind), self.variable) {
            (Some(SegmentKind::Name { name, .. }), Some(variable))
                if error.code() == Code::UnknownColumn && self.table.property(name).is_some() =>
            {
                error.hint(format!("of the rows here it is `{variable}/{name}`"))
            }
            _ => error,
        })?;
        let Some(Kind::Lookup(lookup)) = self.table.columns.get(back).map(|column| &column.kind) else {
            return Err(Error::new(Code::Internal, "rows that hang on others have no lookup to them"));
        };
        let there = Resolver { joined: &inner, ..*resolver };
        let beside = |column| {
            let name = format!("{}/{}", lookup.navigation, there.name_of(column));
            let to = Relation::Lookup { column: back, table: resolver.table.name.clone() };
            let (query, value) = there.alone(column);
            self.join(Joined { name, to, query, value })
        };
        Ok((lifted(expr, &beside), found))
    }

    /// What is read of a row of this table for the value of one of its columns: of what is joined to it only that column,
    /// since what several columns bring would be as much again at each table on the way.
    fn alone(&self, column: ColumnIndex) -> (Query, JoinedValue) {
        let own = self.table.columns.len();
        let joined = column.checked_sub(own).and_then(|place| self.joined.borrow().get(place).cloned());
        let column = if joined.is_some() { own } else { column };
        (Query { joined: joined.into_iter().collect(), ..Query::default() }, JoinedValue::Column(column))
    }

    fn name_of(&self, column: ColumnIndex) -> String {
        match self.table.columns.get(column) {
            Some(column) => column.property().into_owned(),
            None => {
                let joined = self.joined.borrow();
                joined.get(column - self.table.columns.len()).map(|joined| joined.name.clone()).unwrap_or_default()
            }
        }
    }

    /// The column that such a value is; one that is there already is not read twice.
    fn join(&self, value: Joined) -> Expr {
        let mut joined = self.joined.borrow_mut();
        let place = joined.iter().position(|other| *other == value).unwrap_or_else(|| {
            joined.push(value);
            joined.len() - 1
        });
        Expr::Column(self.table.columns.len() + place)
    }

    /// The table that a relation leads to, if it may be read and is not too far away.
    pub(crate) fn related(&self, at: usize, table: &str) -> Result<&'a Table> {
        if self.hops == self.context.limits.filter_depth {
            return Err(self.bad(at, "more relations in a row than the limit `filter_depth` allows"));
        }
        match self.context.catalog.table(table) {
            Some(found) if found.access.read => Ok(found),
            Some(_) => Err(self.bad(at, &format!("rows of `{table}` cannot be read"))),
            None => Err(Error::new(Code::UnknownTable, format!("there is no table `{table}`"))),
        }
    }

    pub(crate) fn column(&self, at: usize, name: &str) -> Result<(Expr, Type)> {
        if let Some(index) = self.table.property(name) {
            let column = &self.table.columns[index];
            if !column.access.read {
                return Err(self.bad(at, &format!("the column `{name}` cannot be read")));
            }
            return Ok((Expr::Column(index), Type::of(&column.kind)));
        }
        match self.context.catalog.relation(self.table, name) {
            // `nav eq null`
            Some(Relation::Lookup { column, table }) => {
                let lookup = match &self.table.columns[column].kind {
                    Kind::Lookup(lookup) if lookup.navigation != name => self.context.catalog.table(&table),
                    _ => None,
                };
                // By the name of one table that it may lead to: it is null where it leads to another.
                let by_table = lookup.map(|target| Expr::Leading(column, target.entity_set.clone()));
                Ok((by_table.unwrap_or(Expr::Column(column)), Type::Guid))
            }
            Some(Relation::Concept { concept }) => match self.concept_key(concept) {
                Some(column) => Ok((Expr::Column(column), Type::Guid)),
                None => Err(self.unsupported(at, &format!("`{name}` as a value"))),
            },
            Some(Relation::Collection { .. }) => Err(self
                .unsupported(at, &format!("the collection `{name}` as a value"))
                .hint(format!("use `{name}/any(x: …)`"))),
            None => Err(self.unknown_column(at, name)),
        }
    }

    /// `msemr_code/msemr_name`: a column of this very row.
    fn concept_part(&self, at: usize, name: &str, inner: usize, part: &str) -> Result<(Expr, Type)> {
        let Some(Relation::Concept { concept }) = self.context.catalog.relation(self.table, name) else {
            return Err(if self.table.property(name).is_some() {
                self.bad(inner, &format!("`{name}` has no parts"))
            } else {
                self.unknown_column(at, name)
            });
        };
        let spread = &self.table.concepts[concept];
        let column = match part {
            "msemr_codeableconceptid" => self.concept_key(concept),
            "msemr_code" => Some(spread.code),
            "msemr_system" => Some(spread.system),
            "msemr_name" => spread.display,
            "msemr_text" => spread.text,
            _ => return Err(self.bad(inner, &format!("a codeable concept has no `{part}`"))),
        };
        match column {
            Some(index) => Ok((Expr::Column(index), Type::of(&self.table.columns[index].kind))),
            None => Ok((Expr::Literal(Literal::Null), Type::Null)),
        }
    }

    fn concept_key(&self, concept: usize) -> Option<usize> {
        self.table.columns.iter().position(|c| c.kind == Kind::ConceptKey { concept })
    }

    pub(crate) fn positional<'n>(
        &self,
        at: usize,
        name: &str,
        arguments: &'n [Argument],
        count: std::ops::RangeInclusive<usize>,
    ) -> Result<Vec<&'n Node>> {
        if !count.contains(&arguments.len()) || arguments.iter().any(|a| a.name.is_some()) {
            let wanted = match (*count.start(), *count.end()) {
                (least, most) if least == most => most.to_string(),
                (least, most) => format!("{least} or {most}"),
            };
            let error = self.bad(at, &format!("`{name}` takes {wanted} argument(s)"));
            return Err(match instead::usage(name) {
                Some(usage) => error.hint(format!("write {usage}")),
                None => error,
            });
        }
        Ok(arguments.iter().map(|a| &a.value).collect())
    }

    /// An expression of one of these types; a literal is cast to the first if it is of none.
    pub(crate) fn typed(&self, node: &Node, allowed: &[Type]) -> Result<Expr> {
        let (expr, found) = self.expression(node)?;
        self.taken(node, expr, found, allowed)
    }

    /// The same of what `node` has come to: nothing is resolved twice, or each level would double the work.
    fn taken(&self, node: &Node, expr: Expr, found: Type, allowed: &[Type]) -> Result<Expr> {
        if found == Type::Null || allowed.contains(&found) {
            return Ok(expr);
        }
        match (expr, allowed) {
            (Expr::Literal(literal), [wanted, ..]) => {
                Ok(Expr::Literal(self.cast(literal, *wanted, node, &Expr::Literal(Literal::Null))?))
            }
            _ => {
                let wanted = allowed.first().map_or("another", |t| t.name());
                let error = self.bad(node.at, &format!("{wanted} is expected, this is {}", found.name()));
                Err(match (allowed, found) {
                    ([Type::Number, ..], Type::Date | Type::Instant) => error
                        .hint("dates are moved by durations, `add duration'P1D'`; the difference of two is a duration"),
                    ([Type::Number, ..], Type::Text) => error.hint("a text as a number is `cast(text,Edm.Decimal)`"),
                    ([Type::Text, ..], _) => error.hint("a value as a text is `cast(value,Edm.String)`"),
                    _ => error,
                })
            }
        }
    }

    /// A literal as the type it is compared with, where nothing is lost by that.
    pub(crate) fn cast(&self, literal: Literal, wanted: Type, node: &Node, against: &Expr) -> Result<Literal> {
        let cast = match (&literal, wanted) {
            (Literal::Text(text), Type::Guid) => Uuid::try_parse(text).ok().map(Literal::Guid),
            (Literal::Text(text), Type::Date) => value::parse_date(text).map(Literal::Date),
            (Literal::Text(text), Type::Instant) => value::parse_instant(text).map(Literal::Instant),
            (Literal::Text(text), Type::Number) => Number::parse(text.clone()).map(Literal::Number),
            (Literal::Text(text), Type::Bool) => match text.as_str() {
                "true" => Some(Literal::Bool(true)),
                "false" => Some(Literal::Bool(false)),
                _ => None,
            },
            (Literal::Text(text), Type::Time) => value::time_of_day(text).map(Literal::Time),
            (Literal::Text(text), Type::Duration) => value::parse_duration(text).map(Literal::Duration),
            (Literal::Date(date), Type::Instant) => Some(Literal::Instant(Instant::of_day(*date))),
            (Literal::Instant(instant), Type::Date) => instant.begins_day().map(Literal::Date),
            (Literal::Date(date), Type::Text) if self.is_partial_date(against) => Some(Literal::Text(date.to_string())),
            _ => None,
        };
        cast.ok_or_else(|| self.mismatch(&literal, wanted, node, against))
    }

    fn mismatch(&self, literal: &Literal, wanted: Type, node: &Node, against: &Expr) -> Error {
        let found = type_of(literal);
        let error = self.bad(node.at, &format!("{} is expected, this is {}", wanted.name(), found.name()));
        if let (Expr::Column(index), Type::Text, Type::Number) = (against, found, wanted)
            && let Some(Kind::Choice(choice)) = self.table.columns.get(*index).map(|column| &column.kind)
        {
            let options: Vec<_> =
                choice.options.iter().take(20).map(|o| format!("{} = {}", o.value, o.label)).collect();
            return error.hint(format!("a choice is compared by its number: {}", options.join(", ")));
        }
        match (found, wanted) {
            (_, Type::Text) => error.hint("put the value in single quotes"),
            (Type::Text, Type::Instant | Type::Date | Type::Guid | Type::Number) => {
                error.hint("write it without quotes")
            }
            (Type::Instant, Type::Date) => error.hint("write the date alone, YYYY-MM-DD"),
            _ => match instead::literal(wanted.name()) {
                Some(how) => error.hint(how),
                None => error,
            },
        }
    }

    fn is_partial_date(&self, against: &Expr) -> bool {
        let Expr::Column(index) = against else { return false };
        match self.joined.borrow().get(index.wrapping_sub(self.table.columns.len())) {
            Some(joined) => self.leads_to_partial_date(joined),
            None => self.table.columns.get(*index).is_some_and(|column| column.kind == Kind::PartialDate),
        }
    }

    fn leads_to_partial_date(&self, joined: &Joined) -> bool {
        let (Relation::Lookup { table, .. }, JoinedValue::Column(column)) = (&joined.to, joined.value) else {
            return false;
        };
        let Some(table) = self.context.catalog.table(table) else { return false };
        match joined.query.joined.get(column.wrapping_sub(table.columns.len())) {
            Some(inner) => self.leads_to_partial_date(inner),
            None => table.columns.get(column).is_some_and(|column| column.kind == Kind::PartialDate),
        }
    }

    fn number(&self, text: &str, node: &Node) -> Result<Number<'static>> {
        if text.ends_with("INF") || text == "NaN" {
            return Err(self.unsupported(node.at, &format!("the number `{text}`")));
        }
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text.strip_prefix('+').unwrap_or(text)),
        };
        // OData allows zeros in front, JSON does not.
        let zeros = digits.bytes().take_while(|b| *b == b'0').count();
        let mut whole = digits.get(zeros..).unwrap_or_default();
        if !whole.starts_with(|c: char| c.is_ascii_digit()) {
            whole = digits.get(zeros.saturating_sub(1)..).unwrap_or_default();
        }
        Number::parse(format!("{sign}{whole}")).ok_or_else(|| self.bad(node.at, "this number is out of range"))
    }

    /// The segments of a path after those that lead to this table.
    pub(crate) fn steps<'n>(&self, path: &'n [Segment]) -> Result<&'n [Segment]> {
        let rest = match (path, self.variable) {
            ([Segment { kind: SegmentKind::Name { name, arguments: None }, .. }, rest @ ..], Some(variable))
                if name == variable =>
            {
                rest
            }
            ([first, ..], Some(variable)) => {
                let what = format!("anything but the variable `{variable}` inside `any` and `all`");
                return Err(self.unsupported(first.at, &what).hint(format!("write `{variable}/…`")));
            }
            ([Segment { kind: SegmentKind::Dollar(name), .. }, rest @ ..], None) if name == "it" => rest,
            ([first @ Segment { kind: SegmentKind::Dollar(_), .. }, ..], None) => return Err(self.odd_step(first)),
            (path, None) => path,
            ([], _) => path,
        };
        Ok(rest.get(self.followed..).unwrap_or_default())
    }

    pub(crate) fn odd_step(&self, step: &Segment) -> Error {
        let what = match &step.kind {
            SegmentKind::Name { name, arguments: Some(_) } => format!("`{name}(…)` in a path"),
            SegmentKind::Name { name, .. } if name.contains('.') => format!("a cast to `{name}`"),
            SegmentKind::Name { name, .. } => return self.unknown_column(step.at, name),
            SegmentKind::At(name) => format!("the annotation `@{name}`"),
            SegmentKind::Dollar(name) if name == "count" => {
                return self.bad(step.at, "`/$count` needs a collection before it");
            }
            SegmentKind::CountOf(_) => return self.bad(step.at, "`/$count` needs a collection before it"),
            SegmentKind::Dollar(name) => format!("`${name}`"),
            SegmentKind::Filter(_) => "`$filter` in a path".into(),
            SegmentKind::Key(_) => "a key in a path".into(),
            SegmentKind::Lambda { .. } => return self.bad(step.at, "`any` and `all` need a collection before them"),
        };
        self.unsupported(step.at, &what)
    }

    pub(crate) fn unknown_column(&self, at: usize, name: &str) -> Error {
        if let Some(Relation::Collection { .. }) = self.context.catalog.relation(self.table, name) {
            let error = self.bad(at, &format!("`{name}` leads to many rows, and has no one value"));
            return error.hint(format!("count them, `{name}/$count`, or ask for one of them, `{name}/any(x:x/…)`"));
        }
        let position = position(self.source.text, at);
        let message = format!("`{}` has no column `{name}`, at position {position}", self.table.name);
        let error = Error::new(Code::UnknownColumn, message).target(self.source.target);
        match nearest_property(self.table, name, self.context.catalog) {
            Some(near) if near == name => error.hint(format!("it is followed to a column, `{name}/…`")),
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if self.table.name.starts_with(GROUPS) => {
                let names: Vec<_> = self.table.columns.iter().take(20).map(|column| column.property()).collect();
                error.hint(format!("the groups have {}", names.join(", ")))
            }
            None if self.source.code() == Code::BadFilter && self.followed == 0 && self.outer.is_none() => {
                error.hint(instead::QUOTES)
            }
            None => error,
        }
    }

    /// The text behind a path that is an alias, and how to resolve it.
    pub(crate) fn alias(&self, path: &[Segment]) -> Result<Option<(AliasText<'a>, Self)>> {
        let [Segment { at, kind: SegmentKind::At(name) }, rest @ ..] = path else {
            return Ok(None);
        };
        // What a rule names has a value here, with the dot in its name.
        if (name.contains('.') && !self.context.aliases.contains_key(name)) || !rest.is_empty() {
            return Err(self.unsupported(*at, &format!("`@{name}` with a path or namespace")));
        }
        if self.in_alias {
            return Err(self.unsupported(*at, "an alias inside the value of an alias"));
        }
        match self.context.aliases.get_key_value(name.as_str()) {
            Some((_, text)) => {
                self.spent.bytes.set(self.spent.bytes.get() + text.len());
                if self.spent.bytes.get() > self.context.limits.url_bytes {
                    return Err(self.bad(*at, "aliases used so often exceed the limit `url_bytes`"));
                }
                let source = Source { text, target: self.source.target };
                let alias = AliasText { name: name.clone(), text: Some(text) };
                Ok(Some((alias, Resolver { source, in_alias: true, ..*self })))
            }
            None => Ok(Some((AliasText { name: name.clone(), text: None }, *self))),
        }
    }

    pub(crate) fn bad(&self, at: usize, message: &str) -> Error {
        self.source.bad(at, message)
    }

    pub(crate) fn unsupported(&self, at: usize, what: &str) -> Error {
        self.source.unsupported(at, what)
    }
}

/// The value of an alias; None = the query string does not give it.
pub(crate) struct AliasText<'a> {
    name: String,
    text: Option<&'a str>,
}

impl AliasText<'_> {
    pub(crate) fn parse(&self, resolver: &Resolver<'_>) -> Result<Node> {
        let text = self.text.unwrap_or("null");
        let whole = Source { text, target: resolver.source.target };
        syntax::expression(text, resolver.context.limits).map_err(|error| {
            let message = error.message;
            whole.syntax(SyntaxError { message: format!("in the value of `@{}`: {message}", self.name), ..error })
        })
    }
}

/// The property or navigation property of a table that is closest to a name.
pub fn nearest_property(table: &Table, name: &str, catalog: &Catalog) -> Option<String> {
    let mut names: Vec<String> = table.columns.iter().map(|c| c.property().into_owned()).collect();
    names.extend(catalog.relations(table).iter().map(|(name, _)| name.clone()));
    nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

/// What was found of another row, with its columns as columns beside this one: a column, or what `any` and `all` say there.
fn lifted(expr: Expr, beside: &dyn Fn(ColumnIndex) -> Expr) -> Expr {
    fn condition(filter: Filter, beside: &dyn Fn(ColumnIndex) -> Expr) -> Filter {
        match filter {
            Filter::And(a, b) => Filter::And(condition(*a, beside).into(), condition(*b, beside).into()),
            Filter::Compare(compare, a, b) => Filter::Compare(compare, lifted(a, beside), lifted(b, beside)),
            other => other,
        }
    }
    match expr {
        Expr::Column(column) => beside(column),
        Expr::Condition(inner) => Expr::Condition(condition(*inner, beside).into()),
        other => other,
    }
}

fn is_count(kind: &SegmentKind) -> bool {
    match kind {
        SegmentKind::Dollar(name) => name == "count",
        SegmentKind::CountOf(_) => true,
        _ => false,
    }
}

fn arithmetic(operator: Operator) -> Option<Arithmetic> {
    Some(match operator {
        Operator::Add => Arithmetic::Add,
        Operator::Sub => Arithmetic::Sub,
        Operator::Mul => Arithmetic::Mul,
        Operator::Div => Arithmetic::Div,
        Operator::DivBy => Arithmetic::DivBy,
        Operator::Mod => Arithmetic::Mod,
        _ => return None,
    })
}

/// What arithmetic with dates and durations gives; None where it is one with numbers, or has no meaning.
fn of_time(arithmetic: Arithmetic, a: Type, b: Type) -> Option<Type> {
    use Type::{Date, Duration, Instant, Null, Number};
    Some(match (arithmetic, a, b) {
        (Arithmetic::Add | Arithmetic::Sub, Instant | Date | Duration, Duration | Null) => a,
        (Arithmetic::Sub, Instant | Date, Instant | Date) => Duration,
        (Arithmetic::Mul | Arithmetic::Div | Arithmetic::DivBy, Duration, Number) => Duration,
        (Arithmetic::Mul, Number, Duration) => Duration,
        _ => return None,
    })
}

fn type_of(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Number(_) => Type::Number,
        Literal::Text(_) => Type::Text,
        Literal::Guid(_) => Type::Guid,
        Literal::Date(_) => Type::Date,
        Literal::Instant(_) => Type::Instant,
        Literal::Time(_) => Type::Time,
        Literal::Duration(_) => Type::Duration,
    }
}

pub(super) mod functions;
