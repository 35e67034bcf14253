//! `$apply`: text to groups (OData Extension for Data Aggregation 4.0, section 3). `filter`, `compute`, `groupby` with `aggregate`
//! or alone, `aggregate` and `identity`, one after the other, and `concat` of such; of groups also `orderby`, `skip`, `top`, and
//! `topcount` and its kin. `rollup` is `concat` of its levels. Every other transformation is refused by name.

use std::cell::{Cell, RefCell};

use super::expression::{Computed, Context, Resolver, Source, Spent, Type};
use super::instead;
use super::lexer::TokenKind;
use super::syntax::{Node, OrderItem, Parser, Segment, SegmentKind, Syntax};
use crate::model::aggregate::{Best, Grouping, Measure, Method, PROPERTIES, Part, Then};
use crate::model::catalog::{Relation, nearest};
use crate::model::error::{Error, Result};
use crate::model::query::{Compare, Expr, Filter, Joined, Literal, Order};
use crate::model::table::Table;
use crate::model::value::Number;
use crate::model::widened::widened;

/// What an `$apply` comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// Which rows of the table are taken.
    pub filter: Option<Filter>,
    /// Values of related rows that the filter and the first step use.
    pub joined: Vec<Joined>,
    /// None = the rows are not grouped.
    pub steps: Vec<Grouping>,
    /// Which of the rows are shown, where they are not grouped.
    pub cut: Option<Cut>,
}

/// Rows that are not grouped: in this order, without the first, the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cut {
    pub order: Vec<Order>,
    pub skip: u64,
    pub top: Option<u64>,
}

/// As it is written.
struct Transformation {
    at: usize,
    form: Form,
}

enum Form {
    Filter(Node),
    Group {
        by: Vec<Node>,
        aggregates: Vec<Item>,
    },
    /// `expression as name`
    Compute(Vec<(Node, String)>),
    Concat(Vec<Vec<Transformation>>),
    Order(Vec<OrderItem>),
    Skip(Node),
    Top(Node),
    /// `topcount(2,value)`
    Best {
        name: &'static str,
        amount: Node,
        by: Node,
    },
}

/// `$count as alias`, `expression with method as alias`
#[derive(Clone)]
struct Item {
    of: Option<Node>,
    method: Method,
    alias: String,
}

/// One item of `groupby`.
enum By {
    Column(Node),
    /// `rollup(a,b)`; whether one group of all rows is wanted, too.
    Rollup {
        all: bool,
        columns: Vec<Node>,
    },
}

/// Transformations of the standard that we do not do.
const REFUSED: [&str; 11] = [
    "addnested",
    "ancestors",
    "descendants",
    "expand",
    "join",
    "nest",
    "outerjoin",
    "rollup",
    "search",
    "traverse",
    "unnest",
];

const BEST: [&str; 6] = ["topcount", "topsum", "toppercent", "bottomcount", "bottomsum", "bottompercent"];

const KNOWN: [&str; 15] = [
    "concat",
    "filter",
    "groupby",
    "aggregate",
    "identity",
    "compute",
    "orderby",
    "skip",
    "top",
    BEST[0],
    BEST[1],
    BEST[2],
    BEST[3],
    BEST[4],
    BEST[5],
];

/// Each has all columns of the rows before it.
const COMPUTES_MAX: usize = 16;

/// Of `concat` in `concat`.
const DEPTH_MAX: usize = 8;

/// Each is a read of the table, or of what was made of it.
const PARTS_MAX: usize = 16;

const METHODS: [Method; 5] = [Method::Sum, Method::Average, Method::Least, Method::Most, Method::Distinct];

/// The value of an `$apply` on rows of a table.
pub fn applied(source: Source<'_>, table: &Table, context: Context<'_>) -> Result<Applied> {
    let mut parser = Parser::new(source.text, context.limits).map_err(|error| source.syntax(error))?;
    let transformations = Reading { source, parser: &mut parser, depth: 0 }.sequence()?;
    if parser.next.kind != TokenKind::End {
        return Err(source.syntax(parser.unexpected("`/` or the end")));
    }
    let mut applying = Applying {
        source,
        context,
        table,
        applied: Applied::default(),
        joined: RefCell::default(),
        computed: Vec::new(),
        computes: 0,
        parts: Cell::new(0),
    };
    transformations.iter().try_for_each(|transformation| applying.apply(transformation))?;
    let Applying { mut applied, joined, computed, .. } = applying;
    if let (Some((at, computed)), true) = (computed.first(), applied.steps.is_empty()) {
        let error = source.unsupported(*at, &format!("`compute` of `{}` without groups", computed.name));
        return Err(error.hint("use it in `groupby` or `aggregate`, or `$compute` in its place"));
    }
    applied.joined = joined.into_inner();
    Ok(applied)
}

struct Applying<'a> {
    source: Source<'a>,
    context: Context<'a>,
    table: &'a Table,
    applied: Applied,
    /// Values of related rows that are used before the first step.
    joined: RefCell<Vec<Joined>>,
    /// Values of the rows before the first step, each with where it stands.
    computed: Vec<(usize, Computed)>,
    /// How often values were given names.
    computes: usize,
    /// Of all `concat`.
    parts: Cell<usize>,
}

impl Applying<'_> {
    fn apply(&mut self, Transformation { at, form }: &Transformation) -> Result<()> {
        if matches!(form, Form::Compute(_)) {
            self.computes += 1;
            if self.computes > COMPUTES_MAX {
                let error = self.source.unsupported(*at, &format!("`compute` more than {COMPUTES_MAX} times"));
                return Err(error.hint("one `compute` gives names to any number of values"));
            }
        }
        match self.applied.steps.pop() {
            Some(mut last) => {
                let next = self.on_groups(*at, form, &mut last);
                self.applied.steps.push(last);
                self.applied.steps.extend(next?);
                Ok(())
            }
            None => self.on_rows(*at, form),
        }
    }

    fn on_rows(&mut self, at: usize, form: &Form) -> Result<()> {
        let computed: Vec<Computed> = self.computed.iter().map(|(_, computed)| computed.clone()).collect();
        let (source, spent) = (self.source, Spent::default());
        let resolver = Resolver::new(source, self.table, self.context, &spent, &self.joined);
        let resolver = Resolver { computed: &computed, ..resolver };
        if let Some(cut) = self.applied.cut.take() {
            self.applied.cut = Some(self.cut(at, form, cut, &resolver)?);
            return Ok(());
        }
        match form {
            Form::Filter(node) => {
                let more = resolver.condition(node)?;
                self.applied.filter = with(self.applied.filter.take(), more);
            }
            Form::Group { by, aggregates } => {
                let asked = resolver.asked(by, aggregates)?;
                let wide = widened(self.table, &self.joined.borrow(), self.context.catalog)?;
                self.applied.steps.push(asked.of(&wide, at, source)?);
            }
            Form::Compute(items) => {
                let mut computed = computed.clone();
                for (node, name) in items {
                    let known = self.table.property(name).is_some() || computed.iter().any(|other| other.name == *name);
                    if known || self.context.catalog.relation(self.table, name).is_some() {
                        return Err(source.bad(node.at, &format!("`{name}` is the name of another property")));
                    }
                    // Those that stand beside it are not known yet.
                    let (expr, of) = resolver.expression(node)?;
                    if expr.parts() > self.context.limits.filter_nodes / 4 {
                        return Err(source.bad(node.at, "a value of more than a quarter of the limit `filter_nodes`"));
                    }
                    computed.push(Computed { name: name.clone(), expr, of });
                }
                let new = computed.split_off(self.computed.len());
                self.computed.extend(new.into_iter().map(|computed| (at, computed)));
            }
            Form::Concat(parts) => {
                let part = |transformations: &Vec<Transformation>| {
                    let computed = self.computed.clone();
                    let joined = RefCell::new(self.joined.borrow().clone());
                    let part =
                        self.part(at, transformations, Applying { computed, joined, ..self.beside(self.table) })?;
                    match part.steps.is_empty() {
                        true => Err(self.of_rows(at, "concat")),
                        false => Ok(part),
                    }
                };
                let parts = parts.iter().map(part).collect::<Result<_>>()?;
                self.applied.steps.push(placed(Grouping::of_parts(self.table, parts), at, source)?);
            }
            Form::Best { name, amount, by } => {
                let best = resolver.best(name, amount, by)?;
                let Measure::Count(count) = best.measure else { return Err(self.of_rows(at, name)) };
                let has_value = Filter::Compare(Compare::Ne, best.by.clone(), Expr::Literal(Literal::Null));
                self.applied.filter = with(self.applied.filter.take(), has_value);
                let order = vec![Order { by: best.by, descending: best.largest }];
                self.applied.cut = Some(Cut { order, skip: 0, top: Some(count) });
            }
            Form::Order(_) | Form::Skip(_) | Form::Top(_) => {
                self.applied.cut = Some(self.cut(at, form, Cut::default(), &resolver)?);
            }
        }
        Ok(())
    }

    /// What is cut from rows that are not grouped, after one more transformation.
    fn cut(&self, at: usize, form: &Form, cut: Cut, resolver: &Resolver<'_>) -> Result<Cut> {
        Ok(match form {
            Form::Order(items) if cut == Cut::default() => {
                let order =
                    |item: &OrderItem| Ok(Order { by: resolver.expression(&item.by)?.0, descending: item.descending });
                Cut { order: items.iter().map(order).collect::<Result<_>>()?, ..cut }
            }
            Form::Skip(node) => {
                let skip = resolver.whole(node, 0)?;
                Cut { skip: cut.skip.saturating_add(skip), top: cut.top.map(|top| top.saturating_sub(skip)), ..cut }
            }
            Form::Top(node) => {
                let top = resolver.whole(node, 0)?;
                Cut { top: Some(cut.top.map_or(top, |before| before.min(top))), ..cut }
            }
            _ => {
                let message = "a transformation of rows that are not grouped, behind `orderby`, `skip`, `top`, `topcount` or `bottomcount`,";
                let error = self.source.unsupported(at, message);
                return Err(error.hint("put `filter` before it, and group before it"));
            }
        })
    }

    /// For a part of `concat` on rows of a table.
    fn beside<'t>(&self, table: &'t Table) -> Applying<'t>
    where
        Self: 't,
    {
        let Self { source, context, computes, .. } = *self;
        let (applied, joined, computed) = (Applied::default(), RefCell::default(), Vec::new());
        Applying { source, context, table, applied, joined, computed, computes, parts: self.parts.clone() }
    }

    fn part(&self, at: usize, transformations: &[Transformation], mut of: Applying<'_>) -> Result<Part> {
        self.parts.set(self.parts.get() + 1);
        if self.parts.get() > PARTS_MAX {
            let error = self.source.unsupported(at, &format!("more than {PARTS_MAX} parts of `concat` and `rollup`"));
            return Err(error.hint("ask for some of them by another request"));
        }
        of.parts.set(self.parts.get());
        transformations.iter().try_for_each(|transformation| of.apply(transformation))?;
        self.parts.set(of.parts.get());
        let Applied { filter, steps, .. } = of.applied;
        Ok(Part { filter, joined: of.joined.into_inner(), steps })
    }

    fn of_rows(&self, at: usize, name: &str) -> Error {
        let error = self.source.unsupported(at, &format!("the transformation `{name}` of rows that are not grouped"));
        error.hint("$orderby, $skip and $top do it where nothing is grouped; in $apply it stands behind `groupby`")
    }

    /// What is done with the rows of a step, or the step that follows.
    fn on_groups(&self, at: usize, form: &Form, last: &mut Grouping) -> Result<Option<Grouping>> {
        let (source, spent, joined) = (self.source, Spent::default(), RefCell::default());
        let table = last.table.clone();
        let resolver = Resolver::new(source, &table, self.context, &spent, &joined);
        let then = match form {
            Form::Filter(node) => {
                let more = resolver.condition(node)?;
                if last.then.is_empty() {
                    last.filter = with(last.filter.take(), more);
                    return Ok(None);
                }
                Then::Filter(more)
            }
            Form::Group { by, aggregates } => {
                return resolver.asked(by, aggregates)?.of(&table, at, source).map(Some);
            }
            Form::Concat(parts) => {
                let part = |transformations: &Vec<Transformation>| {
                    let steps = vec![Grouping::of_all(table.clone())];
                    let applied = Applied { steps, ..Applied::default() };
                    self.part(at, transformations, Applying { applied, ..self.beside(&table) })
                };
                let parts = parts.iter().map(part).collect::<Result<_>>()?;
                return placed(Grouping::of_parts(&table, parts), at, source).map(Some);
            }
            // Which properties a row has stands beside them.
            Form::Compute(_) if table.columns.iter().any(|column| column.name == PROPERTIES) => {
                return Err(source.unsupported(at, "`compute` behind `concat` and `rollup`"));
            }
            Form::Compute(items) => {
                if last.then.iter().any(|then| matches!(then, Then::Order(_))) {
                    let error = source.unsupported(at, "`compute` behind `orderby`");
                    return Err(error.hint("put `orderby` behind it"));
                }
                // Groups of one row each.
                let columns = table.columns.iter().enumerate();
                let mut by: Vec<_> = columns
                    .map(|(column, described)| (described.property().into_owned(), Expr::Column(column)))
                    .collect();
                for (node, name) in items {
                    by.push((name.clone(), resolver.expression(node)?.0));
                }
                return Asked { by, aggregates: Vec::new() }.of(&table, at, source).map(Some);
            }
            Form::Order(items) => {
                let order =
                    |item: &OrderItem| Ok(Order { by: resolver.expression(&item.by)?.0, descending: item.descending });
                Then::Order(items.iter().map(order).collect::<Result<_>>()?)
            }
            Form::Skip(node) => Then::Skip(resolver.whole(node, 0)?),
            Form::Top(node) => Then::Top(resolver.whole(node, 0)?),
            Form::Best { name, amount, by } => Then::Best(resolver.best(name, amount, by)?),
        };
        last.then.push(then);
        Ok(None)
    }
}

fn with(filter: Option<Filter>, more: Filter) -> Option<Filter> {
    Some(match filter {
        Some(filter) => Filter::And(filter.into(), more.into()),
        None => more,
    })
}

/// Names and values of a step.
struct Asked {
    by: Vec<(String, Expr)>,
    aggregates: Vec<(String, Method, Option<Expr>)>,
}

impl Asked {
    fn of(self, table: &Table, at: usize, source: Source<'_>) -> Result<Grouping> {
        placed(Grouping::new(table, self.by, self.aggregates), at, source)
    }
}

fn placed(step: Result<Grouping>, at: usize, source: Source<'_>) -> Result<Grouping> {
    step.map_err(|error| source.placed(&error, at))
}

impl Resolver<'_> {
    fn asked(&self, by: &[Node], aggregates: &[Item]) -> Result<Asked> {
        let by = by.iter().map(|node| self.grouped(node)).collect::<Result<_>>()?;
        let of = |item: &Item| {
            let of = item.of.as_ref().map(|node| self.aggregated(node)).transpose()?;
            Ok((item.alias.clone(), item.method, of))
        };
        Ok(Asked { by, aggregates: aggregates.iter().map(of).collect::<Result<_>>()? })
    }

    fn best(&self, name: &str, amount: &Node, by: &Node) -> Result<Best> {
        let (value, of) = self.expression(by)?;
        let (largest, measure) = match name.strip_prefix("top") {
            Some(measure) => (true, measure),
            None => (false, name.strip_prefix("bottom").unwrap_or_default()),
        };
        if of == Type::Guid {
            return Err(
                self.bad(by.at, &format!("`{name}` takes values that have an order, and this is {}", of.name()))
            );
        }
        if measure != "count" && of != Type::Number {
            return Err(self.bad(by.at, &format!("`{name}` takes numbers, and this is {}", of.name())));
        }
        let measure = match measure {
            "count" => Measure::Count(self.whole(amount, 1)?),
            "sum" => Measure::Sum(self.positive(amount)?),
            _ => {
                let percent = self.positive(amount)?;
                if Number::parse("100").is_some_and(|most| percent > most) {
                    return Err(self.bad(amount.at, "a number up to 100 is expected"));
                }
                Measure::Percent(percent)
            }
        };
        Ok(Best { by: value, largest, measure })
    }

    fn literal(&self, node: &Node) -> Result<Number<'static>> {
        match self.expression(node)? {
            (Expr::Literal(Literal::Number(number)), _) => Ok(number),
            _ => {
                let error = self.bad(node.at, "a number is expected here");
                Err(error.hint("the number stands first: `topcount(5,column)`"))
            }
        }
    }

    fn positive(&self, node: &Node) -> Result<Number<'static>> {
        let number = self.literal(node)?;
        match Number::parse("0") {
            Some(none) if number > none => Ok(number),
            _ => Err(self.bad(node.at, "a number above 0 is expected")),
        }
    }

    fn whole(&self, node: &Node, least: u64) -> Result<u64> {
        let number = self.literal(node)?.text().parse().ok().filter(|number| *number >= least);
        number.ok_or_else(|| self.bad(node.at, &format!("a whole number from {least} on is expected")))
    }

    /// A column that rows are grouped by, with its path as it is written.
    fn grouped(&self, node: &Node) -> Result<(String, Expr)> {
        let Syntax::Path(path) = &node.syntax else {
            return Err(self.bad(node.at, "the path of a column is expected"));
        };
        let mut names = Vec::with_capacity(path.len());
        for segment in path {
            match &segment.kind {
                SegmentKind::Name { name, arguments: None } if !name.contains('.') => names.push(name.as_str()),
                SegmentKind::Name { name, .. } => {
                    return Err(self.unsupported(segment.at, &format!("`{name}` in `groupby`")));
                }
                _ => return Err(self.unsupported(segment.at, "this in `groupby`")),
            }
        }
        self.no_collection(node.at, path, "groupby")?;
        if let [name] = names.as_slice()
            && self.table.property(name).is_none()
            && let Some(to) = self.context.catalog.relation(self.table, name)
        {
            let key = match to {
                Relation::Lookup { column, .. } => self.table.columns[column].property().into_owned(),
                _ => format!("_{name}_value"),
            };
            let error = self.unsupported(node.at, &format!("the navigation property `{name}` in `groupby`"));
            return Err(error.hint(format!("group by its key, `{key}`, or by a column behind it, `{name}/…`")));
        }
        Ok((names.join("/"), self.expression(node)?.0))
    }

    fn aggregated(&self, node: &Node) -> Result<Expr> {
        if let Syntax::Path(path) = &node.syntax {
            self.no_collection(node.at, path, "aggregate")?;
        }
        Ok(self.expression(node)?.0)
    }

    /// Rows that point here are many for each row: there is no one value of theirs.
    fn no_collection(&self, at: usize, path: &[Segment], what: &str) -> Result<()> {
        let Some(Segment { kind: SegmentKind::Name { name, arguments: None }, .. }) = path.first() else {
            return Ok(());
        };
        match self.context.catalog.relation(self.table, name) {
            Some(Relation::Collection { table, .. }) if self.table.property(name).is_none() => {
                let error = self.unsupported(at, &format!("the collection `{name}` in `{what}`"));
                Err(error.hint(format!("ask for rows of `{table}`, and group by what is behind its lookup")))
            }
            _ => Ok(()),
        }
    }
}

struct Reading<'p, 'a> {
    source: Source<'p>,
    parser: &'p mut Parser<'a>,
    /// Of `concat` around what is read.
    depth: usize,
}

impl Reading<'_, '_> {
    fn sequence(&mut self) -> Result<Vec<Transformation>> {
        let mut all = Vec::new();
        loop {
            all.extend(self.transformation()?);
            if !self.skip('/')? {
                return Ok(all);
            }
        }
    }

    /// None = it leaves the rows as they are.
    fn transformation(&mut self) -> Result<Option<Transformation>> {
        let at = self.parser.next.at;
        let name = self.name("a transformation")?;
        let form = match name.as_str() {
            "identity" => return Ok(None),
            "aggregate" => Form::Group { by: Vec::new(), aggregates: self.aggregates()? },
            "groupby" => self.groups()?,
            name if KNOWN.contains(&name) => {
                self.expect('(')?;
                let form = self.of_rows(name)?;
                self.expect(')')?;
                form
            }
            other => return Err(self.no_transformation(at, other)),
        };
        Ok(Some(Transformation { at, form }))
    }

    /// What stands in the parentheses of a transformation that groups nothing.
    fn of_rows(&mut self, name: &str) -> Result<Form> {
        Ok(match name {
            "concat" => {
                let mut parts = vec![self.nested()?];
                while self.skip(',')? {
                    parts.push(self.nested()?);
                }
                if parts.len() < 2 {
                    return Err(self.source.syntax(self.parser.unexpected("`,` and another sequence")));
                }
                Form::Concat(parts)
            }
            "filter" => Form::Filter(self.expression()?),
            "skip" => Form::Skip(self.expression()?),
            "top" => Form::Top(self.expression()?),
            "orderby" => Form::Order(self.parser.order_by().map_err(|error| self.source.syntax(error))?),
            "compute" => {
                let mut items = Vec::new();
                loop {
                    let of = self.expression()?;
                    items.push((of, self.alias()?));
                    if !self.skip(',')? {
                        break;
                    }
                }
                Form::Compute(items)
            }
            other => {
                let amount = self.expression()?;
                self.expect(',')?;
                let name = BEST.into_iter().find(|best| *best == other).unwrap_or_default();
                Form::Best { name, amount, by: self.expression()? }
            }
        })
    }

    /// A sequence inside of another.
    fn nested(&mut self) -> Result<Vec<Transformation>> {
        if self.depth >= DEPTH_MAX {
            let at = self.parser.next.at;
            return Err(self.source.unsupported(at, &format!("`concat` in `concat` deeper than {DEPTH_MAX}")));
        }
        self.depth += 1;
        let sequence = self.sequence();
        self.depth -= 1;
        sequence
    }

    fn expression(&mut self) -> Result<Node> {
        self.parser.expression().map_err(|error| self.source.syntax(error))
    }

    fn groups(&mut self) -> Result<Form> {
        let twice =
            |error: Error| error.hint("write `groupby((a,b),aggregate(…))`, the columns in parentheses of their own");
        self.expect('(')?;
        self.expect('(').map_err(twice)?;
        let at = self.parser.next.at;
        let mut by = Vec::new();
        loop {
            by.push(match self.parser.next.kind {
                TokenKind::Name("rollup") => self.rollup()?,
                _ => By::Column(self.expression()?),
            });
            if !self.skip(',')? {
                break;
            }
        }
        self.expect(')')?;
        let mut aggregates = Vec::new();
        if self.skip(',')? {
            let at = self.parser.next.at;
            match self.name("`aggregate`")?.as_str() {
                "aggregate" => aggregates = self.aggregates()?,
                name if KNOWN.contains(&name) => {
                    let error = self.source.unsupported(at, &format!("`{name}` inside `groupby`"));
                    return Err(error.hint("put it before `groupby`, or behind, with `/` between them"));
                }
                other => return Err(self.no_transformation(at, other)),
            }
            if self.parser.is('/') {
                let error = self.source.unsupported(self.parser.next.at, "a sequence inside `groupby`");
                return Err(error.hint("put what follows behind `groupby(…)`, with `/` between them"));
            }
        }
        self.expect(')')?;
        self.levels(at, by, &aggregates)
    }

    /// `rollup(a,b)`, `rollup($all,a,b)`
    fn rollup(&mut self) -> Result<By> {
        self.name("`rollup`")?;
        self.expect('(')?;
        let (mut all, mut columns) = (false, Vec::new());
        if self.parser.next.kind == TokenKind::Dollar("all") {
            self.parser.advance().map_err(|error| self.source.syntax(error))?;
            all = true;
            self.expect(',')?;
        }
        loop {
            columns.push(self.expression()?);
            if !self.skip(',')? {
                break;
            }
        }
        self.expect(')')?;
        Ok(By::Rollup { all, columns })
    }

    /// One group for each level, with the columns where they are written: of each rollup all of them, then one less, down to
    /// the first, and with `$all` to none.
    fn levels(&self, at: usize, by: Vec<By>, aggregates: &[Item]) -> Result<Form> {
        let mut levels: Vec<Vec<Node>> = vec![Vec::new()];
        for item in by {
            match item {
                By::Column(column) => levels.iter_mut().for_each(|level| level.push(column.clone())),
                By::Rollup { all, columns } => {
                    let counts = (usize::from(!all)..=columns.len()).rev();
                    let with = |count: usize| {
                        let more = columns.iter().take(count);
                        levels.iter().map(move |level| level.iter().chain(more.clone()).cloned().collect::<Vec<_>>())
                    };
                    levels = counts.flat_map(with).take(PARTS_MAX + 1).collect();
                }
            }
        }
        let of = |by: Vec<Node>| {
            if by.is_empty() && aggregates.is_empty() {
                let error = self.source.unsupported(at, "`rollup($all,…)` without `aggregate`");
                return Err(error.hint("say what is to be counted or added up, or leave `$all` out"));
            }
            Ok(Transformation { at, form: Form::Group { by, aggregates: aggregates.to_vec() } })
        };
        if levels.len() == 1 {
            return of(levels.remove(0)).map(|one| one.form);
        }
        Ok(Form::Concat(levels.into_iter().map(|by| Ok(vec![of(by)?])).collect::<Result<_>>()?))
    }

    /// `(item,…)`
    fn aggregates(&mut self) -> Result<Vec<Item>> {
        self.expect('(')?;
        let mut items = Vec::new();
        loop {
            items.push(self.aggregate()?);
            if !self.skip(',')? {
                break;
            }
        }
        self.expect(')')?;
        Ok(items)
    }

    fn aggregate(&mut self) -> Result<Item> {
        let of = self.expression()?;
        if let Syntax::Path(path) = &of.syntax
            && let Some(Segment { kind: SegmentKind::Dollar(name), at }) = path.last()
            && name == "count"
        {
            if path.len() > 1 {
                let error = self.source.unsupported(*at, "`$count` behind a path in `aggregate`");
                return Err(error.hint("`$count as n` counts the rows of each group"));
            }
            return Ok(Item { of: None, method: Method::Rows, alias: self.alias()? });
        }
        self.word("with").map_err(|error| error.hint("write `column with sum as total`, or `$count as n`"))?;
        let at = self.parser.next.at;
        let method = self.name("a method")?;
        let Some(known) = METHODS.into_iter().find(|known| known.name() == method) else {
            if method.contains('.') {
                return Err(self.source.unsupported(at, &format!("the method `{method}`")));
            }
            let error = self.source.bad(at, &format!("there is no method `{method}`"));
            if let Some(hint) = instead::of_method(&method) {
                return Err(error.hint(hint));
            }
            return Err(match nearest(&method, METHODS.map(Method::name)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        };
        Ok(Item { of: Some(of), method: known, alias: self.alias()? })
    }

    /// `as name`
    fn alias(&mut self) -> Result<String> {
        if matches!(self.parser.next.kind, TokenKind::Name("from")) {
            return Err(self.source.unsupported(self.parser.next.at, "`from` in `aggregate`"));
        }
        self.word("as")?;
        let at = self.parser.next.at;
        let name = self.name("a name for the result")?;
        if name.contains('.') {
            return Err(self.source.bad(at, "a name without dots is expected"));
        }
        Ok(name)
    }

    fn no_transformation(&self, at: usize, name: &str) -> Error {
        if REFUSED.contains(&name) || name.contains('.') {
            let error = self.source.unsupported(at, &format!("the transformation `{name}`"));
            return error.hint(
                "use `filter`, `compute`, `groupby`, `aggregate`, and behind them `orderby`, `skip`, `top`, `topcount` and its kin",
            );
        }
        let error = self.source.bad(at, &format!("there is no transformation `{name}`"));
        match nearest(name, KNOWN) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("there are {}", KNOWN.join(", "))),
        }
    }

    fn name(&mut self, wanted: &str) -> Result<String> {
        let TokenKind::Name(name) = self.parser.next.kind else {
            return Err(self.source.syntax(self.parser.unexpected(wanted)));
        };
        self.parser.advance().map_err(|error| self.source.syntax(error))?;
        Ok(name.to_owned())
    }

    fn word(&mut self, word: &str) -> Result<()> {
        match self.parser.next.kind {
            TokenKind::Name(name) if name == word => {
                self.parser.advance().map_err(|error| self.source.syntax(error))?;
                Ok(())
            }
            _ => Err(self.source.syntax(self.parser.unexpected(&format!("`{word}`")))),
        }
    }

    fn skip(&mut self, mark: char) -> Result<bool> {
        self.parser.skip(mark).map_err(|error| self.source.syntax(error))
    }

    fn expect(&mut self, mark: char) -> Result<()> {
        self.parser.expect(mark).map_err(|error| self.source.syntax(error))
    }
}

#[cfg(test)]
mod tests;
