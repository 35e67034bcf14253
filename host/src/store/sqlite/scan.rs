//! Rows out of native tables: in one go, in one moment of the database, what was asked for and no more. What the database
//! cannot do is done here, beside it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::model::error::{Code, Error, Result};
use crate::model::query::{Beside, Filter};
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::plan::evaluate::residual::{self, Residual};
use crate::store::native::{NativeScan, ScanLimits, Scanned};
use crate::store::queue::busy;
use crate::store::sql::beside::tables_beside;
use crate::store::sql::conditions::{inner_tables, without_rows_of};
use crate::store::sql::names::{Value, unsigned};
use crate::store::sql::select::{Select, Window, columns_of};
use crate::store::sql::words::Words;
use crate::store::sqlite::behind;
use crate::store::sqlite::database::{Database, Stop, too_late};
use crate::store::sqlite::tables::Stands;
use crate::store::sqlite::words::Told;

/// Bytes of cells that one answer may hold. `ScanBudgetExceeded`.
const READ_BYTES_MAX: usize = 512 << 20;

/// Rows that are checked here between two looks at the clock.
const CHUNK_ROWS: usize = 500;

impl Database {
    /// `abandoned`: nobody waits for the answer any more. `MappingFault` where the table is [`behind`].
    pub(crate) fn scan(&self, scan: &NativeScan, limits: ScanLimits, abandoned: Arc<AtomicBool>) -> Result<Scanned> {
        self.selected(scan, limits, abandoned, |moment, select, stop| {
            if select.residual.is_none() && select.ordered {
                by_database(moment, scan, select, limits)
            } else {
                here(moment, scan, select, limits, stop)
            }
        })
    }

    /// What is asked of the database for a scan, in one moment of it.
    pub(super) fn selected(
        &self,
        scan: &NativeScan,
        limits: ScanLimits,
        abandoned: Arc<AtomicBool>,
        run: impl FnOnce(&Connection, &Select, &Stop) -> Result<Scanned>,
    ) -> Result<Scanned> {
        match self.tables.stands(&scan.table, columns_of(scan)) {
            Stands::Whole => {}
            Stands::Missing => {
                let (rows, count) = (Rows::new(scan.columns.clone()), scan.count.then_some(0));
                let empty = Scanned { rows, count, ..Scanned::default() };
                return self.reading(|moment| behind::check(moment, scan, || Ok(empty)));
            }
            // Only while a version of its mapping comes into force.
            Stands::Partly => return Err(busy().internal(format!("`{}` is being changed", scan.table.name))),
        }
        let Asked { filter, others, missing } = self.asked_of(scan.filter.as_ref(), &scan.beside)?;
        // One more tells whether there are more.
        let window = Window { skip: scan.skip, top: scan.top.map(|top| top.saturating_add(1)) };
        let select = match scan.beside.as_slice() {
            [] => Select::new(&scan.table, &scan.columns, filter.as_ref(), &scan.order, window),
            _ => Select::beside(scan, filter.as_ref(), &|table| missing.contains(&*table.set()), window)
                .ok_or_else(|| Error::new(Code::Internal, "the database was asked for values that it cannot find"))?,
        };
        let by_database = select.residual.is_none() && select.ordered;
        let index = if by_database { self.indexes.serving(scan) } else { None };
        let by_index = index.as_ref().map(|index| Select::by_index(&index.name, scan, filter.as_ref(), window));
        let own = filter.as_ref().filter(|_| scan.beside.is_empty());
        let words = own.and_then(|filter| Words::of(&scan.table, filter));
        let (stop, steps) = (Stop { deadline: limits.deadline, abandoned }, Arc::default());
        let mut told = Told::Nothing;
        let found = self.reading_counted(&stop, &steps, |moment| {
            others.iter().try_for_each(|table| behind::check_all(moment, table))?;
            if let Some(words) = &words {
                told = self.told(moment, &scan.table.set(), words)?;
            }
            let of_rows = match &told {
                Told::Rows(rows) => Some(Select::of_rows(rows, scan, filter.as_ref(), window)),
                Told::Nothing | Told::TooMany => None,
            };
            // Within the moment the schema stays as it is.
            let by_index = by_index.as_ref().filter(|select| moment.prepare_cached(&select.sql).is_ok());
            let select = of_rows.as_ref().or(by_index).unwrap_or(&select);
            behind::check(moment, scan, || run(moment, select, &stop))
        });
        let terms = &self.index_terms;
        if terms.most > 0 && steps.load(Ordering::Relaxed) >= terms.steps {
            if words.is_some() && told == Told::Nothing {
                self.ask_for_words(&scan.table);
            } else if by_database && index.is_none() {
                self.indexes.ask(scan);
            }
        }
        found
    }

    /// An index of words would have helped a read that took so many steps of the database's machine.
    pub(super) fn words_wanted(&self, table: &Arc<Table>, steps: &AtomicU64) {
        let terms = &self.index_terms;
        if terms.most > 0 && steps.load(Ordering::Relaxed) >= terms.steps {
            self.ask_for_words(table);
        }
    }

    fn ask_for_words(&self, table: &Arc<Table>) {
        if self.searched.ask(table) {
            self.indexes.wanted().notify_one();
        }
    }

    /// What of the other tables that a filter and values of related rows are about the database has.
    pub(crate) fn asked_of(&self, filter: Option<&Filter>, beside: &[Beside]) -> Result<Asked> {
        let inner = filter.map(inner_tables).unwrap_or_default().into_iter().chain(tables_beside(beside));
        let (mut missing, mut others) = (HashSet::new(), Vec::new());
        for (table, columns) in inner {
            match self.tables.stands(&table, columns) {
                Stands::Whole => {}
                Stands::Missing => drop(missing.insert(table.set().into_owned())),
                Stands::Partly => return Err(busy().internal(format!("`{}` is being changed", table.name))),
            }
            others.push(table);
        }
        let filter = filter.map(|filter| without_rows_of(filter, &|table| missing.contains(&*table.set())));
        Ok(Asked { filter, others, missing })
    }
}

/// What the database is asked beside one table.
pub(crate) struct Asked {
    /// Without tables that have no rows, and none of the database.
    pub(crate) filter: Option<Filter>,
    pub(crate) others: Vec<Arc<Table>>,
    /// Those without rows, by [`Table::set`].
    pub(crate) missing: HashSet<String>,
}

/// The database checks, orders and cuts.
pub(super) fn by_database(
    moment: &Connection,
    scan: &NativeScan,
    select: &Select,
    limits: ScanLimits,
) -> Result<Scanned> {
    let mut scanned = Scanned { rows: Rows::new(select.columns.clone()), ..Scanned::default() };
    let mut given = 0;
    each(moment, select, |row| {
        if scan.top.is_some_and(|top| given >= top || (given > 0 && scanned.rows.bytes() >= limits.bytes)) {
            scanned.more = true;
            return Ok(ControlFlow::Break(()));
        }
        given += 1;
        if scan.top.is_none() && given > limits.rows {
            return Err(too_many(&scan.table, limits.rows));
        }
        push(&mut scanned.rows, row)?;
        Ok(ControlFlow::Continue(()))
    })?;
    if scan.count {
        // The end of the rows says how many there are; past the end, or before it, the database must be asked.
        let is_end = !scanned.more && (scan.skip == 0 || given > 0);
        let count = if is_end { scan.skip + given } else { count(moment, select)? };
        scanned.count = Some(count);
    }
    Ok(scanned)
}

/// The database gives what might be meant; the rest is done row by row.
pub(super) fn here(
    moment: &Connection,
    scan: &NativeScan,
    select: &Select,
    limits: ScanLimits,
    stop: &Stop,
) -> Result<Scanned> {
    let (table, skip) = (&*scan.table, usize::try_from(scan.skip).unwrap_or(usize::MAX));
    let end = scan.top.map_or(usize::MAX, |top| skip.saturating_add(usize::try_from(top).unwrap_or(usize::MAX)));
    let residual = select.residual.as_ref().map(|filter| Residual::new(filter, table)).transpose()?;
    let mut scanned = Scanned::default();
    let mut kept = Rows::new(select.columns.clone());
    // In their order, and not to be counted: one row past the page is enough.
    let enough = if select.ordered && !scan.count { end.saturating_add(1) } else { usize::MAX };
    let mut check = |chunk: Rows| -> Result<ControlFlow<()>> {
        if stop.is_due() {
            return Err(too_late());
        }
        let begun = Instant::now();
        for row in 0..chunk.len() {
            scanned.looked_at += 1;
            if scanned.looked_at > limits.rows {
                return Err(too_many(table, limits.rows));
            }
            if residual.as_ref().map_or(Ok(true), |residual| residual.keeps(&chunk, row))? {
                kept.push_row(&chunk, row);
                if kept.len() >= enough {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        scanned.residual += begun.elapsed();
        Ok(ControlFlow::Continue(()))
    };
    let mut chunk = Rows::new(select.columns.clone());
    let mut is_done = false;
    each(moment, select, |row| {
        push(&mut chunk, row)?;
        if chunk.len() < CHUNK_ROWS {
            return Ok(ControlFlow::Continue(()));
        }
        let flow = check(std::mem::replace(&mut chunk, Rows::new(select.columns.clone())))?;
        is_done = flow.is_break();
        Ok(flow)
    })?;
    if !is_done {
        let _ = check(chunk)?;
    }
    let begun = Instant::now();
    let order = if select.ordered { (0..kept.len()).collect() } else { residual::order(&kept, &scan.order, table)? };
    scanned.count = scan.count.then_some(kept.len() as u64);
    let bytes = if scan.top.is_some() { limits.bytes } else { usize::MAX };
    scanned.rows = kept.pick_within(order.get(skip..end.min(order.len())).unwrap_or_default(), bytes);
    scanned.more = order.len() > skip.saturating_add(scanned.rows.len());
    scanned.residual += begun.elapsed();
    Ok(scanned)
}

pub(super) fn each(
    moment: &Connection,
    select: &Select,
    mut look: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut statement = moment.prepare_cached(&select.sql)?;
    let offset = select.window.map(|window| Value::Int(window.offset()));
    let mut rows = statement.query(rusqlite::params_from_iter(select.params.iter().cloned().chain(offset)))?;
    while let Some(row) = rows.next()? {
        if look(row)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Rows that the conditions keep, whatever the window.
fn count(moment: &Connection, select: &Select) -> Result<u64> {
    let mut statement = moment.prepare_cached(&select.count_sql)?;
    let count = statement.query_row(rusqlite::params_from_iter(&select.params), |row| row.get(0))?;
    Ok(unsigned(count))
}

pub(super) fn push(rows: &mut Rows, row: &Row<'_>) -> Result<()> {
    rows.begin_row();
    for position in 0..rows.columns().len() {
        match row.get_ref(position)? {
            ValueRef::Null => {}
            value => rows.fill(position, [value.as_str().map_err(rusqlite::Error::from)?]),
        }
    }
    if rows.bytes() > READ_BYTES_MAX {
        return Err(Error::new(Code::ScanBudgetExceeded, "the rows of one answer are too large")
            .hint("ask for fewer columns or a smaller page"));
    }
    Ok(())
}

pub(super) fn too_many(table: &Table, limit: u64) -> Error {
    Error::new(
        Code::ScanBudgetExceeded,
        format!("`{}` has too many rows to look at for this (more than {limit})", table.entity_set),
    )
    .hint("narrow $filter by comparing columns with values, or leave $orderby by a function and $count out")
}

/// Short ways to ask, for the tests of the store.
#[cfg(test)]
pub(crate) mod sample {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::model::query::{Compare, Expr, Filter, Literal};
    use crate::model::table::ColumnIndex;

    pub(crate) fn scan(table: &Arc<Table>, columns: &[ColumnIndex], filter: Option<Filter>) -> NativeScan {
        let (table, columns) = (table.clone(), columns.to_vec());
        NativeScan { table, columns, filter, order: Vec::new(), skip: 0, top: None, count: false, beside: Vec::new() }
    }

    impl Database {
        pub(crate) fn scanned(&self, wanted: &NativeScan) -> Result<Scanned> {
            let limits =
                ScanLimits { rows: 10_000, bytes: usize::MAX, deadline: Instant::now() + Duration::from_secs(60) };
            self.scan(wanted, limits, Arc::default())
        }

        pub(crate) fn count(&self, table: &Arc<Table>, filter: Filter) -> u64 {
            let wanted = NativeScan { top: Some(0), count: true, ..scan(table, &[], Some(filter)) };
            self.scanned(&wanted).expect("rows can be counted").count.expect("they were")
        }

        /// One row by its key.
        pub(crate) fn row(&self, table: &Arc<Table>, key: Uuid, columns: &[ColumnIndex]) -> Option<Rows> {
            let filter = Filter::Compare(Compare::Eq, Expr::Column(table.key), Expr::Literal(Literal::Guid(key)));
            let found = self.scanned(&scan(table, columns, Some(filter))).expect("a row can be read").rows;
            (!found.is_empty()).then_some(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::time::Duration;

    use super::sample::scan;
    use super::*;
    use crate::model::key;
    use crate::model::query::{Arithmetic, Compare, Expr, Filter, Function, Literal, Order, TextTest};
    use crate::model::table::Kind;
    use crate::model::value::Number;
    use crate::store::sql::indexes::Shape;
    use crate::store::sql::select::division;
    use crate::store::sqlite::tables::{make_concept_keys, sample};
    use crate::store::sqlite::wishes::Wish;

    const INTEGERS: &[&str] = &["-9223372036854775808", "-3", "-1", "0", "1", "2", "10", "9223372036854775807"];
    const NUMBERS: &[&str] = &[
        "-1e400",
        "-9223372036854775809",
        "-1.5",
        "-1",
        "0.0",
        "1e0",
        "1.5",
        "1.50",
        "10",
        "72.10",
        "72.1",
        "9223372036854775806.5",
        "9223372036854775807",
        "9223372036854775808",
        "1E30",
        "1.000000000000000000000000000001",
    ];
    const DECIMALS: &[&str] = &["-1.5", "-1", "0", "-0.0", "1", "1.0", "1.5", "72.10", "72.1", "1e-22", "1e245", "10"];
    const TEXTS: &[&str] = &[
        "", "a", "A", "ä", "ab", "ba", "José", "JOSE", "jos", "a%b", "_", "%", "a\0b", "b\0", "\0", "née", "Σ", "ß",
        "zzz", "'", "\"",
    ];
    const DATES: &[&str] = &["1969-12-31", "1970-01-01", "2024-02-29", "2025-01-01"];
    const MOMENTS: &[&str] = &[
        "1969-12-31T23:59:59Z",
        "2024-02-29T00:00:00Z",
        "2024-02-29T01:00:00+01:00",
        "2024-02-29",
        "2024",
        "2024-02-29T00:00:00.000001Z",
    ];
    const IDS: &[&str] = &["a", "b", "11111111-2222-4333-8444-555555555555", "a-very-long-id-that-is-hashed"];

    fn cell(kind: &Kind) -> BoxedStrategy<Option<String>> {
        let of = |texts: &'static [&'static str]| proptest::sample::select(texts).prop_map(str::to_owned).boxed();
        let texts = match kind {
            Kind::Text { .. } | Kind::Uri | Kind::PartialDate | Kind::Json => of(TEXTS),
            Kind::Boolean => of(&["true", "false"]),
            Kind::Int32 | Kind::Int64 => of(INTEGERS),
            Kind::Decimal { .. } => of(DECIMALS),
            Kind::Date => of(DATES),
            Kind::DateTime => of(MOMENTS),
            Kind::Choice(_) => of(&["planned", "finished", "unheard-of"]),
            Kind::Lookup(_) => of(IDS).prop_map(|id| format!("Patient/{id}")).boxed(),
            Kind::Key | Kind::ConceptKey { .. } => of(IDS),
        };
        proptest::option::weighted(0.8, texts).boxed()
    }

    fn literal(kind: &Kind) -> BoxedStrategy<Literal> {
        let number = |texts: &'static [&'static str]| {
            proptest::sample::select(texts).prop_map(|t| Literal::Number(Number::parse(t).unwrap())).boxed()
        };
        let values = match kind {
            Kind::Text { .. } | Kind::Uri | Kind::PartialDate | Kind::Json => {
                proptest::sample::select(TEXTS).prop_map(|t| Literal::Text(t.into())).boxed()
            }
            Kind::Boolean => any::<bool>().prop_map(Literal::Bool).boxed(),
            Kind::Int32 | Kind::Int64 | Kind::Choice(_) => number(NUMBERS),
            Kind::Decimal { .. } => number(DECIMALS),
            Kind::Date => proptest::sample::select(DATES).prop_map(|t| Literal::Date(t.parse().unwrap())).boxed(),
            Kind::DateTime => proptest::sample::select(MOMENTS)
                .prop_map(|t| Literal::Instant(crate::model::value::parse_instant(t).unwrap()))
                .boxed(),
            Kind::Lookup(_) | Kind::Key => {
                proptest::sample::select(IDS).prop_map(|id| Literal::Guid(key::guid(id))).boxed()
            }
            Kind::ConceptKey { .. } => {
                proptest::sample::select(TEXTS).prop_map(|t| Literal::Guid(key::concept(Some("s"), t))).boxed()
            }
        };
        prop_oneof![9 => values, 1 => Just(Literal::Null)].boxed()
    }

    fn condition(table: Table) -> BoxedStrategy<Filter> {
        let compare = proptest::sample::select(
            &[Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge][..],
        );
        let test = proptest::sample::select(&[TextTest::Contains, TextTest::StartsWith, TextTest::EndsWith][..]);
        let columns = table.columns.len();
        let leaf = (0..columns, compare, test, 0..6u8, 0..columns).prop_flat_map(move |(c, op, test, shape, other)| {
            let kind = table.columns[c].kind.clone();
            let like = std::mem::discriminant(&kind) == std::mem::discriminant(&table.columns[other].kind);
            let column = Expr::Column(c);
            let text = matches!(kind, Kind::Text { .. });
            let boolean = matches!(kind, Kind::Boolean);
            proptest::collection::vec(literal(&kind), 1..4).prop_map(move |mut literals| match shape {
                0 => Filter::In(column.clone(), literals),
                1 if text => {
                    let literal = literals.into_iter().find(|l| *l != Literal::Null);
                    let literal = literal.unwrap_or(Literal::Text("a".into()));
                    Filter::Text(test, column.clone(), Expr::Literal(literal))
                }
                1 if boolean => Filter::Is(column.clone()),
                2 if like => Filter::Compare(op, column.clone(), Expr::Column(other)),
                3 => Filter::Compare(op, Expr::Literal(literals.remove(0)), column.clone()),
                _ => Filter::Compare(op, column.clone(), Expr::Literal(literals.remove(0))),
            })
        });
        leaf.prop_recursive(4, 16, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(a, b)| Filter::And(a.into(), b.into())),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| Filter::Or(a.into(), b.into())),
                inner.prop_map(|a| Filter::Not(a.into())),
            ]
        })
        .boxed()
    }

    fn rows(table: Table) -> impl Strategy<Value = Rows> {
        let cells: Vec<_> = table.columns[..table.mapped()].iter().map(|c| cell(&c.kind)).collect();
        proptest::collection::vec(cells, 0..12).prop_map(move |rows| {
            let mut all = Rows::new((0..table.columns.len()).collect());
            for (number, mut row) in rows.into_iter().enumerate() {
                row[table.key] = Some(format!("row-{number}"));
                row.resize(table.columns.len(), None);
                make_concept_keys(&table, &mut row);
                all.push(row.iter().map(Option::as_deref));
            }
            all
        })
    }

    /// Rows that have nothing but a key.
    fn bare_rows(table: &Table, keys: &[&str]) -> Rows {
        let mut rows = Rows::new((0..table.columns.len()).collect());
        for key in keys {
            rows.push((0..table.columns.len()).map(|column| (column == table.key).then_some(*key)));
        }
        rows
    }

    fn filled(table: &Arc<Table>, rows: &Rows) -> Database {
        let store = Database::temporary().unwrap();
        store.ensure_table(table).unwrap();
        store.put_each(table, rows).unwrap();
        store
    }

    fn sample_table() -> Arc<Table> {
        Arc::new(sample::table())
    }

    fn keys(found: &Rows, table: &Table) -> Vec<String> {
        (0..found.len()).map(|row| found.cell(row, table.key).unwrap().to_owned()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_database_keeps_what_the_sort_keys_say(
            rows in rows(sample::table()),
            filters in proptest::collection::vec(condition(sample::table()), 24),
        ) {
            let table = sample_table();
            let store = filled(&table, &rows);
            let all: Vec<_> = (0..table.columns.len()).collect();
            for filter in filters {
                let wanted = NativeScan { count: true, ..scan(&table, &all, Some(filter.clone())) };
                prop_assert_eq!(division(&wanted).left, []);
                let mut expected = residual::filter_rows(Some(&filter), &table, &rows).unwrap();
                expected.sort_by_key(|row| key::guid(rows.cell(*row, table.key).unwrap()));
                let found = store.scanned(&wanted).unwrap();
                prop_assert_eq!(&found.rows, &rows.pick(&expected), "{:?}", filter);
                prop_assert_eq!((found.count, found.more), (Some(expected.len() as u64), false));
                prop_assert_eq!(store.count(&table, filter), expected.len() as u64);
            }
        }

        #[test]
        fn groups_are_those_of_the_evaluator(
            rows in rows(sample::table()),
            filters in proptest::collection::vec(condition(sample::table()), 4),
            by in proptest::sample::subsequence((0..sample::table().columns.len()).collect::<Vec<_>>(), 0..3),
            of in proptest::collection::vec((0..7usize, 0..sample::table().columns.len()), 0..6),
        ) {
            use crate::model::aggregate::{Grouping, Method};
            use crate::plan::evaluate::aggregate::Folding;
            use crate::store::native::NativeGroups;
            let table = sample_table();
            let store = filled(&table, &rows);
            let methods = [
                Method::Rows, Method::Values, Method::Distinct, Method::Sum, Method::Average, Method::Least, Method::Most,
            ];
            let named = |nth: usize, column: usize| (format!("{nth}"), Expr::Column(column));
            let by: Vec<_> = by.into_iter().enumerate().map(|(nth, column)| named(nth, column)).collect();
            let one = |(nth, (method, column)): (usize, (usize, usize))| {
                let method = methods[method];
                (format!("of {nth}"), method, (method != Method::Rows).then_some(Expr::Column(column)))
            };
            let of: Vec<_> = of.into_iter().enumerate().map(one)
                .filter(|one| Grouping::new(&table, Vec::new(), vec![one.clone()]).is_ok()).collect();
            let step = Grouping::new(&table, by, of).unwrap();
            if step.table.columns.is_empty() {
                return Ok(());
            }
            for filter in filters {
                let kept = rows.pick(&residual::filter_rows(Some(&filter), &table, &rows).unwrap());
                let mut folding = Folding::new(table.clone(), step.clone(), 100).unwrap();
                let deadline = Instant::now() + Duration::from_secs(60);
                let asked = NativeGroups {
                    table: table.clone(), filter: Some(filter.clone()), beside: Vec::new(), step: step.clone(), most: 100, deadline,
                };
                let found = store.groups(&asked, Arc::default());
                match folding.add(&kept).and_then(|()| folding.done()) {
                    Ok(expected) => prop_assert_eq!(found.unwrap(), expected, "{:?}", filter),
                    Err(error) => prop_assert_eq!(found.unwrap_err().code(), error.code()),
                }
            }
        }

        #[test]
        fn an_index_changes_no_answer(
            rows in rows(sample::table()),
            filters in proptest::collection::vec(proptest::option::of(condition(sample::table())), 8),
            order in proptest::collection::vec((0..sample::table().columns.len(), any::<bool>()), 0..3),
            (skip, top) in (0..3u64, 0..4u64),
            equal in 0..3usize,
        ) {
            let table = sample_table();
            let store = filled(&table, &rows);
            let order: Vec<_> =
                order.into_iter().map(|(c, descending)| Order { by: Expr::Column(c), descending }).collect();
            let columns: Vec<_> = (0..table.columns.len()).collect();
            for filter in filters {
                // One that holds a column to one value is seldom made at random.
                let name = table.column(["name", "count", "active"][equal]).unwrap();
                let held = [Literal::Text("a".into()), Literal::Number(Number::parse("1").unwrap()), Literal::Null];
                let held = Filter::Compare(Compare::Eq, Expr::Column(name), Expr::Literal(held[equal].clone()));
                let filter = if top % 2 == 0 { filter } else { filter.map(|filter| Filter::both(held, filter)) };
                let order = order.clone();
                let wanted = NativeScan { order, skip, top: Some(top), count: true, ..scan(&table, &columns, filter) };
                let Some(shape) = Shape::of(&wanted) else { continue };
                let without = store.scanned(&wanted).unwrap();
                store.make_index(&Wish { table: table.clone(), shape }, Duration::ZERO).unwrap();
                let index = store.indexes.serving(&wanted).expect("there is one that serves it");
                let select = Select::by_index(&index.name, &wanted, wanted.filter.as_ref(), Window::default());
                // Where nothing can match, no index is of use, and the read goes on without.
                let is_never = select.sql.contains(" IN ()") || select.sql.split([' ', '(', ')']).any(|word| word == "0");
                let prepared = store.reading(|moment| Ok(moment.prepare(&select.sql).map(drop)?));
                prop_assert!(is_never || prepared.is_ok(), "{:?}", wanted);
                prop_assert_eq!(store.scanned(&wanted).unwrap(), without, "{:?}", wanted);
            }
        }

        /// Orders by columns are the database's, those by what is computed are made here; pages of either add up.
        #[test]
        fn pages_have_no_gaps_and_follow_the_order(
            rows in rows(sample::table()),
            order in proptest::collection::vec((0..sample::table().columns.len(), any::<bool>()), 0..3),
            page in 1..4u64,
            computed: bool,
            filtered: bool,
        ) {
            let table = sample_table();
            let store = filled(&table, &rows);
            let mut order: Vec<_> =
                order.into_iter().map(|(c, descending)| Order { by: Expr::Column(c), descending }).collect();
            if computed {
                order.push(Order { by: length(&table), descending: false });
            }
            let filter = filtered.then(|| more_than_one(&table));
            let kept = rows.pick(&residual::filter_rows(filter.as_ref(), &table, &rows).unwrap());
            let sorted = residual::order(&kept, &order, &table).unwrap();
            let expected: Vec<_> = sorted.iter().map(|row| kept.cell(*row, table.key).unwrap().to_owned()).collect();
            let mut got = Vec::new();
            loop {
                let (skip, top, counted) = (got.len() as u64, Some(page), got.len() % 2 == 0);
                let order = order.clone();
                let wanted =
                    NativeScan { order, skip, top, count: counted, ..scan(&table, &[table.key], filter.clone()) };
                prop_assert_eq!(division(&wanted).ordered, !computed);
                let found = store.scanned(&wanted).unwrap();
                prop_assert_eq!(found.count, counted.then_some(expected.len() as u64));
                got.extend(keys(&found.rows, &table));
                prop_assert_eq!(found.more, got.len() < expected.len());
                if !found.more {
                    break;
                }
            }
            prop_assert_eq!(got, expected);
        }
    }

    /// What no cell can break, and the database does not compute.
    fn length(table: &Table) -> Expr {
        Expr::Call(Function::Length, vec![Expr::Column(table.column("name").unwrap())])
    }

    fn more_than_one(table: &Table) -> Filter {
        Filter::Compare(Compare::Gt, length(table), Expr::Literal(Literal::Number(Number::parse("1").unwrap())))
    }

    #[test]
    fn what_cannot_be_translated_is_left_over_with_its_columns() {
        let table = sample_table();
        let store = filled(&table, &bare_rows(&table, &["a"]));
        let column = |name| Expr::Column(table.column(name).unwrap());
        let one = || Expr::Literal(Literal::Number(Number::parse("1").unwrap()));
        let plain = Filter::Compare(Compare::Eq, column("count"), one());
        let sum = Expr::Arithmetic(Arithmetic::Add, Box::new(column("count")), Box::new(column("weight")));
        let computed = Filter::Compare(Compare::Gt, sum, one());
        let filter = Filter::And(Box::new(computed.clone()), Box::new(plain.clone()));
        let wanted = NativeScan { top: Some(1), ..scan(&table, &[table.key], Some(filter.clone())) };
        let divided = division(&wanted);
        assert_eq!((divided.checked, divided.left, divided.ordered), (vec![plain], vec![computed], true));
        let found = store.scanned(&wanted).unwrap().rows;
        let names: Vec<_> = found.columns().iter().map(|c| table.columns[*c].name.as_str()).collect();
        assert_eq!((names.as_slice(), found.len()), (&["msemr_azurefhirid", "count", "weight"][..], 0));
        let either = Filter::Or(Box::new(filter.clone()), Box::new(Filter::Not(Box::new(filter))));
        let divided = division(&scan(&table, &[], Some(either.clone())));
        assert_eq!((divided.checked, divided.left), (vec![], vec![either]), "an `or` goes as a whole");
    }

    #[test]
    fn an_index_serves_lookups() {
        let table = sample_table();
        let store = filled(&table, &Rows::default());
        let patient = Expr::Column(table.column("patient").unwrap());
        let guid = Expr::Literal(Literal::Guid(key::guid("a")));
        let filter = Filter::Compare(Compare::Eq, patient, guid);
        let select = Select::new(&table, &[table.key], Some(&filter), &[], Window { skip: 0, top: Some(10) });
        let plan: String = store
            .reading(|moment| {
                let mut explain = moment.prepare(&format!("EXPLAIN QUERY PLAN {}", select.sql))?;
                Ok(explain.query_row((vec![0u8; 16], 0), |row| row.get(3))?)
            })
            .unwrap();
        assert!(plan.contains("USING INDEX sample:patient (k_patient=?)"), "{plan}");
    }

    #[test]
    fn rows_that_are_looked_at_here_are_counted_and_bounded() {
        let table = sample_table();
        let name = table.column("name").unwrap();
        let mut rows = Rows::new((0..table.columns.len()).collect());
        for number in 0..1_200 {
            let (id, text) = (format!("{number:04}"), if number % 2 == 0 { "long" } else { "s" });
            let cell = |column| if column == table.key { Some(id.as_str()) } else { (column == name).then_some(text) };
            rows.push((0..table.columns.len()).map(cell));
        }
        let store = filled(&table, &rows);
        let limits = |rows| ScanLimits { rows, bytes: usize::MAX, deadline: Instant::now() + Duration::from_secs(60) };
        let ask = |wanted: &NativeScan, rows| store.scan(wanted, limits(rows), Arc::default());
        let some = NativeScan { top: Some(10), ..scan(&table, &[], Some(more_than_one(&table))) };
        let found = ask(&some, 5_000).unwrap();
        assert_eq!((found.rows.len(), found.more), (10, true));
        assert!((11..60).contains(&found.looked_at), "no further than needed: {}", found.looked_at);
        let counted = ask(&NativeScan { count: true, ..some.clone() }, 5_000).unwrap();
        assert_eq!((counted.rows.len(), counted.count, counted.looked_at), (10, Some(600), 1_200));
        for (wanted, rows) in [
            (NativeScan { count: true, ..some.clone() }, 1_199),
            (scan(&table, &[], None), 1_199),
            (NativeScan { top: None, ..some.clone() }, 700),
        ] {
            assert_eq!(ask(&wanted, rows).unwrap_err().code(), Code::ScanBudgetExceeded);
        }
        let cut = ask(&NativeScan { top: Some(3), ..scan(&table, &[], None) }, 1).unwrap();
        assert_eq!((cut.rows.len(), cut.looked_at), (3, 0), "the database cuts these");
        let late = ScanLimits { rows: 5_000, bytes: usize::MAX, deadline: Instant::now() };
        let late = store.scan(&some, late, Arc::default()).unwrap_err();
        assert_eq!(late.code(), Code::UpstreamTimeout);
    }

    #[test]
    fn one_row_by_key() {
        let table = sample_table();
        let store = filled(&table, &bare_rows(&table, &["a"]));
        let name = table.column("name").unwrap();
        let found = store.row(&table, key::guid("a"), &[name, table.key]).unwrap();
        assert_eq!(found.row(0).collect::<Vec<_>>(), [None, Some("a")]);
        assert_eq!(store.row(&table, key::guid("b"), &[name]), None);
    }
}
