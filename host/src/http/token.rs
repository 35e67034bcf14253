//! The token of administrators: made at the first start, kept in the data folder where its owner alone can read it. Where
//! there is no login it is asked of pages, or of everybody where the configuration says so; where there is one it is one
//! way more to show who one is.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use axum::http::{HeaderMap, HeaderValue, Method, header};
use sha2::{Digest, Sha256};

use crate::model::error::{Code, Error, Result};

/// Its file in the data folder.
pub const FILE: &str = "admin-token";

/// Characters of a token at least.
const LEAST: usize = 16;

/// Whom the admin API asks for the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// Pages; programs on this machine need none.
    #[default]
    Browsers,
    /// Everybody.
    Required,
}

/// The token, as something to hold others against. It is not kept itself.
#[derive(Clone)]
pub struct AdminToken {
    digest: [u8; 32],
    asked: Asked,
}

impl AdminToken {
    pub fn new(token: &str, asked: Asked) -> Self {
        Self { digest: Sha256::digest(token).into(), asked }
    }

    /// Whether a text is this token.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        // The digests are compared: how long that takes says nothing of the token.
        <[u8; 32]>::from(Sha256::digest(text)) == self.digest
    }

    /// `Unauthorized` for a wrong token, and where there has to be one and is none.
    pub(super) fn check(&self, method: &Method, path: &str, by_page: bool, headers: &HeaderMap) -> Result<()> {
        if matches!(*method, Method::GET | Method::HEAD) && path == "/admin/v1/openapi.json" {
            return Ok(());
        }
        let mut said = headers.get_all(header::AUTHORIZATION).iter().filter_map(bearer);
        match (said.next(), said.next()) {
            (Some(token), None) if self.is(token) => Ok(()),
            (None, _) if self.asked == Asked::Browsers && !by_page => Ok(()),
            (None, _) => Err(unauthorized("the admin API asks for a token here")),
            _ => Err(unauthorized("this is not the token of this server")),
        }
    }
}

fn unauthorized(message: &str) -> Error {
    Error::new(Code::Unauthorized, message)
        .target("Authorization")
        .hint(format!("send `Authorization: Bearer TOKEN`; the token is in the file `{FILE}` of the data folder"))
}

/// The token of `Bearer` (RFC 6750, 2.1); what a proxy has asked for in another scheme is none.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// A token that somebody has chosen; `Config` for one that could be guessed.
pub fn chosen(token: String) -> Result<String> {
    if token.trim().len() >= LEAST {
        return Ok(token.trim().to_owned());
    }
    Err(Error::new(Code::Config, format!("the token of administrators has less than {LEAST} characters"))
        .target("TURNTABLE_ADMIN_TOKEN"))
}

/// The token of a data folder, made if there is none yet; the folder is there. `Store` where it cannot be kept.
pub fn of_folder(folder: &Path) -> Result<String> {
    if let Some(token) = known_of(folder)? {
        return Ok(token);
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|e| Error::new(Code::Internal, "the system gives no random numbers").internal(e.to_string()))?;
    let token = random.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let file = folder.join(FILE);
    // Written whole before it has its name: who finds the file finds a token.
    let written = tempfile::NamedTempFile::new_in(folder)
        .and_then(|mut made| made.write_all(token.as_bytes()).map(|()| made))
        .and_then(|made| made.persist_noclobber(&file).map_err(|e| e.error));
    match written {
        Ok(_) => Ok(token),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(known_of(folder)?.unwrap_or(token)),
        Err(error) => Err(Error::new(Code::Store, format!("{} cannot be written: {error}", file.display()))),
    }
}

/// The token that a data folder has. `Store` for a file that cannot be read, or holds none.
pub fn known_of(folder: &Path) -> Result<Option<String>> {
    let file = folder.join(FILE);
    let bad = |what: String| {
        let error = Error::new(Code::Store, format!("{} {what}", file.display()));
        error.hint("delete it, and the next start makes a new one")
    };
    match fs::read_to_string(&file) {
        Ok(text) if text.trim().len() >= LEAST => Ok(Some(text.trim().to_owned())),
        Ok(_) => Err(bad(format!("holds no token of at least {LEAST} characters"))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(bad(format!("cannot be read: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENAPI: &str = "/admin/v1/openapi.json";

    #[test]
    fn it_is_asked_of_whom_the_configuration_says() {
        let check = |asked, method: &Method, path: &str, by_page, said: &[&str], expected: bool| {
            let said = said.iter().map(|value| (header::AUTHORIZATION, HeaderValue::try_from(*value).unwrap()));
            let token = AdminToken::new("0123456789abcdef", asked);
            let found = token.check(method, path, by_page, &said.collect());
            assert_eq!(found.is_ok(), expected, "{asked:?} {method} {path} {by_page}: {found:?}");
        };
        let all = [Asked::Browsers, Asked::Required];
        let right = "Bearer 0123456789abcdef";
        for (asked, method) in all.iter().flat_map(|asked| [(*asked, Method::GET), (*asked, Method::POST)]) {
            let required = asked == Asked::Required;
            let check =
                |by_page, said: &[&str], expected| check(asked, &method, "/admin/v1/x", by_page, said, expected);
            check(false, &[], !required);
            check(true, &[], false);
            for by_page in [false, true] {
                check(by_page, &[right], true);
                check(by_page, &["bearer  0123456789abcdef "], true);
                check(by_page, &["Bearer 0123456789abcdeg"], false);
                check(by_page, &["Bearer 0123456789abcdef0"], false);
                check(by_page, &["Bearer "], false);
                check(by_page, &[right, right], false);
                // A proxy has asked who it is.
                check(by_page, &["Basic dTpw"], !required && !by_page);
                check(by_page, &["Basic dTpw", right], true);
                check(by_page, &["Bear"], !required && !by_page);
            }
        }
        check(Asked::Required, &Method::GET, OPENAPI, true, &[], true);
        check(Asked::Required, &Method::POST, OPENAPI, true, &[], false);
    }

    #[test]
    fn a_data_folder_keeps_its_token() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(known_of(folder.path()).unwrap(), None);
        let token = of_folder(folder.path()).unwrap();
        assert_eq!(token.len(), 64);
        assert_eq!(of_folder(folder.path()).unwrap(), token);
        assert_eq!(known_of(folder.path()).unwrap(), Some(token.clone()));
        let other = tempfile::tempdir().unwrap();
        assert_ne!(of_folder(other.path()).unwrap(), token);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(folder.path().join(FILE), "short\n").unwrap();
        assert_eq!(known_of(folder.path()).unwrap_err().code(), Code::Store);
        assert_eq!(chosen("short".to_owned()).unwrap_err().code(), Code::Config);
        assert_eq!(chosen(" 0123456789abcdef\n".to_owned()).unwrap(), "0123456789abcdef");
        fs::write(folder.path().join(FILE), "one of somebody's own\n").unwrap();
        assert_eq!(of_folder(folder.path()).unwrap(), "one of somebody's own");
    }
}
