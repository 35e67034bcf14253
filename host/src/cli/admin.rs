//! Commands that talk to a running server: releases, routes, ingest. A thin client of the admin API; it shows what the
//! server answers.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::cli::serve::{KEY_VARIABLE, TOKEN_VARIABLE, read_config, signature_of};
use crate::cli::terminal::{Progress, say};
use crate::http::token;
use crate::model::error::{Code, Detail, Error, Result};

/// Names the server, where nothing else does.
const SERVER_VARIABLE: &str = "TURNTABLE_SERVER";

/// A component may take a while to compile, a bundle to store.
const TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, ValueEnum)]
pub enum Provider {
    Native,
    Virtual,
}

/// The server that a command talks to.
#[derive(Args, Clone)]
pub struct Server {
    #[arg(long, value_name = "URL", env = SERVER_VARIABLE, default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// The server's data folder, where its token is; without it that of the configuration, for a server on this machine.
    /// TURNTABLE_TOKEN (an API key or a token), then TURNTABLE_ADMIN_TOKEN are asked first.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

pub struct Turn {
    pub table: String,
    pub provider: Provider,
    pub source: String,
    pub copy: bool,
    pub dry_run: bool,
    pub yes: bool,
}

/// A version that a server has let in.
pub struct Loaded {
    /// One of its tables, which stands for all.
    pub table: String,
    pub digest: String,
}

/// A component of a file. `signature`: its file; without it the one beside the component, if there is one.
pub fn on_disk(file: &Path, signature: Option<&Path>) -> Result<(Vec<u8>, Option<String>)> {
    let signature = match signature {
        Some(path) => Some(String::from_utf8_lossy(&read(path)?).into_owned()),
        None => signature_of(file)?,
    };
    Ok((read(file)?, signature))
}

/// A component with its signature, and whether it is to be put in force, even if apps may break on it.
pub async fn load(
    server: &Server,
    component: (Vec<u8>, Option<String>),
    activate: bool,
    allow_breaking: bool,
) -> Result<()> {
    match upload(server, component, None).await? {
        Some(loaded) if activate => self::activate(server, &loaded.table, &loaded.digest, allow_breaking).await,
        _ => Ok(()),
    }
}

/// Sends a component to the gate, and shows what it found. `development`: it is being written, and the gate looks at the laws for this
/// long at most. None if the component has no table.
pub async fn upload(
    server: &Server,
    (component, signature): (Vec<u8>, Option<String>),
    development: Option<Duration>,
) -> Result<Option<Loaded>> {
    let query = development.map(|laws| format!("?development=true&laws_ms={}", laws.as_millis())).unwrap_or_default();
    let request = post(server, &format!("/admin/v1/mappings{query}"))?;
    let request = request.header("content-type", "application/wasm").body(component);
    let is_text = |text: &String| text.trim().bytes().all(|byte| byte.is_ascii_graphic());
    if signature.as_ref().is_some_and(|text| !is_text(text)) {
        let error = Error::new(Code::SignatureRefused, "the signature is not in base64").target("signature");
        return Err(error.hint("turntable mapping sign FILE --key KEY writes it"));
    }
    let request = signature.iter().fold(request, |request, text| request.header("turntable-signature", text.trim()));
    let report = answer(server, request).await?;
    show(server, &report, |report| {
        for check in items(report, "checks") {
            let mark = if check["passed"] == true { "passed" } else { "FAILED" };
            say(format!("{mark}  {}", text(check, "name")));
            for finding in items(check, "findings") {
                say(format!("        {}", finding.as_str().unwrap_or_default()));
            }
        }
        say(format!("{}  {} {}", text(report, "digest"), text(report, "name"), text(report, "version")));
    });
    let table = items(&report, "tables").next().and_then(Value::as_str);
    let digest = text(&report, "digest").to_owned();
    Ok(table.map(|table| Loaded { table: table.to_owned(), digest }))
}

pub async fn activate(server: &Server, table: &str, digest: &str, allow_breaking: bool) -> Result<()> {
    let path = format!("/admin/v1/tables/{table}/mapping");
    let mut body = json!({ "digest": digest, "mode": "activate" });
    if allow_breaking {
        body["allow_breaking"] = true.into();
    }
    let request = with_json(post(server, &path)?, &body);
    released(server, &answer(server, request).await?);
    Ok(())
}

pub async fn rollback(server: &Server, table: &str, from: Option<&str>) -> Result<()> {
    let from = from.map(|from| format!("?from={}", utf8_percent_encode(from, NON_ALPHANUMERIC))).unwrap_or_default();
    let request = post(server, &format!("/admin/v1/tables/{table}/mapping/rollback{from}"))?;
    released(server, &answer(server, request).await?);
    Ok(())
}

pub async fn mapping_list(server: &Server) -> Result<()> {
    let mappings = answer(server, get(server, "/admin/v1/mappings")?).await?;
    show(server, &mappings, |mappings| {
        say(format!("{:<24} {:<10} {:<20} {:<16} {}", "MAPPING", "VERSION", "DIGEST", "SIGNED BY", "IN FORCE FOR"));
        for one in items(mappings, "mappings") {
            let tables = match items(one, "activeFor").count() {
                0 => "-".to_owned(),
                1 => "1 table".to_owned(),
                many => format!("{many} tables"),
            };
            // As much of a digest as commands take.
            let digest: String = text(one, "digest").chars().take("sha256:".len() + 12).collect();
            let signer = &one["signer"];
            let by = match (signer["by"].as_str(), signer["trusted"] == true) {
                (Some(by), true) => by.to_owned(),
                (Some(by), false) => format!("{by} (not trusted)"),
                (None, _) => "-".to_owned(),
            };
            let development = if one["development"] == true { "  (development)" } else { "" };
            let (name, version) = (text(one, "name"), text(one, "version"));
            say(format!("{name:<24} {version:<10} {digest:<20} {by:<16} {tables}{development}"));
        }
    });
    Ok(())
}

pub async fn deactivate(server: &Server, mapping: &str) -> Result<()> {
    let request = delete(server, &format!("/admin/v1/mappings/{mapping}/active"))?;
    let deactivated = answer(server, request).await?;
    show(server, &deactivated, |deactivated| {
        let of = &deactivated["mapping"];
        let tables: Vec<_> = items(deactivated, "tables").filter_map(Value::as_str).collect();
        say(format!("out of force: {} {} {}", text(of, "name"), text(of, "version"), text(of, "digest")));
        say(format!("no longer served: {}", tables.join(", ")));
    });
    Ok(())
}

pub async fn unload(server: &Server, digest: &str) -> Result<()> {
    let digest = utf8_percent_encode(digest, NON_ALPHANUMERIC);
    let unloaded = answer(server, delete(server, &format!("/admin/v1/mappings/{digest}"))?).await?;
    show(server, &unloaded, |of| {
        say(format!("unloaded: {} {} {}", text(of, "name"), text(of, "version"), text(of, "digest")));
    });
    Ok(())
}

pub async fn source_list(server: &Server) -> Result<()> {
    let sources = answer(server, get(server, "/admin/v1/sources")?).await?;
    show(server, &sources, |sources| {
        say(format!("{:<16} {:<8} {:<28} {:>7} {}", "SOURCE", "FHIR", "SOFTWARE", "TABLES", "URL"));
        for source in items(sources, "sources") {
            let or_unknown = |member: &str| source[member].as_str().unwrap_or("-").to_owned();
            say(format!(
                "{:<16} {:<8} {:<28} {:>7} {}",
                text(source, "name"),
                or_unknown("fhirVersion"),
                or_unknown("software"),
                items(source, "tables").count(),
                text(source, "url")
            ));
            let not_asked: Vec<_> = items(source, "notAsked").filter_map(Value::as_str).collect();
            if !not_asked.is_empty() {
                say(format!("  not asked of it: {}", not_asked.join(", ")));
            }
        }
    });
    Ok(())
}

pub async fn source_probe(server: &Server, name: &str, types: &[String]) -> Result<()> {
    let request = post(server, &format!("/admin/v1/sources/{name}/probe"))?;
    let probe = answer(server, with_json(request, &json!({ "types": types }))).await?;
    show(server, &probe, |probe| {
        for (resource_type, found) in probe["types"].as_object().into_iter().flatten() {
            say(format!("{resource_type}: {} resources looked at", found["resources"]));
            let yes_or_no = |member: &str| found[member].as_bool().map(|yes| if yes { "yes" } else { "no" });
            let facts = [("counts", "counts"), ("sorts", "sorts"), ("versions", "versions"), ("history", "history")];
            let facts = facts.iter().filter_map(|(name, member)| Some(format!("{name} {}", yes_or_no(member)?)));
            let unknown = found["unknownParameters"].as_str().map(|heed| format!("unknown parameters {heed}"));
            let elements = found["elements"].as_str().map(|heed| format!("_elements {heed}"));
            say(format!("  {}", facts.chain(unknown).chain(elements).collect::<Vec<_>>().join(", ")));
            for heed in ["applied", "ignored", "refused"] {
                let parameters = found["parameters"].as_object().into_iter().flatten();
                let mut named: Vec<_> = parameters.filter(|(_, one)| one["heed"] == heed).map(described).collect();
                let chains = found["chains"].as_object().into_iter().flatten();
                named.extend(chains.filter(|(_, one)| **one == heed).map(|(name, _)| name.clone()));
                if !named.is_empty() {
                    say(format!("  {heed}: {}", named.join(", ")));
                }
            }
        }
        if probe["whole"] == false {
            say("the trial came to its limits; name a type with --type to try the rest");
        }
    });
    Ok(())
}

/// A search parameter with what it does otherwise than R4 has it.
fn described((name, probed): (&String, &Value)) -> String {
    let odd = [
        ("ignoresCase", "tells case apart"),
        ("ignoresAccents", "tells accents apart"),
        ("negates", "`:not` leaves out what has no value"),
    ];
    let odd: Vec<_> = odd.iter().filter(|(member, _)| probed[member] == false).map(|(_, says)| *says).collect();
    if odd.is_empty() { name.clone() } else { format!("{name} ({})", odd.join(", ")) }
}

pub async fn route_list(server: &Server) -> Result<()> {
    let tables = answer(server, get(server, "/admin/v1/tables")?).await?;
    show(server, &tables, |tables| {
        say(format!("{:<28} {:<8} {:<10} {}", "TABLE", "ROUTE", "SOURCE", "MAPPING"));
        for table in items(tables, "tables") {
            let mapping = format!("{} {}", text(&table["mapping"], "name"), text(&table["mapping"], "version"));
            say(format!(
                "{:<28} {:<8} {:<10} {mapping}",
                text(table, "name"),
                text(table, "route"),
                text(table, "source")
            ));
        }
    });
    Ok(())
}

pub async fn route_set(server: &Server, turn: Turn) -> Result<()> {
    let provider = match turn.provider {
        Provider::Native => "native",
        Provider::Virtual => "virtual",
    };
    if !turn.yes && !turn.dry_run && !confirmed(&turn.table, provider)? {
        return Err(Error::new(Code::BadRequest, "nothing was turned").hint("answer `yes`, or give --yes"));
    }
    let body = json!({ "provider": provider, "source": turn.source, "copy": turn.copy, "dry_run": turn.dry_run });
    let path = format!("/admin/v1/tables/{}/route", turn.table);
    let changed = answer(server, with_json(client()?.put(url(server, &path)), &body)).await?;
    show(server, &changed, |changed| {
        for change in items(changed, "changes") {
            say(format!("{}: {} -> {}", text(change, "table"), text(change, "from"), text(change, "to")));
        }
        if changed["dry_run"] == true {
            preflight(&changed["preflight"]);
            say("nothing was turned (--dry-run)");
        }
    });
    Ok(())
}

/// What a dry run has found where the rows would come from.
fn preflight(found: &Value) {
    let why = |part: &Value| format!("{} {}", text(part, "code"), text(part, "message"));
    let (service, mapping, sample) = (&found["service"], &found["mapping"], &found["sample"]);
    match (service.is_null(), service["milliseconds"].as_u64()) {
        (true, _) => {}
        (false, Some(took)) => say(format!("service {}: answers in {took} ms", text(service, "name"))),
        (false, None) => say(format!("service {}: does not answer: {}", text(service, "name"), why(service))),
    }
    if mapping["loaded"] == false {
        say(format!("mapping: does not run: {}", why(mapping)));
    }
    if sample["code"].is_string() {
        say(format!("sample: none: {}", why(sample)));
    } else {
        say(format!("sample: {} of {} resources give rows", sample["converted"], sample["lookedAt"]));
    }
    for (code, count) in sample["failed"].as_object().into_iter().flatten() {
        say(format!("        {count} do not: {code}"));
    }
    if let Some(resources) = found["resources"].as_u64() {
        say(format!("resources there: {resources}"));
    }
}

/// An error if an entry was not stored; it says which, and why.
pub async fn ingest(server: &Server, files: &[PathBuf], forward: Option<&str>, as_batch: bool) -> Result<()> {
    let forward = forward.map(|source| format!("forward={source}"));
    let options: Vec<_> = forward.into_iter().chain(as_batch.then(|| "as=batch".to_owned())).collect();
    let query = if options.is_empty() { String::new() } else { format!("?{}", options.join("&")) };
    let mut refused = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let is_lines = file.extension().is_some_and(|extension| extension == "ndjson");
        let kind = if is_lines { "application/fhir+ndjson" } else { "application/fhir+json" };
        let request = post(server, &format!("/fhir{query}"))?.header("content-type", kind).body(read(file)?);
        let what = format!("{} ({} of {})", file.display(), index + 1, files.len());
        let response = Progress::new(what, !server.json).over(answer(server, request)).await?;
        for (index, entry) in items(&response, "entry").enumerate() {
            let (status, issue) = (text(&entry["response"], "status"), &entry["response"]["outcome"]["issue"][0]);
            if !status.starts_with('2') || matches!(text(issue, "severity"), "error" | "fatal") {
                refused.push(Detail {
                    code: status.to_owned(),
                    message: text(issue, "diagnostics").to_owned(),
                    target: Some(format!("{}: entry {index}", file.display())),
                });
            }
        }
        show(server, &response, |response| {
            let statuses = items(response, "entry").map(|entry| text(&entry["response"], "status"));
            let mut counts = std::collections::BTreeMap::<&str, usize>::new();
            statuses.for_each(|status| *counts.entry(status).or_default() += 1);
            let counts: Vec<_> = counts.iter().map(|(status, count)| format!("{count} x {status}")).collect();
            say(format!("{}: {}", file.display(), counts.join(", ")));
            // What stands behind the first issue: tables that are behind with the resource, the same for many.
            let issues =
                items(response, "entry").flat_map(|entry| items(&entry["response"]["outcome"], "issue").skip(1));
            let warnings: std::collections::BTreeSet<_> = issues.map(|issue| text(issue, "diagnostics")).collect();
            warnings.iter().for_each(|warning| say(format!("  {warning}")));
        });
    }
    if refused.is_empty() {
        return Ok(());
    }
    let error = Error::new(Code::BadRequest, format!("{} entries were not stored", refused.len()));
    let error = if refused.len() > REFUSED_SHOWN { error.hint("--json shows all of them") } else { error };
    refused.truncate(REFUSED_SHOWN);
    Err(error.details(refused))
}

/// Entries that are named when they were not stored.
const REFUSED_SHOWN: usize = 20;

/// What somebody of these roles, with these claims, would be answered: the plan with the rules as conditions in it, or why not.
pub async fn auth_explain(
    server: &Server,
    roles: &[String],
    claims: &[String],
    method: &str,
    address: &str,
) -> Result<()> {
    if !method.eq_ignore_ascii_case("GET") {
        let error = Error::new(Code::NotSupported, "only GET can be explained: anything else would be done");
        return Err(error.target("METHOD"));
    }
    let claims = claims.iter().map(|claim| {
        let bad = || Error::new(Code::BadValue, "a claim is written NAME=VALUE").target("--claim");
        claim.split_once('=').map(|(name, value)| (name.to_owned(), Value::from(value))).ok_or_else(bad)
    });
    let claims: Value = Value::Object(claims.collect::<Result<_>>()?);
    let path = match address.strip_prefix('/') {
        Some(_) => address.to_owned(),
        None => format!("/api/data/v9.2/{address}"),
    };
    let request = get(server, &path)?.header("prefer", "explain");
    let request =
        request.header("turntable-as-roles", roles.join(",")).header("turntable-as-claims", claims.to_string());
    let told = match answer(server, request).await {
        Ok(plan) => json!({ "allowed": true, "roles": roles, "plan": plan }),
        Err(error) if error.code() != Code::UpstreamDown => {
            json!({ "allowed": false, "roles": roles, "why": error.message() })
        }
        Err(error) => return Err(error),
    };
    show(server, &told, |told| match told["why"].as_str() {
        Some(why) => say(format!("refused: {why}")),
        None => say(format!("{:#}", told["plan"])),
    });
    Ok(())
}

pub(super) fn released(server: &Server, release: &Value) {
    show(server, release, |release| {
        for table in items(release, "tables") {
            let mapping = &release["mapping"];
            let name = table.as_str().unwrap_or_default();
            say(format!("{name}: {} {} {}", text(mapping, "name"), text(mapping, "version"), text(mapping, "digest")));
        }
    });
}

fn confirmed(table: &str, provider: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let failed = |e: std::io::Error| Error::new(Code::Internal, format!("the terminal does not answer: {e}"));
    let mut out = std::io::stdout().lock();
    write!(out, "turn `{table}` and its child tables to {provider}? Type yes: ")
        .and_then(|()| out.flush())
        .map_err(failed)?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(failed)?;
    Ok(line.trim() == "yes")
}

fn client() -> Result<reqwest::Client> {
    crate::fhir::transport::install_tls();
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        .build()
        .map_err(|e| Error::new(Code::Internal, format!("no HTTP client: {e}")))
}

fn url(server: &Server, path: &str) -> String {
    format!("{}{path}", server.server.trim_end_matches('/'))
}

pub(super) fn get(server: &Server, path: &str) -> Result<reqwest::RequestBuilder> {
    Ok(client()?.get(url(server, path)))
}

pub(super) fn post(server: &Server, path: &str) -> Result<reqwest::RequestBuilder> {
    Ok(client()?.post(url(server, path)))
}

/// The token that was given for this server.
fn given_token(server: &Server) -> Result<Option<String>> {
    let said = std::env::var(KEY_VARIABLE).or_else(|_| std::env::var(TOKEN_VARIABLE));
    match (said, &server.data_dir) {
        (Ok(token), _) => Ok(Some(token)),
        (Err(_), Some(folder)) => token::known_of(folder),
        (Err(_), None) => Ok(None),
    }
}

/// The token of the configuration's data folder, for a server on this machine that asks for one: no token goes
/// elsewhere unless somebody says so. None where it cannot be read.
fn own_token(server: &Server) -> Option<String> {
    let config = is_loopback(&server.server).then(|| read_config(None).ok())??;
    token::known_of(&config.data_dir).ok()?
}

fn is_loopback(server: &str) -> bool {
    let host = reqwest::Url::parse(server).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn delete(server: &Server, path: &str) -> Result<reqwest::RequestBuilder> {
    Ok(client()?.delete(url(server, path)))
}

pub(super) fn with_json(request: reqwest::RequestBuilder, body: &Value) -> reqwest::RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

/// What the server answers, as JSON.
pub(super) async fn answer(server: &Server, request: reqwest::RequestBuilder) -> Result<Value> {
    let body = answered(server, request).await?;
    Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// What the server answers. Errors name what was asked of whom.
pub(super) async fn answered(server: &Server, request: reqwest::RequestBuilder) -> Result<Vec<u8>> {
    let call = request.try_clone().and_then(|request| request.build().ok());
    let call =
        call.map_or_else(|| server.server.clone(), |call| format!("{} {}", call.method(), without_query(call.url())));
    let unreachable = |e: reqwest::Error| {
        Error::new(Code::UpstreamDown, format!("{} does not answer: {}", server.server, e.without_url()))
            .target(call.clone())
            .hint("is `turntable serve` running there? --server or TURNTABLE_SERVER names another")
    };
    let given = given_token(server)?;
    let again = if given.is_none() { request.try_clone() } else { None };
    let request = given.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
    let asking = async {
        let mut response = request.send().await?;
        if let (401, Some(again)) = (response.status().as_u16(), again)
            && let Some(token) = own_token(server)
        {
            response = again.bearer_auth(token).send().await?;
        }
        let status = response.status();
        Ok::<_, reqwest::Error>((status, response.bytes().await?))
    };
    let (status, body) = Progress::new(call.clone(), !server.json).over(asking).await.map_err(unreachable)?;
    if status.is_success() {
        return Ok(body.to_vec());
    }
    let value: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    // The ingest speaks as FHIR does.
    let mut issues = items(&value, "issue");
    if let Some(issue) = issues.next() {
        let detail = |issue: &Value| Detail {
            code: text(issue, "code").to_owned(),
            message: text(issue, "diagnostics").to_owned(),
            target: issue["expression"][0].as_str().map(str::to_owned),
        };
        let refused = Error::new(Code::BadRequest, text(issue, "diagnostics")).target(call);
        return Err(refused.details(issues.map(detail).collect::<Vec<_>>()));
    }
    let error = &value["error"];
    let code = serde_json::from_value(error["code"].clone()).unwrap_or(Code::BadRequest);
    let message = error["message"].as_str().map_or_else(|| format!("the server answered {status}"), str::to_owned);
    let target = error["target"].as_str().map_or_else(|| call.clone(), |target| format!("{target}, {call}"));
    let details = items(error, "details").map(|detail| Detail {
        code: text(detail, "code").to_owned(),
        message: text(detail, "message").to_owned(),
        target: detail["target"].as_str().map(str::to_owned),
    });
    let refused = Error::new(code, message).target(target).details(details.collect::<Vec<_>>());
    Err(match (error["@Turntable.hint"].as_str(), status.as_u16()) {
        (Some(hint), _) => refused.hint(hint),
        (None, 401) => refused.hint("TURNTABLE_TOKEN has an API key or a token"),
        (None, _) => refused,
    })
}

/// What a query asks for may be of a patient.
fn without_query(url: &reqwest::Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|e| Error::new(Code::BadRequest, format!("{} cannot be read: {e}", file.display())))
}

pub(super) fn show(server: &Server, value: &Value, human: impl Fn(&Value)) {
    if server.json { say(format!("{value:#}")) } else { human(value) }
}

pub(super) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

pub(super) fn items<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value[member].as_array().into_iter().flatten()
}
