//! `turntable mapping dev`: watches a mapping, and puts each version that builds in force in a running server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use super::sign;
use super::source::{self, Source};
use crate::cli::admin::{self, Server};
use crate::cli::terminal::{complain, say};
use crate::mapping::signature::PrivateKey;
use crate::model::error::Result;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_millis(100);
/// How long the gate looks at the laws, which take seconds for a mapping of many tables:
/// `mapping test` holds all of them.
const LAWS: Duration = Duration::from_millis(100);

/// Does so until it is stopped. What does not build or is not let in is shown, and the version before stays in force.
/// `allow_breaking`: what apps may break on that use the version in force is put in force as well. Each is signed with the
/// private key, where one is named.
pub async fn dev(path: &Path, allow_breaking: bool, key: Option<&Path>, server: &Server) -> Result<()> {
    let source = Source::of(path)?;
    let key = key.map(sign::private_key).transpose()?;
    let scratch = source::scratch()?;
    let mut seen = BTreeMap::new();
    loop {
        let now = files(source.parts());
        if now != seen {
            let noticed = noticed(&seen, &now);
            seen = now;
            match release(&source, scratch.path(), allow_breaking, key.as_ref(), server).await {
                Ok(took) => took.show(noticed, source.path(), server.json),
                Err(error) => complain(&error),
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// How long each step took.
struct Took {
    build: Duration,
    gate: Duration,
    in_force: Duration,
}

async fn release(
    source: &Source,
    scratch: &Path,
    allow_breaking: bool,
    key: Option<&PrivateKey>,
    server: &Server,
) -> Result<Took> {
    let began = Instant::now();
    let component = source.draft(scratch)?;
    let component = sign::bytes(&component)?;
    let signature = key.map(|key| key.sign(&component)).transpose()?;
    let built = Instant::now();
    let loaded = admin::upload(server, (component, signature), Some(LAWS)).await?;
    let let_in = Instant::now();
    if let Some(loaded) = loaded {
        admin::activate(server, &loaded.table, &loaded.digest, allow_breaking).await?;
    }
    Ok(Took { build: built - began, gate: let_in - built, in_force: let_in.elapsed() })
}

impl Took {
    /// `noticed`: how long it took to see that a file was saved.
    fn show(&self, noticed: Duration, watched: &Path, as_json: bool) {
        let [noticed, build, gate, in_force] = [noticed, self.build, self.gate, self.in_force]
            .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let live = noticed + build + gate + in_force;
        if as_json {
            say(json!({
                "live_ms": live, "noticed_ms": noticed, "build_ms": build, "gate_ms": gate, "in_force_ms": in_force,
            }));
        } else {
            say(format!(
                "live after {live} ms ({noticed} until seen, {build} build, {gate} gate, {in_force} in force); watching {}",
                watched.display()
            ));
        }
    }
}

/// Since the newest of the changed files was saved. At the beginning none was; and one that was moved here may be old.
fn noticed(seen: &BTreeMap<PathBuf, SystemTime>, now: &BTreeMap<PathBuf, SystemTime>) -> Duration {
    if seen.is_empty() {
        return Duration::ZERO;
    }
    let changed = now.iter().filter(|(file, at)| seen.get(*file) != Some(at)).map(|(_, at)| *at);
    changed.max().and_then(|at| at.elapsed().ok()).unwrap_or_default().min(EVERY)
}

/// Files with the time of their last change; what cargo writes is left out.
fn files(mut open: Vec<PathBuf>) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name == "target" || name == ".git") {
                continue;
            }
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else if let Ok(changed) = fs::metadata(&path).and_then(|about| about.modified()) {
            found.insert(path, changed);
        }
    }
    found
}
