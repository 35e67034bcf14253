//! Puts a loaded version in force, and goes back to the one before: stored with its audit event, then the one pointer is
//! swapped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use crate::mapping::component::Mapping;
use crate::mapping::shipped::Shipped;
use crate::model::error::{Code, Error, Result};
use crate::model::table::Route;
use crate::router::release::actor::Actor;
use crate::router::release::gate::{conflicts, roots};
use crate::router::release::load::gone;
use crate::router::snapshot::{ServedTable, Snapshot, Turntable};
use crate::router::write::rows;
use crate::store::control::Act;

/// What `activate` and `rollback` answer.
#[derive(Serialize)]
pub struct Released {
    pub tables: Vec<String>,
    pub mapping: MappingRef,
    pub previous: Option<String>,
}

#[derive(Serialize)]
pub struct MappingRef {
    pub name: String,
    pub version: String,
    pub digest: String,
}

/// How often a swap looks whether the requests that began before it have ended.
const DRAIN_CHECK: Duration = Duration::from_millis(2);

impl Turntable {
    /// Puts a loaded version in force for a table and every other table of the same component, by one swap.
    pub async fn activate(self: &Arc<Self>, table: &str, digest: &str, actor: Actor) -> Result<Released> {
        let _control = self.control.lock().await;
        let this = Arc::clone(self);
        let (table, digest) = (table.to_owned(), digest.to_owned());
        tokio::task::spawn_blocking(move || this.activate_now(&table, &digest, &actor, "mapping.activate"))
            .await
            .map_err(gone)?
    }

    /// The version before the one in force, at once.
    pub async fn rollback(self: &Arc<Self>, table: &str, actor: Actor) -> Result<Released> {
        let _control = self.control.lock().await;
        let this = Arc::clone(self);
        let table = table.to_owned();
        tokio::task::spawn_blocking(move || {
            let root = {
                let live = this.snapshot();
                live.root(live.table(&table)?).table.name.clone()
            };
            let in_force = this.store.activations(&root)?;
            let mut before = in_force.iter().filter(|activation| !activation.rolled_back).skip(1);
            let before = before.next().ok_or_else(|| {
                Error::new(Code::Conflict, format!("table `{root}` has no version before the one in force"))
            })?;
            this.activate_now(&root, &before.digest, &actor, "mapping.rollback")
        })
        .await
        .map_err(gone)?
    }

    fn activate_now(&self, table: &str, digest: &str, actor: &Actor, action: &str) -> Result<Released> {
        let live = self.snapshot();
        let mapping = self.mapping(&live, digest)?;
        let root =
            roots(&mapping).next().ok_or_else(|| Error::new(Code::MappingIllFormed, "a mapping without a table"))?;
        if !mapping.tables.iter().any(|t| t.name == table) {
            let error =
                Error::new(Code::BadRequest, format!("mapping `{}` does not serve the table `{table}`", mapping.name));
            let serves: Vec<_> = mapping.tables.iter().map(|t| t.name.as_str()).collect();
            return Err(error.hint(format!("it serves {}", serves.join(", "))));
        }
        if let Some(conflict) = conflicts(&live, &mapping).into_iter().next() {
            return Err(Error::new(Code::Conflict, conflict));
        }
        let previous = live.table(&root.name).ok().map(|t| t.mapping.digest.clone());
        let route = live.table(&root.name).map_or(Route::Native, |t| t.route.clone());
        let fresh: Vec<_> = mapping
            .tables
            .iter()
            .map(|table| ServedTable { table: table.clone(), mapping: mapping.clone(), route: route.clone() })
            .collect();
        self.store.ensure_tables(fresh.iter().map(|fresh| &*fresh.table))?;
        // Native rows are what a mapping makes of the stored resources, so a new mapping makes them anew. What is written
        // meanwhile is still mapped by the old one, and made anew after the swap.
        let begun = jiff::Timestamp::now();
        let changed = previous.as_deref() != Some(mapping.digest.as_str());
        if changed {
            self.remake_if_new(&mapping, &fresh)?;
        }
        let detail =
            json!({ "digest": mapping.digest, "name": mapping.name, "version": mapping.version, "previous": previous });
        let act = Act { actor: &actor.0, action, table: Some(&root.name), detail };
        // A later program may carry another version: the way back is to stay open.
        if changed && let Some(shipped) = previous.as_deref().and_then(Shipped::by_digest) {
            self.store.keep_component(shipped.digest, shipped.component)?;
        }
        if action == "mapping.rollback" {
            self.store.rollback(&[root.name.as_str()], &act)?;
        } else {
            self.store.activate(&[root.name.as_str()], &mapping.digest, &act)?;
        }
        let tables: Vec<_> = fresh.iter().map(|t| t.table.name.clone()).collect();
        // A table that the new version no longer has goes with the old one.
        let kept = live
            .tables()
            .filter(|t| !tables.contains(&t.table.name) && previous.as_deref() != Some(t.mapping.digest.as_str()));
        let family: Vec<_> = fresh.iter().map(ServedTable::again).collect();
        self.publish(Snapshot::new(kept.map(|t| t.again()).chain(fresh)));
        if changed {
            if let Ok(before) = live.table(&root.name) {
                self.keep_at_hand(&self.snapshot(), before.mapping.clone());
            }
            self.drained(&live);
            rows::remake(&self.store, &family, begun)?;
        }
        Ok(Released { tables, mapping: reference(&mapping), previous })
    }

    /// Waits until no request holds this moment any more, or none may: each has its time.
    fn drained(&self, live: &Arc<Snapshot>) {
        let last = Instant::now() + Duration::from_millis(self.limits.request_ms);
        while Arc::strong_count(live) > 1 && Instant::now() < last {
            std::thread::sleep(DRAIN_CHECK);
        }
    }

    /// Native rows are remembered to be of one mapping; those of another are made anew from the resources.
    pub(super) fn remake_if_new(&self, mapping: &Mapping, family: &[ServedTable]) -> Result<()> {
        for root in roots(mapping) {
            let made_by = format!("rows-made-by:{}", root.name);
            if self.store.setting(&made_by)?.as_deref() == Some(mapping.digest.as_bytes()) {
                continue;
            }
            rows::remake(&self.store, family, jiff::Timestamp::UNIX_EPOCH)?;
            self.store.put_setting(&made_by, mapping.digest.as_bytes())?;
        }
        Ok(())
    }
}

fn reference(mapping: &Mapping) -> MappingRef {
    MappingRef { name: mapping.name.clone(), version: mapping.version.clone(), digest: mapping.digest.clone() }
}
