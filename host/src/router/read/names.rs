//! What the rows are called that the lookups of an answer point to: `FormattedValue` of a lookup. Many are read at once,
//! for each table, out of what the request has left of its budget; one that cannot be had is left out, and the answer is
//! none the worse for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use crate::model::catalog::Relation;
use crate::model::error::Result;
use crate::model::key;
use crate::model::query::{Expr, Filter, Literal, Query};
use crate::model::result::{Expanded, Names};
use crate::model::rows::Rows;
use crate::model::table::{Kind, Table};
use crate::plan::tree::and;
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;

/// Keys in one read; more are asked for in several.
const KEYS_AT_ONCE: usize = 100;

/// The keys that are wanted of each table, by its name, each with the text behind it where it does not carry its own.
type Wanted = BTreeMap<String, BTreeMap<Uuid, Option<String>>>;

impl Session {
    /// Of all rows that are shown of a read, those that hang on others included. Takes half of the time that is left.
    pub async fn names(&self, table: &Table, rows: &Rows, query: &Query, expanded: &[Expanded]) -> Names {
        let mut wanted = Wanted::new();
        self.want(table, rows, query, expanded, &mut wanted);
        let mut names = Names::default();
        let until = Instant::now() + self.deadline().saturating_duration_since(Instant::now()) / 2;
        for (other, keys) in wanted {
            let Ok(other) = self.snapshot().table(&other) else { continue };
            let read = self.read_names(other, keys, &mut names);
            let why = match tokio::time::timeout_at(until.into(), read).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => format!("{:?}", error.code()),
                Err(_) => "no time".to_owned(),
            };
            tracing::debug!(table = other.table.name, why, "lookups are shown without names");
        }
        names
    }

    fn want(&self, table: &Table, rows: &Rows, query: &Query, expanded: &[Expanded], wanted: &mut Wanted) {
        for column in rows.columns() {
            let Some(described) = table.columns.get(*column).filter(|described| described.access.read) else {
                continue;
            };
            let is_shown = query.select.as_ref().is_none_or(|select| select.contains(column));
            let Kind::Lookup(lookup) = &described.kind else { continue };
            for text in (0..rows.len()).filter(|_| is_shown).filter_map(|row| rows.cell(row, *column)) {
                let target = key::reference(text)
                    .and_then(|to| lookup.targets.iter().find(|target| target.resource_type == to.resource_type));
                let Some(target) = target else { continue };
                let Some(other) = self.snapshot().showing(&target.entity_set, &target.resource_type) else { continue };
                let behind = key::needs_map(table, *column, text).then(|| text.to_owned());
                let keys = wanted.entry(other.table.name.clone()).or_default();
                keys.entry(key::of_cell(table, *column, text)).or_insert(behind);
            }
        }
        for (expand, expanded) in query.expand.iter().zip(expanded) {
            if let Relation::Lookup { table, .. } | Relation::Collection { table, .. } = &expand.to
                && let Ok(other) = self.snapshot().table(table)
            {
                self.want(self.seen(&other.table), &expanded.rows, &expand.query, &expanded.expanded, wanted);
            }
        }
    }

    async fn read_names(
        &self,
        other: &Arc<ServedTable>,
        keys: BTreeMap<Uuid, Option<String>>,
        names: &mut Names,
    ) -> Result<()> {
        let table = &other.table;
        let seen = self.seen(table);
        if !seen.columns[table.primary_name].access.read || seen.is_masked(table.primary_name) {
            return Ok(());
        }
        let mut select = vec![table.key, table.primary_name];
        select.sort_unstable();
        select.dedup();
        let read = self.planned(other, &Query { select: Some(select), ..Query::default() }).await?;
        // What their table asks of all of its rows.
        let (rule, mut ids) = self.joined(&read).await?;
        ids.extend(keys.iter().filter_map(|(key, text)| Some((*key, text.clone()?))));
        let keys: Vec<_> = keys.into_keys().collect();
        for some in keys.chunks(KEYS_AT_ONCE) {
            if self.budget().has_spent(self.budget().whole()) {
                break;
            }
            let listed = some.iter().copied().map(Literal::Guid).collect();
            let filter = and(rule.clone(), Filter::In(Expr::Column(table.key), listed));
            let rows = self.all(&read, Some(filter), &ids, some.len() * 2).await?;
            for row in 0..rows.len() {
                if let (Some(key), Some(name)) = (rows.cell(row, table.key), rows.cell(row, table.primary_name)) {
                    names.add(&table.entity_set, key::of_row(table, key), name);
                }
            }
        }
        Ok(())
    }
}
