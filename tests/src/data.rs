//! Sample data: the bundles in `tests/bundles`, and the shared data beside the workspace where there is any.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The exercise, part one: who and where. A batch of Patient, Practitioner, Location, Organization.
pub const PEOPLE: &str = include_str!("../bundles/module-people.json");

/// The exercise, part two: what happened to [`PATIENT`]. A batch of 2 Encounters and 3 Observations.
pub const EVENTS: &str = include_str!("../bundles/module-events.json");

/// Two synthetic lives, a transaction each.
pub const SYNTHEA: [&str; 2] = [include_str!("../bundles/synthea-1.json"), include_str!("../bundles/synthea-2.json")];

/// The patient of the exercise: the id of the resource and the GUID of the row.
pub const PATIENT: &str = "4c73b472-442b-4920-b899-aadc599f1d75";

/// A folder of the shared data: `$TURNTABLE_SHARED_DATA`, or `../shared/data` beside the workspace. `None` after a line
/// that says what was skipped.
pub fn shared_data(folder: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let root = std::env::var_os("TURNTABLE_SHARED_DATA").map_or(beside, PathBuf::from);
    let folder = root.join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    skipped(&format!("no shared data at {} (set TURNTABLE_SHARED_DATA)", folder.display()));
    None
}

/// Says that a part is missing, on the terminal even for a test that passes; fails where everything must be there.
///
/// # Panics
/// With `TURNTABLE_TEST_ALL=1`.
pub fn skipped(why: &str) {
    assert!(std::env::var("TURNTABLE_TEST_ALL").as_deref() != Ok("1"), "TURNTABLE_TEST_ALL=1, and {why}");
    // Not `eprintln!`, which the test runner swallows.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
