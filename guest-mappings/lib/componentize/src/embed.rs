//! Puts bytes into a compiled guest: where its heap would begin, so that they are in memory when an instance begins. The
//! guest's side of it is the crate `turntable-embedded`.

use turntable_embedded::{ALIGNMENT, STATIC, lay_out};
use wasm_encoder::{ConstExpr, DataCountSection, DataSection, MemorySection, MemoryType, Module, RawSection};
use wasmparser::{BinaryReaderError, DataSectionReader, ExternalKind, Operator, Parser, Payload, TypeRef};

/// Where the linker says that free memory begins.
const HEAP: &str = "__heap_base";
const PAGE: usize = 64 << 10;
/// Pages of heap that an instance begins with: enough for twenty resources. A larger page of them makes it grow, which
/// costs it little; what there is from the beginning has to be set back after every call, a small one's too.
const HEAP_PAGES: usize = 1;

/// The module with these parts in it, each with its tag, and without the custom section `dropped` that they were made
/// of. `None` for a module without the static that tells a guest where its parts are, which gets none.
pub(crate) fn embed(module: &[u8], parts: &[(&[u8; 4], &[u8])], dropped: &str) -> Result<Option<Vec<u8>>, String> {
    let unread = |error: BinaryReaderError| format!("the module cannot be read: {error}");
    let payloads = Parser::new(0).parse_all(module).collect::<Result<Vec<_>, _>>().map_err(unread)?;
    let Some(globals) = Globals::of(&payloads).map_err(unread)? else { return Ok(None) };
    if globals.imported {
        return Err("the module imports more than functions".into());
    }
    let word = globals.word.ok_or("the module exports a global that it does not have")?;
    let heap = globals.heap.ok_or("the module does not say where its heap begins")?;
    let address = heap.next_multiple_of(ALIGNMENT);
    let bytes = lay_out(parts);
    let words = [address as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();

    let mut out = Module::new();
    let mut placed = false;
    for payload in payloads {
        let raw = |(id, range): (u8, std::ops::Range<usize>)| RawSection { id, data: &module[range] };
        match &payload {
            Payload::CustomSection(section) if section.name() == dropped => {}
            Payload::MemorySection(memories) => {
                let memory = memories.clone().into_iter().next().ok_or("the module has no memory of its own")?;
                let memory = memory.map_err(unread)?;
                if memories.count() != 1 || memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
                    return Err("the module has no plain memory of its own".into());
                }
                let pages = (address + bytes.len()).div_ceil(PAGE) + HEAP_PAGES;
                out.section(MemorySection::new().memory(MemoryType {
                    minimum: memory.initial.max(pages as u64),
                    maximum: memory.maximum,
                    memory64: false,
                    shared: false,
                    page_size_log2: None,
                }));
            }
            Payload::DataCountSection { count, .. } => {
                out.section(&DataCountSection { count: count + 2 });
            }
            Payload::DataSection(data) => {
                placed = true;
                let mut segments = copied(module, data).map_err(unread)?;
                segments.active(0, &constant(address), bytes.iter().copied());
                segments.active(0, &constant(word), words.iter().copied());
                out.section(&segments);
            }
            other => {
                if let Some(section) = other.as_section().map(raw) {
                    out.section(&section);
                }
            }
        }
    }
    if placed { Ok(Some(out.finish())) } else { Err("the module has no data".into()) }
}

/// The content of a custom section.
pub(crate) fn custom_section<'m>(module: &'m [u8], name: &str) -> Option<&'m [u8]> {
    Parser::new(0).parse_all(module).map_while(Result::ok).find_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == name => Some(section.data()),
        _ => None,
    })
}

/// What a module that has the static says by its globals: addresses, in memory from the beginning.
struct Globals {
    /// Where the static is.
    word: Option<usize>,
    heap: Option<usize>,
    /// Globals that are imported would be counted before the module's own.
    imported: bool,
}

impl Globals {
    /// `None` for a module without the static.
    fn of(payloads: &[Payload<'_>]) -> Result<Option<Self>, BinaryReaderError> {
        let (mut values, mut word, mut heap, mut imported) = (Vec::new(), None, None, false);
        for payload in payloads {
            match payload {
                Payload::ImportSection(imports) => {
                    for import in imports.clone().into_imports() {
                        imported |= !matches!(import?.ty, TypeRef::Func(_));
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals.clone() {
                        // Addresses are not negative.
                        values.push(match global?.init_expr.get_operators_reader().read()? {
                            Operator::I32Const { value } => usize::try_from(value).ok(),
                            _ => None,
                        });
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports.clone() {
                        let export = export?;
                        match export.name {
                            STATIC if export.kind == ExternalKind::Global => word = Some(export.index),
                            HEAP if export.kind == ExternalKind::Global => heap = Some(export.index),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        let value = |index: u32| values.get(index as usize).copied().flatten();
        Ok(word.map(|word| Self { word: value(word), heap: heap.and_then(value), imported }))
    }
}

fn copied(module: &[u8], data: &DataSectionReader<'_>) -> Result<DataSection, BinaryReaderError> {
    let mut segments = DataSection::new();
    for segment in data.clone() {
        segments.raw(&module[segment?.range]);
    }
    Ok(segments)
}

/// An address in a module, which is one of 32 bits.
fn constant(address: usize) -> ConstExpr {
    ConstExpr::i32_const((address as u32).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{CustomSection, ExportKind, ExportSection, GlobalSection, GlobalType, ValType};

    const DESCRIPTION: &str = "turntable:mapping";

    /// A memory of one page, the static at 200 and the heap from 70,000 on.
    fn module(described: bool) -> Vec<u8> {
        let mut module = Module::new();
        module.section(MemorySection::new().memory(MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        }));
        let mut globals = GlobalSection::new();
        for address in [200, 70_000] {
            let kind = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
            globals.global(kind, &ConstExpr::i32_const(address));
        }
        module.section(&globals);
        module.section(ExportSection::new().export(STATIC, ExportKind::Global, 0).export(HEAP, ExportKind::Global, 1));
        module.section(DataSection::new().active(0, &ConstExpr::i32_const(8), *b"x"));
        module.section(&CustomSection { name: "n".into(), data: b"y".into() });
        if described {
            module.section(&CustomSection { name: DESCRIPTION.into(), data: b"!".into() });
        }
        module.finish()
    }

    fn section(module: &[u8], wanted: u8) -> &[u8] {
        let mut sections = Parser::new(0).parse_all(module).filter_map(|payload| payload.unwrap().as_section());
        let (_, range) = sections.find(|(id, _)| *id == wanted).unwrap();
        &module[range]
    }

    #[test]
    fn bytes_are_embedded() {
        let embedded = embed(&module(false), &[(b"PLAN", b"plan")], DESCRIPTION).unwrap().unwrap();
        assert_eq!(section(&embedded, 5), [1, 0, 3], "two pages for 70,016 bytes, and one more");
        let data = section(&embedded, 11);
        assert_eq!(data[..8], [3, 0, 0x41, 8, 0x0b, 1, b'x', 0]);
        let written = [&[0x41, 0xf0, 0xa2, 4, 0x0b, 16][..], b"PLAN\x04\0\0\0plan\0\0\0\0"].concat();
        assert_eq!(data[8..8 + written.len()], written);
        let told = [&[0, 0x41, 0xc8, 1, 0x0b, 8][..], &70_000u32.to_le_bytes(), &16u32.to_le_bytes()].concat();
        assert_eq!(data[8 + written.len()..], told);
        assert_eq!(custom_section(&embedded, "n"), Some(&b"y"[..]));
        assert_eq!(custom_section(&embedded, "m"), None);
        assert_eq!(custom_section(&module(true), DESCRIPTION), Some(&b"!"[..]));
        assert_eq!(embed(&module(true), &[(b"PLAN", b"plan")], DESCRIPTION).unwrap(), Some(embedded));
    }

    #[test]
    fn a_module_without_the_static_gets_nothing() {
        assert_eq!(embed(b"\0asm\x01\0\0\0", &[], DESCRIPTION), Ok(None));
        assert!(embed(b"no module", &[], DESCRIPTION).is_err());
    }

    #[test]
    fn a_static_without_an_address_is_refused() {
        let mut module = Module::new();
        module.section(ExportSection::new().export(STATIC, ExportKind::Global, 0));
        let error = embed(&module.finish(), &[], DESCRIPTION).unwrap_err();
        assert_eq!(error, "the module exports a global that it does not have");
    }
}
