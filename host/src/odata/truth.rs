//! A condition as a boolean value. A condition may be null, and `eq` and `ne` take null for a value: `c eq true` is false
//! where `c` is null, while `c` alone is null there. What says the same without null is made here of the condition and of
//! what it is null for.

use crate::model::query::{Compare, Expr, Filter, Literal};

/// `filter eq value`: never null.
pub(crate) fn is(filter: Filter, value: bool) -> Filter {
    match filter {
        Filter::Not(inner) => is(*inner, !value),
        // A conjunction is true where both are, and false where one is, whatever the other.
        Filter::And(a, b) if value => and(is(*a, true), is(*b, true)),
        Filter::And(a, b) => or(is(*a, false), is(*b, false)),
        Filter::Or(a, b) if value => or(is(*a, true), is(*b, true)),
        Filter::Or(a, b) => and(is(*a, false), is(*b, false)),
        Filter::Text(_, ref a, ref b)
        | Filter::Compare(Compare::Lt | Compare::Le | Compare::Gt | Compare::Ge, ref a, ref b) => {
            let known = [known(a), known(b)];
            known.into_iter().flatten().fold(signed(filter, value), and)
        }
        Filter::Is(ref of) => {
            let known = known(of);
            known.into_iter().fold(signed(filter, value), and)
        }
        // These are true or false.
        Filter::Compare(Compare::Eq | Compare::Ne, ..) | Filter::In(..) | Filter::Among(_) | Filter::Related { .. } => {
            signed(filter, value)
        }
    }
}

fn signed(filter: Filter, value: bool) -> Filter {
    if value { filter } else { Filter::Not(Box::new(filter)) }
}

/// That a value is not null; None = it never is.
fn known(of: &Expr) -> Option<Filter> {
    match of {
        Expr::Literal(literal) if *literal != Literal::Null => None,
        of => Some(Filter::Compare(Compare::Ne, of.clone(), Expr::Literal(Literal::Null))),
    }
}

fn and(a: Filter, b: Filter) -> Filter {
    Filter::And(Box::new(a), Box::new(b))
}

fn or(a: Filter, b: Filter) -> Filter {
    Filter::Or(Box::new(a), Box::new(b))
}
