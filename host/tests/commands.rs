//! What people type, by the binary: the configuration checked, the demo started twice on the same data, a bundle sent to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Ran {
    status: Option<i32>,
    err: String,
}

fn turntable(arguments: &[&str]) -> Ran {
    let ran = Command::new(env!("CARGO_BIN_EXE_turntable")).args(arguments).output().expect("it runs");
    Ran { status: ran.status.code(), err: String::from_utf8(ran.stderr).expect("UTF-8") }
}

#[test]
fn a_route_of_what_is_no_root_table_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let check = |text: &str, status: i32, named: &[&str]| {
        let file = folder.path().join("turntable.toml");
        std::fs::write(&file, text).expect("a file can be written");
        let ran = turntable(&["check", "--config", file.to_str().expect("UTF-8")]);
        assert_eq!(ran.status, Some(status), "{text}: {}", ran.err);
        assert!(named.iter().all(|name| ran.err.contains(name)), "{text}: {}", ran.err);
    };
    check("[tables.msemr_encounter]\nroute = \"native\"\n", 0, &[]);
    check(
        "[tables.msemr_encouter]\nroute = \"native\"\n",
        1,
        &["tables.msemr_encouter", "did you mean `msemr_encounter`"],
    );
    check("[tables.msemr_observationcomponent]\nroute = \"native\"\n", 1, &["[tables.msemr_observation]"]);
    // A mapping of the folder may bring it.
    check("[tables.nope]\nroute = \"native\"\n[mappings]\ndir = \"mappings\"\n", 0, &[]);
}

/// The demo, or a server, as a program, ended when dropped.
struct Demo {
    child: Child,
    address: String,
}

impl Demo {
    fn start(data: &Path) -> Self {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_turntable"));
        Self::listening(demo.args(["demo", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data))
    }

    fn listening(command: &mut Command) -> Self {
        Self::listening_with(command, Stdio::null())
    }

    fn listening_with(command: &mut Command, errors: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line =
            lines.find_map(|line| line.ok().filter(|line| line.starts_with("listening on "))).expect("it listens");
        // Whoever prints into a pipe that nobody reads waits for ever.
        std::thread::spawn(move || lines.for_each(drop));
        let address = line.trim_start_matches("listening on http://").to_owned();
        Self { child, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it answers");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address)
            .expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
            .rsplit_once("\r\n\r\n")
            .map_or(answer.clone(), |(_, body)| body.trim_start_matches('\u{feff}').to_owned())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_command_has_the_token_that_the_server_asks_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("turntable.toml");
    let text =
        "listen = \"127.0.0.1:0\"\ndata_dir = \"data\"\n[mappings]\nbuiltin = false\n[admin]\ntoken = \"required\"\n";
    std::fs::write(file, text).expect("a file can be written");
    let server = Demo::listening(Command::new(env!("CARGO_BIN_EXE_turntable")).arg("serve").current_dir(folder.path()));
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).expect("a token");
    let url = format!("http://{}", server.address);
    let list = |at: &Path, more: &[&str], token: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turntable"));
        command.args(["route", "list", "--server", &url]).args(more).current_dir(at);
        token.map(|token| command.env("TURNTABLE_ADMIN_TOKEN", token));
        let ran = command.output().expect("it runs");
        (ran.status.code(), String::from_utf8(ran.stderr).expect("UTF-8"))
    };
    let data = folder.path().join("data");
    let data = data.to_str().expect("UTF-8");
    // By the configuration that is here, by the folder, by the variable.
    assert_eq!(list(folder.path(), &[], None).0, Some(0));
    assert_eq!(list(elsewhere.path(), &["--data-dir", data], None).0, Some(0));
    assert_eq!(list(elsewhere.path(), &[], Some(&token)).0, Some(0));
    let (status, said) = list(elsewhere.path(), &[], None);
    assert!(status == Some(1) && said.contains("admin-token"), "{said}");
    // The variable is asked first.
    let (status, said) = list(folder.path(), &["--data-dir", data], Some("0123456789abcdef"));
    assert!(status == Some(1) && said.contains("not the token"), "{said}");
    assert!(!said.contains(&token));
}

#[test]
fn a_demo_on_the_same_data_has_the_same_rows_and_an_ingest_says_what_was_not_stored() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let counts = |demo: &Demo| {
        let sets = ["contacts", "accounts", "msemr_conditions", "msemr_observations"];
        sets.map(|set| demo.get(&format!("/api/data/v9.2/{set}/$count")))
    };
    let demo = Demo::start(&folder.path().join("data"));
    let first = counts(&demo);
    drop(demo);
    let demo = Demo::start(&folder.path().join("data"));
    assert_eq!(counts(&demo), first);

    let server = format!("http://{}", demo.address);
    let ingest = |name: &str, text: &str, more: &[&str]| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("a file can be written");
        let mut arguments = vec!["ingest", file.to_str().expect("UTF-8"), "--server", &server];
        arguments.extend(more);
        turntable(&arguments)
    };
    let patient = r#"{"resourceType":"Patient","id":"p1"}"#;
    let good = format!(r#"{{"resource":{patient},"request":{{"method":"PUT","url":"Patient/p1"}}}}"#);
    let bad = format!(r#"{{"resource":{patient},"request":{{"method":"PUT","url":"Patient/p2"}}}}"#);
    let basic = r#"{"resource":{"resourceType":"Basic"},"request":{"method":"POST","url":"Basic"}}"#;
    let bundle = |kind: &str, entries: &[&str]| {
        format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(","))
    };
    assert_eq!(ingest("good.json", &bundle("batch", &[&good]), &[]).status, Some(0));
    let mixed = bundle("batch", &[&good, &bad, basic]);
    let ran = ingest("mixed.json", &mixed, &[]);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    assert!(ran.err.contains("2 entries were not stored"), "{}", ran.err);
    assert!(ran.err.contains("mixed.json: entry 1: its resource has another id"), "{}", ran.err);
    assert!(ran.err.contains("mixed.json: entry 2: no table shows Basic"), "{}", ran.err);
    // The same as JSON.
    let ran = ingest("mixed.json", &mixed, &["--json"]);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    let said: serde_json::Value = serde_json::from_str(&ran.err).expect("JSON");
    assert_eq!(said["error"]["message"], "2 entries were not stored");
    let detail = |at: usize, name: &str| said["error"]["details"][at][name].as_str().unwrap_or_default().to_owned();
    assert!(detail(0, "target").ends_with("mixed.json: entry 1"), "{said}");
    assert!(detail(0, "message").contains("its resource has another id"), "{said}");
    assert_eq!(detail(1, "message"), "no table shows Basic");
    let collection = bundle("collection", &[&format!(r#"{{"resource":{patient}}}"#)]);
    let ran = ingest("collection.json", &collection, &[]);
    assert!(ran.status == Some(1) && ran.err.contains("says what there is"), "{}", ran.err);
    assert_eq!(ingest("collection.json", &collection, &["--as-batch"]).status, Some(0));
    assert_eq!(ingest("patients.ndjson", &format!("{patient}\n"), &[]).status, Some(0));
}

#[test]
fn people_get_passwords() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("turntable.toml");
    let text = "listen = \"127.0.0.1:0\"\ndata_dir = \"data\"\n[mappings]\nbuiltin = false\n[auth.basic]\n";
    std::fs::write(&file, text).expect("a file can be written");
    let user = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turntable"));
        let command = command.arg("user").args(arguments).current_dir(folder.path());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        // Who is refused reads no password.
        let _ = child.stdin.take().expect("a pipe").write_all(b"open sesame\n");
        let ran = child.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    };
    let ada = ["create", "--name", "ada \"l\"", "--role", "reader", "writer", "-o", "ada.hash"];
    let (status, line, said) = user(&ada);
    assert!(status == Some(0) && line.lines().count() == 1, "{line}{said}");
    let hash = std::fs::read_to_string(folder.path().join("ada.hash")).expect("a hash");
    assert!(hash.starts_with("$argon2id$") && !line.contains("argon2id"), "{hash}");
    std::fs::write(&file, format!("{text}{line}")).expect("a file can be written");
    let (status, listed, _) = user(&["list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let expected = serde_json::json!({ "users": [{ "name": "ada \"l\"", "roles": ["reader", "writer"] }] });
    assert_eq!((status, listed), (Some(0), expected));
    for (arguments, named) in [
        (&ada[..], "somebody of the name"),
        (&["create", "--name", "b", "--role", "reader", "-o", "ada.hash"], "ada.hash cannot be written"),
        (&["create", "--name", "b", "--role", "raeder", "-o", "b"], "no role `raeder`"),
        (&["create", "--name", "b:c", "--role", "reader", "-o", "b"], "neither a colon"),
    ] {
        let (status, out, said) = user(arguments);
        assert!(status == Some(1) && out.is_empty() && said.contains(named), "{arguments:?}: {said}");
    }
}

#[test]
fn keys_are_made_and_revoked_on_the_data_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("turntable.toml");
    let text = "listen = \"127.0.0.1:0\"\ndata_dir = \"data\"\n[auth.keys]\n[mappings]\nbuiltin = false\n";
    std::fs::write(file, text).expect("a file can be written");
    let key = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turntable"));
        let ran = command.arg("key").args(arguments).current_dir(folder.path()).output().expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    };
    // Before any server has run here.
    let (status, secret, said) = key(&["create", "--name", "ci", "--role", "mapper", "admin", "--expires", "90d"]);
    assert_eq!((status, said.as_str(), secret.lines().count()), (Some(0), "", 1), "{secret}");
    let secret = secret.trim_end();
    assert!(secret.starts_with("ttk_") && secret.len() == 47, "{secret}");
    let (status, made, _) = key(&["create", "--name", "b", "--role", "reader", "--claim", "ward=7", "--json"]);
    assert!(status == Some(0) && made.contains("\"ward\": \"7\""), "{made}");
    for (arguments, named) in [
        (&["create", "--name", "ci", "--role", "reader"][..], "a key of the name `ci`"),
        (&["create", "--name", "c", "--role", "raeder"], "no role `raeder`"),
        (&["create", "--name", "c", "--role", "reader", "--claim", "ward"], "NAME=VALUE"),
        (&["create", "--name", "c", "--role", "reader", "--expires", "soon"], "90d"),
        (&["revoke", "c"], "no key of this name"),
    ] {
        let (status, out, said) = key(arguments);
        assert!(status == Some(1) && out.is_empty() && said.contains(named), "{arguments:?}: {said}");
    }
    assert_eq!(key(&["create", "--name", "c"]).0, Some(2), "a key has a role");

    let server = Demo::listening(Command::new(env!("CARGO_BIN_EXE_turntable")).arg("serve").current_dir(folder.path()));
    let url = format!("http://{}", server.address);
    let list = |token: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turntable"));
        command.args(["route", "list", "--server", &url]).env("TURNTABLE_TOKEN", token);
        command.output().expect("it runs").status.code()
    };
    assert_eq!((list(secret), list("ttk_no")), (Some(0), Some(1)));
    let (_, listed, _) = key(&["list"]);
    assert!(listed.contains("ci ") && listed.contains("admin,mapper") && !listed.contains("first-run"), "{listed}");
    assert_eq!(key(&["revoke", "ci"]).0, Some(0));
    let begun = std::time::Instant::now();
    while list(secret) != Some(1) {
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "the server does not know of it");
    }
}

/// Where nobody could administer, the server makes a key, and says it once. With it an administrator asks what others would see.
#[test]
fn the_first_key_is_said_once_and_explains_what_others_see() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "listen = \"127.0.0.1:0\"\ndata_dir = \"data\"\n[auth.keys]\n[roles.nurse.tables.msemr_encounter]\n\
                where = \"_msemr_subjectpatient_value eq @claims.patient\"\nmask = [\"msemr_class\"]\n";
    std::fs::write(folder.path().join("turntable.toml"), text).expect("a file can be written");
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turntable"));
        let said = std::fs::File::create(folder.path().join("said")).expect("a file");
        let server = Demo::listening_with(command.arg("serve").current_dir(folder.path()), said.into());
        (server, std::fs::read_to_string(folder.path().join("said")).expect("what was said"))
    };
    let keys = |said: &str| said.lines().filter(|line| line.starts_with("ttk_")).map(str::to_owned).collect::<Vec<_>>();
    let (server, said) = start();
    let made = keys(&said);
    assert_eq!(made.len(), 1, "{said}");
    drop(server);
    let (server, said) = start();
    assert_eq!(keys(&said), [""; 0], "{said}");
    let url = format!("http://{}", server.address);
    let explain = |token: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turntable"));
        command.args(["auth", "explain", "--json", "--server", &url, "--role", "nurse"]).args(arguments);
        let ran = command.env("TURNTABLE_TOKEN", token).output().expect("it runs");
        let text = String::from_utf8([ran.stdout, ran.stderr].concat()).expect("UTF-8");
        serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|_| panic!("JSON: {text}"))
    };
    let patient = "4c73b472-442b-4920-b899-aadc599f1d75";
    let told = explain(&made[0], &["--claim", &format!("patient={patient}"), "GET", "msemr_encounters?$top=1"]);
    assert!(told["allowed"] == true && told["plan"].to_string().contains(patient), "the rule is in the plan: {told}");
    for (address, why) in [
        ("contacts", "there is no table"),
        ("msemr_encounters?$orderby=msemr_class", "is masked"),
        ("/admin/v1/keys", "may not"),
    ] {
        let told = explain(&made[0], &["GET", address]);
        let said = told["why"].as_str().unwrap_or_default();
        assert!(told["allowed"] == false && said.contains(why), "{address}: {told}");
    }
    assert_eq!(explain("ttk_no", &["GET", "contacts"])["allowed"], false);
}
