//! A plan: all that answering a query will take, as one tree, before any of it is done. It is plain data and names no
//! database's language: `explain` prints it, and one executor (`router::read`) walks it.
//!
//! A [`Read`] is one table's part of it, from the bottom up: the [`Semijoin`]s that must come first, the [`Scan`] with
//! what is pushed and what is left to filter, sort and count here, the page of `query`, and the [`Expansion`]s of the
//! rows on it. Semijoins and expansions are reads themselves.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::search::chain::{Chain, Side, chains};
use super::search::query::{Class, Search, ServerSearch};
use super::window::Window;
use crate::model::aggregate::Aggregation;
use crate::model::error::Detail;
use crate::model::query::{Beside, ExpandForm, Filter, JoinedValue, Order, Quantifier, Query};
use crate::model::table::{ColumnIndex, Table};

/// What is left of a scan of a native table for its filter to check row by row: only its database can say.
pub type LeftOver<'a> = &'a dyn Fn(&Arc<Table>, &NativeScan) -> Option<Filter>;

/// Where a table's rows live, with what planning must know of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    Native,
    Virtual(Arc<ServerSearch>),
}

/// A read of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub table: Arc<Table>,
    pub place: Place,
    /// What is asked of the table. Conditions on related tables stand in its filter as they were written; what is
    /// expanded is in `expand`.
    pub query: Query,
    /// One for each condition on a related table, in their order.
    pub joins: Vec<Semijoin>,
    /// Texts behind the keys in the request that do not carry their own.
    pub ids: Arc<HashMap<Uuid, String>>,
    /// What is asked of whom. Where there are joins it is what can be said before they have been made, and is planned
    /// once more with their keys.
    pub scan: Scan,
    /// Where filter or order use values of related rows: the scan then gives all rows that what can be asked of it keeps.
    pub gather: Option<Gather>,
    pub expand: Vec<Expansion>,
}

/// Groups of the rows of a read.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouped {
    /// Of each row what the first step takes; where only the number of rows is asked for, it counts them and gives none.
    pub read: Read,
    pub aggregation: Aggregation,
}

/// Values of related rows, found for all rows of a scan, before these are filtered and sorted here.
#[derive(Clone, Debug, PartialEq)]
pub struct Gather {
    /// The table with the values as columns after its own.
    pub wide: Arc<Table>,
    /// In the order of their columns.
    pub values: Vec<(RelatedRows, JoinedValue)>,
}

/// A condition on a related table: the related rows are read first, and their keys become a condition on this table.
#[derive(Clone, Debug, PartialEq)]
pub struct Semijoin {
    pub navigation: String,
    pub quantifier: Quantifier,
    /// The column of this table that the keys are compared with.
    pub own: ColumnIndex,
    /// The column of the related table that gives the keys.
    pub theirs: ColumnIndex,
    pub related: Box<Read>,
    /// For `all`: what every related row must meet. The keys are those of rows that do not.
    pub check: Option<Check>,
    /// In a hierarchy: the column of the related table that leads to the row above. The keys are those of rows that are found from
    /// level to level, beginning with the one that the related read names.
    pub above: Option<ColumnIndex>,
}

/// A condition on a related table that the service itself looks at where it searches for rows ([`Chain`]). It stands in the filter
/// as it was written: of the rows on each page it is checked by the related rows that belong to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Later {
    pub join: Semijoin,
    /// What the related rows must meet, its own joins made.
    pub filter: Option<Filter>,
    /// Texts behind the keys in it that do not carry their own.
    pub ids: HashMap<Uuid, String>,
    pub chains: Vec<Chain>,
}

/// A filter for rows that have been read, and the joins of its own that it needs first.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    pub filter: Filter,
    pub joins: Vec<Semijoin>,
}

/// What a navigation property adds to each row of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Expansion {
    /// The row carries it.
    Concept,
    Rows(Box<RelatedRows>),
}

/// Related rows, read for many rows of a page at once and told apart by their keys.
#[derive(Clone, Debug, PartialEq)]
pub struct RelatedRows {
    pub navigation: String,
    pub form: ExpandForm,
    /// The column of this table whose keys are asked for.
    pub own: ColumnIndex,
    /// The column of the related table that is compared with them.
    pub theirs: ColumnIndex,
    /// Many rows for each row (a collection), or one at most (a lookup).
    pub many: bool,
    /// For each row.
    pub skip: u64,
    pub top: Option<u64>,
    pub count: bool,
    /// Planned without the keys.
    pub read: Read,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Scan {
    Native(NativeScan),
    Search(SearchScan),
}

/// A scan of the store, which checks and sorts in the database what it can of this, and the rest itself.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeScan {
    pub filter: Option<Filter>,
    pub order: Vec<Order>,
    pub top: Option<u64>,
    pub skip: u64,
    /// Ascending.
    pub columns: Vec<ColumnIndex>,
    pub count: bool,
    /// Values of related rows that filter and order use, and the database finds.
    pub beside: Vec<Beside>,
}

/// Searches in a FHIR service.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchScan {
    /// Each with what its own rows must still meet. No row is found by two of them.
    pub searches: Vec<Search>,
    /// Resource types of which no row can meet the filter, and why.
    pub nothing: Vec<(String, String)>,
    /// The whole filter, for an answer whose parameters got lost.
    pub filter: Option<Filter>,
    pub order: Vec<Order>,
    /// The service's order is not relied on: all rows must be here before the first is given out, or, with a `window`,
    /// all of the range that it is in.
    pub sort_here: bool,
    pub window: Option<Window>,
    pub top: Option<u64>,
    pub skip: u64,
    /// What to ask of the mapping, ascending. A concept's key is made from its code and system.
    pub columns: Vec<ColumnIndex>,
    /// Conditions on related tables that are looked at page by page, in the order in which they stand in the filters.
    pub later: Vec<Later>,
    /// `_count`: the first so many resources are all that is needed. Void, as is a counted total, where the answer's
    /// `self` link shows that a parameter got lost.
    pub limit_pushed: Option<u64>,
    pub count: CountPlan,
    /// The first page takes every row that the searches find.
    pub full_scan_needed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountPlan {
    NotAsked,
    /// `_summary=count` of each search, added up.
    Service,
    /// Rows must be counted.
    Scan,
}

impl Read {
    /// The table as filter and order see it.
    pub fn wide(&self) -> &Arc<Table> {
        self.gather.as_ref().map_or(&self.table, |gather| &gather.wide)
    }
}

impl Semijoin {
    /// Whether it is about the very rows that the related read finds, not about what else these are checked for or lead to.
    pub fn is_of_rows_found(&self) -> bool {
        self.check.is_none() && self.above.is_none()
    }

    /// Whether one FHIR service has the rows of a read and the related ones.
    pub fn is_in_the_service_of(&self, of: &Read) -> bool {
        match (&of.place, &self.related.place) {
            (Place::Virtual(own), Place::Virtual(theirs)) => own.service == theirs.service,
            _ => false,
        }
    }

    /// How the service that has the rows of a read, and the related ones, can be asked for those that meet the condition. None: it
    /// cannot, or the related rows are in another place. `filter`: what the related rows must meet, as far as it is known.
    pub fn chains(&self, of: &Read, filter: Option<&Filter>, ids: &HashMap<Uuid, String>) -> Option<Vec<Chain>> {
        let (Place::Virtual(own), Place::Virtual(theirs)) = (&of.place, &self.related.place) else { return None };
        let own = Side { table: &of.table, server: own, column: self.own };
        let related = Side { table: &self.related.table, server: theirs, column: self.theirs };
        let is_gathered = self.related.gather.is_some();
        if is_gathered || !self.is_of_rows_found() { None } else { chains(own, related, filter, ids) }
    }

    /// The condition on this table, `table`, once the keys are known.
    pub fn condition(&self, table: &Table, keys: BTreeSet<Uuid>) -> Filter {
        let listed = Filter::one_of(table, self.own, &self.related.table, keys);
        match self.check {
            Some(_) => Filter::Not(Box::new(listed)),
            None => listed,
        }
    }
}

impl SearchScan {
    /// Has the searches ask for what these conditions add. They are to stand in its filter still.
    pub fn look_later(&mut self, later: Vec<Later>) {
        for chain in later.iter().flat_map(|later| &later.chains) {
            // Keys of the rows themselves may have made several searches of one.
            let of_type = |search: &Search| search.resource_type == chain.resource_type;
            while !chain.reaches
                && let Some(at) = self.searches.iter().position(of_type)
            {
                let search = self.searches.remove(at);
                if let Some(window) = &mut self.window {
                    window.sorts.remove(at);
                }
                self.nothing.push((search.resource_type, "no row of this resource type has such related rows".into()));
            }
            for search in self.searches.iter_mut().filter(|search| of_type(search)) {
                let before = search.params.iter().position(|(name, _)| name == "_sort").unwrap_or(search.params.len());
                let added: Vec<_> =
                    chain.params.iter().filter(|param| !search.params.contains(param)).cloned().collect();
                search.params.splice(before..before, added);
            }
        }
        self.later = later;
    }

    /// Nothing is left to check on any row.
    pub fn all_exact(&self) -> bool {
        self.searches.iter().all(Search::all_exact)
    }

    /// What keeps the service from finding fewer resources: details of a `ScanBudgetExceeded`. They name columns and
    /// reasons, no values.
    pub fn not_pushed(&self) -> Vec<Detail> {
        let mut details: Vec<Detail> = Vec::new();
        let unsupported = |search: &Search| {
            let unsupported = search.conjuncts.iter().filter(|c| c.class == Class::Unsupported);
            let detail = unsupported.map(|condition| Detail {
                code: "FilteredHere".into(),
                message: condition.why.clone(),
                target: (!condition.columns.is_empty()).then(|| condition.columns.join(", ")),
            });
            detail.collect::<Vec<_>>()
        };
        let sorted = self.sort_here && !self.order.is_empty() && self.window.is_none();
        let order = sorted.then(|| Detail {
            code: "SortedHere".into(),
            message: "the service cannot be relied on for this order, so every row is fetched first".into(),
            target: Some("$orderby".into()),
        });
        let count = (self.count == CountPlan::Scan).then(|| Detail {
            code: "CountedHere".into(),
            message: "the service cannot count these rows, so every row is fetched".into(),
            target: Some("$count".into()),
        });
        for detail in self.searches.iter().flat_map(unsupported).chain(order).chain(count) {
            if !details.contains(&detail) {
                details.push(detail);
            }
        }
        details
    }
}

/// A filter that adds a condition to another.
pub fn and(filter: Option<Filter>, condition: Filter) -> Filter {
    match filter {
        Some(filter) => Filter::And(Box::new(filter), Box::new(condition)),
        None => condition,
    }
}
