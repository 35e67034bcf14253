//! What is to become of the entries of a bundle here: which resource each is about, whether its conditions are met, where
//! its links lead, and the writes that make it so. The specification's order holds (R4 3.1.0.11.2): of a transaction
//! deletes, then creates, then updates, then conditional references; the entries of a batch one after the other.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use bytes::Bytes;
use turntable_scan::Document;
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::table::Route;
use crate::router::snapshot::{Family, ServedTable, Snapshot};
use crate::router::work::waited;
use crate::router::write::bundle::{Action, Item, Which, uuid_of};
use crate::router::write::condition::{Condition, Conditions};
use crate::router::write::links::{self, Links, Target};
use crate::router::write::rows::{self, Incoming, Over};
use crate::store::facade::Store;
use crate::store::native::NativeWrite;

/// Resources whose rows are made at once.
const ENTRIES_AT_ONCE: usize = 100;

/// Marks that the store looks for itself; more, and every resource of the type is looked at here.
const MARKS: usize = 4;

/// Entries with what surrounds them.
pub struct Settling<'a> {
    pub store: &'a Store,
    pub snapshot: &'a Snapshot,
    /// What is in force by now; its rows are made too.
    pub live: &'a Snapshot,
    pub items: &'a [Result<Item>],
    pub atomic: bool,
    /// Of the service that the resources are copies from; else empty.
    pub base: &'a str,
    /// When looking for resources must end.
    pub deadline: Instant,
}

/// What will have become of an entry.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Stored, or taken away: the write at this place, where there is anything to do.
    Written {
        existed: bool,
        write: Option<usize>,
    },
    /// A resource that meets `ifNoneExist` is there, and stays as it is.
    Found {
        id: String,
        version: u64,
    },
    /// No table over its type is native. The table that is not, if there is one.
    NotHere {
        table: Option<String>,
    },
    /// There was nothing to do.
    Passed(&'static str),
    Refused(Error),
}

/// The fate of each entry, and the writes.
pub struct Settled {
    pub fates: Vec<Fate>,
    pub writes: Vec<NativeWrite>,
    /// The native root tables over each type.
    pub native: HashMap<String, Vec<String>>,
}

/// What is in the store, as far as it matters.
struct Known {
    over: Over,
    native: HashMap<String, Vec<String>>,
    /// Last version, and whether it is there.
    standings: HashMap<(String, String), (u64, bool)>,
    /// For each condition the ids of the stored resources that meet it.
    stored: HashMap<Condition, Vec<String>>,
    /// For each condition the entries whose resources meet it.
    entries: HashMap<Condition, Vec<usize>>,
    /// Conditional references of each entry, with what they ask; those that cannot be answered.
    references: Vec<Vec<(String, Result<Condition>)>>,
}

/// A resource that an entry writes.
#[derive(Clone, Debug)]
struct Aimed {
    id: String,
    /// None: there was never one.
    base: Option<u64>,
    existed: bool,
}

/// What entries before have made of the resources: version, and the entry that it came with; None = deleted.
type Written = HashMap<(String, String), (u64, Option<usize>)>;

/// What an entry is about.
enum Aim {
    Write(Aimed),
    Found {
        id: String,
        version: u64,
    },
    /// A delete of what is not there.
    Nothing {
        id: Option<String>,
    },
    NotHere,
    Passed(&'static str),
}

impl Settling<'_> {
    /// Of a batch every entry has a fate. Of a transaction the first entry that must be refused is the error, with its
    /// place. Other errors are those of the store, or of a server with too much to do.
    pub fn settle(&self) -> Result<Settled, (Option<usize>, Error)> {
        let known = self.known().map_err(|error| (None, error))?;
        let mut refused: HashMap<usize, Error> = HashMap::new();
        for (index, item) in self.items.iter().enumerate() {
            if let Err(error) = item {
                refused.insert(index, error.clone());
            }
        }
        // Who is refused is not there for the others: they are settled once more without it.
        loop {
            if self.atomic
                && let Some(first) = refused.keys().min().copied()
            {
                let error = refused.remove(&first).unwrap_or_else(|| Error::new(Code::Internal, "an entry is lost"));
                return Err((Some(first), error));
            }
            let before = refused.len();
            let settled = self.attempt(&known, &mut refused).map_err(|error| (None, error))?;
            if let Some(settled) = settled.filter(|_| refused.len() == before) {
                return Ok(settled);
            }
        }
    }

    /// None: entries were refused on the way.
    fn attempt(&self, known: &Known, refused: &mut HashMap<usize, Error>) -> Result<Option<Settled>> {
        let before = refused.len();
        let (aims, written) = self.aims(known, refused);
        if refused.len() > before {
            return Ok(None);
        }
        let bodies = self.linked(known, &aims, &written, refused);
        if refused.len() > before {
            return Ok(None);
        }
        let mut fates: Vec<Fate> = Vec::with_capacity(self.items.len());
        let mut wanted = Vec::new();
        for (index, aim) in aims.iter().enumerate() {
            fates.push(match (aim, &self.items[index]) {
                (Some(Aim::Write(target)), Ok(item)) => {
                    let incoming = Incoming {
                        resource_type: item.resource_type.clone(),
                        id: target.id.clone(),
                        body: bodies.get(&index).cloned().or_else(|| item.body.clone()),
                        base: target.base,
                    };
                    wanted.push((index, incoming));
                    Fate::Written { existed: target.existed, write: None }
                }
                (Some(Aim::Nothing { .. }), _) => Fate::Written { existed: false, write: None },
                (Some(Aim::Found { id, version }), _) => Fate::Found { id: id.clone(), version: *version },
                (Some(Aim::NotHere), Ok(item)) => {
                    let families = known.over.get(&item.resource_type);
                    let root = families.and_then(|families| roots_of(families).next());
                    Fate::NotHere { table: root.map(|t| t.table.name.clone()) }
                }
                (Some(Aim::Passed(why)), _) => Fate::Passed(why),
                _ => match refused.get(&index) {
                    Some(error) => Fate::Refused(error.clone()),
                    None => return Err(Error::new(Code::Internal, "an entry of a bundle has no outcome")),
                },
            });
        }
        let standing = wanted.iter().filter(|(_, incoming)| incoming.base.is_some() && incoming.body.is_some());
        let standing: Vec<_> = standing.map(|(_, of)| (of.resource_type.clone(), of.id.clone())).collect();
        let own_rows = waited(self.store.own_rows(standing.clone()))?;
        let own_rows = standing.into_iter().zip(own_rows).filter(|(_, rows)| !rows.is_empty()).collect();
        let mut writes = Vec::with_capacity(wanted.len());
        for some in distinct(&wanted) {
            let incoming = some.iter().map(|(_, incoming)| incoming.clone()).collect();
            for ((index, _), write) in some.iter().zip(rows::prepare_all(&known.over, incoming, &own_rows)) {
                match write {
                    Ok(write) => {
                        if let Some(Fate::Written { write: place, .. }) = fates.get_mut(*index) {
                            *place = Some(writes.len());
                        }
                        writes.push(write);
                    }
                    Err(error) if refusal_code(error.code()).is_some() => {
                        refused.insert(*index, error);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Some(Settled { fates, writes, native: known.native.clone() }))
    }

    /// Reads what has to be known of the store: once, whatever is refused.
    fn known(&self) -> Result<Known> {
        let (mut over, mut native) = (Over::new(), HashMap::new());
        let mut meet = |resource_type: &str| {
            if !over.contains_key(resource_type) {
                let families = self.snapshot.families_to_write(self.live, resource_type);
                let roots = roots_of(&families).filter(|root| root.route == Route::Native);
                native.insert(resource_type.to_owned(), roots.map(|t| t.table.name.clone()).collect::<Vec<_>>());
                over.insert(resource_type.to_owned(), families);
            }
        };
        let mut references = Vec::with_capacity(self.items.len());
        let mut asked: HashMap<String, Vec<Condition>> = HashMap::new();
        let mut ask = |condition: &Result<Condition>| {
            if let Ok(condition) = condition {
                let all = asked.entry(condition.resource_type.clone()).or_default();
                all.push(condition.clone());
            }
        };
        for item in self.items {
            let mut own = Vec::new();
            if let Ok(item) = item {
                meet(&item.resource_type);
                if let Some(query) = item.condition() {
                    ask(&Condition::parse(&item.resource_type, query));
                }
                // What comes from a service has been resolved there.
                let body = item.body.as_deref().filter(|body| self.base.is_empty() && body.contains(&b'?'));
                if let Some(document) = body.and_then(|body| Document::parse(body).ok()) {
                    for reference in links::conditional(&document) {
                        let Some((resource_type, query)) = links::condition(&reference) else { continue };
                        meet(resource_type);
                        let condition = Condition::parse(resource_type, query);
                        ask(&condition);
                        own.push((reference, condition));
                    }
                }
            }
            references.push(own);
        }
        let is_native = |resource_type: &str| native.get(resource_type).is_some_and(|tables| !tables.is_empty());
        let (mut stored, mut entries) = (HashMap::new(), HashMap::<Condition, Vec<usize>>::new());
        for (resource_type, mut all) in asked {
            if !is_native(&resource_type) {
                continue;
            }
            let mut seen = HashSet::new();
            all.retain(|condition: &Condition| seen.insert(condition.clone()));
            let all = std::sync::Arc::new(Conditions::new(all));
            let shared = all.clone();
            let look = move |id: &str, body: &[u8]| {
                let met = shared.met_by(&Document::parse(body).ok()?, id);
                (!met.is_empty()).then(|| (id.to_owned(), met))
            };
            let found = self.store.look_through(&resource_type, all.marks(MARKS), self.deadline, look);
            for (id, met) in waited(found)? {
                for condition in met.into_iter().filter_map(|at| all.all().get(at)) {
                    stored.entry(condition.clone()).or_insert_with(Vec::new).push(id.clone());
                }
            }
            for (index, item) in self.items.iter().enumerate() {
                let Ok(item) = item else { continue };
                let Some(body) = item.body.as_deref().filter(|_| item.resource_type == resource_type) else { continue };
                let id = match &item.action {
                    Action::Update(Which::Id(id)) => id,
                    _ => {
                        item.own_id.as_deref().filter(|_| matches!(item.action, Action::Update(_))).unwrap_or_default()
                    }
                };
                let Ok(document) = Document::parse(body) else { continue };
                for condition in all.met_by(&document, id).into_iter().filter_map(|at| all.all().get(at)) {
                    entries.entry(condition.clone()).or_default().push(index);
                }
            }
        }
        let mut ids: Vec<(String, String)> = Vec::new();
        for item in self.items.iter().flatten().filter(|item| is_native(&item.resource_type)) {
            let id = match &item.action {
                Action::Update(Which::Id(id)) | Action::Delete(Which::Id(id)) => Some(id.clone()),
                Action::Update(Which::Where(_)) => item.own_id.clone(),
                Action::Create { .. } => item.full_url.as_deref().and_then(uuid_of),
                _ => None,
            };
            ids.extend(id.into_iter().chain(item.promised.clone()).map(|id| (item.resource_type.clone(), id)));
        }
        for (condition, found) in &stored {
            ids.extend(found.iter().map(|id| (condition.resource_type.clone(), id.clone())));
        }
        let standing = waited(self.store.standings(ids.clone()))?;
        let standings = ids.into_iter().zip(standing).filter_map(|(of, standing)| Some((of, standing?))).collect();
        Ok(Known { over, native, standings, stored, entries, references })
    }
}

impl Settling<'_> {
    /// Which resource each entry is about; None for those that are refused. And what they leave behind.
    fn aims(&self, known: &Known, refused: &mut HashMap<usize, Error>) -> (Vec<Option<Aim>>, Written) {
        let mut order: Vec<usize> = (0..self.items.len()).filter(|index| !refused.contains_key(index)).collect();
        if self.atomic {
            order.sort_by_key(|index| match self.items[*index].as_ref().map(|item| &item.action) {
                Ok(Action::Delete(_)) => 0,
                Ok(Action::Create { .. }) => 1,
                _ => 2,
            });
        }
        let (mut aims, mut written) = (Vec::new(), Written::new());
        aims.resize_with(self.items.len(), || None);
        let mut about: HashMap<(String, String), usize> = HashMap::new();
        for index in order {
            let Ok(item) = &self.items[index] else { continue };
            let aim = self.aim(known, &written, item).and_then(|aim| {
                let id = match &aim {
                    Aim::Write(Aimed { id, .. }) | Aim::Found { id, .. } | Aim::Nothing { id: Some(id) } => Some(id),
                    _ => None,
                };
                let resource = id.filter(|_| self.atomic).map(|id| (item.resource_type.clone(), id.clone()));
                match resource.and_then(|resource| about.insert(resource, index)) {
                    Some(other) => {
                        let what =
                            format!("it is about the same resource as entry {other}; a transaction has each once");
                        Err(Error::new(Code::BadRequest, what))
                    }
                    None => Ok(aim),
                }
            });
            match aim {
                Ok(aim) => {
                    if let Aim::Write(Aimed { id, base, .. }) = &aim {
                        let version = base.unwrap_or(0) + 1;
                        let body = item.body.is_some().then_some(index);
                        written.insert((item.resource_type.clone(), id.clone()), (version, body));
                    }
                    aims[index] = Some(aim);
                }
                Err(error) => {
                    refused.insert(index, error);
                }
            }
        }
        (aims, written)
    }

    fn aim(&self, known: &Known, written: &Written, item: &Item) -> Result<Aim> {
        if let Action::Pass(why) = item.action {
            return Ok(Aim::Passed(why));
        }
        if known.native.get(&item.resource_type).is_none_or(Vec::is_empty) {
            return Ok(Aim::NotHere);
        }
        let resource_type = &item.resource_type;
        let found = match item.condition() {
            Some(query) => {
                let condition = Condition::parse(resource_type, query)?;
                let mut found = known.meeting(written, &condition, self.atomic).into_iter();
                let (first, second) = (found.next(), found.next());
                if second.is_some() {
                    return Err(unmet(&format!("its condition is met by more than one {resource_type}")));
                }
                first
            }
            None => None,
        };
        let (id, is_new) = match (&item.action, found) {
            (Action::Create { .. }, Some(id)) => {
                let (version, _) = known.standing(written, resource_type, &id).unwrap_or_default();
                return Ok(Aim::Found { id, version });
            }
            (Action::Create { .. }, None) => (known.new_id(written, item), true),
            (Action::Update(Which::Id(id)) | Action::Delete(Which::Id(id)), _) => (id.clone(), false),
            (Action::Update(Which::Where(_)), Some(id)) if item.own_id.as_ref().is_some_and(|own| *own != id) => {
                return Err(Error::new(
                    Code::BadRequest,
                    "its resource has another id than the one that meets its condition",
                ));
            }
            (Action::Update(Which::Where(_)) | Action::Delete(Which::Where(_)), Some(id)) => (id, false),
            (Action::Update(Which::Where(_)), None) => match &item.own_id {
                None => (known.new_id(written, item), true),
                Some(own) => {
                    let stands = known.standing(written, resource_type, own).is_some_and(|(_, there)| there);
                    if stands {
                        let what = "nothing meets its condition, and a resource with its id is there already";
                        return Err(Error::new(Code::Conflict, what));
                    }
                    (own.clone(), false)
                }
            },
            (Action::Delete(Which::Where(_)), None) => return self.nothing(item, None),
            (Action::Pass(why), _) => return Ok(Aim::Passed(why)),
        };
        let standing = if is_new { None } else { known.standing(written, resource_type, &id) };
        let existed = standing.is_some_and(|(_, there)| there);
        let version = standing.filter(|_| existed).map(|(version, _)| version);
        if item.if_match.as_ref().is_some_and(|tags| !tags.name(version)) {
            let what = match version {
                Some(version) => format!("its ifMatch does not name the version that stands, {version}"),
                None => "it has an ifMatch, and there is no such resource".to_owned(),
            };
            return Err(Error::new(Code::VersionMismatch, what));
        }
        if item.if_none_match.as_ref().is_some_and(|tags| tags.name(version)) {
            return Err(unmet("its ifNoneMatch names the resource that is there"));
        }
        if item.body.is_none() && !existed {
            return self.nothing(item, Some(id));
        }
        Ok(Aim::Write(Aimed { id, base: standing.map(|(version, _)| version), existed }))
    }

    fn nothing(&self, item: &Item, id: Option<String>) -> Result<Aim> {
        match item.if_match {
            Some(_) => Err(Error::new(Code::VersionMismatch, "it has an ifMatch, and there is no such resource")),
            None => Ok(Aim::Nothing { id }),
        }
    }

    /// The resources whose links were replaced, by entry.
    fn linked(
        &self,
        known: &Known,
        aims: &[Option<Aim>],
        written: &Written,
        refused: &mut HashMap<usize, Error>,
    ) -> HashMap<usize, Bytes> {
        let mut links = Links::under(self.base.to_owned());
        for (item, aim) in self.items.iter().zip(aims) {
            let (Ok(item), Some(aim)) = (item, aim) else { continue };
            let (id, version) = match aim {
                Aim::Write(aimed) if item.body.is_some() => (&aimed.id, aimed.base.unwrap_or(0) + 1),
                Aim::Found { id, version } => (id, *version),
                // Not kept here, but it says under which id it is elsewhere.
                Aim::NotHere => match &item.action {
                    Action::Update(Which::Id(id)) => (id, 1),
                    _ => continue,
                },
                _ => continue,
            };
            let reference = format!("{}/{id}", item.resource_type);
            // Others lead already to where it was to be, if it was to be new.
            let was_new = |promised: &&String| {
                let of = (item.resource_type.clone(), (*promised).clone());
                matches!(item.action, Action::Create { .. }) || !known.standings.contains_key(&of)
            };
            if let Some(promised) = item.promised.as_ref().filter(|promised| *promised != id).filter(was_new) {
                let there = format!("{}/{promised}", item.resource_type);
                links.add(&there, Target { reference: reference.clone(), version, version_there: None });
            }
            if let Some(full_url) = &item.full_url {
                links.add(full_url, Target { reference, version, version_there: item.version_there.clone() });
            }
        }
        for (index, references) in known.references.iter().enumerate() {
            if !matches!(aims.get(index), Some(Some(Aim::Write(_)))) {
                continue;
            }
            for (reference, condition) in references {
                match known.referred(written, condition) {
                    Ok(target) => links.add_found(reference, target),
                    Err(error) => {
                        refused.entry(index).or_insert(error);
                    }
                }
            }
        }
        let mut bodies = HashMap::new();
        for (index, (item, aim)) in self.items.iter().zip(aims).enumerate() {
            let (Ok(item), Some(Aim::Write(_))) = (item, aim) else { continue };
            let Some(document) = item.body.as_deref().and_then(|body| Document::parse(body).ok()) else { continue };
            if let Some(text) = links.follow(&document, item.full_url.as_deref()) {
                bodies.insert(index, Bytes::from(text));
            }
        }
        bodies
    }
}

impl Known {
    /// Last version of a resource, and whether it is there, after the entries before.
    fn standing(&self, written: &Written, resource_type: &str, id: &str) -> Option<(u64, bool)> {
        let of = (resource_type.to_owned(), id.to_owned());
        match written.get(&of) {
            Some((version, entry)) => Some((*version, entry.is_some())),
            None => self.standings.get(&of).copied(),
        }
    }

    /// The resources that meet a condition, after the entries before. `before`: also one that an entry has taken away,
    /// for a transaction must not depend on which of two entries about one resource comes first.
    fn meeting(&self, written: &Written, condition: &Condition, before: bool) -> Vec<String> {
        let stands = |id: &&String| match written.get(&(condition.resource_type.clone(), (*id).clone())) {
            Some((_, entry)) => before && entry.is_none(),
            None => true,
        };
        let mut found: Vec<String> = self.stored.get(condition).into_iter().flatten().filter(stands).cloned().collect();
        if let Some(entries) = self.entries.get(condition) {
            let meets = |entry: &Option<usize>| entry.is_some_and(|entry| entries.contains(&entry));
            let ours =
                written.iter().filter(|((kind, _), (_, entry))| *kind == condition.resource_type && meets(entry));
            found.extend(ours.map(|((_, id), _)| id.clone()));
        }
        found
    }

    /// The one resource that a conditional reference means.
    fn referred(&self, written: &Written, condition: &Result<Condition>) -> Result<String> {
        let condition = condition.as_ref().map_err(|error| {
            let what = format!("a conditional reference cannot be looked up: {}", error.message());
            Error::new(error.code(), what)
        })?;
        let resource_type = &condition.resource_type;
        if self.native.get(resource_type).is_none_or(Vec::is_empty) {
            let what = format!("a conditional reference is to {resource_type}, which is not kept here");
            return Err(unmet(&what));
        }
        let found = self.meeting(written, condition, false);
        match found.as_slice() {
            [id] => Ok(format!("{resource_type}/{id}")),
            [] => Err(unmet(&format!("a conditional reference finds no {resource_type}"))),
            _ => Err(unmet(&format!("a conditional reference finds more than one {resource_type}"))),
        }
    }

    /// The id of a new resource: the one that it was to have, or the UUID that the bundle names it by, if none has ever
    /// had it.
    fn new_id(&self, written: &Written, item: &Item) -> String {
        let named = item.promised.clone().or_else(|| item.full_url.as_deref().and_then(uuid_of));
        let free = named.filter(|id| self.standing(written, &item.resource_type, id).is_none());
        free.unwrap_or_else(|| Uuid::new_v4().to_string())
    }
}

/// The code under which an entry is refused for an error; None for an error that is not the entry's own.
pub fn refusal_code(code: Code) -> Option<Code> {
    Some(match code {
        Code::BadRequest
        | Code::BadJson
        | Code::BadValue
        | Code::UpstreamInvalid
        | Code::RefusedByFhir
        | Code::MappingFault
        | Code::MappingIllFormed
        | Code::MappingTimeout => Code::BadRequest,
        Code::MappingMemory | Code::MappingInputTooLarge | Code::MappingOutputTooLarge | Code::BodyTooLarge => {
            Code::BodyTooLarge
        }
        Code::VersionMismatch | Code::PreconditionFailed | Code::Conflict | Code::NotSupported => code,
        _ => return None,
    })
}

/// The root tables over a type.
fn roots_of(families: &[Family]) -> impl Iterator<Item = &ServedTable> {
    families.iter().flat_map(|family| &family.tables).map(AsRef::as_ref).filter(|served| served.table.parent.is_none())
}

fn unmet(what: &str) -> Error {
    Error::new(Code::PreconditionFailed, what)
}

/// In their order, some at a time, no resource twice in one go: the same may come twice in one bundle, and the later
/// builds on the earlier.
fn distinct(wanted: &[(usize, Incoming)]) -> Vec<&[(usize, Incoming)]> {
    let (mut all, mut rest) = (Vec::new(), wanted);
    while !rest.is_empty() {
        let mut seen = HashSet::new();
        let mut is_new = |incoming: &Incoming| seen.insert((incoming.resource_type.clone(), incoming.id.clone()));
        let count = rest.iter().take(ENTRIES_AT_ONCE).take_while(|(_, incoming)| is_new(incoming)).count();
        let (some, others) = rest.split_at(count);
        all.push(some);
        rest = others;
    }
    all
}
