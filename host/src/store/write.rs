//! Resources in, with the rows that were made of them: all that belongs together in one transaction. A resource's
//! version counts up from 1 and goes on counting after a delete, so that an ETag never comes back.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction};
use uuid::Uuid;

use super::sqlite::Store;
use super::tables::stored_key;
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::model::value::SortKey;
use crate::plan::sql::{self, Value};

/// A resource to be put in place of its version `base`, with its rows in every table that shows it.
#[derive(Clone, Debug)]
pub struct NativeWrite {
    pub resource_type: String,
    pub id: String,
    /// None deletes it.
    pub body: Option<Vec<u8>>,
    /// The version it was made from, that of a deleted one too; None = there was never one.
    pub base: Option<u64>,
    /// Greater than `base`.
    pub version: u64,
    /// For each table that shows it, its rows with all columns. A delete names the tables too, each with no rows.
    pub rows: Vec<(Arc<Table>, Rows)>,
}

/// Rows made anew from a resource that stays as it is.
#[derive(Clone, Debug)]
pub struct MadeAnew {
    pub resource_type: String,
    pub id: String,
    /// The version that they were made from.
    pub version: u64,
    pub rows: Vec<(Arc<Table>, Rows)>,
}

impl Store {
    /// All of them, in their order, or none. `VersionMismatch` if one does not stand at its base.
    pub fn put_resources(&self, writes: &[NativeWrite]) -> Result<()> {
        self.writing(|transaction| writes.iter().try_for_each(|write| put(transaction, write)))
    }

    /// Puts rows that were made anew in place of those before, all at once: whoever reads sees the ones or the others.
    /// Those of a resource that has been changed or deleted since stay: whoever did has put its rows.
    pub fn put_rows(&self, made_anew: &[MadeAnew]) -> Result<()> {
        self.writing(|transaction| {
            made_anew.iter().try_for_each(|made| {
                let MadeAnew { resource_type, id, version, rows } = made;
                match standing(transaction, resource_type, id)? {
                    Some((stands, true)) if stands == *version => {
                        put_rows(transaction, resource_type, id, *version, rows)
                    }
                    _ => Ok(()),
                }
            })
        })
    }
}

/// Version, and whether it is there (not deleted).
pub(super) fn standing(
    connection: &rusqlite::Connection,
    resource_type: &str,
    id: &str,
) -> Result<Option<(u64, bool)>> {
    let mut select = connection.prepare_cached(
        "SELECT version, body IS NOT NULL FROM _turntable_resources WHERE resource_type = ? AND id = ?",
    )?;
    let found = select.query_row((resource_type, id), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
    Ok(found.map(|(version, there)| (u64::try_from(version).unwrap_or(0), there)))
}

fn put(transaction: &Transaction<'_>, write: &NativeWrite) -> Result<()> {
    let stands = standing(transaction, &write.resource_type, &write.id)?;
    if stands.map(|(version, _)| version) != write.base {
        return Err(Error::new(Code::VersionMismatch, "the row has changed since it was read")
            .hint("read it again and repeat the change with its new @odata.etag"));
    }
    if write.base.is_some_and(|base| write.version <= base) || write.version == 0 {
        return Err(Error::new(Code::Internal, "a resource was written without a new version"));
    }
    if write.body.is_none() && write.rows.iter().any(|(_, rows)| !rows.is_empty()) {
        return Err(Error::new(Code::Internal, "a resource was deleted and given rows at once"));
    }
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO _turntable_resources (resource_type, id, version, modified, body) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT DO UPDATE SET version = excluded.version, modified = excluded.modified, body = excluded.body",
    )?;
    let (version, now) = (signed(write.version), Timestamp::now().as_microsecond());
    upsert.execute((&write.resource_type, &write.id, version, now, &write.body))?;
    put_rows(transaction, &write.resource_type, &write.id, write.version, &write.rows)
}

fn put_rows(
    transaction: &Transaction<'_>,
    resource_type: &str,
    id: &str,
    version: u64,
    rows: &[(Arc<Table>, Rows)],
) -> Result<()> {
    let resource = key::guid(&format!("{resource_type}/{id}"));
    for (table, rows) in rows {
        let delete = format!("DELETE FROM {} WHERE \"resource\" = ?", sql::table_name(table));
        transaction.prepare_cached(&delete)?.execute([resource])?;
        for row in 0..rows.len() {
            insert(transaction, table, resource, version, rows, row)?;
        }
    }
    Ok(())
}

fn insert(
    transaction: &Transaction<'_>,
    table: &Table,
    resource: Uuid,
    version: u64,
    rows: &Rows,
    row: usize,
) -> Result<()> {
    let mut names = vec!["\"key\"".to_owned(), "\"resource\"".into(), "\"version\"".into()];
    let mut params = vec![Value::Null, SortKey::Guid(resource).into(), Value::Int(signed(version))];
    for column in 0..table.columns.len() {
        // A cell that was not made must not pass for null.
        let Some(position) = rows.position(column) else {
            let name = &table.columns[column].name;
            return Err(Error::new(Code::Internal, "a row was written without one of its columns").target(name));
        };
        let cell = rows.at(row, position);
        names.push(sql::cell_name(table, column));
        params.push(cell.map_or(Value::Null, |cell| Value::Text(cell.to_owned())));
        let key = stored_key(table, column, cell)?;
        if column == table.key {
            params[0] = key;
        } else {
            names.push(sql::key_name(table, column));
            params.push(key);
        }
    }
    let insert = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        sql::table_name(table),
        names.join(", "),
        vec!["?"; names.len()].join(", ")
    );
    transaction.prepare_cached(&insert)?.execute(rusqlite::params_from_iter(params))?;
    Ok(())
}

fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

#[cfg(test)]
impl Store {
    /// Each row as the only one of a resource of its own, whose id is the row's key text, whatever stood there before.
    pub(super) fn put_each(&self, table: &Table, rows: &Rows) -> Result<()> {
        let table = Arc::new(table.clone());
        let write = |row: usize| {
            let id = rows.cell(row, table.key).expect("rows of a test have keys").to_owned();
            let base = self.last_version("Sample", &id)?;
            let (body, version) = (Some(b"{}".to_vec()), base.unwrap_or(0) + 1);
            let rows = vec![(table.clone(), rows.pick(&[row]))];
            Ok(NativeWrite { resource_type: "Sample".into(), id, body, base, version, rows })
        };
        self.put_resources(&(0..rows.len()).map(write).collect::<Result<Vec<_>>>()?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::table::Kind;
    use crate::store::tables::sample;

    /// A key and a number.
    fn table(name: &str) -> Arc<Table> {
        let mut table = sample::table();
        table.name = name.into();
        table.columns = vec![sample::column("id", Kind::Key), sample::column("n", Kind::Int32)];
        table.concepts.clear();
        table.parent = None;
        Arc::new(table)
    }

    /// Some tables, and a store that has them.
    fn family<const N: usize>(names: [&str; N]) -> (Store, [Arc<Table>; N]) {
        let (store, tables) = (Store::temporary().unwrap(), names.map(table));
        tables.iter().for_each(|table| store.ensure_table(table).unwrap());
        (store, tables)
    }

    fn rows(table: &Arc<Table>, cells: &[(&str, &str)]) -> (Arc<Table>, Rows) {
        let mut rows = Rows::new(vec![0, 1]);
        cells.iter().for_each(|(id, n)| rows.push([Some(*id), Some(*n)]));
        (table.clone(), rows)
    }

    fn write(id: &str, base: Option<u64>, rows: Vec<(Arc<Table>, Rows)>) -> NativeWrite {
        let body = Some(format!("{id} after {base:?}").into_bytes());
        NativeWrite { resource_type: "Patient".into(), id: id.into(), body, base, version: base.unwrap_or(0) + 1, rows }
    }

    fn delete(id: &str, base: u64, tables: &[Arc<Table>]) -> NativeWrite {
        let rows = tables.iter().map(|table| (table.clone(), Rows::default())).collect();
        NativeWrite { body: None, ..write(id, Some(base), rows) }
    }

    /// Cell `n` and version of a row.
    fn row(store: &Store, table: &Table, id: &str) -> Option<(String, String)> {
        let mut found = store.get(table, key::guid(id), &[1]).unwrap()?;
        Some((found.rows.cell(0, 1)?.to_owned(), found.versions.remove(0)))
    }

    fn is(n: &str, version: &str) -> Option<(String, String)> {
        Some((n.to_owned(), version.to_owned()))
    }

    #[test]
    fn all_or_nothing() {
        let (store, [a]) = family(["a"]);
        let first = |cell| write("1", None, vec![rows(&a, &[("1", cell)])]);
        store.put_resources(&[first("10")]).unwrap();
        let good = || write("2", None, vec![rows(&a, &[("2", "20")])]);
        let check = |bad: NativeWrite, expected: Code| {
            for batch in [[good(), bad.clone()], [bad, good()]] {
                assert_eq!(store.put_resources(&batch).unwrap_err().code(), expected);
                assert_eq!(store.last_version("Patient", "2").unwrap(), None);
                assert_eq!(store.last_version("Patient", "1").unwrap(), Some(1));
                assert_eq!((row(&store, &a, "1"), row(&store, &a, "2")), (is("10", "1"), None));
            }
        };
        check(first("11"), Code::VersionMismatch);
        check(write("1", Some(1), vec![rows(&a, &[("1", "no number")])]), Code::BadValue);
        check(write("1", Some(1), vec![rows(&a, &[("1", "11"), ("1", "12")])]), Code::Store);
        check(NativeWrite { version: 1, ..write("1", Some(1), vec![]) }, Code::Internal);
        check(NativeWrite { version: 0, ..write("3", None, vec![]) }, Code::Internal);
        check(NativeWrite { body: None, ..write("1", Some(1), vec![rows(&a, &[("1", "11")])]) }, Code::Internal);
        let mut half = Rows::new(vec![0]);
        half.push([Some("1")]);
        check(write("1", Some(1), vec![(a.clone(), half)]), Code::Internal);

        store.put_resources(&[good(), write("1", Some(1), vec![rows(&a, &[("1", "11")])])]).unwrap();
        assert_eq!((row(&store, &a, "1"), row(&store, &a, "2")), (is("11", "2"), is("20", "1")));
    }

    #[test]
    fn a_stale_base_is_a_mismatch() {
        let (store, [a]) = family(["a"]);
        let put = |id: &str, base| store.put_resources(&[write(id, base, vec![rows(&a, &[(id, "1")])])]);
        put("stands at two", None).unwrap();
        put("stands at two", Some(1)).unwrap();
        put("deleted at two", None).unwrap();
        store.put_resources(&[delete("deleted at two", 1, std::slice::from_ref(&a))]).unwrap();
        let check = |id: &str, base: Option<u64>| {
            for write in [write(id, base, vec![]), NativeWrite { body: None, ..write(id, base, vec![]) }] {
                let error = store.put_resources(&[write]).unwrap_err();
                assert_eq!(error.code(), Code::VersionMismatch, "{id} {base:?}");
            }
        };
        for base in [None, Some(1), Some(3)] {
            check("stands at two", base);
            check("deleted at two", base);
        }
        check("never there", Some(1));
        let (body, version) = store.resource("Patient", "stands at two").unwrap().unwrap();
        assert_eq!((body.as_slice(), version), (&b"stands at two after Some(1)"[..], 2));
    }

    #[test]
    fn versions_go_on_after_a_delete() {
        let (store, [a]) = family(["a"]);
        let put = |base| store.put_resources(&[write("1", base, vec![rows(&a, &[("1", "1")])])]);
        put(None).unwrap();
        store.put_resources(&[delete("1", 1, std::slice::from_ref(&a))]).unwrap();
        assert_eq!(store.resource("Patient", "1").unwrap(), None);
        assert_eq!(store.last_version("Patient", "1").unwrap(), Some(2));
        put(Some(2)).unwrap();
        assert_eq!(store.resource("Patient", "1").unwrap().unwrap().1, 3);
        assert_eq!(row(&store, &a, "1"), is("1", "3"));
        assert_eq!(store.last_version("Person", "1").unwrap(), None, "ids are those of one type");
    }

    #[test]
    fn one_resource_has_rows_in_two_tables() {
        let (store, [parent, child]) = family(["parent", "child"]);
        let made = |children: &[(&str, &str)]| vec![rows(&parent, &[("1", "10")]), rows(&child, children)];
        store.put_resources(&[write("1", None, made(&[("1/x", "11"), ("1/y", "12")]))]).unwrap();
        store.put_resources(&[write("2", None, vec![rows(&child, &[("2/x", "21")])])]).unwrap();
        let counts = || (store.count_rows(&parent).unwrap(), store.count_rows(&child).unwrap());
        assert_eq!(counts(), (1, 3));
        assert_eq!(row(&store, &child, "1/y"), is("12", "1"));

        store.put_resources(&[write("1", Some(1), made(&[("1/z", "13")]))]).unwrap();
        assert_eq!(counts(), (1, 2));
        assert_eq!((row(&store, &parent, "1"), row(&store, &child, "1/z")), (is("10", "2"), is("13", "2")));
        assert_eq!((row(&store, &child, "1/y"), row(&store, &child, "2/x")), (None, is("21", "1")));
    }

    #[test]
    fn a_delete_takes_the_rows_of_every_table_of_the_family() {
        let (store, [parent, child]) = family(["parent", "child"]);
        for id in ["1", "2"] {
            let children = [format!("{id}/x"), format!("{id}/y")];
            let children: Vec<_> = children.iter().map(|id| (id.as_str(), "5")).collect();
            let made = vec![rows(&parent, &[(id, "5")]), rows(&child, &children)];
            store.put_resources(&[write(id, None, made)]).unwrap();
        }
        store.put_resources(&[delete("1", 1, &[parent.clone(), child.clone()])]).unwrap();
        assert_eq!((store.count_rows(&parent).unwrap(), store.count_rows(&child).unwrap()), (1, 2));
        assert_eq!((row(&store, &parent, "1"), row(&store, &child, "1/x")), (None, None));
        assert_eq!((row(&store, &parent, "2"), row(&store, &child, "2/y")), (is("5", "1"), is("5", "1")));
    }

    fn anew(store: &Store, id: &str, version: u64, rows: Vec<(Arc<Table>, Rows)>) -> Result<()> {
        store.put_rows(&[MadeAnew { resource_type: "Patient".into(), id: id.into(), version, rows }])
    }

    #[test]
    fn rows_made_anew_keep_the_version() {
        let (store, [a, b]) = family(["a", "b"]);
        let made = |n| vec![rows(&a, &[("1", n)]), rows(&b, &[("1/x", n)])];
        store.put_resources(&[write("1", None, vec![])]).unwrap();
        store.put_resources(&[write("1", Some(1), made("1"))]).unwrap();
        anew(&store, "1", 1, made("9")).unwrap();
        assert_eq!(row(&store, &a, "1"), is("1", "2"), "made from a version that no longer stands");
        anew(&store, "1", 2, made("2")).unwrap();
        assert_eq!((row(&store, &a, "1"), row(&store, &b, "1/x")), (is("2", "2"), is("2", "2")));
        let (body, version) = store.resource("Patient", "1").unwrap().unwrap();
        assert_eq!((body.as_slice(), version), (&b"1 after Some(1)"[..], 2), "the resource is as it was");
        anew(&store, "1", 2, vec![rows(&a, &[])]).unwrap();
        assert_eq!((row(&store, &a, "1"), row(&store, &b, "1/x")), (None, is("2", "2")));
        let tried = anew(&store, "1", 2, vec![rows(&b, &[("1/x", "3")]), rows(&a, &[("1", "no number")])]);
        assert_eq!(tried.unwrap_err().code(), Code::BadValue);
        assert_eq!(row(&store, &b, "1/x"), is("2", "2"), "all or nothing");

        store.put_resources(&[delete("1", 2, &[a.clone(), b.clone()])]).unwrap();
        anew(&store, "1", 2, made("4")).unwrap();
        anew(&store, "never there", 1, made("4")).unwrap();
        assert_eq!((store.count_rows(&a).unwrap(), store.count_rows(&b).unwrap()), (0, 0));
    }

    /// What a write asks for: resource, base, and how many rows in each of two tables; None deletes.
    type Asked = (usize, Option<u64>, Option<[usize; 2]>);

    /// By resource: version and rows, as [`Asked`] has them.
    type Standing = BTreeMap<usize, (u64, Option<[usize; 2]>)>;

    /// The rules once more, without a database.
    fn expected(before: &Standing, batch: &[Asked]) -> Option<Standing> {
        let mut after = before.clone();
        for (id, base, asked) in batch {
            if after.get(id).map(|(version, _)| *version) != *base {
                return None;
            }
            after.insert(*id, (base.unwrap_or(0) + 1, *asked));
        }
        Some(after)
    }

    fn native(tables: &[Arc<Table>; 2], (id, base, asked): Asked) -> NativeWrite {
        let made = |table: usize| {
            let keys: Vec<_> = (0..asked.unwrap_or_default()[table]).map(|n| format!("{id}/{n}")).collect();
            rows(&tables[table], &keys.iter().map(|key| (key.as_str(), "1")).collect::<Vec<_>>())
        };
        let write = write(&id.to_string(), base, vec![made(0), made(1)]);
        if asked.is_some() { write } else { NativeWrite { body: None, ..write } }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_batches_leave_what_the_rules_say(
            batches in proptest::collection::vec(
                proptest::collection::vec(
                    // A base is mostly the one that fits.
                    (0..3usize, proptest::option::weighted(0.1, 0..4u64), proptest::option::weighted(0.7, [0..3usize, 0..3])),
                    1..4,
                ),
                1..12,
            ),
        ) {
            let (store, tables) = family(["a", "b"]);
            let mut standing = Standing::new();
            for batch in batches {
                let mut fitting = standing.clone();
                let batch: Vec<Asked> = batch.into_iter().map(|(id, wrong, asked)| {
                    let fits = fitting.get(&id).map(|(version, _)| *version);
                    fitting.insert(id, (fits.unwrap_or(0) + 1, None));
                    (id, wrong.map_or(fits, Some), asked)
                }).collect();
                let writes: Vec<_> = batch.iter().map(|asked| native(&tables, *asked)).collect();
                let put = store.put_resources(&writes);
                match expected(&standing, &batch) {
                    Some(after) => {
                        prop_assert!(put.is_ok(), "{:?}", put);
                        standing = after;
                    }
                    None => prop_assert_eq!(put.unwrap_err().code(), Code::VersionMismatch),
                }
                for id in 0..3 {
                    let name = id.to_string();
                    let (version, rows) = standing.get(&id).copied().unzip();
                    prop_assert_eq!(store.last_version("Patient", &name).unwrap(), version);
                    let held = store.resource("Patient", &name).unwrap().map(|(_, version)| version);
                    prop_assert_eq!(held, version.filter(|_| rows.flatten().is_some()));
                    for (table, count) in tables.iter().zip(rows.flatten().unwrap_or_default()) {
                        for n in 0..3 {
                            let found = row(&store, table, &format!("{id}/{n}"));
                            let expected = version.filter(|_| n < count).and_then(|v| is("1", &v.to_string()));
                            prop_assert_eq!(found, expected);
                        }
                    }
                }
            }
        }
    }
}
