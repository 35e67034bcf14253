//! Requests as data: made at random from the tables' own rows, written as OData, and made smaller again.

use std::fmt::Write as _;

use crate::cuts::Cut;
use crate::data::is_of_usual_case;
use crate::random::Random;
use crate::schema::{Kind, Table, Tables, parsed};
use crate::value::Value;
use crate::values::Computed;

/// A request for rows of one table.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Whose rows are asked for.
    pub(crate) set: String,
    /// Only those that point to one row, asked for by it.
    pub(crate) of: Option<Owner>,
    /// `/$count`
    pub(crate) only_count: bool,
    pub(crate) compute: Vec<Computed>,
    /// The rows are cut by `$apply`, which then has the filter, too.
    pub(crate) cut: Vec<Cut>,
    pub(crate) options: Options,
    /// `odata.maxpagesize`: the pages are followed to the end.
    pub(crate) page: Option<usize>,
    pub(crate) expand: Vec<Expand>,
}

/// `set(key)/navigation`
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) set: String,
    pub(crate) key: String,
    pub(crate) navigation: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// None: all.
    pub(crate) select: Option<Vec<String>>,
    pub(crate) filter: Option<Filter>,
    pub(crate) search: Option<Search>,
    /// `true`: descending.
    pub(crate) order: Vec<(Expr, bool)>,
    pub(crate) top: Option<usize>,
    pub(crate) skip: usize,
    pub(crate) count: bool,
}

/// Words and phrases.
#[derive(Clone, Debug)]
pub(crate) enum Search {
    Text(String),
    And(Box<Search>, Box<Search>),
    Or(Box<Search>, Box<Search>),
    Not(Box<Search>),
}

impl Search {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => format!("\"{text}\""),
            Self::And(a, b) => format!("({} {})", a.text(), b.text()),
            Self::Or(a, b) => format!("({} OR {})", a.text(), b.text()),
            Self::Not(inner) => format!("NOT {}", inner.text()),
        }
    }

    fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Text(_) => Vec::new(),
            Self::And(a, b) | Self::Or(a, b) => vec![(**a).clone(), (**b).clone()],
            Self::Not(inner) => vec![(**inner).clone()],
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Expand {
    pub(crate) navigation: String,
    /// Nothing, `/$ref` or `/$count`.
    pub(crate) form: &'static str,
    pub(crate) options: Options,
    pub(crate) expand: Vec<Expand>,
}

#[derive(Clone, Debug)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(&'static str, Expr, Expr),
    In(Expr, Vec<Literal>),
    /// `contains`, `startswith`, `endswith`
    Text(&'static str, Expr, Expr),
    /// A boolean column.
    Is(String),
    /// A function of Dataverse on a column.
    Dataverse(&'static str, String, Vec<Literal>),
    /// A condition without `and`, `or`, `not` at its top, on the row behind a lookup.
    Behind(String, Box<Filter>),
    /// `any` or `all` (`true`) of the rows that point here.
    Rows(String, bool, Option<Box<Filter>>),
    /// The same of rows whose column compares so with one of the row they point to.
    RowsLike(String, bool, &'static str, String, String),
}

#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Column(String),
    /// A column of the row behind these lookups.
    Behind(Vec<String>, String),
    /// How many rows point here that meet this.
    Count(String, Option<Box<Filter>>),
    /// What `$compute` has given a name.
    Named(String, Box<Expr>),
    Literal(Literal),
    Call(&'static str, Vec<Expr>),
    Arithmetic(&'static str, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    Condition(Box<Filter>),
    Case(Vec<(Filter, Expr)>),
}

/// As written, and what it is.
#[derive(Clone, Debug)]
pub(crate) struct Literal {
    pub(crate) text: String,
    pub(crate) value: Value,
}

impl Query {
    /// Path and options, not encoded.
    pub(crate) fn parts(&self) -> (String, Vec<(&'static str, String)>) {
        let rows = match &self.of {
            Some(owner) => format!("{}({})/{}", owner.set, owner.key, owner.navigation),
            None => self.set.clone(),
        };
        let path = if self.only_count { format!("{rows}/$count") } else { rows };
        let mut options = self.options.parts();
        if !self.cut.is_empty() {
            options.retain(|(name, _)| *name != "$filter");
            let filter = self.options.filter.as_ref().map(|filter| format!("filter({})", filter.text("", 0)));
            let steps: Vec<_> = filter.into_iter().chain(self.cut.iter().map(Cut::text)).collect();
            options.push(("$apply", steps.join("/")));
        }
        if !self.compute.is_empty() {
            let item = |computed: &Computed| format!("{} as {}", computed.of.text(""), computed.name);
            options.push(("$compute", self.compute.iter().map(item).collect::<Vec<_>>().join(",")));
        }
        if !self.expand.is_empty() {
            options.push(("$expand", self.expand.iter().map(Expand::text).collect::<Vec<_>>().join(",")));
        }
        (path, options)
    }

    /// The same request with something less, larger steps first.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for at in 0..self.expand.len() {
            let mut less = self.clone();
            less.expand.remove(at);
            all.push(less);
        }
        if self.page.is_some() {
            all.push(Self { page: None, ..self.clone() });
        }
        for at in 0..self.compute.len() {
            let mut less = self.clone();
            let gone = less.compute.remove(at);
            let is_used = less.parts().1.iter().any(|(_, text)| text.contains(&gone.name));
            if !is_used {
                all.push(less);
            }
        }
        for at in 0..self.cut.len().max(1) - 1 {
            let mut less = self.clone();
            less.cut.remove(at + 1);
            all.push(less);
        }
        all.extend(self.options.smaller().into_iter().map(|options| Self { options, ..self.clone() }));
        for (at, expand) in self.expand.iter().enumerate() {
            for smaller in expand.smaller() {
                let mut less = self.clone();
                less.expand[at] = smaller;
                all.push(less);
            }
        }
        all
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (path, options) = self.parts();
        let options: Vec<_> = options.iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "{path}?{}", options.join("&"))?;
        self.page.map_or(Ok(()), |page| write!(f, "   (Prefer: odata.maxpagesize={page})"))
    }
}

impl Expand {
    fn text(&self) -> String {
        let parts = self.options.parts();
        let mut parts: Vec<_> = parts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !self.expand.is_empty() {
            parts.push(format!("$expand={}", self.expand.iter().map(Self::text).collect::<Vec<_>>().join(",")));
        }
        let parts = if parts.is_empty() { String::new() } else { format!("({})", parts.join(";")) };
        format!("{}{}{parts}", self.navigation, self.form)
    }

    fn smaller(&self) -> Vec<Self> {
        let mut all: Vec<_> = (0..self.expand.len())
            .map(|at| {
                let mut less = self.clone();
                less.expand.remove(at);
                less
            })
            .collect();
        all.extend(self.options.smaller().into_iter().map(|options| Self { options, ..self.clone() }));
        for (at, inner) in self.expand.iter().enumerate() {
            for smaller in inner.smaller() {
                let mut less = self.clone();
                less.expand[at] = smaller;
                all.push(less);
            }
        }
        all
    }
}

impl Options {
    fn parts(&self) -> Vec<(&'static str, String)> {
        let mut parts = Vec::new();
        if let Some(select) = &self.select {
            parts.push(("$select", select.join(",")));
        }
        if let Some(filter) = &self.filter {
            parts.push(("$filter", filter.text("", 0)));
        }
        if let Some(search) = &self.search {
            parts.push(("$search", search.text()));
        }
        if !self.order.is_empty() {
            let item = |(by, down): &(Expr, bool)| format!("{}{}", by.text(""), if *down { " desc" } else { "" });
            parts.push(("$orderby", self.order.iter().map(item).collect::<Vec<_>>().join(",")));
        }
        parts.extend(self.top.map(|top| ("$top", top.to_string())));
        if self.skip > 0 {
            parts.push(("$skip", self.skip.to_string()));
        }
        if self.count {
            parts.push(("$count", "true".to_owned()));
        }
        parts
    }

    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        if self.filter.is_some() {
            all.push(Self { filter: None, ..self.clone() });
        }
        if self.search.is_some() {
            all.push(Self { search: None, ..self.clone() });
        }
        let searches = self.search.iter().flat_map(Search::smaller);
        all.extend(searches.map(|search| Self { search: Some(search), ..self.clone() }));
        if !self.order.is_empty() && self.top.is_none() && self.skip == 0 {
            all.push(Self { order: Vec::new(), ..self.clone() });
        }
        if self.top.is_some() || self.skip > 0 {
            all.push(Self { top: None, skip: 0, ..self.clone() });
            all.push(Self { skip: 0, ..self.clone() });
        }
        if self.count {
            all.push(Self { count: false, ..self.clone() });
        }
        for at in 0..self.order.len().max(1) - 1 {
            let mut less = self.clone();
            less.order.remove(at);
            all.push(less);
        }
        if let Some(select) = self.select.as_ref().filter(|select| select.len() > 1) {
            for at in 0..select.len() {
                let mut less = select.clone();
                less.remove(at);
                all.push(Self { select: Some(less), ..self.clone() });
            }
        }
        let filters = self.filter.iter().flat_map(Filter::smaller);
        all.extend(filters.map(|filter| Self { filter: Some(filter), ..self.clone() }));
        all
    }
}

impl Filter {
    /// `prefix` leads to the columns: `x1/`, `navigation/`.
    pub(crate) fn text(&self, prefix: &str, depth: usize) -> String {
        match self {
            Self::And(a, b) => format!("({} and {})", a.text(prefix, depth), b.text(prefix, depth)),
            Self::Or(a, b) => format!("({} or {})", a.text(prefix, depth), b.text(prefix, depth)),
            Self::Not(inner) => format!("not ({})", inner.text(prefix, depth)),
            Self::Compare(operator, a, b) => format!("{} {operator} {}", a.text(prefix), b.text(prefix)),
            Self::In(of, list) => format!("{} in ({})", of.text(prefix), literals(list)),
            Self::Text(test, a, b) => format!("{test}({},{})", a.text(prefix), b.text(prefix)),
            Self::Is(column) => format!("{prefix}{column}"),
            Self::Dataverse(function, column, values) => {
                let values = match *function {
                    "In" | "NotIn" | "Between" | "NotBetween" => format!(",PropertyValues=[{}]", literals(values)),
                    _ if values.is_empty() => String::new(),
                    _ => format!(",PropertyValue={}", literals(values)),
                };
                format!("Microsoft.Dynamics.CRM.{function}(PropertyName='{column}'{values})")
            }
            Self::Behind(navigation, inner) => inner.text(&format!("{prefix}{navigation}/"), depth),
            Self::Rows(navigation, all, inner) => {
                let quantifier = if *all { "all" } else { "any" };
                let variable = format!("x{depth}");
                let inner = inner
                    .as_ref()
                    .map(|inner| format!("{variable}:{}", inner.text(&format!("{variable}/"), depth + 1)));
                format!("{prefix}{navigation}/{quantifier}({})", inner.unwrap_or_default())
            }
            Self::RowsLike(navigation, all, operator, inner, outer) => {
                let quantifier = if *all { "all" } else { "any" };
                format!("{prefix}{navigation}/{quantifier}(y:y/{inner} {operator} {prefix}{outer})")
            }
        }
    }

    fn smaller(&self) -> Vec<Self> {
        let both = |a: &Self, b: &Self, join: fn(Box<Self>, Box<Self>) -> Self| {
            let mut all = vec![a.clone(), b.clone()];
            all.extend(a.smaller().into_iter().map(|less| join(less.into(), b.clone().into())));
            all.extend(b.smaller().into_iter().map(|less| join(a.clone().into(), less.into())));
            all
        };
        match self {
            Self::And(a, b) => both(a, b, Self::And),
            Self::Or(a, b) => both(a, b, Self::Or),
            Self::Not(inner) => {
                let mut all = vec![(**inner).clone()];
                all.extend(inner.smaller().into_iter().map(|less| Self::Not(less.into())));
                all
            }
            Self::In(of, list) if list.len() > 1 => {
                let without = |at: usize| {
                    let mut less = list.clone();
                    less.remove(at);
                    Self::In(of.clone(), less)
                };
                (0..list.len()).map(without).collect()
            }
            Self::Behind(navigation, inner) => {
                let is_leaf = |less: &Self| !matches!(less, Self::And(..) | Self::Or(..) | Self::Not(_));
                let smaller = inner.smaller().into_iter().filter(is_leaf);
                smaller.map(|less| Self::Behind(navigation.clone(), less.into())).collect()
            }
            Self::Rows(navigation, all, Some(inner)) => {
                let rows = |inner| Self::Rows(navigation.clone(), *all, inner);
                let mut less: Vec<_> = inner.smaller().into_iter().map(|less| rows(Some(less.into()))).collect();
                if !all {
                    less.insert(0, rows(None));
                }
                less
            }
            _ => Vec::new(),
        }
    }
}

impl Filter {
    /// The columns of a row that it is about; those of related rows are not.
    fn columns(&self) -> Vec<&str> {
        match self {
            Self::And(a, b) | Self::Or(a, b) => [a.columns(), b.columns()].concat(),
            Self::Not(inner) => inner.columns(),
            Self::Compare(_, a, b) | Self::Text(_, a, b) => [a.columns(), b.columns()].concat(),
            Self::In(of, _) => of.columns(),
            Self::Is(column) | Self::Dataverse(_, column, _) => vec![column],
            Self::Behind(..) | Self::Rows(..) => Vec::new(),
            Self::RowsLike(_, _, _, _, own) => vec![own],
        }
    }
}

impl Expr {
    /// The columns of a row that it is of; those of related rows are not.
    pub(crate) fn columns(&self) -> Vec<&str> {
        match self {
            Self::Column(column) => vec![column],
            Self::Behind(..) | Self::Count(..) | Self::Literal(_) => Vec::new(),
            Self::Named(_, inner) | Self::Negate(inner) => inner.columns(),
            Self::Call(_, arguments) => arguments.iter().flat_map(Self::columns).collect(),
            Self::Arithmetic(_, a, b) => [a.columns(), b.columns()].concat(),
            Self::Condition(condition) => condition.columns(),
            Self::Case(branches) => {
                branches.iter().flat_map(|(condition, value)| [condition.columns(), value.columns()].concat()).collect()
            }
        }
    }

    pub(crate) fn text(&self, prefix: &str) -> String {
        match self {
            Self::Column(column) => format!("{prefix}{column}"),
            Self::Behind(lookups, column) => format!("{prefix}{}/{column}", lookups.join("/")),
            Self::Count(navigation, None) => format!("{prefix}{navigation}/$count"),
            Self::Count(navigation, Some(filter)) => {
                format!("{prefix}{navigation}/$count($filter={})", filter.text("", 0))
            }
            Self::Named(name, _) => name.clone(),
            Self::Literal(literal) => literal.text.clone(),
            Self::Call(function, arguments) => {
                let mut arguments: Vec<_> = arguments.iter().map(|argument| argument.text(prefix)).collect();
                let (function, to) = function.split_once(" to ").map_or((*function, None), |(f, to)| (f, Some(to)));
                arguments.extend(to.map(str::to_owned));
                format!("{function}({})", arguments.join(","))
            }
            Self::Arithmetic(operator, a, b) => format!("({} {operator} {})", a.text(prefix), b.text(prefix)),
            Self::Negate(inner) => format!("-({})", inner.text(prefix)),
            // Variables of lambdas in it are those of no lambda outside.
            Self::Condition(condition) => format!("({})", condition.text(prefix, 10)),
            Self::Case(branches) => {
                let branch = |(condition, value): &(Filter, Self)| {
                    format!("{}:{}", condition.text(prefix, 10), value.text(prefix))
                };
                format!("case({})", branches.iter().map(branch).collect::<Vec<_>>().join(","))
            }
        }
    }
}

fn literals(list: &[Literal]) -> String {
    list.iter().map(|literal| literal.text.as_str()).collect::<Vec<_>>().join(",")
}

/// Numbers that are written in many ways.
pub(crate) const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "1.0",
    "1.00",
    "1e3",
    "1000",
    "-2.5",
    "0.1",
    "70.18",
    "70.5",
    "1e-7",
    "-0.0",
    "1e100",
    "100000000000000000000",
];
pub(crate) const MOMENTS: [&str; 9] = [
    "2015-02-07T13:28:17Z",
    "2015-02-07T13:28:17.239+02:00",
    "2015-02-07T00:00:00Z",
    "2015-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "2015-02-06T23:59:59.999999Z",
];
/// Functions of Dataverse that go by the day of the request.
const RELATIVE: [&str; 23] = [
    "LastXDays",
    "LastXWeeks",
    "LastXMonths",
    "LastXYears",
    "NextXDays",
    "NextXYears",
    "OlderThanXDays",
    "OlderThanXWeeks",
    "OlderThanXMonths",
    "OlderThanXYears",
    "Last7Days",
    "Next7Days",
    "ThisWeek",
    "ThisMonth",
    "ThisYear",
    "LastWeek",
    "LastMonth",
    "LastYear",
    "NextMonth",
    "NextYear",
    "Today",
    "Yesterday",
    "Tomorrow",
];
pub(crate) const DAYS: [&str; 8] =
    ["2015-02-07", "2015-02-06", "2015-01-01", "2016-02-29", "9999-12-31", "0001-01-01", "1970-01-01", "2015-12-31"];
const TEXTS: [&str; 16] = [
    "muller",
    "MÜLLER",
    "strasse",
    "ß",
    "s",
    "fi",
    "ΣΊΣΥΦΟΣ",
    "istanbul",
    "e",
    "maria",
    "a%b_c",
    "a,b|c$d\\e",
    "x  y",
    "",
    "東",
    "kelvin",
];

/// Makes requests about tables.
pub(crate) struct Maker<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) tables: &'a Tables,
}

impl Maker<'_> {
    pub(crate) fn query(&mut self) -> Query {
        let sets: Vec<&String> = self.tables.keys().collect();
        let mut table = &self.tables[*self.random.pick(&sets)];
        let mut of = None;
        let many: Vec<_> = table.navigations.iter().filter(|navigation| navigation.many).collect();
        if !many.is_empty() && self.random.chance(12) {
            let (navigation, key) = (self.random.pick(&many), self.random.pick(&table.rows).key(table).to_owned());
            of = Some(Owner { set: table.set.clone(), key, navigation: navigation.name.clone() });
            table = &self.tables[&navigation.to];
        }
        let only_count = self.random.chance(8);
        let mut options = self.options(table, true);
        let page = (!only_count && self.random.chance(20)).then(|| 1 + self.random.below(7));
        let mut expand = Vec::new();
        if only_count {
            options = Options { filter: options.filter, search: options.search, ..Options::default() };
        } else if self.random.chance(20) && !table.navigations.is_empty() {
            expand = self.expand(table, 3);
        }
        let (compute, cut) = (Vec::new(), Vec::new());
        let mut query = Query { set: table.set.clone(), of, only_count, compute, cut, options, page, expand };
        if !only_count && self.random.chance(6) {
            self.cut(&mut query, table);
        } else if self.random.chance(10) {
            self.compute(&mut query, table);
        }
        query
    }

    /// So many levels at most.
    fn expand(&mut self, table: &Table, levels: usize) -> Vec<Expand> {
        let mut all: Vec<Expand> = Vec::new();
        while all.len() < 2 && self.random.chance(if all.is_empty() { 100 } else { 25 }) {
            let navigation = self.random.pick(&table.navigations);
            if all.iter().any(|expand| expand.navigation == navigation.name) {
                continue;
            }
            let other = &self.tables[&navigation.to];
            let mut options = if navigation.many { self.options(other, false) } else { Options::default() };
            let form = match self.random.below(10) {
                0 => "/$ref",
                1 if navigation.many => "/$count",
                _ => "",
            };
            let mut expand = Vec::new();
            match form {
                "/$ref" => options.select = None,
                "/$count" => {
                    options = Options { filter: options.filter, search: options.search, ..Options::default() };
                }
                _ => {
                    if options.select.is_none() {
                        options.select = Some(self.select(other));
                    }
                    if levels > 1 && !other.navigations.is_empty() && self.random.chance(40) {
                        expand = self.expand(other, levels - 1);
                    }
                }
            }
            all.push(Expand { navigation: navigation.name.clone(), form, options, expand });
        }
        all
    }

    fn options(&mut self, table: &Table, outer: bool) -> Options {
        let select = (!self.random.chance(10)).then(|| self.select(table));
        let filter = self.random.chance(if outer { 92 } else { 40 }).then(|| self.filter(table, 3, outer));
        let search = self.random.chance(5).then(|| self.search(table, 2)).flatten();
        let mut order = Vec::new();
        while order.len() < 3 && self.random.chance(if order.is_empty() { 40 } else { 30 }) {
            order.push((self.ordered(table), self.random.chance(50)));
        }
        let window = self.random.chance(25) && (outer || !order.is_empty());
        let top = (window && self.random.chance(70)).then(|| self.random.below(12));
        let skip = if window && self.random.chance(50) { self.random.below(8) } else { 0 };
        Options { select, filter, search, order, top, skip, count: self.random.chance(20) }
    }

    fn search(&mut self, table: &Table, depth: usize) -> Option<Search> {
        if !table.columns.iter().any(|(_, kind)| *kind == Kind::Text) {
            return None;
        }
        if depth > 0 && self.random.chance(40) {
            let left = self.search(table, depth - 1)?.into();
            return Some(match self.random.below(4) {
                0 => Search::Not(left),
                1 => Search::Or(left, self.search(table, depth - 1)?.into()),
                _ => Search::And(left, self.search(table, depth - 1)?.into()),
            });
        }
        let (column, _) = self.column(table, |kind| kind == Kind::Text);
        let Value::Text(part) = self.part(table, &column).value else { return None };
        // Of what stands in the options of an expansion, parentheses and quotes mean something.
        let plain = !part.is_empty() && !part.contains(['"', '\'', '(', ')', ';', '&', '#']);
        plain.then_some(Search::Text(part))
    }

    fn select(&mut self, table: &Table) -> Vec<String> {
        let count = 1 + self.random.below(3);
        let mut select: Vec<String> = (0..count).map(|_| self.random.pick(&table.columns).0.clone()).collect();
        select.sort();
        select.dedup();
        select
    }

    pub(crate) fn ordered(&mut self, table: &Table) -> Expr {
        if self.random.chance(25)
            && let Some((joined, _)) = self.joined(table)
        {
            return joined;
        }
        let (column, kind) = self.column(table, |_| true);
        let value = Expr::Column(column);
        match kind {
            Kind::Text if self.random.chance(20) => Expr::Call("length", vec![value]),
            Kind::Moment if self.random.chance(20) => Expr::Call("year", vec![value]),
            Kind::Decimal if self.random.chance(20) => Expr::Negate(value.into()),
            _ => value,
        }
    }

    /// A value of other rows: behind one lookup or two, or how many point here.
    pub(crate) fn joined(&mut self, table: &Table) -> Option<(Expr, Kind)> {
        if table.navigations.is_empty() {
            return None;
        }
        let navigation = self.random.pick(&table.navigations).clone();
        let other = &self.tables[&navigation.to];
        if navigation.many {
            let filter = self.random.chance(40).then(|| self.filter(other, 1, false).into());
            return Some((Expr::Count(navigation.name, filter), Kind::Whole));
        }
        let further: Vec<_> = other.navigations.iter().filter(|next| !next.many).collect();
        if !further.is_empty() && self.random.chance(25) {
            let next = self.random.pick(&further);
            let (column, kind) = self.column(&self.tables[&next.to], |_| true);
            return Some((Expr::Behind(vec![navigation.name, next.name.clone()], column), kind));
        }
        let (column, kind) = self.column(other, |_| true);
        Some((Expr::Behind(vec![navigation.name], column), kind))
    }

    /// A comparison with a value of other rows, or of a column there with one here.
    fn of_joined(&mut self, table: &Table, outer: bool) -> Option<Filter> {
        let many: Vec<_> = table.navigations.iter().filter(|navigation| navigation.many).collect();
        if outer && !many.is_empty() && self.random.chance(30) {
            let navigation = self.random.pick(&many);
            let (inner, kind) = self.column(&self.tables[&navigation.to], |kind| kind != Kind::Bool);
            let (own, _) = table.columns.iter().find(|(_, own)| *own == kind)?;
            let operator = self.random.word(&["eq", "ne", "lt", "ge"]);
            return Some(Filter::RowsLike(
                navigation.name.clone(),
                self.random.chance(40),
                operator,
                inner,
                own.clone(),
            ));
        }
        let (joined, kind) = self.joined(table)?;
        let operator = match kind {
            Kind::Bool => self.random.word(&["eq", "ne"]),
            _ => self.random.word(&["eq", "ne", "lt", "le", "gt", "ge"]),
        };
        if matches!(joined, Expr::Count(..)) {
            let count = whole(i64::try_from(self.random.below(4)).unwrap_or_default());
            return Some(Filter::Compare(operator, joined, Expr::Literal(count)));
        }
        let (column, _) = table.columns.iter().find(|(_, own)| *own == kind)?;
        Some(Filter::Compare(operator, joined, Expr::Column(column.clone())))
    }

    /// A column of these kinds, if possible one that has values.
    pub(crate) fn column(&mut self, table: &Table, of: impl Fn(Kind) -> bool) -> (String, Kind) {
        let all: Vec<&(String, Kind)> = table.columns.iter().filter(|(_, kind)| of(*kind)).collect();
        let has_value = |column: &str| table.rows.iter().any(|row| row.cells[column] != Value::Null);
        let filled: Vec<&(String, Kind)> = all.iter().copied().filter(|(name, _)| has_value(name)).collect();
        let from = if filled.is_empty() || self.random.chance(10) { all } else { filled };
        (*self.random.pick(&from)).clone()
    }

    /// `outer`: of the request itself, where the functions of Dataverse may stand.
    pub(crate) fn filter(&mut self, table: &Table, depth: usize, outer: bool) -> Filter {
        if depth > 0 && self.random.chance(45) {
            return match self.random.below(5) {
                0 | 1 => Filter::And(
                    self.filter(table, depth - 1, outer).into(),
                    self.filter(table, depth - 1, outer).into(),
                ),
                2 | 3 => {
                    Filter::Or(self.filter(table, depth - 1, outer).into(), self.filter(table, depth - 1, outer).into())
                }
                _ => Filter::Not(self.filter(table, depth - 1, outer).into()),
            };
        }
        if outer
            && self.random.chance(6)
            && let Some(condition) = self.dataverse(table)
        {
            return condition;
        }
        if self.random.chance(6)
            && let Some(condition) = self.of_joined(table, outer)
        {
            return condition;
        }
        self.leaf(table, depth)
    }

    /// Without `and`, `or`, `not` at its top.
    fn leaf(&mut self, table: &Table, depth: usize) -> Filter {
        if depth > 0 && self.random.chance(15) && !table.navigations.is_empty() {
            let navigation = self.random.pick(&table.navigations).clone();
            let other = &self.tables[&navigation.to];
            return if navigation.many {
                let inner = self.random.chance(85).then(|| self.filter(other, depth - 1, false).into());
                let all = inner.is_some() && self.random.chance(40);
                Filter::Rows(navigation.name, all, inner)
            } else {
                Filter::Behind(navigation.name, self.leaf(other, depth - 1).into())
            };
        }
        if depth > 0 && self.random.chance(6) {
            return self.of_conditions(table, depth);
        }
        let (column, kind) = self.column(table, |_| true);
        let of = Expr::Column(column.clone());
        match (kind, self.random.below(10)) {
            (Kind::Bool, 0..=3) => Filter::Is(column),
            (Kind::Text, 0..=2) => {
                let test = self.random.word(&["contains", "startswith", "endswith"]);
                let part = self.part(table, &column);
                let of = if self.random.chance(15) { Expr::Call("tolower", vec![of]) } else { of };
                Filter::Text(test, of, Expr::Literal(part))
            }
            (Kind::Text, 3) => self.of_text(table, &column),
            (Kind::Decimal | Kind::Whole, 0..=1) => self.of_number(table, &column, kind),
            (Kind::Moment | Kind::Day, 0..=1) => self.of_moment(&column, kind),
            (_, 9 | 8) => {
                let count = 1 + self.random.below(4);
                Filter::In(of, (0..count).map(|_| self.literal(table, &column, kind)).collect())
            }
            (_, 7) => {
                let null = Expr::Literal(Literal { text: "null".into(), value: Value::Null });
                Filter::Compare(self.random.word(&["eq", "ne"]), of, null)
            }
            _ => {
                let literal = Expr::Literal(self.literal(table, &column, kind));
                let operator = match kind {
                    Kind::Bool => self.random.word(&["eq", "ne"]),
                    _ => self.random.word(&["eq", "eq", "eq", "ne", "lt", "le", "gt", "ge"]),
                };
                match self.random.chance(8) {
                    true => Filter::Compare(operator, literal, of),
                    false => Filter::Compare(operator, of, literal),
                }
            }
        }
    }

    /// A condition on a row alone.
    pub(crate) fn filter_of_row(&mut self, table: &Table) -> Filter {
        self.leaf(table, 0)
    }

    /// What conditions say, as values.
    fn of_conditions(&mut self, table: &Table, depth: usize) -> Filter {
        let condition = |maker: &mut Self| maker.leaf(table, depth - 1);
        if self.random.chance(30) {
            let value =
                |maker: &mut Self| Expr::Literal(whole(i64::try_from(maker.random.below(3)).unwrap_or_default()));
            let branches = (0..1 + self.random.below(2)).map(|_| (condition(self), value(self))).collect();
            return Filter::Compare(self.random.word(&["eq", "ne", "lt", "ge"]), Expr::Case(branches), value(self));
        }
        let left = Expr::Condition(condition(self).into());
        let right = match self.random.below(4) {
            0 => Expr::Literal(Literal { text: "null".into(), value: Value::Null }),
            1 => Expr::Literal(literal(Kind::Bool, self.random.word(&["true", "false"]))),
            _ => Expr::Condition(condition(self).into()),
        };
        Filter::Compare(self.random.word(&["eq", "ne"]), left, right)
    }

    fn of_text(&mut self, table: &Table, column: &str) -> Filter {
        let of = || Expr::Column(column.to_owned());
        let whole = |n: usize| Expr::Literal(whole(i64::try_from(n).unwrap_or_default()));
        match self.random.below(7) {
            6 => Filter::Compare("gt", Expr::Call("cast to Edm.Int32", vec![of()]), whole(self.random.below(12))),
            0 => Filter::Compare("gt", Expr::Call("length", vec![of()]), whole(self.random.below(12))),
            1 => {
                let part = self.part(table, column);
                Filter::Compare(
                    "ge",
                    Expr::Call("indexof", vec![of(), Expr::Literal(part)]),
                    whole(self.random.below(3)),
                )
            }
            2 => {
                let literal = self.literal(table, column, Kind::Text);
                let function = self.random.word(&["tolower", "toupper", "trim"]);
                Filter::Compare(
                    self.random.word(&["eq", "ne", "lt"]),
                    Expr::Call(function, vec![of()]),
                    Expr::Literal(literal),
                )
            }
            3 => {
                let part = self.part(table, column);
                let start = whole(self.random.below(3));
                let cut = match self.random.chance(50) {
                    true => vec![of(), start],
                    false => vec![of(), start, whole(self.random.below(5))],
                };
                Filter::Compare("eq", Expr::Call("substring", cut), Expr::Literal(part))
            }
            4 => {
                let other = self.column(table, |kind| kind == Kind::Text).0;
                let joined = Expr::Call("concat", vec![of(), Expr::Column(other)]);
                Filter::Text("contains", joined, Expr::Literal(self.part(table, column)))
            }
            _ => {
                let other = self.column(table, |kind| kind == Kind::Text).0;
                Filter::Compare(self.random.word(&["eq", "ne", "lt"]), of(), Expr::Column(other))
            }
        }
    }

    fn of_number(&mut self, table: &Table, column: &str, kind: Kind) -> Filter {
        let of = Expr::Column(column.to_owned());
        let literal = Expr::Literal(self.literal(table, column, kind));
        let operator = self.random.word(&["eq", "ne", "lt", "le", "gt", "ge"]);
        match self.random.below(6) {
            0 => Filter::Compare(
                operator,
                Expr::Call(self.random.word(&["round", "floor", "ceiling"]), vec![of]),
                literal,
            ),
            4 => Filter::Compare(operator, Expr::Call("cast to Edm.Int32", vec![of]), literal),
            5 if kind == Kind::Whole => {
                let text = Expr::Literal(self::literal(Kind::Text, self.random.word(&["1", "2", "935000001", "x"])));
                Filter::Compare(operator, Expr::Call("cast to Edm.String", vec![of]), text)
            }
            1 => Filter::Compare(operator, Expr::Negate(of.into()), literal),
            _ => {
                let by = Expr::Literal(number(self.random.word(&["1", "2", "4", "0.5", "10", "2.50"])));
                let by = Expr::Arithmetic(
                    self.random.word(&["add", "sub", "mul", "div", "divby", "mod"]),
                    of.into(),
                    by.into(),
                );
                Filter::Compare(operator, by, literal)
            }
        }
    }

    fn of_moment(&mut self, column: &str, kind: Kind) -> Filter {
        let of = Expr::Column(column.to_owned());
        let operator = self.random.word(&["eq", "ne", "lt", "le", "gt", "ge"]);
        if kind == Kind::Moment && self.random.chance(30) {
            let day = Expr::Literal(literal(Kind::Day, self.random.word(&DAYS)));
            return Filter::Compare(operator, Expr::Call("date", vec![of]), day);
        }
        if self.random.chance(30) {
            return self.of_span(of, kind, operator);
        }
        let (function, value) = match self.random.below(if kind == Kind::Moment { 6 } else { 3 }) {
            0 => ("year", self.random.word(&["2015", "2016", "9999", "1", "1969", "0", "10000"])),
            1 => ("month", self.random.word(&["1", "2", "12"])),
            2 => ("day", self.random.word(&["1", "7", "31"])),
            3 => ("hour", self.random.word(&["0", "13", "23"])),
            4 => ("minute", self.random.word(&["0", "28", "59"])),
            _ => ("second", self.random.word(&["0", "17", "59"])),
        };
        Filter::Compare(operator, Expr::Call(function, vec![of]), Expr::Literal(number(value)))
    }

    /// Times of day and durations.
    fn of_span(&mut self, of: Expr, kind: Kind, operator: &'static str) -> Filter {
        const SPANS: [(&str, i64); 5] = [
            ("duration'P1D'", 86_400_000_000),
            ("duration'-PT1H'", -3_600_000_000),
            ("duration'PT0.5S'", 500_000),
            ("duration'P365D'", 365 * 86_400_000_000),
            ("duration'PT0S'", 0),
        ];
        let (text, micros) = *self.random.pick(&SPANS);
        let span = Expr::Literal(Literal { text: text.to_owned(), value: Value::Span(micros) });
        let moved = self.random.word(&["add", "sub"]);
        if kind == Kind::Day {
            let day = Expr::Literal(literal(Kind::Day, self.random.word(&DAYS)));
            return Filter::Compare(operator, Expr::Arithmetic(moved, of.into(), span.into()), day);
        }
        let moment = Expr::Literal(literal(Kind::Moment, self.random.word(&MOMENTS)));
        match self.random.below(6) {
            0 => {
                let (text, micros) =
                    *self.random.pick(&[("13:28:17", 48_497_000_000), ("00:00", 0), ("11:30", 41_400_000_000)]);
                let clock = Expr::Literal(Literal { text: text.to_owned(), value: Value::Clock(micros) });
                Filter::Compare(operator, Expr::Call("time", vec![of]), clock)
            }
            1 => Filter::Compare(operator, Expr::Arithmetic("sub", of.into(), moment.into()), span),
            2 => {
                let between = Expr::Arithmetic("sub", moment.into(), of.into());
                let seconds = Expr::Literal(number(self.random.word(&["0", "1.5", "-86400", "1e6"])));
                Filter::Compare(operator, Expr::Call("totalseconds", vec![between]), seconds)
            }
            3 => {
                let part = Expr::Literal(number(self.random.word(&["0", "0.239", "0.5"])));
                Filter::Compare(operator, Expr::Call("fractionalseconds", vec![of]), part)
            }
            4 => Filter::Compare(operator, Expr::Call("totaloffsetminutes", vec![of]), Expr::Literal(number("0"))),
            _ => Filter::Compare(operator, Expr::Arithmetic(moved, of.into(), span.into()), moment),
        }
    }

    fn dataverse(&mut self, table: &Table) -> Option<Filter> {
        if self.random.chance(50) {
            let (column, kind) = self.column(table, |kind| kind != Kind::Bool);
            let function = self.random.word(&["In", "NotIn", "Between", "NotBetween"]);
            let count = if function.ends_with("Between") { 2 } else { 1 + self.random.below(3) };
            let values: Vec<_> = (0..count).map(|_| self.literal(table, &column, kind)).collect();
            return Some(Filter::Dataverse(function, column, values));
        }
        if self.random.chance(20) && table.columns.iter().any(|(_, kind)| *kind == Kind::Text) {
            let (column, _) = self.column(table, |kind| kind == Kind::Text);
            let function = self.random.word(&["Contains", "DoesNotContain"]);
            let part = self.part(table, &column);
            return Some(Filter::Dataverse(function, column, vec![part]));
        }
        if !table.columns.iter().any(|(_, kind)| matches!(kind, Kind::Day | Kind::Moment)) {
            return None;
        }
        let (column, _) = self.column(table, |kind| matches!(kind, Kind::Day | Kind::Moment));
        if self.random.chance(50) {
            let function = self.random.word(&RELATIVE);
            let count = function.contains('X').then(|| whole(i64::try_from(self.random.below(60)).unwrap_or(0)));
            return Some(Filter::Dataverse(function, column, count.into_iter().collect()));
        }
        let function = self.random.word(&["On", "OnOrAfter", "OnOrBefore"]);
        Some(Filter::Dataverse(function, column, vec![literal(Kind::Day, self.random.word(&DAYS))]))
    }

    /// What a column may be compared with.
    fn literal(&mut self, table: &Table, column: &str, kind: Kind) -> Literal {
        let held = (!table.rows.is_empty()).then(|| self.random.pick(&table.rows));
        let held = held.and_then(|row| {
            let exception = row.shown.get(&format!("{column}@Org.OData.Core.V1.ValueException"));
            let cell = exception.map_or(row.shown.get(column), |said| said.get("value"))?;
            (!cell.is_null()).then(|| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned))
        });
        if let Some(held) = held.filter(|_| self.random.chance(70)) {
            let held = self.varied(kind, held);
            if let Some(value) = parsed(kind, &held) {
                return Literal { text: written(kind, &held), value };
            }
        }
        let other = match kind {
            Kind::Bool => self.random.word(&["true", "false"]),
            Kind::Whole => self.random.word(&["0", "1", "2", "-1", "935000001", "2147483647"]),
            Kind::Decimal => self.random.word(&NUMBERS),
            Kind::Text => self.random.word(&TEXTS),
            Kind::Key => self.random.word(&[
                "11111111-2222-4333-8444-555555555555",
                "00000000-0000-0000-0000-000000000000",
                "a0000000-0000-8000-8000-000000000001",
            ]),
            Kind::Day => self.random.word(&DAYS),
            Kind::Moment => self.random.word(&MOMENTS),
        };
        literal(kind, other)
    }

    /// A value that is held, as it is or nearly so.
    fn varied(&mut self, kind: Kind, held: String) -> String {
        match (kind, self.random.below(6)) {
            (Kind::Text, 0) if is_of_usual_case(&held) => held.to_uppercase(),
            (Kind::Text, 1) if is_of_usual_case(&held) => held.to_lowercase(),
            (Kind::Text, 2) => held.chars().take(1 + self.random.below(6)).collect(),
            (Kind::Decimal, 0) if !held.contains(['e', '.']) => format!("{held}.00"),
            (Kind::Decimal, 1) if held.contains('.') && !held.contains('e') => format!("{held}0"),
            (Kind::Decimal, 2) => format!("{}5", held.trim_end_matches(|c: char| c != '.').trim_end_matches('.')),
            (Kind::Key, 0) => held.to_uppercase(),
            _ => held,
        }
    }

    /// A part of a text that a column holds, perhaps in another case.
    fn part(&mut self, table: &Table, column: &str) -> Literal {
        let whole = self.literal(table, column, Kind::Text);
        let Value::Text(text) = &whole.value else { return whole };
        let letters: Vec<char> = text.chars().collect();
        if letters.is_empty() {
            return whole;
        }
        let start = if self.random.chance(40) { 0 } else { self.random.below(letters.len()) };
        let length = 1 + self.random.below(6);
        let part: String = letters.iter().skip(start).take(length).collect();
        literal(Kind::Text, &part)
    }
}

pub(crate) fn literal(kind: Kind, text: &str) -> Literal {
    let value = parsed(kind, text).unwrap_or_else(|| panic!("{text} is no {kind:?}"));
    Literal { text: written(kind, text), value }
}

pub(crate) fn number(text: &str) -> Literal {
    literal(Kind::Decimal, text)
}

pub(crate) fn whole(number: i64) -> Literal {
    Literal { text: number.to_string(), value: Value::of(number) }
}

fn written(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Text => {
            let mut quoted = String::from("'");
            for c in text.chars() {
                let _ = write!(quoted, "{}{c}", if c == '\'' { "'" } else { "" });
            }
            quoted + "'"
        }
        _ => text.to_owned(),
    }
}
