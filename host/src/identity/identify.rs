//! What somebody shows, to who they are. Every caller with a login is made here.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::identity::keys::Keys;
use crate::model::caller::{Caller, Role};
use crate::model::error::{Code, Error, Result};

/// `[auth]` of the configuration, as far as it says who is let in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// API keys are taken.
    pub keys: bool,
}

impl Settings {
    /// Whether there is any login.
    pub fn asks(&self) -> bool {
        self.keys
    }
}

/// All ways to show who one is, those that are configured.
#[derive(Debug, Default)]
pub struct Identity {
    settings: Settings,
    /// Of the data folder, whether they are taken or not.
    pub keys: Arc<Keys>,
}

/// What a request shows. Never logged, and not kept.
pub enum Shown<'a> {
    /// A header, or an option of the query, that is for keys alone.
    Key(&'a str),
    /// A key or a token.
    Bearer(&'a str),
}

impl Identity {
    /// `Store` where the keys of the data folder cannot be read.
    pub fn new(settings: &Settings, data_dir: &Path) -> Result<Self> {
        Ok(Self { settings: settings.clone(), keys: Arc::new(Keys::open(data_dir)?) })
    }

    /// Whether there is any login.
    pub fn asks(&self) -> bool {
        self.settings.asks()
    }

    /// Who it is; `Unauthorized` in the same words whatever is wrong with a key.
    pub fn of(&self, shown: &Shown<'_>) -> Result<Caller> {
        let (Shown::Key(secret) | Shown::Bearer(secret)) = shown;
        let caller = if self.settings.keys { self.keys.caller(secret, Timestamp::now()) } else { None };
        caller.ok_or_else(not_accepted)
    }
}

/// Whether some key that is good lets its owner do everything.
pub fn has_admin(keys: &Keys) -> bool {
    let now = Timestamp::now();
    keys.all().iter().any(|key| key.is_good(now) && key.roles.contains(Role::Admin.name()))
}

/// Of credentials that are none.
pub fn not_accepted() -> Error {
    Error::new(Code::Unauthorized, "the credentials are not accepted").target("Authorization")
}
