//! Whose signatures of mappings are trusted, over every way in: the admin API, its trial of a component, `mappings.dir`, and
//! coming into force of what was let in before.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::Method;
use serde_json::{Value, json};
use turntable::mapping::signature::{Policy, PrivateKey, Trust, beside};
use turntable_tests::{Answer, Server, Setup, builtin, digest, with_text};

const TABLE: &str = "msemr_encounter";

fn second() -> Vec<u8> {
    with_text("encounter", "Finished", "FINISHED")
}

fn key() -> PrivateKey {
    PrivateKey::generate().expect("a key")
}

/// A server that trusts these keys.
fn trusting(setup: Setup, policy: Policy, keys: &[(&str, &PrivateKey)]) -> Setup {
    let keys = keys.iter().map(|(name, key)| ((*name).to_owned(), key.public())).collect();
    setup.configure(|config| config.mappings.trust = Trust { policy, keys })
}

async fn load(server: &Server, component: &[u8], signature: &str) -> Answer {
    let call = server.call(Method::POST, "/admin/v1/mappings?laws_ms=0").body("application/wasm", component.to_vec());
    call.header("turntable-signature", signature).send().await
}

async fn signer(server: &Server, component: &[u8]) -> Value {
    let path = format!("/admin/v1/mappings/{}", digest(component));
    server.get(&path, &[]).await.expect(200).json()["signer"].clone()
}

#[track_caller]
fn refused(answer: &Answer, code: &str, what: &str) {
    assert_eq!((answer.status, answer.error_code().as_str()), (422, code), "{what}: {}", answer.text);
    let hint = answer.json()["error"]["@Turntable.hint"].clone();
    assert!(hint.as_str().is_some_and(|hint| hint.contains("turntable mapping sign")), "{what}: {hint}");
}

#[tokio::test]
async fn only_what_a_trusted_key_has_signed_is_let_in() {
    let (release, foreign) = (key(), key());
    let server = trusting(Server::setup(), Policy::Deny, &[("release", &release), ("other", &key())]).start().await;
    let component = second();
    let before = server.get("/admin/v1/mappings", &[]).await.expect(200).json();
    let shipped = before["mappings"].as_array().expect("mappings");
    assert!(shipped.iter().all(|one| one["signer"] == json!({"by": "turntable", "key": null, "trusted": true})));

    refused(&server.load(&component).await, "ComponentUnsigned", "nothing");
    let signature = release.sign(&component).expect("signed");
    let mut forged = BASE64_STANDARD.decode(&signature).expect("base64");
    *forged.last_mut().expect("bytes") ^= 1;
    let cases = [
        ("forged", BASE64_STANDARD.encode(&forged)),
        ("truncated", signature[..signature.len() / 2].to_owned()),
        ("foreign", foreign.sign(&component).expect("signed")),
        ("of another file", release.sign(builtin("encounter")).expect("signed")),
        ("no signature", "hello".to_owned()),
    ];
    for (what, signature) in cases {
        refused(&load(&server, &component, &signature).await, "SignatureRefused", what);
    }
    // What ships with the program is trusted also where it comes in by itself.
    server.load(builtin("encounter")).await.expect(200);
    // Code that nobody has signed is not even looked at.
    refused(&server.load(b"hello").await, "ComponentUnsigned", "no component");
    let trial = json!({ "component": BASE64_STANDARD.encode(&component), "resource": { "resourceType": "Encounter" } });
    refused(&server.post("/admin/v1/mappings/try", &trial).await, "ComponentUnsigned", "a trial");
    assert_eq!(server.get("/admin/v1/mappings", &[]).await.expect(200).json(), before, "what is refused is not kept");

    let let_in = load(&server, &component, &signature).await.expect(201).json();
    assert_eq!(let_in["checks"][0]["name"], "signature");
    let by = json!({ "by": "release", "key": release.public().fingerprint(), "trusted": true });
    assert_eq!(signer(&server, &component).await, by);
    let mut signed_trial = trial.clone();
    signed_trial["signature"] = signature.into();
    server.post("/admin/v1/mappings/try", &signed_trial).await.expect(200);
    server.activate(TABLE, &digest(&component)).await.expect(200);
    let history = server.get(&format!("/admin/v1/tables/{TABLE}/release"), &[]).await.expect(200).json();
    assert_eq!(history["history"][0]["signer"], by);
    assert_eq!(history["history"][1]["signer"]["by"], "turntable");
    // The way back to what ships needs no signature.
    server.rollback(TABLE).await.expect(200);
    let events = server.events(0).await;
    let loaded = events.iter().find(|event| event["action"] == "mapping.load" && event["actor"] != "turntable");
    assert_eq!(loaded.expect("it is in the trail")["detail"]["signedBy"], "release");
}

#[tokio::test]
async fn a_signature_that_is_not_good_is_refused_where_none_is_needed() {
    let release = key();
    for policy in [Policy::Allow, Policy::Warn] {
        let server = trusting(Server::setup(), policy, &[("release", &release)]).start().await;
        let foreign = key().sign(&second()).expect("signed");
        refused(&load(&server, &second(), &foreign).await, "SignatureRefused", "foreign");
        server.load(&second()).await.expect(201);
        assert_eq!(signer(&server, &second()).await, Value::Null);
    }
}

/// What is in force when the policy changes stays; what comes into force is held to it.
#[tokio::test]
async fn a_policy_that_changes_holds_for_what_comes_into_force() {
    let data = tempfile::tempdir().expect("a folder");
    let start = async |policy, keys: &[(&str, &PrivateKey)]| {
        trusting(Server::setup().data_dir(data.path()), policy, keys).start().await
    };
    let (old, new) = (key(), key());
    let second = second();
    let server = start(Policy::Allow, &[]).await;
    // There is no key to check it with, so that it is not believed.
    load(&server, &second, &old.sign(&second).expect("signed")).await.expect(201);
    assert_eq!(signer(&server, &second).await, Value::Null);
    server.activate(TABLE, &digest(&second)).await.expect(200);
    server.stop().await;

    let server = start(Policy::Deny, &[("old", &old)]).await;
    assert_eq!(server.table(TABLE).await["mapping"]["digest"], digest(&second), "what is in force stays");
    server.rollback(TABLE).await.expect(200);
    refused(&server.activate(TABLE, &digest(&second)).await, "ComponentUnsigned", "known, and not signed");
    // It is known, and gets its signature.
    load(&server, &second, &old.sign(&second).expect("signed")).await.expect(200);
    server.activate(TABLE, &digest(&second)).await.expect(200);
    assert_eq!(signer(&server, &second).await["by"], "old");
    let events = server.events(0).await;
    assert!(events.iter().any(|event| event["action"] == "mapping.sign" && event["detail"]["signedBy"] == "old"));
    server.rollback(TABLE).await.expect(200);
    server.stop().await;

    // A key is called otherwise.
    let server = start(Policy::Deny, &[("renamed", &old), ("new", &new)]).await;
    assert_eq!(signer(&server, &second).await["by"], "renamed");
    server.activate(TABLE, &digest(&second)).await.expect(200);
    server.rollback(TABLE).await.expect(200);
    server.stop().await;

    // A key is trusted no more.
    let server = start(Policy::Deny, &[("new", &new)]).await;
    let by = json!({ "by": "old", "key": old.public().fingerprint(), "trusted": false });
    assert_eq!(signer(&server, &second).await, by);
    refused(&server.activate(TABLE, &digest(&second)).await, "ComponentUnsigned", "a key of yesterday");
    load(&server, &second, &new.sign(&second).expect("signed")).await.expect(200);
    server.activate(TABLE, &digest(&second)).await.expect(200);
}

#[tokio::test]
async fn a_folder_of_mappings_is_held_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let release = key();
    let second = second();
    let file = folder.path().join("encounter.wasm");
    std::fs::write(&file, &second).expect("written");
    let setup = Server::setup().configure(|config| config.mappings.dir = Some(folder.path().to_owned()));
    let server = trusting(setup, Policy::Deny, &[("release", &release)]).start().await;
    let in_force = async || server.table(TABLE).await["mapping"]["digest"].clone();
    assert_eq!(in_force().await, digest(builtin("encounter")));
    // The signature comes later than the component.
    std::fs::write(beside(&file), release.sign(&second).expect("signed") + "\n").expect("written");
    for _ in 0..600 {
        if in_force().await == digest(&second) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(in_force().await, digest(&second));
    assert_eq!(signer(&server, &second).await["by"], "release");
}
