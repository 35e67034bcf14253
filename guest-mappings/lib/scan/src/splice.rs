//! Edits to a text whose other bytes stay as they are.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// Replaces `range` by `text`; an empty range inserts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub range: Range<usize>,
    pub text: String,
}

/// Two edits touch the same bytes, or one reaches past the end or into a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap;

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("edits overlap or lie outside the text")
    }
}

impl core::error::Error for Overlap {}

/// Applies `edits`, in any order, to `text`. Insertions at the same place keep their order.
pub fn splice(text: &str, mut edits: Vec<Edit>) -> Result<String, Overlap> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut out = String::with_capacity(text.len() + added);
    let mut copied = 0;
    for edit in &edits {
        out.push_str(text.get(copied..edit.range.start).ok_or(Overlap)?);
        out.push_str(&edit.text);
        if edit.range.end < edit.range.start {
            return Err(Overlap);
        }
        copied = edit.range.end;
    }
    out.push_str(text.get(copied..).ok_or(Overlap)?);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn edit(start: usize, end: usize, text: &str) -> Edit {
        Edit { range: Range { start, end }, text: text.to_string() }
    }

    #[test]
    fn applies_in_text_order() {
        let out = splice("0123456789", vec![edit(8, 9, "x"), edit(2, 2, "a"), edit(2, 2, "b"), edit(3, 6, "")]);
        assert_eq!(out.as_deref(), Ok("01ab267x9"));
        assert_eq!(splice("abc", vec![]).as_deref(), Ok("abc"));
    }

    #[test]
    fn refuses_what_overlaps_or_does_not_fit() {
        for edits in [
            vec![edit(1, 3, ""), edit(2, 4, "")],
            vec![edit(2, 1, "")],
            vec![edit(0, 99, "")],
            vec![edit(99, 99, "")],
            vec![edit(5, 5, "")],
        ] {
            assert_eq!(
                splice("abcé", edits.clone()),
                if edits[0].range == (5..5) { Ok("abcé".into()) } else { Err(Overlap) }
            );
        }
        assert_eq!(splice("é", vec![edit(1, 1, "x")]), Err(Overlap));
    }
}
