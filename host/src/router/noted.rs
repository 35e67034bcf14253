//! What one request for rows leaves in the audit trail: one entry, whatever becomes of it. Its place is taken before anything is done;
//! a write is answered once its entry is on the disk, a read does not wait for it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::model::access::{Operation, Right};
use crate::model::audit::{Deed, KeysAs};
use crate::model::caller::{Caller, Role};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::router::session::Session;
use crate::router::sight;
use crate::router::write::ingest::{OutcomeKind, Taken};
use crate::store::noting::{Left, Place};
use crate::telemetry::context;

/// Of what was not begun.
const REFUSED: &str = "request.refused";

/// What a request is about.
#[derive(Clone, Debug)]
pub struct About {
    /// `rows.read`, `row.update`, …
    pub action: &'static str,
    pub right: Right,
    /// Its logical name; None where it is about no one table.
    pub table: Option<Arc<Table>>,
    /// Of the row that it is about.
    pub key: Option<Uuid>,
    /// Other tables whose rows it shows.
    pub with: BTreeSet<String>,
    /// What was to be done, of what is about no rows.
    pub operation: Option<Operation>,
}

/// A request that will leave an entry: at its end, or when nobody goes on with it.
#[derive(Debug)]
pub struct Noting {
    about: About,
    at: Timestamp,
    actor: String,
    request: Option<String>,
    /// The roles and scopes that let it be done.
    by: Vec<String>,
    /// Rules leave out rows, or the columns' values of some.
    is_ruled: bool,
    until: Instant,
    place: Mutex<Option<Place>>,
    rows: AtomicU64,
    keys: Mutex<Vec<Uuid>>,
    /// Keys that an entry has at most.
    keys_most: usize,
    /// Somebody else ends it.
    is_passed_on: AtomicBool,
    /// Of a change set: its changes, each of which has an entry.
    parts: Mutex<Vec<Part>>,
}

/// A change of a change set.
#[derive(Debug)]
struct Part {
    about: About,
    by: Vec<String>,
    is_ruled: bool,
}

impl About {
    /// Nothing but what it is called, and what it is to do.
    pub fn new(action: &'static str, right: Right) -> Self {
        Self { action, right, table: None, key: None, with: BTreeSet::new(), operation: None }
    }

    fn writes(&self) -> bool {
        !matches!(self.right, Right::Read)
    }
}

impl Session {
    /// None where such a request leaves nothing. `Busy` where the trail has no place by the deadline.
    pub async fn note(&self, about: About) -> Result<Option<Arc<Noting>>> {
        let trail = &self.turntable().trail;
        if !about.writes() && !trail.policy.reads && about.action != REFUSED {
            return Ok(None);
        }
        let place = trail.place(self.deadline()).await?;
        let (by, is_ruled) = self.by(&about);
        let keys_most = match trail.policy.keys {
            KeysAs::Nothing => 0,
            KeysAs::Hashed | KeysAs::Plain => self.limits().audit_keys,
        };
        let keys = about.key.into_iter().take(keys_most).collect();
        Ok(Some(Arc::new(Noting {
            about,
            at: Timestamp::now(),
            actor: self.caller().name().to_owned(),
            request: context::name(),
            by,
            is_ruled,
            until: self.deadline(),
            place: Mutex::new(Some(place)),
            rows: AtomicU64::new(0),
            keys: Mutex::new(keys),
            keys_most,
            is_passed_on: AtomicBool::new(false),
            parts: Mutex::default(),
        })))
    }

    /// Notes a request for what its caller may not, or that names what is not there for them.
    pub async fn note_refused(&self, operation: Option<Operation>, error: &Error) -> Result<()> {
        let about = About { operation, ..About::new(REFUSED, Right::Read) };
        if self.sight().is_some()
            && matches!(error.code(), Code::Forbidden | Code::UnknownTable)
            && let Some(noting) = self.note(about).await?
        {
            noting.end(Some(error)).await;
        }
        Ok(())
    }

    /// By which right something is done, and whether rules hold it to less than there is.
    fn by(&self, about: &About) -> (Vec<String>, bool) {
        let caller = self.caller();
        let Some(sight) = self.sight() else { return (vec![Role::Admin.name().to_owned()], false) };
        let Some(table) = &about.table else { return (roles(caller), true) };
        let acts = sight::acts(about.right);
        let by: BTreeSet<_> = acts.iter().flat_map(|act| sight.by(&table.name, *act)).cloned().collect();
        let is_limited = acts.iter().any(|act| sight.is_limited(&self.snapshot().catalog, table, *act));
        (by.into_iter().collect(), is_limited || sight.veiled(&table.name).is_some())
    }
}

fn roles(caller: &Caller) -> Vec<String> {
    let scopes = caller.scopes().into_iter().flat_map(|scopes| scopes.all()).map(ToString::to_string);
    caller.roles().iter().cloned().chain(scopes).collect()
}

impl Noting {
    /// These rows of a table are shown. Keys are kept of the table that the request is about.
    pub fn saw(&self, table: &Table, rows: &Rows) {
        // Of a write it is said what was written.
        if self.about.writes() {
            return;
        }
        self.rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
        if self.about.table.as_ref().is_none_or(|own| own.name != table.name) {
            return;
        }
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        for row in 0..rows.len() {
            if keys.len() >= self.keys_most {
                return;
            }
            let Some(text) = rows.cell(row, table.key) else { continue };
            let key = key::of_row(table, text);
            // The row that was asked for stands in it already.
            if self.about.key != Some(key) {
                keys.push(key);
            }
        }
    }

    /// So many rows, of which no more is known.
    pub fn counted(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// This row was made or changed.
    pub fn made(&self, key: Uuid) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() < self.keys_most && self.about.key != Some(key) {
            keys.push(key);
        }
        self.rows.fetch_add(1, Ordering::Relaxed);
    }

    /// What a bundle has done.
    pub fn took(&self, session: &Session, taken: &Taken) {
        for outcome in &taken.outcomes {
            let is_done = !matches!(outcome.kind, OutcomeKind::Refused(_) | OutcomeKind::NotStored);
            match (outcome.rows.first(), &outcome.resource) {
                (Some((_, key)), _) => self.made(*key),
                (None, Some((resource_type, id))) if is_done => self.resource(session, resource_type, id),
                _ => {}
            }
        }
    }

    /// A resource as a whole, by the key of its row in the first table that shows it.
    pub fn resource(&self, session: &Session, resource_type: &str, id: &str) {
        let catalog = &session.snapshot().catalog;
        let table = catalog.tables().find(|table| table.parent.is_none() && table.source(resource_type).is_some());
        match table {
            Some(table) => self.made(key::of_row(table, &format!("{resource_type}/{id}"))),
            None => self.counted(1),
        }
    }

    /// One more change of a change set, which begins now. Its place among them.
    pub fn part(&self, session: &Session, about: About) -> usize {
        let (by, is_ruled) = session.by(&about);
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.push(Part { about, by, is_ruled });
        parts.len() - 1
    }

    /// The row that a change of a change set has made or changed.
    pub fn part_made(&self, part: usize, key: Uuid) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = parts.get_mut(part) {
            part.about.key = Some(key);
        }
    }

    /// All changes of a change set are made anew.
    pub fn begin_anew(&self) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Somebody else goes on with it, and ends it.
    pub fn pass_on(&self) {
        self.is_passed_on.store(true, Ordering::Relaxed);
    }

    pub fn is_passed_on(&self) -> bool {
        self.is_passed_on.load(Ordering::Relaxed)
    }

    /// Leaves the entry. Of a write it is on the disk then, unless that takes longer than the request has: it is written later.
    pub async fn end(&self, error: Option<&Error>) {
        let kept = self.leave(error.map(|error| format!("{:?}", error.code())));
        if let Some(kept) = kept {
            let _ = tokio::time::timeout_at(self.until.into(), kept).await;
        }
    }

    fn leave(&self, outcome: Option<String>) -> Option<oneshot::Receiver<()>> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let keys = std::mem::take(&mut *self.keys.lock().unwrap_or_else(PoisonError::into_inner));
        let parts = std::mem::take(&mut *self.parts.lock().unwrap_or_else(PoisonError::into_inner));
        let (rows, is_done) = (self.rows.load(Ordering::Relaxed), outcome.is_none());
        let left = match parts.is_empty() {
            true => vec![self.left(&self.about, &self.by, self.is_ruled, rows, keys, outcome.clone())],
            false => {
                let one = |part: &Part| {
                    let keys = part.about.key.into_iter().take(self.keys_most).collect();
                    self.left(&part.about, &part.by, part.is_ruled, is_done.into(), keys, outcome.clone())
                };
                parts.iter().map(one).collect()
            }
        };
        // What has failed is not there, whatever becomes of its entry.
        if self.about.writes() && is_done {
            return Some(place.fill_and_wait(left));
        }
        place.fill(left);
        None
    }

    fn left(
        &self,
        about: &About,
        by: &[String],
        is_ruled: bool,
        rows: u64,
        keys: Vec<Uuid>,
        outcome: Option<String>,
    ) -> Left {
        let mut detail = Map::new();
        if outcome.is_none() || rows > 0 {
            detail.insert("rows".to_owned(), rows.into());
        }
        if !by.is_empty() {
            detail.insert("by".to_owned(), by.to_vec().into());
        }
        if let Some(operation) = about.operation {
            detail.insert("operation".to_owned(), operation.name().into());
        }
        if is_ruled {
            detail.insert("ruled".to_owned(), true.into());
        }
        if !about.with.is_empty() {
            detail.insert("with".to_owned(), about.with.iter().cloned().collect::<Vec<_>>().into());
        }
        let deed = Deed {
            at: self.at,
            actor: self.actor.clone(),
            action: about.action.to_owned(),
            table: about.table.as_ref().map(|table| table.name.clone()),
            request: self.request.clone(),
            outcome,
            detail: Value::Object(detail),
            is_decision: false,
        };
        Left { deed, keys }
    }
}

impl Drop for Noting {
    /// Nobody waits for the request any more: what it has done is not known here, and it is said that it was begun.
    fn drop(&mut self) {
        drop(self.leave(Some("Abandoned".to_owned())));
    }
}
