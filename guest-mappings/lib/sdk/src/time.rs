//! FHIR dates and times as text: what they are, and which instant they stand for.

/// What a text is by FHIR's rules for date, dateTime and instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    Year,
    Month,
    Day,
    /// A time with a zone.
    Time,
}

/// An instant: seconds since 1970 UTC and the digits after the point, trailing zeros left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    seconds: i64,
    fraction: String,
}

/// `None` for what is no FHIR date, dateTime or instant. A time without a zone is taken for UTC, as the
/// contract has it; seconds may be 60, for a leap second.
pub fn precision(text: &str) -> Option<Precision> {
    parse(text).map(|(precision, _)| precision)
}

/// The first instant of what the text stands for, in UTC where it does not say.
pub fn instant(text: &str) -> Option<Instant> {
    parse(text).map(|(_, instant)| instant)
}

fn parse(text: &str) -> Option<(Precision, Instant)> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let (precision, days) = days(date)?;
    let Some(time) = time else {
        return Some((precision, Instant { seconds: days * 86_400, fraction: String::new() }));
    };
    if precision != Precision::Day {
        return None;
    }
    let (clock, offset) = zone(time)?;
    let (whole, fraction) = match clock.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit()) => {
            (whole, fraction.trim_end_matches('0'))
        }
        Some(_) => return None,
        None => (clock, ""),
    };
    let mut parts = whole.split(':');
    let hours = digits(parts.next()?, 2, 0, 23)?;
    let minutes = digits(parts.next()?, 2, 0, 59)?;
    let seconds = digits(parts.next()?, 2, 0, 60)?;
    if parts.next().is_some() {
        return None;
    }
    let seconds = days * 86_400 + hours * 3600 + minutes * 60 + seconds - offset;
    Some((Precision::Time, Instant { seconds, fraction: fraction.to_owned() }))
}

fn days(date: &str) -> Option<(Precision, i64)> {
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4, 1, 9999)?;
    let Some(month) = parts.next() else {
        return Some((Precision::Year, days_from_civil(year, 1, 1)));
    };
    let month = digits(month, 2, 1, 12)?;
    let Some(day) = parts.next() else {
        return Some((Precision::Month, days_from_civil(year, month, 1)));
    };
    let day = digits(day, 2, 1, length_of(year, month))?;
    parts.next().is_none().then(|| (Precision::Day, days_from_civil(year, month, day)))
}

/// The clock and the offset in seconds.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = time.find(['+', '-']) else {
        return Some((time, 0));
    };
    let (hours, minutes) = time[at + 1..].split_once(':')?;
    let offset = digits(hours, 2, 0, 14)? * 3600 + digits(minutes, 2, 0, 59)? * 60;
    Some((&time[..at], if time[at..].starts_with('-') { -offset } else { offset }))
}

fn digits(text: &str, length: usize, low: i64, high: i64) -> Option<i64> {
    if text.len() != length || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| (low..=high).contains(number))
}

fn length_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 (Howard Hinnant's algorithm, for years from 1 on).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precisions() {
        for (text, expected) in [
            ("2015", Some(Precision::Year)),
            ("2015-02", Some(Precision::Month)),
            ("2016-02-29", Some(Precision::Day)),
            ("2015-02-07T13:28:17.239-05:00", Some(Precision::Time)),
            ("2015-02-07T13:28:17Z", Some(Precision::Time)),
            ("2015-02-07T13:28:17", Some(Precision::Time)),
            ("2016-12-31T23:59:60Z", Some(Precision::Time)),
            ("2015-02-29", None),
            ("2015-13", None),
            ("0000", None),
            ("15", None),
            ("2015-2-7", None),
            ("2015-02-07T13:28Z", None),
            ("2015-02-07T24:00:00Z", None),
            ("2015-02-07T13:28:17.Z", None),
            ("2015-02T13:28:17Z", None),
            ("2015-02-07 13:28:17Z", None),
            ("2015-02-07T13:28:17+5", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(precision(text), expected, "{text}");
        }
    }

    #[test]
    fn instants() {
        let seconds = |text| instant(text).map(|instant| instant.seconds);
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2000-03-01"), Some(951_868_800));
        assert_eq!(seconds("0001-01-01"), Some(-62_135_596_800));
        for (a, b) in [
            ("2015-02", "2015-02-01T00:00:00Z"),
            ("2015", "2015-01-01T01:00:00+01:00"),
            ("2015-02-07T13:28:17.2390Z", "2015-02-07T08:28:17.239-05:00"),
            ("2015-02-07T13:28:17", "2015-02-07T13:28:17.000Z"),
        ] {
            assert_eq!(instant(a), instant(b), "{a} {b}");
        }
        assert_ne!(instant("2015-02-07T13:28:17.2Z"), instant("2015-02-07T13:28:17.02Z"));
    }
}
