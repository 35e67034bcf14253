//! Sixteen bytes at a time, and text made of pieces: the one place of this crate with unsafe code.
//!
//! Loads take a reference to an array, so they are in bounds wherever they are called from. WebAssembly with
//! `simd128` and x86-64 have instructions for this; elsewhere the same answers come from plain code.

use alloc::string::String;
use alloc::vec::Vec;

/// Bytes of a [`Block`].
pub const BLOCK: usize = 16;

#[cfg(not(any(
    all(target_arch = "wasm32", target_feature = "simd128"),
    all(target_arch = "x86_64", target_feature = "sse2", not(miri))
)))]
use portable as lanes;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
use sse2 as lanes;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use wasm as lanes;

/// Sixteen bytes. Its questions are answered as bit sets: bit 0 is the first byte.
#[derive(Clone, Copy)]
pub struct Block(lanes::Bytes);

impl Block {
    #[inline(always)]
    pub fn load(bytes: &[u8; BLOCK]) -> Self {
        Self(lanes::load(bytes))
    }

    /// Bytes that are the same in both.
    #[inline(always)]
    pub fn equal(self, other: Self) -> u32 {
        lanes::equal(self.0, other.0)
    }

    /// Bytes that end a plain run inside a string: quote, backslash, control characters.
    #[inline(always)]
    pub fn string_stops(self) -> u32 {
        lanes::string_stops(self.0)
    }

    /// Bytes that are none of the four that JSON counts as white space.
    #[inline(always)]
    pub fn not_space(self) -> u32 {
        lanes::not_space(self.0)
    }

    /// Bytes from 0x80 on.
    #[inline(always)]
    pub fn not_ascii(self) -> u32 {
        lanes::not_ascii(self.0)
    }

    /// Bytes that are no ASCII letter or digit, nor one of `-`, `.` and `_`.
    #[inline(always)]
    pub fn not_word(self) -> u32 {
        lanes::not_word(self.0)
    }
}

/// Whether two texts are the same. Most are short, and WebAssembly has no instruction for it.
#[inline(always)]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    fn ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
        a.first_chunk::<N>() == b.first_chunk::<N>() && a.last_chunk::<N>() == b.last_chunk::<N>()
    }
    a.len() == b.len()
        && match a.len() {
            0..4 => a.iter().zip(b).all(|(a, b)| a == b),
            4..8 => ends::<4>(a, b),
            8..=BLOCK => ends::<8>(a, b),
            _ => a == b,
        }
}

/// A text that grows by pieces of other texts, most of them short: they are copied by whole blocks.
#[derive(Default)]
pub struct Pieces {
    /// Beyond `length` there is room, filled with zeros or with what a block copied too much.
    bytes: Vec<u8>,
    length: usize,
}

impl Pieces {
    pub fn with_capacity(bytes: usize) -> Self {
        let mut pieces = Self::default();
        pieces.make_room(bytes);
        pieces
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    #[inline]
    pub fn push(&mut self, text: &str) {
        self.push_part(text, 0, text.len());
    }

    /// Appends `source[start..end]`.
    ///
    /// # Panics
    /// If the range is not in the text or cuts a character.
    #[inline(always)]
    #[expect(unsafe_code, reason = "whole blocks, where the source and the room reach as far, are a third of the time")]
    pub fn push_part(&mut self, source: &str, start: usize, end: usize) {
        let part = &source[start..end];
        let blocks = part.len().div_ceil(BLOCK);
        if self.bytes.len() < self.length + blocks * BLOCK {
            self.make_room(blocks * BLOCK);
        }
        if blocks <= Self::MAX_BLOCKS && start + blocks * BLOCK <= source.len() {
            let (mut from, mut to) = (source.as_bytes()[start..].as_ptr(), self.bytes[self.length..].as_mut_ptr());
            let mut copy_block = || {
                // SAFETY: called once for each of `blocks` blocks from `start` on, which end inside `source`, and from
                // `length` on, which end inside `bytes`: both were compared above. `bytes` is borrowed mutably, so
                // that `source` is no part of it.
                unsafe {
                    to.cast::<[u8; BLOCK]>().write_unaligned(from.cast::<[u8; BLOCK]>().read_unaligned());
                    (from, to) = (from.add(BLOCK), to.add(BLOCK));
                }
            };
            // Most are short, and need no loop.
            if blocks > 0 {
                copy_block();
            }
            if blocks > 1 {
                copy_block();
            }
            for _ in 2..blocks {
                copy_block();
            }
        } else {
            self.bytes[self.length..self.length + part.len()].copy_from_slice(part.as_bytes());
        }
        self.length += part.len();
    }

    /// What is longer is copied as it is anywhere.
    const MAX_BLOCKS: usize = 16;

    #[cold]
    fn make_room(&mut self, more: usize) {
        let size = (self.length + more + BLOCK).max(self.bytes.len() * 2);
        self.bytes.resize(size, 0);
    }

    #[expect(unsafe_code, reason = "to check again what was checked costs a twentieth of a page")]
    pub fn into_string(mut self) -> String {
        self.bytes.truncate(self.length);
        debug_assert!(core::str::from_utf8(&self.bytes).is_ok(), "pieces are whole texts");
        // SAFETY: the first `length` bytes are `str`s one after the other: `push_part` alone moves `length`, by the
        // length of a `str` that it has copied to there, and what a block copies too much lies behind.
        unsafe { String::from_utf8_unchecked(self.bytes) }
    }
}

/// The text of bytes that mostly are ASCII; `None` if they are no UTF-8.
#[expect(unsafe_code, reason = "ASCII is a text, and most documents are ASCII")]
pub fn utf8(bytes: &[u8]) -> Option<&str> {
    // Four blocks at a time: what counts is the number of times around.
    let (blocks, rest) = bytes.as_chunks::<{ 4 * BLOCK }>();
    let ascii = blocks.iter().all(|four| {
        let (four, _) = four.as_chunks::<BLOCK>();
        four.iter().fold(0, |bits, block| bits | Block::load(block).not_ascii()) == 0
    });
    if !ascii || !rest.is_ascii() {
        return core::str::from_utf8(bytes).ok();
    }
    // SAFETY: every byte was found to be ASCII.
    Some(unsafe { core::str::from_utf8_unchecked(bytes) })
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use core::arch::wasm32::{
        i8x16_splat, u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u8x16_sub, v128, v128_load, v128_not, v128_or,
    };

    pub(super) type Bytes = v128;

    #[inline(always)]
    #[expect(unsafe_code, reason = "the load takes a pointer")]
    pub(super) fn load(bytes: &[u8; super::BLOCK]) -> Bytes {
        // SAFETY: the reference covers the sixteen bytes; the load needs no alignment.
        unsafe { v128_load(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    pub(super) fn equal(a: Bytes, b: Bytes) -> u32 {
        u8x16_bitmask(u8x16_eq(a, b)).into()
    }

    #[inline(always)]
    pub(super) fn string_stops(bytes: Bytes) -> u32 {
        let quote = u8x16_eq(bytes, i8x16_splat(b'"' as i8));
        let backslash = u8x16_eq(bytes, i8x16_splat(b'\\' as i8));
        let control = u8x16_lt(bytes, u8x16_splat(0x20));
        u8x16_bitmask(v128_or(v128_or(quote, backslash), control)).into()
    }

    #[inline(always)]
    pub(super) fn not_space(bytes: Bytes) -> u32 {
        let space = v128_or(
            v128_or(u8x16_eq(bytes, u8x16_splat(b' ')), u8x16_eq(bytes, u8x16_splat(b'\n'))),
            v128_or(u8x16_eq(bytes, u8x16_splat(b'\r')), u8x16_eq(bytes, u8x16_splat(b'\t'))),
        );
        u8x16_bitmask(v128_not(space)).into()
    }

    #[inline(always)]
    pub(super) fn not_ascii(bytes: Bytes) -> u32 {
        u8x16_bitmask(bytes).into()
    }

    #[inline(always)]
    pub(super) fn not_word(bytes: Bytes) -> u32 {
        let within = |bytes, first, count| u8x16_lt(u8x16_sub(bytes, u8x16_splat(first)), u8x16_splat(count));
        let letter = within(v128_or(bytes, u8x16_splat(0x20)), b'a', 26);
        let other = v128_or(within(bytes, b'-', 2), u8x16_eq(bytes, u8x16_splat(b'_')));
        let word = v128_or(v128_or(letter, within(bytes, b'0', 10)), other);
        u8x16_bitmask(v128_not(word)).into()
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
#[expect(
    unsafe_code,
    reason = "an instruction is safe only where the target has it, which `cfg` says and rustc forgets"
)]
mod sse2 {
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
        _mm_sub_epi8,
    };

    pub(super) type Bytes = __m128i;

    #[inline(always)]
    pub(super) fn load(bytes: &[u8; super::BLOCK]) -> Bytes {
        // SAFETY: the reference covers the sixteen bytes; the load needs no alignment. This module exists only where
        // the target has SSE2: that holds for every other block below, too.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    pub(super) fn equal(a: Bytes, b: Bytes) -> u32 {
        // SAFETY: SSE2 is there.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) as u32 }
    }

    #[inline(always)]
    pub(super) fn string_stops(bytes: Bytes) -> u32 {
        // SAFETY: SSE2 is there.
        unsafe {
            let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
            let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
            let control = _mm_cmpeq_epi8(bytes, _mm_min_epu8(bytes, _mm_set1_epi8(0x1f)));
            _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)) as u32
        }
    }

    #[inline(always)]
    pub(super) fn not_space(bytes: Bytes) -> u32 {
        // SAFETY: SSE2 is there.
        unsafe {
            let blank = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b' ' as i8));
            let tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\t' as i8));
            let line = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\n' as i8));
            let carriage = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\r' as i8));
            let space = _mm_or_si128(_mm_or_si128(blank, tab), _mm_or_si128(line, carriage));
            !(_mm_movemask_epi8(space) as u32) & 0xffff
        }
    }

    #[inline(always)]
    pub(super) fn not_ascii(bytes: Bytes) -> u32 {
        // SAFETY: SSE2 is there.
        unsafe { _mm_movemask_epi8(bytes) as u32 }
    }

    #[inline(always)]
    pub(super) fn not_word(bytes: Bytes) -> u32 {
        // SAFETY: SSE2 is there.
        unsafe {
            let within = |bytes: Bytes, first: u8, count: u8| {
                let offset = _mm_sub_epi8(bytes, _mm_set1_epi8(first as i8));
                _mm_cmpeq_epi8(offset, _mm_min_epu8(offset, _mm_set1_epi8(count as i8 - 1)))
            };
            let letter = within(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), b'a', 26);
            let other = _mm_or_si128(within(bytes, b'-', 2), _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'_' as i8)));
            let word = _mm_or_si128(_mm_or_si128(letter, within(bytes, b'0', 10)), other);
            !(_mm_movemask_epi8(word) as u32) & 0xffff
        }
    }
}

/// What the others do, in plain code: for other targets, and the oracle of their test.
#[cfg(any(
    test,
    not(any(
        all(target_arch = "wasm32", target_feature = "simd128"),
        all(target_arch = "x86_64", target_feature = "sse2", not(miri))
    ))
))]
mod portable {
    pub(super) type Bytes = [u8; super::BLOCK];

    pub(super) fn load(bytes: &[u8; super::BLOCK]) -> Bytes {
        *bytes
    }

    pub(super) fn equal(a: Bytes, b: Bytes) -> u32 {
        (0..super::BLOCK).fold(0, |bits, at| bits | u32::from(a[at] == b[at]) << at)
    }

    pub(super) fn string_stops(bytes: Bytes) -> u32 {
        bits(bytes, |byte| matches!(byte, b'"' | b'\\' | 0..0x20))
    }

    pub(super) fn not_space(bytes: Bytes) -> u32 {
        bits(bytes, |byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
    }

    pub(super) fn not_ascii(bytes: Bytes) -> u32 {
        bits(bytes, |byte| byte >= 0x80)
    }

    pub(super) fn not_word(bytes: Bytes) -> u32 {
        bits(bytes, |byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'.' | b'_'))
    }

    fn bits(bytes: Bytes, holds: impl Fn(u8) -> bool) -> u32 {
        bytes.iter().enumerate().fold(0, |bits, (at, byte)| bits | u32::from(holds(*byte)) << at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 16 } else { 256 }, ..ProptestConfig::default() })]

        #[test]
        fn instructions_say_what_plain_code_says(a: [u8; BLOCK], b: [u8; BLOCK], near in 0u8..0x60) {
            // Bytes near those that count, too.
            let near = a.map(|byte| if byte & 1 == 0 { near.wrapping_add(byte >> 5) } else { byte });
            for bytes in [a, near] {
                let (block, bytes) = (Block::load(&bytes), portable::load(&bytes));
                prop_assert_eq!(block.string_stops(), portable::string_stops(bytes));
                prop_assert_eq!(block.not_space(), portable::not_space(bytes));
                prop_assert_eq!(block.not_ascii(), portable::not_ascii(bytes));
                prop_assert_eq!(block.not_word(), portable::not_word(bytes));
                prop_assert_eq!(block.equal(Block::load(&b)), portable::equal(bytes, b));
            }
        }

        #[test]
        fn pieces_are_put_together(texts in vec(".{0,40}", 0..8), cuts in vec(any::<(usize, usize)>(), 0..8)) {
            let (mut pieces, mut expected) = (Pieces::default(), String::new());
            for text in &texts {
                pieces.push(text);
                expected.push_str(text);
            }
            let source = expected.clone();
            for (a, b) in cuts {
                let (a, b) = (a % (source.len() + 1), b % (source.len() + 1));
                if let Some(part) = source.get(a..b) {
                    pieces.push_part(&source, a, b);
                    expected.push_str(part);
                }
            }
            prop_assert_eq!(pieces.len(), expected.len());
            prop_assert_eq!(pieces.into_string(), expected);
        }
    }

    #[test]
    fn texts_are_the_same_if_every_byte_is() {
        let text = [b'x'; 41];
        for length in 0..40 {
            assert!(same(&text[..length], &text[1..][..length]) && !same(&text[..length], &text[..length + 1]));
            for at in 0..length {
                let mut other = text;
                other[at] = b'y';
                assert!(!same(&text[..length], &other[..length]), "{at} of {length}");
            }
        }
    }

    #[test]
    fn text_is_utf8() {
        let check = |bytes: &[u8]| assert_eq!(utf8(bytes), core::str::from_utf8(bytes).ok());
        for at in 0..140 {
            let mut bytes = [b'x'; 140];
            check(&bytes);
            bytes[at] = 0xc3;
            check(&bytes);
            if at < 139 {
                bytes[at + 1] = 0xa9;
                check(&bytes);
            }
        }
    }

    #[test]
    #[should_panic(expected = "char boundary")]
    fn a_piece_cuts_no_character() {
        Pieces::default().push_part("é", 0, 1);
    }
}
