//! How a running server comes to its API keys: the first one, which it makes itself, and those that commands make.

use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::terminal::note;
use crate::identity::identify::has_admin;
use crate::identity::keys::{self, Keys, NewKey};
use crate::model::caller::Role;
use crate::model::error::Result;
use crate::router::snapshot::Turntable;

/// How often a server looks whether keys were made or revoked.
const LOOK: Duration = Duration::from_millis(500);

/// Who makes keys by a command, for the audit trail.
pub(super) const BY: &str = "command line";

/// The key that a server makes of itself.
const FIRST: &str = "first-run";

/// Where nobody could administer, a key for whoever starts the server: said once, beside the start-up line.
pub(super) fn first(keys: &Keys, most: usize) -> Result<()> {
    if has_admin(keys) {
        return Ok(());
    }
    // One of before has expired, or was given other roles.
    let taken = keys.all().iter().any(|key| key.name == FIRST);
    let name = if taken { format!("{FIRST}-{}", Timestamp::now().as_second()) } else { FIRST.to_owned() };
    let new = NewKey { name: name.clone(), roles: vec![Role::Admin.name().to_owned()], ..NewKey::default() };
    let (secret, _) = keys::create(keys.folder(), new, "first run", most)?;
    keys.look()?;
    note(format_args!(
        "there is no key of an administrator, so here is one, shown this once; make your own with it, then \
         `turntable key revoke {name}`:\n{secret}"
    ));
    Ok(())
}

/// Follows the file for as long as the server lives.
pub(super) async fn watch(turntable: Weak<Turntable>, keys: Arc<Keys>) {
    let mut trouble = String::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(here) = turntable.upgrade() else { return };
        match here.look_at_keys(&keys, BY).await {
            Ok(()) => trouble.clear(),
            // The same again and again fills no log.
            Err(error) if trouble == error.message() => {}
            Err(error) => {
                trouble = error.message().to_owned();
                tracing::error!(%error, "API keys are as they were");
            }
        }
    }
}
