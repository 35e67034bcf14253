//! The query string: split, decoded once, its system options told from the others; and a [`Query`] made from them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;

use super::apply::{self, Applied, Cut};
use super::compute;
use super::expression::{Context, Source, nearest_property};
use super::filter;
use super::search;
use super::selection::{self, Item, Nested, Part, Value};
use crate::model::aggregate::Aggregation;
use crate::model::catalog::{Relation, nearest};
use crate::model::error::{Code, Error, Result};
use crate::model::query::{Expand, ExpandForm, Filter, Joined, Query};
use crate::model::table::{ColumnIndex, Kind, Table};

/// Entity type and set of the concepts that rows carry. They are reached through rows only.
pub const CONCEPT_TYPE: &str = "msemr_codeableconcept";
pub const CONCEPT_SET: &str = "msemr_codeableconcepts";

/// What `$expand` of a concept shows, in this order; a `select` of [`Expand::query`] holds positions in it.
pub const CONCEPT_FIELDS: [&str; 5] =
    ["msemr_codeableconceptid", "msemr_code", "msemr_system", "msemr_name", "msemr_text"];

/// System options that we have, without `$`.
const KNOWN: [&str; 15] = [
    "select",
    "filter",
    "search",
    "orderby",
    "top",
    "skip",
    "count",
    "expand",
    "skiptoken",
    "deltatoken",
    "format",
    "explain",
    "apply",
    "compute",
    "id",
];

/// The parameters that hold a FetchXML, the id of a view and that of a user's view, in lower case.
pub const FETCH: &str = "fetchxml";
pub const VIEW: &str = "savedquery";
pub const USER_VIEW: &str = "userquery";

/// The same as Dataverse writes them.
const WRITTEN: [(&str, &str); 3] = [(FETCH, "fetchXml"), (VIEW, "savedQuery"), (USER_VIEW, "userQuery")];

/// System options of the standard that we refuse by name.
const REFUSED: [&str; 3] = ["index", "levels", "schemaversion"];

/// Parameters that Dataverse's Web API gives a meaning (Microsoft Learn, "Retrieve and execute predefined queries", "Use the
/// Dataverse SQL endpoint", "Elastic tables", "Shared variables", "Query schema definitions"), each as it
/// is written there: passed over, they would give rows that nobody asked for.
const OF_DATAVERSE: [&str; 4] = ["sql", "partitionId", "tag", "LabelLanguages"];

/// What a list is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    Rows(Box<Query>),
    Groups(Box<Aggregation>),
}

/// A query string taken apart. Values are decoded text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    system: BTreeMap<&'static str, String>,
    /// `@name=value`, names without the `@`.
    pub aliases: BTreeMap<String, String>,
}

impl Options {
    /// From what stands after the `?`. Custom options are ignored, as the protocol wants it.
    pub fn parse(query: &str) -> Result<Self> {
        let mut options = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            options.add(&decode(name)?, || decode(value))?;
        }
        Ok(options)
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.system.get(name).map(String::as_str)
    }

    /// Of the system options that are given, without `$`.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.system.keys().copied()
    }

    /// `$explain=true`
    pub fn explain(&self) -> Result<bool> {
        self.get("explain").map_or(Ok(false), |text| boolean("explain", text))
    }

    /// Refuses options that mean nothing for a resource.
    pub fn only(&self, allowed: &[&str], resource: &str) -> Result<()> {
        match self.system.keys().find(|name| !allowed.contains(*name) && !matches!(**name, "format" | "explain")) {
            Some(name) => {
                let theirs = WRITTEN.iter().find(|(lower, _)| lower == name);
                let written = theirs.map_or_else(|| format!("${name}"), |(_, written)| (*written).to_owned());
                let message = format!("`{written}` has no meaning for {resource}");
                Err(Error::new(Code::BadOption, message).target(written))
            }
            None => Ok(()),
        }
    }

    /// What the options describe of a list: rows of `table`, or what `$apply` makes of them.
    pub fn list(&self, table: &Table, context: Context<'_>) -> Result<Asked> {
        let Some(text) = self.get("apply") else { return Ok(Asked::Rows(self.query(table, context)?.into())) };
        for other in ["search", "expand", "compute"] {
            if self.get(other).is_some() {
                let error = Error::new(Code::NotSupported, format!("`${other}` beside `$apply` is not supported"));
                let error = error.target(format!("${other}"));
                return Err(match other {
                    "compute" => error.hint("`compute(…)` stands in `$apply`, before or behind the groups"),
                    "search" => error.hint("say it by `filter(contains(column,'…'))` in `$apply`"),
                    _ => error.hint("group by columns behind lookups, `navigation/column`"),
                });
            }
        }
        let Applied { filter, joined, steps, cut } = apply::applied(Source { text, target: "$apply" }, table, context)?;
        let Some(last) = steps.last() else {
            // The rows as they are.
            let mut query = self.query_with(table, context, joined, true)?;
            query.filter = both(filter, query.filter.take());
            if let Some(Cut { order, skip, top }) = cut {
                let odd =
                    ["filter", "orderby", "skip", "top", "count"].into_iter().find(|name| self.get(name).is_some());
                if let Some(odd) = odd {
                    let what =
                        format!("`${odd}` beside an `$apply` that cuts rows which are not grouped is not supported");
                    let error = Error::new(Code::NotSupported, what).target(format!("${odd}"));
                    return Err(error.hint("say all of it in `$apply`, or none"));
                }
                (query.order, query.skip, query.top) = (order, skip, top);
            }
            return Ok(Asked::Rows(query.into()));
        };
        // What comes after `$apply` is about what it gives (Data Aggregation 4.0, 3.1).
        let mut then = self.query(&last.table, context)?;
        let skip_token = then.skip_token.take();
        let of = Query { filter, joined, skip_token, ..Query::default() };
        Ok(Asked::Groups(Box::new(Aggregation { of, steps, then })))
    }

    /// The query that the options describe, on rows of `table`.
    pub fn query(&self, table: &Table, context: Context<'_>) -> Result<Query> {
        self.query_with(table, context, Vec::new(), true)
    }

    /// The same for how many rows there are, of which none is shown: nor are the values of `$compute`.
    pub fn query_of_count(&self, table: &Table, context: Context<'_>) -> Result<Query> {
        self.query_with(table, context, Vec::new(), false)
    }

    /// With values of related rows that are used already.
    fn query_with(&self, table: &Table, context: Context<'_>, joined: Vec<Joined>, shows: bool) -> Result<Query> {
        let mut query = Query { skip_token: self.get("skiptoken").map(str::to_owned), ..Query::default() };
        let joined = RefCell::new(joined);
        let computed = match self.get("compute") {
            Some(text) => compute::computed(Source { text, target: "$compute" }, table, context, &joined)?,
            None => compute::Values::default(),
        };
        if let Some(text) = self.get("filter") {
            let source = Source { text, target: "$filter" };
            query.filter = Some(filter::filter_by(source, table, context, &joined, computed.named())?);
        }
        if let Some(text) = self.get("orderby") {
            let source = Source { text, target: "$orderby" };
            query.order = filter::order_by_of(source, table, context, &joined, computed.named())?;
        }
        query.joined = joined.into_inner();
        if let Some(text) = self.get("search") {
            let found = search::condition(text, 0, Source { text, target: "$search" }, table, context)?;
            query.filter = both(query.filter.take(), Some(found));
        }
        if let Some(text) = self.get("select") {
            let source = Source { text, target: "$select" };
            let mut items = selection::select(text, context.limits).map_err(|e| source.syntax(e))?;
            self.leave_expanded(&mut items, table, context)?;
            let selected = computed.take_out(&mut items);
            query.select = select(&items, source, table, context)?;
            query.computed = computed.shown(query.select.is_some().then_some(&selected))?;
        } else if shows {
            query.computed = computed.shown(None)?;
        }
        if let Some(text) = self.get("expand") {
            let source = Source { text, target: "$expand" };
            let items = selection::expand(text, context.limits).map_err(|e| source.syntax(e))?;
            query.expand = expand(&items, table, Expanding { source, context, depth: 0 })?;
        }
        query.top = self.get("top").map(|text| number("top", text)).transpose()?;
        query.skip = self.get("skip").map_or(Ok(0), |text| number("skip", text))?;
        query.count = self.get("count").map_or(Ok(false), |text| boolean("count", text))?;
        Ok(query)
    }

    /// Takes the navigation properties out of a `$select` that `$expand` brings anyhow: their links, which they stand for
    /// (Protocol, 11.2.5.1), are said in `$metadata`.
    fn leave_expanded(&self, items: &mut Vec<Item>, table: &Table, context: Context<'_>) -> Result<()> {
        let Some(text) = self.get("expand") else { return Ok(()) };
        let source = Source { text, target: "$expand" };
        let expanded = selection::expand(text, context.limits).map_err(|e| source.syntax(e))?;
        let name = |item: &Item| match item.path.as_slice() {
            [part] if item.options.is_empty() => Some(part.name.clone()),
            _ => None,
        };
        let expanded: BTreeSet<_> = expanded.iter().filter_map(|item| Some(&item.path.first()?.name)).collect();
        items.retain(|item| {
            let name = name(item);
            !name.is_some_and(|name| expanded.contains(&name) && table.property(&name).is_none())
        });
        Ok(())
    }

    fn add(&mut self, name: &str, value: impl FnOnce() -> Result<String>) -> Result<()> {
        if let Some(alias) = name.strip_prefix('@') {
            return match self.aliases.insert(alias.to_owned(), value()?) {
                None => Ok(()),
                Some(_) => Err(twice(name)),
            };
        }
        let lower = name.to_ascii_lowercase();
        let bare = lower.strip_prefix('$').unwrap_or(&lower);
        if let Some(known) = KNOWN.into_iter().find(|known| *known == bare) {
            return match self.system.insert(known, value()?) {
                None => Ok(()),
                Some(_) => Err(twice(&format!("${known}"))),
            };
        }
        if let Some((lower, _)) = WRITTEN.iter().find(|(written, _)| *written == lower) {
            return match self.system.insert(lower, value()?) {
                None => Ok(()),
                Some(_) => Err(twice(name)),
            };
        }
        // With or without `$`: passed over, `index=1` would give rows that nobody asked for.
        if REFUSED.contains(&bare) {
            let message = format!("the query option `${bare}` is not supported");
            return Err(Error::new(Code::NotSupported, message).target(format!("${bare}")));
        }
        if let Some(theirs) = OF_DATAVERSE.into_iter().find(|theirs| theirs.eq_ignore_ascii_case(bare)) {
            let message = format!("the query parameter `{theirs}` of Dataverse is not supported");
            let error = Error::new(Code::NotSupported, message).target(theirs);
            return Err(error.hint("ask with $filter, $select, $orderby and $expand"));
        }
        if !lower.starts_with('$') {
            return Ok(());
        }
        let error = Error::new(Code::BadOption, format!("there is no query option `{name}`")).target(name);
        Err(match nearest(bare, KNOWN) {
            Some(near) => error.hint(format!("did you mean `${near}`?")),
            None => error,
        })
    }
}

/// Percent-decoded, `+` as a space.
fn decode(text: &str) -> Result<String> {
    let text = text.replace('+', " ");
    match percent_decode_str(&text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(Error::new(Code::BadUrl, "the query string is not UTF-8 after percent-decoding")),
    }
}

fn twice(name: &str) -> Error {
    Error::new(Code::BadOption, format!("`{name}` is given twice")).target(name)
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        Error::new(Code::BadOption, format!("`${name}` is a whole number from 0 on")).target(format!("${name}"))
    })
}

fn boolean(name: &str, text: &str) -> Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::new(Code::BadOption, format!("`${name}` is true or false")).target(format!("${name}"))),
    }
}

/// Both of two conditions that may be there.
pub fn both(a: Option<Filter>, b: Option<Filter>) -> Option<Filter> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Filter::And(a.into(), b.into())),
        (a, b) => a.or(b),
    }
}

/// None = everything (`*`).
fn select(items: &[Item], source: Source<'_>, table: &Table, context: Context<'_>) -> Result<Option<Vec<ColumnIndex>>> {
    let mut columns = Vec::new();
    let mut everything = false;
    for item in items {
        let [part] = item.path.as_slice() else {
            let error = source.unsupported(item.path.first().map_or(0, |p| p.at), "a path in `$select`");
            return Err(
                error.hint("what is behind a lookup is selected in its parentheses, `$expand=lookup($select=column)`")
            );
        };
        let unsupported = part.name.contains(['.', '@', '$']) || !item.options.is_empty();
        if unsupported {
            let error = source.unsupported(part.at, &format!("`{}` in `$select`", part.name));
            return Err(
                error.hint("names of columns stand here, and `*`; options stand in the parentheses of `$expand`")
            );
        }
        if part.name == "*" {
            everything = true;
            continue;
        }
        match table.property(&part.name) {
            Some(column) if table.columns[column].access.read => columns.push(column),
            Some(_) => return Err(source.bad(part.at, &format!("the column `{}` cannot be read", part.name))),
            None => return Err(unknown_in_select(&part.name, part.at, source, table, context)),
        }
    }
    columns.sort_unstable();
    columns.dedup();
    Ok(if everything { None } else { Some(columns) })
}

fn unknown_in_select(name: &str, at: usize, source: Source<'_>, table: &Table, context: Context<'_>) -> Error {
    let position = super::lexer::position(source.text, at);
    let message = format!("`{}` has no column `{name}`, at position {position}", table.name);
    let error = Error::new(Code::UnknownColumn, message).target(source.target);
    let hint = match context.catalog.relation(table, name) {
        Some(Relation::Lookup { column, .. }) => {
            let property = table.columns[column].property();
            Some(format!("select its key as `{property}`, or follow it with $expand={name}"))
        }
        Some(Relation::Concept { .. }) => {
            Some(format!("select its key as `_{name}_value`, or follow it with $expand={name}"))
        }
        Some(Relation::Collection { .. }) => Some(format!("follow it with $expand={name}")),
        None => nearest_property(table, name, context.catalog).map(|near| format!("did you mean `{near}`?")),
    };
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What the expansions of a request have in common.
#[derive(Clone, Copy)]
struct Expanding<'a> {
    source: Source<'a>,
    context: Context<'a>,
    /// Levels above this one.
    depth: usize,
}

impl Expanding<'_> {
    /// One level down.
    fn below(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    /// Checked at each level, so that nothing grows that is too much.
    fn check_width(&self, expands: &[Expand], at: usize) -> Result<()> {
        let most = self.context.limits.expand_width;
        match expands.iter().map(Expand::width).sum::<usize>() > most {
            true => Err(self.source.bad(at, &format!("more than {most} navigation properties (limit `expand_width`)"))),
            false => Ok(()),
        }
    }

    fn check_depth(&self, height: usize, at: usize) -> Result<()> {
        let most = self.context.limits.expand_depth;
        match self.depth.saturating_add(height) > most {
            true => Err(self.source.bad(at, &format!("`$expand` deeper than {most} levels (limit `expand_depth`)"))),
            false => Ok(()),
        }
    }
}

fn expand(items: &[Item], table: &Table, here: Expanding<'_>) -> Result<Vec<Expand>> {
    let mut expands: Vec<Expand> = Vec::new();
    let mut all = None;
    for item in items {
        let at = item.path.first().map_or(0, |p| p.at);
        if let Some(form) = every_one(item, here.source)? {
            if all.replace((form, at)).is_some() {
                return Err(here.source.bad(at, "`*` is given twice"));
            }
            continue;
        }
        let expand = expand_one(item, table, here)?;
        if expands.iter().any(|e| e.navigation == expand.navigation) {
            return Err(here.source.bad(at, &format!("`{}` is expanded twice", expand.navigation)));
        }
        expands.push(expand);
        here.check_width(&expands, at)?;
    }
    if let Some((form, at)) = all {
        here.check_depth(1, at)?;
        // What is named by itself is as it is named.
        let rest = here.context.catalog.relations(table).iter();
        let rest = rest.filter(|(name, to)| {
            let leads_on = match to {
                Relation::Lookup { table, .. } | Relation::Collection { table, .. } => {
                    here.context.catalog.table(table).is_some_and(|table| table.access.read)
                }
                Relation::Concept { .. } => form == ExpandForm::Rows,
            };
            leads_on && expands.iter().all(|e| e.navigation != *name)
        });
        let query = || only_key(form);
        let rest: Vec<Expand> =
            rest.map(|(name, to)| Expand { navigation: name.clone(), to: to.clone(), form, query: query() }).collect();
        expands.extend(rest);
        here.check_width(&expands, at)?;
    }
    Ok(expands)
}

/// `*`, `*/$ref`
fn every_one(item: &Item, source: Source<'_>) -> Result<Option<ExpandForm>> {
    let names: Vec<_> = item.path.iter().map(|part| part.name.as_str()).collect();
    let form = match names.as_slice() {
        ["*"] => ExpandForm::Rows,
        ["*", "$ref"] => ExpandForm::References,
        _ => return Ok(None),
    };
    match item.options.first() {
        Some(option) => Err(source.unsupported(option.at, "an option for all navigation properties at once")),
        None => Ok(Some(form)),
    }
}

/// Of rows that are not shown themselves only the key is read.
fn only_key(form: ExpandForm) -> Query {
    match form {
        ExpandForm::Rows => Query::default(),
        ExpandForm::References => Query { select: Some(Vec::new()), ..Query::default() },
        ExpandForm::Count => Query { select: Some(Vec::new()), count: true, top: Some(0), ..Query::default() },
    }
}

fn expand_one(item: &Item, table: &Table, here: Expanding<'_>) -> Result<Expand> {
    const COLLECTION: &[&str] = &["select", "filter", "search", "orderby", "top", "skip", "count", "expand", "levels"];
    let Expanding { source, context, .. } = here;
    let (part, form) = match item.path.as_slice() {
        [part] => (part, ExpandForm::Rows),
        [part, last] if last.name == "$ref" => (part, ExpandForm::References),
        [part, last] if last.name == "$count" => (part, ExpandForm::Count),
        path => return Err(odd_path(path, source)),
    };
    if part.name.contains(['.', '@', '$', '*']) {
        return Err(odd_path(&item.path, source));
    }
    let Some(to) = context.catalog.relation(table, &part.name) else {
        return Err(unknown_relation(&part.name, part.at, source, table, context));
    };
    here.check_depth(1, part.at)?;
    let (allowed, target): (&[&str], _) = match (&to, form) {
        (Relation::Lookup { table, .. }, ExpandForm::Rows) => (&["select", "expand", "levels"], table),
        (Relation::Lookup { table, .. }, ExpandForm::References) => (&[], table),
        (Relation::Lookup { .. }, ExpandForm::Count) => {
            return Err(source.bad(part.at, &format!("`{}` leads to one row, which is not counted", part.name)));
        }
        (Relation::Collection { table, .. }, ExpandForm::Rows) => (COLLECTION, table),
        (Relation::Collection { table, .. }, ExpandForm::References) => {
            (&["filter", "search", "orderby", "top", "skip", "count"], table)
        }
        (Relation::Collection { table, .. }, ExpandForm::Count) => (&["filter", "search"], table),
        (Relation::Concept { .. }, ExpandForm::Rows) => {
            let query = Query { select: concept_fields(&item.options, source)?, ..Query::default() };
            return Ok(Expand { navigation: part.name.clone(), to, form, query });
        }
        (Relation::Concept { .. }, _) => return Err(odd_path(&item.path, source)),
    };
    let target = related(target, context)?;
    let (query, levels) = nested(&item.options, allowed, only_key(form), target, here)?;
    let expand = Expand { navigation: part.name.clone(), to, form, query };
    let Some((levels, at)) = levels else { return Ok(expand) };
    if target.name != table.name {
        let what = format!("`{}` leads to another table, so it has no `$levels`", part.name);
        return Err(source.bad(at, &what));
    }
    repeated(expand, levels, at, here)
}

/// A navigation property that leads back to its table, followed so many times in a row.
fn repeated(expand: Expand, levels: usize, at: usize, here: Expanding<'_>) -> Result<Expand> {
    if expand.query.expand.iter().any(|inner| inner.navigation == expand.navigation) {
        return Err(here.source.bad(at, &format!("`{}` is expanded twice: by `$levels` too", expand.navigation)));
    }
    here.check_depth(levels.saturating_add(expand.height() - 1), at)?;
    let mut all = expand.clone();
    for _ in 1..levels {
        let mut above = expand.clone();
        above.query.expand.push(all);
        all = above;
    }
    Ok(all)
}

fn odd_path(path: &[Part], source: Source<'_>) -> Error {
    let written = path.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join("/");
    let error = source.unsupported(path.first().map_or(0, |p| p.at), &format!("`{written}` in `$expand`"));
    error.hint("write `navigation($select=column;$expand=further)`, `navigation/$ref` or `navigation/$count`")
}

fn unknown_relation(name: &str, at: usize, source: Source<'_>, table: &Table, context: Context<'_>) -> Error {
    let position = super::lexer::position(source.text, at);
    let message = format!("`{}` has no navigation property `{name}`, at position {position}", table.name);
    let error = Error::new(Code::UnknownRelation, message).target(source.target);
    let relations = context.catalog.relations(table);
    let bare = name.strip_prefix('_').and_then(|n| n.strip_suffix("_value")).unwrap_or(name);
    match nearest(bare, relations.iter().map(|(name, _)| name.as_str())) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if table.columns.iter().any(|c| matches!(&c.kind, Kind::Lookup(l) if l.navigation == name)) => {
            error.hint("the table that it leads to is not served here")
        }
        None => error,
    }
}

/// The table that a relation leads to, if it may be read.
fn related<'a>(name: &str, context: Context<'a>) -> Result<&'a Table> {
    match context.catalog.table(name) {
        Some(table) if table.access.read => Ok(table),
        Some(_) => Err(Error::new(Code::MethodNotAllowed, format!("rows of `{name}` cannot be read"))),
        None => Err(Error::new(Code::UnknownTable, format!("there is no table `{name}`"))),
    }
}

/// `$levels`, and where it stands.
type Levels = Option<(usize, usize)>;

/// Options in the parentheses of an `$expand`, put into a query.
fn nested(
    options: &[Nested],
    allowed: &[&str],
    mut query: Query,
    table: &Table,
    here: Expanding<'_>,
) -> Result<(Query, Levels)> {
    let source = here.source;
    let mut seen = BTreeSet::new();
    // What these options define holds for them and all below, over what the request defines.
    let mut aliases = Cow::Borrowed(here.context.aliases);
    for option in options {
        let name = option.name.as_str();
        if !seen.insert(name) {
            let sign = if name.starts_with('@') { "" } else { "$" };
            return Err(source.bad(option.at, &format!("`{sign}{name}` is given twice")));
        }
        if let Some(alias) = name.strip_prefix('@') {
            let text = source.text.get(option.value_at..option.value_end).unwrap_or_default();
            aliases.to_mut().insert(alias.to_owned(), text.trim_end().to_owned());
        } else if !allowed.contains(&name) {
            return Err(refused_in_expand(option, allowed, source));
        }
    }
    let context = Context { aliases: &aliases, ..here.context };
    let here = Expanding { context, ..here };
    let (mut levels, mut searched, joined) = (None, None, RefCell::default());
    for option in options {
        let name = option.name.as_str();
        let filter_source = Source { target: "$expand($filter)", ..source };
        match &option.value {
            _ if name.starts_with('@') => {}
            Value::Expression(node) => {
                query.filter = Some(filter::condition(node, filter_source, table, context, &joined)?);
            }
            Value::OrderBy(items) => query.order = filter::orders(items, source, table, context, &joined)?,
            Value::Select(items) => query.select = select(items, source, table, context)?,
            Value::Expand(items) => query.expand = expand(items, table, here.below())?,
            Value::Text(text) => match name {
                "search" => searched = Some(search::condition(text, option.value_at, source, table, context)?),
                "top" => query.top = Some(number(name, text).map_err(|error| placed(error, option, source))?),
                "skip" => query.skip = number(name, text).map_err(|error| placed(error, option, source))?,
                "levels" if text == "max" => {
                    let what = source.unsupported(option.at, "`$levels=max`");
                    return Err(what.hint(format!("say how many, up to {}", context.limits.expand_depth)));
                }
                "levels" => levels = Some((number(name, text)?, option.at)),
                _ => query.count = boolean(name, text).map_err(|error| placed(error, option, source))?,
            },
            Value::Compute(_) => return Err(refused_in_expand(option, allowed, source)),
        }
    }
    query.joined = joined.into_inner();
    query.filter = both(query.filter.take(), searched);
    Ok((query, levels))
}

/// What is wrong with the value of an option in the parentheses of an `$expand`, with where that stands.
fn placed(error: Error, option: &Nested, source: Source<'_>) -> Error {
    source.bad(option.value_at, error.message())
}

fn refused_in_expand(option: &Nested, allowed: &[&str], source: Source<'_>) -> Error {
    let name = option.name.as_str();
    let taken: Vec<_> = allowed.iter().map(|name| format!("${name}")).collect();
    let hint = match name {
        "apply" => "ask for the rows there, with `$apply`".to_owned(),
        "filter" | "orderby" if !allowed.contains(&name) => {
            format!(
                "there is one row at most; ${name} beside $expand takes columns behind the lookup, `navigation/column`"
            )
        }
        _ => format!("here stand {}", taken.join(", ")),
    };
    let error = match name {
        _ if KNOWN.contains(&name) || REFUSED.contains(&name) => {
            source.unsupported(option.at, &format!("`${name}` here in `$expand`"))
        }
        _ => source.bad(option.at, &format!("there is no query option `{name}`")),
    };
    error.hint(hint)
}

fn concept_fields(options: &[Nested], source: Source<'_>) -> Result<Option<Vec<ColumnIndex>>> {
    let mut fields = Vec::new();
    for option in options {
        let Value::Select(items) = &option.value else {
            return Err(refused_in_expand(option, &["select"], source));
        };
        for part in items.iter().flat_map(|item| &item.path) {
            match CONCEPT_FIELDS.iter().position(|field| *field == part.name) {
                Some(field) => fields.push(field),
                None if part.name == "*" => return Ok(None),
                None => {
                    let error = source.bad(part.at, &format!("a codeable concept has no `{}`", part.name));
                    return Err(match nearest(&part.name, CONCEPT_FIELDS) {
                        Some(near) => error.hint(format!("did you mean `{near}`?")),
                        None => error,
                    });
                }
            }
        }
    }
    fields.sort_unstable();
    fields.dedup();
    Ok((!fields.is_empty()).then_some(fields))
}
