//! `turntable serve`: puts the parts together, says when they are ready, and stops them in order. `turntable check`
//! says what the configuration means without starting anything.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::cli::arguments::say;
use crate::config::Config;
use crate::fhir::client::Client;
use crate::http::app::{App, routes};
use crate::mapping::builtin::BUILTIN;
use crate::mapping::sandbox::Sandbox;
use crate::model::error::{Code, Error, Result};
use crate::router::deploy::FirstRoutes;
use crate::router::live::Turntable;
use crate::router::token::Tokens;
use crate::store::sqlite::Store;

/// A running server.
pub struct Server {
    address: SocketAddr,
    turntable: Arc<Turntable>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

pub async fn serve(config: Option<&Path>) -> Result<()> {
    let config = Config::load(config)?;
    let first = config.first_routes();
    let server = Server::start(config, first).await?;
    say(server.listening());
    until_stopped().await;
    server.stop().await;
    Ok(())
}

pub fn check(config: Option<&Path>, as_json: bool) -> Result<()> {
    let config = Config::load(config)?;
    if as_json {
        say(format!("{:#}", config.effective_json()));
    } else {
        say(config.effective_toml());
    }
    Ok(())
}

impl Server {
    /// Listens first, so that `/healthz` answers while mappings are compiled; returns when everything is loaded.
    pub async fn start(config: Config, first_routes: FirstRoutes) -> Result<Self> {
        log();
        let listener = TcpListener::bind(config.listen).await.map_err(|e| {
            Error::new(Code::Config, format!("cannot listen on {}: {e}", config.listen)).target("listen")
        })?;
        let address = listener.local_addr().map_err(|e| Error::new(Code::Config, format!("no local address: {e}")))?;
        let turntable = Arc::new(assemble(&config)?);
        let app = Arc::new(App::new(turntable.clone()));
        let (stop, stopped) = oneshot::channel::<()>();
        let service = routes(app.clone());
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
                let _ = stopped.await;
            });
            if let Err(error) = serving.await {
                tracing::error!(%error, "the server ended");
            }
        });
        let loading = turntable.clone();
        let shipped = if config.mappings.builtin { BUILTIN } else { &[] };
        let dir = config.mappings.dir.clone();
        tokio::task::spawn_blocking(move || load(&loading, shipped, dir.as_deref(), &first_routes))
            .await
            .map_err(|e| Error::new(Code::Internal, "loading mappings ended").internal(e.to_string()))??;
        app.ready();
        Ok(Self { address, turntable, stop, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The start-up line.
    pub fn listening(&self) -> String {
        format!("listening on {}", self.url())
    }

    pub fn turntable(&self) -> &Arc<Turntable> {
        &self.turntable
    }

    /// Lets requests under way finish.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// Ctrl-C, or SIGTERM.
pub async fn until_stopped() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        if let Ok(mut terminated) = terminated {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = interrupted.await;
}

fn assemble(config: &Config) -> Result<Turntable> {
    let store = Arc::new(Store::open(&config.data_dir)?);
    let cache = config.data_dir.join("compiled");
    let sandbox = Arc::new(Sandbox::new(&config.limits, Some(&cache))?);
    let mut sources = std::collections::BTreeMap::new();
    for (name, settings) in &config.sources {
        sources.insert(name.clone(), Client::new(name, settings, &config.limits)?);
    }
    let key = store.setting_or("page-token-key", || Ok(Tokens::new_key().to_vec()))?;
    let key: [u8; 32] =
        key.try_into().map_err(|_| Error::new(Code::Store, "the stored key for next links is not 32 bytes"))?;
    Ok(Turntable::new(store, sandbox, sources, config.limits.clone(), Tokens::new(&key)))
}

/// A mapping that cannot be loaded takes down its own tables only, and is logged.
fn load(
    turntable: &Turntable,
    shipped: &[(&str, &[u8])],
    dir: Option<&Path>,
    first_routes: &FirstRoutes,
) -> Result<()> {
    for failure in turntable.start(shipped, dir, first_routes)? {
        tracing::error!(%failure, "a mapping could not be loaded");
    }
    Ok(())
}

/// To stderr; `TURNTABLE_LOG` filters it. A second call in one process changes nothing.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TURNTABLE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,turntable=info"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
