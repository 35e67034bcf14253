//! What requests leave in the audit trail. Each takes a place before it begins, so that none is done that could not be noted; what it
//! leaves is written behind it, many at once, in the order in which they end. Nothing is dropped: where the disk takes nothing the
//! places run out, and whoever wants one waits, then is told to come back. What has not been written when the program is killed
//! is missing, a fraction of a second of reads, and the next start says so in the trail.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{OwnedPermit, Receiver, Sender, channel};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::jobs;
use crate::model::audit::{Deed, KeysAs, Policy, Secret};
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::store::facade::{Store, WeakStore};

/// How long entries are gathered that nobody waits for.
const PAUSE: Duration = Duration::from_millis(200);

/// Entries that are written at once; whoever else writes waits for no more.
const AT_ONCE: usize = 512;

/// How long after a write that failed the next is tried.
const AGAIN: Duration = Duration::from_secs(1);

/// How often it is looked for entries that are too old.
const CUT: Duration = Duration::from_secs(10 * 60);

/// How long the last entries may take at the end.
const LAST: Duration = Duration::from_secs(5);

/// Where the store keeps what keys are hashed with.
const SECRET: &str = "audit-key";

const START: &str = "server.start";
const STOP: &str = "server.stop";

/// Where requests leave what they did.
#[derive(Debug)]
pub struct Trail {
    pub policy: Policy,
    sender: Sender<Note>,
    /// Until somebody writes.
    receiver: Mutex<Option<Receiver<Note>>>,
    figures: Arc<Figures>,
}

/// For `/metrics`.
#[derive(Debug, Default)]
pub struct Figures {
    pub written: AtomicU64,
    /// Requests that found no place in time.
    pub refused: AtomicU64,
    /// Writes that failed; they are tried again.
    pub failed: AtomicU64,
    is_failing: AtomicBool,
}

/// What a request has left.
#[derive(Debug)]
pub struct Left {
    pub deed: Deed,
    /// Of rows that it was about, as apps see them.
    pub keys: Vec<Uuid>,
    /// Of rows that were shown with them, by table.
    pub beside: Vec<(String, Vec<Uuid>)>,
}

impl Left {
    /// What is about no rows.
    fn of(deed: Deed) -> Self {
        Self { deed, keys: Vec::new(), beside: Vec::new() }
    }
}

#[derive(Debug)]
enum Note {
    Left(Vec<Left>, Option<oneshot::Sender<()>>),
    /// All before is to be written.
    Flush(oneshot::Sender<()>),
}

/// A place in the trail, to be filled once.
#[derive(Debug)]
pub struct Place(OwnedPermit<Note>);

impl Place {
    pub fn fill(self, left: Vec<Left>) {
        self.0.send(Note::Left(left, None));
    }

    /// The same; what comes back is told when it is on the disk, or ends where that will take longer.
    pub fn fill_and_wait(self, left: Vec<Left>) -> oneshot::Receiver<()> {
        let (kept, is_kept) = oneshot::channel();
        self.0.send(Note::Left(left, Some(kept)));
        is_kept
    }
}

impl Trail {
    pub fn new(limits: &Limits, policy: Policy) -> Self {
        let (sender, receiver) = channel(limits.audit_queue);
        Self { policy, sender, receiver: Mutex::new(Some(receiver)), figures: Arc::default() }
    }

    /// Writes what comes for as long as the trail is there, and takes away what is older than the limits let be. Within a
    /// runtime.
    pub async fn start(&self, store: &Store, limits: &Limits) -> Result<()> {
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(receiver) = receiver else { return Ok(()) };
        let mut made = vec![0; 32];
        getrandom::fill(&mut made).map_err(|error| {
            Error::new(Code::Internal, "the system gives no random numbers").internal(error.to_string())
        })?;
        let secret = store.setting_or(SECRET, made).await?;
        let last = store.last_event().await?;
        let secret = Secret::new(&secret);
        let writing = Writing { store: store.weak(), secret, keys: self.policy.keys, figures: self.figures.clone() };
        tokio::spawn(writing.run(receiver));
        let ended = match last.as_deref() {
            None => "first start",
            Some(STOP) => "stopped",
            Some(_) => "killed",
        };
        // Entries of reads may be missing since the last one that is there.
        let detail = json!({ "version": env!("CARGO_PKG_VERSION"), "before": ended });
        if let Ok(place) = self.place(Instant::now() + LAST).await {
            place.fill(vec![Left::of(of_server(START, detail))]);
        }
        tokio::spawn(cut(store.weak(), limits.audit_entries, limits.audit_days));
        Ok(())
    }

    /// A place, by this time. `Busy`, or why nothing can be written.
    pub async fn place(&self, until: Instant) -> Result<Place> {
        let place = tokio::time::timeout_at(until.into(), self.sender.clone().reserve_owned()).await;
        match place {
            Ok(Ok(place)) => Ok(Place(place)),
            _ => {
                self.figures.refused.fetch_add(1, Ordering::Relaxed);
                let full = "the audit trail takes no more entries, and nothing is done that it does not have";
                Err(Error::new(Code::Busy, full)
                    .hint("try again; an administrator finds the reason in the log, or raises audit_queue")
                    .retry_after(1))
            }
        }
    }

    /// Waits until what has been left is written, for so long at most. Whether it is.
    pub async fn flush(&self, patience: Duration) -> bool {
        let (done, written) = oneshot::channel();
        let flushed = async {
            self.sender.send(Note::Flush(done)).await.ok()?;
            written.await.ok()
        };
        tokio::time::timeout(patience, flushed).await.ok().flatten().is_some()
    }

    /// The last entry: before the end of the program, once nobody asks any more. Whether all is written.
    pub async fn close(&self) -> bool {
        let until = Instant::now() + LAST;
        let Ok(place) = self.place(until).await else { return false };
        let kept = place.fill_and_wait(vec![Left::of(of_server(STOP, json!({})))]);
        tokio::time::timeout_at(until.into(), kept).await.is_ok_and(|kept| kept.is_ok())
    }

    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Entries that wait to be written, and requests that have a place and are under way.
    pub fn waiting(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }

    /// Whether the last try to write failed.
    pub fn is_failing(&self) -> bool {
        self.figures.is_failing.load(Ordering::Relaxed)
    }
}

/// How a key stands in entries of this store; None where none does.
pub async fn key_as_kept(store: &Store, policy: Policy, key: Uuid) -> Result<Option<String>> {
    let secret = store.setting(SECRET).await?.unwrap_or_default();
    Ok(policy.keys.kept(&Secret::new(&secret), key))
}

fn of_server(action: &str, detail: Value) -> Deed {
    let action = action.to_owned();
    let (actor, at) = ("server".to_owned(), Timestamp::now());
    Deed { at, actor, action, table: None, request: None, outcome: None, detail, is_decision: false }
}

/// The one who writes.
struct Writing {
    store: WeakStore,
    secret: Secret,
    keys: KeysAs,
    figures: Arc<Figures>,
}

impl Writing {
    async fn run(self, mut notes: Receiver<Note>) {
        let mut some = Vec::new();
        while notes.recv_many(&mut some, AT_ONCE).await > 0 {
            let until = Instant::now() + PAUSE;
            let waits = |some: &[Note]| some.iter().any(|note| !matches!(note, Note::Left(_, None)));
            while some.len() < AT_ONCE && !waits(&some) {
                let room = AT_ONCE - some.len();
                match tokio::time::timeout_at(until.into(), notes.recv_many(&mut some, room)).await {
                    Ok(more) if more > 0 => {}
                    _ => break,
                }
            }
            self.write(std::mem::take(&mut some)).await;
        }
    }

    async fn write(&self, notes: Vec<Note>) {
        let (mut left, mut told) = (Vec::with_capacity(notes.len()), Vec::new());
        for note in notes {
            match note {
                Note::Left(some, kept) => {
                    left.extend(some);
                    told.extend(kept);
                }
                Note::Flush(done) => told.push(done),
            }
        }
        if !left.is_empty() {
            let (keys, secret) = (self.keys, self.secret.clone());
            let make = move || left.into_iter().map(|left| whole(left, keys, &secret)).collect();
            match jobs::run(make).await {
                Ok(deeds) => self.written(Arc::new(deeds), &mut told).await,
                Err(error) => {
                    tracing::error!(%error, "entries of the audit trail cannot be made");
                    told.clear();
                }
            }
        }
        // Who waited may have gone.
        for told in told {
            let _ = told.send(());
        }
    }

    /// Tries until it is written. Who waits is told after the first try, or, where that failed, never.
    async fn written(&self, deeds: Arc<Vec<Deed>>, told: &mut Vec<oneshot::Sender<()>>) {
        let entries = deeds.len() as u64;
        loop {
            let Some(store) = self.store.upgrade() else {
                tracing::error!(entries, "the store is gone before the audit trail was written");
                told.clear();
                return;
            };
            let Err(error) = store.note(deeds.clone()).await else { break };
            self.figures.failed.fetch_add(1, Ordering::Relaxed);
            if !self.figures.is_failing.swap(true, Ordering::Relaxed) {
                let (code, internal) = (error.code(), error.get_internal());
                tracing::error!(?code, internal, "the audit trail cannot be written; requests will wait until it is");
            }
            // Nobody waits for what may take long.
            told.clear();
            drop(store);
            tokio::time::sleep(AGAIN).await;
        }
        if self.figures.is_failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the audit trail is written again");
        }
        self.figures.written.fetch_add(entries, Ordering::Relaxed);
    }
}

/// With its keys as they are kept.
fn whole(left: Left, keys: KeysAs, secret: &Secret) -> Deed {
    let Left { mut deed, keys: own, beside } = left;
    let kept = |of: Vec<Uuid>| of.into_iter().filter_map(|key| keys.kept(secret, key)).map(Value::from).collect();
    let own: Vec<Value> = kept(own);
    let beside = beside.into_iter().map(|(table, of)| (table, kept(of)));
    let beside: Map<_, _> =
        beside.filter(|(_, keys)| !keys.is_empty()).map(|(table, keys)| (table, keys.into())).collect();
    if !deed.detail.is_object() && (!own.is_empty() || !beside.is_empty()) {
        deed.detail = Value::Object(Map::new());
    }
    if !own.is_empty() {
        deed.detail["keys"] = own.into();
    }
    if !beside.is_empty() {
        deed.detail["beside"] = beside.into();
    }
    deed
}

/// Takes away what is too old, for as long as the store is there.
async fn cut(store: WeakStore, most: u64, days: u32) {
    loop {
        let mut more = true;
        while more {
            let Some(store) = store.upgrade() else { return };
            more = store.cut_events(most, days).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "old entries of the audit trail are still there");
                false
            });
        }
        tokio::time::sleep(CUT).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::control::EventsAsked;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    fn left(action: &str) -> Vec<Left> {
        let beside = vec![("account".to_owned(), vec![Uuid::from_u128(8)])];
        vec![Left { deed: of_server(action, json!({ "rows": 1 })), keys: vec![Uuid::from_u128(7)], beside }]
    }

    async fn actions(store: &Store) -> Vec<String> {
        let found = store.events(EventsAsked::all()).await.unwrap();
        found.into_iter().rev().map(|(entry, _)| entry.deed.action).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_left_is_written_in_order_and_the_next_start_knows_how_it_ended() {
        let limits = Limits::default();
        let store = Store::temporary(&limits);
        let trail = Trail::new(&limits, Policy::default());
        trail.start(&store, &limits).await.unwrap();
        for n in 0..600 {
            trail.place(soon()).await.unwrap().fill(left(&format!("a{n}")));
        }
        trail.place(soon()).await.unwrap().fill_and_wait(left("last")).await.unwrap();
        let found = actions(&store).await;
        assert_eq!((found.len(), found[1].as_str(), found[601].as_str()), (602, "a0", "last"));
        let key = key_as_kept(&store, trail.policy, Uuid::from_u128(7)).await.unwrap();
        let beside = key_as_kept(&store, trail.policy, Uuid::from_u128(8)).await.unwrap();
        let entry = store.events(EventsAsked { limit: 1, ..EventsAsked::all() }).await.unwrap().remove(0).0;
        assert_eq!(entry.deed.detail, json!({ "rows": 1, "keys": [key], "beside": { "account": [beside] } }));
        assert!(trail.close().await);
        for (closes, expected) in [(false, "stopped"), (true, "killed"), (true, "stopped")] {
            let trail = Trail::new(&limits, Policy::default());
            trail.start(&store, &limits).await.unwrap();
            assert!(trail.flush(LAST).await);
            let start = store.events(EventsAsked { limit: 1, ..EventsAsked::all() }).await.unwrap().remove(0).0;
            assert_eq!(start.deed.detail["before"], expected);
            if closes {
                assert!(trail.close().await);
            }
        }
        assert_eq!(store.verify_events().await.unwrap().broken, None);
    }

    #[tokio::test]
    async fn where_nothing_is_written_nothing_is_begun() {
        let limits = Limits { audit_queue: 2, ..Limits::default() };
        let trail = Trail::new(&limits, Policy::default());
        let (one, two) = (trail.place(soon()).await.unwrap(), trail.place(soon()).await.unwrap());
        assert_eq!(trail.place(soon()).await.unwrap_err().code(), Code::Busy);
        assert_eq!((trail.waiting(), trail.figures().refused.load(Ordering::Relaxed)), (2, 1));
        // What is not used is another's.
        drop(one);
        two.fill(left("two"));
        let again = trail.place(soon()).await.unwrap();
        assert_eq!(trail.place(soon()).await.unwrap_err().code(), Code::Busy);
        drop(again);
        assert!(!trail.flush(Duration::from_millis(10)).await, "nobody writes yet");
    }
}
