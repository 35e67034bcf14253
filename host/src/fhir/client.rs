//! One FHIR service: search, read, create, update, delete, transactions, capabilities. Every call has a deadline, a
//! bounded answer and a place in the service's queue. Reads are repeated where that may help; a write never is, once it
//! may have been sent. What comes back is the service's own bytes, checked to be what was asked for and no more.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, LOCATION,
};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::auth::{AuthSettings, Authorizer, header_name};
use super::callers::{Behalf, Callers};
use super::capabilities::Capabilities;
use super::learned::Learned;
pub use super::learned::Lesson;
use super::outcome::{Asked, Interaction, denial, refusal, retry_after, with_doubt};
use super::probed::Probed;
pub use super::transport::BaseUrl;
use super::transport::{Failure, LINK_BYTES, Reply, connect, exchange, query};
use crate::model::caller::Bearer;
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::limits::Limits;
use crate::telemetry::context::{self, Step};
use crate::telemetry::spans::Attribute;
use crate::turns::{Turns, Wait};

/// A search whose URL would be longer goes by `POST …/_search`.
const SEARCH_URL_BYTES: usize = 2_000;
/// Further tries of a read.
const RETRIES: u32 = 2;
/// Before the first further try; four times as long before the next.
const BACKOFF: Duration = Duration::from_millis(100);
/// A CapabilityStatement is asked for again after this time.
const CAPABILITIES_LIFE: Duration = Duration::from_secs(60 * 60);
/// How long a request waits for it; it goes on without.
const CAPABILITIES_PATIENCE: Duration = Duration::from_secs(2);
/// After a service has not said what it can do, it is not asked for this time.
const CAPABILITIES_PAUSE: Duration = Duration::from_secs(30);

const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const IF_NONE_EXIST: HeaderName = HeaderName::from_static("if-none-exist");

/// `[sources.NAME]` of the configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    pub url: BaseUrl,
    pub auth: AuthSettings,
    /// For one exchange, within the request's own deadline.
    pub timeout: Duration,
    /// A PEM file of certificate authorities beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// The address that the service gives for itself in links and references, where it is not `url`: a proxy stands in
    /// front of it, or we reach it from behind.
    pub public_url: Option<BaseUrl>,
    pub overrides: Overrides,
}

/// What an administrator knows better of the search parameters of a service, each as `Type.parameter`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Asked although the service does not declare it, and known to compare codes and URIs without case.
    pub force: BTreeSet<String>,
    /// Not asked.
    pub never: BTreeSet<String>,
}

/// Cheap to clone; the clones share connections, queue, token and counters. Of a service that is asked with the token of
/// whoever asks, one for a caller ([`Client::on_behalf_of`]) shares nothing that answers to others have taught.
#[derive(Clone)]
pub struct Client(Arc<Service>, Option<Arc<Behalf>>);

/// An answer to a search or to a paging link.
#[derive(Clone, Debug)]
pub struct Page {
    /// A Bundle by its `resourceType`, valid UTF-8; the caller cuts and checks it.
    pub body: Bytes,
    /// The service refused a parameter and was asked again to ignore what it does not know: nothing but the `self`
    /// link tells which filters were applied, so every condition has to be checked again.
    pub downgraded: bool,
    /// What its links are relative to.
    url: Url,
}

/// What came of a search.
#[derive(Debug)]
pub enum Searched {
    Page(Page),
    /// The service does not do this: a parameter, a modifier, a value or the size of the page. Asked for less it may.
    Refused(Error),
    /// It does not know the resource type.
    Unknown(Error),
    /// The page is larger than `upstream_bytes`: a smaller one may do.
    TooLarge(Error),
}

impl Page {
    /// A link of this page, in full. None: it is no link.
    pub fn resolved(&self, link: &str) -> Option<String> {
        (!link.trim().is_empty()).then(|| self.url.join(link).ok().map(String::from))?
    }
}

/// A resource as it is in the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    pub body: Bytes,
    pub version: Option<String>,
}

/// What a write finds there, or is not to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands<'a> {
    /// The resource at this version.
    At(&'a str),
    /// No resource of this id.
    Nowhere,
    Anyhow,
}

/// A resource as it is after a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub id: String,
    pub version: Option<String>,
    pub body: Bytes,
    /// The service says that it was not there before.
    pub created: bool,
}

impl Written {
    /// Whether something was there before: the service says so by its status, and by a version that is not the first.
    /// Versions need not be numbers (R4 2.26.3.1), and there are services that answer every PUT with 200.
    pub fn is_second(&self) -> bool {
        !self.created
            && self.version.as_deref().is_some_and(|version| version.parse().is_ok_and(|number: u64| number > 1))
    }
}

/// What has been asked of a service since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Exchanges, further tries included, tokens not.
    pub requests: u64,
    /// Exchanges without an answer, or with one of 401, 403, 429 or 5xx.
    pub errors: u64,
    /// Further tries.
    pub retries: u64,
    /// Time of all exchanges.
    pub micros: u64,
}

impl SourceSettings {
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// Without credentials.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self {
            url: BaseUrl::parse(url)?,
            auth: AuthSettings::None,
            timeout: Self::TIMEOUT,
            ca_file: None,
            public_url: None,
            overrides: Overrides::default(),
        })
    }
}

impl Client {
    pub fn new(name: &str, settings: &SourceSettings, limits: &Limits) -> Result<Self> {
        if let AuthSettings::Header { name: header, .. } = &settings.auth {
            header_name(name, header)?;
        }
        let authorities = settings.ca_file.as_deref();
        let urls: Vec<_> = std::iter::once(&settings.url).chain(settings.auth.token_url()).collect();
        let http = connect(name, &urls, authorities)?;
        let for_tokens = match &settings.auth {
            // The machine's own token is nothing for the proxy that leads to the service.
            AuthSettings::ManagedIdentity { url, .. } => connect(name, &[url], authorities)?,
            _ => http.clone(),
        };
        let service = Service {
            name: name.to_owned(),
            base: settings.url.clone(),
            public: settings.public_url.clone(),
            learned: Learned::default(),
            probed: std::sync::Mutex::default(),
            overrides: settings.overrides.clone(),
            timeout: settings.timeout,
            answer_bytes: limits.upstream_bytes,
            authorizer: Authorizer::new(name, settings.auth.clone(), for_tokens),
            http,
            turns: Turns::new("FHIR service", limits.upstream_concurrency, limits.upstream_queue, limits.share_percent),
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            micros: AtomicU64::new(0),
            said: std::sync::Mutex::default(),
            asking: Mutex::new(()),
            callers: Callers::new(limits.source_callers),
        };
        Ok(Self(Arc::new(service), None))
    }

    /// Whether it is asked with the token of whoever asks, and so gives each their own answers.
    pub fn asks_as_callers(&self) -> bool {
        self.0.authorizer.asks_as_callers()
    }

    /// The same for the bearer of this token.
    #[must_use]
    pub fn on_behalf_of(&self, bearer: &Bearer) -> Self {
        Self(self.0.clone(), Some(Arc::new(self.0.callers.behalf(bearer))))
    }

    fn asked<'a>(&'a self, interaction: Interaction, resource_type: &'a str) -> Asked<'a> {
        Asked { behalf: self.1.as_deref(), ..self.0.asked(interaction, resource_type) }
    }

    fn lessons(&self) -> &Learned {
        self.1.as_ref().map_or(&self.0.learned, |behalf| &behalf.kept.learned)
    }

    /// The service's name in the configuration.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its address as it gives it itself: literal references that start with it (and a slash) point into it.
    pub fn base(&self) -> String {
        self.0.public.as_ref().unwrap_or(&self.0.base).to_string()
    }

    /// The address that it is reached at.
    pub fn url(&self) -> String {
        self.0.base.to_string()
    }

    /// Remembers what an answer has taught; `most` counts for [`Lesson::PageOf`] and [`Lesson::WrongTotal`].
    pub fn learn(&self, resource_type: &str, lesson: Lesson, most: u32) {
        tracing::debug!(source = self.name(), resource_type, ?lesson, "learned");
        self.lessons().learn(resource_type, lesson, most);
    }

    /// What has been learned, if it has been.
    pub fn learned(&self, resource_type: &str, lesson: Lesson) -> Option<u32> {
        self.lessons().get(resource_type, lesson)
    }

    /// Takes up what the service was found to do when it was tried out.
    pub fn know(&self, probed: Arc<Probed>) {
        *self.0.probed.lock().unwrap_or_else(PoisonError::into_inner) = Some(probed);
    }

    /// What it was found to do, if it was tried out.
    pub fn probed(&self) -> Option<Arc<Probed>> {
        self.0.probed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is not to be asked for, see [`Learned::not_done`] and [`Probed::not_done`].
    pub fn not_done(&self) -> BTreeSet<String> {
        let mut not_done = self.lessons().not_done();
        not_done.extend(self.probed().iter().flat_map(|probed| probed.not_done()));
        not_done
    }

    /// See [`Learned::long_s`].
    pub fn long_s(&self) -> BTreeSet<String> {
        self.lessons().long_s()
    }

    /// What its administrator says of its parameters.
    pub fn overrides(&self) -> &Overrides {
        &self.0.overrides
    }

    /// Who asks the service for what, and who waits to.
    pub fn turns(&self) -> &Turns {
        &self.0.turns
    }

    pub fn counters(&self) -> Counters {
        let service = &self.0;
        Counters {
            requests: service.requests.load(Ordering::Relaxed),
            errors: service.errors.load(Ordering::Relaxed),
            retries: service.retries.load(Ordering::Relaxed),
            micros: service.micros.load(Ordering::Relaxed),
        }
    }

    /// The URL that [`search`](Self::search) asks, for an explanation; it may go by POST instead.
    pub fn search_url(&self, resource_type: &str, params: &[(String, String)], page_size: Option<u32>) -> String {
        format!("{}/{resource_type}?{}", self.0.base, search_query(params, page_size))
    }

    /// What the service has said that it can do, without asking it: None = it has not been asked, or has not answered.
    pub fn known_capabilities(&self) -> Option<Arc<Capabilities>> {
        self.0.said().known.clone().map(|(_, known)| known)
    }

    /// A service that says to speak another FHIR than R4: its resources have other elements, and rows of them would be
    /// wrong without a word. One that says nothing is believed to.
    pub fn check_version(&self, says: &Capabilities) -> Result<()> {
        if says.is_r4() {
            return Ok(());
        }
        let asked = self.asked(Interaction::Capabilities, "");
        let error = asked.error(Code::UpstreamInvalid, &format!("speaks FHIR {}, not R4", says.fhir_version));
        Err(error.hint("name the R4 endpoint of the service in `sources`"))
    }

    /// What the service says it can do; at most an hour old, and older only while it does not answer. One request asks
    /// for all, nobody waits long for it, and after a failure nobody asks again for a while: a service that does not say
    /// what it can do may do it all the same.
    pub async fn capabilities(&self, deadline: Instant) -> Result<Arc<Capabilities>> {
        if let Some(known) = self.0.said().fresh() {
            return Ok(known);
        }
        if !self.0.said().has_failed_lately() {
            let client = self.clone();
            // It goes on when nobody waits for it any more, so that the next request need not wait.
            let asking = tokio::spawn(async move { client.0.ask_for_capabilities().await });
            let patience = deadline.min(Instant::now() + CAPABILITIES_PATIENCE);
            if within(patience, asking).await.is_none() {
                self.0.said().failed = Some(Instant::now());
            }
        }
        // Old is better than none.
        let known = self.0.said().known.clone();
        known.map(|(_, known)| known).ok_or_else(|| {
            let asked = self.asked(Interaction::Capabilities, "");
            asked.error(Code::UpstreamTimeout, "has not said in time what it can do")
        })
    }

    /// Whether the service answers, tried once, with the time that it took.
    pub async fn ping(&self, deadline: Instant) -> Result<Duration> {
        let asked = self.asked(Interaction::Capabilities, "");
        let mut url = self.0.below(&asked, &["metadata"])?;
        url.set_query(Some("_summary=true"));
        let start = Instant::now();
        let ask = Ask { repeatable: false, ..Ask::get(asked, url) };
        let reply = self.0.send(&ask, deadline).await?;
        // It is asked without a token, since nobody asks; that it would have one is an answer.
        if !(self.asks_as_callers() && matches!(reply.status.as_u16(), 401 | 403)) {
            success(&asked, reply)?;
        }
        Ok(start.elapsed())
    }

    /// The first page. The service is asked to refuse what it does not understand (`Prefer: handling=strict`); if it
    /// does, it is asked once more to ignore that, and the page says so.
    pub async fn search(
        &self,
        resource_type: &str,
        params: &[(String, String)],
        page_size: Option<u32>,
        wait: impl Into<Wait>,
    ) -> Result<Searched> {
        let Wait { until: deadline, size } = wait.into();
        let asked = self.asked(Interaction::Search, resource_type);
        let query = search_query(params, page_size);
        let mut url = self.0.below(&asked, &[resource_type])?;
        // What links are relative to, also where the search goes by POST.
        let mut whole = url.clone();
        whole.set_query(Some(&query));
        let mut ask = if url.as_str().len() + 1 + query.len() > SEARCH_URL_BYTES {
            let mut ask = Ask::get(asked, self.0.below(&asked, &[resource_type, "_search"])?);
            ask.method = Method::POST;
            ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            ask.body = Some(query.into());
            ask
        } else {
            url.set_query((!query.is_empty()).then_some(&query));
            Ask::get(asked, url)
        };
        ask.size = size;
        ask.headers.insert(PREFER, HeaderValue::from_static("handling=strict"));
        let mut reply = self.0.send(&ask, deadline).await?;
        let downgraded = reply.status == StatusCode::BAD_REQUEST;
        if downgraded {
            tracing::debug!(source = self.name(), resource_type, "strict search refused, asking leniently");
            ask.headers.insert(PREFER, HeaderValue::from_static("handling=lenient"));
            reply = self.0.send(&ask, deadline).await?;
        }
        let status = reply.status.as_u16();
        if let Some(error) = reply.too_large.take().filter(|_| reply.status.is_success()) {
            return Ok(Searched::TooLarge(error));
        }
        match (self.0.page(&asked, reply, whole, downgraded), status) {
            (Ok(page), _) => Ok(Searched::Page(page)),
            (Err(error), 404) => Ok(Searched::Unknown(error)),
            (Err(error), 400 | 405 | 413 | 414 | 422 | 501) => Ok(Searched::Refused(error)),
            (Err(error), _) => Err(error),
        }
    }

    /// The first page of the versions of all resources of a type, or of one of them, and the service's clock. `since`: an
    /// instant, from which on.
    pub async fn history(
        &self,
        resource_type: &str,
        id: Option<&str>,
        since: Option<&str>,
        page_size: u32,
        wait: impl Into<Wait>,
    ) -> Result<(Searched, Option<jiff::Timestamp>)> {
        let Wait { until: deadline, size } = wait.into();
        let asked = self.asked(Interaction::History, resource_type);
        let path: Vec<_> = [Some(resource_type), id, Some("_history")].into_iter().flatten().collect();
        let mut url = self.0.below(&asked, &path)?;
        let since = since.map(|since| ("_since", since));
        let count = page_size.to_string();
        url.set_query(Some(&query(since.into_iter().chain([("_count", count.as_str())]))));
        let mut reply = self.0.send(&Ask { size, ..Ask::get(asked, url.clone()) }, deadline).await?;
        let clock = reply.headers.get(DATE).and_then(|date| date.to_str().ok());
        let clock = clock.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp());
        let status = reply.status.as_u16();
        if let Some(error) = reply.too_large.take().filter(|_| reply.status.is_success()) {
            return Ok((Searched::TooLarge(error), clock));
        }
        let found = match (self.0.page(&asked, reply, url, false), status) {
            (Ok(page), _) => Searched::Page(page),
            (Err(error), 404 | 410) => Searched::Unknown(error),
            (Err(error), 400 | 405 | 413 | 414 | 422 | 501) => Searched::Refused(error),
            (Err(error), _) => return Err(error),
        };
        Ok((found, clock))
    }

    /// The page behind a link of a page of a history.
    pub async fn next_of_history(&self, resource_type: &str, link: &str, wait: impl Into<Wait>) -> Result<Searched> {
        let asked = self.asked(Interaction::History, resource_type);
        self.page_behind(asked, link, wait.into()).await
    }

    /// The page behind a link of the page before, if the link leads into this service.
    pub async fn next(&self, resource_type: &str, link: &str, wait: impl Into<Wait>) -> Result<Searched> {
        let asked = self.asked(Interaction::Search, resource_type);
        self.page_behind(asked, link, wait.into()).await
    }

    async fn page_behind(&self, asked: Asked<'_>, link: &str, wait: Wait) -> Result<Searched> {
        if link.len() > LINK_BYTES {
            return Err(asked.error(Code::UpstreamInvalid, "gave a next link that is longer than any link may be"));
        }
        let url = self.0.inside(link).ok_or_else(|| {
            asked.error(Code::UpstreamInvalid, "gave a next link that leads outside its own address").hint(
                "an administrator has to configure the address that the service gives for itself as `public_url` of \
                 this source",
            )
        })?;
        let Wait { until: deadline, size } = wait;
        let ask = Ask { size, ..Ask::get(asked, url.clone()) };
        let mut reply = self.0.send(&ask, deadline).await?;
        if let Some(error) = reply.too_large.take().filter(|_| reply.status.is_success()) {
            return Ok(Searched::TooLarge(error));
        }
        if matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            let error = asked.error(Code::PageTokenExpired, "no longer keeps the search that this page is of");
            return Err(error.hint("start again without $skiptoken"));
        }
        self.0.page(&asked, reply, url, false).map(Searched::Page)
    }

    /// None: it is not there, or no longer.
    pub async fn read(&self, resource_type: &str, id: &str, deadline: Instant) -> Result<Option<Versioned>> {
        let asked = self.asked(Interaction::Read, resource_type);
        let Ok(url) = self.0.below(&asked, &[resource_type, id]) else {
            return Ok(None);
        };
        let reply = self.0.send(&Ask::get(asked, url), deadline).await?;
        if matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Ok(None);
        }
        let reply = success(&asked, reply)?;
        let head = Head::parse(&reply.body).filter(|h| h.is(resource_type, id)).ok_or_else(|| {
            asked.error(Code::UpstreamInvalid, "answered with something else than the resource asked for")
        })?;
        if std::str::from_utf8(&reply.body).is_ok_and(is_part) {
            let what = "answered with a part of the resource (SUBSETTED) where the whole was asked for";
            return Err(asked.error(Code::UpstreamInvalid, what));
        }
        Ok(Some(Versioned { version: etag(&reply.headers).or(head.version()), body: reply.body }))
    }

    /// Whether the service shows the versions of a resource that it has.
    pub async fn has_history(&self, resource_type: &str, id: &str, deadline: Instant) -> Result<bool> {
        let asked = self.asked(Interaction::Read, resource_type);
        let mut url = self.0.below(&asked, &[resource_type, id, "_history"])?;
        url.set_query(Some("_count=1"));
        let reply = self.0.send(&Ask::get(asked, url), deadline).await?;
        Ok(reply.status.is_success())
    }

    /// `if_none_exist`: search parameters; if one resource matches them, it is answered and nothing is created.
    pub async fn create(
        &self,
        resource_type: &str,
        body: Bytes,
        if_none_exist: Option<&[(String, String)]>,
        deadline: Instant,
    ) -> Result<Written> {
        let asked = Asked { versioned: if_none_exist.is_some(), ..self.asked(Interaction::Create, resource_type) };
        let url = self.0.below(&asked, &[resource_type])?;
        let mut ask = Ask::write(asked, Method::POST, url, Some(body));
        if let Some(params) = if_none_exist {
            let condition = HeaderValue::try_from(search_query(params, None))
                .map_err(|_| asked.error(Code::Internal, "cannot be given this condition"))?;
            ask.headers.insert(IF_NONE_EXIST, condition);
        }
        let reply = self.0.succeed(&ask, deadline).await?;
        self.0.written(&asked, None, reply, deadline).await
    }

    /// Update, or create under this id where the service allows it. `AlreadyExists` where it was to be new and is not;
    /// where the service does not look at `If-None-Match` that comes to light only afterwards, see [`Written::created`].
    pub async fn put(
        &self,
        resource_type: &str,
        id: &str,
        body: Bytes,
        stands: Stands<'_>,
        deadline: Instant,
    ) -> Result<Written> {
        let is_conditional = stands != Stands::Anyhow;
        let asked = Asked { versioned: is_conditional, ..self.asked(Interaction::Update, resource_type) };
        let url = self.0.below(&asked, &[resource_type, id])?;
        let mut ask = Ask::write(asked, Method::PUT, url, Some(body));
        match stands {
            Stands::At(version) => ask.expect_version(Some(version))?,
            Stands::Nowhere => drop(ask.headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"))),
            Stands::Anyhow => {}
        }
        let reply = self.0.send(&ask, deadline).await?;
        if stands == Stands::Nowhere && reply.status == StatusCode::PRECONDITION_FAILED {
            return Err(asked.error(Code::AlreadyExists, "has a resource of this id already"));
        }
        self.0.written(&asked, Some(id), success(&asked, reply)?, deadline).await
    }

    /// `NotFound` if it is not there, or no longer. What the service says is not taken for it: the resource is looked for
    /// afterwards, since a service may have put the deletion off, or not made it at all.
    pub async fn delete(&self, resource_type: &str, id: &str, if_match: Option<&str>, deadline: Instant) -> Result<()> {
        let asked = Asked { versioned: if_match.is_some(), ..self.asked(Interaction::Delete, resource_type) };
        let url = self.0.below(&asked, &[resource_type, id])?;
        let mut ask = Ask::write(asked, Method::DELETE, url, None);
        ask.expect_version(if_match)?;
        let reply = self.0.succeed(&ask, deadline).await?;
        if let Some(error) = denial(&asked, &reply.body) {
            return Err(error);
        }
        match self.read(resource_type, id, deadline).await {
            Ok(Some(_)) => {
                let error = asked.error(Code::UpstreamInvalid, "says that it deleted a resource, and still has it");
                Err(with_doubt(&asked, error))
            }
            // That it cannot be read says nothing against what the service has said, unless that was no more than "later".
            Err(error) if reply.status == StatusCode::ACCEPTED => Err(with_doubt(&asked, error)),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// A `transaction` or `batch` Bundle to the service's base; the Bundle that it answers with.
    pub async fn transaction(&self, bundle: Bytes, deadline: Instant) -> Result<Bytes> {
        let asked = self.asked(Interaction::Transaction, "");
        let ask = Ask::write(asked, Method::POST, self.0.base.url(), Some(bundle));
        let reply = self.0.succeed(&ask, deadline).await?;
        match resource_type_of(&reply.body).as_deref() {
            Some("Bundle") => Ok(reply.body),
            _ => {
                let error = asked.error(Code::UpstreamInvalid, "answered a bundle with something else");
                Err(with_doubt(&asked, error))
            }
        }
    }
}

struct Service {
    name: String,
    base: BaseUrl,
    public: Option<BaseUrl>,
    learned: Learned,
    probed: std::sync::Mutex<Option<Arc<Probed>>>,
    overrides: Overrides,
    timeout: Duration,
    answer_bytes: usize,
    http: reqwest::Client,
    authorizer: Authorizer,
    turns: Turns,
    requests: AtomicU64,
    errors: AtomicU64,
    retries: AtomicU64,
    micros: AtomicU64,
    said: std::sync::Mutex<Said>,
    /// Held while the service is asked for its capabilities, so that one request does.
    asking: Mutex<()>,
    callers: Callers,
}

/// What the service has said that it can do.
#[derive(Default)]
struct Said {
    /// With the time it was fetched.
    known: Option<(Instant, Arc<Capabilities>)>,
    /// When it last did not say, or not in time.
    failed: Option<Instant>,
}

impl Said {
    fn fresh(&self) -> Option<Arc<Capabilities>> {
        self.known.as_ref().filter(|(at, _)| at.elapsed() < CAPABILITIES_LIFE).map(|(_, known)| known.clone())
    }

    fn has_failed_lately(&self) -> bool {
        self.failed.is_some_and(|at| at.elapsed() < CAPABILITIES_PAUSE)
    }
}

/// A request, before credentials.
struct Ask<'a> {
    asked: Asked<'a>,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Bytes>,
    /// May be sent again though it may have arrived.
    repeatable: bool,
    /// See [`Wait`].
    size: u64,
}

impl<'a> Ask<'a> {
    fn get(asked: Asked<'a>, url: Url) -> Self {
        let headers = HeaderMap::from_iter([(ACCEPT, FHIR_JSON)]);
        Self { asked, method: Method::GET, url, headers, body: None, repeatable: true, size: 0 }
    }

    fn write(asked: Asked<'a>, method: Method, url: Url, body: Option<Bytes>) -> Self {
        let mut headers =
            HeaderMap::from_iter([(ACCEPT, FHIR_JSON), (PREFER, HeaderValue::from_static("return=representation"))]);
        if body.is_some() {
            headers.insert(CONTENT_TYPE, FHIR_JSON);
        }
        Self { asked, method, url, headers, body, repeatable: false, size: 0 }
    }

    fn expect_version(&mut self, version: Option<&str>) -> Result<()> {
        let Some(version) = version else {
            return Ok(());
        };
        // A version that no header can carry is none that the service has.
        let value = Some(version)
            .filter(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_graphic() && b != b'"'))
            .and_then(|v| HeaderValue::try_from(format!("W/\"{v}\"")).ok())
            .ok_or_else(|| self.asked.error(Code::VersionMismatch, "has another version of this resource"))?;
        self.headers.insert(IF_MATCH, value);
        Ok(())
    }
}

impl Service {
    fn asked<'a>(&'a self, interaction: Interaction, resource_type: &'a str) -> Asked<'a> {
        Asked { source: &self.name, interaction, resource_type, versioned: false, behalf: None }
    }

    fn below(&self, asked: &Asked, segments: &[&str]) -> Result<Url> {
        self.base.below(segments).ok_or_else(|| asked.error(Code::NotFound, "can have no resource of such an id"))
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unless another has just done so.
    async fn ask_for_capabilities(&self) {
        let _one = self.asking.lock().await;
        if self.said().fresh().is_some() || self.said().has_failed_lately() {
            return;
        }
        let asked = self.asked(Interaction::Capabilities, "");
        let fetched = self.fetch_capabilities(&asked, Instant::now() + self.timeout).await;
        let mut said = self.said();
        match fetched {
            Ok(new) => *said = Said { known: Some((Instant::now(), new)), failed: None },
            Err(error) => {
                tracing::warn!(source = self.name, %error, "its capabilities are not known, or those of before kept");
                said.failed = Some(Instant::now());
            }
        }
    }

    async fn fetch_capabilities(&self, asked: &Asked<'_>, deadline: Instant) -> Result<Arc<Capabilities>> {
        let url = self.below(asked, &["metadata"])?;
        let reply = self.succeed(&Ask::get(*asked, url), deadline).await?;
        Capabilities::parse(&reply.body)
            .map(Arc::new)
            .ok_or_else(|| asked.error(Code::UpstreamInvalid, "answered with no CapabilityStatement"))
    }

    /// A link that the service gave, as we can follow it.
    fn inside(&self, link: &str) -> Option<Url> {
        self.base.inside(link).or_else(|| {
            let url = self.public.as_ref()?.inside(link)?;
            let rest = url.as_str().strip_prefix(self.public.as_ref()?.to_string().as_str())?;
            self.base.inside(&format!("{}{rest}", self.base))
        })
    }

    fn page(&self, asked: &Asked, reply: Reply, url: Url, downgraded: bool) -> Result<Page> {
        let reply = success(asked, reply)?;
        match resource_type_of(&reply.body).as_deref() {
            Some("Bundle") => Ok(Page { body: reply.body, downgraded, url }),
            Some("OperationOutcome") => {
                Err(asked.error(Code::UpstreamInvalid, "answered with an OperationOutcome instead of a Bundle"))
            }
            _ => Err(asked.error(Code::UpstreamInvalid, "answered with no Bundle")),
        }
    }

    /// What was written, from the answer or, where that does not hold it, read again.
    async fn written(&self, asked: &Asked<'_>, id: Option<&str>, reply: Reply, deadline: Instant) -> Result<Written> {
        if let Some(error) = denial(asked, &reply.body) {
            return Err(error);
        }
        let created = reply.status == StatusCode::CREATED;
        let version = etag(&reply.headers);
        let location = location(&reply.headers, asked.resource_type);
        // 202 is no word of what has become of it.
        let is_done = reply.status != StatusCode::ACCEPTED;
        let head = Head::parse(&reply.body).filter(|h| h.resource_type.as_deref() == Some(asked.resource_type));
        let head = head.filter(|_| is_done);
        if let Some(head) = head
            && let Some(given) = head.id.as_deref()
        {
            if id.is_some_and(|id| id != given) {
                let error = asked.error(Code::UpstreamInvalid, "answered with another resource");
                return Err(with_doubt(asked, error));
            }
            let id = given.to_owned();
            return Ok(Written { id, version: version.or(head.version()), body: reply.body, created });
        }
        let lost = |error: Error| match is_done {
            true => Error::new(
                error.code(),
                format!("the change was made, but what it made was not shown: {}", error.message()),
            )
            .internal(error.get_internal().unwrap_or_default())
            .hint("do not repeat it; read the row"),
            false => {
                let error = asked.error(Code::UpstreamInvalid, "puts the change off, and does not show it");
                with_doubt(asked, error)
            }
        };
        let id = id
            .map(str::to_owned)
            .or(location)
            .ok_or_else(|| lost(asked.error(Code::UpstreamInvalid, "did not say the new id")))?;
        let reread = Asked { interaction: Interaction::Read, versioned: false, ..*asked };
        let url = self.below(&reread, &[asked.resource_type, &id]).map_err(lost)?;
        let reply = self.succeed(&Ask::get(reread, url), deadline).await.map_err(lost)?;
        match Head::parse(&reply.body).filter(|h| h.is(asked.resource_type, &id)) {
            Some(head) => {
                Ok(Written { id, version: etag(&reply.headers).or(head.version()), body: reply.body, created })
            }
            None => Err(lost(asked.error(Code::UpstreamInvalid, "answered with something else"))),
        }
    }

    async fn succeed(&self, ask: &Ask<'_>, deadline: Instant) -> Result<Reply> {
        success(&ask.asked, self.send(ask, deadline).await?)
    }

    /// Tries, and where that may help tries again.
    async fn send(&self, ask: &Ask<'_>, deadline: Instant) -> Result<Reply> {
        let mut tries = 0;
        loop {
            let outcome = self.attempt(ask, deadline).await;
            let pause = match &outcome {
                Ok(reply) => pause_after(reply, tries),
                Err(failure) => failure.transient.then(|| backoff(tries)),
            };
            let again = pause.filter(|_| ask.repeatable && tries < RETRIES).map(|pause| Instant::now() + pause);
            match again {
                Some(at) if at < deadline => tokio::time::sleep_until(at.into()).await,
                _ => return outcome.map_err(|failure| failure.error),
            }
            tries += 1;
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One exchange, or two if the first brings to light that the credentials are stale.
    async fn attempt(&self, ask: &Ask<'_>, deadline: Instant) -> Result<Reply, Failure> {
        let final_error = |error| Failure { error, transient: false };
        // Each resource type has its share, and what is of none: a search that hangs holds up no other.
        let _turn =
            self.turns.turn(ask.asked.share(), Wait { until: deadline, size: ask.size }).await.map_err(|_| {
                let error = ask.asked.error(Code::UpstreamBusy, "has too many requests of this server under way");
                final_error(error.retry_after(1))
            })?;
        let header = self.authorizer.header(&ask.asked, deadline).await.map_err(final_error)?;
        let reply = self.exchange(ask, header.as_ref(), deadline).await?;
        let Some((_, rejected)) = header.filter(|_| reply.status == StatusCode::UNAUTHORIZED) else {
            return Ok(reply);
        };
        match self.authorizer.renewed(&rejected, &ask.asked, deadline).await.map_err(final_error)? {
            // A 401 is a refusal to look at the request at all, so a write may go out again.
            Some(renewed) => self.exchange(ask, Some(&renewed), deadline).await,
            None => Ok(reply),
        }
    }

    async fn exchange(
        &self,
        ask: &Ask<'_>,
        credentials: Option<&(HeaderName, HeaderValue)>,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let told = |outcome: &Result<Reply, Failure>, attributes: &mut Vec<Attribute>| match outcome {
            Ok(reply) => {
                attributes.push(Attribute::number("http.response.status_code", reply.status.as_u16()));
                attributes.push(Attribute::number("http.response.body.size", reply.body.len()));
                (reply.status.is_client_error() || reply.status.is_server_error())
                    .then(|| reply.status.as_str().to_owned())
            }
            Err(failure) => Some(format!("{:?}", failure.error.code())),
        };
        // Neither URL nor id, as below.
        let step = || {
            Step::client(format!("{} {}", ask.asked.interaction, ask.asked.resource_type))
                .with(Attribute::text("http.request.method", ask.method.to_string()))
                .with(Attribute::text("turntable.source", self.name.clone()))
        };
        context::step(step, Box::pin(self.exchange_now(ask, credentials, deadline)), told).await
    }

    async fn exchange_now(
        &self,
        ask: &Ask<'_>,
        credentials: Option<&(HeaderName, HeaderValue)>,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let mut request = self.http.request(ask.method.clone(), ask.url.clone()).headers(ask.headers.clone());
        if let Some(place) = context::header() {
            request = request.header("traceparent", place);
        }
        if let Some((name, value)) = credentials {
            request = request.header(name, value);
        }
        if let Some(body) = &ask.body {
            request = request.body(body.clone());
        }
        let start = Instant::now();
        let until = deadline.min(start + self.timeout);
        let outcome = exchange(&ask.asked, request, until, self.answer_bytes).await;
        self.count(&ask.asked, start.elapsed(), &outcome);
        outcome
    }

    /// Neither URL nor id, which may tell who the patient is.
    fn count(&self, asked: &Asked, took: Duration, outcome: &Result<Reply, Failure>) {
        let failed = match outcome {
            Ok(reply) => matches!(reply.status.as_u16(), 401 | 403 | 429 | 500..),
            Err(_) => true,
        };
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        let (interaction, resource_type) = (asked.interaction, asked.resource_type);
        match outcome {
            Ok(reply) => {
                let (status, bytes) = (reply.status.as_u16(), reply.body.len());
                tracing::debug!(source = self.name, %interaction, resource_type, status, bytes, micros, "asked");
            }
            Err(failure) => {
                let cause = failure.error.get_internal().unwrap_or_default();
                let error = &failure.error;
                tracing::warn!(source = self.name, %interaction, resource_type, %error, cause, micros, "no answer");
            }
        }
    }
}

/// A successful answer, whose body is text.
fn success(asked: &Asked, mut reply: Reply) -> Result<Reply> {
    if let Some(error) = reply.too_large.take() {
        return Err(error);
    }
    if !reply.status.is_success() {
        return Err(refusal(asked, reply.status, &reply.headers, &reply.body));
    }
    if std::str::from_utf8(&reply.body).is_err() {
        let error = asked.error(Code::UpstreamInvalid, "sent bytes that are no UTF-8");
        return Err(with_doubt(asked, error));
    }
    Ok(reply)
}

fn pause_after(reply: &Reply, tries: u32) -> Option<Duration> {
    let stated = retry_after(&reply.headers).map(|seconds| Duration::from_secs(seconds.into()));
    match reply.status.as_u16() {
        429 => stated.map(|pause| pause.max(backoff(tries))),
        502 | 503 => Some(stated.unwrap_or_default().max(backoff(tries))),
        _ => None,
    }
}

fn backoff(tries: u32) -> Duration {
    BACKOFF * 4_u32.pow(tries)
}

async fn within<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout_at(deadline.into(), work).await.ok()
}

fn search_query(params: &[(String, String)], page_size: Option<u32>) -> String {
    let count = page_size.map(|size| size.to_string());
    let params = params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    query(params.chain(count.as_deref().map(|size| ("_count", size))))
}

/// Whether a resource is tagged as incomplete: what it lacks would be shown as null, and lost by a write.
pub fn is_part(resource: &str) -> bool {
    if !resource.contains("SUBSETTED") {
        return false;
    }
    let resource: serde_json::Value = serde_json::from_str(resource).unwrap_or_default();
    let tags = resource["meta"]["tag"].as_array();
    tags.is_some_and(|tags| tags.iter().any(|tag| tag["code"] == "SUBSETTED"))
}

/// `W/"3"` or `"3"` without the wrapping.
fn etag(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(ETAG)?.to_str().ok()?.trim();
    let version = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?.strip_suffix('"')?;
    (!version.is_empty()).then(|| version.to_owned())
}

/// The id in a `Location` of the type that was asked for.
fn location(headers: &HeaderMap, resource_type: &str) -> Option<String> {
    let reference = key::reference(headers.get(LOCATION)?.to_str().ok()?)?;
    (reference.resource_type == resource_type).then(|| reference.id.to_owned())
}

/// What every resource says about itself.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    id: Option<String>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "versionId")]
    version_id: Option<String>,
}

impl Head {
    /// None if the body is no JSON object, from its first byte to its last.
    fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    fn is(&self, resource_type: &str, id: &str) -> bool {
        self.resource_type.as_deref() == Some(resource_type) && self.id.as_deref() == Some(id)
    }

    fn version(self) -> Option<String> {
        self.meta?.version_id
    }
}

/// The `resourceType` of a large body, nearly always its first member; only else is the whole body read for it.
fn resource_type_of(body: &[u8]) -> Option<String> {
    let first = || {
        let rest = body.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
        let rest = rest.strip_prefix(b"\"resourceType\"")?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let name = rest.strip_prefix(b"\"")?;
        let end = name.iter().take(64).position(|b| !b.is_ascii_alphabetic())?;
        (name[end] == b'"').then(|| String::from_utf8_lossy(&name[..end]).into_owned())
    };
    first().or_else(|| Head::parse(body)?.resource_type)
}

#[cfg(test)]
mod tests;
