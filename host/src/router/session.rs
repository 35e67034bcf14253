//! One request, from its start to its end: what is in force for it, who sent it, when it must be answered, what it may
//! still use, where its time went. Reading and writing are methods of [`Session`] and begin nowhere else, so whatever a
//! request sets off (related rows, expansions, counts) spends one budget under one deadline.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::fhir::client::Client;
use crate::model::access::{Operation, Right};
use crate::model::caller::Caller;
use crate::model::catalog::Catalog;
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::limits::Limits;
use crate::model::query::Filter;
use crate::model::scopes::Act;
use crate::model::table::{Route, Table};
use crate::router::candidate::Candidate;
use crate::router::samples::{Room, Sample};
use crate::router::sight::{self, Sight};
use crate::router::snapshot::{ServedTable, Snapshot, Turntable};
use crate::router::staged::{Staged, Together};
use crate::store::facade::Store;
use crate::telemetry::context::going_on;
use crate::turns::{Turn, Wait};

/// The share of what is no mapping's.
const OWN: &str = "server";

/// The share of bundles that are stored, of whatever tables.
pub(in crate::router) const BUNDLES: &str = "bundles";

/// Rows of a page that takes no place among the large ones.
const LARGE_PAGE_ROWS: usize = 500;

pub struct Session {
    turntable: Arc<Turntable>,
    /// Taken once: a swap never changes a request that has begun.
    snapshot: Arc<Snapshot>,
    /// The canaries that serve it.
    canaries: Vec<Arc<Candidate>>,
    caller: Caller,
    /// What the caller sees of the snapshot; None: all there is. Found when it is first asked for.
    sight: OnceLock<Option<Arc<Sight>>>,
    deadline: Instant,
    budget: Budget,
    trace: Trace,
    /// Of a change set: what it has written so far.
    staged: Option<Arc<Staged>>,
    /// Of one that reads a large page: its place among them, to the end.
    place: OnceLock<Turn>,
    /// FHIR services that are asked with the caller's token, for this caller.
    own: Arc<BTreeMap<String, Client>>,
    seen: Seen,
}

/// What a request has had of tables with a version on trial. When it is over, it is compared.
struct Seen {
    samples: Mutex<Vec<Sample>>,
    by: Arc<Turntable>,
}

impl Drop for Seen {
    fn drop(&mut self) {
        let samples = self.samples.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.by.samples.offer_all(std::mem::take(samples));
    }
}

impl Session {
    /// For a request that begins now; it has `request_ms`.
    pub fn new(turntable: Arc<Turntable>, caller: Caller) -> Self {
        let deadline = Instant::now() + Duration::from_millis(turntable.limits.request_ms);
        let (snapshot, budget) = (turntable.snapshot(), Budget::new(&turntable.limits));
        let (trace, staged, place) = (Trace::default(), None, OnceLock::new());
        let (caller, sight) = (turntable.roles.known(caller), OnceLock::new());
        let own = Arc::new(turntable.sources_of(&caller));
        let (canaries, seen) = (Vec::new(), Seen { samples: Mutex::default(), by: turntable.clone() });
        Self { turntable, snapshot, canaries, caller, sight, deadline, budget, trace, staged, place, own, seen }
    }

    /// The same as the caller has it whom canaries serve: for reads, since what a version on trial has written could not be
    /// taken back. `asker` tells callers apart, the same from one request to the next.
    pub fn by_canaries(self, asker: &str) -> Self {
        match self.snapshot.tried_by(asker) {
            None => self,
            Some((snapshot, canaries)) => Self { snapshot, canaries, sight: OnceLock::new(), ..self },
        }
    }

    /// The same without canaries.
    pub fn in_force(&self) -> Self {
        Self::new(self.turntable.clone(), self.caller.clone()).until(self.deadline)
    }

    /// The canaries that serve it.
    pub fn canaries(&self) -> &[Arc<Candidate>] {
        &self.canaries
    }

    /// The version on trial that is to be given what is read next of a table, or written.
    pub(in crate::router) fn given_to(&self, table: &Table) -> Option<&Arc<Candidate>> {
        let meant = self.snapshot.candidates.iter().find(|candidate| candidate.has(&table.name))?;
        let is_given = match meant.is_canary() {
            true => self.canaries.iter().any(|canary| Arc::ptr_eq(canary, meant)),
            false => meant.takes(),
        };
        is_given.then_some(meant)
    }

    /// It is compared when the request is over, if there is room for so many bytes.
    pub(in crate::router) fn compare(&self, bytes: usize, sample: impl FnOnce(Room) -> Sample, candidate: &Candidate) {
        let Some(room) = self.turntable.samples.room(candidate, bytes) else { return };
        self.seen.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample(room));
    }

    /// The same, to be answered by another time.
    pub fn until(self, deadline: Instant) -> Self {
        Self { deadline, ..self }
    }

    /// Another one for a part of the same request: of what is in force by now, to be answered by the same time.
    pub fn beside(&self) -> Self {
        Self::new(self.turntable.clone(), self.caller.clone()).until(self.deadline)
    }

    /// For an export, which goes on behind the answer of this request, with what is in force for it: all rows of a query, for
    /// which there is more time and a larger budget.
    pub fn exporting(&self) -> Self {
        let limits = self.limits();
        let deadline = Instant::now() + Duration::from_millis(limits.export_ms);
        let budget = Budget::of(limits.export_rows, limits.export_calls);
        self.again(budget).until(deadline)
    }

    /// The same with the budget of one request, for what has to be here all at once.
    pub(in crate::router) fn holding(&self) -> Self {
        self.again(Budget::new(self.limits())).until(self.deadline)
    }

    fn again(&self, budget: Budget) -> Self {
        let (turntable, snapshot, canaries) = (self.turntable.clone(), self.snapshot.clone(), self.canaries.clone());
        let (caller, sight, deadline) = (self.caller.clone(), self.sight.clone(), self.deadline);
        let (trace, staged, place, own) = (Trace::default(), None, OnceLock::new(), self.own.clone());
        let seen = Seen { samples: Mutex::default(), by: turntable.clone() };
        Self { turntable, snapshot, canaries, caller, sight, deadline, budget, trace, staged, place, own, seen }
    }

    /// The same for a change set: what it writes is stored by [`Session::commit`], all of it or nothing.
    pub fn staging(self) -> Self {
        Self { staged: Some(Arc::default()), ..self }
    }

    /// Of a change set: from here on its change at this place is made.
    pub fn begin_part(&self, part: usize) {
        if let Some(staged) = &self.staged {
            staged.there.begin(part);
        }
    }

    /// Stores what a change set has written. False: other versions came into force in between, and nothing is stored; it
    /// is to be made anew. `VersionMismatch` where others have written one of the resources since.
    pub async fn commit(&self) -> Result<bool> {
        let Together { writes, moment, is_stale, moved } =
            self.staged.as_ref().map(|staged| staged.take()).unwrap_or_default();
        let Some(moment) = moment else { return Ok(true) };
        if is_stale {
            return Ok(false);
        }
        let turntable = self.turntable.clone();
        let samples = turntable.samples_of(&turntable.snapshot(), &writes);
        // Begun, it is done, whether or not anybody still waits.
        let stored = tokio::spawn(going_on(async move {
            let done = turntable.store.put_resources_of(BUNDLES, moment, writes).await?;
            if done {
                turntable.samples.offer_all(samples);
                turntable.store.move_keys(moved);
            }
            Ok(done)
        }));
        stored
            .await
            .map_err(|error| Error::new(Code::Internal, "a part of the request failed").internal(error.to_string()))?
    }

    /// Keeps the way back from keys to the texts that they are made from.
    pub fn remember_keys(&self, keys: &[(uuid::Uuid, String)]) {
        self.store().remember_keys(keys.iter().map(|(key, text)| (*key, text.as_str())));
    }

    pub(in crate::router) fn staged(&self) -> Option<&Arc<Staged>> {
        self.staged.as_ref()
    }

    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Runs a job that holds its thread on a thread that may be held. It is work for this table, and takes the share of
    /// its mapping. The job keeps what is in force for this request
    /// even where nobody waits for it any more: its rows are there as long as somebody holds it.
    pub async fn work<T: Send + 'static>(&self, table: &Table, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        self.work_on(0, table, job).await
    }

    /// The same where there are so many rows to work on.
    pub async fn work_on<T: Send + 'static>(
        &self,
        rows: usize,
        table: &Table,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        self.run(self.share_of(table), self.wait(rows as u64), true, job).await
    }

    /// The same for what is no table's: reading bodies, writing metadata.
    pub async fn work_aside<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        self.run(OWN, self.wait(0), true, job).await
    }

    /// The same for bundles. `to_the_end`: it must not be broken off by the deadline, since it stores what a FHIR service
    /// has taken.
    pub(in crate::router) async fn work_for_bundles<T: Send + 'static>(
        &self,
        to_the_end: bool,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        self.run(BUNDLES, self.wait(0), !to_the_end, job).await
    }

    /// Whose share work for a table takes.
    pub(in crate::router) fn share_of<'t>(&'t self, table: &'t Table) -> &'t str {
        self.snapshot.table(&table.name).map_or(&table.name, |served| &served.mapping.name)
    }

    async fn run<T: Send + 'static>(
        &self,
        of: &str,
        wait: Wait,
        ends: bool,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let snapshot = self.snapshot.clone();
        let job = move || {
            let done = job();
            drop(snapshot);
            done
        };
        self.turntable.work.run(of, wait.size, ends.then_some(wait.until), job).await
    }

    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What the caller sees; None: all there is.
    pub(in crate::router) fn sight(&self) -> Option<&Arc<Sight>> {
        let find = || {
            let Turntable { roles, limits, .. } = &*self.turntable;
            self.snapshot.sights.of(&self.snapshot.catalog, roles, &self.caller, limits)
        };
        self.sight.get_or_init(find).as_ref()
    }

    /// The tables that are there for the caller, as they are for the caller: names are resolved against these.
    pub fn catalog(&self) -> &Catalog {
        self.sight().map_or(&self.snapshot.catalog, |sight| &sight.catalog)
    }

    /// The same for a job that goes on by itself.
    pub fn catalog_kept(&self) -> Tables {
        Tables(self.snapshot.clone(), self.sight().cloned())
    }

    /// A table as it is for the caller. Where there is nothing of it for them, nothing is shown of it that could be.
    pub fn seen<'t>(&'t self, table: &'t Arc<Table>) -> &'t Arc<Table> {
        match self.sight() {
            // One that was made of rows is no table of the catalog, and what it shows was checked when it was made.
            Some(sight) if self.snapshot.catalog.table(&table.name).is_some() => {
                sight.catalog.table(&table.name).unwrap_or(table)
            }
            _ => table,
        }
    }

    /// Tells callers apart by what is there for them, for what is kept of an answer.
    pub fn seen_as(&self) -> Option<&str> {
        self.sight().map(|sight| sight.of.as_str())
    }

    pub(in crate::router) fn may(&self, right: Right, table: &Table) -> Result<()> {
        match self.sight() {
            Some(sight) => sight.may(right, table),
            None => sight::nobody_may(right, table),
        }
    }

    /// Whether no row of a table is kept from the caller.
    pub fn reads_all_of(&self, table: &Table) -> bool {
        let is_limited = |sight: &Arc<Sight>| sight.is_limited(&self.snapshot.catalog, table, Act::Read);
        self.caller.may_do(Operation::Read).is_ok()
            && self.may(Right::Read, table).is_ok()
            && !self.sight().is_some_and(is_limited)
    }

    /// What rows of a table must meet to be there for the caller in an operation.
    pub(in crate::router) fn rule(&self, table: &Table, act: Act) -> Option<Filter> {
        let sight = self.sight()?;
        sight.rule(&self.snapshot.catalog, &self.caller, self.limits(), table, act)
    }

    pub(in crate::router) fn turntable(&self) -> &Arc<Turntable> {
        &self.turntable
    }

    pub fn limits(&self) -> &Limits {
        &self.turntable.limits
    }

    pub(in crate::router) fn store(&self) -> &Store {
        &self.turntable.store
    }

    /// What comes of it, if that is before the request must have been answered.
    pub async fn in_time<F: Future>(&self, waited_for: F) -> Option<F::Output> {
        tokio::time::timeout_at(self.deadline.into(), waited_for).await.ok()
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How this request waits where it wants so many rows or resources more.
    pub(in crate::router) fn wait(&self, more: u64) -> Wait {
        Wait { until: self.deadline, size: self.budget.had().saturating_add(more) }
    }

    /// Waits until there is room for a page of so many rows, which is kept as long as the session: rows of many large pages
    /// would be here at once else, each waiting for the other's turn at work. `Busy`.
    pub(in crate::router) async fn make_room(&self, table: &Table, rows: usize) -> Result<()> {
        if rows <= LARGE_PAGE_ROWS || self.place.get().is_some() {
            return Ok(());
        }
        let turn = self.turntable.pages.turn(self.share_of(table), self.wait(rows as u64)).await;
        let place = turn.map_err(|_| {
            Error::new(Code::Busy, "too many large pages are under way")
                .hint(format!("try again, or ask for pages of up to {LARGE_PAGE_ROWS} rows"))
                .retry_after(1)
        })?;
        // Whoever came first has one already.
        drop(self.place.set(place));
        Ok(())
    }

    pub(in crate::router) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Whether a table's rows come from a service that is asked with the caller's token.
    pub(in crate::router) fn is_own(&self, root: &ServedTable) -> bool {
        root.route != Route::Native && self.turntable.client(root).is_ok_and(Client::asks_as_callers)
    }

    /// A FHIR service by its name in the configuration, for this caller.
    pub(in crate::router) fn source(&self, name: &str) -> Option<&Client> {
        self.own.get(name).or_else(|| self.turntable.sources.get(name))
    }

    /// The FHIR service behind a virtual table.
    pub(in crate::router) fn client(&self, table: &ServedTable) -> Result<&Client> {
        let client = self.turntable.client(table)?;
        Ok(self.own.get(client.name()).unwrap_or(client))
    }
}

/// The tables that are there for a caller, kept.
pub struct Tables(Arc<Snapshot>, Option<Arc<Sight>>);

impl Deref for Tables {
    type Target = Catalog;

    fn deref(&self) -> &Catalog {
        self.1.as_ref().map_or(&self.0.catalog, |sight| &sight.catalog)
    }
}

/// What one request may use. It is spent by all of its parts together.
pub struct Budget {
    rows: AtomicU64,
    calls: AtomicU32,
    /// `scan_rows`
    rows_most: u64,
    /// `upstream_calls`
    calls_most: u32,
}

impl Budget {
    fn new(limits: &Limits) -> Self {
        Self::of(limits.scan_rows, limits.upstream_calls)
    }

    fn of(rows_most: u64, calls_most: u32) -> Self {
        Self { rows: AtomicU64::new(0), calls: AtomicU32::new(0), rows_most, calls_most }
    }

    /// So many rows or resources have been looked at.
    pub(in crate::router) fn look_at(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Rows or resources that have been looked at.
    fn had(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// A FHIR service has been asked.
    pub(in crate::router) fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// All of it.
    pub(in crate::router) fn whole(&self) -> Share {
        Share { rows: self.rows_most, calls: self.calls_most }
    }

    /// One part in so many of what is left now, where the rest is wanted for what comes later.
    pub(in crate::router) fn share(&self, one_in: u32) -> Share {
        let (rows, calls) = (self.rows.load(Ordering::Relaxed), self.calls.load(Ordering::Relaxed));
        Share {
            rows: rows.saturating_add(self.rows_most.saturating_sub(rows).div_ceil(one_in.max(1).into())),
            calls: calls.saturating_add(self.calls_most.saturating_sub(calls).div_ceil(one_in.max(1))),
        }
    }

    /// Rows of a share that may still be looked at.
    pub(in crate::router) fn rows_left(&self, share: Share) -> u64 {
        share.rows.saturating_sub(self.rows.load(Ordering::Relaxed))
    }

    /// Nothing more may be asked of a FHIR service out of a share.
    pub(in crate::router) fn has_spent(&self, share: Share) -> bool {
        self.rows_left(share) == 0 || self.calls.load(Ordering::Relaxed) >= share.calls
    }

    /// `ScanBudgetExceeded` of a read of this table; `details` say what kept it from needing less.
    pub(in crate::router) fn exceeded(&self, table: &Table, details: impl IntoIterator<Item = Detail>) -> Error {
        let (rows, calls) = (self.rows.load(Ordering::Relaxed), self.calls.load(Ordering::Relaxed));
        let (rows_most, calls_most) = (self.rows_most, self.calls_most);
        let used = match calls {
            0 => format!("{rows} of {rows_most} rows looked at"),
            _ => format!("{rows} of {rows_most} resources looked at, {calls} of {calls_most} calls"),
        };
        Error::new(
            Code::ScanBudgetExceeded,
            format!("`{}` has too many rows to look at for this request ({used})", table.entity_set),
        )
        .target(table.entity_set.clone())
        .details(details)
        .hint(
            "narrow $filter by a column that the FHIR service can search, leave $orderby, $count or $expand out, \
             or ask for smaller pages",
        )
    }
}

/// A part of a budget: how far the use of the whole may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::router) struct Share {
    rows: u64,
    calls: u32,
}

/// Where the time of a request went (`Server-Timing`).
#[derive(Default)]
pub struct Trace([AtomicU64; Step::COUNT]);

/// A step of a request that takes time worth naming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Parse,
    Plan,
    /// Waiting for a FHIR service.
    Upstream,
    /// Splitting bundles and making rows.
    Mapping,
    /// Filtering and ordering here.
    Residual,
    Render,
}

impl Step {
    const COUNT: usize = Self::ALL.len();
    /// In the order in which they are shown.
    const ALL: [Self; 6] = [Self::Parse, Self::Plan, Self::Upstream, Self::Mapping, Self::Residual, Self::Render];

    fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Plan => "plan",
            Self::Upstream => "upstream",
            Self::Mapping => "mapping",
            Self::Residual => "residual",
            Self::Render => "render",
        }
    }
}

impl Trace {
    /// A step took so long, once more.
    pub fn add(&self, step: Step, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0[step as usize].fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Each step with the time that it took in all.
    pub fn steps(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        Step::ALL
            .into_iter()
            .map(|step| (step.name(), Duration::from_nanos(self.0[step as usize].load(Ordering::Relaxed))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_spend_one_budget() {
        let budget = Budget::new(&Limits { scan_rows: 10, upstream_calls: 3, ..Limits::default() });
        budget.look_at(4);
        budget.call();
        let (whole, half) = (budget.whole(), budget.share(2));
        assert_eq!((budget.rows_left(whole), budget.rows_left(half)), (6, 3));
        budget.call();
        assert_eq!((budget.has_spent(whole), budget.has_spent(half)), (false, true), "one of two calls that were left");
        budget.look_at(7);
        assert_eq!((budget.rows_left(whole), budget.has_spent(whole)), (0, true));
        assert!(budget.has_spent(budget.share(2)), "there is no half of nothing");
    }

    #[test]
    fn times_add_up() {
        let trace = Trace::default();
        trace.add(Step::Mapping, Duration::from_millis(2));
        trace.add(Step::Mapping, Duration::from_millis(3));
        let taken: Vec<_> = trace.steps().filter(|(_, took)| !took.is_zero()).collect();
        assert_eq!(taken, [("mapping", Duration::from_millis(5))]);
    }
}
