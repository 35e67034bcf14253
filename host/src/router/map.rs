//! Makes rows of resources: calls the mapping and makes its rows the host's. The key cell becomes the key text
//! `Type/id[/path]`, in whose path elements are called by what they are (`element`), references become relative to the service they came from (one to another service points to no row
//! here and becomes null), and every concept gets its key. After this a row says the same on both routes.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use turntable_scan::Document;
use uuid::fmt::Hyphenated;

use crate::mapping::component::{Batch, Documents, Issue, Mapping, Severity};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::limits::Limits;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::router::element::Elements;
use crate::router::snapshot::ServedTable;
use crate::router::work;

/// Resources of one call at most: who wants fewer need not wait for more than that.
const AT_ONCE: usize = 250;

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
    /// Of a child table for each row where its element is, as mappings say it: `a1/participant/0`.
    pub places: Vec<String>,
    /// Cells that were left null or shortened.
    pub warnings: usize,
}

/// Rows of one table, see [`rows_of_tables`].
pub fn rows_of(live: &ServedTable, resources: &[Resource<'_>], base: &str, wanted: &[ColumnIndex]) -> Result<Mapped> {
    let mapped = rows_of_tables(&[(live, wanted)], resources, base)?;
    mapped.into_iter().next().ok_or_else(|| Error::new(Code::Internal, "no rows of a table that was asked for"))
}

/// Rows of several tables, each with the columns that are wanted, of the same resources, whose types each of them
/// takes: one call for each mapping, if what it is given fits into one. `base` is the base URL of the service that the
/// resources came from. A resource that gives no row because the mapping cannot read it fails the whole: a page that
/// silently lacks a row is the one answer never to give.
pub fn rows_of_tables(
    tables: &[(&ServedTable, &[ColumnIndex])],
    resources: &[Resource<'_>],
    base: &str,
) -> Result<Vec<Mapped>> {
    let columns: Vec<_> = tables.iter().map(|(live, wanted)| mapped_columns(&live.table, wanted)).collect();
    let mut all: Vec<Option<Mapped>> = tables.iter().map(|_| None).collect();
    let documents = Parsed::new(resources);
    for at in 0..tables.len() {
        if all[at].is_some() {
            continue;
        }
        let mapping = &tables[at].0.mapping;
        let of_mapping: Vec<_> =
            (at..tables.len()).filter(|other| Arc::ptr_eq(mapping, &tables[*other].0.mapping)).collect();
        let asked: Vec<Asked<'_>> =
            of_mapping.iter().map(|at| (tables[*at].0.table.name.as_str(), columns[*at].as_slice())).collect();
        for (at, batch) in of_mapping.iter().zip(batches(mapping, &asked, resources)?) {
            let (live, wanted) = tables[*at];
            all[*at] = Some(made(live, batch, &documents, base, wanted)?);
        }
    }
    Ok(all.into_iter().flatten().collect())
}

fn made(
    live: &ServedTable,
    batch: Batch,
    documents: &Parsed<'_>,
    base: &str,
    wanted: &[ColumnIndex],
) -> Result<Mapped> {
    if let Some(issue) = batch.issues.iter().find(|i| i.severity == Severity::Error) {
        return Err(unreadable(live, issue));
    }
    let origin: Vec<usize> = batch.origin.iter().map(|o| *o as usize).collect();
    let types = origin.iter().map(|o| documents.resources.get(*o).map_or("", |resource| resource.resource_type));
    let (rows, places) = named(live, batch.rows, &origin, documents)?;
    let version = |row: usize| {
        let meta = documents.get(*origin.get(row)?)?.root().get("meta")?;
        meta.get("versionId")?.text().filter(|version| !version.is_empty()).map(Cow::into_owned)
    };
    let rows = canonical(&live.table, &rows, types, (base, &version), wanted);
    Ok(Mapped { rows, origin, places, warnings: batch.issues.len() })
}

/// Resources, each parsed when it is first needed: for child tables only.
struct Parsed<'r> {
    resources: &'r [Resource<'r>],
    documents: Vec<OnceCell<Option<Document<'r>>>>,
}

impl<'r> Parsed<'r> {
    fn new(resources: &'r [Resource<'r>]) -> Self {
        Self { resources, documents: resources.iter().map(|_| OnceCell::new()).collect() }
    }

    fn get(&self, index: usize) -> Option<&Document<'r>> {
        let body = self.resources.get(index)?.body;
        self.documents.get(index)?.get_or_init(|| Document::parse(body).ok()).as_ref()
    }
}

/// Rows of a child table whose keys, and those of the rows above them, call elements by what they are; and where these
/// are. Other rows stay.
fn named(live: &ServedTable, rows: Rows, origin: &[usize], documents: &Parsed<'_>) -> Result<(Rows, Vec<String>)> {
    let Some(parent) = &live.table.parent else { return Ok((rows, Vec::new())) };
    let (key, above) = (rows.position(live.table.key), rows.position(parent.column));
    let lost = || {
        let name = &live.table.name;
        Error::new(
            Code::MappingIllFormed,
            format!("a row of `{name}` is of an element that its resource does not have"),
        )
    };
    let mut out = Rows::with_room_of(rows.columns().to_vec(), &rows);
    let mut places = Vec::with_capacity(rows.len());
    let mut elements: Option<(usize, Elements<'_>)> = None;
    for row in 0..rows.len() {
        let of = origin.get(row).copied().unwrap_or_default();
        if elements.as_ref().is_none_or(|(before, _)| *before != of) {
            elements = Some((of, Elements::new(documents.get(of).ok_or_else(lost)?)));
        }
        let mut name = |place: &str| elements.as_mut().and_then(|(_, elements)| elements.at(place)).ok_or_else(lost);
        out.begin_row();
        for (position, text) in rows.filled(row) {
            let is_key = Some(position) == key;
            if is_key {
                places.push(text.to_owned());
            }
            let (kind, rest) = if Some(position) == above { key::split(text) } else { ("", text) };
            match rest.split_once('/').filter(|_| is_key || !kind.is_empty()) {
                Some((id, place)) => {
                    let slash = if kind.is_empty() { "" } else { "/" };
                    out.fill(position, [kind, slash, id, "/", &name(place)?.name]);
                }
                None => out.fill(position, [text]),
            }
        }
    }
    Ok((out, places))
}

/// A table, and columns of it.
type Asked<'a> = (&'a str, &'a [ColumnIndex]);

/// A batch for each table. A call is given as many resources as its limits let in. One that takes too long, too much
/// memory or answers too much is made again with half of them, and in the end with half of the tables: what can be made
/// of each resource alone can be made of the page.
fn batches(mapping: &Mapping, asked: &[Asked<'_>], resources: &[Resource<'_>]) -> Result<Vec<Batch>> {
    let mut all: Vec<Batch> = Vec::new();
    let (mut done, mut most) = (0, usize::MAX);
    loop {
        let rest = &resources[done..];
        let some = &rest[..fitting(mapping.limits(), rest).min(most).min(AT_ONCE)];
        let documents: Documents = some.iter().map(|resource| resource.body).collect();
        let made = match mapping.rows_of(asked, &documents) {
            Ok(made) => made,
            Err(error) if !is_too_much(error.code()) => return Err(error),
            Err(_) if some.len() > 1 => {
                most = some.len() / 2;
                continue;
            }
            Err(error) if asked.len() < 2 => return Err(error),
            Err(_) => {
                let (half, others) = asked.split_at(asked.len() / 2);
                let mut both = batches(mapping, half, some)?;
                both.extend(batches(mapping, others, some)?);
                both
            }
        };
        if all.is_empty() {
            all = made;
        } else {
            all.iter_mut().zip(made).for_each(|(all, batch)| all.append(batch, done));
        }
        done += some.len();
        if done >= resources.len() {
            return Ok(all);
        }
        work::pause()?;
    }
}

/// How many of these resources may go into one call; one too large does alone, to be refused by name.
fn fitting(limits: &Limits, resources: &[Resource<'_>]) -> usize {
    let ends = resources.iter().scan(0, |bytes: &mut usize, resource| {
        *bytes = bytes.saturating_add(resource.body.len());
        Some(*bytes)
    });
    let fit = ends.take(limits.mapping_documents).take_while(|bytes| *bytes <= limits.mapping_input_bytes).count();
    fit.max(1).min(resources.len())
}

/// Less at once may do.
fn is_too_much(code: Code) -> bool {
    matches!(code, Code::MappingTimeout | Code::MappingMemory | Code::MappingOutputTooLarge)
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

/// What becomes of the cells at one position of a mapping's rows, and at which position of the rows that are made.
#[derive(Clone, Copy)]
enum Fate {
    Stays(usize),
    Key(usize),
    Lookup(usize),
    /// Wanted for the sake of a concept only.
    Unseen,
}

impl Fate {
    fn of(table: &Table, column: ColumnIndex, wanted: &[ColumnIndex]) -> Self {
        match (wanted.binary_search(&column), table.columns.get(column).map(|column| &column.kind)) {
            (Err(_), _) | (_, None) => Self::Unseen,
            (Ok(position), Some(Kind::Key)) => Self::Key(position),
            (Ok(position), Some(Kind::Lookup(_))) => Self::Lookup(position),
            (Ok(position), Some(_)) => Self::Stays(position),
        }
    }

    /// The position of a cell that stays as it is.
    fn stays(self, text: &str) -> Option<usize> {
        match self {
            Self::Stays(position) => Some(position),
            Self::Lookup(position) if is_relative(text) => Some(position),
            Self::Lookup(..) | Self::Key(_) | Self::Unseen => None,
        }
    }
}

/// Where a concept's key goes, and what it is made of.
struct ConceptCells<'r> {
    position: usize,
    code: usize,
    system: Option<usize>,
    /// In the row before: many rows of a page have the same.
    last: Option<(Option<&'r str>, &'r str, KeyText)>,
}

impl<'r> ConceptCells<'r> {
    /// Of the concepts that are wanted, ascending: they come after all columns that a mapping builds.
    fn all(table: &Table, rows: &'r Rows, wanted: &[ColumnIndex]) -> Vec<Self> {
        let concept = |(position, column): (usize, &ColumnIndex)| {
            let concept = table.concept_of(*column)?;
            let (code, system) = (rows.position(concept.code)?, rows.position(concept.system));
            Some(Self { position, code, system, last: None })
        };
        wanted.iter().enumerate().filter_map(concept).collect()
    }

    /// The key of the concept in a row; None if it has no code.
    fn key(&mut self, rows: &'r Rows, row: usize, keys: &mut ConceptKeys<'r>) -> Option<KeyText> {
        let code = rows.at(row, self.code)?;
        let system = self.system.and_then(|system| rows.at(row, system));
        let key = match self.last {
            Some((last_system, last_code, key)) if (last_system, last_code) == (system, code) => key,
            _ => keys.of(system, code),
        };
        self.last = Some((system, code, key));
        Some(key)
    }
}

/// Keys of concepts as texts. The rows of a page have many concepts in common, and a key is a hash.
#[derive(Default)]
struct ConceptKeys<'r>(HashMap<(Option<&'r str>, &'r str), KeyText>);

type KeyText = [u8; Hyphenated::LENGTH];

impl<'r> ConceptKeys<'r> {
    fn of(&mut self, system: Option<&'r str>, code: &'r str) -> KeyText {
        *self.0.entry((system, code)).or_insert_with(|| {
            let mut text = [0; Hyphenated::LENGTH];
            key::concept(system, code).hyphenated().encode_lower(&mut text);
            text
        })
    }
}

fn canonical<'a>(
    table: &Table,
    rows: &Rows,
    resource_types: impl Iterator<Item = &'a str>,
    (base, version): (&str, &dyn Fn(usize) -> Option<String>),
    wanted: &[ColumnIndex],
) -> Rows {
    if !wanted.is_sorted_by(|a, b| a < b) {
        let mut ascending = wanted.to_vec();
        ascending.sort_unstable();
        ascending.dedup();
        return canonical(table, rows, resource_types, (base, version), &ascending).project(wanted);
    }
    let fates: Vec<_> = rows.columns().iter().map(|column| Fate::of(table, *column, wanted)).collect();
    let mut concepts = ConceptCells::all(table, rows, wanted);
    let mut keys = ConceptKeys::default();
    // The last column of all.
    let added = table.version.filter(|_| table.adds_version).and_then(|column| wanted.binary_search(&column).ok());
    let mut out = Rows::with_room_of(wanted.to_vec(), rows);
    // Positions of cells that stay and are not copied yet: most stay, and are copied many at once.
    let mut staying = Vec::with_capacity(wanted.len());
    for (row, resource_type) in resource_types.enumerate() {
        out.begin_row();
        let mut count = 0;
        for (position, text) in rows.filled(row) {
            count += 1;
            let fate = fates[position];
            if let Some(position) = fate.stays(text) {
                staying.push(position);
                continue;
            }
            out.fill_from(rows, row, count - 1 - staying.len()..count - 1, &staying);
            staying.clear();
            match fate {
                Fate::Key(position) => out.fill(position, [resource_type, "/", text]),
                Fate::Lookup(position) => {
                    if let Some(reference) = relative(text, base) {
                        out.fill(position, reference);
                    }
                }
                Fate::Stays(_) | Fate::Unseen => {}
            }
        }
        out.fill_from(rows, row, count - staying.len()..count, &staying);
        staying.clear();
        for concept in &mut concepts {
            if let Some(key) = concept.key(rows, row, &mut keys) {
                out.fill(concept.position, [std::str::from_utf8(&key).unwrap_or_default()]);
            }
        }
        if let Some((position, version)) = added.and_then(|position| Some((position, version(row)?))) {
            out.fill(position, [&version]);
        }
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
fn relative<'a>(text: &'a str, base: &str) -> Option<[&'a str; 3]> {
    let reference = key::reference(text)?;
    // `urn:uuid:` has no type: outside of its bundle it points to nothing, and no search for a row would find it.
    let ours = reference.base.is_empty() || reference.base.trim_end_matches('/') == base.trim_end_matches('/');
    (ours && !reference.resource_type.is_empty()).then_some([reference.resource_type, "/", reference.id])
}

/// Whether a pointer is made as places in a resource are, of names of elements and numbers: anything else a mapping may have
/// read in the resource.
fn is_place(pointer: &str) -> bool {
    let is_step = |step: &str| {
        let is_name = step.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let is_plain = step.len() <= 40 && step.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        step.is_empty() || is_plain && (is_name || step.len() <= 5 && step.bytes().all(|byte| byte.is_ascii_digit()))
    };
    pointer.len() <= 400 && pointer.split(['/', '.', '[', ']']).all(is_step)
}

fn unreadable(live: &ServedTable, issue: &Issue) -> Error {
    let at = issue.pointer.as_deref().filter(|pointer| is_place(pointer));
    let at = at.map(|pointer| format!(" at {pointer}")).unwrap_or_default();
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
    use crate::odata::sample;

    const BASE: &str = "https://fhir.example.org/r4";

    /// What becomes of an observation's cells; the first is its id, the fourth its patient, the fifth its device.
    fn made(cells: [Option<&str>; 16], table: &Table) -> Vec<Option<String>> {
        let wanted: Vec<ColumnIndex> = (0..table.columns.len()).collect();
        let mut rows = Rows::new(wanted[..16].to_vec());
        // Twice, since a row may take something from the one before.
        rows.push(cells);
        rows.push(cells);
        let rows = canonical(table, &rows, ["Observation"; 2].into_iter(), (BASE, &|_| None), &wanted);
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
            ("urn:uuid:4c73b472-442b-4920-b899-aadc599f1d75", None),
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
}
