//! `turntable mapping …`: the author's bench.

pub mod bench;
pub mod build;
pub mod check;
pub mod dev;
pub mod inspect;
pub mod new;
pub mod registry;
pub mod sign;
pub mod source;
pub mod test;
pub mod view;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::terminal::{note, say};
use crate::mapping::inspect::inspect as inspected;
use crate::mapping::sandbox::Sandbox;
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;

pub fn build(dir: &Path, output: Option<&Path>, as_json: bool) -> Result<()> {
    let file = match view::is_view(dir) {
        true => build_view(dir, output)?,
        false => build::build(dir, output)?,
    };
    let bytes = std::fs::metadata(&file).map(|m| m.len()).unwrap_or_default();
    if as_json {
        say(json!({ "file": file, "bytes": bytes }));
    } else {
        say(format!("{} ({bytes} bytes)", file.display()));
    }
    Ok(())
}

/// A SQL-on-FHIR ViewDefinition.
fn build_view(file: &Path, output: Option<&Path>) -> Result<PathBuf> {
    let (out, warnings) = view::build(file, output)?;
    warnings.iter().for_each(note);
    Ok(out)
}

pub fn inspect(file: &Path, describe: bool, as_json: bool) -> Result<()> {
    let bytes = std::fs::read(file)
        .map_err(|e| Error::new(Code::BadRequest, format!("{} cannot be read: {e}", file.display())))?;
    let limits = Limits::default();
    let inspection = inspected(&bytes, &limits)?;
    let mapping = if describe { Some(Sandbox::new(&limits, None)?.load(&bytes)?) } else { None };
    if as_json {
        say(format!("{:#}", inspect::as_json(&inspection, mapping.as_ref())));
    } else {
        say(inspect::as_text(&inspection, mapping.as_ref()).trim_end());
    }
    Ok(())
}
