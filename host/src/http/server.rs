//! Connections: so many at once, each with its times (`line`); who comes on top takes the place of one that waits for its
//! client's next word, or is told to come back. At the end requests under way are finished, within a stated time.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::http::app::routes;
use crate::http::doors::{Encrypted, Peer, mark};
use crate::http::line::{Coming, For, Going, Line, Open, Times};
use crate::http::shared::{App, failure};
use crate::http::tls::Tls;
use crate::model::error::{Code, Error};
use crate::odata::reply;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Bytes of an answer that the system holds for a connection: more would hide how slowly it is taken.
const SEND_BUFFER: u32 = 128 << 10;

/// Connections that are told at once that there are too many; more are closed without a word.
const REFUSALS: usize = 64;

/// How long that may take.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// After a failure to accept: no file is free, say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Between two lines of the log about the same.
const LOG_PAUSE: Duration = Duration::from_secs(10);

/// At the end, how long a request may still begin on a connection that is open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Listens at an address.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As every server does on Unix: the address of one that has just ended is free.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves, with TLS or without, until `stopped`, and then until requests under way are answered or `shutdown_ms` is over.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    tls: Option<Arc<Tls>>,
    stopped: impl Future<Output = ()> + Send + 'static,
) {
    let shutdown = Duration::from_millis(app.turntable.limits.shutdown_ms);
    let lines = Arc::new(Lines::new(&app, tls));
    let (end, ending) = watch::channel(());
    let mut tasks = JoinSet::new();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match lines.place() {
                    Some(place) => drop(tasks.spawn(connection(stream, Peer(peer), place, lines.clone(), ending.clone()))),
                    None => lines.refuse(stream),
                },
                Err(error) => {
                    lines.log(|| tracing::error!(%error, "connections cannot be accepted"));
                    lines.close_one();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = tasks.join_next() => {}
        }
    }
    drop(listener);
    drop(end);
    let done = timeout(shutdown, async {
        if timeout(LAST_WORDS, all(&mut tasks)).await.is_err() {
            lines.close_waiting();
            all(&mut tasks).await;
        }
    });
    if done.await.is_err() {
        tracing::warn!(requests = tasks.len(), "requests were broken off at the end, after shutdown_ms");
        tasks.shutdown().await;
    }
}

async fn all(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

/// Answers one connection to its end.
async fn connection(stream: TcpStream, peer: Peer, place: Place, lines: Arc<Lines>, ending: watch::Receiver<()>) {
    // Answers are written whole; waiting for more to send with them only delays.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &lines.tls else {
        return exchange(stream, peer, None, place, lines, ending).await;
    };
    let begun = tokio::select! {
        begun = timeout(lines.times.head, tls.acceptor().accept(stream)) => begun,
        () = place.open.closed() => return,
    };
    match begun {
        Ok(Ok(stream)) => exchange(stream, peer, Some(Encrypted), place, lines, ending).await,
        // What goes wrong here is the client's: it speaks no TLS, or does not trust the certificate.
        Ok(Err(_)) => _ = lines.app.lines.unread.fetch_add(1, Ordering::Relaxed),
        Err(_) => _ = lines.app.lines.late.fetch_add(1, Ordering::Relaxed),
    }
}

/// The same, whatever it is that carries the bytes.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    encrypted: Option<Encrypted>,
    place: Place,
    lines: Arc<Lines>,
    mut ending: watch::Receiver<()>,
) {
    let open = place.open.clone();
    let (times, tally) = (lines.times, lines.app.lines.clone());
    let answer = service_fn(|mut request: Request<Incoming>| {
        open.begin();
        request.extensions_mut().insert(peer);
        if let Some(encrypted) = encrypted {
            request.extensions_mut().insert(encrypted);
        }
        let request = request.map(|body| Body::new(Coming::new(body, times.pace, open.clone(), tally.clone())));
        // What was done is told, whatever room there is.
        let most = if request.method().is_safe() { lines.app.turntable.limits.answers_bytes } else { usize::MAX };
        let answer = lines.service.call(request);
        let open = open.clone();
        let lines = lines.clone();
        async move {
            let answer = answer.await?;
            Ok::<_, Infallible>(lines.sent(answer, &open, most))
        }
    });
    let line = TokioIo::new(Line::new(stream, open.clone(), times, tally.clone()));
    let connection = lines.builder.serve_connection(line, answer);
    tokio::pin!(connection);
    tokio::select! {
        // What goes wrong on a connection is its client's, and counted where it is a limit.
        _ = connection.as_mut() => return,
        () = open.closed() => return,
        _ = ending.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection.as_mut() => {}
        () = open.closed() => {}
    }
}

/// All connections.
struct Lines {
    app: Arc<App>,
    tls: Option<Arc<Tls>>,
    service: TowerToHyperService<axum::Router>,
    builder: http1::Builder,
    times: Times,
    open: Mutex<BTreeMap<u64, Arc<Open>>>,
    next: AtomicU64,
    /// Those that are being refused.
    refusals: Arc<Semaphore>,
    logged: Mutex<Option<Instant>>,
}

/// A connection's own, given back when it ends.
struct Place {
    number: u64,
    open: Arc<Open>,
    lines: Arc<Lines>,
}

impl Lines {
    fn new(app: &Arc<App>, tls: Option<Arc<Tls>>) -> Self {
        let limits = &app.turntable.limits;
        let times = Times::new(limits);
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // `Line` tells a head that does not come from a connection that rests, and ends either sooner; but without a
            // time of its own hyper does not look at a connection that begins to rest.
            .header_read_timeout(times.idle.saturating_add(times.head))
            .max_headers(limits.header_count)
            .max_header_size(limits.header_bytes)
            .max_buf_size(limits.header_bytes.saturating_add(READ_BUFFER));
        Self {
            app: app.clone(),
            tls,
            service: TowerToHyperService::new(routes(app.clone())),
            builder,
            times,
            open: Mutex::default(),
            next: AtomicU64::new(0),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            logged: Mutex::default(),
        }
    }

    /// A place, if need be that of the connection that has waited for its client for the longest time.
    fn place(self: &Arc<Self>) -> Option<Place> {
        let most = self.app.turntable.limits.connections;
        let tally = &self.app.lines;
        if self.count() >= most && !self.close_one() {
            tally.refused.fetch_add(1, Ordering::Relaxed);
            self.log(|| tracing::warn!(limit = most, "connections are refused: all are busy (limits.connections)"));
            return None;
        }
        let open = Open::new();
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        all.insert(number, open.clone());
        tally.open.fetch_add(1, Ordering::Relaxed);
        Some(Place { number, open, lines: self.clone() })
    }

    fn count(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Closes the connection that has waited for its client for the longest time, for a request before anything else;
    /// false if none does.
    fn close_one(&self) -> bool {
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = all.iter().filter_map(|(number, open)| Some((open.waits()?, *number)));
        let Some((_, number)) = waiting.min() else { return false };
        if let Some(open) = all.remove(&number) {
            open.close();
        }
        drop(all);
        self.app.lines.room.fetch_add(1, Ordering::Relaxed);
        self.log(|| tracing::warn!("connections that say nothing are closed to make room (limits.connections)"));
        true
    }

    /// Closes all connections that wait for a request.
    fn close_waiting(&self) {
        let all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        all.values()
            .filter(|open| open.waits().is_some_and(|(what, _)| what == For::Request))
            .for_each(|open| open.close());
    }

    /// Tells a client to come back; one that speaks TLS would not understand it.
    fn refuse(&self, mut stream: TcpStream) {
        if self.tls.is_some() {
            return;
        }
        let Ok(permit) = self.refusals.clone().try_acquire_owned() else { return };
        tokio::spawn(async move {
            let told = async {
                stream.write_all(refusal().as_bytes()).await?;
                stream.shutdown().await?;
                // Who still sends would see a broken connection, not the answer.
                let mut rest = [0; 4 << 10];
                while stream.read(&mut rest).await? > 0 {}
                io::Result::Ok(())
            };
            let _ = timeout(REFUSAL_TIME, told).await;
            drop(permit);
        });
    }

    /// An answer on its way, or that there is too much.
    fn sent(&self, answer: Response<Body>, open: &Arc<Open>, most: usize) -> Response<Going> {
        let (head, body) = answer.into_parts();
        if let Some(body) = Going::new(body, open.clone(), &self.app.lines, most) {
            return Response::from_parts(head, body);
        }
        self.log(|| {
            tracing::warn!(limit = most, "answers are withheld: clients take theirs slowly (limits.answers_bytes)")
        });
        let mut busy = failure(&too_much());
        mark(&mut busy);
        let (head, body) = busy.into_parts();
        let body = Going::new(body, open.clone(), &self.app.lines, usize::MAX);
        Response::from_parts(head, body.expect("nothing is more than the most there can be"))
    }

    /// The same again and again fills no log.
    fn log(&self, line: impl FnOnce()) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|at| at.elapsed() >= LOG_PAUSE) {
            *logged = Some(Instant::now());
            line();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lines.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
        self.lines.app.lines.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes that hyper may hold of a connection beside a head.
const READ_BUFFER: usize = 400 << 10;

fn too_much() -> Error {
    Error::new(Code::Busy, "too much is on its way to clients").hint("try again shortly").retry_after(1)
}

/// What is said to a connection on top of `connections`.
fn refusal() -> String {
    let error = Error::new(Code::Busy, "too many connections").hint("try again shortly").retry_after(1);
    let body = String::from_utf8_lossy(&reply::error(&error)).into_owned();
    let length = body.len();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         retry-after: 1\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests;
