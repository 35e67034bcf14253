//! `turntable mapping push`, `pull`: a component into an OCI registry and from there, its signature with it. A server fetches
//! from no registry itself: `turntable load oci://…` does it where it is typed, and sends what it got.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::sign;
use crate::cli::serve::{read_config, signature_of};
use crate::cli::terminal::{note, say};
use crate::mapping::inspect::{digest, inspect};
use crate::mapping::signature::{Judged, beside};
use crate::model::error::{Code, Error, Result};
use crate::model::limits::Limits;
use crate::oci::artifact::Artifact;
use crate::oci::credentials::Credentials;
use crate::oci::reference::Reference;
use crate::oci::registry::{How, Pulled, Registry};

/// How a registry is reached.
#[derive(Args)]
pub struct Reached {
    /// Speak to the registry without TLS, also where it is not on this machine. No credentials are sent there then.
    #[arg(long)]
    pub plain_http: bool,
    /// Configuration whose limits hold.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Reached {
    fn how(&self, at: &Reference) -> Result<(How, Limits)> {
        let limits = match &self.config {
            Some(file) => read_config(Some(file))?.limits,
            None => Limits::default(),
        };
        Ok((How { plain_http: self.plain_http, credentials: Credentials::of(&at.registry)? }, limits))
    }
}

/// Puts a component there, with the signature that is beside it.
pub async fn push(file: &Path, at: &str, reached: &Reached, as_json: bool) -> Result<()> {
    let at = Reference::parse(at)?;
    let (how, limits) = reached.how(&at)?;
    let component = sign::bytes(file)?;
    let inspection = inspect(&component, &limits)?;
    let signature = signature_of(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let artifact = Artifact::of(&component, &name, &inspection, signature.as_deref(), Timestamp::now());
    let of = digest(&component);
    let made = Registry::push(&at, how, &limits, component, artifact).await?;
    let pinned = at.pinned(&made).to_string();
    if as_json {
        let told =
            json!({ "reference": at.to_string(), "pinned": pinned, "digest": of, "signed": signature.is_some() });
        say(format!("{told:#}"));
    } else {
        say(&pinned);
        note(if signature.is_some() { "its signature went with it" } else { "it is not signed" });
    }
    Ok(())
}

/// Gets a component and its signature, and writes both. With `keys` nothing is written that none of them has signed.
pub async fn pull(at: &str, output: Option<&Path>, keys: &[PathBuf], reached: &Reached, as_json: bool) -> Result<()> {
    let at = Reference::parse(at)?;
    let Pulled { component, signature, digest: made } = get(&at, reached).await?;
    let by = match keys {
        [] => None,
        keys => match sign::trust(keys)?.judge(&component, signature.as_deref())? {
            Judged::Signed(signed) => Some(signed.by),
            Judged::Unsigned => None,
        },
    };
    let output = output.map_or_else(|| PathBuf::from(format!("{}.wasm", last(&at.name))), Path::to_owned);
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes)
            .map_err(|e| Error::new(Code::BadRequest, format!("{} cannot be written: {e}", path.display())))
    };
    write(&output, &component)?;
    let sidecar = beside(&output);
    match &signature {
        Some(text) => write(&sidecar, format!("{}\n", text.trim()).as_bytes())?,
        None if sidecar.exists() => {
            note(format_args!("{} is of another component: it came without one", sidecar.display()))
        }
        None => {}
    }
    let of = digest(&component);
    if as_json {
        let pinned = at.pinned(&made).to_string();
        let told = json!({
            "file": output, "pinned": pinned, "digest": of, "signed": signature.is_some(), "by": by,
        });
        say(format!("{told:#}"));
    } else {
        let by = by.map(|by| format!("  signed by {by}")).unwrap_or_default();
        say(format!("{}  {of}{by}", output.display()));
    }
    Ok(())
}

/// A component with its signature.
pub async fn fetched(at: &str, reached: &Reached) -> Result<(Vec<u8>, Option<String>)> {
    let pulled = get(&Reference::parse(at)?, reached).await?;
    Ok((pulled.component, pulled.signature))
}

async fn get(at: &Reference, reached: &Reached) -> Result<Pulled> {
    let (how, limits) = reached.how(at)?;
    Registry::pull(at, how, &limits).await
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
