//! Requests damaged at random, always in the same way for a seed.

use super::families::OPTIONS;
use super::reading::{Text, Where};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Pieces that mean something somewhere.
const PIECES: [&str; 48] = [
    "(",
    ")",
    "'",
    "\"",
    ",",
    ";",
    "/",
    ":",
    "=",
    "@a",
    "$it",
    "$count",
    "$filter=",
    " eq ",
    " ne ",
    " in ",
    " and ",
    " or ",
    "not ",
    "- ",
    "any(a:",
    "all(a:a/",
    "case(",
    "null",
    "true",
    "INF",
    "1e999999999",
    "99999999999999999999",
    "9999-12-31",
    "duration'P1D'",
    "firstname",
    "parentcustomerid_account/",
    "contact_parentcustomerid",
    "00000000-0000-4000-8000-000000000001",
    "{",
    "}",
    "[",
    "]",
    "<filter>",
    "</filter>",
    "&amp;",
    "<condition attribute='firstname' operator='eq' value='a'/>",
    "\r\n",
    "--b",
    "\u{0}",
    "\u{fc}",
    "%",
    "\\",
];

/// How many texts, and from which seed on.
pub(crate) fn wanted() -> (usize, u64) {
    let wanted = std::env::var("TURNTABLE_BOUNDED").unwrap_or_default();
    let (count, seed) = wanted.split_once(',').unwrap_or((&wanted, ""));
    (count.parse().unwrap_or(4_000), seed.parse().unwrap_or(1))
}

pub(crate) struct Mutations {
    state: u64,
    texts: Vec<String>,
}

impl Mutations {
    pub(crate) fn new(seed: u64) -> Self {
        let read =
            |path: &str| std::fs::read_to_string(format!("{REPOSITORY}/{path}")).expect("it is in the repository");
        let mut texts = Vec::new();
        for path in ["odata-abnf-testcases.yaml", "odata-aggregation-testcases.yaml"] {
            let cases = read(&format!("tests/cases/odata-abnf/{path}"));
            texts.extend(cases.lines().filter_map(|line| line.trim().strip_prefix("Input:")).map(input));
        }
        for folder in ["tests/cases/fetches", "host/tests/explain", "tests/bundles"] {
            let mut files: Vec<_> = std::fs::read_dir(format!("{REPOSITORY}/{folder}"))
                .expect("it is in the repository")
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .collect();
            files.sort();
            let read = files.iter().filter_map(|path| std::fs::read_to_string(path).ok());
            texts.extend(read.filter(|text| text.len() < 16 << 10));
        }
        assert!(texts.len() > 700, "{} texts", texts.len());
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, texts }
    }

    /// Xorshift: nothing depends on how good it is.
    fn below(&mut self, most: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % most.max(1) as u64).unwrap_or_default()
    }

    pub(crate) fn next(&mut self, most: usize) -> Text {
        let pick = self.below(self.texts.len());
        let mut text = self.texts[pick].clone();
        for _ in 0..self.below(6) {
            text = self.mutated(text, most);
        }
        text.truncate(floor(&text, most));
        Text { place: self.place(&text), text }
    }

    fn place(&mut self, text: &str) -> Where {
        let table = ["contacts", "accounts", "msemr_encounters", "EntityDefinitions"][self.below(4)];
        if text.trim_start().starts_with('<') && self.below(4) > 0 {
            return Where::Option("contacts", "fetchXml");
        }
        match self.below(16) {
            0 => Where::Path,
            1 => Where::Key,
            2 => Where::Query(table),
            3 => Where::Header(["Prefer", "Accept", "If-Match", "If-None-Match"][self.below(4)]),
            4 => Where::Body("POST", "contacts"),
            5 => Where::Body("POST", "msind_UpsertBundle"),
            6 => Where::Batch(["application/json", "multipart/mixed; boundary=b"][self.below(2)]),
            7 => Where::Token,
            8..=11 => Where::Option(table, "$filter"),
            _ => Where::Option(table, OPTIONS[self.below(OPTIONS.len())]),
        }
    }

    fn mutated(&mut self, text: String, most: usize) -> String {
        let a = floor(&text, self.below(text.len() + 1));
        let b = floor(&text, self.below(text.len() + 1));
        let (from, to) = (a.min(b), a.max(b));
        let (head, part, tail) = (&text[..from], &text[from..to], &text[to..]);
        let piece = PIECES[self.below(PIECES.len())];
        match self.below(8) {
            0 => head.to_owned(),
            1 => format!("{head}{tail}"),
            2 => format!("{head}{piece}{part}{tail}"),
            // Repeated: some times, or as often as there is room.
            3 => format!("{head}{}{tail}", part.repeat(self.often(part, most))),
            4 => format!("{head}{}{part}{tail}", piece.repeat(self.often(piece, most))),
            // Nested.
            5 => {
                let count = self.often(part, most) / 2;
                let close = [")", "}", "]", "'"][self.below(4)];
                format!("{}{part}{}", head.repeat(count.min(most / (head.len() + 1))), close.repeat(count))
            }
            6 => {
                let other = self.below(self.texts.len());
                let other = &self.texts[other];
                format!("{head}{}", &other[floor(other, from)..])
            }
            _ => {
                let other = self.below(self.texts.len());
                format!("{head}{piece}{}{tail}", self.texts[other])
            }
        }
    }

    fn often(&mut self, part: &str, most: usize) -> usize {
        let room = most / part.len().max(1);
        [2, 10, 60, 300, room][self.below(5)].min(room)
    }
}

/// The place of a character at or before this byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Of a line of the cases, without the quotes around it.
fn input(text: &str) -> String {
    let text = text.trim();
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).to_owned()
}
