//! Who we are, signed (RFC 7523; SMART backend services): a token that is good for minutes and for one token endpoint. The
//! arithmetic is ring's, which TLS uses too.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA384, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

use crate::model::error::{Code, Error, Result};

/// What `client_assertion_type` is (RFC 7523, 2.2).
pub(super) const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long it is good. SMART lets it be five minutes; clocks differ.
const LIFE: Duration = Duration::from_secs(240);

/// A private key of one of the two kinds that SMART has every server take.
enum Key {
    Rs384(RsaKeyPair),
    Es384(EcdsaKeyPair),
}

impl Key {
    /// `Config` for what is no such key; what it is instead is not said.
    fn read(pem: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::new(Code::Config, format!("the private key {what}")).hint(
                "write it as PEM, `BEGIN PRIVATE KEY` (PKCS #8): RSA of 2048 bits at least, or P-384; \
                 `openssl pkcs8 -topk8 -nodes` makes it of other forms",
            )
        };
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong("is not in PEM"))?;
        if let Ok(key) = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()) {
            return Ok(Self::Rs384(key));
        }
        EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der.secret_pkcs8_der(), &SystemRandom::new())
            .map(Self::Es384)
            .map_err(|_| wrong("is none that can sign here"))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rs384(_) => "RS384",
            Self::Es384(_) => "ES384",
        }
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        let failed = |_| Error::new(Code::Internal, "the token request could not be signed");
        match self {
            Self::Rs384(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA384, &random, text, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Self::Es384(key) => key.sign(&random, text).map(|made| made.as_ref().to_vec()).map_err(failed),
        }
    }
}

/// Whether a text is a key that can sign: asked where the configuration is read, so that nobody finds out at night.
pub fn check(pem: &str) -> Result<()> {
    Key::read(pem).map(|_| ())
}

/// A new one for this client and this endpoint; no two are the same.
pub(super) fn assertion(client_id: &str, token_url: &str, key_id: Option<&str>, pem: &str) -> Result<String> {
    let key = Key::read(pem)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut header = json!({ "alg": key.algorithm(), "typ": "JWT" });
    if let Some(id) = key_id {
        header["kid"] = id.into();
    }
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": token_url,
        "iat": now.as_secs(),
        "exp": (now + LIFE).as_secs(),
        "jti": uuid::Uuid::new_v4().to_string(),
    });
    let part = |json: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())?);
    Ok(format!("{signed}.{signature}"))
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use ring::signature::{ECDSA_P384_SHA384_FIXED, KeyPair as _, RSA_PKCS1_2048_8192_SHA384, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    /// The key of the tests' OpenID provider.
    const RSA: &[u8] = include_bytes!("../../../tests/keys/provider-rsa.pk8");

    fn pem(der: &[u8]) -> String {
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(der))
    }

    fn parts(token: &str) -> (Value, Value, String, Vec<u8>) {
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let (header, claims) = signed.split_once('.').expect("three parts");
        let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
        let json = |part: &str| serde_json::from_slice(&decoded(part)).expect("JSON");
        (json(header), json(claims), signed.to_owned(), decoded(signature))
    }

    #[test]
    fn it_says_who_asks_whom_for_minutes_and_once() {
        let first = assertion("turntable", "https://id.example.org/token", Some("k1"), &pem(RSA)).unwrap();
        let (header, claims, signed, signature) = parts(&first);
        assert_eq!(header, json!({ "alg": "RS384", "typ": "JWT", "kid": "k1" }));
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("turntable"), &json!("turntable")));
        assert_eq!(claims["aud"], "https://id.example.org/token");
        let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
        assert!(life > 60 && life <= 300, "{life}");
        let public = RsaKeyPair::from_pkcs8(RSA).unwrap().public().as_ref().to_vec();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA384, public).verify(signed.as_bytes(), &signature).unwrap();
        let second = assertion("turntable", "https://id.example.org/token", Some("k1"), &pem(RSA)).unwrap();
        assert_ne!(parts(&second).1["jti"], claims["jti"]);
    }

    #[test]
    fn a_key_on_a_curve_signs_too() {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
        let (header, _, signed, signature) = parts(&assertion("c", "https://t", None, &pem(der.as_ref())).unwrap());
        assert_eq!(header, json!({ "alg": "ES384", "typ": "JWT" }));
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der.as_ref(), &random).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key.public_key().as_ref());
        public.verify(signed.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        for text in ["", "hunter2", &pem(b"hunter2"), &pem(&RSA[..600])] {
            let error = check(text).unwrap_err();
            assert_eq!(error.code(), Code::Config, "{text}");
            assert!(!format!("{error:?}").contains("hunter2") && error.get_hint().is_some());
        }
    }
}
