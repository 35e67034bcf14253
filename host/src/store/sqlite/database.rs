//! The database file: opens it, brings its schema up to date, lends connections (one that writes, others that read) and
//! says what SQLite's errors mean. What has been written is on the disk before the call returns, and stays there when
//! the process is killed. Every call blocks, on the disk or for another writer; the facade keeps them off the reactor.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::store::queue::busy;
use crate::store::sql::names::Value;
use crate::store::sqlite::chain;
use crate::store::sqlite::folder::Folder;
use crate::store::sqlite::functions;
use crate::store::sqlite::searched::Searched;
use crate::store::sqlite::tables::Tables;
use crate::store::sqlite::wishes::{Indexes, Terms};

/// How long to wait for a lock that another process holds. Then `Busy`.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 256;

/// Steps of SQLite's machine between two looks at the clock: some ten microseconds.
const STEPS: i32 = 1_000;

/// Setting that is written to see whether anything can be.
const TRIED: &str = "written-after-trouble";

/// `PRAGMA application_id`: "TTBL".
const APPLICATION_ID: i32 = 0x5454_424c;

/// Each brings the system tables from the version of its index to the next; `PRAGMA user_version` counts them.
const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    concat!(include_str!("schema_8_candidates.sql"), include_str!("schema_8_words.sql"), include_str!("schema_8.sql")),
];

#[derive(Debug)]
pub(crate) struct Database {
    writer: Mutex<Connection>,
    readers: Readers,
    /// Why nothing can be written, as the last who tried has found.
    trouble: Mutex<Option<Code>>,
    /// The native tables that are there.
    pub(crate) tables: Tables,
    /// Of theirs, those that reads have asked for.
    pub(crate) indexes: Indexes,
    pub(super) index_terms: Terms,
    /// Those that have an index of the words in their texts.
    pub(crate) searched: Searched,
    /// Keys of rows that are gone, of each set, that are kept.
    pub(crate) gone_most: u64,
    /// This run has written a resource.
    pub(crate) has_begun: AtomicBool,
    /// Given back after the connections are closed.
    #[expect(dead_code, reason = "it is held, not used")]
    folder: Option<Folder>,
    #[cfg(test)]
    _temporary: Option<tempfile::TempDir>,
}

/// When a read must end, whether it is done or not.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) deadline: Instant,
    /// Nobody waits for it any more.
    pub(crate) abandoned: Arc<AtomicBool>,
}

impl Stop {
    pub(crate) fn is_due(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }
}

impl Database {
    /// The store of a data folder; both are created if they are not there. Nobody else may use the folder.
    pub(crate) fn open(data_dir: &Path) -> Result<Self> {
        let mut folder = Folder::take(data_dir)?;
        let database = Self::open_file(folder.file()?, "full")?;
        folder.has_a_store()?;
        Ok(Self { folder: Some(folder), ..database })
    }

    /// What is gone tomorrow needs no flush: `synchronous` is `off`.
    fn open_file(path: PathBuf, synchronous: &'static str) -> Result<Self> {
        let mut writer = connect(&path, synchronous)?;
        migrate(&mut writer)?;
        let (tables, indexes) = (Tables::load(&writer)?, Indexes::load(&writer)?);
        let searched = Searched::load(&writer)?;
        let place = Place::of(path)?;
        let readers = Readers { place, synchronous, idle: Mutex::default() };
        Ok(Self {
            writer: Mutex::new(writer),
            readers,
            trouble: Mutex::default(),
            tables,
            indexes,
            index_terms: Terms::from(&Limits::default()),
            searched,
            gone_most: Limits::default().deleted_rows,
            has_begun: AtomicBool::new(false),
            folder: None,
            #[cfg(test)]
            _temporary: None,
        })
    }

    /// The same store, where indexes are made on other terms.
    pub(crate) fn with_index_terms(self, terms: Terms) -> Self {
        Self { index_terms: terms, ..self }
    }

    /// Lends a connection for reading; all that is read sees one moment of the database.
    pub(crate) fn reading<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.readers.take()?.moment(read)
    }

    /// The same, broken off when it must end.
    pub(crate) fn reading_until<T>(&self, stop: &Stop, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.reading_counted(stop, &Arc::default(), read)
    }

    /// The same. `steps`: of the database's machine, to which those of the reading are added, also where it is broken off.
    pub(crate) fn reading_counted<T>(
        &self,
        stop: &Stop,
        steps: &Arc<AtomicU64>,
        read: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let mut reader = self.readers.take()?;
        let (due, steps) = (stop.clone(), steps.clone());
        let look = move || {
            steps.fetch_add(u64::from(STEPS.unsigned_abs()), Ordering::Relaxed);
            due.is_due()
        };
        reader.progress_handler(STEPS, Some(look))?;
        let found = reader.moment(read);
        reader.progress_handler(0, None::<fn() -> bool>)?;
        found
    }

    /// One transaction of the one writer: all of it is on the disk afterwards, or, on an error, none. `StorageFull`,
    /// `StorageFailed`: of a file that is gone by the end, nobody is told that anything is in it.
    pub(crate) fn writing<T>(&self, write: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.noting_trouble(|| self.written(&mut locked(&self.writer), write))
    }

    /// The same, broken off when it must end: nothing of it is kept then. `UpstreamTimeout`.
    pub(crate) fn writing_until<T>(&self, stop: &Stop, write: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut writer = locked(&self.writer);
        let due = stop.clone();
        writer.progress_handler(STEPS, Some(move || due.is_due()))?;
        let written = self.noting_trouble(|| self.written(&mut writer, write));
        writer.progress_handler(0, None::<fn() -> bool>)?;
        written
    }

    fn noting_trouble<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let written = write();
        let trouble = match &written {
            Ok(_) => None,
            Err(error) if is_trouble(error) => Some(error.code()),
            // It says nothing of the disk.
            Err(_) => return written,
        };
        *locked(&self.trouble) = trouble;
        written
    }

    fn written<T>(&self, writer: &mut Connection, write: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.readers.place.check()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let written = write(&transaction)?;
        transaction.commit()?;
        self.readers.place.check()?;
        Ok(written)
    }

    /// Whether anything can be written. After trouble it is tried; `StorageFull`, `StorageFailed`.
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.readers.place.check()?;
        if locked(&self.trouble).is_none() {
            return Ok(());
        }
        // As much as a common write takes: there may be room for less.
        self.put_setting(TRIED, &[0; 64 << 10]).and_then(|()| self.put_setting(TRIED, &[]))
    }
}

fn is_trouble(error: &Error) -> bool {
    matches!(error.code(), Code::StorageFull | Code::StorageFailed)
}

/// The file of the database, its journal and the journal's index, as they were opened. SQLite goes on to write to files that are gone
/// from their folder; what is in them is lost with the process.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    #[cfg(unix)]
    files: [(PathBuf, (u64, u64)); 3],
}

impl Place {
    #[cfg(unix)]
    fn of(path: PathBuf) -> Result<Self> {
        let opened = |end: &str| {
            let mut file = path.clone().into_os_string();
            file.push(end);
            let file = PathBuf::from(file);
            identity(&file).map(|identity| (file, identity)).map_err(gone)
        };
        Ok(Self { files: [opened("")?, opened("-wal")?, opened("-shm")?], path })
    }

    #[cfg(not(unix))]
    fn of(path: PathBuf) -> Result<Self> {
        Ok(Self { path })
    }

    /// `StorageFailed` where a file is gone, or another one is in its place.
    #[cfg(unix)]
    fn check(&self) -> Result<()> {
        for (file, opened) in &self.files {
            if identity(file).map_err(gone)? != *opened {
                return Err(gone(std::io::Error::other("another file is in its place")));
            }
        }
        Ok(())
    }

    /// No open file can be taken away.
    #[cfg(not(unix))]
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// What tells a file from every other one: its device and its number there.
#[cfg(unix)]
fn identity(file: &Path) -> std::io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(file).map(|found| (found.dev(), found.ino()))
}

fn gone(error: std::io::Error) -> Error {
    Error::new(Code::StorageFailed, "a file of the store is gone from the data folder, and nothing can be written")
        .hint("put turntable.db, turntable.db-wal and turntable.db-shm back as they were, or restart the server on a backup")
        .internal(error.to_string())
}

/// A panic while a lock was held leaves no half-done state behind: transactions roll back.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As many as were ever needed at once; the facade bounds that.
#[derive(Debug)]
struct Readers {
    place: Place,
    /// The last connection to close, of whatever use, moves the journal into the file.
    synchronous: &'static str,
    idle: Mutex<Vec<Connection>>,
}

/// A lent connection, given back when dropped.
struct Reader<'s> {
    readers: &'s Readers,
    /// Some until dropped.
    connection: Option<Connection>,
}

impl Readers {
    fn take(&self) -> Result<Reader<'_>> {
        let idle = locked(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                // It would open, or make, another file.
                self.place.check()?;
                let connection = connect(&self.place.path, self.synchronous)?;
                connection.pragma_update(None, "query_only", true)?;
                connection
            }
        };
        Ok(Reader { readers: self, connection: Some(connection) })
    }
}

impl Reader<'_> {
    fn moment<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.prepare_cached("BEGIN")?.execute([])?;
        let _moment = Moment(self);
        read(self)
    }
}

/// Ended when dropped. It has written nothing, so it does not matter how.
struct Moment<'c>(&'c Connection);

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        let ended = self.0.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if ended.is_err() && !self.0.is_autocommit() {
            // What cannot be ended in good order is broken off, as a connection that is still in a moment would see no other.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

impl Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a reader that was handed out has its connection")
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a reader that was handed out has its connection")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        locked(&self.readers.idle).extend(self.connection.take());
    }
}

fn connect(path: &Path, synchronous: &str) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // A misspelt column in double quotes would otherwise be taken for a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    // What is deleted is overwritten: a patient's name does not stay in the file.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    functions::define(&connection)?;
    Ok(connection)
}

/// Refuses what is not ours or is newer than this program, before anything is changed. The version of its schema.
pub(crate) fn check_is_ours(database: &Connection) -> Result<usize> {
    let pragma = |name: &str| database.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let empty = database.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && !(application == 0 && empty) {
        return Err(Error::new(Code::Store, "the database file belongs to another program")
            .target("data_dir")
            .hint("give a data folder of its own"));
    }
    let newest = MIGRATIONS.len();
    let version = usize::try_from(version).unwrap_or(0);
    if version > newest {
        let message =
            format!("the database was written by a newer Turntable (schema {version}, this one has {newest})");
        return Err(Error::new(Code::Store, message)
            .target("data_dir")
            .hint("start the newer version, or restore a copy made before the upgrade"));
    }
    Ok(version)
}

fn migrate(writer: &mut Connection) -> Result<()> {
    let version = check_is_ours(writer)?;
    let newest = MIGRATIONS.len();
    writer.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (from, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        transaction.execute_batch(migration)?;
        if from + 1 == 8 {
            chain::upgrade(&transaction)?;
        }
    }
    if version < newest {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", i32::try_from(newest).expect("a handful of migrations"))?;
    }
    transaction.commit()?;
    Ok(())
}

/// A read that did not end in time.
pub(crate) fn too_late() -> Error {
    Error::new(Code::UpstreamTimeout, "the database did not answer within the time that a request has")
        .hint("narrow $filter, or ask for a smaller page")
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<rusqlite::Error> for Error {
    /// SQLite's own words name tables and columns, never values: those are bound, not part of a statement.
    fn from(error: rusqlite::Error) -> Self {
        let (code, words) = match &error {
            rusqlite::Error::SqliteFailure(failure, words) => (failure.code, words.as_deref().unwrap_or_default()),
            rusqlite::Error::SqlInputError { error, msg, .. } => (error.code, msg.as_str()),
            other => {
                return Self::new(Code::Store, "the database holds something unexpected").internal(other.to_string());
            }
        };
        let internal = format!("{code:?}: {words}");
        let store = |message: &str, hint: &str| Self::new(Code::Store, message).hint(hint);
        let failed = |message: &str, hint: &str| Self::new(Code::StorageFailed, message).hint(hint);
        let error = match code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => busy(),
            ErrorCode::OperationInterrupted => too_late(),
            ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => store(
                "the database file is damaged, or no database at all",
                "keep the file, and restore turntable.db from a backup; `sqlite3 turntable.db .recover` may save rows",
            ),
            ErrorCode::DiskFull => Self::new(Code::StorageFull, "the disk is full, and nothing of the change is kept")
                .hint("an administrator has to free space where the data folder is; reads go on"),
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => failed(
                "the database file cannot be opened for writing",
                "let this user write to the data folder, and check that the disk is not read-only",
            ),
            ErrorCode::SystemIoFailure => {
                failed("the disk failed", "look at the system's log, and at the limits that files of this user have")
            }
            ErrorCode::TooBig => Self::new(Code::BadValue, "a value is too large to store"),
            _ => Self::new(Code::Store, "the database refused a statement"),
        };
        error.internal(internal)
    }
}

#[cfg(test)]
impl Database {
    /// Of a test's own; gone when it is dropped.
    pub(crate) fn temporary() -> Result<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = Self::open_file(folder.path().join(crate::store::sqlite::folder::FILE_NAME), "off")?;
        Ok(Self { _temporary: Some(folder), ..database })
    }

    /// One more on the store of a folder that is in use.
    pub(crate) fn beside(data_dir: &Path) -> Result<Self> {
        Self::open_file(data_dir.join(crate::store::sqlite::folder::FILE_NAME), "full")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::sqlite::folder::FILE_NAME;

    #[test]
    fn an_older_database_comes_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let old = Connection::open(folder.path().join(FILE_NAME)).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch(
            "INSERT INTO _turntable_events (at, actor, action, table_name, detail) VALUES \
               (1, 'ada', 'route.set', 'contact', '{\"to\":\"native\"}'), (2, 'ada', 'mapping.load', NULL, '{}'); \
             INSERT INTO _turntable_resources VALUES \
               ('Patient', 'b', 1, 20, x'7b7d'), ('Patient', 'a', 3, 30, x'7b7d'), ('Basic', 'c', 2, 10, NULL); \
             INSERT INTO _turntable_keys VALUES (x'00112233445566778899aabbccddeeff', 'Patient/long'); \
             INSERT INTO _turntable_columns VALUES ('contact', 'statecode', '1 text'); \
             INSERT INTO _turntable_settings VALUES ('rows-made-by:contact', x'00'), ('page-token-key', x'01'); \
             PRAGMA application_id = 1414808140; PRAGMA user_version = 1;",
        )
        .unwrap();
        drop(old);
        let database = Database::open(folder.path()).unwrap();
        let resources = database.resources_since(&["Patient".into(), "Basic".into()], 0, 9).unwrap();
        let found: Vec<_> = resources.iter().map(|r| (r.id.as_str(), r.version, r.written, r.body.is_some())).collect();
        assert_eq!(found, [("c", 2, 1, false), ("b", 1, 2, true), ("a", 3, 3, true)]);
        let guid = uuid::uuid!("00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(database.texts_of(&[guid]).unwrap(), [(guid, "Patient/long".into())]);
        assert_eq!(database.setting("rows-made-by:contact").unwrap(), None, "all rows are made anew");
        assert!(database.setting("page-token-key").unwrap().is_some());
        let in_rows = "SELECT group_concat(table_name) FROM _turntable_own_in_rows";
        let in_rows = || -> Option<String> {
            database.reading(|moment| Ok(moment.query_row(in_rows, [], |row| row.get(0))?)).unwrap()
        };
        assert_eq!(in_rows(), Some("contact".to_owned()), "what no element carries is still in its rows");
        database.own_is_taken(&["contact".to_owned()]).unwrap();
        assert_eq!(in_rows(), None);
        let trail = database.verify_events().unwrap();
        assert_eq!((trail.from, trail.to, trail.broken), (1, 2, None), "what was noted before is sealed as it was");
        let entries = database.events_from(0, 9).unwrap();
        assert_eq!((entries[0].entry.deed.actor.as_str(), entries[0].entry.deed.is_decision), ("ada", true));
    }

    #[test]
    fn a_full_disk_keeps_nothing_by_half_and_is_found_to_have_room_again() {
        let database = Database::temporary().unwrap();
        let pages =
            |most: u32| locked(&database.writer).pragma_update_and_check(None, "max_page_count", most, |_| Ok(()));
        database.put_setting("before", b"1").unwrap();
        pages(1).unwrap();
        let full = database.writing(|transaction| {
            transaction.execute("INSERT INTO _turntable_settings (name, value) VALUES ('small', x'00')", [])?;
            transaction
                .execute("INSERT INTO _turntable_settings (name, value) VALUES ('large', zeroblob(100000))", [])?;
            Ok(())
        });
        assert_eq!(full.unwrap_err().code(), Code::StorageFull);
        assert_eq!(*locked(&database.trouble), Some(Code::StorageFull));
        assert_eq!(database.setting("small").unwrap(), None);
        assert_eq!(database.setting("before").unwrap().as_deref(), Some(&b"1"[..]), "reads go on");
        pages(100_000).unwrap();
        database.check_writable().unwrap();
        assert_eq!(*locked(&database.trouble), None);
    }

    #[test]
    #[cfg(unix)]
    fn nothing_is_written_to_a_file_that_is_gone() {
        for name in ["", "-wal", "-shm"].map(|end| format!("{FILE_NAME}{end}")) {
            let folder = tempfile::tempdir().unwrap();
            let database = Database::open(folder.path()).unwrap();
            database.put_setting("before", b"1").unwrap();
            let (file, away) = (folder.path().join(&name), folder.path().join("away"));
            let refused = |database: &Database| {
                assert_eq!(database.put_setting("after", b"1").unwrap_err().code(), Code::StorageFailed, "{name}");
                assert_eq!(database.check_writable().unwrap_err().code(), Code::StorageFailed, "{name}");
                assert_eq!(database.setting("before").unwrap().as_deref(), Some(&b"1"[..]), "reads go on");
            };
            database.setting("before").unwrap();
            fs::rename(&file, &away).unwrap();
            refused(&database);
            assert!(!file.exists(), "nobody makes another");
            fs::write(&file, b"").unwrap();
            refused(&database);
            fs::rename(&away, &file).unwrap();
            database.check_writable().unwrap();
            assert_eq!(database.setting("after").unwrap(), None, "{name}");
            database.put_setting("after", b"1").unwrap();
        }
    }

    #[test]
    fn a_read_ends_when_it_must() {
        let database = Database::temporary().unwrap();
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let stop = |wait| Stop { deadline: Instant::now() + wait, abandoned: Arc::default() };
        let abandoned = stop(Duration::from_secs(60));
        abandoned.abandoned.store(true, Ordering::Relaxed);
        for stop in [stop(Duration::from_millis(20)), abandoned] {
            let read =
                database.reading_until(&stop, |moment| Ok(moment.query_row(endless, [], |row| row.get::<_, i64>(0))?));
            assert_eq!(read.unwrap_err().code(), Code::UpstreamTimeout);
        }
        let after = database.reading(|moment| Ok(moment.query_row("SELECT 7", [], |row| row.get::<_, i64>(0))?));
        assert_eq!(after.unwrap(), 7, "the connection is as good as before");
    }

    fn refusal(folder: &Path) -> Error {
        let error = Database::open(folder).unwrap_err();
        assert_eq!(error.code(), Code::Store);
        error
    }

    #[test]
    fn opening_again_finds_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("deep").join("data");
        for expected in [None, Some(&b"v"[..])] {
            let database = Database::open(&inner).unwrap();
            assert_eq!(database.setting("n").unwrap().as_deref(), expected);
            database.setting_or("n", b"v").unwrap();
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&inner), mode(&inner.join(FILE_NAME))), (0o700, 0o600));
        }
    }

    #[test]
    fn commits_are_flushed_and_names_are_never_texts() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path()).unwrap();
        database
            .writing(|transaction| {
                let pragma = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, String>(0));
                assert_eq!(pragma("journal_mode")?, "wal");
                let number = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
                assert_eq!((number("synchronous")?, number("foreign_keys")?), (2, 1));
                Ok(())
            })
            .unwrap();
        database
            .reading(|moment| {
                assert!(moment.prepare("SELECT \"no such column\" FROM _turntable_keys").is_err());
                assert!(moment.execute("DELETE FROM _turntable_keys", []).is_err(), "a reader only reads");
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_newer_foreign_or_damaged_file_is_refused_by_name_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        drop(Database::open(folder.path()).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(refusal(folder.path()).message().contains("newer Turntable (schema 99"));

        fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        let before = fs::read(&path).unwrap();
        assert!(refusal(folder.path()).message().contains("another program"));
        assert_eq!(fs::read(&path).unwrap(), before);

        fs::write(&path, "no database, but a text that is long enough to look like a header of one ".repeat(99))
            .unwrap();
        assert!(refusal(folder.path()).message().contains("damaged"));

        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(refusal(&file).message().contains("folder"));
    }

    #[test]
    fn an_error_rolls_all_back() {
        let database = Database::temporary().unwrap();
        let tried = database.writing(|transaction| {
            transaction.execute("INSERT INTO _turntable_settings VALUES ('n', x'00')", [])?;
            Err::<(), _>(Error::new(Code::Conflict, "second thoughts"))
        });
        assert_eq!(tried.unwrap_err().code(), Code::Conflict);
        assert_eq!(database.setting("n").unwrap(), None);
    }
}
