//! The command line: what was typed, and which function runs it. Exit status 0 done, 1 failed, 2 wrong usage.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::{Shell, generate};

use crate::cli::admin::{Provider, Server};
use crate::cli::mapping::registry::Reached;
use crate::cli::serve::LAST_LINES;
use crate::cli::terminal::{complain, complain_json, say};
use crate::cli::{admin, audit, backup, demo, key, mapping, serve, trace, trials, user};
use crate::jobs;
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
        /// A file, or `oci://` and where it is in a registry: it is fetched here, and sent from here.
        file: PathBuf,
        /// Put it in force if it passes.
        #[arg(long)]
        activate: bool,
        /// Even if apps may break on it that use the version in force.
        #[arg(long, requires = "activate")]
        allow_breaking: bool,
        /// Its signature; without it the one beside the component (`FILE.sig`), if there is one.
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
        #[command(flatten)]
        reached: Reached,
        #[command(flatten)]
        server: Server,
    },
    /// Put a loaded version in force.
    Activate {
        table: String,
        digest: String,
        /// Even if apps may break on it that use the version in force.
        #[arg(long)]
        allow_breaking: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Take the canary back, where there is one, else go back to the version before.
    Rollback {
        table: String,
        /// The version to leave, in force or on trial: nothing is done where it is neither by now.
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
    /// Forget a loaded version that is of no use any more: it cannot be put in force until it is loaded again.
    Unload {
        /// `sha256:…`, or the beginning of it.
        digest: String,
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
    /// People with a password.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Hash a password for [auth.basic]: its first line of input to a line of output.
    PasswordHash,
    /// What callers would see, and why.
    #[command(subcommand)]
    Auth(AuthCommand),
    /// The audit trail: who read, wrote, turned, loaded and released what.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// The last requests, step by step: what took how long, what was waited for, what failed.
    #[command(subcommand)]
    Trace(trace::TraceCommand),
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
    /// Put a component into an OCI registry, with the signature that is beside it (`FILE.sig`).
    Push {
        /// Where, e.g. `registry.example.org/team/encounter:1.2.0`.
        #[arg(value_name = "REF")]
        at: String,
        file: PathBuf,
        #[command(flatten)]
        reached: Reached,
        #[arg(long)]
        json: bool,
    },
    /// Get a component from an OCI registry, with its signature.
    Pull {
        /// Where, by its tag or its digest (`…@sha256:…`).
        #[arg(value_name = "REF")]
        at: String,
        /// Without it the last part of its name.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// A public key in PEM that must have signed it; may be repeated, then one of them.
        #[arg(long = "key", value_name = "FILE")]
        keys: Vec<PathBuf>,
        #[command(flatten)]
        reached: Reached,
        #[arg(long)]
        json: bool,
    },
    /// Make a pair of keys that sign components: `NAME.key` and `NAME.pub`.
    Keygen {
        #[arg(short, long, value_name = "NAME", default_value = "mapping")]
        output: PathBuf,
        #[arg(long)]
        json: bool,
    },
    /// Sign a component: the signature is written beside it, as `FILE.sig`.
    Sign {
        file: PathBuf,
        /// The private key, in PEM.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Say who has signed a component; fails where nobody has that is trusted.
    Verify {
        file: PathBuf,
        /// A public key in PEM; may be repeated. Without it those of the configuration's [mappings.keys].
        #[arg(long = "key", value_name = "FILE")]
        keys: Vec<PathBuf>,
        /// The signature; without it the one beside the component (`FILE.sig`).
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Watch a mapping and put each version that builds in force in a running server.
    Dev {
        #[arg(default_value = ".")]
        path: PathBuf,
        /// Even if apps may break on it that use the version in force.
        #[arg(long)]
        allow_breaking: bool,
        /// Sign each version with this private key, for a server that lets in none else.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
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
    /// The version in force for a table, the one on trial with what was found of it, and those before.
    Status {
        table: String,
        #[command(flatten)]
        server: Server,
    },
    /// Give a loaded version some of what the one in force is given, behind the answers, and count what it makes otherwise.
    Shadow {
        table: String,
        digest: String,
        /// Of what is read and written, so much.
        #[arg(long, value_name = "1-100", value_parser = clap::value_parser!(u8).range(1..=100))]
        percent: u8,
        #[command(flatten)]
        server: Server,
    },
    /// Answer some of the callers by a loaded version, until it fails or differs too often.
    Canary {
        table: String,
        digest: String,
        /// Of the callers, so many.
        #[arg(long, value_name = "1-100", value_parser = clap::value_parser!(u8).range(1..=100))]
        percent: u8,
        /// A column that is meant to differ, COLUMN or TABLE.COLUMN; `*`: all. May be repeated.
        #[arg(long = "expect", value_name = "COLUMN")]
        expected: Vec<String>,
        /// Even if apps may break on it that use the version in force.
        #[arg(long)]
        allow_breaking: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Put the version on trial in force.
    Promote {
        table: String,
        /// The version that is meant: nothing is done where another is on trial by now.
        #[arg(long, value_name = "DIGEST")]
        digest: Option<String>,
        /// Even if apps may break on it that use the version in force.
        #[arg(long)]
        allow_breaking: bool,
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
        Command::Mapping(MappingCommand::Dev { path, allow_breaking, key, server }) => {
            mapping::dev::dev(&path, allow_breaking, key.as_deref(), &server).await
        }
        Command::Mapping(MappingCommand::Push { file, at, reached, json }) => {
            mapping::registry::push(&file, &at, &reached, json).await
        }
        Command::Mapping(MappingCommand::Pull { at, output, keys, reached, json }) => {
            mapping::registry::pull(&at, output.as_deref(), &keys, &reached, json).await
        }
        Command::Mapping(MappingCommand::Keygen { output, json }) => mapping::sign::keygen(&output, json),
        Command::Mapping(MappingCommand::Sign { file, key, output, json }) => {
            mapping::sign::sign(&file, &key, output.as_deref(), json)
        }
        Command::Mapping(MappingCommand::Verify { file, keys, signature, config, json }) => {
            let (signature, config) = (signature.as_deref(), config.as_deref());
            mapping::sign::verify(&mapping::sign::Verification { file: &file, signature, keys: &keys, config, json })
        }
        Command::Mapping(MappingCommand::Inspect { file, describe, json }) => mapping::inspect(&file, describe, json),
        Command::Load { file, activate, allow_breaking, signature, reached, server } => {
            let component = match file.to_str().filter(|file| file.starts_with("oci://")) {
                Some(at) => mapping::registry::fetched(at, &reached).await?,
                None => admin::on_disk(&file, signature.as_deref())?,
            };
            admin::load(&server, component, activate, allow_breaking).await
        }
        Command::Activate { table, digest, allow_breaking, server } => {
            admin::activate(&server, &table, &digest, allow_breaking).await
        }
        Command::Rollback { table, from, server } => admin::rollback(&server, &table, from.as_deref()).await,
        Command::Release(ReleaseCommand::Status { table, server }) => trials::status(&server, &table).await,
        Command::Release(ReleaseCommand::Shadow { table, digest, percent, server }) => {
            trials::shadow(&server, &table, &digest, percent).await
        }
        Command::Release(ReleaseCommand::Canary { table, digest, percent, expected, allow_breaking, server }) => {
            trials::canary(&server, &table, &digest, percent, &expected, allow_breaking).await
        }
        Command::Release(ReleaseCommand::Promote { table, digest, allow_breaking, server }) => {
            trials::promote(&server, &table, digest.as_deref(), allow_breaking).await
        }
        Command::Mapping(MappingCommand::List { server }) => admin::mapping_list(&server).await,
        Command::Deactivate { mapping, server } | Command::Mapping(MappingCommand::Deactivate { mapping, server }) => {
            admin::deactivate(&server, &mapping).await
        }
        Command::Unload { digest, server } => admin::unload(&server, &digest).await,
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
        Command::User(command) => user::run(command),
        Command::PasswordHash => user::password_hash(),
        Command::Auth(AuthCommand::Explain { roles, claims, method, url, server }) => {
            admin::auth_explain(&server, &roles, &claims, &method, &url).await
        }
        Command::Audit(command) => audit::run(command).await,
        Command::Trace(command) => trace::run(command).await,
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

/// Steps of requests after which a thread looks for new ones. With tokio's 61 it would not, while many large answers go out,
/// for as long as each of these takes a step.
const STEPS: u32 = 8;

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .event_interval(STEPS)
        .on_thread_start(jobs::begin_thread)
        .build()
        .map_err(|e| Error::new(Code::Internal, format!("the asynchronous runtime does not start: {e}")))
}
