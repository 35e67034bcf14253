//! One cell as a JSON value, by the kind of its column, and the JSON writer that takes it. Nothing is parsed that need
//! not be checked: numbers keep their digits.

use std::borrow::Cow;

use turntable_scan::block::{BLOCK, Block};
use turntable_scan::number::is_number;
use uuid::Uuid;

use super::headers::Format;
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::{Column, ColumnIndex, Kind, Table};
use crate::model::value::{self, Number};

/// A cell as a JSON value.
pub(crate) fn cell(
    out: &mut Json,
    format: Format,
    table: &Table,
    rows: &Rows,
    row: usize,
    index: ColumnIndex,
) -> Result<()> {
    if table.is_masked(index) {
        // The key of a concept would be made of its code.
        out.raw("null");
        return Ok(());
    }
    match rows.cell(row, index) {
        Some(text) => value(out, format, table, &table.columns[index], text),
        None => {
            match table.concept_of(index).and_then(|concept| Some((rows.cell(row, concept.code)?, concept))) {
                Some((code, concept)) => out.guid(key::concept(rows.cell(row, concept.system), code)),
                None => out.raw("null"),
            }
            Ok(())
        }
    }
}

/// The text of a cell as a JSON value.
pub(crate) fn value(out: &mut Json, format: Format, table: &Table, column: &Column, text: &str) -> Result<()> {
    let checked = |valid: bool| if valid { Ok(()) } else { Err(ill_formed(table, column)) };
    match &column.kind {
        Kind::Key => out.guid(key::of_row(table, text)),
        Kind::ConceptKey { .. } => out.guid(Uuid::try_parse(text).map_err(|_| ill_formed(table, column))?),
        Kind::Lookup(lookup) => match key::reference(text) {
            Some(reference) => out.guid(key::of_reference(lookup, &reference)),
            None => out.raw("null"),
        },
        Kind::Text { .. } | Kind::Uri | Kind::PartialDate | Kind::Json => out.text(text),
        Kind::Boolean => {
            checked(matches!(text, "true" | "false"))?;
            out.raw(text);
        }
        Kind::Int32 => {
            checked(text.parse::<i32>().is_ok() && is_number(text))?;
            out.raw(text);
        }
        Kind::Int64 => {
            checked(text.parse::<i64>().is_ok() && is_number(text))?;
            out.number(text, format.ieee754_compatible);
        }
        Kind::Decimal { .. } => {
            checked(is_number(text))?;
            match decimal(format, text) {
                Some(digits) => out.number(&digits, format.ieee754_compatible),
                None => out.raw("null"),
            }
        }
        Kind::Date => {
            checked(value::parse_date(text).is_some())?;
            match format.dates_as_moments {
                true => out.text_in("", text, MIDNIGHT),
                false => out.text(text),
            }
        }
        Kind::DateTime => {
            if utc(out, text).is_none() {
                checked(value::parse_instant(text).is_some())?;
                out.raw("null");
            }
        }
        Kind::Choice(choice) => match choice.by_code(text) {
            Some(option) => out.integer(option.value),
            None if choice.open => out.raw("null"),
            None => return Err(ill_formed(table, column)),
        },
    }
    Ok(())
}

/// Why a cell that holds something is written as null: OData has no value for it. Its neighbours and its page are not
/// the worse for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
}

/// None: the cell is written as its value.
pub(crate) fn exception(format: Format, kind: &Kind, text: &str) -> Option<Exception> {
    match kind {
        Kind::Decimal { .. } if decimal(format, text).is_none() => Some(Exception {
            code: "DecimalOutOfRange",
            message: "without an exponent this number has more than 28 digits before the point, or more than 38 in all; \
                      ask for it with ExponentDecimals=true",
        }),
        Kind::DateTime if value::parse_instant(text).is_some_and(|moment| moment.utc().is_none()) => {
            Some(Exception { code: "DateTimeOutOfRange", message: "in UTC this moment is outside the years 1 to 9999" })
        }
        _ => None,
    }
}

/// The digits of a decimal. An exponent is for clients that have said that they read one.
fn decimal(format: Format, text: &str) -> Option<Cow<'_, str>> {
    if format.exponent_decimals || (text.len() <= Number::WHOLE_DIGITS && !text.contains(['e', 'E'])) {
        return Some(text.into());
    }
    Number::parse(text)?.plain().map(|digits| digits.into_owned().into())
}

/// What a person reads instead of the value.
pub(crate) fn formatted(table: &Table, rows: &Rows, row: usize, index: ColumnIndex) -> Option<String> {
    if table.is_masked(index) {
        return None;
    }
    if let Some(concept) = table.concept_of(index) {
        let texts = [concept.display, concept.text, Some(concept.code)];
        return texts.into_iter().flatten().find_map(|column| rows.cell(row, column)).map(str::to_owned);
    }
    let text = rows.cell(row, index)?;
    match &table.columns[index].kind {
        Kind::Choice(choice) => Some(choice.by_code(text).map_or(text, |option| &option.label).to_owned()),
        Kind::Boolean => Some(if text == "true" { "Yes" } else { "No" }.to_owned()),
        Kind::Date => Some(text.to_owned()),
        Kind::DateTime => {
            let moment = value::parse_instant(text)?.utc()?;
            Some(moment.strftime("%Y-%m-%d %H:%M").to_string())
        }
        _ => None,
    }
}

/// Whether what a person reads is told apart from the value.
pub(crate) fn has_formatted(kind: &Kind) -> bool {
    match kind {
        Kind::Choice(_) | Kind::Boolean | Kind::Date | Kind::DateTime | Kind::Lookup(_) | Kind::ConceptKey { .. } => {
            true
        }
        Kind::Key
        | Kind::Text { .. }
        | Kind::Int32
        | Kind::Int64
        | Kind::Decimal { .. }
        | Kind::PartialDate
        | Kind::Uri
        | Kind::Json => false,
    }
}

/// When a day begins in UTC, behind its date.
const MIDNIGHT: &str = "T00:00:00Z";

/// Types that a JSON value does not show by itself.
pub(crate) fn explicit_type(format: Format, kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Key | Kind::Lookup(_) | Kind::ConceptKey { .. } => Some("#Guid"),
        Kind::Date if format.dates_as_moments => Some("#DateTimeOffset"),
        Kind::Date => Some("#Date"),
        Kind::DateTime => Some("#DateTimeOffset"),
        Kind::Decimal { .. } => Some("#Decimal"),
        Kind::Int64 => Some("#Int64"),
        Kind::Int32 | Kind::Choice(_) => Some("#Int32"),
        Kind::Text { .. } | Kind::Boolean | Kind::PartialDate | Kind::Uri | Kind::Json => None,
    }
}

/// Writes `YYYY-MM-DDTHH:MM:SS[.f]Z`, the digits of the fraction as they stood, twelve at most, as OData has it. None: it
/// is no moment of the years 1 to 9999 in UTC, and nothing is written.
fn utc(out: &mut Json, text: &str) -> Option<()> {
    if let Some(usual) = UsualTime::of(text.as_bytes()) {
        usual.write(out);
        return Some(());
    }
    const FRACTION_DIGITS: usize = 12;
    let moment = value::parse_instant(text)?.utc()?;
    let fraction = text.split_once('.').map(|(_, rest)| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count().min(FRACTION_DIGITS);
        rest.get(..digits).unwrap_or_default()
    });
    out.raw("\"");
    out.raw(&moment.strftime("%Y-%m-%dT%H:%M:%S").to_string());
    if let Some(fraction) = fraction.filter(|f| !f.is_empty()) {
        out.raw(".");
        out.raw(fraction);
    }
    out.raw("Z\"");
    Some(())
}

/// The form that nearly all moments have, `2015-02-07T13:28:17.239-05:00`, on the same day in UTC.
struct UsualTime<'t> {
    /// `2015-02-07`
    date: &'t [u8],
    /// Minutes of the day in UTC.
    minutes: i32,
    /// `:17.239`
    rest: &'t [u8],
}

impl<'t> UsualTime<'t> {
    /// None says nothing: the text may be a moment of another form.
    fn of(text: &'t [u8]) -> Option<Self> {
        let two = |at: usize| {
            let (tens, ones) = (text.get(at)?.wrapping_sub(b'0'), text.get(at + 1)?.wrapping_sub(b'0'));
            (tens < 10 && ones < 10).then(|| i32::from(tens * 10 + ones))
        };
        let is = |at: usize, byte: u8| text.get(at) == Some(&byte);
        two(0)?;
        two(2)?;
        // Every month has 28 days.
        let date = is(4, b'-') && (1..=12).contains(&two(5)?) && is(7, b'-') && (1..=28).contains(&two(8)?);
        let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
        let clock = is(10, b'T') && hour < 24 && is(13, b':') && minute < 60 && is(16, b':') && second < 60;
        let mut end = 19;
        if is(end, b'.') {
            let digits = text[end + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return None;
            }
            end += 1 + digits;
        }
        let offset = match text.get(end)? {
            b'Z' if text.len() == end + 1 => 0,
            sign @ (b'+' | b'-') if text.len() == end + 6 && is(end + 3, b':') => {
                let (hours, minutes) = (two(end + 1)?, two(end + 4)?);
                if hours > 14 || minutes > 59 {
                    return None;
                }
                let offset = hours * 60 + minutes;
                if *sign == b'-' { -offset } else { offset }
            }
            _ => return None,
        };
        let minutes = hour * 60 + minute - offset;
        let usual = date && clock && (0..24 * 60).contains(&minutes);
        usual.then(|| Self { date: &text[..10], minutes, rest: &text[16..end] })
    }

    fn write(&self, out: &mut Json) {
        let digit = |number: i32| b'0' + number as u8;
        let (hour, minute) = (self.minutes / 60, self.minutes % 60);
        out.bytes.push(b'"');
        out.bytes.extend_from_slice(self.date);
        out.bytes.extend_from_slice(&[
            b'T',
            digit(hour / 10),
            digit(hour % 10),
            b':',
            digit(minute / 10),
            digit(minute % 10),
        ]);
        out.bytes.extend_from_slice(self.rest);
        out.bytes.extend_from_slice(b"Z\"");
    }
}

pub(crate) fn ill_formed(table: &Table, column: &Column) -> Error {
    let kind = value::kind_name(&column.kind);
    let message = format!("the mapping of `{}` gave a `{}` that is no {kind}", table.name, column.name);
    Error::new(Code::MappingIllFormed, message).target(column.property())
}

/// JSON text under construction: writes commas where they belong.
#[derive(Default)]
pub(crate) struct Json {
    pub(crate) bytes: Vec<u8>,
    /// A comma must come before the next member or item.
    more: bool,
}

impl Json {
    pub(crate) fn open(&mut self, bracket: char) {
        self.bytes.push(bracket as u8);
        self.more = false;
    }

    pub(crate) fn close(&mut self, bracket: char) {
        self.bytes.push(bracket as u8);
        self.more = true;
    }

    /// Before each item of an array.
    pub(crate) fn item(&mut self) {
        if self.more {
            self.bytes.push(b',');
        }
        self.more = true;
    }

    pub(crate) fn name(&mut self, name: &str) {
        self.item();
        self.text(name);
        self.bytes.push(b':');
    }

    /// What has been written so far, for [`Json::back_to`].
    pub(crate) fn mark(&self) -> (usize, bool) {
        (self.bytes.len(), self.more)
    }

    /// Takes back what has been written since.
    pub(crate) fn back_to(&mut self, (length, more): (usize, bool)) {
        self.bytes.truncate(length);
        self.more = more;
    }

    pub(crate) fn member(&mut self, name: &str, text: &str) {
        self.name(name);
        self.text(text);
    }

    pub(crate) fn raw(&mut self, json: &str) {
        self.bytes.extend_from_slice(json.as_bytes());
    }

    pub(crate) fn number(&mut self, digits: &str, quoted: bool) {
        if quoted {
            self.text(digits);
        } else {
            self.raw(digits);
        }
    }

    pub(crate) fn guid(&mut self, guid: Uuid) {
        let mut buffer = Uuid::encode_buffer();
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(guid.hyphenated().encode_lower(&mut buffer).as_bytes());
        self.bytes.push(b'"');
    }

    pub(crate) fn integer(&mut self, number: i32) {
        self.raw(itoa::Buffer::new().format(number));
    }

    /// Members as they stand in an object, each with a comma before it.
    pub(crate) fn members(&mut self, members: &[u8]) {
        if members.is_empty() {
            return;
        }
        let skipped = usize::from(!self.more);
        self.bytes.extend_from_slice(members.get(skipped..).unwrap_or_default());
        self.more = true;
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes.push(b'"');
        self.escaped(text);
        self.bytes.push(b'"');
    }

    /// A text with something before and behind it.
    pub(crate) fn text_in(&mut self, before: &str, text: &str, behind: &str) {
        self.bytes.push(b'"');
        for part in [before, text, behind] {
            self.escaped(part);
        }
        self.bytes.push(b'"');
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(at) = must_be_escaped(rest) {
            self.bytes.extend_from_slice(&rest[..at]);
            self.escape(rest[at]);
            rest = &rest[at + 1..];
        }
        self.bytes.extend_from_slice(rest);
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'"' => self.raw("\\\""),
            b'\\' => self.raw("\\\\"),
            b'\n' => self.raw("\\n"),
            b'\r' => self.raw("\\r"),
            b'\t' => self.raw("\\t"),
            _ => {
                self.raw(if byte < 16 { "\\u000" } else { "\\u001" });
                self.bytes.push(b"0123456789abcdef"[usize::from(byte & 15)]);
            }
        }
    }
}

/// Where the first quote, backslash or control character is.
fn must_be_escaped(text: &[u8]) -> Option<usize> {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        let stops = Block::load(block).string_stops();
        if stops != 0 {
            return Some(index * BLOCK + stops.trailing_zeros() as usize);
        }
    }
    if let Some(last) = text.last_chunk() {
        // The rest, and before it what is known to need nothing.
        let stops = Block::load(last).string_stops();
        return (stops != 0).then(|| text.len() - BLOCK + stops.trailing_zeros() as usize);
    }
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> Option<String> {
        let mut out = Json::default();
        utc(&mut out, text)?;
        Some(String::from_utf8(out.bytes).unwrap())
    }

    #[test]
    fn moments_are_utc_with_their_fraction() {
        for (text, expected) in [
            ("2015-02-07T13:28:17Z", "2015-02-07T13:28:17Z"),
            ("2015-02-07T13:28:17.5+05:30", "2015-02-07T07:58:17.5Z"),
            ("2015-02-07T23:28:17.120-05:00", "2015-02-08T04:28:17.120Z"),
            ("2015-02-07T13:28", "2015-02-07T13:28:00Z"),
            ("2015-02", "2015-02-01T00:00:00Z"),
            ("9999-12-31", "9999-12-31T00:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
            ("9999-12-31T23:59:59+14:00", "9999-12-31T09:59:59Z"),
            ("2024-01-01T00:00:00.1234567891Z", "2024-01-01T00:00:00.1234567891Z"),
            ("2024-01-01T00:00:00.1234567891234Z", "2024-01-01T00:00:00.123456789123Z"),
        ] {
            assert_eq!(written(text), Some(format!("\"{expected}\"")), "{text}");
        }
        for text in [
            "9999-12-31T23:59:59-00:01",
            "0001-01-01T00:00:00+00:01",
            "2015-02-30T13:28:17Z",
            "2015-02-07T24:28:17Z",
            "2015-02-07T13:28:17.Z",
            "2015-02-07T13:28:17+15:00",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_usual_form_is_no_other_moment(
            text in "(20[0-9]{2}|[0-9]{4})-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?(Z|[+-][01][0-9]:[0-6][0-9])"
        ) {
            let Some(usual) = UsualTime::of(text.as_bytes()) else { return Ok(()) };
            if text.starts_with("0000") { return Ok(()) }
            let mut out = Json::default();
            usual.write(&mut out);
            let usual = String::from_utf8(out.bytes).unwrap();
            let usual = usual.trim_matches('"');
            prop_assert!(value::parse_instant(&text).is_some());
            prop_assert_eq!(value::parse_instant(usual), value::parse_instant(&text));
            prop_assert_eq!(written(&text), Some(format!("\"{usual}\"")));
        }

        #[test]
        fn texts_are_json(text: String, number: i32) {
            let mut out = Json::default();
            out.text(&text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out.bytes).unwrap(), text);
            let mut out = Json::default();
            out.integer(number);
            prop_assert_eq!(out.bytes, number.to_string().into_bytes());
        }
    }
}
