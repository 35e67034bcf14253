//! The audit trail in the database, as one chain: an entry goes behind the last, in the transaction of what it tells of, with a seal
//! over itself and the one before.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction};

use crate::model::audit::{Chain, Deed, Entry, NO_SEAL, Seal};
use crate::model::error::{Code, Error, Result};

/// What is read of an entry, in the order that [`entry`] takes it.
pub(crate) const COLUMNS: &str = "id, at, actor, action, table_name, request, outcome, detail, is_decision, seal";

/// Brings the trail of a seventh version to the eighth: what is there is sealed as it is.
pub(crate) fn upgrade(transaction: &Transaction<'_>) -> Result<()> {
    transaction.execute_batch(include_str!("schema_8_audit.sql"))?;
    // What is there is taken as whole: from its oldest entry on it has no gap.
    let first: Option<i64> = transaction.query_row("SELECT min(id) FROM _turntable_events", [], |row| row.get(0))?;
    let mut before = match first {
        Some(first) => first - 1,
        None => transaction
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = '_turntable_events'", [], |row| row.get(0))
            .optional()?
            .unwrap_or(0),
    };
    transaction.execute("UPDATE _turntable_events_cut SET id = ?", [before])?;
    let mut chain = Chain::behind(number(before), NO_SEAL);
    loop {
        let mut next = transaction.prepare_cached(&format!(
            "SELECT {} FROM _turntable_events WHERE id > ? ORDER BY id LIMIT 1",
            COLUMNS.replace("seal", "x''")
        ))?;
        let Some(found) = next.query_row([before], |row| Ok(deed(row).map(|deed| (deed, row.get(0))))).optional()?
        else {
            break;
        };
        let (deed, id) = found?;
        let id: i64 = id?;
        let (entry, seal) = chain.add(deed);
        transaction.execute(
            "UPDATE _turntable_events SET id = ?, seal = ? WHERE id = ?",
            (integer(entry.id), seal.as_slice(), id),
        )?;
        before = id;
    }
    transaction.execute_batch(include_str!("schema_8_audit_end.sql"))?;
    Ok(())
}

/// The end of the chain.
pub(crate) fn end(connection: &Connection) -> Result<Chain> {
    let mut last = connection.prepare_cached("SELECT id, seal FROM _turntable_events ORDER BY id DESC LIMIT 1")?;
    let last = last.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match last {
        Some((id, seal)) => behind(id, seal),
        None => cut(connection),
    }
}

/// Where the chain begins: behind what has gone.
pub(crate) fn cut(connection: &Connection) -> Result<Chain> {
    let mut cut = connection.prepare_cached("SELECT id, seal FROM _turntable_events_cut")?;
    let (id, seal) = cut.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    behind(id, seal)
}

/// Puts some behind the last.
pub(crate) fn append(transaction: &Transaction<'_>, deeds: impl IntoIterator<Item = Deed>) -> Result<()> {
    let mut chain = end(transaction)?;
    let mut insert = transaction
        .prepare_cached(&format!("INSERT INTO _turntable_events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"))?;
    for deed in deeds {
        let (Entry { id, deed, detail }, seal) = chain.add(deed);
        insert.execute((
            integer(id),
            deed.at.as_microsecond(),
            &deed.actor,
            &deed.action,
            &deed.table,
            &deed.request,
            &deed.outcome,
            &detail,
            deed.is_decision,
            seal.as_slice(),
        ))?;
    }
    Ok(())
}

/// An entry with its seal.
pub(crate) fn entry(row: &Row<'_>) -> Result<(Entry, Seal)> {
    let (id, detail) = (number(row.get(0)?), row.get(7)?);
    let seal: Vec<u8> = row.get(9)?;
    Ok((Entry { id, deed: deed(row)?, detail }, seal_of(&seal)?))
}

fn deed(row: &Row<'_>) -> Result<Deed> {
    let detail: String = row.get(7)?;
    let damaged = |why: String| Error::new(Code::Store, "the audit trail holds something unexpected").internal(why);
    Ok(Deed {
        at: Timestamp::from_microsecond(row.get(1)?).map_err(|error| damaged(error.to_string()))?,
        actor: row.get(2)?,
        action: row.get(3)?,
        table: row.get(4)?,
        request: row.get(5)?,
        outcome: row.get(6)?,
        detail: serde_json::from_str(&detail).map_err(|error| damaged(error.to_string()))?,
        is_decision: row.get(8)?,
    })
}

fn behind(id: i64, seal: Vec<u8>) -> Result<Chain> {
    Ok(Chain::behind(number(id), seal_of(&seal)?))
}

fn seal_of(bytes: &[u8]) -> Result<Seal> {
    bytes.try_into().map_err(|_| Error::new(Code::Store, "the audit trail holds an entry without a seal"))
}

fn number(id: i64) -> u64 {
    u64::try_from(id).unwrap_or(0)
}

pub(crate) fn integer(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}
