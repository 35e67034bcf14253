//! A ViewDefinition (JSON) to a program. All that can be known to be wrong is said here, with its place in the file and
//! the nearest right name, so that a view that compiles gives rows.

mod code;
mod column;
mod json;
mod syntax;
mod view;

use std::fmt;

/// Something wrong with a view, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// RFC 6901 pointer into the view: `/select/0/column/1/path`.
    pub pointer: String,
    /// From 1; the column counts characters.
    pub line: usize,
    pub column: usize,
    pub message: String,
}

/// A view that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// For `Program::from_bytes`, and into the component.
    pub program: Vec<u8>,
    /// What is probably not meant, but no error.
    pub warnings: Vec<Fault>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// Compiles the text of a ViewDefinition. `name` is the table's where the view has none of its own, such as the name of
/// its file. All faults are given, not just the first.
pub fn compile(text: &str, name: &str) -> Result<Compiled, Vec<Fault>> {
    view::compile(text, name)
}
