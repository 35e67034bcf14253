//! (g) What a version on trial costs those who ask: a page of 50 rows of a virtual table, without one, with a shadow on a tenth of
//! the reads, with one on all of them, and from a canary. CPU time is that of
//! the threads that answer: comparisons have a thread of their own, which is in the times but not in that.

use serde_json::json;
use turntable::cli::serve::Server;
use turntable::mapping::inspect::digest;
use turntable::mapping::shipped::SHIPPED;

use crate::Result;
use crate::measure::{Report, Side, Table};
use crate::read::{CLIENTS, FIGURES, PAGE, ROWS, Target, alternated, client, config, rows_url, service, shown};

const NONE: &str = "no version on trial";

/// Another version of the same rows: a label is another.
fn other() -> Result<Vec<u8>> {
    let shipped = SHIPPED.iter().find(|shipped| shipped.name == "observation").ok_or("no mapping of observations")?;
    let (from, to) = (b"Entered in error".as_slice(), b"ENTERED IN ERROR".as_slice());
    let mut component = shipped.component.to_vec();
    let is_it = |(at, text): (usize, &[u8])| (text == from).then_some(at);
    let places: Vec<_> = component.windows(from.len()).enumerate().filter_map(is_it).collect();
    if places.is_empty() {
        return Err("the mapping of observations has another label".into());
    }
    places.into_iter().for_each(|at| component[at..at + to.len()].copy_from_slice(to));
    Ok(component)
}

pub fn run(report: &mut Report) -> Result<()> {
    let service_side = Side::new("fhir-service")?;
    let clients = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (_sandbox, running) = service_side.run(service())?;
    let directory = tempfile::tempdir()?;
    let trials = [
        (NONE, "none", None),
        ("a shadow of 10 %", "shadow-10", Some(("shadow", 10))),
        ("a shadow of 100 %", "shadow-100", Some(("shadow", 100))),
        ("a canary of 100 %", "canary", Some(("canary", 100))),
    ];
    let mut servers = Vec::new();
    for (name, thread, trial) in trials {
        let side = Side::new(thread)?;
        let config = config(&directory.path().join(thread), &running.base_url(), true)?;
        let server = side.run(async { Ok(Server::start(config).await?) })?;
        clients.block_on(put_on_trial(&server.url(), trial))?;
        servers.push((name, side, server));
    }
    let targets: Vec<_> = servers
        .iter()
        .map(|(name, side, server)| Target { name, url: rows_url(&server.url()), prefer: PAGE, side })
        .collect();
    for count in CLIENTS {
        let loads = clients.block_on(alternated(&targets, count))?;
        let title = format!("Virtual read of {ROWS} Observations beside a trial, {count} at once");
        let mut table = Table::new(title, FIGURES, &[NONE]).compare(&[0, 3]);
        shown(&mut table, &targets, loads, count);
        report.add(&table);
    }
    drop(targets);
    for (_, side, server) in servers {
        side.run(async {
            server.stop().await;
            Ok(())
        })?;
    }
    service_side.run(async {
        running.shutdown().await;
        Ok(())
    })
}

/// Loads the other version and tries it.
async fn put_on_trial(server: &str, trial: Option<(&str, u8)>) -> Result<()> {
    let Some((mode, percent)) = trial else { return Ok(()) };
    let component = other()?;
    let body = json!({ "digest": digest(&component), "mode": mode, "percent": percent }).to_string();
    let load = client()?.post(format!("{server}/admin/v1/mappings")).header("content-type", "application/wasm");
    load.body(component).send().await?.error_for_status()?;
    let put = client()?.post(format!("{server}/admin/v1/tables/msemr_observation/mapping"));
    put.header("content-type", "application/json").body(body).send().await?.error_for_status()?;
    Ok(())
}
