//! In which spellings rows may have a text that a service is asked for. A service that makes letters small and drops accents,
//! as R4 wishes (3.1.1.4.8), keeps some letters that are others here: to it `ſtein` is not `stein`, `Maße` not `masse`, `ﬁne`
//! not `fine`. So it is asked for all spellings at once, and no row is lost, whatever it makes of them.

use std::collections::BTreeSet;

use unicode_normalization::char::is_combining_mark;

use crate::model::value::fold;

/// What is two or three letters here, or another one, and itself to a service that makes letters small and drops accents.
/// There are no others in Unicode that stand for ASCII letters: a test below looks for them.
const LETTERS: [(&str, &str); 11] = [
    (LONG_S.0, LONG_S.1),
    ("ss", "ß"),
    ("st", "ﬆ"),
    ("st", "ﬅ"),
    ("ff", "ﬀ"),
    ("fi", "ﬁ"),
    ("fl", "ﬂ"),
    ("ffi", "ﬃ"),
    ("ffl", "ﬄ"),
    ("aʾ", "ẚ"),
    ("ʼn", "ŉ"),
];

/// The only one that stands for one letter, and so for one in nearly every text.
pub(super) const LONG_S: (&str, &str) = ("s", "ſ");

/// Spellings of one text, at most.
pub(super) const SPELLINGS: usize = 20;

/// Bytes of a text that a service is asked for. What has all of a longer one has this much of it.
const ASKED: usize = 200;

/// Bytes of all spellings of one text: an address is not of any length.
const ASKED_IN_ALL: usize = 1_000;

/// Letters that are left out at the beginning of a part where the rest has fewer spellings.
const LEFT_OUT: usize = 8;

/// A beginning, a part or all of a text that services otherwise compare alike (printable ASCII).
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain<'t> {
    pub(super) text: &'t str,
    /// Where it begins, a letter of the row does; else the row's letter may be half outside.
    pub(super) begins: bool,
    /// The same of its end.
    pub(super) ends: bool,
}

/// What of a row's text a text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Whole,
    Beginning,
    Part,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub(super) spellings: usize,
    /// The service takes `ſ` for an `s`.
    pub(super) long_s: bool,
}

impl<'t> Plain<'t> {
    /// What of a text services compare alike. Empty: nothing.
    pub(super) fn of(text: &'t str, reach: Reach) -> Self {
        let (text, is_whole) = looked_at(text);
        let mut plain = if reach == Reach::Part { plain_part(text) } else { plain_prefix(text) };
        if !is_whole && text.ends_with(plain) {
            // What follows may belong to its last letter.
            plain = plain.get(..plain.len().saturating_sub(1)).unwrap_or_default();
        }
        let (before, behind) = around(text, plain);
        let behind = behind.or((!is_whole).then_some(false));
        let begins = if reach == Reach::Part { before } else { Some(true) };
        // Where the text ends, so does the row's, if all of it is compared.
        let ends = if reach == Reach::Whole { behind.or(Some(true)) } else { behind };
        Self { text: plain, begins: begins == Some(true), ends: ends == Some(true) }
    }
}

/// Every way in which rows may spell it, as it stands first. It is cut where it is long or there are too many ways, at its
/// end, and at its beginning where it is a part: whatever has all of it has the rest. Empty: nothing is left to ask for.
pub(super) fn spellings(plain: Plain<'_>, most: Most) -> Vec<String> {
    let Plain { text, begins, ends } = plain;
    let starts = if begins { 1 } else { LEFT_OUT.min(text.len()) };
    let mut best: Option<Plain<'_>> = None;
    for start in (0..starts).filter(|start| text.as_bytes().get(*start).is_some_and(|byte| *byte != b' ')) {
        let rest = &text[start..];
        let Some(end) = longest(rest, begins, ends, most) else { continue };
        if best.is_none_or(|best| best.text.len() < end) {
            best = Some(Plain { text: &rest[..end], begins, ends: ends && end == rest.len() });
        }
    }
    best.map_or_else(Vec::new, |best| spelled(best, most.long_s))
}

/// How many bytes of a text have few spellings, and few bytes in them. None: not even one has.
fn longest(text: &str, begins: bool, ends: bool, most: Most) -> Option<usize> {
    let whole = text.len();
    let asked = &text[..whole.min(ASKED)];
    let ways = ways(Plain { text: asked, begins, ends }, most.long_s);
    let few = |end: &usize| {
        let part = Plain { text: &asked[..*end], begins, ends: ends && *end == whole };
        // Those that end with it, and those whose last letter goes on behind it.
        let over = over_the_end(part).map(|(from, _)| ways[from]);
        let count = over.fold(ways[*end].saturating_add(around_all(part).count()), usize::saturating_add);
        count <= most.spellings && count.saturating_mul(*end) <= ASKED_IN_ALL.max(*end) && !part.text.ends_with(' ')
    };
    (1..=asked.len()).rev().find(few)
}

/// Of each place in a text, in how many ways it is reached from the beginning.
fn ways(plain: Plain<'_>, long_s: bool) -> Vec<usize> {
    let mut ways = vec![0_usize; plain.text.len() + 1];
    ways[0] = 1;
    over_the_beginning(plain).for_each(|(to, _)| ways[to] += 1);
    for from in 0..plain.text.len() {
        for (to, _) in steps(plain.text, from, long_s) {
            ways[to] = ways[to].saturating_add(ways[from]);
        }
    }
    ways
}

/// All spellings of a text: from its beginning on, of each place those of what stands before it.
fn spelled(plain: Plain<'_>, long_s: bool) -> Vec<String> {
    let text = plain.text;
    let mut before: Vec<Vec<String>> = vec![Vec::new(); text.len() + 1];
    before[0].push(String::new());
    for (to, letter) in over_the_beginning(plain) {
        before[to].push(letter.to_owned());
    }
    for from in 0..text.len() {
        let so_far = before[from].clone();
        for (to, letter) in steps(text, from, long_s) {
            before[to].extend(so_far.iter().map(|so_far| format!("{so_far}{letter}")));
        }
    }
    let mut all = before.pop().unwrap_or_default();
    for (from, letter) in over_the_end(plain) {
        all.extend(before[from].iter().map(|so_far| format!("{so_far}{letter}")));
    }
    all.extend(around_all(plain).map(str::to_owned));
    // Some are found in two ways.
    let mut seen = BTreeSet::new();
    all.retain(|spelling| seen.insert(spelling.clone()));
    if let Some(at) = all.iter().position(|spelling| spelling == text) {
        all.swap(0, at);
    }
    all
}

/// What a row may have from a place in a text on: the letter that stands there, or one that stands for several. And where
/// that ends.
fn steps(text: &str, from: usize, long_s: bool) -> impl Iterator<Item = (usize, &str)> {
    let stands_for =
        move |all: &str| text.get(from..from + all.len()).is_some_and(|found| found.eq_ignore_ascii_case(all));
    let others = LETTERS.into_iter().filter(move |letter| !(long_s && *letter == LONG_S));
    let others = others.filter(move |(all, _)| stands_for(all)).map(move |(all, letter)| (from + all.len(), letter));
    std::iter::once((from + 1, &text[from..=from])).chain(others)
}

/// Letters of a row that are half before the text, and where they end in it.
fn over_the_beginning(plain: Plain<'_>) -> impl Iterator<Item = (usize, &'static str)> {
    let halves = LETTERS.into_iter().filter(move |_| !plain.begins).flat_map(|(all, letter)| {
        let ends = all.char_indices().skip(1).map(move |(at, _)| &all[at..]);
        ends.map(move |end| (end, letter))
    });
    halves.filter(move |(end, _)| starts_with(plain.text, end)).map(|(end, letter)| (end.len(), letter))
}

/// Letters of a row that are half behind the text, and where they begin in it.
fn over_the_end(plain: Plain<'_>) -> impl Iterator<Item = (usize, &'static str)> {
    let text = plain.text;
    let halves = LETTERS.into_iter().filter(move |_| !plain.ends).flat_map(|(all, letter)| {
        let beginnings = all.char_indices().skip(1).map(move |(at, _)| &all[..at]);
        beginnings.map(move |beginning| (beginning, letter))
    });
    halves.filter_map(move |(beginning, letter)| {
        let from = text.len().checked_sub(beginning.len())?;
        text[from..].eq_ignore_ascii_case(beginning).then_some((from, letter))
    })
}

/// Letters of a row that are more than all of the text, before it and behind it.
fn around_all(plain: Plain<'_>) -> impl Iterator<Item = &'static str> {
    let open = !plain.begins && !plain.ends;
    let inside = move |all: &str| all.get(1..all.len() - 1).is_some_and(|inner| inner.eq_ignore_ascii_case(plain.text));
    LETTERS.into_iter().filter(move |(all, _)| open && inside(all)).map(|(_, letter)| letter)
}

fn starts_with(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len()).is_some_and(|found| found.eq_ignore_ascii_case(beginning))
}

/// The beginning of a text in which something to ask for is looked for, and whether that is all of it.
fn looked_at(text: &str) -> (&str, bool) {
    const LOOKED_AT: usize = 5 * ASKED;
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= LOOKED_AT);
    end.map_or((text, true), |end| (&text[..end], false))
}

/// The longest beginning of a text that services compare alike: printable ASCII, no run of spaces. Whatever starts with
/// the text starts with it. Empty: there is none.
fn plain_prefix(text: &str) -> &str {
    let first = plain_runs(text).next().filter(|(at, _)| *at == 0).map_or("", |(_, run)| run.trim_end());
    if first.starts_with(' ') { "" } else { first }
}

/// The longest part of a text that services compare alike. Whatever contains the text contains it.
fn plain_part(text: &str) -> &str {
    plain_runs(text).map(|(_, run)| run.trim()).max_by_key(|run| run.len()).unwrap_or_default()
}

/// Whether a part of a text begins, and ends, where none of the row's letters can reach over the edge; None: it is the
/// edge of the text.
fn around(text: &str, part: &str) -> (Option<bool>, Option<bool>) {
    let Some(at) = text.find(part) else { return (None, None) };
    // What the letters stand for, but for the last, and but for the first.
    let goes_on = |c: char| LETTERS.iter().any(|(all, _)| all.chars().rev().skip(1).any(|one| one == c));
    let has_begun = |c: char| LETTERS.iter().any(|(all, _)| all.chars().skip(1).any(|one| one == c));
    let before = fold(&text[..at]).chars().next_back().map(|c| !goes_on(c));
    let behind = fold(&text[at + part.len()..]).chars().next().map(|c| !has_begun(c));
    (before, behind)
}

/// Runs of printable ASCII with single spaces, and where they begin. A letter that carries a combining mark is none.
fn plain_runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let plain = |at: usize, c: char| {
        let next = text[at + c.len_utf8()..].chars().next();
        let doubled = c == ' ' && (next == Some(' ') || text[..at].ends_with(' '));
        (c == ' ' || c.is_ascii_graphic()) && !doubled && !next.is_some_and(is_combining_mark)
    };
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        while rest.next_if(|(at, c)| !plain(*at, *c)).is_some() {}
        let start = rest.peek()?.0;
        let mut end = start;
        while let Some((at, c)) = rest.next_if(|(at, c)| plain(*at, *c)) {
            end = at + c.len_utf8();
        }
        Some((start, &text[start..end]))
    })
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    /// As a service may do it, and the sandbox of the tests does.
    fn made_small(text: &str) -> String {
        text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
    }

    #[test]
    fn no_other_letter_stands_for_those_that_are_asked_for() {
        let mut met = BTreeSet::new();
        for c in ('\0'..=char::MAX).map(String::from) {
            let (ours, theirs) = (fold(&c), made_small(&c));
            if ours.bytes().any(|byte| byte.is_ascii_graphic()) && ours.nfd().ne(theirs.chars()) {
                let known = LETTERS.iter().find(|(_, letter)| *letter == theirs);
                assert_eq!(known.map(|(all, _)| *all), Some(ours.as_str()), "{c}");
                met.insert(theirs);
            }
        }
        assert_eq!(met.len(), LETTERS.len());
    }

    #[test]
    fn text_is_cut_to_what_every_service_compares_alike() {
        let check = |text: &str, prefix: &str, part: &str| {
            assert_eq!((plain_prefix(text), plain_part(text)), (prefix, part), "{text:?}");
        };
        check("James", "James", "James");
        check("José María", "Jos", "Mar");
        check("e\u{301}cole", "", "cole");
        check("Rene\u{301} x", "Ren", "Ren");
        check("Éluard", "", "luard");
        check("Mary ", "Mary", "Mary");
        check("Mary  Ann", "Mary", "Mary");
        check(" Mary", "", "Mary");
        check("a\tbc", "a", "bc");
        check("", "", "");
        check("東京", "", "");
    }

    #[test]
    fn all_spellings_are_asked_for() {
        let check = |text: &str, begins: bool, ends: bool, expected: &[&str]| {
            let most = Most { spellings: SPELLINGS, long_s: false };
            let mut is = spellings(Plain { text, begins, ends }, most);
            assert_eq!(is.first().map(String::as_str), Some(text), "{text:?} {begins} {ends}");
            let mut expected: Vec<&str> = expected.to_vec();
            is.sort();
            expected.sort_unstable();
            assert_eq!(is, expected, "{text:?} {begins} {ends}");
        };
        check("Anna", true, true, &["Anna"]);
        check("Anna", true, false, &["Anna", "Annẚ"]);
        check("Jones", true, true, &["Jones", "Joneſ"]);
        check("Jones", true, false, &["Jones", "Joneſ", "Joneß", "Joneﬆ", "Joneﬅ"]);
        check("Office", true, true, &["Office", "Ofﬁce", "Oﬃce", "Oﬀice"]);
        check("ﬁ".nfkd().collect::<String>().as_str(), false, true, &["fi", "ﬁ", "ﬃ", "ﬀi"]);
        check("n", false, false, &["n", "ŉ"]);
        check("f", false, false, &["f", "ﬀ", "ﬁ", "ﬂ", "ﬃ", "ﬄ"]);
        check("MASSE", true, true, &["MASSE", "MAſSE", "MASſE", "MAſſE", "MAßE"]);
        check("st", true, true, &["st", "ſt", "ﬆ", "ﬅ"]);
    }

    #[test]
    fn a_text_is_cut_where_it_has_too_many_spellings() {
        let check = |text: &str, begins: bool, spellings: usize, long_s: bool, expected: &[&str]| {
            let is = super::spellings(Plain { text, begins, ends: true }, Most { spellings, long_s });
            assert_eq!(is, expected, "{text:?}");
        };
        check("Johnson", true, 1, false, &["John"]);
        check("Johnson", true, 1, true, &["Johnson"]);
        check("Smith", true, 1, false, &[]);
        // A part has another beginning, too.
        check("Smith", false, 1, false, &["mith"]);
        check("Masse", true, 2, true, &["Masse", "Maße"]);
        check("of a s", true, 1, true, &["of a s"]);
        check("an s", true, 1, false, &["an"]);
        // Of a long text its beginning.
        check(&"b".repeat(30_000), true, 1, false, &[&"b".repeat(ASKED)]);
        let many = super::spellings(
            Plain { text: &"ass".repeat(10_000), begins: true, ends: true },
            Most { spellings: SPELLINGS, long_s: false },
        );
        assert!((2..=SPELLINGS).contains(&many.len()), "{many:?}");
        assert_eq!(looked_at(&"ü".repeat(30_000)), ("ü".repeat(500).as_str(), false));
        assert_eq!(looked_at("a"), ("a", true));
    }

    proptest::proptest! {
        /// Whatever a row has that begins with the text, has it inside or is it, a service finds by one of the spellings.
        #[test]
        fn no_row_is_lost(
            row in "[afilnst ſßﬀﬁﬃﬆﬅẛẞŉẚʼʾ]{0,8}",
            from in 0_usize..8,
            length in 1_usize..6,
            most in 1_usize..24,
        ) {
            let folded = fold(&row);
            let letters: Vec<char> = folded.chars().collect();
            let part: String = letters.iter().skip(from).take(length).collect();
            let is_plain = part.is_ascii() && !part.is_empty() && part.trim() == part;
            if is_plain && !part.contains("  ") {
                let most = Most { spellings: most, long_s: false };
                let theirs = made_small(&row);
                let within = spellings(Plain { text: &part, begins: false, ends: false }, most);
                assert!(within.is_empty() || within.iter().any(|one| theirs.contains(&made_small(one))), "{within:?}");
                if from == 0 {
                    let first = spellings(Plain { text: &part, begins: true, ends: false }, most);
                    assert!(first.is_empty() || first.iter().any(|one| theirs.starts_with(&made_small(one))), "{first:?}");
                }
                if part == folded {
                    let whole = spellings(Plain { text: &part, begins: true, ends: true }, most);
                    assert!(whole.is_empty() || whole.iter().any(|one| theirs.starts_with(&made_small(one))), "{whole:?}");
                }
            }
        }
    }
}
