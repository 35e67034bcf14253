//! A small HTTP client: a call is put together, sent, and answered by a status, headers and text to assert on.

use std::io::Read as _;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::admin;

/// A component with a whole language in it takes minutes to compile on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What stands in a query as it is; a space is `%20`, a plus `%2B`.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'$');

/// A part of a URL, percent-encoded.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A path with query options, encoded.
pub(crate) fn with_options(path: &str, options: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = options.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// Shorter than servers keep connections that rest.
const IDLE: Duration = Duration::from_secs(20);

/// Plain HTTP towards this machine; redirects are answers too.
pub(crate) fn client() -> Client {
    // reqwest wants a TLS provider even where no TLS is spoken; another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .pool_idle_timeout(IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("the settings of the client are constant")
}

/// A request before it is sent.
#[must_use = "a call does nothing until it is sent"]
pub struct Call {
    name: String,
    method: Method,
    url: String,
    request: RequestBuilder,
}

impl Call {
    pub(crate) fn new(client: &Client, method: Method, url: &str) -> Self {
        let name = format!("{method} {url}");
        Self { name, method: method.clone(), url: url.to_owned(), request: client.request(method, url) }
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value), ..self }
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn body(self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        Self { request: self.request.header("content-type", content_type).body(body), ..self }
    }

    /// A body that no header describes.
    pub fn plain(self, body: impl Into<reqwest::Body>) -> Self {
        Self { request: self.request.body(body), ..self }
    }

    /// # Panics
    /// If there is no answer.
    pub async fn send(self) -> Answer {
        match self.try_send().await {
            Ok(answer) => answer,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`Call::send`], with the reason why there is no answer.
    pub async fn try_send(self) -> Result<Answer, String> {
        let gone = |error: reqwest::Error| format!("{}: no answer: {error:?}", self.name);
        let response = self.request.send().await.map_err(gone)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(gone)?;
        let text = match headers.get("content-encoding") {
            Some(coding) if coding == "gzip" => unpacked(&body),
            _ => String::from_utf8_lossy(&body).into_owned(),
        };
        if !matches!(status, 204 | 404 | 405 | 503) || !text.is_empty() {
            admin::hold(self.method.as_str(), &self.url, status, &text);
        }
        Ok(Answer { call: self.name, status, headers, text })
    }
}

/// What comes packed to whoever says that he takes it.
fn unpacked(body: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(body).read_to_string(&mut text).expect("what says that it is gzip is");
    text
}

/// An answer, and what it answers.
#[derive(Clone, Debug)]
pub struct Answer {
    pub call: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// # Panics
    /// If the status is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.call, self.text);
        self
    }

    /// The body; null where it is empty.
    ///
    /// # Panics
    /// If it is no JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}: {}", self.call, self.text))
    }

    /// A header by its name in lower case; empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `error.code` of an OData or admin error, or what an OperationOutcome has in its place; empty where there is none.
    #[track_caller]
    pub fn error_code(&self) -> String {
        let json = self.json();
        let code = json["error"]["code"].as_str();
        code.or(json["issue"][0]["details"]["coding"][0]["code"].as_str()).unwrap_or_default().to_owned()
    }

    /// `value` of a collection of rows.
    ///
    /// # Panics
    /// If the status is not 200 or there is no `value`.
    #[track_caller]
    pub fn rows(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}: {}", self.call, self.text);
        self.json()["value"].as_array().unwrap_or_else(|| panic!("{}: no rows: {}", self.call, self.text)).clone()
    }
}
