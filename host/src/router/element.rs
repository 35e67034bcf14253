//! What elements of lists are called in the keys of child rows: by what they are, never by where they stand.
//!
//! A mapping says where an element is, `participant/0/role/1`. A key says which one it is: `participant/=p1` by its FHIR
//! `Element.id`, where no other of its list has the same, else `participant/~<fingerprint>` by its content, with a
//! counter (`.1`, `.2`, …) among equal ones. The fingerprint depends neither on white space nor on the order of members.
//! So a sibling that comes, goes or moves takes nobody's key away.

use std::collections::HashMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use turntable_scan::{Document, Kind, Value};

use crate::model::key;

/// An element, by its place as mappings say it and by its name as keys say it; both without the resource's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub place: String,
    pub name: String,
}

/// A level on the way to an element, and what the elements of its list are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Up to and with the element.
    pub element: Element,
    /// All of its list, in their order. Elements that are no rows have one too.
    pub siblings: Vec<String>,
}

/// The names of the elements of a resource. What was named once is kept: rows come many to a list.
pub struct Elements<'d> {
    document: &'d Document<'d>,
    /// By the place of their list.
    names: HashMap<String, Vec<String>>,
}

impl<'d> Elements<'d> {
    pub fn new(document: &'d Document<'d>) -> Self {
        Self { document, names: HashMap::new() }
    }

    /// The element at a place. None: there is none.
    pub fn at(&mut self, place: &str) -> Option<Element> {
        let is_index = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let mut found = Element { place: String::new(), name: String::new() };
        self.walk(place, is_index, |_, part| part.parse().ok(), |element, _| found = element.clone()).then_some(found)
    }

    /// The levels to the element of a name. None: no element has it now.
    pub fn called(&mut self, name: &str) -> Option<Vec<Level>> {
        let mut levels = Vec::new();
        let find = |names: &[String], part: &str| names.iter().position(|name| name == part);
        self.walk(name, is_name, find, |element, names| {
            levels.push(Level { element: element.clone(), siblings: names.to_vec() });
        })
        .then_some(levels)
    }

    /// The same for the element at a place.
    pub fn levels(&mut self, place: &str) -> Option<Vec<Level>> {
        let name = self.at(place)?.name;
        self.called(&name)
    }

    fn walk(
        &mut self,
        path: &str,
        is_step: impl Fn(&str) -> bool,
        find: impl Fn(&[String], &str) -> Option<usize>,
        mut met: impl FnMut(&Element, &[String]),
    ) -> bool {
        let mut here = Element { place: String::new(), name: String::new() };
        let (mut value, mut beside) = (self.document.root(), None);
        for part in path.split('/') {
            if !is_step(part) {
                // On the way, of a list its first element that is there: as paths of columns do.
                let object = match value.kind() {
                    Kind::Array => value.items().find(|item| !item.is_null()),
                    _ => Some(value),
                };
                let Some(member) = object.and_then(|object| object.get(part)) else { return false };
                beside = object.and_then(|object| object.get(&format!("_{part}")));
                value = member;
                for text in [&mut here.place, &mut here.name] {
                    if !text.is_empty() {
                        text.push('/');
                    }
                    text.push_str(part);
                }
                continue;
            }
            let names = match self.names.get(&here.place) {
                Some(names) => names,
                None => self.names.entry(here.place.clone()).or_insert(names_of(value, beside)),
            };
            let Some(index) = find(names, part).filter(|index| *index < names.len()) else { return false };
            let _ = write!(here.place, "/{index}");
            let _ = write!(here.name, "/{}", names[index]);
            met(&here, names);
            if value.kind() == Kind::Array {
                let Some(item) = value.item(index) else { return false };
                value = item;
            }
        }
        path.rsplit('/').next().is_some_and(is_step)
    }
}

/// Whether a part of a name stands for an element, and not for a member.
pub fn is_name(part: &str) -> bool {
    part.starts_with(['=', '~'])
}

/// Whether an element's content, and not its id, gave it its name; without the counter among equal ones.
pub fn content(name: &str) -> Option<&str> {
    name.starts_with('~').then(|| name.split('.').next().unwrap_or(name))
}

/// `beside`: of a list of primitives, the list of what else is known of them, `_given` beside `given`.
/// Whether two resources say the same, whatever the order of members and white space.
pub fn has_same_content(one: &Document<'_>, other: &Document<'_>) -> bool {
    let content = |document: &Document<'_>| {
        let mut text = Vec::new();
        write_content(document.root(), &mut text);
        text
    };
    content(one) == content(other)
}

fn names_of(list: Value<'_>, beside: Option<Value<'_>>) -> Vec<String> {
    let (items, others): (Vec<_>, Vec<_>) = match list.kind() {
        Kind::Array => (list.items().collect(), beside.into_iter().flat_map(Value::items).collect()),
        // An element that should repeat but stands alone is a list of one.
        _ => (vec![list], beside.into_iter().collect()),
    };
    let pairs = || items.iter().enumerate().map(|(index, item)| (*item, others.get(index).copied()));
    let ids: Vec<_> = pairs().map(|(item, other)| id_of(item).or_else(|| id_of(other?))).collect();
    let mut of_id: HashMap<&str, usize> = HashMap::new();
    ids.iter().flatten().for_each(|id| *of_id.entry(id).or_default() += 1);
    let mut equal: HashMap<String, usize> = HashMap::new();
    let names = pairs().zip(&ids).map(|((item, other), id)| match id {
        Some(id) if of_id.get(id.as_str()) == Some(&1) => match key::is_id(id) {
            true => format!("={id}"),
            // Anything may stand in an id of an element; two signs tell its hash from an id.
            false => format!("=~{}", hex(id.as_bytes())),
        },
        _ => {
            let mut content = Vec::new();
            write_content(item, &mut content);
            if let Some(other) = other {
                write_content(other, &mut content);
            }
            let name = format!("~{}", hex(&content));
            let before = equal.entry(name.clone()).or_default();
            *before += 1;
            if *before == 1 { name } else { format!("{name}.{}", *before - 1) }
        }
    });
    names.collect()
}

fn id_of(element: Value<'_>) -> Option<String> {
    let id = element.get("id")?.text()?;
    (!id.is_empty()).then(|| id.into_owned())
}

/// 128 bits of SHA-256.
fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..16].iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a value says, one way to write it: members by their names, texts by their characters and lengths. Numbers keep
/// their digits: in FHIR, 1.0 is not 1.00.
fn write_content(value: Value<'_>, out: &mut Vec<u8>) {
    let text = |text: &str, out: &mut Vec<u8>| {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    };
    match value.kind() {
        Kind::Object => {
            let mut members: Vec<_> =
                value.members().map(|(name, member)| (name.text().unwrap_or_default(), member)).collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            out.push(b'{');
            for (name, member) in members {
                text(&name, out);
                write_content(member, out);
            }
            out.push(b'}');
        }
        Kind::Array => {
            out.push(b'[');
            value.items().for_each(|item| write_content(item, out));
            out.push(b']');
        }
        Kind::String => {
            out.push(b'"');
            text(&value.text().unwrap_or_default(), out);
        }
        _ => {
            out.push(b'n');
            text(value.raw(), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(json: &str, place: &str) -> Option<String> {
        let document = Document::parse(json.as_bytes()).expect("JSON");
        let mut elements = Elements::new(&document);
        let element = elements.at(place)?;
        let levels = elements.called(&element.name).expect("what has a name is found by it");
        assert_eq!(levels.last().map(|level| &level.element), Some(&element));
        assert_eq!(element.place, place);
        Some(element.name)
    }

    #[test]
    fn elements_are_called_by_what_they_are() {
        let a = r#"{"p":[{"x":1,"y":["é",true]},{"x":2}]}"#;
        let b = "{\"p\": [{}, {\"x\":2}, {\"y\": [\"\\u00e9\", true],\n \"x\": 1}]}";
        assert_eq!(named(a, "p/0"), named(b, "p/2"), "neither place, space, escapes nor order of members count");
        assert_eq!(named(a, "p/1"), named(b, "p/1"));
        let names: Vec<_> = ["p/0", "p/1", "p/2"].map(|place| named(b, place)).into();
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
        assert_ne!(named(r#"{"p":[{"x":1.0}]}"#, "p/0"), named(r#"{"p":[{"x":1.00}]}"#, "p/0"));
        assert_ne!(named(r#"{"p":["1"]}"#, "p/0"), named(r#"{"p":[1]}"#, "p/0"));
        assert_ne!(named(r#"{"p":[["a","b"]]}"#, "p/0"), named(r#"{"p":[["ab"]]}"#, "p/0"));
        for place in ["p/2", "p", "q/0", "", "p/0/x/0/y/0"] {
            assert_eq!(named(a, place), None, "{place}");
        }
    }

    #[test]
    fn an_id_that_is_its_own_is_the_name() {
        let text =
            r#"{"p":[{"id":"a","x":1},{"id":"b c"},{"id":"d"},{"id":"d","x":2}],"q":["v","v"],"_q":[null,{"id":"e"}]}"#;
        assert_eq!(named(text, "p/0").as_deref(), Some("p/=a"));
        assert!(named(text, "p/1").is_some_and(|name| name.starts_with("p/=~")));
        for place in ["p/2", "p/3", "q/0"] {
            assert!(named(text, place).is_some_and(|name| name.contains("/~")), "{place}");
        }
        assert_eq!(named(text, "q/1").as_deref(), Some("q/=e"));
    }

    #[test]
    fn equal_siblings_are_counted() {
        let text = r#"{"s":{"p":[{"x":1},null,{"x":1},{"q":[{"y":1},{"y":1}]}]}}"#;
        let first = named(text, "s/p/0").expect("an element");
        assert_eq!(named(text, "s/p/2"), Some(format!("{first}.1")));
        let inner = named(text, "s/p/3/q/1").expect("an element");
        assert!(inner.starts_with(&named(text, "s/p/3").expect("an element")) && inner.ends_with(".1"), "{inner}");
        assert_eq!(content("~ab.1"), Some("~ab"));
        assert_eq!(content("=ab.1"), None);
        assert!(named(r#"{"p":{"x":1}}"#, "p/0").is_some(), "one that stands alone is a list of one");
    }
}
