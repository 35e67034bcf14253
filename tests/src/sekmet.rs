//! sekmet-fhir, a FHIR R4 server from PyPI that nobody here wrote: started as a process of its own on a free port with
//! an empty database, killed at the end.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use tempfile::TempDir;

use crate::http::{Call, client};
use turntable_test_data::skipped;

/// Python on a busy machine takes its time.
const START: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

pub(crate) struct Sekmet {
    process: Child,
    port: u16,
    /// Settings, database and log.
    folder: TempDir,
}

impl Sekmet {
    /// With settings under `server_behaviour`, a line each. `None` after a line that says so, if no executable is named.
    pub(crate) async fn start(behaviour: &str) -> Option<Self> {
        let Some(executable) = std::env::var_os("TURNTABLE_TEST_SEKMET") else {
            skipped(
                "no real FHIR server (pip install sekmet-fhir==0.1.1, set TURNTABLE_TEST_SEKMET to its executable)",
            );
            return None;
        };
        let mut sekmet = Self::spawn(&PathBuf::from(executable), behaviour);
        sekmet.wait().await;
        Some(sekmet)
    }

    pub(crate) fn base(&self) -> String {
        base(self.port)
    }

    fn spawn(executable: &Path, behaviour: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let settings = folder.path().join("settings.yaml");
        std::fs::write(&settings, settings_yaml(port, behaviour)).expect("a temporary file");
        let log = File::create(folder.path().join("log")).expect("a temporary file");
        let process = Command::new(executable)
            .args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()])
            .current_dir(folder.path())
            .env("SEKMET_CONFIG", &settings)
            .env("SEKMET_DB", folder.path().join("sekmet.db"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a handle of an open file"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", executable.display()));
        Self { process, port, folder }
    }

    /// Until it answers.
    async fn wait(&mut self) {
        let client = client();
        let deadline = Instant::now() + START;
        loop {
            let answer = Call::new(&client, Method::GET, &format!("{}/metadata", self.base())).try_send().await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return;
            }
            let ended = self.process.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "sekmet ended ({ended:?}):\n{}", self.log());
            assert!(Instant::now() < deadline, "sekmet does not answer after {START:?}:\n{}", self.log());
            tokio::time::sleep(POLL).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Sekmet {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn base(port: u16) -> String {
    // Its paging links are built from this, and it wants the path to be `/fhir`.
    format!("http://127.0.0.1:{port}/fhir")
}

fn settings_yaml(port: u16, behaviour: &str) -> String {
    format!(
        "base_url: {}\nlog_inbound: false\nsimulator:\n  enabled: false\nvalidation:\n  inbound: strict\n\
         server_behaviour:\n  {behaviour}\n",
        base(port)
    )
}

/// Free a moment ago; nobody else on the loopback address is likely to take it in between.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback address is free");
    listener.local_addr().expect("a bound listener has an address").port()
}
