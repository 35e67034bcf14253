//! Runs cargo on mapping crates: wasm32-unknown-unknown, linked for instances that live one call.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

const TARGET: &str = "wasm32-unknown-unknown";

/// A small stack, since it is wiped after every call; SIMD for the scanner.
const RUSTFLAGS: &str = "-Ctarget-feature=+simd128\x1f-Clink-arg=-zstack-size=65536";

/// The profile `mapping` for crates whose workspace has none; in ours it says the same.
const PROFILE: [&str; 7] = [
    "inherits='release'",
    "opt-level=3",
    "lto=true",
    "codegen-units=1",
    "panic='abort'",
    "debug=false",
    "strip='debuginfo'",
];

/// The profile `mapping-dev`, for an author who waits: a change compiles in a third of the time, and runs a little slower.
const DEV_PROFILE: [&str; 7] = [
    "inherits='release'",
    "opt-level=3",
    "lto='off'",
    "incremental=true",
    "panic='abort'",
    "debug=false",
    "strip='debuginfo'",
];

/// How cargo is run. By default: where it chooses itself, with a lock file that it may renew, for production.
#[derive(Clone, Copy, Default)]
pub struct Settings<'a> {
    pub target_directory: Option<&'a Path>,
    pub locked: bool,
    /// Compile fast rather than for speed.
    pub quick: bool,
}

/// Compiles the crates in these directories, which share a workspace or are one crate, and gives the core module of
/// each, by directory. The error is what to show: cargo's own words, or the one command to type.
pub fn compile(crates: &[PathBuf], settings: Settings<'_>) -> Result<BTreeMap<PathBuf, PathBuf>, String> {
    let Some(first) = crates.first() else { return Ok(BTreeMap::new()) };
    install_target()?;
    let mut build = command("CARGO", "cargo");
    build.current_dir(first).args(["build", "--quiet", "--lib", "--message-format=json-render-diagnostics"]);
    build.arg("--target").arg(TARGET);
    if let Some(directory) = settings.target_directory {
        build.arg("--target-dir").arg(directory);
    }
    let (profile, lines) = if settings.quick { ("mapping-dev", DEV_PROFILE) } else { ("mapping", PROFILE) };
    build.arg("--profile").arg(profile);
    for line in lines {
        build.arg("--config").arg(format!("profile.{profile}.{line}"));
    }
    if settings.locked {
        build.arg("--locked");
    }
    let packages = packages(first)?;
    for directory in crates {
        let id = packages.get(&canonical(directory)?).ok_or_else(|| format!("{} is no crate", directory.display()))?;
        build.arg("--package").arg(id);
    }
    build.env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS);
    let output = build.output().map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let modules = modules(&String::from_utf8_lossy(&output.stdout));
    let found = crates.iter().map(|directory| {
        let module = modules.get(&canonical(directory)?).ok_or_else(|| {
            format!(
                "{} has no `[lib] crate-type = [\"cdylib\"]`, so it gives no WebAssembly module",
                directory.display()
            )
        })?;
        Ok((directory.clone(), module.clone()))
    });
    found.collect()
}

fn canonical(directory: &Path) -> Result<PathBuf, String> {
    directory.canonicalize().map_err(|error| format!("{}: {error}", directory.display()))
}

/// Cargo's ids of the packages around a directory, by their own directories.
fn packages(directory: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    #[derive(Deserialize)]
    struct Workspace {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        id: String,
        manifest_path: PathBuf,
    }
    let output = command("CARGO", "cargo")
        .current_dir(directory)
        .args(["metadata", "--no-deps", "--format-version=1"])
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let workspace: Workspace = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let packages = workspace.packages.into_iter();
    Ok(packages.filter_map(|package| Some((home(&package.manifest_path)?, package.id))).collect())
}

/// The directory of a manifest, in the one form that can be compared.
fn home(manifest: &Path) -> Option<PathBuf> {
    manifest.parent()?.canonicalize().ok()
}

/// Core modules that cargo says it has, by the directory of their crate.
fn modules(messages: &str) -> BTreeMap<PathBuf, PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        reason: String,
        manifest_path: PathBuf,
        filenames: Vec<PathBuf>,
    }
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let built = artifacts.filter(|artifact| artifact.reason == "compiler-artifact").filter_map(|artifact| {
        let module = artifact.filenames.into_iter().find(|file| file.extension().is_some_and(|e| e == "wasm"))?;
        Some((home(&artifact.manifest_path)?, module))
    });
    built.collect()
}

/// Adds the target if rustup is there to do it and the compiler lacks it.
fn install_target() -> Result<(), String> {
    let has_target = || {
        let output = command("RUSTC", "rustc").args(["--print", "target-libdir", "--target", TARGET]).output().ok()?;
        Some(Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
    };
    if has_target() == Some(true) {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).output();
    if added.is_ok_and(|output| output.status.success()) && has_target() == Some(true) {
        return Ok(());
    }
    Err(format!("The compiler lacks WebAssembly. Type: rustup target add {TARGET}"))
}

/// A cargo or rustc as from a fresh shell. What an outer cargo, clippy or build script has put into the environment
/// is meant for the host's own crates: flags, wrappers, profiles, targets, directories.
fn command(variable: &str, default: &str) -> Command {
    let mut command = Command::new(env::var_os(variable).unwrap_or_else(|| OsString::from(default)));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_inherited) {
            command.env_remove(name);
        }
    }
    command
}

fn is_inherited(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CLIPPY_ARGS",
        "CLIPPY_CONF_DIR",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_INCREMENTAL",
    ];
    const PREFIXES: [&str; 10] = [
        "CARGO_BUILD_",
        "CARGO_TARGET_",
        "CARGO_PROFILE_",
        "CARGO_PKG_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_PRIMARY_",
    ];
    // Where to build is the caller's to say.
    name != "CARGO_TARGET_DIR" && (NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inherited_is_dropped() {
        let check = |name: &str, expected: bool| assert_eq!(is_inherited(name), expected, "{name}");
        check("RUSTC_WORKSPACE_WRAPPER", true);
        check("CARGO_ENCODED_RUSTFLAGS", true);
        check("CARGO_TARGET_DIR", false);
        check("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", true);
        check("CARGO_HOME", false);
        check("CARGO_NET_OFFLINE", false);
        check("CARGO_HTTP_CAINFO", false);
        check("CARGO_MAKEFLAGS", false);
        check("RUSTUP_TOOLCHAIN", false);
        check("PATH", false);
    }
}
