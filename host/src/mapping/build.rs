//! What `turntable mapping build` and `turntable mapping inspect` do.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use super::{
    component::Mapping,
    guest,
    inspect::{Inspection, inspect},
    wrap,
};
use crate::model::{
    error::{Code, Error, Result},
    limits::Limits,
};

// Written by `build.rs`: `DECLARED` and `VIEW_ENGINE`, the core modules that run mappings in YAML and views.
include!(concat!(env!("OUT_DIR"), "/engines.rs"));

/// Makes a component of a mapping: of a YAML file, a directory with a `mapping.yaml`, or the directory of a crate,
/// which it compiles. The samples beside it go with it. Writes to `out`; or beside the YAML file, or beside cargo's own
/// output. Gives the path of what it wrote.
pub fn build(source: &Path, out: Option<&Path>) -> Result<PathBuf> {
    build_with(source, out, guest::Settings::default())
}

/// The same for an author who waits for it: a crate is compiled fast rather than for speed.
pub fn build_quickly(source: &Path, out: &Path) -> Result<PathBuf> {
    build_with(source, Some(out), guest::Settings { quick: true, ..guest::Settings::default() })
}

fn build_with(source: &Path, out: Option<&Path>, settings: guest::Settings<'_>) -> Result<PathBuf> {
    let failed = |what: String| Error::new(Code::ComponentRefused, what);
    let on = |path: &Path, error: std::io::Error| failed(format!("{}: {error}", path.display()));
    let built = match yaml_file(source) {
        Some(file) => declare(&file)?,
        None => compile(&source.canonicalize().map_err(|error| on(source, error))?, settings)?,
    };
    inspect(&built.component, &Limits::default())?;
    let out = out.map_or(built.place, Path::to_owned);
    fs::write(&out, &built.component).map_err(|error| on(&out, error))?;
    Ok(out)
}

/// A component, and where it goes unless another place is said.
struct Built {
    component: Vec<u8>,
    place: PathBuf,
}

/// The YAML that a path means: itself, or the one in the directory, if that is no crate.
fn yaml_file(source: &Path) -> Option<PathBuf> {
    let is_yaml = source.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    if is_yaml {
        return Some(source.to_owned());
    }
    let inside = source.join("mapping.yaml");
    (inside.is_file() && !source.join("Cargo.toml").is_file()).then_some(inside)
}

/// Attaches a mapping in YAML to the engine. No compiler takes part.
fn declare(file: &Path) -> Result<Built> {
    let failed = |what: String| Error::new(Code::ComponentRefused, what);
    let text = fs::read_to_string(file).map_err(|error| failed(format!("{}: {error}", file.display())))?;
    let mapping = turntable_mapping_yaml::read(&text, &file.display().to_string()).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        failed(faults.join("\n"))
    })?;
    let samples = wrap::read_samples(&file.with_file_name("samples")).map_err(failed)?;
    let component = wrap::declare(DECLARED, mapping, &samples).map_err(failed)?;
    Ok(Built { component, place: file.with_extension("wasm") })
}

/// Compiles a mapping crate.
fn compile(directory: &Path, settings: guest::Settings<'_>) -> Result<Built> {
    let failed = |what: String| Error::new(Code::ComponentRefused, what);
    if !directory.join("Cargo.toml").is_file() {
        return Err(failed(format!(
            "{} is no mapping: no crate (Cargo.toml) and no mapping.yaml",
            directory.display()
        ))
        .hint("Give a YAML file or the directory of a mapping crate: turntable mapping build my.yaml"));
    }
    let directory = directory.to_owned();
    let modules = guest::compile(std::slice::from_ref(&directory), settings).map_err(failed)?;
    let module = modules.get(&directory).ok_or_else(|| failed("cargo gave no module".into()))?;
    let samples = wrap::read_samples(&directory.join("samples")).map_err(failed)?;
    let core = fs::read(module).map_err(|error| failed(format!("{}: {error}", module.display())))?;
    let component = wrap::wrap(&core, &samples).map_err(failed)?;
    Ok(Built { component, place: module.with_extension("component.wasm") })
}

/// Puts the samples of a directory behind a component that another language's tool made, and writes it to `out`.
pub fn with_samples(component: &Path, samples: &Path, out: &Path) -> Result<()> {
    let failed = |what: String| Error::new(Code::ComponentRefused, what);
    let on = |path: &Path, error: std::io::Error| failed(format!("{}: {error}", path.display()));
    let mut bytes = fs::read(component).map_err(|error| on(component, error))?;
    bytes = inspect(&bytes, &Limits::default())?.component;
    wrap::put_samples(&mut bytes, &wrap::read_samples(samples).map_err(failed)?).map_err(failed)?;
    inspect(&bytes, &Limits::default())?;
    fs::write(out, &bytes).map_err(|error| on(out, error))
}

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
