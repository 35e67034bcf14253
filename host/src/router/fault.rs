//! Named steps of a change: of what is in force, and of resources. A test may have its process end at one of them, as if it were killed there;
//! nothing outside the program can: it takes a call, which programs that are built to be used do not have.

/// Every step, in its order.
pub const STEPS: [&str; 23] = [
    // Of an activation or a rollback.
    "release.begun",
    "release.some-rows",
    "release.rows",
    "release.alone",
    "release.last-rows",
    "release.stored",
    "release.known",
    // Of a version on trial, and of its end.
    "candidate.begun",
    "candidate.stored",
    "candidate.known",
    "candidate.ending",
    "candidate.ended",
    // Of a turn.
    "turn.begun",
    "turn.stored",
    // Of a row that is changed here; of one that is changed in a FHIR service.
    "write.made",
    "write.stored",
    "write.asking",
    "write.taken",
    // Of a bundle that is sent on, and of one that is kept here, some entries at a time.
    "forward.asking",
    "forward.taken",
    "bundle.storing",
    "bundle.some",
    "bundle.stored",
];

#[cfg(debug_assertions)]
static END: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// From here on the process ends when it reaches this step.
#[cfg(debug_assertions)]
pub fn end_at(step: &str) {
    assert!(STEPS.contains(&step), "{step} is no step");
    assert!(END.set(step.to_owned()).is_ok(), "it ends once");
}

/// Steps until the end, whichever they are; none if there are none left.
#[cfg(debug_assertions)]
static LEFT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// From here on the process ends when it has reached so many steps, of whatever kind.
#[cfg(debug_assertions)]
pub fn end_after(steps: u64) {
    LEFT.store(steps, std::sync::atomic::Ordering::SeqCst);
}

/// A step is reached.
#[cfg(debug_assertions)]
pub(in crate::router) fn reached(step: &str) {
    use std::sync::atomic::Ordering::SeqCst;
    debug_assert!(STEPS.contains(&step), "{step} is no step");
    let is_last = LEFT.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) == Ok(1);
    if is_last || END.get().is_some_and(|end| end == step) {
        std::process::abort();
    }
}

/// A step is reached.
#[cfg(not(debug_assertions))]
pub(in crate::router) fn reached(_step: &str) {}
