//! What the build of a component embedded in it, and the memory behind that.
//!
//! `mapping build` puts bytes where the module's heap would begin, as a data segment, and their address and length
//! into the static [`STATIC`]. They are in memory when an instance begins, at no cost. The heap follows them. It only
//! grows: an instance lives for one call.
//!
//! A crate of its own, so that every kind of component can have it, whatever interfaces that exports.

/// The exported static that is told where the parts are: two words of four bytes, their address and their length.
pub const STATIC: &str = "TURNTABLE_EMBEDDED";

/// The tag of the part that is a plan.
pub const PLAN: &[u8; 4] = b"PLAN";

/// The tag of the part that is a mapping's description.
pub const DESCRIPTION: &[u8; 4] = b"DESC";

/// What is before a part's bytes: its tag, and their length.
const HEADER: usize = 8;

/// Parts begin at multiples of this.
pub const ALIGNMENT: usize = 16;

/// The embedded part with this tag. Natively there is none.
pub fn part(tag: &[u8; 4]) -> Option<&'static [u8]> {
    find(embedded(), tag)
}

/// Parts as the bytes to be embedded: of each its tag, its length in four bytes and its bytes, padded to sixteen.
pub fn lay_out(parts: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, part) in parts {
        bytes.extend_from_slice(*tag);
        bytes.extend((part.len() as u32).to_le_bytes());
        bytes.extend_from_slice(part);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    }
    bytes
}

fn find<'a>(mut bytes: &'a [u8], tag: &[u8; 4]) -> Option<&'a [u8]> {
    loop {
        let (own, rest) = bytes.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        if own == tag {
            return rest.get(..length);
        }
        bytes = bytes.get((HEADER + length).next_multiple_of(ALIGNMENT)..)?;
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn embedded() -> &'static [u8] {
    &[]
}

#[cfg(target_arch = "wasm32")]
use wasm::embedded;

#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "a static that the build fills in, and the memory behind it")]
mod wasm {
    use std::alloc::{GlobalAlloc, Layout};
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Address and length of what is embedded ([`STATIC`](super::STATIC)); zeros if nothing is. Atomics, so that the compiler does not take them
    /// for constants; there is one thread.
    // SAFETY: no other symbol has this name.
    #[unsafe(no_mangle)]
    pub(super) static TURNTABLE_EMBEDDED: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

    pub(super) fn embedded() -> &'static [u8] {
        let [address, length] = &TURNTABLE_EMBEDDED;
        let (address, length) = (address.load(Relaxed), length.load(Relaxed));
        if address == 0 {
            return &[];
        }
        // SAFETY: the build that wrote address and length also put a data segment of that length there, behind all
        // that the linker placed. `Bump` starts behind it, so nothing ever writes to it.
        unsafe { std::slice::from_raw_parts(address as *const u8, length) }
    }

    #[global_allocator]
    static HEAP: Bump = Bump { next: AtomicUsize::new(0), taken: AtomicUsize::new(0), end: AtomicUsize::new(0) };

    /// Hands out memory from the end of the module's own data on, in one direction.
    struct Bump {
        /// Where the next block may begin; 0 before the first.
        next: AtomicUsize,
        /// Where the furthest block ended. Behind it the memory is as it began: zeros.
        taken: AtomicUsize,
        /// The end of the memory that there is.
        end: AtomicUsize,
    }

    const PAGE: usize = 64 << 10;

    impl Bump {
        fn begin() -> usize {
            unsafe extern "C" {
                static __heap_base: u8;
            }
            let [address, length] = &TURNTABLE_EMBEDDED;
            let base = &raw const __heap_base as usize;
            base.max(address.load(Relaxed) + length.load(Relaxed))
        }

        fn take(&self, start: usize, size: usize) -> Option<usize> {
            let next = start.checked_add(size)?;
            if next > self.end.load(Relaxed) {
                let end = core::arch::wasm32::memory_size(0) * PAGE;
                if next > end {
                    let pages = (next - end).div_ceil(PAGE);
                    // Some more, so that it grows seldom; if that is refused, what is needed.
                    let grown = |pages| core::arch::wasm32::memory_grow(0, pages) != usize::MAX;
                    if !grown(pages.max(end / PAGE / 2)) && !grown(pages) {
                        return None;
                    }
                }
                self.end.store(core::arch::wasm32::memory_size(0).saturating_mul(PAGE), Relaxed);
            }
            self.next.store(next, Relaxed);
            self.taken.store(next.max(self.taken.load(Relaxed)), Relaxed);
            Some(start)
        }
    }

    // SAFETY: blocks begin where they are aligned, at or behind `next`, which moves behind each of them, so that none
    // overlaps another, the module's data or what is embedded; `take` has seen to the memory being there. One thread.
    unsafe impl GlobalAlloc for Bump {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let next = match self.next.load(Relaxed) {
                0 => Self::begin(),
                next => next,
            };
            let start = next.checked_next_multiple_of(layout.align());
            start
                .and_then(|start| self.take(start, layout.size()))
                .map_or(std::ptr::null_mut(), |start| start as *mut u8)
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            let taken = self.taken.load(Relaxed);
            // SAFETY: the caller's promise about `layout` is passed on; no more is written than the block is long.
            unsafe {
                let block = self.alloc(layout);
                // As much of it as was given back and is taken again.
                let again = taken.saturating_sub(block as usize).min(layout.size());
                if !block.is_null() && again > 0 {
                    block.write_bytes(0, again);
                }
                block
            }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // The last block is given back, others are not.
            if block as usize + layout.size() == self.next.load(Relaxed) {
                self.next.store(block as usize, Relaxed);
            }
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            let start = block as usize;
            if start + layout.size() == self.next.load(Relaxed) {
                return self.take(start, size).map_or(std::ptr::null_mut(), |_| block);
            }
            if size <= layout.size() {
                return block;
            }
            // SAFETY: the caller promises that `size` fits the alignment; the new block is another one and as long.
            unsafe {
                let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                if !new.is_null() {
                    new.copy_from_nonoverlapping(block, layout.size());
                }
                new
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_their_tags() {
        let bytes = lay_out(&[(b"DESC", b"123456789"), (PLAN, b""), (b"MORE", b"x")]);
        assert_eq!(bytes[..24], [&b"DESC\x09\0\0\0"[..], b"123456789", &[0; 7]].concat());
        assert_eq!(find(&bytes, b"DESC"), Some(&b"123456789"[..]));
        assert_eq!(find(&bytes, PLAN), Some(&b""[..]));
        assert_eq!(find(&bytes, b"MORE"), Some(&b"x"[..]));
        assert_eq!(find(&bytes, b"NONE"), None);
        assert_eq!(find(&bytes[..20], b"MORE"), None);
        assert_eq!(find(&[], PLAN), None);
    }
}
