//! A client of the router: requests in, answers to assert on out.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::Value as Json;
use tower::ServiceExt as _;
use turntable_fhir_sandbox::Sandbox;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("headers are ASCII"))
    }

    /// The first issue as `code expression`.
    #[track_caller]
    pub(crate) fn issue(&self) -> String {
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        let issue = &outcome["issue"][0];
        assert_ne!(issue["diagnostics"], "");
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        format!("{} {}", text(&issue["code"]), text(&issue["expression"][0])).trim_end().to_owned()
    }
}

/// Sends a request; `headers` is `Name: value` lines.
pub(crate) async fn send(sandbox: &Sandbox, request: &str, headers: &[&str], body: &str) -> Answer {
    let (method, path) = request.split_once(' ').expect("METHOD path");
    let mut request = Request::builder().method(method).uri(format!("/fhir{path}")).header("host", "here");
    for header in headers {
        let (name, value) = header.split_once(": ").expect("Name: value");
        request = request.header(name, value);
    }
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    let response = sandbox.router().oneshot(request).await.expect("the router is infallible");
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a whole body");
    let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

pub(crate) async fn get(sandbox: &Sandbox, path: &str) -> Answer {
    send(sandbox, &format!("GET {path}"), &[], "").await
}

/// The ids of a searchset's matches, in order.
pub(crate) fn ids(bundle: &Json, mode: &str) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let matches = entries.iter().filter(|entry| entry["search"]["mode"] == mode);
    matches.map(|entry| entry["resource"]["id"].as_str().unwrap_or_default().to_owned()).collect()
}

pub(crate) fn link(bundle: &Json, relation: &str) -> Option<String> {
    let links = bundle["link"].as_array()?;
    let link = links.iter().find(|link| link["relation"] == relation)?;
    link["url"].as_str().map(str::to_owned)
}

/// Follows `next` links to the end; the ids of all pages.
pub(crate) async fn all_pages(sandbox: &Sandbox, path: &str) -> Vec<String> {
    let (mut path, mut found) = (path.to_owned(), Vec::new());
    loop {
        let page = get(sandbox, &path).await.json();
        found.extend(ids(&page, "match"));
        let Some(next) = link(&page, "next") else {
            return found;
        };
        path = next.strip_prefix("http://here/fhir").expect("a link to this service").to_owned();
    }
}

pub(crate) fn load(sandbox: &Sandbox, resources: &[&str]) {
    for resource in resources {
        sandbox.load(resource.as_bytes()).unwrap_or_else(|error| panic!("{error}: {resource}"));
    }
}
