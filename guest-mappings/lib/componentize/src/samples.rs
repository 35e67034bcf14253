//! The author's samples: a folder of files, and a custom section behind a component.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wasm_encoder::{ComponentSection, CustomSection};

/// The custom section, last in the component, that holds the samples as a JSON array.
pub const SAMPLES_SECTION: &str = "turntable:samples";

/// What the author says a resource comes to: a resource with its rows, or a change with the resource after it. JSON
/// texts, kept digit by digit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub name: String,
    /// A FHIR resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<RawValue>>,
    /// The rows it gives, by table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Box<RawValue>>,
    /// A change: `of` (the sample it is made to; none for a new resource), `table`, `operation` (`update` unless said),
    /// `key` (the resource's id unless said), `assignments`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Box<RawValue>>,
    /// The resource after that change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<RawValue>>,
}

/// Puts samples behind a component. Components of other languages' tools come without.
pub fn put_samples(component: &mut Vec<u8>, samples: &[Sample]) -> Result<(), String> {
    if !samples.is_empty() {
        let json = serde_json::to_vec(samples).map_err(|error| format!("samples: {error}"))?;
        let section = CustomSection { name: SAMPLES_SECTION.into(), data: json.into() };
        section.append_to_component(component);
    }
    Ok(())
}

/// Samples of a mapping crate, by name: `NAME.json` the resource, `NAME.rows.json`, `NAME.change.json` and
/// `NAME.after.json` beside it. No directory, no samples.
pub fn read_samples(directory: &Path) -> Result<Vec<Sample>, String> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let said = |error: std::io::Error| format!("{}: {error}", directory.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(said)? {
        let file = entry.map_err(said)?.file_name();
        let Some(stem) = file.to_str().and_then(|file| file.strip_suffix(".json")) else { continue };
        let (name, beside) = match stem.rsplit_once('.') {
            Some((name, "rows")) => (name, Some(format!("{name}.json"))),
            Some((name, "change")) => (name, Some(format!("{name}.after.json"))),
            Some((name, "after")) => (name, Some(format!("{name}.change.json"))),
            _ => (stem, None),
        };
        if let Some(beside) = beside
            && !directory.join(&beside).is_file()
        {
            return Err(format!("{}: {stem}.json has no {beside} beside it", directory.display()));
        }
        names.push(name.to_owned());
    }
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| read_sample(directory, name)).collect()
}

fn read_sample(directory: &Path, name: String) -> Result<Sample, String> {
    let json = |suffix: &str| -> Result<Option<Box<RawValue>>, String> {
        let path = directory.join(format!("{name}{suffix}.json"));
        if !path.is_file() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map(Some).map_err(|error| format!("{}: {error}", path.display()))
    };
    Ok(Sample { resource: json("")?, rows: json(".rows")?, change: json(".change")?, after: json(".after")?, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(directory.path().join(file), text).unwrap();
        write("b.json", r#"{"resourceType":"Basic","n":72.10}"#);
        write("a.json", "{}");
        write("a.rows.json", "{ }");
        let samples = read_samples(directory.path()).unwrap();
        assert_eq!(
            serde_json::to_string(&samples).unwrap(),
            r#"[{"name":"a","resource":{},"rows":{ }},{"name":"b","resource":{"resourceType":"Basic","n":72.10}}]"#
        );
        write("c.rows.json", "[]");
        assert!(read_samples(directory.path()).unwrap_err().contains("no c.json"));
        assert!(read_samples(&directory.path().join("none")).unwrap().is_empty());
    }
}
