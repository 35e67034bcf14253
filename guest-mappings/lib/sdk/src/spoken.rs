//! The `text` of a HumanName or an Address, which says in one line what the parts beside it say. Where a part changes,
//! so does the text: the old part in it becomes the new one, else the text is made of the parts as it was before, else
//! it goes, since it would show what no longer is. A text that the change gives itself stays.

use crate::edit::Edit;
use crate::path::{self, Element, Move};
use crate::tree::{Cursor, Id};

/// The parts of a HumanName, and those of an Address, in the order in which they are spoken.
const PARTS: [(&str, &[&str]); 2] = [
    ("HumanName", &["prefix", "given", "family", "suffix"]),
    ("Address", &["line", "postalCode", "city", "district", "state", "country"]),
];

/// A name or address before it is changed.
pub(crate) struct Spoken {
    object: Id,
    /// What the path to it goes through.
    anchors: Vec<(Id, Move)>,
    text: String,
    names: &'static [&'static str],
    parts: Vec<Part>,
}

/// Which part, the how manyth of it, and what it says.
type Part = ((&'static str, usize), String);

/// The names and addresses with a text of which a part is at the end of one of these paths.
pub(crate) fn listen<'m>(edit: &Edit<'_>, written: impl Iterator<Item = &'m [Move]>) -> Vec<Spoken> {
    let mut found: Vec<Spoken> = Vec::new();
    for moves in written {
        for (at, step) in moves.iter().enumerate() {
            let Move::Member(name) = step else { continue };
            let Some((kind, names)) = PARTS.iter().find(|(_, names)| names.contains(&&**name)) else { continue };
            let object = edit.find(&moves[..at]).and_then(|id| path::present(Cursor::new(&edit.tree, id)));
            let Some(object) = object.filter(|object| is_a(edit, object.id, kind)) else { continue };
            let Some(text) = object.get("text").and_then(Element::text) else { continue };
            if found.iter().all(|known| known.object != object.id) {
                let (text, parts) = (text.into_owned(), parts(edit, object.id, names));
                let anchors = edit.anchors(&moves[..at]);
                found.push(Spoken { object: object.id, anchors, text, names, parts });
            }
        }
    }
    found
}

/// Has the texts say what the parts now say.
pub(crate) fn speak(edit: &mut Edit<'_>, spoken: Vec<Spoken>) {
    for Spoken { object, anchors, text, names, parts: before } in spoken {
        let now = Cursor::new(&edit.tree, object).get("text").and_then(Element::text).map(|now| now == text);
        // One that is gone, or that the change gave, is not ours.
        if !edit.tree.is_attached(object) || now != Some(true) {
            continue;
        }
        let after = parts(edit, object, names);
        if before == after {
            continue;
        }
        match said(&text, &before, &after) {
            Some(said) if said == text => {}
            Some(said) => {
                let leaf = edit.tree.text_leaf(&said);
                edit.tree.set_member(object, "text", leaf);
            }
            None => {
                edit.tree.remove_member(object, "text");
                edit.tree.remove_member(object, "_text");
                // With the last part all of it goes: the text alone kept it.
                edit.prune(object, &anchors);
            }
        }
    }
}

/// Whether an object is of that type, by the name of the element that it is: `name`, `address`, `valueAddress`.
fn is_a(edit: &Edit<'_>, object: Id, kind: &str) -> bool {
    let list = || edit.tree.name_of(edit.tree.parent(object)?);
    let own = edit.tree.name_of(object).filter(|own| !own.is_empty()).or_else(list);
    own.is_some_and(|own| own.ends_with(kind) || kind.to_ascii_lowercase().ends_with(&own) && own.len() > 3)
}

fn parts(edit: &Edit<'_>, object: Id, names: &'static [&'static str]) -> Vec<Part> {
    let mut parts = Vec::new();
    for &name in names {
        let Some(member) = Cursor::new(&edit.tree, object).get(name) else { continue };
        parts.extend(member.text().map(|text| ((name, 0), text.into_owned())));
        let items = member.items().enumerate();
        parts.extend(items.filter_map(|(at, item)| Some(((name, at), item.text()?.into_owned()))));
    }
    parts
}

/// What a text becomes; None where that cannot be known.
fn said(text: &str, before: &[Part], after: &[Part]) -> Option<String> {
    // Made of the parts: made of them again.
    for form in FORMS {
        if !before.is_empty() && form(before) == text {
            return Some(form(after)).filter(|said| !said.is_empty());
        }
    }
    let mut said = text.to_owned();
    let value = |parts: &[Part], place: &(&str, usize)| {
        parts.iter().find(|(own, _)| own == place).map(|(_, text)| text.clone())
    };
    for (place, old) in before {
        let new = value(after, place);
        if new.as_ref() != Some(old) {
            said = replaced(&said, old, new.as_deref().unwrap_or_default())?;
        }
    }
    let added = after.iter().filter(|(place, _)| value(before, place).is_none());
    for (_, new) in added {
        // Said already: a text of which parts are being made.
        once(&said, new)?;
    }
    (!said.is_empty()).then_some(said)
}

/// How a text is made of parts. With all of them, with commas, and a name as people are called.
const FORMS: [fn(&[Part]) -> String; 4] = [
    |parts| joined(parts, " ", |_| true),
    |parts| joined(parts, ", ", |_| true),
    |parts| joined(parts, "\n", |_| true),
    |parts| joined(parts, " ", |name| matches!(name, "given" | "family")),
];

fn joined(parts: &[Part], between: &str, takes: impl Fn(&str) -> bool) -> String {
    let texts = parts.iter().filter(|((name, _), _)| takes(name)).map(|(_, text)| text.as_str());
    texts.collect::<Vec<_>>().join(between)
}

/// Where a part stands in a text as words of their own; None unless it does so once.
fn once(text: &str, part: &str) -> Option<usize> {
    let is_apart = |at: usize| {
        let (before, after) = (text[..at].chars().next_back(), text[at + part.len()..].chars().next());
        !before.into_iter().chain(after).any(char::is_alphanumeric)
    };
    let mut found = text.match_indices(part).map(|(at, _)| at).filter(|&at| is_apart(at));
    let first = found.next().filter(|_| !part.is_empty())?;
    found.next().is_none().then_some(first)
}

/// A text with one part of it replaced, or taken out with the space or comma that set it apart.
fn replaced(text: &str, old: &str, new: &str) -> Option<String> {
    let at = once(text, old)?;
    let (before, after) = (&text[..at], &text[at + old.len()..]);
    if !new.is_empty() {
        return Some([before, new, after].concat());
    }
    let set_apart = |c: char| c.is_whitespace() || c == ',';
    let (left, right) = (before.trim_end_matches(set_apart), after.trim_start_matches(set_apart));
    let between = if left.is_empty() || right.is_empty() { "" } else { &before[left.len()..] };
    let between = if between.is_empty() && !left.is_empty() && !right.is_empty() { " " } else { between };
    Some([left, between, right].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        text: &str,
        before: &[(&'static str, usize, &str)],
        after: &[(&'static str, usize, &str)],
        expected: Option<&str>,
    ) {
        let parts = |all: &[(&'static str, usize, &str)]| {
            all.iter().map(|&(name, at, text)| ((name, at), text.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(said(text, &parts(before), &parts(after)).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_text_follows_its_parts() {
        let eva = [("given", 0, "Eva"), ("family", 0, "Muster")];
        check("Eva Muster", &eva, &[("given", 0, "Eva"), ("family", 0, "Beispiel")], Some("Eva Beispiel"));
        check("Muster, Eva", &eva, &[("given", 0, "Eva"), ("family", 0, "Beispiel")], Some("Beispiel, Eva"));
        check("Dr. Eva Muster MD", &eva, &[("family", 0, "Muster")], Some("Dr. Muster MD"));
        check("Muster, Eva", &eva, &[("given", 0, "Eva")], Some("Eva"));
        check(
            "Eva Muster",
            &eva,
            &[("given", 0, "Eva"), ("given", 1, "B"), ("family", 0, "Muster")],
            Some("Eva B Muster"),
        );
        check("Eva Muster", &eva, &[], None);
    }

    #[test]
    fn a_text_that_says_something_else_goes() {
        let eva = [("given", 0, "Eva"), ("family", 0, "Muster")];
        check("E. Musterfrau", &eva, &[("given", 0, "Eva"), ("family", 0, "Beispiel")], None);
        check("Muster Muster", &eva, &[("given", 0, "Eva"), ("family", 0, "Beispiel")], None);
        check("Herr Muster", &[], &[("family", 0, "Beispiel")], None);
        check("Eva Muster", &[], &[("family", 0, "Muster")], Some("Eva Muster"));
    }
}
