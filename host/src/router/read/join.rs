//! Conditions on related tables, on any mix of routes: the related rows are read by a read of their own, and come back as
//! a list of keys.

use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::Arc;

use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Compare, Expr, Filter, Literal, Quantifier};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::plan::evaluate::residual::Residual;
use crate::plan::planner::with_keys;
use crate::plan::tree::{Check, NativeScan, Read, Semijoin, and};
use crate::router::read::native::left_over;
use crate::router::session::Session;

/// Keys of a level of a hierarchy that are asked for at once.
const KEYS_AT_ONCE: usize = 100;

/// What joins came to: a condition each, and the texts behind those of their keys that do not carry their own.
type Joined = (Vec<Filter>, HashMap<Uuid, String>);

impl Session {
    /// The filter of a read with its joins made. Rows that are gathered are checked here, where no condition for the
    /// database has a meaning: of their joins the keys are read.
    pub(super) async fn joined(&self, read: &Read) -> Result<(Option<Filter>, HashMap<Uuid, String>)> {
        let within = match read.gather {
            Some(_) => vec![None; read.joins.len()],
            None => read.within(&left_over),
        };
        self.joined_by(read, within).await
    }

    /// The scan that has the database find what would be gathered, if it can find all of it.
    pub(super) async fn scan_beside(&self, read: &Read) -> Result<Option<NativeScan>> {
        let within = read.within(&left_over);
        if read.scan_beside(read.asked(&within), &left_over).is_none() {
            return Ok(None);
        }
        let (filter, _) = self.joined_by(read, within).await?;
        Ok(read.scan_beside(filter, &left_over))
    }

    /// `within`: what a join has come to already, or the database makes of it beside the rows.
    pub(super) async fn joined_by(
        &self,
        read: &Read,
        within: Vec<Option<Filter>>,
    ) -> Result<(Option<Filter>, HashMap<Uuid, String>)> {
        let (conditions, mut ids) = self.conditions(&read.table, &read.joins, within).await?;
        let filter = read.query.filter.as_ref();
        let filter = filter.map(|filter| with_keys(filter, &mut conditions.into_iter())).transpose()?;
        // Planning knew those of the query itself.
        ids.extend(read.ids.iter().map(|(guid, text)| (*guid, text.clone())));
        Ok((filter, ids))
    }

    /// Makes joins one after the other, but for those that the database makes `within` the scan. A join may have joins, so
    /// the future is on the heap.
    fn conditions<'a>(
        &'a self,
        table: &'a Arc<Table>,
        joins: &'a [Semijoin],
        within: Vec<Option<Filter>>,
    ) -> Pin<Box<dyn Future<Output = Result<Joined>> + Send + 'a>> {
        Box::pin(async move {
            let (mut conditions, mut ids) = (Vec::with_capacity(joins.len()), HashMap::new());
            for (join, within) in joins.iter().zip(within) {
                if let Some(condition) = within {
                    conditions.push(condition);
                    continue;
                }
                if let Some(above) = join.above {
                    let keys = self.within(join, above, &mut ids).await?;
                    conditions.push(join.condition(table, keys));
                    continue;
                }
                let (filter, known) = self.joined(&join.related).await?;
                let rows = self.all(&join.related, filter, &known, self.limits().related_keys).await?;
                ids.extend(hashed(&join.related.table, &rows, join.theirs).map(|(guid, text)| (guid, text.to_owned())));
                let keys = match &join.check {
                    None => guids(&join.related.table, &rows, join.theirs, table),
                    Some(check) => self.violated(table, join, check, rows).await?,
                };
                conditions.push(join.condition(table, keys));
            }
            Ok((conditions, ids))
        })
    }

    /// Keys of the rows of a hierarchy that stand as asked to the one that the related read names, found level by level. No row is
    /// met twice, so that a circle has an end; and none is under or above itself.
    async fn within(
        &self,
        join: &Semijoin,
        above: ColumnIndex,
        ids: &mut HashMap<Uuid, String>,
    ) -> Result<BTreeSet<Uuid>> {
        let (related, table, limits) = (&join.related, &join.related.table, self.limits());
        let (asked, mut known) = self.joined(related).await?;
        // What the table asks of all of its rows stands beside the row that is named.
        let (named_by, rule) = match asked {
            Some(Filter::And(named_by, rule)) => (Some(*named_by), Some(*rule)),
            other => (other, None),
        };
        let (Quantifier::Within(way), Some(first)) = (join.quantifier, named_by.as_ref().and_then(named)) else {
            return Err(Error::new(Code::Internal, "a hierarchy is asked for, and of no row"));
        };
        let (mut seen, mut level, mut found) = (BTreeSet::from([first]), vec![first], BTreeSet::new());
        found.extend(way.or_equal().then_some(first));
        for _ in 0..=limits.hierarchy_levels {
            let mut next = BTreeSet::new();
            for keys in level.chunks(KEYS_AT_ONCE) {
                let compared = if way.is_under() { above } else { table.key };
                let filter = and(rule.clone(), Filter::one_of(table, compared, table, keys.iter().copied()));
                let rows = self.all(related, Some(filter), &known, limits.related_keys).await?;
                let gives = if way.is_under() { table.key } else { above };
                known.extend(hashed(table, &rows, gives).map(|(guid, text)| (guid, text.to_owned())));
                next.extend(guids(table, &rows, gives, table).into_iter().filter(|key| !seen.contains(key)));
            }
            if next.is_empty() {
                ids.extend(known);
                return Ok(found);
            }
            seen.extend(&next);
            found.extend(&next);
            if found.len() > limits.related_keys {
                return Err(too_many(related, limits.related_keys));
            }
            level = next.into_iter().collect();
        }
        let message = format!(
            "the hierarchy of `{}` has more levels than `hierarchy_levels`, {}",
            table.entity_set, limits.hierarchy_levels
        );
        let error = Error::new(Code::ScanBudgetExceeded, message).target(table.entity_set.clone());
        Err(error.hint("begin at a row that is nearer"))
    }

    /// Keys of the related rows that do not meet what all must meet.
    async fn violated(&self, own: &Arc<Table>, join: &Semijoin, check: &Check, rows: Rows) -> Result<BTreeSet<Uuid>> {
        let (conditions, _) = self.conditions(&join.related.table, &check.joins, vec![None; check.joins.len()]).await?;
        let filter = with_keys(&check.filter, &mut conditions.into_iter())?;
        let (own, table, theirs) = (own.clone(), join.related.table.clone(), join.theirs);
        let wide = join.related.wide().clone();
        self.work(&join.related.table, move || {
            let residual = Residual::new(&filter, &wide)?;
            let mut violated = BTreeSet::new();
            for row in 0..rows.len() {
                if !residual.keeps(&rows, row)? {
                    violated.extend(rows.cell(row, theirs).and_then(|text| key::led_to(&table, theirs, text, &own)));
                }
            }
            Ok(violated)
        })
        .await?
    }
}

pub(super) fn too_many(read: &Read, most: usize) -> Error {
    Error::new(
        Code::ScanBudgetExceeded,
        format!("more than {most} rows of `{}` are needed to answer this", read.table.entity_set),
    )
    .target(read.table.entity_set.clone())
    .hint("narrow the condition on the related table")
}

/// The key of the one row that a condition is about.
fn named(filter: &Filter) -> Option<Uuid> {
    match filter {
        Filter::Compare(Compare::Eq, Expr::Column(_), Expr::Literal(Literal::Guid(key))) => Some(*key),
        _ => None,
    }
}

/// Keys of another table's rows that a column of these holds, for `in` lists.
pub(super) fn guids(table: &Table, rows: &Rows, column: ColumnIndex, other: &Table) -> BTreeSet<Uuid> {
    let texts = (0..rows.len()).filter_map(|row| rows.cell(row, column));
    texts.filter_map(|text| key::led_to(table, column, text, other)).collect()
}

/// The texts behind those of a column's keys that do not carry their own.
pub(super) fn hashed<'r>(table: &Table, rows: &'r Rows, column: ColumnIndex) -> impl Iterator<Item = (Uuid, &'r str)> {
    let texts = (0..rows.len()).filter_map(move |row| rows.cell(row, column));
    let hashed = texts.filter(move |text| key::needs_map(table, column, text));
    hashed.map(move |text| (key::of_cell(table, column, text), text))
}
