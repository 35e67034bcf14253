//! The command line: what was typed, and which function runs it. Exit status 0 done, 1 failed, 2 wrong usage.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::{Shell, generate};

use crate::cli::admin::{Provider, Server};
use crate::cli::serve::LAST_LINES;
use crate::cli::terminal::{complain, complain_json, say};
use crate::cli::{admin, audit, backup, demo, key, mapping, serve};
use crate::log;
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
        /// The version to leave: nothing is done where another is in force by now.
        #[arg(long, value_name = "DIGEST")]
        from: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// What is in force for a table, and what was.
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// Take a mapping out of force: its tables are served no longer. Resources and loaded versions stay.
    Deactivate {
        /// As it names itself, e.g. `encounter`.
        mapping: String,
        #[command(flatten)]
        server: Server,
    },
    /// Show and turn data routes.
    #[command(subcommand)]
    Route(RouteCommand),
    /// Show FHIR services, and try out what they really do.
    #[command(subcommand)]
    Source(SourceCommand),
    /// Send bundles into the tables.
    Ingest {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Send them to this FHIR service as well.
        #[arg(long, value_name = "SOURCE", num_args = 0..=1, default_missing_value = "main")]
        forward: Option<String>,
        /// Take a Bundle that only says what there is, a searchset say, for its resources.
        #[arg(long)]
        as_batch: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Make, show and revoke API keys.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Hash a password for [auth.basic]: its first line of input to a line of output.
    PasswordHash,
    /// What callers would see, and why.
    #[command(subcommand)]
    Auth(AuthCommand),
    /// The audit trail: who read, wrote, turned, loaded and released what.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// What was decided of mappings, routes and keys, the newest last.
    Events {
        /// Go on with what comes, until Ctrl-C.
        #[arg(long)]
        follow: bool,
        /// Who read and wrote rows, too.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        chosen: audit::Chosen,
        #[command(flatten)]
        server: Server,
    },
    /// Print what lets a shell complete these commands.
    Completions { shell: Shell },
    /// Copy the whole store to a new file; a server may run on it.
    Backup {
        file: PathBuf,
        /// The configuration that names the data folder.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put a backup in the place of the store. No server may run on it; the store that was there is kept.
    Restore {
        file: PathBuf,
        /// The configuration that names the data folder.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
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
    /// Every version that a server has, and what it is in force for.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Build a mapping into a component: a YAML file, a crate, or a SQL-on-FHIR ViewDefinition.
    Build {
        #[arg(default_value = ".")]
        dir: PathBuf,
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Start a mapping of a resource type: a crate or a YAML file that builds and passes its test.
    New {
        /// Where it will be; the last part is its name.
        name: PathBuf,
        #[arg(long, value_name = "TYPE")]
        resource: String,
        /// A file in YAML, which needs no Rust.
        #[arg(long)]
        yaml: bool,
        /// The SDK's source, for a crate.
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Hold a mapping against R4; say what of it cannot be written or searched, and why.
    Check {
        /// A component, a YAML file, or a crate.
        #[arg(default_value = ".")]
        path: PathBuf,
        #[arg(long)]
        json: bool,
    },
    /// Test a mapping: its samples, the laws, R4's definitions.
    Test {
        /// A component, a YAML file, or a crate.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// More resources to hold the laws against: a folder of JSON files.
        #[arg(long, value_name = "DIR")]
        bundles: Option<PathBuf>,
        #[arg(long, value_name = "FORMAT")]
        report: Option<mapping::test::Format>,
        /// The same as `--report json`.
        #[arg(long, conflicts_with = "report")]
        json: bool,
        /// Write rows and resources-after as they are now.
        #[arg(long)]
        bless: bool,
    },
    /// Measure a mapping: steps and memory of its calls, size. Fails if a recorded figure got worse.
    Bench {
        /// A component, a YAML file, or a crate.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// More resources to read: a folder of JSON files.
        #[arg(long, value_name = "DIR")]
        bundles: Option<PathBuf>,
        /// Write the figures to a file; with --against only if nothing got worse.
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
        /// Compare with figures that --record wrote.
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// By how much a figure may grow.
        #[arg(long, value_name = "PERCENT", default_value_t = mapping::bench::TOLERANCE, value_parser = mapping::bench::percent)]
        tolerance: f64,
        #[arg(long)]
        json: bool,
    },
    /// Watch a mapping and put each version that builds in force in a running server.
    Dev {
        #[arg(default_value = ".")]
        path: PathBuf,
        #[command(flatten)]
        server: Server,
    },
    /// Take a mapping out of force in a running server; the same as `turntable deactivate`.
    Deactivate {
        /// As it names itself.
        mapping: String,
        #[command(flatten)]
        server: Server,
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
enum AuthCommand {
    /// What somebody of these roles would be answered to a request: its plan, with the rules as conditions, or why not.
    Explain {
        /// One of their roles; may be repeated.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// What is known of them, NAME=VALUE; may be repeated.
        #[arg(long = "claim", value_name = "NAME=VALUE")]
        claims: Vec<String>,
        /// GET.
        method: String,
        /// Below the root of the table API, e.g. `contacts?$top=1`, or from `/` on.
        url: String,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Subcommand)]
enum SourceCommand {
    /// Every FHIR service of the configuration, with what is known of it.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Try out which search parameters a service heeds, how it compares, whether it counts, sorts and keeps versions. It
    /// is only read from. What it does not do is not asked of it any more.
    Probe {
        /// As the configuration has it.
        name: String,
        /// This resource type only; may be repeated.
        #[arg(long = "type", value_name = "TYPE")]
        types: Vec<String>,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Subcommand)]
enum ReleaseCommand {
    /// The version in force for a table, and those before it.
    Status {
        table: String,
        #[command(flatten)]
        server: Server,
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

/// How long threads may go on with what they do when everything else has ended.
const LAST_WORK: Duration = Duration::from_secs(2);

/// Parses the command line and runs it.
pub fn run() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let (arguments, as_json) = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => (arguments, prints_json(&matches)),
        Err(error) => error.exit(),
    };
    let done = runtime().and_then(|runtime| {
        let done = runtime.block_on(dispatch(arguments.command));
        // Work that nobody waits for any more; what the store does is done whole or not at all.
        runtime.shutdown_timeout(LAST_WORK);
        done
    });
    log::flush(LAST_LINES);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if as_json {
                complain_json(&error)
            } else {
                complain(&error)
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether the command was told so: then its errors are JSON, too.
fn prints_json(matches: &ArgMatches) -> bool {
    let own = matches.try_get_one::<bool>("json").ok().flatten().copied().unwrap_or(false);
    own || matches.subcommand().is_some_and(|(_, matches)| prints_json(matches))
}

fn completions(shell: Shell) {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "turntable", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
}

async fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Serve { config } => serve::serve(config.as_deref()).await,
        Command::Demo(options) => demo::demo(options).await,
        Command::FhirSandbox { listen, load, faults } => demo::sandbox(listen, &load, faults.as_deref()).await,
        Command::Mapping(MappingCommand::Build { dir, output, json }) => mapping::build(&dir, output.as_deref(), json),
        Command::Mapping(MappingCommand::New { name, resource, yaml, sdk }) => {
            mapping::new::new(&mapping::new::Options { path: name, resource, yaml, sdk })
        }
        Command::Mapping(MappingCommand::Check { path, json }) => mapping::check::check(&path, json),
        Command::Mapping(MappingCommand::Test { path, bundles, report, json, bless }) => {
            let report = report.or(json.then_some(mapping::test::Format::Json));
            mapping::test::test(&mapping::test::Options { path, bundles, report, bless })
        }
        Command::Mapping(MappingCommand::Bench { path, bundles, record, against, tolerance, json }) => {
            mapping::bench::bench(&mapping::bench::Options { path, bundles, record, against, tolerance, json })
        }
        Command::Mapping(MappingCommand::Dev { path, server }) => mapping::dev::dev(&path, &server).await,
        Command::Mapping(MappingCommand::Inspect { file, describe, json }) => mapping::inspect(&file, describe, json),
        Command::Load { file, activate, server } => admin::load(&server, &file, activate).await,
        Command::Activate { table, digest, server } => admin::activate(&server, &table, &digest).await,
        Command::Rollback { table, from, server } => admin::rollback(&server, &table, from.as_deref()).await,
        Command::Release(ReleaseCommand::Status { table, server }) => admin::release_status(&server, &table).await,
        Command::Mapping(MappingCommand::List { server }) => admin::mapping_list(&server).await,
        Command::Deactivate { mapping, server } | Command::Mapping(MappingCommand::Deactivate { mapping, server }) => {
            admin::deactivate(&server, &mapping).await
        }
        Command::Route(RouteCommand::List { server }) => admin::route_list(&server).await,
        Command::Route(RouteCommand::Set { table, provider, source, copy, dry_run, yes, server }) => {
            let turn = admin::Turn { table, provider, source, copy, dry_run, yes };
            admin::route_set(&server, turn).await
        }
        Command::Source(SourceCommand::List { server }) => admin::source_list(&server).await,
        Command::Source(SourceCommand::Probe { name, types, server }) => {
            admin::source_probe(&server, &name, &types).await
        }
        Command::Ingest { files, forward, as_batch, server } => {
            admin::ingest(&server, &files, forward.as_deref(), as_batch).await
        }
        Command::Key(command) => key::run(command),
        Command::PasswordHash => key::password_hash(),
        Command::Auth(AuthCommand::Explain { roles, claims, method, url, server }) => {
            admin::auth_explain(&server, &roles, &claims, &method, &url).await
        }
        Command::Audit(command) => audit::run(command).await,
        Command::Events { follow, all, chosen, server } => audit::events(&server, &chosen, all, follow).await,
        Command::Completions { shell } => {
            completions(shell);
            Ok(())
        }
        Command::Backup { file, config, json } => backup::backup(config.as_deref(), &file, json).await,
        Command::Restore { file, config, json } => backup::restore(config.as_deref(), &file, json).await,
        Command::Check { config, json } => serve::check(config.as_deref(), json).await,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(Code::Internal, format!("the asynchronous runtime does not start: {e}")))
}
