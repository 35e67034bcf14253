//! Conditions and expansions across tables, on any mix of routes: the related rows are read by a query of their own, and
//! come back as a list of keys, or as what hangs on each row.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::model::catalog::Relation;
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Expand, Expr, Filter, Literal, Quantifier, Query};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::odata::reply::Expanded;
use crate::plan::evaluate::residual::{self, Residual};
use crate::router::read::run::{and, guids};
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;

/// Keys in one query for related rows; more are asked for in several.
const KEYS_AT_ONCE: usize = 50;

impl Session {
    /// The query with every condition on a related table turned into a list of keys.
    pub(super) async fn without_relations(&self, table: &Arc<ServedTable>, query: &Query) -> Result<Query> {
        let filter = match &query.filter {
            Some(filter) => Some(self.resolved(table, filter).await?),
            None => None,
        };
        Ok(Query { filter, ..query.clone() })
    }

    async fn resolved(&self, table: &Arc<ServedTable>, filter: &Filter) -> Result<Filter> {
        if !has_relation(filter) {
            return Ok(filter.clone());
        }
        Ok(match filter {
            Filter::And(a, b) => Filter::And(
                Box::new(Box::pin(self.resolved(table, a)).await?),
                Box::new(Box::pin(self.resolved(table, b)).await?),
            ),
            Filter::Or(a, b) => Filter::Or(
                Box::new(Box::pin(self.resolved(table, a)).await?),
                Box::new(Box::pin(self.resolved(table, b)).await?),
            ),
            Filter::Not(inner) => Filter::Not(Box::new(Box::pin(self.resolved(table, inner)).await?)),
            Filter::Related { navigation, to, quantifier, filter } => {
                self.related(table, navigation, to, *quantifier, filter.as_deref()).await?
            }
            other => other.clone(),
        })
    }

    async fn related(
        &self,
        table: &Arc<ServedTable>,
        navigation: &str,
        to: &Relation,
        quantifier: Quantifier,
        inner: Option<&Filter>,
    ) -> Result<Filter> {
        let most = self.limits().related_keys;
        match (to, quantifier) {
            (Relation::Lookup { column, table: other }, Quantifier::One) => {
                let other = self.snapshot().table(other)?;
                let query = keys_only(&other.table, inner.cloned());
                let rows = Box::pin(self.read_all(other, &query, most)).await?;
                Ok(one_of(*column, guids(&rows, other.table.key)))
            }
            (Relation::Collection { table: other, column }, Quantifier::Any) => {
                let other = self.snapshot().table(other)?;
                let query = Query { select: Some(vec![*column]), ..keys_only(&other.table, inner.cloned()) };
                let rows = Box::pin(self.read_all(other, &query, most)).await?;
                Ok(one_of(table.table.key, guids(&rows, *column)))
            }
            (Relation::Collection { table: other, column }, Quantifier::All) => {
                let Some(inner) = inner else { return Ok(Filter::Is(Expr::Literal(Literal::Bool(true)))) };
                let other = self.snapshot().table(other)?;
                let mut needed = BTreeSet::from([*column]);
                residual::columns_of_filter(inner, &mut needed);
                let query = Query { select: Some(needed.into_iter().collect()), ..Query::default() };
                let rows = Box::pin(self.read_all(other, &query, most)).await?;
                let residual = Residual::new(inner, &other.table)?;
                let mut violated = BTreeSet::new();
                for row in 0..rows.len() {
                    if !residual.keeps(&rows, row)? {
                        violated.extend(rows.cell(row, *column).map(key::guid));
                    }
                }
                Ok(Filter::Not(Box::new(one_of(table.table.key, violated))))
            }
            _ => Err(Error::new(Code::NotSupported, format!("conditions on `{navigation}` are not supported"))
                .target(navigation)
                .hint("compare the columns that the row itself carries")),
        }
    }

    /// Follows each navigation property of a page, in their order.
    pub async fn expand(&self, table: &Arc<ServedTable>, rows: &Rows, expands: &[Expand]) -> Result<Vec<Expanded>> {
        let mut expanded = Vec::with_capacity(expands.len());
        for expand in expands {
            expanded.push(match &expand.to {
                Relation::Lookup { column, .. } => self.expand_lookup(table, rows, expand, *column).await?,
                Relation::Collection { table: other, column } => {
                    self.expand_collection(table, rows, expand, other, *column).await?
                }
                // The row carries it; the reply shows it from there.
                Relation::Concept { .. } => Expanded::default(),
            });
        }
        Ok(expanded)
    }

    async fn expand_lookup(
        &self,
        table: &Arc<ServedTable>,
        rows: &Rows,
        expand: &Expand,
        column: ColumnIndex,
    ) -> Result<Expanded> {
        let Kind::Lookup(lookup) = &table.table.columns[column].kind else {
            return Err(Error::new(Code::Internal, "an expanded lookup is none"));
        };
        let other =
            lookup.targets.iter().find_map(|t| self.snapshot().showing(&t.entity_set, &t.resource_type)).ok_or_else(
                || Error::new(Code::UnknownRelation, format!("`{}` leads to no table", expand.navigation)),
            )?;
        let wanted: Vec<Uuid> = guids(rows, column).into_iter().collect();
        let mut found: HashMap<Uuid, usize> = HashMap::new();
        let mut all: Option<Rows> = None;
        for keys in wanted.chunks(KEYS_AT_ONCE) {
            let condition = one_of(other.table.key, keys.iter().copied().collect());
            let query = Query { filter: Some(and(expand.query.filter.clone(), condition)), ..expand.query.clone() };
            let page = Box::pin(self.read_all(other, &query, keys.len() * 2)).await?;
            let before = all.as_ref().map_or(0, Rows::len);
            for row in 0..page.len() {
                if let Some(text) = page.cell(row, other.table.key) {
                    found.insert(key::guid(text), before + row);
                }
            }
            join(&mut all, page);
        }
        let of = |row: usize| {
            let guid = rows.cell(row, column).map(key::guid);
            guid.and_then(|guid| found.get(&guid).copied()).into_iter().collect()
        };
        let of_parent = (0..rows.len()).map(of).collect();
        Ok(Expanded { rows: all.unwrap_or_default(), of_parent, ..Expanded::default() })
    }

    async fn expand_collection(
        &self,
        table: &Arc<ServedTable>,
        rows: &Rows,
        expand: &Expand,
        other: &str,
        column: ColumnIndex,
    ) -> Result<Expanded> {
        let other = self.snapshot().table(other)?;
        let parents: Vec<Uuid> = guids(rows, table.table.key).into_iter().collect();
        let most = usize::try_from(self.limits().scan_rows).unwrap_or(usize::MAX);
        // Skip and top are for each parent, so they come after the rows are told apart.
        let (skip, top) = (expand.query.skip, expand.query.top);
        let mut select = expand.query.select.clone();
        if let Some(select) = &mut select
            && !select.contains(&column)
        {
            select.push(column);
            select.sort_unstable();
        }
        let mut by_parent: HashMap<Uuid, Vec<usize>> = HashMap::new();
        let mut all: Option<Rows> = None;
        for keys in parents.chunks(KEYS_AT_ONCE) {
            let condition = one_of(column, keys.iter().copied().collect());
            let filter = Some(and(expand.query.filter.clone(), condition));
            let query =
                Query { filter, select: select.clone(), skip: 0, top: None, count: false, ..expand.query.clone() };
            let page = Box::pin(self.read_all(other, &query, most)).await?;
            let before = all.as_ref().map_or(0, Rows::len);
            for row in 0..page.len() {
                if let Some(parent) = page.cell(row, column).map(key::guid) {
                    by_parent.entry(parent).or_default().push(before + row);
                }
            }
            join(&mut all, page);
        }
        let mut expanded = Expanded { rows: all.unwrap_or_default(), ..Expanded::default() };
        for row in 0..rows.len() {
            let guid = rows.cell(row, table.table.key).map(key::guid);
            let own = guid.and_then(|guid| by_parent.get(&guid)).map(Vec::as_slice).unwrap_or_default();
            if expand.query.count {
                expanded.counts.push(own.len() as u64);
            }
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            let top = top.map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX));
            expanded.of_parent.push(own.iter().skip(skip).take(top).copied().collect());
        }
        Ok(expanded)
    }
}

fn join(all: &mut Option<Rows>, page: Rows) {
    match all {
        Some(all) => all.append(&page),
        None => *all = Some(page),
    }
}

fn keys_only(table: &Table, filter: Option<Filter>) -> Query {
    Query { select: Some(vec![table.key]), filter, ..Query::default() }
}

fn one_of(column: ColumnIndex, keys: BTreeSet<Uuid>) -> Filter {
    Filter::In(Expr::Column(column), keys.into_iter().map(Literal::Guid).collect())
}

fn has_relation(filter: &Filter) -> bool {
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => has_relation(a) || has_relation(b),
        Filter::Not(inner) => has_relation(inner),
        Filter::Related { .. } => true,
        _ => false,
    }
}
