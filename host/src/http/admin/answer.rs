//! What the admin API's handlers share: bodies in, answers out, and who asks.

use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::http::body;
use crate::http::shared::{App, failure, json_reply};
use crate::model::caller::Caller;
use crate::model::error::{Code, Error, Result};
use crate::router::release::actor::Actor;

/// Bytes of a small JSON body.
const BODY_BYTES: usize = 64 << 10;

/// A mapping version, named.
#[derive(Serialize, ToSchema)]
pub(crate) struct MappingRef {
    pub(crate) name: String,
    pub(crate) version: String,
    /// `sha256:…`
    pub(crate) digest: String,
}

/// What went wrong, and what to do.
#[derive(ToSchema)]
#[expect(dead_code, reason = "errors are written by `odata::reply`; this describes them")]
pub(crate) struct ErrorAnswer {
    error: ErrorBody,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "as above")]
pub(crate) struct ErrorBody {
    /// Stable, for programs.
    code: String,
    /// For people.
    message: String,
    /// The part of the request that is meant.
    #[schema(nullable = false)]
    target: Option<String>,
    #[schema(nullable = false)]
    details: Option<Vec<ErrorDetail>>,
    #[schema(rename = "@Turntable.hint", nullable = false)]
    hint: Option<String>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "as above")]
pub(crate) struct ErrorDetail {
    code: String,
    message: String,
    #[schema(nullable = false)]
    target: Option<String>,
}

/// Who asked, for the audit trail.
pub(crate) fn actor(caller: &Caller) -> Actor {
    Actor(caller.name().to_owned())
}

/// The query string of a call; a bad one is answered as every other error.
pub(crate) struct Options<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Options<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        let wrong = |_| Error::new(Code::BadOption, "the query string is not what is expected here");
        read.map(|Query(asked)| Self(asked)).map_err(|e| wrong(e).hint("see /admin/v1/openapi.json"))
    }
}

/// The part of the path that a call is about; one that is no text is answered as every other error.
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let read = Path::<String>::from_request_parts(parts, state).await;
        let wrong = |_| Error::new(Code::BadUrl, "the path is not UTF-8 after percent-decoding");
        read.map(|Path(name)| Self(name)).map_err(wrong)
    }
}

pub(crate) async fn body<T: DeserializeOwned>(app: &App, request: Request) -> Result<T> {
    parsed(&whole(app, request).await?)
}

/// None: there is no body.
pub(crate) async fn body_or_none<T: DeserializeOwned>(app: &App, request: Request) -> Result<Option<T>> {
    let body = whole(app, request).await?;
    if body.is_empty() { Ok(None) } else { parsed(&body).map(Some) }
}

async fn whole(app: &App, request: Request) -> Result<Bytes> {
    let (parts, body) = request.into_parts();
    body::read(app, &parts.headers, body, ("", BODY_BYTES)).await
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|e| {
        Error::new(Code::BadJson, format!("the body is not what is expected here: {e}"))
            .hint("see /admin/v1/openapi.json")
    })
}

pub(crate) fn reply(result: Result<impl Serialize>) -> Response {
    match result {
        Ok(value) => json_reply(StatusCode::OK, &value),
        Err(error) => failure(&error),
    }
}
