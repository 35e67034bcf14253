//! The database file: opens it, brings its schema up to date, lends connections (one that writes, a few that read) and
//! says what SQLite's errors mean. What has been written is on the disk before the call returns, and stays there when
//! the process is killed.

use std::collections::HashSet;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::plan::sql::Value;

/// File of the database in the data folder.
pub const FILE_NAME: &str = "turntable.db";

/// Connections that read at once. More wait, up to [`BUSY_MS`], then `Busy`.
pub const READERS_MAX: usize = 8;

/// Milliseconds to wait for a connection, or for a lock that another process holds. Then `Busy`.
pub const BUSY_MS: u64 = 5_000;

/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 256;

/// `PRAGMA application_id`: "TTBL".
const APPLICATION_ID: i32 = 0x5454_424c;

/// Each brings the system tables from the version of its index to the next; `PRAGMA user_version` counts them.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql")];

/// Safe to call from many threads; every call blocks, on the disk or for another writer.
#[derive(Debug)]
pub struct Store {
    writer: Mutex<Connection>,
    readers: Readers,
    /// Keys that are in the key map for sure (`store::key_map`).
    pub(super) known_keys: Mutex<HashSet<Uuid>>,
    /// Last, so that it is removed after the connections are closed.
    _folder: Option<tempfile::TempDir>,
}

impl Store {
    /// The store of a data folder; both are created if they are not there.
    pub fn open(data_dir: &Path) -> Result<Self> {
        create_folder(data_dir).map_err(|e| {
            Error::new(Code::Store, "the data folder cannot be created")
                .target("data_dir")
                .hint("give a folder that this user may write to")
                .internal(e.to_string())
        })?;
        let path = data_dir.join(FILE_NAME);
        create_file(&path).map_err(|e| {
            Error::new(Code::Store, "the database file cannot be opened for writing")
                .target("data_dir")
                .hint("let this user write to the folder and the file, and check that the disk is not read-only")
                .internal(e.to_string())
        })?;
        Self::open_file(path, None)
    }

    /// A store of its own that is gone when it is dropped.
    pub fn temporary() -> Result<Self> {
        let folder = tempfile::tempdir()
            .map_err(|e| Error::new(Code::Store, "no temporary folder can be created").internal(e.to_string()))?;
        Self::open_file(folder.path().join(FILE_NAME), Some(folder))
    }

    fn open_file(path: PathBuf, folder: Option<tempfile::TempDir>) -> Result<Self> {
        // What is gone tomorrow needs no flush.
        let synchronous = if folder.is_some() { "off" } else { "full" };
        let mut writer = connect(&path, synchronous)?;
        migrate(&mut writer)?;
        let readers = Readers { path, synchronous, pool: Mutex::default(), returned: Condvar::new() };
        Ok(Self { writer: Mutex::new(writer), readers, known_keys: Mutex::default(), _folder: folder })
    }

    /// Lends a connection for reading; all that is read sees one moment of the database.
    pub(super) fn reading<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let reader = self.readers.take()?;
        let moment = reader.unchecked_transaction()?;
        let found = read(&moment)?;
        moment.commit()?;
        Ok(found)
    }

    /// What is written in here is whole or not there, but may be gone after a power cut, up to the next transaction
    /// outside: for what can be repeated, such as hundreds of tables at a first start, each of which would wait for the
    /// disk.
    pub fn repeatable<T>(&self, write: impl FnOnce() -> T) -> Result<T> {
        let flushed = self.readers.synchronous;
        let synchronous = |value: &str| locked(&self.writer).pragma_update(None, "synchronous", value);
        if flushed == "full" {
            synchronous("normal")?;
        }
        let written = write();
        synchronous(flushed)?;
        Ok(written)
    }

    /// One transaction of the one writer: all of it is on the disk afterwards, or, on an error, none.
    pub(super) fn writing<T>(&self, write: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut writer = locked(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let written = write(&transaction)?;
        transaction.commit()?;
        Ok(written)
    }
}

/// A panic while a lock was held leaves no half-done state behind: transactions roll back, sets only grow.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    /// The last connection to close, of whatever use, moves the journal into the file.
    synchronous: &'static str,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Connection>,
    /// Idle or lent.
    open: usize,
}

/// A lent connection, given back when dropped.
struct Reader<'s> {
    readers: &'s Readers,
    /// Some until dropped.
    connection: Option<Connection>,
}

impl Readers {
    fn take(&self) -> Result<Reader<'_>> {
        let full = |pool: &mut Pool| pool.idle.is_empty() && pool.open >= READERS_MAX;
        let (mut pool, waited) = self
            .returned
            .wait_timeout_while(locked(&self.pool), Duration::from_millis(BUSY_MS), full)
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = pool.idle.pop() {
            return Ok(Reader { readers: self, connection: Some(connection) });
        }
        if waited.timed_out() {
            return Err(busy().internal("all reading connections are lent"));
        }
        pool.open += 1;
        drop(pool);
        // From here on a reader without a connection gives its place back.
        let mut reader = Reader { readers: self, connection: None };
        let connection = connect(&self.path, self.synchronous)?;
        connection.pragma_update(None, "query_only", true)?;
        reader.connection = Some(connection);
        Ok(reader)
    }
}

impl Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a reader that was handed out has its connection")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut pool = locked(&self.readers.pool);
        match self.connection.take() {
            Some(connection) => pool.idle.push(connection),
            None => pool.open -= 1,
        }
        self.readers.returned.notify_one();
    }
}

fn connect(path: &Path, synchronous: &str) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
    // A misspelt column in double quotes would otherwise be taken for a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// Refuses what is not ours or is newer than this program, before anything is changed.
fn migrate(writer: &mut Connection) -> Result<()> {
    let pragma = |name: &str| writer.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let empty = writer.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && !(application == 0 && empty) {
        return Err(Error::new(Code::Store, "the database file belongs to another program")
            .target("data_dir")
            .hint("give a data folder of its own"));
    }
    let newest = i32::try_from(MIGRATIONS.len()).expect("a handful of migrations");
    if version > newest {
        let message =
            format!("the database was written by a newer Turntable (schema {version}, this one has {newest})");
        return Err(Error::new(Code::Store, message)
            .target("data_dir")
            .hint("start the newer version, or restore a copy made before the upgrade"));
    }
    writer.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let version: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for migration in MIGRATIONS.get(usize::try_from(version).unwrap_or(0)..).unwrap_or_default() {
        transaction.execute_batch(migration)?;
    }
    if version < newest {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", newest)?;
    }
    transaction.commit()?;
    Ok(())
}

/// It will hold patient data: for this user alone.
#[cfg(unix)]
fn create_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

/// SQLite gives the journal beside it the same permissions.
fn create_file(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn busy() -> Error {
    Error::new(Code::Busy, "the database is busy").hint("try again").retry_after(1)
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
        let error = match code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => busy(),
            ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => store(
                "the database file is damaged, or no database at all",
                "keep the file, and restore turntable.db from a backup; `sqlite3 turntable.db .recover` may save rows",
            ),
            ErrorCode::DiskFull => store("the disk is full", "free space where the data folder is"),
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => store(
                "the database file cannot be opened for writing",
                "let this user write to the data folder, and check that the disk is not read-only",
            ),
            ErrorCode::SystemIoFailure => store("the disk failed", "look at the system's log"),
            ErrorCode::TooBig => Self::new(Code::BadValue, "a value is too large to store"),
            _ => Self::new(Code::Store, "the database refused a statement"),
        };
        error.internal(internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(folder: &Path) -> Error {
        let error = Store::open(folder).unwrap_err();
        assert_eq!(error.code(), Code::Store);
        error
    }

    #[test]
    fn opening_again_finds_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("deep").join("data");
        for expected in [None, Some(&b"v"[..])] {
            let store = Store::open(&inner).unwrap();
            assert_eq!(store.setting("n").unwrap().as_deref(), expected);
            store.put_setting("n", b"v").unwrap();
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
        let store = Store::open(folder.path()).unwrap();
        store
            .writing(|transaction| {
                let pragma = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, String>(0));
                assert_eq!(pragma("journal_mode")?, "wal");
                let number = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
                assert_eq!((number("synchronous")?, number("foreign_keys")?), (2, 1));
                Ok(())
            })
            .unwrap();
        store
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
        drop(Store::open(folder.path()).unwrap());
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
        let store = Store::temporary().unwrap();
        let tried = store.writing(|transaction| {
            transaction.execute("INSERT INTO _turntable_settings VALUES ('n', x'00')", [])?;
            Err::<(), _>(Error::new(Code::Conflict, "second thoughts"))
        });
        assert_eq!(tried.unwrap_err().code(), Code::Conflict);
        assert_eq!(store.setting("n").unwrap(), None);
    }
}
