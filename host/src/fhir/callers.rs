//! A service that is asked with the token of whoever asks: what one caller's answers have taught, and the token that theirs
//! was exchanged for, are of that caller alone. They are found by a hash of the token, which itself ends with its request, and
//! so many are kept; whoever asked longest ago goes first.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use reqwest::header::{HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::learned::Learned;
use crate::model::caller::Bearer;

/// Somebody for whom a service is asked, for the time of a request.
pub(super) struct Behalf {
    pub(super) bearer: Bearer,
    pub(super) kept: Arc<Kept>,
}

/// Neither the token nor what is kept.
impl std::fmt::Debug for Behalf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.bearer)
    }
}

/// A header that a request carries.
#[derive(Clone)]
pub(super) struct Credential {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    pub(super) expires: Option<Instant>,
}

impl Credential {
    fn has_ended(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// What is kept of a caller.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) learned: Learned,
    /// Held while a token is exchanged, so that one request exchanges it and the others wait.
    pub(super) credential: Arc<Mutex<Option<Credential>>>,
}

/// By a hash of their token; with the time when each asked last.
type ByToken = HashMap<[u8; 32], (Instant, Arc<Kept>)>;

/// All callers of one service.
pub(super) struct Callers {
    most: usize,
    all: std::sync::Mutex<ByToken>,
}

impl Callers {
    pub(super) fn new(most: usize) -> Self {
        Self { most, all: std::sync::Mutex::default() }
    }

    pub(super) fn behalf(&self, bearer: &Bearer) -> Behalf {
        let hash: [u8; 32] = Sha256::digest(bearer.token()).into();
        let now = Instant::now();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(&hash) {
            // A token that has ended is nothing to keep.
            all.retain(|_, (_, kept)| {
                let credential = kept.credential.try_lock();
                !credential.is_ok_and(|credential| credential.as_ref().is_some_and(|one| one.has_ended(now)))
            });
            while all.len() >= self.most.max(1) {
                let oldest = all.iter().min_by_key(|(_, (used, _))| *used).map(|(hash, _)| *hash);
                let Some(oldest) = oldest else { break };
                all.remove(&oldest);
            }
        }
        let (used, kept) = all.entry(hash).or_insert_with(|| (now, Arc::default()));
        *used = now;
        Behalf { bearer: bearer.clone(), kept: kept.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::learned::Lesson;
    use super::*;

    #[test]
    fn each_has_its_own_and_the_oldest_goes_first() {
        let callers = Callers::new(2);
        let behalf = |token: &str| callers.behalf(&Bearer::new("hospital", token));
        behalf("one").kept.learned.learn("Patient", Lesson::PageOf, 5);
        assert_eq!(behalf("one").kept.learned.get("Patient", Lesson::PageOf), Some(5));
        assert_eq!(behalf("two").kept.learned.get("Patient", Lesson::PageOf), None);
        behalf("one");
        behalf("three");
        assert_eq!(behalf("one").kept.learned.get("Patient", Lesson::PageOf), Some(5));
        let all = callers.all.lock().unwrap();
        assert_eq!(all.len(), 2);
    }
}
