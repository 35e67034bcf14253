//! SQL-on-FHIR ViewDefinitions to components: the engine that this binary carries, with the compiled view in it. It needs
//! no Rust toolchain.

use std::path::{Path, PathBuf};
use std::{fs, io};

use turntable_componentize::{Sample, fill, read_samples};
use turntable_view::{Fault, PROGRAM, compile};

use crate::mapping::inspect::inspect;
use crate::mapping::shipped::VIEW_ENGINE;
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::limits::Limits;

/// What came of a view.
pub struct Built {
    pub component: Vec<u8>,
    /// What is probably not meant: line, column, and what it is.
    pub warnings: Vec<String>,
}

/// Whether a file is a ViewDefinition, as far as its beginning says: JSON of that resource type.
pub fn is_view(path: &Path) -> bool {
    #[derive(serde::Deserialize)]
    struct Resource {
        #[serde(rename = "resourceType")]
        of: String,
    }
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let text = if is_json { fs::read_to_string(path).ok() } else { None };
    text.and_then(|text| serde_json::from_str::<Resource>(&text).ok()).is_some_and(|found| found.of == "ViewDefinition")
}

/// Builds the view in a file into a component at `out`, or beside it. Samples are those of a directory `samples` beside
/// the file.
pub fn build(file: &Path, out: Option<&Path>) -> Result<(PathBuf, Vec<String>)> {
    let on = |path: &Path, error: io::Error| refused(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(file).map_err(|error| on(file, error))?;
    let samples = read_samples(&file.with_file_name("samples")).map_err(refused)?;
    let built = component(&text, file, &samples)?;
    let out = out.map_or_else(|| file.with_extension("wasm"), Path::to_owned);
    fs::write(&out, &built.component).map_err(|error| on(&out, error))?;
    Ok((out, built.warnings))
}

/// The component of a view. `file` is for messages, and names the table of a view without a name.
pub fn component(text: &str, file: &Path, samples: &[Sample]) -> Result<Built> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("view");
    let said = |fault: &Fault| format!("{}:{fault}", file.display());
    let compiled = compile(text, stem).map_err(|faults| not_compiled(faults.iter().map(said).collect()))?;
    let component = fill(VIEW_ENGINE, &[(PROGRAM, &compiled.program)], samples).map_err(refused)?;
    inspect(&component, &Limits::default())?;
    Ok(Built { component, warnings: compiled.warnings.iter().map(said).collect() })
}

fn refused(what: String) -> Error {
    Error::new(Code::ComponentRefused, what)
}

fn not_compiled(faults: Vec<String>) -> Error {
    let message = faults.first().cloned().unwrap_or_default();
    let detail = |message: String| Detail { code: "view".into(), message, target: None };
    refused(message).details(faults.into_iter().map(detail))
}
