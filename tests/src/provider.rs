//! An OpenID provider on this machine: its discovery document, its keys, and tokens that they sign. It counts what it is
//! asked, and can be made to misbehave.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{self, EcdsaKeyPair, KeyPair as _, RsaKeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const RSA: &[u8] = include_bytes!("../keys/provider-rsa.pk8");

/// It goes with the runtime of its test.
pub struct Provider {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    asked: AtomicUsize,
    /// Answers by path; what is not there is 404.
    answers: Mutex<Vec<(String, String)>>,
    /// Heads and forms that were posted.
    posted: Mutex<Vec<(String, String)>>,
}

/// A key of a provider, or of somebody else.
pub struct Signer {
    id: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
}

impl Signer {
    /// The same for every signer of RSA: making one takes seconds.
    pub fn rsa(id: &str) -> Self {
        let pair = RsaKeyPair::from_pkcs8(RSA).expect("the key of the tests is one");
        Self { id: id.to_owned(), pair: Pair::Rsa(Box::new(pair)) }
    }

    pub fn p256(id: &str) -> Self {
        let (random, of) = (SystemRandom::new(), &signature::ECDSA_P256_SHA256_FIXED_SIGNING);
        let made = EcdsaKeyPair::generate_pkcs8(of, &random).expect("a key can be made");
        let pair = EcdsaKeyPair::from_pkcs8(of, made.as_ref(), &random).expect("it is a key");
        Self { id: id.to_owned(), pair: Pair::P256(Box::new(pair)) }
    }

    /// As a provider publishes it.
    pub fn public(&self) -> Value {
        let number = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Rsa(pair) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
                json!({ "kty": "RSA", "use": "sig", "kid": self.id, "n": number(&n), "e": number(&e) })
            }
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": self.id, "alg": "ES256", "x": number(x), "y": number(y) })
            }
        }
    }

    /// A token with these claims, under the algorithm that is this key's own.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.algorithm(), "kid": self.id, "typ": "at+jwt" }), claims)
    }

    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
        }
    }

    /// The same, whatever its header says.
    ///
    /// # Panics
    /// If it cannot be signed.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let of: &dyn signature::RsaEncoding =
                    if header["alg"] == "PS256" { &signature::RSA_PSS_SHA256 } else { &signature::RSA_PKCS1_SHA256 };
                pair.sign(of, &random, signed.as_bytes(), &mut signature).expect("it signs");
                signature
            }
            Pair::P256(pair) => pair.sign(&random, signed.as_bytes()).expect("it signs").as_ref().to_vec(),
        };
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Provider {
    /// With these keys.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn start(keys: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let shared =
            Arc::new(Shared { asked: AtomicUsize::new(0), answers: Mutex::default(), posted: Mutex::default() });
        let serving = shared.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let shared = serving.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    let head = String::from_utf8_lossy(&head);
                    let path = head.split(' ').nth(1).unwrap_or_default();
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                    if let Some(length) = length {
                        let mut form = vec![0; length];
                        let Ok(_) = stream.read_exact(&mut form).await else { return };
                        let form = String::from_utf8_lossy(&form).into_owned();
                        shared.posted.lock().expect("nobody panics here").push((head.clone().into_owned(), form));
                    }
                    shared.asked.fetch_add(1, Ordering::SeqCst);
                    let answer =
                        shared.answers.lock().expect("nobody panics here").iter().find(|(at, _)| at == path).cloned();
                    let (status, body) = answer.map_or(("404 Not Found", String::new()), |(_, body)| ("200 OK", body));
                    // A redirect is told by what is no JSON.
                    let (status, more) = match body.strip_prefix("-> ") {
                        Some(to) => ("302 Found", format!("location: {to}\r\n")),
                        None => (status, String::new()),
                    };
                    let (status, body) = match body.strip_prefix("400 ") {
                        Some(body) => ("400 Bad Request", body.to_owned()),
                        None => (status, body),
                    };
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        let provider = Self { address, shared };
        let at = |path: &str| format!("{}{path}", provider.issuer());
        let discovery = json!({
            "issuer": provider.issuer(), "jwks_uri": at("/keys"),
            "authorization_endpoint": at("/authorize?tenant=1"), "token_endpoint": at("/token"),
        });
        provider.answer("/.well-known/openid-configuration", &discovery.to_string());
        provider.keys(keys);
        provider
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gives these keys from now on.
    pub fn keys(&self, keys: &[&Signer]) {
        let keys: Vec<_> = keys.iter().map(|key| key.public()).collect();
        self.answer("/keys", &json!({ "keys": keys }).to_string());
    }

    /// Heads and forms that were posted, in their order.
    ///
    /// # Panics
    /// If another thread has.
    pub fn posted(&self) -> Vec<(String, String)> {
        self.shared.posted.lock().expect("nobody panics here").clone()
    }

    /// Answers so at a path from now on; `-> ADDRESS` leads there, `400 …` refuses.
    ///
    /// # Panics
    /// If another thread has.
    pub fn answer(&self, path: &str, body: &str) {
        let mut answers = self.shared.answers.lock().expect("nobody panics here");
        answers.retain(|(at, _)| at != path);
        answers.push((path.to_owned(), body.to_owned()));
    }

    /// How often it was asked for anything.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }
}
