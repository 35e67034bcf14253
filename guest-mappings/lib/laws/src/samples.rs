//! For the native tests of mapping crates: a folder of samples, and the laws over any amount of FHIR JSON.
//!
//! | file | holds |
//! |---|---|
//! | `NAME.json` | a resource |
//! | `NAME.rows.json` | the rows that it gives, by table |
//! | `NAME.change.json` | a change: `of` (the sample it is made to; none for a new resource), `table`, `operation` (`update` unless said), `key` (the resource's id unless said), `assignments` |
//! | `NAME.after.json` | the resource after that change, byte for byte |
//!
//! With `RENEW_SAMPLES=1` in the environment, rows and resources-after are written instead of compared: read
//! the difference before you commit it.

use std::collections::{BTreeSet, HashSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use turntable_mapping::bindings::exports::turntable::mapping::write::{FhirRequest, Operation};
use turntable_mapping::tools::find_source;
use turntable_mapping::{Mapping, Table};
use turntable_scan::{Document, Value};

use crate::check::{self as laws, Named};
use crate::native::Native;
use crate::testing;

/// Every sample gives its rows, keeps the laws, and becomes what its changes say.
pub fn check(mapping: &'static Mapping, folder: &Path) {
    let files = files(folder);
    assert!(!files.is_empty(), "no samples in {}", folder.display());
    for file in &files {
        let name = stem(file);
        match name.strip_suffix(".change") {
            Some(name) => change(mapping, folder, name),
            None if !name.contains('.') => resource(mapping, folder, name),
            None => {}
        }
    }
}

/// The laws, for the resources of the mapping's types in all JSON files below `folder`, alone or in bundles;
/// of those that look the same, the first. Says how many there were.
pub fn laws(mapping: &'static Mapping, folder: &Path) -> usize {
    let takes = |kind: &str| mapping.tables.iter().flat_map(Table::sources).any(|source| source.resource_type == kind);
    let resources = resources(folder, takes);
    let named: Vec<_> = resources.iter().map(|(name, text)| Named { name, text }).collect();
    let report = laws::check(&Native(mapping), &named, None);
    assert!(report.violations.is_empty(), "{report}");
    report.resources
}

/// The resources of the types that are taken, with a name for each: those in all JSON files below `folder`, alone or
/// in bundles; of those that look the same, the first.
pub fn resources(folder: &Path, takes: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for file in files(folder) {
        let Ok(bytes) = fs::read(&file) else { continue };
        let Ok(document) = Document::parse(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)) else {
            continue;
        };
        let entries = document.root().get("entry").into_iter().flat_map(Value::items);
        let inside = entries.filter_map(|entry| entry.get("resource"));
        for resource in inside.chain([document.root()]) {
            let ours = resource.get("resourceType").and_then(Value::text).is_some_and(|kind| takes(&kind));
            let id = resource.get("id").and_then(Value::text).filter(|id| !id.is_empty());
            if let Some(id) = id.filter(|_| ours && seen.insert(shape(resource))) {
                let file = file.strip_prefix(folder).unwrap_or(&file);
                found.push((format!("{}, {id}", file.display()), resource.raw().to_owned()));
            }
        }
    }
    found
}

fn resource(mapping: &'static Mapping, folder: &Path, name: &str) {
    let text = read(folder, &format!("{name}.json"));
    let document = Document::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{name}.json: {error}"));
    testing::laws(mapping, &text);
    let tables = mapping.tables.iter().filter(|table| find_source(table, document.root()).is_some());
    let rows =
        tables.map(|table| format!("\"{}\": {}", table.name, testing::rows_of(mapping, table.name, &text).trim_end()));
    let rows = rows.collect::<Vec<_>>().join(",\n");
    agree(folder, &format!("{name}.rows.json"), &format!("{{\n{rows}\n}}\n"));
}

fn change(mapping: &'static Mapping, folder: &Path, name: &str) {
    let text = read(folder, &format!("{name}.change.json"));
    let document = Document::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{name}.change.json: {error}"));
    let said = |member: &str| document.root().get(member).and_then(Value::text);
    let table = said("table").unwrap_or_else(|| panic!("{name}.change.json: no table"));
    let operation = match said("operation").as_deref() {
        None | Some("update") => Operation::Update,
        Some("create") => Operation::Create,
        Some("delete") => Operation::Delete,
        Some(other) => panic!("{name}.change.json: no operation {other}"),
    };
    let existing = said("of").map(|of| read(folder, &format!("{of}.json")));
    let id = existing.as_ref().and_then(|text| {
        let document = Document::parse(text.as_bytes()).ok()?;
        document.root().get("id")?.text().map(std::borrow::Cow::into_owned)
    });
    let key = said("key").map(std::borrow::Cow::into_owned).or(id.filter(|_| operation != Operation::Create));
    let assignments = document.root().get("assignments").map_or("{}", Value::raw);
    let after = match testing::change(mapping, &table, operation, key.as_deref(), existing.as_deref(), assignments) {
        Ok(FhirRequest::Create(bytes) | FhirRequest::Update(bytes)) => {
            String::from_utf8(bytes).expect("what is written is UTF-8")
        }
        Ok(FhirRequest::Unchanged) => existing.unwrap_or_default(),
        Ok(FhirRequest::Delete) => panic!("{name}: the resource would be deleted"),
        Err(issues) => panic!("{name}: {issues:?}"),
    };
    agree(folder, &format!("{name}.after.json"), &after);
}

/// The file holds this text, or is made to.
fn agree(folder: &Path, file: &str, text: &str) {
    if env::var_os("RENEW_SAMPLES").is_some() {
        fs::write(folder.join(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
        return;
    }
    let expected = read(folder, file);
    let differs = expected.lines().zip(text.lines()).position(|(expected, text)| expected != text);
    assert!(expected == text, "{file}, line {}:\n{text}", differs.map_or(0, |line| line + 1));
}

fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{}: {error}", folder.join(file).display()))
}

/// All files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|extension| extension == "json") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// `a/x.change.json` to `x.change`.
fn stem(file: &Path) -> &str {
    file.file_stem().and_then(std::ffi::OsStr::to_str).unwrap_or_default()
}

/// The paths that a resource has, with the kinds of their values.
fn shape(resource: Value<'_>) -> String {
    let mut paths = BTreeSet::new();
    let mut open = vec![(String::new(), resource)];
    while let Some((path, value)) = open.pop() {
        open.extend(value.members().map(|(key, value)| (format!("{path}.{}", key.text().unwrap_or_default()), value)));
        open.extend(value.items().map(|item| (format!("{path}[]"), item)));
        paths.insert(format!("{path} {:?}", value.kind()));
    }
    paths.into_iter().collect::<Vec<_>>().join("\n")
}
