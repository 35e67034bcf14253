//! Forgets a version that was loaded: its component goes, and it can no longer be put in force. What is in force, on trial, or what a
//! rollback or a return goes to stays.

use std::sync::Arc;

use serde_json::json;

use crate::mapping::component::names_kept;
use crate::mapping::shipped::Shipped;
use crate::model::error::{Code, Error, Result};
use crate::router::release::activate::MappingRef;
use crate::router::release::actor::Actor;
use crate::router::snapshot::Turntable;
use crate::store::control::{Act, Decision, Mapping};

impl Turntable {
    /// # Errors
    /// `NotFound` where no version of this digest is loaded, `Conflict` where it is of use.
    pub async fn unload(self: &Arc<Self>, digest: &str, actor: Actor) -> Result<MappingRef> {
        let _control = self.control.lock().await;
        let digest = self.whole_digest(digest).await?;
        let kept =
            self.store.mapping(&digest).await?.ok_or_else(|| {
                Error::new(Code::NotFound, "no mapping of this digest has been loaded").target("digest")
            })?;
        if let Some((why, hint)) = self.use_of(&kept).await? {
            let message = format!("the version {} of the mapping `{}` {why}", kept.version, kept.name);
            return Err(Error::new(Code::Conflict, message).target("digest").hint(hint));
        }
        let Mapping { name, version, .. } = kept;
        let detail = json!({ "digest": digest, "name": name, "version": version });
        let act = Act { actor: actor.0, action: "mapping.unload", table: None, detail };
        self.store.decide(vec![(Decision::Forget { digest: digest.clone() }, act)]).await?;
        drop(self.take_retired(&digest));
        Ok(MappingRef { name, version, digest })
    }

    /// What a version is good for, and what to do about that.
    async fn use_of(&self, kept: &Mapping) -> Result<Option<(String, &'static str)>> {
        let digest = &kept.digest;
        if Shipped::by_digest(digest).is_some() {
            return Ok(Some(("ships with this program".to_owned(), "turntable deactivate takes it out of force")));
        }
        let live = self.snapshot();
        if live.tables().any(|table| table.mapping.digest == *digest) {
            return Ok(Some(("is in force".to_owned(), "put another in force, or deactivate it")));
        }
        if live.candidates().iter().any(|candidate| candidate.mapping.digest == *digest) {
            return Ok(Some(("is on trial".to_owned(), "turntable rollback ends a trial")));
        }
        if self.store.withdrawn().await?.values().any(|withdrawn| withdrawn == digest) {
            return Ok(Some(("was in force when it was deactivated".to_owned(), "put another in force first")));
        }
        for table in names_kept(&kept.tables) {
            let history = self.store.activations(table).await?;
            let mut there = history.iter().filter(|activation| !activation.rolled_back);
            if there.nth(1).is_some_and(|before| before.digest == *digest) {
                let why = format!("is what a rollback of `{table}` goes to");
                return Ok(Some((why, "put another in force first")));
            }
        }
        Ok(None)
    }
}
