//! Dialect two: a filter as FHIR search, conjunct by conjunct: exact, inexact (the service may give more rows, never
//! fewer, and the residual filters again) or unsupported; and whether the service did what it was asked.

use std::collections::{BTreeSet, HashMap};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use uuid::Uuid;

use super::alternatives::{in_alternatives, is_related};
use super::elements::ELEMENTS;
use super::normal::{all, conjuncts};
use super::pushdown::{Push, Pushdown, guid};
use crate::model::key::{Decoded, decode};
use crate::model::query::{Compare, Expr, Filter, Joined, Literal, Order};
use crate::model::table::{Binding, ColumnIndex, Kind, Sortable, Source, Table};
use crate::plan::evaluate::residual::columns_of_filter;
use crate::plan::unparse;

pub(crate) use super::parameter::escape;
pub use super::pushdown::{Class, ServerSearch};

/// Keys or references of one search; a longer list is asked for in several searches.
const KEYS_PER_SEARCH: usize = 100;

/// One conjunct of a filter, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// As OData.
    pub text: String,
    /// Names of the columns that it reads: what may be said of it where its values must not be.
    pub columns: Vec<String>,
    pub class: Class,
    pub params: Vec<(String, String)>,
    pub why: String,
}

/// A search for the resources of one source, and what its rows must meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    pub resource_type: String,
    /// The source's fixed ones first; not percent-encoded.
    pub params: Vec<(String, String)>,
    /// How many of `params` are fixed by the source: rows found without them are none of this table.
    pub fixed: usize,
    pub conjuncts: Vec<Explained>,
    /// All that its rows must meet: to be used in place of `residual` where a parameter got lost.
    pub filter: Option<Filter>,
    /// What is left to check on its rows, the service having applied `params`.
    pub residual: Option<Filter>,
}

/// Parameters that an answer's `self` link does not name, so that the service may not have applied them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The rows found may be none of the table: refuse the answer.
    pub fixed: Vec<String>,
    /// Check the rows with [`Search::filter`] instead of the residual; trust neither totals nor limits.
    pub filters: Vec<String>,
    /// Order the rows here.
    pub sort: bool,
}

/// What a filter makes of one source.
#[derive(Clone, Debug, PartialEq)]
pub enum Searched {
    Search(Box<Search>),
    /// No row of the source can meet the filter: nothing is asked.
    Nothing {
        resource_type: String,
        why: String,
    },
}

/// The searches that together give every row that meets the filter, and none of them twice. `ids` holds the texts
/// behind those keys that do not carry their own (see [`hashed_keys`]); one that is not there is no row's key.
pub fn searches(
    filter: Option<&Filter>,
    table: &Table,
    server: &ServerSearch,
    ids: &HashMap<Uuid, String>,
) -> Vec<Searched> {
    let conjuncts = filter.map(conjuncts).unwrap_or_default();
    let mut searched = Vec::new();
    for source in &table.sources {
        let source = Pushdown { table, source, server, ids };
        searched.extend(in_chunks(&source, &conjuncts).iter().map(|part| search(&source, part, &[])));
    }
    searched
}

/// The same where an `or` whose alternatives no one search can ask for is asked for in several. They are in no common
/// order. None: there is no such `or`.
pub fn searches_apart(
    filter: &Filter,
    table: &Table,
    server: &ServerSearch,
    ids: &HashMap<Uuid, String>,
) -> Option<Vec<Searched>> {
    let conjuncts = conjuncts(filter);
    let (mut searched, mut any) = (Vec::new(), false);
    for source in &table.sources {
        let source = Pushdown { table, source, server, ids };
        let chunks = in_chunks(&source, &conjuncts);
        // Of a long list of keys there are few rows, and many searches already.
        match in_alternatives(&source, &conjuncts).filter(|_| chunks.len() == 1) {
            Some(parts) => {
                any = true;
                searched.extend(parts.iter().map(|part| search(&source, &part.conjuncts, &part.apart)));
            }
            None => searched.extend(chunks.iter().map(|part| search(&source, part, &[]))),
        }
    }
    any.then_some(searched)
}

/// The keys in a filter, and in its conditions on related tables, whose ids only the store's map knows.
pub fn hashed_keys(filter: &Filter) -> Vec<Uuid> {
    let mut keys = BTreeSet::new();
    collect_hashed(filter, &mut keys);
    keys.into_iter().collect()
}

/// The same of what is joined.
pub fn hashed_keys_of_joined(joined: &Joined) -> Vec<Uuid> {
    let mut keys = BTreeSet::new();
    collect_hashed_of_joined(joined, &mut keys);
    keys.into_iter().collect()
}

/// The value of `_sort`, if the order is by one column that the service can sort by, and how far it may be trusted.
pub fn sort(order: &[Order], source: &Source, server: &ServerSearch) -> Option<(String, Sortable)> {
    let [Order { by: Expr::Column(column), descending }] = order else {
        return None;
    };
    let sortable = |b: &&Binding| b.column == *column && b.sort != Sortable::None;
    let binding = source.search.iter().find(sortable)?;
    server.allows(&source.resource_type, &binding.param).ok()?;
    Some((sorts_by(&binding.param, *descending, source, server)?, binding.sort))
}

/// The parameter that a condition becomes a range of; None where it does not.
pub fn range_param(condition: &Filter, table: &Table, source: &Source, server: &ServerSearch) -> Option<String> {
    let ids = HashMap::new();
    match (Pushdown { table, source, server, ids: &ids }).conjunct(condition) {
        Push::Range { param, .. } => Some(param),
        _ => None,
    }
}

/// Whether the service finds the rows without a value in a column, and not about all others, too.
pub fn tells_absence(column: ColumnIndex, table: &Table, source: &Source, server: &ServerSearch) -> bool {
    let ids = HashMap::new();
    let absent = Filter::Compare(Compare::Eq, Expr::Column(column), Expr::Literal(Literal::Null));
    match (Pushdown { table, source, server, ids: &ids }).conjunct(&absent) {
        Push::Values { .. } | Push::Never(_) => true,
        Push::Always | Push::Range { .. } | Push::No(_) => false,
    }
}

/// The value of `_sort` by a parameter, unless the service has been seen to refuse it or to keep another order.
pub fn sorts_by(param: &str, descending: bool, source: &Source, server: &ServerSearch) -> Option<String> {
    let sign = if descending { "-" } else { "" };
    let value = format!("{sign}{param}");
    let refused = [format!("{}._sort", source.resource_type), format!("{}._sort={value}", source.resource_type)];
    (!refused.iter().any(|name| server.ignored.contains(name))).then_some(value)
}

/// What of a filter can be checked before related rows have been read.
pub fn without_related(filter: &Filter) -> Option<Filter> {
    all(conjuncts(filter).into_iter().filter(|conjunct| !is_related(conjunct)))
}

/// Whether no row that meets a filter is without a value in a column, as far as that is plain.
pub fn excludes_null(filter: &Filter, column: ColumnIndex) -> bool {
    let is_it = |of: &Expr| matches!(of, Expr::Column(own) if *own == column);
    let is_value = |of: &Expr| matches!(of, Expr::Literal(literal) if *literal != Literal::Null);
    conjuncts(filter).iter().any(|conjunct| match conjunct {
        Filter::Compare(Compare::Ne, a, b) => {
            (is_it(a) && *b == Expr::Literal(Literal::Null)) || (is_it(b) && *a == Expr::Literal(Literal::Null))
        }
        Filter::Compare(_, a, b) => (is_it(a) && is_value(b)) || (is_it(b) && is_value(a)),
        Filter::In(of, list) => is_it(of) && !list.contains(&Literal::Null),
        _ => false,
    })
}

/// Compares what was asked with the `self` link of the answer (empty if it has none).
pub fn verify_self_link(search: &Search, self_url: &str) -> Lost {
    let query = self_url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let mut applied: Vec<(String, String)> = query
        .split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect();
    let mut lost = Lost::default();
    for (index, param) in search.params.iter().enumerate() {
        // A parameter sent twice must come back twice.
        if let Some(at) = applied.iter().position(|a| a == param) {
            applied.swap_remove(at);
            continue;
        }
        match param.0.as_str() {
            "_sort" => lost.sort = true,
            // Whole resources are as good.
            ELEMENTS => {}
            name if index < search.fixed => lost.fixed.push(name.to_owned()),
            name => lost.filters.push(name.to_owned()),
        }
    }
    lost
}

impl Search {
    /// Its resource type and conditions, whatever of them is asked of the service.
    pub fn looks_for(&self) -> impl Iterator<Item = &str> {
        let conditions = self.conjuncts.iter().map(|condition| condition.text.as_str());
        std::iter::once(self.resource_type.as_str()).chain(conditions)
    }

    /// Whether it asks for parts of resources.
    pub fn asks_for_parts(&self) -> bool {
        self.params.iter().any(|(name, _)| name == ELEMENTS)
    }

    /// Nothing is left to check.
    pub fn all_exact(&self) -> bool {
        self.residual.is_none()
    }

    /// `Type?name=value&…`, percent-encoded.
    pub fn relative_url(&self) -> String {
        let mut url = self.resource_type.clone();
        for (index, (name, value)) in self.params.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.extend(utf8_percent_encode(name, QUERY));
            url.push('=');
            url.extend(utf8_percent_encode(value, QUERY));
        }
        url
    }
}

/// A list of keys too long for one search becomes several, which no row meets two of.
fn in_chunks(source: &Pushdown<'_>, conjuncts: &[Filter]) -> Vec<Vec<Filter>> {
    let whole = || vec![conjuncts.to_vec()];
    let long = conjuncts.iter().position(|conjunct| match conjunct {
        Filter::In(of @ (Expr::Column(column) | Expr::Leading(column, _)), list)
            if list.len() > KEYS_PER_SEARCH && !list.contains(&Literal::Null) =>
        {
            let is_key = matches!(source.table.columns[*column].kind, Kind::Key | Kind::Lookup(_));
            let pushed = || match of {
                Expr::Leading(_, entity_set) => source.leading(*column, entity_set, &list[..KEYS_PER_SEARCH]),
                _ => source.equals(*column, &list[..KEYS_PER_SEARCH], true),
            };
            is_key && !matches!(source.server.not_refused(&source.source.resource_type, pushed()), Push::No(_))
        }
        _ => false,
    });
    let Some((at, Filter::In(of, list))) = long.map(|at| (at, &conjuncts[at])) else {
        return whole();
    };
    let keys: BTreeSet<Uuid> = list.iter().filter_map(guid).collect();
    let keys: Vec<Literal> = keys.into_iter().map(Literal::Guid).collect();
    let part = |chunk: &[Literal]| {
        let mut part = conjuncts.to_vec();
        part[at] = Filter::In(of.clone(), chunk.to_vec());
        part
    };
    keys.chunks(KEYS_PER_SEARCH).map(part).collect()
}

/// `apart`: what leaves out the rows of other searches.
fn search(source: &Pushdown<'_>, conjuncts: &[Filter], apart: &[Filter]) -> Searched {
    let resource_type = source.source.resource_type.clone();
    let (mut explained, mut residual) = (Vec::new(), Vec::new());
    for conjunct in conjuncts {
        let text = unparse::filter(conjunct, source.table).to_string();
        if is_related(conjunct) {
            let why = "the related rows are read first, and their keys are asked for".to_owned();
            let (class, columns) = (Class::Related, column_names(conjunct, source.table));
            explained.push(Explained { text, columns, class, params: Vec::new(), why });
            residual.push(conjunct.clone());
            continue;
        }
        let push = source.conjunct(conjunct);
        if let Push::Never(why) = push {
            return Searched::Nothing { resource_type, why: format!("{text}: {why}") };
        }
        let one = explain(push, text, column_names(conjunct, source.table));
        if one.class != Class::Exact {
            residual.push(conjunct.clone());
        }
        explained.push(one);
    }
    for condition in apart {
        let text = unparse::filter(condition, source.table).to_string();
        let (columns, why) = (column_names(condition, source.table), "a search before this one finds them".to_owned());
        explained.push(Explained { text, columns, class: Class::Apart, params: Vec::new(), why });
        residual.push(condition.clone());
    }
    let mut params = source.source.fixed_params.clone();
    let fixed = params.len();
    for param in explained.iter().flat_map(|one| &one.params) {
        if !params.contains(param) {
            params.push(param.clone());
        }
    }
    let (filter, residual) = (all(conjuncts.iter().chain(apart).cloned()), all(residual));
    let search = Search { resource_type, params, fixed, conjuncts: explained, filter, residual };
    Searched::Search(Box::new(search))
}

fn explain(push: Push, text: String, columns: Vec<String>) -> Explained {
    let (class, params, why) = match push {
        Push::Always => (Class::Exact, Vec::new(), "every row of this resource type meets it".into()),
        Push::Never(why) => (Class::Exact, Vec::new(), why.into()),
        Push::Values { class, param, values, why } => (class, vec![(param, values.join(","))], why.into()),
        Push::Range { param, values, why } => {
            (Class::Inexact, values.into_iter().map(|v| (param.clone(), v)).collect(), why.into())
        }
        Push::No(why) => (Class::Unsupported, Vec::new(), why),
    };
    Explained { text, columns, class, params, why }
}

fn column_names(conjunct: &Filter, table: &Table) -> Vec<String> {
    let mut read = BTreeSet::new();
    columns_of_filter(conjunct, &mut read);
    read.iter().filter_map(|c| table.columns.get(*c)).map(|c| c.property().into_owned()).collect()
}

fn collect_hashed(filter: &Filter, into: &mut BTreeSet<Uuid>) {
    let mut keep = |literal: &Literal| into.extend(guid(literal).filter(|g| decode(*g) == Decoded::Hashed));
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => {
            collect_hashed(a, into);
            collect_hashed(b, into);
        }
        Filter::Not(inner) => collect_hashed(inner, into),
        Filter::In(_, list) => list.iter().for_each(keep),
        Filter::Compare(_, a, b) => {
            for side in [a, b] {
                if let Expr::Literal(literal) = side {
                    keep(literal);
                }
            }
        }
        Filter::Related { filter, joined, .. } => {
            filter.iter().for_each(|inner| collect_hashed(inner, into));
            joined.iter().for_each(|joined| collect_hashed_of_joined(joined, into));
        }
        Filter::Text(..) | Filter::Is(_) | Filter::Among(_) => {}
    }
}

fn collect_hashed_of_joined(joined: &Joined, into: &mut BTreeSet<Uuid>) {
    joined.query.filter.iter().for_each(|filter| collect_hashed(filter, into));
    joined.query.joined.iter().for_each(|joined| collect_hashed_of_joined(joined, into));
}

/// What stays readable in a query; everything else is encoded.
const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'/').remove(b',');

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod oracle;
