//! How resources become rows at full speed: the columns of a table as flat tables for one loop.
//!
//! `make` turns tables into a plan, once, outside of the guest: for each source type a trie of members with one node
//! for each object that a path goes through. `walk` goes once over the text of a resource with it, without a DOM,
//! and leaves in slots where the wanted values stand; `emit` makes cells of them. What a plan does not settle
//! exactly (a member twice, an escaped member name, a list inside a list, a text that is no JSON) is handed to
//! `cell`, which defines what a cell is. Nothing here knows a mapping: a plan is bytes, so that a mapping written as
//! data is as fast as one in Rust.

mod blob;
mod emit;
#[cfg(not(target_arch = "wasm32"))]
mod make;
mod walk;

pub(crate) use blob::Plan;
pub(crate) use emit::Rows;
#[cfg(not(target_arch = "wasm32"))]
pub use make::make;

use crate::table::Mapping;

/// The plan of a mapping. A process makes it at its first use and keeps it, as it does the mapping.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn of(mapping: impl Fn() -> &'static Mapping) -> Option<Plan> {
    use std::collections::HashMap;
    use std::sync::{Mutex, PoisonError};

    /// By where the mapping is, which is for ever.
    static PLANS: Mutex<Option<HashMap<usize, Plan>>> = Mutex::new(None);

    let mapping = mapping();
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let plans = plans.get_or_insert_default();
    let key = std::ptr::from_ref(mapping) as usize;
    if let Some(plan) = plans.get(&key) {
        return Some(*plan);
    }
    let plan = Plan::of(Vec::leak(make(mapping)))?;
    plans.insert(key, plan);
    Some(plan)
}

/// The plan of a component's mapping: what its build attached.
#[cfg(target_arch = "wasm32")]
pub(crate) fn of(_mapping: impl Fn() -> &'static Mapping) -> Option<Plan> {
    Plan::of(crate::attached::part(crate::attached::PLAN)?)
}
