//! Puts a loaded version in force, and goes back to the one before: stored with its audit event, then the one pointer is
//! swapped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::mapping::component::Mapping;
use crate::mapping::shipped::Shipped;
use crate::model::error::{Code, Error, Result};
use crate::model::table::{Route, Table, root_of};
use crate::router::release::actor::Actor;
use crate::router::release::gate::{conflicts, roots};
use crate::router::release::load::apart;
use crate::router::snapshot::{Family, ServedTable, Snapshot, Turntable};
use crate::router::write::rows;
use crate::store::control::{Act, Decision};
use crate::store::native::Progress;

/// What `activate` and `rollback` answer.
pub struct Released {
    pub tables: Vec<String>,
    pub mapping: MappingRef,
    pub previous: Option<String>,
}

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
        apart(async move || this.activate_now(&table, &digest, &actor, "mapping.activate").await).await
    }

    /// The version before the one in force, at once.
    pub async fn rollback(self: &Arc<Self>, table: &str, actor: Actor) -> Result<Released> {
        let _control = self.control.lock().await;
        let this = Arc::clone(self);
        let table = table.to_owned();
        apart(async move || {
            let root = {
                let live = this.snapshot();
                live.root(live.table(&table)?).table.name.clone()
            };
            let in_force = this.store.activations(&root).await?;
            let mut before = in_force.iter().filter(|activation| !activation.rolled_back).skip(1);
            let before = before.next().ok_or_else(|| {
                Error::new(Code::Conflict, format!("table `{root}` has no version before the one in force"))
            })?;
            this.activate_now(&root, &before.digest, &actor, "mapping.rollback").await
        })
        .await
    }

    async fn activate_now(&self, table: &str, digest: &str, actor: &Actor, action: &'static str) -> Result<Released> {
        let live = self.snapshot();
        let mapping = self.mapping(&live, digest).await?;
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
        // Native rows are what a mapping makes of the stored resources, so a new mapping makes them anew. What is written
        // meanwhile is still mapped by the one before, and made anew after the swap.
        let tables: Vec<_> = fresh.iter().map(|t| t.table.name.clone()).collect();
        // A table that the new version no longer has goes with the old one.
        let kept = live
            .tables()
            .filter(|t| !tables.contains(&t.table.name) && previous.as_deref() != Some(t.mapping.digest.as_str()));
        let withdrawn = live.catalog.withdrawn().iter().filter(|(_, by)| **by != mapping.name);
        let withdrawn = withdrawn.map(|(table, by)| (table.clone(), by.clone())).collect();
        let next = Snapshot::new(kept.map(|t| t.again()).chain(fresh), withdrawn);
        let family: Vec<_> = next.tables().filter(|t| tables.contains(&t.table.name)).cloned().collect();
        let made = self.make_rows(&family, 0).await?;
        // Where the types of the table are others now, so are the keys of what points to it.
        let is_kept = |t: &&Arc<ServedTable>| live.table(&t.table.name).is_ok_and(|l| Arc::ptr_eq(&l.table, &t.table));
        let told = next.tables().filter(|t| !tables.contains(&t.table.name) && !is_kept(t));
        self.store.follow(told.map(|t| t.table.clone()).collect()).await?;
        let detail =
            json!({ "digest": mapping.digest, "name": mapping.name, "version": mapping.version, "previous": previous });
        let act = Act { actor: actor.0.clone(), action, table: Some(root.name.clone()), detail };
        let this_root = vec![root.name.clone()];
        // A later program may carry another version: the way back is to stay open.
        let before = previous.as_deref().filter(|digest| *digest != mapping.digest);
        if let Some(shipped) = before.and_then(Shipped::by_digest) {
            self.store.keep_component(shipped.digest, shipped.component.to_vec()).await?;
        }
        if action == "mapping.rollback" {
            self.store.rollback(this_root, act).await?;
        } else {
            // Roots that were deactivated with it come back with it.
            let is_back = |root: &&Arc<Table>| live.catalog.withdrawn().contains_key(&root.name);
            let back = roots(&mapping).skip(1).filter(is_back).map(|root| root.name.clone());
            let tables = this_root.into_iter().chain(back).collect();
            let activate = Decision::Activate { tables, digest: mapping.digest.clone() };
            self.store.decide(vec![(activate, act)]).await?;
        }
        // The rows of a table that goes are kept no longer; should it come back, it is known from where on.
        self.store.keep_only(next.tables().map(|t| t.table.name.clone()).collect()).await?;
        self.publish(next);
        if let Ok(before) = live.table(&root.name) {
            self.keep_at_hand(&self.snapshot(), before.mapping.clone());
        }
        if !made.is_empty() {
            let drained = self.drained(live).await;
            // It is in force already: what it fails on since then it is behind with.
            let complete = self.make_rows(&family, usize::MAX).await?;
            if drained {
                self.store.put_rows(Vec::new(), complete).await?;
            } else {
                // The next start looks at all that was written since.
                tracing::warn!(table = root.name, "a request that began before the activation has not ended");
            }
        }
        Ok(Released { tables, mapping: reference(&mapping), previous })
    }

    /// Waits until no request holds this moment any more, or none should: each has its time. Until then rows are written
    /// that are not made by what is in force. False: one still does.
    async fn drained(&self, live: Arc<Snapshot>) -> bool {
        let last = Instant::now() + Duration::from_millis(self.limits.request_ms);
        while Arc::strong_count(&live) > 1 {
            if Instant::now() >= last {
                return false;
            }
            tokio::time::sleep(DRAIN_CHECK).await;
        }
        true
    }

    /// Makes the native rows of tables from the stored resources, as far as they are not made yet by their mappings, which
    /// may fail on `most_behind` of them (see [`rows::remake`]). The answer is what to note once every write makes them too;
    /// nothing where it is noted.
    pub(super) async fn make_rows(
        &self,
        tables: &[Arc<ServedTable>],
        most_behind: usize,
    ) -> Result<Vec<(String, Progress)>> {
        self.store.follow(tables.iter().map(|t| t.table.clone()).collect()).await?;
        let progress = self.store.progress().await?;
        let mut complete = Vec::new();
        let find = |name: &str| tables.iter().map(|t| &t.table).find(|table| table.name == name);
        for root in tables.iter().filter(|t| t.table.parent.is_none()) {
            let (name, digest) = (&root.table.name, &root.mapping.digest);
            let of_root = tables.iter().filter(|t| root_of(&t.table, find).name == *name);
            let family = Family { root: root.clone(), tables: of_root.cloned().collect() };
            let since = match progress.get(name) {
                // Every write has made them.
                Some(Progress { digest: by, up_to: None }) if by == digest => {
                    self.try_again(&family).await?;
                    continue;
                }
                Some(Progress { digest: by, up_to: Some(up_to) }) if by == digest => *up_to,
                Some(_) => {
                    self.store.drop_foreign_rows(family.tables.iter().map(|t| t.table.clone()).collect()).await?;
                    0
                }
                None => 0,
            };
            if since > 0 {
                self.try_again(&family).await?;
            }
            rows::remake(&self.store, &family, since, most_behind).await?;
            complete.push((name.clone(), Progress { digest: digest.clone(), up_to: None }));
        }
        Ok(complete)
    }
}

pub(super) fn reference(mapping: &Mapping) -> MappingRef {
    MappingRef { name: mapping.name.clone(), version: mapping.version.clone(), digest: mapping.digest.clone() }
}
