//! What the service has, as documents that clients fetch once and ask for again and again: the service document and
//! `$metadata`. Each is rendered once for a snapshot, off the reactor, and kept compressed under an ETag.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tokio::sync::OnceCell;

use crate::mapping::inspect::digest;
use crate::model::catalog::Catalog;
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::odata::headers::{Format, SchemaForm};
use crate::odata::metadata::{self, Told};
use crate::router::session::Session;
use crate::router::snapshot::Snapshot;

/// Documents that are kept at once. `$metadata` is four; the service document names the host that the client called, so
/// there are as many as there are names, and the oldest go first.
const DOCUMENTS_MAX: usize = 10;

/// Which document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Whether its dates are date-times.
    Schema(SchemaForm, bool),
    Service {
        base: String,
        format: Format,
    },
}

/// Moments whose documents are kept: the one in force, and the same with canaries, which answer some of the callers.
const MOMENTS_MAX: usize = 4;

/// The documents of the snapshots that are in force.
#[derive(Default)]
pub struct Documents(Mutex<Vec<Kept>>);

/// What a document is about, and who sees it: everybody who sees all there is, or those with the same rules.
type Subject = (Which, Option<String>);

#[derive(Default)]
struct Kept {
    /// It is not kept alive, and while it is named here no other can have its address.
    of: Weak<Snapshot>,
    /// Each for those who see the same.
    documents: Vec<(Subject, Arc<OnceCell<Document>>)>,
}

struct Document {
    content_type: HeaderValue,
    /// Weak: the bytes depend on the encoding.
    etag: HeaderValue,
    gzipped: Bytes,
}

impl Documents {
    /// The document; or that it has not changed, to whoever has it.
    pub(super) async fn answer(&self, session: &Session, which: Which, headers: &HeaderMap) -> Result<Response> {
        let place = self.place(session.snapshot(), session.seen_as(), &which);
        let catalog = session.catalog_kept();
        let limits = session.limits().clone();
        let rendered = async || session.work_aside(move || render(&catalog, &limits, &which)).await?;
        let document = place.get_or_try_init(rendered).await?;
        let mut response = if has_it(headers, &document.etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else if takes_gzip(headers) {
            let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            (encoding, document.gzipped.clone()).into_response()
        } else {
            let gzipped = document.gzipped.clone();
            session.work_aside(move || unzip(&gzipped)).await??.into_response()
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, document.content_type.clone());
        headers.insert(header::ETAG, document.etag.clone());
        // Kept by whoever asked, and asked for again each time.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        Ok(response)
    }

    /// Where the document is, or is to be put by the first who wants it.
    fn place(&self, snapshot: &Arc<Snapshot>, seen_as: Option<&str>, which: &Which) -> Arc<OnceCell<Document>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = Arc::downgrade(snapshot);
        let at = all.iter().position(|kept| kept.of.ptr_eq(&of)).unwrap_or_else(|| {
            all.retain(|kept| kept.of.strong_count() > 0);
            if all.len() >= MOMENTS_MAX {
                all.remove(0);
            }
            all.push(Kept { of, documents: Vec::new() });
            all.len() - 1
        });
        let kept = &mut all[at];
        if let Some((_, place)) = kept.documents.iter().find(|(own, _)| own.0 == *which && own.1.as_deref() == seen_as)
        {
            return place.clone();
        }
        if kept.documents.len() >= DOCUMENTS_MAX {
            kept.documents.remove(0);
        }
        let place = Arc::default();
        kept.documents.push(((which.clone(), seen_as.map(str::to_owned)), Arc::clone(&place)));
        place
    }
}

/// It takes tens of milliseconds.
fn render(catalog: &Catalog, limits: &Limits, which: &Which) -> Result<Document> {
    let (content_type, text) = match which {
        Which::Schema(form, dates_as_moments) => {
            let said = Told { catalog, limits, dates_as_moments: *dates_as_moments };
            match form {
                SchemaForm::Xml => ("application/xml".into(), metadata::csdl_xml(said)?),
                SchemaForm::Json => ("application/json".into(), metadata::csdl_json(said)),
            }
        }
        Which::Service { base, format } => (format.content_type(), metadata::service_document(catalog, base, *format)),
    };
    let failed =
        |error: &dyn std::error::Error| Error::new(Code::Internal, "a document failed").internal(error.to_string());
    let of = digest(&text);
    let etag = format!("W/\"{}\"", of.get(7..39).unwrap_or(&of));
    let mut zip = GzEncoder::new(Vec::new(), Compression::default());
    let gzipped = zip.write_all(&text).and_then(|()| zip.finish()).map_err(|error| failed(&error))?;
    Ok(Document {
        content_type: HeaderValue::try_from(content_type).map_err(|error| failed(&error))?,
        etag: HeaderValue::try_from(etag).map_err(|error| failed(&error))?,
        gzipped: gzipped.into(),
    })
}

fn unzip(gzipped: &[u8]) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    GzDecoder::new(gzipped)
        .read_to_end(&mut text)
        .map_err(|error| Error::new(Code::Internal, "a kept document is damaged").internal(error.to_string()))?;
    Ok(text)
}

/// Whether the client says that it has what this ETag names (RFC 9110, 13.1.2).
fn has_it(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let own = etag.to_str().map(opaque).unwrap_or_default();
    let said = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    said.flat_map(|tags| tags.split(',')).any(|tag| tag.trim() == "*" || opaque(tag) == own)
}

/// Whether the client takes gzip (RFC 9110, 12.5.3): by name, or else by `*`, and not with a weight of zero.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let said = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut any = false;
    for coding in said.flat_map(|codings| codings.split(',')) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").or(parameters.trim().strip_prefix("Q="));
        let taken = weight.is_none_or(|weight| weight.trim().parse().is_ok_and(|weight: f32| weight > 0.0));
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => return taken,
            "*" => any = taken,
            _ => {}
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::caller::Caller;
    use crate::router::snapshot::Turntable;

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::try_from(value).unwrap())])
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        let check = |said: &str, expected: bool| {
            assert_eq!(takes_gzip(&with(header::ACCEPT_ENCODING, said)), expected, "{said:?}");
        };
        assert!(!takes_gzip(&HeaderMap::new()));
        check("", false);
        check("gzip", true);
        check("deflate, GZIP;q=0.5, br", true);
        check("x-gzip", true);
        check("gzip;q=0", false);
        check("gzip; q=0.000, *", false);
        check("*", true);
        check("*;q=0", false);
        check("*;q=0, gzip", true);
        check("gzip;q=much", false);
        check("br, identity", false);
        check("gzipped", false);
    }

    #[test]
    fn who_has_it_is_told_so() {
        let etag = HeaderValue::from_static("W/\"a1\"");
        let check = |said: &str, expected: bool| {
            assert_eq!(has_it(&with(header::IF_NONE_MATCH, said), &etag), expected, "{said:?}");
        };
        assert!(!has_it(&HeaderMap::new(), &etag));
        check("W/\"a1\"", true);
        check("\"a1\"", true);
        check("\"b\", W/\"a1\"", true);
        check("*", true);
        check("\"a\"", false);
        check("a1", false);
        check("", false);
    }

    #[tokio::test]
    async fn a_document_is_rendered_once_for_a_snapshot() {
        let which = Which::Schema(SchemaForm::Xml, false);
        let session = Session::new(Turntable::for_tests().into(), Caller::local());
        let documents = Documents::default();
        let answer = async |headers: &HeaderMap| documents.answer(&session, which.clone(), headers).await.unwrap();
        let text = answer(&HeaderMap::new()).await;
        assert_eq!(text.headers()[header::CONTENT_TYPE], "application/xml");
        assert!(!text.headers().contains_key(header::CONTENT_ENCODING));
        let place = documents.place(session.snapshot(), None, &which);
        let etag = place.get().unwrap().etag.clone();
        assert_eq!(text.headers()[header::ETAG], etag);
        assert!(unzip(&place.get().unwrap().gzipped).unwrap().starts_with(b"<?xml"));

        let zipped = answer(&with(header::ACCEPT_ENCODING, "gzip")).await;
        assert_eq!(zipped.headers()[header::CONTENT_ENCODING], "gzip");
        let unchanged = answer(&with(header::IF_NONE_MATCH, etag.to_str().unwrap())).await;
        assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
        assert!(Arc::ptr_eq(&place, &documents.place(session.snapshot(), None, &which)));
    }

    #[test]
    fn documents_are_of_one_moment_and_bounded() {
        let documents = Documents::default();
        let which = Which::Schema(SchemaForm::Json, false);
        let [first, second] = [Arc::new(Snapshot::default()), Arc::new(Snapshot::default())];
        let place = documents.place(&first, None, &which);
        assert!(Arc::ptr_eq(&place, &documents.place(&first, None, &which)));
        assert!(!Arc::ptr_eq(&place, &documents.place(&second, None, &which)));
        assert_eq!(Arc::strong_count(&second), 1, "nobody who waits for the end of a moment waits for a document");
        for name in 0..20 {
            let format = Format::default();
            documents.place(&second, None, &Which::Service { base: format!("http://{name}/"), format });
        }
        assert_eq!(documents.0.lock().unwrap()[1].documents.len(), DOCUMENTS_MAX);
        // Those of a moment that has gone go with the next one, and so do the oldest of many.
        drop(first);
        let others: Vec<_> = (0..6).map(|_| Arc::new(Snapshot::default())).collect();
        for (number, other) in others.iter().enumerate() {
            documents.place(other, None, &which);
            assert_eq!(documents.0.lock().unwrap().len(), (number + 2).min(MOMENTS_MAX));
        }
    }
}
