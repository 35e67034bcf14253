//! What is in force: tables, their mappings, their routes, in one immutable [`Snapshot`]. A request takes it once and keeps
//! it to its end; a change publishes a new one by swapping one pointer, so that a swap never changes a request that has
//! begun, and no request waits for a swap.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;

use crate::fhir::client::Client;
use crate::mapping::component::Mapping;
use crate::mapping::sandbox::Sandbox;
use crate::mapping::signature::Trust;
use crate::model::audit::Policy;
use crate::model::caller::Caller;
use crate::model::catalog::{Catalog, Withdrawn};
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::model::rules::Roles;
use crate::model::table::{ColumnIndex, Route, Table, root_of};
use crate::router::candidate::Candidate;
use crate::router::drafts::Drafts;
use crate::router::samples::{Sample, Samples};
use crate::router::sight::Sights;
use crate::router::token::Tokens;
use crate::router::work::Work;
use crate::router::writers::Writers;
use crate::store::facade::Store;
use crate::store::native::NativeWrite;
use crate::store::noting::Trail;
use crate::turns::Turns;

/// Everything that outlives a request. One for a process.
pub struct Turntable {
    snapshot: ArcSwap<Snapshot>,
    pub store: Store,
    /// Where requests leave what they did.
    pub trail: Trail,
    pub sandbox: Arc<Sandbox>,
    /// FHIR services by name.
    pub sources: BTreeMap<String, Client>,
    pub limits: Limits,
    /// Tables are known by their twins' names, too (`model/twins.rs`).
    pub virtual_names: bool,
    /// What roles give.
    pub roles: Roles,
    /// Whose signatures of components are trusted.
    pub trust: Trust,
    pub tokens: Tokens,
    /// Where what holds its thread is done.
    pub work: Work,
    /// Places for large pages: their rows are here from when they are read until the answer is written, and so many bytes
    /// of them at most.
    pub pages: Turns,
    /// Mappings that are written while they are tried.
    pub(in crate::router) drafts: Drafts,
    /// Mappings that were loaded or in force lately and are not now, the latest last.
    pub(super) retired: Mutex<VecDeque<Arc<Mapping>>>,
    /// Held by a bundle with conditions while it looks and stores, so that two with one condition do not both find nothing.
    pub(in crate::router) conditional: Arc<tokio::sync::Mutex<()>>,
    /// Who writes which resource.
    pub(in crate::router) writers: Writers,
    /// A read met a table that is behind: to be tried again (`release/behind.rs`).
    pub(in crate::router) met_behind: Arc<tokio::sync::Notify>,
    /// What was read and written for tables with a version on trial.
    pub samples: Samples,
    /// The versions on trial.
    pub(super) candidates: Mutex<Vec<Arc<Candidate>>>,
    /// By digest, how often a version was stopped as a canary, and when this process last knew it to be.
    pub(super) stopped: Mutex<HashMap<String, (u32, Instant)>>,
    /// Held by whoever changes what is in force; the table path never takes it.
    pub(super) control: Arc<tokio::sync::Mutex<()>>,
    /// Held by whoever has a component at the gate, which changes nothing of that.
    pub(super) loading: Arc<tokio::sync::Mutex<()>>,
    /// Held by whoever changes API keys, or looks for such changes; whether the trail was held against them once.
    pub(super) keys: tokio::sync::Mutex<bool>,
    /// What was in force before and requests may still hold.
    formerly: Mutex<Vec<Weak<Snapshot>>>,
}

/// An immutable moment.
#[derive(Default)]
pub struct Snapshot {
    pub catalog: Catalog,
    /// [`Store::moment`] when it came into force.
    pub moment: u64,
    tables: BTreeMap<String, Arc<ServedTable>>,
    /// What callers see of it.
    pub(in crate::router) sights: Sights,
    /// The versions on trial beside it.
    pub(in crate::router) candidates: Vec<Arc<Candidate>>,
    /// The same with canaries in force, by which of them are: a bit for each, from the first one on.
    tried: Vec<Arc<Snapshot>>,
}

/// A root table and its child tables: what one mapping makes of one resource, or fails to make.
#[derive(Clone)]
pub struct Family {
    pub root: Arc<ServedTable>,
    /// The root too, where it shows the type that was asked for.
    pub tables: Vec<Arc<ServedTable>>,
}

/// A table with what serves it.
pub struct ServedTable {
    pub table: Arc<Table>,
    pub mapping: Arc<Mapping>,
    pub route: Route,
    /// By resource type the cells that every virtual row has alike, once a read has asked (`read/constants.rs`).
    pub(in crate::router) same: OnceLock<BTreeMap<String, BTreeMap<ColumnIndex, Option<String>>>>,
}

impl Turntable {
    /// Without any table.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        let limits = Limits { mapping_concurrency: 1, ..Limits::default() };
        let (store, sandbox) = (Store::temporary(&limits), Sandbox::new(&limits, None).unwrap());
        Self::new(store, sandbox.into(), [].into(), limits, Tokens::new(&[0; 32]))
    }

    pub fn new(
        store: Store,
        sandbox: Arc<Sandbox>,
        sources: BTreeMap<String, Client>,
        limits: Limits,
        tokens: Tokens,
    ) -> Self {
        let snapshot = ArcSwap::from_pointee(Snapshot::default());
        let work = Work::new(&limits);
        let pages = Turns::new("large pages", limits.large_pages, limits.work_queue, limits.share_percent);
        let samples = Samples::new(&limits);
        let trail = Trail::new(&limits, Policy::default());
        Self {
            snapshot,
            store,
            trail,
            sandbox,
            sources,
            limits,
            virtual_names: false,
            roles: Roles::default(),
            trust: Trust::default(),
            tokens,
            work,
            pages,
            drafts: Drafts::default(),
            retired: Mutex::default(),
            conditional: Arc::default(),
            writers: Writers::default(),
            met_behind: Arc::default(),
            samples,
            candidates: Mutex::default(),
            stopped: Mutex::default(),
            control: Arc::default(),
            loading: Arc::default(),
            keys: tokio::sync::Mutex::default(),
            formerly: Mutex::default(),
        }
    }

    /// What is in force now. A request takes it once, by its session.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The swap.
    pub(super) fn publish(&self, mut snapshot: Snapshot) {
        snapshot.moment = self.store.moment();
        if self.virtual_names {
            snapshot.catalog = snapshot.catalog.twinned();
        }
        // A version is tried beside the one that it was compared with from the beginning, or not at all.
        let mut candidates = self.candidates.lock().unwrap_or_else(PoisonError::into_inner);
        candidates.retain(|one| snapshot.table(&one.root).is_ok_and(|t| t.mapping.digest == one.beside.digest));
        snapshot.candidates.clone_from(&candidates);
        drop(candidates);
        snapshot.tried = snapshot.tried(self.virtual_names);
        // Rows of native tables are read by these, too, and by requests longer than they are in force.
        let tried: Vec<_> = snapshot.tried.iter().map(Arc::downgrade).collect();
        let before = self.snapshot.swap(Arc::new(snapshot));
        let mut formerly = self.formerly.lock().unwrap_or_else(PoisonError::into_inner);
        formerly.retain(|former| former.strong_count() > 0);
        formerly.extend(tried);
        formerly.push(Arc::downgrade(&before));
    }

    /// What shadows of native tables are given of resources that are about to be stored; to be offered when they are.
    pub(in crate::router) fn samples_of(&self, live: &Snapshot, writes: &[NativeWrite]) -> Vec<Sample> {
        let is_native = |one: &&Arc<Candidate>| live.table(&one.root).is_ok_and(|root| root.route == Route::Native);
        let mut samples = Vec::new();
        for candidate in live.candidates.iter().filter(is_native) {
            let mut given: BTreeMap<&str, Vec<Bytes>> = BTreeMap::new();
            for NativeWrite { resource_type, body, .. } in writes {
                let Some(body) = body else { continue };
                if candidate.pairs(None, resource_type).next().is_some() && candidate.takes() {
                    given.entry(resource_type).or_default().push(body.clone());
                }
            }
            for (resource_type, bodies) in given {
                let bytes = bodies.iter().map(Bytes::len).sum();
                let Some(room) = self.samples.room(candidate, bytes) else { continue };
                let (candidate, resource_type) = (candidate.clone(), resource_type.to_owned());
                let (table, base, elements) = (None, String::new(), None);
                samples.push(Sample { candidate, table, resource_type, bodies, base, elements, room });
            }
        }
        samples
    }

    /// The versions that requests under way read by: those in force, and those that were when a request began.
    pub(super) fn read_by(&self) -> Vec<String> {
        let formerly = self.formerly.lock().unwrap_or_else(PoisonError::into_inner);
        let held: Vec<_> = formerly.iter().filter_map(Weak::upgrade).chain([self.snapshot()]).collect();
        let mut digests: Vec<_> =
            held.iter().flat_map(|snapshot| snapshot.tables()).map(|table| table.mapping.digest.clone()).collect();
        digests.sort_unstable();
        digests.dedup();
        digests
    }

    /// FHIR services that are asked with this caller's token, for them.
    pub fn sources_of(&self, caller: &Caller) -> BTreeMap<String, Client> {
        let Some(bearer) = caller.bearer() else { return BTreeMap::new() };
        let asked = self.sources.iter().filter(|(_, client)| client.asks_as_callers());
        asked.map(|(name, client)| (name.clone(), client.on_behalf_of(bearer))).collect()
    }

    /// Whether some FHIR service is asked with the token of whoever asks.
    pub fn asks_as_callers(&self) -> bool {
        self.sources.values().any(Client::asks_as_callers)
    }

    /// The FHIR service behind a virtual table.
    pub fn client(&self, served: &ServedTable) -> Result<&Client> {
        let Route::Virtual { source } = &served.route else {
            return Err(Error::new(Code::Internal, format!("table `{}` has no FHIR service", served.table.name)));
        };
        self.sources.get(source).ok_or_else(|| {
            Error::new(
                Code::Config,
                format!(
                    "the route of table `{}` names the FHIR service `{source}`, which is not configured",
                    served.table.name
                ),
            )
            .hint("add [sources.NAME] to the configuration, or turn the route")
        })
    }
}

impl Snapshot {
    /// With their lookups told what keys the rows of the others have; and what is not served, of which mapping.
    pub fn new(tables: impl IntoIterator<Item = ServedTable>, withdrawn: Withdrawn) -> Self {
        let tables: Vec<ServedTable> = tables.into_iter().collect();
        let sets: HashMap<&str, &Table> = tables.iter().map(|t| (t.table.entity_set.as_str(), &*t.table)).collect();
        let ranked =
            tables.iter().map(|t| ServedTable { table: t.table.ranked(|set| sets.get(set).copied()), ..t.again() });
        let tables: BTreeMap<_, _> = ranked.map(|t| (t.table.name.clone(), Arc::new(t))).collect();
        let catalog = Catalog::new(tables.values().map(|t| t.table.clone())).without(withdrawn);
        let snapshot = Self { catalog, tables, ..Self::default() };
        let is_native = |table: &&Arc<ServedTable>| snapshot.root(table).route == Route::Native;
        let tracked = snapshot.tables().filter(is_native).map(|table| table.table.name.clone()).collect();
        Self { catalog: snapshot.catalog.tracking(tracked), ..snapshot }
    }

    /// The moment as a caller has it whom canaries serve, and these. None: there is none for them.
    pub(in crate::router) fn tried_by(&self, caller: &str) -> Option<(Arc<Self>, Vec<Arc<Candidate>>)> {
        let chosen: Vec<_> = self.canaries().map(|canary| canary.serves(caller)).collect();
        let which = chosen.iter().rev().fold(0, |which, chosen| which << 1 | usize::from(*chosen));
        let tried = self.tried.get(usize::checked_sub(which, 1)?)?;
        let chosen = self.canaries().zip(chosen).filter(|(_, chosen)| *chosen);
        Some((tried.clone(), chosen.map(|(canary, _)| canary.clone()).collect()))
    }

    /// All ways in which canaries may be in force beside each other. There are few (`canaries`).
    fn tried(&self, virtual_names: bool) -> Vec<Arc<Self>> {
        let all: Vec<_> = self.canaries().collect();
        let way = |which: usize| {
            let chosen: Vec<_> =
                (0..all.len()).filter(|place| which >> place & 1 == 1).filter_map(|place| all.get(place)).collect();
            let mut tried = self.trying(&chosen);
            if virtual_names {
                tried.catalog = tried.catalog.twinned();
            }
            Arc::new(tried)
        };
        (1..1_usize << all.len()).map(way).collect()
    }

    /// With these versions in force, in place of those that they are tried beside.
    fn trying(&self, canaries: &[&&Arc<Candidate>]) -> Self {
        let stays = |t: &&Arc<ServedTable>| canaries.iter().all(|canary| canary.beside.digest != t.mapping.digest);
        let fresh = canaries.iter().flat_map(|canary| {
            let route = self.table(&canary.root).map_or(Route::Native, |root| root.route.clone());
            let table =
                move |table: &Arc<Table>| ServedTable::new(table.versioned(), canary.mapping.clone(), route.clone());
            canary.mapping.tables.iter().map(table)
        });
        let tables = self.tables().filter(stays).map(|table| table.again()).chain(fresh);
        let tried = Self::new(tables, self.catalog.withdrawn().clone());
        Self { moment: self.moment, candidates: self.candidates.clone(), ..tried }
    }

    /// Whether some callers are served by other versions.
    pub fn has_canaries(&self) -> bool {
        !self.tried.is_empty()
    }

    /// The versions on trial.
    pub fn candidates(&self) -> &[Arc<Candidate>] {
        &self.candidates
    }

    fn canaries(&self) -> impl Iterator<Item = &Arc<Candidate>> {
        self.candidates.iter().filter(|candidate| candidate.is_canary())
    }

    pub fn tables(&self) -> impl Iterator<Item = &Arc<ServedTable>> {
        self.tables.values()
    }

    /// The sets of rows that every write makes, by their roots.
    pub(in crate::router) fn root_sets(&self) -> Vec<String> {
        self.tables().filter(|t| t.table.parent.is_none()).map(|t| t.table.set().into_owned()).collect()
    }

    /// By logical name.
    pub fn table(&self, name: &str) -> Result<&Arc<ServedTable>> {
        self.tables.get(name).ok_or_else(|| self.catalog.no_table(name))
    }

    /// The table of this entity set that shows resources of this type.
    pub fn showing(&self, entity_set: &str, resource_type: &str) -> Option<&Arc<ServedTable>> {
        self.tables().find(|t| t.table.entity_set == entity_set && t.table.source(resource_type).is_some())
    }

    /// Every table that shows resources of a type: of whatever mapping, on whatever route, roots and children.
    pub fn over(&self, resource_type: &str) -> Vec<Arc<ServedTable>> {
        self.tables().filter(|t| t.table.source(resource_type).is_some()).cloned().collect()
    }

    /// The same by their roots.
    pub fn families_over(&self, resource_type: &str) -> Vec<Family> {
        self.families(self.over(resource_type))
    }

    /// Those whose rows a write makes that began with this: its own, for what it goes on to read, and what is in force by
    /// now, for all others.
    pub fn families_to_write(&self, live: &Self, resource_type: &str) -> Vec<Family> {
        let mut families = self.families_over(resource_type);
        if !std::ptr::eq(self, live) {
            let others = live.families_over(resource_type).into_iter();
            let sets: Vec<_> = families.iter().map(|family| family.root.table.set().into_owned()).collect();
            families.extend(others.filter(|other| !sets.contains(&other.root.table.set().into_owned())));
        }
        families
    }

    /// Tables by their roots.
    pub(in crate::router) fn families(&self, tables: impl IntoIterator<Item = Arc<ServedTable>>) -> Vec<Family> {
        let mut families: Vec<Family> = Vec::new();
        for table in tables {
            let root = self.root(&table);
            match families.iter_mut().find(|family| Arc::ptr_eq(&family.root, root)) {
                Some(family) => family.tables.push(table),
                None => families.push(Family { root: root.clone(), tables: vec![table] }),
            }
        }
        families
    }

    /// The root of a table: itself, or the table from whose resources its rows are cut, however many lie between.
    pub fn root<'a>(&'a self, table: &'a Arc<ServedTable>) -> &'a Arc<ServedTable> {
        let root = root_of(&table.table, |name| self.tables.get(name).map(|t| &t.table));
        self.tables.get(&root.name).unwrap_or(table)
    }
}

impl Family {
    pub(in crate::router) fn has(&self, table: &Table) -> bool {
        self.tables.iter().any(|served| served.table.name == table.name)
    }

    /// Those of resources that its tables show.
    pub(in crate::router) fn types(&self) -> Vec<String> {
        let sources = self.tables.iter().flat_map(|t| &t.table.sources);
        let mut types: Vec<String> = sources.map(|source| source.resource_type.clone()).collect();
        types.sort_unstable();
        types.dedup();
        types
    }

    /// Those of its tables that show resources of a type.
    pub(in crate::router) fn over(&self, resource_type: &str) -> impl Iterator<Item = &ServedTable> {
        self.tables.iter().map(Arc::as_ref).filter(move |served| served.table.source(resource_type).is_some())
    }
}

impl ServedTable {
    pub fn new(table: Arc<Table>, mapping: Arc<Mapping>, route: Route) -> Self {
        Self { table, mapping, route, same: OnceLock::new() }
    }

    /// The same, for another moment.
    pub(super) fn again(&self) -> Self {
        Self::new(self.table.clone(), self.mapping.clone(), self.route.clone())
    }
}
