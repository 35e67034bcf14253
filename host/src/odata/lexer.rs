//! Text of a query option, percent-decoded, to tokens. A token knows where it stands and whether a space came before
//! it; literals are recognised here by shape, so that everything after this deals in whole literals.

use std::borrow::Cow;
use std::fmt;

use super::instead;
use super::literal::{self, is_identifier_part, is_identifier_start};
use crate::model::error::{Code, Error};

/// What does not belong, and the byte where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub at: usize,
    pub message: String,
    /// What to write in its place.
    pub hint: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Token<'a> {
    /// First byte.
    pub at: usize,
    /// Byte after the last.
    pub end: usize,
    /// White space stands before it.
    pub spaced: bool,
    pub kind: TokenKind<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TokenKind<'a> {
    End,
    /// An identifier, or several joined by dots.
    Name(&'a str),
    /// `$name`, without the `$`.
    Dollar(&'a str),
    /// `@alias`, `@Namespace.Term` or `@Namespace.Term#Qualifier`, without the `@`.
    At(&'a str),
    Number(&'a str),
    Date(&'a str),
    DateTime(&'a str),
    Time(&'a str),
    Guid(&'a str),
    Text(Cow<'a, str>),
    /// `duration'…'`, `binary'…'`, `geography'…'`, `Namespace.Enumeration'…'`
    Typed {
        prefix: &'a str,
        text: &'a str,
    },
    /// `"…"` as JSON has it.
    JsonText(String),
    /// One of `( ) [ ] { } , / : ; = * -`
    Mark(char),
}

#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl SyntaxError {
    pub fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    pub fn hint(self, hint: Option<&'static str>) -> Self {
        Self { hint: hint.or(self.hint), ..self }
    }

    /// As an answer: `target` is the option that `text` is the value of; the position counts characters.
    pub fn refusal(self, code: Code, target: &str, text: &str) -> Error {
        let position = position(text, self.at);
        let error = Error::new(code, format!("{} at position {position}", self.message)).target(target);
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// Characters before a byte.
pub fn position(text: &str, at: usize) -> usize {
    text.char_indices().take_while(|(i, _)| *i < at).count()
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Goes on reading at this byte.
    pub fn seek(&mut self, at: usize) {
        self.at = at;
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    pub fn token(&mut self) -> Result<Token<'a>, SyntaxError> {
        let before = self.at;
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let at = self.at;
        let kind = self.kind()?;
        Ok(Token { at, end: self.at, spaced: at > before, kind })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn kind(&mut self) -> Result<TokenKind<'a>, SyntaxError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(TokenKind::End);
        };
        match first {
            '\'' => self.quoted().map(|text| TokenKind::Text(unescape(text))),
            '"' => self.json_text(),
            '0'..='9' | '+' => self.digits(),
            '-' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) || rest.starts_with("-INF") => self.digits(),
            '$' => self.named(1).map(TokenKind::Dollar),
            '@' => self.annotation(),
            c if is_identifier_start(c) => self.word(),
            '(' | ')' | '[' | ']' | '{' | '}' | ',' | '/' | ':' | ';' | '=' | '*' | '-' => {
                self.at += 1;
                Ok(TokenKind::Mark(first))
            }
            other => {
                Err(SyntaxError::new(self.at, "a character that has no meaning here").hint(instead::of_sign(other)))
            }
        }
    }

    /// A literal that begins with a digit or a sign.
    fn digits(&mut self) -> Result<TokenKind<'a>, SyntaxError> {
        if literal::guid(self.text, self.at).is_ok() {
            return self.scanned(literal::guid, TokenKind::Guid, "GUID");
        }
        let unsigned = self.rest().trim_start_matches('-');
        let count = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        let after = unsigned.as_bytes().get(count);
        if count >= 4 && after == Some(&b'-') {
            return self.date();
        }
        // A branch of `case` may begin after a number: `20:x`.
        let minutes = unsigned.as_bytes().get(3..5).is_some_and(|two| two.iter().all(u8::is_ascii_digit));
        if count == 2 && after == Some(&b':') && minutes {
            return self.scanned(literal::time_of_day, TokenKind::Time, "time");
        }
        self.scanned(literal::number, TokenKind::Number, "number")
    }

    fn date(&mut self) -> Result<TokenKind<'a>, SyntaxError> {
        let with_time = literal::date(self.text, self.at)
            .is_ok_and(|end| matches!(self.text.as_bytes().get(end), Some(b'T' | b't')));
        if with_time {
            self.scanned(literal::date_time_offset, TokenKind::DateTime, "date-time with its offset")
        } else {
            self.scanned(literal::date, TokenKind::Date, "date")
        }
    }

    fn scanned(
        &mut self,
        scan: impl Fn(&str, usize) -> literal::Scanned,
        token: impl Fn(&'a str) -> TokenKind<'a>,
        what: &str,
    ) -> Result<TokenKind<'a>, SyntaxError> {
        let end = scan(self.text, self.at)
            .map_err(|at| SyntaxError::new(at, format!("this is no {what}")).hint(instead::literal(what)))?;
        let found = self.text.get(self.at..end).unwrap_or_default();
        if self.text.get(end..).is_some_and(|rest| rest.starts_with(is_identifier_part)) {
            let error = SyntaxError::new(end, format!("the {what} ends before this"));
            return Err(error.hint(instead::literal(what)));
        }
        self.at = end;
        Ok(token(found))
    }

    /// The inside of `'…'`, escapes as they stand.
    fn quoted(&mut self) -> Result<&'a str, SyntaxError> {
        let end = literal::string(self.text, self.at).map_err(|at| {
            SyntaxError::new(at, "a quoted text has no closing quote").hint(Some(instead::QUOTE_IN_TEXT))
        })?;
        let inside = self.text.get(self.at + 1..end - 1).unwrap_or_default();
        self.at = end;
        Ok(inside)
    }

    fn json_text(&mut self) -> Result<TokenKind<'a>, SyntaxError> {
        let bytes = self.rest().as_bytes();
        let mut length = 1;
        loop {
            match bytes.get(length) {
                Some(b'\\') => length += 2,
                Some(b'"') => break,
                Some(_) => length += 1,
                None => return Err(SyntaxError::new(self.text.len(), "a JSON string has no closing quote")),
            }
        }
        let quoted = self.rest().get(..=length).unwrap_or_default();
        let text = serde_json::from_str(quoted).map_err(|_| SyntaxError::new(self.at, "this is no JSON string"))?;
        self.at += length + 1;
        Ok(TokenKind::JsonText(text))
    }

    /// A name after a sign of that many bytes.
    fn named(&mut self, sign: usize) -> Result<&'a str, SyntaxError> {
        let start = self.at + sign;
        let end = literal::qualified_name(self.text, start).map_err(|at| SyntaxError::new(at, "a name is expected"))?;
        self.at = end;
        Ok(self.text.get(start..end).unwrap_or_default())
    }

    fn annotation(&mut self) -> Result<TokenKind<'a>, SyntaxError> {
        let start = self.at + 1;
        self.named(1)?;
        if self.rest().starts_with('#') {
            self.named(1)?;
        }
        Ok(TokenKind::At(self.text.get(start..self.at).unwrap_or_default()))
    }

    /// A name, a GUID that begins with a letter, or a literal with its type before it.
    fn word(&mut self) -> Result<TokenKind<'a>, SyntaxError> {
        if literal::guid(self.text, self.at).is_ok() {
            return self.scanned(literal::guid, TokenKind::Guid, "GUID");
        }
        let start = self.at;
        let name = self.named(0)?;
        if self.rest().starts_with('\'') {
            return self.typed(start, name);
        }
        Ok(if matches!(name, "INF" | "NaN") { TokenKind::Number(name) } else { TokenKind::Name(name) })
    }

    fn typed(&mut self, start: usize, prefix: &'a str) -> Result<TokenKind<'a>, SyntaxError> {
        let (scan, what): (fn(&str, usize) -> literal::Scanned, _) = match prefix.to_ascii_lowercase().as_str() {
            "duration" => (literal::prefixed_duration, "duration"),
            "binary" => (literal::binary, "binary value"),
            "geography" | "geometry" => (literal::geo, "shape"),
            // The old form of OData 3, which clients still send.
            "guid" | "datetime" | "datetimeoffset" => {
                (|text, from| literal::string(text, from + text[from..].find('\'').unwrap_or(0)), "literal")
            }
            _ => (literal::enumeration, "enumeration value"),
        };
        let hint = match what {
            "enumeration value" => Some(instead::QUOTE_IN_TEXT),
            what => instead::literal(what),
        };
        let end = scan(self.text, start).map_err(|at| SyntaxError::new(at, format!("this is no {what}")).hint(hint))?;
        let text = self.text.get(start + prefix.len() + 1..end - 1).unwrap_or_default();
        self.at = end;
        Ok(TokenKind::Typed { prefix, text })
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if text.contains('\'') { text.replace("''", "'").into() } else { text.into() }
}

impl fmt::Display for TokenKind<'_> {
    /// For messages: what kind of thing stands there, never the text of a literal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => write!(f, "the end"),
            Self::Name(name) => write!(f, "`{name}`"),
            Self::Dollar(name) => write!(f, "`${name}`"),
            Self::At(name) => write!(f, "`@{name}`"),
            Self::Number(_) => write!(f, "a number"),
            Self::Date(_) => write!(f, "a date"),
            Self::DateTime(_) => write!(f, "a date-time"),
            Self::Time(_) => write!(f, "a time"),
            Self::Guid(_) => write!(f, "a GUID"),
            Self::Text(_) | Self::JsonText(_) => write!(f, "a text"),
            Self::Typed { prefix, .. } => write!(f, "a `{prefix}` literal"),
            Self::Mark(mark) => write!(f, "`{mark}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<String>, SyntaxError> {
        let mut lexer = Lexer::new(text);
        let mut found = Vec::new();
        loop {
            let token = lexer.token()?;
            if token.kind == TokenKind::End {
                return Ok(found);
            }
            found.push(format!("{:?}", token.kind));
        }
    }

    #[test]
    fn literals_are_told_by_their_shape() {
        let check = |text: &str, expected: &str| assert_eq!(tokens(text).unwrap().join(" "), expected, "{text}");
        check("-1.5e3", r#"Number("-1.5e3")"#);
        check("INF -INF NaN", r#"Number("INF") Number("-INF") Number("NaN")"#);
        check("-x", r#"Mark('-') Name("x")"#);
        check("2012-09-03", r#"Date("2012-09-03")"#);
        check("2012-09-03T13:52:00.5-05:00", r#"DateTime("2012-09-03T13:52:00.5-05:00")"#);
        check("11:22:33.4", r#"Time("11:22:33.4")"#);
        check("11:x 11:2", r#"Number("11") Mark(':') Name("x") Number("11") Mark(':') Number("2")"#);
        check("'O''Neil'", r#"Text("O'Neil")"#);
        check("abcdef67-89ab-cdef-0123-456789abcdef", r#"Guid("abcdef67-89ab-cdef-0123-456789abcdef")"#);
        check("abcdef67", r#"Name("abcdef67")"#);
        check("duration'P1D'", r#"Typed { prefix: "duration", text: "P1D" }"#);
        check("a/$count", r#"Name("a") Mark('/') Dollar("count")"#);
        check("@A.B#q", r#"At("A.B#q")"#);
        check(r#"["a\"b"]"#, r#"Mark('[') JsonText("a\"b") Mark(']')"#);
    }

    #[test]
    fn what_is_no_token_is_refused_where_it_stands() {
        let check = |text: &str, at: usize| assert_eq!(tokens(text).map_err(|e| e.at), Err(at), "{text}");
        check("a eq 'x", 7);
        check("a eq 5x", 6);
        check("a eq 2012-13-01", 11);
        check("a eq 2012-01-01T25:00Z", 17);
        check("a § b", 2);
        check("$", 1);
        check("\"a", 2);
    }
}
