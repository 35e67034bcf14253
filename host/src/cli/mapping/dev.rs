//! `turntable mapping dev`: watches a mapping, and puts each version that builds in force in a running server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::source::{self, Source};
use crate::cli::admin::{self, Server};
use crate::cli::terminal::{complain, say};
use crate::model::error::Result;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_millis(100);

/// Does so until it is stopped. What does not build or is not let in is shown, and the version before stays in force.
pub async fn dev(path: &Path, server: &Server) -> Result<()> {
    let source = Source::of(path)?;
    let scratch = source::scratch()?;
    let watched = source.path();
    let mut seen = BTreeMap::new();
    loop {
        let now = files(watched);
        if now != seen {
            let saved = Instant::now();
            seen = now;
            match release(&source, scratch.path(), server).await {
                Ok(()) => say(format!("live after {} ms; watching {}", saved.elapsed().as_millis(), watched.display())),
                Err(error) => complain(&error),
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn release(source: &Source, scratch: &Path, server: &Server) -> Result<()> {
    admin::load(server, &source.component(scratch)?, true).await
}

/// Files with the time of their last change; what cargo writes is left out.
fn files(root: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
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
