//! What all handlers share: the application, how an error leaves the house, bodies in and out.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::doors::Doors;
use crate::http::line::{Tally, TooSlow};
use crate::http::metadata::Documents;
use crate::http::status::status;
use crate::http::token::AdminToken;
use crate::model::access::Caller;
use crate::model::error::{Code, Error, Result};
use crate::odata::reply;
use crate::router::session::Session;
use crate::router::snapshot::Turntable;

/// Where the table API begins.
pub const API: &str = "/api/data/v9.2/";

/// Where Microsoft's bundle actions are called as well.
pub const OLDER_API: &str = "/api/data/v9.1/";

pub struct App {
    pub turntable: Arc<Turntable>,
    ready: AtomicBool,
    /// When, to the second.
    pub(super) started: jiff::Timestamp,
    pub(super) doors: Doors,
    pub(super) admin_token: AdminToken,
    pub counters: Counters,
    pub(super) lines: Arc<Tally>,
    pub(super) documents: Documents,
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
    pub fn new(turntable: Arc<Turntable>, doors: Doors, admin_token: AdminToken) -> Self {
        Self {
            turntable,
            ready: AtomicBool::new(false),
            started: jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap_or_default(),
            doors,
            admin_token,
            counters: Counters::default(),
            lines: Arc::default(),
            documents: Documents::default(),
        }
    }

    /// Without any table, and not ready.
    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        let token = AdminToken::new("of a test", Default::default());
        Self::new(Arc::new(Turntable::for_tests()), Doors::default(), token)
    }

    /// Every active mapping is known.
    pub fn ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// For a request that begins now. There is no authentication, so it is anybody's.
    pub fn session(&self) -> Session {
        Session::new(self.turntable.clone(), Caller::Local)
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
    response.extensions_mut().insert(Failed(error.clone()));
    response
}

/// The whole body, or `BodyTooLarge`.
pub async fn body(mut body: Body, limit: usize) -> Result<Bytes> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(limit);
    let mut whole = Vec::with_capacity(expected.min(limit).min(1 << 20));
    while let Some(data) = next(&mut body).await? {
        if whole.len() + data.len() > limit {
            // Who still sends does not listen yet: heard out for a while, it sees the answer, not a broken connection.
            let _ = tokio::time::timeout(LINGER, discard(body, limit)).await;
            return Err(Error::new(Code::BodyTooLarge, format!("the body is larger than {limit} bytes")));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

/// How long somebody is heard out whose body is refused.
const LINGER: Duration = Duration::from_secs(5);

/// Reads so many bytes and forgets them.
async fn discard(mut body: Body, most: usize) {
    let mut read = 0;
    while let Ok(Some(data)) = next(&mut body).await {
        read += data.len();
        if read > most {
            return;
        }
    }
}

async fn next(body: &mut Body) -> Result<Option<Bytes>> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            None => return Ok(None),
            Some(Err(error)) if is_slow(&error) => {
                let error = Error::new(Code::RequestTimeout, "the body comes too slowly");
                return Err(error.hint("send it at once; the limits are `transfer_bytes` in `transfer_ms`"));
            }
            Some(Err(_)) => return Err(Error::new(Code::BadRequest, "the body did not arrive whole")),
            // Trailers say nothing here.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

fn is_slow(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return true;
        }
        cause = error.source();
    }
    false
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

/// The error that an answer tells of, beside it: for the log, and for those who tell it in another manner.
#[derive(Clone)]
pub struct Failed(pub Error);
