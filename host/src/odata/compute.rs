//! `$compute`: values of each row that have names of their own (OData 4.01 URL Conventions, 5.1.3.7). `$filter` and `$orderby` use
//! them as what they stand for; they are shown beside the columns.

use std::cell::RefCell;

use super::expression::{Computed, Context, Resolver, Source, Spent};
use super::selection::{self, Item};
use crate::model::aggregate::Grouping;
use crate::model::error::Result;
use crate::model::query::{ComputedValue, Expr, Joined};
use crate::model::table::{Column, Kind, Table};

/// Values that one request may name.
const VALUES_MAX: usize = 50;

/// Values by their names.
#[derive(Default)]
pub(crate) struct Values {
    named: Vec<Computed>,
    /// What each is shown as. Err: why it is not.
    columns: Vec<Result<Column>>,
}

/// The value of a `$compute`. `joined`: values of related rows that `$filter` and `$orderby` come to use by it.
pub(crate) fn computed(
    source: Source<'_>,
    table: &Table,
    context: Context<'_>,
    joined: &RefCell<Vec<Joined>>,
) -> Result<Values> {
    let items = selection::compute(source.text, context.limits).map_err(|error| source.syntax(error))?;
    if let Some((node, _)) = items.get(VALUES_MAX) {
        return Err(source.unsupported(node.at, &format!("more than {VALUES_MAX} values in `$compute`")));
    }
    let mut values = Values::default();
    for (node, name) in items {
        let is_known = table.property(&name).is_some() || values.named.iter().any(|other| other.name == name);
        if is_known || context.catalog.relation(table, &name).is_some() {
            return Err(source.bad(node.at, &format!("`{name}` is the name of another property")));
        }
        let (spent, own) = (Spent::default(), RefCell::default());
        // Those that stand beside it are not known to it.
        let (own_expr, _) = Resolver::new(source, table, context, &spent, &own).expression(&node)?;
        let column = match own.borrow().is_empty() {
            true => column(source, node.at, table, &name, own_expr),
            false => Err(source
                .unsupported(node.at, &format!("to show `{name}`, a value of related rows,"))
                .hint("leave its name out of `$select`, and compare or sort by it; `$expand` shows related rows")),
        };
        let (expr, of) = Resolver::new(source, table, context, &spent, joined).expression(&node)?;
        if expr.parts() > context.limits.filter_nodes / 4 {
            return Err(source.bad(node.at, "a value of more than a quarter of the limit `filter_nodes`"));
        }
        values.named.push(Computed { name, expr, of });
        values.columns.push(column);
    }
    Ok(values)
}

fn column(source: Source<'_>, at: usize, table: &Table, name: &str, expr: Expr) -> Result<Column> {
    let grouped = Grouping::new(table, vec![(name.to_owned(), expr)], Vec::new());
    let grouped = grouped.map_err(|error| source.placed(&error, at))?;
    match grouped.table.columns.first() {
        Some(column) if !matches!(column.kind, Kind::Lookup(_)) => Ok(column.clone()),
        _ => Err(source.unsupported(at, "the key of a lookup by another name").hint("select it by its own name")),
    }
}

impl Values {
    pub(crate) fn named(&self) -> &[Computed] {
        &self.named
    }

    /// The values among what is selected, which the table knows nothing of.
    pub(crate) fn take_out(&self, items: &mut Vec<Item>) -> Vec<String> {
        let mut taken = Vec::new();
        items.retain(|item| {
            let name = match item.path.as_slice() {
                [part] if item.options.is_empty() => &part.name,
                _ => return true,
            };
            let is_value = self.named.iter().any(|value| value.name == *name);
            if is_value {
                taken.push(name.clone());
            }
            !is_value
        });
        taken
    }

    /// Those that are shown: the selected ones, or all.
    pub(crate) fn shown(self, selected: Option<&Vec<String>>) -> Result<Vec<ComputedValue>> {
        let is_shown = |name: &String| selected.is_none_or(|selected| selected.contains(name));
        let all = self.named.into_iter().zip(self.columns).filter(|(value, _)| is_shown(&value.name));
        all.map(|(value, column)| Ok(ComputedValue { column: column?, expr: value.expr })).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::filter::{filter_by, order_by_of};
    use super::super::sample;
    use super::*;
    use crate::model::limits::Limits;

    /// What is shown of a query string (of it `$select` names), and how rows are kept and sorted; or the refusal.
    fn resolve(query: &str) -> Result<String, String> {
        let catalog = sample::catalog();
        let (limits, aliases) = (Limits::default(), BTreeMap::new());
        let context = Context { catalog: &catalog, limits: &limits, aliases: &aliases, now: sample::now() };
        let table = catalog.table("msemr_observation").unwrap();
        let options: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let source = |name: &'static str| Some(Source { text: options.get(name)?, target: name });
        let resolved = || -> Result<String> {
            let joined = RefCell::default();
            let values = computed(source("$compute").expect("a $compute"), table, context, &joined)?;
            let filter =
                source("$filter").map(|of| filter_by(of, table, context, &joined, values.named())).transpose()?;
            let order = source("$orderby").map(|of| order_by_of(of, table, context, &joined, values.named()));
            let order = order.transpose()?.unwrap_or_default();
            let order: Vec<_> = order.iter().map(|order| sample::show_expr(&order.by, table)).collect();
            let filter = filter.map(|filter| sample::show_with(&filter, &joined.borrow(), table, &catalog));
            let mut items = options.get("$select").map(|text| selection::select(text, &limits).expect("a $select"));
            let selected = items.as_mut().map(|items| values.take_out(items));
            let everything = options.get("$select").is_some_and(|text| text.contains('*'));
            let left = items.map_or(0, |items| items.len());
            let shown = values.shown(selected.as_ref().filter(|_| !everything))?;
            let shown =
                shown.iter().map(|value| format!("{} {}", sample::show_expr(&value.expr, table), value.column.name));
            let shown: Vec<_> = shown.collect();
            Ok(format!("{shown:?} and {left} where {} by {order:?}", filter.unwrap_or_default()))
        };
        resolved().map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_used_by_their_names() {
        for (query, expected) in [
            ("$compute=msemr_count add 1 as n", r#"["(msemr_count Add 1) n"] and 0 where  by []"#),
            (
                "$compute=msemr_count add 1 as n,length(msemr_name) as l&$select=msemr_name,n&$filter=l gt 3&$orderby=n",
                r#"["(msemr_count Add 1) n"] and 1 where Length(msemr_name) gt 3 by ["(msemr_count Add 1)"]"#,
            ),
            ("$compute=msemr_count add 1 as n&$select=n", r#"["(msemr_count Add 1) n"] and 0 where  by []"#),
            ("$compute=msemr_count add 1 as n&$select=*", r#"["(msemr_count Add 1) n"] and 1 where  by []"#),
        ] {
            assert_eq!(resolve(query).as_deref(), Ok(expected), "{query}");
        }
        let behind = "$compute=length(msemr_patient/fullname) as l&$filter=l gt 3";
        assert!(
            resolve(&format!("{behind}&$select=msemr_name")).is_ok_and(|shown| shown.starts_with("[] and 1 where"))
        );
    }

    #[test]
    fn what_cannot_be_is_refused_where_it_stands() {
        for (query, expected) in [
            ("$compute=msemr_count add 1 as msemr_name", "`msemr_name` is the name of another property at position 0"),
            ("$compute=1 add 1 as a,a add 1 as b", "has no column `a`"),
            ("$compute=1 add 1 as a,2 add 2 as a", "`a` is the name of another property at position 13"),
            ("$compute=msemr_count add 1", "`as` is expected"),
            ("$compute=length(msemr_patient/fullname) as l", "to show `l`, a value of related rows, is not supported"),
            ("$compute=msemr_patient/fullname as f&$select=f", "to show `f`"),
            ("$compute=_msemr_patient_value as p", "the key of a lookup by another name is not supported"),
            ("$compute=time(msemr_issued) as t", "a time of day"),
            ("$compute=1 add 1 as a&$filter=b gt 1", "has no column `b`"),
        ] {
            let refused = resolve(query).expect_err(query);
            assert!(refused.contains(expected), "{query}: {refused}");
        }
        let many: Vec<_> = (0..51).map(|n| format!("1 add 1 as a{n}")).collect();
        assert!(
            resolve(&format!("$compute={}", many.join(","))).is_err_and(|refused| refused.contains("more than 50"))
        );
    }
}
