//! Ten thousand at once of what is not wanted: components, components that are far too large, tokens that are forged, keys that are
//! none. Each is answered by a name or not heard at all, the log says it in a few lines, memory stays where it was, and whoever
//! reads goes on reading. The suite sends some hundreds; `TURNTABLE_TEST_ALL=1` ten thousand.

#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "what became of it is to be seen")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use turntable::identity::provider::ProviderSettings;
use turntable_tests::{PEOPLE, Process, Provider, Server, Signer, builtin};

const TEST: &str = "floods::many_at_once_are_bounded_named_and_logged_once";

/// Set for the process that serves: its data folder, the provider of its tokens.
const FOLDER: &str = "TURNTABLE_FLOODS_TEST_FOLDER";
const ISSUER: &str = "TURNTABLE_FLOODS_TEST_ISSUER";

/// In the suite, and with `TURNTABLE_TEST_ALL`.
const FEW: usize = 400;
const MANY: usize = 10_000;

/// Connections of the clients at once: more than the server takes.
const AT_ONCE: usize = 1_500;

/// The size of what is too large.
const LARGE: usize = 100 << 20;

/// What memory may grow by at its worst moment: components at the gate are compiled, one after another.
const GROWTH: u64 = 320 << 20;

/// Lines of the log about any of the floods.
const LINES: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_bounded_named_and_logged_once() {
    if let (Some(folder), Ok(issuer)) = (std::env::var_os(FOLDER), std::env::var(ISSUER)) {
        return serve(folder.as_ref(), issuer).await;
    }
    let count = if std::env::var_os("TURNTABLE_TEST_ALL").is_some() { MANY } else { FEW };
    let folder = tempfile::tempdir().expect("a folder");
    let (signer, stranger) = (Signer::p256("k"), Arc::new(Signer::p256("k")));
    let provider = Provider::start(&[&signer]).await;
    let variables = [(FOLDER, folder.path().as_os_str()), (ISSUER, provider.issuer().as_ref())]
        .map(|(name, value)| (name, value.to_owned()));
    let variables = variables.iter().map(|(name, value)| (*name, value.as_os_str()));
    let process = Process::logged("info", TEST, variables);
    let token = std::fs::read_to_string(folder.path().join("admin-token")).expect("a token").trim().to_owned();
    let flood = Flood { client: client(), url: process.url.clone(), token: token.into() };
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let reading = tokio::spawn(read_on(flood.clone(), stop.clone(), reads.clone()));

    let component: Arc<[u8]> = builtin("observation").into();
    let large: &'static [u8] = vec![0; LARGE].leak();
    let issuer: Arc<str> = provider.issuer().into();
    let mut memory = process.memory();
    println!("{} MiB before", memory >> 20);
    let kinds: [(&str, usize, Make, &[&str]); 4] = [
        (
            "components",
            count,
            Box::new(move |flood, number| {
                let call = flood.client.post(format!("{}/admin/v1/mappings?laws_ms=0", flood.url));
                call.bearer_auth(&flood.token)
                    .header("content-type", "application/wasm")
                    .body(numbered(&component, number))
            }),
            &["201", "503 Busy"],
        ),
        (
            "components of 100 MB",
            (count / 100).max(20),
            Box::new(move |flood, _| {
                let call = flood.client.post(format!("{}/admin/v1/mappings", flood.url));
                call.bearer_auth(&flood.token).header("content-type", "application/wasm").body(large)
            }),
            &["413 BodyTooLarge", "503 Busy"],
        ),
        (
            "forged tokens",
            count,
            Box::new(move |flood, number| {
                let claims = json!({ "iss": &*issuer, "aud": "turntable", "sub": "eve", "exp": 4_000_000_000_u64, "roles": ["admin"] });
                let header = json!({ "alg": "ES256", "kid": if number % 2 == 0 { "k".to_owned() } else { format!("k{number}") } });
                flood.contacts().bearer_auth(stranger.token_with(&header, &claims))
            }),
            &["401 Unauthorized", "503 Busy"],
        ),
        (
            "keys that are none",
            count,
            Box::new(|flood, number| flood.contacts().header("x-api-key", format!("tt_{number:032}"))),
            &["401 Unauthorized", "503 Busy"],
        ),
    ];
    for (what, count, make, expected) in kinds {
        let (begun, lines, asked, read) =
            (Instant::now(), process.log().len(), provider.asked(), reads.load(Ordering::Relaxed));
        let answers = flood.send(count, make).await;
        let read = reads.load(Ordering::Relaxed) - read;
        let took = begun.elapsed();
        if count >= MANY {
            // What is counted is said some time later.
            tokio::time::sleep(Duration::from_secs(11)).await;
        }
        let (log, asked) = (process.log().split_off(lines), provider.asked() - asked);
        println!(
            "{count} {what} in {:.1} s: {answers:?}; {} lines in the log, the provider was asked {asked} times, \
             {read} reads beside them; {} MiB, {} at most",
            took.as_secs_f64(),
            log.len(),
            process.memory() >> 20,
            process.most_memory() >> 20
        );
        for answer in answers.keys() {
            assert!(answer == NO_ANSWER || expected.contains(&answer.as_str()), "{what}: {answers:?}");
        }
        assert!(answers.contains_key(expected[0]), "{what}: {answers:?}");
        assert!(log.len() <= LINES, "{what}: {} lines: {:#?}", log.len(), &log[..LINES]);
        assert!(read > 0, "{what}: nobody could read");
        assert!(asked <= 10, "the provider was asked {asked} times");
        let most = memory + GROWTH;
        assert!(process.most_memory() <= most, "{what}: {} bytes at most, before {memory}", process.most_memory());
        memory = memory.max(process.memory());
    }
    stop.store(true, Ordering::Relaxed);
    reading.await.expect("it ends");
    // It still does its work.
    let answer = flood.contacts().bearer_auth(&flood.token).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

async fn serve(folder: &Path, issuer: String) {
    let settings = ProviderSettings::new(issuer, vec!["turntable".to_owned()]);
    let server = Server::setup().data_dir(folder).start().await;
    server.ingest(PEOPLE, None).await.expect(200);
    server.stop().await;
    let setup = Server::setup().data_dir(folder).configure(|config| {
        config.identity.keys = true;
        drop(config.identity.providers.insert("hospital".to_owned(), settings));
    });
    turntable_tests::serve(setup.start().await).await;
}

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(300)).pool_max_idle_per_host(0);
    client.build().expect("a client")
}

/// What a number makes another component of.
fn numbered(component: &[u8], number: usize) -> Vec<u8> {
    let text = format!("\x01n{number:08}");
    let mut bytes = Vec::with_capacity(component.len() + 2 + text.len());
    bytes.extend_from_slice(component);
    bytes.extend([0, u8::try_from(text.len()).expect("it is short")]);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// The connection was closed without a word: it was one too many.
const NO_ANSWER: &str = "no answer";

type Make = Box<dyn Fn(&Flood, usize) -> RequestBuilder + Send + Sync>;

#[derive(Clone)]
struct Flood {
    client: Client,
    url: String,
    token: Arc<str>,
}

impl Flood {
    fn contacts(&self) -> RequestBuilder {
        self.client.get(format!("{}/api/data/v9.2/contacts?$top=1", self.url))
    }

    /// How often there was which answer: status and code.
    async fn send(&self, count: usize, make: Make) -> BTreeMap<String, usize> {
        let (places, make) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(make));
        let mut sent = JoinSet::new();
        for number in 0..count {
            let place = places.clone().acquire_owned().await.expect("it is not closed");
            let (flood, make) = (self.clone(), make.clone());
            sent.spawn(async move {
                let answer = make(&flood, number).send().await;
                let told = match answer {
                    Err(_) => NO_ANSWER.to_owned(),
                    Ok(answer) => {
                        let status = answer.status().as_u16();
                        let text = answer.text().await.unwrap_or_default();
                        let body: Value = serde_json::from_str(&text).unwrap_or_default();
                        let code = body["error"]["code"].as_str().map(|code| format!(" {code}"));
                        format!("{status}{}", code.unwrap_or_default())
                    }
                };
                drop(place);
                told
            });
        }
        let mut answers = BTreeMap::new();
        while let Some(told) = sent.join_next().await {
            *answers.entry(told.expect("it ends")).or_default() += 1;
        }
        answers
    }
}

/// Somebody reads all the while.
async fn read_on(flood: Flood, stop: Arc<AtomicBool>, reads: Arc<AtomicUsize>) {
    while !stop.load(Ordering::Relaxed) {
        if let Ok(answer) = flood.contacts().bearer_auth(&flood.token).send().await
            && answer.status() == 200
        {
            reads.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
