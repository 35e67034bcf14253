//! FHIR services, and what they were found to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::fhir::client::Client;
use crate::fhir::probed::{self, Probed};
use crate::http::admin::answer::{ErrorAnswer, Named, actor, body_or_none, reply};
use crate::http::shared::Shared;
use crate::model::caller::Caller;
use crate::model::table::Route;
use crate::router::snapshot::ServedTable;

/// All FHIR services that the configuration names.
#[derive(Serialize, ToSchema)]
pub(crate) struct SourceList {
    sources: Vec<Source>,
}

/// A FHIR service.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Source {
    /// As the configuration has it.
    name: String,
    /// Base URL.
    url: String,
    /// The FHIR version that it says to speak, once it has said so.
    fhir_version: Option<String>,
    /// Its software and version, once it has said so.
    software: Option<String>,
    /// Tables whose route leads there.
    tables: Vec<String>,
    /// Search parameters that are not asked of it, as `Type.parameter`, since answers or a trial have taught that it does
    /// not do them, or the configuration says so; `Type.parameter,` with several values, `Type._sort=order` as an order.
    not_asked: Vec<String>,
    /// Since the start.
    exchanges: Exchanges,
    /// What a trial has shown; none has been made where it is null.
    probe: Option<Probe>,
}

/// Exchanges with a FHIR service.
#[derive(Serialize, ToSchema)]
pub(crate) struct Exchanges {
    requests: u64,
    errors: u64,
    retries: u64,
    milliseconds: u64,
}

/// What a trial has shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct Probe {
    /// When, by RFC 3339.
    at: String,
    /// False: it came to its limits first (`probe_calls`, `probe_ms`).
    whole: bool,
    /// By resource type.
    types: BTreeMap<String, TypeProbe>,
}

/// What a service does with one resource type; null is what did not come to light.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypeProbe {
    /// Resources that were looked at.
    resources: u32,
    /// What becomes of a parameter that no service has.
    unknown_parameters: Option<Heed>,
    /// It says how many it finds.
    counts: Option<bool>,
    /// It sorts by `_lastUpdated`.
    sorts: Option<bool>,
    /// Its resources have versions.
    versions: Option<bool>,
    /// It shows earlier versions.
    history: Option<bool>,
    /// What becomes of `_elements`; refused also where rows of the elements alone are others.
    elements: Option<Heed>,
    /// Those that columns are searched by.
    parameters: BTreeMap<String, ParameterProbe>,
    /// What becomes of conditions on related resources: `Observation.subject:Patient` for chained parameters,
    /// `Patient._has:Observation:subject` for the way back.
    chains: BTreeMap<String, Heed>,
}

/// What becomes of a search parameter.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Heed {
    Applied,
    Ignored,
    Refused,
}

/// What a service does with a search parameter.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParameterProbe {
    heed: Option<Heed>,
    /// Of texts.
    ignores_case: Option<bool>,
    /// Of texts.
    ignores_accents: Option<bool>,
    /// A number of less precision finds those that round to it.
    rounds: Option<bool>,
    /// Of codes: `:not` gives all that has not the code, also what has none.
    negates: Option<bool>,
}

/// What to try.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    /// Resource types; all that tables show unless said.
    #[serde(default)]
    types: Vec<String>,
}

/// Every FHIR service, and what is known of it. Nobody is asked for it.
#[utoipa::path(
    get,
    path = "/admin/v1/sources",
    responses(
        (status = 200, description = "The services", body = SourceList),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn list(State(app): Shared) -> Response {
    let snapshot = app.turntable.snapshot();
    let source = |(name, client): (&String, &Client)| {
        let there = Route::Virtual { source: name.clone() };
        let leads_there = |table: &&Arc<ServedTable>| table.table.parent.is_none() && table.route == there;
        let tables = snapshot.tables().filter(leads_there).map(|table| table.table.name.clone());
        of(client, tables.collect())
    };
    reply(Ok(SourceList { sources: app.turntable.sources.iter().map(source).collect() }))
}

/// Tries out what a service really does. It is only read from; what comes to light is kept, and what the service does
/// not do is not asked of it any more.
#[utoipa::path(
    post,
    path = "/admin/v1/sources/{name}/probe",
    params(("name" = String, Path, description = "As the configuration has it")),
    request_body = Option<Trial>,
    responses(
        (status = 200, description = "What it showed", body = Probe),
        (status = "default", description = "Why not", body = ErrorAnswer),
    ),
)]
pub(crate) async fn probe(State(app): Shared, caller: Caller, Named(name): Named, request: Request) -> Response {
    let probed = async {
        let trial: Trial = body_or_none(&app, request).await?.unwrap_or_default();
        app.turntable.probe(&name, &trial.types, actor(&caller)).await.map(|probed| Probe::from(&*probed))
    };
    reply(probed.await)
}

fn of(client: &Client, tables: Vec<String>) -> Source {
    let (says, probed, counters) = (client.known_capabilities(), client.probed(), client.counters());
    let said = |of_statement: Option<&String>, of_probe: Option<&String>| {
        of_statement.or(of_probe).filter(|text| !text.is_empty()).cloned()
    };
    let probe = probed.as_deref();
    let mut not_asked = client.not_done();
    not_asked.extend(client.overrides().never.iter().cloned());
    Source {
        name: client.name().to_owned(),
        url: client.url(),
        fhir_version: said(says.as_deref().map(|says| &says.fhir_version), probe.and_then(|p| p.fhir_version.as_ref())),
        software: said(says.as_deref().map(|says| &says.software), probe.and_then(|p| p.software.as_ref())),
        tables,
        not_asked: not_asked.into_iter().collect(),
        exchanges: Exchanges {
            requests: counters.requests,
            errors: counters.errors,
            retries: counters.retries,
            milliseconds: counters.micros / 1_000,
        },
        probe: probe.map(Probe::from),
    }
}

impl From<&Probed> for Probe {
    fn from(probed: &Probed) -> Self {
        let types = probed.types.iter().map(|(name, found)| (name.clone(), found.into()));
        Self { at: probed.at.clone(), whole: probed.whole, types: types.collect() }
    }
}

impl From<&probed::TypeProbed> for TypeProbe {
    fn from(found: &probed::TypeProbed) -> Self {
        let parameters = found.parameters.iter().map(|(name, one)| {
            let probed::ParameterProbed { heed, is_string: _, ignores_case, ignores_accents, rounds, negates } = *one;
            (
                name.clone(),
                ParameterProbe { heed: heed.map(Heed::from), ignores_case, ignores_accents, rounds, negates },
            )
        });
        Self {
            resources: found.resources,
            unknown_parameters: found.unknown_parameters.map(Heed::from),
            counts: found.counts,
            sorts: found.sorts,
            versions: found.versions,
            history: found.history,
            elements: found.elements.map(Heed::from),
            parameters: parameters.collect(),
            chains: found.chains.iter().map(|(name, heed)| (name.clone(), Heed::from(*heed))).collect(),
        }
    }
}

impl From<probed::Heed> for Heed {
    fn from(heed: probed::Heed) -> Self {
        match heed {
            probed::Heed::Applied => Self::Applied,
            probed::Heed::Ignored => Self::Ignored,
            probed::Heed::Refused => Self::Refused,
        }
    }
}
