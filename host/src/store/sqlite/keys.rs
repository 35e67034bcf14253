//! GUIDs and the texts that they were hashed from, on the disk.

use std::sync::Arc;

use rusqlite::OptionalExtension as _;
use uuid::Uuid;

use crate::model::error::Result;
use crate::store::keys::Key;
use crate::store::sqlite::database::Database;

impl Database {
    /// Keeps keys, as the youngest, and of all of them the youngest `most`.
    pub(crate) fn put_keys(&self, keys: &[Key], most: usize) -> Result<()> {
        self.writing(|transaction| {
            // Replaced, so that a key is as young as it was last new to the memory.
            let mut insert =
                transaction.prepare_cached("INSERT OR REPLACE INTO _turntable_keys (guid, id) VALUES (?, ?)")?;
            for (guid, text) in keys {
                insert.execute((guid, &**text))?;
            }
            // Numbers have gaps where keys were replaced: of as many numbers there are no more keys.
            let mut delete = transaction.prepare_cached(
                "DELETE FROM _turntable_keys WHERE number <= (SELECT max(number) FROM _turntable_keys) - ?",
            )?;
            delete.execute([i64::try_from(most).unwrap_or(i64::MAX)])?;
            Ok(())
        })
    }

    /// The same for keys that rows had before a change, with the texts of what became of them.
    pub(crate) fn put_moved(&self, moved: &[Key], most: usize) -> Result<()> {
        self.writing(|transaction| {
            let mut insert =
                transaction.prepare_cached("INSERT OR REPLACE INTO _turntable_moved (guid, id) VALUES (?, ?)")?;
            for (guid, text) in moved {
                insert.execute((guid, &**text))?;
            }
            let mut delete = transaction.prepare_cached(
                "DELETE FROM _turntable_moved WHERE number <= (SELECT max(number) FROM _turntable_moved) - ?",
            )?;
            delete.execute([i64::try_from(most).unwrap_or(i64::MAX)])?;
            Ok(())
        })
    }

    /// All of them, the oldest first.
    pub(crate) fn moved(&self) -> Result<Vec<Key>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached("SELECT guid, id FROM _turntable_moved ORDER BY number")?;
            let found = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// The texts behind those GUIDs that are known.
    pub(crate) fn texts_of(&self, guids: &[Uuid]) -> Result<Vec<Key>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached("SELECT id FROM _turntable_keys WHERE guid = ?")?;
            let mut found = Vec::new();
            for guid in guids {
                let text = select.query_row([guid], |row| row.get::<_, Arc<str>>(0)).optional()?;
                found.extend(text.map(|text| (*guid, text)));
            }
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_youngest_are_kept() {
        let database = Database::temporary().unwrap();
        let key = |number: u128| -> Key { (Uuid::from_u128(number), format!("text {number}").into()) };
        let all: Vec<_> = (1..=5).map(Uuid::from_u128).collect();
        let known = || {
            let found = database.texts_of(&all).unwrap();
            found.iter().map(|(guid, _)| guid.as_u128()).collect::<Vec<_>>()
        };
        database.put_keys(&[1, 2, 3].map(key), 3).unwrap();
        assert_eq!(known(), [1, 2, 3]);
        database.put_keys(&[4].map(key), 3).unwrap();
        assert_eq!(known(), [2, 3, 4]);
        database.put_keys(&[2].map(key), 3).unwrap();
        assert_eq!(known(), [2, 3, 4], "2 is the youngest again");
        database.put_keys(&[5].map(key), 3).unwrap();
        assert_eq!(known(), [2, 4, 5]);
        assert_eq!(&*database.texts_of(&all[1..2]).unwrap()[0].1, "text 2");
    }
}
