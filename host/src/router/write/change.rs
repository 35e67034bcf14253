//! Runs a [`Change`]: read the resource, let the mapping merge the change into it, write it back if it still stands as
//! it was read, show the row. The same on both routes; nothing is ever written from a row alone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use uuid::Uuid;

use crate::mapping::component::{FhirRequest, WriteOperation};
use crate::model::access::Right;
use crate::model::alternate::AlternateKey;
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Change, Operation, Precondition};
use crate::model::rows::Rows;
use crate::model::scopes::Act;
use crate::model::table::{ColumnIndex, Route, Source, Table};
use crate::plan::search::parameter::of_alternate;
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;
use crate::router::write::assign::Assigned;
use crate::router::write::backend::Held;
use crate::router::write::find::Located;
use crate::router::write::kept::{Compared, Differing};
use crate::router::write::merge::Changing;
use crate::router::write::moves::Moves;
use crate::router::write::own::{Changed, Own, OwnRow, row_of};
use crate::router::write::refusal::{already_exists, exists_already, ill_formed, name_columns, no_key_of, not_found};
use crate::router::writers::Turn;

/// How often a change without `If-Match` is merged anew because somebody else wrote in between: in another process, or by
/// a bundle. Writes of one resource by this process take turns.
const MERGE_ATTEMPTS: u32 = 8;
/// Before the first further attempt, give or take half of it; twice as long before each next.
const MERGE_PAUSE: Duration = Duration::from_millis(8);
/// How often what is neither there nor to be made, by turns, is looked for again.
const UPSERT_ATTEMPTS: usize = 3;

/// What a write did.
pub struct Written {
    pub key: Uuid,
    pub created: bool,
    /// The row as it stands now, all columns; none after a delete.
    pub row: Option<Rows>,
}

/// What a place shows after a write.
enum Kept {
    /// The store: it has what it was given. A change set to a service: it will be looked for.
    Here,
    /// A service: the row with what was written in it, and its resource.
    There(Rows, Held),
}

impl Session {
    pub async fn write(&self, table: &Arc<ServedTable>, change: &Change) -> Result<Written> {
        let right = match change.operation {
            Operation::Create { .. } => Right::Create,
            Operation::Update { .. } => Right::Update,
            Operation::Upsert { .. } => Right::Upsert,
            Operation::Delete { .. } => Right::Delete,
        };
        self.may(right, &table.table)?;
        if right != Right::Create {
            // Who may change a row is told whether it is there.
            self.may(Right::Read, &table.table)?;
        }
        let place = self.place(table)?;
        let _turns = match self.staged() {
            // Whoever stages has them until all of it is stored.
            Some(_) => Vec::new(),
            None => self.turns_for(table, std::slice::from_ref(change)).await?,
        };
        let (assignments, own, repeats) = self.assignments(table, &place, change).await?;
        let changing = Changing { session: self, table, place, change, assignments, own, repeats };
        match change.operation {
            Operation::Create { key } => match &change.unless {
                Some(by) => changing.create_unless(by, key).await,
                None => changing.create(key).await,
            },
            Operation::Update { key } => changing.update(key).await,
            Operation::Upsert { key } => changing.upsert(key).await,
            Operation::Delete { key } => changing.delete(key).await,
        }
    }
}

impl Session {
    /// Turns of those who make rows with an alternate key that none has yet, one for each such key, always in the same order.
    pub async fn turns_for(&self, table: &Arc<ServedTable>, changes: &[Change]) -> Result<Vec<Turn<'_>>> {
        let text = |by: &AlternateKey| by.values.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\0");
        let keys: BTreeSet<_> = changes.iter().filter_map(|change| change.unless.as_ref()).map(text).collect();
        let source = match &table.route {
            Route::Virtual { source } => source.as_str(),
            Route::Native => "",
        };
        // No resource type is called so.
        let what = format!("{}()", table.table.name);
        let mut turns = Vec::with_capacity(keys.len());
        for key in keys {
            turns.push(self.turntable().writers.turn(source, &what, &key, self.deadline()).await?);
        }
        Ok(turns)
    }
}

impl Changing<'_> {
    /// A row that somebody makes between the two is changed, one that somebody takes away is made.
    async fn upsert(&self, key: Uuid) -> Result<Written> {
        for _ in 0..UPSERT_ATTEMPTS {
            match self.update(key).await {
                Err(error) if error.code() == Code::NotFound && may_create(&self.table.table, self.change) => {}
                answer => return answer,
            }
            match self.create(Some(key)).await {
                Err(error) if error.code() == Code::AlreadyExists => {
                    if self.change.precondition == Precondition::MustNotExist {
                        return Err(exists_already());
                    }
                }
                answer => return answer,
            }
        }
        Err(Error::new(Code::Conflict, "others make this row and take it away at the same time")
            .hint("try again shortly"))
    }

    /// A row that has an alternate key by now is changed; where there is none, it is made. Those who make rows with the same key
    /// here take turns ([`Session::turns_for`]), and a service that can look does so itself.
    async fn create_unless(&self, by: &AlternateKey, chosen: Option<Uuid>) -> Result<Written> {
        let session = self.session;
        for _ in 0..UPSERT_ATTEMPTS {
            match session.row_by(by).await? {
                Some(_) if self.change.precondition == Precondition::MustNotExist => return Err(exists_already()),
                Some(key) => {
                    session.may(Right::Update, &self.table.table)?;
                    match self.update(key).await {
                        Err(error) if error.code() == Code::NotFound => {}
                        answer => return answer,
                    }
                }
                None => match self.create(chosen).await {
                    Err(error) if error.code() == Code::AlreadyExists && chosen.is_none() => {}
                    answer => return answer,
                },
            }
        }
        let message =
            "the FHIR service has a resource that is known by this key, and shows it in another place than the column";
        Err(Error::new(Code::Conflict, message).hint("find the row with $filter, and name it by its key"))
    }

    /// Only the holder writes this resource.
    async fn turn(&self, located: &Located) -> Result<Turn<'_>> {
        let session = self.session;
        let writers = &session.turntable().writers;
        writers.turn(self.place.source(), &located.resource_type, &located.id, session.deadline()).await
    }

    async fn create(&self, chosen: Option<Uuid>) -> Result<Written> {
        let table = &self.table.table;
        // A new row shows null in what it has no place for.
        if let Some(repeat) = self.repeats.iter().find(|repeat| repeat.value.is_some()) {
            return Err(repeat.otherwise.clone());
        }
        if let Some(parent) = &table.parent {
            if chosen.is_some() {
                let error = Error::new(Code::NotWritable, "the key of a row of a child table is made from its parent");
                return Err(error.hint("leave the key out"));
            }
            let Some(of) = assigned(&self.assignments, parent.column) else {
                let column = table.columns[parent.column].name.clone();
                let error = Error::new(Code::RequiredColumn, format!("a new row needs its parent in `{column}`"));
                return Err(error.target(column));
            };
            let (resource_type, key) = key::split(of);
            return self.add_to_parent(Located::new(resource_type, key)).await;
        }
        let is_named = chosen.is_some() || self.change.unless.is_some();
        if is_named && [Act::Read, Act::Create].iter().any(|act| self.session.is_limited(table, *act)) {
            // Whether it is taken by a row that is not there for them is nothing that they should learn.
            let message =
                format!("this caller sees some rows of `{}` only, and may not name a new one", table.entity_set);
            return Err(Error::new(Code::Forbidden, message).hint("POST the row without its key"));
        }
        let Some(chosen_key) = chosen else {
            let id = Uuid::new_v4().to_string();
            let (resource_type, body) = self.new_resource(&id).await?;
            return self.created(resource_type, id, false, body).await;
        };
        // Which id has this key depends on the type, which the mapping alone tells.
        let mut ids = Vec::with_capacity(table.sources.len());
        for Source { resource_type, .. } in &table.sources {
            let id = self.session.id_of(chosen_key, resource_type, table.rank(resource_type)).await?;
            ids.extend(id.map(|id| (resource_type, id)));
        }
        let Some((_, tried)) = ids.first() else {
            let error = Error::new(Code::BadKey, "this key cannot be given to a new row");
            return Err(error.hint("use a random (version 4) GUID"));
        };
        let (resource_type, body) = self.new_resource(tried).await?;
        let Some((_, id)) = ids.iter().find(|(of, _)| **of == resource_type) else {
            return Err(no_key_of(table, &resource_type, chosen_key));
        };
        let body = if id == tried { body } else { self.new_resource(id).await?.1 };
        self.created(resource_type, id.clone(), true, body).await
    }

    /// A resource of the mapping's making for a new row, and its type.
    async fn new_resource(&self, id: &str) -> Result<(String, Vec<u8>)> {
        let request = self.merged(WriteOperation::Create, Some(id.to_owned()), None, &self.assignments, None).await?;
        let FhirRequest::Create(body) = request else {
            return Err(ill_formed(self.table, "a create gave no new resource"));
        };
        let resource_type =
            resource_type_of(&body).ok_or_else(|| ill_formed(self.table, "a new resource has no type"))?;
        if self.table.table.source(&resource_type).is_none() {
            return Err(ill_formed(self.table, "a new resource is of a type that the table does not show"));
        }
        Ok((resource_type, body))
    }

    async fn created(&self, resource_type: String, id: String, chosen: bool, body: Vec<u8>) -> Result<Written> {
        let table = &self.table.table;
        let _turn = match chosen {
            true => Some(self.turn(&Located::new(&resource_type, &id)).await?),
            false => None,
        };
        if chosen && self.place.read(&resource_type, &id).await?.is_some() {
            return Err(already_exists());
        }
        let sent = Bytes::from(body);
        self.leaves_rules(Act::Create, &Located::new(&resource_type, &id), None, &sent, &self.own).await?;
        let own = self.own_of(OwnRow::Called(String::new()), &self.own);
        let unless = self.change.unless.as_ref().and_then(|by| of_alternate(table, by));
        let (id, held) = self
            .place
            .create(&resource_type, &id, chosen, sent.clone(), own, unless.as_ref())
            .await
            .map_err(|error| name_columns(table, error))?;
        let located = Located::new(&resource_type, &id);
        let row = match self.kept(&located, &sent, &held, &[]).await? {
            Kept::Here => self.show(&located, &held).await?,
            Kept::There(row, _) => row,
        };
        Ok(Written { key: row_key(&row, table)?, created: true, row: Some(row) })
    }

    /// A new row of a child table: an element appended to the parent's resource.
    async fn add_to_parent(&self, located: Located) -> Result<Written> {
        let table = &self.table.table;
        let _turn = self.turn(&located).await?;
        let parent = || Error::new(Code::BadValue, "the parent that the new row names does not exist");
        let held = self.session.held(&self.place, &located).await?.ok_or_else(parent)?;
        self.check_version(&located, &held)?;
        let (located, _) = self.session.named(table, located, &held).await?.ok_or_else(parent)?;
        let before = self.session.rows_of(self.table, &self.place, &located, &held).await?;
        let merged = self.merged(WriteOperation::Create, None, Some(&held), &self.assignments, Some(&located));
        let FhirRequest::Update(body) = merged.await? else {
            return Err(ill_formed(self.table, "a new child row gave no changed parent"));
        };
        let (sent, was) = (Bytes::from(body), held.body);
        self.leaves_rules(Act::Create, &located, Some(&was), &sent, &self.own).await?;
        let version = held.version.as_deref();
        let known = (0..before.len()).filter_map(|row| before.cell(row, table.key)).map(|text| row_of(text).to_owned());
        let own = self.own_of(OwnRow::Added(known.collect()), &self.own);
        let changed = Changed { before: Some(was.clone()), gone: None, own };
        let held = self
            .place
            .update(&located.resource_type, &located.id, sent.clone(), version, changed)
            .await
            .map_err(|error| name_columns(table, error))?;
        let known: Vec<_> = (0..before.len()).map(|row| before.cell(row, table.key)).collect();
        let kept = self.kept_if(&located, &sent, &held, &[], |rows, columns| rows.new_row(&known, columns)).await?;
        let (row, held) = match kept {
            Kept::There(row, held) => (row, held),
            Kept::Here => {
                let after = self.session.rows_of(self.table, &self.place, &located, &held).await?;
                let new = (0..after.len())
                    .rev()
                    .find(|row| !known.contains(&after.cell(*row, table.key)))
                    .ok_or_else(|| ill_formed(self.table, "a new child row is not among its parent's rows"))?;
                (after.pick(&[new]), held)
            }
        };
        let moves = self.moves(&located, &was, &held.body, false).await?;
        self.keep(moves, None);
        let key = row_key(&row, table)?;
        let row = if self.own.is_empty() { Some(row) } else { self.session.stored_row(self.table, key).await? };
        Ok(Written { key, created: true, row })
    }

    /// What has become of a write by what its place shows; `cleared`: columns written beside those that are assigned.
    /// Natively it is there.
    async fn kept(&self, located: &Located, sent: &Bytes, held: &Held, cleared: &[ColumnIndex]) -> Result<Kept> {
        let text = located.text();
        let found = |rows: &Compared<'_>, columns: &[ColumnIndex]| match located.is_child() {
            true => rows.element(&located.place, columns),
            false => rows.row(&text, columns),
        };
        self.kept_if(located, sent, held, cleared, found).await
    }

    /// The same for the row that `found` finds. What a service answers may be what it had before: it is asked again before
    /// the write is said not to be there.
    async fn kept_if(
        &self,
        located: &Located,
        sent: &Bytes,
        held: &Held,
        cleared: &[ColumnIndex],
        found: impl Fn(&Compared<'_>, &[ColumnIndex]) -> std::result::Result<Rows, Differing>,
    ) -> Result<Kept> {
        if self.place.is_native() {
            return Ok(Kept::Here);
        }
        let table = &self.table.table;
        let parent = table.parent.as_ref().map(|parent| parent.column);
        let columns = self.assignments.iter().map(|(column, _)| *column).chain(cleared.iter().copied());
        let columns: Vec<_> = columns.filter(|c| *c != table.key && Some(*c) != parent).collect();
        if self.is_looked_for_later(located, &columns) {
            return Ok(Kept::Here);
        }
        let mut shown = held.clone();
        for is_last in [false, true] {
            let rows = self.compared(located, &shown.body, sent).await?;
            match found(&rows, &columns) {
                Ok(row) => {
                    self.session.remember(table, &row);
                    return Ok(Kept::There(row, shown));
                }
                Err(differing) if is_last => return Err(differing.error(self.place.source())),
                Err(_) => shown = self.shown_now(located).await?,
            }
        }
        Err(Error::new(Code::Internal, "a write was neither found nor missed"))
    }

    /// Of a change set to a FHIR service: its writes are looked for when all of them are sent.
    fn is_looked_for_later(&self, located: &Located, columns: &[ColumnIndex]) -> bool {
        if let Some(staged) = self.session.staged().filter(|_| self.place.is_gathering()) {
            staged.there.expect(&located.resource_type, &located.id, self.table, columns);
        }
        self.place.is_gathering()
    }

    async fn compared(&self, located: &Located, shown: &Bytes, sent: &Bytes) -> Result<Compared<'_>> {
        Compared::new(self.session, self.table, &located.resource_type, self.place.base(), [shown, sent]).await
    }

    /// What a service has just been asked to write, read.
    async fn shown_now(&self, located: &Located) -> Result<Held> {
        self.session.held(&self.place, located).await?.ok_or_else(|| Differing::Gone.error(self.place.source()))
    }

    async fn update(&self, key: Uuid) -> Result<Written> {
        let mut attempt = 1;
        loop {
            let (_turn, located, held) = self.found(key, Act::Update).await?;
            self.check_version(&located, &held)?;
            self.check_repeats(&located, &held).await?;
            let cleared = self.cleared(&located, &held).await?;
            let updated = self.updated(&located, &held, &cleared).await?;
            let own = self.changed_own(&located, &held).await?;
            let body: Option<Bytes> = match updated {
                FhirRequest::Update(body) => Some(body.into()),
                // What lives in the row alone changes the row, not the resource.
                FhirRequest::Unchanged if !own.is_empty() => Some(held.body.clone()),
                FhirRequest::Unchanged => None,
                _ => return Err(ill_formed(self.table, "an update gave neither a changed resource nor `unchanged`")),
            };
            let row = match body {
                None => self.show(&located, &held).await?,
                Some(body) => {
                    self.leaves_rules(Act::Update, &located, Some(&held.body), &body, &own).await?;
                    let sent = body.clone();
                    let own = self.own_of(OwnRow::Called(row_of(&located.text()).to_owned()), &own);
                    let changed = Changed { before: Some(held.body.clone()), gone: None, own };
                    let version = held.version.as_deref();
                    match self.place.update(&located.resource_type, &located.id, body, version, changed).await {
                        Ok(now) => {
                            let (row, now) = match self.kept(&located, &sent, &now, &cleared).await? {
                                Kept::Here => (None, now),
                                Kept::There(row, now) => (Some(row), now),
                            };
                            let moves = self.moves(&located, &held.body, &now.body, false).await?;
                            let text = moves.after(&located.text()).unwrap_or_else(|| located.text());
                            self.keep(moves, located.is_child().then(|| (key, text.clone())));
                            let located = Located { key: key::split(&text).1.to_owned(), ..located };
                            match row {
                                Some(row) => row,
                                None => self.show(&located, &now).await?,
                            }
                        }
                        Err(error)
                            if error.code() == Code::VersionMismatch
                                && !matches!(self.change.precondition, Precondition::Versions(_))
                                && attempt < MERGE_ATTEMPTS =>
                        {
                            self.pause(attempt).await;
                            attempt += 1;
                            continue;
                        }
                        Err(error) => return Err(name_columns(&self.table.table, error)),
                    }
                }
            };
            return Ok(Written { key: row_key(&row, &self.table.table)?, created: false, row: Some(row) });
        }
    }

    /// In a change set a resource is also of the version that it had before the set: that is the one which whoever sends the
    /// set has read, whatever changes of the set come first.
    fn check_version(&self, located: &Located, held: &Held) -> Result<()> {
        match &self.change.precondition {
            Precondition::Versions(versions) => {
                let is_named = |version: &str| versions.iter().any(|named| named == version);
                let stood = || self.session.staged()?.stood(&located.resource_type, &located.id);
                if held.version.as_deref().is_some_and(is_named) || stood().as_deref().is_some_and(is_named) {
                    return Ok(());
                }
                Err(Error::new(Code::VersionMismatch, "the row has changed since it was read")
                    .hint("read it again and repeat the change with its new @odata.etag"))
            }
            Precondition::MustNotExist => Err(exists_already()),
            Precondition::None | Precondition::MustExist => Ok(()),
        }
    }

    /// Those who lost a race together come back apart, as long as there is time.
    async fn pause(&self, attempt: u32) {
        let pause = MERGE_PAUSE * 2_u32.pow(attempt - 1);
        let jitter = f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0 + 0.5;
        let until = (Instant::now() + pause.mul_f64(jitter)).min(self.session.deadline());
        tokio::time::sleep_until(until.into()).await;
    }

    async fn delete(&self, key: Uuid) -> Result<Written> {
        let (_turn, located, held) = self.found(key, Act::Delete).await?;
        self.check_version(&located, &held)?;
        match self.merged(WriteOperation::Delete, Some(located.place.clone()), Some(&held), &[], None).await? {
            FhirRequest::Delete => {
                // Unconditional unless the client asked: a delete merges nothing that another's write could undo.
                let version = match &self.change.precondition {
                    Precondition::Versions(_) => held.version.as_deref(),
                    _ => None,
                };
                self.place.delete(&located.resource_type, &located.id, version).await?;
            }
            FhirRequest::Update(body) => {
                let (version, body) = (held.version.as_deref(), Bytes::from(body));
                let sent = body.clone();
                let gone = located.is_child().then(|| located.place_in_resource().to_owned());
                let changed = Changed { before: Some(held.body.clone()), gone, own: None };
                let now = self.place.update(&located.resource_type, &located.id, body, version, changed).await?;
                let now = self.without_its_row(&located, &sent, now).await?;
                let moves = self.moves(&located, &held.body, &now.body, true).await?;
                self.keep(moves, None);
            }
            FhirRequest::Unchanged => {}
            FhirRequest::Create(_) => return Err(ill_formed(self.table, "a delete gave a new resource")),
        }
        Ok(Written { key, created: false, row: None })
    }

    /// What a place shows after an element was taken out of a resource.
    async fn without_its_row(&self, located: &Located, sent: &Bytes, now: Held) -> Result<Held> {
        if self.place.is_native() || self.is_looked_for_later(located, &[]) {
            return Ok(now);
        }
        if self.compared(located, &now.body, sent).await?.has_the_same_rows() {
            return Ok(now);
        }
        let now = self.shown_now(located).await?;
        match self.compared(located, &now.body, sent).await?.has_the_same_rows() {
            true => Ok(now),
            false => Err(Differing::Rows.error(self.place.source())),
        }
    }

    /// The resource of the row of a key, which is there with that row in it; or `NotFound`. Nobody else writes it meanwhile.
    /// What is not there for the caller is not there; `Forbidden` where they see it, and may not do this with it.
    async fn found(&self, key: Uuid, act: Act) -> Result<(Turn<'_>, Located, Held)> {
        for located in self.session.locate(self.table, key).await? {
            let turn = self.turn(&located).await?;
            let Some(held) = self.session.held(&self.place, &located).await? else { continue };
            let Some((located, is_ambiguous)) = self.session.named(&self.table.table, located, &held).await? else {
                continue;
            };
            let is_limited = [Act::Read, act].iter().any(|act| self.session.is_limited(&self.table.table, *act));
            if is_limited {
                let rows = self.session.rows_of(self.table, &self.place, &located, &held).await?;
                if located.row_of(&self.table.table, &rows).is_none() {
                    continue;
                }
                let row = self.show(&located, &held).await?;
                if !self.session.admits(self.table, Act::Read, &row).await? {
                    continue;
                }
                if !self.session.admits(self.table, act, &row).await? {
                    let what =
                        format!("this caller may not do this with this row of `{}`", self.table.table.entity_set);
                    return Err(Error::new(Code::Forbidden, what));
                }
            }
            if is_ambiguous && !matches!(self.change.precondition, Precondition::Versions(_)) {
                let message = "this key had several equal rows to choose from, of which one has changed since";
                let error = Error::new(Code::VersionMismatch, message);
                return Err(error.hint("read the rows again and repeat the change with the @odata.etag of one"));
            }
            if self.has_its_row(&located)
                || self
                    .session
                    .rows_of(self.table, &self.place, &located, &held)
                    .await
                    .map(|rows| located.row_of(&self.table.table, &rows).is_some())?
            {
                return Ok((turn, located, held));
            }
        }
        Err(not_found(&self.table.table))
    }

    /// `Forbidden` where a write would leave a row that the caller may not make so, or not see: nothing is written then. `before`
    /// and `after`: the resource; `own`: what is written in the row alone.
    async fn leaves_rules(
        &self,
        act: Act,
        located: &Located,
        before: Option<&Bytes>,
        after: &Bytes,
        own: &[(ColumnIndex, Option<String>)],
    ) -> Result<()> {
        let (session, table) = (self.session, &self.table.table);
        let reads = session.may(Right::Read, table).is_ok();
        let acts: Vec<Act> = [act].into_iter().chain(reads.then_some(Act::Read)).collect();
        if !acts.iter().any(|act| session.is_limited(table, *act)) {
            return Ok(());
        }
        let rows_of = async |body: &Bytes| {
            session.rows_of(self.table, &self.place, located, &Held { body: body.clone(), version: None }).await
        };
        let was = match before {
            Some(before) => Some((rows_of(before).await?, Held { body: before.clone(), version: None })),
            None => None,
        };
        let is_new = |key: Option<&str>| {
            was.as_ref().is_none_or(|(was, _)| (0..was.len()).all(|row| was.cell(row, table.key) != key))
        };
        let text = located.text();
        let rows = rows_of(after).await?;
        for row in 0..rows.len() {
            let key = rows.cell(row, table.key);
            let is_meant = key == Some(text.as_str());
            if !is_meant && !is_new(key) {
                continue;
            }
            // What lives in the row alone is as it was where it is not written.
            let stood = match &was {
                Some((_, held)) if is_meant && act == Act::Update => Some(self.show(located, held).await?),
                _ => None,
            };
            let cell = |column: &ColumnIndex| match own.iter().find(|(of, _)| of == column) {
                Some((_, value)) => value.as_deref(),
                None => match &stood {
                    Some(stood) if table.is_own(*column) => stood.cell(0, *column),
                    _ => rows.cell(row, *column),
                },
            };
            let mut left = Rows::new(rows.columns().to_vec());
            left.push(rows.columns().iter().map(cell));
            for act in &acts {
                if !session.admits(self.table, *act, &left).await? {
                    let message = format!("this caller may not make such a row of `{}`", table.entity_set);
                    return Err(Error::new(Code::Forbidden, message));
                }
            }
        }
        Ok(())
    }

    /// What becomes of the keys of child rows when a resource changes at the place of one.
    async fn moves(&self, located: &Located, before: &Bytes, after: &Bytes, gone: bool) -> Result<Moves> {
        if !located.is_child() {
            return Ok(Moves::default());
        }
        let (resource, place) = (located.resource(), located.place_in_resource().to_owned());
        let (before, after) = (before.clone(), after.clone());
        self.session.work(&self.table.table, move || Moves::of(&resource, &before, &after, &place, gone)).await
    }

    /// Keeps them, and what became of the key that was used.
    fn keep(&self, moves: Moves, used: Option<(Uuid, String)>) {
        let mut kept = moves.kept(self.session.moved());
        kept.extend(used);
        match self.session.staged() {
            Some(staged) => staged.move_keys(kept),
            None => self.session.store().move_keys(kept),
        }
    }

    /// Whether a resource that is there is known to have this row. A native resource is stored with its rows, or else with a
    /// mark, and a change of it through this table makes them or is refused; one of a service may be none that the mapping
    /// can read, which has to be known before it is changed.
    fn has_its_row(&self, located: &Located) -> bool {
        self.place.is_native() && self.table.table.one_row_per_resource && located.id == located.key
    }

    fn own_of(&self, row: OwnRow, values: &Assigned) -> Option<Own> {
        let own = || Own { table: self.table.table.name.clone(), row, cells: values.clone() };
        (!values.is_empty()).then(own)
    }
}

/// A child row's key is made from its parent, so it cannot be created by its key.
fn may_create(table: &Table, change: &Change) -> bool {
    table.parent.is_none() && matches!(change.precondition, Precondition::None | Precondition::MustNotExist)
}

fn assigned(assignments: &[(ColumnIndex, Option<String>)], column: ColumnIndex) -> Option<&str> {
    assignments.iter().find(|(c, _)| *c == column).and_then(|(_, value)| value.as_deref())
}

fn row_key(row: &Rows, table: &Table) -> Result<Uuid> {
    let text = row.cell(0, table.key).ok_or_else(|| Error::new(Code::MappingIllFormed, "a row has no key"))?;
    Ok(key::of_row(table, text))
}

fn resource_type_of(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        resource_type: String,
    }
    serde_json::from_slice::<Head>(body).ok().map(|head| head.resource_type)
}
