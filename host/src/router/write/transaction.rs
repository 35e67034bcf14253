//! A change set to a FHIR service: the writes that it has gathered go there as one transaction (R4 3.1.0.11.2), which is
//! done whole or not at all; to a service that takes none, one write alone. What the service answers is checked entry by entry, and then each resource is looked for: a
//! service that answers the whole as done and has stored a part of it is told by that.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::task::JoinSet;
use turntable_scan::Document;
use uuid::Uuid;

use crate::fhir::client::{Client, Versioned};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::table::Table;
use crate::router::element::Elements;
use crate::router::fault::reached;
use crate::router::gathered::{Before, Done, Outgoing};
use crate::router::session::{Session, Step};
use crate::router::snapshot::ServedTable;
use crate::router::write::alone::{self, can_go_alone};
use crate::router::write::answered::{Answered, answered};
use crate::router::write::change::Written;
use crate::router::write::kept::{Compared, Differing};
use crate::router::write::links::{Links, Target};
use crate::router::write::moves;
use crate::router::write::refusal::name_columns;

/// Resources that are read at once to see what has become of them.
const READ_AT_ONCE: usize = 8;

/// An error with the place in the change set of the change that it is about.
type Placed<T> = std::result::Result<T, (usize, Error)>;

impl Session {
    /// Sends what the changes of a set have gathered for a FHIR service, if they have; true = they had. `VersionMismatch` where
    /// others have written one of the resources since it was read: nothing was changed, and the set can be made anew.
    pub async fn send_gathered(&self) -> Placed<bool> {
        let Some(staged) = self.staged() else { return Ok(false) };
        let (writes, source) = (staged.there.writes(), staged.there.source());
        let (Some(first), Some(source)) = (writes.first(), source) else { return Ok(false) };
        let first = first.parts.first().copied().unwrap_or_default();
        let missing = || Error::new(Code::Internal, "a FHIR service is not there any more");
        let client = self.source(&source).ok_or_else(|| (first, missing()))?;
        let takes_transactions = self.may_send(client, &writes).await.map_err(|error| (first, error))?;
        // In one order, so that two sets do not wait for each other.
        let mut order: Vec<&Outgoing> = writes.iter().filter(|write| !write.is_named_there()).collect();
        order.sort_by_key(|write| (&write.resource_type, &write.id));
        let mut turns = Vec::with_capacity(order.len());
        for write in order {
            let writers = &self.turntable().writers;
            let turn = writers.turn(client.name(), &write.resource_type, &write.id, self.deadline()).await;
            turns.push(turn.map_err(|error| (write.part(), error))?);
        }
        self.still_stands(client, &writes).await?;
        if takes_transactions {
            let bundle = self.bundle(client, &writes).await.map_err(|error| (first, error))?;
            let answer = self.asked(client.transaction(bundle, self.deadline())).await;
            let answer = answer.map_err(|error| placed(&writes, first, error))?;
            let answers = answered(&answer, writes.len()).map_err(|error| (first, in_doubt(error)))?;
            self.look_for(client, &writes, &answers).await?;
        } else if let [write] = writes.as_slice() {
            let answer = self.asked(alone::send(client, write, self.deadline())).await;
            let answer = answer.map_err(|error| in_columns(write, error))?;
            self.look_for(client, &writes, &[answer.answered(&write.resource_type)]).await?;
        }
        Ok(true)
    }

    /// What a service answers to a write.
    async fn asked<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        reached("write.asking");
        let begun = Instant::now();
        let answer = answer.await;
        self.trace().add(Step::Upstream, begun.elapsed());
        answer.inspect(|_| reached("write.taken"))
    }

    /// What the service says that it does not do is not asked of it. Whether it takes transactions; where it does not, there
    /// is one write that needs none.
    async fn may_send(&self, client: &Client, writes: &[Outgoing]) -> Result<bool> {
        let says = client.capabilities(self.deadline()).await?;
        client.check_version(&says)?;
        if !says.transaction && !can_go_alone(writes, &temporary(writes)) {
            let message = format!(
                "the FHIR service `{}` takes no transactions, so it can make no change set of several changes",
                client.name()
            );
            return Err(Error::new(Code::NotSupported, message).hint("send each change by itself"));
        }
        let named_here = writes.iter().filter(|write| matches!(write.before, Before::Nothing { chosen: true }));
        for write in named_here {
            if says.resource(&write.resource_type).is_some_and(|resource| !resource.update_create) {
                let message =
                    "the FHIR service gives new resources ids of its own, so no row can be made under this key";
                return Err(Error::new(Code::NotSupported, message).hint("POST the row without its key"));
            }
        }
        Ok(says.transaction)
    }

    /// Where a service has no versions, a resource is read once more before it is written over.
    async fn still_stands(&self, client: &Client, writes: &[Outgoing]) -> Placed<()> {
        let unversioned = writes.iter().filter_map(|write| match &write.before {
            Before::There { body: Some(body), version: None } => Some((write, body)),
            _ => None,
        });
        for (write, body) in unversioned {
            let part = write.part();
            let found = client.read(&write.resource_type, &write.id, self.deadline()).await.map_err(|e| (part, e))?;
            if found.is_none_or(|found| found.body != *body) {
                return Err((part, changed_since()));
            }
        }
        Ok(())
    }

    /// The transaction: each resource once; what points to a new one points to its entry.
    async fn bundle(&self, client: &Client, writes: &[Outgoing]) -> Result<Bytes> {
        let (writes, base) = (writes.to_vec(), client.base());
        self.work_for_bundles(false, move || {
            let links = temporary(&writes);
            let mut text = b"{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[".to_vec();
            for (position, write) in writes.iter().enumerate() {
                if position > 0 {
                    text.push(b',');
                }
                text.extend_from_slice(&entry(write, &base, &links));
            }
            text.extend_from_slice(b"]}");
            text.into()
        })
        .await
    }

    /// Checks the answers, and that each resource is there as it was sent. From here on an error says that
    /// the service did otherwise than it said.
    async fn look_for(&self, client: &Client, writes: &[Outgoing], answers: &[Answered<'_>]) -> Placed<()> {
        let first = writes.first().map(Outgoing::part).unwrap_or_default();
        let mut ids = Vec::with_capacity(writes.len());
        for (write, answer) in writes.iter().zip(answers) {
            ids.push(id_there(client, write, answer).map_err(|error| (write.part(), error))?);
        }
        let mut links = Links::default();
        for (write, id) in writes.iter().zip(&ids).filter(|(write, _)| write.is_named_there()) {
            links.add(&write.reference(), link(format!("{}/{id}", write.resource_type)));
        }
        let mut shown = self.read_again(client, writes, &ids, answers).await?;
        for (position, (write, id)) in writes.iter().zip(&ids).enumerate() {
            let part = |error| (write.part(), error);
            let found = shown.get_mut(position).and_then(Option::take);
            let Some(body) = &write.body else {
                match found {
                    None => continue,
                    Some(_) => return Err(part(Differing::Rows.error(client.name()))),
                }
            };
            let gone = || part(Differing::Gone.error(client.name()));
            let sent = Document::parse(body).ok().and_then(|document| links.follow(&document, None));
            let sent = sent.map_or_else(|| body.clone(), Bytes::from);
            let found = found.ok_or_else(gone)?;
            if is_second(write, &answers[position], &found) {
                let message = "somebody else made a row of this key at the same time, which this one has replaced";
                return Err(part(Error::new(Code::Conflict, message).hint("read the row")));
            }
            let mut now = found.body;
            for (table, columns) in &write.written {
                let mut is_last = false;
                loop {
                    let kind = &write.resource_type;
                    let compared = Compared::new(self, table, kind, client.base(), [&now, &sent]).await;
                    match compared.map_err(part)?.all(columns) {
                        Ok(rows) => break self.remember(&table.table, &rows),
                        Err(differing) if is_last => return Err(part(differing.error(client.name()))),
                        // It may have shown what it had before.
                        Err(_) => {
                            is_last = true;
                            let found = client.read(&write.resource_type, id, self.deadline()).await;
                            let found = found.map_err(|error| part(unseen(&error)))?;
                            now = found.ok_or_else(gone)?.body;
                        }
                    }
                }
            }
            if let Some(staged) = self.staged() {
                let done = Done { id: id.clone(), prepared: body.clone(), shown: now };
                staged.there.finish(&write.resource_type, &write.id, done);
            }
        }
        self.keep_moves(writes).await.map_err(|error| (first, error))
    }

    /// The resources as their service shows them, some at once, in their order. That one cannot be read says nothing against
    /// what the service has said of it.
    async fn read_again(
        &self,
        client: &Client,
        writes: &[Outgoing],
        ids: &[String],
        answers: &[Answered<'_>],
    ) -> Placed<Vec<Option<Versioned>>> {
        let begun = Instant::now();
        let mut all: Vec<Option<Versioned>> = Vec::new();
        all.resize_with(writes.len(), || None);
        let positions: Vec<usize> = (0..writes.len()).collect();
        for some in positions.chunks(READ_AT_ONCE) {
            let mut reading = JoinSet::new();
            for position in some.iter().copied() {
                let (client, deadline) = (client.clone(), self.deadline());
                let (resource_type, id) = (writes[position].resource_type.clone(), ids[position].clone());
                reading.spawn(async move { (position, client.read(&resource_type, &id, deadline).await) });
            }
            while let Some(read) = reading.join_next().await {
                let ended = |error: tokio::task::JoinError| {
                    Error::new(Code::Internal, "a part of the request failed").internal(error.to_string())
                };
                let (position, found) = read.map_err(|error| (writes[some[0]].part(), ended(error)))?;
                let write = &writes[position];
                all[position] = match (found, answers[position].shown(&write.resource_type)) {
                    (Ok(found), _) => found,
                    (Err(_), Some((id, body))) if id == ids[position] => Some(Versioned { body, version: None }),
                    (Err(_), None) if write.body.is_none() => None,
                    (Err(error), _) => return Err((write.part(), unseen(&error))),
                };
            }
        }
        self.trace().add(Step::Upstream, begun.elapsed());
        Ok(all)
    }

    /// What became of the keys of child rows is kept, by the names that their elements have in the service. A resource that
    /// was new has rows whose keys nobody has been told.
    async fn keep_moves(&self, writes: &[Outgoing]) -> Result<()> {
        let Some(staged) = self.staged() else { return Ok(()) };
        let moved = staged.all_moved();
        if moved.is_empty() {
            return Ok(());
        }
        let new: Vec<String> = writes.iter().filter(|w| w.is_named_there()).map(Outgoing::reference).collect();
        let staged = staged.clone();
        let kept = self.work_for_bundles(true, move || {
            let kept = moved.into_iter().filter_map(|(guid, text)| {
                let bare = text.trim_start_matches('!');
                let (resource_type, rest) = key::split(bare);
                let (id, name) = rest.split_once('/').unwrap_or((rest, ""));
                if new.contains(&format!("{resource_type}/{id}")) {
                    return None;
                }
                let done = staged.there.done(resource_type, id).filter(|_| !name.is_empty());
                let now = done.and_then(|done| name_there(&done, name));
                let mark = &text[..text.len() - bare.len()];
                Some(match now {
                    Some(now) => (guid, format!("{mark}{resource_type}/{id}/{now}")),
                    None => (guid, text),
                })
            });
            kept.collect::<Vec<_>>()
        });
        self.store().move_keys(kept.await?);
        Ok(())
    }

    /// The key of a row that a change of this session has written, now that it is done: of one that was new in a FHIR service
    /// only the service has said which id it has.
    pub async fn settled(&self, table: &Arc<ServedTable>, written: &Written) -> Result<Uuid> {
        let text = written.row.as_ref().and_then(|row| row.cell(0, table.table.key));
        let (Some(staged), Some(text)) = (self.staged(), text) else { return Ok(written.key) };
        let (resource_type, rest) = key::split(text);
        let id = rest.split('/').next().unwrap_or(rest);
        let Some(done) = staged.there.done(resource_type, id) else { return Ok(written.key) };
        let key_of = |table: &Table, rest: &str| key::of_row(table, &format!("{resource_type}/{rest}"));
        if rest == id {
            return Ok(key_of(&table.table, &done.id));
        }
        let (moved, text, of) = (self.moved(), text.to_owned(), done.id.clone());
        let name = self.work(&table.table, move || {
            let found = moves::find(&done.prepared, &text, moved)?;
            name_there(&done, &found.name)
        });
        // One that a later change of the set has taken away is nowhere.
        Ok(name.await?.map_or(written.key, |name| key_of(&table.table, &format!("{of}/{name}"))))
    }
}

impl Outgoing {
    /// `Type/id`, as others of the set point to it.
    fn reference(&self) -> String {
        format!("{}/{}", self.resource_type, self.id)
    }
}

/// What an element is called as its service shows it, by its name as it was prepared: it may lead to resources that were new.
fn name_there(done: &Done, name: &str) -> Option<String> {
    let (prepared, shown) = (Document::parse(&done.prepared).ok()?, Document::parse(&done.shown).ok()?);
    let place = Elements::new(&prepared).called(name)?.pop()?.element.place;
    Elements::new(&shown).at(&place).map(|element| element.name)
}

fn link(reference: String) -> Target {
    Target { reference, version: 1, version_there: None }
}

/// An entry of a transaction, as JSON.
fn entry(write: &Outgoing, base: &str, links: &Links) -> Vec<u8> {
    let (reference, named_there) = (write.reference(), write.is_named_there());
    let full_url = if named_there { format!("urn:uuid:{}", write.id) } else { format!("{base}/{reference}") };
    let mut request = serde_json::Map::new();
    let method = match (&write.body, named_there) {
        (None, _) => "DELETE",
        (Some(_), true) => "POST",
        (Some(_), false) => "PUT",
    };
    request.insert("method".into(), method.into());
    request.insert("url".into(), if named_there { write.resource_type.clone() } else { reference }.into());
    match &write.before {
        Before::Nothing { chosen: true } => drop(request.insert("ifNoneMatch".into(), "*".into())),
        Before::There { version: Some(version), .. } => {
            request.insert("ifMatch".into(), format!("W/\"{version}\"").into());
        }
        _ => {}
    }
    let mut text = format!("{{\"fullUrl\":{}", serde_json::Value::from(full_url)).into_bytes();
    if let Some(body) = &write.body {
        let linked = Document::parse(body).ok().and_then(|document| links.follow(&document, None));
        text.extend_from_slice(b",\"resource\":");
        text.extend_from_slice(linked.as_deref().map_or(body, str::as_bytes));
    }
    text.extend_from_slice(format!(",\"request\":{}}}", serde_json::Value::from(request)).as_bytes());
    text
}

/// The id of a resource in its service, by the answer to its entry, which has to say that it was done.
fn id_there(client: &Client, write: &Outgoing, answer: &Answered<'_>) -> Result<String> {
    let said = |what: &str| {
        let error = Error::new(Code::UpstreamInvalid, format!("the FHIR service `{}` {what}", client.name()));
        in_doubt(error)
    };
    if !answer.is_done() {
        let error = said("answered a change set as made, and of this change that it was not made");
        return Err(match answer.reason() {
            Some(reason) => {
                error.detail(crate::model::error::Detail { code: "processing".into(), message: reason, target: None })
            }
            None => error,
        });
    }
    if !write.is_named_there() {
        return Ok(write.id.clone());
    }
    let shown = answer.shown(&write.resource_type).map(|(id, _)| id);
    let id = shown.or_else(|| answer.located(&write.resource_type));
    id.ok_or_else(|| said("answered a change set as made, and did not say the id of a new resource"))
}

/// Whether a resource that was to be new has replaced another: its service does not heed the condition, and says so only by
/// the version that it made.
fn is_second(write: &Outgoing, answer: &Answered<'_>, found: &Versioned) -> bool {
    let version = found.version.as_deref().and_then(|version| version.parse::<u64>().ok());
    matches!(write.before, Before::Nothing { chosen: true })
        && !answer.status().starts_with("201")
        && version.is_some_and(|version| version > 1)
}

/// What a service says of a transaction as a whole, about the change that it names.
fn placed(writes: &[Outgoing], first: usize, error: Error) -> (usize, Error) {
    let details = error.get_details().iter();
    let named = details.flat_map(|detail| [detail.target.as_deref(), Some(detail.message.as_str())]).flatten();
    let write = named.filter_map(entry_in).find_map(|position| writes.get(position));
    let part = write.map_or(first, Outgoing::part);
    if error.code() == Code::PreconditionFailed {
        return (part, changed_since());
    }
    match write {
        // What it says of an element is said of the entry's resource.
        Some(write) => in_columns(write, error.map_targets(within_resource)),
        None => (part, error),
    }
}

/// What a service says of one write, about the columns that were written.
fn in_columns(write: &Outgoing, error: Error) -> (usize, Error) {
    let error = match write.written.first() {
        Some((table, _)) => name_columns(&table.table, error),
        None => error,
    };
    (write.part(), error)
}

/// What new resources are called in the bundle, until their service has named them.
fn temporary(writes: &[Outgoing]) -> Links {
    let mut links = Links::default();
    for write in writes.iter().filter(|write| write.is_named_there()) {
        links.add(&write.reference(), link(format!("urn:uuid:{}", write.id)));
    }
    links
}

/// The position that `Bundle.entry[3]…` names.
fn entry_in(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("entry[")?;
    rest.split_once(']')?.0.parse().ok()
}

/// `Bundle.entry[3].resource.name` -> `Resource.name`
fn within_resource(target: &str) -> Option<String> {
    let (_, rest) = target.split_once("entry[")?.1.split_once("].")?;
    let path = rest.strip_prefix("resource.").or_else(|| rest.split_once('.').map(|(_, path)| path))?;
    Some(format!("Resource.{path}"))
}

fn changed_since() -> Error {
    Error::new(Code::VersionMismatch, "others have written a resource of the change set since it was read")
        .hint("read the rows again and repeat the change set")
}

/// Of a change set that was made, as its service says, and cannot be looked at.
fn unseen(error: &Error) -> Error {
    let message = format!("the change set was made, but what it made was not shown: {}", error.message());
    Error::new(Code::UpstreamInvalid, message)
        .internal(error.get_internal().unwrap_or_default())
        .hint("do not repeat it; read its rows")
}

fn in_doubt(error: Error) -> Error {
    error.hint("it is not known what of the change set was made: read its rows before it is repeated")
}
