//! What a service's answers have taught beside what it declares: what it refuses, how much it gives at once, what of it
//! cannot be relied on. Bounded, and forgotten after a time, so that a service that has been mended is asked as before.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a lesson is kept.
const LIFE: Duration = Duration::from_secs(60 * 60);
/// Lessons of one service; what comes on top is learned once there is room.
const LESSONS: usize = 1_000;

/// Something that a service does not do for a resource type, or not rightly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lesson {
    /// It refuses a parameter, by its name with its modifier: `family:contains`; with a comma behind it, `status,`, where
    /// it refuses several values.
    Refuses(String),
    /// It refuses to count.
    RefusesCount,
    /// It does not sort by this value of `_sort` as we do.
    Missorts(String),
    /// It compares the texts of a parameter with case or accents.
    Narrow(String),
    /// It does not, as R4 has it.
    Wide(String),
    /// To a parameter for texts the long `ſ` is an `s`.
    LongS(String),
    /// It is not, or that has not come to light.
    NoLongS(String),
    /// It finds by a chained parameter, or `_has`, what it finds by the keys of related resources (1), or does not (0).
    Chains(String),
    /// The totals of its answers are more than what it finds, by so many at most.
    WrongTotal,
    /// It does not know the resource type.
    Unknown,
    /// It gives no larger pages, or none that can be taken.
    PageOf,
}

#[derive(Debug, Default)]
pub(super) struct Learned(Mutex<HashMap<(String, Lesson), (Instant, u32)>>);

impl Learned {
    pub(super) fn learn(&self, resource_type: &str, lesson: Lesson, most: u32) {
        let mut lessons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (resource_type.to_owned(), lesson);
        if lessons.len() >= LESSONS && !lessons.contains_key(&key) {
            lessons.retain(|_, (at, _)| at.elapsed() < LIFE);
            if lessons.len() >= LESSONS {
                return;
            }
        }
        lessons.insert(key, (Instant::now(), most));
    }

    pub(super) fn get(&self, resource_type: &str, lesson: Lesson) -> Option<u32> {
        let lessons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, most) = lessons.get(&(resource_type.to_owned(), lesson))?;
        (at.elapsed() < LIFE).then_some(*most)
    }

    /// `Type.name` of each parameter to which the long `ſ` is an `s`.
    pub(super) fn long_s(&self) -> BTreeSet<String> {
        self.current(|resource_type, lesson, _| match lesson {
            Lesson::LongS(name) => Some(format!("{resource_type}.{name}")),
            _ => None,
        })
    }

    /// `Type.name` of each parameter that is refused or hides rows, and `Type._sort=value` of each order that is not kept.
    pub(super) fn not_done(&self) -> BTreeSet<String> {
        self.current(|resource_type, lesson, most| match lesson {
            Lesson::Chains(name) if most == 0 => Some(format!("{resource_type}.{name}")),
            Lesson::Refuses(name) | Lesson::Narrow(name) => Some(format!("{resource_type}.{name}")),
            Lesson::Missorts(value) => Some(format!("{resource_type}._sort={value}")),
            _ => None,
        })
    }

    fn current(&self, named: fn(&str, &Lesson, u32) -> Option<String>) -> BTreeSet<String> {
        let lessons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let current = lessons.iter().filter(|(_, (at, _))| at.elapsed() < LIFE);
        current.filter_map(|((resource_type, lesson), (_, most))| named(resource_type, lesson, *most)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lessons_are_kept_by_type_and_bounded() {
        let learned = Learned::default();
        learned.learn("Patient", Lesson::Refuses("family:contains".into()), 0);
        learned.learn("Patient", Lesson::PageOf, 50);
        learned.learn("Group", Lesson::Chains("member:Patient.family".into()), 1);
        assert_eq!(learned.get("Patient", Lesson::PageOf), Some(50));
        assert_eq!(learned.get("Group", Lesson::PageOf), None);
        assert_eq!(learned.not_done(), BTreeSet::from(["Patient.family:contains".to_owned()]));
        assert_eq!(learned.long_s(), BTreeSet::new());
        learned.learn("Group", Lesson::LongS("name".into()), 0);
        assert_eq!(learned.long_s(), BTreeSet::from(["Group.name".to_owned()]));
        for number in 0..2 * LESSONS {
            learned.learn("Group", Lesson::Refuses(number.to_string()), 0);
        }
        assert_eq!(learned.not_done().len(), LESSONS - 3);
        learned.learn("Patient", Lesson::PageOf, 20);
        assert_eq!(learned.get("Patient", Lesson::PageOf), Some(20), "what is known may change");
    }
}
