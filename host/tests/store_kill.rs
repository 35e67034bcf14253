//! "Nothing is lost on `kill -9`": a process that writes resources with their rows and says which ones are in is killed
//! in the middle; all that it reported is there afterwards, nothing is there by half, and the next process goes on.

#![expect(clippy::unwrap_used, reason = "a test may panic anywhere")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use turntable::model::key;
use turntable::model::rows::Rows;
use turntable::model::table::{Column, ColumnAccess, Kind, Table, TableAccess};
use turntable::store::sqlite::Store;
use turntable::store::write::NativeWrite;

/// Set for the process that writes; holds its data folder.
const FOLDER: &str = "TURNTABLE_KILL_TEST_FOLDER";

#[test]
fn what_was_reported_survives_kill_9() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_until_killed(folder.as_ref());
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

        let (store, table) = (Store::open(folder.path()).unwrap(), table());
        for number in 0..=reported {
            let found = store.get(&table, key::guid(&number.to_string()), &[1]).unwrap();
            let found = found.unwrap_or_else(|| panic!("row {number} of {reported} is lost"));
            assert_eq!(found.rows.cell(0, 1), Some(text(number).as_str()));
            let resource = store.resource("Patient", &number.to_string()).unwrap();
            assert_eq!(resource, Some((text(number).into_bytes(), 1)), "resource {number}");
        }
        // What was written last may be in without having been reported, but only as a whole.
        let resources = store.resources_after("Patient", "", jiff::Timestamp::UNIX_EPOCH, usize::MAX).unwrap();
        assert_eq!(store.count_rows(&table).unwrap(), resources.len() as u64);
    }
}

fn write_until_killed(folder: &Path) {
    let (store, table) = (Store::open(folder).unwrap(), Arc::new(table()));
    store.ensure_table(&table).unwrap();
    let is_free = |n: &u64| store.last_version("Patient", &n.to_string()).unwrap().is_none();
    for number in (0..).skip_while(|n| !is_free(n)) {
        let (id, text) = (number.to_string(), text(number));
        let mut rows = Rows::new(vec![0, 1]);
        rows.push([Some(id.as_str()), Some(text.as_str())]);
        let write = NativeWrite {
            resource_type: "Patient".into(),
            id,
            body: Some(text.into_bytes()),
            base: None,
            version: 1,
            rows: vec![(table.clone(), rows)],
        };
        store.put_resources(&[write]).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\ncommitted {number}").unwrap();
        out.flush().unwrap();
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
    }
}
