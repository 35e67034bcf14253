//! The native route keeps resources, each once, as a FHIR service does, and beside each the rows that mappings make of it:
//! of every table over its type, whatever mapping serves it and wherever its route leads. So a table says the same on both
//! routes, all tables over a type show the same resources, turning a route needs no rows made, and nothing that no column
//! maps is lost. What has no place in the resource (a row's own state, say) lives in the row alone.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use turntable_scan::{Document, Edit, Kind, splice};

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::{Column, ColumnIndex, Table};
use crate::router::map::{self, Resource};
use crate::router::snapshot::ServedTable;
use crate::router::write::moves::Moves;
use crate::store::facade::Store;
use crate::store::native::{MadeAnew, NativeWrite, Progress, StoredResource, TableRows};

/// Resources that are read at once to make their rows anew.
const REMAKE_BATCH: usize = 200;

/// Resources whose rows are put in place together. A table of up to this many changes over in one moment; a larger one
/// in several, between which a page may show rows of both mappings.
const REMAKE_AT_ONCE: usize = 20_000;

/// The tables over each type.
pub type Over = HashMap<String, Vec<Arc<ServedTable>>>;

/// A resource that is to be stored in place of `base` (None = it is new).
#[derive(Clone, Debug)]
pub struct Incoming {
    pub resource_type: String,
    pub id: String,
    /// None takes it away.
    pub body: Option<Bytes>,
    pub base: Option<u64>,
}

/// Values for columns that no element of the resource carries.
#[derive(Clone, Debug)]
pub struct Own {
    pub table: String,
    /// The key cell as the mapping knows it; None = the last row, one just added.
    pub key: Option<String>,
    pub cells: Vec<(ColumnIndex, Option<String>)>,
}

/// Whether the column lives in the row alone: writable, and read from no element.
pub fn is_own(table: &Table, index: ColumnIndex, column: &Column) -> bool {
    let is_discriminator = table.sources.iter().any(|s| s.discriminator.as_ref().is_some_and(|(c, _)| *c == index));
    column.access.update && column.path.is_empty() && column.elements.is_empty() && !is_discriminator
}

/// Makes a resource ready to be stored: stamped, with the rows of the tables over its type. Calls mappings.
///
/// `moves`: keys that rows had, and the texts of their keys after this.
pub fn prepare(
    tables: &[Arc<ServedTable>],
    incoming: Incoming,
    own: Option<&Own>,
    moves: &Moves,
) -> Result<NativeWrite> {
    let mut write = stamped(incoming)?;
    let bodies = [write.body.clone()];
    write.rows = made_together(tables, &write.resource_type, &bodies)?.pop().unwrap_or_default();
    if !moves.is_empty() {
        for made in write.rows.iter_mut().filter(|made| made.table.parent.is_some() && !made.own.is_empty()) {
            let texts = (0..made.rows.len()).filter_map(|row| made.rows.cell(row, made.table.key));
            let formerly: Vec<_> =
                texts.filter_map(|text| Some((key::guid(text), key::guid(&moves.before(text)?)))).collect();
            made.formerly.extend(formerly);
        }
    }
    if let Some(own) = own {
        lay_own(&mut write, own);
    }
    Ok(write)
}

/// The same for many resources, which share calls. Of each its own outcome, in their order.
pub fn prepare_all(tables: &Over, incoming: Vec<Incoming>) -> Vec<Result<NativeWrite>> {
    let mut writes: Vec<Result<NativeWrite>> = incoming.into_iter().map(stamped).collect();
    let mut by_type: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, write) in writes.iter().enumerate() {
        if let Ok(write) = write {
            by_type.entry(write.resource_type.clone()).or_default().push(index);
        }
    }
    for (resource_type, indices) in by_type {
        let over = tables.get(&resource_type).map(Vec::as_slice).unwrap_or_default();
        let body = |index: &usize| writes.get(*index)?.as_ref().ok()?.body.clone();
        let bodies: Vec<_> = indices.iter().map(body).collect();
        for (index, made) in indices.into_iter().zip(made(over, &resource_type, &bodies)) {
            match (made, writes.get_mut(index)) {
                (Ok(rows), Some(Ok(write))) => write.rows = rows,
                (Err(error), Some(write)) => *write = Err(error),
                (Ok(_), _) | (_, None) => {}
            }
        }
    }
    writes
}

/// Lays values that live in the rows alone on the rows of one table.
fn lay_own(write: &mut NativeWrite, own: &Own) {
    for made in write.rows.iter_mut().filter(|made| made.table.name == own.table) {
        let (table, rows) = (&made.table, &made.rows);
        let is_meant = |row: usize| match &own.key {
            Some(meant) => rows.cell(row, table.key).is_some_and(|text| key::split(text).1 == meant),
            None => row + 1 == rows.len(),
        };
        let mut laid = Rows::new(rows.columns().to_vec());
        for row in 0..rows.len() {
            let meant = is_meant(row);
            laid.push(rows.columns().iter().map(|column| {
                let changed = own.cells.iter().find(|(c, _)| meant && c == column);
                changed.map_or(rows.cell(row, *column), |(_, value)| value.as_deref())
            }));
            if meant {
                made.assigned.extend(own.cells.iter().map(|(column, _)| (row, *column)));
            }
        }
        made.rows = laid;
    }
}

/// Makes the rows that a root table and its children have of the stored resources, of those written after a write. How far
/// it came is noted with them. What is written meanwhile is left to a later call. Calls mappings, so it is not for the
/// reactor's threads.
pub async fn remake(store: &Store, root: &ServedTable, family: &[Arc<ServedTable>], since: u64) -> Result<()> {
    let mut types: Vec<String> =
        family.iter().flat_map(|t| &t.table.sources).map(|source| source.resource_type.clone()).collect();
    types.sort_unstable();
    types.dedup();
    let mut up_to = since;
    let mut made_anew = Vec::new();
    let made_up_to = |up_to| {
        let progress = Progress { digest: root.mapping.digest.clone(), up_to: Some(up_to) };
        vec![(root.table.name.clone(), progress)]
    };
    loop {
        let batch = store.resources_since(types.clone(), up_to, REMAKE_BATCH).await?;
        let Some(last) = batch.last() else { break };
        up_to = last.written;
        made_anew.extend(again(family, batch)?);
        if made_anew.len() >= REMAKE_AT_ONCE {
            store.put_rows(std::mem::take(&mut made_anew), made_up_to(up_to)).await?;
        }
    }
    if made_anew.is_empty() { Ok(()) } else { store.put_rows(made_anew, made_up_to(up_to)).await }
}

fn stamped(incoming: Incoming) -> Result<NativeWrite> {
    let Incoming { resource_type, id, body, base } = incoming;
    let version = base.unwrap_or(0) + 1;
    let body = body.map(|body| stamp(&body, &id, version)).transpose()?.map(Bytes::from);
    Ok(NativeWrite { resource_type, id, body, base, version, rows: Vec::new() })
}

/// Rows of resources that stay as they are; of deleted ones none.
fn again(family: &[Arc<ServedTable>], resources: Vec<StoredResource>) -> Result<Vec<MadeAnew>> {
    let mut by_type: HashMap<String, Vec<StoredResource>> = HashMap::new();
    for resource in resources {
        by_type.entry(resource.resource_type.clone()).or_default().push(resource);
    }
    let mut all = Vec::new();
    for (resource_type, resources) in by_type {
        let bodies: Vec<_> = resources.iter().map(|resource| resource.body.clone()).collect();
        for (StoredResource { resource_type, id, version, .. }, rows) in
            resources.into_iter().zip(made(family, &resource_type, &bodies))
        {
            all.push(MadeAnew { resource_type, id, version, rows: rows? });
        }
    }
    Ok(all)
}

/// The rows that tables have of resources of one type; of one that is gone none. Many go in one call of a mapping; where
/// that fails, in two of half as many, until it is known which one is to blame.
fn made(tables: &[Arc<ServedTable>], resource_type: &str, bodies: &[Option<Bytes>]) -> Vec<Result<Vec<TableRows>>> {
    match made_together(tables, resource_type, bodies) {
        Ok(made) => made.into_iter().map(Ok).collect(),
        Err(error) if bodies.len() < 2 => vec![Err(error)],
        Err(_) => {
            let (first, second) = bodies.split_at(bodies.len() / 2);
            let mut all = made(tables, resource_type, first);
            all.extend(made(tables, resource_type, second));
            all
        }
    }
}

fn made_together(
    tables: &[Arc<ServedTable>],
    resource_type: &str,
    bodies: &[Option<Bytes>],
) -> Result<Vec<Vec<TableRows>>> {
    let mut all: Vec<Vec<TableRows>> = bodies.iter().map(|_| Vec::with_capacity(tables.len())).collect();
    let there: Vec<(usize, &Bytes)> =
        bodies.iter().enumerate().filter_map(|(index, body)| Some((index, body.as_ref()?))).collect();
    let resources: Vec<_> = there.iter().map(|(_, body)| Resource { resource_type, body: body.as_ref() }).collect();
    let tables: Vec<&ServedTable> =
        tables.iter().map(Arc::as_ref).filter(|live| live.table.source(resource_type).is_some()).collect();
    let columns: Vec<Vec<_>> = tables.iter().map(|live| (0..live.table.columns.len()).collect()).collect();
    let asked: Vec<_> = tables.iter().copied().zip(columns.iter().map(Vec::as_slice)).collect();
    for (live, mapped) in tables.iter().zip(map::rows_of_tables(&asked, &resources, "")?) {
        let table = &live.table;
        let mut rows_of: Vec<Vec<usize>> = vec![Vec::new(); bodies.len()];
        for (row, origin) in mapped.origin.iter().enumerate() {
            if let Some(rows) = there.get(*origin).and_then(|(index, _)| rows_of.get_mut(*index)) {
                rows.push(row);
            }
        }
        let own = own_columns(table);
        for (made, of_it) in all.iter_mut().zip(rows_of) {
            let rows = mapped.rows.pick(&of_it);
            // Rows that were stored before elements had names were called by where they stand.
            let placed = |row: &usize| Some((*row, mapped.places.get(*row).filter(|_| !own.is_empty())?));
            let formerly = of_it.iter().filter_map(placed).filter_map(|(row, place)| {
                let now = key::guid(mapped.rows.cell(row, table.key)?);
                Some((now, key::guid(&format!("{resource_type}/{place}"))))
            });
            // And the table may have shown other types, or these in another order.
            let texts = of_it.iter().filter_map(|row| mapped.rows.cell(*row, table.key));
            let moved = texts.filter(|_| !own.is_empty() && table.parent.is_none()).flat_map(|text| {
                let now = key::of_row(table, text);
                key::anywhere(text).filter(move |before| *before != now).map(move |before| (now, before))
            });
            let formerly = formerly.chain(moved).collect();
            made.push(TableRows { table: table.clone(), rows, own: own.clone(), assigned: Vec::new(), formerly });
        }
    }
    Ok(all)
}

fn own_columns(table: &Table) -> Vec<ColumnIndex> {
    table.columns.iter().enumerate().filter(|(index, column)| is_own(table, *index, column)).map(|(i, _)| i).collect()
}

/// The resource as a FHIR service would keep it: its id, its version, when it was written. All other bytes stay.
fn stamp(body: &[u8], id: &str, version: u64) -> Result<Vec<u8>> {
    let refused = || Error::new(Code::BadJson, "the resource is not a JSON object");
    let document = Document::parse(body).map_err(|_| refused())?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(refused());
    }
    let versioned = format!("\"versionId\":\"{version}\"");
    let written = format!("\"lastUpdated\":\"{:.3}\"", jiff::Timestamp::now());
    let mut edits = Vec::new();
    let mut first = Vec::new();
    match root.get("id") {
        Some(value) => edits.push(Edit { range: value.range(), text: format!("\"{id}\"") }),
        None => first.push(format!("\"id\":\"{id}\"")),
    }
    match root.get("meta") {
        Some(meta) if meta.kind() == Kind::Object => {
            let mut added = Vec::new();
            for (name, member) in [("versionId", versioned), ("lastUpdated", written)] {
                match meta.get(name) {
                    Some(value) => {
                        let text = member.split_once(':').map_or("", |(_, text)| text).to_owned();
                        edits.push(Edit { range: value.range(), text });
                    }
                    None => added.push(member),
                }
            }
            edits.extend(insert(meta, &added));
        }
        Some(meta) => edits.push(Edit { range: meta.range(), text: format!("{{{versioned},{written}}}") }),
        None => first.push(format!("\"meta\":{{{versioned},{written}}}")),
    }
    // Where a FHIR person looks for them: after the type.
    match root.get("resourceType") {
        Some(resource_type) if !first.is_empty() => {
            let end = resource_type.range().end;
            edits.push(Edit { range: end..end, text: format!(",{}", first.join(",")) });
        }
        _ => edits.extend(insert(root, &first)),
    }
    let stamped = splice(document.text(), edits)
        .map_err(|e| Error::new(Code::Internal, "a resource cannot be stamped").internal(e.to_string()))?;
    Ok(stamped.into_bytes())
}

/// Members at the beginning of an object.
fn insert(object: turntable_scan::Value<'_>, members: &[String]) -> Option<Edit> {
    if members.is_empty() {
        return None;
    }
    let start = object.range().start + 1;
    let comma = if object.members().next().is_some() { "," } else { "" };
    Some(Edit { range: start..start, text: format!("{}{comma}", members.join(",")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_resource_keeps_everything_but_its_version() {
        let check = |body: &str, expected: &str| {
            let stamped = String::from_utf8(stamp(body.as_bytes(), "a1", 3).unwrap()).unwrap();
            let (before, after) = expected.split_once('@').unwrap();
            let fits = stamped.starts_with(before) && stamped.ends_with(after);
            assert!(fits, "{body}\n{stamped}");
            assert!(serde_json::from_str::<serde_json::Value>(&stamped).is_ok(), "{stamped}");
        };
        check(
            r#"{"resourceType":"Observation", "meta":{"versionId":"7","profile":["x"]},"valueQuantity":{"value":1e2}}"#,
            r#"{"resourceType":"Observation","id":"a1", "meta":{"lastUpdated":"@","versionId":"3","profile":["x"]},"valueQuantity":{"value":1e2}}"#,
        );
        check(
            r#"{"id":"old","resourceType":"Patient","note":"\u00e9"}"#,
            r#"{"id":"a1","resourceType":"Patient","meta":{"versionId":"3","lastUpdated":"@"},"note":"\u00e9"}"#,
        );
        check(r#"{}"#, r#"{"id":"a1","meta":{"versionId":"3","lastUpdated":"@"}}"#);
        check(r#"{"meta":{}}"#, r#"{"id":"a1","meta":{"versionId":"3","lastUpdated":"@"}}"#);
        check(r#"{"id":"x","meta":[]}"#, r#"{"id":"a1","meta":{"versionId":"3","lastUpdated":"@"}}"#);
        assert_eq!(stamp(b"[]", "a1", 1).unwrap_err().code(), Code::BadJson);
        assert_eq!(stamp(b"{", "a1", 1).unwrap_err().code(), Code::BadJson);
    }
}
