//! Admits a component: through the gate, into the store. Slow and careful; nothing here changes what is in force.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::jobs;
use crate::mapping::component::Mapping;
use crate::mapping::shipped::Shipped;
use crate::mapping::signature::Policy;
use crate::model::catalog::Catalog;
use crate::model::error::{Code, Error, Result};
use crate::model::table::Table;
use crate::router::release::actor::Actor;
use crate::router::release::collisions::{conflicts, staying};
use crate::router::release::difference::{SchemaDifference, Users};
use crate::router::release::gate::{self, Check, Report};
use crate::router::snapshot::{Snapshot, Turntable};
use crate::store::control::{self, Act, Decision};

/// Of a difference, as a report shows it.
const FINDINGS_MOST: usize = 100;

/// What `load` answers.
pub struct Loaded {
    pub digest: String,
    pub name: String,
    pub version: String,
    /// The tables it serves, roots first.
    pub tables: Vec<String>,
    pub checks: Vec<gate::Check>,
    /// Against the version in force.
    pub schema: SchemaDifference,
    /// Known already: nothing was stored.
    pub known: bool,
}

/// What is to be admitted.
pub struct Upload {
    pub component: Vec<u8>,
    pub signature: Option<String>,
    /// It is being written, and no release.
    pub development: bool,
}

impl Turntable {
    /// Admits a component: held to the policy of signatures, inspected without running it, compiled, described, compared
    /// with what is in force, run on its own samples. It is stored only if every check passes. The laws are looked at for
    /// `laws`.
    pub async fn load(self: &Arc<Self>, upload: Upload, actor: Actor, laws: Duration) -> Result<Loaded> {
        // One at a time: it computes all the while. A release, and above all the way back, does not wait for it.
        let loading = self.loading.clone().lock_owned().await;
        let this = Arc::clone(self);
        apart(async move || {
            let _loading = loading;
            this.load_now(upload, &actor, laws).await
        })
        .await
    }

    /// The component of a mapping in YAML, which is made here, to be loaded as any.
    pub async fn component_of_yaml(self: &Arc<Self>, text: String) -> Result<Vec<u8>> {
        let this = Arc::clone(self);
        apart(async move || this.drafts.component(&text, &this.limits)).await
    }

    async fn load_now(&self, upload: Upload, actor: &Actor, laws: Duration) -> Result<Loaded> {
        let Upload { component: bytes, signature, development } = upload;
        let mut report = Report { development, ..Report::default() };
        self.judge(&bytes, signature.as_deref(), &mut report)?;
        let mut mapping = self.sandbox.load(&bytes)?;
        let live = self.snapshot();
        let schema = self.difference(&live, &mapping).await?;
        self.admission(&live, &mapping, laws, &schema, &mut report);
        if !report.passed() {
            let failed = report.checks.iter().filter(|c| !c.passed);
            let details = failed.flat_map(|check| {
                check.findings.iter().map(|finding| crate::model::error::Detail {
                    code: check.name.clone(),
                    message: finding.clone(),
                    target: None,
                })
            });
            return Err(Error::new(
                Code::ComponentRefused,
                format!("mapping `{}` {} does not pass the gate", mapping.name, mapping.version),
            )
            .details(details.collect::<Vec<_>>()));
        }
        // What has come into force since is asked again before this version does.
        let _control = self.control.lock().await;
        let before = self.store.mapping(&mapping.digest).await?;
        let known = before.is_some();
        let Mapping { digest, name, version, .. } = &mapping;
        if report.signature.is_none() && self.trust.policy == Policy::Warn {
            tracing::warn!(mapping = name, digest, actor = actor.0, "loaded, and not signed by a trusted key");
        }
        if let Some(before) = before {
            // It may have shipped with an earlier program, which took its bytes along.
            self.store.keep_component(digest, bytes).await?;
            self.keep_signature(&before, &report, actor).await?;
            if !development && is_development(&before) {
                self.keep_as_release(digest, actor).await?;
            }
        } else {
            let mut detail = json!({ "digest": digest, "name": name, "version": version });
            if let Some(signed) = &report.signature {
                detail["signedBy"] = signed.by.as_str().into();
            }
            if development {
                detail["development"] = true.into();
            }
            let act = Act { actor: actor.0.clone(), action: "mapping.load", table: None, detail };
            let keep =
                Decision::Keep { mapping: Box::new(kept(&mapping, mapping.kept(), &report)), component: Some(bytes) };
            self.store.decide(vec![(keep, act.clone())]).await?;
            let act = Act { action: "mapping.prune", ..act };
            self.store.prune_mappings(&mapping.name, self.limits.mapping_versions, act).await?;
        }
        let loaded = Loaded {
            digest: mapping.digest.clone(),
            name: mapping.name.clone(),
            version: mapping.version.clone(),
            tables: mapping.tables.iter().map(|t| t.name.clone()).collect(),
            checks: report.checks,
            schema,
            known,
        };
        // The gate was the last to ask for them.
        mapping.samples = Vec::new();
        // Who loads a version is about to put it in force.
        self.keep_at_hand(&self.snapshot(), Arc::new(mapping));
        Ok(loaded)
    }

    /// A version that was being written is a release from here on.
    async fn keep_as_release(&self, digest: &str, actor: &Actor) -> Result<()> {
        // As it is now: its signature may be new.
        let Some(kept) = self.store.mapping(digest).await? else { return Ok(()) };
        let mut report = kept.report;
        if let Some(report) = report.as_object_mut() {
            report.shift_remove("development");
        }
        let detail = json!({ "digest": digest, "name": kept.name, "version": kept.version, "before": "development" });
        let act = Act { actor: actor.0.clone(), action: "mapping.load", table: None, detail };
        self.store.decide(vec![(Decision::KeepReport { digest: digest.to_owned(), report }, act)]).await
    }

    /// The checks of the gate.
    fn admission(
        &self,
        live: &Snapshot,
        mapping: &Mapping,
        laws: Duration,
        schema: &SchemaDifference,
        report: &mut Report,
    ) {
        report.add("tables", conflicts(live, mapping), format!("{} tables", mapping.tables.len()));
        gate::check(mapping, report);
        gate::laws(mapping, laws, report);
        gate::lookups(live, mapping, report);
        let note = match (mapping_in_force(live, mapping).is_empty(), schema.is_breaking()) {
            (true, _) => "no version is in force".to_owned(),
            (_, true) => "apps may break: it comes into force where that is allowed".to_owned(),
            (_, false) => format!("{} added, nothing removed or changed that apps break on", schema.added.len()),
        };
        let compatible = schema.compatible.iter().map(|change| format!("changed, and apps go on: {change}"));
        let findings = [note].into_iter().chain(schema.breaks()).chain(compatible).take(FINDINGS_MOST).collect();
        report.checks.push(Check { name: "schema".to_owned(), passed: true, findings });
    }

    /// What a version changes for those who use the one in force.
    pub(super) async fn difference(&self, live: &Snapshot, mapping: &Mapping) -> Result<SchemaDifference> {
        let difference = SchemaDifference::between(&mapping_in_force(live, mapping), &mapping.tables);
        if !difference.is_breaking() {
            return Ok(difference);
        }
        let views = self.store.user_views().await?;
        let users = Users { views: &views, roles: &self.roles, limits: &self.limits };
        let stay = staying(live, mapping).map(|served| served.table.clone());
        let next = Catalog::new(stay.chain(mapping.tables.iter().cloned()));
        Ok(difference.used_by(&users, &live.catalog, &next))
    }

    /// Keeps a mapping that is not in force, and lets the oldest such go.
    pub(super) fn keep_at_hand(&self, live: &Snapshot, mapping: Arc<Mapping>) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let in_force = live.tables().any(|t| t.mapping.digest == mapping.digest);
        if !in_force && retired.iter().all(|other| other.digest != mapping.digest) {
            retired.push_back(mapping);
        }
        while retired.len() > self.limits.mapping_retired {
            retired.pop_front();
        }
    }

    pub(super) fn take_retired(&self, digest: &str) -> Option<Arc<Mapping>> {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let at_hand = retired.iter().position(|mapping| mapping.digest == digest)?;
        retired.remove(at_hand)
    }

    /// A loaded version that may come into force, its code at hand: from what is or was in force, from this program or from
    /// the store.
    pub(super) async fn mapping(&self, live: &Snapshot, digest: &str) -> Result<Arc<Mapping>> {
        if let Some(table) = live.tables().find(|t| t.mapping.digest == digest) {
            return Ok(table.mapping.clone());
        }
        self.hold_to_policy(digest).await?;
        if let Some(mapping) = self.take_retired(digest) {
            return Ok(mapping);
        }
        let mapping = self.known(digest).await?;
        // It is about to be put in force; no request is to wait for it.
        mapping.prepare()?;
        Ok(Arc::new(mapping))
    }

    /// A version by what is known of it; its code is made when it is first needed.
    pub(super) async fn known(&self, digest: &str) -> Result<Mapping> {
        if let Some(shipped) = Shipped::by_digest(digest) {
            return self.sandbox.shipped(shipped);
        }
        let kept = self.store.mapping(digest).await?.ok_or_else(|| {
            Error::new(Code::NotFound, format!("no mapping of the digest `{digest}` has been loaded"))
                .hint("load the component first: turntable load FILE")
        })?;
        let (store, of) = (self.store.clone(), digest.to_owned());
        let text = format!("the component of the mapping `{}` {} ({digest}) is not here", kept.name, kept.version);
        let component = move || {
            let missing = || {
                Error::new(Code::MappingMissing, text.as_str())
                    .hint("it shipped with another version of turntable; load it once more: turntable load FILE")
            };
            store.component_here(&of)?.map(Cow::Owned).ok_or_else(missing)
        };
        match self.sandbox.kept(digest, &kept.tables, Box::new(component.clone())) {
            Some(mapping) => Ok(mapping),
            None => self.sandbox.load(&component()?),
        }
    }
}

/// Whether a version was loaded while it was being written.
pub fn is_development(kept: &control::Mapping) -> bool {
    kept.report["development"] == true
}

/// The tables of the version in force, which a mapping would replace.
fn mapping_in_force(live: &Snapshot, mapping: &Mapping) -> Vec<Arc<Table>> {
    let root = gate::roots(mapping).next().and_then(|root| live.table(&root.name).ok());
    root.map(|root| root.mapping.tables.clone()).unwrap_or_default()
}

/// A mapping as the store keeps it, with what is to be kept of its description.
pub(super) fn kept(mapping: &Mapping, tables: Value, report: &Report) -> control::Mapping {
    control::Mapping {
        digest: mapping.digest.clone(),
        name: mapping.name.clone(),
        version: mapping.version.clone(),
        tables,
        report: serde_json::to_value(report).unwrap_or_default(),
        uploaded_at: jiff::Timestamp::UNIX_EPOCH,
        uploaded_by: String::new(),
    }
}

/// Runs the work of a release on a thread of its own: it compiles and maps for a while, and the table path keeps the
/// others.
pub async fn apart<T: Send + 'static>(work: impl AsyncFnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let runtime = Handle::current();
    jobs::run(move || runtime.block_on(work()))
        .await
        .map_err(|e| Error::new(Code::Internal, "the task that did it ended").internal(e.to_string()))?
}
