//! Where a table's resources are: in the store (native) or in a FHIR service (virtual). Reading one, writing one and
//! deleting one look the same in both, so that `write` knows of no route. Natively a resource is stored once, and a change
//! of it changes the rows of every table over its type.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::fhir::client::{Client, Stands, Written};
use crate::model::access::Right;
use crate::model::error::{Code, Error, Result};
use crate::model::scopes::Act;
use crate::model::table::{Route, Table};
use crate::router::fault::reached;
use crate::router::gathered::{Before, mixed};
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;
use crate::router::write::own::{Changed, Own};
use crate::router::write::rows::{self, Incoming};
use crate::telemetry::context::going_on;

/// How often a write is prepared anew because another version came into force meanwhile.
pub const STORE_ATTEMPTS: usize = 8;

/// A resource as it stands.
#[derive(Clone)]
pub struct Held {
    pub body: Bytes,
    /// None: its place knows no versions.
    pub version: Option<String>,
}

pub enum Place<'a> {
    Native {
        session: &'a Session,
        /// The table that is read or written.
        through: Arc<Table>,
    },
    Virtual {
        session: &'a Session,
        client: &'a Client,
    },
}

impl Session {
    /// The place of a table's resources; a child's are its parent's.
    pub fn place(&self, table: &Arc<ServedTable>) -> Result<Place<'_>> {
        let root = self.snapshot().root(table);
        Ok(match root.route {
            Route::Native => Place::Native { session: self, through: table.table.clone() },
            Route::Virtual { .. } => {
                let client = self.client(root)?;
                client.known_capabilities().map_or(Ok(()), |says| client.check_version(&says))?;
                Place::Virtual { session: self, client }
            }
        })
    }
}

impl Session {
    /// A resource that a table shows: the native one, if a table over its type is native. `NotFound` if no table shows its
    /// type.
    pub async fn resource(&self, resource_type: &str, id: &str) -> Result<Option<Bytes>> {
        let mut tables = self.snapshot().over(resource_type);
        tables.retain(|table| table.table.parent.is_none());
        tables.sort_by_key(|table| table.route != Route::Native);
        let unknown = || Error::new(Code::NotFound, format!("no table shows {resource_type}"));
        if let Some(sight) = self.sight()
            && !sight.is_whole(&self.snapshot().catalog, resource_type, Act::Read)
        {
            let message = format!("this caller may not read all of a {resource_type}, so not the resource itself");
            return Err(Error::new(Code::Forbidden, message).hint("read the rows of its tables"));
        }
        let table = tables.first().ok_or_else(unknown)?;
        self.may(Right::Read, &table.table)?;
        Ok(self.place(table)?.read(resource_type, id).await?.map(|held| held.body))
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

    /// The name of the FHIR service; nothing for the store.
    pub fn source(&self) -> &str {
        match self {
            Self::Native { .. } => "",
            Self::Virtual { client, .. } => client.name(),
        }
    }

    pub async fn read(&self, resource_type: &str, id: &str) -> Result<Option<Held>> {
        match self {
            Self::Native { session, .. } => {
                if let Some(found) = session.staged().and_then(|staged| staged.resource(resource_type, id)) {
                    return Ok(found.map(|(body, version)| Held { body, version: Some(version.to_string()) }));
                }
                let found = session.store().resource(resource_type, id).await?;
                Ok(found.map(|(body, version)| Held { body, version: Some(version.to_string()) }))
            }
            Self::Virtual { session, client } => {
                if let Some(found) = session.staged().and_then(|staged| staged.there.resource(resource_type, id)) {
                    // Its version will be another than the one that stands.
                    return Ok(found.map(|body| Held { body, version: None }));
                }
                let found = client.read(resource_type, id, session.deadline()).await?;
                Ok(found.map(|found| Held { body: found.body, version: found.version }))
            }
        }
    }

    /// `body` carries `id`; the answer says under which id it came to stand: another only where `id` was not `chosen`.
    /// `AlreadyExists` if it does, or if a service finds a resource by the search `unless`.
    pub async fn create(
        &self,
        resource_type: &str,
        id: &str,
        chosen: bool,
        body: Bytes,
        own: Option<Own>,
        unless: Option<&(String, String)>,
    ) -> Result<(String, Held)> {
        match self {
            Self::Native { session, through } => {
                let changed = Changed { own, ..Changed::default() };
                let held = stored(session, through, resource_type, id, Some(body), Base::Nothing, changed).await?;
                Ok((id.to_owned(), held))
            }
            Self::Virtual { session, client } => {
                if self.gather(resource_type, id, Before::Nothing { chosen }, Some(body.clone()))? {
                    return Ok((id.to_owned(), Held { body, version: None }));
                }
                reached("write.asking");
                let deadline = session.deadline();
                let written = create_there(client, resource_type, (id, chosen), body, unless, deadline).await?;
                reached("write.taken");
                Ok((written.id, Held { body: written.body, version: written.version }))
            }
        }
    }

    /// Only if it still stands at `version`. `changed`: what else there is to know of it natively.
    pub async fn update(
        &self,
        resource_type: &str,
        id: &str,
        body: Bytes,
        version: Option<&str>,
        changed: Changed,
    ) -> Result<Held> {
        match self {
            Self::Native { session, through } => {
                let base = Base::Known(native_version(version)?);
                stored(session, through, resource_type, id, Some(body), base, changed).await
            }
            Self::Virtual { session, client } => {
                let before = Before::There { body: changed.before, version: version.map(str::to_owned) };
                if self.gather(resource_type, id, before, Some(body.clone()))? {
                    return Ok(Held { body, version: None });
                }
                let stands = version.map_or(Stands::Anyhow, Stands::At);
                reached("write.asking");
                let written = client.put(resource_type, id, body, stands, session.deadline()).await?;
                reached("write.taken");
                Ok(Held { body: written.body, version: written.version })
            }
        }
    }

    pub async fn delete(&self, resource_type: &str, id: &str, version: Option<&str>) -> Result<()> {
        match self {
            Self::Native { session, through } => {
                let base = native_version(version)?.map_or(Base::Last, |version| Base::Known(Some(version)));
                stored(session, through, resource_type, id, None, base, Changed::default()).await.map(drop)
            }
            Self::Virtual { session, client } => {
                let before = Before::There { body: None, version: version.map(str::to_owned) };
                if self.gather(resource_type, id, before, None)? {
                    return Ok(());
                }
                reached("write.asking");
                client.delete(resource_type, id, version, session.deadline()).await.inspect(|()| reached("write.taken"))
            }
        }
    }
}

impl Place<'_> {
    /// Whether what is written is not yet told to a FHIR service, but gathered with other changes of a set.
    pub fn is_gathering(&self) -> bool {
        matches!(self, Self::Virtual { session, .. } if session.staged().is_some())
    }

    /// Keeps a write to a FHIR service for when all of its change set are known. False: it is made by itself.
    fn gather(&self, resource_type: &str, id: &str, before: Before, body: Option<Bytes>) -> Result<bool> {
        let Self::Virtual { session, client } = self else { return Ok(false) };
        let Some(staged) = session.staged() else { return Ok(false) };
        if !staged.is_empty() {
            return Err(mixed_with_native(client.name()));
        }
        staged.there.put(client.name(), resource_type, id, before, body).map(|()| true)
    }
}

fn mixed_with_native(source: &str) -> Error {
    mixed(&format!("native tables and the FHIR service `{source}`"))
}

/// Under the id that was chosen where the service allows it, else under one of the service's own. `unless`: a search by which it is
/// not to find a resource, if it can look for one.
async fn create_there(
    client: &Client,
    resource_type: &str,
    (id, chosen): (&str, bool),
    body: Bytes,
    unless: Option<&(String, String)>,
    deadline: Instant,
) -> Result<Written> {
    let capabilities = client.capabilities(deadline).await.ok();
    capabilities.as_deref().map_or(Ok(()), |says| client.check_version(says))?;
    let says = capabilities.as_ref().and_then(|c| c.resource(resource_type));
    if let Some(unless) = unless.filter(|_| !chosen && says.is_some_and(|says| says.conditional_create)) {
        let written = client.create(resource_type, body, Some(std::slice::from_ref(unless)), deadline).await?;
        // What was there is answered in its place.
        let message = "the FHIR service has a resource that is known by this key";
        return if written.created { Ok(written) } else { Err(Error::new(Code::AlreadyExists, message)) };
    }
    let says = says.map(|says| says.update_create);
    if says != Some(false) {
        // An id of our own making is nobody else's.
        let stands = if chosen { Stands::Nowhere } else { Stands::Anyhow };
        match client.put(resource_type, id, body.clone(), stands, deadline).await {
            Err(error) if matches!(error.code(), Code::NotSupported | Code::NotFound) => {}
            // A service that does not know `If-None-Match` says so only by the version that it made.
            Ok(written) if chosen && written.is_second() => {
                let message = "somebody else made a row of this key at the same time, which this one has replaced";
                return Err(Error::new(Code::Conflict, message).hint("read the row"));
            }
            answer => return answer,
        }
    }
    if chosen {
        let message = "the FHIR service gives new resources ids of its own, so no row can be made under this key";
        return Err(Error::new(Code::NotSupported, message).hint("POST the row without its key"));
    }
    client.create(resource_type, body, None, deadline).await
}

/// The version that a native write builds on.
enum Base {
    Known(Option<u64>),
    /// The last one that there was: a deleted resource has left its version behind, which must not come back.
    Last,
    /// The same, where nothing may be there now.
    Nothing,
}

/// Stores a native resource, or takes it away, with the rows of every table over its type that can be made: those of the
/// table that it is written through must be. Begun, it is done, whether or
/// not anybody still waits. Where another version comes into force meanwhile, the rows are made once more, its own with them.
async fn stored(
    session: &Session,
    through: &Arc<Table>,
    resource_type: &str,
    id: &str,
    body: Option<Bytes>,
    base: Base,
    changed: Changed,
) -> Result<Held> {
    let (turntable, snapshot) = (session.turntable().clone(), session.snapshot().clone());
    let (of, through, deadline) = (session.share_of(through).to_owned(), through.clone(), session.deadline());
    let staged = session.staged().cloned();
    if let Some(source) = staged.as_ref().and_then(|staged| staged.there.source()) {
        return Err(mixed_with_native(&source));
    }
    let (resource_type, id) = (resource_type.to_owned(), id.to_owned());
    let begun = async move {
        let store = &turntable.store;
        let is_staged = staged.as_ref().and_then(|staged| staged.version(&resource_type, &id));
        let base = match base {
            Base::Known(version) if is_staged.is_some_and(|staged| Some(staged) != version) => {
                return Err(Error::new(Code::VersionMismatch, "the row has changed since it was read"));
            }
            Base::Known(version) => version,
            Base::Last | Base::Nothing if is_staged.is_some() => {
                let is_there = staged.as_ref().and_then(|staged| staged.resource(&resource_type, &id)).flatten();
                if matches!(base, Base::Nothing) && is_there.is_some() {
                    return Err(Error::new(Code::AlreadyExists, "a row of this key exists already"));
                }
                is_staged
            }
            Base::Last | Base::Nothing => {
                let one = vec![(resource_type.clone(), id.clone())];
                let last = store.last_versions(one).await?.into_iter().next().flatten();
                // Made after this look, it is of another version than the last, and the write is refused.
                if matches!(base, Base::Nothing) && store.resource(&resource_type, &id).await?.is_some() {
                    return Err(Error::new(Code::AlreadyExists, "a row of this key exists already"));
                }
                last
            }
        };
        // They change with the resource's version only, which the write is bound to.
        let own_rows = match (&body, base) {
            (Some(_), Some(_)) => store.own_rows(vec![(resource_type.clone(), id.clone())]).await?.pop(),
            _ => None,
        };
        let own_rows = own_rows.unwrap_or_default();
        let own_rows = match &staged {
            Some(staged) => staged.own_rows(&resource_type, &id, own_rows),
            None => own_rows,
        };
        let incoming = Incoming { resource_type, id, body, base };
        let changed = Arc::new(changed);
        for _ in 0..STORE_ATTEMPTS {
            let live = turntable.snapshot();
            let families = snapshot.families_to_write(&live, &incoming.resource_type);
            let (through, incoming, changed) = (through.clone(), incoming.clone(), changed.clone());
            let own_rows = own_rows.clone();
            // A job for the mappings alone: nobody waits for the one who writes while he holds a place at work.
            let preparing = move || rows::prepare(&families, &through, incoming, &changed, own_rows);
            let write = turntable.work.run(&of, 0, Some(deadline), preparing).await??;
            let held = Held { body: write.body.clone().unwrap_or_default(), version: Some(write.version.to_string()) };
            reached("write.made");
            if let Some(staged) = &staged {
                staged.put(live.moment, write);
                return Ok(held);
            }
            let samples = turntable.samples_of(&live, std::slice::from_ref(&write));
            if store.put_resources_of(&write.resource_type.clone(), live.moment, vec![write]).await? {
                reached("write.stored");
                turntable.samples.offer_all(samples);
                return Ok(held);
            }
        }
        Err(busy_releasing())
    };
    let ended = |error: tokio::task::JoinError| Error::new(Code::Internal, "a write ended").internal(error.to_string());
    tokio::spawn(going_on(begun)).await.map_err(ended)?
}

/// Versions come into force faster than a write is prepared.
pub fn busy_releasing() -> Error {
    Error::new(Code::Busy, "other versions of mappings come into force all the time").hint("try again").retry_after(1)
}

fn native_version(version: Option<&str>) -> Result<Option<u64>> {
    let stale = |_| Error::new(Code::VersionMismatch, "the row has changed since it was read");
    version.map(|version| version.parse().map_err(stale)).transpose()
}
