//! Makes rows of resources: calls the mapping and makes its rows the host's. The key cell becomes the key text
//! `Type/id[/path]`, references become relative to the service they came from (one to another service points to no row
//! here and becomes null), and every concept gets its key. After this a row says the same on both routes.

use std::collections::HashMap;
use std::ops::Range;

use uuid::fmt::Hyphenated;

use crate::mapping::component::{Documents, Issue, Severity};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Lookup, Table};
use crate::router::snapshot::ServedTable;

/// One resource as its place has it.
#[derive(Clone, Copy)]
pub struct Resource<'a> {
    pub resource_type: &'a str,
    pub body: &'a [u8],
}

pub struct Mapped {
    /// Of the wanted columns.
    pub rows: Rows,
    /// For each row the resource it was made of.
    pub origin: Vec<usize>,
    /// Cells that were left null or shortened.
    pub warnings: usize,
}

/// `base` is the base URL of the service that the resources came from. A resource that gives no row because the mapping
/// cannot read it fails the whole call: a page that silently lacks a row is the one answer never to give.
pub fn rows_of(live: &ServedTable, resources: &[Resource<'_>], base: &str, wanted: &[ColumnIndex]) -> Result<Mapped> {
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
    Ok(Mapped { rows, origin, warnings: batch.issues.len() })
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

    /// The positions of its cells, if they stay what they are in that row.
    fn stays(&self, rows: &Rows, row: usize) -> Option<Range<usize>> {
        match *self {
            Self::Same { position, count } => Some(position..position + count),
            Self::Lookup { position, .. } => {
                rows.at(row, position).is_none_or(is_relative).then_some(position..position + 1)
            }
            Self::Key { .. } | Self::Concept { .. } | Self::Null => None,
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
        // Positions of cells that stay and are not copied yet: most stay, and are copied many at once.
        let mut staying = 0..0;
        for part in &parts {
            if let Some(stays) = part.stays(rows, row) {
                if stays.start != staying.end {
                    out.copy_cells(rows, row, staying);
                    staying = stays.start..stays.start;
                }
                staying.end = stays.end;
                continue;
            }
            out.copy_cells(rows, row, staying);
            staying = 0..0;
            match *part {
                // They always stay.
                Part::Same { .. } => {}
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
        out.copy_cells(rows, row, staying);
    }
    out
}

/// Whether a reference is `Type/id` as it stands.
fn is_relative(text: &str) -> bool {
    key::reference(text).is_some_and(|reference| {
        let length = reference.resource_type.len() + 1 + reference.id.len();
        reference.base.is_empty() && !reference.resource_type.is_empty() && text.len() == length
    })
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
    ours.then_some([resource_type, "/", reference.id])
}

fn unreadable(live: &ServedTable, issue: &Issue) -> Error {
    let at = issue.pointer.as_deref().map(|pointer| format!(" at {pointer}")).unwrap_or_default();
    Error::new(
        Code::UpstreamInvalid,
        format!("a resource behind table `{}` is none that its mapping can read{at}", live.table.name),
    )
    .hint("correct the resource in the FHIR service, or its mapping")
    .internal(format!("document {} of the batch: {:?}", issue.index, issue.code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::table::Target;
    use crate::odata::sample;

    const BASE: &str = "https://fhir.example.org/r4";

    /// What becomes of an observation's cells; the first is its id, the fourth its patient, the fifth its device.
    fn made(cells: [Option<&str>; 16], table: &Table) -> Vec<Option<String>> {
        let wanted: Vec<ColumnIndex> = (0..table.columns.len()).collect();
        let mut rows = Rows::new(wanted[..16].to_vec());
        // Twice, since a row may take something from the one before.
        rows.push(cells);
        rows.push(cells);
        let rows = canonical(table, &rows, ["Observation"; 2].into_iter(), BASE, &wanted);
        let made: Vec<Vec<_>> = (0..2).map(|row| rows.row(row).map(|cell| cell.map(str::to_owned)).collect()).collect();
        assert_eq!(made[0], made[1]);
        made[0].clone()
    }

    #[test]
    fn keys_are_made_and_all_else_stays() {
        let table = sample::observation();
        let mut cells = [None; 16];
        let filled = [(0, "o1"), (1, "näme"), (2, "final"), (6, "72.10"), (12, "8867-4"), (13, "http://loinc.org")];
        filled.into_iter().for_each(|(column, text)| cells[column] = Some(text));
        let mut expected = cells.map(|cell| cell.map(str::to_owned)).to_vec();
        expected[0] = Some("Observation/o1".to_owned());
        expected.push(Some(key::concept(Some("http://loinc.org"), "8867-4").to_string()));
        assert_eq!(made(cells, &table), expected);

        cells[12] = None;
        assert_eq!(made(cells, &table)[16], None);
    }

    #[test]
    fn references_are_relative_to_the_service() {
        let table = sample::observation();
        for (text, expected) in [
            ("Patient/p1", Some("Patient/p1")),
            ("Patient/p1/_history/2", Some("Patient/p1")),
            ("https://fhir.example.org/r4/Patient/p1", Some("Patient/p1")),
            ("https://elsewhere.example.org/r4/Patient/p1", None),
            ("urn:uuid:4c73b472-442b-4920-b899-aadc599f1d75", Some("Patient/4c73b472-442b-4920-b899-aadc599f1d75")),
            ("#p1", None),
        ] {
            let mut cells = [None; 16];
            (cells[0], cells[3], cells[5]) = (Some("o1"), Some(text), Some("2020-01-01T00:00:00Z"));
            let made = made(cells, &table);
            assert_eq!(
                (made[3].as_deref(), made[4].as_deref(), made[5].as_deref()),
                (expected, None, cells[5]),
                "{text}"
            );
        }
    }

    /// `urn:uuid:` is as long as the name of such a type with its slash.
    #[test]
    fn a_urn_gets_the_type_of_its_column() {
        let mut table = sample::observation();
        let Kind::Lookup(lookup) = &mut table.columns[4].kind else { panic!("a lookup") };
        lookup.targets = vec![Target { entity_set: "msemr_locations".into(), resource_type: "Location".into() }];
        let mut cells = [None; 16];
        (cells[0], cells[4]) = (Some("o1"), Some("urn:uuid:4c73b472-442b-4920-b899-aadc599f1d75"));
        assert_eq!(made(cells, &table)[4].as_deref(), Some("Location/4c73b472-442b-4920-b899-aadc599f1d75"));
    }
}
