//! The FHIR data at hand: resources from all JSON files of a folder, alone or in bundles; of those that look the
//! same, the first.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs};

use turntable_mapping::bindings::exports::turntable::mapping::read::{ReadRequest, TableRequest};
use turntable_mapping::bindings::turntable::mapping::types::Documents;
use turntable_scan::{Document, Value};

/// A resource with the file it is from.
pub struct Resource {
    pub file: PathBuf,
    pub id: String,
    pub text: String,
}

/// By resource type.
static RESOURCES: LazyLock<HashMap<String, Vec<Resource>>> =
    LazyLock::new(|| folder().map(collect).unwrap_or_default());

/// The folder of test data: `TURNTABLE_SHARED_DATA`, or `shared/data` beside the project. None if it is not there.
pub fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = env::var_os("TURNTABLE_SHARED_DATA").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// The distinct resources of a type, read once for all tests.
pub fn resources(kind: &str) -> &'static [Resource] {
    RESOURCES.get(kind).map(Vec::as_slice).unwrap_or_default()
}

/// The call for the rows of these resources.
pub fn request(table: &str, columns: Vec<u16>, resources: &[impl AsRef<[u8]>]) -> ReadRequest {
    let mut documents = Documents { data: Vec::new(), ends: Vec::new() };
    for resource in resources {
        documents.data.extend_from_slice(resource.as_ref());
        documents.ends.push(documents.data.len() as u32);
    }
    documents.data.extend_from_slice(&[b' '; 64]);
    let related = Documents { data: Vec::new(), ends: Vec::new() };
    ReadRequest { documents, related, tables: vec![TableRequest { table: table.to_owned(), columns }] }
}

fn collect(folder: PathBuf) -> HashMap<String, Vec<Resource>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    let mut seen = HashSet::new();
    for file in files(folder) {
        let Ok(bytes) = fs::read(&file) else { continue };
        let Ok(document) = Document::parse(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)) else { continue };
        let entries = document.root().get("entry").into_iter().flat_map(Value::items);
        for resource in entries.filter_map(|entry| entry.get("resource")).chain([document.root()]) {
            let said = |member: &str| resource.get(member).and_then(Value::text).filter(|text| !text.is_empty());
            let (Some(kind), Some(id)) = (said("resourceType"), said("id")) else { continue };
            if seen.insert(shape(resource)) {
                let resource = Resource { file: file.clone(), id: id.into_owned(), text: resource.raw().to_owned() };
                found.entry(kind.into_owned()).or_default().push(resource);
            }
        }
    }
    found
}

/// All JSON files below a folder, in order.
fn files(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
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

/// The type and the paths that a resource has, with the kinds of their values.
fn shape(resource: Value<'_>) -> String {
    let mut paths = BTreeSet::from([resource.get("resourceType").map_or("", Value::raw).to_owned()]);
    let mut open = vec![(String::new(), resource)];
    while let Some((path, value)) = open.pop() {
        open.extend(value.members().map(|(key, value)| (format!("{path}.{}", key.text().unwrap_or_default()), value)));
        open.extend(value.items().map(|item| (format!("{path}[]"), item)));
        paths.insert(format!("{path} {:?}", value.kind()));
    }
    paths.into_iter().collect::<Vec<_>>().join("\n")
}
