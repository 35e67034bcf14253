//! One writer a resource. A change is read, merged and written back; two of one resource at once would have one merge onto
//! what the other is about to replace. A service that keeps versions tells the second so, one that keeps none does not,
//! and a resource that is to be new has no version to go by: so in this process they take turns.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;

use crate::model::error::{Code, Error, Result};

/// That may wait for one resource.
const WAITING: usize = 64;

/// The resources that are being written, each with those who wait for it. As many as there are writes under way.
#[derive(Default)]
pub struct Writers(Mutex<HashMap<Resource, Arc<tokio::sync::Mutex<()>>>>);

/// Where it is (the name of a FHIR service, nothing for the native store), its type, its id.
type Resource = (String, String, String);

/// The right to write a resource, until it is dropped.
pub struct Turn<'a> {
    writers: &'a Writers,
    resource: Resource,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Writers {
    /// In the order in which they came. `Busy` if those before take until `deadline`, or too many wait already.
    pub async fn turn(&self, place: &str, resource_type: &str, id: &str, deadline: Instant) -> Result<Turn<'_>> {
        let resource = (place.to_owned(), resource_type.to_owned(), id.to_owned());
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(resource.clone()).or_default().clone();
        // One for the map, one each for who writes and who waits.
        let is_full = Arc::strong_count(&held) > WAITING + 2;
        // It is there before it waits: given up, it takes its entry with it.
        let mut turn = Turn { writers: self, resource, guard: None };
        if is_full {
            drop(held);
            let error = Error::new(Code::Busy, "too many write this resource at once");
            return Err(error.hint("try again shortly").retry_after(1));
        }
        let guard = tokio::time::timeout_at(deadline.into(), held.lock_owned()).await.map_err(|_| {
            let error = Error::new(Code::Busy, "others are writing this resource, and have not come to an end");
            error.hint("try again shortly").retry_after(1)
        })?;
        turn.guard = Some(guard);
        Ok(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut writers = self.writers.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits or writes holds it too.
        if writers.get(&self.resource).is_some_and(|held| Arc::strong_count(held) == 1) {
            writers.remove(&self.resource);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn one_writes_and_the_others_follow() {
        let writers = Arc::new(Writers::default());
        let first = writers.turn("main", "Patient", "1", soon()).await.unwrap();
        writers.turn("main", "Patient", "2", soon()).await.expect("another resource waits for nobody");
        writers.turn("", "Patient", "1", soon()).await.expect("nor does one elsewhere");
        let others = (0..3).map(|_| {
            let writers = writers.clone();
            tokio::spawn(async move { writers.turn("main", "Patient", "1", soon()).await.map(drop) })
        });
        let others: Vec<_> = others.collect();
        tokio::task::yield_now().await;
        assert!(others.iter().all(|other| !other.is_finished()));
        drop(first);
        for other in others {
            other.await.unwrap().unwrap();
        }
        assert!(writers.0.lock().unwrap().is_empty(), "nothing is kept");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn so_many_wait_and_no_more() {
        let writers = Arc::new(Writers::default());
        let first = writers.turn("main", "Patient", "1", soon()).await.unwrap();
        let waiting: Vec<_> = (0..WAITING)
            .map(|_| {
                let writers = writers.clone();
                tokio::spawn(async move { writers.turn("main", "Patient", "1", soon()).await.map(drop) })
            })
            .collect();
        let key = ("main".to_owned(), "Patient".to_owned(), "1".to_owned());
        while Arc::strong_count(&writers.0.lock().unwrap()[&key]) < WAITING + 2 {
            tokio::task::yield_now().await;
        }
        let error = writers.turn("main", "Patient", "1", soon()).await.err().expect("enough wait");
        assert_eq!((error.code(), error.get_retry_after()), (Code::Busy, Some(1)));
        writers.turn("main", "Patient", "2", soon()).await.expect("another resource");
        drop(first);
        for one in waiting {
            one.await.unwrap().unwrap();
        }
        assert!(writers.0.lock().unwrap().is_empty(), "nothing is kept");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nobody_waits_for_ever() {
        let writers = Writers::default();
        let first = writers.turn("main", "Patient", "1", soon()).await.unwrap();
        let late = writers.turn("main", "Patient", "1", Instant::now() + Duration::from_millis(5)).await;
        let error = late.err().expect("the first still writes");
        assert_eq!((error.code(), error.get_retry_after()), (Code::Busy, Some(1)));
        drop(first);
        assert!(writers.0.lock().unwrap().is_empty());
    }
}
