//! Where an artifact is: `registry.example.org/team/encounter:1.2.0`, or `…@sha256:…`, with or without `oci://`.

use std::fmt;

use crate::model::error::{Code, Error, Result};

/// Characters of a name and of a tag at most (OCI distribution specification).
const NAME_MOST: usize = 255;
const TAG_MOST: usize = 128;

/// Where Docker's own registry answers, which goes by another name.
const DOCKER: (&str, &str) = ("docker.io", "registry-1.docker.io");

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// With its port, as it was written.
    pub registry: String,
    pub name: String,
    pub version: Version,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    Tag(String),
    /// `sha256:<hex>`
    Digest(String),
}

impl Version {
    pub fn text(&self) -> &str {
        match self {
            Self::Tag(text) | Self::Digest(text) => text,
        }
    }
}

impl Reference {
    /// `BadValue`. There is no registry and no tag that is meant where none is written: what handles patient data does not
    /// come from where somebody did not say.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            let error = Error::new(Code::BadValue, format!("the reference {what}")).target("REF");
            error.hint("write it as registry.example.org/team/encounter:1.2.0, or with @sha256:… in place of the tag")
        };
        let rest = text.strip_prefix("oci://").unwrap_or(text);
        let (registry, rest) = rest.split_once('/').ok_or_else(|| wrong("names no registry"))?;
        let is_host = registry == "localhost" || registry.contains(['.', ':']);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if !is_host || !registry.chars().all(fits) {
            return Err(wrong("does not begin with a registry"));
        }
        let (name, version) = match (rest.split_once('@'), rest.rsplit_once(':')) {
            (Some((_, digest)), _) if !is_digest(digest) => {
                return Err(wrong("has a digest that is no `sha256:` and 64 digits"));
            }
            (Some((name, digest)), _) => {
                // A tag beside a digest says nothing more.
                (name.split_once(':').map_or(name, |(name, _)| name), Version::Digest(digest.to_owned()))
            }
            (None, Some((name, tag))) if is_tag(tag) => (name, Version::Tag(tag.to_owned())),
            (None, Some(_)) => return Err(wrong("has a tag that is none")),
            (None, None) => return Err(wrong("has neither a tag nor a digest")),
        };
        if !is_name(name) {
            return Err(wrong("has a name that is none: small letters, digits, `.`, `_`, `-` and `/`"));
        }
        Ok(Self { registry: registry.to_owned(), name: name.to_owned(), version })
    }

    /// The host that is asked.
    pub fn host(&self) -> &str {
        if self.registry == DOCKER.0 { DOCKER.1 } else { &self.registry }
    }

    /// The same, by its digest.
    pub fn pinned(&self, digest: &str) -> Self {
        Self { version: Version::Digest(digest.to_owned()), ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if matches!(self.version, Version::Tag(_)) { ':' } else { '@' };
        write!(f, "{}/{}{between}{}", self.registry, self.name, self.version.text())
    }
}

/// `sha256:` and 64 hex digits.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn is_tag(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=TAG_MOST).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with(['.', '-'])
}

fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        let ends = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        let bytes = part.as_bytes();
        ends(bytes.first()) && ends(bytes.last()) && part.bytes().all(fits) && !part.contains("..")
    };
    text.len() <= NAME_MOST && text.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_says_where_and_which() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let check = |text: &str, registry: &str, name: &str, version: &str| {
            let read = Reference::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((read.registry.as_str(), read.name.as_str(), read.version.text()), (registry, name, version));
            assert_eq!(Reference::parse(&read.to_string()).unwrap(), read);
        };
        check("ghcr.io/team/encounter:1.2.0", "ghcr.io", "team/encounter", "1.2.0");
        check("oci://localhost:5000/a:b", "localhost:5000", "a", "b");
        check("[::1]:5000/a_b/c-d:V1", "[::1]:5000", "a_b/c-d", "V1");
        check(&format!("r.example/a@{digest}"), "r.example", "a", &digest);
        check(&format!("r.example/a:tag@{digest}"), "r.example", "a", &digest);
        assert_eq!(Reference::parse("docker.io/a/b:1").unwrap().host(), "registry-1.docker.io");
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let long = format!("r.example/{}:1", "a".repeat(300));
        for text in [
            "",
            "a",
            "a:1",
            "team/a:1",
            "r.example/a",
            "r.example/:1",
            "r.example/A:1",
            "r.example/a/../b:1",
            "r.example/a//b:1",
            "r.example/a:",
            "r.example/a:-x",
            "r.example/a:x y",
            "r.example/a@sha256:1",
            "r.example/a@md5:1",
            "u@r.example/a:1",
            "r.example?x/a:1",
            "r.example/a?x:1",
            "r.example/a#x:1",
            "https://r.example/a:1",
            "r.example/a%2f:1",
            &long,
        ] {
            let error = Reference::parse(text).expect_err(text);
            assert!(error.code() == Code::BadValue && error.get_hint().is_some(), "{text}");
        }
    }
}
