//! What is in force when the server starts: the versions and routes that the store has, the mappings that ship, and the
//! routes of the configuration for tables that never had one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::mapping::component::Mapping;
use crate::model::catalog::nearest;
use crate::model::error::{Code, Error, Result};
use crate::model::table::{Route, root_of};
use crate::router::release::gate::{self, Report, roots};
use crate::router::release::load::kept;
use crate::router::snapshot::{ServedTable, Snapshot, Turntable};
use crate::store::control::{Act, Decision};

/// Who uploaded the mappings inside the binary.
const SHIPPED_BY: &str = "turntable";

/// What the configuration says of a table at its first start.
pub type FirstRoutes = BTreeMap<String, Route>;

impl Turntable {
    /// At start: every mapping in force is loaded, the shipped ones are registered, routes are taken from the store or,
    /// the first time, from the configuration. A mapping that cannot be loaded takes down its own tables only.
    pub async fn start(&self, shipped: &[(&str, &[u8])], first_routes: &FirstRoutes) -> Result<Vec<Error>> {
        let (tables, mut failures) = self.start_mappings(shipped, first_routes).await?;
        for name in first_routes.keys().filter(|name| !tables.iter().any(|t| t.table.name == **name)) {
            let error =
                Error::new(Code::Config, format!("the configuration gives a route to `{name}`, which is no table"));
            let near = nearest(name, tables.iter().map(|t| t.table.name.as_str()));
            failures.push(match near {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
        self.store.keep_only(tables.iter().map(|t| t.table.name.clone()).collect()).await?;
        self.publish(Snapshot::new(tables));
        Ok(failures)
    }

    /// The tables of all mappings in force, and what went wrong with others.
    async fn start_mappings(
        &self,
        shipped: &[(&str, &[u8])],
        first_routes: &FirstRoutes,
    ) -> Result<(Vec<ServedTable>, Vec<Error>)> {
        let mut failures = Vec::new();
        let mut active = self.store.active().await?;
        let in_force = |active: &BTreeMap<String, String>, digest: &str| active.values().any(|a| a == digest);

        // Components in the binary that are new here or in force, and what else is in force.
        let mut components: BTreeMap<String, Cow<'_, [u8]>> = BTreeMap::new();
        let mut new = Vec::new();
        for (name, bytes) in shipped {
            let digest = crate::mapping::inspect::digest(bytes);
            let is_new = self.store.mapping(&digest).await?.is_none();
            if is_new || in_force(&active, &digest) {
                components.insert(digest.clone(), Cow::Borrowed(*bytes));
            }
            if is_new {
                new.push((*name, *bytes, digest));
            }
        }
        for digest in active.values() {
            if !components.contains_key(digest) {
                match self.store.component(digest).await? {
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

        let mut decisions = Vec::new();
        for (name, bytes, digest) in new {
            if let Some(mapping) = mappings.get(digest.as_str()) {
                decisions.extend(self.register_shipped(name, bytes, mapping, &mut active).await?);
            }
        }
        let routes = self.store.routes().await?;
        let mut families = Vec::new();
        for (_, mapping) in mappings.iter().filter(|(digest, _)| in_force(&active, digest)) {
            let (family, turned) = start_mapping(mapping, &routes, first_routes);
            families.push(family);
            decisions.extend(turned);
        }
        self.store.decide(decisions).await?;
        let (mut tables, mut complete) = (Vec::new(), Vec::new());
        for family in families {
            match self.make_rows(&family).await {
                Ok(made) => {
                    complete.extend(made);
                    tables.extend(family.iter().map(|t| t.again()));
                }
                Err(error) => failures.push(error),
            }
        }
        // Nobody writes yet; from the first on, every write makes them.
        if !complete.is_empty() {
            self.store.put_rows(Vec::new(), complete).await?;
        }
        Ok((tables, failures))
    }

    /// Keeps a shipped component and puts it in force where none is, or where its older shipped version is.
    async fn register_shipped(
        &self,
        name: &str,
        bytes: &[u8],
        mapping: &Mapping,
        active: &mut BTreeMap<String, String>,
    ) -> Result<Vec<(Decision, Act)>> {
        let digest = &mapping.digest;
        let mut report = Report::default();
        gate::check(mapping, &mut report);
        let detail = json!({ "digest": digest, "name": name, "version": mapping.version });
        let act = Act { actor: SHIPPED_BY.to_owned(), action: "mapping.load", table: None, detail };
        let keep = Decision::Keep { mapping: kept(mapping, &report), component: Some(bytes.to_vec()) };
        let mut decisions = vec![(keep, act.clone())];
        for root in roots(mapping) {
            let replaces = match active.get(&root.name) {
                None => true,
                // One that somebody chose stays in force.
                Some(in_force) => self.store.mapping(in_force).await?.is_none_or(|m| m.uploaded_by == SHIPPED_BY),
            };
            if replaces {
                let act = Act { action: "mapping.activate", table: Some(root.name.clone()), ..act.clone() };
                decisions.push((Decision::Activate { tables: vec![root.name.clone()], digest: digest.clone() }, act));
                active.insert(root.name.clone(), digest.clone());
            }
        }
        Ok(decisions)
    }
}

/// The tables of a mapping with their routes, and the routes that are theirs from now on.
fn start_mapping(
    mapping: &Arc<Mapping>,
    routes: &BTreeMap<String, Route>,
    first_routes: &FirstRoutes,
) -> (Vec<Arc<ServedTable>>, Vec<(Decision, Act)>) {
    let (mut started, mut turned) = (Vec::new(), Vec::new());
    for root in roots(mapping) {
        let route = routes.get(&root.name).or_else(|| first_routes.get(&root.name)).cloned().unwrap_or(Route::Native);
        if !routes.contains_key(&root.name) {
            let (actor, detail) = ("configuration".to_owned(), json!({ "to": route.to_string() }));
            let act = Act { actor, action: "route.set", table: Some(root.name.clone()), detail };
            turned.push((Decision::Turn { tables: vec![root.name.clone()], route: route.clone() }, act));
        }
        let named = |name: &str| mapping.tables.iter().find(|t| t.name == name);
        let family = mapping.tables.iter().filter(|t| root_of(t, named).name == root.name);
        started.extend(family.map(|table| {
            Arc::new(ServedTable { table: table.clone(), mapping: mapping.clone(), route: route.clone() })
        }));
    }
    (started, turned)
}
