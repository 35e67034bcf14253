//! FHIR references: what they point to, as far as their text says.

use std::borrow::Cow;

use turntable_scan::block::{BLOCK, Block};
use turntable_scan::{Kind, Value};

/// What a literal reference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'t> {
    /// `Patient/a1`, absolute or not, of a version or not.
    Resource { kind: &'t str, id: &'t str },
    /// `urn:uuid:…`, `urn:oid:…`: says no type.
    Urn,
    /// `#x`.
    Contained,
    /// `Patient?identifier=…`, as in transactions, or no reference at all.
    Other,
}

/// The text of a Reference element, or of a bare string.
pub fn text(element: Value<'_>) -> Option<Cow<'_, str>> {
    match element.kind() {
        Kind::String => element.text(),
        _ => element.get("reference").and_then(Value::text),
    }
}

/// The resource type that a Reference says it points to.
pub fn resource_type(element: Value<'_>) -> Option<Cow<'_, str>> {
    if let Some(text) = text(element)
        && let Target::Resource { kind, .. } = target(&text)
    {
        return Some(Cow::Owned(kind.to_owned()));
    }
    element.get("type").and_then(Value::text).map(declared_type)
}

/// The resource type that the `type` of a Reference names, which may be the canonical URL of its definition.
pub fn declared_type(declared: Cow<'_, str>) -> Cow<'_, str> {
    match declared.rsplit_once('/') {
        Some((_, name)) => Cow::Owned(name.to_owned()),
        None => declared,
    }
}

/// A Reference has at least one of these.
pub fn is_reference(element: Value<'_>) -> bool {
    ["reference", "type", "identifier", "display"].iter().any(|name| element.get(name).is_some())
}

pub fn target(text: &str) -> Target<'_> {
    if let Some(target) = relative(text) {
        return target;
    }
    if text.starts_with('#') {
        return Target::Contained;
    }
    if text.starts_with("urn:") {
        return Target::Urn;
    }
    let unversioned = text.split_once("/_history/").map_or(text, |(before, _)| before);
    let Some((before, id)) = unversioned.rsplit_once('/') else {
        return Target::Other;
    };
    let kind = match before.rsplit_once('/') {
        Some((base, kind)) if base.contains("://") => kind,
        Some(_) => return Target::Other,
        None => before,
    };
    if is_type(kind) && is_id(id) { Target::Resource { kind, id } } else { Target::Other }
}

/// `Patient/a1`, as nearly all references are, in one go. `None` says nothing.
fn relative(text: &str) -> Option<Target<'_>> {
    let slash = not_word(text.as_bytes(), 0)?;
    let (kind, id) = (text.get(..slash)?, text.get(slash + 1..)?);
    let is_relative = text.as_bytes()[slash] == b'/'
        && (1..=64).contains(&id.len())
        && not_word(text.as_bytes(), slash + 1).is_none()
        && is_type(kind);
    is_relative.then_some(Target::Resource { kind, id })
}

/// Where from a position on the first byte is that no name or id has.
fn not_word(text: &[u8], mut from: usize) -> Option<usize> {
    while let Some(block) = text.get(from..).and_then(|rest| rest.first_chunk()) {
        let stops = Block::load(block).not_word();
        if stops != 0 {
            return Some(from + stops.trailing_zeros() as usize);
        }
        from += BLOCK;
    }
    if let Some(last) = text.last_chunk() {
        // What is left, at the end of a block.
        let known = from + BLOCK - text.len();
        let stops = Block::load(last).not_word() >> known;
        return (stops != 0).then(|| from + stops.trailing_zeros() as usize);
    }
    let rest = text.get(from..).unwrap_or_default();
    rest.iter().position(|byte| !is_word(*byte)).map(|at| from + at)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// Two references to the same thing, base URL and version left aside: a client that sends back what it was
/// shown does not mean to change it.
pub fn same(a: &str, b: &str) -> bool {
    match (target(a), target(b)) {
        (Target::Resource { kind, id }, Target::Resource { kind: other_kind, id: other_id }) => {
            kind == other_kind && id == other_id
        }
        _ => a == b,
    }
}

pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(is_word)
}

fn is_type(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase()) && text.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let patient = Target::Resource { kind: "Patient", id: "a-1.b" };
        for (text, expected) in [
            ("Patient/a-1.b", patient),
            ("Patient/a-1.b/_history/3", patient),
            ("https://x.org/fhir/r4/Patient/a-1.b", patient),
            ("https://x.org/Patient/a-1.b/_history/1", patient),
            ("#p", Target::Contained),
            ("#", Target::Contained),
            ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", Target::Urn),
            ("Patient?identifier=x|1", Target::Other),
            ("patient/1", Target::Other),
            ("x/Patient/1", Target::Other),
            ("Patient/", Target::Other),
            ("Patient", Target::Other),
            ("Patient/ä", Target::Other),
            ("Patient/1/2", Target::Other),
            ("Patient2/1", Target::Other),
            ("MedicationAdministration/a", Target::Resource { kind: "MedicationAdministration", id: "a" }),
            ("Patient/4c73b472-442b-4920-b899-aadc599f1d7/", Target::Other),
            ("Patient/4c73b472-442b-4920-b899-aadc599f1d7é", Target::Other),
            ("", Target::Other),
        ] {
            assert_eq!(target(text), expected, "{text}");
        }
        assert!(same("Patient/1", "http://x/fhir/Patient/1/_history/2"));
        assert!(!same("Patient/1", "Group/1") && !same("Patient/1", "Patient/2") && same("#a", "#a"));
    }
}
