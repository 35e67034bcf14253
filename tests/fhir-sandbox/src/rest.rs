//! The REST interactions of R4 on a store, free of HTTP: a [`Call`] in, a [`Reply`] or a [`Refusal`] out.
//! The entries of a bundle are such calls too.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::capabilities::{self, Lacks};
use crate::document::Document;
use crate::faults::{Active, Concern, Fault};
use crate::outcome::{Issue, Refusal};
use crate::search::{self, Pages};
use crate::store::{Store, Version, is_id, type_of};
use crate::{history, parameters, query};

/// What a request says, wherever it comes from.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Still encoded, without the question mark.
    pub(crate) query: String,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) if_none_exist: Option<String>,
    /// `Prefer: handling=strict`
    pub(crate) strict: bool,
    pub(crate) returns: Returns,
    /// The body, or the resource of a bundle's entry.
    pub(crate) payload: Option<Bytes>,
}

/// `Prefer: return=`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Returns {
    /// The resource for a single write, nothing for the entries of a bundle.
    #[default]
    Unsaid,
    Minimal,
    Representation,
}

/// What holds for one HTTP request and the calls inside it.
pub(crate) struct Exchange<'a> {
    /// The base URL as the client knows it, without a trailing slash.
    pub(crate) base: String,
    pub(crate) active: Active,
    pub(crate) pages: &'a Pages,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// The version that ETag and Last-Modified are about.
    pub(crate) version: Option<Arc<Version>>,
    pub(crate) location: Option<String>,
    pub(crate) body: Option<Box<RawValue>>,
}

impl Reply {
    pub(crate) fn of(body: &impl Serialize) -> Result<Self, Refusal> {
        let body = serde_json::value::to_raw_value(body)?;
        Ok(Self { status: StatusCode::OK, version: None, location: None, body: Some(body) })
    }
}

/// What a call asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Interaction {
    Capabilities,
    Bundle,
    Read(&'static str, String),
    VersionRead(&'static str, String, String),
    History(&'static str, String),
    TypeHistory(&'static str),
    Search(&'static str),
    Create(&'static str),
    Update(&'static str, String),
    ConditionalUpdate(&'static str),
    Delete(&'static str, String),
}

impl Interaction {
    pub(crate) fn of(method: &Method, path: &str) -> Result<Self, Refusal> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        if let Some(operation) = segments.iter().find(|segment| segment.starts_with('$')) {
            return Err(Refusal::unsupported(format!("The operation {operation} is not supported")));
        }
        if *method == Method::PATCH {
            return Err(Refusal::unsupported("PATCH is not supported; use PUT"));
        }
        let ty = segments.first().map(|name| parameters::known_type(name).ok_or(*name));
        let ty = match ty {
            Some(Ok(ty)) => ty,
            None => return Self::of_base(method),
            Some(Err("metadata")) if *method == Method::GET => {
                return Ok(Interaction::Capabilities);
            }
            Some(Err("_search" | "_history")) => {
                return Err(Refusal::unsupported("Search and history across types are not supported"));
            }
            Some(Err(_)) => return Err(Refusal::not_found("R4 has no such resource type")),
        };
        let found = match (method.as_str(), &segments[1..]) {
            ("GET", []) | ("POST", ["_search"]) => Interaction::Search(ty),
            ("POST", []) => Interaction::Create(ty),
            ("PUT", []) => Interaction::ConditionalUpdate(ty),
            ("DELETE", []) => {
                return Err(Refusal::unsupported("Conditional delete is not supported"));
            }
            ("GET", ["_history"]) => Interaction::TypeHistory(ty),
            ("GET", [id]) => Interaction::Read(ty, (*id).to_owned()),
            ("PUT", [id]) => Interaction::Update(ty, (*id).to_owned()),
            ("DELETE", [id]) => Interaction::Delete(ty, (*id).to_owned()),
            ("GET", [id, "_history"]) => Interaction::History(ty, (*id).to_owned()),
            ("GET", [id, "_history", version]) => Interaction::VersionRead(ty, (*id).to_owned(), (*version).to_owned()),
            ("GET" | "POST", [_, _, ..]) => {
                return Err(Refusal::unsupported("Compartment searches and longer paths are not supported"));
            }
            _ => return Err(wrong_method(method)),
        };
        Ok(found)
    }

    fn of_base(method: &Method) -> Result<Self, Refusal> {
        match method.as_str() {
            "POST" => Ok(Interaction::Bundle),
            "GET" => Err(Refusal::unsupported("Search across types is not supported")),
            _ => Err(wrong_method(method)),
        }
    }

    pub(crate) fn concern(&self) -> Concern {
        match self {
            Interaction::Search(_) | Interaction::TypeHistory(_) | Interaction::History(..) => Concern::Search,
            Interaction::Bundle | Interaction::Create(_) | Interaction::Delete(..) => Concern::Write,
            Interaction::Update(..) | Interaction::ConditionalUpdate(_) => Concern::Write,
            _ => Concern::Other,
        }
    }
}

fn wrong_method(method: &Method) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", format!("{method} is not possible here"))
}

impl Exchange<'_> {
    /// Does what changes nothing.
    pub(crate) fn read(&self, store: &Store, call: &Call, interaction: &Interaction) -> Result<Reply, Refusal> {
        match interaction {
            Interaction::Capabilities => {
                let version = if self.active.has(Fault::OtherVersion) { "5.0.0" } else { "4.0.1" };
                let has = |fault| self.active.has(fault);
                let lacks = Lacks {
                    types: has(Fault::FewTypes),
                    transaction: has(Fault::NoTransaction),
                    history: has(Fault::NoHistory),
                };
                capabilities::statement(&self.base, version, lacks)
            }
            Interaction::Read(ty, id) => self.current(store, call, ty, id),
            Interaction::VersionRead(ty, id, number) => self.version(store, ty, id, number),
            Interaction::History(ty, id) => {
                let instance = store.instance(ty, id).ok_or_else(|| missing(ty))?;
                history::of_instance(self, ty, instance, &query::decode(&call.query)?)
            }
            Interaction::TypeHistory(_) if self.active.has(Fault::NoHistory) => {
                Err(Refusal::unsupported("History of a whole type is not supported"))
            }
            Interaction::TypeHistory(ty) | Interaction::Search(ty)
                if self.active.has(Fault::FewTypes) && !capabilities::FEW_TYPES.contains(ty) =>
            {
                Err(Refusal::not_found(format!("There is no {ty} here")))
            }
            Interaction::TypeHistory(ty) => history::of_type(self, store, ty, &query::decode(&call.query)?),
            Interaction::Search(ty) => {
                let mut parameters = query::decode(&call.query)?;
                if let Some(form) = call.payload.as_ref().filter(|_| call.method == Method::POST) {
                    let form = std::str::from_utf8(form).map_err(|_| Refusal::invalid("The form is not UTF-8"))?;
                    parameters.extend(query::decode(form)?);
                }
                search::search(self, store, ty, &parameters, call.strict)
            }
            _ => Err(wrong_method(&call.method)),
        }
    }

    /// Does what changes one resource. A bundle is not one (see [`crate::transaction`]).
    pub(crate) fn write(&self, store: &mut Store, call: Call, interaction: &Interaction) -> Result<Reply, Refusal> {
        if let Some(status) = self.active.refused_write() {
            return Err(refused_write(status, &call));
        }
        if let Some(answer) = self.pretended(store, &call, interaction) {
            return answer;
        }
        match interaction {
            Interaction::Create(ty) => self.create(store, call, ty, None),
            Interaction::Update(ty, id) => {
                let resource = resource(call.payload.as_ref(), ty)?;
                if resource.string("id").as_deref() != Some(id) {
                    let why = "The resource's id must be there and be the id of the URL";
                    return Err(Refusal::invalid(why).at(format!("{ty}.id")));
                }
                self.update(store, &call, ty, id, resource)
            }
            Interaction::ConditionalUpdate(ty) => self.conditional_update(store, call, ty),
            Interaction::Delete(ty, id) => self.delete(store, &call, ty, id),
            _ => Err(wrong_method(&call.method)),
        }
    }

    /// The answer to a write that a fault keeps from being made.
    fn pretended(&self, store: &Store, call: &Call, interaction: &Interaction) -> Option<Result<Reply, Refusal>> {
        let bare = |status, body| Ok(Reply { status, version: None, location: None, body });
        if self.active.has(Fault::AcceptedWrite) {
            return Some(bare(StatusCode::ACCEPTED, None));
        }
        if self.active.has(Fault::FailedWrite) {
            let failed = Refusal::new(StatusCode::OK, "processing", "The write was not made");
            return Some(Reply::of(&failed.outcome()));
        }
        if !self.active.has(Fault::StaleWrite) {
            return None;
        }
        match interaction {
            Interaction::Update(ty, id) if store.current(ty, id).is_some() => Some(self.existing(store, call, ty, id)),
            Interaction::Delete(..) => Some(bare(StatusCode::NO_CONTENT, None)),
            _ => None,
        }
    }

    /// Creates a resource, under `id` if a transaction has already promised one.
    pub(crate) fn create(
        &self,
        store: &mut Store,
        call: Call,
        ty: &'static str,
        id: Option<&str>,
    ) -> Result<Reply, Refusal> {
        let resource = resource(call.payload.as_ref(), ty)?;
        if let Some(condition) = &call.if_none_exist {
            match search::identify(self, store, ty, condition)?.as_slice() {
                [] => {}
                [id] => return self.existing(store, &call, ty, id),
                _ => {
                    return Err(Refusal::stale(format!("If-None-Exist matches more than one {ty}")));
                }
            }
        }
        let id = id.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
        let version = store.put(ty, &id, resource, "POST")?;
        self.written(&call, StatusCode::CREATED, ty, &id, version)
    }

    fn update(
        &self,
        store: &mut Store,
        call: &Call,
        ty: &'static str,
        id: &str,
        resource: Document,
    ) -> Result<Reply, Refusal> {
        if !is_id(id) {
            return Err(Refusal::invalid("An id has 1 to 64 letters, digits, `-` and `.`").at(format!("{ty}.id")));
        }
        let current = store.current(ty, id).cloned();
        check_if_match(call, current.as_deref())?;
        let heeded = call.if_none_match.as_deref().filter(|_| !self.active.has(Fault::IgnoreNoneMatch));
        if current.is_some() && heeded == Some("*") {
            return Err(Refusal::stale("If-None-Match: * and the resource exists"));
        }
        if current.is_none() && self.active.has(Fault::NoUpdateCreate) {
            let why = "This service lets no client choose an id; create with POST";
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", why));
        }
        let resource = if self.active.has(Fault::OtherWrite) { shouted(resource)? } else { resource };
        let version = store.put(ty, id, resource, "PUT")?;
        let status = if current.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        let shown = current.filter(|_| self.active.has(Fault::LateAnswer)).unwrap_or(version);
        self.written(call, status, ty, id, shown)
    }

    fn conditional_update(&self, store: &mut Store, call: Call, ty: &'static str) -> Result<Reply, Refusal> {
        let resource = resource(call.payload.as_ref(), ty)?;
        let own = resource.string("id");
        match (search::identify(self, store, ty, &call.query)?.as_slice(), own) {
            ([], None) => self.create(store, call, ty, None),
            ([], Some(id)) => self.update(store, &call, ty, &id, resource),
            ([id], own) if own.as_ref().is_none_or(|own| own == id) => self.update(store, &call, ty, id, resource),
            ([_], _) => Err(Refusal::invalid("The resource's id is not that of the match").at(format!("{ty}.id"))),
            _ => Err(Refusal::stale(format!("The condition matches more than one {ty}"))),
        }
    }

    fn delete(&self, store: &mut Store, call: &Call, ty: &'static str, id: &str) -> Result<Reply, Refusal> {
        let current = store.current(ty, id).cloned();
        check_if_match(call, current.as_deref())?;
        let version = current.map(|_| store.delete(ty, id));
        Ok(Reply { status: StatusCode::NO_CONTENT, version, location: None, body: None })
    }

    fn written(
        &self,
        call: &Call,
        status: StatusCode,
        ty: &str,
        id: &str,
        version: Arc<Version>,
    ) -> Result<Reply, Refusal> {
        let location = Some(format!("{}/{ty}/{id}/_history/{}", self.base, version.number));
        let body = if call.returns == Returns::Minimal { None } else { self.shown(&version)? };
        Ok(Reply { status, version: Some(version), location, body })
    }

    /// The reply to a create that found its resource there already.
    pub(crate) fn existing(&self, store: &Store, call: &Call, ty: &str, id: &str) -> Result<Reply, Refusal> {
        let version = store.current(ty, id).cloned().ok_or_else(|| missing(ty))?;
        self.written(call, StatusCode::OK, ty, id, version)
    }

    fn current(&self, store: &Store, call: &Call, ty: &str, id: &str) -> Result<Reply, Refusal> {
        let version = store.instance(ty, id).ok_or_else(|| missing(ty))?.current();
        let unchanged = call.if_none_match.as_deref().is_some_and(|tags| names_version(tags, version));
        if unchanged && version.body.is_some() && !self.active.has(Fault::DropVersion) {
            let version = Some(version.clone());
            return Ok(Reply { status: StatusCode::NOT_MODIFIED, version, location: None, body: None });
        }
        self.one(version, ty)
    }

    fn version(&self, store: &Store, ty: &str, id: &str, number: &str) -> Result<Reply, Refusal> {
        let instance = store.instance(ty, id).ok_or_else(|| missing(ty))?;
        let version = instance.versions.iter().find(|version| version.number.to_string() == number);
        self.one(version.ok_or_else(|| Refusal::not_found(format!("This {ty} has no such version")))?, ty)
    }

    fn one(&self, version: &Arc<Version>, ty: &str) -> Result<Reply, Refusal> {
        let body = self
            .shown(version)?
            .ok_or_else(|| Refusal::new(StatusCode::GONE, "deleted", format!("This {ty} was deleted")))?;
        Ok(Reply { status: StatusCode::OK, version: Some(version.clone()), location: None, body: Some(body) })
    }

    fn shown(&self, version: &Version) -> Result<Option<Box<RawValue>>, Refusal> {
        version.body.as_ref().map(|body| self.present(&body.text).map(Cow::into_owned)).transpose()
    }

    /// A resource as this exchange shows it: as it is stored, but for the faults that change it.
    pub(crate) fn present<'r>(&self, text: &'r RawValue) -> Result<Cow<'r, RawValue>, Refusal> {
        let absolute = self.active.has(Fault::AbsoluteReferences);
        let unversioned = self.active.has(Fault::DropVersion);
        if !absolute && !unversioned {
            return Ok(Cow::Borrowed(text));
        }
        let mut resource: Document = serde_json::from_str(text.get())?;
        if absolute {
            let base = &self.base;
            let mut prefix = |name: &str, text: &str| -> serde_json::Result<_> {
                Ok((name == "reference" && is_relative(text)).then(|| format!("{base}/{text}")))
            };
            resource.rewrite(&mut prefix)?;
        }
        if unversioned && let Some(meta) = resource.get("meta") {
            let mut meta: Document = serde_json::from_str(meta.get())?;
            meta.retain(|name| name != "versionId");
            resource.set("meta", 0, &meta)?;
        }
        Ok(Cow::Owned(resource.to_raw()?))
    }
}

/// The posted resource, of the type that the URL says.
pub(crate) fn resource(payload: Option<&Bytes>, ty: &str) -> Result<Document, Refusal> {
    let resource = object(payload)?;
    match type_of(&resource) {
        Some(own) if own == ty => Ok(resource),
        Some(own) => Err(Refusal::invalid(format!("The URL is of {ty}, the resource is a {own}")).at("resourceType")),
        None => Err(Refusal::invalid("resourceType is missing or not a type of R4").at("resourceType")),
    }
}

pub(crate) fn object(payload: Option<&Bytes>) -> Result<Document, Refusal> {
    let text = match payload {
        Some(text) => text,
        None => {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "required", "The body is missing"));
        }
    };
    serde_json::from_slice(text).map_err(|error| {
        Refusal::new(StatusCode::BAD_REQUEST, "structure", format!("The body is no JSON object: {error}"))
    })
}

fn missing(ty: &str) -> Refusal {
    Refusal::not_found(format!("There is no {ty} with this id"))
}

fn check_if_match(call: &Call, current: Option<&Version>) -> Result<(), Refusal> {
    let Some(tags) = &call.if_match else {
        return Ok(());
    };
    match current {
        Some(current) if names_version(tags, current) => Ok(()),
        Some(current) => {
            Err(Refusal::stale(format!("If-Match names another version; the current is {}", current.etag())))
        }
        None => Err(Refusal::stale("If-Match is given and there is no such resource")),
    }
}

/// Whether a list of entity tags, weak or strong, names a version; `*` names any.
fn names_version(tags: &str, version: &Version) -> bool {
    let number = version.number.to_string();
    let plain = |tag: &str| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"') == number
    };
    tags.split(',').any(plain)
}

/// `other-write`: text for people in capitals.
fn shouted(mut resource: Document) -> Result<Document, Refusal> {
    let is_for_people = |name: &str| matches!(name, "text" | "display" | "family" | "city");
    resource.rewrite::<serde_json::Error>(&mut |name, value| Ok(is_for_people(name).then(|| value.to_uppercase())))?;
    Ok(resource)
}

/// `refuse-writes`: names elements of the resource, as a validating service would.
fn refused_write(status: u16, call: &Call) -> Refusal {
    let resource = object(call.payload.as_ref()).unwrap_or_default();
    let ty = type_of(&resource).unwrap_or("Resource");
    let elements = resource.names().filter(|name| !matches!(*name, "resourceType" | "id" | "meta"));
    let issue = |name: &str| {
        let element = format!("{ty}.{name}");
        Refusal::new(StatusCode::BAD_REQUEST, "business-rule", format!("{element} is refused")).at(element).issues
    };
    let mut issues: Vec<Issue> = elements.take(2).flat_map(issue).collect();
    if issues.is_empty() {
        issues.push(Issue::error("business-rule", "Writes are refused"));
    }
    Refusal { status: StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY), issues }
}

fn is_relative(reference: &str) -> bool {
    reference.split_once('/').is_some_and(|(ty, _)| parameters::known_type(ty).is_some())
}
