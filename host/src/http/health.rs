//! What operators watch: whether the server is ready, and figures for Prometheus.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::task::JoinSet;

use crate::http::shared::{App, Shared, json_reply};
use crate::log;
use crate::otlp::{Exporter, Figure};
use crate::router::candidate::Found;

/// Seconds that `/readyz` waits for a FHIR service.
const PING_SECONDS: u64 = 2;

/// Ready when every active mapping is loaded; a FHIR service that is down shows, and so does a store that cannot be written
/// to; neither makes it fail, since reads go on.
pub async fn readyz(State(app): Shared) -> Response {
    let mut sources = BTreeMap::new();
    let deadline = std::time::Instant::now() + Duration::from_secs(PING_SECONDS);
    // All at once: one that hangs takes no time from the others.
    let mut asking = JoinSet::new();
    for (name, client) in &app.turntable.sources {
        let (name, client) = (name.clone(), client.clone());
        asking.spawn(async move { (name, client.ping(deadline).await) });
    }
    while let Some(asked) = asking.join_next().await {
        let Ok((name, answer)) = asked else { continue };
        let state = match answer {
            Ok(took) => json!({ "up": true, "ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX) }),
            Err(error) => json!({ "up": false, "code": format!("{:?}", error.code()) }),
        };
        sources.insert(name, state);
    }
    let ready = app.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let tables = app.turntable.snapshot().tables().count();
    let store = match app.turntable.store.check_writable().await {
        Ok(()) => json!({ "writable": true }),
        Err(error) => json!({ "writable": false, "code": format!("{:?}", error.code()) }),
    };
    json_reply(status, &json!({ "ready": ready, "tables": tables, "store": store, "sources": sources }))
}

/// Prometheus' text format.
pub async fn metrics(State(app): Shared) -> Response {
    let mut text = String::new();
    for Figure { name, is_sum, help, samples } in figures(&app).await {
        let kind = if is_sum { "counter" } else { "gauge" };
        text.push_str(&format!("# HELP turntable_{name} {help}\n# TYPE turntable_{name} {kind}\n"));
        for (labels, value) in samples {
            text.push_str(&format!("turntable_{name}{labels} {value}\n"));
        }
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// Sends the same to a collector, for as long as the server is there.
pub async fn send_figures(app: Weak<App>, exporter: Exporter) {
    loop {
        tokio::time::sleep(exporter.interval()).await;
        let Some(app) = app.upgrade() else { return };
        let figures = figures(&app).await;
        drop(app);
        exporter.send_figures(&figures).await;
    }
}

/// All that is counted.
async fn figures(app: &App) -> Vec<Figure> {
    let mut all = Vec::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
        let (name, help, samples) = (name.to_owned(), help.to_owned(), samples.to_vec());
        all.push(Figure { name, is_sum: kind == "counter", help, samples });
    };
    let plain = |value: u64| vec![(String::new(), value)];
    let counters = &app.counters;
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    metric("requests_total", "counter", "Requests answered.", &plain(load(&counters.requests)));
    metric("request_errors_total", "counter", "Answers of 4xx and 5xx.", &plain(load(&counters.errors)));
    metric("request_server_errors_total", "counter", "Answers of 5xx.", &plain(load(&counters.server_errors)));
    metric("request_microseconds_total", "counter", "Time spent answering.", &plain(load(&counters.microseconds)));
    let lines = &app.lines;
    metric("connections", "gauge", "Connections that are open.", &plain(load(&lines.open)));
    metric("connections_refused_total", "counter", "Connections on top of the limit.", &plain(load(&lines.refused)));
    let closed = [("room", &lines.room), ("late", &lines.late), ("slow", &lines.slow)];
    let closed = closed.map(|(why, count)| (format!("{{why=\"{why}\"}}"), load(count)));
    let help = "Connections closed for another's room, a request that did not come, bytes that moved too slowly.";
    metric("connections_closed_total", "counter", help, &closed);
    let help = "Heads of requests that were too large, or none; they are in no other figure.";
    metric("requests_unread_total", "counter", help, &plain(load(&lines.unread)));
    metric("answers_withheld_total", "counter", "Answers on top of answers_bytes.", &plain(load(&lines.withheld)));
    let unsent = lines.unsent.load(Ordering::Relaxed) as u64;
    metric("answers_unsent_bytes", "gauge", "Bytes of answers that clients have not taken.", &plain(unsent));
    metric("bodies_declined_total", "counter", "Bodies on top of bodies_bytes.", &plain(load(&lines.declined)));
    let held = lines.held.load(Ordering::Relaxed) as u64;
    metric("bodies_held_bytes", "gauge", "Bytes of bodies that are here.", &plain(held));
    metric("log_lines_dropped_total", "counter", "Lines that the log could not take.", &plain(log::dropped()));
    let trail = &app.turntable.trail;
    let figures = trail.figures();
    metric("audit_entries_total", "counter", "Entries written to the audit trail.", &plain(load(&figures.written)));
    let help = "Requests that have a place in the audit trail and are not written yet.";
    metric("audit_waiting", "gauge", help, &plain(trail.waiting() as u64));
    let help = "Requests that found no place there in time (Busy); nothing was done for them.";
    metric("audit_refused_total", "counter", help, &plain(load(&figures.refused)));
    let help = "Writes to the audit trail that failed, and were tried again.";
    metric("audit_failures_total", "counter", help, &plain(load(&figures.failed)));
    let refused = plain(app.turntable.store.refused());
    metric("store_busy_total", "counter", "Reads and writes that found no turn at the store.", &refused);
    let writable = u64::from(app.turntable.store.check_writable().await.is_ok());
    metric("store_writable", "gauge", "1, or 0 where the store's disk takes nothing.", &plain(writable));
    let [reads, writes] = app.turntable.store.turns();
    let mut turns = vec![
        ("mappings".to_owned(), app.turntable.work.turns()),
        ("large-pages".to_owned(), &app.turntable.pages),
        ("store-reads".to_owned(), reads),
        ("store-writes".to_owned(), writes),
    ];
    turns.extend(app.turntable.sources.iter().map(|(name, client)| (format!("source/{name}"), client.turns())));
    let (mut held, mut waiting, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for (at, turns) in turns {
        for (of, figures) in turns.figures() {
            let labels = format!("{{at=\"{at}\",of=\"{of}\"}}");
            held.push((labels.clone(), figures.held as u64));
            waiting.push((labels.clone(), figures.waiting as u64));
            refused.push((labels, figures.refused));
        }
    }
    let help = "Turns held at mappings, large pages, store and FHIR services, by the mapping, table or resource type they are for.";
    metric("turns_held", "gauge", help, &held);
    metric("turns_waiting", "gauge", "Requests that wait for such a turn.", &waiting);
    metric("turns_refused_total", "counter", "Requests that found no such turn (Busy).", &refused);
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
    let mut unheard: BTreeMap<String, u64> = BTreeMap::new();
    for table in live.tables() {
        let mapping = &table.mapping;
        unheard.insert(
            format!("{{mapping=\"{}\",version=\"{}\"}}", mapping.name, mapping.version),
            mapping.log_lines_dropped(),
        );
    }
    let help = "Lines of a mapping that were not written to the log (mapping_log_lines).";
    metric("mapping_log_lines_dropped_total", "counter", help, &unheard.into_iter().collect::<Vec<_>>());
    let tried = live.candidates().iter().map(|one| {
        let (mapping, mode) = (&one.mapping, if one.is_canary() { "canary" } else { "shadow" });
        let short = mapping.digest.get(..15).unwrap_or_default();
        let labels = format!("table=\"{}\",mode=\"{mode}\",digest=\"{short}\"", one.root);
        (labels, one.found())
    });
    let tried: Vec<_> = tried.collect();
    let of = |value: fn(&Found) -> u64| -> Vec<(String, u64)> {
        tried.iter().map(|(labels, found)| (format!("{{{labels}}}"), value(found))).collect()
    };
    metric("trial_requests_total", "counter", "Requests given to a version on trial.", &of(|f| f.requests));
    metric(
        "trial_fallbacks_total",
        "counter",
        "Of these it failed, and the version in force answered.",
        &of(|f| f.fell_back),
    );
    metric("trial_dropped_total", "counter", "Reads and writes that were not compared.", &of(|f| f.dropped));
    metric("trial_rows_total", "counter", "Rows compared.", &of(|f| f.rows));
    metric("trial_differing_rows_total", "counter", "Rows that differ.", &of(|f| f.differing_rows));
    metric("trial_faults_total", "counter", "Resources on which it alone fails.", &of(|f| f.faults.values().sum()));
    metric("trials_stopped_total", "counter", "Canaries that were stopped.", &plain(app.turntable.times_stopped()));
    let sources: Vec<_> = app.turntable.sources.iter().map(|(name, client)| (name, client.counters())).collect();
    let of = |value: fn(&crate::fhir::client::Counters) -> u64| -> Vec<(String, u64)> {
        sources.iter().map(|(name, counters)| (format!("{{source=\"{name}\"}}"), value(counters))).collect()
    };
    metric("fhir_requests_total", "counter", "Exchanges with a FHIR service.", &of(|c| c.requests));
    metric("fhir_errors_total", "counter", "Exchanges that failed.", &of(|c| c.errors));
    metric("fhir_microseconds_total", "counter", "Time spent in exchanges.", &of(|c| c.micros));
    if let Some(recorder) = &app.recorder {
        let help = "Steps of requests that no collector of telemetry has taken.";
        metric("telemetry_spans_dropped_total", "counter", help, &plain(recorder.dropped()));
    }
    all
}
