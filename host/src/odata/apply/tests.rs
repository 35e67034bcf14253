use std::collections::BTreeMap;

use super::super::sample;
use super::*;
use crate::model::limits::Limits;
use crate::model::table::Column;

/// What an `$apply` on observations comes to: a line for each step, or the refusal.
fn resolve(text: &str) -> Result<String, String> {
    let catalog = sample::catalog();
    let (limits, aliases) = (Limits::default(), BTreeMap::new());
    let context = Context { catalog: &catalog, limits: &limits, aliases: &aliases, now: sample::now() };
    let table = catalog.table("msemr_observation").unwrap();
    let applied = applied(Source { text, target: "$apply" }, table, context).map_err(|error| format!("{error}"))?;
    let mut lines = Vec::new();
    if let Some(filter) = &applied.filter {
        lines.push(format!("where {}", sample::show_with(filter, &[], table, &catalog)));
    }
    let mut of = Table::clone(table);
    for step in &applied.steps {
        let names: Vec<_> = step.table.columns.iter().map(|column| column.property().into_owned()).collect();
        let shown = |expr: &Expr| sample::show_expr(expr, &of);
        let by: Vec<_> = step.by.iter().zip(&names).map(|(by, name)| format!("{} {name}", shown(by))).collect();
        let aggregates = step.aggregates.iter().zip(&names[by.len()..]);
        let aggregates: Vec<_> = aggregates
            .map(|(a, name)| format!("{}({}) {name}", a.method.name(), a.of.as_ref().map(shown).unwrap_or_default()))
            .collect();
        let mut line = format!("by [{}] give [{}]", by.join(", "), aggregates.join(", "));
        if let Some(filter) = &step.filter {
            line += &format!(" where {}", sample::show(filter, &step.table, &catalog));
        }
        lines.push(line);
        of = Table::clone(&step.table);
    }
    let joined: Vec<_> = applied.joined.iter().map(|joined| joined.name.as_str()).collect();
    if !joined.is_empty() {
        lines.push(format!("with {}", joined.join(", ")));
    }
    Ok(lines.join("; "))
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(resolve(text).as_deref(), Ok(expected), "{text}");
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = resolve(text).expect_err(text);
    assert!(error.contains(expected), "{text}: {error}");
}

#[test]
fn transformations_one_after_the_other() {
    check("filter(msemr_count gt 3)", "where msemr_count gt 3");
    check("identity", "");
    check("groupby((msemr_status))", "by [msemr_status msemr_status] give []");
    check("aggregate($count as n)", "by [] give [$count() n]");
    check(
        "filter(msemr_count gt 3)/filter(msemr_name ne null)/groupby((msemr_status,msemr_name),aggregate(msemr_value with sum as s,$count as n))",
        "where (msemr_count gt 3 and msemr_name ne null); \
         by [msemr_status msemr_status, msemr_name msemr_name] give [sum(msemr_value) s, $count() n]",
    );
    check(
        "groupby((msemr_status),aggregate($count as n))/filter(n gt 1)/aggregate(n with sum as total, n with max as most)",
        "by [msemr_status msemr_status] give [$count() n] where n gt 1; by [] give [sum(n) total, max(n) most]",
    );
    check(
        "aggregate(msemr_issued with min as first,msemr_name with countdistinct as names,msemr_total with average as mean)",
        "by [] give [min(msemr_issued) first, countdistinct(msemr_name) names, average(msemr_total) mean]",
    );
    check("aggregate(msemr_count mul 2 with sum as double)", "by [] give [sum((msemr_count Mul 2)) double]");
}

#[test]
fn lookups_and_what_is_behind_them() {
    check("groupby((_msemr_patient_value))", "by [_msemr_patient_value _msemr_patient_value] give []");
    check("groupby((_msemr_code_value))", "by [_msemr_code_value _msemr_code_value] give []");
    check("groupby((msemr_code/msemr_name))", "by [msemr_code_display msemr_code/msemr_name] give []");
    check(
        "groupby((msemr_patient/fullname,msemr_patient/gendercode))/filter(msemr_patient/fullname ne 'x')",
        "by [joined:0 msemr_patient/fullname, joined:1 msemr_patient/gendercode] give [] where msemr_patient/fullname ne 'x'; \
         with msemr_patient/fullname, msemr_patient/gendercode",
    );
    check("aggregate(msemr_patient with countdistinct as n)", "by [] give [countdistinct(_msemr_patient_value) n]");
}

#[test]
fn keys_are_shown_by_the_name_they_were_asked_by() {
    let catalog = sample::catalog();
    let (limits, aliases) = (Limits::default(), BTreeMap::new());
    let context = Context { catalog: &catalog, limits: &limits, aliases: &aliases, now: sample::now() };
    let table = catalog.table("msemr_observation").unwrap();
    let text = "groupby((msemr_observationid,_msemr_patient_value,_msemr_code_value,msemr_patient/contactid))";
    let applied = applied(Source { text, target: "$apply" }, table, context).unwrap();
    let names: Vec<_> = applied.steps[0].table.columns.iter().map(Column::property).collect();
    assert_eq!(names, ["msemr_observationid", "_msemr_patient_value", "_msemr_code_value", "msemr_patient/contactid"]);
}

#[test]
fn what_is_not_done_is_named() {
    for name in ["concat", "topcount", "compute", "expand", "search", "orderby", "top", "Custom.Method"] {
        refused(
            &format!("{name}(1)"),
            &format!("NotSupported: the transformation `{name}` is not supported, at position 0"),
        );
    }
    refused("filter(msemr_count gt 1)/compute(1)", "`compute` is not supported, at position 25");
    refused("groupby((rollup(msemr_status,msemr_name)))", "`rollup` in `groupby`");
    refused("groupby((msemr_status),filter(msemr_count gt 1))", "`filter` inside `groupby`");
    refused("groupby((msemr_status),aggregate($count as n)/filter(n gt 1))", "a sequence inside `groupby`");
    refused("groupby((msemr_patient))", "the navigation property `msemr_patient` in `groupby`");
    refused("aggregate(msemr_value with Custom.median as m)", "the method `Custom.median`");
    refused("aggregate(msemr_value with sum from msemr_status with max as m)", "`from` in `aggregate`");
    refused("aggregate(msemr_patient/$count as n)", "`$count` behind a path");
    refused("groupby((Self.Type/msemr_name))", "`Self.Type` in `groupby`");
}

#[test]
fn what_has_no_meaning_is_refused_where_it_stands() {
    refused("group((msemr_status))", "there is no transformation `group` at position 0");
    refused("groupby(msemr_status)", "`(` is expected");
    refused("groupby((msemr_status)", "`)` is expected");
    refused("groupby((msemr_statu))", "msemr_statu");
    refused("aggregate()", "position 10");
    refused("aggregate(msemr_value with sum)", "`as` is expected, not `)` at position 30");
    refused("aggregate(msemr_value as x)", "`with` is expected");
    refused("aggregate(msemr_value with avg as x)", "there is no method `avg`");
    refused("aggregate(msemr_name with sum as x)", "`sum` takes numbers, and this is a text");
    refused("aggregate(msemr_status with sum as x)", "`sum` takes numbers, and this is a choice");
    refused("aggregate(msemr_patient with min as x)", "values that have an order");
    refused("groupby((msemr_name),aggregate($count as msemr_name))", "cannot both be properties of one row");
    refused("groupby((msemr_name,msemr_name))", "cannot both be properties of one row");
    refused("aggregate($count as a.b)", "without dots");
    refused("groupby((msemr_status))/filter(msemr_name eq 'x')", "msemr_name");
    refused("groupby((msemr_status))/groupby((msemr_patient/fullname))", "msemr_patient");
    refused("filter(msemr_count gt 'x')", "position");
    refused("aggregate($count as n) desc", "`/` or the end");
}
