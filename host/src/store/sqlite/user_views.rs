//! Views of users on the disk.

use rusqlite::{OptionalExtension as _, Row};
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::user_view::UserView;
use crate::store::sql::names::{signed, unsigned};
use crate::store::sqlite::database::Database;

const COLUMNS: &str =
    "id, owner, name, description, table_name, fetch_xml, layout_xml, query_type, created, modified, version";

impl Database {
    /// All of them, by their names.
    pub(crate) fn user_views(&self) -> Result<Vec<UserView>> {
        self.reading(|moment| {
            let select = format!("SELECT {COLUMNS} FROM _turntable_user_views ORDER BY name, id");
            let mut select = moment.prepare_cached(&select)?;
            let found = select.query_map([], view)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    pub(crate) fn user_view(&self, id: Uuid) -> Result<Option<UserView>> {
        self.reading(|moment| {
            let select = format!("SELECT {COLUMNS} FROM _turntable_user_views WHERE id = ?");
            Ok(moment.prepare_cached(&select)?.query_row([id], view).optional()?)
        })
    }

    /// In place of its version before, which the version of a new one has none of. `VersionMismatch` where another is there;
    /// `Conflict` where it is new and there are `most` already.
    pub(crate) fn put_user_view(&self, view: &UserView, most: usize) -> Result<()> {
        self.writing(|transaction| {
            let version = "SELECT version FROM _turntable_user_views WHERE id = ?";
            let found: Option<i64> = transaction.query_row(version, [view.id], |row| row.get(0)).optional()?;
            if found.map_or(0, unsigned) + 1 != view.version {
                return Err(mismatch());
            }
            let count: i64 =
                transaction.query_row("SELECT count(*) FROM _turntable_user_views", [], |row| row.get(0))?;
            if found.is_none() && unsigned(count) >= most as u64 {
                let message = format!("there are {count} views of users; the limit `user_queries` is {most}");
                return Err(Error::new(Code::Conflict, message).hint("delete one that nobody needs"));
            }
            let put = format!(
                "INSERT OR REPLACE INTO _turntable_user_views ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            );
            let UserView { id, owner, name, description, table, fetch_xml, layout_xml, .. } = view;
            let UserView { query_type, created, modified, version, .. } = view;
            transaction.execute(
                &put,
                rusqlite::params![
                    id,
                    owner,
                    name,
                    description,
                    table,
                    fetch_xml,
                    layout_xml,
                    query_type,
                    created,
                    modified,
                    signed(*version)
                ],
            )?;
            Ok(())
        })
    }

    /// `VersionMismatch` where another version, or none, is there.
    pub(crate) fn delete_user_view(&self, id: Uuid, version: u64) -> Result<()> {
        self.writing(|transaction| {
            let delete = "DELETE FROM _turntable_user_views WHERE id = ? AND version = ?";
            if transaction.execute(delete, (id, signed(version)))? == 0 { Err(mismatch()) } else { Ok(()) }
        })
    }
}

fn mismatch() -> Error {
    Error::new(Code::VersionMismatch, "the view has changed since it was read").hint("read it again")
}

fn view(row: &Row<'_>) -> rusqlite::Result<UserView> {
    Ok(UserView {
        id: row.get(0)?,
        owner: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        table: row.get(4)?,
        fetch_xml: row.get(5)?,
        layout_xml: row.get(6)?,
        query_type: row.get(7)?,
        created: row.get(8)?,
        modified: row.get(9)?,
        version: unsigned(row.get(10)?),
    })
}
