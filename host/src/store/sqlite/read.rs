//! Resources out, and what is known of native tables as a whole.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{OptionalExtension as _, Row};

use crate::model::error::Result;
use crate::model::table::Table;
use crate::store::native::StoredResource;
use crate::store::sql::names::{self, unsigned};
use crate::store::sqlite::database::{Database, Stop};
use crate::store::sqlite::tables::Stands;
use crate::store::sqlite::write::standing;

impl Database {
    /// A resource of the native route and its version.
    pub(crate) fn resource(&self, resource_type: &str, id: &str) -> Result<Option<(Bytes, u64)>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(
                "SELECT body, version FROM _turntable_resources WHERE resource_type = ? AND id = ? AND body IS NOT NULL",
            )?;
            let found = select.query_row((resource_type, id), |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?)));
            Ok(found.optional()?.map(|(body, version)| (body.into(), unsigned(version))))
        })
    }

    /// The last version that each of these resources had, whether it is still there or not.
    pub(crate) fn last_versions(&self, resources: &[(String, String)]) -> Result<Vec<Option<u64>>> {
        self.reading(|moment| {
            let version = |(resource_type, id): &(String, String)| {
                Ok(standing(moment, resource_type, id)?.map(|(version, _)| version))
            };
            resources.iter().map(version).collect()
        })
    }

    /// Of each of these resources its last version and whether it is still there; None = there was never one.
    pub(crate) fn standings(&self, resources: &[(String, String)]) -> Result<Vec<Option<(u64, bool)>>> {
        self.reading(|moment| resources.iter().map(|(resource_type, id)| standing(moment, resource_type, id)).collect())
    }

    /// Shows `look` the id and body of the resources of a type that are there, and gives what it makes of them. `marks`:
    /// who has none of these texts, and no JSON escapes either, need not be shown; none = all are.
    pub(crate) fn look_through<T>(
        &self,
        resource_type: &str,
        marks: &[String],
        stop: &Stop,
        mut look: impl FnMut(&str, &[u8]) -> Option<T>,
    ) -> Result<Vec<T>> {
        let mut select =
            "SELECT id, body FROM _turntable_resources WHERE resource_type = ? AND body IS NOT NULL".to_owned();
        if !marks.is_empty() {
            select.push_str(" AND (instr(body, x'5C') > 0");
            marks.iter().for_each(|_| select.push_str(" OR instr(body, CAST(? AS BLOB)) > 0"));
            select.push(')');
        }
        self.reading_until(stop, |moment| {
            let mut select = moment.prepare_cached(&select)?;
            let of = std::iter::once(resource_type).chain(marks.iter().map(String::as_str));
            let mut rows = select.query(rusqlite::params_from_iter(of))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
                let body = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                found.extend(look(id, body));
            }
            Ok(found)
        })
    }

    /// Resources of some types in the order of their last writes, those with a larger number than one; deleted ones too.
    pub(crate) fn resources_since(&self, types: &[String], written: u64, limit: usize) -> Result<Vec<StoredResource>> {
        let types = serde_json::to_string(types).unwrap_or_default();
        self.reading(|moment| {
            // By the index on numbers: it has the types too, so others cost a look at the index alone. A plus keeps
            // SQLite from going by types, each of which it would have to sort.
            let mut select = moment.prepare_cached(
                "SELECT resource_type, id, version, written, body FROM _turntable_resources \
                 WHERE written > ? AND +resource_type IN (SELECT value FROM json_each(?)) ORDER BY written LIMIT ?",
            )?;
            let (written, limit) =
                (i64::try_from(written).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
            let found = select.query_map((written, types, limit), stored)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// The tables that are behind with any resource.
    pub(crate) fn tables_behind(&self) -> Result<Vec<String>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached("SELECT DISTINCT table_name FROM _turntable_behind")?;
            let found = select.query_map([], |row| row.get(0))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// Resources that some of these tables are behind with, always the same ones first.
    pub(crate) fn resources_behind(&self, tables: &[String], limit: usize) -> Result<Vec<StoredResource>> {
        let tables = serde_json::to_string(tables).unwrap_or_default();
        self.reading(|moment| {
            let mut select = moment.prepare_cached(
                "SELECT resource_type, id, version, written, body FROM _turntable_resources \
                 WHERE (resource_type, id) IN (SELECT DISTINCT resource_type, id FROM _turntable_behind \
                 WHERE table_name IN (SELECT value FROM json_each(?)) ORDER BY resource_type, id LIMIT ?)",
            )?;
            let found = select.query_map((tables, i64::try_from(limit).unwrap_or(i64::MAX)), stored)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// Rows of a native table.
    pub(crate) fn count_rows(&self, table: &Arc<Table>) -> Result<u64> {
        if self.tables.stands(table, []) == Stands::Missing {
            return Ok(0);
        }
        self.reading(|moment| {
            let count = format!("SELECT count(*) FROM {}", names::table_name(table));
            Ok(unsigned(moment.query_row(&count, [], |row| row.get(0))?))
        })
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredResource> {
    Ok(StoredResource {
        resource_type: row.get(0)?,
        id: row.get(1)?,
        version: unsigned(row.get(2)?),
        written: unsigned(row.get(3)?),
        body: row.get::<_, Option<Vec<u8>>>(4)?.map(Bytes::from),
    })
}

#[cfg(test)]
impl Database {
    pub(crate) fn last_version(&self, resource_type: &str, id: &str) -> Result<Option<u64>> {
        Ok(self.last_versions(&[(resource_type.to_owned(), id.to_owned())])?.remove(0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::store::native::{NativeWrite, OwnChange};

    #[test]
    fn only_what_may_have_a_mark_is_looked_at() {
        let store = Database::temporary().unwrap();
        let put = |resource_type: &str, id: &str, body: &str| {
            let (resource_type, id) = (resource_type.to_owned(), id.to_owned());
            let body = Some(Bytes::copy_from_slice(body.as_bytes()));
            let write = NativeWrite {
                resource_type,
                id,
                body,
                base: None,
                version: 1,
                rows: Vec::new(),
                own: OwnChange::default(),
            };
            store.put_resources(&[write]).unwrap();
        };
        put("Patient", "a", "one");
        put("Patient", "b", "two");
        put("Patient", "c", r"t\u0077o");
        put("Person", "d", "two");
        let gone = NativeWrite {
            resource_type: "Patient".into(),
            id: "b".into(),
            body: None,
            base: Some(1),
            version: 2,
            rows: Vec::new(),
            own: OwnChange::default(),
        };
        let check = |marks: &[&str], expected: &[&str]| {
            let marks: Vec<_> = marks.iter().map(|mark| (*mark).to_owned()).collect();
            let stop = Stop { deadline: Instant::now() + Duration::from_secs(60), abandoned: Arc::default() };
            let found = store.look_through("Patient", &marks, &stop, |id, _| Some(id.to_owned())).unwrap();
            assert_eq!(found, expected, "{marks:?}");
        };
        check(&[], &["a", "b", "c"]);
        check(&["two"], &["b", "c"]);
        check(&["TWO", "ne"], &["a", "c"]);
        store.put_resources(&[gone]).unwrap();
        check(&["two"], &["c"]);
        let of = |id: &str| ("Patient".to_owned(), id.to_owned());
        assert_eq!(store.standings(&[of("a"), of("b"), of("d")]).unwrap(), [Some((1, true)), Some((2, false)), None]);
    }

    #[test]
    fn resources_come_in_the_order_of_their_writes() {
        let store = Database::temporary().unwrap();
        let put = |resource_type: &str, id: &str, body: Option<&str>, base: Option<u64>| {
            let body = body.map(|body| Bytes::copy_from_slice(body.as_bytes()));
            let (resource_type, id) = (resource_type.to_owned(), id.to_owned());
            let version = base.unwrap_or(0) + 1;
            store
                .put_resources(&[NativeWrite {
                    resource_type,
                    id,
                    body,
                    base,
                    version,
                    rows: Vec::new(),
                    own: OwnChange::default(),
                }])
                .unwrap();
        };
        for id in ["b", "a", "e", "B", "c", "d"] {
            put("Patient", id, Some(id), None);
        }
        put("Person", "a", Some("another type"), None);
        put("Patient", "c", None, Some(1));
        put("Patient", "a", Some("again"), Some(1));
        let check = |types: &[&str], since: u64, limit: usize, expected: &[(&str, u64, Option<&str>)]| {
            let types: Vec<_> = types.iter().map(|t| (*t).to_owned()).collect();
            let found = store.resources_since(&types, since, limit).unwrap();
            let text = |body: &Option<Bytes>| body.as_deref().map(|body| str::from_utf8(body).unwrap().to_owned());
            let found: Vec<_> = found.iter().map(|r| (r.id.as_str(), r.written, text(&r.body))).collect();
            let found: Vec<_> = found.iter().map(|(id, written, body)| (*id, *written, body.as_deref())).collect();
            assert_eq!(found, expected, "{types:?} since {since}");
        };
        check(&["Patient"], 0, 2, &[("b", 1, Some("b")), ("e", 3, Some("e"))]);
        check(&["Patient"], 3, 3, &[("B", 4, Some("B")), ("d", 6, Some("d")), ("c", 8, None)]);
        check(&["Patient"], 8, 9, &[("a", 9, Some("again"))]);
        check(&["Patient"], 9, 9, &[]);
        check(&["Patient", "Person"], 6, 9, &[("a", 7, Some("another type")), ("c", 8, None), ("a", 9, Some("again"))]);
        check(&["Encounter"], 0, 9, &[]);
        check(&["Patient"], 0, 0, &[]);
    }
}
