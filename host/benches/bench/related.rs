//! Groups, conditions on related rows and orders by their values, of a large native table, beside the same in SQL written by hand
//! over plain columns with the indexes that each question wants; and pages of many sizes.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::types::Value;
use turntable::model::aggregate::{Grouping, Method};
use turntable::model::query::{Beside, Compare, Expr, Filter, JoinedValue, Literal, Order};
use turntable::model::table::Table as Described;
use turntable::store::facade::Store;
use turntable::store::native::{NativeGroups, NativeScan, ScanLimits};

use crate::Result;
use crate::measure::{Report, Table, milliseconds, quantile};
use crate::native::{CODE, COLUMNS, EFFECTIVE, PATIENCE, STATUS, SUBJECT, VALUE};

const ROUNDS: usize = 9;

/// Of the person.
const PERSON_ID: usize = 0;
const NAME: usize = 1;
const CITY: usize = 2;

pub struct Asked<'a> {
    pub store: &'a Store,
    pub observations: &'a Arc<Described>,
    pub persons: &'a Arc<Described>,
    pub hand: &'a Connection,
}

/// One question: by the store, and in SQL.
struct Question {
    name: String,
    ours: Ours,
    sql: String,
    /// The number of rows of a page, as it is asked beside it.
    count: Option<String>,
    indexes: &'static [&'static str],
}

enum Ours {
    Groups(Grouping, Option<Filter>),
    Page(NativeScan),
}

impl Asked<'_> {
    pub async fn measured(&self, report: &mut Report) -> Result<()> {
        for (title, questions) in [
            ("Groups of all rows", self.groups()?),
            ("Related rows: a page of 50 with its count", self.joins()),
            ("Pages of many sizes, a third of the rows, the newest first", self.sizes()),
        ] {
            let mut table = Table::new(title, &["p50 ms", "by hand", "times"], &[]);
            for question in questions {
                let [ours, theirs] = self.times(&question).await?;
                table.row(question.name, [ours, theirs, ours / theirs]);
            }
            report.add(&table);
        }
        Ok(())
    }

    fn groups(&self) -> Result<Vec<Question>> {
        let named = |name: &str, column| (name.to_owned(), Expr::Column(column));
        let of = |name: &str, method, column| (name.to_owned(), method, Some(Expr::Column(column)));
        let rows = || ("n".to_owned(), Method::Rows, None);
        let grouping = |by: Vec<_>, of: Vec<_>| Grouping::new(self.observations, by, of);
        let question = |name: &str, step, filter, sql: &str| Question {
            name: name.to_owned(),
            ours: Ours::Groups(step, filter),
            sql: sql.to_owned(),
            count: None,
            indexes: &[],
        };
        let all = "count(*), sum(value), min(effective), max(effective)";
        let final_ones = is(STATUS, "final");
        Ok(vec![
            question(
                "three groups: count, sum, min, max",
                grouping(
                    vec![named("status", STATUS)],
                    vec![
                        rows(),
                        of("s", Method::Sum, VALUE),
                        of("a", Method::Least, EFFECTIVE),
                        of("b", Method::Most, EFFECTIVE),
                    ],
                )?,
                None,
                &format!("SELECT status, {all} FROM by_hand GROUP BY status ORDER BY status"),
            ),
            question(
                "a thousand groups: count",
                grouping(vec![named("value", VALUE)], vec![rows()])?,
                None,
                "SELECT value, count(*) FROM by_hand GROUP BY value ORDER BY value",
            ),
            question(
                "a thousand groups of a third of the rows: average",
                grouping(vec![named("value", VALUE)], vec![of("m", Method::Average, EFFECTIVE)])?,
                Some(final_ones),
                "SELECT value, avg(effective) FROM by_hand WHERE status = 'final' GROUP BY value ORDER BY value",
            ),
            question(
                "one row: distinct codes, sum",
                grouping(Vec::new(), vec![of("c", Method::Distinct, CODE), of("s", Method::Sum, VALUE)])?,
                None,
                "SELECT count(DISTINCT code), sum(value) FROM by_hand",
            ),
        ])
    }

    fn joins(&self) -> Vec<Question> {
        let page = |filter: Option<Filter>, order: Vec<Order>, beside: Vec<Beside>| {
            let top = Some(50);
            let (table, columns) = (self.observations.clone(), (0..COLUMNS.len()).collect());
            Ours::Page(NativeScan { table, columns, filter, order, skip: 0, top, count: true, beside })
        };
        let newest = || vec![Order { by: Expr::Column(EFFECTIVE), descending: true }];
        let whose = |filter| Filter::among(self.observations, SUBJECT, self.persons, PERSON_ID, Some(filter));
        let joined = "FROM by_hand JOIN person ON person.id = by_hand.subject WHERE";
        let columns = "by_hand.id, status, code, effective, value, description, subject";
        let of_persons = |name: &str, filter: Filter, condition: &str, indexes| Question {
            name: name.to_owned(),
            ours: page(Some(whose(filter)), newest(), Vec::new()),
            sql: format!("SELECT {columns} {joined} {condition} ORDER BY effective DESC, by_hand.id LIMIT 50"),
            count: Some(format!("SELECT count(*) {joined} {condition}")),
            indexes,
        };
        let name = Beside::new(self.observations, SUBJECT, self.persons, PERSON_ID, JoinedValue::Column(NAME));
        let by_name = vec![Order { by: Expr::Column(COLUMNS.len()), descending: false }];
        vec![
            of_persons(
                "rows of one person, by name",
                is(NAME, "name 7"),
                "person.name = 'name 7'",
                &["by_hand (subject)", "person (name)"],
            ),
            of_persons(
                "rows of a tenth of the persons, by city",
                is(CITY, "city 3"),
                "person.city = 'city 3'",
                &["by_hand (subject)", "person (city)"],
            ),
            Question {
                name: "rows of a status, in the order of their persons' names".to_owned(),
                ours: page(Some(is(STATUS, "final")), by_name, vec![name]),
                sql: format!(
                    "SELECT {columns} FROM by_hand LEFT JOIN person ON person.id = by_hand.subject WHERE status = 'final' \
                     ORDER BY person.name, by_hand.id LIMIT 50"
                ),
                count: Some("SELECT count(*) FROM by_hand WHERE status = 'final'".to_owned()),
                indexes: &["by_hand (status)"],
            },
        ]
    }

    fn sizes(&self) -> Vec<Question> {
        let question = |rows: u64| {
            let columns = (0..COLUMNS.len()).collect();
            let order = vec![Order { by: Expr::Column(EFFECTIVE), descending: true }];
            let filter = Some(is(STATUS, "final"));
            let scan = NativeScan {
                table: self.observations.clone(),
                columns,
                filter,
                order,
                skip: 0,
                top: Some(rows),
                count: false,
                beside: Vec::new(),
            };
            Question {
                name: format!("{rows} rows"),
                ours: Ours::Page(scan),
                sql: format!(
                    "SELECT id, status, code, effective, value, description, subject FROM by_hand WHERE status = 'final' \
                     ORDER BY effective DESC, id LIMIT {rows}"
                ),
                count: None,
                indexes: &["by_hand (status, effective DESC, id)"],
            }
        };
        [10, 50, 500, 5_000].map(question).into()
    }

    /// Milliseconds: the store's, and by hand. The numbers of rows must be the same.
    async fn times(&self, question: &Question) -> Result<[f64; 2]> {
        let names: Vec<_> = (0..question.indexes.len()).map(|nth| format!("related_{nth}")).collect();
        for (name, on) in names.iter().zip(question.indexes) {
            self.hand.execute_batch(&format!("CREATE INDEX {name} ON {on}"))?;
        }
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        // The first asks for what the store makes behind the requests.
        self.ours(question).await?;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let found = self.ours(question).await?;
            ours.push(milliseconds(begun.elapsed()));
            let begun = Instant::now();
            let by_hand = self.by_hand(question)?;
            theirs.push(milliseconds(begun.elapsed()));
            if found != by_hand {
                return Err(format!("{}: {found:?} rows, and {by_hand:?} by hand", question.name).into());
            }
        }
        for name in names {
            self.hand.execute_batch(&format!("DROP INDEX {name}"))?;
        }
        Ok([quantile(&mut ours, 0.5), quantile(&mut theirs, 0.5)])
    }

    async fn ours(&self, question: &Question) -> Result<(usize, Option<u64>)> {
        let deadline = Instant::now() + PATIENCE;
        match &question.ours {
            Ours::Groups(step, filter) => {
                let (table, filter, step) = (self.observations.clone(), filter.clone(), step.clone());
                let asked = NativeGroups { table, filter, beside: Vec::new(), step, most: 10_000, deadline };
                Ok((self.store.groups(asked).await?.len(), None))
            }
            Ours::Page(scan) => {
                let limits = ScanLimits { rows: 5_000, bytes: usize::MAX, deadline };
                let found = self.store.scan(scan.clone(), limits).await?;
                Ok((found.rows.len(), found.count))
            }
        }
    }

    fn by_hand(&self, question: &Question) -> Result<(usize, Option<u64>)> {
        let mut select = self.hand.prepare_cached(&question.sql)?;
        let width = select.column_count();
        let mut rows = select.query([])?;
        let mut number = 0;
        while let Some(row) = rows.next()? {
            for column in 0..width {
                std::hint::black_box(row.get::<_, Value>(column)?);
            }
            number += 1;
        }
        let count = match &question.count {
            Some(count) => {
                let count: i64 = self.hand.prepare_cached(count)?.query_row([], |row| row.get(0))?;
                Some(count.try_into()?)
            }
            None => None,
        };
        Ok((number, count))
    }
}

fn is(column: usize, text: &str) -> Filter {
    Filter::Compare(Compare::Eq, Expr::Column(column), Expr::Literal(Literal::Text(text.into())))
}
