//! What all handlers share: the application, how an error leaves the house, bodies out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::http::doors::Doors;
use crate::http::failures::Failures;
use crate::http::line::Tally;
use crate::http::metadata::Documents;
use crate::http::status::status;
use crate::http::token::AdminToken;
use crate::http::traffic::Traffic;
use crate::identity::identify::Identity;
use crate::model::caller::Caller;
use crate::model::error::{Code, Error};
use crate::odata::reply;
use crate::router::session::Session;
use crate::router::snapshot::Turntable;
use crate::telemetry::spans::Recorder;
use crate::telemetry::traces::Traces;

/// Bytes of a body, or of the cells of an answer, that are read or written at once on a thread of the reactor: it takes
/// less than a millisecond.
pub(super) const AT_ONCE: usize = 256 << 10;

/// Where the table API begins.
pub const API: &str = "/api/data/v9.2/";

/// The same for Dataverse's OData provider of virtual tables, which knows no `Edm.Date`: dates are date-times there.
pub const PROVIDER_API: &str = "/api/data/provider/v9.2/";

/// Where Microsoft's bundle actions are called as well.
pub const OLDER_API: &str = "/api/data/v9.1/";

/// The root of the table API that a path is below, and the rest of the path.
pub fn below(path: &str) -> (&'static str, &str) {
    let roots = [(API, API), (PROVIDER_API, PROVIDER_API), (OLDER_API, API)];
    let found = roots.into_iter().find_map(|(api, root)| Some((root, path.strip_prefix(api)?)));
    found.unwrap_or_else(|| (if PROVIDER_API.starts_with(path) { PROVIDER_API } else { API }, ""))
}

pub struct App {
    pub turntable: Arc<Turntable>,
    ready: AtomicBool,
    /// When, to the second.
    pub(super) started: jiff::Timestamp,
    pub(super) doors: Doors,
    pub(super) admin_token: AdminToken,
    pub(super) identity: Identity,
    pub counters: Counters,
    /// How each table is used.
    pub(super) traffic: Traffic,
    /// The configuration in force, without secrets.
    pub(super) configuration: String,
    pub(super) lines: Arc<Tally>,
    pub(super) documents: Documents,
    /// The last requests with their steps.
    pub(super) traces: Traces,
    /// Where steps of requests are recorded, if they are.
    pub(super) recorder: Option<Arc<Recorder>>,
    /// Exports that may begin now.
    pub(super) exports: Arc<Semaphore>,
    /// Components that may be uploaded now.
    pub(super) uploads: Arc<Semaphore>,
    pub(super) failures: Arc<Failures>,
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
    pub fn new(turntable: Arc<Turntable>, doors: Doors, admin_token: AdminToken, identity: Identity) -> Self {
        let exports = Arc::new(Semaphore::new(turntable.limits.exports));
        let uploads = Arc::new(Semaphore::new(turntable.limits.uploads));
        let traces = Traces::new(&turntable.limits);
        Self {
            turntable,
            ready: AtomicBool::new(false),
            started: jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap_or_default(),
            doors,
            admin_token,
            identity,
            counters: Counters::default(),
            traffic: Traffic::default(),
            configuration: String::new(),
            lines: Arc::default(),
            documents: Documents::default(),
            traces,
            recorder: None,
            exports,
            uploads,
            failures: Arc::default(),
        }
    }

    /// With the configuration as administrators may see it.
    #[must_use]
    pub fn configured(self, configuration: String) -> Self {
        Self { configuration, ..self }
    }

    /// With steps of requests recorded.
    #[must_use]
    pub fn recorded(self, recorder: Option<Arc<Recorder>>) -> Self {
        Self { recorder, ..self }
    }

    /// Without any table, and not ready.
    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        let token = AdminToken::new("of a test", Default::default());
        Self::new(Arc::new(Turntable::for_tests()), Doors::default(), token, Identity::default())
    }

    /// Every active mapping is known.
    pub fn ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// For a request that begins now, of this caller.
    pub fn session(&self, caller: &Caller) -> Session {
        Session::new(self.turntable.clone(), caller.clone())
    }

    /// For work on bytes alone: it may look at no row.
    pub(super) fn aside(&self) -> Session {
        Session::new(self.turntable.clone(), Caller::nobody())
    }
}

/// Who sent a request, for handlers: `identity::identified` has put it there.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let missing = || Error::new(Code::Internal, "the request failed").internal("nobody asked who sent it");
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
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
    if let Some(allowed) = error.get_allowed().and_then(|allowed| HeaderValue::try_from(allowed).ok()) {
        headers.insert(header::ALLOW, allowed);
    }
    response.extensions_mut().insert(Failed(error.clone()));
    response
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
