//! One change at a time, beside the same one by typed serde.

use std::collections::BTreeMap;
use std::hint::black_box;

use serde_json::value::RawValue;
use turntable::mapping::component::{FhirRequest, WriteChange, WriteOperation};
use turntable::model::rows::Rows;
use turntable::model::table::ColumnIndex;

use super::check::same_resource;
use super::{Part, Path};
use crate::Result;
use crate::baseline::write::Change;
use crate::data;
use crate::measure::{Table, Variant};

const TYPED_UPDATE: &str = "typed serde: an update";
const TYPED_CREATE: &str = "typed serde: a create";

impl Path<'_> {
    /// An update of one column and a create.
    pub fn written(&self, part: &Part) -> Result<Vec<Table>> {
        let page = data::search_set(self.subject.resource_type, 1)?;
        let resource = self.split(page.as_bytes())?.first().ok_or("no resource")?.body.to_vec();
        let rows = self.made(&self.split(page.as_bytes())?)?;
        let (update, create) = (self.update(&rows, 0, &resource)?, self.create(&rows, 0));
        let (FhirRequest::Update(updated), FhirRequest::Create(created)) = (self.write(&update)?, self.write(&create)?)
        else {
            return Err("the changes change nothing".into());
        };
        let (typed_update, typed_create) = (self.typed(&update)?, self.typed(&create)?);
        same_resource(&updated, &typed_update.update(&resource)?)?;
        same_resource(&created, &typed_create.create()?)?;
        if patched(&updated, self.subject.member)? != patched(&resource, self.subject.member)? {
            return Err("the update changes another member".into());
        }
        let updates = vec![
            Variant::new(TYPED_UPDATE, || typed_update.update(black_box(&resource))),
            Variant::new("by hand: one member replaced, the rest kept as text", || {
                patched(black_box(&resource), self.subject.member)
            }),
            Variant::new("component: an update", || self.write(black_box(&update))),
        ];
        let creates = vec![
            Variant::new(TYPED_CREATE, || black_box(&typed_create).create()),
            Variant::new("component: a create", || self.write(black_box(&create))),
        ];
        let kind = self.subject.resource_type;
        let (bytes, columns) = (resource.len(), create.assignments.len());
        let tables = [
            (format!("{kind}, update of one column ({bytes} bytes)"), &[TYPED_UPDATE][..], updates),
            (format!("{kind}, create of {columns} columns ({} bytes)", created.len()), &[TYPED_CREATE][..], creates),
        ];
        let tables = tables.into_iter().map(|(title, baselines, variants)| {
            let mut table = Table::new(title, &["µs"], baselines);
            for (name, micros) in part.times(variants)? {
                table.row(name, [micros]);
            }
            Ok(table)
        });
        tables.collect()
    }

    /// The subject's change to one column of a row, whose resource this is.
    pub fn update(&self, rows: &Rows, row: usize, resource: &[u8]) -> Result<WriteChange> {
        let table = &self.live.table;
        let (column, value) = self.subject.change;
        let column = table.column(column).ok_or("no such column")?;
        let id = rows.cell(row, table.key).and_then(|key| key.split_once('/')).map(|(_, id)| id.to_owned());
        Ok(WriteChange {
            operation: WriteOperation::Update,
            key: id,
            assignments: vec![(column, Some(value.to_owned()))],
            existing: Some(resource.to_vec()),
        })
    }

    /// A new row with all values of this one.
    pub fn create(&self, rows: &Rows, row: usize) -> WriteChange {
        let table = &self.live.table;
        let columns = (0..table.mapped()).filter(|c| *c != table.key && table.columns[*c].access.create);
        let values = columns.filter_map(|column| Some((column, Some(rows.cell(row, column)?.to_owned()))));
        let assignments = values.collect();
        WriteChange { operation: WriteOperation::Create, key: None, assignments, existing: None }
    }

    pub fn write(&self, change: &WriteChange) -> Result<FhirRequest> {
        let answers = self.live.mapping.resource(&self.live.table.name, std::slice::from_ref(change))?;
        match answers.into_iter().next() {
            Some(Ok(request)) => Ok(request),
            answer => Err(format!("the change is refused: {answer:?}").into()),
        }
    }

    /// The same change for the baseline.
    pub fn typed<'c>(&self, change: &'c WriteChange) -> Result<Change<'c>> {
        let set = |(column, value): &'c (ColumnIndex, Option<String>)| {
            Some((&*self.live.table.columns[*column].name, value.as_deref()?))
        };
        Change::new(self.baseline, change.assignments.iter().filter_map(set))
    }
}

/// The resource with another value of one member, and everything else as it stood.
fn patched(resource: &[u8], member: &str) -> Result<Vec<u8>> {
    let other = RawValue::from_string("\"other\"".to_owned())?;
    let mut members: BTreeMap<&str, &RawValue> = serde_json::from_slice(resource)?;
    members.iter_mut().filter(|(name, _)| **name == member).for_each(|(_, value)| *value = &other);
    Ok(serde_json::to_vec(&members)?)
}
