//! The log: lines to stderr, written by a thread of their own. Where stderr takes none (a full disk, a pipe that nobody
//! reads) lines are dropped and counted; nobody waits for them, and nothing ends for it.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Lines that wait to be written.
const LINES: usize = 1_024;

/// One log in a process, as there is one stderr.
static LOG: OnceLock<SyncSender<Said>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

enum Said {
    Line(Vec<u8>),
    /// Everything before is to be written.
    Flush(SyncSender<()>),
}

/// `TURNTABLE_LOG` filters it. A second call in one process changes nothing.
pub fn start() {
    let (sender, lines) = sync_channel(LINES);
    if LOG.set(sender.clone()).is_err() {
        return;
    }
    let writing = std::thread::Builder::new().name("log".into()).spawn(move || write(&lines, &mut io::stderr()));
    if writing.is_err() {
        return;
    }
    // A line that cannot be written is no reason to write another.
    let log = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .log_internal_errors(false)
        .with_writer(Lines(sender))
        .finish()
        .with(filter(std::env::var("TURNTABLE_LOG").ok().as_deref()));
    let _ = log.try_init();
}

/// What `TURNTABLE_LOG` says: levels, of all or of targets (`warn,turntable=debug`).
fn filter(said: Option<&str>) -> Targets {
    let usual = || Targets::new().with_default(LevelFilter::WARN).with_target("turntable", LevelFilter::INFO);
    said.and_then(|said| said.parse().ok()).unwrap_or_else(usual)
}

/// Lines that were not written.
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Waits until what has been said is written, for so long at most.
pub fn flush(patience: Duration) {
    let (done, written) = sync_channel(1);
    if LOG.get().is_some_and(|log| log.try_send(Said::Flush(done)).is_ok()) {
        let _ = written.recv_timeout(patience);
    }
}

fn write(lines: &Receiver<Said>, out: &mut impl Write) {
    for said in lines {
        match said {
            Said::Line(line) => {
                if out.write_all(&line).is_err() {
                    DROPPED.fetch_add(1, Ordering::Relaxed);
                }
            }
            Said::Flush(done) => {
                let _ = out.flush();
                let _ = done.try_send(());
            }
        }
    }
}

/// Gives each line to the thread that writes.
struct Lines(SyncSender<Said>);

struct Line<'a>(&'a SyncSender<Said>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

impl Write for Line<'_> {
    /// A whole line at once, as the formatter gives it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.try_send(Said::Line(line.to_vec())).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a disk that is full.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            Err(io::Error::other("no space left on device"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::Error::other("no space left on device"))
        }
    }

    #[test]
    fn the_filter_knows_levels_and_targets() {
        use tracing::Level;
        let usual =
            [("hyper", Level::WARN, true), ("hyper", Level::INFO, false), ("turntable::http", Level::INFO, true)];
        for (said, cases) in [
            (None, usual),
            // What nobody understands leaves it as it is.
            (Some("turntable=loud"), usual),
            (
                Some("error,turntable=debug"),
                [("hyper", Level::WARN, false), ("hyper", Level::ERROR, true), ("turntable::http", Level::DEBUG, true)],
            ),
            (
                Some("debug"),
                [("hyper", Level::DEBUG, true), ("hyper", Level::TRACE, false), ("turntable", Level::DEBUG, true)],
            ),
        ] {
            for (target, level, shown) in cases {
                assert_eq!(filter(said).would_enable(target, &level), shown, "{said:?} {target} {level}");
            }
        }
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_holds_nobody_up() {
        let (sender, lines) = sync_channel(2);
        let before = dropped();
        // Nobody writes yet: the third has no place, and does not wait for one.
        for line in [b"one\n", b"two\n", b"six\n"] {
            assert_eq!(Lines(sender.clone()).make_writer().write(line).unwrap(), 4);
        }
        assert!(dropped() > before);
        let before = dropped();
        drop(sender);
        let mut full = Full(0);
        write(&lines, &mut full);
        assert_eq!((full.0, dropped() >= before + 2), (2, true));
    }

    #[test]
    fn a_flush_is_answered_after_the_lines_before() {
        let (sender, lines) = sync_channel(3);
        let (done, written) = sync_channel(1);
        sender.send(Said::Line(b"one\n".to_vec())).unwrap();
        sender.send(Said::Flush(done)).unwrap();
        drop(sender);
        let mut out = Vec::new();
        write(&lines, &mut out);
        assert_eq!((out.as_slice(), written.try_recv()), (b"one\n".as_slice(), Ok(())));
    }
}
