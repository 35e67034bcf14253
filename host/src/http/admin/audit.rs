//! The audit trail.

use axum::extract::State;
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::answer::{ErrorAnswer, Options, reply};
use crate::http::shared::Shared;
use crate::store::control::{self, EVENTS_MAX, EventsAsked};

/// Events of the audit trail.
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
    /// `mapping.load`, `mapping.activate`, `mapping.rollback`, `mapping.shadow`, `mapping.deactivate`, `route.turn`, …
    action: String,
    /// The table that it concerns, where it is one.
    table: Option<String>,
    /// What was done; by action.
    detail: Value,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct After {
    /// Events of larger ids only.
    #[serde(default)]
    after: u64,
    /// Events of smaller ids only.
    #[param(nullable = false)]
    before: Option<u64>,
    /// Events of this table only.
    #[param(nullable = false)]
    table: Option<String>,
    /// What this caller did.
    #[param(nullable = false)]
    caller: Option<String>,
    /// At most so many; 100 unless said.
    #[param(nullable = false, maximum = 1000)]
    limit: Option<u32>,
}

/// The audit trail, newest first.
#[utoipa::path(
    get,
    path = "/admin/v1/audit",
    params(After),
    responses(
        (status = 200, description = "The events", body = EventList),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn audit(State(app): Shared, Options(asked): Options<After>) -> Response {
    let limit = asked.limit.unwrap_or(100).clamp(1, EVENTS_MAX);
    let (after, before) = (asked.after, asked.before.unwrap_or(u64::MAX));
    let (table, actor) = (asked.table.clone(), asked.caller.clone());
    let found = app.turntable.store.events(EventsAsked { after, before, table, actor, limit: limit + 1 }).await;
    reply(found.map(|found| {
        let more = found.len() > limit as usize;
        let events: Vec<_> = found.into_iter().take(limit as usize).map(Event::from).collect();
        let last = events.last().filter(|_| more);
        let next = last.map(|last| older(&After { before: Some(last.id), limit: Some(limit), ..asked }));
        EventList { events, next }
    }))
}

/// The audit trail, by its older name.
#[utoipa::path(
    get,
    path = "/admin/v1/events",
    params(After),
    responses(
        (status = 200, description = "The events", body = EventList),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn events(app: Shared, asked: Options<After>) -> Response {
    audit(app, asked).await
}

/// The path of the events that these options mean.
fn older(asked: &After) -> String {
    let encoded = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    let options = [
        ("before", number(asked.before)),
        ("limit", number(asked.limit.map(u64::from))),
        ("after", number((asked.after > 0).then_some(asked.after))),
        ("table", asked.table.as_deref().map(encoded)),
        ("caller", asked.caller.as_deref().map(encoded)),
    ];
    let options = options.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    format!("/admin/v1/audit?{}", options.collect::<Vec<_>>().join("&"))
}

impl From<control::Event> for Event {
    fn from(event: control::Event) -> Self {
        let control::Event { id, at, actor, action, table, detail } = event;
        Self { id, at: at.to_string(), actor, action, table, detail }
    }
}
