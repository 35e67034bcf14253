//! A request to the table API as it was sent: read to what it asks for, and written into the links that lead on from its answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use uuid::Uuid;

use crate::http::shared::{AT_ONCE, PROVIDER_API};
use crate::model::alternate::Named;
use crate::model::catalog::Catalog;
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::model::user_view::UserView;
use crate::odata::headers::Headers;
use crate::odata::request::{Call, Message, Reading, read};
use crate::router::session::Session;

/// A request as it was sent.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    /// After the service root, as sent.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: Bytes,
    /// The service root as the client sees it.
    pub(super) base: String,
    /// Its answer is a part of another.
    pub(super) in_batch: bool,
    /// The view of a user that the query string names, once it has been looked up.
    pub(super) user_view: Option<UserView>,
    /// What it names by something else than a key, as far as that has been looked up.
    pub(super) found: Vec<(Named, Option<Uuid>)>,
    /// The address that it came from.
    pub(super) peer: Option<IpAddr>,
}

impl Sent {
    /// A query in a body (`POST …/$query`) as the GET that it stands for (OData 4.01 URL Conventions, 5.1): addresses may be too
    /// long for what is on the way, or not be for its log.
    pub(super) fn by_get(mut self, limits: &Limits) -> Result<Self> {
        let Some(path) = ["/$query", "/%24query"].into_iter().find_map(|end| self.path.strip_suffix(end)) else {
            return Ok(self);
        };
        if self.method != Method::POST {
            let error = Error::new(Code::MethodNotAllowed, format!("{} has no meaning here", self.method));
            return Err(error.allow(&["POST"]).hint("POST the query as the body, as text/plain"));
        }
        Headers(&headers(&self.headers)?).check_text_body()?;
        if self.body.len() > limits.url_bytes {
            let message =
                format!("the query has {} bytes; the limit `url_bytes` is {}", self.body.len(), limits.url_bytes);
            return Err(Error::new(Code::BodyTooLarge, message));
        }
        let said = std::str::from_utf8(&self.body).ok().map(str::trim);
        let said = said.ok_or_else(|| Error::new(Code::BadUrl, "the query in the body is not UTF-8"))?;
        let separator = if self.query.is_empty() || said.is_empty() { "" } else { "&" };
        self.query = format!("{}{separator}{said}", self.query);
        self.path = path.to_owned();
        (self.method, self.body) = (Method::GET, Bytes::new());
        Ok(self)
    }

    /// The request, and what it is. What it names by something else than a key is looked up, and it is read again.
    pub(super) async fn read(self, session: &Session) -> Result<(Arc<Self>, Result<Call>)> {
        let (mut sent, limits) = (Arc::new(self), session.limits());
        // Each step of a path is looked up by itself, and paths are short.
        loop {
            let reading = if sent.body.len() <= AT_ONCE {
                sent.reading(session.catalog(), limits)
            } else {
                let (sent, catalog, limits) = (sent.clone(), session.catalog_kept(), limits.clone());
                session.work_aside(move || sent.reading(&catalog, &limits)).await?
            };
            let wanted = match reading {
                Ok(Reading::Whole(call)) => return Ok((sent, Ok(*call))),
                Ok(Reading::Wants(wanted)) => wanted,
                Err(error) => return Ok((sent, Err(error))),
            };
            let mut asked = Arc::unwrap_or_clone(sent);
            for named in wanted {
                match session.row_named(&named).await {
                    Ok(row) => asked.found.push((named, row)),
                    Err(error) => return Ok((Arc::new(asked), Err(error))),
                }
            }
            sent = Arc::new(asked);
        }
    }

    fn reading(&self, catalog: &Catalog, limits: &Limits) -> Result<Reading> {
        let headers = headers(&self.headers)?;
        let message = Message {
            // An answer to HEAD is one to GET without its body, which the HTTP layer leaves out.
            method: if self.method == Method::HEAD { "GET" } else { self.method.as_str() },
            path: &self.path,
            query: &self.query,
            headers: Headers(&headers),
            body: &self.body,
            base: &self.base,
            user_view: self.user_view.as_ref(),
            found: &self.found,
        };
        let mut reading = read(&message, catalog, limits, jiff::Timestamp::now().into())?;
        if let Reading::Whole(call) = &mut reading {
            call.format.dates_as_moments = self.base.ends_with(PROVIDER_API);
        }
        Ok(reading)
    }

    /// The request without its token: what a next link is good for. Clients write a link anew in their own way, `%27` for `'`.
    pub(super) fn token_binding(&self) -> String {
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let parts = |text: &str, separator| text.split(separator).map(decoded).collect::<Vec<_>>().join("\0");
        format!("{}\0?{}", parts(&self.path, '/'), parts(&self.without_token(), '&'))
    }

    pub(super) fn next_link(&self, token: &str) -> String {
        let query = self.without_token();
        let separator = if query.is_empty() { "" } else { "&" };
        format!("{}{}?{query}{separator}$skiptoken={token}", self.base, self.path)
    }

    /// Of what has changed since a token was given.
    pub(super) fn delta_link(&self, token: &str) -> String {
        let query = self.without_token();
        let separator = if query.is_empty() { "" } else { "&" };
        format!("{}{}?{query}{separator}$deltatoken={token}", self.base, self.path)
    }

    fn without_token(&self) -> String {
        let is_token = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
            let name = name.trim_start_matches('$');
            ["skiptoken", "deltatoken"].iter().any(|token| name.eq_ignore_ascii_case(token))
        };
        self.query.split('&').filter(|pair| !pair.is_empty() && !is_token(pair)).collect::<Vec<_>>().join("&")
    }
}

pub(super) fn headers(headers: &HeaderMap) -> Result<Vec<(&str, &str)>> {
    headers
        .iter()
        .filter_map(|(name, value)| {
            match value.to_str() {
                Ok(text) => Some(Ok((name.as_str(), text))),
                Err(_) if Headers::reads(name.as_str()) => {
                    let text = format!("the header `{name}` holds something else than ASCII");
                    Some(Err(Error::new(Code::BadRequest, text).target(name.as_str())))
                }
                // A proxy's or a browser's own, which says nothing here.
                Err(_) => None,
            }
        })
        .collect()
}
