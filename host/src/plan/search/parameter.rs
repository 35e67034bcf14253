//! What a typed value becomes in a FHIR search parameter: bounds widened so that no row is lost whatever the service
//! takes a precision to mean, codes in their cases, special characters escaped.
//!
//! The lemma behind the bounds: a column's value lies inside the range that FHIR search gives its element. So a `ge`
//! of a little less and a `le` of a little more reach every row that compares `gt`, `ge`, `eq`, `le` or `lt`, whether
//! the service compares points or ranges. Naive prefixes do not: `eq` wants the stored range contained, `gt70` may
//! mean above 70.5, `le2020-05-01T00:00:00Z` misses a stored `2020-05`.

use jiff::SignedDuration;
use rust_decimal::Decimal;

use crate::model::alternate::{AlternateKey, IDENTIFIER};
use crate::model::query::{Compare, Literal};
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value::{Date, Instant, Number, parse_instant};

/// The least and the greatest that a service must look at; None = open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bounds<T> {
    pub(super) least: Option<T>,
    pub(super) greatest: Option<T>,
}

/// A value of less precision than a moment has no zone: it may be read in any, and they reach from -12 to +14 hours.
const ANY_ZONE: SignedDuration = SignedDuration::from_secs(14 * 60 * 60 + 1);

/// For the rounding of a full moment.
const ONE_SECOND: SignedDuration = SignedDuration::from_secs(1);

const ONE_DAY: SignedDuration = SignedDuration::from_hours(24);

/// A number's bound moves by this, written with all its digits, so that a precision read into it is smaller still.
const STEP: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

impl<T: Ord + Clone> Bounds<T> {
    /// Those sides of `[least, greatest]` that a comparison with it leaves closed; None for `ne`.
    fn of(op: Compare, least: T, greatest: T) -> Option<Self> {
        Some(match op {
            Compare::Eq => Self { least: Some(least), greatest: Some(greatest) },
            Compare::Gt | Compare::Ge => Self { least: Some(least), greatest: None },
            Compare::Lt | Compare::Le => Self { least: None, greatest: Some(greatest) },
            Compare::Ne => return None,
        })
    }

    /// Both, and all between them.
    pub(super) fn unite(self, other: Self) -> Self {
        let both = |a: Option<T>, b: Option<T>, pick: fn(T, T) -> T| a.zip(b).map(|(a, b)| pick(a, b));
        Self { least: both(self.least, other.least, Ord::min), greatest: both(self.greatest, other.greatest, Ord::max) }
    }
}

/// Bounds for a column of dates or moments compared with a literal. `partial`: its element may be less precise than a
/// moment.
pub(super) fn moments(op: Compare, kind: &Kind, partial: bool, literal: &Literal) -> Option<Bounds<Instant>> {
    let (first, last) = match (kind, literal) {
        // The row's day may be any moment of it.
        (Kind::Date, Literal::Date(date)) => days(*date, *date)?,
        (Kind::Date, Literal::Instant(moment)) => (*moment, moment.checked_add(ONE_DAY)?),
        (Kind::DateTime, Literal::Date(date)) => {
            let moment = Instant::of_day(*date);
            (moment, moment)
        }
        (Kind::DateTime, Literal::Instant(moment)) => (*moment, *moment),
        // Shown and compared as text; only equality says something about the moment.
        (Kind::PartialDate, Literal::Text(text)) if op == Compare::Eq => {
            let moment = parse_instant(&text.to_ascii_uppercase())?;
            (moment, moment)
        }
        _ => return None,
    };
    widened(op, first, last, partial || !matches!(kind, Kind::DateTime))
}

/// Bounds for a column whose UTC day is compared with the days from `first` to `last`.
pub(super) fn whole_days(op: Compare, kind: &Kind, partial: bool, first: Date, last: Date) -> Option<Bounds<Instant>> {
    let (first, last) = days(first, last)?;
    widened(op, first, last, partial || !matches!(kind, Kind::DateTime))
}

/// Bounds for a column of numbers compared with a literal.
pub(super) fn numbers(op: Compare, literal: &Literal) -> Option<Bounds<Decimal>> {
    let Literal::Number(number) = literal else {
        return None;
    };
    let number = exact(number)?;
    let (least, greatest) = (number.checked_sub(STEP)?, number.checked_add(STEP)?);
    // Beyond 28 digits arithmetic rounds, and a rounded bound is none.
    (least < number && number < greatest).then(|| Bounds::of(op, least, greatest))?
}

/// A moment as a search value: whole seconds, rounded away from the rows. None beyond the years that FHIR can write.
pub(super) fn seconds(moment: Instant, up: bool) -> Option<String> {
    const SECOND: i64 = 1_000_000;
    let whole = moment.as_microsecond().div_euclid(SECOND);
    let exact = moment.as_microsecond().rem_euclid(SECOND) == 0;
    let rounded = if up && !exact { whole.checked_add(1)? } else { whole };
    let rounded = Instant::from_microsecond(rounded.checked_mul(SECOND)?);
    rounded.utc().map(|_| rounded.to_string())
}

/// The search for the resource that an alternate key names, where that is an identifier: what is found by it may be known by it in
/// another element than the column shows. None: it is no identifier.
pub(crate) fn of_alternate(table: &Table, by: &AlternateKey) -> Option<(String, String)> {
    let text = |column: &ColumnIndex| by.values.iter().find(|(of, _)| of == column).map(|(_, text)| escape(text));
    let value = by.values.iter().map(|(column, _)| *column).find(|column| table.is_identifier(*column))?;
    let system = table.system_of(value).and_then(|system| text(&system));
    let system = system.map_or_else(String::new, |system| system + "|");
    Some((IDENTIFIER.to_owned(), system + &text(&value)?))
}

/// `\`, `,`, `$` and `|` mean something in a search value.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | ',' | '$' | '|') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Whether a text has one spelling only, so that comparing it with case and accents is comparing it without. (Folding
/// makes these few signs of others: `≠` without its stroke is `=`.)
pub(super) fn one_spelling(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_alphabetic() && !b"=<>;`".contains(&b))
}

/// The cases in which a code, an identifier or an address may be written: every one, where there are few letters; else
/// as it stands, in lower and in upper case, and with capitals. None for a text that may be written otherwise, too.
pub(super) fn cases(text: &str) -> Option<Vec<String>> {
    const LETTERS: usize = 5;
    let plain = |b: u8| b.is_ascii_graphic() && !b"=<>;`".contains(&b);
    if text.is_empty() || !text.bytes().all(plain) {
        return None;
    }
    let (lower, upper) = (text.to_ascii_lowercase(), text.to_ascii_uppercase());
    let letters: Vec<usize> = (0..text.len()).filter(|at| text.as_bytes()[*at].is_ascii_alphabetic()).collect();
    let mut cases = vec![text.to_owned()];
    if letters.len() <= LETTERS {
        for chosen in 0..1_u32 << letters.len() {
            let mut case = lower.clone();
            for (_, at) in letters.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1) {
                case.replace_range(*at..=*at, &upper[*at..=*at]);
            }
            cases.push(case);
        }
    } else {
        let capitals = lower.char_indices().map(|(at, c)| match lower[..at].chars().next_back() {
            Some(before) if before.is_ascii_alphanumeric() => c,
            _ => c.to_ascii_uppercase(),
        });
        let capitals = capitals.collect();
        cases.extend([lower, upper, capitals]);
    }
    let mut seen = std::collections::BTreeSet::new();
    cases.retain(|case| seen.insert(case.clone()));
    Some(cases)
}

fn widened(op: Compare, first: Instant, last: Instant, partial: bool) -> Option<Bounds<Instant>> {
    let slack = if partial { ANY_ZONE } else { ONE_SECOND };
    Bounds::of(op, first.checked_sub(slack)?, last.checked_add(slack)?)
}

fn days(first: Date, last: Date) -> Option<(Instant, Instant)> {
    Some((Instant::of_day(first), Instant::of_day(last).checked_add(ONE_DAY)?))
}

fn exact(number: &Number<'_>) -> Option<Decimal> {
    let mut decimal = number.to_decimal()?;
    // Without zeros at the end, so that there is room for the step.
    decimal.normalize_assign();
    Some(decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_asked_for_in_the_cases_it_may_be_written_in() {
        let check = |text: &str, expected: Option<&[&str]>| {
            let cases = cases(text);
            let cases: Option<Vec<&str>> = cases.as_ref().map(|cases| cases.iter().map(String::as_str).collect());
            assert_eq!(cases.as_deref(), expected, "{text:?}");
        };
        check("E11.9", Some(&["E11.9", "e11.9"]));
        check("kg", Some(&["kg", "Kg", "kG", "KG"]));
        check("12", Some(&["12"]));
        let address = ["Jo.Doe@example.org", "jo.doe@example.org", "JO.DOE@EXAMPLE.ORG", "Jo.Doe@Example.Org"];
        check(address[0], Some(&address));
        check("a b", None);
        check("", None);
        check("é1", None);
    }

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(escape(r"a,b|c$d\e"), r"a\,b\|c\$d\\e");
        assert_eq!(escape("O'Brien é"), "O'Brien é");
    }

    #[test]
    fn numbers_get_bounds_with_many_digits() {
        let check = |text: &str, least: &str, greatest: &str| {
            let bounds = numbers(Compare::Eq, &Literal::Number(Number::parse(text.to_owned()).unwrap())).unwrap();
            let shown = (bounds.least.unwrap().to_string(), bounds.greatest.unwrap().to_string());
            assert_eq!(shown, (least.into(), greatest.into()), "{text}");
        };
        check("70", "69.999999", "70.000001");
        check("72.10", "72.099999", "72.100001");
        check("-1.5", "-1.500001", "-1.499999");
        check("0", "-0.000001", "0.000001");
        check("70.000001", "70.000000", "70.000002");
        check("0.00000001", "-0.00000099", "0.00000101");
        check("1e3", "999.999999", "1000.000001");
        for too_large in ["1e300", "12345678901234567890123456789"] {
            assert_eq!(numbers(Compare::Eq, &Literal::Number(Number::parse(too_large).unwrap())), None);
        }
    }

    #[test]
    fn moments_are_rounded_away_from_the_rows() {
        let check = |text: &str, up: bool, expected: Option<&str>| {
            assert_eq!(seconds(parse_instant(text).unwrap(), up).as_deref(), expected, "{text} {up}");
        };
        check("2020-01-01T00:00:00Z", false, Some("2020-01-01T00:00:00Z"));
        check("2020-01-01T00:00:00Z", true, Some("2020-01-01T00:00:00Z"));
        check("2020-01-01T00:00:00.25Z", false, Some("2020-01-01T00:00:00Z"));
        check("2020-01-01T00:00:00.25Z", true, Some("2020-01-01T00:00:01Z"));
        check("1960-01-01T00:00:00.25Z", false, Some("1960-01-01T00:00:00Z"));
        check("0001-01-01T00:00:00+05:00", false, None);
        check("9999-12-31T23:59:59Z", true, Some("9999-12-31T23:59:59Z"));
        check("9999-12-31T23:59:59.5Z", true, None);
    }
}
