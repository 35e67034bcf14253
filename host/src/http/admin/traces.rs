//! The last requests, step by step: what an id that an error message shows leads to.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::answer::{ErrorAnswer, Named, Options, reply};
use crate::http::shared::{App, Shared};
use crate::model::error::{Code, Error, Result};
use crate::telemetry::spans::{self, Kind, Span};
use crate::telemetry::traces::{Trace, Wanted};

/// Requests of one answer.
const AT_ONCE: u32 = 500;

/// The last requests.
#[derive(Serialize, ToSchema)]
pub(crate) struct TraceList {
    traces: Vec<Request>,
    /// Where older ones follow: their path.
    #[serde(rename = "@next", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// A request that has ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// As its answer said in `Request-Id`, and as the audit trail has it.
    request: String,
    /// When it began, by RFC 3339.
    at: String,
    method: String,
    /// Its path, without keys.
    route: String,
    /// The table that it was for, by its logical name.
    table: Option<String>,
    /// None: nobody waited for its end (`Abandoned`).
    status: Option<u16>,
    /// The error code that it was answered with.
    code: Option<String>,
    /// How long it took.
    ms: f64,
    /// How long parts of it waited for a turn, all together.
    waited_ms: f64,
    steps: u64,
}

/// A request that has ended, with its steps.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WholeRequest {
    #[serde(flatten)]
    request: Request,
    /// The span of its sender, by its `traceparent`.
    parent: Option<String>,
    /// In the order in which they began.
    spans: Vec<StepTaken>,
    /// Steps that are not kept (`trace_steps`).
    more: u64,
}

/// A step of a request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StepTaken {
    id: String,
    /// The step that it is in; that of the request itself ends its `request`.
    parent: Option<String>,
    /// `scan contact`, `search Patient`, `mapping contact`, `store reads contact`, `wait`, …
    name: String,
    kind: &'static str,
    /// After the beginning of the request.
    start_ms: f64,
    ms: f64,
    /// The error code, or the status, of what failed.
    code: Option<String>,
    /// Names and counts, by the names that a collector has them by.
    attributes: BTreeMap<&'static str, Value>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Chosen {
    /// Requests for this table only, by its logical name.
    #[param(nullable = false)]
    table: Option<String>,
    /// A status, `404`, or a class of them, `4xx`; several with commas.
    #[param(nullable = false)]
    status: Option<String>,
    /// Those that took at least so many milliseconds.
    #[param(nullable = false)]
    slower: Option<u32>,
    /// Older ones only, by the number that `@next` has.
    #[param(nullable = false)]
    before: Option<u64>,
    /// At most so many; 100 unless said.
    #[param(nullable = false, maximum = 500)]
    limit: Option<u32>,
}

/// The last requests, newest first. As many are kept as the limit `traces` says; those that were refused, failed or took long
/// are kept longer than the others.
#[utoipa::path(
    get,
    path = "/admin/v1/traces",
    params(Chosen),
    responses(
        (status = 200, description = "The requests", body = TraceList),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn list(State(app): Shared, Options(asked): Options<Chosen>) -> Response {
    reply(listed(&app, &asked))
}

fn listed(app: &App, asked: &Chosen) -> Result<TraceList> {
    kept(app)?;
    let limit = asked.limit.unwrap_or(100).clamp(1, AT_ONCE);
    let wanted = Wanted {
        table: asked.table.clone(),
        status: asked.status.iter().flat_map(|all| all.split(',')).map(statuses).collect::<Result<_>>()?,
        slower: asked.slower.map(|ms| Duration::from_millis(ms.into())),
        before: asked.before,
    };
    let mut found = app.traces.list(&wanted, limit as usize + 1);
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| older(asked, limit, last.number));
    Ok(TraceList { traces: found.iter().map(|trace| request(trace)).collect(), next })
}

/// A request with all that is known of its steps.
#[utoipa::path(
    get,
    path = "/admin/v1/traces/{id}",
    params(("id" = String, Path, description = "As the answer said in `Request-Id`, or the trace alone: then the newest request of it.")),
    responses(
        (status = 200, description = "The request", body = WholeRequest),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn show(State(app): Shared, Named(id): Named) -> Response {
    reply(shown(&app, &id))
}

fn shown(app: &App, id: &str) -> Result<WholeRequest> {
    kept(app)?;
    let gone = || {
        let text =
            format!("no such request is kept; the server has the last {} (`traces`)", app.turntable.limits.traces);
        Error::new(Code::NotFound, text)
            .hint("the audit trail knows requests for rows by the same id: /admin/v1/audit?request=")
    };
    let trace = app.traces.find(id).ok_or_else(gone)?;
    let (spans, more) = trace.steps.told();
    let step = |span: &Span| StepTaken {
        id: format!("{:016x}", span.span),
        parent: span.parent.map(|parent| format!("{parent:016x}")),
        name: span.name.clone(),
        kind: match span.kind {
            Kind::Internal => "internal",
            Kind::Server => "server",
            Kind::Client => "client",
        },
        start_ms: milliseconds(span.begun.duration_since(trace.whole.begun).unwrap_or_default()),
        ms: milliseconds(span.took()),
        code: span.failed.clone(),
        attributes: span.attributes.iter().map(|attribute| (attribute.0, value(&attribute.1))).collect(),
    };
    let parent = trace.whole.parent.map(|parent| format!("{parent:016x}"));
    Ok(WholeRequest { request: request(&trace), parent, spans: spans.iter().map(step).collect(), more })
}

fn kept(app: &App) -> Result<()> {
    let off = || {
        Error::new(Code::NotSupported, "this server keeps no requests (`traces` = 0)")
            .hint("set limits.traces to how many it is to keep; docs/telemetry.md has the other way, a collector")
    };
    app.traces.is_on().then_some(()).ok_or_else(off)
}

fn request(trace: &Trace) -> Request {
    let (steps, waited) = trace.steps.sum();
    let about = trace.about.clone();
    Request {
        request: trace.name(),
        at: at(trace.whole.begun),
        method: about.method,
        route: about.route,
        table: about.table,
        status: about.status,
        code: about.code,
        ms: milliseconds(trace.whole.took()),
        waited_ms: milliseconds(waited),
        steps,
    }
}

/// `404`: that one; `4xx`: all of them.
fn statuses(text: &str) -> Result<(u16, u16)> {
    let bad = || Error::new(Code::BadOption, "`status` is a status, `404`, or a class of them, `4xx`").target("status");
    let digit = |text: &str| text.parse::<u16>().ok().filter(|first| (1..=5).contains(first));
    match text.strip_suffix("xx") {
        Some(class) => digit(class).map(|first| (first * 100, first * 100 + 99)).ok_or_else(bad),
        None => text.parse().ok().filter(|one| (100..600).contains(one)).map(|one| (one, one)).ok_or_else(bad),
    }
}

/// The path of the requests that these options mean, before this one.
fn older(asked: &Chosen, limit: u32, before: u64) -> String {
    let encoded = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    let options = [
        ("before", Some(before.to_string())),
        ("limit", Some(limit.to_string())),
        ("table", asked.table.as_deref().map(encoded)),
        ("status", asked.status.as_deref().map(encoded)),
        ("slower", asked.slower.map(|ms| ms.to_string())),
    ];
    let options = options.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    format!("/admin/v1/traces?{}", options.collect::<Vec<_>>().join("&"))
}

fn at(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap_or_default().to_string()
}

/// To the microsecond.
fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

fn value(value: &spans::Value) -> Value {
    match value {
        spans::Value::Text(text) => text.as_ref().into(),
        spans::Value::Number(number) => (*number).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_or_a_class() {
        let check = |text: &str, expected: Option<(u16, u16)>| assert_eq!(statuses(text).ok(), expected, "{text}");
        check("404", Some((404, 404)));
        check("5xx", Some((500, 599)));
        for bad in ["", "x", "xx", "6xx", "0xx", "44xx", "99", "600", "4XX", "-1", "4xx "] {
            check(bad, None);
        }
    }

    #[test]
    fn what_is_off_says_so() {
        let app = App::for_tests();
        let none = Chosen { table: None, status: None, slower: None, before: None, limit: None };
        assert!(listed(&app, &none).unwrap().traces.is_empty());
        assert_eq!(shown(&app, "x").err().unwrap().code(), Code::NotFound);
    }
}
