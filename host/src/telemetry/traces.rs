//! The last requests with their steps, in memory, for administrators: so that the id that an error message shows leads to what the
//! request did. Places are few and of three kinds, so that what went wrong or took long outlives the many that went well. What is kept is
//! what a collector would be told, and nothing else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::limits::Limits;
use crate::telemetry::spans::Span;

/// Steps of one request, as they end.
#[derive(Debug)]
pub struct Steps {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    spans: Vec<Span>,
    more: u64,
}

impl Steps {
    fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    /// One that has ended; of those on top there is only their number.
    pub fn add(&self, span: Span) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.spans.len() < self.most {
            kept.spans.push(span);
        } else {
            kept.more += 1;
        }
    }

    /// Those that there are, in the order in which they began, and how many more there were.
    pub fn told(&self) -> (Vec<Span>, u64) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut spans, more) = (kept.spans.clone(), kept.more);
        drop(kept);
        spans.sort_by_key(|span| span.begun);
        (spans, more)
    }

    /// How many there were, and how long one of them waited for a turn.
    pub fn sum(&self) -> (u64, Duration) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = kept.spans.iter().filter(|span| span.is_wait()).map(Span::took).sum();
        (kept.spans.len() as u64 + kept.more, waited)
    }
}

/// A request that has ended.
#[derive(Debug)]
pub struct Trace {
    /// A later one has a larger one.
    pub number: u64,
    pub whole: Span,
    pub about: About,
    /// Whatever it has set off and still goes on comes to these, too.
    pub steps: Arc<Steps>,
}

/// What there is to know of a request beside its time.
#[derive(Clone, Debug, Default)]
pub struct About {
    pub method: String,
    /// What its path is about, without keys.
    pub route: String,
    /// The table, by its logical name.
    pub table: Option<String>,
    /// None: nobody waited for its end.
    pub status: Option<u16>,
    /// Of the error that it was answered with.
    pub code: Option<String>,
}

impl Trace {
    /// What it is called in the header `Request-Id` and in the audit trail.
    pub fn name(&self) -> String {
        format!("{:032x}-{:016x}", self.whole.trace, self.whole.span)
    }
}

/// Which requests are meant.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of this table.
    pub table: Option<String>,
    /// Answered with one of these; none: however.
    pub status: Vec<(u16, u16)>,
    /// That took at least so long.
    pub slower: Option<Duration>,
    /// Of smaller numbers.
    pub before: Option<u64>,
}

impl Wanted {
    fn fits(&self, trace: &Trace) -> bool {
        let About { table, status, .. } = &trace.about;
        self.table.as_ref().is_none_or(|wanted| table.as_ref() == Some(wanted))
            && (self.status.is_empty()
                || status
                    .is_some_and(|status| self.status.iter().any(|(first, last)| (*first..=*last).contains(&status))))
            && self.slower.is_none_or(|slower| trace.whole.took() >= slower)
            && self.before.is_none_or(|before| trace.number < before)
    }
}

/// Where they are kept.
#[derive(Debug)]
pub struct Traces {
    /// Places of each kind; none: nothing is kept.
    places: [usize; 3],
    steps: usize,
    slow: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    kinds: [VecDeque<Arc<Trace>>; 3],
}

/// Which places a request competes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Done,
    /// The caller got something wrong.
    Refused,
    /// This server or what is behind it failed, or took long.
    Failed,
}

impl Traces {
    /// Half of the places are for what went well (`traces`).
    pub fn new(limits: &Limits) -> Self {
        let quarter = limits.traces / 4;
        let places = match limits.traces {
            0 => [0; 3],
            all => [(all - 2 * quarter).max(1), quarter.max(1), quarter.max(1)],
        };
        let slow = Duration::from_millis(limits.trace_slow_ms);
        Self { places, steps: limits.trace_steps, slow, state: Mutex::default() }
    }

    pub fn is_on(&self) -> bool {
        self.places[0] > 0
    }

    /// For a request that begins; None: nothing is kept.
    pub fn begin(&self) -> Option<Arc<Steps>> {
        self.is_on().then(|| Arc::new(Steps::new(self.steps)))
    }

    /// A request that has ended.
    pub fn keep(&self, whole: Span, about: About, steps: Arc<Steps>) {
        let kind = match about.status {
            None | Some(500..) => Kind::Failed,
            Some(_) if whole.took() >= self.slow => Kind::Failed,
            Some(400..) => Kind::Refused,
            Some(_) => Kind::Done,
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last += 1;
        let trace = Arc::new(Trace { number: state.last, whole, about, steps });
        let most = self.places[kind as usize];
        let traces = &mut state.kinds[kind as usize];
        let gone = match kind {
            _ if traces.len() < most => None,
            // What went well has no code, and comes by the thousand.
            Kind::Done => traces.pop_front(),
            Kind::Refused | Kind::Failed => traces.remove(dispensable(traces)),
        };
        if most > 0 {
            traces.push_back(trace);
        }
        drop(state);
        // What it had is given back when nobody waits for the lock.
        drop(gone);
    }

    /// The newest first.
    pub fn list(&self, wanted: &Wanted, limit: usize) -> Vec<Arc<Trace>> {
        let mut all = self.all();
        all.retain(|trace| wanted.fits(trace));
        all.sort_by_key(|trace| std::cmp::Reverse(trace.number));
        all.truncate(limit);
        all
    }

    /// By what `Request-Id` says; of a trace alone, its newest request.
    pub fn find(&self, name: &str) -> Option<Arc<Trace>> {
        let mut all = self.all();
        all.sort_by_key(|trace| std::cmp::Reverse(trace.number));
        all.into_iter().find(|trace| {
            let whole = trace.name();
            whole == name || whole.split('-').next() == Some(name)
        })
    }

    fn all(&self) -> Vec<Arc<Trace>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.kinds.iter().flatten().cloned().collect()
    }
}

/// The oldest of those with the code that most have: ten thousand that were told to come back leave the others in their places.
fn dispensable(traces: &VecDeque<Arc<Trace>>) -> usize {
    let mut codes: HashMap<Option<&str>, (usize, usize)> = HashMap::new();
    for (at, trace) in traces.iter().enumerate() {
        codes.entry(trace.about.code.as_deref()).or_insert((0, at)).0 += 1;
    }
    codes.into_values().max_by_key(|(many, first)| (*many, std::cmp::Reverse(*first))).map_or(0, |(_, first)| first)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::telemetry::spans;

    fn span(trace: u128, name: &str, took: u64) -> Span {
        let begun = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        Span {
            trace,
            span: 7,
            parent: None,
            name: name.to_owned(),
            kind: spans::Kind::Internal,
            begun,
            ended: begun + Duration::from_millis(took),
            attributes: Vec::new(),
            failed: None,
        }
    }

    fn traces(most: usize) -> Traces {
        Traces::new(&Limits { traces: most, trace_steps: 2, trace_slow_ms: 1_000, ..Limits::default() })
    }

    fn keep(traces: &Traces, trace: u128, status: Option<u16>, took: u64) {
        let about = About { table: Some("contact".to_owned()), status, ..About::default() };
        if let Some(steps) = traces.begin() {
            traces.keep(span(trace, "GET", took), about, steps);
        }
    }

    fn numbers(traces: &Traces, wanted: &Wanted) -> Vec<u128> {
        traces.list(wanted, 100).iter().map(|trace| trace.whole.trace).collect()
    }

    #[test]
    fn what_went_wrong_outlives_what_went_well() {
        let traces = traces(8);
        keep(&traces, 1, Some(503), 1);
        keep(&traces, 2, Some(404), 1);
        keep(&traces, 3, Some(200), 1_000);
        keep(&traces, 4, None, 1);
        (10..110).for_each(|n| keep(&traces, n, Some(200), 1));
        assert_eq!(numbers(&traces, &Wanted::default()), [109, 108, 107, 106, 4, 3, 2]);
        (200..210).for_each(|n| keep(&traces, n, Some(400), 1));
        assert_eq!(numbers(&traces, &Wanted::default()), [209, 208, 109, 108, 107, 106, 4, 3]);
        let wanted = |status, slower: Option<u64>, before| Wanted {
            status: Option::into_iter(status).collect(),
            slower: slower.map(Duration::from_millis),
            before,
            ..Wanted::default()
        };
        assert_eq!(numbers(&traces, &wanted(Some((400, 499)), None, None)), [209, 208]);
        assert_eq!(numbers(&traces, &wanted(None, Some(500), None)), [3]);
        assert_eq!(numbers(&traces, &wanted(None, None, Some(4))), [3]);
        assert!(numbers(&traces, &Wanted { table: Some("account".to_owned()), ..Wanted::default() }).is_empty());
        assert_eq!(traces.list(&Wanted::default(), 3).len(), 3);
        assert_eq!(traces.find(&format!("{:032x}-{:016x}", 3, 7)).unwrap().whole.trace, 3);
        assert_eq!(traces.find(&format!("{:032x}", 209)).unwrap().whole.trace, 209);
        assert!(traces.find("3").is_none());
    }

    #[test]
    fn what_is_said_to_many_takes_no_place_of_others() {
        let traces = traces(20);
        let failed = |trace: u128, code: &str| {
            let about = About { status: Some(503), code: Some(code.to_owned()), ..About::default() };
            traces.keep(span(trace, "GET", 1), about, traces.begin().unwrap());
        };
        (1..=3).for_each(|n| failed(n, &format!("Other{n}")));
        (10..1_000).for_each(|n| failed(n, "Busy"));
        assert_eq!(numbers(&traces, &Wanted::default()), [999, 998, 3, 2, 1]);
    }

    #[test]
    fn few_places_are_a_place_of_each_kind_and_none_is_off() {
        let few = traces(1);
        (0..9).for_each(|n| keep(&few, n, Some([200, 404, 500][n as usize % 3]), 1));
        assert_eq!(numbers(&few, &Wanted::default()), [8, 7, 6]);
        let off = traces(0);
        keep(&off, 1, Some(500), 1);
        assert!(!off.is_on() && off.begin().is_none() && numbers(&off, &Wanted::default()).is_empty());
    }

    #[test]
    fn steps_on_top_are_counted() {
        let steps = traces(1).begin().unwrap();
        steps.add(Span { name: spans::WAIT.to_owned(), ..span(1, "", 5) });
        (0..9).for_each(|_| steps.add(span(1, "scan", 3)));
        let (spans, more) = steps.told();
        assert_eq!((spans.len(), more), (2, 8));
        assert_eq!(steps.sum(), (10, Duration::from_millis(5)));
    }
}
