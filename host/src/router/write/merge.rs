//! A change merged into a resource by the mapping, or made a new one: nothing is ever written from a row alone.

use std::sync::Arc;
use std::time::Instant;

use turntable_scan::Document;

use crate::mapping::component::{FhirRequest, WriteChange, WriteOperation};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Change, Repeat};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::router::element::has_same_content;
use crate::router::map::{self, Resource};
use crate::router::session::{Session, Step};
use crate::router::snapshot::ServedTable;
use crate::router::write::assign::Assigned;
use crate::router::write::backend::{Held, Place};
use crate::router::write::find::Located;
use crate::router::write::kept::is_same;
use crate::router::write::refusal::{ill_formed, refused};
use crate::router::write::right::is_right;

/// A change in the making.
pub struct Changing<'a> {
    pub session: &'a Session,
    pub table: &'a Arc<ServedTable>,
    pub place: Place<'a>,
    pub change: &'a Change,
    /// Values as the mapping takes them, `@odata.bind` as `Type/id`.
    pub assignments: Assigned,
    /// Apart from them those that live in the row alone.
    pub own: Assigned,
    /// What cannot be written, and has to stand there already.
    pub repeats: Vec<Repeat>,
}

impl Changing<'_> {
    /// Each value that cannot be written is one that the row shows.
    pub async fn check_repeats(&self, located: &Located, held: &Held) -> Result<()> {
        if self.repeats.is_empty() {
            return Ok(());
        }
        let row = self.show(located, held).await?;
        let shows = |repeat: &&Repeat| is_shown(&self.table.table, &row, repeat.column, repeat.value.as_deref());
        self.repeats.iter().find(|repeat| !shows(repeat)).map_or(Ok(()), |repeat| Err(repeat.otherwise.clone()))
    }

    /// Of the values that live in the row alone those that it does not show yet: what is sent back as it was shown may
    /// stand for more than the column shows.
    pub async fn changed_own(&self, located: &Located, held: &Held) -> Result<Assigned> {
        if self.own.is_empty() {
            return Ok(Assigned::new());
        }
        let row = self.show(located, held).await?;
        let is_new = |(column, value): &&(ColumnIndex, Option<String>)| {
            !is_shown(&self.table.table, &row, *column, value.as_deref())
        };
        Ok(self.own.iter().filter(is_new).cloned().collect())
    }

    /// Of a change that replaces a row the columns that it shows and that are not given: they become null. What lives in the
    /// row alone stays.
    pub async fn cleared(&self, located: &Located, held: &Held) -> Result<Vec<ColumnIndex>> {
        if !self.change.replaces {
            return Ok(Vec::new());
        }
        let (table, row) = (&self.table.table, self.show(located, held).await?);
        let given = |index: ColumnIndex| {
            self.assignments.iter().any(|(column, _)| *column == index)
                || self.repeats.iter().any(|repeat| repeat.column == index)
        };
        // What the caller may not change stays as it is.
        let seen = self.session.seen(table);
        let may_change = |index: ColumnIndex| seen.columns.get(index).is_some_and(|column| column.access.update);
        let is_due = |index: &ColumnIndex| {
            table.is_replaced(*index) && may_change(*index) && !given(*index) && row.cell(0, *index).is_some()
        };
        Ok((0..table.columns.len()).filter(is_due).collect())
    }

    /// The resource with the change in it, and these columns `cleared`. What is refused and shown already is left out, and
    /// the rest tried again.
    pub async fn updated(&self, located: &Located, held: &Held, cleared: &[ColumnIndex]) -> Result<FhirRequest> {
        let updated = self.replaced(located, held, cleared, &self.assignments).await;
        let Err(error) = updated else { return updated };
        if !matches!(error.code(), Code::BadValue | Code::NotWritable | Code::RequiredColumn) {
            return Err(error);
        }
        let row = self.show(located, held).await?;
        let is_new = |(column, value): &&(ColumnIndex, Option<String>)| {
            !is_shown(&self.table.table, &row, *column, value.as_deref())
        };
        let rest: Assigned = self.assignments.iter().filter(is_new).cloned().collect();
        match rest.len() {
            all if all == self.assignments.len() => Err(error),
            0 if cleared.is_empty() => Ok(FhirRequest::Unchanged),
            _ => self.replaced(located, held, cleared, &rest).await,
        }
    }

    /// The resource with these values in it and nothing in the columns that are cleared.
    async fn replaced(
        &self,
        located: &Located,
        held: &Held,
        cleared: &[ColumnIndex],
        given: &[(ColumnIndex, Option<String>)],
    ) -> Result<FhirRequest> {
        if cleared.is_empty() {
            return self.merged(WriteOperation::Update, Some(located.place.clone()), Some(held), given, None).await;
        }
        let replacing = Replacing {
            table: self.table.clone(),
            located: located.clone(),
            base: self.place.base(),
            cleared: cleared.to_vec(),
            given: given.to_vec(),
        };
        let existing = held.body.to_vec();
        let replaced = self.session.work(&self.table.table, move || {
            let begun = Instant::now();
            (replacing.merged(existing), begun.elapsed())
        });
        let (request, took) = replaced.await?;
        self.session.trace().add(Step::Mapping, took);
        request
    }

    /// The change merged into a resource by the mapping. `parent`: of a new child row, as it was found.
    pub async fn merged(
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
    pub async fn show(&self, located: &Located, held: &Held) -> Result<Rows> {
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
}

/// Whether a row, the only one, shows a value.
fn is_shown(table: &Table, row: &Rows, column: ColumnIndex, value: Option<&str>) -> bool {
    is_same(&table.columns[column].kind, row.cell(0, column), value)
}

/// One change through the mapping.
fn change_resource(table: &ServedTable, change: WriteChange) -> Result<FhirRequest> {
    let changes = [change];
    let request = asked_of(table, &changes)?;
    if let FhirRequest::Create(body) | FhirRequest::Update(body) = &request {
        is_right(table, &changes[0], body)?;
    }
    Ok(request)
}

/// A row that is replaced: some columns are given, others cleared.
struct Replacing {
    table: Arc<ServedTable>,
    located: Located,
    /// Of the service that absolute references may name.
    base: String,
    cleared: Vec<ColumnIndex>,
    given: Assigned,
}

impl Replacing {
    /// Several columns may show one element: one that is cleared would take away what another is given, or shows it again.
    /// Then everything is taken away first, which must be possible, and given on what is left.
    fn merged(self, existing: Vec<u8>) -> Result<FhirRequest> {
        let nothing = |column: &ColumnIndex| (*column, None);
        let all = self.cleared.iter().map(nothing).chain(self.given.iter().cloned()).collect();
        let refusal = match change_resource(&self.table, self.change(all, existing.clone())) {
            Ok(FhirRequest::Update(body)) if !self.shows_what_is_given(&body)? => None,
            Err(error) if error.code() == Code::Conflict => Some(error),
            answer => return answer,
        };
        let refused = || {
            let error = refusal.clone().unwrap_or_else(|| {
                Error::new(Code::Conflict, "a column that is not named cannot be null beside the values that are given")
            });
            error.hint("PATCH changes only the columns that it names")
        };
        let table = &self.table.table;
        let can_go = |column: &&ColumnIndex| table.is_replaced(**column) && !table.columns[**column].required;
        let taken = self.given.iter().map(|(column, _)| column).filter(can_go).chain(&self.cleared);
        let taken = self.change(taken.map(nothing).collect(), existing.clone());
        let without = match asked_of(&self.table, &[taken]).map_err(|_| refused())? {
            FhirRequest::Update(body) => body,
            _ => existing.clone(),
        };
        let given = self.change(self.given.clone(), without.clone());
        let body = match asked_of(&self.table, &[given]).map_err(|_| refused())? {
            FhirRequest::Update(body) => body,
            _ => without,
        };
        is_right(&self.table, &self.change(self.given.clone(), existing.clone()), &body)?;
        if !self.shows_what_is_given(&body)? {
            return Err(refused());
        }
        // What was taken away and given again may be what was there.
        let documents = Document::parse(&existing).ok().zip(Document::parse(&body).ok());
        let is_same = documents.is_some_and(|(before, after)| has_same_content(&before, &after));
        Ok(if is_same { FhirRequest::Unchanged } else { FhirRequest::Update(body) })
    }

    fn change(&self, assignments: Assigned, existing: Vec<u8>) -> WriteChange {
        let key = Some(self.located.place.clone());
        WriteChange { operation: WriteOperation::Update, key, assignments, existing: Some(existing) }
    }

    fn shows_what_is_given(&self, body: &[u8]) -> Result<bool> {
        let table = &self.table.table;
        let columns: Vec<_> = (0..table.columns.len()).collect();
        let resource = Resource { resource_type: &self.located.resource_type, body };
        let mapped = map::rows_of(&self.table, &[resource], &self.base, &columns)?;
        let row = match self.located.is_child() {
            true => mapped.places.iter().position(|place| *place == self.located.place),
            false => self.located.row_of(table, &mapped.rows),
        };
        let row = row.map(|row| mapped.rows.pick(&[row]));
        let shows = |(column, value): &(ColumnIndex, Option<String>)| {
            row.as_ref().is_some_and(|row| is_shown(table, row, *column, value.as_deref()))
        };
        Ok(self.given.iter().all(shows))
    }
}

fn asked_of(table: &ServedTable, changes: &[WriteChange; 1]) -> Result<FhirRequest> {
    let mut answers = table.mapping.resource(&table.table.name, changes)?;
    match answers.pop() {
        Some(Ok(request)) => Ok(request),
        Some(Err(issues)) => Err(refused(&table.table, &issues)),
        None => Err(ill_formed(table, "it answered no change")),
    }
}
