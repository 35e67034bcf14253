//! "Nothing is lost on `kill -9`": a process that writes rows and says which ones are in is killed in the middle; every
//! row that it reported is there afterwards, and the next process goes on from there.

#![expect(clippy::unwrap_used, reason = "a test may panic anywhere")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use turntable::model::key;
use turntable::model::table::{Column, ColumnAccess, Kind, Table, TableAccess};
use turntable::store::sqlite::Store;

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
        }
    }
}

fn write_until_killed(folder: &Path) {
    let (store, table) = (Store::open(folder).unwrap(), table());
    store.ensure_table(&table).unwrap();
    let is_free = |n: &u64| store.get(&table, key::guid(&n.to_string()), &[0]).unwrap().is_none();
    for number in (0..).skip_while(|n| !is_free(n)) {
        store.create(&table, vec![(0, Some(&number.to_string())), (1, Some(&text(number)))]).unwrap();
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
