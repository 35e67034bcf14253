//! JSON string content to characters and back.

use alloc::borrow::Cow;
use alloc::string::String;

/// The characters of a JSON string, given without its quotes. Escapes must be well-formed, as in every
/// string of a [`Document`](crate::Document); a malformed one becomes U+FFFD.
pub fn unescape(inner: &str) -> Cow<'_, str> {
    let Some(first) = inner.find('\\') else {
        return Cow::Borrowed(inner);
    };
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    let mut next = Some(first);
    while let Some(at) = next {
        out.push_str(&rest[..at]);
        let (character, length) = escape(&rest[at..]);
        out.push(character);
        rest = rest.get(at + length..).unwrap_or("");
        next = rest.find('\\');
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Appends `text` as JSON string content, without quotes: only what must be escaped is.
pub fn escape_into(text: &str, out: &mut String) {
    let mut copied = 0;
    for (i, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[copied..i]);
        copied = i + 1;
        if short.is_empty() {
            out.push_str("\\u00");
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
            }
        } else {
            out.push_str(short);
        }
    }
    out.push_str(&text[copied..]);
}

/// The character of the escape that `text` begins with, and the escape's length.
fn escape(text: &str) -> (char, usize) {
    let character = match text.as_bytes().get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode(text),
        _ => return (char::REPLACEMENT_CHARACTER, 1),
    };
    (character, 2)
}

fn unicode(text: &str) -> (char, usize) {
    // Not `from_str_radix`, which takes a sign.
    let unit = |at: usize| {
        let digits = text.as_bytes().get(at..at + 4)?;
        digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
    };
    match unit(2) {
        Some(high @ 0xd800..=0xdbff) => match unit(8) {
            Some(low @ 0xdc00..=0xdfff) => {
                let scalar = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
            }
            _ => (char::REPLACEMENT_CHARACTER, 6),
        },
        Some(unit) => (char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
        None => (char::REPLACEMENT_CHARACTER, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_both_ways() {
        for (inner, text) in [
            ("plain", "plain"),
            (r#"a\"b\\c\/d"#, "a\"b\\c/d"),
            (r"\b\f\n\r\t", "\u{8}\u{c}\n\r\t"),
            (r"\u00e9\ud83d\ude00!", "é😀!"),
            (r"\u0000x", "\0x"),
        ] {
            assert_eq!(unescape(inner), text);
            let mut out = String::new();
            escape_into(text, &mut out);
            assert_eq!(unescape(&out), text);
        }
    }

    #[test]
    fn what_is_malformed_is_replaced_and_what_follows_stays() {
        for (inner, text) in [
            ("\\", "\u{fffd}"),
            ("\\u", "\u{fffd}"),
            ("a\\u12", "a\u{fffd}12"),
            ("\\u+041", "\u{fffd}+041"),
            ("\\ud800", "\u{fffd}"),
            ("\\ud800\\u0041b", "\u{fffd}Ab"),
            ("\\ud800\\n", "\u{fffd}\n"),
            ("\\udc00\\ud800x", "\u{fffd}\u{fffd}x"),
            ("\\x", "\u{fffd}x"),
            ("\\é", "\u{fffd}é"),
            ("\\uéé", "\u{fffd}éé"),
        ] {
            assert_eq!(unescape(inner), text, "{inner}");
        }
    }
}
