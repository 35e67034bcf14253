//! Arithmetic on decimals, exactly, digit by digit: a view's `+` never goes through a float.

/// `mantissa × 10^-scale`. What does not fit into 38 digits has no result, which is FHIRPath's empty collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    mantissa: i128,
    scale: u32,
}

/// Digits after the point that a quotient is worked out to.
const QUOTIENT_SCALE: u32 = 16;
/// The largest power of ten that fits.
const MAX_SCALE: u32 = 38;

impl Decimal {
    /// A JSON number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if !turntable_scan::number::is_number(text) {
            return None;
        }
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].trim_start_matches('+').parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat().parse::<i128>().ok()?;
        let scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        match u32::try_from(scale) {
            Ok(scale) => (scale <= MAX_SCALE).then_some(Self { mantissa: digits, scale }),
            Err(_) => {
                let power = 10i128.checked_pow(u32::try_from(scale.checked_neg()?).ok()?)?;
                Some(Self { mantissa: digits.checked_mul(power)?, scale: 0 })
            }
        }
    }

    pub(crate) fn text(self) -> String {
        let digits = self.mantissa.unsigned_abs().to_string();
        let scale = self.scale as usize;
        let sign = if self.mantissa < 0 { "-" } else { "" };
        if scale == 0 {
            return format!("{sign}{digits}");
        }
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        format!("{sign}{whole}.{fraction}")
    }

    pub(crate) fn add(self, other: Self) -> Option<Self> {
        let (a, b, scale) = self.aligned(other)?;
        Some(Self { mantissa: a.checked_add(b)?, scale })
    }

    pub(crate) fn subtract(self, other: Self) -> Option<Self> {
        self.add(other.negate()?)
    }

    pub(crate) fn negate(self) -> Option<Self> {
        Some(Self { mantissa: self.mantissa.checked_neg()?, ..self })
    }

    pub(crate) fn multiply(self, other: Self) -> Option<Self> {
        let mantissa = self.mantissa.checked_mul(other.mantissa)?;
        Self { mantissa, scale: self.scale + other.scale }.fitting()
    }

    /// To 16 digits after the point, without zeros at the end. Nothing divides by zero.
    pub(crate) fn divide(self, other: Self) -> Option<Self> {
        let (a, b, _) = self.aligned(other)?;
        let scaled = a.checked_mul(10i128.pow(QUOTIENT_SCALE))?;
        let (quotient, rest) = (scaled.checked_div(b)?, scaled.checked_rem(b)?);
        let half = i128::from(rest.unsigned_abs() >= b.unsigned_abs() - rest.unsigned_abs());
        let rounded = quotient + if (a < 0) == (b < 0) { half } else { -half };
        Some(Self { mantissa: rounded, scale: QUOTIENT_SCALE }.trimmed())
    }

    /// Whole quotient and its rest, towards zero.
    pub(crate) fn divide_whole(self, other: Self) -> Option<(Self, Self)> {
        let (a, b, scale) = self.aligned(other)?;
        let (quotient, rest) = (a.checked_div(b)?, a.checked_rem(b)?);
        Some((Self { mantissa: quotient, scale: 0 }, Self { mantissa: rest, scale }))
    }

    /// Half a unit of the last digit away: `1.0` is anything from `0.95` to `1.05`.
    pub(crate) fn boundary(self, high: bool) -> Option<Self> {
        let half = Self { mantissa: 5, scale: self.scale.checked_add(1).filter(|scale| *scale <= MAX_SCALE)? };
        if high { self.add(half) } else { self.subtract(half) }
    }

    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let at = |number: Self| number.mantissa.checked_mul(10i128.checked_pow(scale - number.scale)?);
        Some((at(self)?, at(other)?, scale))
    }

    fn fitting(mut self) -> Option<Self> {
        while self.scale > MAX_SCALE {
            if self.mantissa % 10 != 0 {
                return None;
            }
            self = Self { mantissa: self.mantissa / 10, scale: self.scale - 1 };
        }
        Some(self)
    }

    fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self = Self { mantissa: self.mantissa / 10, scale: self.scale - 1 };
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn texts() {
        let check = |text: &str, expected: &str| assert_eq!(parsed(text).text(), expected);
        check("72.10", "72.10");
        check("-0.05", "-0.05");
        check("0", "0");
        check("1.5e3", "1500");
        check("1.5e-3", "0.0015");
        for too_much in
            ["1e40", "1e-40", "1e99999999999999999999", "123456789012345678901234567890123456789012", "x", ""]
        {
            assert_eq!(Decimal::parse(too_much), None, "{too_much}");
        }
    }

    #[test]
    fn arithmetic() {
        type Operation = fn(Decimal, Decimal) -> Option<Decimal>;
        let check = |operation: Operation, a: &str, b: &str, expected: Option<&str>| {
            let result = operation(parsed(a), parsed(b)).map(Decimal::text);
            assert_eq!(result.as_deref(), expected, "{a} {b}");
        };
        check(Decimal::add, "1.10", "2.2", Some("3.30"));
        check(Decimal::subtract, "1", "0.01", Some("0.99"));
        check(Decimal::multiply, "1.5", "-2", Some("-3.0"));
        check(Decimal::divide, "1", "2", Some("0.5"));
        check(Decimal::divide, "2", "3", Some("0.6666666666666667"));
        check(Decimal::divide, "-2", "3", Some("-0.6666666666666667"));
        check(Decimal::divide, "1", "0", None);
        check(Decimal::multiply, "1e30", "1e30", None);
        let whole = parsed("7.5").divide_whole(parsed("-2")).map(|(quotient, rest)| (quotient.text(), rest.text()));
        assert_eq!(whole, Some(("-3".to_owned(), "1.5".to_owned())));
        assert_eq!(parsed("1.0").boundary(false).map(Decimal::text).as_deref(), Some("0.95"));
        assert_eq!(parsed("1.0").boundary(true).map(Decimal::text).as_deref(), Some("1.05"));
    }
}
