//! Mapping versions: loaded through the gate, put in force, taken back, taken out of force.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::answer::{ErrorAnswer, MappingRef, Named, Options, actor, body, reply};
use crate::http::admin::trials::{EndedTrial, OnTrial, trial};
use crate::http::body;
use crate::http::shared::{Shared, failure, json_reply};
use crate::mapping::component::names_kept;
use crate::model::caller::Caller;
use crate::model::error::{Code, Error, Result};
use crate::router::candidate::{Candidate, Mode};
use crate::router::release::activate::Breaking;
use crate::router::release::gate::{self, LAWS_TIME};
use crate::router::release::{activate, deactivate, difference, load, signed};
use crate::router::snapshot::{Snapshot, Turntable};
use crate::store::control;

/// What was loaded.
#[derive(Serialize, ToSchema)]
pub(crate) struct Loaded {
    digest: String,
    name: String,
    version: String,
    /// The tables that it serves, roots first.
    tables: Vec<String>,
    /// What it has shown at the gate.
    checks: Vec<Check>,
    schema: SchemaDifference,
}

/// One thing that the gate looked at.
#[derive(Serialize, ToSchema)]
pub(crate) struct Check {
    /// `samples`, `round-trip`, `determinism`, `schema`, …
    name: String,
    passed: bool,
    /// What was looked at, or what is wrong and where.
    findings: Vec<String>,
}

/// Against the version in force: names of tables, or `table.column`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SchemaDifference {
    added: Vec<String>,
    removed: Vec<String>,
    /// With what changed, where apps may break on it.
    changed: Vec<String>,
    /// With what changed, where no app can.
    compatible: Vec<String>,
    /// Views and roles that name what is there no longer.
    used_by: Vec<String>,
}

/// All versions that were loaded.
#[derive(Serialize, ToSchema)]
pub(crate) struct MappingList {
    mappings: Vec<MappingSummary>,
}

/// A version of a mapping.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MappingSummary {
    digest: String,
    name: String,
    version: String,
    /// Those that it described when it was let in.
    tables: Vec<String>,
    /// Tables that it serves at present.
    active_for: Vec<String>,
    /// When, by RFC 3339.
    uploaded_at: String,
    uploaded_by: String,
    /// Who has signed it; none: nobody.
    signer: Option<Signer>,
    /// It was loaded while it was being written, and is no release.
    development: bool,
}

/// Whose signature a version has.
#[derive(Serialize, ToSchema)]
pub(crate) struct Signer {
    /// The key's name in the configuration; `turntable`: it ships with the program.
    by: String,
    /// The key's fingerprint, `sha256:…`; none where it ships with the program.
    key: Option<String>,
    /// Whether the key is trusted today.
    trusted: bool,
}

/// A version of a mapping with what the gate found.
#[derive(Serialize, ToSchema)]
pub(crate) struct MappingDetail {
    #[serde(flatten)]
    summary: MappingSummary,
    /// The gate's.
    report: Value,
}

/// What to put in force, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    /// `sha256:…`, or a beginning of six digits at least that no other has.
    digest: String,
    /// `activate`, which is what is done where nothing is said, `shadow` or `canary`.
    #[serde(default = "activate")]
    mode: String,
    /// Of a shadow how much of what is read and written it is given, of a canary how many of the callers it serves: 1 to 100.
    percent: Option<u64>,
    /// Of a canary the columns that are meant to differ, as `column` or `table.column`; `*`: all of them. A difference in
    /// another is a failure of the canary.
    #[serde(default)]
    expected: BTreeSet<String>,
    /// Even if apps may break on it that use the version in force.
    #[serde(default)]
    allow_breaking: bool,
}

fn activate() -> String {
    "activate".to_owned()
}

/// What is in force now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Released {
    /// The tables that it serves.
    tables: Vec<String>,
    mapping: MappingRef,
    /// Digest of the version before: of the one that was in force, or on trial.
    previous: Option<String>,
    /// `activate`: it is in force; `shadow` or `canary`: it is on trial.
    mode: &'static str,
    /// Of a trial.
    percent: Option<u8>,
}

/// What is out of force now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Deactivated {
    /// The tables that are served no longer.
    tables: Vec<String>,
    /// The version that was in force. It stays loaded.
    mapping: MappingRef,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Laws {
    /// How long the laws are looked at, in milliseconds; 3000 unless said, and at most.
    #[param(nullable = false, maximum = 3000)]
    laws_ms: Option<u64>,
    /// It is being written: it takes the place of no release, and no rollback goes to it.
    #[serde(default)]
    development: bool,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Leaving {
    /// The version to leave, in force or on trial, or a beginning of its digest: refused where it is neither by now.
    #[param(nullable = false)]
    from: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Meaning {
    /// The version that is meant, or a beginning of its digest: refused where another is on trial by now.
    #[param(nullable = false)]
    digest: Option<String>,
    /// Even if apps may break on it that use the version in force.
    #[serde(default)]
    #[param(nullable = false)]
    allow_breaking: bool,
}

/// What is in force for a table, and what was.
#[derive(Serialize, ToSchema)]
pub(crate) struct Status {
    /// The table that decides for it: itself, or the one whose rows its rows are parts of.
    table: String,
    active: MappingRef,
    /// A version that is given what the one in force is given, and answers nobody.
    shadow: Option<OnTrial>,
    /// A version that answers some of the callers.
    canary: Option<OnTrial>,
    /// What was put in force, the last first.
    history: Vec<PutInForce>,
    /// What was on trial, the last first.
    trials: Vec<EndedTrial>,
}

/// A version that was put in force.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutInForce {
    digest: String,
    /// None: the program that carried it is another now.
    version: Option<String>,
    /// When, by RFC 3339.
    at: String,
    by: String,
    /// Who has signed it; none: nobody, or it is not known any more.
    signer: Option<Signer>,
    /// Taken back since, or deactivated: a rollback does not go there.
    rolled_back: bool,
}

/// Loads a component through the gate, or a mapping in YAML, of which a component is made.
#[utoipa::path(
    post,
    path = "/admin/v1/mappings",
    params(
        Laws,
        (
            "Turntable-Signature" = Option<String>,
            Header,
            description = "The component's signature in base64, as `turntable mapping sign` and `cosign sign-blob` make it",
        ),
    ),
    request_body(
        content((Vec<u8> = "application/wasm"), (String = "application/yaml")),
        description = "The component, or the mapping in YAML",
    ),
    responses(
        (status = 200, description = "Known already", body = Loaded),
        (status = 201, description = "Loaded", body = Loaded),
        (status = 422, description = "Refused, with each failed check, or for its signature", body = ErrorAnswer),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn load(
    State(app): Shared,
    caller: Caller,
    Options(query): Options<Laws>,
    request: Request,
) -> Response {
    let laws = query.laws_ms.map_or(LAWS_TIME, |ms| Duration::from_millis(ms).min(LAWS_TIME));
    let loaded = async {
        let (parts, component) = request.into_parts();
        let limit = ("component_bytes", app.turntable.limits.component_bytes);
        // Before a byte of it is taken.
        let Ok(_place) = app.uploads.clone().try_acquire_owned() else {
            let most = app.turntable.limits.uploads;
            let error = Error::new(Code::Busy, format!("{most} components are being loaded (limit `uploads`)"));
            let error = error.hint("try again when one of them is").retry_after(2);
            return Err(body::refused(&parts.headers, component, error).await);
        };
        let signature = signature(&parts.headers)?;
        let component = body::read(&app, &parts.headers, component, limit).await?.to_vec();
        let component = match is_yaml(&parts.headers) {
            false => component,
            true => {
                let text = String::from_utf8(component).map_err(|_| {
                    Error::new(Code::ComponentRefused, "the YAML is not UTF-8").hint("save it as UTF-8")
                })?;
                app.turntable.component_of_yaml(text).await?
            }
        };
        let upload = load::Upload { component, signature, development: query.development };
        app.turntable.load(upload, actor(&caller), laws).await
    };
    match loaded.await {
        Ok(loaded) => {
            let status = if loaded.known { StatusCode::OK } else { StatusCode::CREATED };
            json_reply(status, &Loaded::from(loaded))
        }
        Err(error) => failure(&error),
    }
}

/// RFC 9512.
fn is_yaml(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().is_some_and(|said| said.trim().eq_ignore_ascii_case("application/yaml"))
}

/// The header of a component's signature.
const SIGNATURE: &str = "turntable-signature";

fn signature(headers: &HeaderMap) -> Result<Option<String>> {
    let mut given = headers.get_all(SIGNATURE).iter();
    let wrong = |what| Err(Error::new(Code::SignatureRefused, what).target("signature").hint("send one, in base64"));
    match (given.next().map(|value| value.to_str()), given.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text.to_owned())),
        (Some(Ok(_)), Some(_)) => wrong("there are several signatures"),
        (Some(Err(_)), _) => wrong("the signature is no text"),
    }
}

/// Every mapping version that was loaded.
#[utoipa::path(
    get,
    path = "/admin/v1/mappings",
    responses(
        (status = 200, description = "The versions", body = MappingList),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn list(State(app): Shared) -> Response {
    let snapshot = app.turntable.snapshot();
    let listed = app.turntable.store.mappings().await.map(|mappings| MappingList {
        mappings: mappings.into_iter().map(|mapping| detail(&app.turntable, &snapshot, mapping).summary).collect(),
    });
    reply(listed)
}

/// One mapping version with its gate report.
#[utoipa::path(
    get,
    path = "/admin/v1/mappings/{digest}",
    params(("digest" = String, Path, description = "`sha256:…`, or a beginning of six digits at least that no other has")),
    responses(
        (status = 200, description = "The version", body = MappingDetail),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn show(State(app): Shared, Named(digest): Named) -> Response {
    let found = async {
        let digest = app.turntable.whole_digest(&digest).await?;
        let mapping = app.turntable.store.mapping(&digest).await?;
        mapping.ok_or_else(|| Error::new(Code::NotFound, "no mapping of this digest has been loaded").target("digest"))
    };
    reply(found.await.map(|mapping| detail(&app.turntable, &app.turntable.snapshot(), mapping)))
}

/// Forgets a loaded mapping version.
#[utoipa::path(
    delete,
    path = "/admin/v1/mappings/{digest}",
    params(("digest" = String, Path, description = "`sha256:…`, or a beginning of six digits at least that no other has")),
    responses(
        (status = 200, description = "What is forgotten", body = MappingRef),
        (status = 409, description = "It is in force, on trial, what a rollback or a return goes to, or ships with the program", body = ErrorAnswer),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn unload(State(app): Shared, caller: Caller, Named(digest): Named) -> Response {
    reply(app.turntable.unload(&digest, actor(&caller)).await.map(named))
}

/// Puts a loaded mapping version in force, or on trial beside the one that is.
#[utoipa::path(
    post,
    path = "/admin/v1/tables/{table}/mapping",
    params(("table" = String, Path, description = "Logical name, e.g. `msemr_encounter`")),
    request_body = Release,
    responses(
        (status = 200, description = "What is in force now, or on trial", body = Released),
        (status = 409, description = "Apps may break on it and `allow_breaking` is not said, it is in force, was stopped lately, or another has the name of a table", body = ErrorAnswer),
        (status = 501, description = "A canary of a native table", body = ErrorAnswer),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn release(State(app): Shared, caller: Caller, Named(table): Named, request: Request) -> Response {
    let released = async {
        let release: Release = body(&app, request).await?;
        let breaking = Breaking::allowed(release.allow_breaking);
        let mode = match release.mode.as_str() {
            "activate" if release.percent.is_some() => {
                let error = Error::new(Code::BadValue, "`percent` belongs to the modes `shadow` and `canary`");
                return Err(error.target("percent"));
            }
            "activate" => {
                let released = app.turntable.activate(&table, &release.digest, breaking, actor(&caller)).await;
                return released.map(Released::from);
            }
            "shadow" => Mode::Shadow,
            "canary" => Mode::Canary,
            _ => {
                let error = Error::new(Code::BadValue, "`mode` is `activate`, `shadow` or `canary`");
                return Err(error.target("mode"));
            }
        };
        let trial = trial(mode, release.percent, release.expected)?;
        let percent = trial.percent;
        let begun = app.turntable.put_on_trial(&table, &release.digest, trial, breaking, actor(&caller)).await?;
        let mode = if mode == Mode::Shadow { "shadow" } else { "canary" };
        let (tables, mapping) = (begun.tables, named(begun.mapping));
        Ok(Released { tables, mapping, previous: begun.replaced, mode, percent: Some(percent) })
    };
    reply(released.await)
}

/// Takes the canary back, where there is one, else goes back to the mapping version before.
#[utoipa::path(
    post,
    path = "/admin/v1/tables/{table}/mapping/rollback",
    params(("table" = String, Path, description = "Logical name, e.g. `msemr_encounter`"), Leaving),
    responses(
        (status = 200, description = "What is in force now", body = Released),
        (status = 409, description = "There is none before, or another than `from` is in force", body = ErrorAnswer),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn rollback(
    State(app): Shared,
    caller: Caller,
    Named(table): Named,
    Options(query): Options<Leaving>,
) -> Response {
    reply(app.turntable.rollback(&table, query.from.as_deref(), actor(&caller)).await.map(Released::from))
}

/// Puts the version on trial in force.
#[utoipa::path(
    post,
    path = "/admin/v1/tables/{table}/mapping/promote",
    params(("table" = String, Path, description = "Logical name, e.g. `msemr_encounter`"), Meaning),
    responses(
        (status = 200, description = "What is in force now", body = Released),
        (status = 409, description = "There is none on trial, or another than `digest`; or apps may break on it", body = ErrorAnswer),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn promote(
    State(app): Shared,
    caller: Caller,
    Named(table): Named,
    Options(query): Options<Meaning>,
) -> Response {
    let breaking = Breaking::allowed(query.allow_breaking);
    let promoted = app.turntable.promote(&table, query.digest.as_deref(), breaking, actor(&caller)).await;
    reply(promoted.map(Released::from))
}

/// What is in force for a table, and what was.
#[utoipa::path(
    get,
    path = "/admin/v1/tables/{table}/release",
    params(("table" = String, Path, description = "Logical name, e.g. `msemr_encounter`")),
    responses(
        (status = 200, description = "The version in force, the one on trial, and those before", body = Status),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn status(State(app): Shared, caller: Caller, Named(table): Named) -> Response {
    let status = async {
        let on_trial = app.turntable.on_trial(&table)?;
        let trials = app.turntable.trials_ended(&table).await?;
        // One that ends in this moment has ended.
        let is = |ended: &control::Candidate, one: &Candidate| {
            // The store keeps moments to the microsecond.
            ended.digest == one.mapping.digest && ended.begun_at.as_microsecond() == one.begun_at.as_microsecond()
        };
        let on_trial = on_trial.filter(|one| !trials.iter().any(|ended| is(ended, one)));
        let activations = app.turntable.activations(&table).await?;
        let known = app.turntable.store.mappings().await?;
        let live = app.turntable.snapshot();
        let root = live.root(live.table(&table)?);
        let version_of = |digest: &str| known.iter().find(|mapping| mapping.digest == digest);
        let put = |one: control::Activation| PutInForce {
            version: version_of(&one.digest).map(|mapping| mapping.version.clone()),
            signer: version_of(&one.digest).and_then(|mapping| app.turntable.signer(mapping)).map(Signer::from),
            digest: one.digest,
            at: one.activated_at.to_string(),
            by: one.activated_by,
            rolled_back: one.rolled_back,
        };
        let active = MappingRef {
            name: root.mapping.name.clone(),
            version: root.mapping.version.clone(),
            digest: root.mapping.digest.clone(),
        };
        let history = activations.into_iter().map(put).collect();
        let version = |digest: &str| known.iter().find(|mapping| mapping.digest == digest).map(|m| m.version.clone());
        let trials = trials.into_iter().filter_map(|one| EndedTrial::of(one, &version)).collect();
        let session = app.session(&caller);
        let told = on_trial.map(|candidate| (candidate.is_canary(), OnTrial::of(&candidate, &session)));
        let (canary, shadow) = match told {
            Some((true, canary)) => (Some(canary), None),
            Some((false, shadow)) => (None, Some(shadow)),
            None => (None, None),
        };
        Ok(Status { table: root.table.name.clone(), active, shadow, canary, history, trials })
    };
    reply(status.await)
}

/// Takes a mapping out of force. Its tables are served no longer, also after a restart; resources and loaded versions stay.
#[utoipa::path(
    delete,
    path = "/admin/v1/mappings/{name}/active",
    params(("name" = String, Path, description = "As the mapping names itself, e.g. `encounter`")),
    responses(
        (status = 200, description = "What is out of force now", body = Deactivated),
        (status = 404, description = "No mapping of this name is in force", body = ErrorAnswer),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn deactivate(State(app): Shared, caller: Caller, Named(name): Named) -> Response {
    reply(app.turntable.deactivate(&name, actor(&caller)).await.map(Deactivated::from))
}

fn detail(turntable: &Turntable, snapshot: &Snapshot, mapping: control::Mapping) -> MappingDetail {
    let served = snapshot.tables().filter(|table| table.mapping.digest == mapping.digest);
    let signer = turntable.signer(&mapping).map(Signer::from);
    let active_for = served.map(|table| table.table.name.clone()).collect();
    MappingDetail {
        summary: MappingSummary {
            development: load::is_development(&mapping),
            digest: mapping.digest,
            name: mapping.name,
            version: mapping.version,
            tables: names_kept(&mapping.tables).into_iter().map(str::to_owned).collect(),
            active_for,
            uploaded_at: mapping.uploaded_at.to_string(),
            uploaded_by: mapping.uploaded_by,
            signer,
        },
        report: mapping.report,
    }
}

impl From<load::Loaded> for Loaded {
    fn from(loaded: load::Loaded) -> Self {
        let check = |gate::Check { name, passed, findings }| Check { name, passed, findings };
        let difference::SchemaDifference { added, removed, changed, compatible, used_by } = loaded.schema;
        Self {
            digest: loaded.digest,
            name: loaded.name,
            version: loaded.version,
            tables: loaded.tables,
            checks: loaded.checks.into_iter().map(check).collect(),
            schema: SchemaDifference { added, removed, changed, compatible, used_by },
        }
    }
}

impl From<signed::Signer> for Signer {
    fn from(signed::Signer { by, key, trusted }: signed::Signer) -> Self {
        Self { by, key, trusted }
    }
}

impl From<activate::Released> for Released {
    fn from(released: activate::Released) -> Self {
        let (tables, mapping, previous) = (released.tables, named(released.mapping), released.previous);
        Self { tables, mapping, previous, mode: "activate", percent: None }
    }
}

impl From<deactivate::Deactivated> for Deactivated {
    fn from(deactivated: deactivate::Deactivated) -> Self {
        Self { tables: deactivated.tables, mapping: named(deactivated.mapping) }
    }
}

fn named(activate::MappingRef { name, version, digest }: activate::MappingRef) -> MappingRef {
    MappingRef { name, version, digest }
}
