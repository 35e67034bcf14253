//! The table API: one function is the life of a request, from text to [`Request`] to rows to JSON. It says how long each
//! step took in `Server-Timing`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::http::audited::about;
use crate::http::doors::{Entered, Peer};
use crate::http::export::{self, Export};
use crate::http::identity::{may, or_forbidden};
use crate::http::ingest::response_bundle;
use crate::http::metadata::Which;
use crate::http::sent::Sent;
use crate::http::shared::{self, AT_ONCE, App, Shared, below, failure};
use crate::http::{actions, body};
use crate::model::access::Operation;
use crate::model::aggregate::Aggregation;
use crate::model::caller::{Caller, Kind};
use crate::model::catalog::{Catalog, Relation};
use crate::model::error::{Code, Error, Result};
use crate::model::fetch::Fetch;
use crate::model::key;
use crate::model::query::{Change, Expand, Filter, Precondition, Query};
use crate::model::result::{Changes, Expanded, Names};
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::model::user_view::UserViewChange;
use crate::odata::definitions::address::{Answer, Definitions};
use crate::odata::definitions::user_view;
use crate::odata::delta::{self, Then};
use crate::odata::fetch::query::cookie;
use crate::odata::files::{self, Described};
use crate::odata::flat;
use crate::odata::groups;
use crate::odata::headers::{Detail, FileForm};
use crate::odata::metadata::NAMESPACE;
use crate::odata::reply::{self, Found, Style};
use crate::odata::request::{Call, Request, user_view_asked};
use crate::plan::evaluate::residual::columns_of_expr;
use crate::router::noted::Noting;
use crate::router::read::fetch::Fetched;
use crate::router::session::{Session, Step, Trace};
use crate::router::snapshot::ServedTable;
use crate::router::work;
use crate::router::write::change::Written;
use crate::router::write::ingest::{How, Taken};

/// A change that is made, or staged, and not shown yet.
pub(super) struct Changed {
    sent: Arc<Sent>,
    call: Arc<Call>,
    written: Written,
    /// Of the row, below the service root.
    address: String,
    /// Which one it is of the change set, in the audit trail.
    part: usize,
}

/// One request, as it goes through the house.
struct Serving<'a> {
    app: &'a App,
    session: Session,
    sent: Arc<Sent>,
    call: Arc<Call>,
    /// What it leaves in the audit trail.
    noted: Option<Arc<Noting>>,
    /// Which one it is of a change set there.
    part: usize,
}

pub async fn serve(State(app): Shared, caller: Caller, request: HttpRequest) -> Response {
    let mut response = match answer(&app, &caller, request).await {
        Ok(response) => response,
        Err(error) => failure(&error),
    };
    response.headers_mut().insert("odata-version", HeaderValue::from_static("4.0"));
    response
}

async fn answer(app: &App, caller: &Caller, request: HttpRequest) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let root = parts.extensions.get::<Entered>().map_or_else(String::new, |entered| entered.root.clone());
    let limits = &app.turntable.limits;
    let is_bundle = parts.uri.path().ends_with("msind_UpsertBundle");
    let limit = if is_bundle { ("bundle_bytes", limits.bundle_bytes) } else { ("body_bytes", limits.body_bytes) };
    let body = body::read(app, &parts.headers, body, limit).await?;
    let (api, path) = below(parts.uri.path());
    let sent = Sent {
        peer: parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical()),
        base: root + api,
        path: path.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method,
        headers: parts.headers,
        body,
        in_batch: false,
        user_view: None,
        found: Vec::new(),
    };
    respond(app, sent.by_get(limits)?, app.session(caller)).await
}

/// The life of a request from here on, in a session of its own. A read is answered by canaries where these serve its caller,
/// and by what is in force where they fail: nobody is worse off for being among them.
pub(super) async fn respond(app: &App, sent: Sent, session: Session) -> Result<Response> {
    if !matches!(sent.method, Method::GET | Method::HEAD) || !session.snapshot().has_canaries() {
        return answered(app, sent, session).await;
    }
    let in_force = session.in_force();
    let session = session.by_canaries(&asker(&sent, in_force.caller()));
    let canaries = session.canaries().to_vec();
    if canaries.is_empty() {
        return answered(app, sent, session).await;
    }
    canaries.iter().for_each(|canary| canary.answers());
    // Where it takes too long, there is as much time left for what is in force.
    let now = Instant::now();
    let half = now + in_force.deadline().saturating_duration_since(now) / 2;
    let session = session.until(half);
    let again = sent.clone();
    let error = match answered(app, sent, session).await {
        Err(error) if may_be_of_mapping(error.code()) => error,
        answer => return answer,
    };
    let request = format!("{}?{}", again.path, again.query);
    let answer = answered(app, again, in_force).await?;
    // A link that the version in force has given is good for nothing but that.
    if !matches!(error.code(), Code::PageTokenExpired | Code::DeltaTokenExpired) {
        canaries.iter().for_each(|canary| canary.fell_back(&request));
        app.turntable.samples.come.notify_one();
    }
    Ok(answer)
}

/// Tells callers apart, the same from one request to the next: by who they are, or, where nobody asks that, by the address
/// that they come from.
fn asker(sent: &Sent, caller: &Caller) -> String {
    match (caller.kind(), sent.peer) {
        (Kind::Local, Some(peer)) => format!("{} {peer}", caller.name()),
        _ => caller.name().to_owned(),
    }
}

/// Whether a request that canaries have failed is answered by what is in force, so that this is not the end of it.
fn is_asked_again(session: &Session, error: &Error) -> bool {
    !session.canaries().is_empty() && may_be_of_mapping(error.code())
}

/// Whether another version of a mapping might answer what this one fails. Where the server or a FHIR service has no more to
/// give, or the caller may not, it would not.
fn may_be_of_mapping(code: Code) -> bool {
    !matches!(
        code,
        Code::Busy
            | Code::MappingBusy
            | Code::Unauthorized
            | Code::Forbidden
            | Code::UpstreamBusy
            | Code::UpstreamAuth
            | Code::UpstreamDown
            | Code::UpstreamTimeout
            | Code::Store
            | Code::StorageFull
            | Code::StorageFailed
    )
}

async fn answered(app: &App, mut sent: Sent, session: Session) -> Result<Response> {
    if let Some(id) = user_view_asked(&sent.query) {
        session.caller().may_do(Operation::Read)?;
        sent.user_view = session.user_view(id).await?;
    }
    let begun = Instant::now();
    let (sent, call) = sent.read(&session).await?;
    let call = match call.map_err(|error| or_forbidden(session.caller(), &sent.method, &sent.path, error)) {
        Ok(call) => call,
        Err(error) => {
            if !is_asked_again(&session, &error) {
                session.note_refused(None, &error).await?;
            }
            return Err(error);
        }
    };
    session.trace().add(Step::Parse, begun.elapsed());
    if call.export.is_some() && !session.canaries().is_empty() {
        // What has left of a file cannot be answered anew.
        let sent = Arc::unwrap_or_clone(sent);
        return Box::pin(answered(app, sent, session.in_force())).await;
    }
    let noted = match about(&call) {
        Some(about) => session.note(about).await?,
        None => None,
    };
    let serving = Serving { app, session, sent, call: Arc::new(call), noted, part: 0 };
    let answered = serving.permitted().await;
    if let (Some(noted), Err(error)) = (&serving.noted, &answered)
        && is_asked_again(&serving.session, error)
    {
        noted.withdraw();
    }
    if let Some(noted) = serving.noted.as_ref().filter(|noted| answered.is_err() || !noted.is_passed_on()) {
        noted.end(answered.as_ref().err()).await;
    }
    let mut response = answered?;
    let headers = response.headers_mut();
    if !serving.call.preferences.applied.is_empty() {
        set(headers, "preference-applied", &serving.call.preferences.applied.join(", "));
    }
    set(headers, "server-timing", &timing(serving.session.trace()));
    Ok(response)
}

/// Makes a change that has been read, which may be one of several in its session, and in its entries of the audit trail.
pub(super) async fn change(session: &Session, sent: Arc<Sent>, call: Call, noted: Option<&Noting>) -> Result<Changed> {
    let Request::Write { table, change, .. } = &call.request else {
        return Err(Error::new(Code::Internal, "what was to be a change is none"));
    };
    let part = match (noted, about(&call)) {
        (Some(noted), Some(about)) => noted.part(session, about),
        _ => 0,
    };
    may(session.caller(), &call.request)?;
    session.remember_keys(&call.keys);
    let written = session.insert(session.snapshot().table(&table.name)?, change).await?;
    let address = address(session, &call, table, written.key);
    if let Some(noted) = noted {
        noted.part_made(part, written.key);
    }
    Ok(Changed { sent, call: Arc::new(call), written, address, part })
}

/// Of a row below the service root, under the name that its table was asked by.
fn address(session: &Session, call: &Call, table: &Arc<Table>, key: Uuid) -> String {
    let twin = if call.twins { session.catalog().twin(table) } else { None };
    reply::row_url("", twin.unwrap_or(table), key)
}

impl Changed {
    /// The address of the row below the service root.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Which one it is of the change set in the audit trail, and the key of its row.
    pub(super) fn part(&self) -> (usize, Uuid) {
        (self.part, self.written.key)
    }

    /// The same under the key that the row has now that it is stored: the session is the one that has written it.
    pub(super) async fn settled(mut self, session: &Session) -> Result<Self> {
        if let Request::Write { table, .. } = &self.call.request {
            self.written.key = session.settled(session.snapshot().table(&table.name)?, &self.written).await?;
            self.address = address(session, &self.call, table, self.written.key);
        }
        Ok(self)
    }

    /// The answer, once it is stored: of the row as it is now.
    pub(super) async fn shown(self, app: &App, session: Session, noted: Option<Arc<Noting>>) -> Result<Response> {
        let Request::Write { table, query, .. } = &self.call.request else {
            return Err(Error::new(Code::Internal, "what was a change is none"));
        };
        let table = session.snapshot().table(&table.name)?.clone();
        let row = match self.written.row {
            Some(_) => session.read_row(&table, self.written.key).await?,
            None => None,
        };
        let written = Written { row, ..self.written };
        let serving = Serving { app, session, sent: self.sent, call: self.call.clone(), noted, part: self.part };
        serving.written(&table, written, query).await
    }
}

impl Serving<'_> {
    /// `Forbidden` for what the caller may not at all.
    async fn permitted(&self) -> Result<Response> {
        may(self.session.caller(), &self.call.request)?;
        self.session.remember_keys(&self.call.keys);
        self.run().await
    }

    /// These rows are shown.
    fn saw(&self, table: &Table, rows: &Rows) {
        if let Some(noted) = &self.noted {
            noted.saw(table, rows);
        }
    }

    /// The same of a page, which may be large.
    async fn saw_page(&self, table: &Arc<Table>, rows: Rows) -> Result<Rows> {
        if rows.bytes() <= AT_ONCE {
            self.saw(table, &rows);
            return Ok(rows);
        }
        let Some(noted) = self.noted.clone() else { return Ok(rows) };
        let own = table.clone();
        let saw = move || {
            noted.saw(&own, &rows);
            rows
        };
        self.session.work_aside(saw).await
    }

    /// What hangs on them is shown, too.
    fn saw_beside(&self, query: &Query, expanded: &[Expanded]) {
        if let Some(noted) = &self.noted {
            noted.saw_beside(&self.session, self.part, &query.expand, expanded);
        }
    }

    fn saw_names(&self, names: &Names) {
        if let Some(noted) = &self.noted {
            noted.saw_names(&self.session, self.part, names);
        }
    }

    /// So many rows are shown, or were written.
    fn counted(&self, rows: usize) {
        if let Some(noted) = &self.noted {
            noted.counted(rows as u64);
        }
    }

    /// What a bundle has done, by the addresses of its resources.
    fn took(&self, taken: &Taken) {
        if let Some(noted) = &self.noted {
            noted.took(&self.session, taken);
        }
    }

    async fn run(&self) -> Result<Response> {
        let (session, call) = (&self.session, &*self.call);
        let snapshot = session.snapshot();
        match &call.request {
            Request::ServiceDocument => {
                let which = Which::Service { base: self.sent.base.clone(), format: call.format };
                self.app.documents.answer(session, which, &self.sent.headers).await
            }
            Request::Metadata(form) => {
                let which = Which::Schema(*form, call.format.dates_as_moments);
                self.app.documents.answer(session, which, &self.sent.headers).await
            }
            Request::Read { table, query } if call.preferences.explain => {
                let shown = shown(session, table, query)?;
                Ok(shared::object(session.explain(snapshot.table(&table.name)?, &shown).await?))
            }
            Request::Count { table, query } if call.preferences.explain => {
                Ok(shared::object(session.explain(snapshot.table(&table.name)?, &counted(table, query)).await?))
            }
            Request::Fetch { table, fetch } if call.preferences.explain => {
                Ok(shared::object(session.explain_fetch(snapshot.table(&table.name)?, fetch).await?))
            }
            Request::Fetch { table, fetch } => self.fetched(snapshot.table(&table.name)?, fetch).await,
            Request::Aggregate { table, aggregation } if call.preferences.explain => {
                Ok(shared::object(session.explain_groups(snapshot.table(&table.name)?, aggregation).await?))
            }
            Request::Read { table, query } => self.rows(snapshot.table(&table.name)?, query).await,
            Request::Changes { table, query, token } => self.changes(snapshot.table(&table.name)?, query, token).await,
            Request::Aggregate { table, aggregation } => self.groups(snapshot.table(&table.name)?, aggregation).await,
            Request::Count { table, query } => self.count(snapshot.table(&table.name)?, query).await,
            Request::ReadOne { table, key, query, known } => {
                let table = snapshot.table(&table.name)?;
                let rows = session.read_row(table, *key).await?.ok_or_else(|| no_row(&table.table))?;
                let etag = reply::etag(&table.table, &rows, 0);
                // Not with $expand: the related rows have versions of their own.
                let unchanged = query.expand.is_empty()
                    && rows
                        .cell(0, table.table.version.unwrap_or(usize::MAX))
                        .is_some_and(|v| known.iter().any(|k| k == v));
                if unchanged {
                    return Ok(with_etag(StatusCode::NOT_MODIFIED.into_response(), etag.as_deref()));
                }
                self.one(table, rows, query).await
            }
            Request::Property { table, key, column, raw } => {
                let table = snapshot.table(&table.name)?;
                let rows = session.read_row(table, *key).await?.ok_or_else(|| no_row(&table.table))?;
                self.counted(1);
                let names = Names::default();
                let style = self.style(&names);
                let text = if *raw {
                    reply::property_text(style, session.seen(&table.table), &rows, 0, *column)?
                        .map(|t| typed("text/plain", t.into_bytes()))
                } else {
                    reply::property(style, session.seen(&table.table), &rows, 0, *column)?
                        .map(|bytes| json(call, bytes))
                };
                Ok(text.unwrap_or_else(|| StatusCode::NO_CONTENT.into_response()))
            }
            Request::Follow { table, key, navigation, to, query } => {
                self.follow(snapshot.table(&table.name)?, *key, navigation, to, query).await
            }
            Request::Write { table, change, query } => self.write(snapshot.table(&table.name)?, change, query).await,
            Request::Reference { table, key, column, to } => {
                let (table, other) = (snapshot.table(&table.name)?, snapshot.table(to)?);
                let rows = session.read_row(table, *key).await?.ok_or_else(|| no_row(&table.table))?;
                self.counted(1);
                let text = rows.cell(0, *column);
                let Some(guid) = text.and_then(|text| key::led_to(&table.table, *column, text, &other.table)) else {
                    return Ok(StatusCode::NO_CONTENT.into_response());
                };
                let mut body = Map::new();
                if call.format.detail != Detail::None {
                    body.insert("@odata.context".into(), format!("{}$metadata#$ref", self.sent.base).into());
                }
                body.insert("@odata.id".into(), self.row_url(&other.table, guid).into());
                Ok(json(call, Value::Object(body).to_string().into_bytes()))
            }
            Request::Multiple { table, changes, shows } => {
                let written = session.write_all(&table.name, changes).await.map_err(|(position, error)| {
                    let at = format!("Targets[{position}]");
                    let target = error.get_target().map_or(at.clone(), |target| format!("{at}/{target}"));
                    error.target(target)
                })?;
                if let Some(noted) = &self.noted {
                    written.iter().for_each(|written| noted.made(written.key));
                }
                if !shows {
                    return Ok(StatusCode::NO_CONTENT.into_response());
                }
                let ids: Vec<_> = written.iter().map(|written| Value::from(written.key.to_string())).collect();
                Ok(self.action("CreateMultiple", Map::from_iter([("Ids".to_owned(), Value::Array(ids))])))
            }
            Request::Definitions(asked) => self.definitions(asked).await,
            Request::ChangeUserView { change, precondition } => self.user_view(change, precondition).await,
            Request::Opening { opener, table } => {
                Ok(download(files::opening(*opener, &self.sent.base, table.as_deref())))
            }
            Request::Described { form, tables } => {
                let (form, tables, base) = (*form, tables.clone(), self.sent.base.clone());
                let file = session.work_aside(move || files::description(form, &base, &tables)).await?;
                // Tools read it from its address.
                Ok(if form == Described::OpenApi { typed(file.content_type, file.bytes) } else { download(file) })
            }
            Request::UpsertBundle { bundle, action: false } => {
                let taken = session.ingest(bundle.clone().into(), How::default()).await?;
                self.took(&taken);
                Ok(shared::object(response_bundle(&taken)))
            }
            Request::UpsertBundle { bundle, action: true } => {
                let how = How { as_batch: true, own_ids: true, ..How::default() };
                let taken = session.ingest(bundle.clone().into(), how).await?;
                self.took(&taken);
                Ok(self.action("msind_UpsertBundle", actions::upserted(&taken.outcomes)))
            }
            Request::RetrieveBundle { resource_type, id, elements } => {
                let found = session.resource(resource_type, id).await?;
                if let Some(noted) = self.noted.as_ref().filter(|_| found.is_some()) {
                    noted.resource(session, resource_type, id);
                }
                Ok(self.action("msind_RetrieveBundle", actions::retrieved(found.as_deref(), elements)))
            }
        }
    }

    /// A list of all tables with their columns takes a while.
    async fn definitions(&self, asked: &Definitions) -> Result<Response> {
        let kept = match asked.asks_for_user_views() {
            true => self.session.user_views().await?,
            false => Vec::new(),
        };
        let (catalog, asked, call) = (self.session.catalog_kept(), asked.clone(), self.call.clone());
        let base = self.sent.base.clone();
        let answered = self.session.work_aside(move || {
            Ok(match asked.answer(catalog.described(), &kept)? {
                Answer::Nothing => StatusCode::NO_CONTENT.into_response(),
                Answer::Text(text) => typed("text/plain", text.into_bytes()),
                Answer::Object { context, members } => {
                    let mut body = Map::new();
                    if call.format.detail != Detail::None {
                        body.insert("@odata.context".to_owned(), format!("{base}$metadata#{context}").into());
                    }
                    body.extend(members);
                    json(&call, Value::Object(body).to_string().into_bytes())
                }
            })
        });
        answered.await?
    }

    async fn user_view(&self, change: &UserViewChange, precondition: &Precondition) -> Result<Response> {
        let (view, is_new) = self.session.change_user_view(change.clone(), precondition).await?;
        let nothing = || StatusCode::NO_CONTENT.into_response();
        let Some(view) = view else { return Ok(nothing()) };
        let url = format!("{}userqueries({})", self.sent.base, view.id);
        let mut response = nothing();
        if self.call.preferences.representation.unwrap_or(is_new) {
            let mut body = Map::new();
            if self.call.format.detail != Detail::None {
                body.insert("@odata.context".into(), format!("{}$metadata#userqueries/$entity", self.sent.base).into());
            }
            body.insert("@odata.etag".into(), user_view::etag(&view).into());
            body.extend(user_view::object(&view));
            response = json(&self.call, Value::Object(body).to_string().into_bytes());
            if is_new {
                *response.status_mut() = StatusCode::CREATED;
            }
        }
        set(response.headers_mut(), "odata-entityid", &url);
        if is_new {
            set(response.headers_mut(), "location", &url);
        }
        Ok(with_etag(response, Some(&user_view::etag(&view))))
    }

    /// The answer of an action.
    fn action(&self, name: &str, answer: Map<String, Value>) -> Response {
        let context = format!("{}$metadata#{NAMESPACE}.{name}Response", self.sent.base);
        let mut body = Map::from_iter([("@odata.context".to_owned(), Value::from(context))]);
        body.extend(answer);
        json(&self.call, Value::Object(body).to_string().into_bytes())
    }

    async fn rows(&self, table: &Arc<ServedTable>, query: &Query) -> Result<Response> {
        if let Some(form) = self.call.export {
            return self.export(table, query, form).await;
        }
        let of = self.session.seen(&table.table);
        let shown = shown(&self.session, of, query)?;
        let found = self.session.read(table, &shown, &self.sent.token_binding()).await?;
        let rows = self.saw_page(&table.table, found.rows).await?;
        let next_link = found.next.as_deref().map(|token| self.sent.next_link(token));
        let delta_link = found.delta.as_deref().map(|token| self.sent.delta_link(token));
        let (count, references) = (found.count, self.call.references);
        let body = self
            .rendered(&table.table, of, rows, query, found.expanded, move |style, found| {
                let (next_link, delta_link) = (next_link.as_deref(), delta_link.as_deref());
                let page = reply::Page { count, next_link, delta_link };
                if references { reply::references(style, found, page) } else { reply::page(style, found, page) }
            })
            .await?;
        Ok(json(&self.call, body))
    }

    async fn changes(&self, table: &Arc<ServedTable>, query: &Query, token: &str) -> Result<Response> {
        let of = self.session.seen(&table.table);
        let shown = shown(&self.session, of, query)?;
        let Changes { rows, gone, token, more } =
            self.session.changes(table, &shown, token, &self.sent.token_binding()).await?;
        self.saw(&table.table, &rows);
        let link = self.sent.delta_link(&token);
        let written = self.rendered(&table.table, of, rows, query, Vec::new(), move |style, found| {
            let then = if more { Then::NextLink(&link) } else { Then::DeltaLink(&link) };
            delta::page(style, found, &gone, then)
        });
        Ok(json(&self.call, written.await?))
    }

    /// Flat rows. A client that asks for pages of a size of its own goes on by the cookie, any other by a next link, too.
    async fn fetched(&self, table: &Arc<ServedTable>, fetch: &Fetch) -> Result<Response> {
        let Fetched { flat, count, next } = self.session.fetch(table, fetch, &self.sent.path).await?;
        let columns = flat::columns(fetch, flat.sides.len());
        if let Some(noted) = &self.noted {
            noted.saw_flat(&flat, &columns);
        }
        let names = match self.style(&Names::default()).wants_names() {
            true => self.session.names_of_flat(&flat, &columns).await,
            false => Names::default(),
        };
        self.saw_names(&names);
        let begun = Instant::now();
        let cookie = next.as_deref().map(|token| cookie(&fetch.page, fetch.query.skip, token));
        let next_link = next.as_deref().filter(|_| !fetch.page.is_clients).map(|token| self.sent.next_link(token));
        let (catalog, sent, call) = (self.session.catalog_kept(), self.sent.clone(), self.call.clone());
        let (shown, fetch) = (self.session.seen(&table.table).clone(), fetch.clone());
        let expand_bytes = self.session.limits().expand_bytes;
        let shows_count = fetch.query.count;
        let write = move || {
            let (cookie, next_link) = (cookie.as_deref(), next_link.as_deref());
            let page = flat::Page { count, shows_count, more: cookie.is_some(), cookie, next_link };
            flat::page(style(&catalog, &sent, &call, &names, expand_bytes), &shown, &fetch, &flat, page)
        };
        let body = self.session.work(&table.table, write).await?;
        self.session.trace().add(Step::Render, begun.elapsed());
        Ok(json(&self.call, body?))
    }

    async fn groups(&self, table: &Arc<ServedTable>, aggregation: &Aggregation) -> Result<Response> {
        let shown = aggregation.table().ok_or_else(|| Error::new(Code::Internal, "rows are grouped by nothing"))?;
        let found = self.session.aggregate(table, aggregation, &self.sent.token_binding()).await?;
        self.counted(found.rows.len());
        let next_link = found.next.as_deref().map(|token| self.sent.next_link(token));
        let count = found.count;
        let written =
            self.rendered(&table.table, shown, found.rows, &aggregation.then, Vec::new(), move |style, found| {
                groups::page(style, found, reply::Page { count, next_link: next_link.as_deref(), delta_link: None })
            });
        Ok(json(&self.call, written.await?))
    }

    async fn export(&self, table: &Arc<ServedTable>, query: &Query, form: FileForm) -> Result<Response> {
        if self.sent.in_batch {
            let error = Error::new(Code::NotSupported, "files of all rows in a batch are not supported");
            return Err(error.target("Accept").hint("ask for them by a request of its own"));
        }
        let export = Export {
            session: self.session.exporting(),
            table: table.clone(),
            query: query.clone(),
            call: self.call.clone(),
            form,
            base: self.sent.base.clone(),
            noted: self.noted.clone(),
        };
        export::answer(self.app, export, &self.sent.headers).await
    }

    async fn count(&self, table: &Arc<ServedTable>, query: &Query) -> Result<Response> {
        let query = counted(&table.table, query);
        let page = self.session.read(table, &query, "").await?;
        Ok(typed("text/plain", reply::count(page.count.unwrap_or_default())))
    }

    async fn one(&self, table: &Arc<ServedTable>, rows: Rows, query: &Query) -> Result<Response> {
        self.saw(&table.table, &rows);
        let of = self.session.seen(&table.table);
        let shown = shown(&self.session, of, query)?;
        let expanded = self.session.expand(table, &rows, &shown.expand).await?;
        let etag = reply::etag(&table.table, &rows, 0);
        let body =
            self.rendered(&table.table, of, rows, query, expanded, |style, found| reply::one(style, found, 0)).await?;
        Ok(with_etag(json(&self.call, body), etag.as_deref()))
    }

    /// The row that a lookup or concept leads to.
    async fn follow(
        &self,
        table: &Arc<ServedTable>,
        key: Uuid,
        navigation: &str,
        to: &Relation,
        query: &Query,
    ) -> Result<Response> {
        let (session, call) = (&self.session, &self.call);
        let rows = session.read_row(table, key).await?.ok_or_else(|| no_row(&table.table))?;
        let nothing = || StatusCode::NO_CONTENT.into_response();
        match to {
            Relation::Concept { concept } => {
                let body =
                    reply::concept(self.style(&Names::default()), session.seen(&table.table), &rows, 0, *concept)?;
                Ok(body.map_or_else(nothing, |body| json(call, body)))
            }
            Relation::Lookup { column, table: other } => {
                let other = session.snapshot().table(other)?;
                let text = rows.cell(0, *column);
                let guid = text.and_then(|text| key::led_to(&table.table, *column, text, &other.table));
                let Some(guid) = guid else { return Ok(nothing()) };
                match session.read_row(other, guid).await? {
                    Some(rows) => self.one(other, rows, query).await,
                    None => Err(no_row(&other.table)),
                }
            }
            Relation::Collection { table: other, column } => {
                let other = session.snapshot().table(other)?;
                let belongs = Filter::points_to(&other.table, *column, &table.table, key);
                let filter = match &query.filter {
                    Some(filter) => Filter::And(Box::new(filter.clone()), Box::new(belongs)),
                    None => belongs,
                };
                let query = Query { filter: Some(filter), ..query.clone() };
                tracing::trace!(navigation, "following a collection");
                self.rows(other, &query).await
            }
        }
    }

    async fn write(&self, table: &Arc<ServedTable>, change: &Change, query: &Query) -> Result<Response> {
        let written = self.session.insert(table, change).await?;
        if let Some(noted) = &self.noted {
            noted.made(written.key);
        }
        self.written(table, written, query).await
    }

    /// The answer of a change.
    async fn written(&self, table: &Arc<ServedTable>, written: Written, query: &Query) -> Result<Response> {
        let url = self.row_url(&table.table, written.key);
        let etag = written.row.as_ref().and_then(|rows| reply::etag(&table.table, rows, 0));
        // Clients that ask for nothing expect the new row of a create, and nothing of an update (OData 8.2.8.7).
        let shows = self.call.preferences.representation.unwrap_or(written.created);
        let mut response = match written.row {
            Some(rows) if shows => match self.one(table, rows, query).await {
                // It is done: that what hangs on it cannot be shown (of a budget, say) changes nothing about that.
                Err(_) if !query.expand.is_empty() => StatusCode::NO_CONTENT.into_response(),
                shown => shown?,
            },
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

    /// An answer of rows of a table, or of what was made `of` its rows. A large one is not written on a thread of the
    /// reactor.
    async fn rendered(
        &self,
        of: &Table,
        table: &Arc<Table>,
        rows: Rows,
        query: &Query,
        expanded: Vec<Expanded>,
        write: impl FnOnce(Style<'_>, Found<'_>) -> Result<Vec<u8>> + Send + 'static,
    ) -> Result<Vec<u8>> {
        self.saw_beside(query, &expanded);
        let (mut rows, mut table, mut query) = (rows, Cow::Borrowed(table), Cow::Borrowed(query));
        if !query.computed.is_empty() {
            let names = Names::default();
            let called = self.style(&names).called(&table).clone();
            let (wide, with_values, all) = self.session.computed(of, &called, rows, &query).await?;
            (rows, table, query) = (with_values, Cow::Owned(wide), Cow::Owned(all));
        }
        let (table, query) = (&*table, &*query);
        let names = match self.style(&Names::default()).wants_names() {
            true => self.session.names(table, &rows, query, &expanded).await,
            false => Names::default(),
        };
        self.saw_names(&names);
        let begun = Instant::now();
        let bytes = rows.bytes() + expanded.iter().map(Expanded::bytes).sum::<usize>();
        let body = if bytes <= AT_ONCE {
            write(self.style(&names), Found { table, query, rows: &rows, expanded: &expanded })
        } else {
            let (catalog, sent, call) = (self.session.catalog_kept(), self.sent.clone(), self.call.clone());
            let (shown, query) = (table.clone(), query.clone());
            let expand_bytes = self.session.limits().expand_bytes;
            let written = self.session.work_on(rows.len(), of, move || {
                let style = style(&catalog, &sent, &call, &names, expand_bytes);
                write(style, Found { table: &shown, query: &query, rows: &rows, expanded: &expanded })
            });
            written.await?
        };
        self.session.trace().add(Step::Render, begun.elapsed());
        body
    }

    /// The whole address of a row, under the name that its table was asked for by.
    fn row_url(&self, table: &Table, key: Uuid) -> String {
        let names = Names::default();
        reply::row_url(&self.sent.base, self.style(&names).called(table), key)
    }

    fn style<'a>(&'a self, names: &'a Names) -> Style<'a> {
        style(self.session.catalog(), &self.sent, &self.call, names, self.session.limits().expand_bytes)
    }
}

fn style<'a>(catalog: &'a Catalog, sent: &'a Sent, call: &'a Call, names: &'a Names, expand_bytes: usize) -> Style<'a> {
    Style {
        catalog,
        base: &sent.base,
        format: call.format,
        annotations: &call.preferences.annotations,
        expand_bytes,
        omit_nulls: call.preferences.omit_nulls,
        names,
        twins: call.twins,
        pause: work::pause,
    }
}

/// Milliseconds, as W3C's Server-Timing has them.
fn timing(trace: &Trace) -> String {
    let mut text = String::new();
    for (name, took) in trace.steps() {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{name};dur={:.3}", took.as_secs_f64() * 1_000.0);
    }
    text
}

/// A query that counts the rows of another, and gives none.
fn counted(table: &Table, query: &Query) -> Query {
    Query {
        count: true,
        top: Some(0),
        skip: 0,
        select: Some(vec![table.key]),
        order: Vec::new(),
        expand: Vec::new(),
        ..query.clone()
    }
}

/// A query with the columns that its answer is written from, those of its expansions included.
fn shown(session: &Session, table: &Table, query: &Query) -> Result<Query> {
    let expand = query.expand.iter().map(|expand| {
        let query = match &expand.to {
            Relation::Lookup { table, .. } | Relation::Collection { table, .. } => {
                shown(session, session.seen(&session.snapshot().table(table)?.table), &expand.query)?
            }
            Relation::Concept { .. } => expand.query.clone(),
        };
        Ok(Expand { query, ..expand.clone() })
    });
    let mut columns: BTreeSet<_> = reply::columns(table, query).into_iter().collect();
    query.computed.iter().for_each(|value| columns_of_expr(&value.expr, &mut columns));
    Ok(Query { select: Some(columns.into_iter().collect()), expand: expand.collect::<Result<_>>()?, ..query.clone() })
}

fn json(call: &Call, body: Vec<u8>) -> Response {
    typed(&call.format.content_type(), body)
}

fn typed(content_type: &str, body: Vec<u8>) -> Response {
    let mut response = body.into_response();
    set(response.headers_mut(), header::CONTENT_TYPE.as_str(), content_type);
    response
}

fn download(file: files::File) -> Response {
    let mut response = typed(file.content_type, file.bytes);
    set(response.headers_mut(), "content-disposition", &format!("attachment; filename=\"{}\"", file.name));
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

fn no_row(table: &Table) -> Error {
    Error::new(Code::NotFound, format!("`{}` has no row of this key", table.entity_set))
}
