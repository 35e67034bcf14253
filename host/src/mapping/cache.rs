//! Compiled code on disk, so that a start takes milliseconds. What is read back becomes machine code of this process,
//! so a file counts only with a MAC under a key that lies beside it and that nobody else may read; everything else is
//! as good as no file.

use std::{
    cmp::Reverse,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

const MAC_BYTES: usize = 32;
const KEY_FILE: &str = "key";

#[derive(Debug)]
pub(super) struct Cache {
    directory: PathBuf,
    key: [u8; MAC_BYTES],
    /// Of all kept code.
    files_max: usize,
    bytes_max: u64,
}

impl Cache {
    /// Makes the directory (0700) and its key (0600) where they are missing. So many files are kept, of so many bytes in
    /// all.
    pub(super) fn open(directory: &Path, files_max: usize, bytes_max: u64) -> io::Result<Self> {
        make_private_directory(directory)?;
        let key = match read_key(&directory.join(KEY_FILE)) {
            Some(key) => key,
            None => make_key(directory)?,
        };
        Ok(Self { directory: directory.to_owned(), key, files_max, bytes_max })
    }

    /// The compiled code under this name, if it is there and whole and ours.
    pub(super) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(name)).ok()?;
        let mac: [u8; MAC_BYTES] = bytes.get(..MAC_BYTES)?.try_into().ok()?;
        bytes.drain(..MAC_BYTES);
        let expected = hmac(&self.key, &[name.as_bytes(), &[0], &bytes]);
        // In constant time: all bytes are looked at, whatever the first is.
        let difference = mac.iter().zip(expected).fold(0, |difference, (a, b)| difference | (a ^ b));
        if difference != 0 {
            tracing::warn!(target: "mapping", file = name, "compiled code in the cache is not ours; compiling anew");
            return None;
        }
        Some(bytes)
    }

    /// Keeps the compiled code, all of it or nothing, and lets the oldest go that no longer fit beside it.
    pub(super) fn put(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let mac = hmac(&self.key, &[name.as_bytes(), &[0], code]);
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(&mac)?;
        file.write_all(code)?;
        file.persist(self.path(name))?;
        self.prune()
    }

    /// Everything but the key counts: what a process left that was killed while it wrote, too.
    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            // Another process may have removed it meanwhile.
            let Ok(about) = entry.metadata() else { continue };
            if about.is_file() && entry.file_name() != KEY_FILE {
                files.push((Reverse(about.modified()?), about.len(), entry.path()));
            }
        }
        files.sort_unstable();
        let mut bytes = 0_u64;
        for (at, (_, length, path)) in files.iter().enumerate() {
            bytes = bytes.saturating_add(*length);
            if at >= self.files_max || bytes > self.bytes_max {
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.cwasm"))
    }
}

fn read_key(path: &Path) -> Option<[u8; MAC_BYTES]> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        // A key that others could read or write proves nothing.
        if fs::metadata(path).ok()?.mode() & 0o077 != 0 {
            return None;
        }
    }
    fs::read(path).ok()?.try_into().ok()
}

/// A new key; what was kept under an old one is thereby void. A temporary file is made with mode 0600.
fn make_key(directory: &Path) -> io::Result<[u8; MAC_BYTES]> {
    let mut key = [0; MAC_BYTES];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(&key)?;
    file.persist(directory.join(KEY_FILE))?;
    Ok(key)
}

#[cfg(unix)]
fn make_private_directory(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    if fs::metadata(directory)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private_directory(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)
}

/// HMAC-SHA256 (RFC 2104) for a key of at most a block.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; MAC_BYTES] {
    const BLOCK: usize = 64;
    let mut block = [0; BLOCK];
    block[..key.len()].copy_from_slice(key);
    let mut inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36));
    for part in parts {
        inner.update(part);
    }
    Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c)).chain_update(inner.finalize()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_put_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Cache::open(&directory.path().join("code"), 9, 1 << 20).unwrap();
        let cache = open();
        assert_eq!(cache.get("a"), None);
        cache.put("a", b"machine code").unwrap();
        assert_eq!(open().get("a").as_deref(), Some(&b"machine code"[..]), "and another process finds it");

        let path = |name: &str| directory.path().join("code").join(name);
        let good = fs::read(path("a.cwasm")).unwrap();
        let check = |bytes: &[u8]| {
            fs::write(path("a.cwasm"), bytes).unwrap();
            assert_eq!(cache.get("a"), None);
        };
        let mut tampered = good.clone();
        *tampered.last_mut().unwrap() ^= 1;
        check(&tampered);
        check(&good[..good.len() - 1]);
        check(&good[..7]);
        check(b"");
        fs::write(path("b.cwasm"), &good).unwrap();
        assert_eq!(cache.get("b"), None, "a file under another name");

        fs::write(path("a.cwasm"), &good).unwrap();
        assert!(cache.get("a").is_some());
        fs::write(path(KEY_FILE), b"short").unwrap();
        assert_eq!(open().get("a"), None, "a new key voids what lies there");
    }

    #[test]
    fn the_newest_are_kept_within_both_limits() {
        let check = |files_max: usize, bytes_max: u64, expected: [bool; 4]| {
            let directory = tempfile::tempdir().unwrap();
            // What was left half written is the oldest.
            fs::write(directory.path().join(".tmpleft"), [0; 100]).unwrap();
            let cache = Cache::open(directory.path(), files_max, bytes_max).unwrap();
            for name in ["a", "b", "c"] {
                // File systems tell times apart only so finely.
                std::thread::sleep(std::time::Duration::from_millis(20));
                cache.put(name, &[0; 100]).unwrap();
            }
            let [a, b, c] = ["a", "b", "c"].map(|name| cache.get(name).is_some());
            assert_eq!([directory.path().join(".tmpleft").exists(), a, b, c], expected, "{files_max} {bytes_max}");
            assert!(directory.path().join(KEY_FILE).exists());
        };
        check(9, 1 << 20, [true, true, true, true]);
        check(3, 1 << 20, [false, true, true, true]);
        check(2, 1 << 20, [false, false, true, true]);
        check(9, 3 * (100 + MAC_BYTES as u64), [false, true, true, true]);
        check(9, 2 * (100 + MAC_BYTES as u64), [false, false, true, true]);
        check(9, 99, [false, false, false, false]);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_look() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let open = || Cache::open(directory.path(), 9, 1 << 20).unwrap();
        let first = open();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let key = directory.path().join(KEY_FILE);
        assert_eq!((mode(directory.path()), mode(&key)), (0o700, 0o600));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert_ne!(open().key, first.key, "a key that was open is not used again");
    }

    #[test]
    fn hmac_as_rfc_4231_has_it() {
        let hex = |bytes: [u8; MAC_BYTES]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let check = |key: &[u8], data: &[&[u8]], expected: &str| assert_eq!(hex(hmac(key, data)), expected);
        check(&[0x0b; 20], &[b"Hi ", b"There"], "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        check(
            b"Jefe",
            &[b"what do ya want for nothing?"],
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        );
    }
}
