//! The mappings that ship: the Rust crates, and every `guest-mappings/tables/*/mapping.yaml`.

use std::fs;
use std::path::{Path, PathBuf};

use turntable_mapping::Mapping;
use turntable_mapping_yaml::{Document, Fault, parse};

/// A mapping with its samples.
pub struct Shipped {
    /// Its folder below `guest-mappings/tables/`.
    pub name: String,
    pub source: Source,
    pub samples: PathBuf,
}

/// What a mapping is written in.
pub enum Source {
    Rust(&'static Mapping),
    /// A file, or what is wrong with it.
    Yaml(Result<Document, Vec<Fault>>),
}

const RUST: [(&str, &Mapping); 6] = [
    ("account", &mapping_account::MAPPING),
    ("allergyintolerance", &mapping_allergyintolerance::MAPPING),
    ("contact", &mapping_contact::MAPPING),
    ("encounter", &mapping_encounter::MAPPING),
    ("location", &mapping_location::MAPPING),
    ("observation", &mapping_observation::MAPPING),
];

/// All of them, by name. With `TURNTABLE_TEST_MAPPING=name` in the environment, that one.
///
/// # Panics
/// Where the folder cannot be read.
pub fn all() -> Vec<Shipped> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-mappings/tables");
    let wanted = std::env::var("TURNTABLE_TEST_MAPPING").ok();
    let entries = fs::read_dir(&root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let mut names: Vec<_> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| wanted.as_ref().is_none_or(|wanted| wanted == name));
    names.sort();
    names.into_iter().filter_map(|name| shipped(&root, name)).collect()
}

fn shipped(root: &Path, name: String) -> Option<Shipped> {
    let file = root.join(&name).join("mapping.yaml");
    let source = match RUST.iter().find(|(own, _)| *own == name) {
        Some((_, mapping)) => Source::Rust(mapping),
        None => {
            let text = fs::read_to_string(&file).ok()?;
            Source::Yaml(parse(&text, &format!("guest-mappings/tables/{name}/mapping.yaml")))
        }
    };
    Some(Shipped { samples: root.join(&name).join("samples"), name, source })
}

impl Shipped {
    /// The mapping, unless its file has faults.
    pub fn mapping(&self) -> Option<&'static Mapping> {
        match &self.source {
            Source::Rust(mapping) => Some(mapping),
            Source::Yaml(read) => read.as_ref().ok().map(|document| document.mapping),
        }
    }

    /// What is wrong with the file, one line each.
    pub fn faults(&self) -> Vec<String> {
        match &self.source {
            Source::Yaml(Err(faults)) => faults.iter().map(Fault::to_string).collect(),
            _ => Vec::new(),
        }
    }

    /// A fault that begins with `table.column: `, with the place of the column's line before it if there is one.
    pub fn placed(&self, fault: String) -> String {
        let split = fault.split_once(": ").and_then(|(at, what)| Some((at.split_once('.')?, what)));
        match (&self.source, split) {
            (Source::Yaml(Ok(document)), Some(((table, column), what))) => {
                document.fault(table, column, format!("{table}.{column}: {what}")).to_string()
            }
            _ => fault,
        }
    }
}
