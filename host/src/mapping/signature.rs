//! Who has signed a component. A signature is what `cosign sign-blob` and `openssl dgst -sha256 -sign` make of a file: ECDSA over
//! P-256 and SHA-256, or Ed25519, in base64, and kept beside the file (`X.wasm.sig`). So it is checked with tools that everybody
//! has, the component stays what it was to the byte, and its digest with it. The arithmetic is ring's, which TLS uses too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::rand::SystemRandom;
use ring::signature::{self as algorithms, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::inspect::digest;
use crate::model::error::{Code, Error, Result};

/// What a public key of P-256 begins with (RFC 5480): its algorithm, and that an uncompressed point follows.
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 3,
    0x42, 0,
];
const P256_POINT: usize = 65;

/// The same of Ed25519 (RFC 8410).
const ED25519: &[u8] = &[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
const ED25519_POINT: usize = 32;

/// Characters of a signature at most; those that are made here have less than a hundred.
const TEXT_MOST: usize = 512;

/// The name that what ships with this program is signed by: no configured key has it.
pub const BUILT_IN: &str = "turntable";

/// What becomes of a component that no trusted key has signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It is let in.
    #[default]
    Allow,
    /// It is let in, and the log says so.
    Warn,
    /// It is refused, before it is looked at.
    Deny,
}

impl Policy {
    pub const ALL: [(&'static str, Self); 3] = [("allow", Self::Allow), ("warn", Self::Warn), ("deny", Self::Deny)];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, policy)| policy)
    }

    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}

/// A key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    /// As the algorithm takes it.
    point: Vec<u8>,
    /// The whole of it (`SubjectPublicKeyInfo`).
    der: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    P256,
    Ed25519,
}

impl Kind {
    fn prefix(self) -> &'static [u8] {
        match self {
            Self::P256 => P256,
            Self::Ed25519 => ED25519,
        }
    }
}

impl PublicKey {
    /// `BEGIN PUBLIC KEY`. `BadValue` for what is none of a kind that is known here.
    pub fn from_pem(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::new(Code::BadValue, what).hint(
                "write it as PEM, `BEGIN PUBLIC KEY`, of P-256 or Ed25519; `turntable mapping keygen`, \
                 `cosign generate-key-pair` and `openssl ec -pubout` make such",
            )
        };
        if text.contains("PRIVATE KEY-----") {
            return Err(wrong("this is a private key, which stays with whoever signs: the public one is needed here"));
        }
        let der = from_pem(text, "PUBLIC KEY").ok_or_else(|| wrong("this is no public key in PEM"))?;
        for (kind, length) in [(Kind::P256, P256_POINT), (Kind::Ed25519, ED25519_POINT)] {
            // Of points on P-256 only those that are written out in full begin with 4.
            let fits = |point: &&[u8]| point.len() == length && (kind == Kind::Ed25519 || point.first() == Some(&4));
            if let Some(point) = der.strip_prefix(kind.prefix()).filter(fits) {
                return Ok(Self { kind, point: point.to_vec(), der: der.clone() });
            }
        }
        Err(wrong("the public key is of another kind than P-256 and Ed25519"))
    }

    fn of(kind: Kind, point: &[u8]) -> Self {
        Self { kind, point: point.to_vec(), der: [kind.prefix(), point].concat() }
    }

    pub fn pem(&self) -> String {
        to_pem("PUBLIC KEY", &self.der)
    }

    /// `sha256:<hex>` of the key, whatever it is called.
    pub fn fingerprint(&self) -> String {
        digest(&self.der)
    }

    fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let with: &'static dyn algorithms::VerificationAlgorithm = match self.kind {
            Kind::P256 => &algorithms::ECDSA_P256_SHA256_ASN1,
            Kind::Ed25519 => &algorithms::ED25519,
        };
        UnparsedPublicKey::new(with, &self.point).verify(bytes, signature).is_ok()
    }
}

/// A key that signs.
pub struct PrivateKey {
    pair: Pair,
    pem: String,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// A new one, of P-256.
    pub fn generate() -> Result<Self> {
        let failed = |_| Error::new(Code::Internal, "this machine gave no random numbers for a key");
        let random = SystemRandom::new();
        let with = &algorithms::ECDSA_P256_SHA256_ASN1_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(with, &random).map_err(failed)?;
        Self::from_pem(&to_pem("PRIVATE KEY", der.as_ref()))
    }

    /// `BEGIN PRIVATE KEY` (PKCS #8), of P-256 or Ed25519. What it is instead is not said.
    pub fn from_pem(text: &str) -> Result<Self> {
        let wrong = |what: &str, hint: &str| Error::new(Code::BadValue, what).hint(hint);
        if text.contains("ENCRYPTED") {
            let what = "the private key is encrypted, which is not read here";
            return Err(wrong(
                what,
                "sign with the tool that made it: cosign sign-blob --key KEY --output-signature FILE.sig FILE",
            ));
        }
        let kinds = "it must be PEM, `BEGIN PRIVATE KEY` (PKCS #8), of P-256 or Ed25519; \
                     `openssl pkcs8 -topk8 -nodes` makes it of other forms";
        let der = from_pem(text, "PRIVATE KEY").ok_or_else(|| wrong("this is no private key in PEM", kinds))?;
        let with = &algorithms::ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = match EcdsaKeyPair::from_pkcs8(with, &der, &SystemRandom::new()) {
            Ok(pair) => Pair::P256(pair),
            Err(_) => Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
                .map(Pair::Ed25519)
                .map_err(|_| wrong("the private key is none that can sign here", kinds))?,
        };
        Ok(Self { pair, pem: to_pem("PRIVATE KEY", &der) })
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub fn public(&self) -> PublicKey {
        match &self.pair {
            Pair::P256(pair) => PublicKey::of(Kind::P256, pair.public_key().as_ref()),
            Pair::Ed25519(pair) => PublicKey::of(Kind::Ed25519, pair.public_key().as_ref()),
        }
    }

    /// The signature of these bytes, as it is written beside their file.
    pub fn sign(&self, bytes: &[u8]) -> Result<String> {
        let signature = match &self.pair {
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), bytes)
                .map_err(|_| Error::new(Code::Internal, "the component could not be signed"))?
                .as_ref()
                .to_vec(),
            Pair::Ed25519(pair) => pair.sign(bytes).as_ref().to_vec(),
        };
        Ok(BASE64_STANDARD.encode(signature))
    }
}

/// Where the signature of a file is kept: `X.wasm.sig`.
pub fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Whose signatures are trusted, and what becomes of everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    pub policy: Policy,
    /// By the names that the configuration gives them.
    pub keys: BTreeMap<String, PublicKey>,
}

/// A signature that was found good, as it is kept with the version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The key's name at that time.
    pub by: String,
    /// Its fingerprint, by which it is found under another name, or missed.
    pub key: String,
    /// The signature, in base64.
    pub signature: String,
}

/// What a component has to show for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    Signed(Signed),
    /// Nobody that is trusted here, and the policy lets it in.
    Unsigned,
}

impl Trust {
    /// `ComponentUnsigned` where a signature is needed and none is given. `SignatureRefused` where one is given that no trusted
    /// key has made over these very bytes, under every policy: who sends a signature means it. Without any key there is
    /// nothing to check it with, and it counts as none.
    pub fn judge(&self, bytes: &[u8], signature: Option<&str>) -> Result<Judged> {
        let given = signature.map(str::trim).filter(|text| !text.is_empty());
        match given {
            Some(text) if !self.keys.is_empty() => self.check(bytes, text).map(Judged::Signed),
            _ if self.policy == Policy::Deny => Err(self.unsigned("the component is not signed")),
            _ => Ok(Judged::Unsigned),
        }
    }

    fn check(&self, bytes: &[u8], text: &str) -> Result<Signed> {
        let refused = |what: String| {
            Error::new(Code::SignatureRefused, what).target("signature").hint(format!(
                "sign this very file with one of the trusted keys ({}): turntable mapping sign FILE --key KEY",
                self.names()
            ))
        };
        if text.len() > TEXT_MOST {
            return Err(refused(format!(
                "the signature has {} characters, and none has more than {TEXT_MOST}",
                text.len()
            )));
        }
        let Ok(signature) = BASE64_STANDARD.decode(text) else {
            return Err(refused("the signature is not in base64".to_owned()));
        };
        let signer = self.keys.iter().find(|(_, key)| key.has_signed(bytes, &signature));
        let Some((name, key)) = signer else {
            return Err(refused("the signature is not one of a trusted key over this component".to_owned()));
        };
        Ok(Signed { by: name.clone(), key: key.fingerprint(), signature: text.to_owned() })
    }

    /// What a trusted key is called today.
    pub fn name_of(&self, fingerprint: &str) -> Option<&str> {
        self.keys.iter().find(|(_, key)| key.fingerprint() == fingerprint).map(|(name, _)| name.as_str())
    }

    pub fn unsigned(&self, what: impl Into<String>) -> Error {
        let hint = match self.keys.len() {
            0 => "`mappings.signatures` is \"deny\", and `mappings.keys` names no key: an administrator has to add one"
                .into(),
            _ => format!(
                "load it with a signature of one of the trusted keys ({}): turntable mapping sign FILE --key KEY",
                self.names()
            ),
        };
        Error::new(Code::ComponentUnsigned, what).target("signature").hint(hint)
    }

    fn names(&self) -> String {
        self.keys.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// The bytes of the first block of this kind.
fn from_pem(text: &str, kind: &str) -> Option<Vec<u8>> {
    let (_, after) = text.split_once(&format!("-----BEGIN {kind}-----"))?;
    let (inside, _) = after.split_once(&format!("-----END {kind}-----"))?;
    let inside: String = inside.split_ascii_whitespace().collect();
    BASE64_STANDARD.decode(inside).ok()
}

fn to_pem(kind: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519_PKCS8: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

    fn trust(policy: Policy, keys: &[(&str, &PrivateKey)]) -> Trust {
        Trust { policy, keys: keys.iter().map(|(name, key)| ((*name).to_owned(), key.public())).collect() }
    }

    #[test]
    fn what_a_trusted_key_has_signed_is_let_in_by_name() {
        for key in [PrivateKey::generate().unwrap(), PrivateKey::from_pem(ED25519_PKCS8).unwrap()] {
            let again = PrivateKey::from_pem(key.pem()).unwrap();
            assert_eq!(PublicKey::from_pem(&key.public().pem()).unwrap(), again.public());
            let other = PrivateKey::generate().unwrap();
            let trust = trust(Policy::Deny, &[("other", &other), ("release", &key)]);
            let signature = again.sign(b"component").unwrap();
            // A file ends with a line.
            let Judged::Signed(signed) = trust.judge(b"component", Some(&format!("{signature}\n"))).unwrap() else {
                panic!("it is signed")
            };
            assert_eq!((signed.by.as_str(), signed.signature), ("release", signature));
            assert_eq!(trust.name_of(&signed.key), Some("release"));
        }
    }

    #[test]
    fn a_signature_that_is_not_good_is_refused_under_every_policy() {
        let (key, foreign) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let signature = key.sign(b"component").unwrap();
        let mut bytes = BASE64_STANDARD.decode(&signature).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let cases = [
            ("forged", BASE64_STANDARD.encode(&bytes)),
            ("truncated", BASE64_STANDARD.encode(&bytes[..bytes.len() - 1])),
            ("cut", signature[..signature.len() - 3].to_owned()),
            ("foreign", foreign.sign(b"component").unwrap()),
            ("of another file", key.sign(b"another").unwrap()),
            ("no base64", "hello world".to_owned()),
            ("long", "A".repeat(100_000)),
        ];
        for policy in [Policy::Allow, Policy::Warn, Policy::Deny] {
            let trust = trust(policy, &[("release", &key)]);
            for (what, signature) in &cases {
                let error = trust.judge(b"component", Some(signature)).unwrap_err();
                assert_eq!(error.code(), Code::SignatureRefused, "{what}");
                assert!(error.get_hint().is_some_and(|hint| hint.contains("release")), "{what}");
            }
        }
    }

    #[test]
    fn the_policy_decides_about_what_is_not_signed() {
        let key = PrivateKey::generate().unwrap();
        for signature in [None, Some(""), Some(" \n")] {
            for policy in [Policy::Allow, Policy::Warn] {
                assert_eq!(trust(policy, &[("k", &key)]).judge(b"c", signature).unwrap(), Judged::Unsigned);
            }
            let denied = trust(Policy::Deny, &[("k", &key)]).judge(b"c", signature).unwrap_err();
            assert_eq!(denied.code(), Code::ComponentUnsigned);
        }
        // Nothing can be checked without a key.
        let signature = key.sign(b"c").unwrap();
        assert_eq!(trust(Policy::Allow, &[]).judge(b"c", Some(&signature)).unwrap(), Judged::Unsigned);
        assert_eq!(trust(Policy::Deny, &[]).judge(b"c", Some(&signature)).unwrap_err().code(), Code::ComponentUnsigned);
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        let key = PrivateKey::generate().unwrap();
        let p384 = "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE\n-----END PUBLIC KEY-----";
        for text in ["", "hunter2", "-----BEGIN PUBLIC KEY-----\nhunter2\n-----END PUBLIC KEY-----", p384, key.pem()] {
            let error = PublicKey::from_pem(text).unwrap_err();
            assert!(error.get_hint().is_some() && !format!("{error:?}").contains("hunter2"), "{text}");
        }
        let encrypted =
            "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nhunter2\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----";
        for text in ["", "hunter2", &key.public().pem(), encrypted] {
            let Err(error) = PrivateKey::from_pem(text) else { panic!("{text} is no private key") };
            assert!(error.get_hint().is_some() && !format!("{error:?}").contains("hunter2"), "{text}");
        }
    }
}
