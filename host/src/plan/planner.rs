//! A query and where its tables live to a plan: what is asked of the database or the FHIR service, of which tables, and
//! what is left to do here. Pure: everything that it must know is given to it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::evaluate::aggregate;
use super::evaluate::residual::{self, Residual, columns_needed, columns_of_filter};
use super::joined::split;
use super::search::elements::{ELEMENTS, elements};
use super::search::query::{
    Search, Searched, ServerSearch, hashed_keys, hashed_keys_of_joined, searches, searches_apart, sort,
};
use super::tree::{
    Check, CountPlan, Expansion, Gather, Grouped, LeftOver, NativeScan, Place, Read, RelatedRows, Scan, SearchScan,
    Semijoin,
};
use super::window::Window;
use crate::model::aggregate::Aggregation;
use crate::model::catalog::{Catalog, Relation};
use crate::model::error::{Code, Error, Result};
use crate::model::query::{Beside, Expand, ExpandForm, Expr, Filter, Joined, JoinedValue, Literal, Quantifier, Query};
use crate::model::table::{ColumnIndex, Kind, Sortable, Source, Table};
use crate::model::widened::widened;

/// What planning must know of the moment.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub catalog: &'a Catalog,
    /// Of each table that the query touches ([`touched`]).
    pub places: &'a BTreeMap<String, Place>,
    /// Texts behind the keys in the query that do not carry their own ([`keys_in`]).
    pub ids: &'a Arc<HashMap<Uuid, String>>,
    /// What rows must meet to be there at all, by table: beside whatever is asked of them.
    pub rules: &'a BTreeMap<String, Filter>,
}

/// Names of the tables that a query touches: its own, those that its conditions are about, those that it expands.
pub fn touched(query: &Query, table: &Table) -> BTreeSet<String> {
    let mut names = BTreeSet::from([table.name.clone()]);
    touched_by(query, &mut names);
    names
}

/// The keys that a query names and whose ids only the store's map knows.
pub fn keys_in(query: &Query) -> BTreeSet<Uuid> {
    let mut keys: BTreeSet<Uuid> = query.filter.iter().flat_map(hashed_keys).collect();
    keys.extend(query.expand.iter().flat_map(|expand| keys_in(&expand.query)));
    keys.extend(query.joined.iter().flat_map(hashed_keys_of_joined));
    keys
}

/// Errs for a query that has no meaning, alike on every route and before anything is asked.
pub fn plan(query: &Query, table: &Arc<Table>, known: Known<'_>) -> Result<Read> {
    let place = known
        .places
        .get(&table.name)
        .ok_or_else(|| Error::new(Code::Internal, format!("it is not known where `{}` is", table.name)))?
        .clone();
    let mut joins = match &query.filter {
        Some(filter) => semijoins(filter, table, known)?,
        None => Vec::new(),
    };
    let rule = known.rules.get(&table.name);
    let mut query = Cow::Borrowed(query);
    if let Some(rule) = rule {
        // A rule looks at all there is: whose rows these are is not hidden from it.
        joins.extend(semijoins(rule, table, Known { rules: &BTreeMap::new(), ..known })?);
        let filter = query.filter.clone().into_iter().chain([rule.clone()]).reduce(Filter::both);
        query = Cow::Owned(Query { filter, ..query.into_owned() });
    }
    let query = &*query;
    let gather = gather(&query.joined, table, known)?;
    check(query, table, gather.as_ref().map_or(table, |gather| &gather.wide), &joins)?;
    let expand = expansions(&query.expand, table, known)?;
    let scan = scan(query, query.filter.clone(), table, &place, known.ids);
    let query = Query { expand: Vec::new(), ..query.clone() };
    Ok(Read { table: table.clone(), place, query, joins, ids: known.ids.clone(), scan, gather, expand })
}

/// The same for groups of rows.
pub fn plan_groups(aggregation: &Aggregation, table: &Arc<Table>, known: Known<'_>) -> Result<Grouped> {
    let Some(first) = aggregation.steps.first() else {
        return Err(Error::new(Code::Internal, "rows are to be grouped, and by nothing"));
    };
    let taken = aggregate::columns_of(first).into_iter().filter(|column| *column < table.columns.len());
    let counts = aggregation.is_count();
    let query = Query {
        select: Some(taken.collect()),
        filter: aggregation.of.filter.clone(),
        joined: aggregation.of.joined.clone(),
        count: counts,
        top: counts.then_some(0),
        ..Query::default()
    };
    let read = plan(&query, table, known)?;
    aggregate::check(aggregation, read.wide())?;
    Ok(Grouped { read, aggregation: aggregation.clone() })
}

/// What finding the values takes that filter and order use of related rows.
fn gather(joined: &[Joined], table: &Arc<Table>, known: Known<'_>) -> Result<Option<Gather>> {
    if joined.is_empty() {
        return Ok(None);
    }
    let mut values = Vec::with_capacity(joined.len());
    for value in joined {
        let other = match &value.to {
            Relation::Lookup { table, .. } | Relation::Collection { table, .. } => related(table, known)?,
            Relation::Concept { .. } => return Err(Error::new(Code::Internal, "a concept is no related row")),
        };
        let (column, count) = match value.value {
            JoinedValue::Column(column) => (Some(column).filter(|column| *column < other.columns.len()), false),
            JoinedValue::Count => (None, true),
        };
        let form = if count { ExpandForm::Count } else { ExpandForm::Rows };
        let top = count.then_some(0);
        let query = Query { select: Some(column.into_iter().collect()), count, top, ..value.query.clone() };
        let expand = Expand { navigation: value.name.clone(), to: value.to.clone(), form, query };
        for expansion in expansions(&[expand], table, known)? {
            if let Expansion::Rows(rows) = expansion {
                values.push((*rows, value.value));
            }
        }
    }
    Ok(Some(Gather { wide: Arc::new(widened(table, joined, known.catalog)?), values }))
}

/// What the navigation properties of rows of this table take, in their order.
pub fn expansions(expands: &[Expand], table: &Table, known: Known<'_>) -> Result<Vec<Expansion>> {
    let planned = expands.iter().map(|expand| {
        let (other, own, theirs, many) = match &expand.to {
            Relation::Lookup { column, table: other } => {
                let other = related(other, known)?;
                (other, *column, other.key, false)
            }
            Relation::Collection { table: other, column } => (related(other, known)?, table.key, *column, true),
            Relation::Concept { .. } => return Ok(Expansion::Concept),
        };
        let asked = &expand.query;
        let mut select = asked.select.clone();
        if let Some(select) = &mut select
            && !select.contains(&theirs)
        {
            select.push(theirs);
            select.sort_unstable();
        }
        // Skip and top are for each row, so they come after the rows are told apart.
        let query = Query { select, skip: 0, top: None, count: false, ..asked.clone() };
        Ok(Expansion::Rows(Box::new(RelatedRows {
            navigation: expand.navigation.clone(),
            form: expand.form,
            own,
            theirs,
            many,
            skip: asked.skip,
            top: asked.top,
            count: asked.count,
            read: plan(&query, other, known)?,
        })))
    });
    planned.collect()
}

impl Read {
    /// For each join the condition that asks it in one go with the rows, where both live in the store and its database can
    /// answer all of it. None: its keys are read first.
    pub fn within(&self, left_over: LeftOver<'_>) -> Vec<Option<Filter>> {
        let none = || vec![None; self.joins.len()];
        if self.place != Place::Native {
            return none();
        }
        let within = |join: &Semijoin| among(join, &self.table, left_over);
        let within: Vec<_> = self.joins.iter().map(within).collect();
        let asked = self.asked(&within);
        let is_asked = match self.gather {
            // Where these values are found here, so is part of the filter.
            Some(_) => self.scan_beside(asked, left_over).is_some(),
            // Beside what is checked row by row, in one `or` say, it cannot be asked.
            None => !left_to(&self.table, asked, left_over).is_some_and(|left| left.has_among()),
        };
        if is_asked { within } else { none() }
    }

    /// The scan of a table that has values of related rows beside it, with this filter, where the database finds all of them,
    /// checks the whole filter and gives the order. None: there are none, or they are gathered here.
    pub fn scan_beside(&self, filter: Option<Filter>, left_over: LeftOver<'_>) -> Option<NativeScan> {
        self.gather.as_ref()?;
        let beside = self.beside(left_over)?;
        let Query { order, top, skip, count, .. } = &self.query;
        let columns = columns_needed(&self.query, &self.table);
        let (order, top, skip, count) = (order.clone(), *top, *skip, *count);
        let scan = NativeScan { columns, filter, order, top, skip, count, beside };
        let is_ordered = scan.order.iter().all(|order| matches!(order.by, Expr::Column(_)));
        (is_ordered && left_over(&self.table, &scan).is_none()).then_some(scan)
    }

    /// The values of related rows that filter and order use, as far as the database can find them all.
    fn beside(&self, left_over: LeftOver<'_>) -> Option<Vec<Beside>> {
        if self.place != Place::Native {
            return None;
        }
        let values = self.gather.iter().flat_map(|gather| &gather.values);
        values.map(|(rows, value)| self.value_beside(rows, *value, left_over)).collect()
    }

    fn value_beside(&self, rows: &RelatedRows, value: JoinedValue, left_over: LeftOver<'_>) -> Option<Beside> {
        let read = &rows.read;
        let beside = read.beside(left_over)?;
        let joins = read.joins.iter().map(|join| among(join, &read.table, left_over));
        let joins: Vec<Filter> = joins.collect::<Option<_>>()?;
        let filter = read.query.filter.as_ref().map(|filter| with_keys(filter, &mut joins.into_iter()));
        let filter = filter.transpose().ok()?;
        let (order, columns) = (Vec::new(), Vec::new());
        let scan = NativeScan { filter, order, top: None, skip: 0, columns, count: false, beside };
        if left_over(&read.table, &scan).is_some() {
            return None;
        }
        let NativeScan { filter, beside, .. } = scan;
        Some(Beside { filter, beside, ..Beside::new(&self.table, rows.own, &read.table, rows.theirs, value) })
    }

    /// The filter as the database is asked it, with lists of keys for those joins that it does not make itself.
    pub fn asked(&self, within: &[Option<Filter>]) -> Option<Filter> {
        let keys = |join: &Semijoin| join.condition(&self.table, BTreeSet::new());
        let mut all = self.joins.iter().zip(within).map(|(join, within)| within.clone().unwrap_or_else(|| keys(join)));
        self.query.filter.as_ref().and_then(|filter| with_keys(filter, &mut all).ok())
    }

    /// The scan with a filter in place of the query's: with the keys of its joins, or with those of the rows that it is
    /// read for.
    pub fn scan_for(&self, filter: Option<Filter>, ids: &HashMap<Uuid, String>) -> Scan {
        scan(&self.query, filter, &self.table, &self.place, ids)
    }
}

impl Grouped {
    /// Whether the database makes the groups of the first step: it keeps just the rows that are meant, and has the values.
    pub fn in_database(&self, left_over: LeftOver<'_>) -> bool {
        let (read, first) = (&self.read, self.aggregation.steps.first());
        let asked = read.asked(&read.within(left_over));
        let own = read.table.columns.len();
        read.place == Place::Native
            && first.is_some_and(|first| aggregate::is_of_columns(first, read.wide(), own))
            && match read.gather {
                Some(_) => read.scan_beside(asked, left_over).is_some(),
                None => left_to(&read.table, asked, left_over).is_none(),
            }
    }
}

fn among(join: &Semijoin, table: &Arc<Table>, left_over: LeftOver<'_>) -> Option<Filter> {
    let related = &join.related;
    if join.check.is_some() || join.above.is_some() || related.place != Place::Native || related.gather.is_some() {
        return None;
    }
    let inner: Vec<Filter> = related.within(left_over).into_iter().collect::<Option<_>>()?;
    let filter = related.query.filter.as_ref().map(|filter| with_keys(filter, &mut inner.into_iter()));
    let among = Filter::among(table, join.own, &related.table, join.theirs, filter.transpose().ok()?);
    left_to(table, Some(among.clone()), left_over).is_none().then_some(among)
}

/// What the database leaves of a filter.
fn left_to(table: &Arc<Table>, filter: Option<Filter>, left_over: LeftOver<'_>) -> Option<Filter> {
    let (order, columns) = (Vec::new(), Vec::new());
    let beside = Vec::new();
    left_over(table, &NativeScan { filter, order, top: None, skip: 0, columns, count: false, beside })
}

/// A filter with what its conditions on related tables come to, in their order.
pub fn with_keys(filter: &Filter, conditions: &mut dyn Iterator<Item = Filter>) -> Result<Filter> {
    let mut boxed = |filter: &Filter| with_keys(filter, conditions).map(Box::new);
    Ok(match filter {
        Filter::And(a, b) => Filter::And(boxed(a)?, boxed(b)?),
        Filter::Or(a, b) => Filter::Or(boxed(a)?, boxed(b)?),
        Filter::Not(inner) => Filter::Not(boxed(inner)?),
        Filter::Related { navigation, .. } => conditions.next().ok_or_else(|| {
            Error::new(Code::Internal, "a condition on a related table has not been answered")
                .target(navigation.clone())
        })?,
        other => other.clone(),
    })
}

/// The conditions on related tables in a filter, in their order, and whether every row that the filter keeps meets them.
pub fn related_in(filter: &Filter) -> Vec<(&Filter, bool)> {
    fn add<'f>(filter: &'f Filter, is_met: bool, into: &mut Vec<(&'f Filter, bool)>) {
        match filter {
            Filter::And(a, b) => [a, b].into_iter().for_each(|part| add(part, is_met, into)),
            Filter::Or(a, b) => [a, b].into_iter().for_each(|part| add(part, false, into)),
            Filter::Not(inner) => add(inner, false, into),
            Filter::Related { .. } => into.push((filter, is_met)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    add(filter, true, &mut found);
    found
}

/// One for each condition on a related table, in their order.
fn semijoins(filter: &Filter, table: &Table, known: Known<'_>) -> Result<Vec<Semijoin>> {
    Ok(match filter {
        Filter::And(a, b) | Filter::Or(a, b) => {
            let mut joins = semijoins(a, table, known)?;
            joins.extend(semijoins(b, table, known)?);
            joins
        }
        Filter::Not(inner) => semijoins(inner, table, known)?,
        Filter::Related { navigation, to, quantifier, filter, joined } => {
            vec![semijoin(navigation, to, *quantifier, (filter.as_deref(), joined), table, known)?]
        }
        _ => Vec::new(),
    })
}

fn semijoin(
    navigation: &str,
    to: &Relation,
    quantifier: Quantifier,
    (inner, joined): (Option<&Filter>, &[Joined]),
    table: &Table,
    known: Known<'_>,
) -> Result<Semijoin> {
    let (other, own, theirs) = match (to, quantifier) {
        (Relation::Lookup { column, table: other }, Quantifier::One) => {
            let other = related(other, known)?;
            (other, *column, other.key)
        }
        (Relation::Collection { table: other, column }, Quantifier::Any | Quantifier::All) => {
            (related(other, known)?, table.key, *column)
        }
        (Relation::Lookup { column, table: other }, Quantifier::Within(_)) => {
            let other = related(other, known)?;
            (other, *column, other.key)
        }
        _ => {
            return Err(Error::new(Code::NotSupported, format!("conditions on `{navigation}` are not supported"))
                .target(navigation)
                .hint("compare the columns that the row itself carries"));
        }
    };
    let joined = joined.to_vec();
    let mut query = Query { select: Some(vec![theirs]), filter: inner.cloned(), joined, ..Query::default() };
    let mut check = None;
    if quantifier == Quantifier::All {
        // Rows that meet it prove nothing, nor do rows where it is null: all of them are looked at.
        let filter = query.filter.take().unwrap_or(Filter::Is(Expr::Literal(Literal::Bool(true))));
        let joins = semijoins(&filter, other, known)?;
        let wide = widened(other, &query.joined, known.catalog)?;
        self::check(&Query { filter: Some(filter.clone()), ..Query::default() }, other, &wide, &joins)?;
        let mut needed = BTreeSet::from([theirs]);
        columns_of_filter(&filter, &mut needed);
        needed.extend(joins.iter().map(|join| join.own));
        query.select = Some(needed.into_iter().filter(|column| *column < other.columns.len()).collect());
        check = Some(Check { filter, joins });
    }
    let mut above = None;
    if matches!(quantifier, Quantifier::Within(_)) {
        let column = other.hierarchy().ok_or_else(|| {
            Error::new(Code::Internal, "a condition is about a hierarchy that there is none").target(navigation)
        })?;
        query.select = Some(BTreeSet::from([theirs, column]).into_iter().collect());
        above = Some(column);
    }
    let related = Box::new(plan(&query, other, known)?);
    Ok(Semijoin { navigation: navigation.to_owned(), quantifier, own, theirs, related, check, above })
}

fn related<'a>(name: &str, known: Known<'a>) -> Result<&'a Arc<Table>> {
    known.catalog.table(name).ok_or_else(|| Error::new(Code::Internal, format!("the related table `{name}` is gone")))
}

fn touched_by(query: &Query, names: &mut BTreeSet<String>) {
    if let Some(filter) = &query.filter {
        touched_by_filter(filter, names);
    }
    for expand in &query.expand {
        touched_by_relation(&expand.to, names);
        touched_by(&expand.query, names);
    }
    touched_by_joined(&query.joined, names);
}

fn touched_by_joined(joined: &[Joined], names: &mut BTreeSet<String>) {
    for joined in joined {
        touched_by_relation(&joined.to, names);
        touched_by(&joined.query, names);
    }
}

fn touched_by_filter(filter: &Filter, names: &mut BTreeSet<String>) {
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => {
            touched_by_filter(a, names);
            touched_by_filter(b, names);
        }
        Filter::Not(inner) => touched_by_filter(inner, names),
        Filter::Related { to, filter, joined, .. } => {
            touched_by_relation(to, names);
            touched_by_joined(joined, names);
            if let Some(filter) = filter {
                touched_by_filter(filter, names);
            }
        }
        _ => {}
    }
}

fn touched_by_relation(to: &Relation, names: &mut BTreeSet<String>) {
    match to {
        Relation::Lookup { table, .. } | Relation::Collection { table, .. } => {
            names.insert(table.clone());
        }
        Relation::Concept { .. } => {}
    }
}

/// Types of filter and order, as the evaluator sees them.
fn check(query: &Query, table: &Table, wide: &Table, joins: &[Semijoin]) -> Result<()> {
    if let Some(filter) = &query.filter {
        // What related rows will say is a list of keys, of whatever length.
        let mut keys = joins.iter().map(|join| Filter::one_of(table, join.own, &join.related.table, BTreeSet::new()));
        Residual::new(&with_keys(filter, &mut keys)?, wide)?;
    }
    residual::order(&Default::default(), &query.order, wide)?;
    Ok(())
}

fn scan(query: &Query, filter: Option<Filter>, table: &Table, place: &Place, ids: &HashMap<Uuid, String>) -> Scan {
    let columns = columns_needed(query, table);
    // What waits for related rows is done after them, and with it all that comes after a filter.
    let (filter, query) = match query.joined.is_empty() {
        true => (filter, Cow::Borrowed(query)),
        false => {
            let all = Query { order: Vec::new(), top: None, skip: 0, count: false, ..query.clone() };
            (split(filter.as_ref(), table.columns.len()).0, Cow::Owned(all))
        }
    };
    match place {
        Place::Native => Scan::Native(NativeScan {
            columns,
            filter,
            order: query.order.clone(),
            top: query.top,
            skip: query.skip,
            count: query.count,
            beside: Vec::new(),
        }),
        Place::Virtual(server) => Scan::Search(search_scan(&query, filter, &columns, table, server, ids)),
    }
}

fn search_scan(
    query: &Query,
    filter: Option<Filter>,
    columns: &[ColumnIndex],
    table: &Table,
    server: &ServerSearch,
    ids: &HashMap<Uuid, String>,
) -> SearchScan {
    let together = searches(filter.as_ref(), table, server, ids);
    let together = arranged(together, query, filter.clone(), columns, table, server);
    // Several searches have no common order: where the service gives one, pages end early.
    let is_in_order = (!query.order.is_empty() && !together.sort_here) || together.window.is_some();
    match filter.as_ref().filter(|_| !is_in_order).and_then(|filter| searches_apart(filter, table, server, ids)) {
        Some(apart) => arranged(apart, query, filter, columns, table, server),
        None => together,
    }
}

/// Searches with what comes after them.
fn arranged(
    searches: Vec<Searched>,
    query: &Query,
    filter: Option<Filter>,
    columns: &[ColumnIndex],
    table: &Table,
    server: &ServerSearch,
) -> SearchScan {
    let (mut asked, mut nothing) = (Vec::new(), Vec::new());
    for searched in searches {
        match searched {
            Searched::Search(search) => asked.push(*search),
            Searched::Nothing { resource_type, why } => nothing.push((resource_type, why)),
        }
    }
    let alone = asked.len() == 1;
    let mut ordered_there = query.order.is_empty();
    if let ([search], Some(source)) = (asked.as_mut_slice(), alone_source(table, &nothing))
        && let Some((value, sortable)) = sort(&query.order, source, server)
    {
        ordered_there = sortable == Sortable::Guaranteed;
        if ordered_there {
            search.params.push(("_sort".into(), value));
        }
    }
    let mut held: BTreeSet<ColumnIndex> = columns.iter().copied().collect();
    filter.iter().for_each(|filter| columns_of_filter(filter, &mut held));
    for search in &mut asked {
        let is_done = !server.ignored.contains(&format!("{}.{ELEMENTS}", search.resource_type));
        if is_done
            && server.subsets.contains(&search.resource_type)
            && let Some(names) = elements(&held, table, &search.resource_type)
        {
            search.params.push((ELEMENTS.to_owned(), names));
        }
    }
    let sort_here = !ordered_there && !asked.is_empty();
    let all_exact = asked.iter().all(Search::all_exact) && table.one_row_per_resource;
    let count = match query.count {
        false => CountPlan::NotAsked,
        true if all_exact => CountPlan::Service,
        true => CountPlan::Scan,
    };
    let is_paged = sort_here && count != CountPlan::Scan;
    let window = is_paged.then(|| Window::of(&query.order, filter.as_ref(), &asked, table, server)).flatten();
    SearchScan {
        limit_pushed: query
            .top
            .filter(|_| all_exact && alone && !sort_here)
            .and_then(|top| top.checked_add(query.skip)),
        full_scan_needed: (sort_here && window.is_none()) || count == CountPlan::Scan,
        searches: asked,
        nothing,
        filter,
        order: query.order.clone(),
        sort_here,
        window,
        top: query.top,
        skip: query.skip,
        columns: mapped(columns, table),
        later: Vec::new(),
        count,
    }
}

/// The one source that is asked, where all others are known to give nothing.
fn alone_source<'t>(table: &'t Table, nothing: &[(String, String)]) -> Option<&'t Source> {
    let mut asked = table.sources.iter().filter(|s| nothing.iter().all(|(none, _)| *none != s.resource_type));
    asked.next().filter(|_| asked.next().is_none())
}

/// The columns that the mapping itself builds: a concept's key becomes its code and system.
fn mapped(columns: &[ColumnIndex], table: &Table) -> Vec<ColumnIndex> {
    let mut mapped = BTreeSet::new();
    for column in columns {
        match (table.columns.get(*column).map(|c| &c.kind), table.concept_of(*column)) {
            (Some(Kind::ConceptKey { .. }), Some(concept)) => mapped.extend([concept.code, concept.system]),
            (Some(Kind::ConceptKey { .. }), None) => {}
            _ => {
                mapped.insert(*column);
            }
        }
    }
    mapped.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error::Code;
    use crate::model::query::{Compare, Order};
    use crate::plan::example::observation::*;
    use crate::plan::example::*;

    fn read(query: &Query, table: &Table, place: Place) -> Result<Read> {
        let table = Arc::new(table.clone());
        let catalog = Catalog::new([table.clone()]);
        let (places, ids) = (BTreeMap::from([(table.name.clone(), place)]), Arc::default());
        let rules = BTreeMap::new();
        plan(query, &table, Known { catalog: &catalog, places: &places, ids: &ids, rules: &rules })
    }

    fn virtually(query: &Query, table: &Table) -> SearchScan {
        match read(query, table, Place::Virtual(Arc::default())).unwrap().scan {
            Scan::Search(scan) => scan,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn limit_and_count_are_pushed_only_when_nothing_is_left_to_check() {
        let table = observations();
        let status = || eq(STATUS, number("1"));
        let born = || eq(BORN, day("1970-01-01"));
        let check = |filter: Option<Filter>, order: &[Order], limit: Option<u64>, count: CountPlan, sort_here: bool| {
            let query =
                Query { filter, order: order.to_vec(), top: Some(10), skip: 5, count: true, ..Query::default() };
            let plan = virtually(&query, &table);
            assert_eq!((plan.limit_pushed, plan.count, plan.sort_here), (limit, count, sort_here), "{query:?}");
            let is_cut = plan.window.is_some();
            assert_eq!(plan.full_scan_needed, (sort_here && !is_cut) || count == CountPlan::Scan);
        };
        check(None, &[], Some(15), CountPlan::Service, false);
        check(Some(status()), &[], Some(15), CountPlan::Service, false);
        check(Some(and(status(), born())), &[], None, CountPlan::Scan, false);
        check(Some(status()), &[by(MODIFIED, true)], Some(15), CountPlan::Service, false);
        check(Some(status()), &[by(EFFECTIVE, true)], None, CountPlan::Service, true);
        check(Some(status()), &[by(NOTE, true)], None, CountPlan::Service, true);
        check(Some(eq(STATUS, number("9"))), &[by(NOTE, true)], None, CountPlan::Service, false);
    }

    #[test]
    fn pages_are_cut_from_ranges_where_the_service_can_search_them() {
        let table = observations();
        let check = |order: &[Order], filter: Option<Filter>, expected: Option<&str>| {
            let query = Query { order: order.to_vec(), filter, ..Query::default() };
            let window = virtually(&query, &table).window;
            assert_eq!(window.map(|window| window.sorts.join(" ")).as_deref(), expected, "{query:?}");
        };
        check(&[by(EFFECTIVE, true)], None, Some("-date"));
        check(&[by(EFFECTIVE, true), by(NOTE, false)], None, Some("-date"));
        // Ascending, rows without a date come first, and nothing finds just them.
        check(&[by(EFFECTIVE, false)], None, None);
        let since = || compare(Compare::Ge, EFFECTIVE, day("2020-01-01"));
        check(&[by(EFFECTIVE, false)], Some(since()), Some("date"));
        check(&[by(EFFECTIVE, false)], Some(compare(Compare::Ne, EFFECTIVE, Literal::Null)), Some("date"));
        check(&[by(EFFECTIVE, false)], Some(compare(Compare::Ne, EFFECTIVE, day("2020-01-01"))), None);
        check(&[by(NOTE, true)], None, None);
        check(&[by(NOTE, true), by(EFFECTIVE, true)], None, None);
        let counted =
            Query { order: vec![by(EFFECTIVE, true)], count: true, filter: Some(since()), ..Query::default() };
        assert_eq!(virtually(&counted, &table).window, None, "all are looked at to be counted");
    }

    #[test]
    fn several_sources_or_rows_of_a_resource_push_no_limit() {
        let query = Query { top: Some(10), count: true, order: vec![by(2, false)], ..Query::default() };
        let plan = virtually(&query, &contacts());
        assert_eq!((plan.searches.len(), plan.limit_pushed, plan.sort_here), (2, None, true));
        assert_eq!(plan.count, CountPlan::Service);
        let filter = Some(eq(1, guid_of("e1")));
        let plan = virtually(&Query { top: Some(10), count: true, filter, ..Query::default() }, &participants());
        assert!(plan.all_exact());
        assert_eq!((plan.limit_pushed, plan.count), (None, CountPlan::Scan));
    }

    #[test]
    fn the_mapping_is_asked_for_the_columns_that_it_builds() {
        let query = Query {
            select: Some(vec![CONCEPT]),
            filter: Some(eq(STATUS, number("1"))),
            order: vec![by(NOTE, false)],
            ..Query::default()
        };
        assert_eq!(virtually(&query, &observations()).columns, [ID, STATUS, CODE, SYSTEM, NOTE, VERSION]);
    }

    #[test]
    fn a_query_without_meaning_fails_alike_on_every_route() {
        let table = observations();
        let query = Query { filter: Some(eq(STATUS, string("final"))), ..Query::default() };
        for place in [Place::Native, Place::Virtual(Arc::default())] {
            assert_eq!(read(&query, &table, place).unwrap_err().code(), Code::BadFilter);
        }
    }

    #[test]
    fn what_was_not_pushed_is_named_without_its_values() {
        let filter = and(eq(STATUS, number("1")), compare(Compare::Ne, NOTE, string("secret")));
        let query = Query { filter: Some(filter), order: vec![by(NOTE, false)], count: true, ..Query::default() };
        let details = virtually(&query, &observations()).not_pushed();
        let targets: Vec<_> = details.iter().map(|d| (d.code.as_str(), d.target.as_deref())).collect();
        assert_eq!(
            targets,
            [("FilteredHere", Some("note")), ("SortedHere", Some("$orderby")), ("CountedHere", Some("$count"))],
        );
        assert!(!format!("{details:?}").contains("secret"));
    }
}
