//! Signing in on a page at an OpenID provider (OAuth 2.0 with PKCE: RFC 6749, 7636, 9700; resource indicators: RFC 8707). The
//! page keeps the verifier and, at the end, the token; here the provider is found, and asked for the token in the page's
//! name: so no page calls another address, and the provider need not let pages do so. Nothing of it is kept.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::fhir::auth::Secret;
use crate::identity::fetch::{Fetcher, is_safe, with_query};
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;

/// Bytes of whatever a page brings: a code, a verifier, a token.
const PART_BYTES: usize = 8 << 10;

/// `[auth.oidc.NAME.sign_in]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInSettings {
    /// What the provider calls the pages of this server.
    pub client_id: String,
    /// Of a provider that lets in no client without.
    pub client_secret: Option<Secret>,
    pub scope: String,
    /// Whom the token is to be for, where the provider asks for that.
    pub resource: Option<String>,
    /// What people call the provider.
    pub label: String,
}

impl SignInSettings {
    pub const SCOPE: &str = "openid";
}

/// What a page has of the provider.
#[derive(Debug)]
pub enum Grant<'a> {
    /// What the provider has sent it back with, and what it has kept meanwhile.
    Code { code: &'a str, verifier: &'a str },
    /// What takes the place of a token that has expired.
    Refresh { token: &'a str },
}

/// What the provider gives for it.
#[derive(Deserialize)]
pub struct Granted {
    pub access_token: String,
    #[serde(default)]
    pub expires_in: Option<u64>,
    #[serde(default)]
    pub refresh_token: Option<String>,
}

/// Signing in at one provider.
#[derive(Debug)]
pub struct SignIn {
    issuer: String,
    settings: SignInSettings,
    fetcher: Fetcher,
    /// How long what the provider says of itself is taken as it is.
    fresh: Duration,
    found: ArcSwapOption<Found>,
    turns: Semaphore,
}

#[derive(Debug)]
struct Found {
    endpoints: Endpoints,
    at: Instant,
}

/// Of OpenID Connect Discovery 1.0, 3.
#[derive(Debug, Deserialize)]
struct Endpoints {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
}

/// RFC 6749, 5.2.
#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl SignIn {
    /// `certificates`: as of [`Fetcher::new`].
    pub fn new(issuer: &str, settings: &SignInSettings, certificates: Option<&Path>, limits: &Limits) -> Result<Self> {
        Ok(Self {
            issuer: issuer.to_owned(),
            settings: settings.clone(),
            fetcher: Fetcher::new(certificates, limits.jwks_bytes)?,
            fresh: Duration::from_millis(limits.jwks_ms),
            found: ArcSwapOption::empty(),
            turns: Semaphore::new(limits.sign_ins),
        })
    }

    pub fn label(&self) -> &str {
        &self.settings.label
    }

    /// As the provider is to say of itself when it sends somebody back (RFC 9207).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where somebody signs in who is to come back to `callback`; a page adds its state and its challenge.
    pub async fn address(&self, callback: &str) -> Result<String> {
        let found = self.found().await?;
        let mut parts = vec![
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", callback),
            ("scope", &self.settings.scope),
            ("code_challenge_method", "S256"),
        ];
        parts.extend(self.settings.resource.as_deref().map(|resource| ("resource", resource)));
        with_query(&found.endpoints.authorization_endpoint, &parts)
            .ok_or_else(|| no_answer("it has no page to sign in"))
    }

    /// A token for what a page has. `Unauthorized` where the provider does not take that (any more), `UpstreamAuth` where it
    /// does not take the client, `UpstreamDown` where it does not answer, `Busy` where too many sign in at once.
    pub async fn exchange(&self, grant: &Grant<'_>, callback: &str) -> Result<Granted> {
        let parts = match grant {
            Grant::Code { code, verifier } => vec![*code, *verifier],
            Grant::Refresh { token } => vec![*token],
        };
        if parts.iter().any(|part| part.is_empty() || part.len() > PART_BYTES) {
            return Err(Error::new(
                Code::BadRequest,
                "what the provider gave is empty, or longer than any provider makes it",
            )
            .hint("sign in again"));
        }
        let found = self.found().await?;
        let _turn = self.turn()?;
        let SignInSettings { client_id, client_secret, resource, .. } = &self.settings;
        let mut form = vec![("client_id", client_id.as_str())];
        match grant {
            Grant::Code { code, verifier } => form.extend([
                ("grant_type", "authorization_code"),
                ("code", code),
                ("code_verifier", verifier),
                ("redirect_uri", callback),
            ]),
            Grant::Refresh { token } => form.extend([("grant_type", "refresh_token"), ("refresh_token", token)]),
        }
        form.extend(resource.as_deref().map(|resource| ("resource", resource)));
        let secret = client_secret.as_ref().map(Secret::read).transpose()?;
        let basic = secret.as_deref().map(|secret| (client_id.as_str(), secret));
        let (status, bytes) = self.fetcher.form(&found.endpoints.token_endpoint, &form, basic).await?;
        if status == 200 {
            return serde_json::from_slice(&bytes).map_err(|_| no_answer("its answer is no token"));
        }
        let refused: Option<Refused> = serde_json::from_slice(&bytes).ok();
        match refused.as_ref().map(|refused| refused.error.as_str()) {
            Some("invalid_grant") => {
                Err(Error::new(Code::Unauthorized, "the provider does not take this sign-in any more")
                    .hint("sign in again"))
            }
            Some(error @ ("invalid_client" | "unauthorized_client" | "invalid_target" | "invalid_scope")) => {
                Err(Error::new(Code::UpstreamAuth, format!("the provider refuses these pages as a client: {error}"))
                    .hint("an administrator can set [auth.oidc.NAME.sign_in] to what the provider knows"))
            }
            _ => Err(no_answer(&format!("its token endpoint answers {status}"))),
        }
    }

    fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        self.turns
            .try_acquire()
            .map_err(|_| Error::new(Code::Busy, "many sign in at this moment").hint("try again").retry_after(1))
    }

    /// Where the provider takes people and codes, as it says itself.
    async fn found(&self) -> Result<Arc<Found>> {
        if let Some(found) = self.found.load_full().filter(|found| found.at.elapsed() < self.fresh) {
            return Ok(found);
        }
        let _turn = self.turn()?;
        let endpoints: Endpoints = self.fetcher.discovered(&self.issuer).await?;
        if endpoints.issuer != self.issuer {
            return Err(no_answer("it calls itself by another name"));
        }
        if !is_safe(&endpoints.authorization_endpoint) || !is_safe(&endpoints.token_endpoint) {
            return Err(no_answer("its addresses are neither https nor on this machine"));
        }
        let found = Arc::new(Found { endpoints, at: Instant::now() });
        self.found.store(Some(found.clone()));
        Ok(found)
    }
}

/// What is wrong with the provider is for the log.
fn no_answer(why: &str) -> Error {
    Error::new(Code::UpstreamDown, "nobody can sign in at the provider at this moment")
        .hint("try again shortly, or sign in another way")
        .internal(why)
}
