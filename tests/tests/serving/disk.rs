//! Trouble with the disk under the data folder: it is full, it takes no longer files, its files are gone, it is read-only.
//! Nothing is acknowledged that is not there, reads go on, the server says what is wrong, and goes on when it is over.

#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "a process tells another one what it has")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use turntable::model::error::Code;
use turntable::model::limits::Limits;
use turntable::store::facade::Store;
use turntable_tests::{Answer, Server};

/// A disk of its own, of so many bytes; none where this user may not mount one.
struct Disk(tempfile::TempDir);

impl Disk {
    fn of(bytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={bytes},mode=700");
        let mut mount = Command::new("mount");
        let mounted =
            mount.args(["-t", "tmpfs", "-o", &size, "none"]).arg(folder.path()).stderr(Stdio::null()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        println!("skipped: no disk of its own can be mounted here");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn is_to_be(&self, how: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "{how}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Creates rows until one is refused; what came in, and the refusal.
async fn fill(server: &Server, known: &mut Vec<String>) -> Answer {
    for _ in 0..100_000 {
        let name = format!("a{}", known.len());
        let answer = server.post("accounts", &json!({ "name": name.repeat(20) })).await;
        if answer.status != 201 {
            return answer;
        }
        known.push(answer.json()["accountid"].as_str().unwrap_or_default().to_owned());
    }
    panic!("it never fills up");
}

/// All that was acknowledged is there, and nothing else.
async fn all_there(server: &Server, known: &[String]) {
    let count = server.get("accounts/$count", &[]).await.expect(200).text;
    assert_eq!(count.trim_start_matches('\u{feff}'), known.len().to_string());
    for key in [known.first(), known.last()].into_iter().flatten() {
        server.call(Method::GET, &format!("accounts({key})")).send().await.expect(200);
    }
}

async fn is_writable(server: &Server) -> Value {
    let ready = server.get("/readyz", &[]).await.expect(200).json();
    assert_eq!(server.metric("turntable_store_writable").await, u64::from(ready["store"]["writable"] == true));
    ready["store"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk() {
    let Some(disk) = Disk::of(12 << 20) else { return };
    let server = Server::setup().data_dir(disk.path()).start().await;
    let mut known = Vec::new();
    server.post("accounts", &json!({ "name": "first" })).await.expect(201);
    known.push(server.rows("accounts", &[]).await[0]["accountid"].as_str().unwrap_or_default().to_owned());
    assert_eq!(is_writable(&server).await, json!({ "writable": true }));
    let filler = disk.path().join("filler");
    for round in 0..3 {
        // All that is left.
        let _ = std::fs::write(&filler, vec![b'x'; 12 << 20]);
        let refused = fill(&server, &mut known).await;
        assert_eq!((refused.status, refused.error_code().as_str()), (507, "StorageFull"), "{}", refused.text);
        all_there(&server, &known).await;
        assert_eq!(is_writable(&server).await, json!({ "writable": false, "code": "StorageFull" }));
        let patient = json!({ "resourceType": "Patient", "id": "p", "language": "x".repeat(100_000) });
        let entry = json!({ "resource": patient, "request": { "method": "PUT", "url": "Patient/p" } });
        let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] }).to_string();
        server.ingest(&bundle, None).await.expect(507);
        assert_eq!(server.rows("contacts", &[]).await.len(), 0);
        // There is room again.
        std::fs::remove_file(&filler).expect("it is there");
        assert_eq!(is_writable(&server).await, json!({ "writable": true }), "{round}");
        let made = server.post("accounts", &json!({ "name": "later" })).await.expect(201).json();
        known.push(made["accountid"].as_str().unwrap_or_default().to_owned());
        all_there(&server, &known).await;
    }
    server.stop().await;
    let server = Server::setup().data_dir(disk.path()).start().await;
    all_there(&server, &known).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_disk() {
    let Some(disk) = Disk::of(12 << 20) else { return };
    drop(Store::open(disk.path(), &Limits::default()).await.expect("a store"));
    disk.is_to_be("ro");
    let error = Store::open(disk.path(), &Limits::default()).await.expect_err("nothing can be written");
    assert!(matches!(error.code(), Code::Store | Code::StorageFailed), "{error:?}");
    assert!(error.get_hint().is_some_and(|hint| hint.contains("read-only")), "{error:?}");
    disk.is_to_be("rw");
    Store::open(disk.path(), &Limits::default()).await.expect("as before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::setup().data_dir(folder.path()).start().await;
    let made = server.post("accounts", &json!({ "name": "first" })).await.expect(201).json();
    let mut known = vec![made["accountid"].as_str().unwrap_or_default().to_owned()];
    let away = folder.path().join("away");
    for name in ["turntable.db", "turntable.db-wal"] {
        let file = folder.path().join(name);
        std::fs::rename(&file, &away).expect("it is there");
        let refused = server.post("accounts", &json!({ "name": "lost" })).await;
        assert_eq!((refused.status, refused.error_code().as_str()), (503, "StorageFailed"), "{}", refused.text);
        all_there(&server, &known).await;
        assert_eq!(is_writable(&server).await, json!({ "writable": false, "code": "StorageFailed" }));
        std::fs::rename(&away, &file).expect("it is there");
        assert_eq!(is_writable(&server).await, json!({ "writable": true }));
        let made = server.post("accounts", &json!({ "name": "later" })).await.expect(201).json();
        known.push(made["accountid"].as_str().unwrap_or_default().to_owned());
    }
    server.stop().await;
    let server = Server::setup().data_dir(folder.path()).start().await;
    all_there(&server, &known).await;
}

/// Set for the process whose files may not grow: its data folder.
const FOLDER: &str = "TURNTABLE_DISK_TEST_FOLDER";

/// Files may not grow beyond a size, in a process of its own, which says what is in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_may_not_grow() {
    const TEST: &str = "disk::files_that_may_not_grow";
    if let Some(folder) = std::env::var_os(FOLDER) {
        return until_refused(&PathBuf::from(folder)).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // Compiled mappings are larger than what may grow later.
    let server = Server::setup().data_dir(folder.path()).start().await;
    let first = server.post("accounts", &json!({ "name": "first" })).await.expect(201).json();
    server.stop().await;
    let program = std::env::current_exe().expect("a test has a program");
    let said = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -S -f 4096; exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(program)
        .arg(TEST)
        .env(FOLDER, folder.path())
        .output()
        .expect("it runs");
    let (text, errors) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success(), "{text}\n{errors}");
    let known = text.lines().find_map(|line| line.strip_prefix("known ")).unwrap_or_else(|| panic!("{text}\n{errors}"));
    let mut known: Vec<_> = known.split(' ').map(str::to_owned).collect();
    known.push(first["accountid"].as_str().unwrap_or_default().to_owned());
    let server = Server::setup().data_dir(folder.path()).start().await;
    all_there(&server, &known).await;
    assert_eq!(is_writable(&server).await, json!({ "writable": true }));
}

async fn until_refused(folder: &Path) {
    let server = Server::setup().data_dir(folder).start().await;
    let mut known = Vec::new();
    // A reader holds the journal, which grows until it may not.
    let refused = loop {
        let patient = json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "x".repeat(60_000) }] });
        let entry = json!({ "resource": patient, "request": { "method": "PUT", "url": "Patient/p" } });
        let many: Vec<_> = (0..200)
            .map(|n| {
                let mut entry = entry.clone();
                entry["resource"]["id"] = format!("p{n}").into();
                entry["request"]["url"] = format!("Patient/p{n}").into();
                entry
            })
            .collect();
        let made = server.post("accounts", &json!({ "name": "small" })).await.expect(201).json();
        known.push(made["accountid"].as_str().unwrap_or_default().to_owned());
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": many }).to_string();
        let answer = server.ingest(&bundle, None).await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!((refused.status, refused.error_code().as_str()), (503, "StorageFailed"), "{}", refused.text);
    assert_eq!(server.rows("accounts", &[]).await.len(), known.len() + 1, "reads go on");
    println!("\nknown {}", known.join(" "));
    server.stop().await;
}
