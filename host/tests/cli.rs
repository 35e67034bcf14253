//! Commands that talk to a server, by the binary: where it is, who asks, and what they say as JSON, errors included.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// A server of its own; it ends with this.
struct Server {
    child: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Ran {
    status: Option<i32>,
    out: String,
    err: String,
}

fn turntable(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turntable"));
    for name in ["TURNTABLE_SERVER", "TURNTABLE_TOKEN", "TURNTABLE_ADMIN_TOKEN", "TURNTABLE_CONFIG"] {
        command.env_remove(name);
    }
    let ran = command.args(arguments).envs(variables.iter().copied()).current_dir(folder).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { status: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
}

impl Server {
    /// With keys asked for; that of the first run is told.
    fn start() -> (Self, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let config =
            "listen = \"127.0.0.1:0\"\ndata_dir = \"data\"\n[auth.keys]\nenabled = true\n[mappings]\nwarm = false\n";
        std::fs::write(folder.path().join("server.toml"), config).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_turntable"))
            .args(["serve", "--config", "server.toml"])
            .env("TURNTABLE_LOG", "error")
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let err = BufReader::new(child.stderr.take().expect("it is piped"));
        let key = err.lines().map_while(Result::ok).find(|line| line.starts_with("ttk_")).expect("a first key");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let lines = out.lines().map_while(Result::ok);
        let url = lines.filter_map(|line| line.strip_prefix("listening on ").map(str::to_owned)).next();
        (Self { child, url: url.expect("it listens"), folder }, key)
    }
}

#[test]
fn commands_know_their_server_and_say_what_went_wrong() {
    let (server, key) = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let variables = [("TURNTABLE_SERVER", server.url.as_str()), ("TURNTABLE_TOKEN", key.as_str())];
    let run = |arguments: &[&str]| turntable(folder.path(), &variables, arguments);
    let listed = run(&["events", "--limit", "3"]);
    assert_eq!((listed.status, listed.out.lines().count()), (Some(0), 3), "{}", listed.err);
    assert!(listed.out.contains("mapping.") || listed.out.contains("key."), "{}", listed.out);
    let listed = run(&["audit", "list", "--limit", "1", "--json"]);
    let listed: Value = serde_json::from_str(&listed.out).expect("JSON");
    assert_eq!(listed["events"].as_array().map(Vec::len), Some(1));

    // An error names the call, and is JSON where that is asked for.
    let unknown = run(&["release", "status", "nothing"]);
    let call = format!("GET {}/admin/v1/tables/nothing/release", server.url);
    assert!(unknown.status == Some(1) && unknown.err.contains(&call), "{}", unknown.err);
    let unknown = run(&["release", "status", "nothing", "--json"]);
    let error: Value = serde_json::from_str(&unknown.err).unwrap_or_else(|_| panic!("{}", unknown.err));
    assert_eq!((&error["error"]["code"], unknown.out.as_str()), (&Value::from("UnknownTable"), ""));
    assert!(error["error"]["target"].as_str().is_some_and(|target| target.contains(&call)), "{error}");
    let nobody = turntable(folder.path(), &variables[..1], &["events", "--json"]);
    let error: Value = serde_json::from_str(&nobody.err).unwrap_or_else(|_| panic!("{}", nobody.err));
    assert_eq!(error["error"]["code"], "Unauthorized");
    let nowhere = turntable(folder.path(), &[], &["events", "--server", "http://127.0.0.1:9", "--json"]);
    let error: Value = serde_json::from_str(&nowhere.err).unwrap_or_else(|_| panic!("{}", nowhere.err));
    assert_eq!((nowhere.status, &error["error"]["code"]), (Some(1), &Value::from("UpstreamDown")));
    assert!(nowhere.err.contains("http://127.0.0.1:9"), "{}", nowhere.err);

    // What was not run with --json says it in words, before the option of another command.
    let file = folder.path().join("trail.ndjson");
    let exported = run(&["audit", "export"]);
    std::fs::write(&file, &exported.out).expect("a file");
    let lines = exported.out.lines().count();
    assert!(exported.status == Some(0) && lines > 40, "{}", exported.err);
    let fhir = run(&["audit", "export", "--format", "fhir", "--after", "3"]);
    let first: Value = serde_json::from_str(fhir.out.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["resourceType"], &first["id"]), (&Value::from("AuditEvent"), &Value::from("4")));

    // The chain holds, of the server and of the file; what is changed in the file is named.
    let whole = run(&["audit", "verify"]);
    assert!(whole.status == Some(0) && whole.out.starts_with("whole: entries 1 to "), "{}{}", whole.out, whole.err);
    let verify = |expect: &str| turntable(folder.path(), &[], &["audit", "verify", "trail.ndjson", "--expect", expect]);
    let of_file = turntable(folder.path(), &[], &["audit", "verify", "trail.ndjson", "--json"]);
    let told: Value = serde_json::from_str(&of_file.out).unwrap_or_else(|_| panic!("{}", of_file.err));
    assert_eq!((&told["whole"], &told["to"]), (&Value::Bool(true), &Value::from(lines)));
    let seal = format!("{}:{}", told["to"], told["seal"].as_str().expect("a seal"));
    assert_eq!(verify(&seal).status, Some(0));
    assert_eq!(run(&["audit", "verify", "--expect", &seal]).status, Some(0));
    let other = seal.replace(':', ":00").chars().take(seal.len()).collect::<String>();
    for ran in [verify(&other), run(&["audit", "verify", "--expect", &other])] {
        assert!(ran.status == Some(1) && ran.err.contains("sealed anew"), "{}{}", ran.out, ran.err);
    }
    let changed = exported.out.replacen("\"mapping.load\"", "\"mapping.keep\"", 1);
    let at = changed.lines().position(|line| line.contains("mapping.keep")).expect("a line") + 1;
    std::fs::write(&file, changed).expect("a file");
    let broken = verify(&seal);
    assert!(broken.status == Some(1) && broken.err.contains(&format!("entry {at}: changed")), "{}", broken.err);
    std::fs::write(
        &file,
        exported
            .out
            .lines()
            .enumerate()
            .filter(|(n, _)| *n != 4)
            .fold(String::new(), |all, (_, line)| all + line + "\n"),
    )
    .expect("a file");
    assert!(verify(&seal).err.contains("entry 5: missing"), "{}", verify(&seal).err);

    // Following tells what comes.
    let mut follow = Command::new(env!("CARGO_BIN_EXE_turntable"))
        .args(["events", "--follow", "--json", "--limit", "1"])
        .envs(variables)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let (say, said) = std::sync::mpsc::channel();
    let out = BufReader::new(follow.stdout.take().expect("it is piped"));
    std::thread::spawn(move || out.lines().map_while(Result::ok).for_each(|line| drop(say.send(line))));
    let wait = Duration::from_secs(20);
    said.recv_timeout(wait).expect("the newest");
    let made = ["key", "create", "--name", "follow", "--role", "reader", "--config", "server.toml"];
    assert_eq!(turntable(server.folder.path(), &[], &made).status, Some(0));
    let event: Value = serde_json::from_str(&said.recv_timeout(wait).expect("what comes")).expect("JSON");
    assert_eq!((&event["action"], &event["detail"]["name"]), (&Value::from("key.create"), &Value::from("follow")));
    follow.kill().expect("it runs");
    follow.wait().expect("it ends");
}

#[test]
fn a_shell_can_complete_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = turntable(folder.path(), &[], &["completions", shell]);
        assert!(script.status == Some(0) && script.out.contains("rollback"), "{shell}: {}", script.err);
    }
    assert_eq!(turntable(folder.path(), &[], &["completions", "csh"]).status, Some(2));
}
