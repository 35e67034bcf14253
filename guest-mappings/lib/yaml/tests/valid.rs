//! What editors say by the schema, a JSON Schema validator says here: the shipped mappings are right, and common
//! mistakes are none. The reader agrees.

use std::fs;
use std::path::Path;

use boon::{Compiler, SchemaIndex, Schemas};
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../mapping.schema.json");

/// One of everything that the mistakes below are made in.
const RIGHT: &str = "\
mapping: flag
version: 0.1.0
options:
  status:
    active: {935000000: Active}
tables:
  tt_flag:
    set: tt_flags
    label: Flag
    description: A warning about somebody.
    resource: Flag
    columns:
      tt_flagid: {key: true, label: Flag}
      tt_warning: {text: code.text, label: Warning, max: 200}
      tt_status: {choice: status, options: status, label: Status}
      tt_subject: {lookup: subject, to: {contacts: Patient}, label: Subject, search: {reference: subject}}
";

/// What is wrong, the text that is right, and the mistake in its place.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("no name", "mapping: flag\n", ""),
    ("no version", "version: 0.1.0\n", ""),
    ("no tables", "tables:\n", "table:\n"),
    ("a name that is none", "mapping: flag\n", "mapping: Flag of ours\n"),
    ("a version that is none", "version: 0.1.0", "version: 1"),
    ("a mistyped key of the mapping", "options:\n", "option:\n"),
    ("a mistyped key of a table", "label: Flag\n", "lable: Flag\n"),
    ("no entity set", "    set: tt_flags\n", ""),
    ("no source", "    resource: Flag\n", ""),
    ("no columns", "    columns:\n", "    colums:\n"),
    ("a table's name that is none", "  tt_flag:\n", "  Flag:\n"),
    ("a mistyped key of a column", "max: 200", "maximum: 200"),
    ("a kind that there is not", "text: code.text", "string: code.text"),
    ("two kinds", "text: code.text", "text: code.text, uri: code.text"),
    ("no kind", "text: code.text, ", ""),
    ("a column without a label", ", label: Warning", ""),
    ("a number that is none", "max: 200", "max: long"),
    ("a number in quotes", "max: 200", "max: '200'"),
    ("a flag that is none", "max: 200", "required: yes"),
    ("a list for a path", "text: code.text", "text: [code, text]"),
    ("a key that is not true", "key: true", "key: id"),
    ("an option that is no number", "{935000000: Active}", "{first: Active}"),
    ("a lookup to no resource type", "{contacts: Patient}", "{contacts: patient}"),
    ("a search that there is not", "{reference: subject}", "{references: subject}"),
    ("a mistyped key of a search", "{reference: subject}", "{reference: subject, supersets: true}"),
    ("a list of columns", "      tt_flagid:", "      - tt_flagid:"),
];

#[test]
fn the_shipped_mappings_are_right() {
    let (schemas, schema) = schema();
    let mut seen = 0;
    for folder in
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tables")).expect("guest-mappings/tables")
    {
        let file = folder.expect("an entry").path().join("mapping.yaml");
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let valid = schemas.validate(&value(&text).expect("YAML"), schema).map_err(|error| error.to_string());
        assert_eq!(valid, Ok(()), "{}", file.display());
        seen += 1;
    }
    assert!(seen > 0, "no guest-mappings/tables/*/mapping.yaml");
}

#[test]
fn mistakes_are_refused() {
    let (schemas, schema) = schema();
    let refused = |text: &str| {
        let by_reader = turntable_mapping_yaml::read(text, "mapping.yaml").is_err();
        (value(text).is_none_or(|value| schemas.validate(&value, schema).is_err()), by_reader)
    };
    assert_eq!(refused(RIGHT), (false, false));
    for (what, from, to) in MISTAKES {
        assert!(RIGHT.contains(from), "{what}: no {from}");
        assert_eq!(refused(&RIGHT.replacen(from, to, 1)), (true, true), "{what}: by the schema, by the reader");
    }
}

fn schema() -> (Schemas, SchemaIndex) {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("mapping.schema.json", serde_json::from_str(SCHEMA).expect("JSON")).expect("a name");
    let schema = compiler.compile("mapping.schema.json", &mut schemas).expect("a schema");
    (schemas, schema)
}

/// A document as an editor sees it, by YAML's core schema. None if it is no YAML.
fn value(text: &str) -> Option<Value> {
    let mut parser = Parser::new_from_str(text);
    loop {
        match parser.next_event()?.ok()?.0 {
            Event::StreamStart | Event::DocumentStart(_) => {}
            event => return node(event, &mut parser),
        }
    }
}

fn node(event: Event<'_>, parser: &mut Parser<'_, StrInput<'_>>) -> Option<Value> {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => Some(match &*text {
            "" | "~" | "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => match serde_json::from_str(text) {
                Ok(number @ Value::Number(_)) => number,
                _ => text.into(),
            },
        }),
        Event::Scalar(text, ..) => Some(Value::String(text.into_owned())),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match parser.next_event()?.ok()?.0 {
                    Event::SequenceEnd => return Some(Value::Array(items)),
                    event => items.push(node(event, parser)?),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut members = serde_json::Map::new();
            loop {
                let Event::Scalar(key, ..) = parser.next_event()?.ok()?.0 else { return Some(Value::Object(members)) };
                let event = parser.next_event()?.ok()?.0;
                members.insert(key.into_owned(), node(event, parser)?);
            }
        }
        _ => None,
    }
}
