//! Makes the indexes that reads have asked for, and drops them. Making one is a single statement that holds the writer for as
//! long as it takes; others read meanwhile, and who writes waits. So it is given up where it takes too long, and no
//! writer is sent away because of it. An index goes with its set of rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::error::{Code, Result};
use crate::store::sql::names::quoted;
use crate::store::sqlite::database::{Database, Stop};
use crate::store::sqlite::tables::Stands;
use crate::store::sqlite::wishes::{Index, Room, Wish};

/// What becomes of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    Made,
    /// It takes too long.
    GivenUp,
    /// The table has as many as it may have, all of use, or it is gone itself.
    Not,
}

impl Database {
    /// Makes an index where its table may have so many, and each has had so long a rest that gives way to it.
    pub(crate) fn make_index(&self, wish: &Wish, rest: Duration) -> Result<Granted> {
        let (terms, set) = (&self.index_terms, wish.table.set());
        if self.tables.stands(&wish.table, []) == Stands::Missing {
            return Ok(Granted::Not);
        }
        let gives_way = match self.indexes.room(&set, terms.most, rest) {
            Room::Free => None,
            Room::Of(index) => Some(index),
            Room::None => return Ok(Granted::Not),
        };
        let stop = Stop { deadline: Instant::now() + terms.build, abandoned: Arc::default() };
        let made = self.writing_until(&stop, |transaction| {
            if let Some(index) = &gives_way {
                transaction.execute_batch(&drop_statement(index))?;
            }
            Ok(transaction.execute_batch(&wish.shape.create(&wish.table))?)
        });
        match made {
            Ok(()) => {
                gives_way.iter().for_each(|index| self.indexes.remove(index));
                self.indexes.add(&set, wish.shape.clone());
                Ok(Granted::Made)
            }
            Err(error) if error.code() == Code::UpstreamTimeout => {
                self.indexes.give_up(&set, wish.shape.clone());
                Ok(Granted::GivenUp)
            }
            Err(error) => Err(error),
        }
    }

    /// Drops the indexes that were of no use for so long. How many.
    pub(crate) fn drop_unused_indexes(&self, rest: Duration) -> Result<usize> {
        let unused = self.indexes.unused(rest);
        for index in &unused {
            self.writing(|transaction| Ok(transaction.execute_batch(&drop_statement(index))?))?;
            self.indexes.remove(index);
        }
        Ok(unused.len())
    }
}

fn drop_statement(index: &Index) -> String {
    format!("DROP INDEX IF EXISTS {}", quoted(&index.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::query::{Compare, Expr, Filter, Literal, Order};
    use crate::model::rows::Rows;
    use crate::model::table::Table;
    use crate::model::value::Number;
    use crate::store::native::NativeScan;
    use crate::store::sql::indexes::Shape;
    use crate::store::sql::select::{Select, Window};
    use crate::store::sqlite::folder::FILE_NAME;
    use crate::store::sqlite::scan::sample::scan;
    use crate::store::sqlite::tables::sample;
    use crate::store::sqlite::wishes::Terms;

    const LONG: Duration = Duration::from_secs(600);

    fn number(text: &'static str) -> Expr {
        Expr::Literal(Literal::Number(Number::parse(text).unwrap()))
    }

    fn column(table: &Table, name: &str) -> Expr {
        Expr::Column(table.column(name).unwrap())
    }

    /// `other_count eq 1 and count gt 10 order by NAME`, the first ten rows and how many there are.
    fn page(table: &Arc<Table>, by: &str, descending: bool) -> NativeScan {
        let one = Filter::Compare(Compare::Eq, column(table, "other_count"), number("1"));
        let more = Filter::Compare(Compare::Gt, column(table, "count"), number("10"));
        let order = vec![Order { by: column(table, by), descending }];
        let (top, count) = (Some(10), true);
        NativeScan { order, top, count, ..scan(table, &[table.key], Some(Filter::both(one, more))) }
    }

    /// Every other row of some has `other_count` 1; the counts are mixed.
    fn fill(store: &Database, rows: usize) -> Arc<Table> {
        let table = Arc::new(sample::table());
        let [count, other] = ["count", "other_count"].map(|name| table.column(name).unwrap());
        let mut all = Rows::new((0..table.columns.len()).collect());
        for row in 0..rows {
            let (key, mixed, even) = (format!("{row:05}"), (row * 7_919 % rows).to_string(), (row % 2).to_string());
            all.push((0..table.columns.len()).map(|column| match column {
                column if column == table.key => Some(key.as_str()),
                column if column == count => Some(mixed.as_str()),
                column if column == other => Some(even.as_str()),
                _ => None,
            }));
        }
        store.put_each(&table, &all).unwrap();
        table
    }

    fn wish(scan: &NativeScan) -> Wish {
        Wish { table: scan.table.clone(), shape: Shape::of(scan).unwrap() }
    }

    /// What the database says that it does.
    fn plan(store: &Database, select: &Select, sql: &str) -> String {
        let params = select.params.clone().into_iter();
        let offset = select.window.map(Window::offset).filter(|_| sql == select.sql);
        let params: Vec<_> = params.chain(offset.map(crate::store::sql::names::Value::Int)).collect();
        store
            .reading(|moment| {
                let mut explain = moment.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let lines = explain.query_map(rusqlite::params_from_iter(params), |row| row.get::<_, String>(3))?;
                Ok(lines.collect::<rusqlite::Result<Vec<_>>>()?.join("; "))
            })
            .unwrap()
    }

    #[test]
    fn a_page_is_read_in_its_order_by_the_index_and_counted_on_it_alone() {
        let store = Database::temporary().unwrap();
        let table = fill(&store, 100);
        let window = Window { skip: 0, top: Some(10) };
        let check = |wanted: NativeScan, page_plan: &str, count_plan: &str| {
            assert_eq!(store.make_index(&wish(&wanted), LONG).unwrap(), Granted::Made);
            let index = store.indexes.serving(&wanted).unwrap();
            let select = Select::by_index(&index.name, &wanted, wanted.filter.as_ref(), window);
            assert_eq!(plan(&store, &select, &select.sql), page_plan);
            assert_eq!(plan(&store, &select, &select.count_sql), count_plan);
        };
        check(
            page(&table, "count", true),
            "SEARCH sample USING INDEX sample::other_count=,count- (k_other_count=? AND k_count>?)",
            "SEARCH sample USING COVERING INDEX sample::other_count=,count- (k_other_count=? AND k_count>?)",
        );
        check(
            page(&table, "name", false),
            "SEARCH sample USING INDEX sample::other_count=,name+,count? (k_other_count=?)",
            "SEARCH sample USING COVERING INDEX sample::other_count=,name+,count? (k_other_count=?)",
        );
        check(
            NativeScan { filter: None, ..page(&table, "day", false) },
            "SCAN sample USING INDEX sample::day+",
            "SCAN sample USING COVERING INDEX sample:resource",
        );
        // Without being told to, the database uses none of them.
        let wanted = NativeScan { filter: None, ..page(&table, "count", true) };
        let select = Select::new(&table, &wanted.columns, None, &wanted.order, window);
        assert_eq!(plan(&store, &select, &select.sql), "SCAN sample; USE TEMP B-TREE FOR ORDER BY");
    }

    #[test]
    fn who_asks_for_the_second_time_gets_it_and_a_start_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Database::open(folder.path()).unwrap().with_index_terms(terms(1_000, 8));
        let table = fill(&store, 1_000);
        let wanted = page(&table, "count", true);
        let before = store.scanned(&wanted).unwrap();
        assert!(store.indexes.next().is_none(), "once is no habit");
        store.scanned(&wanted).unwrap();
        let next = store.indexes.next().unwrap();
        assert_eq!((&*next.table.name, next.shape.to_string().as_str()), ("sample", "other_count=,count-"));
        assert_eq!(store.make_index(&next, LONG).unwrap(), Granted::Made);
        for _ in 0..3 {
            assert_eq!(store.scanned(&wanted).unwrap(), before);
        }
        assert!(store.indexes.next().is_none(), "what it has it does not ask for");
        drop(store);
        let store = Database::open(folder.path()).unwrap();
        assert_eq!(store.indexes.serving(&wanted).unwrap().name, "sample::other_count=,count-");
        assert_eq!(store.scanned(&wanted).unwrap(), before);
        // One that is gone behind our back is not missed.
        drop(store);
        let connection = rusqlite::Connection::open(folder.path().join(FILE_NAME)).unwrap();
        let store = Database::open(folder.path()).unwrap();
        connection.execute_batch("DROP INDEX \"sample::other_count=,count-\"").unwrap();
        assert_eq!(store.scanned(&wanted).unwrap(), before);
    }

    fn terms(steps: u64, most: usize) -> Terms {
        Terms { steps, most, build: LONG }
    }

    #[test]
    fn a_read_that_is_cheap_or_broken_off_by_nothing_asks_for_nothing() {
        for (steps, most) in [(1_000_000, 8), (1_000, 0)] {
            let store = Database::temporary().unwrap().with_index_terms(terms(steps, most));
            let table = fill(&store, 1_000);
            for _ in 0..3 {
                store.scanned(&page(&table, "count", true)).unwrap();
            }
            assert!(store.indexes.next().is_none());
        }
    }

    #[test]
    fn a_table_has_so_many_and_what_rests_gives_way() {
        let store = Database::temporary().unwrap().with_index_terms(terms(1_000, 2));
        let table = fill(&store, 10);
        let wanted = ["count", "name", "day"].map(|by| page(&table, by, false));
        let make = |nth: usize, rest| store.make_index(&wish(&wanted[nth]), rest).unwrap();
        assert_eq!([make(0, LONG), make(1, LONG), make(2, LONG)], [Granted::Made, Granted::Made, Granted::Not]);
        let there = || wanted.each_ref().map(|wanted| store.indexes.serving(wanted).is_some());
        assert_eq!(there(), [true, true, false]);
        assert_eq!(make(2, Duration::ZERO), Granted::Made);
        let now = there();
        assert_eq!((now[2], now.iter().filter(|there| **there).count()), (true, 2));
        let in_schema = |store: &Database| -> i64 {
            let count = "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%::%'";
            store.reading(|moment| Ok(moment.query_row(count, [], |row| row.get(0))?)).unwrap()
        };
        assert_eq!(in_schema(&store), 2);
        assert_eq!(store.drop_unused_indexes(LONG).unwrap(), 0);
        assert_eq!(store.drop_unused_indexes(Duration::ZERO).unwrap(), 2);
        assert_eq!((in_schema(&store), there()), (0, [false; 3]));
    }

    #[test]
    fn what_takes_too_long_to_make_is_given_up() {
        let store = Database::temporary().unwrap();
        let table = fill(&store, 1_000);
        let brief = Terms { build: Duration::ZERO, ..terms(1_000, 8) };
        let store = store.with_index_terms(brief);
        let wanted = page(&table, "count", true);
        assert_eq!(store.make_index(&wish(&wanted), LONG).unwrap(), Granted::GivenUp);
        for _ in 0..3 {
            store.scanned(&wanted).unwrap();
        }
        assert!(store.indexes.next().is_none());
        assert!(store.indexes.serving(&wanted).is_none());
        store.put_setting("after", b"1").unwrap();
    }

    #[test]
    fn indexes_go_with_their_rows() {
        let store = Database::temporary().unwrap();
        let table = fill(&store, 10);
        let wanted = page(&table, "count", true);
        store.make_index(&wish(&wanted), LONG).unwrap();
        store.drop_others(&["another version".into()]).unwrap();
        assert!(store.indexes.serving(&wanted).is_none());
        assert_eq!(store.make_index(&wish(&wanted), LONG).unwrap(), Granted::Not, "there is no such table");
        assert_eq!(store.scanned(&wanted).unwrap().count, Some(0));
    }
}
