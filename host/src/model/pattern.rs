//! Regular expressions as OData has them: those of ECMAScript (OData 4.01 Part 2, 5.1.1.5.4), read as its Unicode mode has them
//! and as far as a match takes time that grows with the text alone. Looking around and back references are refused by name.
//! A text is matched as it stands: case and accents count.

use std::fmt::Write as _;

/// Characters of a pattern.
pub const LENGTH_MAX: usize = 500;

/// What a pattern may come to in memory: repetitions of long parts are refused.
const SIZE_MAX: usize = 256 << 10;

/// Parentheses in parentheses.
const DEPTH_MAX: usize = 50;

/// What `.` is: all but the ends of lines.
const ANY: &str = r"[^\n\r\x{2028}\x{2029}]";
const SPACE: &str = r"\t\n\x0B\x0C\r \x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}";

/// One made ready.
#[derive(Debug)]
pub struct Pattern(regex::Regex);

/// Why a text is no pattern, or none that is matched here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The character of the pattern, from 0.
    pub at: usize,
    pub what: &'static str,
    /// It is a pattern of the standard.
    pub is_pattern: bool,
}

impl Pattern {
    pub fn new(text: &str) -> Result<Self, Fault> {
        let translated = translated(text)?;
        let built =
            regex::RegexBuilder::new(&translated).size_limit(SIZE_MAX).dfa_size_limit(SIZE_MAX).nest_limit(100).build();
        built.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                unsupported(0, "a pattern as large as this one comes to with its repetitions")
            }
            _ => malformed(0, "this is no regular expression"),
        })
    }

    /// Whether a part of the text is what the pattern says.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// What is wrong with a text as a pattern, before any work is done for it.
pub fn check(text: &str) -> Result<(), Fault> {
    translated(text).map(drop)
}

fn malformed(at: usize, what: &'static str) -> Fault {
    Fault { at, what, is_pattern: false }
}

fn unsupported(at: usize, what: &'static str) -> Fault {
    Fault { at, what, is_pattern: true }
}

/// The same in the words of the crate that matches.
fn translated(text: &str) -> Result<String, Fault> {
    let characters: Vec<char> = text.chars().take(LENGTH_MAX + 1).collect();
    if characters.len() > LENGTH_MAX {
        return Err(unsupported(LENGTH_MAX, "a pattern of more than 500 characters"));
    }
    let mut reading = Reading { characters: &characters, at: 0, out: String::with_capacity(text.len() * 2) };
    reading.all()?;
    Ok(reading.out)
}

struct Reading<'c> {
    characters: &'c [char],
    at: usize,
    out: String,
}

impl Reading<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.characters.get(self.at).copied();
        self.at += usize::from(next.is_some());
        next
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn takes(&mut self, text: &str) -> bool {
        let rest = self.characters.get(self.at..).unwrap_or_default();
        let begins = text.chars().enumerate().all(|(nth, c)| rest.get(nth) == Some(&c));
        if begins {
            self.at += text.chars().count();
        }
        begins
    }

    fn all(&mut self) -> Result<(), Fault> {
        let mut open = 0_usize;
        // Whether something stands before that can be repeated.
        let mut is_atom = false;
        while let Some(c) = self.next() {
            let at = self.at - 1;
            is_atom = match c {
                '\\' => self.escape(at)?,
                '.' => {
                    self.out.push_str(ANY);
                    true
                }
                '[' => {
                    self.class(at)?;
                    true
                }
                '(' => {
                    open += 1;
                    if open > DEPTH_MAX {
                        return Err(unsupported(at, "a pattern with so many parentheses in each other"));
                    }
                    self.open(at)?;
                    false
                }
                ')' => {
                    open = open.checked_sub(1).ok_or_else(|| malformed(at, "a parenthesis closes nothing"))?;
                    self.out.push(')');
                    true
                }
                '|' | '^' | '$' => {
                    self.out.push(c);
                    false
                }
                '*' | '+' | '?' | '{' => {
                    if !is_atom {
                        return Err(malformed(at, "there is nothing to repeat"));
                    }
                    match c {
                        '{' => self.times(at)?,
                        _ => self.out.push(c),
                    }
                    // As few as possible, or as many: it matches all the same.
                    self.takes("?");
                    false
                }
                c => {
                    self.literal(c);
                    true
                }
            };
        }
        if open > 0 { Err(malformed(self.at, "a parenthesis is not closed")) } else { Ok(()) }
    }

    /// What stands behind `(`. Nothing is captured.
    fn open(&mut self, at: usize) -> Result<(), Fault> {
        if ["?=", "?!", "?<=", "?<!"].iter().any(|look| self.takes(look)) {
            return Err(unsupported(at, "looking around"));
        }
        let flags = if self.takes("?i:") { "i" } else { "" };
        if flags.is_empty() && self.takes("?<") {
            let begin = self.at;
            while self.peek().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$')) {
                self.at += 1;
            }
            if self.at == begin || !self.takes(">") {
                return Err(malformed(begin, "a group has no name"));
            }
        } else if flags.is_empty() && self.peek() == Some('?') && !self.takes("?:") {
            return Err(unsupported(at, "a group of this kind"));
        }
        self.out.push_str("(?");
        self.out.push_str(flags);
        self.out.push(':');
        Ok(())
    }

    /// `{2}`, `{2,}`, `{2,5}`
    fn times(&mut self, at: usize) -> Result<(), Fault> {
        let least = self.number(at)?;
        let most = if self.takes(",") {
            if self.peek() == Some('}') { None } else { Some(self.number(at)?) }
        } else {
            Some(least)
        };
        if !self.takes("}") {
            return Err(malformed(at, "`{` is no repetition; as a character it is `\\{`"));
        }
        if most.is_some_and(|most| most < least) {
            return Err(malformed(at, "a repetition has its bounds in the wrong order"));
        }
        let most = most.map_or(String::new(), |most| most.to_string());
        let _ = write!(self.out, "{{{least},{most}}}");
        Ok(())
    }

    fn number(&mut self, at: usize) -> Result<u32, Fault> {
        let begin = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.characters.get(begin..self.at).unwrap_or_default().iter().collect();
        if digits.is_empty() {
            return Err(malformed(at, "`{` is no repetition; as a character it is `\\{`"));
        }
        digits.parse().map_err(|_| unsupported(at, "so many repetitions"))
    }

    /// Whether what comes of it can be repeated.
    fn escape(&mut self, at: usize) -> Result<bool, Fault> {
        match self.peek() {
            Some('b') => {
                self.at += 1;
                self.out.push_str(r"(?-u:\b)");
                Ok(false)
            }
            Some('B') => Err(unsupported(at, "`\\B`")),
            Some('k' | '1'..='9') => Err(unsupported(at, "a back reference")),
            _ => {
                match self.class_of_letter() {
                    Some((inside, false)) => drop(write!(self.out, "[{inside}]")),
                    Some((inside, true)) => drop(write!(self.out, "[^{inside}]")),
                    None => {
                        let c = self.escaped(at)?;
                        self.literal(c);
                    }
                }
                Ok(true)
            }
        }
    }

    /// `\d`, `\w`, `\s` and what is not.
    fn class_of_letter(&mut self) -> Option<(&'static str, bool)> {
        let letter = self.peek()?;
        let inside = match letter.to_ascii_lowercase() {
            'd' => "0-9",
            'w' => "0-9A-Za-z_",
            's' => SPACE,
            _ => return None,
        };
        self.at += 1;
        Some((inside, letter.is_ascii_uppercase()))
    }

    /// The character behind a backslash.
    fn escaped(&mut self, at: usize) -> Result<char, Fault> {
        let Some(c) = self.next() else { return Err(malformed(at, "a backslash stands at the end")) };
        Ok(match c {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\x0B',
            'f' => '\x0C',
            '0' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => '\0',
            'c' => {
                let letter = self.next().filter(char::is_ascii_alphabetic);
                let letter = letter.ok_or_else(|| malformed(at, "`\\c` is followed by a letter"))?;
                char::from((letter as u8) & 0x1f)
            }
            'x' => self.hexadecimal(at, 2)?,
            'u' if self.takes("{") => {
                let mut length = 0;
                while self.characters.get(self.at + length).is_some_and(char::is_ascii_hexdigit) {
                    length += 1;
                }
                let c = self.hexadecimal(at, length)?;
                if !self.takes("}") {
                    return Err(malformed(at, "`\\u{` is not closed"));
                }
                c
            }
            'u' => self.hexadecimal(at, 4)?,
            'p' | 'P' => return Err(unsupported(at, "a Unicode property")),
            c if c.is_alphanumeric() => return Err(malformed(at, "there is no such escape")),
            c => c,
        })
    }

    fn hexadecimal(&mut self, at: usize, length: usize) -> Result<char, Fault> {
        let digits: String = self.characters.get(self.at..self.at + length).unwrap_or_default().iter().collect();
        self.at += length;
        let code = (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digits);
        let code = code.and_then(|digits| u32::from_str_radix(&digits, 16).ok()).and_then(char::from_u32);
        code.ok_or_else(|| malformed(at, "this is no character's number"))
    }

    /// What stands behind `[`, to its end.
    fn class(&mut self, at: usize) -> Result<(), Fault> {
        let is_negated = self.takes("^");
        let mut inside = String::new();
        loop {
            let begin = self.at;
            let Some(c) = self.next() else { return Err(malformed(at, "a class is not closed")) };
            if c == ']' {
                break;
            }
            let Some(from) = self.member(c, begin, &mut inside)? else { continue };
            let is_range = self.peek() == Some('-') && self.characters.get(self.at + 1).is_some_and(|c| *c != ']');
            if !is_range {
                written(&mut inside, from);
                continue;
            }
            self.at += 1;
            let end = self.at;
            let Some(c) = self.next() else { return Err(malformed(at, "a class is not closed")) };
            let Some(to) = self.member(c, end, &mut inside)? else {
                return Err(malformed(begin, "a range ends with a class"));
            };
            if to < from {
                return Err(malformed(begin, "a range has its ends in the wrong order"));
            }
            written(&mut inside, from);
            inside.push('-');
            written(&mut inside, to);
        }
        // Nothing at all, and anything.
        match (inside.is_empty(), is_negated) {
            (true, false) => self.out.push_str(r"[^\x{0}-\x{10FFFF}]"),
            (true, true) => self.out.push_str(r"[\x{0}-\x{10FFFF}]"),
            (false, negated) => drop(write!(self.out, "[{}{inside}]", if negated { "^" } else { "" })),
        }
        Ok(())
    }

    /// One character of a class; None: a class in it, which is written.
    fn member(&mut self, c: char, at: usize, inside: &mut String) -> Result<Option<char>, Fault> {
        if c != '\\' {
            return Ok(Some(c));
        }
        if self.takes("b") {
            return Ok(Some('\x08'));
        }
        match self.class_of_letter() {
            Some((of, false)) => drop(write!(inside, "[{of}]")),
            Some((of, true)) => drop(write!(inside, "[^{of}]")),
            None => return self.escaped(at).map(Some),
        }
        Ok(None)
    }

    fn literal(&mut self, c: char) {
        written(&mut self.out, c);
    }
}

/// By its number, where it might mean more than itself.
fn written(out: &mut String, c: char) {
    if c.is_alphanumeric() {
        out.push(c);
    } else {
        let _ = write!(out, "\\x{{{:X}}}", u32::from(c));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_all(pattern: &str, matched: &[&str], others: &[&str]) {
        let made = Pattern::new(pattern).expect(pattern);
        for text in matched {
            assert!(made.matches(text), "{pattern} {text:?}");
        }
        for text in others {
            assert!(!made.matches(text), "{pattern} {text:?}");
        }
    }

    #[test]
    fn what_matches() {
        check_all("", &["", "a"], &[]);
        check_all("b", &["abc"], &["B", "ac"]);
        check_all("^A.*e$", &["Able", "Ae"], &["able", "Abel", "xAe", "A\ne", "A\u{2028}e"]);
        check_all("^A", &["Ab"], &["x\nAb"]);
        check_all("a$", &["ba"], &["ba\n"]);
        check_all(r"^\d{3}-\d{4}$", &["555-1234"], &["٥٥٥-1234", "555-123", "5555-1234"]);
        check_all(r"^\w+$", &["a_1"], &["é", "a b", ""]);
        check_all(r"^\s$", &["\t", "\u{a0}", "\u{feff}", "\u{2028}"], &["\u{85}", "x"]);
        check_all(r"^[^\S]$", &["\t"], &["x"]);
        check_all(r"\bsmith\b", &["a smith, b", "smith"], &["smiths"]);
        check_all("^(a|bc)+?x??$", &["a", "bcabcx"], &["b", "x"]);
        check_all("^(?:ab){2,3}$", &["abab", "ababab"], &["ab", "abababab"]);
        check_all("^a{2,}$", &["aa", "aaaa"], &["a"]);
        check_all("(?<year>[0-9]{4})", &["in 2024"], &["in 24"]);
        check_all("^(?i:müller) x$", &["MÜLLER x"], &["muller x", "MÜLLER X"]);
        check_all("^[a-c-]+$", &["a-c"], &["d"]);
        check_all(r"^[\]\\[&&~~-]+$", &["]\\[&~-"], &["a"]);
        check_all("^[^]$", &["\n"], &["", "ab"]);
        check_all("a[]", &[], &["a", ""]);
        check_all(r"^\x41\u0042\u{1F600}\cJ\/\.$", &["AB😀\n/."], &["AB😀\n/x"]);
        check_all("^.$", &["😀", "é"], &["ab"]);
        check_all("#x Y&", &["#x Y&"], &["#xY&"]);
        check_all("]}", &["]}"], &[]);
        check_all(r"^[\b]$", &["\x08"], &["b"]);
    }

    #[track_caller]
    fn refused(pattern: &str, is_pattern: bool, at: usize) {
        let fault = check(pattern).expect_err(pattern);
        assert_eq!((fault.is_pattern, fault.at), (is_pattern, at), "{pattern}: {}", fault.what);
    }

    #[test]
    fn what_does_not_match_in_time_that_grows_with_the_text_is_refused() {
        refused("a(?=b)", true, 1);
        refused("(?<!a)b", true, 0);
        refused(r"(a)\1", true, 3);
        refused(r"(?<x>a)\k<x>", true, 7);
        refused(r"\p{L}", true, 0);
        refused(r"\Ba", true, 0);
        refused("(?s:a)", true, 0);
        refused(&"a".repeat(501), true, 500);
        refused(&"(".repeat(60), true, 50);
        refused("a{99999999999}", true, 1);
        let large = Pattern::new("((a{100}){100}){100}").expect_err("it is too large");
        assert!(large.is_pattern);
        assert!(Pattern::new("^.{0,40}$").is_ok());
    }

    #[test]
    fn what_is_no_pattern() {
        for (pattern, at) in [
            ("(a", 2),
            ("a)", 1),
            ("*a", 0),
            ("a**", 2),
            ("a|+", 2),
            ("[a", 0),
            ("[b-a]", 1),
            ("[a-\\d]", 1),
            ("\\", 0),
            ("a{", 1),
            ("a{2,1}", 1),
            ("{", 0),
            (r"\xg0", 0),
            (r"\u{110000}", 0),
            (r"\a", 0),
            ("(?<>a)", 3),
            ("a{x}", 1),
        ] {
            refused(pattern, false, at);
        }
    }

    #[test]
    fn whatever_is_written_is_a_pattern_or_refused() {
        let parts = [
            "a", "(", ")", "[", "]", "^", "$", "\\", "d", "-", "{", "2", ",", "}", "*", "?", "|", ":", "<", "é", "&",
            "x", "u", "i", ".",
        ];
        let mut state = 7_u64;
        for _ in 0..20_000 {
            let mut pattern = String::new();
            for _ in 0..state >> 33 & 15 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                pattern.push_str(parts[(state >> 40) as usize % parts.len()]);
            }
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            if check(&pattern).is_ok() {
                let made = Pattern::new(&pattern);
                assert!(made.as_ref().map_or_else(|fault| fault.is_pattern, |_| true), "{pattern}: {made:?}");
            }
        }
    }
}
