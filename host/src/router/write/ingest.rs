//! A FHIR bundle into the tables: every entry goes, if asked, to a FHIR service, and is stored if any table over its type
//! is native; it is a row of all of them then. The answer has one outcome an entry; an entry that could not be stored says so
//! by name and is never dropped in silence. What a service has taken is kept here as the service holds it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use uuid::Uuid;

use crate::fhir::client::Client;
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::scopes::Act;
use crate::model::table::Route;
use crate::router::fault::reached;
use crate::router::session::{BUNDLES, Session};
use crate::router::snapshot::{Snapshot, Turntable};
use crate::router::work::waited;
use crate::router::write::answered::{Answered, answered};
use crate::router::write::backend::{self, busy_releasing};
use crate::router::write::bundle::{self, Action, Item, Sent, Which};
use crate::router::write::settle::{Fate, Settled, Settling, refusal_code};
use crate::store::native::{NativeWrite, TableRows};

/// How often a bundle, or what is left of it, is stored anew because somebody else wrote one of its resources in between.
const STORE_ATTEMPTS: usize = 8;

/// Entries of a batch that are stored in one transaction: a few hundredths of a second, in which nobody else writes.
const STORED_AT_ONCE: usize = 200;

/// How a bundle is to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How<'a> {
    /// The FHIR service that gets it first. What that refuses is not stored here either.
    pub forward: Option<&'a str>,
    /// A Bundle that only says what there is, a `searchset` say, is taken for its resources.
    pub as_batch: bool,
    /// It is resources line by line. Where this is not said, it is seen.
    pub lines: bool,
    /// A POST of a batch is of the resource with the id that it says it has, as Microsoft's upsert has it.
    pub own_ids: bool,
}

/// What became of one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub kind: OutcomeKind,
    /// `Type/id/_history/version`; of a resource that is only in the FHIR service `Type/id`.
    pub location: Option<String>,
    /// What to know of it, in words.
    pub note: String,
    /// Type and id of the resource, where they are known.
    pub resource: Option<(String, String)>,
    /// What is not as it should be though it is stored, each in words: tables that are behind with it.
    pub warnings: Vec<String>,
    /// Its rows in native root tables: table and key.
    pub rows: Vec<(String, Uuid)>,
}

/// What was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// It was a transaction, and has been done.
    pub atomic: bool,
    /// One for each entry, in their order.
    pub outcomes: Vec<Outcome>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutcomeKind {
    Created,
    Updated,
    Deleted,
    /// A resource that meets `ifNoneExist` is there and stays as it is.
    Found,
    /// There was nothing to do.
    Passed,
    /// Taken by the FHIR service; every table over the type is virtual, so nothing is kept here.
    Forwarded,
    /// Taken by the FHIR service, and not kept here though a table is native.
    ThereOnly,
    /// No table over its type is native, and it was not forwarded.
    #[default]
    NotStored,
    /// Neither here nor there, for this reason: `BadRequest`, `BodyTooLarge`, `VersionMismatch`, `PreconditionFailed`,
    /// `Conflict`, `NotSupported`, or one of the FHIR service's.
    Refused(Code),
}

impl OutcomeKind {
    /// Whether what was asked for is so.
    pub fn is_done(self) -> bool {
        !matches!(self, Self::ThereOnly | Self::NotStored | Self::Refused(_))
    }
}

impl Session {
    /// Takes what was sent. A transaction is taken whole or not at all: the error names the first entry that cannot be.
    pub async fn ingest(&self, sent: Bytes, how: How<'_>) -> Result<Taken> {
        let (take, lines, own_ids) = (how.as_batch, how.lines, how.own_ids);
        let mut sent = self.work_for_bundles(false, move || bundle::read(&sent, take, lines, own_ids)).await??;
        for item in &mut sent.items {
            if let Some(error) = item.as_ref().ok().and_then(|item| self.may_take(item).err()) {
                *item = Err(error);
            }
        }
        if sent.atomic
            && let Some((index, error)) = first_refused(&sent.items)
        {
            // Before a FHIR service stores any of it.
            return Err(broken(index, error));
        }
        let atomic = sent.atomic;
        let outcomes = match how.forward {
            Some(source) => self.forward(source, sent).await?,
            None => {
                let turn = match sent.items.iter().flatten().any(|item| item.condition().is_some()) {
                    true => Some(self.turn_for_conditions().await?),
                    false => None,
                };
                let stored = self.store_items(sent.items, atomic, String::new(), turn);
                stored
                    .await?
                    .map_err(|(index, error)| index.map_or_else(|| error.clone(), |index| broken(index, &error)))?
            }
        };
        Ok(Taken { atomic, outcomes })
    }

    /// An entry is a whole resource: it is for whoever may do so with all of every table over its type, and conditions for whoever
    /// sees all that they look at.
    fn may_take(&self, item: &Item) -> Result<()> {
        let Some(sight) = self.sight() else { return Ok(()) };
        let acts: &[Act] = match &item.action {
            Action::Pass(_) => &[],
            Action::Create { unless: None } => &[Act::Create],
            Action::Create { unless: Some(_) } => &[Act::Read, Act::Create],
            Action::Update(_) => &[Act::Read, Act::Create, Act::Update],
            Action::Delete(_) => &[Act::Read, Act::Delete],
        };
        let may = |resource_type: &str, act: Act| match sight.is_whole(&self.snapshot().catalog, resource_type, act) {
            true => Ok(()),
            false => {
                let message = format!("this caller may not do this with whole resources of the type {resource_type}");
                Err(Error::new(Code::Forbidden, message).hint("write the rows of its tables"))
            }
        };
        acts.iter().try_for_each(|act| may(&item.resource_type, *act))?;
        let resource = item.body.as_deref().map(serde_json::from_slice::<serde_json::Value>);
        let Some(resource) = resource.transpose().map_err(|_| Error::new(Code::BadJson, "the resource is no JSON"))?
        else {
            return Ok(());
        };
        searched(&resource).iter().try_for_each(|of| may(of, Act::Read))
    }

    /// Two bundles that look for the same and store it do so one after the other.
    async fn turn_for_conditions(&self) -> Result<tokio::sync::OwnedMutexGuard<()>> {
        let turn = self.turntable().conditional.clone().lock_owned();
        let busy =
            |_| Error::new(Code::Busy, "other bundles with conditions are under way").hint("try again").retry_after(1);
        tokio::time::timeout_at(self.deadline().into(), turn).await.map_err(busy)
    }

    /// Begun, it is done, whether or not anybody still waits.
    async fn store_items(
        &self,
        items: Vec<Result<Item>>,
        atomic: bool,
        base: String,
        turn: Option<tokio::sync::OwnedMutexGuard<()>>,
    ) -> Result<Result<Vec<Outcome>, (Option<usize>, Error)>> {
        let (turntable, snapshot) = (self.turntable().clone(), self.snapshot().clone());
        let patience = Duration::from_millis(self.limits().request_ms);
        let job = move || {
            let _turn = turn;
            let mut rest = Rest { places: (0..items.len()).collect(), items };
            let mut outcomes: Vec<Outcome> = vec![Outcome::default(); rest.items.len()];
            let (mut attempt, mut released, mut some_stored) = (1, 0, false);
            while !rest.items.is_empty() {
                let live = turntable.snapshot();
                let settling = Settling {
                    store: &turntable.store,
                    snapshot: &snapshot,
                    live: &live,
                    items: &rest.items,
                    atomic,
                    base: &base,
                    deadline: Instant::now() + patience,
                };
                let settled = settling.settle().map(|settled| rest.stored(&turntable, &live, settled, atomic));
                let (stored, stop) = match settled {
                    Ok(Stored { outcomes: of_these, left, stop }) => {
                        for (place, outcome) in of_these {
                            outcomes[place] = outcome;
                        }
                        let stored = left.items.len() < rest.items.len();
                        rest = left;
                        (stored, stop)
                    }
                    Err((index, error)) if !some_stored => return Err((index, error)),
                    Err((_, error)) => (false, Some(Stop::Failed(error))),
                };
                some_stored |= stored;
                let error = match stop {
                    None => continue,
                    Some(Stop::Released) if released < backend::STORE_ATTEMPTS => {
                        released += 1;
                        continue;
                    }
                    Some(Stop::Released) => busy_releasing(),
                    Some(stop) if stop.is_one_resource() && attempt < STORE_ATTEMPTS => {
                        attempt += 1;
                        continue;
                    }
                    Some(Stop::Failed(error)) => error,
                };
                if !some_stored {
                    return Err((None, error));
                }
                // What is stored stays, each entry of a batch for itself.
                for (place, item) in rest.places.iter().zip(&rest.items) {
                    outcomes[*place] = Outcome { resource: asked_for(item), ..refused(&error) };
                }
                break;
            }
            reached("bundle.stored");
            Ok(outcomes)
        };
        self.work_for_bundles(true, job).await
    }

    /// Sends the bundle on, then keeps what the service has taken. From the moment when it has, nothing is an error any
    /// more: each outcome says what is where.
    async fn forward(&self, source: &str, sent: Sent) -> Result<Vec<Outcome>> {
        let client = self.source(source).ok_or_else(|| {
            Error::new(Code::BadRequest, format!("there is no FHIR service `{source}`")).target("forward")
        })?;
        let mut sent = sent;
        sent.link();
        for item in &mut sent.items {
            let is_blind = |item: &Item| matches!(item.action, Action::Delete(Which::Where(_)));
            if item.as_ref().is_ok_and(|item| is_blind(item) && self.is_native(&item.resource_type)) {
                *item = Err(Error::new(
                    Code::NotSupported,
                    "a conditional delete is not sent on: the service does not say which resource it took away, and its \
                     rows would stay here; delete Type/id",
                ));
            }
        }
        if sent.atomic
            && let Some((index, error)) = first_refused(&sent.items)
        {
            return Err(broken(index, error));
        }
        let asked = sent.items.iter().flatten().filter(|item| item.is_sent_on()).count();
        reached("forward.asking");
        let answer = match asked {
            0 => Bytes::from_static(b"{\"resourceType\":\"Bundle\"}"),
            _ => client.transaction(sent.to_forward(), self.deadline()).await?,
        };
        reached("forward.taken");
        let mut answers = answered(&answer, asked)?.into_iter();
        let mut kept = Vec::with_capacity(sent.items.len());
        for item in sent.items {
            kept.push(match item {
                Err(error) => Kept::Not(refused(&error)),
                Ok(Item { action: Action::Pass(why), .. }) => Kept::Not(passed(why)),
                Ok(item) => self.kept(client, &item, answers.next().unwrap_or_default()).await,
            });
        }
        self.keep(kept, client.base()).await
    }

    fn is_native(&self, resource_type: &str) -> bool {
        let tables = self.snapshot().over(resource_type);
        tables.iter().any(|t| t.table.parent.is_none() && t.route == Route::Native)
    }

    /// What a service has made of an entry: the resource as it holds it, from its answer or, where that does not show it,
    /// read again.
    async fn kept(&self, client: &Client, item: &Item, answer: Answered<'_>) -> Kept {
        let status = answer.status();
        if !answer.is_done() {
            return Kept::Not(refused_there(status, answer.reason()));
        }
        let resource_type = item.resource_type.as_str();
        let (shown, located) = (answer.shown(resource_type), answer.located(resource_type));
        let named = match &item.action {
            Action::Update(Which::Id(id)) | Action::Delete(Which::Id(id)) => Some(id.clone()),
            _ => None,
        };
        // R4 3.1.0.11.2: what was done has a location or a version. Without one, or with "later", it is looked for.
        let is_told = !status.starts_with("202") && (answer.has_version || located.is_some() || shown.is_some());
        let id = shown.as_ref().map(|(id, _)| id.clone()).or(located).or(named);
        if !self.is_native(resource_type) {
            if let Some(id) = id.as_ref().filter(|_| !is_told) {
                let missing = match client.read(resource_type, id, self.deadline()).await {
                    Ok(found) if found.is_some() == item.body.is_some() => None,
                    Ok(Some(_)) => Some("it is still there".to_owned()),
                    Ok(None) => Some("the service does not show it".to_owned()),
                    Err(error) => Some(error.message().to_owned()),
                };
                if missing.is_some() {
                    return Kept::Not(refused_there(status, missing));
                }
            }
            let table = self
                .snapshot()
                .over(resource_type)
                .iter()
                .find(|t| t.table.parent.is_none())
                .map(|t| t.table.name.clone());
            return Kept::Not(Outcome {
                resource: id.map(|id| (resource_type.to_owned(), id)),
                ..not_here(resource_type, table.as_deref(), true)
            });
        }
        let Some(id) = id else {
            return Kept::Not(there_only(resource_type, None, "the service did not say under which id"));
        };
        let body = match (item.body.is_some(), shown) {
            (false, _) if status.starts_with("204") && is_told => None,
            // It may have been put off, or left.
            (false, _) => match client.read(resource_type, &id, self.deadline()).await {
                Ok(None) => None,
                Ok(Some(_)) => return Kept::Not(refused_there(status, Some("it is still there".to_owned()))),
                Err(error) => return Kept::Not(there_only(resource_type, Some(&id), error.message())),
            },
            (true, Some((_, body))) if is_told => Some(body),
            (true, _) => match client.read(resource_type, &id, self.deadline()).await {
                Ok(Some(held)) => Some(held.body),
                // It has not said that it took it, only that it may.
                Ok(None) if !is_told => {
                    return Kept::Not(refused_there(status, Some("the service does not show it".to_owned())));
                }
                Ok(None) => return Kept::Not(there_only(resource_type, Some(&id), "the service does not show it")),
                Err(error) => return Kept::Not(there_only(resource_type, Some(&id), error.message())),
            },
        };
        Kept::As { item: Item::held(resource_type, &id, body), created: status.starts_with("201") }
    }

    /// Stores what a service has taken. What cannot be stored is there only, and its outcome says so.
    async fn keep(&self, kept: Vec<Kept>, base: String) -> Result<Vec<Outcome>> {
        let (mut outcomes, mut items, mut places) = (Vec::with_capacity(kept.len()), Vec::new(), Vec::new());
        for kept in kept {
            outcomes.push(match kept {
                Kept::Not(outcome) => outcome,
                Kept::As { item, created } => {
                    let id = match &item.action {
                        Action::Update(Which::Id(id)) | Action::Delete(Which::Id(id)) => id.clone(),
                        _ => String::new(),
                    };
                    places.push((outcomes.len(), created));
                    let outcome = there_only(&item.resource_type, Some(&id), "it was not stored");
                    items.push(Ok(item));
                    outcome
                }
            });
        }
        if items.is_empty() {
            return Ok(outcomes);
        }
        let stored = match self.store_items(items, false, base, None).await {
            Ok(Ok(stored)) => stored.into_iter().map(Ok).collect(),
            Ok(Err((_, error))) | Err(error) => vec![Err(error); places.len()],
        };
        for ((place, created), stored) in places.into_iter().zip(stored) {
            let Some(outcome) = outcomes.get_mut(place) else { continue };
            let only = |why: &str| {
                let resource = outcome.resource.clone().unwrap_or_default();
                there_only(&resource.0, Some(&resource.1), why)
            };
            *outcome = match stored {
                Ok(stored) if matches!(stored.kind, OutcomeKind::Refused(_)) => only(&stored.note),
                Ok(stored) => match stored.kind {
                    // As the service has it: it may have been there before, and is new here, or the other way round.
                    OutcomeKind::Created | OutcomeKind::Updated if created => {
                        Outcome { kind: OutcomeKind::Created, ..stored }
                    }
                    OutcomeKind::Created => Outcome { kind: OutcomeKind::Updated, ..stored },
                    _ => stored,
                },
                Err(error) => only(error.message()),
            };
        }
        Ok(outcomes)
    }
}

/// Entries of a bundle that are to be stored, with their places in it.
struct Rest {
    places: Vec<usize>,
    items: Vec<Result<Item>>,
}

/// What became of them.
struct Stored {
    /// Of those that are settled, by place.
    outcomes: Vec<(usize, Outcome)>,
    /// Those that are not.
    left: Rest,
    /// Why not.
    stop: Option<Stop>,
}

enum Stop {
    /// Another version came into force.
    Released,
    Failed(Error),
}

impl Stop {
    /// Somebody else has written one of the resources.
    fn is_one_resource(&self) -> bool {
        matches!(self, Self::Failed(error) if error.code() == Code::VersionMismatch)
    }
}

impl Rest {
    /// Stores what is settled: a transaction at once, a batch some entries at a time, so that others write in between, and
    /// one by one where somebody else has written one of them. What is not stored is left, to be settled once more.
    fn stored(&mut self, turntable: &Turntable, live: &Snapshot, settled: Settled, atomic: bool) -> Stored {
        let Settled { fates, writes, native } = settled;
        let at_once = if atomic { writes.len().max(1) } else { STORED_AT_ONCE };
        let write_of = |fate: &Fate| match fate {
            Fate::Written { write, .. } => *write,
            _ => None,
        };
        let written: Vec<_> = fates.iter().map(write_of).collect();
        let outcome = |(item, fate)| outcome(item, fate, &writes, &native);
        let outcomes: Vec<_> = self.items.iter().zip(fates).map(outcome).collect();
        let linked: Vec<_> = writes.iter().map(|write| (write.id.clone(), write.body.clone())).collect();
        let (mut stored, mut stop): (Vec<bool>, _) = (Vec::with_capacity(writes.len()), None);
        let mut put = |some: &[NativeWrite]| {
            // Others than a changed resource end it; behind that one there may be many that nobody has touched.
            if stop.as_ref().is_none_or(|stop: &Stop| stop.is_one_resource()) {
                reached("bundle.storing");
                let samples = turntable.samples_of(live, some);
                match waited(turntable.store.put_resources_of(BUNDLES, live.moment, some.to_vec())) {
                    Ok(true) => {
                        reached("bundle.some");
                        turntable.samples.offer_all(samples);
                        return true;
                    }
                    Ok(false) => stop = Some(Stop::Released),
                    Err(error) => stop = Some(Stop::Failed(error)),
                }
            }
            false
        };
        for some in writes.chunks(at_once) {
            match put(some) {
                true => stored.extend(some.iter().map(|_| true)),
                false if atomic => stored.extend(some.iter().map(|_| false)),
                false => stored.extend(some.chunks(1).map(&mut put)),
            }
        }
        if stored.iter().all(|stored| *stored) {
            // One by one they went in after all.
            stop = None;
        }
        let mut left = Rest { places: Vec::new(), items: Vec::new() };
        if stop.is_some() && !stored.contains(&true) {
            // Nothing happened: all of it is settled anew.
            std::mem::swap(self, &mut left);
            return Stored { outcomes: Vec::new(), left, stop };
        }
        let mut done = Vec::with_capacity(outcomes.len());
        for (((place, item), outcome), write) in self.places.iter().zip(&self.items).zip(outcomes).zip(written) {
            match (write.filter(|write| !stored[*write]), item) {
                (Some(write), Ok(item)) => {
                    let (id, body) = &linked[write];
                    left.places.push(*place);
                    left.items.push(Ok(item.again(id, body.clone())));
                }
                _ => done.push((*place, outcome)),
            }
        }
        Stored { outcomes: done, left, stop }
    }
}

/// An entry of which a service has been asked.
enum Kept {
    /// Nothing is to be stored.
    Not(Outcome),
    As {
        item: Item,
        /// The service has made it anew.
        created: bool,
    },
}

/// Type and id of the resource that an entry names.
fn asked_for(item: &Result<Item>) -> Option<(String, String)> {
    item.as_ref().ok().and_then(|item| match &item.action {
        Action::Update(Which::Id(id)) | Action::Delete(Which::Id(id)) => Some((item.resource_type.clone(), id.clone())),
        _ => None,
    })
}

fn outcome(item: &Result<Item>, fate: Fate, writes: &[NativeWrite], native: &HashMap<String, Vec<String>>) -> Outcome {
    let resource_type = item.as_ref().map(|item| item.resource_type.as_str()).unwrap_or_default();
    let asked = asked_for(item);
    match fate {
        Fate::Refused(error) => Outcome { resource: asked, ..refused(&error) },
        Fate::Passed(why) => Outcome { resource: asked, ..passed(why) },
        Fate::NotHere { table } => Outcome { resource: asked, ..not_here(resource_type, table.as_deref(), false) },
        Fate::Found { id, version } => Outcome {
            kind: OutcomeKind::Found,
            location: Some(format!("{resource_type}/{id}/_history/{version}")),
            note: "it is there already and stays as it is".to_owned(),
            resource: Some((resource_type.to_owned(), id)),
            ..Outcome::default()
        },
        Fate::Written { existed, write } => match write.and_then(|write| writes.get(write)) {
            Some(write) => written(write, existed, native.get(resource_type).map(Vec::as_slice).unwrap_or_default()),
            None => Outcome { kind: OutcomeKind::Deleted, note: "it was not there".to_owned(), ..Outcome::default() },
        },
    }
}

fn written(write: &NativeWrite, existed: bool, tables: &[String]) -> Outcome {
    let resource = Some((write.resource_type.clone(), write.id.clone()));
    if write.body.is_none() {
        return Outcome { kind: OutcomeKind::Deleted, note: "deleted".to_owned(), resource, ..Outcome::default() };
    }
    let mut of_native: Vec<_> = write.rows.iter().filter(|made| tables.contains(&made.table.name)).collect();
    of_native.sort_by_key(|made| &made.table.name);
    // A version that comes into force meanwhile has rows of it too.
    of_native.dedup_by_key(|made| &made.table.name);
    let (behind, of_native): (Vec<_>, Vec<_>) = of_native.into_iter().partition(|made| made.behind.is_some());
    let (mut names, mut rows) = (Vec::new(), Vec::new());
    for made in of_native {
        names.push(made.table.name.as_str());
        let text = (!made.rows.is_empty()).then(|| made.rows.cell(0, made.table.key)).flatten();
        rows.extend(text.map(|text| (made.table.name.clone(), key::of_row(&made.table, text))));
    }
    let word = if names.len() == 1 { "table" } else { "tables" };
    let warning = |made: &TableRows| {
        let (table, why) = (&made.table.name, made.behind.as_deref().unwrap_or_default());
        format!("table `{table}` is behind with it and answers no reads until its rows can be made ({why})")
    };
    Outcome {
        kind: if existed { OutcomeKind::Updated } else { OutcomeKind::Created },
        location: Some(format!("{}/{}/_history/{}", write.resource_type, write.id, write.version)),
        note: format!("stored in {word} `{}`", names.join("`, `")),
        resource,
        warnings: behind.into_iter().map(warning).collect(),
        rows,
    }
}

/// No table over the type is native.
fn not_here(resource_type: &str, table: Option<&str>, forwarded: bool) -> Outcome {
    let kind = if forwarded { OutcomeKind::Forwarded } else { OutcomeKind::NotStored };
    let note = match table {
        Some(table) => format!("table `{table}` is virtual: its rows are in the FHIR service"),
        None => format!("no table shows {resource_type}"),
    };
    Outcome { kind, note, ..Outcome::default() }
}

fn there_only(resource_type: &str, id: Option<&str>, why: &str) -> Outcome {
    let resource = id.map(|id| (resource_type.to_owned(), id.to_owned()));
    Outcome {
        kind: OutcomeKind::ThereOnly,
        location: resource.as_ref().map(|(resource_type, id)| format!("{resource_type}/{id}")),
        note: format!("the FHIR service took it, and it is not stored here: {why}"),
        resource,
        ..Outcome::default()
    }
}

fn passed(why: &str) -> Outcome {
    Outcome { kind: OutcomeKind::Passed, note: why.to_owned(), ..Outcome::default() }
}

fn refused(error: &Error) -> Outcome {
    let code = refusal_code(error.code()).unwrap_or(error.code());
    Outcome { kind: OutcomeKind::Refused(code), note: error.message().to_owned(), ..Outcome::default() }
}

/// A service's refusal of one entry, with its own reason.
fn refused_there(status: &str, reason: Option<String>) -> Outcome {
    let code = match status.get(..3).and_then(|status| status.parse().ok()).unwrap_or(0) {
        412 => Code::PreconditionFailed,
        409 => Code::Conflict,
        413 => Code::BodyTooLarge,
        429 => Code::UpstreamBusy,
        401 | 403 => Code::UpstreamAuth,
        500..=599 => Code::UpstreamDown,
        _ => Code::BadRequest,
    };
    let status: String = status.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(40).collect();
    let status = if status.is_empty() { "no status".to_owned() } else { status };
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let note = format!("the FHIR service did not take it ({status}){reason}");
    Outcome { kind: OutcomeKind::Refused(code), note, ..Outcome::default() }
}

fn first_refused(items: &[Result<Item>]) -> Option<(usize, &Error)> {
    items.iter().enumerate().find_map(|(index, item)| Some((index, item.as_ref().err()?)))
}

/// A transaction fails with its first entry that cannot be taken.
fn broken(index: usize, error: &Error) -> Error {
    let code = refusal_code(error.code()).unwrap_or(error.code());
    let broken = Error::new(code, format!("entry {index} of the transaction: {}", error.message()))
        .target(format!("Bundle.entry[{index}]"))
        .details(error.get_details().iter().cloned());
    let rest = "nothing of a transaction is stored if one entry cannot be; a batch stores the others";
    match error.get_hint() {
        Some(hint) => broken.hint(format!("{hint}; {rest}")),
        None => broken.hint(rest),
    }
}
/// The types that conditional references of a resource look among.
fn searched(resource: &serde_json::Value) -> Vec<String> {
    let (mut found, mut pending) = (Vec::new(), vec![resource]);
    while let Some(value) = pending.pop() {
        match value {
            serde_json::Value::Array(items) => pending.extend(items),
            serde_json::Value::Object(members) => {
                let reference = members.get("reference").and_then(serde_json::Value::as_str);
                let of = reference.and_then(|reference| reference.split_once('?'));
                found.extend(of.map(|(of, _)| of.rsplit('/').next().unwrap_or(of).to_owned()));
                pending.extend(members.values());
            }
            _ => {}
        }
    }
    found
}
