//! Number literals as text. FHIR decimals carry meaning in their digits (`72.10`), so nothing here goes
//! through a float.

use alloc::string::String;
use core::cmp::Ordering;

/// `text` is one JSON number and nothing else.
pub fn is_number(text: &str) -> bool {
    prefix(text.as_bytes()) == Ok(text.len())
}

/// Numeric order of two JSON numbers: `72.10` and `7.21e1` are equal. `None` if one of them is no number.
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Decimal::parse(a)?, Decimal::parse(b)?);
    let (a_negative, b_negative) = (a.negative && !a.is_zero(), b.negative && !b.is_zero());
    Some(match (a_negative, b_negative) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (true, true) => b.compare_magnitude(&a),
        (false, false) => a.compare_magnitude(&b),
    })
}

/// The nearest whole number, halves away from zero. `None` for what is no number or does not fit.
pub fn round(text: &str) -> Option<i64> {
    let decimal = Decimal::parse(text)?;
    if decimal.is_zero() {
        return Some(0);
    }
    // Above this no i64 fits; it also bounds the loop below.
    if decimal.point > 20 {
        return None;
    }
    let mut whole: i128 = 0;
    for place in 0..decimal.point {
        whole = whole * 10 + i128::from(decimal.digit(place));
    }
    if decimal.digit(decimal.point) >= 5 && decimal.point >= 0 {
        whole += 1;
    }
    i64::try_from(if decimal.negative { -whole } else { whole }).ok()
}

/// Length of the number at the start of `bytes`, or of the part before the byte that breaks it.
pub(crate) fn prefix(bytes: &[u8]) -> Result<usize, usize> {
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    match bytes.get(at) {
        Some(b'0') => {
            at += 1;
            if bytes.get(at).is_some_and(u8::is_ascii_digit) {
                return Err(at);
            }
        }
        Some(b'1'..=b'9') => at = digits(at),
        _ => return Err(at),
    }
    if bytes.get(at) == Some(&b'.') {
        let end = digits(at + 1);
        if end == at + 1 {
            return Err(end);
        }
        at = end;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let end = digits(at + 1 + sign);
        if end == at + 1 + sign {
            return Err(end);
        }
        at = end;
    }
    Ok(at)
}

/// `0.DIGITS × 10^point`, leading and trailing zeros left out of the digits.
struct Decimal {
    negative: bool,
    digits: String,
    point: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        if !is_number(text) {
            return None;
        }
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], exponent(&text[at + 1..])),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits = String::with_capacity(mantissa.len());
        digits.push_str(whole);
        digits.push_str(fraction);
        let leading = digits.len() - digits.trim_start_matches('0').len();
        let significant = digits.trim_matches('0');
        let point = (whole.len() as i64 - leading as i64).saturating_add(exponent);
        Some(Self { negative, point: if significant.is_empty() { 0 } else { point }, digits: significant.into() })
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// The digit at a place counted from the first one, 0 where there is none.
    fn digit(&self, place: i64) -> u8 {
        let digit = usize::try_from(place).ok().and_then(|place| self.digits.as_bytes().get(place));
        digit.map_or(0, |byte| byte - b'0')
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

/// Exponents beyond this are as good as infinite, and stay far from overflow.
const MAX_EXPONENT: i64 = 1 << 40;

fn exponent(text: &str) -> i64 {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = digits
        .bytes()
        .fold(0, |sum: i64, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(MAX_EXPONENT));
    if negative { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ordering::{Equal, Greater, Less};

    #[test]
    fn grammar() {
        for good in ["0", "-0", "10", "72.10", "1e5", "1E+5", "0.5e-300", "123456789012345678901234567890"] {
            assert!(is_number(good), "{good}");
        }
        for bad in ["", "-", "01", "1.", ".5", "+1", "1e", "1e+", "1 ", "NaN", "1,0", "0x1", "१"] {
            assert!(!is_number(bad), "{bad}");
        }
    }

    #[test]
    fn compares_numerically() {
        for (a, b, expected) in [
            ("72.10", "72.1", Equal),
            ("7.21e1", "72.1", Equal),
            ("0", "-0.00", Equal),
            ("100", "1e2", Equal),
            ("0.001", "1e-3", Equal),
            ("9", "10", Less),
            ("-9", "-10", Greater),
            ("-1", "0", Less),
            ("0.1", "0.09999999999999999999999999", Greater),
            ("0e99999999999999999999", "0", Equal),
        ] {
            assert_eq!(compare(a, b), Some(expected), "{a} {b}");
            assert_eq!(compare(b, a), Some(expected.reverse()), "{b} {a}");
        }
        assert_eq!(compare("x", "1"), None);
    }

    #[test]
    fn rounds_halves_away_from_zero() {
        for (text, expected) in [
            ("72", Some(72)),
            ("72.5", Some(73)),
            ("-72.5", Some(-73)),
            ("72.499999999999999999", Some(72)),
            ("0.5", Some(1)),
            ("0.05", Some(0)),
            ("0.49", Some(0)),
            ("-0.4", Some(0)),
            ("1.5e3", Some(1500)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775807.5", None),
            ("1e999999999", None),
            ("1e-999999999", Some(0)),
            ("abc", None),
        ] {
            assert_eq!(round(text), expected, "{text}");
        }
    }
}
