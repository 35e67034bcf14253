//! Indexes of the words in the texts of native tables, made and dropped: behind the requests, some rows at a time, so that who
//! writes waits for a moment only. Each write keeps them in its own transaction; what it takes out is out of the file once
//! they are tidied.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{OptionalExtension as _, Transaction};

use crate::model::error::Result;
use crate::model::table::Table;
use crate::store::sql::names::stem;
use crate::store::sql::words::{self, WHOLE};
use crate::store::sqlite::database::Database;
use crate::store::sqlite::tables::Stands;
use crate::store::sqlite::words::standing;

/// Rows that are taken in between two looks at the clock.
const FILL_ROWS: i64 = 200;

/// How long rows are taken in at once, while nobody else writes.
const FILL: Duration = Duration::from_millis(100);

/// Pages of an index that are rewritten at once.
const TIDY_PAGES: i64 = 200;

impl Database {
    /// Makes more of the index of a table, as much as a moment lets in. Whether all of it is there.
    pub(crate) fn index_words(&self, table: &Arc<Table>) -> Result<bool> {
        let set = table.set();
        if self.tables.stands(table, words::columns(table)) != Stands::Whole {
            return Ok(true);
        }
        let is_whole = self.writing(|transaction| more_of(transaction, table))?;
        self.searched.add(&set);
        Ok(is_whole)
    }

    /// Rewrites more of an index out of which rows were taken, without their texts: until then these are only marked as gone.
    /// `begun`: how many rows were taken out when that began. The same again, to go on with; None: it is done.
    pub(crate) fn tidy_words(&self, set: &str, begun: Option<i64>) -> Result<Option<i64>> {
        self.writing(|transaction| {
            let mut select = transaction.prepare_cached("SELECT taken FROM _turntable_words WHERE name = ?")?;
            let Some(taken) =
                select.query_row([set], |row| row.get::<_, i64>(0)).optional()?.filter(|taken| *taken > 0)
            else {
                return Ok(None);
            };
            let mut tidy = transaction.prepare_cached(&words::tidy(set))?;
            let (from, mut pages) = (Instant::now(), if begun.is_some() { TIDY_PAGES } else { -TIDY_PAGES });
            let taken = begun.unwrap_or(taken);
            while from.elapsed() < FILL {
                let before = transaction.total_changes();
                tidy.execute([pages])?;
                // The statement itself is a change.
                if transaction.total_changes().saturating_sub(before) < 2 {
                    // Those that were taken out meanwhile are for the next time.
                    let done = "UPDATE _turntable_words SET taken = taken - ? WHERE name = ?";
                    transaction.execute(done, (taken, set))?;
                    return Ok(None);
                }
                pages = TIDY_PAGES;
            }
            Ok(Some(taken))
        })
    }

    /// Those of which there is an index.
    pub(crate) fn sets_with_words(&self) -> Vec<String> {
        self.searched.unused(Duration::ZERO)
    }

    /// Drops the indexes that were of no use for so long. How many.
    pub(crate) fn drop_unused_words(&self, rest: Duration) -> Result<usize> {
        let unused = self.searched.unused(rest);
        for set in &unused {
            self.writing(|transaction| Ok(transaction.execute_batch(&words::drop(set))?))?;
        }
        self.searched.forget(&unused);
        Ok(unused.len())
    }
}

fn more_of(transaction: &Transaction<'_>, table: &Table) -> Result<bool> {
    let set = table.set();
    let columns: BTreeSet<String> =
        words::columns(table).into_iter().map(|column| stem(table, column).into_owned()).collect();
    if columns.is_empty() {
        return Ok(true);
    }
    let mut up_to = match standing(transaction, &set)? {
        Some((WHOLE, there)) if columns.is_subset(&there) => return Ok(true),
        Some((up_to, there)) if columns.is_subset(&there) => up_to,
        // None, or one of before the table had all of its columns.
        _ => {
            transaction.execute_batch(&words::drop(&set))?;
            transaction.execute_batch(&words::create(table))?;
            let columns: Vec<_> = columns.into_iter().collect();
            let insert = "INSERT INTO _turntable_words (name, up_to, columns, taken) VALUES (?, 0, ?, 0)";
            transaction.execute(insert, (&*set, columns.join(",")))?;
            0
        }
    };
    let mut next = transaction.prepare_cached(&words::next(table))?;
    let mut fill = transaction.prepare_cached(&words::fill(table))?;
    let begun = Instant::now();
    while up_to != WHOLE && begun.elapsed() < FILL {
        match next.query_row((up_to, FILL_ROWS), |row| row.get::<_, Option<i64>>(0))? {
            Some(end) => {
                fill.execute((up_to, end))?;
                up_to = end;
            }
            None => up_to = WHOLE,
        }
    }
    transaction.execute("UPDATE _turntable_words SET up_to = ? WHERE name = ?", (up_to, &*set))?;
    Ok(up_to == WHOLE)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;

    use rusqlite::Connection;

    use super::*;
    use crate::model::query::{Expr, Filter, Literal, TextTest};
    use crate::model::rows::Rows;
    use crate::model::table::Kind;
    use crate::plan::evaluate::residual;
    use crate::store::native::{NativeScan, NativeWrite, OwnChange, Scanned, TableRows};
    use crate::store::sql::words::Words;
    use crate::store::sqlite::backup;
    use crate::store::sqlite::scan::sample::scan;
    use crate::store::sqlite::tables::sample;
    use crate::store::sqlite::wishes::Terms;
    use crate::store::sqlite::words::{FOUND_MAX, Told};

    fn table() -> Arc<Table> {
        let text = || Kind::Text { max_length: None, multi_line: true };
        let columns = [("id", Kind::Key), ("name", text()), ("count", Kind::Int32), ("note", text())];
        let columns = columns.into_iter().map(|(name, kind)| sample::column(name, kind)).collect();
        Arc::new(Table { columns, concepts: Vec::new(), parent: None, ..sample::table() })
    }

    /// A resource of one row; None deletes it.
    fn write(table: &Arc<Table>, id: usize, version: u64, texts: Option<(&str, &str)>) -> NativeWrite {
        let mut rows = Rows::new((0..table.columns.len()).collect());
        if let Some((name, note)) = texts {
            let note = (!note.is_empty()).then_some(note);
            rows.push([Some(format!("Patient/{id}").as_str()), Some(name), Some("1"), note]);
        }
        NativeWrite {
            resource_type: "Patient".into(),
            id: id.to_string(),
            body: texts.map(|_| Bytes::from_static(b"{}")),
            base: (version > 1).then_some(version - 1),
            version,
            rows: vec![TableRows::new(table.clone(), rows)],
            own: OwnChange::default(),
        }
    }

    fn filled(rows: usize) -> (Database, Arc<Table>) {
        let (store, table) = (Database::temporary().unwrap(), table());
        let text = |row: usize| (format!("Name {row:05}"), format!("is {} of {}", row % 7, row % 1_000));
        let writes: Vec<_> = (0..rows)
            .map(|row| (row, text(row)))
            .map(|(row, (name, note))| write(&table, row, 1, Some((&name, &note))))
            .collect();
        store.put_resources(&writes).unwrap();
        (store, table)
    }

    fn part(table: &Table, column: &str, part: &str) -> Filter {
        let column = Expr::Column(table.column(column).unwrap());
        Filter::Text(TextTest::Contains, column, Expr::Literal(Literal::Text(part.into())))
    }

    fn anywhere(table: &Table, text: &str) -> Filter {
        Filter::Or(part(table, "name", text).into(), part(table, "note", text).into())
    }

    fn told(store: &Database, table: &Table, filter: &Filter) -> Told {
        let asked = Words::of(table, filter).unwrap();
        store.reading(|moment| store.told(moment, &table.set(), &asked)).unwrap()
    }

    fn number(told: &Told) -> Option<usize> {
        match told {
            Told::Rows(rows) => Some(rows.len()),
            _ => None,
        }
    }

    fn make(store: &Database, table: &Arc<Table>) {
        while !store.index_words(table).unwrap() {}
    }

    fn page(table: &Arc<Table>, filter: Filter) -> NativeScan {
        NativeScan { top: Some(10_000), count: true, ..scan(table, &[0, 1, 3], Some(filter)) }
    }

    fn found(store: &Database, table: &Arc<Table>, text: &str) -> Scanned {
        store.scanned(&page(table, anywhere(table, text))).unwrap()
    }

    #[test]
    fn what_is_asked_of_the_index() {
        let table = table();
        let check = |filter: Filter, expected: Option<&str>| {
            assert_eq!(Words::of(&table, &filter).map(|words| words.query).as_deref(), expected, "{filter:?}");
        };
        let both = |a: &str, b: &str| (Box::new(anywhere(&table, a)), Box::new(anywhere(&table, b)));
        let number = || Filter::Is(Expr::Literal(Literal::Bool(true)));
        check(anywhere(&table, "Mül"), Some(r#"("mul")"#));
        check(anywhere(&table, "a\"b\"c"), Some(r#"("""b""" AND "a""b" AND "b""c")"#));
        check(anywhere(&table, "ab"), None);
        check(anywhere(&table, "a\0b"), None);
        check(anywhere(&table, "a\0bc"), Some(r#"("abc")"#));
        let (a, b) = both("abcd", "xyz");
        check(Filter::And(a, b), Some(r#"(("abc" AND "bcd") AND ("xyz"))"#));
        let (a, b) = both("abc", "xyz");
        check(Filter::Or(a, b), Some(r#"(("abc") OR ("xyz"))"#));
        let (a, b) = both("abc", "x");
        check(Filter::Or(a.clone(), b.clone()), None);
        check(Filter::And(a.clone(), b), Some(r#"("abc")"#));
        check(Filter::And(Filter::Not(a.clone()).into(), a.clone()), Some(r#"("abc")"#));
        check(Filter::And(number().into(), a.clone()), Some(r#"("abc")"#));
        check(Filter::Or(number().into(), a.clone()), None);
        check(Filter::Not(a), None);
        let deep = (0..500).fold(part(&table, "name", "abc"), |deep, _| Filter::And(number().into(), deep.into()));
        check(deep, None);
        check(
            anywhere(&table, &"abcdefghij".repeat(5_000)),
            Some(
                r#"("abc" AND "bcd" AND "cde" AND "def" AND "efg" AND "fgh" AND "ghi" AND "hij" AND "ija" AND "jab")"#,
            ),
        );
    }

    /// Asked before there is an index, while it is made, and afterwards, with writes between.
    #[test]
    fn an_index_changes_no_answer_whenever_rows_are_written() {
        const ROWS: usize = 3_000;
        let (store, table) = filled(ROWS);
        const WORDS: [&str; 9] =
            ["name 00", "NÀME 0001", "of 99", "is 3 of", "nobody", "is 3 of 45", "02999", "renamed", "ß\0é"];
        let before: Vec<_> = WORDS.iter().map(|text| found(&store, &table, text)).collect();
        let same = |store: &Database| {
            for (text, before) in WORDS.iter().zip(&before) {
                assert_eq!((&found(store, &table, text), text), (before, text));
            }
        };
        assert_eq!(told(&store, &table, &anywhere(&table, "nobody")), Told::Nothing);
        make(&store, &table);
        same(&store);
        assert_eq!(number(&told(&store, &table, &anywhere(&table, "nobody"))), Some(0));
        // One more has all of its parts, elsewhere.
        assert_eq!(number(&told(&store, &table, &anywhere(&table, "NÀME 0001"))), Some(11));

        // In part, as if the program had ended there: rows below are kept in it, those above are taken in later.
        let half = "UPDATE _turntable_words SET up_to = 1000";
        let store = {
            store.writing(|transaction| Ok(transaction.execute_batch(&words::drop(&table.set()))?)).unwrap();
            store
        };
        store.searched.forget(&[table.set().into_owned()]);
        store
            .writing(|transaction| {
                transaction.execute_batch(&words::create(&table))?;
                transaction.execute("INSERT INTO _turntable_words VALUES (?, 0, 'name,note', 0)", [&*table.set()])?;
                transaction.execute(&words::fill(&table), (0, 1_000))?;
                Ok(transaction.execute_batch(half)?)
            })
            .unwrap();
        store.searched.add(&table.set());
        assert_eq!(told(&store, &table, &anywhere(&table, "nobody")), Told::Nothing, "it is not whole");
        let mut expected: Vec<Option<(String, String)>> = (0..ROWS)
            .map(|row| Some((format!("Name {row:05}"), format!("is {} of {}", row % 7, row % 1_000))))
            .collect();
        let mut versions = vec![1_u64; ROWS];
        let mut put = |row: usize, texts: Option<(&str, &str)>| {
            versions[row] += 1;
            store.put_resources(&[write(&table, row, versions[row], texts)]).unwrap();
            expected[row] = texts.map(|(name, note)| (name.to_owned(), note.to_owned()));
        };
        for row in (0..ROWS).step_by(97) {
            put(row, Some(("Renamed Müller\0x", "")));
            if row % 2 == 0 {
                put(row, None);
            }
        }
        make(&store, &table);
        // The last row's number is given once more.
        put(ROWS - 1, None);
        put(ROWS - 1, Some(("the last renamed", "ſtraße")));
        put(5, Some(("Renamed", "straSSe")));
        for text in WORDS.iter().chain(&["muller", "mullerx", "STRASSE", "sse", "the last"]) {
            let kept = found(&store, &table, text);
            let mut all = Rows::new(vec![0, 1, 2, 3]);
            for (row, texts) in expected.iter().enumerate() {
                let Some((name, note)) = texts else { continue };
                let note = (!note.is_empty()).then_some(note.as_str());
                all.push([Some(format!("Patient/{row}").as_str()), Some(name.as_str()), Some("1"), note]);
            }
            let right = residual::filter_rows(Some(&anywhere(&table, text)), &table, &all).unwrap();
            assert_eq!(kept.count, Some(right.len() as u64), "{text}");
            assert!(number(&told(&store, &table, &anywhere(&table, text))).is_some_and(|told| told >= right.len()));
        }
        let check = format!(
            "INSERT INTO {0} ({0}) VALUES ('integrity-check')",
            crate::store::sql::names::quoted(&words::name(&table.set()))
        );
        store.writing(|transaction| Ok(transaction.execute_batch(&check)?)).unwrap();
    }

    #[test]
    fn texts_that_are_gone_are_not_in_it() {
        let (store, table) = filled(10);
        make(&store, &table);
        let kept = |store: &Database| {
            let name = words::name(&table.set());
            let read = format!("SELECT block FROM {}", crate::store::sql::names::quoted(&format!("{name}_data")));
            let blocks = |moment: &Connection| {
                let mut select = moment.prepare(&read)?;
                let blocks = select.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
                Ok(blocks.collect::<Result<Vec<_>, _>>()?.concat())
            };
            store.reading(blocks).unwrap()
        };
        store.put_resources(&[write(&table, 77, 1, Some(("qqqxxx", "")))]).unwrap();
        let has = |store: &Database| kept(store).windows(3).any(|part| part == b"qqq");
        assert!(has(&store));
        assert_eq!(store.tidy_words(&table.set(), None).unwrap(), None);
        assert!(has(&store));
        store.put_resources(&[write(&table, 77, 2, None)]).unwrap();
        assert_eq!(number(&told(&store, &table, &anywhere(&table, "qqq"))), Some(0));
        let mut begun = None;
        loop {
            begun = store.tidy_words(&table.set(), begun).unwrap();
            if begun.is_none() {
                break;
            }
        }
        assert!(!has(&store));
        assert_eq!(number(&told(&store, &table, &anywhere(&table, "name"))), Some(10));
    }

    #[test]
    fn many_rows_are_looked_at_in_their_order() {
        let (store, table) = filled(FOUND_MAX + 10);
        make(&store, &table);
        assert_eq!(told(&store, &table, &anywhere(&table, "name")), Told::TooMany);
        assert_eq!(found(&store, &table, "name").count, Some(FOUND_MAX as u64 + 10));
        // A column that the index does not have.
        store
            .writing(|transaction| {
                transaction.execute("UPDATE _turntable_words SET columns = 'name'", [])?;
                Ok(())
            })
            .unwrap();
        assert_eq!(told(&store, &table, &anywhere(&table, "nobody")), Told::Nothing);
        assert_eq!(number(&told(&store, &table, &part(&table, "name", "nobody"))), Some(0));
        make(&store, &table);
        assert_eq!(number(&told(&store, &table, &anywhere(&table, "nobody"))), Some(0), "it is made anew");
    }

    #[test]
    fn who_asks_for_the_second_time_gets_it_and_it_goes_with_its_rows() {
        let (store, table) = filled(2_000);
        let store = store.with_index_terms(Terms { steps: 1_000, most: 8, build: Duration::from_secs(60) });
        let before = found(&store, &table, "name 0001");
        assert!(store.searched.next().is_none(), "once is no habit");
        assert_eq!(found(&store, &table, "name 0002").count, Some(10));
        let next = store.searched.next().unwrap();
        assert_eq!(next.set(), table.set());
        make(&store, &next);
        assert_eq!(found(&store, &table, "name 0001"), before);
        assert!(store.searched.next().is_none());
        assert_eq!(store.drop_unused_words(Duration::from_secs(60)).unwrap(), 0);
        assert_eq!(store.drop_unused_words(Duration::ZERO).unwrap(), 1);
        assert_eq!(found(&store, &table, "name 0001"), before);
        store.put_resources(&[write(&table, 1, 2, None)]).unwrap();
        make(&store, &table);
        store.drop_others(&["another version".into()]).unwrap();
        let left = "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%::words%'";
        assert_eq!(store.reading(|moment| Ok(moment.query_row(left, [], |row| row.get::<_, i64>(0))?)).unwrap(), 0);
        assert_eq!(found(&store, &table, "name 0001").count, Some(0));
    }

    #[test]
    fn a_table_that_is_made_anew_has_none() {
        let store = Database::temporary().unwrap();
        let before = table();
        store.ensure_table(&before).unwrap();
        make(&store, &before);
        let mut after = (*before).clone();
        after.columns[0].name = "other_id".into();
        let after = Arc::new(after);
        store.ensure_table(&after).unwrap();
        store.put_resources(&[write(&after, 1, 1, Some(("Somebody", "here")))]).unwrap();
        assert_eq!(told(&store, &after, &anywhere(&after, "body")), Told::Nothing);
        assert_eq!(found(&store, &after, "body").count, Some(1));
        make(&store, &after);
        assert_eq!(number(&told(&store, &after, &anywhere(&after, "body"))), Some(1));
    }

    /// Rows are numbered in a copy as they are in the store.
    #[test]
    fn a_backup_has_the_index_and_its_rows() {
        let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let table = table();
        let file = copy.path().join("copy");
        let before = {
            let store = Database::open(folder.path()).unwrap();
            let text = |row: usize| format!("Name {row:05}");
            let writes: Vec<_> = (0..2_000).map(|row| write(&table, row, 1, Some((&text(row), "note")))).collect();
            store.put_resources(&writes).unwrap();
            let gone: Vec<_> = (0..2_000).step_by(3).map(|row| write(&table, row, 2, None)).collect();
            store.put_resources(&gone).unwrap();
            make(&store, &table);
            backup::backup(folder.path(), &file).unwrap();
            found(&store, &table, "name 0101")
        };
        let other = copy.path().join("other");
        backup::restore(&other, &file).unwrap();
        let store = Database::open(&other).unwrap();
        assert_eq!(number(&told(&store, &table, &anywhere(&table, "name 0101"))), Some(7));
        assert_eq!((found(&store, &table, "name 0101"), before.count), (before, Some(7)));
    }

    /// What an index saves and costs: `TURNTABLE_WORDS=200000 cargo test --release -- words_cost --nocapture`.
    #[test]
    #[expect(clippy::print_stdout, reason = "figures are to be seen")]
    fn words_cost() {
        let rows = std::env::var("TURNTABLE_WORDS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(2_000);
        let (store, table) = filled(rows);
        let timed = |what: &str, work: &mut dyn FnMut()| {
            let begun = Instant::now();
            work();
            println!("{rows} rows, {what}: {:?}", begun.elapsed());
        };
        let writes = |version: u64| {
            (0..200)
                .map(|row| write(&table, row, version, Some(("Another name", "and another note"))))
                .collect::<Vec<_>>()
        };
        timed("a search", &mut || drop(found(&store, &table, "name 0001")));
        timed("200 updates", &mut || store.put_resources(&writes(2)).unwrap());
        timed("200 updates, one by one", &mut || {
            writes(3).iter().for_each(|one| store.put_resources(std::slice::from_ref(one)).unwrap())
        });
        timed("the index", &mut || make(&store, &table));
        timed("a search by it", &mut || drop(found(&store, &table, "name 0001")));
        timed("200 updates", &mut || store.put_resources(&writes(4)).unwrap());
        timed("200 updates, one by one", &mut || {
            writes(5).iter().for_each(|one| store.put_resources(std::slice::from_ref(one)).unwrap())
        });
        assert_eq!(found(&store, &table, "another name").count, Some(200));
    }
}
