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
        let asked = self.http.get(address).header("accept", "application/json").send();
        let mut response = asked.await.map_err(|error| failed(address, &chain(&error)))?;
        if response.status().as_u16() != 200 {
            return Err(failed(address, &format!("status {}", response.status().as_u16())));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| failed(address, &chain(&error)))? {
            if bytes.len() + piece.len() > self.most {
                return Err(failed(address, "it has more bytes than limits.jwks_bytes"));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// The address is the configuration's or its provider's, and says nothing of a caller.
fn failed(address: &str, why: &str) -> Error {
    Error::new(Code::UpstreamDown, "the provider of tokens cannot be asked for its keys")
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
