//! What a change of one column may touch: the element that its path names, what describes that element and is no longer
//! true (the display of a code), and other types of the same choice element. Everything else is a lost element.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;
use turntable::model::table::{Column, Kind};
use turntable_r4::r4;

use super::element_path::{ElementPath, RowPlace, Step, is_joined};

const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

pub(crate) struct Territory<'a> {
    resource_type: &'a str,
    path: ElementPath,
    kind: &'a Kind,
    row: RowPlace,
    sets_null: bool,
    /// The list that the path ends in is one value.
    is_whole_list: bool,
}

/// A leaf that differs: a scalar, or an empty object or list.
pub(crate) struct LeafChange<'v> {
    place: Vec<Place>,
    pub(crate) old: Option<&'v Value>,
    pub(crate) new: Option<&'v Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Name(String),
    Index(usize),
}

impl<'a> Territory<'a> {
    pub(crate) fn new(resource_type: &'a str, column: &'a Column, row: RowPlace, value: Option<&str>) -> Self {
        let path = ElementPath::parse(&column.path);
        let path = path.unwrap_or_else(|| panic!("{}: the path {} is not understood", column.name, column.path));
        let is_whole_list = matches!(column.kind, Kind::Json) || is_joined(column);
        Self { resource_type, path, kind: &column.kind, row, sets_null: value.is_none(), is_whole_list }
    }

    /// The error is the first change that lies outside.
    pub(crate) fn covers(&self, old: &Value, new: &Value, changes: &[LeafChange<'_>]) -> Result<(), String> {
        let mut entries = BTreeSet::new();
        for change in changes {
            if !self.has(change, new, &mut entries) {
                return Err(format!("{} was {:?}, is {:?}", spell(&change.place), change.old, change.new));
            }
        }
        // A `where` looks through a list: one entry of it may change, one that fits before and after.
        let strangers = entries.iter().filter(|(depth, place)| {
            let step = &self.path.steps[*depth];
            [old, new].into_iter().filter_map(|root| find(root, place)).any(|entry| !step.admits(entry))
        });
        let one_each = entries.iter().map(|(depth, _)| depth).collect::<BTreeSet<_>>().len() == entries.len();
        match strangers.count() {
            0 if one_each => Ok(()),
            _ => Err("another entry of the list has changed".to_owned()),
        }
    }

    fn has(&self, change: &LeafChange<'_>, new: &Value, entries: &mut BTreeSet<(usize, Vec<Place>)>) -> bool {
        let steps = &self.path.steps;
        let mut places = change.place.iter().peekable();
        let mut taken = 0;
        for (depth, step) in steps.iter().enumerate() {
            let name = match places.next() {
                Some(Place::Name(name)) => name.as_str(),
                // A container made of nothing, or gone with its last member.
                None => return true,
                Some(Place::Index(_)) => return false,
            };
            if name != step.name {
                let container_is_gone = find(new, &change.place[..taken]).is_none();
                return self.is_beside(name, depth, container_is_gone, change);
            }
            taken += 1;
            let index = match places.peek() {
                Some(Place::Index(index)) => {
                    places.next();
                    taken += 1;
                    Some(*index)
                }
                _ => None,
            };
            if let Some(index) = index {
                let wanted = step.index.or(self.row.index(depth));
                match wanted {
                    // Places before it may have to be filled.
                    Some(wanted) if index != wanted => return index < wanted && is_absent_data(change),
                    Some(_) => {}
                    None if self.is_whole_list && depth + 1 == steps.len() => {}
                    None if step.conditions.is_empty() && !step.is_current && index != 0 => return false,
                    None => drop(entries.insert((depth, change.place[..taken].to_vec()))),
                }
            }
        }
        // Inside the element itself: of a reference, only what says where it points.
        match (self.kind, places.next()) {
            (Kind::Lookup(_), Some(Place::Name(name))) if !self.sets_null => {
                matches!(name.as_str(), "reference" | "_reference" | "display" | "_display" | "identifier" | "type")
                    // What said that there is none.
                    || (name == "extension" && is_absent_data(change))
            }
            _ => true,
        }
    }

    /// A member beside the one that the path names at this depth.
    fn is_beside(&self, name: &str, depth: usize, container_is_gone: bool, change: &LeafChange<'_>) -> bool {
        let (step, is_last) = (&self.path.steps[depth], depth + 1 == self.path.steps.len());
        let above = depth.checked_sub(1).map(|above| &self.path.steps[above]);
        let is_gone = change.new.is_none();
        // What an emptied place is filled with, or freed of.
        if name == "extension" || name == format!("_{}", step.name) {
            return is_absent_data(change) || (self.sets_null && is_gone && is_last && name != "extension");
        }
        // The constants of a `where`, which came or went with their entry.
        if let Some(above) = above
            && (change.old.is_none() || (self.sets_null && container_is_gone))
            && above.conditions.iter().any(|(path, constant)| {
                let value = change.new.or(change.old).and_then(Value::as_str);
                path.first().is_some_and(|first| first == name) && value == Some(constant)
            })
        {
            return true;
        }
        // Another type of the same choice element.
        if !self.sets_null && is_gone && self.is_same_choice(depth, name.trim_start_matches('_')) {
            return true;
        }
        // The text of a name or an address says what its parts say.
        let parts =
            ["prefix", "given", "family", "suffix", "line", "postalCode", "city", "district", "state", "country"];
        if parts.contains(&step.name.as_str()) && name.trim_start_matches('_') == "text" {
            return true;
        }
        // What describes a code goes with it; a choice brings its system.
        let describes = match step.name.as_str() {
            "code" | "system" => ["display", "version", "userSelected", "unit"].contains(&name.trim_start_matches('_')),
            _ => false,
        };
        let is_system = step.name == "code" && name == "system" && matches!(self.kind, Kind::Choice(_));
        is_last && ((describes && is_gone) || is_system)
    }

    /// Whether R4 has one choice element with both this step's member and that one.
    fn is_same_choice(&self, depth: usize, other: &str) -> bool {
        let (steps, step) = (&self.path.steps[..depth], &self.path.steps[depth]);
        let of = steps.iter().try_fold(self.resource_type.to_owned(), |of, step: &Step| {
            r4().member(&of, &step.name).map(|member| member.kind)
        });
        let Some(of) = of else { return false };
        let element = |name: &str| r4().member(&of, name).map(|member| member.element);
        match (element(&step.name), element(other)) {
            (Some(a), Some(b)) => a.name.ends_with("[x]") && std::ptr::eq(a, b),
            _ => false,
        }
    }
}

/// Leaves of two documents that differ, by place.
pub(crate) fn leaf_changes<'v>(old: &'v Value, new: &'v Value) -> Vec<LeafChange<'v>> {
    let mut changes = Vec::new();
    compare(Some(old), Some(new), &mut Vec::new(), &mut changes);
    changes
}

fn compare<'v>(
    old: Option<&'v Value>,
    new: Option<&'v Value>,
    place: &mut Vec<Place>,
    changes: &mut Vec<LeafChange<'v>>,
) {
    if old == new {
        return;
    }
    // A null pads a list: it stands for nothing.
    let [old, new] = match (old, new) {
        (Some(Value::Null), Some(Value::Object(_) | Value::Array(_))) => [None, new],
        (Some(Value::Object(_) | Value::Array(_)), Some(Value::Null)) => [old, None],
        other => other.into(),
    };
    let names: BTreeSet<&String> =
        [old, new].into_iter().flatten().filter_map(Value::as_object).flat_map(|o| o.keys()).collect();
    let lists = [old, new].map(|value| value.and_then(Value::as_array).map_or(0, Vec::len));
    // A list where an object was, a text where a list was: the place itself has changed.
    let kinds_differ =
        old.zip(new).is_some_and(|(old, new)| std::mem::discriminant(old) != std::mem::discriminant(new));
    if kinds_differ || (names.is_empty() && lists == [0, 0]) {
        changes.push(LeafChange { place: place.clone(), old, new });
        return;
    }
    for name in names {
        let member = |value: Option<&'v Value>| value.and_then(|value| value.get(name));
        place.push(Place::Name(name.clone()));
        compare(member(old), member(new), place, changes);
        place.pop();
    }
    for index in 0..lists[0].max(lists[1]) {
        let item = |value: Option<&'v Value>| value.and_then(|value| value.get(index));
        place.push(Place::Index(index));
        compare(item(old), item(new), place, changes);
        place.pop();
    }
}

fn find<'v>(root: &'v Value, place: &[Place]) -> Option<&'v Value> {
    place.iter().try_fold(root, |at, step| match step {
        Place::Name(name) => at.get(name),
        Place::Index(index) => at.get(index),
    })
}

/// Number literals that one text has more often than the other, as they are written.
pub(crate) fn new_literals(before: &str, after: &str) -> Vec<String> {
    let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
    for (text, step) in [(before, 1), (after, -1)] {
        for literal in literals(text) {
            *counts.entry(literal).or_default() += step;
        }
    }
    counts.into_iter().filter(|(_, count)| *count != 0).map(|(literal, _)| literal.to_owned()).collect()
}

/// The numbers of a JSON text.
pub(crate) fn literals(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let end =
                    bytes[at..].iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
                let end = end.map_or(bytes.len(), |length| at + length);
                found.push(&text[at..end]);
                at = end;
            }
            _ => at += 1,
        }
    }
    found
}

/// The extension that says why there is nothing.
fn is_absent_data(change: &LeafChange<'_>) -> bool {
    [change.old, change.new].into_iter().flatten().all(|value| match value {
        Value::Null => true,
        Value::String(text) => text == ABSENT || change.place.last() == Some(&Place::Name("valueCode".to_owned())),
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    })
}

fn spell(place: &[Place]) -> String {
    let mut text = String::new();
    for step in place {
        match step {
            Place::Name(name) => write!(text, ".{name}"),
            Place::Index(index) => write!(text, "[{index}]"),
        }
        .expect("a String takes everything");
    }
    text
}

#[test]
fn a_lost_element_is_seen() {
    let column = |path: &str, kind: Kind| Column {
        name: "c".to_owned(),
        label: String::new(),
        description: String::new(),
        kind,
        access: turntable::model::table::ColumnAccess { read: true, create: true, update: true },
        required: false,
        path: path.to_owned(),
        elements: Vec::new(),
    };
    let text = column("telecom.where(system='phone').value", Kind::Text { max_length: None, multi_line: false });
    let check = |before: &str, after: &str, expected: bool| {
        let (before, after): (Value, Value) = (before.parse().unwrap(), after.parse().unwrap());
        let changes = leaf_changes(&before, &after);
        assert_eq!(
            Territory::new("Patient", &text, RowPlace::default(), Some("2")).covers(&before, &after, &changes).is_ok(),
            expected,
            "{before} {after}"
        );
    };
    let before = r#"{"id":"1","telecom":[{"system":"fax","value":"0"},{"system":"phone","value":"1","rank":1.0}]}"#;
    check(before, &before.replace("\"1\",\"rank", "\"2\",\"rank"), true);
    check(before, &before.replace("1.0", "1.00"), false);
    check(before, &before.replace("\"0\"", "\"2\""), false);
    check(before, &before.replace(",\"rank\":1.0", ""), false);
    check(before, &before.replace("fax", "phone"), false);
    check("{}", r#"{"telecom":[{"system":"phone","value":"2"}]}"#, true);
    check("{}", r#"{"telecom":[{"system":"fax","value":"2"}]}"#, false);
    assert_eq!(new_literals(r#"{"a":1.0,"b":"2.0"}"#, r#"{"a":1.00,"b":"3"}"#), ["1.0", "1.00"]);
}
