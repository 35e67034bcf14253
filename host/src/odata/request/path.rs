//! The path of an address, cut into segments, and the row that `$id` names.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{MULTIPLE, Reader, unsupported};
use crate::model::catalog::nearest;
use crate::model::error::{Code, Error, Result};
use crate::odata::named::parse_key;

/// A segment of the path: a name, and what stands in parentheses after it.
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) key: Option<String>,
}

impl Reader<'_> {
    /// Decoded one by one, so that an encoded slash separates nothing.
    pub(super) fn segments(&self) -> Result<Vec<Segment>> {
        let path = self.message.path.strip_suffix('/').unwrap_or(self.message.path);
        if path.is_empty() {
            return Ok(Vec::new());
        }
        let path = self.by_id(path)?;
        let segments: Vec<_> = split(&path).into_iter().map(segment_of).collect::<Result<_>>()?;
        let (most, steps) = (self.context.limits.expand_depth, segments.len());
        // The set, a step for each level, a property and its `$value`.
        if steps > most + 3 {
            let message = format!("the path has {steps} segments; the limit `expand_depth` lets it have {}", most + 3);
            return Err(Error::new(Code::BadUrl, message));
        }
        Ok(segments)
    }

    /// `$entity?$id=contacts(guid)` is the row with this address (OData URL Conventions, 4.14).
    fn by_id<'p>(&self, path: &'p str) -> Result<Cow<'p, str>> {
        if path.starts_with("$entity/") {
            return Err(unsupported("a type after `$entity`").hint("write `$entity?$id=contacts(…)`"));
        }
        if !is_entity(path) {
            return Ok(path.into());
        }
        self.method(&["GET"])?;
        let id = self.id()?.ok_or_else(|| {
            let error = Error::new(Code::BadOption, "`$entity` needs `$id`, which says what row it is");
            error.target("$id").hint("write `$entity?$id=contacts(…)`")
        })?;
        // It was decoded with the query, and is decoded with the path again.
        Ok(id.replace('%', "%25").into())
    }

    /// The address of a row in `$id`, below the service root.
    pub(super) fn id(&self) -> Result<Option<&str>> {
        let Some(id) = self.options.get("id") else { return Ok(None) };
        let bad = |why: &str| Error::new(Code::BadOption, format!("`$id` {why}")).target("$id");
        let below = match id.strip_prefix(self.message.base) {
            Some(below) => below,
            None if id.split('(').next().is_some_and(|set| set.contains("://")) => {
                return Err(
                    bad("is an address elsewhere").hint(format!("addresses here begin with {}", self.message.base))
                );
            }
            None => id.trim_start_matches('/'),
        };
        if split(below).len() != 1 || below.starts_with('$') || !below.ends_with(')') {
            return Err(bad("is no address of a row").hint("it is one like `contacts(…)`"));
        }
        Ok(Some(below))
    }

    pub(super) fn odd_segment(&self, segment: &Segment, after: &str) -> Error {
        let name = &segment.name;
        if name.starts_with('$') || name.contains('.') {
            let error = unsupported(&format!("`/{name}` after `{after}`"));
            let is_set = self.context.catalog.find_entity_set(after).is_some();
            return match name.as_str() {
                "$count" if is_set => {
                    error.hint(format!("how many rows there are says `{after}/$count`, last in the address"))
                }
                "$ref" => error.hint("`/$ref` stands behind a table, and a navigation property"),
                _ if name.ends_with("Multiple") => {
                    error.hint(format!("there are {}; `$batch` takes any requests", MULTIPLE.join(", ")))
                }
                _ => error,
            };
        }
        let error = Error::new(Code::BadUrl, format!("`/{name}` has no meaning after `{after}`")).target(name.clone());
        let table = self.context.catalog.find_entity_set(after);
        match parse_key(name) {
            Some(_) => error.hint(format!("write the key in parentheses, `{after}({name})`")),
            None if table.is_some_and(|table| table.property(name).is_some()) => {
                error.hint(format!("of all rows it is `{after}?$select={name}`, of one `{after}(key)/{name}`"))
            }
            None => match nearest(name, ["$count", "$value", "$ref"]) {
                Some(near) => error.hint(format!("did you mean `/{near}`?")),
                None => error,
            },
        }
    }
}

/// Whether a path is that of a row by its address.
pub(super) fn is_entity(path: &str) -> bool {
    matches!(path, "$entity" | "%24entity")
}

/// By the slashes of a path that stand in no text: systems of identifiers are URLs, and not everybody encodes those.
fn split(path: &str) -> Vec<&str> {
    let (mut segments, mut from, mut inside, mut quoted) = (Vec::new(), 0, false, false);
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'(' if !quoted => inside = true,
            b')' if !quoted => inside = false,
            b'\'' if inside => quoted = !quoted,
            b'/' if !quoted => {
                segments.push(&path[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    segments.push(&path[from..]);
    segments
}

pub(super) fn segment_of(text: &str) -> Result<Segment> {
    let decoded = percent_decode_str(text).decode_utf8();
    let text = decoded.map_err(|_| Error::new(Code::BadUrl, "the path is not UTF-8 after percent-decoding"))?;
    if text.is_empty() {
        return Err(Error::new(Code::BadUrl, "the path has an empty segment"));
    }
    match text.split_once('(') {
        Some((name, key)) => match key.strip_suffix(')') {
            Some(key) => Ok(Segment { name: name.to_owned(), key: Some(key.trim().to_owned()) }),
            None if key.contains(')') => {
                Err(Error::new(Code::BadUrl, format!("something stands behind the parentheses after `{name}`")))
            }
            None => Err(Error::new(Code::BadUrl, format!("the parenthesis after `{name}` is not closed"))),
        },
        None => Ok(Segment { name: text.into_owned(), key: None }),
    }
}
