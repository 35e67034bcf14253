//! "Nothing is lost on `kill -9`": a process that writes resources with their rows and says which ones are in is killed
//! in the middle; all that it reported is there afterwards, nothing is there by half, and the next process goes on.

#![expect(clippy::unwrap_used, reason = "a test may panic anywhere")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use turntable::model::key;
use turntable::model::limits::Limits;
use turntable::model::rows::Rows;
use turntable::model::table::{Column, ColumnAccess, Kind, Table, TableAccess};
use turntable::store::facade::Store;
use turntable::store::native::{NativeScan, NativeWrite, OwnChange, ScanLimits, TableRows};

/// Set for the process that writes; holds its data folder.
const FOLDER: &str = "TURNTABLE_KILL_TEST_FOLDER";

#[test]
fn what_was_reported_survives_kill_9() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return runtime().block_on(write_until_killed(folder.as_ref()));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut reported = 0;
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_was_reported_survives_kill_9", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let wanted = reported + 40 + round * 7;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            if let Some(number) = line.unwrap().strip_prefix("committed ") {
                reported = number.parse().unwrap();
            }
            if reported >= wanted {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(reported >= wanted, "the writer stopped early");

        runtime().block_on(check(folder.path(), reported));
    }
}

/// Everything that was reported is there, and nothing by half.
async fn check(folder: &Path, reported: u64) {
    let (store, table) = (Store::open(folder, &Limits::default()).await.unwrap(), Arc::new(table()));
    let limits = ScanLimits { rows: 1, bytes: usize::MAX, deadline: Instant::now() + Duration::from_secs(60) };
    for number in 0..=reported {
        let row = NativeScan::row(table.clone(), key::guid(&number.to_string()));
        let found = store.scan(row, limits).await.unwrap().rows;
        assert_eq!(found.cell(0, 1), Some(text(number).as_str()), "row {number} of {reported} is lost");
        let (body, version) = store.resource("Patient", &number.to_string()).await.unwrap().unwrap();
        assert_eq!((&*body, version), (text(number).as_bytes(), 1), "resource {number}");
    }
    // What was written last may be in without having been reported, but only as a whole.
    let resources = store.resources_since(vec!["Patient".into()], 0, usize::MAX).await.unwrap();
    assert_eq!(store.count_rows(table).await.unwrap(), resources.len() as u64);
    let numbers: Vec<_> = resources.iter().map(|resource| resource.written).collect();
    assert_eq!(numbers, (1..=resources.len() as u64).collect::<Vec<_>>(), "each write has its number");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

async fn write_until_killed(folder: &Path) {
    let (store, table) = (Store::open(folder, &Limits::default()).await.unwrap(), Arc::new(table()));
    let mut number = store.resources_since(vec!["Patient".into()], 0, usize::MAX).await.unwrap().len() as u64;
    loop {
        let (id, text) = (number.to_string(), text(number));
        let mut rows = Rows::new(vec![0, 1]);
        rows.push([Some(id.as_str()), Some(text.as_str())]);
        let write = NativeWrite {
            resource_type: "Patient".into(),
            id,
            body: Some(text.into()),
            base: None,
            version: 1,
            rows: vec![TableRows::new(table.clone(), rows)],
            own: OwnChange::default(),
        };
        store.put_resources(vec![write]).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\ncommitted {number}").unwrap();
        out.flush().unwrap();
        number += 1;
    }
}

/// Long enough to spread over several pages.
fn text(number: u64) -> String {
    format!("row {number} ").repeat(1_000)
}

fn table() -> Table {
    let column = |name: &str, kind| Column {
        name: name.into(),
        label: String::new(),
        description: String::new(),
        kind,
        access: ColumnAccess { read: true, create: true, update: true },
        required: false,
        path: String::new(),
        elements: Vec::new(),
    };
    Table {
        name: "contact".into(),
        entity_set: "contacts".into(),
        label: String::new(),
        description: String::new(),
        sources: Vec::new(),
        columns: vec![
            column("contactid", Kind::Key),
            column("fullname", Kind::Text { max_length: None, multi_line: false }),
        ],
        concepts: Vec::new(),
        key: 0,
        primary_name: 1,
        version: None,
        access: TableAccess { read: true, create: true, update: true, delete: true },
        parent: None,
        one_row_per_resource: true,
        made_by: String::new(),
        adds_version: false,
        narrowed: Default::default(),
    }
}
