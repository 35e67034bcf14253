//! Resources that are awkward to ask for: the corpus, copied many times over with dates of any precision, numbers of
//! any form, texts in other cases and letters, references that lead elsewhere or nowhere, repeated and missing elements.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Number, Value, json};

use crate::random::Random;
use crate::value::moment;

/// Always there, since most else points to them.
const CORE: [&str; 6] = ["Patient", "Practitioner", "Organization", "Location", "Encounter", "Observation"];

const MOMENTS: [&str; 14] = [
    "2015-02-07T13:28:17Z",
    "2015-02-07T13:28:17.239+02:00",
    "2015-02-07T08:28:17-05:00",
    "2015-02-07T00:00:00Z",
    "2015-02-06T23:59:59.999999Z",
    "2015-02-07T23:59:59.9999999Z",
    "2016-12-31T23:59:60Z",
    "1969-12-31T23:59:59.5Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-05:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+05:00",
    "2015-03-29T02:30:00+14:00",
    "2015-01-01T00:00:00-12:00",
];

const DATES: [&str; 12] = [
    "2015",
    "2015-02",
    "2015-02-07",
    "2015-02-06",
    "2015-02-08",
    "2016-02-29",
    "2015-12-31",
    "1970-01-01",
    "1969",
    "9999-12-31",
    "9999",
    "0001-01-01",
];

const DECIMALS: [&str; 18] = [
    "1.0",
    "1.00",
    "1",
    "1e0",
    "1e3",
    "1000",
    "1000.0",
    "0.1",
    "0.10",
    "-0.0",
    "0",
    "70.18",
    "70.180",
    "1e-7",
    "-2.5",
    "2.5",
    "0.3333333333333333333333333333333333333333333333",
    "1e100",
];

const TEXTS: [&str; 32] = [
    "Müller",
    "MULLER",
    "muller",
    "Mu\u{301}ller",
    "Straße",
    "STRASSE",
    "strasse",
    "ﬁne",
    "FINE",
    "Σίσυφος",
    "ΣΊΣΥΦΟΣ",
    "İstanbul",
    "istanbul",
    "ıstanbul",
    "José María",
    "jose maria",
    "O'Brien",
    "a%b_c",
    "a*b",
    "a,b|c$d\\e",
    "x  y",
    "東京",
    "Oﬃce",
    "\u{212a}elvin",
    "kelvin",
    "Ñúñez",
    "nunez",
    "😀 ok",
    "Casper",
    "casper ",
    "ſtein",
    "A & B <c> \"d\"?#/+;",
];

/// Names of elements whose text people write.
const PROSE: [&str; 14] = [
    "text",
    "display",
    "family",
    "given",
    "name",
    "city",
    "line",
    "description",
    "note",
    "title",
    "comment",
    "country",
    "unit",
    "label",
];

/// Of type instant, which is never partial.
const INSTANTS: [&str; 7] = ["issued", "start", "end", "recorded", "timestamp", "lastUpdated", "date"];

/// `others`: how many types beside those that are always there. `each`: how many resources of a type.
pub(crate) fn resources(seed: u64, others: usize, each: usize) -> Vec<Value> {
    let random = &mut Random::new(seed);
    let corpus = corpus();
    let mut types: BTreeSet<&str> = CORE.into();
    let rest: Vec<&str> = corpus.keys().map(String::as_str).filter(|name| !types.contains(name)).collect();
    while types.len() < CORE.len() + others.min(rest.len()) {
        types.insert(*random.pick(&rest));
    }
    let ids: BTreeMap<&str, Vec<String>> = types.iter().map(|name| (*name, ids(random, each))).collect();
    let mut resources = Vec::new();
    for (name, own) in &ids {
        for id in own {
            let mut resource = random.pick(&corpus[*name]).clone();
            Making { random: &mut *random, ids: &ids, resource_type: name }.awkward("", &mut resource);
            resource["id"] = json!(id);
            resources.push(resource);
        }
    }
    resources
}

/// Ids of every form, many of them the same for each type.
fn ids(random: &mut Random, count: usize) -> Vec<String> {
    let mut ids = BTreeSet::new();
    while ids.len() < count {
        let n = random.below(4 * count);
        ids.insert(match random.below(5) {
            0 => format!("{n:08x}-442b-4920-b899-aadc599f1d75"),
            1 => format!("An-id.of-many-letters-{n}-which-is-hashed"),
            2 => format!("Id.{n}"),
            _ => n.to_string(),
        });
    }
    ids.into_iter().collect()
}

/// Every resource of the corpus that a server may hold, by type.
fn corpus() -> BTreeMap<String, Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut corpus: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut files = vec![folder.join("every-list.json"), folder.join("made.json")];
    for part in ["hl7", "us-core"] {
        let listed = std::fs::read_dir(folder.join(part)).expect("the corpus");
        files.extend(listed.map(|entry| entry.expect("an entry of the corpus").path()));
    }
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let entries = json["entry"].as_array().into_iter().flatten().map(|entry| entry["resource"].clone());
        let bundled: Vec<Value> = entries.collect();
        for resource in if bundled.is_empty() { vec![json] } else { bundled } {
            let name = resource["resourceType"].as_str().unwrap_or_default().to_owned();
            if !name.is_empty() && name != "Bundle" {
                corpus.entry(name).or_default().push(resource);
            }
        }
    }
    corpus
}

struct Making<'a> {
    random: &'a mut Random,
    ids: &'a BTreeMap<&'a str, Vec<String>>,
    resource_type: &'a str,
}

impl Making<'_> {
    fn awkward(&mut self, name: &str, value: &mut Value) {
        match value {
            // What is about the resource as a whole stays as it is.
            _ if matches!(name, "resourceType" | "contained" | "meta" | "extension" | "modifierExtension") => {}
            Value::Object(members) if members.contains_key("div") => {}
            Value::Object(members) => self.object(name, members),
            Value::Array(entries) => {
                for entry in &mut *entries {
                    self.awkward(name, entry);
                }
                entries.retain(|entry| !is_empty(entry));
                if !entries.is_empty() && self.random.chance(8) {
                    let again = self.random.pick(entries).clone();
                    entries.push(again);
                }
                if entries.len() > 1 && self.random.chance(8) {
                    entries.pop();
                }
            }
            Value::String(text) => {
                if let Some(other) = self.text(name, text) {
                    *text = other;
                }
            }
            Value::Number(number) if number.to_string().contains('.') && self.random.chance(60) => {
                let text = self.random.word(&DECIMALS);
                *number = text.parse::<Number>().expect("a number of JSON");
            }
            _ => {}
        }
    }

    fn object(&mut self, name: &str, members: &mut Map<String, Value>) {
        let names: Vec<String> = members.keys().cloned().collect();
        for member in names {
            // An array of primitives and the array of their extensions go together.
            if member.starts_with('_') || members.contains_key(&format!("_{member}")) {
                continue;
            }
            let keeps = matches!(member.as_str(), "resourceType" | "contained" | "meta" | "url" | "reference");
            if !keeps && self.random.chance(if name.is_empty() { 6 } else { 3 }) {
                members.shift_remove(&member);
                continue;
            }
            if let Some(value) = members.get_mut(&member) {
                self.awkward(&member, value);
                if is_empty(value) {
                    members.shift_remove(&member);
                }
            }
        }
        if name == "coding" {
            if self.random.chance(8) {
                members.shift_remove("system");
            }
            if let Some(Value::String(code)) = members.get_mut("code")
                && self.random.chance(8)
            {
                *code = self.in_another_case(code);
            }
        }
        if let (Some(Value::String(start)), Some(Value::String(end))) = (members.get("start"), members.get("end"))
            && ends_before(end, start)
        {
            members.shift_remove("end");
        }
    }

    /// What stands in the place of a text; None: it stays.
    fn text(&mut self, name: &str, text: &str) -> Option<String> {
        let digits = |count: usize| text.bytes().take(count).filter(u8::is_ascii_digit).count() == count;
        if name == "reference" {
            return self.reference(text);
        }
        if text.len() > 10 && digits(4) && text.contains('T') && text.as_bytes().get(4) == Some(&b'-') {
            // Periods and most other elements may be partial, instants may not.
            let whole = INSTANTS.contains(&name) && !matches!(self.resource_type, "Encounter" | "Condition");
            let from: &[&'static str] = if whole || self.random.chance(60) { &MOMENTS } else { &DATES };
            return self.random.chance(75).then(|| self.random.word(from).to_owned());
        }
        if text.len() == 10 && digits(4) && text.as_bytes().get(4) == Some(&b'-') {
            return self.random.chance(75).then(|| self.random.word(&DATES).to_owned());
        }
        if PROSE.contains(&name) && self.random.chance(60) {
            return Some(self.random.word(&TEXTS).to_owned());
        }
        if name == "value" && self.random.chance(20) {
            return Some(self.in_another_case(text));
        }
        None
    }

    /// A code or an identifier, in a case in which others may ask for it.
    fn in_another_case(&mut self, text: &str) -> String {
        match (is_of_usual_case(text), self.random.chance(50)) {
            (false, _) => text.to_owned(),
            (true, true) => text.to_uppercase(),
            (true, false) => text.to_lowercase(),
        }
    }

    fn reference(&mut self, text: &str) -> Option<String> {
        let resource_type = text.split_once('/').map_or("", |(resource_type, _)| resource_type);
        let known = self.ids.get(resource_type)?;
        let id = self.random.pick(known);
        Some(match self.random.below(30) {
            0 => format!("http://other.example/fhir/{resource_type}/{id}"),
            1 => "urn:uuid:11111111-2222-4333-8444-555555555555".to_owned(),
            2 => format!("{resource_type}/nobody"),
            3 => format!("{resource_type}/{id}/_history/1"),
            4 => format!("urn:uuid:{id}"),
            _ => format!("{resource_type}/{id}"),
        })
    }
}

/// Whether a code of this spelling is found by another case of it, as the docs say ("What conditions mean"): the services
/// asked here compare case.
pub(crate) fn is_of_usual_case(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_ascii_alphabetic()).count();
    letters <= 5 || text == text.to_lowercase() || text == text.to_uppercase()
}

/// Which no period does (R4, per-1), whatever the precision of its ends.
fn ends_before(end: &str, start: &str) -> bool {
    !start.starts_with(end) && moment(end) < moment(start)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        _ => false,
    }
}
