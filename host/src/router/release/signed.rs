//! Whose signature a version has. A component is held to the policy before anything looks at it, and again when it is put in
//! force: by then another key may be trusted, or none. What is in force stays, and is named in the log.

use serde_json::{Value, json};

use crate::mapping::inspect::digest;
use crate::mapping::shipped::Shipped;
use crate::mapping::signature::{BUILT_IN, Judged, Policy, Signed};
use crate::model::error::Result;
use crate::router::release::actor::{Actor, SHIPPED_BY};
use crate::router::release::gate::Report;
use crate::router::snapshot::Turntable;
use crate::store::control::{Act, Decision, Mapping};

/// Who has signed a version, for those who look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key's name: today's where it is trusted, else the one that it had. [`BUILT_IN`] of what ships.
    pub by: String,
    /// The key's fingerprint; None of what ships.
    pub key: Option<String>,
    /// Whether the key is trusted today.
    pub trusted: bool,
}

impl Turntable {
    /// Holds a component to the policy; what there is to say of it goes into the report.
    pub(super) fn judge(&self, component: &[u8], signature: Option<&str>, report: &mut Report) -> Result<()> {
        let trust = &self.trust;
        let is_asked = trust.policy != Policy::Allow || !trust.keys.is_empty();
        if is_asked && signature.is_none() && Shipped::by_digest(&digest(component)).is_some() {
            report.add("signature", Vec::new(), "it ships with this program".to_owned());
            return Ok(());
        }
        let note = match trust.judge(component, signature)? {
            Judged::Signed(signed) => {
                let note = format!("signed by `{}` ({})", signed.by, signed.key);
                report.signature = Some(signed);
                note
            }
            Judged::Unsigned if signature.is_some() => {
                "the signature was not looked at: no key is configured".to_owned()
            }
            Judged::Unsigned if !is_asked => return Ok(()),
            Judged::Unsigned => "not signed".to_owned(),
        };
        report.add("signature", Vec::new(), note);
        Ok(())
    }

    /// A version that is about to come into force. `ComponentUnsigned`: it was let in under another policy.
    pub(super) async fn hold_to_policy(&self, digest: &str) -> Result<()> {
        if self.trust.policy == Policy::Allow || Shipped::by_digest(digest).is_some() {
            return Ok(());
        }
        // What is not known is somebody else's error.
        let Some(kept) = self.store.mapping(digest).await? else { return Ok(()) };
        if is_built_in(&kept) {
            return Ok(());
        }
        let told = || format!("the version {digest} of the mapping `{}` is not signed by a trusted key", kept.name);
        let signed = signed(&kept).filter(|signed| self.trust.name_of(&signed.key).is_some());
        if let (Some(signed), Some(component)) = (&signed, self.store.component(digest).await?) {
            self.trust.judge(&component, Some(&signed.signature))?;
            return Ok(());
        }
        if self.trust.policy == Policy::Deny {
            return Err(self.trust.unsigned(told()));
        }
        tracing::warn!(mapping = kept.name, digest, "put in force, and not signed by a trusted key");
        Ok(())
    }

    /// Keeps the signature of a version that was let in without it, or with that of another key.
    pub(super) async fn keep_signature(&self, kept: &Mapping, report: &Report, actor: &Actor) -> Result<()> {
        let Some(new) = &report.signature else { return Ok(()) };
        if signed(kept).is_some_and(|old| old.key == new.key) {
            return Ok(());
        }
        let mut report = kept.report.clone();
        report["signature"] = serde_json::to_value(new).unwrap_or_default();
        let (digest, by) = (kept.digest.clone(), &new.by);
        let detail = json!({ "digest": digest, "name": kept.name, "version": kept.version, "signedBy": by });
        let act = Act { actor: actor.0.clone(), action: "mapping.sign", table: None, detail };
        self.store.decide(vec![(Decision::KeepReport { digest, report }, act)]).await
    }

    /// Who has signed a version; None: nobody.
    pub fn signer(&self, kept: &Mapping) -> Option<Signer> {
        if is_built_in(kept) {
            return Some(Signer { by: BUILT_IN.to_owned(), key: None, trusted: true });
        }
        let Signed { by, key, .. } = signed(kept)?;
        let today = self.trust.name_of(&key);
        Some(Signer { by: today.unwrap_or(&by).to_owned(), trusted: today.is_some(), key: Some(key) })
    }

    /// Names in the log what is in force and would not be let in.
    pub async fn look_at_signatures(&self) -> Result<()> {
        if self.trust.policy == Policy::Allow {
            return Ok(());
        }
        for digest in self.store.active().await?.into_values().collect::<std::collections::BTreeSet<_>>() {
            let Some(kept) = self.store.mapping(&digest).await? else { continue };
            if self.signer(&kept).is_none_or(|signer| !signer.trusted) {
                tracing::warn!(mapping = kept.name, digest, "in force, and not signed by a trusted key");
            }
        }
        Ok(())
    }
}

/// Carried by this program, or by an earlier one.
fn is_built_in(kept: &Mapping) -> bool {
    kept.uploaded_by == SHIPPED_BY || Shipped::by_digest(&kept.digest).is_some()
}

fn signed(kept: &Mapping) -> Option<Signed> {
    match &kept.report["signature"] {
        Value::Null => None,
        signature => serde_json::from_value(signature.clone()).ok(),
    }
}
