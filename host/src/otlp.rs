//! Traces and figures to a collector, by OTLP over HTTP as JSON (OpenTelemetry Protocol 1.5). What a collector does not take is tried
//! again a few times, then counted and gone: no request waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use crate::fhir::transport::{BaseUrl, install_tls};
use crate::model::error::{Code, Error, Result};
use crate::telemetry::spans::{self, Attribute, Kind, Recorder, Span};

/// How long steps are gathered.
const PAUSE: Duration = Duration::from_secs(1);

/// Steps in one call.
const AT_ONCE: usize = 512;

/// Time for one call.
const TIME: Duration = Duration::from_secs(5);

/// Times that one call is made.
const TRIES: u32 = 3;

/// How long the last steps may take at the end.
const LAST: Duration = Duration::from_secs(3);

/// Collectors say so where it may help to come again.
const AGAIN: [u16; 4] = [429, 502, 503, 504];

/// `[telemetry]` of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where the collector is; `/v1/traces` and `/v1/metrics` are below it.
    pub otlp: BaseUrl,
    /// What this server is called there.
    pub service: String,
    /// How often figures are sent.
    pub interval: Duration,
}

impl Settings {
    pub const SERVICE: &str = "turntable";
    pub const INTERVAL: Duration = Duration::from_secs(15);
}

/// Something that is counted, as `/metrics` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Without the name of the program before it.
    pub name: String,
    /// It only grows while the program runs.
    pub is_sum: bool,
    pub help: String,
    /// By labels, as Prometheus writes them: `{a="b",c="d"}`.
    pub samples: Vec<(String, u64)>,
}

/// Sends to one collector.
#[derive(Clone)]
pub struct Exporter {
    http: reqwest::Client,
    settings: Settings,
    begun: SystemTime,
    is_failing: Arc<AtomicBool>,
}

impl Exporter {
    /// `Config` where there is no HTTP client to be had.
    pub fn new(settings: Settings) -> Result<Self> {
        install_tls();
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIME)
            .user_agent(concat!("turntable/", env!("CARGO_PKG_VERSION")));
        if settings.otlp.is_loopback() {
            builder = builder.no_proxy();
        }
        if !settings.otlp.is_tls() {
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| {
            Error::new(Code::Config, "no HTTP client for telemetry")
                .target("telemetry.otlp")
                .internal(error.to_string())
        })?;
        Ok(Self { http, settings, begun: SystemTime::now(), is_failing: Arc::default() })
    }

    /// How often figures are to be sent.
    pub fn interval(&self) -> Duration {
        self.settings.interval
    }

    /// Sends steps until told to stop, then those that are left.
    pub async fn send_spans(self, recorder: Arc<Recorder>, mut stop: oneshot::Receiver<()>) {
        let Some(mut spans) = recorder.taken() else { return };
        loop {
            let mut some = Vec::new();
            tokio::select! {
                _ = gathered(&mut spans, &mut some) => {}
                _ = &mut stop => {
                    while let Ok(span) = spans.try_recv() {
                        some.push(span);
                    }
                    let last = some.chunks(AT_ONCE).map(|some| self.try_spans(some, &recorder));
                    let all = async {
                        for some in last {
                            some.await;
                        }
                    };
                    let _ = tokio::time::timeout(LAST, all).await;
                    return;
                }
            }
            self.try_spans(&some, &recorder).await;
        }
    }

    async fn try_spans(&self, some: &[Span], recorder: &Recorder) {
        if !some.is_empty() && !self.send("/v1/traces", &traces(&self.settings.service, some)).await {
            recorder.drop_some(some.len() as u64);
        }
    }

    /// Sends figures as they are now.
    pub async fn send_figures(&self, figures: &[Figure]) {
        let body = metrics(&self.settings.service, figures, self.begun, SystemTime::now());
        self.send("/v1/metrics", &body).await;
    }

    /// Whether it was taken.
    async fn send(&self, path: &str, body: &Value) -> bool {
        let url = format!("{}{path}", self.settings.otlp);
        let body = body.to_string();
        for again in 1..=TRIES {
            let call = self.http.post(&url).header("content-type", "application/json").body(body.clone());
            let why = match call.send().await {
                Ok(answer) if answer.status().is_success() => {
                    if self.is_failing.swap(false, Ordering::Relaxed) {
                        tracing::info!("the collector of telemetry takes it again");
                    }
                    return true;
                }
                Ok(answer) if !AGAIN.contains(&answer.status().as_u16()) => {
                    self.say(&format!("status {}", answer.status().as_u16()));
                    return false;
                }
                Ok(answer) => format!("status {}", answer.status().as_u16()),
                Err(error) => error.without_url().to_string(),
            };
            if again < TRIES {
                tokio::time::sleep(PAUSE * again).await;
            } else {
                self.say(&why);
            }
        }
        false
    }

    /// Once, until it goes well again.
    fn say(&self, why: &str) {
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            let collector = self.settings.otlp.to_string();
            tracing::warn!(collector, why, "telemetry is not taken; what it was is counted and gone");
        }
    }
}

/// As many as come in a while.
async fn gathered(spans: &mut Receiver<Span>, some: &mut Vec<Span>) {
    let until = tokio::time::Instant::now() + PAUSE;
    while some.len() < AT_ONCE {
        let room = AT_ONCE - some.len();
        match tokio::time::timeout_at(until, spans.recv_many(some, room)).await {
            Ok(more) if more > 0 => {}
            // The recorder outlives its exporter, so there is more to come.
            Ok(_) => tokio::time::sleep_until(until).await,
            Err(_) => return,
        }
    }
}

fn traces(service: &str, some: &[Span]) -> Value {
    let spans: Vec<_> = some.iter().map(span).collect();
    json!({ "resourceSpans": [{
        "resource": resource(service),
        "scopeSpans": [{ "scope": scope(), "spans": spans }],
    }]})
}

fn span(span: &Span) -> Value {
    let kind = match span.kind {
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
    };
    let mut told = json!({
        "traceId": format!("{:032x}", span.trace),
        "spanId": format!("{:016x}", span.span),
        "name": span.name,
        "kind": kind,
        "startTimeUnixNano": nanoseconds(span.begun),
        "endTimeUnixNano": nanoseconds(span.ended),
        "attributes": span.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "status": {},
    });
    if let Some(parent) = span.parent {
        told["parentSpanId"] = format!("{parent:016x}").into();
    }
    if let Some(failed) = &span.failed {
        told["status"] = json!({ "code": 2, "message": failed });
    }
    told
}

fn attribute(Attribute(name, value): &Attribute) -> Value {
    let value = match value {
        spans::Value::Text(text) => json!({ "stringValue": text }),
        // 64 bits are text in the JSON of protocol buffers.
        spans::Value::Number(number) => json!({ "intValue": number.to_string() }),
    };
    json!({ "key": name, "value": value })
}

fn metrics(service: &str, figures: &[Figure], begun: SystemTime, now: SystemTime) -> Value {
    let (begun, now) = (nanoseconds(begun), nanoseconds(now));
    let metric = |figure: &Figure| {
        let points = figure.samples.iter().map(|(labels, value)| {
            json!({
                "attributes": labelled(labels),
                "startTimeUnixNano": begun,
                "timeUnixNano": now,
                "asInt": value.to_string(),
            })
        });
        let points: Vec<_> = points.collect();
        let mut metric = json!({ "name": format!("turntable_{}", figure.name), "description": figure.help });
        if figure.is_sum {
            metric["sum"] = json!({ "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": points });
        } else {
            metric["gauge"] = json!({ "dataPoints": points });
        }
        metric
    };
    json!({ "resourceMetrics": [{
        "resource": resource(service),
        "scopeMetrics": [{ "scope": scope(), "metrics": figures.iter().map(metric).collect::<Vec<_>>() }],
    }]})
}

/// Labels as Prometheus writes them, without escapes: names of ours have none.
fn labelled(labels: &str) -> Vec<Value> {
    let labels = labels.trim_start_matches('{').trim_end_matches('}');
    let pairs = labels.split("\",").filter_map(|pair| pair.split_once("=\""));
    let one =
        |(name, value): (&str, &str)| json!({ "key": name, "value": { "stringValue": value.trim_end_matches('"') } });
    pairs.map(one).collect()
}

fn resource(service: &str) -> Value {
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    json!({ "attributes": [text("service.name", service), text("service.version", env!("CARGO_PKG_VERSION"))] })
}

fn scope() -> Value {
    json!({ "name": "turntable", "version": env!("CARGO_PKG_VERSION") })
}

fn nanoseconds(at: SystemTime) -> String {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_figures_are_written_as_the_protocol_has_them() {
        let begun = UNIX_EPOCH + Duration::from_millis(1_500);
        let one = Span {
            trace: 0xa,
            span: 0xb,
            parent: Some(0xc),
            name: "scan contact".to_owned(),
            kind: Kind::Client,
            begun,
            ended: begun + Duration::from_nanos(5),
            attributes: vec![Attribute::text("table", "contact"), Attribute::number("rows", 7)],
            failed: Some("Busy".to_owned()),
        };
        let told = traces("here", &[one]);
        let told = &told["resourceSpans"][0];
        assert_eq!(told["resource"]["attributes"][0]["value"]["stringValue"], "here");
        let expected = json!({
            "traceId": "0000000000000000000000000000000a", "spanId": "000000000000000b", "name": "scan contact", "kind": 3,
            "startTimeUnixNano": "1500000000", "endTimeUnixNano": "1500000005",
            "attributes": [
                { "key": "table", "value": { "stringValue": "contact" } }, { "key": "rows", "value": { "intValue": "7" } },
            ],
            "status": { "code": 2, "message": "Busy" }, "parentSpanId": "000000000000000c",
        });
        assert_eq!(told["scopeSpans"][0]["spans"][0], expected);
        let figure = |is_sum, labels: &str| Figure {
            name: "x_total".to_owned(),
            is_sum,
            help: "X.".to_owned(),
            samples: vec![(labels.to_owned(), 3)],
        };
        let figures = [figure(true, "{at=\"store\",of=\"a=b,c\"}"), figure(false, "")];
        let told = metrics("here", &figures, UNIX_EPOCH, begun);
        let told = &told["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
        let point = &told[0]["sum"]["dataPoints"][0];
        assert_eq!((&told[0]["name"], &point["asInt"]), (&json!("turntable_x_total"), &json!("3")));
        let labels = json!([
            { "key": "at", "value": { "stringValue": "store" } }, { "key": "of", "value": { "stringValue": "a=b,c" } },
        ]);
        assert_eq!(point["attributes"], labels);
        assert_eq!(told[1]["gauge"]["dataPoints"][0]["attributes"], json!([]));
    }
}
