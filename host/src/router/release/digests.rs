//! Versions by the beginning of their digest, as people type them, and what was in force when.

use crate::model::error::{Code, Error, Result};
use crate::router::snapshot::Turntable;
use crate::store::control::Activation;

/// Hex digits of a digest at least, and at most.
const LEAST: usize = 6;
const WHOLE: usize = 64;

impl Turntable {
    /// The digest that begins so, with `sha256:` or without. What is no beginning is given back as it is, and is then no
    /// version's. `NotFound`, or `BadValue` where several begin so.
    pub async fn whole_digest(&self, text: &str) -> Result<String> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let is_short = (LEAST..WHOLE).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_short {
            return Ok(text.to_owned());
        }
        let beginning = format!("sha256:{}", digits.to_ascii_lowercase());
        let mappings = self.store.mappings().await?;
        let mut found =
            mappings.into_iter().map(|mapping| mapping.digest).filter(|digest| digest.starts_with(&beginning));
        match (found.next(), found.next()) {
            (Some(digest), None) => Ok(digest),
            (None, _) => {
                let error = Error::new(Code::NotFound, "no mapping whose digest begins so has been loaded");
                Err(error.target("digest"))
            }
            (Some(one), Some(other)) => {
                let error = Error::new(Code::BadValue, "several digests begin so").target("digest");
                Err(error.hint(format!("{one} and {other} are two of them: write more of it")))
            }
        }
    }

    /// What was put in force for a table, the last first; a child table has what its root has.
    pub async fn activations(&self, table: &str) -> Result<Vec<Activation>> {
        let root = {
            let live = self.snapshot();
            live.root(live.table(table)?).table.name.clone()
        };
        self.store.activations(&root).await
    }
}
