//! The pages for people: the data app, the console, and the page at the root that leads to them. They are files of
//! `host/web/dist`, the same for everybody, and ask the public APIs for what they show.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::shared::failure;
use crate::model::error::{Code, Error};

/// Scripts, styles and calls of this server alone, none of them in the text of a page; nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The names of files other than pages are made from what is in them.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// To be asked for again each time, by its tag.
const AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

struct File {
    name: &'static str,
    /// Of its bytes.
    integrity: &'static str,
    bytes: &'static [u8],
}

macro_rules! file {
    ($name:literal, $integrity:literal) => {
        File {
            name: $name,
            integrity: $integrity,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/dist/", $name)),
        }
    };
}

/// By name; written by `host/web/build.mjs`.
static FILES: &[File] = &include!("../../web/dist/files.rs");

pub(super) async fn start(headers: HeaderMap) -> Response {
    named("start.html", &headers)
}

/// Every address below leads to a state of the same page.
pub(super) async fn app(headers: HeaderMap) -> Response {
    named("app.html", &headers)
}

pub(super) async fn console(headers: HeaderMap) -> Response {
    named("console.html", &headers)
}

/// Where a provider sends back who has signed in there.
pub(super) async fn callback(headers: HeaderMap) -> Response {
    named("callback.html", &headers)
}

pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    named(&name, &headers)
}

fn named(name: &str, asked: &HeaderMap) -> Response {
    let Ok(at) = FILES.binary_search_by(|file| file.name.cmp(name)) else {
        let error = Error::new(Code::NotFound, "no page has such a part");
        return failure(&error.hint("load the page anew: the server has other pages than it had"));
    };
    let file = &FILES[at];
    let (kind, kept) = match file.name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => ("text/html; charset=utf-8", AGAIN),
        Some("js") => ("text/javascript; charset=utf-8", FOREVER),
        Some("css") => ("text/css; charset=utf-8", FOREVER),
        Some("svg") => ("image/svg+xml", FOREVER),
        _ => ("text/plain; charset=utf-8", AGAIN),
    };
    // Weak: the bytes depend on the encoding.
    let tag = format!("W/\"{}\"", file.integrity);
    let has_it = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|tags| tags.to_str().is_ok_and(|tags| tags.split(',').any(|one| one.trim() == tag || one.trim() == "*")));
    let mut response = match has_it {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => file.bytes.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, kept);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_files_are_those_that_were_bundled() {
        use base64::prelude::{BASE64_STANDARD, Engine as _};
        assert!(FILES.is_sorted_by_key(|file| file.name));
        for file in FILES {
            let found = format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(file.bytes)));
            assert_eq!(found, file.integrity, "{}: `npm ci && npm run build` in host/web makes it anew", file.name);
        }
        for page in ["start.html", "app.html", "console.html", "callback.html", "LICENSES.txt"] {
            assert!(FILES.iter().any(|file| file.name == page), "{page}");
        }
    }

    /// What a page names is there, and nothing in it runs, or is fetched from elsewhere.
    #[test]
    fn pages_name_files_that_are_there_and_have_no_script_in_them() {
        for page in FILES.iter().filter(|file| file.name.ends_with(".html")) {
            let text = std::str::from_utf8(page.bytes).expect("UTF-8");
            for part in text.split("/pages/").skip(1) {
                let name = part.split('"').next().unwrap_or_default();
                assert!(FILES.iter().any(|file| file.name == name), "{}: {name}", page.name);
            }
            assert!(!text.contains("<style") && !text.contains("://"), "{}", page.name);
            assert_eq!(text.matches("<script").count(), text.matches("<script type=\"module\" src=\"/pages/").count());
        }
    }
}
