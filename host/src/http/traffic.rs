//! How each table is used: requests, errors and times of the last five minutes. It knows names of tables and nothing of
//! what was asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the figures are of.
pub const WINDOW: Duration = Duration::from_mins(5);
/// Figures leave in such portions.
const PORTION: Duration = Duration::from_secs(10);
/// Classes of time, each twice the one before, from 0.25 ms.
const CLASSES: usize = 20;
const FIRST_MICROS: u64 = 250;

/// By entity set.
pub struct Traffic {
    begun: Instant,
    tables: Mutex<HashMap<String, Vec<Portion>>>,
}

#[derive(Clone, Copy)]
struct Portion {
    number: u64,
    requests: u64,
    errors: u64,
    classes: [u32; CLASSES],
}

/// What became of a table's requests in the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    pub requests: u64,
    /// Answers of 4xx and 5xx.
    pub errors: u64,
    /// A second.
    pub rate: f64,
    /// No more than one of twenty took longer than this, to the class of time.
    pub p95: Duration,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { begun: Instant::now(), tables: Mutex::default() }
    }
}

impl Traffic {
    /// A request of this entity set, which there is.
    pub fn count(&self, entity_set: &str, took: Duration, is_error: bool) {
        self.count_at(Instant::now(), entity_set, took, is_error);
    }

    fn count_at(&self, now: Instant, entity_set: &str, took: Duration, is_error: bool) {
        let number = self.number(now);
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if !tables.contains_key(entity_set) {
            tables.insert(entity_set.to_owned(), Vec::new());
        }
        let Some(portions) = tables.get_mut(entity_set) else { return };
        if portions.last().is_none_or(|last| last.number != number) {
            portions.retain(|portion| is_recent(portion, number));
            portions.push(Portion { number, requests: 0, errors: 0, classes: [0; CLASSES] });
        }
        if let Some(last) = portions.last_mut() {
            last.requests += 1;
            last.errors += u64::from(is_error);
            last.classes[class(took)] += 1;
        }
    }

    /// By entity set; those that nobody has asked for are not there.
    pub fn figures(&self) -> BTreeMap<String, Figures> {
        self.figures_at(Instant::now())
    }

    fn figures_at(&self, now: Instant) -> BTreeMap<String, Figures> {
        let number = self.number(now);
        let age = now.saturating_duration_since(self.begun);
        let seconds = age.min(WINDOW).as_secs_f64().max(1.0);
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |portions: &Vec<Portion>| {
            let mut figures = Figures { requests: 0, errors: 0, rate: 0.0, p95: Duration::ZERO };
            let mut classes = [0_u64; CLASSES];
            for portion in portions.iter().filter(|portion| is_recent(portion, number)) {
                figures.requests += portion.requests;
                figures.errors += portion.errors;
                classes.iter_mut().zip(portion.classes).for_each(|(all, some)| *all += u64::from(some));
            }
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = figures.requests as f64 / seconds;
            Figures { rate, p95: p95(&classes), ..figures }
        };
        let all = tables.iter().map(|(name, portions)| (name.clone(), of(portions)));
        all.filter(|(_, figures)| figures.requests > 0).collect()
    }

    fn number(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_secs() / PORTION.as_secs()
    }
}

fn is_recent(portion: &Portion, now: u64) -> bool {
    portion.number + WINDOW.as_secs() / PORTION.as_secs() > now
}

fn class(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    (0..CLASSES - 1).find(|class| micros <= FIRST_MICROS << class).unwrap_or(CLASSES - 1)
}

fn p95(classes: &[u64; CLASSES]) -> Duration {
    let all: u64 = classes.iter().sum();
    let mut slower = all;
    for (class, count) in classes.iter().enumerate() {
        slower -= count;
        if all > 0 && slower * 20 <= all {
            return Duration::from_micros(FIRST_MICROS << class);
        }
    }
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_the_last_minutes() {
        let traffic = Traffic::default();
        let at = |seconds| traffic.begun + Duration::from_secs(seconds);
        for request in 0..100 {
            let took = Duration::from_millis(if request < 94 { 1 } else { 100 });
            traffic.count_at(at(5), "contacts", took, request < 3);
        }
        let found = traffic.figures_at(at(10))["contacts"];
        assert_eq!((found.requests, found.errors, found.rate), (100, 3, 10.0));
        assert_eq!(found.p95, Duration::from_millis(128));
        traffic.count_at(at(200), "contacts", Duration::from_millis(1), false);
        assert_eq!(traffic.figures_at(at(250))["contacts"].requests, 101);
        assert_eq!(traffic.figures_at(at(400))["contacts"].requests, 1);
        assert!(traffic.figures_at(at(1_000)).is_empty());
    }

    #[test]
    fn no_time_is_too_long() {
        assert_eq!(class(Duration::ZERO), 0);
        assert_eq!(class(Duration::from_micros(251)), 1);
        assert_eq!(class(Duration::MAX), CLASSES - 1);
        assert_eq!(p95(&[0; CLASSES]), Duration::ZERO);
    }
}
