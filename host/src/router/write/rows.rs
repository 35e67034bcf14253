//! The native route keeps resources, as a FHIR service does, and beside each the rows that its mapping makes of it. So
//! a table says the same on both routes, nothing that no column maps is lost, and a new version of a mapping makes the
//! rows anew. What has no place in the resource (a row's own state, say) lives in the row alone.

use std::borrow::Borrow;
use std::sync::Arc;

use turntable_scan::{Document, Edit, Kind, splice};

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::{Column, ColumnIndex, Table};
use crate::router::map::{self, Resource};
use crate::router::snapshot::ServedTable;
use crate::store::sqlite::Store;
use crate::store::write::{MadeAnew, NativeWrite};

/// Resources that are read at once to make their rows anew.
const REMAKE_BATCH: usize = 200;

/// Resources whose rows are put in place together. A table of up to this many changes over in one moment; a larger one
/// in several, between which a page may show rows of both mappings.
const REMAKE_AT_ONCE: usize = 20_000;

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

/// A resource with the rows of its whole family, ready to be stored in place of `base` (None = it is new).
pub fn write(
    store: &Store,
    family: &[Arc<ServedTable>],
    resource_type: &str,
    id: &str,
    body: &[u8],
    base: Option<u64>,
    own: Option<&Own>,
) -> Result<NativeWrite> {
    let version = base.unwrap_or(0) + 1;
    let body = stamp(body, id, version)?;
    let rows = rows_of(store, family, resource_type, &body, own)?;
    let (resource_type, id) = (resource_type.to_owned(), id.to_owned());
    Ok(NativeWrite { resource_type, id, body: Some(body), base, version, rows })
}

/// Takes a resource away, with the rows of its whole family.
pub fn delete(family: &[Arc<ServedTable>], resource_type: &str, id: &str, base: u64) -> NativeWrite {
    let rows = family.iter().map(|served| (served.table.clone(), Rows::default())).collect();
    let (resource_type, id) = (resource_type.to_owned(), id.to_owned());
    NativeWrite { resource_type, id, body: None, base: Some(base), version: base + 1, rows }
}

/// Makes the rows of every stored resource of a family anew that was written since a moment, with the mapping as it is
/// now.
pub fn remake(store: &Store, family: &[ServedTable], since: jiff::Timestamp) -> Result<()> {
    let mut types: Vec<_> = family.iter().flat_map(|t| &t.table.sources).map(|s| s.resource_type.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    let mut made_anew = Vec::new();
    for resource_type in types {
        let mut after = String::new();
        loop {
            let batch = store.resources_after(resource_type, &after, since, REMAKE_BATCH)?;
            let Some((last, ..)) = batch.last() else { break };
            after.clone_from(last);
            for (id, version, body) in batch {
                let rows = rows_of(store, family, resource_type, &body, None)?;
                made_anew.push(MadeAnew { resource_type: resource_type.to_owned(), id, version, rows });
            }
            if made_anew.len() >= REMAKE_AT_ONCE {
                store.put_rows(&std::mem::take(&mut made_anew))?;
            }
        }
    }
    store.put_rows(&made_anew)
}

fn rows_of(
    store: &Store,
    family: &[impl Borrow<ServedTable>],
    resource_type: &str,
    body: &[u8],
    own: Option<&Own>,
) -> Result<Vec<(Arc<Table>, Rows)>> {
    let takes = |served: &&ServedTable| served.table.source(resource_type).is_some();
    let family: Vec<&ServedTable> = family.iter().map(Borrow::borrow).filter(takes).collect();
    let columns: Vec<Vec<_>> = family.iter().map(|served| (0..served.table.columns.len()).collect()).collect();
    let asked: Vec<_> = family.iter().copied().zip(columns.iter().map(Vec::as_slice)).collect();
    let made = map::rows_of_tables(&asked, &[Resource { resource_type, body }], "")?;
    let rows = family.iter().zip(made).map(|(served, made)| {
        let own = own.filter(|own| own.table == served.table.name);
        Ok((served.table.clone(), with_own(store, &served.table, made.rows, own)?))
    });
    rows.collect()
}

/// Carries a row's own cells over from what is stored, and lays the changed ones on top.
fn with_own(store: &Store, table: &Table, rows: Rows, own: Option<&Own>) -> Result<Rows> {
    let owned: Vec<ColumnIndex> =
        table.columns.iter().enumerate().filter(|(i, c)| is_own(table, *i, c)).map(|(i, _)| i).collect();
    if owned.is_empty() {
        return Ok(rows);
    }
    let mut out = Rows::new(rows.columns().to_vec());
    for row in 0..rows.len() {
        let Some(text) = rows.cell(row, table.key) else { continue };
        let stored = store.get(table, key::guid(text), &owned)?;
        let (_, guest_key) = key::split(text);
        let meant = own.filter(|own| own.key.as_deref().map_or(row + 1 == rows.len(), |key| key == guest_key));
        let cells: Vec<Option<String>> = rows
            .columns()
            .iter()
            .map(|column| {
                if !owned.contains(column) {
                    return rows.cell(row, *column).map(str::to_owned);
                }
                let changed = meant.and_then(|own| own.cells.iter().find(|(c, _)| c == column));
                match changed {
                    Some((_, value)) => value.clone(),
                    None => {
                        let stored = stored.as_ref().and_then(|stored| stored.rows.cell(0, *column));
                        stored.or(rows.cell(row, *column)).map(str::to_owned)
                    }
                }
            })
            .collect();
        out.push(cells.iter().map(Option::as_deref));
    }
    Ok(out)
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
