//! A query and a route to a plan: what is asked of the database or the FHIR service, and what is left to do here. A
//! plan is plain data; [`explain`] shows it.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};
use uuid::Uuid;

use super::evaluate::residual::{self, Residual, columns_needed};
use super::search::query::{Class, Explained, Search, Searched, ServerSearch, searches, sort};
use super::unparse;
use crate::model::error::{Detail, Result};
use crate::model::query::{Filter, Order, Query};
use crate::model::table::{ColumnIndex, Kind, Sortable, Table};

/// Where the rows live, with what planning must know of it.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    Native,
    Virtual {
        server: &'a ServerSearch,
        /// Texts behind the keys that [`hashed_keys`](super::search::hashed_keys) finds in the filter.
        ids: &'a HashMap<Uuid, String>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    Native(NativePlan),
    Virtual(VirtualPlan),
}

/// The store turns into SQL what it can of this, and does the rest itself.
#[derive(Clone, Debug, PartialEq)]
pub struct NativePlan {
    pub filter: Option<Filter>,
    pub order: Vec<Order>,
    pub top: Option<u64>,
    pub skip: u64,
    /// Ascending.
    pub columns: Vec<ColumnIndex>,
    pub count: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct VirtualPlan {
    /// Each with what its own rows must still meet. No row is found by two of them.
    pub searches: Vec<Search>,
    /// Resource types of which no row can meet the filter, and why.
    pub nothing: Vec<(String, String)>,
    /// The whole filter, for an answer whose parameters got lost.
    pub filter: Option<Filter>,
    pub order: Vec<Order>,
    /// All rows must be here before the first is given out.
    pub sort_here: bool,
    pub top: Option<u64>,
    pub skip: u64,
    /// What to ask of the mapping, ascending. A concept's key is made from its code and system.
    pub columns: Vec<ColumnIndex>,
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

/// Errs for a query that has no meaning, alike on every route and before anything is asked.
pub fn plan(query: &Query, table: &Table, place: Place<'_>) -> Result<Plan> {
    check(query, table)?;
    let columns = columns_needed(query, table);
    Ok(match place {
        Place::Native => Plan::Native(NativePlan {
            filter: query.filter.clone(),
            order: query.order.clone(),
            top: query.top,
            skip: query.skip,
            columns,
            count: query.count,
        }),
        Place::Virtual { server, ids } => Plan::Virtual(virtual_plan(query, table, server, ids, &columns)),
    })
}

/// The plan as people read it. It holds the values of the query, so it is for whoever sent the query.
pub fn explain(plan: &Plan, table: &Table) -> Value {
    let names = |columns: &[ColumnIndex]| -> Vec<String> {
        columns.iter().filter_map(|c| table.columns.get(*c)).map(|c| c.property().into_owned()).collect()
    };
    let filter = |filter: &Option<Filter>| filter.as_ref().map(|f| unparse::filter(f, table).to_string());
    let order = |order: &[Order]| (!order.is_empty()).then(|| unparse::order(order, table).to_string());
    match plan {
        Plan::Native(plan) => json!({
            "route": "native",
            "table": table.name,
            "filter": filter(&plan.filter),
            "order": order(&plan.order),
            "top": plan.top,
            "skip": plan.skip,
            "columns": names(&plan.columns),
        }),
        Plan::Virtual(plan) => json!({
            "route": "virtual",
            "table": table.name,
            "searches": plan.searches.iter().map(|search| json!({
                "url": search.relative_url(),
                "conditions": search.conjuncts.iter().map(explain_condition).collect::<Vec<_>>(),
                "filteredHere": filter(&search.residual),
            })).collect::<Vec<_>>(),
            "notAsked": plan.nothing.iter().map(|(resource_type, why)| json!({
                "resourceType": resource_type,
                "why": why,
            })).collect::<Vec<_>>(),
            "order": order(&plan.order),
            "sortedHere": plan.sort_here,
            "top": plan.top,
            "skip": plan.skip,
            "limitPushed": plan.limit_pushed,
            "count": match plan.count {
                CountPlan::NotAsked => Value::Null,
                CountPlan::Service => "service".into(),
                CountPlan::Scan => "scan".into(),
            },
            "fullScan": plan.full_scan_needed,
            "columns": names(&plan.columns),
        }),
    }
}

impl VirtualPlan {
    /// Nothing is left to check on any row.
    pub fn all_exact(&self) -> bool {
        self.searches.iter().all(Search::all_exact)
    }

    /// What keeps the service from finding fewer resources: details of a `ScanBudgetExceeded`. They name columns and
    /// reasons, no values.
    pub fn not_pushed(&self) -> Vec<Detail> {
        let mut details: Vec<Detail> = Vec::new();
        let unsupported = |search: &Search| {
            search.conjuncts.iter().filter(|c| c.class == Class::Unsupported).map(not_pushed).collect::<Vec<_>>()
        };
        let sorted = self.sort_here && !self.order.is_empty();
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

fn not_pushed(condition: &Explained) -> Detail {
    Detail {
        code: "FilteredHere".into(),
        message: condition.why.clone(),
        target: (!condition.columns.is_empty()).then(|| condition.columns.join(", ")),
    }
}

fn explain_condition(condition: &Explained) -> Value {
    json!({
        "condition": condition.text,
        "class": match condition.class {
            Class::Exact => "exact",
            Class::Inexact => "inexact",
            Class::Unsupported => "unsupported",
        },
        "params": condition.params.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
        "why": condition.why,
    })
}

/// Types of filter and order, as the evaluator sees them.
fn check(query: &Query, table: &Table) -> Result<()> {
    if let Some(filter) = &query.filter {
        Residual::new(filter, table)?;
    }
    residual::order(&Default::default(), &query.order, table)?;
    Ok(())
}

fn virtual_plan(
    query: &Query,
    table: &Table,
    server: &ServerSearch,
    ids: &HashMap<Uuid, String>,
    columns: &[ColumnIndex],
) -> VirtualPlan {
    let (mut asked, mut nothing) = (Vec::new(), Vec::new());
    for searched in searches(query.filter.as_ref(), table, server, ids) {
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
        search.params.push(("_sort".into(), value));
        ordered_there = sortable == Sortable::Guaranteed;
    }
    let sort_here = !ordered_there && !asked.is_empty();
    let all_exact = asked.iter().all(Search::all_exact) && table.one_row_per_resource;
    let count = match query.count {
        false => CountPlan::NotAsked,
        true if all_exact => CountPlan::Service,
        true => CountPlan::Scan,
    };
    VirtualPlan {
        limit_pushed: query
            .top
            .filter(|_| all_exact && alone && !sort_here)
            .and_then(|top| top.checked_add(query.skip)),
        full_scan_needed: sort_here || count == CountPlan::Scan,
        searches: asked,
        nothing,
        filter: query.filter.clone(),
        order: query.order.clone(),
        sort_here,
        top: query.top,
        skip: query.skip,
        columns: mapped(columns, table),
        count,
    }
}

/// The one source that is asked, where all others are known to give nothing.
fn alone_source<'t>(table: &'t Table, nothing: &[(String, String)]) -> Option<&'t crate::model::table::Source> {
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
    use crate::model::query::Compare;
    use crate::plan::example::observation::*;
    use crate::plan::example::*;

    fn virtually(query: &Query, table: &Table) -> VirtualPlan {
        let place = Place::Virtual { server: &ServerSearch::default(), ids: &HashMap::new() };
        match plan(query, table, place).unwrap() {
            Plan::Virtual(plan) => plan,
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
            assert_eq!(plan.full_scan_needed, sort_here || count == CountPlan::Scan);
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
        for place in [Place::Native, Place::Virtual { server: &ServerSearch::default(), ids: &HashMap::new() }] {
            assert_eq!(plan(&query, &table, place).unwrap_err().code(), Code::BadFilter);
        }
    }

    #[test]
    fn a_plan_explains_itself() {
        let table = contacts();
        let filter = and(eq(1, number("1")), and(eq(2, string("Muñoz")), compare(Compare::Ne, 3, day("1970-01-01"))));
        let query = Query { filter: Some(filter), order: vec![by(2, true)], top: Some(3), ..Query::default() };
        let shown = explain(&Plan::Virtual(virtually(&query, &table)), &table);
        let expected = json!({
            "route": "virtual",
            "table": "contact",
            "searches": [{
                "url": "Patient?active=true&family=Mu",
                "conditions": [
                    {
                        "condition": "type eq 1", "class": "exact", "params": [],
                        "why": "every row of this resource type meets it",
                    },
                    {
                        "condition": "lastname eq 'Muñoz'", "class": "inexact", "params": ["family=Mu"],
                        "why": "services compare beginnings, and accents differently",
                    },
                    {
                        "condition": "born ne 1970-01-01", "class": "unsupported", "params": [],
                        "why": "services differ in whether `:not` gives rows without a value",
                    },
                ],
                "filteredHere": "lastname eq 'Muñoz' and born ne 1970-01-01",
            }],
            "notAsked": [{
                "resourceType": "Practitioner",
                "why": "type eq 1: no row of this resource type meets it",
            }],
            "order": "lastname desc",
            "sortedHere": true,
            "top": 3,
            "skip": 0,
            "limitPushed": null,
            "count": null,
            "fullScan": true,
            "columns": ["id", "type", "lastname", "born"],
        });
        assert_eq!(shown, expected, "{shown:#}");
        let native = plan(&query, &table, Place::Native).unwrap();
        assert_eq!(explain(&native, &table)["filter"], "type eq 1 and (lastname eq 'Muñoz' and born ne 1970-01-01)");
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
