//! What a read finds: rows of a table, and what hangs on each of them, as a tree.

use std::collections::HashMap;

use uuid::Uuid;

use super::rows::Rows;

/// One page of an answer.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// At least the columns asked for.
    pub rows: Rows,
    /// One for each navigation property that is expanded, in their order.
    pub expanded: Vec<Expanded>,
    /// Of all rows that meet the filter, if it was asked.
    pub count: Option<u64>,
    /// `$skiptoken` of the next page.
    pub next: Option<String>,
    /// `$deltatoken` of what changes from here on, on the last page of a list that is tracked.
    pub delta: Option<String>,
}

/// What has changed in a list.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Rows that are new or may have changed, as they are now.
    pub rows: Rows,
    /// Keys of rows that are not in the list any more, or never were.
    pub gone: Vec<(Uuid, Gone)>,
    /// `$deltatoken` of what has changed after these.
    pub token: String,
    /// There is more already.
    pub more: bool,
}

/// Why a row is none of a list any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    Deleted,
    /// It is there and does not meet the filter; it may never have.
    Changed,
}

/// Related rows of all rows of a page, for one navigation property. Of a concept, which the row itself carries, there
/// are none.
#[derive(Clone, Debug, Default)]
pub struct Expanded {
    pub rows: Rows,
    /// For each row of the page, which of `rows` are its own, in order.
    pub of_parent: Vec<Vec<usize>>,
    /// For each row of the page, how many there are in all; empty = it was not asked.
    pub counts: Vec<u64>,
    /// What hangs on `rows`.
    pub expanded: Vec<Expanded>,
}

impl Expanded {
    /// Bytes of cells, for deciding where they are written.
    pub fn bytes(&self) -> usize {
        self.rows.bytes() + self.expanded.iter().map(Self::bytes).sum::<usize>()
    }
}

/// What rows that lookups point to are called: their primary names, by entity set and key. One that is not here has no name,
/// or could not be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(HashMap<String, HashMap<Uuid, String>>);

impl Names {
    pub fn add(&mut self, entity_set: &str, key: Uuid, name: &str) {
        self.0.entry(entity_set.to_owned()).or_default().insert(key, name.to_owned());
    }

    pub fn extend(&mut self, others: Self) {
        for (entity_set, names) in others.0 {
            self.0.entry(entity_set).or_default().extend(names);
        }
    }

    /// Of what is known here, by entity set.
    pub fn keys(&self) -> impl Iterator<Item = (&str, Uuid)> {
        self.0.iter().flat_map(|(entity_set, names)| names.keys().map(|key| (entity_set.as_str(), *key)))
    }

    pub fn get(&self, entity_set: &str, key: Uuid) -> Option<&str> {
        self.0.get(entity_set)?.get(&key).map(String::as_str)
    }
}
