//! (b) Requests per second and latency of a virtual read of 50 rows over loopback, beside a plain pass-through that asks
//! the service the same and gives its answer unread, and the service asked directly. All in this process, on its cores:
//! the FHIR service, the server, the pass-through and the clients.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use turntable::cli::serve::Server;
use turntable::config::Config;
use turntable::fhir::client::SourceSettings;
use turntable::model::table::Route;
use turntable_fhir_sandbox::{Running, Sandbox};

use crate::Result;
use crate::data;
use crate::measure::{Report, Table, milliseconds, process_cpu_time, quantile};

/// Rows of a page.
pub const ROWS: usize = 50;
/// Observations in the service.
pub const STORED: usize = 1_000;
const CLIENTS: [usize; 2] = [1, 8];
const ROUNDS: usize = 5;
/// Requests of one target in one round, all clients together.
const REQUESTS: usize = 240;

const ALL_COLUMNS: &str = "turntable, all columns";
const FEW: [&str; 4] =
    ["msemr_description", "msemr_effectivetypedatetime", "msemr_valuetypequantityvalue", "msemr_valuequantityunit"];
const PASS_THROUGH: &str = "pass-through";
/// What `Server-Timing` says of a request.
const STEPS: [&str; 6] = ["parse", "plan", "upstream", "mapping", "residual", "render"];

/// Where requests go.
struct Target {
    name: &'static str,
    url: String,
}

#[derive(Default)]
struct Load {
    /// Milliseconds of each request.
    latencies: Vec<f64>,
    /// Requests per second of each round.
    rates: Vec<f64>,
    /// Milliseconds of CPU time that a request took in each round, on all sides together.
    cpu: Vec<f64>,
    /// Milliseconds of each request's steps.
    steps: [Vec<f64>; STEPS.len()],
}

pub fn run(report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measured(report))
}

async fn measured(report: &mut Report) -> Result<()> {
    let (sandbox, running) = service().await?;
    let directory = tempfile::tempdir()?;
    let server = Server::start(config(directory.path(), &running.base_url())?).await?;
    let rows = rows_url(&server.url());
    let few = format!("{rows}?$select={}", FEW.join(","));
    // One read shows what the service is asked.
    sandbox.clear_requests();
    get(&client()?, &rows).await?;
    let asked = sandbox.requests().pop().ok_or("the read did not reach the FHIR service")?.path;
    let upstream = format!("http://{}{asked}", running.addr());
    let proxy = pass_through(upstream.clone()).await?;
    let targets = [
        Target { name: ALL_COLUMNS, url: rows },
        Target { name: "turntable, 4 columns", url: few },
        Target { name: PASS_THROUGH, url: format!("http://{proxy}/") },
        Target { name: "the FHIR service itself", url: upstream },
    ];

    for clients in CLIENTS {
        let loads = alternated(&targets, clients).await?;
        let title = format!("Virtual read of {ROWS} Observations, {clients} at once");
        let figures = &["p50 ms", "p99 ms", "requests/s", "CPU ms"];
        let mut table = Table::new(title, figures, &[PASS_THROUGH]).compare(&[0, 2, 3]);
        let mut inside = None;
        for (target, mut load) in targets.iter().zip(loads) {
            let (p50, p99) = (quantile(&mut load.latencies, 0.5), quantile(&mut load.latencies, 0.99));
            table.row(target.name, [p50, p99, quantile(&mut load.rates, 0.5), quantile(&mut load.cpu, 0.5)]);
            if target.name == ALL_COLUMNS {
                inside = Some(steps(&mut load, clients));
            }
        }
        report.add(&table);
        inside.iter().for_each(|inside| report.add(inside));
    }
    server.stop().await;
    running.shutdown().await;
    Ok(())
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

/// One read, whole, and what it says of its steps.
pub async fn get(client: &reqwest::Client, url: &str) -> Result<Option<String>> {
    let request = client.get(url).header("prefer", format!("odata.maxpagesize={ROWS}"));
    let response = request.send().await?;
    let status = response.status();
    let timing = response.headers().get("server-timing").and_then(|text| text.to_str().ok()).map(str::to_owned);
    let body = response.bytes().await?;
    if status.is_success() && !body.is_empty() {
        return Ok(timing);
    }
    Err(format!("{url} answered {status}: {}", String::from_utf8_lossy(&body)).into())
}

fn config(directory: &std::path::Path, fhir: &str) -> Result<Config> {
    let mut config = Config::parse(None, &BTreeMap::new())?;
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.data_dir = directory.to_owned();
    config.sources.insert("main".to_owned(), SourceSettings::new(fhir)?);
    config.tables.insert("msemr_observation".to_owned(), Route::Virtual { source: "main".to_owned() });
    Ok(config)
}

/// The least that can stand between a client and a service.
async fn pass_through(upstream: String) -> Result<SocketAddr> {
    async fn answer(State((client, upstream)): State<(reqwest::Client, String)>) -> Response {
        let body = async { client.get(upstream).send().await?.error_for_status()?.bytes().await };
        match body.await {
            Ok(body) => ([(header::CONTENT_TYPE, "application/fhir+json")], body).into_response(),
            Err(error) => (axum::http::StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }
    let router = axum::Router::new().fallback(answer).with_state((client()?, upstream));
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// Rounds of requests, the targets in turn; the first round warms up and does not count.
async fn alternated(targets: &[Target], clients: usize) -> Result<Vec<Load>> {
    let mut loads: Vec<Load> = targets.iter().map(|_| Load::default()).collect();
    for round in 0..=ROUNDS {
        for (target, load) in targets.iter().zip(&mut loads) {
            let mut warm = Load::default();
            let load = if round == 0 { &mut warm } else { load };
            send(&target.url, clients, REQUESTS, load).await?;
        }
    }
    Ok(loads)
}

/// So many requests by so many clients, each on its own connection.
async fn send(url: &str, clients: usize, requests: usize, load: &mut Load) -> Result<()> {
    let (begun, cpu_begun) = (Instant::now(), process_cpu_time());
    let tasks: Vec<_> = (0..clients).map(|_| tokio::spawn(one_client(url.to_owned(), requests / clients))).collect();
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
    load.cpu.push(milliseconds(process_cpu_time() - cpu_begun) / f64::from(sent));
    load.rates.push(f64::from(sent) / begun.elapsed().as_secs_f64());
    Ok(())
}

type Sent = Result<Vec<(Duration, Option<String>)>>;

async fn one_client(url: String, requests: usize) -> Sent {
    let client = client()?;
    let mut sent = Vec::with_capacity(requests);
    for _ in 0..requests {
        let begun = Instant::now();
        let timing = get(&client, &url).await?;
        sent.push((begun.elapsed(), timing));
    }
    Ok(sent)
}

/// `parse;dur=0.012, plan;dur=…`, in the order of [`STEPS`].
fn durations(timing: &str) -> Vec<f64> {
    let of = |step: &str| {
        let entry = timing.split(", ").find_map(|entry| entry.strip_prefix(step)?.strip_prefix(";dur="));
        entry.and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
    };
    STEPS.iter().map(|step| of(step)).collect()
}

fn steps(load: &mut Load, clients: usize) -> Table {
    let title = format!("  of that in turntable, all columns, {clients} at once (Server-Timing)");
    let mut table = Table::new(title, &["p50 ms", "p99 ms"], &[]);
    for (name, values) in STEPS.iter().zip(&mut load.steps) {
        table.row(*name, [quantile(values, 0.5), quantile(values, 0.99)]);
    }
    table
}
