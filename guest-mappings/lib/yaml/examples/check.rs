//! Checks mapping files: `cargo run -p turntable-mapping-yaml --example check FILE…`. Exit status 1 for a fault.

use std::process::ExitCode;
use std::{env, fs};

#[expect(clippy::print_stderr, reason = "faults are for the terminal")]
fn main() -> ExitCode {
    let mut sound = true;
    for file in env::args().skip(1) {
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{file}: {error}");
                sound = false;
                continue;
            }
        };
        for fault in turntable_mapping_yaml::read(&text, &file).err().unwrap_or_default() {
            eprintln!("{fault}");
            sound = false;
        }
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
