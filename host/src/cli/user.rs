//! `turntable user`: people with a password, whom the configuration names. `turntable password-hash`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::files::write_new;
use crate::cli::key::are_roles;
use crate::cli::serve::read_config;
use crate::cli::terminal::{note, say};
use crate::identity::passwords;
use crate::model::error::{Code, Error, Result};

#[derive(Subcommand)]
pub enum UserCommand {
    /// Hash a password, the first line of the input, into a new file, and print the line that lets its bearer in under
    /// [auth.basic].
    Create {
        /// What they give as their name.
        #[arg(long)]
        name: String,
        /// reader, writer, mapper, admin, or a role of the configuration; may be repeated.
        #[arg(long = "role", value_name = "ROLE", required = true, num_args = 1..)]
        roles: Vec<String>,
        /// Where the hash goes; as the configuration will name it.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// The configuration that says which roles there are.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Everybody with a password, with their roles.
    List {
        /// The configuration that names them.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub fn run(command: UserCommand) -> Result<()> {
    match command {
        UserCommand::Create { name, roles, output, config, json } => {
            create(&name, &roles, &output, config.as_deref(), json)
        }
        UserCommand::List { config, json } => list(config.as_deref(), json),
    }
}

/// Reads a password, and prints what a configuration has in its place.
pub fn password_hash() -> Result<()> {
    read_and_hashed().map(say)
}

fn read_and_hashed() -> Result<String> {
    if std::io::stdin().is_terminal() {
        note("the password, then Enter (it is shown):");
    }
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|e| Error::new(Code::BadValue, format!("the input cannot be read: {e}")))?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(Error::new(Code::BadValue, "there is no password in the input")),
        password => passwords::hash(password),
    }
}

fn create(name: &str, roles: &[String], output: &Path, config: Option<&Path>, as_json: bool) -> Result<()> {
    let config = read_config(config)?;
    are_roles(&config, roles)?;
    if name.is_empty() || name.contains(|c: char| c == ':' || c.is_control()) {
        return Err(Error::new(Code::BadValue, "a name has neither a colon nor a control character in it (RFC 7617)")
            .target("--name"));
    }
    if config.identity.users.contains_key(name) {
        return Err(Error::new(Code::BadValue, format!("there is somebody of the name `{name}`"))
            .target("--name")
            .hint("for another password, write a new hash into the file that [auth.basic] names"));
    }
    let file = output.to_str().ok_or_else(|| {
        Error::new(Code::BadValue, "the name of the file is not UTF-8, and no configuration can have it").target("-o")
    })?;
    write_new(output, &format!("{}\n", read_and_hashed()?), true)?;
    // A text of TOML is written as one of JSON.
    let (key, file) = (Value::from(name), Value::from(file));
    let line = format!("{key} = {{ password_hash = {{ file = {file} }}, roles = {} }}", json!(roles));
    match as_json {
        true => say(format!("{:#}", json!({ "name": name, "roles": roles, "file": file, "line": line }))),
        false => {
            note("to let them in, put this line under [auth.basic] and start the server anew:");
            say(line);
        }
    }
    Ok(())
}

fn list(config: Option<&Path>, as_json: bool) -> Result<()> {
    let users = read_config(config)?.identity.users;
    if as_json {
        let users: Vec<_> = users.iter().map(|(name, user)| json!({ "name": name, "roles": user.roles })).collect();
        say(format!("{:#}", json!({ "users": users })));
        return Ok(());
    }
    say(format!("{:<24} ROLES", "NAME"));
    for (name, user) in users {
        say(format!("{name:<24} {}", user.roles.join(",")));
    }
    Ok(())
}
