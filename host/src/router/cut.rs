//! Cuts resources into rows: calls the mapping and makes its rows the host's. The key cell becomes the key text
//! `Type/id[/path]`, references become relative to the service they came from (one to another service points to no row
//! here and becomes null), and every concept gets its key. After this a row says the same on both routes.

use std::collections::HashMap;

use uuid::fmt::Hyphenated;

use crate::mapping::component::{Documents, Issue, Severity};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Lookup, Table};
use crate::router::live::LiveTable;

/// One resource as its place has it.
#[derive(Clone, Copy)]
pub struct Resource<'a> {
    pub resource_type: &'a str,
    pub body: &'a [u8],
}

pub struct Cut {
    /// Of the wanted columns.
    pub rows: Rows,
    /// For each row the resource it was cut from.
    pub origin: Vec<usize>,
    /// Cells that were left null or shortened.
    pub warnings: usize,
}

/// `base` is the base URL of the service that the resources came from. A resource that gives no row because the mapping
/// cannot read it fails the whole call: a page that silently lacks a row is the one answer never to give.
pub fn cut(live: &LiveTable, resources: &[Resource<'_>], base: &str, wanted: &[ColumnIndex]) -> Result<Cut> {
    let table = &*live.table;
    let mapped = mapped_columns(table, wanted);
    let documents: Documents = resources.iter().map(|resource| resource.body).collect();
    let batch = live.mapping.rows(&table.name, &documents, &mapped)?;
    if let Some(issue) = batch.issues.iter().find(|i| i.severity == Severity::Error) {
        return Err(unreadable(live, issue));
    }
    let origin: Vec<usize> = batch.origin.iter().map(|o| *o as usize).collect();
    let types = origin.iter().map(|o| resources.get(*o).map_or("", |resource| resource.resource_type));
    let rows = canonical(table, &batch.rows, types, base, wanted);
    Ok(Cut { rows, origin, warnings: batch.issues.len() })
}

/// The columns that a mapping must build so that these can be shown, ascending: a concept key needs its code and system.
fn mapped_columns(table: &Table, wanted: &[ColumnIndex]) -> Vec<ColumnIndex> {
    let mut columns = Vec::with_capacity(wanted.len() + 2 * table.concepts.len());
    for column in wanted {
        match table.concept_of(*column) {
            Some(concept) => columns.extend([concept.code, concept.system]),
            None => columns.push(*column),
        }
    }
    columns.retain(|column| *column < table.mapped());
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// How the cells of one or more columns are made of a mapping's row.
enum Part<'t> {
    /// As they are: so many of them, from this position on.
    Same {
        position: usize,
        count: usize,
    },
    Key {
        position: usize,
    },
    Lookup {
        position: usize,
        lookup: &'t Lookup,
    },
    Concept {
        code: usize,
        system: Option<usize>,
    },
    /// Not among the mapping's.
    Null,
}

impl<'t> Part<'t> {
    fn of(table: &'t Table, rows: &Rows, column: ColumnIndex) -> Self {
        let position = rows.position(column);
        match (table.columns.get(column).map(|column| &column.kind), position) {
            (Some(Kind::ConceptKey { concept }), _) => {
                let concept = table.concepts.get(*concept);
                match concept.and_then(|concept| Some((rows.position(concept.code)?, concept.system))) {
                    Some((code, system)) => Self::Concept { code, system: rows.position(system) },
                    None => Self::Null,
                }
            }
            (Some(Kind::Key), Some(position)) => Self::Key { position },
            (Some(Kind::Lookup(lookup)), Some(position)) => Self::Lookup { position, lookup },
            (Some(_), Some(position)) => Self::Same { position, count: 1 },
            (None, _) | (_, None) => Self::Null,
        }
    }

    /// For all columns, in order.
    fn all(table: &'t Table, rows: &Rows, columns: &[ColumnIndex]) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        for column in columns {
            match (parts.last_mut(), Self::of(table, rows, *column)) {
                (Some(Self::Same { position, count }), Self::Same { position: next, .. })
                    if *position + *count == next =>
                {
                    *count += 1;
                }
                (_, part) => parts.push(part),
            }
        }
        parts
    }
}

/// Keys of concepts as texts. The rows of a page have many concepts in common, and a key is a hash.
#[derive(Default)]
struct ConceptKeys<'r>(HashMap<(Option<&'r str>, &'r str), [u8; Hyphenated::LENGTH]>);

impl<'r> ConceptKeys<'r> {
    fn of(&mut self, system: Option<&'r str>, code: &'r str) -> &str {
        let text = self.0.entry((system, code)).or_insert_with(|| {
            let mut text = [0; Hyphenated::LENGTH];
            key::concept(system, code).hyphenated().encode_lower(&mut text);
            text
        });
        std::str::from_utf8(text).unwrap_or_default()
    }
}

fn canonical<'a>(
    table: &Table,
    rows: &Rows,
    resource_types: impl Iterator<Item = &'a str>,
    base: &str,
    wanted: &[ColumnIndex],
) -> Rows {
    let parts = Part::all(table, rows, wanted);
    let mut keys = ConceptKeys::default();
    let mut out = Rows::with_room_of(wanted.to_vec(), rows);
    for (row, resource_type) in resource_types.enumerate() {
        for part in &parts {
            match *part {
                Part::Same { position, count } => out.copy_cells(rows, row, position, count),
                Part::Key { position } => {
                    out.push_cell(rows.at(row, position).map(|id| [resource_type, "/", id]));
                }
                Part::Lookup { position, lookup } => {
                    out.push_cell(rows.at(row, position).and_then(|text| relative(text, lookup, base)));
                }
                Part::Concept { code, system } => {
                    let parts = |row| Some((rows.at(row, code)?, system.and_then(|system| rows.at(row, system))));
                    match parts(row) {
                        Some(same) if row > 0 && parts(row - 1) == Some(same) => out.repeat_cell(),
                        Some((code, system)) => out.push_cell(Some([keys.of(system, code), "", ""])),
                        None => out.push_cell(None),
                    }
                }
                Part::Null => out.push_cell(None),
            }
        }
    }
    out
}

/// A reference as `Type/id`, in pieces; None if it points to no row here.
fn relative<'a>(text: &'a str, lookup: &'a Lookup, base: &str) -> Option<[&'a str; 3]> {
    let reference = key::reference(text)?;
    // `urn:uuid:` has no type of its own; a column with one target type lends it.
    let resource_type = match (reference.resource_type, lookup.targets.as_slice()) {
        ("", [only]) => only.resource_type.as_str(),
        ("", _) => return None,
        (resource_type, _) => resource_type,
    };
    let ours = reference.base.is_empty() || reference.base.trim_end_matches('/') == base.trim_end_matches('/');
    let is_whole = text.len() == resource_type.len() + 1 + reference.id.len();
    ours.then_some(if is_whole { [text, "", ""] } else { [resource_type, "/", reference.id] })
}

fn unreadable(live: &LiveTable, issue: &Issue) -> Error {
    let at = issue.pointer.as_deref().map(|pointer| format!(" at {pointer}")).unwrap_or_default();
    Error::new(
        Code::UpstreamInvalid,
        format!("a resource behind table `{}` is none that its mapping can read{at}", live.table.name),
    )
    .hint("correct the resource in the FHIR service, or its mapping")
    .internal(format!("document {} of the batch: {:?}", issue.index, issue.code))
}
