//! SQL-on-FHIR ViewDefinitions as read-only mappings.
//!
//! Two halves share the form of a [`Program`]. The compiler, native only, makes one of a view's JSON and says what is
//! wrong with it. The component, the same for every view, finds the program's bytes in its own memory, describes the
//! table and makes rows: nothing of the view is code, so that building one needs no Rust toolchain.
#![forbid(unsafe_code)]

pub mod bindings;
mod cell;
#[cfg(not(target_family = "wasm"))]
mod compile;
mod item;
mod machine;
mod moment;
mod number;
mod program;
mod rows;
mod table;
mod types;

#[cfg(not(target_family = "wasm"))]
pub use compile::{Compiled, Fault, compile};
pub use program::Program;
pub use table::{describe, rows};
