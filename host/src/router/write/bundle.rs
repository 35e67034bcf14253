//! What was sent to be stored, read: a Bundle, or resources line by line, to entries that are understood. What is wrong
//! with one entry is said of that entry; only what is wrong with the whole is an error of the whole. Messages name places
//! and members, never what stands there.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use turntable_scan::{Document, Kind, Value};
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::value::{Instant, parse_instant};
use crate::router::write::links::{Links, Target, same_url};
use crate::router::write::newest::{Version, older};

/// Entries, understood or refused.
pub struct Sent {
    /// All or nothing: a transaction.
    pub atomic: bool,
    pub items: Vec<Result<Item>>,
    /// The bundle as it can be sent on to a FHIR service, if it can be as it is.
    whole: Option<Bytes>,
}

/// An entry that is understood.
pub struct Item {
    pub resource_type: String,
    pub action: Action,
    /// The resource as it was sent. None = delete.
    pub body: Option<Bytes>,
    /// The id that the resource says it has.
    pub own_id: Option<String>,
    pub full_url: Option<String>,
    /// `meta.versionId` as it was sent.
    pub version_there: Option<String>,
    /// `meta.lastUpdated` as it was sent; of a history when the entry says that it was written.
    pub written_there: Option<Instant>,
    pub if_match: Option<Tags>,
    pub if_none_match: Option<Tags>,
    /// The id that it was to have when it was settled before, and not stored: links may lead there already.
    pub promised: Option<String>,
    /// The entry with its request, as JSON.
    text: Bytes,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `unless`: search parameters; one resource that meets them is left as it is, and is the outcome.
    Create {
        unless: Option<String>,
    },
    Update(Which),
    Delete(Which),
    /// Nothing, for a reason.
    Pass(&'static str),
}

/// The resource that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    Id(String),
    /// The one that meets search parameters.
    Where(String),
}

/// Versions that an `If-Match` or `If-None-Match` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    Any,
    Versions(Vec<String>),
}

impl Tags {
    fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let tag = |tag: &str| {
            let tag = tag.trim();
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            let bare = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
            (!bare.is_empty() && !bare.contains('"')).then(|| bare.to_owned())
        };
        text.split(',').map(tag).collect::<Option<_>>().map(Self::Versions)
    }

    /// `version`: the one that stands; None = there is no such resource.
    pub fn name(&self, version: Option<u64>) -> bool {
        let Some(version) = version else { return false };
        match self {
            Self::Any => true,
            Self::Versions(all) => all.iter().any(|tag| *tag == version.to_string()),
        }
    }
}

impl Item {
    /// A resource that a FHIR service holds, or has no more, to be kept here as it is there.
    pub fn held(resource_type: &str, id: &str, body: Option<Bytes>) -> Self {
        let which = Which::Id(id.to_owned());
        let action = if body.is_some() { Action::Update(which) } else { Action::Delete(which) };
        Self {
            resource_type: resource_type.to_owned(),
            action,
            body,
            own_id: None,
            full_url: None,
            version_there: None,
            written_there: None,
            if_match: None,
            if_none_match: None,
            promised: None,
            text: Bytes::new(),
        }
    }

    /// The same, to be settled once more, its links followed: it was to be about the resource of this id and was not stored.
    /// What it is about is asked again, since others may have changed the answer; as long as nothing speaks against it, it
    /// is about the same.
    pub fn again(&self, id: &str, body: Option<Bytes>) -> Self {
        Self {
            action: self.action.clone(),
            own_id: self.own_id.clone(),
            if_match: self.if_match.clone(),
            if_none_match: self.if_none_match.clone(),
            promised: Some(id.to_owned()),
            ..Self::held(&self.resource_type, id, body)
        }
    }

    /// Search parameters that decide what it is about.
    pub fn condition(&self) -> Option<&str> {
        match &self.action {
            Action::Create { unless: Some(query) }
            | Action::Update(Which::Where(query))
            | Action::Delete(Which::Where(query)) => Some(query),
            _ => None,
        }
    }
}

impl Sent {
    /// Resolves the links of a Bundle that only says what there is. Its resources keep their ids, so that is known before
    /// anything is stored; and it is sent on as a batch, whose links a service need not follow.
    pub fn link(&mut self) {
        if self.whole.is_some() {
            return;
        }
        let mut links = Links::default();
        for item in self.items.iter().flatten() {
            if let (Some(full_url), Action::Update(Which::Id(id))) = (&item.full_url, &item.action) {
                let reference = format!("{}/{id}", item.resource_type);
                // Which version it will be there, nobody knows: a link to a version stays.
                let target = Target { reference, version: 0, version_there: Some(String::new()) };
                links.add(full_url, target);
            }
        }
        for item in self.items.iter_mut().flatten() {
            let Some(document) = item.body.as_deref().and_then(|body| Document::parse(body).ok()) else { continue };
            let Some(linked) = links.follow(&document, item.full_url.as_deref()) else { continue };
            let (action, full_url) = (item.action.clone(), item.full_url.take());
            let (own_id, version_there) = (item.own_id.take(), item.version_there.take());
            let written_there = item.written_there;
            let again = made(item.resource_type.clone(), action, Some(linked.into()), own_id, full_url);
            *item = Item { version_there, written_there, ..again };
        }
    }

    /// What a FHIR service is to be sent: the entries that are understood.
    pub fn to_forward(&self) -> Bytes {
        if let Some(whole) = self.whole.as_ref().filter(|_| self.items.iter().all(Result::is_ok)) {
            return whole.clone();
        }
        let kind = if self.atomic { "transaction" } else { "batch" };
        let mut text = format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\",\"entry\":[").into_bytes();
        for (index, item) in self.items.iter().flatten().filter(|item| item.is_sent_on()).enumerate() {
            if index > 0 {
                text.push(b',');
            }
            text.extend_from_slice(&item.text);
        }
        text.extend_from_slice(b"]}");
        text.into()
    }
}

impl Item {
    /// Whether a FHIR service is asked to do something about it.
    pub fn is_sent_on(&self) -> bool {
        !matches!(self.action, Action::Pass(_))
    }
}

/// Bundle types that say what there is, not what is to be done.
const SAYING: [&str; 7] =
    ["batch-response", "transaction-response", "collection", "searchset", "document", "message", "history"];

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow, rename = "resourceType")]
    resource_type: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    entry: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow)]
    full_url: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    request: Option<&'a RawValue>,
    #[serde(borrow)]
    search: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
    #[serde(borrow)]
    if_match: Option<&'a RawValue>,
    #[serde(borrow)]
    if_none_match: Option<&'a RawValue>,
    #[serde(borrow)]
    if_none_exist: Option<&'a RawValue>,
    #[serde(borrow)]
    if_modified_since: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    #[serde(borrow)]
    last_modified: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Search<'a> {
    #[serde(borrow)]
    mode: Option<&'a RawValue>,
}

/// `take`: a Bundle that only says what there is (a `searchset`, say) is taken as a batch that stores its resources under
/// their own ids. `lines`: the client says that it is resources line by line (NDJSON); where it does not say, it is seen.
/// `own_ids`: a POST of a batch is of the resource with the id that it says it has, if it says one.
pub fn read(body: &Bytes, take: bool, lines: bool, own_ids: bool) -> Result<Sent> {
    let body = text_of(body)?;
    let mut values = serde_json::Deserializer::from_slice(&body).into_iter::<&RawValue>();
    let first = match values.next() {
        Some(first) => first.map_err(|error| bad_json(&error))?,
        None => return Err(Error::new(Code::BadJson, "the body is empty: a FHIR Bundle is expected")),
    };
    let mut all = vec![first];
    for value in values {
        all.push(value.map_err(|error| bad_json(&error))?);
    }
    if lines || all.len() > 1 {
        let mut items: Vec<_> = all.into_iter().map(|raw| line(&body, raw)).collect();
        keep_newest(&mut items, false);
        return Ok(finished(Sent { atomic: false, items, whole: None }));
    }
    bundle(&body, first, take, own_ids)
}

/// UTF-8 without a byte order mark.
fn text_of(body: &Bytes) -> Result<Bytes> {
    let refuse = |what: &str| Err(Error::new(Code::BadJson, what.to_owned()).hint("send FHIR as JSON in UTF-8"));
    let body = match body.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => body.slice_ref(rest),
        None => body.clone(),
    };
    if body.starts_with(b"\xFF\xFE") || body.starts_with(b"\xFE\xFF") {
        return refuse("the body is UTF-16, not UTF-8");
    }
    match body.trim_ascii_start().first() {
        Some(b'<') => refuse("the body is XML, not JSON"),
        Some(b'{' | b'[') | None => Ok(body),
        Some(_) => refuse("the body is no FHIR Bundle in JSON: it does not begin with a brace"),
    }
}

fn bundle(body: &Bytes, raw: &RawValue, take: bool, own_ids: bool) -> Result<Sent> {
    let wrong = |code, what: String| Err(Error::new(code, what));
    let Ok(whole) = serde_json::from_str::<Whole<'_>>(raw.get()) else {
        return wrong(Code::BadJson, "the body is no FHIR Bundle: it is no object, or has a member twice".to_owned());
    };
    let Some(resource_type) = text(whole.resource_type) else {
        return wrong(Code::BadJson, "the body is no FHIR Bundle: it has no resourceType".to_owned());
    };
    if resource_type != "Bundle" {
        let what =
            if key::is_id(&resource_type) { format!("of type {resource_type}") } else { "of no FHIR type".to_owned() };
        // The codes are stable: what lacks a Bundle's members has been no JSON of one from the beginning.
        let code = if whole.kind.is_some() { Code::BadRequest } else { Code::BadJson };
        let error = Error::new(code, format!("the body is a resource {what}, not a Bundle"));
        return Err(error.hint(
            "send a Bundle of type batch or transaction with the resource as an entry, or resources line by line \
             (Content-Type: application/fhir+ndjson)",
        ));
    }
    let Some(kind) = text(whole.kind) else {
        return wrong(Code::BadJson, "the Bundle has no type: batch or transaction is expected".to_owned());
    };
    let entries = match whole.entry.map(RawValue::get) {
        None | Some("null") => Vec::new(),
        Some(list) => match serde_json::from_str::<Vec<&RawValue>>(list) {
            Ok(entries) => entries,
            Err(_) => return wrong(Code::BadJson, "Bundle.entry is no list".to_owned()),
        },
    };
    let (atomic, says) = match kind.as_str() {
        "transaction" => (true, false),
        "batch" => (false, false),
        other if SAYING.contains(&other) && take => (false, true),
        other if SAYING.contains(&other) => {
            let error = format!("a Bundle of type {other} says what there is, not what is to be done");
            return Err(Error::new(Code::BadRequest, error)
                .hint("add ?as=batch to store its resources under their own ids, or send a batch or a transaction"));
        }
        _ => {
            return wrong(
                Code::BadRequest,
                "Bundle.type is none of FHIR R4; batch or transaction is expected".to_owned(),
            );
        }
    };
    let items = match says {
        false => entries.iter().map(|raw| asked(body, raw, own_ids && !atomic)).collect(),
        true => said(body, &entries, kind == "history"),
    };
    Ok(finished(Sent { atomic, items, whole: (!says).then(|| body.clone()) }))
}

/// What holds between entries: no two have one `fullUrl` (invariant bdl-7), unless they are versions of one resource.
fn finished(mut sent: Sent) -> Sent {
    let mut known: HashMap<String, Vec<Option<String>>> = HashMap::new();
    for item in &mut sent.items {
        let Ok(Item { full_url: Some(full_url), version_there, .. }) = item else { continue };
        let others = known.entry(same_url(full_url)).or_default();
        if others.iter().any(|other| other.is_none() || version_there.is_none() || *other == *version_there) {
            *item = Err(Error::new(Code::BadRequest, "its fullUrl is that of an entry before it (bdl-7)"));
        } else {
            others.push(version_there.clone());
        }
    }
    sent
}

/// An entry of a batch or a transaction.
fn asked(body: &Bytes, raw: &RawValue, own_ids: bool) -> Result<Item> {
    let entry = entry(raw)?;
    let full_url = optional(entry.full_url, "its fullUrl")?;
    let Some(request) = entry.request.filter(|raw| raw.get() != "null") else {
        return if own_ids { one_said(body, raw, false) } else { refuse("it has no request") };
    };
    let Ok(request) = serde_json::from_str::<Request<'_>>(request.get()) else {
        return refuse("its request is no object, or has a member twice");
    };
    let Some(method) = text(request.method) else { return refuse("its request.method is missing or no string") };
    let Some(url) = text(request.url) else { return refuse("its request.url is missing or no string") };
    match method.as_str() {
        "POST" | "PUT" | "DELETE" => {}
        "GET" | "HEAD" => return refuse("it reads (GET): an ingested bundle only writes; read by the table API"),
        "PATCH" => return refuse("it is a PATCH, which is not taken here: send the whole resource by PUT"),
        _ => return refuse("its request.method is none of POST, PUT and DELETE"),
    }
    let tags = |raw: Option<&RawValue>, name: &str| -> Result<Option<Tags>> {
        let Some(text) = optional(raw, name)? else { return Ok(None) };
        let error = || Error::new(Code::BadRequest, format!("{name} is no ETag: W/\"1\" is one"));
        Tags::parse(&text).map(Some).ok_or_else(error)
    };
    let if_match = tags(request.if_match, "its request.ifMatch")?;
    let if_none_match = tags(request.if_none_match, "its request.ifNoneMatch")?;
    let unless = optional(request.if_none_exist, "its request.ifNoneExist")?;
    let misplaced = [
        (request.if_modified_since.is_some_and(|raw| raw.get() != "null"), "ifModifiedSince, which belongs to GET"),
        (if_match.is_some() && method == "POST", "ifMatch, which belongs to PUT and DELETE"),
        (if_none_match.is_some() && method != "PUT", "ifNoneMatch, which belongs to PUT"),
        (unless.is_some() && method != "POST", "ifNoneExist, which belongs to POST"),
    ];
    if let Some((_, what)) = misplaced.iter().find(|(is, _)| *is) {
        return refuse(&format!("a {method} has {what}"));
    }
    let text = body.slice_ref(raw.get().as_bytes());
    if method == "DELETE" {
        let (resource_type, which) = target(&url)?;
        return Ok(Item {
            resource_type,
            action: Action::Delete(which),
            body: None,
            own_id: None,
            full_url,
            version_there: None,
            written_there: None,
            if_match,
            if_none_match,
            promised: None,
            text,
        });
    }
    let Some(resource) = entry.resource.filter(|raw| raw.get() != "null") else { return refuse("it has no resource") };
    let head = head(resource)?;
    let action = if method == "POST" {
        let posted = url.strip_prefix('/').unwrap_or(&url);
        if posted != head.resource_type {
            return refuse("its request.url is not the type of its resource");
        }
        // The value alone is meant; some write the whole URL.
        let query = |text: String| text.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or(text);
        match head.id.clone().filter(|_| own_ids && unless.is_none()) {
            Some(id) => Action::Update(Which::Id(id)),
            None => Action::Create { unless: unless.map(query) },
        }
    } else {
        let (resource_type, which) = target(&url)?;
        if resource_type != head.resource_type {
            return refuse("its request.url is not the Type/id of its resource");
        }
        if let (Which::Id(id), Some(own)) = (&which, &head.id)
            && id != own
        {
            return refuse("its resource has another id than its request.url");
        }
        Action::Update(which)
    };
    Ok(Item {
        resource_type: head.resource_type,
        action,
        body: Some(body.slice_ref(resource.get().as_bytes())),
        own_id: head.id,
        full_url,
        version_there: head.version,
        written_there: head.written,
        if_match,
        if_none_match,
        promised: None,
        text,
    })
}

/// The entries of a Bundle that says what there is: each resource is to be stored as it is there.
fn said(body: &Bytes, entries: &[&RawValue], is_history: bool) -> Vec<Result<Item>> {
    let mut items: Vec<_> = entries.iter().map(|raw| one_said(body, raw, is_history)).collect();
    keep_newest(&mut items, is_history);
    items
}

/// Passes over versions of a resource that are not the newest.
fn keep_newest(items: &mut [Result<Item>], is_history: bool) {
    let versions = items.iter().enumerate().filter_map(|(place, item)| {
        let Item { resource_type, action, version_there, written_there, .. } = item.as_ref().ok()?;
        let (Action::Update(Which::Id(id)) | Action::Delete(Which::Id(id))) = action else { return None };
        Some((place, Version { resource_type, id, version: version_there.as_deref(), written: *written_there }))
    });
    for place in older(versions, is_history) {
        let Some(Ok(item)) = items.get_mut(place) else { continue };
        item.action = Action::Pass("an older version; the newest is in another entry");
        item.full_url = None;
    }
}

fn one_said(body: &Bytes, raw: &RawValue, is_history: bool) -> Result<Item> {
    let entry = entry(raw)?;
    let full_url = optional(entry.full_url, "its fullUrl")?;
    let mode = entry.search.and_then(|raw| text(serde_json::from_str::<Search<'_>>(raw.get()).ok()?.mode));
    let said = entry.response.filter(|_| is_history);
    let said = said.and_then(|raw| text(serde_json::from_str::<Response<'_>>(raw.get()).ok()?.last_modified));
    let said = said.and_then(|time| parse_instant(&time));
    let Some(resource) = entry.resource.filter(|raw| raw.get() != "null") else {
        let request =
            entry.request.and_then(|raw| serde_json::from_str::<Request<'_>>(raw.get()).ok()).unwrap_or_default();
        return match (text(request.method).as_deref(), text(request.url)) {
            (Some("DELETE"), Some(url)) if is_history => {
                let (resource_type, which) = target(&url)?;
                Ok(Item { written_there: said, ..made(resource_type, Action::Delete(which), None, None, full_url) })
            }
            _ => refuse("it has no resource"),
        };
    };
    let head = head(resource)?;
    let resource = body.slice_ref(resource.get().as_bytes());
    if mode.as_deref() == Some("outcome") || head.resource_type == "OperationOutcome" {
        let action = Action::Pass("an OperationOutcome says how it went; there is nothing to store");
        return Ok(made(head.resource_type, action, None, None, None));
    }
    let item = stored(head, resource, full_url);
    Ok(Item { written_there: said.or(item.written_there), ..item })
}

/// A resource of a file with one in each line.
fn line(body: &Bytes, raw: &RawValue) -> Result<Item> {
    let head = head(raw)?;
    match head.resource_type.as_str() {
        "Bundle" => refuse("it is a Bundle among resources: send Bundles one by one"),
        _ => Ok(stored(head, body.slice_ref(raw.get().as_bytes()), None)),
    }
}

/// Under its own id, or the one that its `fullUrl` gives it, or else as a new one.
fn stored(head: Head, resource: Bytes, full_url: Option<String>) -> Item {
    let id = head.id.clone().or_else(|| {
        let full_url = full_url.as_deref()?;
        uuid_of(full_url).or_else(|| {
            let found = key::reference(full_url)?;
            (found.resource_type == head.resource_type).then(|| found.id.to_owned())
        })
    });
    // An update says the id in the resource too. It has members: its type at least.
    let resource = match (&id, &head.id, resource.strip_prefix(b"{")) {
        (Some(id), None, Some(rest)) => [format!("{{\"id\":\"{id}\",").as_bytes(), rest].concat().into(),
        _ => resource,
    };
    let action = match id {
        Some(id) => Action::Update(Which::Id(id)),
        None => Action::Create { unless: None },
    };
    let item = made(head.resource_type, action, Some(resource), head.id, full_url);
    Item { version_there: head.version, written_there: head.written, ..item }
}

/// An entry that was not sent as one.
fn made(
    resource_type: String,
    action: Action,
    body: Option<Bytes>,
    own_id: Option<String>,
    full_url: Option<String>,
) -> Item {
    let (method, url) = match &action {
        Action::Update(Which::Id(id)) => ("PUT", format!("{resource_type}/{id}")),
        Action::Delete(Which::Id(id)) => ("DELETE", format!("{resource_type}/{id}")),
        _ => ("POST", resource_type.clone()),
    };
    let mut text = b"{".to_vec();
    if let Some(full_url) = &full_url {
        text.extend_from_slice(format!("\"fullUrl\":{},", serde_json::Value::from(full_url.as_str())).as_bytes());
    }
    if let Some(body) = &body {
        text.extend_from_slice(b"\"resource\":");
        text.extend_from_slice(body);
        text.push(b',');
    }
    text.extend_from_slice(format!("\"request\":{{\"method\":\"{method}\",\"url\":\"{url}\"}}}}").as_bytes());
    let text = text.into();
    Item {
        resource_type,
        action,
        body,
        own_id,
        full_url,
        version_there: None,
        written_there: None,
        if_match: None,
        if_none_match: None,
        promised: None,
        text,
    }
}

fn entry(raw: &RawValue) -> Result<Entry<'_>> {
    match raw.get() {
        "null" => refuse("it is null"),
        text => serde_json::from_str(text).or_else(|_| refuse("it is no object, or has a member twice")),
    }
}

/// What a resource says about itself.
struct Head {
    resource_type: String,
    id: Option<String>,
    version: Option<String>,
    written: Option<Instant>,
}

fn head(raw: &RawValue) -> Result<Head> {
    let document = match Document::parse(raw.get().as_bytes()) {
        Ok(document) => document,
        Err(error) => return refuse(&format!("its resource cannot be read: {}", error.problem)),
    };
    let root = document.root();
    if root.kind() != Kind::Object {
        return refuse("its resource is no object");
    }
    let Some(resource_type) = root.get("resourceType") else { return refuse("its resource has no resourceType") };
    let is_type = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase()) && key::is_id(name);
    let resource_type = match resource_type.text() {
        Some(name) if is_type(&name) => name.into_owned(),
        _ => return refuse("its resourceType is no name of a type"),
    };
    let id = match root.get("id").filter(|id| !id.is_null()) {
        None => None,
        Some(id) => match id.text() {
            Some(id) if key::is_id(&id) => Some(id.into_owned()),
            Some(_) => return refuse("its resource's id is none: 1 to 64 letters, digits, hyphens and dots"),
            None => return refuse("its resource's id is no string"),
        },
    };
    let meta = root.get("meta");
    let says = |name: &str| meta?.get(name)?.text().map(Cow::into_owned);
    let is_part = |tag: Value<'_>| tag.get("code").and_then(Value::text).is_some_and(|code| code == "SUBSETTED");
    if meta.and_then(|meta| meta.get("tag")).is_some_and(|tags| tags.items().any(is_part)) {
        return refuse("its resource is a part of one (its meta.tag says SUBSETTED): what is not in it would be lost");
    }
    let (version, written) = (says("versionId"), says("lastUpdated").and_then(|time| parse_instant(&time)));
    Ok(Head { resource_type, id, version, written })
}

/// `Type/id`, or `Type?parameters`: nothing else names a resource here (R4 2.36.4: relative to the service).
fn target(url: &str) -> Result<(String, Which)> {
    let wrong = |what: &str| refuse(&format!("its request.url {what}: Type/id is expected"));
    let is_type = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_uppercase()) && name.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let local = url.strip_prefix('/').unwrap_or(url);
    if let Some((resource_type, query)) = local.split_once('?').filter(|(resource_type, _)| is_type(resource_type)) {
        return Ok((resource_type.to_owned(), Which::Where(query.to_owned())));
    }
    if url.contains("://") || url.starts_with("//") {
        return wrong("is that of another server");
    }
    if local.contains("/_history") {
        return wrong("names a version, which cannot be written");
    }
    match local.split_once('/') {
        Some((resource_type, id)) if is_type(resource_type) && key::is_id(id) => {
            Ok((resource_type.to_owned(), Which::Id(id.to_owned())))
        }
        Some((resource_type, id)) if is_type(resource_type) && !id.contains('/') => {
            wrong("has an id that is none (1 to 64 letters, digits, hyphens and dots)")
        }
        _ => wrong("is not Type/id"),
    }
}

/// The UUID of `urn:uuid:…`, in lower case.
pub fn uuid_of(url: &str) -> Option<String> {
    let lower = same_url(url);
    let uuid = lower.strip_prefix("urn:uuid:")?;
    let is_hyphenated = uuid.len() == 36 && Uuid::try_parse(uuid).is_ok();
    is_hyphenated.then(|| uuid.to_owned())
}

fn refuse<T>(what: &str) -> Result<T> {
    Err(Error::new(Code::BadRequest, what))
}

/// A string. None: it is not there, or something else.
fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// A string that may be missing.
fn optional(raw: Option<&RawValue>, name: &str) -> Result<Option<String>> {
    match raw.filter(|raw| raw.get() != "null") {
        None => Ok(None),
        Some(raw) => serde_json::from_str(raw.get()).map(Some).or_else(|_| refuse(&format!("{name} is no string"))),
    }
}

/// Where and what kind only: the parser's own words may quote the body.
fn bad_json(error: &serde_json::Error) -> Error {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        _ if error.to_string().starts_with("recursion limit") => "it is nested too deeply",
        _ => "it is no JSON",
    };
    let message = format!("the body is no FHIR Bundle: {what} (line {}, column {})", error.line(), error.column());
    Error::new(Code::BadJson, message)
}
