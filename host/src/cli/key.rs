//! `turntable key`: API keys of a data folder, whether a server runs on it or not.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::keys::BY;
use crate::cli::serve::read_config;
use crate::cli::terminal::{note, say};
use crate::config::Config;
use crate::identity::keys::{self, Key, NewKey};
use crate::model::error::{Code, Error, Result};

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a key. It is printed once, alone on stdout, and kept nowhere.
    Create(New),
    /// Every key with its roles.
    List {
        #[command(flatten)]
        folder: Folder,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a key out, for good.
    Revoke {
        name: String,
        #[command(flatten)]
        folder: Folder,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub struct New {
    /// Whose it is, for lists and the audit trail.
    #[arg(long)]
    name: String,
    /// reader, writer, mapper, admin, or a role of the configuration; may be repeated.
    #[arg(long = "role", value_name = "ROLE", required = true, num_args = 1..)]
    roles: Vec<String>,
    /// What rules may know of who sends it: `NAME=VALUE`; may be repeated.
    #[arg(long = "claim", value_name = "NAME=VALUE", num_args = 1..)]
    claims: Vec<String>,
    /// For how long it is good (`90d`, `12h`), or until when; without it until it is revoked.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    folder: Folder,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Folder {
    /// The configuration that names the data folder.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub fn run(command: KeyCommand) -> Result<()> {
    match command {
        KeyCommand::Create(new) => create(new),
        KeyCommand::List { folder, json } => list(&folder, json),
        KeyCommand::Revoke { name, folder, json } => {
            keys::revoke(&read_config(folder.config.as_deref())?.data_dir, &name)?;
            match json {
                true => say(format!("{:#}", json!({ "revoked": name }))),
                false => note(format_args!("revoked: {name}")),
            }
            Ok(())
        }
    }
}

/// `BadValue` for a role that there is not.
pub(super) fn are_roles(config: &Config, roles: &[String]) -> Result<()> {
    let known = config.role_names();
    match roles.iter().find(|role| !known.contains(role)) {
        None => Ok(()),
        Some(role) => Err(Error::new(Code::BadValue, format!("there is no role `{role}`"))
            .target("--role")
            .hint(format!("there are: {}", known.join(", ")))),
    }
}

fn create(new: New) -> Result<()> {
    let config = read_config(new.folder.config.as_deref())?;
    let claims = new.claims.iter().map(|claim| {
        let bad = || Error::new(Code::BadValue, "a claim is written NAME=VALUE").target("--claim");
        claim.split_once('=').map(|(name, value)| (name.to_owned(), Value::from(value))).ok_or_else(bad)
    });
    are_roles(&config, &new.roles)?;
    let asked = NewKey {
        name: new.name,
        roles: new.roles,
        claims: claims.collect::<Result<_>>()?,
        expires: new.expires.as_deref().map(keys::expiry).transpose()?,
    };
    let (secret, key) = keys::create(&config.data_dir, asked, BY, config.limits.api_keys)?;
    if !config.identity.keys {
        note("no server asks for keys yet: the configuration has no [auth.keys]");
    }
    if new.json {
        let mut shown = described(&key);
        shown["key"] = secret.into();
        say(format!("{shown:#}"));
    } else {
        say(secret);
    }
    Ok(())
}

fn list(folder: &Folder, as_json: bool) -> Result<()> {
    let keys = keys::list(&read_config(folder.config.as_deref())?.data_dir)?;
    if as_json {
        say(format!("{:#}", json!({ "keys": keys.iter().map(described).collect::<Vec<_>>() })));
        return Ok(());
    }
    say(format!("{:<24} {:<24} {:<22} {}", "NAME", "ROLES", "EXPIRES", "CREATED BY"));
    for key in keys {
        let roles = key.roles.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let expires = match key.expires {
            None => "-".to_owned(),
            Some(_) if !key.is_good(Timestamp::now()) => "expired".to_owned(),
            Some(at) => at.to_string(),
        };
        say(format!("{:<24} {:<24} {:<22} {}", key.name, roles, expires, key.created_by));
    }
    Ok(())
}

/// As the admin API shows it.
fn described(key: &Key) -> Value {
    let mut shown = json!({
        "name": key.name,
        "roles": key.roles,
        "claims": key.claims,
        "created": key.created.to_string(),
        "created_by": key.created_by,
        "expired": !key.is_good(Timestamp::now()),
    });
    if let Some(at) = key.expires {
        shown["expires"] = at.to_string().into();
    }
    shown
}
