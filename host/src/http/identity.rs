//! Who sent a request, asked of each where it comes in: what it shows is taken out of it, so that nothing behind this can
//! log it, pass it on or put it into a link. Who may not ask for such a thing at all goes no further.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::str;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::percent_decode_str;

use crate::http::doors::{Entered, Peer};
use crate::http::shared::{App, Shared, failure};
use crate::identity::identify::{Identity, Shown};
use crate::model::access::Operation;
use crate::model::caller::{Caller, Kind, Role};
use crate::model::error::{Code, Error, Result};
use crate::odata::request::Request as TableRequest;
use crate::telemetry::context;

/// The header of an API key.
const KEY_HEADER: &str = "x-api-key";

/// The option of a query that has one.
const KEY_OPTION: &str = "apikey";

/// What anybody is answered.
const OPEN: [&str; 5] = ["/", "/healthz", "/readyz", "/app", "/console"];

/// Below these too: pages are the same for all; what they show they ask for as anybody else. Who signs in is nobody yet.
const OPEN_BELOW: [&str; 4] = ["/app/", "/console/", "/pages/", "/auth/"];

/// Puts the [`Caller`] beside a request.
pub(super) async fn identified(State(app): Shared, mut request: Request, next: Next) -> Response {
    let credentials = taken(&mut request);
    let is_private = request.extensions().get::<Entered>().is_some_and(|entered| entered.is_private);
    let credentials = credentials.and_then(|shown| match shown {
        Some(Credentials::Basic { .. }) if !is_private && app.identity.asks() => Err(overheard()),
        other => Ok(other),
    });
    let (method, path) = (request.method(), request.uri().path());
    let caller = match caller(&app, credentials, method, path).await {
        Ok(caller) => looking(&app, caller, method, path, request.headers()),
        Err(error) => Err(error),
    };
    match caller {
        Ok(caller) => {
            if app.identity.asks() {
                request.headers_mut().remove(header::AUTHORIZATION);
            }
            context::sent_by(number(&caller, request.extensions().get::<Peer>()));
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => refused(&app.identity, &error),
    }
}

/// Tells callers apart: by who they are, and where nobody asks that, by the address that they come from.
fn number(caller: &Caller, peer: Option<&Peer>) -> u64 {
    let mut hasher = DefaultHasher::new();
    caller.name().hash(&mut hasher);
    if caller.kind() == Kind::Local {
        peer.map(|peer| peer.0.ip().to_canonical()).hash(&mut hasher);
    }
    hasher.finish()
}

/// An error; of who has not shown who they are with what they may show (RFC 9110, 11.6.1).
pub(super) fn refused(identity: &Identity, error: &Error) -> Response {
    let mut response = failure(error);
    if error.code() == Code::Unauthorized {
        for challenge in challenges(identity) {
            response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
    }
    response
}

fn challenges(identity: &Identity) -> Vec<&'static str> {
    let basic = identity.takes_passwords().then_some("Basic realm=\"turntable\", charset=\"UTF-8\"");
    ["Bearer"].into_iter().chain(basic).collect()
}

/// `Unauthorized`, or `Forbidden` for who is known and may not.
async fn caller(
    app: &Arc<App>,
    credentials: Result<Option<Credentials>>,
    method: &Method,
    path: &str,
) -> Result<Caller> {
    let Some(operation) = operation(method, path) else { return Ok(Caller::nobody()) };
    if !app.identity.asks() {
        return Ok(Caller::local());
    }
    let hint = "send an API key as `X-API-Key` or `Authorization: Bearer KEY`; docs/identity.md has the other ways";
    let caller = match credentials? {
        None => return Err(Error::new(Code::Unauthorized, "this server asks who you are").hint(hint)),
        Some(shown) => who(app, &shown).await.map_err(|error| match error.code() {
            Code::Unauthorized if error.get_hint().is_none() => error.hint(hint),
            _ => error,
        })?,
    };
    // By what their roles inherit, too.
    let caller = app.turntable.roles.known(caller);
    if let Err(error) = caller.may_do(operation) {
        app.session(&caller).note_refused(Some(operation), &error).await?;
        return Err(error);
    }
    Ok(caller)
}

/// Who is asked for: an administrator may look as others do, at what these may look at.
fn looking(app: &App, caller: Caller, method: &Method, path: &str, headers: &HeaderMap) -> Result<Caller> {
    let Some(operation) = operation(method, path) else { return Ok(caller) };
    if !headers.contains_key(AS_ROLES) && !headers.contains_key(AS_CLAIMS) {
        return Ok(caller);
    }
    let other = app.turntable.roles.known(previewed(caller, method, headers)?);
    other.may_do(operation)?;
    Ok(other)
}

/// Roles, parted by commas, as whose bearer an administrator reads.
const AS_ROLES: &str = "turntable-as-roles";
/// What is known of that bearer: a JSON object.
const AS_CLAIMS: &str = "turntable-as-claims";

/// An administrator may look as others do: at what somebody of these roles, with these claims, would be shown. `Forbidden` to all
/// others, `NotSupported` for writes: those would be made.
fn previewed(caller: Caller, method: &Method, headers: &HeaderMap) -> Result<Caller> {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("\0").to_owned());
    let (roles, claims) = (header(AS_ROLES), header(AS_CLAIMS));
    if roles.is_none() && claims.is_none() {
        return Ok(caller);
    }
    if !caller.has(Role::Admin) || caller.scopes().is_some() {
        return Err(Error::new(Code::Forbidden, "only administrators look as others do").target(AS_ROLES));
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Error::new(Code::NotSupported, "writing as others is not supported").target(AS_ROLES));
    }
    let bad = |name: &str, what: &str| Error::new(Code::BadRequest, format!("`{name}` is {what}")).target(name);
    let roles = roles.ok_or_else(|| bad(AS_ROLES, "missing: claims are those of somebody of some roles"))?;
    let roles = roles.split(',').map(|role| role.trim().to_owned()).filter(|role| !role.is_empty());
    let claims = claims.map(|claims| serde_json::from_str(&claims)).transpose();
    let claims = claims.map_err(|_| bad(AS_CLAIMS, "no JSON object"))?.unwrap_or_default();
    Ok(Caller::new(caller.kind(), caller.name(), roles).with_claims(claims))
}

async fn who(app: &App, credentials: &Credentials) -> Result<Caller> {
    // Whoever can read the data folder has all that is in it.
    if let Credentials::Bearer(token) = credentials
        && app.admin_token.is(token.as_bytes())
    {
        return Ok(Caller::new(Kind::Local, "admin-token", [Role::Admin.name().to_owned()]));
    }
    let caller = app.identity.of(&credentials.shown()).await?;
    Ok(match credentials {
        Credentials::Bearer(token) if caller.kind() == Kind::Token && app.turntable.asks_as_callers() => {
            caller.with_bearer(token)
        }
        _ => caller,
    })
}

/// What a path as a whole is about; None for what anybody is answered. Requests to tables, also those of a batch, are asked
/// again once they are read.
fn operation(method: &Method, path: &str) -> Option<Operation> {
    if OPEN.contains(&path) || OPEN_BELOW.iter().any(|below| path.starts_with(below)) {
        return None;
    }
    let looks = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let is_under = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    Some(if path == "/admin/v1/openapi.json" || path == "/fhir/metadata" || is_under("/api/data") {
        Operation::Describe
    } else if is_under("/fhir") {
        Operation::Ingest
    } else if path == "/metrics" || path == "/admin/v1/traffic" {
        Operation::Watch
    } else if is_under("/admin/v1/mappings")
        || (looks && (is_under("/admin/v1/tables") || is_under("/admin/v1/sources")))
        || (is_under("/admin/v1/tables") && (path.ends_with("/mapping") || path.contains("/mapping/")))
    {
        Operation::Map
    } else if is_under("/admin") {
        Operation::Administer
    } else {
        // There is nothing, and who is nobody does not learn even that.
        Operation::Describe
    })
}

/// `Forbidden` where this caller may not send such a request at all. Of the tables that it touches more is asked behind this.
pub(super) fn may(caller: &Caller, request: &TableRequest) -> Result<()> {
    let operation = match request {
        TableRequest::ServiceDocument
        | TableRequest::Metadata(_)
        | TableRequest::Opening { .. }
        | TableRequest::Described { .. } => Operation::Describe,
        // What users keep has conditions in it, and these have values.
        TableRequest::Definitions(asked) if asked.asks_for_user_views() => Operation::Read,
        TableRequest::Definitions(_) => Operation::Describe,
        TableRequest::Read { .. }
        | TableRequest::Changes { .. }
        | TableRequest::Fetch { .. }
        | TableRequest::Aggregate { .. }
        | TableRequest::Count { .. }
        | TableRequest::ReadOne { .. }
        | TableRequest::Property { .. }
        | TableRequest::Follow { .. }
        | TableRequest::Reference { .. } => Operation::Read,
        TableRequest::Write { .. } | TableRequest::Multiple { .. } | TableRequest::ChangeUserView { .. } => {
            Operation::Write
        }
        TableRequest::UpsertBundle { .. } => Operation::Ingest,
        TableRequest::RetrieveBundle { resource_type, .. } => return caller.may_read_whole(resource_type),
    };
    caller.may_do(operation)
}

/// Of a request that cannot be read: to who may not send such a one at all it is not said what is wrong with it. To who sees no
/// rows, no table is there.
pub(super) fn or_forbidden(caller: &Caller, method: &Method, path: &str, error: Error) -> Error {
    let operation = match path {
        _ if matches!(*method, Method::GET | Method::HEAD) && error.code() == Code::UnknownTable => Operation::Read,
        _ if matches!(*method, Method::GET | Method::HEAD) => Operation::Describe,
        "msind_RetrieveBundle" => Operation::Read,
        "msind_UpsertBundle" => Operation::Ingest,
        _ => Operation::Write,
    };
    caller.may_do(operation).err().unwrap_or(error)
}

/// What a request shows, apart from it.
#[derive(PartialEq, Eq)]
enum Credentials {
    Key(String),
    Bearer(String),
    Basic { name: String, password: String },
}

impl Credentials {
    fn shown(&self) -> Shown<'_> {
        match self {
            Self::Key(secret) => Shown::Key(secret),
            Self::Bearer(token) => Shown::Bearer(token),
            Self::Basic { name, password } => Shown::Basic { name, password },
        }
    }
}

/// Takes the credentials out of a request, all that there are. `Unauthorized` for what is none, or more than one.
fn taken(request: &mut Request) -> Result<Option<Credentials>> {
    let (uri, keys) = without_key(request.uri());
    if let Some(uri) = uri {
        *request.uri_mut() = uri;
    }
    let mut found: Vec<Result<Credentials>> = keys.into_iter().map(|key| Ok(Credentials::Key(key))).collect();
    let headers = request.headers_mut();
    let texts = |headers: &HeaderMap, name: &str| -> Vec<Option<String>> {
        let text = |value: &HeaderValue| str::from_utf8(value.as_bytes()).ok().map(|text| text.trim().to_owned());
        headers.get_all(name).iter().map(text).collect()
    };
    let bad = || Error::new(Code::Unauthorized, "the credentials are not of a kind that is taken here");
    let key = |text: Option<String>| text.map(Credentials::Key).ok_or_else(bad);
    found.extend(texts(headers, KEY_HEADER).into_iter().map(key));
    let authorization = |text: Option<String>| text.and_then(|text| authorization(&text)).ok_or_else(bad);
    found.extend(texts(headers, header::AUTHORIZATION.as_str()).into_iter().map(authorization));
    headers.remove(KEY_HEADER);
    found.dedup_by(|a, b| matches!((a, b), (Ok(a), Ok(b)) if a == b));
    match found.len() {
        0 | 1 => found.pop().transpose(),
        _ => Err(Error::new(Code::Unauthorized, "the request shows more than one set of credentials").hint("send one")),
    }
}

/// A password that came in a way that others can read is not looked at.
fn overheard() -> Error {
    Error::new(Code::Unauthorized, "a password is taken over TLS only").target("Authorization").hint(
        "call the server by https; behind a proxy that does, name it in auth.proxies and let it send X-Forwarded-Proto",
    )
}

/// Of the header `Authorization` (RFC 9110, 11.6.2; RFC 6750, 2.1; RFC 7617, 2).
fn authorization(text: &str) -> Option<Credentials> {
    let (scheme, rest) = text.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !rest.is_empty() {
        return Some(Credentials::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
    let (name, password) = pair.split_once(':')?;
    Some(Credentials::Basic { name: name.to_owned(), password: password.to_owned() })
}

/// A URI without the option that has a key, and the keys; None where it has none.
fn without_key(uri: &Uri) -> (Option<Uri>, Vec<String>) {
    let (Some(query), path) = (uri.query(), uri.path()) else { return (None, Vec::new()) };
    let (rest, keys) = without_key_option(query);
    if keys.is_empty() {
        return (None, keys);
    }
    let text = if rest.is_empty() { path.to_owned() } else { format!("{path}?{rest}") };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(text).ok();
    // A part of what was a URI is one.
    (Some(Uri::from_parts(parts).unwrap_or_default()), keys)
}

/// The same of a query.
pub(super) fn without_key_option(query: &str) -> (Cow<'_, str>, Vec<String>) {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let key = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        decoded(name).trim().eq_ignore_ascii_case(KEY_OPTION).then(|| decoded(value))
    };
    let keys: Vec<_> = query.split('&').filter_map(key).collect();
    if keys.is_empty() {
        return (query.into(), keys);
    }
    let rest: Vec<_> = query.split('&').filter(|pair| key(pair).is_none()).collect();
    (rest.join("&").into(), keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_without_its_key() {
        let check = |query: &str, rest: &str, keys: &[&str]| {
            let (found, said) = without_key_option(query);
            assert_eq!((found.as_ref(), said), (rest, keys.iter().map(|key| (*key).to_owned()).collect()), "{query}");
        };
        check("$top=1", "$top=1", &[]);
        check("apikey=a", "", &["a"]);
        check("$top=1&apikey=a%2Db&$select=x", "$top=1&$select=x", &["a-b"]);
        check("ApiKey=a&%61pikey=b", "", &["a", "b"]);
        check("apikey", "", &[""]);
        check("apikeys=a&x=apikey=a", "apikeys=a&x=apikey=a", &[]);
    }

    #[test]
    fn credentials_are_taken_out() {
        let check = |uri: &str, headers: &[(&str, &str)], expected: Result<Option<Credentials>, Code>| {
            let mut request = Request::builder().uri(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let mut request = request.body(axum::body::Body::empty()).unwrap();
            let found = taken(&mut request).map_err(|error| error.code());
            assert!(found == expected, "{uri} {headers:?}");
            assert!(!request.uri().to_string().contains("secret") && !request.headers().contains_key(KEY_HEADER));
        };
        let key = |text: &str| Ok(Some(Credentials::Key(text.to_owned())));
        check("/x", &[], Ok(None));
        check("/x?apikey=secret", &[], key("secret"));
        check("http://h/x?a=b&apikey=secret", &[], key("secret"));
        check("/x", &[("x-api-key", "secret")], key("secret"));
        check("/x", &[("authorization", "bearer  secret ")], Ok(Some(Credentials::Bearer("secret".to_owned()))));
        check("/x?apikey=secret", &[("x-api-key", "secret")], key("secret"));
        let none = || Err(Code::Unauthorized);
        check("/x?apikey=secret", &[("x-api-key", "other")], none());
        check("/x?apikey=secret&apikey=secret2", &[], none());
        check("/x", &[("x-api-key", "secret"), ("authorization", "Bearer secret")], none());
        check("/x", &[("authorization", "Bearer a"), ("authorization", "Bearer b")], none());
        check("/x", &[("authorization", "Bearer ")], none());
        check("/x", &[("authorization", "secret")], none());
        check("/x", &[("authorization", "Digest secret")], none());
        let basic = |name: &str, password: &str| {
            Ok(Some(Credentials::Basic { name: name.to_owned(), password: password.to_owned() }))
        };
        check("/x", &[("authorization", "Basic YTpiOmM=")], basic("a", "b:c"));
        check("/x", &[("authorization", "basic  w6Q6")], basic("ä", ""));
        check("/x", &[("authorization", "Basic YWI=")], none());
        check("/x", &[("authorization", "Basic /zr/")], none());
        check("/x", &[("authorization", "Basic !")], none());
    }

    #[test]
    fn every_path_asks_for_something() {
        use Operation::{Administer, Describe, Ingest, Map, Watch};
        let check = |method: Method, path: &str, expected: Option<Operation>| {
            assert_eq!(operation(&method, path), expected, "{method} {path}");
        };
        for open in OPEN {
            check(Method::GET, open, None);
        }
        for path in ["/api/data/v9.2/contacts", "/api/data/v9.2/$batch", "/nothing", "/fhirs", "/admin/v1/openapi.json"]
        {
            check(Method::POST, path, Some(Describe));
        }
        check(Method::GET, "/fhir/metadata", Some(Describe));
        check(Method::POST, "/fhir", Some(Ingest));
        check(Method::GET, "/metrics", Some(Watch));
        check(Method::GET, "/admin/v1/traffic", Some(Watch));
        check(Method::POST, "/admin/v1/mappings/try", Some(Map));
        check(Method::GET, "/admin/v1/tables", Some(Map));
        check(Method::POST, "/admin/v1/tables/x/mapping", Some(Map));
        check(Method::POST, "/admin/v1/tables/x/mapping/rollback", Some(Map));
        check(Method::PUT, "/admin/v1/tables/x/route", Some(Administer));
        check(Method::POST, "/admin/v1/mappings", Some(Map));
        check(Method::DELETE, "/admin/v1/mappings/x/active", Some(Map));
        check(Method::GET, "/admin/v1/sources", Some(Map));
        check(Method::POST, "/admin/v1/sources/main/probe", Some(Administer));
        for path in [
            "/admin/v1/keys",
            "/admin/v1/audit",
            "/admin/v1/events",
            "/admin/v1/settings",
            "/admin/v1/whatever",
            "/admin",
        ] {
            check(Method::GET, path, Some(Administer));
        }
    }
}
