//! The control plane: admits a component through the gate, puts a version in force, rolls it back, turns a route. Slow
//! and careful; each change is stored, with its audit event, before the one pointer is swapped.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use crate::mapping::component::Mapping;
use crate::model::catalog::nearest;
use crate::model::error::{Code, Error, Result};
use crate::model::table::{Kind, Route, Table, root_of};
use crate::router::conformance::{self, Report, SchemaDifference};
use crate::router::live::{Live, LiveTable, Turntable};
use crate::router::native;
use crate::store::control::{self, Act};

/// What `load` answers.
#[derive(Serialize)]
pub struct Loaded {
    pub digest: String,
    pub name: String,
    pub version: String,
    /// The tables it serves, roots first.
    pub tables: Vec<String>,
    pub checks: Vec<conformance::Check>,
    /// Against the version in force.
    pub schema: SchemaDifference,
    /// Known already: nothing was stored.
    #[serde(skip)]
    pub known: bool,
}

/// What `activate` and `rollback` answer.
#[derive(Serialize)]
pub struct Released {
    pub tables: Vec<String>,
    pub mapping: MappingRef,
    pub previous: Option<String>,
}

#[derive(Serialize)]
pub struct MappingRef {
    pub name: String,
    pub version: String,
    pub digest: String,
}

/// What turning a route answers.
#[derive(Serialize)]
pub struct Turned {
    pub dry_run: bool,
    pub changes: Vec<RouteChange>,
}

#[derive(Serialize)]
pub struct RouteChange {
    pub table: String,
    pub from: String,
    pub to: String,
    /// Rows in the native store, which stay there.
    pub native_rows: u64,
}

/// Who does it, for the audit trail.
#[derive(Clone, Debug)]
pub struct Actor(pub String);

/// How often a swap looks whether the requests that began before it have ended.
const DRAIN_CHECK: Duration = Duration::from_millis(2);

/// Who uploaded the mappings inside the binary.
const SHIPPED_BY: &str = "turntable";

/// What the configuration says of a table at its first start.
pub type FirstRoutes = BTreeMap<String, Route>;

impl Turntable {
    /// Admits a component: inspected without running it, compiled, described, compared with what is in force, run on its
    /// own samples. It is stored only if every check passes. The laws are looked at for `laws`.
    pub async fn load(self: &Arc<Self>, bytes: Vec<u8>, actor: Actor, laws: Duration) -> Result<Loaded> {
        let _control = self.control.lock().await;
        let this = Arc::clone(self);
        // Compiling takes a core for a while; the table path keeps the others.
        tokio::task::spawn_blocking(move || this.load_now(bytes, &actor, laws)).await.map_err(gone)?
    }

    fn load_now(&self, bytes: Vec<u8>, actor: &Actor, laws: Duration) -> Result<Loaded> {
        let mapping = self.sandbox.load(&bytes)?;
        let live = self.live();
        let mut report = Report::default();
        let schema = self.admission(&live, &mapping, laws, &mut report);
        if !report.passed() {
            let failed = report.checks.iter().filter(|c| !c.passed);
            let details = failed.flat_map(|check| {
                check.findings.iter().map(|finding| crate::model::error::Detail {
                    code: check.name.clone(),
                    message: finding.clone(),
                    target: None,
                })
            });
            return Err(Error::new(
                Code::ComponentRefused,
                format!("mapping `{}` {} does not pass the gate", mapping.name, mapping.version),
            )
            .details(details.collect::<Vec<_>>()));
        }
        let known = self.store.mapping(&mapping.digest)?.is_some();
        if !known {
            let act = Act {
                actor: &actor.0,
                action: "mapping.load",
                table: None,
                detail: json!({ "digest": mapping.digest, "name": mapping.name, "version": mapping.version }),
            };
            self.store.put_mapping(&kept(&mapping, &report), &bytes, &act)?;
            let act = Act { action: "mapping.prune", ..act };
            self.store.prune_mappings(&mapping.name, self.limits.mapping_versions, &act)?;
        }
        let loaded = Loaded {
            digest: mapping.digest.clone(),
            name: mapping.name.clone(),
            version: mapping.version.clone(),
            tables: mapping.tables.iter().map(|t| t.name.clone()).collect(),
            checks: report.checks,
            schema,
            known,
        };
        // Who loads a version is about to put it in force.
        self.keep_at_hand(&live, Arc::new(mapping));
        Ok(loaded)
    }

    /// The checks of the gate, and the difference to what is in force.
    fn admission(&self, live: &Live, mapping: &Mapping, laws: Duration, report: &mut Report) -> SchemaDifference {
        report.add("tables", conflicts(live, mapping), format!("{} tables", mapping.tables.len()));
        conformance::check(mapping, report);
        conformance::laws(mapping, laws, report);
        let root = roots(mapping).next().and_then(|root| live.table(&root.name).ok());
        let old: Vec<_> = root.map(|root| root.mapping.tables.clone()).unwrap_or_default();
        let schema = conformance::schema_difference(&old, &mapping.tables);
        let note = match (old.is_empty(), schema.is_breaking()) {
            (true, _) => "no version is in force".to_owned(),
            (_, true) => format!("apps may break: removed {:?}, changed {:?}", schema.removed, schema.changed),
            (_, false) => format!("{} added, nothing removed or changed", schema.added.len()),
        };
        report.add("schema", Vec::new(), note);
        schema
    }

    /// Puts a loaded version in force for a table and every other table of the same component, by one swap.
    pub async fn activate(self: &Arc<Self>, table: &str, digest: &str, actor: Actor) -> Result<Released> {
        let _control = self.control.lock().await;
        let this = Arc::clone(self);
        let (table, digest) = (table.to_owned(), digest.to_owned());
        tokio::task::spawn_blocking(move || this.activate_now(&table, &digest, &actor, "mapping.activate"))
            .await
            .map_err(gone)?
    }

    /// The version before the one in force, at once.
    pub async fn rollback(self: &Arc<Self>, table: &str, actor: Actor) -> Result<Released> {
        let _control = self.control.lock().await;
        let this = Arc::clone(self);
        let table = table.to_owned();
        tokio::task::spawn_blocking(move || {
            let root = {
                let live = this.live();
                live.root(live.table(&table)?).table.name.clone()
            };
            let in_force = this.store.activations(&root)?;
            let mut before = in_force.iter().filter(|activation| !activation.rolled_back).skip(1);
            let before = before.next().ok_or_else(|| {
                Error::new(Code::Conflict, format!("table `{root}` has no version before the one in force"))
            })?;
            this.activate_now(&root, &before.digest, &actor, "mapping.rollback")
        })
        .await
        .map_err(gone)?
    }

    fn activate_now(&self, table: &str, digest: &str, actor: &Actor, action: &str) -> Result<Released> {
        let live = self.live();
        let mapping = self.mapping(&live, digest)?;
        let root =
            roots(&mapping).next().ok_or_else(|| Error::new(Code::MappingIllFormed, "a mapping without a table"))?;
        if !mapping.tables.iter().any(|t| t.name == table) {
            let error =
                Error::new(Code::BadRequest, format!("mapping `{}` does not serve the table `{table}`", mapping.name));
            let serves: Vec<_> = mapping.tables.iter().map(|t| t.name.as_str()).collect();
            return Err(error.hint(format!("it serves {}", serves.join(", "))));
        }
        if let Some(conflict) = conflicts(&live, &mapping).into_iter().next() {
            return Err(Error::new(Code::Conflict, conflict));
        }
        let previous = live.table(&root.name).ok().map(|t| t.mapping.digest.clone());
        let route = live.table(&root.name).map_or(Route::Native, |t| t.route.clone());
        let fresh: Vec<_> = mapping
            .tables
            .iter()
            .map(|table| LiveTable { table: table.clone(), mapping: mapping.clone(), route: route.clone() })
            .collect();
        self.store.ensure_tables(fresh.iter().map(|fresh| &*fresh.table))?;
        // Native rows are what a mapping makes of the stored resources, so a new mapping makes them anew. What is written
        // meanwhile is still mapped by the old one, and made anew after the swap.
        let begun = jiff::Timestamp::now();
        let changed = previous.as_deref() != Some(mapping.digest.as_str());
        if changed {
            self.remake_if_new(&mapping, &fresh)?;
        }
        let detail =
            json!({ "digest": mapping.digest, "name": mapping.name, "version": mapping.version, "previous": previous });
        let act = Act { actor: &actor.0, action, table: Some(&root.name), detail };
        if action == "mapping.rollback" {
            self.store.rollback(&[root.name.as_str()], &act)?;
        } else {
            self.store.activate(&[root.name.as_str()], &mapping.digest, &act)?;
        }
        let tables: Vec<_> = fresh.iter().map(|t| t.table.name.clone()).collect();
        // A table that the new version no longer has goes with the old one.
        let kept = live
            .tables()
            .filter(|t| !tables.contains(&t.table.name) && previous.as_deref() != Some(t.mapping.digest.as_str()));
        let family: Vec<_> = fresh.iter().map(LiveTable::again).collect();
        self.publish(Live::new(kept.map(|t| t.again()).chain(fresh)));
        if changed {
            if let Ok(before) = live.table(&root.name) {
                self.keep_at_hand(&self.live(), before.mapping.clone());
            }
            self.drained(&live);
            native::remake(&self.store, &family, begun)?;
        }
        Ok(Released { tables, mapping: reference(&mapping), previous })
    }

    /// Waits until no request holds this moment any more, or none may: each has its time.
    fn drained(&self, live: &Arc<Live>) {
        let last = Instant::now() + Duration::from_millis(self.limits.request_ms);
        while Arc::strong_count(live) > 1 && Instant::now() < last {
            std::thread::sleep(DRAIN_CHECK);
        }
    }

    /// Native rows are remembered to be of one mapping; those of another are made anew from the resources.
    fn remake_if_new(&self, mapping: &Mapping, family: &[LiveTable]) -> Result<()> {
        for root in roots(mapping) {
            let made_by = format!("rows-made-by:{}", root.name);
            if self.store.setting(&made_by)?.as_deref() == Some(mapping.digest.as_bytes()) {
                continue;
            }
            native::remake(&self.store, family, jiff::Timestamp::UNIX_EPOCH)?;
            self.store.put_setting(&made_by, mapping.digest.as_bytes())?;
        }
        Ok(())
    }

    /// Keeps a mapping that is not in force, and lets the oldest such go.
    fn keep_at_hand(&self, live: &Live, mapping: Arc<Mapping>) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let in_force = live.tables().any(|t| t.mapping.digest == mapping.digest);
        if !in_force && retired.iter().all(|other| other.digest != mapping.digest) {
            retired.push_back(mapping);
        }
        while retired.len() > self.limits.mapping_retired {
            retired.pop_front();
        }
    }

    /// A loaded version, from what is or was in force or from the store.
    fn mapping(&self, live: &Live, digest: &str) -> Result<Arc<Mapping>> {
        if let Some(table) = live.tables().find(|t| t.mapping.digest == digest) {
            return Ok(table.mapping.clone());
        }
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let at_hand = retired.iter().position(|mapping| mapping.digest == digest);
        if let Some(mapping) = at_hand.and_then(|at| retired.remove(at)) {
            return Ok(mapping);
        }
        drop(retired);
        let component = self.store.component(digest)?.ok_or_else(|| {
            Error::new(Code::NotFound, format!("no mapping of the digest `{digest}` has been loaded"))
                .hint("load the component first: turntable load FILE")
        })?;
        Ok(Arc::new(self.sandbox.load(&component)?))
    }

    /// Turns a root table and everything cut from its resources; in force at the next request.
    pub async fn turn(&self, table: &str, route: Route, dry_run: bool, actor: Actor) -> Result<Turned> {
        let _control = self.control.lock().await;
        let live = self.live();
        let chosen = live.table(table).map_err(|error| self.with_nearest(&live, table, error))?;
        let root = &live.root(chosen).table.name;
        if root != table {
            return Err(Error::new(
                Code::BadRequest,
                format!("`{table}` is cut from the resources of `{root}` and follows its route"),
            )
            .hint(format!("turn `{root}`")));
        }
        if let Route::Virtual { source } = &route
            && !self.sources.contains_key(source)
        {
            let known: Vec<_> = self.sources.keys().map(String::as_str).collect();
            let error = Error::new(Code::BadRequest, format!("there is no FHIR service `{source}`")).target("source");
            return Err(error.hint(match known.as_slice() {
                [] => "configure one under [sources.NAME]".to_owned(),
                known => format!("there is {}", known.join(", ")),
            }));
        }
        let mut changes = Vec::new();
        let mut next = Vec::new();
        for live_table in live.tables() {
            let mut turned = live_table.again();
            if live.root(live_table).table.name == table && live_table.route != route {
                changes.push(RouteChange {
                    table: live_table.table.name.clone(),
                    from: route_text(&live_table.route),
                    to: route_text(&route),
                    native_rows: self.store.count_rows(&live_table.table)?,
                });
                turned.route = route.clone();
            }
            next.push(turned);
        }
        if !dry_run && !changes.is_empty() {
            let from = changes.first().map(|c| c.from.clone());
            let detail = json!({ "from": from, "to": route_text(&route) });
            let act = Act { actor: &actor.0, action: "route.set", table: Some(table), detail };
            self.store.set_route(&[table], &route, &act)?;
            self.publish(Live::new(next));
        }
        Ok(Turned { dry_run, changes })
    }

    fn with_nearest(&self, live: &Live, table: &str, error: Error) -> Error {
        match nearest(table, live.tables().map(|t| t.table.name.as_str())) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    /// At start: every mapping in force is loaded, the shipped ones are registered, routes are taken from the store or,
    /// the first time, from the configuration. A mapping that cannot be loaded takes down its own tables only.
    pub fn start(&self, shipped: &[(&str, &[u8])], first_routes: &FirstRoutes) -> Result<Vec<Error>> {
        // What is written here is written again by the next start, should the power go meanwhile.
        let (tables, mut failures) = self.store.repeatable(|| self.start_mappings(shipped, first_routes))??;
        for name in first_routes.keys().filter(|name| !tables.iter().any(|t| t.table.name == **name)) {
            let error =
                Error::new(Code::Config, format!("the configuration gives a route to `{name}`, which is no table"));
            let near = nearest(name, tables.iter().map(|t| t.table.name.as_str()));
            failures.push(match near {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
        self.publish(Live::new(tables));
        Ok(failures)
    }

    /// The tables of all mappings in force, and what went wrong with others.
    fn start_mappings(
        &self,
        shipped: &[(&str, &[u8])],
        first_routes: &FirstRoutes,
    ) -> Result<(Vec<LiveTable>, Vec<Error>)> {
        let mut failures = Vec::new();
        let mut active = self.store.active()?;
        let in_force = |active: &BTreeMap<String, String>, digest: &str| active.values().any(|a| a == digest);

        // Components in the binary that are new here or in force, and what else is in force.
        let mut components: BTreeMap<String, Cow<'_, [u8]>> = BTreeMap::new();
        let mut new = Vec::new();
        for (name, bytes) in shipped {
            let digest = crate::mapping::inspect::digest(bytes);
            let is_new = self.store.mapping(&digest)?.is_none();
            if is_new || in_force(&active, &digest) {
                components.insert(digest.clone(), Cow::Borrowed(*bytes));
            }
            if is_new {
                new.push((*name, *bytes, digest));
            }
        }
        for digest in active.values() {
            if !components.contains_key(digest) {
                match self.store.component(digest)? {
                    Some(component) => drop(components.insert(digest.clone(), component.into())),
                    None => failures.push(Error::new(
                        Code::MappingMissing,
                        format!("the mapping {digest} is in force but not in the store"),
                    )),
                }
            }
        }
        let bytes: Vec<&[u8]> = components.values().map(|bytes| &**bytes).collect();
        let mut mappings = BTreeMap::new();
        for (digest, loaded) in components.keys().zip(self.sandbox.load_all(&bytes)) {
            match loaded {
                Ok(mapping) => drop(mappings.insert(digest.as_str(), Arc::new(mapping))),
                Err(error) => failures.push(error),
            }
        }

        for (name, bytes, digest) in new {
            let Some(mapping) = mappings.get(digest.as_str()) else { continue };
            if let Err(error) = self.register_shipped(name, bytes, mapping, &mut active) {
                failures.push(error);
            }
        }
        let routes = self.store.routes()?;
        let mut families = Vec::new();
        for (_, mapping) in mappings.iter().filter(|(digest, _)| in_force(&active, digest)) {
            match self.start_mapping(mapping, &routes, first_routes) {
                Ok(family) => families.push((mapping, family)),
                Err(error) => failures.push(error),
            }
        }
        // Only now: a reader reads the schema anew after each table that was made.
        let mut tables = Vec::new();
        for (mapping, family) in families {
            match self.remake_if_new(mapping, &family) {
                Ok(()) => tables.extend(family),
                Err(error) => failures.push(error),
            }
        }
        Ok((tables, failures))
    }

    /// Stores a shipped component and puts it in force where none is, or where its older shipped version is.
    fn register_shipped(
        &self,
        name: &str,
        bytes: &[u8],
        mapping: &Mapping,
        active: &mut BTreeMap<String, String>,
    ) -> Result<()> {
        let digest = &mapping.digest;
        let mut report = Report::default();
        conformance::check(mapping, &mut report);
        let detail = json!({ "digest": digest, "name": name, "version": mapping.version });
        let act = Act { actor: SHIPPED_BY, action: "mapping.load", table: None, detail };
        self.store.put_mapping(&kept(mapping, &report), bytes, &act)?;
        for root in roots(mapping) {
            let replaces = match active.get(&root.name) {
                None => true,
                // One that somebody chose stays in force.
                Some(in_force) => self.store.mapping(in_force)?.is_none_or(|m| m.uploaded_by == SHIPPED_BY),
            };
            if replaces {
                let act = Act { action: "mapping.activate", table: Some(&root.name), ..act.clone() };
                self.store.activate(&[root.name.as_str()], digest, &act)?;
                active.insert(root.name.clone(), digest.clone());
            }
        }
        Ok(())
    }

    fn start_mapping(
        &self,
        mapping: &Arc<Mapping>,
        routes: &BTreeMap<String, Route>,
        first_routes: &FirstRoutes,
    ) -> Result<Vec<LiveTable>> {
        let mut started = Vec::new();
        for root in roots(mapping) {
            let route =
                routes.get(&root.name).or_else(|| first_routes.get(&root.name)).cloned().unwrap_or(Route::Native);
            if !routes.contains_key(&root.name) {
                let detail = json!({ "to": route_text(&route) });
                let act = Act { actor: "configuration", action: "route.set", table: Some(&root.name), detail };
                self.store.set_route(&[root.name.as_str()], &route, &act)?;
            }
            let named = |name: &str| mapping.tables.iter().find(|t| t.name == name);
            let family = mapping.tables.iter().filter(|t| root_of(t, named).name == root.name);
            started.extend(family.map(|table| LiveTable {
                table: table.clone(),
                mapping: mapping.clone(),
                route: route.clone(),
            }));
        }
        self.store.ensure_tables(started.iter().map(|started| &*started.table))?;
        Ok(started)
    }
}

impl LiveTable {
    fn again(&self) -> Self {
        Self { table: self.table.clone(), mapping: self.mapping.clone(), route: self.route.clone() }
    }
}

/// A mapping as the store keeps it.
fn kept(mapping: &Mapping, report: &Report) -> control::Mapping {
    control::Mapping {
        digest: mapping.digest.clone(),
        name: mapping.name.clone(),
        version: mapping.version.clone(),
        tables: mapping.tables.iter().map(|t| t.name.as_str()).collect(),
        report: serde_json::to_value(report).unwrap_or_default(),
        uploaded_at: jiff::Timestamp::UNIX_EPOCH,
        uploaded_by: String::new(),
    }
}

/// Tables of a mapping that are no child tables.
fn roots(mapping: &Mapping) -> impl Iterator<Item = &Arc<Table>> {
    mapping.tables.iter().filter(|t| t.parent.is_none())
}

/// What a mapping's tables would collide with: another mapping's table or entity set of the same name, types of one
/// table whose ids cannot be told apart.
fn conflicts(live: &Live, mapping: &Mapping) -> Vec<String> {
    let mut conflicts = Vec::new();
    let replaced: Vec<_> =
        roots(mapping).filter_map(|root| live.table(&root.name).ok()).map(|t| t.mapping.digest.clone()).collect();
    for table in &mapping.tables {
        let others = live.tables().filter(|t| !replaced.contains(&t.mapping.digest));
        for other in others.filter(|o| o.table.name == table.name || o.table.entity_set == table.entity_set) {
            conflicts.push(format!(
                "`{}` ({}) is served by mapping `{}` already",
                table.name, table.entity_set, other.mapping.name
            ));
        }
        let mut spaces = BTreeMap::new();
        for source in &table.sources {
            let space = crate::model::key::space(&source.resource_type);
            if let Some(other) = spaces.insert(space, &source.resource_type) {
                conflicts.push(format!(
                    "`{}` shows {other} and {}, whose ids cannot be told apart in one table",
                    table.name, source.resource_type
                ));
            }
        }
        if table.columns.iter().filter(|c| matches!(c.kind, Kind::Key)).count() != 1 {
            conflicts.push(format!("`{}` must have exactly one key column", table.name));
        }
    }
    conflicts
}

fn reference(mapping: &Mapping) -> MappingRef {
    MappingRef { name: mapping.name.clone(), version: mapping.version.clone(), digest: mapping.digest.clone() }
}

/// `native`, or `virtual:NAME`.
pub fn route_text(route: &Route) -> String {
    match route {
        Route::Native => "native".to_owned(),
        Route::Virtual { source } => format!("virtual:{source}"),
    }
}

fn gone(error: tokio::task::JoinError) -> Error {
    Error::new(Code::Internal, "the task that did it ended").internal(error.to_string())
}
