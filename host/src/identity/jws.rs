//! Signed tokens (RFC 7515, 7519) and the public keys that they are checked with (RFC 7517): what is written in them, and
//! whether a signature is that of a key. The arithmetic is ring's, which TLS uses too. What a token says of where its key
//! is (`jku`, `jwk`, `x5u`) is never looked at, and an algorithm that is not in the list below is none.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::digest;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Algorithms with a public key (RFC 7518, 3.1; RFC 8037). None with a shared secret, and not `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// A token that was read, and not believed yet.
pub struct Token<'a> {
    pub algorithm: Algorithm,
    pub key_id: Option<String>,
    pub claims: Map<String, Value>,
    /// What is signed.
    signed: &'a [u8],
    signature: Vec<u8>,
}

/// A public key of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub id: Option<String>,
    /// What it is used with, where it says so.
    algorithm: Option<Algorithm>,
    numbers: Numbers,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Numbers {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Algorithm {
    pub const ALL: [(&'static str, Self); 9] = [
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("EdDSA", Self::EdDsa),
    ];

    /// By its name in tokens.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, algorithm)| algorithm)
    }

    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}

impl<'a> Token<'a> {
    /// Reads `header.claims.signature`; None for what is no signed token of a kind that is known here.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let header: Header = serde_json::from_slice(&decoded(header)?).ok()?;
        // An access token (RFC 9068), or one that does not say: no logout token, no proof of possession, no request.
        let kind = header.typ.unwrap_or_default().to_ascii_lowercase();
        let kind = kind.strip_prefix("application/").unwrap_or(&kind);
        if !matches!(kind, "" | "jwt" | "at+jwt") || header.crit.is_some() {
            return None;
        }
        Some(Self {
            algorithm: Algorithm::named(&header.alg)?,
            key_id: header.kid,
            claims: serde_json::from_slice(&decoded(claims)?).ok()?,
            signed: signed.as_bytes(),
            signature: decoded(signature)?,
        })
    }

    /// Tells it from every other one: what is signed, and by what signature.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&self.signed.len().to_be_bytes());
        hash.update(self.signed);
        hash.update(&self.signature);
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hash.finish().as_ref());
        fingerprint
    }

    /// Whether this key has signed it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        if !key.fits(self.algorithm) {
            return false;
        }
        let rsa = |parameters: &'static RsaParameters| match &key.numbers {
            Numbers::Rsa { modulus, exponent } => RsaPublicKeyComponents { n: modulus, e: exponent }
                .verify(parameters, self.signed, &self.signature)
                .is_ok(),
            _ => false,
        };
        let point = |algorithm: &'static dyn VerificationAlgorithm, point: &[u8]| {
            UnparsedPublicKey::new(algorithm, point).verify(self.signed, &self.signature).is_ok()
        };
        match (self.algorithm, &key.numbers) {
            (Algorithm::Rs256, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            (Algorithm::Rs384, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            (Algorithm::Rs512, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            (Algorithm::Ps256, _) => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            (Algorithm::Ps384, _) => rsa(&signature::RSA_PSS_2048_8192_SHA384),
            (Algorithm::Ps512, _) => rsa(&signature::RSA_PSS_2048_8192_SHA512),
            (Algorithm::Es256, Numbers::P256(key)) => point(&signature::ECDSA_P256_SHA256_FIXED, key),
            (Algorithm::Es384, Numbers::P384(key)) => point(&signature::ECDSA_P384_SHA384_FIXED, key),
            (Algorithm::EdDsa, Numbers::Ed25519(key)) => point(&signature::ED25519, key),
            _ => false,
        }
    }
}

impl PublicKey {
    /// Keys of a set (`{"keys": […]}`), at most so many; those that sign nothing, or in a way that is not known here, are
    /// left out. None for what is no set.
    pub fn set(json: &[u8], most: usize) -> Option<Vec<Self>> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(json).ok()?;
        let keys = set.keys.into_iter().filter_map(|key| Self::of(serde_json::from_value(key).ok()?));
        Some(keys.take(most).collect())
    }

    fn of(key: Jwk) -> Option<Self> {
        if key.r#use.is_some_and(|used| used != "sig") {
            return None;
        }
        let algorithm = match key.alg {
            Some(name) => Some(Algorithm::named(&name)?),
            None => None,
        };
        let number = |text: Option<String>| BASE64_URL_SAFE_NO_PAD.decode(text?).ok();
        // ring wants them without the zeros that some write in front.
        let positive = |text| number(text).map(|bytes| bytes.into_iter().skip_while(|byte| *byte == 0).collect());
        let point = |x: Option<String>, y: Option<String>, bytes: usize| {
            let (x, y) = (number(x)?, number(y)?);
            (x.len() == bytes && y.len() == bytes).then(|| [&[4], x.as_slice(), y.as_slice()].concat())
        };
        let numbers = match (key.kty.as_str(), key.crv.as_deref()) {
            ("RSA", None) => Numbers::Rsa { modulus: positive(key.n)?, exponent: positive(key.e)? },
            ("EC", Some("P-256")) => Numbers::P256(point(key.x, key.y, 32)?),
            ("EC", Some("P-384")) => Numbers::P384(point(key.x, key.y, 48)?),
            ("OKP", Some("Ed25519")) => Numbers::Ed25519(number(key.x).filter(|x| x.len() == 32)?),
            _ => return None,
        };
        Some(Self { id: key.kid, algorithm, numbers })
    }

    /// Whether it is of the kind that an algorithm takes.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let of_kind = match self.numbers {
            Numbers::Rsa { .. } => matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512),
            Numbers::P256(_) => algorithm == Es256,
            Numbers::P384(_) => algorithm == Es384,
            Numbers::Ed25519(_) => algorithm == EdDsa,
        };
        of_kind && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, A.3.
    const SIGNED: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS\
                          9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJq\
                          PP3-Kg6NU1Q";
    const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

    fn keys(key: &str) -> Vec<PublicKey> {
        PublicKey::set(format!("{{\"keys\":[{key}]}}").as_bytes(), 10).unwrap()
    }

    #[test]
    fn a_signature_is_that_of_its_key() {
        let token = Token::parse(SIGNED).unwrap();
        assert_eq!((token.algorithm, token.claims["iss"].as_str()), (Algorithm::Es256, Some("joe")));
        let [key] = &keys(KEY)[..] else { panic!("one key") };
        assert!(token.is_signed_by(key));
        let changed = SIGNED.replacen("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Yi", 1);
        assert!(!Token::parse(&changed).unwrap().is_signed_by(key));
        assert!(!Token::parse(&SIGNED[..SIGNED.len() - 2]).is_some_and(|token| token.is_signed_by(key)));
    }

    #[test]
    fn what_cannot_check_a_signature_is_no_key() {
        for bad in [
            r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(),
            KEY.replace("P-256", "P-521"),
            KEY.replace("P-256", "P-384"),
            KEY.replace("\"kty\"", "\"use\":\"enc\",\"kty\""),
            KEY.replace("\"kty\"", "\"alg\":\"HS256\",\"kty\""),
            KEY.replace("f83", "!"),
            r#"{"kty":"RSA","n":"AQAB"}"#.to_owned(),
            "7".to_owned(),
        ] {
            assert_eq!(keys(&bad), [], "{bad}");
        }
        let of_another = keys(&KEY.replace("\"kty\"", "\"alg\":\"ES384\",\"kty\""));
        assert!(!Token::parse(SIGNED).unwrap().is_signed_by(&of_another[0]));
        assert_eq!(PublicKey::set(b"[]", 10), None);
        assert_eq!(PublicKey::set(format!("{{\"keys\":[{KEY},{KEY}]}}").as_bytes(), 1).unwrap().len(), 1);
    }
}
