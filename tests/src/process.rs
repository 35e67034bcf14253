//! A server in a process of its own, so that its memory and descriptors are nobody else's: this test's program once more.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::Server;

/// It goes with this.
pub struct Process {
    child: Child,
    pub url: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Runs this test with these variables set, by which it knows that it is to [`serve`].
    ///
    /// # Panics
    /// If it does not come to serve.
    pub fn start<'e>(test: &str, variables: impl IntoIterator<Item = (&'e str, &'e OsStr)>) -> Self {
        Self::logged("error", test, variables)
    }

    /// The same with a log at this level, which [`Process::log`] gives.
    ///
    /// # Panics
    /// If it does not come to serve.
    pub fn logged<'e>(level: &str, test: &str, variables: impl IntoIterator<Item = (&'e str, &'e OsStr)>) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("a test has a program"))
            .args(["--exact", test, "--nocapture"])
            .envs(variables)
            .env("TURNTABLE_LOG", level)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("serves ").map(str::to_owned)).expect("it serves");
        std::thread::spawn(move || lines.for_each(drop));
        let (log, errors) = (Arc::new(Mutex::new(Vec::new())), child.stderr.take().expect("it is piped"));
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                kept.lock().expect("nobody panics").push(line);
            }
        });
        Self { child, url, log }
    }

    /// What it has said on stderr so far, line by line.
    ///
    /// # Panics
    /// If another thread has.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("nobody panics").clone()
    }

    /// Bytes that are in memory.
    pub fn memory(&self) -> u64 {
        self.figure("VmRSS:")
    }

    /// Bytes that were in memory at the worst moment so far.
    pub fn most_memory(&self) -> u64 {
        self.figure("VmHWM:")
    }

    /// Files and connections that are open.
    ///
    /// # Panics
    /// If it has ended.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs").count()
    }

    fn figure(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a figure");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the other process: serves until the one that started it goes.
#[expect(clippy::print_stdout, reason = "the other process is told where")]
pub async fn serve(server: Server) {
    println!("\nserves {}", server.url());
    let gone = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = gone.await;
    server.stop().await;
}
