//! A filter as conditions that must all hold, each in negation normal form: `not` stands only before what has no opposite.

use crate::model::query::{Compare, Filter};

/// The conditions that must all hold, in negation normal form.
pub fn conjuncts(filter: &Filter) -> Vec<Filter> {
    let mut all = Vec::new();
    flatten(normal(filter, false), &mut all);
    all
}

/// Those of which one must hold.
pub fn disjuncts<'f>(filter: &'f Filter, into: &mut Vec<&'f Filter>) {
    match filter {
        Filter::Or(a, b) => {
            disjuncts(a, into);
            disjuncts(b, into);
        }
        other => into.push(other),
    }
}

/// None: there are no conditions.
pub fn all(conjuncts: impl IntoIterator<Item = Filter>) -> Option<Filter> {
    conjuncts.into_iter().reduce(Filter::both)
}

fn flatten(filter: Filter, into: &mut Vec<Filter>) {
    match filter {
        Filter::And(a, b) => {
            flatten(*a, into);
            flatten(*b, into);
        }
        other => into.push(other),
    }
}

/// Moves `not` down to the conditions. Each step keeps the three-valued result: a flipped comparison with null is null
/// as before, and `eq` and `ne` always answer.
fn normal(filter: &Filter, negated: bool) -> Filter {
    let boxed = |filter: &Filter| Box::new(normal(filter, negated));
    match (filter, negated) {
        (Filter::Not(inner), _) => normal(inner, !negated),
        (Filter::And(a, b), false) | (Filter::Or(a, b), true) => Filter::And(boxed(a), boxed(b)),
        (Filter::Or(a, b), false) | (Filter::And(a, b), true) => Filter::Or(boxed(a), boxed(b)),
        (Filter::Compare(op, a, b), true) => Filter::Compare(opposite(*op), a.clone(), b.clone()),
        (other, true) => Filter::Not(Box::new(other.clone())),
        (other, false) => other.clone(),
    }
}

fn opposite(op: Compare) -> Compare {
    match op {
        Compare::Eq => Compare::Ne,
        Compare::Ne => Compare::Eq,
        Compare::Lt => Compare::Ge,
        Compare::Le => Compare::Gt,
        Compare::Gt => Compare::Le,
        Compare::Ge => Compare::Lt,
    }
}
