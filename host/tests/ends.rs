//! How a server ends, and what does not end it, by the binary: signals, a log that takes nothing.
#![cfg(unix)]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(data: &Path, stderr: Stdio, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_turntable"))
            .arg("serve")
            .current_dir(data)
            .envs([("TURNTABLE_LISTEN", "127.0.0.1:0"), ("TURNTABLE_MAPPINGS__BUILTIN", "false")])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines.map_while(Result::ok).find(|line| line.starts_with("listening on ")).expect("it listens");
        Self { child, address: line.trim_start_matches("listening on http://").to_owned() }
    }

    fn connect(&self, said: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it answers");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        stream.write_all(said.as_bytes()).expect("it listens");
        stream
    }

    fn get(&self, path: &str) -> String {
        let mut stream = self.connect(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"));
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success());
    }

    /// How it ends, and after what time.
    fn ended(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return (status, begun.elapsed());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const WORKING: &str =
    "POST /fhir HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";

#[test]
fn a_signal_ends_it_in_order_and_a_second_one_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut served = Served::start(folder.path(), Stdio::null(), &[]);
    let _half_open = served.connect("GET / HTTP/1.1\r\nhost: lo");
    served.terminate();
    let (status, took) = served.ended();
    assert!(status.success() && took < Duration::from_secs(5), "{status} after {took:?}");

    let mut served = Served::start(folder.path(), Stdio::null(), &[]);
    let _working = served.connect(WORKING);
    std::thread::sleep(Duration::from_millis(300));
    served.terminate();
    std::thread::sleep(Duration::from_secs(1));
    assert!(served.child.try_wait().expect("it can be waited for").is_none(), "a request is under way");
    served.terminate();
    let (status, took) = served.ended();
    assert!(status.code() == Some(1) && took < Duration::from_secs(3), "{status} after {took:?}");
}

#[test]
fn a_log_that_takes_nothing_ends_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let full = || File::options().write(true).open("/dev/full").map(Stdio::from);
    // A pipe that nobody reads takes some lines, and then none.
    let kinds: [(&str, Option<Stdio>); 2] = [("a full disk", full().ok()), ("a pipe", Some(Stdio::piped()))];
    for (kind, stderr) in kinds {
        let Some(stderr) = stderr else { continue };
        let mut served = Served::start(folder.path(), stderr, &[("TURNTABLE_LOG", "trace")]);
        // Many more than a pipe and the queue take.
        let dropped = (0..10_000).find(|at| {
            // Each is a line of the log.
            assert!(served.get("/api/data/v9.2/$all").starts_with("HTTP/1.1 501 "), "{kind}");
            let figures = if at % 100 == 99 { served.get("/metrics") } else { String::new() };
            let mut dropped =
                figures.lines().filter_map(|line| line.strip_prefix("turntable_log_lines_dropped_total "));
            dropped.next().is_some_and(|count| count != "0")
        });
        assert!(dropped.is_some(), "{kind}: no line was dropped");
        served.terminate();
        let (status, took) = served.ended();
        assert!(status.success() && took < Duration::from_secs(5), "{kind}: {status} after {took:?}");
    }
}

#[test]
fn a_data_folder_that_everybody_can_look_into_draws_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let warned = |folder: &Path| {
        let mut served = Served::start(folder, Stdio::piped(), &[("TURNTABLE_DATA_DIR", "data")]);
        served.terminate();
        served.ended();
        let mut log = String::new();
        served.child.stderr.take().expect("its log").read_to_string(&mut log).expect("text");
        log.contains("chmod")
    };
    // Made by the server it is its user's alone.
    assert!(!warned(folder.path()));
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("admin-token")), mode(&data.join("turntable.db"))), (0o700, 0o600, 0o600));
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    assert!(warned(folder.path()));
}
