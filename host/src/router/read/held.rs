//! Rows held to the rules of their caller: whether one that is at hand is there for them, and of those that are shown no value
//! that is not.

use std::pin::Pin;
use std::sync::Arc;

use crate::model::access::Right;
use crate::model::catalog::Relation;
use crate::model::error::{Code, Error, Result};
use crate::model::key;
use crate::model::query::{Expand, Expr, Filter, Literal};
use crate::model::result::Expanded;
use crate::model::rows::Rows;
use crate::model::scopes::Act;
use crate::model::table::Table;
use crate::plan::evaluate::residual::Residual;
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Filter>> + Send + 'a>>;

impl Session {
    /// Whether a row, with all of its columns, is one with which this may be done.
    pub(in crate::router) async fn admits(&self, table: &Arc<ServedTable>, act: Act, row: &Rows) -> Result<bool> {
        match self.rule(&table.table, act) {
            None => Ok(true),
            Some(rule) => self.meets(table, &rule, row).await,
        }
    }

    /// Whether some rows of a table are not there for the caller in an operation.
    pub(in crate::router) fn is_limited(&self, table: &Table, act: Act) -> bool {
        self.sight().is_some_and(|sight| sight.is_limited(&self.snapshot().catalog, table, act))
    }

    /// Whether the caller sees the row of this key.
    pub(in crate::router) async fn sees(&self, table: &Arc<ServedTable>, key: uuid::Uuid) -> Result<bool> {
        if self.may(Right::Read, &table.table).is_err() {
            return Ok(false);
        }
        Ok(!self.is_limited(&table.table, Act::Read) || self.read_row(table, key).await?.is_some())
    }

    async fn meets(&self, table: &Arc<ServedTable>, rule: &Filter, row: &Rows) -> Result<bool> {
        let answered = self.answered(table, rule, row).await?;
        Residual::new(&answered, &table.table)?.keeps(row, 0)
    }

    /// A rule with what it asks of related rows answered for one row. A row may be staged, so it is found by its key.
    fn answered<'a>(&'a self, table: &'a Arc<ServedTable>, rule: &'a Filter, row: &'a Rows) -> Answering<'a> {
        Box::pin(async move {
            Ok(match rule {
                Filter::And(a, b) => {
                    Filter::both(self.answered(table, a, row).await?, self.answered(table, b, row).await?)
                }
                Filter::Or(a, b) => {
                    let (a, b) = (self.answered(table, a, row).await?, self.answered(table, b, row).await?);
                    Filter::Or(a.into(), b.into())
                }
                Filter::Not(inner) => Filter::Not(self.answered(table, inner, row).await?.into()),
                Filter::Related { to: Relation::Lookup { column, table: other }, filter, .. } => {
                    let other = self.snapshot().table(other)?;
                    let text = row.cell(0, *column);
                    let key = text.and_then(|text| key::led_to(&table.table, *column, text, &other.table));
                    Filter::Is(Expr::Literal(match key {
                        // As a list of keys has it.
                        None => Literal::Null,
                        Some(key) => Literal::Bool(match (self.row(other, key).await?, filter) {
                            (None, _) => false,
                            (Some(_), None) => true,
                            (Some(found), Some(filter)) => self.meets(other, filter, &found).await?,
                        }),
                    }))
                }
                Filter::Related { .. } | Filter::Among(_) => {
                    return Err(Error::new(Code::Internal, "a rule asks what no row can answer"));
                }
                other => other.clone(),
            })
        })
    }

    /// Rows of a table without the values that the caller is not shown.
    pub(in crate::router) fn veil(&self, table: &Table, rows: Rows) -> Rows {
        match self.sight().and_then(|sight| sight.veiled(&table.name)) {
            Some(veiled) => rows.without(veiled),
            None => rows,
        }
    }

    /// The same of what hangs on rows.
    pub(in crate::router) fn veil_expanded(&self, expands: &[Expand], expanded: Vec<Expanded>) -> Vec<Expanded> {
        if self.sight().is_none() {
            return expanded;
        }
        let veil = |(expand, found): (&Expand, Expanded)| {
            let (Relation::Lookup { table, .. } | Relation::Collection { table, .. }) = &expand.to else {
                return found;
            };
            let Some(table) = self.snapshot().catalog.table(table) else { return found };
            let expanded = self.veil_expanded(&expand.query.expand, found.expanded);
            Expanded { rows: self.veil(table, found.rows), expanded, ..found }
        };
        expands.iter().zip(expanded).map(veil).collect()
    }
}
