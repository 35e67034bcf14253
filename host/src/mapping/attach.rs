//! Puts bytes into a compiled guest: where its heap would begin, so that they are in memory when an instance begins.
//!
//! The SDK's side of it is `guest-mappings/lib/sdk/src/attached.rs`: an exported static that is told address and length,
//! and an allocator that begins behind them. `host/build.rs` includes this file too, so it stands on nothing of this
//! crate.

/// The static of the SDK that learns where the bytes are: two words of four bytes.
const STATIC: &str = "TURNTABLE_ATTACHED";
/// Where the linker says that free memory begins.
const HEAP: &str = "__heap_base";
/// The custom section in which a Rust guest describes its mapping, for the build alone.
const DESCRIPTION: &str = "turntable:mapping";
const PAGE: usize = 64 << 10;
/// Pages of heap that an instance begins with: enough for twenty resources. A larger page of them makes it grow, which
/// costs it little; what there is from the beginning has to be set back after every call, a small one's too.
const HEAP_PAGES: usize = 1;

const IMPORT: u8 = 2;
const MEMORY: u8 = 5;
const GLOBAL: u8 = 6;
const EXPORT: u8 = 7;
const DATA: u8 = 11;
const DATA_COUNT: u8 = 12;

/// The module with these parts in it, and without the description that they were made of. `None` for a module
/// without the SDK's static, which gets none.
pub(super) fn attach(module: &[u8], parts: &[(&[u8; 4], &[u8])]) -> Result<Option<Vec<u8>>, String> {
    let sections = sections(module).ok_or("the module cannot be read")?;
    let section = |id: u8| sections.iter().find(|(own, _)| *own == id).map(|(_, content)| *content);
    let exports = section(EXPORT).unwrap_or(&[0]);
    let globals = globals(exports).ok_or("the module's exports cannot be read")?;
    let Some(word) = globals.iter().find(|(name, _)| *name == STATIC) else { return Ok(None) };
    let heap = globals.iter().find(|(name, _)| *name == HEAP).ok_or("the module does not say where its heap begins")?;
    if !section(IMPORT).is_none_or(imports_functions_only) {
        return Err("the module imports more than functions".into());
    }
    let values = constants(section(GLOBAL).unwrap_or_default()).ok_or("the module's globals cannot be read")?;
    let value = |index: usize| values.get(index).copied().ok_or("the module exports a global that it does not have");
    let (word, address) = (value(word.1)?, value(heap.1)?.next_multiple_of(16));
    let bytes = laid_out(parts);
    let words = [address as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();

    let mut out = module.get(..8).ok_or("the module cannot be read")?.to_vec();
    let segments = [segment(address, &bytes), segment(word, &words)].concat();
    let mut placed = false;
    for (id, content) in sections.iter().filter(|section| !is_named(**section, DESCRIPTION)) {
        let changed = match *id {
            MEMORY => memory(content, address + bytes.len()).ok_or("the module has no memory of its own")?,
            DATA_COUNT => {
                let (count, _) = number(content).ok_or("the module's data cannot be counted")?;
                leb128(count + 2)
            }
            DATA => {
                placed = true;
                let (count, rest) = number(content).ok_or("the module's data cannot be read")?;
                [leb128(count + 2).as_slice(), rest, &segments].concat()
            }
            _ => content.to_vec(),
        };
        // Custom sections may follow; the data is the last of the others.
        out.push(*id);
        out.extend(leb128(changed.len()));
        out.extend(changed);
    }
    if placed { Ok(Some(out)) } else { Err("the module has no data".into()) }
}

/// The content of a custom section.
pub(super) fn custom_section<'m>(module: &'m [u8], name: &str) -> Option<&'m [u8]> {
    sections(module)?.into_iter().find(|section| is_named(*section, name)).and_then(|(_, content)| {
        let (length, rest) = number(content)?;
        rest.get(length..)
    })
}

fn is_named((id, content): (u8, &[u8]), name: &str) -> bool {
    let own = || number(content).and_then(|(length, rest)| rest.get(..length));
    id == 0 && own() == Some(name.as_bytes())
}

fn laid_out(parts: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, part) in parts {
        bytes.extend_from_slice(*tag);
        bytes.extend((part.len() as u32).to_le_bytes());
        bytes.extend_from_slice(part);
        bytes.resize(bytes.len().next_multiple_of(16), 0);
    }
    bytes
}

/// A data segment that is in memory from the beginning.
fn segment(address: usize, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0x41];
    out.extend(signed_leb128(address));
    out.push(0x0b);
    out.extend(leb128(bytes.len()));
    out.extend_from_slice(bytes);
    out
}

/// The one memory, with room for at least this many bytes and to work in.
fn memory(content: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let (count, rest) = number(content)?;
    let (&flags, rest) = rest.split_first()?;
    let (pages, rest) = number(rest)?;
    if count != 1 || flags > 1 {
        return None;
    }
    let pages = pages.max(bytes.div_ceil(PAGE) + HEAP_PAGES);
    Some([&[1, flags], leb128(pages).as_slice(), rest].concat())
}

/// Ids and contents, in their order.
fn sections(module: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0")?;
    let mut sections = Vec::new();
    while let Some((&id, after)) = rest.split_first() {
        let (size, content) = number(after)?;
        sections.push((id, content.get(..size)?));
        rest = &content[size..];
    }
    Some(sections)
}

/// Exported globals: name and index.
fn globals(exports: &[u8]) -> Option<Vec<(&str, usize)>> {
    let (count, mut rest) = number(exports)?;
    let mut globals = Vec::new();
    for _ in 0..count {
        let (length, after) = number(rest)?;
        let (name, after) = after.split_at_checked(length)?;
        let (&kind, after) = after.split_first()?;
        let (index, after) = number(after)?;
        if kind == 3 {
            globals.push((std::str::from_utf8(name).ok()?, index));
        }
        rest = after;
    }
    Some(globals)
}

/// So that globals are counted from the module's own.
fn imports_functions_only(imports: &[u8]) -> bool {
    let only = || {
        let (count, mut rest) = number(imports)?;
        for _ in 0..count {
            for _ in 0..2 {
                let (length, after) = number(rest)?;
                rest = after.get(length..)?;
            }
            rest = number(rest.strip_prefix(&[0])?)?.1;
        }
        Some(())
    };
    only().is_some()
}

/// The values of globals, which are numbers of 32 bits.
fn constants(globals: &[u8]) -> Option<Vec<usize>> {
    let (count, mut rest) = number(globals)?;
    let mut values = Vec::new();
    for _ in 0..count {
        // i32, mutable or not, i32.const.
        let after = rest.strip_prefix(&[0x7f])?.get(1..)?.strip_prefix(&[0x41])?;
        // Addresses are not negative, so that their signed form reads as the unsigned one.
        let (value, after) = number(after)?;
        rest = after.strip_prefix(&[0x0b])?;
        values.push(value);
    }
    Some(values)
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

/// Of a number that is not negative: its highest bit is the sign, so there is one more if that is set.
fn signed_leb128(number: usize) -> Vec<u8> {
    let mut bytes = leb128(number);
    if let Some(last) = bytes.last_mut()
        && *last & 0x40 != 0
    {
        *last |= 0x80;
        bytes.push(0);
    }
    bytes
}

pub(super) fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(memory 1) (global i32 (i32.const 200)) (global i32 (i32.const 70000)) (data (i32.const 8) "x")`, both exported.
    fn module() -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        let mut section = |id: u8, content: &[u8]| {
            bytes.extend([id, content.len() as u8]);
            bytes.extend_from_slice(content);
        };
        section(MEMORY, &[1, 0, 1]);
        section(GLOBAL, &[2, 0x7f, 0, 0x41, 0xc8, 1, 0x0b, 0x7f, 0, 0x41, 0xf0, 0xa2, 4, 0x0b]);
        let mut exports = vec![2, STATIC.len() as u8];
        exports.extend_from_slice(STATIC.as_bytes());
        exports.extend([3, 0, HEAP.len() as u8]);
        exports.extend_from_slice(HEAP.as_bytes());
        exports.extend([3, 1]);
        section(EXPORT, &exports);
        section(DATA, &[1, 0, 0x41, 8, 0x0b, 1, b'x']);
        section(0, &[1, b'n', b'y']);
        bytes
    }

    #[test]
    fn bytes_are_attached() {
        let attached = attach(&module(), &[(b"PLAN", b"plan")]).unwrap().unwrap();
        let sections = sections(&attached).unwrap();
        let section = |id| sections.iter().find(|(own, _)| *own == id).unwrap().1;
        assert_eq!(section(MEMORY), [1, 0, 3], "two pages for 70,016 bytes, and one more");
        let data = section(DATA);
        assert_eq!(data[..8], [3, 0, 0x41, 8, 0x0b, 1, b'x', 0]);
        let written = [&[0x41, 0xf0, 0xa2, 4, 0x0b, 16][..], b"PLAN\x04\0\0\0plan\0\0\0\0"].concat();
        assert_eq!(data[8..8 + written.len()], written);
        let told = [&[0, 0x41, 0xc8, 1, 0x0b, 8][..], &70_000u32.to_le_bytes(), &16u32.to_le_bytes()].concat();
        assert_eq!(data[8 + written.len()..], told);
        assert_eq!(custom_section(&attached, "n"), Some(&b"y"[..]));
        assert_eq!(custom_section(&attached, "m"), None);
        let mut described = module();
        described.extend([0, 19, 17]);
        described.extend_from_slice(b"turntable:mapping!");
        assert_eq!(custom_section(&described, DESCRIPTION), Some(&b"!"[..]));
        assert_eq!(attach(&described, &[(b"PLAN", b"plan")]).unwrap(), Some(attached));
    }

    #[test]
    fn a_module_without_the_static_gets_nothing() {
        assert_eq!(attach(b"\0asm\x01\0\0\0", &[]), Ok(None));
        assert!(attach(b"no module", &[]).is_err());
    }

    #[test]
    fn addresses_as_signed_leb128() {
        assert_eq!(signed_leb128(8), [8]);
        assert_eq!(signed_leb128(0x40), [0xc0, 0]);
        assert_eq!(signed_leb128(200), [0xc8, 1]);
        assert_eq!(signed_leb128(70_000), [0xf0, 0xa2, 4]);
    }

    #[test]
    fn numbers_as_leb128() {
        let check = |number: usize, expected: &[u8]| assert_eq!(leb128(number), expected);
        check(0, &[0]);
        check(127, &[0x7f]);
        check(128, &[0x80, 1]);
        check(624_485, &[0xe5, 0x8e, 0x26]);
    }
}
