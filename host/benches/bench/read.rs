//! (b) Requests per second, latency and CPU time of the server for a page of 50 rows over loopback: of a virtual table
//! beside what somebody would write by hand and beside a plain pass-through, of a native table beside hand-written SQL.
//! The FHIR service, Turntable, what stands beside it and the clients run in this process, each on threads of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use turntable::cli::serve::Server;
use turntable::config::Config;
use turntable::fhir::client::SourceSettings;
use turntable::model::table::Route;
use turntable_fhir_sandbox::{Running, Sandbox};

use crate::Result;
use crate::baseline::Baseline;
use crate::data;
use crate::gateway;
use crate::measure::{Report, Side, Table, milliseconds, quantile};

/// Rows of a page.
pub const ROWS: usize = 50;
/// Rows of the largest page that a server gives.
pub const LARGEST: usize = 5_000;
/// Observations in the service, and in the native table.
pub const STORED: usize = 1_000;
pub const CLIENTS: [usize; 2] = [1, 8];
const ROUNDS: usize = 5;
/// Requests of one target in one round, all clients together.
const REQUESTS: usize = 240;
const PATCHES: usize = 60;

const ALL_COLUMNS: &str = "turntable, all columns";
const FEW: [&str; 4] =
    ["msemr_description", "msemr_effectivetypedatetime", "msemr_valuetypequantityvalue", "msemr_valuequantityunit"];
const BY_HAND: &str = "by hand, all columns";
const PASS_THROUGH: &str = "pass-through";
const BY_HAND_NATIVELY: &str = "by hand: rusqlite";
pub const FIGURES: &[&str] = &["p50 ms", "p99 ms", "requests/s", "server CPU ms"];
/// What `Server-Timing` says of a request.
const STEPS: [&str; 6] = ["parse", "plan", "upstream", "mapping", "residual", "render"];

/// Where requests go.
pub struct Target<'s> {
    pub name: &'static str,
    pub url: String,
    pub prefer: &'static str,
    /// Whose CPU time counts.
    pub side: &'s Side,
}

/// A page as all targets are asked for it.
pub const PAGE: &str = "odata.maxpagesize=50";
const WITHOUT_NULLS: &str = "odata.maxpagesize=50,omit-values=nulls";

#[derive(Default)]
pub struct Load {
    /// Milliseconds of each request.
    latencies: Vec<f64>,
    /// Requests per second of each round.
    rates: Vec<f64>,
    /// Milliseconds of the server's CPU time for a request in each round.
    cpu: Vec<f64>,
    /// Milliseconds of each request's steps.
    steps: [Vec<f64>; STEPS.len()],
}

pub fn run(report: &mut Report) -> Result<()> {
    let (service_side, turntable, beside) =
        (Side::new("fhir-service")?, Side::new("turntable")?, Side::new("by-hand")?);
    let clients = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (sandbox, running) = service_side.run(service())?;
    let directory = tempfile::tempdir()?;

    let virtual_config = config(&directory.path().join("virtual"), &running.base_url(), true)?;
    let virtual_server = turntable.run(async { Ok(Server::start(virtual_config).await?) })?;
    let rows = rows_url(&virtual_server.url());
    let few = format!("{rows}?$select={}", FEW.join(","));
    // One read shows what the service is asked.
    sandbox.clear_requests();
    let answer = clients.block_on(body(&rows))?;
    let asked = sandbox.requests().pop().ok_or("the read did not reach the FHIR service")?.path;
    let upstream = format!("http://{}{asked}", running.addr());
    let pass_through = beside.run(gateway::pass_through(upstream.clone()))?;
    let by_hand = format!("http://{}/", beside.run(gateway::virtual_table(upstream.clone(), Baseline::Observation))?);
    same_rows(&answer, &clients.block_on(body(&by_hand))?)?;
    let target = |name, url: &str, prefer, side| Target { name, url: url.to_owned(), prefer, side };
    let targets = [
        target(ALL_COLUMNS, &rows, PAGE, &turntable),
        target("turntable, without nulls", &rows, WITHOUT_NULLS, &turntable),
        target("turntable, 4 columns", &few, PAGE, &turntable),
        target(BY_HAND, &by_hand, PAGE, &beside),
        target(PASS_THROUGH, &format!("http://{pass_through}/"), PAGE, &beside),
        target("the FHIR service itself", &upstream, PAGE, &service_side),
    ];
    for count in CLIENTS {
        let loads = clients.block_on(alternated(&targets, count))?;
        let title = format!("Virtual read of {ROWS} Observations, {count} at once");
        let mut table = Table::new(title, FIGURES, &[BY_HAND, PASS_THROUGH]).compare(&[3]);
        let inside = shown(&mut table, &targets, loads, count);
        report.add(&table);
        report.add(&inside);
    }

    let native_config = config(&directory.path().join("native"), &running.base_url(), false)?;
    let native_server = turntable.run(async { Ok(Server::start(native_config).await?) })?;
    clients.block_on(ingest(&native_server.url(), "Observation", STORED))?;
    let rows = rows_url(&native_server.url());
    let answer = clients.block_on(body(&rows))?;
    let file = directory.path().to_owned();
    let copy = answer.clone();
    let by_hand = beside.run(async move { gateway::native_table(&file, &copy).await })?;
    let by_hand = format!("http://{by_hand}/");
    same_rows(&answer, &clients.block_on(body(&by_hand))?)?;
    let targets = [target(ALL_COLUMNS, &rows, PAGE, &turntable), target(BY_HAND_NATIVELY, &by_hand, PAGE, &beside)];
    for count in CLIENTS {
        let loads = clients.block_on(alternated(&targets, count))?;
        let title = format!("Native read of {ROWS} Observations, {count} at once");
        let mut table = Table::new(title, FIGURES, &[BY_HAND_NATIVELY]).compare(&[3]);
        shown(&mut table, &targets, loads, count);
        report.add(&table);
    }
    report.add(&clients.block_on(patched(&rows, &turntable))?);
    turntable.run(async {
        native_server.stop().await;
        virtual_server.stop().await;
        Ok(())
    })?;
    service_side.run(async {
        running.shutdown().await;
        Ok(())
    })
}

/// A FHIR service with Observations.
pub async fn service() -> Result<(Sandbox, Running)> {
    let sandbox = Sandbox::new();
    sandbox.load(data::collection("Observation", STORED)?.as_bytes())?;
    let running = sandbox.clone().start(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    Ok((sandbox, running))
}

/// A page of Observations from a server.
pub fn rows_url(server: &str) -> String {
    format!("{server}/api/data/v9.2/msemr_observations")
}

pub fn client() -> Result<reqwest::Client> {
    // Only plain HTTP is spoken here, but a client wants to know its TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?)
}

/// One read, whole: the answer, and what it says of its steps.
pub async fn get(client: &reqwest::Client, url: &str, prefer: &str) -> Result<(Vec<u8>, Option<String>)> {
    let response = client.get(url).header("prefer", prefer).send().await?;
    let status = response.status();
    let timing = response.headers().get("server-timing").and_then(|text| text.to_str().ok()).map(str::to_owned);
    let body = response.bytes().await?;
    if status.is_success() && !body.is_empty() {
        return Ok((body.into(), timing));
    }
    Err(format!("{url} answered {status}: {}", String::from_utf8_lossy(&body)).into())
}

/// Resources into the native tables of a server.
pub async fn ingest(server: &str, resource_type: &str, count: usize) -> Result<()> {
    let request = client()?.post(format!("{server}/fhir")).header("content-type", "application/fhir+json");
    request.body(batch(resource_type, count)?).send().await?.error_for_status()?;
    Ok(())
}

/// A batch that puts so many resources of a type.
pub fn batch(resource_type: &str, count: usize) -> Result<String> {
    let mut bundle: Value = serde_json::from_str(&data::collection(resource_type, count)?)?;
    bundle["type"] = json!("batch");
    for entry in bundle["entry"].as_array_mut().ok_or("a bundle without entries")? {
        let id = entry["resource"]["id"].as_str().unwrap_or_default();
        entry["request"] = json!({ "method": "PUT", "url": format!("{resource_type}/{id}") });
    }
    Ok(bundle.to_string())
}

async fn body(url: &str) -> Result<Vec<u8>> {
    Ok(get(&client()?, url, PAGE).await?.0)
}

/// Of a server that has Observations from a service, or in its store.
pub fn config(directory: &std::path::Path, fhir: &str, is_virtual: bool) -> Result<Config> {
    let mut config = Config::parse(None, &BTreeMap::new())?;
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.data_dir = directory.to_owned();
    config.sources.insert("main".to_owned(), SourceSettings::new(fhir)?);
    let route = if is_virtual { Route::Virtual { source: "main".to_owned() } } else { Route::Native };
    config.tables.insert("msemr_observation".to_owned(), route);
    Ok(config)
}

/// A yardstick counts only if it answers the same rows, annotations apart.
fn same_rows(ours: &[u8], theirs: &[u8]) -> Result<()> {
    let rows = |answer: &[u8]| -> Result<Vec<Value>> {
        let mut answer: Value = serde_json::from_slice(answer)?;
        let Value::Array(mut rows) = answer["value"].take() else { return Err("an answer without rows".into()) };
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            row.retain(|name, _| !name.contains('@'));
        }
        Ok(rows)
    };
    let (ours, theirs) = (rows(ours)?, rows(theirs)?);
    if ours.len() == ROWS && ours == theirs {
        Ok(())
    } else {
        Err("what was written by hand answers other rows".into())
    }
}

/// Rounds of requests, the targets in turn; the first round warms up and does not count.
pub async fn alternated(targets: &[Target<'_>], clients: usize) -> Result<Vec<Load>> {
    let mut loads: Vec<Load> = targets.iter().map(|_| Load::default()).collect();
    for round in 0..=ROUNDS {
        for (target, load) in targets.iter().zip(&mut loads) {
            let mut warm = Load::default();
            let load = if round == 0 { &mut warm } else { load };
            send(target, clients, REQUESTS, load).await?;
        }
    }
    Ok(loads)
}

/// So many requests by so many clients, each on its own connection.
async fn send(target: &Target<'_>, clients: usize, requests: usize, load: &mut Load) -> Result<()> {
    let (begun, cpu_begun) = (Instant::now(), target.side.cpu_time()?);
    let client = |_| tokio::spawn(one_client(target.url.clone(), target.prefer, requests / clients));
    let tasks: Vec<_> = (0..clients).map(client).collect();
    let mut sent = 0;
    for task in tasks {
        for (took, timing) in task.await?? {
            sent += 1;
            load.latencies.push(milliseconds(took));
            let durations = timing.as_deref().map(durations).unwrap_or_default();
            for (step, duration) in load.steps.iter_mut().zip(durations) {
                step.push(duration);
            }
        }
    }
    load.cpu.push(milliseconds(target.side.cpu_time()? - cpu_begun) / f64::from(sent));
    load.rates.push(f64::from(sent) / begun.elapsed().as_secs_f64());
    Ok(())
}

type Sent = Result<Vec<(Duration, Option<String>)>>;

async fn one_client(url: String, prefer: &str, requests: usize) -> Sent {
    let client = client()?;
    let mut sent = Vec::with_capacity(requests);
    for _ in 0..requests {
        let begun = Instant::now();
        let (_, timing) = get(&client, &url, prefer).await?;
        sent.push((begun.elapsed(), timing));
    }
    Ok(sent)
}

/// Fills the table; gives one of the steps of the whole read.
pub fn shown(table: &mut Table, targets: &[Target<'_>], loads: Vec<Load>, clients: usize) -> Table {
    let title = format!("  of that in turntable, all columns, {clients} at once (Server-Timing)");
    let mut inside = Table::new(title, &["p50 ms", "p99 ms"], &[]);
    for (target, mut load) in targets.iter().zip(loads) {
        let (p50, p99) = (quantile(&mut load.latencies, 0.5), quantile(&mut load.latencies, 0.99));
        table.row(target.name, [p50, p99, quantile(&mut load.rates, 0.5), quantile(&mut load.cpu, 0.5)]);
        if target.name == ALL_COLUMNS {
            for (name, values) in STEPS.iter().zip(&mut load.steps) {
                inside.row(*name, [quantile(values, 0.5), quantile(values, 0.99)]);
            }
        }
    }
    inside
}

/// `parse;dur=0.012, plan;dur=…`, in the order of [`STEPS`].
fn durations(timing: &str) -> Vec<f64> {
    let of = |step: &str| {
        let entry = timing.split(", ").find_map(|entry| entry.strip_prefix(step)?.strip_prefix(";dur="));
        entry.and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
    };
    STEPS.iter().map(|step| of(step)).collect()
}

/// One column of a native row after the other, each flushed to the disk.
async fn patched(rows: &str, side: &Side) -> Result<Table> {
    let page: Value = serde_json::from_slice(&body(rows).await?)?;
    let keys: Arc<[String]> = page["value"]
        .as_array()
        .ok_or("an answer without rows")?
        .iter()
        .filter_map(|row| row["msemr_observationid"].as_str().map(str::to_owned))
        .collect();
    let client = client()?;
    let (mut latencies, mut cpu) = (Vec::new(), Vec::new());
    for (number, key) in keys.iter().cycle().take(PATCHES).enumerate() {
        let change = json!({ "msemr_valuestring": format!("changed {number}") }).to_string();
        let request = client.patch(format!("{rows}({key})")).header("content-type", "application/json").body(change);
        let (begun, cpu_begun) = (Instant::now(), side.cpu_time()?);
        request.send().await?.error_for_status()?;
        latencies.push(milliseconds(begun.elapsed()));
        cpu.push(milliseconds(side.cpu_time()? - cpu_begun));
    }
    let mut table = Table::new("PATCH of a native Observation", &["p50 ms", "p99 ms", "server CPU ms"], &[]);
    let (p50, p99) = (quantile(&mut latencies, 0.5), quantile(&mut latencies, 0.99));
    table.row("one column", [p50, p99, quantile(&mut cpu, 0.5)]);
    Ok(table)
}
