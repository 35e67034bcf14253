//! Where test data is: FHIR resources that the repository carries, and public FHIR data that it does not carry.
//!
//! A test that wants more than the repository carries asks [`shared`] for it, and does without where that is `None`.
//! Environment: `TURNTABLE_SHARED_DATA` names the folder of public data (`../shared/data` beside the workspace unless
//! set); `TURNTABLE_TEST_ALL=1` makes a missing part a failure.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The folders of FHIR JSON that the repository carries: resources and bundles of every type that a shipped mapping
/// reads. Their `README.md` name origin and licence.
#[must_use]
pub fn carried() -> [PathBuf; 2] {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    ["corpus", "bundles"].map(|folder| tests.join(folder))
}

/// A folder of the shared data; `""` is all of it. `None` after a line that says what is skipped.
///
/// # Panics
/// Where it is absent, with `TURNTABLE_TEST_ALL=1`.
#[must_use]
pub fn shared(folder: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("TURNTABLE_SHARED_DATA").map_or_else(beside, PathBuf::from);
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
    assert!(!wants_all(), "TURNTABLE_TEST_ALL=1, and {why}");
    // Not `eprintln!`, which the test runner swallows.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Whether everything must be there: `TURNTABLE_TEST_ALL=1`.
#[must_use]
pub fn wants_all() -> bool {
    std::env::var("TURNTABLE_TEST_ALL").as_deref() == Ok("1")
}

/// All `.json` files below a folder, in order.
///
/// # Panics
/// Where a folder cannot be read.
#[must_use]
pub fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|extension| extension == "json") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}
