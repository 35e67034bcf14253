//! `[auth.oidc.NAME.sign_in]`: people sign in at a provider on the pages.

use super::written::{Problems, Section};
use super::{Checker, quoted};
use crate::identity::sign_in::SignInSettings;

/// None where it is not there, or only where a problem was noted.
pub(super) fn read(checker: &mut Checker<'_>, provider: &str, of: &mut Section) -> Option<SignInSettings> {
    let mut section = of.optional("sign_in", checker.problems)?;
    let client_id = section.required("client_id", checker.problems).map(|(text, _)| text);
    let client_secret = match section.has("client_secret") {
        true => Some(checker.secret(&mut section, "client_secret")?),
        false => None,
    };
    let text = |section: &mut Section, key, problems: &mut Problems| section.text(key, problems).map(|(text, _)| text);
    let scope = text(&mut section, "scope", checker.problems);
    let resource = text(&mut section, "resource", checker.problems);
    let label = text(&mut section, "label", checker.problems);
    section.end(checker.problems);
    Some(SignInSettings {
        client_id: client_id?,
        client_secret,
        scope: scope.unwrap_or_else(|| SignInSettings::SCOPE.to_owned()),
        resource,
        label: label.unwrap_or_else(|| provider.to_owned()),
    })
}

/// As a file that says the same, a table in a line.
pub(super) fn toml(settings: &SignInSettings) -> String {
    let SignInSettings { client_id, client_secret, scope, resource, label } = settings;
    let mut parts = vec![format!("client_id = {}", quoted(client_id))];
    parts.extend(client_secret.as_ref().map(|secret| format!("client_secret = {secret}")));
    parts.push(format!("scope = {}", quoted(scope)));
    parts.extend(resource.as_ref().map(|resource| format!("resource = {}", quoted(resource))));
    parts.push(format!("label = {}", quoted(label)));
    format!("sign_in = {{ {} }}", parts.join(", "))
}
