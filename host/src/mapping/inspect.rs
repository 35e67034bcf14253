//! Looks at the bytes of a component without running or compiling them: is it sound WebAssembly, does it import
//! nothing but what we offer, does it export our interfaces with our types. All that is wrong is listed at once.

use sha2::{Digest, Sha256};
use turntable_componentize::{SAMPLES_SECTION, Sample, componentize};
use wasm_encoder::Encode;
use wasmparser::{
    CanonicalFunction, CanonicalOption, Encoding, Parser, Payload, Validator, WasmFeatures,
    component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentType, ComponentTypeId, SubtypeCx},
    types::TypesRef,
};

use super::contract::COMPONENT_TYPE;
use crate::model::{
    error::{Code, Detail, Error, Result},
    limits::Limits,
};

/// What of WebAssembly a mapping may use; the engine offers the same. One memory, no threads, nothing that could
/// differ from run to run.
pub(super) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Interfaces of the contract, of any version of it.
const CONTRACT: &str = "turntable:mapping/";
const SCHEMA: &str = "turntable:mapping/schema";
const READ: &str = "turntable:mapping/read";
const WRITE: &str = "turntable:mapping/write";

/// What a component is, found without running it.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// `sha256:<hex>` of `component`.
    pub digest: String,
    /// What is to be kept and loaded: the bytes given, or the component made of the core module given.
    pub component: Vec<u8>,
    /// A core module was given and made a component.
    pub wrapped: bool,
    pub bytes: usize,
    pub imports: Vec<String>,
    pub exports: Vec<String>,
    /// Rows to FHIR too.
    pub writes: bool,
    pub samples: Vec<Sample>,
}

/// Checks everything that can be checked without running the component. `ComponentRefused`, with a detail for each
/// failed check.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<Inspection> {
    if bytes.len() > limits.component_bytes {
        let text =
            format!("{} bytes, more than the {} allowed (limits.component_bytes)", bytes.len(), limits.component_bytes);
        return Err(refused(vec![finding("size", "component", text)]));
    }
    let (component, wrapped) = as_component(bytes).map_err(|detail| refused(vec![detail]))?;
    Validator::new_with_features(FEATURES)
        .validate_all(&component)
        .map_err(|error| refused(vec![finding("validation", "component", format!("not sound: {error}"))]))?;

    let mut findings = Vec::new();
    check_encodings(&component, &mut findings);
    let ends = check_world(&component, &mut findings)
        .map_err(|error| Error::new(Code::Internal, "the mapping contract cannot be read").internal(error))?;
    let samples = samples(&component).unwrap_or_else(|text| {
        findings.push(finding("samples", SAMPLES_SECTION, text));
        Vec::new()
    });
    if !findings.is_empty() {
        return Err(refused(findings));
    }
    Ok(Inspection {
        digest: digest(&component),
        bytes: component.len(),
        wrapped,
        writes: ends.exports.iter().any(|name| split(name).0 == WRITE),
        imports: ends.imports,
        exports: ends.exports,
        samples,
        component,
    })
}

/// `sha256:<hex>`
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}

fn refused(findings: Vec<Detail>) -> Error {
    let message = match &findings[..] {
        [one] => format!("the component was refused: {}", one.message),
        more => format!("the component was refused: {} checks failed", more.len()),
    };
    Error::new(Code::ComponentRefused, message)
        .hint("Build it with `turntable mapping build`, against the wit/mapping.wit of this server.")
        .details(findings)
}

fn finding(check: &str, target: &str, message: String) -> Detail {
    Detail { code: check.to_owned(), message, target: Some(target.to_owned()) }
}

/// Wraps a core module that embeds our world; hands a component through.
fn as_component(bytes: &[u8]) -> Result<(Vec<u8>, bool), Detail> {
    let format = |text: String| finding("format", "component", text);
    match Parser::new(0).parse_all(bytes).next() {
        Some(Ok(Payload::Version { encoding: Encoding::Component, .. })) => Ok((bytes.to_vec(), false)),
        Some(Ok(Payload::Version { encoding: Encoding::Module, .. })) => {
            // The encoder expects sound modules, so that is made sure of before.
            Validator::new_with_features(FEATURES)
                .validate_all(bytes)
                .map_err(|error| finding("validation", "component", format!("not sound: {error}")))?;
            componentize(bytes, &[]).map(|component| (component, true)).map_err(|text| {
                format(format!("a core WebAssembly module, not a component, and it could not be made one: {text}"))
            })
        }
        _ => Err(format("not WebAssembly at all".into())),
    }
}

/// Strings cross the boundary as UTF-8 only: the transcoders for the others are much code for nothing.
fn check_encodings(component: &[u8], findings: &mut Vec<Detail>) {
    let other = |options: &[CanonicalOption]| {
        options.iter().any(|option| matches!(option, CanonicalOption::UTF16 | CanonicalOption::CompactUTF16))
    };
    let sections = Parser::new(0).parse_all(component).filter_map(|payload| match payload {
        Ok(Payload::ComponentCanonicalSection(section)) => Some(section),
        _ => None,
    });
    let mut functions = sections.flatten().flatten();
    let found = functions.any(|function| match function {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => other(&options),
        _ => false,
    });
    if found {
        findings.push(finding("encoding", "component", "passes strings as UTF-16; only UTF-8 is taken".into()));
    }
}

/// The samples behind a component; none if its author gave none.
fn samples(component: &[u8]) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| error.to_string())? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 && section.name() == SAMPLES_SECTION => {
                let more: Vec<Sample> = serde_json::from_slice(section.data()).map_err(|error| {
                    format!("section `{SAMPLES_SECTION}` is not as `mapping build` writes it: {error}")
                })?;
                samples.extend(more);
            }
            _ => {}
        }
    }
    Ok(samples)
}

struct Ends {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Compares the component's type with the contract's. Types of two binaries can only be compared inside a third that
/// holds both, so one is made: the contract is its component 0, the one to check its component 1.
fn check_world(component: &[u8], findings: &mut Vec<Detail>) -> Result<Ends, String> {
    let mut both = component[..8].to_vec();
    for inner in [COMPONENT_TYPE, component] {
        both.push(4);
        inner.encode(&mut both);
    }
    let types = Validator::new_with_features(FEATURES).validate_all(&both).map_err(|error| error.to_string())?;
    let types = types.as_ref();
    let world = &types[contract(types).ok_or("the contract has no world")?];
    let given = &types[types.component_at(1)];
    match other_contract(world, given) {
        // Whatever differs follows from that.
        Some(finding) => findings.push(finding),
        None => {
            for (name, import) in &given.imports {
                check_import(types, world, name, &import.ty, findings);
            }
            for interface in [SCHEMA, READ] {
                check_export(types, world, given, interface, true, findings);
            }
            check_export(types, world, given, WRITE, false, findings);
        }
    }
    Ok(Ends { imports: given.imports.keys().cloned().collect(), exports: given.exports.keys().cloned().collect() })
}

/// The world inside the encoded contract: a component that exports a type, which is a component that exports the
/// world, which is a component.
fn contract(types: TypesRef<'_>) -> Option<ComponentTypeId> {
    let outer = &types[types.component_at(0)];
    let ComponentEntityType::Type { created: ComponentAnyTypeId::Component(package), .. } =
        outer.exports.values().next()?.ty
    else {
        return None;
    };
    match types[package].exports.values().next()?.ty {
        ComponentEntityType::Component(world) => Some(world),
        _ => None,
    }
}

/// The component was built for another version of the contract.
fn other_contract(world: &ComponentType, given: &ComponentType) -> Option<Detail> {
    let (ours, _) = world.exports.iter().find(|(name, _)| split(name).0 == READ)?;
    let of_contract = |name: &&String| name.starts_with(CONTRACT) && !is_same_version(ours, name);
    let other = given.exports.keys().chain(given.imports.keys()).find(of_contract)?;
    let (theirs, ours) = (split(other).1.unwrap_or("without a version"), split(ours).1.unwrap_or_default());
    let text = format!(
        "built for contract {theirs}, and this server speaks {ours}: build it again with this version's SDK, or with \
         this version's wit/mapping.wit"
    );
    Some(finding("contract", other, text))
}

fn check_import(
    types: TypesRef<'_>,
    world: &ComponentType,
    name: &str,
    wanted: &ComponentEntityType,
    findings: &mut Vec<Detail>,
) {
    let offered = world.imports.iter().find(|(offered, _)| compatible(offered, name));
    let text = match offered {
        None if split(name).0.starts_with("wasi:") => format!(
            "imports `{name}`: a mapping has no clock, files, network or randomness. Build it for \
             wasm32-unknown-unknown, which imports nothing"
        ),
        None => format!("imports `{name}`, which no mapping may have"),
        Some((_, offered)) => {
            match SubtypeCx::new_with_refs(types, types).component_entity_type(&offered.ty, wanted, 0) {
                Ok(()) => return,
                Err(error) => format!("imports `{name}` with other types than the contract's: {}", error.message()),
            }
        }
    };
    findings.push(finding("imports", name, text));
}

fn check_export(
    types: TypesRef<'_>,
    world: &ComponentType,
    given: &ComponentType,
    interface: &str,
    must: bool,
    findings: &mut Vec<Detail>,
) {
    let Some((ours, expected)) = world.exports.iter().find(|(name, _)| split(name).0 == interface) else { return };
    if let Some((name, found)) = given.exports.iter().find(|(name, _)| compatible(ours, name)) {
        let mut comparison = SubtypeCx::new_with_refs(types, types);
        if let Err(error) = comparison.component_entity_type(&found.ty, &expected.ty, 0) {
            let text = format!("exports `{name}` with other types than the contract's: {}", error.message());
            findings.push(finding("exports", name, text));
        }
    } else if must {
        findings.push(finding("exports", ours, format!("does not export `{ours}`")));
    }
}

/// Name and version of an interface: `turntable:mapping/read@0.2.0`.
fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    }
}

/// As wasmtime links them: same name, and versions that fit.
fn compatible(a: &str, b: &str) -> bool {
    split(a).0 == split(b).0 && is_same_version(a, b)
}

/// Same major version, or same minor where the major is 0.
fn is_same_version(a: &str, b: &str) -> bool {
    let track = |version: &str| -> (String, String) {
        let mut parts = version.split(['.', '-', '+']).map(str::to_owned);
        let major = parts.next().unwrap_or_default();
        let minor = if major == "0" { parts.next().unwrap_or_default() } else { String::new() };
        (major, minor)
    };
    split(a).1.map(track) == split(b).1.map(track)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_can_be_read() {
        let empty = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
        let error = inspect(&empty, &Limits::default()).unwrap_err();
        let missing: Vec<_> = error.get_details().iter().filter_map(|d| d.target.as_deref()).collect();
        assert_eq!(missing, ["turntable:mapping/schema@0.2.0", "turntable:mapping/read@0.2.0"]);
    }

    #[test]
    fn what_is_no_component() {
        let check = |bytes: &[u8], code: &str| {
            let error = inspect(bytes, &Limits::default()).unwrap_err();
            assert_eq!(error.code(), Code::ComponentRefused);
            assert_eq!(error.get_details()[0].code, code, "{error}");
        };
        check(b"", "format");
        check(b"hello", "format");
        check(b"\0asm\x01\0\0\0", "format");
        check(b"\0asm\x01\0\0\0\x01\xff", "validation");
        check(b"\0asm\x0d\0\x01\0\x04\x09", "validation");
    }

    #[test]
    fn too_large() {
        let limits = Limits { component_bytes: 3, ..Limits::default() };
        assert_eq!(inspect(b"1234", &limits).unwrap_err().get_details()[0].code, "size");
    }

    #[test]
    fn versions_that_fit() {
        let check = |a: &str, b: &str, expected: bool| assert_eq!(compatible(a, b), expected, "{a} {b}");
        check("a:b/c@0.1.0", "a:b/c@0.1.7", true);
        check("a:b/c@0.1.0", "a:b/c@0.2.0", false);
        check("a:b/c@1.1.0", "a:b/c@1.2.0", true);
        check("a:b/c@1.1.0", "a:b/c@2.1.0", false);
        check("a:b/c@1.1.0", "a:b/d@1.1.0", false);
        check("a:b/c", "a:b/c", true);
        check("a:b/c", "a:b/c@0.1.0", false);
    }
}
