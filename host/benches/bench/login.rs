//! (g) What it costs to know who asks, and to note it: CPU time of the server for a page of a native table, with tokens of an OpenID
//! provider and a rule on rows beside the same without, and without reads in the audit trail. All rows meet the rule, so all
//! answer the same rows.

use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::routing::get;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use turntable::cli::serve::Server;
use turntable::config::Config;

use crate::Result;
use crate::measure::{Report, Side, Table, milliseconds, quantile};
use crate::read;

const ROUNDS: usize = 7;
/// Requests of one server in one round.
const REQUESTS: usize = 60;
/// Rows of a page.
const PAGES: [usize; 2] = [50, 500];
const OPEN: &str = "no login";
const UNNOTED: &str = "no login, reads not noted";
const RULED: &str = "OIDC and a rule on rows";

/// Whom to ask, and with what.
struct Target {
    name: &'static str,
    url: String,
    bearer: String,
    /// Milliseconds of CPU time for a request, in each round.
    cpu: Vec<f64>,
}

pub fn run(report: &mut Report) -> Result<()> {
    let (turntable, provider) = (Side::new("turntable")?, Side::new("provider")?);
    let clients = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let directory = tempfile::tempdir()?;
    let key =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).map_err(|_| "no key")?;
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &SystemRandom::new());
    let key = key.map_err(|_| "no key")?;
    let public = key.public_key().as_ref().to_vec();
    let issuer = provider.run(async move { serve(&public).await })?;
    let now = jiff::Timestamp::now().as_second();
    let token = |roles: &[&str]| {
        let claims =
            json!({ "iss": issuer, "aud": "bench", "sub": "s", "exp": now + 3_600, "roles": roles, "state": "final" });
        signed(&key, &claims)
    };

    let login = format!(
        "[auth.oidc.bench]\nissuer = \"{issuer}\"\naudience = [\"bench\"]\nroles_claim = \"roles\"\n\
         [roles.nurse.tables.msemr_observation]\noperations = [\"read\"]\n\
         where = \"msemr_description ne @claims.state\"\n"
    );
    let mut servers = Vec::new();
    let mut targets = Vec::new();
    let configurations = [
        (OPEN, "open", "", String::new()),
        (UNNOTED, "unnoted", "[audit]\nreads = false\n", String::new()),
        (RULED, "ruled", login.as_str(), token(&["nurse"])),
    ];
    for (name, folder, text, bearer) in configurations {
        let config = config(&directory.path().join(folder), text)?;
        let server = turntable.run(async { Ok(Server::start(config).await?) })?;
        let writer = if bearer.is_empty() { String::new() } else { token(&["writer"]) };
        clients.block_on(fill(&server.url(), &writer))?;
        targets.push(Target { name, url: read::rows_url(&server.url()), bearer, cpu: Vec::new() });
        servers.push(server);
    }
    for rows in PAGES {
        targets.iter_mut().for_each(|target| target.cpu.clear());
        let expected = clients.block_on(page(&targets[0], rows))?;
        for round in 0..=ROUNDS {
            for target in &mut targets {
                let begun = turntable.cpu_time()?;
                for _ in 0..REQUESTS {
                    let found = clients.block_on(page(target, rows))?;
                    if found != expected {
                        return Err(format!("{} answers {found} rows, not {expected}", target.name).into());
                    }
                }
                let took = turntable.cpu_time()?.saturating_sub(begun);
                // The first warms it up.
                if round > 0 {
                    target.cpu.push(milliseconds(took) / REQUESTS as f64);
                }
            }
        }
        let mut table =
            Table::new(format!("A page of {rows} rows, knowing who asks"), &["server CPU ms"], &[OPEN]).compare(&[0]);
        for target in &mut targets {
            table.row(target.name, [quantile(&mut target.cpu, 0.5)]);
        }
        report.add(&table);
    }
    turntable.run(async {
        for server in servers {
            server.stop().await;
        }
        Ok(())
    })
}

/// Rows of one page.
async fn page(target: &Target, rows: usize) -> Result<usize> {
    let call = read::client()?.get(&target.url).header("prefer", format!("odata.maxpagesize={rows}"));
    let call = if target.bearer.is_empty() { call } else { call.bearer_auth(&target.bearer) };
    let answer: Value = serde_json::from_slice(&call.send().await?.error_for_status()?.bytes().await?)?;
    Ok(answer["value"].as_array().map_or(0, Vec::len))
}

async fn fill(server: &str, writer: &str) -> Result<()> {
    let call = read::client()?.post(format!("{server}/fhir")).header("content-type", "application/fhir+json");
    let call = if writer.is_empty() { call } else { call.bearer_auth(writer) };
    call.body(read::batch("Observation", read::STORED)?).send().await?.error_for_status()?;
    Ok(())
}

fn config(directory: &Path, text: &str) -> Result<Config> {
    let mut config = Config::parse(Some((Path::new("bench.toml"), text)), &Default::default())?;
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    directory.clone_into(&mut config.data_dir);
    Ok(config)
}

/// A provider with one key: its address.
async fn serve(public: &[u8]) -> Result<String> {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let issuer = format!("http://{}", listener.local_addr()?);
    // An uncompressed point: 4, x, y.
    let number = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let key = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "1", "x": number(&public[1..33]), "y": number(&public[33..]) });
    let keys = json!({ "keys": [key] }).to_string();
    let discovery = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") }).to_string();
    let router = Router::new()
        .route("/keys", get(async move || keys.clone()))
        .route("/.well-known/openid-configuration", get(async move || discovery.clone()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(issuer)
}

fn signed(key: &EcdsaKeyPair, claims: &Value) -> String {
    let header = json!({ "alg": "ES256", "kid": "1", "typ": "JWT" });
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).map(|signature| signature.as_ref().to_vec());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.unwrap_or_default()))
}
