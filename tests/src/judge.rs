//! A second judge of resources: `fhir.resources` from PyPI, a process of Python that is given a resource a line.
//!
//! It has no R4, only R4B. Of the types that tables are made of, R4B differs from R4 in nothing that it looks at. It looks
//! at elements, their types, cardinalities and choices; not at value sets, which `turntable_r4` knows.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;
use turntable_test_data::skipped;

const SCRIPT: &str = include_str!("judge.py");

pub struct Judge {
    process: Child,
    /// One question at a time.
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Judge {
    /// None, after a line that says so, where no Python with the package is named.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start() -> Option<Self> {
        let Some(python) = std::env::var_os("TURNTABLE_TEST_FHIR_RESOURCES") else {
            skipped(
                "no second judge (pip install fhir.resources==8.3.0, set TURNTABLE_TEST_FHIR_RESOURCES to its python)",
            );
            return None;
        };
        let mut command = Command::new(&python);
        command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", python.display()));
        let stdin = process.stdin.take().expect("it is piped");
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        Some(Self { process, talk: Mutex::new((stdin, stdout)) })
    }

    /// What is wrong with a resource.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn faults(&self, resource: &Value) -> Vec<String> {
        let mut talk = self.talk.lock().expect("nobody failed while asking");
        writeln!(talk.0, "{resource}").expect("it listens");
        let mut line = String::new();
        talk.1.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("fhir.resources says {line:?}: {error}"))
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
