//! `turntable audit` and `turntable events`: the audit trail listed, followed, taken away, held against its seals.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::cli::admin::{Server, answer, answered, get, items, show, text};
use crate::cli::terminal::{note, say};
use crate::model::audit::{Broken, Chain, Entry, hex};
use crate::model::error::{Code, Error, Result};

/// How often it is asked for what is new.
const PAUSE: Duration = Duration::from_secs(1);

/// Entries that are asked for at once.
const AT_ONCE: u32 = 1_000;

#[derive(Subcommand)]
pub enum AuditCommand {
    /// Entries, the newest first.
    List {
        #[command(flatten)]
        chosen: Chosen,
        #[command(flatten)]
        server: Server,
    },
    /// Hold every entry against its seal, of a server or of a file that `export` has written.
    Verify {
        /// An export; no server is asked then.
        file: Option<PathBuf>,
        /// A seal that was noted before: the trail must still have it.
        #[arg(long, value_name = "ID:SEAL")]
        expect: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// All entries to stdout, the oldest first, a line each.
    Export {
        #[arg(long, value_enum, default_value_t = Format::Ndjson)]
        format: Format,
        /// Those behind this entry only.
        #[arg(long, value_name = "ID", default_value_t = 0)]
        after: u64,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    /// JSON, with seals.
    Ndjson,
    /// AuditEvents of FHIR R4.
    Fhir,
}

/// Which entries.
#[derive(Args)]
pub struct Chosen {
    /// Of this table.
    #[arg(long)]
    table: Option<String>,
    /// Of this caller, as the trail names them.
    #[arg(long)]
    caller: Option<String>,
    /// That this request set off, by the `Request-Id` of its answer.
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Of this action, e.g. `rows.read`.
    #[arg(long)]
    action: Option<String>,
    /// That name the row of this key.
    #[arg(long, value_name = "GUID")]
    key: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

impl Chosen {
    fn query(&self, more: &[(&str, String)]) -> String {
        let own = [
            ("table", &self.table),
            ("caller", &self.caller),
            ("request", &self.request),
            ("action", &self.action),
            ("key", &self.key),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let all = own.chain(more.iter().cloned());
        let one = |(name, value): (&str, String)| format!("{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC));
        all.map(one).collect::<Vec<_>>().join("&")
    }
}

pub async fn run(command: AuditCommand) -> Result<()> {
    match command {
        AuditCommand::List { chosen, server } => {
            let query = chosen.query(&[("limit", chosen.limit.to_string())]);
            let found = answer(&server, get(&server, &format!("/admin/v1/audit?{query}"))?).await?;
            show(&server, &found, |found| items(found, "events").for_each(|event| say(line(event))));
            Ok(())
        }
        AuditCommand::Verify { file: Some(file), expect, server } => {
            verified(&server, &of_file(&file, expected(expect.as_deref())?.as_ref())?)
        }
        AuditCommand::Verify { file: None, expect, server } => {
            let mut found = answer(&server, get(&server, "/admin/v1/audit/verify")?).await?;
            if let Some((id, seal)) = expected(expect.as_deref())? {
                let path = format!("/admin/v1/audit?after={}&before={}", id.saturating_sub(1), id.saturating_add(1));
                let entry = answer(&server, get(&server, &path)?).await?;
                if found["whole"] == true && entry["events"][0]["seal"] != seal {
                    found = json!({ "whole": false, "from": found["from"], "to": found["to"], "broken": id, "why": "sealed anew" });
                }
            }
            verified(&server, &found)
        }
        AuditCommand::Export { format, after, server } => export(&server, format, after).await,
    }
}

/// What was decided, or with `all` everything, as it comes.
pub async fn events(server: &Server, chosen: &Chosen, all: bool, follow: bool) -> Result<()> {
    let path = if all { "/admin/v1/audit" } else { "/admin/v1/events" };
    let query = chosen.query(&[("limit", chosen.limit.to_string())]);
    let found = answer(server, get(server, &format!("{path}?{query}"))?).await?;
    if !follow {
        show(server, &found, |found| oldest_first(found).for_each(|event| say(line(event))));
        return Ok(());
    }
    let told = |event: &Value| say(if server.json { event.to_string() } else { line(event) });
    oldest_first(&found).for_each(told);
    let mut last = found["events"][0]["id"].as_u64().unwrap_or(0);
    let mut is_gone = false;
    loop {
        tokio::time::sleep(PAUSE).await;
        let query = chosen.query(&[("after", last.to_string()), ("limit", AT_ONCE.to_string())]);
        match answer(server, get(server, &format!("{path}?{query}"))?).await {
            Ok(found) => {
                is_gone = false;
                oldest_first(&found).for_each(told);
                last = found["events"][0]["id"].as_u64().unwrap_or(last);
            }
            // It may come back.
            Err(error) if matches!(error.code(), Code::UpstreamDown | Code::Busy) => {
                if !std::mem::replace(&mut is_gone, true) {
                    note(error.message());
                }
            }
            Err(error) => return Err(error),
        }
    }
}

async fn export(server: &Server, format: Format, mut after: u64) -> Result<()> {
    let name = match format {
        Format::Ndjson => "ndjson",
        Format::Fhir => "fhir",
    };
    loop {
        let path = format!("/admin/v1/audit/export?format={name}&limit={AT_ONCE}&after={after}");
        let lines = answered(server, get(server, &path)?).await?;
        let lines = String::from_utf8_lossy(&lines);
        let Some(last) = lines.lines().last() else { return Ok(()) };
        say(lines.trim_end());
        let last: Value = serde_json::from_str(last).unwrap_or_default();
        let id = last["id"].as_u64().or_else(|| last["id"].as_str()?.parse().ok());
        after = id
            .filter(|id| *id > after)
            .ok_or_else(|| Error::new(Code::UpstreamInvalid, "the server's export has lines that are no entries"))?;
    }
}

fn expected(text: Option<&str>) -> Result<Option<(u64, String)>> {
    let bad = || Error::new(Code::BadValue, "a seal is written ID:SEAL, as verify prints it").target("--expect");
    let parsed = |text: &str| {
        let (id, seal) = text.split_once(':')?;
        Some((id.parse().ok()?, seal.to_ascii_lowercase()))
    };
    text.map(|text| parsed(text).ok_or_else(bad)).transpose()
}

/// What the server says of its trail, of an export.
fn of_file(file: &Path, expected: Option<&(u64, String)>) -> Result<Value> {
    let unread =
        |error: std::io::Error| Error::new(Code::BadRequest, format!("{} cannot be read: {error}", file.display()));
    let mut chain: Option<(u64, Chain)> = None;
    let broken = |chain: &Option<(u64, Chain)>, id: u64, why: &str| {
        let (from, to) = chain.as_ref().map_or((id, id), |(from, chain)| (*from, chain.id));
        Ok(json!({ "whole": false, "from": from, "to": to, "broken": id, "why": why }))
    };
    for (number, line) in BufReader::new(File::open(file).map_err(unread)?).lines().enumerate() {
        let line = line.map_err(unread)?;
        let Some((entry, before, seal)) = Entry::of_line(&line) else {
            let text = format!("line {} of {} is no entry of an export with seals", number + 1, file.display());
            return Err(Error::new(Code::BadJson, text).hint("write it with `turntable audit export`"));
        };
        let (from, mut next) = chain.unwrap_or((entry.id, Chain::behind(entry.id.saturating_sub(1), before)));
        match next.check(&entry, &seal) {
            Ok(()) => chain = Some((from, next)),
            Err(Broken::Missing(id)) => return broken(&chain, id, "missing"),
            Err(Broken::Changed(id)) => return broken(&chain, id, "changed"),
        }
        if expected.is_some_and(|(id, known)| *id == entry.id && *known != hex(&seal)) {
            return broken(&chain, entry.id, "sealed anew");
        }
    }
    match chain {
        Some((from, chain)) if expected.is_some_and(|(id, _)| !(from..=chain.id).contains(id)) => {
            broken(&Some((from, chain)), expected.map_or(0, |(id, _)| *id), "missing")
        }
        Some((from, chain)) => Ok(json!({ "whole": true, "from": from, "to": chain.id, "seal": hex(&chain.seal) })),
        None => Err(Error::new(Code::BadRequest, format!("{} is empty", file.display()))),
    }
}

/// An error where the trail is not whole.
fn verified(server: &Server, found: &Value) -> Result<()> {
    if found["whole"] == true {
        show(server, found, |found| {
            say(format!("whole: entries {} to {}", found["from"], found["to"]));
            say(format!("{}:{}", found["to"], text(found, "seal")));
        });
        return Ok(());
    }
    let what = format!("the audit trail is broken at entry {}: {}", found["broken"], text(found, "why"));
    Err(Error::new(Code::Conflict, what).hint("compare it with a backup, or with an export from before"))
}

fn oldest_first(found: &Value) -> impl Iterator<Item = &Value> {
    items(found, "events").collect::<Vec<_>>().into_iter().rev()
}

/// An entry as people read it.
fn line(event: &Value) -> String {
    let table = event["table"].as_str().unwrap_or("-");
    let outcome = event["outcome"].as_str().map(|outcome| format!("  {outcome}")).unwrap_or_default();
    let mut detail = event["detail"].clone();
    // Keys are many, and say nothing to people.
    if let Some(keys) = detail["keys"].as_array().map(Vec::len) {
        detail["keys"] = keys.into();
    }
    if let Some(found) = detail["found"].as_object_mut() {
        found.remove("course");
    }
    format!(
        "{:>6}  {}  {:<20} {:<18} {table:<24} {detail}{outcome}",
        event["id"],
        text(event, "at"),
        text(event, "actor"),
        text(event, "action"),
    )
}
