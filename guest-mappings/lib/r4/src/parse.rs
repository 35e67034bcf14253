//! The carried files to tables. They are ours, so a line that is not as it should be is left out rather than reported;
//! `tests/origin.rs` holds them to their origin.

use std::collections::HashMap;

use crate::definitions::{Binding, Code, Element, ElementType, Parameter, R4, Strength, Type};

/// Bases of a type, in the order in which they must be read.
const BASES: [&str; 4] = ["Element", "BackboneElement", "Resource", "DomainResource"];

impl R4 {
    pub(crate) fn parse(elements: &'static str, parameters: &'static str, codes: &'static str) -> Self {
        let mut r4 = Self {
            types: HashMap::new(),
            elements: HashMap::new(),
            parameters: self::parameters(parameters),
            codes: self::codes(codes),
        };
        let blocks: HashMap<_, _> = blocks(elements).collect();
        let own = blocks.keys().filter(|name| !BASES.contains(name));
        for &name in BASES.iter().chain(own) {
            if let Some((base, lines)) = blocks.get(name) {
                r4.define(name, *base, lines);
            }
        }
        r4
    }

    /// Adds a type: what its base has, then what its lines say.
    fn define(&mut self, name: &'static str, base: Option<&'static str>, lines: &[&'static str]) {
        let is_resource = matches!(base, Some("Resource" | "DomainResource")) && !BASES.contains(&name);
        let mut members = HashMap::new();
        self.inherit(name, base, &mut members);
        // The path of the element that each depth is in.
        let mut open = vec![name.to_owned()];
        for line in lines {
            let depth = line.len() - line.trim_start().len();
            let Some((name, element)) = element(line.trim_start()) else { continue };
            open.truncate(depth);
            let parent = open.last().cloned().unwrap_or_default();
            let path = format!("{parent}.{name}");
            let backbone = element.types.first().map(|of| of.name);
            members.entry(parent).or_insert_with(Vec::new).push(name);
            self.elements.insert(path.clone(), element);
            if let Some(base @ ("BackboneElement" | "Element")) = backbone {
                self.inherit(&path, Some(base), &mut members);
            }
            open.push(path);
        }
        self.types.insert(name, Type { is_resource, members });
    }

    fn inherit(&mut self, path: &str, base: Option<&str>, members: &mut HashMap<String, Vec<&'static str>>) {
        let Some(base) = base else { return };
        let names = self.types.get(base).and_then(|of| of.members.get(base)).cloned().unwrap_or_default();
        for name in &names {
            if let Some(element) = self.elements.get(&format!("{base}.{name}")).cloned() {
                self.elements.insert(format!("{path}.{name}"), element);
            }
        }
        members.entry(path.to_owned()).or_default().extend(names);
    }
}

type Block = (Option<&'static str>, Vec<&'static str>);

/// Each type with its base and its lines.
fn blocks(text: &'static str) -> impl Iterator<Item = (&'static str, Block)> {
    let mut blocks: Vec<(&'static str, Block)> = Vec::new();
    for line in text.lines() {
        match (line.starts_with(' '), blocks.last_mut()) {
            (true, Some((_, (_, lines)))) => lines.push(line),
            _ => {
                let (name, base) = line.split_once(" : ").map_or((line, None), |(name, base)| (name, Some(base)));
                blocks.push((name, (base, Vec::new())));
            }
        }
    }
    blocks.into_iter()
}

/// `?~clinicalStatus CodeableConcept required condition-clinical`.
fn element(line: &'static str) -> Option<(&'static str, Element)> {
    let mut words = line.split(' ');
    let (cardinality, rest) = words.next()?.split_at_checked(1)?;
    let name = rest.trim_start_matches('~');
    let types = words.next()?;
    let binding = words.next().and_then(|strength| {
        let strength = match strength {
            "required" => Strength::Required,
            "extensible" => Strength::Extensible,
            "preferred" => Strength::Preferred,
            _ => Strength::Example,
        };
        Some(Binding { strength, value_set: words.next()? })
    });
    let element = Element {
        name,
        required: matches!(cardinality, "!" | "+"),
        repeats: matches!(cardinality, "*" | "+"),
        is_modifier: rest.len() > name.len(),
        types: types.split(',').map(element_type).collect(),
        binding,
    };
    Some((name, element))
}

/// `Reference(Patient|Group)`, `@Observation.referenceRange`.
fn element_type(text: &'static str) -> ElementType {
    let (name, targets) = text.split_once('(').unwrap_or((text, ""));
    ElementType { name: name.trim_start_matches('@'), targets: self::targets(targets.trim_end_matches(')')) }
}

fn targets(text: &'static str) -> Vec<&'static str> {
    match text {
        "" | "*" | "Resource" => Vec::new(),
        targets => targets.split('|').collect(),
    }
}

fn parameters(text: &'static str) -> HashMap<&'static str, Vec<Parameter>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    let mut of = "";
    for line in text.lines() {
        let Some(line) = line.strip_prefix(' ') else {
            of = line;
            continue;
        };
        let mut cells = line.split('\t');
        let mut cell = || cells.next().unwrap_or_default();
        let (code, kind, expression, targets) = (cell(), cell(), cell(), cell());
        found.entry(of).or_default().push(Parameter { code, kind, expression, targets: self::targets(targets) });
    }
    found
}

fn codes(text: &'static str) -> HashMap<&'static str, Vec<Code>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    let (mut set, mut system) = ("", "");
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("= ") {
            set = name;
        } else if let Some(url) = line.strip_prefix("^ ") {
            system = url;
        } else if let Some((code, display)) = line.split_once('\t') {
            found.entry(set).or_default().push(Code { system, code, display });
        }
    }
    found
}
