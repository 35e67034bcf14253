//! The author's commands from outside, by the binary: a new mapping builds and passes its test, and what is wrong is
//! named with its place. Exit status 0 done, 1 failed, 2 wrong usage.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

struct Ran {
    status: Option<i32>,
    out: String,
    err: String,
}

/// `turntable mapping …` in a folder.
fn mapping(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turntable"));
    let ran = command.arg("mapping").args(arguments).current_dir(folder).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { status: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
}

impl Ran {
    #[track_caller]
    fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }
}

/// A new mapping of Flag in YAML, `demo` in a folder of its own.
fn demo() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    mapping(folder.path(), &["new", "demo", "--resource", "Flag", "--yaml"]).expect(0);
    folder
}

/// Changes the first place of a text in a file; gives line and column of it, from 1.
fn change(file: &Path, from: &str, to: &str) -> (usize, usize) {
    let text = fs::read_to_string(file).expect("the file");
    let at = text.find(from).unwrap_or_else(|| panic!("no {from} in\n{text}"));
    fs::write(file, text.replacen(from, to, 1)).expect("the file");
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[test]
fn a_new_mapping_builds_and_passes() {
    let folder = demo();
    let tested = mapping(folder.path(), &["test", "demo"]).expect(0);
    assert!(
        tested.out.contains("demo 0.1.0: ") && tested.out.contains(" 0 failed, over 1 resources"),
        "{}",
        tested.out
    );
    let checked = mapping(folder.path(), &["check", "demo"]).expect(0);
    assert!(checked.out.contains("tt_demo (tt_demos)") && !checked.out.contains("FAULT"), "{}", checked.out);

    mapping(folder.path(), &["build", "demo", "-o", "demo.wasm"]).expect(0);
    // The component carries its samples, and passes alone.
    let report = mapping(folder.path(), &["test", "demo.wasm", "--json"]).expect(0);
    let report: Value = serde_json::from_str(&report.out).expect("JSON");
    assert_eq!((&report["name"], &report["resources"]), (&"demo".into(), &1.into()));
    let cases = report["cases"].as_array().expect("cases");
    assert!(cases.iter().any(|case| case["name"] == "example rows"), "{report:#}");
    assert!(cases.iter().all(|case| case["passed"] == true), "{report:#}");
    let inspected = mapping(folder.path(), &["inspect", "demo.wasm", "--describe"]).expect(0);
    assert!(inspected.out.contains("tt_demo (tt_demos)"), "{}", inspected.out);
}

#[test]
fn a_typo_is_named_with_its_place() {
    let folder = demo();
    let yaml = folder.path().join("demo/mapping.yaml");
    let (line, column) = change(&yaml, "search: {token: identifier", "serch: {token: identifier");
    for command in ["build", "test", "check"] {
        let refused = mapping(folder.path(), &[command, "demo"]).expect(1);
        let expected = format!("demo/mapping.yaml:{line}:{column}: ");
        assert!(refused.err.contains(&expected), "{command}: no {expected} in {}", refused.err);
        assert!(refused.err.contains("did you mean search"), "{command}: {}", refused.err);
    }
}

#[test]
fn what_r4_does_not_have_is_named_with_the_nearest() {
    let folder = demo();
    let (line, _) = change(&folder.path().join("demo/mapping.yaml"), "choice: status,", "choice: statuss,");
    let checked = mapping(folder.path(), &["check", "demo"]).expect(1);
    assert!(checked.out.contains(&format!("demo/mapping.yaml:{line}:")), "{}", checked.out);
    assert!(checked.out.contains("did you mean status"), "{}", checked.out);
}

/// As forgetting a `[0]` is: the sample has such a list already, so its rows and changes are right.
#[test]
fn what_would_write_what_is_not_r4_is_named_with_its_place() {
    let folder = demo();
    let yaml = folder.path().join("demo/mapping.yaml");
    let (line, _) = change(&yaml, "'category[0]'", "category");
    for command in ["check", "test"] {
        let refused = mapping(folder.path(), &[command, "demo"]).expect(1);
        assert!(refused.out.contains("Flag.category: what it writes is not R4: R4 has a list here"), "{}", refused.out);
    }
    let checked = mapping(folder.path(), &["check", "demo"]).expect(1);
    assert!(checked.out.contains(&format!("demo/mapping.yaml:{line}:")), "{}", checked.out);
    // So it is of a component, whatever made it.
    mapping(folder.path(), &["build", "demo", "-o", "demo.wasm"]).expect(0);
    for command in ["check", "test"] {
        let refused = mapping(folder.path(), &[command, "demo.wasm"]).expect(1);
        assert!(refused.out.contains("what it writes is not R4: R4 has a list here"), "{}", refused.out);
    }
}

#[test]
fn a_lookup_to_no_table_is_named() {
    let folder = demo();
    let yaml = folder.path().join("demo/mapping.yaml");
    let (line, _) = change(&yaml, "{contacts: [Patient", "{contact: [Patient");
    for command in ["check", "test"] {
        let refused = mapping(folder.path(), &[command, "demo"]).expect(1);
        let expected = format!("demo/mapping.yaml:{line}:");
        assert!(refused.out.contains(&expected), "{}", refused.out);
        assert!(refused.out.contains("contact is a table; a lookup names its entity set, contacts"), "{}", refused.out);
    }
    // One that another mapping may bring is no fault.
    change(&yaml, "{contact: [Patient", "{tt_people: [Patient");
    let checked = mapping(folder.path(), &["check", "demo"]).expect(0);
    assert!(checked.out.contains("note ") && checked.out.contains("no table has the entity set tt_people"));
    mapping(folder.path(), &["test", "demo"]).expect(0);
}

#[test]
fn other_rows_fail_until_they_are_blessed() {
    let folder = demo();
    let rows = folder.path().join("demo/samples/example.rows.json");
    let right = fs::read_to_string(&rows).expect("the rows");
    change(&rows, "example-1", "example-2");
    let failed = mapping(folder.path(), &["test", "demo"]).expect(1);
    assert!(failed.out.contains("- \"example-2\"") && failed.out.contains("+ \"example-1\""), "{}", failed.out);
    let junit = mapping(folder.path(), &["test", "demo", "--report", "junit"]).expect(1);
    assert!(junit.out.contains("failures=\"1\""), "{}", junit.out);
    mapping(folder.path(), &["test", "demo", "--bless"]).expect(0);
    assert_eq!(fs::read_to_string(&rows).expect("the rows"), right);
}

#[test]
fn a_bench_gives_the_same_figures_each_time() {
    let folder = demo();
    mapping(folder.path(), &["bench", "demo", "--record", "first.json"]).expect(0);
    mapping(folder.path(), &["build", "demo", "-o", "demo.wasm"]).expect(0);
    // From the component alone too, and compared with themselves they are no worse, whatever the tolerance.
    let again = ["bench", "demo.wasm", "--against", "first.json", "--tolerance", "0", "--record", "second.json"];
    let again = mapping(folder.path(), &again).expect(0);
    assert!(again.out.contains("no figure differs by more"), "{}", again.out);
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).expect("a record");
    assert_eq!(read("first.json"), read("second.json"));

    let record: Value = serde_json::from_str(&read("first.json")).expect("JSON");
    for figure in ["fuel_page", "fuel_read", "fuel_update", "memory_bytes"] {
        assert!(record["tables"]["tt_demo"][figure].as_u64().is_some_and(|figure| figure > 0), "{figure}: {record:#}");
    }
    assert_eq!(record["tables"]["tt_demo"]["resources"], 1);
    fn sorted(value: &Value) -> bool {
        let Some(object) = value.as_object() else { return true };
        object.keys().is_sorted() && object.values().all(sorted)
    }
    assert!(sorted(&record), "{record:#}");
}

#[test]
fn a_bench_names_what_got_worse() {
    let folder = demo();
    let file = folder.path().join("bench.json");
    mapping(folder.path(), &["bench", "demo", "--record", "bench.json"]).expect(0);
    let mut record: Value = serde_json::from_str(&fs::read_to_string(&file).expect("the record")).expect("JSON");
    let figures = record["tables"]["tt_demo"].as_object_mut().expect("figures");
    let page = figures["fuel_page"].as_u64().expect("a figure");
    let before = page * 10 / 11;
    figures.insert("fuel_page".into(), before.into());
    figures.remove("fuel_update");
    let doctored = record.to_string();
    fs::write(&file, &doctored).expect("the record");

    let against = ["bench", "demo", "--against", "bench.json"];
    // With --record as well: what got worse does not become what is expected.
    let worse = mapping(folder.path(), &[&against[..], &["--record", "bench.json"]].concat()).expect(1);
    let line = format!("tt_demo fuel_page: {before} before, {page} now (+10.0 %)");
    assert!(worse.err.contains(&line), "no {line} in {}", worse.err);
    assert!(worse.out.contains("tt_demo fuel_update is not recorded"), "{}", worse.out);
    assert_eq!(fs::read_to_string(&file).expect("the record"), doctored);
    mapping(folder.path(), &[&against[..], &["--tolerance", "11"]].concat()).expect(0);
}

#[test]
fn a_bench_refuses_what_is_no_record() {
    let folder = demo();
    for text in ["fuel: 1", "{}", r#"{"mapping": "other", "tables": {}, "version": "1.0.0"}"#] {
        fs::write(folder.path().join("bench.json"), text).expect("a file");
        let refused = mapping(folder.path(), &["bench", "demo", "--against", "bench.json"]).expect(1);
        assert!(refused.err.contains("bench.json is no record of this mapping's bench: "), "{}", refused.err);
        assert!(refused.err.contains("--record FILE"), "{}", refused.err);
    }
    let missing = mapping(folder.path(), &["bench", "demo", "--against", "nowhere.json"]).expect(1);
    assert!(missing.err.contains("nowhere.json cannot be read"), "{}", missing.err);
    mapping(folder.path(), &["bench", "demo", "--tolerance=-1"]).expect(2);
    fs::remove_dir_all(folder.path().join("demo/samples")).expect("the samples");
    let nothing = mapping(folder.path(), &["bench", "demo"]).expect(1);
    assert!(nothing.err.contains("no resource to measure with"), "{}", nothing.err);
}

#[test]
fn what_is_no_mapping_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("other.wasm"), b"\0asm\x01\0\0\0").expect("a file");
    for command in ["test", "check", "inspect"] {
        let refused = mapping(folder.path(), &[command, "other.wasm"]).expect(1);
        assert!(refused.err.starts_with("turntable: ") && refused.out.is_empty(), "{command}: {}", refused.err);
    }
    let missing = mapping(folder.path(), &["test", "nowhere"]).expect(1);
    assert!(missing.err.contains("there is no nowhere"), "{}", missing.err);
    let unknown = mapping(folder.path(), &["new", "demo", "--resource", "Flagg", "--yaml"]).expect(1);
    assert!(unknown.err.contains("did you mean Flag"), "{}", unknown.err);
    mapping(folder.path(), &["new", "demo"]).expect(2);
    mapping(folder.path(), &["tset", "demo"]).expect(2);
}
