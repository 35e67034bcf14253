//! Keys of child rows over changes. Such a key says what its element is, so a change through us gives the row another
//! one, and those below it too. What became of each is kept (`Store::move_keys`), so that the key that a list gave goes
//! on to name its row; where it might name another as well, it names none.

use std::sync::Arc;

use turntable_scan::Document;
use uuid::Uuid;

use crate::model::key;
use crate::router::element::{self, Elements, Level};

/// Moves that are followed from one key.
const FOLLOWED_MAX: usize = 64;

/// A mark before the text of a move: among equal siblings the last one's key moves to the one that fell free, whose own
/// key moved elsewhere.
const RENUMBERED: char = '!';

/// Texts of keys before and after a change of a resource. Empty after = there is no such row any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves(Vec<(String, String)>);

impl Moves {
    /// Of a change of the element at `place`, which may be `gone` then; none of its siblings changes.
    /// `resource` = `Type/id`.
    pub fn of(resource: &str, before: &[u8], after: &[u8], place: &str, gone: bool) -> Self {
        let (Ok(before), Ok(after)) = (Document::parse(before), Document::parse(after)) else { return Self::default() };
        let (mut before, mut after) = (Elements::new(&before), Elements::new(&after));
        let levels = before.levels(place).unwrap_or_default();
        let mut moves = Vec::new();
        for (depth, Level { element, siblings }) in levels.iter().enumerate() {
            let is_gone = gone && depth + 1 == levels.len();
            let list = element.place.rsplit_once('/').map_or("", |(list, _)| list);
            let now = match is_gone {
                true => after.levels(&format!("{list}/0")),
                false => after.levels(&element.place),
            };
            let now = now.and_then(|mut levels| levels.pop());
            let new = now.as_ref().filter(|_| !is_gone).map(|level| level.element.name.clone());
            let old_name = last(&element.name);
            let is_renamed = new.as_deref().map(last) != Some(old_name);
            let content = element::content(old_name).filter(|_| is_renamed);
            let has_equal = content.is_some_and(|content| {
                let left = now.iter().flat_map(|level| &level.siblings);
                left.filter(|name| element::content(name) == Some(content)).count() > 0
            });
            match &new {
                Some(new) if *new != element.name => moves.push((full(resource, &element.name), full(resource, new))),
                Some(_) => {}
                None if has_equal => moves.push((full(resource, &element.name), String::new())),
                None => {}
            }
            // Those that are equal to it count on: the last one takes its place.
            let highest = siblings.iter().rfind(|name| has_equal && element::content(name) == content);
            if let Some(highest) = highest {
                let (old_list, new_list) = match new.as_deref().or(now.as_ref().map(|l| l.element.name.as_str())) {
                    Some(new) => (before_last(&element.name), before_last(new)),
                    None => (before_last(&element.name), before_last(&element.name)),
                };
                if highest == old_name {
                    // Nothing else moves; and no row has its name any more.
                    if new.is_none() {
                        moves.pop();
                    }
                } else {
                    let to = full(resource, &format!("{new_list}/{old_name}"));
                    moves.push((full(resource, &format!("{old_list}/{highest}")), format!("{RENUMBERED}{to}")));
                }
            }
        }
        Self(moves)
    }

    /// The text that the key of a row has now, if it is another.
    pub fn after(&self, text: &str) -> Option<String> {
        self.0.iter().find(|(old, new)| old == text && !new.is_empty()).map(|(_, new)| new.clone())
    }

    /// What to keep, beside what was kept so far. A row that gets a key back that it had before has moved nowhere.
    pub fn kept(self, moved: impl Fn(Uuid) -> Option<Arc<str>>) -> Vec<(Uuid, String)> {
        let mut kept = Vec::with_capacity(self.0.len());
        for (old, new) in self.0 {
            let mut chain = std::iter::successors(moved(key::guid(&new)), |text| moved(key::guid(text)));
            if chain.by_ref().take(FOLLOWED_MAX).any(|text| *text == *old) {
                kept.push((key::guid(&new), new.clone()));
            }
            kept.push((key::guid(&old), new));
        }
        kept
    }
}

/// Whether what became of a key is about a resource of this type: types that no table shows together share their keys.
fn is_of(to: &str, resource_type: &str) -> bool {
    to.is_empty() || key::split(to.trim_start_matches(RENUMBERED)).0 == resource_type
}

fn full(resource: &str, name: &str) -> String {
    format!("{resource}/{name}")
}

fn last(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

fn before_last(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(before, _)| before)
}

/// The element that a key names now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// As its mapping says it, without the id: `participant/0`.
    pub place: String,
    /// The key's text without type and id.
    pub name: String,
    /// A row has this key now, and the one that had it has another: only who knows the version that stands knows which
    /// of them is meant.
    pub is_ambiguous: bool,
}

/// `text`: of the key, `Type/id/name`. None: no element is called so, and none was.
pub fn find(body: &[u8], text: &str, moved: impl Fn(Uuid) -> Option<Arc<str>>) -> Option<Found> {
    let document = Document::parse(body).ok()?;
    let mut elements = Elements::new(&document);
    let (mut text, mut trusted, mut is_ambiguous) = (text.to_owned(), 0, false);
    for _ in 0..FOLLOWED_MAX {
        let (resource_type, rest) = key::split(&text);
        let (id, name) = rest.split_once('/')?;
        let head = resource_type.len() + id.len() + 2;
        // The deepest that is known to have moved; one above moves all that is below it.
        let ends = (0..=name.len()).filter(|end| *end == name.len() || name.as_bytes()[*end] == b'/');
        let levels: Vec<usize> = ends.filter(|end| last(&name[..*end]).starts_with(['=', '~'])).collect();
        let mut next = None;
        for end in levels.into_iter().rev() {
            let level = &text[..head + end];
            let to = moved(key::guid(level)).filter(|to| &**to != level && is_of(to, resource_type));
            match (elements.called(&name[..end]), to) {
                (Some(_), to) => is_ambiguous |= to.is_some() && head + end > trusted,
                (None, None) => {}
                (None, Some(to)) if to.is_empty() => return None,
                (None, Some(to)) => {
                    let is_trusted = to.starts_with(RENUMBERED);
                    let to = to.trim_start_matches(RENUMBERED);
                    next = Some((format!("{to}{}", &text[head + end..]), if is_trusted { to.len() } else { 0 }));
                    break;
                }
            }
        }
        let Some((to, length)) = next else {
            let place = elements.called(name)?.pop()?.element.place;
            return Some(Found { place, name: name.to_owned(), is_ambiguous });
        };
        (text, trusted) = (to, length);
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// One change after the other, the last place gone where there is no element, and what a key then names.
    struct Story {
        body: String,
        moved: HashMap<Uuid, Arc<str>>,
    }

    impl Story {
        fn new(body: &str) -> Self {
            Self { body: body.to_owned(), moved: HashMap::new() }
        }

        fn key(&self, place: &str) -> String {
            let document = Document::parse(self.body.as_bytes()).unwrap();
            full("T/a", &Elements::new(&document).at(place).unwrap().name)
        }

        fn find(&self, text: &str) -> Option<Found> {
            find(self.body.as_bytes(), text, |guid| self.moved.get(&guid).cloned())
        }

        fn change(&mut self, used: &str, after: &str, gone: bool) {
            let place = self.find(used).unwrap().place;
            let moves = Moves::of("T/a", self.body.as_bytes(), after.as_bytes(), &place, gone);
            self.body = after.to_owned();
            let now = (!gone).then(|| self.key(&place));
            let mut kept = moves.kept(|guid| self.moved.get(&guid).cloned());
            kept.extend(now.map(|text| (key::guid(used), text)));
            self.moved.extend(kept.into_iter().map(|(guid, text)| (guid, text.into())));
        }

        fn place(&self, text: &str) -> Option<String> {
            self.find(text).filter(|found| !found.is_ambiguous).map(|found| found.place)
        }
    }

    #[test]
    fn a_key_follows_its_row() {
        let mut story = Story::new(r#"{"p":[{"x":1,"q":["a","b"]},{"x":2}]}"#);
        let [one, a, b] = ["p/0", "p/0/q/0", "p/0/q/1"].map(|place| story.key(place));
        story.change(&a, r#"{"p":[{"x":1,"q":["b"]},{"x":2}]}"#, true);
        assert_eq!(story.place(&a), None);
        assert_eq!(story.place(&b).as_deref(), Some("p/0/q/0"), "its parent has another name now");
        story.change(&b, r#"{"p":[{"x":1,"q":["c"]},{"x":2}]}"#, false);
        story.change(&one, r#"{"p":[{"x":3,"q":["c"]},{"x":2}]}"#, false);
        story.change(&one, r#"{"p":[{"x":1,"q":["c"]},{"x":2}]}"#, false);
        assert_eq!(story.place(&one).as_deref(), Some("p/0"));
        assert_eq!(story.place(&b).as_deref(), Some("p/0/q/0"));
        // Somebody else: one is put before it, then it is changed.
        story.body = r#"{"p":[{"x":9},{"x":1,"q":["c"]},{"x":2}]}"#.into();
        assert_eq!(story.place(&one).as_deref(), Some("p/1"));
        story.body = r#"{"p":[{"x":9},{"x":5},{"x":2}]}"#.into();
        assert_eq!(story.place(&one), None);
    }

    #[test]
    fn what_became_of_another_types_row_is_none_of_ours() {
        let mut story = Story::new(r#"{"p":[{"id":"x"},{"id":"y"}]}"#);
        let [x, y] = ["p/0", "p/1"].map(|place| story.key(place));
        let others = y.replacen("T/", "U/", 1);
        story.moved.insert(key::guid(&x), others.into());
        assert_eq!(story.place(&x).as_deref(), Some("p/0"));
        story.body = r#"{"p":[{"id":"y"}]}"#.into();
        assert_eq!(story.place(&x), None, "it is gone, and not the other");
    }

    #[test]
    fn equal_siblings_go_one_by_one() {
        let mut story = Story::new(r#"{"p":[1,1,1,2]}"#);
        let keys = ["p/0", "p/1", "p/2"].map(|place| story.key(place));
        story.change(&keys[1], r#"{"p":[1,1,2]}"#, true);
        assert_eq!(story.place(&keys[1]), None, "gone, or not to be told from one that is there");
        assert_eq!(story.place(&keys[0]).as_deref(), Some("p/0"));
        assert_eq!(story.place(&keys[2]).as_deref(), Some("p/1"));
        story.change(&keys[0], r#"{"p":[1,2]}"#, true);
        story.change(&keys[2], r#"{"p":[2]}"#, true);
        assert!(keys.iter().all(|key| story.place(key).is_none()));
    }

    #[test]
    fn a_changed_one_of_equal_siblings_is_not_taken_for_the_other() {
        let mut story = Story::new(r#"{"p":[1,1]}"#);
        let [first, second] = ["p/0", "p/1"].map(|place| story.key(place));
        story.change(&first, r#"{"p":[3,1]}"#, false);
        assert!(story.find(&first).is_some_and(|found| found.is_ambiguous));
        assert_eq!(story.place(&second).as_deref(), Some("p/1"));
        assert_eq!(story.place(&story.key("p/0")).as_deref(), Some("p/0"));
    }
}
