//! API keys, made and revoked: by a call of this server, or by a command beside it. Whoever does it, the audit trail says
//! so, and the keys are known here before that call is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::identity::keys::{self, Key, Keys, NewKey};
use crate::model::error::{Code, Error, Result};
use crate::router::release::actor::Actor;
use crate::router::snapshot::Turntable;
use crate::store::control::{Act, Decision};

/// Where the store keeps which keys the audit trail knows.
const NOTED: &str = "api-keys-noted";

/// Their names, with when they were made.
type Noted = BTreeMap<String, String>;

impl Turntable {
    /// What its owner is to send, and the rest of it. Errors as of [`keys::create`].
    pub async fn create_key(&self, known: &Arc<Keys>, new: NewKey, actor: Actor) -> Result<(String, Key)> {
        let _control = self.keys.lock().await;
        let (keys, most, by) = (known.clone(), self.limits.api_keys, actor.0.clone());
        let made = apart(move || {
            let made = keys::create(keys.folder(), new, &by, most)?;
            keys.look().map(|_| made)
        });
        let made = made.await?;
        self.note_keys(known, &actor.0).await?;
        Ok(made)
    }

    /// Errors as of [`keys::revoke`].
    pub async fn revoke_key(&self, known: &Arc<Keys>, name: String, actor: Actor) -> Result<()> {
        let _control = self.keys.lock().await;
        let keys = known.clone();
        apart(move || keys::revoke(keys.folder(), &name).and_then(|()| keys.look().map(drop))).await?;
        self.note_keys(known, &actor.0).await
    }

    /// Looks at the file again. `by`: who has changed it, if it was changed.
    pub async fn look_at_keys(&self, known: &Arc<Keys>, by: &str) -> Result<()> {
        let mut control = self.keys.lock().await;
        let keys = known.clone();
        let changed = apart(move || keys.look()).await?;
        if changed || !*control {
            self.note_keys(known, by).await?;
            *control = true;
        }
        Ok(())
    }

    /// Tells the audit trail which keys are new, and which are gone.
    async fn note_keys(&self, known: &Keys, by: &str) -> Result<()> {
        let now: BTreeMap<String, Key> = known.all().into_iter().map(|key| (key.name.clone(), key)).collect();
        let noted = self.store.setting(NOTED).await?.unwrap_or_default();
        let noted: Noted = serde_json::from_slice(&noted).unwrap_or_default();
        let act = |actor: &str, action, detail| Act { actor: actor.to_owned(), action, table: None, detail };
        let is_there = |name: &str, created: &str| now.get(name).is_some_and(|key| key.created.to_string() == created);
        let gone = noted.iter().filter(|(name, created)| !is_there(name, created));
        let gone = gone.map(|(name, _)| act(by, "key.revoke", json!({ "name": name })));
        let new = now.values().filter(|key| noted.get(&key.name) != Some(&key.created.to_string())).map(|key| {
            let expires = key.expires.map(|at| at.to_string());
            let detail = json!({ "name": key.name, "roles": key.roles, "expires": expires });
            act(&key.created_by, "key.create", detail)
        });
        let mut acts: Vec<_> = gone.chain(new).map(|act| (Decision::Nothing, act)).collect();
        // With the last of them, so that none is told twice.
        let Some((decision, _)) = acts.last_mut() else { return Ok(()) };
        let noted: Noted = now.values().map(|key| (key.name.clone(), key.created.to_string())).collect();
        *decision =
            Decision::KeepSetting { name: NOTED.to_owned(), value: serde_json::to_vec(&noted).unwrap_or_default() };
        self.store.decide(acts).await
    }
}

/// Files hold their thread.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let failed =
        |error: tokio::task::JoinError| Error::new(Code::Internal, "the request failed").internal(error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}
