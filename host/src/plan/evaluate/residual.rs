//! Filters and orders rows in memory. This is the definition of the semantics on every route: what SQL or a FHIR
//! service does for us must keep the same rows as this evaluator would.
//!
//! Logic is three-valued: `eq` and `ne` treat null as a value and always answer, every other comparison or function
//! with null is null, and a row is kept only where the whole is true. Values are compared by their
//! [`SortKey`], so text is equal whatever its case and accents.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use super::expression::{Expression, Key, Node};
use super::operations::Type;
use crate::model::catalog::Relation;
use crate::model::error::Result;
use crate::model::query::{Expr, Filter, Order, Query};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::model::value::SortKey;

/// A filter made ready for many rows: names and types checked, literals folded.
#[derive(Debug)]
pub struct Residual<'t> {
    root: Node<'t>,
}

impl<'t> Residual<'t> {
    /// `BadFilter` for types that do not go together.
    pub fn new(filter: &Filter, table: &'t Table) -> Result<Self> {
        Ok(Self { root: Node::new(filter, table)? })
    }

    /// None = null. An error is about the row's cells: ill-formed, missing, or arithmetic that has no result.
    pub fn evaluate(&self, rows: &Rows, row: usize) -> Result<Option<bool>> {
        self.root.evaluate(rows, row)
    }

    pub fn keeps(&self, rows: &Rows, row: usize) -> Result<bool> {
        Ok(self.evaluate(rows, row)? == Some(true))
    }

    /// The rows that are kept, ascending.
    pub fn filter(&self, rows: &Rows) -> Result<Vec<usize>> {
        let mut kept = Vec::new();
        for row in 0..rows.len() {
            if self.keeps(rows, row)? {
                kept.push(row);
            }
        }
        Ok(kept)
    }
}

/// The rows that a filter keeps, ascending; no filter keeps all.
pub fn filter_rows(filter: Option<&Filter>, table: &Table, rows: &Rows) -> Result<Vec<usize>> {
    match filter {
        Some(filter) => Residual::new(filter, table)?.filter(rows),
        None => Ok((0..rows.len()).collect()),
    }
}

/// The rows in order: null first when ascending and last when descending; what is equal by the key's GUID, so that the
/// order is total and pages neither overlap nor miss a row.
pub fn order(rows: &Rows, order: &[Order], table: &Table) -> Result<Vec<usize>> {
    let mut by = orders(order, table)?;
    by.push((Key::new(&Expr::Column(table.key), Type::Guid, table)?, false));
    sorted(rows, &by)
}

/// The same of rows that are no table's: what is equal in this order stays as it is.
pub(super) fn order_alone(rows: &Rows, order: &[Order], table: &Table) -> Result<Vec<usize>> {
    sorted(rows, &orders(order, table)?)
}

fn orders<'t>(order: &[Order], table: &'t Table) -> Result<Vec<(Key<'t>, bool)>> {
    let key = |part: &Order| {
        let domain = Expression::new(&part.by, table)?.1;
        Ok((Key::new(&part.by, domain, table)?, part.descending))
    };
    order.iter().map(key).collect()
}

fn sorted(rows: &Rows, by: &[(Key<'_>, bool)]) -> Result<Vec<usize>> {
    let mut keyed = Vec::with_capacity(rows.len());
    for row in 0..rows.len() {
        let keys: Vec<SortKey> = by.iter().map(|(key, _)| key.of(rows, row)).collect::<Result<_>>()?;
        keyed.push((keys, row));
    }
    keyed.sort_by(|(a, _), (b, _)| {
        let parts = a.iter().zip(b).zip(by).map(|((a, b), (_, down))| if *down { b.cmp(a) } else { a.cmp(b) });
        parts.fold(Ordering::Equal, Ordering::then)
    });
    Ok(keyed.into_iter().map(|(_, row)| row).collect())
}

/// Of rows in this order the first of those that are equal in all of these columns, as `eq` has it; null equals null.
pub fn first_of_equal(rows: &Rows, order: &[usize], columns: &[ColumnIndex], table: &Table) -> Result<Vec<usize>> {
    let mut keys = Vec::with_capacity(columns.len());
    for column in columns {
        let of = Expr::Column(*column);
        let domain = Expression::new(&of, table)?.1;
        keys.push(Key::new(&of, domain, table)?);
    }
    let (mut seen, mut first) = (HashSet::new(), Vec::new());
    for row in order {
        let values: Vec<SortKey> = keys.iter().map(|key| key.of(rows, *row)).collect::<Result<_>>()?;
        if seen.insert(values) {
            first.push(*row);
        }
    }
    Ok(first)
}

/// Every column that answering this query takes, ascending: those shown, those that filter and order read, key and
/// version, and those that an `$expand` starts from.
pub fn columns_needed(query: &Query, table: &Table) -> Vec<ColumnIndex> {
    let mut needed: BTreeSet<ColumnIndex> = match &query.select {
        Some(select) => select.iter().copied().collect(),
        None => (0..table.columns.len()).collect(),
    };
    needed.insert(table.key);
    needed.extend(table.version);
    if let Some(filter) = &query.filter {
        columns_of_filter(filter, &mut needed);
    }
    for part in &query.order {
        columns_of_expr(&part.by, &mut needed);
    }
    for expand in &query.expand {
        columns_of_relation(&expand.to, table, &mut needed);
    }
    for joined in &query.joined {
        columns_of_relation(&joined.to, table, &mut needed);
    }
    // What is joined is no column of the table.
    needed.into_iter().filter(|column| *column < table.columns.len()).collect()
}

/// The GUID in a cell of a key, lookup or concept.
pub fn guid_in(table: &Table, column: ColumnIndex, rows: &Rows, row: usize) -> Result<Option<Uuid>> {
    match Key::new(&Expr::Column(column), Type::Guid, table)?.of(rows, row)? {
        SortKey::Guid(guid) => Ok(Some(guid)),
        _ => Ok(None),
    }
}

/// Adds the columns that a filter reads.
pub fn columns_of_filter(filter: &Filter, into: &mut BTreeSet<ColumnIndex>) {
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => {
            columns_of_filter(a, into);
            columns_of_filter(b, into);
        }
        Filter::Not(inner) => columns_of_filter(inner, into),
        Filter::Compare(_, a, b) | Filter::Text(_, a, b) => {
            columns_of_expr(a, into);
            columns_of_expr(b, into);
        }
        Filter::In(of, _) | Filter::Is(of) => columns_of_expr(of, into),
        Filter::Among(among) => columns_of_expr(&among.of, into),
        Filter::Related { to, .. } => {
            if let Relation::Lookup { column, .. } = to {
                into.insert(*column);
            }
        }
    }
}

/// Adds the columns that an expression reads.
pub fn columns_of_expr(of: &Expr, into: &mut BTreeSet<ColumnIndex>) {
    match of {
        Expr::Column(column) | Expr::Leading(column, _) => {
            into.insert(*column);
        }
        Expr::Literal(_) => {}
        Expr::Call(_, arguments) => arguments.iter().for_each(|a| columns_of_expr(a, into)),
        Expr::Arithmetic(_, a, b) => {
            columns_of_expr(a, into);
            columns_of_expr(b, into);
        }
        Expr::Negate(inner) => columns_of_expr(inner, into),
        Expr::Condition(condition) => columns_of_filter(condition, into),
        Expr::Case(branches) => branches.iter().for_each(|(condition, value)| {
            columns_of_filter(condition, into);
            columns_of_expr(value, into);
        }),
    }
}

fn columns_of_relation(to: &Relation, table: &Table, into: &mut BTreeSet<ColumnIndex>) {
    match to {
        Relation::Lookup { column, .. } => {
            into.insert(*column);
        }
        Relation::Collection { .. } => {}
        Relation::Concept { concept } => {
            if let Some(concept) = table.concepts.get(*concept) {
                into.extend([concept.code, concept.system]);
                into.extend(concept.display);
                into.extend(concept.text);
            }
        }
    }
}

#[cfg(test)]
mod tests;
