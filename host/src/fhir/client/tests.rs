//! Against a scripted HTTP server on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex as StdMutex;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::super::auth::Secret;
use super::super::capabilities::Versioning;
use super::*;

/// A request as it came in.
#[derive(Clone, Debug)]
struct Seen {
    /// `GET /r4/Patient/1`
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

#[derive(Clone)]
enum Answer {
    Say(u16, &'static [(&'static str, &'static str)], String),
    /// Announces more than it sends.
    CutOff,
    /// Closes without a word.
    HangUp,
    /// Sends a byte, then nothing for this time.
    Stall(Duration),
}

struct FakeService {
    url: String,
    seen: Arc<StdMutex<Vec<Seen>>>,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

impl FakeService {
    /// `answer` is given the number of the request and the request.
    fn start(answer: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/r4", listener.local_addr().unwrap());
        let seen = Arc::new(StdMutex::new(Vec::new()));
        let (log, answer) = (seen.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, log, answer) = (stream.unwrap(), log.clone(), answer.clone());
                std::thread::spawn(move || {
                    if let Some(request) = receive_request(&stream) {
                        let number = {
                            let mut log = log.lock().unwrap();
                            log.push(request.clone());
                            log.len() - 1
                        };
                        respond(stream, answer(number, &request));
                    }
                });
            }
        });
        Self { url, seen }
    }

    /// The same answer to everything.
    fn always(status: u16, headers: &'static [(&'static str, &'static str)], body: &str) -> Self {
        let body = body.to_owned();
        Self::start(move |_, _| Answer::Say(status, headers, body.clone()))
    }

    fn client(&self) -> Client {
        self.client_with(AuthSettings::None, &Limits::default())
    }

    fn client_with(&self, auth: AuthSettings, limits: &Limits) -> Client {
        Client::new("main", &SourceSettings { auth, ..SourceSettings::new(&self.url).unwrap() }, limits).unwrap()
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn receive_request(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Seen { line, headers, body: String::from_utf8(body).unwrap() })
}

fn respond(mut stream: TcpStream, answer: Answer) {
    let (status, headers, length, body) = match &answer {
        Answer::Say(status, headers, body) => (*status, *headers, body.len(), body.as_str()),
        Answer::CutOff => (200, &[][..], 1_000, "{\"resourceType\":\"Bundle\""),
        Answer::Stall(_) => (200, &[][..], 1_000, "{"),
        Answer::HangUp => return,
    };
    let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes());
    if let Answer::Stall(time) = answer {
        std::thread::sleep(time);
    }
}

fn say(status: u16, body: &str) -> Answer {
    Answer::Say(status, &[], body.to_owned())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn param(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

const BUNDLE: &str = r#"{"resourceType":"Bundle","type":"searchset"}"#;
const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1","meta":{"versionId":"7"}}"#;
const OUTCOME: &str = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid"}]}"#;

#[test]
fn a_search_asks_strictly_for_fhir_json() {
    let service = FakeService::always(200, &[], BUNDLE);
    let params = [param("name", "O'Hara"), param("birthdate", "ge1970")];
    let page = page_of(run(service.client().search("Patient", &params, Some(50), soon()))).unwrap();
    assert_eq!((page.body.as_ref(), page.downgraded), (BUNDLE.as_bytes(), false));
    let seen = service.seen();
    assert_eq!(seen[0].line, "GET /r4/Patient?name=O%27Hara&birthdate=ge1970&_count=50");
    assert_eq!(seen[0].header("prefer"), Some("handling=strict"));
    assert_eq!(seen[0].header("accept"), Some("application/fhir+json"));
    assert_eq!(seen[0].header("authorization"), None);
}

#[test]
fn a_long_search_goes_by_post() {
    let service = FakeService::always(200, &[], BUNDLE);
    let ids = vec!["0123456789"; 300].join(",");
    page_of(run(service.client().search("Patient", &[param("_id", &ids)], None, soon()))).unwrap();
    let seen = service.seen();
    assert_eq!(seen[0].line, "POST /r4/Patient/_search");
    assert_eq!(seen[0].body, format!("_id={ids}"));
    assert_eq!(seen[0].header("content-type"), Some("application/x-www-form-urlencoded"));
}

#[test]
fn a_refused_parameter_downgrades_the_search() {
    let service = FakeService::start(|_, seen| match seen.header("prefer") {
        Some("handling=strict") => say(400, OUTCOME),
        _ => say(200, BUNDLE),
    });
    let page = page_of(run(service.client().search("Goal", &[param("patient", "x")], None, soon()))).unwrap();
    assert!(page.downgraded);
    assert_eq!(service.seen().len(), 2);

    let service = FakeService::always(400, &[], OUTCOME);
    let error = page_of(run(service.client().search("Goal", &[], None, soon()))).unwrap_err();
    assert_eq!((error.code(), service.seen().len()), (Code::RefusedByFhir, 2));
}

#[test]
fn a_next_link_is_followed_inside_the_service_only() {
    let service = FakeService::always(200, &[], BUNDLE);
    let client = service.client();
    page_of(run(client.next("Patient", &format!("{}?page=2", service.url), soon()))).unwrap();
    assert_eq!(service.seen()[0].line, "GET /r4?page=2");
    let port: u16 = service.url.trim_end_matches("/r4").rsplit(':').next().unwrap().parse().unwrap();
    for foreign in [format!("http://127.0.0.2:{port}/r4?page=2"), format!("http://127.0.0.1:{port}/admin"), "/x".into()]
    {
        let error = page_of(run(client.next("Patient", &foreign, soon()))).unwrap_err();
        assert_eq!(error.code(), Code::UpstreamInvalid, "{foreign}");
    }
    assert_eq!(service.seen().len(), 1);
}

/// What a search came to, where nothing of it is tried in another way.
fn page_of(searched: Result<Searched>) -> Result<Page> {
    match searched? {
        Searched::Page(page) => Ok(page),
        Searched::Refused(error) | Searched::Unknown(error) | Searched::TooLarge(error) => Err(error),
    }
}

#[test]
fn what_is_no_page_is_refused() {
    for body in [OUTCOME, PATIENT, "", "<html>", "[]", "{\"resourceType\":\"Bundle"] {
        let service = FakeService::always(200, &[], body);
        let error = page_of(run(service.client().search("Patient", &[], None, soon()))).unwrap_err();
        assert_eq!(error.code(), Code::UpstreamInvalid, "{body}");
    }
}

#[test]
fn the_resource_type_is_found_wherever_it_stands() {
    let check = |body: &str, expected: Option<&str>| {
        assert_eq!(resource_type_of(body.as_bytes()).as_deref(), expected, "{body}");
    };
    check(" {\n \"resourceType\" : \"Bundle\"", Some("Bundle"));
    check(r#"{"id":"x","entry":[{"resourceType":"Patient"}],"resourceType":"Bundle"}"#, Some("Bundle"));
    check(r#"{"entry":[{"resourceType":"Bundle"}]}"#, None);
    check(r#"{"resourceType":7}"#, None);
}

#[test]
fn broken_answers() {
    let check = |answer: fn() -> Answer, expected| {
        let service = FakeService::start(move |_, _| answer());
        let error =
            page_of(run(service.client().search("Patient", &[param("name", "Chalmers")], None, soon()))).unwrap_err();
        assert_eq!(error.code(), expected);
        assert!(!format!("{error:?}").contains("Chalmers"));
    };
    check(|| Answer::CutOff, Code::UpstreamInvalid);
    check(|| Answer::HangUp, Code::UpstreamDown);
    check(|| say(302, ""), Code::UpstreamInvalid);
    check(|| say(404, OUTCOME), Code::NotSupported);
    check(|| say(500, "<html>"), Code::UpstreamDown);
}

#[test]
fn a_refused_connection_is_named_without_its_url() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = SourceSettings::new(&format!("http://127.0.0.1:{port}/r4")).unwrap();
    let client = Client::new("main", &settings, &Limits::default()).unwrap();
    let error = page_of(run(client.search("Patient", &[param("name", "Chalmers")], None, soon()))).unwrap_err();
    assert_eq!(error.code(), Code::UpstreamDown);
    assert!(!format!("{error:?}").contains("Chalmers"));
    assert_eq!(client.counters().retries, 2);
    let error = run(client.create("Patient", PATIENT.into(), None, soon())).unwrap_err();
    assert_eq!((error.code(), error.get_hint()), (Code::UpstreamDown, None));
}

#[test]
fn a_failed_tls_handshake_is_no_answer() {
    let service = FakeService::always(200, &[], PATIENT);
    let settings = SourceSettings::new(&service.url.replace("http:", "https:")).unwrap();
    let client = Client::new("main", &settings, &Limits::default()).unwrap();
    let error = run(client.read("Patient", "p1", soon())).unwrap_err();
    assert_eq!(error.code(), Code::UpstreamDown, "{error:?}");
    assert!(service.seen().is_empty());
}

#[test]
fn slow_answers_meet_the_deadline() {
    let service = FakeService::start(|_, _| Answer::Stall(Duration::from_secs(3)));
    let start = Instant::now();
    let error = run(service.client().read("Patient", "p1", start + Duration::from_millis(200))).unwrap_err();
    assert_eq!(error.code(), Code::UpstreamTimeout);
    assert!(start.elapsed() < Duration::from_secs(1));
    let error = run(service.client().delete("Patient", "p1", None, Instant::now() + Duration::from_millis(200)));
    assert!(error.unwrap_err().get_hint().unwrap().contains("not known"));
}

#[test]
fn large_answers_are_cut_announced_or_not() {
    let limits = Limits { upstream_bytes: 1_000, ..Limits::default() };
    let body = format!(r#"{{"resourceType":"Bundle","x":"{}"}}"#, "x".repeat(1_000));
    let service = FakeService::always(200, &[], &body);
    let client = service.client_with(AuthSettings::None, &limits);
    let error = page_of(run(client.search("Patient", &[], None, soon()))).unwrap_err();
    assert_eq!(error.code(), Code::UpstreamInvalid);
    assert!(error.get_hint().unwrap().contains("upstream_bytes"));

    // Chunked: nothing is announced.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = SourceSettings::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        receive_request(&stream).unwrap();
        stream.write_all(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        while stream.write_all(format!("100\r\n{}\r\n", "x".repeat(256)).as_bytes()).is_ok() {}
    });
    let client = Client::new("main", &settings, &limits).unwrap();
    assert_eq!(page_of(run(client.search("Patient", &[], None, soon()))).unwrap_err().code(), Code::UpstreamInvalid);
}

#[test]
fn a_read_checks_what_it_gets() {
    let check = |status, headers, body: &str, expected: Result<Option<&str>, Code>| {
        let service = FakeService::always(status, headers, body);
        let read = run(service.client().read("Patient", "p1", soon()));
        let version = read.map(|found| found.map(|v| v.version.unwrap_or_default())).map_err(|e| e.code());
        assert_eq!(version, expected.map(|v| v.map(str::to_owned)), "{status} {body}");
    };
    check(200, &[], PATIENT, Ok(Some("7")));
    check(200, &[("ETag", "W/\"8\"")], PATIENT, Ok(Some("8")));
    check(200, &[], r#"{"resourceType":"Patient","id":"p1"}"#, Ok(Some("")));
    check(404, &[], OUTCOME, Ok(None));
    check(410, &[], "", Ok(None));
    check(200, &[], r#"{"resourceType":"Patient","id":"p2"}"#, Err(Code::UpstreamInvalid));
    check(200, &[], r#"{"resourceType":"Person","id":"p1"}"#, Err(Code::UpstreamInvalid));
    check(200, &[], r#"{"resourceType":"Patient","id":"p1""#, Err(Code::UpstreamInvalid));
    check(401, &[], "", Err(Code::UpstreamAuth));
    check(500, &[], "", Err(Code::UpstreamDown));
}

#[test]
fn an_id_of_dots_never_leaves_its_place() {
    let service = FakeService::always(200, &[], PATIENT);
    let client = service.client();
    assert_eq!(run(client.read("Patient", "..", soon())).unwrap(), None);
    assert_eq!(run(client.delete("Patient", "..", None, soon())).unwrap_err().code(), Code::NotFound);
    assert_eq!(
        run(client.put("Patient", ".", PATIENT.into(), Stands::Anyhow, soon())).unwrap_err().code(),
        Code::NotFound
    );
    assert!(service.seen().is_empty());
}

#[test]
fn writes_send_versions_and_conditions() {
    let service = FakeService::start(|_, seen| match seen.line.starts_with("GET") {
        true => say(404, ""),
        false => Answer::Say(201, &[("ETag", "W/\"1\"")], PATIENT.to_owned()),
    });
    let client = service.client();
    let condition = [param("identifier", "urn:x|1")];
    let written = run(client.create("Patient", PATIENT.into(), Some(&condition), soon())).unwrap();
    assert_eq!((written.id.as_str(), written.version.as_deref(), written.created), ("p1", Some("1"), true));
    run(client.put("Patient", "p1", PATIENT.into(), Stands::At("7"), soon())).unwrap();
    run(client.delete("Patient", "p1", Some("7"), soon())).unwrap();
    let seen = service.seen();
    assert_eq!(seen[0].line, "POST /r4/Patient");
    assert_eq!(seen[0].header("if-none-exist"), Some("identifier=urn:x%7C1"));
    assert_eq!(seen[0].header("content-type"), Some("application/fhir+json"));
    assert_eq!(seen[0].header("prefer"), Some("return=representation"));
    assert_eq!(seen[1].line, "PUT /r4/Patient/p1");
    assert_eq!(seen[1].header("if-match"), Some("W/\"7\""));
    assert_eq!(seen[2].line, "DELETE /r4/Patient/p1");
    assert_eq!(seen[2].header("if-match"), Some("W/\"7\""));
    // Never sent, as no version of the service's can look like this.
    let error = run(client.put("Patient", "p1", PATIENT.into(), Stands::At("7\"\r\nX: y"), soon())).unwrap_err();
    assert_eq!((error.code(), service.seen().len()), (Code::VersionMismatch, 4));
    run(client.put("Patient", "p1", PATIENT.into(), Stands::Nowhere, soon())).unwrap();
    assert_eq!(service.seen()[4].header("if-none-match"), Some("*"));
}

#[test]
fn what_is_to_be_new_is_no_second() {
    let check = |status, version: &'static str, expected| {
        let body = format!(r#"{{"resourceType":"Patient","id":"p1","meta":{{"versionId":"{version}"}}}}"#);
        let service = FakeService::always(status, &[], &body);
        let written = run(service.client().put("Patient", "p1", PATIENT.into(), Stands::Nowhere, soon()));
        assert_eq!(written.map(|written| written.is_second()).map_err(|e| e.code()), expected, "{status} {version}");
    };
    check(201, "1", Ok(false));
    check(201, "3", Ok(false));
    check(200, "1", Ok(false));
    check(200, "2", Ok(true));
    check(200, "5f3a", Ok(false));
    check(412, "2", Err(Code::AlreadyExists));
}

#[test]
fn a_success_is_held_against_what_the_service_has() {
    // Each write answered so, each read with what is there.
    let check = |status, body: &'static str, there: Option<&'static str>, put, delete| {
        let service = FakeService::start(move |_, seen| match seen.line.starts_with("GET") {
            true => there.map_or_else(|| say(404, ""), |there| say(200, there)),
            false => say(status, body),
        });
        let client = service.client();
        let written = run(client.put("Patient", "p1", PATIENT.into(), Stands::Anyhow, soon()));
        assert_eq!(written.map(|_| ()).map_err(|e| e.code()), put, "PUT {status} {body} {there:?}");
        let deleted = run(client.delete("Patient", "p1", None, soon()));
        assert_eq!(deleted.map_err(|e| e.code()), delete, "DELETE {status} {body} {there:?}");
    };
    let (invalid, refused) = (Err(Code::UpstreamInvalid), Err(Code::RefusedByFhir));
    check(200, PATIENT, None, Ok(()), Ok(()));
    check(204, "", Some(PATIENT), Ok(()), invalid);
    check(202, "", Some(PATIENT), Ok(()), invalid);
    check(202, PATIENT, None, invalid, Ok(()));
    check(200, OUTCOME, Some(PATIENT), refused, refused);
    check(200, OUTCOME, None, refused, refused);
}

#[test]
fn a_stale_version_and_other_refusals() {
    let check = |status, expected| {
        let service = FakeService::always(status, &[], OUTCOME);
        let error = run(service.client().put("Patient", "p1", PATIENT.into(), Stands::At("7"), soon())).unwrap_err();
        assert_eq!((error.code(), service.seen().len()), (expected, 1), "{status}");
        error
    };
    check(412, Code::VersionMismatch);
    check(409, Code::Conflict);
    check(405, Code::NotSupported);
    check(404, Code::NotFound);
    check(503, Code::UpstreamDown);
    check(429, Code::UpstreamBusy);
    assert_eq!(check(422, Code::RefusedByFhir).get_details()[0].code, "invalid");
}

#[test]
fn what_was_written_is_read_again_where_it_is_not_shown() {
    const SAID: &str =
        r#"{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational"}]}"#;
    for body in ["", SAID] {
        let service = FakeService::start(move |_, seen| match seen.line.starts_with("POST") {
            true => Answer::Say(201, &[("Location", "http://elsewhere/r4/Patient/p1/_history/7")], body.to_owned()),
            false => say(200, PATIENT),
        });
        let written = run(service.client().create("Patient", PATIENT.into(), None, soon())).unwrap();
        assert_eq!((written.id.as_str(), written.version.as_deref()), ("p1", Some("7")));
        assert_eq!(service.seen()[1].line, "GET /r4/Patient/p1");
    }
    let service = FakeService::always(201, &[], "");
    let error = run(service.client().create("Patient", PATIENT.into(), None, soon())).unwrap_err();
    assert!(error.message().starts_with("the change was made"), "{error}");
}

#[test]
fn reads_are_repeated_and_writes_are_not() {
    let flaky = || {
        FakeService::start(|number, _| match number {
            0 => Answer::HangUp,
            1 => say(503, ""),
            _ => say(200, PATIENT),
        })
    };
    let service = flaky();
    let client = service.client();
    assert!(run(client.read("Patient", "p1", soon())).unwrap().is_some());
    let counters = client.counters();
    assert_eq!((counters.requests, counters.errors, counters.retries), (3, 2, 2));

    let service = flaky();
    let error = run(service.client().put("Patient", "p1", PATIENT.into(), Stands::Anyhow, soon())).unwrap_err();
    assert_eq!((error.code(), service.seen().len()), (Code::UpstreamDown, 1));
}

#[test]
fn a_busy_service_is_waited_for_within_the_deadline() {
    let busy = || {
        FakeService::start(|number, _| match number {
            0 => Answer::Say(429, &[("Retry-After", "1")], String::new()),
            _ => say(200, PATIENT),
        })
    };
    let service = busy();
    assert!(run(service.client().read("Patient", "p1", soon())).unwrap().is_some());
    let service = busy();
    let error = run(service.client().read("Patient", "p1", Instant::now() + Duration::from_millis(500))).unwrap_err();
    assert_eq!((error.code(), error.get_retry_after()), (Code::UpstreamBusy, Some(1)));
    assert_eq!(service.seen().len(), 1);
}

#[test]
fn requests_queue_up_to_the_deadline() {
    let service = FakeService::start(|_, _| Answer::Stall(Duration::from_secs(2)));
    let client = service.client_with(AuthSettings::None, &Limits { upstream_concurrency: 1, ..Limits::default() });
    let (soon, sooner) = (Instant::now() + Duration::from_millis(600), Instant::now() + Duration::from_millis(200));
    let (first, second) =
        run(async { tokio::join!(client.read("Patient", "p1", soon), client.read("Patient", "p1", sooner)) });
    assert_eq!(first.unwrap_err().code(), Code::UpstreamTimeout);
    assert_eq!(second.unwrap_err().code(), Code::UpstreamBusy);
    assert_eq!(service.seen().len(), 1);
}

#[test]
fn transactions_go_to_the_base() {
    let service = FakeService::always(200, &[], BUNDLE);
    let answer = run(service.client().transaction(BUNDLE.into(), soon())).unwrap();
    assert_eq!(answer, BUNDLE);
    assert_eq!(service.seen()[0].line, "POST /r4");
}

#[test]
fn a_service_that_does_not_say_what_it_can_do_is_not_waited_for_again() {
    for answer in [Answer::Stall(Duration::from_secs(9)), say(500, "")] {
        let service = FakeService::start(move |_, _| answer.clone());
        let client = service.client();
        run(async {
            let together = [(); 4].map(|()| {
                tokio::spawn({
                    let client = client.clone();
                    async move { client.capabilities(soon()).await.is_err() }
                })
            });
            for asked in together {
                assert!(asked.await.unwrap());
            }
            let begun = Instant::now();
            for _ in 0..20 {
                assert!(client.capabilities(soon()).await.is_err());
            }
            assert!(begun.elapsed() < CAPABILITIES_PATIENCE, "nobody waits any more");
        });
        let asked = service.seen().iter().filter(|seen| seen.line.contains("/metadata")).count();
        assert!((1..=3).contains(&asked), "one asks for all, again where that may help: {asked}");
    }
}

#[test]
fn capabilities_are_kept() {
    let service = FakeService::always(
        200,
        &[],
        r#"{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1",
            "rest":[{"mode":"server","resource":[{"type":"Patient","versioning":"versioned"}]}]}"#,
    );
    let client = service.client();
    for _ in 0..3 {
        let capabilities = run(client.capabilities(soon())).unwrap();
        assert_eq!(capabilities.resource("Patient").unwrap().versioning, Versioning::Versioned);
    }
    assert_eq!(service.seen().len(), 1);
    run(client.ping(soon())).unwrap();
    assert_eq!(service.seen()[1].line, "GET /r4/metadata?_summary=true");
}

#[test]
fn fixed_credentials() {
    let secret = Secret::environment("X", "s3cret").unwrap();
    let check = |auth: AuthSettings, header: &str, expected: &str| {
        let service = FakeService::always(200, &[], PATIENT);
        let client = service.client_with(auth, &Limits::default());
        run(client.read("Patient", "p1", soon())).unwrap();
        assert_eq!(service.seen()[0].header(header), Some(expected));
    };
    let basic = AuthSettings::Basic { username: "ann".into(), password: secret.clone() };
    check(basic, "authorization", "Basic YW5uOnMzY3JldA==");
    check(AuthSettings::Bearer { token: secret.clone() }, "authorization", "Bearer s3cret");
    check(AuthSettings::Header { name: "X-Api-Key".into(), value: secret }, "x-api-key", "s3cret");
}

#[test]
fn a_secret_file_that_changed_is_read_again() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "old\n").unwrap();
    let service = FakeService::start(|_, seen| match seen.header("authorization") {
        Some("Bearer new") => say(200, PATIENT),
        _ => say(401, ""),
    });
    let auth = AuthSettings::Bearer { token: Secret::file(file.path()).unwrap() };
    let client = service.client_with(auth, &Limits::default());
    assert_eq!(run(client.read("Patient", "p1", soon())).unwrap_err().code(), Code::UpstreamAuth);
    assert_eq!(service.seen().len(), 1, "the same secret is not sent twice");
    std::fs::write(file.path(), "new\n").unwrap();
    assert!(run(client.read("Patient", "p1", soon())).unwrap().is_some());
}

fn client_credentials(service: &FakeService, secret_in_form: bool) -> AuthSettings {
    AuthSettings::ClientCredentials {
        token_url: BaseUrl::parse(&service.url.replace("/r4", "/token")).unwrap(),
        client_id: "turn:table".into(),
        client_secret: Secret::environment("X", "s3&cret").unwrap(),
        scope: Some("system/*.read".into()),
        secret_in_form,
    }
}

/// Counts the tokens it gives out; the service takes the latest only.
fn token_service(life: &'static str) -> FakeService {
    let tokens = AtomicU64::new(0);
    FakeService::start(move |_, seen| {
        if seen.line == "POST /token" {
            let number = tokens.fetch_add(1, Ordering::Relaxed) + 1;
            return say(200, &format!(r#"{{"access_token":"t{number}","token_type":"Bearer","expires_in":{life}}}"#));
        }
        let latest = format!("Bearer t{}", tokens.load(Ordering::Relaxed).max(2));
        if seen.header("authorization") == Some(&latest) { say(200, PATIENT) } else { say(401, "") }
    })
}

#[test]
fn a_token_is_fetched_kept_and_renewed_once() {
    let service = token_service("3600");
    let client = service.client_with(client_credentials(&service, false), &Limits::default());
    // The first token is refused, the second good; a write goes through as well.
    run(client.put("Patient", "p1", PATIENT.into(), Stands::Anyhow, soon())).unwrap();
    run(client.read("Patient", "p1", soon())).unwrap();
    let seen = service.seen();
    let lines: Vec<_> = seen.iter().map(|s| s.line.as_str()).collect();
    let put = "PUT /r4/Patient/p1";
    assert_eq!(lines, ["POST /token", put, "POST /token", put, "GET /r4/Patient/p1"]);
    assert_eq!(seen[0].body, "grant_type=client_credentials&scope=system/%2A.read");
    let expected = "Basic dHVybjp0YWJsZTpzMyUyNmNyZXQ=";
    assert_eq!(seen[0].header("authorization"), Some(expected));
}

#[test]
fn concurrent_requests_fetch_one_token() {
    let tokens = AtomicU64::new(0);
    let service = FakeService::start(move |_, seen| {
        if seen.line == "POST /token" {
            assert_eq!(tokens.fetch_add(1, Ordering::Relaxed), 0);
            std::thread::sleep(Duration::from_millis(100));
            return say(200, r#"{"access_token":"t","token_type":"bearer","expires_in":"3600"}"#);
        }
        say(200, PATIENT)
    });
    let client = service.client_with(client_credentials(&service, true), &Limits::default());
    let deadline = soon();
    let read = || client.read("Patient", "p1", deadline);
    let (a, b, c) = run(async { tokio::join!(read(), read(), read()) });
    assert!([a, b, c].iter().all(|r| matches!(r, Ok(Some(_)))));
    let seen = service.seen();
    assert_eq!(seen.len(), 4);
    assert!(seen[0].body.ends_with("client_id=turn:table&client_secret=s3%26cret"), "{}", seen[0].body);
    assert_eq!(seen[0].header("authorization"), None);
}

#[test]
fn a_signed_assertion_takes_the_place_of_a_secret() {
    let service = token_service("3600");
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(include_bytes!("../../../../tests/keys/provider-rsa.pk8"))
    );
    let auth = AuthSettings::PrivateKeyJwt {
        token_url: BaseUrl::parse(&service.url.replace("/r4", "/token")).unwrap(),
        client_id: "turntable".into(),
        key: Secret::environment("X", &pem).unwrap(),
        key_id: Some("k1".into()),
        scope: Some("system/*.rs".into()),
    };
    let client = service.client_with(auth, &Limits::default());
    run(client.read("Patient", "p1", soon())).unwrap();
    run(client.read("Patient", "p1", soon())).unwrap();
    let seen = service.seen();
    let asked: Vec<_> = seen.iter().filter(|one| one.line == "POST /token").collect();
    assert_eq!(asked.len(), 2, "the first was refused by the service");
    assert_ne!(asked[0].body, asked[1].body, "no assertion is sent twice");
    let kind = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=ey";
    for one in asked {
        assert!(one.body.starts_with("grant_type=client_credentials&scope=system/%2A.rs&"), "{}", one.body);
        assert!(one.body.contains(kind), "{}", one.body);
        assert_eq!(one.header("authorization"), None);
    }
}

#[test]
fn the_machine_has_an_identity_of_its_own() {
    let service = FakeService::start(|_, seen| match seen.line.as_str() {
        "GET /token?api-version=2018-02-01&resource=https://fhir.example.org&client_id=c1" => {
            match seen.header("metadata") {
                Some("true") => say(200, r#"{"access_token":"t1","token_type":"Bearer","expires_in":"3600"}"#),
                _ => say(400, ""),
            }
        }
        _ if seen.header("authorization") == Some("Bearer t1") => say(200, PATIENT),
        _ => say(401, ""),
    });
    let auth = AuthSettings::ManagedIdentity {
        url: BaseUrl::parse(&service.url.replace("/r4", "/token")).unwrap(),
        resource: "https://fhir.example.org".into(),
        client_id: Some("c1".into()),
    };
    let client = service.client_with(auth, &Limits::default());
    assert!(run(client.read("Patient", "p1", soon())).unwrap().is_some());
    assert!(run(client.read("Patient", "p1", soon())).unwrap().is_some());
    assert_eq!(service.seen().len(), 3, "one token for both");
}

#[test]
fn an_expired_token_is_not_used() {
    let service = token_service("0");
    let client = service.client_with(client_credentials(&service, false), &Limits::default());
    run(client.read("Patient", "p1", soon())).unwrap();
    let before = service.seen().len();
    run(client.read("Patient", "p1", soon())).unwrap();
    let lines: Vec<_> = service.seen()[before..].iter().map(|s| s.line.clone()).collect();
    assert_eq!(lines, ["POST /token", "GET /r4/Patient/p1"]);
}

#[test]
fn a_token_endpoint_that_fails() {
    let check = |answer: fn() -> Answer, expected| {
        let service = FakeService::start(move |_, _| answer());
        let client = service.client_with(client_credentials(&service, false), &Limits::default());
        let error = run(client.read("Patient", "p1", soon())).unwrap_err();
        assert_eq!(error.code(), expected);
        assert!(error.message().contains("token endpoint"), "{error}");
        assert!(!format!("{error:?}").contains("s3"));
    };
    check(|| say(401, ""), Code::UpstreamAuth);
    check(|| say(400, r#"{"error":"invalid_client"}"#), Code::UpstreamAuth);
    check(|| say(200, "{}"), Code::UpstreamAuth);
    check(|| say(200, r#"{"access_token":"t","token_type":"DPoP"}"#), Code::UpstreamAuth);
    check(|| say(307, ""), Code::UpstreamAuth);
    check(|| say(503, ""), Code::UpstreamDown);
    check(|| Answer::HangUp, Code::UpstreamDown);
}
