//! `turntable mapping check`: what a mapping is, whether it and what it writes agree with R4, what of it cannot be written or searched.

use std::path::Path;

use serde_json::{Value, json};
use turntable_laws::Subject;
use turntable_laws::definitions::read_only_because;
use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;

use super::source::{self, Opened};
use crate::cli::terminal::say;
use crate::mapping::inspect;
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;

pub fn check(path: &Path, as_json: bool) -> Result<()> {
    let opened = source::open(path)?;
    let schema = opened.mapping.describe();
    let [wrong_targets, notes] = opened.targets()?;
    let faults = [opened.faults(), opened.wrongly_written(), wrong_targets].concat();
    if as_json {
        say(format!("{:#}", report(&opened, &schema, &faults, &notes)?));
    } else {
        show(&opened, &schema, &faults, &notes)?;
    }
    match faults.len() {
        0 => Ok(()),
        1 => Err(Error::new(Code::ComponentRefused, "one fault")),
        many => Err(Error::new(Code::ComponentRefused, format!("{many} faults"))),
    }
}

fn show(opened: &Opened, schema: &wit::Mapping, faults: &[String], notes: &[String]) -> Result<()> {
    let inspection = inspect::inspect(&opened.component, &Limits::default())?;
    say(format!("{} {}", schema.name, schema.version));
    let imports = if inspection.imports.is_empty() { "nothing".to_owned() } else { inspection.imports.join(", ") };
    say(format!("  imports {imports}; exports {}", inspection.exports.join(", ")));
    for table in &schema.tables {
        let sources: Vec<_> = table.sources.iter().map(|source| source.resource_type.as_str()).collect();
        say(format!(
            "{} ({}), {} columns, from {}",
            table.name,
            table.entity_set,
            table.columns.len(),
            sources.join(", ")
        ));
        for (column, because) in read_only(table) {
            say(format!("  read only       {column}: {because}"));
        }
        let unsearched = unsearched(table);
        if !unsearched.is_empty() {
            say(format!("  filtered here   {}", unsearched.join(", ")));
        }
    }
    for note in notes {
        say(format!("note   {note}"));
    }
    for fault in faults {
        say(format!("FAULT  {fault}"));
    }
    Ok(())
}

fn report(opened: &Opened, schema: &wit::Mapping, faults: &[String], notes: &[String]) -> Result<Value> {
    let inspection = inspect::inspect(&opened.component, &Limits::default())?;
    let tables: Vec<_> = schema
        .tables
        .iter()
        .map(|table| {
            let read_only: Vec<_> = read_only(table)
                .into_iter()
                .map(|(column, because)| json!({"column": column, "because": because}))
                .collect();
            json!({
                "name": table.name,
                "entity_set": table.entity_set,
                "columns": table.columns.len(),
                "read_only": read_only,
                "not_searchable": unsearched(table),
            })
        })
        .collect();
    Ok(json!({
        "name": schema.name,
        "version": schema.version,
        "imports": inspection.imports,
        "exports": inspection.exports,
        "tables": tables,
        "notes": notes,
        "faults": faults,
    }))
}

fn read_only(table: &wit::Table) -> Vec<(&str, &'static str)> {
    if !table.access.contains(wit::TableAccess::UPDATE) {
        return vec![("*", "the table is read only")];
    }
    let columns = table.columns.iter();
    columns.filter_map(|column| Some((column.name.as_str(), read_only_because(column)?))).collect()
}

/// Columns without a search parameter: their conditions are filtered after the rows are read.
fn unsearched(table: &wit::Table) -> Vec<&str> {
    let bound = |at: usize| {
        table.sources.iter().flat_map(|source| &source.search).any(|binding| usize::from(binding.column) == at)
    };
    let columns = table.columns.iter().enumerate().filter(|(at, _)| !bound(*at));
    columns.map(|(_, column)| column.name.as_str()).collect()
}
