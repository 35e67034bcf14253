//! `turntable mapping inspect`: what a component is, as text and as JSON.

use std::fmt::Write;

use crate::mapping::component::Mapping;
use crate::mapping::inspect::Inspection;

/// What a component is, for people, one thing a line; with its tables if it has been loaded.
pub fn as_text(inspection: &Inspection, mapping: Option<&Mapping>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        writeln!(text, "{name:<9} {value}").expect("a String takes everything");
    };
    if let Some(mapping) = mapping {
        line("mapping", &format!("{} {}", mapping.name, mapping.version));
    }
    line("digest", &inspection.digest);
    let wrapped = if inspection.wrapped { ", made of a core module" } else { "" };
    line("size", &format!("{} bytes{wrapped}", inspection.bytes));
    line("writes", if inspection.writes { "yes" } else { "no, it only reads" });
    for import in &inspection.imports {
        line("imports", import);
    }
    for export in &inspection.exports {
        line("exports", export);
    }
    for table in mapping.map(|mapping| &mapping.tables[..]).unwrap_or_default() {
        let sources: Vec<_> = table.sources.iter().map(|source| source.resource_type.as_str()).collect();
        let (name, set, columns) = (&table.name, &table.entity_set, table.columns.len());
        line("table", &format!("{name} ({set}), {columns} columns, from {}", sources.join(", ")));
    }
    for sample in &inspection.samples {
        let parts = [("rows", &sample.rows), ("change", &sample.change), ("after", &sample.after)];
        let with: Vec<_> = parts.iter().filter(|(_, part)| part.is_some()).map(|(name, _)| *name).collect();
        line("sample", format!("{} {}", sample.name, with.join(" ")).trim_end());
    }
    text
}

/// The same for programs, with the tables in full.
pub fn as_json(inspection: &Inspection, mapping: Option<&Mapping>) -> serde_json::Value {
    let samples: Vec<&str> = inspection.samples.iter().map(|sample| sample.name.as_str()).collect();
    let tables = mapping.map(|mapping| mapping.tables.iter().map(|table| &**table).collect::<Vec<_>>());
    serde_json::json!({
        "name": mapping.map(|mapping| &mapping.name),
        "version": mapping.map(|mapping| &mapping.version),
        "digest": inspection.digest,
        "bytes": inspection.bytes,
        "wrapped": inspection.wrapped,
        "writes": inspection.writes,
        "imports": inspection.imports,
        "exports": inspection.exports,
        "samples": samples,
        "tables": tables,
    })
}
