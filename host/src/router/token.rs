//! `$skiptoken`: where a page ended. Encrypted and authenticated, since it may hold a FHIR service's next link and with
//! it what somebody searched for; bound to the query, the route and the mapping it began with, and of limited life.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::error::{Code, Error, Result};
use crate::store::native::Position;

/// Where to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cursor {
    /// So many rows of the whole answer have been given.
    Offset(u64),
    /// In this search, on the page at this link (None = its first), after so many rows that it gave. `among`: what it and
    /// those before it look for ([`searches`]), 0 where it is the only one.
    Search { search: usize, among: u64, link: Option<String>, rows: u64, trail: Trail },
    /// Of a list whose changes are told later: after this key.
    Tracked(Tracked),
    /// Of such a list in a FHIR service: in this slice.
    Sliced(Sliced),
    /// In the order of the answer: from there on so many rows have been given.
    Ordered { from: From, given: u64 },
}

/// A place in a list whose changes are told later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// Before its first page.
    pub since: Position,
    /// The bytes of the key of the last row that was given.
    pub after: Option<[u8; 16]>,
    /// A digest of how the table is described: rows shown before and after it changes do not go together.
    pub described: [u8; 16],
}

/// A place in a list of rows in a FHIR service whose changes are told later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sliced {
    /// Of before its first page.
    pub places: Vec<Place>,
    pub search: usize,
    /// What this search and those before it look for ([`searches`]).
    pub among: u64,
    /// Milliseconds since 1970: the slice is of resources that were changed last from then on, and before `until`.
    pub from: Option<i64>,
    /// None: the slice is not cut yet.
    pub until: Option<i64>,
    /// The bytes of the key of the last row of the slice that was given.
    pub after: Option<[u8; 16]>,
    /// See [`Tracked::described`].
    pub described: [u8; 16],
}

/// From where on the history of a resource type in a FHIR service is still to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub resource_type: String,
    /// Milliseconds since 1970.
    pub since: i64,
    /// Of versions since then that have been told already: digests.
    pub told: Vec<u64>,
}

/// A delta link of rows in a FHIR service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    pub places: Vec<Place>,
    /// Milliseconds since 1970.
    pub given: i64,
    /// Which of the places is to be told next: changes may be told some at a time.
    pub at: usize,
    pub run: Option<Run>,
}

/// Within the changes of a resource type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What is its place once all is told.
    pub fresh: Place,
    /// Microseconds since 1970 and id of the version that was told last.
    pub after: (i64, String),
}

/// A place in an order, by the column that it begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum From {
    /// The first row without a value.
    Nulls,
    /// The first row with one.
    Values,
    /// The first row of this value.
    Value(String),
}

/// How a search has come to where it is, as far as that tells whether the service's pages are sound. Digests only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// Entries of the pages before.
    pub seen: u64,
    /// How many there are in all, as the last of these pages has it.
    pub total: Option<u64>,
    /// The links followed last.
    links: Vec<u64>,
    /// One further back, the steps since, and after how many it is moved: a circle of any length meets it (Brent).
    anchor: u64,
    steps: u64,
    reach: u64,
    /// Of what the page before held.
    page: u64,
    /// Of the keys of the rows given last, which the service may repeat on its next page.
    keys: Vec<u64>,
}

impl Trail {
    /// Links and keys remembered one by one.
    const LINKS: usize = 4;
    const KEYS: usize = 24;

    /// Follows a link; false if it has been followed before.
    pub fn follow(&mut self, link: &str) -> bool {
        let link = digest([link]);
        if self.links.contains(&link) || self.anchor == link {
            return false;
        }
        remember(&mut self.links, link, Self::LINKS);
        self.steps += 1;
        if self.steps > self.reach {
            (self.anchor, self.steps, self.reach) = (link, 0, 2 * self.reach + 1);
        }
        true
    }

    /// The same, with the rows given last that another knows of.
    pub fn with_rows_of(self, other: &Self) -> Self {
        Self { keys: other.keys.clone(), ..self }
    }

    /// For the search after this one: the service may repeat rows, but pages and totals are others.
    pub fn of_next_search(&self) -> Self {
        Self { keys: self.keys.clone(), ..Self::default() }
    }

    /// Takes a page of these ids; false if it is the page before once more.
    pub fn turn<'i>(&mut self, ids: impl IntoIterator<Item = &'i str>, entries: u64, total: Option<u64>) -> bool {
        let mut any = false;
        let page = digest(ids.into_iter().inspect(|_| any = true));
        let again = any && self.page == page;
        self.page = page;
        self.seen += entries;
        self.total = total.or(self.total);
        !again
    }

    /// A row is given.
    pub fn give(&mut self, key: &str) {
        remember(&mut self.keys, digest([key]), Self::KEYS);
    }

    /// Whether the row is one of those given last, on pages before.
    pub fn has_given(&self, key: &str) -> bool {
        !self.keys.is_empty() && self.keys.contains(&digest([key]))
    }
}

fn remember(list: &mut Vec<u64>, digest: u64, most: usize) {
    if list.len() == most {
        list.remove(0);
    }
    list.push(digest);
}

/// What some searches look for. Where it is planned otherwise, since a service has been seen to refuse something or keys of
/// related rows are others, a cursor into them leads nowhere.
pub fn searches<'t>(texts: impl IntoIterator<Item = &'t str>) -> u64 {
    digest(texts)
}

/// A version of a resource, as a delta link remembers it.
pub fn version(id: &str, version: &str) -> u64 {
    digest([id, version])
}

/// The same in every run of the program. 52 bits, so that a token stays short.
fn digest<'t>(texts: impl IntoIterator<Item = &'t str>) -> u64 {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text);
        hash.update([0]);
    }
    let bytes: [u8; 32] = hash.finalize().into();
    bytes.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte)) >> 12
}

#[derive(Serialize, Deserialize)]
struct Body {
    cursor: Cursor,
    /// Rows still wanted of `$top`.
    left: Option<u64>,
    /// Milliseconds since 1970.
    expires: i64,
}

/// What a token is bound to: it opens only with the same text.
#[derive(Clone, Debug)]
pub struct Binding {
    pub query: String,
    /// Route and mapping digest; another generation answers `PageTokenExpired`.
    pub generation: String,
}

/// Seals and opens tokens.
pub struct Tokens(ChaCha20Poly1305);

const NONCE_BYTES: usize = 12;

impl Tokens {
    pub fn new(key: &[u8; 32]) -> Self {
        Self(ChaCha20Poly1305::new(Key::from_slice(key)))
    }

    /// A key for a new store.
    pub fn new_key() -> Result<[u8; 32]> {
        random()
    }

    pub fn seal(&self, cursor: Cursor, left: Option<u64>, expires: i64, binding: &Binding) -> Result<String> {
        let body = serde_json::to_vec(&(&binding.generation, Body { cursor, left, expires })).map_err(internal)?;
        self.sealed(&body, binding)
    }

    /// `$deltatoken`, which no time ends by itself.
    pub fn seal_delta(&self, since: &impl Serialize, binding: &Binding) -> Result<String> {
        let body = serde_json::to_vec(&(&binding.generation, since)).map_err(internal)?;
        self.sealed(&body, binding)
    }

    fn sealed(&self, body: &[u8], binding: &Binding) -> Result<String> {
        let nonce: Nonce = random::<NONCE_BYTES>()?.into();
        let sealed = self.0.encrypt(&nonce, Payload { msg: body, aad: binding.query.as_bytes() }).map_err(internal)?;
        Ok(nonce.iter().chain(&sealed).map(|byte| format!("{byte:02x}")).collect())
    }

    /// What a `$deltatoken` was given for.
    pub fn open_delta<S: DeserializeOwned>(&self, token: &str, binding: &Binding) -> Result<S> {
        let invalid = || {
            Error::new(Code::DeltaTokenInvalid, "the $deltatoken is not one that this list was given")
                .target("$deltatoken")
                .hint("follow @odata.deltaLink as it stands, or read the list anew with `Prefer: odata.track-changes`")
        };
        let opened = self.opened(token, binding).and_then(|body| serde_json::from_slice(&body).ok());
        let (generation, since): (String, serde_json::Value) = opened.ok_or_else(invalid)?;
        if generation != binding.generation {
            return Err(expired_delta("the table's route or mapping, or who asks, has changed since"));
        }
        serde_json::from_value(since).map_err(|_| invalid())
    }

    /// The cursor and what is left of `$top`.
    pub fn open(&self, token: &str, now: i64, binding: &Binding) -> Result<(Cursor, Option<u64>)> {
        let invalid = || {
            Error::new(Code::PageTokenInvalid, "the $skiptoken is not one that this query was given")
                .target("$skiptoken")
                .hint("follow @odata.nextLink as it stands, or start again without $skiptoken")
        };
        let body = self.opened(token, binding).ok_or_else(invalid)?;
        let (generation, body): (String, Body) = serde_json::from_slice(&body).map_err(|_| invalid())?;
        if generation != binding.generation {
            return Err(expired("the table's route or mapping, or who asks, has changed since"));
        }
        if body.expires < now {
            return Err(expired("it is too old"));
        }
        Ok((body.cursor, body.left))
    }

    fn opened(&self, token: &str, binding: &Binding) -> Option<Vec<u8>> {
        // There are clients of Dataverse that ask for what is behind the link they were given: `…&$skiptoken=…/`.
        let bytes = from_hex(token.strip_suffix('/').unwrap_or(token)).filter(|b| b.len() > NONCE_BYTES)?;
        let (nonce, sealed) = bytes.split_at(NONCE_BYTES);
        self.0.decrypt(Nonce::from_slice(nonce), Payload { msg: sealed, aad: binding.query.as_bytes() }).ok()
    }
}

/// A next link cannot be followed any more.
pub fn expired(why: &str) -> Error {
    Error::new(Code::PageTokenExpired, format!("the next link is no longer good: {why}"))
        .target("$skiptoken")
        .hint("start again without $skiptoken")
}

/// What has changed since a link was given cannot be told any more.
pub fn expired_delta(why: &str) -> Error {
    let message = format!("the delta link is no longer good: {why}");
    let error = Error::new(Code::DeltaTokenExpired, message).target("$deltatoken");
    error.hint("read the list anew with `Prefer: odata.track-changes`")
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(internal)?;
    Ok(bytes)
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::new(Code::Internal, "a next link could not be made").internal(error.to_string())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_where_it_was_given() {
        let tokens = Tokens::new(&Tokens::new_key().unwrap());
        let bind = |query: &str, generation: &str| Binding { query: query.into(), generation: generation.into() };
        let link = Some("https://fhir.example.org/?page=2".into());
        let cursor = Cursor::Search { search: 0, among: 0, link, rows: 3, trail: Trail::default() };
        let token = tokens.seal(cursor.clone(), Some(7), 1_000, &bind("q", "g")).unwrap();
        assert!(!token.contains("fhir"));
        assert_eq!(tokens.open(&token, 1_000, &bind("q", "g")).unwrap(), (cursor, Some(7)));
        let code = |token: &str, now, query: &str, generation: &str| {
            tokens.open(token, now, &bind(query, generation)).unwrap_err().code()
        };
        assert_eq!(code(&token, 1_001, "q", "g"), Code::PageTokenExpired);
        assert_eq!(code(&token, 0, "q", "h"), Code::PageTokenExpired);
        assert_eq!(code(&token, 0, "other", "g"), Code::PageTokenInvalid);
        assert_eq!(code("zz", 0, "q", "g"), Code::PageTokenInvalid);
        assert_eq!(code(&token[..token.len() - 2], 0, "q", "g"), Code::PageTokenInvalid);
        let other = Tokens::new(&Tokens::new_key().unwrap());
        assert_eq!(other.open(&token, 0, &bind("q", "g")).unwrap_err().code(), Code::PageTokenInvalid);
    }

    /// Whatever the circle, and however its beginning is reached, it is not followed for ever.
    #[test]
    fn a_circle_of_links_is_noticed() {
        for (before, length) in [(0, 1), (0, 2), (3, 1), (1, 4), (5, 7), (0, 60), (9, 200)] {
            let mut trail = Trail::default();
            let noticed = (0..4 * (before + length)).position(|step| {
                let link = if step < before { step } else { before + (step - before) % length };
                // As from page to page: through a token.
                trail = serde_json::from_str(&serde_json::to_string(&trail).unwrap()).unwrap();
                !trail.follow(&format!("https://h/r4?page={link}"))
            });
            assert!(noticed.is_some_and(|at| at >= before + length), "{before} {length}: {noticed:?}");
        }
    }

    #[test]
    fn a_page_that_comes_again_is_noticed() {
        let mut trail = Trail::default();
        assert!(trail.turn(["a", "b"], 2, Some(9)));
        assert!(trail.turn(["b", "c"], 2, None));
        assert_eq!((trail.seen, trail.total), (4, Some(9)));
        assert!(!trail.turn(["b", "c"], 2, None));
        let mut empty = Trail::default();
        assert!(empty.turn([], 0, None) && empty.turn([], 1, None), "nothing is no page of before");
        trail.give("Patient/a");
        assert!(trail.has_given("Patient/a") && !trail.has_given("Patient/b"));
        assert!(trail.of_next_search().has_given("Patient/a"));
    }
}
