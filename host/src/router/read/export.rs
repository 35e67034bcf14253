//! All rows of a query, not a page of them: some at a time, to whoever receives them, so that no more than some are here.
//! Natively they are of one moment of the store; of a FHIR service they are what its pages give, one after the other.

use std::sync::Arc;

use tokio::sync::mpsc::{Sender, channel};

use crate::model::error::{Code, Error, Result};
use crate::model::query::Query;
use crate::model::rows::Rows;
use crate::plan::tree::{Read, Scan, SearchScan};
use crate::router::read::pages::{Replan, Searching};
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;
use crate::router::token::Cursor;

/// Rows that are given on at once where all of them had to be here.
const CHUNK_ROWS: usize = 1_000;

impl Session {
    /// Gives every row of a query, in its order, and ends when nobody receives them. The session is to be one that
    /// [`exports`](Session::exporting). `ScanBudgetExceeded` also where rows are needed all at once, to be ordered here, and
    /// are more than one request may look at.
    pub async fn export(&self, table: &Arc<ServedTable>, query: &Query, to: Sender<Rows>) -> Result<()> {
        let holding = self.holding();
        let read = holding.planned(table, query).await?;
        let (filter, ids) = holding.joined(&read).await?;
        if let Some(gather) = &read.gather {
            let rows = holding.gathered(&read, gather, filter, &ids).await?;
            // What is joined to a row is none of its own.
            let own = rows.columns().iter().copied().filter(|column| *column < read.table.columns.len());
            let rows = rows.project(&own.collect::<Vec<_>>());
            return self.give(&read, &rows, &window(query, rows.len()), &to).await;
        }
        match read.scan_for(filter.clone(), &ids) {
            // Keys of native rows are found in the store: remembered, those of a large table would drive out all others.
            Scan::Native(scan) if self.sight().is_some() => {
                let ((give, mut take), read) = (channel(1), &read);
                let reading = self.stream_native(&read.table, &scan, query.top, give);
                let giving = async move {
                    while let Some(rows) = take.recv().await {
                        let rows = self.veil(&read.table, rows);
                        if self.in_time(to.send(rows)).await.ok_or_else(too_slow)?.is_err() {
                            break;
                        }
                    }
                    Ok(())
                };
                tokio::try_join!(reading, giving).map(|_| ())
            }
            Scan::Native(scan) => self.stream_native(&read.table, &scan, query.top, to).await,
            // The order is made here: all rows first.
            Scan::Search(scan) if scan.sort_here => {
                let rows = holding.scanned(&read, filter, &ids, usize::MAX).await?;
                self.give(&read, &rows, &window(query, rows.len()), &to).await
            }
            Scan::Search(scan) => {
                let replan = |filter| match read.scan_for(Some(filter), &ids) {
                    Scan::Search(scan) => scan,
                    Scan::Native(_) => scan.clone(),
                };
                self.pages(table, &read, &scan, &replan, &to).await
            }
        }
    }

    async fn pages(
        &self,
        table: &Arc<ServedTable>,
        read: &Read,
        scan: &SearchScan,
        replan: Replan<'_>,
        to: &Sender<Rows>,
    ) -> Result<()> {
        let (mut cursor, mut left) = (Cursor::Offset(0), read.query.top);
        let most = self.limits().page_rows_max as usize;
        loop {
            let size = left.map_or(most, |left| usize::try_from(left).unwrap_or(usize::MAX).min(most));
            let (rows, _, next) = Searching::new(self, table, scan)?.page(replan, cursor, size, left, 1).await?;
            left = left.map(|left| left.saturating_sub(rows.len() as u64));
            let all: Vec<usize> = (0..rows.len()).collect();
            self.give(read, &rows, &all, to).await?;
            match next {
                Some(next) if left != Some(0) && !to.is_closed() => cursor = next,
                _ => return Ok(()),
            }
        }
    }

    async fn give(&self, read: &Read, rows: &Rows, wanted: &[usize], to: &Sender<Rows>) -> Result<()> {
        for some in wanted.chunks(CHUNK_ROWS) {
            if !self.hand(read, rows.pick(some), to).await? {
                break;
            }
        }
        Ok(())
    }

    /// False: nobody takes them any more.
    async fn hand(&self, read: &Read, rows: Rows, to: &Sender<Rows>) -> Result<bool> {
        self.remember(&read.table, &rows);
        let rows = self.veil(&read.table, rows);
        Ok(self.in_time(to.send(rows)).await.ok_or_else(too_slow)?.is_ok())
    }
}

/// Positions of the rows that `$skip` and `$top` leave.
fn window(query: &Query, rows: usize) -> Vec<usize> {
    let begin = usize::try_from(query.skip).unwrap_or(usize::MAX).min(rows);
    let top = query.top.map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX));
    (begin..begin.saturating_add(top).min(rows)).collect()
}

fn too_slow() -> Error {
    Error::new(Code::UpstreamTimeout, "the export took too long (limit `export_ms`)")
}
