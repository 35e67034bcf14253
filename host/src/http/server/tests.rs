use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::*;

async fn get(address: SocketAddr, path: &'static str) -> String {
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.to_ascii_lowercase()
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

#[tokio::test]
async fn before_it_is_ready_everybody_is_told_to_come_back() {
    let app = Arc::new(App::for_tests());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app.clone(), None, std::future::pending()));

    for path in ["/api/data/v9.2/contacts", "/api/data/v9.2/", "/admin/v1/tables"] {
        let answer = get(address, path).await;
        assert!(answer.starts_with("http/1.1 503") && answer.contains("\r\nretry-after: 1\r\n"), "{path} {answer}");
    }
    assert!(get(address, "/healthz").await.starts_with("http/1.1 200"));
    assert!(get(address, "/metrics").await.starts_with("http/1.1 200"));
    assert!(get(address, "/readyz").await.starts_with("http/1.1 503"));
    assert!(get(address, "/elsewhere").await.starts_with("http/1.1 404"));
    app.ready();
    assert!(get(address, "/api/data/v9.2/contacts").await.starts_with("http/1.1 404"));
    assert!(get(address, "/api/data/v9.2/").await.starts_with("http/1.1 200"));
    assert!(get(address, "/readyz").await.starts_with("http/1.1 200"));
}
