//! Resources that were read or written for a table with a version on trial, until somebody has compared what both versions
//! make of them. They wait in a bounded queue; what does not fit is dropped and counted, so that nobody who asks waits for
//! it or pays for it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::model::limits::Limits;
use crate::router::candidate::Candidate;

/// What one read or write gave its mapping.
pub struct Sample {
    pub candidate: Arc<Candidate>,
    /// The table that was read; None where all over the type are meant.
    pub table: Option<String>,
    pub resource_type: String,
    /// As they came; parts of one buffer mostly.
    pub bodies: Vec<Bytes>,
    /// Of the service that they came from.
    pub base: String,
    /// What a service was asked for, where these are parts of resources.
    pub elements: Option<String>,
    /// Given back when it is done with.
    pub room: Room,
}

/// Bytes that a sample takes of all that there may be.
pub struct Room {
    of: Arc<AtomicUsize>,
    bytes: usize,
}

/// The queue.
pub struct Samples {
    waiting: Mutex<VecDeque<Sample>>,
    /// `compare_queue`
    most: usize,
    /// `compare_bytes`
    most_bytes: usize,
    bytes: Arc<AtomicUsize>,
    /// There is something to do.
    pub come: Arc<Notify>,
}

impl Samples {
    pub fn new(limits: &Limits) -> Self {
        let (most, most_bytes) = (limits.compare_queue, limits.compare_bytes);
        Self { waiting: Mutex::default(), most, most_bytes, bytes: Arc::default(), come: Arc::default() }
    }

    /// Room for so many bytes; None, and the candidate has one comparison less, where there is none.
    pub fn room(&self, candidate: &Candidate, bytes: usize) -> Option<Room> {
        let fits = |taken: usize| taken.checked_add(bytes).filter(|all| *all <= self.most_bytes);
        if self.bytes.fetch_update(Relaxed, Relaxed, fits).is_err() {
            candidate.drops();
            return None;
        }
        Some(Room { of: self.bytes.clone(), bytes })
    }

    /// To be compared, if there is a place.
    pub fn offer(&self, sample: Sample) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= self.most {
            sample.candidate.drops();
            return;
        }
        waiting.push_back(sample);
        drop(waiting);
        self.come.notify_one();
    }

    /// The same of several.
    pub fn offer_all(&self, samples: Vec<Sample>) {
        samples.into_iter().for_each(|sample| self.offer(sample));
    }

    /// The one that has waited longest.
    pub fn take(&self) -> Option<Sample> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Relaxed);
    }
}
