//! The native route keeps resources, each once, as a FHIR service does, and beside each the rows that mappings make of it:
//! of every table over its type, whatever mapping serves it and wherever its route leads. So a table says the same on both
//! routes, all tables over a type show the same resources, turning a route needs no rows made, and nothing that no column
//! maps is lost. What has no place in the resource (a row's own state, say) is kept beside it (`own.rs`).
//!
//! A mapping that fails on a resource takes down its own tables only: the resource is stored with the rows of the others,
//! and the tables of the one that failed are *behind* with it, until their rows could be made.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use turntable_scan::{Document, Edit, Kind, splice};

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::table::{Kind as ColumnKind, Route, Table};
use crate::model::value::SortKey;
use crate::router::fault::reached;
use crate::router::map::{self, Resource};
use crate::router::snapshot::{Family, ServedTable};
use crate::router::write::own::{self, Changed};
use crate::store::facade::Store;
use crate::store::native::{MadeAnew, NativeWrite, OwnChange, Progress, StoredResource, TableRows};

/// Resources whose rows are made anew at once, and put in place: nobody waits longer to write.
const REMAKE_BATCH: usize = 200;

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

/// Makes a resource ready to be stored: stamped, with the rows of the tables over its type. `through` is the table that it
/// is written through, whose error is the answer. `own_rows`: child rows that have values which no element carries. Calls
/// mappings.
pub fn prepare(
    families: &[Family],
    through: &Table,
    incoming: Incoming,
    changed: &Changed,
    own_rows: Vec<String>,
) -> Result<NativeWrite> {
    let mut write = stamped(incoming)?;
    let made = made(families, &write.resource_type, &[(&write.id, write.body.clone())]).pop();
    write.rows = needed(families, &write.resource_type, made.unwrap_or_default(), Needed::Of(through))?;
    if let Some(body) = &write.body {
        write.own = changed.own(&write.rows, body, own_rows)?;
    }
    Ok(write)
}

/// The same for many resources, which share calls and are written through no table, by others: `own_rows` has those of
/// each that has any, by type and id. Of each its own outcome, in their order.
pub fn prepare_all(
    over: &Over,
    incoming: Vec<Incoming>,
    own_rows: &HashMap<(String, String), Vec<String>>,
) -> Vec<Result<NativeWrite>> {
    let mut writes: Vec<Result<NativeWrite>> = incoming.into_iter().map(stamped).collect();
    let mut by_type: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, write) in writes.iter_mut().enumerate() {
        if let Ok(write) = write {
            by_type.entry(write.resource_type.clone()).or_default().push(index);
            let of = (write.resource_type.clone(), write.id.clone());
            if let (Some(rows), Some(body)) = (own_rows.get(&of), &write.body) {
                write.own.moved = own::left(body, rows.clone());
            }
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

/// Makes the rows that a root table and its children have of the stored resources, of those written after a write, beside
/// what serves. How far it came is noted with them, and the answer. What is written meanwhile is left to a later call. The tables may be behind with `most_behind` resources afterwards; where their mapping
/// fails on more, its error is the answer. Calls mappings, so it is not for the reactor's threads.
pub async fn remake(store: &Store, family: &Family, since: u64, most_behind: usize) -> Result<u64> {
    let set = family.root.table.set().into_owned();
    let (mut up_to, mut behind) = (since, 0);
    loop {
        let batch = store.resources_since(family.types(), up_to, REMAKE_BATCH).await?;
        let Some(last) = batch.last() else { return Ok(up_to) };
        up_to = last.written;
        let mut failed = Vec::new();
        let made_anew = again(family, batch, &mut failed)?;
        behind += failed.len();
        if behind > most_behind {
            return Err(failed.swap_remove(0));
        }
        let progress = Progress { set: set.clone(), up_to: Some(up_to) };
        store.put_rows(made_anew, vec![progress]).await?;
        reached("release.some-rows");
    }
}

/// The same for the last of them, to be put in place together; a mapping that fails on one is an error. None: there are more
/// than `most`.
pub async fn rest(store: &Store, family: &Family, since: u64, most: usize) -> Result<Option<Vec<MadeAnew>>> {
    let batch = store.resources_since(family.types(), since, most.saturating_add(1)).await?;
    if batch.len() > most {
        return Ok(None);
    }
    let mut failed = Vec::new();
    let made_anew = again(family, batch, &mut failed)?;
    failed.pop().map_or(Ok(Some(made_anew)), Err)
}

/// Tries once more to make the rows of the resources that these tables are behind with; ends at the first one where it
/// does not work, with its error: as long as there is one, nothing is gained by the others. Calls mappings.
pub async fn catch_up(store: &Store, family: &Family) -> Result<()> {
    let names: Vec<_> = family.tables.iter().map(|served| served.table.set().into_owned()).collect();
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
    Ok(NativeWrite { resource_type, id, body, base, version, rows: Vec::new(), own: OwnChange::default() })
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
        let has_own = table.own_columns().next().is_some();
        for (made, of_it) in all.iter_mut().zip(rows_of) {
            let rows = mapped.rows.pick(&of_it);
            // Rows that were stored before elements had names were called by where they stand.
            let placed = |row: &usize| Some((*row, mapped.places.get(*row).filter(|_| has_own)?));
            let formerly = of_it.iter().filter_map(placed).filter_map(|(row, place)| {
                let now = key::guid(mapped.rows.cell(row, table.key)?);
                Some((now, key::guid(&format!("{resource_type}/{place}"))))
            });
            // And the table may have shown other types, or these in another order.
            let texts = of_it.iter().filter_map(|row| mapped.rows.cell(*row, table.key));
            let moved = texts.filter(|_| has_own && table.parent.is_none()).flat_map(|text| {
                let now = key::of_row(table, text);
                key::anywhere(text).filter(move |before| *before != now).map(move |before| (now, before))
            });
            let formerly = formerly.chain(moved).collect();
            made.push(TableRows { formerly, ..TableRows::new(table.clone(), rows) });
        }
    }
    Ok(all)
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
