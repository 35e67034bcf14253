//! API keys: who has one, a new one, one that is good no longer. `turntable key` does the same without a server.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::admin::answer::{ErrorAnswer, Named, actor, body, reply};
use crate::http::shared::{Shared, failure, json_reply};
use crate::identity::keys::{self, NewKey};
use crate::model::caller::Caller;
use crate::model::error::Error;

/// Every API key.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    keys: Vec<Key>,
}

/// An API key, without what its owner sends.
#[derive(Serialize, ToSchema)]
pub(crate) struct Key {
    name: String,
    roles: BTreeSet<String>,
    claims: BTreeMap<String, Value>,
    /// When it was made, by RFC 3339.
    created: String,
    /// By whom.
    created_by: String,
    /// When it is good no longer, by RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires: Option<String>,
    /// It has expired.
    expired: bool,
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyAsked {
    /// Up to 64 letters, digits, `-`, `_`, `.`, `@`.
    name: String,
    /// `reader`, `writer`, `mapper`, `admin`, or one of the configuration.
    roles: Vec<String>,
    /// What rules may know of who sends it.
    #[serde(default)]
    claims: BTreeMap<String, Value>,
    /// `90d`, `12h`, or a moment by RFC 3339; without it the key is good until it is revoked.
    #[schema(nullable = false)]
    expires: Option<String>,
}

/// A new key. What it is is said here, and never again.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyMade {
    /// To be sent as `X-API-Key`.
    key: String,
    #[serde(flatten)]
    about: Key,
}

/// Every API key, by name.
#[utoipa::path(
    get,
    path = "/admin/v1/keys",
    responses(
        (status = 200, description = "The keys", body = KeyList),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn list(State(app): Shared) -> Response {
    reply(Ok(KeyList { keys: app.identity.keys.all().into_iter().map(Key::from).collect() }))
}

/// Makes an API key.
#[utoipa::path(
    post,
    path = "/admin/v1/keys",
    request_body = KeyAsked,
    responses(
        (status = 201, description = "The key, which is shown this once", body = KeyMade),
        (status = 409, description = "There is one of this name, or there are too many", body = ErrorAnswer),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn create(State(app): Shared, caller: Caller, request: Request) -> Response {
    let made = async {
        let KeyAsked { name, roles, claims, expires } = body(&app, request).await?;
        let expires = expires.as_deref().map(keys::expiry).transpose()?;
        let new = NewKey { name, roles, claims, expires };
        let (key, about) = app.turntable.create_key(&app.identity.keys, new, actor(&caller)).await?;
        Ok::<_, Error>(KeyMade { key, about: Key::from(about) })
    };
    match made.await {
        Ok(made) => json_reply(StatusCode::CREATED, &made),
        Err(error) => failure(&error),
    }
}

/// Takes an API key out, for good: it is refused from now on.
#[utoipa::path(
    delete,
    path = "/admin/v1/keys/{name}",
    params(("name" = String, Path, description = "As it was made")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is none of this name", body = ErrorAnswer),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn revoke(State(app): Shared, caller: Caller, Named(name): Named) -> Response {
    match app.turntable.revoke_key(&app.identity.keys, name, actor(&caller)).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failure(&error),
    }
}

impl From<keys::Key> for Key {
    fn from(key: keys::Key) -> Self {
        let expired = !key.is_good(Timestamp::now());
        let (created, expires) = (key.created.to_string(), key.expires.map(|at| at.to_string()));
        let keys::Key { name, roles, claims, created_by, .. } = key;
        Self { name, roles, claims, created, created_by, expires, expired }
    }
}
