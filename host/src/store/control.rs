//! What administrators decide and what the audit trail says of it. Plain data: nothing here knows of a database.

use jiff::Timestamp;
use serde_json::Value;

use crate::model::audit::{Broken, Entry, Seal};
use crate::model::table::Route;

/// Events in one answer.
pub const EVENTS_MAX: u32 = 1_000;

/// A mapping as it was let in. Its component is fetched apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// `sha256:…`
    pub digest: String,
    /// As it describes itself.
    pub name: String,
    pub version: String,
    /// What it was described as when it was let in; as JSON, so that one which a later version of this program cannot
    /// read concerns that mapping alone.
    pub tables: Value,
    /// The gate's.
    pub report: Value,
    pub uploaded_at: Timestamp,
    pub uploaded_by: String,
}

/// A decision, to be stored together with its entry of the audit trail.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Keeps a mapping, unless it is known already; then nothing changes. When and by whom are taken from here and from
    /// the act. A component of None is carried by the program itself.
    Keep { mapping: Box<Mapping>, component: Option<Vec<u8>> },
    /// Keeps another report of a mapping that is kept.
    KeepReport { digest: String, report: Value },
    /// Forgets a mapping that is kept, with its component.
    Forget { digest: String },
    /// Makes a mapping that is kept the active one of some tables.
    Activate { tables: Vec<String>, digest: String },
    /// Takes some tables back to the versions that were active before.
    GoBack { tables: Vec<String> },
    /// Takes what is active for some tables out of force. Known as such for as long as nothing is activated for them.
    Deactivate { tables: Vec<String> },
    /// Turns some tables to a route.
    Turn { tables: Vec<String>, route: Route },
    /// Puts a version on trial for a table, in place of the one that is.
    Try(OnTrial),
    /// Ends what is on trial for a table, with what was found of it.
    EndTrial { table: String, how: &'static str, found: Option<Value> },
    /// Nothing of the store's changes: the entry of the audit trail alone.
    Nothing,
    /// Keeps what was found out, by name.
    KeepSetting { name: String, value: Vec<u8> },
}

/// A version to be tried.
#[derive(Clone, Debug)]
pub struct OnTrial {
    /// The root.
    pub table: String,
    pub digest: String,
    /// `shadow` or `canary`.
    pub mode: String,
    pub percent: u8,
    /// What is meant to differ.
    pub expected: Value,
    pub begun_at: Timestamp,
    /// Of the one that it takes the place of.
    pub found: Option<Value>,
}

/// A version that is or was on trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub table: String,
    pub digest: String,
    pub mode: String,
    pub percent: u8,
    pub expected: Value,
    pub begun_at: Timestamp,
    pub begun_by: String,
    /// None: it is under way.
    pub ended: Option<Ended>,
}

/// How a trial has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// `promoted`, `superseded`, `replaced`, `rolled-back`, `stopped`.
    pub how: String,
    pub at: Timestamp,
    pub by: String,
    pub found: Option<Value>,
}

/// One entry of a table's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    pub digest: String,
    pub activated_at: Timestamp,
    pub activated_by: String,
    /// Or deactivated.
    pub rolled_back: bool,
}

/// Who does what; goes into the audit trail together with the change. No patient data.
#[derive(Clone, Debug)]
pub struct Act {
    pub actor: String,
    /// e.g. `route.set`
    pub action: &'static str,
    pub table: Option<String>,
    pub detail: Value,
}

/// Which events of the audit trail are meant.
#[derive(Clone, Debug)]
pub struct EventsAsked {
    /// Of larger ids only.
    pub after: u64,
    /// Of smaller ids only.
    pub before: u64,
    /// Of this table only.
    pub table: Option<String>,
    /// Of this actor only.
    pub actor: Option<String>,
    /// Of this request only.
    pub request: Option<String>,
    /// Of this action only.
    pub action: Option<String>,
    /// Decisions only, or all but those.
    pub decisions: Option<bool>,
    /// Those that name this key, as it stands in them.
    pub key: Option<String>,
    /// At most so many; no more than [`EVENTS_MAX`] and one, which tells whether there are more.
    pub limit: u32,
}

impl EventsAsked {
    /// As many as there may be in one answer.
    pub fn all() -> Self {
        let (table, actor, request, action, decisions, key) = (None, None, None, None, None, None);
        Self { after: 0, before: u64::MAX, table, actor, request, action, decisions, key, limit: EVENTS_MAX }
    }
}

/// An entry of the audit trail, with the seal before it and its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub entry: Entry,
    pub before: Seal,
    pub seal: Seal,
}

/// What the seals of the audit trail say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The first entry that is kept.
    pub from: u64,
    /// The last that was looked at and is whole.
    pub to: u64,
    /// Its seal.
    pub seal: Seal,
    /// What is the matter with the one behind it.
    pub broken: Option<Broken>,
}
