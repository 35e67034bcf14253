//! The table API: one function is the life of a request, from text to [`Request`] to rows to JSON. It says how long each
//! step took in `Server-Timing`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use crate::http::ingest::response_bundle;
use crate::http::metadata;
use crate::http::shared::{self, API, App, Shared, failure};
use crate::model::catalog::Relation;
use crate::model::error::{Code, Error, Result};
use crate::model::query::{Change, Compare, Expand, Expr, Filter, Literal, Query};
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::odata::headers::Headers;
use crate::odata::reply::{self, Found, Style};
use crate::odata::request::{Call, Message, Request, parse};
use crate::router::read::run::Meter;
use crate::router::snapshot::{ServedTable, Snapshot};

/// One request, as it goes through the house.
struct Serving<'a> {
    app: &'a App,
    headers: &'a HeaderMap,
    /// Taken once; a swap never changes a request that has begun.
    live: Arc<Snapshot>,
    /// The service root as the client sees it.
    base: String,
    /// Path after the root and query, as sent.
    path: String,
    query: String,
    deadline: Instant,
    timing: Timing,
}

#[derive(Default)]
struct Timing {
    parse: Duration,
    meter: Meter,
    render: Duration,
}

pub async fn serve(State(app): Shared, request: HttpRequest) -> Response {
    let mut response = match answer(&app, request).await {
        Ok(response) => response,
        Err(error) => failure(&error),
    };
    response.headers_mut().insert("odata-version", HeaderValue::from_static("4.0"));
    response
}

async fn answer(app: &App, request: HttpRequest) -> Result<Response> {
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let bundle = parts.uri.path().ends_with("/msind_UpsertBundle");
    let limits = &app.turntable.limits;
    let body = shared::body(body, if bundle { limits.bundle_bytes } else { limits.body_bytes }).await?;
    let mut serving = Serving {
        app,
        headers: &parts.headers,
        live: app.turntable.live(),
        base: base(&parts.headers),
        path: parts.uri.path().strip_prefix(API).unwrap_or_default().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        deadline: app.deadline(),
        timing: Timing::default(),
    };
    let live = serving.live.clone();
    let headers = headers(&parts.headers)?;
    let message = Message {
        // An answer to HEAD is one to GET without its body, which the HTTP layer leaves out.
        method: if parts.method == Method::HEAD { "GET" } else { parts.method.as_str() },
        path: &serving.path,
        query: &serving.query,
        headers: Headers(&headers),
        body: &body,
        base: &serving.base,
    };
    let call = parse(&message, &live.catalog, limits, jiff::Timestamp::now())?;
    serving.timing.parse = begun.elapsed();
    let mut response = serving.run(&call).await?;
    let headers = response.headers_mut();
    if !call.preferences.applied.is_empty() {
        set(headers, "preference-applied", &call.preferences.applied.join(", "));
    }
    set(headers, "server-timing", &serving.timing.to_string());
    Ok(response)
}

impl Serving<'_> {
    async fn run(&mut self, call: &Call) -> Result<Response> {
        let live = self.live.clone();
        match &call.request {
            Request::ServiceDocument => {
                let which = metadata::Which::Service { base: self.base.clone(), format: call.format };
                metadata::answer(&self.app.documents, &live, which, self.headers).await
            }
            Request::Metadata(form) => {
                metadata::answer(&self.app.documents, &live, metadata::Which::Schema(*form), self.headers).await
            }
            Request::Read { table, query } | Request::Count { table, query } if call.preferences.explain => {
                let table = live.table(&table.name)?;
                let plan = self.app.turntable.explain(&live, table, query, self.deadline).await?;
                Ok(shared::object(plan))
            }
            Request::Read { table, query } => self.rows(call, live.table(&table.name)?, query).await,
            Request::Count { table, query } => self.count(live.table(&table.name)?, query).await,
            Request::ReadOne { table, key, query, known } => {
                let table = live.table(&table.name)?;
                let rows = self.row(table, *key).await?.ok_or_else(|| no_row(&table.table))?;
                let etag = reply::etag(&table.table, &rows, 0);
                // Not with $expand: the related rows have versions of their own.
                let unchanged = query.expand.is_empty()
                    && rows
                        .cell(0, table.table.version.unwrap_or(usize::MAX))
                        .is_some_and(|v| known.iter().any(|k| k == v));
                if unchanged {
                    return Ok(with_etag(StatusCode::NOT_MODIFIED.into_response(), etag.as_deref()));
                }
                self.one(call, table, rows, query).await
            }
            Request::Property { table, key, column, raw } => {
                let table = live.table(&table.name)?;
                let rows = self.row(table, *key).await?.ok_or_else(|| no_row(&table.table))?;
                let style = self.style(call);
                let text = if *raw {
                    reply::property_text(style, &table.table, &rows, 0, *column)?
                        .map(|t| typed("text/plain", t.into_bytes()))
                } else {
                    reply::property(style, &table.table, &rows, 0, *column)?.map(|bytes| json(call, bytes))
                };
                Ok(text.unwrap_or_else(|| StatusCode::NO_CONTENT.into_response()))
            }
            Request::Follow { table, key, navigation, to, query } => {
                self.follow(call, live.table(&table.name)?, *key, navigation, to, query).await
            }
            Request::Write { table, change, query } => self.write(call, live.table(&table.name)?, change, query).await,
            Request::UpsertBundle { bundle } => {
                let outcomes = self.app.turntable.ingest(&live, bundle.as_bytes(), None, self.deadline).await?;
                Ok(shared::object(response_bundle(&outcomes)))
            }
        }
    }

    async fn rows(&mut self, call: &Call, table: &Arc<ServedTable>, query: &Query) -> Result<Response> {
        let turntable = &self.app.turntable;
        let live = self.live.clone();
        let shown = Query { select: Some(reply::columns(&table.table, query)), ..query.clone() };
        let page = turntable.read(&live, table, &shown, &self.token_binding(), self.deadline).await?;
        let next_link = page.next.as_deref().map(|token| self.next_link(token));
        self.timing.meter = page.meter;
        let expanded = turntable.expand(&live, table, &page.rows, &for_reply(&live, query)?, self.deadline).await?;
        let begun = Instant::now();
        let found = Found { table: &table.table, query, rows: &page.rows, expanded: &expanded };
        let around = reply::Page { count: page.count, next_link: next_link.as_deref() };
        let body = reply::page(self.style(call), found, around)?;
        self.timing.render = begun.elapsed();
        Ok(json(call, body))
    }

    async fn count(&mut self, table: &Arc<ServedTable>, query: &Query) -> Result<Response> {
        let query = Query {
            count: true,
            top: Some(0),
            skip: 0,
            select: Some(vec![table.table.key]),
            order: Vec::new(),
            ..query.clone()
        };
        let live = self.live.clone();
        let page = self.app.turntable.read(&live, table, &query, "", self.deadline).await?;
        self.timing.meter = page.meter;
        Ok(typed("text/plain", reply::count(page.count.unwrap_or_default())))
    }

    async fn one(&mut self, call: &Call, table: &Arc<ServedTable>, rows: Rows, query: &Query) -> Result<Response> {
        let live = self.live.clone();
        let wanted = for_reply(&live, query)?;
        let expanded = self.app.turntable.expand(&live, table, &rows, &wanted, self.deadline).await?;
        let begun = Instant::now();
        let found = Found { table: &table.table, query, rows: &rows, expanded: &expanded };
        let body = reply::one(self.style(call), found, 0)?;
        self.timing.render = begun.elapsed();
        Ok(with_etag(json(call, body), reply::etag(&table.table, &rows, 0).as_deref()))
    }

    /// The row that a lookup or concept leads to.
    async fn follow(
        &mut self,
        call: &Call,
        table: &Arc<ServedTable>,
        key: Uuid,
        navigation: &str,
        to: &Relation,
        query: &Query,
    ) -> Result<Response> {
        let live = self.live.clone();
        let rows = self.row(table, key).await?.ok_or_else(|| no_row(&table.table))?;
        let nothing = || StatusCode::NO_CONTENT.into_response();
        match to {
            Relation::Concept { concept } => {
                let body = reply::concept(self.style(call), &table.table, &rows, 0, *concept)?;
                Ok(body.map_or_else(nothing, |body| json(call, body)))
            }
            Relation::Lookup { column, table: other } => {
                let other = live.table(other)?;
                let Some(text) = rows.cell(0, *column) else { return Ok(nothing()) };
                let guid = crate::model::key::guid(text);
                match self.row(other, guid).await? {
                    Some(rows) => self.one(call, other, rows, query).await,
                    None => Err(no_row(&other.table)),
                }
            }
            Relation::Collection { table: other, column } => {
                let other = live.table(other)?;
                let belongs = Filter::Compare(Compare::Eq, Expr::Column(*column), Expr::Literal(Literal::Guid(key)));
                let filter = match &query.filter {
                    Some(filter) => Filter::And(Box::new(filter.clone()), Box::new(belongs)),
                    None => belongs,
                };
                let query = Query { filter: Some(filter), ..query.clone() };
                tracing::trace!(navigation, "following a collection");
                self.rows(call, other, &query).await
            }
        }
    }

    async fn write(
        &mut self,
        call: &Call,
        table: &Arc<ServedTable>,
        change: &Change,
        query: &Query,
    ) -> Result<Response> {
        let live = self.live.clone();
        let begun = Instant::now();
        let written = self.app.turntable.write(&live, table, change, self.deadline).await?;
        self.timing.meter.upstream = begun.elapsed();
        let url = reply::row_url(&self.base, &table.table, written.key);
        let etag = written.row.as_ref().and_then(|rows| reply::etag(&table.table, rows, 0));
        // Clients that ask for nothing expect the new row of a create, and nothing of an update (OData 8.2.8.7).
        let shows = call.preferences.representation.unwrap_or(written.created);
        let mut response = match written.row {
            Some(rows) if shows => self.one(call, table, rows, query).await?,
            _ => StatusCode::NO_CONTENT.into_response(),
        };
        if written.created && response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::CREATED;
        }
        if response.status() != StatusCode::OK {
            set(response.headers_mut(), "odata-entityid", &url);
        }
        if written.created {
            set(response.headers_mut(), "location", &url);
        }
        Ok(with_etag(response, etag.as_deref()))
    }

    async fn row(&mut self, table: &Arc<ServedTable>, key: Uuid) -> Result<Option<Rows>> {
        let live = self.live.clone();
        let begun = Instant::now();
        let row = self.app.turntable.read_row(&live, table, key, self.deadline).await?;
        self.timing.meter.upstream += begun.elapsed();
        Ok(row)
    }

    fn style<'s>(&'s self, call: &'s Call) -> Style<'s> {
        Style {
            catalog: &self.live.catalog,
            base: &self.base,
            format: call.format,
            annotations: &call.preferences.annotations,
        }
    }

    /// The request without its token: what a next link is good for.
    fn token_binding(&self) -> String {
        format!("{}?{}", self.path, self.without_token())
    }

    fn next_link(&self, token: &str) -> String {
        let query = self.without_token();
        let separator = if query.is_empty() { "" } else { "&" };
        format!("{}{}?{query}{separator}$skiptoken={token}", self.base, self.path)
    }

    fn without_token(&self) -> String {
        let is_token = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
            name.trim_start_matches('$').eq_ignore_ascii_case("skiptoken")
        };
        self.query.split('&').filter(|pair| !pair.is_empty() && !is_token(pair)).collect::<Vec<_>>().join("&")
    }
}

impl std::fmt::Display for Timing {
    /// Milliseconds, as W3C's Server-Timing has them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let meter = &self.meter;
        let steps = [
            ("parse", self.parse),
            ("plan", meter.plan),
            ("upstream", meter.upstream),
            ("mapping", meter.mapping),
            ("residual", meter.residual),
            ("render", self.render),
        ];
        let mut text = String::new();
        for (name, took) in steps {
            let separator = if text.is_empty() { "" } else { ", " };
            write!(text, "{separator}{name};dur={:.3}", took.as_secs_f64() * 1_000.0)?;
        }
        f.write_str(&text)
    }
}

/// Expansions with the columns that their replies need.
fn for_reply(live: &Snapshot, query: &Query) -> Result<Vec<Expand>> {
    query
        .expand
        .iter()
        .map(|expand| {
            let select = match &expand.to {
                Relation::Lookup { table, .. } | Relation::Collection { table, .. } => {
                    Some(reply::columns(&live.table(table)?.table, &expand.query))
                }
                Relation::Concept { .. } => None,
            };
            Ok(Expand { query: Query { select, ..expand.query.clone() }, ..expand.clone() })
        })
        .collect()
}

fn json(call: &Call, body: Vec<u8>) -> Response {
    typed(&call.format.content_type(), body)
}

fn typed(content_type: &str, body: Vec<u8>) -> Response {
    let mut response = body.into_response();
    set(response.headers_mut(), header::CONTENT_TYPE.as_str(), content_type);
    response
}

fn with_etag(mut response: Response, etag: Option<&str>) -> Response {
    if let Some(etag) = etag {
        set(response.headers_mut(), "etag", etag);
    }
    response
}

/// A value that is no header (a control character in a version, say) is left out.
fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

fn headers(headers: &HeaderMap) -> Result<Vec<(&str, &str)>> {
    headers
        .iter()
        .map(|(name, value)| {
            let text = value.to_str().map_err(|_| {
                Error::new(Code::BadRequest, format!("the header `{name}` holds something else than ASCII"))
            });
            Ok((name.as_str(), text?))
        })
        .collect()
}

/// From what the client, or the proxy before us, says that it called.
fn base(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = text("x-forwarded-proto").filter(|scheme| matches!(*scheme, "http" | "https")).unwrap_or("http");
    let host = text("x-forwarded-host").or_else(|| text("host")).unwrap_or("localhost");
    format!("{scheme}://{host}{API}")
}

fn no_row(table: &Table) -> Error {
    Error::new(Code::NotFound, format!("`{}` has no row of this key", table.entity_set))
}
