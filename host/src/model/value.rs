//! What a cell's text means: the typed value behind it, and the one [`SortKey`] by which cells are compared and
//! ordered. The residual evaluator compares these keys, and the store keeps them beside each cell, so that every route
//! and every database agrees by construction: text folded for case and accents, decimals of any size by value, moments
//! by instant, choices by their integer, references by their GUID.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::tz::TimeZone;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use uuid::Uuid;

use super::error::{Code, Error, Result};
use super::key;
use super::table::Kind;

pub use jiff::Timestamp as Instant;
pub use jiff::civil::Date;

/// A decimal as its own text, so that `72.10` keeps its zero; compared by value at any size.
#[derive(Clone, Debug)]
pub struct Number<'a>(Cow<'a, str>);

/// Orders cells of one column: null first, then by value. Keys of different columns compare only if their kinds do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SortKey {
    Null,
    Bool(bool),
    /// Integers, choice values, days since 1970-01-01 (dates), microseconds since then (moments).
    Int(i64),
    /// A decimal in an encoding whose byte order is its value's order.
    Decimal(Vec<u8>),
    /// Folded text.
    Text(String),
    Guid(Uuid),
}

impl SortKey {
    /// The key of a cell of a column of this kind. `Err` = the text is none that the kind allows.
    pub fn of(kind: &Kind, cell: Option<&str>) -> Result<Self> {
        let Some(text) = cell else {
            return Ok(Self::Null);
        };
        let ill_formed = || Error::new(Code::BadValue, format!("a cell is no {}", kind_name(kind)));
        Ok(match kind {
            // Of a table of one type: where there are several, the table has to be asked (`key::of_row`).
            Kind::Key => Self::Guid(key::guid(text)),
            Kind::ConceptKey { .. } => Self::Guid(Uuid::parse_str(text).map_err(|_| ill_formed())?),
            Kind::Lookup(lookup) => match key::reference(text) {
                Some(reference) => Self::Guid(key::of_reference(lookup, &reference)),
                None => Self::Null,
            },
            Kind::Text { .. } | Kind::Uri | Kind::PartialDate | Kind::Json => Self::Text(fold(text)),
            Kind::Boolean => match text {
                "true" => Self::Bool(true),
                "false" => Self::Bool(false),
                _ => return Err(ill_formed()),
            },
            Kind::Int32 => Self::Int(i64::from(text.parse::<i32>().map_err(|_| ill_formed())?)),
            Kind::Int64 => Self::Int(text.parse().map_err(|_| ill_formed())?),
            Kind::Decimal { .. } => {
                Self::Decimal(Number::parse(text).and_then(|n| n.sort_bytes()).ok_or_else(ill_formed)?)
            }
            Kind::Date => Self::Int(days(parse_date(text).ok_or_else(ill_formed)?)),
            Kind::DateTime => Self::Int(parse_instant(text).ok_or_else(ill_formed)?.as_microsecond()),
            Kind::Choice(choice) => match choice.by_code(text) {
                Some(option) => Self::Int(i64::from(option.value)),
                None if choice.open => Self::Null,
                None => return Err(ill_formed()),
            },
        })
    }
}

/// The kind's name for error texts.
pub fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Key | Kind::ConceptKey { .. } => "key",
        Kind::Text { .. } => "text",
        Kind::Boolean => "boolean",
        Kind::Int32 => "32-bit integer",
        Kind::Int64 => "64-bit integer",
        Kind::Decimal { .. } => "decimal",
        Kind::Date => "date",
        Kind::DateTime => "date-time",
        Kind::PartialDate => "partial date",
        Kind::Uri => "URI",
        Kind::Choice(_) => "choice",
        Kind::Lookup(_) => "lookup",
        Kind::Json => "JSON value",
    }
}

/// Case and accents folded away: canonical decomposition without combining marks, lower case. This function alone
/// defines when two texts are equal and how they are ordered, on every route.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).nfc().collect()
}

/// A FHIR dateTime, date or instant of any precision as its first moment; without a zone it is UTC.
pub fn parse_instant(text: &str) -> Option<Instant> {
    match text.split_once('T') {
        Some((day, time)) => {
            let date = parse_date(day)?;
            let (clock, offset) = split_offset(time)?;
            let clock: jiff::civil::Time = match clock.len() {
                5.. if clock.as_bytes().get(2) == Some(&b':') => clock.parse().ok()?,
                _ => return None,
            };
            let moment = date.to_datetime(clock).to_zoned(TimeZone::UTC).ok()?.timestamp();
            moment.checked_sub(jiff::SignedDuration::from_secs(offset)).ok()
        }
        None => first_day(text)?.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp()),
    }
}

/// `YYYY-MM-DD`, nothing else.
pub fn parse_date(text: &str) -> Option<Date> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    if shape { text.parse().ok() } else { None }
}

pub fn days(date: Date) -> i64 {
    let zero = jiff::civil::date(1970, 1, 1);
    i64::from((date - zero).get_days())
}

/// The first day of a FHIR date of any precision: `1970`, `1970-05`, `1970-05-17`.
pub fn first_day(text: &str) -> Option<Date> {
    match text.len() {
        4 => parse_date(&format!("{text}-01-01")),
        7 => parse_date(&format!("{text}-01")),
        _ => parse_date(text),
    }
}

/// Time and its offset from UTC in seconds.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z').or_else(|| time.strip_suffix('z')) {
        return Some((clock, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (clock, offset) = time.split_at(at);
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    Some((clock, if offset.starts_with('-') { -seconds } else { seconds }))
}

impl<'a> Number<'a> {
    /// Exponents beyond this are no measurement but an attack.
    const MAX_EXPONENT: i64 = 1_000_000;

    /// A number as the JSON grammar has it.
    pub fn parse(text: impl Into<Cow<'a, str>>) -> Option<Self> {
        let text = text.into();
        parts(&text)?;
        Some(Self(text))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn into_owned(self) -> Number<'static> {
        Number(Cow::Owned(self.0.into_owned()))
    }

    /// For arithmetic; None if it needs more than the 28 digits that a decimal of the database world has.
    pub fn to_decimal(&self) -> Option<rust_decimal::Decimal> {
        if self.0.contains(['e', 'E']) {
            rust_decimal::Decimal::from_scientific(&self.0).ok()
        } else {
            rust_decimal::Decimal::from_str_exact(&self.0).ok()
        }
    }

    /// Bytes whose lexicographic order is the order of the values: a sign byte, then for a positive number the
    /// exponent and the digits, for a negative one the same inverted. None beyond a million's exponent.
    pub fn sort_bytes(&self) -> Option<Vec<u8>> {
        let (negative, digits, exponent) = parts(&self.0)?;
        if digits.is_empty() {
            return Some(vec![1]);
        }
        let mut bytes = Vec::with_capacity(digits.len() + 6);
        bytes.push(2);
        let biased = u32::try_from(exponent + 2 * Self::MAX_EXPONENT).ok()?;
        bytes.extend_from_slice(&biased.to_be_bytes());
        bytes.extend_from_slice(&digits);
        bytes.push(0);
        if negative {
            for byte in &mut bytes {
                *byte = !*byte;
            }
            bytes[0] = 0;
        }
        Some(bytes)
    }
}

/// Sign, significant digits (`1..=9` first, no zeros at the end) and the exponent of `0.digits`.
fn parts(text: &str) -> Option<(bool, Vec<u8>, i64)> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse::<i64>().ok()?)
        }
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let well_formed = !whole.is_empty()
        && (whole == "0" || !whole.starts_with('0'))
        && whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
    if !well_formed || exponent.abs() > Number::MAX_EXPONENT {
        return None;
    }
    let all = [whole.as_bytes(), fraction.as_bytes()].concat();
    let leading = all.iter().take_while(|b| **b == b'0').count();
    let end = all.iter().rposition(|b| *b != b'0').map_or(leading, |last| last + 1);
    let digits = all.get(leading..end).unwrap_or_default().to_vec();
    let exponent = exponent + i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
    Some((negative && !digits.is_empty(), digits, exponent))
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number<'_> {}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sort_bytes().cmp(&other.sort_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_order_by_value_at_any_size() {
        let ascending = [
            "-1.00000000000000000000e245",
            "-100",
            "-99.5",
            "-1e-22",
            "0",
            "1E-22",
            "0.5",
            "1",
            "1.5",
            "9.99",
            "10",
            "72.1",
            "1e3",
            "12345678901234567890123456789012",
            "1e245",
        ];
        for pair in ascending.windows(2) {
            let [a, b] = pair else { unreachable!() };
            assert!(Number::parse(*a).unwrap() < Number::parse(*b).unwrap(), "{a} < {b}");
        }
        for (a, b) in [("72.10", "72.1"), ("1e2", "100"), ("-0", "0.00"), ("1200", "1.2E+3")] {
            assert_eq!(Number::parse(a).unwrap(), Number::parse(b).unwrap(), "{a} = {b}");
        }
        for bad in ["", "-", "01", "1.", ".5", "1e", "+1", "1e9999999", "NaN", "1_0"] {
            assert!(Number::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn moments_of_any_precision() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(parse_instant(text).map(|i| i.to_string()).as_deref(), expected, "{text}");
        };
        check("2015", Some("2015-01-01T00:00:00Z"));
        check("2015-02", Some("2015-02-01T00:00:00Z"));
        check("2015-02-07", Some("2015-02-07T00:00:00Z"));
        check("2015-02-07T13:28:17-05:00", Some("2015-02-07T18:28:17Z"));
        check("2015-02-07T13:28:17.239+02:00", Some("2015-02-07T11:28:17.239Z"));
        check("2015-02-07T13:28:17", Some("2015-02-07T13:28:17Z"));
        check("2015-02-30", None);
        check("2015-02-07T25:00:00Z", None);
        check("20150207", None);
        check("yesterday", None);
    }

    #[test]
    fn text_folds_case_and_accents() {
        for (a, b) in [("JAMES", "james"), ("José", "JOSE"), ("Ångström", "angstrom"), ("ΣΊΣΥΦΟΣ", "σισυφοσ")]
        {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        assert_ne!(fold("a b"), fold("ab"));
    }
}
