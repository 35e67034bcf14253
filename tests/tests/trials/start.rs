//! A start makes nothing that nobody asked for yet; and what clients fetch again and again is made once.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use turntable_tests::{Server, digest, with_text};

/// Pieces of compiled code in a data folder.
fn compiled(data: &Path) -> usize {
    let files = std::fs::read_dir(data.join("compiled")).expect("the folder is there").flatten();
    files.filter(|file| file.path().extension().is_some_and(|extension| extension == "cwasm")).count()
}

/// A folder that does not share compiled code with other tests.
fn folder_of_its_own() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(dir.path().join("compiled")).expect("it is new");
    dir
}

#[tokio::test]
async fn a_mapping_is_compiled_when_its_table_is_first_used() {
    let dir = folder_of_its_own();
    let server = Server::setup().data_dir(dir.path()).start().await;
    server.get("$metadata", &[]).await.expect(200);
    server.get("contacts", &[]).await.expect(200);
    assert_eq!(compiled(dir.path()), 0, "no row was made yet");

    let location = json!({ "resourceType": "Location", "name": "ward" });
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        { "resource": location, "request": { "method": "POST", "url": "Location" } },
    ]});
    server.ingest(&bundle.to_string(), None).await.expect(200);
    let once = compiled(dir.path());
    assert!((1..5).contains(&once), "{once}");
    server.ingest(&bundle.to_string(), None).await.expect(200);
    assert_eq!(compiled(dir.path()), once);
}

#[tokio::test]
async fn a_warm_server_compiles_without_being_asked() {
    let dir = folder_of_its_own();
    let server = Server::setup().data_dir(dir.path()).configure(|config| config.mappings.warm = true).start().await;
    let begun = Instant::now();
    while compiled(dir.path()) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing is compiled");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn what_a_folder_brought_is_not_brought_again() {
    let (data, folder) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let component = with_text("encounter", "Finished", "FINISHED");
    std::fs::write(folder.path().join("encounter.wasm"), &component).expect("it is written");
    for _ in 0..2 {
        let dir = folder.path().to_owned();
        let setup = Server::setup().data_dir(data.path()).configure(|config| config.mappings.dir = Some(dir));
        let server = setup.start().await;
        assert_eq!(server.table("msemr_encounter").await["mapping"]["digest"], digest(&component));
        let events = server.events(0).await;
        let brought = events.iter().filter(|event| event["actor"] == "mappings.dir");
        let brought: Vec<_> = brought.map(|event| event["action"].as_str().unwrap_or_default()).collect();
        assert_eq!(brought, ["mapping.load", "mapping.activate"]);
        server.stop().await;
    }
}

/// The file that was rolled back, or whose mapping was deactivated, may still be there: until it is another, nobody asked
/// for it again.
#[tokio::test]
async fn what_was_taken_back_stays_so_over_a_restart() {
    let (data, folder) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("encounter.wasm");
    let [first, second] = ["FINISHED", "fInIsHeD"].map(|label| with_text("encounter", "Finished", label));
    let start = || {
        let dir = folder.path().to_owned();
        Server::setup().data_dir(data.path()).configure(|config| config.mappings.dir = Some(dir)).start()
    };
    let in_force = async |server: &Server| server.table("msemr_encounter").await["mapping"]["digest"].clone();
    std::fs::write(&file, &first).expect("it is written");
    start().await.stop().await;
    std::fs::write(&file, &second).expect("it is written");
    let server = start().await;
    assert_eq!(in_force(&server).await, digest(&second), "a file that is another is put in force");
    server.rollback("msemr_encounter").await.expect(200);
    assert_eq!(in_force(&server).await, digest(&first));
    server.stop().await;

    let server = start().await;
    assert_eq!(in_force(&server).await, digest(&first), "it was rolled back");
    server.call(Method::DELETE, "/admin/v1/mappings/encounter/active").send().await.expect(200);
    server.stop().await;

    let server = start().await;
    server.get("msemr_encounters", &[]).await.expect(404);
    server.stop().await;
    // One that comes back is a new one.
    std::fs::remove_file(&file).expect("it was there");
    start().await.stop().await;
    std::fs::write(&file, &second).expect("it is written");
    let server = start().await;
    assert_eq!(in_force(&server).await, digest(&second));
    server.stop().await;
}

#[tokio::test]
async fn metadata_is_sent_once_to_those_who_keep_it() {
    let server = Server::setup().start().await;
    for path in ["$metadata", "$metadata?$format=application/json", ""] {
        let call = |name: &str, value: &str| server.call(Method::GET, path).header(name, value).send();
        let plain = server.get(path, &[]).await.expect(200);
        assert!(plain.text.contains("msemr_encounters"), "{path}");
        let etag = plain.header("etag");
        assert!(etag.starts_with("W/\""), "{path} {etag}");
        assert_eq!((plain.header("cache-control"), plain.header("odata-version")), ("private, no-cache", "4.0"));

        let zipped = call("accept-encoding", "br, gzip").await.expect(200);
        assert_eq!((zipped.header("content-encoding"), zipped.header("etag")), ("gzip", etag));
        assert_eq!(zipped.header("content-type"), plain.header("content-type"));
        assert_eq!(zipped.text, plain.text, "{path}");

        let unchanged = call("if-none-match", etag).await.expect(304);
        assert_eq!((unchanged.text.as_str(), unchanged.header("etag")), ("", etag));
        call("if-none-match", "\"another\"").await.expect(200);
    }
}
