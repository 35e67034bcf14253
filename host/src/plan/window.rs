//! Pages of an order that a FHIR service can search by ranges of: which rows come first is found by asking for the range
//! that they must be in, so that `_sort` only says where that range may end. A service that sorts otherwise, or not at
//! all, costs calls, never a row.

use crate::model::query::{Compare, Expr, Filter, Literal, Order};
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value::{Number, parse_date, parse_instant};
use crate::plan::search::query::{Search, ServerSearch, excludes_null, range_param, sorts_by, tells_absence};

/// Searches of one scan that are asked so: each takes calls of its own.
const SEARCHES: usize = 4;

/// The column that an order begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    pub column: ColumnIndex,
    pub descending: bool,
}

/// How the pages of an order are cut from ranges of the column that it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub edge: Edge,
    /// The value of `_sort` for each search of the scan.
    pub sorts: Vec<String>,
}

impl Edge {
    pub fn of(order: &[Order]) -> Option<Self> {
        match order {
            [Order { by: Expr::Column(column), descending }, ..] => {
                Some(Self { column: *column, descending: *descending })
            }
            _ => None,
        }
    }

    /// Rows of this value, and those that come after them.
    pub fn from(self, value: Literal) -> Filter {
        condition(self.column, if self.descending { Compare::Le } else { Compare::Ge }, value)
    }

    /// Rows of this value, and those that come before them.
    pub fn until(self, value: Literal) -> Filter {
        condition(self.column, if self.descending { Compare::Ge } else { Compare::Le }, value)
    }

    /// Rows without a value.
    pub fn without(self) -> Filter {
        condition(self.column, Compare::Eq, Literal::Null)
    }

    /// Rows with a value.
    pub fn with(self) -> Filter {
        condition(self.column, Compare::Ne, Literal::Null)
    }

    /// Whether no row that meets a filter is without a value.
    pub fn is_never_null(self, filter: Option<&Filter>) -> bool {
        filter.is_some_and(|filter| excludes_null(filter, self.column))
    }
}

impl Window {
    /// None where the service cannot be asked for ranges of the column that the order begins with, or, ascending, for the
    /// rows without a value, which come first.
    pub fn of(
        order: &[Order],
        filter: Option<&Filter>,
        searches: &[Search],
        table: &Table,
        server: &ServerSearch,
    ) -> Option<Self> {
        let edge = Edge::of(order)?;
        if !table.one_row_per_resource || searches.is_empty() || searches.len() > SEARCHES {
            return None;
        }
        let range = edge.until(any_of(&table.columns[edge.column].kind)?);
        let nulls_last = edge.descending || edge.is_never_null(filter);
        let sorts = searches.iter().map(|search| {
            let source = table.source(&search.resource_type)?;
            let param = range_param(&range, table, source, server)?;
            let is_told = nulls_last || tells_absence(edge.column, table, source, server);
            is_told.then(|| sorts_by(&param, edge.descending, source, server)).flatten()
        });
        Some(Self { edge, sorts: sorts.collect::<Option<_>>()? })
    }
}

/// A cell as the literal that compares as it does. None: there is none.
pub fn literal(kind: &Kind, cell: &str) -> Option<Literal> {
    match kind {
        Kind::Date => parse_date(cell).map(Literal::Date),
        Kind::DateTime => parse_instant(cell).map(Literal::Instant),
        Kind::Int32 | Kind::Int64 | Kind::Decimal { .. } => Number::parse(cell.to_owned()).map(Literal::Number),
        _ => None,
    }
}

/// Some value of a column, to see what a condition on it becomes.
fn any_of(kind: &Kind) -> Option<Literal> {
    let some = match kind {
        Kind::Date => "2000-01-01",
        Kind::DateTime => "2000-01-01T00:00:00Z",
        _ => "1",
    };
    literal(kind, some)
}

fn condition(column: ColumnIndex, op: Compare, value: Literal) -> Filter {
    Filter::Compare(op, Expr::Column(column), Expr::Literal(value))
}
