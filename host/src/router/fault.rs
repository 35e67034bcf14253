//! Named steps of a change of what is in force. A test may have its process end at one of them, as if it were killed there;
//! nothing outside the program can: it takes a call, which programs that are built to be used do not have.

/// Every step, in its order.
pub const STEPS: [&str; 9] = [
    // Of an activation or a rollback.
    "release.begun",
    "release.some-rows",
    "release.rows",
    "release.alone",
    "release.last-rows",
    "release.stored",
    "release.known",
    // Of a turn.
    "turn.begun",
    "turn.stored",
];

#[cfg(debug_assertions)]
static END: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// From here on the process ends when it reaches this step.
#[cfg(debug_assertions)]
pub fn end_at(step: &str) {
    assert!(STEPS.contains(&step), "{step} is no step");
    assert!(END.set(step.to_owned()).is_ok(), "it ends once");
}

/// A step is reached.
#[cfg(debug_assertions)]
pub(in crate::router) fn reached(step: &str) {
    debug_assert!(STEPS.contains(&step), "{step} is no step");
    if END.get().is_some_and(|end| end == step) {
        std::process::abort();
    }
}

/// A step is reached.
#[cfg(not(debug_assertions))]
pub(in crate::router) fn reached(_step: &str) {}
