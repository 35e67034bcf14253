//! Lists whose changes are told later. Such a list is read in the order of keys, each page from the key on where the one
//! before ended: so no row that stays is passed over, whatever happens meanwhile; and its changes are told from before its
//! first page.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Compare, Expr, Filter, Literal, Query};
use crate::model::result::{Changes, Found};
use crate::model::scopes::Act;
use crate::model::table::{Route, Table};
use crate::plan::tree::{Read, Scan};
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;
use crate::router::token::{Binding, Cursor, Tracked, expired};
use crate::store::native::{NativeChanges, NativeScan, Position, ScanLimits};

impl Session {
    /// Where a tracked list begins.
    pub(super) async fn begin_tracking(&self, table: &Arc<ServedTable>) -> Result<Tracked> {
        self.may_track(table)?;
        let root = self.snapshot().root(table).table.set().into_owned();
        let described = description(&table.table);
        Ok(Tracked { since: self.store().position(root).await?, after: None, described })
    }

    /// A page of a tracked list.
    pub(super) async fn page_of_tracked(
        &self,
        table: &Arc<ServedTable>,
        read: &Read,
        query: &Query,
        tracked: Tracked,
        binding: &Binding,
    ) -> Result<Found> {
        self.may_track(table)?;
        if tracked.described != description(&table.table) {
            return Err(expired("the table is described in another way since"));
        }
        let own = &read.table;
        let after = tracked.after.map(|key| {
            Filter::Compare(Compare::Gt, Expr::Column(own.key), Expr::Literal(Literal::Guid(Uuid::from_bytes(key))))
        });
        let filter = after.into_iter().chain(read.query.filter.clone()).reduce(Filter::both);
        let Scan::Native(scan) = read.scan_for(filter, &read.ids) else {
            return Err(Error::new(Code::Internal, "a tracked list is not read from the store"));
        };
        let scanned = self.scan_native(own, &scan, 0, self.page_size(query, None), self.limits().page_bytes).await?;
        let rows = scanned.rows;
        self.remember(own, &rows);
        let last =
            rows.len().checked_sub(1).and_then(|last| rows.cell(last, own.key)).map(|text| key::of_row(own, text));
        let (next, delta) = match (scanned.more, last) {
            (true, Some(_)) => {
                let cursor = Cursor::Tracked(Tracked { after: last.map(Uuid::into_bytes), ..tracked });
                (self.next_token(Some(cursor), None, binding)?, None)
            }
            _ => (
                None,
                Some(self.turntable().tokens.seal_delta(&tracked.since, &self.binding_of_changes(table, binding))?),
            ),
        };
        Ok(Found { rows: self.veil(own, rows), next, delta, ..Found::default() })
    }

    /// What has changed in a list since a link was given. `binding`: what the link is good for.
    pub async fn changes(
        &self,
        table: &Arc<ServedTable>,
        query: &Query,
        token: &str,
        binding: &str,
    ) -> Result<Changes> {
        let binding = self.binding_of_changes(table, &self.binding(table, binding));
        if self.is_elsewhere(table) {
            return self.changes_elsewhere(table, query, token, &binding).await;
        }
        let since: Position = self.turntable().tokens.open_delta(token, &binding)?;
        self.may_track(table)?;
        let read = self.planned(table, query).await?;
        let Scan::Native(scan) = read.scan_for(read.query.filter.clone(), &read.ids) else {
            return Err(Error::new(Code::Internal, "changes are not read from the store"));
        };
        let most = self.page_size(query, None);
        let scan = NativeScan {
            table: read.table.clone(),
            columns: scan.columns,
            filter: scan.filter,
            order: Vec::new(),
            skip: 0,
            top: None,
            count: false,
            beside: Vec::new(),
        };
        let root = self.snapshot().root(table).table.set().into_owned();
        let rows = self.budget().rows_left(self.budget().whole());
        let limits = ScanLimits { rows, bytes: self.limits().page_bytes, deadline: self.deadline() };
        let changed = self.changes_of_store(NativeChanges { scan, root, since, most }, limits).await?;
        self.remember(&read.table, &changed.rows);
        let token = self.turntable().tokens.seal_delta(&changed.position, &binding)?;
        Ok(Changes { rows: self.veil(&read.table, changed.rows), gone: changed.gone, token, more: changed.more })
    }

    /// Whether the rows of a table are in a FHIR service.
    pub(super) fn is_elsewhere(&self, table: &Arc<ServedTable>) -> bool {
        self.snapshot().root(table).route != Route::Native
    }

    /// `NotSupported` for who sees some rows only.
    pub(super) fn may_track(&self, table: &Arc<ServedTable>) -> Result<()> {
        let set = &table.table.entity_set;
        if self.rule(&table.table, Act::Read).is_none() {
            return Ok(());
        }
        let message = format!("`Prefer: odata.track-changes` of `{set}` is not supported for who sees some rows only");
        let error = Error::new(Code::NotSupported, message).target(set.clone());
        Err(error.hint("what changes there would tell of the others: read the list anew each time"))
    }

    /// A link of changes is good for as long as rows mean the same: of one mapping, on one route, described alike.
    pub(super) fn binding_of_changes(&self, table: &Arc<ServedTable>, binding: &Binding) -> Binding {
        let described = Uuid::from_bytes(description(&table.table));
        Binding {
            query: format!("changes of {}", binding.query),
            generation: format!("{} {described}", self.generation(table)),
        }
    }
}

/// A digest of all that is known of a table: what its lookups' keys and its cells are shown as depends on it.
pub(super) fn description(table: &Table) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(format!("{table:?}")).into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}
