//! All rows of a query as one file, written while they are read: reading, writing and the client's taking go hand in hand,
//! some rows at a time. What goes wrong before the first bytes is answered as any error; later on the connection is broken
//! off, so that nobody takes a part for the whole, and the log says why.

use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Frame;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::http::metadata::takes_gzip;
use crate::http::shared::App;
use crate::model::error::{Code, Error, Result};
use crate::model::query::Query;
use crate::model::result::Names;
use crate::model::rows::Rows;
use crate::odata::headers::{Csv, FileForm};
use crate::odata::reply::{self, Found, Style};
use crate::odata::request::Call;
use crate::odata::{csv, parquet};
use crate::router::noted::Noting;
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;
use crate::router::work;
use crate::telemetry::context::going_on;

/// Parts of a file that wait to be taken; of rows that wait to be written there are as many.
const WAITING: usize = 2;

/// What is to be given, and to whom.
pub(super) struct Export {
    pub(super) session: Session,
    pub(super) table: Arc<ServedTable>,
    pub(super) query: Query,
    pub(super) call: Arc<Call>,
    pub(super) form: FileForm,
    /// The service root as the client sees it.
    pub(super) base: String,
    /// What it leaves in the audit trail.
    pub(super) noted: Option<Arc<Noting>>,
}

/// A part of a file. One that ends without an end is none.
enum Part {
    Bytes(Bytes),
    End,
    Broken(Error),
}

/// The answer, once its first bytes are there. `Busy` where there are too many under way.
pub(super) async fn answer(app: &App, export: Export, asked: &HeaderMap) -> Result<Response> {
    let place = app.exports.clone().try_acquire_owned().map_err(|_| {
        let most = app.turntable.limits.exports;
        let error = Error::new(Code::Busy, format!("{most} exports are under way (limit `exports`)"));
        error.hint("try again when one has ended").retry_after(5)
    })?;
    let set = export.style(&Names::default()).called(&export.table.table).entity_set.clone();
    // What is packed in itself is not packed again.
    let form = export.form;
    let zips = form != FileForm::Parquet && takes_gzip(asked);
    if let Some(noted) = &export.noted {
        noted.pass_on();
    }
    let (to, mut parts) = channel(WAITING);
    tokio::spawn(going_on(run(export, to, zips, place)));
    let first = match parts.recv().await {
        Some(Part::Broken(error)) => return Err(error),
        None => return Err(failed("it ended without an end")),
        Some(first) => first,
    };
    let mut response = Body::new(File { first: Some(first), parts, broken: None, has_ended: false }).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    // Names of entity sets are letters, digits and underscores.
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{set}.{}\"", form.extension())) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if zips {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Writes the file, to its end or to what goes wrong.
async fn run(export: Export, to: Sender<Part>, zips: bool, place: OwnedSemaphorePermit) {
    let zip = zips.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let table = export.table.table.name.clone();
    let mut writing = Writing { to, zip, has_begun: false };
    let noted = export.noted.clone();
    let written = writing.whole(&Arc::new(export)).await;
    if let Some(noted) = noted {
        noted.end(written.as_ref().err()).await;
    }
    let last = match written {
        Ok(()) => Part::End,
        Err(error) => {
            if writing.has_begun {
                let (code, internal) = (error.code(), error.get_internal());
                tracing::warn!(table, ?code, internal, "an export was broken off");
            }
            Part::Broken(error)
        }
    };
    // Nobody may be there any more.
    let _ = writing.to.send(last).await;
    drop(place);
}

struct Writing {
    to: Sender<Part>,
    zip: Option<GzEncoder<Vec<u8>>>,
    /// Some bytes have gone out.
    has_begun: bool,
}

impl Writing {
    /// Reads and writes side by side.
    async fn whole(&mut self, export: &Arc<Export>) -> Result<()> {
        let (give, mut take) = channel::<Rows>(WAITING);
        let reader = export.clone();
        let shown = Query {
            select: Some(reply::columns(export.session.seen(&export.table.table), &export.query)),
            ..export.query.clone()
        };
        let reading = tokio::spawn(going_on(async move { reader.session.export(&reader.table, &shown, give).await }));
        let (mut file, mut bytes) = export.begun()?;
        while let Some(rows) = take.recv().await {
            if let Some(noted) = &export.noted {
                noted.saw(&export.table.table, &rows);
            }
            let (going, written) = export.written(file, rows).await?;
            file = going;
            bytes.extend(written);
            let packed = self.packed(std::mem::take(&mut bytes), false)?;
            if !self.give(export, packed).await? {
                // The client has gone; the reading ends when it finds nobody who takes its rows.
                return Ok(());
            }
        }
        reading.await.map_err(|error| failed(&error.to_string()))??;
        if let Going::Parquet(file) = file {
            bytes.extend(file.end()?);
        }
        let packed = self.packed(bytes, true)?;
        self.give(export, packed).await?;
        Ok(())
    }

    /// What has come out of the packing of these bytes; all of it at the end.
    fn packed(&mut self, plain: Vec<u8>, ends: bool) -> Result<Vec<u8>> {
        let Some(zip) = &mut self.zip else { return Ok(plain) };
        let failed = |error: std::io::Error| failed(&error.to_string());
        zip.write_all(&plain).map_err(failed)?;
        match ends {
            false => Ok(std::mem::take(zip.get_mut())),
            true => self.zip.take().map_or(Ok(Vec::new()), GzEncoder::finish).map_err(failed),
        }
    }

    /// False: nobody takes it any more.
    async fn give(&mut self, export: &Export, bytes: Vec<u8>) -> Result<bool> {
        if bytes.is_empty() {
            return Ok(true);
        }
        let sent = export.session.in_time(self.to.send(Part::Bytes(bytes.into()))).await;
        self.has_begun = true;
        let slow = || Error::new(Code::UpstreamTimeout, "the export took too long (limit `export_ms`)");
        sent.map(|sent| sent.is_ok()).ok_or_else(slow)
    }
}

impl Export {
    fn style<'a>(&'a self, names: &'a Names) -> Style<'a> {
        Style {
            catalog: self.session.catalog(),
            base: &self.base,
            format: self.call.format,
            annotations: &self.call.preferences.annotations,
            expand_bytes: self.session.limits().expand_bytes,
            omit_nulls: false,
            names,
            twins: self.call.twins,
            pause: work::pause,
        }
    }

    /// The file before its first row.
    fn begun(&self) -> Result<(Going, Vec<u8>)> {
        let (names, table) = (Names::default(), &**self.session.seen(&self.table.table));
        let style = self.style(&names);
        Ok(match self.form {
            FileForm::Csv(csv) => (Going::Csv(csv), csv::header(style, table, &self.query, csv)),
            FileForm::Parquet => (Going::Parquet(parquet::File::new(style, table, &self.query)?.into()), Vec::new()),
        })
    }

    /// The file with some rows more, and what of it is done.
    async fn written(self: &Arc<Self>, mut file: Going, rows: Rows) -> Result<(Going, Vec<u8>)> {
        let names = match self.style(&Names::default()).wants_names() {
            true => self.session.names(self.session.seen(&self.table.table), &rows, &self.query, &[]).await,
            false => Names::default(),
        };
        if let Some(noted) = &self.noted {
            noted.saw_names(&self.session, 0, &names);
        }
        let this = self.clone();
        let written = self.session.work_on(rows.len(), &self.table.table, move || {
            let found =
                Found { table: this.session.seen(&this.table.table), query: &this.query, rows: &rows, expanded: &[] };
            let style = this.style(&names);
            let done = match &mut file {
                Going::Csv(csv) => csv::lines(style, found, *csv)?,
                Going::Parquet(file) => file.add(style, found)?,
            };
            Ok((file, done))
        });
        written.await?
    }
}

/// A file that is being written.
enum Going {
    Csv(Csv),
    Parquet(Box<parquet::File>),
}

fn failed(why: &str) -> Error {
    Error::new(Code::Internal, "the export failed").internal(why)
}

/// A file on its way out.
struct File {
    first: Option<Part>,
    parts: Receiver<Part>,
    /// What went wrong, to be said once what came before it has been sent.
    broken: Option<axum::BoxError>,
    has_ended: bool,
}

impl HttpBody for File {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if self.has_ended {
            return Poll::Ready(self.broken.take().map(Err));
        }
        let next = match self.first.take() {
            Some(first) => Some(first),
            None => ready!(self.parts.poll_recv(context)),
        };
        let broken: axum::BoxError = match next {
            Some(Part::Bytes(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Part::End) => {
                self.has_ended = true;
                return Poll::Ready(None);
            }
            Some(Part::Broken(error)) => error.into(),
            None => "the export ended without an end".into(),
        };
        (self.broken, self.has_ended) = (Some(broken), true);
        // Whoever sends it sends what it has before it asks again.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
