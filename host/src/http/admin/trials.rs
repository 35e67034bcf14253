//! What is told of a version on trial: numbers, columns and codes, no value; which resources differ only to whoever may read
//! all rows.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::admin::answer::MappingRef;
use crate::model::error::{Code, Error, Result};
use crate::router::candidate::{self, Candidate, Mode};
use crate::router::course::Course;
use crate::router::session::Session;
use crate::store::control;

/// A version on trial.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OnTrial {
    mapping: MappingRef,
    /// Of a shadow how much of what is read and written it is given, of a canary how many of the callers it serves.
    percent: u8,
    /// The columns that are meant to differ.
    expected: BTreeSet<String>,
    /// When it began, by RFC 3339.
    at: String,
    by: String,
    /// From when on the server counts: it counts anew when it starts.
    since: String,
    found: FoundOnTrial,
    /// Of a canary: distinct resources and requests that it has failed on of late, and with how many it is taken back.
    failing: Option<usize>,
    failing_limit: Option<usize>,
    /// A few of the resources that differ. None: the caller may not read all rows of the table.
    resources: Option<Vec<Differing>>,
}

/// A trial that has ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndedTrial {
    /// `shadow` or `canary`.
    mode: String,
    percent: u8,
    digest: String,
    version: Option<String>,
    /// When it began, by RFC 3339.
    at: String,
    by: String,
    /// `promoted`: it came into force. `superseded`: something else did. `replaced`: by another on trial. `rolled-back`: it was
    /// taken back. `stopped`: it was taken back by the server, since it failed too often.
    ended: String,
    ended_at: String,
    ended_by: String,
    found: Option<FoundOnTrial>,
}

/// What was found of a version on trial.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundOnTrial {
    /// Of a canary, answered by it; of a shadow, reads and writes that it was given the resources of.
    requests: u64,
    /// Of a canary: it failed them, and the version in force answered.
    fell_back: u64,
    /// Reads and writes that were not compared, for want of room or of a turn.
    dropped: u64,
    /// Compared.
    resources: u64,
    rows: u64,
    /// Rows with another value in a column, or that one version alone has.
    differing_rows: u64,
    /// By column, as `column` or, of a child table, `table.column`: rows that differ in it.
    columns: BTreeMap<String, u64>,
    /// Rows that the version in force alone has.
    missing: u64,
    /// Rows that the one on trial alone has.
    extra: u64,
    /// Columns that could not be compared in each read, since it reads them from elements that the service was not asked for.
    not_compared: BTreeSet<String>,
    /// By code: resources on which it fails, and the version in force does not.
    faults: BTreeMap<String, u64>,
    /// The same over time.
    course: CourseOfTrial,
    /// The work that it takes by that of the version in force, for the same resources.
    latency_ratio: Option<f64>,
}

/// What was found since the server counts, portion by portion: each list has a number for each. There are 120 at most; as there would
/// be more they become longer.
#[derive(Serialize, ToSchema)]
pub(crate) struct CourseOfTrial {
    /// Of one portion.
    seconds: u64,
    requests: Vec<u64>,
    /// Compared.
    rows: Vec<u64>,
    /// Of these, different.
    differing: Vec<u64>,
    /// Resources and requests on which it fails.
    failing: Vec<u64>,
}

/// A resource that differs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Differing {
    /// `Type/id`
    resource: String,
    table: String,
    /// None: rows are there in one version alone, or it fails.
    columns: Vec<String>,
}

impl OnTrial {
    pub(crate) fn of(candidate: &Candidate, session: &Session) -> Self {
        let (mapping, found, is_canary) = (&candidate.mapping, candidate.found(), candidate.is_canary());
        let named =
            MappingRef { name: mapping.name.clone(), version: mapping.version.clone(), digest: mapping.digest.clone() };
        let differing = |example: &candidate::Example| Differing {
            resource: example.resource.clone(),
            table: example.table.clone(),
            columns: example.columns.clone(),
        };
        let sees_all = candidate.beside.tables.iter().all(|table| session.reads_all_of(table));
        Self {
            mapping: named,
            percent: candidate.trial.percent,
            expected: candidate.trial.expected.clone(),
            at: candidate.begun_at.to_string(),
            by: candidate.begun_by.clone(),
            since: candidate.since.to_string(),
            failing: is_canary.then(|| candidate.failing()),
            failing_limit: is_canary.then_some(session.limits().canary_failures),
            resources: sees_all.then(|| found.examples.iter().map(differing).collect()),
            found: found.into(),
        }
    }
}

impl EndedTrial {
    /// None: it is under way.
    pub(crate) fn of(kept: control::Candidate, version: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let ended = kept.ended?;
        let found = ended.found.and_then(|found| serde_json::from_value::<candidate::Found>(found).ok());
        Some(Self {
            mode: kept.mode,
            percent: kept.percent,
            version: version(&kept.digest),
            digest: kept.digest,
            at: kept.begun_at.to_string(),
            by: kept.begun_by,
            ended: ended.how,
            ended_at: ended.at.to_string(),
            ended_by: ended.by,
            found: found.map(FoundOnTrial::from),
        })
    }
}

impl From<Course> for CourseOfTrial {
    fn from(Course { seconds, requests, rows, differing, failing }: Course) -> Self {
        Self { seconds, requests, rows, differing, failing }
    }
}

impl From<candidate::Found> for FoundOnTrial {
    fn from(found: candidate::Found) -> Self {
        let ratio = |work: u64, of: u64| (of > 0).then(|| (work as f64 / of as f64 * 1_000.0).round() / 1_000.0);
        Self {
            latency_ratio: ratio(found.work_on_trial, found.work_in_force),
            requests: found.requests,
            fell_back: found.fell_back,
            dropped: found.dropped,
            resources: found.resources,
            rows: found.rows,
            differing_rows: found.differing_rows,
            columns: found.columns,
            missing: found.missing,
            extra: found.extra,
            not_compared: found.not_compared,
            faults: found.faults,
            course: found.course.into(),
        }
    }
}

/// How a version is to be tried, as a body says it.
///
/// # Errors
/// `BadValue`.
pub(crate) fn trial(mode: Mode, percent: Option<u64>, expected: BTreeSet<String>) -> Result<candidate::Trial> {
    let percent = percent.and_then(|percent| u8::try_from(percent).ok()).filter(|percent| (1..=100).contains(percent));
    let Some(percent) = percent else {
        return Err(Error::new(Code::BadValue, "`percent` is a whole number from 1 to 100").target("percent"));
    };
    if mode == Mode::Shadow && !expected.is_empty() {
        let error = Error::new(Code::BadValue, "`expected` belongs to the mode `canary`").target("expected");
        return Err(error.hint("a shadow tells every difference, and is stopped by none"));
    }
    Ok(candidate::Trial { mode, percent, expected })
}
