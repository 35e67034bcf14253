//! Conditions as SQL. They touch sort keys alone ([`SortKey`]), so that they agree with the residual evaluator by
//! construction. What has no exact translation is handed back, never approximated.

use std::sync::Arc;

use crate::model::catalog::Relation;
use crate::model::query::{Among, Compare, Expr, Filter, Literal, TextTest};
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value::{self, Number, SortKey};
use crate::plan::evaluate::residual::columns_of_expr;
use crate::store::sql::names::{Value, cell_name, key_name, table_name};

/// SQLite takes 32,766 parameters in a statement; conditions that would need more stay with the residual filter.
pub(super) const PARAMETERS_MAX: usize = 30_000;

/// SQLite nests expressions 1,000 deep, and a chain of `AND` nests; longer ones stay with the residual filter.
pub(super) const CHAIN_MAX: usize = 500;

/// The function of ours by which the database matches patterns: of a text and a pattern.
pub(crate) const MATCHES: &str = "turntable_matches";

/// How the names begin of columns that stand beside a row; no column of a table has a colon.
pub(crate) const BESIDE: &str = "beside:";

/// A date stands for its first moment, UTC.
const DAY_MICROSECONDS: i64 = 24 * 60 * 60 * 1_000_000;

/// Collects the parameters of the conditions that it writes, in the order of their question marks.
pub(super) struct Conditions<'t> {
    table: &'t Table,
    pub(super) params: Vec<Value>,
    /// Inside a `not`, false and null are two things; outside both mean "not kept", and the plain operators, which give
    /// null for null, let an index serve.
    negated: bool,
}

/// The conjuncts of a filter.
#[derive(Default)]
pub(super) struct Divided<'f> {
    /// Each that can be translated.
    pub(super) sql: Vec<String>,
    pub(super) checked: Vec<&'f Filter>,
    pub(super) left: Vec<&'f Filter>,
}

/// What kinds of columns have keys that compare with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Bool,
    Int,
    Day,
    Moment,
    Decimal,
    Text,
    Guid,
}

impl<'t> Conditions<'t> {
    pub(super) fn new(table: &'t Table) -> Self {
        Self::after(table, Vec::new())
    }

    /// Conditions that stand behind what has these parameters.
    pub(super) fn after(table: &'t Table, params: Vec<Value>) -> Self {
        Self { table, params, negated: false }
    }

    pub(super) fn conjuncts<'f>(&mut self, filter: Option<&'f Filter>) -> Divided<'f> {
        let mut divided = Divided::default();
        for conjunct in conjuncts_of(filter) {
            let mark = self.params.len();
            self.negated = false;
            let fits = |c: &Self| divided.sql.len() < CHAIN_MAX && c.params.len() <= PARAMETERS_MAX;
            match self.condition(conjunct).filter(|_| fits(self)) {
                Some(sql) => {
                    divided.sql.push(sql);
                    divided.checked.push(conjunct);
                }
                None => {
                    self.params.truncate(mark);
                    divided.left.push(conjunct);
                }
            }
        }
        divided
    }

    /// A condition that is true, false or null exactly where the filter is; None if there is no such.
    fn condition(&mut self, filter: &Filter) -> Option<String> {
        match filter {
            Filter::And(..) => self.chain(operands(filter, Chain::And), " AND "),
            Filter::Or(..) => self.chain(operands(filter, Chain::Or), " OR "),
            Filter::Not(inner) => {
                let outer = std::mem::replace(&mut self.negated, true);
                let sql = self.condition(inner);
                self.negated = outer;
                Some(format!("(NOT {})", sql?))
            }
            Filter::Compare(compare, Expr::Column(column), Expr::Literal(literal)) => {
                self.against_literal(*compare, *column, literal)
            }
            Filter::Compare(compare, Expr::Literal(literal), Expr::Column(column)) => {
                self.against_literal(compare.turned(), *column, literal)
            }
            Filter::Compare(compare, Expr::Column(a), Expr::Column(b)) => {
                let like = class(self.table, *a)? == class(self.table, *b)?;
                let (a, b) = (key_name(self.table, *a), key_name(self.table, *b));
                like.then(|| format!("({a} {} {b})", operator(*compare)))
            }
            Filter::In(Expr::Column(column), literals) => self.one_of(*column, literals),
            Filter::In(Expr::Leading(column, entity_set), literals) if !literals.contains(&Literal::Null) => {
                self.leading(*column, entity_set, literals)
            }
            Filter::Text(test, Expr::Column(column), Expr::Literal(Literal::Text(text))) => {
                self.text_test(*test, *column, text)
            }
            Filter::Is(Expr::Column(column)) if class(self.table, *column)? == Class::Bool => {
                Some(format!("({} = 1)", key_name(self.table, *column)))
            }
            Filter::Is(Expr::Literal(Literal::Bool(value))) => Some(u8::from(*value).to_string()),
            Filter::Among(among) => self.among(among),
            // Functions and arithmetic have their semantics in the residual evaluator alone, related tables in the
            // router, which turns such a condition into one on keys where it can.
            Filter::Compare(..) | Filter::In(..) | Filter::Text(..) | Filter::Is(_) | Filter::Related { .. } => None,
        }
    }

    fn chain(&mut self, operands: Vec<&Filter>, operator: &str) -> Option<String> {
        if operands.len() > CHAIN_MAX {
            return None;
        }
        let sql: Option<Vec<_>> = operands.into_iter().map(|o| self.condition(o)).collect();
        Some(format!("({})", sql?.join(operator)))
    }

    fn against_literal(&mut self, compare: Compare, column: ColumnIndex, literal: &Literal) -> Option<String> {
        let mut key = key_name(self.table, column);
        let class = class(self.table, column)?;
        let value = match (class, literal) {
            (_, Literal::Null) => {
                return Some(match compare {
                    Compare::Eq => format!("({key} IS NULL)"),
                    Compare::Ne => format!("({key} IS NOT NULL)"),
                    Compare::Lt | Compare::Le | Compare::Gt | Compare::Ge => "NULL".into(),
                });
            }
            (Class::Int, Literal::Number(number)) => match whole(number) {
                Whole::Exact(value) => Value::Int(value),
                between => return Some(self.between_integers(compare, &key, &between)),
            },
            (Class::Day, Literal::Instant(instant)) => {
                key = format!("({key} * {DAY_MICROSECONDS})");
                Value::Int(instant.as_microsecond())
            }
            _ => literal_key(class, literal)?,
        };
        self.params.push(value);
        let operator = if compare == Compare::Eq && !self.negated { "=" } else { operator(compare) };
        Some(format!("({key} {operator} ?)"))
    }

    /// An integer column against a number that is no integer of 64 bits. Still null for null where order is asked.
    fn between_integers(&mut self, compare: Compare, key: &str, number: &Whole) -> String {
        let below = matches!(compare, Compare::Lt | Compare::Le);
        match (compare, number) {
            (Compare::Eq, _) => "0".into(),
            (Compare::Ne, _) => "1".into(),
            (_, Whole::Below(next)) => {
                self.params.push(Value::Int(*next));
                format!("({key} {} ?)", if below { "<" } else { ">=" })
            }
            (_, Whole::TooLarge | Whole::Exact(_)) => format!("({key} {} {key})", if below { "=" } else { "<>" }),
        }
    }

    fn one_of(&mut self, column: ColumnIndex, literals: &[Literal]) -> Option<String> {
        let key = key_name(self.table, column);
        let class = class(self.table, column)?;
        let (mut marks, mut or_null) = (Vec::new(), false);
        for literal in literals {
            let value = match (class, literal) {
                (_, Literal::Null) => {
                    or_null = true;
                    continue;
                }
                (Class::Int, Literal::Number(number)) => match whole(number) {
                    Whole::Exact(value) => Value::Int(value),
                    Whole::Below(_) | Whole::TooLarge => continue,
                },
                _ => literal_key(class, literal)?,
            };
            self.params.push(value);
            marks.push("?");
        }
        let listed = format!("{key} IN ({})", marks.join(", "));
        Some(match (or_null, self.negated) {
            (true, _) => format!("({key} IS NULL OR {listed})"),
            (false, true) => format!("({key} IS NOT NULL AND {listed})"),
            (false, false) => format!("({listed})"),
        })
    }

    /// One of these keys, in a reference to a type that has rows in this entity set.
    fn leading(&mut self, column: ColumnIndex, entity_set: &str, literals: &[Literal]) -> Option<String> {
        let listed = self.one_of(column, literals)?;
        let leads = self.leads(column, entity_set)?;
        Some(format!("({listed} AND {leads})"))
    }

    /// A key is among those in a column of the rows of another table that meet a filter. There names without a table mean
    /// the inner one's columns, of which the scan makes sure.
    fn among(&mut self, among: &Among) -> Option<String> {
        let (of, leads_of) = column_of(&among.of)?;
        let (theirs, leads_theirs) = column_of(&among.theirs)?;
        if class(self.table, of)? != Class::Guid || class(&among.table, theirs)? != Class::Guid {
            return None;
        }
        let mut inner = Conditions::new(&among.table);
        let held = key_name(&among.table, theirs);
        let mut conditions = vec![format!("{held} IS NOT NULL")];
        if let Some(entity_set) = leads_theirs {
            conditions.push(inner.leads(theirs, entity_set)?);
        }
        if let Some(filter) = &among.filter {
            let Divided { sql, left, .. } = inner.conjuncts(Some(filter));
            if !left.is_empty() {
                return None;
            }
            conditions.extend(sql);
        }
        let key = key_name(self.table, of);
        let (from, conditions) = (table_name(&among.table), conditions.join(" AND "));
        self.params.append(&mut inner.params);
        let listed = format!("{key} IN (SELECT {held} FROM {from} WHERE {conditions})");
        let listed = if self.negated { format!("({key} IS NOT NULL AND {listed})") } else { format!("({listed})") };
        match leads_of {
            Some(entity_set) => {
                let leads = self.leads(of, entity_set)?;
                Some(format!("({listed} AND {leads})"))
            }
            None => Some(listed),
        }
    }

    /// A lookup leads to a row of this entity set, or is null.
    fn leads(&mut self, column: ColumnIndex, entity_set: &str) -> Option<String> {
        leads(self.table, column, "", entity_set, &mut self.params)
    }

    /// On the bytes of folded text: `length`, `substr` and `LIKE` on text stop at a NUL or know wildcards.
    fn text_test(&mut self, test: TextTest, column: ColumnIndex, text: &str) -> Option<String> {
        if class(self.table, column)? != Class::Text {
            return None;
        }
        if test == TextTest::Matches {
            // Of what stands beside a row there is the sort key alone.
            if self.table.columns.get(column)?.name.starts_with(BESIDE) {
                return None;
            }
            self.params.push(Value::Text(text.to_owned()));
            return Some(format!("({MATCHES}({}, ?))", cell_name(self.table, column)));
        }
        let key = key_name(self.table, column);
        let folded = value::fold(text);
        if folded.is_empty() {
            return Some(format!("({key} = {key})"));
        }
        let bytes = folded.len();
        let from = match test {
            TextTest::Contains => {
                self.params.push(Value::Text(folded));
                return Some(format!("(instr({key}, ?) > 0)"));
            }
            TextTest::StartsWith => format!("1, {bytes}"),
            TextTest::EndsWith => format!("-{bytes}"),
            TextTest::Matches => return None,
        };
        self.params.push(Value::Blob(folded.into_bytes()));
        let blob = format!("CAST({key} AS BLOB)");
        // Asking for the length first: a part of an empty blob would be null.
        Some(format!("(length({blob}) >= {bytes} AND substr({blob}, {from}) = ?)"))
    }
}

/// All of which must hold.
pub(super) fn conjuncts_of(filter: Option<&Filter>) -> Vec<&Filter> {
    filter.map(|filter| operands(filter, Chain::And)).unwrap_or_default()
}

/// The column that a condition holds to one sort key, or to none.
pub(super) fn equal_column(table: &Table, filter: &Filter) -> Option<ColumnIndex> {
    let (column, literal) = match filter {
        Filter::Compare(Compare::Eq, Expr::Column(column), Expr::Literal(literal))
        | Filter::Compare(Compare::Eq, Expr::Literal(literal), Expr::Column(column)) => (*column, literal),
        Filter::Is(Expr::Column(column)) => return Some(*column),
        _ => return None,
    };
    let is_one_key = match (class(table, column)?, literal) {
        (_, Literal::Null) => true,
        (Class::Int, Literal::Number(number)) => matches!(whole(number), Whole::Exact(_)),
        (class, literal) => literal_key(class, literal).is_some(),
    };
    is_one_key.then_some(column)
}

/// A lookup leads to a row of this entity set, or is null. `prefix`: what stands before its column.
pub(super) fn leads(
    table: &Table,
    column: ColumnIndex,
    prefix: &str,
    entity_set: &str,
    params: &mut Vec<Value>,
) -> Option<String> {
    let Kind::Lookup(lookup) = &table.columns.get(column)?.kind else { return None };
    let cell = format!("{prefix}{}", cell_name(table, column));
    let mut types = Vec::new();
    for target in lookup.targets.iter().filter(|target| target.entity_set == entity_set) {
        let beginning = format!("{}/", target.resource_type);
        types.push(format!("substr({cell}, 1, {}) = ?", beginning.chars().count()));
        params.push(Value::Text(beginning));
    }
    // A table that it never leads to; a cell that is null is one of no keys already.
    let types = if types.is_empty() { "0".to_owned() } else { types.join(" OR ") };
    Some(format!("({types})"))
}

/// A column, and the entity set that it has to lead to.
pub(super) fn column_of(of: &Expr) -> Option<(ColumnIndex, Option<&str>)> {
    match of {
        Expr::Column(column) => Some((*column, None)),
        Expr::Leading(column, entity_set) => Some((*column, Some(entity_set))),
        _ => None,
    }
}

/// Each other table that a filter asks of, with the columns that it needs there.
pub(crate) fn inner_tables(filter: &Filter) -> Vec<(Arc<Table>, Vec<ColumnIndex>)> {
    let (mut found, mut open) = (Vec::new(), vec![filter]);
    while let Some(next) = open.pop() {
        match next {
            Filter::And(a, b) | Filter::Or(a, b) => open.extend([&**a, &**b]),
            Filter::Not(inner) => open.push(inner),
            Filter::Among(among) => {
                let mut columns = Vec::new();
                expr_columns(&among.theirs, &mut columns);
                if let Some(filter) = &among.filter {
                    filter_columns(&among.table, filter, &mut columns);
                    open.push(filter);
                }
                found.push((among.table.clone(), columns));
            }
            _ => {}
        }
    }
    found
}

/// A filter where some of the tables that it asks of have no rows, and none of the database.
pub(crate) fn without_rows_of(filter: &Filter, is_missing: &dyn Fn(&Table) -> bool) -> Filter {
    let same = |filter: &Filter| Box::new(without_rows_of(filter, is_missing));
    match filter {
        Filter::And(a, b) => Filter::And(same(a), same(b)),
        Filter::Or(a, b) => Filter::Or(same(a), same(b)),
        Filter::Not(inner) => Filter::Not(same(inner)),
        Filter::Among(among) if is_missing(&among.table) => Filter::In(among.of.clone(), Vec::new()),
        Filter::Among(among) => {
            let filter = among.filter.as_ref().map(|filter| without_rows_of(filter, is_missing));
            Filter::Among(Box::new(Among { filter, ..(**among).clone() }))
        }
        other => other.clone(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chain {
    And,
    Or,
}

/// `a and b and c` as `[a, b, c]`, however it was nested.
fn operands(filter: &Filter, chain: Chain) -> Vec<&Filter> {
    let (mut flat, mut open) = (Vec::new(), vec![filter]);
    while let Some(next) = open.pop() {
        match (next, chain) {
            (Filter::And(a, b), Chain::And) | (Filter::Or(a, b), Chain::Or) => open.extend([&**b, &**a]),
            _ => flat.push(next),
        }
    }
    flat
}

fn operator(compare: Compare) -> &'static str {
    match compare {
        Compare::Eq => "IS",
        Compare::Ne => "IS NOT",
        Compare::Lt => "<",
        Compare::Le => "<=",
        Compare::Gt => ">",
        Compare::Ge => ">=",
    }
}

fn class(table: &Table, column: ColumnIndex) -> Option<Class> {
    Some(match &table.columns.get(column)?.kind {
        Kind::Key | Kind::ConceptKey { .. } | Kind::Lookup(_) => Class::Guid,
        Kind::Text { .. } | Kind::Uri | Kind::PartialDate | Kind::Json => Class::Text,
        Kind::Boolean => Class::Bool,
        Kind::Int32 | Kind::Int64 | Kind::Choice(_) => Class::Int,
        Kind::Decimal { .. } => Class::Decimal,
        Kind::Date => Class::Day,
        Kind::DateTime => Class::Moment,
    })
}

/// The sort key that a literal has among those of a class; None if it is none of its values.
fn literal_key(class: Class, literal: &Literal) -> Option<Value> {
    let key = match (class, literal) {
        (Class::Bool, Literal::Bool(value)) => SortKey::Bool(*value),
        (Class::Decimal, Literal::Number(number)) => SortKey::Decimal(number.sort_bytes()),
        (Class::Day, Literal::Date(date)) => SortKey::Int(value::days(*date)),
        (Class::Moment, Literal::Instant(instant)) => SortKey::Int(instant.as_microsecond()),
        (Class::Moment, Literal::Date(date)) => SortKey::Int(value::Instant::of_day(*date).as_microsecond()),
        (Class::Text, Literal::Text(text)) => SortKey::Text(value::fold(text)),
        (Class::Guid, Literal::Guid(guid)) => SortKey::Guid(*guid),
        _ => return None,
    };
    Some(key.into())
}

/// Where a number stands among the 64-bit integers.
enum Whole {
    Exact(i64),
    /// No integer; this is the least that is larger.
    Below(i64),
    /// Larger than all.
    TooLarge,
}

/// Exact for any number of digits: the place is searched, not computed.
fn whole(number: &Number<'_>) -> Whole {
    if let Ok(exact) = number.text().parse() {
        return Whole::Exact(exact);
    }
    let smaller = |n: i64| Number::parse(n.to_string()).is_some_and(|n| n < *number);
    if smaller(i64::MAX) {
        return Whole::TooLarge;
    }
    // The least integer that is not smaller is in low..=high.
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    while low < high {
        let middle = low.midpoint(high);
        // `midpoint` rounds towards zero, so for negative bounds it may be the upper one.
        let middle = if middle == high { middle - 1 } else { middle };
        if smaller(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let exact = Number::parse(low.to_string()).is_some_and(|n| n == *number);
    if exact { Whole::Exact(low) } else { Whole::Below(low) }
}

/// The table's own columns that evaluating a filter needs.
pub(super) fn filter_columns(table: &Table, filter: &Filter, columns: &mut Vec<ColumnIndex>) {
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => {
            filter_columns(table, a, columns);
            filter_columns(table, b, columns);
        }
        Filter::Not(inner) => filter_columns(table, inner, columns),
        Filter::Compare(_, a, b) | Filter::Text(_, a, b) => {
            expr_columns(a, columns);
            expr_columns(b, columns);
        }
        Filter::In(expr, _) | Filter::Is(expr) => expr_columns(expr, columns),
        Filter::Among(among) => expr_columns(&among.of, columns),
        Filter::Related { to, .. } => match to {
            Relation::Lookup { column, .. } => add(columns, *column),
            Relation::Collection { .. } => add(columns, table.key),
            Relation::Concept { concept } => {
                let Some(spread) = table.concepts.get(*concept) else { return };
                let cells = [Some(spread.code), Some(spread.system), spread.display, spread.text];
                cells.into_iter().flatten().for_each(|column| add(columns, column));
            }
        },
    }
}

pub(super) fn expr_columns(expr: &Expr, columns: &mut Vec<ColumnIndex>) {
    match expr {
        Expr::Column(column) | Expr::Leading(column, _) => add(columns, *column),
        Expr::Literal(_) => {}
        Expr::Call(_, arguments) => arguments.iter().for_each(|a| expr_columns(a, columns)),
        Expr::Arithmetic(_, a, b) => {
            expr_columns(a, columns);
            expr_columns(b, columns);
        }
        Expr::Negate(inner) => expr_columns(inner, columns),
        Expr::Condition(_) | Expr::Case(_) => {
            let mut read = std::collections::BTreeSet::new();
            columns_of_expr(expr, &mut read);
            read.into_iter().for_each(|column| add(columns, column));
        }
    }
}

pub(super) fn add(columns: &mut Vec<ColumnIndex>, column: ColumnIndex) {
    if !columns.contains(&column) {
        columns.push(column);
    }
}
