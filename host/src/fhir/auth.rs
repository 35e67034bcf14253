//! Credentials for a service: where its secrets come from, and the header that each request carries. A token is fetched
//! by one request at a time, kept until shortly before it expires, and renewed once where the service says 401.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::assertion::{self, assertion};
use super::callers::Credential;
use super::outcome::{Asked, Interaction};
use super::transport::{BaseUrl, exchange, query};
use crate::model::caller::Bearer;
use crate::model::error::{Code, Error, Result};

/// Bytes of a token endpoint's answer at most.
const TOKEN_BYTES: usize = 64 << 10;
/// A token is renewed this long before it expires, or at half its life if that is shorter.
const MARGIN: Duration = Duration::from_secs(30);
/// The life of a token whose endpoint does not say.
const UNSTATED_LIFE: Duration = Duration::from_secs(300);
/// What a token is that lets do something (RFC 8693, 3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The version of Azure's endpoint for managed identities.
const MANAGED_IDENTITY: &str = "2018-02-01";
/// No token is kept for longer, whatever its endpoint says.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// A secret by reference. Neither `Debug` nor `Display` shows what it is, only where it comes from.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Origin);

#[derive(Clone, PartialEq, Eq)]
enum Origin {
    Environment { name: String, value: String },
    File(PathBuf),
}

impl Secret {
    /// The value of an environment variable; variables do not change while a process runs.
    pub fn environment(name: &str, value: &str) -> Result<Self> {
        if value.trim().is_empty() {
            return Err(Error::new(Code::Config, format!("the environment variable {name} is empty")));
        }
        Ok(Self(Origin::Environment { name: name.to_owned(), value: value.trim().to_owned() }))
    }

    /// The content of a file, read again whenever a service refuses what it was.
    pub fn file(path: &Path) -> Result<Self> {
        let secret = Self(Origin::File(path.to_owned()));
        secret.read().map(|_| ()).map(|()| secret)
    }

    /// `Config` where a file cannot be read, or is empty.
    pub(crate) fn read(&self) -> Result<Cow<'_, str>> {
        match &self.0 {
            Origin::Environment { value, .. } => Ok(value.into()),
            Origin::File(path) => {
                let failed =
                    |what: &str| Error::new(Code::Config, format!("the secret file {} {what}", path.display()));
                let text = std::fs::read_to_string(path).map_err(|e| failed(&format!("cannot be read: {e}")))?;
                match text.trim() {
                    "" => Err(failed("is empty")),
                    secret => Ok(secret.to_owned().into()),
                }
            }
        }
    }
}

/// As the configuration has it: `{ env = "NAME" }`.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Origin::Environment { name, .. } => write!(f, "{{ env = {name:?} }}"),
            Origin::File(path) => write!(f, "{{ file = {:?} }}", path.display().to_string()),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a service knows us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuthSettings {
    #[default]
    None,
    Basic {
        username: String,
        password: Secret,
    },
    Bearer {
        token: Secret,
    },
    /// A header of the service's own, such as an API key.
    Header {
        name: String,
        value: Secret,
    },
    /// OAuth 2.0 client credentials.
    ClientCredentials {
        token_url: BaseUrl,
        client_id: String,
        client_secret: Secret,
        scope: Option<String>,
        /// The secret goes into the form instead of the `Authorization` header.
        secret_in_form: bool,
    },
    /// OAuth 2.0 client credentials with a signed assertion instead of a secret: SMART backend services.
    PrivateKeyJwt {
        token_url: BaseUrl,
        client_id: String,
        /// PEM.
        key: Secret,
        /// By which the endpoint finds the public key.
        key_id: Option<String>,
        scope: Option<String>,
    },
    /// The token that Azure gives the machine that this runs on.
    ManagedIdentity {
        url: BaseUrl,
        /// Whom the token is for, the service's own URL as a rule.
        resource: String,
        /// Which identity, where the machine has several.
        client_id: Option<String>,
    },
    /// The token of whoever asks, as it came.
    Forward {
        /// Only those of this provider.
        provider: Option<String>,
    },
    /// Another token for that of whoever asks (RFC 8693).
    Exchange {
        token_url: BaseUrl,
        client_id: String,
        client_secret: Secret,
        /// Whom the new one is for, by name and by address.
        audience: Option<String>,
        resource: Option<String>,
        scope: Option<String>,
        /// As of client credentials.
        secret_in_form: bool,
        /// As of what is passed on.
        provider: Option<String>,
    },
}

impl AuthSettings {
    /// Whether a service is asked with the token of whoever asks; with the provider whose tokens alone these are.
    pub fn by_caller(&self) -> Option<Option<&str>> {
        match self {
            Self::Forward { provider } | Self::Exchange { provider, .. } => Some(provider.as_deref()),
            _ => None,
        }
    }

    /// What `kind` is in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic { .. } => "basic",
            Self::Bearer { .. } => "bearer",
            Self::Header { .. } => "header",
            Self::ClientCredentials { .. } => "client-credentials",
            Self::PrivateKeyJwt { .. } => "private-key-jwt",
            Self::ManagedIdentity { .. } => "managed-identity",
            Self::Forward { .. } => "forward",
            Self::Exchange { .. } => "exchange",
        }
    }

    pub(super) fn token_url(&self) -> Option<&BaseUrl> {
        match self {
            Self::ClientCredentials { token_url, .. }
            | Self::PrivateKeyJwt { token_url, .. }
            | Self::Exchange { token_url, .. } => Some(token_url),
            Self::ManagedIdentity { url, .. } => Some(url),
            _ => None,
        }
    }
}

/// Makes the header, and remembers it.
pub(super) struct Authorizer {
    source: String,
    settings: AuthSettings,
    http: reqwest::Client,
    /// Held while a token is fetched, so that one request fetches it and the others wait.
    current: Arc<Mutex<Option<Credential>>>,
}

impl Authorizer {
    pub(super) fn new(source: &str, settings: AuthSettings, http: reqwest::Client) -> Self {
        Self { source: source.to_owned(), settings, http, current: Arc::default() }
    }

    /// The header to send; None without credentials.
    pub(super) async fn header(&self, asked: &Asked<'_>, until: Instant) -> Result<Option<(HeaderName, HeaderValue)>> {
        self.header_other_than(None, asked, until).await
    }

    /// The header to send after `rejected` was answered with 401; None if there is no other.
    pub(super) async fn renewed(
        &self,
        rejected: &HeaderValue,
        asked: &Asked<'_>,
        until: Instant,
    ) -> Result<Option<(HeaderName, HeaderValue)>> {
        let header = self.header_other_than(Some(rejected), asked, until).await?;
        Ok(header.filter(|(_, value)| value != rejected))
    }

    async fn header_other_than(
        &self,
        rejected: Option<&HeaderValue>,
        asked: &Asked<'_>,
        until: Instant,
    ) -> Result<Option<(HeaderName, HeaderValue)>> {
        let (bearer, kept) = match (self.settings.by_caller(), asked.behalf) {
            (None, _) if self.settings == AuthSettings::None => return Ok(None),
            (None, _) => (None, &self.current),
            // What a service can do it tells everybody, and is kept for all.
            (Some(_), _) if asked.interaction == Interaction::Capabilities => return Ok(None),
            (Some(provider), Some(behalf)) if provider.is_none_or(|name| name == behalf.bearer.provider()) => {
                (Some(&behalf.bearer), &behalf.kept.credential)
            }
            (Some(provider), _) => return Err(self.without_token(provider)),
        };
        if let (AuthSettings::Forward { .. }, Some(bearer)) = (&self.settings, bearer) {
            let value = header_value(&self.source, &format!("Bearer {}", bearer.token()))?;
            return Ok(Some((AUTHORIZATION, value)));
        }
        let waited = tokio::time::timeout_at(until.into(), kept.lock()).await;
        let mut current = waited.map_err(|_| {
            asked.error(Code::UpstreamTimeout, "could not be asked in time: another request waits for its token")
        })?;
        let good = |c: &&Credential| {
            c.expires.is_none_or(|at| Instant::now() < at) && rejected.is_none_or(|rejected| c.value != rejected)
        };
        let credential = match current.as_ref().filter(good) {
            Some(credential) => credential.clone(),
            None => self.obtain(bearer, asked, until).await?,
        };
        *current = Some(credential.clone());
        Ok(Some((credential.name, credential.value)))
    }

    pub(super) fn asks_as_callers(&self) -> bool {
        self.settings.by_caller().is_some()
    }

    /// Nobody asks who has such a token: with a key or a password, or by a job of the server's own.
    fn without_token(&self, provider: Option<&str>) -> Error {
        let source = &self.source;
        let whose = provider.map_or_else(|| "an OpenID provider".to_owned(), |name| format!("the provider `{name}`"));
        let what =
            format!("the FHIR service `{source}` is asked with the token of whoever asks, and there is none here");
        Error::new(Code::Forbidden, what).hint(format!("only who comes with a token of {whose} is answered from it"))
    }

    /// Who we are, to a token endpoint: in the form, or as the header that is given.
    fn client<'f>(
        &self,
        form: &mut Vec<(&'f str, &'f str)>,
        (id, secret): (&'f str, &'f str),
        in_form: bool,
    ) -> Result<Option<HeaderValue>> {
        if in_form {
            form.extend([("client_id", id), ("client_secret", secret)]);
            return Ok(None);
        }
        // RFC 6749 section 2.3.1 encodes both before they are joined.
        let (id, secret) = (query([(id, "")]), query([(secret, "")]));
        header_value(&self.source, &basic(id.trim_end_matches('='), secret.trim_end_matches('='))).map(Some)
    }

    async fn obtain(&self, bearer: Option<&Bearer>, asked: &Asked<'_>, until: Instant) -> Result<Credential> {
        let lasting = |name: HeaderName, text: String| {
            Ok(Credential { name, value: header_value(&self.source, &text)?, expires: None })
        };
        match &self.settings {
            AuthSettings::None | AuthSettings::Forward { .. } => unreachable!("header_other_than answers for it"),
            AuthSettings::Exchange {
                token_url,
                client_id,
                client_secret,
                audience,
                resource,
                scope,
                secret_in_form,
                ..
            } => {
                let Some(bearer) = bearer else { return Err(self.without_token(None)) };
                let secret = client_secret.read()?;
                let mut form = vec![
                    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                    ("subject_token", bearer.token()),
                    ("subject_token_type", ACCESS_TOKEN),
                    ("requested_token_type", ACCESS_TOKEN),
                ];
                for (name, value) in [("audience", audience), ("resource", resource), ("scope", scope)] {
                    form.extend(value.as_deref().map(|value| (name, value)));
                }
                let authorization = self.client(&mut form, (client_id, &secret), *secret_in_form)?;
                let request = self.post(token_url, query(form));
                let request =
                    authorization.into_iter().fold(request, |request, value| request.header(AUTHORIZATION, value));
                self.fetch_token(request, asked, until).await
            }
            AuthSettings::Basic { username, password } => lasting(AUTHORIZATION, basic(username, &password.read()?)),
            AuthSettings::Bearer { token } => lasting(AUTHORIZATION, format!("Bearer {}", token.read()?)),
            AuthSettings::Header { name, value } => {
                lasting(header_name(&self.source, name)?, value.read()?.into_owned())
            }
            AuthSettings::ClientCredentials { token_url, client_id, client_secret, scope, secret_in_form } => {
                let secret = client_secret.read()?;
                let mut form = vec![("grant_type", "client_credentials")];
                form.extend(scope.as_deref().map(|scope| ("scope", scope)));
                let authorization = self.client(&mut form, (client_id, &secret), *secret_in_form)?;
                let request = self.post(token_url, query(form));
                let request =
                    authorization.into_iter().fold(request, |request, value| request.header(AUTHORIZATION, value));
                self.fetch_token(request, asked, until).await
            }
            AuthSettings::PrivateKeyJwt { token_url, client_id, key, key_id, scope } => {
                // Read anew each time: a key is renewed by another file under the same name.
                let signed = assertion(client_id, token_url.url().as_str(), key_id.as_deref(), &key.read()?)?;
                let mut form = vec![("grant_type", "client_credentials")];
                form.extend(scope.as_deref().map(|scope| ("scope", scope)));
                form.extend([("client_assertion_type", assertion::KIND), ("client_assertion", &signed)]);
                self.fetch_token(self.post(token_url, query(form)), asked, until).await
            }
            AuthSettings::ManagedIdentity { url, resource, client_id } => {
                let mut options = vec![("api-version", MANAGED_IDENTITY), ("resource", resource)];
                options.extend(client_id.as_deref().map(|id| ("client_id", id)));
                let mut url = url.url();
                url.set_query(Some(&query(options)));
                // The endpoint answers nobody who was led to it by another.
                let request = self.http.request(Method::GET, url).header(ACCEPT, "application/json");
                self.fetch_token(request.header("metadata", "true"), asked, until).await
            }
        }
    }

    fn post(&self, url: &BaseUrl, form: String) -> RequestBuilder {
        self.http
            .request(Method::POST, url.url())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)
    }

    async fn fetch_token(&self, request: RequestBuilder, asked: &Asked<'_>, until: Instant) -> Result<Credential> {
        let asked_at = Instant::now();
        let reply = exchange(asked, request, until, TOKEN_BYTES).await.map_err(|failure| {
            Error::new(failure.error.code(), format!("the token endpoint of `{}` gave no answer", self.source))
                .internal(failure.error.get_internal().unwrap_or_default())
        })?;
        if reply.status.is_server_error() || reply.status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Error::new(Code::UpstreamDown, format!("the token endpoint of `{}` failed", self.source))
                .internal(format!("HTTP status {}", reply.status.as_u16())));
        }
        let refused = |internal: String| {
            Error::new(Code::UpstreamAuth, format!("the token endpoint of `{}` gave no token", self.source))
                .hint("an administrator has to check `auth` of this source")
                .internal(internal)
        };
        if !reply.status.is_success() {
            return Err(refused(format!("HTTP status {}", reply.status.as_u16())));
        }
        let token: Token = serde_json::from_slice(&reply.body).map_err(|_| refused("no token in the answer".into()))?;
        if !token.token_type.eq_ignore_ascii_case("bearer") {
            return Err(refused("the token is of another type than Bearer".into()));
        }
        let life = token.expires_in.and_then(|life| life.duration()).unwrap_or(UNSTATED_LIFE).min(LONGEST_LIFE);
        Ok(Credential {
            name: AUTHORIZATION,
            value: header_value(&self.source, &format!("Bearer {}", token.access_token))?,
            expires: Some(asked_at + life - MARGIN.min(life / 2)),
        })
    }
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    token_type: String,
    expires_in: Option<Seconds>,
}

/// A number by the standard; some endpoints send it as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(serde_json::Number),
    Text(String),
}

impl Seconds {
    fn duration(self) -> Option<Duration> {
        let text = match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        };
        text.split('.').next()?.trim().parse().ok().map(Duration::from_secs)
    }
}

/// A header's name, as the configuration gives it.
pub(super) fn header_name(source: &str, name: &str) -> Result<HeaderName> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::new(Code::Config, format!("`{name}` is no name of a header (source `{source}`)")))
}

fn header_value(source: &str, text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Error::new(Code::Config, format!("the credentials of `{source}` have characters that no header can carry"))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_where_it_is_and_not_what() {
        let secret = Secret::environment("FHIR_SECRET", "hunter2\n").unwrap();
        assert_eq!(secret.read().unwrap(), "hunter2");
        let settings = AuthSettings::Basic { username: "u".into(), password: secret.clone() };
        assert_eq!(secret.to_string(), r#"{ env = "FHIR_SECRET" }"#);
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn empty_and_missing_secrets_are_refused() {
        assert_eq!(Secret::environment("X", " ").unwrap_err().code(), Code::Config);
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Secret::file(file.path()).unwrap_err().message().contains("is empty"));
        assert!(Secret::file(&file.path().join("no")).unwrap_err().message().contains("cannot be read"));
    }
}
