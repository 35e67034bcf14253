//! Writes that are made together or not at all: a change set. Each is prepared as any other, on what those before it will
//! leave, and kept here; in the end all of them go to the store in one transaction, which holds every resource to the
//! version that was read. Only the session that makes them sees them until then. Those to a FHIR service are gathered
//! beside them (`gathered.rs`); one set has one place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use uuid::Uuid;

use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::router::gathered::Gathered;
use crate::store::native::{NativeWrite, TableRows};

#[derive(Default)]
pub struct Staged {
    /// Those to the store.
    here: Mutex<Inner>,
    /// Those to a FHIR service.
    pub there: Gathered,
}

#[derive(Default)]
struct Inner {
    writes: Vec<NativeWrite>,
    /// What was in force when the first was prepared.
    moment: Option<u64>,
    /// Another version came into force in between: the rows are not all of one moment.
    is_stale: bool,
    moved: HashMap<Uuid, Arc<str>>,
}

/// All that has been staged.
#[derive(Default)]
pub struct Together {
    pub writes: Vec<NativeWrite>,
    /// [`Store::moment`](crate::store::facade::Store::moment) of all of them; none = there are none.
    pub moment: Option<u64>,
    pub is_stale: bool,
    pub moved: Vec<(Uuid, String)>,
}

/// A row as it will be.
pub struct StagedRow {
    /// One row, all columns, as the mapping makes it.
    pub row: Rows,
    /// The key's text under which the store has the row now.
    pub before: String,
    /// Values of columns that no element carries.
    pub own: Vec<(ColumnIndex, Option<String>)>,
}

impl Staged {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A resource as it will be, and its version; `Some(None)` = it will be gone; none = it stays as it is.
    pub fn resource(&self, resource_type: &str, id: &str) -> Option<Option<(Bytes, u64)>> {
        let inner = self.inner();
        let last = inner.last(resource_type, id)?;
        Some(last.body.clone().map(|body| (body, last.version)))
    }

    /// The version that it will have, there or gone.
    pub fn version(&self, resource_type: &str, id: &str) -> Option<u64> {
        self.inner().last(resource_type, id).map(|write| write.version)
    }

    /// The version that a resource had before the first of them; none = none of them is of it, or it had none.
    pub fn stood(&self, resource_type: &str, id: &str) -> Option<String> {
        let here = self.inner().of(resource_type, id).next().and_then(|first| first.base);
        here.map(|version| version.to_string()).or_else(|| self.there.stood(resource_type, id))
    }

    /// Its child rows that will have values which no element carries; `stored`: those that have some now.
    pub fn own_rows(&self, resource_type: &str, id: &str, stored: Vec<String>) -> Vec<String> {
        let inner = self.inner();
        inner.of(resource_type, id).fold(stored, |rows, write| {
            if write.body.is_none() {
                return Vec::new();
            }
            let moved = |row: String| match write.own.moved.iter().find(|(from, _)| *from == row) {
                Some((_, to)) => to.clone(),
                None => Some(row),
            };
            let mut rows: Vec<String> = rows.into_iter().filter_map(moved).collect();
            let set = write.own.set.iter().map(|value| value.row.clone());
            rows.extend(set.filter(|row| !row.is_empty()));
            rows.sort_unstable();
            rows.dedup();
            rows
        })
    }

    /// Whether anything is to be stored.
    pub fn is_empty(&self) -> bool {
        self.inner().writes.is_empty()
    }

    /// What becomes of keys, as far as it is known.
    pub fn all_moved(&self) -> Vec<(Uuid, String)> {
        self.inner().moved.iter().map(|(key, text)| (*key, text.to_string())).collect()
    }

    /// Keeps a write; one of a resource builds on the one before.
    pub fn put(&self, moment: u64, write: NativeWrite) {
        let mut inner = self.inner();
        inner.is_stale |= *inner.moment.get_or_insert(moment) != moment;
        inner.writes.push(write);
    }

    /// The row of a key, if a resource that is staged has it.
    pub fn row(&self, table: &Table, key: Uuid) -> Option<StagedRow> {
        let inner = self.inner();
        inner.writes.iter().enumerate().rev().find_map(|(position, write)| {
            // One that another has followed says nothing any more.
            let is_last = inner.last(&write.resource_type, &write.id).is_some_and(|last| std::ptr::eq(last, write));
            let made = write.rows.iter().find(|made| made.table.set() == table.set() && made.behind.is_none());
            let (made, row) = made.filter(|_| is_last).and_then(|made| Some((made, at(made, key)?)))?;
            Some(inner.staged_row(write, position, made, row))
        })
    }

    /// Keeps what becomes of keys, until all is done.
    pub fn move_keys(&self, moved: impl IntoIterator<Item = (Uuid, String)>) {
        self.inner().moved.extend(moved.into_iter().map(|(key, text)| (key, text.into())));
    }

    pub fn moved(&self, key: Uuid) -> Option<Arc<str>> {
        self.inner().moved.get(&key).cloned()
    }

    pub fn take(&self) -> Together {
        let Inner { writes, moment, is_stale, moved } = std::mem::take(&mut *self.inner());
        let moved = moved.into_iter().map(|(key, text)| (key, text.to_string())).collect();
        Together { writes, moment, is_stale, moved }
    }
}

impl Inner {
    fn of(&self, resource_type: &str, id: &str) -> impl DoubleEndedIterator<Item = &NativeWrite> {
        self.writes.iter().filter(move |write| write.resource_type == resource_type && write.id == id)
    }

    fn last(&self, resource_type: &str, id: &str) -> Option<&NativeWrite> {
        self.of(resource_type, id).next_back()
    }

    fn staged_row(&self, write: &NativeWrite, position: usize, made: &TableRows, row: usize) -> StagedRow {
        let text = made.rows.cell(row, made.table.key).unwrap_or_default();
        let mut name = key::split(text).1.split_once('/').map_or("", |(_, row)| row).to_owned();
        let mut own: Vec<(ColumnIndex, Option<String>)> = Vec::new();
        // From the last to the first: what was written last counts, and a row was called otherwise before each move.
        let earlier = self.writes.get(..=position).unwrap_or_default().iter().rev();
        for write in earlier.filter(|one| one.resource_type == write.resource_type && one.id == write.id) {
            for value in write.own.set.iter().filter(|value| value.table == made.table.name && value.row == name) {
                if let Some(column) = made.table.column(&value.column)
                    && !own.iter().any(|(known, _)| *known == column)
                {
                    own.push((column, value.value.clone()));
                }
            }
            if let Some((from, _)) = write.own.moved.iter().find(|(_, to)| to.as_ref() == Some(&name)) {
                name.clone_from(from);
            }
        }
        let (resource_type, rest) = key::split(text);
        let id = rest.split('/').next().unwrap_or(rest);
        let before =
            if name.is_empty() { format!("{resource_type}/{id}") } else { format!("{resource_type}/{id}/{name}") };
        StagedRow { row: made.rows.pick(&[row]), before, own }
    }
}

fn at(made: &TableRows, key: Uuid) -> Option<usize> {
    (0..made.rows.len())
        .find(|row| made.rows.cell(*row, made.table.key).is_some_and(|text| key::of_row(&made.table, text) == key))
}
