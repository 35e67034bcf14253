//! A change set that comes to one resource needs no transaction: a service that takes none is asked for it as for any other
//! write. Its answer is told as that to the one entry of a transaction would be, so that all is checked in one way.

use std::time::Instant;

use bytes::Bytes;
use turntable_scan::Document;

use crate::fhir::client::{Client, Stands};
use crate::model::error::Result;
use crate::router::gathered::{Before, Outgoing};
use crate::router::write::answered::Answered;
use crate::router::write::links::Links;

/// What the service said.
pub struct Alone {
    created: bool,
    id: String,
    body: Bytes,
}

/// Whether nothing is lost without a transaction: the only write of all, whose resource does not point to itself by a name
/// that it has in the bundle alone.
pub fn can_go_alone(writes: &[Outgoing], links: &Links) -> bool {
    let [write] = writes else { return false };
    let points_to_itself =
        |body| Document::parse(body).ok().and_then(|document| links.follow(&document, None)).is_some();
    !write.body.as_ref().is_some_and(|body| points_to_itself(body))
}

/// Makes the one write. `VersionMismatch` where the resource has changed since it was read.
pub async fn send(client: &Client, write: &Outgoing, deadline: Instant) -> Result<Alone> {
    let (resource_type, id) = (&write.resource_type, &write.id);
    let Some(body) = write.body.clone() else {
        let version = match &write.before {
            Before::There { version, .. } => version.as_deref(),
            Before::Nothing { .. } => None,
        };
        client.delete(resource_type, id, version, deadline).await?;
        return Ok(Alone { created: false, id: id.clone(), body: Bytes::new() });
    };
    let stands = match &write.before {
        Before::Nothing { chosen: false } => None,
        Before::Nothing { chosen: true } => Some(Stands::Nowhere),
        Before::There { version: Some(version), .. } => Some(Stands::At(version)),
        Before::There { version: None, .. } => Some(Stands::Anyhow),
    };
    let written = match stands {
        Some(stands) => client.put(resource_type, id, body, stands, deadline).await?,
        None => client.create(resource_type, body, None, deadline).await?,
    };
    Ok(Alone { created: written.created, id: written.id, body: written.body })
}

impl Alone {
    /// As the answer to an entry.
    pub fn answered(&self, resource_type: &str) -> Answered<'_> {
        let status = if self.created { "201" } else { "200" };
        Answered::told(status, format!("{resource_type}/{}", self.id), &self.body)
    }
}
