//! The audit trail.

use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::answer::{ErrorAnswer, reply};
use crate::http::shared::Shared;
use crate::store::control::{self, EVENTS_MAX};

/// Events of the audit trail.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    events: Vec<Event>,
}

/// Who did what.
#[derive(Serialize, ToSchema)]
pub(crate) struct Event {
    id: u64,
    /// When, by RFC 3339.
    at: String,
    actor: String,
    /// `mapping.load`, `mapping.activate`, `mapping.rollback`, `route.turn`, …
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
    /// At most so many; 100 unless said.
    #[param(nullable = false, maximum = 1000)]
    limit: Option<u32>,
}

/// The audit trail, oldest first.
#[utoipa::path(
    get,
    path = "/admin/v1/events",
    params(After),
    responses(
        (status = 200, description = "The events", body = EventList),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn events(State(app): Shared, Query(query): Query<After>) -> Response {
    let limit = query.limit.unwrap_or(100).clamp(1, EVENTS_MAX);
    let events = app.turntable.store.events(query.after, limit).await;
    reply(events.map(|events| EventList { events: events.into_iter().map(Event::from).collect() }))
}

impl From<control::Event> for Event {
    fn from(event: control::Event) -> Self {
        let control::Event { id, at, actor, action, table, detail } = event;
        Self { id, at: at.to_string(), actor, action, table, detail }
    }
}
