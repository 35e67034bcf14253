//! Where a table's resources are: in the store (native) or in a FHIR service (virtual). Reading one, writing one and
//! deleting one look the same in both, so that `write` knows of no route.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::fhir::client::Client;
use crate::model::error::{Code, Error, Result};
use crate::model::table::Route;
use crate::router::live::{Live, LiveTable, Turntable};
use crate::router::native::{self, Own};

/// A resource as it stands.
pub struct Held {
    pub body: Bytes,
    /// None: its place knows no versions.
    pub version: Option<String>,
}

pub enum Place<'a> {
    Native { turntable: &'a Turntable, family: Vec<&'a LiveTable> },
    Virtual { client: &'a Client, deadline: Instant },
}

impl Turntable {
    /// The place of a table's resources; a child's are its parent's.
    pub fn place<'a>(&'a self, live: &'a Live, table: &'a Arc<LiveTable>, deadline: Instant) -> Result<Place<'a>> {
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
    pub fn base(&self) -> &str {
        match self {
            Self::Native { .. } => "",
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

    /// `body` carries `id`; the answer says under which id it came to stand.
    pub async fn create(&self, resource_type: &str, id: &str, body: Bytes, own: Option<Own<'_>>) -> Result<(String, Held)> {
        match self {
            Self::Native { turntable, family } => {
                let write = native::write(&turntable.store, family, resource_type, id, &body, None, own)?;
                Ok((id.to_owned(), stored(turntable, write)?))
            }
            Self::Virtual { client, deadline } => {
                let written = client.create_as(resource_type, id, body, *deadline).await?;
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
                let write = native::write(&turntable.store, family, resource_type, id, &body, base, own)?;
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
                let tables: Vec<_> = family.iter().map(|t| t.table.clone()).collect();
                turntable.store.delete_resource(resource_type, id, native_version(version)?, &tables)
            }
            Self::Virtual { client, deadline } => client.delete(resource_type, id, version, *deadline).await,
        }
    }
}

fn stored(turntable: &Turntable, write: crate::store::resources::NativeWrite) -> Result<Held> {
    let held = Held { body: write.body.clone().into(), version: Some(write.version.to_string()) };
    turntable.store.put_resources(vec![write])?;
    Ok(held)
}

fn native_version(version: Option<&str>) -> Result<Option<u64>> {
    let stale = |_| Error::new(Code::VersionMismatch, "the row has changed since it was read");
    version.map(|version| version.parse().map_err(stale)).transpose()
}
