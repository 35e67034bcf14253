//! What of a resource is not as R4 has it: elements that it does not have, that are there too often or not at all, of
//! another type; values that their types or required value sets do not have.
//!
//! Invariants, profiles, and bindings that are not required are not looked at; nor is the XHTML of narratives.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use turntable_scan::{Document, Kind, Value};

use crate::definitions::{Binding, Code, Element, ElementType, R4, Strength, capitalised};
use crate::primitive;

/// One thing that is wrong. It names places and what belongs there, never what is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// From the resource, with its type: `Patient.telecom[1].rank`; of a choice element that lacks, `occurrence[x]`.
    pub path: String,
    pub wrong: Wrong,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wrong {
    /// A required element is not there.
    Missing,
    /// No element of R4, or not of that type or cardinality.
    Shape,
    /// A value that the element's type does not have, or no code of its required value set.
    Value,
}

impl R4 {
    /// What is wrong with a resource, in the order of its text. None if R4 does not have its type.
    pub fn faults(&self, resource: Value<'_>) -> Vec<Fault> {
        let mut judge = Judge { r4: self, found: Vec::new(), open: Vec::new() };
        judge.resource(resource, "");
        // Through a list, so that depth costs no stack.
        while let Some(next) = judge.open.pop() {
            judge.object(&next);
        }
        judge.found.sort_by_key(|(at, _)| *at);
        judge.found.into_iter().map(|(_, fault)| fault).collect()
    }

    /// What is wrong with a resource, and was not as it stood before. Elements may have moved in their lists meanwhile,
    /// so faults of one kind in one list are counted, and those that are new are named where there are more. A text that
    /// is no JSON has none.
    pub fn new_faults(&self, before: Option<&[u8]>, after: &[u8]) -> Vec<Fault> {
        let of = |text: &[u8]| Document::parse(text).map_or_else(|_| Vec::new(), |found| self.faults(found.root()));
        let after = of(after);
        if after.is_empty() {
            return after;
        }
        let old = before.map(of).unwrap_or_default();
        let (now, then) = (counted(&after), counted(&old));
        // A set: a resource may have very many.
        let old: HashSet<_> = old.iter().collect();
        let is_new = |fault: &Fault| now.get(&key(fault)) > then.get(&key(fault)) && !old.contains(fault);
        after.into_iter().filter(is_new).collect()
    }
}

fn counted(faults: &[Fault]) -> BTreeMap<(String, Wrong), usize> {
    let mut counted = BTreeMap::new();
    for fault in faults {
        *counted.entry(key(fault)).or_insert(0) += 1;
    }
    counted
}

fn key(fault: &Fault) -> (String, Wrong) {
    (without_indices(&fault.path), fault.wrong)
}

/// `telecom[1].rank` as `telecom.rank`; the mark of a choice element stays.
fn without_indices(path: &str) -> String {
    let mut parts = path.split('[');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((index, rest)) if index.bytes().all(|b| b.is_ascii_digit()) => plain.push_str(rest),
            _ => plain.extend(["[", part]),
        }
    }
    plain
}

struct Judge<'a> {
    r4: &'a R4,
    /// With the place in the text.
    found: Vec<(u32, Fault)>,
    open: Vec<Open<'a>>,
}

/// An object that is to be looked at.
struct Open<'a> {
    value: Value<'a>,
    /// A type, or the path of a backbone element.
    kind: String,
    path: String,
    /// The codes that it may have, of a concept with a required value set.
    binding: Option<Binding>,
}

impl<'a> Judge<'a> {
    fn fault(&mut self, at: Value<'_>, path: String, wrong: Wrong, message: impl Into<String>) {
        self.found.push((at.position(), Fault { path, wrong, message: message.into() }));
    }

    fn resource(&mut self, value: Value<'a>, path: &str) {
        let Some(kind) = value.get("resourceType").and_then(Value::text) else {
            return self.fault(value, path.to_owned(), Wrong::Shape, "a resource has a resourceType");
        };
        if self.r4.is_resource(&kind) {
            let path = if path.is_empty() { kind.to_string() } else { path.to_owned() };
            self.open.push(Open { value, kind: kind.into_owned(), path, binding: None });
        }
    }

    fn object(&mut self, open: &Open<'a>) {
        let Open { value, kind, path, .. } = open;
        if value.members().next().is_none() {
            return self.fault(*value, path.clone(), Wrong::Shape, "an element is not empty");
        }
        let mut there = BTreeSet::new();
        let mut types: BTreeMap<&str, &str> = BTreeMap::new();
        for (key, member) in value.members() {
            let Some(name) = key.text() else { continue };
            if name == "resourceType" && self.r4.is_resource(kind) {
                continue;
            }
            let (plain, is_sibling) = name.strip_prefix('_').map_or((&*name, false), |plain| (plain, true));
            let place = format!("{path}.{plain}");
            let Some(found) = self.r4.member(kind, plain) else {
                let near = self.r4.suggest_member(kind, plain);
                self.fault(member, place, Wrong::Shape, format!("R4 has no such element{near}"));
                continue;
            };
            let Some(of) = found.of else {
                self.fault(member, place, Wrong::Shape, "the name of a choice element ends in its type");
                continue;
            };
            there.insert(found.element.name);
            if found.element.name.ends_with("[x]")
                && types.insert(found.element.name, of.name).is_some_and(|other| other != of.name)
            {
                self.fault(member, place, Wrong::Shape, "a choice element is of one type at a time");
                continue;
            }
            let beside = if is_sibling { None } else { value.get(&format!("_{name}")) };
            let member = Member { kind: &found.kind, of, element: found.element };
            match is_sibling {
                true => self.sibling(&member, value.get(&name), place),
                false => self.member(&member, value.get(&name), beside, place),
            }
        }
        for element in self.r4.elements(kind).filter(|element| element.required && !there.contains(element.name)) {
            let path = format!("{path}.{}", element.name);
            self.fault(*value, path, Wrong::Missing, "R4 requires this element");
        }
        self.bound(open);
    }

    fn member(&mut self, member: &Member<'_>, value: Option<Value<'a>>, beside: Option<Value<'a>>, path: String) {
        let Some(value) = value else { return };
        match (member.element.repeats, value.kind()) {
            (true, Kind::Array) if value.items().next().is_none() => {
                self.fault(value, path, Wrong::Shape, "a list is not empty");
            }
            (true, Kind::Array) => {
                for (at, item) in value.items().enumerate() {
                    // R4 has nulls where only what is beside a primitive is known.
                    let is_beside = || beside.and_then(|beside| beside.item(at)).is_some_and(|own| !own.is_null());
                    if !(item.is_null() && member.is_primitive() && is_beside()) {
                        self.one(member, item, format!("{path}[{at}]"));
                    }
                }
                let uneven = |beside: Value<'_>| beside.items().count() != value.items().count();
                if beside.is_some_and(|beside| beside.kind() == Kind::Array && uneven(beside)) {
                    self.fault(value, path, Wrong::Shape, "a list and its _ list are of one length");
                }
            }
            (true, _) => self.fault(value, path, Wrong::Shape, "R4 has a list here"),
            (false, Kind::Array) => self.fault(value, path, Wrong::Shape, "R4 has one value here, no list"),
            (false, _) => self.one(member, value, path),
        }
    }

    /// What stands beside a primitive, with `_` before its name.
    fn sibling(&mut self, member: &Member<'_>, value: Option<Value<'a>>, path: String) {
        let Some(value) = value else { return };
        if !member.is_primitive() {
            return self.fault(value, path, Wrong::Shape, "only a primitive has a member with _ beside it");
        }
        let items: Vec<_> = match (member.element.repeats, value.kind()) {
            (true, Kind::Array) => value.items().filter(|item| !item.is_null()).collect(),
            (false, Kind::Object) => vec![value],
            _ => return self.fault(value, path, Wrong::Shape, "the member with _ beside it is not of its shape"),
        };
        for item in items {
            match item.kind() {
                Kind::Object => {
                    let (kind, path) = ("Element".to_owned(), path.clone());
                    self.open.push(Open { value: item, kind, path, binding: None });
                }
                _ => self.fault(item, path.clone(), Wrong::Shape, "the member with _ beside it holds objects"),
            }
        }
    }

    /// One value of an element.
    fn one(&mut self, member: &Member<'_>, value: Value<'a>, path: String) {
        let binding = member.element.binding.filter(|binding| binding.strength == Strength::Required);
        if let Some(wanted) = primitive::wanted(member.of.name) {
            if !primitive::is_json_of(member.of.name, value.kind()) {
                self.fault(value, path, Wrong::Shape, format!("R4 has {wanted} here"));
            } else if !primitive::is_value_of(member.of.name, value) {
                self.fault(value, path, Wrong::Value, format!("R4 has {wanted} here"));
            } else if let Some(binding) = binding.filter(|_| member.of.name == "code")
                && let Some(codes) = self.r4.codes(binding.value_set)
                && value.text().is_some_and(|text| codes.iter().all(|code| code.code != text))
            {
                self.fault(value, path, Wrong::Value, no_code(&binding, codes));
            }
            return;
        }
        if value.kind() != Kind::Object {
            return self.fault(value, path, Wrong::Shape, format!("R4 has an object here, a {}", member.of.name));
        }
        match member.kind {
            "Resource" => self.resource(value, &path),
            kind => {
                if kind == "Reference" && !member.of.targets.is_empty() {
                    self.target(&member.of.targets, value, &path);
                }
                self.open.push(Open { value, kind: kind.to_owned(), path, binding });
            }
        }
    }

    /// A relative reference names its type.
    fn target(&mut self, targets: &[&str], value: Value<'_>, path: &str) {
        let text = value.get("reference").and_then(Value::text).unwrap_or_default();
        let kind = text.split_once('/').map(|(kind, _)| kind).filter(|kind| self.r4.is_resource(kind));
        if kind.is_some_and(|kind| !targets.contains(&kind)) {
            let path = format!("{path}.reference");
            self.fault(value, path, Wrong::Value, format!("a reference to {}", targets.join(", ")));
        }
    }

    /// A concept with a required value set has one of its codes, if it has any.
    fn bound(&mut self, open: &Open<'_>) {
        let Some((binding, codes)) =
            open.binding.and_then(|binding| Some((binding, self.r4.codes(binding.value_set)?)))
        else {
            return;
        };
        let codings: Vec<_> = match open.kind.as_str() {
            "CodeableConcept" => open.value.get("coding").into_iter().flat_map(Value::items).collect(),
            "Coding" => vec![open.value],
            _ => return,
        };
        let with_code: Vec<_> = codings.into_iter().filter(|coding| coding.get("code").is_some()).collect();
        let is_one = |coding: &Value<'_>| {
            let text = |name| coding.get(name).and_then(Value::text);
            let (code, system) = (text("code"), text("system"));
            codes.iter().any(|known| {
                code.as_deref() == Some(known.code) && system.as_deref().is_none_or(|own| own == known.system)
            })
        };
        if !with_code.is_empty() && !with_code.iter().any(is_one) {
            let path = match open.kind.as_str() {
                "Coding" => format!("{}.code", open.path),
                _ => format!("{}.coding[0].code", open.path),
            };
            self.fault(open.value, path, Wrong::Value, no_code(&binding, codes));
        }
    }
}

/// What belongs where another code stands.
fn no_code(binding: &Binding, codes: &[Code]) -> String {
    let named: Vec<_> = codes.iter().take(CODES_NAMED).map(|code| code.code).collect();
    let more = if codes.len() > CODES_NAMED { ", …" } else { "" };
    format!("no code of {}: {}{more}", binding.value_set, named.join(", "))
}

/// Codes of a value set that a message names at most.
const CODES_NAMED: usize = 12;

struct Member<'d> {
    kind: &'d str,
    of: &'d ElementType,
    element: &'d Element,
}

impl Member<'_> {
    fn is_primitive(&self) -> bool {
        primitive::wanted(self.of.name).is_some()
    }
}

impl Fault {
    /// Whether a path that a mapping says (`component[0].code.text`, `value.ofType(Quantity).value`, an alternative of
    /// several) leads to the element that is wrong, into it, or, to a wrong value, is on the way there. The resource's
    /// type is not part of it.
    pub fn is_reached_by(&self, path: &str) -> bool {
        let fault = without_indices(&self.path);
        let Some((_, fault)) = fault.split_once('.') else { return false };
        let own = plain(path);
        let (mut wrong, mut way) = (fault.split('.'), own.split('.').filter(|step| !step.is_empty()));
        loop {
            match (wrong.next(), way.next()) {
                (Some(wrong), Some(step)) if is_step(wrong, step) => {}
                (Some(_), Some(_)) => return false,
                // What lacks below the column's element is not what the column gives.
                (Some(_), None) => return self.wrong != Wrong::Missing && !own.is_empty(),
                (None, _) => return true,
            }
        }
    }
}

/// `occurrence[x]` is reached by `occurrenceDateTime`.
fn is_step(wrong: &str, step: &str) -> bool {
    let step = step.strip_prefix('_').unwrap_or(step);
    let is_type = |rest: &str| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase());
    wrong == step || wrong.strip_suffix("[x]").and_then(|base| step.strip_prefix(base)).is_some_and(is_type)
}

/// A mapping's path as members alone.
fn plain(path: &str) -> String {
    let mut steps: Vec<String> = Vec::new();
    let mut depth = 0_u32;
    let mut step = String::new();
    for c in path.chars().chain(['.']) {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => {
                steps.push(std::mem::take(&mut step));
                continue;
            }
            _ => {}
        }
        step.push(c);
    }
    let mut members: Vec<String> = Vec::new();
    for step in steps {
        match step.split_once('(') {
            Some(("ofType", of)) => {
                if let Some(last) = members.last_mut() {
                    last.push_str(&capitalised(of.trim_end_matches(')')));
                }
            }
            Some(("extension", _)) => members.push("extension".to_owned()),
            Some(_) => {}
            None if step == "$this" => {}
            None => members.push(step.split('[').next().unwrap_or_default().to_owned()),
        }
    }
    members.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn r4() -> R4 {
        R4::parse(
            include_str!("../r4/elements.txt"),
            include_str!("../r4/search-parameters.txt"),
            include_str!("../r4/required-codes.txt"),
        )
    }

    fn found(text: &str) -> Vec<String> {
        let document = Document::parse(text.as_bytes()).unwrap();
        r4().faults(document.root()).into_iter().map(|f| format!("{} {:?}: {}", f.path, f.wrong, f.message)).collect()
    }

    #[test]
    fn what_is_right_has_no_faults() {
        for text in [
            r#"{"resourceType":"Patient","id":"p","name":[{"given":["A",null],"_given":[null,{"id":"i"}]}],"_birthDate":{"extension":[{"url":"http://x","valueCode":"c"}]},"contained":[{"resourceType":"Device","id":"d"}]}"#,
            r#"{"resourceType":"Immunization","status":"completed","vaccineCode":{"text":"V"},"patient":{"reference":"Patient/p"},"occurrenceString":"then"}"#,
            r#"{"resourceType":"Condition","subject":{"reference":"urn:uuid:1"},"clinicalStatus":{"coding":[{"system":"http://x","code":"y"},{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}"#,
            r#"{"resourceType":"Observation","status":"final","code":{"text":"C"},"component":[{"code":{"text":"D"},"referenceRange":[{"low":{"value":1}}]}]}"#,
            r#"{"resourceType":"Unheard","of":1}"#,
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, expected: &[&str]| assert_eq!(found(text), expected, "{text}");
        check(
            r#"{"resourceType":"Observation","note":{"text":"n"},"status":["final"],"effectiveTiming":5,"valueTime":"8 Uhr","component":[{}]}"#,
            &[
                "Observation.code Missing: R4 requires this element",
                "Observation.note Shape: R4 has a list here",
                "Observation.status Shape: R4 has one value here, no list",
                "Observation.effectiveTiming Shape: R4 has an object here, a Timing",
                "Observation.valueTime Value: R4 has a time: hh:mm:ss here",
                "Observation.component[0] Shape: an element is not empty",
            ],
        );
        check(
            r#"{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2020","gendr":"male","gender":"man","telecom":[{"rank":0}],"name":[{"given":["A",null],"_given":[{"id":"i"}]}]}"#,
            &[
                "Patient.deceasedDateTime Shape: a choice element is of one type at a time",
                "Patient.gendr Shape: R4 has no such element; did you mean gender?",
                "Patient.gender Value: no code of administrative-gender: male, female, other, unknown",
                "Patient.telecom[0].rank Value: R4 has a whole number from 1 on here",
                "Patient.name[0].given Shape: a list and its _ list are of one length",
                "Patient.name[0].given[1] Shape: R4 has a text that is not empty here",
            ],
        );
        check(
            r#"{"resourceType":"Condition","subject":{"reference":"Device/d"},"clinicalStatus":{"coding":[{"code":"done"}]},"onset":"x"}"#,
            &[
                "Condition.subject.reference Value: a reference to Patient, Group",
                "Condition.clinicalStatus.coding[0].code Value: no code of condition-clinical: active, recurrence, relapse, inactive, remission, resolved",
                "Condition.onset Shape: the name of a choice element ends in its type",
            ],
        );
    }

    #[test]
    fn only_what_is_new_counts() {
        let new = |before: &str, after: &str| {
            let found = r4().new_faults(Some(before.as_bytes()), after.as_bytes());
            found.into_iter().map(|fault| fault.path).collect::<Vec<_>>()
        };
        let two = r#"{"resourceType":"Patient","telecom":[{"use":"x","rank":0},{"rank":0}]}"#;
        assert!(new(two, r#"{"resourceType":"Patient","telecom":[{"rank":0}]}"#).is_empty());
        assert!(new(two, two).is_empty());
        assert_eq!(new(r#"{"resourceType":"Patient","gender":"x"}"#, two).len(), 3);
        let fresh = r4().new_faults(None, br#"{"resourceType":"Immunization"}"#);
        let paths: Vec<_> = fresh.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(
            paths,
            ["Immunization.status", "Immunization.vaccineCode", "Immunization.patient", "Immunization.occurrence[x]"]
        );
    }

    #[test]
    fn the_columns_behind_a_fault() {
        let check = |fault: &str, wrong: Wrong, path: &str, expected: bool| {
            let fault = Fault { path: fault.to_owned(), wrong, message: String::new() };
            assert_eq!(fault.is_reached_by(path), expected, "{} {path}", fault.path);
        };
        check("Observation.code", Wrong::Missing, "code.coding[0].code", true);
        check("Observation.code", Wrong::Missing, "codeX", false);
        check("Observation.code", Wrong::Missing, "category[0].coding.code", false);
        check("Immunization.occurrence[x]", Wrong::Missing, "occurrenceDateTime", true);
        check("Immunization.occurrence[x]", Wrong::Missing, "occurrence.ofType(string)", true);
        check("Observation.component[1].code", Wrong::Missing, "component[0].code.text", true);
        check("Observation.component[1].code", Wrong::Missing, "component[0]", false);
        check("Patient.telecom[1].rank", Wrong::Value, "telecom.where(system='phone' and use='home').rank", true);
        check("Observation.effectiveTiming.repeat.count", Wrong::Value, "effectiveTiming", true);
        check("Observation.valueQuantity.value", Wrong::Shape, "value.ofType(Quantity).value", true);
        check("Observation.code", Wrong::Missing, "", false);
    }
}
