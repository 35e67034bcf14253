//! The view's JSON with the place of every value, and the list of what is wrong with it.

use std::borrow::Cow;

use turntable_r4::suggestion;
use turntable_scan::{Document, Kind, Value};

use super::Fault;

/// A value of the view and the pointer to it.
#[derive(Clone)]
pub(super) struct Place<'d> {
    pub(super) value: Value<'d>,
    pub(super) pointer: String,
}

pub(super) struct Faults<'d> {
    text: &'d str,
    pub(super) errors: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
}

impl<'d> Place<'d> {
    pub(super) fn root(document: &'d Document<'d>) -> Self {
        Self { value: document.root(), pointer: String::new() }
    }

    /// A member; `null` is none.
    pub(super) fn member(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self { value, pointer: format!("{}/{name}", self.pointer) })
    }

    /// The items of a list that may be missing. Anything else than a list is an error.
    pub(super) fn list(&self, name: &str, faults: &mut Faults<'d>) -> Vec<Self> {
        let Some(list) = self.member(name) else { return Vec::new() };
        if list.value.kind() != Kind::Array {
            faults.error(&list, "expected a list");
            return Vec::new();
        }
        let item = |(index, value)| Self { value, pointer: format!("{}/{index}", list.pointer) };
        list.value.items().enumerate().map(item).collect()
    }

    pub(super) fn text(&self, name: &str, faults: &mut Faults<'d>) -> Option<(Self, Cow<'d, str>)> {
        let place = self.member(name)?;
        match place.value.text() {
            Some(text) => Some((place, text)),
            None => {
                faults.error(&place, "expected a text");
                None
            }
        }
    }

    /// Only these members; `id` and extensions are allowed everywhere.
    pub(super) fn only(&self, names: &[&str], faults: &mut Faults<'d>) {
        if self.value.kind() != Kind::Object {
            faults.error(self, "expected an object");
        }
        for (key, _) in self.value.members() {
            let name = key.text().unwrap_or_default();
            let always = name.starts_with('_') || ["id", "extension", "modifierExtension"].contains(&&*name);
            if !always && !names.contains(&&*name) {
                faults.error_at(
                    &format!("{}/{name}", self.pointer),
                    key,
                    format!("there is no `{name}` here{}", suggestion(&name, names)),
                );
            }
        }
    }
}

impl<'d> Faults<'d> {
    pub(super) fn new(text: &'d str) -> Self {
        Self { text, errors: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn error(&mut self, place: &Place<'d>, message: impl Into<String>) {
        let fault = self.fault(&place.pointer, place.value.range().start, message.into());
        self.errors.push(fault);
    }

    fn error_at(&mut self, pointer: &str, at: Value<'d>, message: String) {
        let fault = self.fault(pointer, at.range().start, message);
        self.errors.push(fault);
    }

    /// At a byte of a text's characters.
    pub(super) fn error_inside(&mut self, place: &Place<'d>, at: usize, message: String) {
        let offset = inside(place.value, at);
        let fault = self.fault(&place.pointer, offset, message);
        self.errors.push(fault);
    }

    pub(super) fn warn_inside(&mut self, place: &Place<'d>, at: usize, message: String) {
        let offset = inside(place.value, at);
        let fault = self.fault(&place.pointer, offset, message);
        self.warnings.push(fault);
    }

    pub(super) fn fault(&self, pointer: &str, offset: usize, message: String) -> Fault {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Fault {
            pointer: pointer.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        }
    }
}

/// Where a byte of a text stands in the file. Escapes shift what follows; then it is the text's beginning.
fn inside(value: Value<'_>, at: usize) -> usize {
    let is_plain = !value.raw().contains('\\');
    value.range().start + if is_plain { at + 1 } else { 0 }
}
