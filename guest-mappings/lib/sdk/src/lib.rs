//! SDK for Turntable mappings: one line a column, both directions.
//!
//! A mapping crate declares const [`Table`]s of const [`Column`]s and ends with [`export!`]. Schema, FHIR to
//! rows, rows to FHIR and the search bindings all follow from those lines; [`testing`] checks that they do.
//! `guest-mappings/README.md` is the tutorial.

mod assign;
pub mod attached;
pub mod bindings;
mod cell;
mod choice_elements;
mod column;
#[cfg(not(target_arch = "wasm32"))]
pub mod definitions;
mod describe;
pub mod descriptor;
mod edit;
mod export;
mod field;
#[cfg(not(target_arch = "wasm32"))]
pub mod laws;
mod output;
#[cfg(not(target_arch = "wasm32"))]
pub mod parts;
mod path;
mod place;
mod plan;
mod problem;
mod read;
mod reference;
mod row;
#[cfg(not(target_arch = "wasm32"))]
pub mod samples;
mod search;
mod table;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod time;
mod tree;
mod write;

pub use column::{
    AfterRead, BeforeWrite, Code, Column, ReadWith, WriteWith, boolean, choice, code, code_concept, coding, concept,
    constant, date, date_time, decimal, int, json, key, long, lookup, partial_date, quantity_code, text, uri,
};
pub use edit::Edit;
#[doc(hidden)]
pub use export::Export;
pub use output::cells;
pub use path::Path;
#[cfg(not(target_arch = "wasm32"))]
pub use plan::make as plan_of;
pub use problem::{Code as ProblemCode, Problem};
pub use read::{rows, rows_declared};
#[doc(hidden)]
pub use read::{rows_by_definition, unsettled};
pub use row::Row;
pub use search::{Search, by_date, by_uri, number, quantity, reference, string, token};
pub use table::{Mapping, Parent, Source, Table, child, mapping, parent, resource, table};
pub use turntable_scan::Value;
pub use write::{Answer, resources};

pub use describe::describe;
