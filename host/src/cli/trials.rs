//! Commands for versions on trial: what is in force for a table and what is tried beside it, shadows, canaries, promotion.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::cli::admin::{Server, answer, get, items, post, released, show, text, with_json};
use crate::cli::terminal::say;
use crate::model::error::Result;

/// What is in force, what is on trial and what was found of it, and what was.
pub async fn status(server: &Server, table: &str) -> Result<()> {
    let status = answer(server, get(server, &format!("/admin/v1/tables/{table}/release"))?).await?;
    show(server, &status, |status| {
        let active = &status["active"];
        say(format!("in force: {} {} {}", text(active, "name"), text(active, "version"), text(active, "digest")));
        for mode in ["shadow", "canary"] {
            on_trial(mode, &status[mode]);
        }
        for one in items(status, "history") {
            let back = if one["rolledBack"] == true { "  taken back" } else { "" };
            let signer = one["signer"]["by"].as_str().map(|by| format!("  signed by {by}")).unwrap_or_default();
            say(format!("{}  {}  {}{back}{signer}", text(one, "at"), text(one, "digest"), text(one, "by")));
        }
        for one in items(status, "trials") {
            let (percent, ended) = (&one["percent"], text(one, "ended"));
            let what = format!("{} {percent} %  {ended} by {}", text(one, "mode"), text(one, "endedBy"));
            say(format!("{}  {}  {what}", text(one, "at"), text(one, "digest")));
        }
    });
    Ok(())
}

fn on_trial(mode: &str, one: &Value) {
    if one.is_null() {
        return;
    }
    let (mapping, found) = (&one["mapping"], &one["found"]);
    let named = format!("{} {} {}", text(mapping, "name"), text(mapping, "version"), text(mapping, "digest"));
    say(format!("{mode} {} %: {named}", one["percent"]));
    let number = |member: &str| found[member].as_u64().unwrap_or_default();
    let back = if mode == "canary" {
        format!(", {} answered by the version in force", number("fellBack"))
    } else {
        String::new()
    };
    say(format!("  {} requests{back}, {} not compared", number("requests"), number("dropped")));
    let rows = number("rows");
    say(format!(
        "  {} of {rows} rows differ ({} missing, {} extra)",
        number("differingRows"),
        number("missing"),
        number("extra")
    ));
    for (column, rows) in found["columns"].as_object().into_iter().flatten() {
        say(format!("    {column}: {rows}"));
    }
    for (code, resources) in found["faults"].as_object().into_iter().flatten() {
        say(format!("  fails on {resources} resources: {code}"));
    }
    let left: Vec<_> = items(found, "notCompared").filter_map(Value::as_str).collect();
    if !left.is_empty() {
        say(format!("  not always compared: {}", left.join(", ")));
    }
    if let Some(ratio) = found["latencyRatio"].as_f64() {
        say(format!("  takes {ratio:.2} times the work"));
    }
    if let (Some(failing), Some(limit)) = (one["failing"].as_u64(), one["failingLimit"].as_u64()) {
        say(format!("  {failing} failing inputs of late; it is taken back at {limit}"));
    }
    for differing in items(one, "resources") {
        let columns: Vec<_> = items(differing, "columns").filter_map(Value::as_str).collect();
        say(format!("  {}  {}", text(differing, "resource"), columns.join(", ")));
    }
}

pub async fn shadow(server: &Server, table: &str, digest: &str, percent: u8) -> Result<()> {
    try_out(server, table, &json!({ "digest": digest, "mode": "shadow", "percent": percent })).await
}

pub async fn canary(
    server: &Server,
    table: &str,
    digest: &str,
    percent: u8,
    expected: &[String],
    allow_breaking: bool,
) -> Result<()> {
    let mut body = json!({ "digest": digest, "mode": "canary", "percent": percent, "expected": expected });
    if allow_breaking {
        body["allow_breaking"] = true.into();
    }
    try_out(server, table, &body).await
}

async fn try_out(server: &Server, table: &str, body: &Value) -> Result<()> {
    let request = with_json(post(server, &format!("/admin/v1/tables/{table}/mapping"))?, body);
    let begun = answer(server, request).await?;
    show(server, &begun, |begun| {
        let mapping = &begun["mapping"];
        let named = format!("{} {} {}", text(mapping, "name"), text(mapping, "version"), text(mapping, "digest"));
        say(format!("{} {} %: {named}", text(begun, "mode"), begun["percent"]));
        if let Some(previous) = begun["previous"].as_str().filter(|previous| *previous != text(mapping, "digest")) {
            say(format!("no longer on trial: {previous}"));
        }
    });
    Ok(())
}

pub async fn promote(server: &Server, table: &str, digest: Option<&str>, allow_breaking: bool) -> Result<()> {
    let digest = digest.map(|digest| format!("&digest={}", utf8_percent_encode(digest, NON_ALPHANUMERIC)));
    let options = format!("allow_breaking={allow_breaking}{}", digest.unwrap_or_default());
    let request = post(server, &format!("/admin/v1/tables/{table}/mapping/promote?{options}"))?;
    released(server, &answer(server, request).await?);
    Ok(())
}
