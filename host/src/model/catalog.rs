//! All tables of one moment, and the navigation properties between them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use super::error::{Code, Error, Result};
use super::table::{ColumnIndex, Kind, Table};
use super::twins;

/// Immutable; a change of tables makes a new one. What leads where is found once, when it is made.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    by_name: BTreeMap<String, Arc<Table>>,
    by_entity_set: HashMap<String, Arc<Table>>,
    /// Navigation properties by the name of their table.
    relations: HashMap<String, Vec<(String, Relation)>>,
    withdrawn: Withdrawn,
    /// Names of tables that are also called by their twins' names ([`twins`]); none where such names are unknown here.
    twinned: Option<BTreeSet<String>>,
    /// Names of tables of which it can be told what changes.
    tracked: BTreeSet<String>,
    described: OnceLock<Box<Catalog>>,
}

/// Tables that are not here because their mapping was deactivated: that mapping, by their names and by their entity sets.
pub type Withdrawn = BTreeMap<String, String>;

/// What a navigation property leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// N:1, through a lookup column of this table.
    Lookup { column: ColumnIndex, table: String },
    /// 1:N, the rows of `table` whose lookup column points here.
    Collection { table: String, column: ColumnIndex },
    /// The codeable concept that the row itself carries.
    Concept { concept: usize },
}

impl Catalog {
    /// Tables with distinct names and entity sets; the later of two with one name wins.
    pub fn new(tables: impl IntoIterator<Item = Arc<Table>>) -> Self {
        let by_name: BTreeMap<_, _> = tables.into_iter().map(|t| (t.name.clone(), t)).collect();
        let mut by_entity_set: HashMap<String, Arc<Table>> = HashMap::new();
        for table in by_name.values() {
            by_entity_set.entry(table.entity_set.clone()).or_insert_with(|| table.clone());
        }
        let relations = relations(&by_name, &by_entity_set);
        Self { by_name, by_entity_set, relations, ..Self::default() }
    }

    /// The same, which can say why some tables are not here.
    #[must_use]
    pub fn without(self, withdrawn: Withdrawn) -> Self {
        Self { withdrawn, ..self }
    }

    /// The same, whose tables are known by their twins' names, too.
    #[must_use]
    pub fn twinned(self) -> Self {
        let twinned = twins::of(&self.by_name);
        Self { twinned: Some(twinned), described: OnceLock::new(), ..self }
    }

    /// The same, where what changes can be told of these tables.
    pub fn tracking(self, tracked: BTreeSet<String>) -> Self {
        Self { tracked, described: OnceLock::new(), ..self }
    }

    /// Whether lists of a table's rows may be asked for with what changes in them later.
    pub fn is_tracked(&self, table: &Table) -> bool {
        table.access.read && self.tracked.contains(&table.name)
    }

    pub fn tracked(&self) -> &BTreeSet<String> {
        &self.tracked
    }

    /// Whether the names of twins are known.
    pub fn has_twins(&self) -> bool {
        self.twinned.is_some()
    }

    pub fn withdrawn(&self) -> &Withdrawn {
        &self.withdrawn
    }

    /// That there is no table of this name or entity set, and why, where that is known.
    pub fn no_table(&self, name: &str) -> Error {
        let behind = || twins::behind(name).filter(|_| self.twinned.is_some());
        match self.withdrawn.get(name).or_else(|| self.withdrawn.get(&behind()?)) {
            Some(mapping) => {
                let why = format!("there is no table `{name}`: its mapping `{mapping}` was deactivated");
                let error = Error::new(Code::UnknownTable, why).target(name);
                error.hint("an administrator can put a version of it in force again: turntable activate TABLE DIGEST")
            }
            None => Error::new(Code::UnknownTable, format!("there is no table `{name}`")).target(name),
        }
    }

    /// In the order of their names.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.by_name.values()
    }

    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.by_name.get(name)
    }

    /// The same, also by the name of a twin, which is that of the table that it stands for.
    pub fn table_behind(&self, name: &str) -> Option<&Arc<Table>> {
        self.table(name).or_else(|| self.table(&twins::behind(name)?).filter(|table| self.has_twin(table)))
    }

    fn has_twin(&self, table: &Table) -> bool {
        self.twinned.as_ref().is_some_and(|twinned| twinned.contains(&table.name))
    }

    pub fn entity_set(&self, entity_set: &str) -> Result<&Arc<Table>> {
        self.find_entity_set(entity_set).ok_or_else(|| {
            let error = self.no_table(entity_set);
            if error.get_hint().is_some() {
                return error;
            }
            match nearest(entity_set, self.tables().map(|t| t.entity_set.as_str())) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            }
        })
    }

    /// The same where nobody sees what went wrong. That of a twin is the table's that it stands for.
    pub fn find_entity_set(&self, entity_set: &str) -> Option<&Arc<Table>> {
        let behind = || self.by_entity_set.get(&twins::behind(entity_set)?).filter(|table| self.has_twin(table));
        self.by_entity_set.get(entity_set).or_else(behind)
    }

    /// Whether an entity set is known here as that of a twin.
    pub fn is_twin(&self, entity_set: &str) -> bool {
        !self.by_entity_set.contains_key(entity_set) && self.find_entity_set(entity_set).is_some()
    }

    /// The tables as they are described to apps: the twins beside the others, as tables of their own.
    pub fn described(&self) -> &Self {
        let Some(twinned) = self.twinned.as_ref().filter(|twinned| !twinned.is_empty()) else { return self };
        self.described.get_or_init(|| {
            let twins = twins::tables(&self.by_name, twinned);
            let tracked = self.tracked.iter().filter_map(|name| twins::name(name)).chain(self.tracked.iter().cloned());
            Box::new(Self::new(self.by_name.values().cloned().chain(twins)).tracking(tracked.collect()))
        })
    }

    /// The twin of a table, as it is described: columns stand where they stand in the table.
    pub fn twin(&self, table: &Table) -> Option<&Arc<Table>> {
        self.twinned.as_ref()?.get(&table.name)?;
        self.described().by_name.get(&twins::name(&table.name)?)
    }

    /// The table's navigation property behind one that is named after a twin: `msemr_observation_msemr_encounter` behind
    /// `msemr_ve_observation_msemr_encounter`.
    pub fn behind_navigation(&self, navigation: &str) -> Option<String> {
        let twinned = self.twinned.as_ref()?;
        let behind = |name: &String| {
            let twin = twins::name(name)?;
            let from = navigation.strip_prefix(&twin).filter(|rest| rest.starts_with('_'));
            let to = navigation.strip_suffix(&twin).filter(|rest| rest.ends_with('_'));
            from.map(|rest| [name, rest].concat()).or_else(|| to.map(|rest| [rest, name].concat()))
        };
        twinned.iter().find_map(behind)
    }

    /// What a navigation property of a table is called where the twins' names are used.
    pub fn twin_navigation(&self, navigation: &str, to: &Relation) -> Option<String> {
        let (Relation::Lookup { table, .. } | Relation::Collection { table, .. }) = to else { return None };
        let twin = &self.twin(self.table(table)?)?.name;
        match to {
            Relation::Lookup { .. } => {
                let rest = navigation.strip_suffix(table.as_str()).filter(|rest| rest.ends_with('_'))?;
                Some([rest, twin].concat())
            }
            _ => Some([twin, navigation.strip_prefix(table.as_str())?].concat()),
        }
    }

    /// Every navigation property of a table: its lookups to tables that are here (one that leads to several tables also by
    /// each of them, `<navigation>_<table>`), its concepts, and the tables whose lookups point to it (named
    /// `<table>_<column>`).
    pub fn relations(&self, table: &Table) -> &[(String, Relation)] {
        self.relations.get(&table.name).map(Vec::as_slice).unwrap_or_default()
    }

    /// By its name, or the twin's; a lookup of one table also by `<navigation>_<table>`, as one of several is.
    pub fn relation(&self, table: &Table, navigation: &str) -> Option<Relation> {
        let relations = self.relations(table);
        let called = |called: &str| relations.iter().find(|(name, _)| name == called).map(|(_, to)| to.clone());
        if let Some(to) = called(navigation) {
            return Some(to);
        }
        let behind = self.behind_navigation(navigation);
        if let Some(to) = behind.as_deref().and_then(called) {
            return Some(to);
        }
        let navigation = behind.as_deref().unwrap_or(navigation);
        let by_table = relations.iter().find(|(name, to)| match to {
            Relation::Lookup { table, .. } => {
                navigation.strip_prefix(name).and_then(|rest| rest.strip_prefix('_')) == Some(table)
            }
            _ => false,
        });
        by_table.map(|(_, to)| to.clone())
    }

    /// The tables whose rows are cut from this one's resources; their route is its route.
    pub fn children(&self, table: &str) -> impl Iterator<Item = &Arc<Table>> {
        self.tables().filter(move |t| t.parent.as_ref().is_some_and(|p| p.table == table))
    }
}

/// The candidate closest to what was typed, letter case aside, if it is close enough to be meant.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = typed.chars().count();
    let limit = length.div_ceil(3).max(1);
    let typed = typed.to_lowercase();
    // As many letters more or less are as many apart: what is much longer than all names is compared with none.
    let may = |candidate: &&str| candidate.chars().count().abs_diff(length) <= limit;
    let distance = |candidate: &str| strsim::levenshtein(&typed, &candidate.to_lowercase());
    let near = candidates.into_iter().filter(may).map(|c| (distance(c), c));
    near.filter(|(d, _)| *d <= limit).min().map(|(_, c)| c)
}

fn relations(
    by_name: &BTreeMap<String, Arc<Table>>,
    by_entity_set: &HashMap<String, Arc<Table>>,
) -> HashMap<String, Vec<(String, Relation)>> {
    let mut relations: HashMap<String, Vec<(String, Relation)>> = HashMap::with_capacity(by_name.len());
    for table in by_name.values() {
        let to_one = lookups(table).filter_map(|(column, lookup)| {
            let target = lookup.targets.iter().find_map(|target| by_entity_set.get(&target.entity_set))?;
            Some((lookup.navigation.clone(), Relation::Lookup { column, table: target.name.clone() }))
        });
        let by_table = lookups(table).filter(|(_, lookup)| lookup.leads_to_several()).flat_map(|(column, lookup)| {
            let mut targets: Vec<_> =
                lookup.targets.iter().filter_map(|target| by_entity_set.get(&target.entity_set)).collect();
            targets.sort_by_key(|target| &target.name);
            targets.dedup_by_key(|target| &target.name);
            targets.into_iter().map(move |target| {
                let name = format!("{}_{}", lookup.navigation, target.name);
                (name, Relation::Lookup { column, table: target.name.clone() })
            })
        });
        // Those that a caller may not see have no name.
        let concepts = table.concepts.iter().enumerate().filter(|(_, spread)| !spread.name.is_empty());
        let concepts = concepts.map(|(concept, spread)| (spread.name.clone(), Relation::Concept { concept }));
        relations.insert(table.name.clone(), to_one.chain(by_table).chain(concepts).collect());
    }
    for other in by_name.values() {
        for (column, lookup) in lookups(other) {
            let mut sets: Vec<_> = lookup.targets.iter().map(|target| target.entity_set.as_str()).collect();
            sets.sort_unstable();
            sets.dedup();
            for table in sets.into_iter().filter_map(|set| by_entity_set.get(set)) {
                let name = format!("{}_{}", other.name, other.columns[column].name);
                let to = Relation::Collection { table: other.name.clone(), column };
                relations.entry(table.name.clone()).or_default().push((name, to));
            }
        }
    }
    relations
}

/// Those that may be followed: where a masked one leads nobody is told.
fn lookups(table: &Table) -> impl Iterator<Item = (ColumnIndex, &super::table::Lookup)> {
    table.columns.iter().enumerate().filter_map(|(index, column)| match &column.kind {
        Kind::Lookup(lookup) if !table.is_masked(index) => Some((index, lookup)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_if_it_is_near() {
        let names = ["contacts", "accounts", "msemr_encounters"];
        assert_eq!(nearest("contcats", names), Some("contacts"));
        assert_eq!(nearest("Accounts", names), Some("accounts"));
        assert_eq!(nearest("msemr_encounter", names), Some("msemr_encounters"));
        assert_eq!(nearest("zzz", names), None);
    }
}
