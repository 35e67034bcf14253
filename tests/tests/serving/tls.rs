//! TLS towards clients: a certificate and its key, read again when their files change, so that one that is renewed needs no
//! restart. Where the new ones are no good the old ones stay.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::model::error::{Code, Error, Result};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// `[tls]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM: the server's certificate first, then those of the authorities in between.
    pub certificate: PathBuf,
    /// PEM: its private key (PKCS #8, PKCS #1 or SEC 1).
    pub key: PathBuf,
}

/// What clients are shown.
pub struct Tls {
    settings: TlsSettings,
    current: ArcSwap<ServerConfig>,
    stamp: Mutex<Stamp>,
}

/// The state of both files.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Tls {
    /// `Config` for files that cannot be read, hold no certificate or no key, or do not belong together.
    pub fn new(settings: TlsSettings) -> Result<Self> {
        let stamp = Mutex::new(stamp(&settings));
        let current = ArcSwap::from_pointee(read(&settings)?);
        Ok(Self { settings, current, stamp })
    }

    /// Reads the files again if they have changed; whether they had. An error leaves what was there.
    pub fn look(&self) -> Result<bool> {
        let now = stamp(&self.settings);
        let mut known = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == now {
            return Ok(false);
        }
        self.current.store(Arc::new(read(&self.settings)?));
        *known = now;
        Ok(true)
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.current.load_full().into()
    }
}

/// Follows the files for as long as the server lives.
pub async fn watch(tls: Weak<Tls>) {
    let mut trouble = String::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(tls) = tls.upgrade() else { return };
        // Two small files, once in a while.
        match tokio::task::spawn_blocking(move || tls.look()).await {
            Ok(Ok(true)) => {
                trouble.clear();
                tracing::info!("the certificate was read anew");
            }
            // Somebody may be about to write the other file; the same again and again fills no log.
            Ok(Err(error)) if trouble != error.message() => {
                trouble = error.message().to_owned();
                tracing::error!(%error, "the certificate stays as it was");
            }
            _ => {}
        }
    }
}

fn read(settings: &TlsSettings) -> Result<ServerConfig> {
    let TlsSettings { certificate, key } = settings;
    let bad = |path: &Path, what: &str| Error::new(Code::Config, format!("{} {what}", path.display())).target("tls");
    let text = |path: &Path| fs::read(path).map_err(|error| bad(path, &format!("cannot be read: {error}")));
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|_| bad(certificate, "is no PEM file"))?;
    if chain.is_empty() {
        return Err(bad(certificate, "holds no certificate in PEM"));
    }
    let private = PrivateKeyDer::from_pem_slice(&text(key)?).map_err(|_| bad(key, "holds no private key in PEM"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let built = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private));
    let mut built = built.map_err(|error| {
        bad(certificate, "and its key cannot be used: they may not belong together").internal(error.to_string())
    })?;
    built.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(built)
}

fn stamp(settings: &TlsSettings) -> Stamp {
    let of =
        |path: &Path| -> io::Result<_> { fs::metadata(path).and_then(|found| Ok((found.modified()?, found.len()))) };
    [of(&settings.certificate).ok(), of(&settings.key).ok()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = include_str!("tls/certificate.pem");
    const KEY: &str = include_str!("tls/key.pem");
    const OTHER_KEY: &str = include_str!("tls/other-key.pem");

    #[test]
    fn a_certificate_is_read_again_and_a_bad_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            TlsSettings { certificate: folder.path().join("certificate.pem"), key: folder.path().join("key.pem") };
        let write = |certificate: &str, key: &str| {
            fs::write(&settings.certificate, certificate).unwrap();
            fs::write(&settings.key, key).unwrap();
        };
        let new = || Tls::new(settings.clone()).map(drop).map_err(|error| error.code());
        assert_eq!(new(), Err(Code::Config), "there are no files");
        for (certificate, key) in [("", KEY), (CERTIFICATE, ""), (KEY, KEY), (CERTIFICATE, OTHER_KEY)] {
            write(certificate, key);
            assert_eq!(new(), Err(Code::Config), "{certificate:.20} {key:.20}");
        }
        write(CERTIFICATE, KEY);
        let tls = Tls::new(settings.clone()).unwrap();
        assert!(!tls.look().unwrap());
        let before = tls.current.load_full();
        write(CERTIFICATE, "no key");
        assert_eq!(tls.look().map_err(|error| error.code()), Err(Code::Config));
        assert!(Arc::ptr_eq(&before, &tls.current.load_full()));
        // With one more word, so that it is another file.
        write(&format!("as renewed\n{CERTIFICATE}"), KEY);
        assert!(tls.look().unwrap());
        assert!(!Arc::ptr_eq(&before, &tls.current.load_full()));
    }
}
