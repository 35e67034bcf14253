//! An HTTP server on this machine that answers as a test says, and tells what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    pub method: String,
    /// With its query.
    pub path: String,
    /// By their names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Heard {
    /// A header; empty where it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What is answered: status, headers, body. A status of 0: nothing, and the connection stays open.
pub struct Told(pub u16, pub Vec<(String, String)>, pub Vec<u8>);

impl Told {
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self(status, Vec::new(), Vec::new())
    }

    #[must_use]
    pub fn body(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self(status, Vec::new(), body.into())
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.1.push((name.to_owned(), value.into()));
        self
    }
}

/// It goes with the runtime of its test.
pub struct Scripted {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Scripted {
    /// # Panics
    /// If it cannot listen.
    pub async fn start(answer: impl Fn(&Heard) -> Told + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let (heard, answer) = (Arc::<Mutex<Vec<Heard>>>::default(), Arc::new(answer));
        let told = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, told) = (answer.clone(), told.clone());
                tokio::spawn(async move {
                    let _ = serve(stream, &*answer, &told).await;
                });
            }
        });
        Self { address: ([127, 0, 0, 1], port).into(), heard }
    }

    /// `127.0.0.1:PORT`
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    ///
    /// # Panics
    /// If another thread has.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("nobody panics here").clone()
    }
}

/// One request, and the end of the connection.
async fn serve(
    mut stream: TcpStream,
    answer: &(impl Fn(&Heard) -> Told + ?Sized),
    told: &Mutex<Vec<Heard>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let heard = Heard { method, path, headers, body };
    let Told(status, headers, body) = answer(&heard);
    told.lock().expect("nobody panics here").push(heard.clone());
    if status == 0 {
        return std::future::pending().await;
    }
    let mut text = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).await?;
    if heard.method != "HEAD" {
        stream.write_all(&body).await?;
    }
    stream.shutdown().await
}
