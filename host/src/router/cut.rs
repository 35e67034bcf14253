//! Cuts resources into rows: calls the mapping and makes its rows the host's. The key cell becomes the key text
//! `Type/id[/path]`, references become relative to the service they came from (one to another service points to no row
//! here and becomes null), and every concept gets its key. After this a row says the same on both routes.

use std::borrow::Cow;

use crate::mapping::component::{Documents, Issue, Severity};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};
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
    let mut documents = Documents::new();
    for resource in resources {
        documents.push(resource.body);
    }
    let batch = live.mapping.rows(&table.name, &documents, &mapped)?;
    if let Some(issue) = batch.issues.iter().find(|i| i.severity == Severity::Error) {
        return Err(unreadable(live, issue));
    }
    let origin: Vec<usize> = batch.origin.iter().map(|o| *o as usize).collect();
    let types: Vec<_> =
        origin.iter().map(|o| resources.get(*o).map_or("", |resource| resource.resource_type)).collect();
    let rows = canonical(table, &batch.rows, &types, base, wanted);
    Ok(Cut { rows, origin, warnings: batch.issues.len() })
}

/// The columns that a mapping must build so that these can be shown, ascending: a concept key needs its code and system.
fn mapped_columns(table: &Table, wanted: &[ColumnIndex]) -> Vec<ColumnIndex> {
    let mut columns: Vec<_> = wanted
        .iter()
        .flat_map(|wanted| match table.concept_of(*wanted) {
            Some(concept) => vec![concept.code, concept.system],
            None => vec![*wanted],
        })
        .filter(|column| *column < table.mapped())
        .collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

fn canonical(table: &Table, rows: &Rows, resource_types: &[&str], base: &str, wanted: &[ColumnIndex]) -> Rows {
    let mut out = Rows::new(wanted.to_vec());
    let mut cells: Vec<Option<Cow<'_, str>>> = Vec::with_capacity(wanted.len());
    for row in 0..rows.len() {
        let resource_type = resource_types.get(row).copied().unwrap_or_default();
        cells.clear();
        cells.extend(wanted.iter().map(|column| cell(table, rows, row, *column, resource_type, base)));
        out.push(cells.iter().map(Option::as_deref));
    }
    out
}

fn cell<'a>(
    table: &Table,
    rows: &'a Rows,
    row: usize,
    column: ColumnIndex,
    resource_type: &str,
    base: &str,
) -> Option<Cow<'a, str>> {
    match &table.columns.get(column)?.kind {
        Kind::Key => rows.cell(row, column).map(|id| format!("{resource_type}/{id}").into()),
        Kind::Lookup(lookup) => {
            let text = rows.cell(row, column)?;
            let reference = key::reference(text)?;
            // `urn:uuid:` has no type of its own; a column with one target type lends it.
            let resource_type = match (reference.resource_type, lookup.targets.as_slice()) {
                ("", [only]) => only.resource_type.as_str(),
                ("", _) => return None,
                (resource_type, _) => resource_type,
            };
            if reference.base.is_empty() && text.len() == resource_type.len() + 1 + reference.id.len() {
                return Some(text.into());
            }
            let ours = reference.base.is_empty() || reference.base.trim_end_matches('/') == base.trim_end_matches('/');
            ours.then(|| format!("{resource_type}/{}", reference.id).into())
        }
        Kind::ConceptKey { concept } => {
            let concept = table.concepts.get(*concept)?;
            let code = rows.cell(row, concept.code)?;
            Some(key::concept(rows.cell(row, concept.system), code).to_string().into())
        }
        _ => rows.cell(row, column).map(Cow::Borrowed),
    }
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
