//! The FHIR data at hand: resources of all JSON files, alone or in bundles, that the repository carries, and of the
//! shared data where that is there; of those that look the same, the first.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use turntable_mapping::bindings::exports::turntable::mapping::read::{ReadRequest, TableRequest};
use turntable_mapping::bindings::turntable::mapping::types::Documents;
use turntable_scan::{Document, Value};
use turntable_test_data::{carried, json_files, shared};

/// A resource, with the file that it is from.
pub struct Resource {
    /// Below its folder of data.
    pub file: String,
    pub id: String,
    pub text: String,
}

/// By resource type.
static RESOURCES: LazyLock<HashMap<String, Vec<Resource>>> = LazyLock::new(|| {
    let mut found = HashMap::new();
    let mut seen = HashSet::new();
    for folder in carried().into_iter().chain(shared("")) {
        collect(&folder, &mut seen, &mut found);
    }
    found
});

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

fn collect(folder: &Path, seen: &mut HashSet<String>, found: &mut HashMap<String, Vec<Resource>>) {
    for path in json_files(folder) {
        let Ok(bytes) = fs::read(&path) else { continue };
        let Ok(document) = Document::parse(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)) else { continue };
        let file = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        let entries = document.root().get("entry").into_iter().flat_map(Value::items);
        for resource in entries.filter_map(|entry| entry.get("resource")).chain([document.root()]) {
            let said = |member: &str| resource.get(member).and_then(Value::text).filter(|text| !text.is_empty());
            let (Some(kind), Some(id)) = (said("resourceType"), said("id")) else { continue };
            if seen.insert(shape(resource)) {
                let text = resource.raw().to_owned();
                let resource = Resource { file: file.clone(), id: id.into_owned(), text };
                found.entry(kind.into_owned()).or_default().push(resource);
            }
        }
    }
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
