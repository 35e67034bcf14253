//! Threads for what holds its thread: calls of mappings, the database, unpacking, releases. They are tokio's for blocking
//! work, and give way to those that answer connections wherever there are fewer cores than threads that could run.

use tokio::task::JoinError;

use crate::telemetry::context;

/// How much less than others they get, as `nice` has it: a third of a core that both want.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// The same for jobs that take long: a third of what others get.
const NICE_AFTER: i32 = 10;

/// The same for what nobody waits for: a third of that.
const NICE_LAST: i32 = 15;

/// Nanoseconds that a thread runs at once which answers connections, or has jobs that take little. Who asks for so little
/// at a time is let in soon, where others run for milliseconds (since Linux 6.12).
#[cfg(target_os = "linux")]
const SLICE: u64 = 200_000;

/// The same of jobs that take long: what Linux has for all.
#[cfg(target_os = "linux")]
const LONG_SLICE: u64 = 0;

/// Runs a job to its end on a thread of its own, whether or not anybody still waits.
pub async fn run<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    let job = context::here_too(job);
    let job = || {
        give_way();
        job()
    };
    tokio::task::spawn_blocking(job).await
}

/// The same for one that takes long: it comes after those that take less. None: the thread cannot be made, or ends without
/// the job.
pub async fn run_after<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    own_thread("large", NICE_AFTER, context::here_too(job)).await
}

/// Runs a job that nobody waits for, in what time all others leave. None: as of [`run_after`].
pub async fn run_last<T: Send + 'static>(name: &str, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    own_thread(name, NICE_LAST, job).await
}

async fn own_thread<T: Send + 'static>(name: &str, nice: i32, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, ended) = tokio::sync::oneshot::channel();
    // Jobs may wait for what is the runtime's.
    let runtime = tokio::runtime::Handle::current();
    let job = move || {
        let _entered = runtime.enter();
        give_way_by(nice);
        drop(done.send(job()));
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(job).ok()?;
    ended.await.ok()
}

/// For each thread of a runtime, at its start.
pub fn begin_thread() {
    #[cfg(target_os = "linux")]
    run_at_once(SLICE);
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

/// From here on this thread comes after those that have less to do.
#[cfg(target_os = "linux")]
fn give_way_by(nice: i32) {
    come_after(nice);
    run_at_once(LONG_SLICE);
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

/// Sets for how long this thread runs at once, in nanoseconds. Its share of the processors stays.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no crate that is here has this call of the system (sched_setattr(2))")]
fn run_at_once(nanoseconds: u64) {
    let size = size_of::<libc::sched_attr>() as u32;
    let mut own = libc::sched_attr {
        size,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: both calls get this thread (0), no flags, and one whole structure of the size that it names, the first to write
    // it and the second to read it; neither keeps it.
    let is_set = unsafe {
        libc::syscall(libc::SYS_sched_getattr, 0, &raw mut own, size, 0) == 0 && {
            own.sched_runtime = nanoseconds;
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const own, 0) == 0
        }
    };
    if !is_set {
        let error = std::io::Error::last_os_error();
        tracing::debug!(%error, "threads that answer connections wait as long as others");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(not(target_os = "linux"))]
fn give_way_by(_nice: i32) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The nice value of the thread that asks, which Linux keeps in field 19 (proc_pid_stat(5)).
    fn nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("Linux tells of threads");
        let (_, after_name) = stat.rsplit_once(") ").expect("the name is in brackets");
        after_name.split(' ').nth(16).and_then(|nice| nice.parse().ok()).expect("a number")
    }

    /// Nanoseconds that a thread runs at once, where Linux tells.
    fn slice() -> Option<u64> {
        let told = std::fs::read_to_string("/proc/thread-self/sched").ok()?;
        let slice = told.lines().find_map(|line| line.strip_prefix("se.slice"))?;
        slice.rsplit_once(": ")?.1.trim().parse().ok()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn jobs_give_way_and_those_who_answer_do_not() {
        let own = nice();
        assert_eq!(run(nice).await.expect("it ends"), NICE.max(own));
        assert_eq!(run_after(nice).await.expect("it ends"), NICE_AFTER.max(own));
        assert_eq!(run_last("last", nice).await.expect("it ends"), NICE_LAST.max(own));
        assert_eq!(nice(), own);
    }

    #[test]
    fn who_has_little_to_do_runs_for_less_at_once() {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).on_thread_start(begin_thread).build().expect("it starts");
        let answers = runtime.block_on(async { tokio::spawn(async { slice() }).await }).expect("it ends");
        let works = runtime.block_on(run_after(slice)).expect("it ends");
        assert_eq!(runtime.block_on(run(slice)).expect("it ends"), answers);
        // Before Linux 6.12 nobody chooses.
        if let (Some(answers), Some(works)) = (answers, works)
            && answers != works
        {
            assert_eq!(answers, SLICE);
            assert!(works > SLICE, "{works}");
        }
    }
}
