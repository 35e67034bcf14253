//! The grammar of JSON, token by token, over one document inside a larger buffer: strict, without recursion, and with
//! whole blocks wherever a run of bytes means nothing by itself.
//!
//! Positions are offsets in the document. What breaks the grammar is `None`; who wants to know where and why parses
//! the document again with [`Document`](crate::Document), which says.

use crate::block::{BLOCK, Block, utf8};
use crate::scanner::MAX_DEPTH;

/// One document to be read.
#[derive(Clone, Copy)]
pub struct Lexer<'a> {
    /// The document and whatever lies behind it, so that blocks can be loaded at its end too.
    buffer: &'a [u8],
    text: &'a str,
}

/// Where a string ends, behind its closing quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringEnd {
    pub end: usize,
    /// There is a backslash in it.
    pub escaped: bool,
}

impl<'a> Lexer<'a> {
    /// The document that is the first `length` bytes of `buffer`. `None` if they are no UTF-8 or there are fewer.
    pub fn new(buffer: &'a [u8], length: usize) -> Option<Self> {
        Some(Self { buffer, text: utf8(buffer.get(..length)?)? })
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The byte at a position; 0, which no token begins with, at the end and behind it.
    #[inline(always)]
    pub fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    /// Sixteen bytes from a position on. They may reach behind the document; what is behind the buffer is 0.
    #[inline(always)]
    pub fn block(&self, at: usize) -> Block {
        match self.buffer.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => Block::load(bytes),
            None => self.last_block(at),
        }
    }

    #[cold]
    fn last_block(&self, at: usize) -> Block {
        let mut bytes = [0; BLOCK];
        let rest = self.buffer.get(at..).unwrap_or_default();
        let length = rest.len().min(BLOCK);
        bytes[..length].copy_from_slice(&rest[..length]);
        Block::load(&bytes)
    }

    /// The position after white space.
    #[inline(always)]
    pub fn space(&self, at: usize) -> usize {
        if self.byte(at) > b' ' { at } else { self.more_space(at) }
    }

    fn more_space(&self, mut at: usize) -> usize {
        loop {
            let stops = self.block(at).not_space();
            if stops != 0 {
                return at + stops.trailing_zeros() as usize;
            }
            at += BLOCK;
        }
    }

    /// The end of the string whose opening quote is at `at`.
    #[inline(always)]
    pub fn string(&self, at: usize) -> Option<StringEnd> {
        let mut at = at + 1;
        let mut stops = self.block(at).string_stops();
        // Most are short, and end in the first block.
        while stops == 0 {
            at += BLOCK;
            stops = self.block(at).string_stops();
        }
        at += stops.trailing_zeros() as usize;
        match self.byte(at) {
            b'"' => Some(StringEnd { end: at + 1, escaped: false }),
            b'\\' => self.escaped_string(at),
            _ => None,
        }
    }

    /// The end of a string from its first backslash on.
    #[inline(never)]
    fn escaped_string(&self, mut at: usize) -> Option<StringEnd> {
        loop {
            match self.byte(at) {
                b'"' => return Some(StringEnd { end: at + 1, escaped: true }),
                b'\\' => at = self.escape(at)?,
                _ => return None,
            }
            loop {
                let stops = self.block(at).string_stops();
                if stops != 0 {
                    at += stops.trailing_zeros() as usize;
                    break;
                }
                at += BLOCK;
            }
        }
    }

    fn escape(&self, at: usize) -> Option<usize> {
        match self.byte(at + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
            b'u' => match self.unit(at + 2)? {
                0xd800..=0xdbff => {
                    let low = self.byte(at + 6) == b'\\' && self.byte(at + 7) == b'u';
                    (low && matches!(self.unit(at + 8)?, 0xdc00..=0xdfff)).then_some(at + 12)
                }
                0xdc00..=0xdfff => None,
                _ => Some(at + 6),
            },
            _ => None,
        }
    }

    fn unit(&self, at: usize) -> Option<u32> {
        (at..at + 4).try_fold(0, |unit, at| Some(unit * 16 + char::from(self.byte(at)).to_digit(16)?))
    }

    /// The end of the number that begins at `at`.
    #[inline]
    pub fn number(&self, at: usize) -> Option<usize> {
        let length = crate::number::prefix(self.text.as_bytes().get(at..)?).ok()?;
        Some(at + length)
    }

    /// The end of `true`, `false` or `null` at `at`.
    #[inline]
    pub fn literal(&self, at: usize) -> Option<usize> {
        let rest = self.text.as_bytes().get(at..)?;
        match rest.first()? {
            b't' if rest.starts_with(b"true") => Some(at + 4),
            b'f' if rest.starts_with(b"false") => Some(at + 5),
            b'n' if rest.starts_with(b"null") => Some(at + 4),
            _ => None,
        }
    }

    /// The position of the value of the member whose key ends at `at`.
    #[inline(always)]
    pub fn colon(&self, at: usize) -> Option<usize> {
        let at = self.space(at);
        if self.byte(at) != b':' {
            return None;
        }
        Some(self.space(at + 1))
    }

    /// The end of the value that begins at `at`, checked by the whole grammar. `depth` containers are open around it.
    pub fn skip(&self, at: usize, depth: usize) -> Option<usize> {
        match self.byte(at) {
            b'"' => self.string(at).map(|string| string.end),
            b'{' | b'[' => self.skip_container(at, depth),
            b'-' | b'0'..=b'9' => self.number(at),
            _ => self.literal(at),
        }
    }

    fn skip_container(&self, start: usize, depth: usize) -> Option<usize> {
        // A bit for each open container, 1 for objects; they are never more than `MAX_DEPTH`.
        let mut objects = [0u64; 2];
        let mut open = 0;
        let mut at = start;
        loop {
            // A value begins at `at`.
            let byte = self.byte(at);
            match byte {
                b'"' => at = self.string(at)?.end,
                b'{' | b'[' => {
                    if open + depth == MAX_DEPTH {
                        return None;
                    }
                    let (word, bit) = ((open / 64) & 1, 1 << (open % 64));
                    open += 1;
                    let first = self.space(at + 1);
                    if byte == b'{' {
                        objects[word] |= bit;
                        if self.byte(first) == b'"' {
                            at = self.colon(self.string(first)?.end)?;
                            continue;
                        }
                    } else {
                        objects[word] &= !bit;
                        if self.byte(first) != b']' {
                            at = first;
                            continue;
                        }
                    }
                    // Empty, or it closes below as what it is not.
                    at = first;
                    if self.byte(at) != if byte == b'{' { b'}' } else { b']' } {
                        return None;
                    }
                    open -= 1;
                    at += 1;
                }
                b'-' | b'0'..=b'9' => at = self.number(at)?,
                _ => at = self.literal(at)?,
            }
            // A value has ended at `at`.
            loop {
                if open == 0 {
                    return Some(at);
                }
                let in_object = (objects[((open - 1) / 64) & 1] >> ((open - 1) % 64)) & 1 == 1;
                at = self.space(at);
                match self.byte(at) {
                    b',' => {
                        at = self.space(at + 1);
                        if in_object {
                            if self.byte(at) != b'"' {
                                return None;
                            }
                            at = self.colon(self.string(at)?.end)?;
                        }
                        break;
                    }
                    b'}' if in_object => open -= 1,
                    b']' if !in_object => open -= 1,
                    _ => return None,
                }
                at += 1;
            }
        }
    }

    /// Whether the document is one value by the grammar.
    pub fn is_json(&self) -> bool {
        self.skip(self.space(0), 0).is_some_and(|end| self.is_end(end))
    }

    /// Whether nothing but white space follows.
    pub fn is_end(&self, at: usize) -> bool {
        self.space(at) >= self.text.len()
    }
}
