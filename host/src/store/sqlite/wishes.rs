//! Which indexes there are that reads have asked for, when each was last of use, and which are wanted. A read that had the
//! database look at very much, though an index of its shape would have spared it, asks for one; whoever asks for the
//! second time gets it, some time later (`sqlite/indexes.rs`). In memory, beside what the database's own schema says.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::Notify;

use crate::model::error::Result;
use crate::model::limits::Limits;
use crate::model::table::Table;
use crate::store::native::NativeScan;
use crate::store::sql::indexes::Shape;

/// Reads that ask for an index before it is made: what is asked once may never be asked again.
const ASKED_MIN: u32 = 2;

/// Shapes that are remembered before their index is made. When there are more, all are forgotten.
const OPEN_MAX: usize = 1_000;

/// When an index is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Steps of the database's machine that a read took.
    pub(crate) steps: u64,
    /// Indexes of one set of rows; none: reads ask for nothing.
    pub(crate) most: usize,
    /// What making one may take.
    pub(crate) build: Duration,
}

impl From<&Limits> for Terms {
    fn from(limits: &Limits) -> Self {
        Self {
            steps: limits.store_index_steps,
            most: limits.store_indexes,
            build: Duration::from_millis(limits.store_index_ms),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Indexes {
    state: Mutex<State>,
    /// From when [`Index::used`] counts.
    begun: Instant,
    wanted: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// By set of rows.
    made: HashMap<String, Vec<Arc<Index>>>,
    open: HashMap<(String, Shape), Asked>,
    /// Took too long to make. Not asked for again before the next start.
    given_up: HashSet<(String, Shape)>,
}

#[derive(Debug)]
struct Asked {
    times: u32,
    table: Arc<Table>,
}

/// One that is there.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    /// Seconds.
    used: AtomicU64,
}

/// An index to be made.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) table: Arc<Table>,
    pub(crate) shape: Shape,
}

/// Whether a table can have one more.
#[derive(Debug)]
pub(crate) enum Room {
    Free,
    /// In the place of this one.
    Of(Arc<Index>),
    None,
}

impl Indexes {
    /// Those that the schema has.
    pub(crate) fn load(connection: &Connection) -> Result<Self> {
        let mut state = State::default();
        let mut select = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'")?;
        let mut names = select.query([])?;
        while let Some(row) = names.next()? {
            let name: String = row.get(0)?;
            if let Some((set, shape)) = Shape::named(&name) {
                state.made.entry(set.to_owned()).or_default().push(Arc::new(Index::new(name.clone(), shape, 0)));
            }
        }
        Ok(Self { state: Mutex::new(state), begun: Instant::now(), wanted: Arc::default() })
    }

    /// The one that serves a read. It was of use.
    pub(crate) fn serving(&self, scan: &NativeScan) -> Option<Arc<Index>> {
        let set = scan.table.set();
        // Most tables have none.
        if !self.locked().made.contains_key(&*set) {
            return None;
        }
        let read = Shape::of(scan)?;
        let made = self.locked().made.get(&*set)?.iter().find(|index| index.shape.serves(&read)).cloned()?;
        made.used.store(self.now(), Ordering::Relaxed);
        Some(made)
    }

    /// An index for such reads would be of use.
    pub(crate) fn ask(&self, scan: &NativeScan) {
        let Some(shape) = Shape::of(scan) else { return };
        let mut state = self.locked();
        let asked = (scan.table.set().into_owned(), shape);
        if state.given_up.contains(&asked) {
            return;
        }
        if state.open.len() >= OPEN_MAX && !state.open.contains_key(&asked) {
            state.open.clear();
        }
        let asked = state.open.entry(asked).or_insert_with(|| Asked { times: 0, table: scan.table.clone() });
        asked.times += 1;
        if asked.times >= ASKED_MIN {
            self.wanted.notify_one();
        }
    }

    /// Told when one has been asked for often enough.
    pub(crate) fn wanted(&self) -> Arc<Notify> {
        self.wanted.clone()
    }

    /// One that was asked for often enough.
    pub(crate) fn next(&self) -> Option<Wish> {
        let mut state = self.locked();
        let next = state.open.iter().find(|(_, asked)| asked.times >= ASKED_MIN).map(|(next, _)| next.clone())?;
        let asked = state.open.remove(&next)?;
        Some(Wish { table: asked.table, shape: next.1 })
    }

    /// Whether a set of rows that may have so many can have one more. One that was of no use for so long gives way: two that
    /// are read by in turn would be made in turn else.
    pub(crate) fn room(&self, set: &str, most: usize, rest: Duration) -> Room {
        let state = self.locked();
        let made = state.made.get(set).map(Vec::as_slice).unwrap_or_default();
        if made.len() < most {
            return Room::Free;
        }
        let oldest = made.iter().min_by_key(|index| index.used.load(Ordering::Relaxed));
        oldest.filter(|index| self.rests(index) >= rest).map_or(Room::None, |index| Room::Of(index.clone()))
    }

    /// Those of no use for so long.
    pub(crate) fn unused(&self, rest: Duration) -> Vec<Arc<Index>> {
        let state = self.locked();
        state.made.values().flatten().filter(|index| self.rests(index) >= rest).cloned().collect()
    }

    pub(crate) fn add(&self, set: &str, shape: Shape) {
        let index = Arc::new(Index::new(shape.name(set), shape, self.now()));
        self.locked().made.entry(set.to_owned()).or_default().push(index);
    }

    /// It is there no more.
    pub(crate) fn remove(&self, index: &Index) {
        let mut state = self.locked();
        state.made.values_mut().for_each(|made| made.retain(|other| other.name != index.name));
        state.made.retain(|_, made| !made.is_empty());
    }

    /// Their indexes are there no more.
    pub(crate) fn forget(&self, sets: &[String]) {
        let mut state = self.locked();
        state.made.retain(|set, _| !sets.contains(set));
        state.open.retain(|(set, _), _| !sets.contains(set));
    }

    pub(crate) fn give_up(&self, set: &str, shape: Shape) {
        self.locked().given_up.insert((set.to_owned(), shape));
    }

    fn rests(&self, index: &Index) -> Duration {
        Duration::from_secs(self.now().saturating_sub(index.used.load(Ordering::Relaxed)))
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn new(name: String, shape: Shape, used: u64) -> Self {
        Self { name, shape, used: AtomicU64::new(used) }
    }
}
