//! Documents of OpenID providers: small, over TLS (or from this machine), in bounded time, and from nowhere else than was
//! asked for: no redirect is followed.

use std::path::Path;
use std::time::Duration;

use reqwest::Url;
use serde::de::DeserializeOwned;

use crate::fhir::transport::install_tls;
use crate::model::error::{Code, Error, Result};

/// Time for one document.
const TIME: Duration = Duration::from_secs(5);

/// One provider's.
#[derive(Clone, Debug)]
pub struct Fetcher {
    http: reqwest::Client,
    most: usize,
}

/// Whether documents may be had from an address: `https`, or a loopback one.
pub fn is_safe(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        is_bare && !host.is_empty() && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
    })
}

impl Fetcher {
    /// `certificates`: a PEM file of authorities beside those of the system. `most`: bytes of a document. `Config`.
    pub fn new(certificates: Option<&Path>, most: usize) -> Result<Self> {
        install_tls();
        let failed = |what: String| Error::new(Code::Config, what).target("auth.oidc");
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIME)
            .user_agent(concat!("turntable/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = certificates {
            let pem = std::fs::read(path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
            let all = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|_| failed(format!("{} holds no PEM certificates", path.display())))?;
            builder = builder.tls_certs_merge(all);
        }
        let http = builder.build().map_err(|error| failed(format!("no HTTP client: {error}")))?;
        Ok(Self { http, most })
    }

    /// What a provider says of itself (OpenID Connect Discovery 1.0, 4), whatever of it is wanted.
    pub async fn discovered<T: DeserializeOwned>(&self, issuer: &str) -> Result<T> {
        self.json(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))).await
    }

    /// `UpstreamDown` for whatever is no such document; what it was instead is for the log.
    pub async fn json<T: DeserializeOwned>(&self, address: &str) -> Result<T> {
        let bytes = self.bytes(address).await?;
        serde_json::from_slice(&bytes).map_err(|error| failed(address, &error.to_string()))
    }

    /// The same, as it came.
    pub async fn bytes(&self, address: &str) -> Result<Vec<u8>> {
        if !is_safe(address) {
            return Err(failed(address, "it is neither https nor on this machine"));
        }
        match self.answered(address, self.http.get(address)).await? {
            (200, bytes) => Ok(bytes),
            (status, _) => Err(failed(address, &format!("status {status}"))),
        }
    }

    /// What is answered to a form, with its status; `basic`: a client and its secret (RFC 6749, 2.3.1).
    pub async fn form(
        &self,
        address: &str,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<(u16, Vec<u8>)> {
        if !is_safe(address) {
            return Err(failed(address, "it is neither https nor on this machine"));
        }
        let request = self.http.post(address).header("content-type", "application/x-www-form-urlencoded");
        let request = match basic {
            Some((client, secret)) => request.basic_auth(encoded(client), Some(encoded(secret))),
            None => request,
        };
        let form: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.answered(address, request.body(form.join("&"))).await
    }

    async fn answered(&self, address: &str, request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>)> {
        let asked = request.header("accept", "application/json").send();
        let mut response = asked.await.map_err(|error| failed(address, &chain(&error)))?;
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| failed(address, &chain(&error)))? {
            if bytes.len() + piece.len() > self.most {
                return Err(failed(address, "it has more bytes than limits.jwks_bytes"));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok((response.status().as_u16(), bytes))
    }
}

/// An address with more in its query; None where it is none.
pub fn with_query(address: &str, parts: &[(&str, &str)]) -> Option<String> {
    let mut url = Url::parse(address).ok()?;
    url.query_pairs_mut().extend_pairs(parts);
    Some(url.into())
}

/// As a form has it.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The address is the configuration's or its provider's, and says nothing of a caller.
fn failed(address: &str, why: &str) -> Error {
    Error::new(Code::UpstreamDown, "the provider of tokens cannot be asked")
        .hint("try again shortly")
        .internal(format!("{address}: {why}"))
}

fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_over_tls_or_from_here() {
        for (address, expected) in [
            ("https://login.example.org/x", true),
            ("http://127.0.0.1:8080/x", true),
            ("http://localhost/x", true),
            ("http://[::1]:1/x", true),
            ("http://login.example.org/x", false),
            ("http://localhost.example.org/x", false),
            ("https://u:p@login.example.org/x", false),
            ("https://u@login.example.org/x", false),
            ("file:///etc/passwd", false),
            ("login.example.org", false),
            ("", false),
        ] {
            assert_eq!(is_safe(address), expected, "{address}");
        }
    }
}
