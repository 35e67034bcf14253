//! A scan of a native table: what the plan says, asked of the store under the request's budget and deadline.

use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use crate::model::error::{Code, Error, Result};
use crate::model::query::Filter;
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::plan::tree::NativeScan;
use crate::router::session::{Session, Step};
use crate::store::facade::Store;
use crate::store::native::{self, NativeChanged, NativeChanges, ScanLimits, Scanned};

/// What the database leaves over of a scan's filter. Nothing is asked for it.
pub(super) fn left_over(table: &Arc<Table>, scan: &NativeScan) -> Option<Filter> {
    let left = Store::explain(&asked(table, scan)).left.into_iter();
    left.reduce(|a, b| Filter::And(Box::new(a), Box::new(b)))
}

fn asked(table: &Arc<Table>, scan: &NativeScan) -> native::NativeScan {
    native::NativeScan {
        table: table.clone(),
        columns: scan.columns.clone(),
        filter: scan.filter.clone(),
        order: scan.order.clone(),
        skip: scan.skip,
        top: scan.top,
        count: scan.count,
        beside: scan.beside.clone(),
    }
}

impl Session {
    /// So many rows after those that have been given, and fewer where they come to more than so many bytes. What the database can neither check nor cut is looked at, out of
    /// the budget.
    pub(super) async fn scan_native(
        &self,
        table: &Arc<Table>,
        scan: &NativeScan,
        given: u64,
        size: usize,
        bytes: usize,
    ) -> Result<Scanned> {
        let skip = scan.skip.saturating_add(given);
        let scan = native::NativeScan { skip, top: Some(size as u64), ..asked(table, scan) };
        let rows = self.budget().rows_left(self.budget().whole());
        let limits = ScanLimits { rows, bytes, deadline: self.deadline() };
        let scanned = self.scan_store(scan, limits).await.inspect_err(|error| {
            if error.code() == Code::ScanBudgetExceeded {
                self.budget().look_at(limits.rows);
            }
        })?;
        self.budget().look_at(scanned.looked_at);
        self.trace().add(Step::Residual, scanned.residual);
        Ok(scanned)
    }

    /// All rows of a scan, some at a time, to whoever receives them.
    pub(super) async fn stream_native(
        &self,
        table: &Arc<Table>,
        scan: &NativeScan,
        top: Option<u64>,
        to: Sender<Rows>,
    ) -> Result<()> {
        let limits = self.limits();
        let held = limits.scan_rows;
        let limits = ScanLimits { rows: limits.export_rows, bytes: usize::MAX, deadline: self.deadline() };
        let scan = native::NativeScan { top, count: false, ..asked(table, scan) };
        self.store().stream(scan, limits, held, to).await.map_err(|error| self.met_behind(error))
    }

    /// One way from a request to stored rows, beside those of exports and groups. `MappingFault` where the table is
    /// behind with a resource: then its rows are tried again behind the request.
    pub(in crate::router) async fn scan_store(&self, scan: native::NativeScan, limits: ScanLimits) -> Result<Scanned> {
        self.store().scan(scan, limits).await.map_err(|error| self.met_behind(error))
    }

    /// What has changed in a table.
    pub(super) async fn changes_of_store(&self, asked: NativeChanges, limits: ScanLimits) -> Result<NativeChanged> {
        self.store().changes(asked, limits).await.map_err(|error| self.met_behind(error))
    }

    /// Groups that the database makes, which looks at as many rows as there are.
    pub(super) async fn groups_of_store(&self, groups: native::NativeGroups) -> Result<Rows> {
        self.store().groups(groups).await.map_err(|error| self.met_behind(error))
    }

    /// The error of the store as the request's. It names the table that is behind, which may be one that a condition is
    /// about.
    fn met_behind(&self, error: Error) -> Error {
        match error.get_target().and_then(|name| self.snapshot().table(name).ok()) {
            Some(served) if error.code() == Code::MappingFault => {
                let table = &served.table;
                self.turntable().met_behind.notify_one();
                let mapping = &served.mapping;
                let what = format!(
                    "table `{}` is behind: its mapping {} {} could not make the rows of a resource that is stored, so an \
                     answer might lack them",
                    table.name, mapping.name, mapping.version
                );
                Error::new(Code::MappingFault, what).target(table.entity_set.clone()).hint(
                    "they are tried again in a moment; put a version of the mapping in force that can make them, or \
                     correct the resource through another table",
                )
            }
            _ => error,
        }
    }
}
