//! Settings in force, and how each table is used.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::admin::answer::{ErrorAnswer, reply};
use crate::http::shared::Shared;
use crate::http::traffic::WINDOW;
use crate::model::error::{Code, Error};
use crate::model::limits::Limits;

/// The settings in force.
#[derive(Serialize, ToSchema)]
pub(crate) struct Settings {
    version: String,
    /// When this process began, by RFC 3339.
    started: String,
    /// The configuration as `turntable check` prints it: secrets are named by where they come from and never shown.
    configuration: String,
    limits: Vec<Limit>,
}

/// A limit.
#[derive(Serialize, ToSchema)]
pub(crate) struct Limit {
    name: String,
    /// In force.
    value: Value,
    default: Value,
}

/// How tables are used.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrafficAnswer {
    /// What the figures are of: so many seconds until now.
    seconds: u64,
    /// By logical name; tables that nobody has asked for are not there.
    tables: BTreeMap<String, TableTraffic>,
}

/// How a table is used.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableTraffic {
    requests: u64,
    /// Answers of 4xx and 5xx.
    errors: u64,
    per_second: f64,
    /// Milliseconds within which nineteen of twenty requests were answered; known to a factor of two.
    p95_ms: f64,
}

/// The settings in force, without secrets.
#[utoipa::path(
    get,
    path = "/admin/v1/settings",
    responses(
        (status = 200, description = "The settings", body = Settings),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn settings(State(app): Shared) -> Response {
    let written =
        |limits: &Limits| serde_json::to_value(limits).map_err(|error| Error::new(Code::Internal, error.to_string()));
    let settings = written(&app.turntable.limits).and_then(|now| {
        let defaults = written(&Limits::default())?;
        let limit = |(name, value): (&String, &Value)| Limit {
            name: name.clone(),
            value: value.clone(),
            default: defaults[name].clone(),
        };
        Ok(Settings {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: app.started.to_string(),
            configuration: app.configuration.clone(),
            limits: now.as_object().into_iter().flatten().map(limit).collect(),
        })
    });
    reply(settings)
}

/// How each table was used in the last minutes.
#[utoipa::path(
    get,
    path = "/admin/v1/traffic",
    responses(
        (status = 200, description = "The figures", body = TrafficAnswer),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn traffic(State(app): Shared) -> Response {
    let (figures, live) = (app.traffic.figures(), app.turntable.snapshot());
    let of = |table: &std::sync::Arc<crate::router::snapshot::ServedTable>| {
        let found = figures.get(&table.table.entity_set)?;
        let used = TableTraffic {
            requests: found.requests,
            errors: found.errors,
            per_second: found.rate,
            p95_ms: found.p95.as_secs_f64() * 1_000.0,
        };
        Some((table.table.name.clone(), used))
    };
    let tables = live.tables().filter_map(of).collect();
    reply(Ok(TrafficAnswer { seconds: WINDOW.as_secs(), tables }))
}
