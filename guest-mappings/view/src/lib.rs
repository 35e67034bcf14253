//! SQL-on-FHIR ViewDefinitions as read-only mappings.
pub mod bindings;
mod cell;
mod item;
mod machine;
mod moment;
mod number;
mod program;
mod rows;
mod table;
mod types;
pub use program::Program;
pub use table::{describe, rows};
