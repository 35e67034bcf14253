//! The tape of one document and the ways to walk it.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::block::{same, utf8};
use crate::node::{Kind, Node};
use crate::scanner::{self, Error, Problem};
use crate::string::unescape;

/// A JSON text and its tape.
///
/// Of members with the same name the last one counts, as in serde_json and JavaScript; all of them are
/// in [`Value::members`]. Who *writes* must refuse such an object: see [`Value::has_duplicates`].
#[derive(Clone, Debug)]
pub struct Document<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

impl<'a> Document<'a> {
    /// Room at the beginning, at most. Resources have a node for about eight bytes, but a large one is large by one
    /// text, an attachment for instance.
    const NODES: usize = 1_000;

    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::parse_with(bytes, Vec::with_capacity((bytes.len() / 8).min(Self::NODES)))
    }

    /// Like [`Document::parse`], with the memory of an earlier tape ([`Document::into_nodes`]).
    pub fn parse_with(bytes: &'a [u8], mut nodes: Vec<Node>) -> Result<Self, Error> {
        let text = utf8(bytes).ok_or_else(|| {
            let offset = core::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
            Error { offset, problem: Problem::NotUtf8 }
        })?;
        scanner::scan(text, &mut nodes)?;
        Ok(Self { text, nodes })
    }

    pub fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn root(&self) -> Value<'_> {
        Value { document: self, at: 0 }
    }

    /// The value at a position of the tape. `None` past its end.
    pub fn at(&self, at: u32) -> Option<Value<'_>> {
        (self.nodes.len() > at as usize).then_some(Value { document: self, at })
    }
}

/// One value inside a [`Document`].
#[derive(Clone, Copy)]
pub struct Value<'a> {
    document: &'a Document<'a>,
    at: u32,
}

impl fmt::Debug for Value<'_> {
    /// Where, not what: values are patient data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {:?}", self.kind(), self.range())
    }
}

impl<'a> Value<'a> {
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// The value as it stands in the text, quotes and all.
    pub fn raw(self) -> &'a str {
        &self.document.text[self.range()]
    }

    pub fn range(self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// Its position on the tape.
    pub fn position(self) -> u32 {
        self.at
    }

    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The characters of a string; `None` for any other kind.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let node = self.node();
        if node.kind != Kind::String {
            return None;
        }
        let inner = &self.document.text[node.start as usize + 1..node.end as usize - 1];
        Some(if node.escaped { unescape(inner) } else { Cow::Borrowed(inner) })
    }

    pub fn number(self) -> Option<&'a str> {
        (self.kind() == Kind::Number).then(|| self.raw())
    }

    pub fn boolean(self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// The member of that name; the last one if there are several. `None` for anything but an object.
    pub fn get(self, name: &str) -> Option<Value<'a>> {
        self.members().filter(|(key, _)| key.is(name)).last().map(|(_, value)| value)
    }

    /// The element at `index`, nulls counted. `None` for anything but an array.
    pub fn item(self, index: usize) -> Option<Value<'a>> {
        self.items().nth(index)
    }

    /// The elements of an array; nothing for any other kind.
    pub fn items(self) -> Items<'a> {
        let node = self.node();
        let end = if node.kind == Kind::Array { node.next } else { self.at + 1 };
        Items { document: self.document, at: self.at + 1, end }
    }

    /// The members of an object in their order, keys as string values; nothing for any other kind.
    pub fn members(self) -> Members<'a> {
        let node = self.node();
        let end = if node.kind == Kind::Object { node.next } else { self.at + 1 };
        Members { document: self.document, at: self.at + 1, end }
    }

    /// Two members of one name: which of them counts differs from parser to parser.
    pub fn has_duplicates(self) -> bool {
        let keys: Vec<_> = self.members().map(|(key, _)| key.text()).collect();
        keys.iter().enumerate().any(|(i, key)| keys[..i].contains(key))
    }

    /// A string of exactly these characters.
    pub fn is(self, text: &str) -> bool {
        let node = self.node();
        if node.escaped {
            return self.text().is_some_and(|own| own == text);
        }
        let inner = || &self.document.text.as_bytes()[node.start as usize + 1..node.end as usize - 1];
        node.kind == Kind::String && same(inner(), text.as_bytes())
    }

    fn node(self) -> Node {
        self.document.nodes[self.at as usize]
    }
}

#[derive(Clone)]
pub struct Items<'a> {
    document: &'a Document<'a>,
    at: u32,
    end: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.at >= self.end {
            return None;
        }
        let value = Value { document: self.document, at: self.at };
        self.at = value.node().next;
        Some(value)
    }
}

#[derive(Clone)]
pub struct Members<'a> {
    document: &'a Document<'a>,
    at: u32,
    end: u32,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Value<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let key = Value { document: self.document, at: self.at };
        let value = Value { document: self.document, at: self.at + 1 };
        self.at = value.node().next;
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_takes_no_more_nodes_than_a_short_one() {
        let text = alloc::format!("[\"{}\"]", "x".repeat(100_000));
        let nodes = Document::parse(text.as_bytes()).unwrap().into_nodes();
        assert!(nodes.len() == 2 && nodes.capacity() <= Document::NODES, "room for {}", nodes.capacity());
    }
}
