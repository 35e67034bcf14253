//! Groups of rows: counted where only their number is wanted, made by the store's database where it can, else folded here,
//! as the rows come.

use std::sync::Arc;
use std::time::Instant;

use crate::model::aggregate::{Aggregation, Grouping};
use crate::model::error::{Code, Error, Result};
use crate::model::query::Query;
use crate::model::result::Found;
use crate::model::rows::Rows;
use crate::plan::evaluate::aggregate::{Folding, Uniting, check_behind, finished, rest};
use crate::plan::explain;
use crate::plan::planner::plan_groups;
use crate::plan::tree::{Grouped, NativeScan, Scan};
use crate::router::read::native::left_over;
use crate::router::read::pages::{Searching, offset};
use crate::router::read::run::Asking;
use crate::router::session::{Session, Step};
use crate::router::snapshot::ServedTable;
use crate::router::token::Cursor;
use crate::store::native::NativeGroups;

impl Session {
    /// A page of the rows that an aggregation gives, by its own table ([`Aggregation::table`]). `binding`: as for
    /// [`Session::read`].
    pub async fn aggregate(&self, table: &Arc<ServedTable>, aggregation: &Aggregation, binding: &str) -> Result<Found> {
        let then = &aggregation.then;
        let binding = self.binding(table, binding);
        let (cursor, left) = self.begin(aggregation.of.skip_token.as_deref(), then.top, &binding)?;
        let size = self.page_size(then, left);
        let first = self.first_rows(table, aggregation).await?;

        let (begun, most) = (Instant::now(), self.limits().aggregate_groups);
        let aggregation = aggregation.clone();
        let all = self.work(&table.table, move || rest(&aggregation, first, most)).await??;
        self.trace().add(Step::Residual, begun.elapsed());
        let given = offset(&cursor)?;
        let begin = usize::try_from(then.skip.saturating_add(given)).unwrap_or(usize::MAX).min(all.len());
        let end = begin.saturating_add(size).min(all.len());
        let rows = all.pick_within(&(begin..end).collect::<Vec<_>>(), self.limits().page_bytes);
        let more = begin + rows.len() < all.len();
        let next = more.then_some(Cursor::Offset(given + rows.len() as u64));
        let next = self.next_token(next, left.map(|left| left.saturating_sub(rows.len() as u64)), &binding)?;
        Ok(Found { rows, expanded: Vec::new(), count: then.count.then_some(all.len() as u64), next, delta: None })
    }

    /// What would be asked of whom, as [`Session::explain`] has it.
    pub async fn explain_groups(
        &self,
        table: &Arc<ServedTable>,
        aggregation: &Aggregation,
    ) -> Result<serde_json::Value> {
        match aggregation.steps.first() {
            Some(step) if !step.parts.is_empty() => {
                check_behind(aggregation)?;
                let mut parts = Vec::with_capacity(step.parts.len());
                for part in &step.parts {
                    parts.push(Box::pin(self.explain_groups(table, &aggregation.part(part))).await?);
                }
                Ok(explain::explain_parts(aggregation, parts))
            }
            _ => {
                let grouped = self.planned_groups(table, aggregation, Asking::Nobody).await?;
                Ok(explain::explain_groups(&grouped, &left_over))
            }
        }
    }

    /// The rows of the first step, those of its parts one after the other.
    async fn first_rows(&self, table: &Arc<ServedTable>, aggregation: &Aggregation) -> Result<Rows> {
        let step = aggregation.steps.first().filter(|step| !step.parts.is_empty());
        let Some(step) = step else {
            let grouped = self.planned_groups(table, aggregation, Asking::Services).await?;
            return self.first_groups(table, &grouped).await;
        };
        check_behind(aggregation)?;
        let most = self.limits().aggregate_groups;
        let mut uniting = Uniting::new(step, most);
        for part in &step.parts {
            let part = aggregation.part(part);
            let first = Box::pin(self.first_rows(table, &part)).await?;
            let begun = Instant::now();
            let (steps, rows) =
                self.work(&table.table, move || rest(&part, first, most).map(|rows| (part.steps, rows))).await??;
            self.trace().add(Step::Residual, begun.elapsed());
            uniting.add(&steps, &rows)?;
        }
        uniting.done()
    }

    async fn planned_groups(
        &self,
        table: &Arc<ServedTable>,
        aggregation: &Aggregation,
        asking: Asking,
    ) -> Result<Grouped> {
        let query = Query { expand: Vec::new(), ..aggregation.of.clone() };
        let known = self.known(table, &query, asking).await?;
        if let (Some(sight), Some(first)) = (self.sight(), aggregation.steps.first()) {
            let values = first.by.iter().chain(first.aggregates.iter().filter_map(|aggregate| aggregate.of.as_ref()));
            values.into_iter().try_for_each(|value| sight.check_expression(&table.table, value))?;
        }
        let begun = Instant::now();
        let grouped = plan_groups(aggregation, &table.table, known.of(&self.snapshot().catalog));
        self.trace().add(Step::Plan, begun.elapsed());
        grouped
    }

    /// The rows of the first step.
    async fn first_groups(&self, table: &Arc<ServedTable>, grouped: &Grouped) -> Result<Rows> {
        let Grouped { read, aggregation } = grouped;
        let Some(step) = aggregation.steps.first() else {
            return Err(Error::new(Code::Internal, "rows are grouped by nothing"));
        };
        if aggregation.is_count() {
            let (_, count, _) = self.page_of(table, read, Cursor::Offset(0), 0, Some(0)).await?;
            let count = count.unwrap_or_default().to_string();
            let mut rows = Rows::new((0..step.table.columns.len()).collect());
            rows.push(step.aggregates.iter().map(|_| Some(count.as_str())));
            return finished(&rows, step);
        }
        let folding = Folding::new(read.wide().clone(), step.clone(), self.limits().aggregate_groups)?;
        if let Some(gather) = &read.gather {
            if grouped.in_database(&left_over)
                && let Some(scan) = self.scan_beside(read).await?
            {
                return self.groups_of_store(self.groups_asked(grouped, step, &scan)).await;
            }
            let (filter, ids) = self.joined(read).await?;
            let rows = self.gathered(read, gather, filter, &ids).await?;
            return self.folded(table, folding, rows).await;
        }
        let (scan, ids) = self.with_joins(read, true).await?;
        match &*scan {
            Scan::Native(scan) if grouped.in_database(&left_over) && left_over(&read.table, scan).is_none() => {
                self.groups_of_store(self.groups_asked(grouped, step, scan)).await
            }
            Scan::Native(scan) => {
                let rows = self.scanned(read, scan.filter.clone(), &ids, usize::MAX).await?;
                self.folded(table, folding, rows).await
            }
            Scan::Search(scan) => match Searching::new(self, table, scan)?.folded(folding).await {
                Err(_) if self.has_lost_a_chain(read, scan)? => {
                    let folding = Folding::new(read.wide().clone(), step.clone(), self.limits().aggregate_groups)?;
                    match &*self.with_joins(read, false).await?.0 {
                        Scan::Search(scan) => Searching::new(self, table, scan)?.folded(folding).await,
                        Scan::Native(_) => Err(Error::new(Code::Internal, "a table has moved while it was read")),
                    }
                }
                folded => folded,
            },
        }
    }

    fn groups_asked(&self, grouped: &Grouped, step: &Grouping, scan: &NativeScan) -> NativeGroups {
        NativeGroups {
            table: grouped.read.table.clone(),
            filter: scan.filter.clone(),
            beside: scan.beside.clone(),
            step: step.clone(),
            most: self.limits().aggregate_groups,
            deadline: self.deadline(),
        }
    }

    async fn folded(&self, table: &Arc<ServedTable>, mut folding: Folding, rows: Rows) -> Result<Rows> {
        let begun = Instant::now();
        let done = self.work_on(rows.len(), &table.table, move || {
            folding.add(&rows)?;
            folding.done()
        });
        let done = done.await?;
        self.trace().add(Step::Residual, begun.elapsed());
        done
    }
}
