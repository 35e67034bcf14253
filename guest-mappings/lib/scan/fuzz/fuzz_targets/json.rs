//! `Document` and `Lexer` accept what serde_json accepts, with the same values in the same places.
#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use turntable_scan::{Document, Kind, Lexer, Value, number};

fuzz_target!(|bytes: &[u8]| {
    let (ours, theirs) = (Document::parse(bytes), serde_json::from_slice::<Json>(bytes));
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?} {theirs:?}");
    // What lies behind a document in its buffer does not matter.
    for behind in [&b""[..], &[b' '; 64], b"\"}]", b"0e1\\u0000\"{}[]"] {
        let buffer = [bytes, behind].concat();
        let lexer = Lexer::new(&buffer, bytes.len()).filter(Lexer::is_json);
        assert_eq!(lexer.is_some(), theirs.is_ok(), "before {behind:?}");
        if let (Some(lexer), Ok(document)) = (lexer, &ours) {
            for node in document.nodes() {
                // Names of members are on the tape too, as strings.
                assert_eq!(lexer.skip(node.start as usize, 0), Some(node.end as usize));
            }
        }
    }
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => {
            let raw: &RawValue = serde_json::from_slice(bytes).expect("serde_json accepts it");
            assert_eq!(ours.root().raw(), raw.get());
            same(ours.root(), theirs);
        }
        (Err(error), _) => assert!(error.offset <= bytes.len()),
        _ => {}
    }
});

fn same(ours: Value<'_>, theirs: &Json) {
    match theirs {
        Json::Null => assert_eq!(ours.kind(), Kind::Null),
        Json::Bool(b) => assert_eq!(ours.boolean(), Some(*b)),
        // serde_json writes the exponent its own way.
        Json::Number(n) => assert_eq!(number::compare(ours.raw(), n.as_str()), Some(Ordering::Equal)),
        Json::String(s) => assert_eq!(ours.text().as_deref(), Some(s.as_str())),
        Json::Array(items) => {
            assert_eq!((ours.kind(), ours.items().count()), (Kind::Array, items.len()));
            ours.items().zip(items).for_each(|(ours, theirs)| same(ours, theirs));
        }
        Json::Object(members) => {
            assert_eq!(ours.kind(), Kind::Object);
            for (name, value) in members {
                same(ours.get(name).expect("a member that serde_json sees"), value);
            }
            for (key, _) in ours.members() {
                assert!(members.contains_key(&*key.text().expect("a key is a string")));
            }
            assert_eq!(ours.has_duplicates(), ours.members().count() != members.len());
        }
    }
}
