//! serde_json is the oracle: the same documents are accepted, and every value has the same text.

use proptest::prelude::*;
use serde_json::Value as Json;
use turntable_scan::{Document, Kind, Lexer, MAX_DEPTH, Problem, Value, number};

const SEEDS: &[&str] = &[
    r#"{"resourceType":"Patient","id":"p1","name":[{"given":["A",null],"family":"é😀"}],"x":{"y":[]}}"#,
    r#" [ 1 , -0.5e+10 , true , false , null , "a\"b\\c\/d\b\f\n\r\té\ud83d\ude00" , { } ] "#,
    r#"{"valueQuantity":{"value":72.10,"unit":"kg"},"_status":{"extension":[{"url":"u","valueCode":"unknown"}]}}"#,
    "\"\"",
    "0",
    "\t{\"a\":\n1}\r",
];

fn agrees(bytes: &[u8]) {
    let ours = Document::parse(bytes);
    let theirs = serde_json::from_slice::<Json>(bytes);
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?} {theirs:?} {:?}", String::from_utf8_lossy(bytes));
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => same(ours.root(), theirs),
        (Err(error), _) => assert!(error.offset <= bytes.len(), "{error}"),
        _ => {}
    }
    // What lies behind a document in its buffer does not matter.
    for behind in [&b""[..], &[b' '; 64], b"\"}]", b"0e1\\u0000\"{}[]"] {
        let buffer = [bytes, behind].concat();
        let lexer = Lexer::new(&buffer, bytes.len()).is_some_and(|lexer| lexer.is_json());
        assert_eq!(lexer, theirs.is_ok(), "{:?} before {behind:?}", String::from_utf8_lossy(bytes));
    }
}

fn same(ours: Value<'_>, theirs: &Json) {
    // The span alone is the value again.
    assert_eq!(serde_json::from_str::<Json>(ours.raw()).as_ref().ok(), Some(theirs));
    match theirs {
        Json::Null => assert_eq!(ours.kind(), Kind::Null),
        Json::Bool(b) => assert_eq!(ours.boolean(), Some(*b)),
        // serde_json writes the exponent its own way.
        Json::Number(n) => assert_eq!(number::compare(ours.raw(), n.as_str()), Some(std::cmp::Ordering::Equal)),
        Json::String(s) => assert_eq!(ours.text().as_deref(), Some(s.as_str())),
        Json::Array(items) => {
            assert_eq!(ours.items().count(), items.len());
            ours.items().zip(items).for_each(|(a, b)| same(a, b));
        }
        Json::Object(members) => {
            for (name, value) in members {
                same(ours.get(name).expect("a member that serde_json sees"), value);
            }
            for (key, _) in ours.members() {
                assert!(members.contains_key(&*key.text().expect("a key is a string")));
            }
        }
    }
}

#[test]
fn seeds_and_their_truncations() {
    for seed in SEEDS {
        // Each is JSON as a whole, so that agreement is not about refusals alone.
        assert!(Document::parse(seed.as_bytes()).is_ok(), "{seed}");
        for end in (0..=seed.len()).rev().step_by(if cfg!(miri) { 16 } else { 1 }) {
            agrees(&seed.as_bytes()[..end]);
        }
    }
}

#[test]
fn hard_cases() {
    for text in [
        "",
        " ",
        "[",
        "]",
        "{",
        "}",
        "[1,]",
        "{\"a\":1,}",
        "{,}",
        "[,1]",
        "{1:2}",
        "{\"a\" 1}",
        "{\"a\":}",
        "01",
        "-",
        "1.",
        "1e",
        "1e+",
        "1E400",
        "-0",
        "nul",
        "nulls",
        "True",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\x\"",
        "\"\u{1}\"",
        "\"\u{7f}\"",
        "1 2",
        "{}{}",
        "\u{feff}{}",
        "{\"a\":1,\"a\":2}",
        "[1]x",
        "\"a",
        "\"\\",
        "'a'",
        "[1}",
        "{\"a\":1]",
        "//\n1",
        "\u{a0}1",
        "{\"\\u0061\":1}",
        "\"\\ud83d\\ude0\"",
        "\"\\ud83d\\\"",
        "\"\\ud83d\"",
        "123456789012345678901234567890.5",
    ] {
        agrees(text.as_bytes());
    }
    for bytes in [&b"\"\xff\""[..], b"\"\xc3\"", b"\xc3\xa9", b"\"\xed\xa0\x80\"", b"\"\xf4\x90\x80\x80\"", b"[1]\0"] {
        agrees(bytes);
    }
}

#[test]
#[cfg_attr(miri, ignore = "each level is parsed again by itself, which takes minutes there")]
fn the_depth_limit_is_the_same() {
    for depth in [1, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, MAX_DEPTH + 2] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            agrees(text.as_bytes());
            assert_eq!(Document::parse(text.as_bytes()).is_ok(), depth <= MAX_DEPTH, "{depth}");
        }
    }
    let error = Document::parse("[".repeat(100_000).as_bytes()).expect_err("too deep");
    assert_eq!((error.offset, error.problem), (MAX_DEPTH, Problem::TooDeep));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 20 } else { 2000 }, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes replaced, inserted and removed, drawn mostly from those that mean something in JSON.
    #[test]
    fn mutated_documents(seed in 0..SEEDS.len(), edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, byte()), 0..4)) {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        for (at, how, byte) in edits {
            let at = at.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                2 if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        agrees(&bytes);
    }

    #[test]
    fn soup(bytes in prop::collection::vec(byte(), 0..24)) {
        agrees(&bytes);
    }
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![6 => prop::sample::select(&b"{}[]\",:\\/ \n0123456789.eE+-truefalsnuldD8cC"[..]), 1 => any::<u8>()]
}
