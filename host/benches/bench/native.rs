//! (e) A page of a large native table, filtered, sorted and counted, beside SQL written by hand over a table that has a
//! plain column for each value and the indexes that each question wants. Both without HTTP and JSON, which cost the same
//! whatever the size of the table.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::Connection;
use turntable::model::limits::Limits;
use turntable::model::query::{Compare, Expr, Filter, Literal, Order, TextTest};
use turntable::model::rows::Rows;
use turntable::model::table::{
    Column, ColumnAccess, ColumnIndex, Kind, Lookup, Rank, Table as Described, TableAccess, Target,
};
use turntable::model::value::Number;
use turntable::store::facade::Store;
use turntable::store::native::{NativeScan, NativeWrite, OwnChange, ScanLimits, TableRows};

use crate::Result;
use crate::measure::{Report, Table, milliseconds, quantile, timed};
use crate::related;

/// Rows of the table; `TURNTABLE_BENCH_ROWS` says another number.
const ROWS: usize = 1_000_000;
/// Rows of a page.
const PAGE: u64 = 50;
const ROUNDS: usize = 15;
/// What a read may take, and the store to find that an index is wanted and to make it.
pub const PATIENCE: Duration = Duration::from_secs(20);

const ID: ColumnIndex = 0;
pub const STATUS: ColumnIndex = 1;
pub const CODE: ColumnIndex = 2;
pub const EFFECTIVE: ColumnIndex = 3;
pub const VALUE: ColumnIndex = 4;
const TEXT: ColumnIndex = 5;
pub const SUBJECT: ColumnIndex = 6;
pub const COLUMNS: [(&str, Kind); 7] = [
    ("observationid", Kind::Key),
    ("status", Kind::Text { max_length: None, multi_line: false }),
    ("code", Kind::Text { max_length: None, multi_line: false }),
    ("effective", Kind::Int64),
    ("value", Kind::Int32),
    ("description", Kind::Text { max_length: None, multi_line: false }),
    ("subject", Kind::Lookup(Lookup { targets: Vec::new(), navigation: String::new() })),
];

/// Of those whose rows they are.
const PERSON: [(&str, Kind); 3] = [
    ("personid", Kind::Key),
    ("name", Kind::Text { max_length: None, multi_line: false }),
    ("city", Kind::Text { max_length: None, multi_line: false }),
];

/// A question, in both tongues.
struct Question {
    name: &'static str,
    filter: Option<Filter>,
    order: Vec<Order>,
    /// What stands behind `FROM by_hand`.
    sql: &'static str,
    order_sql: &'static str,
    index: &'static str,
}

pub fn run(report: &mut Report) -> Result<()> {
    let rows = std::env::var("TURNTABLE_BENCH_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROWS);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measured(report, rows))
}

fn questions() -> Vec<Question> {
    let text = |column, text: &str| {
        Filter::Compare(Compare::Eq, Expr::Column(column), Expr::Literal(Literal::Text(text.into())))
    };
    let number = |text: &'static str| Expr::Literal(Literal::Number(Number::parse(text).expect("a number")));
    let by = |column, descending| vec![Order { by: Expr::Column(column), descending }];
    let contains = Filter::Text(TextTest::Contains, Expr::Column(TEXT), Expr::Literal(Literal::Text("rare".into())));
    vec![
        Question {
            name: "all, the newest first",
            filter: None,
            order: by(EFFECTIVE, true),
            sql: "",
            order_sql: "ORDER BY effective DESC, id",
            index: "(effective DESC, id)",
        },
        Question {
            name: "a third of the rows, the newest first",
            filter: Some(text(STATUS, "final")),
            order: by(EFFECTIVE, true),
            sql: "WHERE status = 'final'",
            order_sql: "ORDER BY effective DESC, id",
            index: "(status, effective DESC, id)",
        },
        Question {
            name: "ten rows of one code, the newest first",
            filter: Some(text(CODE, "code 7")),
            order: by(EFFECTIVE, true),
            sql: "WHERE code = 'code 7'",
            order_sql: "ORDER BY effective DESC, id",
            index: "(code, effective DESC, id)",
        },
        Question {
            name: "a status since a moment, by value",
            filter: Some(Filter::both(
                text(STATUS, "final"),
                Filter::Compare(Compare::Ge, Expr::Column(EFFECTIVE), number("500000")),
            )),
            order: by(VALUE, false),
            sql: "WHERE status = 'final' AND effective >= 500000",
            order_sql: "ORDER BY value, id",
            index: "(status, value, id, effective)",
        },
        Question {
            name: "a word in few texts, the newest first",
            filter: Some(contains),
            order: by(EFFECTIVE, true),
            sql: "WHERE instr(description, 'rare') > 0",
            order_sql: "ORDER BY effective DESC, id",
            index: "(effective DESC, id, description)",
        },
    ]
}

async fn measured(report: &mut Report, rows: usize) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (table, persons) = (Arc::new(observations()), Arc::new(described("person", "persons", &PERSON)));
    let store = Store::open(directory.path(), &Limits { store_index_ms: 60_000, ..Limits::default() }).await?;
    let a_person = &["Person/first", "nobody", "nowhere"].map(Some);
    let an_observation = [Some("none"), None, Some("-1"), Some("1000000"), Some("the first"), Some("Person/first")];
    let id = "Observation/ffffffff-0000-4000-8000-ffffffffffff";
    let an_observation: Vec<_> = std::iter::once(Some(id)).chain(an_observation).collect();
    store.put_resources(vec![first(&persons, a_person), first(&table, &an_observation)]).await?;
    let file = directory.path().join("turntable.db");
    let (took, filled) = timed(|| fill(&file, rows));
    filled?;
    let mut making = Table::new(format!("A native table of {rows} rows"), &["ms"], &[]);
    making.row("made, with that of the hand", [took]);
    let hand = Connection::open(directory.path().join("by-hand.db"))?;
    let mut pages = Table::new(
        format!("A page of {PAGE} rows with its count, out of {rows}"),
        &["ms before", "p50 ms", "by hand", "times"],
        &[],
    );
    for question in questions() {
        let begun = Instant::now();
        let before = ask(&store, &table, &question).await?;
        let first = milliseconds(begun.elapsed());
        let until = Instant::now() + PATIENCE;
        let waited = Instant::now();
        ask(&store, &table, &question).await?;
        // The index is there when the page is fast; where it is of no use, never.
        loop {
            let begun = Instant::now();
            ask(&store, &table, &question).await?;
            if milliseconds(begun.elapsed()) < first / 2.0 || Instant::now() > until {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        making.row(format!("its index: {}", question.name), [milliseconds(waited.elapsed())]);
        hand.execute_batch(&format!("CREATE INDEX \"{}\" ON by_hand {}", question.name, question.index))?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let found = ask(&store, &table, &question).await?;
            ours.push(milliseconds(begun.elapsed()));
            let (took, by_hand) = timed(|| ask_by_hand(&hand, &question));
            theirs.push(took);
            if found != before || found != by_hand? {
                return Err(format!("{}: the answers differ", question.name).into());
            }
        }
        let (ours, theirs) = (quantile(&mut ours, 0.5), quantile(&mut theirs, 0.5));
        pages.row(question.name, [first, ours, theirs, ours / theirs]);
        // Each question beside its own index only.
        hand.execute_batch(&format!("DROP INDEX \"{}\"", question.name))?;
    }
    report.add(&making);
    report.add(&pages);
    let related = related::Asked { store: &store, observations: &table, persons: &persons, hand: &hand };
    related.measured(report).await?;
    Ok(store.close().await?)
}

/// The numbers of a page's rows, and how many rows there are.
type Found = (Vec<String>, u64);

async fn ask(store: &Store, table: &Arc<Described>, question: &Question) -> Result<Found> {
    let scan = NativeScan {
        table: table.clone(),
        columns: (0..COLUMNS.len()).collect(),
        filter: question.filter.clone(),
        order: question.order.clone(),
        skip: 0,
        top: Some(PAGE),
        count: true,
        beside: Vec::new(),
    };
    let limits = ScanLimits { rows: 5_000, bytes: usize::MAX, deadline: Instant::now() + PATIENCE };
    let found = store.scan(scan, limits).await?;
    let number = |row| found.rows.cell(row, EFFECTIVE).unwrap_or_default().to_owned();
    Ok(((0..found.rows.len()).map(number).collect(), found.count.unwrap_or_default()))
}

fn ask_by_hand(connection: &Connection, question: &Question) -> Result<Found> {
    let select = format!(
        "SELECT id, status, code, effective, value, description FROM by_hand {} {} LIMIT {PAGE}",
        question.sql, question.order_sql
    );
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query([])?;
    let mut numbers = Vec::new();
    while let Some(row) = rows.next()? {
        let cells: [rusqlite::types::Value; 6] =
            [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        let rusqlite::types::Value::Integer(effective) = cells[EFFECTIVE] else { return Err("no number".into()) };
        numbers.push(effective.to_string());
    }
    let mut count = connection.prepare_cached(&format!("SELECT count(*) FROM by_hand {}", question.sql))?;
    let count: i64 = count.query_row([], |row| row.get(0))?;
    Ok((numbers, count.try_into()?))
}

fn observations() -> Described {
    let mut table = described("observation", "observations", &COLUMNS);
    let target = Target { entity_set: "persons".into(), resource_type: "Person".into(), rank: Rank::Only };
    if let Kind::Lookup(lookup) = &mut table.columns[SUBJECT].kind {
        *lookup = Lookup { targets: vec![target], navigation: "subject".into() };
    }
    table
}

fn described(name: &str, entity_set: &str, columns: &[(&str, Kind)]) -> Described {
    let column = |(name, kind): &(&str, Kind)| Column {
        name: (*name).to_owned(),
        label: String::new(),
        description: String::new(),
        kind: kind.clone(),
        access: ColumnAccess { read: true, create: true, update: true },
        required: false,
        path: String::new(),
        elements: Vec::new(),
    };
    Described {
        name: name.to_owned(),
        entity_set: entity_set.to_owned(),
        label: String::new(),
        description: String::new(),
        sources: Vec::new(),
        columns: columns.iter().map(column).collect(),
        concepts: Vec::new(),
        key: ID,
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

/// A row, with which the store makes the table. Its first cell is the key.
fn first(table: &Arc<Described>, cells: &[Option<&str>]) -> NativeWrite {
    let (resource_type, id) = cells[0].and_then(|key| key.split_once('/')).unwrap_or_default();
    let mut rows = Rows::new((0..table.columns.len()).collect());
    rows.push(cells.iter().copied());
    NativeWrite {
        resource_type: resource_type.to_owned(),
        id: id.to_owned(),
        body: Some(Bytes::from_static(b"{}")),
        base: None,
        version: 1,
        rows: vec![TableRows::new(table.clone(), rows)],
        own: OwnChange::default(),
    }
}

/// So many rows into the store's table, as the store would have them, and the same into one by hand.
fn fill(file: &Path, rows: usize) -> Result<()> {
    let connection = Connection::open(file)?;
    let hand = file.with_file_name("by-hand.db");
    connection.execute_batch(&format!(
        "ATTACH '{}' AS hand; PRAGMA hand.journal_mode = wal; \
         CREATE TABLE hand.by_hand (id BLOB PRIMARY KEY, status TEXT, code TEXT, effective INTEGER, value INTEGER, description TEXT, subject BLOB); \
         CREATE TABLE hand.person (id BLOB PRIMARY KEY, name TEXT, city TEXT);",
        hand.display()
    ))?;
    let persons = i64::try_from(rows.div_ceil(1_000))?;
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1), \
         made AS (SELECT i, printf('%08x-0000-4000-8000-%012x', i, i) AS id FROM n) \
         INSERT INTO person (\"key\", \"resource\", \"version\", \"c_personid\", \"c_name\", \"k_name\", \"c_city\", \"k_city\") \
         SELECT unhex(id, '-'), unhex(id, '-'), 1, 'Person/' || id, 'name ' || i, 'name ' || i, 'city ' || (i % 10), 'city ' || (i % 10) FROM made",
        [persons],
    )?;
    // Ids are spread, and neither moments nor values are in their order.
    let made = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1), \
         made AS (SELECT i, printf('%08x-0000-4000-8000-%012x', (i * 2654435761) % 4294967296, i) AS id, \
         iif(i % 3 = 0, 'final', iif(i % 3 = 1, 'preliminary', 'amended')) AS status, \
         'code ' || (i % (?1 / 10)) AS code, (i * 7919) % ?1 AS effective, (i * 104729) % 1000 AS value, \
         'what was found at ' || i || iif(i % 25000 = 0, ' is rare', ' is common') AS description, \
         printf('%08x-0000-4000-8000-%012x', i % ?2, i % ?2) AS subject FROM n)";
    connection.execute(
        &format!(
            "{made} INSERT INTO observation (\"key\", \"resource\", \"version\", \"c_observationid\", \"c_status\", \"k_status\", \
             \"c_code\", \"k_code\", \"c_effective\", \"k_effective\", \"c_value\", \"k_value\", \"c_description\", \"k_description\", \
             \"c_subject\", \"k_subject\") \
             SELECT unhex(id, '-'), unhex(id, '-'), 1, 'Observation/' || id, status, status, code, code, \
             CAST(effective AS TEXT), effective, CAST(value AS TEXT), value, description, description, 'Person/' || subject, unhex(subject, '-') FROM made"
        ),
        [i64::try_from(rows)?, persons],
    )?;
    connection.execute_batch(
        "INSERT INTO hand.by_hand SELECT \"key\", \"k_status\", \"k_code\", \"k_effective\", \"k_value\", \"k_description\", \"k_subject\" \
         FROM observation; INSERT INTO hand.person SELECT \"key\", \"k_name\", \"k_city\" FROM person; PRAGMA wal_checkpoint(TRUNCATE);",
    )?;
    Ok(())
}
