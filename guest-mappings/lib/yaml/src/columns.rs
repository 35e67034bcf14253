//! Columns: one kind with its path, and modifiers.

use turntable_mapping::{self as sdk, Column, Path, Search};

use crate::fault::{Fault, Place};
use crate::fields::{Faults, Fields, entries, keep, name, number, one_or_more, text};
use crate::keys::{KINDS, MODIFIERS, SEARCH_KINDS, SEARCH_MODIFIERS};
use crate::nearest::did_you_mean;
use crate::node::{Entry, Node, Value};
use crate::options::{OptionSet, OptionSets};

/// What the columns of a table are read with.
pub(crate) struct Columns<'r> {
    /// Resource types of the table's sources.
    pub(crate) types: &'r [&'static str],
    /// A row is an element, which `$this` names.
    pub(crate) is_child: bool,
    pub(crate) options: &'r mut OptionSets,
    pub(crate) faults: &'r mut Faults,
}

/// A column as it is read.
pub(crate) struct Made {
    pub(crate) column: Column,
    pub(crate) name: &'static str,
    pub(crate) is_key: bool,
    /// Of a constant.
    pub(crate) constant: Option<OptionSet>,
}

impl Columns<'_> {
    /// The column of an entry `name: {kind: path, …}`; none where what it is cannot be told.
    pub(crate) fn column(&mut self, entry: &Entry) -> Option<Made> {
        let name = name(&entry.key, entry.place, "a column", self.faults);
        let known: Vec<_> = KINDS.iter().copied().chain(MODIFIERS.iter().map(|(name, _)| *name)).collect();
        let fields = Fields::new(&entry.node, "a column", &known, self.faults)?;
        let label = fields.must_text("label", self.faults);
        let kinds = fields.among(KINDS);
        let Some((kind, others)) = kinds.split_first() else {
            let message = format!("{name} does not say what it is: one of {}", KINDS.join(", "));
            self.faults.push(Fault::new(entry.place, message));
            return None;
        };
        if let Some(other) = others.first() {
            let message = format!("a column is one thing: {name} is {} and {}", kind.key, other.key);
            self.faults.push(Fault::new(other.place, message));
        }
        for (modifier, of) in MODIFIERS {
            if let Some(entry) = fields.entry(modifier).filter(|_| !of.is_empty() && !of.contains(&kind.key.as_str())) {
                let message = format!("{modifier} says nothing about {}; it goes with {}", kind.key, of.join(", "));
                self.faults.push(Fault::new(entry.place, message));
            }
        }
        let is_key = kind.key == "key";
        let constant = (kind.key == "constant").then(|| self.option_set(&fields)).flatten();
        let column = self.kind(kind, name, label.unwrap_or_default(), &fields)?;
        Some(Made { column: self.modify(column, &fields), name, is_key, constant })
    }

    fn kind(&mut self, kind: &Entry, name: &'static str, label: &'static str, fields: &Fields<'_>) -> Option<Column> {
        if kind.key == "key" {
            if !fields.flag("key", self.faults) {
                self.faults.push(Fault::new(kind.node.place, "key: true"));
            }
            return Some(sdk::key(name, label));
        }
        if kind.key == "constant" {
            let value = text(&kind.node, "constant", self.faults)?;
            let set = self.option_set(fields)?;
            if !value.is_empty() && !set.has(value) {
                let message = format!("{value} is none of the options of {name}");
                self.faults.push(Fault::new(kind.node.place, message).hint(set.nearest(value)));
            }
            return Some(sdk::constant(name, label, set.options, value));
        }
        let path = self.path(&kind.node, &kind.key);
        // What depends on other keys is looked at even where the path is wrong.
        let made = match kind.key.as_str() {
            "text" => sdk::text(name, label, path?),
            "boolean" => sdk::boolean(name, label, path?),
            "int" => sdk::int(name, label, path?),
            "long" => sdk::long(name, label, path?),
            "decimal" => sdk::decimal(name, label, path?),
            "date" => sdk::date(name, label, path?),
            "date_time" => sdk::date_time(name, label, path?),
            "partial_date" => sdk::partial_date(name, label, path?),
            "uri" => sdk::uri(name, label, path?),
            "json" => sdk::json(name, label, path?),
            "concept" => sdk::concept(name, label, path?),
            "coding" => sdk::coding(name, label, path?),
            "quantity_code" => sdk::quantity_code(name, label, path?),
            "code_concept" => {
                let system = fields.must_text("system", self.faults);
                sdk::code_concept(name, label, system?, path?)
            }
            "choice" => {
                let set = self.option_set(fields);
                sdk::choice(name, label, set?.options, path?)
            }
            "lookup" => {
                let targets = self.targets(fields);
                sdk::lookup(name, label, targets?, path?)
            }
            other => unreachable!("{other} is no kind of column"),
        };
        Some(made)
    }

    fn modify(&mut self, mut column: Column, fields: &Fields<'_>) -> Column {
        let faults = &mut *self.faults;
        if let Some(description) = fields.text("description", faults) {
            column = column.describe(description);
        }
        if let Some(max) = fields.get("max").and_then(|node| number(node, "max", "a number of characters", faults)) {
            column = column.max(max);
        }
        if let Some((precision, scale)) = fields.get("scale").and_then(|node| digits(node, faults)) {
            column = column.scale(precision, scale);
        }
        if let Some(system) = fields.text("system", faults) {
            column = column.system(system);
        }
        if let Some(url) = fields.text("value_set", faults) {
            column = column.value_set(url);
        }
        if let Some(only) = self.only(fields) {
            column = column.only(only);
        }
        type Flag = (&'static str, fn(Column) -> Column);
        const FLAGS: [Flag; 5] = [
            ("multi_line", |column| column.multi_line()),
            ("required", |column| column.required()),
            ("open", |column| column.open()),
            ("derived", |column| column.derived()),
            ("create_only", |column| column.create_only()),
        ];
        for (key, set) in FLAGS {
            if fields.flag(key, self.faults) {
                column = set(column);
            }
        }
        if let (Some(_), Some(both)) = (fields.get("derived"), fields.entry("create_only")) {
            self.faults.push(Fault::new(both.place, "a derived column is never written, not even on create"));
        }
        if let Some(node) = fields.get("search") {
            let searches = one_or_more(node);
            if searches.len() > MAX_SEARCHES {
                self.faults.push(Fault::new(node.place, "a column has two search parameters at most"));
            }
            let made: Vec<_> = searches.iter().take(MAX_SEARCHES).filter_map(|node| self.search(node)).collect();
            column = made.into_iter().fold(column, Column::search);
        }
        column
    }

    fn search(&mut self, node: &Node) -> Option<Search> {
        let known = [SEARCH_KINDS, SEARCH_MODIFIERS].concat();
        let fields = Fields::new(node, "a search", &known, self.faults)?;
        let kinds = fields.among(SEARCH_KINDS);
        let [kind] = kinds[..] else {
            let message = format!("a search is one of {}, with the parameter's name", SEARCH_KINDS.join(", "));
            self.faults.push(Fault::new(node.place, message));
            return None;
        };
        let parameter = text(&kind.node, &kind.key, self.faults)?;
        let mut search = match kind.key.as_str() {
            "token" => sdk::token(parameter),
            "reference" => sdk::reference(parameter),
            "string" => sdk::string(parameter),
            "number" => sdk::number(parameter),
            "quantity" => sdk::quantity(parameter),
            "date" => sdk::by_date(parameter),
            "uri" => sdk::by_uri(parameter),
            other => unreachable!("{other} is no kind of search"),
        };
        type Flag = (&'static str, fn(Search) -> Search);
        const FLAGS: [Flag; 6] = [
            ("superset", Search::superset),
            ("partial", Search::partial),
            ("contains", Search::contains),
            ("missing", Search::missing),
            ("sorted", Search::sorted),
            ("sort_guaranteed", Search::sort_guaranteed),
        ];
        for (key, set) in FLAGS {
            if fields.flag(key, self.faults) {
                search = set(search);
            }
        }
        if let Some(only) = self.only(&fields) {
            search = search.only(only);
        }
        if let Some(template) = fields.text("template", self.faults) {
            if !template.contains("{}") {
                let place = fields.get("template").map_or(node.place, |node| node.place);
                self.faults.push(Fault::new(place, "a template has {} where the value goes: 'http://loinc.org|{}'"));
            }
            search = search.template(template);
        }
        Some(search)
    }

    /// The resource types that a column or a search is there for: `Patient`, or several with `|` between.
    fn only(&mut self, fields: &Fields<'_>) -> Option<&'static str> {
        let only = fields.text("only", self.faults)?;
        let place = fields.get("only").map_or(fields.place, |node| node.place);
        for kind in only.split('|').filter(|kind| !self.types.contains(kind)) {
            let hint = did_you_mean(kind, self.types.iter().copied());
            let message = format!("no row of the table comes from {kind}; they come from {}", self.types.join(", "));
            self.faults.push(Fault::new(place, message).hint(hint));
        }
        Some(only)
    }

    fn option_set(&mut self, fields: &Fields<'_>) -> Option<OptionSet> {
        let name = fields.must_text("options", self.faults)?;
        let place = fields.get("options").map_or(fields.place, |node| node.place);
        self.options.find(name, place, self.faults)
    }

    /// `to: {contacts: [Patient, RelatedPerson]}` as pairs of entity set and resource type.
    fn targets(&mut self, fields: &Fields<'_>) -> Option<&'static [(&'static str, &'static str)]> {
        let node = fields.must("to", self.faults)?;
        let mut targets: Vec<(&str, &str)> = Vec::new();
        for Entry { place, key, node } in entries(node, "to", self.faults)? {
            let set = name(key, *place, "an entity set", self.faults);
            for kind in one_or_more(node) {
                let Some(resource) = resource_type(kind, self.faults) else { continue };
                if targets.iter().any(|(_, other)| *other == resource) {
                    self.faults.push(Fault::new(kind.place, format!("{resource} is in two tables")));
                }
                targets.push((set, resource));
            }
        }
        if targets.is_empty() {
            self.faults.push(Fault::new(node.place, "a lookup needs a target: {contacts: Patient}"));
            return None;
        }
        Some(Vec::leak(targets))
    }

    /// A path that parses.
    fn path(&mut self, node: &Node, kind: &str) -> Option<&'static str> {
        let path = text(node, kind, self.faults)?;
        match Path::parse(path) {
            Ok(_) if !self.is_child && path.split('|').any(|one| one.trim_start().starts_with("$this")) => {
                let message = "$this is an element, in a child table; in a table of whole resources it is none";
                self.faults.push(Fault::new(node.place, message));
                None
            }
            Ok(_) => Some(path),
            Err(message) => {
                let what = message.strip_prefix("path: ").unwrap_or(message);
                self.faults.push(Fault::new(node.place, format!("the path {path} does not parse: {what}")));
                None
            }
        }
    }
}

/// Search parameters that a column can be bound to; the SDK has room for no more.
const MAX_SEARCHES: usize = 2;

/// `[precision, scale]`.
fn digits(node: &Node, faults: &mut Faults) -> Option<(u8, u8)> {
    const FORM: &str = "two numbers: [digits in all, digits after the point]";
    match &node.value {
        Value::List(items) if items.len() == 2 => {
            Some((number(&items[0], "scale", FORM, faults)?, number(&items[1], "scale", FORM, faults)?))
        }
        _ => {
            faults.push(Fault::new(node.place, format!("scale is {FORM}")));
            None
        }
    }
}

/// The name of a FHIR resource type.
pub(crate) fn resource_type(node: &Node, faults: &mut Faults) -> Option<&'static str> {
    let kind = text(node, "a resource type", faults)?;
    let place: Place = node.place;
    let starts = kind.starts_with(|first: char| first.is_ascii_uppercase());
    if !starts || !kind.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
        faults.push(Fault::new(place, format!("{kind} is no resource type: they are written as in FHIR, Patient")));
    }
    Some(keep(kind))
}
