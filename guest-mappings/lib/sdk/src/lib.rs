//! SDK for Turntable mappings: one line a column, both directions.
//!
//! A mapping crate declares const [`Table`]s of const [`Column`]s and ends with [`export!`]. Schema, FHIR to
//! rows, rows to FHIR and the search bindings all follow from those lines; the crate `turntable-laws` checks that they
//! do. `guest-mappings/README.md` is the tutorial.

mod assign;
pub mod bindings;
mod cell;
mod choice_elements;
mod column;
mod describe;
pub mod descriptor;
mod edit;
mod export;
mod field;
mod judge;
mod located;
mod output;
mod path;
mod place;
pub mod plan;
mod pointer;
mod problem;
mod read;
mod reference;
mod row;
mod search;
mod spoken;
mod table;
mod time;
pub mod tools;
mod tree;
mod write;

pub use column::{
    AfterRead, BeforeWrite, Code, Column, ReadWith, WriteWith, boolean, choice, code, code_concept, coding, concept,
    constant, date, date_time, decimal, int, json, key, long, lookup, partial_date, quantity_code, text, uri,
};
pub use edit::Edit;
#[doc(hidden)]
pub use export::Export;
pub use path::Path;
pub use problem::{Code as ProblemCode, Problem};
pub use read::{rows, rows_declared};
pub use row::Row;
pub use search::{Search, by_date, by_uri, number, quantity, reference, string, token};
pub use table::{Mapping, Parent, Source, Table, child, mapping, parent, resource, table};
pub use turntable_scan::Value;
pub use write::{Answer, resources};

pub use describe::describe;
