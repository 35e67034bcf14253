//! A FHIR bundle into the tables: every entry goes, if asked, to a FHIR service, and is stored if any table over its type
//! is native; it is a row of all of them then. The answer has one outcome an entry; an entry that could not be stored says so by name and is never dropped
//! in silence.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use turntable_scan::{Document, Edit, splice};
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::table::Route;
use crate::router::session::Session;
use crate::router::snapshot::Snapshot;
use crate::router::work::waited;
use crate::router::write::rows::{self, Incoming, Over};
use crate::store::facade::Store;
use crate::store::native::NativeWrite;

/// How often a bundle is stored anew because somebody else wrote one of its resources in between.
const STORE_ATTEMPTS: usize = 3;

/// Resources whose rows are made at once.
const ENTRIES_AT_ONCE: usize = 100;

/// What became of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub kind: OutcomeKind,
    /// `Type/id/_history/version`.
    pub location: Option<String>,
    /// What to know of it, in words.
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    Created,
    Updated,
    Deleted,
    /// Taken by the FHIR service; every table over the type is virtual, so nothing is kept here.
    Forwarded,
    /// No table over its type is native, and it was not forwarded.
    NotStored,
    Refused,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle<'a> {
    resource_type: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    full_url: Option<String>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    request: Option<Request>,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    resource_type: String,
    id: Option<String>,
}

/// An entry that is understood: which resource it is about, and under which id.
struct Item {
    resource_type: String,
    id: String,
    /// None = delete.
    body: Option<Bytes>,
}

/// Items that are to be stored.
struct Wanted<'i> {
    index: usize,
    item: &'i Item,
    /// Native root tables over its type, for the outcome.
    tables: Vec<String>,
}

impl Wanted<'_> {
    fn id(&self) -> (&str, &str) {
        (&self.item.resource_type, &self.item.id)
    }
}

impl Session {
    /// `forward`: the FHIR service that gets the bundle first. What it refuses is not stored here either.
    pub async fn ingest(&self, bundle: Bytes, forward: Option<&str>) -> Result<Vec<Outcome>> {
        let taken = bundle.clone();
        let Understood { atomic, mut items } = self.work(move || understood(&taken)).await??;
        let forwarded = match forward {
            Some(source) => Some(self.forward(source, &bundle, &mut items).await?),
            None => None,
        };
        let (store, snapshot) = (self.store().clone(), self.snapshot().clone());
        self.work_to_the_end(move || store_items(&store, &snapshot, &bundle, atomic, items, forwarded.as_deref()))
            .await?
    }

    /// Sends the bundle on; which entries the service took, under which ids.
    async fn forward(&self, source: &str, bundle: &Bytes, items: &mut [Result<Item>]) -> Result<Vec<bool>> {
        let client = self.turntable().sources.get(source).ok_or_else(|| {
            Error::new(Code::BadRequest, format!("there is no FHIR service `{source}`")).target("forward")
        })?;
        let answer = client.transaction(bundle.clone(), self.deadline()).await?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| {
            Error::new(Code::UpstreamInvalid, "the FHIR service answered the bundle with something that is no JSON")
        })?;
        let entries = answer["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
        if entries.len() != items.len() {
            return Err(Error::new(Code::UpstreamInvalid, "the FHIR service did not answer every entry of the bundle"));
        }
        let mut taken = Vec::with_capacity(items.len());
        for (entry, item) in entries.iter().zip(items) {
            let response = &entry["response"];
            taken.push(response["status"].as_str().is_some_and(|status| status.starts_with('2')));
            let location = response["location"].as_str().and_then(key::reference);
            if let (Ok(item), Some(location)) = (item, location) {
                location.id.clone_into(&mut item.id);
            }
        }
        Ok(taken)
    }
}

/// A bundle with its entries understood.
struct Understood {
    atomic: bool,
    items: Vec<Result<Item>>,
}

fn parsed(bundle: &[u8]) -> Result<Bundle<'_>> {
    let parsed: Bundle<'_> = serde_json::from_slice(bundle).map_err(|e| bad_json(&e))?;
    if parsed.resource_type != "Bundle" || !matches!(parsed.kind.as_str(), "batch" | "transaction") {
        return Err(Error::new(Code::BadRequest, "only a Bundle of the type batch or transaction can be ingested"));
    }
    Ok(parsed)
}

fn understood(bundle: &[u8]) -> Result<Understood> {
    let parsed = parsed(bundle)?;
    let atomic = parsed.kind == "transaction";
    let items: Vec<Result<Item>> = parsed.entry.iter().map(item).collect();
    if atomic && let Some((index, error)) = first_refused(&items) {
        // Before the FHIR service stores any of it.
        return Err(broken(index, error.message()));
    }
    Ok(Understood { atomic, items })
}

/// `taken`: of each entry whether the FHIR service took it; None = it was not asked.
fn store_items(
    store: &Store,
    snapshot: &Snapshot,
    bundle: &[u8],
    atomic: bool,
    mut items: Vec<Result<Item>>,
    taken: Option<&[bool]>,
) -> Result<Vec<Outcome>> {
    point_to_items(&parsed(bundle)?.entry, &mut items);
    let mut attempt = 1;
    loop {
        let (outcomes, writes) = prepared(store, snapshot, &items, taken)?;
        if atomic && let Some(index) = outcomes.iter().position(|outcome| outcome.kind == OutcomeKind::Refused) {
            return Err(broken(index, outcomes.get(index).map_or("", |outcome| &outcome.note)));
        }
        match waited(store.put_resources(writes)) {
            Err(error) if error.code() == Code::VersionMismatch && attempt < STORE_ATTEMPTS => attempt += 1,
            stored => return stored.map(|()| outcomes),
        }
    }
}

/// What will have become of each entry, and the writes that make it so.
fn prepared(
    store: &Store,
    snapshot: &Snapshot,
    items: &[Result<Item>],
    taken: Option<&[bool]>,
) -> Result<(Vec<Outcome>, Vec<NativeWrite>)> {
    let (mut outcomes, mut wanted, mut over) = (Vec::with_capacity(items.len()), Vec::new(), Over::new());
    for (index, item) in items.iter().enumerate() {
        let taken_there = taken.is_none_or(|taken| taken.get(index).copied().unwrap_or(false));
        outcomes.push(match item {
            _ if !taken_there => refused("the FHIR service did not take it"),
            Err(error) => refused(error.message()),
            Ok(item) => {
                let tables =
                    over.entry(item.resource_type.clone()).or_insert_with(|| snapshot.over(&item.resource_type));
                let roots: Vec<_> = tables.iter().filter(|t| t.table.parent.is_none()).collect();
                let native = roots.iter().filter(|t| t.route == Route::Native);
                let native: Vec<_> = native.map(|t| t.table.name.clone()).collect();
                if native.is_empty() {
                    not_here(item, roots.first().map(|t| t.table.name.as_str()), taken.is_some())
                } else {
                    wanted.push(Wanted { index, item, tables: native });
                    // What was never there need not go; of the others it is said below.
                    deleted()
                }
            }
        });
    }
    let ids = wanted.iter().map(|w| (w.item.resource_type.clone(), w.item.id.clone())).collect();
    let stored = waited(store.last_versions(ids))?;
    let standing = wanted.iter().zip(stored).filter_map(|(w, version)| Some((w.id(), version?)));
    let mut versions: HashMap<(&str, &str), u64> = standing.collect();
    let mut writes = Vec::new();
    for some in distinct(&wanted) {
        let base = |w: &Wanted<'_>| versions.get(&w.id()).copied();
        let some: Vec<_> = some.iter().filter(|w| w.item.body.is_some() || base(w).is_some()).collect();
        let incoming = some.iter().map(|w| Incoming {
            resource_type: w.item.resource_type.clone(),
            id: w.item.id.clone(),
            body: w.item.body.clone(),
            base: base(w),
        });
        for (w, write) in some.iter().zip(rows::prepare_all(&over, incoming.collect())) {
            outcomes[w.index] = match write {
                Ok(write) => {
                    let outcome = stored_in(&write, &w.tables);
                    versions.insert(w.id(), write.version);
                    writes.push(write);
                    outcome
                }
                Err(error) if matches!(error.code(), Code::UpstreamInvalid | Code::BadJson) => refused(error.message()),
                Err(error) => return Err(error),
            };
        }
    }
    Ok((outcomes, writes))
}

/// In their order, some at a time, no resource twice in one go: the same may come twice in one bundle, and the later
/// builds on the earlier.
fn distinct<'w, 'i>(wanted: &'w [Wanted<'i>]) -> Vec<&'w [Wanted<'i>]> {
    let (mut all, mut rest) = (Vec::new(), wanted);
    while !rest.is_empty() {
        let mut seen = HashSet::new();
        let count = rest.iter().take(ENTRIES_AT_ONCE).take_while(|w| seen.insert(w.id())).count();
        let (some, others) = rest.split_at(count);
        all.push(some);
        rest = others;
    }
    all
}

fn stored_in(write: &NativeWrite, tables: &[String]) -> Outcome {
    if write.body.is_none() {
        return deleted();
    }
    let kind = if write.base.is_some() { OutcomeKind::Updated } else { OutcomeKind::Created };
    let location = Some(format!("{}/{}/_history/{}", write.resource_type, write.id, write.version));
    let word = if tables.len() == 1 { "table" } else { "tables" };
    Outcome { kind, location, note: format!("stored in {word} `{}`", tables.join("`, `")) }
}

fn deleted() -> Outcome {
    Outcome { kind: OutcomeKind::Deleted, location: None, note: "deleted".to_owned() }
}

/// No table over the type of an item is native.
fn not_here(item: &Item, table: Option<&str>, forwarded: bool) -> Outcome {
    let kind = if forwarded { OutcomeKind::Forwarded } else { OutcomeKind::NotStored };
    let note = match table {
        Some(table) => format!("table `{table}` is virtual: its rows are in the FHIR service"),
        None => format!("no table shows {}", item.resource_type),
    };
    Outcome { kind, location: None, note }
}

fn first_refused(items: &[Result<Item>]) -> Option<(usize, &Error)> {
    items.iter().enumerate().find_map(|(index, item)| Some((index, item.as_ref().err()?)))
}

fn broken(index: usize, why: &str) -> Error {
    Error::new(Code::BadRequest, format!("entry {index} of the transaction: {why}"))
        .hint("nothing of a transaction is stored if one entry cannot be; a batch stores the others")
}

fn item(entry: &Entry<'_>) -> Result<Item> {
    let refuse = |what: &str| Err(Error::new(Code::BadRequest, what));
    let Some(Request { method, url }) = &entry.request else { return refuse("it has no request") };
    let (method, url) = (method.as_str(), url.as_str());
    if url.contains('?') {
        return refuse("conditional requests are not supported in ingested bundles; forward them to a FHIR service");
    }
    if method == "DELETE" {
        return match key::reference(url) {
            Some(r) => Ok(Item { resource_type: r.resource_type.to_owned(), id: r.id.to_owned(), body: None }),
            None => refuse("its request.url is not Type/id"),
        };
    }
    let Some(resource) = entry.resource else { return refuse("it has no resource") };
    let Ok(head) = serde_json::from_str::<Head>(resource.get()) else {
        return refuse("its resource has no resourceType");
    };
    let from_full_url =
        entry.full_url.as_deref().and_then(|url| url.strip_prefix("urn:uuid:")).filter(|id| key::is_id(id));
    let id = match (method, key::reference(url)) {
        ("PUT", Some(r)) if r.resource_type == head.resource_type => r.id.to_owned(),
        ("PUT", _) => return refuse("its request.url is not the Type/id of its resource"),
        ("POST", _) if url != head.resource_type => return refuse("its request.url is not the type of its resource"),
        ("POST", _) => from_full_url.map(str::to_owned).unwrap_or_else(|| Uuid::new_v4().to_string()),
        _ => return refuse("its request.method is none of POST, PUT and DELETE"),
    };
    if method == "PUT" && head.id.as_ref().is_some_and(|own| *own != id) {
        return refuse("its resource has another id than its request.url");
    }
    Ok(Item { resource_type: head.resource_type, id, body: Some(Bytes::copy_from_slice(resource.get().as_bytes())) })
}

/// References by `fullUrl` (FHIR R4 3.1.0.11.2) become references to the ids that the entries got.
fn point_to_items(entries: &[Entry<'_>], items: &mut [Result<Item>]) {
    let targets: HashMap<String, String> = entries
        .iter()
        .zip(items.iter())
        .filter_map(|(entry, item)| {
            let item = item.as_ref().ok()?;
            let full_url = entry.full_url.as_ref().filter(|url| url.starts_with("urn:"))?;
            Some((full_url.clone(), format!("{}/{}", item.resource_type, item.id)))
        })
        .collect();
    if targets.is_empty() {
        return;
    }
    for item in items.iter_mut().flatten() {
        let Some(body) = &mut item.body else { continue };
        if !body.windows(4).any(|w| w == b"urn:") {
            continue;
        }
        if let Some(text) = repoint(body, &targets) {
            *body = text.into();
        }
    }
}

/// The resource with its references replaced and all other bytes as they are. None if there is nothing to replace.
fn repoint(resource: &[u8], targets: &HashMap<String, String>) -> Option<String> {
    let document = Document::parse(resource).ok()?;
    let members = (0..).map_while(|at| document.at(at)).flat_map(|value| value.members());
    let references = members.filter(|(name, _)| name.text().as_deref() == Some("reference"));
    let edits: Vec<Edit> = references
        .filter_map(|(_, value)| {
            let target = targets.get(value.text()?.as_ref())?;
            Some(Edit { range: value.range(), text: format!("\"{target}\"") })
        })
        .collect();
    if edits.is_empty() { None } else { splice(document.text(), edits).ok() }
}

fn refused(why: &str) -> Outcome {
    Outcome { kind: OutcomeKind::Refused, location: None, note: why.to_owned() }
}

fn bad_json(error: &serde_json::Error) -> Error {
    let at = format!("line {}, column {}", error.line(), error.column());
    Error::new(Code::BadJson, format!("the body is no FHIR Bundle: {:?} error at {at}", error.classify()))
}
