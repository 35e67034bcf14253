//! All rows of a scan, some at a time, in one moment of the database: what is here of them does not grow with their number.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusqlite::Connection;

use crate::model::error::Result;
use crate::model::rows::Rows;
use crate::plan::evaluate::residual::Residual;
use crate::store::native::{Give, NativeScan, ScanLimits, Scanned};
use crate::store::sql::select::Select;
use crate::store::sqlite::database::{Database, Stop, too_late};
use crate::store::sqlite::scan::{each, here, push, too_many};

/// Rows that are given at once.
const CHUNK_ROWS: usize = 1_000;

/// Bytes of their cells, of which a row may bring more.
const CHUNK_BYTES: usize = 1 << 20;

impl Database {
    /// The rows of a scan, given some at a time until there are no more or nobody takes them. `limits.bytes` and `count`
    /// mean nothing. `held`: rows that may be here at once where the database does not give the order. As [`Database::scan`].
    pub(crate) fn stream(
        &self,
        scan: &NativeScan,
        limits: ScanLimits,
        held: u64,
        abandoned: Arc<AtomicBool>,
        give: Give<'_>,
    ) -> Result<()> {
        self.selected(scan, limits, abandoned, |moment, select, stop| {
            if select.ordered {
                in_order(moment, scan, select, limits, stop, give)?;
            } else {
                let limits = ScanLimits { rows: held.min(limits.rows), bytes: usize::MAX, ..limits };
                let rows = here(moment, scan, select, limits, stop)?.rows;
                for from in (0..rows.len()).step_by(CHUNK_ROWS) {
                    let some: Vec<_> = (from..rows.len().min(from + CHUNK_ROWS)).collect();
                    if give(rows.pick(&some)).is_break() {
                        break;
                    }
                }
            }
            Ok(Scanned::default())
        })?;
        Ok(())
    }
}

/// The database gives the rows in their order; it checks and cuts, or that is done here.
fn in_order(
    moment: &Connection,
    scan: &NativeScan,
    select: &Select,
    limits: ScanLimits,
    stop: &Stop,
    give: Give<'_>,
) -> Result<()> {
    let residual = select.residual.as_ref().map(|filter| Residual::new(filter, &scan.table)).transpose()?;
    let mut left = scan.top.unwrap_or(u64::MAX);
    let mut skip = if select.window.is_some() { 0 } else { scan.skip };
    let mut looked_at = 0_u64;
    let mut chunk = Rows::new(select.columns.clone());
    let mut hand_over = |chunk: &mut Rows| -> Result<ControlFlow<()>> {
        if stop.is_due() {
            return Err(too_late());
        }
        let rows = std::mem::replace(chunk, Rows::new(select.columns.clone()));
        looked_at += rows.len() as u64;
        if looked_at > limits.rows {
            return Err(too_many(&scan.table, limits.rows));
        }
        let mut kept = Vec::with_capacity(rows.len());
        for row in 0..rows.len() {
            if left == 0 || !residual.as_ref().map_or(Ok(true), |residual| residual.keeps(&rows, row))? {
                continue;
            }
            if skip > 0 {
                skip -= 1;
            } else {
                kept.push(row);
                left -= 1;
            }
        }
        let given = match kept.len() {
            0 => ControlFlow::Continue(()),
            all if all == rows.len() => give(rows),
            _ => give(rows.pick(&kept)),
        };
        Ok(if left == 0 { ControlFlow::Break(()) } else { given })
    };
    let mut is_done = scan.top == Some(0);
    if !is_done {
        each(moment, select, |row| {
            push(&mut chunk, row)?;
            if chunk.len() < CHUNK_ROWS && chunk.bytes() < CHUNK_BYTES {
                return Ok(ControlFlow::Continue(()));
            }
            let flow = hand_over(&mut chunk)?;
            is_done = flow.is_break();
            Ok(flow)
        })?;
    }
    if !is_done {
        let _ = hand_over(&mut chunk)?;
    }
    Ok(())
}
