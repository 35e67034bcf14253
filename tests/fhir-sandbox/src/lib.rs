//! A small FHIR R4 service for demos and tests: read, write, version, search, page, batch and
//! transaction over resources that live in memory behind one lock, and [`Faults`] that make it misbehave.
//! It keeps what it is given to the digit, and refuses by name what it does not do.

mod capabilities;
mod criterion;
mod document;
mod faults;
mod history;
mod http;
mod index;
mod outcome;
mod parameters;
mod query;
mod rest;
mod search;
mod span;
mod store;
mod transaction;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::http::Method;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use crate::faults::{BadFaults, Fault, Faults, Rule};

use crate::document::Document;
use crate::faults::{Active, Switchboard};
use crate::outcome::Refusal;
use crate::rest::{Call, Exchange};
use crate::search::Pages;
use crate::store::{Store, is_id, type_of};
use crate::transaction::{PostedBundle, PostedEntry, PostedRequest};

/// The service and its resources; clones share them.
#[derive(Clone, Default)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    store: RwLock<Store>,
    pages: Pages,
    faults: Mutex<Switchboard>,
    seen: Mutex<VecDeque<SeenRequest>>,
}

/// A request as the service saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Accept, Authorization, Content-Type, Prefer and the conditional headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body of a `POST _search`.
    pub form: Option<String>,
}

impl SeenRequest {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// What [`Sandbox::load`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// How many resources were stored or found to be there already.
    pub resources: usize,
}

/// Why something was not loaded, or not wholly.
#[derive(Debug)]
pub struct LoadError(String);

impl LoadError {
    fn of(failed: &[Refusal]) -> Self {
        let first = failed.first().and_then(|refusal| refusal.issues.first());
        let why = first.map_or("", |issue| issue.diagnostics.as_str());
        Self(format!("{why} (failures: {})", failed.len()))
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}

impl Sandbox {
    /// An empty service without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds `addr` (port 0 picks one) and serves on the current tokio runtime.
    pub async fn start(self, addr: SocketAddr) -> io::Result<Running> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let router = self.router();
        let task = tokio::spawn(async move {
            let until = async move { drop(stopped.await) };
            // A page is worth sending at once.
            let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
            axum::serve(listener, router).with_graceful_shutdown(until).await
        });
        Ok(Running { addr, stop, task })
    }

    /// Stores a Bundle or a single resource. A batch is done entry by entry and a transaction as a
    /// whole; of any other bundle every resource is stored, under its id where it has one, as a whole
    /// too. Faults do not apply.
    pub fn load(&self, json: &[u8]) -> Result<Loaded, LoadError> {
        let (batch, entries) = entries_to_load(json)?;
        let base = format!("http://localhost{}", http::BASE_PATH);
        let exchange = Exchange { base, active: Active::default(), pages: &self.inner.pages };
        let call = Call { method: Method::POST, ..Call::default() };
        let resources = entries.len();
        let mut store = self.store_mut();
        let failed: Vec<Refusal> = if batch {
            transaction::batch(&exchange, &mut store, &call, entries).into_iter().filter_map(Result::err).collect()
        } else {
            transaction::transaction(&exchange, &mut store, &call, entries).err().into_iter().collect()
        };
        store.keep();
        if failed.is_empty() { Ok(Loaded { resources }) } else { Err(LoadError::of(&failed)) }
    }

    pub fn set_faults(&self, faults: Faults) {
        *locked(&self.inner.faults) = Switchboard::new(faults);
    }

    pub fn faults(&self) -> Faults {
        locked(&self.inner.faults).faults().clone()
    }

    /// The current text of a resource.
    pub fn resource(&self, ty: &str, id: &str) -> Option<String> {
        let store = self.store();
        store.current(ty, id)?.body.as_ref().map(|body| body.text.get().to_owned())
    }

    /// How many resources of a type there are.
    pub fn count(&self, ty: &str) -> usize {
        self.store().count(ty)
    }

    /// The latest requests, oldest first.
    pub fn requests(&self) -> Vec<SeenRequest> {
        locked(&self.inner.seen).iter().cloned().collect()
    }

    pub fn clear_requests(&self) {
        locked(&self.inner.seen).clear();
    }

    /// The service as an axum router, for whoever does the serving.
    pub fn router(&self) -> axum::Router {
        http::router(self.clone())
    }

    fn store(&self) -> RwLockReadGuard<'_, Store> {
        self.inner.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn store_mut(&self) -> RwLockWriteGuard<'_, Store> {
        self.inner.store.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A served [`Sandbox`]; dropping it ends the service.
pub struct Running {
    addr: SocketAddr,
    /// The service ends when this is dropped.
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The FHIR base, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.addr, http::BASE_PATH)
    }

    /// Lets the requests under way end, then stops.
    pub async fn shutdown(self) {
        drop(self.stop);
        // A failed or cancelled task has stopped as well.
        drop(self.task.await);
    }
}

/// The entries of what is loaded, each with a request; and whether each stands for itself.
fn entries_to_load(json: &[u8]) -> Result<(bool, Vec<PostedEntry>), LoadError> {
    let resource: Document =
        serde_json::from_slice(json).map_err(|error| LoadError(format!("not a JSON object: {error}")))?;
    if resource.string("resourceType").as_deref() != Some("Bundle") {
        let whole = resource.to_raw().map_err(|error| LoadError(error.to_string()))?;
        let entry = PostedEntry { resource: Some(whole), ..PostedEntry::default() };
        return Ok((false, vec![with_request(entry)?]));
    }
    let bundle = PostedBundle::parse(json).map_err(|refusal| LoadError::of(&[refusal]))?;
    match bundle.kind.as_str() {
        "batch" | "transaction" => Ok((bundle.kind == "batch", bundle.entry)),
        "history" => Err(LoadError("a history bundle holds old versions; load the current ones".to_owned())),
        _ => {
            let stored = bundle.entry.into_iter().filter(|entry| !is_outcome(entry));
            Ok((false, stored.map(with_request).collect::<Result<_, _>>()?))
        }
    }
}

/// A searchset may hold hints of the service it comes from.
fn is_outcome(entry: &PostedEntry) -> bool {
    let ty = entry.resource.as_ref().and_then(|text| serde_json::from_str::<Document>(text.get()).ok());
    ty.and_then(|resource| type_of(&resource)) == Some("OperationOutcome")
}

fn with_request(entry: PostedEntry) -> Result<PostedEntry, LoadError> {
    let text = entry.resource.as_ref().map_or("{}", |text| text.get());
    let resource: Document =
        serde_json::from_str(text).map_err(|error| LoadError(format!("not a JSON object: {error}")))?;
    let ty = type_of(&resource).ok_or_else(|| LoadError("resourceType is missing or not a type of R4".to_owned()))?;
    let (method, url) = match resource.string("id").filter(|id| is_id(id)) {
        Some(id) => ("PUT", format!("{ty}/{id}")),
        None => ("POST", ty.to_owned()),
    };
    let request = PostedRequest { method: Some(method.to_owned()), url: Some(url), ..PostedRequest::default() };
    Ok(PostedEntry { request, ..entry })
}

/// Takes a lock; what a panicking holder left is still whole, as nothing is written in steps.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
