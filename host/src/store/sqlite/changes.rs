//! What has changed in a native table since a write: rows of resources that were written since, as they are now, and keys that
//! are gone. By numbers of writes, never by a clock; a part of it ends at a number, from which the next goes on.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusqlite::{Connection, OptionalExtension as _};
use uuid::Uuid;

use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Expr, Filter, Literal};
use crate::model::result::Gone;
use crate::model::rows::Rows;
use crate::store::native::{NativeChanged, NativeChanges, NativeScan, Position, ScanLimits};
use crate::store::queue::busy;
use crate::store::sql::names::{self, signed, unsigned};
use crate::store::sql::select::{Select, Window, columns_of};
use crate::store::sqlite::database::{Database, Stop};
use crate::store::sqlite::scan::{by_database, here};
use crate::store::sqlite::tables::Stands;
use crate::store::sqlite::write::rows_of;
use crate::store::sqlite::{behind, gone};

/// Keys that a statement is asked for at once.
const KEYS_AT_ONCE: usize = 5_000;

impl Database {
    /// Where the rows of a set are now, by its root.
    pub(crate) fn position(&self, root: &str) -> Result<Position> {
        self.reading(|moment| position(moment, root))
    }

    /// In one moment. `DeltaTokenExpired` where it cannot be told any more.
    pub(crate) fn changes(
        &self,
        asked: &NativeChanges,
        limits: ScanLimits,
        abandoned: Arc<AtomicBool>,
    ) -> Result<NativeChanged> {
        let columns = columns_of(&asked.scan);
        let stands = self.tables.stands(&asked.scan.table, columns);
        if stands == Stands::Partly {
            // Only while a version of its mapping comes into force.
            return Err(busy().internal(format!("`{}` is being changed", asked.scan.table.name)));
        }
        let stop = Stop { deadline: limits.deadline, abandoned };
        self.reading_until(&stop, |moment| {
            behind::check_all(moment, &asked.scan.table)?;
            let now = position(moment, &asked.root)?;
            check(moment, asked, &now)?;
            let is_there = stands == Stands::Whole;
            let mut telling = Telling { moment, asked, most: asked.most, limits, stop: &stop, is_there };
            loop {
                let told = telling.told(&now)?;
                if told.rows.bytes() <= limits.bytes || telling.most <= 1 {
                    return Ok(told);
                }
                telling.most /= 2;
            }
        })
    }
}

/// A set that is not written any more is only as far as it was made.
fn position(moment: &Connection, root: &str) -> Result<Position> {
    let mut select = moment.prepare_cached(
        "SELECT coalesce(up_to, (SELECT coalesce(max(written), 0) FROM _turntable_resources)), identity \
         FROM _turntable_sets WHERE name = ?",
    )?;
    let found = select.query_row([root], |row| Ok((unsigned(row.get(0)?), row.get(1)?))).optional()?;
    let (written, set) = found.ok_or_else(|| busy().internal(format!("`{root}` is not made yet")))?;
    let run = gone::run_of(moment, written)?;
    let run = run.ok_or_else(|| Error::new(Code::Internal, "the store does not know who has written it"))?;
    Ok(Position { written, run, set })
}

/// Whether all that has happened since is known.
fn check(moment: &Connection, asked: &NativeChanges, now: &Position) -> Result<()> {
    let since = &asked.since;
    let table = &asked.scan.table;
    let expired = |why: &str| {
        let message = format!("the delta link of `{}` is no longer good: {why}", table.entity_set);
        let error = Error::new(Code::DeltaTokenExpired, message).target("$deltatoken");
        Err(error.hint("read the list anew with `Prefer: odata.track-changes`"))
    };
    if since.set != now.set {
        return expired("its rows have been made anew");
    }
    if since.written > now.written || gone::run_of(moment, since.written)? != Some(since.run) {
        return expired("the store has been put back to a copy of before");
    }
    if since.written < gone::known_since(moment, &table.set())? {
        return expired("too many rows are gone since (`deleted_rows`)");
    }
    Ok(())
}

struct Telling<'a> {
    moment: &'a Connection,
    asked: &'a NativeChanges,
    /// Rows that are told at once, those of one resource in any case.
    most: usize,
    limits: ScanLimits,
    stop: &'a Stop,
    /// The table has ever had a row.
    is_there: bool,
}

impl Telling<'_> {
    fn told(&self, now: &Position) -> Result<NativeChanged> {
        let mut end = self.end_of_gone(now.written)?;
        let mut keys = Vec::new();
        for (written, resource) in self.resources(&mut end)? {
            let of_resource = self.keys(&resource)?;
            if !keys.is_empty() && keys.len() + of_resource.len() > self.most {
                // Numbers are each of one write, so the resources before end below this one's.
                end = written - 1;
                break;
            }
            keys.extend(of_resource);
        }
        let rows = self.rows(&keys)?;
        let mut gone: Vec<_> = self.gone(end)?.into_iter().map(|key| (key, Gone::Deleted)).collect();
        let table = &self.asked.scan.table;
        let kept: HashSet<Uuid> =
            (0..rows.len()).filter_map(|row| Some(key::of_row(table, rows.cell(row, table.key)?))).collect();
        gone.extend(keys.into_iter().filter(|key| !kept.contains(key)).map(|key| (key, Gone::Changed)));
        let run = gone::run_of(self.moment, end)?.unwrap_or(now.run);
        let position = Position { written: end, run, set: now.set };
        Ok(NativeChanged { rows, gone, position, more: end < now.written })
    }

    /// Up to which write no more keys are gone than may be told at once, those of one write in any case.
    fn end_of_gone(&self, now: u64) -> Result<u64> {
        let nth = |nth: usize| -> Result<Option<u64>> {
            let mut select = self.moment.prepare_cached(
                "SELECT written FROM _turntable_gone WHERE table_name = ? AND written > ? AND written <= ? \
                 ORDER BY written LIMIT 1 OFFSET ?",
            )?;
            let set = self.asked.scan.table.set();
            let found = select
                .query_row((set, signed(self.asked.since.written), signed(now), signed(nth as u64)), |row| row.get(0));
            Ok(found.optional()?.map(unsigned))
        };
        Ok(match (nth(0)?, nth(self.most)?) {
            (Some(first), Some(beyond)) => first.max(beyond - 1),
            _ => now,
        })
    }

    /// Resources of the table that were written since, up to a write, with its number: `end` moves to the last of them where
    /// there are more than may be told at once.
    fn resources(&self, end: &mut u64) -> Result<Vec<(u64, (String, String))>> {
        let types: Vec<_> = self.asked.scan.table.sources.iter().map(|source| &source.resource_type).collect();
        let types = serde_json::to_string(&types).unwrap_or_default();
        // As the store reads resources to make rows of: by the index on numbers.
        let mut select = self.moment.prepare_cached(
            "SELECT written, resource_type, id FROM _turntable_resources WHERE written > ? AND written <= ? \
             AND +resource_type IN (SELECT value FROM json_each(?)) ORDER BY written LIMIT ?",
        )?;
        let most = self.most.max(1);
        let asked = (signed(self.asked.since.written), signed(*end), types, signed(most as u64 + 1));
        let found = select.query_map(asked, |row| Ok((unsigned(row.get(0)?), (row.get(1)?, row.get(2)?))))?;
        let mut found: Vec<_> = found.collect::<Result<_, _>>()?;
        if found.len() > most {
            found.truncate(most);
            *end = found.last().map_or(*end, |(written, _)| *written);
        }
        Ok(found)
    }

    /// Of the rows that a resource has now.
    fn keys(&self, (resource_type, id): &(String, String)) -> Result<Vec<Uuid>> {
        if !self.is_there {
            return Ok(Vec::new());
        }
        let table = &self.asked.scan.table;
        let text = format!("{resource_type}/{id}");
        let select = format!("SELECT \"key\" FROM {} WHERE {}", names::table_name(table), rows_of(table));
        let mut select = self.moment.prepare_cached(&select)?;
        let keys = select.query_map((key::guid(&text), &text), |row| row.get(0))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    /// Those of some rows that meet the filter.
    fn rows(&self, keys: &[Uuid]) -> Result<Rows> {
        let scan = &self.asked.scan;
        let mut rows = Rows::new(scan.columns.clone());
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let these = Filter::In(Expr::Column(scan.table.key), keys.iter().copied().map(Literal::Guid).collect());
            let filter = scan.filter.clone().map_or(these.clone(), |filter| Filter::both(these, filter));
            let select = Select::new(&scan.table, &scan.columns, Some(&filter), &[], Window::default());
            let scan = NativeScan { filter: Some(filter), ..scan.clone() };
            let limits = ScanLimits { rows: u64::MAX, bytes: usize::MAX, ..self.limits };
            let found = match select.residual.is_none() && select.ordered {
                true => by_database(self.moment, &scan, &select, limits)?,
                false => here(self.moment, &scan, &select, limits, self.stop)?,
            };
            rows.append(&found.rows.project(&scan.columns));
        }
        Ok(rows)
    }

    /// Keys that went with writes since, up to a write, and have not come back.
    fn gone(&self, end: u64) -> Result<Vec<Uuid>> {
        let table = &self.asked.scan.table;
        let back = match self.is_there {
            true => format!(
                " AND NOT EXISTS (SELECT 1 FROM {} AS row WHERE row.\"key\" = gone.key)",
                names::table_name(table)
            ),
            false => String::new(),
        };
        let select = format!(
            "SELECT gone.key FROM _turntable_gone AS gone WHERE gone.table_name = ? AND gone.written > ? \
             AND gone.written <= ?{back} ORDER BY gone.written, gone.key"
        );
        let mut select = self.moment.prepare_cached(&select)?;
        let keys = select.query_map((table.set(), signed(self.asked.since.written), signed(end)), |row| row.get(0))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }
}
