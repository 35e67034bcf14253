//! Files that commands write: none is written over.

use std::io::Write as _;
use std::path::Path;

use crate::model::error::{Code, Error, Result};

/// Writes a file that is not there yet; one that is secret for this user alone. `BadRequest` where it is there, or cannot be
/// written.
pub(super) fn write_new(path: &Path, text: &str, is_secret: bool) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if is_secret { 0o600 } else { 0o644 });
    #[cfg(not(unix))]
    let _ = is_secret;
    let written =
        options.open(path).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|e| {
        let error = Error::new(Code::BadRequest, format!("{} cannot be written: {e}", path.display()));
        if e.kind() == std::io::ErrorKind::AlreadyExists { error.hint("give another name with -o") } else { error }
    })
}
