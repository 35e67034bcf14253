//! Batch and transaction bundles. A transaction is done as a whole or not at all; its entries may
//! refer to each other by `fullUrl` and to others by a search.

use std::collections::{HashMap, HashSet};

use axum::http::{Method, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::faults::Fault;
use crate::outcome::Refusal;
use crate::parameters;
use crate::rest::{Call, Exchange, Interaction, Reply, Returns, object, resource};
use crate::search::{self, Bundle, Entry};
use crate::store::Store;

/// How many entries a bundle may have.
const MAX_ENTRIES: usize = 20_000;

/// The elements that hold a reference to an entry by its `fullUrl`.
const REFERRING: [&str; 7] = ["reference", "url", "uri", "valueUri", "valueUrl", "valueUuid", "valueCanonical"];

/// A bundle as it is posted, its resources still text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostedBundle {
    #[serde(default)]
    resource_type: String,
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) entry: Vec<PostedEntry>,
}

impl PostedBundle {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(text).map_err(|error| {
            Refusal::new(StatusCode::BAD_REQUEST, "structure", format!("The body is no bundle: {error}"))
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostedEntry {
    pub(crate) full_url: Option<String>,
    pub(crate) resource: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) request: PostedRequest,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostedRequest {
    pub(crate) method: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) if_none_exist: Option<String>,
}

/// Does a posted bundle.
pub(crate) fn run(exchange: &Exchange<'_>, store: &mut Store, call: &Call) -> Result<Reply, Refusal> {
    let Some(text) = &call.payload else {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "required", "The body is missing"));
    };
    let bundle = PostedBundle::parse(text)?;
    if bundle.resource_type != "Bundle" {
        return Err(Refusal::invalid("Only a Bundle can be posted to the base").at("resourceType"));
    }
    let PostedBundle { kind, entry: entries, .. } = bundle;
    if entries.len() > MAX_ENTRIES {
        let why = format!("A bundle may have {MAX_ENTRIES} entries; this one has {}", entries.len());
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-costly", why).at("Bundle.entry"));
    }
    match kind.as_str() {
        "batch" => {
            let mut done = Bundle::new("batch-response");
            let entry =
                |result: Result<Reply, Refusal>| result.map_or_else(|refusal| refused_entry(&refusal), reply_entry);
            done.entry = batch(exchange, store, call, entries).into_iter().map(entry).collect();
            Reply::of(&done)
        }
        "transaction" if exchange.active.has(Fault::NoTransaction) => {
            Err(Refusal::unsupported("This service takes no transactions"))
        }
        "transaction" => Reply::of(&transaction(exchange, store, call, entries)?),
        _ => Err(Refusal::invalid("Bundle.type must be batch or transaction").at("Bundle.type")),
    }
}

/// Does every entry for itself.
pub(crate) fn batch(
    exchange: &Exchange<'_>,
    store: &mut Store,
    outer: &Call,
    entries: Vec<PostedEntry>,
) -> Vec<Result<Reply, Refusal>> {
    let perform = |(at, entry)| {
        let planned = Planned::parse(exchange, outer, at, entry)?;
        planned.perform(exchange, store).map_err(|refusal| placed(refusal, at))
    };
    entries.into_iter().enumerate().map(perform).collect()
}

/// Does all entries, or takes everything back and says which one failed.
pub(crate) fn transaction(
    exchange: &Exchange<'_>,
    store: &mut Store,
    outer: &Call,
    entries: Vec<PostedEntry>,
) -> Result<Bundle<'static>, Refusal> {
    let mark = store.mark();
    let result = all(exchange, store, outer, entries);
    if result.is_err() {
        store.undo(mark);
        // A search among the entries may have kept places that are gone now.
        exchange.pages.clear();
    }
    result
}

fn all(
    exchange: &Exchange<'_>,
    store: &mut Store,
    outer: &Call,
    entries: Vec<PostedEntry>,
) -> Result<Bundle<'static>, Refusal> {
    let mut planned = Vec::with_capacity(entries.len());
    for (at, entry) in entries.into_iter().enumerate() {
        planned.push(Planned::parse(exchange, outer, at, entry)?);
    }
    for entry in &mut planned {
        let at = entry.at;
        entry.assign(exchange, store).map_err(|refusal| placed(refusal, at))?;
    }
    let mut links = Links::of(&planned)?;
    for entry in &mut planned {
        let at = entry.at;
        if entry.call.payload.is_some() {
            let mut resource = object(entry.call.payload.as_ref()).map_err(|refusal| placed(refusal, at))?;
            let mut target = |name: &str, text: &str| links.target(exchange, store, name, text);
            resource.rewrite(&mut target).map_err(|refusal| placed(refusal, at))?;
            entry.call.payload = Some(bytes(resource.to_raw()?));
        }
    }
    planned.sort_by_key(|entry| (order(&entry.call.method), entry.at));
    let mut replies = Vec::with_capacity(planned.len());
    let kept = if exchange.active.has(Fault::HalfTransaction) { planned.len().div_ceil(2) } else { planned.len() };
    for entry in planned {
        let at = entry.at;
        let mark = store.mark();
        let reply = entry.perform(exchange, store).map_err(|refusal| placed(refusal, at))?;
        if at >= kept {
            store.undo(mark);
        }
        replies.push((at, reply_entry(reply)));
    }
    replies.sort_by_key(|(at, _)| *at);
    let mut done = Bundle::new("transaction-response");
    done.entry = replies.into_iter().map(|(_, entry)| entry).collect();
    Ok(done)
}

/// R4 3.1.0.11.2: deletes, then creates, then updates, then reads.
fn order(method: &Method) -> usize {
    ["DELETE", "POST", "PUT", "GET"].iter().position(|name| *name == method.as_str()).unwrap_or(4)
}

/// One entry of a bundle, read.
struct Planned {
    at: usize,
    full_url: Option<String>,
    interaction: Interaction,
    call: Call,
    /// Where the resource will be, when a transaction has decided it.
    target: Option<(&'static str, String)>,
    /// `ifNoneExist` found this instead.
    exists: bool,
}

impl Planned {
    fn parse(exchange: &Exchange<'_>, outer: &Call, at: usize, entry: PostedEntry) -> Result<Self, Refusal> {
        let PostedEntry { full_url, resource, request } = entry;
        let bad = |element: &str, why: &str| placed(Refusal::invalid(why).at(element), at);
        let method = request.method.and_then(|name| Method::from_bytes(name.as_bytes()).ok());
        let method = method.ok_or_else(|| bad("request.method", "request.method is missing"))?;
        let url = request.url.ok_or_else(|| bad("request.url", "request.url is missing"))?;
        let local = url.strip_prefix(exchange.base.as_str()).unwrap_or(&url).trim_start_matches('/');
        let (path, query) = local.split_once('?').unwrap_or((local, ""));
        let interaction = Interaction::of(&method, path).map_err(|refusal| placed(refusal.at("request.url"), at))?;
        if interaction == Interaction::Bundle {
            return Err(bad("request.url", "A bundle inside a bundle is not supported"));
        }
        let only_query = |text: String| text.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or(text);
        let returns = match outer.returns {
            Returns::Representation => Returns::Representation,
            _ => Returns::Minimal,
        };
        let call = Call {
            method,
            query: query.to_owned(),
            if_match: request.if_match,
            if_none_match: request.if_none_match,
            if_none_exist: request.if_none_exist.map(only_query),
            strict: outer.strict,
            returns,
            payload: resource.map(bytes),
        };
        Ok(Self { at, full_url, interaction, call, target: None, exists: false })
    }

    /// Decides the id before anything is written, so that other entries can refer to it.
    fn assign(&mut self, exchange: &Exchange<'_>, store: &Store) -> Result<(), Refusal> {
        match &self.interaction {
            Interaction::Create(ty) => {
                let found = match &self.call.if_none_exist {
                    Some(condition) => search::identify(exchange, store, ty, condition)?,
                    None => Vec::new(),
                };
                self.exists = !found.is_empty();
                self.target = Some((ty, one_or_new(ty, found)?));
            }
            Interaction::ConditionalUpdate(ty) => {
                let ty = *ty;
                let mut updated = resource(self.call.payload.as_ref(), ty)?;
                let own = updated.string("id");
                let found = search::identify(exchange, store, ty, &self.call.query)?;
                let id = if found.is_empty() { own.clone() } else { None };
                let id = id.map_or_else(|| one_or_new(ty, found), Ok)?;
                if own.is_some_and(|own| own != id) {
                    return Err(Refusal::invalid("The resource's id is not that of the match").at("resource.id"));
                }
                updated.set("id", 1, &id)?;
                self.call.payload = Some(bytes(updated.to_raw()?));
                self.interaction = Interaction::Update(ty, id.clone());
                self.target = Some((ty, id));
            }
            Interaction::Update(ty, id) | Interaction::Delete(ty, id) => self.target = Some((ty, id.clone())),
            _ => {}
        }
        Ok(())
    }

    fn perform(mut self, exchange: &Exchange<'_>, store: &mut Store) -> Result<Reply, Refusal> {
        match (&self.interaction, &self.target) {
            (Interaction::Create(ty), Some((_, id))) if exchange.active.refused_write().is_none() => {
                // A transaction has already looked for it.
                let condition = self.call.if_none_exist.take();
                if self.exists && condition.is_some() {
                    return exchange.existing(store, &self.call, ty, id);
                }
                exchange.create(store, self.call, ty, Some(id))
            }
            (interaction, _) if interaction.concern() == crate::faults::Concern::Write => {
                exchange.write(store, self.call, &self.interaction)
            }
            (interaction, _) => exchange.read(store, &self.call, interaction),
        }
    }
}

fn bytes(text: Box<RawValue>) -> Bytes {
    Bytes::from(String::from(Box::<str>::from(text)))
}

fn one_or_new(ty: &str, found: Vec<String>) -> Result<String, Refusal> {
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Ok(uuid::Uuid::new_v4().to_string()),
        _ => Err(Refusal::stale(format!("The condition matches more than one {ty}"))),
    }
}

/// What references inside a transaction stand for.
struct Links {
    by_full_url: HashMap<String, String>,
    /// Conditional references that were looked up.
    found: HashMap<String, String>,
}

impl Links {
    fn of(planned: &[Planned]) -> Result<Self, Refusal> {
        let (mut by_full_url, mut targets, mut conditions) = (HashMap::new(), HashSet::new(), HashSet::new());
        for entry in planned {
            let Some((ty, id)) = &entry.target else {
                continue;
            };
            if !entry.exists && !targets.insert((*ty, id.as_str())) {
                return Err(placed(Refusal::invalid("Two entries are about the same resource"), entry.at));
            }
            let condition = entry.call.if_none_exist.as_deref().filter(|_| !entry.exists);
            if condition.is_some_and(|condition| !conditions.insert((*ty, condition))) {
                return Err(placed(Refusal::invalid("Two entries have the same ifNoneExist"), entry.at));
            }
            let Some(full_url) = entry.full_url.clone() else {
                continue;
            };
            if by_full_url.insert(full_url, format!("{ty}/{id}")).is_some() {
                return Err(placed(Refusal::invalid("Two entries have the same fullUrl").at("fullUrl"), entry.at));
            }
        }
        Ok(Self { by_full_url, found: HashMap::new() })
    }

    fn target(
        &mut self,
        exchange: &Exchange<'_>,
        store: &Store,
        name: &str,
        text: &str,
    ) -> Result<Option<String>, Refusal> {
        if !REFERRING.contains(&name) {
            return Ok(None);
        }
        if let Some(target) = self.by_full_url.get(text) {
            return Ok(Some(target.clone()));
        }
        let conditional = text.split_once('?').and_then(|(ty, query)| Some((parameters::known_type(ty)?, query)));
        let Some((ty, query)) = conditional.filter(|_| name == "reference") else {
            return Ok(None);
        };
        if let Some(target) = self.found.get(text) {
            return Ok(Some(target.clone()));
        }
        let [id] = &search::identify(exchange, store, ty, query)?[..] else {
            return Err(Refusal::stale(format!("A conditional reference to {ty} must match exactly one")));
        };
        let target = format!("{ty}/{id}");
        self.found.insert(text.to_owned(), target.clone());
        Ok(Some(target))
    }
}

/// Says in which entry a refusal arose.
fn placed(mut refusal: Refusal, at: usize) -> Refusal {
    for issue in &mut refusal.issues {
        issue.diagnostics = format!("Bundle.entry[{at}]: {}", issue.diagnostics);
        issue.place(&format!("Bundle.entry[{at}]"));
    }
    refusal
}

fn reply_entry(reply: Reply) -> Entry<'static> {
    let mut response = json!({"status": status_line(reply.status)});
    if let Some(location) = reply.location {
        response["location"] = location.into();
    }
    if let Some(version) = reply.version {
        response["etag"] = version.etag().into();
        response["lastModified"] = version.last_updated().into();
    }
    let resource = reply.body.map(std::borrow::Cow::Owned);
    Entry { resource, response: Some(response), ..Entry::default() }
}

fn refused_entry(refusal: &Refusal) -> Entry<'static> {
    let outcome = serde_json::to_value(refusal.outcome()).unwrap_or_default();
    Entry { response: Some(json!({"status": status_line(refusal.status), "outcome": outcome})), ..Entry::default() }
}

fn status_line(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()).trim_end().to_owned()
}
