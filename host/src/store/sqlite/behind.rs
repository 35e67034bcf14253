//! Tables that are behind: a resource is stored, and their mapping could not make the rows that they have of it. Whatever
//! is read of such a table might lack a row or show an old one, so it is refused, unless it is a row of another resource.

use rusqlite::{Connection, Transaction};

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Compare, Expr, Filter, Literal};
use crate::model::table::Table;
use crate::store::native::{NativeScan, Scanned};

/// The table's rows of the resource could not be made.
pub(crate) fn mark(transaction: &Transaction<'_>, table: &Table, resource_type: &str, id: &str) -> Result<()> {
    let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO _turntable_behind VALUES (?, ?, ?)")?;
    insert.execute((table.set(), resource_type, id))?;
    Ok(())
}

/// They have been made.
pub(crate) fn clear(transaction: &Transaction<'_>, table: &Table, resource_type: &str, id: &str) -> Result<()> {
    let delete = "DELETE FROM _turntable_behind WHERE table_name = ? AND resource_type = ? AND id = ?";
    transaction.prepare_cached(delete)?.execute((table.set(), resource_type, id))?;
    Ok(())
}

/// The resource is written anew: what was said of it is over, whatever table said it.
pub(crate) fn clear_all(transaction: &Transaction<'_>, resource_type: &str, id: &str) -> Result<()> {
    let delete = "DELETE FROM _turntable_behind WHERE resource_type = ? AND id = ?";
    transaction.prepare_cached(delete)?.execute((resource_type, id))?;
    Ok(())
}

/// Whether any table is behind.
pub(crate) fn is_any(connection: &Connection) -> Result<bool> {
    Ok(connection.prepare_cached("SELECT 1 FROM _turntable_behind LIMIT 1")?.exists([])?)
}

/// Of a table of which any row may count, for rows of another. `MappingFault`, whose target is the table.
pub(crate) fn check_all(moment: &Connection, table: &Table) -> Result<()> {
    if is_behind(moment, table)? { Err(refusal(table)) } else { Ok(()) }
}

fn is_behind(moment: &Connection, table: &Table) -> Result<bool> {
    let mut any = moment.prepare_cached("SELECT 1 FROM _turntable_behind WHERE table_name = ? LIMIT 1")?;
    Ok(any.exists([table.set()])?)
}

fn refusal(table: &Table) -> Error {
    let what = format!("table `{}` is behind: the rows of a stored resource could not be made", table.name);
    Error::new(Code::MappingFault, what).target(table.name.clone())
}

/// Whether the answer to a scan is what the stored resources say, in the same moment of the database. `MappingFault` where
/// a table is behind, and it is not one row of a resource that it is not behind with.
pub(crate) fn check(
    moment: &Connection,
    scan: &NativeScan,
    scanned: impl FnOnce() -> Result<Scanned>,
) -> Result<Scanned> {
    let table = &*scan.table;
    if !is_behind(moment, table)? {
        return scanned();
    }
    let refused = || refusal(table);
    if !is_one_row(scan) {
        return Err(refused());
    }
    let scanned = scanned()?;
    let key = (!scanned.rows.is_empty()).then(|| scanned.rows.cell(0, table.key)).flatten().ok_or_else(refused)?;
    let (resource_type, rest) = key::split(key);
    let id = rest.split('/').next().unwrap_or(rest);
    let mut this = moment
        .prepare_cached("SELECT 1 FROM _turntable_behind WHERE table_name = ? AND resource_type = ? AND id = ?")?;
    if this.exists((table.set(), resource_type, id))? { Err(refused()) } else { Ok(scanned) }
}

/// Asks for the row of one key, and shows that key.
fn is_one_row(scan: &NativeScan) -> bool {
    let key = scan.table.key;
    let one = matches!(&scan.filter, Some(Filter::Compare(Compare::Eq, Expr::Column(column), Expr::Literal(Literal::Guid(_)))) if *column == key);
    one && scan.columns.contains(&key)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use bytes::Bytes;

    use super::*;
    use crate::model::rows::Rows;
    use crate::store::native::{MadeAnew, NativeWrite, OwnChange, ScanLimits, TableRows};
    use crate::store::sqlite::database::Database;
    use crate::store::sqlite::tables::sample;

    fn all(store: &Database, table: &Arc<Table>) -> Result<usize> {
        let scan = NativeScan {
            table: table.clone(),
            columns: vec![table.key],
            filter: None,
            order: Vec::new(),
            skip: 0,
            top: None,
            count: true,
            beside: Vec::new(),
        };
        scanned(store, &scan)
    }

    fn one(store: &Database, table: &Arc<Table>, key: &str) -> Result<usize> {
        scanned(store, &NativeScan::row(table.clone(), key::guid(key)))
    }

    fn scanned(store: &Database, scan: &NativeScan) -> Result<usize> {
        let limits = ScanLimits { rows: 9, bytes: usize::MAX, deadline: Instant::now() + Duration::from_secs(60) };
        Ok(store.scan(scan, limits, Arc::default())?.rows.len())
    }

    fn write(id: &str, base: Option<u64>, rows: TableRows) -> NativeWrite {
        let body = Some(Bytes::from_static(b"{}"));
        let (resource_type, id) = ("Patient".to_owned(), id.to_owned());
        NativeWrite {
            resource_type,
            id,
            body,
            base,
            version: base.unwrap_or(0) + 1,
            rows: vec![rows],
            own: OwnChange::default(),
        }
    }

    #[test]
    fn a_table_that_is_behind_shows_only_rows_that_are_known_to_be_right() {
        let store = Database::temporary().unwrap();
        let table = sample::table();
        let named = |name: &str| {
            let mut table = Table::clone(&table);
            table.name = name.into();
            Arc::new(table)
        };
        let (table, other) = (named("sample"), named("other"));
        let row = |id: &str| {
            let mut rows = Rows::new((0..table.columns.len()).collect());
            rows.push((0..table.columns.len()).map(|column| (column == table.key).then_some(id)));
            TableRows::new(table.clone(), rows)
        };
        let failed = || TableRows::behind(table.clone(), "for a reason");
        let refused = |found: Result<usize>| assert_eq!(found.unwrap_err().code(), Code::MappingFault);

        // Before the table has a row at all.
        store.put_resources(&[write("a", None, failed())]).unwrap();
        refused(all(&store, &table));
        refused(one(&store, &table, "Patient/a"));
        assert_eq!(all(&store, &other).unwrap(), 0, "another table is not behind");
        store.put_resources(&[write("b", None, row("Patient/b"))]).unwrap();
        refused(all(&store, &table));
        refused(one(&store, &table, "Patient/c"));
        assert_eq!(one(&store, &table, "Patient/b").unwrap(), 1);
        assert_eq!(store.tables_behind().unwrap(), ["sample"]);

        // An old row is not shown for a new one.
        store.put_resources(&[write("b", Some(1), failed())]).unwrap();
        refused(one(&store, &table, "Patient/b"));
        let behind = store.resources_behind(&["sample".to_owned()], 9).unwrap();
        assert_eq!(behind.iter().map(|r| (r.id.as_str(), r.version)).collect::<Vec<_>>(), [("a", 1), ("b", 2)]);
        assert_eq!(store.resources_behind(&["other".to_owned()], 9).unwrap(), []);

        // Made of the version that stands, and of one that no longer does.
        let anew = |id: &str, version: u64| {
            let (resource_type, rows) = ("Patient".to_owned(), vec![row(&format!("Patient/{id}"))]);
            MadeAnew { resource_type, id: id.to_owned(), version, rows }
        };
        store.put_rows(&[anew("a", 1), anew("b", 1)], &[]).unwrap();
        assert_eq!(one(&store, &table, "Patient/a").unwrap(), 1);
        refused(one(&store, &table, "Patient/b"));

        // Deleted.
        let gone = TableRows::new(table.clone(), Rows::default());
        store.put_resources(&[NativeWrite { body: None, ..write("b", Some(2), gone) }]).unwrap();
        assert_eq!((all(&store, &table).unwrap(), store.tables_behind().unwrap().len()), (1, 0));
    }
}
