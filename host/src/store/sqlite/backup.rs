//! A copy of the store in one file, made beside a running server, and the way back.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::model::error::{Code, Error, Result};
use crate::store::sqlite::database::{BUSY, check_is_ours};
use crate::store::sqlite::folder::{FILE_NAME, Folder, private, unusable};

/// Writes the store of a data folder as it stands at one moment to `file`, which must not be there. A server may run on
/// it; nobody waits. Bytes of the copy.
pub(crate) fn backup(data_dir: &Path, file: &Path) -> Result<u64> {
    let source = read_only(&data_dir.join(FILE_NAME)).map_err(|error| error.target("data_dir"))?;
    let new = private(OpenOptions::new().write(true).create_new(true)).open(file).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AlreadyExists => "it is there already: give a name that is not",
            _ => "give a file in a folder that this user may write to",
        };
        Error::new(Code::Store, format!("`{}` cannot be made", file.display())).hint(hint).internal(error.to_string())
    })?;
    let copied = copy(&source, &new, file);
    if copied.is_err() {
        // Half a copy is worse than none.
        let _ = fs::remove_file(file);
    }
    copied
}

/// One transaction's view, without what was deleted.
fn copy(source: &Connection, new: &File, file: &Path) -> Result<u64> {
    let name = file.to_str().ok_or_else(|| Error::new(Code::Store, "the name of the file is no UTF-8"))?;
    source.execute("VACUUM INTO ?1", [name])?;
    check_is_whole(&read_only(file)?)?;
    new.sync_all().map_err(unusable)?;
    Ok(new.metadata().map_err(unusable)?.len())
}

/// Puts a backup in the place of a data folder's store, which no server may use. The store that was there is kept beside
/// it: where.
pub(crate) fn restore(data_dir: &Path, file: &Path) -> Result<Option<PathBuf>> {
    let no_file = |error: Error| error.target(file.display().to_string());
    let backup = read_only(file).map_err(no_file)?;
    check_is_ours(&backup).and_then(|_| check_is_whole(&backup)).map_err(no_file)?;
    let mut folder = Folder::take(data_dir)?;
    let (place, coming) = (data_dir.join(FILE_NAME), data_dir.join(format!("{FILE_NAME}.coming")));
    let _ = fs::remove_file(&coming);
    let new = private(OpenOptions::new().write(true).create_new(true)).open(&coming).map_err(unusable)?;
    copy(&backup, &new, &coming)?;
    let kept = set_aside(&place)?;
    fs::rename(&coming, &place).map_err(unusable)?;
    folder.has_a_store()?;
    #[cfg(unix)]
    File::open(data_dir).and_then(|folder| folder.sync_all()).map_err(unusable)?;
    Ok(kept)
}

/// Moves a database away with its journal, which goes by its name.
fn set_aside(place: &Path) -> Result<Option<PathBuf>> {
    if !place.exists() {
        return Ok(None);
    }
    let name = |number: u32| place.with_file_name(format!("{FILE_NAME}.replaced-{number}"));
    let kept = (1..).map(name).find(|kept| !kept.exists()).unwrap_or_else(|| name(0));
    for suffix in ["-wal", "-shm", ""] {
        let (from, to) = (with_suffix(place, suffix), with_suffix(&kept, suffix));
        match fs::rename(from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
    }
    Ok(Some(kept))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn read_only(path: &Path) -> Result<Connection> {
    if fs::metadata(path).map_or(0, |found| found.len()) == 0 {
        return Err(
            Error::new(Code::Store, "there is no store").hint(format!("`{}` is not there, or empty", path.display()))
        );
    }
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn check_is_whole(database: &Connection) -> Result<()> {
    let found: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    Err(Error::new(Code::Store, "the database is damaged").hint("take another backup").internal(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::database::Database;

    #[test]
    fn a_backup_is_the_store_of_its_moment() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = other.path().join("backup.db");
        let running = Database::open(folder.path()).unwrap();
        running.setting_or("n", b"then").unwrap();
        assert!(backup(folder.path(), &file).unwrap() > 0);
        running.setting_or("later", b"now").unwrap();
        let again = backup(folder.path(), &file).unwrap_err();
        assert!(again.get_hint().unwrap().contains("there already"), "{again}");

        let refused = restore(folder.path(), &file).unwrap_err();
        assert!(refused.message().contains("another Turntable"), "a server runs on it: {refused}");
        drop(running);
        let kept = restore(folder.path(), &file).unwrap().expect("the store of before");
        let restored = Database::open(folder.path()).unwrap();
        assert_eq!(restored.setting("n").unwrap().as_deref(), Some(&b"then"[..]));
        assert_eq!(restored.setting("later").unwrap(), None);
        let before = Connection::open(kept).unwrap();
        let count = "SELECT count(*) FROM _turntable_settings WHERE name = 'later'";
        assert_eq!(before.query_row(count, [], |row| row.get::<_, u32>(0)).unwrap(), 1, "nothing is lost");

        let empty = tempfile::tempdir().unwrap();
        assert_eq!(restore(empty.path(), &file).unwrap(), None);
        assert!(Database::open(empty.path()).unwrap().setting("n").unwrap().is_some());
    }

    #[test]
    fn what_is_no_backup_is_refused_and_nothing_is_touched() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        drop(Database::open(folder.path()).unwrap());
        let before = fs::read(folder.path().join(FILE_NAME)).unwrap();
        let file = other.path().join("file");
        assert!(restore(folder.path(), &file).unwrap_err().message().contains("no store"));
        fs::write(&file, "a text that is long enough to be taken for a header ".repeat(99)).unwrap();
        assert!(restore(folder.path(), &file).unwrap_err().message().contains("damaged"));
        fs::remove_file(&file).unwrap();
        Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(restore(folder.path(), &file).unwrap_err().message().contains("another program"));
        assert_eq!(fs::read(folder.path().join(FILE_NAME)).unwrap(), before);
        assert!(backup(other.path(), &other.path().join("copy")).unwrap_err().message().contains("no store"));
        assert!(!other.path().join("copy").exists());
    }
}
