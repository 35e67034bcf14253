//! Primitive literals of the OData grammar, scanned byte by byte: where one ends, or at which byte it stops being one.
//! Nothing is converted here; the names are those of the OASIS grammar.

/// Where the literal ends (`Ok`), or the first byte that does not belong (`Err`).
pub type Scanned = Result<usize, usize>;

/// `YYYY-MM-DD`, the year of any size and sign.
pub fn date(text: &str, from: usize) -> Scanned {
    let mut s = Scan::new(text, from);
    s.skip(b'-');
    let first = s.digit()?;
    s.digits(3, 3)?;
    if first != b'0' {
        s.digits(0, usize::MAX)?;
    }
    s.expect(b'-')?;
    s.two(b"01", |tens, ones| if tens == b'0' { ones != b'0' } else { ones <= b'2' })?;
    s.expect(b'-')?;
    s.two(b"0123", |tens, ones| match tens {
        b'0' => ones != b'0',
        b'3' => ones <= b'1',
        _ => true,
    })?;
    Ok(s.at)
}

/// `hh:mm[:ss[.f]]`
pub fn time_of_day(text: &str, from: usize) -> Scanned {
    let mut s = Scan::new(text, from);
    s.hour_minute()?;
    // In `case(… le 10:00:1)` the second colon is not the time's.
    let has_seconds = matches!(text.as_bytes().get(s.at..), Some([b':', b'0'..=b'9', b'0'..=b'9', ..]));
    if has_seconds && s.skip(b':') {
        // 60 is a leap second.
        s.two(b"0123456", |tens, ones| tens != b'6' || ones == b'0')?;
        if s.skip(b'.') {
            s.digits(1, 12)?;
        }
    }
    Ok(s.at)
}

/// A date, `T`, a time and an offset from UTC.
pub fn date_time_offset(text: &str, from: usize) -> Scanned {
    let mut s = Scan::new(text, date(text, from)?);
    if !s.skip(b't') {
        s.expect(b'T')?;
    }
    s.at = time_of_day(text, s.at)?;
    if s.skip(b'Z') || s.skip(b'z') {
        return Ok(s.at);
    }
    s.any_of(b"+-")?;
    s.hour_minute()?;
    Ok(s.at)
}

/// `[-]P[nD][T[nH][nM][n[.n]S]]`
pub fn duration(text: &str, from: usize) -> Scanned {
    let mut s = Scan::new(text, from);
    s.skip(b'-');
    s.expect(b'P')?;
    if s.peek().is_some_and(|b| b.is_ascii_digit()) {
        s.digits(1, usize::MAX)?;
        s.expect(b'D')?;
    }
    if !s.skip(b'T') {
        return Ok(s.at);
    }
    let mut units: &[u8] = b"HMS";
    while s.peek().is_some_and(|b| b.is_ascii_digit()) {
        s.digits(1, usize::MAX)?;
        let fraction = s.skip(b'.');
        if fraction {
            s.digits(1, usize::MAX)?;
        }
        let unit = s.any_of(if fraction { b"S" } else { units })?;
        units = units.split(|u| *u == unit).next_back().unwrap_or_default();
    }
    Ok(s.at)
}

pub fn guid(text: &str, from: usize) -> Scanned {
    let mut s = Scan::new(text, from);
    for (group, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if group > 0 {
            s.expect(b'-')?;
        }
        for _ in 0..length {
            s.accept(|b| b.is_ascii_hexdigit())?;
        }
    }
    Ok(s.at)
}

/// A decimal or double: `[sign]n[.n][e[sign]n]`, `INF`, `-INF`, `NaN`.
pub fn number(text: &str, from: usize) -> Scanned {
    let mut s = Scan::new(text, from);
    if s.word("NaN") || s.word("INF") || s.word("-INF") {
        return Ok(s.at);
    }
    s.sign();
    s.digits(1, usize::MAX)?;
    if s.skip(b'.') {
        s.digits(1, usize::MAX)?;
    }
    if s.skip(b'e') || s.skip(b'E') {
        s.sign();
        s.digits(1, usize::MAX)?;
    }
    Ok(s.at)
}

/// A whole number of at most so many digits.
pub fn integer(text: &str, from: usize, digits: usize) -> Scanned {
    let mut s = Scan::new(text, from);
    s.sign();
    s.digits(1, digits)?;
    Ok(s.at)
}

/// In a URL: in any case. In a body only `true` and `false` (`exact`).
pub fn boolean(text: &str, from: usize, exact: bool) -> Scanned {
    for word in ["true", "false"] {
        if let Some(found) = text.get(from..from + word.len())
            && (found == word || !exact && found.eq_ignore_ascii_case(word))
        {
            return Ok(from + word.len());
        }
    }
    Err(from)
}

/// `'…'`, a quote inside doubled.
pub fn string(text: &str, from: usize) -> Scanned {
    let mut s = Scan::new(text, from);
    s.expect(b'\'')?;
    loop {
        match s.peek() {
            Some(b'\'') if s.bytes.get(s.at + 1) == Some(&b'\'') => s.at += 2,
            Some(b'\'') => return Ok(s.at + 1),
            Some(_) => s.at += 1,
            None => return Err(s.at),
        }
    }
}

/// `binary'…'` with base64url inside, padding optional.
pub fn binary(text: &str, from: usize) -> Scanned {
    let mut s = Scan::new(text, prefix(text, from, "binary")?);
    while s.peek().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        s.at += 1;
    }
    while s.skip(b'=') {}
    s.expect(b'\'')?;
    Ok(s.at)
}

/// `duration'…'`
pub fn prefixed_duration(text: &str, from: usize) -> Scanned {
    let mut s = Scan::new(text, from);
    s.at = duration(text, prefix(text, from, "duration")?)?;
    s.expect(b'\'')?;
    Ok(s.at)
}

/// `[Type]'Member,Member,42'`
pub fn enumeration(text: &str, from: usize) -> Scanned {
    let mut s = Scan::new(text, from);
    if s.peek() != Some(b'\'') {
        s.at = qualified_name(text, from)?;
    }
    s.expect(b'\'')?;
    s.at = enumeration_members(text, s.at)?;
    s.expect(b'\'')?;
    Ok(s.at)
}

/// Members of an enumeration by name or number, without the quotes.
pub fn enumeration_members(text: &str, from: usize) -> Scanned {
    let mut s = Scan::new(text, from);
    loop {
        s.at = match s.peek() {
            Some(b'0'..=b'9' | b'-' | b'+') => integer(text, s.at, 19)?,
            _ => identifier(text, s.at)?,
        };
        if !s.skip(b',') {
            return Ok(s.at);
        }
    }
}

/// A letter or `_`, then letters, digits and `_`.
pub fn identifier(text: &str, from: usize) -> Scanned {
    let rest = text.get(from..).unwrap_or_default();
    if !rest.starts_with(is_identifier_start) {
        return Err(from);
    }
    let length = rest.find(|c: char| !is_identifier_part(c)).unwrap_or(rest.len());
    Ok(from + length)
}

/// Identifiers joined by dots.
pub fn qualified_name(text: &str, from: usize) -> Scanned {
    let mut end = identifier(text, from)?;
    while text.as_bytes().get(end) == Some(&b'.')
        && let Ok(next) = identifier(text, end + 1)
    {
        end = next;
    }
    Ok(end)
}

/// `geography'SRID=n;Shape(…)'` or `geometry'…'`.
pub fn geo(text: &str, from: usize) -> Scanned {
    let start = prefix(text, from, "geography").or_else(|_| prefix(text, from, "geometry"))?;
    let mut s = Scan::new(text, start);
    if !s.word("SRID=") {
        return Err(s.at);
    }
    s.digits(1, 5)?;
    s.expect(b';')?;
    s.shape(0)?;
    s.expect(b'\'')?;
    Ok(s.at)
}

pub(crate) fn is_identifier_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

pub(crate) fn is_identifier_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// After `word'`, the word in any case.
fn prefix(text: &str, from: usize, word: &str) -> Scanned {
    let end = from + word.len();
    let matches = text.get(from..end).is_some_and(|found| found.eq_ignore_ascii_case(word));
    if matches && text.as_bytes().get(end) == Some(&b'\'') { Ok(end + 1) } else { Err(from) }
}

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    /// Geometry collections may hold collections; no further than this.
    const SHAPE_DEPTH: usize = 8;

    fn new(text: &'a str, at: usize) -> Self {
        Self { text, bytes: text.as_bytes(), at }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn accept(&mut self, allowed: impl Fn(u8) -> bool) -> Result<u8, usize> {
        match self.peek() {
            Some(byte) if allowed(byte) => {
                self.at += 1;
                Ok(byte)
            }
            _ => Err(self.at),
        }
    }

    fn expect(&mut self, byte: u8) -> Result<u8, usize> {
        self.accept(|b| b == byte)
    }

    fn any_of(&mut self, bytes: &[u8]) -> Result<u8, usize> {
        self.accept(|b| bytes.contains(&b))
    }

    fn skip(&mut self, byte: u8) -> bool {
        self.expect(byte).is_ok()
    }

    fn sign(&mut self) {
        let _ = self.skip(b'-') || self.skip(b'+');
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()));
        if found {
            self.at += word.len();
        }
        found
    }

    fn digit(&mut self) -> Result<u8, usize> {
        self.accept(|b| b.is_ascii_digit())
    }

    fn digits(&mut self, least: usize, most: usize) -> Result<(), usize> {
        let mut count = 0;
        while count < most && self.digit().is_ok() {
            count += 1;
        }
        if count < least { Err(self.at) } else { Ok(()) }
    }

    /// Two digits, the first out of `tens`, the second as `ones` allows after it.
    fn two(&mut self, tens: &[u8], ones: impl Fn(u8, u8) -> bool) -> Result<(), usize> {
        let first = self.any_of(tens)?;
        self.accept(|b| b.is_ascii_digit() && ones(first, b))?;
        Ok(())
    }

    fn hour_minute(&mut self) -> Result<(), usize> {
        self.two(b"012", |tens, ones| tens != b'2' || ones <= b'3')?;
        self.expect(b':')?;
        self.two(b"012345", |_, _| true)
    }

    /// `Name(…)`: positions, or shapes in a collection.
    fn shape(&mut self, depth: usize) -> Result<(), usize> {
        let start = self.at;
        while self.accept(|b| b.is_ascii_alphabetic()).is_ok() {}
        let name = self.bytes.get(start..self.at).unwrap_or_default().to_ascii_lowercase();
        // How many parentheses stand around a list of positions.
        let nesting = match name.as_slice() {
            b"collection" | b"geometrycollection" if depth < Self::SHAPE_DEPTH => {
                self.expect(b'(')?;
                loop {
                    self.shape(depth + 1)?;
                    if !self.skip(b',') {
                        self.expect(b')')?;
                        return Ok(());
                    }
                }
            }
            b"point" | b"linestring" => 1,
            b"polygon" | b"multipoint" | b"multilinestring" => 2,
            b"multipolygon" => 3,
            _ => return Err(start),
        };
        self.positions(nesting)
    }

    fn positions(&mut self, nesting: usize) -> Result<(), usize> {
        self.expect(b'(')?;
        if self.skip(b')') {
            return Ok(());
        }
        loop {
            if nesting > 1 {
                self.positions(nesting - 1)?;
            } else {
                self.position()?;
            }
            if !self.skip(b',') {
                self.expect(b')')?;
                return Ok(());
            }
        }
    }

    /// Two to four numbers.
    fn position(&mut self) -> Result<(), usize> {
        let text = self.text;
        self.at = number(text, self.at)?;
        self.expect(b' ')?;
        self.at = number(text, self.at)?;
        for _ in 0..2 {
            if self.skip(b' ') {
                self.at = number(text, self.at)?;
            }
        }
        Ok(())
    }
}
