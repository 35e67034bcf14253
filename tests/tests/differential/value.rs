//! Values as this test understands them, from the JSON of a row or a literal of a filter. Written from the docs
//! (`docs/table-api.md`, "What conditions mean") and not with the host's code, so that the two can differ.

use std::cmp::Ordering;

use num_bigint::BigInt;

/// Why there is no value to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The request may be refused because of the row: a division by zero, a result that is too large.
    Fails,
    /// Beyond what is modelled here.
    NotModelled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(String),
    /// A GUID as it is written.
    Key(String),
    /// Since 1970.
    Day(i64),
    /// Microseconds since 1970.
    Moment(i64),
    /// Microseconds since midnight.
    Clock(i64),
    /// Microseconds.
    Span(i64),
}

/// `0.digits × 10^exponent`, the first and the last digit not 0; zero has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

const DAY: i64 = 86_400_000_000;

impl Value {
    /// As `eq` and `lt` compare; None: one of them is null.
    pub(crate) fn compare(&self, other: &Self) -> Result<Option<Ordering>, Unknown> {
        Ok(Some(match (self, other) {
            (Self::Null, _) | (_, Self::Null) => return Ok(None),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => folded(a)?.cmp(&folded(b)?),
            (Self::Key(a), Self::Key(b)) => a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()),
            (Self::Day(a), Self::Day(b)) => a.cmp(b),
            (Self::Moment(a), Self::Moment(b)) | (Self::Clock(a), Self::Clock(b)) | (Self::Span(a), Self::Span(b)) => {
                a.cmp(b)
            }
            (Self::Day(a), Self::Moment(b)) => (a * DAY).cmp(b),
            (Self::Moment(a), Self::Day(b)) => a.cmp(&(b * DAY)),
            _ => panic!("{self:?} is not compared with {other:?}"),
        }))
    }

    /// Itself, if it can be compared with whatever else there is.
    pub(crate) fn comparable(self) -> Result<Self, Unknown> {
        match &self {
            Self::Text(text) => folded(text).map(|_| self),
            _ => Ok(self),
        }
    }

    pub(crate) fn number(&self) -> Option<&Decimal> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A whole number.
    pub(crate) fn of(number: i64) -> Self {
        Self::Number(Decimal::parse(&number.to_string()).expect("a number"))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |d: &Self| {
            if d.digits.is_empty() {
                0
            } else if d.negative {
                -1
            } else {
                1
            }
        };
        let size = |a: &Self, b: &Self| a.exponent.cmp(&b.exponent).then_with(|| a.digits.cmp(&b.digits));
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            0 => Ordering::Equal,
            1 => size(self, other),
            _ => size(other, self),
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Decimal {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let leading = i64::try_from(all.len() - significant.len()).ok()?;
        let digits = significant.trim_end_matches('0').to_owned();
        let power: i64 = power.strip_prefix('+').unwrap_or(power).parse().ok()?;
        let exponent = if digits.is_empty() { 0 } else { power + i64::try_from(whole.len()).ok()? - leading };
        Some(Self { negative: negative && !digits.is_empty(), digits, exponent })
    }

    /// As `mantissa / 10^scale`. More digits than arithmetic takes (1,000) are refused, as the docs say; near the border this
    /// test does not judge.
    fn scaled(&self) -> Result<(BigInt, u32), Unknown> {
        const JUDGED: i64 = 400;
        let digits = i64::try_from(self.digits.len()).map_err(|_| Unknown::Fails)?;
        if self.exponent > JUDGED || digits - self.exponent > JUDGED {
            return Err(Unknown::Fails);
        }
        let size: BigInt = if self.digits.is_empty() { 0.into() } else { self.digits.parse().expect("digits") };
        let mantissa = if self.negative { -size } else { size };
        let scale = digits - self.exponent;
        Ok(match u32::try_from(scale) {
            Ok(scale) => (mantissa, scale),
            Err(_) => (mantissa * ten(u32::try_from(-scale).map_err(|_| Unknown::Fails)?), 0),
        })
    }

    fn unscaled(mantissa: &BigInt, scale: u32) -> Self {
        Self::parse(&format!("{mantissa}e-{scale}")).expect("a number")
    }

    /// `whole`: both are integers, and so is the result.
    pub(crate) fn arithmetic(operator: &str, whole: bool, a: &Self, b: &Self) -> Result<Self, Unknown> {
        let ((a, a_scale), (b, b_scale)) = (a.scaled()?, b.scaled()?);
        let zero = BigInt::from(0);
        let result = if operator == "mul" {
            Self::unscaled(&(a * b), a_scale + b_scale)
        } else {
            let scale = a_scale.max(b_scale);
            let (a, b) = (a * ten(scale - a_scale), b * ten(scale - b_scale));
            match operator {
                "add" => Self::unscaled(&(a + b), scale),
                "sub" => Self::unscaled(&(a - b), scale),
                _ if b == zero => return Err(Unknown::Fails),
                "mod" => Self::unscaled(&(a % b), scale),
                _ if whole => Self::unscaled(&(a / b), 0),
                _ => {
                    // Whatever ends, ends before that, or is not judged.
                    const PLACES: u32 = 2_000;
                    let a = a * ten(PLACES);
                    match &a % &b == zero {
                        true => Self::unscaled(&(a / b), PLACES),
                        false => Self::unscaled(&(a / b), PLACES).rounded(28),
                    }
                }
            }
        };
        let is_integer = whole && i64::try_from(result.scaled()?.0).is_err();
        // An integer that is too large is refused.
        if result.digits.len() > 800 || is_integer { Err(Unknown::Fails) } else { Ok(result) }
    }

    /// To so many significant digits, where what is cut off is no half.
    fn rounded(&self, digits: usize) -> Self {
        let Some(first) = self.digits.as_bytes().get(digits) else { return self.clone() };
        let kept: BigInt = self.digits[..digits].parse().expect("digits");
        let up = u8::from(*first >= b'5');
        let sign = if self.negative { "-" } else { "" };
        let power = self.exponent - i64::try_from(digits).expect("a few");
        Self::parse(&format!("{sign}{}e{power}", kept + up)).expect("a number")
    }

    /// Of some, exact.
    pub(crate) fn sum(numbers: &[&Self]) -> Result<Self, Unknown> {
        let (mantissa, scale) = Self::summed(numbers)?;
        Ok(Self::unscaled(&mantissa, scale))
    }

    /// Rounded half to even where it has more than 28 digits.
    pub(crate) fn average(numbers: &[&Self]) -> Result<Self, Unknown> {
        let (mantissa, mut scale) = Self::summed(numbers)?;
        let by = BigInt::from(numbers.len());
        let is_negative = mantissa < BigInt::from(0);
        let mut size = if is_negative { -mantissa } else { mantissa };
        while size > BigInt::from(0) && &size / &by < ten(27) {
            size *= 10;
            scale += 1;
        }
        let (floor, rest) = (&size / &by, &size % &by);
        if floor >= ten(28) {
            return Err(Unknown::NotModelled);
        }
        let twice = rest * 2;
        let up = twice > by || (twice == by && &floor % 2 == BigInt::from(1));
        let rounded = floor + u8::from(up);
        Ok(Self::unscaled(&if is_negative { -rounded } else { rounded }, scale))
    }

    /// As `scaled` has it.
    fn summed(numbers: &[&Self]) -> Result<(BigInt, u32), Unknown> {
        // What is too large for arithmetic is not too large for a sum.
        let of = |number: &&Self| number.scaled().map_err(|_| Unknown::NotModelled);
        let scaled: Vec<(BigInt, u32)> = numbers.iter().map(of).collect::<Result<_, _>>()?;
        let scale = scaled.iter().map(|(_, scale)| *scale).max().unwrap_or_default();
        let sum = scaled.into_iter().map(|(mantissa, own)| mantissa * ten(scale - own)).sum();
        Ok((sum, scale))
    }

    pub(crate) fn negated(&self) -> Self {
        Self { negative: !self.negative && !self.digits.is_empty(), ..self.clone() }
    }

    /// `round` (half away from zero), `floor`, `ceiling`.
    pub(crate) fn whole(&self, function: &str) -> Result<Self, Unknown> {
        let (mantissa, scale) = self.scaled()?;
        let (unit, zero) = (ten(scale), BigInt::from(0));
        let mut floor = &mantissa / &unit;
        if &floor * &unit > mantissa {
            floor -= 1;
        }
        let rest = &mantissa - &floor * &unit;
        let twice = &rest * 2;
        let up = match function {
            "floor" => false,
            "ceiling" => rest > zero,
            _ => twice > unit || (twice == unit && mantissa > zero),
        };
        Ok(Self::unscaled(&(floor + u8::from(up)), 0))
    }

    /// A small whole number, what is behind the point cut off.
    pub(crate) fn to_whole(&self) -> Result<i64, Unknown> {
        let (mantissa, scale) = self.scaled()?;
        i64::try_from(mantissa / ten(scale)).map_err(|_| Unknown::Fails)
    }
}

fn ten(power: u32) -> BigInt {
    BigInt::from(10).pow(power)
}

/// Without case and accents, by a table of the letters that stand in this test's data: what the docs say of them, not
/// what a library makes of them.
pub(crate) fn folded(text: &str) -> Result<String, Unknown> {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_ascii() => folded.push(c.to_ascii_lowercase()),
            'á' | 'à' | 'â' | 'ä' | 'å' | 'Å' | 'Ä' | 'Á' => folded.push('a'),
            'é' | 'É' | 'è' | 'È' | 'ê' | 'ë' => folded.push('e'),
            'í' | 'Í' | 'İ' => folded.push('i'),
            'ó' | 'Ó' | 'ö' | 'Ö' => folded.push('o'),
            'ü' | 'Ü' | 'ú' | 'Ú' => folded.push('u'),
            'ñ' | 'Ñ' => folded.push('n'),
            'ç' | 'Ç' => folded.push('c'),
            'ß' | 'ẞ' => folded.push_str("ss"),
            'ﬁ' => folded.push_str("fi"),
            'ﬀ' => folded.push_str("ff"),
            'ﬃ' => folded.push_str("ffi"),
            'ﬆ' => folded.push_str("st"),
            'ſ' => folded.push('s'),
            'Σ' | 'σ' | 'ς' => folded.push('σ'),
            'Ί' | 'ί' | 'Ι' | 'ι' => folded.push('ι'),
            'Ύ' | 'ύ' | 'Υ' | 'υ' => folded.push('υ'),
            'Φ' | 'φ' => folded.push('φ'),
            'Ο' | 'ο' => folded.push('ο'),
            'µ' => folded.push('μ'),
            // The acute accent by itself.
            '\u{301}' => {}
            'ı' | '東' | '京' | '😀' | '\u{a0}' | '–' | '’' | '“' | '”' | '°' | '²' | '®' | '…' => {
                folded.push(c)
            }
            '\u{212a}' => folded.push('k'),
            _ => return Err(Unknown::NotModelled),
        }
    }
    Ok(folded)
}

/// Days since 1970 of `YYYY-MM-DD`, by counting (the proleptic Gregorian calendar).
pub(crate) fn day(text: &str) -> Option<i64> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let (year, month, day): (i64, i64, i64) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let leaps = |year: i64| year / 4 - year / 100 + year / 400;
    let before_month: i64 = (1..month).map(|month| days_of(year, month)).sum();
    Some((year - 1970) * 365 + leaps(year - 1) - leaps(1969) + before_month + day - 1)
}

/// Year, month, day.
pub(crate) fn civil(mut days: i64) -> (i64, i64, i64) {
    let mut year = if days < 0 { (1970 + days / 365 - 1).max(1) } else { 1970 + days / 366 - 1 };
    while day(&format!("{}-01-01", year + 1)).is_some_and(|next| next <= days) {
        year += 1;
    }
    days -= day(&format!("{year}-01-01")).unwrap_or_default();
    let mut month = 1;
    while days >= days_of(year, month) {
        days -= days_of(year, month);
        month += 1;
    }
    (year, month, days + 1)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Microseconds since 1970 of a whole date-time with its zone, or of a date of any precision.
pub(crate) fn moment(text: &str) -> Option<i64> {
    let Some((date, time)) = text.split_once('T') else {
        let whole = format!("{text}{}", ["-01-01", "-01", ""].get(text.matches('-').count())?);
        return Some(day(&whole)? * DAY);
    };
    let (clock, offset) = match time.find(['Z', '+', '-']) {
        Some(at) if &time[at..] == "Z" => (&time[..at], 0),
        Some(at) => {
            let (hours, minutes) = time[at + 1..].split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            (&time[..at], if time[at..].starts_with('-') { -minutes } else { minutes })
        }
        None => (time, 0),
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let parts: Vec<i64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let seconds = parts.first()? * 3600 + parts.get(1)? * 60 + parts.get(2).copied().unwrap_or(0).min(59);
    let micros: i64 = format!("{fraction:0<6}")[..6].parse().ok()?;
    Some(day(date)? * DAY + (seconds - offset * 60) * 1_000_000 + micros)
}

/// A moment's part by the name of its function; None beyond the years that can be shown.
pub(crate) fn part(function: &str, moment: i64) -> Option<i64> {
    let (days, micros) = (moment.div_euclid(DAY), moment.rem_euclid(DAY));
    if !(day("0001-01-01")?..=day("9999-12-31")?).contains(&days) {
        return None;
    }
    let (year, month, day) = civil(days);
    Some(match function {
        "year" => year,
        "month" => month,
        "day" => day,
        "hour" => micros / 3_600_000_000,
        "minute" => micros / 60_000_000 % 60,
        "second" => micros / 1_000_000 % 60,
        "time" => micros,
        "fractionalseconds" => micros % 1_000_000,
        _ => days,
    })
}
