//! The order of the house. `src/lib.rs` lists the modules bottom first, and a file uses only what stands above it there;
//! each outside thing is named behind its own door only. The crates that make mappings (`guest-mappings/lib`) stand
//! bottom first in the workspace's `Cargo.toml`, and the modules of each use each other in no circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Words that belong behind a door, and the places that may say them.
const DOORS: [(&[&str], &[&str]); 8] = [
    (&["axum", "hyper", "hyper_util"], &["http/"]),
    (&["wasmtime", "wasmparser", "wasm_encoder"], &["mapping/"]),
    // The command line is a client of a server's own admin API, and of registries.
    (
        &["reqwest", "rustls"],
        &["fhir/", "cli/admin.rs", "http/tls.rs", "identity/fetch.rs", "oci/registry.rs", "otlp.rs"],
    ),
    (&["tokio_rustls"], &["http/tls.rs", "http/server.rs"]),
    (&["argon2"], &["identity/passwords.rs"]),
    // What the store is made of is nobody else's business.
    (&["rusqlite"], &["store/sqlite/"]),
    (&["sql", "sqlite"], &["store/"]),
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
fn crates_of_mappings_depend_downwards() {
    let found = upward_dependencies(&crates());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn crates_of_mappings_have_no_circles() {
    let crates = crates();
    let mut found = Vec::new();
    for one in crates.iter().filter(|one| one.rank.is_some()) {
        let sources = sources_of(&root().join("..").join(&one.folder).join("src"));
        assert!(sources.iter().any(|(file, _)| file == "lib.rs"), "{} has no src/lib.rs", one.folder);
        found.extend(circles(&sources).into_iter().map(|circle| format!("{}: {circle}", one.folder)));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    for entry in std::fs::read_dir(root().join("../guest-mappings/lib")).expect("a folder can be read") {
        let name = entry.expect("a folder can be read").file_name();
        let is_member =
            crates.iter().any(|one| one.rank.is_some() && Path::new(&one.folder).file_name() == Some(&name));
        assert!(is_member, "guest-mappings/lib/{} is no member of the workspace", name.display());
    }
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
    assert_eq!(strangers("plan/planner.rs", "use rusqlite::Connection;"), 1);
    assert_eq!(strangers("store/facade.rs", "use rusqlite::Connection;"), 1);
    assert_eq!(strangers("store/sqlite/database.rs", "use rusqlite::Connection;"), 0);
    assert_eq!(strangers("router/read.rs", "use crate::store::sql::select; // sqlite"), 1);
    assert_eq!(strangers("router/read.rs", "fn f() -> axum::Router { reqwest::get() }"), 2);
    assert_eq!(strangers("router/read.rs", "// axum does this\nlet x = \"reqwest\"; let axums = 1;"), 0);
    assert_eq!(strangers("fhir/client.rs", "use reqwest::StatusCode;"), 0);
    assert_eq!(strangers("mapping/sandbox.rs", "StatusCode wasmtime"), 1);
}

#[test]
fn a_circle_is_found() {
    let check = |files: &[(&str, &str)], expected: &[&str]| {
        let files: Vec<_> = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        let found = circles(&files);
        let matched = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.contains(e));
        assert!(matched, "{files:#?}\nfound {found:#?}\nexpected {expected:#?}");
    };
    let lib = ("lib.rs", "mod a; mod b; mod c; pub use a::{A, deep::D}; pub struct Own;");
    check(&[lib, ("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c;"), ("c.rs", "")], &[]);
    check(&[lib, ("a.rs", "\nuse crate::b::B;"), ("b.rs", "use crate::a::A;")], &["a → b (a.rs:2) → a (b.rs:1)"]);
    check(
        &[lib, ("a.rs", "use crate::b::B;"), ("b.rs", "use super::c::C;"), ("c.rs", "fn f(a: crate::a::A) {}")],
        &["a → b (a.rs:1) → c (b.rs:1) → a (c.rs:1)"],
    );
    // What the root passes on is its module's.
    check(&[lib, ("a.rs", "use crate::b::B;"), ("b.rs", "use crate::A;")], &["a → b (a.rs:1) → a (b.rs:1)"]);
    check(&[lib, ("b.rs", "use crate::D;"), ("a.rs", "")], &[]);
    check(&[lib, ("b.rs", "fn f() -> crate::Own {}")], &["b.rs:1: uses `Own` of lib.rs"]);
    // A file and the folder of its name are one module; inside, the same holds.
    check(&[lib, ("a.rs", "mod x; mod y;"), ("a/x.rs", "use super::A;"), ("a/y.rs", "use super::x::X;")], &[]);
    check(
        &[lib, ("a.rs", "mod x; mod y;"), ("a/x.rs", "use crate::a::y::Y;"), ("a/y.rs", "use super::x::X;")],
        &["a::x → a::y (a/x.rs:1) → a::x (a/y.rs:1)"],
    );
    check(
        &[lib, ("a/x.rs", "use crate::b::B;"), ("b/z.rs", "mod tests { use crate::a::x::X; }"), ("b.rs", "")],
        &["a → b (a/x.rs:1) → a (b/z.rs:1)"],
    );
    // A macro's paths stand where it is used; a comment's nowhere.
    check(&[lib, ("a.rs", "use crate::b;"), ("b.rs", "macro_rules! m { () => { $crate::a::f() } } // crate::a")], &[]);
}

#[test]
fn a_dependency_upwards_is_found() {
    let check = |manifests: &[(&str, Option<usize>, &str)], expected: &[&str]| {
        let crates: Vec<_> =
            manifests.iter().map(|(folder, rank, text)| Crate::of((*folder).to_owned(), *rank, text)).collect();
        let found = upward_dependencies(&crates);
        let matched = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.contains(e));
        assert!(matched, "found {found:#?}\nexpected {expected:#?}");
    };
    let low = ("lib/low", Some(0), "[package]\nname = \"low\"\n[dependencies]\nserde = \"1\"\n");
    let high = ("lib/high", Some(1), "[package]\nname = \"high\"\n[dependencies]\nlow.workspace = true\n");
    check(&[low, high], &[]);
    check(&[(low.0, Some(1), low.2), (high.0, Some(0), high.2)], &["lib/high depends on low, which stands above it"]);
    for section in ["dependencies", "dev-dependencies", "target.'cfg(unix)'.build-dependencies"] {
        let text = format!("[package]\nname = \"low\"\n[{section}]\nhigh = {{ path = \"../high\" }}\n");
        check(&[("lib/low", Some(0), &text), high], &["lib/low depends on high"]);
    }
    let test = ("tests", None, "[package]\nname = \"test\"\n[dependencies]\nlow = \"1\"\n");
    check(&[low, test], &[]);
    let tested = "[package]\nname = \"low\"\n[dev-dependencies]\ntest = \"1\"\n";
    check(&[(low.0, low.1, tested), test], &["lib/low depends on test, which depends on low"]);
    let data = ("data", None, "[package]\nname = \"test\"\n[features]\nlow = []\n");
    check(&[(low.0, low.1, tested), data], &[]);
}

/// A crate of the workspace.
struct Crate {
    folder: String,
    name: String,
    /// Its place among those of `guest-mappings/lib`.
    rank: Option<usize>,
    dependencies: Vec<String>,
}

impl Crate {
    fn of(folder: String, rank: Option<usize>, manifest: &str) -> Self {
        let (mut section, mut name, mut dependencies) = ("", String::new(), Vec::new());
        for line in manifest.lines().map(str::trim) {
            if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = header;
            } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                let key = key.trim();
                if section.ends_with("dependencies") {
                    dependencies.push(key.split('.').next().unwrap_or(key).to_owned());
                } else if section == "package" && key == "name" {
                    name = value.trim().trim_matches('"').to_owned();
                }
            }
        }
        Self { folder, name, rank, dependencies }
    }
}

/// The members of the workspace, in their order.
fn crates() -> Vec<Crate> {
    let workspace = root().join("..");
    let manifest = std::fs::read_to_string(workspace.join("Cargo.toml")).expect("the workspace has a Cargo.toml");
    let (_, members) = manifest.split_once("members = [").expect("the workspace lists its members");
    let members =
        members.split(']').next().unwrap_or_default().lines().filter_map(|line| line.trim().strip_prefix('"'));
    let mut rank = 0..;
    let member = |member: &str| {
        let folder = member.trim_end_matches([',', '"']).to_owned();
        let manifest = std::fs::read_to_string(workspace.join(&folder).join("Cargo.toml"));
        let manifest = manifest.unwrap_or_else(|error| panic!("{folder}: {error}"));
        let rank = if folder.starts_with("guest-mappings/lib/") { rank.next() } else { None };
        Crate::of(folder, rank, &manifest)
    };
    members.map(member).collect()
}

/// What crates of the library depend on that stands above them, tests included; others of the project, which may stand on
/// the library, they must do without.
fn upward_dependencies(crates: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    let is_library = |name: &String| crates.iter().any(|one| one.rank.is_some() && one.name == *name);
    for one in crates.iter().filter(|one| one.rank.is_some()) {
        for other in crates.iter().filter(|other| one.dependencies.contains(&other.name)) {
            match other.rank {
                Some(_) if other.rank < one.rank => {}
                Some(_) => found.push(format!("{} depends on {}, which stands above it", one.folder, other.name)),
                None => {
                    if let Some(library) = other.dependencies.iter().find(|name| is_library(name)) {
                        let message = format!("{} depends on {}, which depends on {library}", one.folder, other.name);
                        found.push(message);
                    }
                }
            }
        }
    }
    found
}

/// Circles of imports between modules with one parent, and what modules use of the root itself. A module is its file and
/// the folder of its name.
fn circles(sources: &[(String, String)]) -> Vec<String> {
    let modules: BTreeMap<String, &String> = sources.iter().map(|(file, text)| (module_of(file), text)).collect();
    let passed_on = modules.get("").map_or(Vec::new(), |text| uses(&code(text)));
    let mut found = Vec::new();
    // By parent: from a module to another, and where it says so.
    let mut edges: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>> = BTreeMap::new();
    for (file, text) in sources.iter().filter(|(file, _)| file != "lib.rs") {
        let own = module_of(file);
        for (line, path) in paths(&own, &code(text)) {
            let target = target(&path, &modules).or_else(|| {
                let name = path.split("::").next().unwrap_or_default();
                let passed = passed_on.iter().find(|passed| passed.rsplit("::").next() == Some(name))?;
                target(passed, &modules)
            });
            let Some(target) = target else {
                found.push(format!("{file}:{line}: uses `{path}` of lib.rs, which stands above all modules"));
                continue;
            };
            let shared = own.split("::").zip(target.split("::")).take_while(|(a, b)| a == b).count();
            let step = |path: &str| path.split("::").take(shared + 1).collect::<Vec<_>>().join("::");
            // Not where one is inside of the other.
            if own.split("::").count() > shared && target.split("::").count() > shared {
                let parent = own.split("::").take(shared).collect::<Vec<_>>().join("::");
                let from = edges.entry(parent).or_default().entry(step(&own)).or_default();
                from.entry(step(&target)).or_insert_with(|| format!("{file}:{line}"));
            }
        }
    }
    for level in edges.values() {
        let mut done = BTreeSet::new();
        for start in level.keys() {
            circle(level, &mut vec![start.clone()], &mut done, &mut found);
        }
    }
    found
}

/// Follows imports from the end of a trail, and notes a circle where one closes.
fn circle(
    edges: &BTreeMap<String, BTreeMap<String, String>>,
    trail: &mut Vec<String>,
    done: &mut BTreeSet<String>,
    found: &mut Vec<String>,
) {
    let last = trail.last().expect("a trail has a beginning").clone();
    if done.contains(&last) {
        return;
    }
    for next in edges.get(&last).into_iter().flat_map(BTreeMap::keys) {
        if let Some(begin) = trail.iter().position(|module| module == next) {
            let round = trail[begin..].iter().zip(trail[begin + 1..].iter().chain([next]));
            let steps = round.map(|(a, b)| format!(" → {b} ({})", edges[a][b])).collect::<String>();
            found.push(format!("{next}{steps}"));
        } else {
            trail.push(next.clone());
            circle(edges, trail, done, found);
            trail.pop();
        }
    }
    done.insert(last);
}

/// `plan::walk` of `plan/walk.rs`, the empty path of the root.
fn module_of(file: &str) -> String {
    match file.trim_end_matches(".rs").trim_end_matches("/mod") {
        "lib" => String::new(),
        path => path.replace('/', "::"),
    }
}

/// The innermost module that a path leads into, the root aside.
fn target(path: &str, modules: &BTreeMap<String, &String>) -> Option<String> {
    let inside = modules.keys().filter(|module| !module.is_empty() && within(path, module));
    inside.max_by_key(|module| module.len()).cloned()
}

/// What the root imports, to use it or to pass it on.
fn uses(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (line, token) = &tokens[at];
        at += 1;
        if token == "use" {
            tree(&tokens, &mut at, "", *line, &mut found);
        }
    }
    found.into_iter().map(|(_, path)| path).collect()
}

/// `plan::planner`, … as `src/lib.rs` declares them.
fn order() -> Vec<String> {
    modules(&std::fs::read_to_string(root().join("src/lib.rs")).expect("host/src/lib.rs is the map"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Path below `src` (or `build.rs`) and text of every file but the map itself.
fn sources() -> Vec<(String, String)> {
    let mut sources = sources_of(&root().join("src"));
    sources.retain(|(name, _)| name != "lib.rs");
    let build = std::fs::read_to_string(root().join("build.rs"));
    sources.extend(build.ok().map(|text| ("build.rs".to_owned(), text)));
    sources
}

/// Path below this folder and text of every source file in it, in the order of their names.
fn sources_of(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    let source = |path: PathBuf| {
        let name = path.strip_prefix(folder).expect("it was found below").to_string_lossy().replace('\\', "/");
        (name, std::fs::read_to_string(&path).expect("a source file is text"))
    };
    files.into_iter().map(source).collect()
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
            "crate" | "super" if next(1) == "::" && (at == 0 || !matches!(tokens[at - 1].1.as_str(), "::" | "$")) => {
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
