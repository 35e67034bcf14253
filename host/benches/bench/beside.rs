//! (d) How long others wait: `/healthz`, one row of a native table and one row of a virtual one, alone and beside each
//! kind of heavy work of others (`Heavy`).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use turntable_componentize::{Settings, compile, componentize, read_samples};
use turntable_fhir_sandbox::{Running, Sandbox};

use crate::data;
use crate::gateway;
use crate::measure::{Report, Table, milliseconds, quantile};
use crate::read;
use crate::start::Program;
use crate::{Error, Result};

const READERS: usize = 64;
const PATIENTS: usize = 12_000;
const CONDITIONS: usize = 190;
const TEXTS: usize = 5_000;
const TEXT_LENGTH: usize = 800;
/// For each state, and each question in it.
const TIME: Duration = Duration::from_secs(10);
/// Between two questions of one kind.
const PAUSE: Duration = Duration::from_millis(10);
/// What heavy work may take to begin, so that all of it is under way when others ask.
const BEGIN: Duration = Duration::from_secs(1);

/// Steps of answers of the FHIR service after which it looks for new requests.
const STEPS: u32 = 4;

/// Work of others.
#[derive(Clone, Copy)]
enum Heavy {
    /// Many read the largest pages there are, of all columns, through a mapping, from a FHIR service.
    LargePages,
    /// A batch of patients goes into the store, again and again.
    Bundle,
    /// A mapping that never ends is asked for rows.
    Spinning,
    /// A native table is searched with more conditions on long texts than a request can afford.
    Filter,
}

impl Heavy {
    const ALL: [Self; 4] = [Self::LargePages, Self::Bundle, Self::Spinning, Self::Filter];

    fn name(self) -> String {
        match self {
            Self::LargePages => format!("{READERS} readers of pages of {} rows", read::LARGEST),
            Self::Bundle => format!("a bundle of {PATIENTS} patients"),
            Self::Spinning => format!("{READERS} readers of a mapping that spins"),
            Self::Filter => format!("{CONDITIONS} conditions on {TEXTS} texts"),
        }
    }

    fn at_once(self) -> usize {
        match self {
            Self::LargePages | Self::Spinning => READERS,
            Self::Bundle | Self::Filter => 1,
        }
    }

    /// A request of it.
    fn request(self, client: &Client, server: &str, bundle: &str) -> RequestBuilder {
        match self {
            Self::LargePages => {
                let largest = format!("odata.maxpagesize={}", read::LARGEST);
                client.get(read::rows_url(server)).header("prefer", largest)
            }
            Self::Bundle => post(client, server, bundle.to_owned()),
            Self::Spinning => client.get(format!("{server}/api/data/v9.2/pickys")),
            Self::Filter => {
                let one = |n: usize| format!("contains(tolower(name),'z{n}')");
                let all: Vec<String> = (0..CONDITIONS).map(one).collect();
                client.get(format!("{server}/api/data/v9.2/accounts")).query(&[("$filter", all.join(" or "))])
            }
        }
    }
}

pub fn run(report: &mut Report) -> Result<()> {
    // The FHIR service answers here, and would have a machine of its own: what it lets others wait is not the server's doing.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().event_interval(STEPS).on_thread_start(turntable::jobs::begin_thread);
    runtime.build()?.block_on(measured(report))
}

async fn measured(report: &mut Report) -> Result<()> {
    let (_sandbox, fhir) = service().await?;
    let directory = tempfile::tempdir()?;
    let remembering = gateway::remembering(&fhir.base_url()).await?;
    let program = Program::start(directory.path(), &remembering)?;
    let client = read::client()?;
    read::ingest(&program.url, "Patient", read::ROWS).await?;
    post(&client, &program.url, texts()).send().await?.error_for_status()?;
    program.serve(&client, spinning()?, "picky").await?;
    let observations = read::rows_url(&program.url);
    let contacts = format!("{}/api/data/v9.2/contacts", program.url);
    let first = async |rows: &str, column: &str| {
        let page: Value = serde_json::from_slice(&read::get(&client, rows, read::PAGE).await?.0)?;
        Ok::<_, Error>(page["value"][0][column].as_str().ok_or("no row to read")?.to_owned())
    };
    let one = async |rows: String, key: &str| Ok::<_, Error>(format!("{rows}({})", first(&rows, key).await?));
    let resource = format!("{remembering}/Observation/{}", first(&observations, "msemr_azurefhirid").await?);
    let questions = [
        ("/healthz", format!("{}/healthz", program.url)),
        ("one row, native", one(contacts, "contactid").await?),
        ("one row, virtual", one(observations, "msemr_observationid").await?),
        ("its FHIR service itself", resource),
    ];
    // The same between all kinds of work: how soon a machine answers differs from one moment to the next.
    let (mut alone, mut all) = (asked(&questions).await?, Vec::new());
    for heavy in Heavy::ALL {
        all.push((heavy, beside(heavy, &program.url, &questions).await?));
        tokio::time::sleep(BEGIN).await;
        alone.iter_mut().zip(asked(&questions).await?).for_each(|(all, more)| all.extend(more));
    }
    for (heavy, (beside, work)) in all {
        let title = format!("Waiting beside {}", heavy.name());
        let mut table =
            Table::new(title, &["p50 ms alone", "p99 alone", "p50 beside", "p99 beside", "times (p99)"], &[]);
        for (((name, _), mut alone), mut beside) in questions.iter().zip(alone.clone()).zip(beside) {
            let mut row: Vec<f64> = [&mut alone, &mut beside]
                .into_iter()
                .flat_map(|times| [quantile(times, 0.5), quantile(times, 0.99)])
                .collect();
            row.push(row[3] / row[1]);
            table.row(*name, row);
        }
        report.add(&table);
        let mut table = Table::new("  the work meanwhile", &["answers/s", "of which errors/s"], &[]);
        table.row("all of it", work.map(|count| count as f64 / TIME.as_secs_f64()));
        report.add(&table);
    }
    program.stop();
    fhir.shutdown().await;
    Ok(())
}

/// Observations enough for the largest page, and a Condition that sends its mapping into a loop.
async fn service() -> Result<(Sandbox, Running)> {
    let sandbox = Sandbox::new();
    sandbox.load(data::collection("Observation", read::LARGEST)?.as_bytes())?;
    let endless = json!({ "resourceType": "Condition", "id": "endless", "code": { "text": "loops" } });
    let endless = json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": endless }] });
    sandbox.load(endless.to_string().as_bytes())?;
    let running = sandbox.clone().start(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    Ok((sandbox, running))
}

/// Organizations with long names.
fn texts() -> String {
    let entries = (0..TEXTS).map(|number| {
        let name: String = format!("Organization {number} ").chars().cycle().take(TEXT_LENGTH).collect();
        let resource = json!({ "resourceType": "Organization", "id": format!("o{number}"), "name": name });
        json!({ "resource": resource, "request": { "method": "PUT", "url": format!("Organization/o{number}") } })
    });
    json!({ "resourceType": "Bundle", "type": "batch", "entry": entries.collect::<Vec<_>>() }).to_string()
}

/// The tests' hostile mapping, marked so that its one table, `picky`, is honest but where a text says `loops`.
fn spinning() -> Result<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hostile");
    let settings = Settings { target_directory: None, locked: true, quick: false };
    let module = compile(std::slice::from_ref(&directory), settings)?.remove(&directory).ok_or("no module was made")?;
    let mut component = componentize(&std::fs::read(module)?, &read_samples(&directory.join("samples"))?)?;
    // Its sample is of another type, and not one that the gate takes.
    mark(&mut component, "DESCRIBE:honest                 ", "DESCRIBE:picky                  ")?;
    mark(&mut component, "[]}]", "{}}]")?;
    Ok(component)
}

/// Puts a text of the same length over the last of its kind.
fn mark(component: &mut [u8], from: &str, to: &str) -> Result<()> {
    let at = component.windows(from.len()).rposition(|part| part == from.as_bytes()).ok_or("no such text")?;
    component[at..at + from.len()].copy_from_slice(to.as_bytes());
    Ok(())
}

fn post(client: &Client, server: &str, bundle: String) -> RequestBuilder {
    client.post(format!("{server}/fhir")).header("content-type", "application/fhir+json").body(bundle)
}

/// Threads for those who want heavy work done. They would have machines of their own: here they take what is left of this
/// one, so that what is measured is what the server lets others wait.
fn elsewhere() -> Result<Runtime> {
    let after_others = || {
        // Where it cannot be had, the others wait longer, and the figures are worse.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, 19);
    };
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().on_thread_start(after_others).build()?)
}

/// Milliseconds of each question's answers while the work goes on; how many answers the work got, and how many of these
/// were errors.
async fn beside(
    heavy: Heavy,
    server: &str,
    questions: &[(&'static str, String)],
) -> Result<(Vec<Vec<f64>>, [usize; 2])> {
    let stop = Arc::new(AtomicBool::new(false));
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let bundle: Arc<str> = match heavy {
        Heavy::Bundle => read::batch("Patient", PATIENTS)?.into(),
        _ => "".into(),
    };
    let elsewhere = elsewhere()?;
    let worker = || {
        let (server, bundle, stop, counts) = (server.to_owned(), bundle.clone(), stop.clone(), counts.clone());
        async move {
            let client = read::client()?;
            while !stop.load(Ordering::Relaxed) {
                let response = heavy.request(&client, &server, &bundle).send().await?;
                counts[0].fetch_add(1, Ordering::Relaxed);
                if response.status().is_success() {
                    response.bytes().await?;
                } else {
                    // A server that says it is busy is asked again.
                    counts[1].fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(PAUSE).await;
                }
            }
            Ok::<_, Error>(())
        }
    };
    let workers: Vec<_> = (0..heavy.at_once()).map(|_| elsewhere.spawn(worker())).collect();
    tokio::time::sleep(BEGIN).await;
    let times = asked(questions).await?;
    let counts = [counts[0].load(Ordering::Relaxed), counts[1].load(Ordering::Relaxed)];
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await??;
    }
    elsewhere.shutdown_background();
    Ok((times, counts))
}

/// Milliseconds of each question's answers, all questions at the same time, on a thread of its own: the work keeps the
/// others busy, and what they wait for is not the server's doing.
async fn asked(questions: &[(&'static str, String)]) -> Result<Vec<Vec<f64>>> {
    let urls: Vec<String> = questions.iter().map(|(_, url)| url.clone()).collect();
    let asking = move || {
        // They have a machine of their own, too.
        turntable::jobs::begin_thread();
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
