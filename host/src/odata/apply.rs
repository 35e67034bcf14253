//! `$apply`: text to groups (OData Extension for Data Aggregation 4.0, section 3). `filter`, `groupby` with `aggregate` or
//! alone, `aggregate` and `identity`, one after the other; every other transformation is refused by name.

use std::cell::{Cell, RefCell};

use super::expression::{Context, Resolver, Source};
use super::filter;
use super::lexer::TokenKind;
use super::syntax::{Node, Parser, Segment, SegmentKind, Syntax};
use crate::model::aggregate::{Grouping, Method};
use crate::model::catalog::{Relation, nearest};
use crate::model::error::{Error, Result};
use crate::model::query::{Expr, Filter, Joined};
use crate::model::table::Table;
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
}

/// As it is written.
enum Transformation {
    Filter(Node),
    Group { at: usize, by: Vec<Node>, aggregates: Vec<Item> },
}

/// `$count as alias`, `expression with method as alias`
struct Item {
    of: Option<Node>,
    method: Method,
    alias: String,
}

/// Transformations of the standard that we do not do.
const REFUSED: [&str; 22] = [
    "addnested",
    "ancestors",
    "bottomcount",
    "bottompercent",
    "bottomsum",
    "compute",
    "concat",
    "descendants",
    "expand",
    "join",
    "nest",
    "orderby",
    "outerjoin",
    "rollup",
    "search",
    "skip",
    "top",
    "topcount",
    "toppercent",
    "topsum",
    "traverse",
    "unnest",
];

const KNOWN: [&str; 4] = ["filter", "groupby", "aggregate", "identity"];

const METHODS: [Method; 5] = [Method::Sum, Method::Average, Method::Least, Method::Most, Method::Distinct];

/// The value of an `$apply` on rows of a table.
pub fn applied(source: Source<'_>, table: &Table, context: Context<'_>) -> Result<Applied> {
    let mut parser = Parser::new(source.text, context.limits).map_err(|error| source.syntax(error))?;
    let transformations = Reading { source, parser: &mut parser }.sequence()?;
    if parser.next.kind != TokenKind::End {
        return Err(source.syntax(parser.unexpected("`/` or the end")));
    }
    let mut applied = Applied::default();
    let joined = RefCell::default();
    for transformation in &transformations {
        match (transformation, applied.steps.last_mut()) {
            (Transformation::Filter(node), None) => {
                let more = filter::condition(node, source, table, context, &joined)?;
                applied.filter = with(applied.filter.take(), more);
            }
            (Transformation::Filter(node), Some(step)) => {
                let more = filter::condition(node, source, &step.table, context, &RefCell::default())?;
                step.filter = with(step.filter.take(), more);
            }
            (Transformation::Group { at, by, aggregates }, None) => {
                let asked = asked(by, aggregates, source, table, context, &joined)?;
                let wide = widened(table, &joined.borrow(), context.catalog)?;
                applied.steps.push(asked.of(&wide, *at, source)?);
            }
            (Transformation::Group { at, by, aggregates }, Some(before)) => {
                let asked = asked(by, aggregates, source, &before.table, context, &RefCell::default())?;
                let step = asked.of(&before.table, *at, source)?;
                applied.steps.push(step);
            }
        }
    }
    applied.joined = joined.into_inner();
    Ok(applied)
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
        let position = super::lexer::position(source.text, at);
        Grouping::new(table, self.by, self.aggregates).map_err(|error| {
            let whole = Error::new(error.code(), format!("{}, at position {position}", error.message()));
            let whole = whole.target(source.target);
            match error.get_hint() {
                Some(hint) => whole.hint(hint),
                None => whole,
            }
        })
    }
}

fn asked(
    by: &[Node],
    aggregates: &[Item],
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
) -> Result<Asked> {
    let expanded = Cell::new(0);
    let resolver = Resolver::new(source, table, context, &expanded, joined);
    let by = by.iter().map(|node| resolver.grouped(node)).collect::<Result<_>>()?;
    let of = |item: &Item| {
        let of = item.of.as_ref().map(|node| resolver.aggregated(node)).transpose()?;
        Ok((item.alias.clone(), item.method, of))
    };
    Ok(Asked { by, aggregates: aggregates.iter().map(of).collect::<Result<_>>()? })
}

impl Resolver<'_> {
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
        match name.as_str() {
            "identity" => return Ok(None),
            "filter" => {
                self.expect('(')?;
                let condition = self.parser.expression().map_err(|error| self.source.syntax(error))?;
                self.expect(')')?;
                return Ok(Some(Transformation::Filter(condition)));
            }
            "aggregate" => {
                let aggregates = self.aggregates()?;
                return Ok(Some(Transformation::Group { at, by: Vec::new(), aggregates }));
            }
            "groupby" => {}
            other => return Err(self.no_transformation(at, other)),
        }
        self.expect('(')?;
        self.expect('(')?;
        let mut by = Vec::new();
        loop {
            by.push(self.parser.expression().map_err(|error| self.source.syntax(error))?);
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
                    return Err(self.source.unsupported(at, &format!("`{name}` inside `groupby`")));
                }
                other => return Err(self.no_transformation(at, other)),
            }
            if self.parser.is('/') {
                return Err(self.source.unsupported(self.parser.next.at, "a sequence inside `groupby`"));
            }
        }
        self.expect(')')?;
        Ok(Some(Transformation::Group { at, by, aggregates }))
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
        let of = self.parser.expression().map_err(|error| self.source.syntax(error))?;
        if let Syntax::Path(path) = &of.syntax
            && let Some(Segment { kind: SegmentKind::Dollar(name), at }) = path.last()
            && name == "count"
        {
            if path.len() > 1 {
                return Err(self.source.unsupported(*at, "`$count` behind a path in `aggregate`"));
            }
            return Ok(Item { of: None, method: Method::Rows, alias: self.alias()? });
        }
        self.word("with")?;
        let at = self.parser.next.at;
        let method = self.name("a method")?;
        let Some(known) = METHODS.into_iter().find(|known| known.name() == method) else {
            if method.contains('.') {
                return Err(self.source.unsupported(at, &format!("the method `{method}`")));
            }
            let error = self.source.bad(at, &format!("there is no method `{method}`"));
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
                "use `filter`, `groupby` and `aggregate`; $filter, $orderby, $top and $skip are for what comes of them",
            );
        }
        let error = self.source.bad(at, &format!("there is no transformation `{name}`"));
        match nearest(name, KNOWN) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
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
