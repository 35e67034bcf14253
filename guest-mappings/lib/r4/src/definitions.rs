//! What R4 defines, in tables, and the ways to look into them.

use std::collections::HashMap;

use crate::nearest::nearest;

/// What the URLs of R4's own value sets begin with; the files leave it out.
pub(crate) const VALUE_SETS: &str = "http://hl7.org/fhir/ValueSet/";

/// All definitions.
#[derive(Debug)]
pub struct R4 {
    /// By type: its elements in R4's order, those that its base gives it first.
    pub(crate) types: HashMap<&'static str, Type>,
    /// By path from the type, `Patient.contact.name`.
    pub(crate) elements: HashMap<String, Element>,
    pub(crate) parameters: HashMap<&'static str, Vec<Parameter>>,
    pub(crate) codes: HashMap<&'static str, Vec<Code>>,
}

#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) is_resource: bool,
    /// Names of the members of the type and of each backbone element in it, by path.
    pub(crate) members: HashMap<String, Vec<&'static str>>,
}

/// One element of a type: `Condition.onset[x]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub name: &'static str,
    /// At least one must be there.
    pub required: bool,
    pub repeats: bool,
    pub is_modifier: bool,
    /// More than one for a choice element.
    pub types: Vec<ElementType>,
    pub binding: Option<Binding>,
}

/// What a value of an element can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementType {
    /// `string`, `CodeableConcept`, `BackboneElement`; for the content of another element its path.
    pub name: &'static str,
    /// Resource types that a reference may point to; none = not a reference, or any.
    pub targets: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    pub strength: Strength,
    /// As the files have it, see [`value_set_url`].
    pub value_set: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    Example,
    Preferred,
    Extensible,
    Required,
}

/// A search parameter of a resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub code: &'static str,
    /// `token`, `reference`, `date`, …
    pub kind: &'static str,
    /// FHIRPath; an alternative that begins with `.` or `(.` starts at the resource. Empty for `_text` and its kin.
    pub expression: &'static str,
    /// Resource types that a reference may point to; none = not a reference, or any.
    pub targets: Vec<&'static str>,
}

/// A code of a value set that a required binding names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub system: &'static str,
    pub code: &'static str,
    pub display: &'static str,
}

/// Where a member of JSON leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// A type, the path of a backbone element, or [`CHOICE`].
    pub kind: String,
    /// The type that the member's name chose, or the only one. None at a choice element without its type.
    pub of: Option<&'a ElementType>,
    pub element: &'a Element,
}

/// The kind of a choice element named without its type: `value`.
pub const CHOICE: &str = "[x]";

/// The canonical URL of a value set as the files name it.
pub fn value_set_url(value_set: &str) -> String {
    if value_set.contains("://") { value_set.to_owned() } else { format!("{}{value_set}", VALUE_SETS) }
}

impl R4 {
    /// Names of all resource types, sorted.
    pub fn resources(&self) -> Vec<&'static str> {
        let resources = self.types.iter().filter(|(_, of)| of.is_resource).map(|(&name, _)| name);
        let mut resources: Vec<_> = resources.collect();
        resources.sort_unstable();
        resources
    }

    pub fn is_resource(&self, name: &str) -> bool {
        self.types.get(name).is_some_and(|found| found.is_resource)
    }

    /// The element at a path as R4 writes it: `Condition.onset[x]`.
    pub fn element(&self, path: &str) -> Option<&Element> {
        self.elements.get(path)
    }

    /// The elements of a type or of a backbone element, in R4's order.
    pub fn elements(&self, of: &str) -> impl Iterator<Item = &Element> {
        let names = of.split('.').next().and_then(|root| self.types.get(root)?.members.get(of));
        names.into_iter().flatten().filter_map(move |name| self.elements.get(&format!("{of}.{name}")))
    }

    /// Where a member of JSON leads: `status`, `valueQuantity`, or `value` for a choice element whatever its type.
    /// `of` is a type or the path of a backbone element.
    pub fn member(&self, of: &str, member: &str) -> Option<Member<'_>> {
        let path = format!("{of}.{member}");
        if let Some(element) = self.elements.get(&path) {
            let only = element.types.first()?;
            return Some(Member { kind: kind(&path, only), of: Some(only), element });
        }
        if let Some(element) = self.elements.get(&format!("{path}[x]")) {
            return Some(Member { kind: CHOICE.to_owned(), of: None, element });
        }
        let choices = self.elements(of).filter_map(|element| Some((element.name.strip_suffix("[x]")?, element)));
        choices.into_iter().find_map(|(base, element)| {
            let wanted = member.strip_prefix(base)?;
            let only = element.types.iter().find(|kind| capitalised(kind.name) == wanted)?;
            Some(Member { kind: kind(&path, only), of: Some(only), element })
        })
    }

    /// All members that JSON can have there: a choice element under each of its names.
    pub fn members(&self, of: &str) -> Vec<String> {
        let names = self.elements(of).flat_map(|element| match element.name.strip_suffix("[x]") {
            None => vec![element.name.to_owned()],
            Some(base) => {
                let typed = element.types.iter().map(|kind| [base, &capitalised(kind.name)].concat());
                typed.chain([base.to_owned()]).collect()
            }
        });
        names.collect()
    }

    /// A search parameter of a resource type, or of all of them (`_id`).
    pub fn parameter(&self, resource: &str, code: &str) -> Option<&Parameter> {
        let bases = [resource, "DomainResource", "Resource"];
        let own = bases.iter().filter_map(|base| self.parameters.get(*base));
        own.flatten().find(|parameter| parameter.code == code)
    }

    /// The search parameters that a resource type has of its own.
    pub fn parameters(&self, resource: &str) -> &[Parameter] {
        self.parameters.get(resource).map_or(&[], Vec::as_slice)
    }

    /// The codes of a value set, by its name in the files or its URL; None where they are not carried.
    pub fn codes(&self, value_set: &str) -> Option<&[Code]> {
        let name = value_set.split('|').next()?;
        let name = name.strip_prefix(VALUE_SETS).unwrap_or(name);
        self.codes.get(name).map(Vec::as_slice)
    }

    /// What a sentence about a member that is not there ends with: `; did you mean onsetDateTime?`, or nothing.
    pub fn suggest_member(&self, of: &str, member: &str) -> String {
        suggestion(member, &self.members(of))
    }

    pub fn suggest_resource(&self, name: &str) -> String {
        suggestion(name, &self.resources())
    }

    pub fn suggest_parameter(&self, resource: &str, code: &str) -> String {
        let codes: Vec<_> = self.parameters(resource).iter().map(|parameter| parameter.code).collect();
        suggestion(code, &codes)
    }
}

/// `; did you mean NAME?` for the nearest of the names, or nothing if none is near.
pub fn suggestion<T: AsRef<str>>(wrong: &str, names: &[T]) -> String {
    nearest(wrong, names.iter().map(AsRef::as_ref)).map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// What stands at a path: the element's own path where its members are defined there.
fn kind(path: &str, of: &ElementType) -> String {
    match of.name {
        "BackboneElement" | "Element" => path.to_owned(),
        name => name.to_owned(),
    }
}

/// `dateTime` as it stands in `valueDateTime`.
pub(crate) fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}
