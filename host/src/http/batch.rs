//! `$batch`: its parts one after the other, each a request like any other, with a session and a budget of its own, all
//! under one deadline. The parts of a change set are one session that stores all of it or nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::to_bytes;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use crate::http::body;
use crate::http::doors::{Entered, Peer};
use crate::http::failures::Failure;
use crate::http::identity::{or_forbidden, without_key_option};
use crate::http::sent::{self, Sent};
use crate::http::shared::{App, Failed, Shared, below, failure};
use crate::http::tables;
use crate::model::access::Right;
use crate::model::caller::Caller;
use crate::model::error::{Code, Error, Result};
use crate::odata::batch::{self, Answered, Answers, Item, Part};
use crate::odata::headers::Headers;
use crate::odata::request::Request;
use crate::router::noted::{About, Noting};
use crate::router::session::Session;
use crate::router::write::together::together;

pub async fn serve(State(app): Shared, caller: Caller, request: HttpRequest) -> Response {
    let mut response = match answer(&app, &caller, request).await {
        Ok(response) => response,
        Err(error) => failure(&error),
    };
    response.headers_mut().insert("odata-version", HeaderValue::from_static("4.0"));
    response
}

async fn answer(app: &Arc<App>, caller: &Caller, request: HttpRequest) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let root = parts.extensions.get::<Entered>().map_or_else(String::new, |entered| entered.root.clone());
    let limits = &app.turntable.limits;
    let body = body::read(app, &parts.headers, body, ("batch_bytes", limits.batch_bytes)).await?;
    let headers = sent::headers(&parts.headers)?;
    let headers = Headers(&headers);
    headers.check_version()?;
    headers.check_isolation()?;
    headers.check_caller()?;
    let batch = batch::read(headers.get("Content-Type").unwrap_or_default(), &body, limits)?;
    drop(body);
    let goes_on = headers.continues_on_error();
    let mut running = Running {
        app,
        caller,
        base: root + below(parts.uri.path()).0,
        deadline: Instant::now() + Duration::from_millis(limits.request_ms),
        peer: parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical()),
        made: BTreeMap::new(),
        done: BTreeMap::new(),
        bytes: 0,
    };
    let mut answers = Vec::with_capacity(batch.items.len());
    for item in batch.items {
        let answer = match item {
            Item::One(part) => vec![Answers::One(running.one(part).await)],
            Item::Set(parts) => running.set(parts, batch.form).await,
        };
        let failed = answer.iter().any(|answer| match answer {
            Answers::One(answered) => answered.status >= 400,
            Answers::Set(all) => all.iter().any(|answered| answered.status >= 400),
        });
        answers.extend(answer);
        if failed && !goes_on {
            break;
        }
    }
    let (content_type, body) = batch::write(batch.form, &answers, &Uuid::new_v4().simple().to_string());
    let mut response = body.into_response();
    if let Ok(value) = HeaderValue::try_from(content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    if goes_on {
        response.headers_mut().insert("preference-applied", HeaderValue::from_static("odata.continue-on-error"));
    }
    Ok(response)
}

/// A batch on its way.
struct Running<'a> {
    app: &'a Arc<App>,
    /// Of all parts.
    caller: &'a Caller,
    /// The service root as the client sees it.
    base: String,
    deadline: Instant,
    /// The address that it came from.
    peer: Option<IpAddr>,
    /// Addresses of the rows that parts have made or changed, by the parts' ids.
    made: BTreeMap<String, String>,
    /// Whether the parts so far went well, by their ids.
    done: BTreeMap<String, bool>,
    /// Of all answers so far.
    bytes: usize,
}

impl Running<'_> {
    fn session(&self) -> Session {
        self.app.session(self.caller).until(self.deadline)
    }

    async fn one(&mut self, part: Part) -> Answered {
        let (id, group) = (part.id.clone(), part.group.clone());
        let response = match self.response(part).await {
            Ok(response) => response,
            Err(error) => failure(&error),
        };
        self.answered(id, group, response).await
    }

    async fn response(&self, part: Part) -> Result<Response> {
        self.may_go_on(&part)?;
        let sent = self.sent(part, &self.made)?;
        tables::respond(self.app, sent, self.session()).await
    }

    /// Changes that are made together. Where one fails there is one answer for all of them, that of the one that failed;
    /// as JSON the others have one too.
    async fn set(&mut self, parts: Vec<Part>, form: batch::Form) -> Vec<Answers> {
        let heads: Vec<_> = parts.iter().map(|part| (part.id.clone(), part.group.clone())).collect();
        match self.together(&parts).await {
            Ok(responses) => {
                let mut all = Vec::with_capacity(responses.len());
                for ((id, group), response) in heads.into_iter().zip(responses) {
                    all.push(self.answered(id, group, response).await);
                }
                vec![Answers::Set(all)]
            }
            Err((failed, error)) => {
                let mut answers = Vec::new();
                for (position, (id, group)) in heads.into_iter().enumerate() {
                    if let Some(id) = &id {
                        self.done.insert(id.clone(), false);
                    }
                    if position == failed {
                        answers.push(Answers::One(self.answered(id, group, failure(&error)).await));
                    } else if form == batch::Form::Json {
                        let error = Error::new(Code::FailedDependency, "another change of the same group was refused");
                        answers.push(Answers::One(self.answered(id, group, failure(&error)).await));
                    }
                }
                answers
            }
        }
    }

    /// The answers of all, or which one failed, and why.
    async fn together(&mut self, parts: &[Part]) -> std::result::Result<Vec<Response>, (usize, Error)> {
        let noted = self.session().note(About::new("rows.change", Right::Upsert)).await;
        let noted = noted.map_err(|error| (0, error))?;
        let done = self.made_together(parts, noted.as_ref()).await;
        if let Some(noted) = noted {
            noted.end(done.as_ref().err().map(|(_, error)| error)).await;
        }
        done
    }

    async fn made_together(
        &mut self,
        parts: &[Part],
        noted: Option<&Arc<Noting>>,
    ) -> std::result::Result<Vec<Response>, (usize, Error)> {
        let mut attempt = 1;
        loop {
            if let Some(noted) = noted {
                noted.begin_anew();
            }
            // One change is made whole or not at all by itself, wherever it goes.
            let session = if parts.len() == 1 { self.session() } else { self.session().staging() };
            let mut made = self.made.clone();
            let mut changed = Vec::with_capacity(parts.len());
            for (position, part) in parts.iter().enumerate() {
                session.begin_part(position);
                let one = self
                    .change(&session, part, &made, noted.map(Arc::as_ref))
                    .await
                    .map_err(|error| (position, error))?;
                if let Some(id) = &part.id {
                    made.insert(id.clone(), one.address().to_owned());
                }
                changed.push(one);
            }
            if together(&session, attempt).await? {
                self.made = made;
                let mut responses = Vec::with_capacity(changed.len());
                for one in changed {
                    // It is done: what cannot be shown of it changes nothing about that.
                    let shown = match one.settled(&session).await {
                        Ok(one) => {
                            if let (Some(noted), (part, key)) = (noted, one.part()) {
                                noted.part_made(part, key);
                            }
                            one.shown(self.app, self.session(), noted.cloned()).await
                        }
                        Err(error) => Err(error),
                    };
                    responses.push(shown.unwrap_or_else(|error| failure(&error)));
                }
                return Ok(responses);
            }
            attempt += 1;
        }
    }

    /// A part of a change set, staged.
    async fn change(
        &self,
        session: &Session,
        part: &Part,
        made: &BTreeMap<String, String>,
        noted: Option<&Noting>,
    ) -> Result<tables::Changed> {
        self.may_go_on(part)?;
        let sent = self.sent(part.clone(), made)?;
        let (sent, call) = sent.read(session).await?;
        let call = call.map_err(|error| or_forbidden(session.caller(), &sent.method, &sent.path, error))?;
        match &call.request {
            Request::Write { .. } => tables::change(session, sent, call, noted).await,
            _ if part.method == "GET" => Err(Error::new(Code::BadRequest, "a change set takes no reads")
                .hint("put the read beside the change set, without `atomicityGroup`")),
            _ => Err(Error::new(Code::NotSupported, "an action in a change set is not supported")
                .hint("a change set takes POST, PATCH, PUT and DELETE of rows")),
        }
    }

    /// `FailedDependency` after a part that went wrong, `BodyTooLarge` where there is no room for further answers.
    fn may_go_on(&self, part: &Part) -> Result<()> {
        if let Some(other) = part.depends_on.iter().find(|id| self.done.get(*id) == Some(&false)) {
            let message = format!("the request `{other}`, which this one depends on, was refused");
            return Err(Error::new(Code::FailedDependency, message));
        }
        let limit = self.app.turntable.limits.batch_answer_bytes;
        if self.bytes > limit {
            let message =
                format!("the answers of the batch have more bytes than the limit `batch_answer_bytes`, {limit}");
            return Err(Error::new(Code::BodyTooLarge, message).hint("send this request by itself"));
        }
        Ok(())
    }

    fn sent(&self, part: Part, made: &BTreeMap<String, String>) -> Result<Sent> {
        let method = Method::from_bytes(part.method.as_bytes())
            .map_err(|_| Error::new(Code::BadRequest, "the method of a part is none"))?;
        let (path, query) = batch::below(&batch::resolved(&part.url, made)?, &self.base)?;
        // All parts are of who sends the batch; what they say of it is not looked at.
        let query = without_key_option(&query).0.into_owned();
        let mut headers = HeaderMap::with_capacity(part.headers.len());
        for (name, value) in &part.headers {
            let bad = || Error::new(Code::BadRequest, "a header of a part is none");
            let name = HeaderName::try_from(name).map_err(|_| bad())?;
            headers.append(name, HeaderValue::try_from(value).map_err(|_| bad())?);
        }
        let body = batch::bound(part.body, made)?;
        let sent = Sent {
            method,
            headers,
            path,
            query,
            body: body.into(),
            base: self.base.clone(),
            in_batch: true,
            user_view: None,
            found: Vec::new(),
            peer: self.peer,
        };
        sent.by_get(&self.app.turntable.limits)
    }

    async fn answered(&mut self, id: Option<String>, group: Option<String>, response: Response) -> Answered {
        if response.status().is_server_error() {
            let error = response.extensions().get::<Failed>().map(|failed| &failed.0);
            self.app.failures.add(Failure::part(response.status(), error));
        }
        let (parts, body) = response.into_parts();
        // All answers are whole before a byte of them leaves.
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        self.bytes += body.len();
        if let Some(id) = &id {
            self.done.insert(id.clone(), !parts.status.is_client_error() && !parts.status.is_server_error());
            let made = parts.headers.get("odata-entityid").or(parts.headers.get(header::LOCATION));
            if let Some(made) = made.and_then(|made| made.to_str().ok()) {
                self.made.insert(id.clone(), made.strip_prefix(&self.base).unwrap_or(made).to_owned());
            }
        }
        let mut headers = Vec::with_capacity(parts.headers.len());
        for (name, value) in &parts.headers {
            if let Ok(value) = value.to_str()
                && name != "server-timing"
            {
                headers.push((name.as_str().to_owned(), value.to_owned()));
            }
        }
        let (status, reason) = (parts.status.as_u16(), parts.status.canonical_reason().unwrap_or_default());
        Answered { id, group, status, reason, headers, body: body.to_vec() }
    }
}
