//! For the native tests of mappings: a folder of samples, and the laws over any amount of FHIR JSON.
//!
//! What the files of a sample are, and when it passes: [`sample`](crate::sample). With `TURNTABLE_BLESS=1` in the
//! environment, rows and resources-after are written instead of compared: read the difference before you commit it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use turntable_mapping::{Mapping, Table, describe};
use turntable_scan::{Document, Value};

use crate::check::{self as laws, Named};
use crate::native::Native;
use crate::sample::{self, Sample};
use crate::testing;

/// Every sample passes and keeps the laws, and its files hold what the mapping gives, to the byte: so a change of what is
/// written shows in the difference of a commit, though it be the order of members only.
pub fn check(mapping: &'static Mapping, folder: &Path) {
    let texts = texts(folder);
    assert!(!texts.is_empty(), "no samples in {}", folder.display());
    let (subject, schema) = (Native(mapping), describe(mapping));
    let samples: Vec<_> = texts.iter().map(|(name, files)| files.sample(name)).collect();
    for sample in &samples {
        if let Some(resource) = sample.resource {
            testing::laws(mapping, resource);
        }
        if env::var_os("TURNTABLE_BLESS").is_none() {
            let rows = sample::check_rows(&subject, &schema, sample);
            let faults = rows.into_iter().chain(sample::check_change(&subject, &schema, sample, &samples));
            let faults: Vec<_> = faults.map(|fault| fault.to_string()).collect();
            assert!(faults.is_empty(), "{}: {}", sample.name, faults.join("\n"));
        }
        if let Some(resource) = sample.resource {
            let rows = sample::rows_text(&subject, &schema, resource).unwrap_or_else(|what| panic!("{what}"));
            agree(folder, &format!("{}.rows.json", sample.name), sample.rows, &rows);
        }
        if sample.change.is_some() {
            let after =
                sample::after_change(&subject, &schema, sample, &samples).unwrap_or_else(|what| panic!("{what}"));
            agree(folder, &format!("{}.after.json", sample.name), sample.after, &after);
        }
    }
}

/// The files of a sample.
#[derive(Default)]
struct Files {
    resource: Option<String>,
    rows: Option<String>,
    change: Option<String>,
    after: Option<String>,
}

impl Files {
    fn sample<'s>(&'s self, name: &'s str) -> Sample<'s> {
        Sample {
            name,
            resource: self.resource.as_deref(),
            rows: self.rows.as_deref(),
            change: self.change.as_deref(),
            after: self.after.as_deref(),
        }
    }
}

/// The samples of a folder by name.
fn texts(folder: &Path) -> BTreeMap<String, Files> {
    let mut found: BTreeMap<String, Files> = BTreeMap::new();
    for file in files(folder) {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let stem = file.file_stem().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        let (name, part) = stem.rsplit_once('.').unwrap_or((stem, ""));
        let files = found.entry(name.to_owned()).or_default();
        match part {
            "" => files.resource = Some(text),
            "rows" => files.rows = Some(text),
            "change" => files.change = Some(text),
            "after" => files.after = Some(text),
            other => panic!("{}: no sample has a file of the kind {other}", file.display()),
        }
    }
    found
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

/// The file holds this text, or is made to.
fn agree(folder: &Path, file: &str, held: Option<&str>, text: &str) {
    if env::var_os("TURNTABLE_BLESS").is_some() {
        fs::write(folder.join(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
        return;
    }
    let held = held.unwrap_or_default();
    let differs = held.lines().zip(text.lines()).position(|(held, text)| held != text);
    let line = differs.map_or(0, |line| line + 1);
    assert!(held == text, "{file}, line {line}: TURNTABLE_BLESS=1 would write\n{text}");
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
