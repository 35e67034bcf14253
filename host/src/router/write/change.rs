//! Runs a [`Change`]: read the resource, let the mapping merge the change into it, write it back if it still stands as
//! it was read, show the row. The same on both routes; nothing is ever written from a row alone.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use crate::mapping::component::{FhirRequest, Issue, IssueCode, WriteChange, WriteOperation};
use crate::model::error::{Code, Detail, Error, Result};
use crate::model::key;
use crate::model::query::{AssignedValue, Assignment, Change, Operation, Precondition};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::router::map::{self, Resource};
use crate::router::snapshot::{ServedTable, Snapshot, Turntable};
use crate::router::write::backend::{Held, Place};
use crate::router::write::rows::{self, Own};

/// How often a change without `If-Match` is merged anew because somebody else wrote in between.
const MERGE_ATTEMPTS: usize = 3;

/// What a write did.
pub struct Written {
    pub key: Uuid,
    pub created: bool,
    /// The row as it stands now, all columns; none after a delete.
    pub row: Option<Rows>,
}

type Assigned = Vec<(ColumnIndex, Option<String>)>;

/// A row's resource: where it is and which row of it is meant.
struct Located {
    resource_type: String,
    id: String,
    /// The key cell as the mapping knows it: `id` or `id/path`.
    key: String,
}

impl Turntable {
    pub async fn write(
        &self,
        live: &Snapshot,
        table: &Arc<ServedTable>,
        change: &Change,
        deadline: Instant,
    ) -> Result<Written> {
        allowed(&table.table, change)?;
        let place = self.place(live, table, deadline)?;
        match change.operation {
            Operation::Create { key } => self.create(live, table, &place, key, change, deadline).await,
            Operation::Update { key } => self.update(live, table, &place, key, change, deadline).await,
            Operation::Upsert { key } => match self.update(live, table, &place, key, change, deadline).await {
                Err(error) if error.code() == Code::NotFound && may_create(&table.table, change) => {
                    self.create(live, table, &place, Some(key), change, deadline).await
                }
                answer => answer,
            },
            Operation::Delete { key } => self.delete(table, &place, key, change).await,
        }
    }

    async fn create(
        &self,
        live: &Snapshot,
        table: &Arc<ServedTable>,
        place: &Place<'_>,
        chosen: Option<Uuid>,
        change: &Change,
        deadline: Instant,
    ) -> Result<Written> {
        let (assignments, own) = self.assignments(live, table, place, change, deadline).await?;
        let own_of = |key| (!own.is_empty()).then_some(Own { table: &table.table.name, key, cells: &own });
        if let Some(parent) = &table.table.parent {
            if chosen.is_some() {
                let error = Error::new(Code::NotWritable, "the key of a row of a child table is made from its parent");
                return Err(error.hint("leave the key out"));
            }
            let Some(of) = assigned(&assignments, parent.column) else {
                let column = table.table.columns[parent.column].name.clone();
                let error = Error::new(Code::RequiredColumn, format!("a new row needs its parent in `{column}`"));
                return Err(error.target(column));
            };
            let (resource_type, key) = key::split(of);
            let id = key.split('/').next().unwrap_or(key);
            let located = Located { resource_type: resource_type.into(), id: id.into(), key: key.into() };
            return self.add_to_parent(table, place, located, &assignments, own_of(None), change).await;
        }
        let key = chosen.unwrap_or_else(Uuid::new_v4);
        let id = self.id_of(key).await?.ok_or_else(|| {
            Error::new(Code::BadKey, "this key cannot be given to a new row").hint("use a random (version 4) GUID")
        })?;
        let request = change_resource(table, WriteOperation::Create, Some(id.clone()), &assignments, None)?;
        let FhirRequest::Create(body) = request else { return Err(ill_formed(table, "a create gave no new resource")) };
        let resource_type = resource_type_of(&body).ok_or_else(|| ill_formed(table, "a new resource has no type"))?;
        if table.table.source(&resource_type).is_none() {
            return Err(ill_formed(table, "a new resource is of a type that the table does not show"));
        }
        if chosen.is_some() && place.read(&resource_type, &id).await?.is_some() {
            return Err(already_exists());
        }
        let (id, held) = place
            .create(&resource_type, &id, chosen.is_some(), body.into(), own_of(None))
            .await
            .map_err(|error| name_columns(&table.table, error))?;
        let located = Located { key: id.clone(), resource_type, id };
        let row = self.show(table, place, &located, &held)?;
        Ok(Written { key: row_key(&row, &table.table)?, created: true, row: Some(row) })
    }

    /// A new row of a child table: an element appended to the parent's resource.
    async fn add_to_parent(
        &self,
        table: &Arc<ServedTable>,
        place: &Place<'_>,
        located: Located,
        assignments: &[(ColumnIndex, Option<String>)],
        own: Option<Own<'_>>,
        change: &Change,
    ) -> Result<Written> {
        let parent = || Error::new(Code::BadValue, "the parent that the new row names does not exist");
        let held = place.read(&located.resource_type, &located.id).await?.ok_or_else(parent)?;
        check_version(change, &held)?;
        let before = self.rows_of(table, place, &located, &held)?;
        let request = change_resource(table, WriteOperation::Create, None, assignments, Some(held.body.to_vec()))?;
        let FhirRequest::Update(body) = request else {
            return Err(ill_formed(table, "a new child row gave no changed parent"));
        };
        let held = place
            .update(&located.resource_type, &located.id, body.into(), held.version.as_deref(), own)
            .await
            .map_err(|error| name_columns(&table.table, error))?;
        let after = self.rows_of(table, place, &located, &held)?;
        let known: Vec<_> = (0..before.len()).map(|row| before.cell(row, table.table.key)).collect();
        let new = (0..after.len())
            .rev()
            .find(|row| !known.contains(&after.cell(*row, table.table.key)))
            .ok_or_else(|| ill_formed(table, "a new child row is not among its parent's rows"))?;
        let row = after.pick(&[new]);
        Ok(Written { key: row_key(&row, &table.table)?, created: true, row: Some(row) })
    }

    async fn update(
        &self,
        live: &Snapshot,
        table: &Arc<ServedTable>,
        place: &Place<'_>,
        key: Uuid,
        change: &Change,
        deadline: Instant,
    ) -> Result<Written> {
        let (assignments, own) = self.assignments(live, table, place, change, deadline).await?;
        let mut attempt = 1;
        loop {
            let (located, held) = self.held(table, place, key).await?.ok_or_else(|| not_found(&table.table))?;
            check_version(change, &held)?;
            let existing = Some(held.body.to_vec());
            let request =
                change_resource(table, WriteOperation::Update, Some(located.key.clone()), &assignments, existing)?;
            let body = match request {
                FhirRequest::Update(body) => Some(body.into()),
                // What lives in the row alone changes the row, not the resource.
                FhirRequest::Unchanged if !own.is_empty() => Some(held.body.clone()),
                FhirRequest::Unchanged => None,
                _ => return Err(ill_formed(table, "an update gave neither a changed resource nor `unchanged`")),
            };
            let held = match body {
                None => held,
                Some(body) => {
                    let own = (!own.is_empty()).then_some(Own {
                        table: &table.table.name,
                        key: Some(&located.key),
                        cells: &own,
                    });
                    match place.update(&located.resource_type, &located.id, body, held.version.as_deref(), own).await {
                        Ok(held) => held,
                        Err(error)
                            if error.code() == Code::VersionMismatch
                                && !matches!(change.precondition, Precondition::Versions(_))
                                && attempt < MERGE_ATTEMPTS =>
                        {
                            attempt += 1;
                            continue;
                        }
                        Err(error) => return Err(name_columns(&table.table, error)),
                    }
                }
            };
            let row = self.show(table, place, &located, &held)?;
            return Ok(Written { key, created: false, row: Some(row) });
        }
    }

    async fn delete(&self, table: &Arc<ServedTable>, place: &Place<'_>, key: Uuid, change: &Change) -> Result<Written> {
        let (located, held) = self.held(table, place, key).await?.ok_or_else(|| not_found(&table.table))?;
        check_version(change, &held)?;
        let done = Written { key, created: false, row: None };
        let existing = Some(held.body.to_vec());
        let request = change_resource(table, WriteOperation::Delete, Some(located.key.clone()), &[], existing)?;
        match request {
            FhirRequest::Delete => {
                // Unconditional unless the client asked: a delete merges nothing that another's write could undo.
                let version = match &change.precondition {
                    Precondition::Versions(_) => held.version.as_deref(),
                    _ => None,
                };
                place.delete(&located.resource_type, &located.id, version).await?;
            }
            FhirRequest::Update(body) => {
                let version = held.version.as_deref();
                place.update(&located.resource_type, &located.id, body.into(), version, None).await?;
            }
            FhirRequest::Unchanged => {}
            FhirRequest::Create(_) => return Err(ill_formed(table, "a delete gave a new resource")),
        }
        Ok(done)
    }

    /// The row of this key, all columns; None if there is none.
    pub async fn read_row(
        &self,
        live: &Snapshot,
        table: &Arc<ServedTable>,
        key: Uuid,
        deadline: Instant,
    ) -> Result<Option<Rows>> {
        let place = self.place(live, table, deadline)?;
        match self.held(table, &place, key).await? {
            Some((located, held)) => Ok(Some(self.show(table, &place, &located, &held)?)),
            None => Ok(None),
        }
    }

    /// The resource behind a key, and whether the row is still in it.
    async fn held(&self, table: &Arc<ServedTable>, place: &Place<'_>, key: Uuid) -> Result<Option<(Located, Held)>> {
        for located in self.locate(&table.table, key).await? {
            if let Some(held) = place.read(&located.resource_type, &located.id).await? {
                let rows = self.rows_of(table, place, &located, &held)?;
                let text = format!("{}/{}", located.resource_type, located.key);
                let is_there = (0..rows.len()).any(|row| rows.cell(row, table.table.key) == Some(text.as_str()));
                if is_there {
                    return Ok(Some((located, held)));
                }
            }
        }
        Ok(None)
    }

    /// Where the row of a key can be: one place, or one for each resource type of the table that it may be of.
    async fn locate(&self, table: &Table, key: Uuid) -> Result<Vec<Located>> {
        let text = match key::decode(key) {
            key::Decoded::Id(id) => id,
            key::Decoded::Hashed => match self.store.text_of(key).await? {
                Some(text) => text.to_string(),
                None => return Ok(Vec::new()),
            },
        };
        let (resource_type, rest) = key::split(&text);
        let id = rest.split('/').next().unwrap_or(rest);
        let located = |resource_type: &str| Located {
            resource_type: resource_type.to_owned(),
            id: id.to_owned(),
            key: rest.to_owned(),
        };
        Ok(table
            .sources
            .iter()
            .map(|source| source.resource_type.as_str())
            .filter(|candidate| match resource_type {
                "" => key::may_be(key, candidate),
                known => known == *candidate,
            })
            .map(located)
            .collect())
    }

    /// The logical id that a GUID stands for, if it is known without asking.
    async fn id_of(&self, guid: Uuid) -> Result<Option<String>> {
        Ok(match key::decode(guid) {
            key::Decoded::Id(id) => Some(id),
            key::Decoded::Hashed => {
                let text = self.store.text_of(guid).await?;
                text.map(|text| key::split(&text).1.to_owned()).filter(|id| key::is_id(id))
            }
        })
    }

    /// The change's values as the mapping takes them, `@odata.bind` as `Type/id`; and apart from them those that live in
    /// the row alone.
    async fn assignments(
        &self,
        live: &Snapshot,
        table: &Arc<ServedTable>,
        place: &Place<'_>,
        change: &Change,
        deadline: Instant,
    ) -> Result<(Assigned, Assigned)> {
        let mut assignments = Assigned::with_capacity(change.assignments.len());
        let mut own = Assigned::new();
        for Assignment { column, value } in &change.assignments {
            let text = match value {
                None => None,
                Some(AssignedValue::Cell(text)) => Some(text.clone()),
                Some(AssignedValue::Bind { entity_set, key }) => {
                    Some(self.bind(live, table, *column, entity_set, *key, deadline).await?)
                }
            };
            let definition = &table.table.columns[*column];
            if !rows::is_own(&table.table, *column, definition) {
                assignments.push((*column, text));
            } else if place.is_native() {
                own.push((*column, text));
            } else {
                return Err(Error::new(Code::NotWritable, format!("`{}` has no place in FHIR", definition.name))
                    .target(definition.name.clone())
                    .hint("it can be written while the table's route is native"));
            }
        }
        Ok((assignments, own))
    }

    /// The reference to a row of another table, which has to be there.
    async fn bind(
        &self,
        live: &Snapshot,
        table: &Arc<ServedTable>,
        column: ColumnIndex,
        entity_set: &str,
        guid: Uuid,
        deadline: Instant,
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
            .filter(|t| t.entity_set == entity_set && key::may_be(guid, &t.resource_type))
            .map(|t| t.resource_type.as_str())
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
                let child = types.iter().find_map(|kind| live.showing(entity_set, kind));
                if let Some(target) = child.filter(|target| target.table.parent.is_some()) {
                    let place = self.place(live, target, deadline)?;
                    let (located, _) = self.held(target, &place, guid).await?.ok_or_else(no_row)?;
                    return Ok(format!("{}/{}", located.resource_type, located.key));
                }
                let id = self.id_of(guid).await?.ok_or_else(no_row)?;
                for resource_type in types {
                    let is_there = match live.showing(entity_set, resource_type) {
                        Some(target) => self.place(live, target, deadline)?.read(resource_type, &id).await?.is_some(),
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

    fn rows_of(&self, table: &ServedTable, place: &Place<'_>, located: &Located, held: &Held) -> Result<Rows> {
        let columns: Vec<_> = (0..table.table.columns.len()).collect();
        let resource = Resource { resource_type: &located.resource_type, body: &held.body };
        let rows = map::rows_of(table, &[resource], &place.base(), &columns)?.rows;
        self.remember(&table.table, &rows);
        Ok(rows)
    }

    /// The one row that was meant.
    fn show(&self, table: &ServedTable, place: &Place<'_>, located: &Located, held: &Held) -> Result<Rows> {
        let rows = self.rows_of(table, place, located, held)?;
        let text = format!("{}/{}", located.resource_type, located.key);
        let row = (0..rows.len())
            .find(|row| rows.cell(*row, table.table.key) == Some(text.as_str()))
            .ok_or_else(|| ill_formed(table, "the row that was written is not among its resource's rows"))?;
        Ok(rows.pick(&[row]))
    }
}

/// One change through the mapping.
fn change_resource(
    table: &ServedTable,
    operation: WriteOperation,
    key: Option<String>,
    assignments: &[(ColumnIndex, Option<String>)],
    existing: Option<Vec<u8>>,
) -> Result<FhirRequest> {
    let change = WriteChange { operation, key, assignments: assignments.to_vec(), existing };
    let mut answers = table.mapping.resource(&table.table.name, &[change])?;
    match answers.pop() {
        Some(Ok(request)) => Ok(request),
        Some(Err(issues)) => Err(refused(&table.table, &issues)),
        None => Err(ill_formed(table, "it answered no change")),
    }
}

/// The mapping's findings about what the client sent.
fn refused(table: &Table, issues: &[Issue]) -> Error {
    let code = match issues.first().map(|i| i.code) {
        Some(IssueCode::Required) => Code::RequiredColumn,
        Some(IssueCode::NotSupported) => Code::NotWritable,
        Some(IssueCode::Conflict) => Code::Conflict,
        _ => Code::BadValue,
    };
    let column = |issue: &Issue| issue.column.and_then(|c| table.columns.get(c)).map(|c| c.name.clone());
    let mut error = match issues {
        [only] => Error::new(code, only.message.clone()),
        _ => Error::new(code, format!("the change to `{}` cannot be made", table.name)),
    };
    if let Some(column) = issues.first().and_then(column) {
        error = error.target(column);
    }
    error.details(issues.iter().map(|issue| Detail {
        code: format!("{:?}", issue.code),
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
        table
            .columns
            .iter()
            .filter(|column| {
                column.path.split('|').any(|alternative| {
                    let of_column = without_indices(alternative.trim());
                    of_column == path || of_column.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
                })
            })
            .map(|column| column.name.clone())
            .next()
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

fn allowed(table: &Table, change: &Change) -> Result<()> {
    let (verb, allowed) = match change.operation {
        Operation::Create { .. } => ("created", table.access.create),
        Operation::Update { .. } => ("changed", table.access.update),
        Operation::Upsert { .. } => ("created and changed", table.access.create && table.access.update),
        Operation::Delete { .. } => ("deleted", table.access.delete),
    };
    if allowed {
        return Ok(());
    }
    Err(Error::new(Code::MethodNotAllowed, format!("rows of `{}` cannot be {verb}", table.entity_set)))
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
        Precondition::MustNotExist => Err(Error::new(Code::VersionMismatch, "the row exists already")),
        Precondition::None | Precondition::MustExist => Ok(()),
    }
}

fn assigned(assignments: &[(ColumnIndex, Option<String>)], column: ColumnIndex) -> Option<&str> {
    assignments.iter().find(|(c, _)| *c == column).and_then(|(_, value)| value.as_deref())
}

fn row_key(row: &Rows, table: &Table) -> Result<Uuid> {
    let text = row.cell(0, table.key).ok_or_else(|| Error::new(Code::MappingIllFormed, "a row has no key"))?;
    Ok(key::guid(text))
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
    Error::new(Code::NotFound, format!("`{}` has no row of this key", table.entity_set))
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
