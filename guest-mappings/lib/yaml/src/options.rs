//! Sets of options: `code: {number: label}`, by the names that columns use them by.

use std::collections::HashMap;

use turntable_mapping::{Code, code};

use crate::fault::{Fault, Place};
use crate::fields::{Faults, entries, keep, number, text};
use crate::nearest::did_you_mean;
use crate::node::{Entry, Node, Scalar, Value};

/// Dataverse's own, which every table there has.
const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

/// The sets that are there by themselves, by name.
pub(crate) fn predefined() -> [(&'static str, &'static [Code]); 2] {
    [("state", STATE), ("statusreason", STATUS_REASON)]
}

/// An option with the place it was given at.
#[derive(Clone, Copy)]
struct Given {
    number: i32,
    place: Place,
}

pub(crate) struct OptionSets {
    sets: HashMap<String, OptionSet>,
    /// Those that are used, so that one that is not can be named.
    used: Vec<String>,
    places: HashMap<String, Place>,
}

#[derive(Clone)]
pub(crate) struct OptionSet {
    pub(crate) options: &'static [Code],
    codes: Vec<String>,
}

impl OptionSet {
    pub(crate) fn has(&self, code: &str) -> bool {
        self.codes.iter().any(|own| own == code)
    }

    /// "did you mean …?", of the codes.
    pub(crate) fn nearest(&self, code: &str) -> Option<String> {
        did_you_mean(code, self.codes.iter().map(String::as_str))
    }
}

impl Default for OptionSets {
    fn default() -> Self {
        let set = |options: &'static [Code]| {
            let codes = options.iter().map(|option| option.code.to_owned()).collect();
            OptionSet { options, codes }
        };
        Self {
            sets: predefined().map(|(name, options)| (name.to_owned(), set(options))).into(),
            used: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl OptionSets {
    pub(crate) fn read(&mut self, node: &Node, faults: &mut Faults) {
        for Entry { place, key, node } in entries(node, "options", faults).unwrap_or_default() {
            if self.sets.contains_key(key) {
                faults.push(Fault::new(
                    *place,
                    format!("{key} is a set that every mapping has; give this one another name"),
                ));
                continue;
            }
            let options = entries(node, "a set of options", faults).unwrap_or_default();
            if options.is_empty() {
                faults.push(Fault::new(*place, format!("{key} has no option")));
            }
            let mut given: Vec<Given> = Vec::new();
            let set: Vec<_> = options.iter().filter_map(|entry| option(entry, &mut given, faults)).collect();
            let codes = options.iter().map(|entry| entry.key.clone()).collect();
            self.places.insert(key.clone(), *place);
            self.sets.insert(key.clone(), OptionSet { options: Vec::leak(set), codes });
        }
    }

    /// The set that a column names.
    pub(crate) fn find(&mut self, name: &str, place: Place, faults: &mut Faults) -> Option<OptionSet> {
        let set = self.sets.get(name).cloned();
        match set {
            Some(_) => self.used.push(name.to_owned()),
            None => {
                let hint = did_you_mean(name, self.sets.keys().map(String::as_str));
                faults.push(Fault::new(place, format!("there is no set of options {name}")).hint(hint));
            }
        }
        set
    }

    /// Names the sets that no column uses: mostly a name mistyped.
    pub(crate) fn name_unused(&self, faults: &mut Faults) {
        for (name, place) in &self.places {
            if !self.used.contains(name) {
                faults.push(Fault::new(*place, format!("no column uses the options {name}")));
            }
        }
    }
}

/// `code: {number: label}`, with `system:` where the code has a system of its own.
fn option(entry: &Entry, given: &mut Vec<Given>, faults: &mut Faults) -> Option<Code> {
    let (mut made, mut system) = (None, None);
    for Entry { place, key, node } in entries(&entry.node, "an option", faults)? {
        if key == "system" {
            system = text(node, "system", faults);
            continue;
        }
        let as_node = Node { place: *place, value: Value::Scalar(Scalar { text: key.clone(), plain: true }) };
        let number =
            number(&as_node, "an option", "a whole number of 32 bits with its label: {935000000: Active}", faults)?;
        if made.is_some() {
            faults.push(Fault::new(*place, format!("the code {} has two numbers", entry.key)));
        }
        if let Some(other) = given.iter().find(|other| other.number == number) {
            let message = format!("{number} is the number of two options, first in line {}", other.place.line);
            faults.push(Fault::new(*place, message));
        }
        given.push(Given { number, place: *place });
        made = Some(code(number, keep(&entry.key), text(node, "the label", faults)?));
    }
    if made.is_none() {
        faults.push(Fault::new(entry.place, format!("the code {} has no number: {{935000000: Label}}", entry.key)));
    }
    made.map(|code| system.map_or(code, |system| code.system(system)))
}
