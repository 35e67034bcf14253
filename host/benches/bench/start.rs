//! (c) The program itself, as a process of its own: start to ready from nothing and with compiled code, the first
//! request to a table, what an empty folder takes, resident memory before and after load, and how long a swap takes
//! while reads go on.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use turntable::mapping::shipped::SHIPPED;

use crate::Result;
use crate::measure::{Report, Table, milliseconds, quantile, timed};
use crate::read;

/// The program that was built with this one, unless another is named: an older build, to compare with.
const OTHER_PROGRAM: &str = "TURNTABLE_BENCH_PROGRAM";
const STARTS: usize = 7;
const SWAPS: usize = 15;
const READS: usize = 1_000;
const READERS: usize = 8;
const ALONE: &str = "the process alone (--version)";
const LATER: &str = "a later one";

fn program_file() -> PathBuf {
    std::env::var_os(OTHER_PROGRAM).map_or_else(|| env!("CARGO_BIN_EXE_turntable").into(), PathBuf::from)
}

pub fn run(report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measured(report))
}

async fn measured(report: &mut Report) -> Result<()> {
    let (_sandbox, fhir) = read::service().await?;
    let fhir_url = fhir.base_url();
    starts(&fhir_url).await?.iter().for_each(|table| report.add(table));
    let directory = tempfile::tempdir()?;
    Program::start(directory.path(), &fhir_url)?.stop();
    let program = Program::start(directory.path(), &fhir_url)?;
    report.add(&memory(&program).await?);
    report.add(&swaps(&program).await?);
    program.stop();
    fhir.shutdown().await;
    Ok(())
}

/// To the line `listening on`, then the first request to a table and one after it, then what is in the folder.
async fn starts(fhir: &str) -> Result<Vec<Table>> {
    let client = read::client()?;
    let mut alone = Vec::new();
    let (mut ready, mut first, mut next) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()], Vec::new());
    let (mut empty, mut used) = (f64::NAN, f64::NAN);
    for _ in 0..STARTS {
        let (took, status) = timed(|| Command::new(program_file()).arg("--version").stdout(Stdio::null()).status());
        status?;
        alone.push(took);
        let directory = tempfile::tempdir()?;
        for kept in 0..2 {
            let program = Program::start(directory.path(), fhir)?;
            ready[kept].push(program.ready_after);
            if kept == 0 {
                empty = mebibytes(directory.path())?;
            }
            let url = read::rows_url(&program.url);
            for times in [&mut first[kept], &mut next] {
                let begun = Instant::now();
                read::get(&client, &url, read::PAGE).await?;
                times.push(milliseconds(begun.elapsed()));
            }
            used = mebibytes(directory.path())?;
            program.stop();
        }
    }
    let title = format!("Start to ready, {} mappings inside", SHIPPED.len());
    let mut starts = Table::new(title, &["p50 ms", "slowest ms"], &[ALONE]);
    let [nothing, kept] = &mut ready;
    for (name, times) in [(ALONE, &mut alone), ("an empty folder", nothing), ("again", kept)] {
        starts.row(name, [quantile(times, 0.5), quantile(times, 1.0)]);
    }
    let mut requests = Table::new("The first request to a table", &["p50 ms", "slowest ms"], &[LATER]);
    let [nothing, kept] = &mut first;
    for (name, times) in [(LATER, &mut next), ("nothing compiled", nothing), ("its code kept on disk", kept)] {
        requests.row(name, [quantile(times, 0.5), quantile(times, 1.0)]);
    }
    let mut folder = Table::new("Data folder", &["MiB"], &[]);
    folder.row("after the first start", [empty]);
    folder.row("after reads of one table", [used]);
    Ok(vec![starts, requests, folder])
}

/// Of all files under a folder.
fn mebibytes(folder: &Path) -> Result<f64> {
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { mebibytes(&entry.path())? } else { about.len() as f64 / f64::from(1 << 20) };
    }
    Ok(bytes)
}

async fn memory(program: &Program) -> Result<Table> {
    const READY: &str = "ready";
    let mut table = Table::new("Resident memory", &["MiB", "most so far"], &[READY]);
    table.row(READY, program.memory()?);
    let url = read::rows_url(&program.url);
    let readers: Vec<_> = (0..READERS).map(|_| tokio::spawn(reader(url.clone(), READS / READERS))).collect();
    for reader in readers {
        reader.await??;
    }
    let name = format!("after {READS} reads of {} rows, {READERS} at once", read::ROWS);
    table.row(name, program.memory()?);
    Ok(table)
}

async fn reader(url: String, reads: usize) -> Result<()> {
    let client = read::client()?;
    for _ in 0..reads {
        read::get(&client, &url, read::PAGE).await?;
    }
    Ok(())
}

/// New versions are loaded and put in force one after the other, then older ones, while a client reads.
async fn swaps(program: &Program) -> Result<Table> {
    let component = SHIPPED.iter().find(|one| one.name == "observation").ok_or("no such mapping inside")?.component;
    let stop = Arc::new(AtomicBool::new(false));
    let reads = tokio::spawn(read_until(read::rows_url(&program.url), stop.clone()));
    let client = read::client()?;
    let (mut load, mut activate_new, mut activate_old) = (Vec::new(), Vec::new(), Vec::new());
    let mut digests: Vec<String> = Vec::new();
    for version in 0..SWAPS {
        let (took, loaded) = program.load(&client, another(component, version)?).await?;
        load.push(took);
        let digest = loaded["digest"].as_str().ok_or("a load without a digest")?.to_owned();
        activate_new.push(program.activate(&client, &digest).await?);
        // Only the latest versions are kept.
        if let Some(before) = digests.last() {
            activate_old.push(program.activate(&client, before).await?);
        }
        digests.push(digest);
    }
    stop.store(true, Ordering::Relaxed);
    let mut during = reads.await?;
    let mut table = Table::new("Swap of a mapping, while a client reads", &["p50 ms", "slowest ms"], &[]);
    for (name, times) in [
        ("load a new version: gate, compile, samples", &mut load),
        ("put a new version in force", &mut activate_new),
        ("put an older version in force", &mut activate_old),
        ("a read meanwhile", &mut during.milliseconds),
    ] {
        table.row(name, [quantile(times, 0.5), quantile(times, 1.0)]);
    }
    let reads = format!("reads meanwhile: {}, of which failed", during.milliseconds.len() + during.failed);
    table.row(reads, [during.failed as f64]);
    Ok(table)
}

#[derive(Default)]
struct During {
    milliseconds: Vec<f64>,
    failed: usize,
}

async fn read_until(url: String, stop: Arc<AtomicBool>) -> During {
    let mut during = During::default();
    let Ok(client) = read::client() else { return during };
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        match read::get(&client, &url, read::PAGE).await {
            Ok(_) => during.milliseconds.push(milliseconds(begun.elapsed())),
            Err(_) => during.failed += 1,
        }
    }
    during
}

/// The same mapping in other bytes: a custom section at its end makes a component another one.
fn another(component: &[u8], version: usize) -> Result<Vec<u8>> {
    let mut bytes = component.to_vec();
    let name = b"bench";
    let data = version.to_string();
    let size = u8::try_from(1 + name.len() + data.len()).ok().filter(|size| *size < 128).ok_or("a long section")?;
    bytes.extend([0, size, name.len() as u8]);
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(data.as_bytes());
    Ok(bytes)
}

/// A server as a process of its own.
pub struct Program {
    child: Child,
    pub url: String,
    ready_after: f64,
}

impl Program {
    pub fn start(directory: &Path, fhir: &str) -> Result<Self> {
        let config = directory.join("turntable.toml");
        let data = directory.join("data");
        let text = format!(
            "listen = \"127.0.0.1:0\"\ndata_dir = {:?}\n[sources.main]\nurl = \"{fhir}\"\n\
             [tables.msemr_observation]\nroute = \"virtual\"\nsource = \"main\"\n",
            data.display().to_string()
        );
        std::fs::write(&config, text)?;
        let begun = Instant::now();
        let mut command = Command::new(program_file());
        command.arg("serve").arg("--config").arg(&config).env("TURNTABLE_LOG", "error").stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let ready_after = milliseconds(begun.elapsed());
        let url = line.trim_end().strip_prefix("listening on ").unwrap_or_default().to_owned();
        let program = Self { child, url, ready_after };
        if program.url.is_empty() { Err("the server did not start".into()) } else { Ok(program) }
    }

    pub fn stop(self) {
        drop(self);
    }

    /// MiB that are resident now, and that were at most; NaN where there is no `/proc`.
    fn memory(&self) -> Result<[f64; 2]> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
            kibibytes.map_or(f64::NAN, |kibibytes| kibibytes / 1024.0)
        };
        Ok([of("VmRSS:"), of("VmHWM:")])
    }

    async fn load(&self, client: &reqwest::Client, component: Vec<u8>) -> Result<(f64, Value)> {
        let request = client.post(format!("{}/admin/v1/mappings", self.url));
        let request = request.header("content-type", "application/wasm").body(component);
        answered(request).await
    }

    async fn activate(&self, client: &reqwest::Client, digest: &str) -> Result<f64> {
        self.release(client, digest, "msemr_observation").await
    }

    /// Puts a version in force.
    async fn release(&self, client: &reqwest::Client, digest: &str, table: &str) -> Result<f64> {
        let url = format!("{}/admin/v1/tables/{table}/mapping", self.url);
        Ok(answered(client.post(url).body(json!({ "digest": digest }).to_string())).await?.0)
    }

    /// Loads a mapping and has its table show what the FHIR service has.
    pub async fn serve(&self, client: &reqwest::Client, component: Vec<u8>, table: &str) -> Result<()> {
        let (_, loaded) = self.load(client, component).await?;
        let digest = loaded["digest"].as_str().ok_or("a load without a digest")?;
        self.release(client, digest, table).await?;
        let route = json!({ "provider": "virtual", "source": "main" }).to_string();
        answered(client.put(format!("{}/admin/v1/tables/{table}/route", self.url)).body(route)).await?;
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Milliseconds to the whole answer, and the answer.
async fn answered(request: reqwest::RequestBuilder) -> Result<(f64, Value)> {
    let begun = Instant::now();
    let (client, request) = request.build_split();
    let mut request = request?;
    request.headers_mut().entry("content-type").or_insert(HeaderValue::from_static("application/json"));
    let response = client.execute(request).await?;
    let status = response.status();
    let body = response.bytes().await?;
    let took = milliseconds(begun.elapsed());
    if !status.is_success() {
        return Err(format!("the admin API answered {status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok((took, serde_json::from_slice(&body)?))
}
