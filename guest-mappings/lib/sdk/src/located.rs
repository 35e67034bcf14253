//! What is wrong with a change, and where.

use crate::bindings::turntable::mapping::types::{Issue, Severity};
use crate::problem::Problem;

/// A problem and the column it is about.
pub(crate) struct Located {
    column: Option<u16>,
    problem: Problem,
}

impl Located {
    pub(crate) fn issue(self, index: u32) -> Issue {
        Issue {
            severity: Severity::Error,
            code: self.problem.code,
            index,
            column: self.column,
            pointer: None,
            message: self.problem.message.into_owned(),
        }
    }
}

/// A problem of one column.
pub(crate) fn at(column: u16, problem: Problem) -> Located {
    Located { column: Some(column), problem }
}

/// A problem of the whole change.
pub(crate) fn general(problem: Problem) -> Vec<Located> {
    vec![Located { column: None, problem }]
}
