//! The resources: every version of every instance, in memory, with the text that is served and the
//! index that is searched. Writes can be undone back to a mark, which makes transactions whole.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::document::Document;
use crate::index::Index;
use crate::parameters;

#[derive(Debug, Default)]
pub(crate) struct Store {
    shelves: HashMap<&'static str, Shelf>,
    journal: Vec<(&'static str, usize)>,
}

/// The instances of one type, in the order of their creation.
#[derive(Debug, Default)]
struct Shelf {
    by_id: HashMap<String, usize>,
    instances: Vec<Instance>,
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: String,
    /// Oldest first, never empty.
    pub(crate) versions: Vec<Arc<Version>>,
}

impl Instance {
    pub(crate) fn current(&self) -> &Arc<Version> {
        self.versions.last().expect("an instance is made with its first version")
    }
}

#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) number: usize,
    pub(crate) last_updated: Timestamp,
    /// What the history says was done: POST, PUT or DELETE.
    pub(crate) method: &'static str,
    /// Nothing for a deletion.
    pub(crate) body: Option<Body>,
}

#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) ty: &'static str,
    pub(crate) text: Box<RawValue>,
    pub(crate) index: Index,
}

impl Store {
    pub(crate) fn instance(&self, ty: &str, id: &str) -> Option<&Instance> {
        let shelf = self.shelves.get(ty)?;
        shelf.by_id.get(id).map(|at| &shelf.instances[*at])
    }

    /// The current version if there is one and it is not a deletion.
    pub(crate) fn current(&self, ty: &str, id: &str) -> Option<&Arc<Version>> {
        self.instance(ty, id).map(Instance::current).filter(|version| version.body.is_some())
    }

    /// Where an instance is among [`Store::instances`].
    pub(crate) fn place(&self, ty: &str, id: &str) -> Option<usize> {
        self.shelves.get(ty)?.by_id.get(id).copied()
    }

    /// All instances of a type, deleted ones too; their places never change.
    pub(crate) fn instances(&self, ty: &str) -> &[Instance] {
        self.shelves.get(ty).map_or(&[], |shelf| &shelf.instances)
    }

    pub(crate) fn count(&self, ty: &str) -> usize {
        self.instances(ty).iter().filter(|instance| instance.current().body.is_some()).count()
    }

    /// Stores a resource as the next version of `id`. Its id, `meta.versionId` and `meta.lastUpdated`
    /// become the service's; every other element and its order is kept.
    pub(crate) fn put(
        &mut self,
        ty: &'static str,
        id: &str,
        mut resource: Document,
        method: &'static str,
    ) -> serde_json::Result<Arc<Version>> {
        let number = self.next_version(ty, id);
        let last_updated = now();
        stamp(&mut resource, id, number, last_updated)?;
        let text = resource.to_raw()?;
        let resource: Json = serde_json::from_str(text.get())?;
        let body = Body { ty, text, index: Index::of(ty, &resource) };
        Ok(self.push(ty, id, Version { number, last_updated, method, body: Some(body) }))
    }

    /// Marks an instance as deleted.
    pub(crate) fn delete(&mut self, ty: &'static str, id: &str) -> Arc<Version> {
        let number = self.next_version(ty, id);
        self.push(ty, id, Version { number, last_updated: now(), method: "DELETE", body: None })
    }

    /// A point to [`Store::undo`] back to.
    pub(crate) fn mark(&mut self) -> usize {
        self.journal.len()
    }

    /// Forgets how to undo.
    pub(crate) fn keep(&mut self) {
        self.journal.clear();
    }

    /// Takes back every write since the mark.
    pub(crate) fn undo(&mut self, mark: usize) {
        for (ty, at) in self.journal.drain(mark..).rev() {
            let shelf = self.shelves.entry(ty).or_default();
            shelf.instances[at].versions.pop();
            if shelf.instances[at].versions.is_empty() {
                // Only the newest instances can be without a version, so no other place moves.
                let gone = shelf.instances.remove(at);
                shelf.by_id.remove(&gone.id);
            }
        }
    }

    fn next_version(&self, ty: &str, id: &str) -> usize {
        self.instance(ty, id).map_or(1, |instance| instance.current().number + 1)
    }

    fn push(&mut self, ty: &'static str, id: &str, version: Version) -> Arc<Version> {
        let version = Arc::new(version);
        let shelf = self.shelves.entry(ty).or_default();
        let at = match shelf.by_id.get(id) {
            Some(at) => {
                shelf.instances[*at].versions.push(version.clone());
                *at
            }
            None => {
                shelf.instances.push(Instance { id: id.to_owned(), versions: vec![version.clone()] });
                shelf.by_id.insert(id.to_owned(), shelf.instances.len() - 1);
                shelf.instances.len() - 1
            }
        };
        self.journal.push((ty, at));
        version
    }
}

impl Version {
    pub(crate) fn etag(&self) -> String {
        format!("W/\"{}\"", self.number)
    }

    pub(crate) fn last_updated(&self) -> String {
        instant(self.last_updated)
    }
}

/// Whether a text can be the id of a resource.
pub(crate) fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// The `resourceType` of a resource, if R4 knows it.
pub(crate) fn type_of(resource: &Document) -> Option<&'static str> {
    resource.string("resourceType").and_then(|name| parameters::known_type(&name))
}

/// A FHIR instant in UTC with milliseconds.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn stamp(resource: &mut Document, id: &str, number: usize, at: Timestamp) -> serde_json::Result<()> {
    resource.set("id", 1, &id)?;
    let meta = resource.get("meta").and_then(|meta| serde_json::from_str(meta.get()).ok());
    let mut meta: Document = meta.unwrap_or_default();
    meta.set("versionId", 0, &number.to_string())?;
    meta.set("lastUpdated", 1, &instant(at))?;
    let after_id = resource.names().position(|name| name == "id").map_or(0, |at| at + 1);
    resource.set("meta", after_id, &meta)
}
