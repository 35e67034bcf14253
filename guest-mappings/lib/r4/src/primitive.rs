//! Primitive types: what their values look like in JSON (R4, datatypes.html#primitive).

use turntable_scan::{Kind, Value};

/// What a value of a primitive type is, for people; None for a type that is none.
pub(crate) fn wanted(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "unsignedInt" => "a whole number from 0 on",
        "positiveInt" => "a whole number from 1 on",
        "decimal" => "a number",
        "string" | "markdown" => "a text that is not empty",
        "xhtml" => "XHTML as text",
        "code" => "a code: no space around it, one space within at most",
        "id" => "an id: letters, digits, - and ., up to 64",
        "uri" | "url" | "canonical" => "a URI",
        "oid" => "an OID: urn:oid:…",
        "uuid" => "a UUID: urn:uuid:…",
        "base64Binary" => "base64",
        "date" => "a date: YYYY, YYYY-MM or YYYY-MM-DD",
        "dateTime" => "a date, or a date and time with its zone",
        "instant" => "a date and time with its zone",
        "time" => "a time: hh:mm:ss",
        _ => return None,
    })
}

/// Whether JSON of this kind can be of the type, whatever it says.
pub(crate) fn is_json_of(kind: &str, json: Kind) -> bool {
    match kind {
        "boolean" => matches!(json, Kind::True | Kind::False),
        "integer" | "unsignedInt" | "positiveInt" | "decimal" => json == Kind::Number,
        _ => json == Kind::String,
    }
}

/// Whether a value that [`is_json_of`] the type is one.
pub(crate) fn is_value_of(kind: &str, value: Value<'_>) -> bool {
    let whole =
        |low: i64| value.number().and_then(|digits| digits.parse::<i32>().ok()).is_some_and(|n| low <= n.into());
    let text = value.text().unwrap_or_default();
    let text = text.as_ref();
    match kind {
        "boolean" | "decimal" => true,
        "integer" => whole(i32::MIN.into()),
        "unsignedInt" => whole(0),
        "positiveInt" => whole(1),
        "code" => is_code(text),
        "id" => is_id(text),
        "uri" | "url" | "canonical" => !text.is_empty() && !text.contains(char::is_whitespace),
        "oid" => text.strip_prefix("urn:oid:").is_some_and(is_oid),
        "uuid" => text.strip_prefix("urn:uuid:").is_some_and(is_uuid),
        "base64Binary" => is_base64(text),
        "date" => !text.contains('T') && is_date(text),
        "dateTime" => text.split_once('T').map_or_else(|| is_date(text), |(day, time)| is_moment(day, time)),
        "instant" => text.split_once('T').is_some_and(|(day, time)| is_moment(day, time)),
        "time" => is_time(text),
        _ => is_text(text),
    }
}

fn is_text(text: &str) -> bool {
    let forbidden = |c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r');
    !text.trim().is_empty() && !text.contains(forbidden)
}

fn is_code(text: &str) -> bool {
    // No whitespace at the ends, and single spaces between.
    !text.is_empty() && text.split(' ').all(|word| !word.is_empty() && !word.contains(char::is_whitespace))
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

fn is_oid(text: &str) -> bool {
    let part = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    let mut parts = text.split('.');
    let root = parts.next().is_some_and(|root| matches!(root, "0" | "1" | "2"));
    root && text.contains('.') && parts.all(|own| !own.is_empty() && part(own))
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

fn is_base64(text: &str) -> bool {
    let bare: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let data = bare.iter().position(|b| *b == b'=').unwrap_or(bare.len());
    let is_letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    !bare.is_empty()
        && bare.len().is_multiple_of(4)
        && bare.len() - data <= 2
        && bare[..data].iter().all(is_letter)
        && bare[data..].iter().all(|b| *b == b'=')
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let year = parts.next().and_then(|year| digits(year, 4, 1, 9999));
    let month = parts.next().map(|month| digits(month, 2, 1, 12));
    let day = parts.next().map(|day| digits(day, 2, 1, 31));
    let Some(year) = year.filter(|_| parts.next().is_none()) else { return false };
    match (month, day) {
        (None, _) => true,
        (Some(month), None) => month.is_some(),
        (Some(Some(month)), Some(Some(day))) => day <= days_in(year, month),
        _ => false,
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_moment(day: &str, time: &str) -> bool {
    let Some(zone) = time.find(['Z', '+', '-']) else { return false };
    let (clock, zone) = time.split_at(zone);
    let is_zone = match zone.strip_prefix(['+', '-']).map(|offset| offset.split_once(':')) {
        None => zone == "Z",
        Some(Some((hours, minutes))) => digits(hours, 2, 0, 14).is_some() && digits(minutes, 2, 0, 59).is_some(),
        Some(None) => false,
    };
    day.len() == 10 && is_date(day) && is_time(clock) && is_zone
}

fn is_time(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.split(':');
    let mut part = |high| parts.next().and_then(|part| digits(part, 2, 0, high)).is_some();
    // Sixty seconds: a leap second.
    let fits = part(23) && part(59) && part(60);
    fits && parts.next().is_none()
        && fraction.is_none_or(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn digits(text: &str, length: usize, low: u32, high: u32) -> Option<u32> {
    let is_number = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && (low..=high).contains(number))
}

#[cfg(test)]
mod tests {
    use turntable_scan::Document;

    use super::*;

    #[test]
    fn values_of_each_type() {
        let check = |kind: &str, right: &[&str], wrong: &[&str]| {
            for (texts, expected) in [(right, true), (wrong, false)] {
                for text in texts {
                    let document = Document::parse(text.as_bytes()).unwrap();
                    let value = document.root();
                    let is = is_json_of(kind, value.kind()) && is_value_of(kind, value);
                    assert_eq!(is, expected, "{kind} {text}");
                }
            }
            assert!(wanted(kind).is_some());
        };
        check("boolean", &["true", "false"], &["\"true\"", "1"]);
        check("integer", &["0", "-1", "2147483647"], &["2147483648", "1.0", "1e2", "\"1\""]);
        check("unsignedInt", &["0", "1"], &["-1"]);
        check("positiveInt", &["1"], &["0", "-1"]);
        check("decimal", &["0.10", "-1e2"], &["\"1\""]);
        check("string", &["\" a \"", "\"a\\nb\""], &["\"\"", "\" \"", "\"\\u0001\"", "5"]);
        check("code", &["\"a b\""], &["\"a  b\"", "\" a\"", "\"a \"", "\"a\\tb\"", "\"\""]);
        check("id", &["\"a-1.B\""], &["\"a_1\"", "\"\""]);
        check("uri", &["\"urn:x\"", "\"relative\""], &["\"not a uri\"", "\"\""]);
        check("oid", &["\"urn:oid:1.2.0\""], &["\"1.2\"", "\"urn:oid:3.1\"", "\"urn:oid:1.02\"", "\"urn:oid:1\""]);
        check(
            "uuid",
            &["\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\""],
            &["\"c757873d-ec9a-4326-a141-556f43239520\""],
        );
        check("base64Binary", &["\"QUI=\"", "\"QU\\nJD\""], &["\"not base64!!\"", "\"QUI\"", "\"=AAA\"", "\"\""]);
        check(
            "date",
            &["\"2023\"", "\"2023-02\"", "\"2024-02-29\""],
            &["\"2023-02-29\"", "\"2023-02-01T10:00:00Z\"", "\"23\"", "\"2023-13\""],
        );
        check(
            "dateTime",
            &["\"2023\"", "\"2023-02-01T10:00:00+01:00\""],
            &["\"2023-02-01T10:00:00\"", "\"2023-02T10:00:00Z\"", "\"2023-02-01T10:00Z\""],
        );
        check("instant", &["\"2023-02-01T10:00:00.5Z\""], &["\"2023-02-01\"", "\"2023-02-01T10:00:00.Z\""]);
        check("time", &["\"08:00:00\"", "\"08:00:00.25\""], &["\"8 Uhr\"", "\"24:00:00\"", "\"08:00\""]);
        assert_eq!(wanted("Period"), None);
    }
}
