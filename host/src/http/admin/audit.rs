//! The audit trail: read, taken away as a file, held against its seals.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::admin::answer::{ErrorAnswer, Options, reply};
use crate::http::shared::{App, Shared, failure};
use crate::model::audit::{self, Broken, Deed, Seal, hex};
use crate::model::error::{Code, Error, Result};
use crate::store::control::{EVENTS_MAX, EventsAsked, Kept, Verified};
use crate::store::noting;

/// How long what has just been left may take to be there.
const PATIENCE: Duration = Duration::from_secs(2);

/// Entries of the audit trail.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    events: Vec<Event>,
    /// Where older ones follow: their path.
    #[serde(rename = "@next", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// Who did what.
#[derive(Serialize, ToSchema)]
pub(crate) struct Event {
    id: u64,
    /// When, by RFC 3339.
    at: String,
    actor: String,
    /// `rows.read`, `row.update`, `bundle.write`, `mapping.load`, `mapping.activate`, `mapping.canary`, `route.set`, …
    action: String,
    /// The table that it concerns, where it is one.
    table: Option<String>,
    /// The request that set it off, as its answer said in `Request-Id`.
    request: Option<String>,
    /// The error code of what was refused or failed.
    outcome: Option<String>,
    /// What was done; by action.
    detail: Value,
    /// SHA-256 over the seal of the entry before and this one.
    seal: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct After {
    /// Entries of larger ids only.
    #[serde(default)]
    after: u64,
    /// Entries of smaller ids only.
    #[param(nullable = false)]
    before: Option<u64>,
    /// Entries of this table only.
    #[param(nullable = false)]
    table: Option<String>,
    /// What this caller did.
    #[param(nullable = false)]
    caller: Option<String>,
    /// What this request set off, by the `Request-Id` of its answer.
    #[param(nullable = false)]
    request: Option<String>,
    /// This action only.
    #[param(nullable = false)]
    action: Option<String>,
    /// Those that name the row of this key.
    #[param(nullable = false)]
    key: Option<String>,
    /// `decisions`: what was decided of mappings, routes, keys and services; `access`: all else.
    #[param(nullable = false)]
    only: Option<Only>,
    /// At most so many; 100 unless said.
    #[param(nullable = false, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, ToSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Only {
    Decisions,
    Access,
}

/// The audit trail, newest first.
#[utoipa::path(
    get,
    path = "/admin/v1/audit",
    params(After),
    responses(
        (status = 200, description = "The entries", body = EventList),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn audit(State(app): Shared, Options(asked): Options<After>) -> Response {
    reply(listed(&app, asked, "/admin/v1/audit").await)
}

/// What was decided, newest first: the audit trail without who read and wrote rows.
#[utoipa::path(
    get,
    path = "/admin/v1/events",
    params(After),
    responses(
        (status = 200, description = "The entries", body = EventList),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn events(State(app): Shared, Options(asked): Options<After>) -> Response {
    let asked = After { only: asked.only.or(Some(Only::Decisions)), ..asked };
    reply(listed(&app, asked, "/admin/v1/events").await)
}

async fn listed(app: &App, asked: After, path: &str) -> Result<EventList> {
    let turntable = &app.turntable;
    let limit = asked.limit.unwrap_or(100).clamp(1, EVENTS_MAX);
    let key = match &asked.key {
        None => None,
        Some(key) => {
            let bad = |_| Error::new(Code::BadOption, "`key` is no GUID").target("key");
            let key = Uuid::parse_str(key).map_err(bad)?;
            let kept = noting::key_as_kept(&turntable.store, turntable.trail.policy, key).await?;
            let none = || {
                Error::new(Code::NotSupported, "the audit trail names no keys (audit.keys = \"none\")").target("key")
            };
            Some(format!("\"{}\"", kept.ok_or_else(none)?))
        }
    };
    turntable.trail.flush(PATIENCE).await;
    let found = turntable.store.events(EventsAsked {
        after: asked.after,
        before: asked.before.unwrap_or(u64::MAX),
        table: asked.table.clone(),
        actor: asked.caller.clone(),
        request: asked.request.clone(),
        action: asked.action.clone(),
        decisions: asked.only.map(|only| only == Only::Decisions),
        key,
        limit: limit + 1,
    });
    let found = found.await?;
    let more = found.len() > limit as usize;
    let events: Vec<_> = found.into_iter().take(limit as usize).map(Event::from).collect();
    let last = events.last().filter(|_| more);
    let next = last.map(|last| older(path, &After { before: Some(last.id), limit: Some(limit), ..asked }));
    Ok(EventList { events, next })
}

/// The path of the entries that these options mean.
fn older(path: &str, asked: &After) -> String {
    let encoded = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    let only = asked.only.map(|only| match only {
        Only::Decisions => "decisions".to_owned(),
        Only::Access => "access".to_owned(),
    });
    let options = [
        ("before", number(asked.before)),
        ("limit", number(asked.limit.map(u64::from))),
        ("after", number((asked.after > 0).then_some(asked.after))),
        ("table", asked.table.as_deref().map(encoded)),
        ("caller", asked.caller.as_deref().map(encoded)),
        ("request", asked.request.as_deref().map(encoded)),
        ("action", asked.action.as_deref().map(encoded)),
        ("key", asked.key.as_deref().map(encoded)),
        ("only", only),
    ];
    let options = options.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    format!("{path}?{}", options.collect::<Vec<_>>().join("&"))
}

impl From<(audit::Entry, Seal)> for Event {
    fn from((entry, seal): (audit::Entry, Seal)) -> Self {
        let Deed { at, actor, action, table, request, outcome, detail, .. } = entry.deed;
        let (at, seal) = (at.to_string(), hex(&seal));
        Self { id: entry.id, at, actor, action, table, request, outcome, detail, seal }
    }
}

/// How entries are written in a file.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// A line of JSON each, with its seal and the one before.
    #[default]
    Ndjson,
    /// A line each: an AuditEvent of FHIR R4.
    Fhir,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Exported {
    /// Entries of larger ids only.
    #[serde(default)]
    after: u64,
    /// At most so many; 1000 unless said.
    #[param(nullable = false, maximum = 1000)]
    limit: Option<u32>,
    #[serde(default)]
    format: Format,
}

/// The audit trail, oldest first, as lines. Who asks again with `after`, the id of the last line, gets those behind it.
#[utoipa::path(
    get,
    path = "/admin/v1/audit/export",
    params(Exported),
    responses(
        (status = 200, description = "The entries", content_type = "application/x-ndjson", body = String),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn export(State(app): Shared, Options(asked): Options<Exported>) -> Response {
    app.turntable.trail.flush(PATIENCE).await;
    let limit = asked.limit.unwrap_or(EVENTS_MAX).clamp(1, EVENTS_MAX);
    let found = match app.turntable.store.events_from(asked.after, limit).await {
        Ok(found) => found,
        Err(error) => return failure(&error),
    };
    let mut lines = String::new();
    for Kept { entry, before, seal } in found {
        lines += &match asked.format {
            Format::Ndjson => entry.line(&before, &seal),
            Format::Fhir => entry.as_fhir(&seal).to_string(),
        };
        lines.push('\n');
    }
    let kind = match asked.format {
        Format::Ndjson => "application/x-ndjson",
        Format::Fhir => "application/fhir+ndjson",
    };
    (StatusCode::OK, [(header::CONTENT_TYPE, kind)], lines).into_response()
}

/// What the seals say of the audit trail.
#[derive(Serialize, ToSchema)]
pub(crate) struct Checked {
    /// Every entry is as it was sealed, and none is missing.
    whole: bool,
    /// The first entry that is kept.
    from: u64,
    /// The last that is as it was sealed.
    to: u64,
    /// Its seal: kept elsewhere, it shows that nothing up to it was changed since.
    seal: String,
    /// The entry at which the chain breaks.
    broken: Option<u64>,
    /// `changed` or `missing`.
    why: Option<&'static str>,
}

/// Holds every entry against its seal.
#[utoipa::path(
    get,
    path = "/admin/v1/audit/verify",
    responses(
        (status = 200, description = "What was found", body = Checked),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn verify(State(app): Shared) -> Response {
    app.turntable.trail.flush(PATIENCE).await;
    reply(app.turntable.store.verify_events().await.map(Checked::from))
}

impl From<Verified> for Checked {
    fn from(Verified { from, to, seal, broken }: Verified) -> Self {
        let (at, why) = match broken {
            None => (None, None),
            Some(Broken::Missing(id)) => (Some(id), Some("missing")),
            Some(Broken::Changed(id)) => (Some(id), Some("changed")),
        };
        Self { whole: at.is_none(), from, to, seal: hex(&seal), broken: at, why }
    }
}
