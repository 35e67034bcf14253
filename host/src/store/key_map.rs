//! The way back from a GUID that was hashed from a long FHIR id. Every read of such rows reports its keys, so those
//! that are known cost no more than a look at a set.

use rusqlite::OptionalExtension as _;
use uuid::Uuid;

use super::sqlite::{Store, locked};
use crate::model::error::Result;
use crate::model::key;

/// Keys that are remembered in memory as being stored; then the set starts anew.
const KNOWN_MAX: usize = 100_000;

impl Store {
    /// Keeps the ids behind these GUIDs. Those that can be decoded without the map are passed over.
    pub fn remember_keys(&self, keys: &[(Uuid, &str)]) -> Result<()> {
        let new: Vec<_> = {
            let known = locked(&self.known_keys);
            keys.iter().filter(|(guid, id)| !known.contains(guid) && key::needs_map(id)).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        self.writing(|transaction| {
            let mut insert = transaction
                .prepare_cached("INSERT INTO _turntable_keys (guid, id) VALUES (?, ?) ON CONFLICT DO NOTHING")?;
            for (guid, id) in &new {
                insert.execute((guid, id))?;
            }
            Ok(())
        })?;
        let mut known = locked(&self.known_keys);
        if known.len() + new.len() > KNOWN_MAX {
            known.clear();
        }
        known.extend(new.iter().map(|(guid, _)| guid).take(KNOWN_MAX));
        Ok(())
    }

    /// The id that a GUID was hashed from, if it has ever been seen.
    pub fn id_of(&self, guid: Uuid) -> Result<Option<String>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached("SELECT id FROM _turntable_keys WHERE guid = ?")?;
            Ok(select.query_row([guid], |row| row.get(0)).optional()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ids_come_back_and_short_ones_are_not_kept() {
        let store = Store::temporary().unwrap();
        let long = "an-id-of-more-than-nineteen-symbols";
        let child = "137cf922-beec-478e-acbc-152368296695/participant/0";
        let keys: Vec<_> = [long, child, "short"].map(|id| (key::guid(id), id)).to_vec();
        for _ in 0..2 {
            store.remember_keys(&keys).unwrap();
        }
        for id in [long, child] {
            assert_eq!(store.id_of(key::guid(id)).unwrap().as_deref(), Some(id));
        }
        assert_eq!(store.id_of(key::guid("short")).unwrap(), None);
        assert_eq!(locked(&store.known_keys).len(), 2);
    }
}
