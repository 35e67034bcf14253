//! Maps with known keys, and scalars as what they should be. Each function notes what is wrong and goes on.

use std::str::FromStr;

use crate::fault::{Fault, Place};
use crate::nearest::did_you_mean;
use crate::node::{Entry, Node, Scalar, Value};

/// Characters of a name; the host takes no longer ones.
const MAX_NAME: usize = 128;

/// The faults found so far.
pub(crate) type Faults = Vec<Fault>;

/// A map whose keys are known ones.
pub(crate) struct Fields<'n> {
    /// Of the map.
    pub(crate) place: Place,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// `what` is the thing that the map describes: "a table".
    pub(crate) fn new(node: &'n Node, what: &str, known: &[&str], faults: &mut Faults) -> Option<Self> {
        let entries = entries(node, what, faults)?;
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let hint = did_you_mean(&entry.key, known.iter().copied());
            let hint = hint.unwrap_or_else(|| format!("it has: {}", known.join(", ")));
            faults.push(Fault::new(entry.place, format!("{what} has no key {}", entry.key)).hint(hint));
        }
        Some(Self { place: node.place, entries })
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// Those of the keys that are there.
    pub(crate) fn among(&self, keys: &[&str]) -> Vec<&'n Entry> {
        self.entries.iter().filter(|entry| keys.contains(&entry.key.as_str())).collect()
    }

    pub(crate) fn must(&self, key: &str, faults: &mut Faults) -> Option<&'n Node> {
        let node = self.get(key);
        if node.is_none() {
            faults.push(Fault::new(self.place, format!("{key} is missing here")));
        }
        node
    }

    pub(crate) fn text(&self, key: &str, faults: &mut Faults) -> Option<&'static str> {
        self.get(key).and_then(|node| text(node, key, faults))
    }

    pub(crate) fn must_text(&self, key: &str, faults: &mut Faults) -> Option<&'static str> {
        self.must(key, faults).and_then(|node| text(node, key, faults))
    }

    /// Whether a flag is set. `false` is as if it were not there.
    pub(crate) fn flag(&self, key: &str, faults: &mut Faults) -> bool {
        let Some(node) = self.get(key) else {
            return false;
        };
        match &node.value {
            Value::Scalar(Scalar { text, plain: true }) if text == "true" => true,
            Value::Scalar(Scalar { text, plain: true }) if text == "false" => false,
            _ => {
                faults.push(Fault::new(node.place, format!("{key} is true or false")));
                false
            }
        }
    }
}

/// The entries of a map with free keys.
pub(crate) fn entries<'n>(node: &'n Node, what: &str, faults: &mut Faults) -> Option<&'n [Entry]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        _ => {
            faults.push(Fault::new(node.place, format!("{what} is a map: key, colon, value")));
            None
        }
    }
}

/// The items of a list; a value that is no list stands for a list of one.
pub(crate) fn one_or_more(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}

/// A text, kept for good. Nothing at all (`label:`) is no text; the empty one is `''`.
pub(crate) fn text(node: &Node, what: &str, faults: &mut Faults) -> Option<&'static str> {
    match &node.value {
        Value::Scalar(scalar) if !scalar.plain || !scalar.text.is_empty() => Some(keep(&scalar.text)),
        Value::Scalar(_) => {
            faults.push(Fault::new(node.place, format!("{what} has no value")).hint("for none, write ''".to_owned()));
            None
        }
        _ => {
            faults.push(Fault::new(node.place, format!("{what} is a text, not a list or a map")));
            None
        }
    }
}

pub(crate) fn number<N: FromStr>(node: &Node, what: &str, form: &str, faults: &mut Faults) -> Option<N> {
    let number = match &node.value {
        Value::Scalar(Scalar { text, plain: true }) => text.parse().ok(),
        _ => None,
    };
    if number.is_none() {
        faults.push(Fault::new(node.place, format!("{what} is {form}")));
    }
    number
}

/// A name in the service: what OData and databases take without quotes, in lower case.
pub(crate) fn name(text: &str, place: Place, what: &str, faults: &mut Faults) -> &'static str {
    let starts = text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let is_letter = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_';
    if !starts || text.len() > MAX_NAME || !text.bytes().all(is_letter) {
        let message = format!("the name of {what} is made of small letters, digits and _ and starts with a letter");
        let small = text.to_lowercase();
        let hint = (small != text && small.bytes().all(is_letter)).then(|| format!("write {small}"));
        faults.push(Fault::new(place, message).hint(hint));
    }
    keep(text)
}

pub(crate) fn keep(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}
