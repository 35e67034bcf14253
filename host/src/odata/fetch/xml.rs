//! The text of a FetchXML to a tree of elements, each with its place. Nothing is expanded but what XML itself has: the five
//! entities and characters by their number.

use std::fmt::Write as _;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::model::error::Result;
use crate::model::limits::Limits;
use crate::odata::expression::Source;

#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) name: String,
    /// The byte that it begins at.
    pub(super) at: usize,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    /// Without the white space around it.
    pub(super) text: String,
}

/// Refuses a text that is no XML, by its place. Bounds as [`parse`].
pub(crate) fn check(text: &str, target: &str, limits: &Limits) -> Result<()> {
    parse(Source { text, target }, limits).map(drop)
}

/// The root element. `filter_depth` and `filter_nodes` bound how deep elements stand and how many there are.
pub(super) fn parse(source: Source<'_>, limits: &Limits) -> Result<Element> {
    let mut reader = Reader::from_str(source.text);
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    let mut count = 0;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let bad = |message: &str| source.bad(at, message);
        let event = reader.read_event().map_err(|error| bad(&format!("this is no XML: {error},")))?;
        let (start, is_empty) = match event {
            Event::Start(start) => (start, false),
            Event::Empty(start) => (start, true),
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, &mut open, &mut root);
                }
                continue;
            }
            Event::Text(text) => {
                add_text(&text.xml10_content(), open.last_mut(), source, at)?;
                continue;
            }
            Event::CData(text) => {
                add_text(&text.xml10_content(), open.last_mut(), source, at)?;
                continue;
            }
            Event::GeneralRef(reference) => {
                let text = resolved(&reference).ok_or_else(|| bad("there is no such entity"))?;
                add_text(&text, open.last_mut(), source, at)?;
                continue;
            }
            Event::Comment(_) | Event::Decl(_) => continue,
            Event::DocType(_) => return Err(source.unsupported(at, "a document type")),
            Event::PI(_) => return Err(source.unsupported(at, "a processing instruction")),
            Event::Eof => break,
        };
        if root.is_some() {
            return Err(bad("a second element at the top"));
        }
        count += 1;
        if count > limits.filter_nodes {
            let most = limits.filter_nodes;
            return Err(bad(&format!("more than {most} elements (limit `filter_nodes`)")));
        }
        if open.len() >= limits.filter_depth {
            let most = limits.filter_depth;
            return Err(bad(&format!("elements nested deeper than {most} (limit `filter_depth`)")));
        }
        let element = element(&start, at, source)?;
        if is_empty {
            close(element, &mut open, &mut root);
        } else {
            open.push(element);
        }
    }
    if let Some(unclosed) = open.last() {
        return Err(source.bad(unclosed.at, &format!("`{}` is not closed,", unclosed.name)));
    }
    let mut root = root.ok_or_else(|| source.bad(0, "there is no element"))?;
    trim(&mut root);
    Ok(root)
}

/// Attributes of one element. No element of a FetchXML has a fifth of them, and each is compared with those before it.
const ATTRIBUTES: usize = 100;

fn element(start: &BytesStart<'_>, at: usize, source: Source<'_>) -> Result<Element> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        if attributes.len() == ATTRIBUTES {
            return Err(source.bad(at, &format!("an element with more than {ATTRIBUTES} attributes,")));
        }
        let attribute = attribute.map_err(|error| source.bad(at, &format!("an attribute is no XML: {error},")))?;
        let name = attribute.key.as_ref().to_owned();
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|_| source.bad(at, &format!("the value of `{name}` is no XML,")))?;
        attributes.push((name, value.into_owned()));
    }
    let name = start.name().as_ref().to_owned();
    Ok(Element { name, at, attributes, children: Vec::new(), text: String::new() })
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
}

fn add_text(text: &str, to: Option<&mut Element>, source: Source<'_>, at: usize) -> Result<()> {
    match to {
        Some(element) => element.text.push_str(text),
        None if text.chars().all(|c| c.is_whitespace() || c == '\u{feff}') => {}
        None => return Err(source.bad(at, "text outside of all elements")),
    }
    Ok(())
}

fn resolved(reference: &BytesRef<'_>) -> Option<String> {
    if reference.is_char_ref() {
        return reference.resolve_char_ref().ok().flatten().map(String::from);
    }
    let text = match &*reference.xml10_content() {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "apos" => "'",
        "quot" => "\"",
        _ => return None,
    };
    Some(text.to_owned())
}

fn trim(element: &mut Element) {
    element.text = element.text.trim().to_owned();
    element.children.iter_mut().for_each(trim);
}

impl Element {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// One that must be there.
    pub(super) fn needed(&self, name: &str, source: Source<'_>) -> Result<&str> {
        self.get(name).ok_or_else(|| source.bad(self.at, &format!("`{}` needs the attribute `{name}`,", self.name)))
    }

    /// `true` or `1`, `false` or `0`; false if it is not there.
    pub(super) fn flag(&self, name: &str, source: Source<'_>) -> Result<bool> {
        match self.get(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(source.bad(self.at, &format!("`{name}` is true or false,"))),
        }
    }

    /// A whole number from 1 on.
    pub(super) fn number(&self, name: &str, source: Source<'_>) -> Result<Option<u32>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.trim().parse().ok().filter(|number| *number > 0);
        number.map(Some).ok_or_else(|| source.bad(self.at, &format!("`{name}` is a whole number from 1 on,")))
    }

    /// Refuses what has no meaning here: attributes but those that are `read` or `idle` (they change no row), children but
    /// `inside`, and text. What is `lacking` means something that is not done.
    pub(super) fn only(&self, allowed: Allowed<'_>, source: Source<'_>) -> Result<()> {
        for (name, _) in &self.attributes {
            let name = name.as_str();
            if allowed.lacking.contains(&name) {
                return Err(source.unsupported(self.at, &format!("the attribute `{name}` of `{}`", self.name)));
            }
            let is_known = [allowed.read, allowed.idle].iter().any(|names| names.contains(&name));
            if !is_known && !name.starts_with("xmlns") {
                return Err(source.bad(self.at, &format!("`{}` has no attribute `{name}`,", self.name)));
            }
        }
        if let Some(child) = self.children.iter().find(|child| !allowed.inside.contains(&child.name.as_str())) {
            return Err(source.bad(child.at, &format!("`{}` has no place in `{}`,", child.name, self.name)));
        }
        if !allowed.text && !self.text.is_empty() {
            return Err(source.bad(self.at, &format!("`{}` takes no text,", self.name)));
        }
        Ok(())
    }

    /// The same for two elements that say the same, whatever the order of attributes and the space between elements. Without
    /// these attributes of its own.
    pub(super) fn binding(&self, without: &[&str]) -> String {
        let mut text = String::new();
        self.write(without, &mut text);
        text
    }

    fn write(&self, without: &[&str], to: &mut String) {
        let mut attributes: Vec<_> =
            self.attributes.iter().filter(|(name, _)| !without.contains(&name.as_str())).collect();
        attributes.sort();
        // Writing to a string does not fail.
        let _ = write!(to, "<{} {attributes:?} {:?}", self.name, self.text);
        self.children.iter().for_each(|child| child.write(&[], to));
        to.push('>');
    }
}

/// What an element may hold.
#[derive(Clone, Copy, Default)]
pub(super) struct Allowed<'a> {
    pub(super) read: &'a [&'a str],
    pub(super) idle: &'a [&'a str],
    pub(super) lacking: &'a [&'a str],
    pub(super) inside: &'a [&'a str],
    pub(super) text: bool,
}
