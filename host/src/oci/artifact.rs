//! What a component is in a registry: an image manifest with one layer, the component, as the cloud-native world lays out
//! WebAssembly. Its signature is an annotation of that layer, by the name that cosign has for a signature over a layer's bytes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::mapping::inspect::{Inspection, digest};
use crate::model::error::{Code, Error, Result};
use crate::oci::reference::is_digest;

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const WASM: &str = "application/wasm";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// What tools that pull it call the file.
const TITLE: &str = "org.opencontainers.image.title";

/// What is to be put into a registry.
pub struct Artifact {
    pub config: Vec<u8>,
    pub manifest: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u8,
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    annotations: Value,
}

/// Where the component is in its repository.
#[derive(Debug, PartialEq, Eq)]
pub struct Layer {
    pub digest: String,
    pub size: u64,
    pub signature: Option<String>,
}

impl Artifact {
    /// Of a component as its file has it.
    pub fn of(component: &[u8], file: &str, inspection: &Inspection, signature: Option<&str>, now: Timestamp) -> Self {
        let layer_digest = digest(component);
        let config = json!({
            // Tools of others ask for it.
            "created": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "architecture": "wasm",
            "os": if inspection.wrapped { "wasip1" } else { "wasip2" },
            "layerDigests": [layer_digest],
            "component": if inspection.wrapped { Value::Null } else {
                json!({ "exports": inspection.exports, "imports": inspection.imports, "target": null })
            },
        });
        let config = config.to_string().into_bytes();
        let mut annotations = json!({ TITLE: file });
        if let Some(signature) = signature {
            annotations[SIGNATURE] = signature.trim().into();
        }
        let descriptor = |media_type: &str, bytes: &[u8], annotations| Descriptor {
            media_type: media_type.to_owned(),
            digest: digest(bytes),
            size: bytes.len() as u64,
            annotations,
        };
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            artifact_type: Some(WASM.to_owned()),
            config: descriptor(CONFIG, &config, Value::Null),
            layers: vec![descriptor(WASM, component, annotations)],
        };
        let manifest = serde_json::to_vec(&manifest).unwrap_or_default();
        Self { config, manifest }
    }
}

/// Finds the component. `UpstreamInvalid` for a manifest of something else.
pub fn layer(manifest: &[u8]) -> Result<Layer> {
    let wrong = |what: &str| {
        Error::new(Code::UpstreamInvalid, format!("the artifact is no mapping: {what}"))
            .hint("`turntable mapping push` puts one into a registry as it is expected here")
    };
    let manifest: Manifest = serde_json::from_slice(manifest)
        .map_err(|_| wrong("it has no image manifest, but an index or something else"))?;
    if manifest.schema_version != 2 {
        return Err(wrong("its manifest is of another version than 2"));
    }
    let [layer] = manifest.layers.as_slice() else {
        return Err(wrong(&format!("it has {} layers, and not one", manifest.layers.len())));
    };
    if layer.media_type != WASM {
        return Err(wrong("its layer is no `application/wasm`"));
    }
    if !is_digest(&layer.digest) {
        return Err(wrong("its layer has no `sha256:` digest"));
    }
    let signature = layer.annotations[SIGNATURE].as_str().map(str::to_owned);
    Ok(Layer { digest: layer.digest.clone(), size: layer.size, signature })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspection() -> Inspection {
        Inspection {
            digest: String::new(),
            component: Vec::new(),
            wrapped: false,
            bytes: 1,
            imports: vec!["turntable:mapping/host@0.1.0".to_owned()],
            exports: vec!["turntable:mapping/read@0.1.0".to_owned()],
            writes: false,
            samples: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_is_found_again() {
        for signature in [Some("MEUC"), None] {
            let made = Artifact::of(b"component", "c.wasm", &inspection(), signature, Timestamp::UNIX_EPOCH);
            let found = layer(&made.manifest).unwrap();
            let expected = Layer { digest: digest(b"component"), size: 9, signature: signature.map(str::to_owned) };
            assert_eq!(found, expected);
            let manifest: Value = serde_json::from_slice(&made.manifest).unwrap();
            assert_eq!(manifest["config"]["digest"], digest(&made.config));
            assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
            let config: Value = serde_json::from_slice(&made.config).unwrap();
            assert_eq!((&config["created"], &config["os"]), (&"1970-01-01T00:00:00Z".into(), &"wasip2".into()));
        }
    }

    #[test]
    fn what_is_something_else_is_named() {
        let made = Artifact::of(b"component", "c.wasm", &inspection(), None, Timestamp::UNIX_EPOCH);
        let check = |change: &dyn Fn(&mut Value), expected: &str| {
            let mut manifest: Value = serde_json::from_slice(&made.manifest).unwrap();
            change(&mut manifest);
            let error = layer(manifest.to_string().as_bytes()).unwrap_err();
            assert!(error.code() == Code::UpstreamInvalid && error.message().contains(expected), "{error}");
        };
        check(&|manifest| *manifest = json!({ "schemaVersion": 2, "manifests": [] }), "an index");
        check(&|manifest| *manifest = json!("text"), "no image manifest");
        check(&|manifest| manifest["schemaVersion"] = 1.into(), "another version");
        check(&|manifest| manifest["layers"] = json!([]), "0 layers");
        check(&|manifest| manifest["layers"][0]["mediaType"] = "application/tar".into(), "no `application/wasm`");
        check(&|manifest| manifest["layers"][0]["digest"] = "sha256:../../x".into(), "digest");
    }
}
