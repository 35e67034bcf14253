//! Where the cells of rows came from, found without knowing the mapping: each value of the resource is taken away by itself,
//! and the cells that change are those that it went into. And what two resources differ in.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::mapping::component::{Batch, Documents, Mapping, Severity};
use crate::model::error::Result;
use crate::model::limits::Limits;
use crate::model::table::{ColumnIndex, Table};

/// Bytes of resources that are made to find it, all together.
const BYTES: usize = 48 << 20;

/// For each table, row and column the JSON pointers of the values that it was made of.
pub type Origins = Vec<Vec<Vec<Vec<String>>>>;

/// A value that two resources do not have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// JSON pointer.
    pub at: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// None: the resource is too large to find it.
pub fn origins(
    mapping: &Mapping,
    tables: &[(&Table, Vec<ColumnIndex>)],
    made: &[Batch],
    resource: &Value,
) -> Result<Option<Origins>> {
    let size = resource.to_string().len();
    let leaves: Vec<String> = leaves(resource).into_iter().filter(|leaf| leaf != "/resourceType").collect();
    if leaves.len().saturating_mul(size) > BYTES {
        return Ok(None);
    }
    let asked: Vec<_> = tables.iter().map(|(table, columns)| (table.name.as_str(), columns.as_slice())).collect();
    let blank =
        |(batch, (_, columns)): (&Batch, &(&Table, Vec<_>))| vec![vec![Vec::new(); columns.len()]; batch.rows.len()];
    let mut found: Origins = made.iter().zip(tables).map(blank).collect();
    // Rows that are not there without a value: what decides of a row is told only where nothing else is.
    let mut gone = found.clone();
    for leaves in leaves.chunks(at_once(mapping.limits(), size)) {
        let mut documents = Documents::new();
        leaves.iter().for_each(|leaf| documents.push(without(resource, leaf).to_string().as_bytes()));
        let answers = mapping.rows_of(&asked, &documents)?;
        for (at, ((table, columns), answer)) in tables.iter().zip(&answers).enumerate() {
            let by_key = by_key(table, answer);
            for (document, leaf) in leaves.iter().enumerate() {
                let refused = |issue: &&crate::mapping::component::Issue| {
                    issue.index == document && issue.severity == Severity::Error
                };
                let refused = answer.issues.iter().any(|issue| refused(&issue));
                for row in 0..made[at].rows.len() {
                    let after = by_key.get(&(document, made[at].rows.cell(row, table.key))).copied();
                    for (position, column) in columns.iter().enumerate() {
                        let before = made[at].rows.cell(row, *column);
                        match after {
                            Some(after) if answer.rows.cell(after, *column) != before => {
                                found[at][row][position].push(leaf.clone());
                            }
                            None if before.is_some() && !refused => gone[at][row][position].push(leaf.clone()),
                            _ => {}
                        }
                    }
                }
            }
        }
    }
    for (found, gone) in found.iter_mut().flatten().flatten().zip(gone.into_iter().flatten().flatten()) {
        if found.is_empty() {
            *found = gone;
        }
    }
    // A key tells rows apart, so that it cannot be seen to change.
    for (at, (table, columns)) in tables.iter().enumerate() {
        if let Some(position) =
            columns.iter().position(|column| *column == table.key).filter(|_| table.parent.is_none())
            && resource.get("id").is_some()
        {
            found[at].iter_mut().for_each(|row| row[position] = vec!["/id".to_owned()]);
        }
    }
    Ok(Some(found))
}

fn at_once(limits: &Limits, size: usize) -> usize {
    (limits.mapping_input_bytes / size.max(1)).min(limits.mapping_documents).max(1)
}

/// Rows by their document and key; the first, where a mapping gives a key twice.
fn by_key<'b>(table: &Table, answer: &'b Batch) -> HashMap<(usize, Option<&'b str>), usize> {
    let mut found = HashMap::with_capacity(answer.rows.len());
    for (row, document) in answer.origin.iter().enumerate().take(answer.rows.len()) {
        found.entry((*document as usize, answer.rows.cell(row, table.key))).or_insert(row);
    }
    found
}

/// The JSON pointers of all values that have no values inside.
pub fn leaves(value: &Value) -> Vec<String> {
    let mut all = Vec::new();
    walk(value, String::new(), &mut |at, _| all.push(at));
    all
}

fn walk<'v>(value: &'v Value, at: String, leaf: &mut impl FnMut(String, &'v Value)) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(name, value)| walk(value, format!("{at}/{}", escaped(name)), leaf));
        }
        Value::Array(elements) if !elements.is_empty() => {
            elements.iter().enumerate().for_each(|(index, value)| walk(value, format!("{at}/{index}"), leaf));
        }
        value => leaf(at, value),
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn without(resource: &Value, pointer: &str) -> Value {
    let mut less = resource.clone();
    let Some((parent, name)) = pointer.rsplit_once('/') else { return less };
    match less.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.shift_remove(&name.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(elements)) => {
            if let Some(index) = name.parse().ok().filter(|index| *index < elements.len()) {
                elements.remove(index);
            }
        }
        _ => {}
    }
    less
}

/// What of two resources is not the same, in the order of the first, then what only the second has. Versions and their
/// times are the service's.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    const OF_THE_SERVICE: [&str; 2] = ["/meta/versionId", "/meta/lastUpdated"];
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    walk(before, String::new(), &mut |at, value| {
        let now = after.pointer(&at);
        if now != Some(value) {
            found.push(Difference { at: at.clone(), before: Some(value.clone()), after: now.cloned() });
        }
        seen.insert(at);
    });
    walk(after, String::new(), &mut |at, value| {
        if !seen.contains(&at) && before.pointer(&at).is_none() {
            found.push(Difference { at, before: None, after: Some(value.clone()) });
        }
    });
    found.retain(|difference| !OF_THE_SERVICE.contains(&difference.at.as_str()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_found_and_taken_away() {
        let value = json!({"a": {"b/c": [1, {"d": 2}]}, "e": []});
        assert_eq!(leaves(&value), ["/a/b~1c/0", "/a/b~1c/1/d", "/e"]);
        assert_eq!(without(&value, "/a/b~1c/1/d"), json!({"a": {"b/c": [1, {}]}, "e": []}));
        assert_eq!(without(&value, "/a/b~1c/0"), json!({"a": {"b/c": [{"d": 2}]}, "e": []}));
        assert_eq!(without(&value, "/nothing"), value);
    }

    #[test]
    fn differences_are_told_by_place() {
        let before = json!({"id": "1", "meta": {"versionId": "7"}, "n": [1.0, 2], "x": true});
        let after = json!({"id": "1", "n": [1.0, 3], "y": "z"});
        let found: Vec<_> = differences(&before, &after).into_iter().map(|d| (d.at, d.before, d.after)).collect();
        assert_eq!(
            found,
            [
                ("/n/1".to_owned(), Some(json!(2)), Some(json!(3))),
                ("/x".to_owned(), Some(json!(true)), None),
                ("/y".to_owned(), None, Some(json!("z"))),
            ]
        );
        assert!(differences(&before, &before).is_empty());
    }
}
