//! Decimals of any size to count with: nothing is rounded but a quotient that does not end.

use num_bigint::{BigInt, BigUint, Sign};

use super::total::written;
use super::value::Number;

/// Digits of what arithmetic takes and gives, as many as a sum may have. Decimals of the database world have 38.
pub const DIGITS: usize = 1_000;

/// Significant digits of a quotient that does not end.
pub const QUOTIENT_DIGITS: usize = super::total::AVERAGE_DIGITS;

/// `mantissa × 10^power`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact {
    mantissa: BigInt,
    power: i64,
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It, or what it is made of, has more than [`DIGITS`] digits.
    TooLong,
    /// It would be divided by zero.
    ByZero,
}

/// How a number becomes a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    Floor,
    Ceiling,
    /// To the nearest; half away from zero.
    Nearest,
}

impl Exact {
    pub fn of(number: &Number<'_>) -> Result<Self, Fault> {
        let (negative, digits, exponent) = number.digits();
        if digits.len() > DIGITS {
            return Err(Fault::TooLong);
        }
        let power = exponent - digits.len() as i64;
        let size = BigInt::parse_bytes(&digits, 10).unwrap_or_default();
        Ok(Self { mantissa: if negative { -size } else { size }, power })
    }

    pub fn scaled(mantissa: i64, power: i64) -> Self {
        Self { mantissa: mantissa.into(), power }
    }

    /// As a [`Number`] has it, without zeros at the end.
    pub fn text(&self) -> String {
        let (sign, digits) = self.mantissa.to_radix_be(10);
        written(sign == Sign::Minus, &digits, self.power)
    }

    pub fn add(&self, other: &Self) -> Result<Self, Fault> {
        let (a, b, power) = self.aligned(other)?;
        Self { mantissa: a + b, power }.held()
    }

    pub fn sub(&self, other: &Self) -> Result<Self, Fault> {
        let (a, b, power) = self.aligned(other)?;
        Self { mantissa: a - b, power }.held()
    }

    pub fn mul(&self, other: &Self) -> Result<Self, Fault> {
        Self { mantissa: &self.mantissa * &other.mantissa, power: self.power.saturating_add(other.power) }.held()
    }

    /// What is left of a division whose quotient is cut to a whole number; of the sign of `self`.
    pub fn rem(&self, by: &Self) -> Result<Self, Fault> {
        if by.is_zero() {
            return Err(Fault::ByZero);
        }
        // However far they are from each other.
        if self.highest() < by.highest() - 1 {
            return Ok(self.clone());
        }
        let (a, b, power) = self.aligned(by)?;
        Self { mantissa: a % b, power }.held()
    }

    /// Exact where it ends within [`DIGITS`], else rounded to [`QUOTIENT_DIGITS`] significant ones.
    pub fn div(&self, by: &Self) -> Result<Self, Fault> {
        if by.is_zero() {
            return Err(Fault::ByZero);
        }
        let (dividend, divisor) = (self.mantissa.magnitude(), by.mantissa.magnitude());
        let (mut quotient, mut power) = (BigUint::ZERO, self.power.saturating_sub(by.power));
        if dividend != &BigUint::ZERO {
            let places = places(dividend, divisor);
            quotient = dividend * ten(places) / divisor;
            power = power.saturating_sub(i64::from(places));
            if &quotient * divisor != dividend * ten(places) {
                // It does not end: what is cut off is more or less than a half, and never just that.
                let digits = quotient.to_radix_be(10);
                let cut = digits.len().saturating_sub(QUOTIENT_DIGITS);
                let kept = BigUint::from_radix_be(&digits[..digits.len() - cut], 10).unwrap_or_default();
                let is_more = digits.get(digits.len() - cut).is_some_and(|digit| *digit >= 5);
                quotient = kept + u8::from(is_more);
                power = power.saturating_add(cut as i64);
            }
        }
        let sign = if self.mantissa.sign() == by.mantissa.sign() { Sign::Plus } else { Sign::Minus };
        Ok(Self { mantissa: BigInt::from_biguint(sign, quotient), power })
    }

    pub fn whole(&self, rounding: Rounding) -> Self {
        let Ok(places) = u32::try_from(self.power.saturating_neg()) else {
            return if self.power < 0 { self.less_than_a_tenth(rounding) } else { self.clone() };
        };
        if places == 0 {
            return self.clone();
        }
        if self.highest() < 0 {
            return self.less_than_a_tenth(rounding);
        }
        let unit = BigInt::from(ten(places));
        let (whole, rest) = (&self.mantissa / &unit, &self.mantissa % &unit);
        let up = match rounding {
            Rounding::Floor => {
                if rest.sign() == Sign::Minus {
                    -1
                } else {
                    0
                }
            }
            Rounding::Ceiling => {
                if rest.sign() == Sign::Plus {
                    1
                } else {
                    0
                }
            }
            Rounding::Nearest if rest.magnitude() * 2_u8 < *unit.magnitude() => 0,
            Rounding::Nearest => {
                if rest.sign() == Sign::Minus {
                    -1
                } else {
                    1
                }
            }
        };
        Self { mantissa: whole + up, power: 0 }
    }

    /// None: it is no whole number, or has no place there.
    pub fn to_i64(&self) -> Option<i64> {
        const DIGITS: i64 = 19;
        if self.is_zero() {
            return Some(0);
        }
        if !(0..DIGITS).contains(&self.power) {
            return None;
        }
        i64::try_from(&self.mantissa * BigInt::from(ten(u32::try_from(self.power).ok()?))).ok()
    }

    fn is_zero(&self) -> bool {
        self.mantissa.sign() == Sign::NoSign
    }

    /// Below ten to it is its size, and not by more than two digits.
    fn highest(&self) -> i64 {
        self.power.saturating_add(digits_of(self.mantissa.magnitude()))
    }

    fn less_than_a_tenth(&self, rounding: Rounding) -> Self {
        Self::scaled(
            match (rounding, self.mantissa.sign()) {
                (Rounding::Floor, Sign::Minus) => -1,
                (Rounding::Ceiling, Sign::Plus) => 1,
                _ => 0,
            },
            0,
        )
    }

    /// Both as multiples of the same power of ten.
    fn aligned(&self, other: &Self) -> Result<(BigInt, BigInt, i64), Fault> {
        // Zero is one of any.
        let power = match (self.is_zero(), other.is_zero()) {
            (true, false) => other.power,
            (false, true) => self.power,
            _ => self.power.min(other.power),
        };
        let raised = |one: &Self| {
            let by = if one.is_zero() { 0 } else { one.power.saturating_sub(power) };
            match u32::try_from(by).ok().filter(|by| *by as usize <= DIGITS) {
                Some(0) => Ok(one.mantissa.clone()),
                Some(by) => Ok(&one.mantissa * BigInt::from(ten(by))),
                None => Err(Fault::TooLong),
            }
        };
        Ok((raised(self)?, raised(other)?, power))
    }

    /// Itself, if it is not too long.
    fn held(self) -> Result<Self, Fault> {
        if digits_of(self.mantissa.magnitude()) <= DIGITS as i64 {
            return Ok(self);
        }
        // Near the border, and with zeros at its end, they are counted.
        let digits = self.mantissa.magnitude().to_radix_be(10);
        let significant = digits.iter().rposition(|digit| *digit > 0).map_or(0, |last| last + 1);
        if significant <= DIGITS { Ok(self) } else { Err(Fault::TooLong) }
    }
}

/// Digits of a number, or one more.
fn digits_of(number: &BigUint) -> i64 {
    // By the logarithm of two, rounded up: not one too few up to numbers of 100,000 bits.
    (number.bits() * 30_103 / 100_000) as i64 + 1
}

/// Places behind the point of the quotient of two whole numbers: all where it ends within [`DIGITS`], else enough to round.
fn places(dividend: &BigUint, divisor: &BigUint) -> u32 {
    let five = BigUint::from(5_u8);
    let twos = divisor.trailing_zeros().unwrap_or_default();
    let (mut others, mut fives) = (divisor >> twos, 0);
    while &others % &five == BigUint::ZERO {
        others /= &five;
        fives += 1;
    }
    let longer = digits_of(divisor) - digits_of(dividend);
    let enough = u32::try_from(longer.max(0)).unwrap_or_default() + QUOTIENT_DIGITS as u32 + 2;
    let all = u32::try_from(twos.max(fives)).unwrap_or(u32::MAX);
    let ends = dividend % &others == BigUint::ZERO && i64::from(all) - longer < DIGITS as i64;
    if ends { all } else { enough }
}

fn ten(power: u32) -> BigUint {
    BigUint::from(10_u8).pow(power)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(text: &str) -> Exact {
        Exact::of(&Number::parse(text).unwrap()).unwrap()
    }

    fn text(result: Result<Exact, Fault>) -> Result<String, Fault> {
        result.map(|result| result.text())
    }

    #[test]
    fn nothing_is_rounded_but_a_quotient_that_does_not_end() {
        let check = |a: &str, op: fn(&Exact, &Exact) -> Result<Exact, Fault>, b: &str, expected: &str| {
            assert_eq!(text(op(&exact(a), &exact(b))).as_deref(), Ok(expected), "{a} {b}");
        };
        check("0.1", Exact::add, "0.2", "0.3");
        check("72.10", Exact::add, "0", "72.1");
        check("1e40", Exact::add, "1", "1.0000000000000000000000000000000000000001e40");
        check("1e300", Exact::add, "-1e300", "0");
        check("0", Exact::sub, "1e1000000", "-1e1000000");
        check("12345678901234567890.5", Exact::mul, "1000000000000.1", "12345678901235802458390123456789.05");
        check("-7", Exact::rem, "4", "-3");
        check("7.5", Exact::rem, "-2", "1.5");
        check("1e-1000000", Exact::rem, "7", "1e-1000000");
        check("1", Exact::div, "8", "0.125");
        check("-1", Exact::div, "3", "-0.3333333333333333333333333333");
        check("2", Exact::div, "3", "0.6666666666666666666666666667");
        check("2e50", Exact::div, "3", "6.666666666666666666666666667e49");
        check("0", Exact::div, "3", "0");
        check("9.9999999999999999999999999999", Exact::div, "-3", "-3.3333333333333333333333333333");
        // Of more digits than those that are kept, but it ends.
        let ends = "7.888609052210118054117285652827862296732064351090230047702789306640625e-31";
        check("1", Exact::div, "1267650600228229401496703205376", ends);
        check("12345678901234567890123456789012345", Exact::div, "1", "12345678901234567890123456789012345");
    }

    #[test]
    fn what_has_no_result_says_why() {
        assert_eq!(exact("1").div(&exact("0.0")), Err(Fault::ByZero));
        assert_eq!(exact("1").rem(&exact("0")), Err(Fault::ByZero));
        assert_eq!(exact("1e1000000").add(&exact("1")), Err(Fault::TooLong));
        assert_eq!(exact("1e1000000").rem(&exact("7")), Err(Fault::TooLong));
        let long = "9".repeat(DIGITS);
        assert_eq!(exact(&long).mul(&exact("11")), Err(Fault::TooLong));
        assert_eq!(text(exact(&long).add(&exact("1"))).as_deref(), Ok("1e1000"));
        assert_eq!(Exact::of(&Number::parse(format!("{long}9")).unwrap()), Err(Fault::TooLong));
    }

    #[test]
    fn whole_numbers() {
        for (number, floor, nearest, ceiling) in [
            ("2.5", "2", "3", "3"),
            ("-2.5", "-3", "-3", "-2"),
            ("-0.4", "-1", "0", "0"),
            ("0.05", "0", "0", "1"),
            ("0.5", "0", "1", "1"),
            ("0.4999999999999999999999999999999999999", "0", "0", "1"),
            ("1e100", "1e100", "1e100", "1e100"),
            ("-1e-1000000", "-1", "0", "0"),
            ("1e-9999999999", "0", "0", "1"),
            ("7", "7", "7", "7"),
        ] {
            let whole = |rounding| exact(number).whole(rounding).text();
            let is = [Rounding::Floor, Rounding::Nearest, Rounding::Ceiling].map(whole);
            assert_eq!(is, [floor, nearest, ceiling], "{number}");
        }
        assert_eq!(exact("9223372036854775807").to_i64(), Some(i64::MAX));
        assert_eq!(exact("9223372036854775808").to_i64(), None);
        assert_eq!(exact("-9.2e18").to_i64(), Some(-9_200_000_000_000_000_000));
        assert_eq!((exact("1e100").to_i64(), exact("0.5").to_i64(), exact("0").to_i64()), (None, None, Some(0)));
    }

    proptest! {
        /// As integers of a common scale have it.
        #[test]
        fn it_counts_as_integers_do(a in -1_000_000_000_i64..1_000_000_000, b in -1_000_000_i64..1_000_000, power in 0_i64..9) {
            let (x, y) = (Exact::scaled(a, -power), Exact::scaled(b, -power));
            let same = |is: Exact, mantissa: i64, power: i64| is.text() == Exact::scaled(mantissa, power).text();
            prop_assert!(same(x.add(&y).unwrap(), a + b, -power));
            prop_assert!(same(x.sub(&y).unwrap(), a - b, -power));
            prop_assert!(same(x.mul(&y).unwrap(), a * b, -2 * power));
            if b != 0 {
                prop_assert!(same(x.rem(&y).unwrap(), a % b, -power));
                // Of a quotient times the divisor nothing is missing but for what was rounded.
                let back = x.div(&y).unwrap().mul(&y).unwrap().sub(&x).unwrap();
                prop_assert!(back.is_zero() || back.highest() <= x.highest() - QUOTIENT_DIGITS as i64 + 1, "{back:?}");
            }
            let unit = 10_i64.pow(u32::try_from(power).unwrap());
            prop_assert!(same(x.whole(Rounding::Floor), a.div_euclid(unit), 0));
            prop_assert!(same(x.whole(Rounding::Ceiling), -(-a).div_euclid(unit), 0));
        }
    }
}
