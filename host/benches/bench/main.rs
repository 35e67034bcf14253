//! Figures of speed and size. Nothing here passes or fails.
//!
//! ```text
//! just bench                        # everything; or: cargo bench -p turntable --bench bench
//! just bench mapping                # resources per CPU-second through a mapping
//! just bench read                   # a page of a virtual and of a native table beside what is written by hand
//! just bench start                  # start to ready, resident memory, swap
//! just bench beside                 # what others wait for while there is heavy work
//! just bench native                 # pages, groups and related rows of a large native table beside SQL written by hand
//! just bench ingest                 # resources into the store beside inserts written by hand
//! just bench trial                  # what a version on trial costs those who ask
//! just bench login                  # a page with tokens and rules beside the same without
//! just bench mapping --json FILE    # the figures to a file as well
//! ```
//!
//! `TURNTABLE_BENCH_ROWS=NUMBER` has `native` make a smaller table. `TURNTABLE_BENCH_PROGRAM=FILE` has `start` and `beside` measure another build of the program.
//!
//! Compare ratios to the baseline of the same run, not absolute values of two runs: the machine is never the same.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]
#![expect(unreachable_pub, reason = "modules of one program")]

mod baseline;
mod beside;
mod data;
mod gateway;
mod ingest;
mod login;
mod mapping;
mod measure;
mod native;
mod read;
mod related;
mod start;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::measure::Report;
use clap::{Parser, ValueEnum};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Parser)]
#[command(name = "bench", about = "Figures of speed and size")]
struct Arguments {
    /// What to measure; everything if nothing is named.
    which: Vec<Job>,
    #[command(flatten)]
    part: mapping::Part,
    /// Write the figures to this file as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Cargo says so; it changes nothing.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Job {
    /// Resources per CPU-second through a mapping.
    Mapping,
    /// A page of a virtual and of a native table beside what is written by hand.
    Read,
    /// Start to ready, resident memory, swap.
    Start,
    /// What others wait for while there is heavy work.
    Beside,
    /// Pages of a large native table beside SQL written by hand.
    Native,
    /// Resources into the store beside inserts written by hand.
    Ingest,
    /// A page beside the same with a version on trial.
    Trial,
    /// A page with tokens and rules beside the same without.
    Login,
}

impl Job {
    const ALL: [Self; 8] =
        [Self::Mapping, Self::Read, Self::Start, Self::Beside, Self::Native, Self::Ingest, Self::Trial, Self::Login];

    fn run(self, report: &mut Report, arguments: &Arguments) -> Result<()> {
        match self {
            Self::Mapping => mapping::run(report, &arguments.part),
            Self::Read => read::run(report),
            Self::Start => start::run(report),
            Self::Beside => beside::run(report),
            Self::Native => native::run(report),
            Self::Ingest => ingest::run(report),
            Self::Trial => trial::run(report),
            Self::Login => login::run(report),
        }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("bench: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                println!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let jobs = if arguments.which.is_empty() { &Job::ALL[..] } else { &arguments.which };
    let mut report = Report::default();
    for job in jobs {
        job.run(&mut report, arguments)?;
    }
    if let Some(file) = &arguments.json {
        std::fs::write(file, format!("{:#}\n", report.to_json()))?;
    }
    Ok(())
}
