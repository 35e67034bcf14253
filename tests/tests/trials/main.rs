//! What needs a machine of its own, or hours: times and memory, kills, a soak. `just kills` and `just soak` make the
//! short runs of here long.

mod bulkheads;
mod canary;
mod candidate_kill;
mod floods;
mod hot_swap;
mod kills;
mod release_kill;
mod soak;
mod start;
