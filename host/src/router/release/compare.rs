//! Has the version on trial and the one in force make rows of the same resources, one comparison after the other, behind the
//! answers. Both are pure functions, so what is made here of a resource is what was served, and the work that each takes is
//! measured in the same minute on the same thread. It has a thread and a place in the sandbox of its own, gets what time others leave,
//! rests in between, and keeps no value.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::jobs;
use crate::mapping::component::Mapping;
use crate::mapping::inspect::digest;
use crate::mapping::sandbox::{self, cpu_time};
use crate::model::error::{Error, Result};
use crate::model::key;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Route, Table};
use crate::plan::search::elements::elements;
use crate::router::candidate::{Candidate, Compared, Example, Found, Pair};
use crate::router::map::{self, Resource};
use crate::router::samples::Sample;
use crate::router::snapshot::{ServedTable, Turntable};
use crate::router::write::rows::is_of_mapping;

/// Between two looks whether there still is a server.
const PAUSE: Duration = Duration::from_secs(10);

/// Compares what comes, for as long as there is a server.
pub async fn watch(turntable: Weak<Turntable>) {
    while let Some(here) = turntable.upgrade() {
        if let Err(error) = here.end_stopped().await {
            tracing::error!(code = ?error.code(), internal = error.get_internal(), "a canary that serves nobody is not ended");
        }
        let Some(sample) = here.samples.take() else {
            // Nobody is kept alive by waiting.
            let come = here.samples.come.clone();
            drop(here);
            drop(tokio::time::timeout(PAUSE, come.notified()).await);
            continue;
        };
        let percent = here.limits.compare_percent.clamp(1, 100);
        let took = here.compare(sample).await;
        drop(here);
        tokio::time::sleep(took * (100 - percent) / percent).await;
    }
}

impl Turntable {
    /// How long it took.
    async fn compare(&self, sample: Sample) -> Duration {
        let candidate = sample.candidate.clone();
        let most = Duration::from_millis(self.limits.request_ms);
        let job = move || {
            let begun = cpu_time();
            (sandbox::behind(|| compared(&sample, Instant::now() + most)), cpu_time().saturating_sub(begun))
        };
        match jobs::run_last("trials", job).await {
            Some((compared, took)) => {
                candidate.count(compared);
                took
            }
            None => {
                candidate.drops();
                Duration::ZERO
            }
        }
    }
}

/// A pair of tables, and the columns of it that can be compared.
type Asked<'a> = (&'a Pair, Vec<(ColumnIndex, ColumnIndex)>);

fn compared(sample: &Sample, until: Instant) -> Compared {
    let candidate = &*sample.candidate;
    let mut all = Compared::default();
    all.found.requests = 1;
    let mut asked: Vec<Asked<'_>> = Vec::new();
    for pair in candidate.pairs(sample.table.as_deref(), &sample.resource_type) {
        let (kept, left) = readable(pair, sample);
        all.found.not_compared.extend(left.into_iter().map(|column| candidate.called(pair, column)));
        if kept.len() > 1 {
            asked.push((pair, kept));
        }
    }
    let resources: Vec<_> = sample
        .bodies
        .iter()
        .map(|body| Resource { resource_type: sample.resource_type.as_str(), body: body.as_ref() })
        .collect();
    if !asked.is_empty() && !resources.is_empty() {
        some(sample, (&asked, until), &resources, &mut all);
    }
    all
}

/// The columns that both versions can make of what is there, and those that they cannot: of parts of resources only what
/// the version on trial, too, reads from them.
fn readable(pair: &Pair, sample: &Sample) -> (Vec<(ColumnIndex, ColumnIndex)>, Vec<ColumnIndex>) {
    let Some(asked) = &sample.elements else { return (pair.columns.clone(), Vec::new()) };
    let asked: BTreeSet<&str> = asked.split(',').collect();
    let is_there = |table: &Table, column: ColumnIndex| {
        let names = elements(&BTreeSet::from([column, table.key]), table, &sample.resource_type);
        names.is_some_and(|names| names.split(',').all(|name| asked.contains(name)))
    };
    let (mut kept, mut left) = (Vec::new(), Vec::new());
    for (own, other) in &pair.columns {
        // What nobody asked for is no matter of this read.
        if !is_there(&pair.in_force, *own) {
            continue;
        }
        match is_there(&pair.on_trial, *other) {
            true => kept.push((*own, *other)),
            false => left.push(*own),
        }
    }
    (kept, left)
}

/// All in one call of each. Where one of both fails, about half as many, until it is known on which, or it takes too long.
fn some(sample: &Sample, (asked, until): (&[Asked<'_>], Instant), resources: &[Resource<'_>], all: &mut Compared) {
    let candidate = &*sample.candidate;
    if Instant::now() >= until {
        all.found.dropped += 1;
        return;
    }
    let make = |is_on_trial: bool| {
        let begun = cpu_time();
        let made = rows(candidate, asked, resources, &sample.base, is_on_trial);
        (made, cpu_time().saturating_sub(begun))
    };
    let ((in_force, own_work), (on_trial, work)) = if candidate.goes_first() {
        let first = make(true);
        (make(false), first)
    } else {
        let first = make(false);
        (first, make(true))
    };
    let error = match (in_force, on_trial) {
        (Ok(in_force), Ok(on_trial)) => {
            all.found.resources += resources.len() as u64;
            all.found.work_in_force += nanoseconds(own_work);
            all.found.work_on_trial += nanoseconds(work);
            for ((asked, before), now) in asked.iter().zip(&in_force).zip(&on_trial) {
                differences(candidate, asked, (before, now), all);
            }
            return;
        }
        (in_force, on_trial) => (in_force.err(), on_trial.err()),
    };
    if resources.len() > 1 {
        let (first, second) = resources.split_at(resources.len() / 2);
        some(sample, (asked, until), first, all);
        some(sample, (asked, until), second, all);
        return;
    }
    // Where the version in force fails too, nothing is worse than it was.
    let (None, Some(error)) = error else { return };
    if !is_of_mapping(error.code()) {
        all.found.dropped += 1;
        return;
    }
    all.found.resources += 1;
    *all.found.faults.entry(format!("{:?}", error.code())).or_default() += 1;
    let (Some(resource), Some((pair, _))) = (resources.first(), asked.first()) else { return };
    match named(resource, candidate, asked, &sample.base) {
        Some(name) => {
            example(&mut all.found, &name, &pair.in_force.name, Vec::new());
            all.failing.push(name);
        }
        // It has no row in these tables: what it says tells it from others.
        None => all.failing.push(digest(resource.body)),
    }
}

/// What a resource is called, by the rows that the version in force makes of it.
fn named(resource: &Resource<'_>, candidate: &Candidate, asked: &[Asked<'_>], base: &str) -> Option<String> {
    let made = rows(candidate, asked, std::slice::from_ref(resource), base, false).ok()?;
    let found = asked.iter().zip(&made).find_map(|((pair, _), rows)| rows.cell(0, pair.in_force.key).map(resource_of));
    found.map(str::to_owned)
}

/// Rows of each of the tables, as the one version makes them or the other.
fn rows(
    candidate: &Candidate,
    asked: &[Asked<'_>],
    resources: &[Resource<'_>],
    base: &str,
    is_on_trial: bool,
) -> Result<Vec<Rows>, Error> {
    let mapping: &Arc<Mapping> = if is_on_trial { &candidate.mapping } else { &candidate.beside };
    let served: Vec<_> = asked
        .iter()
        .map(|(pair, _)| {
            let table = if is_on_trial { &pair.on_trial } else { &pair.in_force };
            ServedTable::new(table.clone(), mapping.clone(), Route::Native)
        })
        .collect();
    let columns: Vec<Vec<ColumnIndex>> = asked
        .iter()
        .map(|(_, columns)| {
            let mut own: Vec<_> = columns.iter().map(|(own, other)| if is_on_trial { *other } else { *own }).collect();
            own.sort_unstable();
            own
        })
        .collect();
    let asked: Vec<_> = served.iter().zip(columns.iter().map(Vec::as_slice)).collect();
    Ok(map::rows_of_tables(&asked, resources, base)?.into_iter().map(|mapped| mapped.rows).collect())
}

/// What differs in the rows of one table.
fn differences(candidate: &Candidate, (pair, columns): &Asked<'_>, (before, now): (&Rows, &Rows), all: &mut Compared) {
    let (key, other_key) = (pair.in_force.key, pair.on_trial.key);
    let mut by_key: HashMap<&str, Vec<usize>> = HashMap::new();
    for row in 0..now.len() {
        by_key.entry(now.cell(row, other_key).unwrap_or_default()).or_default().push(row);
    }
    all.found.rows += before.len() as u64;
    let mut differs: BTreeMap<&str, (BTreeSet<String>, bool)> = BTreeMap::new();
    for row in 0..before.len() {
        let Some(text) = before.cell(row, key) else { continue };
        let Some(other) = by_key.get_mut(text).and_then(Vec::pop) else {
            all.found.missing += 1;
            all.found.differing_rows += 1;
            differs.entry(resource_of(text)).or_default().1 |= !candidate.expects_all();
            continue;
        };
        let mut is_same = true;
        for (own, theirs) in columns {
            if before.cell(row, *own) != now.cell(other, *theirs) {
                let name = candidate.called(pair, *own);
                *all.found.columns.entry(name.clone()).or_default() += 1;
                let of_resource = differs.entry(resource_of(text)).or_default();
                of_resource.0.insert(name);
                of_resource.1 |= !candidate.expects(pair, *own);
                is_same = false;
            }
        }
        all.found.differing_rows += u64::from(!is_same);
    }
    for (text, rows) in by_key.into_iter().filter(|(_, rows)| !rows.is_empty()) {
        all.found.extra += rows.len() as u64;
        all.found.differing_rows += rows.len() as u64;
        differs.entry(resource_of(text)).or_default().1 |= !candidate.expects_all();
    }
    for (resource, (columns, is_failing)) in differs {
        example(&mut all.found, resource, &pair.in_force.name, columns.into_iter().collect());
        if is_failing {
            all.failing.push(resource.to_owned());
        }
    }
}

fn example(found: &mut Found, resource: &str, table: &str, columns: Vec<String>) {
    found.examples.push(Example { resource: resource.to_owned(), table: table.to_owned(), columns });
}

/// `Type/id` of a row's key, `Type/id[/path]`.
fn resource_of(text: &str) -> &str {
    let (resource_type, rest) = key::split(text);
    let id = rest.split('/').next().unwrap_or(rest);
    text.get(..resource_type.len() + 1 + id.len()).unwrap_or(text)
}

fn nanoseconds(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}
