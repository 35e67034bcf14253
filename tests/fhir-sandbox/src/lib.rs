//! A small FHIR R4 service for demos and tests: read, write, version, search, page, batch and
//! transaction over resources that live in memory behind one lock, and [`Faults`] that make it misbehave.
//! It keeps what it is given to the digit, and refuses by name what it does not do.

mod capabilities;
mod criterion;
mod faults;
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
use serde_json::{Map, Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use crate::faults::{BadFaults, Fault, Faults, Rule};

use crate::faults::{Active, Switchboard};
use crate::outcome::Refusal;
use crate::rest::{Call, Exchange};
use crate::search::Pages;
use crate::store::{Store, is_id, type_of};

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
        self.headers
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
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
            axum::serve(listener, router)
                .with_graceful_shutdown(until)
                .await
        });
        Ok(Running { addr, stop, task })
    }

    /// Stores a Bundle or a single resource. A batch is done entry by entry and a transaction as a
    /// whole; of any other bundle every resource is stored, under its id where it has one, as a whole
    /// too. Faults do not apply.
    pub fn load(&self, json: &[u8]) -> Result<Loaded, LoadError> {
        let resource: Map<String, Json> = serde_json::from_slice(json)
            .map_err(|error| LoadError(format!("not a JSON object: {error}")))?;
        let (batch, entries) = entries_to_load(resource)?;
        let base = format!("http://localhost{}", http::BASE_PATH);
        let exchange = Exchange {
            base,
            active: Active::default(),
            pages: &self.inner.pages,
        };
        let call = Call {
            method: Method::POST,
            ..Call::default()
        };
        let resources = entries.len();
        let mut store = self.store_mut();
        let failed: Vec<Refusal> = if batch {
            transaction::batch(&exchange, &mut store, &call, entries)
                .into_iter()
                .filter_map(Result::err)
                .collect()
        } else {
            transaction::transaction(&exchange, &mut store, &call, entries)
                .err()
                .into_iter()
                .collect()
        };
        store.keep();
        match failed.first().and_then(|refusal| refusal.issues.first()) {
            None => Ok(Loaded { resources }),
            Some(issue) => Err(LoadError(format!(
                "{} (failures: {})",
                issue.diagnostics,
                failed.len()
            ))),
        }
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
        store
            .current(ty, id)?
            .body
            .as_ref()
            .map(|body| body.text.get().to_owned())
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
        self.inner
            .store
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn store_mut(&self) -> RwLockWriteGuard<'_, Store> {
        self.inner
            .store
            .write()
            .unwrap_or_else(PoisonError::into_inner)
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
fn entries_to_load(mut resource: Map<String, Json>) -> Result<(bool, Vec<Json>), LoadError> {
    if resource.get("resourceType").and_then(Json::as_str) != Some("Bundle") {
        return Ok((false, vec![entry_to_load(None, resource)?]));
    }
    let entries = match resource.remove("entry") {
        Some(Json::Array(entries)) => entries,
        _ => Vec::new(),
    };
    let kind = resource
        .get("type")
        .and_then(Json::as_str)
        .unwrap_or_default();
    if matches!(kind, "batch" | "transaction") {
        return Ok((kind == "batch", entries));
    }
    if kind == "history" {
        return Err(LoadError(
            "a history bundle holds old versions; load the current ones".to_owned(),
        ));
    }
    let resources =
        entries
            .into_iter()
            .filter_map(|mut entry| match entry.get_mut("resource")?.take() {
                Json::Object(resource) => Some((
                    entry
                        .get("fullUrl")
                        .and_then(Json::as_str)
                        .map(str::to_owned),
                    resource,
                )),
                _ => None,
            });
    let stored = resources.filter(|(_, resource)| type_of(resource) != Some("OperationOutcome"));
    Ok((
        false,
        stored
            .map(|(full_url, resource)| entry_to_load(full_url, resource))
            .collect::<Result<_, _>>()?,
    ))
}

fn entry_to_load(full_url: Option<String>, resource: Map<String, Json>) -> Result<Json, LoadError> {
    let ty = type_of(&resource)
        .ok_or_else(|| LoadError("resourceType is missing or not a type of R4".to_owned()))?;
    let request = match resource
        .get("id")
        .and_then(Json::as_str)
        .filter(|id| is_id(id))
    {
        Some(id) => json!({"method": "PUT", "url": format!("{ty}/{id}")}),
        None => json!({"method": "POST", "url": ty}),
    };
    Ok(json!({"fullUrl": full_url, "resource": resource, "request": request}))
}

/// Takes a lock; what a panicking holder left is still whole, as nothing is written in steps.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
