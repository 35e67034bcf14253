//! Puts the shipped mappings into the binary: compiles the crates under `guest-mappings/tables/`, and the
//! engine that runs the mappings in YAML beside them; makes components of all, and writes the list that
//! `mapping::shipped::SHIPPED` is: each component with its digest and its description, so that a start needs to look
//! at none of them. Beside it `DECLARED` and `VIEW_ENGINE`: the modules that become components once a
//! mapping in YAML, or a view, is put into them.

#![expect(clippy::print_stderr, reason = "a build script talks to the developer through it")]
#![expect(unreachable_pub, reason = "what is public in a shared file is so for the library")]

#[path = "src/model"]
mod model {
    #[expect(dead_code, reason = "a build script has no use for most of it")]
    pub mod error;
    pub mod limits;
    #[expect(dead_code, reason = "a build script has no use for most of it")]
    pub mod table;
}

#[path = "src/mapping"]
mod mapping {
    /// The contract's types as the SDK has them: the same names and fields as wasmtime's.
    pub mod contract {
        pub use turntable_mapping::bindings::exports;
    }
    pub mod describe;
}

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use sha2::{Digest, Sha256};
use turntable_componentize::{Settings, compile, componentize, declare, described, read_samples};

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
    let shared = ["mapping/describe", "model/error", "model/limits", "model/table"];
    let shared: Vec<_> = shared.iter().map(|file| format!("host/src/{file}.rs")).collect();
    let sources = ["guest-mappings", "wit", "Cargo.lock", "Cargo.toml"].map(str::to_owned);
    for path in sources.iter().chain(&shared) {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    let (lib, tables) = (root.join("guest-mappings/lib"), root.join("guest-mappings/tables"));
    let (engine, view) = (lib.join("declared"), lib.join("view"));
    let mut crates = mapping_crates(&tables)?;
    crates.extend([engine.clone(), view.clone()]);
    let mut modules =
        compile(&crates, Settings { target_directory: Some(&out.join("guests")), locked: true, quick: false })?;
    let declared = modules.remove(&engine).ok_or("cargo gave no module for mappings in YAML")?;
    let view = modules.remove(&view).ok_or("cargo gave no module for views")?;
    let engine = fs::read(&declared)?;

    let mut shipped = BTreeMap::new();
    for (directory, module) in modules {
        let (core, samples) = (fs::read(module)?, read_samples(&directory.join("samples"))?);
        let mapping = described(&core)?.ok_or("a module does not say what its mapping is")?;
        shipped.insert(name(&directory)?, (mapping, componentize(&core, &samples)));
    }
    for file in yaml_files(&tables)? {
        let directory = file.parent().ok_or("a file is in no directory")?;
        let mapping = turntable_mapping_yaml::read(&fs::read_to_string(&file)?, &file.display().to_string());
        let mapping = mapping.map_err(|faults| faults.iter().map(|fault| format!("{fault}\n")).collect::<String>())?;
        let samples = read_samples(&directory.join("samples"))?;
        shipped.insert(name(directory)?, (mapping, declare(&engine, mapping, &samples)));
    }
    let mut list = String::from("pub static SHIPPED: &[Shipped] = &[\n");
    for (name, (mapping, component)) in shipped {
        let (file, described) = (out.join(format!("{name}.wasm")), out.join(format!("{name}.description")));
        let component = component.map_err(|error| format!("{name}: {error}"))?;
        fs::write(&file, &component)?;
        fs::write(&described, description(mapping).map_err(|error| format!("{name}: {error}"))?)?;
        let digest: String = Sha256::digest(&component).iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(list, "    Shipped {{ name: {name:?}, digest: \"sha256:{digest}\",")?;
        writeln!(list, "        component: include_bytes!({file:?}), description: include_bytes!({described:?}) }},")?;
    }
    list.push_str("];\n");
    writeln!(list, "pub static DECLARED: &[u8] = include_bytes!({declared:?});")?;
    writeln!(list, "pub static VIEW_ENGINE: &[u8] = include_bytes!({view:?});")?;
    fs::write(out.join("shipped.rs"), list)?;
    Ok(())
}

/// What the server is told of a mapping, checked as it checks what a component says of itself. Each component that the
/// SDK makes can write.
fn description(mapping: &'static turntable_mapping::Mapping) -> Result<Vec<u8>, Box<dyn Error>> {
    let limits = model::limits::Limits::default();
    let described = mapping::describe::described(turntable_mapping::describe(mapping), true, &limits)?;
    Ok(postcard::to_allocvec(&described)?)
}

/// A mapping has the name of its directory.
fn name(directory: &Path) -> Result<String, &'static str> {
    let name = directory.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or("a mapping's directory has no name")
}

/// The mappings in YAML, each in a directory of its own.
fn yaml_files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let file = entry?.path().join("mapping.yaml");
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// The mappings in Rust, each a crate with samples.
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
