//! What one request for rows leaves in the audit trail: one entry, whatever becomes of it. Its place is taken before anything is done;
//! a write is answered once its entry is on the disk, a read does not wait for it.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::model::catalog::Relation;
use crate::model::error::{Code, Error, Result};
use crate::model::fetch::Flat;
use crate::model::key;
use crate::model::query::Expand;
use crate::model::result::{Expanded, Names};
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
    named: Mutex<Named>,
    /// Keys that an entry has at most.
    keys_most: usize,
    /// Somebody else ends it.
    is_passed_on: AtomicBool,
    /// Of a change set: its changes, each of which has an entry.
    parts: Mutex<Vec<Part>>,
}

/// The rows that an entry names.
#[derive(Debug, Default)]
struct Named {
    /// Of the table that the request is about.
    keys: Vec<Uuid>,
    /// Of those that are shown with them, by table; of a change set for each of its changes.
    beside: BTreeMap<usize, BTreeMap<String, BTreeSet<Uuid>>>,
    /// How many are beside.
    count: usize,
    /// There are more, and no room for their keys.
    more: bool,
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
        let named = Named { keys: about.key.into_iter().take(keys_most).collect(), ..Named::default() };
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
            named: Mutex::new(named),
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
    /// These rows of a table are shown: of the one that the request is about, or of one that it leads to.
    pub fn saw(&self, table: &Table, rows: &Rows) {
        // Of a write it is said what was written.
        if self.about.writes() {
            return;
        }
        self.rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
        if self.about.table.as_ref().is_none_or(|own| own.name != table.name) {
            return self.beside(0, table, rows, 0..rows.len());
        }
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        for row in 0..rows.len() {
            let Some(text) = rows.cell(row, table.key) else { continue };
            let key = key::of_row(table, text);
            // The row that was asked for stands in it already.
            if self.about.key != Some(key) && !named.add(key, self.keys_most) {
                return;
            }
        }
    }

    /// What hangs on rows is shown with them; `part` is the change of a change set whose answer it is.
    pub fn saw_beside(&self, session: &Session, part: usize, expand: &[Expand], expanded: &[Expanded]) {
        for (expand, found) in expand.iter().zip(expanded) {
            let (Relation::Lookup { table, .. } | Relation::Collection { table, .. }) = &expand.to else { continue };
            let Ok(table) = session.snapshot().table(table) else { continue };
            self.beside(part, &table.table, &found.rows, found.of_parent.iter().flatten().copied());
            self.saw_beside(session, part, &expand.query.expand, &found.expanded);
        }
    }

    /// Flat rows are shown, with these columns of each side.
    pub fn saw_flat(&self, flat: &Flat, columns: &[Vec<usize>]) {
        let mut sides = flat.sides.iter().zip(columns);
        if let Some((own, _)) = sides.next() {
            self.saw(&own.table, &own.rows);
        }
        // Of what is not shown a row has been no more than looked at.
        for (side, _) in sides.filter(|(_, columns)| !columns.is_empty()) {
            self.beside(0, &side.table, &side.rows, side.of.iter().flatten().copied());
        }
    }

    /// What the rows are called that lookups point to is shown.
    pub fn saw_names(&self, session: &Session, part: usize, names: &Names) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        for (entity_set, key) in names.keys() {
            if let Some(table) = session.snapshot().catalog.find_entity_set(entity_set) {
                named.add_beside(part, &table.name, key, self.keys_most);
            }
        }
    }

    fn beside(&self, part: usize, table: &Table, rows: &Rows, which: impl Iterator<Item = usize>) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_noted = vec![false; rows.len()];
        for row in which {
            let Some(is_noted) = is_noted.get_mut(row).filter(|is_noted| !**is_noted) else { continue };
            *is_noted = true;
            if let Some(text) = rows.cell(row, table.key) {
                named.add_beside(part, &table.name, key::of_row(table, text), self.keys_most);
            }
        }
    }

    /// So many rows, of which no more is known.
    pub fn counted(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// This row was made or changed.
    pub fn made(&self, key: Uuid) {
        if self.about.key != Some(key) {
            self.named.lock().unwrap_or_else(PoisonError::into_inner).add(key, self.keys_most);
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

    /// It is answered anew from the beginning, which leaves an entry of its own: nothing of this was shown.
    pub fn withdraw(&self) {
        drop(self.place.lock().unwrap_or_else(PoisonError::into_inner).take());
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
        let named = std::mem::take(&mut *self.named.lock().unwrap_or_else(PoisonError::into_inner));
        let Named { keys, mut beside, more, .. } = named;
        let parts = std::mem::take(&mut *self.parts.lock().unwrap_or_else(PoisonError::into_inner));
        let (rows, is_done) = (self.rows.load(Ordering::Relaxed), outcome.is_none());
        let left = match parts.is_empty() {
            true => {
                let what = What { rows, keys, beside: beside.remove(&0).unwrap_or_default(), more };
                vec![self.left(&self.about, &self.by, self.is_ruled, what, outcome.clone())]
            }
            false => {
                let one = |(position, part): (usize, &Part)| {
                    let keys = part.about.key.into_iter().take(self.keys_most).collect();
                    let beside = beside.remove(&position).unwrap_or_default();
                    let what = What { rows: is_done.into(), keys, beside, more };
                    self.left(&part.about, &part.by, part.is_ruled, what, outcome.clone())
                };
                parts.iter().enumerate().map(one).collect()
            }
        };
        // What has failed is not there, whatever becomes of its entry.
        if self.about.writes() && is_done {
            return Some(place.fill_and_wait(left));
        }
        place.fill(left);
        None
    }

    fn left(&self, about: &About, by: &[String], is_ruled: bool, what: What, outcome: Option<String>) -> Left {
        let What { rows, keys, beside, more } = what;
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
        let with: BTreeSet<_> = about.with.iter().chain(beside.keys()).cloned().collect();
        if !with.is_empty() {
            detail.insert("with".to_owned(), with.into_iter().collect::<Vec<_>>().into());
        }
        if more {
            detail.insert("more".to_owned(), true.into());
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
        let beside = beside.into_iter().filter(|(_, keys)| !keys.is_empty());
        Left { deed, keys, beside: beside.map(|(table, keys)| (table, keys.into_iter().collect())).collect() }
    }
}

/// Which rows an entry is about.
struct What {
    rows: u64,
    keys: Vec<Uuid>,
    beside: BTreeMap<String, BTreeSet<Uuid>>,
    more: bool,
}

impl Named {
    /// False: there is no room for it.
    fn add(&mut self, key: Uuid, most: usize) -> bool {
        let has_room = self.keys.len() + self.count < most;
        if has_room {
            self.keys.push(key);
        }
        // Where none are kept, none are missing.
        self.more |= !has_room && most > 0;
        has_room
    }

    fn add_beside(&mut self, part: usize, table: &str, key: Uuid, most: usize) {
        let of_part = self.beside.entry(part).or_default();
        if !of_part.contains_key(table) {
            of_part.insert(table.to_owned(), BTreeSet::new());
        }
        let Some(keys) = of_part.get_mut(table) else { return };
        if self.keys.len() + self.count < most {
            self.count += usize::from(keys.insert(key));
        } else {
            self.more |= most > 0 && !keys.contains(&key);
        }
    }
}

impl Drop for Noting {
    /// Nobody waits for the request any more: what it has done is not known here, and it is said that it was begun.
    fn drop(&mut self) {
        drop(self.leave(Some("Abandoned".to_owned())));
    }
}
