//! Filters and orders rows in memory. This is the definition of the semantics on every route: what SQL or a FHIR
//! service does for us must keep the same rows as this evaluator would.
//!
//! Logic is three-valued: `eq` and `ne` treat null as a value and always answer, every other comparison or function
//! with null is null, and a row is kept only where the whole is true. Values are compared by their
//! [`SortKey`], so text is equal whatever its case and accents.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

use super::expression::{Expression, Type};
use crate::model::catalog::Relation;
use crate::model::error::{Code, Error, Result};
use crate::model::query::{Compare, Expr, Filter, Order, Query, TextTest};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};
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
    let mut by: Vec<(Key<'_>, bool)> = Vec::with_capacity(order.len() + 1);
    for part in order {
        let domain = Expression::new(&part.by, table)?.1;
        by.push((Key::new(&part.by, domain, table)?, part.descending));
    }
    by.push((Key::new(&Expr::Column(table.key), Type::Guid, table)?, false));
    let mut keyed = Vec::with_capacity(rows.len());
    for row in 0..rows.len() {
        let keys: Vec<SortKey> = by.iter().map(|(key, _)| key.of(rows, row)).collect::<Result<_>>()?;
        keyed.push((keys, row));
    }
    keyed.sort_by(|(a, _), (b, _)| {
        let parts = a.iter().zip(b).zip(&by).map(|((a, b), (_, down))| if *down { b.cmp(a) } else { a.cmp(b) });
        parts.fold(Ordering::Equal, Ordering::then)
    });
    Ok(keyed.into_iter().map(|(_, row)| row).collect())
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
    needed.into_iter().collect()
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

fn columns_of_expr(of: &Expr, into: &mut BTreeSet<ColumnIndex>) {
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

#[derive(Debug)]
enum Node<'t> {
    And(Box<Node<'t>>, Box<Node<'t>>),
    Or(Box<Node<'t>>, Box<Node<'t>>),
    Not(Box<Node<'t>>),
    Compare(Compare, Key<'t>, Key<'t>),
    In(Key<'t>, HashSet<SortKey>),
    Text(TextTest, Key<'t>, Key<'t>),
    Is(Key<'t>),
}

impl<'t> Node<'t> {
    fn new(filter: &Filter, table: &'t Table) -> Result<Self> {
        let node = |filter: &Filter| Ok::<_, Error>(Box::new(Self::new(filter, table)?));
        Ok(match filter {
            Filter::And(a, b) => Self::And(node(a)?, node(b)?),
            Filter::Or(a, b) => Self::Or(node(a)?, node(b)?),
            Filter::Not(inner) => Self::Not(node(inner)?),
            Filter::Compare(op, a, b) => {
                let domain = common(Expression::new(a, table)?.1, Expression::new(b, table)?.1)?;
                Self::Compare(*op, Key::new(a, domain, table)?, Key::new(b, domain, table)?)
            }
            Filter::In(of, list) => {
                let mut domain = Expression::new(of, table)?.1;
                for literal in list {
                    domain = common(domain, Type::of_literal(literal))?;
                }
                let list = list.iter().map(|l| Expression::Literal(l.clone()).key(&Rows::default(), 0, domain));
                Self::In(Key::new(of, domain, table)?, list.collect::<Result<_>>()?)
            }
            Filter::Text(test, a, b) => Self::Text(*test, text(a, table)?, text(b, table)?),
            Filter::Is(of) => match Expression::new(of, table)?.1 {
                Type::Bool | Type::Null => Self::Is(Key::new(of, Type::Bool, table)?),
                other => return Err(bad(format!("{} cannot stand alone as a condition", other.name()))),
            },
            Filter::Among(among) => {
                let error = Error::new(Code::Internal, "a condition for the database reached the row filter");
                return Err(error.target(among.table.entity_set.clone()));
            }
            Filter::Related { navigation, .. } => {
                let error = Error::new(Code::Internal, "a condition on a related table reached the row filter");
                return Err(error.target(navigation.clone()));
            }
        })
    }

    fn evaluate(&self, rows: &Rows, row: usize) -> Result<Option<bool>> {
        Ok(match self {
            Self::And(a, b) => match a.evaluate(rows, row)? {
                Some(false) => Some(false),
                a => match (a, b.evaluate(rows, row)?) {
                    (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
            },
            Self::Or(a, b) => match a.evaluate(rows, row)? {
                Some(true) => Some(true),
                a => match (a, b.evaluate(rows, row)?) {
                    (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
            },
            Self::Not(inner) => inner.evaluate(rows, row)?.map(|value| !value),
            Self::Compare(op, a, b) => holds(*op, &a.of(rows, row)?, &b.of(rows, row)?),
            Self::In(of, list) => Some(list.contains(&of.of(rows, row)?)),
            Self::Text(test, a, b) => match (a.of(rows, row)?, b.of(rows, row)?) {
                (SortKey::Text(text), SortKey::Text(part)) => Some(match test {
                    TextTest::Contains => text.contains(&part),
                    TextTest::StartsWith => text.starts_with(&part),
                    TextTest::EndsWith => text.ends_with(&part),
                }),
                _ => None,
            },
            Self::Is(of) => match of.of(rows, row)? {
                SortKey::Bool(value) => Some(value),
                _ => None,
            },
        })
    }
}

fn holds(op: Compare, a: &SortKey, b: &SortKey) -> Option<bool> {
    match op {
        Compare::Eq => return Some(a == b),
        Compare::Ne => return Some(a != b),
        _ if *a == SortKey::Null || *b == SortKey::Null => return None,
        _ => {}
    }
    let order = a.cmp(b);
    Some(match op {
        Compare::Lt => order.is_lt(),
        Compare::Le => order.is_le(),
        Compare::Gt => order.is_gt(),
        _ => order.is_ge(),
    })
}

/// One side of a comparison, as the key that it is compared by.
#[derive(Debug)]
enum Key<'t> {
    Constant(SortKey),
    /// A column of the type that is compared in: its cells' own sort key.
    Cell(ColumnIndex, &'t Kind),
    Computed(Expression<'t>, Type),
}

impl<'t> Key<'t> {
    fn new(of: &Expr, domain: Type, table: &'t Table) -> Result<Self> {
        let (expression, own) = Expression::new(of, table)?;
        Ok(match expression {
            // A constant needs no row.
            Expression::Literal(_) => Self::Constant(expression.key(&Rows::default(), 0, domain)?),
            Expression::Column(column, kind) if own == domain && !matches!(kind, Kind::ConceptKey { .. }) => {
                Self::Cell(column, kind)
            }
            _ => Self::Computed(expression, domain),
        })
    }

    fn of(&self, rows: &Rows, row: usize) -> Result<SortKey> {
        match self {
            Self::Constant(key) => Ok(key.clone()),
            Self::Cell(column, kind) => SortKey::of(kind, super::expression::cell(rows, row, *column)?),
            Self::Computed(expression, domain) => expression.key(rows, row, *domain),
        }
    }
}

fn text<'t>(of: &Expr, table: &'t Table) -> Result<Key<'t>> {
    match Expression::new(of, table)?.1 {
        Type::Text | Type::Null => Key::new(of, Type::Text, table),
        other => Err(bad(format!("a text function cannot take {}", other.name()))),
    }
}

/// The type in which values of two types are compared.
fn common(a: Type, b: Type) -> Result<Type> {
    a.common(b).ok_or_else(|| {
        let error = bad(format!("{} cannot be compared with {}", a.name(), b.name()));
        match (a, b) {
            (Type::Text, _) | (_, Type::Text) => error.hint("text stands in single quotes, everything else does not"),
            _ => error,
        }
    })
}

fn bad(message: String) -> Error {
    Error::new(Code::BadFilter, message)
}

#[cfg(test)]
mod tests;
