//! Mappings written in YAML: from the text of a file to a [`Mapping`], with file, line and column of every fault; and
//! back, with what of a mapping in Rust has no form in YAML.
//!
//! The format says what the Rust form says, one line a column; `guest-mappings/README.md` describes it, and
//! `guest-mappings/mapping.schema.json` tells editors. [`keys`] lists every key there is.

mod columns;
mod fault;
mod fields;
pub mod keys;
mod nearest;
mod node;
mod options;
mod print;
mod tables;

use std::collections::HashMap;

use turntable_mapping::Mapping;

pub use fault::{Fault, Place};
pub use print::{Unsaid, to_yaml, to_yaml_in_part};

/// A mapping with the places of its columns in the file, so that what is found wrong later can be shown there.
#[derive(Clone, Debug)]
pub struct Document {
    pub mapping: &'static Mapping,
    file: String,
    places: HashMap<(String, String), Place>,
}

/// Reads a mapping. `file_name` is only shown. What is read stays in memory for good: a mapping is static, as one
/// in Rust is.
///
/// # Errors
/// Everything that is wrong, in the order of the file.
pub fn read(text: &str, file_name: &str) -> Result<&'static Mapping, Vec<Fault>> {
    Ok(parse(text, file_name)?.mapping)
}

/// Like [`read`], and keeps the places of the columns.
pub fn parse(text: &str, file_name: &str) -> Result<Document, Vec<Fault>> {
    let root = match node::parse(text) {
        Ok(root) => root,
        Err(fault) => return Err(vec![fault.in_file(file_name)]),
    };
    let mut reader = tables::Reader::default();
    let mapping = reader.mapping(&root);
    let tables::Reader { mut faults, places, .. } = reader;
    match mapping {
        Some(mapping) if faults.is_empty() => Ok(Document { mapping, file: file_name.to_owned(), places }),
        _ => {
            faults.sort_by_key(|fault| fault.place);
            Err(faults.into_iter().map(|fault| fault.in_file(file_name)).collect())
        }
    }
}

impl Document {
    /// Whether a table has a line for a column of this name.
    pub fn has(&self, table: &str, column: &str) -> bool {
        self.places.contains_key(&(table.to_owned(), column.to_owned()))
    }

    /// A fault of a column, by the names of its table and itself, where its line is.
    pub fn fault(&self, table: &str, column: &str, message: String) -> Fault {
        let place = self.places.get(&(table.to_owned(), column.to_owned())).copied().unwrap_or_default();
        Fault { file: self.file.clone(), place, message, hint: None }
    }
}
