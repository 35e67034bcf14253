//! A FetchXML to a [`Fetch`]: elements resolved against the tables. What an element or attribute means is done or refused by
//! name, with its place; only what changes no row (hints for a database or a form) is passed over.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::condition::{self, Found};
use super::link::{self, LINK, Leads, LinkType};
use super::xml::{self, Allowed, Element};
use crate::model::catalog::{Catalog, Relation};
use crate::model::error::{Code, Error, Result};
use crate::model::fetch::{Beside, Fetch, Link, Page, Shown};
use crate::model::query::{Compare, Expand, ExpandForm, Expr, Filter, Literal, Order, Query};
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value::Number;
use crate::odata::expression::{Context, Source};

const FETCH: Allowed<'_> = Allowed {
    read: &[
        "top",
        "count",
        "page",
        "paging-cookie",
        "returntotalrecordcount",
        "distinct",
        "useraworderby",
        "aggregate",
    ],
    idle: &["version", "output-format", "mapping", "no-lock", "latematerialize", "options"],
    lacking: &["aggregatelimit", "datasource", "min-active-row-version", "utc-offset"],
    inside: &["entity"],
    text: false,
};
const ENTITY: Allowed<'_> = Allowed {
    read: &["name"],
    idle: &[],
    lacking: &["enableprefiltering", "prefilterparametername"],
    inside: &["attribute", "all-attributes", "order", "filter", "link-entity"],
    text: false,
};
const FILTER: Allowed<'_> = Allowed {
    read: &["type"],
    idle: &["hint", "isquickfindfields", "overridequickfindrecordlimitenabled", "overridequickfindrecordlimitdisabled"],
    lacking: &[],
    inside: &["condition", "filter", "link-entity"],
    text: false,
};
const ATTRIBUTE: Allowed<'_> = Allowed {
    read: &["name", "alias"],
    idle: &["build", "addedby"],
    lacking: &["aggregate", "groupby", "dategrouping", "distinct", "usertimezone", "rowaggregate"],
    inside: &[],
    text: false,
};
const ORDER: Allowed<'_> = Allowed {
    read: &["attribute", "descending", "entityname"],
    idle: &[],
    lacking: &["alias"],
    inside: &[],
    text: false,
};

/// What a FetchXML asks of a table. Errors have the code `BadOption`, or `NotSupported` for what is known and not done.
pub fn read(text: &str, table: &Arc<Table>, context: Context<'_>) -> Result<Fetch> {
    let source = Source { text, target: "fetchXml" };
    let fetch = xml::parse(source, context.limits)?;
    let entity = entity(&fetch, table, source, context.catalog)?;
    let mut links = Vec::new();
    let reading = Reading { source, context, table, by_value: fetch.flag("useraworderby", source)? };
    reading.survey(entity, table, None, &mut links)?;
    let reading = Resolving::new(reading, &links);
    let mut found = reading.fetch(entity, fetch.flag("distinct", source)?)?;
    found.query.count = fetch.flag("returntotalrecordcount", source)?;
    found.binding = fetch.binding(&["page", "paging-cookie"]);
    found.page = page(&fetch, source, context)?;
    let before = found.page.number.saturating_sub(1).saturating_mul(u64::from(found.page.size));
    let cookie = fetch.get("paging-cookie").filter(|cookie| !cookie.trim().is_empty());
    match cookie.map(|cookie| Cookie::read(cookie, context)).transpose()? {
        Some(cookie) if cookie.page.checked_add(1) == Some(found.page.number) => {
            (found.query.skip, found.page.token) = (cookie.skip, Some(cookie.token));
        }
        _ => found.query.skip = before,
    }
    Ok(found)
}

/// The one `entity`, which is of this table, under whichever of its names.
pub(super) fn entity<'e>(
    fetch: &'e Element,
    table: &Table,
    source: Source<'_>,
    catalog: &Catalog,
) -> Result<&'e Element> {
    if fetch.name != "fetch" {
        return Err(source.bad(fetch.at, "`fetch` is expected, not another element,"));
    }
    fetch.only(FETCH, source)?;
    if fetch.get("mapping").is_some_and(|mapping| mapping != "logical") {
        return Err(source.unsupported(fetch.at, "a `mapping` other than `logical`"));
    }
    let [entity] = fetch.children.as_slice() else {
        return Err(source.bad(fetch.at, "`fetch` holds one `entity`,"));
    };
    entity.only(ENTITY, source)?;
    let name = entity.needed("name", source)?;
    if catalog.table_behind(name).is_none_or(|named| named.name != table.name) {
        let message = format!("the entity is `{name}`, and the address asks for rows of `{}`,", table.name);
        return Err(source.bad(entity.at, &message));
    }
    Ok(entity)
}

pub(super) fn page(fetch: &Element, source: Source<'_>, context: Context<'_>) -> Result<Page> {
    let most = context.limits.page_rows_max;
    let (top, count, number) =
        (fetch.number("top", source)?, fetch.number("count", source)?, fetch.number("page", source)?);
    if let Some(top) = top {
        if count.is_some() || number.is_some() || fetch.get("paging-cookie").is_some() {
            return Err(source.bad(fetch.at, "`top` does not go with pages (`count`, `page`, `paging-cookie`),"));
        }
        if top > most {
            return Err(source.bad(fetch.at, &format!("`top` is {most} at most (limit `page_rows_max`),")));
        }
        return Ok(Page { number: 1, size: top, is_top: true, is_clients: true, token: None });
    }
    let size = count.unwrap_or(most).min(most);
    let is_clients = count.is_some() || number.is_some();
    Ok(Page { number: number.unwrap_or(1).into(), size, is_top: false, is_clients, token: None })
}

/// `<cookie page="1"><rows after="TOKEN" skip="0" /></cookie>`: where page 1 ended.
struct Cookie {
    page: u64,
    token: String,
    skip: u64,
}

impl Cookie {
    fn read(text: &str, context: Context<'_>) -> Result<Self> {
        let source = Source { text, target: "paging-cookie" };
        let read = || {
            let cookie = xml::parse(source, context.limits).ok()?;
            let rows = cookie.children.first()?;
            let page = cookie.get("page")?.parse().ok()?;
            Some(Self { page, token: rows.get("after")?.to_owned(), skip: rows.get("skip")?.parse().ok()? })
        };
        read().ok_or_else(|| {
            let error = Error::new(Code::PageTokenInvalid, "the paging cookie is not one that was given here");
            error.target("paging-cookie").hint(
                "take `pagingcookie` of @Microsoft.Dynamics.CRM.fetchxmlpagingcookie, URL-decode it twice, and put it into \
                 the attribute `paging-cookie` as XML has it; or ask without it",
            )
        })
    }
}

/// The annotation `@Microsoft.Dynamics.CRM.fetchxmlpagingcookie` after a page, as Dataverse has it: the cookie itself is
/// URL-encoded twice. It opens the page after.
pub fn cookie(page: &Page, skip: u64, token: &str) -> String {
    let number = page.number;
    let inner = format!("<cookie page=\"{number}\"><rows after=\"{token}\" skip=\"{skip}\" /></cookie>");
    let once = percent_encoding::utf8_percent_encode(&inner, percent_encoding::NON_ALPHANUMERIC).to_string();
    let twice = percent_encoding::utf8_percent_encode(&once, percent_encoding::NON_ALPHANUMERIC);
    format!("<cookie pagenumber=\"{}\" pagingcookie=\"{twice}\" istracking=\"False\" />", number.saturating_add(1))
}

#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) source: Source<'a>,
    pub(super) context: Context<'a>,
    pub(super) table: &'a Arc<Table>,
    /// Choices are ordered by their numbers, not by their labels.
    pub(super) by_value: bool,
}

/// A link that stands beside a row.
pub(super) struct Planned<'a> {
    pub(super) element: &'a Element,
    pub(super) alias: String,
    pub(super) kind: LinkType,
    pub(super) leads: Leads<'a>,
    /// The link that it is in.
    pub(super) within: Option<usize>,
}

impl<'a> Reading<'a> {
    /// All links that stand beside rows, each before those inside it.
    pub(super) fn survey(
        &self,
        element: &'a Element,
        table: &Table,
        within: Option<usize>,
        links: &mut Vec<Planned<'a>>,
    ) -> Result<()> {
        for child in element.children.iter().filter(|child| child.name == "link-entity") {
            child.only(LINK, self.source)?;
            let kind = LinkType::of(child, self.source)?;
            if !kind.stands_beside() {
                continue;
            }
            let most = self.context.limits.expand_width;
            if links.len() == most {
                return Err(self.bad(child, &format!("more than {most} links (limit `expand_width`)")));
            }
            let is_lost = within.is_some_and(|within| links[within].kind == LinkType::Outer) && kind != LinkType::Outer;
            if is_lost {
                return Err(self.source.unsupported(child.at, "a link inside an outer one that is not outer itself"));
            }
            let leads = link::leads(child, table, self.source, self.context.catalog)?;
            let number = links.len();
            let alias = child.get("alias").map(str::to_owned);
            let alias = alias.unwrap_or_else(|| format!("{}{}", leads.table.name, number + 1));
            if links.iter().any(|other| other.alias == alias) {
                return Err(self.bad(child, &format!("two links are called `{alias}`")));
            }
            let table = leads.table;
            links.push(Planned { element: child, alias, kind, leads, within });
            self.survey(child, table, Some(number), links)?;
        }
        Ok(())
    }

    pub(super) fn bad(&self, element: &Element, message: &str) -> Error {
        self.source.bad(element.at, &format!("{message},"))
    }
}

pub(super) struct Resolving<'r, 'a> {
    pub(super) reading: Reading<'a>,
    pub(super) links: &'r [Planned<'a>],
    beside: RefCell<Vec<Beside>>,
}

/// Whose columns a condition speaks of without naming a link.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) table: &'a Table,
    /// The row itself, beside which links stand.
    pub(super) is_whole: bool,
    /// By which the table is called.
    pub(super) alias: Option<&'a str>,
}

impl<'r, 'a> Resolving<'r, 'a> {
    pub(super) fn new(reading: Reading<'a>, links: &'r [Planned<'a>]) -> Self {
        Self { reading, links, beside: RefCell::default() }
    }

    /// Columns of links that have been spoken of.
    pub(super) fn beside(&self) -> Vec<Beside> {
        self.beside.borrow().clone()
    }

    fn fetch(&self, entity: &'a Element, distinct: bool) -> Result<Fetch> {
        let table: &'a Arc<Table> = self.reading.table;
        let scope = Scope { table, is_whole: true, alias: None };
        let filter = self.conditions(entity, scope)?;
        if let Some(filter) = &filter {
            self.check_mixed(filter, entity)?;
        }
        let mut order = self.orders(entity, None)?;
        let mut shown = self.attributes(entity, table, None)?;
        let key = Shown { link: None, column: table.key, name: table.columns[table.key].property().into_owned() };
        let shows_key = shown.iter().any(|shown| shown.link.is_none() && shown.column == table.key);
        // Without its key a row may be the same as others.
        if !shows_key && !distinct {
            shown.insert(0, key);
        }
        for (number, link) in self.links.iter().enumerate() {
            order.extend(self.orders(link.element, Some(number))?);
            shown.extend(self.attributes(link.element, link.leads.table, Some(number))?);
        }
        self.check_names(&shown, entity)?;
        let many: Vec<_> = (0..self.links.len()).filter(|number| self.is_many(*number)).collect();
        let distinct = distinct && !(shows_key && many.is_empty());
        if distinct {
            shown.iter().filter_map(|shown| shown.link.map(|link| (link, shown.column))).for_each(|(link, column)| {
                self.column_beside(link, column);
            });
        }
        if !many.is_empty() {
            // What is equal stands in the order of keys, so that pages neither overlap nor miss a row.
            let by = |by| Order { by, descending: false };
            order.push(by(Expr::Column(table.key)));
            for number in many {
                order.push(by(self.column_beside(number, self.links[number].leads.table.key)));
            }
        }
        let (links, expand) = self.built(None)?;
        let beside = self.beside.take();
        let mut columns = self.read_of(&shown, &beside, None, table);
        columns.extend(table.version);
        let of_row = filter
            .iter()
            .flat_map(|filter| columns_of(filter))
            .chain(order.iter().flat_map(|order| expr_columns(&order.by)));
        columns.extend(of_row.filter(|column| *column < table.columns.len()));
        let mut query = Query { select: Some(columns.into_iter().collect()), expand, ..Query::default() };
        self.select_of_links(&mut query.expand, &links, &shown, &beside, &mut 0);
        Ok(Fetch {
            query,
            links,
            beside,
            filter,
            order,
            shown,
            distinct,
            page: Page::default(),
            binding: String::new(),
        })
    }

    /// Columns that are read of the row or of a link.
    fn read_of(&self, shown: &[Shown], beside: &[Beside], link: Option<usize>, table: &Table) -> BTreeSet<ColumnIndex> {
        let shown = shown.iter().filter(|shown| shown.link == link).map(|shown| shown.column);
        let used = beside.iter().filter(|beside| Some(beside.link) == link).map(|beside| beside.column);
        let mut columns: BTreeSet<_> = shown.chain(used).chain([table.key]).collect();
        // What the links from here are found by.
        let from_here = self.links.iter().filter(|planned| planned.within == link);
        columns.extend(from_here.filter_map(|planned| match planned.leads.to {
            Relation::Lookup { column, .. } => Some(column),
            _ => None,
        }));
        let concepts: Vec<_> = columns.iter().filter_map(|column| table.concept_of(*column)).collect();
        for concept in concepts {
            columns.extend([concept.code, concept.system]);
            columns.extend(concept.display);
            columns.extend(concept.text);
        }
        columns
    }

    fn select_of_links(
        &self,
        expand: &mut [Expand],
        links: &[Link],
        shown: &[Shown],
        beside: &[Beside],
        number: &mut usize,
    ) {
        for (expand, link) in expand.iter_mut().zip(links) {
            let table = self.links[*number].leads.table;
            expand.query.select = Some(self.read_of(shown, beside, Some(*number), table).into_iter().collect());
            *number += 1;
            self.select_of_links(&mut expand.query.expand, &link.links, shown, beside, number);
        }
    }

    /// The links inside another, or beside the row itself, with what is read for them.
    pub(super) fn built(&self, within: Option<usize>) -> Result<(Vec<Link>, Vec<Expand>)> {
        let (mut links, mut expand) = (Vec::new(), Vec::new());
        for (number, planned) in self.links.iter().enumerate().filter(|(_, planned)| planned.within == within) {
            let (leads, kind) = (&planned.leads, planned.kind);
            let scope = Scope { table: leads.table, is_whole: false, alias: Some(&planned.alias) };
            let filter = self.conditions(planned.element, scope)?;
            let (inside, read) = self.built(Some(number))?;
            let inner = kind != LinkType::Outer;
            // Rows beside which an inner link has none are none themselves.
            let wanted = inside.iter().filter_map(|link| link.meets.clone());
            let all = filter.iter().cloned().chain(wanted).collect::<Vec<_>>();
            let is_conditioned = !all.is_empty() || kind == LinkType::First;
            let meets = inner.then(|| leads.exists(joined(all, Filter::And)));
            let first = kind == LinkType::First && leads.is_many();
            let key = Order { by: Expr::Column(leads.table.key), descending: false };
            let query = Query {
                filter,
                expand: read,
                top: first.then_some(1),
                order: if first { vec![key] } else { Vec::new() },
                ..Query::default()
            };
            if first && inside.iter().any(|link| link.inner) {
                return Err(self
                    .reading
                    .source
                    .unsupported(planned.element.at, "an inner link inside one of the first row"));
            }
            let many = leads.is_many() && !first;
            let (alias, table) = (planned.alias.clone(), leads.table.name.clone());
            links.push(Link { alias, table, inner, many, meets, is_conditioned, links: inside });
            let navigation = planned.alias.clone();
            expand.push(Expand { navigation, to: leads.to.clone(), form: ExpandForm::Rows, query });
        }
        Ok((links, expand))
    }

    /// Whether there may be several rows of a link for one row.
    fn is_many(&self, number: usize) -> bool {
        let planned = &self.links[number];
        planned.leads.is_many() && planned.kind != LinkType::First
    }

    /// What the filters and the links of an element that are conditions ask, all together.
    pub(super) fn conditions(&self, element: &Element, scope: Scope<'_>) -> Result<Option<Filter>> {
        let mut all = Vec::new();
        for child in &element.children {
            match child.name.as_str() {
                "filter" => all.extend(self.filter(child, scope)?),
                "link-entity" if !LinkType::of(child, self.reading.source)?.stands_beside() => {
                    all.push(self.related(child, scope.table)?);
                }
                _ => {}
            }
        }
        Ok(joined(all, Filter::And))
    }

    fn filter(&self, element: &Element, scope: Scope<'_>) -> Result<Option<Filter>> {
        element.only(FILTER, self.reading.source)?;
        let join = match element.get("type") {
            None | Some("and") => Filter::And,
            Some("or") => Filter::Or,
            Some(_) => return Err(self.reading.bad(element, "the `type` of a filter is `and` or `or`")),
        };
        let mut all = Vec::new();
        for child in &element.children {
            match child.name.as_str() {
                "filter" => all.extend(self.filter(child, scope)?),
                "condition" => {
                    let find = |at: &Element, link: Option<&str>, name: &str| self.found(at, link, name, scope);
                    let (source, now) = (self.reading.source, self.reading.context.now);
                    all.push(condition::condition(child, source, now, self.reading.context.catalog, &find)?);
                }
                _ => all.push(self.related(child, scope.table)?),
            }
        }
        Ok(joined(all, join))
    }

    /// A link that is a condition on the row that it hangs on.
    fn related(&self, element: &Element, parent: &Table) -> Result<Filter> {
        let Reading { source, context, .. } = self.reading;
        element.only(LINK, source)?;
        let kind = LinkType::of(element, source)?;
        if let Some(child) =
            element.children.iter().find(|child| !matches!(child.name.as_str(), "filter" | "link-entity"))
        {
            return Err(self
                .reading
                .bad(child, &format!("`{}` has no meaning in a link that is a condition", child.name)));
        }
        let leads = link::leads(element, parent, source, context.catalog)?;
        let scope = Scope { table: leads.table, is_whole: false, alias: element.get("alias") };
        let mut all = Vec::from_iter(self.conditions(element, scope)?);
        for child in element.children.iter().filter(|child| child.name == "link-entity") {
            match LinkType::of(child, source)? {
                LinkType::Inner | LinkType::First => all.push(self.related(child, leads.table)?),
                LinkType::Outer => {
                    return Err(self.reading.bad(child, "an outer link has no meaning in a link that is a condition"));
                }
                _ => {}
            }
        }
        let inside = joined(all, Filter::And);
        Ok(match kind {
            LinkType::NotAny => Filter::Not(leads.exists(inside).into()),
            LinkType::All => {
                let none = Filter::Not(leads.exists(inside).into());
                Filter::And(leads.exists(None).into(), none.into())
            }
            _ => leads.exists(inside),
        })
    }

    /// A column of the scope's own table, or of the link that is named.
    fn found(&self, at: &Element, link: Option<&str>, name: &str, scope: Scope<'_>) -> Result<Found<'a>> {
        let Reading { source, context, table, .. } = self.reading;
        let catalog = context.catalog;
        let is_own = |link: &str| scope.alias == Some(link);
        match link {
            Some(link) if !is_own(link) => {
                if !scope.is_whole {
                    return Err(source.unsupported(at.at, "`entityname` of another link inside a link"));
                }
                let number = self.link(at, link)?;
                let leads = &self.links[number].leads;
                let column = link::column(at, name, leads.table, source, catalog)?;
                Ok(Found {
                    expr: self.column_beside(number, column),
                    kind: &leads.table.columns[column].kind,
                    own: None,
                })
            }
            _ => {
                let own: &'a Table = match scope.is_whole {
                    true => table,
                    // Tables live as long as their catalog.
                    false => catalog.table(&scope.table.name).map_or(table, |own| own),
                };
                let column = link::column(at, name, own, source, catalog)?;
                Ok(Found { expr: Expr::Column(column), kind: &own.columns[column].kind, own: Some(own) })
            }
        }
    }

    /// A link by its alias, or by its table's name where one link alone is of that table.
    fn link(&self, at: &Element, name: &str) -> Result<usize> {
        if let Some(number) = self.links.iter().position(|link| link.alias == name) {
            return Ok(number);
        }
        let mut of_table = (0..self.links.len()).filter(|number| self.links[*number].leads.table.name == name);
        match (of_table.next(), of_table.next()) {
            (Some(number), None) => Ok(number),
            (Some(_), Some(_)) => {
                Err(self.reading.bad(at, &format!("several links are of `{name}`: name one by its alias")))
            }
            (None, _) => Err(self.reading.bad(at, &format!("there is no link `{name}`"))),
        }
    }

    /// A column of a link, as it stands beside a row's own.
    pub(super) fn column_beside(&self, link: usize, column: ColumnIndex) -> Expr {
        let mut beside = self.beside.borrow_mut();
        let wanted = Beside { link, column };
        let place = beside.iter().position(|other| *other == wanted).unwrap_or_else(|| {
            beside.push(wanted);
            beside.len() - 1
        });
        Expr::Column(self.reading.table.columns.len() + place)
    }

    /// The `order` elements of the row itself or of a link.
    fn orders(&self, element: &Element, link: Option<usize>) -> Result<Vec<Order>> {
        let source = self.reading.source;
        let mut orders = Vec::new();
        for child in element.children.iter().filter(|child| child.name == "order") {
            child.only(ORDER, source)?;
            let name = child.needed("attribute", source)?;
            let link = match child.get("entityname") {
                Some(named) => Some(self.link(child, named)?),
                None => link,
            };
            let table = link.map_or(self.reading.table, |link| self.links[link].leads.table);
            let column = link::column(child, name, table, source, self.reading.context.catalog)?;
            let by = link.map_or(Expr::Column(column), |link| self.column_beside(link, column));
            let by = in_order(by, &table.columns[column].kind, self.reading.by_value).ok_or_else(|| {
                let what = format!("ordering by the lookup `{name}`, which goes by the names of its rows,");
                let error = source.unsupported(child.at, &what);
                error.hint("link its table, and order by the column of the name there")
            })?;
            orders.push(Order { by, descending: child.flag("descending", source)? });
        }
        Ok(orders)
    }

    /// The `attribute` elements of the row itself or of a link. A row of which none is named is shown whole.
    fn attributes(&self, element: &Element, table: &Table, link: Option<usize>) -> Result<Vec<Shown>> {
        let source = self.reading.source;
        let named = |child: &&Element| child.name == "attribute";
        let mut shown = Vec::new();
        let prefix = link.map_or(String::new(), |link| format!("{}.", self.links[link].alias));
        // As Dataverse has it: beside a row lookups are called by their bare names.
        let own_name = |column: ColumnIndex| match link {
            None => table.columns[column].property().into_owned(),
            Some(_) => format!("{prefix}{}", table.columns[column].name),
        };
        let all = element.children.iter().filter(|child| child.name == "all-attributes");
        for child in all.clone() {
            child.only(Allowed::default(), source)?;
        }
        if all.count() > 0 || (link.is_none() && !element.children.iter().any(|child| named(&child))) {
            let readable = (0..table.columns.len()).filter(|column| table.columns[*column].access.read);
            shown.extend(readable.map(|column| Shown { link, column, name: own_name(column) }));
        }
        for child in element.children.iter().filter(named) {
            child.only(ATTRIBUTE, source)?;
            let name = child.needed("name", source)?;
            let column = link::column(child, name, table, source, self.reading.context.catalog)?;
            let name = match child.get("alias") {
                Some(alias) if is_alias(alias) => alias.to_owned(),
                Some(_) => return Err(self.reading.bad(child, "an alias is of letters, digits and underscores")),
                None => own_name(column),
            };
            let one = Shown { link, column, name };
            if !shown.contains(&one) {
                shown.push(one);
            }
        }
        Ok(shown)
    }

    fn check_names(&self, shown: &[Shown], entity: &Element) -> Result<()> {
        if let Some(odd) = self.links.iter().find(|link| !is_alias(&link.alias)) {
            return Err(self.reading.bad(odd.element, "an alias is of letters, digits and underscores"));
        }
        let mut names = BTreeSet::new();
        match shown.iter().find(|shown| !names.insert(shown.name.as_str())) {
            Some(twice) => {
                let message = format!("two columns of the answer are called `{}`", twice.name);
                Err(self.reading.bad(entity, &message).hint("give one of them an alias"))
            }
            None => Ok(()),
        }
    }

    /// A condition on rows beside and one on other related rows are not joined by `or`: the second is asked before the
    /// first can be.
    pub(super) fn check_mixed(&self, filter: &Filter, entity: &Element) -> Result<()> {
        let own = self.reading.table.columns.len();
        let mut pending = vec![filter];
        while let Some(filter) = pending.pop() {
            if let Filter::And(a, b) = filter {
                pending.extend([&**a, &**b]);
                continue;
            }
            if has_related(filter) && columns_of(filter).any(|column| column >= own) {
                let what = "a link that is a condition, beside `entityname` in one `or`";
                return Err(self.reading.source.unsupported(entity.at, what));
            }
        }
        Ok(())
    }
}

/// A name that needs no escaping and is no annotation's.
pub(super) fn is_alias(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// A value as it is ordered by: a choice by its label, unless `by_value`. None: of a lookup, which goes by a name elsewhere.
pub(super) fn in_order(by: Expr, kind: &Kind, by_value: bool) -> Option<Expr> {
    match kind {
        Kind::Lookup(_) => None,
        Kind::Choice(choice) if !by_value => {
            let case = choice.options.iter().map(|option| {
                let number = Number::parse(option.value.to_string()).map_or(Literal::Null, Literal::Number);
                let is = Filter::Compare(Compare::Eq, by.clone(), Expr::Literal(number));
                (is, Expr::Literal(Literal::Text(option.label.clone())))
            });
            Some(Expr::Case(case.collect()))
        }
        _ => Some(by),
    }
}

fn has_related(filter: &Filter) -> bool {
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => has_related(a) || has_related(b),
        Filter::Not(inner) => has_related(inner),
        Filter::Related { .. } => true,
        _ => false,
    }
}

/// Columns that a condition of a fetch reads.
fn columns_of(filter: &Filter) -> Box<dyn Iterator<Item = ColumnIndex> + '_> {
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => Box::new(columns_of(a).chain(columns_of(b))),
        Filter::Not(inner) => columns_of(inner),
        Filter::Compare(_, a, b) | Filter::Text(_, a, b) => Box::new(expr_columns(a).chain(expr_columns(b))),
        Filter::In(of, _) | Filter::Is(of) => Box::new(expr_columns(of)),
        Filter::Related { to: Relation::Lookup { column, .. }, .. } => Box::new(std::iter::once(*column)),
        Filter::Related { .. } | Filter::Among(_) => Box::new(std::iter::empty()),
    }
}

fn expr_columns(of: &Expr) -> Box<dyn Iterator<Item = ColumnIndex> + '_> {
    match of {
        Expr::Column(column) => Box::new(std::iter::once(*column)),
        Expr::Case(branches) => Box::new(branches.iter().take(1).flat_map(|(is, _)| columns_of(is))),
        _ => Box::new(std::iter::empty()),
    }
}

/// Conditions as a tree of logarithmic depth, in their order.
fn joined(mut all: Vec<Filter>, join: fn(Box<Filter>, Box<Filter>) -> Filter) -> Option<Filter> {
    match all.len() {
        0 | 1 => all.pop(),
        count => {
            let right = joined(all.split_off(count / 2), join)?;
            Some(join(joined(all, join)?.into(), right.into()))
        }
    }
}

#[cfg(test)]
mod tests;
