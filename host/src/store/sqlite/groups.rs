//! Groups of the rows of native tables, made by the database in one statement, in one moment.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::model::aggregate::Method;
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::Expr;
use crate::model::rows::Rows;
use crate::model::table::{Kind, Table};
use crate::plan::evaluate::aggregate::{Folding, check_bytes, finished, too_long, too_many_groups};
use crate::store::native::NativeGroups;
use crate::store::queue::busy;
use crate::store::sql::beside::wide;
use crate::store::sql::groups::{Groups, columns_of};
use crate::store::sql::words::Words;
use crate::store::sqlite::behind;
use crate::store::sqlite::database::{Database, Stop};
use crate::store::sqlite::functions::TOO_LONG;
use crate::store::sqlite::scan::Asked;
use crate::store::sqlite::tables::Stands;
use crate::store::sqlite::words::Told;

impl Database {
    /// A row for each group that the step's filter keeps. `abandoned`: nobody waits for the answer any more. `MappingFault`
    /// where the table is [`behind`].
    pub(crate) fn groups(&self, asked: &NativeGroups, abandoned: Arc<AtomicBool>) -> Result<Rows> {
        let NativeGroups { table, filter, beside, step, most, deadline } = asked;
        match self.tables.stands(table, columns_of(asked)) {
            Stands::Whole => {}
            Stands::Missing => {
                let wide = Arc::new(wide(table, beside).into_owned());
                let none = Folding::new(wide, step.clone(), *most)?;
                return self.reading(|moment| {
                    behind::check_all(moment, table)?;
                    none.done()
                });
            }
            Stands::Partly => return Err(busy().internal(format!("`{}` is being changed", table.name))),
        }
        let Asked { filter, others, missing } = self.asked_of(filter.as_ref(), beside)?;
        let groups = |among: Option<&[i64]>| {
            Groups::new(asked, filter.as_ref(), &|table| missing.contains(&*table.set()), among)
                .ok_or_else(|| Error::new(Code::Internal, "the database was asked for groups that it cannot make"))
        };
        let own = filter.as_ref().filter(|_| beside.is_empty());
        let words = own.and_then(|filter| Words::of(table, filter));
        let (stop, steps) = (Stop { deadline: *deadline, abandoned }, Arc::default());
        let mut told = Told::Nothing;
        let found = self.reading_counted(&stop, &steps, |moment| {
            others.iter().try_for_each(|table| behind::check_all(moment, table))?;
            behind::check_all(moment, table)?;
            if let Some(words) = &words {
                told = self.told(moment, &table.set(), words)?;
            }
            let among = match &told {
                Told::Rows(rows) => Some(rows.as_slice()),
                Told::Nothing | Told::TooMany => None,
            };
            finished(&made(moment, asked, &groups(among)?)?, step)
        });
        if words.is_some() && told == Told::Nothing {
            self.words_wanted(table, &steps);
        }
        found
    }
}

fn made(moment: &Connection, asked: &NativeGroups, groups: &Groups) -> Result<Rows> {
    let mut rows = Rows::new((0..asked.step.table.columns.len()).collect());
    let mut statement = moment.prepare_cached(&groups.sql)?;
    let mut given = statement.query(rusqlite::params_from_iter(&groups.params))?;
    while let Some(row) = given.next()? {
        if rows.len() >= asked.most {
            return Err(too_many_groups(asked.most));
        }
        let cells: Vec<Option<String>> =
            (0..asked.step.table.columns.len()).map(|column| cell(row, column, asked)).collect::<Result<_>>()?;
        rows.push(cells.iter().map(Option::as_deref));
        check_bytes(rows.bytes())?;
    }
    Ok(rows)
}

fn cell(row: &Row<'_>, column: usize, asked: &NativeGroups) -> Result<Option<String>> {
    let text = match row.get_ref(column)? {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(count) => count.to_string(),
        value => value.as_str().map_err(rusqlite::Error::from)?.to_owned(),
    };
    let step = &asked.step;
    Ok(Some(match step.by.get(column) {
        Some(Expr::Column(by)) => told(&asked.table, *by, text),
        Some(_) => text,
        None => {
            let method = step.aggregates.get(column - step.by.len()).map(|aggregate| aggregate.method);
            if matches!(method, Some(Method::Sum | Method::Average)) && text == TOO_LONG {
                return Err(too_long());
            }
            text
        }
    }))
}

/// The key of a row is shown as it is.
fn told(table: &Table, column: usize, text: String) -> String {
    match table.columns.get(column).map(|column| &column.kind) {
        Some(Kind::Key) => key::of_row(table, &text).to_string(),
        _ => text,
    }
}
