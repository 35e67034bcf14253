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
    if let Some(cut) = &applied.cut {
        let by = cut.order.iter().map(|o| (sample::show_expr(&o.by, table), o.descending)).collect::<Vec<_>>();
        lines.push(format!("by {by:?} from {} at most {:?}", cut.skip, cut.top));
    }
    let mut of = Table::clone(table);
    for step in &applied.steps {
        if !step.parts.is_empty() {
            let names: Vec<_> = step.table.columns.iter().map(|column| column.property().into_owned()).collect();
            let filters = step.parts.iter().map(|part| (part.filter.is_some(), part.joined.len(), part.steps.len()));
            lines.push(format!("{} of {:?}", names.join(","), filters.collect::<Vec<_>>()));
            of = Table::clone(&step.table);
            continue;
        }
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
        for then in &step.then {
            line += &match then {
                Then::Filter(filter) => format!(" where {}", sample::show(filter, &step.table, &catalog)),
                Then::Order(order) => {
                    let order = order.iter().map(|o| {
                        format!("{}{}", sample::show_expr(&o.by, &step.table), if o.descending { " desc" } else { "" })
                    });
                    format!(" order [{}]", order.collect::<Vec<_>>().join(", "))
                }
                Then::Skip(skip) => format!(" skip {skip}"),
                Then::Top(top) => format!(" top {top}"),
                Then::Best(best) => {
                    let (measure, largest) = (&best.measure, if best.largest { "largest" } else { "smallest" });
                    format!(" {largest} {measure:?} {}", sample::show_expr(&best.by, &step.table))
                }
            };
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
    for name in ["expand", "search", "nest", "Custom.Method"] {
        refused(
            &format!("{name}(1)"),
            &format!("NotSupported: the transformation `{name}` is not supported, at position 0"),
        );
    }
    for rows in ["concat(aggregate($count as n),identity)", "bottomsum(2,msemr_count)", "toppercent(2,msemr_count)"] {
        let name = rows.split('(').next().unwrap();
        refused(rows, &format!("`{name}` of rows that are not grouped is not supported, at position 0"));
    }
    for behind in
        ["filter(msemr_count gt 1)", "groupby((msemr_name))", "orderby(msemr_name)", "topcount(1,msemr_count)"]
    {
        refused(&format!("topcount(2,msemr_count)/{behind}"), "a transformation of rows that are not grouped, behind");
    }
    refused(
        "filter(msemr_count gt 1)/compute(msemr_count add 1 as n)",
        "`compute` of `n` without groups is not supported, at position 25",
    );
    refused(
        "groupby((msemr_count))/orderby(msemr_count)/compute(msemr_count add 1 as n)",
        "`compute` behind `orderby`",
    );
    refused("groupby((msemr_status),filter(msemr_count gt 1))", "`filter` inside `groupby`");
    refused("groupby((msemr_status),aggregate($count as n)/filter(n gt 1))", "a sequence inside `groupby`");
    refused("groupby((msemr_patient))", "the navigation property `msemr_patient` in `groupby`");
    refused("aggregate(msemr_value with Custom.median as m)", "the method `Custom.median`");
    refused("aggregate(msemr_value with sum from msemr_status with max as m)", "`from` in `aggregate`");
    refused("aggregate(msemr_patient/$count as n)", "`$count` behind a path");
    refused("groupby((Self.Type/msemr_name))", "`Self.Type` in `groupby`");
}

#[test]
fn rows_of_groups_are_ordered_and_cut() {
    let groups = "groupby((msemr_status),aggregate($count as n,msemr_value with sum as s))";
    let after = |text: &str, expected: &str| {
        let groups = format!("{groups}/{text}");
        check(&groups, &format!("by [msemr_status msemr_status] give [$count() n, sum(msemr_value) s]{expected}"));
    };
    after("topcount(2,n)", " largest Count(2) n");
    after("bottomcount(1,n add 1)", " smallest Count(1) (n Add 1)");
    after(
        "filter(n gt 1)/orderby(s desc,n)/skip(1)/top(2)/filter(n lt 9)",
        " where n gt 1 order [s desc, n] skip 1 top 2 where n lt 9",
    );
    after(
        "topsum(15.5,s)/toppercent(50,n)/identity",
        " largest Sum(Number(\"15.5\")) s largest Percent(Number(\"50\")) n",
    );
    after("top(3)/aggregate(n with sum as all)", " top 3; by [] give [sum(n) all]");
    after(
        "compute(s div n as mean)/topcount(1,mean)",
        "; by [msemr_status msemr_status, n n, s s, (s Div n) mean] give [] largest Count(1) mean",
    );
    let refusal = |text: &str, expected: &str| refused(&format!("{groups}/{text}"), expected);
    refusal("topcount(0,n)", "a whole number from 1 on is expected at position");
    refusal("topcount(1.5,n)", "a whole number from 1 on is expected at position");
    refusal("topsum(0,n)", "a number above 0 is expected at position");
    refusal("toppercent(101,n)", "a number up to 100 is expected at position");
    refusal("topcount(n,n)", "a number is expected here");
    refusal("topsum(1,msemr_status)/top(x)", "position");
    refusal("topcount(1)", "`,` is expected");
    refusal("orderby()", "position");
    refusal("compute(n add 1 as n)", "`n` is given twice");
    refusal("compute(n add 1)", "`as` is expected");
    refused("groupby((msemr_name))/topsum(1,msemr_name)", "`topsum` takes numbers, and this is a text");
    refused("groupby((_msemr_patient_value))/topcount(1,_msemr_patient_value)", "values that have an order");
}

#[test]
fn values_of_rows_have_names_before_they_are_grouped() {
    check(
        "compute(year(msemr_issued) as y)/groupby((y),aggregate($count as n))/filter(n gt 1)",
        "by [Year(msemr_issued) y] give [$count() n] where n gt 1",
    );
    check(
        "compute(msemr_value mul 2 as d,msemr_count add 1 as c)/filter(d gt c)/compute(d add c as s)/aggregate(s with max as m)",
        "where (msemr_value Mul 2) gt (msemr_count Add 1); by [] give [max(((msemr_value Mul 2) Add (msemr_count Add 1))) m]",
    );
    check(
        "compute(length(msemr_patient/fullname) as l)/groupby((l))",
        "by [Length(joined:0) l] give []; with msemr_patient/fullname",
    );
    refused(
        "compute(1 add 1 as msemr_name)/groupby((msemr_name))",
        "`msemr_name` is the name of another property at position",
    );
    refused("compute(1 add 1 as msemr_patient)/groupby((msemr_name))", "is the name of another property");
    refused("compute(1 add 1 as a,2 add 2 as a)/groupby((a))", "is the name of another property");
    refused("compute(1 add 1 as a,a add 2 as b)/groupby((b))", "has no column `a`");
    refused("compute(1 add 1 as a)/groupby((msemr_name))/filter(a gt 1)", "has no column `a`");
    let many = (1..300).map(|n| format!("/compute(a{} add a{} as a{n})", n - 1, n - 1)).collect::<String>();
    refused(&format!("compute(1 add 1 as a0){many}/groupby((a0))"), "`filter_nodes`");
    let many = (1..20).map(|n| format!("/compute(1 add 1 as a{n})")).collect::<String>();
    refused(&format!("compute(1 add 1 as a0){many}/groupby((a0))"), "`compute` more than 16 times");
    refused(&format!("groupby((msemr_name)){many}"), "`compute` more than 16 times");
}

#[test]
fn rows_that_are_not_grouped_are_cut_at_the_end() {
    check(
        "filter(msemr_count gt 3)/topcount(2,msemr_value)",
        "where (msemr_count gt 3 and msemr_value ne null); by [(\"msemr_value\", true)] from 0 at most Some(2)",
    );
    check(
        "bottomcount(5,msemr_value)/skip(1)/top(9)",
        "where msemr_value ne null; by [(\"msemr_value\", false)] from 1 at most Some(4)",
    );
    check("orderby(msemr_name)/skip(1)/skip(2)/top(3)", "by [(\"msemr_name\", false)] from 3 at most Some(3)");
    check("top(3)", "by [] from 0 at most Some(3)");
}

#[test]
fn parts_of_several_shapes() {
    check(
        "filter(msemr_count gt 3)/concat(aggregate($count as n),filter(msemr_patient/fullname ne 'x')/groupby((msemr_status)))",
        "where msemr_count gt 3; n,msemr_status,@properties of [(false, 0, 1), (true, 0, 1)]",
    );
    check(
        "concat(aggregate($count as n),groupby((msemr_patient/fullname)))",
        "n,msemr_patient/fullname,@properties of [(false, 0, 1), (false, 1, 1)]",
    );
    check(
        "compute(year(msemr_issued) as y)/concat(groupby((y)),aggregate(y with max as m))/filter(m gt 1)/aggregate(y with sum as s)",
        "y,m,@properties of [(false, 0, 1), (false, 0, 1)]; by [] give [sum(y) s]",
    );
    check(
        "groupby((rollup($all,msemr_status,msemr_name)),aggregate($count as n))",
        "msemr_status,msemr_name,n,@properties of [(false, 0, 1), (false, 0, 1), (false, 0, 1)]",
    );
    let error = resolve("groupby((msemr_name))/concat(identity,aggregate($count as n))/compute(n add 1 as m)");
    assert!(error.is_err_and(|error| error.contains("`compute` behind `concat` and `rollup`")));
    refused("concat(aggregate($count as n))", "`,` and another sequence");
    refused("concat(aggregate($count as n),aggregate(msemr_name with max as n))", "several types");
    refused("concat(aggregate($count as n),aggregate(msemr_nam with max as m))", "msemr_nam");
    refused("groupby((rollup($all,msemr_name)))", "without `aggregate`");
    refused("groupby((rollup(msemr_name)),aggregate($count as n)", "position");
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
    refused("groupby((msemr_name),aggregate($count as msemr_name))", "`msemr_name` is given twice");
    refused("groupby((msemr_name,msemr_name))", "`msemr_name` is given twice");
    refused("aggregate($count as a.b)", "without dots");
    refused("groupby((msemr_status))/filter(msemr_name eq 'x')", "msemr_name");
    refused("groupby((msemr_status))/groupby((msemr_patient/fullname))", "msemr_patient");
    refused("filter(msemr_count gt 'x')", "position");
    refused("aggregate($count as n) desc", "`/` or the end");
}
