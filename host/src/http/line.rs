//! One connection, as its bytes see it: how long it may say nothing, how slowly a request may come and an answer be
//! taken. hyper reads and writes through a [`Line`]; what it is about is in [`Open`], which others see too.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Sleep;

use crate::http::status::status;
use crate::model::error::{Code, Error};
use crate::model::limits::Limits;
use crate::odata::reply;

/// Bytes of an answer that are given to the connection at once: what is not sent yet stays countable.
const CHUNK: usize = 64 << 10;

/// Bytes of an answer that a connection passes on in one go, before others that wait have theirs: the system would take
/// megabytes.
const GO: usize = 4 * CHUNK;

/// How long bytes that do not move are no reason to give the connection up for another.
const STALL: Duration = Duration::from_secs(1);

/// How long a connection may take for what.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// From the first byte of a request, or the start of the connection, to the end of the head.
    pub head: Duration,
    /// Between an answer and the next request.
    pub idle: Duration,
    pub pace: Pace,
}

/// Bytes that must have moved in each stretch of time, for as long as somebody waits for them.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    stretch: Duration,
    least: usize,
}

/// What has become of connections, for `/metrics`.
#[derive(Default)]
pub struct Tally {
    pub open: AtomicU64,
    /// Refused because there were too many.
    pub refused: AtomicU64,
    /// Closed to make room for another.
    pub room: AtomicU64,
    /// Closed because no request came, or not the whole head of one.
    pub late: AtomicU64,
    /// Bodies and answers that moved too slowly.
    pub slow: AtomicU64,
    /// Requests that hyper could make nothing of: heads that are too large, or none.
    pub unread: AtomicU64,
    /// Answers that were not given because too much was on its way.
    pub withheld: AtomicU64,
    /// Bytes of answers that have not been taken.
    pub unsent: Arc<AtomicUsize>,
    /// Bodies that were not taken because too much of others was here.
    pub declined: AtomicU64,
    /// Bytes of bodies that are here, whole or in part.
    pub held: Arc<AtomicUsize>,
}

impl Times {
    pub fn new(limits: &Limits) -> Self {
        let pace = Pace { stretch: Duration::from_millis(limits.transfer_ms), least: limits.transfer_bytes };
        Self { head: Duration::from_millis(limits.header_ms), idle: Duration::from_millis(limits.idle_ms), pace }
    }
}

/// What a connection is about.
pub struct Open {
    state: Mutex<State>,
    /// It is to be closed at once.
    close: Notify,
}

#[derive(Clone, Copy)]
struct State {
    phase: Phase,
    since: Instant,
    /// Somebody waits for bytes of an answer to be taken.
    writes: bool,
    /// Since when no byte of a body has come, or of an answer has been taken.
    stalled: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No byte of a next request.
    Idle,
    /// A part of a head, or nothing yet at all.
    Head,
    /// A request is answered.
    Busy,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum For {
    /// A request, or the rest of its head.
    Request,
    /// More of a body, or that more of an answer is taken.
    Bytes,
}

impl Open {
    pub fn new() -> Arc<Self> {
        let state = State { phase: Phase::Head, since: Instant::now(), writes: false, stalled: None };
        Arc::new(Self { state: Mutex::new(state), close: Notify::new() })
    }

    /// A whole head has come.
    pub fn begin(&self) {
        self.state().phase = Phase::Busy;
    }

    /// What it waits for and since when, if that is its client: the least is the first to make room.
    pub fn waits(&self) -> Option<(For, Instant)> {
        let state = *self.state();
        if state.phase != Phase::Busy && !state.writes {
            return Some((For::Request, state.since));
        }
        state.stalled.filter(|at| at.elapsed() >= STALL).map(|at| (For::Bytes, at))
    }

    pub fn close(&self) {
        self.close.notify_one();
    }

    pub async fn closed(&self) {
        self.close.notified().await;
    }

    /// Whether bytes that somebody waits for do not move.
    fn stalls(&self, stalls: bool) {
        let mut state = self.state();
        state.stalled = if stalls { state.stalled.or_else(|| Some(Instant::now())) } else { None };
    }

    fn turn(&self, from: Phase, to: Phase) {
        let mut state = self.state();
        if state.phase == from {
            (state.phase, state.since) = (to, Instant::now());
        }
    }

    fn writes(&self, writes: bool) {
        let mut state = self.state();
        if state.writes && !writes && state.phase == Phase::Idle {
            // The answer has been taken just now.
            state.since = Instant::now();
        }
        state.writes = writes;
    }

    /// When its client must have said more.
    fn due(&self, times: &Times) -> Option<Instant> {
        let state = *self.state();
        match state.phase {
            _ if state.writes => None,
            Phase::Idle => Some(state.since + times.idle),
            Phase::Head => Some(state.since + times.head),
            Phase::Busy => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches that bytes keep moving.
struct Watch {
    pace: Pace,
    end: Pin<Box<Sleep>>,
    moved: usize,
}

impl Watch {
    fn new(pace: Pace) -> Self {
        Self { pace, end: Box::pin(tokio::time::sleep(pace.stretch)), moved: 0 }
    }

    /// Whether too little has moved. To be asked while nothing moves; it wakes whoever asks.
    fn stalls(&mut self, context: &mut Context<'_>) -> bool {
        while self.end.as_mut().poll(context).is_ready() {
            if self.moved < self.pace.least {
                return true;
            }
            self.moved = 0;
            self.end.as_mut().reset(tokio::time::Instant::now() + self.pace.stretch);
        }
        false
    }
}

/// A connection's bytes.
pub struct Line<S> {
    stream: S,
    open: Arc<Open>,
    times: Times,
    tally: Arc<Tally>,
    /// Runs out when the client must have said more.
    patience: Option<Pin<Box<Sleep>>>,
    /// There while an answer is not taken as fast as it is given.
    writing: Option<Watch>,
    /// What is said in place of hyper's own answer to what is no request, and how much of it is written.
    instead: Option<(Vec<u8>, usize)>,
    /// Bytes that were passed on since others have had their go.
    passed_on: usize,
}

/// hyper answers what it cannot read itself, with a status alone: the same as our errors are.
fn in_place_of(answer: &[u8]) -> Option<Vec<u8>> {
    let error = match answer.strip_prefix(b"HTTP/1.1 ")?.get(..4)? {
        b"431 " => Error::new(Code::HeadersTooLarge, "the headers of the request are too large, or too many")
            .hint("the limits are `header_bytes` and `header_count`"),
        b"414 " => Error::new(Code::UrlTooLong, "the URL of the request is too long").hint("the limit is `url_bytes`"),
        b"400 " => Error::new(Code::BadRequest, "this is no request of HTTP/1.1"),
        _ => return None,
    };
    let (status, body) = (status(error.code()), reply::error(&error));
    let mut text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nodata-version: 4.0\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    text.extend_from_slice(&body);
    Some(text)
}

impl<S: AsyncWrite + Unpin> Line<S> {
    /// Before a request has begun nothing is answered but by hyper itself.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        if self.instead.is_none() && self.open.state().phase == Phase::Head {
            self.instead = in_place_of(bytes).map(|text| (text, 0));
            self.tally.unread.fetch_add(u64::from(self.instead.is_some()), Ordering::Relaxed);
        }
        self.instead.is_some()
    }

    /// Writes what stands in place of so many bytes.
    fn write_instead(&mut self, context: &mut Context<'_>, bytes: usize) -> Poll<io::Result<usize>> {
        while let Some((text, written)) = &mut self.instead {
            let Some(rest) = text.get(*written..).filter(|rest| !rest.is_empty()) else { break };
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(more) => *written += more,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.instead = None;
        Poll::Ready(Ok(bytes))
    }
}

impl<S> Line<S> {
    pub fn new(stream: S, open: Arc<Open>, times: Times, tally: Arc<Tally>) -> Self {
        Self { stream, open, times, tally, patience: None, writing: None, instead: None, passed_on: 0 }
    }

    /// Nothing can be read now: whether it may go on like this.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(due) = self.open.due(&self.times) else { return Poll::Pending };
        let due = tokio::time::Instant::from_std(due);
        let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if patience.deadline() != due {
            patience.as_mut().reset(due);
        }
        ready!(patience.as_mut().poll(context));
        self.tally.late.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "no request came in time")))
    }

    /// Not now, where much was written: the task comes again when others have come.
    fn lets_others(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.passed_on < GO {
            return Poll::Ready(());
        }
        self.passed_on = 0;
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// What became of a write.
    fn wrote(&mut self, context: &mut Context<'_>, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match wrote {
            Poll::Pending => {
                self.passed_on = 0;
                let pace = self.times.pace;
                let writing = self.writing.get_or_insert_with(|| Watch::new(pace));
                self.open.writes(true);
                self.open.stalls(true);
                if !writing.stalls(context) {
                    return Poll::Pending;
                }
                self.tally.slow.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the answer is not taken")))
            }
            Poll::Ready(Ok(bytes)) => {
                self.passed_on += bytes;
                if let Some(writing) = &mut self.writing {
                    writing.moved += bytes;
                    self.open.stalls(false);
                }
                Poll::Ready(Ok(bytes))
            }
            failed => failed,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => self.wait(context),
            read => {
                if buffer.filled().len() > before {
                    self.open.turn(Phase::Idle, Phase::Head);
                }
                read
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.lets_others(context));
        let wrote = match self.replaces(bytes) {
            true => self.write_instead(context, bytes.len()),
            false => Pin::new(&mut self.stream).poll_write(context, bytes),
        };
        self.wrote(context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.lets_others(context));
        let wrote = match self.replaces(bytes.first().map_or(&[], |first| first)) {
            true => self.write_instead(context, bytes.iter().map(|bytes| bytes.len()).sum()),
            false => Pin::new(&mut self.stream).poll_write_vectored(context, bytes),
        };
        self.wrote(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has written all that it has.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.writing.take().is_some() {
            self.open.writes(false);
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A request's body that has to keep coming.
pub struct Coming {
    body: Incoming,
    pace: Pace,
    watch: Option<Watch>,
    open: Arc<Open>,
    tally: Arc<Tally>,
}

/// Why a body ended early.
#[derive(Debug)]
pub struct TooSlow;

impl std::fmt::Display for TooSlow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the body comes too slowly")
    }
}

impl std::error::Error for TooSlow {}

impl Coming {
    pub fn new(body: Incoming, pace: Pace, open: Arc<Open>, tally: Arc<Tally>) -> Self {
        Self { body, pace, watch: None, open, tally }
    }
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = &mut *self;
        let watch = this.watch.get_or_insert_with(|| Watch::new(this.pace));
        let read = Pin::new(&mut this.body).poll_frame(context);
        this.open.stalls(read.is_pending());
        match read {
            Poll::Pending if watch.stalls(context) => {
                this.tally.slow.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(Some(Err(Box::new(TooSlow))))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                watch.moved += frame.data_ref().map_or(0, Bytes::len);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(other) => Poll::Ready(other.map(|frame| frame.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.open.stalls(false);
    }
}

/// An answer's body on its way, piece by piece.
pub struct Going {
    body: Body,
    /// Of the last part, what has not been given on.
    left: Bytes,
    weight: Option<Weight>,
    /// When the body has gone, the connection waits for the next request.
    open: Arc<Open>,
}

/// Bytes that are counted among others of their kind, until it is dropped.
pub struct Weight {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Weight {
    pub fn new(all: &Arc<AtomicUsize>) -> Self {
        Self { bytes: 0, all: all.clone() }
    }

    pub fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether all of the kind are more than `most`. One that is small, or alone, is never too much.
    pub fn is_too_much(&self, most: usize) -> bool {
        let all = self.all.load(Ordering::Relaxed);
        self.bytes > CHUNK && all > self.bytes && all > most
    }

    /// These bytes, counted for as long as any of them is held.
    pub fn of(self, bytes: impl Into<Bytes>) -> Bytes {
        Bytes::from_owner(Weighed { bytes: bytes.into(), _weight: self })
    }
}

/// Bytes that are counted for as long as any of them is held.
struct Weighed {
    bytes: Bytes,
    _weight: Weight,
}

impl Going {
    /// None where it would be one of several and more than `most` bytes on their way; a body of one piece is given in any
    /// case.
    pub fn new(body: Body, open: Arc<Open>, tally: &Tally, most: usize) -> Option<Self> {
        let bytes = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        let mut weight = Weight::new(&tally.unsent);
        weight.add(bytes);
        if weight.is_too_much(most) {
            tally.withheld.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Self { body, left: Bytes::new(), weight: Some(weight), open })
    }

    fn piece(&mut self) -> Frame<Bytes> {
        Frame::data(self.left.split_to(self.left.len().min(CHUNK)))
    }
}

impl HttpBody for Going {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.left.is_empty() {
            return Poll::Ready(Some(Ok(self.piece())));
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            other => return Poll::Ready(other),
        };
        Poll::Ready(Some(match frame.into_data() {
            Ok(bytes) => {
                self.left = match self.weight.take() {
                    Some(weight) => weight.of(bytes),
                    None => bytes,
                };
                Ok(self.piece())
            }
            Err(trailers) => Ok(trailers),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, left) = (self.body.size_hint(), self.left.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + left);
        }
        hint.set_lower(body.lower() + left);
        hint
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.open.turn(Phase::Busy, Phase::Idle);
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl AsRef<[u8]> for Weighed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[tokio::test]
    async fn a_large_answer_lets_others_have_their_go() {
        let line = Line::new(tokio::io::sink(), Open::new(), Times::new(&Limits::default()), Arc::default());
        let mut line = std::pin::pin!(line);
        let mut context = Context::from_waker(Waker::noop());
        let goes: Vec<_> = (0..12)
            .map(|_| {
                line.as_mut().poll_write(&mut context, &[b' '; CHUNK]).map(|wrote| wrote.expect("a sink takes all"))
            })
            .collect();
        let expected = [Poll::Ready(CHUNK), Poll::Ready(CHUNK), Poll::Ready(CHUNK), Poll::Ready(CHUNK), Poll::Pending];
        assert_eq!(goes, expected.into_iter().cycle().take(12).collect::<Vec<_>>());
        // That it comes again is its own doing.
        tokio::io::AsyncWriteExt::write_all(&mut line, &[b' '; 20 * CHUNK]).await.expect("a sink takes all");
    }
}
