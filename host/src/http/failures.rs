//! What the log says of requests that went wrong here: the first of a kind at once, those that follow it as one line with their
//! number. Ten thousand clients that are told to come back are two lines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;

use crate::model::error::{Code, Error};

/// From a line about one kind to the next.
const PAUSE: Duration = Duration::from_secs(10);

/// Kinds that are told apart in that time: what guests and services say of their failures may differ each time.
const KINDS: usize = 64;

/// What is alike goes into one line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Failure {
    is_part: bool,
    method: String,
    path: String,
    status: u16,
    code: Option<Code>,
    internal: Option<String>,
    /// Of more kinds than are told apart.
    is_other: bool,
}

impl Failure {
    /// A request: its path is one that the log may have, without keys.
    pub(super) fn request(method: &str, path: String, status: StatusCode, error: Option<&Error>) -> Self {
        Self { method: method.to_owned(), path, ..Self::of(status, error) }
    }

    /// One of a batch.
    pub(super) fn part(status: StatusCode, error: Option<&Error>) -> Self {
        Self { is_part: true, ..Self::of(status, error) }
    }

    fn of(status: StatusCode, error: Option<&Error>) -> Self {
        Self {
            status: status.as_u16(),
            code: error.map(Error::code),
            internal: error.and_then(Error::get_internal).map(ToString::to_string),
            ..Self::default()
        }
    }

    fn log(&self, times: Option<u64>) {
        let Self { is_part, method, path, status, code, internal, is_other } = self;
        let internal = internal.as_deref();
        match (times, is_other, is_part) {
            (None, true, _) => tracing::warn!("requests of many more kinds fail; /metrics has their number"),
            (Some(times), true, _) => tracing::warn!(times, "requests of many more kinds failed"),
            (None, _, true) => tracing::warn!(status, ?code, internal, "a part of a batch failed"),
            (Some(times), _, true) => tracing::warn!(times, status, ?code, internal, "parts of batches failed, too"),
            (None, ..) => tracing::warn!(method, path, status, ?code, internal, "failed"),
            (Some(times), ..) => tracing::warn!(times, method, path, status, ?code, internal, "failed, too"),
        }
    }
}

/// Since its last line.
#[derive(Debug)]
struct Told {
    at: Instant,
    /// Of which nothing is said yet.
    times: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Then {
    Say,
    /// It is the first of which nothing is said; the others are told with it.
    SayLater,
    Nothing,
}

/// Kinds that have been told of.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<HashMap<Failure, Told>>);

impl Failures {
    /// Says it, now or with others of its kind. Within a runtime.
    pub(super) fn add(self: &Arc<Self>, kind: Failure) {
        let (told, then) = self.count(kind.clone(), Instant::now());
        if then != Then::Say {
            // Whoever looks for one of them is shown each.
            let Failure { method, path, status, code, internal, .. } = &kind;
            tracing::debug!(method, path, status, ?code, internal, "failed");
        }
        let kind = told;
        match then {
            Then::Say => kind.log(None),
            Then::SayLater => {
                let this = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(PAUSE).await;
                    if let Some(times) = this.take(&kind, Instant::now()) {
                        kind.log(Some(times));
                    }
                });
            }
            Then::Nothing => {}
        }
    }

    fn count(&self, kind: Failure, now: Instant) -> (Failure, Then) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, told| told.times > 0 || now.saturating_duration_since(told.at) < PAUSE);
        let is_one_more = !all.contains_key(&kind) && all.len() >= KINDS;
        let kind = if is_one_more { Failure { is_other: true, ..Failure::default() } } else { kind };
        let then = match all.get_mut(&kind) {
            None => {
                all.insert(kind.clone(), Told { at: now, times: 0 });
                Then::Say
            }
            Some(told) => {
                told.times += 1;
                if told.times == 1 { Then::SayLater } else { Then::Nothing }
            }
        };
        (kind, then)
    }

    fn take(&self, kind: &Failure, now: Instant) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = all.get_mut(kind)?;
        told.at = now;
        Some(std::mem::take(&mut told.times)).filter(|times| *times > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: usize) -> Failure {
        Failure { path: path.to_string(), status: 503, ..Failure::default() }
    }

    #[test]
    fn what_is_alike_is_said_once_and_then_counted() {
        let (failures, begin) = (Failures::default(), Instant::now());
        let mut said = Vec::new();
        for _ in 0..10_000 {
            match failures.count(kind(1), begin).1 {
                Then::Nothing => {}
                then => said.push(then),
            }
        }
        assert_eq!(said, [Then::Say, Then::SayLater]);
        assert_eq!(failures.take(&kind(1), begin + PAUSE), Some(9_999));
        assert_eq!(failures.take(&kind(1), begin + PAUSE), None);
        // The line before was just now; then it is forgotten.
        assert_eq!(failures.count(kind(1), begin + PAUSE).1, Then::SayLater);
        failures.take(&kind(1), begin + PAUSE);
        assert_eq!(failures.count(kind(1), begin + 2 * PAUSE).1, Then::Say);
    }

    #[test]
    fn however_many_kinds_there_are() {
        let (failures, begin) = (Failures::default(), Instant::now());
        let said = |now: Instant| {
            (0..10_000).map(|path| failures.count(kind(path), now).1).filter(|then| *then != Then::Nothing).count()
        };
        assert_eq!(said(begin), KINDS + 2);
        assert_eq!(failures.0.lock().unwrap().len(), KINDS + 1);
        assert_eq!(said(begin + PAUSE), KINDS - 1, "but for the others, whose number is to come");
    }
}
