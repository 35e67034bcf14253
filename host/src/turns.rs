//! Turns at something of which there is little: threads for work, connections to the store, calls of a FHIR service. So
//! many at once, and of each of those who share it (a mapping, a table, a resource type) no more than a share; so many
//! that wait, and of each again no more than a share. Names take turns: sixty-four who want what is slow hold up nobody
//! who wants something else. Among those of one name who wants least goes first, counting what its request has had
//! already: one row comes between the pages of those who read a table from end to end, and between the parts of one page,
//! whose turn is lent to it ([`Turn::lent`]). Of those who want as much, callers take turns: who sends two hundred requests at once
//! waits behind each of the others' first. One caller's are served in the order of coming. Where no more may wait, one of whoever
//! has most there makes room.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::time::error::Elapsed;

use crate::telemetry::context::{self, Step};

/// Names that are counted one by one; others are counted together, as [`OTHERS`].
const COUNTED: usize = 512;

/// What the names beyond are counted as.
const OTHERS: &str = "others";

/// Cheap to clone; all clones give the same turns.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// What these are turns at.
    at: &'static str,
    at_once: usize,
    /// Of `at_once`, for one name.
    share: usize,
    /// That may wait.
    queue: usize,
    /// Of `queue`, for one name.
    queue_share: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: usize,
    waiting: usize,
    /// Whoever holds a turn or waits for one.
    of: HashMap<Arc<str>, Of>,
    /// The names that wait, in the order in which they are served next.
    round: VecDeque<Arc<str>>,
    /// How often a name was sent away.
    refused: BTreeMap<Arc<str>, u64>,
    tickets: u64,
}

#[derive(Debug, Default)]
struct Of {
    held: usize,
    /// The round of whoever was served last.
    round: u64,
    /// In the order in which they are served.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    size: u64,
    /// Of those of one caller each is served in a later one (start-time fair queueing).
    round: u64,
    /// None: it is in the middle of its work, and makes no room for others.
    caller: Option<u64>,
    ticket: u64,
    give: oneshot::Sender<Turn>,
}

/// How somebody waits.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    pub until: Instant,
    /// Rows or resources that it wants, and that its request has had.
    pub size: u64,
}

/// Of what wants next to nothing.
impl From<Instant> for Wait {
    fn from(until: Instant) -> Self {
        Self { until, size: 0 }
    }
}

/// Held while it lasts.
#[derive(Debug)]
pub struct Turn {
    shared: Arc<Shared>,
    of: Arc<str>,
}

/// Why there is no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// So many wait already: of all, or of the same name.
    Full,
    /// None became free in time.
    Late,
}

/// Where a name stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub held: usize,
    pub waiting: usize,
    /// Since the start.
    pub refused: u64,
}

impl Turns {
    /// `percent` of the turns, and of the places to wait, is what one name may have; at least one.
    pub fn new(at: &'static str, at_once: usize, queue: usize, percent: usize) -> Self {
        let at_once = at_once.max(1);
        let share = |whole: usize| (whole.saturating_mul(percent) / 100).clamp(whole.min(1), whole.max(1));
        let (share, queue_share) = (share(at_once), share(queue));
        Self(Arc::new(Shared { at, at_once, share, queue, queue_share, state: Mutex::default() }))
    }

    /// A turn for this name, by then.
    pub async fn turn(&self, of: &str, wait: impl Into<Wait>) -> Result<Turn, Refused> {
        self.turn_for(of, context::caller(), wait).await
    }

    async fn turn_for(&self, of: &str, caller: u64, wait: impl Into<Wait>) -> Result<Turn, Refused> {
        let (shared, Wait { until, size }) = (&self.0, wait.into());
        let of: Arc<str> = of.into();
        let (turn, ticket) = {
            let mut state = shared.state();
            let all_held = state.held >= shared.at_once;
            let all_wait = state.waiting >= shared.queue;
            let entry = state.of.entry(of.clone()).or_default();
            if !all_held && entry.held < shared.share {
                entry.held += 1;
                state.held += 1;
                return Ok(Turn { shared: shared.clone(), of });
            }
            let round = entry.next_round(caller);
            if (all_wait || entry.waiting.len() >= shared.queue_share) && !state.make_room(&of, round) {
                state.forget(&of);
                state.count_refused(&of);
                return Err(Refused::Full);
            }
            let waiting = &state.of.entry(of.clone()).or_default().waiting;
            let at = waiting.partition_point(|other| (other.size, other.round) <= (size, round));
            let (turn, ticket) = state.wait(&of, (size, round, Some(caller)), at);
            (turn, Ticket { shared, of: &of, ticket })
        };
        // A turn that comes when nobody waits for it any more is given back by being dropped.
        let given = shared.waited(&of, tokio::time::timeout_at(until.into(), turn)).await;
        drop(ticket);
        match given {
            Ok(Ok(turn)) => Ok(turn),
            given => {
                shared.state().count_refused(&of);
                // It has made room for another.
                Err(if given.is_ok() { Refused::Full } else { Refused::Late })
            }
        }
    }

    /// How often somebody was sent away since the start.
    pub fn refused(&self) -> u64 {
        self.0.state().refused.values().sum()
    }

    /// Of every name that holds a turn, waits for one or was ever sent away; no more names than are counted.
    pub fn figures(&self) -> BTreeMap<Arc<str>, Figures> {
        let state = self.0.state();
        let mut figures: BTreeMap<Arc<str>, Figures> = BTreeMap::new();
        for (of, refused) in &state.refused {
            figures.entry(of.clone()).or_default().refused = *refused;
        }
        for (of, now) in &state.of {
            let is_counted = figures.len() < COUNTED || figures.contains_key(of);
            let figure = figures.entry(if is_counted { of.clone() } else { OTHERS.into() }).or_default();
            figure.held += now.held;
            figure.waiting += now.waiting.len();
        }
        figures
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn, as a step of the request that wants it.
    async fn waited<T>(
        &self,
        of: &str,
        turn: impl Future<Output = Result<Result<Turn, T>, Elapsed>> + Send,
    ) -> Result<Result<Turn, T>, Elapsed> {
        let told = |given: &Result<Result<Turn, T>, Elapsed>| !matches!(given, Ok(Ok(_)));
        context::step(|| Step::wait(self.at, of), Box::pin(turn), |given, _| told(given).then(|| "Busy".to_owned()))
            .await
    }

    /// Gives what is free to those who wait, one name after the other.
    fn serve(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let mut given = Vec::new();
        while state.held < self.at_once {
            let may = |of: &Arc<str>| state.of.get(of).is_none_or(|of| of.held < self.share);
            let Some(at) = state.round.iter().position(may) else { break };
            let Some(of) = state.round.remove(at) else { break };
            let Some(entry) = state.of.get_mut(&of) else { continue };
            let Some(Waiting { give, round, .. }) = entry.waiting.pop_front() else { continue };
            entry.round = entry.round.max(round);
            entry.held += 1;
            let others = !entry.waiting.is_empty();
            state.held += 1;
            state.waiting -= 1;
            if others {
                state.round.push_back(of.clone());
            }
            given.push((give, Turn { shared: self.clone(), of }));
        }
        drop(state);
        // One that nobody takes any more comes back here, so nothing may be locked.
        for (give, turn) in given {
            drop(give.send(turn));
        }
    }
}

impl Turn {
    /// What it is a turn at, and for whose share.
    pub fn told(&self) -> (&'static str, Arc<str>) {
        (self.shared.at, self.of.clone())
    }

    /// Goes on with the turn, where nobody who wants less waits for it. Else it is given to one of them, and the next one is
    /// waited for: before whoever comes meanwhile, so that those who want little do not hold up for ever what was begun.
    /// `wait.size`: what this one wants still.
    pub async fn lent(self, wait: Wait) -> Result<Self, Refused> {
        let (shared, of) = (self.shared.clone(), self.of.clone());
        let (turn, ticket) = {
            let mut state = shared.state();
            if !state.is_wanted(&of, wait.size, shared.share) {
                return Ok(self);
            }
            let entry = state.of.entry(of.clone()).or_default();
            let first = entry.waiting.front().map(|first| (first.size, first.round));
            let first = first.filter(|(size, _)| *size < wait.size);
            let (size, round) = first.unwrap_or((wait.size, 0));
            let (turn, ticket) = state.wait(&of, (size, round, None), usize::from(first.is_some()));
            (turn, Ticket { shared: &shared, of: &of, ticket })
        };
        drop(self);
        let given = shared.waited(&of, tokio::time::timeout_at(wait.until.into(), turn)).await;
        drop(ticket);
        given.ok().and_then(Result::ok).ok_or_else(|| {
            shared.state().count_refused(&of);
            Refused::Late
        })
    }
}

impl State {
    /// Somebody waits who wants less than this and would be served if one of these turns were given back.
    fn is_wanted(&self, of: &Arc<str>, size: u64, share: usize) -> bool {
        let is_first = |other: &Arc<str>| {
            let Some(entry) = self.of.get(other) else { return false };
            let may = other == of || entry.held < share;
            may && entry.waiting.front().is_some_and(|waiting| waiting.size < size)
        };
        self.round.iter().any(is_first)
    }

    /// Puts somebody into the queue of a name, at this place.
    fn wait(
        &mut self,
        of: &Arc<str>,
        (size, round, caller): (u64, u64, Option<u64>),
        at: usize,
    ) -> (oneshot::Receiver<Turn>, u64) {
        let (give, turn) = oneshot::channel();
        self.tickets += 1;
        let ticket = self.tickets;
        let waiting = &mut self.of.entry(of.clone()).or_default().waiting;
        if waiting.is_empty() {
            self.round.push_back(of.clone());
        }
        waiting.insert(at.min(waiting.len()), Waiting { size, round, caller, ticket, give });
        self.waiting += 1;
        (turn, ticket)
    }

    /// Sends away, of those of a name, the one that would come last of whoever has most waiting; false where that is not further behind
    /// than this round.
    fn make_room(&mut self, of: &Arc<str>, round: u64) -> bool {
        let Some(entry) = self.of.get_mut(of) else { return false };
        let mine = entry.waiting.iter().enumerate().filter(|(_, waiting)| waiting.caller.is_some());
        let Some((at, last)) = mine.max_by_key(|(_, waiting)| waiting.round) else { return false };
        // One round behind is no more than the order of coming.
        if last.round <= round + 1 {
            return false;
        }
        drop(entry.waiting.remove(at));
        if entry.waiting.is_empty() {
            self.round.retain(|name| name != of);
        }
        self.waiting -= 1;
        true
    }

    /// A name that neither holds nor wants anything takes no room.
    fn forget(&mut self, of: &Arc<str>) {
        if self.of.get(of).is_some_and(|entry| entry.held == 0 && entry.waiting.is_empty()) {
            self.of.remove(of);
        }
    }

    fn count_refused(&mut self, of: &Arc<str>) {
        let is_counted = self.refused.len() < COUNTED || self.refused.contains_key(of);
        *self.refused.entry(if is_counted { of.clone() } else { OTHERS.into() }).or_default() += 1;
    }
}

impl Of {
    /// In which round a caller is served next.
    fn next_round(&self, caller: u64) -> u64 {
        let own = self.waiting.iter().filter(|waiting| waiting.caller == Some(caller));
        own.map(|waiting| waiting.round + 1).max().unwrap_or(0).max(self.round)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.held -= 1;
        if let Some(entry) = state.of.get_mut(&self.of) {
            entry.held -= 1;
        }
        state.forget(&self.of);
        self.shared.serve(state);
    }
}

/// A place among those who wait, given back when it is left, in whatever way.
struct Ticket<'s> {
    shared: &'s Shared,
    of: &'s Arc<str>,
    ticket: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let Some(entry) = state.of.get_mut(self.of) else { return };
        let Some(at) = entry.waiting.iter().position(|waiting| waiting.ticket == self.ticket) else { return };
        let left = entry.waiting.remove(at);
        if entry.waiting.is_empty() {
            state.round.retain(|of| of != self.of);
        }
        state.waiting -= 1;
        state.forget(self.of);
        drop(state);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    /// Asks, and waits until the question is in the queue.
    async fn waits(turns: &Turns, of: &'static str) -> tokio::task::JoinHandle<Turn> {
        let before = turns.0.state().waiting;
        let asking = turns.clone();
        let task = tokio::spawn(async move { asking.turn(of, soon()).await.unwrap() });
        while turns.0.state().waiting == before {
            tokio::task::yield_now().await;
        }
        task
    }

    fn is_empty(turns: &Turns) -> bool {
        let state = turns.0.state();
        state.held == 0 && state.waiting == 0 && state.of.is_empty() && state.round.is_empty()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn callers_take_turns_and_who_has_most_makes_room() {
        let turns = Turns::new("here", 1, 4, 100);
        let held = turns.turn("t", soon()).await.unwrap();
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let asks = async |what: &'static str, caller: u64| {
            let (asking, told) = (turns.clone(), told.clone());
            let before = turns.0.state().tickets;
            tokio::spawn(async move {
                let turn = asking.turn_for("t", caller, soon()).await;
                told.send((what, turn.as_ref().err().copied())).unwrap();
                drop(turn);
            });
            for _ in 0..100 {
                if turns.0.state().tickets > before {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        for what in ["flood 1", "flood 2", "flood 3", "flood 4"] {
            asks(what, 1).await;
        }
        // Nobody is let in before another of the same caller; of another one the last makes room.
        asks("flood 5", 1).await;
        assert_eq!(heard.recv().await, Some(("flood 5", Some(Refused::Full))));
        asks("other 1", 2).await;
        assert_eq!(heard.recv().await, Some(("flood 4", Some(Refused::Full))));
        asks("third 1", 3).await;
        assert_eq!(heard.recv().await, Some(("flood 3", Some(Refused::Full))));
        // All are in their first or second round now, and who comes next is one too many.
        asks("fourth 1", 4).await;
        assert_eq!(heard.recv().await, Some(("fourth 1", Some(Refused::Full))));
        drop(held);
        let mut order = Vec::new();
        for _ in 0..4 {
            order.push(heard.recv().await.unwrap());
        }
        assert_eq!(order, ["flood 1", "other 1", "third 1", "flood 2"].map(|what| (what, None)));
        assert!(is_empty(&turns));
        assert_eq!(turns.refused(), 4);
        // However long it goes on, one caller's are served in the order of coming.
        let held = turns.turn("t", soon()).await.unwrap();
        for what in ["1", "2", "3"] {
            asks(what, 1).await;
        }
        drop(held);
        assert_eq!(heard.recv().await, Some(("1", None)));
        asks("4", 1).await;
        for what in ["2", "3", "4"] {
            assert_eq!(heard.recv().await, Some((what, None)));
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_name_of_which_all_made_room_has_one_turn_as_others() {
        let turns = Turns::new("here", 1, 1, 100);
        let held = turns.turn("t", soon()).await.unwrap();
        {
            let of: Arc<str> = "t".into();
            let mut state = turns.0.state();
            // The others of its caller have given up.
            let (_gone, _) = state.wait(&of, (0, 5, Some(1)), 0);
            assert!(state.make_room(&of, 0));
            assert!(state.round.is_empty() && state.waiting == 0);
        }
        drop(held);
        assert!(is_empty(&turns));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn one_name_leaves_room_for_the_others() {
        let turns = Turns::new("here", 4, 8, 50);
        let mut slow = vec![turns.turn("slow", soon()).await.unwrap(), turns.turn("slow", soon()).await.unwrap()];
        let mut waiting = Vec::new();
        for _ in 0..4 {
            waiting.push(waits(&turns, "slow").await);
        }
        assert_eq!(turns.turn("slow", soon()).await.unwrap_err(), Refused::Full, "its share of the queue");
        for _ in 0..100 {
            turns.turn("other", soon()).await.unwrap();
        }
        let of = |name: &str| turns.figures().get(name).copied().unwrap_or_default();
        assert_eq!(of("slow"), Figures { held: 2, waiting: 4, refused: 1 });
        assert_eq!(of("other"), Figures::default());
        slow.clear();
        for one in waiting {
            drop(one.await.unwrap());
        }
        assert!(is_empty(&turns));
        assert_eq!(turns.refused(), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_wants_least_goes_first() {
        let turns = Turns::new("here", 1, 100, 50);
        let held = turns.turn("a", soon()).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (number, size) in [5_000, 200, 200, 1, 6_000, 0].into_iter().enumerate() {
            let (asking, order) = (turns.clone(), order.clone());
            let before = turns.figures()["a"].waiting;
            tasks.push(tokio::spawn(async move {
                let turn = asking.turn("a", Wait { until: soon(), size }).await.unwrap();
                order.lock().unwrap().push(number);
                drop(turn);
            }));
            while turns.figures()["a"].waiting == before {
                tokio::task::yield_now().await;
            }
        }
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [5, 3, 1, 2, 0, 4]);
        assert!(is_empty(&turns));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_turn_is_lent_to_who_wants_less() {
        let turns = Turns::new("here", 1, 3, 100);
        let large = |turns: &Turns| {
            let turns = turns.clone();
            async move { turns.turn("a", Wait { until: soon(), size: 5_000 }).await.unwrap() }
        };
        let held = large(&turns).await;
        let held = held.lent(Wait { until: soon(), size: 4_000 }).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        // Another as large does not come between; one row does, of this name and of another, though the queue is full.
        for (name, of, size) in [("as large", "a", 5_000), ("one", "a", 1), ("other", "b", 1)] {
            let (asking, order) = (turns.clone(), order.clone());
            let before = turns.0.state().waiting;
            tasks.push(tokio::spawn(async move {
                let turn = asking.turn(of, Wait { until: soon(), size }).await.unwrap();
                order.lock().unwrap().push(name);
                drop(turn);
            }));
            while turns.0.state().waiting == before {
                tokio::task::yield_now().await;
            }
        }
        let held = held.lent(Wait { until: soon(), size: 4_000 }).await.unwrap();
        order.lock().unwrap().push("the rest");
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["one", "other", "the rest", "as large"]);
        assert!(is_empty(&turns));
        // It is lent to one, and not to all who come meanwhile.
        let held = large(&turns).await;
        let one = waits(&turns, "a").await;
        let (asking, order) = (turns.clone(), Arc::new(Mutex::new(Vec::new())));
        let rest = tokio::spawn({
            let order = order.clone();
            async move {
                let held = held.lent(Wait { until: soon(), size: 4_000 }).await.unwrap();
                order.lock().unwrap().push("the rest");
                drop(held);
            }
        });
        let one = one.await.unwrap();
        let late = tokio::spawn({
            let order = order.clone();
            async move {
                let turn = asking.turn("a", soon()).await.unwrap();
                order.lock().unwrap().push("who came meanwhile");
                drop(turn);
            }
        });
        while turns.0.state().waiting < 2 {
            tokio::task::yield_now().await;
        }
        drop(one);
        rest.await.unwrap();
        late.await.unwrap();
        assert_eq!(*order.lock().unwrap(), ["the rest", "who came meanwhile"]);
        // Nobody waits longer than it may.
        let held = large(&turns).await;
        let one = waits(&turns, "a").await;
        let late = held.lent(Wait { until: Instant::now() + Duration::from_millis(5), size: 1 });
        let (late, one) = tokio::join!(late, async {
            let one = one.await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(one);
        });
        assert_eq!((late.unwrap_err(), one), (Refused::Late, ()));
        assert!(is_empty(&turns));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn names_take_turns_and_each_keeps_its_order() {
        let turns = Turns::new("here", 1, 100, 50);
        let held = turns.turn("a", soon()).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (number, of) in ["a", "a", "a", "b", "c", "c"].into_iter().enumerate() {
            let task = waits(&turns, of).await;
            let order = order.clone();
            tasks.push(tokio::spawn(async move {
                let turn = task.await.unwrap();
                order.lock().unwrap().push(format!("{of}{number}"));
                drop(turn);
            }));
        }
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["a0", "b3", "c4", "a1", "c5", "a2"]);
        assert!(is_empty(&turns));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_gives_up_leaves_nothing_behind() {
        let turns = Turns::new("here", 1, 2, 100);
        let held = turns.turn("a", soon()).await.unwrap();
        let late = turns.turn("a", Instant::now() + Duration::from_millis(5)).await;
        assert_eq!(late.unwrap_err(), Refused::Late);
        let (first, second) = (waits(&turns, "a").await, waits(&turns, "b").await);
        assert_eq!(turns.turn("c", soon()).await.unwrap_err(), Refused::Full, "all together");
        first.abort();
        assert!(first.await.is_err());
        assert_eq!(turns.0.state().waiting, 1);
        drop(held);
        drop(second.await.unwrap());
        assert!(is_empty(&turns));
        // Given to somebody who is gone in the same moment, it goes on to the next.
        let held = turns.turn("a", soon()).await.unwrap();
        let (gone, next) = (waits(&turns, "a").await, waits(&turns, "a").await);
        drop(held);
        gone.abort();
        drop(gone.await);
        drop(next.await.unwrap());
        assert!(is_empty(&turns));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_share_is_never_nothing_and_never_more_than_all() {
        for (percent, of_three) in [(1, 1), (50, 1), (70, 2), (100, 3), (1_000, 3)] {
            let turns = Turns::new("here", 3, 0, percent);
            let mut held = Vec::new();
            while let Ok(turn) = turns.turn("a", soon()).await {
                held.push(turn);
            }
            assert_eq!(held.len(), of_three, "{percent}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn names_that_are_counted_are_bounded() {
        let turns = Turns::new("here", 1, 0, 100);
        let _held = turns.turn("a", soon()).await.unwrap();
        for n in 0..COUNTED + 20 {
            turns.turn(&format!("n{n}"), soon()).await.unwrap_err();
        }
        let figures = turns.figures();
        assert!(figures.len() <= COUNTED + 2, "{}", figures.len());
        assert_eq!(figures[OTHERS].refused, 20);
        assert_eq!(turns.refused(), COUNTED as u64 + 20);
    }
}
