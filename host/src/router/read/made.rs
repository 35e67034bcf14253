//! A page of a FHIR service made into rows: the bundle split, one that may lack rows refused, its resources mapped, the rows
//! filtered. It holds its thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;
use turntable_scan::bundle;

use crate::fhir::client::{Page, is_part};
use crate::model::error::{Code, Error, Result};
use crate::model::query::Filter;
use crate::model::rows::Rows;
use crate::model::table::ColumnIndex;
use crate::plan::evaluate::residual;
use crate::router::map::{self, Resource};
use crate::router::snapshot::ServedTable;
use crate::router::token::Trail;

pub(super) struct Batch {
    pub(super) rows: Rows,
    /// Rows that meet the filter, ascending.
    pub(super) kept: Vec<usize>,
    pub(super) next: Option<String>,
    /// When each resource was changed last, in microseconds since 1970, where that is wanted.
    pub(super) times: Vec<i64>,
}

impl Batch {
    /// Of no resource.
    pub(super) fn none(columns: &[ColumnIndex]) -> Self {
        Self { rows: Rows::new(columns.to_vec()), kept: Vec::new(), next: None, times: Vec::new() }
    }
}

/// What making rows of a page of a search takes.
pub(super) struct Making {
    pub(super) table: Arc<ServedTable>,
    /// The service, and its address.
    pub(super) source: String,
    pub(super) base: String,
    pub(super) columns: Arc<[ColumnIndex]>,
    pub(super) resource_type: String,
    pub(super) filter: Option<Filter>,
    /// It was asked for parts of resources.
    pub(super) takes_parts: bool,
    /// Before this page.
    pub(super) trail: Trail,
    /// Its resources are wanted once more, to be compared.
    pub(super) is_sample: bool,
    /// It is wanted when they were changed last.
    pub(super) is_timed: bool,
}

/// What a page was made into, and what that took.
pub(super) struct Made {
    pub(super) looked_at: usize,
    pub(super) mapping: Duration,
    pub(super) filtering: Duration,
    pub(super) self_link: String,
    /// The resources, where they are wanted once more.
    pub(super) bodies: Vec<Bytes>,
    /// After this page.
    pub(super) trail: Trail,
    /// Looked at once the `self` link has been.
    pub(super) batch: Result<Batch>,
}

impl Making {
    /// Splits a bundle, makes its rows and filters them, in one go.
    pub(super) fn rows_of(&self, page: &Page) -> Result<Made> {
        let begun = Instant::now();
        let bundle = split(&self.table, page)?;
        let resource_type = self.resource_type.as_str();
        let mut resources = Vec::with_capacity(bundle.entries.len());
        let mut ids = Vec::with_capacity(bundle.entries.len());
        for entry in &bundle.entries {
            let resource = self.found(entry)?;
            if let Some(resource) = resource {
                ids.push(resource.id.as_deref().unwrap_or_default());
                resources.push(Resource { resource_type, body: resource.raw.as_bytes() });
            }
        }
        let mut trail = self.trail.clone();
        if !trail.turn(ids, bundle.entries.len() as u64, bundle.total) {
            return Err(self.unsound("gives the page of before once more"));
        }
        let next = match bundle.link("next") {
            Some(link) => Some(page.resolved(link).ok_or_else(|| self.unsound("gives a next link that is none"))?),
            None => None,
        };
        let times = match self.is_timed {
            true => resources.iter().map(|resource| self.time_of(resource)).collect::<Result<_>>()?,
            false => Vec::new(),
        };
        let rows = map::rows_of(&self.table, &resources, &self.base, &self.columns).map(|mapped| mapped.rows);
        let (mapping, begun) = (begun.elapsed(), Instant::now());
        // All of it, exact conditions too: that costs little, and a service may say that it applied what it ignored.
        let batch = rows.and_then(|rows| {
            let kept = residual::filter_rows(self.filter.as_ref(), &self.table.table, &rows)?;
            Ok(Batch { kept, rows, next, times })
        });
        let self_link = bundle.link("self").unwrap_or_default().to_owned();
        let bodies = match self.is_sample {
            true => resources.iter().map(|resource| page.body.slice_ref(resource.body)).collect(),
            false => Vec::new(),
        };
        Ok(Made { looked_at: resources.len(), mapping, filtering: begun.elapsed(), self_link, bodies, trail, batch })
    }

    /// The resource of an entry, if it is one that was searched for. An entry that is not what a search answers may stand
    /// for a row that is missing.
    fn found<'b>(&self, entry: &'b bundle::Entry<'b>) -> Result<Option<&'b bundle::Resource<'b>>> {
        let mode = entry.search_mode.as_deref().unwrap_or("match");
        let is = |other: &str| mode.eq_ignore_ascii_case(other);
        let Some(resource) = &entry.resource else {
            return if is("match") { Err(self.unsound("gives an entry without its resource")) } else { Ok(None) };
        };
        if resource.resource_type == "OperationOutcome" {
            return match tells_of_an_error(resource.raw) {
                true => Err(self.unsound("reports an error beside what it found")),
                false => Ok(None),
            };
        }
        if !is("match") {
            return Ok(None);
        }
        if resource.resource_type != self.resource_type {
            return Err(self.unsound("gives a resource of another type than it was asked for"));
        }
        if !self.takes_parts && is_part(resource.raw) {
            return Err(self.unsound("gives parts of resources (SUBSETTED) where whole ones were asked for"));
        }
        Ok(Some(resource))
    }

    fn time_of(&self, resource: &Resource<'_>) -> Result<i64> {
        let meta = Meta::of(resource.body);
        meta.time().ok_or_else(|| self.unsound("does not say when a resource was changed last (`meta.lastUpdated`)"))
    }

    fn unsound(&self, what: &str) -> Error {
        Error::new(Code::UpstreamInvalid, format!("the FHIR service `{}` {what}", self.source))
            .target(self.table.table.entity_set.clone())
    }
}

/// What a resource says of its version.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) version_id: Option<String>,
    pub(super) last_updated: Option<String>,
}

impl Meta {
    pub(super) fn of(resource: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Head {
            meta: Option<Meta>,
        }
        serde_json::from_slice::<Head>(resource).ok().and_then(|head| head.meta).unwrap_or_default()
    }

    /// In microseconds since 1970.
    pub(super) fn time(&self) -> Option<i64> {
        micros(self.last_updated.as_deref()?)
    }
}

/// A FHIR instant in microseconds since 1970.
pub(super) fn micros(instant: &str) -> Option<i64> {
    instant.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

/// Whether an OperationOutcome has an issue that is more than a warning.
pub(super) fn tells_of_an_error(outcome: &str) -> bool {
    let outcome: serde_json::Value = serde_json::from_str(outcome).unwrap_or_default();
    let severity = |issue: &serde_json::Value| matches!(issue["severity"].as_str(), Some("error" | "fatal"));
    outcome["issue"].as_array().is_some_and(|issues| issues.iter().any(severity))
}

pub(super) fn split<'p>(table: &ServedTable, page: &'p Page) -> Result<bundle::Bundle<'p>> {
    bundle::split(&page.body).map_err(|error| {
        Error::new(
            Code::UpstreamInvalid,
            format!("the FHIR service behind `{}` answered no well-formed Bundle", table.table.name),
        )
        .internal(error.to_string())
    })
}
