//! The way back from GUIDs that were hashed, in memory. Whoever shows such keys remembers them here, which takes no time
//! and touches no disk; what is new is written behind the requests. Bounded: the oldest go first, and come back when a
//! list shows them again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct Keys {
    known: Mutex<Known>,
    /// Keys that are held.
    most: usize,
    /// Told when there is something to write.
    unsaved: Arc<Notify>,
}

/// GUID, and the text that it was hashed from.
pub(crate) type Key = (Uuid, Arc<str>);

#[derive(Debug, Default)]
struct Known {
    texts: HashMap<Uuid, Arc<str>>,
    /// The oldest first.
    order: VecDeque<Uuid>,
    unsaved: VecDeque<Uuid>,
}

impl Keys {
    pub(crate) fn new(most: usize) -> Self {
        Self { known: Mutex::default(), most: most.max(1), unsaved: Arc::default() }
    }

    /// Others, of which the same is told when there is something to write.
    pub(crate) fn beside(&self) -> Self {
        Self { known: Mutex::default(), most: self.most, unsaved: self.unsaved.clone() }
    }

    /// Keeps texts in place of those that these GUIDs had, to be written later.
    pub(crate) fn replace(&self, keys: impl IntoIterator<Item = (Uuid, String)>) {
        let mut known = self.known();
        for (guid, text) in keys {
            let text: Arc<str> = text.into();
            match known.texts.get_mut(&guid) {
                Some(held) => *held = text,
                None => {
                    known.add(guid, text, self.most);
                }
            }
            known.unsaved.push_back(guid);
        }
        drop(known);
        self.unsaved.notify_one();
    }

    /// Keeps new ones, to be written later.
    pub(crate) fn remember<'k>(&self, keys: impl IntoIterator<Item = (Uuid, &'k str)>) {
        let mut known = self.known();
        let before = known.unsaved.len();
        for (guid, text) in keys {
            if known.add(guid, text.into(), self.most) {
                known.unsaved.push_back(guid);
            }
        }
        let any = known.unsaved.len() > before;
        drop(known);
        if any {
            self.unsaved.notify_one();
        }
    }

    /// Keeps one that the database knows.
    pub(crate) fn learn(&self, (guid, text): Key) {
        self.known().add(guid, text, self.most);
    }

    pub(crate) fn text(&self, guid: Uuid) -> Option<Arc<str>> {
        self.known().texts.get(&guid).cloned()
    }

    /// The oldest of those that are not written yet, which then count as written.
    pub(crate) fn take_unsaved(&self, most: usize) -> Vec<Key> {
        let mut known = self.known();
        let count = most.min(known.unsaved.len());
        let taken: Vec<Uuid> = known.unsaved.drain(..count).collect();
        // One that had to go meanwhile is gone.
        taken.into_iter().filter_map(|guid| Some((guid, known.texts.get(&guid)?.clone()))).collect()
    }

    /// They could not be written after all.
    pub(crate) fn give_back(&self, keys: &[Key]) {
        let mut known = self.known();
        for (guid, _) in keys.iter().rev().filter(|(guid, _)| known.texts.contains_key(guid)).collect::<Vec<_>>() {
            known.unsaved.push_front(*guid);
        }
    }

    /// Told when there is something to write.
    pub(crate) fn unsaved(&self) -> Arc<Notify> {
        self.unsaved.clone()
    }

    /// A panic while it was held leaves nothing half done that matters: a key is known or will be again.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether it is new.
    fn add(&mut self, guid: Uuid, text: Arc<str>, most: usize) -> bool {
        if self.texts.contains_key(&guid) {
            return false;
        }
        while self.order.len() >= most
            && let Some(oldest) = self.order.pop_front()
        {
            self.texts.remove(&oldest);
            if self.unsaved.front() == Some(&oldest) {
                self.unsaved.pop_front();
            }
        }
        self.texts.insert(guid, text);
        self.order.push_back(guid);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u128) -> (Uuid, &'static str) {
        (Uuid::from_u128(number), "text")
    }

    #[test]
    fn the_oldest_go_first() {
        let keys = Keys::new(3);
        keys.remember([1, 2, 3].map(key));
        keys.remember([3, 4].map(key));
        let known: Vec<_> = (1..=4).filter(|n| keys.text(Uuid::from_u128(*n)).is_some()).collect();
        assert_eq!(known, [2, 3, 4]);
        let taken: Vec<_> = keys.take_unsaved(2).into_iter().map(|(guid, _)| guid.as_u128()).collect();
        assert_eq!(taken, [2, 3]);
        keys.learn((Uuid::from_u128(5), "text".into()));
        assert_eq!(keys.take_unsaved(9).len(), 1, "what the database knows needs no writing");
        assert!(keys.take_unsaved(9).is_empty());
    }

    #[test]
    fn what_could_not_be_written_is_tried_again() {
        let keys = Keys::new(3);
        keys.remember([1, 2].map(key));
        let taken = keys.take_unsaved(9);
        keys.remember([3, 4].map(key));
        keys.give_back(&taken);
        let again: Vec<_> = keys.take_unsaved(9).into_iter().map(|(guid, _)| guid.as_u128()).collect();
        assert_eq!(again, [2, 3, 4], "1 had to go");
    }
}
