//! What all handlers share: the application, how an error leaves the house, bodies in and out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::status::status;
use crate::model::error::{Code, Error, Result};
use crate::odata::reply;
use crate::router::live::Turntable;

/// Where the table API begins.
pub const API: &str = "/api/data/v9.2/";

pub struct App {
    pub turntable: Arc<Turntable>,
    ready: AtomicBool,
    pub counters: Counters,
}

/// For `/metrics`.
#[derive(Default)]
pub struct Counters {
    pub requests: AtomicU64,
    pub errors: AtomicU64,
    pub server_errors: AtomicU64,
    pub microseconds: AtomicU64,
}

pub type Shared = State<Arc<App>>;

impl App {
    pub fn new(turntable: Arc<Turntable>) -> Self {
        Self { turntable, ready: AtomicBool::new(false), counters: Counters::default() }
    }

    /// Every active mapping has been loaded.
    pub fn ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// When a request that begins now must have been answered.
    pub fn deadline(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.turntable.limits.request_ms)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        failure(&self)
    }
}

/// An error as the OData error document that every part of the API answers with.
pub fn failure(error: &Error) -> Response {
    let mut response = (status(error.code()), reply::error(error)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;odata.metadata=minimal"));
    headers.insert("odata-version", HeaderValue::from_static("4.0"));
    if let Some(seconds) = error.get_retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    let logged = Logged { code: error.code(), internal: error.get_internal().map(str::to_owned) };
    response.extensions_mut().insert(logged);
    response
}

/// The whole body, or `BodyTooLarge` as soon as it is.
pub async fn body(body: Body, limit: usize) -> Result<Bytes> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let too_large =
            std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("length limit"));
        if too_large {
            Error::new(Code::BodyTooLarge, format!("the body is larger than {limit} bytes"))
        } else {
            Error::new(Code::BadRequest, "the body did not arrive whole")
        }
    })
}

/// A JSON answer of the admin API.
pub fn json_reply(status: StatusCode, value: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => failure(&Error::new(Code::Internal, "the answer cannot be written").internal(error.to_string())),
    }
}

/// For handlers that answer with a small object.
pub fn object(value: serde_json::Value) -> Response {
    json_reply(StatusCode::OK, &value)
}

/// What the log may know of an error.
#[derive(Clone)]
pub struct Logged {
    pub code: Code,
    pub internal: Option<String>,
}
