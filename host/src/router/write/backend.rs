//! Where a table's resources are: in the store (native) or in a FHIR service (virtual). Reading one, writing one and
//! deleting one look the same in both, so that `write` knows of no route. Natively a resource is stored once, and a change
//! of it changes the rows of every table over its type.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::fhir::client::{Client, Written};
use crate::model::error::{Code, Error, Result};
use crate::model::table::Route;
use crate::router::snapshot::{ServedTable, Snapshot, Turntable};
use crate::router::write::rows::{self, Incoming, Own};
use crate::store::native::NativeWrite;

/// A resource as it stands.
pub struct Held {
    pub body: Bytes,
    /// None: its place knows no versions.
    pub version: Option<String>,
}

pub enum Place<'a> {
    Native { turntable: &'a Turntable, live: &'a Snapshot },
    Virtual { client: &'a Client, deadline: Instant },
}

impl Turntable {
    /// The place of a table's resources; a child's are its parent's.
    pub fn place<'a>(
        &'a self,
        live: &'a Snapshot,
        table: &'a Arc<ServedTable>,
        deadline: Instant,
    ) -> Result<Place<'a>> {
        let root = live.root(table);
        Ok(match root.route {
            Route::Native => Place::Native { turntable: self, live },
            Route::Virtual { .. } => Place::Virtual { client: self.client(root)?, deadline },
        })
    }
}

impl Turntable {
    /// Whether it is still there or not.
    async fn last_version(&self, resource_type: &str, id: &str) -> Result<Option<u64>> {
        let one = vec![(resource_type.to_owned(), id.to_owned())];
        Ok(self.store.last_versions(one).await?.into_iter().next().flatten())
    }

    /// Puts a resource in its place, or takes it away, with the rows of every table over its type.
    async fn store_resource(&self, live: &Snapshot, incoming: Incoming, own: Option<Own<'_>>) -> Result<Held> {
        let tables = rows::Over::from([(incoming.resource_type.clone(), live.over(&incoming.resource_type))]);
        let made = rows::prepare(tables, vec![incoming]).await?.into_iter().next();
        let mut write: NativeWrite = made.ok_or_else(|| Error::new(Code::Internal, "a write was not prepared"))??;
        if let Some(own) = own {
            rows::lay_own(&mut write, own);
        }
        let held =
            Held { body: write.body.clone().unwrap_or_default(), version: Some(write.version.to_string()) };
        self.store.put_resources(vec![write]).await?;
        Ok(held)
    }
}

impl Place<'_> {
    pub fn is_native(&self) -> bool {
        matches!(self, Self::Native { .. })
    }

    /// Of the service that absolute references may name.
    pub fn base(&self) -> String {
        match self {
            Self::Native { .. } => String::new(),
            Self::Virtual { client, .. } => client.base(),
        }
    }

    pub async fn read(&self, resource_type: &str, id: &str) -> Result<Option<Held>> {
        match self {
            Self::Native { turntable, .. } => {
                let found = turntable.store.resource(resource_type, id).await?;
                Ok(found.map(|(body, version)| Held { body, version: Some(version.to_string()) }))
            }
            Self::Virtual { client, deadline } => {
                let found = client.read(resource_type, id, *deadline).await?;
                Ok(found.map(|found| Held { body: found.body, version: found.version }))
            }
        }
    }

    /// `body` carries `id`; the answer says under which id it came to stand: another only where `id` was not `chosen`.
    pub async fn create(
        &self,
        resource_type: &str,
        id: &str,
        chosen: bool,
        body: Bytes,
        own: Option<Own<'_>>,
    ) -> Result<(String, Held)> {
        match self {
            Self::Native { turntable, live } => {
                // A deleted resource has left its version behind, which must not come back.
                let base = turntable.last_version(resource_type, id).await?;
                let incoming = Incoming::new(resource_type, id, Some(body), base);
                Ok((id.to_owned(), turntable.store_resource(live, incoming, own).await?))
            }
            Self::Virtual { client, deadline } => {
                let written = create_there(client, resource_type, id, chosen, body, *deadline).await?;
                Ok((written.id, Held { body: written.body, version: written.version }))
            }
        }
    }

    /// Only if it still stands at `version`.
    pub async fn update(
        &self,
        resource_type: &str,
        id: &str,
        body: Bytes,
        version: Option<&str>,
        own: Option<Own<'_>>,
    ) -> Result<Held> {
        match self {
            Self::Native { turntable, live } => {
                let incoming = Incoming::new(resource_type, id, Some(body), native_version(version)?);
                turntable.store_resource(live, incoming, own).await
            }
            Self::Virtual { client, deadline } => {
                let written = client.put(resource_type, id, body, version, *deadline).await?;
                Ok(Held { body: written.body, version: written.version })
            }
        }
    }

    pub async fn delete(&self, resource_type: &str, id: &str, version: Option<&str>) -> Result<()> {
        match self {
            Self::Native { turntable, live } => {
                let base = match native_version(version)? {
                    Some(version) => Some(version),
                    None => turntable.last_version(resource_type, id).await?,
                };
                // What was never there need not go.
                let Some(base) = base else { return Ok(()) };
                turntable.store_resource(live, Incoming::new(resource_type, id, None, Some(base)), None).await.map(drop)
            }
            Self::Virtual { client, deadline } => client.delete(resource_type, id, version, *deadline).await,
        }
    }
}

/// Under the id that was chosen where the service allows it, else under one of the service's own.
async fn create_there(
    client: &Client,
    resource_type: &str,
    id: &str,
    chosen: bool,
    body: Bytes,
    deadline: Instant,
) -> Result<Written> {
    let capabilities = client.capabilities(deadline).await.ok();
    let says = capabilities.as_ref().and_then(|c| c.resource(resource_type)).map(|r| r.update_create);
    if says != Some(false) {
        match client.put(resource_type, id, body.clone(), None, deadline).await {
            Err(error) if matches!(error.code(), Code::NotSupported | Code::NotFound) => {}
            answer => return answer,
        }
    }
    if chosen {
        let message = "the FHIR service gives new resources ids of its own, so no row can be made under this key";
        return Err(Error::new(Code::NotSupported, message).hint("POST the row without its key"));
    }
    client.create(resource_type, body, None, deadline).await
}

fn native_version(version: Option<&str>) -> Result<Option<u64>> {
    let stale = |_| Error::new(Code::VersionMismatch, "the row has changed since it was read");
    version.map(|version| version.parse().map_err(stale)).transpose()
}
