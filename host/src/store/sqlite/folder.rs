//! The data folder: one server at a time, and never an empty store where one was.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::model::error::{Code, Error, Result};

/// File of the database in the data folder.
pub(crate) const FILE_NAME: &str = "turntable.db";

/// File that whoever uses the folder holds locked. With text in it, the folder has had a store.
const LOCK_NAME: &str = "turntable.lock";

/// What stands in it, for people.
const LOCK_TEXT: &str = "The store of this folder is turntable.db. A server holds this file locked while it runs.\n";

/// How long the server before may take to end.
const WAIT: Duration = Duration::from_secs(3);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A data folder that is nobody else's, for as long as this is there; the system gives it back when the process ends, in
/// whatever way.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    lock: File,
    /// There has been a store in it.
    had_store: bool,
}

impl Folder {
    /// Makes it if it is not there. `Store` if another process uses it.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        create_folder(path).map_err(|e| {
            Error::new(Code::Store, "the data folder cannot be created")
                .target("data_dir")
                .hint("give a folder that this user may write to")
                .internal(e.to_string())
        })?;
        let mut lock = private(OpenOptions::new().create(true).truncate(false).read(true).write(true))
            .open(path.join(LOCK_NAME))
            .map_err(unusable)?;
        hold(&lock)?;
        let mut text = String::new();
        lock.read_to_string(&mut text).map_err(unusable)?;
        Ok(Self { path: path.to_owned(), lock, had_store: !text.is_empty() })
    }

    /// Where the database file is, which is there afterwards. `Store` if it is empty, or gone, though it was not: what
    /// looks like a first start would hide that all is lost.
    pub(crate) fn file(&self) -> Result<PathBuf> {
        let path = self.path.join(FILE_NAME);
        match fs::metadata(&path) {
            Ok(found) if found.len() > 0 => {}
            Ok(_) if self.had_store || self.has_others()? => {
                return Err(Error::new(
                    Code::Store,
                    format!("`{FILE_NAME}` is empty, and the data folder has been used"),
                )
                .target("data_dir")
                .hint("restore a backup (`turntable restore FILE`), or give an empty folder to begin anew"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.had_store => {
                return Err(Error::new(Code::Store, format!("`{FILE_NAME}` is gone from the data folder"))
                    .target("data_dir")
                    .hint("restore a backup (`turntable restore FILE`), or give an empty folder to begin anew"));
            }
            Ok(_) | Err(_) => {}
        }
        create_file(&path).map_err(unusable)?;
        Ok(path)
    }

    /// From here on an empty database file is a loss.
    pub(crate) fn has_a_store(&mut self) -> Result<()> {
        if !self.had_store {
            self.lock.write_all(LOCK_TEXT.as_bytes()).and_then(|()| self.lock.sync_all()).map_err(unusable)?;
            self.had_store = true;
        }
        Ok(())
    }

    /// Whether anything is in it that a first start that was broken off does not leave.
    fn has_others(&self) -> Result<bool> {
        let names = fs::read_dir(&self.path).map_err(unusable)?.flatten().map(|entry| entry.file_name());
        // Keys may be made before the first start.
        let first = [FILE_NAME, LOCK_NAME, "turntable.db-wal", "turntable.db-shm", "api-keys.json", "api-keys.lock"];
        Ok(names.into_iter().any(|name| !first.iter().any(|first| name == *first)))
    }
}

fn hold(lock: &File) -> Result<()> {
    let until = Instant::now() + WAIT;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(Code::Store, "another Turntable uses this data folder")
                    .target("data_dir")
                    .hint("stop it, or give this one a folder of its own"));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
    }
}

pub(crate) fn unusable(error: io::Error) -> Error {
    Error::new(Code::Store, "the database file cannot be opened for writing")
        .target("data_dir")
        .hint("let this user write to the folder and the file, and check that the disk is not read-only")
        .internal(error.to_string())
}

/// It will hold patient data: for this user alone.
#[cfg(unix)]
fn create_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// SQLite gives the journal beside it the same permissions.
fn create_file(path: &Path) -> io::Result<()> {
    private(OpenOptions::new().create(true).truncate(false).read(true).write(true)).open(path).map(drop)
}

/// A file that is made is for this user alone.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Folder::take(folder.path()).unwrap();
        let second = Folder::take(folder.path()).unwrap_err();
        assert!(second.message().contains("another Turntable"), "{second}");
        // The one before may be about to end.
        let path = folder.path().to_owned();
        let waits = std::thread::spawn(move || Folder::take(&path).map(drop));
        std::thread::sleep(PAUSE);
        drop(first);
        waits.join().unwrap().unwrap();
    }

    #[test]
    fn an_empty_file_is_a_first_start_or_a_loss() {
        let folder = tempfile::tempdir().unwrap();
        let file = || Folder::take(folder.path()).unwrap().file();
        let path = file().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"", "broken off here");
        assert_eq!(file().unwrap(), path, "it is a first start still");

        fs::create_dir(folder.path().join("compiled")).unwrap();
        assert!(file().unwrap_err().message().contains("is empty"), "it has been more than that");
        fs::remove_dir(folder.path().join("compiled")).unwrap();

        Folder::take(folder.path()).unwrap().has_a_store().unwrap();
        assert!(file().unwrap_err().message().contains("is empty"));
        fs::remove_file(&path).unwrap();
        assert!(file().unwrap_err().message().contains("is gone"));
        fs::write(&path, "anything").unwrap();
        assert_eq!(file().unwrap(), path, "what it is the database will say");
    }
}
