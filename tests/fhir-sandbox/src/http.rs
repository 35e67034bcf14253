//! HTTP in front of the interactions: headers, content types, base URL, and the faults that happen
//! on the wire.

use std::collections::VecDeque;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::Frame;

use crate::faults::{Concern, Fault};
use crate::outcome::Refusal;
use crate::rest::{Call, Exchange, Interaction, Reply, Returns};
use crate::{Sandbox, SeenRequest, locked, transaction};

/// The path below which FHIR is served.
pub(crate) const BASE_PATH: &str = "/fhir";
/// The largest request body.
const MAX_BODY: usize = 64 * 1024 * 1024;
/// How many requests the log keeps.
const MAX_SEEN: usize = 10_000;
/// What a 429 or 503 tells the client to wait.
const RETRY_AFTER_SECONDS: &str = "1";

const FHIR_JSON: &str = "application/fhir+json;charset=utf-8";

/// The request headers that the log keeps.
const SEEN_HEADERS: [HeaderName; 8] = [
    header::ACCEPT,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("if-none-exist"),
    HeaderName::from_static("prefer"),
    HeaderName::from_static("traceparent"),
];

pub(crate) fn router(sandbox: Sandbox) -> axum::Router {
    axum::Router::new().fallback(answer).with_state(sandbox)
}

async fn answer(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let asked = parts.uri.path_and_query().map_or("/", |asked| asked.as_str()).to_owned();
    let head = parts.method == Method::HEAD;
    let method = if head { Method::GET } else { parts.method.clone() };
    let path = below_base(parts.uri.path());
    let body = to_bytes(body, MAX_BODY).await;
    log(&sandbox, &parts.method, &asked, &parts.headers, body.as_ref().ok());

    let interaction = match path {
        Some(path) => Interaction::of(&method, path),
        None => Err(Refusal::not_found(format!("FHIR is served below {BASE_PATH}"))),
    };
    let concern = interaction.as_ref().map_or(Concern::Other, Interaction::concern);
    let base = base_url(&parts.headers);
    let active = locked(&sandbox.inner.faults).strike(&asked, concern);
    if let Some(time) = active.latency() {
        tokio::time::sleep(time).await;
    }
    if let Some(status) = active.status() {
        return failing(status);
    }
    let exchange = Exchange { base, active, pages: &sandbox.inner.pages };
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let result = match (interaction, body) {
        (Err(refusal), _) => Err(refusal),
        (_, Err(_)) => Err(too_large()),
        (Ok(interaction), Ok(body)) => call(method, query, &parts.headers, body, &interaction)
            .and_then(|call| perform(&sandbox, &exchange, call, &interaction)),
    };
    let response = respond(&exchange, result);
    if head { response.map(|_| Body::empty()) } else { spoil(&exchange, response).await }
}

fn below_base(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(BASE_PATH)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

fn perform(
    sandbox: &Sandbox,
    exchange: &Exchange<'_>,
    call: Call,
    interaction: &Interaction,
) -> Result<Reply, Refusal> {
    if interaction.concern() != Concern::Write {
        return exchange.read(&sandbox.store(), &call, interaction);
    }
    let mut store = sandbox.store_mut();
    let result = match interaction {
        Interaction::Bundle => transaction::run(exchange, &mut store, &call),
        _ => exchange.write(&mut store, call, interaction),
    };
    store.keep();
    result
}

fn call(
    method: Method,
    query: String,
    headers: &HeaderMap,
    body: Bytes,
    interaction: &Interaction,
) -> Result<Call, Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let form = matches!(interaction, Interaction::Search(_)) && method == Method::POST;
    check_content_type(text("content-type").as_deref(), form, body.is_empty())?;
    check_accept(text("accept").as_deref(), &query)?;
    let prefer = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let prefer: Vec<&str> = prefer.flat_map(|value| value.split([',', ';'])).map(str::trim).collect();
    let returns = match prefer.iter().find_map(|preference| preference.strip_prefix("return=")) {
        Some("minimal") => Returns::Minimal,
        Some("representation") => Returns::Representation,
        _ => Returns::Unsaid,
    };
    Ok(Call {
        method,
        query,
        if_match: text("if-match"),
        if_none_match: text("if-none-match"),
        if_none_exist: text("if-none-exist"),
        strict: prefer.contains(&"handling=strict"),
        returns,
        payload: (!body.is_empty()).then_some(body),
    })
}

fn check_content_type(content_type: Option<&str>, form: bool, empty: bool) -> Result<(), Refusal> {
    let Some(content_type) = content_type.filter(|_| !empty) else {
        return Ok(());
    };
    let plain = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = match form {
        true => plain == "application/x-www-form-urlencoded",
        false => matches!(plain.as_str(), "application/fhir+json" | "application/json"),
    };
    if known {
        return Ok(());
    }
    let wanted = if form { "application/x-www-form-urlencoded" } else { "application/fhir+json" };
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", format!("The body must be {wanted}")))
}

fn check_accept(accept: Option<&str>, query: &str) -> Result<(), Refusal> {
    let format = query.split('&').find_map(|pair| pair.strip_prefix("_format="));
    let wanted = format.or(accept).unwrap_or("*/*").to_ascii_lowercase();
    if wanted.contains("json") || wanted.contains("*/*") || wanted.contains("application/*") {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, "not-supported", "Only application/fhir+json is served"))
}

fn too_large() -> Refusal {
    let why = format!("The body is larger than {MAX_BODY} bytes, or broke off");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", why)
}

fn base_url(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    format!("http://{host}{BASE_PATH}")
}

fn log(sandbox: &Sandbox, method: &Method, asked: &str, headers: &HeaderMap, body: Option<&Bytes>) {
    let kept = SEEN_HEADERS.into_iter().filter_map(|name| {
        let value = headers.get(&name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let form = body
        .filter(|_| asked.split('?').next().is_some_and(|path| path.ends_with("/_search")))
        .map(|body| String::from_utf8_lossy(body).into_owned());
    let seen = SeenRequest { method: method.to_string(), path: asked.to_owned(), headers: kept.collect(), form };
    let mut log: std::sync::MutexGuard<'_, VecDeque<SeenRequest>> = locked(&sandbox.inner.seen);
    if log.len() >= MAX_SEEN {
        log.pop_front();
    }
    log.push_back(seen);
}

fn respond(exchange: &Exchange<'_>, result: Result<Reply, Refusal>) -> Response {
    let reply = match result {
        Ok(reply) => reply,
        Err(refusal) => return refused(&refusal),
    };
    let mut response = match reply.body {
        Some(body) => {
            (reply.status, [(header::CONTENT_TYPE, FHIR_JSON)], String::from(Box::<str>::from(body))).into_response()
        }
        None => reply.status.into_response(),
    };
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    };
    if let Some(version) = reply.version.filter(|_| !exchange.active.has(Fault::DropVersion)) {
        set(header::ETAG, version.etag());
        set(header::LAST_MODIFIED, version.last_updated.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    }
    if let Some(location) = reply.location {
        set(header::LOCATION, location);
    }
    response
}

fn refused(refusal: &Refusal) -> Response {
    let outcome = serde_json::to_string(&refusal.outcome()).unwrap_or_default();
    (refusal.status, [(header::CONTENT_TYPE, FHIR_JSON)], outcome).into_response()
}

fn failing(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = refused(&Refusal::new(status, "transient", "The sandbox was told to fail"));
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    response
}

/// The faults of the wire: another page, half a document, half a connection.
async fn spoil(exchange: &Exchange<'_>, response: Response) -> Response {
    if exchange.active.has(Fault::Html) {
        let page = "<!doctype html><title>Sign in</title><p>Please sign in.";
        return ([(header::CONTENT_TYPE, "text/html")], page).into_response();
    }
    let response = packed(exchange, response).await;
    let cut = exchange.active.has(Fault::Cut);
    if !cut && !exchange.active.has(Fault::Malformed) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    if !cut {
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::from(half));
    }
    parts.headers.insert(header::CONTENT_LENGTH, whole.len().into());
    Response::from_parts(parts, Body::new(Cut { half: Some(half), flushed: false }))
}

/// The faults of a body that is whole.
async fn packed(exchange: &Exchange<'_>, response: Response) -> Response {
    let has = |fault| exchange.active.has(fault);
    if ![Fault::Gzip, Fault::Deflate, Fault::ByteOrderMark, Fault::TwoEntries].into_iter().any(has) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let mut text = to_bytes(body, usize::MAX).await.unwrap_or_default().to_vec();
    if has(Fault::TwoEntries) && text.ends_with(b"}") {
        text.pop();
        text.extend_from_slice(b",\"entry\":[]}");
    }
    if has(Fault::ByteOrderMark) {
        text.splice(0..0, *b"\xef\xbb\xbf");
    }
    for (fault, name) in [(Fault::Gzip, "gzip"), (Fault::Deflate, "deflate")] {
        if has(fault) {
            let level = flate2::Compression::fast();
            let written = match fault {
                Fault::Gzip => {
                    let mut packer = flate2::write::GzEncoder::new(Vec::new(), level);
                    packer.write_all(&text).and_then(|()| packer.finish())
                }
                _ => {
                    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), level);
                    packer.write_all(&text).and_then(|()| packer.finish())
                }
            };
            text = written.unwrap_or_default();
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(text))
}

/// A body that promises more than it gives: the server then drops the connection.
struct Cut {
    half: Option<Bytes>,
    flushed: bool,
}

impl HttpBody for Cut {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        if !std::mem::replace(&mut self.flushed, true) {
            // The server sends what it has when the body makes it wait; an error at once would drop it.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into())))
    }
}
