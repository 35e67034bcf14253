//! Values of related rows beside those of a table, as SQL: each a subquery that stands as a column after the table's own.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::query::{Beside, Filter, JoinedValue};
use crate::model::table::{Column, ColumnAccess, ColumnIndex, Kind, Table};
use crate::store::sql::conditions::{
    BESIDE, Conditions, Divided, column_of, expr_columns, filter_columns, inner_tables, leads,
};
use crate::store::sql::names::{Value, cell_name, key_name, table_name};

/// Of a query, as SQLite has it.
const COLUMNS_MAX: usize = 2_000;

/// The table with a column for each of the values after its own, by which their kinds are known.
pub(crate) fn wide<'t>(table: &'t Table, beside: &[Beside]) -> Cow<'t, Table> {
    if beside.is_empty() {
        return Cow::Borrowed(table);
    }
    let mut wide = table.clone();
    for (nth, value) in beside.iter().enumerate() {
        wide.columns.push(Column {
            name: format!("{BESIDE}{nth}"),
            label: String::new(),
            description: String::new(),
            kind: kind(value),
            access: ColumnAccess { read: true, create: false, update: false },
            required: false,
            path: String::new(),
            elements: Vec::new(),
        });
    }
    Cow::Owned(wide)
}

/// Whether a query would have more columns than it may: a table has two for each of its own, each value two more.
pub(crate) fn is_too_wide(table: &Table, beside: &[Beside]) -> bool {
    let is_too_wide = |value: &Beside| is_too_wide(&value.table, &value.beside);
    let columns = 2 * (table.columns.len() + beside.len()) + 3;
    !beside.is_empty() && (columns > COLUMNS_MAX || beside.iter().any(is_too_wide))
}

fn kind(of: &Beside) -> Kind {
    let JoinedValue::Column(column) = of.value else { return Kind::Int64 };
    match wide(&of.table, &of.beside).columns.get(column).map(|column| &column.kind) {
        Some(Kind::Key | Kind::ConceptKey { .. }) => Kind::TOLD_KEY,
        Some(kind) => kind.clone(),
        None => Kind::Json,
    }
}

/// The table, or its rows with these values, as what stands behind `FROM`. None: the database cannot find one of them.
/// `is_missing`: tables that have no rows, and none of the database. `cells`: their texts are wanted too.
pub(crate) fn from(
    table: &Table,
    beside: &[Beside],
    is_missing: &dyn Fn(&Table) -> bool,
    cells: bool,
    params: &mut Vec<Value>,
) -> Option<String> {
    From { is_missing, params, aliases: 0 }.rows_of(table, beside, cells)
}

struct From<'a> {
    is_missing: &'a dyn Fn(&Table) -> bool,
    params: &'a mut Vec<Value>,
    /// Given so far: a table may be asked of itself.
    aliases: usize,
}

impl From<'_> {
    fn rows_of(&mut self, table: &Table, beside: &[Beside], cells: bool) -> Option<String> {
        let name = table_name(table);
        if beside.is_empty() {
            return Some(name);
        }
        let named = wide(table, beside);
        let mut columns = vec!["*".to_owned()];
        for (nth, value) in beside.iter().enumerate() {
            let place = table.columns.len() + nth;
            let key = self.value(table, &name, value, false)?;
            columns.push(format!("{key} AS {}", key_name(&named, place)));
            if cells {
                let cell = self.value(table, &name, value, true)?;
                columns.push(format!("{cell} AS {}", cell_name(&named, place)));
            }
        }
        Some(format!("(SELECT {} FROM {name})", columns.join(", ")))
    }

    /// The sort key of a value beside a row of a table that is called so here, or its text.
    fn value(&mut self, table: &Table, called: &str, of: &Beside, cell: bool) -> Option<String> {
        if (self.is_missing)(&of.table) {
            return Some(if of.value == JoinedValue::Count { "0" } else { "NULL" }.to_owned());
        }
        self.aliases += 1;
        let alias = format!("\"beside:{}\"", self.aliases);
        let ((own, leads_own), (theirs, leads_theirs)) = (column_of(&of.of)?, column_of(&of.theirs)?);
        match of.value {
            JoinedValue::Column(column) => {
                let own_columns = of.table.columns.len();
                let shown = match column.checked_sub(own_columns) {
                    None if cell => format!("{alias}.{}", cell_name(&of.table, column)),
                    None => format!("{alias}.{}", key_name(&of.table, column)),
                    Some(nth) => self.value(&of.table, &alias, of.beside.get(nth)?, cell)?,
                };
                let conditions = self.meeting(table, called, (own, leads_own), of, &alias, (theirs, leads_theirs))?;
                // Of a row that does not meet it there is no value.
                let conditions = self.filtered(&of.table, of.filter.as_ref(), conditions)?;
                Some(format!("(SELECT {shown} FROM {} AS {alias} WHERE {conditions})", table_name(&of.table)))
            }
            JoinedValue::Count => {
                let from = self.rows_of(&of.table, &of.beside, false)?;
                let conditions = self.meeting(table, called, (own, leads_own), of, &alias, (theirs, leads_theirs))?;
                let conditions = self.filtered(&wide(&of.table, &of.beside), of.filter.as_ref(), conditions)?;
                Some(format!("(SELECT count(*) FROM {from} AS {alias} WHERE {conditions})"))
            }
        }
    }

    /// Conditions with a filter on rows of a table. None: the database cannot answer it.
    fn filtered(&mut self, table: &Table, filter: Option<&Filter>, conditions: String) -> Option<String> {
        let Some(filter) = filter else { return Some(conditions) };
        let mut columns = Vec::new();
        filter_columns(table, filter, &mut columns);
        if columns.iter().any(|column| *column >= table.columns.len()) {
            return None;
        }
        let mut inner = Conditions::after(table, std::mem::take(self.params));
        let Divided { sql, left, .. } = inner.conjuncts(Some(filter));
        *self.params = inner.params;
        left.is_empty().then(|| [vec![conditions], sql].concat().join(" AND "))
    }

    /// That the other row is one that leads to this, or that this one leads to.
    fn meeting(
        &mut self,
        table: &Table,
        called: &str,
        (own, leads_own): (ColumnIndex, Option<&str>),
        of: &Beside,
        alias: &str,
        (theirs, leads_theirs): (ColumnIndex, Option<&str>),
    ) -> Option<String> {
        let mut all = vec![format!("{alias}.{} = {called}.{}", key_name(&of.table, theirs), key_name(table, own))];
        for (of, column, name, entity_set) in
            [(table, own, called, leads_own), (&*of.table, theirs, alias, leads_theirs)]
        {
            if let Some(entity_set) = entity_set {
                all.push(leads(of, column, &format!("{name}."), entity_set, self.params)?);
            }
        }
        Some(all.join(" AND "))
    }
}

/// Each other table that the values are found in, with the columns that are needed there.
pub(crate) fn tables_beside(beside: &[Beside]) -> Vec<(Arc<Table>, Vec<ColumnIndex>)> {
    let mut found = Vec::new();
    for value in beside {
        let mut columns = Vec::new();
        expr_columns(&value.theirs, &mut columns);
        if let JoinedValue::Column(column) = value.value {
            columns.push(column);
        }
        value.beside.iter().for_each(|inner| expr_columns(&inner.of, &mut columns));
        if let Some(filter) = &value.filter {
            filter_columns(&value.table, filter, &mut columns);
            found.extend(inner_tables(filter));
        }
        columns.retain(|column| *column < value.table.columns.len());
        found.push((value.table.clone(), columns));
        found.extend(tables_beside(&value.beside));
    }
    found
}

/// The columns of the table itself that they take.
pub(crate) fn own_columns(beside: &[Beside], columns: &mut Vec<ColumnIndex>) {
    beside.iter().for_each(|value| expr_columns(&value.of, columns));
}
