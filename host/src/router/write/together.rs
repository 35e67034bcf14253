//! Several changes that are made together or not at all: of one table, or a new row with those inside it.

use std::pin::Pin;
use std::sync::Arc;

use crate::model::access::Right;
use crate::model::catalog::Relation;
use crate::model::error::{Code, Error, Result};
use crate::model::query::{Change, Related};
use crate::model::scopes::Act;
use crate::model::table::Table;
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;
use crate::router::write::change::Written;

/// Rows may have rows inside them.
type Inserting<'s> = Pin<Box<dyn Future<Output = Result<Written>> + Send + 's>>;

/// How often they are made anew because others wrote one of the resources in between, or versions of mappings came into
/// force.
const ATTEMPTS: usize = 8;

impl Session {
    /// Makes a change, and the rows that are made with it: all of them or none.
    pub async fn insert(&self, table: &Arc<ServedTable>, change: &Change) -> Result<Written> {
        let inserted = self.inserted(table, change).await.map_err(|error| self.told(&table.table, error))?;
        // Whoever may write a row need not see it.
        let row = match inserted.row {
            Some(_) if self.may(Right::Read, &table.table).is_err() => None,
            Some(row) if self.admits(table, Act::Read, &row).await? => Some(self.veil(&table.table, row)),
            _ => None,
        };
        Ok(Written { row, ..inserted })
    }

    async fn inserted(&self, table: &Arc<ServedTable>, change: &Change) -> Result<Written> {
        if change.related.is_empty() {
            return self.write(table, change).await;
        }
        if self.staged().is_some() {
            return self.insert_all(table, change).await;
        }
        let _turns = self.turns_for(table, std::slice::from_ref(change)).await?;
        let mut attempt = 1;
        loop {
            let session = self.beside().staging();
            let served = session.snapshot().table(&table.table.name)?.clone();
            let written = session.insert_all(&served, change).await?;
            if together(&session, attempt).await.map_err(|(_, error)| error)? {
                let key = session.settled(&served, &written).await?;
                // Those that point to it may be parts of its resource. It is done: that it cannot be shown changes nothing
                // about that.
                let row = self.read_row(table, key).await.unwrap_or_default();
                return Ok(Written { key, created: written.created, row });
            }
            attempt += 1;
        }
    }

    /// An error that names no column that is not there for the caller.
    fn told(&self, table: &Arc<Table>, error: Error) -> Error {
        let seen = self.seen(table);
        let hidden = table.columns.iter().zip(&seen.columns).filter(|(column, seen)| column.name != seen.name);
        let hidden: Vec<_> = hidden.map(|(column, _)| column.name.as_str()).collect();
        let names = |text: &str| {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            text.split(|c| !is_word(c)).any(|word| hidden.contains(&word))
        };
        let is_named = names(error.message())
            || error.get_target().is_some_and(names)
            || error.get_hint().is_some_and(names)
            || error.get_details().iter().any(|d| names(&d.message) || d.target.as_deref().is_some_and(names));
        match is_named {
            true => Error::new(error.code(), "the change is refused for what this caller does not see of the row"),
            false => error,
        }
    }

    /// First those that the row points to, then the row, then those that point to it.
    fn insert_all<'s>(&'s self, table: &'s Arc<ServedTable>, change: &'s Change) -> Inserting<'s> {
        Box::pin(async move {
            let mut row = Change { related: Vec::new(), ..change.clone() };
            for Related { navigation, to, changes } in &change.related {
                let Relation::Lookup { column, table: other } = to else { continue };
                let other = self.snapshot().table(other)?;
                for one in changes {
                    let made = self.insert(other, one).await.map_err(|error| error.within(navigation))?;
                    row.bind(*column, &other.table.entity_set, made.key);
                }
            }
            let written = self.write(table, &row).await?;
            for Related { navigation, to, changes } in &change.related {
                let Relation::Collection { column, table: other } = to else { continue };
                let other = self.snapshot().table(other)?;
                for (position, one) in changes.iter().enumerate() {
                    let mut one = one.clone();
                    one.bind(*column, &table.table.entity_set, written.key);
                    let inserted = self.insert(other, &one).await;
                    inserted.map_err(|error| error.within(&format!("{navigation}[{position}]")))?;
                }
            }
            Ok(written)
        })
    }

    /// What each has done; or which one was refused, and why, and nothing is done.
    pub async fn write_all(
        &self,
        table: &str,
        changes: &[Change],
    ) -> std::result::Result<Vec<Written>, (usize, Error)> {
        let _turns = match changes {
            // It takes them itself.
            [_] => Vec::new(),
            several => {
                let served = self.snapshot().table(table).map_err(|error| (0, error))?;
                self.turns_for(served, several).await.map_err(|error| (0, error))?
            }
        };
        let mut attempt = 1;
        loop {
            // One is made whole or not at all by itself, wherever it goes.
            let session = if changes.len() == 1 { self.beside() } else { self.beside().staging() };
            let served = session.snapshot().table(table).map_err(|error| (0, error))?.clone();
            let mut written = Vec::with_capacity(changes.len());
            for (position, change) in changes.iter().enumerate() {
                session.begin_part(position);
                written.push(session.insert(&served, change).await.map_err(|error| (position, error))?);
            }
            if together(&session, attempt).await? {
                for (position, written) in written.iter_mut().enumerate() {
                    written.key = session.settled(&served, written).await.map_err(|error| (position, error))?;
                }
                return Ok(written);
            }
            attempt += 1;
        }
    }
}

/// Stores what a session has staged, or sends it to its FHIR service, in its so manieth attempt. False: it is to be made anew.
/// An error has the place of the change that it is about.
pub async fn together(session: &Session, attempt: usize) -> std::result::Result<bool, (usize, Error)> {
    match session.send_gathered().await {
        Ok(true) => return Ok(true),
        Ok(false) => {}
        Err((_, error)) if error.code() == Code::VersionMismatch && attempt < ATTEMPTS => return Ok(false),
        Err(error) => return Err(error),
    }
    let committed = match session.commit().await {
        Ok(false) if attempt >= ATTEMPTS => {
            let message = "other versions of mappings come into force all the time";
            Err(Error::new(Code::Busy, message).hint("try again").retry_after(1))
        }
        Err(error) if error.code() == Code::VersionMismatch && attempt < ATTEMPTS => Ok(false),
        answer => answer,
    };
    committed.map_err(|error| (0, error))
}
