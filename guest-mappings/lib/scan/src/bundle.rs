//! A FHIR Bundle cut into its entries, resources as slices of the page they came in.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::document::Document;
use crate::lexer::Lexer;
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
/// `resourceType` and `id`. Of members with the same name the last one counts; but not of lists of entries, of which
/// one would be lost: a second one is an error.
pub fn split(page: &[u8]) -> Result<Bundle<'_>, Error> {
    let lexer = Lexer::new(page, page.len());
    match lexer.ok_or(Fault::Grammar).and_then(|lexer| Cutter { lexer }.bundle()) {
        Ok(bundle) => Ok(bundle),
        Err(fault) => {
            // What is no JSON is said first, wherever it is; then what is no Bundle at all.
            let document = Document::parse(page)?;
            if !document.root().get("resourceType").is_some_and(|kind| kind.is("Bundle")) {
                return Err(Error { offset: document.root().range().start, problem: Problem::Unexpected(NO_BUNDLE) });
            }
            Err(match fault {
                Fault::Form(error) => error,
                Fault::Grammar => Error { offset: 0, problem: Problem::Unexpected("expected JSON") },
            })
        }
    }
}

const NO_BUNDLE: &str = "expected a Bundle";

/// Why a page is not cut.
enum Fault {
    /// It is no JSON. A [`Document`] says where.
    Grammar,
    /// It is JSON, but no Bundle.
    Form(Error),
}

impl Fault {
    fn form(offset: usize, what: &'static str) -> Self {
        Self::Form(Error { offset, problem: Problem::Unexpected(what) })
    }
}

type Step<T> = Result<T, Fault>;

/// One pass over the page. Each function takes the position of a value, with how many objects and lists are open around
/// it where that can be more than a handful, and gives the position behind the value.
struct Cutter<'a> {
    lexer: Lexer<'a>,
}

impl<'a> Cutter<'a> {
    fn bundle(&self) -> Step<Bundle<'a>> {
        let start = self.lexer.space(0);
        if self.lexer.byte(start) != b'{' {
            self.skip(start, 0)?;
            return Err(Fault::form(start, NO_BUNDLE));
        }
        let (mut resource_type, mut kind, mut total) = (None, None, None);
        let (mut links, mut entries, mut lists) = (Vec::new(), Vec::new(), 0);
        let end = self.members(start, |key, at| match key {
            "resourceType" => match self.lexer.byte(at) {
                b'"' => self.text(at, &mut resource_type),
                _ => self.skip(at, 1),
            },
            "type" => self.text(at, &mut kind),
            "total" => self.total(at, &mut total),
            "link" => self.elements(at, &mut links, |at, links| {
                let (link, end) = self.link(at)?;
                links.push(link);
                Ok(end)
            }),
            "entry" => {
                lists += 1;
                if lists > 1 {
                    self.skip(at, 1)?;
                    return Err(Fault::form(at, "expected one list of entries"));
                }
                self.elements(at, &mut entries, |at, entries| {
                    let mut entry = Entry { offset: at, ..Entry::default() };
                    let end = self.entry(at, &mut entry)?;
                    entries.push(entry);
                    Ok(end)
                })
            }
            _ => self.skip(at, 1),
        })?;
        if !self.lexer.is_end(end) {
            return Err(Fault::Grammar);
        }
        if resource_type.as_deref() != Some("Bundle") {
            return Err(Fault::form(start, NO_BUNDLE));
        }
        let kind = kind.ok_or(Fault::form(start, "expected Bundle.type"))?;
        Ok(Bundle { kind, total, links, entries })
    }

    fn link(&self, start: usize) -> Step<(Link<'a>, usize)> {
        let (mut relation, mut url) = (None, None);
        let end = self.members(start, |key, at| match key {
            "relation" => self.text(at, &mut relation),
            "url" => self.text(at, &mut url),
            _ => self.skip(at, 3),
        })?;
        let relation = relation.ok_or(Fault::form(start, "expected link.relation"))?;
        let url = url.ok_or(Fault::form(start, "expected url"))?;
        Ok((Link { relation, url }, end))
    }

    fn entry(&self, start: usize, entry: &mut Entry<'a>) -> Step<usize> {
        self.members(start, |key, at| match key {
            "fullUrl" => self.text(at, &mut entry.full_url),
            "resource" => self.object(at, &mut entry.resource, |at| self.resource(at)),
            "search" => self.object(at, &mut entry.search_mode, |at| self.search_mode(at)),
            "request" => self.object(at, &mut entry.request, |at| self.request(at)),
            "response" => self.object(at, &mut entry.response, |at| self.response(at)),
            _ => self.skip(at, 3),
        })
    }

    fn resource(&self, start: usize) -> Step<(Option<Resource<'a>>, usize)> {
        let (mut resource_type, mut id) = (None, None);
        let end = self.members(start, |key, at| match key {
            "resourceType" => self.text(at, &mut resource_type),
            "id" => self.text(at, &mut id),
            _ => self.skip(at, 4),
        })?;
        let resource_type = resource_type.ok_or(Fault::form(start, "expected resourceType"))?;
        let raw = &self.lexer.text()[start..end];
        Ok((Some(Resource { raw, offset: start, resource_type, id }), end))
    }

    fn search_mode(&self, start: usize) -> Step<(Option<Cow<'a, str>>, usize)> {
        let mut mode = None;
        let end = self.members(start, |key, at| match key {
            "mode" => self.text(at, &mut mode),
            _ => self.skip(at, 4),
        })?;
        Ok((mode, end))
    }

    fn request(&self, start: usize) -> Step<(Option<Request<'a>>, usize)> {
        let (mut method, mut url) = (None, None);
        let mut request = Request::default();
        let end = self.members(start, |key, at| match key {
            "method" => self.text(at, &mut method),
            "url" => self.text(at, &mut url),
            "ifMatch" => self.text(at, &mut request.if_match),
            "ifNoneMatch" => self.text(at, &mut request.if_none_match),
            "ifNoneExist" => self.text(at, &mut request.if_none_exist),
            _ => self.skip(at, 4),
        })?;
        request.method = method.ok_or(Fault::form(start, "expected request.method"))?;
        request.url = url.ok_or(Fault::form(start, "expected url"))?;
        Ok((Some(request), end))
    }

    fn response(&self, start: usize) -> Step<(Option<Response<'a>>, usize)> {
        let (mut status, mut outcome) = (None, None);
        let mut response = Response::default();
        let end = self.members(start, |key, at| match key {
            "status" => self.text(at, &mut status),
            "location" => self.text(at, &mut response.location),
            "etag" => self.text(at, &mut response.etag),
            "lastModified" => self.text(at, &mut response.last_modified),
            "outcome" => self.object(at, &mut outcome, |at| {
                let end = self.skip(at, 4)?;
                Ok((Some(&self.lexer.text()[at..end]), end))
            }),
            _ => self.skip(at, 4),
        })?;
        response.status = status.ok_or(Fault::form(start, "expected response.status"))?;
        response.outcome = outcome;
        Ok((Some(response), end))
    }

    /// Goes over the members of the object at `at`, which a brace begins; `member` is given a key and the position of its
    /// value.
    #[inline(always)]
    fn members(&self, at: usize, mut member: impl FnMut(&str, usize) -> Step<usize>) -> Step<usize> {
        let mut at = self.lexer.space(at + 1);
        if self.lexer.byte(at) == b'}' {
            return Ok(at + 1);
        }
        loop {
            if self.lexer.byte(at) != b'"' {
                return Err(Fault::Grammar);
            }
            let key = self.lexer.string(at).ok_or(Fault::Grammar)?;
            let value = self.lexer.colon(key.end).ok_or(Fault::Grammar)?;
            let inner = &self.lexer.text()[at + 1..key.end - 1];
            let end = if key.escaped { member(&unescape(inner), value)? } else { member(inner, value)? };
            at = self.lexer.space(end);
            match self.lexer.byte(at) {
                b',' => at = self.lexer.space(at + 1),
                b'}' => return Ok(at + 1),
                _ => return Err(Fault::Grammar),
            }
        }
    }

    /// A list of objects, or null for an empty one. It takes the place of one of the same name before it.
    fn elements<T>(
        &self,
        start: usize,
        found: &mut Vec<T>,
        mut element: impl FnMut(usize, &mut Vec<T>) -> Step<usize>,
    ) -> Step<usize> {
        found.clear();
        if self.lexer.byte(start) != b'[' {
            return self.null_or(start, "expected an array");
        }
        let mut at = self.lexer.space(start + 1);
        if self.lexer.byte(at) == b']' {
            return Ok(at + 1);
        }
        loop {
            if self.lexer.byte(at) != b'{' {
                self.skip(at, 2)?;
                return Err(Fault::form(at, "expected an object"));
            }
            at = self.lexer.space(element(at, found)?);
            match self.lexer.byte(at) {
                b',' => at = self.lexer.space(at + 1),
                b']' => return Ok(at + 1),
                _ => return Err(Fault::Grammar),
            }
        }
    }

    /// An object, read by `read`, or null.
    fn object<T>(
        &self,
        at: usize,
        found: &mut Option<T>,
        read: impl FnOnce(usize) -> Step<(Option<T>, usize)>,
    ) -> Step<usize> {
        *found = None;
        if self.lexer.byte(at) != b'{' {
            return self.null_or(at, "expected an object");
        }
        let (object, end) = read(at)?;
        *found = object;
        Ok(end)
    }

    /// A string, or null.
    fn text(&self, at: usize, found: &mut Option<Cow<'a, str>>) -> Step<usize> {
        *found = None;
        if self.lexer.byte(at) != b'"' {
            return self.null_or(at, "expected a string");
        }
        let string = self.lexer.string(at).ok_or(Fault::Grammar)?;
        let inner = &self.lexer.text()[at + 1..string.end - 1];
        *found = Some(if string.escaped { unescape(inner) } else { Cow::Borrowed(inner) });
        Ok(string.end)
    }

    fn total(&self, at: usize, found: &mut Option<u64>) -> Step<usize> {
        *found = None;
        let end = self.skip(at, 1)?;
        let text = &self.lexer.text()[at..end];
        if text != "null" {
            *found = Some(text.parse().map_err(|_| Fault::form(at, "expected a count"))?);
        }
        Ok(end)
    }

    /// Nothing else is allowed here.
    fn null_or(&self, at: usize, what: &'static str) -> Step<usize> {
        match self.lexer.byte(at) {
            b'n' => self.lexer.literal(at).ok_or(Fault::Grammar),
            _ => Err(Fault::form(at, what)),
        }
    }

    fn skip(&self, at: usize, depth: usize) -> Step<usize> {
        self.lexer.skip(at, depth).ok_or(Fault::Grammar)
    }
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
            (r#" {"type":[],"link":1,"resourceType":"Group"}"#, 1, "expected a Bundle"),
            (r#"{"resourceType":"Bundle"}"#, 0, "expected Bundle.type"),
            (r#"{"resourceType":"Bundle","type":"batch","entry":{}}"#, 48, "expected an array"),
            (r#"{"resourceType":"Bundle","type":"batch","entry":[1]}"#, 49, "expected an object"),
            (r#"{"resourceType":"Bundle","type":"batch","total":-1}"#, 48, "expected a count"),
            (r#"{"resourceType":"Bundle","type":"batch","entry":[{"resource":{}}]}"#, 61, "expected resourceType"),
            (r#"{"resourceType":"Bundle","type":"batch","entry":[{"resource":{]}]}"#, 62, "expected a member name"),
            (
                r#"{"entry":[{}],"resourceType":"Bundle","type":"batch","entr\u0079":[{}]}"#,
                66,
                "expected one list of entries",
            ),
        ] {
            let error = split(page.as_bytes()).expect_err(page);
            let found = alloc::format!("{}", error.problem);
            assert_eq!((found.as_str(), error.offset), (problem, offset), "{page}");
        }
    }

    #[test]
    fn of_members_twice_the_last_one_counts_however_its_name_is_written() {
        let page = r#"{"resourceType":"Patient","resource\u0054ype":"Bundle","type":"batch","type":"searchset",
            "link":[{"relation":"self","url":"x"},{"relation":"next","url":"y"}],"link":[],
            "entry":[{"resource":{"resourceType":"B","id":"1","id":null},"fullUrl":"x"}]}"#;
        let bundle = split(page.as_bytes()).expect("a bundle");
        let [entry] = bundle.entries.as_slice() else { panic!("one entry: {:?}", bundle.entries) };
        let resource = entry.resource.as_ref().expect("a resource");
        assert_eq!((&*bundle.kind, &*resource.resource_type, &resource.id), ("searchset", "B", &None));
        assert!(bundle.links.is_empty());
    }

    #[test]
    fn null_members_count_as_absent() {
        let page = r#"{"resourceType":"Bundle","type":"searchset","total":null,"link":null,"entry":null}"#;
        let bundle = split(page.as_bytes()).expect("a bundle");
        assert_eq!((bundle.total, bundle.links.len(), bundle.entries.len()), (None, 0, 0));
    }
}
