//! What is put into native tables and asked of them. Plain data: nothing here knows of a database.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::aggregate::Grouping;
use crate::model::query::{Beside, Compare, Expr, Filter, Literal, Order};
use crate::model::result::Gone;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::store::control::{Act, Decision};
use crate::turns::Wait;

/// Takes some of the rows of a scan; it breaks where nobody wants more.
pub type Give<'g> = &'g mut (dyn FnMut(Rows) -> ControlFlow<()> + Send);

/// A resource to be put in place of its version `base`, with its rows in every table that shows it.
#[derive(Clone, Debug)]
pub struct NativeWrite {
    pub resource_type: String,
    pub id: String,
    /// None deletes it.
    pub body: Option<Bytes>,
    /// The version it was made from, that of a deleted one too; None = there was never one.
    pub base: Option<u64>,
    /// Greater than `base`.
    pub version: u64,
    /// For each table over its type. A delete names the tables too, each with no rows.
    pub rows: Vec<TableRows>,
    /// A delete takes the values away, whatever this says.
    pub own: OwnChange,
}

/// What a write does to values that no element carries. They are kept beside the resource, and laid on the rows whenever these
/// are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnChange {
    /// Child rows that are called otherwise in the resource now, each with its name there; None = its element is gone, and
    /// its values go.
    pub moved: Vec<(String, Option<String>)>,
    /// Then, of rows by the names that they have now.
    pub set: Vec<OwnValue>,
}

/// A value of a column that no element of the resource carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnValue {
    pub table: String,
    /// The row's key without type and id: empty, or the names of elements (`participant/~2b…`).
    pub row: String,
    pub column: String,
    /// None: null, whatever the mapping says.
    pub value: Option<String>,
}

/// The rows that one table has of one resource.
#[derive(Clone, Debug)]
pub struct TableRows {
    pub table: Arc<Table>,
    /// All columns.
    pub rows: Rows,
    /// Keys that rows have now, each with one that its row had in an older store, which kept in the row alone what no
    /// element carries.
    pub formerly: Vec<(Uuid, Uuid)>,
    /// Its mapping could not make them, for this reason: rows that stand stay, and the table is behind with the resource.
    pub behind: Option<String>,
}

impl TableRows {
    pub fn new(table: Arc<Table>, rows: Rows) -> Self {
        Self { table, rows, formerly: Vec::new(), behind: None }
    }

    /// Rows that could not be made.
    pub fn behind(table: Arc<Table>, why: &str) -> Self {
        Self { behind: Some(why.to_owned()), ..Self::new(table, Rows::default()) }
    }
}

/// A resource as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResource {
    pub resource_type: String,
    pub id: String,
    pub version: u64,
    /// The number of the write that put it there. Numbers only grow, whatever the clock says.
    pub written: u64,
    /// None: it was deleted.
    pub body: Option<Bytes>,
}

/// Rows made anew from a resource that stays as it is.
#[derive(Clone, Debug)]
pub struct MadeAnew {
    pub resource_type: String,
    pub id: String,
    /// The version that they were made from.
    pub version: u64,
    pub rows: Vec<TableRows>,
}

/// How far a set of rows is made: those that one version of a mapping makes for a root table and its children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Of the root table, [`Table::set`].
    pub set: String,
    /// Of the resources written up to this number. None = of all: every write makes these rows too.
    pub up_to: Option<u64>,
}

/// Sets of rows that come into force, with the decision that they do.
#[derive(Debug)]
pub struct Release {
    /// The last rows of these sets; with them they are whole.
    pub made_anew: Vec<MadeAnew>,
    /// The root sets that every write makes from here on, of whatever table. All others are made as far as this.
    pub in_force: Vec<String>,
    /// Tables of others whose sort keys depend on what comes into force.
    pub told: Vec<Arc<Table>>,
    pub decision: (Decision, Act),
}

/// What is wanted of a native table.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeScan {
    pub table: Arc<Table>,
    pub columns: Vec<ColumnIndex>,
    pub filter: Option<Filter>,
    /// What is equal in this order comes by the key's GUID.
    pub order: Vec<Order>,
    pub skip: u64,
    /// None = all.
    pub top: Option<u64>,
    /// Count all rows that meet the filter.
    pub count: bool,
    /// Values of related rows that filter and order use. With them the database must be able to check and order all of it.
    pub beside: Vec<Beside>,
}

impl NativeScan {
    /// One row by its key, all columns.
    pub fn row(table: Arc<Table>, key: Uuid) -> Self {
        let filter = Some(Filter::Compare(Compare::Eq, Expr::Column(table.key), Expr::Literal(Literal::Guid(key))));
        let columns = (0..table.columns.len()).collect();
        Self { table, columns, filter, order: Vec::new(), skip: 0, top: Some(1), count: false, beside: Vec::new() }
    }

    /// Waits behind those who want fewer rows.
    pub(in crate::store) fn wait(&self, limits: &ScanLimits) -> Wait {
        let top = self.top.filter(|_| !self.count).unwrap_or(limits.rows);
        Wait { until: limits.deadline, size: self.skip.saturating_add(top) }
    }
}

/// Groups of the rows of a native table, which the database makes by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeGroups {
    pub table: Arc<Table>,
    /// The database must be able to check all of it.
    pub filter: Option<Filter>,
    /// Values of related rows that filter and step use.
    pub beside: Vec<Beside>,
    /// Its values are columns of the table, or beside it.
    pub step: Grouping,
    /// Groups. `ScanBudgetExceeded`.
    pub most: usize,
    /// `UpstreamTimeout`.
    pub deadline: Instant,
}

/// What a scan may take.
#[derive(Clone, Copy, Debug)]
pub struct ScanLimits {
    /// Rows looked at here, because the database cannot check, order or cut them. `ScanBudgetExceeded`.
    pub rows: u64,
    /// Bytes of cells, after which a read that has a `top` ends and says that there are more rows.
    pub bytes: usize,
    /// `UpstreamTimeout`.
    pub deadline: Instant,
}

/// What a scan found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The columns asked for first, then those that were needed besides.
    pub rows: Rows,
    /// More rows follow after `top`.
    pub more: bool,
    /// If it was asked for.
    pub count: Option<u64>,
    /// Rows that were looked at here, because the database could not check, order or cut them.
    pub looked_at: u64,
    /// Time spent on what the database could not do.
    pub residual: Duration,
}

/// A place in the writes of a store, of which it can be told what has changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The number of the last write before it.
    pub written: u64,
    /// Which run of a program made that write. Copies of a store that are written to go apart.
    pub run: i64,
    /// Which set of rows is meant. One that is dropped and made anew is another.
    pub set: i64,
}

/// What has changed in a native table.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeChanges {
    /// Columns, the key among them, and filter count; the database must know the table of each column in them.
    pub scan: NativeScan,
    /// The set of its root table ([`Table::set`]).
    pub root: String,
    pub since: Position,
    /// Rows that are told at once, and rows that are gone; those of one resource in any case.
    pub most: usize,
}

/// Of some writes: rows that may have changed, as they are now, and those that are not there any more.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeChanged {
    pub rows: Rows,
    pub gone: Vec<(Uuid, Gone)>,
    /// The last of these writes.
    pub position: Position,
    /// There have been others since.
    pub more: bool,
}

/// Who does what of a scan.
#[derive(Clone, Debug, PartialEq)]
pub struct Division {
    /// Conjuncts of the filter that the database checks.
    pub checked: Vec<Filter>,
    /// Those that are checked here, row by row.
    pub left: Vec<Filter>,
    /// The database gives the order. If not, all rows are sorted here.
    pub ordered: bool,
}
