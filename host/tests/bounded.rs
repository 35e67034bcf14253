//! Whatever a request says in 32 KB: reading and planning it ends soon, with an answer or a refusal. Nothing overflows the
//! stack of a thread of the server, nothing panics, and four times the bytes take four times the work, not sixteen.
//!
//! `families`: texts that grow by one rule each, read at 8 KB and at 32 KB. `mutated`: the grammar's own cases and the
//! project's requests, spliced, repeated, nested, cut and damaged at random (`TURNTABLE_BOUNDED=COUNT,SEED` for more).
//! `TURNTABLE_BOUNDED_ONLY` names a part of what families are called, to look at one of them.
#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "what is slow is to be seen")]

use std::time::Duration;

#[path = "bounded/families.rs"]
mod families;
#[path = "bounded/mutated.rs"]
mod mutated;
#[path = "bounded/reading.rs"]
mod reading;

use reading::{Reader, Text};

/// Of a thread of tokio's.
const STACK: usize = 2 << 20;
const LARGE: usize = 31 << 10;
const SMALL: usize = LARGE / 4;

/// What this takes is not looked at: constant costs outweigh it. Without optimisation everything takes some fifty times
/// as long, above all where each letter is looked at; with it the goal is 10 ms, and twice that for what has each text of a
/// search once for each column.
const NOTHING: Duration = Duration::from_millis(if cfg!(debug_assertions) { 12 } else { 1 });
const MOST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_500 } else { 20 });

/// Four times the text: this is between linear (4) and quadratic (16).
const GROWTH: u32 = 8;

/// What a thread has worked, whatever else the machine does.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The least of some trials: a cold cache is nobody's fault.
fn measured(trials: usize, mut read: impl FnMut()) -> Duration {
    let trial = || {
        let begun = worked();
        read();
        worked().saturating_sub(begun)
    };
    std::iter::repeat_with(trial).take(trials).min().unwrap_or_default()
}

/// On a thread with as much stack as those that serve have.
fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        thread.expect("a thread can be had").join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn work_grows_with_the_text() {
    let (reader, explaining) = (Reader::new(), Reader::new().explaining());
    let mut faults = Vec::new();
    let only = std::env::var("TURNTABLE_BOUNDED_ONLY").unwrap_or_default();
    for (name, text) in families::all().into_iter().filter(|(name, _)| name.contains(&only)) {
        let begun = std::time::Instant::now();
        let (small, large) = on_a_thread(|| {
            let (small, large) = (text(SMALL), text(LARGE));
            faults.extend(explaining.fault(&small).map(|fault| format!("{name}: {fault}")));
            faults.extend(reader.fault(&large).map(|fault| format!("{name}: {fault}")));
            let read = |trials: usize, text: &Text| measured(trials, || drop(reader.read(text)));
            let (first, second) = (read(2, &small), read(2, &large));
            // What looks wrong is looked at again.
            let is_odd = second > MOST || second > NOTHING && second > first * GROWTH;
            if is_odd { (read(8, &small).min(first), read(8, &large).min(second)) } else { (first, second) }
        });
        println!("{large:>12.3?} {small:>12.3?} {name} ({:.1?})", begun.elapsed());
        if large > MOST {
            faults.push(format!("{name}: {large:?}"));
        } else if large > NOTHING && large > small * GROWTH {
            faults.push(format!("{name}: {small:?} grow to {large:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn whatever_is_sent_is_answered() {
    let (count, seed) = mutated::wanted();
    let (reader, explaining) = (Reader::new(), Reader::new().explaining());
    let mut mutations = mutated::Mutations::new(seed);
    let mut slowest = (Duration::ZERO, String::new());
    for number in 0..count {
        let text = mutations.next(LARGE);
        let (fault, work) = on_a_thread(|| {
            let fault = explaining.fault(&text);
            let work = measured(1, || drop(reader.read(&text)));
            // Once more where it was slow.
            let work = if work > MOST { measured(3, || drop(reader.read(&text))) } else { work };
            (fault, work)
        });
        assert!(fault.is_none(), "mutation {number} of seed {seed}: {}\n{text:?}", fault.unwrap_or_default());
        assert!(work < MOST, "mutation {number} of seed {seed} takes {work:?}\n{text:?}");
        if work > slowest.0 {
            slowest = (work, format!("{text:?}").chars().take(300).collect());
        }
    }
    println!("{count} texts, the slowest takes {:?}: {}", slowest.0, slowest.1);
}
