//! What was counted, over time: in portions of so many seconds, of which there are no more than so many. When there would be more,
//! each two become one of twice the time, so that all of it is always told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Portions at most.
const PORTIONS: usize = 120;
/// Seconds of a portion at first: twenty minutes fill all.
const SECONDS: u64 = 10;

/// Each list has a number for each portion since the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Course {
    /// Of one portion.
    pub seconds: u64,
    pub requests: Vec<u64>,
    pub rows: Vec<u64>,
    pub differing: Vec<u64>,
    pub failing: Vec<u64>,
}

/// What is counted at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    pub requests: u64,
    pub rows: u64,
    pub differing: u64,
    pub failing: u64,
}

impl Default for Course {
    fn default() -> Self {
        let [requests, rows, differing, failing] = [const { Vec::new() }; 4];
        Self { seconds: SECONDS, requests, rows, differing, failing }
    }
}

impl Course {
    /// So long after the beginning.
    pub fn count(&mut self, after: Duration, moment: Moment) {
        self.reach(after);
        let numbers = [moment.requests, moment.rows, moment.differing, moment.failing];
        for (all, number) in self.lists().into_iter().zip(numbers) {
            if let Some(last) = all.last_mut() {
                *last += number;
            }
        }
    }

    /// Portions up to then, in which nothing may have happened. Time does not go back: what comes late is in the last.
    pub fn reach(&mut self, after: Duration) {
        while after.as_secs() / self.seconds >= PORTIONS as u64 {
            self.seconds *= 2;
            for all in self.lists() {
                *all = all.chunks(2).map(|two| two.iter().sum()).collect();
            }
        }
        let portions = usize::try_from(after.as_secs() / self.seconds).unwrap_or(PORTIONS) + 1;
        for all in self.lists() {
            if all.len() < portions {
                all.resize(portions, 0);
            }
        }
    }

    fn lists(&mut self) -> [&mut Vec<u64>; 4] {
        [&mut self.requests, &mut self.rows, &mut self.differing, &mut self.failing]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_counted_stands_where_it_was() {
        let mut course = Course::default();
        for (second, rows) in [(0, 1), (9, 2), (10, 4), (35, 8)] {
            course.count(at(second), Moment { rows, differing: 1, ..Moment::default() });
        }
        assert_eq!(
            (course.seconds, &course.rows[..], &course.differing[..]),
            (10, &[3, 4, 0, 8][..], &[2, 1, 0, 1][..])
        );
        course.reach(at(55));
        assert_eq!((course.rows.len(), course.failing.len()), (6, 6));
        course.count(at(3), Moment { failing: 1, ..Moment::default() });
        assert_eq!(course.failing, [0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn however_long_it_is_nothing_is_lost() {
        let mut course = Course::default();
        let one = Moment { requests: 1, rows: 3, differing: 2, failing: 1 };
        let times = 5_000;
        (0..times).for_each(|n| course.count(at(n * 97), one));
        assert!(course.rows.len() <= PORTIONS && course.rows.len() > PORTIONS / 4, "{}", course.rows.len());
        assert_eq!(course.rows.iter().sum::<u64>(), 3 * times);
        assert_eq!(course.requests.iter().sum::<u64>(), times);
        assert!(
            [&course.requests, &course.differing, &course.failing].iter().all(|all| all.len() == course.rows.len())
        );
        // Ten years of nothing.
        course.reach(at(10 * 365 * 24 * 60 * 60));
        assert!(course.rows.len() <= PORTIONS && course.rows.iter().sum::<u64>() == 3 * times);
    }
}
