//! People with a password, as the configuration has them: `Basic` (RFC 7617). Checking a password is made slow (argon2id),
//! so it is done by few at a time off the reactor, and what was right is remembered for as long as this process runs.
//! Wrong ones are answered late, and after so many for one name a minute nobody is heard under it but who was right before.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::fhir::auth::Secret;
use crate::identity::keys::not_accepted;
use crate::model::caller::{Caller, Kind};
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;

/// KiB that one check may take, how often it may go over them, and by how many lanes.
const MEMORY: u32 = 256 << 10;
const TIMES: u32 = 20;
const LANES: u32 = 8;

/// How long a check waits for its turn.
const WAIT: Duration = Duration::from_secs(5);

/// Within which wrong passwords count.
const WINDOW: Duration = Duration::from_secs(60);

/// The first wrong one is answered after this, each further one after twice as long, up to [`SLOWEST`].
const SLOW: Duration = Duration::from_millis(100);
const SLOWEST: Duration = Duration::from_secs(2);

/// Places for names that were tried. Names are not told apart within one, so that trying many fills no memory, and so that
/// one that is there is not told from one that is not.
const PLACES: usize = 1_024;

/// `[auth.basic]` of the configuration: one of its people.
#[derive(Clone, Debug, PartialEq)]
pub struct UserSettings {
    /// As PHC string: `$argon2id$v=19$m=…`.
    pub password_hash: Secret,
    pub roles: Vec<String>,
}

#[derive(Debug)]
pub struct Users {
    users: BTreeMap<String, User>,
    /// Bytes that nobody else knows, so that nothing here can be aimed at.
    salt: [u8; 32],
    checks: Arc<Semaphore>,
    waiting: Semaphore,
    /// What was right, by name, as a digest.
    right: Mutex<HashMap<String, [u8; 32]>>,
    wrong: Mutex<Vec<Wrong>>,
    most_wrong: u32,
}

#[derive(Debug)]
struct User {
    hash: String,
    roles: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Wrong {
    count: u32,
    since: Instant,
}

impl Users {
    /// `Config` for a hash that cannot be read, or is none.
    pub fn new(settings: &BTreeMap<String, UserSettings>, limits: &Limits) -> Result<Self> {
        let mut users = BTreeMap::new();
        for (name, user) in settings {
            let hash = user.password_hash.read()?.into_owned();
            check(&hash).map_err(|error| error.target(format!("auth.basic.{name}.password_hash")))?;
            users.insert(name.clone(), User { hash, roles: user.roles.clone() });
        }
        let mut salt = [0; 32];
        getrandom::fill(&mut salt)
            .map_err(|e| Error::new(Code::Internal, "the system gives no random numbers").internal(e.to_string()))?;
        Ok(Self {
            users,
            salt,
            checks: Arc::new(Semaphore::new(limits.password_checks)),
            waiting: Semaphore::new(limits.password_queue),
            right: Mutex::default(),
            wrong: Mutex::new(vec![Wrong { count: 0, since: Instant::now() }; PLACES]),
            most_wrong: limits.password_failures,
        })
    }

    /// Who it is. `Unauthorized` in the same words and time for a name and for a password that is wrong; `Busy` after too
    /// many, and where too many wait.
    pub async fn caller(&self, name: &str, password: &str) -> Result<Caller> {
        let digest = self.digest(name, password);
        let user = self.users.get(name);
        if let Some(user) = user
            && self.right.lock().unwrap_or_else(PoisonError::into_inner).get(name) == Some(&digest)
        {
            return Ok(caller(name, user));
        }
        let place = self.place(name);
        let failures = self.failures(place);
        if failures >= self.most_wrong {
            return Err(Error::new(Code::Busy, "too many wrong passwords")
                .hint("try again in a minute")
                .retry_after(60));
        }
        let busy =
            || Error::new(Code::Busy, "too many passwords are being checked").hint("try again shortly").retry_after(1);
        let waits = self.waiting.try_acquire().map_err(|_| busy())?;
        let turn = tokio::time::timeout(WAIT, self.checks.clone().acquire_owned()).await.map_err(|_| busy())?;
        drop(waits);
        // Who is not there takes as long as who is.
        let Some(hash) = user.or(self.users.values().next()).map(|user| user.hash.clone()) else {
            return Err(not_accepted());
        };
        let password = password.to_owned();
        let check = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            is_right(&hash, &password)
        });
        let is_right =
            check.await.map_err(|e| Error::new(Code::Internal, "the request failed").internal(e.to_string()))?;
        match user.filter(|_| is_right) {
            Some(user) => {
                self.right.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), digest);
                Ok(caller(name, user))
            }
            None => {
                self.count(place);
                tokio::time::sleep(SLOW.saturating_mul(1 << failures.min(8)).min(SLOWEST)).await;
                Err(not_accepted())
            }
        }
    }

    fn digest(&self, name: &str, password: &str) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.salt);
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name);
        digest.update(password);
        digest.finalize().into()
    }

    fn place(&self, name: &str) -> usize {
        let digest = self.digest(name, "");
        usize::from(u16::from_le_bytes([digest[0], digest[1]])) % PLACES
    }

    fn failures(&self, place: usize) -> u32 {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.get(place).filter(|wrong| wrong.since.elapsed() < WINDOW).map_or(0, |wrong| wrong.count)
    }

    fn count(&self, place: usize) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wrong) = wrong.get_mut(place) else { return };
        if wrong.since.elapsed() >= WINDOW {
            *wrong = Wrong { count: 0, since: Instant::now() };
        }
        wrong.count = wrong.count.saturating_add(1);
    }
}

fn caller(name: &str, user: &User) -> Caller {
    Caller::new(Kind::Basic, format!("basic:{name}"), user.roles.iter().cloned())
}

fn is_right(hash: &str, password: &str) -> bool {
    argon2::verify_encoded(hash, password.as_bytes()).unwrap_or(false)
}

/// `Config` for what is no PHC string of argon2id, or takes more than a check may.
pub fn check(hash: &str) -> Result<()> {
    let bad = |what: &str| {
        Error::new(Code::Config, what)
            .hint("make one with `turntable password-hash`, which reads the password from its input")
    };
    let ["", kind, "v=19", costs, salt, digest] = hash.split('$').collect::<Vec<_>>()[..] else {
        return Err(bad("this is no hash of a password as a PHC string"));
    };
    if kind != "argon2id" || salt.is_empty() || digest.is_empty() {
        return Err(bad("the hash of a password is of argon2id"));
    }
    let number = |cost: Option<&str>, name: &str| cost?.strip_prefix(name)?.parse::<u32>().ok();
    let mut costs = costs.split(',');
    let (memory, times, lanes) = (number(costs.next(), "m="), number(costs.next(), "t="), number(costs.next(), "p="));
    match (memory, times, lanes, costs.next()) {
        (Some(8..=MEMORY), Some(1..=TIMES), Some(1..=LANES), None) => Ok(()),
        _ => Err(bad("the hash of a password costs more to check than is allowed here, or nothing")),
    }
}

/// The PHC string of a password, with a salt of its own: argon2id with 19 MiB, twice over (as OWASP has it).
pub fn hash(password: &str) -> Result<String> {
    let failed = |what: String| Error::new(Code::Internal, "the password cannot be hashed").internal(what);
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| failed(error.to_string()))?;
    let config = argon2::Config {
        variant: argon2::Variant::Argon2id,
        version: argon2::Version::Version13,
        mem_cost: 19_456,
        time_cost: 2,
        lanes: 1,
        hash_length: 32,
        ..argon2::Config::default()
    };
    argon2::hash_encoded(password.as_bytes(), &salt, &config).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_of_argon2id_and_cost_what_they_may() {
        let made = hash("secret").unwrap();
        assert!(check(&made).is_ok() && is_right(&made, "secret") && !is_right(&made, "Secret"), "{made}");
        assert_ne!(hash("secret").unwrap(), made, "each has a salt of its own");
        for bad in [
            "secret".to_owned(),
            String::new(),
            "$2b$12$abcdefghijklmnopqrstuv".to_owned(),
            made.replace("argon2id", "argon2i"),
            made.replace("m=19456", "m=4194304"),
            made.replace("m=19456", "m=x"),
            made.replace("t=2", "t=100000"),
            made.replace("p=1", "p=0"),
            made.replace("v=19", "v=16"),
            made.replace(",p=1", ""),
        ] {
            assert_eq!(check(&bad).unwrap_err().code(), Code::Config, "{bad}");
        }
    }
}
