//! The FHIR service behind a server: the sandbox of this repository or a real one, spoken to directly over HTTP to see
//! what is really stored.

use std::net::{Ipv4Addr, SocketAddr};

use reqwest::{Client, Method};
use serde_json::Value;
use turntable_fhir_sandbox::{Running, Sandbox};

use crate::http::{Answer, Call, client, with_options};
use crate::sekmet::Sekmet;

pub struct Fhir {
    base: String,
    client: Client,
    service: Service,
}

/// What ends with this value.
enum Service {
    Sandbox { sandbox: Sandbox, _running: Running },
    Sekmet { _process: Sekmet },
    Elsewhere,
}

impl Fhir {
    /// An empty sandbox.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn sandbox() -> Self {
        let sandbox = Sandbox::new();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let running = sandbox.clone().start(address).await.expect("a port of the loopback address is free");
        let base = running.base_url();
        Self { base, client: client(), service: Service::Sandbox { sandbox, _running: running } }
    }

    /// sekmet-fhir, an empty one, if `TURNTABLE_TEST_SEKMET` names its executable; else a line says that it is skipped.
    pub async fn sekmet() -> Option<Self> {
        Self::sekmet_that("absolute_references: false").await
    }

    /// The same server, made to answer every literal reference as an absolute URL, as some vendors do.
    pub async fn sekmet_with_absolute_references() -> Option<Self> {
        Self::sekmet_that("absolute_references: true").await
    }

    /// The same server, which lets in the client `turntable` alone, by a key (a JWK) as SMART backend services have it; and where it
    /// gives out tokens.
    pub async fn sekmet_with_smart(key: &Value) -> Option<(Self, String)> {
        let settings = format!(
            "absolute_references: false\nserver_auth:\n  types: [smart]\n  smart_clients:\n    - client_id: turntable\n      \
             jwks: {}\n      scopes: system/*.cruds\n",
            serde_json::json!({ "keys": [key] })
        );
        let fhir = Self::sekmet_that(&settings).await?;
        let endpoint = format!("{}/auth/token", fhir.base.trim_end_matches("/fhir"));
        Some((fhir, endpoint))
    }

    async fn sekmet_that(behaviour: &str) -> Option<Self> {
        let process = Sekmet::start(behaviour).await?;
        Some(Self { base: process.base(), client: client(), service: Service::Sekmet { _process: process } })
    }

    /// A service that somebody else runs.
    pub fn at(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), client: client(), service: Service::Elsewhere }
    }

    /// Without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The sandbox itself: faults, requests seen, resources by id.
    ///
    /// # Panics
    /// If the service is another.
    pub fn as_sandbox(&self) -> &Sandbox {
        match &self.service {
            Service::Sandbox { sandbox, .. } => sandbox,
            Service::Sekmet { .. } | Service::Elsewhere => panic!("this FHIR service is not the sandbox"),
        }
    }

    pub fn is_sandbox(&self) -> bool {
        matches!(self.service, Service::Sandbox { .. })
    }

    /// A call to a path under the base.
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call::new(&self.client, method, &format!("{}/{path}", self.base)).header("accept", "application/fhir+json")
    }

    /// The same to what is no FHIR service: it says nothing of what it takes.
    pub fn plain_call(&self, method: Method, path: &str) -> Call {
        Call::new(&self.client, method, &format!("{}/{path}", self.base))
    }

    /// `GET`, with search parameters.
    pub async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        self.call(Method::GET, &with_options(path, parameters)).send().await
    }

    /// The resource, which has to be there.
    pub async fn read(&self, resource_type: &str, id: &str) -> Value {
        self.get(&format!("{resource_type}/{id}"), &[]).await.expect(200).json()
    }

    /// Puts a resource under its own id.
    ///
    /// # Panics
    /// If it has none, or the service refuses it.
    pub async fn put(&self, resource: &Value) -> Answer {
        let (resource_type, id) = (text(resource, "resourceType"), text(resource, "id"));
        let answer = self.call(Method::PUT, &format!("{resource_type}/{id}")).fhir(resource).send().await;
        assert!(matches!(answer.status, 200 | 201), "{}: {}", answer.call, answer.text);
        answer
    }

    /// Posts a resource to its type, or a bundle to the base.
    ///
    /// # Panics
    /// If the service refuses it, or an entry of it.
    pub async fn post(&self, resource: &Value) -> Answer {
        let path = Some(text(resource, "resourceType")).filter(|name| *name != "Bundle").unwrap_or_default();
        let answer = self.call(Method::POST, path).fhir(resource).send().await;
        assert!(matches!(answer.status, 200 | 201), "{}: {}", answer.call, answer.text);
        for entry in answer.json()["entry"].as_array().into_iter().flatten() {
            let status = entry["response"]["status"].as_str().unwrap_or_default();
            assert!(status.starts_with('2'), "{}: an entry is refused: {entry}", answer.call);
        }
        answer
    }

    pub async fn delete(&self, resource_type: &str, id: &str) -> Answer {
        self.call(Method::DELETE, &format!("{resource_type}/{id}")).send().await
    }

    /// How many resources of a type there are.
    ///
    /// # Panics
    /// If the service does not say.
    pub async fn count(&self, resource_type: &str) -> u64 {
        let answer = self.get(resource_type, &[("_summary", "count")]).await.expect(200);
        answer.json()["total"].as_u64().unwrap_or_else(|| panic!("{}: no total: {}", answer.call, answer.text))
    }
}

impl Call {
    /// A FHIR resource as body.
    pub fn fhir(self, resource: &Value) -> Self {
        self.body("application/fhir+json", resource.to_string())
    }
}

fn text<'r>(resource: &'r Value, element: &str) -> &'r str {
    resource[element].as_str().unwrap_or_else(|| panic!("a resource without {element}: {resource}"))
}
