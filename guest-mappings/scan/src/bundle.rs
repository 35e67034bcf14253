//! A FHIR Bundle cut into its entries, resources as slices of the page they came in.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::document::{Document, Kind, Value};
use crate::scanner::{Error, Problem};
use crate::string::unescape;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle<'a> {
    /// `Bundle.type`: `searchset`, `transaction`, `batch`, …
    pub kind: Cow<'a, str>,
    pub total: Option<u64>,
    pub links: Vec<Link<'a>>,
    pub entries: Vec<Entry<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    pub relation: Cow<'a, str>,
    pub url: Cow<'a, str>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where the entry starts in the page, for messages.
    pub offset: usize,
    pub full_url: Option<Cow<'a, str>>,
    pub resource: Option<Resource<'a>>,
    /// `match`, `include` or `outcome`.
    pub search_mode: Option<Cow<'a, str>>,
    pub request: Option<Request<'a>>,
    pub response: Option<Response<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource<'a> {
    /// The resource as it was sent.
    pub raw: &'a str,
    pub offset: usize,
    pub resource_type: Cow<'a, str>,
    pub id: Option<Cow<'a, str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    pub method: Cow<'a, str>,
    pub url: Cow<'a, str>,
    pub if_match: Option<Cow<'a, str>>,
    pub if_none_match: Option<Cow<'a, str>>,
    pub if_none_exist: Option<Cow<'a, str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response<'a> {
    pub status: Cow<'a, str>,
    pub location: Option<Cow<'a, str>>,
    pub etag: Option<Cow<'a, str>>,
    pub last_modified: Option<Cow<'a, str>>,
    /// An OperationOutcome, as it was sent.
    pub outcome: Option<&'a str>,
}

impl<'a> Bundle<'a> {
    /// The URL of the link of that relation, e.g. `next`.
    pub fn link(&self, relation: &str) -> Option<&str> {
        self.links.iter().find(|link| link.relation == relation).map(|link| &*link.url)
    }
}

/// Cuts a Bundle. The whole page must be strict JSON, its resources included; a member of the wrong type
/// where the Bundle itself has one is an error, whatever is inside the resources is not looked at beyond
/// `resourceType` and `id`.
pub fn split(page: &[u8]) -> Result<Bundle<'_>, Error> {
    let document = Document::parse(page)?;
    let cut = Cutter { text: document.text() };
    let root = document.root();
    if !root.get("resourceType").is_some_and(|kind| kind.is("Bundle")) {
        return Err(unexpected(root, "expected a Bundle"));
    }
    let kind = root.get("type").ok_or_else(|| unexpected(root, "expected Bundle.type"))?;
    Ok(Bundle {
        kind: cut.string(kind)?,
        total: total(root)?,
        links: elements(root, "link")?.map(|link| cut.link(link)).collect::<Result<_, _>>()?,
        entries: elements(root, "entry")?.map(|entry| cut.entry(entry)).collect::<Result<_, _>>()?,
    })
}

/// Values of a [`Document`] borrow from it; this cuts the same spans from the page, which lives longer.
struct Cutter<'a> {
    text: &'a str,
}

impl<'a> Cutter<'a> {
    fn link(&self, link: Value<'_>) -> Result<Link<'a>, Error> {
        Ok(Link { relation: self.required(link, "relation")?, url: self.required(link, "url")? })
    }

    fn entry(&self, entry: Value<'_>) -> Result<Entry<'a>, Error> {
        let search = object(entry, "search")?;
        Ok(Entry {
            offset: entry.range().start,
            full_url: self.optional(entry, "fullUrl")?,
            resource: object(entry, "resource")?.map(|resource| self.resource(resource)).transpose()?,
            search_mode: search.map_or(Ok(None), |search| self.optional(search, "mode"))?,
            request: object(entry, "request")?.map(|request| self.request(request)).transpose()?,
            response: object(entry, "response")?.map(|response| self.response(response)).transpose()?,
        })
    }

    fn resource(&self, resource: Value<'_>) -> Result<Resource<'a>, Error> {
        Ok(Resource {
            raw: &self.text[resource.range()],
            offset: resource.range().start,
            resource_type: self.required(resource, "resourceType")?,
            id: self.optional(resource, "id")?,
        })
    }

    fn request(&self, request: Value<'_>) -> Result<Request<'a>, Error> {
        Ok(Request {
            method: self.required(request, "method")?,
            url: self.required(request, "url")?,
            if_match: self.optional(request, "ifMatch")?,
            if_none_match: self.optional(request, "ifNoneMatch")?,
            if_none_exist: self.optional(request, "ifNoneExist")?,
        })
    }

    fn response(&self, response: Value<'_>) -> Result<Response<'a>, Error> {
        Ok(Response {
            status: self.required(response, "status")?,
            location: self.optional(response, "location")?,
            etag: self.optional(response, "etag")?,
            last_modified: self.optional(response, "lastModified")?,
            outcome: object(response, "outcome")?.map(|outcome| &self.text[outcome.range()]),
        })
    }

    fn required(&self, object: Value<'_>, name: &'static str) -> Result<Cow<'a, str>, Error> {
        match present(object, name) {
            Some(value) => self.string(value),
            None => Err(unexpected(object, missing(name))),
        }
    }

    fn optional(&self, object: Value<'_>, name: &str) -> Result<Option<Cow<'a, str>>, Error> {
        present(object, name).map(|value| self.string(value)).transpose()
    }

    fn string(&self, value: Value<'_>) -> Result<Cow<'a, str>, Error> {
        if value.kind() != Kind::String {
            return Err(unexpected(value, "expected a string"));
        }
        let range = value.range();
        Ok(unescape(&self.text[range.start + 1..range.end - 1]))
    }
}

fn missing(name: &str) -> &'static str {
    match name {
        "relation" => "expected link.relation",
        "url" => "expected url",
        "method" => "expected request.method",
        "status" => "expected response.status",
        _ => "expected resourceType",
    }
}

/// A member that is there and not null.
fn present<'v>(object: Value<'v>, name: &str) -> Option<Value<'v>> {
    object.get(name).filter(|value| !value.is_null())
}

fn object<'v>(parent: Value<'v>, name: &str) -> Result<Option<Value<'v>>, Error> {
    match present(parent, name) {
        Some(value) if value.kind() != Kind::Object => Err(unexpected(value, "expected an object")),
        value => Ok(value),
    }
}

/// The objects of an array member; none if it is absent.
fn elements<'v>(parent: Value<'v>, name: &str) -> Result<impl Iterator<Item = Value<'v>> + use<'v>, Error> {
    let array = present(parent, name);
    if let Some(array) = array {
        if array.kind() != Kind::Array {
            return Err(unexpected(array, "expected an array"));
        }
        if let Some(other) = array.items().find(|item| item.kind() != Kind::Object) {
            return Err(unexpected(other, "expected an object"));
        }
    }
    Ok(array.into_iter().flat_map(Value::items))
}

fn total(root: Value<'_>) -> Result<Option<u64>, Error> {
    let Some(total) = present(root, "total") else {
        return Ok(None);
    };
    match total.number().and_then(|digits| digits.parse().ok()) {
        Some(count) => Ok(Some(count)),
        None => Err(unexpected(total, "expected a count")),
    }
}

fn unexpected(value: Value<'_>, what: &'static str) -> Error {
    Error { offset: value.range().start, problem: Problem::Unexpected(what) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"{"resourceType":"Bundle","type":"searchset","total":2,
        "link":[{"relation":"self","url":"http://x/a"},{"relation":"next","url":"http:\/\/x\/b"}],
        "entry":[
          {"fullUrl":"http://x/Patient/1","resource":{ "resourceType":"Patient", "id":"1", "a":[1.50] },"search":{"mode":"match"}},
          {"request":{"method":"PUT","url":"Patient/2","ifMatch":"W/\"1\""}},
          {"response":{"status":"201 Created","etag":"W/\"1\"","outcome":{"resourceType":"OperationOutcome"}}}
        ]}"#;

    #[test]
    fn cuts_without_copying() {
        let bundle = split(PAGE.as_bytes()).expect("a bundle");
        assert_eq!((&*bundle.kind, bundle.total, bundle.entries.len()), ("searchset", Some(2), 3));
        assert_eq!(bundle.link("next"), Some("http://x/b"));
        assert_eq!(bundle.link("prev"), None);
        let resource = bundle.entries[0].resource.as_ref().expect("a resource");
        assert_eq!(resource.raw, r#"{ "resourceType":"Patient", "id":"1", "a":[1.50] }"#);
        assert!(PAGE[resource.offset..].starts_with(resource.raw));
        assert_eq!((&*resource.resource_type, resource.id.as_deref()), ("Patient", Some("1")));
        assert_eq!(bundle.entries[0].search_mode.as_deref(), Some("match"));
        let request = bundle.entries[1].request.as_ref().expect("a request");
        assert_eq!((&*request.method, request.if_match.as_deref()), ("PUT", Some("W/\"1\"")));
        let response = bundle.entries[2].response.as_ref().expect("a response");
        assert_eq!(response.outcome, Some(r#"{"resourceType":"OperationOutcome"}"#));
    }

    #[test]
    fn refuses_with_the_offset() {
        for (page, offset, problem) in [
            (r#"{"resourceType":"Patient"}"#, 0, "expected a Bundle"),
            (r#"[]"#, 0, "expected a Bundle"),
            (r#"{"resourceType":"Bundle"}"#, 0, "expected Bundle.type"),
            (r#"{"resourceType":"Bundle","type":"batch","entry":{}}"#, 48, "expected an array"),
            (r#"{"resourceType":"Bundle","type":"batch","entry":[1]}"#, 49, "expected an object"),
            (r#"{"resourceType":"Bundle","type":"batch","total":-1}"#, 48, "expected a count"),
            (r#"{"resourceType":"Bundle","type":"batch","entry":[{"resource":{}}]}"#, 61, "expected resourceType"),
            (r#"{"resourceType":"Bundle","type":"batch","entry":[{"resource":{]}]}"#, 62, "expected a member name"),
        ] {
            let error = split(page.as_bytes()).expect_err(page);
            let found = alloc::format!("{}", error.problem);
            assert_eq!((found.as_str(), error.offset), (problem, offset), "{page}");
        }
    }

    #[test]
    fn null_members_count_as_absent() {
        let page = r#"{"resourceType":"Bundle","type":"searchset","total":null,"link":null,"entry":null}"#;
        let bundle = split(page.as_bytes()).expect("a bundle");
        assert_eq!((bundle.total, bundle.links.len(), bundle.entries.len()), (None, 0, 0));
    }
}
