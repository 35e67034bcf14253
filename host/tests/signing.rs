//! `turntable mapping keygen`, `sign`, `verify` by the binary, and that what they write and read is what openssl does.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn mapping(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turntable"));
    command.arg("mapping").args(arguments).current_dir(folder).output().expect("it runs")
}

#[track_caller]
fn expect(output: &Output, status: i32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "stdout: {out}\nstderr: {err}");
    if status == 0 { out } else { err }
}

#[test]
fn a_component_is_signed_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (at, run) = (folder.path(), |arguments: &[&str]| mapping(folder.path(), arguments));
    fs::write(at.join("c.wasm"), "component").unwrap();
    let made = expect(&run(&["keygen", "-o", "ci", "--json"]), 0);
    let made: Value = serde_json::from_str(&made).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(at.join("ci.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // A pair that is there stays.
    assert!(expect(&run(&["keygen", "-o", "ci"]), 1).contains("-o"));
    expect(&run(&["keygen", "-o", "other"]), 0);
    expect(&run(&["sign", "c.wasm", "--key", "ci.key"]), 0);
    let verified = expect(&run(&["verify", "c.wasm", "--key", "other.pub", "--key", "ci.pub", "--json"]), 0);
    let verified: Value = serde_json::from_str(&verified).unwrap();
    assert_eq!((&verified["by"], &verified["key"]), (&"ci.pub".into(), &made["fingerprint"]));
    // By what a configuration trusts.
    fs::write(at.join("t.toml"), "[mappings.keys]\nrelease = { file = \"ci.pub\" }\n").unwrap();
    assert!(expect(&run(&["verify", "c.wasm", "--config", "t.toml"]), 0).starts_with("signed by release (sha256:"));

    assert!(expect(&run(&["verify", "c.wasm", "--key", "other.pub"]), 1).contains("not one of a trusted key"));
    assert!(expect(&run(&["verify", "c.wasm", "--key", "ci.key"]), 1).contains("private key"));
    assert!(expect(&run(&["sign", "c.wasm", "--key", "ci.pub"]), 1).contains("no private key"));
    fs::write(at.join("c.wasm"), "Component").unwrap();
    assert!(expect(&run(&["verify", "c.wasm", "--key", "ci.pub"]), 1).contains("not one of a trusted key"));
    fs::remove_file(at.join("c.wasm.sig")).unwrap();
    assert!(expect(&run(&["verify", "c.wasm", "--key", "ci.pub"]), 1).contains("c.wasm.sig cannot be read"));
}

#[test]
fn openssl_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let openssl = |line: &str| {
        Command::new("openssl").args(line.split(' ')).current_dir(at).output().map(|output| output.status.success())
    };
    if !matches!(openssl("version"), Ok(true)) {
        assert!(
            std::env::var("TURNTABLE_TEST_ALL").as_deref() != Ok("1"),
            "TURNTABLE_TEST_ALL=1, and there is no openssl"
        );
        let _ = writeln!(std::io::stderr(), "skipped: openssl is not here");
        return;
    }
    let run = |line: &str| assert!(openssl(line).unwrap(), "openssl {line}");
    fs::write(at.join("c.wasm"), "component").unwrap();
    // Signed here, verified there.
    expect(&mapping(at, &["keygen", "-o", "ours"]), 0);
    expect(&mapping(at, &["sign", "c.wasm", "--key", "ours.key"]), 0);
    run("base64 -d -A -in c.wasm.sig -out c.der");
    run("dgst -sha256 -verify ours.pub -signature c.der c.wasm");
    // And the other way, by a key on P-256 and one on Ed25519.
    run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out theirs.key");
    run("pkey -in theirs.key -pubout -out theirs.pub");
    run("dgst -sha256 -sign theirs.key -out c.der c.wasm");
    run("base64 -A -in c.der -out c.wasm.sig");
    expect(&mapping(at, &["verify", "c.wasm", "--key", "theirs.pub"]), 0);
    expect(&mapping(at, &["sign", "c.wasm", "--key", "theirs.key"]), 0);
    expect(&mapping(at, &["verify", "c.wasm", "--key", "theirs.pub"]), 0);
    run("genpkey -algorithm ed25519 -out ed.key");
    run("pkey -in ed.key -pubout -out ed.pub");
    run("pkeyutl -sign -rawin -inkey ed.key -in c.wasm -out c.der");
    run("base64 -A -in c.der -out c.wasm.sig");
    expect(&mapping(at, &["verify", "c.wasm", "--key", "ed.pub"]), 0);
    expect(&mapping(at, &["sign", "c.wasm", "--key", "ed.key"]), 0);
    expect(&mapping(at, &["verify", "c.wasm", "--key", "ed.pub"]), 0);
}
