//! Dates and numbers as the ranges that FHIR search compares (R4 3.1.1.4.3 to 3.1.1.4.6): a partial
//! date or a Period is a range of instants, a number in a query one of its implicit precision.

use jiff::civil::{Date, DateTime, Time, datetime};
use jiff::{Timestamp, ToSpan as _};
use rust_decimal::Decimal;

const SECOND: i64 = 1_000_000_000;

/// A comparison prefix of a date, number or quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Sa,
    Eb,
    Ap,
}

impl Prefix {
    /// Splits the prefix off a value; none is `eq`.
    pub(crate) fn split(value: &str) -> (Self, &str) {
        let prefix = match value.as_bytes() {
            [b'e', b'q', ..] => Prefix::Eq,
            [b'n', b'e', ..] => Prefix::Ne,
            [b'g', b't', ..] => Prefix::Gt,
            [b'g', b'e', ..] => Prefix::Ge,
            [b'l', b't', ..] => Prefix::Lt,
            [b'l', b'e', ..] => Prefix::Le,
            [b's', b'a', ..] => Prefix::Sa,
            [b'e', b'b', ..] => Prefix::Eb,
            [b'a', b'p', ..] => Prefix::Ap,
            _ => return (Prefix::Eq, value),
        };
        (prefix, &value[2..])
    }
}

/// A half-open range of instants, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instants {
    pub(crate) low: i128,
    pub(crate) high: i128,
}

impl Instants {
    /// The range that a FHIR `date`, `dateTime` or `instant` stands for. A value without a zone is read as UTC.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once('T') {
            Some((date, time)) => Self::of_time(civil_date(date)?, time),
            None => Self::of_date(text),
        }
    }

    /// From the start of one to the end of the other; an absent bound is open.
    pub(crate) fn period(start: Option<Self>, end: Option<Self>) -> Self {
        let low = start.map_or(i128::MIN, |start| start.low);
        Self { low, high: end.map_or(i128::MAX, |end| end.high) }
    }

    fn of_date(text: &str) -> Option<Self> {
        let (first, width) = match text.len() {
            4 => (Date::new(digits(text)?, 1, 1).ok()?, 1.year()),
            7 => (civil_date(&format!("{text}-01"))?, 1.month()),
            _ => (civil_date(text)?, 1.day()),
        };
        let start = |date: Date| nanoseconds(date.to_datetime(Time::midnight()));
        // 9999-12-31 is the last day there is, and a customary "never".
        let high = first.checked_add(width).map_or(i128::MAX, start);
        Some(Self { low: start(first), high })
    }

    fn of_time(date: Date, text: &str) -> Option<Self> {
        let zone_at = text.find(['Z', '+', '-']).unwrap_or(text.len());
        let (clock, zone) = text.split_at(zone_at);
        let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let mut parts = whole.split(':').map(|part| digits::<i8>(exact(part, 2)?));
        let (hour, minute) = (parts.next()??, parts.next()??);
        let second = match parts.next() {
            Some(second) => Some(second?),
            None => None,
        };
        if parts.next().is_some() || (clock.contains('.') && (fraction.is_empty() || second.is_none())) {
            return None;
        }
        let (subsecond, width) = subsecond(fraction, second.is_some())?;
        // R4 lets an instant name a leap second; it is read as the last second of its minute.
        let time = Time::new(hour, minute, second.unwrap_or(0).min(59), 0).ok()?;
        let offset = i128::from(parse_zone(zone)?) * i128::from(SECOND);
        let low = nanoseconds(date.to_datetime(time)) - offset + i128::from(subsecond);
        Some(Self { low, high: low + i128::from(width) })
    }

    /// Whether a stored range answers `prefix` with this one as the search value.
    pub(crate) fn compare(self, prefix: Prefix, stored: Self, now: Timestamp) -> bool {
        let equal = self.low <= stored.low && stored.high <= self.high;
        match prefix {
            Prefix::Eq => equal,
            Prefix::Ne => !equal,
            Prefix::Gt => stored.high > self.high,
            Prefix::Ge => equal || stored.high > self.high,
            Prefix::Lt => stored.low < self.low,
            Prefix::Le => equal || stored.low < self.low,
            Prefix::Sa => stored.low >= self.high,
            Prefix::Eb => stored.high <= self.low,
            Prefix::Ap => {
                let slack = (now.as_nanosecond() - self.low).abs() / 10;
                stored.low < self.high + slack && stored.high > self.low - slack
            }
        }
    }
}

/// A closed range of decimals; an absent bound is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimals {
    pub(crate) low: Option<Decimal>,
    pub(crate) high: Option<Decimal>,
}

/// A number in a query: the number itself, and the range that its digits stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Approximate {
    value: Decimal,
    low: Decimal,
    high: Decimal,
}

impl Approximate {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let value = parse_decimal(text)?;
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            // R4 reads `1e2` as [95, 105): one digit more than the mantissa shows.
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()? - 1),
            None => (text, 0),
        };
        let places = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let power = exponent.checked_sub(i32::try_from(places).ok()?)?;
        let half_digit = parse_decimal(&format!("5e{}", power.checked_sub(1)?))?;
        Some(Self { value, low: value.checked_sub(half_digit)?, high: value.checked_add(half_digit)? })
    }

    /// Whether stored numbers answer `prefix`. R4 ignores the implicit precision for the ordering
    /// prefixes; with `coarse`, as some services read it, `gt70` starts at 70.5.
    pub(crate) fn compare(self, prefix: Prefix, stored: Decimals, coarse: bool) -> bool {
        let Self { value, low, high } = self;
        let equal = stored.low.is_some_and(|stored| low <= stored) && stored.high.is_some_and(|stored| stored < high);
        let above = |bound: Decimal| stored.high.is_none_or(|stored| stored > bound);
        let below = |bound: Decimal| stored.low.is_none_or(|stored| stored < bound);
        let (top, bottom) = if coarse { (high, low) } else { (value, value) };
        let over = above(top) || (coarse && stored.high == Some(top));
        let exactly = |bound: Option<Decimal>| !coarse && bound == Some(value);
        match prefix {
            Prefix::Eq => equal,
            Prefix::Ne => !equal,
            Prefix::Gt => over,
            Prefix::Ge => over || exactly(stored.high) || (coarse && equal),
            Prefix::Lt => below(bottom),
            Prefix::Le => below(bottom) || exactly(stored.low) || (coarse && equal),
            Prefix::Sa => stored.low.is_some_and(|stored| stored > top),
            Prefix::Eb => stored.high.is_some_and(|stored| stored < bottom),
            Prefix::Ap => {
                let slack = value.abs() / Decimal::TEN;
                stored.low.is_none_or(|stored| stored <= high.saturating_add(slack))
                    && stored.high.is_none_or(|stored| stored >= low.saturating_sub(slack))
            }
        }
    }
}

/// A FHIR decimal, with or without an exponent; nothing if it has more digits than can be compared.
pub(crate) fn parse_decimal(text: &str) -> Option<Decimal> {
    let plain = text.strip_prefix('+').unwrap_or(text);
    if plain.contains(['e', 'E']) {
        return Decimal::from_scientific(plain).ok();
    }
    let number = plain.strip_prefix('-').unwrap_or(plain);
    let decimal = number.starts_with(|c: char| c.is_ascii_digit()) && !number.contains('_');
    if decimal { plain.parse().ok() } else { None }
}

/// The nanoseconds of a fraction, and how many nanoseconds the time as written covers.
fn subsecond(fraction: &str, seconds: bool) -> Option<(i64, i64)> {
    if !seconds {
        return Some((0, 60 * SECOND));
    }
    if fraction.is_empty() {
        return Some((0, SECOND));
    }
    let kept = &fraction[..fraction.len().min(9)];
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let width = 10_i64.pow(9 - u32::try_from(kept.len()).ok()?);
    Some((digits::<i64>(kept)? * width, width))
}

/// The offset from UTC in seconds.
fn parse_zone(text: &str) -> Option<i32> {
    if text.is_empty() || text == "Z" {
        return Some(0);
    }
    let (hours, minutes) = text[1..].split_once(':')?;
    let (hours, minutes) = (digits::<i32>(exact(hours, 2)?)?, digits::<i32>(exact(minutes, 2)?)?);
    let in_range = hours <= 14 && minutes < 60;
    let seconds = hours * 3600 + minutes * 60;
    in_range.then_some(if text.starts_with('-') { -seconds } else { seconds })
}

fn civil_date(text: &str) -> Option<Date> {
    let text = exact(text, 10)?;
    let (year, month, day) = (text.get(..4)?, text.get(5..7)?, text.get(8..)?);
    let dashes = text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let date = Date::new(digits(year)?, digits(month)?, digits(day)?).ok()?;
    dashes.then_some(date)
}

fn nanoseconds(at: DateTime) -> i128 {
    at.duration_since(datetime(1970, 1, 1, 0, 0, 0, 0)).as_nanos()
}

fn exact(text: &str, length: usize) -> Option<&str> {
    (text.len() == length).then_some(text)
}

fn digits<N: std::str::FromStr>(text: &str) -> Option<N> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(prefix: &str, search: &str, stored: &str) -> bool {
        let stored = match stored.split_once("..") {
            Some((start, end)) => Instants::period(Instants::parse(start), Instants::parse(end)),
            None => Instants::parse(stored).unwrap(),
        };
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Instants::parse(search).unwrap().compare(Prefix::split(prefix).0, stored, now)
    }

    #[test]
    fn dates_compare_as_ranges() {
        #[track_caller]
        fn check(prefix: &str, search: &str, stored: &str, expected: bool) {
            assert_eq!(dates(prefix, search, stored), expected, "{prefix}{search} on {stored}");
        }
        // A coarser stored value is not contained, a finer one is.
        check("eq", "1970-01-01", "1970", false);
        check("eq", "1970", "1970-01-01", true);
        check("eq", "2020-05-01", "2020-05-01T23:59:59.999Z", true);
        check("eq", "2020-05-01", "2020-05-01..2020-05-02", false);
        check("eq", "2020-05-01", "2020-05-01..", false);
        check("ne", "1970-01-01", "1970", true);
        // The lower bound of a partial date is lost by `le` of an instant.
        check("le", "2020-05-01T00:00:00Z", "2020-05", false);
        check("le", "2020-05-01T00:00:01Z", "2020-05", true);
        check("le", "2020-05-01", "2020-05-01", true);
        check("lt", "2020-05-01", "2020-05-01", false);
        check("gt", "2020-05-01", "2020-05", true);
        check("gt", "2020-05", "2020-05-31T23:59:59Z", false);
        check("ge", "2020-05-31", "2020-05", false);
        check("ge", "2020-05-30", "2020-05", true);
        check("gt", "2020-05-01", "2020-04-01..", true);
        check("sa", "2020-05-01", "2020-04-01..", false);
        check("sa", "2020-05-01", "2020-05-02", true);
        check("eb", "2020-05-01", "..2020-04-30", true);
        check("eb", "2020-05-01", "..2020-05-01", false);
        // Offsets count; minutes are a range too.
        check("eq", "2020-05-01T10:00Z", "2020-05-01T12:00:30+02:00", true);
        check("ap", "2025-01-01", "2025-01-20", true);
        check("ap", "2025-01-01", "2024-01-20", false);
    }

    /// What a client does about ranges: bounds moved outwards by more than the zone find every value
    /// that a point inside the stored range would.
    #[test]
    fn widened_bounds_lose_nothing() {
        let stored = [
            "1970",
            "1970-01",
            "1970-01-01",
            "1970-01-01T12:00:00Z",
            "1969-12-31T23:59:59.999Z",
            "1970-01-01..",
            "..1970-01-01",
            "1969..1971",
            "1970-01-01..1970-01-02",
            "1971",
        ];
        let days = [("1969-12-30", "1970-01-01", "1970-01-03"), ("1969-12-29", "1969-12-31", "1970-01-02")];
        for (below, day, above) in days {
            let point = Instants::parse(day).unwrap();
            for stored in stored {
                let found = |prefix: &str, bound: &str| dates(prefix, bound, stored);
                let range = match stored.split_once("..") {
                    Some((start, end)) => Instants::period(Instants::parse(start), Instants::parse(end)),
                    None => Instants::parse(stored).unwrap(),
                };
                if range.low < point.high && point.low < range.high {
                    assert!(found("ge", below) && found("le", above), "{day} in {stored}");
                }
                assert_ne!(found("eq", day), found("ne", day), "{day} and {stored}");
            }
        }
    }

    #[test]
    fn malformed_dates_are_refused() {
        for text in [
            "",
            "20",
            "2020-13",
            "2020-02-30",
            "2020-1-1",
            "2020-01-01T",
            "2020-01-01T10Z",
            "today",
            "2020-01-01T25:00:00Z",
            "2020-01-01T10:00:00.Z",
            "2020-01-01T10:00:00+25:00",
            "+200",
            "2020-01-01T1:00Z",
        ] {
            assert_eq!(Instants::parse(text), None, "{text}");
        }
        assert!(Instants::parse("2016-12-31T23:59:60Z").is_some());
        for text in ["9999", "9999-12", "9999-12-31", "9999-12-31T23:59:59Z", "0001-01-01"] {
            assert!(Instants::parse(text).is_some(), "{text}");
        }
    }

    #[test]
    fn numbers_compare_with_their_precision() {
        #[track_caller]
        fn check(search: &str, stored: &str, exact: bool, coarse: bool) {
            let (prefix, value) = Prefix::split(search);
            let number = parse_decimal(stored);
            let stored_range = Decimals { low: number, high: number };
            let search_value = Approximate::parse(value).unwrap();
            assert_eq!(search_value.compare(prefix, stored_range, false), exact, "{search} on {stored}");
            assert_eq!(search_value.compare(prefix, stored_range, true), coarse, "{search} on {stored}, coarse");
        }
        check("100", "99.5", true, true);
        check("100", "100.5", false, false);
        check("100.00", "100.004", true, true);
        check("100.00", "100.005", false, false);
        check("1e2", "96", true, true);
        check("1e2", "106", false, false);
        check("ne100", "100.4", false, false);
        check("gt70", "70.2", true, false);
        check("gt70", "70.5", true, true);
        check("ge70", "70", true, true);
        check("ge70", "69.9", false, true);
        check("lt70", "69.7", true, false);
        check("le70", "70.2", false, true);
        check("ge69.999999", "70.2", true, true);
        check("ap100", "91", true, true);
    }

    #[test]
    fn malformed_numbers_are_refused() {
        for text in ["", "x", "1_0", "1e", ".5", "--1", "1.2.3", "1e999"] {
            assert_eq!(Approximate::parse(text), None, "{text}");
        }
        assert!(Approximate::parse("-1.5e-3").is_some());
    }
}
