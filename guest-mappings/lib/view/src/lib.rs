//! SQL-on-FHIR ViewDefinitions as read-only mappings.
//!
//! Two halves share the form of a [`Program`]. The compiler, native only, makes one of a view's JSON and says what is
//! wrong with it. The component, the same for every view, finds the program's bytes in its own memory, describes the
//! table and makes rows: nothing of the view is code, so that building one needs no Rust toolchain.
#![cfg_attr(target_family = "wasm", allow(dead_code, unused_imports, reason = "the compiler's, which is native only"))]

pub mod bindings;
mod cell;
#[cfg(not(target_family = "wasm"))]
mod compile;
#[cfg(target_family = "wasm")]
mod component;
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
pub use program::{PROGRAM, Program};
pub use table::{describe, rows};
