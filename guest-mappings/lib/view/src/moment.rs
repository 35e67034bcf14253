//! Dates, times and dateTimes of any precision, as FHIRPath compares them.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::types::Family;

/// Fields as they stand in the text; the first that is missing ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment<'t> {
    /// Year, month, day, hour, minute, second. Of a time the first three are 0.
    fields: [u16; 6],
    /// Digits after the point of the second, trailing zeros left out.
    fraction: &'t str,
    /// How many of the fields are given.
    given: usize,
    /// Of the zone, in minutes.
    offset: Option<i32>,
}

const DAY: usize = 3;
const MINUTE: usize = 5;
const SECOND: usize = 6;

impl<'t> Moment<'t> {
    /// A date or dateTime by FHIR's rules, and beyond them one that ends at its hour or minute, or has no zone.
    pub(crate) fn date_time(text: &'t str) -> Option<Self> {
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let mut moment = Self { fields: [0; 6], fraction: "", given: 1, offset: None };
        moment.fields[0] = digits(parts.next()?, 4, 1, 9999)?;
        if let Some(month) = parts.next() {
            moment.fields[1] = digits(month, 2, 1, 12)?;
            moment.given = 2;
        }
        if let Some(day) = parts.next() {
            moment.fields[2] = digits(day, 2, 1, days_of(moment.fields[0], moment.fields[1]))?;
            moment.given = DAY;
        }
        if parts.next().is_some() {
            return None;
        }
        match time {
            // FHIRPath writes a dateTime that ends at its day as `2015-02-07T`.
            None | Some("") => Some(moment),
            Some(time) if moment.given == DAY => {
                let (clock, offset) = zone(time)?;
                moment.offset = offset;
                moment.clock(clock)
            }
            Some(_) => None,
        }
    }

    pub(crate) fn time(text: &'t str) -> Option<Self> {
        let start = Self { fields: [0; 6], fraction: "", given: DAY, offset: None };
        start.clock(text)
    }

    pub(crate) fn parse(family: Family, text: &'t str) -> Option<Self> {
        match family {
            Family::Date => Self::date_time(text).filter(|moment| moment.given <= DAY),
            Family::DateTime => Self::date_time(text),
            Family::Time => Self::time(text),
            _ => None,
        }
    }

    fn clock(mut self, text: &'t str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        self.fields[3] = digits(parts.next()?, 2, 0, 23)?;
        self.given = 4;
        if let Some(minute) = parts.next() {
            self.fields[4] = digits(minute, 2, 0, 59)?;
            self.given = MINUTE;
        }
        if let Some(second) = parts.next() {
            let (whole, fraction) = match second.split_once('.') {
                Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
                Some(_) => return None,
                None => (second, ""),
            };
            // 60 is a leap second.
            self.fields[5] = digits(whole, 2, 0, 60)?;
            self.fraction = fraction.trim_end_matches('0');
            self.given = SECOND;
        }
        Some(self)
    }

    /// A whole date and no more.
    pub(crate) fn is_day(&self) -> bool {
        self.given == DAY
    }

    /// What the contract takes for a date-time: a date of any precision, or one with a whole time.
    pub(crate) fn is_fhir(&self) -> bool {
        self.given <= DAY || self.given == SECOND
    }

    /// `None` where precision does not suffice to tell. A time without a zone is taken for UTC where the other has one.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        let both_timed = self.given > DAY && other.given > DAY;
        let (a, b) = match both_timed && self.offset.unwrap_or(0) != other.offset.unwrap_or(0) {
            true => (self.in_utc(), other.in_utc()),
            false => (self.fields.map(i64::from), other.fields.map(i64::from)),
        };
        let common = self.given.min(other.given);
        let order = a[..common].cmp(&b[..common]);
        if order != Ordering::Equal {
            return Some(order);
        }
        // Digits after the point are no precision of their own.
        (self.given == other.given).then(|| self.fraction.cmp(other.fraction))
    }

    /// Days since 1970 in place of the year, then hour, minute and second.
    fn in_utc(&self) -> [i64; 6] {
        let [year, month, day, hour, minute, second] = self.fields.map(i64::from);
        let minutes = hour * 60 + minute - i64::from(self.offset.unwrap_or(0));
        let days = if year == 0 { 0 } else { days_from_civil(year, month, day) } + minutes.div_euclid(1440);
        let minutes = minutes.rem_euclid(1440);
        [days, 0, 0, minutes / 60, minutes % 60, second]
    }
}

/// The first (or last) instant that a text of lesser precision can mean, as far as its type goes: a day for a date,
/// a millisecond for the others. What has no zone may be anywhere between +14:00 and -12:00.
pub(crate) fn boundary(family: Family, text: &str, high: bool) -> Option<String> {
    let moment = Moment::parse(family, text)?;
    let ends = if high { [9999, 12, 31, 23, 59, 59] } else { [1, 1, 1, 0, 0, 0] };
    let mut fields = moment.fields;
    fields[moment.given..].copy_from_slice(&ends[moment.given..]);
    if moment.given < DAY && high {
        fields[2] = days_of(fields[0], fields[1]);
    }
    let [year, month, day, hour, minute, second] = fields;
    let date = format!("{year:04}-{month:02}-{day:02}");
    if family == Family::Date {
        return Some(date);
    }
    let fill = if high && moment.fraction.is_empty() { '9' } else { '0' };
    let mut fraction = moment.fraction.to_owned();
    while fraction.len() < 3 {
        fraction.push(fill);
    }
    let time = format!("{hour:02}:{minute:02}:{second:02}.{fraction}");
    if family == Family::Time {
        return Some(time);
    }
    let offset: Cow<'_, str> = match moment.offset {
        Some(0) => "Z".into(),
        Some(offset) => {
            let sign = if offset < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60).into()
        }
        None if high => "-12:00".into(),
        None => "+14:00".into(),
    };
    Some(format!("{date}T{time}{offset}"))
}

/// The clock and the offset in minutes.
fn zone(time: &str) -> Option<(&str, Option<i32>)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, Some(0)));
    }
    let Some(at) = time.find(['+', '-']) else {
        return Some((time, None));
    };
    let (hours, minutes) = time[at + 1..].split_once(':')?;
    let offset = i32::from(digits(hours, 2, 0, 14)?) * 60 + i32::from(digits(minutes, 2, 0, 59)?);
    Some((&time[..at], Some(if time[at..].starts_with('-') { -offset } else { offset })))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn digits(text: &str, length: usize, low: u16, high: u16) -> Option<u16> {
    if text.len() != length || !is_digits(text) {
        return None;
    }
    text.parse().ok().filter(|number| (low..=high).contains(number))
}

fn days_of(year: u16, month: u16) -> u16 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
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
    fn orders() {
        let check = |a: &str, b: &str, expected: Option<Ordering>| {
            let (a, b) = (Moment::date_time(a).unwrap(), Moment::date_time(b).unwrap());
            assert_eq!(a.compare(&b), expected, "{a:?} {b:?}");
            assert_eq!(b.compare(&a), expected.map(Ordering::reverse), "{b:?} {a:?}");
        };
        check("2015", "2016", Some(Ordering::Less));
        check("2015", "2015", Some(Ordering::Equal));
        check("2015", "2015-02", None);
        check("2015-03", "2015-02-28", Some(Ordering::Greater));
        check("2015-02-07T13:28:17Z", "2015-02-07T14:28:17+01:00", Some(Ordering::Equal));
        check("2015-02-07T23:30:00-01:00", "2015-02-08T00:29:59Z", Some(Ordering::Greater));
        check("2015-02-07T13:28:17.2Z", "2015-02-07T13:28:17.1999Z", Some(Ordering::Greater));
        check("2015-02-07T13:28:17.500Z", "2015-02-07T13:28:17.5Z", Some(Ordering::Equal));
        check("2015-02-07", "2015-02-07T13:28:17Z", None);
        check("2015-02-07T13:28", "2015-02-07T13:28:17", None);
        check("2015-02-07T13:28:17", "2015-02-07T13:28:17Z", Some(Ordering::Equal));
    }

    #[test]
    fn what_is_no_moment() {
        for text in
            ["", "15", "2015-13", "2015-02-29", "2015-02T10:00:00Z", "2015-02-07T24:00:00Z", "2015-02-07T1", "é"]
        {
            assert_eq!(Moment::date_time(text), None, "{text}");
        }
        assert_eq!(Moment::time("12:60"), None);
    }

    #[test]
    fn boundaries() {
        let check = |family, text: &str, low: &str, high: &str| {
            assert_eq!(boundary(family, text, false).as_deref(), Some(low), "{text}");
            assert_eq!(boundary(family, text, true).as_deref(), Some(high), "{text}");
        };
        check(Family::Date, "2016", "2016-01-01", "2016-12-31");
        check(Family::Date, "2016-02", "2016-02-01", "2016-02-29");
        check(Family::Date, "2016-02-03", "2016-02-03", "2016-02-03");
        check(Family::DateTime, "2010-10-10", "2010-10-10T00:00:00.000+14:00", "2010-10-10T23:59:59.999-12:00");
        check(Family::DateTime, "2010-10-10T08:01:02Z", "2010-10-10T08:01:02.000Z", "2010-10-10T08:01:02.999Z");
        check(Family::Time, "12:34", "12:34:00.000", "12:34:59.999");
        check(Family::Time, "12:34:00", "12:34:00.000", "12:34:00.999");
        check(Family::Time, "12:34:00.5", "12:34:00.500", "12:34:00.500");
    }
}
