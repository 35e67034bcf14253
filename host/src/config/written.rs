//! The configuration as written: `turntable.toml` with the environment laid over it, each value with its place. Parts
//! take their keys out of a [`Section`]; what is left over in the end was misspelt. Problems are collected, not thrown,
//! so that one run shows them all.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use crate::model::catalog::nearest;

/// Every key `a.b` is also `TURNTABLE_A__B`.
const PREFIX: &str = "TURNTABLE_";
/// Variables that other parts of the program read.
const NOT_KEYS: [&str; 7] = [
    "TURNTABLE_LOG",
    "TURNTABLE_CONFIG",
    "TURNTABLE_ADMIN_TOKEN",
    "TURNTABLE_TOKEN",
    "TURNTABLE_SERVER",
    "TURNTABLE_REGISTRY_USER",
    "TURNTABLE_REGISTRY_PASSWORD",
];

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Line { file: String, line: usize },
    Variable(String),
    Nowhere,
}

#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) node: Node,
    pub(super) place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    Integer(i64),
    Boolean(bool),
    /// A list of texts.
    Texts(Vec<String>),
    Table(BTreeMap<String, Value>),
    /// TOML has it, no key of ours does.
    Other(&'static str),
}

/// What is wrong, in the order it was found.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// A table whose keys are being taken. [`Section::end`] reports those that nobody took.
#[derive(Debug)]
pub(super) struct Section {
    /// `sources.main`; empty at the top.
    path: String,
    place: Place,
    values: BTreeMap<String, Value>,
    known: Vec<&'static str>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{file}:{line}: "),
            Self::Variable(name) => write!(f, "{name}: "),
            Self::Nowhere => Ok(()),
        }
    }
}

impl Problems {
    pub(super) fn error(&mut self, place: &Place, what: impl fmt::Display) {
        self.errors.push(format!("{place}{what}"));
    }

    pub(super) fn warning(&mut self, place: &Place, what: impl fmt::Display) {
        self.warnings.push(format!("{place}{what}"));
    }
}

/// The file's text and the variables that start with [`PREFIX`], as one section.
pub(super) fn read(
    file: Option<(&Path, &str)>,
    environment: &BTreeMap<String, String>,
    problems: &mut Problems,
) -> Section {
    let mut values = BTreeMap::new();
    if let Some((path, text)) = file {
        let file = path.display().to_string();
        let line = |at: usize| 1 + text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count();
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let place = Place::Line { file: file.clone(), line: line(error.span().map_or(0, |s| s.start)) };
            problems.error(&place, format_args!("this is no TOML: {}", error.message()));
        }
        if errors.is_empty() {
            values = from_table(table.get_ref(), &|at| Place::Line { file: file.clone(), line: line(at) });
        }
    }
    for (name, text) in environment {
        overlay(&mut values, name, text, problems);
    }
    Section { path: String::new(), place: Place::Nowhere, values, known: Vec::new() }
}

fn from_table(table: &DeTable<'_>, place: &dyn Fn(usize) -> Place) -> BTreeMap<String, Value> {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let node = match value.get_ref() {
            DeValue::String(text) => Node::Text(text.clone().into_owned()),
            DeValue::Integer(number) => {
                let digits = number.as_str().replace('_', "");
                i64::from_str_radix(&digits, number.radix()).map_or(Node::Other("integer of this size"), Node::Integer)
            }
            DeValue::Boolean(value) => Node::Boolean(*value),
            DeValue::Array(items) => {
                let text = |item: &toml::Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
                items.iter().map(text).collect::<Option<_>>().map_or(Node::Other("array of other things"), Node::Texts)
            }
            DeValue::Table(inner) => Node::Table(from_table(inner, place)),
            other => Node::Other(other.type_str()),
        };
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        (name.clone().into_owned(), Value { node, place: place(key.span().start) })
    };
    table.iter().map(entry).collect()
}

fn overlay(values: &mut BTreeMap<String, Value>, name: &str, text: &str, problems: &mut Problems) {
    let Some(path) = name.strip_prefix(PREFIX).filter(|_| !NOT_KEYS.contains(&name)) else {
        return;
    };
    let place = Place::Variable(name.to_owned());
    let mut steps: Vec<&str> = path.split("__").collect();
    let Some(last) = steps.pop().filter(|last| !last.is_empty() && steps.iter().all(|s| !s.is_empty())) else {
        return problems.error(&place, "this names no key; sections are divided by two underscores");
    };
    let mut values = values;
    for step in steps {
        let key = spelling(values, step);
        let fresh = || Value { node: Node::Table(BTreeMap::new()), place: place.clone() };
        let value = values.entry(key).or_insert_with(fresh);
        if !matches!(value.node, Node::Table(_)) {
            *value = fresh();
        }
        let Node::Table(inner) = &mut value.node else { unreachable!("it was just made one") };
        values = inner;
    }
    values.insert(spelling(values, last), Value { node: Node::Text(text.to_owned()), place });
}

/// The key as the file spells it, whose case a variable does not show; else in lower case.
fn spelling(values: &BTreeMap<String, Value>, step: &str) -> String {
    let same = values.keys().find(|key| key.eq_ignore_ascii_case(step));
    same.cloned().unwrap_or_else(|| step.to_ascii_lowercase())
}

impl Value {
    pub(super) fn kind(&self) -> &'static str {
        match &self.node {
            Node::Text(_) => "text",
            Node::Integer(_) => "an integer",
            Node::Boolean(_) => "true or false",
            Node::Texts(_) => "a list",
            Node::Table(_) => "a table",
            Node::Other(kind) => kind,
        }
    }

    fn variable(&self) -> bool {
        matches!(self.place, Place::Variable(_))
    }
}

impl Section {
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// `sources.main.url`
    pub(super) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.values.remove(key)
    }

    pub(super) fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<(String, Place)> {
        let value = self.take(key)?;
        match value.node {
            Node::Text(text) => Some((text, value.place)),
            _ => {
                let what = format!("`{}` must be text in quotes, not {}", self.name(key), value.kind());
                problems.error(&value.place, what);
                None
            }
        }
    }

    /// Text that has to be there.
    pub(super) fn required(&mut self, key: &'static str, problems: &mut Problems) -> Option<(String, Place)> {
        if !self.values.contains_key(key) {
            self.known.push(key);
            problems.error(&self.place, format_args!("`{}` is missing", self.name(key)));
            return None;
        }
        self.text(key, problems)
    }

    pub(super) fn boolean(&mut self, key: &'static str, problems: &mut Problems) -> Option<bool> {
        let value = self.take(key)?;
        match &value.node {
            Node::Boolean(yes) => Some(*yes),
            Node::Text(text) if value.variable() && text == "true" => Some(true),
            Node::Text(text) if value.variable() && text == "false" => Some(false),
            _ => {
                problems.error(&value.place, format_args!("`{}` must be true or false", self.name(key)));
                None
            }
        }
    }

    /// A list of texts, each with its place; in a variable they are divided by commas.
    pub(super) fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Vec<(String, Place)> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let texts = match &value.node {
            Node::Texts(texts) => texts.clone(),
            Node::Text(text) if value.variable() => {
                text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
            }
            _ => {
                let what = format!("`{}` must be a list of texts, not {}", self.name(key), value.kind());
                problems.error(&value.place, what);
                Vec::new()
            }
        };
        texts.into_iter().map(|text| (text, value.place.clone())).collect()
    }

    /// The same, where one text needs no list.
    pub(super) fn one_or_more(&mut self, key: &'static str, problems: &mut Problems) -> Vec<(String, Place)> {
        match self.values.get(key) {
            Some(Value { node: Node::Text(_), place: Place::Line { .. } }) => {
                self.text(key, problems).into_iter().collect()
            }
            _ => self.texts(key, problems),
        }
    }

    /// `"250ms"`, `"10s"`, `"5m"`, `"1h"`; more than nothing.
    pub(super) fn duration(&mut self, key: &'static str, problems: &mut Problems) -> Option<Duration> {
        let (text, place) = self.text(key, problems)?;
        let parsed = parse_duration(&text).filter(|duration| !duration.is_zero());
        if parsed.is_none() {
            let what = format!("`{}` = {text:?} is no duration; write \"250ms\", \"10s\" or \"5m\"", self.name(key));
            problems.error(&place, what);
        }
        parsed
    }

    /// A table inside; empty if it is not there.
    pub(super) fn section(&mut self, key: &'static str, problems: &mut Problems) -> Self {
        let path = self.name(key);
        match self.take(key) {
            Some(value) => Self::from_value(path, value, problems),
            None => Self { path, place: self.place.clone(), values: BTreeMap::new(), known: Vec::new() },
        }
    }

    /// A table inside, which means something by being there.
    pub(super) fn optional(&mut self, key: &'static str, problems: &mut Problems) -> Option<Self> {
        let path = self.name(key);
        self.take(key).map(|value| Self::from_value(path, value, problems))
    }

    /// Every key with a table, for sections whose keys are names.
    pub(super) fn sections(mut self, problems: &mut Problems) -> Vec<(String, Self)> {
        let values = std::mem::take(&mut self.values);
        let section = |(key, value): (String, Value)| {
            let path = self.name(&key);
            (key, Self::from_value(path, value, problems))
        };
        values.into_iter().map(section).collect()
    }

    /// Every key with its whole name and its value, for sections whose keys are names of something.
    pub(super) fn entries(mut self) -> Vec<(String, String, Value)> {
        let values = std::mem::take(&mut self.values);
        values.into_iter().map(|(key, value)| (key.clone(), self.name(&key), value)).collect()
    }

    /// Every key with its integer, for sections that are read by another's type.
    pub(super) fn integers(mut self, problems: &mut Problems) -> Vec<(String, i64, Place)> {
        let values = std::mem::take(&mut self.values);
        let mut integers = Vec::new();
        for (key, value) in values {
            let number = match &value.node {
                Node::Integer(number) => Some(*number),
                Node::Text(text) if value.variable() => text.trim().parse().ok(),
                _ => None,
            };
            match number {
                Some(number) => integers.push((key, number, value.place)),
                None => problems.error(&value.place, format_args!("`{}` must be an integer", self.name(&key))),
            }
        }
        integers
    }

    pub(super) fn from_value(path: String, value: Value, problems: &mut Problems) -> Self {
        let kind = value.kind();
        let values = match value.node {
            Node::Table(values) => values,
            _ => {
                problems.error(&value.place, format_args!("`{path}` must be a section, not {kind}"));
                BTreeMap::new()
            }
        };
        Self { path, place: value.place, values, known: Vec::new() }
    }

    /// Reports the keys that nobody knows, with what may have been meant.
    pub(super) fn end(self, problems: &mut Problems) {
        for (key, value) in &self.values {
            unknown(&self.name(key), key, value, self.known.iter().copied(), self.path.is_empty(), problems);
        }
    }
}

fn unknown<'a>(
    name: &str,
    key: &str,
    value: &Value,
    known: impl Iterator<Item = &'a str> + Clone,
    top: bool,
    problems: &mut Problems,
) {
    let hint = match nearest(key, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", known.collect::<Vec<_>>().join(", ")),
    };
    // An orchestrator sets variables by the name of a service, `TURNTABLE_PORT` among them.
    let foreign = top && matches!(&value.place, Place::Variable(variable) if !variable.contains("__"));
    if foreign {
        problems.warning(&value.place, format_args!("ignored, there is no key `{name}`; {hint}"));
    } else {
        problems.error(&value.place, format_args!("there is no key `{name}`; {hint}"));
    }
}

/// Names that are near, for keys that another's type knows.
pub(super) fn unknown_key(section: &str, key: &str, place: &Place, known: &[String], problems: &mut Problems) {
    let value = Value { node: Node::Other(""), place: place.clone() };
    unknown(&format!("{section}.{key}"), key, &value, known.iter().map(String::as_str), false, problems);
}

fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, millis: Option<u64>| {
            assert_eq!(parse_duration(text).map(|d| d.as_millis() as u64), millis, "{text}");
        };
        check("250ms", Some(250));
        check("10s", Some(10_000));
        check("5 m", Some(300_000));
        check("2h", Some(7_200_000));
        check("10", None);
        check("-1s", None);
        check("1.5s", None);
        check("99999999999999999999s", None);
        check("18446744073709551615h", None);
    }
}
