//! What an author points to, opened: a crate (which is built), a file in YAML, or a component.

use std::fs;
use std::path::{Path, PathBuf};

use turntable_mapping::definitions;
use turntable_mapping::laws::{Native, Subject};
use turntable_mapping_yaml::Document;

use crate::mapping::component::Mapping;
use crate::mapping::sandbox::Sandbox;
use crate::mapping::wrap::{self, Sample};
use crate::mapping::{build, inspect};
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::limits::Limits;

/// A mapping that can be called.
pub struct Opened {
    pub name: String,
    pub version: String,
    /// Where its samples are; a component carries them in itself.
    pub samples_dir: Option<PathBuf>,
    pub samples: Vec<Sample>,
    pub kind: Kind,
}

pub enum Kind {
    /// In the sandbox; with its bytes.
    Component(Box<Mapping>, Vec<u8>),
    /// A file in YAML, run by the same code outside of the sandbox.
    Declared(Document, Native),
}

/// What a path is.
pub enum Source {
    Crate(PathBuf),
    /// With the samples beside it.
    Yaml(PathBuf),
    Component(PathBuf),
}

impl Source {
    /// Looks at what is there, without opening it.
    pub fn of(path: &Path) -> Result<Self> {
        let yaml = path.join("mapping.yaml");
        if path.is_dir() && yaml.is_file() {
            return Ok(Self::Yaml(yaml));
        }
        if path.is_dir() && path.join("Cargo.toml").is_file() {
            return Ok(Self::Crate(path.to_owned()));
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml") if path.is_file() => Ok(Self::Yaml(path.to_owned())),
            _ if path.is_file() => Ok(Self::Component(path.to_owned())),
            _ if path.is_dir() => Err(refused(format!("{} holds no mapping", path.display()))
                .hint("A mapping is a crate (Cargo.toml), a file mapping.yaml, or a component (.wasm).")),
            _ => Err(refused(format!("there is no {}", path.display()))),
        }
    }
}

/// Opens what is at a path; a crate is built first.
pub fn open(path: &Path) -> Result<Opened> {
    match Source::of(path)? {
        Source::Yaml(file) => declared(&file),
        Source::Component(file) => component(&file, None),
        Source::Crate(directory) => {
            let file = build::build(&directory, None)?;
            component(&file, Some(directory.join("samples")))
        }
    }
}

fn declared(file: &Path) -> Result<Opened> {
    let text = read(file)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| refused(format!("{} is not UTF-8", file.display()))))?;
    let document = turntable_mapping_yaml::parse(&text, &file.display().to_string()).map_err(|faults| {
        let details =
            faults.iter().map(|fault| Detail { code: "yaml".into(), message: fault.to_string(), target: None });
        refused(format!("{} is no mapping: {} faults", file.display(), faults.len())).details(details)
    })?;
    let samples_dir = file.parent().unwrap_or(Path::new(".")).join("samples");
    let native = Native(document.mapping);
    let described = turntable_mapping::describe(document.mapping);
    Ok(Opened {
        name: described.name,
        version: described.version,
        samples: wrap::read_samples(&samples_dir).map_err(refused)?,
        samples_dir: Some(samples_dir),
        kind: Kind::Declared(document, native),
    })
}

fn component(file: &Path, samples_dir: Option<PathBuf>) -> Result<Opened> {
    let bytes = read(file)?;
    let limits = Limits::default();
    inspect::inspect(&bytes, &limits)?;
    let mapping = Sandbox::new(&limits, None)?.load(&bytes)?;
    Ok(Opened {
        name: mapping.name.clone(),
        version: mapping.version.clone(),
        samples: mapping.samples.clone(),
        samples_dir,
        kind: Kind::Component(Box::new(mapping), bytes),
    })
}

impl Opened {
    pub fn subject(&self) -> &dyn Subject {
        match &self.kind {
            Kind::Component(mapping, _) => &**mapping,
            Kind::Declared(_, native) => native,
        }
    }

    /// What disagrees with R4's definitions, one line each, with file, line and column where there is a file.
    pub fn faults(&self) -> Vec<String> {
        match &self.kind {
            Kind::Component(mapping, _) => {
                let schema = Subject::describe(&**mapping);
                definitions::check_schema(&schema).iter().map(ToString::to_string).collect()
            }
            Kind::Declared(document, _) => {
                let faults = definitions::check(document.mapping).into_iter();
                let placed = faults.map(|fault| match &fault.column {
                    Some(column) => document.fault(&fault.table, column, fault.to_string()).to_string(),
                    None => fault.to_string(),
                });
                placed.collect()
            }
        }
    }
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| refused(format!("{} cannot be read: {error}", file.display())))
}

pub(super) fn refused(what: impl Into<String>) -> Error {
    Error::new(Code::ComponentRefused, what.into())
}
