//! What a cell's text means: the typed value behind it, and the one [`SortKey`] by which cells are compared and
//! ordered. The residual evaluator compares these keys, and the store keeps them beside each cell, so that every route
//! and every database agrees by construction: text folded for case and accents, decimals of any size by value, moments
//! by instant, choices by their integer, references by their GUID.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::SignedDuration;
use jiff::civil::{DateTime, Time};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use uuid::Uuid;

use super::error::{Code, Error, Result};
use super::key;
use super::table::Kind;

pub use jiff::civil::Date;

/// A moment, to the microsecond. It reaches beyond the years 1 to 9999 by the offsets from UTC that a date-time of these
/// years may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

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
            Kind::Decimal { .. } => Self::Decimal(Number::parse(text).ok_or_else(ill_formed)?.sort_bytes()),
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

/// Case and accents folded away: Unicode's full case folding (`ß` is `ss`, `ς` is `σ`, `ﬁ` is `fi`) of the canonical
/// decomposition, without combining marks. This function alone defines when two texts are equal and how they are
/// ordered, on every route.
pub fn fold(text: &str) -> String {
    let (mut folded, mut rest) = (String::with_capacity(text.len()), text);
    // ASCII letters neither decompose nor, once marks are gone, compose with what stands beside them.
    while !rest.is_empty() {
        let (ascii, others) = rest.split_at(rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len()));
        folded.push_str(&ascii.to_ascii_lowercase());
        let (run, after) = others.split_at(others.bytes().position(|byte| byte.is_ascii()).unwrap_or(others.len()));
        folded.extend(fold_characters(run));
        rest = after;
    }
    folded
}

fn fold_characters(text: &str) -> impl Iterator<Item = char> {
    text.nfd().flat_map(full_case_folding).nfd().filter(|c| !is_combining_mark(*c)).nfc()
}

/// Full case folding (CaseFolding.txt, C and F) but for which of a class of letters stands for it: what has the same
/// upper case is the same. The dotless `ı` is no `i`.
fn full_case_folding(c: char) -> impl Iterator<Item = char> {
    let (kept, folded) = if c == 'ı' { (Some(c), None) } else { (None, Some(c)) };
    let folded = folded.into_iter().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    kept.into_iter().chain(folded.flat_map(char::to_lowercase))
}

/// A FHIR dateTime, date or instant of any precision as its first moment; without a zone it is UTC.
pub fn parse_instant(text: &str) -> Option<Instant> {
    match text.split_once('T') {
        Some((day, time)) => {
            let date = parse_date(day)?;
            let (clock, offset) = split_offset(time)?;
            Some(Instant(Instant::of_day(date).0 + time_of_day(clock)? - offset * SECOND))
        }
        None => first_day(text).map(Instant::of_day),
    }
}

/// `HH:MM[:SS[.f]]` in microseconds, further digits cut off. A leap second counts as the one before.
pub fn time_of_day(clock: &str) -> Option<i64> {
    let (whole, fraction) = match clock.split_once('.') {
        Some((whole, fraction)) if whole.len() == 8 && !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (clock, ""),
    };
    let mut parts = whole.split(':').map(|part| {
        let shape = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        if shape { part.parse::<i64>().ok() } else { None }
    });
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().unwrap_or(Some(0))?;
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let micros = fraction.bytes().chain(std::iter::repeat(b'0')).take(6).fold(0, |n, b| n * 10 + i64::from(b - b'0'));
    Some(((hours * 60 + minutes) * 60 + seconds.min(59)) * SECOND + micros)
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// `[-]P[nD][T[nH][nM][n[.f]S]]` in microseconds, further digits cut off. None where there are too many.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (days, clock) = rest.strip_prefix('P')?.split_once('T').unwrap_or((rest.strip_prefix('P')?, ""));
    let mut total = match days {
        "" => 0,
        days => days.strip_suffix('D')?.parse::<i64>().ok()?.checked_mul(DAY)?,
    };
    let mut clock = clock;
    for (unit, micros) in [('H', 3_600 * SECOND), ('M', 60 * SECOND)] {
        if let Some((count, rest)) = clock.split_once(unit) {
            total = total.checked_add(count.parse::<i64>().ok()?.checked_mul(micros)?)?;
            clock = rest;
        }
    }
    if let Some(seconds) = clock.strip_suffix('S') {
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
        let micros = digits.fold(0, |n, digit| n * 10 + i64::from(digit.wrapping_sub(b'0')));
        total = total.checked_add(whole.parse::<i64>().ok()?.checked_mul(SECOND)?)?.checked_add(micros)?;
    } else if !clock.is_empty() {
        return None;
    }
    Some(if negative { -total } else { total })
}

/// `HH:MM:SS[.f]`
pub fn time_text(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(SECOND), micros.rem_euclid(SECOND));
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}{}", seconds % 60, fraction_text(fraction))
}

/// `[-]P[nD][T[nH][nM][n[.f]S]]`, `PT0S` for none.
pub fn duration_text(micros: i64) -> String {
    let (size, day, second) = (micros.unsigned_abs(), DAY.unsigned_abs(), SECOND.unsigned_abs());
    let (days, rest) = (size / day, size % day);
    let (seconds, fraction) = (rest / second, i64::try_from(rest % second).unwrap_or_default());
    let part = |count: u64, unit: &str| if count > 0 { format!("{count}{unit}") } else { String::new() };
    let mut clock = part(seconds / 3_600, "H") + &part(seconds / 60 % 60, "M");
    if seconds % 60 > 0 || fraction > 0 || size == 0 {
        clock += &format!("{}{}S", seconds % 60, fraction_text(fraction));
    }
    let time = if clock.is_empty() { clock } else { format!("T{clock}") };
    format!("{}P{}{time}", if micros < 0 { "-" } else { "" }, part(days, "D"))
}

fn fraction_text(micros: i64) -> String {
    match micros {
        0 => String::new(),
        _ => format!(".{micros:06}").trim_end_matches('0').to_owned(),
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

impl Instant {
    pub const fn from_microsecond(since_1970: i64) -> Self {
        Self(since_1970)
    }

    pub fn as_microsecond(self) -> i64 {
        self.0
    }

    /// The first moment of a day in UTC.
    pub fn of_day(date: Date) -> Self {
        Self(days(date) * DAY)
    }

    /// The day that it is the first moment of, in UTC.
    pub fn begins_day(self) -> Option<Date> {
        let date = self.utc()?.date();
        (Self::of_day(date) == self).then_some(date)
    }

    pub fn checked_add(self, duration: SignedDuration) -> Option<Self> {
        let micros = i64::try_from(duration.as_micros()).ok()?;
        self.0.checked_add(micros).map(Self)
    }

    pub fn checked_sub(self, duration: SignedDuration) -> Option<Self> {
        self.checked_add(duration.checked_neg()?)
    }

    /// Day and time in UTC, of the years 1 to 9999: those that Edm.DateTimeOffset and its clients have. None outside.
    pub fn utc(self) -> Option<DateTime> {
        let day = i32::try_from(self.0.div_euclid(DAY)).ok()?;
        let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(day).ok()?).ok()?;
        let time = SignedDuration::from_micros(self.0.rem_euclid(DAY));
        let time = Time::midnight().checked_add(time).ok()?;
        (date.year() >= 1).then(|| date.to_datetime(time))
    }
}

impl From<jiff::Timestamp> for Instant {
    fn from(moment: jiff::Timestamp) -> Self {
        Self(moment.as_microsecond())
    }
}

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const FAR: SignedDuration = SignedDuration::from_hours(14);
        if let Some(utc) = self.utc() {
            return write!(f, "{utc}Z");
        }
        // Just outside the years that can be written: where the clock is behind, or ahead, it is still in them.
        for (moved, offset) in [(self.checked_sub(FAR), "-14:00"), (self.checked_add(FAR), "+14:00")] {
            if let Some(local) = moved.and_then(Self::utc) {
                return write!(f, "{local}{offset}");
            }
        }
        write!(f, "{} microseconds from 1970-01-01T00:00:00Z", self.0)
    }
}

impl<'a> Number<'a> {
    /// Of larger exponents the order is kept, in a longer form.
    const MAX_EXPONENT: i64 = 1_000_000;
    /// Exponents beyond this are all the same.
    const LAST_EXPONENT: i64 = 1_000_000_000_000_000_000;
    /// Digits before the point that a decimal may have where it is written without exponent: as many as every decimal of
    /// the database world, .NET's among them, can have.
    pub const WHOLE_DIGITS: usize = 28;
    /// Digits in all, likewise.
    pub const DIGITS: usize = 38;

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

    /// Whether it is below zero, its significant digits as text (`1..=9` first and last; none of zero), and the power of ten
    /// before whose first the point stands: `0.digits` times 10 to it.
    pub fn digits(&self) -> (bool, Vec<u8>, i64) {
        parts(&self.0).unwrap_or_default()
    }

    /// For the bounds of a search; None if it needs more than the 28 digits that a decimal of the database world has.
    pub fn to_decimal(&self) -> Option<rust_decimal::Decimal> {
        let (_, _, exponent) = parts(&self.0)?;
        if exponent.abs() > 60 {
            return None;
        }
        if self.0.contains(['e', 'E']) {
            rust_decimal::Decimal::from_scientific(&self.0).ok()
        } else {
            rust_decimal::Decimal::from_str_exact(&self.0).ok()
        }
    }

    /// The number without an exponent, with its zeros at the end; these go first where it is too long. None: it would
    /// take more than [`WHOLE_DIGITS`](Self::WHOLE_DIGITS) before the point, or [`DIGITS`](Self::DIGITS) in all.
    pub fn plain(&self) -> Option<Cow<'_, str>> {
        let text = self.0.as_ref();
        if text.len() <= Self::WHOLE_DIGITS && !text.contains(['e', 'E']) {
            return Some(text.into());
        }
        let (negative, significant, exponent) = parts(text)?;
        if significant.is_empty() {
            return Some("0".into());
        }
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
        let zeros = mantissa.bytes().filter(|b| *b != b'.').rev().take_while(|b| *b == b'0').count();
        let whole = usize::try_from(exponent).unwrap_or_default();
        let before = usize::try_from(-exponent).unwrap_or_default();
        if whole > Self::WHOLE_DIGITS || before > Self::DIGITS {
            return None;
        }
        let mut digits = vec![b'0'; before];
        digits.extend_from_slice(&significant);
        let least = whole.max(digits.len());
        if least + usize::from(whole == 0) > Self::DIGITS {
            return None;
        }
        digits.resize(least.max((digits.len() + zeros).min(Self::DIGITS - usize::from(whole == 0))), b'0');
        let digits = String::from_utf8(digits).ok()?;
        let (whole, fraction) = digits.split_at(whole);
        let whole = if whole.is_empty() { "0" } else { whole };
        let (sign, point) = (if negative { "-" } else { "" }, if fraction.is_empty() { "" } else { "." });
        Some([sign, whole, point, fraction].concat().into())
    }

    /// Bytes whose lexicographic order is the order of the values: a sign byte, then for a positive number the
    /// exponent and the digits, for a negative one the same inverted.
    pub fn sort_bytes(&self) -> Vec<u8> {
        let (negative, digits, exponent) = parts(&self.0).unwrap_or_default();
        if digits.is_empty() {
            return vec![1];
        }
        let mut bytes = Vec::with_capacity(digits.len() + 6);
        bytes.push(2);
        match u32::try_from(exponent + 2 * Self::MAX_EXPONENT) {
            Ok(biased) if (1..u32::MAX).contains(&biased) => bytes.extend_from_slice(&biased.to_be_bytes()),
            _ => {
                let beyond = if exponent < 0 { 0 } else { u32::MAX };
                bytes.extend_from_slice(&beyond.to_be_bytes());
                bytes.extend_from_slice(&(exponent + 2 * Self::LAST_EXPONENT).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&digits);
        bytes.push(0);
        if negative {
            for byte in &mut bytes {
                *byte = !*byte;
            }
            bytes[0] = 0;
        }
        bytes
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
            (mantissa, saturated(exponent, digits))
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
    if !well_formed {
        return None;
    }
    let all = [whole.as_bytes(), fraction.as_bytes()].concat();
    let leading = all.iter().take_while(|b| **b == b'0').count();
    let end = all.iter().rposition(|b| *b != b'0').map_or(leading, |last| last + 1);
    let digits = all.get(leading..end).unwrap_or_default().to_vec();
    let exponent = exponent + i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
    Some((negative && !digits.is_empty(), digits, exponent))
}

/// An exponent with its sign, as far as exponents go.
fn saturated(exponent: &str, digits: &str) -> i64 {
    let size = digits.parse().unwrap_or(Number::LAST_EXPONENT).min(Number::LAST_EXPONENT);
    if exponent.starts_with('-') { -size } else { size }
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
    fn durations_and_times_of_day() {
        for (text, micros) in [
            ("PT0S", 0),
            ("P1D", DAY),
            ("-P1DT2H3M4.5S", -(DAY + 2 * 3_600 * SECOND + 3 * 60 * SECOND + 4_500_000)),
            ("PT0.000001S", 1),
            ("PT36H", DAY + DAY / 2),
            ("PT90S", 90 * SECOND),
        ] {
            assert_eq!(parse_duration(text), Some(micros), "{text}");
            assert_eq!(parse_duration(&duration_text(micros)), Some(micros), "{text}");
        }
        assert_eq!(duration_text(-(DAY + 90 * SECOND)), "-P1DT1M30S");
        assert_eq!(parse_duration("P99999999999999D"), None);
        assert_eq!(time_of_day("11:22").map(time_text).as_deref(), Some("11:22:00"));
        assert_eq!(time_of_day("23:59:59.25").map(time_text).as_deref(), Some("23:59:59.25"));
    }

    #[test]
    fn decimals_order_by_value_at_any_size() {
        let ascending = [
            "-1e99999999999999999999",
            "-1e999999999",
            "-1.00000000000000000000e245",
            "-100",
            "-99.5",
            "-1e-22",
            "-1e-999999999",
            "0",
            "1e-999999999",
            "1e-999999998",
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
            "1e1000000",
            "1e999999998",
            "1.5e999999998",
            "1e999999999",
            "1e99999999999999999999",
        ];
        for pair in ascending.windows(2) {
            let [a, b] = pair else { unreachable!() };
            assert!(Number::parse(*a).unwrap() < Number::parse(*b).unwrap(), "{a} < {b}");
        }
        for (a, b) in [("72.10", "72.1"), ("1e2", "100"), ("-0", "0.00"), ("1200", "1.2E+3")] {
            assert_eq!(Number::parse(a).unwrap(), Number::parse(b).unwrap(), "{a} = {b}");
        }
        for bad in ["", "-", "01", "1.", ".5", "1e", "+1", "NaN", "1_0"] {
            assert!(Number::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn decimals_are_written_without_exponent() {
        let check = |text: &str, expected: Option<&str>| {
            let number = Number::parse(text).unwrap();
            assert_eq!(number.plain().as_deref(), expected, "{text}");
            if let Some(plain) = number.plain() {
                assert_eq!(Number::parse(plain.into_owned()).unwrap(), number, "{text}");
            }
        };
        check("72.10", Some("72.10"));
        check("1e-7", Some("0.0000001"));
        check("8.675E-06", Some("0.000008675"));
        check("1.0e0", Some("1.0"));
        check("-1.20e+3", Some("-1200"));
        check("-0.120e1", Some("-1.20"));
        check("1200e-2", Some("12.00"));
        check("0e999", Some("0"));
        check("1e27", Some("1000000000000000000000000000"));
        check("1e28", None);
        check("1e-37", Some("0.0000000000000000000000000000000000001"));
        check("1e-38", None);
        check("1.00000000000000000000e-245", None);
        check("1e100", None);
        check("1e999999999", None);
        check("12345678901234567890123456789", None);
        check("0.5000000000000000000000000000000000000000000000", Some("0.5000000000000000000000000000000000000"));
        check("0.3333333333333333333333333333333333333333333333", None);
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
        check("9999-12-31", Some("9999-12-31T00:00:00Z"));
        check("9999-12-31T23:59:59Z", Some("9999-12-31T23:59:59Z"));
        check("9999-12-31T23:59:59-05:00", Some("9999-12-31T14:59:59-14:00"));
        check("0001-01-01T00:00:00+05:00", Some("0001-01-01T09:00:00+14:00"));
        check("2024-01-01T00:00:00.1234567891Z", Some("2024-01-01T00:00:00.123456Z"));
        check("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59Z"));
        check("2015-02-07T13:28:17.Z", None);
        check("2015-02-30", None);
        check("2015-02-07T25:00:00Z", None);
        check("20150207", None);
        check("yesterday", None);
    }

    proptest::proptest! {
        #[test]
        fn a_text_folds_as_a_whole(text in "(?s).{0,30}|[a-zKſİıßﬁǆ\u{300}-\u{345}\u{1100}-\u{1112}\u{1161}-\u{1175}가각]{0,12}") {
            proptest::prop_assert_eq!(fold(&text), fold_characters(&text).collect::<String>());
        }
    }

    #[test]
    fn text_folds_case_and_accents() {
        for (a, b) in [("JAMES", "james"), ("José", "JOSE"), ("Ångström", "angstrom"), ("ΣΊΣΥΦΟΣ", "σισυφοσ")]
        {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        for (a, b) in [
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("Straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("ﬁne", "FINE"),
            ("ﬂow", "FLOW"),
            ("oﬃce", "OFFICE"),
            ("ﬆone", "Stone"),
            ("ŉ", "ʼN"),
            ("ǰ", "J\u{30c}"),
            ("ΐ", "Ι"),
            ("ᾳ", "ΑΙ"),
            ("ᾼ", "αι"),
            ("İstanbul", "istanbul"),
            ("ſ", "S"),
            ("\u{212a}", "k"),
            ("և", "ԵՒ"),
            ("ꭰ", "Ꭰ"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
            assert_eq!(fold(&fold(a)), fold(a), "{a}");
        }
        assert_ne!(fold("ı"), fold("i"));
        assert_ne!(fold("a b"), fold("ab"));
    }
}
