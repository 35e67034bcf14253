//! `turntable serve`: puts the parts together, says when they are ready, and stops them in order. `turntable check`
//! says what the configuration means without starting anything.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
#[cfg(unix)]
use std::task::Poll;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::cli::keys;
use crate::cli::terminal::say;
use crate::config::Config;
use crate::fhir::client::Client;
use crate::http::shared::App;
use crate::http::tls::{self, Tls};
use crate::http::token::{self, AdminToken};
use crate::http::{health, server};
use crate::identity::identify::Identity;
use crate::log;
use crate::mapping::inspect::digest;
use crate::mapping::sandbox::Sandbox;
use crate::mapping::shipped::{SHIPPED, Shipped};
use crate::mapping::signature::beside;
use crate::model::error::{Code, Error, Result};
use crate::otlp::Exporter;
use crate::router::release::activate::Breaking;
use crate::router::release::actor::Actor;
use crate::router::release::gate::LAWS_TIME;
use crate::router::release::load::{Upload, apart};
use crate::router::release::start::FirstRoutes;
use crate::router::release::{behind, compare};
use crate::router::snapshot::Turntable;
use crate::router::token::Tokens;
use crate::store::facade::Store;
use crate::store::noting::Trail;
use crate::telemetry::spans::Recorder;

/// Has an API key or a token, for commands.
pub(super) const KEY_VARIABLE: &str = "TURNTABLE_TOKEN";

/// Has the token of administrators, for a server and for commands.
pub(super) const TOKEN_VARIABLE: &str = "TURNTABLE_ADMIN_TOKEN";

/// How long the last lines of the log may take.
pub(super) const LAST_LINES: Duration = Duration::from_millis(500);

/// How often `mappings.dir` is looked at.
const WATCH: Duration = Duration::from_secs(1);

/// Where the store keeps what of `mappings.dir` was put in force.
const PUT_IN_FORCE: &str = "mappings-dir";

/// The folder `mappings.dir`.
struct Folder {
    dir: PathBuf,
    /// Files with the time of their last change, and that of their signatures.
    seen: HashMap<PathBuf, [Option<SystemTime>; 2]>,
    /// The digest of each file, by its name, as it was last put in force: what somebody decides afterwards stays, also
    /// over a restart, until the file is another.
    done: BTreeMap<String, String>,
    /// Versions on which apps may break.
    breaking: Breaking,
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    is_encrypted: bool,
    turntable: Arc<Turntable>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    /// Who sends steps of requests away, and the word to end.
    telemetry: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

pub async fn serve(config: Option<&Path>) -> Result<()> {
    tell_panics_briefly();
    let server = Server::start(read_config(config)?).await?;
    let mut signals = Signals::heard();
    say(server.listening());
    signals.next().await;
    server.end(signals).await;
    Ok(())
}

/// What a panic says may hold what it was about, a patient's name say: the log has its place alone.
pub fn tell_panics_briefly() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "a part of the server panicked; this is a fault of it");
    }));
}

pub async fn check(config: Option<&Path>, as_json: bool) -> Result<()> {
    let config = read_config(config)?;
    check_tables(&config).await?;
    if as_json {
        let effective: serde_json::Value = toml::from_str(&config.effective_toml()).map_err(|e| {
            Error::new(Code::Internal, "the effective configuration is no TOML").internal(e.to_string())
        })?;
        say(format!("{effective:#}"));
    } else {
        say(config.effective_toml().trim_end());
    }
    Ok(())
}

/// Holds `[tables.…]` against the tables that a first start would have. Those of `mappings.dir` are not known before they
/// have gone through the gate.
async fn check_tables(config: &Config) -> Result<()> {
    if config.tables.is_empty() {
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|e| Error::new(Code::Store, format!("no temporary folder: {e}")))?;
    let turntable = assemble(&Config { data_dir: folder.path().to_owned(), ..config.clone() }).await?;
    let shipped = if config.mappings.builtin { SHIPPED } else { &[] };
    let known = turntable.start(shipped, &config.tables).await?;
    let from_dir = config.mappings.dir.is_some();
    known.into_iter().find(|error| !from_dir || error.code() != Code::UnknownTable).map_or(Ok(()), Err)
}

/// The file that was named, here or by `TURNTABLE_CONFIG`, or `turntable.toml` if there is one, and the environment.
pub(super) fn read_config(file: Option<&Path>) -> Result<Config> {
    let named = std::env::var_os("TURNTABLE_CONFIG").map(PathBuf::from);
    let default = Path::new("turntable.toml");
    Config::load(file.or(named.as_deref()).or_else(|| default.is_file().then_some(default)))
}

impl Server {
    /// Listens first, so that `/healthz` answers while `mappings.dir` goes through the gate; returns when every table is
    /// known.
    pub async fn start(config: Config) -> Result<Self> {
        log::start();
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let effective = config.effective_toml();
        let listener = server::listen(config.listen).map_err(|e| {
            Error::new(Code::Config, format!("cannot listen on {}: {e}", config.listen)).target("listen")
        })?;
        let address = listener.local_addr().map_err(|e| Error::new(Code::Config, format!("no local address: {e}")))?;
        let turntable = Arc::new(assemble(&config).await?);
        warn_of_readers(&config.data_dir);
        let token = match std::env::var(TOKEN_VARIABLE) {
            Ok(token) => token::chosen(token)?,
            Err(_) => token::of_folder(&config.data_dir)?,
        };
        let token = AdminToken::new(&token, config.admin_token);
        let identity = Identity::new(&config.identity, &config.data_dir, &config.limits)?;
        let known = identity.keys.clone();
        if config.identity.keys {
            keys::first(&known, config.limits.api_keys)?;
        }
        let telemetry = config.telemetry.map(Exporter::new).transpose()?;
        let recorder = telemetry.as_ref().map(|_| Arc::new(Recorder::new(config.limits.telemetry_queue)));
        let app = App::new(turntable.clone(), config.doors, token, identity);
        let app = Arc::new(app.configured(effective).recorded(recorder.clone()));
        let telemetry = telemetry.zip(recorder).map(|(exporter, recorder)| {
            let (stop, stopped) = oneshot::channel();
            tokio::spawn(health::send_figures(Arc::downgrade(&app), exporter.clone()));
            (stop, tokio::spawn(exporter.send_spans(recorder, stopped)))
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let tls = config.tls.map(Tls::new).transpose()?.map(Arc::new);
        let is_encrypted = tls.is_some();
        if let Some(tls) = &tls {
            tokio::spawn(tls::watch(Arc::downgrade(tls)));
        }
        let task = tokio::spawn(server::serve(listener, app.clone(), tls, async move {
            let _ = stopped.await;
        }));
        turntable.trail.start(&turntable.store, &config.limits).await?;
        let loading = turntable.clone();
        let shipped = if config.mappings.builtin { SHIPPED } else { &[] };
        let first_routes = config.tables.clone();
        apart(async move || load(&loading, shipped, &first_routes).await).await?;
        if let Some(dir) = config.mappings.dir {
            let done = turntable.store.setting(PUT_IN_FORCE).await?.unwrap_or_default();
            let done = serde_json::from_slice(&done).unwrap_or_default();
            let breaking = Breaking::allowed(config.mappings.allow_breaking);
            let mut folder = Folder { dir, done, breaking, seen: HashMap::new() };
            load_folder(&turntable, &mut folder).await;
            tokio::spawn(watch(Arc::downgrade(&turntable), folder));
        }
        turntable.look_at_signatures().await?;
        turntable.recall_probes().await?;
        turntable.look_at_keys(&known, keys::BY).await?;
        tokio::spawn(keys::watch(Arc::downgrade(&turntable), known));
        tokio::spawn(behind::watch(Arc::downgrade(&turntable)));
        tokio::spawn(compare::watch(Arc::downgrade(&turntable)));
        app.ready();
        if config.mappings.warm {
            warm(Arc::downgrade(&turntable))?;
        }
        Ok(Self { address, is_encrypted, turntable, stop, task, telemetry })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The start-up line.
    pub fn listening(&self) -> String {
        format!("listening on {}", self.url())
    }

    pub fn turntable(&self) -> &Arc<Turntable> {
        &self.turntable
    }

    /// Stops as asked by a signal; a second one ends the program at once.
    pub async fn end(self, mut signals: Signals) {
        tokio::select! {
            () = self.stop() => {}
            () = signals.next() => {
                log::flush(LAST_LINES);
                std::process::exit(1);
            }
        }
    }

    /// Lets requests under way finish, and writes what is only in memory.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
        if let Some((stop, task)) = self.telemetry {
            let _ = stop.send(());
            let _ = task.await;
        }
        if !self.turntable.trail.close().await {
            tracing::error!("the last entries of the audit trail are not written");
        }
        if let Err(error) = self.turntable.store.close().await {
            tracing::warn!(%error, "keys of rows shown last are not written");
        }
    }
}

/// Ctrl-C and SIGTERM, from the moment that it is made: one that comes before it is asked for is not lost, and ends nothing.
pub struct Signals {
    #[cfg(unix)]
    heard: Vec<tokio::signal::unix::Signal>,
}

impl Signals {
    pub fn heard() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
            Self { heard: kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect() }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// The next one.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        std::future::poll_fn(|context| {
            let mut heard = self.heard.iter_mut();
            match heard.any(|signal| signal.poll_recv(context).is_ready()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// A folder of patient data that every user of the machine may look into deserves a word.
fn warn_of_readers(folder: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(folder) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o007 != 0 {
            let (folder, mode) = (folder.display(), format!("{mode:o}"));
            tracing::warn!(%folder, mode, "every user of this machine can look into the data folder; chmod it to 700");
        }
    }
}

async fn assemble(config: &Config) -> Result<Turntable> {
    let store = Store::open(&config.data_dir, &config.limits).await?;
    let cache = config.data_dir.join("compiled");
    let sandbox = Arc::new(Sandbox::new(&config.limits, Some(&cache))?);
    let mut sources = std::collections::BTreeMap::new();
    for (name, settings) in &config.sources {
        sources.insert(name.clone(), Client::new(name, settings, &config.limits)?);
    }
    let key = store.setting_or("page-token-key", Tokens::new_key()?.to_vec()).await?;
    let key: [u8; 32] =
        key.try_into().map_err(|_| Error::new(Code::Store, "the stored key for next links is not 32 bytes"))?;
    let mut turntable = Turntable::new(store, sandbox, sources, config.limits.clone(), Tokens::new(&key));
    turntable.virtual_names = config.mappings.virtual_names;
    turntable.roles = config.roles.clone();
    turntable.trust = config.mappings.trust.clone();
    turntable.trail = Trail::new(&config.limits, config.audit);
    Ok(turntable)
}

/// A mapping that cannot be had takes down its own tables only, and is logged.
async fn load(turntable: &Turntable, shipped: &'static [Shipped], first_routes: &FirstRoutes) -> Result<()> {
    for failure in turntable.start(shipped, first_routes).await? {
        tracing::error!(%failure, "not in force");
    }
    Ok(())
}

/// Compiles in the background, until all is done or the server is gone. A thread of its own: no end of the server waits
/// for it.
fn warm(turntable: Weak<Turntable>) -> Result<()> {
    let compile = move || {
        let Some(here) = turntable.upgrade() else { return };
        here.warm(|| Weak::strong_count(&turntable) > 1);
    };
    std::thread::Builder::new().name("mapping-warmth".into()).spawn(compile).map(drop).map_err(|error| {
        Error::new(Code::Internal, "the thread that compiles mappings cannot be started").internal(error.to_string())
    })
}

/// Follows `mappings.dir` for as long as the server lives.
async fn watch(turntable: Weak<Turntable>, mut folder: Folder) {
    loop {
        tokio::time::sleep(WATCH).await;
        let Some(turntable) = turntable.upgrade() else { return };
        load_folder(&turntable, &mut folder).await;
    }
}

/// Puts new and changed components of a folder in force, through the gate.
async fn load_folder(turntable: &Arc<Turntable>, folder: &mut Folder) {
    let entries = match std::fs::read_dir(&folder.dir) {
        Ok(entries) => entries,
        Err(error) => {
            if folder.seen.insert(folder.dir.clone(), [None; 2]).is_none() {
                tracing::warn!(%error, "mappings.dir cannot be read");
            }
            return;
        }
    };
    let files = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "wasm")).collect();
    files.sort();
    let before = folder.done.clone();
    // A file that comes back is a new one.
    folder.seen.retain(|file, _| *file == folder.dir || files.contains(file));
    folder.done.retain(|name, _| files.iter().any(|file| name_of(file) == *name));
    for file in files {
        // One that was refused is looked at again when its signature comes.
        let modified = [&file, &beside(&file)].map(|file| std::fs::metadata(file).and_then(|m| m.modified()).ok());
        if folder.seen.insert(file.clone(), modified).is_some_and(|before| before == modified) {
            continue;
        }
        match load_file(turntable, &file, folder.done.get(&name_of(&file)), folder.breaking).await {
            Ok(digest) => _ = folder.done.insert(name_of(&file), digest),
            Err(error) => {
                let reasons: Vec<_> = error.get_details().iter().map(|detail| detail.message.as_str()).collect();
                let reasons = reasons.join("; ");
                tracing::error!(file = %file.display(), %error, reasons, "a mapping of mappings.dir is not in force");
            }
        }
    }
    if folder.done != before {
        let done = serde_json::to_vec(&folder.done).unwrap_or_default();
        if let Err(error) = turntable.store.put_setting(PUT_IN_FORCE, done).await {
            tracing::error!(%error, "what of mappings.dir is in force cannot be noted: the next start looks at all of it");
        }
    }
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The signature beside a component; None: there is none.
pub(super) fn signature_of(file: &Path) -> Result<Option<String>> {
    let path = beside(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::new(Code::SignatureRefused, format!("{} cannot be read: {error}", path.display()))),
    }
}

/// Puts a file in force unless it was before, and gives its digest.
async fn load_file(
    turntable: &Arc<Turntable>,
    file: &Path,
    done: Option<&String>,
    breaking: Breaking,
) -> Result<String> {
    let bytes = std::fs::read(file)
        .map_err(|e| Error::new(Code::BadRequest, format!("{} cannot be read: {e}", file.display())))?;
    let digest = digest(&bytes);
    let in_force = turntable.snapshot().tables().any(|table| table.mapping.digest == digest);
    if done == Some(&digest) {
        if !in_force {
            tracing::info!(file = %file.display(), "a mapping of mappings.dir stays out of force: it was taken back");
        }
        return Ok(digest);
    }
    // What is in force has been through the gate, and may go by what is known of it.
    if in_force {
        return Ok(digest);
    }
    let actor = Actor("mappings.dir".to_owned());
    let upload = Upload { component: bytes, signature: signature_of(file)?, development: false };
    let loaded = turntable.load(upload, actor.clone(), LAWS_TIME).await?;
    if let Some(table) = loaded.tables.first() {
        turntable.activate(table, &loaded.digest, breaking, actor).await?;
    }
    Ok(digest)
}
