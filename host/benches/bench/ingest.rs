//! (f) Observations into the store, resource and rows, beside inserts written by hand of what is there already: the same
//! resources, and as many rows of the same tables, as many in a transaction, each table with an index on what its rows are of.

use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;
use turntable::cli::serve::Server;

use crate::data;
use crate::measure::{Report, Side, Table, milliseconds};
use crate::read;
use crate::{Error, Result};

const STORED: usize = 5_000;
/// In one transaction, as the server stores those of a batch.
const AT_ONCE: usize = 200;
const BY_HAND: &str = "by hand: rusqlite";

pub fn run(report: &mut Report) -> Result<()> {
    let (turntable, beside) = (Side::new("turntable")?, Side::new("by-hand")?);
    let clients = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let directory = tempfile::tempdir()?;
    // Nobody asks the service for anything.
    let config = read::config(&directory.path().join("native"), "http://127.0.0.1:9/fhir", false)?;
    let server = turntable.run(async { Ok(Server::start(config).await?) })?;
    // The mapping is compiled with the first.
    clients.block_on(read::ingest(&server.url(), "Observation", read::ROWS))?;
    let begun = turntable.cpu_time()?;
    clients.block_on(read::ingest(&server.url(), "Observation", STORED))?;
    let ours = milliseconds(turntable.cpu_time()? - begun);
    let filled = clients.block_on(filled(&server.url()))?;
    let rows: usize = filled.iter().map(|filled| filled.count).sum();
    let file = directory.path().join("by-hand.db");
    let (begun, bodies) = (beside.cpu_time()?, bodies()?);
    beside.run(async move {
        let by_hand = tokio::task::spawn_blocking(move || insert(&file, &filled, &bodies));
        by_hand.await?
    })?;
    let theirs = milliseconds(beside.cpu_time()? - begun);
    let title = format!("{STORED} Observations into the store, with {rows} rows");
    let mut table = Table::new(title, &["CPU ms", "µs each"], &[BY_HAND]);
    for (name, took) in [("turntable, from a bundle", ours), (BY_HAND, theirs)] {
        table.row(name, [took, took * 1e3 / STORED as f64]);
    }
    report.add(&table);
    turntable.run(async {
        server.stop().await;
        Ok(())
    })
}

/// Id and text of each resource.
fn bodies() -> Result<Vec<(String, String)>> {
    let bundle: Value = serde_json::from_str(&data::collection("Observation", STORED)?)?;
    let entries = bundle["entry"].as_array().ok_or("a bundle without entries")?;
    let body = |entry: &Value| {
        let resource = &entry["resource"];
        Ok::<_, Error>((resource["id"].as_str().ok_or("a resource without an id")?.to_owned(), resource.to_string()))
    };
    entries.iter().map(body).collect()
}

/// A table that has rows of Observations: some of them, and how many it has.
struct Filled {
    name: String,
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
    count: usize,
}

async fn filled(server: &str) -> Result<Vec<Filled>> {
    let (client, root) = (read::client()?, format!("{server}/api/data/v9.2"));
    let (sets, _) = read::get(&client, &format!("{root}/"), "").await?;
    let sets: Value = serde_json::from_slice(&sets)?;
    let mut filled = Vec::new();
    for set in sets["value"].as_array().ok_or("no tables")?.iter().filter_map(|set| set["url"].as_str()) {
        if !set.contains("_observation") {
            continue;
        }
        let (page, _) = read::get(&client, &format!("{root}/{set}?$count=true"), read::PAGE).await?;
        let page: Value = serde_json::from_slice(&page)?;
        let rows = page["value"].as_array().ok_or("an answer without rows")?;
        let Some(first) = rows.first().and_then(Value::as_object) else { continue };
        let columns: Vec<String> = first.keys().filter(|name| !name.contains('@')).cloned().collect();
        let cells = |row: &Value| -> Vec<Option<String>> {
            columns.iter().map(|name| row.get(name).filter(|cell| !cell.is_null()).map(Value::to_string)).collect()
        };
        let rows = rows.iter().map(cells).collect();
        let count = usize::try_from(page["@odata.count"].as_u64().unwrap_or_default())?;
        filled.push(Filled { name: set.to_owned(), columns, rows, count });
    }
    Ok(filled)
}

fn insert(file: &Path, filled: &[Filled], bodies: &[(String, String)]) -> Result<()> {
    let mut connection = Connection::open(file)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.execute_batch("CREATE TABLE resources (id TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID")?;
    for Filled { name, columns, .. } in filled {
        let columns: Vec<String> = columns.iter().map(|name| format!("\"{name}\" TEXT")).collect();
        connection.execute_batch(&format!(
            "CREATE TABLE {name} (id TEXT PRIMARY KEY, of TEXT, {}); CREATE INDEX {name}_of ON {name} (of)",
            columns.join(", ")
        ))?;
    }
    let chunks = bodies.len().div_ceil(AT_ONCE);
    for (nth, some) in bodies.chunks(AT_ONCE).enumerate() {
        let transaction = connection.transaction()?;
        let mut resource = transaction.prepare_cached("INSERT INTO resources VALUES (?, ?)")?;
        for (id, body) in some {
            resource.execute((id, body))?;
        }
        drop(resource);
        for Filled { name, columns, rows, count } in filled {
            let places = vec!["?"; columns.len() + 2].join(", ");
            let mut insert = transaction.prepare_cached(&format!("INSERT INTO {name} VALUES ({places})"))?;
            for number in count * nth / chunks..count * (nth + 1) / chunks {
                let (of, _) = &some[number % some.len()];
                insert.raw_bind_parameter(1, format!("{number}/{of}"))?;
                insert.raw_bind_parameter(2, of)?;
                for (place, cell) in rows[number % rows.len()].iter().enumerate() {
                    insert.raw_bind_parameter(place + 3, cell)?;
                }
                insert.raw_execute()?;
            }
        }
        transaction.commit()?;
    }
    Ok(())
}
