//! YAML as a tree with places. A narrow YAML: one document, no anchors, no tags, no key twice; scalars keep their
//! text, whatever YAML would make of it (`no`, `1.0`), since what they mean depends on where they stand.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::fault::{Fault, Place};

/// Deeper than any mapping goes; it bounds the recursion here.
const MAX_DEPTH: usize = 16;

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Without quotes: a word such as `true` or a number only counts as one so.
    pub(crate) plain: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) key: String,
    pub(crate) node: Node,
}

/// The one document of a text.
pub(crate) fn parse(text: &str) -> Result<Node, Fault> {
    let mut builder = Builder { parser: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) };
    loop {
        match builder.next()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (Event::StreamEnd, span) => return Err(Fault::new(place(&span.start), "the file is empty")),
            (event, span) => {
                let node = builder.node(event, span, 0)?;
                return builder.end().map(|()| node);
            }
        }
    }
}

struct Builder<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let hint = "in { } and [ ], text that has [ ] { } , or \": \" stands in quotes";
                Err(Fault::new(place(error.marker()), format!("this is no YAML: {}", error.info()))
                    .hint(error.info().contains("flow").then(|| hint.to_owned())))
            }
            None => Err(Fault::new(Place::default(), "the file ends too early")),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Fault> {
        let place = place(&span.start);
        if depth == MAX_DEPTH {
            return Err(Fault::new(place, "this is nested too deeply for a mapping"));
        }
        let value = match event {
            Event::Alias(_)
            | Event::Scalar(_, _, 1.., _)
            | Event::SequenceStart(1.., _)
            | Event::MappingStart(1.., _) => {
                return Err(Fault::new(place, "a mapping has no anchors and aliases (& and *)")
                    .hint("name a set of options and use it by its name".to_owned()));
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(Fault::new(place, "a mapping has no tags (!)"));
            }
            Event::Scalar(text, style, ..) => {
                Value::Scalar(Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain })
            }
            Event::SequenceStart(..) => Value::List(self.list(depth)?),
            Event::MappingStart(..) => Value::Map(self.map(depth)?),
            _ => return Err(Fault::new(place, "the file ends too early")),
        };
        Ok(Node { place, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                next => next,
            };
            let Node { place, value: Value::Scalar(Scalar { text: key, .. }) } = self.node(event, span, depth + 1)?
            else {
                return Err(Fault::new(place(&span.start), "a key is a word, not a list or a map"));
            };
            if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                return Err(Fault::new(place, format!("{key} is given twice, first in line {}", first.place.line)));
            }
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            entries.push(Entry { place, key, node });
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (_, span) => return Err(Fault::new(place(&span.start), "a file holds one document, one mapping")),
            }
        }
    }
}

fn place(marker: &Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}
