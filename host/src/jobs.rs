//! Threads for what holds its thread: calls of mappings, the database, unpacking, releases. They are tokio's for blocking
//! work, and give way to those that answer connections wherever there are fewer cores than threads that could run.

use tokio::task::JoinError;

use crate::telemetry::context;

/// How much less than others they get, as `nice` has it: a third of a core that both want.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// The same for what nobody waits for: a tenth.
const NICE_LAST: i32 = 10;

/// Runs a job to its end on a thread of its own, whether or not anybody still waits.
pub async fn run<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    let job = context::here_too(job);
    let job = || {
        give_way();
        job()
    };
    tokio::task::spawn_blocking(job).await
}

/// Runs a job that nobody waits for on a thread of its own, in what time all others leave.
/// None: the thread cannot be made, or ends without the job.
pub async fn run_last<T: Send + 'static>(name: &str, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, ended) = tokio::sync::oneshot::channel();
    let job = move || {
        come_after(NICE_LAST);
        drop(done.send(job()));
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(job).ok()?;
    ended.await.ok()
}

/// From here on this thread comes after others. Tokio keeps it for such jobs.
#[cfg(target_os = "linux")]
fn give_way() {
    use std::cell::Cell;
    thread_local! {
        static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
    }
    if !GIVES_WAY.replace(true) {
        come_after(NICE);
    }
}

#[cfg(target_os = "linux")]
fn come_after(nice: i32) {
    // Linux has priorities of threads, and takes none for the one that asks. The whole program may be less than that.
    let given = rustix::process::getpriority_process(None).and_then(|own| match own < nice {
        true => rustix::process::setpriority_process(None, nice),
        false => Ok(()),
    });
    if let Err(error) = given {
        tracing::debug!(%error, "threads for jobs have no priority of their own");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(not(target_os = "linux"))]
fn come_after(_nice: i32) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The nice value of the thread that asks, which Linux keeps in field 19 (proc_pid_stat(5)).
    fn nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("Linux tells of threads");
        let (_, after_name) = stat.rsplit_once(") ").expect("the name is in brackets");
        after_name.split(' ').nth(16).and_then(|nice| nice.parse().ok()).expect("a number")
    }

    #[tokio::test(flavor = "current_thread")]
    async fn jobs_give_way_and_those_who_answer_do_not() {
        let own = nice();
        assert_eq!(run(nice).await.expect("it ends"), NICE.max(own));
        assert_eq!(run_last("last", nice).await.expect("it ends"), NICE_LAST.max(own));
        assert_eq!(nice(), own);
    }
}
