//! What every mapping keeps, checked.
//!
//! The laws: a mapping reads whatever there is, always the same; what is written is what is
//! shown, and is FHIR R4. A [`Subject`] is
//! anything that describes itself, reads and writes: a mapping in a native test ([`Native`]), a component in its
//! sandbox. [`check`] holds it to the laws over resources at hand, [`definitions`] holds it against R4, [`sample`] says when
//! a sample passes, and [`testing`] and [`samples`] are for the tests of mapping crates.

mod ask;
mod case;
mod check;
pub mod definitions;
mod native;
mod read;
mod report;
pub mod sample;
pub mod samples;
mod search;
mod subject;
pub mod targets;
pub mod testing;
mod valid;
mod write;

pub use case::same;
pub use check::{Named, check, check_some, valid};
pub use native::Native;
pub use report::{Law, Report, Violation};
pub use subject::{Answer, Batch, Row, Subject};
pub use write::other_value;
