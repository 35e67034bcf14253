//! `turntable`: see `turntable --help`, and `cli` for what each command does.

use std::process::ExitCode;

fn main() -> ExitCode {
    turntable::cli::arguments::run()
}
