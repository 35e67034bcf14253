//! A store's life beyond one server: copied while it is written to, put back, taken over from an earlier version, and
//! never used by two at once.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::read::GzDecoder;
use serde_json::json;
use turntable::cli::serve;
use turntable::config::Config;
use turntable::store::facade::Store;
use turntable_tests::{EVENTS, PATIENT, PEOPLE, Server};

/// A backup of a server that is being written to is one moment: all rows of each write or none, and what was answered
/// before it began.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_server_is_a_store() {
    let (data, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let server = Arc::new(Server::setup().data_dir(data.path()).start().await);
    server.ingest(PEOPLE, None).await.expect(200);
    server.ingest(EVENTS, None).await.expect(200);
    let before = everything(&server).await;

    let done = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (server, done) = (server.clone(), done.clone());
        async move {
            let mut written = 0;
            while !done.load(Ordering::Relaxed) {
                written += 1;
                let row = json!({ "msemr_contacttype": 935000000, "lastname": format!("Written {written}") });
                server.post("contacts", &row).await.expect(201);
            }
            written
        }
    });
    let file = other.path().join("backup.db");
    assert!(Store::backup(data.path(), &file).await.expect("a backup") > 0);
    done.store(true, Ordering::Relaxed);
    let written = writing.await.expect("no panic");
    let server = Arc::into_inner(server).expect("nobody else has it");
    assert!(written > 0 && server.rows("contacts", &[]).await.len() >= written);

    let new = other.path().join("data");
    Store::restore(&new, &file).await.expect("it is put in its place");
    let restored = Server::setup().data_dir(&new).start().await;
    for (set, rows) in &before {
        let all = everything(&restored).await;
        let found = &all.iter().find(|(name, _)| name == set).expect("the same sets").1;
        let kept: Vec<_> =
            found.iter().filter(|row| !row["lastname"].as_str().is_some_and(|n| n.starts_with("Written"))).collect();
        assert_eq!(kept, rows.iter().collect::<Vec<_>>(), "{set}");
    }
    restored.patch(&format!("contacts({PATIENT})"), &json!({ "lastname": "Later" })).await.expect(204);
    let both = [server.row("contacts", PATIENT).await, restored.row("contacts", PATIENT).await];
    assert_ne!(both[0]["lastname"], both[1]["lastname"], "two stores");
    server.stop().await;
    restored.stop().await;
}

/// Two servers on one folder would each believe that they know what is in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_server() {
    let data = tempfile::tempdir().expect("a folder");
    let first = Server::setup().data_dir(data.path()).start().await;
    let mut config = Config::parse(None, &std::collections::BTreeMap::new()).expect("the defaults are valid");
    config.listen = ([127, 0, 0, 1], 0).into();
    config.data_dir = data.path().to_owned();
    let error = serve::Server::start(config).await.err().expect("the folder is in use");
    assert!(error.message().contains("another Turntable uses this data folder"), "{error}");
    first.stop().await;
    Server::setup().data_dir(data.path()).start().await.stop().await;

    // What looks like a first start would hide that all is lost.
    let file = data.path().join("turntable.db");
    std::fs::write(&file, "").expect("written");
    let mut config = Config::parse(None, &std::collections::BTreeMap::new()).expect("the defaults are valid");
    config.listen = ([127, 0, 0, 1], 0).into();
    config.data_dir = data.path().to_owned();
    let error = serve::Server::start(config).await.err().expect("the store is gone");
    assert!(error.message().contains("`turntable.db` is empty"), "{error}");
}

/// What an earlier version wrote is all there, by the same keys, with what no FHIR element carries.
#[tokio::test(flavor = "multi_thread")]
async fn stores_of_before_are_taken_over() {
    let fresh = Server::setup().start().await;
    for bundle in [PEOPLE, EVENTS] {
        fresh.ingest(bundle, None).await.expect(200);
    }
    fresh.patch(&format!("contacts({PATIENT})"), &json!({ "statecode": 1, "statuscode": 2 })).await.expect(204);
    let expected = everything(&fresh).await;
    let stores = Path::new(env!("CARGO_MANIFEST_DIR")).join("stores");
    let packed = std::fs::read_dir(stores).expect("the folder").flatten().map(|entry| entry.path());
    let packed: Vec<_> = packed.filter(|path| path.extension().is_some_and(|e| e == "gz")).collect();
    assert!(!packed.is_empty());
    for file in packed {
        let data = tempfile::tempdir().expect("a folder");
        let mut store = Vec::new();
        let file_of = std::fs::File::open(&file).expect("the store");
        GzDecoder::new(file_of).read_to_end(&mut store).expect("gzip");
        std::fs::write(data.path().join("turntable.db"), store).expect("written");
        let server = Server::setup().data_dir(data.path()).start().await;
        // The ids of the other bundle are of that store alone.
        let found = everything(&server).await;
        let counts: Vec<_> = found.iter().map(|(_, rows)| rows.len()).collect();
        assert_eq!(counts, [4, 11, 51, 11, 2, 3], "{}", file.display());
        for ((set, expected), (_, found)) in expected.iter().zip(&found) {
            for row in expected {
                assert!(found.contains(row), "{}: {set}: {row:#} is not there", file.display());
            }
        }
        assert_eq!(server.row("contacts", PATIENT).await["statecode"], 1);
        server.stop().await;
        let again = Server::setup().data_dir(data.path()).start().await;
        assert_eq!(everything(&again).await, found, "{}, a second time", file.display());
    }
}

const SETS: [&str; 6] = [
    "contacts",
    "msemr_encounters",
    "msemr_observations",
    "msemr_encounterparticipants",
    "msemr_encounterlocations",
    "tt_contacttelecoms",
];

/// All rows of some tables, without what tells one store from another.
async fn everything(server: &Server) -> Vec<(&'static str, Vec<serde_json::Value>)> {
    let mut all = Vec::new();
    for set in SETS {
        let mut rows = server.rows(set, &[]).await;
        for row in &mut rows {
            row.as_object_mut().expect("a row").retain(|name, _| !name.starts_with("msemr_azurefhirlastupdatedon"));
        }
        rows.sort_by_key(ToString::to_string);
        all.push((set, rows));
    }
    all
}
