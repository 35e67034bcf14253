//! The only places that write to stdout and stderr.

use std::fmt::Display;
use std::future::Future;
use std::io::{IsTerminal as _, Write};
use std::time::{Duration, Instant};

use serde_json::json;

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

/// The same as the admin API says errors, for programs.
pub fn complain_json(error: &Error) {
    let details: Vec<_> = error
        .get_details()
        .iter()
        .map(|detail| json!({ "code": detail.code, "message": detail.message, "target": detail.target }))
        .collect();
    let mut body = json!({ "code": format!("{:?}", error.code()), "message": error.message() });
    for (member, value) in [("target", error.get_target()), ("@Turntable.hint", error.get_hint())] {
        if let Some(value) = value {
            body[member] = value.into();
        }
    }
    if !details.is_empty() {
        body["details"] = details.into();
    }
    note(json!({ "error": body }));
}

/// What is being waited for, in one line of a terminal that changes and goes; nothing where stderr is none.
pub struct Progress {
    what: String,
    begun: Instant,
    is_shown: bool,
    /// Something stands in the line.
    stands: bool,
}

impl Progress {
    /// `is_wanted`: no program reads along.
    pub fn new(what: impl Into<String>, is_wanted: bool) -> Self {
        let is_shown = is_wanted && std::io::stderr().is_terminal();
        Self { what: what.into(), begun: Instant::now(), is_shown, stands: false }
    }

    /// What comes of it, with the seconds that it has taken so far.
    pub async fn over<F: Future>(mut self, waited_for: F) -> F::Output {
        let mut waited_for = std::pin::pin!(waited_for);
        loop {
            match tokio::time::timeout(Duration::from_secs(1), &mut waited_for).await {
                Ok(done) => return done,
                Err(_) => self.tick(),
            }
        }
    }

    fn tick(&mut self) {
        if self.is_shown {
            let mut err = std::io::stderr().lock();
            let _ =
                write!(err, "\r\x1b[K{} … {} s", self.what, self.begun.elapsed().as_secs()).and_then(|()| err.flush());
            self.stands = true;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.stands {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r\x1b[K").and_then(|()| err.flush());
        }
    }
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
