//! One HTTP exchange: an address that stays inside the service's own, a deadline, a body of bounded size, and the
//! failures of the network told apart. No redirect is ever followed, so credentials go nowhere else.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use reqwest::{RequestBuilder, StatusCode, Url};

use super::outcome::{Asked, timed_out, with_doubt};
use crate::jobs;
use crate::model::error::{Code, Error, Result};
use crate::model::key;

/// Time for a connection to come about; the exchange as a whole has its own limit.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of a paging link at most.
pub(super) const LINK_BYTES: usize = 32 << 10;
/// What stays readable in a query: unreserved characters and those with a meaning in FHIR search that URLs allow.
const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b',').remove(b'/');

/// The base address of a FHIR service, or of its token endpoint: http(s), without credentials, query or fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |what: &str| Error::new(Code::Config, format!("the address {what}"));
        let example = "write it as `https://fhir.example.org/r4`";
        let mut url = Url::parse(text).map_err(|e| refused(&format!("is no URL: {e}")).hint(example))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(refused("must start with http:// or https:// and a host").hint(example));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("holds a user name or password").hint("put them into `auth`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("has a query or fragment").hint(example));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// On this machine, so that nothing said to it crosses a network.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// On this machine, or at an address that no router passes on (RFC 3927): there a proxy would be somebody else.
    fn is_near(&self) -> bool {
        let is_link_local = |host: &str| host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_link_local());
        self.is_loopback() || self.0.host_str().is_some_and(is_link_local)
    }

    pub(super) fn url(&self) -> Url {
        self.0.clone()
    }

    /// `base/segment/…`. None for a segment that would not stay one: `..` is a legal FHIR id.
    pub(super) fn below(&self, segments: &[&str]) -> Option<Url> {
        let mut url = self.0.clone();
        let mut path = url.path().trim_end_matches('/').to_owned();
        for segment in segments {
            if !key::is_id(&segment.replace(['_', '$'], "-")) || matches!(*segment, "." | "..") {
                return None;
            }
            path.push('/');
            path.push_str(segment);
        }
        url.set_path(&path);
        Some(url)
    }

    /// A link that the service gave, if it leads into the service: same scheme, host and port, path below the base.
    pub(super) fn inside(&self, link: &str) -> Option<Url> {
        if link.len() > LINK_BYTES {
            return None;
        }
        let mut directory = self.0.clone();
        directory.set_path(&format!("{}/", self.0.path().trim_end_matches('/')));
        let mut url = directory.join(link).ok()?;
        let same = url.origin() == self.0.origin() && url.username().is_empty() && url.password().is_none();
        let below = url.path() == self.0.path() || url.path().starts_with(directory.path());
        // A service may decode these before it resolves the path.
        let disguised = ["%2f", "%5c", "%2e"].iter().any(|code| url.path().to_ascii_lowercase().contains(code));
        url.set_fragment(None);
        (same && below && !disguised).then_some(url)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `a=b&c=d`, percent-encoded: for a URL and for a form alike.
pub(super) fn query<'a>(params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in params {
        if !text.is_empty() {
            text.push('&');
        }
        text.extend(utf8_percent_encode(name, QUERY));
        text.push('=');
        text.extend(utf8_percent_encode(value, QUERY));
    }
    text
}

/// An answer, whatever its status.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// It was larger than may be taken, and has no body here.
    pub(super) too_large: Option<Error>,
}

/// No usable answer.
pub(super) struct Failure {
    pub(super) error: Error,
    /// Nothing came back, and asking again may help.
    pub(super) transient: bool,
}

/// Gives the process its TLS. Whoever comes first installs it; the others find it there.
pub fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The pooled connections to one service. `certificates`: a PEM file of authorities beside those of the system.
pub(super) fn connect(source: &str, urls: &[&BaseUrl], certificates: Option<&Path>) -> Result<reqwest::Client> {
    install_tls();
    let failed = |what: &str| Error::new(Code::Config, format!("the source `{source}` cannot be set up: {what}"));
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .user_agent(concat!("turntable/", env!("CARGO_PKG_VERSION")));
    if urls.iter().all(|url| url.is_near()) {
        builder = builder.no_proxy();
    }
    if let Some(path) = certificates {
        let pem = std::fs::read(path).map_err(|e| failed(&format!("{}: {e}", path.display())))?;
        let all = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| failed(&format!("{} holds no PEM certificates", path.display())))?;
        builder = builder.tls_certs_merge(all);
    } else if !urls.iter().any(|url| url.is_tls()) {
        // A machine without any certificates may still use a service without TLS.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|e| failed("TLS does not start").internal(causes(&e)))
}

/// Sends, and reads the answer to its end, before `until` and up to `limit` bytes.
pub(super) async fn exchange(
    asked: &Asked<'_>,
    request: RequestBuilder,
    until: Instant,
    limit: usize,
) -> Result<Reply, Failure> {
    let exchange = async {
        let response = request.send().await.map_err(|e| unanswered(asked, &e))?;
        receive(asked, response, limit).await
    };
    match tokio::time::timeout_at(until.into(), exchange).await {
        Ok(done) => done,
        Err(_) => Err(Failure { error: timed_out(asked), transient: false }),
    }
}

async fn receive(asked: &Asked<'_>, mut response: reqwest::Response, limit: usize) -> Result<Reply, Failure> {
    let (status, headers) = (response.status(), response.headers().clone());
    let too_large = |headers: HeaderMap| {
        let error = asked
            .error(Code::UpstreamInvalid, "sent more than this server takes")
            .hint(format!("the limit is `upstream_bytes` = {limit}; ask for fewer rows"));
        Ok(Reply { status, headers, body: Bytes::new(), too_large: Some(with_doubt(asked, error)) })
    };
    let announced = response.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return too_large(headers);
    }
    let mut body = BytesMut::with_capacity(announced as usize);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return too_large(headers),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(e) => {
                let error = asked.error(Code::UpstreamInvalid, "broke its answer off").internal(causes(&e));
                return Err(Failure { error: with_doubt(asked, error), transient: false });
            }
        }
    }
    let body = body.freeze();
    let body = if headers.contains_key(CONTENT_ENCODING) {
        // Unpacking takes its time, which the threads that answer others do not have.
        let headers = headers.clone();
        let unpacking = jobs::run(move || unpacked(&headers, body, limit));
        unpacking.await.unwrap_or_else(|error| Err(error.to_string()))
    } else {
        unpacked(&headers, body, limit)
    };
    let body = match body {
        Ok(Some(body)) => body,
        Ok(None) => return too_large(headers),
        Err(internal) => {
            let error = asked.error(Code::UpstreamInvalid, "sent a compressed answer that is none").internal(internal);
            return Err(Failure { error: with_doubt(asked, error), transient: false });
        }
    };
    Ok(Reply { status, headers, body, too_large: None })
}

/// The text of a body: compressed though nobody asked for that, or with a byte order mark before it, as some services
/// send it. None: it is larger than the limit. What is packed in another way is left as it is, and is then no text.
fn unpacked(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Option<Bytes>, String> {
    let encoding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let whole = |reader: &mut dyn Read| -> Result<Option<Bytes>, String> {
        let mut text = Vec::new();
        reader.take(limit as u64 + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
        Ok((text.len() <= limit).then(|| text.into()))
    };
    let text = match encoding.trim().to_ascii_lowercase().as_str() {
        _ if body.is_empty() => Some(body),
        "gzip" | "x-gzip" => whole(&mut flate2::read::MultiGzDecoder::new(&*body))?,
        // By the standard in a zlib envelope, which some leave out.
        "deflate" => match whole(&mut flate2::read::ZlibDecoder::new(&*body)) {
            Ok(text) => text,
            Err(_) => whole(&mut flate2::read::DeflateDecoder::new(&*body))?,
        },
        _ => Some(body),
    };
    Ok(text.map(|text| if text.starts_with(BYTE_ORDER_MARK) { text.slice(BYTE_ORDER_MARK.len()..) } else { text }))
}

/// Of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn unanswered(asked: &Asked, cause: &reqwest::Error) -> Failure {
    let internal = causes(cause);
    if cause.is_connect() {
        let error = asked.error(Code::UpstreamDown, "cannot be reached").internal(internal);
        return Failure { error, transient: true };
    }
    if cause.is_timeout() {
        return Failure { error: timed_out(asked).internal(internal), transient: false };
    }
    let error = asked.error(Code::UpstreamDown, "closed the connection without an answer").internal(internal);
    Failure { error: with_doubt(asked, error), transient: true }
}

/// The chain of causes, for the log. The first link names the whole URL, with what was searched for: it stays out.
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_asked_without_a_proxy() {
        for (url, near) in [
            ("http://127.0.0.1:8080/r4", true),
            ("http://localhost/r4", true),
            ("http://169.254.169.254/metadata/identity/oauth2/token", true),
            ("http://169.253.169.254/r4", false),
            ("https://fhir.example.org/r4", false),
        ] {
            assert_eq!(BaseUrl::parse(url).unwrap().is_near(), near, "{url}");
        }
    }

    #[test]
    fn base_addresses() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(BaseUrl::parse(text).ok().map(|u| u.to_string()).as_deref(), expected, "{text}");
        };
        check("https://fhir.example.org/r4", Some("https://fhir.example.org/r4"));
        check("https://fhir.example.org/r4//", Some("https://fhir.example.org/r4"));
        check("HTTP://LOCALHOST:80", Some("http://localhost"));
        check("fhir.example.org", None);
        check("file:///etc/passwd", None);
        check("https://user:secret@fhir.example.org", None);
        check("https://fhir.example.org/r4?x=1", None);
        check("https://fhir.example.org/r4#x", None);
    }

    #[test]
    fn loopback() {
        for (text, expected) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://localhost.example.org", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn an_id_is_one_segment() {
        let base = BaseUrl::parse("http://h/r4").unwrap();
        let check = |segments: &[&str], expected: Option<&str>| {
            assert_eq!(base.below(segments).map(String::from).as_deref(), expected, "{segments:?}");
        };
        check(&["Patient", "a.b-1"], Some("http://h/r4/Patient/a.b-1"));
        check(&["Patient", "_search"], Some("http://h/r4/Patient/_search"));
        check(&["Patient", "..."], Some("http://h/r4/Patient/..."));
        for bad in [".", "..", "", "a/b", "a?b", "%2e%2e", "a b", "ä"] {
            check(&["Patient", bad], None);
        }
    }

    #[test]
    fn links_stay_inside() {
        let base = BaseUrl::parse("https://h:8443/fhir/r4/").unwrap();
        for good in [
            "https://h:8443/fhir/r4?_getpages=1",
            "https://h:8443/fhir/r4/Patient?page=2",
            "https://H:8443/fhir/x/../r4/Patient?page=2",
            "Patient?page=2",
            "?page=2",
        ] {
            assert!(base.inside(good).is_some(), "{good}");
        }
        for bad in [
            "https://h/fhir/r4/Patient",
            "http://h:8443/fhir/r4/Patient",
            "https://evil.example/fhir/r4/Patient",
            "//evil.example/fhir/r4/Patient",
            "\\\\evil.example\\fhir",
            "https://h:8443@evil.example/fhir/r4/",
            "https://u:p@h:8443/fhir/r4/Patient",
            "https://h:8443/fhir/r40/Patient",
            "https://h:8443/fhir/r4/../../admin",
            "https://h:8443/fhir/r4/%2e%2e/%2e%2e/admin",
            "https://h:8443/fhir/r4/..%2f..%2fadmin",
            "https://h:8443/admin",
            "/admin",
            "file:///etc/passwd",
        ] {
            assert!(base.inside(bad).is_none(), "{bad}");
        }
        assert!(base.inside(&format!("?{}", "x".repeat(LINK_BYTES))).is_none());
    }

    #[test]
    fn queries_are_encoded() {
        let text = query([("name:exact", "O'Hara & Søn+1"), ("code", "http://loinc.org|8867-4,x\\,y")]);
        assert_eq!(text, "name:exact=O%27Hara%20%26%20S%C3%B8n%2B1&code=http://loinc.org%7C8867-4,x%5C,y");
    }
}
