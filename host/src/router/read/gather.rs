//! Rows whose filter or order uses values of related rows: all rows that the rest of the filter keeps are read first, then
//! what is wanted of the related ones, many keys at once; then they are filtered and sorted here.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Instant;

use uuid::Uuid;

use crate::model::error::Result;
use crate::model::query::Filter;
use crate::model::rows::Rows;
use crate::plan::evaluate::residual;
use crate::plan::joined::{beside, split};
use crate::plan::tree::{Gather, Read};
use crate::router::session::{Session, Step};

type Gathering<'a> = Pin<Box<dyn Future<Output = Result<Rows>> + Send + 'a>>;

impl Session {
    /// Every row of a read, in its order, with what was joined as columns after its own. A value may be joined of rows that
    /// have joined values, so the future is on the heap.
    pub(super) fn gathered<'a>(
        &'a self,
        read: &'a Read,
        gather: &'a Gather,
        filter: Option<Filter>,
        ids: &'a HashMap<Uuid, String>,
    ) -> Gathering<'a> {
        Box::pin(async move {
            let own = read.table.columns.len();
            let later = split(filter.as_ref(), own).1;
            let rows = self.scanned(read, filter, ids, usize::MAX).await?;
            let mut found = Vec::with_capacity(gather.values.len());
            for (related, value) in &gather.values {
                found.push((self.related(&read.table, &rows, related).await?, related.read.table.clone(), *value));
            }
            let (wide, order) = (gather.wide.clone(), read.query.order.clone());
            let begun = Instant::now();
            let sorted = self.work_on(rows.len(), &read.table, move || {
                let found: Vec<_> = found.into_iter().collect();
                let tables: Vec<_> = found.iter().map(|(_, table, _)| table.clone()).collect();
                let found = found.into_iter().zip(&tables).map(|((found, _, value), table)| (found, &**table, value));
                let rows = beside(&rows, own, &found.collect::<Vec<_>>())?;
                let kept = rows.pick(&residual::filter_rows(later.as_ref(), &wide, &rows)?);
                Ok(kept.pick(&residual::order(&kept, &order, &wide)?))
            });
            let sorted = sorted.await?;
            self.trace().add(Step::Residual, begun.elapsed());
            sorted
        })
    }
}
