//! What stands against a turn of a route, looked for where the rows would come from: whether the service answers, whether the
//! mapping runs, whether rows can be made of some of its resources, and how many there are. Nothing is changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use turntable_scan::bundle;

use crate::fhir::client::{Client, Searched};
use crate::jobs;
use crate::model::error::{Code, Error, Result};
use crate::model::table::{ColumnIndex, Route, Source};
use crate::router::map::{self, Resource};
use crate::router::snapshot::{ServedTable, Turntable};

/// Resources that are made rows of.
const SAMPLE: u32 = 20;

/// What was found. It holds no value of any resource.
pub struct Preflight {
    /// Of a turn to a FHIR service.
    pub service: Option<Service>,
    /// Why the mapping does not run; None where it does.
    pub mapping: Option<Error>,
    pub sample: Sample,
    /// Resources of the types that the table shows, in the native store or the service; None where it is not known.
    pub resources: Option<u64>,
}

/// A FHIR service.
pub struct Service {
    pub name: String,
    /// What it took to answer, or why it did not.
    pub answered: Result<Duration>,
}

/// What came of some resources.
#[derive(Default)]
pub struct Sample {
    pub looked_at: usize,
    pub made: usize,
    /// By code.
    pub failed: BTreeMap<String, usize>,
    /// Why there is none.
    pub error: Option<Error>,
}

impl Preflight {
    /// Nothing stands against it.
    pub fn is_clear(&self) -> bool {
        self.service.as_ref().is_none_or(|service| service.answered.is_ok())
            && self.mapping.is_none()
            && self.sample.error.is_none()
            && self.sample.failed.is_empty()
    }
}

impl Turntable {
    /// Looks at where the rows of a table, and of those that turn with it, would come from.
    pub async fn preflight(self: &Arc<Self>, table: &str, route: &Route) -> Result<Preflight> {
        let live = self.snapshot();
        let root = live.root(live.table(table)?).clone();
        let family: Vec<_> = live.tables().filter(|other| Arc::ptr_eq(live.root(other), &root)).cloned().collect();
        let deadline = Instant::now() + Duration::from_millis(self.limits.preflight_ms);
        let mapping = root.mapping.clone();
        let prepared = jobs::run(move || mapping.prepare()).await.map_err(ended)?;
        let mut found =
            Preflight { service: None, mapping: prepared.err(), sample: Sample::default(), resources: None };
        let (base, resources) = match route {
            Route::Native => {
                let types: Vec<_> = root.table.sources.iter().map(|source| source.resource_type.clone()).collect();
                let stored = self.store.resources_since(types, 0, SAMPLE as usize).await?;
                let there = stored.into_iter().filter_map(|one| Some((one.resource_type, one.body?)));
                found.resources = match root.table.one_row_per_resource {
                    true => Some(self.store.count_rows(root.table.clone()).await?),
                    false => None,
                };
                (String::new(), Ok(there.collect::<Vec<_>>()))
            }
            Route::Virtual { source } => {
                let missing = || Error::new(Code::BadRequest, format!("there is no FHIR service `{source}`"));
                let client = self.sources.get(source).ok_or_else(missing)?;
                let answered = client.ping(deadline).await;
                let is_up = answered.is_ok();
                found.service = Some(Service { name: source.clone(), answered });
                if !is_up {
                    return Ok(found);
                }
                let (sampled, counted) =
                    tokio::join!(sampled(client, &root, deadline), counted(client, &root, deadline));
                found.resources = counted;
                (client.base(), sampled)
            }
        };
        match resources {
            Ok(resources) => {
                found.sample = jobs::run(move || converted(&family, &resources, &base)).await.map_err(ended)?;
            }
            Err(error) => found.sample.error = Some(error),
        }
        Ok(found)
    }
}

fn ended(error: impl std::fmt::Display) -> Error {
    Error::new(Code::Internal, "the task that did it ended").internal(error.to_string())
}

fn asked(source: &Source) -> Vec<(String, String)> {
    source.fixed_params.clone()
}

/// Some resources of the service, of each type that the table shows.
async fn sampled(client: &Client, root: &ServedTable, deadline: Instant) -> Result<Vec<(String, Bytes)>> {
    let mut all = Vec::new();
    let share = SAMPLE.div_ceil(u32::try_from(root.table.sources.len()).unwrap_or(1).max(1));
    for source in &root.table.sources {
        match client.search(&source.resource_type, &asked(source), Some(share), deadline).await? {
            Searched::Page(page) => {
                let bundle = bundle::split(&page.body)
                    .map_err(|_| Error::new(Code::UpstreamInvalid, "the service answered with no bundle"))?;
                let entries = bundle.entries.iter().filter_map(|entry| entry.resource.as_ref());
                let of_type = entries.filter(|resource| resource.resource_type == source.resource_type);
                let taken = of_type.take(share as usize);
                all.extend(
                    taken.map(|one| (one.resource_type.to_string(), Bytes::copy_from_slice(one.raw.as_bytes()))),
                );
            }
            Searched::Refused(error) | Searched::Unknown(error) | Searched::TooLarge(error) => return Err(error),
        }
    }
    Ok(all)
}

/// What the service says that it has; None where it does not count.
async fn counted(client: &Client, root: &ServedTable, deadline: Instant) -> Option<u64> {
    let mut all = 0_u64;
    for source in &root.table.sources {
        let mut params = asked(source);
        params.push(("_summary".to_owned(), "count".to_owned()));
        let Ok(Searched::Page(page)) = client.search(&source.resource_type, &params, None, deadline).await else {
            return None;
        };
        all = all.saturating_add(bundle::split(&page.body).ok()?.total?);
    }
    Some(all)
}

/// Rows of each resource by itself, in all tables that show it.
fn converted(family: &[Arc<ServedTable>], resources: &[(String, Bytes)], base: &str) -> Sample {
    let mut sample = Sample { looked_at: resources.len(), ..Sample::default() };
    for (resource_type, body) in resources {
        let resource = Resource { resource_type, body };
        let over = family.iter().filter(|served| served.table.source(resource_type).is_some());
        let made = over.map(|served| {
            let all: Vec<ColumnIndex> = (0..served.table.columns.len()).collect();
            map::rows_of(served, &[resource], base, &all).map(drop)
        });
        match made.collect::<Result<()>>() {
            Ok(()) => sample.made += 1,
            Err(error) => *sample.failed.entry(format!("{:?}", error.code())).or_default() += 1,
        }
    }
    sample
}
