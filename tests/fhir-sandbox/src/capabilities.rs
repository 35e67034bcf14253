//! The CapabilityStatement: what this service does, drawn from the same table that it works by.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::outcome::Refusal;
use crate::rest::Reply;
use crate::store::instant;
use crate::{parameters, search};

/// The types of [`Fault::FewTypes`](crate::faults::Fault::FewTypes).
pub(crate) const FEW_TYPES: [&str; 3] = ["Patient", "Encounter", "Observation"];

/// What the service says that it does not have.
pub(crate) struct Lacks {
    /// Types beside [`FEW_TYPES`].
    pub(crate) types: bool,
    pub(crate) transaction: bool,
    /// That of a type.
    pub(crate) history: bool,
}

pub(crate) fn statement(base: &str, version: &str, lacks: Lacks) -> Result<Reply, Refusal> {
    let types = parameters::types().iter().filter(|ty| !lacks.types || FEW_TYPES.contains(ty));
    let resources: Vec<Json> = types.map(|ty| resource(ty, !lacks.history)).collect();
    let mut interactions = vec![json!({"code": "batch"})];
    if !lacks.transaction {
        interactions.insert(0, json!({"code": "transaction"}));
    }
    Reply::of(&json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(Timestamp::now()),
        "kind": "instance",
        "software": {"name": "turntable fhir-sandbox", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "A small FHIR R4 service for demos and tests", "url": base},
        "fhirVersion": version,
        "format": ["application/fhir+json", "json"],
        "rest": [{
            "mode": "server",
            "resource": resources,
            "interaction": interactions,
        }],
    }))
}

fn resource(ty: &str, history: bool) -> Json {
    let interactions = ["read", "vread", "update", "delete", "history-instance", "create", "search-type"];
    let interactions = interactions.iter().chain(history.then_some(&"history-type"));
    let interactions: Vec<Json> = interactions.map(|code| json!({"code": code})).collect();
    let parameters: Vec<Json> =
        search::parameters_of(ty).map(|(name, kind)| json!({"name": name, "type": kind})).collect();
    json!({
        "type": ty,
        "interaction": interactions,
        "versioning": "versioned-update",
        "readHistory": true,
        "updateCreate": true,
        "conditionalCreate": true,
        "conditionalRead": "not-match",
        "conditionalUpdate": true,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal"],
        "searchParam": parameters,
    })
}
