//! Rows that could not be made when their resource was stored are tried again: at a start, before another version comes
//! into force, and behind the requests, some time after a read has met their table. A mapping is a pure function, but what
//! stopped it may have been a limit, or a component that could not be read. What is in force does not change meanwhile.

use std::sync::Weak;
use std::time::Duration;

use crate::model::error::Result;
use crate::router::release::load::apart;
use crate::router::snapshot::{Family, Turntable};
use crate::router::write::rows;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(10);

/// Tries again whenever a read has met a table that is behind, for as long as there is a server.
pub async fn watch(turntable: Weak<Turntable>) {
    let Some(met) = turntable.upgrade().map(|here| here.met_behind.clone()) else { return };
    while turntable.strong_count() > 0 {
        if tokio::time::timeout(PAUSE, met.notified()).await.is_err() {
            continue;
        }
        let Some(here) = turntable.upgrade() else { return };
        if let Err(error) = apart(async move || here.try_all_again().await).await {
            tracing::warn!(code = ?error.code(), internal = error.get_internal(), "rows are not tried again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Turntable {
    async fn try_all_again(&self) -> Result<()> {
        let _control = self.control.lock().await;
        let behind = self.store.tables_behind().await?;
        let live = self.snapshot();
        for family in live.families(live.tables().cloned()) {
            if family.tables.iter().any(|served| behind.iter().any(|set| *set == *served.table.set())) {
                self.try_again(&family).await?;
            }
        }
        Ok(())
    }

    /// Where a mapping fails again its tables stay behind. Errors are those of the store.
    pub(super) async fn try_again(&self, family: &Family) -> Result<()> {
        match rows::catch_up(&self.store, family).await {
            Err(error) if rows::is_of_mapping(error.code()) => Ok(()),
            caught_up => caught_up,
        }
    }
}
