//! Work that holds its thread: calls of mappings, scans of rows, splitting of bundles, large answers. None of it runs on
//! a thread of the reactor, so that no request waits for another one's mapping. A bounded number of jobs runs at once
//! and a bounded number waits, and of both each mapping has no more than its share; who comes on top is told so.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::jobs;
use crate::mapping::sandbox;
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::turns::{Refused, Turn, Turns, Wait};

/// Rows of a request beyond which its jobs come after those of others, on threads of their own.
const LARGE: u64 = 250;

/// Where jobs run: tokio's threads for blocking work.
pub struct Work {
    turns: Turns,
    /// How long one waits (`mapping_wait_ms`).
    patience: Duration,
}

impl Work {
    pub fn new(limits: &Limits) -> Self {
        Self {
            turns: Turns::new("mappings", limits.mapping_concurrency, limits.work_queue, limits.share_percent),
            patience: Duration::from_millis(limits.mapping_wait_ms),
        }
    }

    /// Runs a job to its end, whether or not anybody still waits for what it gives. Calls of mappings in it are stopped
    /// at `deadline`, if there is one. `of`: whose share it takes, a mapping's name. `size`: rows that it works on, and
    /// that its request has had, by which it waits behind those that want less. `Busy` where too many wait already,
    /// `MappingBusy` where no place became free in time.
    pub async fn run<T: Send + 'static>(
        &self,
        of: &str,
        size: u64,
        deadline: Option<Instant>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let turn = self.place(of, size, deadline).await?;
        let place = Place { turn, size, deadline, patience: self.patience };
        // Given back when the job ends, not when the request does.
        let job = move || {
            place.held(|| match deadline {
                Some(deadline) => sandbox::until(deadline, job),
                None => job(),
            })
        };
        let failed = |why: String| Error::new(Code::Internal, "a part of the request failed").internal(why);
        match size > LARGE {
            true => jobs::run_after(job).await.ok_or_else(|| failed("its thread".to_owned())),
            false => jobs::run(job).await.map_err(|error| failed(error.to_string())),
        }
    }

    /// Who works, and who waits.
    pub fn turns(&self) -> &Turns {
        &self.turns
    }

    async fn place(&self, of: &str, size: u64, deadline: Option<Instant>) -> Result<Turn> {
        self.turns.turn(of, wait(size, deadline, self.patience)).await.map_err(told)
    }
}

/// What a job works with, while it works.
struct Place {
    turn: Turn,
    size: u64,
    deadline: Option<Instant>,
    patience: Duration,
}

thread_local! {
    static PLACE: Cell<Option<Place>> = const { Cell::new(None) };
}

impl Place {
    fn held<T>(self, job: impl FnOnce() -> T) -> T {
        /// The thread does other jobs after this one, which may have panicked.
        struct GivenBack;
        impl Drop for GivenBack {
            fn drop(&mut self) {
                PLACE.take();
            }
        }
        PLACE.set(Some(self));
        let _given_back = GivenBack;
        job()
    }
}

/// For a job between two parts of its work: one who wants less comes first. `MappingBusy` where that takes too long. A job
/// without a deadline, which must come to its end, gives way to nobody.
pub fn pause() -> Result<()> {
    let Some(Place { turn, size, deadline, patience }) = PLACE.take() else { return Ok(()) };
    if deadline.is_none() {
        PLACE.set(Some(Place { turn, size, deadline, patience }));
        return Ok(());
    }
    let turn = waited(turn.lent(wait(size, deadline, patience))).map_err(told)?;
    PLACE.set(Some(Place { turn, size, deadline, patience }));
    Ok(())
}

fn wait(size: u64, deadline: Option<Instant>, patience: Duration) -> Wait {
    let patience = Instant::now() + patience;
    Wait { until: deadline.map_or(patience, |deadline| deadline.min(patience)), size }
}

fn told(refused: Refused) -> Error {
    let error = match refused {
        Refused::Full => Error::new(Code::Busy, "too many requests wait for their turn"),
        Refused::Late => Error::new(Code::MappingBusy, "the mappings are called too often at once"),
    };
    error.hint("try again shortly").retry_after(1)
}

/// For a job, which holds its thread anyhow: waits for what others do.
pub fn waited<F: Future>(others: F) -> F::Output {
    Handle::current().block_on(others)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    fn work(queue: usize, patience_ms: u64) -> Arc<Work> {
        let limits =
            Limits { mapping_concurrency: 1, work_queue: queue, mapping_wait_ms: patience_ms, ..Limits::default() };
        Arc::new(Work::new(&limits))
    }

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_secs(20))
    }

    /// Takes the one place, until something is sent.
    async fn occupied(work: &Arc<Work>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<()>>) {
        let (free, freed) = mpsc::channel::<()>();
        let (work, (begun, running)) = (work.clone(), tokio::sync::oneshot::channel());
        let task = tokio::spawn(async move {
            work.run("a", 0, soon(), move || {
                let _ = begun.send(());
                let _ = freed.recv();
            })
            .await
        });
        running.await.unwrap();
        (free, task)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn jobs_leave_the_reactor_alone() {
        let work = work(1, 10_000);
        let here = std::thread::current().id();
        assert_ne!(work.run("a", 0, soon(), || std::thread::current().id()).await.unwrap(), here);
        let (free, task) = occupied(&work).await;
        // The reactor has one thread, and goes on while the job holds its own.
        tokio::time::sleep(Duration::from_millis(1)).await;
        free.send(()).unwrap();
        task.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "current_thread")]
    async fn places_and_queue_are_bounded() {
        let work = work(1, 10_000);
        let (free, task) = occupied(&work).await;
        let second = tokio::spawn({
            let work = work.clone();
            async move { work.run("a", 0, soon(), || 2).await }
        });
        while work.turns.figures()["a"].waiting == 0 {
            tokio::task::yield_now().await;
        }
        let error = work.run("a", 0, soon(), || 3).await.unwrap_err();
        assert_eq!((error.code(), error.get_retry_after()), (Code::Busy, Some(1)));
        free.send(()).unwrap();
        task.await.unwrap().unwrap();
        assert_eq!(second.await.unwrap().unwrap(), 2);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn little_comes_between_the_parts_of_much() {
        let work = work(4, 20_000);
        let (begun, running) = tokio::sync::oneshot::channel();
        let (go_on, told) = mpsc::channel::<()>();
        let (done, order) = mpsc::channel();
        let large = tokio::spawn({
            let (work, done) = (work.clone(), done.clone());
            async move {
                let parts = move || {
                    let _ = begun.send(());
                    let _ = told.recv();
                    pause()?;
                    let _ = done.send("much");
                    Ok::<_, Error>(())
                };
                work.run("a", 5_000, soon(), parts).await
            }
        });
        running.await.unwrap();
        let small = tokio::spawn({
            let work = work.clone();
            async move { work.run("a", 1, soon(), move || done.send("little").is_ok()).await }
        });
        while work.turns.figures()["a"].waiting == 0 {
            tokio::task::yield_now().await;
        }
        go_on.send(()).unwrap();
        assert!(small.await.unwrap().unwrap());
        large.await.unwrap().unwrap().unwrap();
        assert_eq!(order.iter().collect::<Vec<_>>(), ["little", "much"]);
        assert_eq!(work.turns.figures().len(), 0, "all places are free");
        pause().expect("who has no place has none to lend");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nobody_waits_for_ever() {
        let work = work(8, 5);
        let (free, task) = occupied(&work).await;
        let error = work.run("a", 0, soon(), || ()).await.unwrap_err();
        assert_eq!((error.code(), error.get_retry_after()), (Code::MappingBusy, Some(1)));
        free.send(()).unwrap();
        task.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_job_ends_though_its_request_has_gone() {
        let work = work(1, 10_000);
        let (free, task) = occupied(&work).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(work.turns.figures()["a"].held, 1, "its place is its own until it ends");
        free.send(()).unwrap();
        work.run("a", 0, soon(), || ()).await.unwrap();
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_job_that_panics_fails_its_own_request() {
        let work = work(1, 10_000);
        let error = work.run("a", 0, soon(), || panic!("as expected")).await.map(|(): ()| ()).unwrap_err();
        assert_eq!(error.code(), Code::Internal);
        work.run("a", 0, soon(), || ()).await.unwrap();
    }
}
