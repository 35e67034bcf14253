//! `turntable mapping build`: a mapping's source to a component in a file. Views have [`super::view`].

use std::{
    fs,
    path::{Path, PathBuf},
};

use turntable_componentize::{Settings, componentize, declare, put_samples, read_samples};

use crate::mapping::inspect::inspect;
use crate::mapping::shipped::DECLARED;
use crate::model::{
    error::{Code, Error, Result},
    limits::Limits,
};

/// Makes a component of a mapping: of a YAML file, a directory with a `mapping.yaml`, or the directory of a crate,
/// which it compiles. The samples beside it go with it. Writes to `out`; or beside the YAML file, or beside cargo's own
/// output. Gives the path of what it wrote.
pub fn build(source: &Path, out: Option<&Path>) -> Result<PathBuf> {
    build_with(source, out, Settings::default())
}

/// The same for an author who waits for it: a crate is compiled fast rather than for speed.
pub fn build_quickly(source: &Path, out: &Path) -> Result<PathBuf> {
    build_with(source, Some(out), Settings { quick: true, ..Settings::default() })
}

fn build_with(source: &Path, out: Option<&Path>, settings: Settings<'_>) -> Result<PathBuf> {
    let failed = |what: String| Error::new(Code::ComponentRefused, what);
    let on = |path: &Path, error: std::io::Error| failed(format!("{}: {error}", path.display()));
    let built = match yaml_file(source) {
        Some(file) => of_yaml(&file)?,
        None => of_crate(&source.canonicalize().map_err(|error| on(source, error))?, settings)?,
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

/// Embeds a mapping in YAML in its engine. No compiler takes part.
fn of_yaml(file: &Path) -> Result<Built> {
    let failed = |what: String| Error::new(Code::ComponentRefused, what);
    let text = fs::read_to_string(file).map_err(|error| failed(format!("{}: {error}", file.display())))?;
    let mapping = turntable_mapping_yaml::read(&text, &file.display().to_string()).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        failed(faults.join("\n"))
    })?;
    let samples = read_samples(&file.with_file_name("samples")).map_err(failed)?;
    let component = declare(DECLARED, mapping, &samples).map_err(failed)?;
    Ok(Built { component, place: file.with_extension("wasm") })
}

/// Compiles a mapping crate.
fn of_crate(directory: &Path, settings: Settings<'_>) -> Result<Built> {
    let failed = |what: String| Error::new(Code::ComponentRefused, what);
    if !directory.join("Cargo.toml").is_file() {
        return Err(failed(format!(
            "{} is no mapping: no crate (Cargo.toml) and no mapping.yaml",
            directory.display()
        ))
        .hint("Give a YAML file or the directory of a mapping crate: turntable mapping build my.yaml"));
    }
    let directory = directory.to_owned();
    let modules = turntable_componentize::compile(std::slice::from_ref(&directory), settings).map_err(failed)?;
    let module = modules.get(&directory).ok_or_else(|| failed("cargo gave no module".into()))?;
    let samples = read_samples(&directory.join("samples")).map_err(failed)?;
    let core = fs::read(module).map_err(|error| failed(format!("{}: {error}", module.display())))?;
    let component = componentize(&core, &samples).map_err(failed)?;
    Ok(Built { component, place: module.with_extension("component.wasm") })
}

/// Puts the samples of a directory behind a component that another language's tool made, and writes it to `out`.
pub fn with_samples(component: &Path, samples: &Path, out: &Path) -> Result<()> {
    let failed = |what: String| Error::new(Code::ComponentRefused, what);
    let on = |path: &Path, error: std::io::Error| failed(format!("{}: {error}", path.display()));
    let mut bytes = fs::read(component).map_err(|error| on(component, error))?;
    bytes = inspect(&bytes, &Limits::default())?.component;
    put_samples(&mut bytes, &read_samples(samples).map_err(failed)?).map_err(failed)?;
    inspect(&bytes, &Limits::default())?;
    fs::write(out, &bytes).map_err(|error| on(out, error))
}
