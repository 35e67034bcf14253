//! Where the rows of child tables are: the lists that lead to them, and the keys that name them.

use turntable_scan::{Kind as Json, Value};

use crate::path::{self, Move};

/// A list on the way to a row: the members that lead to it (`participant`, `hospitalization.dietPreference`)
/// from the resource or from an element of the list before, and an index in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) list: &'static str,
    pub(crate) index: usize,
}

/// Calls `row` with every element that is a row, in order, and its place. Nulls are no rows but count.
pub(crate) fn each<'a, E>(
    element: Value<'a>,
    lists: &[&'static str],
    row: &mut impl FnMut(&[Step], Value<'a>) -> Result<(), E>,
) -> Result<(), E> {
    descend(element, lists, &mut Vec::with_capacity(lists.len()), row)
}

fn descend<'a, E>(
    element: Value<'a>,
    lists: &[&'static str],
    place: &mut Vec<Step>,
    row: &mut impl FnMut(&[Step], Value<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let Some((&list, inner)) = lists.split_first() else {
        return row(place, element);
    };
    for (index, item) in items(element, list) {
        place.push(Step { list, index });
        descend(item, inner, place, row)?;
        place.pop();
    }
    Ok(())
}

/// The element at a place.
pub(crate) fn at<'a>(resource: Value<'a>, place: &[Step]) -> Option<Value<'a>> {
    place.iter().try_fold(resource, |element, step| {
        items(element, step.list).find(|(index, _)| *index == step.index).map(|(_, item)| item)
    })
}

fn items<'a>(element: Value<'a>, list: &str) -> impl Iterator<Item = (usize, Value<'a>)> + use<'a> {
    let found = path::find(element, members(list)).map(|found| found.element);
    let items = found.into_iter().flat_map(|list| {
        // An element that should repeat but stands alone is a list of one.
        let alone = (list.kind() != Json::Array).then_some(list);
        list.items().chain(alone)
    });
    items.enumerate().filter(|(_, item)| !matches!(item.kind(), Json::Null | Json::Array))
}

/// The moves to the members of a list's path.
pub(crate) fn members(list: &str) -> impl Iterator<Item = Move> {
    list.split('.').map(|name| Move::Member(name.to_owned().into()))
}

/// The moves from the resource to the element at a place.
pub(crate) fn moves(place: &[Step]) -> Vec<Move> {
    place.iter().flat_map(|step| members(step.list).chain([Move::Index(step.index)])).collect()
}

/// The key of a row: the resource's id and where in it the element is, as a JSON pointer says it.
pub(crate) fn key(id: &str, place: &[Step]) -> String {
    let mut key = id.to_owned();
    for Step { list, index } in place {
        for part in list.split('.').chain([&*index.to_string()]) {
            key.push('/');
            key.push_str(part);
        }
    }
    key
}

/// The place that a key names in the resource of that id; `None` if it names none of these lists.
pub(crate) fn of_key(key: &str, id: &str, lists: &[&'static str]) -> Option<Vec<Step>> {
    let mut parts = key.strip_prefix(id)?.split('/');
    // Before the first slash.
    parts.next().filter(|rest| rest.is_empty())?;
    let mut place = Vec::with_capacity(lists.len());
    for &list in lists {
        for member in list.split('.') {
            parts.next().filter(|part| *part == member)?;
        }
        let index = parts.next().filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?;
        place.push(Step { list, index: index.parse().ok()? });
    }
    parts.next().is_none().then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use turntable_scan::Document;

    const LISTS: &[&str] = &["stay.bed", "use"];

    #[test]
    fn keys_name_places() {
        let place = [Step { list: LISTS[0], index: 2 }, Step { list: LISTS[1], index: 10 }];
        assert_eq!(key("a", &place), "a/stay/bed/2/use/10");
        assert_eq!(of_key("a/stay/bed/2/use/10", "a", LISTS), Some(place.to_vec()));
        assert_eq!(of_key("a/stay/bed/2", "a", &LISTS[..1]), Some(place[..1].to_vec()));
        for wrong in ["", "a", "b/stay/bed/2/use/10", "a/stay/bed/2/use", "a/stay/bed/2/use/x", "a/stay/bed/2/use/1/0"]
        {
            assert_eq!(of_key(wrong, "a", LISTS), None, "{wrong}");
        }
        assert_eq!(of_key("a/stay/bed/99999999999999999999/use/1", "a", LISTS), None);
        assert_eq!(of_key("ab/stay/bed/2", "a", &LISTS[..1]), None);
    }

    #[test]
    fn rows_are_what_is_there() {
        let text = br#"{"stay": [{"bed": [null, {"use": ["x", null, "y"]}, [1], {"use": {"a": 1}}, {}]}]}"#;
        let document = Document::parse(text).expect("JSON");
        let mut keys = Vec::new();
        let mut row = |place: &[Step], element: Value<'_>| -> Result<(), ()> {
            assert_eq!(at(document.root(), place).map(|found| found.position()), Some(element.position()));
            keys.push(key("a", place));
            Ok(())
        };
        each(document.root(), LISTS, &mut row).expect("no row fails");
        assert_eq!(keys, ["a/stay/bed/1/use/0", "a/stay/bed/1/use/2", "a/stay/bed/3/use/0"]);
    }
}
