//! `turntable mapping build` and `inspect`: the author's bench, without a server.

use std::path::Path;

use serde_json::json;

use crate::cli::arguments::say;
use crate::mapping::{build as builder, component, sandbox};
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;

pub fn build(dir: &Path, output: Option<&Path>, as_json: bool) -> Result<()> {
    let file = builder::build(dir, output)?;
    let size = std::fs::metadata(&file).map(|m| m.len()).unwrap_or_default();
    if as_json {
        say(json!({ "file": file, "bytes": size }));
    } else {
        say(format!("{} ({size} bytes)", file.display()));
    }
    Ok(())
}

pub fn inspect(file: &Path, describe: bool, as_json: bool) -> Result<()> {
    let bytes = std::fs::read(file)
        .map_err(|e| Error::new(Code::BadRequest, format!("{} cannot be read: {e}", file.display())))?;
    let limits = Limits::default();
    let inspection = component::inspect(&bytes, &limits)?;
    let tables = if describe { Some(sandbox::Sandbox::new(&limits, None)?.load(&bytes)?.tables) } else { None };
    if as_json {
        say(format!("{:#}", json!({ "component": inspection, "tables": tables })));
        return Ok(());
    }
    say(inspection);
    for table in tables.into_iter().flatten() {
        say(format!("\n{} ({}), {}", table.name, table.entity_set, table.label));
        for column in &table.columns {
            say(format!("  {:<44} {:<16} {}", column.property(), crate::model::value::kind_name(&column.kind), column.path));
        }
    }
    Ok(())
}
