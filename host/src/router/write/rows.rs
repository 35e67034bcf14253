//! The native route keeps resources, each once, as a FHIR service does, and beside each the rows that mappings make of it:
//! of every table over its type, whatever mapping serves it and wherever its route leads. So a table says the same on both
//! routes, all tables over a type show the same resources, turning a route needs no rows made, and nothing that no column
//! maps is lost. What has no place in the resource (a row's own state, say) lives in the row alone.
//!
//! A mapping that fails on a resource takes down its own tables only: the resource is stored with the rows of the others,
//! and the tables of the one that failed are *behind* with it, until their rows could be made.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use turntable_scan::{Document, Edit, Kind, splice};

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind as ColumnKind, Route, Table};
use crate::model::value::SortKey;
use crate::router::map::{self, Resource};
use crate::router::snapshot::{Family, ServedTable};
use crate::router::write::moves::Moves;
use crate::store::facade::Store;
use crate::store::native::{MadeAnew, NativeWrite, Progress, StoredResource, TableRows};

/// Resources that are read at once to make their rows anew.
const REMAKE_BATCH: usize = 200;

/// Resources whose rows are put in place together. A table of up to this many changes over in one moment; a larger one
/// in several, between which a page may show rows of both mappings.
const REMAKE_AT_ONCE: usize = 20_000;

/// The tables over each type, by their roots.
pub type Over = HashMap<String, Vec<Family>>;

/// Which rows a resource must have to be stored. The tables of other mappings may be behind with it.
#[derive(Clone, Copy, Debug)]
pub enum Needed<'a> {
    /// Those of the table that it is written through.
    Of(&'a Table),
    /// Those of any native table.
    Any,
}

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

/// Makes a resource ready to be stored: stamped, with the rows of the tables over its type. `through` is the table that it
/// is written through, whose error is the answer. Calls mappings.
///
/// `moves`: keys that rows had, and the texts of their keys after this.
pub fn prepare(
    families: &[Family],
    through: &Table,
    incoming: Incoming,
    own: Option<&Own>,
    moves: &Moves,
) -> Result<NativeWrite> {
    let mut write = stamped(incoming)?;
    let made = made(families, &write.resource_type, &[(&write.id, write.body.clone())]).pop();
    write.rows = needed(families, &write.resource_type, made.unwrap_or_default(), Needed::Of(through))?;
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

/// The same for many resources, which share calls and are written through no table. Of each its own outcome, in their
/// order.
pub fn prepare_all(over: &Over, incoming: Vec<Incoming>) -> Vec<Result<NativeWrite>> {
    let mut writes: Vec<Result<NativeWrite>> = incoming.into_iter().map(stamped).collect();
    let mut by_type: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, write) in writes.iter().enumerate() {
        if let Ok(write) = write {
            by_type.entry(write.resource_type.clone()).or_default().push(index);
        }
    }
    for (resource_type, indices) in by_type {
        let families = over.get(&resource_type).map(Vec::as_slice).unwrap_or_default();
        let of = |index: &usize| writes.get(*index)?.as_ref().ok().map(|write| (write.id.clone(), write.body.clone()));
        let resources: Vec<_> = indices.iter().map(|index| of(index).unwrap_or_default()).collect();
        let resources: Vec<_> = resources.iter().map(|(id, body)| (id.as_str(), body.clone())).collect();
        for (index, made) in indices.into_iter().zip(made(families, &resource_type, &resources)) {
            match (needed(families, &resource_type, made, Needed::Any), writes.get_mut(index)) {
                (Ok(rows), Some(Ok(write))) => write.rows = rows,
                (Err(error), Some(write)) => *write = Err(error),
                (Ok(_), _) | (_, None) => {}
            }
        }
    }
    writes
}

/// The rows of a resource, where those that are needed could be made. Tables of which the others could not are behind.
fn needed(families: &[Family], resource_type: &str, made: OfFamilies, needed: Needed<'_>) -> Result<Vec<TableRows>> {
    let each = || families.iter().zip(&made).map(|(family, made)| (family, made.as_ref().err()));
    let refusal = match needed {
        Needed::Of(table) => each().find(|(family, _)| family.has(table)).and_then(|(_, error)| error),
        Needed::Any => {
            let mut native = each().filter(|(family, _)| family.root.route == Route::Native).map(|(_, error)| error);
            native.next().flatten().filter(|_| native.all(|error| error.is_some()))
        }
    };
    match refusal {
        Some(error) => Err(error.clone()),
        None => lenient(families, resource_type, made, &mut Vec::new()),
    }
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
/// it came is noted with them. What is written meanwhile is left to a later call. The tables may be behind with
/// `most_behind` resources afterwards; where their mapping fails on more, its error is the answer. Calls mappings, so it is
/// not for the reactor's threads.
pub async fn remake(store: &Store, family: &Family, since: u64, most_behind: usize) -> Result<()> {
    let root = &family.root;
    let mut types: Vec<String> =
        family.tables.iter().flat_map(|t| &t.table.sources).map(|source| source.resource_type.clone()).collect();
    types.sort_unstable();
    types.dedup();
    let mut up_to = since;
    let (mut made_anew, mut failed) = (Vec::new(), Vec::new());
    let made_up_to = |up_to| {
        let progress = Progress { digest: root.mapping.digest.clone(), up_to: Some(up_to) };
        vec![(root.table.name.clone(), progress)]
    };
    loop {
        let batch = store.resources_since(types.clone(), up_to, REMAKE_BATCH).await?;
        let Some(last) = batch.last() else { break };
        up_to = last.written;
        made_anew.extend(again(family, batch, &mut failed)?);
        if failed.len() > most_behind {
            return Err(failed.swap_remove(0));
        }
        if made_anew.len() >= REMAKE_AT_ONCE {
            store.put_rows(std::mem::take(&mut made_anew), made_up_to(up_to)).await?;
        }
    }
    if made_anew.is_empty() { Ok(()) } else { store.put_rows(made_anew, made_up_to(up_to)).await }
}

/// Tries once more to make the rows of the resources that these tables are behind with; ends at the first one where it
/// does not work, with its error: as long as there is one, nothing is gained by the others. Calls mappings.
pub async fn catch_up(store: &Store, family: &Family) -> Result<()> {
    let names: Vec<_> = family.tables.iter().map(|served| served.table.name.clone()).collect();
    // A mapping that fails on all of them costs one call.
    let mut at_once = 1;
    let mut before = None;
    loop {
        let batch = store.resources_behind(names.clone(), at_once).await?;
        let first = batch.first().map(|first| (first.resource_type.clone(), first.id.clone(), first.written));
        if first.is_none() {
            return Ok(());
        }
        let is_one = batch.len() == 1;
        let mut failed = Vec::new();
        let made_anew = again(family, batch, &mut failed)?;
        match failed.pop() {
            Some(error) if is_one => return Err(error),
            Some(_) => at_once = 1,
            None if first == before => {
                return Err(Error::new(Code::Internal, "rows were made, and their table is still behind"));
            }
            None => {
                store.put_rows(made_anew, Vec::new()).await?;
                (before, at_once) = (first, (at_once * 2).min(REMAKE_BATCH));
            }
        }
    }
}

fn stamped(incoming: Incoming) -> Result<NativeWrite> {
    let Incoming { resource_type, id, body, base } = incoming;
    let version = base.unwrap_or(0) + 1;
    let body = body.map(|body| stamp(&body, &id, version)).transpose()?.map(Bytes::from);
    Ok(NativeWrite { resource_type, id, body, base, version, rows: Vec::new() })
}

/// Rows of resources that stay as they are; of deleted ones none. `failed` gets the error of each of which they could not
/// be made: the tables are behind with it.
fn again(family: &Family, resources: Vec<StoredResource>, failed: &mut Vec<Error>) -> Result<Vec<MadeAnew>> {
    let families = std::slice::from_ref(family);
    let mut by_type: HashMap<String, Vec<StoredResource>> = HashMap::new();
    for resource in resources {
        by_type.entry(resource.resource_type.clone()).or_default().push(resource);
    }
    let mut all = Vec::new();
    for (resource_type, resources) in by_type {
        let bodies: Vec<_> = resources.iter().map(|resource| (resource.id.as_str(), resource.body.clone())).collect();
        let made = made(families, &resource_type, &bodies);
        for (StoredResource { resource_type, id, version, .. }, made) in resources.into_iter().zip(made) {
            let rows = lenient(families, &resource_type, made, failed)?;
            all.push(MadeAnew { resource_type, id, version, rows });
        }
    }
    Ok(all)
}

/// What each family has of a resource: the rows of each of its tables over the type, or why they could not be made.
type OfFamilies = Vec<Result<Vec<TableRows>>>;

/// The rows that could be made, and marks for those that could not, whose errors go to `failed`. What is no fault of a
/// mapping is an error.
fn lenient(
    families: &[Family],
    resource_type: &str,
    made: OfFamilies,
    failed: &mut Vec<Error>,
) -> Result<Vec<TableRows>> {
    let mut rows = Vec::new();
    for (family, made) in families.iter().zip(made) {
        match made {
            Ok(made) => rows.extend(made),
            Err(error) if is_of_mapping(error.code()) => {
                let mapping = &family.root.mapping;
                tracing::warn!(
                    table = family.root.table.name,
                    mapping = mapping.name,
                    version = mapping.version,
                    code = ?error.code(),
                    internal = error.get_internal(),
                    "rows of a resource cannot be made; the table is behind"
                );
                let why = format!("mapping {} {}: {}", mapping.name, mapping.version, error.message());
                rows.extend(family.over(resource_type).map(|served| TableRows::behind(served.table.clone(), &why)));
                failed.push(error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(rows)
}

/// Whether a mapping has failed, and not this server.
pub fn is_of_mapping(code: Code) -> bool {
    matches!(
        code,
        Code::MappingFault
            | Code::MappingTimeout
            | Code::MappingMemory
            | Code::MappingInputTooLarge
            | Code::MappingOutputTooLarge
            | Code::MappingIllFormed
            | Code::MappingMissing
            // It says itself that it cannot read the resource, or made a cell that its column cannot take.
            | Code::UpstreamInvalid
            | Code::BadValue
    )
}

/// The rows that tables have of resources of one type, by id and body; of one that is gone none. All go in one call of
/// each mapping; where that fails, each family is asked alone, and then about half as many resources, until it is known
/// who fails on which.
fn made(families: &[Family], resource_type: &str, resources: &[(&str, Option<Bytes>)]) -> Vec<OfFamilies> {
    let tables: Vec<Vec<_>> = families.iter().map(|family| family.over(resource_type).collect()).collect();
    let error = match made_together(&tables.concat(), resource_type, resources) {
        Ok(made) => {
            let by_family = |(of, (id, _)): (Vec<TableRows>, &(&str, _))| {
                let mut of = of.into_iter();
                let checked = |rows: Vec<TableRows>| storable(&rows, resource_type, id).map(|()| rows);
                tables.iter().map(|tables| checked(of.by_ref().take(tables.len()).collect())).collect()
            };
            return made.into_iter().zip(resources).map(by_family).collect();
        }
        Err(error) => error,
    };
    if families.len() > 1 {
        let mut all: Vec<OfFamilies> = resources.iter().map(|_| Vec::with_capacity(families.len())).collect();
        for family in families {
            let of_it = made(std::slice::from_ref(family), resource_type, resources);
            all.iter_mut().zip(of_it).for_each(|(all, of_it)| all.extend(of_it));
        }
        return all;
    }
    if resources.len() < 2 {
        return vec![vec![Err(error)]];
    }
    let (first, second) = resources.split_at(resources.len() / 2);
    let mut all = made(families, resource_type, first);
    all.extend(made(families, resource_type, second));
    all
}

/// Whether the store can take the rows of a resource: every cell is what its column takes, every key is the resource's own
/// and there once. It would refuse the whole write for one that is not.
fn storable(rows: &[TableRows], resource_type: &str, id: &str) -> Result<()> {
    for TableRows { table, rows, .. } in rows {
        for (position, column) in rows.columns().iter().enumerate() {
            let Some(column) = table.columns.get(*column) else { continue };
            if matches!(
                column.kind,
                ColumnKind::Text { .. }
                    | ColumnKind::Uri
                    | ColumnKind::Json
                    | ColumnKind::PartialDate
                    | ColumnKind::Key
            ) {
                continue;
            }
            for row in 0..rows.len() {
                SortKey::of(&column.kind, rows.at(row, position)).map_err(|_| {
                    let what =
                        format!("a value of it is none that column `{}` of `{}` can take", column.name, table.name);
                    Error::new(Code::BadValue, what)
                })?;
            }
        }
        let ill_formed =
            |what| Err(Error::new(Code::MappingIllFormed, format!("a row of table `{}` {what}", table.name)));
        let mut keys = HashSet::new();
        for key in (0..rows.len()).map(|row| rows.cell(row, table.key).unwrap_or_default()) {
            let (of_type, rest) = key::split(key);
            if of_type != resource_type || rest.split('/').next() != Some(id) {
                return ill_formed("has the key of another resource");
            }
            if !keys.insert(key) {
                return ill_formed("has a key that another row has");
            }
        }
    }
    Ok(())
}

fn made_together(
    tables: &[&ServedTable],
    resource_type: &str,
    resources: &[(&str, Option<Bytes>)],
) -> Result<Vec<Vec<TableRows>>> {
    let mut all: Vec<Vec<TableRows>> = resources.iter().map(|_| Vec::with_capacity(tables.len())).collect();
    let there: Vec<(usize, &Bytes)> =
        resources.iter().enumerate().filter_map(|(index, (_, body))| Some((index, body.as_ref()?))).collect();
    let resources: Vec<_> = there.iter().map(|(_, body)| Resource { resource_type, body: body.as_ref() }).collect();
    let columns: Vec<Vec<_>> = tables.iter().map(|live| (0..live.table.columns.len()).collect()).collect();
    let asked: Vec<_> = tables.iter().copied().zip(columns.iter().map(Vec::as_slice)).collect();
    for (live, mapped) in tables.iter().zip(map::rows_of_tables(&asked, &resources, "")?) {
        let table = &live.table;
        let mut rows_of: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
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
            made.push(TableRows { own: own.clone(), formerly, ..TableRows::new(table.clone(), rows) });
        }
    }
    Ok(all)
}

fn own_columns(table: &Table) -> Vec<ColumnIndex> {
    (0..table.columns.len()).filter(|column| table.is_own(*column)).collect()
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
