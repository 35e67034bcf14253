//! Where the resources come from: the corpus, the bundles and the mappings' own samples, which the repository carries,
//! and the shared data when it is there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use serde_json::value::RawValue;
use turntable_test_data::{carried, shared, skipped};

pub(crate) struct Corpus {
    pub(crate) resources: Vec<Resource>,
    types: BTreeSet<String>,
    /// Of what is read at present.
    is_carried: bool,
}

pub(crate) struct Resource {
    pub(crate) resource_type: String,
    pub(crate) id: String,
    /// As it stands in its file.
    pub(crate) text: String,
    pub(crate) value: Value,
    /// In this repository.
    pub(crate) is_carried: bool,
    file: String,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} of {}", self.resource_type, self.id, self.file)
    }
}

impl Corpus {
    /// Every resource of these types.
    pub(crate) fn read(types: BTreeSet<String>) -> Self {
        let mut corpus = Self { resources: Vec::new(), types, is_carried: true };
        carried().iter().for_each(|folder| corpus.folder(folder));
        corpus.folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-mappings/tables"));
        let ours = corpus.resources.len();
        corpus.is_carried = false;
        if let Some(shared) = shared("") {
            corpus.folder(&shared);
        }
        println!("{ours} resources of this repository, {} in all", corpus.resources.len());
        corpus
    }

    fn folder(&mut self, folder: &Path) {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() {
                self.folder(&path);
            } else if [".rows.json", ".change.json", ".after.json"].iter().any(|end| name.ends_with(end)) {
                // What a sample is held to, and no resource of its own.
            } else if name.ends_with(".json") {
                self.file(&name, &fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
            } else if name.ends_with(".json.gz") {
                match Command::new("gzip").arg("-dc").arg(&path).output() {
                    Ok(output) if output.status.success() => self.file(&name, &output.stdout),
                    _ => skipped(&format!("{name}: there is no gzip to open it")),
                }
            }
        }
    }

    /// A resource, or a bundle of them. Some of the data is no JSON or no resource, on purpose: that is left out.
    fn file(&mut self, name: &str, bytes: &[u8]) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let Ok(members) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(bytes) else { return };
        let entries = members.get("entry").filter(|_| is_type(&members, "Bundle"));
        let Some(entries) = entries else {
            return self.resource(name, std::str::from_utf8(bytes).unwrap_or_default());
        };
        let Ok(entries) = serde_json::from_str::<Vec<BTreeMap<String, &RawValue>>>(entries.get()) else { return };
        for entry in entries {
            if let Some(resource) = entry.get("resource") {
                self.resource(name, resource.get());
            }
        }
    }

    fn resource(&mut self, file: &str, text: &str) {
        let Ok(value) = serde_json::from_str::<Value>(text) else { return };
        let Some(resource_type) = value["resourceType"].as_str().filter(|t| self.types.contains(*t)) else { return };
        let resource_type = resource_type.to_owned();
        let (text, value, id) = match &value["id"] {
            Value::String(id) if !id.is_empty() => (text.to_owned(), value.clone(), id.clone()),
            // Before it is created; a FHIR service, and the native store, give it one.
            Value::Null if value.get("id").is_none() => {
                let id = format!("given-{}", self.resources.len());
                let text = text.trim_start().replacen('{', &format!("{{\"id\":\"{id}\","), 1);
                let Ok(value) = serde_json::from_str(&text) else { return };
                (text, value, id)
            }
            _ => return,
        };
        let is_carried = self.is_carried;
        self.resources.push(Resource { resource_type, id, text, value, is_carried, file: file.to_owned() });
    }
}

/// At most `count` resources of each shape: of those with the same element names in the same places, and the same
/// choice of what a list's first entries are.
pub(crate) fn of_each_shape<'a>(resources: &[&'a Resource], count: usize) -> Vec<&'a Resource> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut chosen = Vec::new();
    for resource in resources {
        let mut names = BTreeSet::new();
        shape(&resource.value, "", &mut names);
        let shape = format!("{} {names:?}", resource.resource_type);
        let of_shape = seen.entry(shape).or_default();
        *of_shape += 1;
        if *of_shape <= count {
            chosen.push(*resource);
        }
    }
    chosen
}

fn shape(value: &Value, at: &str, names: &mut BTreeSet<String>) {
    match value {
        // Extensions and contained resources are carried along whole, whatever they hold.
        Value::Object(members) => members.iter().for_each(|(name, member)| match name.as_str() {
            "extension" | "contained" | "text" | "meta" | "photo" => drop(names.insert(format!("{at}.{name}"))),
            _ => shape(member, &format!("{at}.{name}"), names),
        }),
        Value::Array(items) => items.iter().take(2).enumerate().for_each(|(index, item)| {
            shape(item, &format!("{at}[{index}]"), names);
        }),
        _ => drop(names.insert(at.to_owned())),
    }
}

fn is_type(members: &BTreeMap<String, &RawValue>, resource_type: &str) -> bool {
    let text = members.get("resourceType").map(|text| text.get());
    text.is_some_and(|text| text.trim_matches('"') == resource_type)
}
