//! `turntable mapping keygen`, `sign`, `verify`: who has made a component, shown by a signature beside it. Tools that know
//! such signatures (cosign, openssl) do for each of them.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::files::write_new;
use crate::cli::serve::read_config;
use crate::cli::terminal::say;
use crate::mapping::inspect::digest;
use crate::mapping::signature::{Judged, Policy, PrivateKey, PublicKey, Trust, beside};
use crate::model::error::{Code, Error, Result};

/// Writes a new pair: `STEM.key`, for its owner alone, and `STEM.pub`. Neither takes the place of a file that is there.
pub fn keygen(stem: &Path, as_json: bool) -> Result<()> {
    let key = PrivateKey::generate()?;
    let with = |ending: &str| {
        let mut name = stem.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let (private, public) = (with(".key"), with(".pub"));
    write_new(&private, key.pem(), true)?;
    write_new(&public, &key.public().pem(), false)?;
    let fingerprint = key.public().fingerprint();
    if as_json {
        say(format!("{:#}", json!({ "private": private, "public": public, "fingerprint": fingerprint })));
    } else {
        say(format!("{}  signs, and is nobody else's", private.display()));
        say(format!("{}  checks what it has signed: name it in [mappings.keys]", public.display()));
        say(fingerprint);
    }
    Ok(())
}

/// Signs a component, and writes the signature beside it or elsewhere.
pub fn sign(file: &Path, key: &Path, output: Option<&Path>, as_json: bool) -> Result<()> {
    let key = private_key(key)?;
    let component = bytes(file)?;
    let signature = key.sign(&component)?;
    let output = output.map_or_else(|| beside(file), Path::to_owned);
    std::fs::write(&output, format!("{signature}\n"))
        .map_err(|e| Error::new(Code::BadRequest, format!("{} cannot be written: {e}", output.display())))?;
    let (fingerprint, digest) = (key.public().fingerprint(), digest(&component));
    if as_json {
        let signed = json!({ "file": output, "digest": digest, "key": fingerprint, "signature": signature });
        say(format!("{signed:#}"));
    } else {
        say(format!("{}  of {digest} by {fingerprint}", output.display()));
    }
    Ok(())
}

/// What a component is held to: keys that are named here, else those of the configuration.
pub struct Verification<'a> {
    pub file: &'a Path,
    /// Without it the one beside the file.
    pub signature: Option<&'a Path>,
    pub keys: &'a [PathBuf],
    pub config: Option<&'a Path>,
    pub json: bool,
}

/// Says who has signed a component; an error where nobody has that is trusted.
pub fn verify(asked: &Verification<'_>) -> Result<()> {
    let component = bytes(asked.file)?;
    let path = asked.signature.map_or_else(|| beside(asked.file), Path::to_owned);
    let signature =
        text(&path).map_err(|error| error.hint("the signature is beside the file, or --signature names it"))?;
    let trust = match asked.keys {
        [] => Trust { policy: Policy::Deny, ..read_config(asked.config)?.mappings.trust },
        keys => trust(keys)?,
    };
    let Judged::Signed(signed) = trust.judge(&component, Some(&signature))? else {
        return Err(Error::new(Code::ComponentUnsigned, format!("{} is not signed", asked.file.display())));
    };
    if asked.json {
        let told = json!({ "digest": digest(&component), "by": signed.by, "key": signed.key });
        say(format!("{told:#}"));
    } else {
        say(format!("signed by {} ({})", signed.by, signed.key));
    }
    Ok(())
}

pub(super) fn private_key(file: &Path) -> Result<PrivateKey> {
    PrivateKey::from_pem(&text(file)?).map_err(|error| error.target(file.display().to_string()))
}

/// These public keys, and nothing else.
pub(super) fn trust(keys: &[PathBuf]) -> Result<Trust> {
    let named = keys.iter().map(|file| {
        let key = PublicKey::from_pem(&text(file)?).map_err(|error| error.target(file.display().to_string()))?;
        Ok((file.display().to_string(), key))
    });
    Ok(Trust { policy: Policy::Deny, keys: named.collect::<Result<_>>()? })
}

pub(super) fn bytes(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|e| Error::new(Code::BadRequest, format!("{} cannot be read: {e}", file.display())))
}

fn text(file: &Path) -> Result<String> {
    String::from_utf8(bytes(file)?).map_err(|_| Error::new(Code::BadValue, format!("{} is no text", file.display())))
}
