//! A resource that can be changed: a tree over its text that remembers what came from where, so that
//! writing it back leaves every byte alone that no change touched.

use std::borrow::Cow;
use std::ops::Range;

use turntable_scan::block::same;
use turntable_scan::{Document, Edit, Kind, Value, escape_into, splice};

use crate::path::Element;

/// Position of a node in its tree.
pub(crate) type Id = usize;

pub(crate) const ROOT: Id = 0;

pub(crate) struct Tree<'a> {
    text: &'a str,
    nodes: Vec<Node<'a>>,
}

struct Node<'a> {
    parent: Option<Id>,
    /// Where it stands in the original text; `None` for what is new.
    span: Option<Range<usize>>,
    content: Content<'a>,
    /// It or something in it differs from the original text.
    changed: bool,
}

enum Content<'a> {
    /// Its JSON text.
    Leaf(Kind, Cow<'a, str>),
    Object(Vec<Slot<'a>>),
    Array(Vec<Slot<'a>>),
    /// A place in an array that must not be closed up.
    Hole,
}

/// A member of an object or an element of an array.
struct Slot<'a> {
    /// Empty in an array.
    key: Cow<'a, str>,
    /// From key to end of value in the original text, and where the value starts.
    original: Option<(Range<usize>, usize)>,
    value: Id,
    removed: bool,
}

/// A place in a tree, to look around from.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'t> {
    tree: &'t Tree<'t>,
    pub(crate) id: Id,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(tree: &'t Tree<'t>, id: Id) -> Self {
        Self { tree, id }
    }
}

impl<'t> Element<'t> for Cursor<'t> {
    fn kind(self) -> Kind {
        self.tree.kind(self.id)
    }

    fn get(self, name: &str) -> Option<Self> {
        self.tree.member(self.id, name).map(|id| Self { id, ..self })
    }

    fn items(self) -> impl Iterator<Item = Self> {
        self.tree.items(self.id).into_iter().map(move |id| Self { id, ..self })
    }

    fn text(self) -> Option<Cow<'t, str>> {
        match &self.tree.nodes[self.id].content {
            Content::Leaf(Kind::String, raw) => Some(turntable_scan::unescape(raw.get(1..raw.len() - 1)?)),
            _ => None,
        }
    }

    fn bare(self) -> Option<&'t str> {
        match &self.tree.nodes[self.id].content {
            Content::Leaf(Kind::Number | Kind::True | Kind::False, raw) => Some(raw),
            _ => None,
        }
    }
}

impl<'a> Tree<'a> {
    pub(crate) fn of(document: &'a Document<'a>) -> Self {
        let mut tree = Self { text: document.text(), nodes: Vec::with_capacity(document.nodes().len()) };
        tree.adopt(document.root(), true);
        tree
    }

    /// Whether anything differs from the original text.
    pub(crate) fn is_changed(&self) -> bool {
        self.nodes[ROOT].changed
    }

    pub(crate) fn kind(&self, id: Id) -> Kind {
        match &self.nodes[id].content {
            Content::Leaf(kind, _) => *kind,
            Content::Object(_) => Kind::Object,
            Content::Array(_) => Kind::Array,
            Content::Hole => Kind::Null,
        }
    }

    pub(crate) fn is_hole(&self, id: Id) -> bool {
        matches!(self.nodes[id].content, Content::Hole)
    }

    pub(crate) fn parent(&self, id: Id) -> Option<Id> {
        self.nodes[id].parent
    }

    // What is there.

    /// A member; the last one if there are several, as everywhere.
    pub(crate) fn member(&self, object: Id, name: &str) -> Option<Id> {
        let mut named = self.slots(object).filter(|slot| same(slot.key.as_bytes(), name.as_bytes()));
        named.next_back().filter(|_| self.kind(object) == Kind::Object).map(|slot| slot.value)
    }

    /// Which of two members of one name is meant differs from parser to parser: such an object is not edited.
    pub(crate) fn is_ambiguous(&self, object: Id, name: &str) -> bool {
        self.kind(object) == Kind::Object && self.slots(object).filter(|slot| slot.key == name).nth(1).is_some()
    }

    pub(crate) fn names(&self, object: Id) -> Vec<String> {
        match self.kind(object) {
            Kind::Object => self.slots(object).map(|slot| slot.key.to_string()).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn items(&self, array: Id) -> Vec<Id> {
        match self.kind(array) {
            Kind::Array => self.slots(array).map(|slot| slot.value).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self, container: Id) -> bool {
        self.slots(container).next().is_none()
    }

    /// The name of the member that `id` is.
    pub(crate) fn name_of(&self, id: Id) -> Option<String> {
        let slot = self.slots(self.nodes[id].parent?).find(|slot| slot.value == id)?;
        Some(slot.key.to_string())
    }

    /// Members in any order, elements in theirs.
    pub(crate) fn same(&self, a: Id, b: Id) -> bool {
        match (&self.nodes[a].content, &self.nodes[b].content) {
            (Content::Leaf(_, a), Content::Leaf(_, b)) => a == b,
            (Content::Hole, Content::Hole) => true,
            (Content::Array(_), Content::Array(_)) => {
                let (a, b) = (self.items(a), self.items(b));
                a.len() == b.len() && a.iter().zip(&b).all(|(&a, &b)| self.same(a, b))
            }
            (Content::Object(_), Content::Object(_)) => {
                let names = self.names(a);
                let same = |name: &String| match (self.member(a, name), self.member(b, name)) {
                    (Some(a), Some(b)) => self.same(a, b),
                    _ => false,
                };
                names.len() == self.names(b).len() && names.iter().all(same)
            }
            _ => false,
        }
    }

    fn slots(&self, container: Id) -> impl DoubleEndedIterator<Item = &Slot<'a>> {
        let slots = match &self.nodes[container].content {
            Content::Object(slots) | Content::Array(slots) => &slots[..],
            _ => &[],
        };
        slots.iter().filter(|slot| !slot.removed)
    }

    // New nodes, not yet anywhere.

    pub(crate) fn text_leaf(&mut self, text: &str) -> Id {
        self.new_node(Content::Leaf(Kind::String, Cow::Owned(quote(text))))
    }

    /// A number, `true`, `false` or `null`, as it stands in JSON.
    pub(crate) fn bare_leaf(&mut self, kind: Kind, raw: &str) -> Id {
        self.new_node(Content::Leaf(kind, Cow::Owned(raw.to_owned())))
    }

    /// A copy of a value of another document.
    pub(crate) fn copy(&mut self, value: Value<'_>) -> Id {
        self.adopt_owned(value)
    }

    pub(crate) fn object(&mut self) -> Id {
        self.new_node(Content::Object(Vec::new()))
    }

    pub(crate) fn array(&mut self) -> Id {
        self.new_node(Content::Array(Vec::new()))
    }

    pub(crate) fn hole(&mut self) -> Id {
        self.new_node(Content::Hole)
    }

    // Changes.

    /// Sets a member, in place if it is there and at the end if not.
    pub(crate) fn set_member(&mut self, object: Id, name: &str, value: Id) {
        self.nodes[value].parent = Some(object);
        if let Content::Object(slots) = &mut self.nodes[object].content {
            match slots.iter_mut().rev().find(|slot| slot.key == name && !slot.removed) {
                Some(slot) => slot.value = value,
                None => slots.push(Slot::new(Cow::Owned(name.to_owned()), value)),
            }
        }
        self.mark(object);
    }

    pub(crate) fn remove_member(&mut self, object: Id, name: &str) {
        let mut found = false;
        if let Content::Object(slots) = &mut self.nodes[object].content {
            for slot in slots.iter_mut().filter(|slot| slot.key == name && !slot.removed) {
                slot.removed = true;
                found = true;
            }
        }
        if found {
            self.mark(object);
        }
    }

    pub(crate) fn push_item(&mut self, array: Id, value: Id) {
        self.nodes[value].parent = Some(array);
        if let Content::Array(slots) = &mut self.nodes[array].content {
            slots.push(Slot::new(Cow::Borrowed(""), value));
        }
        self.mark(array);
    }

    /// Puts `value` where `old` is.
    pub(crate) fn replace(&mut self, old: Id, value: Id) {
        let Some(parent) = self.nodes[old].parent else {
            return;
        };
        self.nodes[value].parent = Some(parent);
        if let Content::Array(slots) | Content::Object(slots) = &mut self.nodes[parent].content
            && let Some(slot) = slots.iter_mut().find(|slot| slot.value == old && !slot.removed)
        {
            slot.value = value;
        }
        self.mark(parent);
    }

    pub(crate) fn remove_item(&mut self, array: Id, value: Id) {
        if let Content::Array(slots) = &mut self.nodes[array].content
            && let Some(slot) = slots.iter_mut().find(|slot| slot.value == value && !slot.removed)
        {
            slot.removed = true;
        }
        self.mark(array);
    }

    /// The holes that are left, each with its array.
    pub(crate) fn holes(&self) -> Vec<(Id, Id)> {
        let attached = |id: Id| self.nodes[id].parent.filter(|_| self.is_attached(id));
        let holes = (0..self.nodes.len()).filter(|&id| self.is_hole(id));
        holes.filter_map(|id| attached(id).map(|array| (array, id))).collect()
    }

    pub(crate) fn is_attached(&self, mut id: Id) -> bool {
        while let Some(parent) = self.nodes[id].parent {
            if !self.slots(parent).any(|slot| slot.value == id) {
                return false;
            }
            id = parent;
        }
        id == ROOT
    }

    fn mark(&mut self, id: Id) {
        let mut next = Some(id);
        while let Some(id) = next {
            self.nodes[id].changed = true;
            next = self.nodes[id].parent;
        }
    }

    fn new_node(&mut self, content: Content<'a>) -> Id {
        self.nodes.push(Node { parent: None, span: None, content, changed: true });
        self.nodes.len() - 1
    }

    // From text.

    fn adopt(&mut self, root: Value<'a>, original: bool) -> Id {
        self.grow(
            root,
            |key| key,
            |tree, value| {
                let span = original.then(|| value.range());
                let content = Content::Leaf(value.kind(), Cow::Borrowed(value.raw()));
                tree.nodes.push(Node { parent: None, span, content, changed: !original });
                tree.nodes.len() - 1
            },
        )
    }

    fn adopt_owned(&mut self, root: Value<'_>) -> Id {
        let copy = |key: Cow<'_, str>| Cow::Owned(key.into_owned());
        self.grow(root, copy, |tree, value| {
            tree.new_node(Content::Leaf(value.kind(), Cow::Owned(value.raw().to_owned())))
        })
    }

    /// Nodes for a value and all it contains, made by `make` as leaves and turned into containers here; names of
    /// members by `name`. Works through a list, so that depth costs no stack.
    fn grow<'v>(
        &mut self,
        root: Value<'v>,
        name: impl Fn(Cow<'v, str>) -> Cow<'a, str>,
        mut make: impl FnMut(&mut Self, Value<'v>) -> Id,
    ) -> Id {
        let first = make(self, root);
        let mut waiting = vec![(first, root)];
        while let Some((id, value)) = waiting.pop() {
            let original = self.nodes[id].span.is_some();
            let mut slots = Vec::new();
            let mut add = |tree: &mut Self, key: Cow<'v, str>, start: usize, child: Value<'v>| {
                let child_id = make(tree, child);
                tree.nodes[child_id].parent = Some(id);
                let range = child.range();
                slots.push(Slot {
                    key: name(key),
                    original: original.then_some((start..range.end, range.start)),
                    value: child_id,
                    removed: false,
                });
                waiting.push((child_id, child));
            };
            for (key, child) in value.members() {
                add(self, key.text().unwrap_or_default(), key.range().start, child);
            }
            for child in value.items() {
                add(self, Cow::Borrowed(""), child.range().start, child);
            }
            match value.kind() {
                Kind::Object => self.nodes[id].content = Content::Object(slots),
                Kind::Array => self.nodes[id].content = Content::Array(slots),
                _ => {}
            }
        }
        first
    }

    // Back to text.

    /// The text with all changes in it.
    pub(crate) fn render(&self) -> String {
        let mut edits = Vec::new();
        self.collect_edits(ROOT, &mut edits);
        splice(self.text, edits).expect("spans of a tree nest or are apart, and what is replaced is not descended into")
    }

    /// Edits inside a node of the original text. Descends only into what is changed, so no deeper than
    /// paths are long.
    fn collect_edits(&self, id: Id, edits: &mut Vec<Edit>) {
        let node = &self.nodes[id];
        let (true, Some(span)) = (node.changed, &node.span) else {
            return;
        };
        let (Content::Object(slots) | Content::Array(slots)) = &node.content else {
            return;
        };
        let mut kept = false;
        // Where the original parts that were passed end.
        let mut end = span.start + 1;
        for (i, slot) in slots.iter().enumerate() {
            let Some((own, value_start)) = &slot.original else {
                continue;
            };
            if !slot.removed {
                kept = true;
                if self.nodes[slot.value].span.as_ref().is_some_and(|span| span.start == *value_start) {
                    self.collect_edits(slot.value, edits);
                } else {
                    edits.push(Edit { range: *value_start..own.end, text: self.text_of(slot.value) });
                }
            } else if kept {
                // With the comma before it.
                edits.push(Edit { range: end..own.end, text: String::new() });
            } else {
                // Nothing stays before it: with the comma after it, if there is one.
                let next = slots[i + 1..].iter().find_map(|slot| slot.original.as_ref());
                let stop = next.map_or(own.end, |(next, _)| next.start);
                edits.push(Edit { range: own.start..stop, text: String::new() });
            }
            end = own.end;
        }
        let indent = self.indent(span, slots);
        let mut text = String::new();
        for slot in slots.iter().filter(|slot| slot.original.is_none() && !slot.removed) {
            if kept || !text.is_empty() {
                text.push(',');
            }
            text.push_str(indent);
            if self.kind(id) == Kind::Object {
                text.push_str(&quote(&slot.key));
                text.push_str(if indent.is_empty() { ":" } else { ": " });
            }
            self.write(slot.value, &mut text);
        }
        if !text.is_empty() {
            edits.push(Edit { range: end..end, text });
        }
    }

    /// The line break and indentation before the first part of a container, for new parts to follow.
    fn indent(&self, span: &Range<usize>, slots: &[Slot<'a>]) -> &'a str {
        let first = slots.iter().find_map(|slot| slot.original.as_ref());
        let space = first.and_then(|(own, _)| self.text.get(span.start + 1..own.start));
        space.filter(|space| space.contains('\n')).unwrap_or("")
    }

    /// A node as JSON text, without the original's white space.
    pub(crate) fn text_of(&self, id: Id) -> String {
        let mut text = String::new();
        self.write(id, &mut text);
        text
    }

    /// A new node as text. Its depth is that of what a change brings, which was parsed with a limit.
    fn write(&self, id: Id, out: &mut String) {
        match &self.nodes[id].content {
            Content::Leaf(_, raw) => out.push_str(raw),
            Content::Hole => out.push_str("null"),
            Content::Object(_) | Content::Array(_) => {
                let is_object = self.kind(id) == Kind::Object;
                out.push(if is_object { '{' } else { '[' });
                for (i, slot) in self.slots(id).enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    if is_object {
                        out.push_str(&quote(&slot.key));
                        out.push(':');
                    }
                    self.write(slot.value, out);
                }
                out.push(if is_object { '}' } else { ']' });
            }
        }
    }
}

impl<'a> Slot<'a> {
    fn new(key: Cow<'a, str>, value: Id) -> Self {
        Self { key, original: None, value, removed: false }
    }
}

fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    escape_into(text, &mut quoted);
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies `change` to the root and compares the text.
    fn check(text: &str, change: impl FnOnce(&mut Tree<'_>), expected: &str) {
        let document = Document::parse(text.as_bytes()).expect("JSON");
        let mut tree = Tree::of(&document);
        change(&mut tree);
        assert_eq!(tree.render(), expected);
        assert_eq!(tree.is_changed(), text != expected);
    }

    #[test]
    fn members_leave_with_one_comma() {
        let text = r#"{ "a":1 , "b" : 2,"c":3 }"#;
        for (names, expected) in [
            (&["a"][..], r#"{ "b" : 2,"c":3 }"#),
            (&["b"], r#"{ "a":1,"c":3 }"#),
            (&["c"], r#"{ "a":1 , "b" : 2 }"#),
            (&["a", "b"], r#"{ "c":3 }"#),
            (&["b", "c"], r#"{ "a":1 }"#),
            (&["a", "c"], r#"{ "b" : 2 }"#),
            (&["a", "b", "c"], r#"{  }"#),
            (&["x"], text),
        ] {
            let remove = |tree: &mut Tree<'_>| names.iter().for_each(|name| tree.remove_member(ROOT, name));
            check(text, remove, expected);
        }
    }

    #[test]
    fn members_change_in_place_and_arrive_at_the_end() {
        let set = |name: &'static str| {
            move |tree: &mut Tree<'_>| {
                let value = tree.text_leaf("x\"");
                tree.set_member(ROOT, name, value);
            }
        };
        check(r#"{"a": 1.0, "b":[]}"#, set("a"), r#"{"a": "x\"", "b":[]}"#);
        check(r#"{"a": 1.0}"#, set("c"), r#"{"a": 1.0,"c":"x\""}"#);
        check("{\n  \"a\": 1\n}", set("c"), "{\n  \"a\": 1,\n  \"c\": \"x\\\"\"\n}");
        check(r#"{ }"#, set("c"), r#"{"c":"x\"" }"#);
        check(
            r#"{"a":1}"#,
            |tree| {
                tree.remove_member(ROOT, "a");
                set("c")(tree);
                set("d")(tree);
            },
            r#"{"c":"x\"","d":"x\""}"#,
        );
    }

    #[test]
    fn deep_changes_leave_the_rest() {
        let text = r#"{"a":[ {"b":1.50} , null,{"c":2}], "z": 0e0}"#;
        check(
            text,
            |tree| {
                let array = tree.member(ROOT, "a").expect("a");
                let items = tree.items(array);
                let value = tree.bare_leaf(Kind::Number, "7");
                tree.set_member(items[0], "b", value);
                let object = tree.object();
                tree.replace(items[1], object);
                tree.remove_item(array, items[2]);
                let last = tree.text_leaf("n");
                tree.push_item(array, last);
            },
            r#"{"a":[ {"b":7} , {},"n"], "z": 0e0}"#,
        );
    }

    #[test]
    fn deep_documents_cost_no_stack() {
        let text = format!("{{\"a\":{}1{}}}", "[".repeat(126), "]".repeat(126));
        check(&text, |_| {}, &text);
    }
}
