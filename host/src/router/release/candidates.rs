//! Puts a loaded version on trial beside the one in force, and ends it: promoted, taken back, or stopped by itself. Each is
//! one transaction with its audit event, then a swap of the pointer, so that whoever stops the server at any point leaves
//! the trial under way, or not. What was found of it is counted by the process that runs.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::error::{Code, Error, Result};
use crate::model::table::Route;
use crate::router::candidate::{Candidate, Found, Mode, Trial};
use crate::router::fault::reached;
use crate::router::release::activate::{Breaking, MappingRef, Released, reference};
use crate::router::release::actor::Actor;
use crate::router::release::collisions::conflicts;
use crate::router::release::gate::roots;
use crate::router::release::load::apart;
use crate::router::snapshot::{Snapshot, Turntable};
use crate::store::control::{self, Act, Decision, OnTrial};

/// Who ends a trial by itself.
const ITSELF: &str = "turntable";

/// A version that was stopped as a canary may be one again after so long at most.
const BACKOFF_MOST: Duration = Duration::from_hours(24);

/// A trial that has begun.
pub struct Begun {
    pub tables: Vec<String>,
    pub mapping: MappingRef,
    /// The version that was on trial before.
    pub replaced: Option<String>,
}

impl Turntable {
    /// Puts a loaded version on trial for a table and every other table of the same component, in place of the one that is.
    /// Begun, it is done, whether or not anybody still waits.
    ///
    /// # Errors
    /// `BreakingChange` for a canary on which apps may break, where that is not allowed; nobody sees a shadow.
    /// `Conflict` where it is in force, was stopped lately, or there are too many canaries; `NotSupported` for a canary of
    /// native tables; `BadValue` where a column that is meant to differ is none.
    pub async fn put_on_trial(
        self: &Arc<Self>,
        table: &str,
        digest: &str,
        trial: Trial,
        breaking: Breaking,
        actor: Actor,
    ) -> Result<Begun> {
        let this = Arc::clone(self);
        let (table, digest) = (table.to_owned(), digest.to_owned());
        // Who waits for it holds no thread.
        let control = self.control.clone().lock_owned().await;
        apart(async move || {
            let _control = control;
            let digest = this.whole_digest(&digest).await?;
            this.put_on_trial_now(&table, &digest, trial, breaking, &actor).await
        })
        .await
    }

    /// Puts the version on trial in force. `digest`: the one that is meant; `Conflict` where another is on trial, or none.
    pub async fn promote(
        self: &Arc<Self>,
        table: &str,
        digest: Option<&str>,
        breaking: Breaking,
        actor: Actor,
    ) -> Result<Released> {
        let this = Arc::clone(self);
        let (table, digest) = (table.to_owned(), digest.map(str::to_owned));
        // Who waits for it holds no thread.
        let control = self.control.clone().lock_owned().await;
        apart(async move || {
            let _control = control;
            let live = this.snapshot();
            let candidate = of_table(&live, &table)?.cloned().ok_or_else(|| none_on_trial(&table))?;
            if let Some(digest) = digest {
                let digest = this.whole_digest(&digest).await?;
                if digest != candidate.mapping.digest {
                    let on_trial = &candidate.mapping.digest;
                    let message = format!("table `{table}` has {on_trial} on trial, and not {digest}");
                    return Err(Error::new(Code::Conflict, message).target("digest"));
                }
            }
            drop(live);
            this.activate_now(&candidate.root, &candidate.mapping.digest, breaking, &actor, "mapping.promote").await
        })
        .await
    }

    /// What is on trial for a table.
    pub fn on_trial(&self, table: &str) -> Result<Option<Arc<Candidate>>> {
        let live = self.snapshot();
        Ok(of_table(&live, table)?.cloned())
    }

    /// Canaries that were stopped, of all tables and ever.
    pub fn times_stopped(&self) -> u64 {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.values().map(|(times, _)| u64::from(*times)).sum()
    }

    /// What was on trial for a table and has ended, the last first.
    pub async fn trials_ended(&self, table: &str) -> Result<Vec<control::Candidate>> {
        let root = {
            let live = self.snapshot();
            let served = live.table(table)?;
            roots(&served.mapping).next().map_or_else(|| table.to_owned(), |root| root.name.clone())
        };
        self.store.trials_ended(&root).await
    }

    async fn put_on_trial_now(
        &self,
        table: &str,
        digest: &str,
        trial: Trial,
        breaking: Breaking,
        actor: &Actor,
    ) -> Result<Begun> {
        let live = self.snapshot();
        let in_force = live.table(table)?.mapping.clone();
        if in_force.digest == digest {
            let message = format!("table `{table}` has this version in force: there is nothing to try");
            return Err(Error::new(Code::Conflict, message).target("digest"));
        }
        let before = of_table(&live, table)?.cloned();
        let same = before.clone().filter(|before| before.mapping.digest == digest);
        let mapping = match &same {
            Some(same) => same.mapping.clone(),
            None => self.mapping(&live, digest).await?,
        };
        if mapping.name != in_force.name || mapping.table(table).is_none() {
            let message = format!("mapping `{}` {digest} is no version of what serves `{table}`", mapping.name);
            let serves: Vec<_> = mapping.tables.iter().map(|table| table.name.as_str()).collect();
            return Err(Error::new(Code::BadRequest, message).hint(format!("it serves {}", serves.join(", "))));
        }
        if let Some(conflict) = conflicts(&live, &mapping).into_iter().next() {
            return Err(Error::new(Code::Conflict, conflict));
        }
        if trial.mode == Mode::Canary {
            self.check_canary(&live, digest, before.as_deref(), &in_force.digest)?;
            self.check_breaking(&live, &mapping, breaking).await?;
        }
        let root = roots(&mapping).next().map_or_else(|| table.to_owned(), |root| root.name.clone());
        // As exact as the store keeps it.
        let now = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or_default();
        let begun = (now, actor.0.clone());
        let candidate =
            Arc::new(Candidate::new((&root, trial.clone()), mapping.clone(), in_force, begun, &self.limits));
        candidate.check()?;
        let (action, mode) = match trial.mode {
            Mode::Shadow => ("mapping.shadow", "shadow"),
            Mode::Canary => ("mapping.canary", "canary"),
        };
        let detail = json!({
            "digest": mapping.digest, "name": mapping.name, "version": mapping.version,
            "percent": trial.percent, "expected": trial.expected,
            "replaced": before.as_ref().map(|before| &before.mapping.digest),
        });
        let on_trial = OnTrial {
            table: root.clone(),
            digest: digest.to_owned(),
            mode: mode.to_owned(),
            percent: trial.percent,
            expected: json!(trial.expected),
            begun_at: now,
            found: before.as_ref().map(|before| told(&before.found())),
        };
        let act = Act { actor: actor.0.clone(), action, table: Some(root), detail };
        reached("candidate.begun");
        self.store.decide(vec![(Decision::Try(on_trial), act)]).await?;
        reached("candidate.stored");
        self.replace(&live, before.as_ref(), Some(candidate));
        reached("candidate.known");
        Ok(Begun {
            tables: mapping.tables.iter().map(|table| table.name.clone()).collect(),
            mapping: reference(&mapping),
            replaced: before.map(|before| before.mapping.digest.clone()),
        })
    }

    /// Whether a version may serve callers beside the one in force.
    fn check_canary(&self, live: &Snapshot, digest: &str, before: Option<&Candidate>, in_force: &str) -> Result<()> {
        let is_native = |table: &&Arc<_>| -> bool {
            let table: &Arc<crate::router::snapshot::ServedTable> = table;
            table.mapping.digest == in_force && table.route == Route::Native
        };
        if let Some(native) = live.tables().find(is_native) {
            let message = format!(
                "`{}` is native: its rows are kept as one version makes them, so a second version cannot answer beside it",
                native.table.name
            );
            let error = Error::new(Code::NotSupported, message).target("mode");
            return Err(error.hint("try it as a shadow; what activating it puts in force, a rollback takes back"));
        }
        let others = live.candidates.iter().filter(|one| one.is_canary() && before.is_none_or(|b| b.root != one.root));
        if others.count() >= self.limits.canaries {
            let message = format!("there are {} canaries, the most that `canaries` allows", self.limits.canaries);
            return Err(Error::new(Code::Conflict, message).hint("promote one of them, or take one back"));
        }
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((times, at)) = stopped.get(digest) else { return Ok(()) };
        let wait = backoff(Duration::from_millis(self.limits.canary_backoff_ms), *times);
        let left = wait.saturating_sub(at.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        let seconds = u32::try_from(left.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
        let message =
            format!("this version was stopped as a canary, {times} times so far; it may be one in {seconds} s");
        let error = Error::new(Code::Conflict, message).target("digest").retry_after(seconds);
        Err(error.hint("look at what was found of it, correct it and load it anew, or try it as a shadow"))
    }

    /// Takes back what is on trial for a table, where a rollback means that: the version that is to be left, or a canary
    /// where none is named. None: it means the version in force.
    pub(super) async fn take_back(&self, table: &str, from: Option<&str>, actor: &Actor) -> Result<Option<Released>> {
        let live = self.snapshot();
        let Some(candidate) = of_table(&live, table)?.cloned() else { return Ok(None) };
        let is_meant = match from {
            Some(from) => self.whole_digest(from).await? == candidate.mapping.digest,
            None => candidate.is_canary(),
        };
        if !is_meant {
            return Ok(None);
        }
        self.end(&live, &candidate, "rolled-back", ("mapping.rollback", actor.0.clone())).await?;
        Ok(Some(Released {
            tables: candidate.beside.tables.iter().map(|table| table.name.clone()).collect(),
            mapping: reference(&candidate.beside),
            previous: Some(candidate.mapping.digest.clone()),
        }))
    }

    /// Ends the canaries that have failed too often. They serve nobody any more; here it is stored.
    pub(super) async fn end_stopped(&self) -> Result<()> {
        if !self.snapshot().candidates.iter().any(|candidate| candidate.is_stopped()) {
            return Ok(());
        }
        let _control = self.control.lock().await;
        let live = self.snapshot();
        for candidate in live.candidates.iter().filter(|candidate| candidate.is_stopped()) {
            let (mapping, found) = (&candidate.mapping, candidate.found());
            tracing::error!(
                table = candidate.root,
                mapping = mapping.name,
                version = mapping.version,
                digest = mapping.digest,
                differing_rows = found.differing_rows,
                faults = found.faults.values().sum::<u64>(),
                fell_back = found.fell_back,
                "a canary is taken back: it differs from the version in force, or fails"
            );
            self.note_stopped(&mapping.digest);
            self.end(&self.snapshot(), candidate, "stopped", ("mapping.stop", ITSELF.to_owned())).await?;
        }
        Ok(())
    }

    fn note_stopped(&self, digest: &str) {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let times = stopped.get(digest).map_or(0, |(times, _)| *times);
        stopped.insert(digest.to_owned(), (times.saturating_add(1), Instant::now()));
    }

    async fn end(
        &self,
        live: &Snapshot,
        candidate: &Arc<Candidate>,
        how: &'static str,
        (action, actor): (&'static str, String),
    ) -> Result<()> {
        let (mapping, found) = (&candidate.mapping, told(&candidate.found()));
        let detail = json!({
            "digest": mapping.digest, "name": mapping.name, "version": mapping.version,
            "onTrial": true, "inForce": candidate.beside.digest, "found": found,
        });
        let act = Act { actor, action, table: Some(candidate.root.clone()), detail };
        let end = Decision::EndTrial { table: candidate.root.clone(), how, found: Some(found) };
        reached("candidate.ending");
        self.store.decide(vec![(end, act)]).await?;
        reached("candidate.ended");
        self.replace(live, Some(candidate), None);
        self.keep_at_hand(&self.snapshot(), mapping.clone());
        Ok(())
    }

    /// `Conflict` where a table has a canary, which takes that it is virtual.
    pub(super) fn no_canary_of(&self, live: &Snapshot, table: &str) -> Result<()> {
        let Some(canary) = of_table(live, table)?.filter(|candidate| candidate.is_canary()) else { return Ok(()) };
        let message = format!("table `{table}` has the canary {}, and native tables have none", canary.mapping.digest);
        Err(Error::new(Code::Conflict, message).hint("promote it or take it back first"))
    }

    /// At a start: what was on trial is so again. The answer is what could not be.
    pub(super) async fn try_again_on_trial(&self) -> Result<Vec<Error>> {
        let times = self.store.times_stopped().await?;
        let now = Instant::now();
        let times = times.into_iter().map(|(digest, times)| (digest, (times, now)));
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).extend(times);
        let mut failures = Vec::new();
        let live = self.snapshot();
        let mut candidates = Vec::new();
        for kept in self.store.on_trial().await? {
            let table = kept.table.clone();
            match self.again_on_trial(&live, kept).await {
                Ok(candidate) => candidates.push(Arc::new(candidate)),
                Err(error) => {
                    let end = Decision::EndTrial { table: table.clone(), how: "superseded", found: None };
                    let detail = json!({ "onTrial": true, "why": error.message() });
                    let actor = ITSELF.to_owned();
                    let act = Act { actor, action: "mapping.stop", table: Some(table.clone()), detail };
                    self.store.decide(vec![(end, act)]).await?;
                    failures.push(error.target(table));
                }
            }
        }
        if !candidates.is_empty() {
            *self.candidates.lock().unwrap_or_else(PoisonError::into_inner) = candidates;
            self.publish(again(&live));
        }
        Ok(failures)
    }

    async fn again_on_trial(&self, live: &Snapshot, kept: control::Candidate) -> Result<Candidate> {
        let in_force = live.table(&kept.table)?.mapping.clone();
        let mapping = match live.tables().find(|table| table.mapping.digest == kept.digest) {
            Some(_) => return Err(Error::new(Code::Conflict, "a version on trial is in force by now")),
            None => Arc::new(self.known(&kept.digest).await?),
        };
        if let Some(conflict) = conflicts(live, &mapping).into_iter().next() {
            return Err(Error::new(Code::Conflict, conflict));
        }
        let mode = if kept.mode == "canary" { Mode::Canary } else { Mode::Shadow };
        let expected: BTreeSet<String> = serde_json::from_value(kept.expected).unwrap_or_default();
        let trial = Trial { mode, percent: kept.percent, expected };
        let begun = (kept.begun_at, kept.begun_by);
        let candidate = Candidate::new((&kept.table, trial), mapping, in_force.clone(), begun, &self.limits);
        if mode == Mode::Canary
            && live.tables().any(|t| t.mapping.digest == in_force.digest && t.route == Route::Native)
        {
            return Err(Error::new(Code::Conflict, "a canary takes that its tables are virtual"));
        }
        Ok(candidate)
    }

    /// One on trial in place of another, or none.
    fn replace(&self, live: &Snapshot, before: Option<&Arc<Candidate>>, now: Option<Arc<Candidate>>) {
        let mut candidates = self.candidates.lock().unwrap_or_else(PoisonError::into_inner);
        candidates.retain(|one| before.is_none_or(|before| !Arc::ptr_eq(one, before)));
        candidates.extend(now);
        drop(candidates);
        self.publish(again(live));
    }
}

/// What is in force, once more.
fn again(live: &Snapshot) -> Snapshot {
    Snapshot::new(live.tables().map(|table| table.again()), live.catalog.withdrawn().clone())
}

/// What is on trial for the mapping that serves a table.
fn of_table<'s>(live: &'s Snapshot, table: &str) -> Result<Option<&'s Arc<Candidate>>> {
    let digest = &live.table(table)?.mapping.digest;
    Ok(live.candidates.iter().find(|candidate| candidate.beside.digest == *digest))
}

fn none_on_trial(table: &str) -> Error {
    let error = Error::new(Code::Conflict, format!("table `{table}` has no version on trial"));
    error.hint("activate a version by its digest, or put one on trial first")
}

fn told(found: &Found) -> Value {
    serde_json::to_value(found).unwrap_or_default()
}

/// How long a version is no canary that was stopped so often.
fn backoff(first: Duration, times: u32) -> Duration {
    let doublings = times.saturating_sub(1).min(20);
    first.saturating_mul(1 << doublings).min(BACKOFF_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_day() {
        let minute = Duration::from_mins(1);
        let waits = [1, 2, 3, 12, 40].map(|times| backoff(minute, times).as_secs());
        assert_eq!(waits, [60, 120, 240, 86_400, 86_400]);
    }
}
