//! A compiled core module to a component, with the author's samples in a custom section behind it. `host/build.rs`
//! includes this file too, so it stands on nothing of this crate.

use std::{fs, path::Path};

use super::attach::{attach, custom_section, leb128};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use turntable_mapping::{Mapping, attached, descriptor};
use wit_component::{ComponentEncoder, metadata};

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

/// Makes a component of a core module that `wit-bindgen` built. The error is for the module's author.
pub fn wrap(core_module: &[u8], samples: &[Sample]) -> Result<Vec<u8>, String> {
    let planned = plan(core_module)?;
    encode(planned.as_deref().unwrap_or(core_module), samples)
}

/// Makes a component of a mapping that is data: of `engine`, the core module of `guest-mappings/lib/declared`, with the
/// mapping's description and its plan attached.
pub fn declare(engine: &[u8], mapping: &'static Mapping, samples: &[Sample]) -> Result<Vec<u8>, String> {
    let (description, plan) = (descriptor::to_bytes(mapping), turntable_mapping::plan_of(mapping));
    let module = attach(engine, &[(attached::PLAN, &plan), (attached::DESCRIPTION, &description)])?;
    encode(&module.ok_or("the engine of mappings that are data has no place for one")?, samples)
}

fn encode(core_module: &[u8], samples: &[Sample]) -> Result<Vec<u8>, String> {
    let refused = |error: String| format!("this module is no mapping: {error}");
    let (stripped, _) = metadata::decode(core_module).map_err(|error| refused(format!("{error:#}")))?;
    if stripped.is_none() {
        return Err(refused("it does not say what component it could be (wit-bindgen writes that into it)".into()));
    }
    let mut component = ComponentEncoder::default()
        .validate(true)
        .module(core_module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| refused(format!("{error:#}")))?;
    put_samples(&mut component, samples)?;
    Ok(component)
}

/// Puts samples behind a component. Components of other languages' tools come without.
pub fn put_samples(component: &mut Vec<u8>, samples: &[Sample]) -> Result<(), String> {
    if !samples.is_empty() {
        let json = serde_json::to_vec(samples).map_err(|error| format!("samples: {error}"))?;
        append_custom_section(component, SAMPLES_SECTION, &json);
    }
    Ok(())
}

/// The module with the plan of its mapping attached, if it says what its mapping is: it reads as well without one, but
/// slower.
fn plan(core_module: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let Some(mapping) = described(core_module)? else { return Ok(None) };
    attach(core_module, &[(attached::PLAN, &turntable_mapping::plan_of(mapping))])
}

/// What the mapping in a core module is, if it says so.
pub fn described(core_module: &[u8]) -> Result<Option<&'static Mapping>, String> {
    let Some(description) = custom_section(core_module, descriptor::SECTION) else { return Ok(None) };
    // What is decoded borrows from it for ever; a build does this once a mapping.
    descriptor::decode(description.to_vec().leak()).map(Some).map_err(|error| error.to_string())
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

/// A custom section is id 0, its size, its name and its bytes; the grammar allows it after any other section.
fn append_custom_section(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut content = leb128(name.len());
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(data);
    component.push(0);
    component.extend(leb128(content.len()));
    component.append(&mut content);
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

    #[test]
    fn a_module_without_a_world_is_none() {
        assert!(wrap(b"\0asm\x01\0\0\0", &[]).unwrap_err().starts_with("this module is no mapping"));
    }
}
