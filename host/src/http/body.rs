//! Bodies in: whole, within their limit and their time, unpacked, without a byte order mark.

use std::future::poll_fn;
use std::io::Read as _;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;

use crate::http::line::{TooSlow, Weight};
use crate::http::shared::App;
use crate::model::error::{Code, Error, Result};

/// How long somebody is heard out whose body is refused.
const LINGER: Duration = Duration::from_secs(5);

/// Some programs begin a text with it (RFC 8259, 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The name of a limit, if it has one, and the bytes that a body may have.
type Most<'a> = (&'a str, usize);

/// A body as it was before it was packed. `BodyTooLarge` where it is larger than `limit`, packed or not;
/// `UnsupportedMediaType` for another coding than gzip; `Busy` where there is no room; `RequestTimeout`, `BadRequest` where it does not arrive.
pub async fn read(app: &App, headers: &HeaderMap, body: Body, limit: Most<'static>) -> Result<Bytes> {
    let is_packed = match is_packed(headers) {
        Ok(is_packed) => is_packed,
        Err(error) => return Err(refused(headers, body, error).await),
    };
    let body = whole(app, headers, body, limit).await?;
    let body = if is_packed {
        let plain = app.aside().work_aside(move || unpacked(&body, limit)).await??;
        let mut weight = Weight::new(&app.lines.held);
        weight.add(plain.len());
        if is_too_much(app, &weight) {
            return Err(too_much());
        }
        weight.of(plain)
    } else {
        body
    };
    Ok(if body.starts_with(BYTE_ORDER_MARK) { body.slice(BYTE_ORDER_MARK.len()..) } else { body })
}

/// Whether it is packed with gzip, the one coding that is taken.
fn is_packed(headers: &HeaderMap) -> Result<bool> {
    let said = headers.get_all(header::CONTENT_ENCODING).iter().map(|value| value.to_str().unwrap_or("?"));
    let codings = said.flat_map(|said| said.split(',')).map(|coding| coding.trim().to_ascii_lowercase());
    let codings: Vec<_> = codings.filter(|coding| !matches!(coding.as_str(), "" | "identity")).collect();
    match codings.as_slice() {
        [] => Ok(false),
        [one] if matches!(one.as_str(), "gzip" | "x-gzip") => Ok(true),
        _ => Err(Error::new(Code::UnsupportedMediaType, "this Content-Encoding is not taken here")
            .target("Content-Encoding")
            .hint("send the body as it is, or with gzip")),
    }
}

fn unpacked(body: &[u8], limit: Most<'_>) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    let most = u64::try_from(limit.1).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(body).take(most).read_to_end(&mut plain);
    read.map_err(|_| Error::new(Code::BadRequest, "the body is no gzip, as Content-Encoding says"))?;
    if plain.len() > limit.1 { Err(too_large(limit)) } else { Ok(plain) }
}

fn too_large((name, most): Most<'_>) -> Error {
    let named = if name.is_empty() { String::new() } else { format!(" (limit `{name}`)") };
    Error::new(Code::BodyTooLarge, format!("the body is larger than {most} bytes{named}"))
}

/// Whether this is more than there is room for beside others' bodies.
fn is_too_much(app: &App, weight: &Weight) -> bool {
    let is = weight.is_too_much(app.turntable.limits.bodies_bytes);
    app.lines.declined.fetch_add(is.into(), Ordering::Relaxed);
    is
}

fn too_much() -> Error {
    let error = Error::new(Code::Busy, "there is no room for the body beside others (`bodies_bytes`)");
    error.hint("try again shortly").retry_after(1)
}

/// As it was sent. One that says that it is too large is not waited for.
async fn whole(app: &App, headers: &HeaderMap, mut body: Body, limit: Most<'_>) -> Result<Bytes> {
    let said = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if said > limit.1 {
        return Err(refused(headers, body, too_large(limit)).await);
    }
    let mut whole = Vec::with_capacity(said.min(64 << 10));
    let mut weight = Weight::new(&app.lines.held);
    while let Some(data) = next(&mut body).await? {
        if whole.len() + data.len() > limit.1 {
            return Err(refused(headers, body, too_large(limit)).await);
        }
        weight.add(data.len());
        if is_too_much(app, &weight) {
            drop((whole, weight));
            return Err(refused(headers, body, too_much()).await);
        }
        whole.extend_from_slice(&data);
    }
    Ok(weight.of(whole))
}

/// Who still sends does not listen yet: heard out for a while, it sees the answer, not a broken connection. Who asks first
/// (RFC 9110, 10.1.1) is not asked to send.
pub async fn refused(headers: &HeaderMap, mut body: Body, error: Error) -> Error {
    if !headers.contains_key(header::EXPECT) {
        let to_the_end = async { while let Ok(Some(_)) = next(&mut body).await {} };
        let _ = tokio::time::timeout(LINGER, to_the_end).await;
    }
    error
}

async fn next(body: &mut Body) -> Result<Option<Bytes>> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            None => return Ok(None),
            Some(Err(error)) if is_slow(&error) => {
                let error = Error::new(Code::RequestTimeout, "the body comes too slowly");
                return Err(error.hint("send it at once; the limits are `transfer_bytes` in `transfer_ms`"));
            }
            Some(Err(_)) => return Err(Error::new(Code::BadRequest, "the body did not arrive whole")),
            // Trailers say nothing here.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

fn is_slow(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn one_coding_is_taken() {
        let check = |said: &[&str], expected: Option<bool>| {
            let said = said.iter().map(|value| (header::CONTENT_ENCODING, HeaderValue::try_from(*value).unwrap()));
            assert_eq!(is_packed(&said.collect()).ok(), expected);
        };
        check(&[], Some(false));
        check(&["identity"], Some(false));
        check(&["GZIP"], Some(true));
        check(&["x-gzip, identity"], Some(true));
        check(&["gzip, gzip"], None);
        check(&["gzip", "gzip"], None);
        check(&["gzip", "br"], None);
        check(&["deflate"], None);
        check(&["zstd"], None);
    }

    #[tokio::test]
    async fn a_body_is_as_large_as_it_may_be() {
        let app = App::for_tests();
        let read = async |coding: Option<&'static str>, body: Vec<u8>, limit: usize| {
            let headers = coding.map(|coding| (header::CONTENT_ENCODING, HeaderValue::from_static(coding)));
            let read = read(&app, &headers.into_iter().collect(), Body::from(body), ("", limit)).await;
            read.map(|body| body.to_vec()).map_err(|error| error.code())
        };
        let packed = |text: &[u8]| {
            let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut zip, text).and_then(|()| zip.finish()).unwrap()
        };
        assert_eq!(read(None, b"12345".to_vec(), 5).await.unwrap(), b"12345");
        assert_eq!(read(None, b"12345".to_vec(), 4).await, Err(Code::BodyTooLarge));
        assert_eq!(read(None, b"\xef\xbb\xbf{}".to_vec(), 9).await.unwrap(), b"{}");
        assert_eq!(read(Some("gzip"), packed(b"\xef\xbb\xbf{}"), 99).await.unwrap(), b"{}");
        let bomb = packed(&vec![b' '; 1 << 20]);
        assert!(bomb.len() < 5_000);
        assert_eq!(read(Some("gzip"), bomb.clone(), 1 << 20).await.unwrap().len(), 1 << 20);
        assert_eq!(read(Some("gzip"), bomb, (1 << 20) - 1).await, Err(Code::BodyTooLarge));
        assert_eq!(read(Some("gzip"), b"{}".to_vec(), 99).await, Err(Code::BadRequest));
        assert_eq!(read(Some("br"), b"{}".to_vec(), 99).await, Err(Code::UnsupportedMediaType));
    }
}
