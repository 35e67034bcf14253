//! Writes to one FHIR service that are made together or not at all, gathered until all are known. Each is prepared as any
//! other, on what those before it will leave; several of one resource become one. Only the session that makes them sees them
//! until they are sent, as one transaction.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::model::error::{Code, Error, Result};
use crate::model::table::ColumnIndex;
use crate::router::snapshot::ServedTable;

#[derive(Default)]
pub struct Gathered(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// The service; none as long as there are no writes.
    source: Option<String>,
    /// Which change of the set is being prepared.
    part: usize,
    /// In the order in which resources were met.
    writes: Vec<Outgoing>,
    done: HashMap<(String, String), Done>,
}

/// What is to become of a resource.
#[derive(Clone)]
pub struct Outgoing {
    pub resource_type: String,
    /// Of a new one that the service is to name: what it is called until then.
    pub id: String,
    pub before: Before,
    /// As it will be. None: it will be gone.
    pub body: Option<Bytes>,
    /// The changes of the set that it comes from, by their places, first to last.
    pub parts: Vec<usize>,
    /// Columns that were written, by the table that they were written through.
    pub written: Vec<(Arc<ServedTable>, Vec<ColumnIndex>)>,
}

/// What there was before the first change of the set.
#[derive(Clone, Debug)]
pub enum Before {
    /// `chosen`: the new resource is to have this id.
    Nothing { chosen: bool },
    /// `body`: as it was read, where a change was merged into it. `version`: the one that must stand; none: its service has
    /// none, or nobody asks.
    There { body: Option<Bytes>, version: Option<String> },
}

/// A resource that has been written.
#[derive(Clone)]
pub struct Done {
    /// The id that it has.
    pub id: String,
    /// As it was prepared, under the name that it had then, as had those that it points to.
    pub prepared: Bytes,
    /// As its service shows it.
    pub shown: Bytes,
}

impl Gathered {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on the change at this place of the set is prepared.
    pub fn begin(&self, part: usize) {
        self.inner().part = part;
    }

    /// The service that they go to, if there are any.
    pub fn source(&self) -> Option<String> {
        self.inner().source.clone()
    }

    /// A resource as it will be; `Some(None)` = it will be gone; none = it stays as it is.
    pub fn resource(&self, resource_type: &str, id: &str) -> Option<Option<Bytes>> {
        let inner = self.inner();
        let write = inner.writes.iter().find(|write| write.is(resource_type, id))?;
        Some(write.body.clone())
    }

    /// The version that a resource had before the first of them; none = none of them is of it, or nobody asked for one.
    pub fn stood(&self, resource_type: &str, id: &str) -> Option<String> {
        let inner = self.inner();
        match &inner.writes.iter().find(|write| write.is(resource_type, id))?.before {
            Before::There { version, .. } => version.clone(),
            Before::Nothing { .. } => None,
        }
    }

    /// Keeps a write; one of a resource builds on the one before. `NotSupported` where those before it go to another service.
    pub fn put(&self, source: &str, resource_type: &str, id: &str, before: Before, body: Option<Bytes>) -> Result<()> {
        let mut inner = self.inner();
        let (part, known) = (inner.part, inner.source.get_or_insert_with(|| source.to_owned()).clone());
        if known != source {
            return Err(mixed(&format!("the FHIR services `{known}` and `{source}`")));
        }
        let at = inner.writes.iter().position(|write| write.is(resource_type, id));
        match at.and_then(|at| inner.writes.get_mut(at)) {
            // It has never been.
            Some(Outgoing { before: Before::Nothing { .. }, .. }) if body.is_none() => {
                inner.writes.retain(|write| !write.is(resource_type, id));
            }
            Some(write) => {
                write.body = body;
                write.parts.push(part);
            }
            None => {
                let (resource_type, id) = (resource_type.to_owned(), id.to_owned());
                inner.writes.push(Outgoing { resource_type, id, before, body, parts: vec![part], written: Vec::new() });
            }
        }
        Ok(())
    }

    /// What the service must show of a resource once it is written.
    pub fn expect(&self, resource_type: &str, id: &str, table: &Arc<ServedTable>, columns: &[ColumnIndex]) {
        let mut inner = self.inner();
        let Some(write) = inner.writes.iter_mut().find(|write| write.is(resource_type, id)) else { return };
        match write.written.iter_mut().find(|(known, _)| known.table.name == table.table.name) {
            Some((_, known)) => known.extend(columns),
            None => write.written.push((table.clone(), columns.to_vec())),
        }
    }

    pub fn writes(&self) -> Vec<Outgoing> {
        self.inner().writes.clone()
    }

    /// What has become of a resource.
    pub fn finish(&self, resource_type: &str, id: &str, done: Done) {
        self.inner().done.insert((resource_type.to_owned(), id.to_owned()), done);
    }

    pub fn done(&self, resource_type: &str, id: &str) -> Option<Done> {
        self.inner().done.get(&(resource_type.to_owned(), id.to_owned())).cloned()
    }
}

impl Outgoing {
    fn is(&self, resource_type: &str, id: &str) -> bool {
        self.resource_type == resource_type && self.id == id
    }

    /// The service is to give it an id.
    pub fn is_named_there(&self) -> bool {
        matches!(self.before, Before::Nothing { chosen: false })
    }

    /// The last change of the set that it comes from.
    pub fn part(&self) -> usize {
        self.parts.last().copied().unwrap_or_default()
    }
}

/// Of changes that no one place can make together.
pub fn mixed(over: &str) -> Error {
    Error::new(Code::NotSupported, format!("a change set over {over} is not supported"))
        .hint("nothing was changed; send those of each place as a change set of its own")
}
