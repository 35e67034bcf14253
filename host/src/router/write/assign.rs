//! The values of a change as a mapping takes them: rows that are bound as references, and apart from them what lives in
//! the row alone.

use std::sync::Arc;

use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{AssignedValue, Assignment, Change, Repeat};
use crate::model::table::{ColumnIndex, Kind};
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;
use crate::router::write::backend::Place;

/// Columns with their cell texts; None = null.
pub type Assigned = Vec<(ColumnIndex, Option<String>)>;

impl Session {
    /// The change's values as the mapping takes them, those that live in the row alone, and those that cannot be written.
    pub async fn assignments(
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
                Some(AssignedValue::Made) => {
                    return Err(Error::new(Code::Internal, "a row is written before the one that it is made with"));
                }
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
    pub async fn bind(
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
                    if !self.sees(target, guid).await? {
                        return Err(no_row());
                    }
                    let row = self.read_row(target, guid).await?.ok_or_else(no_row)?;
                    return row.cell(0, target.table.key).map(str::to_owned).ok_or_else(no_row);
                }
                for (resource_type, rank) in types {
                    let Some(id) = self.id_of(guid, resource_type, *rank).await? else { continue };
                    let is_there = match self.snapshot().showing(entity_set, resource_type) {
                        Some(target) => {
                            let is_there = self.place(target)?.read(resource_type, &id).await?.is_some();
                            is_there && self.sees(target, guid).await?
                        }
                        // A table that is not served cannot be asked; it is meant if no other can be.
                        None => types.len() == 1 && self.sight().is_none(),
                    };
                    if is_there {
                        return Ok(format!("{resource_type}/{id}"));
                    }
                }
                Err(no_row())
            }
        }
    }
}
