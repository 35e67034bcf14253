//! `POST /fhir`: a bundle into the tables, answered as FHIR answers one.

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::body;
use crate::http::fhir::{MEDIA_TYPE, issue_type};
use crate::http::shared::{self, Shared, failure};
use crate::http::status::status;
use crate::model::access::Right;
use crate::model::caller::Caller;
use crate::model::error::{Code, Error, Result};
use crate::router::noted::About;
use crate::router::write::ingest::{How, Outcome, OutcomeKind, Taken};

/// Of the query string; other options are refused by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// A FHIR service that gets it first.
    forward: Option<String>,
    /// `batch`: a Bundle that says what there is, not what is to be done, is taken for its resources.
    r#as: Option<String>,
}

pub async fn bundle(State(app): Shared, caller: Caller, request: Request) -> Response {
    match take(&app, &caller, request).await {
        Ok(taken) => {
            let body = response_bundle(&taken).to_string();
            (StatusCode::OK, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response()
        }
        Err(error) => failure(&error),
    }
}

async fn take(app: &shared::App, caller: &Caller, request: Request) -> Result<Taken> {
    let Query(options) = Query::<Options>::try_from_uri(request.uri()).map_err(|_| {
        Error::new(Code::BadOption, "the query string has an option that is not known here, or one twice")
            .hint("there are `forward`, the name of a FHIR service, and `as=batch`")
    })?;
    let as_batch = match options.r#as.as_deref() {
        None => false,
        Some("batch") => true,
        Some(_) => return Err(Error::new(Code::BadOption, "`as` can be `batch` only").target("as")),
    };
    let (parts, body) = request.into_parts();
    let lines = is_ndjson(&parts.headers);
    let limit = ("bundle_bytes", app.turntable.limits.bundle_bytes);
    let body = body::read(app, &parts.headers, body, limit).await?;
    let session = app.session(caller);
    let noted = session.note(About::new("bundle.write", Right::Upsert)).await?;
    let how = How { forward: options.forward.as_deref(), as_batch, lines, own_ids: false };
    let taken = session.ingest(body, how).await;
    if let Some(noted) = noted {
        if let Ok(taken) = &taken {
            noted.took(&session, taken);
        }
        noted.end(taken.as_ref().err()).await;
    }
    taken
}

/// Whether the body is said to be resources line by line.
fn is_ndjson(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().ends_with("ndjson")
}

/// A `transaction-response` or `batch-response` (FHIR R4, RESTful API, 3.1.0.11.2) with one outcome an entry.
pub fn response_bundle(taken: &Taken) -> Value {
    let entries: Vec<Value> = taken.outcomes.iter().map(entry).collect();
    let kind = if taken.atomic { "transaction-response" } else { "batch-response" };
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries })
}

fn entry(outcome: &Outcome) -> Value {
    let (status, severity, code) = match outcome.kind {
        OutcomeKind::Created => ("201 Created", "information", "informational"),
        OutcomeKind::Updated | OutcomeKind::Found | OutcomeKind::Passed => ("200 OK", "information", "informational"),
        OutcomeKind::Deleted => ("204 No Content", "information", "informational"),
        OutcomeKind::Forwarded => ("202 Accepted", "information", "informational"),
        OutcomeKind::ThereOnly => ("202 Accepted", "error", "incomplete"),
        OutcomeKind::NotStored => ("501 Not Implemented", "warning", "not-supported"),
        // The request was understood, this entry of it cannot be done.
        OutcomeKind::Refused(Code::BadRequest) => ("422 Unprocessable Entity", "error", "processing"),
        OutcomeKind::Refused(code) => (status_line(code), "error", issue_type(code)),
    };
    let mut issues = vec![json!({ "severity": severity, "code": code, "diagnostics": outcome.note })];
    let warning = |text: &String| json!({ "severity": "warning", "code": "incomplete", "diagnostics": text });
    issues.extend(outcome.warnings.iter().map(warning));
    let mut response = json!({
        "status": status,
        "outcome": { "resourceType": "OperationOutcome", "issue": issues },
    });
    if let Some(location) = &outcome.location {
        response["location"] = json!(location);
        if let Some((_, version)) = location.split_once("/_history/") {
            response["etag"] = json!(format!("W/\"{version}\""));
        }
    }
    json!({ "response": response })
}

fn status_line(code: Code) -> &'static str {
    match status(code).as_u16() {
        403 => "403 Forbidden",
        409 => "409 Conflict",
        412 => "412 Precondition Failed",
        413 => "413 Payload Too Large",
        429 => "429 Too Many Requests",
        501 => "501 Not Implemented",
        502 => "502 Bad Gateway",
        503 => "503 Service Unavailable",
        _ => "422 Unprocessable Entity",
    }
}
