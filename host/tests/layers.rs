//! The order of the house. `src/lib.rs` lists the modules bottom first, and a file uses only what stands above it there;
//! each outside thing is named behind its own door only.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Words that belong behind a door, and the places that may say them.
const DOORS: [(&[&str], &[&str]); 5] = [
    (&["axum"], &["http/"]),
    (&["wasmtime", "wasmparser", "wasm_encoder"], &["mapping/"]),
    // The command line is a client of a server's own admin API.
    (&["reqwest", "rustls"], &["fhir/", "cli/admin.rs"]),
    (&["rusqlite"], &["store/"]),
    (&["StatusCode"], &["http/", "fhir/"]),
];

#[test]
fn nothing_imports_from_above() {
    let found = upward_imports(&order(), &sources());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_outside_thing_has_one_door() {
    let found = strangers(&sources());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_order_is_read_from_the_map() {
    let order = order();
    let at =
        |module: &str| order.iter().position(|m| m == module).unwrap_or_else(|| panic!("no {module} in {order:?}"));
    assert!(at("model::error") < at("model::table"));
    assert!(at("model::query") < at("odata::filter"));
    assert!(at("fhir::client") < at("config"));
}

#[test]
fn a_violation_is_found() {
    let order = modules("pub mod a {\n    /// One.\n    pub mod one;\n\n    pub mod two;\n}\npub mod b;\n");
    assert_eq!(order, ["a::one", "a::two", "b"]);
    let check = |path: &str, text: &str, expected: &[&str]| {
        let found = upward_imports(&order, &[(path.to_owned(), text.to_owned())]);
        let matched = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.contains(e));
        assert!(matched, "{path}: {text}\nfound {found:#?}\nexpected {expected:#?}");
    };
    check("a/one.rs", "use crate::b::X;", &["a/one.rs:1: uses `b`"]);
    check("a/one.rs", "\nuse super::two::X;", &["a/one.rs:2: uses `a::two`"]);
    check("a/one.rs", "use crate::{a::one, b::X};", &["uses `b`"]);
    check("a/one.rs", "use crate::{\n    a::{\n        two::X,\n    },\n};", &["a/one.rs:3: uses `a::two`"]);
    check("a/one.rs", "fn f() { crate::b::f(); }", &["uses `b`"]);
    check("a/one.rs", "use super::super::b;", &["uses `b`"]);
    check("a/one/inner.rs", "use super::super::two;", &["uses `a::two`"]);
    check("a/one.rs", "mod tests { use super::*; use super::super::two; }", &["uses `a::two`"]);
    check("a/two.rs", "use super::one::X; use crate::a::one::Y;", &[]);
    check("b.rs", "use crate::a::{one, two};", &[]);
    check("a/one.rs", "// use crate::b;\n/* crate::b */ const S: &str = \"crate::b\";", &[]);
    check("a/one.rs", "use std::collections::b; mod inner { use super::b; }", &[]);
    check("a/three.rs", "", &["a/three.rs: is not in the map"]);
    check("a/one/inner.rs", "use super::X;", &[]);

    let strangers = |path: &str, text: &str| strangers(&[(path.to_owned(), text.to_owned())]).len();
    assert_eq!(strangers("plan/sql.rs", "use rusqlite::Connection;"), 1);
    assert_eq!(strangers("store/sqlite.rs", "use rusqlite::Connection;"), 0);
    assert_eq!(strangers("router/read.rs", "fn f() -> axum::Router { reqwest::get() }"), 2);
    assert_eq!(strangers("router/read.rs", "// axum does this\nlet x = \"reqwest\"; let axums = 1;"), 0);
    assert_eq!(strangers("fhir/client.rs", "use reqwest::StatusCode;"), 0);
    assert_eq!(strangers("mapping/sandbox.rs", "StatusCode wasmtime"), 1);
}

/// `plan::sql`, … as `src/lib.rs` declares them.
fn order() -> Vec<String> {
    modules(&std::fs::read_to_string(root().join("src/lib.rs")).expect("host/src/lib.rs is the map"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Path below `src` (or `build.rs`) and text of every file but the map itself.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    let build = root().join("build.rs");
    files.extend(build.is_file().then_some(build));
    let source = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("it was found below").to_string_lossy().replace('\\', "/");
        let name = name.strip_prefix("src/").map(str::to_owned).unwrap_or(name);
        let text = std::fs::read_to_string(&path).expect("a source file is text");
        (name, text)
    };
    files.into_iter().map(source).filter(|(name, _)| name != "lib.rs").collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a source folder can be read") {
        let path = entry.expect("a source folder can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn modules(map: &str) -> Vec<String> {
    let map = code(map);
    let (mut path, mut found) = (Vec::new(), Vec::new());
    for line in map.lines().map(str::trim) {
        let name = line.trim_start_matches("pub ").trim_start_matches("pub(crate) ").strip_prefix("mod ");
        if let Some(inner) = name.and_then(|n| n.strip_suffix('{')) {
            path.push(inner.trim().to_owned());
        } else if let Some(leaf) = name.and_then(|n| n.strip_suffix(';')) {
            found.push(path.iter().map(String::as_str).chain([leaf]).collect::<Vec<_>>().join("::"));
        } else if line == "}" {
            path.pop();
        }
    }
    found
}

fn upward_imports(order: &[String], sources: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in sources {
        if matches!(file.as_str(), "main.rs" | "build.rs") || file.starts_with("bin/") {
            continue;
        }
        let own = file.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
        let Some(rank) = rank(order, &own) else {
            found.push(format!("{file}: is not in the map; declare it in src/lib.rs"));
            continue;
        };
        for (line, path) in paths(&own, &code(text)) {
            if let Some(other) = order.iter().skip(rank + 1).find(|m| within(&path, m) || within(m, &path)) {
                let own = &order[rank];
                let message = format!("{file}:{line}: uses `{other}`, which stands above `{own}` in src/lib.rs");
                if !found.contains(&message) && !order[..=rank].iter().any(|m| within(m, &path) && !within(&path, m)) {
                    found.push(message);
                }
            }
        }
    }
    found
}

/// The declared module that a path belongs to.
fn rank(order: &[String], path: &str) -> Option<usize> {
    order.iter().position(|module| within(path, module))
}

/// `a::b::C` is within `a::b`.
fn within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path of ours that a file names, from the root, with its line. `super` counts from the file's module, and from
/// the inline modules that it stands in.
fn paths(own: &str, code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let tokens = tokens(code);
    let mut at = 0;
    while let Some((line, token)) = tokens.get(at) {
        let next = |ahead: usize| tokens.get(at + ahead).map_or("", |(_, t)| t.as_str());
        match token.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inline.retain(|(_, inside)| *inside <= depth);
            }
            "mod" if next(2) == "{" => inline.push((next(1).to_owned(), depth + 1)),
            "crate" | "super" if next(1) == "::" && (at == 0 || tokens[at - 1].1 != "::") => {
                let mut base: Vec<&str> = own.split("::").chain(inline.iter().map(|(name, _)| name.as_str())).collect();
                let mut tail = at + 2;
                if token == "crate" {
                    base.clear();
                } else {
                    base.pop();
                    while tokens.get(tail).is_some_and(|(_, t)| t == "super") {
                        base.pop();
                        tail += 2;
                    }
                }
                tree(&tokens, &mut tail, &base.join("::"), *line, &mut found);
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// One use tree: `a::b`, `a::{b, c::d}`, `*`.
fn tree(tokens: &[(usize, String)], at: &mut usize, base: &str, line: usize, found: &mut Vec<(usize, String)>) {
    let mut path = base.to_owned();
    let mut last = line;
    while let Some((line, token)) = tokens.get(*at) {
        last = *line;
        match token.as_str() {
            "{" => {
                *at += 1;
                while tokens.get(*at).is_some_and(|(_, t)| t != "}") {
                    tree(tokens, at, &path, *line, found);
                    if tokens.get(*at).is_some_and(|(_, t)| t == ",") {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "*" | "self" => *at += 1,
            word => {
                let separator = if path.is_empty() { "" } else { "::" };
                let _ = write!(path, "{separator}{word}");
                *at += 1;
            }
        }
        match tokens.get(*at).map(|(_, t)| t.as_str()) {
            Some("::") => *at += 1,
            Some("as") => {
                *at += 2;
                break;
            }
            _ => break,
        }
    }
    found.push((last, path));
}

fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let length = match word {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                word => word,
            };
            tokens.push((number + 1, rest[..length].to_owned()));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

fn strangers(sources: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in sources {
        for (line, word) in tokens(&code(text)) {
            for (words, places) in DOORS {
                let inside = places
                    .iter()
                    .any(|place| file.starts_with(place) || file == &format!("{}.rs", place.trim_end_matches('/')));
                if words.contains(&word.as_str()) && !inside {
                    found.push(format!("{file}:{line}: names `{word}`, which only {} may", places.join(" and ")));
                }
            }
        }
    }
    found
}

/// The text with comments and the contents of literals blanked out, line for line.
fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(hashes) =
            raw_string(rest).filter(|_| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = rest.find('"').map_or(0, |quote| quote + 1);
            rest[open..].find(&close).map_or(rest.len(), |end| open + end + close.len())
        } else if bytes[at] == b'"' {
            1 + quoted(&rest[1..])
        } else if let Some(length) = character(rest) {
            length
        } else {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            code.push_str(&rest[..length]);
            at += length;
            continue;
        };
        code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        at += length;
    }
    code
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Number of hashes of a raw string that starts here.
fn raw_string(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].starts_with('"').then_some(hashes)
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal that starts here; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let mut chars = inner.chars();
    let length = match chars.next()? {
        '\\' => 1 + inner[1..].chars().next()?.len_utf8() + inner[2..].find('\'')?,
        c => c.len_utf8(),
    };
    inner.get(length..)?.starts_with('\'').then_some(length + 2)
}
