//! OpenID providers whose tokens are taken (OpenID Connect Discovery 1.0, RFC 9068): where their keys are, and those keys,
//! fetched by one request at a time, kept, and fetched again when a token names one that is not among them. However many
//! tokens name keys that nobody has, a provider is asked so often a minute and no more.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::identity::fetch::Fetcher;
use crate::identity::jws::{Algorithm, PublicKey, Token};
use crate::identity::sign_in::SignInSettings;
use crate::model::caller::{Caller, Kind};
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::model::scopes::Scopes;

/// Keys that are older are not used, even where the provider gives no others.
const STALE: Duration = Duration::from_secs(60 * 60);

/// Keys of a provider that are looked at.
const KEYS: usize = 100;

/// Bytes of the name of a caller.
const NAME_BYTES: usize = 256;

/// How long a request waits for keys that another one fetches.
const WAIT: Duration = Duration::from_secs(10);

/// `[auth.oidc.NAME]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSettings {
    /// To the letter as its tokens have it.
    pub issuer: String,
    /// One of them is in a token that is for this server.
    pub audience: Vec<String>,
    /// A claim, or the way to one (`realm_access.roles`): a text, or a list of texts.
    pub roles_claim: String,
    /// The claim that says who it is, for the audit trail.
    pub name_claim: String,
    pub algorithms: Vec<Algorithm>,
    /// By how much its clock may differ from ours.
    pub skew: Duration,
    /// Where its keys are, if it is not to be asked.
    pub jwks_url: Option<String>,
    /// PEM certificates of an authority of its own.
    pub ca_file: Option<PathBuf>,
    /// People sign in there on the pages.
    pub sign_in: Option<SignInSettings>,
}

impl ProviderSettings {
    pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256];
    pub const ROLES_CLAIM: &str = "roles";
    pub const NAME_CLAIM: &str = "sub";
    pub const SKEW: Duration = Duration::from_secs(60);
    pub const LARGEST_SKEW: Duration = Duration::from_secs(5 * 60);

    /// A provider whose tokens are for these, and as configured otherwise where nothing is said.
    pub fn new(issuer: String, audience: Vec<String>) -> Self {
        Self {
            issuer,
            audience,
            roles_claim: Self::ROLES_CLAIM.to_owned(),
            name_claim: Self::NAME_CLAIM.to_owned(),
            algorithms: Self::ALGORITHMS.to_vec(),
            skew: Self::SKEW,
            jwks_url: None,
            ca_file: None,
            sign_in: None,
        }
    }
}

#[derive(Debug)]
pub struct Provider {
    /// As the configuration has it.
    name: String,
    settings: ProviderSettings,
    fetcher: Fetcher,
    /// How long keys are taken as they are.
    fresh: Duration,
    /// Between two times that it is asked.
    pause: Duration,
    keys: ArcSwapOption<Keys>,
    /// When it was asked last. Held by who asks.
    asked: Mutex<Option<Instant>>,
}

/// Tokens that are remembered as signed by the keys at hand; where there are more, all are looked at anew.
const KNOWN_MOST: usize = 4_096;

#[derive(Debug)]
struct Keys {
    all: Vec<PublicKey>,
    fetched: Instant,
    /// Tokens that they have signed: to find that out costs as much as a small page.
    signed: SyncMutex<HashSet<[u8; 32]>>,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

impl Provider {
    pub fn new(name: &str, settings: &ProviderSettings, limits: &Limits) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            settings: settings.clone(),
            fetcher: Fetcher::new(settings.ca_file.as_deref(), limits.jwks_bytes)?,
            fresh: Duration::from_millis(limits.jwks_ms),
            pause: Duration::from_secs(60) / limits.jwks_fetches.max(1),
            keys: ArcSwapOption::empty(),
            asked: Mutex::default(),
        })
    }

    /// Whether a token says that it is of this provider.
    pub fn is_issuer(&self, token: &Token<'_>) -> bool {
        token.claims.get("iss").and_then(Value::as_str) == Some(&self.settings.issuer)
    }

    /// Who the bearer is. `Unauthorized`, with the reason; `UpstreamDown` where there are no keys to check it with.
    pub async fn caller(&self, token: Token<'_>, now: Timestamp) -> Result<Caller> {
        if !self.settings.algorithms.contains(&token.algorithm) {
            return Err(invalid("it is signed with an algorithm that is not taken here"));
        }
        if !self.is_signed(&token).await? {
            return Err(invalid("it is signed by nobody who is known here"));
        }
        // From here on the provider says it.
        self.check(&token.claims, now)?;
        let name = token.claims.get(&self.settings.name_claim).and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
            return Err(invalid("it does not say whose it is"));
        }
        let roles = roles(&token.claims, &self.settings.roles_claim);
        let caller = Caller::new(Kind::Token, format!("{}:{name}", self.name), roles);
        let caller = scopes(&token.claims).into_iter().fold(caller, Caller::with_scopes);
        Ok(caller.with_claims(token.claims.into_iter().collect()))
    }

    /// Times and audience (RFC 7519, 4.1). A claim of the wrong type is none that holds.
    fn check(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<()> {
        let skew = self.settings.skew.as_secs_f64();
        let now = now.as_second() as f64;
        let moment = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => {
                value.as_f64().filter(|at| at.is_finite()).map(Some).ok_or_else(|| invalid("its times are none"))
            }
        };
        match moment("exp")? {
            None => return Err(invalid("it does not say when it expires")),
            Some(at) if now >= at + skew => return Err(invalid("it has expired")),
            Some(_) => {}
        }
        for name in ["nbf", "iat"] {
            if moment(name)?.is_some_and(|at| now + skew < at) {
                return Err(invalid("it is not good yet"));
            }
        }
        let is_ours =
            |value: &Value| value.as_str().is_some_and(|said| self.settings.audience.iter().any(|own| own == said));
        let is_for_us = match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        };
        if is_for_us { Ok(()) } else { Err(invalid("it is for somebody else")) }
    }

    async fn is_signed(&self, token: &Token<'_>) -> Result<bool> {
        let begun = Instant::now();
        let known = self.keys.load_full().filter(|keys| keys.fetched.elapsed() < self.fresh);
        if let Some(keys) = &known
            && keys.may_have(token)
        {
            return Ok(keys.have(token));
        }
        let fetched = self.fetched_since(begun).await;
        match self.keys.load_full().filter(|keys| keys.fetched.elapsed() < STALE) {
            Some(keys) => Ok(keys.have(token)),
            None => Err(fetched.err().unwrap_or_else(|| {
                Error::new(Code::UpstreamDown, "the provider of tokens gave no keys")
                    .hint("try again shortly")
                    .retry_after(u32::try_from(self.pause.as_secs()).unwrap_or(1).max(1))
            })),
        }
    }

    /// Fetches the keys, unless others have done so in the meantime, or have just tried.
    async fn fetched_since(&self, moment: Instant) -> Result<()> {
        let busy =
            |_| Error::new(Code::UpstreamDown, "the provider of tokens does not answer").hint("try again shortly");
        let mut asked = tokio::time::timeout(WAIT, self.asked.lock()).await.map_err(busy)?;
        if asked.is_some_and(|at| at >= moment || at.elapsed() < self.pause) {
            return Ok(());
        }
        *asked = Some(Instant::now());
        let all = self.fetch().await.inspect_err(|error| {
            // As often as it is asked, and no more.
            tracing::warn!(provider = self.name, %error, internal = error.get_internal(), "no keys to check tokens with");
        })?;
        self.keys.store(Some(Arc::new(Keys { all, fetched: Instant::now(), signed: SyncMutex::default() })));
        Ok(())
    }

    async fn fetch(&self) -> Result<Vec<PublicKey>> {
        let address = match &self.settings.jwks_url {
            Some(address) => address.clone(),
            None => {
                let found: Discovered = self.fetcher.discovered(&self.settings.issuer).await?;
                // Else another provider's keys would be taken for this one's.
                if found.issuer != self.settings.issuer {
                    return Err(Error::new(Code::UpstreamDown, "the provider of tokens calls itself by another name")
                        .internal(format!("{}: issuer {:?}", self.settings.issuer, found.issuer)));
                }
                found.jwks_uri
            }
        };
        let set = self.fetcher.bytes(&address).await?;
        PublicKey::set(&set, KEYS).ok_or_else(|| {
            Error::new(Code::UpstreamDown, "the provider of tokens gave no keys")
                .internal(format!("{address}: no set of keys"))
        })
    }
}

impl Keys {
    /// Whether one of them could have signed it.
    fn may_have(&self, token: &Token<'_>) -> bool {
        self.fitting(token).next().is_some()
    }

    /// Whether one of them has. What a token says, when it is good and for whom, is looked at each time.
    fn have(&self, token: &Token<'_>) -> bool {
        let known = || self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let fingerprint = token.fingerprint();
        if known().contains(&fingerprint) {
            return true;
        }
        if !self.fitting(token).any(|key| token.is_signed_by(key)) {
            return false;
        }
        let mut known = known();
        if known.len() >= KNOWN_MOST {
            known.clear();
        }
        known.insert(fingerprint);
        true
    }

    /// By its name, where the token gives one.
    fn fitting<'a>(&'a self, token: &'a Token<'_>) -> impl Iterator<Item = &'a PublicKey> {
        let named = |key: &&PublicKey| token.key_id.is_none() || key.id == token.key_id;
        self.all.iter().filter(named).filter(|key| key.fits(token.algorithm))
    }
}

/// Of a claim by its name, or else by a way through objects: a name may have dots, too.
fn roles(claims: &Map<String, Value>, way: &str) -> Vec<String> {
    let by_way = || {
        let (first, rest) = way.split_once('.')?;
        rest.split('.').try_fold(claims.get(first)?, |value, step| value.get(step))
    };
    match claims.get(way).or_else(by_way) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// SMART scopes: of `scope`, a text (RFC 9068, 2.2.3), or `scp`, a text or a list.
fn scopes(claims: &Map<String, Value>) -> Option<Scopes> {
    let text = match claims.get("scope").or_else(|| claims.get("scp"))? {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => return None,
    };
    let patient = claims.get("patient").and_then(Value::as_str);
    let patient = patient.map(|patient| patient.strip_prefix("Patient/").unwrap_or(patient).to_owned());
    Scopes::parse(&text, patient)
}

/// The reason is told: it says nothing that the bearer does not have.
fn invalid(why: &str) -> Error {
    Error::new(Code::Unauthorized, format!("the token is not accepted: {why}")).target("Authorization")
}
