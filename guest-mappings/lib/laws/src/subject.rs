//! What laws are about: a mapping in a native test, a component in its sandbox.

use std::collections::BTreeSet;

use turntable_mapping::bindings::exports::turntable::mapping::schema as wit;
use turntable_mapping::bindings::exports::turntable::mapping::write::{Change, FhirRequest};
use turntable_mapping::bindings::turntable::mapping::types::Issue;

/// Anything that describes itself, reads and writes. An error is that of a whole call: a trap, a limit, a request refused.
pub trait Subject {
    fn describe(&self) -> wit::Mapping;

    /// The rows of each document, for these columns of a table.
    fn rows(&self, table: &str, documents: &[&str], columns: &[u16]) -> Result<Batch, String>;

    /// One answer a change.
    fn resources(&self, table: &str, changes: &[Change]) -> Result<Vec<Answer>, String>;
}

/// What a change comes to.
pub type Answer = Result<FhirRequest, Vec<Issue>>;

/// Rows with their cells as text, None for null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub rows: Vec<Row>,
    /// Documents that gave no row and said why.
    pub refused: BTreeSet<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index of the document.
    pub document: usize,
    pub cells: Vec<Option<String>>,
}
