//! An `or` whose alternatives ask different parameters: FHIR search has none, so each is a search of its own (a union). The
//! later ones leave out, here, the rows that those before them have found: no row is found twice.

use super::normal::{conjuncts, disjuncts};
use super::pushdown::{Push, Pushdown};
use crate::model::query::{Compare, Expr, Filter, Literal};
use crate::model::table::SearchKind;

/// Searches that one `or` becomes, at most.
const ALTERNATIVES: usize = 8;

/// Alternatives that are looked at to find how many searches they take.
const LOOKED_AT: usize = 100;

/// One of the searches.
pub(super) struct Part {
    /// What its rows must meet.
    pub(super) conjuncts: Vec<Filter>,
    /// What they must not: those searches find them that come before.
    pub(super) apart: Vec<Filter>,
}

/// The searches that an `or` takes. None where they can be asked in one search, where an alternative cannot be asked at all,
/// and where the conditions beside the `or` keep few rows anyhow: those of some keys, or that belong to somebody.
pub(super) fn in_alternatives(source: &Pushdown<'_>, all: &[Filter]) -> Option<Vec<Part>> {
    if all.iter().any(is_related) {
        return None;
    }
    let pushes: Vec<Push> = all.iter().map(|conjunct| source.conjunct(conjunct)).collect();
    if pushes.iter().any(|push| matches!(push, Push::Never(_)) || is_narrow(source, push)) {
        return None;
    }
    let open = all.iter().zip(&pushes).enumerate().filter(|(_, (_, push))| matches!(push, Push::No(_)));
    open.filter_map(|(at, (conjunct, _))| Some((at, groups(source, conjunct)?))).next().map(|(at, groups)| {
        let part = |number: usize| {
            let mut own = all.to_vec();
            own.splice(at..=at, conjuncts(&groups[number]));
            Part { conjuncts: own, apart: groups[..number].iter().map(is_not_true).collect() }
        };
        (0..groups.len()).map(part).collect()
    })
}

/// Whether a condition waits for rows of another table.
pub(super) fn is_related(filter: &Filter) -> bool {
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => is_related(a) || is_related(b),
        Filter::Not(inner) => is_related(inner),
        Filter::Related { .. } => true,
        _ => false,
    }
}

/// The alternatives of a condition, those together that one search can ask for. None: it is no `or` of what can be asked.
fn groups(source: &Pushdown<'_>, condition: &Filter) -> Option<Vec<Filter>> {
    let alternatives = alternatives(condition);
    if alternatives.len() > LOOKED_AT {
        return None;
    }
    // Each with the parameter that takes a list of values for it.
    let mut groups: Vec<(Option<String>, Filter)> = Vec::new();
    for alternative in alternatives {
        let param = match source.conjunct(&alternative) {
            Push::Never(_) => continue,
            Push::Values { param, .. } => Some(param),
            _ => None,
        };
        let with = |group: &Filter| Filter::Or(Box::new(group.clone()), Box::new(alternative.clone()));
        let can_join = |(other, group): &(Option<String>, Filter)| {
            param.is_some() && *other == param && !matches!(source.conjunct(&with(group)), Push::No(_))
        };
        match groups.iter().position(can_join) {
            Some(at) => groups[at].1 = with(&groups[at].1),
            None if groups.len() < ALTERNATIVES && is_asked(source, &alternative) => groups.push((param, alternative)),
            None => return None,
        }
    }
    (groups.len() > 1).then(|| groups.into_iter().map(|(_, group)| group).collect())
}

/// Null is equal to no other value, so it is an alternative of its own.
fn alternatives(condition: &Filter) -> Vec<Filter> {
    let mut found = Vec::new();
    disjuncts(condition, &mut found);
    let apart = |one: &Filter| match one {
        Filter::In(of, list) if list.contains(&Literal::Null) => {
            let others: Vec<_> = list.iter().filter(|literal| **literal != Literal::Null).cloned().collect();
            let null = Filter::Compare(Compare::Eq, of.clone(), Expr::Literal(Literal::Null));
            let others = (!others.is_empty()).then(|| Filter::In(of.clone(), others));
            [Some(null), others].into_iter().flatten().collect()
        }
        other => vec![other.clone()],
    };
    found.into_iter().flat_map(apart).collect()
}

/// Whether the service can be asked for some part of it.
fn is_asked(source: &Pushdown<'_>, alternative: &Filter) -> bool {
    let mut pushes = conjuncts(alternative).into_iter().map(|conjunct| source.conjunct(&conjunct));
    pushes.any(|push| matches!(push, Push::Values { .. } | Push::Range { .. }))
}

/// Asked alone it gives few rows.
fn is_narrow(source: &Pushdown<'_>, push: &Push) -> bool {
    let Push::Values { param, .. } = push else { return false };
    let refers = |kind| kind == SearchKind::Reference;
    let is_reference = source.source.search.iter().any(|binding| binding.param == *param && refers(binding.kind));
    param == "_id" || (is_reference && !param.ends_with(":missing"))
}

/// It is false, or null: `not` would leave out the rows for which it is null.
fn is_not_true(condition: &Filter) -> Filter {
    let said = Expr::Condition(Box::new(condition.clone()));
    Filter::Compare(Compare::Ne, said, Expr::Literal(Literal::Bool(true)))
}
