//! Who may come in, before anybody is asked who they are. A web page in the browser of somebody who reaches this server
//! can send requests to it (RFC 9110, 17; WHATWG Fetch), and a name of its own that leads here makes it "ours" in that
//! browser's eyes. So: the name that was called is ours (`Host`), the page is ours (`Origin`, `Sec-Fetch-Site`), and a
//! body has a type that no form of a page can send. What proxies say of a client is believed of known proxies only.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderValue, Method, Request, header};
use axum::response::Response;
use ipnet::IpNet;

use crate::model::error::{Code, Error, Result};

/// What is ours, and who speaks for others. By default loopback names alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doors {
    /// Where clients reach this server from outside; links in answers begin with it.
    pub public_url: Option<PublicUrl>,
    /// More names of this server, in lower case and without a port.
    pub hosts: Vec<String>,
    /// Pages of others that may ask for tables and bundles.
    pub origins: Vec<PublicUrl>,
    /// Whose `X-Forwarded-Host` and `X-Forwarded-Proto` are believed.
    pub proxies: Vec<IpNet>,
}

/// `https://tables.example.org`, maybe with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: String,
    name: Name,
    path: String,
}

/// A host with its port, as `Host` and `Origin` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    /// In lower case; an IPv6 address in brackets.
    host: String,
    port: Option<u16>,
}

/// A request that has come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The server as the client calls it, without a slash at the end.
    pub root: String,
    /// It comes from a page of this server: it says an `Origin` or a site, and is more than a look at an address that
    /// somebody typed.
    pub by_page: bool,
    /// It came in a way that nobody else can read: over TLS, or from this machine.
    pub is_private: bool,
    /// The page of another address that sent it, and may read the answer.
    pub allowed: Option<HeaderValue>,
}

/// The address that a connection comes from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The connection that a request came on speaks TLS here.
#[derive(Clone, Copy, Debug)]
pub struct Encrypted;

/// Documents that say nothing of anybody: a page elsewhere may link to them.
const PUBLIC: [&str; 8] = [
    "/",
    "/healthz",
    "/api/data/v9.2",
    "/api/data/v9.2/",
    "/api/data/v9.2/$metadata",
    "/api/data/v9.2/%24metadata",
    "/admin/v1/openapi.json",
    "/fhir/metadata",
];

/// Pages are such documents, and so is where a provider sends back who has signed in.
fn is_public(path: &str) -> bool {
    let is_page = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    PUBLIC.contains(&path) || ["/app", "/console", "/auth/callback"].into_iter().any(is_page)
}

const SEC_FETCH_SITE: &str = "sec-fetch-site";

impl Doors {
    /// Lets a request in, or says why not: `BadRequest` without exactly one `Host`, `UnknownHost`, `CrossSite`,
    /// `UnsupportedMediaType`.
    pub fn enter<B>(&self, request: &Request<B>) -> Result<Entered> {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip().to_canonical());
        let headers = request.headers();
        let called = called(headers, request.uri())?;
        let proxied = peer.is_some_and(|peer| self.proxies.iter().any(|net| net.contains(&peer)));
        let forwarded = |name| if proxied { last(headers, name) } else { None };
        let name = match forwarded("x-forwarded-host") {
            Some(said) => Name::parse(said).ok_or_else(|| bad_host("`X-Forwarded-Host` is no name of a host"))?,
            None => called,
        };
        if !self.is_ours(&name) {
            return Err(Error::new(Code::UnknownHost, "this server is not known by the name it was called")
                .target("Host")
                .hint("call it as localhost, or set auth.public_url or auth.hosts to the name"));
        }
        let allowed = self.allowed(request.uri().path(), headers);
        let by_page = allowed.is_some() || self.is_page(request.method(), request.uri(), headers, &name)?;
        check_type(request.method(), request.uri().path(), headers)?;
        let encrypted = request.extensions().get::<Encrypted>().is_some();
        let scheme = match forwarded("x-forwarded-proto") {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            None if encrypted => "https",
            _ => "http",
        };
        // Nobody on the way can read it: it is on no network, or encrypted.
        let is_private = scheme == "https" || (!proxied && peer.is_some_and(|peer| peer.is_loopback()));
        let root = self.public_url.as_ref().map_or_else(|| format!("{scheme}://{name}"), ToString::to_string);
        Ok(Entered { root, by_page, is_private, allowed })
    }

    fn is_ours(&self, name: &Name) -> bool {
        // Any port: it may be forwarded, and a page cannot have a loopback name for its own.
        name.is_loopback()
            || self.public_url.as_ref().is_some_and(|url| url.name.host == name.host)
            || self.hosts.contains(&name.host)
    }

    /// The origin of a page that the configuration lets in, for what is not the administrators'.
    fn allowed(&self, path: &str, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (origin, None) = (origins.next()?, origins.next()) else { return None };
        let said = PublicUrl::parse(origin.to_str().ok()?)?;
        let is_it = |url: &PublicUrl| {
            url.scheme == said.scheme && url.name.with_port(&url.scheme) == said.name.with_port(&said.scheme)
        };
        let is_open = path.starts_with("/api/data/") || path == "/fhir" || path.starts_with("/fhir/");
        (is_open && said.path.is_empty() && self.origins.iter().any(is_it)).then(|| origin.clone())
    }

    /// Whether a page sent it; `CrossSite` where the page is not ours and it asks for more than a public document.
    fn is_page(&self, method: &Method, uri: &Uri, headers: &HeaderMap, name: &Name) -> Result<bool> {
        let looks = matches!(*method, Method::GET | Method::HEAD);
        let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
        let mut sites = headers.get_all(SEC_FETCH_SITE).iter().peekable();
        let typed = looks && origins.peek().is_none() && headers.get_all(SEC_FETCH_SITE).iter().all(|v| v == "none");
        let by_page = !typed && (origins.peek().is_some() || sites.peek().is_some());
        let ours = origins.all(|origin| self.is_our_origin(origin, name))
            && sites.all(|site| site == "same-origin" || site == "none");
        if ours || (looks && is_public(uri.path())) {
            return Ok(by_page);
        }
        Err(Error::new(Code::CrossSite, "a web page of another site sent this request").target("Origin").hint(
            "pages of the addresses in auth.public_url and cors.origins, and programs that are no browsers, may ask",
        ))
    }

    fn is_our_origin(&self, origin: &HeaderValue, called: &Name) -> bool {
        let Some((scheme, name)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
            return false;
        };
        let Some(name) = Name::parse(name) else { return false };
        let public =
            |url: &PublicUrl| url.scheme == scheme && url.name.with_port(&url.scheme) == name.with_port(scheme);
        // A proxy that ends TLS may leave us the name alone, so either scheme is that of the name called.
        let own = matches!(scheme, "http" | "https") && name.with_port(scheme) == called.with_port(scheme);
        own || self.public_url.as_ref().is_some_and(public)
    }
}

/// The one name in `Host`, which an absolute URL repeats (RFC 9112, 3.2).
fn called(headers: &HeaderMap, uri: &Uri) -> Result<Name> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(bad_host("a request has exactly one `Host`"));
    };
    let name = host.to_str().ok().and_then(Name::parse).ok_or_else(|| bad_host("`Host` is no name of a host"))?;
    match uri.authority().map(|authority| Name::parse(authority.as_str())) {
        Some(other) if other.as_ref() != Some(&name) => Err(bad_host("`Host` is another than that of the URL")),
        _ => Ok(name),
    }
}

fn bad_host(message: &str) -> Error {
    Error::new(Code::BadRequest, message).target("Host")
}

/// What the nearest proxy has added: the last of a list.
fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let said = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    said.rsplit(',').next().map(str::trim).filter(|said| !said.is_empty())
}

/// What a body may be called, by the path that takes it. None of it is what a form of a page can send, where it changes anything.
fn types(path: &str) -> &'static [&'static str] {
    const JSON: &str = "application/json";
    if path.starts_with("/api/data/") {
        let ends = |name: &str| path.rsplit('/').next().is_some_and(|last| last.replace("%24", "$") == name);
        return match () {
            () if ends("$batch") => &[JSON, "multipart/mixed"],
            // A form can send that, too, to no end: a query changes nothing, and no form sends PUT.
            () if ends("$query") || ends("$value") => &["text/plain"],
            () => &[JSON],
        };
    }
    match path {
        path if path == "/fhir" || path.starts_with("/fhir/") => &[
            "application/fhir+json",
            JSON,
            "application/json+fhir",
            "application/fhir+ndjson",
            "application/ndjson",
            "application/x-ndjson",
            // A file of which nobody knows more; no form can say so.
            "application/octet-stream",
        ],
        "/admin/v1/mappings" => &["application/wasm", "application/yaml"],
        _ => &[JSON],
    }
}

/// A body is of a type that its endpoint takes, in UTF-8; only what has no body needs none.
fn check_type(method: &Method, path: &str, headers: &HeaderMap) -> Result<()> {
    if !matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        return Ok(());
    }
    let taken = types(path);
    let refused = |message: String| {
        let error = Error::new(Code::UnsupportedMediaType, message).target("Content-Type");
        Err(error.hint(format!("send {}", taken.join(" or "))))
    };
    let mut said = headers.get_all(header::CONTENT_TYPE).iter();
    let said = match (said.next(), said.next()) {
        (None, _) if has_no_body(headers) => return Ok(()),
        (None, _) => return refused("the body has no `Content-Type`".to_owned()),
        (Some(_), Some(_)) => return refused("there are two `Content-Type`s".to_owned()),
        (Some(said), None) => said.to_str().unwrap_or_default(),
    };
    let (essence, parameters) = said.split_once(';').unwrap_or((said, ""));
    let essence = essence.trim().to_ascii_lowercase();
    if !taken.contains(&essence.as_str()) {
        return refused(match essence.ends_with("xml") {
            true => "XML is not taken here".to_owned(),
            false => "the body is not of a `Content-Type` that is taken here".to_owned(),
        });
    }
    let charset = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let mut charset = charset.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let utf_8 = |said: &str| {
        let said = said.trim().trim_matches('"').to_ascii_lowercase();
        matches!(said.as_str(), "utf-8" | "utf8" | "us-ascii")
    };
    match charset.all(|(_, said)| utf_8(said)) {
        true => Ok(()),
        false => refused("the `charset` of a body can only be utf-8".to_owned()),
    }
}

/// RFC 9112, 6.3: of a request without either there is no body.
fn has_no_body(headers: &HeaderMap) -> bool {
    let empty = headers.get_all(header::CONTENT_LENGTH).iter().all(|length| length == "0");
    empty && !headers.contains_key(header::TRANSFER_ENCODING)
}

/// What every answer says of itself: it is kept by nobody (unless it says how it may be), is what its type says and
/// nothing else, is for no page of another site, and depends on what is named.
pub fn mark(response: &mut Response) {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding, authorization, origin, prefer, x-api-key"),
    );
}

impl PublicUrl {
    /// Of `http` or `https`, without a query; None for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?.to_owned();
        let name = Name::parse(uri.authority()?.as_str())?;
        let path = uri.path().trim_end_matches('/').to_owned();
        (uri.query().is_none() && !text.contains('#')).then_some(Self { scheme, name, path })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.name, self.path)
    }
}

/// An address in `cors.origins`: without a path; None where it is none.
pub fn origin(text: &str) -> Option<PublicUrl> {
    PublicUrl::parse(text).filter(|url| url.path.is_empty())
}

/// A name in `auth.hosts`: without a port; None where it is none.
pub fn host(text: &str) -> Option<String> {
    Name::parse(text).filter(|name| name.port.is_none()).map(|name| name.host)
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.trim().parse().ok()?;
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let rest = authority.as_str().get(authority.host().len()..).unwrap_or_default();
        // `user@`, and a port that is none.
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port.parse().ok()?),
            None if rest.is_empty() => None,
            None => return None,
        };
        (!host.is_empty() && authority.as_str().starts_with(authority.host())).then_some(Self { host, port })
    }

    /// The port that stands for none is that of the scheme.
    fn with_port(&self, scheme: &str) -> (&str, u16) {
        (&self.host, self.port.unwrap_or(if scheme == "https" { 443 } else { 80 }))
    }

    fn is_loopback(&self) -> bool {
        let plain = self.host.trim_start_matches('[').trim_end_matches(']');
        plain == "localhost" || plain.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests;
