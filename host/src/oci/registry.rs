//! A registry, as the OCI distribution specification has it: blobs and manifests by digest, over one repository. Everything
//! is bounded, in bytes and in time for the whole of what is done; what comes is held to its digest; and credentials go to the
//! registry, and to where it says that tokens are, alone: a redirect, or an upload elsewhere, goes without.

use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Method, Request, Url};
use serde::Deserialize;

use crate::fhir::transport::install_tls;
use crate::mapping::inspect::digest;
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::oci::artifact::{self, Artifact};
use crate::oci::credentials::Credentials;
use crate::oci::reference::{Reference, Version, is_digest};

/// Redirects of one request.
const REDIRECTS: usize = 5;
/// Bytes of an answer that is read only to be told of, and of a token's.
const SMALL: usize = 64 << 10;
/// The digest of a manifest, as registries say it.
const DIGEST: &str = "docker-content-digest";

/// One repository of a registry, for one command.
pub struct Registry<'a> {
    at: &'a Reference,
    http: reqwest::Client,
    root: Url,
    credentials: Option<Credentials>,
    /// As it is sent, once the registry has asked for it.
    authorization: Option<String>,
    /// What is done there, as scopes of tokens have it.
    actions: &'static str,
    until: Instant,
    limits: &'a Limits,
}

/// How a registry is reached.
pub struct How {
    /// Without TLS, also where it is not on this machine; no credentials are sent there then.
    pub plain_http: bool,
    pub credentials: Option<Credentials>,
}

/// A component that was in a registry.
pub struct Pulled {
    pub component: Vec<u8>,
    pub signature: Option<String>,
    /// Of the manifest.
    pub digest: String,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What is sent, as often as it has to be.
struct Call<'c> {
    method: Method,
    url: Url,
    headers: &'c [(reqwest::header::HeaderName, &'c str)],
    body: Option<Vec<u8>>,
    /// Bytes of the answer.
    most: usize,
}

impl<'a> Registry<'a> {
    fn new(at: &'a Reference, how: How, actions: &'static str, limits: &'a Limits) -> Result<Self> {
        install_tls();
        let wrong = |_| Error::new(Code::BadValue, format!("`{}` is no registry", at.registry)).target("REF");
        let bare = Url::parse(&format!("https://{}/", at.host())).map_err(wrong)?;
        let is_plain = how.plain_http || is_loopback(&bare);
        let root = if is_plain { Url::parse(&format!("http://{}/", at.host())).map_err(wrong)? } else { bare };
        let credentials = how.credentials.filter(|_| !is_plain || is_loopback(&root));
        let builder = reqwest::Client::builder();
        // What is on this machine is not asked for through a proxy, which would be somebody else.
        let builder = if is_loopback(&root) { builder.no_proxy() } else { builder };
        let http = builder
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .user_agent(concat!("turntable/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Error::new(Code::Internal, format!("no HTTP client: {e}")))?;
        let until = Instant::now() + Duration::from_millis(limits.registry_ms);
        Ok(Self { at, http, root, credentials, authorization: None, actions, until, limits })
    }

    /// Puts a component there; the digest of its manifest.
    pub async fn push(
        at: &'a Reference,
        how: How,
        limits: &'a Limits,
        component: Vec<u8>,
        artifact: Artifact,
    ) -> Result<String> {
        let Version::Tag(tag) = &at.version else {
            return Err(
                Error::new(Code::BadValue, "what is pushed is given a tag; its digest comes of itself").target("REF")
            );
        };
        let mut registry = Self::new(at, how, "pull,push", limits)?;
        registry.put_blob(artifact.config).await?;
        registry.put_blob(component).await?;
        let made = digest(&artifact.manifest);
        let url = registry.url(&format!("manifests/{tag}"))?;
        let headers = [(CONTENT_TYPE, artifact::MANIFEST)];
        let call = Call { method: Method::PUT, url, headers: &headers, body: Some(artifact.manifest), most: SMALL };
        let reply = registry.send(call).await?;
        registry.expect(&reply, 201, "the manifest was not taken")?;
        registry.hold(&reply, &made)?;
        Ok(made)
    }

    /// Gets a component from there.
    pub async fn pull(at: &'a Reference, how: How, limits: &'a Limits) -> Result<Pulled> {
        let mut registry = Self::new(at, how, "pull", limits)?;
        let url = registry.url(&format!("manifests/{}", at.version.text()))?;
        let headers = [(ACCEPT, artifact::MANIFEST)];
        let call = Call { method: Method::GET, url, headers: &headers, body: None, most: limits.manifest_bytes };
        let reply = registry.send(call).await?;
        registry.expect(&reply, 200, "the artifact was not given")?;
        let made = digest(&reply.body);
        registry.hold(&reply, &made)?;
        if let Version::Digest(asked) = &at.version
            && *asked != made
        {
            return Err(registry.invalid("the manifest is not the one of the digest that was asked for"));
        }
        let layer = artifact::layer(&reply.body)?;
        if layer.size > limits.component_bytes as u64 {
            return Err(registry.too_large(limits.component_bytes));
        }
        let url = registry.url(&format!("blobs/{}", layer.digest))?;
        let call = Call { method: Method::GET, url, headers: &[], body: None, most: limits.component_bytes };
        let reply = registry.send(call).await?;
        registry.expect(&reply, 200, "the component was not given")?;
        if digest(&reply.body) != layer.digest {
            return Err(registry.invalid("the component is not the one of its digest"));
        }
        Ok(Pulled { component: reply.body, signature: layer.signature, digest: made })
    }

    async fn put_blob(&mut self, blob: Vec<u8>) -> Result<()> {
        let of = digest(&blob);
        let url = self.url(&format!("blobs/{of}"))?;
        let call = Call { method: Method::HEAD, url, headers: &[], body: None, most: SMALL };
        if self.send(call).await?.status == 200 {
            return Ok(());
        }
        let url = self.url("blobs/uploads/")?;
        let call = Call { method: Method::POST, url: url.clone(), headers: &[], body: Some(Vec::new()), most: SMALL };
        let reply = self.send(call).await?;
        self.expect(&reply, 202, "no upload could be begun")?;
        let place = reply.headers.get(LOCATION).and_then(|place| place.to_str().ok());
        let place = place.and_then(|place| url.join(place).ok());
        let mut place = place.ok_or_else(|| self.invalid("it does not say where to upload to"))?;
        self.is_safe(&place)?;
        place.query_pairs_mut().append_pair("digest", &of);
        let headers = [(CONTENT_TYPE, "application/octet-stream")];
        let call = Call { method: Method::PUT, url: place, headers: &headers, body: Some(blob), most: SMALL };
        let reply = self.send(call).await?;
        self.expect(&reply, 201, "the upload was not taken")
    }

    /// `v2/NAME/…`
    fn url(&self, path: &str) -> Result<Url> {
        let of = format!("v2/{}/{path}", self.at.name);
        self.root.join(&of).map_err(|_| Error::new(Code::BadValue, format!("`{of}` is no path")).target("REF"))
    }

    async fn send(&mut self, call: Call<'_>) -> Result<Reply> {
        let mut url = call.url.clone();
        let mut redirects = 0;
        let mut has_asked = false;
        loop {
            let is_ours = url.origin() == self.root.origin();
            let authorization = self.authorization.as_deref().filter(|_| is_ours);
            let reply = self.once(&call, url.clone(), authorization).await?;
            match reply.status {
                401 if is_ours && !has_asked => {
                    has_asked = true;
                    match self.authorize(&reply.headers).await? {
                        true => {}
                        false => return Ok(reply),
                    }
                }
                301 | 302 | 303 | 307 | 308 if matches!(call.method, Method::GET | Method::HEAD) => {
                    redirects += 1;
                    let next = reply.headers.get(LOCATION).and_then(|next| next.to_str().ok());
                    let next = next.and_then(|next| url.join(next).ok()).filter(|_| redirects <= REDIRECTS);
                    url = next.ok_or_else(|| self.invalid("it sends on to nowhere, or without end"))?;
                    self.is_safe(&url)?;
                }
                _ => return Ok(reply),
            }
        }
    }

    /// One request, and its whole answer.
    async fn once(&self, call: &Call<'_>, url: Url, authorization: Option<&str>) -> Result<Reply> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.too_late());
        }
        let mut request = Request::new(call.method.clone(), url);
        *request.timeout_mut() = Some(left);
        let unfit = || Error::new(Code::BadValue, "a header cannot be sent as it is");
        for (name, value) in call.headers {
            request.headers_mut().insert(name.clone(), value.parse().map_err(|_| unfit())?);
        }
        if let Some(text) = authorization {
            let mut value: reqwest::header::HeaderValue = text.parse().map_err(|_| unfit())?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        if let Some(body) = &call.body {
            request.headers_mut().insert(CONTENT_LENGTH, body.len().into());
            *request.body_mut() = Some(body.clone().into());
        }
        let failed = |e: reqwest::Error| if e.is_timeout() { self.too_late() } else { self.down(&e) };
        let mut response = self.http.execute(request).await.map_err(failed)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > call.most {
                return Err(self.too_large(call.most));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Reply { status, headers, body })
    }

    /// Does what the registry asks for; false: there is nothing that could be shown.
    async fn authorize(&mut self, headers: &HeaderMap) -> Result<bool> {
        let asked: Vec<_> = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).collect();
        if let Some(challenge) = asked.iter().find_map(|asked| strip_scheme(asked, "bearer")) {
            self.authorization = Some(self.token(challenge).await?);
            return Ok(true);
        }
        if asked.iter().any(|asked| strip_scheme(asked, "basic").is_some())
            && let Some(credentials) = &self.credentials
        {
            self.authorization = Some(credentials.basic());
            return Ok(true);
        }
        Ok(false)
    }

    /// A token for this repository, from where the registry says.
    async fn token(&self, challenge: &str) -> Result<String> {
        let said = |name| parameter(challenge, name);
        let realm = said("realm").and_then(|realm| Url::parse(&realm).ok());
        let mut realm = realm.ok_or_else(|| self.invalid("it does not say where its tokens are"))?;
        self.is_safe(&realm)?;
        if let Some(service) = said("service") {
            realm.query_pairs_mut().append_pair("service", &service);
        }
        // What is done here, whatever it would have us ask for.
        let scope = format!("repository:{}:{}", self.at.name, self.actions);
        realm.query_pairs_mut().append_pair("scope", &scope);
        let basic = self.credentials.as_ref().map(Credentials::basic);
        let call = Call { method: Method::GET, url: realm.clone(), headers: &[], body: None, most: SMALL };
        let reply = self.once(&call, realm, basic.as_deref()).await?;
        self.expect(&reply, 200, "no token was given")?;
        let token: Token =
            serde_json::from_slice(&reply.body).map_err(|_| self.invalid("where its tokens are, there is none"))?;
        match token.token.or(token.access_token).filter(|token| token.bytes().all(|b| b.is_ascii_graphic())) {
            Some(token) => Ok(format!("Bearer {token}")),
            None => Err(self.invalid("where its tokens are, there is none")),
        }
    }

    /// Whether bytes may be had from there, or sent there: over TLS, or as the registry itself is reached.
    fn is_safe(&self, url: &Url) -> Result<()> {
        let is_as_safe = url.scheme() == "https" || (url.scheme() == "http" && self.root.scheme() == "http");
        let is_bare = url.username().is_empty() && url.password().is_none();
        if is_as_safe && is_bare { Ok(()) } else { Err(self.invalid("it sends on to where there is no TLS")) }
    }

    /// A manifest is what the registry says that it is.
    fn hold(&self, reply: &Reply, made: &str) -> Result<()> {
        match reply.headers.get(DIGEST).and_then(|said| said.to_str().ok()).filter(|said| is_digest(said)) {
            Some(said) if said != made => Err(self.invalid("the manifest is not the one of its digest")),
            _ => Ok(()),
        }
    }

    fn expect(&self, reply: &Reply, status: u16, what: &str) -> Result<()> {
        if reply.status == status {
            return Ok(());
        }
        let code = match reply.status {
            401 | 403 => Code::UpstreamAuth,
            404 => Code::NotFound,
            429 => Code::UpstreamBusy,
            413 => Code::BodyTooLarge,
            500.. => Code::UpstreamDown,
            _ => Code::UpstreamInvalid,
        };
        let error = Error::new(code, format!("{}: {what} (status {})", self.at, reply.status));
        Err(match (code, &self.credentials) {
            (Code::UpstreamAuth, None) => error.hint(
                "log in (docker login, oras login), or set TURNTABLE_REGISTRY_USER and TURNTABLE_REGISTRY_PASSWORD; without \
                 TLS they are sent to this machine only",
            ),
            (Code::UpstreamAuth, Some(_)) => error.hint("these credentials may not do that there"),
            _ => error,
        })
    }

    fn invalid(&self, what: &str) -> Error {
        Error::new(Code::UpstreamInvalid, format!("{}: {what}", self.at))
    }

    fn too_large(&self, most: usize) -> Error {
        Error::new(Code::BodyTooLarge, format!("{}: more than {most} bytes came", self.at))
            .hint("limits.component_bytes and limits.manifest_bytes say how many may; --config names the file that they are in")
    }

    fn too_late(&self) -> Error {
        let what = format!("{}: not done within {} ms", self.at, self.limits.registry_ms);
        Error::new(Code::UpstreamTimeout, what).hint("limits.registry_ms says how long it may take")
    }

    fn down(&self, error: &reqwest::Error) -> Error {
        let mut text = String::new();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text = format!(": {error}");
            cause = error.source();
        }
        Error::new(Code::UpstreamDown, format!("the registry {} does not answer{text}", self.root))
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What a challenge says after its scheme.
fn strip_scheme<'c>(challenge: &'c str, scheme: &str) -> Option<&'c str> {
    let (said, rest) = challenge.trim().split_once(' ').unwrap_or((challenge.trim(), ""));
    said.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// `name="value"` of a challenge (RFC 7235).
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let mut rest = challenge;
    loop {
        let (said, after) = rest.split_once('=')?;
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if said.trim_matches([',', ' ']).eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read() {
        let challenge =
            r#"realm="https://a.example/token?x=1,2",service="r.example", scope="repository:a:pull,push",error=x"#;
        for (name, expected) in [
            ("realm", Some("https://a.example/token?x=1,2")),
            ("service", Some("r.example")),
            ("scope", Some("repository:a:pull,push")),
            ("error", Some("x")),
            ("other", None),
        ] {
            assert_eq!(parameter(challenge, name).as_deref(), expected, "{name}");
        }
        assert_eq!(parameter(r#"realm="open"#, "realm"), None);
        assert_eq!(strip_scheme("Bearer realm=x", "bearer"), Some("realm=x"));
        assert_eq!(strip_scheme("Basic", "basic"), Some(""));
        assert_eq!(strip_scheme("Bearerish realm=x", "bearer"), None);
    }
}
