//! Runs a [`Change`]: read the resource, let the mapping merge the change into it, write it back if it still stands as
//! it was read, show the row. The same on both routes; nothing is ever written from a row alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use uuid::Uuid;

use crate::mapping::component::{FhirRequest, Issue, IssueCode, WriteChange, WriteOperation};
use crate::model::access::Right;
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::key;
use crate::model::query::{AssignedValue, Assignment, Change, Operation, Precondition, Repeat};
use crate::model::rows::Rows;
use crate::model::table::{Column, ColumnIndex, Kind, Rank, Source, Table};
use crate::router::map::{self, Resource};
use crate::router::session::{Session, Step};
use crate::router::snapshot::ServedTable;
use crate::router::staged::StagedRow;
use crate::router::write::backend::{Held, Place};
use crate::router::write::kept::{Compared, Differing, is_same};
use crate::router::write::moves::{self, Found, Moves};
use crate::router::write::own::{Changed, Own, OwnRow, row_of};
use crate::router::write::right::is_right;
use crate::router::writers::Turn;
use crate::store::native::{NativeScan, ScanLimits};

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

type Assigned = Vec<(ColumnIndex, Option<String>)>;

/// A row's resource: where it is and which row of it is meant.
#[derive(Clone)]
struct Located {
    resource_type: String,
    id: String,
    /// The row's key without the type: `id`, or `id/path` with the names of elements.
    key: String,
    /// The key cell as the mapping knows it: `id`, or `id/path` with the indices of elements. Of a child row it holds for
    /// the resource that it was found in.
    place: String,
}

impl Located {
    fn new(resource_type: &str, key: &str) -> Self {
        let id = key.split('/').next().unwrap_or(key);
        Self { resource_type: resource_type.to_owned(), id: id.to_owned(), key: key.to_owned(), place: key.to_owned() }
    }

    fn is_child(&self) -> bool {
        self.key != self.id
    }

    fn resource(&self) -> String {
        format!("{}/{}", self.resource_type, self.id)
    }

    fn text(&self) -> String {
        format!("{}/{}", self.resource_type, self.key)
    }

    /// Of a child row without the id.
    fn place_in_resource(&self) -> &str {
        self.place.split_once('/').map_or("", |(_, place)| place)
    }

    fn found(self, found: &Found) -> Self {
        let (key, place) = (format!("{}/{}", self.id, found.name), format!("{}/{}", self.id, found.place));
        Self { key, place, ..self }
    }

    /// Where its row is among those of its resource.
    fn row_of(&self, table: &Table, rows: &Rows) -> Option<usize> {
        let text = self.text();
        (0..rows.len()).find(|row| rows.cell(*row, table.key) == Some(text.as_str()))
    }
}

/// What a place shows after a write.
enum Kept {
    /// The store: it has what it was given.
    Here,
    /// A service: the row with what was written in it, and its resource.
    There(Rows, Held),
}

/// A change in the making.
struct Changing<'a> {
    session: &'a Session,
    table: &'a Arc<ServedTable>,
    place: Place<'a>,
    change: &'a Change,
    /// Values as the mapping takes them, `@odata.bind` as `Type/id`.
    assignments: Assigned,
    /// Apart from them those that live in the row alone.
    own: Assigned,
    /// What cannot be written, and has to stand there already.
    repeats: Vec<Repeat>,
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
        let place = self.place(table)?;
        let (assignments, own, repeats) = self.assignments(table, &place, change).await?;
        let changing = Changing { session: self, table, place, change, assignments, own, repeats };
        match change.operation {
            Operation::Create { key } => changing.create(key).await,
            Operation::Update { key } => changing.update(key).await,
            Operation::Upsert { key } => changing.upsert(key).await,
            Operation::Delete { key } => changing.delete(key).await,
        }
    }

    /// The row of this key, all columns; None if there is none.
    pub async fn read_row(&self, table: &Arc<ServedTable>, key: Uuid) -> Result<Option<Rows>> {
        self.may(Right::Read, &table.table)?;
        let place = self.place(table)?;
        if place.is_native() {
            let row = self.stored_row(table, key).await?;
            if row.is_some() || table.table.parent.is_none() {
                return Ok(row);
            }
        }
        for located in self.locate(table, key).await? {
            let Some(held) = self.held(&place, &located).await? else { continue };
            // Only child rows have names; a view counts its rows of a resource, and shows what it counts now.
            let located = match table.table.parent {
                Some(_) => self.named(&table.table, located, &held).await?.map(|(located, _)| located),
                None => Some(located),
            };
            let Some(located) = located else { continue };
            if place.is_native() {
                return self.stored_row(table, key::of_row(&table.table, &located.text())).await;
            }
            let rows = self.rows_of(table, &place, &located, &held).await?;
            if let Some(row) = located.row_of(&table.table, &rows) {
                return Ok(Some(rows.pick(&[row])));
            }
        }
        Ok(None)
    }

    /// A native row as the store has it, or will have it: with what lives in the row alone.
    async fn stored_row(&self, table: &Arc<ServedTable>, key: Uuid) -> Result<Option<Rows>> {
        let Some(staged) = self.staged() else { return self.row_in_store(table, key).await };
        let Some(StagedRow { row, before, own }) = staged.row(&table.table, key) else {
            // A resource that is staged has the rows that are staged with it, and no others.
            let found = self.row_in_store(table, key).await?;
            return Ok(found.filter(|row| {
                let (resource_type, rest) = key::split(row.cell(0, table.table.key).unwrap_or_default());
                staged.version(resource_type, rest.split('/').next().unwrap_or(rest)).is_none()
            }));
        };
        if table.table.own_columns().next().is_none() {
            return Ok(Some(row));
        }
        let now = self.row_in_store(table, key::of_row(&table.table, &before)).await?;
        let cell = |column: &ColumnIndex| match own.iter().find(|(of, _)| of == column) {
            Some((_, value)) => value.as_deref(),
            None => match &now {
                Some(now) if table.table.is_own(*column) => now.cell(0, *column),
                _ => row.cell(0, *column),
            },
        };
        let mut laid = Rows::new(row.columns().to_vec());
        laid.push(row.columns().iter().map(cell));
        Ok(Some(laid))
    }

    async fn row_in_store(&self, table: &Arc<ServedTable>, key: Uuid) -> Result<Option<Rows>> {
        // One row by its key is no more than that to look at.
        let limits = ScanLimits { rows: 1, bytes: usize::MAX, deadline: self.deadline() };
        let found = self.scan_store(NativeScan::row(table.table.clone(), key), limits).await?.rows;
        if found.is_empty() {
            return Ok(None);
        }
        self.remember(&table.table, &found);
        Ok(Some(found))
    }

    /// The resource of a row as it stands.
    async fn held(&self, place: &Place<'_>, located: &Located) -> Result<Option<Held>> {
        let begun = Instant::now();
        let held = place.read(&located.resource_type, &located.id).await;
        self.trace().add(Step::Upstream, begun.elapsed());
        held
    }

    /// The row that a key names in a resource as it stands, and whether it might be another.
    async fn named(&self, table: &Table, located: Located, held: &Held) -> Result<Option<(Located, bool)>> {
        if !located.is_child() {
            return Ok(Some((located, false)));
        }
        let (moved, body, text) = (self.moved(), held.body.clone(), located.text());
        let found = self.work(table, move || moves::find(&body, &text, moved)).await?;
        Ok(found.map(|found| (located.found(&found), found.is_ambiguous)))
    }

    /// Tells what became of keys.
    fn moved(&self) -> impl Fn(Uuid) -> Option<Arc<str>> + Send + 'static {
        let (store, staged) = (self.store().clone(), self.staged().cloned());
        move |guid| staged.as_ref().and_then(|staged| staged.moved(guid)).or_else(|| store.moved(guid))
    }

    /// Where the row of a key can be: one place, or one for each resource type of the table that it may be of.
    async fn locate(&self, served: &Arc<ServedTable>, key: Uuid) -> Result<Vec<Located>> {
        let table = &served.table;
        let types = || table.sources.iter().map(|source| source.resource_type.as_str());
        if key::decode(key) != key::Decoded::Hashed {
            let located = types().filter_map(|candidate| match key::behind(key, candidate, table.rank(candidate))? {
                key::Decoded::Id(id) => Some(Located::new(candidate, &id)),
                key::Decoded::Hashed => None,
            });
            return Ok(located.collect());
        }
        let text = match self.hashed_text(served, key).await? {
            Some(text) => text,
            None => match self.moved()(key) {
                Some(text) => text.trim_start_matches('!').to_owned(),
                None => return Ok(Vec::new()),
            },
        };
        let located = types().filter_map(|candidate| {
            let rest = key::behind_hash(key, &text, candidate, table.rank(candidate))?;
            Some(Located::new(candidate, rest))
        });
        Ok(located.collect())
    }

    /// The id of a resource of this type whose key a GUID is where the type has this rank, if it is known without asking.
    async fn id_of(&self, guid: Uuid, resource_type: &str, rank: Rank) -> Result<Option<String>> {
        Ok(match key::behind(guid, resource_type, rank) {
            None => None,
            Some(key::Decoded::Id(id)) => Some(id),
            Some(key::Decoded::Hashed) => {
                let text = self.store().text_of(guid).await?;
                let id = text.as_deref().and_then(|text| key::behind_hash(guid, text, resource_type, rank));
                id.filter(|id| key::is_id(id)).map(str::to_owned)
            }
        })
    }

    /// The text that the GUID of a row was hashed from, if it has been seen lately; a native row says it itself.
    async fn hashed_text(&self, table: &Arc<ServedTable>, guid: Uuid) -> Result<Option<String>> {
        if let Some(text) = self.store().text_of(guid).await? {
            return Ok(Some(text.to_string()));
        }
        if !self.place(table)?.is_native() {
            return Ok(None);
        }
        let row = self.stored_row(table, guid).await?;
        Ok(row.and_then(|row| row.cell(0, table.table.key).map(str::to_owned)))
    }

    /// The change's values as the mapping takes them, those that live in the row alone, and those that cannot be written.
    async fn assignments(
        &self,
        table: &Arc<ServedTable>,
        place: &Place<'_>,
        change: &Change,
    ) -> Result<(Assigned, Assigned, Vec<Repeat>)> {
        let mut assignments = Assigned::with_capacity(change.assignments.len());
        let mut own = Assigned::new();
        let mut repeats = change.repeats.clone();
        for Assignment { column, value } in &change.assignments {
            let text = match value {
                None => None,
                Some(AssignedValue::Cell(text)) => Some(text.clone()),
                Some(AssignedValue::Bind { entity_set, key }) => {
                    Some(self.bind(table, *column, entity_set, *key).await?)
                }
            };
            let definition = &table.table.columns[*column];
            if !table.table.is_own(*column) {
                assignments.push((*column, text));
            } else if place.is_native() {
                own.push((*column, text));
            } else {
                let otherwise = Error::new(Code::NotWritable, format!("`{}` has no place in FHIR", definition.name))
                    .target(definition.name.clone())
                    .hint("it can be written while the table's route is native");
                repeats.push(Repeat { column: *column, value: text, otherwise });
            }
        }
        Ok((assignments, own, repeats))
    }

    /// The reference to a row of another table, which has to be there.
    async fn bind(
        &self,
        table: &Arc<ServedTable>,
        column: ColumnIndex,
        entity_set: &str,
        guid: Uuid,
    ) -> Result<String> {
        let definition = &table.table.columns[column];
        let Kind::Lookup(lookup) = &definition.kind else {
            return Err(Error::new(Code::BadValue, format!("`{}` is no lookup", definition.name)));
        };
        let no_row = || {
            Error::new(Code::BadValue, format!("`{}` is bound to a row that does not exist", definition.name))
                .target(format!("{}@odata.bind", lookup.navigation))
        };
        let types: Vec<_> = lookup
            .targets
            .iter()
            .filter(|t| t.entity_set == entity_set && key::behind(guid, &t.resource_type, t.rank).is_some())
            .map(|t| (t.resource_type.as_str(), t.rank))
            .collect();
        match types.as_slice() {
            [] if !lookup.targets.iter().any(|t| t.entity_set == entity_set) => {
                let mut sets: Vec<_> = lookup.targets.iter().map(|t| t.entity_set.as_str()).collect();
                sets.dedup();
                Err(Error::new(Code::BadValue, format!("`{}` cannot point to `{entity_set}`", definition.name))
                    .target(format!("{}@odata.bind", lookup.navigation))
                    .hint(format!("it points to {}", sets.join(", "))))
            }
            [] => Err(no_row()),
            types => {
                // A row of a child table has no resource of its own to ask for.
                let child = types.iter().find_map(|(kind, _)| self.snapshot().showing(entity_set, kind));
                if let Some(target) = child.filter(|target| target.table.parent.is_some()) {
                    let row = self.read_row(target, guid).await?.ok_or_else(no_row)?;
                    return row.cell(0, target.table.key).map(str::to_owned).ok_or_else(no_row);
                }
                for (resource_type, rank) in types {
                    let Some(id) = self.id_of(guid, resource_type, *rank).await? else { continue };
                    let is_there = match self.snapshot().showing(entity_set, resource_type) {
                        Some(target) => self.place(target)?.read(resource_type, &id).await?.is_some(),
                        // A table that is not served cannot be asked; it is meant if no other can be.
                        None => types.len() == 1,
                    };
                    if is_there {
                        return Ok(format!("{resource_type}/{id}"));
                    }
                }
                Err(no_row())
            }
        }
    }

    /// Every row that a table has of a resource, all columns.
    async fn rows_of(
        &self,
        table: &Arc<ServedTable>,
        place: &Place<'_>,
        located: &Located,
        held: &Held,
    ) -> Result<Rows> {
        let (served, base, body) = (table.clone(), place.base(), held.body.clone());
        let resource_type = located.resource_type.clone();
        let mapped = self.work(&table.table, move || {
            let begun = Instant::now();
            let rows = map_all(&served, &resource_type, &body, &base);
            (rows, begun.elapsed())
        });
        let (rows, took) = mapped.await?;
        self.trace().add(Step::Mapping, took);
        let rows = rows?;
        self.remember(&table.table, &rows);
        Ok(rows)
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

    /// Only the holder writes this resource.
    async fn turn(&self, located: &Located) -> Result<Turn<'_>> {
        let session = self.session;
        let writers = &session.turntable().writers;
        writers.turn(self.place.source(), &located.resource_type, &located.id, session.deadline()).await
    }

    async fn create(&self, chosen: Option<Uuid>) -> Result<Written> {
        let table = &self.table.table;
        if let Some(repeat) = self.repeats.first() {
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
        let (id, held) = self
            .place
            .create(&resource_type, &id, chosen, sent.clone(), self.own_of(OwnRow::Called(String::new()), &self.own))
            .await
            .map_err(|error| name_columns(table, error))?;
        let located = Located::new(&resource_type, &id);
        let row = match self.kept(&located, &sent, &held).await? {
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
        check_version(self.change, &held)?;
        let (located, _) = self.session.named(table, located, &held).await?.ok_or_else(parent)?;
        let before = self.session.rows_of(self.table, &self.place, &located, &held).await?;
        let merged = self.merged(WriteOperation::Create, None, Some(&held), &self.assignments, Some(&located));
        let FhirRequest::Update(body) = merged.await? else {
            return Err(ill_formed(self.table, "a new child row gave no changed parent"));
        };
        let (sent, was) = (Bytes::from(body), held.body);
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
        let kept = self.kept_if(&located, &sent, &held, |rows, columns| rows.new_row(&known, columns)).await?;
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

    /// What has become of a write by what its place shows. Natively it is there.
    async fn kept(&self, located: &Located, sent: &Bytes, held: &Held) -> Result<Kept> {
        let text = located.text();
        let found = |rows: &Compared<'_>, columns: &[ColumnIndex]| match located.is_child() {
            true => rows.element(&located.place, columns),
            false => rows.row(&text, columns),
        };
        self.kept_if(located, sent, held, found).await
    }

    /// The same for the row that `found` finds. What a service answers may be what it had before: it is asked again before
    /// the write is said not to be there.
    async fn kept_if(
        &self,
        located: &Located,
        sent: &Bytes,
        held: &Held,
        found: impl Fn(&Compared<'_>, &[ColumnIndex]) -> std::result::Result<Rows, Differing>,
    ) -> Result<Kept> {
        if self.place.is_native() {
            return Ok(Kept::Here);
        }
        let table = &self.table.table;
        let parent = table.parent.as_ref().map(|parent| parent.column);
        let columns: Vec<_> = self.assignments.iter().map(|(column, _)| *column).collect();
        let columns: Vec<_> = columns.into_iter().filter(|c| *c != table.key && Some(*c) != parent).collect();
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
            let (_turn, located, held) = self.found(key).await?;
            check_version(self.change, &held)?;
            self.check_repeats(&located, &held).await?;
            let updated = self.updated(&located, &held).await?;
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
                    let sent = body.clone();
                    let own = self.own_of(OwnRow::Called(row_of(&located.text()).to_owned()), &own);
                    let changed = Changed { before: Some(held.body.clone()), gone: None, own };
                    let version = held.version.as_deref();
                    match self.place.update(&located.resource_type, &located.id, body, version, changed).await {
                        Ok(now) => {
                            let (row, now) = match self.kept(&located, &sent, &now).await? {
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

    /// Those who lost a race together come back apart, as long as there is time.
    async fn pause(&self, attempt: u32) {
        let pause = MERGE_PAUSE * 2_u32.pow(attempt - 1);
        let jitter = f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0 + 0.5;
        let until = (Instant::now() + pause.mul_f64(jitter)).min(self.session.deadline());
        tokio::time::sleep_until(until.into()).await;
    }

    /// Each value that cannot be written is one that the row shows.
    async fn check_repeats(&self, located: &Located, held: &Held) -> Result<()> {
        if self.repeats.is_empty() {
            return Ok(());
        }
        let row = self.show(located, held).await?;
        let shows = |repeat: &&Repeat| is_shown(&self.table.table, &row, repeat.column, repeat.value.as_deref());
        self.repeats.iter().find(|repeat| !shows(repeat)).map_or(Ok(()), |repeat| Err(repeat.otherwise.clone()))
    }

    /// Of the values that live in the row alone those that it does not show yet: what is sent back as it was shown may
    /// stand for more than the column shows.
    async fn changed_own(&self, located: &Located, held: &Held) -> Result<Assigned> {
        if self.own.is_empty() {
            return Ok(Assigned::new());
        }
        let row = self.show(located, held).await?;
        let is_new = |(column, value): &&(ColumnIndex, Option<String>)| {
            !is_shown(&self.table.table, &row, *column, value.as_deref())
        };
        Ok(self.own.iter().filter(is_new).cloned().collect())
    }

    /// The resource with the change in it. What is refused and shown already is left out, and the rest tried again.
    async fn updated(&self, located: &Located, held: &Held) -> Result<FhirRequest> {
        let merged =
            self.merged(WriteOperation::Update, Some(located.place.clone()), Some(held), &self.assignments, None).await;
        let Err(error) = merged else { return merged };
        if !matches!(error.code(), Code::BadValue | Code::NotWritable | Code::RequiredColumn) {
            return Err(error);
        }
        let row = self.show(located, held).await?;
        let is_new = |(column, value): &&(ColumnIndex, Option<String>)| {
            !is_shown(&self.table.table, &row, *column, value.as_deref())
        };
        let rest: Assigned = self.assignments.iter().filter(is_new).cloned().collect();
        match rest.len() {
            0 => Ok(FhirRequest::Unchanged),
            all if all == self.assignments.len() => Err(error),
            _ => self.merged(WriteOperation::Update, Some(located.place.clone()), Some(held), &rest, None).await,
        }
    }

    async fn delete(&self, key: Uuid) -> Result<Written> {
        let (_turn, located, held) = self.found(key).await?;
        check_version(self.change, &held)?;
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
        if self.place.is_native() || self.compared(located, &now.body, sent).await?.has_the_same_rows() {
            return Ok(now);
        }
        let now = self.shown_now(located).await?;
        match self.compared(located, &now.body, sent).await?.has_the_same_rows() {
            true => Ok(now),
            false => Err(Differing::Rows.error(self.place.source())),
        }
    }

    /// The resource of the row of a key, which is there with that row in it; or `NotFound`. Nobody else writes it meanwhile.
    async fn found(&self, key: Uuid) -> Result<(Turn<'_>, Located, Held)> {
        for located in self.session.locate(self.table, key).await? {
            let turn = self.turn(&located).await?;
            let Some(held) = self.session.held(&self.place, &located).await? else { continue };
            let Some((located, is_ambiguous)) = self.session.named(&self.table.table, located, &held).await? else {
                continue;
            };
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

    /// The change merged into a resource by the mapping. `parent`: of a new child row, as it was found.
    async fn merged(
        &self,
        operation: WriteOperation,
        key: Option<String>,
        existing: Option<&Held>,
        assignments: &[(ColumnIndex, Option<String>)],
        parent: Option<&Located>,
    ) -> Result<FhirRequest> {
        let table = self.table.clone();
        let existing = existing.map(|held| held.body.to_vec());
        let mut assignments = assignments.to_vec();
        if let (Some(of), Some(link)) = (parent, &table.table.parent) {
            let place = format!("{}/{}", of.resource_type, of.place);
            let linked = assignments.iter_mut().filter(|(column, _)| *column == link.column);
            linked.for_each(|(_, value)| *value = Some(place.clone()));
        }
        let change = WriteChange { operation, key, assignments, existing };
        let merged = self.session.work(&self.table.table, move || {
            let begun = Instant::now();
            (change_resource(&table, change), begun.elapsed())
        });
        let (request, took) = merged.await?;
        self.session.trace().add(Step::Mapping, took);
        request
    }

    /// The one row that was meant, as it now stands.
    async fn show(&self, located: &Located, held: &Held) -> Result<Rows> {
        let table = &self.table.table;
        if self.place.is_native() {
            let key = key::of_row(table, &located.text());
            // Somebody may have taken it away again: then it is shown as it was written.
            if let Some(row) = self.session.stored_row(self.table, key).await? {
                return Ok(row);
            }
        }
        let rows = self.session.rows_of(self.table, &self.place, located, held).await?;
        let row = located
            .row_of(table, &rows)
            .ok_or_else(|| ill_formed(self.table, "the row that was written is not among its resource's rows"))?;
        Ok(rows.pick(&[row]))
    }

    fn own_of(&self, row: OwnRow, values: &Assigned) -> Option<Own> {
        let own = || Own { table: self.table.table.name.clone(), row, cells: values.clone() };
        (!values.is_empty()).then(own)
    }
}

/// Whether a row, the only one, shows a value.
fn is_shown(table: &Table, row: &Rows, column: ColumnIndex, value: Option<&str>) -> bool {
    is_same(&table.columns[column].kind, row.cell(0, column), value)
}

/// Every row that a table has of one resource, all columns.
fn map_all(table: &ServedTable, resource_type: &str, body: &[u8], base: &str) -> Result<Rows> {
    let columns: Vec<_> = (0..table.table.columns.len()).collect();
    Ok(map::rows_of(table, &[Resource { resource_type, body }], base, &columns)?.rows)
}

/// One change through the mapping.
fn change_resource(table: &ServedTable, change: WriteChange) -> Result<FhirRequest> {
    let changes = [change];
    let mut answers = table.mapping.resource(&table.table.name, &changes)?;
    match answers.pop() {
        Some(Ok(request)) => {
            if let FhirRequest::Create(body) | FhirRequest::Update(body) = &request {
                is_right(table, &changes[0], body)?;
            }
            Ok(request)
        }
        Some(Err(issues)) => Err(refused(&table.table, &issues)),
        None => Err(ill_formed(table, "it answered no change")),
    }
}

/// The mapping's findings about what the client sent.
fn refused(table: &Table, issues: &[Issue]) -> Error {
    let code_of = |issue: &Issue| match issue.code {
        IssueCode::Required => Code::RequiredColumn,
        IssueCode::NotSupported => Code::NotWritable,
        IssueCode::Conflict => Code::Conflict,
        _ => Code::BadValue,
    };
    let code = issues.first().map_or(Code::BadValue, code_of);
    let column = |issue: &Issue| issue.column.and_then(|c| table.columns.get(c)).map(|c| c.name.clone());
    let mut error = match issues {
        [only] => Error::new(code, only.message.clone()),
        _ => Error::new(code, format!("the change to `{}` cannot be made", table.name)),
    };
    if let Some(column) = issues.first().and_then(column) {
        error = error.target(column);
    }
    error.details(issues.iter().map(|issue| Detail {
        code: format!("{:?}", code_of(issue)),
        message: issue.message.clone(),
        target: column(issue),
    }))
}

/// Turns the FHIRPath expressions in a service's refusal into the columns that the client knows.
fn name_columns(table: &Table, error: Error) -> Error {
    error.map_targets(|expression| {
        let path = without_indices(expression);
        let path = path.split_once('.').filter(|(head, _)| head.starts_with(|c: char| c.is_ascii_uppercase()));
        let path = path.map(|(_, rest)| rest)?;
        let is_of = |column: &&Column| {
            column.path.split('|').any(|alternative| {
                let of_column = without_indices(alternative.trim());
                of_column == path || of_column.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
            })
        };
        // One that the client can do something about, where there is one.
        let can_write = |column: &&Column| column.access.create || column.access.update;
        let mut columns = table.columns.iter().filter(is_of);
        let first = columns.clone().next();
        columns.find(can_write).or(first).map(|column| column.name.clone())
    })
}

/// `name[0].given` -> `name.given`; `where(…)` and the like are left out too.
fn without_indices(path: &str) -> String {
    let mut depth = 0_u32;
    let mut plain = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain.replace(".where", "").replace(".first", "")
}

/// A child row's key is made from its parent, so it cannot be created by its key.
fn may_create(table: &Table, change: &Change) -> bool {
    table.parent.is_none() && matches!(change.precondition, Precondition::None | Precondition::MustNotExist)
}

fn check_version(change: &Change, held: &Held) -> Result<()> {
    match &change.precondition {
        Precondition::Versions(versions) => {
            let stands = held.version.as_deref();
            if stands.is_some_and(|version| versions.iter().any(|v| v == version)) {
                return Ok(());
            }
            Err(Error::new(Code::VersionMismatch, "the row has changed since it was read")
                .hint("read it again and repeat the change with its new @odata.etag"))
        }
        Precondition::MustNotExist => Err(exists_already()),
        Precondition::None | Precondition::MustExist => Ok(()),
    }
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

fn not_found(table: &Table) -> Error {
    let error = Error::new(Code::NotFound, format!("`{}` has no row of this key", table.entity_set));
    match table.parent {
        Some(_) => error.hint("the row may have changed or gone meanwhile: read the list again"),
        None => error,
    }
}

/// Two rows of several types never have one key, so not every GUID is a key for each type.
fn no_key_of(table: &Table, resource_type: &str, key: Uuid) -> Error {
    let message = format!("this key cannot be given to a {resource_type}: it is one of another type of this table");
    let error = Error::new(Code::BadKey, message);
    let offered = key::guid_of(resource_type, &key.to_string(), table.rank(resource_type));
    match key::behind(offered, resource_type, table.rank(resource_type)) {
        Some(key::Decoded::Id(_)) => error.hint(format!("leave the key out, or use {offered}")),
        _ => error.hint("leave the key out"),
    }
}

/// Of a change that was to be made only where there is no row.
fn exists_already() -> Error {
    Error::new(Code::VersionMismatch, "the row exists already")
}

fn already_exists() -> Error {
    Error::new(Code::AlreadyExists, "a row of this key exists already")
}

fn ill_formed(table: &ServedTable, what: &str) -> Error {
    Error::new(
        Code::MappingIllFormed,
        format!("mapping `{}` {} of table `{}`: {what}", table.mapping.name, table.mapping.version, table.table.name),
    )
}
