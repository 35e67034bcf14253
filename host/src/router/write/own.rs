//! Values that no element of a resource carries, natively: the store keeps them beside the resource, by the names of row,
//! table and column. A child row is called by what its element is, so a change may give it another name. Here is said
//! what becomes of the values then: they follow a row over a change through us, and stay with an element that others left
//! as it was.

use bytes::Bytes;
use turntable_scan::Document;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::table::ColumnIndex;
use crate::router::element::{self, Elements, is_name};
use crate::store::native::{OwnChange, OwnValue, TableRows};

/// What a change through a table is, beside the new resource.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// The resource before; None of a new one.
    pub before: Option<Bytes>,
    /// Where the element of a child row was that is taken away, without the id: `participant/0`.
    pub gone: Option<String>,
    /// Values of one row, for columns that no element carries.
    pub own: Option<Own>,
}

/// Values for columns that no element of the resource carries.
#[derive(Clone, Debug)]
pub struct Own {
    pub table: String,
    pub row: OwnRow,
    pub cells: Vec<(ColumnIndex, Option<String>)>,
}

/// The row that they are of, by names of elements before the change.
#[derive(Clone, Debug)]
pub enum OwnRow {
    /// Empty: that of the resource itself.
    Called(String),
    /// One just added; the table had these rows of the resource before.
    Added(Vec<String>),
}

impl Changed {
    /// What is to be kept of the resource that has come out of it. `made`: its rows; `own_rows`: child rows with values.
    pub fn own(&self, made: &[TableRows], after: &Bytes, own_rows: Vec<String>) -> Result<OwnChange> {
        let own = self.own.as_ref();
        if own.is_none() && own_rows.is_empty() {
            return Ok(OwnChange::default());
        }
        let before = self.before.as_deref().and_then(|before| Document::parse(before).ok());
        let after = Document::parse(after).ok();
        let now = |row: &str| match (&before, &after) {
            (Some(before), Some(after)) => renamed(before, after, self.gone.as_deref(), row),
            _ => None,
        };
        let mut change = OwnChange { moved: moved(own_rows, now), set: Vec::new() };
        let Some(own) = own else { return Ok(change) };
        let lost = || Error::new(Code::MappingIllFormed, "the row that was written is not among its resource's rows");
        let made = made.iter().find(|made| made.table.name == own.table).ok_or_else(lost)?;
        let row = match &own.row {
            OwnRow::Called(row) if row.is_empty() => String::new(),
            OwnRow::Called(row) => now(row).ok_or_else(lost)?,
            OwnRow::Added(known) => {
                let known: Vec<_> = known.iter().filter_map(|row| now(row)).collect();
                let names =
                    (0..made.rows.len()).rev().filter_map(|row| made.rows.cell(row, made.table.key)).map(row_of);
                let mut new = names.filter(|row| !known.iter().any(|known| known == row));
                new.next().ok_or_else(lost)?.to_owned()
            }
        };
        change.set.extend(own.cells.iter().filter_map(|(column, value)| {
            let column = made.table.columns.get(*column)?.name.clone();
            Some(OwnValue { table: own.table.clone(), row: row.clone(), column, value: value.clone() })
        }));
        Ok(change)
    }
}

/// What becomes of child rows with values when others write a resource: those whose elements are in it stay as they are,
/// the values of the others go.
pub fn left(after: &Bytes, own_rows: Vec<String>) -> Vec<(String, Option<String>)> {
    let Ok(after) = Document::parse(after) else { return Vec::new() };
    let mut after = Elements::new(&after);
    moved(own_rows, |row| after.called(row).map(|_| row.to_owned()))
}

/// The name of a row in its resource, of its key's text.
pub fn row_of(text: &str) -> &str {
    key::split(text).1.split_once('/').map_or("", |(_, row)| row)
}

fn moved(rows: Vec<String>, mut now: impl FnMut(&str) -> Option<String>) -> Vec<(String, Option<String>)> {
    let is_named = |row: &String| row.rsplit('/').next().is_some_and(is_name);
    let moved = rows.into_iter().filter(is_named).map(|row| {
        let now = now(&row);
        (row, now)
    });
    moved.filter(|(row, now)| now.as_ref() != Some(row)).collect()
}

/// What a row is called after a change through us, list by list on the way to its element. A change leaves the elements of a
/// list in their order; `gone` is where one was taken away. None: it is there no more.
fn renamed(before: &Document<'_>, after: &Document<'_>, gone: Option<&str>, row: &str) -> Option<String> {
    let (mut before, mut after) = (Elements::new(before), Elements::new(after));
    let mut place = String::new();
    for level in before.called(row)? {
        // The way from one list to the next is the same in both.
        let (list, index) = level.element.place.rsplit_once('/')?;
        let index: usize = index.parse().ok()?;
        let above = place.split('/').count();
        let on_the_way: Vec<&str> = list.split('/').skip(if place.is_empty() { 0 } else { above }).collect();
        let list_now = match place.is_empty() {
            true => on_the_way.join("/"),
            false => format!("{place}/{}", on_the_way.join("/")),
        };
        let taken = gone.and_then(|gone| gone.rsplit_once('/')).filter(|(of, _)| *of == list);
        let taken = taken.and_then(|(_, index)| index.parse().ok());
        let siblings = after.levels(&format!("{list_now}/0"))?.pop()?.siblings;
        place = format!("{list_now}/{}", aligned(&level.siblings, &siblings, index, taken)?);
    }
    after.at(&place).map(|element| element.name)
}

/// Where an element of a list is in the list after a change. What is equal keeps its order, and what was changed its place
/// between what was not.
fn aligned(before: &[String], after: &[String], index: usize, taken: Option<usize>) -> Option<usize> {
    if taken == Some(index) {
        return None;
    }
    let unnumbered = |name: &str| element::content(name).unwrap_or(name).to_owned();
    let old: Vec<_> =
        before.iter().enumerate().filter(|(at, _)| Some(*at) != taken).map(|(_, name)| unnumbered(name)).collect();
    let new: Vec<_> = after.iter().map(|name| unnumbered(name)).collect();
    let index = index - usize::from(taken.is_some_and(|taken| taken < index));
    let first = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    if index < first {
        return Some(index);
    }
    let last = old[first..].iter().rev().zip(new[first..].iter().rev()).take_while(|(old, new)| old == new).count();
    let (old_end, new_end) = (old.len() - last, new.len() - last);
    if index >= old_end {
        return Some(index - old_end + new_end);
    }
    if old_end == new_end {
        return Some(index);
    }
    let mut next = first;
    for (at, name) in old.iter().enumerate().take(old_end).skip(first) {
        let found = (next..new_end).find(|place| new[*place] == *name);
        if at == index {
            return found;
        }
        next = found.map_or(next, |place| place + 1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of each of a list's elements, by their places; the list may lie in another.
    #[test]
    fn a_row_keeps_its_values_over_a_change() {
        let check = |before: &str, after: &str, gone: Option<&str>, expected: &[(&str, Option<&str>)]| {
            let (before, after) = (before.to_owned().into_bytes(), Bytes::from(after.to_owned()));
            let (old, new) = (Document::parse(&before).unwrap(), Document::parse(&after).unwrap());
            let name = |document: &Document<'_>, place: &str| Elements::new(document).at(place).unwrap().name;
            for (place, now) in expected {
                let now = now.map(|now| name(&new, now));
                assert_eq!(renamed(&old, &new, gone, &name(&old, place)), now, "{place} in {after:?}");
            }
        };
        // One is changed: to something new, to what another is, among equal ones.
        check(
            r#"{"p":[1,2,3]}"#,
            r#"{"p":[1,9,3]}"#,
            None,
            &[("p/0", Some("p/0")), ("p/1", Some("p/1")), ("p/2", Some("p/2"))],
        );
        check(r#"{"p":[1,2]}"#, r#"{"p":[2,2]}"#, None, &[("p/0", Some("p/0")), ("p/1", Some("p/1"))]);
        check(
            r#"{"p":[1,1,1]}"#,
            r#"{"p":[1,2,1]}"#,
            None,
            &[("p/0", Some("p/0")), ("p/1", Some("p/1")), ("p/2", Some("p/2"))],
        );
        // One is taken away, among equal ones too.
        check(
            r#"{"p":[1,2,3]}"#,
            r#"{"p":[1,3]}"#,
            Some("p/1"),
            &[("p/0", Some("p/0")), ("p/1", None), ("p/2", Some("p/1"))],
        );
        check(
            r#"{"p":[1,1,1]}"#,
            r#"{"p":[1,1]}"#,
            Some("p/0"),
            &[("p/0", None), ("p/1", Some("p/0")), ("p/2", Some("p/1"))],
        );
        check(r#"{"p":[1]}"#, r#"{}"#, Some("p/0"), &[("p/0", None)]);
        // A change of the resource itself: some are there no more, or new.
        check(r#"{"p":[1,2,3]}"#, r#"{"p":[1,3]}"#, None, &[("p/0", Some("p/0")), ("p/1", None), ("p/2", Some("p/1"))]);
        check(r#"{"p":[1,2,3]}"#, r#"{"p":[8,1,2,3,9]}"#, None, &[("p/0", Some("p/1")), ("p/2", Some("p/3"))]);
        // Below an element that has another name now, because of what is changed below it.
        check(
            r#"{"p":[{"q":[1,2]},{"q":[1,2]}]}"#,
            r#"{"p":[{"q":[1,2]},{"q":[2]}]}"#,
            Some("p/1/q/0"),
            &[("p/0/q/0", Some("p/0/q/0")), ("p/1/q/0", None), ("p/1/q/1", Some("p/1/q/0")), ("p/1", Some("p/1"))],
        );
        check(
            r#"{"a":{"p":[{"b":{"q":[1]}}]}}"#,
            r#"{"a":{"p":[{"b":{"q":[5]}}]}}"#,
            None,
            &[("a/p/0/b/q/0", Some("a/p/0/b/q/0"))],
        );
    }

    #[test]
    fn what_others_leave_keeps_its_values() {
        let name = |body: &str, place: &str| {
            let body = body.to_owned().into_bytes();
            Elements::new(&Document::parse(&body).unwrap()).at(place).unwrap().name
        };
        let before = r#"{"p":[{"x":1,"y":2},{"x":3}]}"#;
        let (stays, changed) = (name(before, "p/0"), name(before, "p/1"));
        let after = Bytes::from_static(br#"{"p":[{"x":4},{"y":2,"x":1}]}"#);
        let rows = vec![stays, changed.clone(), "not an element".to_owned()];
        assert_eq!(left(&after, rows), [(changed, None)]);
    }
}
