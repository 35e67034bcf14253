//! A version on trial: beside the one in force it is given the same resources (a shadow), or serves some of the callers (a
//! canary). What is found of it is counted here, and nothing of what the resources say is kept: names of columns, codes of
//! errors, numbers, and which resources a few of the differences were in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::mapping::component::Mapping;
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::model::table::{ColumnIndex, Table};
use crate::router::course::{Course, Moment};

/// Resources that are named of those that differ.
const EXAMPLES: usize = 5;

/// Stands for all columns where those are named that are meant to differ.
const ALL: &str = "*";

/// How a version is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It is given what the version in force is given, behind the answers, and nobody sees what it makes of it.
    Shadow,
    /// Some of the callers are answered by it.
    Canary,
}

/// How a version is to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    pub mode: Mode,
    /// Of reads and writes, or of callers.
    pub percent: u8,
    /// Columns that are meant to differ, `column` or `table.column`, or `*`.
    pub expected: BTreeSet<String>,
}

/// A version on trial.
pub struct Candidate {
    /// The root table that decides for it.
    pub root: String,
    pub trial: Trial,
    pub mapping: Arc<Mapping>,
    /// The version in force, which it is tried beside.
    pub beside: Arc<Mapping>,
    pub begun_at: Timestamp,
    pub begun_by: String,
    /// From when on this process counts.
    pub since: Timestamp,
    started: Instant,
    pairs: Vec<Pair>,
    /// Reads and writes that it might have been given.
    met: AtomicU64,
    /// Comparisons begun.
    begun: AtomicU64,
    found: Mutex<Found>,
    breaker: Breaker,
    stopped: AtomicBool,
}

/// A table as both versions have it.
pub struct Pair {
    pub in_force: Arc<Table>,
    pub on_trial: Arc<Table>,
    /// What mappings make in both: by the one's column, the other's.
    pub columns: Vec<(ColumnIndex, ColumnIndex)>,
}

/// What was found of a version on trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// Answered by it; of a shadow, reads and writes that it was given the resources of.
    pub requests: u64,
    /// Of these it failed, and the version in force answered.
    pub fell_back: u64,
    /// Not compared, for want of room or of a turn.
    pub dropped: u64,
    /// Compared.
    pub resources: u64,
    pub rows: u64,
    pub differing_rows: u64,
    /// By column, in so many rows.
    pub columns: BTreeMap<String, u64>,
    /// Rows that the version in force alone has.
    pub missing: u64,
    /// Rows that it alone has.
    pub extra: u64,
    /// Columns that could not be compared, since the service was not asked for what they are read from.
    pub not_compared: BTreeSet<String>,
    /// By code, resources on which it fails and the version in force does not.
    pub faults: BTreeMap<String, u64>,
    /// Nanoseconds of work for what both made rows of.
    pub work_in_force: u64,
    pub work_on_trial: u64,
    /// The same since this process counts, portion by portion.
    pub course: Course,
    /// Never stored.
    #[serde(skip)]
    pub examples: Vec<Example>,
}

/// A resource that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// `Type/id`
    pub resource: String,
    pub table: String,
    /// None where rows are there in one version only, or it fails.
    pub columns: Vec<String>,
}

/// What one comparison has found: of one resource type, of one read or write.
#[derive(Debug, Default)]
pub struct Compared {
    pub found: Found,
    /// Resources on which it fails, or that differ where they are not meant to.
    pub failing: Vec<String>,
}

impl Candidate {
    pub fn new(
        (root, trial): (&str, Trial),
        mapping: Arc<Mapping>,
        beside: Arc<Mapping>,
        (begun_at, begun_by): (Timestamp, String),
        limits: &Limits,
    ) -> Self {
        let pair = |in_force: &Arc<Table>| {
            let on_trial = mapping.table(&in_force.name)?;
            Some(Pair::new(in_force.versioned(), on_trial.versioned()))
        };
        Self {
            root: root.to_owned(),
            pairs: beside.tables.iter().filter_map(pair).collect(),
            trial,
            mapping,
            beside,
            begun_at,
            begun_by,
            since: Timestamp::now(),
            started: Instant::now(),
            met: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            found: Mutex::default(),
            breaker: Breaker::new(limits.canary_failures, Duration::from_millis(limits.canary_window_ms)),
            stopped: AtomicBool::new(false),
        }
    }

    pub fn is_canary(&self) -> bool {
        self.trial.mode == Mode::Canary
    }

    /// Whether it has a table that is in force, too.
    pub fn has(&self, table: &str) -> bool {
        self.pairs.iter().any(|pair| pair.in_force.name == table)
    }

    /// Those of its tables that are in force, too: this one, or all over a type.
    pub fn pairs<'c>(&'c self, table: Option<&'c str>, resource_type: &'c str) -> impl Iterator<Item = &'c Pair> {
        let is_meant = move |pair: &&Pair| table.is_none_or(|table| pair.in_force.name == table);
        let shows = move |pair: &&Pair| {
            pair.in_force.source(resource_type).is_some() && pair.on_trial.source(resource_type).is_some()
        };
        self.pairs.iter().filter(is_meant).filter(shows)
    }

    /// Whether a caller is among those that a canary serves. The same callers are, whatever the percentage is raised to, and
    /// others for another version.
    pub fn serves(&self, caller: &str) -> bool {
        let mut hash = Sha256::new();
        hash.update(&self.mapping.digest);
        hash.update([0]);
        hash.update(caller);
        let bytes: [u8; 32] = hash.finalize().into();
        let place = bytes.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        self.is_canary() && !self.is_stopped() && place % 10_000 < u64::from(self.trial.percent) * 100
    }

    /// Whether a shadow is given what is read or written next: evenly, so many of a hundred.
    pub fn takes(&self) -> bool {
        let (met, percent) = (self.met.fetch_add(1, Relaxed), u64::from(self.trial.percent));
        (met + 1) * percent / 100 > met * percent / 100
    }

    /// Whether it goes first in the next comparison: who comes second finds everything warm, so they take turns at that.
    pub fn goes_first(&self) -> bool {
        self.begun.fetch_add(1, Relaxed) % 2 == 1
    }

    /// What was found so far.
    pub fn found(&self) -> Found {
        let mut found = self.counted().clone();
        found.course.reach(self.started.elapsed());
        found
    }

    /// Distinct resources or requests that it has failed on of late.
    pub fn failing(&self) -> usize {
        self.breaker.failing(Instant::now())
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// A request is answered by it.
    pub fn answers(&self) {
        let mut all = self.counted();
        all.requests += 1;
        all.course.count(self.started.elapsed(), Moment { requests: 1, ..Moment::default() });
    }

    /// A request that it failed was answered by the version in force.
    pub fn fell_back(&self, request: &str) {
        let mut all = self.counted();
        all.fell_back += 1;
        all.course.count(self.started.elapsed(), Moment { failing: 1, ..Moment::default() });
        drop(all);
        self.fails([request]);
    }

    /// Something is not compared.
    pub fn drops(&self) {
        self.counted().dropped += 1;
    }

    /// Counts what one comparison has found.
    pub fn count(&self, compared: Compared) {
        let mut all = self.counted();
        let Compared { found, failing } = compared;
        // A canary counts its requests when it answers them.
        let requests = if self.is_canary() { 0 } else { found.requests };
        let moment = Moment {
            requests,
            rows: found.rows,
            differing: found.differing_rows,
            failing: found.faults.values().sum(),
        };
        all.course.count(self.started.elapsed(), moment);
        all.requests += requests;
        all.dropped += found.dropped;
        all.resources += found.resources;
        all.rows += found.rows;
        all.differing_rows += found.differing_rows;
        all.missing += found.missing;
        all.extra += found.extra;
        all.work_in_force += found.work_in_force;
        all.work_on_trial += found.work_on_trial;
        all.not_compared.extend(found.not_compared);
        for (column, rows) in found.columns {
            *all.columns.entry(column).or_default() += rows;
        }
        for (code, resources) in found.faults {
            *all.faults.entry(code).or_default() += resources;
        }
        for example in found.examples {
            if all.examples.len() < EXAMPLES && all.examples.iter().all(|other| other.resource != example.resource) {
                all.examples.push(example);
            }
        }
        drop(all);
        self.fails(failing.iter().map(String::as_str));
    }

    /// What a column is called where differences are told.
    pub fn called(&self, pair: &Pair, column: ColumnIndex) -> String {
        let column = pair.in_force.columns.get(column).map_or("", |column| column.name.as_str());
        if pair.in_force.name == self.root { column.to_owned() } else { format!("{}.{column}", pair.in_force.name) }
    }

    /// Whether a difference in it is meant.
    pub fn expects(&self, pair: &Pair, column: ColumnIndex) -> bool {
        let name = pair.in_force.columns.get(column).map_or("", |column| column.name.as_str());
        let expected = &self.trial.expected;
        let full = || format!("{}.{name}", pair.in_force.name);
        self.expects_all() || expected.contains(name) || expected.contains(&full())
    }

    /// Whether any difference is meant.
    pub fn expects_all(&self) -> bool {
        self.trial.expected.contains(ALL)
    }

    /// `BadValue` where a column that is meant to differ is none.
    pub fn check(&self) -> Result<()> {
        let has = |name: &str| {
            let (table, column) = name.rsplit_once('.').map_or((None, name), |(table, column)| (Some(table), column));
            let mut pairs = self.pairs.iter().filter(|pair| table.is_none_or(|table| pair.in_force.name == table));
            pairs.any(|pair| pair.in_force.column(column).is_some())
        };
        match self.trial.expected.iter().find(|name| *name != ALL && !has(name)) {
            None => Ok(()),
            Some(name) => {
                let message = format!("`{name}` is no column of the tables of `{}`", self.mapping.name);
                Err(Error::new(Code::BadValue, message)
                    .target("expected")
                    .hint("name a column as COLUMN or TABLE.COLUMN"))
            }
        }
    }

    /// A canary that has failed on so many distinct resources or requests within the window serves nobody from here on.
    fn fails<'i>(&self, inputs: impl IntoIterator<Item = &'i str>) {
        if !self.is_canary() {
            return;
        }
        let now = Instant::now();
        for input in inputs {
            if self.breaker.fails(input, now) {
                self.stopped.store(true, Relaxed);
            }
        }
    }

    fn counted(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pair {
    fn new(in_force: Arc<Table>, on_trial: Arc<Table>) -> Self {
        let is_made = |table: &Table, column: ColumnIndex| column < table.mapped() && !table.is_own(column);
        let other = |(column, described): (ColumnIndex, &crate::model::table::Column)| {
            let other = on_trial.column(&described.name)?;
            (is_made(&in_force, column) && is_made(&on_trial, other)).then_some((column, other))
        };
        let mut columns: Vec<_> = in_force.columns.iter().enumerate().filter_map(other).collect();
        // Rows are told apart by their keys, whatever these are called.
        let keys = (in_force.key, on_trial.key);
        columns.retain(|(own, theirs)| *own != keys.0 && *theirs != keys.1);
        columns.push(keys);
        Self { in_force, on_trial, columns }
    }
}

/// Counts distinct inputs that fail within a window, so that one poisonous resource that is read again and again stops
/// nothing.
struct Breaker {
    most: usize,
    window: Duration,
    failing: Mutex<HashMap<u64, Instant>>,
}

impl Breaker {
    fn new(most: usize, window: Duration) -> Self {
        Self { most: most.max(1), window, failing: Mutex::default() }
    }

    /// An input fails. Whether that is one too many.
    fn fails(&self, input: &str, now: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        let mut failing = self.of_late(now);
        if failing.len() < self.most {
            failing.insert(hasher.finish(), now);
        }
        failing.len() >= self.most
    }

    fn failing(&self, now: Instant) -> usize {
        self.of_late(now).len()
    }

    fn of_late(&self, now: Instant) -> MutexGuard<'_, HashMap<u64, Instant>> {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.retain(|_, at| now.saturating_duration_since(*at) < self.window);
        failing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_distinct_inputs_of_late_count() {
        let (breaker, begun) = (Breaker::new(3, Duration::from_secs(60)), Instant::now());
        let after = |seconds| begun + Duration::from_secs(seconds);
        for second in 0..50 {
            assert!(!breaker.fails("Observation/poison", after(second)));
        }
        assert!(!breaker.fails("Observation/a", after(50)));
        assert_eq!(breaker.failing(after(50)), 2);
        // The window has passed for both but the last.
        assert!(!breaker.fails("Observation/b", after(109)));
        assert!(!breaker.fails("Observation/c", after(110)));
        assert_eq!(breaker.failing(after(110)), 2, "a is too long ago");
        assert!(breaker.fails("Observation/d", after(111)));
        assert!(breaker.fails("Observation/e", after(111)), "and it stays so");
        assert_eq!(breaker.failing(after(111)), 3, "no more than that is kept");
    }
}
