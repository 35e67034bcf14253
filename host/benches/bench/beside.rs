//! (d) How long others wait while many read large pages: `/healthz`, one row of another table and one row of the same
//! table, each alone and beside 64 clients that read pages of 1,000 rows of all columns through a mapping.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Result;
use crate::measure::{Report, Table, milliseconds, quantile};
use crate::read;
use crate::start::Program;

const READERS: usize = 64;
const LARGE: &str = "odata.maxpagesize=1000";
/// For each of the two states, and each question.
const TIME: Duration = Duration::from_secs(10);
/// Between two questions of one kind.
const PAUSE: Duration = Duration::from_millis(10);

pub fn run(report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measured(report))
}

async fn measured(report: &mut Report) -> Result<()> {
    let (_sandbox, fhir) = read::service().await?;
    let directory = tempfile::tempdir()?;
    let program = Program::start(directory.path(), &fhir.base_url())?;
    read::ingest(&program.url, "Patient", read::ROWS).await?;
    let observations = read::rows_url(&program.url);
    let contacts = format!("{}/api/data/v9.2/contacts", program.url);
    let one = |rows: String, key: &'static str| async move {
        let page: Value = serde_json::from_slice(&read::get(&read::client()?, &rows, read::PAGE).await?.0)?;
        let key = page["value"][0][key].as_str().ok_or("no row to read")?.to_owned();
        Ok::<_, crate::Error>(format!("{rows}({key})"))
    };
    let questions = [
        ("/healthz", format!("{}/healthz", program.url)),
        ("one row of another table, native", one(contacts, "contactid").await?),
        ("one row of the same table, virtual", one(observations.clone(), "msemr_observationid").await?),
    ];
    let alone = asked(&questions).await?;
    let (stop, pages) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let reader = |_| tokio::spawn(large_pages(observations.clone(), stop.clone(), pages.clone()));
    let readers: Vec<_> = (0..READERS).map(reader).collect();
    let beside = asked(&questions).await?;
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await??;
    }
    let title = format!("Waiting beside {READERS} readers of pages of 1,000 rows");
    let mut table = Table::new(title, &["p50 ms alone", "p99 alone", "p50 beside", "p99 beside", "times (p99)"], &[]);
    for (((name, _), mut alone), mut beside) in questions.iter().zip(alone).zip(beside) {
        let mut row: Vec<f64> = [&mut alone, &mut beside]
            .into_iter()
            .flat_map(|times| [quantile(times, 0.5), quantile(times, 0.99)])
            .collect();
        row.push(row[3] / row[1]);
        table.row(*name, row);
    }
    report.add(&table);
    let mut table = Table::new("  pages read meanwhile", &["pages/s"], &[]);
    table.row("all readers", [pages.load(Ordering::Relaxed) as f64 / TIME.as_secs_f64()]);
    report.add(&table);
    program.stop();
    fhir.shutdown().await;
    Ok(())
}

/// Milliseconds of each question's answers, all questions at the same time, on a thread of its own: the readers keep the
/// others busy, and what they wait for is not the server's doing.
async fn asked(questions: &[(&'static str, String)]) -> Result<Vec<Vec<f64>>> {
    let urls: Vec<String> = questions.iter().map(|(_, url)| url.clone()).collect();
    let asking = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let tasks: Vec<_> = urls.into_iter().map(|url| tokio::spawn(question(url))).collect();
            let mut times = Vec::new();
            for task in tasks {
                times.push(task.await??);
            }
            Ok(times)
        })
    };
    tokio::task::spawn_blocking(asking).await?
}

async fn question(url: String) -> Result<Vec<f64>> {
    let (client, end) = (read::client()?, Instant::now() + TIME);
    let mut times = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        client.get(&url).send().await?.error_for_status()?.bytes().await?;
        times.push(milliseconds(begun.elapsed()));
        tokio::time::sleep(PAUSE).await;
    }
    Ok(times)
}

/// Reads until it is told to stop. A server that says it is busy is asked again.
async fn large_pages(url: String, stop: Arc<AtomicBool>, pages: Arc<AtomicUsize>) -> Result<()> {
    let client = read::client()?;
    while !stop.load(Ordering::Relaxed) {
        let response = client.get(&url).header("prefer", LARGE).send().await?;
        if response.status().is_success() {
            response.bytes().await?;
            pages.fetch_add(1, Ordering::Relaxed);
        } else {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}
