//! Puts a loaded version in force, and goes back to the one before. Native rows are what a version makes of the stored
//! resources, so each version has a set of its own (`store/sqlite/sets.rs`): it is made beside the one that serves, and one
//! transaction has the last of its rows, says that it serves, and has the audit event. Then the one pointer is swapped. Who
//! stops it at any point leaves the version before in force, or this one, and each with all of its rows. No clock has a say.

use std::sync::Arc;

use serde_json::json;

use crate::mapping::component::{Mapping, made_by};
use crate::mapping::shipped::Shipped;
use crate::model::error::{Code, Error, Result};
use crate::model::table::{Route, Table, root_of};
use crate::router::fault::reached;
use crate::router::release::actor::Actor;
use crate::router::release::collisions::{conflicts, staying};
use crate::router::release::gate::roots;
use crate::router::release::load::apart;
use crate::router::snapshot::{Family, ServedTable, Snapshot, Turntable};
use crate::router::write::rows;
use crate::store::control::{Act, Decision};
use crate::store::facade::Alone;
use crate::store::native::{MadeAnew, Release};

/// What becomes of a version on which apps may break that use the one in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaking {
    Refused,
    Allowed,
}

impl Breaking {
    pub fn allowed(is_allowed: bool) -> Self {
        if is_allowed { Self::Allowed } else { Self::Refused }
    }
}

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

/// Resources whose rows are made while nobody else may write.
const FEW: usize = 50;

/// How often what was written meanwhile is made while others write, before all is made that is left.
const PASSES_MOST: usize = 10;

/// With how many resources tables may be behind when their rows were made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behind {
    /// A version that comes into force: with none.
    None,
    /// At a start.
    AtMost(usize),
}

/// Rows of a root table and its children.
pub(super) struct Made {
    pub family: Family,
    /// Of the resources written up to this number.
    pub up_to: u64,
}

impl Turntable {
    /// Puts a loaded version in force for a table and every other table of the same component, by one swap. Begun, it is
    /// done, whether or not anybody still waits. `BreakingChange` where apps may break on it and that is not allowed.
    pub async fn activate(
        self: &Arc<Self>,
        table: &str,
        digest: &str,
        breaking: Breaking,
        actor: Actor,
    ) -> Result<Released> {
        let this = Arc::clone(self);
        let (table, digest) = (table.to_owned(), digest.to_owned());
        // Who waits for it holds no thread.
        let control = self.control.clone().lock_owned().await;
        apart(async move || {
            let _control = control;
            let digest = this.whole_digest(&digest).await?;
            this.activate_now(&table, &digest, breaking, &actor, "mapping.activate").await
        })
        .await
    }

    /// The version before the one in force. Its rows are there, but for what was written since. `from`: the version to
    /// leave; `Conflict` where another is in force, as when somebody else has gone back already.
    pub async fn rollback(self: &Arc<Self>, table: &str, from: Option<&str>, actor: Actor) -> Result<Released> {
        let this = Arc::clone(self);
        let (table, from) = (table.to_owned(), from.map(str::to_owned));
        // Who waits for it holds no thread.
        let control = self.control.clone().lock_owned().await;
        apart(async move || {
            let _control = control;
            if let Some(released) = this.take_back(&table, from.as_deref(), &actor).await? {
                return Ok(released);
            }
            let root = {
                let live = this.snapshot();
                live.root(live.table(&table)?).table.name.clone()
            };
            let in_force = this.store.activations(&root).await?;
            let mut before = in_force.iter().filter(|activation| !activation.rolled_back);
            let active = before.next();
            if let Some(from) = &from {
                let from = this.whole_digest(from).await?;
                if let Some(active) = active.filter(|active| active.digest != from) {
                    let message = format!("table `{root}` has {} in force, and not {from}", active.digest);
                    return Err(Error::new(Code::Conflict, message).target("from"));
                }
            }
            let before = before.next().ok_or_else(|| {
                Error::new(Code::Conflict, format!("table `{root}` has no version before the one in force"))
            })?;
            // The way back is always open.
            this.activate_now(&root, &before.digest, Breaking::Allowed, &actor, "mapping.rollback").await
        })
        .await
    }

    pub(super) async fn activate_now(
        &self,
        table: &str,
        digest: &str,
        breaking: Breaking,
        actor: &Actor,
        action: &'static str,
    ) -> Result<Released> {
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
        self.check_breaking(&live, &mapping, breaking).await?;
        let previous = live.table(&root.name).ok().map(|t| t.mapping.digest.clone());
        let route = live.table(&root.name).map_or(Route::Native, |t| t.route.clone());
        let fresh: Vec<_> = mapping
            .tables
            .iter()
            .map(|table| ServedTable::new(table.versioned(), mapping.clone(), route.clone()))
            .collect();
        let tables: Vec<_> = fresh.iter().map(|t| t.table.name.clone()).collect();
        let withdrawn = live.catalog.withdrawn().iter().filter(|(_, by)| **by != mapping.name);
        let withdrawn = withdrawn.map(|(table, by)| (table.clone(), by.clone())).collect();
        let next = Snapshot::new(staying(&live, &mapping).map(|t| t.again()).chain(fresh), withdrawn);
        let family: Vec<_> = next.tables().filter(|t| tables.contains(&t.table.name)).cloned().collect();
        // A later program may carry another version: the way back is to stay open.
        let before = previous.as_deref().filter(|digest| *digest != mapping.digest);
        if let Some(shipped) = before.and_then(Shipped::by_digest) {
            self.store.keep_component(shipped.digest, shipped.component.to_vec()).await?;
        }
        reached("release.begun");
        // The version before goes on to serve, and every write to make its rows, while those of this one are made beside
        // them.
        let (alone, made_anew) = self.all_rows(&family).await?;
        reached("release.last-rows");
        // Where the types of the table are others now, so are the keys of what points to it.
        let is_kept = |t: &&Arc<ServedTable>| live.table(&t.table.name).is_ok_and(|l| Arc::ptr_eq(&l.table, &t.table));
        let told = next.tables().filter(|t| !tables.contains(&t.table.name) && !is_kept(t));
        let told = told.map(|t| t.table.clone()).collect();
        let mut detail =
            json!({ "digest": mapping.digest, "name": mapping.name, "version": mapping.version, "previous": previous });
        if let Some(candidate) = live.candidates().iter().find(|one| Some(&one.beside.digest) == previous.as_ref()) {
            // It ends with what it was tried beside.
            detail["found"] = serde_json::to_value(candidate.found()).unwrap_or_default();
        }
        let act = Act { actor: actor.0.clone(), action, table: Some(root.name.clone()), detail };
        let this_root = vec![root.name.clone()];
        let decision = match action {
            "mapping.rollback" => Decision::GoBack { tables: this_root },
            _ => {
                // Roots that were deactivated with it come back with it.
                let is_back = |root: &&Arc<Table>| live.catalog.withdrawn().contains_key(&root.name);
                let back = roots(&mapping).skip(1).filter(is_back).map(|root| root.name.clone());
                let tables = this_root.into_iter().chain(back).collect();
                Decision::Activate { tables, digest: mapping.digest.clone() }
            }
        };
        let in_force = next.root_sets();
        let turn = alone.release(Release { made_anew, in_force, told, decision: (decision, act) }).await?;
        reached("release.stored");
        self.publish(next);
        drop(turn);
        reached("release.known");
        let now = self.snapshot();
        if let Ok(before) = live.table(&root.name) {
            self.keep_at_hand(&now, before.mapping.clone());
        }
        drop(live);
        // It is done; sets that nobody needs are dropped at the next one, or the next start, if not now.
        if let Err(error) = self.drop_sets().await {
            tracing::warn!(code = ?error.code(), internal = error.get_internal(), "sets of rows are not dropped");
        }
        Ok(Released { tables, mapping: reference(&mapping), previous })
    }

    pub(super) async fn check_breaking(&self, live: &Snapshot, mapping: &Mapping, breaking: Breaking) -> Result<()> {
        if breaking == Breaking::Allowed {
            return Ok(());
        }
        let difference = self.difference(live, mapping).await?;
        if difference.is_breaking() { Err(difference.refusal(&mapping.name, &mapping.version)) } else { Ok(()) }
    }

    /// Makes the rows of a version that comes into force. The answer is the last of them: they make it whole, for as long as
    /// nobody else writes.
    async fn all_rows(&self, family: &[Arc<ServedTable>]) -> Result<(Alone, Vec<MadeAnew>)> {
        let mut passes = 0;
        'again: loop {
            // Each time less was written meanwhile.
            let made = self.make_rows(family, Behind::None).await?;
            reached("release.rows");
            passes += 1;
            let most = if passes < PASSES_MOST { FEW } else { usize::MAX };
            let alone = self.store.alone().await?;
            reached("release.alone");
            let mut last = Vec::new();
            for Made { family, up_to } in &made {
                match rows::rest(&self.store, family, *up_to, most).await? {
                    Some(rest) => last.extend(rest),
                    None => continue 'again,
                }
            }
            return Ok((alone, last));
        }
    }

    /// Drops the rows of versions that no request reads by, no rollback goes to and no return is likely to.
    pub(super) async fn drop_sets(&self) -> Result<()> {
        let mut kept = self.store.likely().await?;
        kept.extend(self.read_by());
        self.store.drop_other_sets(kept.iter().map(|digest| made_by(digest)).collect()).await
    }

    /// Makes the native rows of tables from the stored resources, as far as they are not made yet by their mappings. The
    /// answer is how far, for each root whose rows not every write makes yet.
    pub(super) async fn make_rows(&self, tables: &[Arc<ServedTable>], behind: Behind) -> Result<Vec<Made>> {
        self.store.follow(tables.iter().map(|t| t.table.clone()).collect()).await?;
        let progress = self.store.progress().await?;
        let mut all = Vec::new();
        let find = |name: &str| tables.iter().map(|t| &t.table).find(|table| table.name == name);
        for root in tables.iter().filter(|t| t.table.parent.is_none()) {
            let of_root = tables.iter().filter(|t| root_of(&t.table, find).name == root.table.name);
            let family = Family { root: root.clone(), tables: of_root.cloned().collect() };
            let made = progress.get(&*root.table.set()).copied();
            match (made, behind) {
                (None, _) => {}
                (Some(Some(_)), Behind::None) => rows::catch_up(&self.store, &family).await?,
                (Some(_), _) => self.try_again(&family).await?,
            }
            if made == Some(None) {
                continue;
            }
            let most = if let Behind::AtMost(most) = behind { most } else { 0 };
            let up_to = rows::remake(&self.store, &family, made.flatten().unwrap_or(0), most).await?;
            self.store.own_is_taken(family.tables.iter().map(|t| t.table.name.clone()).collect()).await?;
            all.push(Made { family, up_to });
        }
        Ok(all)
    }
}

pub(super) fn reference(mapping: &Mapping) -> MappingRef {
    MappingRef { name: mapping.name.clone(), version: mapping.version.clone(), digest: mapping.digest.clone() }
}
