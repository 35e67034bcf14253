//! A plan as people read it. It holds the values of the query, so it is for whoever sent the query.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::flat::FlatPlan;
use super::joined::split;
use super::planner::{related_in, with_keys};
use super::search::chain::Chain;
use super::search::query::{Class, Explained, Search};
use super::tree::{
    CountPlan, Expansion, Grouped, LeftOver, NativeScan, Place, Read, RelatedRows, Scan, SearchScan, Semijoin,
};
use super::unparse;
use super::window::Window;
use crate::model::aggregate::{Aggregation, Grouping};
use crate::model::query::{ExpandForm, Filter, Order, Quantifier};
use crate::model::table::{Column, ColumnIndex, Table};

/// The whole tree. Nobody is asked for it.
pub fn explain(read: &Read, left_over: LeftOver<'_>) -> Value {
    let beside = read.scan_beside(read.asked(&read.within(left_over)), left_over);
    let mut shown = match (&beside, &read.scan) {
        (Some(scan), _) => native(&NativeScan { filter: read.query.filter.clone(), ..scan.clone() }, read, left_over),
        (None, Scan::Native(scan)) => native(scan, read, left_over),
        (None, Scan::Search(scan)) => searched(scan, read),
    };
    if !read.joins.is_empty() {
        let met = read.query.filter.as_ref().map(related_in).unwrap_or_default();
        let joins = read.joins.iter().zip(read.within(left_over)).zip(met).map(|((join, within), (_, is_met))| {
            let mut shown = semijoin(join, &read.table, left_over);
            if within.is_some() {
                shown["inOneQuery"] = true.into();
            }
            let filter = join.related.query.filter.as_ref();
            if is_met
                && read.gather.is_none()
                && let Some(chains) = join.chains(read, filter, &read.ids)
            {
                shown["chained"] = chains.iter().map(chain).collect();
            }
            shown
        });
        shown["related"] = joins.collect();
    }
    if let Some(gather) = read.gather.as_ref().filter(|_| beside.is_some()) {
        let values = gather.values.iter().map(|(rows, _)| related_rows(rows, &read.table, left_over));
        shown["joined"] = json!({ "values": values.collect::<Vec<_>>(), "inOneQuery": true });
    } else if let Some(gather) = &read.gather {
        let later = split(read.query.filter.as_ref(), read.table.columns.len()).1;
        let values = gather.values.iter().map(|(rows, _)| related_rows(rows, &read.table, left_over));
        shown["joined"] = json!({
            "values": values.collect::<Vec<_>>(),
            "filter": filter(later.as_ref(), &gather.wide),
            "order": order(&read.query.order, &gather.wide),
            "top": read.query.top,
            "skip": read.query.skip,
            "count": read.query.count,
        });
    }
    if !read.query.computed.is_empty() {
        // Made of the rows that are shown alone. What filter and order compare stands there, as what its name stands for.
        let computed = read.query.computed.iter().map(
            |computed| json!({ "name": computed.column.name, "value": unparse::value(&computed.expr, &read.table).to_string() }),
        );
        shown["computedHere"] = computed.collect();
    }
    let expanded = read.expand.iter().filter_map(|expansion| match expansion {
        Expansion::Concept => None,
        Expansion::Rows(rows) => Some(related_rows(rows, &read.table, left_over)),
    });
    let expanded: Vec<Value> = expanded.collect();
    if !expanded.is_empty() {
        shown["expand"] = expanded.into();
    }
    shown
}

/// The same of a fetch: what is read, and what is done with the flat rows that are made of it.
pub fn explain_flat(plan: &FlatPlan, left_over: LeftOver<'_>) -> Value {
    let mut shown = explain(&plan.read, left_over);
    shown["flat"] = match &plan.all {
        None => json!({ "pagesOf": "rows" }),
        Some(all) => json!({
            "pagesOf": "allRows",
            "filter": filter(all.filter.as_ref(), &all.wide),
            "order": order(&all.order, &all.wide),
            "distinct": all.distinct.as_ref().map(|columns| names(columns, &all.wide)),
        }),
    };
    shown
}

/// The same of groups.
pub fn explain_groups(grouped: &Grouped, left_over: LeftOver<'_>) -> Value {
    let (read, aggregation) = (&grouped.read, &grouped.aggregation);
    let mut shown = behind(aggregation, steps(read.wide(), &aggregation.steps));
    // Who makes those of the first step; the others are made here.
    shown["groupedBy"] = match () {
        () if aggregation.is_count() => "count".into(),
        () if grouped.in_database(left_over) => "database".into(),
        () => "here".into(),
    };
    shown["read"] = explain(read, left_over);
    shown
}

/// The same where the first step is of several parts, each explained by itself.
pub fn explain_parts(aggregation: &Aggregation, parts: Vec<Value>) -> Value {
    let Some((first, others)) = aggregation.steps.split_first() else { return Value::Null };
    let mut all = vec![json!({ "concat": parts })];
    finish(&mut all[0], first);
    all.extend(steps(&first.table, others));
    behind(aggregation, all)
}

fn behind(aggregation: &Aggregation, steps: Vec<Value>) -> Value {
    let then = &aggregation.then;
    let Some(of) = aggregation.table() else { return Value::Null };
    json!({
        "groups": steps,
        "filter": filter(then.filter.as_ref(), of),
        "order": order(&then.order, of),
        "top": then.top,
        "skip": then.skip,
        "count": then.count,
    })
}

fn steps(of: &Arc<Table>, all: &[Grouping]) -> Vec<Value> {
    let mut of = of;
    let mut shown = Vec::with_capacity(all.len());
    for step in all {
        let names: Vec<_> = step.table.columns.iter().map(Column::property).collect();
        let mut one = if step.is_of_all() {
            json!({ "of": "allRows" })
        } else if step.parts.is_empty() {
            let aggregates =
                step.aggregates.iter().zip(&names[step.by.len()..]).map(|(aggregate, name)| match &aggregate.of {
                    Some(value) => format!("{} with {} as {name}", unparse::value(value, of), aggregate.method.name()),
                    None => format!("{} as {name}", aggregate.method.name()),
                });
            json!({ "by": names[..step.by.len()], "aggregates": aggregates.collect::<Vec<_>>() })
        } else {
            json!({ "concat": step.parts.iter().map(|part| steps(of, &part.steps)).collect::<Vec<_>>() })
        };
        finish(&mut one, step);
        shown.push(one);
        of = &step.table;
    }
    shown
}

/// What is done with the rows of a step.
fn finish(shown: &mut Value, step: &Grouping) {
    shown["filter"] = filter(step.filter.as_ref(), &step.table).into();
    if !step.then.is_empty() {
        shown["then"] = step.then.iter().map(|then| unparse::then(then, &step.table)).collect();
    }
}

fn native(scan: &NativeScan, read: &Read, left_over: LeftOver<'_>) -> Value {
    let (table, wide) = (&read.table, read.wide());
    // What the database will be asked: with keys where conditions on related tables stand.
    let mut keys = read.joins.iter().map(|join| join.condition(&read.table, BTreeSet::new()));
    let asked = scan.filter.as_ref().and_then(|filter| with_keys(filter, &mut keys).ok());
    let asked = NativeScan { filter: asked, ..scan.clone() };
    json!({
        "route": "native",
        "table": table.name,
        "filter": filter(scan.filter.as_ref(), wide),
        "filteredHere": filter(left_over(table, &asked).as_ref(), wide),
        "order": order(&scan.order, wide),
        "top": scan.top,
        "skip": scan.skip,
        "count": scan.count,
        "columns": names(&scan.columns, table),
    })
}

fn searched(scan: &SearchScan, read: &Read) -> Value {
    let table = &read.table;
    let says = matches!(&read.place, Place::Virtual(server) if server.declared.is_some());
    let mut shown = json!({
        "route": "virtual",
        "table": table.name,
        "capabilities": if says { "known" } else { "unknown" },
        "searches": scan.searches.iter().map(|search| one_search(search, table)).collect::<Vec<_>>(),
        "notAsked": scan.nothing.iter().map(|(resource_type, why)| json!({
            "resourceType": resource_type,
            "why": why,
        })).collect::<Vec<_>>(),
        "order": order(&scan.order, table),
        "sortedHere": scan.sort_here,
        "top": scan.top,
        "skip": scan.skip,
        "limitPushed": scan.limit_pushed,
        "count": match scan.count {
            CountPlan::NotAsked => Value::Null,
            CountPlan::Service => "service".into(),
            CountPlan::Scan => "scan".into(),
        },
        "fullScan": scan.full_scan_needed,
        "columns": names(&scan.columns, table),
    });
    if let Some(Window { edge, sorts }) = &scan.window {
        shown["pagesBy"] = json!({ "rangesOf": name(edge.column, table), "sort": sorts });
    }
    shown
}

fn one_search(search: &Search, table: &Table) -> Value {
    json!({
        "url": search.relative_url(),
        "conditions": search.conjuncts.iter().map(condition).collect::<Vec<_>>(),
        "filteredHere": filter(search.residual.as_ref(), table),
    })
}

fn condition(condition: &Explained) -> Value {
    json!({
        "condition": condition.text,
        "class": match condition.class {
            Class::Exact => "exact",
            Class::Inexact => "inexact",
            Class::Unsupported => "unsupported",
            Class::Related => "related",
            Class::Apart => "apart",
        },
        "params": condition.params.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
        "why": condition.why,
    })
}

fn semijoin(join: &Semijoin, table: &Table, left_over: LeftOver<'_>) -> Value {
    let mut shown = json!({
        "navigation": join.navigation,
        "quantifier": match join.quantifier {
            Quantifier::One => "one",
            Quantifier::Any => "any",
            Quantifier::All => "all",
            Quantifier::Within(way) => way.name(),
        },
        "compares": name(join.own, table),
        "with": name(join.theirs, &join.related.table),
        "read": explain(&join.related, left_over),
    });
    if let Some(check) = &join.check {
        shown["check"] = filter(Some(&check.filter), &join.related.table).into();
        if !check.joins.is_empty() {
            let joins = check.joins.iter().map(|join| semijoin(join, &join.related.table, left_over));
            shown["related"] = joins.collect();
        }
    }
    shown
}

/// What is asked in place of keys where the related rows are many.
fn chain(chain: &Chain) -> Value {
    let params = chain.params.iter().map(|(name, value)| format!("{name}={value}"));
    json!({
        "resourceType": chain.resource_type,
        "params": chain.reaches.then(|| params.collect::<Vec<_>>()),
    })
}

fn related_rows(rows: &RelatedRows, table: &Table, left_over: LeftOver<'_>) -> Value {
    json!({
        "navigation": rows.navigation,
        "shows": match rows.form {
            ExpandForm::Rows => "rows",
            ExpandForm::References => "references",
            ExpandForm::Count => "count",
        },
        "compares": name(rows.theirs, &rows.read.table),
        "with": name(rows.own, table),
        "top": rows.top,
        "skip": rows.skip,
        "count": rows.count,
        "read": explain(&rows.read, left_over),
    })
}

fn filter(filter: Option<&Filter>, table: &Table) -> Option<String> {
    filter.map(|filter| unparse::filter(filter, table).to_string())
}

fn order(order: &[Order], table: &Table) -> Option<String> {
    (!order.is_empty()).then(|| unparse::order(order, table).to_string())
}

fn name(column: ColumnIndex, table: &Table) -> Option<String> {
    table.columns.get(column).map(|column| column.property().into_owned())
}

fn names(columns: &[ColumnIndex], table: &Table) -> Vec<String> {
    columns.iter().filter_map(|column| name(*column, table)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use super::super::example;
    use super::super::planner::{Known, plan, plan_groups};
    use super::super::search::query::ServerSearch;
    use super::*;
    use crate::model::error::Result;
    use crate::model::limits::Limits;
    use crate::odata::headers::Headers;
    use crate::odata::request::{Message, Request, parse};

    /// The plan of a request to [`example::catalog`], with these tables virtual. Conditions on a `note` are left over by
    /// the database.
    fn explained(path: &str, query: &str, virtual_tables: &[&str]) -> Result<Value> {
        let catalog = example::catalog();
        let query = query.replace(' ', "%20");
        let message = Message {
            method: "GET",
            path,
            query: &query,
            headers: Headers(&[]),
            body: b"",
            base: "http://host/",
            user_view: None,
            found: &[],
        };
        let now = crate::model::value::parse_instant("2026-01-01T00:00:00Z").unwrap();
        let request = parse(&message, &catalog, &Limits::default(), now)?.request;
        let observation = ["code", "date", "status", "subject"].map(str::to_owned).into_iter().collect();
        let declared = BTreeMap::from([("Observation".to_owned(), observation)]);
        let place = |table: &Arc<Table>| match table.name.as_str() {
            name if !virtual_tables.contains(&name) => Place::Native,
            "observation" => {
                Place::Virtual(Arc::new(ServerSearch { declared: Some(declared.clone()), ..ServerSearch::default() }))
            }
            _ => Place::Virtual(Arc::default()),
        };
        let places: BTreeMap<_, _> = catalog.tables().map(|table| (table.name.clone(), place(table))).collect();
        let ids = Arc::default();
        let rules = BTreeMap::new();
        let known = Known { catalog: &catalog, places: &places, ids: &ids, rules: &rules };
        let left_over = |table: &Arc<Table>, scan: &NativeScan| {
            let mut read = BTreeSet::new();
            let filter = scan.filter.as_ref()?;
            super::super::evaluate::residual::columns_of_filter(filter, &mut read);
            read.iter()
                .any(|column| table.columns.get(*column).is_some_and(|c| c.name == "note"))
                .then(|| filter.clone())
        };
        Ok(match request {
            Request::Read { table, query } => explain(&plan(&query, &table, known)?, &left_over),
            Request::Aggregate { table, aggregation } => {
                explain_groups(&plan_groups(&aggregation, &table, known)?, &left_over)
            }
            other => panic!("{path} reads no rows: {other:?}"),
        })
    }

    /// Each file of `tests/explain` is a request and its plan. `TURNTABLE_BLESS=1` writes the plans anew.
    #[test]
    fn plans_are_as_the_golden_files_have_them() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain");
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() > 5, "{} has the golden files", folder.display());
        for file in files {
            let mut case: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let request = case["request"].as_str().unwrap().to_owned();
            let (path, query) = request.split_once('?').unwrap();
            let tables: Vec<_> = case["virtual"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
            let shown = explained(path, query, &tables).unwrap_or_else(|error| panic!("{request}: {error}"));
            if std::env::var_os("TURNTABLE_BLESS").is_some() {
                case["plan"] = shown;
                std::fs::write(&file, format!("{case:#}\n")).unwrap();
            } else {
                assert_eq!(case["plan"], shown, "{}: {shown:#}", file.display());
            }
        }
    }

    #[test]
    fn what_has_no_meaning_is_refused_before_anybody_is_asked() {
        let check = |query: &str, part: &str| {
            let error = explained("observations", query, &["patient"]).unwrap_err();
            assert!(error.to_string().contains(part), "{query}: {error}");
        };
        check("$filter=subject/born eq 5", "BadFilter");
        check("$filter=concept/msemr_code eq 5", "BadFilter");
    }
}
