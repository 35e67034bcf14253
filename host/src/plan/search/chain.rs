//! A condition on rows of another table as part of the search for the rows themselves, where one service has both: by
//! chained parameters through a lookup (`subject:Patient.family=…`), by `_has` from the other end (`_has:Observation:subject:code=…`;
//! R4, Search, "Chained parameters" and "Reverse chaining"), plainly where the other table is made of the same resources.
//!
//! What is asked of the other table's own search gives a superset of its rows, so a chain over it gives a superset of the rows
//! that lead there. It says no more: whoever asks by a chain looks at the related rows of what was found.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::normal::conjuncts;
use super::pushdown::{NOT, Push, Pushdown, ServerSearch};
use crate::model::query::Filter;
use crate::model::table::{ColumnIndex, Kind, Parent, SearchKind, Source, Table};

/// What a condition on related rows adds to the search for resources of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Of the rows themselves.
    pub resource_type: String,
    /// Of the related rows.
    pub of: String,
    pub params: Vec<(String, String)>,
    /// `Type.param` of everything that the service must do for it.
    pub needs: BTreeSet<String>,
    /// False: no resource of the type has related rows that meet the condition, and there is nothing to ask.
    pub reaches: bool,
    /// The parameters are the resources' own: there is nothing to follow.
    pub is_plain: bool,
}

/// One of two tables, and what its service can search.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub table: &'a Table,
    pub server: &'a ServerSearch,
    /// The column that is compared with that of the other side.
    pub column: ColumnIndex,
}

/// How a parameter of the related resources is called in a search for the rows.
struct Way {
    before: String,
    /// What the service must do for it, beside what the parameter itself needs.
    needs: Vec<String>,
}

/// For every resource type of the rows what the condition on the related ones adds. None: no one service has both, or of some type
/// nothing can be asked. `filter`: what the related rows must meet; what of it waits for further tables is passed over.
pub fn chains(
    own: Side<'_>,
    related: Side<'_>,
    filter: Option<&Filter>,
    ids: &HashMap<Uuid, String>,
) -> Option<Vec<Chain>> {
    if own.server.service != related.server.service {
        return None;
    }
    let conditions = conjuncts(filter?);
    let chains = own.table.sources.iter().map(|source| chain(source, own, related, &conditions, ids));
    let chains: Vec<Chain> = chains.collect::<Option<_>>()?;
    chains.iter().any(|chain| chain.reaches).then_some(chains)
}

fn chain(
    source: &Source,
    own: Side<'_>,
    related: Side<'_>,
    conditions: &[Filter],
    ids: &HashMap<Uuid, String>,
) -> Option<Chain> {
    let is_plain = is_same_resource(own, related) || is_same_resource(related, own);
    let mut found = None;
    for there in &related.table.sources {
        if is_plain && there.resource_type != source.resource_type || !is_plain && !leads(own, related, source, there) {
            continue;
        }
        let Some(params) =
            asked(Pushdown { table: related.table, source: there, server: related.server, ids }, conditions)
        else {
            // None of its resources meets the condition.
            continue;
        };
        // Parameters must all hold: those of two types would find neither.
        if found.replace((there, params)).is_some() {
            return None;
        }
    }
    let resource_type = source.resource_type.clone();
    let Some((there, params)) = found else {
        let (of, params, needs) = (String::new(), Vec::new(), BTreeSet::new());
        return Some(Chain { resource_type, of, params, needs, reaches: false, is_plain });
    };
    let way = match is_plain {
        true => Way { before: String::new(), needs: Vec::new() },
        false => way(source, there, own, related)?,
    };
    let named = |(name, value): (String, String)| (format!("{}{name}", way.before), value);
    let bases = params.iter().map(|(name, _)| name.split(':').next().unwrap_or(name));
    let mut needs: BTreeSet<String> = bases.map(|name| format!("{}.{name}", there.resource_type)).collect();
    let params: Vec<_> = params.into_iter().map(named).collect();
    needs.extend(params.iter().map(|(name, _)| format!("{}.{name}", source.resource_type)));
    needs.extend(way.needs);
    let is_done = needs.iter().all(|name| !own.server.ignored.contains(name) && !own.server.never.contains(name));
    let of = there.resource_type.clone();
    (!params.is_empty() && is_done).then_some(Chain { resource_type, of, params, needs, reaches: true, is_plain })
}

/// The parameters that conditions become; None: no resource meets them.
fn asked(there: Pushdown<'_>, conditions: &[Filter]) -> Option<Vec<(String, String)>> {
    let mut params = Vec::new();
    for condition in conditions.iter().filter(|condition| !super::alternatives::is_related(condition)) {
        match there.conjunct(condition) {
            Push::Never(_) => return None,
            // What it says of a resource behind a reference, or of one of many, is not known.
            Push::Values { param, .. } if param.ends_with(NOT) => {}
            Push::Values { param, values, .. } => params.push((param, values.join(","))),
            Push::Range { param, values, .. } => params.extend(values.into_iter().map(|value| (param.clone(), value))),
            Push::Always | Push::No(_) => {}
        }
    }
    let mut seen = BTreeSet::new();
    params.retain(|param| seen.insert(param.clone()));
    Some(params)
}

/// Whether rows are parts of the resources that the other's rows are, and the condition is about just that.
fn is_same_resource(child: Side<'_>, other: Side<'_>) -> bool {
    let is_it = |parent: &Parent| parent.table == other.table.name && parent.column == child.column;
    child.table.parent.as_ref().is_some_and(is_it) && other.column == other.table.key
}

/// Whether rows of one source can be related to rows of the other.
fn leads(own: Side<'_>, related: Side<'_>, source: &Source, there: &Source) -> bool {
    let to = |from: Side<'_>, to: &Table, resource_type: &str| match &from.table.columns[from.column].kind {
        Kind::Lookup(lookup) => lookup
            .targets
            .iter()
            .any(|target| target.entity_set == to.entity_set && target.resource_type == resource_type),
        _ => false,
    };
    to(own, related.table, &there.resource_type) || to(related, own.table, &source.resource_type)
}

/// From the lookup on, or back along it.
fn way(source: &Source, there: &Source, own: Side<'_>, related: Side<'_>) -> Option<Way> {
    let (own_type, other_type) = (&source.resource_type, &there.resource_type);
    // The key of a child row is no id of a resource.
    let is_resource = |side: Side<'_>| side.column == side.table.key && side.table.parent.is_none();
    if is_resource(related) {
        let param = reference(source, own.column, own.server)?;
        let before = format!("{param}:{other_type}");
        let needs = vec![format!("{own_type}.{param}"), format!("{own_type}.{before}")];
        Some(Way { before: format!("{before}."), needs })
    } else if is_resource(own) {
        let param = reference(there, related.column, related.server)?;
        let before = format!("_has:{other_type}:{param}");
        let needs = vec![format!("{other_type}.{param}"), format!("{own_type}.{before}")];
        Some(Way { before: format!("{before}:"), needs })
    } else {
        None
    }
}

/// The parameter that finds all resources in which a lookup leads somewhere.
fn reference<'s>(source: &'s Source, column: ColumnIndex, server: &ServerSearch) -> Option<&'s str> {
    let finds_all = source.search.iter().filter(|binding| {
        let promised = binding.superset.any_of || binding.exact.any_of;
        binding.column == column && binding.kind == SearchKind::Reference && promised
    });
    finds_all.map(|binding| binding.param.as_str()).find(|param| server.allows(&source.resource_type, param).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::query::{Compare, Literal};
    use crate::plan::example::*;

    const PATIENT: usize = 1;

    /// What a condition on the patients of encounters becomes.
    #[track_caller]
    fn check(filter: Filter, ignored: &[&str], expected: Option<&str>) {
        let catalog = catalog();
        let (encounters, patients) = (catalog.table("encounter").unwrap(), catalog.table("patient").unwrap());
        let ignored = ignored.iter().map(|name| (*name).to_owned()).collect();
        let server = ServerSearch { ignored, ..ServerSearch::default() };
        let own = Side { table: encounters, server: &server, column: PATIENT };
        let related = Side { table: patients, server: &server, column: patients.key };
        let shown = |chains: Vec<Chain>| {
            let params = chains.iter().flat_map(|chain| &chain.params);
            params.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        };
        let found = chains(own, related, Some(&filter), &HashMap::new()).map(shown);
        assert_eq!(found.as_deref(), expected, "{filter:?}");
    }

    #[test]
    fn through_a_lookup() {
        let named = || eq(2, string("Lee"));
        check(named(), &[], Some("patient:Patient.family=Lee"));
        let born = compare(Compare::Ge, 3, day("1970-01-01"));
        check(
            and(named(), born),
            &[],
            Some("patient:Patient.family=Lee&patient:Patient.birthdate=ge1969-12-31T09:59:59Z"),
        );
        check(or(named(), eq(2, string("Kim"))), &[], Some("patient:Patient.family=Lee,Kim"));
        // Half of a condition finds more than all of it.
        check(and(named(), compare(Compare::Ne, 3, Literal::Null)), &[], Some("patient:Patient.family=Lee"));
        check(compare(Compare::Ne, 2, string("Lee")), &[], None);
        check(not(eq(2, string("Lee"))), &[], None);
        // No patient is a practitioner.
        check(and(named(), eq(1, number("2"))), &[], None);
    }

    #[test]
    fn what_the_service_does_not_do_is_not_asked() {
        let named = || eq(2, string("Lee"));
        for ignored in ["Encounter.patient", "Patient.family", "Encounter.patient:Patient"] {
            check(named(), &[ignored], None);
        }
        check(named(), &["Encounter.patient:Patient.family"], None);
        check(named(), &["Encounter.patient:Patient.birthdate"], Some("patient:Patient.family=Lee"));
    }

    #[test]
    fn from_the_other_end_and_inside_a_resource() {
        let catalog = catalog();
        let [encounters, patients, participants] =
            ["encounter", "patient", "participant"].map(|name| catalog.table(name).unwrap());
        let server = ServerSearch::default();
        let side = |table, column| Side { table, server: &server, column };
        let names = |own, related, filter: &Filter| {
            let chains = chains(own, related, Some(filter), &HashMap::new())?;
            Some(chains.iter().flat_map(|chain| chain.params.clone()).map(|(name, _)| name).collect::<Vec<_>>())
        };
        // No practitioner has encounters, though practitioners are in the same table.
        let own = side(patients, patients.key);
        let found = chains(own, side(encounters, PATIENT), Some(&eq(PATIENT, guid_of("a"))), &HashMap::new()).unwrap();
        let shown: Vec<_> =
            found.iter().map(|chain| (chain.resource_type.as_str(), chain.reaches, chain.params.clone())).collect();
        let back = vec![("_has:Encounter:patient:patient".to_owned(), "Patient/a".to_owned())];
        assert_eq!(shown, [("Patient", true, back), ("Practitioner", false, Vec::new())]);
        let own = side(encounters, encounters.key);
        let role = eq(2, string("x"));
        assert_eq!(names(own, side(participants, 1), &role), Some(vec!["participant-type".to_owned()]));
        let own = side(participants, 1);
        let of_a = eq(PATIENT, guid_of("a"));
        assert_eq!(names(own, side(encounters, encounters.key), &of_a), Some(vec!["patient".to_owned()]));
        let elsewhere = ServerSearch { service: "other".into(), ..ServerSearch::default() };
        let other = Side { server: &elsewhere, ..side(encounters, encounters.key) };
        assert_eq!(names(own, other, &of_a), None);
    }
}
