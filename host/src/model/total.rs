//! Sums and averages of decimals, digit by digit: what is added is never rounded, in whatever order it comes.

use std::collections::BTreeMap;

use super::value::Number;

/// Digits between the highest and the lowest that any addend of a sum may have. Decimals of the database world have 38.
const SPREAD: i64 = 1_000;

/// Digits that are added at once.
const CHUNK: usize = 18;

/// Significant digits of an average that does not end before: as many as every decimal of the database world has.
pub const AVERAGE_DIGITS: usize = Number::WHOLE_DIGITS;

/// A sum has more digits than the limit of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// A sum that goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Sums of parts of addends, by the power of ten that their last digit counts. A part is below 10^18, so 10^20 of them
    /// find room.
    parts: BTreeMap<i64, i128>,
    addends: u64,
}

impl Total {
    pub fn add(&mut self, number: &Number<'_>) -> Result<(), TooLong> {
        let (negative, digits, exponent) = number.digits();
        self.addends += 1;
        let mut end = digits.len();
        while end > 0 {
            let start = end.saturating_sub(CHUNK);
            let part = digits[start..end].iter().fold(0, |sum: i128, digit| sum * 10 + i128::from(digit - b'0'));
            // The n-th digit counts 10^(exponent - n).
            let power = exponent - end as i64;
            *self.parts.entry(power).or_default() += if negative { -part } else { part };
            end = start;
        }
        let bounds = self.parts.first_key_value().zip(self.parts.last_key_value());
        match bounds {
            Some(((low, _), (high, _))) if high - low > SPREAD => Err(TooLong),
            _ => Ok(()),
        }
    }

    pub fn add_integer(&mut self, number: i64) {
        self.addends += 1;
        *self.parts.entry(0).or_default() += i128::from(number);
    }

    /// Without zeros at the end. None = nothing has been added.
    pub fn sum(&self) -> Option<String> {
        (self.addends > 0).then(|| {
            let (negative, digits, power) = self.digits();
            written(negative, &digits, power)
        })
    }

    /// Exact where it ends within [`AVERAGE_DIGITS`] significant digits, else rounded to so many, half to even. None = of
    /// nothing.
    pub fn average(&self) -> Option<String> {
        if self.addends == 0 {
            return None;
        }
        let (negative, digits, mut power) = self.digits();
        let by = u128::from(self.addends);
        let (mut quotient, mut rest) = (Vec::with_capacity(digits.len()), 0);
        let mut divide = |digit: u8, quotient: &mut Vec<u8>| {
            rest = rest * 10 + u128::from(digit);
            let next = u8::try_from(rest / by).unwrap_or(9);
            rest %= by;
            if next > 0 || !quotient.is_empty() {
                quotient.push(next);
            }
            rest
        };
        let mut left = 0;
        for digit in digits {
            left = divide(digit, &mut quotient);
        }
        while left > 0 && quotient.len() <= AVERAGE_DIGITS {
            left = divide(0, &mut quotient);
            power -= 1;
        }
        // What is behind the last digit that stays: a part of it, and whether there is more.
        let cut = quotient.len().saturating_sub(AVERAGE_DIGITS);
        if cut > 0 {
            let dropped = quotient.split_off(AVERAGE_DIGITS);
            power += cut as i64;
            let (first, more) = (dropped[0], left > 0 || dropped[1..].iter().any(|digit| *digit > 0));
            let odd = quotient.last().is_some_and(|digit| digit % 2 == 1);
            if first > 5 || (first == 5 && (more || odd)) {
                round_up(&mut quotient);
            }
        }
        Some(written(negative, &quotient, power))
    }

    /// Sign, digits from the highest on, and the power of ten that the last counts.
    fn digits(&self) -> (bool, Vec<u8>, i64) {
        let Some((low, _)) = self.parts.first_key_value() else { return (false, Vec::new(), 0) };
        let carried = |sign: i128| {
            let (mut digits, mut carry) = (Vec::new(), 0_i128);
            let mut parts = self.parts.iter().peekable();
            let mut power = *low;
            while parts.peek().is_some() || !matches!(carry, 0 | -1) {
                if let Some((_, part)) = parts.next_if(|(at, _)| **at == power) {
                    carry += sign * part;
                }
                digits.push(u8::try_from(carry.rem_euclid(10)).unwrap_or_default());
                carry = carry.div_euclid(10);
                power += 1;
            }
            (digits, carry < 0)
        };
        let (digits, negative) = carried(1);
        let (mut digits, _) = if negative { carried(-1) } else { (digits, false) };
        digits.reverse();
        (negative, digits, *low)
    }
}

/// Adds one to the last digit. What becomes longer so has only zeros behind its first digit.
fn round_up(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        *digit += 1;
        if *digit < 10 {
            return;
        }
        *digit = 0;
    }
    digits.insert(0, 1);
}

/// A number of these digits, the last of which counts so much: with an exponent where it would be long without one.
pub(super) fn written(negative: bool, digits: &[u8], power: i64) -> String {
    let first = digits.iter().position(|digit| *digit > 0).unwrap_or(digits.len());
    let end = digits.iter().rposition(|digit| *digit > 0).map_or(first, |last| last + 1);
    let power = power + (digits.len() - end) as i64;
    let digits: String = digits[first..end].iter().map(|digit| char::from(b'0' + digit)).collect();
    if digits.is_empty() {
        return "0".to_owned();
    }
    let sign = if negative { "-" } else { "" };
    // Digits before the point.
    let whole = digits.len() as i64 + power;
    let most = Number::DIGITS as i64;
    if power >= 0 && whole <= most {
        return format!("{sign}{digits}{}", "0".repeat(power as usize));
    }
    if power < 0 && whole > 0 {
        let (before, behind) = digits.split_at(whole as usize);
        return format!("{sign}{before}.{behind}");
    }
    if power < 0 && -power <= most {
        return format!("{sign}0.{}{digits}", "0".repeat((-whole) as usize));
    }
    let (before, behind) = digits.split_at(1);
    let point = if behind.is_empty() { "" } else { "." };
    format!("{sign}{before}{point}{behind}e{}", whole - 1)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn total(numbers: &[&str]) -> Total {
        let mut total = Total::default();
        numbers.iter().for_each(|number| total.add(&Number::parse(*number).unwrap()).unwrap());
        total
    }

    #[test]
    fn sums_keep_every_digit() {
        for (numbers, sum) in [
            (&[][..], None),
            (&["0"], Some("0")),
            (&["0.1", "0.2"], Some("0.3")),
            (&["72.10", "-72.1"], Some("0")),
            (&["9223372036854775807", "1"], Some("9223372036854775808")),
            (&["-9223372036854775808", "-1"], Some("-9223372036854775809")),
            (&["1e20", "-1", "1e-20"], Some("99999999999999999999.00000000000000000001")),
            (&["-1e3", "1"], Some("-999")),
            (&["1e100"], Some("1e100")),
            (&["1e100", "-1e100", "5"], Some("5")),
            (&["1.5e-60"], Some("1.5e-60")),
            (&["0.001", "0.009"], Some("0.01")),
            (
                &["12345678901234567890.12345678901234567890", "0.00000000000000000011"],
                Some("12345678901234567890.12345678901234567901"),
            ),
        ] {
            assert_eq!(total(numbers).sum().as_deref(), sum, "{numbers:?}");
        }
        let mut far = total(&["1e600"]);
        assert_eq!(far.add(&Number::parse("1e-600").unwrap()), Err(TooLong));
    }

    #[test]
    fn averages_are_exact_or_rounded_half_to_even() {
        for (numbers, average) in [
            (&[][..], None),
            (&["1", "2"], Some("1.5")),
            (&["1", "1", "0"], Some("0.6666666666666666666666666667")),
            (&["-1", "0", "0"], Some("-0.3333333333333333333333333333")),
            (&["72.10", "72.1"], Some("72.1")),
            (&["0", "0"], Some("0")),
            (&["1e-20", "2e-20"], Some("0.000000000000000000015")),
            (&["1000000000000000000000000001", "0"], Some("500000000000000000000000000.5")),
            (&["2000000000000000000000000001", "0"], Some("1000000000000000000000000000")),
            (&["2000000000000000000000000003", "0"], Some("1000000000000000000000000002")),
            (&["19999999999999999999999999999.9", "0"], Some("10000000000000000000000000000")),
        ] {
            assert_eq!(total(numbers).average().as_deref(), average, "{numbers:?}");
        }
    }

    proptest! {
        /// The same in any order, and as integers of a common scale have it.
        #[test]
        fn sums_are_those_of_integers(numbers in vec((-1_000_000_000_000_000_000_i64..1_000_000_000_000_000_000, 0_u32..6), 1..40)) {
            let mut total = Total::default();
            let mut backwards = Total::default();
            let text = |(mantissa, scale): &(i64, u32)| format!("{mantissa}e-{scale}");
            let (mut sum, scaled) = (0_i128, |(mantissa, scale): &(i64, u32)| i128::from(*mantissa) * 10_i128.pow(6 - scale));
            for number in &numbers {
                total.add(&Number::parse(text(number)).unwrap()).unwrap();
                sum += scaled(number);
            }
            for number in numbers.iter().rev() {
                backwards.add(&Number::parse(text(number)).unwrap()).unwrap();
            }
            let expected = Number::parse(format!("{sum}e-6")).unwrap();
            prop_assert_eq!(Number::parse(total.sum().unwrap()).unwrap(), expected);
            prop_assert_eq!(total.sum(), backwards.sum());
            prop_assert_eq!(total.average(), backwards.average());
            // The average times the count is the sum, but for half of its last digit.
            let average = total.average().unwrap();
            prop_assert!(Number::parse(average.clone()).is_some(), "{}", average);
        }

        #[test]
        fn integers_are_added_alike(numbers in vec(any::<i64>(), 1..20)) {
            let (mut total, mut texts) = (Total::default(), Total::default());
            for number in &numbers {
                total.add_integer(*number);
                texts.add(&Number::parse(number.to_string()).unwrap()).unwrap();
            }
            prop_assert_eq!(total.sum(), texts.sum());
            prop_assert_eq!(total.sum().unwrap(), numbers.iter().map(|n| i128::from(*n)).sum::<i128>().to_string());
        }
    }
}
