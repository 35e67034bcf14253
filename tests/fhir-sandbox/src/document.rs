//! A JSON object as it was sent: the text of every element is kept, so that `1e2`, `1.10` and the order
//! of elements come back as they came. Only what is set here is written anew.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::{RawValue, to_raw_value};

#[derive(Debug, Default)]
pub(crate) struct Document {
    members: Vec<(String, Box<RawValue>)>,
}

impl Document {
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&RawValue> {
        self.members.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    /// A member that is a string.
    pub(crate) fn string(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|value| serde_json::from_str(value.get()).ok())
    }

    /// Replaces a member where it is, or puts a new one at `place`.
    pub(crate) fn set(&mut self, name: &str, place: usize, value: &impl Serialize) -> serde_json::Result<()> {
        let value = to_raw_value(value)?;
        match self.members.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => *own = value,
            None => self.members.insert(place.min(self.members.len()), (name.to_owned(), value)),
        }
        Ok(())
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.members.retain(|(name, _)| keep(name));
    }

    /// Replaces strings by what `replace` makes of an element's name and value, at any depth.
    pub(crate) fn rewrite<E: From<serde_json::Error>>(
        &mut self,
        replace: &mut impl FnMut(&str, &str) -> Result<Option<String>, E>,
    ) -> Result<(), E> {
        for (name, value) in &mut self.members {
            if let Some(text) = rewrite(name, value.get(), replace)? {
                *value = RawValue::from_string(text)?;
            }
        }
        Ok(())
    }

    pub(crate) fn to_raw(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(self)
    }
}

/// The text with its strings replaced, or nothing if none is. `name` is the element that the text is of.
fn rewrite<E: From<serde_json::Error>>(
    name: &str,
    text: &str,
    replace: &mut impl FnMut(&str, &str) -> Result<Option<String>, E>,
) -> Result<Option<String>, E> {
    let mut out = String::new();
    let (mut at, mut copied) = (0, 0);
    // The element whose value comes next, while nothing but space and a colon has followed its name.
    let mut element = Some(name);
    while let Some(start) = text[at..].find(|c: char| !c.is_ascii_whitespace() && c != ':').map(|skip| at + skip) {
        if !text[start..].starts_with('"') {
            element = None;
            at = start + text[start..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let end = string_end(text, start);
        at = end;
        let string = &text[start..end];
        if text[end..].trim_ascii_start().starts_with(':') {
            element = Some(string.trim_matches('"'));
        } else if let Some(name) = element.take()
            && let Some(new) = replace(name, &serde_json::from_str::<String>(string)?)?
        {
            out.push_str(&text[copied..start]);
            out.push_str(&serde_json::to_string(&new)?);
            copied = end;
        }
    }
    if copied == 0 {
        return Ok(None);
    }
    out.push_str(&text[copied..]);
    Ok(Some(out))
}

/// The end of the string literal that begins at `start`.
fn string_end(text: &str, start: usize) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(start + 1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.members.len()))?;
        for (name, value) in &self.members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut document = Document::default();
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            if document.get(&name).is_some() {
                return Err(A::Error::custom(format!("the element `{name}` is there twice")));
            }
            document.members.push((name, value));
        }
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_but_for_what_is_set() {
        let mut document: Document = serde_json::from_str(r#"{ "b": [1e2, 1.10 ], "a": "\u00e9" }"#).unwrap();
        document.set("a", 0, &"x").unwrap();
        document.set("id", 1, &"y").unwrap();
        assert_eq!(document.to_raw().unwrap().get(), r#"{"b":[1e2, 1.10 ],"id":"y","a":"x"}"#);
        let error = serde_json::from_str::<Document>(r#"{"a":1,"a":2}"#).unwrap_err().to_string();
        assert!(error.contains("`a` is there twice"), "{error}");
    }

    #[test]
    fn strings_are_replaced_by_their_element() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let mut document: Document = serde_json::from_str(text).unwrap();
            let mut seen = |name: &str, value: &str| -> serde_json::Result<_> {
                Ok((name == "reference" && value == "old\"").then(|| "new\\".to_owned()))
            };
            document.rewrite(&mut seen).unwrap();
            assert_eq!(document.to_raw().unwrap().get(), expected);
        }
        check(r#"{"reference":"old\""}"#, r#"{"reference":"new\\"}"#);
        check(r#"{"a":[{"reference" : "old\u0022", "n":1e2}]}"#, r#"{"a":[{"reference" : "new\\", "n":1e2}]}"#);
        for kept in [
            r#"{"other":"old\""}"#,
            r#"{"reference":["old\""]}"#,
            r#"{"a":{"reference":1,"x":"old\""}}"#,
            r#"{"a":["reference","old\""]}"#,
            r#"{"a":"\\","é€":{"b":"reference","c":"old\""}}"#,
        ] {
            check(kept, kept);
        }
    }
}
