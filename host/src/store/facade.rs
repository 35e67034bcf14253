//! The store, as the rest of the house knows it: asynchronous, with owned arguments, off the reactor. So many read at
//! once, one writes, a bounded number waits before each; of both one table or resource type has no more than its share.
//! Who finds no place is told to come back (`Busy`). What it is made of is nobody else's business.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc::Sender;
use uuid::Uuid;

use crate::jobs;
use crate::model::audit::{Deed, Entry, Seal};
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::model::rows::Rows;
use crate::model::table::{Route, Table};
use crate::model::user_view::UserView;
use crate::store::control::{Act, Activation, Candidate, Decision, EventsAsked, Kept, Mapping, Verified};
use crate::store::keys::Keys;
use crate::store::native::{
    Division, MadeAnew, NativeChanged, NativeChanges, NativeGroups, NativeScan, NativeWrite, Position, Progress,
    Release, ScanLimits, Scanned, StoredResource,
};
use crate::store::queue;
use crate::store::sql::select;
use crate::store::sqlite::backup;
use crate::store::sqlite::database::{Database, Stop};
use crate::store::sqlite::indexes::Granted;
use crate::store::sqlite::wishes::Terms;
use crate::telemetry::context::{self, Step};
use crate::telemetry::spans::Attribute;
use crate::turns::{Turn, Turns, Wait};

/// How long new keys are gathered before they are written.
const KEYS_PAUSE: Duration = Duration::from_millis(500);

/// Keys that are written at once; whoever else writes waits for no more.
const KEYS_AT_ONCE: usize = 2_000;

/// An index that was of use so lately gives way to no other.
const INDEX_REST: Duration = Duration::from_secs(10 * 60);

/// An index that was of no use for so long is dropped.
const INDEX_UNUSED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How often it is looked for such.
const INDEXES_PAUSE: Duration = Duration::from_secs(60 * 60);

/// What is none of a table's or resource type's is called so among those who wait.
const OWN: &str = "server";

/// What takes as long as its client does has a share of its own, of whatever tables it is.
const EXPORTS: &str = "exports";

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

/// The store for as long as somebody else has it.
#[derive(Clone, Debug)]
pub(in crate::store) struct WeakStore(Weak<Inner>);

impl WeakStore {
    pub(in crate::store) fn upgrade(&self) -> Option<Store> {
        self.0.upgrade().map(Store)
    }
}

#[derive(Debug)]
struct Inner {
    database: Database,
    reads: Turns,
    writes: Turns,
    keys: Keys,
    /// Keys that rows had before a change, and what became of them.
    moved: Keys,
    /// Hashed keys that are kept.
    known_keys: usize,
    /// Releases since the start.
    moment: AtomicU64,
}

/// The one who writes.
pub struct Alone {
    store: Store,
    turn: Turn,
}

impl Alone {
    /// Puts sets of rows in force, all or nothing; whoever prepared a write for what was in force before is told so. The turn
    /// is given back with the answer, and to be kept until what is in force is known to all.
    pub async fn release(self, release: Release) -> Result<Turn> {
        let inner = self.store.0.clone();
        let turn = self.turn;
        off_the_reactor(move || {
            inner.database.release(&release)?;
            inner.moment.fetch_add(1, Ordering::SeqCst);
            Ok(turn)
        })
        .await
    }
}

impl Store {
    /// The store of a data folder; both are created if they are not there. Within a runtime, which also writes keys
    /// behind the requests for as long as the store lives.
    pub async fn open(data_dir: &Path, limits: &Limits) -> Result<Self> {
        let data_dir = data_dir.to_owned();
        let database = off_the_reactor(move || Database::open(&data_dir)).await?;
        let store = Self::of(database, limits);
        store.read(Database::moved).await?.into_iter().for_each(|moved| store.0.moved.learn(moved));
        tokio::spawn(write_keys(Arc::downgrade(&store.0)));
        tokio::spawn(tend_indexes(Arc::downgrade(&store.0)));
        Ok(store)
    }

    /// Copies the store of a data folder, as it stands at one moment, to a new file; a server may run on it. Bytes of the
    /// copy.
    pub async fn backup(data_dir: &Path, file: &Path) -> Result<u64> {
        let (data_dir, file) = (data_dir.to_owned(), file.to_owned());
        off_the_reactor(move || backup::backup(&data_dir, &file)).await
    }

    /// Puts a backup in the place of a data folder's store, which no server may use. Where the store of before is kept.
    pub async fn restore(data_dir: &Path, file: &Path) -> Result<Option<PathBuf>> {
        let (data_dir, file) = (data_dir.to_owned(), file.to_owned());
        off_the_reactor(move || backup::restore(&data_dir, &file)).await
    }

    fn of(database: Database, limits: &Limits) -> Self {
        let mut database = database.with_index_terms(Terms::from(limits));
        database.gone_most = limits.deleted_rows;
        let known_keys = limits.known_keys;
        let keys = Keys::new(known_keys);
        Self(Arc::new(Inner {
            database,
            reads: Turns::new("store reads", limits.store_reads, limits.store_queue, limits.share_percent),
            writes: Turns::new("store writes", 1, limits.store_queue, limits.share_percent),
            moved: keys.beside(),
            keys,
            known_keys,
            moment: AtomicU64::new(0),
        }))
    }

    /// Of a test's own; gone when it is dropped.
    #[cfg(test)]
    pub(crate) fn temporary(limits: &Limits) -> Self {
        Self::of(Database::temporary().expect("a database"), limits)
    }

    pub(in crate::store) fn weak(&self) -> WeakStore {
        WeakStore(Arc::downgrade(&self.0))
    }

    /// Writes what has been remembered only. Before the end of the program.
    pub async fn close(&self) -> Result<()> {
        while self.flush_keys().await? {}
        while self.flush_moved().await? {}
        Ok(())
    }

    /// Whether anything can be written: `StorageFull`, `StorageFailed`. Without a turn, since it is asked for by those who
    /// watch; tried only where the last who wrote could not.
    pub async fn check_writable(&self) -> Result<()> {
        let inner = self.0.clone();
        off_the_reactor(move || inner.database.check_writable()).await
    }

    /// How often a read or a write found no turn (`Busy`).
    pub fn refused(&self) -> u64 {
        self.0.reads.refused() + self.0.writes.refused()
    }

    /// Who reads, who writes, who waits.
    pub fn turns(&self) -> [&Turns; 2] {
        [&self.0.reads, &self.0.writes]
    }

    /// For what is none of a table's: small, and seldom.
    async fn read<T: Send + 'static>(&self, read: impl FnOnce(&Database) -> Result<T> + Send + 'static) -> Result<T> {
        self.read_of(OWN, read).await
    }

    async fn read_of<T: Send + 'static>(
        &self,
        of: &str,
        read: impl FnOnce(&Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = queue::turn(&self.0.reads, of, None).await?;
        self.run(turn, read).await
    }

    async fn write<T: Send + 'static>(&self, write: impl FnOnce(&Database) -> Result<T> + Send + 'static) -> Result<T> {
        let turn = queue::turn(&self.0.writes, OWN, None).await?;
        self.run(turn, write).await
    }

    async fn run<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce(&Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.0.clone();
        let (at, of) = turn.told();
        let step = || Step::internal(format!("{at} {of}"));
        let told =
            |done: &Result<T>, _: &mut Vec<Attribute>| done.as_ref().err().map(|error| format!("{:?}", error.code()));
        let done = off_the_reactor(move || {
            let _turn = turn;
            work(&inner.database)
        });
        context::step(step, Box::pin(done), told).await
    }
}

/// Rows of native tables.
impl Store {
    /// What is wanted of a native table, in one moment of the database. A table without rows, made or not, is empty.
    /// `MappingFault` where the table is behind with a resource, and might show what the resource does not say.
    /// `ScanBudgetExceeded`, `UpstreamTimeout`, `Busy`. When the future is dropped the database stops working for it.
    pub async fn scan(&self, scan: NativeScan, limits: ScanLimits) -> Result<Scanned> {
        let turn = queue::turn(&self.0.reads, &scan.table.name, Some(scan.wait(&limits))).await?;
        let abandon = Abandon::default();
        let abandoned = abandon.0.clone();
        self.run(turn, move |database| database.scan(&scan, limits, abandoned)).await
    }

    /// A row for each group that the step's filter keeps, by the step's table.
    pub async fn groups(&self, groups: NativeGroups) -> Result<Rows> {
        let turn =
            queue::turn(&self.0.reads, &groups.table.name, Some(Wait { until: groups.deadline, size: u64::MAX }))
                .await?;
        let abandon = Abandon::default();
        let abandoned = abandon.0.clone();
        self.run(turn, move |database| database.groups(&groups, abandoned)).await
    }

    /// All rows of a scan, some at a time, in one moment of the database, to whoever receives them; it ends when nobody does.
    /// `held`: rows that may be here at once where the database does not give the order. As [`Store::scan`].
    pub async fn stream(&self, scan: NativeScan, limits: ScanLimits, held: u64, to: Sender<Rows>) -> Result<()> {
        let turn = queue::turn(&self.0.reads, EXPORTS, Some(scan.wait(&limits))).await?;
        let abandon = Abandon::default();
        let abandoned = abandon.0.clone();
        self.run(turn, move |database| {
            database.stream(&scan, limits, held, abandoned, &mut |rows| match to.blocking_send(rows) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        })
        .await
    }

    /// Where the rows of a set are now, by its root. What is read later is at least as far.
    pub async fn position(&self, root: String) -> Result<Position> {
        self.read(move |database| database.position(&root)).await
    }

    /// What has changed in a native table, in one moment of the database. `DeltaTokenExpired` where that cannot be told any
    /// more; `MappingFault` as [`Store::scan`].
    pub async fn changes(&self, asked: NativeChanges, limits: ScanLimits) -> Result<NativeChanged> {
        let wait = Wait { until: limits.deadline, size: asked.most as u64 };
        let turn = queue::turn(&self.0.reads, &asked.scan.table.name, Some(wait)).await?;
        let abandon = Abandon::default();
        let abandoned = abandon.0.clone();
        self.run(turn, move |database| database.changes(&asked, limits, abandoned)).await
    }

    /// Who would do what of a scan. Asks nobody.
    pub fn explain(scan: &NativeScan) -> Division {
        select::division(scan)
    }

    /// Rows of a native table, whatever its route.
    pub async fn count_rows(&self, table: Arc<Table>) -> Result<u64> {
        let of = table.name.clone();
        self.read_of(&of, move |database| database.count_rows(&table)).await
    }

    /// Makes native tables that are there what their descriptions say; the others are made with their first rows. Where
    /// a column is read in another way than before, cells that do not fit become null: rows must then be made anew.
    /// `ComponentRefused` for names that no table can have, `Conflict` for a key that changes under rows.
    pub async fn follow(&self, tables: Vec<Arc<Table>>) -> Result<()> {
        self.write(move |database| database.follow(&tables)).await
    }
}

/// Resources, with the rows made of them.
impl Store {
    /// All of them, in their order, or none. `VersionMismatch` if one does not stand at its base.
    pub async fn put_resources(&self, writes: Vec<NativeWrite>) -> Result<()> {
        if writes.is_empty() {
            return Ok(());
        }
        self.write(move |database| database.put_resources(&writes)).await
    }

    /// The same, as long as what is in force is what `moment` counts ([`Store::moment`]): other rows would be missing else.
    /// False: it no longer is, and nothing was done. `of`: for whom; others write in between.
    pub async fn put_resources_of(&self, of: &str, moment: u64, writes: Vec<NativeWrite>) -> Result<bool> {
        if writes.is_empty() {
            return Ok(true);
        }
        let turn = queue::turn(&self.0.writes, of, None).await?;
        if self.moment() != moment {
            return Ok(false);
        }
        self.run(turn, move |database| database.put_resources(&writes)).await.map(|()| true)
    }

    /// Counts the releases since the start. What is in force changes with it, while nobody writes.
    pub fn moment(&self) -> u64 {
        self.0.moment.load(Ordering::SeqCst)
    }

    /// From when the answer is there until it is dropped nobody else writes.
    pub async fn alone(&self) -> Result<Alone> {
        let turn = queue::turn(&self.0.writes, OWN, None).await?;
        Ok(Alone { store: self.clone(), turn })
    }

    /// Puts rows that were made anew in place of those before, all at once. Those of a resource that has been written
    /// since stay. The sets are then made as far as `progress` says.
    pub async fn put_rows(&self, made_anew: Vec<MadeAnew>, progress: Vec<Progress>) -> Result<()> {
        self.write(move |database| database.put_rows(&made_anew, &progress)).await
    }

    /// The sets that are behind with any resource: its rows could not be made when it was stored.
    pub async fn tables_behind(&self) -> Result<Vec<String>> {
        self.read(Database::tables_behind).await
    }

    /// Resources that some of these sets are behind with, always the same ones first.
    pub async fn resources_behind(&self, tables: Vec<String>, limit: usize) -> Result<Vec<StoredResource>> {
        self.read(move |database| database.resources_behind(&tables, limit)).await
    }

    /// How far each set of rows is made, by its root; None = of all that is written.
    pub async fn progress(&self) -> Result<HashMap<String, Option<u64>>> {
        self.read(Database::progress).await
    }

    /// From here on, writes make the rows of these root sets only, which are whole; others are made as far as this.
    pub async fn keep_only(&self, roots: Vec<String>) -> Result<()> {
        self.write(move |database| database.keep_only(&roots)).await
    }

    /// Drops the sets of rows of all versions but these ([`Table::made_by`]). Nobody may read them any more.
    pub async fn drop_other_sets(&self, made_by: Vec<String>) -> Result<()> {
        self.write(move |database| database.drop_others(&made_by)).await
    }

    /// A resource and its version.
    pub async fn resource(&self, resource_type: &str, id: &str) -> Result<Option<(Bytes, u64)>> {
        let (of, resource_type, id) = (resource_type, resource_type.to_owned(), id.to_owned());
        self.read_of(of, move |database| database.resource(&resource_type, &id)).await
    }

    /// The last version that each of some resources had, by type and id, whether it is still there or not.
    pub async fn last_versions(&self, resources: Vec<(String, String)>) -> Result<Vec<Option<u64>>> {
        self.read_of(&first_type(&resources), move |database| database.last_versions(&resources)).await
    }

    /// Of each of some resources, by type and id, the child rows that have values which no element carries, by the names of
    /// their elements.
    pub async fn own_rows(&self, resources: Vec<(String, String)>) -> Result<Vec<Vec<String>>> {
        self.read_of(&first_type(&resources), move |database| database.own_rows(&resources)).await
    }

    /// The rows of these tables have been made anew by this program: what no element carries is no longer in them alone,
    /// as it was in older stores.
    pub async fn own_is_taken(&self, tables: Vec<String>) -> Result<()> {
        self.write(move |database| database.own_is_taken(&tables)).await
    }

    /// Of each of some resources, by type and id, its last version and whether it is still there.
    pub async fn standings(&self, resources: Vec<(String, String)>) -> Result<Vec<Option<(u64, bool)>>> {
        self.read_of(&first_type(&resources), move |database| database.standings(&resources)).await
    }

    /// Shows `look` the id and body of the resources of a type, and gives what it makes of them. `marks`: who has none of
    /// these texts, and no JSON escapes either, need not be shown; none = all are. `UpstreamTimeout` at the deadline.
    pub async fn look_through<T: Send + 'static>(
        &self,
        resource_type: &str,
        marks: Vec<String>,
        deadline: Instant,
        look: impl FnMut(&str, &[u8]) -> Option<T> + Send + 'static,
    ) -> Result<Vec<T>> {
        let turn = queue::turn(&self.0.reads, resource_type, Some(Wait { until: deadline, size: u64::MAX })).await?;
        let abandon = Abandon::default();
        let stop = Stop { deadline, abandoned: abandon.0.clone() };
        let resource_type = resource_type.to_owned();
        self.run(turn, move |database| database.look_through(&resource_type, &marks, &stop, look)).await
    }

    /// Resources of some types that were written after a write, in the order of their last writes; deleted ones too.
    pub async fn resources_since(&self, types: Vec<String>, written: u64, limit: usize) -> Result<Vec<StoredResource>> {
        self.read(move |database| database.resources_since(&types, written, limit)).await
    }
}

/// Indexes that reads of native tables ask for.
impl Store {
    async fn make_indexes(&self) -> Result<()> {
        while let Some(wish) = self.0.database.indexes.next() {
            let (table, shape) = (wish.table.name.clone(), wish.shape.to_string());
            let begun = Instant::now();
            let granted = self.write(move |database| database.make_index(&wish, INDEX_REST)).await?;
            let ms = begun.elapsed().as_millis();
            match granted {
                Granted::Made => tracing::info!(table, columns = shape, ms, "a native table has one more index"),
                Granted::GivenUp => {
                    tracing::warn!(
                        table,
                        columns = shape,
                        ms,
                        "an index takes longer than store_index_ms; reads go on without"
                    );
                }
                Granted::Not => {}
            }
        }
        Ok(())
    }

    /// Some rows at a time; whoever writes has a turn between them.
    async fn index_words(&self) -> Result<()> {
        while let Some(table) = self.0.database.searched.next() {
            let (name, begun) = (table.name.clone(), Instant::now());
            loop {
                let table = table.clone();
                if self.write(move |database| database.index_words(&table)).await? {
                    break;
                }
            }
            // It may be gone meanwhile, with its version.
            if self.0.database.searched.has(&table.set()) {
                let ms = begun.elapsed().as_millis();
                tracing::info!(table = name, ms, "a native table has an index of the words in its texts");
            }
        }
        Ok(())
    }

    async fn drop_unused_words(&self) -> Result<()> {
        if self.0.database.searched.unused(INDEX_UNUSED).is_empty() {
            return Ok(());
        }
        let dropped = self.write(|database| database.drop_unused_words(INDEX_UNUSED)).await?;
        tracing::info!(dropped, "indexes of words that nobody searches by are gone");
        Ok(())
    }

    /// Some of it at a time; what was taken out of an index is not in the file any more afterwards.
    async fn tidy_words(&self) -> Result<()> {
        for set in self.0.database.sets_with_words() {
            let mut begun = None;
            loop {
                let set = set.clone();
                begun = self.write(move |database| database.tidy_words(&set, begun)).await?;
                if begun.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn drop_unused_indexes(&self) -> Result<()> {
        if self.0.database.indexes.unused(INDEX_UNUSED).is_empty() {
            return Ok(());
        }
        let dropped = self.write(|database| database.drop_unused_indexes(INDEX_UNUSED)).await?;
        tracing::info!(dropped, "indexes of native tables that nobody reads by are gone");
        Ok(())
    }
}

/// Keys that were hashed.
impl Store {
    /// Keeps the way back from GUIDs to the texts that they were hashed from. At once and in memory; what is new is
    /// written later.
    pub fn remember_keys<'k>(&self, keys: impl IntoIterator<Item = (Uuid, &'k str)>) {
        self.0.keys.remember(keys);
    }

    /// The text that a GUID was hashed from, if it has been seen lately.
    pub async fn text_of(&self, guid: Uuid) -> Result<Option<Arc<str>>> {
        Ok(self.texts_of(vec![guid]).await?.remove(&guid))
    }

    /// The same for many; those that are not known are not in the answer.
    pub async fn texts_of(&self, guids: Vec<Uuid>) -> Result<HashMap<Uuid, Arc<str>>> {
        let text = |guid: &Uuid| Some((*guid, self.0.keys.text(*guid)?));
        let mut texts: HashMap<_, _> = guids.iter().filter_map(text).collect();
        let others: Vec<_> = guids.into_iter().filter(|guid| !texts.contains_key(guid)).collect();
        if !others.is_empty() {
            for key in self.read(move |database| database.texts_of(&others)).await? {
                texts.insert(key.0, key.1.clone());
                self.0.keys.learn(key);
            }
        }
        Ok(texts)
    }

    /// Keeps what became of keys, to be written later: the text of the row's key now.
    pub fn move_keys(&self, moved: impl IntoIterator<Item = (Uuid, String)>) {
        self.0.moved.replace(moved);
    }

    /// What became of a key, if that is known.
    pub fn moved(&self, guid: Uuid) -> Option<Arc<str>> {
        self.0.moved.text(guid)
    }

    async fn flush_moved(&self) -> Result<bool> {
        let moved = Arc::new(self.0.moved.take_unsaved(KEYS_AT_ONCE));
        if moved.is_empty() {
            return Ok(false);
        }
        let (written, most) = (moved.clone(), self.0.known_keys);
        let done = self.write(move |database| database.put_moved(&written, most)).await;
        if done.is_err() {
            self.0.moved.give_back(&moved);
        }
        done.map(|()| true)
    }

    /// Whether there was anything to write.
    async fn flush_keys(&self) -> Result<bool> {
        let keys = Arc::new(self.0.keys.take_unsaved(KEYS_AT_ONCE));
        if keys.is_empty() {
            return Ok(false);
        }
        let (written, most) = (keys.clone(), self.0.known_keys);
        let done = self.write(move |database| database.put_keys(&written, most)).await;
        if done.is_err() {
            self.0.keys.give_back(&keys);
        }
        done.map(|()| true)
    }
}

/// Views of users.
impl Store {
    /// All of them, by their names.
    pub async fn user_views(&self) -> Result<Vec<UserView>> {
        self.read(Database::user_views).await
    }

    pub async fn user_view(&self, id: Uuid) -> Result<Option<UserView>> {
        self.read(move |database| database.user_view(id)).await
    }

    /// In place of its version before; of a new one the version is 1. `VersionMismatch`; `Conflict` where it is new and there are
    /// `most` already.
    pub async fn put_user_view(&self, view: UserView, most: usize) -> Result<()> {
        self.write(move |database| database.put_user_view(&view, most)).await
    }

    /// `VersionMismatch` where another version, or none, is there.
    pub async fn delete_user_view(&self, id: Uuid, version: u64) -> Result<()> {
        self.write(move |database| database.delete_user_view(id, version)).await
    }
}

/// What administrators decide.
impl Store {
    /// All decisions with their entries of the audit trail, in their order, or none.
    pub async fn decide(&self, decisions: Vec<(Decision, Act)>) -> Result<()> {
        if decisions.is_empty() {
            return Ok(());
        }
        self.write(move |database| database.decide(&decisions)).await
    }

    /// Forgets the oldest versions of a mapping beyond `keep`, but none that is active. Gives their digests.
    pub async fn prune_mappings(&self, name: &str, keep: usize, act: Act) -> Result<Vec<String>> {
        let name = name.to_owned();
        self.write(move |database| database.prune_mappings(&name, keep, &act)).await
    }

    /// All mappings, the newest first.
    pub async fn mappings(&self) -> Result<Vec<Mapping>> {
        self.read(Database::mappings).await
    }

    pub async fn mapping(&self, digest: &str) -> Result<Option<Mapping>> {
        let digest = digest.to_owned();
        self.read(move |database| database.mapping(&digest)).await
    }

    /// The bytes of a mapping's component; None where it is not known, or carried by the program itself.
    pub async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>> {
        let digest = digest.to_owned();
        self.read(move |database| database.component(&digest)).await
    }

    /// The same, on the thread of the caller, which has to be one that may be held.
    pub fn component_here(&self, digest: &str) -> Result<Option<Vec<u8>>> {
        self.0.database.component(digest)
    }

    /// Puts the bytes of a known mapping here, if they are not yet.
    pub async fn keep_component(&self, digest: &str, component: Vec<u8>) -> Result<()> {
        let digest = digest.to_owned();
        self.write(move |database| database.keep_component(&digest, &component)).await
    }

    /// Digest of the active mapping by table.
    pub async fn active(&self) -> Result<BTreeMap<String, String>> {
        self.read(Database::active).await
    }

    /// Of every table the digests of the active version and of the one before, to which a rollback goes.
    pub async fn likely(&self) -> Result<Vec<String>> {
        self.read(Database::likely).await
    }

    /// By table, the digest of what was active last, where that was deactivated.
    pub async fn withdrawn(&self) -> Result<BTreeMap<String, String>> {
        self.read(Database::withdrawn).await
    }

    /// What has been active for a table, the latest first.
    pub async fn activations(&self, table: &str) -> Result<Vec<Activation>> {
        let table = table.to_owned();
        self.read(move |database| database.activations(&table)).await
    }

    /// Versions on trial, of all tables.
    pub async fn on_trial(&self) -> Result<Vec<Candidate>> {
        self.read(Database::on_trial).await
    }

    /// Those that were on trial for a table, the last first.
    pub async fn trials_ended(&self, table: &str) -> Result<Vec<Candidate>> {
        let table = table.to_owned();
        self.read(move |database| database.trials_ended(&table)).await
    }

    /// How often each version was stopped as a canary, by digest.
    pub async fn times_stopped(&self) -> Result<Vec<(String, u32)>> {
        self.read(Database::times_stopped).await
    }

    /// The route of every table for which one was set.
    pub async fn routes(&self) -> Result<BTreeMap<String, Route>> {
        self.read(Database::routes).await
    }

    /// Entries of the audit trail with their seals, the newest first.
    pub async fn events(&self, asked: EventsAsked) -> Result<Vec<(Entry, Seal)>> {
        self.read(move |database| database.events(&asked)).await
    }

    /// Entries behind one, the oldest first.
    pub async fn events_from(&self, after: u64, limit: u32) -> Result<Vec<Kept>> {
        self.read(move |database| database.events_from(after, limit)).await
    }

    /// Holds the whole audit trail against its seals.
    pub async fn verify_events(&self) -> Result<Verified> {
        self.read(Database::verify_events).await
    }

    /// The action of the last entry.
    pub(in crate::store) async fn last_event(&self) -> Result<Option<String>> {
        self.read(Database::last_event).await
    }

    /// Puts what requests have left behind the last entry.
    pub(in crate::store) async fn note(&self, deeds: Arc<Vec<Deed>>) -> Result<()> {
        self.write(move |database| database.note(&deeds)).await
    }

    /// Takes away entries of days before the last so many, and those beyond so many, some at a time. Whether there may be more.
    pub(in crate::store) async fn cut_events(&self, most: u64, days: u32) -> Result<bool> {
        self.write(move |database| database.cut_events(most, days, jiff::Timestamp::now())).await
    }

    pub async fn setting(&self, name: impl Into<String>) -> Result<Option<Vec<u8>>> {
        let name = name.into();
        self.read(move |database| database.setting(&name)).await
    }

    pub async fn put_setting(&self, name: &'static str, value: Vec<u8>) -> Result<()> {
        self.write(move |database| database.put_setting(name, &value)).await
    }

    /// The setting, or what `made` is, which is then kept: for secrets that every start must find again.
    pub async fn setting_or(&self, name: &'static str, made: Vec<u8>) -> Result<Vec<u8>> {
        self.write(move |database| database.setting_or(name, &made)).await
    }
}

/// For whom some resources are looked up, which mostly are of one type.
fn first_type(resources: &[(String, String)]) -> String {
    resources.first().map_or(OWN, |(resource_type, _)| resource_type).to_owned()
}

/// Tells the database when it is dropped that nobody waits any more.
#[derive(Default)]
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The tasks that write keys and make indexes end.
        self.keys.unsaved().notify_one();
        self.database.indexes.wanted().notify_one();
    }
}

/// Writes new keys for as long as there is a store, some at a time.
async fn write_keys(store: Weak<Inner>) {
    let Some(unsaved) = store.upgrade().map(|inner| inner.keys.unsaved()) else { return };
    loop {
        unsaved.notified().await;
        tokio::time::sleep(KEYS_PAUSE).await;
        let Some(inner) = store.upgrade() else { return };
        if let Err(error) = Store(inner).close().await {
            tracing::warn!(code = ?error.code(), internal = error.get_internal(), "keys are not written yet");
        }
    }
}

/// Makes the indexes that reads ask for, and drops those of no use, for as long as there is a store.
async fn tend_indexes(store: Weak<Inner>) {
    let Some(wanted) = store.upgrade().map(|inner| inner.database.indexes.wanted()) else { return };
    loop {
        let asked = tokio::time::timeout(INDEXES_PAUSE, wanted.notified()).await;
        let Some(store) = store.upgrade().map(Store) else { return };
        let tended = match asked {
            Ok(()) => vec![store.make_indexes().await, store.index_words().await],
            Err(_) => {
                vec![store.drop_unused_indexes().await, store.drop_unused_words().await, store.tidy_words().await]
            }
        };
        for error in tended.into_iter().filter_map(Result::err) {
            tracing::warn!(code = ?error.code(), internal = error.get_internal(), "an index is not made or dropped");
        }
    }
}

async fn off_the_reactor<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    jobs::run(work)
        .await
        .map_err(|e| Error::new(Code::Internal, "the database's task ended").internal(e.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key;
    use crate::model::query::{Compare, Expr, Filter, Literal};
    use crate::store::native::{OwnChange, TableRows};
    use crate::store::sqlite::tables::sample;

    const LONG: &str = "Patient/an-id-of-more-than-nineteen-symbols";

    async fn open(folder: &Path) -> Store {
        Store::open(folder, &Limits::default()).await.unwrap()
    }

    #[tokio::test]
    async fn keys_are_known_at_once_and_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let guid = key::guid(LONG);
        let store = open(folder.path()).await;
        store.remember_keys([(guid, LONG)]);
        assert_eq!(store.text_of(guid).await.unwrap().as_deref(), Some(LONG));
        let other = Store::of(Database::beside(folder.path()).unwrap(), &Limits::default());
        assert_eq!(other.text_of(guid).await.unwrap(), None, "not written yet");
        store.close().await.unwrap();
        assert_eq!(other.text_of(guid).await.unwrap().as_deref(), Some(LONG));
        drop((store, other));
        assert_eq!(open(folder.path()).await.text_of(guid).await.unwrap().as_deref(), Some(LONG));
    }

    #[tokio::test]
    async fn keys_are_written_without_being_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let (store, guid) = (open(folder.path()).await, key::guid(LONG));
        store.remember_keys([(guid, LONG)]);
        let database = Database::beside(folder.path()).unwrap();
        while database.texts_of(&[guid]).unwrap().is_empty() {
            tokio::time::sleep(KEYS_PAUSE).await;
        }
    }

    #[tokio::test]
    async fn no_more_keys_than_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { known_keys: 2, ..Limits::default() };
        let store = Store::open(folder.path(), &limits).await.unwrap();
        let texts = ["a", "b", "c"].map(|end| format!("{LONG}-{end}"));
        let guids = texts.each_ref().map(|text| key::guid(text));
        store.remember_keys(guids.iter().copied().zip(texts.iter().map(String::as_str)));
        store.close().await.unwrap();
        for store in [store, Store::of(Database::beside(folder.path()).unwrap(), &limits)] {
            let known = store.texts_of(guids.to_vec()).await.unwrap();
            assert_eq!(guids.map(|guid| known.contains_key(&guid)), [false, true, true]);
        }
    }

    #[tokio::test]
    async fn a_full_queue_says_so_and_a_dropped_read_gives_its_turn_back() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { store_reads: 1, store_queue: 1, ..Limits::default() };
        let store = Store::open(folder.path(), &limits).await.unwrap();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let holds = store.clone();
        let until_released = move |_: &Database| {
            let _ = released.recv();
            Ok(())
        };
        let holds = tokio::spawn(async move { holds.read(until_released).await });
        while queue::turn(&store.0.reads, OWN, Some(Instant::now().into())).await.is_ok() {
            tokio::task::yield_now().await;
        }
        let waits = store.mappings();
        tokio::pin!(waits);
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut waits).await.is_err(), "one may wait");
        let refused = store.mappings().await.unwrap_err();
        assert_eq!((refused.code(), refused.get_retry_after()), (Code::Busy, Some(1)));
        // Writing has a queue of its own.
        store.setting_or("n", vec![1]).await.unwrap();
        release.send(()).unwrap();
        holds.await.unwrap().unwrap();
        assert_eq!(waits.await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_native_table_is_empty_until_it_has_rows() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        let mut table = sample::table();
        table.columns.truncate(2);
        table.concepts.clear();
        table.parent = None;
        let table = Arc::new(table);
        let named = Filter::Compare(Compare::Eq, Expr::Column(1), Expr::Literal(Literal::Text("ADA".into())));
        let scan = NativeScan {
            table: table.clone(),
            columns: vec![0, 1],
            filter: Some(named),
            order: Vec::new(),
            skip: 0,
            top: Some(1),
            count: true,
            beside: Vec::new(),
        };
        let limits = || ScanLimits { rows: 10, bytes: usize::MAX, deadline: Instant::now() + Duration::from_secs(60) };
        let found = store.scan(scan.clone(), limits()).await.unwrap();
        assert_eq!((found.rows.len(), found.rows.columns(), found.count), (0, &[0, 1][..], Some(0)));
        let mut rows = crate::model::rows::Rows::new(vec![0, 1]);
        rows.push([Some("Patient/1"), Some("Ada")]);
        rows.push([Some("Patient/1/x"), Some("ada")]);
        let write = NativeWrite {
            resource_type: "Patient".into(),
            id: "1".into(),
            body: Some(Bytes::from_static(b"{}")),
            base: None,
            version: 1,
            rows: vec![TableRows::new(table, rows)],
            own: OwnChange::default(),
        };
        store.put_resources(vec![write]).await.unwrap();
        let found = store.scan(scan, limits()).await.unwrap();
        assert_eq!((found.rows.len(), found.more, found.count), (1, true, Some(2)));
    }

    #[tokio::test]
    async fn reads_get_the_index_that_they_ask_for_a_moment_later() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { store_index_steps: 1_000, ..Limits::default() };
        let store = Store::open(folder.path(), &limits).await.unwrap();
        let mut table = sample::table();
        table.columns.truncate(2);
        table.concepts.clear();
        table.parent = None;
        let table = Arc::new(table);
        let mut rows = crate::model::rows::Rows::new(vec![0, 1]);
        for row in 0..1_000 {
            rows.push([Some(format!("Patient/1/{row}").as_str()), Some(format!("{}", row * 7 % 1_000).as_str())]);
        }
        let write = NativeWrite {
            resource_type: "Patient".into(),
            id: "1".into(),
            body: Some(Bytes::from_static(b"{}")),
            base: None,
            version: 1,
            rows: vec![TableRows::new(table.clone(), rows)],
            own: OwnChange::default(),
        };
        store.put_resources(vec![write]).await.unwrap();
        let scan = NativeScan {
            table,
            columns: vec![0],
            filter: None,
            order: vec![crate::model::query::Order { by: Expr::Column(1), descending: true }],
            skip: 5,
            top: Some(5),
            count: true,
            beside: Vec::new(),
        };
        let limits = || ScanLimits { rows: 10, bytes: usize::MAX, deadline: Instant::now() + Duration::from_secs(60) };
        let before = store.scan(scan.clone(), limits()).await.unwrap();
        while store.0.database.indexes.serving(&scan).is_none() {
            assert_eq!(store.scan(scan.clone(), limits()).await.unwrap(), before);
        }
        assert_eq!(store.scan(scan.clone(), limits()).await.unwrap(), before);
        // Writing goes on, and the index with it.
        store.put_setting("after", vec![1]).await.unwrap();
    }
}
