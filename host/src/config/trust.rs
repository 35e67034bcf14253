//! `mappings.signatures` and `[mappings.keys]`: whose signatures of components are trusted, and what becomes of all others.

use super::written::{Node, Place, Problems, Section};
use super::{key, quoted};
use crate::mapping::signature::{BUILT_IN, Policy, PublicKey, Trust};
use crate::model::error::{Code, Error, Result};

pub(super) fn read(mappings: &mut Section, problems: &mut Problems) -> Trust {
    let mut trust = Trust::default();
    let said = mappings.text("signatures", problems);
    if let Some((text, place)) = &said {
        match Policy::named(text) {
            Some(policy) => trust.policy = policy,
            None => problems.error(
                place,
                format_args!("`mappings.signatures` = {text:?}: must be \"deny\", \"warn\" or \"allow\""),
            ),
        }
    }
    let keys = mappings.section("keys", problems);
    for (name, path, value) in keys.entries() {
        if name == BUILT_IN || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            let what = format_args!("`{path}`: a key cannot have this name; use letters, digits, `-`, `_` and `.`");
            problems.error(&value.place, what);
        }
        let place = value.place.clone();
        let pem = match value.node {
            Node::Text(text) => Ok(text),
            Node::Table(_) => {
                let mut reference = Section::from_value(path.clone(), value, problems);
                let file = reference.text("file", problems);
                reference.end(problems);
                file.map_or_else(|| Err(neither()), |(file, _)| of_file(&file))
            }
            _ => Err(neither()),
        };
        match pem.and_then(|pem| PublicKey::from_pem(&pem)) {
            Ok(public) => _ = trust.keys.insert(name, public),
            Err(error) => {
                let hint = error.get_hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                problems.error(&place, format_args!("`{path}`: {}{hint}", error.message()));
            }
        }
    }
    if trust.policy != Policy::Allow && trust.keys.is_empty() {
        let place = said.map_or(Place::Nowhere, |(_, place)| place);
        let what = format_args!(
            "`mappings.signatures` is \"{}\", and `mappings.keys` names no key: no mapping that somebody loads is signed by \
             a trusted one",
            trust.policy.name()
        );
        problems.warning(&place, what);
    }
    trust
}

fn neither() -> Error {
    Error::new(Code::Config, "write the public key in PEM as text, or { file = \"path\" }")
}

fn of_file(path: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| Error::new(Code::Config, format!("{path:?} cannot be read: {e}")))
}

/// As a file that says the same: the policy, then the keys as they are.
pub(super) fn toml(trust: &Trust) -> (String, String) {
    let keys = trust.keys.iter().map(|(name, public)| format!("{} = {}\n", key(name), quoted(public.pem())));
    let keys: String = keys.collect();
    let section = if keys.is_empty() { keys } else { format!("\n[mappings.keys]\n{keys}") };
    (quoted(trust.policy.name()), section)
}
