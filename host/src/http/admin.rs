//! The admin API: tables with their routes and mappings, releases, the audit trail; and what operators watch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::http::openapi;
use crate::http::shared::{self, App, Shared, failure, json_reply, object};
use crate::mapping::component::names_kept;
use crate::model::error::{Code, Error, Result};
use crate::model::table::Route;
use crate::router::release::actor::Actor;
use crate::router::release::gate::LAWS_TIME;
use crate::router::snapshot::ServedTable;

/// Bytes of a small JSON body.
const BODY_BYTES: usize = 64 << 10;

/// Seconds that `/readyz` waits for a FHIR service.
const PING_SECONDS: u64 = 2;

pub async fn tables(State(app): Shared) -> Response {
    let live = app.turntable.snapshot();
    object(json!({ "tables": live.tables().map(summary).collect::<Vec<_>>() }))
}

pub async fn table(State(app): Shared, Path(table): Path<String>) -> Response {
    let live = app.turntable.snapshot();
    match live.table(&table).and_then(|table| detail(&app, table)) {
        Ok(detail) => object(detail),
        Err(error) => failure(&error),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    provider: String,
    source: Option<String>,
    #[serde(default)]
    copy: bool,
    #[serde(default)]
    dry_run: bool,
}

pub async fn turn(State(app): Shared, Path(table): Path<String>, request: Request) -> Response {
    let turned = async {
        let turn: Turn = body(request).await?;
        if turn.copy {
            return Err(Error::new(Code::NotSupported, "copying rows when a route is turned is not supported")
                .target("copy")
                .hint("turn the route without it; what the table showed before stays where it is"));
        }
        let route = match turn.provider.as_str() {
            "native" => Route::Native,
            "virtual" => Route::Virtual { source: turn.source.unwrap_or_else(|| "main".to_owned()) },
            _ => {
                return Err(Error::new(Code::BadValue, "`provider` is `native` or `virtual`").target("provider"));
            }
        };
        app.turntable.turn(&table, route, turn.dry_run, actor()).await
    };
    reply(StatusCode::OK, turned.await)
}

#[derive(Deserialize)]
pub struct Laws {
    laws_ms: Option<u64>,
}

pub async fn load(State(app): Shared, Query(query): Query<Laws>, request: Request) -> Response {
    let laws = query.laws_ms.map_or(LAWS_TIME, |ms| Duration::from_millis(ms).min(LAWS_TIME));
    let loaded = async {
        let component = shared::body(request.into_body(), app.turntable.limits.component_bytes).await?;
        app.turntable.load(component.to_vec(), actor(), laws).await
    };
    match loaded.await {
        Ok(loaded) => json_reply(if loaded.known { StatusCode::OK } else { StatusCode::CREATED }, &loaded),
        Err(error) => failure(&error),
    }
}

pub async fn mappings(State(app): Shared) -> Response {
    let listed = || {
        let live = app.turntable.snapshot();
        let mappings = app.turntable.store.mappings()?;
        let shown = mappings.iter().map(|mapping| {
            let active: Vec<_> =
                live.tables().filter(|t| t.mapping.digest == mapping.digest).map(|t| t.table.name.clone()).collect();
            mapping_json(mapping, &active)
        });
        Ok(json!({ "mappings": shown.collect::<Vec<_>>() }))
    };
    reply_with(listed())
}

pub async fn mapping(State(app): Shared, Path(digest): Path<String>) -> Response {
    let found = || {
        let mapping =
            app.turntable.store.mapping(&digest)?.ok_or_else(|| {
                Error::new(Code::NotFound, "no mapping of this digest has been loaded").target("digest")
            })?;
        let live = app.turntable.snapshot();
        let active: Vec<_> =
            live.tables().filter(|t| t.mapping.digest == digest).map(|t| t.table.name.clone()).collect();
        let mut shown = mapping_json(&mapping, &active);
        shown["report"] = mapping.report;
        Ok(shown)
    };
    reply_with(found())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    digest: String,
    #[serde(default = "activate")]
    mode: String,
    percent: Option<u8>,
}

fn activate() -> String {
    "activate".to_owned()
}

pub async fn release(State(app): Shared, Path(table): Path<String>, request: Request) -> Response {
    let released = async {
        let release: Release = body(request).await?;
        match release.mode.as_str() {
            "activate" if release.percent.is_none() => {}
            "activate" => {
                return Err(Error::new(Code::BadValue, "`percent` belongs to the mode `canary`").target("percent"));
            }
            mode @ ("shadow" | "canary") => {
                return Err(
                    Error::new(Code::NotSupported, format!("the mode `{mode}` is not supported")).target("mode")
                );
            }
            _ => return Err(Error::new(Code::BadValue, "`mode` is `activate`").target("mode")),
        }
        app.turntable.activate(&table, &release.digest, actor()).await
    };
    reply(StatusCode::OK, released.await)
}

pub async fn rollback(State(app): Shared, Path(table): Path<String>) -> Response {
    reply(StatusCode::OK, app.turntable.rollback(&table, actor()).await)
}

#[derive(Deserialize)]
pub struct Events {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

pub async fn events(State(app): Shared, Query(query): Query<Events>) -> Response {
    let limit = query.limit.unwrap_or(100).clamp(1, crate::store::control::EVENTS_MAX);
    let events = app.turntable.store.events(query.after, limit).map(|events| {
        let shown = events.iter().map(|event| {
            json!({
                "id": event.id,
                "at": event.at.to_string(),
                "actor": event.actor,
                "action": event.action,
                "table": event.table,
                "detail": event.detail,
            })
        });
        json!({ "events": shown.collect::<Vec<_>>() })
    });
    reply_with(events)
}

pub async fn openapi() -> Response {
    object(openapi::document())
}

/// Ready when every active mapping is loaded; a FHIR service that is down shows, and does not make it fail.
pub async fn readyz(State(app): Shared) -> Response {
    let mut sources = BTreeMap::new();
    let deadline = std::time::Instant::now() + Duration::from_secs(PING_SECONDS);
    for (name, client) in &app.turntable.sources {
        let state = match client.ping(deadline).await {
            Ok(took) => json!({ "up": true, "ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX) }),
            Err(error) => json!({ "up": false, "code": format!("{:?}", error.code()) }),
        };
        sources.insert(name, state);
    }
    let ready = app.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let tables = app.turntable.snapshot().tables().count();
    json_reply(status, &json!({ "ready": ready, "tables": tables, "sources": sources }))
}

/// Prometheus' text format.
pub async fn metrics(State(app): Shared) -> Response {
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
        text.push_str(&format!("# HELP turntable_{name} {help}\n# TYPE turntable_{name} {kind}\n"));
        for (labels, value) in samples {
            text.push_str(&format!("turntable_{name}{labels} {value}\n"));
        }
    };
    let plain = |value: u64| vec![(String::new(), value)];
    let counters = &app.counters;
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    metric("requests_total", "counter", "Requests answered.", &plain(load(&counters.requests)));
    metric("request_errors_total", "counter", "Answers of 4xx and 5xx.", &plain(load(&counters.errors)));
    metric("request_server_errors_total", "counter", "Answers of 5xx.", &plain(load(&counters.server_errors)));
    metric("request_microseconds_total", "counter", "Time spent answering.", &plain(load(&counters.microseconds)));
    let live = app.turntable.snapshot();
    let mut calls = BTreeMap::new();
    for table in live.tables() {
        let mapping = &table.mapping;
        let short = mapping.digest.get(..15).unwrap_or_default();
        let labels = format!("mapping=\"{}\",version=\"{}\",digest=\"{short}\"", mapping.name, mapping.version);
        calls.insert(labels, mapping.counters());
    }
    let of = |outcome: &str, value: fn(&crate::mapping::component::Counters) -> u64| -> Vec<(String, u64)> {
        calls.iter().map(|(labels, c)| (format!("{{{labels}{outcome}}}"), value(c))).collect()
    };
    metric("mapping_calls_total", "counter", "Calls of a mapping.", &of("", |c| c.calls.load(Ordering::Relaxed)));
    let mut failures = of(",why=\"fault\"", |c| c.faults.load(Ordering::Relaxed));
    failures.extend(of(",why=\"timeout\"", |c| c.timeouts.load(Ordering::Relaxed)));
    failures.extend(of(",why=\"memory\"", |c| c.memory.load(Ordering::Relaxed)));
    failures.extend(of(",why=\"ill-formed\"", |c| c.ill_formed.load(Ordering::Relaxed)));
    failures.extend(of(",why=\"busy\"", |c| c.busy.load(Ordering::Relaxed)));
    metric("mapping_failures_total", "counter", "Calls of a mapping that gave no answer.", &failures);
    let sources: Vec<_> = app.turntable.sources.iter().map(|(name, client)| (name, client.counters())).collect();
    let of = |value: fn(&crate::fhir::client::Counters) -> u64| -> Vec<(String, u64)> {
        sources.iter().map(|(name, counters)| (format!("{{source=\"{name}\"}}"), value(counters))).collect()
    };
    metric("fhir_requests_total", "counter", "Exchanges with a FHIR service.", &of(|c| c.requests));
    metric("fhir_errors_total", "counter", "Exchanges that failed.", &of(|c| c.errors));
    metric("fhir_microseconds_total", "counter", "Time spent in exchanges.", &of(|c| c.micros));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

fn summary(table: &Arc<ServedTable>) -> Value {
    let source = match &table.route {
        Route::Native => None,
        Route::Virtual { source } => Some(source),
    };
    json!({
        "name": table.table.name,
        "entitySet": table.table.entity_set,
        "label": table.table.label,
        "resource": table.table.sources.iter().map(|s| s.resource_type.as_str()).collect::<Vec<_>>(),
        "parent": table.table.parent.as_ref().map(|p| p.table.as_str()),
        "route": table.route.to_string().split(':').next().unwrap_or_default(),
        "source": source,
        "mapping": {
            "name": table.mapping.name,
            "version": table.mapping.version,
            "digest": table.mapping.digest,
        },
    })
}

fn detail(app: &App, table: &Arc<ServedTable>) -> Result<Value> {
    let mut detail = summary(table);
    let counters = table.mapping.counters();
    detail["nativeRows"] = json!(app.turntable.store.count_rows(&table.table)?);
    detail["counters"] = json!({
        "mappingCalls": counters.calls.load(Ordering::Relaxed),
        "mappingFaults": counters.faults.load(Ordering::Relaxed),
        "mappingTimeouts": counters.timeouts.load(Ordering::Relaxed),
    });
    detail["columns"] = table
        .table
        .columns
        .iter()
        .map(|column| {
            json!({
                "name": column.property(),
                "label": column.label,
                "kind": crate::model::value::kind_name(&column.kind),
                "path": column.path,
                "writable": column.access.update,
                "required": column.required,
            })
        })
        .collect();
    Ok(detail)
}

fn mapping_json(mapping: &crate::store::control::Mapping, active: &[String]) -> Value {
    json!({
        "digest": mapping.digest,
        "name": mapping.name,
        "version": mapping.version,
        "tables": names_kept(&mapping.tables),
        "activeFor": active,
        "uploadedAt": mapping.uploaded_at.to_string(),
        "uploadedBy": mapping.uploaded_by,
    })
}

/// There is one administrator until there is authentication: whoever reaches the loopback address.
fn actor() -> Actor {
    Actor("local".to_owned())
}

async fn body<T: DeserializeOwned>(request: Request) -> Result<T> {
    let body = shared::body(request.into_body(), BODY_BYTES).await?;
    serde_json::from_slice(&body).map_err(|e| {
        Error::new(Code::BadJson, format!("the body is not what is expected here: {e}"))
            .hint("see /admin/v1/openapi.json")
    })
}

fn reply(status: StatusCode, result: Result<impl serde::Serialize>) -> Response {
    match result {
        Ok(value) => json_reply(status, &value),
        Err(error) => failure(&error),
    }
}

fn reply_with(result: Result<Value>) -> Response {
    reply(StatusCode::OK, result)
}
