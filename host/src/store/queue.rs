//! Turns at the database: so many at once, so many that wait, and no longer than is reasonable. Who finds the queue full,
//! or waits too long, is told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::error::{Code, Error, Result};

/// How long anybody waits for a turn.
const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Queue {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// That may wait.
    most: usize,
}

/// Held while it lasts; whoever is cancelled while the database still works for him keeps his turn until it is done.
pub(crate) type Turn = OwnedSemaphorePermit;

impl Queue {
    pub(crate) fn new(at_once: usize, most: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once.max(1))), waiting: AtomicUsize::new(0), most }
    }

    /// `Busy` if the queue is full, or nothing became free in time.
    pub(crate) async fn turn(&self, deadline: Option<Instant>) -> Result<Turn> {
        if let Ok(turn) = self.turns.clone().try_acquire_owned() {
            return Ok(turn);
        }
        let _waiting = Waiting::new(self)?;
        let wait = deadline.map_or(WAIT, |deadline| deadline.saturating_duration_since(Instant::now()).min(WAIT));
        match tokio::time::timeout(wait, self.turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) => Err(busy().internal("the queue was closed")),
            Err(_) => Err(busy().internal("no turn in time")),
        }
    }
}

/// A place in the queue, given back when it is left, in whatever way.
struct Waiting<'q>(&'q Queue);

impl<'q> Waiting<'q> {
    fn new(queue: &'q Queue) -> Result<Self> {
        let place = Self(queue);
        if queue.waiting.fetch_add(1, Ordering::Relaxed) < queue.most {
            Ok(place)
        } else {
            Err(busy().internal("the queue is full"))
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Too many want the database at once.
pub(crate) fn busy() -> Error {
    Error::new(Code::Busy, "the database is busy").hint("try again").retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn so_many_at_once_so_many_wait_and_the_rest_is_told_so() {
        let queue = Queue::new(2, 1);
        let first = queue.turn(None).await.unwrap();
        let second = queue.turn(None).await.unwrap();
        let waits = queue.turn(None);
        tokio::pin!(waits);
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut waits).await.is_err(), "it waits");
        let refused = queue.turn(None).await.unwrap_err();
        assert_eq!((refused.code(), refused.get_retry_after()), (Code::Busy, Some(1)));
        drop(first);
        let third = waits.await.unwrap();
        let late = queue.turn(Some(Instant::now())).await.unwrap_err();
        assert_eq!(late.code(), Code::Busy);
        drop((second, third));
        assert!(queue.turn(Some(Instant::now())).await.is_ok(), "nobody waits any more");
    }
}
