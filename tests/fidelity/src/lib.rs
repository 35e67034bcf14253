//! Reads the fidelity cases: one trap each, in the text format that `README.md` beside this crate describes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::{Map, Value};

/// One trap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    /// The file it stands in, and the line.
    pub place: String,
    pub name: String,
    /// What can go wrong, in a sentence.
    pub about: String,
    pub table: String,
    /// The key of the row that is meant, where a resource gives several.
    pub key: Option<String>,
    /// The resource, byte by byte; none where a row is created.
    pub input: Option<String>,
    /// Cells of the row as it is read; columns that are not here are not looked at.
    pub row: Option<Cells>,
    /// What the reader has to warn of, by column.
    pub warned: Vec<String>,
    /// The resource gives no row but an error.
    pub unreadable: bool,
    pub write: Option<Write>,
}

/// A change to the row, and what becomes of the resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    pub operation: Operation,
    pub set: Cells,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The resource, byte by byte.
    Resource(String),
    /// Not one byte changes.
    Same,
    /// The change is refused because of this column.
    Refused(String),
}

/// Column and cell text; `None` is null.
pub type Cells = Vec<(String, Option<String>)>;

/// All cases of this repository.
pub fn cases() -> io::Result<Vec<Case>> {
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        cases.extend(parse(&name, &fs::read_to_string(&file)?).map_err(io::Error::other)?);
    }
    let mut names = BTreeSet::new();
    match cases.iter().find(|case| !names.insert(&case.name)) {
        Some(twice) => Err(io::Error::other(format!("{}: the name {} is taken", twice.place, twice.name))),
        None => Ok(cases),
    }
}

/// The cases of one file. The error says file, line and what is wrong there.
pub fn parse(file: &str, text: &str) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let wrong = |what: &str| format!("{file}:{number}: {what}");
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word.is_empty() || word == "#" {
            continue;
        }
        if word == "case" {
            cases.push(Case { place: format!("{file}:{number}"), name: rest.to_owned(), ..Case::default() });
            continue;
        }
        let case = cases.last_mut().ok_or_else(|| wrong("expected `case NAME` first"))?;
        match word {
            "about" => case.about = rest.to_owned(),
            "table" => case.table = rest.to_owned(),
            "key" => case.key = Some(rest.to_owned()),
            "in" => append(case.input.get_or_insert_default(), rest),
            "row" => case.row = Some(cells(rest).ok_or_else(|| wrong("a row is a JSON object of texts and nulls"))?),
            "warn" => case.warned.push(rest.to_owned()),
            "unreadable" => case.unreadable = true,
            "create" | "set" | "delete" => {
                let operation = match word {
                    "create" => Operation::Create,
                    "set" => Operation::Update,
                    _ => Operation::Delete,
                };
                let set = if rest.is_empty() { Some(Cells::new()) } else { cells(rest) };
                let set = set.ok_or_else(|| wrong("a change is a JSON object of texts and nulls"))?;
                case.write = Some(Write { operation, set, outcome: Outcome::Same });
            }
            "out" | "same" | "refuse" => {
                let write = case.write.as_mut().ok_or_else(|| wrong("an outcome follows a change"))?;
                match (word, &mut write.outcome) {
                    ("out", Outcome::Resource(text)) => append(text, rest),
                    ("out", outcome) => *outcome = Outcome::Resource(rest.to_owned()),
                    ("refuse", outcome) => *outcome = Outcome::Refused(rest.to_owned()),
                    (_, outcome) => *outcome = Outcome::Same,
                }
            }
            _ => return Err(wrong("no line begins with this word")),
        }
    }
    Ok(cases)
}

/// Lines of a resource belong together.
fn append(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

fn cells(text: &str) -> Option<Cells> {
    let object: Map<String, Value> = serde_json::from_str(text).ok()?;
    let cell = |(column, value)| match value {
        Value::Null => Some((column, None)),
        Value::String(text) => Some((column, Some(text))),
        _ => None,
    };
    object.into_iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_read_byte_by_byte() {
        let text = "# heading\n\ncase a\nabout x\ntable t\nkey k/0\nin {\nin   \"b\": 1.0 }\nrow {\"c\": \"1.0\", \"d\": null}\nwarn c\nset {\"c\": \"2\"}\nout {}\ncase b\ntable t\ncreate {}\nrefuse c\n";
        let cases = parse("f", text).expect("well-formed");
        assert_eq!(cases.len(), 2);
        let write = Write {
            operation: Operation::Update,
            set: vec![("c".into(), Some("2".into()))],
            outcome: Outcome::Resource("{}".into()),
        };
        let first = Case {
            place: "f:3".into(),
            name: "a".into(),
            about: "x".into(),
            table: "t".into(),
            key: Some("k/0".into()),
            input: Some("{\n  \"b\": 1.0 }".into()),
            row: Some(vec![("c".into(), Some("1.0".into())), ("d".into(), None)]),
            warned: vec!["c".into()],
            unreadable: false,
            write: Some(write),
        };
        assert_eq!(cases[0], first);
        assert_eq!(cases[1].write.as_ref().map(|write| &write.outcome), Some(&Outcome::Refused("c".into())));
        for (wrong, message) in [
            ("in {}", "f:1: expected `case NAME` first"),
            ("case a\nrow []", "f:2: a row is a JSON object of texts and nulls"),
            ("case a\nout {}", "f:2: an outcome follows a change"),
            ("case a\nrows {}", "f:2: no line begins with this word"),
        ] {
            assert_eq!(parse("f", wrong), Err(message.to_owned()));
        }
    }
}
