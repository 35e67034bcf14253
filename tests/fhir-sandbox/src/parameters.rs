//! The table of search parameters (`parameters.tsv`) and of resource types (`resource-types.txt`),
//! parsed once. A new parameter is one line of the table; nothing here names one.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value as Json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Token,
    Reference,
    Date,
    Text,
    Number,
    Quantity,
    Uri,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "token" => Kind::Token,
            "reference" => Kind::Reference,
            "date" => Kind::Date,
            "string" => Kind::Text,
            "number" => Kind::Number,
            "quantity" => Kind::Quantity,
            "uri" => Kind::Uri,
            _ => return None,
        })
    }

    /// The name FHIR gives the kind.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Token => "token",
            Kind::Reference => "reference",
            Kind::Date => "date",
            Kind::Text => "string",
            Kind::Number => "number",
            Kind::Quantity => "quantity",
            Kind::Uri => "uri",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) paths: Vec<Path>,
    /// Types that a reference may point to; `["*"]` is any.
    pub(crate) targets: Vec<&'static str>,
    /// The code system of a plain `code`, from its required binding.
    pub(crate) system: Option<&'static str>,
}

impl Parameter {
    /// Whether a reference held by this parameter may point to `ty`.
    pub(crate) fn targets(&self, ty: &str) -> bool {
        self.targets.iter().any(|target| *target == "*" || *target == ty)
    }
}

/// Where the values of a parameter are in a resource.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    steps: Vec<Step>,
    /// Only references to this type count (`subject->Patient`).
    pub(crate) target: Option<&'static str>,
    /// The value is whether the element is there and not `false` (`deceased?`).
    pub(crate) present: bool,
}

#[derive(Clone, Debug)]
struct Step {
    field: &'static str,
    only: Option<(&'static str, &'static str)>,
}

impl Path {
    fn parse(text: &'static str) -> Self {
        let (text, target) = match text.split_once("->") {
            Some((text, target)) => (text, Some(target)),
            None => (text, None),
        };
        let (text, present) = match text.strip_suffix('?') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let steps = text.split('.').map(Step::parse).collect();
        Self { steps, target, present }
    }

    /// Every element at this path, arrays flattened.
    pub(crate) fn elements<'j>(&self, resource: &'j Json) -> Vec<&'j Json> {
        let mut found = vec![resource];
        for step in &self.steps {
            let mut next = Vec::new();
            for parent in found {
                match parent.get(step.field) {
                    Some(Json::Array(items)) => next.extend(items.iter().filter(|item| step.keeps(item))),
                    Some(one) if step.keeps(one) => next.push(one),
                    _ => {}
                }
            }
            found = next;
        }
        found
    }

    /// Whether a choice element of the resource itself, in any of its types, is there and not `false`.
    pub(crate) fn holds(&self, resource: &Json) -> bool {
        let (Json::Object(object), [step]) = (resource, self.steps.as_slice()) else {
            return false;
        };
        object.iter().any(|(name, value)| step.is_choice(name) && *value != Json::Bool(false))
    }
}

impl Step {
    /// Whether `name` is this choice element in one of its types (`deceased` is `deceasedBoolean`).
    fn is_choice(&self, name: &str) -> bool {
        name.strip_prefix(self.field).is_some_and(|ty| ty.starts_with(|c: char| c.is_ascii_uppercase()))
    }

    fn parse(text: &'static str) -> Self {
        let Some((field, rest)) = text.split_once('[') else {
            return Self { field: text, only: None };
        };
        Self { field, only: rest.strip_suffix(']').and_then(|rest| rest.split_once('=')) }
    }

    fn keeps(&self, element: &Json) -> bool {
        let same = |(field, value)| element.get(field).and_then(Json::as_str) == Some(value);
        !element.is_null() && self.only.is_none_or(same)
    }
}

/// The resource type of this name, or nothing if R4 has no such type.
pub(crate) fn known_type(name: &str) -> Option<&'static str> {
    types().binary_search(&name).ok().map(|at| types()[at])
}

/// Every resource type of R4, sorted.
pub(crate) fn types() -> &'static [&'static str] {
    static TYPES: OnceLock<Vec<&'static str>> = OnceLock::new();
    TYPES.get_or_init(|| include_str!("resource-types.txt").lines().collect())
}

/// The parameters of a type, those of every type first. The order is that of [`crate::index::Index`].
pub(crate) fn of_type(ty: &str) -> &'static [Parameter] {
    static TABLE: OnceLock<HashMap<&'static str, Vec<Parameter>>> = OnceLock::new();
    TABLE.get_or_init(parse_table).get(ty).map_or(&[], Vec::as_slice)
}

/// The place of a parameter in [`of_type`].
pub(crate) fn position(ty: &str, name: &str) -> Option<usize> {
    of_type(ty).iter().position(|parameter| parameter.name == name)
}

fn parse_table() -> HashMap<&'static str, Vec<Parameter>> {
    let rows: Vec<(&str, Parameter)> = include_str!("parameters.tsv")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| parse_row(line).expect("the table is checked in, and a test reads every line"))
        .collect();
    let common: Vec<Parameter> =
        rows.iter().filter(|(ty, _)| *ty == "*").map(|(_, parameter)| parameter.clone()).collect();
    let mut table: HashMap<&str, Vec<Parameter>> = types().iter().map(|ty| (*ty, common.clone())).collect();
    for (ty, parameter) in rows {
        if let Some(parameters) = table.get_mut(ty) {
            parameters.push(parameter);
        }
    }
    table
}

fn parse_row(line: &'static str) -> Option<(&'static str, Parameter)> {
    let mut cells = line.split('\t');
    let (ty, name) = (cells.next()?, cells.next()?);
    let kind = Kind::named(cells.next()?)?;
    let paths = cells.next()?.split(' ').map(Path::parse).collect();
    let targets = cells.next().unwrap_or_default().split(',').filter(|target| !target.is_empty()).collect();
    let system = cells.next().filter(|system| !system.is_empty());
    Some((ty, Parameter { name, kind, paths, targets, system }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_reads_and_names_known_types() {
        let mut previous = ("", "");
        for line in include_str!("parameters.tsv").lines().filter(|line| !line.starts_with('#')) {
            let (ty, parameter) = parse_row(line).unwrap_or_else(|| panic!("unreadable line: {line}"));
            assert!(ty == "*" || known_type(ty).is_some(), "unknown type: {line}");
            assert!((ty, parameter.name) > previous, "not sorted or twice: {line}");
            let pointed = parameter.paths.iter().filter_map(|path| path.target);
            for target in parameter.targets.iter().copied().chain(pointed) {
                assert!(target == "*" || known_type(target).is_some(), "unknown target: {line}");
            }
            assert_eq!(parameter.targets.is_empty(), parameter.kind != Kind::Reference || targetless(line), "{line}");
            previous = (ty, parameter.name);
        }
        assert!(types().is_sorted());
    }

    /// R4 itself gives these canonicals no target.
    fn targetless(line: &str) -> bool {
        line.contains("\tinstantiates-canonical\t") && line.starts_with("RequestGroup\t")
    }

    #[test]
    fn paths_flatten_filter_and_follow() {
        let resource: Json = serde_json::from_str(
            r#"{"name":[{"given":["A","B"]},{"given":["C"]}],
                "telecom":[{"system":"phone","value":"1"},{"system":"email","value":"2"}]}"#,
        )
        .unwrap();
        let check = |path: &'static str, expected: &str| {
            let found = serde_json::to_string(&Path::parse(path).elements(&resource)).unwrap();
            assert_eq!(found, expected, "{path}");
        };
        check("name.given", r#"["A","B","C"]"#);
        check("telecom[system=email].value", r#"["2"]"#);
        check("address.city", "[]");
    }
}
