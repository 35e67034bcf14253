//! The list of routes, what all handlers share, and how an error leaves the house.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use serde_json::json;
use tokio::net::TcpListener;

use crate::http::status::status;
use crate::http::{admin, ingest, tables};
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

pub fn routes(app: Arc<App>) -> Router {
    Router::new()
        // Apps: OData.
        .route("/api/data/v9.2", any(tables::serve))
        .route("/api/data/v9.2/", any(tables::serve))
        .route("/api/data/v9.2/{*path}", any(tables::serve))
        // Ingest: FHIR.
        .route("/fhir", post(ingest::bundle))
        // Administrators.
        .route("/admin/v1/openapi.json", get(admin::openapi))
        .route("/admin/v1/tables", get(admin::tables))
        .route("/admin/v1/tables/{table}", get(admin::table))
        .route("/admin/v1/tables/{table}/route", put(admin::turn))
        .route("/admin/v1/tables/{table}/mapping", post(admin::release))
        .route("/admin/v1/tables/{table}/mapping/rollback", post(admin::rollback))
        .route("/admin/v1/mappings", get(admin::mappings).post(admin::load))
        .route("/admin/v1/mappings/{digest}", get(admin::mapping))
        .route("/admin/v1/events", get(admin::events))
        // Operators.
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(admin::readyz))
        .route("/metrics", get(admin::metrics))
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(app.clone(), counted))
        .with_state(app)
}

/// Serves until `stopped`; requests under way are finished.
pub async fn serve(listener: TcpListener, app: Arc<App>, stopped: impl Future<Output = ()> + Send + 'static) {
    if let Err(error) = axum::serve(listener, routes(app)).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the server ended");
    }
}

/// Counts what leaves, and logs what went wrong here: code and path, never a query string.
async fn counted(State(app): Shared, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let counters = &app.counters;
    counters.requests.fetch_add(1, Ordering::Relaxed);
    let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    counters.microseconds.fetch_add(took, Ordering::Relaxed);
    if response.status().is_client_error() || response.status().is_server_error() {
        counters.errors.fetch_add(1, Ordering::Relaxed);
    }
    if response.status().is_server_error() {
        counters.server_errors.fetch_add(1, Ordering::Relaxed);
        let error = response.extensions().get::<Logged>();
        let (code, internal) = error.map_or((None, None), |e| (Some(e.code), e.internal.clone()));
        tracing::warn!(%method, path = keyless(&path), status = response.status().as_u16(), ?code, internal, "failed");
    }
    response
}

/// What the log may know of an error.
#[derive(Clone)]
struct Logged {
    code: Code,
    internal: Option<String>,
}

/// Keys are no names, but they lead to patients: the log has the table alone.
fn keyless(path: &str) -> String {
    path.split('/').map(|segment| segment.split('(').next().unwrap_or_default()).collect::<Vec<_>>().join("/")
}

async fn unknown() -> Response {
    failure(&Error::new(Code::NotFound, "there is nothing at this path").hint(format!("tables are under {API}")))
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
    json_reply(StatusCode::OK, &json!(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_out_of_the_log() {
        assert_eq!(keyless("/api/data/v9.2/contacts(4c73b472-442b)/x"), "/api/data/v9.2/contacts/x");
    }
}
