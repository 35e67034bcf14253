//! FHIRPath text to tokens.

use super::{Result, SyntaxError};
use crate::moment::Moment;
use crate::types::Family;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    End,
    Symbol(&'static str),
    Name(String),
    /// In backticks: never an operator.
    Quoted(String),
    /// `$this`
    Variable(&'static str),
    /// `%name`
    Constant(String),
    Text(String),
    Number(String),
    Moment(Family, String),
}

/// Longest first.
const SYMBOLS: [&str; 20] =
    ["<=", ">=", "!=", "<", ">", "=", "+", "-", "*", "/", "&", "|", ".", ",", "(", ")", "[", "]", "{", "}"];

pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and where it begins.
    pub(super) fn next(&mut self) -> Result<(usize, Token)> {
        self.skip()?;
        let at = self.at;
        let Some(first) = self.rest().chars().next() else { return Ok((at, Token::End)) };
        let token = match first {
            '\'' => Token::Text(self.quoted('\'')?),
            '`' => Token::Quoted(self.quoted('`')?),
            '%' => {
                self.at += 1;
                Token::Constant(match self.rest().chars().next() {
                    Some(quote @ ('`' | '\'')) => self.quoted(quote)?,
                    _ => self.word("the name of a constant")?.to_owned(),
                })
            }
            '$' => {
                self.at += 1;
                match self.word("a variable")? {
                    "this" => Token::Variable("$this"),
                    "index" => Token::Variable("$index"),
                    other => return Err(error(at, format!("there is no `${other}`"))),
                }
            }
            '@' => self.moment()?,
            '0'..='9' => self.number(),
            'A'..='Z' | 'a'..='z' | '_' => Token::Name(self.word("a name")?.to_owned()),
            '~' => return Err(error(at, "`~` is not offered".into())),
            '!' if self.rest().starts_with("!~") => return Err(error(at, "`!~` is not offered".into())),
            other => match SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) {
                Some(symbol) => {
                    self.at += symbol.len();
                    Token::Symbol(symbol)
                }
                None => return Err(error(at, format!("`{other}` means nothing here"))),
            },
        };
        Ok((at, token))
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// White space and comments.
    fn skip(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                let end = trimmed.find("*/").ok_or_else(|| error(self.at, "this comment has no end".into()))?;
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn take(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn word(&mut self, what: &str) -> Result<&'t str> {
        let word = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
        if word.is_empty() { Err(error(self.at, format!("expected {what}"))) } else { Ok(word) }
    }

    /// A point belongs to a number only if a digit follows: `1.toString()`.
    fn number(&mut self) -> Token {
        let start = self.at;
        self.take(|c| c.is_ascii_digit());
        let mut after = self.rest().chars();
        if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.take(|c| c.is_ascii_digit());
        }
        let text = &self.text[start..self.at];
        // JSON knows no zeros in front.
        let zeros = text.len() - text.trim_start_matches('0').len();
        let text = &text[zeros..];
        let needs_zero = text.is_empty() || text.starts_with('.');
        Token::Number(if needs_zero { format!("0{text}") } else { text.to_owned() })
    }

    fn moment(&mut self) -> Result<Token> {
        let start = self.at;
        self.at += 1;
        let text = self.take(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | 'T' | 'Z' | '+'));
        // What follows a point without a digit is a function's.
        let kept = text.trim_end_matches('.');
        self.at -= text.len() - kept.len();
        let (family, text) = match kept.strip_prefix('T') {
            Some(time) => (Family::Time, time),
            None if kept.contains('T') => (Family::DateTime, kept),
            None => (Family::Date, kept),
        };
        match Moment::parse(family, text) {
            Some(_) => Ok(Token::Moment(family, text.to_owned())),
            None => Err(error(start, format!("`@{kept}` is no date or time"))),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(next) = self.rest().chars().next() else {
                return Err(error(start, "this text has no end".into()));
            };
            let at = self.at;
            self.at += next.len_utf8();
            if next == quote {
                return Ok(text);
            }
            text.push(if next == '\\' { self.escape(at)? } else { next });
        }
    }

    fn escape(&mut self, start: usize) -> Result<char> {
        let Some(escaped) = self.rest().chars().next() else {
            return Err(error(start, "this text has no end".into()));
        };
        self.at += escaped.len_utf8();
        Ok(match escaped {
            '\'' | '"' | '`' | '\\' | '/' => escaped,
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let digits = self.rest().get(..4).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
                let code = digits.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
                let code = code.ok_or_else(|| error(start, "`\\u` needs four digits of a character".into()))?;
                self.at += 4;
                code
            }
            other => return Err(error(start, format!("`\\{other}` is no escape"))),
        })
    }
}

fn error(at: usize, message: String) -> SyntaxError {
    SyntaxError { at, message }
}
