//! The names that Microsoft's virtual health data tables have. There, a table whose rows live in a FHIR service is a second
//! one beside the first, called after it with `ve_` behind the publisher's prefix: `msemr_ve_encounter` beside
//! `msemr_encounter` (Microsoft Learn, "Build an application with healthcare interoperability"). Here it is one table with
//! two names: what is asked under either goes to the same rows, and is answered under the name that was asked.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::table::{Kind, Table, root_of};

/// Tables that have a twin there, each with its child tables (Microsoft Learn, "Virtual health data tables").
const ROOTS: [&str; 9] = [
    "msemr_allergyintolerance",
    "msemr_appointmentemr",
    "msemr_condition",
    "msemr_encounter",
    "msemr_episodeofcare",
    "msemr_location",
    "msemr_medicationrequest",
    "msemr_observation",
    "msemr_procedure",
];

const PREFIX: &str = "msemr_";
const MARK: &str = "ve_";

/// What the twin of a table or entity set of this name is called, if it has one.
pub fn name(of: &str) -> Option<String> {
    let rest = of.strip_prefix(PREFIX)?;
    Some([PREFIX, MARK, rest].concat())
}

/// The name behind a twin's.
pub fn behind(twin: &str) -> Option<String> {
    let rest = twin.strip_prefix(PREFIX)?.strip_prefix(MARK)?;
    Some([PREFIX, rest].concat())
}

/// The names of the tables that have twins. A table that is called as a twin would be keeps its name to itself.
pub fn of(tables: &BTreeMap<String, Arc<Table>>) -> BTreeSet<String> {
    let sets: HashSet<&str> = tables.values().map(|table| table.entity_set.as_str()).collect();
    let is_free = |table: &Table| match (name(&table.name), name(&table.entity_set)) {
        (Some(twin), Some(set)) => !tables.contains_key(&twin) && !sets.contains(set.as_str()),
        _ => false,
    };
    let has_one =
        |table: &&Arc<Table>| ROOTS.contains(&root_of(table, |name| tables.get(name)).name.as_str()) && is_free(table);
    tables.values().filter(has_one).map(|table| table.name.clone()).collect()
}

/// Every twin as a table: the same columns in the same places, its lookups leading to twins where there are some.
pub fn tables(tables: &BTreeMap<String, Arc<Table>>, twinned: &BTreeSet<String>) -> Vec<Arc<Table>> {
    let those = || twinned.iter().filter_map(|name| tables.get(name));
    let sets: HashSet<&str> = those().map(|table| table.entity_set.as_str()).collect();
    let twin = |table: &Arc<Table>| {
        let mut twin = (**table).clone();
        twin.name = name(&table.name)?;
        twin.entity_set = name(&table.entity_set)?;
        twin.description = format!("{} The same rows as `{}`.", table.description, table.name).trim_start().to_owned();
        if let Some(parent) = twin.parent.as_mut().filter(|parent| twinned.contains(&parent.table)) {
            parent.table = name(&parent.table)?;
        }
        for column in &mut twin.columns {
            let Kind::Lookup(lookup) = &mut column.kind else { continue };
            for target in lookup.targets.iter_mut().filter(|target| sets.contains(target.entity_set.as_str())) {
                target.entity_set = name(&target.entity_set)?;
            }
        }
        Some(Arc::new(twin))
    };
    those().filter_map(twin).collect()
}
