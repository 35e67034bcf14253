//! Groups of the rows of a native table as SQL. Rows are in one group by their sort keys, as the evaluator has it; sums
//! and extremes are functions of our own (`sqlite::functions`), since the database's would round.

use crate::model::aggregate::Method;
use crate::model::query::{Expr, Filter};
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::store::native::NativeGroups;
use crate::store::sql::beside;
use crate::store::sql::conditions::{Conditions, Divided, add, filter_columns};
use crate::store::sql::names::{Value, cell_name, key_name};
use crate::store::sql::select::some_rows;

/// Names of the functions.
pub(crate) const SUM: &str = "turntable_sum";
pub(crate) const AVERAGE: &str = "turntable_average";
pub(crate) const LEAST: &str = "turntable_least";
pub(crate) const MOST: &str = "turntable_most";

/// A statement that gives one row for each group: the least of the texts of each value that it is grouped by, then what
/// is counted and added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Groups {
    pub(crate) sql: String,
    pub(crate) params: Vec<Value>,
}

impl Groups {
    /// None: the database cannot check all of the filter, or a value is no column. One group more than are asked for is
    /// given. `is_missing`: of other tables, those that have no rows, and none of the database. `among`: which rows alone can be
    /// meant, where that is known and there are no values beside them.
    pub(crate) fn new(
        asked: &NativeGroups,
        filter: Option<&Filter>,
        is_missing: &dyn Fn(&Table) -> bool,
        among: Option<&[i64]>,
    ) -> Option<Self> {
        let NativeGroups { step, most, beside, .. } = asked;
        let mut params = Vec::new();
        let from = match among {
            Some(numbers) => {
                let (rows, numbers) = some_rows(&asked.table, numbers);
                params.push(numbers);
                rows
            }
            None => beside::from(&asked.table, beside, is_missing, true, &mut params)?,
        };
        let table = &*beside::wide(&asked.table, beside);
        let mut conditions = Conditions::after(table, params);
        let Divided { sql, left, .. } = conditions.conjuncts(filter);
        if !left.is_empty() {
            return None;
        }
        let kept = if sql.is_empty() { String::new() } else { format!(" WHERE {}", sql.join(" AND ")) };
        let by: Vec<ColumnIndex> = step.by.iter().map(|expr| column(table, expr)).collect::<Option<_>>()?;
        let mut shown = Vec::with_capacity(by.len() + step.aggregates.len());
        for column in &by {
            let (cell, key) = (cell_name(table, *column), key_name(table, *column));
            shown.push(format!("min({cell}) FILTER (WHERE {key} IS NOT NULL)"));
        }
        for aggregate in &step.aggregates {
            let of = match &aggregate.of {
                Some(of) => Some(column(table, of)?),
                None => None,
            };
            shown.push(match (aggregate.method, of) {
                (Method::Rows, _) => "count(*)".to_owned(),
                (_, None) => return None,
                (Method::Values, Some(of)) => format!("count({})", key_name(table, of)),
                (Method::Distinct, Some(of)) => format!("count(DISTINCT {})", key_name(table, of)),
                // No number of rows makes a sum of these that the database could not hold.
                (Method::Sum, Some(of)) if table.columns[of].kind == Kind::Int32 => {
                    format!("sum({})", key_name(table, of))
                }
                (Method::Sum, Some(of)) => format!("{SUM}({})", number(table, of)),
                (Method::Average, Some(of)) => format!("{AVERAGE}({})", number(table, of)),
                (Method::Least, Some(of)) => format!("{LEAST}({}, {})", key_name(table, of), cell_name(table, of)),
                (Method::Most, Some(of)) => format!("{MOST}({}, {})", key_name(table, of), cell_name(table, of)),
            });
        }
        let mut sql = format!("SELECT {} FROM {from}{kept}", shown.join(", "));
        if !by.is_empty() {
            let keys: Vec<_> = by.iter().map(|column| key_name(table, *column)).collect();
            sql.push_str(&format!(" GROUP BY {} LIMIT {}", keys.join(", "), most.saturating_add(1)));
        }
        Some(Self { sql, params: conditions.params })
    }
}

/// The columns of the table that groups take.
pub(crate) fn columns_of(asked: &NativeGroups) -> Vec<ColumnIndex> {
    let NativeGroups { table, filter, beside, step, .. } = asked;
    let mut columns = vec![table.key];
    beside::own_columns(beside, &mut columns);
    if let Some(filter) = filter {
        filter_columns(table, filter, &mut columns);
    }
    let values = step.by.iter().chain(step.aggregates.iter().filter_map(|aggregate| aggregate.of.as_ref()));
    values.filter_map(|expr| column(table, expr)).for_each(|column| add(&mut columns, column));
    columns.retain(|column| *column < table.columns.len());
    columns
}

fn column(table: &Table, of: &Expr) -> Option<ColumnIndex> {
    match of {
        Expr::Column(column) if *column < table.columns.len() => Some(*column),
        _ => None,
    }
}

/// An integer is its own sort key; a decimal has its digits in the cell.
fn number(table: &Table, column: ColumnIndex) -> String {
    match table.columns[column].kind {
        Kind::Int32 | Kind::Int64 => key_name(table, column),
        _ => cell_name(table, column),
    }
}
