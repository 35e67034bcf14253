//! Answers packed with gzip, for those who take it. An answer is whole before a byte of it leaves, so it is packed whole.

use std::io::Write as _;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::http::metadata::takes_gzip;
use crate::http::shared::App;

/// Bytes below which packing saves nobody anything.
const LEAST: u64 = 1 << 10;

/// Bytes that are packed on a thread of the reactor: it takes less than a millisecond.
const AT_ONCE: usize = 64 << 10;

/// The answer to a request with these headers, packed where that is wanted and worth it.
pub(super) async fn packed(app: &App, asked: &HeaderMap, response: Response) -> Response {
    let size = response.body().size_hint().exact().unwrap_or_default();
    if size < LEAST || !is_text(response.headers()) || !takes_gzip(asked) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(plain) = to_bytes(body, usize::MAX).await else { return Response::from_parts(parts, Body::empty()) };
    let zipped = if plain.len() <= AT_ONCE {
        zip(&plain)
    } else {
        let plain = plain.clone();
        // Where too many wait for their turn it goes as it is.
        app.aside().work_aside(move || zip(&plain)).await.unwrap_or_default()
    };
    let Some(zipped) = zipped.filter(|zipped| zipped.len() < plain.len()) else {
        return Response::from_parts(parts, plain.into());
    };
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, zipped.into())
}

/// JSON, XML, text or a batch of these, not packed yet.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_text =
        kind.starts_with("text/") || kind.ends_with("json") || kind.ends_with("xml") || kind == "multipart/mixed";
    is_text && !headers.contains_key(header::CONTENT_ENCODING)
}

fn zip(plain: &Bytes) -> Option<Vec<u8>> {
    let mut zip = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    zip.write_all(plain).ok()?;
    zip.finish().ok()
}
