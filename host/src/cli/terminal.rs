//! The only places that write to stdout and stderr.

use std::fmt::Display;
use std::io::Write;

use crate::model::error::Error;

/// A line on stdout; a closed pipe is no error of ours.
pub fn say(line: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A line beside the result, on stderr.
pub fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// What, where, what to do, on stderr.
pub fn complain(error: &Error) {
    let mut err = std::io::stderr().lock();
    let target = error.get_target().map(|target| format!(" [{target}]")).unwrap_or_default();
    let _ = writeln!(err, "turntable: {}{target}", error.message());
    for detail in error.get_details().iter().filter(|detail| !error.message().contains(&detail.message)) {
        let target = detail.target.as_deref().map(|target| format!("{target}: ")).unwrap_or_default();
        let _ = writeln!(err, "  {target}{}", detail.message);
    }
    if let Some(hint) = error.get_hint() {
        let _ = writeln!(err, "  {hint}");
    }
}
