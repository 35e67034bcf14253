//! One cell as a JSON value, by the kind of its column, and the JSON writer that takes it. Nothing is parsed that need
//! not be checked: numbers keep their digits.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
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
    let column = &table.columns[index];
    let Some(text) = rows.cell(row, index) else {
        match table.concept_of(index).and_then(|concept| Some((rows.cell(row, concept.code)?, concept))) {
            Some((code, concept)) => out.guid(key::concept(rows.cell(row, concept.system), code)),
            None => out.raw("null"),
        }
        return Ok(());
    };
    let ill_formed = || ill_formed(table, column);
    let number = |valid: bool| if valid { Ok(()) } else { Err(ill_formed()) };
    match &column.kind {
        Kind::Key => out.guid(key::guid(text)),
        Kind::ConceptKey { .. } => out.guid(Uuid::try_parse(text).map_err(|_| ill_formed())?),
        Kind::Lookup(_) => match key::reference(text) {
            Some(reference) => out.guid(reference.guid()),
            None => out.raw("null"),
        },
        Kind::Text { .. } | Kind::Uri | Kind::PartialDate | Kind::Json => out.text(text),
        Kind::Boolean => {
            number(matches!(text, "true" | "false"))?;
            out.raw(text);
        }
        Kind::Int32 => {
            number(text.parse::<i32>().is_ok() && Number::parse(text).is_some())?;
            out.raw(text);
        }
        Kind::Int64 => {
            number(text.parse::<i64>().is_ok() && Number::parse(text).is_some())?;
            out.number(text, format.ieee754_compatible);
        }
        Kind::Decimal { .. } => {
            number(Number::parse(text).is_some())?;
            out.number(text, format.ieee754_compatible);
        }
        Kind::Date => {
            number(value::parse_date(text).is_some())?;
            out.text(text);
        }
        Kind::DateTime => out.text(&utc(text).ok_or_else(ill_formed)?),
        Kind::Choice(choice) => match choice.by_code(text) {
            Some(option) => out.raw(&option.value.to_string()),
            None if choice.open => out.raw("null"),
            None => return Err(ill_formed()),
        },
    }
    Ok(())
}

/// What a person reads instead of the value.
pub(crate) fn formatted(table: &Table, rows: &Rows, row: usize, index: ColumnIndex) -> Option<String> {
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
            let moment = value::parse_instant(text)?.to_zoned(TimeZone::UTC);
            Some(moment.strftime("%Y-%m-%d %H:%M").to_string())
        }
        _ => None,
    }
}

/// Types that a JSON value does not show by itself.
pub(crate) fn explicit_type(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Key | Kind::Lookup(_) | Kind::ConceptKey { .. } => Some("#Guid"),
        Kind::Date => Some("#Date"),
        Kind::DateTime => Some("#DateTimeOffset"),
        Kind::Decimal { .. } => Some("#Decimal"),
        Kind::Int64 => Some("#Int64"),
        Kind::Int32 | Kind::Choice(_) => Some("#Int32"),
        Kind::Text { .. } | Kind::Boolean | Kind::PartialDate | Kind::Uri | Kind::Json => None,
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.f]Z`, the digits of the fraction as they stood.
fn utc(text: &str) -> Option<String> {
    let moment = value::parse_instant(text)?.to_zoned(TimeZone::UTC);
    let fraction = text.split_once('.').map(|(_, rest)| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest.get(..digits).unwrap_or_default()
    });
    let mut utc = moment.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    if let Some(fraction) = fraction.filter(|f| !f.is_empty()) {
        utc.push('.');
        utc.push_str(fraction);
    }
    utc.push('Z');
    Some(utc)
}

fn ill_formed(table: &Table, column: &Column) -> Error {
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

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes.push(b'"');
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
            let (plain, tail) = rest.split_at(at);
            self.raw(plain);
            let mut tail = tail.chars();
            if let Some(c) = tail.next() {
                self.escape(c);
            }
            rest = tail.as_str();
        }
        self.raw(rest);
        self.bytes.push(b'"');
    }

    fn escape(&mut self, c: char) {
        match c {
            '"' => self.raw("\\\""),
            '\\' => self.raw("\\\\"),
            '\n' => self.raw("\\n"),
            '\r' => self.raw("\\r"),
            '\t' => self.raw("\\t"),
            _ => {
                let mut code = String::new();
                let _ = write!(code, "\\u{:04x}", u32::from(c));
                self.raw(&code);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_utc_with_their_fraction() {
        for (text, expected) in [
            ("2015-02-07T13:28:17Z", "2015-02-07T13:28:17Z"),
            ("2015-02-07T23:28:17.120-05:00", "2015-02-08T04:28:17.120Z"),
            ("2015-02-07T13:28", "2015-02-07T13:28:00Z"),
            ("2015-02", "2015-02-01T00:00:00Z"),
        ] {
            assert_eq!(utc(text).as_deref(), Some(expected), "{text}");
        }
    }
}
