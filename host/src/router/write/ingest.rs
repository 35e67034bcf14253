//! A FHIR bundle into the tables: every entry goes, if asked, to a FHIR service, and is stored if any table over its type
//! is native; it is a row of all of them then. The answer has one outcome an entry; an entry that could not be stored says so by name and is never dropped
//! in silence.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use turntable_scan::{Document, Edit, splice};
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::table::Route;
use crate::router::snapshot::{Snapshot, Turntable};
use crate::router::write::rows::{self, Incoming, Over};
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

/// What is to be done with an item that is not refused.
struct Standing<'i> {
    index: usize,
    item: &'i Item,
    /// Native roots over its type, for the outcome.
    tables: Vec<String>,
}

impl Turntable {
    /// `forward`: the FHIR service that gets the bundle first. What it refuses is not stored here either.
    pub async fn ingest(
        &self,
        live: &Snapshot,
        bundle: &[u8],
        forward: Option<&str>,
        deadline: Instant,
    ) -> Result<Vec<Outcome>> {
        let parsed: Bundle<'_> = serde_json::from_slice(bundle).map_err(|e| bad_json(&e))?;
        if parsed.resource_type != "Bundle" || !matches!(parsed.kind.as_str(), "batch" | "transaction") {
            return Err(Error::new(Code::BadRequest, "only a Bundle of the type batch or transaction can be ingested"));
        }
        let atomic = parsed.kind == "transaction";
        let mut items: Vec<Result<Item>> = parsed.entry.iter().map(item).collect();
        if atomic && let Some((index, error)) = first_refused(&items) {
            // Before the FHIR service stores any of it.
            return Err(broken(index, error.message()));
        }
        let forwarded = match forward {
            Some(source) => Some(self.forward(source, bundle, &mut items, deadline).await?),
            None => None,
        };
        point_to_items(&parsed.entry, &mut items);
        for attempt in 1.. {
            let (outcomes, writes) = self.entries(live, &items, forwarded.as_deref()).await?;
            let refused = outcomes.iter().position(|outcome| outcome.kind == OutcomeKind::Refused);
            if let Some(index) = refused.filter(|_| atomic) {
                return Err(broken(index, outcomes.get(index).map_or("", |outcome| outcome.note.as_str())));
            }
            match self.store.put_resources(writes).await {
                Err(error) if error.code() == Code::VersionMismatch && attempt < STORE_ATTEMPTS => {}
                stored => return stored.map(|()| outcomes),
            }
        }
        Ok(Vec::new())
    }

    /// What will have become of each entry, and the writes that make it so.
    async fn entries(
        &self,
        live: &Snapshot,
        items: &[Result<Item>],
        forwarded: Option<&[bool]>,
    ) -> Result<(Vec<Outcome>, Vec<NativeWrite>)> {
        let mut outcomes = Vec::with_capacity(items.len());
        let (mut wanted, mut over) = (Vec::new(), Over::new());
        for (index, item) in items.iter().enumerate() {
            let taken = forwarded.is_none_or(|f| f.get(index).copied().unwrap_or(false));
            outcomes.push(match item {
                _ if !taken => refused("the FHIR service did not take it"),
                Err(error) => refused(error.message()),
                Ok(item) => {
                    let tables = over.entry(item.resource_type.clone()).or_insert_with(|| live.over(&item.resource_type));
                    let roots = || tables.iter().filter(|t| t.table.parent.is_none());
                    let native: Vec<_> =
                        roots().filter(|t| t.route == Route::Native).map(|t| t.table.name.clone()).collect();
                    if native.is_empty() {
                        not_here(item, roots().map(|t| t.table.name.as_str()), forwarded.is_some())
                    } else {
                        wanted.push(Standing { index, item, tables: native });
                        // Until it is known which.
                        refused("it was not looked at")
                    }
                }
            });
        }
        let ids = wanted.iter().map(|w| (w.item.resource_type.clone(), w.item.id.clone()));
        let stored = self.store.last_versions(ids.collect()).await?;
        let mut versions: HashMap<(&str, &str), u64> = wanted
            .iter()
            .zip(stored)
            .filter_map(|(w, version)| Some(((w.item.resource_type.as_str(), w.item.id.as_str()), version?)))
            .collect();
        let mut writes = Vec::new();
        // The same resource may come twice in one bundle: the later builds on the earlier.
        for together in distinct(&wanted) {
            let base = |w: &Standing<'_>| versions.get(&(w.item.resource_type.as_str(), w.item.id.as_str())).copied();
            // What was never there need not go.
            let (gone, together): (Vec<_>, Vec<_>) =
                together.iter().partition(|w| w.item.body.is_none() && base(w).is_none());
            let incoming = together
                .iter()
                .map(|w| Incoming::new(&w.item.resource_type, &w.item.id, w.item.body.clone(), base(w)))
                .collect();
            let made = rows::prepare(over.clone(), incoming).await?;
            for (w, write) in together.into_iter().zip(made) {
                let outcome = match write {
                    Ok(write) => {
                        let outcome = outcome_of(&write, &w.tables);
                        versions.insert((&w.item.resource_type, &w.item.id), write.version);
                        writes.push(write);
                        outcome
                    }
                    Err(error) if matches!(error.code(), Code::UpstreamInvalid | Code::BadJson) => {
                        refused(error.message())
                    }
                    Err(error) => return Err(error),
                };
                outcomes[w.index] = outcome;
            }
            for w in gone {
                outcomes[w.index] = deleted();
            }
        }
        Ok((outcomes, writes))
    }

    /// Sends the bundle on; which entries the service took, under which ids.
    async fn forward(
        &self,
        source: &str,
        bundle: &[u8],
        items: &mut [Result<Item>],
        deadline: Instant,
    ) -> Result<Vec<bool>> {
        let client = self.sources.get(source).ok_or_else(|| {
            Error::new(Code::BadRequest, format!("there is no FHIR service `{source}`")).target("forward")
        })?;
        let answer = client.transaction(Bytes::copy_from_slice(bundle), deadline).await?;
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

/// In their order, some at a time, none of which is of the same resource as another.
fn distinct<'w, 'i>(wanted: &'w [Standing<'i>]) -> Vec<&'w [Standing<'i>]> {
    let (mut all, mut rest) = (Vec::new(), wanted);
    while !rest.is_empty() {
        let mut seen = HashSet::new();
        let some = rest.iter().take(ENTRIES_AT_ONCE);
        let count = some.take_while(|w| seen.insert((&w.item.resource_type, &w.item.id))).count();
        let (together, others) = rest.split_at(count.max(1));
        all.push(together);
        rest = others;
    }
    all
}

fn outcome_of(write: &NativeWrite, tables: &[String]) -> Outcome {
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
fn not_here<'t>(item: &Item, mut tables: impl Iterator<Item = &'t str>, forwarded: bool) -> Outcome {
    let kind = if forwarded { OutcomeKind::Forwarded } else { OutcomeKind::NotStored };
    let note = match tables.next() {
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
