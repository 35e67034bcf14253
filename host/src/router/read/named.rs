//! Rows that a request names by something else than their key. Each is looked up as the caller sees it: a row that is not there
//! for them is none.

use std::sync::Arc;

use uuid::Uuid;

use crate::model::alternate::{AlternateKey, Named};
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Compare, Expr, Filter, Literal, Query};
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;

/// Rows that differ from each other in nothing but case and accents of their alternate keys, and are looked at to tell which is meant.
const ALIKE: u32 = 50;

impl Session {
    /// The key of the row that is meant; None: there is none. `PreconditionFailed` where several have an alternate key,
    /// `NotSupported` in a change set, whose own rows it would not find.
    pub async fn row_named(&self, named: &Named) -> Result<Option<Uuid>> {
        match named {
            Named::By(_) if self.staged().is_some() => {
                let error = Error::new(Code::NotSupported, "an alternate key in a change set is not supported");
                Err(error.hint("name the row by its key, or send the change by itself"))
            }
            Named::By(by) => self.row_by(by).await,
            Named::Behind { table, key, column, to } => {
                let (table, to) = (self.snapshot().table(table)?, self.snapshot().table(to)?);
                let Some(row) = self.read_row(table, *key).await? else { return Err(no_row(table)) };
                let text = row.cell(0, *column);
                Ok(text.and_then(|text| key::led_to(&table.table, *column, text, &to.table)))
            }
            Named::Among { table, key, column, parent, parent_key } => {
                let (table, parent) = (self.snapshot().table(table)?, self.snapshot().table(parent)?);
                let Some(row) = self.read_row(table, *key).await? else { return Ok(None) };
                let text = row.cell(0, *column);
                let of = text.and_then(|text| key::led_to(&table.table, *column, text, &parent.table));
                Ok((of == Some(*parent_key)).then_some(*key))
            }
        }
    }

    /// The row of an alternate key.
    pub(in crate::router) async fn row_by(&self, by: &AlternateKey) -> Result<Option<Uuid>> {
        let served = self.snapshot().table(&by.table)?;
        let table = &served.table;
        let is = |(column, text): &(usize, String)| {
            Filter::Compare(Compare::Eq, Expr::Column(*column), Expr::Literal(Literal::Text(text.clone())))
        };
        let filter = by.values.iter().map(is).reduce(Filter::both);
        let columns: Vec<_> = by.values.iter().map(|(column, _)| *column).collect();
        let select = Some(columns.iter().copied().chain([table.key]).collect());
        let query = Query { filter, select, max_page_size: Some(ALIKE), ..Query::default() };
        let (mut meant, mut next) = (None, None);
        loop {
            let query = Query { skip_token: next, ..query.clone() };
            let found = self.read(served, &query, "").await?;
            for row in 0..found.rows.len() {
                // `eq` makes no difference of case and accents, and a key does.
                if by.values.iter().any(|(column, text)| found.rows.cell(row, *column) != Some(text.as_str())) {
                    continue;
                }
                let key = found.rows.cell(row, table.key).map(|text| key::of_row(table, text)).unwrap_or_default();
                if meant.replace(key).is_some_and(|other| other != key) {
                    return Err(several(self, served, by));
                }
            }
            next = found.next;
            if next.is_none() {
                return Ok(meant);
            }
        }
    }
}

fn no_row(table: &Arc<ServedTable>) -> Error {
    Error::new(Code::NotFound, format!("`{}` has no row of this key", table.table.entity_set))
}

fn several(session: &Session, served: &Arc<ServedTable>, by: &AlternateKey) -> Error {
    let table = session.seen(&served.table);
    let message = format!("several rows of `{}` have this alternate key", table.entity_set);
    let error = Error::new(Code::PreconditionFailed, message);
    let error = error.target(table.columns[by.values[0].0].name.clone());
    let more = table.alternate_keys().into_iter().find(|key| key.len() > by.values.len() && key[0] == by.values[0].0);
    match more.and_then(|key| key.last().copied()) {
        Some(column) => error.hint(format!("give `{}`, too", table.columns[column].name)),
        None => error.hint("ask with $filter, and name the one that is meant by its key"),
    }
}
