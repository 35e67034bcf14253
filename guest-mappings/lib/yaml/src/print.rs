//! From a mapping to the text that [`read`](crate::read) makes it of.
//!
//! What code does has no form in YAML, and a few things that Rust lets one say have none either: they are named, never
//! dropped in silence.

use std::collections::HashSet;
use std::fmt::{self, Write};

use turntable_mapping::bindings::exports::turntable::mapping::schema::SearchKind;
use turntable_mapping::tools::{Access, Concept, Kind};
use turntable_mapping::{self as sdk, Code, Column, Mapping, Search, Source, Table};

use crate::keys::{MODIFIERS, SEARCH_MODIFIERS};
use crate::options::predefined;

/// Something of a mapping that YAML cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaid {
    pub table: &'static str,
    /// None for what is of the table as a whole.
    pub column: Option<&'static str>,
    pub reason: String,
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.column.map(|column| format!(".{column}")).unwrap_or_default();
        write!(f, "{}{column}: {}", self.table, self.reason)
    }
}

/// The mapping in YAML; read again it describes the same.
///
/// # Errors
/// All that YAML cannot say, in the order of the mapping.
pub fn to_yaml(mapping: &Mapping) -> Result<String, Vec<Unsaid>> {
    let (text, unsaid) = to_yaml_in_part(mapping);
    if unsaid.is_empty() { Ok(text) } else { Err(unsaid) }
}

/// The mapping in YAML without what YAML cannot say: columns, and functions of a table; these are listed, in the order
/// of the mapping. A table whose name column is left out is named by its first text.
pub fn to_yaml_in_part(mapping: &Mapping) -> (String, Vec<Unsaid>) {
    let mut printer = Printer::default();
    let mut tables = String::new();
    for (index, table) in mapping.tables.iter().enumerate() {
        printer.table(table, &mapping.tables[..index], &mut tables);
    }
    let mut text = format!("mapping: {}\nversion: {}\n", scalar(mapping.name), scalar(mapping.version));
    if !printer.sets.is_empty() {
        text.push_str("options:\n");
        for (name, options) in &printer.sets {
            let _ = writeln!(text, "  {name}:");
            for option in *options {
                let system = option.system.map(|system| format!(", system: {}", scalar(system))).unwrap_or_default();
                let _ = writeln!(
                    text,
                    "    {}: {{{}: {}{system}}}",
                    scalar(option.code),
                    option.value,
                    scalar(option.label)
                );
            }
        }
    }
    (format!("{text}tables:\n{tables}"), printer.unsaid)
}

#[derive(Default)]
struct Printer {
    /// Sets of options by the names that columns use them by.
    sets: Vec<(String, &'static [Code])>,
    unsaid: Vec<Unsaid>,
}

impl Printer {
    fn table(&mut self, table: &Table, above: &[Table], out: &mut String) {
        for (hook, name) in [(table.before_write.is_some(), "before_write"), (table.after_read.is_some(), "after_read")]
        {
            if hook {
                let reason = format!("{name} is code");
                self.unsaid.push(Unsaid { table: table.name, column: None, reason });
            }
        }
        let mut columns = String::new();
        let mut said = Vec::new();
        for column in table.columns {
            let sets = self.sets.len();
            match self.column(column) {
                Ok(line) => {
                    said.push(column);
                    let _ = writeln!(columns, "      {}: {{{line}}}", column.name);
                }
                Err(reason) => {
                    // A set that no column uses is a fault.
                    self.sets.truncate(sets);
                    self.unsaid.push(Unsaid { table: table.name, column: Some(column.name), reason });
                }
            }
        }
        let is_said = |name: &str| said.iter().any(|column| column.name == name);
        let _ = write!(out, "  {}:\n    set: {}\n", table.name, table.entity_set);
        let _ = writeln!(out, "    label: {}\n    description: {}", scalar(table.label), scalar(table.description));
        if let Some((parent, path)) = &table.parent {
            let (above, column, element) = (parent.table, parent.column, scalar(path.text()));
            let _ = writeln!(out, "    parent: {{table: {above}, column: {column}, element: {element}}}");
        }
        sources(table, above, out);
        if is_said(table.primary_name) && default_name(&said) != Some(table.primary_name) {
            let _ = writeln!(out, "    name: {}", table.primary_name);
        }
        if let Some(version) = table.version.filter(|version| is_said(version)) {
            let _ = writeln!(out, "    version: {version}");
        }
        if table.read_only {
            out.push_str("    read_only: true\n");
        }
        let _ = write!(out, "    columns:\n{columns}");
    }

    /// What stands between the braces of a column, or why there is nothing that could.
    fn column(&mut self, column: &Column) -> Result<String, String> {
        let code = [(column.read_with.is_some(), "read_with"), (column.write_with.is_some(), "write_with")];
        let code: Vec<_> = code.into_iter().filter(|(there, _)| *there).map(|(_, name)| name).collect();
        if !code.is_empty() {
            return Err(format!("{} is code", code.join(" and ")));
        }
        let kind = kind(&column.kind);
        let mut line = match column.kind {
            Kind::Key => "key: true".to_owned(),
            Kind::Constant(options, value) => {
                format!("constant: {}, options: {}", scalar(value), self.set(column.name, options)?)
            }
            Kind::Choice(options) => {
                format!("choice: {}, options: {}", scalar(column.path.text()), self.set(column.name, options)?)
            }
            Kind::Lookup(targets) => format!("lookup: {}, to: {}", scalar(column.path.text()), to(targets)?),
            _ => format!("{kind}: {}", scalar(column.path.text())),
        };
        let _ = write!(line, ", label: {}", scalar(column.label));
        let text = |text: Option<&str>| text.map(scalar);
        let flag = |set: bool| set.then(|| "true".to_owned());
        let access = |access| flag(column.access == access && column.own_access() != access);
        let modifiers = [
            ("system", text(column.system)),
            ("value_set", text(column.value_set)),
            ("open", flag(column.open)),
            ("max", column.max.map(|max| max.to_string())),
            ("multi_line", flag(column.multi_line)),
            ("scale", column.scale.map(|scale| format!("[{}, {scale}]", column.precision))),
            ("required", flag(column.required)),
            ("derived", access(Access::ReadOnly)),
            ("create_only", access(Access::CreateOnly)),
            ("only", text(column.only)),
            ("description", text(Some(column.description).filter(|text| !text.is_empty()))),
        ];
        for (name, value) in modifiers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            let goes = MODIFIERS.iter().any(|(own, with)| *own == name && (with.is_empty() || with.contains(&kind)));
            if !goes {
                return Err(format!("{name} does not go with {kind}"));
            }
            let _ = write!(line, ", {name}: {value}");
        }
        let searches: Vec<_> = column.searches().map(search).collect::<Result<_, _>>()?;
        match &searches[..] {
            [] => {}
            [one] => drop(write!(line, ", search: {one}")),
            several => drop(write!(line, ", search: [{}]", several.join(", "))),
        }
        Ok(line)
    }

    /// The name of a set of options, which is that of the first column that uses it.
    fn set(&mut self, column: &str, options: &'static [Code]) -> Result<String, String> {
        if options.is_empty() {
            return Err("there is no set without options".to_owned());
        }
        let (mut codes, mut values) = (HashSet::new(), HashSet::new());
        if !options.iter().all(|option| codes.insert(option.code) && values.insert(option.value)) {
            return Err("two of its options have one code or one number".to_owned());
        }
        if let Some((name, _)) = predefined().into_iter().find(|(_, own)| *own == options) {
            return Ok(name.to_owned());
        }
        if let Some((name, _)) = self.sets.iter().find(|(_, own)| *own == options) {
            return Ok(name.clone());
        }
        let mut name = column.to_owned();
        while self.sets.iter().any(|(other, _)| *other == name) || predefined().iter().any(|(other, _)| *other == name)
        {
            name.push_str("_2");
        }
        self.sets.push((name.clone(), options));
        Ok(name)
    }
}

/// One source that says no more than its type is `resource`; a child table has its parent's unless it says others.
fn sources(table: &Table, above: &[Table], out: &mut String) {
    let is_plain = |source: &Source| {
        let Source { when, profiles, fixed, includes, .. } = source;
        when.is_none()
            && [profiles, includes].into_iter().flatten().all(Option::is_none)
            && fixed.iter().all(Option::is_none)
    };
    let parent = table.parent.and_then(|(parent, _)| above.iter().find(|other| other.name == parent.table));
    let types = |table: &Table| table.sources().map(|source| source.resource_type).collect::<Vec<_>>();
    if parent.is_some_and(|parent| types(parent) == types(table)) && table.sources().all(is_plain) {
        return;
    }
    if let [Some(one), None, ..] = &table.sources
        && is_plain(one)
    {
        let _ = writeln!(out, "    resource: {}", one.resource_type);
        return;
    }
    out.push_str("    sources:\n");
    for source in table.sources() {
        let mut line = format!("resource: {}", source.resource_type);
        if let Some((column, code)) = source.when {
            let _ = write!(line, ", when: {{{column}: {}}}", scalar(code));
        }
        let texts = |texts: &[Option<&str>]| texts.iter().flatten().map(|text| scalar(text)).collect::<Vec<_>>();
        let fixed = source.fixed.iter().flatten().map(|(name, value)| format!("{}: {}", scalar(name), scalar(value)));
        let lists = [
            ("profiles", texts(&source.profiles), ["[", "]"]),
            ("fixed", fixed.collect(), ["{", "}"]),
            ("includes", texts(&source.includes), ["[", "]"]),
        ];
        for (name, items, [open, close]) in lists.into_iter().filter(|(_, items, _)| !items.is_empty()) {
            let _ = write!(line, ", {name}: {open}{}{close}", items.join(", "));
        }
        let _ = writeln!(out, "      - {{{line}}}");
    }
}

/// The name column of a table that names none.
fn default_name(columns: &[&Column]) -> Option<&'static str> {
    let text = columns.iter().find(|column| matches!(column.kind, Kind::Text));
    text.or(columns.first()).map(|column| column.name)
}

fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Key => "key",
        Kind::Text => "text",
        Kind::Boolean => "boolean",
        Kind::Int => "int",
        Kind::Long => "long",
        Kind::Decimal => "decimal",
        Kind::Date => "date",
        Kind::DateTime => "date_time",
        Kind::PartialDate => "partial_date",
        Kind::Uri => "uri",
        Kind::Json => "json",
        Kind::Choice(_) => "choice",
        Kind::Constant(..) => "constant",
        Kind::Lookup(_) => "lookup",
        Kind::Concept(Concept::CodeableConcept) => "concept",
        Kind::Concept(Concept::Coding) => "coding",
        Kind::Concept(Concept::Quantity) => "quantity_code",
        Kind::Concept(Concept::Code) => "code_concept",
    }
}

/// Targets by entity set, each set once.
fn to(targets: &[(&str, &str)]) -> Result<String, String> {
    let mut sets: Vec<(&str, Vec<&str>)> = Vec::new();
    for (at, (set, kind)) in targets.iter().enumerate() {
        if targets[..at].iter().any(|(_, other)| other == kind) {
            return Err(format!("{kind} is in two tables"));
        }
        let place = sets.iter().position(|(other, _)| other == set);
        match place {
            Some(place) if place + 1 == sets.len() => sets[place].1.push(kind),
            Some(_) => return Err(format!("the targets in {set} do not stand together")),
            None => sets.push((set, vec![kind])),
        }
    }
    let sets = sets.iter().map(|(set, kinds)| match &kinds[..] {
        [one] => format!("{set}: {one}"),
        several => format!("{set}: [{}]", several.join(", ")),
    });
    Ok(format!("{{{}}}", sets.collect::<Vec<_>>().join(", ")))
}

/// A search as its preset and modifiers: the fewest that make it again.
fn search(search: &Search) -> Result<String, String> {
    let (kind, preset): (&str, fn(&'static str) -> Search) = match search.kind {
        SearchKind::Token => ("token", sdk::token),
        SearchKind::Reference => ("reference", sdk::reference),
        SearchKind::String => ("string", sdk::string),
        SearchKind::Number => ("number", sdk::number),
        SearchKind::Quantity => ("quantity", sdk::quantity),
        SearchKind::Date => ("date", sdk::by_date),
        SearchKind::Uri => ("uri", sdk::by_uri),
    };
    type Flag = (&'static str, fn(Search) -> Search);
    // In the order that the reader applies them in.
    const FLAGS: [Flag; 6] = [
        ("superset", Search::superset),
        ("partial", Search::partial),
        ("contains", Search::contains),
        ("missing", Search::missing),
        ("sorted", Search::sorted),
        ("sort_guaranteed", Search::sort_guaranteed),
    ];
    let set = |flags: u8| (0..).zip(FLAGS).filter(move |(at, _)| flags >> at & 1 == 1).map(|(_, flag)| flag);
    let mut choices: Vec<u8> = (0..1 << FLAGS.len()).collect();
    choices.sort_by_key(|flags| flags.count_ones());
    let made = choices.into_iter().find(|flags| {
        let mut made = set(*flags).fold(preset(search.param), |made, (_, apply)| apply(made));
        made = search.only.map_or(made, |only| made.only(only));
        made = search.template.map_or(made, |template| made.template(template));
        made == *search
    });
    let made = made.ok_or_else(|| format!("its search by {} is none that modifiers make", search.param))?;
    let mut line = format!("{kind}: {}", scalar(search.param));
    for (name, _) in set(made) {
        let _ = write!(line, ", {name}: true");
    }
    for (name, value) in [("only", search.only), ("template", search.template)] {
        debug_assert!(SEARCH_MODIFIERS.contains(&name), "the reader knows it");
        if let Some(value) = value {
            let _ = write!(line, ", {name}: {}", scalar(value));
        }
    }
    Ok(format!("{{{line}}}"))
}

/// A text as YAML has it inside of `{ }`: plain where nothing in it means anything there, else in quotes.
fn scalar(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-' | '/' | '(' | ')' | ' ');
    if text.starts_with(char::is_alphanumeric) && !text.ends_with(' ') && text.chars().all(is_plain) {
        return text.to_owned();
    }
    if !text.contains(|letter: char| letter.is_control() || matches!(letter, '\u{feff}' | '\u{2028}' | '\u{2029}')) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() || matches!(letter, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{self, Value};

    #[test]
    fn every_text_is_read_as_it_was() {
        for text in [
            "",
            "plain words",
            "true",
            "- a",
            "a: b",
            "it's",
            "x #y",
            "{a}",
            "[0], b",
            "trailing ",
            " leading",
            "tab\tand\nline",
            "\"quoted\" \\ back",
            "é😀\u{7f}\u{85}\u{2028}",
            "'",
            "|",
            "name.where(use='official' and rank=1).text | name[0].text",
            "http://loinc.org|{}",
            "~",
            "0x1",
            "?",
        ] {
            let root = node::parse(&format!("{{a: {}}}", scalar(text))).expect("it is YAML");
            let Value::Map(entries) = root.value else { panic!("a map") };
            let Value::Scalar(scalar) = &entries[0].node.value else { panic!("a text: {text}") };
            assert_eq!(scalar.text, text);
        }
    }
}
