//! Rows out of native tables.

use std::ops::ControlFlow;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension as _, Row};
use uuid::Uuid;

use super::sqlite::Store;
use super::write::standing;
use crate::model::error::{Code, Error, Result};
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Table};
use crate::plan::sql::{self, Select, Value};

/// Bytes of cells that one answer may hold. `ScanBudgetExceeded`.
pub const READ_BYTES_MAX: usize = 512 << 20;

/// Rows, and what the store itself knows about each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    pub rows: Rows,
    /// One for each row: what its ETag is made of.
    pub versions: Vec<String>,
}

impl Store {
    /// All rows that a statement gives.
    pub fn select(&self, select: &Select) -> Result<Stored> {
        let mut all = Stored::new(&select.columns);
        self.each(select, |row| {
            all.push(row)?;
            if all.rows.bytes() > READ_BYTES_MAX {
                return Err(Error::new(Code::ScanBudgetExceeded, "the rows of one answer are too large")
                    .hint("ask for fewer columns or a smaller page"));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }

    /// The same, some rows at a time, until `look` breaks off. It should be quick: it holds a connection.
    pub fn scan(
        &self,
        select: &Select,
        chunk_rows: usize,
        mut look: impl FnMut(Stored) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut chunk = Stored::new(&select.columns);
        let mut broken_off = false;
        self.each(select, |row| {
            chunk.push(row)?;
            if chunk.versions.len() < chunk_rows && chunk.rows.bytes() < READ_BYTES_MAX / 2 {
                return Ok(ControlFlow::Continue(()));
            }
            let flow = look(std::mem::replace(&mut chunk, Stored::new(&select.columns)))?;
            broken_off = flow.is_break();
            Ok(flow)
        })?;
        if !broken_off && !chunk.versions.is_empty() {
            let _ = look(chunk)?;
        }
        Ok(())
    }

    /// How many rows the translated conditions keep, whatever the window. Where a residual filter is left, the rows
    /// must be looked at instead.
    pub fn count(&self, select: &Select) -> Result<u64> {
        if select.residual.is_some() {
            return Err(Error::new(Code::Internal, "rows with a residual filter cannot be counted by the database"));
        }
        self.reading(|moment| {
            let mut statement = moment.prepare_cached(&select.count_sql)?;
            let count: i64 = statement.query_row(rusqlite::params_from_iter(&select.params), |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
    }

    /// One row by its key.
    pub fn get(&self, table: &Table, key: Uuid, columns: &[ColumnIndex]) -> Result<Option<Stored>> {
        let mut one = Stored::new(columns);
        self.reading(|moment| {
            let mut statement = moment.prepare_cached(&select_by_key(table, columns))?;
            let found = statement.query_row([key], |row| Ok(one.push(row))).optional()?;
            found.transpose()
        })
        .map(|found| found.map(|()| one))
    }

    /// A resource of the native route and its version.
    pub fn resource(&self, resource_type: &str, id: &str) -> Result<Option<(Vec<u8>, u64)>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(
                "SELECT body, version FROM _turntable_resources WHERE resource_type = ? AND id = ? AND body IS NOT NULL",
            )?;
            let found = select.query_row((resource_type, id), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
            Ok(found.optional()?.map(|(body, version)| (body, u64::try_from(version).unwrap_or(0))))
        })
    }

    /// The last version that a resource had, whether it is still there or not.
    pub fn last_version(&self, resource_type: &str, id: &str) -> Result<Option<u64>> {
        self.reading(|moment| Ok(standing(moment, resource_type, id)?.map(|(version, _)| version)))
    }

    /// Resources of a type in the order of their ids, after one of them, written since a moment: id, version and body.
    pub fn resources_after(
        &self,
        resource_type: &str,
        id: &str,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<(String, u64, Vec<u8>)>> {
        self.reading(|moment| {
            let mut select = moment.prepare_cached(
                "SELECT id, version, body FROM _turntable_resources \
                 WHERE resource_type = ? AND id > ? AND modified >= ? AND body IS NOT NULL ORDER BY id LIMIT ?",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = select.query_map((resource_type, id, since.as_microsecond(), limit), |row| {
                Ok((row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0), row.get(2)?))
            })?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// Rows of a native table.
    pub fn count_rows(&self, table: &Table) -> Result<u64> {
        self.reading(|moment| {
            let count: i64 =
                moment.query_row(&format!("SELECT count(*) FROM {}", sql::table_name(table)), [], |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
    }

    fn each(&self, select: &Select, mut look: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
        self.reading(|moment| {
            let mut statement = moment.prepare_cached(&select.sql)?;
            let (limit, offset) = select.window.map(|w| w.limit_offset()).unzip();
            let window = [limit, offset].into_iter().flatten().map(Value::Int);
            let mut rows = statement.query(rusqlite::params_from_iter(select.params.iter().cloned().chain(window)))?;
            while let Some(row) = rows.next()? {
                if look(row)?.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }
}

impl Stored {
    fn new(columns: &[ColumnIndex]) -> Self {
        Self { rows: Rows::new(columns.to_vec()), versions: Vec::new() }
    }

    /// A row of a statement that gives the version and then the cells of these columns.
    fn push(&mut self, row: &Row<'_>) -> Result<()> {
        let cells = cells(row, self.rows.columns().len())?;
        self.versions.push(row.get::<_, i64>(0)?.to_string());
        self.rows.push(cells);
        Ok(())
    }
}

/// The cells that follow the version.
fn cells<'r>(row: &'r Row<'_>, count: usize) -> Result<Vec<Option<&'r str>>> {
    let cell = |index| match row.get_ref(index)? {
        ValueRef::Null => Ok(None),
        value => Ok(Some(value.as_str().map_err(rusqlite::Error::from)?)),
    };
    (1..=count).map(cell).collect()
}

/// Version and cells of one row.
fn select_by_key(table: &Table, columns: &[ColumnIndex]) -> String {
    let mut statement = String::from("SELECT \"version\"");
    for column in columns {
        statement.push_str(", ");
        statement.push_str(&sql::cell_name(table, *column));
    }
    statement + " FROM " + &sql::table_name(table) + " WHERE \"key\" = ?"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::key;
    use crate::model::query::{Arithmetic, Compare, Expr, Filter, Literal, Order, TextTest};
    use crate::model::table::Kind;
    use crate::model::value::Number;
    use crate::plan::evaluate::residual;
    use crate::plan::sql::Window;
    use crate::store::tables::{make_concept_keys, sample};
    use crate::store::write::NativeWrite;

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

    fn filled(table: &Table, rows: &Rows) -> Store {
        let store = Store::temporary().unwrap();
        store.ensure_table(table).unwrap();
        store.put_each(table, rows).unwrap();
        store
    }

    fn keys(found: &Stored, table: &Table) -> Vec<String> {
        (0..found.rows.len()).map(|row| found.rows.cell(row, table.key).unwrap().to_owned()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_database_keeps_what_the_sort_keys_say(
            rows in rows(sample::table()),
            filters in proptest::collection::vec(condition(sample::table()), 24),
        ) {
            let table = sample::table();
            let store = filled(&table, &rows);
            let all: Vec<_> = (0..table.columns.len()).collect();
            for filter in filters {
                let select = Select::new(&table, &all, Some(&filter), &[], Window::default());
                prop_assert_eq!(&select.residual, &None);
                let mut expected = residual::filter_rows(Some(&filter), &table, &rows).unwrap();
                expected.sort_by_key(|row| key::guid(rows.cell(*row, table.key).unwrap()));
                let found = store.select(&select).unwrap();
                prop_assert_eq!(&found.rows, &rows.pick(&expected), "{:?}\n{}", filter, select.sql);
                prop_assert_eq!(store.count(&select).unwrap(), expected.len() as u64);
            }
        }

        #[test]
        fn pages_have_no_gaps_and_follow_the_order(
            rows in rows(sample::table()),
            order in proptest::collection::vec((0..sample::table().columns.len(), any::<bool>()), 0..3),
            page in 1..4u64,
        ) {
            let table = sample::table();
            let store = filled(&table, &rows);
            let order: Vec<_> =
                order.into_iter().map(|(c, descending)| Order { by: Expr::Column(c), descending }).collect();
            let sorted = residual::order(&rows, &order, &table).unwrap();
            let mut got = Vec::new();
            loop {
                let window = Window { skip: got.len() as u64, top: Some(page) };
                let select = Select::new(&table, &[table.key], None, &order, window);
                prop_assert!(select.ordered && select.window.is_some());
                let found = keys(&store.select(&select).unwrap(), &table);
                if found.is_empty() {
                    break;
                }
                got.extend(found);
            }
            let expected: Vec<_> = sorted.iter().map(|row| rows.cell(*row, table.key).unwrap().to_owned()).collect();
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn what_cannot_be_translated_is_left_over_with_its_columns() {
        let table = sample::table();
        let store = filled(&table, &Rows::default());
        let column = |name| Expr::Column(table.column(name).unwrap());
        let one = || Expr::Literal(Literal::Number(Number::parse("1").unwrap()));
        let plain = Filter::Compare(Compare::Eq, column("count"), one());
        let sum = Expr::Arithmetic(Arithmetic::Add, Box::new(column("count")), Box::new(column("weight")));
        let computed = Filter::Compare(Compare::Gt, sum, one());
        let filter = Filter::And(Box::new(computed.clone()), Box::new(plain));
        let top = Window { skip: 0, top: Some(1) };
        let select = Select::new(&table, &[table.key], Some(&filter), &[], top);
        assert_eq!(select.residual, Some(computed));
        assert_eq!(select.window, None, "no page before the residual filter");
        let names: Vec<_> = select.columns.iter().map(|c| table.columns[*c].name.as_str()).collect();
        assert_eq!(names, ["msemr_azurefhirid", "count", "weight"]);
        assert_eq!(select.params, [Value::Int(1)]);
        assert!(store.select(&select).unwrap().rows.is_empty());
        assert!(store.count(&select).is_err());
        let either = Filter::Or(Box::new(filter.clone()), Box::new(Filter::Not(Box::new(filter.clone()))));
        let select = Select::new(&table, &[], Some(&either), &[], top);
        assert_eq!((select.residual, select.params.len()), (Some(either), 0), "an `or` goes as a whole");
    }

    #[test]
    fn an_index_serves_lookups() {
        let table = sample::table();
        let store = filled(&table, &Rows::default());
        let patient = Expr::Column(table.column("patient").unwrap());
        let guid = Expr::Literal(Literal::Guid(key::guid("a")));
        let filter = Filter::Compare(Compare::Eq, patient, guid);
        let select = Select::new(&table, &[table.key], Some(&filter), &[], Window { skip: 0, top: Some(10) });
        let plan: String = store
            .reading(|moment| {
                let mut explain = moment.prepare(&format!("EXPLAIN QUERY PLAN {}", select.sql))?;
                Ok(explain.query_row((vec![0u8; 16], 10, 0), |row| row.get(3))?)
            })
            .unwrap();
        assert!(plan.contains("USING INDEX sample:patient (k_patient=?)"), "{plan}");
    }

    #[test]
    fn scanning_goes_through_all_rows_and_can_break_off() {
        let table = sample::table();
        let store = filled(&table, &bare_rows(&table, &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]));
        let select = Select::new(&table, &[table.key], None, &[], Window::default());
        let mut sizes = Vec::new();
        store
            .scan(&select, 4, |chunk| {
                sizes.push(chunk.versions.len());
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        assert_eq!(sizes, [4, 4, 2]);
        sizes.clear();
        store
            .scan(&select, 4, |chunk| {
                sizes.push(chunk.rows.len());
                Ok(ControlFlow::Break(()))
            })
            .unwrap();
        assert_eq!(sizes, [4]);
    }

    #[test]
    fn one_row_by_key() {
        let table = sample::table();
        let store = filled(&table, &bare_rows(&table, &["a"]));
        let name = table.column("name").unwrap();
        let found = store.get(&table, key::guid("a"), &[name, table.key]).unwrap().unwrap();
        assert_eq!(found.rows.row(0).collect::<Vec<_>>(), [None, Some("a")]);
        assert_eq!(found.versions, ["1"]);
        assert_eq!(store.get(&table, key::guid("b"), &[name]).unwrap(), None);
    }
    #[test]
    fn resources_come_in_pages() {
        let store = Store::temporary().unwrap();
        let put = |resource_type: &str, id: &str, body: Option<&str>, base: Option<u64>| {
            let body = body.map(|body| body.as_bytes().to_vec());
            let (resource_type, id) = (resource_type.to_owned(), id.to_owned());
            let version = base.unwrap_or(0) + 1;
            store.put_resources(&[NativeWrite { resource_type, id, body, base, version, rows: Vec::new() }]).unwrap();
        };
        for id in ["b", "a", "e", "B", "c", "d"] {
            put("Patient", id, Some(id), None);
        }
        put("Person", "a", Some("another type"), None);
        put("Patient", "c", None, Some(1));
        let check = |resource_type: &str, after: &str, limit: usize, expected: &[(&str, &str)]| {
            let found = store.resources_after(resource_type, after, Timestamp::UNIX_EPOCH, limit).unwrap();
            let found: Vec<_> =
                found.iter().map(|(id, _, body)| (id.as_str(), str::from_utf8(body).unwrap())).collect();
            assert_eq!(found, expected, "{resource_type} after {after}");
        };
        check("Patient", "", 2, &[("B", "B"), ("a", "a")]);
        check("Patient", "a", 2, &[("b", "b"), ("d", "d")]);
        check("Patient", "d", 2, &[("e", "e")]);
        check("Patient", "e", 2, &[]);
        check("Patient", "", 0, &[]);
        check("Patient", "c", usize::MAX, &[("d", "d"), ("e", "e")]);
        check("Person", "", 9, &[("a", "another type")]);
        check("Encounter", "", 9, &[]);
    }
}
