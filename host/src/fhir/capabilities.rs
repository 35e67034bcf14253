//! What a FHIR service says that it can do: its CapabilityStatement, as far as routing and planning ask.
//!
//! Services declare more than they do and do more than they declare; nothing here is proof that a filter was applied.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// One service's statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// e.g. `4.0.1`
    pub fhir_version: String,
    /// Name and version of its software, if it says.
    pub software: String,
    resources: BTreeMap<String, ResourceCapabilities>,
    /// The service takes `transaction` bundles.
    pub transaction: bool,
}

/// What it says about one resource type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceCapabilities {
    /// Search parameters by name with their types, those for all resource types with them.
    pub search_params: BTreeMap<String, String>,
    /// FHIR codes: `read`, `search-type`, `create`, `update`, `delete`, …
    pub interactions: BTreeSet<String>,
    /// A `PUT` to an id that is not there creates it.
    pub update_create: bool,
    /// `If-None-Exist`
    pub conditional_create: bool,
    pub versioning: Versioning,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versioning {
    /// There are no versions, so nothing tells that a resource has changed meanwhile.
    #[default]
    None,
    /// There are versions, and `If-Match` may be ignored.
    Versioned,
    /// `If-Match` is heeded.
    VersionedUpdate,
}

impl Capabilities {
    /// R4 (4.0) or R4B (4.3), whose resources we read, or no word of it.
    pub fn is_r4(&self) -> bool {
        ["4.0", "4.3"].iter().any(|version| self.fhir_version.starts_with(version)) || self.fhir_version.is_empty()
    }

    pub fn resource(&self, resource_type: &str) -> Option<&ResourceCapabilities> {
        self.resources.get(resource_type)
    }

    /// It says what types it has, and not this one.
    pub fn lacks(&self, resource_type: &str) -> bool {
        !self.resources.is_empty() && !self.resources.contains_key(resource_type)
    }

    /// In the order of their names.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &ResourceCapabilities)> {
        self.resources.iter().map(|(name, resource)| (name.as_str(), resource))
    }

    /// None if the body is no CapabilityStatement of a server.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let statement: Statement = serde_json::from_slice(body).ok()?;
        if statement.resource_type != "CapabilityStatement" {
            return None;
        }
        let rest = statement.rest.into_iter().find(|rest| rest.mode == "server")?;
        let for_all: BTreeMap<_, _> = rest.search_params.into_iter().map(|p| (p.name, p.kind)).collect();
        let transaction = rest.interactions.iter().any(|i| i.code == "transaction");
        let resources = rest.resources.into_iter().map(|r| (r.name.clone(), r.checked(&for_all))).collect();
        let software = statement.software.map(|s| format!("{} {}", s.name, s.version)).unwrap_or_default();
        Some(Self {
            fhir_version: statement.fhir_version,
            software: software.trim().to_owned(),
            resources,
            transaction,
        })
    }
}

impl ResourceCapabilities {
    pub fn allows(&self, interaction: &str) -> bool {
        self.interactions.contains(interaction)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    resource_type: String,
    #[serde(default)]
    fhir_version: String,
    software: Option<Software>,
    #[serde(default)]
    rest: Vec<Rest>,
}

#[derive(Deserialize)]
struct Software {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Rest {
    #[serde(default)]
    mode: String,
    #[serde(default, rename = "resource")]
    resources: Vec<Resource>,
    #[serde(default, rename = "interaction")]
    interactions: Vec<Coded>,
    #[serde(default, rename = "searchParam")]
    search_params: Vec<SearchParam>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(rename = "type")]
    name: String,
    #[serde(default, rename = "interaction")]
    interactions: Vec<Coded>,
    #[serde(default, rename = "searchParam")]
    search_params: Vec<SearchParam>,
    #[serde(default)]
    update_create: bool,
    #[serde(default)]
    conditional_create: bool,
    #[serde(default)]
    versioning: String,
}

#[derive(Deserialize)]
struct Coded {
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
struct SearchParam {
    name: String,
    #[serde(default, rename = "type")]
    kind: String,
}

impl Resource {
    fn checked(self, for_all: &BTreeMap<String, String>) -> ResourceCapabilities {
        let mut search_params = for_all.clone();
        search_params.extend(self.search_params.into_iter().map(|p| (p.name, p.kind)));
        ResourceCapabilities {
            search_params,
            interactions: self.interactions.into_iter().map(|i| i.code).collect(),
            update_create: self.update_create,
            conditional_create: self.conditional_create,
            versioning: match self.versioning.as_str() {
                "versioned-update" => Versioning::VersionedUpdate,
                "versioned" => Versioning::Versioned,
                _ => Versioning::None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_read() {
        let statement = r#"{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1","software":{"name":"X"},"rest":[
            {"mode":"client"},
            {"mode":"server","interaction":[{"code":"transaction"}],"searchParam":[{"name":"_id","type":"token"}],
             "resource":[{"type":"Patient","versioning":"versioned-update","updateCreate":true,
               "interaction":[{"code":"read"},{"code":"search-type"}],
               "searchParam":[{"name":"birthdate","type":"date","documentation":"…"}]},{"type":"Goal"}]}]}"#;
        let capabilities = Capabilities::parse(statement.as_bytes()).unwrap();
        assert!(capabilities.is_r4() && capabilities.transaction);
        assert_eq!(capabilities.software, "X");
        let patient = capabilities.resource("Patient").unwrap();
        assert!(patient.allows("read") && !patient.allows("create"));
        assert!(patient.update_create && !patient.conditional_create);
        assert_eq!(patient.versioning, Versioning::VersionedUpdate);
        assert_eq!(patient.search_params.keys().collect::<Vec<_>>(), ["_id", "birthdate"]);
        assert_eq!(capabilities.resource("Goal").unwrap().versioning, Versioning::None);
        assert_eq!(capabilities.resource("Encounter"), None);
    }

    #[test]
    fn anything_else_is_no_statement() {
        for other in ["", "[]", r#"{"resourceType":"Bundle"}"#, r#"{"resourceType":"CapabilityStatement"}"#] {
            assert_eq!(Capabilities::parse(other.as_bytes()), None, "{other}");
        }
    }
}
