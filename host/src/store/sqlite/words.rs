//! Indexes of the words in the texts of native tables, asked which rows a condition may keep.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _};

use crate::model::error::Result;
use crate::store::sql::words::{self, UP_TO, WHOLE, Words};
use crate::store::sqlite::database::Database;

/// Rows that may be meant. Where there are more, the words tell too little: a read that looks at rows in their order finds
/// those of its page sooner than all of these are looked at.
pub(super) const FOUND_MAX: usize = 10_000;

/// What an index knows of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// There is no index that could know, or not all of it.
    Nothing,
    TooMany,
    /// Every row that the condition keeps is one of these.
    Rows(Vec<i64>),
}

impl Database {
    /// What the index of a table tells, in the moment of a read.
    pub(super) fn told(&self, moment: &Connection, set: &str, asked: &Words) -> Result<Told> {
        if !self.searched.has(set) {
            return Ok(Told::Nothing);
        }
        // Within the moment the index stays as it is.
        match standing(moment, set)? {
            Some((WHOLE, columns)) if asked.columns.is_subset(&columns) => {}
            _ => return Ok(Told::Nothing),
        }
        self.searched.used(set);
        let most = i64::try_from(FOUND_MAX + 1).unwrap_or(i64::MAX);
        let mut find = moment.prepare_cached(&words::find(set))?;
        let found: Vec<i64> = find.query_map((&asked.query, most), |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(if found.len() > FOUND_MAX { Told::TooMany } else { Told::Rows(found) })
    }
}

/// Up to which row an index is made, and the columns that it has; None where there is no index.
pub(super) fn standing(moment: &Connection, set: &str) -> Result<Option<(i64, BTreeSet<String>)>> {
    let mut select = moment.prepare_cached(UP_TO)?;
    let found = select.query_row([set], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).optional()?;
    Ok(found.map(|(up_to, columns)| (up_to, columns.split(',').map(str::to_owned).collect())))
}
