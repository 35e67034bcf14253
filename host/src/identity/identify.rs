//! What somebody shows, to who they are. Every caller with a login is made here.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::identity::jws::Token;
use crate::identity::keys::{Keys, not_accepted};
use crate::identity::passwords::{UserSettings, Users};
use crate::identity::provider::{Provider, ProviderSettings};
use crate::identity::sign_in::SignIn;
use crate::model::caller::{Caller, Role};
use crate::model::error::Result;
use crate::model::limits::Limits;

/// `[auth]` of the configuration, as far as it says who is let in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// API keys are taken.
    pub keys: bool,
    /// People with a password, by name.
    pub users: BTreeMap<String, UserSettings>,
    /// OpenID providers whose tokens are taken, by the names that the audit trail has for them.
    pub providers: BTreeMap<String, ProviderSettings>,
}

impl Settings {
    /// Whether there is any login.
    pub fn asks(&self) -> bool {
        self.keys || !self.users.is_empty() || !self.providers.is_empty()
    }
}

/// All ways to show who one is, those that are configured.
#[derive(Debug, Default)]
pub struct Identity {
    settings: Settings,
    /// Of the data folder, whether they are taken or not.
    pub keys: Arc<Keys>,
    users: Option<Users>,
    providers: Vec<Provider>,
    /// Of those at which people sign in, by name.
    sign_ins: BTreeMap<String, SignIn>,
    token_bytes: usize,
}

/// What a request shows. Never logged, and not kept.
pub enum Shown<'a> {
    /// A header, or an option of the query, that is for keys alone.
    Key(&'a str),
    /// A key or a token.
    Bearer(&'a str),
    Basic {
        name: &'a str,
        password: &'a str,
    },
}

impl Identity {
    /// `Store` where the keys of the data folder cannot be read, `Config` for a hash of a password that is none.
    pub fn new(settings: &Settings, data_dir: &Path, limits: &Limits) -> Result<Self> {
        let users = if settings.users.is_empty() { None } else { Some(Users::new(&settings.users, limits)?) };
        let providers = settings.providers.iter().map(|(name, provider)| Provider::new(name, provider, limits));
        let providers = providers.collect::<Result<_>>()?;
        let sign_ins = settings.providers.iter().filter_map(|(name, provider)| {
            let (sign_in, certificates) = (provider.sign_in.as_ref()?, provider.ca_file.as_deref());
            let sign_in = SignIn::new(&provider.issuer, sign_in, certificates, limits);
            Some(sign_in.map(|sign_in| (name.clone(), sign_in)))
        });
        let sign_ins = sign_ins.collect::<Result<_>>()?;
        let (settings, keys, token_bytes) = (settings.clone(), Arc::new(Keys::open(data_dir)?), limits.token_bytes);
        Ok(Self { settings, keys, users, providers, sign_ins, token_bytes })
    }

    /// Whether there is any login.
    pub fn asks(&self) -> bool {
        self.settings.asks()
    }

    /// Whether passwords are taken.
    pub fn takes_passwords(&self) -> bool {
        self.users.is_some()
    }

    /// What is configured.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The providers at which people sign in on the pages, by name.
    pub fn sign_ins(&self) -> impl Iterator<Item = (&str, &SignIn)> {
        self.sign_ins.iter().map(|(name, sign_in)| (name.as_str(), sign_in))
    }

    /// One of them.
    pub fn sign_in(&self, name: &str) -> Option<&SignIn> {
        self.sign_ins.get(name)
    }

    /// Who it is; `Unauthorized` in the same words whatever is wrong with a key or a password, with
    /// the reason for a token that a provider may have given.
    pub async fn of(&self, shown: &Shown<'_>) -> Result<Caller> {
        let secret = match shown {
            Shown::Key(secret) => secret,
            Shown::Bearer(text) => match self.token(text) {
                Some((provider, token)) => return provider.caller(token, Timestamp::now()).await,
                None => text,
            },
            Shown::Basic { name, password } => {
                let Some(users) = &self.users else { return Err(not_accepted()) };
                return users.caller(name, password).await;
            }
        };
        let caller = if self.settings.keys { self.keys.caller(secret, Timestamp::now()) } else { None };
        caller.ok_or_else(not_accepted)
    }

    /// A token of one of the providers. What it says of that is not believed yet.
    fn token<'a>(&self, text: &'a str) -> Option<(&Provider, Token<'a>)> {
        if self.providers.is_empty() || text.len() > self.token_bytes {
            return None;
        }
        let token = Token::parse(text)?;
        Some((self.providers.iter().find(|provider| provider.is_issuer(&token))?, token))
    }
}

/// Whether some key that is good lets its owner do everything.
pub fn has_admin(keys: &Keys) -> bool {
    let now = Timestamp::now();
    keys.all().iter().any(|key| key.is_good(now) && key.roles.contains(Role::Admin.name()))
}
