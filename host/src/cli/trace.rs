//! `turntable trace`: the last requests of a server, listed, and one of them step by step.

use std::collections::HashMap;

use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::cli::admin::{Server, answer, get, items, show, text};
use crate::cli::terminal::say;
use crate::model::error::Result;

/// Columns of a bar that stands for the whole request.
const WIDTH: f64 = 32.0;

/// Steps in steps that are set in; the others stand below the last of these.
const DEEP: usize = 16;

#[derive(Subcommand)]
pub enum TraceCommand {
    /// Requests, the newest first.
    List {
        #[command(flatten)]
        chosen: Chosen,
        #[command(flatten)]
        server: Server,
    },
    /// One request, step by step.
    Show {
        /// As an error message or the header `Request-Id` says it.
        id: String,
        #[command(flatten)]
        server: Server,
    },
}

/// Which requests.
#[derive(Args)]
pub struct Chosen {
    /// For this table.
    #[arg(long)]
    table: Option<String>,
    /// Answered with this status, `404`, or one of this class, `5xx`; several with commas.
    #[arg(long)]
    status: Option<String>,
    /// That took at least so many milliseconds.
    #[arg(long, value_name = "MS")]
    slower: Option<u32>,
    /// At most so many.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

pub async fn run(command: TraceCommand) -> Result<()> {
    let encoded = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    match command {
        TraceCommand::List { chosen, server } => {
            let Chosen { table, status, slower, limit } = chosen;
            let slower = slower.map(|ms| ms.to_string());
            let options =
                [("table", table), ("status", status), ("slower", slower), ("limit", Some(limit.to_string()))];
            let options = options.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(&value?))));
            let path = format!("/admin/v1/traces?{}", options.collect::<Vec<_>>().join("&"));
            let found = answer(&server, get(&server, &path)?).await?;
            show(&server, &found, |found| items(found, "traces").for_each(|one| say(line(one))));
        }
        TraceCommand::Show { id, server } => {
            let found = answer(&server, get(&server, &format!("/admin/v1/traces/{}", encoded(&id)))?).await?;
            show(&server, &found, |found| {
                say(line(found));
                steps(found).into_iter().for_each(say);
            });
        }
    }
    Ok(())
}

/// A request as people read it.
fn line(one: &Value) -> String {
    let status = one["status"].as_u64().map_or_else(|| "-".to_owned(), |status| status.to_string());
    let code = one["code"].as_str().map(|code| format!("  {code}")).unwrap_or_default();
    format!(
        "{}  {:<30} {status:>3} {:>10} ms  {:<6} {}{code}",
        text(one, "request"),
        text(one, "at"),
        milliseconds(&one["ms"]),
        text(one, "method"),
        text(one, "route"),
    )
}

/// Its steps, each with a bar where it stands in the whole, the steps in it set in.
fn steps(found: &Value) -> Vec<String> {
    let whole = found["ms"].as_f64().unwrap_or_default().max(0.001);
    let mut depths: HashMap<&str, usize> = HashMap::new();
    let line = |step: &Value, depth: usize| {
        let of = |member: &str| step[member].as_f64().unwrap_or_default() / whole;
        let (from, long) = (bar(of("startMs")), bar(of("ms")).max(1));
        let drawn = format!("{}{}", " ".repeat(from), "█".repeat(long.min(bar(1.0).saturating_sub(from).max(1))));
        let name = format!("{}{}", "  ".repeat(depth), text(step, "name"));
        let more = step["attributes"].as_object().into_iter().flatten().map(|(name, value)| {
            let name = name.rsplit('.').next().unwrap_or_default();
            format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        });
        let more: Vec<_> = more.chain(step["code"].as_str().map(str::to_owned)).collect();
        let drawn = format!("{drawn:<32}");
        format!("  {name:<40} {:>10} ms  {drawn}  {}", milliseconds(&step["ms"]), more.join(", ")).trim_end().to_owned()
    };
    let mut lines = Vec::new();
    for step in items(found, "spans") {
        let depth = depths.get(text(step, "parent")).map_or(0, |depth| (depth + 1).min(DEEP));
        depths.insert(text(step, "id"), depth);
        lines.push(line(step, depth));
    }
    if let Some(more) = found["more"].as_u64().filter(|more| *more > 0) {
        lines.push(format!("  … and {more} more steps"));
    }
    lines
}

/// Columns of a part of the whole.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the width")]
fn bar(part: f64) -> usize {
    (part.clamp(0.0, 1.0) * WIDTH).round() as usize
}

fn milliseconds(value: &Value) -> String {
    format!("{:.1}", value.as_f64().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_stand_where_they_were() {
        let found = json!({ "ms": 10.0, "more": 3, "spans": [
            { "id": "a", "parent": "root", "name": "scan contact", "startMs": 0.0, "ms": 10.0, "attributes": { "turntable.rows": 7 } },
            { "id": "b", "parent": "a", "name": "wait", "startMs": 5.0, "ms": 5.0, "code": "Busy", "attributes": { "turntable.of": "contact" } },
        ]});
        let lines = steps(&found);
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains(&"█".repeat(32)) && lines[0].ends_with("rows 7"), "{}", lines[0]);
        let half = format!("{}{}", " ".repeat(16), "█".repeat(16));
        assert!(lines[1].starts_with("    wait") && lines[1].contains(&half), "{}", lines[1]);
        assert!(lines[1].ends_with("of contact, Busy") && lines[2].contains('3'), "{}", lines[1]);
    }
}
