//! `POST /fhir`: a bundle into the tables, answered as FHIR answers one.

use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::shared::{self, Shared, failure};
use crate::model::error::Result;
use crate::router::write::ingest::{Outcome, OutcomeKind};

#[derive(Deserialize)]
pub struct Forward {
    forward: Option<String>,
}

pub async fn bundle(State(app): Shared, Query(query): Query<Forward>, request: Request) -> Response {
    match take(&app, query.forward.as_deref(), request).await {
        Ok(outcomes) => {
            let body = response_bundle(&outcomes).to_string();
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/fhir+json")], body).into_response()
        }
        Err(error) => failure(&error),
    }
}

async fn take(app: &shared::App, forward: Option<&str>, request: Request) -> Result<Vec<Outcome>> {
    let body = shared::body(request.into_body(), app.turntable.limits.bundle_bytes).await?;
    app.session().ingest(body, forward).await
}

/// A `batch-response` with one outcome an entry.
pub fn response_bundle(outcomes: &[Outcome]) -> Value {
    let entries: Vec<Value> = outcomes.iter().map(entry).collect();
    json!({ "resourceType": "Bundle", "type": "batch-response", "entry": entries })
}

fn entry(outcome: &Outcome) -> Value {
    let (status, severity, code) = match outcome.kind {
        OutcomeKind::Created => ("201 Created", "information", "informational"),
        OutcomeKind::Updated => ("200 OK", "information", "informational"),
        OutcomeKind::Deleted => ("204 No Content", "information", "informational"),
        OutcomeKind::Forwarded => ("202 Accepted", "information", "informational"),
        OutcomeKind::NotStored => ("501 Not Implemented", "warning", "not-supported"),
        OutcomeKind::Refused => ("422 Unprocessable Entity", "error", "processing"),
    };
    let mut response = json!({
        "status": status,
        "outcome": {
            "resourceType": "OperationOutcome",
            "issue": [{ "severity": severity, "code": code, "diagnostics": outcome.note }],
        },
    });
    if let Some(location) = &outcome.location {
        response["location"] = json!(location);
        if let Some((_, version)) = location.rsplit_once('/') {
            response["etag"] = json!(format!("W/\"{version}\""));
        }
    }
    json!({ "response": response })
}
