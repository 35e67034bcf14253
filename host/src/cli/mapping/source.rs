//! What an author points to, opened: a crate, a file in YAML or a view, which are built, or a component.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use turntable_componentize::Sample;
use turntable_laws::{Subject, Violation, definitions, targets, valid};
use turntable_mapping_yaml::Document;

use crate::cli::mapping::{build, view};
use crate::mapping::component::Mapping;
use crate::mapping::sandbox::Sandbox;
use crate::mapping::shipped::SHIPPED;
use crate::mapping::subject;
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;

/// Lines of a mapping that are shown in a second.
const LOG_LINES: u32 = 20;

/// A mapping that can be called, in the sandbox and under the limits of production.
pub struct Opened {
    pub mapping: Mapping,
    pub component: Vec<u8>,
    pub samples: Vec<Sample>,
    /// Where its samples are; a component carries them in itself.
    pub samples_dir: Option<PathBuf>,
    /// The text in YAML that it was made of, which knows the place of each column.
    document: Option<Document>,
}

/// What a path is.
pub enum Source {
    Crate(PathBuf),
    /// With the samples beside it.
    Yaml(PathBuf),
    View(PathBuf),
    Component(PathBuf),
}

impl Source {
    /// Looks at what is there, without opening it.
    pub fn of(path: &Path) -> Result<Self> {
        let yaml = path.join("mapping.yaml");
        if path.is_dir() && path.join("Cargo.toml").is_file() {
            return Ok(Self::Crate(path.to_owned()));
        }
        if path.is_dir() && yaml.is_file() {
            return Ok(Self::Yaml(yaml));
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml") if path.is_file() => Ok(Self::Yaml(path.to_owned())),
            _ if view::is_view(path) => Ok(Self::View(path.to_owned())),
            _ if path.is_file() => Ok(Self::Component(path.to_owned())),
            _ if path.is_dir() => Err(refused(format!("{} holds no mapping", path.display()))
                .hint("A mapping is a crate (Cargo.toml), a file mapping.yaml, a view, or a component (.wasm).")),
            _ => Err(refused(format!("there is no {}", path.display()))),
        }
    }

    /// The file or folder that the author works on.
    pub fn path(&self) -> &Path {
        match self {
            Self::Crate(path) | Self::Yaml(path) | Self::View(path) | Self::Component(path) => path,
        }
    }

    /// The files and folders that it is made of.
    pub fn parts(&self) -> Vec<PathBuf> {
        match self {
            Self::Yaml(file) => vec![file.clone(), file.with_file_name("samples")],
            _ => vec![self.path().to_owned()],
        }
    }

    /// The component, built if it is none yet. `scratch` is a folder for it.
    pub fn component(&self, scratch: &Path) -> Result<PathBuf> {
        self.made(scratch, |path, out| build::build(path, Some(out)))
    }

    /// The same, built fast rather than for speed.
    pub fn draft(&self, scratch: &Path) -> Result<PathBuf> {
        self.made(scratch, build::build_quickly)
    }

    fn made(&self, scratch: &Path, build: impl Fn(&Path, &Path) -> Result<PathBuf>) -> Result<PathBuf> {
        let out = scratch.join("mapping.wasm");
        match self {
            Self::Component(file) => Ok(file.clone()),
            Self::View(file) => view::build(file, Some(&out)).map(|(file, _)| file),
            Self::Crate(path) | Self::Yaml(path) => build(path, &out),
        }
    }
}

/// A folder for what is built, gone when it is dropped.
pub fn scratch() -> Result<TempDir> {
    tempfile::tempdir().map_err(|error| refused(format!("there is no temporary folder: {error}")))
}

/// Opens what is at a path.
pub fn open(path: &Path) -> Result<Opened> {
    // Who writes a mapping gives it resources that are made up, and wants to hear what it says.
    let limits = Limits { mapping_log_lines: LOG_LINES, ..Limits::default() };
    open_in(path, &Sandbox::new(&limits, None)?)
}

/// The same, in a sandbox that is there already.
pub fn open_in(path: &Path, sandbox: &Sandbox) -> Result<Opened> {
    let source = Source::of(path)?;
    let scratch = scratch()?;
    let component = read(&source.component(scratch.path())?)?;
    let mapping = sandbox.load(&component)?;
    let samples_dir = match &source {
        Source::Crate(directory) => Some(directory.join("samples")),
        Source::Yaml(file) => Some(file.with_file_name("samples")),
        Source::View(_) | Source::Component(_) => None,
    };
    let document = match &source {
        Source::Yaml(file) => fs::read_to_string(file)
            .ok()
            .and_then(|text| turntable_mapping_yaml::parse(&text, &file.display().to_string()).ok()),
        _ => None,
    };
    let samples = mapping.samples.clone();
    Ok(Opened { mapping, component, samples, samples_dir, document })
}

impl Opened {
    /// What disagrees with R4's definitions, one line each, with file, line and column where there is a file.
    pub fn faults(&self) -> Vec<String> {
        let Some(document) = &self.document else {
            // A view says its columns in FHIRPath; its compiler holds that against R4.
            if !self.mapping.tables.iter().any(|table| table.access.update || table.access.create) {
                return Vec::new();
            }
            let faults = definitions::check_schema(&Subject::describe(&self.mapping));
            return faults.iter().map(ToString::to_string).collect();
        };
        let faults = definitions::check(document.mapping);
        faults.iter().map(|fault| self.placed(&fault.table, fault.column.as_deref(), fault.to_string())).collect()
    }

    /// What of what it writes is not R4, whatever the samples hold.
    pub fn wrongly_written(&self) -> Vec<String> {
        let found = valid(&self.mapping);
        let placed = |found: &Violation| self.placed(&found.table, found.column.as_deref(), found.to_string());
        found.iter().map(placed).collect()
    }

    /// Lookups to what is no table here or among those that ship: what cannot be right, and what may be in a mapping
    /// that is not at hand.
    pub fn targets(&self) -> Result<[Vec<String>; 2]> {
        let mut known = Vec::new();
        for shipped in SHIPPED.iter().filter(|shipped| shipped.name != self.mapping.name) {
            known.extend(shipped.tables()?.iter().map(subject::known));
        }
        let found = targets::check(&Subject::describe(&self.mapping), &known);
        let placed = |fault: &definitions::Fault| self.placed(&fault.table, fault.column.as_deref(), fault.to_string());
        Ok([found.faults, found.missing].map(|faults| faults.iter().map(placed).collect()))
    }

    /// With file, line and column before it, where there is a file. A part of a concept stands on the concept's line.
    fn placed(&self, table: &str, column: Option<&str>, what: String) -> String {
        let Some((document, column)) = self.document.as_ref().zip(column) else { return what };
        let whole = column.rsplit_once('_').map_or(column, |(whole, _)| whole);
        let named = if document.has(table, column) { column } else { whole };
        document.fault(table, named, what).to_string()
    }
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| refused(format!("{} cannot be read: {error}", file.display())))
}

pub(super) fn refused(what: impl Into<String>) -> Error {
    Error::new(Code::ComponentRefused, what.into())
}
