//! The limits of connections, through sockets: who is slow, silent or too many loses their own connection and nobody
//! else's; pages are cut by their bytes; the end comes in time.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use turntable_tests::{Fhir, Server};

/// Longer than any limit that a test sets, shorter than the defaults.
const SOON: Duration = Duration::from_secs(6);

const GET: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// A POST whose body has begun.
fn begun(length: usize) -> String {
    format!(
        "POST /fhir HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{{"
    )
}

fn connect(server: &Server, said: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("the server");
    stream.set_read_timeout(Some(SOON)).expect("a time limit");
    stream.write_all(said.as_bytes()).expect("it listens");
    stream
}

/// All that comes until the server closes, which it must.
fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&piece[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => break,
            Err(error) => panic!("it is still open: {error}"),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// One answer of a connection that stays open.
fn one(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while !all.ends_with(b"ok\n") {
        let read = stream.read(&mut piece).expect("an answer");
        assert!(read > 0, "closed: {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_or_half_a_request_is_not_waited_for() {
    let server = Server::setup().limits(|limits| (limits.header_ms, limits.idle_ms) = (400, 1_500)).start().await;
    for said in ["", "G", "GET /healthz HTTP/1.1\r\nhost: loc"] {
        let begun = Instant::now();
        assert_eq!(rest(&mut connect(&server, said)), "", "{said:?}");
        assert!(begun.elapsed() >= Duration::from_millis(300), "{said:?} had its time");
    }
    // One byte at a time is no way to have more of it.
    let mut drop_by_drop = connect(&server, "");
    let begun = Instant::now();
    while begun.elapsed() < SOON && drop_by_drop.write_all(b"x").is_ok() {
        std::thread::sleep(Duration::from_millis(40));
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    // Between requests there is more time, and then an end.
    let mut kept = connect(&server, GET);
    one(&mut kept);
    std::thread::sleep(Duration::from_millis(800));
    kept.write_all(GET.as_bytes()).expect("it is open");
    assert!(one(&mut kept).starts_with("HTTP/1.1 200 "));
    assert_eq!(rest(&mut kept), "");
    // Half a request after an answer has the time of a head only.
    let mut half = connect(&server, GET);
    one(&mut half);
    let begun = Instant::now();
    half.write_all(b"GET /hea").expect("it is open");
    assert_eq!(rest(&mut half), "");
    assert!(begun.elapsed() < Duration::from_millis(1_300), "{:?}", begun.elapsed());
    assert!(server.metric("turntable_connections_closed_total{why=\"late\"}").await >= 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_to_come() {
    let limits =
        |limits: &mut turntable::model::limits::Limits| (limits.transfer_ms, limits.transfer_bytes) = (500, 1_000);
    let server = Server::setup().limits(limits).start().await;
    for path in ["/fhir", "/api/data/v9.2/contacts", "/admin/v1/tables/contact/route", "/admin/v1/mappings"] {
        let kind = if path.ends_with("mappings") { "application/wasm" } else { "application/json" };
        let method = if path.ends_with("route") { "PUT" } else { "POST" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: 60000\r\n\r\n"
        );
        let answer = rest(&mut connect(&server, &head));
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("RequestTimeout"), "{path} {answer}");
    }
    // A byte now and then is not enough.
    let mut slow = connect(&server, &begun(90_000));
    let start = Instant::now();
    while start.elapsed() < SOON && slow.write_all(b" ").is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    // Steadily is, however long it takes.
    let mut steady = connect(
        &server,
        "POST /fhir HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 8000\r\n\r\n",
    );
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(150));
        steady.write_all(&[b' '; 1_000]).expect("it listens");
    }
    assert!(rest(&mut steady).starts_with("HTTP/1.1 400 "), "that it is no JSON is all there is to say");
    assert!(server.metric("turntable_connections_closed_total{why=\"slow\"}").await >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_their_room() {
    let server = Server::setup().limits(|limits| limits.bodies_bytes = 1 << 20).start().await;
    let body = format!("{{{}", " ".repeat(900_000));
    let held = connect(&server, &begun(2_000_000).replace("\r\n\r\n{", &format!("\r\n\r\n{body}")));
    let other = format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[]{}}}"#, " ".repeat(400_000));
    let begun_at = Instant::now();
    while server.metric("turntable_bodies_held_bytes").await < 900_000 {
        assert!(begun_at.elapsed() < SOON, "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
    let refused = server.ingest(&other, None).await.expect(503);
    assert_eq!((refused.error_code().as_str(), refused.header("retry-after")), ("Busy", "1"));
    server.post("accounts", &json!({ "name": "small" })).await.expect(201);
    drop(held);
    let begun_at = Instant::now();
    while server.metric("turntable_bodies_held_bytes").await > 0 {
        assert!(begun_at.elapsed() < SOON, "the room stays taken");
        std::thread::sleep(Duration::from_millis(50));
    }
    server.ingest(&other, None).await.expect(200);
    assert!(server.metric("turntable_bodies_declined_total").await >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_to_be_taken() {
    let server = Server::setup()
        .limits(|limits| {
            (limits.transfer_ms, limits.transfer_bytes) = (600, 10_000);
            limits.answers_bytes = 1 << 20;
        })
        .start()
        .await;
    let whole = server.get("$metadata", &[]).await.expect(200).text.len();
    assert!(whole > 1 << 20, "{whole} bytes are no large answer");
    let ask = "GET /api/data/v9.2/$metadata HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut silent = connect(&server, ask);
    // While it holds its answer there is no room for another large one; small ones go on.
    std::thread::sleep(Duration::from_millis(200));
    let other = server.call(Method::GET, "$metadata").header("accept-encoding", "identity").send().await.expect(503);
    assert_eq!((other.error_code().as_str(), other.header("retry-after")), ("Busy", "1"));
    assert!(server.metric("turntable_answers_unsent_bytes").await > 1 << 20);
    server.get("/healthz", &[]).await.expect(200);
    std::thread::sleep(Duration::from_secs(2));
    assert!(rest(&mut silent).len() < whole, "it was cut off");
    assert_eq!(server.metric("turntable_connections_closed_total{why=\"slow\"}").await, 1);
    assert_eq!(server.metric("turntable_answers_withheld_total").await, 1);
    // Slowly is no fault.
    let mut slow = connect(&server, ask);
    let (mut taken, mut piece) = (0, vec![0; 200_000]);
    loop {
        std::thread::sleep(Duration::from_millis(40));
        match slow.read(&mut piece).expect("the answer goes on") {
            0 => break,
            read => taken += read,
        }
    }
    assert!(taken > whole, "{taken} of {whole}");
    assert_eq!(server.metric("turntable_answers_unsent_bytes").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_makes_room_and_who_works_is_left_alone() {
    let server = Server::setup().limits(|limits| limits.connections = 8).start().await;
    let half_open: Vec<_> = (0..40).map(|_| connect(&server, "GET / HTTP/1.1\r\nhost: lo")).collect();
    for _ in 0..5 {
        let mut other = connect(&server, GET);
        assert!(one(&mut other).starts_with("HTTP/1.1 200 "));
    }
    assert!(server.metric("turntable_connections_closed_total{why=\"room\"}").await >= 32);
    drop(half_open);
    // Requests under way are not given up for others, which are told so.
    let mut busy: Vec<_> = (0..8).map(|_| connect(&server, &begun(9))).collect();
    std::thread::sleep(Duration::from_millis(300));
    let refused = rest(&mut connect(&server, GET));
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    assert!(refused.contains("Busy") && refused.contains("too many connections"), "{refused}");
    // Those of which no byte comes for a second are.
    std::thread::sleep(Duration::from_millis(1_300));
    let mut other = connect(&server, GET);
    assert!(one(&mut other).starts_with("HTTP/1.1 200 "));
    drop(other);
    for stream in &mut busy {
        // One of them is closed.
        let _ = stream.write_all(b"       }");
    }
    std::thread::sleep(Duration::from_millis(300));
    drop(busy);
    assert!(server.metric("turntable_connections_refused_total").await >= 1);
    assert!(server.metric("turntable_connections").await <= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_its_size() {
    let limits = |limits: &mut turntable::model::limits::Limits| {
        (limits.header_bytes, limits.header_count, limits.url_bytes) = (20_000, 30, 4_000);
    };
    let server = Server::setup().limits(limits).start().await;
    let ask = |path: &str, headers: &str| {
        rest(&mut connect(
            &server,
            &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n"),
        ))
    };
    assert!(ask("/healthz", &"x: y\r\n".repeat(20)).starts_with("HTTP/1.1 200 "));
    for large in ["x: y\r\n".repeat(40), format!("x: {}\r\n", "y".repeat(25_000))] {
        let answer = ask("/healthz", &large);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 431 ") && head.contains("application/json"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["error"]["code"], "HeadersTooLarge");
    }
    let answer = rest(&mut connect(&server, "what is this?\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("BadRequest"), "{answer}");
    assert_eq!(server.metric("turntable_requests_unread_total").await, 3);
    assert!(ask("/healthz", &format!("x: {}\r\n", "y".repeat(15_000))).starts_with("HTTP/1.1 200 "));
    for path in ["/healthz", "/admin/v1/tables", "/fhir", "/api/data/v9.2/contacts", "/elsewhere"] {
        let answer = ask(&format!("{path}?{}", "x".repeat(5_000)), "");
        assert!(answer.starts_with("HTTP/1.1 414 ") && answer.contains("url_bytes"), "{path} {answer:.300}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_ends_where_it_is_large_enough() {
    let fhir = Fhir::sandbox().await;
    let server = Server::with(&fhir)
        .route("msemr_location", "virtual")
        .limits(|limits| limits.page_bytes = 20_000)
        .start()
        .await;
    let long = "x".repeat(9_000);
    for at in 0..6 {
        let organization =
            json!({ "resourceType": "Organization", "id": format!("o{at}"), "name": format!("{at} {long}") });
        let location = json!({ "resourceType": "Location", "id": format!("l{at}"), "name": format!("{at} {long}") });
        let entry = |resource: serde_json::Value| {
            let url = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap_or_default(),
                resource["id"].as_str().unwrap_or_default()
            );
            json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
        };
        let bundle =
            json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry(organization), entry(location)] });
        server.ingest(&bundle.to_string(), Some("main")).await.expect(200);
    }
    for (set, column) in [("accounts", "name"), ("msemr_locations", "msemr_name")] {
        for options in [
            &[][..],
            &[("$orderby", column)],
            &[("$orderby", "concat('a',KEY)")],
            &[("$top", "5"), ("$orderby", column)],
        ] {
            let options: Vec<_> = options.iter().map(|(name, value)| (*name, value.replace("KEY", column))).collect();
            let mut options: Vec<_> = options.iter().map(|(name, value)| (*name, value.as_str())).collect();
            options.extend([("$select", column), ("$count", "true")]);
            let mut answer = server.get(set, &options).await;
            let (mut names, mut pages) = (Vec::new(), 0);
            loop {
                let rows = answer.rows();
                assert!(!rows.is_empty() && rows.len() <= 3, "{set} {options:?}: {} rows", rows.len());
                assert!(answer.text.len() < 40_000);
                names.extend(rows.iter().map(|row| row[column].as_str().unwrap_or_default()[..1].to_owned()));
                pages += 1;
                let Some(next) = answer.json()["@odata.nextLink"].as_str().map(str::to_owned) else { break };
                answer = server.call(Method::GET, &next).send().await;
            }
            names.sort();
            let most = if options[0].0 == "$top" { 5 } else { 6 };
            assert_eq!((names.len(), pages >= 2), (most, true), "{set} {options:?} {names:?}");
            names.dedup();
            assert_eq!(names.len(), most, "{set} {options:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_waits_for_nobody_who_says_nothing() {
    let server = Server::setup().limits(|limits| limits.shutdown_ms = 3_000).start().await;
    let mut half_open = connect(&server, "GET /healthz HTTP/1.1\r\nhost: lo");
    let mut silent = connect(&server, "");
    let mut kept = connect(&server, GET);
    one(&mut kept);
    // One that has still something to say is heard out.
    let address = server.address();
    let mut working = TcpStream::connect(address).expect("the server");
    working.write_all(begun(9).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").as_bytes()).expect("it listens");
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1_200));
        working.write_all(b"       }").expect("it still listens");
        rest(&mut working)
    });
    std::thread::sleep(Duration::from_millis(200));
    let begun_at = Instant::now();
    server.stop().await;
    assert!(begun_at.elapsed() < Duration::from_millis(2_500), "{:?}", begun_at.elapsed());
    assert!(writer.join().expect("it ends").starts_with("HTTP/1.1 400 "));
    for stream in [&mut half_open, &mut silent, &mut kept] {
        assert_eq!(rest(stream), "");
    }
    assert!(TcpStream::connect(address).is_err());
    // And for nobody for ever.
    let server = Server::setup().limits(|limits| limits.shutdown_ms = 1_000).start().await;
    let mut held = connect(&server, &begun(9));
    std::thread::sleep(Duration::from_millis(200));
    let begun_at = Instant::now();
    server.stop().await;
    assert!(begun_at.elapsed() < Duration::from_millis(2_500), "{:?}", begun_at.elapsed());
    assert_eq!(rest(&mut held), "");
}
