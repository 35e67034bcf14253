//! Text to tape: one pass over the bytes with an explicit stack.

use alloc::vec::Vec;
use core::fmt;

use crate::block::{BLOCK, Block};
use crate::node::{Kind, Node};

/// Arrays and objects inside each other. serde_json stops at the same depth.
pub const MAX_DEPTH: usize = 127;

/// Where a document stops being JSON, and why. Carries nothing of the document's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Offset of the first byte that does not fit.
    pub offset: usize,
    pub problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    NotUtf8,
    UnexpectedEnd,
    ExpectedValue,
    ExpectedKey,
    ExpectedColon,
    ExpectedCommaOrEnd,
    TrailingCharacters,
    ControlCharacter,
    BadEscape,
    LoneSurrogate,
    BadNumber,
    TooDeep,
    /// 4 GiB and more: spans are 32 bits.
    TooLong,
    /// JSON, but not of the form that is asked for, e.g. an array where a Bundle must stand.
    Unexpected(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.problem, self.offset)
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Problem::NotUtf8 => "not UTF-8",
            Problem::UnexpectedEnd => "unexpected end",
            Problem::ExpectedValue => "expected a value",
            Problem::ExpectedKey => "expected a member name",
            Problem::ExpectedColon => "expected ':'",
            Problem::ExpectedCommaOrEnd => "expected ',' or the closing bracket",
            Problem::TrailingCharacters => "something follows the value",
            Problem::ControlCharacter => "control character in a string",
            Problem::BadEscape => "unknown escape in a string",
            Problem::LoneSurrogate => "half of a surrogate pair in a string",
            Problem::BadNumber => "malformed number",
            Problem::TooDeep => "nested too deeply (limit 127)",
            Problem::TooLong => "too long (limit 4 GiB)",
            Problem::Unexpected(what) => what,
        })
    }
}

/// Fills `nodes` with the tape of the one value in `text`.
pub(crate) fn scan(text: &str, nodes: &mut Vec<Node>) -> Result<(), Error> {
    nodes.clear();
    if u32::try_from(text.len()).is_err() {
        return Err(Error { offset: 0, problem: Problem::TooLong });
    }
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0, nodes, open: Vec::new() };
    scanner.document()
}

/// What must come next. The stack of open containers says where a value or comma belongs.
#[derive(Clone, Copy)]
enum Expect {
    Value,
    /// After `[`: a value or `]`.
    ValueOrEnd,
    Key,
    /// After `{`: a key or `}`.
    KeyOrEnd,
    /// After a value inside a container: `,` or its end.
    CommaOrEnd,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: &'a mut Vec<Node>,
    /// Tape positions of the containers that are open.
    open: Vec<u32>,
}

impl Scanner<'_> {
    fn document(&mut self) -> Result<(), Error> {
        let mut expect = Expect::Value;
        loop {
            self.skip_whitespace();
            let Some(&byte) = self.bytes.get(self.at) else {
                return self.fail(self.at, Problem::UnexpectedEnd);
            };
            expect = match (expect, byte) {
                (Expect::ValueOrEnd, b']') | (Expect::KeyOrEnd, b'}') => self.close(),
                (Expect::Key | Expect::KeyOrEnd, b'"') => self.key()?,
                (Expect::Key | Expect::KeyOrEnd, _) => {
                    return self.fail(self.at, Problem::ExpectedKey);
                }
                (Expect::Value | Expect::ValueOrEnd, _) => self.value(byte)?,
                (Expect::CommaOrEnd, _) => self.comma_or_end(byte)?,
            };
            if self.open.is_empty() {
                break;
            }
        }
        self.skip_whitespace();
        if self.at < self.bytes.len() {
            return self.fail(self.at, Problem::TrailingCharacters);
        }
        Ok(())
    }

    fn value(&mut self, byte: u8) -> Result<Expect, Error> {
        match byte {
            b'{' => return self.open(Kind::Object, Expect::KeyOrEnd),
            b'[' => return self.open(Kind::Array, Expect::ValueOrEnd),
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                match crate::number::prefix(&self.bytes[start..]) {
                    Ok(length) => self.at += length,
                    Err(length) => {
                        let at = start + length;
                        let ended = at >= self.bytes.len();
                        return self.fail(at, if ended { Problem::UnexpectedEnd } else { Problem::BadNumber });
                    }
                }
                self.leaf(Kind::Number, start);
            }
            b't' => self.literal("true", Kind::True)?,
            b'f' => self.literal("false", Kind::False)?,
            b'n' => self.literal("null", Kind::Null)?,
            _ => return self.fail(self.at, Problem::ExpectedValue),
        }
        Ok(Expect::CommaOrEnd)
    }

    fn key(&mut self) -> Result<Expect, Error> {
        self.string()?;
        self.skip_whitespace();
        match self.bytes.get(self.at) {
            Some(b':') => {
                self.at += 1;
                Ok(Expect::Value)
            }
            Some(_) => self.fail(self.at, Problem::ExpectedColon),
            None => self.fail(self.at, Problem::UnexpectedEnd),
        }
    }

    fn comma_or_end(&mut self, byte: u8) -> Result<Expect, Error> {
        let in_object = self.open.last().is_some_and(|&at| self.nodes[at as usize].kind == Kind::Object);
        match (byte, in_object) {
            (b',', true) => {
                self.at += 1;
                Ok(Expect::Key)
            }
            (b',', false) => {
                self.at += 1;
                Ok(Expect::Value)
            }
            (b'}', true) | (b']', false) => Ok(self.close()),
            _ => self.fail(self.at, Problem::ExpectedCommaOrEnd),
        }
    }

    fn open(&mut self, kind: Kind, next: Expect) -> Result<Expect, Error> {
        if self.open.len() == MAX_DEPTH {
            return self.fail(self.at, Problem::TooDeep);
        }
        self.open.push(self.nodes.len() as u32);
        self.nodes.push(Node { kind, escaped: false, start: self.at as u32, end: 0, next: 0 });
        self.at += 1;
        Ok(next)
    }

    fn close(&mut self) -> Expect {
        self.at += 1;
        let next = self.nodes.len() as u32;
        if let Some(at) = self.open.pop() {
            let node = &mut self.nodes[at as usize];
            node.end = self.at as u32;
            node.next = next;
        }
        Expect::CommaOrEnd
    }

    /// A string, its opening quote at `at`. Checks the escapes, so that unescaping cannot fail later.
    fn string(&mut self) -> Result<(), Error> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            self.skip_plain();
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..=0x1f) => return self.fail(self.at, Problem::ControlCharacter),
                Some(_) => self.at += 1,
                None => return self.fail(self.at, Problem::UnexpectedEnd),
            }
        }
        self.at += 1;
        self.leaf(Kind::String, start);
        if let Some(node) = self.nodes.last_mut() {
            node.escaped = escaped;
        }
        Ok(())
    }

    /// Goes over bytes that mean nothing by themselves inside a string, as far as there are whole blocks.
    fn skip_plain(&mut self) {
        while let Some(block) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()) {
            let stops = Block::load(block).string_stops();
            if stops != 0 {
                self.at += stops.trailing_zeros() as usize;
                return;
            }
            self.at += BLOCK;
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        let start = self.at;
        match self.bytes.get(start + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = self.hex(start + 2)?;
                self.at += 6;
                match unit {
                    0xd800..=0xdbff => {
                        if self.bytes.get(self.at) != Some(&b'\\') || self.bytes.get(self.at + 1) != Some(&b'u') {
                            return self.fail(self.at, Problem::LoneSurrogate);
                        }
                        if !matches!(self.hex(self.at + 2)?, 0xdc00..=0xdfff) {
                            return self.fail(self.at, Problem::LoneSurrogate);
                        }
                        self.at += 6;
                    }
                    0xdc00..=0xdfff => return self.fail(start, Problem::LoneSurrogate),
                    _ => {}
                }
            }
            Some(_) => return self.fail(start + 1, Problem::BadEscape),
            None => return self.fail(start + 1, Problem::UnexpectedEnd),
        }
        Ok(())
    }

    fn hex(&self, at: usize) -> Result<u32, Error> {
        let mut unit = 0;
        for offset in at..at + 4 {
            let Some(&byte) = self.bytes.get(offset) else {
                return Err(Error { offset: self.bytes.len(), problem: Problem::UnexpectedEnd });
            };
            let Some(digit) = char::from(byte).to_digit(16) else {
                return Err(Error { offset, problem: Problem::BadEscape });
            };
            unit = unit * 16 + digit;
        }
        Ok(unit)
    }

    fn literal(&mut self, word: &str, kind: Kind) -> Result<(), Error> {
        let start = self.at;
        for (i, &expected) in word.as_bytes().iter().enumerate() {
            match self.bytes.get(start + i) {
                Some(&byte) if byte == expected => {}
                Some(_) => return self.fail(start + i, Problem::ExpectedValue),
                None => return self.fail(start + i, Problem::UnexpectedEnd),
            }
        }
        self.at += word.len();
        self.leaf(kind, start);
        Ok(())
    }

    fn leaf(&mut self, kind: Kind, start: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { kind, escaped: false, start: start as u32, end: self.at as u32, next });
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn fail<T>(&self, offset: usize, problem: Problem) -> Result<T, Error> {
        Err(Error { offset, problem })
    }
}
