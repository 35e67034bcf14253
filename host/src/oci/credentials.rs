//! What a registry asks for: a name and a password, from the environment or from where `docker login`, `oras login` and their kin
//! put them.

use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;

use crate::model::error::{Code, Error, Result};

/// For the registry of the command that they are given to.
pub const VARIABLES: [&str; 2] = ["TURNTABLE_REGISTRY_USER", "TURNTABLE_REGISTRY_PASSWORD"];

/// Under which Docker keeps what is for its own registry.
const DOCKER: &str = "https://index.docker.io/v1/";

#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: String,
}

/// Nobody reads it in a log.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// What there is for a registry; None: it is asked without.
    pub fn of(registry: &str) -> Result<Option<Self>> {
        let said = VARIABLES.map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        match said {
            [Some(user), Some(password)] => return Ok(Some(Self { user, password })),
            [None, None] => {}
            _ => {
                let what = format!("of {} and {} one is set", VARIABLES[0], VARIABLES[1]);
                return Err(Error::new(Code::Config, what).hint("set both, or neither"));
            }
        }
        let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".docker")));
        let text = folder.and_then(|folder| std::fs::read_to_string(folder.join("config.json")).ok());
        text.map_or(Ok(None), |text| Self::in_docker(&text, registry))
    }

    /// As `config.json` has them: `{"auths": {"registry.example.org": {"auth": base64 of name:password}}}`.
    fn in_docker(text: &str, registry: &str) -> Result<Option<Self>> {
        let wrong = |what: &str| {
            Error::new(Code::Config, format!("Docker's config.json {what}"))
                .hint(format!("log in anew, or set {} and {}", VARIABLES[0], VARIABLES[1]))
        };
        let config: Value = serde_json::from_str(text).map_err(|_| wrong("is no JSON"))?;
        let name = if registry == "docker.io" { DOCKER } else { registry };
        let helper = config["credHelpers"][registry].as_str().or_else(|| config["credsStore"].as_str());
        let entry = &config["auths"][name];
        match entry["auth"].as_str().filter(|auth| !auth.is_empty()) {
            Some(auth) => {
                let text = BASE64_STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let pair = text.as_deref().and_then(|text| text.split_once(':'));
                let (user, password) = pair.ok_or_else(|| wrong("has credentials that cannot be read"))?;
                Ok(Some(Self { user: user.to_owned(), password: password.to_owned() }))
            }
            None if helper.is_some() && !entry.is_null() => {
                Err(wrong("keeps the credentials in a program of its own, which is not asked here"))
            }
            None => Ok(None),
        }
    }

    pub fn basic(&self) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_keeps_is_read() {
        let auth = BASE64_STANDARD.encode("u:p:q");
        let config = format!(
            r#"{{"auths":{{"r.example":{{"auth":"{auth}"}},"{DOCKER}":{{"auth":"{auth}"}},"h.example":{{}}}},"credsStore":"x"}}"#
        );
        let expected = Some(Credentials { user: "u".into(), password: "p:q".into() });
        assert_eq!(Credentials::in_docker(&config, "r.example").unwrap(), expected);
        assert_eq!(Credentials::in_docker(&config, "docker.io").unwrap(), expected);
        assert_eq!(Credentials::in_docker(&config, "other.example").unwrap(), None);
        assert!(Credentials::in_docker(&config, "h.example").unwrap_err().message().contains("a program of its own"));
        assert_eq!(Credentials::in_docker("{}", "r.example").unwrap(), None);
        assert!(Credentials::in_docker("", "r.example").is_err());
        assert!(!format!("{expected:?}").contains("p:q"));
    }
}
