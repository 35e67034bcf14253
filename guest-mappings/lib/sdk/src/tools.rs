//! What a mapping consists of, and how cells compare: for the crates that work on mappings (planning, laws, other
//! notations) rather than in one. Authors need none of it.

pub use crate::assign::{same_instant, same_json, same_number};
pub use crate::cell::constant_of;
pub use crate::column::{Access, Concept, Kind};
pub use crate::field::{Field, Part, fields, is_for};
pub use crate::output::cells;
pub use crate::path::{Condition, Conditions, Current, Literal, Move, RANK, choice_name};
pub use crate::pointer::pointer;
pub use crate::read::{rows_planned, unsettled};
pub use crate::table::{default_name, lists};

/// Choice elements (`value[x]`), by the names of their members.
pub mod choice_elements {
    pub use crate::choice_elements::{alternative, base};
}

/// FHIR references, as far as their text says.
pub mod reference {
    pub use crate::reference::*;
}

/// FHIR dates and times as text.
pub mod time {
    pub use crate::time::*;
}
