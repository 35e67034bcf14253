//! A scan of a native table. It holds its thread, so it is done as one job: the database's part and what is left over.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::error::{Error, Result};
use crate::model::query::Filter;
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::plan::evaluate::residual::{self, Residual};
use crate::plan::sql::{Select, Window};
use crate::plan::tree::NativeScan;
use crate::router::read::run::{Frame, page_of};
use crate::router::session::{Session, Step};
use crate::store::sqlite::Store;

/// Rows looked at between two checks of the budget.
const CHUNK: usize = 500;

/// What a scan gave.
pub(super) struct Scanned {
    /// Those of the frame.
    pub(super) rows: Rows,
    /// More follow.
    pub(super) more: bool,
    /// Of all rows that meet the filter, if the plan asks.
    pub(super) count: Option<u64>,
    /// Rows that were looked at here, and are off the budget; 0 where the database gave just these.
    pub(super) looked_at: usize,
}

/// What the database leaves over of a scan's filter. Nothing is asked for it.
pub(super) fn left_over(table: &Table, scan: &NativeScan) -> Option<Filter> {
    Select::new(table, &scan.columns, scan.filter.as_ref(), &scan.order, Window::default()).residual
}

impl Session {
    /// The rows of a frame. Those that the database could not check or cut are looked at, out of the budget.
    pub(super) async fn scan_native(&self, table: &Arc<Table>, scan: &NativeScan, frame: Frame) -> Result<Scanned> {
        let (scan, described, store) = (scan.clone(), table.clone(), self.store().clone());
        let rows_most = self.budget().rows_left(self.budget().whole());
        let job = move || {
            let mut scanning =
                Scanning { store: &store, table: &described, rows_most, looked_at: 0, filtering: Duration::ZERO };
            let scanned = scanning.run(&scan, &frame);
            (scanning.looked_at, scanning.filtering, scanned)
        };
        let (looked_at, filtering, scanned) = self.work(job).await?;
        self.budget().look_at(looked_at);
        self.trace().add(Step::Residual, filtering);
        match scanned {
            Err(Stopped::Budget) => Err(self.budget().exceeded(table, Vec::new())),
            Err(Stopped::Failed(error)) => Err(error),
            Ok(scanned) => Ok(scanned),
        }
    }
}

struct Scanning<'a> {
    store: &'a Store,
    table: &'a Table,
    /// Rows that may be looked at.
    rows_most: u64,
    looked_at: usize,
    filtering: Duration,
}

enum Stopped {
    Budget,
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Scanning<'_> {
    fn run(&mut self, scan: &NativeScan, frame: &Frame) -> Result<Scanned, Stopped> {
        let select = |window| Select::new(self.table, &scan.columns, scan.filter.as_ref(), &scan.order, window);
        let one_more = (frame.size as u64).saturating_add(1);
        let asked = select(Window { skip: frame.skip, top: Some(one_more) });
        if asked.window.is_some() {
            let rows = self.store.select(&asked)?.rows;
            let more = rows.len() > frame.size;
            let kept: Vec<usize> = (0..rows.len().min(frame.size)).collect();
            let count = if scan.count { Some(self.store.count(&select(Window::default()))?) } else { None };
            let rows = if more { rows.pick(&kept) } else { rows };
            return Ok(Scanned { rows, more, count, looked_at: 0 });
        }
        let kept = self.all(&asked)?;
        let begun = Instant::now();
        let order = match asked.ordered {
            true => (0..kept.len()).collect(),
            false => residual::order(&kept, &scan.order, self.table)?,
        };
        let (rows, more) = page_of(&kept, &order, frame);
        self.filtering += begun.elapsed();
        let count = scan.count.then_some(kept.len() as u64);
        Ok(Scanned { rows, more, count, looked_at: self.looked_at })
    }

    /// Every row that meets what the database could not check.
    fn all(&mut self, select: &Select) -> Result<Rows, Stopped> {
        let residual = select.residual.as_ref().map(|filter| Residual::new(filter, self.table)).transpose()?;
        let mut kept = Rows::new(select.columns.clone());
        let mut exceeded = false;
        self.store.scan(select, CHUNK, |chunk| {
            self.looked_at += chunk.rows.len();
            let begun = Instant::now();
            for row in 0..chunk.rows.len() {
                if residual.as_ref().map_or(Ok(true), |residual| residual.keeps(&chunk.rows, row))? {
                    kept.push(chunk.rows.row(row));
                }
            }
            self.filtering += begun.elapsed();
            exceeded = self.looked_at as u64 > self.rows_most;
            Ok(if exceeded { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if exceeded { Err(Stopped::Budget) } else { Ok(kept) }
    }
}
