//! The command line: what was typed, and which function runs it. Exit status 0 done, 1 failed, 2 wrong usage.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli::{admin, demo, mapping, serve};
use crate::model::error::{Code, Error, Result};

/// One table API in front of clinical data, native or behind a FHIR service.
#[derive(Parser)]
#[command(name = "turntable", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve {
        /// Configuration file; without it `turntable.toml` if there is one.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Run everything on sample data: a FHIR service, the server, and a tour to paste.
    Demo(demo::Options),
    /// Run the small FHIR R4 service alone.
    FhirSandbox {
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
        listen: SocketAddr,
        /// Bundles or resources to start with.
        #[arg(long, value_name = "FILE", num_args = 1..)]
        load: Vec<PathBuf>,
        /// Faults to show, e.g. `latency=500ms,status=503`.
        #[arg(long, value_name = "SPEC")]
        faults: Option<String>,
    },
    /// Build and look into mapping components.
    #[command(subcommand)]
    Mapping(MappingCommand),
    /// Send a component to a server's gate.
    Load {
        file: PathBuf,
        /// Put it in force if it passes.
        #[arg(long)]
        activate: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Put a loaded version in force.
    Activate {
        table: String,
        digest: String,
        #[command(flatten)]
        server: Server,
    },
    /// Go back to the version before.
    Rollback {
        table: String,
        #[command(flatten)]
        server: Server,
    },
    /// Show and turn data routes.
    #[command(subcommand)]
    Route(RouteCommand),
    /// Send bundles into the tables.
    Ingest {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Send them to this FHIR service as well.
        #[arg(long, value_name = "SOURCE", num_args = 0..=1, default_missing_value = "main")]
        forward: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// Check the configuration and print the effective one, secrets masked.
    Check {
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum MappingCommand {
    /// Build a mapping crate into a component.
    Build {
        #[arg(default_value = ".")]
        dir: PathBuf,
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Show what a component contains, without running it (`--describe` runs it in the sandbox).
    Inspect {
        file: PathBuf,
        #[arg(long)]
        describe: bool,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum RouteCommand {
    /// Every table with its route.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Turn a table and its child tables.
    Set {
        table: String,
        provider: Provider,
        /// FHIR service of a virtual route.
        #[arg(long, value_name = "NAME", default_value = "main")]
        source: String,
        /// Copy the rows to where they will live.
        #[arg(long)]
        copy: bool,
        /// Show what would change.
        #[arg(long)]
        dry_run: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Provider {
    Native,
    Virtual,
}

/// The server that a command talks to.
#[derive(Args, Clone)]
pub struct Server {
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", env = "TURNTABLE_SERVER")]
    pub server: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Parses the command line and runs it.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match runtime().and_then(|runtime| runtime.block_on(dispatch(arguments.command))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Serve { config } => serve::serve(config.as_deref()).await,
        Command::Demo(options) => demo::demo(options).await,
        Command::FhirSandbox { listen, load, faults } => demo::sandbox(listen, &load, faults.as_deref()).await,
        Command::Mapping(MappingCommand::Build { dir, output, json }) => mapping::build(&dir, output.as_deref(), json),
        Command::Mapping(MappingCommand::Inspect { file, describe, json }) => mapping::inspect(&file, describe, json),
        Command::Load { file, activate, server } => admin::load(&server, &file, activate).await,
        Command::Activate { table, digest, server } => admin::activate(&server, &table, &digest).await,
        Command::Rollback { table, server } => admin::rollback(&server, &table).await,
        Command::Route(RouteCommand::List { server }) => admin::route_list(&server).await,
        Command::Route(RouteCommand::Set { table, provider, source, copy, dry_run, yes, server }) => {
            let turn = admin::Turn { table, provider, source, copy, dry_run, yes };
            admin::route_set(&server, turn).await
        }
        Command::Ingest { files, forward, server } => admin::ingest(&server, &files, forward.as_deref()).await,
        Command::Check { config, json } => serve::check(config.as_deref(), json),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(Code::Internal, format!("the asynchronous runtime does not start: {e}")))
}

/// A line on stdout; a closed pipe is no error of ours.
pub fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// What, where, what to do, on stderr.
fn complain(error: &Error) {
    let mut err = std::io::stderr().lock();
    let target = error.get_target().map(|target| format!(" [{target}]")).unwrap_or_default();
    let _ = writeln!(err, "turntable: {}{target}", error.message());
    for detail in error.get_details() {
        let target = detail.target.as_deref().map(|target| format!("{target}: ")).unwrap_or_default();
        let _ = writeln!(err, "  {target}{}", detail.message);
    }
    if let Some(hint) = error.get_hint() {
        let _ = writeln!(err, "  {hint}");
    }
}
