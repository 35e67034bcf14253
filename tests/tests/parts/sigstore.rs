//! Sigstore's own verifier (npm `@sigstore/verify`, by `tests/clients/sigstore.mjs`) takes what `turntable mapping sign` writes, by
//! the public key alone, and refuses what is of another file or key.

use std::path::Path;
use std::process::Command;

use turntable::mapping::signature::PrivateKey;
use turntable_test_data::skipped;
use turntable_tests::builtin;

#[test]
fn its_verifier_takes_our_signatures() {
    let Some(modules) = std::env::var_os("TURNTABLE_TEST_SIGSTORE_JS") else {
        return skipped(
            "no verifier of Sigstore (npm install @sigstore/verify@3.1.1 @sigstore/bundle@4.0.0, set \
             TURNTABLE_TEST_SIGSTORE_JS to where it is)",
        );
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let key = || PrivateKey::generate().expect("a key");
    let (ours, others, component) = (key(), key(), builtin("encounter"));
    let component_file = file("encounter.wasm", component);
    let signature = file("encounter.wasm.sig", ours.sign(component).expect("signed").as_bytes());
    let (public, foreign) =
        (file("ours.pub", ours.public().pem().as_bytes()), file("others.pub", others.public().pem().as_bytes()));
    let changed = file("changed.wasm", &[component, b"\0".as_slice()].concat());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/sigstore.mjs");
    for (key, file, expected) in
        [(&public, &component_file, "verified"), (&public, &changed, "refused"), (&foreign, &component_file, "refused")]
    {
        let ran = Command::new("node").arg(&script).arg(&modules).args([key, file, &signature]).output();
        let ran = ran.expect("node starts");
        let said = String::from_utf8_lossy(&ran.stdout).trim().to_owned();
        assert_eq!(said, expected, "{}: {}", file.display(), String::from_utf8_lossy(&ran.stderr));
    }
}
