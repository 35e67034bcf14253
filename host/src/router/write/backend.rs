//! Where a table's resources are: in the store (native) or in a FHIR service (virtual). Reading one, writing one and
//! deleting one look the same in both, so that `write` knows of no route.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::fhir::client::{Client, Written};
use crate::model::error::{Code, Error, Result};
use crate::model::table::Route;
use crate::router::snapshot::{ServedTable, Snapshot, Turntable};
use crate::router::write::rows::{self, Own};
use crate::store::write::NativeWrite;

/// A resource as it stands.
pub struct Held {
    pub body: Bytes,
    /// None: its place knows no versions.
    pub version: Option<String>,
}

pub enum Place<'a> {
    Native { turntable: &'a Turntable, family: Vec<&'a ServedTable> },
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
            Route::Native => {
                let family = live.family(&root.table.name).map(|t| &**t).collect();
                Place::Native { turntable: self, family }
            }
            Route::Virtual { .. } => Place::Virtual { client: self.client(root)?, deadline },
        })
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
                let found = turntable.store.resource(resource_type, id)?;
                Ok(found.map(|(body, version)| Held { body: body.into(), version: Some(version.to_string()) }))
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
            Self::Native { turntable, family } => {
                // A deleted resource has left its version behind, which must not come back.
                let base = turntable.store.last_version(resource_type, id)?;
                let write = rows::write(&turntable.store, family, resource_type, id, &body, base, own)?;
                Ok((id.to_owned(), stored(turntable, write)?))
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
            Self::Native { turntable, family } => {
                let base = native_version(version)?;
                let write = rows::write(&turntable.store, family, resource_type, id, &body, base, own)?;
                stored(turntable, write)
            }
            Self::Virtual { client, deadline } => {
                let written = client.put(resource_type, id, body, version, *deadline).await?;
                Ok(Held { body: written.body, version: written.version })
            }
        }
    }

    pub async fn delete(&self, resource_type: &str, id: &str, version: Option<&str>) -> Result<()> {
        match self {
            Self::Native { turntable, family } => {
                let base = match native_version(version)? {
                    Some(version) => version,
                    None => turntable.store.last_version(resource_type, id)?.unwrap_or(0),
                };
                turntable.store.put_resources(&[rows::delete(family, resource_type, id, base)])
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

fn stored(turntable: &Turntable, write: NativeWrite) -> Result<Held> {
    let held = Held { body: write.body.clone().unwrap_or_default().into(), version: Some(write.version.to_string()) };
    turntable.store.put_resources(&[write])?;
    Ok(held)
}

fn native_version(version: Option<&str>) -> Result<Option<u64>> {
    let stale = |_| Error::new(Code::VersionMismatch, "the row has changed since it was read");
    version.map(|version| version.parse().map_err(stale)).transpose()
}
