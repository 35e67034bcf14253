//! `bundle::split` against the same rules over serde_json: what is a bundle, and every part of it.
//!
//! Spans are compared by what they hold: a resource is the text that serde_json parses to the same value, at its offset.
//! A text that names a member twice is not looked at, for serde_json keeps one of them only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value as Json};
use turntable_scan::{Document, bundle};

fuzz_target!(|bytes: &[u8]| {
    let cut = bundle::split(bytes);
    let Ok(page) = serde_json::from_slice::<Json>(bytes) else {
        assert!(cut.is_err(), "serde_json refuses it");
        return;
    };
    if has_duplicates(bytes) {
        return;
    }
    let expected = expected(&page);
    assert_eq!(cut.is_ok(), expected.is_some(), "{cut:?} {expected:?}");
    let (Ok(cut), Some(expected)) = (cut, expected) else { return };
    let text = std::str::from_utf8(bytes).expect("it parsed");
    assert_eq!((&*cut.kind, cut.total), (expected.kind, expected.total));
    let links: Vec<_> = cut.links.iter().map(|link| (&*link.relation, &*link.url)).collect();
    assert_eq!(links, expected.links);
    for relation in ["self", "next", ""] {
        let first = expected.links.iter().find(|(name, _)| *name == relation).map(|(_, url)| *url);
        assert_eq!(cut.link(relation), first);
    }
    assert_eq!(cut.entries.len(), expected.entries.len());
    for (cut, expected) in cut.entries.iter().zip(expected.entries) {
        assert!(text[cut.offset..].starts_with('{'));
        assert_eq!((cut.full_url.as_deref(), cut.search_mode.as_deref()), (expected.full_url, expected.mode));
        assert_eq!(cut.resource.is_some(), expected.resource.is_some());
        if let (Some(cut), Some(expected)) = (&cut.resource, expected.resource) {
            assert!(text[cut.offset..].starts_with(cut.raw));
            assert_eq!(serde_json::from_str::<Json>(cut.raw).as_ref().ok(), Some(expected));
            assert_eq!(Some(&*cut.resource_type), expected["resourceType"].as_str());
            assert_eq!(cut.id.as_deref(), expected["id"].as_str());
        }
        let request = cut.request.as_ref().map(|request| {
            let conditions = [&request.if_match, &request.if_none_match, &request.if_none_exist];
            (vec![&*request.method, &*request.url], conditions.map(Option::as_deref).to_vec())
        });
        assert_eq!(request, expected.request);
        let response = cut.response.as_ref().map(|response| {
            let rest = [&response.location, &response.etag, &response.last_modified];
            (vec![&*response.status], rest.map(Option::as_deref).to_vec())
        });
        assert_eq!(response, expected.response);
        let outcome = cut.response.as_ref().and_then(|response| response.outcome);
        let outcome = outcome.map(|text| serde_json::from_str::<Json>(text).expect("an outcome is JSON"));
        assert_eq!(outcome.as_ref(), expected.outcome);
    }
});

#[derive(Debug)]
struct Bundle<'a> {
    kind: &'a str,
    total: Option<u64>,
    links: Vec<(&'a str, &'a str)>,
    entries: Vec<Entry<'a>>,
}

/// Texts that must be there, and those that may be.
type Texts<'a> = (Vec<&'a str>, Vec<Option<&'a str>>);

#[derive(Debug)]
struct Entry<'a> {
    full_url: Option<&'a str>,
    resource: Option<&'a Json>,
    mode: Option<&'a str>,
    request: Option<Texts<'a>>,
    response: Option<Texts<'a>>,
    outcome: Option<&'a Json>,
}

/// What the page must be cut into; `None` where it must be refused.
fn expected(page: &Json) -> Option<Bundle<'_>> {
    let root = page.as_object()?;
    if root.get("resourceType")?.as_str()? != "Bundle" {
        return None;
    }
    let kind = root.get("type")?.as_str()?;
    let total = match present(root, "total") {
        Some(Json::Number(digits)) => Some(digits.as_str().parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    let links = elements(root, "link")?;
    let links = links.into_iter().map(|link| Some((text(link, "relation")??, text(link, "url")??)));
    let entries = elements(root, "entry")?;
    Some(Bundle {
        kind,
        total,
        links: links.collect::<Option<_>>()?,
        entries: entries.into_iter().map(entry).collect::<Option<_>>()?,
    })
}

fn entry(entry: &Map<String, Json>) -> Option<Entry<'_>> {
    let response = object(entry, "response")?;
    let resource = object(entry, "resource")?;
    if let Some(resource) = resource {
        text(resource, "resourceType")??;
        text(resource, "id")?;
    }
    Some(Entry {
        full_url: text(entry, "fullUrl")?,
        resource: resource.and(entry.get("resource")),
        mode: object(entry, "search")?.map_or(Some(None), |search| text(search, "mode"))?,
        request: match object(entry, "request")? {
            Some(request) => Some(texts(request, &["method", "url"], &["ifMatch", "ifNoneMatch", "ifNoneExist"])?),
            None => None,
        },
        response: match response {
            Some(response) => Some(texts(response, &["status"], &["location", "etag", "lastModified"])?),
            None => None,
        },
        outcome: match response {
            Some(response) => object(response, "outcome")?.and(response.get("outcome")),
            None => None,
        },
    })
}

fn texts<'a>(object: &'a Map<String, Json>, required: &[&str], optional: &[&str]) -> Option<Texts<'a>> {
    let required = required.iter().map(|name| text(object, name)?);
    let optional = optional.iter().map(|name| text(object, name));
    Some((required.collect::<Option<_>>()?, optional.collect::<Option<_>>()?))
}

/// A member that is there and not null.
fn present<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    object.get(name).filter(|value| !value.is_null())
}

/// `None` for a member that is no text, `Some(None)` for one that is absent.
fn text<'a>(object: &'a Map<String, Json>, name: &str) -> Option<Option<&'a str>> {
    present(object, name).map_or(Some(None), |value| value.as_str().map(Some))
}

fn object<'a>(parent: &'a Map<String, Json>, name: &str) -> Option<Option<&'a Map<String, Json>>> {
    present(parent, name).map_or(Some(None), |value| value.as_object().map(Some))
}

fn elements<'a>(parent: &'a Map<String, Json>, name: &str) -> Option<Vec<&'a Map<String, Json>>> {
    match present(parent, name) {
        Some(value) => value.as_array()?.iter().map(Json::as_object).collect(),
        None => Some(Vec::new()),
    }
}

fn has_duplicates(bytes: &[u8]) -> bool {
    let Ok(document) = Document::parse(bytes) else { return false };
    let mut open = vec![document.root()];
    while let Some(value) = open.pop() {
        if value.has_duplicates() {
            return true;
        }
        open.extend(value.members().map(|(_, value)| value).chain(value.items()));
    }
    false
}
