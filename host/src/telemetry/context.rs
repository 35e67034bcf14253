//! The request that is being answered: what it is called (W3C Trace Context), known to all that it sets off without being
//! handed on, so that the audit trail, the log of a service behind this one and a trace can be laid side by side.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use super::spans::{Attribute, Kind, Recorder, Span, WAIT};
use super::traces::Steps;

tokio::task_local! {
    static ASKED: Arc<Asked>;
}

/// A request.
#[derive(Debug)]
pub struct Asked {
    pub place: Place,
    /// The span that its sender calls it part of.
    pub parent: Option<u64>,
    /// Where its steps go to a collector, if they do.
    recorder: Option<Arc<Recorder>>,
    /// Where they are kept for administrators, if they are.
    kept: Option<Arc<Steps>>,
    /// The span of the request as a whole.
    root: u64,
    /// Tells those who send requests apart, once it is known.
    caller: Arc<OnceLock<u64>>,
}

/// One step of one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub trace: u128,
    pub span: u64,
    /// Whoever sent the request records it, or leaves that to us.
    pub sampled: bool,
}

impl Place {
    /// Of a trace that begins here.
    pub fn begins() -> Self {
        Self { trace: uuid::Uuid::new_v4().as_u128(), span: new_span(), sampled: true }
    }

    /// Of the header `traceparent`. None for what is none: then the trace begins here.
    pub fn of_header(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let hex = |part: &str, digits: usize| {
            let is_hex = part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            is_hex.then(|| u128::from_str_radix(part, 16).ok()).flatten()
        };
        let version = hex(parts.next()?, 2)?;
        let (trace, span) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
        let flags = hex(parts.next()?, 2)?;
        // Later versions may have more behind it.
        let is_known = version != 0xff && (version > 0 || parts.next().is_none());
        let span = u64::try_from(span).ok()?;
        (is_known && trace != 0 && span != 0).then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }
}

impl fmt::Display for Place {
    /// As the header `traceparent` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// No two are alike, and none is 0. Steps are many, so the system is asked for what nobody can know before only once a thread
/// (SplitMix64 from there on); they tell steps apart, and keep nothing secret.
pub fn new_span() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(uuid::Uuid::new_v4().as_u64_pair().0);
    }
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).max(1)
}

impl Asked {
    /// A request with this header `traceparent`, if it has one.
    pub fn with(header: Option<&str>) -> Self {
        match header.and_then(Place::of_header) {
            Some(sender) => Self::at(Place { span: new_span(), ..sender }, Some(sender.span)),
            None => Self::at(Place::begins(), None),
        }
    }

    fn at(place: Place, parent: Option<u64>) -> Self {
        Self { place, parent, recorder: None, kept: None, root: place.span, caller: Arc::default() }
    }

    /// The same, whose steps go to a collector, unless its sender does not want that.
    pub fn recorded(self, recorder: Option<Arc<Recorder>>) -> Self {
        Self { recorder: recorder.filter(|_| self.place.sampled), ..self }
    }

    /// The same, whose steps are kept here, whatever its sender wants of collectors.
    pub fn kept(self, kept: Option<Arc<Steps>>) -> Self {
        Self { kept, ..self }
    }

    /// Somebody has its steps.
    pub fn is_told(&self) -> bool {
        self.recorder.is_some() || self.kept.is_some()
    }

    /// The request as a whole, which ends now; a collector has it with this.
    pub fn end(&self, step: Step, begun: SystemTime, failed: Option<String>) -> Span {
        let whole = self.span(step, begun, failed);
        if let Some(recorder) = &self.recorder {
            recorder.record(whole.clone());
        }
        whole
    }

    /// What ends now, of a step that was begun as this one.
    fn record(&self, step: Step, begun: SystemTime, failed: Option<String>) {
        let span = self.span(step, begun, failed);
        match (&self.kept, &self.recorder) {
            (Some(kept), Some(recorder)) => {
                kept.add(span.clone());
                recorder.record(span);
            }
            (Some(kept), None) => kept.add(span),
            (None, Some(recorder)) => recorder.record(span),
            (None, None) => {}
        }
    }

    fn span(&self, step: Step, begun: SystemTime, failed: Option<String>) -> Span {
        let Place { trace, span, .. } = self.place;
        let (parent, ended) = (self.parent, SystemTime::now());
        Span {
            trace,
            span,
            parent,
            name: step.name,
            kind: step.kind,
            begun,
            ended,
            attributes: step.attributes,
            failed,
        }
    }

    /// One of its steps.
    fn step(&self) -> Self {
        let place = Place { span: new_span(), ..self.place };
        let (recorder, kept, caller) = (self.recorder.clone(), self.kept.clone(), self.caller.clone());
        Self { place, parent: Some(self.place.span), recorder, kept, root: self.root, caller }
    }

    /// What it is called in answers and in the audit trail.
    pub fn name(&self) -> String {
        format!("{:032x}-{:016x}", self.place.trace, self.root)
    }
}

/// The request that is being answered.
pub fn asked() -> Option<Arc<Asked>> {
    ASKED.try_with(Arc::clone).ok()
}

/// Says who has sent it, by a number that is another for others.
pub fn sent_by(caller: u64) {
    // Nobody else says so.
    let _ = ASKED.try_with(|asked| asked.caller.set(caller));
}

/// Who has sent it; 0 where that is not known, or for what nobody has asked for.
pub fn caller() -> u64 {
    ASKED.try_with(|asked| asked.caller.get().copied()).ok().flatten().unwrap_or_default()
}

/// Its name.
pub fn name() -> Option<String> {
    ASKED.try_with(|asked| asked.name()).ok()
}

/// What a step of a request is called, and what there is to know of it.
#[derive(Debug)]
pub struct Step {
    pub name: String,
    pub kind: Kind,
    pub attributes: Vec<Attribute>,
}

impl Step {
    /// Nobody else is asked in it.
    pub fn internal(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: Kind::Internal, attributes: Vec::new() }
    }

    /// A service is asked in it.
    pub fn client(name: impl Into<String>) -> Self {
        Self { kind: Kind::Client, ..Self::internal(name) }
    }

    /// A turn is waited for in it, at this, which there is little of; for whose share.
    pub fn wait(at: &'static str, of: &str) -> Self {
        Self::internal(WAIT)
            .with(Attribute::text("turntable.turns", at))
            .with(Attribute::text("turntable.of", of.to_owned()))
    }

    pub fn with(mut self, attribute: Attribute) -> Self {
        self.attributes.push(attribute);
        self
    }
}

/// The request, where its steps are recorded.
fn recorded() -> Option<Arc<Asked>> {
    ASKED.try_with(|asked| asked.is_told().then(|| asked.clone())).ok().flatten()
}

/// Does a step of the request that is being answered here, and records it. `step` is only made where it is; `told`: what is
/// known of it at its end, and the code of what failed. On the heap, since steps stand in steps.
pub async fn step<T>(
    step: impl FnOnce() -> Step,
    doing: Pin<Box<impl Future<Output = T>>>,
    told: impl FnOnce(&T, &mut Vec<Attribute>) -> Option<String>,
) -> T {
    let Some(own) = recorded().map(|asked| Arc::new(asked.step())) else { return doing.await };
    let (mut step, begun) = (step(), SystemTime::now());
    let done = within(own.clone(), doing).await;
    let failed = told(&done, &mut step.attributes);
    own.record(step, begun, failed);
    done
}

/// The same of what holds its thread.
pub fn step_here<T>(
    step: impl FnOnce() -> Step,
    doing: impl FnOnce() -> T,
    told: impl FnOnce(&T, &mut Vec<Attribute>) -> Option<String>,
) -> T {
    let Some(own) = recorded().map(|asked| asked.step()) else { return doing() };
    let (mut step, begun) = (step(), SystemTime::now());
    let done = doing();
    let failed = told(&done, &mut step.attributes);
    own.record(step, begun, failed);
    done
}

/// The header `traceparent` for a service that is asked in the step that is being done here.
pub fn header() -> Option<String> {
    ASKED.try_with(|asked| asked.place.to_string()).ok()
}

/// Does something as a part of a request.
pub async fn within<F: Future>(asked: Arc<Asked>, part: F) -> F::Output {
    ASKED.scope(asked, part).await
}

/// Does something as a part of the request that is being answered here, wherever it goes on.
pub fn going_on<F: Future>(part: F) -> impl Future<Output = F::Output> {
    let asked = asked();
    async move {
        match asked {
            Some(asked) => within(asked, part).await,
            None => part.await,
        }
    }
}

/// The same of a job that holds its thread.
pub fn here_too<T>(job: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let asked = asked();
    move || match asked {
        Some(asked) => ASKED.sync_scope(asked, job),
        None => job(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limits::Limits;
    use crate::telemetry::traces::Traces;

    #[test]
    fn a_sender_is_understood() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let check = |text: &str, expected: bool| assert_eq!(Place::of_header(text).is_some(), expected, "{text}");
        assert_eq!(Place::of_header(good).unwrap().to_string(), good);
        assert!(!Place::of_header(&good.replace("-01", "-00")).unwrap().sampled);
        check("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-else", true);
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            check(bad, false);
        }
    }

    #[test]
    fn steps_are_told_apart() {
        let others = std::thread::spawn(|| (0..10_000).map(|_| new_span()).collect::<Vec<_>>()).join().unwrap();
        let all: std::collections::HashSet<_> = (0..10_000).map(|_| new_span()).chain(others).collect();
        assert_eq!(all.len(), 20_000);
    }

    #[test]
    fn a_request_is_a_part_of_its_senders_trace() {
        let asked = Asked::with(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert_eq!(
            (asked.parent, asked.place.trace),
            (Some(0x00f0_67aa_0ba9_02b7), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736)
        );
        assert_ne!(Some(asked.place.span), asked.parent);
        let (one, other) = (Asked::with(None), Asked::with(Some("nonsense")));
        assert!(one.parent.is_none() && one.name() != other.name());
    }

    #[tokio::test]
    async fn steps_stand_in_each_other() {
        let recorder = Arc::new(Recorder::new(10));
        let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let asked = Arc::new(Asked::with(Some(sent)).recorded(Some(recorder.clone())));
        let fails = |done: &u8, _: &mut Vec<Attribute>| (*done == 3).then(|| "Failed".to_owned());
        let inner = async { step_here(|| Step::internal("inner"), || 3, fails) };
        let outer = async {
            let inside = header();
            step(
                || Step::client("outer").with(Attribute::text("a", "b")),
                Box::pin(async { (header() != inside, inner.await) }),
                |_, _| None,
            )
            .await
        };
        assert_eq!(within(asked.clone(), outer).await, (true, 3));
        let mut spans = recorder.taken().unwrap();
        let (inner, outer) = (spans.try_recv().unwrap(), spans.try_recv().unwrap());
        assert_eq!(
            (inner.name.as_str(), inner.parent, inner.failed.as_deref()),
            ("inner", Some(outer.span), Some("Failed"))
        );
        assert_eq!((outer.kind, outer.parent, outer.trace), (Kind::Client, Some(asked.place.span), asked.place.trace));
        assert_eq!(step(|| unreachable!("nobody records"), Box::pin(async { 1 }), |_, _| None).await, 1);
        let unsampled = Asked::with(Some(&sent.replace("-01", "-00"))).recorded(Some(recorder));
        within(Arc::new(unsampled), step(|| unreachable!("nobody wants it"), Box::pin(async {}), |(), _| None)).await;
    }

    #[tokio::test]
    async fn steps_are_kept_also_where_no_collector_is_to_have_them() {
        let (recorder, traces) = (Arc::new(Recorder::new(10)), Traces::new(&Limits::default()));
        let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let kept = traces.begin();
        let asked = Arc::new(Asked::with(Some(sent)).recorded(Some(recorder.clone())).kept(kept.clone()));
        within(asked.clone(), step(|| Step::internal("inner"), Box::pin(async {}), |(), _| None)).await;
        let (steps, more) = kept.unwrap().told();
        assert_eq!((steps.len(), more, steps[0].parent), (1, 0, Some(asked.place.span)));
        let whole = asked.end(Step::internal("whole"), SystemTime::now(), None);
        assert_eq!((whole.span, whole.parent), (asked.place.span, Some(0x00f0_67aa_0ba9_02b7)));
        assert!(recorder.taken().unwrap().try_recv().is_err(), "its sender does not want that");
    }

    #[tokio::test]
    async fn what_goes_on_elsewhere_is_of_the_same_request() {
        assert_eq!(name(), None);
        let asked = Arc::new(Asked::with(None));
        let part = async {
            let beside = tokio::spawn(going_on(async { name() }));
            let held = tokio::task::spawn_blocking(here_too(name));
            assert_eq!(tokio::spawn(async { name() }).await.unwrap(), None, "it is told where it is not");
            (name(), beside.await.unwrap(), held.await.unwrap())
        };
        let own = Some(asked.name());
        assert_eq!(within(asked, part).await, (own.clone(), own.clone(), own));
    }
}
