//! Plans: how a mapping reads resources at full speed. [`make`] is run by the build of a component, which embeds what
//! comes of it; [`rows`] reads with one in this process.

mod make;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use turntable_mapping::bindings::exports::turntable::mapping::read::{Failure, ReadRequest, RowBatch};
use turntable_mapping::plan::Plan;
use turntable_mapping::{Mapping, tools};

pub use make::make;

/// Answers `read.rows` as a component of this mapping does: by its plan.
pub fn rows(mapping: &'static Mapping, request: &ReadRequest) -> Result<Vec<RowBatch>, Failure> {
    tools::rows_planned(mapping, plan(mapping), request)
}

/// The same without a plan: the long way, which says what every cell is.
pub fn rows_by_definition(mapping: &'static Mapping, request: &ReadRequest) -> Result<Vec<RowBatch>, Failure> {
    tools::rows_planned(mapping, None, request)
}

/// How many documents of a request go the long way although there is a plan.
pub fn unsettled(mapping: &'static Mapping, request: &ReadRequest) -> usize {
    tools::unsettled(mapping, plan(mapping), request)
}

/// The plan of a mapping. A process makes it at its first use and keeps it, as it does the mapping.
fn plan(mapping: &'static Mapping) -> Option<Plan> {
    /// By where the mapping is, which is for ever.
    static PLANS: Mutex<Option<HashMap<usize, Plan>>> = Mutex::new(None);

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
