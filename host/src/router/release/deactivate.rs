//! Takes a mapping out of force: its tables are served no longer, and nothing else goes. Resources stay where they are,
//! its versions stay loaded, and it stays out of force at the next start, also one that ships with this program.

use std::sync::Arc;

use serde_json::json;

use crate::mapping::shipped::Shipped;
use crate::model::catalog::nearest;
use crate::model::error::{Code, Error, Result};
use crate::router::release::activate::{MappingRef, reference};
use crate::router::release::actor::Actor;
use crate::router::release::gate::roots;
use crate::router::release::load::apart;
use crate::router::snapshot::{Snapshot, Turntable};
use crate::store::control::{Act, Decision};
use crate::store::native::Release;

/// What is out of force.
pub struct Deactivated {
    /// The tables that are served no longer, by their logical names.
    pub tables: Vec<String>,
    /// The version that was in force, which can be activated again.
    pub mapping: MappingRef,
}

impl Turntable {
    /// Takes the mapping of a name out of force, with all of its tables, by one swap.
    ///
    /// # Errors
    /// `NotFound` where no mapping of this name is in force.
    pub async fn deactivate(self: &Arc<Self>, name: &str, actor: Actor) -> Result<Deactivated> {
        let _control = self.control.lock().await;
        let this = Arc::clone(self);
        let name = name.to_owned();
        apart(async move || this.deactivate_now(&name, actor).await).await
    }

    async fn deactivate_now(&self, name: &str, actor: Actor) -> Result<Deactivated> {
        let live = self.snapshot();
        let gone: Vec<_> = live.tables().filter(|table| table.mapping.name == name).cloned().collect();
        let Some(mapping) = gone.first().map(|table| table.mapping.clone()) else {
            let error = Error::new(Code::NotFound, format!("no mapping `{name}` is in force")).target(name);
            let near = nearest(name, live.tables().map(|table| table.mapping.name.as_str()));
            return Err(match near {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        };
        let mut withdrawn = live.catalog.withdrawn().clone();
        let names = gone.iter().flat_map(|table| [&table.table.name, &table.table.entity_set]);
        withdrawn.extend(names.map(|table| (table.clone(), name.to_owned())));
        let kept = live.tables().filter(|table| table.mapping.name != name).map(|table| table.again());
        let next = Snapshot::new(kept, withdrawn);
        // A later program may carry another version: the way back is to stay open.
        if let Some(shipped) = Shipped::by_digest(&mapping.digest) {
            self.store.keep_component(shipped.digest, shipped.component.to_vec()).await?;
        }
        let roots: Vec<_> = roots(&mapping).map(|root| root.name.clone()).collect();
        let detail = json!({ "digest": mapping.digest, "name": mapping.name, "version": mapping.version });
        let act = Act { actor: actor.0, action: "mapping.deactivate", table: roots.first().cloned(), detail };
        // What pointed to these tables has other keys now. The rows of the tables themselves are kept no longer; when they
        // come back, it is known from where on.
        let is_told = |name: &str, now| live.table(name).is_ok_and(|before| !Arc::ptr_eq(&before.table, now));
        let told = next.tables().filter(|table| is_told(&table.table.name, &table.table));
        let told = told.map(|table| table.table.clone()).collect();
        let (made_anew, in_force) = (Vec::new(), next.root_sets());
        let decision = (Decision::Deactivate { tables: roots }, act);
        let turn = self.store.alone().await?.release(Release { made_anew, in_force, told, decision }).await?;
        self.publish(next);
        drop(turn);
        let reference = reference(&mapping);
        self.keep_at_hand(&self.snapshot(), mapping);
        Ok(Deactivated { tables: gone.iter().map(|table| table.table.name.clone()).collect(), mapping: reference })
    }
}
