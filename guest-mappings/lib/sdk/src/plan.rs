//! How resources become rows at full speed: the columns of a table as flat tables for one loop.
//!
//! The crate `turntable-plan` turns tables into a plan, once, outside of the guest: for each source type a trie of
//! members with one node for each object that a path goes through. `walk` goes once over the text of a resource with it, without a DOM,
//! and leaves in slots where the wanted values stand; `emit` makes cells of them. What a plan does not settle
//! exactly (a member twice, an escaped member name, a list inside a list, a text that is no JSON) is handed to
//! `cell`, which defines what a cell is. Nothing here knows a mapping: a plan is bytes, so that a mapping written as
//! data is as fast as one in Rust.

mod blob;
mod emit;
pub mod layout;
mod walk;

pub use blob::Plan;
pub(crate) use emit::Rows;

/// The plan that the build of this component embedded. Natively there is none.
pub(crate) fn embedded() -> Option<Plan> {
    Plan::of(turntable_embedded::part(turntable_embedded::PLAN)?)
}
