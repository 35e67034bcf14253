//! Which tables have an index of the words in their texts, when each was last of use, and for which one is wanted: for those
//! of which reads have asked twice, each of which had the database look at very much. In memory, beside what the database has.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::model::error::Result;
use crate::model::table::Table;

/// Reads that ask for an index before it is made: what is asked once may never be asked again.
const ASKED_MIN: u32 = 2;

/// Of sets of rows.
#[derive(Debug)]
pub(crate) struct Searched {
    state: Mutex<State>,
    /// From when uses count.
    begun: Instant,
}

#[derive(Debug, Default)]
struct State {
    /// Seconds, of the last use.
    made: HashMap<String, AtomicU64>,
    asked: HashMap<String, (u32, Arc<Table>)>,
}

impl Searched {
    /// Those that the database has, also in part.
    pub(crate) fn load(connection: &Connection) -> Result<Self> {
        let mut select = connection.prepare("SELECT name FROM _turntable_words")?;
        let made = select.query_map([], |row| Ok((row.get(0)?, AtomicU64::new(0))))?;
        let made = made.collect::<Result<_, _>>()?;
        Ok(Self { state: Mutex::new(State { made, ..State::default() }), begun: Instant::now() })
    }

    pub(crate) fn has(&self, set: &str) -> bool {
        self.locked().made.contains_key(set)
    }

    pub(crate) fn used(&self, set: &str) {
        if let Some(used) = self.locked().made.get(set) {
            used.store(self.now(), Ordering::Relaxed);
        }
    }

    /// An index of its words would be of use. Whether that has been said often enough.
    pub(crate) fn ask(&self, table: &Arc<Table>) -> bool {
        let mut state = self.locked();
        let (times, asked) = state.asked.entry(table.set().into_owned()).or_insert_with(|| (0, table.clone()));
        *asked = table.clone();
        *times += 1;
        *times >= ASKED_MIN
    }

    /// A table for which that was said often enough.
    pub(crate) fn next(&self) -> Option<Arc<Table>> {
        let mut state = self.locked();
        let next = state.asked.iter().find(|(_, (times, _))| *times >= ASKED_MIN).map(|(set, _)| set.clone())?;
        state.asked.remove(&next).map(|(_, table)| table)
    }

    pub(crate) fn add(&self, set: &str) {
        let now = AtomicU64::new(self.now());
        self.locked().made.insert(set.to_owned(), now);
    }

    /// They are there no more.
    pub(crate) fn forget(&self, sets: &[String]) {
        let mut state = self.locked();
        state.made.retain(|set, _| !sets.contains(set));
        state.asked.retain(|set, _| !sets.contains(set));
    }

    /// Those of no use for so long.
    pub(crate) fn unused(&self, rest: Duration) -> Vec<String> {
        let (now, state) = (self.now(), self.locked());
        let rests = |used: &AtomicU64| Duration::from_secs(now.saturating_sub(used.load(Ordering::Relaxed))) >= rest;
        state.made.iter().filter(|(_, used)| rests(used)).map(|(set, _)| set.clone()).collect()
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
