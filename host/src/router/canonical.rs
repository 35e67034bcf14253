//! Makes a mapping's rows the host's: the key cell becomes the key text `Type/id[/path]`, references become relative to
//! the service they came from (one to another service points to no row here and becomes null), and every concept gets
//! its key. After this a row says the same on both routes.

use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};

/// The columns that a mapping must build so that these can be shown, ascending: a concept key needs its code and system.
pub fn mapped_columns(table: &Table, wanted: &[ColumnIndex]) -> Vec<ColumnIndex> {
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

/// `rows` holds mapped columns; `resource_types` the type of each row's resource; `base` the service's base URL.
pub fn canonical(table: &Table, rows: &Rows, resource_types: &[&str], base: &str, wanted: &[ColumnIndex]) -> Rows {
    let mut out = Rows::new(wanted.to_vec());
    let mut cells: Vec<Option<String>> = Vec::with_capacity(wanted.len());
    for row in 0..rows.len() {
        let resource_type = resource_types.get(row).copied().unwrap_or_default();
        cells.clear();
        cells.extend(wanted.iter().map(|column| cell(table, rows, row, *column, resource_type, base)));
        out.push(cells.iter().map(Option::as_deref));
    }
    out
}

fn cell(
    table: &Table,
    rows: &Rows,
    row: usize,
    column: ColumnIndex,
    resource_type: &str,
    base: &str,
) -> Option<String> {
    match &table.columns.get(column)?.kind {
        Kind::Key => rows.cell(row, column).map(|id| format!("{resource_type}/{id}")),
        Kind::Lookup(lookup) => {
            let reference = key::reference(rows.cell(row, column)?)?;
            let ours = reference.base.is_empty() || reference.base.trim_end_matches('/') == base.trim_end_matches('/');
            // `urn:uuid:` has no type of its own; a column with one target type lends it.
            let resource_type = match (reference.resource_type, lookup.targets.as_slice()) {
                ("", [only]) => only.resource_type.as_str(),
                (resource_type, _) => resource_type,
            };
            (ours && !resource_type.is_empty()).then(|| format!("{resource_type}/{}", reference.id))
        }
        Kind::ConceptKey { concept } => {
            let concept = table.concepts.get(*concept)?;
            let code = rows.cell(row, concept.code)?;
            Some(key::concept(rows.cell(row, concept.system), code).to_string())
        }
        _ => rows.cell(row, column).map(str::to_owned),
    }
}
