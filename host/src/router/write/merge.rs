//! A change merged into a resource by the mapping, or made a new one: nothing is ever written from a row alone.

use std::sync::Arc;
use std::time::Instant;

use crate::mapping::component::{FhirRequest, WriteChange, WriteOperation};
use crate::model::error::{Code, Result};
use crate::model::key;
use crate::model::query::{Change, Repeat};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
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

    /// The resource with the change in it. What is refused and shown already is left out, and the rest tried again.
    pub async fn updated(&self, located: &Located, held: &Held) -> Result<FhirRequest> {
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
