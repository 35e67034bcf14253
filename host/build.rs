//! Puts the shipped mappings into the binary: compiles the crates under `guest-mappings/` that have samples, makes
//! components of them, and writes the list that `mapping::build::BUILTIN` is. Beside it `VIEW_ENGINE`: the module that
//! becomes a component once a view is put into it.

#![expect(clippy::print_stderr, reason = "a build script talks to the developer through it")]
#![expect(unreachable_pub, reason = "what is public in a shared file is so for the library")]

#[path = "src/mapping/attach.rs"]
mod attach;
#[path = "src/mapping/guest.rs"]
mod guest;
#[path = "src/mapping/wrap.rs"]
mod wrap;

use std::{
    env,
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let shared = ["attach", "guest", "wrap"].map(|file| format!("host/src/mapping/{file}.rs"));
    let sources = ["guest-mappings", "wit", "Cargo.lock", "Cargo.toml"].map(str::to_owned);
    for path in sources.iter().chain(&shared) {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    let mut crates = mapping_crates(&root.join("guest-mappings"))?;
    let view = root.join("guest-mappings/view");
    crates.push(view.clone());
    let mut modules = guest::compile(&crates, Some(&out.join("guests")), true)?;
    let view = modules.remove(&view).ok_or("cargo gave no module for views")?;
    let mut list = String::from("pub static BUILTIN: &[(&str, &[u8])] = &[\n");
    for (directory, module) in modules {
        let name = directory.file_name().and_then(|name| name.to_str()).ok_or("a mapping's directory has no name")?;
        let samples = wrap::read_samples(&directory.join("samples"))?;
        let component = wrap::wrap(&fs::read(module)?, &samples).map_err(|error| format!("{name}: {error}"))?;
        let file = out.join(format!("{name}.wasm"));
        fs::write(&file, component)?;
        writeln!(list, "    ({name:?}, include_bytes!({file:?})),")?;
    }
    list.push_str("];\n");
    writeln!(list, "pub static VIEW_ENGINE: &[u8] = include_bytes!({view:?});")?;
    fs::write(out.join("builtin.rs"), list)?;
    Ok(())
}

/// A mapping is what has samples; `scan/` and `sdk/` are libraries.
fn mapping_crates(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut crates = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.join("Cargo.toml").is_file() && path.join("samples").is_dir() {
            crates.push(path);
        }
    }
    crates.sort();
    Ok(crates)
}
