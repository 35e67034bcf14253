//! Steps of requests, for whoever collects them: put into a bounded queue, from which an exporter takes them. No request waits for it;
//! what finds no place is counted and gone. Attributes have names of tables, mappings and services, counts and codes; nothing
//! that says who a patient is.

use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Who asks whom in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nobody else.
    Internal,
    /// Somebody asks us.
    Server,
    /// We ask a service.
    Client,
}

/// A step that has ended.
#[derive(Clone, Debug)]
pub struct Span {
    pub trace: u128,
    pub span: u64,
    pub parent: Option<u64>,
    pub name: String,
    pub kind: Kind,
    pub begun: SystemTime,
    pub ended: SystemTime,
    pub attributes: Vec<Attribute>,
    /// The error code of what failed.
    pub failed: Option<String>,
}

/// What a step is called in which a turn was waited for.
pub const WAIT: &str = "wait";

impl Span {
    pub fn took(&self) -> Duration {
        self.ended.duration_since(self.begun).unwrap_or_default()
    }

    /// A turn was waited for in it, and nothing done.
    pub fn is_wait(&self) -> bool {
        self.name == WAIT
    }
}

/// Something to know of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute(pub &'static str, pub Value);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(Cow<'static, str>),
    Number(i64),
}

impl Attribute {
    pub fn text(name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        Self(name, Value::Text(value.into()))
    }

    pub fn number(name: &'static str, value: impl TryInto<i64>) -> Self {
        Self(name, Value::Number(value.try_into().unwrap_or(i64::MAX)))
    }
}

/// Where steps go.
#[derive(Debug)]
pub struct Recorder {
    sender: Sender<Span>,
    /// Until somebody takes them.
    receiver: Mutex<Option<Receiver<Span>>>,
    dropped: AtomicU64,
}

impl Recorder {
    /// So many wait at most (`telemetry_queue`).
    pub fn new(most: usize) -> Self {
        let (sender, receiver) = channel(most);
        Self { sender, receiver: Mutex::new(Some(receiver)), dropped: AtomicU64::new(0) }
    }

    pub fn record(&self, span: Span) {
        if self.sender.try_send(span).is_err() {
            self.drop_some(1);
        }
    }

    /// For the one who takes them.
    pub fn taken(&self) -> Option<Receiver<Span>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// So many were taken and reached nobody.
    pub fn drop_some(&self, spans: u64) {
        self.dropped.fetch_add(spans, Ordering::Relaxed);
    }

    /// Steps that nobody will see.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_place_is_counted() {
        let recorder = Recorder::new(2);
        let now = SystemTime::UNIX_EPOCH;
        let span = || Span {
            trace: 1,
            span: 2,
            parent: None,
            name: "x".to_owned(),
            kind: Kind::Internal,
            begun: now,
            ended: now,
            attributes: vec![Attribute::number("n", u64::MAX)],
            failed: None,
        };
        (0..5).for_each(|_| recorder.record(span()));
        assert_eq!(recorder.dropped(), 3);
        let mut taken = recorder.taken().unwrap();
        assert_eq!(taken.try_recv().unwrap().attributes, [Attribute("n", Value::Number(i64::MAX))]);
        assert!(taken.try_recv().is_ok() && taken.try_recv().is_err() && recorder.taken().is_none());
    }
}
