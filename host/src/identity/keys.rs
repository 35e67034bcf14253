//! API keys, in a file of the data folder that is this user's alone: commands write it whether a server runs or not, and a
//! server looks at it again when it has changed. A key is 256 random bits, so its SHA-256 is all that is kept of it: there
//! is nothing to guess, and no salt or slow hash would make it safer. Backups of the store have no keys in them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::model::caller::{Caller, Kind, Role};
use crate::model::error::{Code, Error, Result};

/// The file in the data folder.
pub const FILE: &str = "api-keys.json";

/// Who changes the file holds this one locked.
pub const LOCK: &str = "api-keys.lock";

/// By this programs that look for secrets in texts know one of ours.
const PREFIX: &str = "ttk_";

/// Bytes of the file at most: it would not be ours.
const FILE_BYTES: u64 = 64 << 20;

/// Bytes of a name or a role.
const NAME_BYTES: usize = 64;

/// Bytes of the claims of one key, as JSON.
const CLAIMS_BYTES: usize = 4 << 10;

/// The keys of a data folder, as a server knows them.
#[derive(Debug, Default)]
pub struct Keys {
    folder: PathBuf,
    known: ArcSwap<Known>,
}

#[derive(Debug, Default)]
struct Known {
    stamp: Option<Stamp>,
    keys: Vec<Key>,
    /// Places of keys by their hashes. Finding one takes no time that says anything of a key: whoever tries cannot choose
    /// the bytes of a hash.
    places: HashMap<String, usize>,
}

/// The state of the file: it is always another file that takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    changed: Option<SystemTime>,
    bytes: u64,
    number: u64,
}

/// A key, without what only its owner has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub name: String,
    /// SHA-256, in hexadecimal digits.
    hash: String,
    pub roles: BTreeSet<String>,
    /// What row rules may know of the caller.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, Value>,
    #[serde(with = "moment")]
    pub created: Timestamp,
    pub created_by: String,
    #[serde(default, with = "moment_or_none", skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// As RFC 3339 has it.
mod moment {
    use jiff::Timestamp;
    use serde::de::{Deserialize as _, Deserializer, Error as _};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(|_| D::Error::custom("no moment"))
    }
}

mod moment_or_none {
    use jiff::Timestamp;
    use serde::de::Deserializer;
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => to.collect_str(at),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        super::moment::deserialize(from).map(Some)
    }
}

/// A key to be made.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    pub name: String,
    pub roles: Vec<String>,
    pub claims: BTreeMap<String, Value>,
    pub expires: Option<Timestamp>,
}

#[derive(Default, Serialize, Deserialize)]
struct Written {
    keys: Vec<Key>,
}

impl Keys {
    /// `Store` for a file that cannot be read, or is none of ours.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self { folder: folder.to_owned(), known: ArcSwap::from_pointee(Known::read(folder)?) })
    }

    /// Who has this key; None for one that is not known, or not good any more.
    pub fn caller(&self, secret: &str, now: Timestamp) -> Option<Caller> {
        let known = self.known.load();
        let key = known.keys.get(*known.places.get(&hash(secret))?)?;
        key.is_good(now).then(|| {
            let name = format!("key:{}", key.name);
            Caller::new(Kind::Key, name, key.roles.iter().cloned()).with_claims(key.claims.clone())
        })
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Key> {
        self.known.load().keys.clone()
    }

    /// Reads the file again if it is another; whether it was. An error leaves what was known.
    pub fn look(&self) -> Result<bool> {
        if stamp(&self.folder.join(FILE))? == self.known.load().stamp {
            return Ok(false);
        }
        self.known.store(Arc::new(Known::read(&self.folder)?));
        Ok(true)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Known {
    fn read(folder: &Path) -> Result<Self> {
        // The stamp first: a file that takes its place in between is read again.
        let stamp = stamp(&folder.join(FILE))?;
        let keys = read(folder)?.keys;
        let places = keys.iter().enumerate().map(|(place, key)| (key.hash.clone(), place)).collect();
        Ok(Self { stamp, keys, places })
    }
}

impl Key {
    /// Whether it has not expired.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|at| now < at)
    }
}

/// The keys of a data folder, by name. `Store` for a file that cannot be read, or is none of ours.
pub fn list(folder: &Path) -> Result<Vec<Key>> {
    read(folder).map(|written| written.keys)
}

/// Makes a key: what its owner is to send, which is not kept. The folder is made if it is not there. `BadValue` for a name,
/// a role or claims that cannot be, `AlreadyExists` for a name that has a key, `Conflict` where there are `most` keys.
pub fn create(folder: &Path, new: NewKey, by: &str, most: usize) -> Result<(String, Key)> {
    check(&new)?;
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|e| Error::new(Code::Internal, "the system gives no random numbers").internal(e.to_string()))?;
    let secret = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    let key = Key {
        name: new.name,
        hash: hash(&secret),
        roles: new.roles.into_iter().collect(),
        claims: new.claims,
        created: now(),
        created_by: by.to_owned(),
        expires: new.expires,
    };
    change(folder, |keys| {
        if keys.iter().any(|known| known.name == key.name) {
            return Err(Error::new(Code::AlreadyExists, format!("there is a key of the name `{}`", key.name))
                .target("name")
                .hint("revoke it, or take another name"));
        }
        if keys.len() >= most {
            return Err(Error::new(
                Code::Conflict,
                format!("there are as many keys as `limits.api_keys` allows, {most}"),
            )
            .hint("revoke those that nobody uses"));
        }
        keys.push(key.clone());
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    })?;
    Ok((secret, key))
}

/// Takes a key out, for good. `NotFound` where there is none of this name.
pub fn revoke(folder: &Path, name: &str) -> Result<()> {
    change(folder, |keys| {
        let before = keys.len();
        keys.retain(|key| key.name != name);
        match keys.len() < before {
            true => Ok(()),
            false => Err(Error::new(Code::NotFound, "there is no key of this name").target("name")),
        }
    })
}

/// When something expires that lasts for `90d`, `12h`, `30m`, `2w`; or a moment by RFC 3339. `BadValue`.
pub fn expiry(text: &str) -> Result<Timestamp> {
    let bad = |message: &str| {
        Error::new(Code::BadValue, message)
            .target("expires")
            .hint("write `90d`, `12h`, or a moment: 2027-01-31T00:00:00Z")
    };
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).unwrap_or_default();
            let hours = match unit {
                "h" => 1,
                "d" => 24,
                "w" => 24 * 7,
                _ => return Err(bad("this is neither a duration nor a moment")),
            };
            let number = number.parse::<u32>().map_err(|_| bad("this is neither a duration nor a moment"))?;
            let span = jiff::SignedDuration::from_hours(i64::from(number) * hours);
            now().checked_add(span).map_err(|_| bad("this is too far away"))?
        }
    };
    if at > Timestamp::now() { Ok(at) } else { Err(bad("this has passed")) }
}

/// Of credentials that are none.
pub fn not_accepted() -> Error {
    Error::new(Code::Unauthorized, "the credentials are not accepted").target("Authorization")
}

/// Seconds are enough.
fn now() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default()
}

fn hash(secret: &str) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(new: &NewKey) -> Result<()> {
    let bad = |target: &str, message: String| Err(Error::new(Code::BadValue, message).target(target));
    let is_word = |text: &str| {
        let of = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@');
        (1..=NAME_BYTES).contains(&text.len()) && text.bytes().all(of)
    };
    if !is_word(&new.name) {
        let what = format!("the name of a key has up to {NAME_BYTES} letters, digits, and `-`, `_`, `.`, `@`");
        return bad("name", what);
    }
    if new.roles.is_empty() {
        let known = Role::ALL.map(Role::name).join(", ");
        return bad("roles", format!("a key has at least one role: {known}"));
    }
    if let Some(role) = new.roles.iter().find(|role| role.is_empty() || role.len() > NAME_BYTES) {
        return bad("roles", format!("`{role}` is no name of a role: it has up to {NAME_BYTES} bytes"));
    }
    let bytes = serde_json::to_vec(&new.claims).map_or(usize::MAX, |json| json.len());
    if bytes > CLAIMS_BYTES || new.claims.keys().any(String::is_empty) {
        return bad("claims", format!("the claims of a key have names, and up to {CLAIMS_BYTES} bytes as JSON"));
    }
    Ok(())
}

/// Changes the file: one at a time, all or nothing.
fn change(folder: &Path, change: impl FnOnce(&mut Vec<Key>) -> Result<()>) -> Result<()> {
    make_folder(folder).map_err(|error| unusable(&error))?;
    let lock = private(OpenOptions::new().create(true).truncate(false).write(true)).open(folder.join(LOCK));
    let lock: File = lock.map_err(|error| unusable(&error))?;
    lock.lock().map_err(|error| unusable(&error))?;
    let mut written = read(folder)?;
    change(&mut written.keys)?;
    let json = serde_json::to_vec_pretty(&written)
        .map_err(|error| Error::new(Code::Internal, "keys cannot be written").internal(error.to_string()))?;
    let replaced = tempfile::NamedTempFile::new_in(folder).and_then(|mut made| {
        made.write_all(&json)?;
        made.as_file().sync_all()?;
        made.persist(folder.join(FILE)).map_err(|error| error.error)?;
        // So that the name leads to it, too, after the power fails.
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        Ok(())
    });
    replaced.map_err(|error| unusable(&error))
}

fn read(folder: &Path) -> Result<Written> {
    let file = folder.join(FILE);
    let bad = |what: &str| Error::new(Code::Store, format!("{} {what}", file.display())).target("data_dir");
    match fs::metadata(&file) {
        Ok(found) if found.len() > FILE_BYTES => return Err(bad("is too large to be a file of keys")),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Written::default()),
        Err(error) => return Err(bad("cannot be read").internal(error.to_string())),
    }
    let bytes = fs::read(&file).map_err(|error| bad("cannot be read").internal(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        bad("holds no keys")
            .hint("delete it, and make the keys anew (`turntable key create`)")
            .internal(error.to_string())
    })
}

fn stamp(file: &Path) -> Result<Option<Stamp>> {
    match fs::metadata(file) {
        Ok(found) => {
            #[cfg(unix)]
            let number = std::os::unix::fs::MetadataExt::ino(&found);
            #[cfg(not(unix))]
            let number = 0;
            Ok(Some(Stamp { changed: found.modified().ok(), bytes: found.len(), number }))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(&error)),
    }
}

fn unusable(error: &io::Error) -> Error {
    Error::new(Code::Store, format!("the file of API keys cannot be used: {error}"))
        .target("data_dir")
        .hint("let this user write to the data folder")
}

/// For this user alone.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut made = fs::DirBuilder::new();
    made.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut made, 0o700);
    made.create(path)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(name: &str, role: &str) -> NewKey {
        NewKey { name: name.to_owned(), roles: vec![role.to_owned()], ..NewKey::default() }
    }

    #[test]
    fn a_key_is_known_until_it_is_revoked_or_expires() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(folder.path()).unwrap();
        let now = Timestamp::now();
        let (first, _) = create(folder.path(), new("a", "reader"), "test", 10).unwrap();
        assert_eq!(keys.caller(&first, now), None, "it has not looked yet");
        assert!(keys.look().unwrap());
        assert!(!keys.look().unwrap(), "nothing has changed");
        let caller = keys.caller(&first, now).unwrap();
        assert_eq!((caller.name(), caller.kind(), caller.has(Role::Reader)), ("key:a", Kind::Key, true));
        for other in ["", "ttk_", &first[1..], &first[..first.len() - 1], &format!("{first} "), &hash(&first)] {
            assert_eq!(keys.caller(other, now), None, "{other}");
        }
        let expires = now.checked_add(jiff::SignedDuration::from_hours(1)).unwrap();
        let (second, _) =
            create(folder.path(), NewKey { expires: Some(expires), ..new("b", "x") }, "test", 10).unwrap();
        keys.look().unwrap();
        assert!(keys.caller(&second, now).is_some());
        assert_eq!(keys.caller(&second, expires), None);
        revoke(folder.path(), "a").unwrap();
        keys.look().unwrap();
        assert_eq!(keys.caller(&first, now), None);
        assert_eq!(revoke(folder.path(), "a").unwrap_err().code(), Code::NotFound);
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!text.contains(&second) && text.contains(&hash(&second)));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_cannot_be_a_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let check = |key: NewKey, most: usize, expected: Code| {
            assert_eq!(create(folder.path(), key.clone(), "test", most).unwrap_err().code(), expected, "{key:?}");
        };
        create(folder.path(), new("a", "reader"), "test", 10).unwrap();
        check(new("a", "reader"), 10, Code::AlreadyExists);
        check(new("b", "reader"), 1, Code::Conflict);
        check(new("", "reader"), 10, Code::BadValue);
        check(new("a b", "reader"), 10, Code::BadValue);
        check(new(&"a".repeat(65), "reader"), 10, Code::BadValue);
        check(NewKey { roles: Vec::new(), ..new("b", "x") }, 10, Code::BadValue);
        let claims = BTreeMap::from([("a".to_owned(), Value::from("x".repeat(CLAIMS_BYTES)))]);
        check(NewKey { claims, ..new("b", "x") }, 10, Code::BadValue);
        fs::write(folder.path().join(FILE), "{").unwrap();
        check(new("b", "reader"), 10, Code::Store);
    }

    #[test]
    fn what_was_known_stays_where_the_file_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, _) = create(folder.path(), new("a", "reader"), "test", 10).unwrap();
        let keys = Keys::open(folder.path()).unwrap();
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(keys.look().unwrap_err().code(), Code::Store);
        assert!(keys.caller(&secret, Timestamp::now()).is_some());
        fs::remove_file(folder.path().join(FILE)).unwrap();
        assert!(keys.look().unwrap());
        assert_eq!(keys.caller(&secret, Timestamp::now()), None);
    }

    #[test]
    fn many_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let folder = folder.path();
                scope.spawn(move || create(folder, new(&format!("k{number}"), "reader"), "test", 10).unwrap());
            }
        });
        assert_eq!(list(folder.path()).unwrap().len(), 8);
    }

    #[test]
    fn expiries() {
        let hours = |text: &str| expiry(text).map(|at| (at.as_second() - Timestamp::now().as_second() + 30) / 3_600);
        assert_eq!(hours("90d").unwrap(), 90 * 24);
        assert_eq!(hours("2w").unwrap(), 14 * 24);
        assert_eq!(hours("1h").unwrap(), 1);
        assert!(expiry("2999-01-01T00:00:00Z").is_ok());
        for bad in ["", "d", "0d", "-1d", "90", "1.5d", "2001-01-01T00:00:00Z", "9999999999d", "4294967295w", "é"] {
            assert_eq!(expiry(bad).map_err(|error| error.code()), Err(Code::BadValue), "{bad}");
        }
    }
}
