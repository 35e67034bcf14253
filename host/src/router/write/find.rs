//! The row behind a key: where its resource is, and which row of it is meant. The same on both routes, and in a change set
//! with what that will leave.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use crate::model::access::Right;
use crate::model::error::Result;
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::scopes::Act;
use crate::model::table::{ColumnIndex, Rank, Table};
use crate::router::map::{self, Resource};
use crate::router::samples::Sample;
use crate::router::session::{Session, Step};
use crate::router::snapshot::ServedTable;
use crate::router::staged::StagedRow;
use crate::router::write::backend::{Held, Place};
use crate::router::write::moves::{self, Found};
use crate::store::native::{NativeScan, ScanLimits};

/// A row's resource: where it is and which row of it is meant.
#[derive(Clone)]
pub struct Located {
    pub resource_type: String,
    pub id: String,
    /// The row's key without the type: `id`, or `id/path` with the names of elements.
    pub key: String,
    /// The key cell as the mapping knows it: `id`, or `id/path` with the indices of elements. Of a child row it holds for
    /// the resource that it was found in.
    pub place: String,
}

impl Located {
    pub fn new(resource_type: &str, key: &str) -> Self {
        let id = key.split('/').next().unwrap_or(key);
        Self { resource_type: resource_type.to_owned(), id: id.to_owned(), key: key.to_owned(), place: key.to_owned() }
    }

    pub fn is_child(&self) -> bool {
        self.key != self.id
    }

    pub fn resource(&self) -> String {
        format!("{}/{}", self.resource_type, self.id)
    }

    pub fn text(&self) -> String {
        format!("{}/{}", self.resource_type, self.key)
    }

    /// Of a child row without the id.
    pub fn place_in_resource(&self) -> &str {
        self.place.split_once('/').map_or("", |(_, place)| place)
    }

    pub fn found(self, found: &Found) -> Self {
        let (key, place) = (format!("{}/{}", self.id, found.name), format!("{}/{}", self.id, found.place));
        Self { key, place, ..self }
    }

    /// Where its row is among those of its resource.
    pub fn row_of(&self, table: &Table, rows: &Rows) -> Option<usize> {
        let text = self.text();
        (0..rows.len()).find(|row| rows.cell(*row, table.key) == Some(text.as_str()))
    }
}

impl Session {
    /// The row of this key, all columns; None if there is none, or none for the caller.
    pub async fn read_row(&self, table: &Arc<ServedTable>, key: Uuid) -> Result<Option<Rows>> {
        self.may(Right::Read, &table.table)?;
        match self.row(table, key).await? {
            Some(row) if self.admits(table, Act::Read, &row).await? => Ok(Some(self.veil(&table.table, row))),
            _ => Ok(None),
        }
    }

    /// The same for whoever it is.
    pub async fn row(&self, table: &Arc<ServedTable>, key: Uuid) -> Result<Option<Rows>> {
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
    pub async fn stored_row(&self, table: &Arc<ServedTable>, key: Uuid) -> Result<Option<Rows>> {
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

    pub async fn row_in_store(&self, table: &Arc<ServedTable>, key: Uuid) -> Result<Option<Rows>> {
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
    pub async fn held(&self, place: &Place<'_>, located: &Located) -> Result<Option<Held>> {
        let begun = Instant::now();
        let held = place.read(&located.resource_type, &located.id).await;
        self.trace().add(Step::Upstream, begun.elapsed());
        held
    }

    /// The row that a key names in a resource as it stands, and whether it might be another.
    pub async fn named(&self, table: &Table, located: Located, held: &Held) -> Result<Option<(Located, bool)>> {
        if !located.is_child() {
            return Ok(Some((located, false)));
        }
        let (moved, body, text) = (self.moved(), held.body.clone(), located.text());
        let found = self.work(table, move || moves::find(&body, &text, moved)).await?;
        Ok(found.map(|found| (located.found(&found), found.is_ambiguous)))
    }

    /// Tells what became of keys.
    pub fn moved(&self) -> impl Fn(Uuid) -> Option<Arc<str>> + Send + 'static {
        let (store, staged) = (self.store().clone(), self.staged().cloned());
        move |guid| staged.as_ref().and_then(|staged| staged.moved(guid)).or_else(|| store.moved(guid))
    }

    /// Where the row of a key can be: one place, or one for each resource type of the table that it may be of.
    pub async fn locate(&self, served: &Arc<ServedTable>, key: Uuid) -> Result<Vec<Located>> {
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
    pub async fn id_of(&self, guid: Uuid, resource_type: &str, rank: Rank) -> Result<Option<String>> {
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
    pub async fn hashed_text(&self, table: &Arc<ServedTable>, guid: Uuid) -> Result<Option<String>> {
        if let Some(text) = self.store().text_of(guid).await? {
            return Ok(Some(text.to_string()));
        }
        if !self.place(table)?.is_native() {
            return Ok(None);
        }
        let row = self.stored_row(table, guid).await?;
        Ok(row.and_then(|row| row.cell(0, table.table.key).map(str::to_owned)))
    }

    /// Every row that a table has of a resource, all columns.
    pub async fn rows_of(
        &self,
        table: &Arc<ServedTable>,
        place: &Place<'_>,
        located: &Located,
        held: &Held,
    ) -> Result<Rows> {
        let (served, base, body) = (table.clone(), place.base(), held.body.clone());
        let resource_type = located.resource_type.clone();
        // What is stored was compared when it was.
        if let Some(candidate) = (!place.is_native()).then(|| self.given_to(&table.table)).flatten() {
            let sample = |room| Sample {
                candidate: candidate.clone(),
                table: Some(table.table.name.clone()),
                resource_type: resource_type.clone(),
                bodies: vec![body.clone()],
                base: base.clone(),
                elements: None,
                room,
            };
            self.compare(body.len(), sample, candidate);
        }
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

/// Every row that a table has of one resource, all columns.
fn map_all(table: &ServedTable, resource_type: &str, body: &[u8], base: &str) -> Result<Rows> {
    let columns: Vec<_> = (0..table.table.columns.len()).collect();
    Ok(map::rows_of(table, &[Resource { resource_type, body }], base, &columns)?.rows)
}
