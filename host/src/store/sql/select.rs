//! What is wanted of a native table as SQL. Conditions and orders touch sort keys alone ([`SortKey`]), so that they agree
//! with the residual evaluator by construction. What has no exact translation is handed back as the residual filter, never approximated.
//!
//! [`SortKey`]: crate::model::value::SortKey

use crate::model::query::{Expr, Filter, Literal, Order};
use crate::model::table::{ColumnIndex, Table};
use crate::store::native::{Division, NativeScan};
use crate::store::sql::beside;
use crate::store::sql::conditions::{Conditions, Divided, add, expr_columns, filter_columns};
use crate::store::sql::indexes::USABLE;
use crate::store::sql::names::{Value, cell_name, key_name, quoted, table_name};

/// One statement over one native table, ready to run and to be printed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Select {
    /// Gives the cell of each of `columns`. Its parameters are `params`, then the offset of `window` if there is one.
    pub(crate) sql: String,
    /// The number of rows that `sql` gives without its window. Its parameters are `params`.
    pub(crate) count_sql: String,
    pub(crate) params: Vec<Value>,
    /// Those asked for, then those that the residual filter and order need besides.
    pub(crate) columns: Vec<ColumnIndex>,
    /// What is left to check of each row. If there is any, no window has been applied.
    pub(crate) residual: Option<Filter>,
    /// Whether the rows come in the order asked for (ties by key). If not, no window has been applied.
    pub(crate) ordered: bool,
    pub(crate) window: Option<Window>,
}

/// Which of the rows that match, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) skip: u64,
    /// None = all.
    pub(crate) top: Option<u64>,
}

/// Out of what rows are taken.
#[derive(Default)]
struct Clause {
    rows: String,
    /// Those in `rows`.
    params: Vec<Value>,
    /// True of all of them.
    condition: Option<&'static str>,
}

/// Some rows of a table, by the database's own numbers of them, as what stands behind `FROM`; and its parameter.
pub(crate) fn some_rows(table: &Table, numbers: &[i64]) -> (String, Value) {
    let rows = table_name(table);
    let rows = format!("(SELECT * FROM {rows} WHERE rowid IN (SELECT value FROM json_each(?)))");
    (rows, Value::Text(format!("{numbers:?}")))
}

impl Select {
    /// Rows of a table that a filter keeps, in an order, and of those the window.
    pub(crate) fn new(
        table: &Table,
        columns: &[ColumnIndex],
        filter: Option<&Filter>,
        order: &[Order],
        window: Window,
    ) -> Self {
        let from = Clause { rows: table_name(table), ..Clause::default() };
        Self::from(table, from, columns, filter, order, window)
    }

    /// The same by one of the indexes of the table (`sql/indexes.rs`).
    pub(crate) fn by_index(index: &str, scan: &NativeScan, filter: Option<&Filter>, window: Window) -> Self {
        let rows = format!("{} INDEXED BY {}", table_name(&scan.table), quoted(index));
        let from = Clause { rows, condition: Some(USABLE), ..Clause::default() };
        let select = Self::from(&scan.table, from, &scan.columns, filter, &scan.order, window);
        if filter.is_some() {
            return select;
        }
        // All rows are counted without a look at each.
        Self { count_sql: format!("SELECT count(*) FROM {}", table_name(&scan.table)), ..select }
    }

    /// The same out of some rows of the table, by the database's own numbers of them.
    pub(crate) fn of_rows(numbers: &[i64], scan: &NativeScan, filter: Option<&Filter>, window: Window) -> Self {
        let (rows, numbers) = some_rows(&scan.table, numbers);
        let from = Clause { rows, params: vec![numbers], condition: None };
        Self::from(&scan.table, from, &scan.columns, filter, &scan.order, window)
    }

    /// The same where filter and order use values of related rows. None: the database cannot do all of it. `is_missing`: of
    /// the other tables, those that have no rows, and none of the database.
    pub(crate) fn beside(
        scan: &NativeScan,
        filter: Option<&Filter>,
        is_missing: &dyn Fn(&Table) -> bool,
        window: Window,
    ) -> Option<Self> {
        let mut params = Vec::new();
        let rows = beside::from(&scan.table, &scan.beside, is_missing, false, &mut params)?;
        let wide = beside::wide(&scan.table, &scan.beside);
        let from = Clause { rows, params, condition: None };
        let select = Self::from(&wide, from, &scan.columns, filter, &scan.order, window);
        (select.residual.is_none() && select.ordered).then_some(select)
    }

    fn from(
        table: &Table,
        from: Clause,
        columns: &[ColumnIndex],
        filter: Option<&Filter>,
        order: &[Order],
        window: Window,
    ) -> Self {
        let mut conditions = Conditions::after(table, from.params);
        let Divided { mut sql, left, .. } = conditions.conjuncts(filter);
        sql.extend(from.condition.map(str::to_owned));
        let kept = if sql.is_empty() { String::new() } else { format!(" WHERE {}", sql.join(" AND ")) };
        let residual = left.into_iter().cloned().reduce(|a, b| Filter::And(Box::new(a), Box::new(b)));
        let ordered = is_ordered(order);

        let mut shown = columns.to_vec();
        if let Some(filter) = &residual {
            filter_columns(table, filter, &mut shown);
        }
        if !ordered {
            order.iter().for_each(|o| expr_columns(&o.by, &mut shown));
            add(&mut shown, table.key);
        }
        let window = (residual.is_none() && ordered && window != Window::default()).then_some(window);

        let from = format!(" FROM {}{kept}", from.rows);
        // Rows without a column could not be told from none.
        if shown.is_empty() {
            add(&mut shown, table.key);
        }
        let cells: Vec<_> = shown.iter().map(|column| cell_name(table, *column)).collect();
        let mut sql = format!("SELECT {}{from} ORDER BY {}", cells.join(", "), order_by(table, order, ordered));
        if let Some(window) = window {
            // Not a parameter: SQLite plans by the limit, and would plan anew whenever another one is bound.
            sql.push_str(&format!(" LIMIT {} OFFSET ?", window.limit()));
        }
        let count_sql = format!("SELECT count(*){from}");
        Self { sql, count_sql, params: conditions.params, columns: shown, residual, ordered, window }
    }
}

/// Who checks which conjunct of a filter, and whether the database gives the order.
pub(crate) fn division(scan: &NativeScan) -> Division {
    if beside::is_too_wide(&scan.table, &scan.beside) {
        let all = scan.filter.clone().unwrap_or(Filter::Is(Expr::Literal(Literal::Bool(true))));
        return Division { checked: Vec::new(), left: vec![all], ordered: false };
    }
    let wide = beside::wide(&scan.table, &scan.beside);
    let mut conditions = Conditions::new(&wide);
    let Divided { checked, left, .. } = conditions.conjuncts(scan.filter.as_ref());
    let own = |filters: Vec<&Filter>| filters.into_iter().cloned().collect();
    Division { checked: own(checked), left: own(left), ordered: is_ordered(&scan.order) }
}

/// The columns of the table that a scan touches.
pub(crate) fn columns_of(scan: &NativeScan) -> Vec<ColumnIndex> {
    let mut columns = scan.columns.clone();
    add(&mut columns, scan.table.key);
    if let Some(filter) = &scan.filter {
        filter_columns(&scan.table, filter, &mut columns);
    }
    scan.order.iter().for_each(|o| expr_columns(&o.by, &mut columns));
    beside::own_columns(&scan.beside, &mut columns);
    columns.retain(|column| *column < scan.table.columns.len());
    columns
}

/// Whether the database can give this order: one by the values of columns.
fn is_ordered(order: &[Order]) -> bool {
    order.iter().all(|o| matches!(o.by, Expr::Column(_)))
}

impl Window {
    /// As SQLite wants it; a negative limit is none.
    fn limit(self) -> i64 {
        self.top.map_or(-1, |top| i64::try_from(top).unwrap_or(i64::MAX))
    }

    pub(crate) fn offset(self) -> i64 {
        i64::try_from(self.skip).unwrap_or(i64::MAX)
    }
}

/// SQLite has nulls first ascending and last descending, as OData does.
fn order_by(table: &Table, order: &[Order], ordered: bool) -> String {
    let mut terms: Vec<String> = Vec::new();
    for Order { by, descending } in order.iter().filter(|_| ordered) {
        if let Expr::Column(column) = by {
            terms.push(format!("{}{}", key_name(table, *column), if *descending { " DESC" } else { "" }));
        }
    }
    terms.push("\"key\"".into());
    terms.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::query::{Beside, Compare, JoinedValue};
    use crate::model::table::{Column, Kind, TableAccess};
    use crate::model::value::{self, Number};
    use crate::store::sql::conditions::{CHAIN_MAX, PARAMETERS_MAX};

    fn table() -> Table {
        let column = Column::sample;
        Table {
            name: "contact".into(),
            entity_set: "contacts".into(),
            label: String::new(),
            description: String::new(),
            sources: Vec::new(),
            columns: vec![
                column("contactid", Kind::Key),
                column("lastname", Kind::Text { max_length: None, multi_line: false }),
                column("children", Kind::Int32),
                column("birthdate", Kind::Date),
            ],
            concepts: Vec::new(),
            key: 0,
            primary_name: 1,
            version: None,
            access: TableAccess { read: true, create: true, update: true, delete: true },
            parent: None,
            one_row_per_resource: true,
            made_by: String::new(),
            adds_version: false,
            narrowed: Default::default(),
        }
    }

    const NAME: Expr = Expr::Column(1);
    const CHILDREN: Expr = Expr::Column(2);

    fn number(text: &'static str) -> Expr {
        Expr::Literal(Literal::Number(Number::parse(text).unwrap()))
    }

    fn text(text: &str) -> Expr {
        Expr::Literal(Literal::Text(text.into()))
    }

    fn all(filters: impl IntoIterator<Item = Filter>) -> Filter {
        filters.into_iter().reduce(|a, b| Filter::And(a.into(), b.into())).unwrap()
    }

    #[test]
    fn conditions() {
        let check = |filter: Filter, sql: &str, params: &[Value]| {
            let select = Select::new(&table(), &[0], Some(&filter), &[], Window::default());
            let expected = format!("SELECT count(*) FROM \"contact\" WHERE {sql}");
            assert_eq!((select.count_sql.as_str(), select.params.as_slice()), (expected.as_str(), params));
            assert_eq!(select.residual, None);
        };
        let compare = Filter::Compare;
        let is_smith = || compare(Compare::Eq, NAME, text("Smith"));
        let smith = [Value::Text("smith".into())];
        check(is_smith(), "(\"k_lastname\" = ?)", &smith);
        check(Filter::Not(is_smith().into()), "(NOT (\"k_lastname\" IS ?))", &smith);
        check(compare(Compare::Ne, NAME, text("Smith")), "(\"k_lastname\" IS NOT ?)", &smith);
        check(compare(Compare::Ne, NAME, Expr::Literal(Literal::Null)), "(\"k_lastname\" IS NOT NULL)", &[]);
        check(compare(Compare::Lt, NAME, Expr::Literal(Literal::Null)), "NULL", &[]);
        check(compare(Compare::Lt, CHILDREN, number("1.5")), "(\"k_children\" < ?)", &[Value::Int(2)]);
        check(compare(Compare::Lt, number("-1.5"), CHILDREN), "(\"k_children\" >= ?)", &[Value::Int(-1)]);
        check(compare(Compare::Ge, CHILDREN, number("20e-1")), "(\"k_children\" >= ?)", &[Value::Int(2)]);
        check(compare(Compare::Gt, CHILDREN, number("1e99")), "(\"k_children\" <> \"k_children\")", &[]);
        check(
            all([is_smith(), compare(Compare::Eq, CHILDREN, number("2")), is_smith()]),
            "(\"k_lastname\" = ?) AND (\"k_children\" = ?) AND (\"k_lastname\" = ?)",
            &[smith[0].clone(), Value::Int(2), smith[0].clone()],
        );
        check(
            compare(Compare::Lt, Expr::Column(3), Expr::Literal(Literal::Instant(value::Instant::from_microsecond(0)))),
            "((\"k_birthdate\" * 86400000000) < ?)",
            &[Value::Int(0)],
        );
    }

    #[test]
    fn pages_and_orders() {
        let by = |column, descending| Order { by: Expr::Column(column), descending };
        let window = Window { skip: 3, top: None };
        let select = Select::new(&table(), &[2, 1], None, &[by(1, true), by(0, false)], window);
        assert_eq!(
            select.sql,
            "SELECT \"c_children\", \"c_lastname\" FROM \"contact\" \
             ORDER BY \"k_lastname\" DESC, \"key\", \"key\" LIMIT -1 OFFSET ?"
        );
        assert_eq!(select.window.map(Window::offset), Some(3));
        let negative = Order { by: Expr::Negate(Box::new(CHILDREN)), descending: false };
        let select = Select::new(&table(), &[1], None, &[negative], window);
        assert_eq!((select.ordered, select.window, select.columns), (false, None, vec![1, 2, 0]));
    }

    #[test]
    fn values_of_related_rows_are_columns_after_the_tables_own() {
        let other = std::sync::Arc::new(table());
        let behind = Beside::new(&table(), 2, &other, 0, JoinedValue::Column(1));
        let counted = Beside {
            filter: Some(Filter::Compare(Compare::Eq, NAME, text("Smith"))),
            ..Beside::new(&table(), 0, &other, 2, JoinedValue::Count)
        };
        let order = [Order { by: Expr::Column(4), descending: true }, Order { by: Expr::Column(5), descending: false }];
        let filter = Filter::Compare(Compare::Gt, Expr::Column(5), number("1"));
        let scan = |table: Table| NativeScan {
            table: std::sync::Arc::new(table),
            columns: vec![0],
            filter: Some(filter.clone()),
            order: order.to_vec(),
            skip: 0,
            top: None,
            count: false,
            beside: vec![behind.clone(), counted.clone()],
        };
        let select = Select::beside(&scan(table()), Some(&filter), &|_| false, Window::default()).unwrap();
        assert_eq!(
            select.sql,
            "SELECT \"c_contactid\" FROM (SELECT *, \
             (SELECT \"beside:1\".\"k_lastname\" FROM \"contact\" AS \"beside:1\" WHERE \"beside:1\".\"key\" = \"contact\".\"k_children\") AS \"k_beside:0\", \
             (SELECT count(*) FROM \"contact\" AS \"beside:2\" WHERE \"beside:2\".\"k_children\" = \"contact\".\"key\" AND (\"k_lastname\" = ?)) AS \"k_beside:1\" \
             FROM \"contact\") WHERE (\"k_beside:1\" > ?) ORDER BY \"k_beside:0\" DESC, \"k_beside:1\", \"key\""
        );
        assert_eq!(select.params, [Value::Text("smith".into()), Value::Int(1)]);
        let none = Select::beside(&scan(table()), Some(&filter), &|_| true, Window::default()).unwrap();
        assert!(none.sql.contains("NULL AS \"k_beside:0\", 0 AS \"k_beside:1\""), "{}", none.sql);
        // SQLite has at most 2,000 columns in a query; the rest is done here.
        let mut widest = table();
        widest.columns.extend((0..990).map(|nth| Column { name: format!("c{nth}"), ..table().columns[1].clone() }));
        let wide = scan(widest);
        assert_eq!(division(&scan(table())).left, []);
        assert_eq!(division(&wide).left, std::slice::from_ref(&filter));
    }

    #[test]
    fn what_sqlite_could_not_take_is_left_over() {
        let eq = || Filter::Compare(Compare::Eq, CHILDREN, number("1"));
        let or = |n| (0..n).map(|_| eq()).reduce(|a, b| Filter::Or(a.into(), b.into())).unwrap();
        let select = |filter: &Filter| Select::new(&table(), &[], Some(filter), &[], Window::default());
        assert_eq!(select(&or(CHAIN_MAX)).residual, None);
        assert!(select(&or(CHAIN_MAX + 1)).residual.is_some());
        let many = select(&all((0..CHAIN_MAX + 3).map(|_| eq())));
        assert_eq!((many.params.len(), many.residual), (CHAIN_MAX, Some(all([eq(), eq(), eq()]))));
        let listed = |n| Filter::In(CHILDREN, vec![Literal::Number(Number::parse("1").unwrap()); n]);
        let two = select(&all([listed(PARAMETERS_MAX), listed(1)]));
        assert_eq!((two.params.len(), two.residual), (PARAMETERS_MAX, Some(listed(1))));
    }
}
